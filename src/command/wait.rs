//! Waiting for several things at once.
//!
//! There is one command for all that a process can wait for besides an answer, so
//! that a guest which polls ten things makes one wait of them. What is waited for is
//! a set of [`Interest`]s and perhaps a time; the reply says which of them hold.
//!
//! A set of up to one handle allocates nothing: nearly every wait is for a time, for
//! mail, for both, or for one stream, and waits are as frequent as messages.

use super::FileId;

/// Something that a process can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Interest {
    /// Input can be read, or has ended.
    Stdin,
    /// Mail has been handed in since the step in which the wait began.
    Mail,
    /// A stream has bytes, has ended or has failed; an exchange has its response.
    Readable(FileId),
    /// A stream takes bytes, or never will again.
    Writable(FileId),
}

impl Interest {
    /// Those that are not about a handle, in the order in which a set lists them.
    pub const PLAIN: [Interest; 2] = [Interest::Stdin, Interest::Mail];

    const fn bit(self) -> u8 {
        match self {
            Interest::Stdin => 1,
            Interest::Mail => 2,
            Interest::Readable(_) | Interest::Writable(_) => 0,
        }
    }
}

/// A set of interests.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Interests {
    plain: u8,
    handles: Handles,
}

/// Those that are about a handle: each once, in order.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
enum Handles {
    #[default]
    None,
    One(Interest),
    Many(Box<[Interest]>),
}

impl Handles {
    fn all(&self) -> &[Interest] {
        match self {
            Handles::None => &[],
            Handles::One(one) => std::slice::from_ref(one),
            Handles::Many(many) => many,
        }
    }

    /// Of a list in any order.
    fn of(mut list: Vec<Interest>) -> Handles {
        list.sort_unstable();
        list.dedup();
        match *list {
            [] => Handles::None,
            [one] => Handles::One(one),
            _ => Handles::Many(list.into()),
        }
    }
}

impl Interests {
    /// The empty set.
    pub const NONE: Interests = Interests { plain: 0, handles: Handles::None };

    /// One interest alone.
    pub const fn of(interest: Interest) -> Interests {
        let handles = match interest {
            Interest::Stdin | Interest::Mail => Handles::None,
            Interest::Readable(_) | Interest::Writable(_) => Handles::One(interest),
        };
        Interests { plain: interest.bit(), handles }
    }

    /// The set with one more, if `wanted`. A set of many is made with `collect`.
    #[must_use]
    pub fn with(self, interest: Interest, wanted: bool) -> Interests {
        let Interests { plain, handles } = self;
        match interest {
            _ if !wanted => Interests { plain, handles },
            Interest::Stdin | Interest::Mail => {
                Interests { plain: plain | interest.bit(), handles }
            }
            Interest::Readable(_) | Interest::Writable(_) => {
                let list = handles.all().iter().copied().chain([interest]);
                Interests { plain, handles: Handles::of(list.collect()) }
            }
        }
    }

    /// Tells whether this one is in it.
    pub fn contains(&self, interest: Interest) -> bool {
        match interest {
            Interest::Stdin | Interest::Mail => self.plain & interest.bit() != 0,
            Interest::Readable(_) | Interest::Writable(_) => {
                self.handles.all().binary_search(&interest).is_ok()
            }
        }
    }

    /// Tells whether all of it is in `other`.
    pub fn is_within(&self, other: &Interests) -> bool {
        self.plain & !other.plain == 0
            && self.handles.all().iter().all(|interest| other.contains(*interest))
    }

    /// Tells whether there is none in it.
    pub fn is_empty(&self) -> bool {
        self.plain == 0 && self.handles.all().is_empty()
    }

    /// Those in it, each once.
    pub fn iter(&self) -> impl Iterator<Item = Interest> {
        let plain = Interest::PLAIN.into_iter().filter(|interest| self.contains(*interest));
        plain.chain(self.handles())
    }

    /// Those in it that are about a handle.
    pub fn handles(&self) -> impl Iterator<Item = Interest> {
        self.handles.all().iter().copied()
    }
}

impl From<Interest> for Interests {
    fn from(interest: Interest) -> Interests {
        Interests::of(interest)
    }
}

