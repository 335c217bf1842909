//! Lua's patterns, with bounded work.
//!
//! The matcher of Lua is C code that tries every way to match: a dozen `.-` in a
//! row keep it busy for years, and nothing can interrupt it. This is the same
//! algorithm with the same results; it counts its steps and gives up.

/// The most captures.
const MAX_CAPTURES: usize = 32;
/// The deepest recursion, as in Lua.
const MAX_DEPTH: u32 = 200;

/// The captures of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capture {
    /// A part of the subject.
    Part { from: usize, to: usize },
    /// A position, counted from 0: `()`.
    Position(usize),
}

/// A match: from where to where, and its captures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub from: usize,
    pub to: usize,
    pub captures: Vec<Capture>,
}

impl Match {
    /// The captures, or the whole match if there are none.
    pub fn values(&self) -> Vec<Capture> {
        if self.captures.is_empty() {
            return vec![Capture::Part { from: self.from, to: self.to }];
        }
        self.captures.clone()
    }
}

/// A search for one pattern.
pub(super) struct Search<'a> {
    subject: &'a [u8],
    pattern: &'a [u8],
    captures: Vec<(usize, Length)>,
    depth: u32,
    /// Steps that it may still take.
    pub left: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Open,
    Position,
    Closed(usize),
}

type Found = Result<Option<usize>, &'static str>;

