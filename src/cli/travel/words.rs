//! What is said to `wippy replay --repl`, and how memory is shown.

use std::{
    io::{self, IsTerminal, Write as _},
    num::IntErrorKind,
    str::FromStr,
};

use super::super::{exit::Failure, output};

pub(super) const HELP: &str = "\
goto FUEL                       where all processes have used so much fuel together
+FUEL, -FUEL                    so much further on, or back
next [N], back [N]              N commands further on, or back; to where the last is asked
end                             to the end of the journal
where                           all processes that live here
process [PID]                   show this one; the one that made the last step if none is named
stack                           the functions that it is in
memory ADDRESS [LEN] [NUMBER]   bytes of its memory, 4096 at most; an address may be 0x1234
quit
";

/// The longest line that is understood.
const LONGEST: usize = 4096;

/// Bytes in a line of memory.
const ROW: usize = 16;

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    None,
    Help,
    Quit,
    Goto(u64),
    Forward(u64),
    Backward(u64),
    Next(u64),
    Back(u64),
    End,
    Where,
    Process(Option<String>),
    Stack,
    Memory { address: u64, len: Option<u64>, number: u64 },
}

impl FromStr for Word {
    type Err = String;

    fn from_str(line: &str) -> Result<Word, String> {
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { return Ok(Word::None) };
        let rest: Vec<&str> = words.collect();
        let optional = |at: usize| rest.get(at).map(|text| number(text)).transpose();
        let required = |what: &str| {
            let number = optional(0)?;
            number.ok_or_else(|| format!("`{first}` takes {what}: `help` shows how"))
        };
        let (most, word) = match first {
            "help" | "h" | "?" => (0, Word::Help),
            "quit" | "q" | "exit" => (0, Word::Quit),
            "goto" | "g" => (1, Word::Goto(required("a number of units of fuel")?)),
            "next" | "n" => (1, Word::Next(optional(0)?.unwrap_or(1))),
            "back" | "b" => (1, Word::Back(optional(0)?.unwrap_or(1))),
            "end" => (0, Word::End),
            "where" | "w" => (0, Word::Where),
            "process" | "p" => (1, Word::Process(rest.first().map(|name| (*name).to_owned()))),
            "stack" | "s" => (0, Word::Stack),
            "memory" | "m" => {
                let (address, len) = (required("an address")?, optional(1)?);
                (3, Word::Memory { address, len, number: optional(2)?.unwrap_or(0) })
            }
            sign @ ("+" | "-") => {
                return Err(format!("`{sign}` takes a number of units of fuel: `help` shows how"));
            }
            other => match (other.strip_prefix('+'), other.strip_prefix('-')) {
                (Some(fuel), _) => (0, Word::Forward(number(fuel)?)),
                (_, Some(fuel)) => (0, Word::Backward(number(fuel)?)),
                (None, None) => {
                    return Err(format!("`{other}` is no command: `help` lists them"));
                }
            },
        };
        match rest.get(most) {
            None => Ok(word),
            Some(more) => Err(format!("`{first}` does not take `{more}`: `help` shows how")),
        }
    }
}

/// A number, perhaps in base sixteen.
fn number(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let number = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    number.map_err(|error| match error.kind() {
        IntErrorKind::PosOverflow => format!("`{text}` is too large a number"),
        _ => format!("`{text}` is no number"),
    })
}

/// Bytes of a memory, as far as it goes.
pub(super) fn dump(memory: &[u8], address: u64, len: u64) -> String {
    let within = usize::try_from(address).ok().and_then(|address| memory.get(address..));
    let Some(bytes) = within else {
        return format!("the memory has {} bytes\n", memory.len());
    };
    let bytes = bytes.get(..bytes.len().min(len as usize)).unwrap_or_default();
    let mut text = String::new();
    for (row, bytes) in bytes.chunks(ROW).enumerate() {
        let at = address.saturating_add((row * ROW) as u64);
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let letter = |byte: &u8| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        };
        let letters: String = bytes.iter().map(letter).collect();
        text.push_str(&format!("{at:08x}  {:<47}  {letters}\n", digits.join(" ")));
    }
    text
}

/// The lines of stdin, read no further than they are used: who reads on may be a copy of
/// this process.
pub(super) struct Lines {
    terminal: bool,
}

impl Lines {
    pub fn new() -> Lines {
        Lines { terminal: io::stdin().is_terminal() }
    }

    /// The command in the next line, or what is wrong with it; nothing at the end.
    pub fn next(&self) -> Result<Option<Result<Word, String>>, Failure> {
        if self.terminal {
            drop(io::stdout().write_all(b"> "));
            drop(io::stdout().flush());
        }
        let Some(line) = super::snapshots::line(LONGEST.saturating_add(1)) else {
            return Ok(None);
        };
        if line.len() > LONGEST {
            return Ok(Some(Err(format!("no command has more than {LONGEST} bytes"))));
        }
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if !self.terminal && !line.is_empty() {
            output::show(&format!("> {line}\n"))?;
        }
        Ok(Some(line.parse()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_numbers_and_short_forms() {
        let is = |line: &str| line.parse::<Word>();
        assert_eq!(is("goto 1_000"), Ok(Word::Goto(1000)));
        assert_eq!(is("-0x10"), Ok(Word::Backward(16)));
        assert_eq!((is("n"), is("b 3")), (Ok(Word::Next(1)), Ok(Word::Back(3))));
        assert_eq!(is("  "), Ok(Word::None));
        let memory = Word::Memory { address: 8, len: Some(4), number: 1 };
        assert_eq!(is("m 8 4 1"), Ok(memory));
        for (line, why) in [
            ("goto", "`goto` takes a number of units of fuel: `help` shows how"),
            ("goto here", "`here` is no number"),
            ("goto -5", "`-5` is no number"),
            ("+", "`+` takes a number of units of fuel: `help` shows how"),
            ("+99999999999999999999", "`99999999999999999999` is too large a number"),
            ("goto 0x1_0000_0000_0000_0000", "`0x1_0000_0000_0000_0000` is too large a number"),
            ("where 1", "`where` does not take `1`: `help` shows how"),
            ("jump", "`jump` is no command: `help` lists them"),
        ] {
            assert_eq!(is(line), Err(why.to_owned()));
        }
    }

    #[test]
    fn memory_is_shown_as_far_as_it_goes() {
        let memory = *b"a text, and \x00\x01\xff and more";
        assert_eq!(
            dump(&memory, 2, 18),
            "00000002  74 65 78 74 2c 20 61 6e 64 20 00 01 ff 20 61 6e  text, and ... an\n\
             00000012  64 20                                            d \n"
        );
        assert_eq!(dump(&memory, 23, 64).lines().count(), 1);
        assert_eq!(dump(&memory, 25, 64), "the memory has 24 bytes\n");
    }
}
