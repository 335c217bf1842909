//! Snapshots of a replay: copies of this process that wait.
//!
//! The interpreter cannot give the state of a suspended call away, and cannot be given one.
//! But the system can copy a process, with all that is in its memory, and shares each page
//! until one of the two writes to it. So to leave a snapshot the command splits: the copy
//! goes on with the replay and hears what the user says, and the original waits for its
//! end. A copy that is to go to where it cannot go, to what lies behind it, leaves a
//! [`Message`] and ends. The original then is the nearest snapshot; it splits again, or
//! ends as well if the goal lies before it too. So the snapshots are a chain of processes
//! of which only the last one runs, and what is behind is never lost by going there. With
//! the first of them all end, however it ends.
//!
//! A snapshot costs a copy of the page tables, and a copy of each page that is written to
//! afterwards. Where processes cannot be copied (elsewhere than on Linux, or if the system
//! refuses) there are none, and the way to what lies behind begins at the beginning.

use std::{fs::File, io, path::Path};

use super::super::exit::{Exit, Failure};
use crate::replay::Goal;

/// What a copy leaves to those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// The command ends.
    Quit(Exit),
    /// Go there, and show this process; without a goal stay.
    Go(Option<Goal>, Option<String>),
}

/// What has become of a process that has split.
#[derive(Debug)]
pub(super) enum Split {
    /// There is no copy, and will be none.
    None,
    /// This is the copy.
    Copy,
    /// This is the original, and the copy has ended, with a message unless it was killed.
    Left(Option<Message>),
}

impl Message {
    fn text(&self) -> String {
        let (word, number, name) = match self {
            Message::Quit(exit) => ("quit", u64::from(exit.code()), None),
            Message::Go(goal, name) => match goal {
                None => ("stay", 0, name.as_deref()),
                Some(Goal::Fuel(fuel)) => ("fuel", *fuel, name.as_deref()),
                Some(Goal::Before(fuel)) => ("before", *fuel, name.as_deref()),
                Some(Goal::Commands(count)) => ("commands", *count, name.as_deref()),
                Some(Goal::End) => ("end", 0, name.as_deref()),
            },
        };
        format!("{word} {number} {}", name.unwrap_or_default())
    }

    fn of(text: &str) -> Option<Message> {
        let mut parts = text.splitn(3, ' ');
        let (word, number, name) =
            (parts.next()?, parts.next()?.parse::<u64>().ok()?, parts.next());
        let goal = match word {
            "quit" => return Some(Message::Quit(Exit::Recorded(u8::try_from(number).ok()?))),
            "stay" => None,
            "fuel" => Some(Goal::Fuel(number)),
            "before" => Some(Goal::Before(number)),
            "commands" => Some(Goal::Commands(number)),
            "end" => Some(Goal::End),
            _ => return None,
        };
        let name = name.filter(|name| !name.is_empty());
        Some(Message::Go(goal, name.map(str::to_owned)))
    }
}

/// A file that is read from a place of its own: copies of the process do not move it.
#[derive(Debug)]
pub(super) struct Place {
    file: File,
    #[cfg(unix)]
    at: u64,
}

impl Place {
    pub fn open(path: &Path) -> Result<Place, Failure> {
        let file = super::open(path)?.into_inner();
        Ok(Place {
            file,
            #[cfg(unix)]
            at: 0,
        })
    }
}

impl io::Read for Place {
    #[cfg(unix)]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = std::os::unix::fs::FileExt::read_at(&self.file, into, self.at)?;
        self.at = self.at.saturating_add(read as u64);
        Ok(read)
    }

    #[cfg(not(unix))]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.file.read(into)
    }
}