impl<'a> Search<'a> {
    /// Steps that a search may take: some for each byte, and many for short texts.
    pub fn new(subject: &'a [u8], pattern: &'a [u8]) -> Search<'a> {
        let bytes = u64::try_from(subject.len()).unwrap_or(u64::MAX);
        let left = bytes.saturating_mul(16).saturating_add(2_000_000);
        Search { subject, pattern, captures: Vec::new(), depth: 0, left }
    }

    /// The first match that begins at `start` or later and does not end at `last`.
    pub fn find(
        &mut self,
        start: usize,
        last: Option<usize>,
        anchored: bool,
    ) -> Result<Option<Match>, &'static str> {
        for from in start..=self.subject.len() {
            self.captures.clear();
            self.depth = 0;
            let found = self.go(from, usize::from(anchored))?;
            if let Some(to) = found.filter(|to| Some(*to) != last) {
                let mut captures = Vec::with_capacity(self.captures.len());
                for (start, length) in &self.captures {
                    captures.push(match length {
                        Length::Open => return Err("unfinished capture"),
                        Length::Position => Capture::Position(*start),
                        Length::Closed(len) => {
                            Capture::Part { from: *start, to: start.saturating_add(*len) }
                        }
                    });
                }
                return Ok(Some(Match { from, to, captures }));
            }
            if anchored {
                break;
            }
        }
        Ok(None)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.pattern.get(at).copied()
    }

    fn step(&mut self) -> Result<(), &'static str> {
        self.left = self.left.checked_sub(1).ok_or("the pattern takes too many steps")?;
        Ok(())
    }

    fn go(&mut self, s: usize, p: usize) -> Found {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            return Err("pattern too complex");
        }
        let found = self.run(s, p);
        self.depth = self.depth.saturating_sub(1);
        found
    }

    fn run(&mut self, mut s: usize, mut p: usize) -> Found {
        loop {
            self.step()?;
            let Some(byte) = self.byte(p) else { return Ok(Some(s)) };
            let next = p.saturating_add(1);
            match (byte, self.byte(next)) {
                (b'(', Some(b')')) => {
                    return self.open(s, p.saturating_add(2), Length::Position);
                }
                (b'(', _) => return self.open(s, next, Length::Open),
                (b')', _) => return self.close(s, next),
                (b'$', None) => return Ok((s == self.subject.len()).then_some(s)),
                (b'%', Some(b'b')) => {
                    let Some(after) = self.balance(s, p.saturating_add(2))? else {
                        return Ok(None);
                    };
                    (s, p) = (after, p.saturating_add(4));
                    continue;
                }
                (b'%', Some(b'f')) => {
                    p = p.saturating_add(2);
                    if self.byte(p) != Some(b'[') {
                        return Err("missing '[' after '%f' in pattern");
                    }
                    let end = self.class_end(p)?;
                    let before = s.checked_sub(1).and_then(|at| self.subject.get(at));
                    let before = before.copied().unwrap_or(0);
                    let here = self.subject.get(s).copied().unwrap_or(0);
                    if self.in_set(before, p, end) || !self.in_set(here, p, end) {
                        return Ok(None);
                    }
                    p = end;
                    continue;
                }
                (b'%', Some(digit @ b'0'..=b'9')) => {
                    let Some(after) = self.again(s, digit)? else { return Ok(None) };
                    (s, p) = (after, p.saturating_add(2));
                    continue;
                }
                _ => {}
            }
            let end = self.class_end(p)?;
            let after = end.saturating_add(1);
            match self.byte(end) {
                Some(b'?') => {
                    if self.single(s, p, end)
                        && let Some(found) = self.go(s.saturating_add(1), after)?
                    {
                        return Ok(Some(found));
                    }
                    p = after;
                }
                Some(b'+') if !self.single(s, p, end) => return Ok(None),
                Some(b'+') => return self.most(s.saturating_add(1), p, end),
                Some(b'*') => return self.most(s, p, end),
                Some(b'-') => return self.least(s, p, end),
                _ if !self.single(s, p, end) => return Ok(None),
                _ => (s, p) = (s.saturating_add(1), end),
            }
        }
    }

    /// As many as possible, then fewer.
    fn most(&mut self, s: usize, p: usize, end: usize) -> Found {
        let mut count = 0_usize;
        while self.single(s.saturating_add(count), p, end) {
            self.step()?;
            count = count.saturating_add(1);
        }
        loop {
            let rest = self.go(s.saturating_add(count), end.saturating_add(1))?;
            if rest.is_some() {
                return Ok(rest);
            }
            let Some(fewer) = count.checked_sub(1) else { return Ok(None) };
            count = fewer;
        }
    }

    /// As few as possible, then more.
    fn least(&mut self, mut s: usize, p: usize, end: usize) -> Found {
        loop {
            let rest = self.go(s, end.saturating_add(1))?;
            if rest.is_some() {
                return Ok(rest);
            }
            if !self.single(s, p, end) {
                return Ok(None);
            }
            s = s.saturating_add(1);
        }
    }

    fn open(&mut self, s: usize, p: usize, length: Length) -> Found {
        if self.captures.len() >= MAX_CAPTURES {
            return Err("too many captures");
        }
        let level = self.captures.len();
        self.captures.push((s, length));
        let found = self.go(s, p)?;
        if found.is_none() {
            self.captures.truncate(level);
        }
        Ok(found)
    }

    fn close(&mut self, s: usize, p: usize) -> Found {
        let open = self.captures.iter().rposition(|(_, length)| *length == Length::Open);
        let level = open.ok_or("invalid pattern capture")?;
        self.set(level, |start| Length::Closed(s.saturating_sub(start)));
        let found = self.go(s, p)?;
        if found.is_none() {
            self.set(level, |_| Length::Open);
        }
        Ok(found)
    }

    fn set(&mut self, level: usize, length: impl FnOnce(usize) -> Length) {
        if let Some(capture) = self.captures.get_mut(level) {
            capture.1 = length(capture.0);
        }
    }

    /// `%bxy`
    fn balance(&mut self, s: usize, p: usize) -> Found {
        let (Some(open), Some(close)) = (self.byte(p), self.byte(p.saturating_add(1))) else {
            return Err("malformed pattern (missing arguments to '%b')");
        };
        if self.subject.get(s) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1_usize;
        let mut at = s.saturating_add(1);
        while let Some(byte) = self.subject.get(at).copied() {
            self.step()?;
            at = at.saturating_add(1);
            if byte == close {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Ok(Some(at));
                }
            } else if byte == open {
                depth = depth.saturating_add(1);
            }
        }
        Ok(None)
    }

    /// `%1`: what a capture has captured, once more.
    fn again(&mut self, s: usize, digit: u8) -> Found {
        let level = usize::from(digit).checked_sub(usize::from(b'1'));
        let capture = level.and_then(|level| self.captures.get(level)).copied();
        let (start, len) = match capture {
            Some((start, Length::Closed(len))) => (start, len),
            Some((_, Length::Position)) => return Ok(None),
            _ => return Err("invalid capture index"),
        };
        let cost = u64::try_from(len / 16).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(cost).ok_or("the pattern takes too many steps")?;
        let captured = self.subject.get(start..start.saturating_add(len));
        let end = s.saturating_add(len);
        Ok((self.subject.get(s..end) == captured).then_some(end))
    }

    /// Where the class that begins at `p` ends.
    fn class_end(&self, p: usize) -> Result<usize, &'static str> {
        let mut at = p.saturating_add(1);
        match self.byte(p) {
            Some(b'%') => match self.byte(at) {
                None => Err("malformed pattern (ends with '%')"),
                Some(_) => Ok(at.saturating_add(1)),
            },
            Some(b'[') => {
                if self.byte(at) == Some(b'^') {
                    at = at.saturating_add(1);
                }
                // The first may be a `]`.
                loop {
                    let byte = self.byte(at).ok_or("malformed pattern (missing ']')")?;
                    at = at.saturating_add(if byte == b'%' { 2 } else { 1 });
                    if self.byte(at) == Some(b']') {
                        return Ok(at.saturating_add(1));
                    }
                }
            }
            _ => Ok(at),
        }
    }

    fn single(&self, s: usize, p: usize, end: usize) -> bool {
        let Some(byte) = self.subject.get(s).copied() else { return false };
        match self.byte(p) {
            Some(b'.') => true,
            Some(b'%') => in_class(byte, self.byte(p.saturating_add(1)).unwrap_or_default()),
            Some(b'[') => self.in_set(byte, p, end),
            other => other == Some(byte),
        }
    }

    /// True if a byte is in the set from `p` to `end`, brackets included.
    fn in_set(&self, byte: u8, p: usize, end: usize) -> bool {
        let last = end.saturating_sub(1);
        let mut at = p.saturating_add(1);
        let negated = self.byte(at) == Some(b'^');
        if negated {
            at = at.saturating_add(1);
        }
        while at < last {
            let Some(here) = self.byte(at) else { break };
            let next = self.byte(at.saturating_add(1)).unwrap_or_default();
            let upper = at.saturating_add(2);
            if here == b'%' {
                if in_class(byte, next) {
                    return !negated;
                }
                at = upper;
            } else if next == b'-' && upper < last {
                if (here..=self.byte(upper).unwrap_or_default()).contains(&byte) {
                    return !negated;
                }
                at = at.saturating_add(3);
            } else {
                if here == byte {
                    return !negated;
                }
                at = at.saturating_add(1);
            }
        }
        negated
    }
}

/// True if a byte is in a class: `%a`, or `%.` for the byte itself.
fn in_class(byte: u8, class: u8) -> bool {
    let member = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'g' => byte.is_ascii_graphic(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        _ => return class == byte,
    };
    member != class.is_ascii_uppercase()
}