impl FromIterator<Interest> for Interests {
    fn from_iter<I: IntoIterator<Item = Interest>>(interests: I) -> Interests {
        // A list of none and of one allocates nothing.
        let (mut plain, mut first, mut list) = (0, None, Vec::new());
        for interest in interests {
            plain |= interest.bit();
            match (interest, first) {
                (Interest::Stdin | Interest::Mail, _) => {}
                (_, None) => first = Some(interest),
                (_, Some(_)) => list.push(interest),
            }
        }
        let handles = match first {
            None => Handles::None,
            Some(one) if list.is_empty() => Handles::One(one),
            Some(one) => {
                list.push(one);
                Handles::of(list)
            }
        };
        Interests { plain, handles }
    }
}

impl std::fmt::Debug for Interests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Waits until one of the given things holds. Answered with
/// [`Reply::Ready`](super::Reply::Ready). Mail may be handed in without being the mail
/// that the program means: then it waits again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// Each of these ends the wait.
    pub on: Interests,
    /// So does this time of the monotonic clock. A time that has passed makes the
    /// wait a look.
    pub until: Option<u64>,
}

impl Wait {
    /// A wait for interests, until some time if one is given.
    pub fn new(on: impl Into<Interests>, until: Option<u64>) -> Wait {
        Wait { on: on.into(), until }
    }

    /// A wait for a time of the monotonic clock.
    pub const fn until(time: u64) -> Wait {
        Wait { on: Interests::NONE, until: Some(time) }
    }

    /// Tells whether nothing but mail can end it.
    pub fn is_for_mail_only(&self) -> bool {
        self.until.is_none() && self.on == Interests::of(Interest::Mail)
    }

    /// The name in traces.
    pub fn name(&self) -> &'static str {
        if self.on.contains(Interest::Mail) { "await-mail" } else { "poll" }
    }
}

/// The outcome of a wait: at least one of the things that it was for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ready {
    /// These hold.
    pub on: Interests,
    /// The time has come.
    pub time: bool,
}

impl Ready {
    /// This holds, and the time has not come.
    pub const fn of(interest: Interest) -> Ready {
        Ready { on: Interests::of(interest), time: false }
    }

    /// The time has come, and nothing else.
    pub const TIME: Ready = Ready { on: Interests::NONE, time: true };
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Interest = Interest::Readable(FileId(1));
    const OTHER: Interest = Interest::Writable(FileId(1));

    #[test]
    fn a_set_lists_what_was_put_in() {
        let both = Interests::NONE.with(Interest::Mail, true).with(Interest::Stdin, true);
        assert_eq!(both.iter().collect::<Vec<_>>(), Interest::PLAIN);
        assert_eq!(both.iter().collect::<Interests>(), both);
        let mail = Interests::from(Interest::Mail);
        assert_eq!(mail.iter().collect::<Vec<_>>(), [Interest::Mail]);
        assert_eq!(format!("{mail:?} {:?}", Interests::NONE), "[Mail] []");
        assert_eq!((mail.is_within(&both), both.is_within(&mail)), (true, false));
        assert_eq!(Interests::NONE.with(Interest::Mail, false), Interests::NONE);
        assert_eq!(Interests::NONE.with(ONE, false), Interests::NONE);
    }

    #[test]
    fn each_plain_interest_has_a_bit_of_its_own() {
        let all: Interests = Interest::PLAIN.into_iter().collect();
        assert_eq!(all.iter().count(), Interest::PLAIN.len());
    }

    #[test]
    fn handles_are_in_a_set_once_and_in_order() {
        let all = [OTHER, Interest::Mail, ONE, OTHER, Interest::Readable(FileId(0))];
        let set: Interests = all.into_iter().collect();
        let expected = [Interest::Mail, Interest::Readable(FileId(0)), ONE, OTHER];
        assert_eq!(set.iter().collect::<Vec<_>>(), expected);
        assert_eq!(set.handles().count(), 3);
        assert!(set.contains(OTHER) && !set.contains(Interest::Writable(FileId(0))));
        let one = Interests::of(ONE);
        assert_eq!(one, Interests::NONE.with(ONE, true).with(ONE, true));
        assert_eq!(one, [ONE].into_iter().collect());
        assert_eq!(one, [ONE, ONE].into_iter().collect());
        assert_eq!((one.is_within(&set), set.is_within(&one)), (true, false));
        assert!(!one.is_empty() && !one.is_within(&Interests::of(OTHER)));
    }
}