/// A line of stdin, of which the first bytes are kept, at most so many; nothing at its end.
#[cfg(unix)]
pub(super) fn line(most: usize) -> Option<Vec<u8>> {
    let (mut line, mut byte, mut any) = (Vec::new(), [0], false);
    loop {
        match rustix::io::read(io::stdin(), &mut byte) {
            Ok(0) => return any.then_some(line),
            Ok(_) if byte == [b'\n'] => return Some(line),
            Ok(_) => {
                any = true;
                if line.len() < most {
                    line.push(byte[0]);
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// A line of stdin, of which the first bytes are kept, at most so many; nothing at its end.
#[cfg(not(unix))]
pub(super) fn line(most: usize) -> Option<Vec<u8>> {
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => {
            let mut line = line.into_bytes();
            line.truncate(most);
            Some(line)
        }
    }
}

#[cfg(target_os = "linux")]
pub(super) use self::copies::Chain;
#[cfg(not(target_os = "linux"))]
pub(super) use self::none::Chain;

#[cfg(target_os = "linux")]
mod copies {
    use std::io::{PipeReader, PipeWriter, Read, Write, pipe};

    use rustix::{
        fs::OFlags,
        process::{
            Pid, Signal, WaitOptions, getpid, getppid, set_parent_process_death_signal, waitpid,
        },
    };

    use super::{Message, Split};
    use crate::cli::stderr;

    /// The snapshots before this process.
    #[derive(Debug)]
    pub(in super::super) struct Chain {
        /// Where messages are left. All processes have both ends.
        messages: Option<(PipeReader, PipeWriter)>,
        copy: bool,
        /// The system does not copy this process.
        refused: bool,
    }

    impl Chain {
        pub fn new() -> Chain {
            let messages = pipe().ok().filter(|(read, _)| {
                // Nothing is waited for: a message is there before its sender ends.
                rustix::fs::fcntl_setfl(read, OFlags::NONBLOCK).is_ok()
            });
            Chain { messages, copy: false, refused: false }
        }

        /// True in a process that is not the first.
        pub fn is_copy(&self) -> bool {
            self.copy
        }

        /// Splits, and waits for the copy.
        pub fn split(&mut self) -> Split {
            let Some((read, _)) = self.messages.as_mut().filter(|_| !self.refused) else {
                return Split::None;
            };
            let original = getpid();
            let Some(pid) = stderr::while_copied(fork, |pid| matches!(pid, Some(None))) else {
                self.refused = true;
                return Split::None;
            };
            let Some(pid) = pid else {
                self.copy = true;
                // Nobody would hear of a copy that outlives its original.
                let (_told, parent) =
                    (set_parent_process_death_signal(Some(Signal::KILL)), getppid());
                if parent != Some(original) {
                    std::process::exit(0);
                }
                return Split::Copy;
            };
            while let Err(rustix::io::Errno::INTR) = waitpid(Some(pid), WaitOptions::empty()) {}
            let mut text = Vec::new();
            // It ends with the error that there is no more.
            drop(read.read_to_end(&mut text));
            Split::Left(str::from_utf8(&text).ok().and_then(Message::of))
        }

        /// Ends a copy, with a message to those before.
        pub fn leave(&mut self, message: &Message) -> ! {
            if let Some((_, write)) = &mut self.messages {
                drop(write.write_all(message.text().as_bytes()));
            }
            // The process is the original's copy: what is to be done at the end of the
            // command is the original's.
            std::process::exit(0)
        }
    }

    /// Copies this process: its number in the original, nothing in the copy. `None` if it
    /// cannot be copied.
    #[allow(unsafe_code, reason = "there is no safe one")]
    fn fork() -> Option<Option<Pid>> {
        // SAFETY: a copy has this thread only, so that nothing may be locked or half done
        // by another. There are two at most: the one that the process began with, if it had
        // too small a stack for the command, which waits for this one to end; and the one
        // that writes to stderr, which has been waited for and is kept from going on. The
        // allocator of the C library is made ready by `fork` itself.
        let pid = unsafe { libc::fork() };
        match pid {
            ..0 => None,
            0 => Some(None),
            pid => Pid::from_raw(pid).map(Some),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod none {
    use super::{Message, Split};

    /// There are no snapshots.
    #[derive(Debug)]
    pub(in super::super) struct Chain;

    impl Chain {
        pub fn new() -> Chain {
            Chain
        }

        pub fn is_copy(&self) -> bool {
            false
        }

        pub fn split(&mut self) -> Split {
            Split::None
        }

        pub fn leave(&mut self, _: &Message) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_as_they_were_left() {
        for message in [
            Message::Quit(Exit::Recorded(3)),
            Message::Go(None, None),
            Message::Go(Some(Goal::Fuel(u64::MAX)), Some("a b|0x1.2".to_owned())),
            Message::Go(Some(Goal::Commands(0)), None),
            Message::Go(Some(Goal::Before(7)), None),
            Message::Go(Some(Goal::End), None),
        ] {
            assert_eq!(Message::of(&message.text()), Some(message));
        }
    }
}
