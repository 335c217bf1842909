//! Output as lines of a log.
//!
//! The text is a guest's, and a log is read by people and by programs that take
//! one line for one event: so bytes that are no UTF-8 are replaced, control
//! characters are escaped, and a line without end is cut.
//!
//! What a process has written of a line whose end has not come is held for it, and so
//! it is on an account. A line for which there is no room is cut.

use crate::{
    account::{Account, Charge},
    command::Stdio,
    visible,
};

/// The longest line that is logged whole, in bytes.
const MAX_LINE: usize = 16 << 10;

/// Collects one line.
pub(super) struct Lines {
    id: String,
    stream: Stdio,
    line: Vec<u8>,
    cut: bool,
    /// For the line, and for the room that a list keeps to grow.
    charge: Charge,
}

impl Lines {
    pub(super) fn new(id: String, stream: Stdio, account: &Account) -> Lines {
        Lines { id, stream, line: Vec::new(), cut: false, charge: account.open() }
    }

    /// Logs each line that ends in these bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            // Most lines come whole.
            if ends && self.line.is_empty() && !self.cut {
                let line = text.get(..MAX_LINE).unwrap_or(text);
                self.log(line, line.len() < text.len());
                continue;
            }
            self.keep(text);
            if ends {
                self.emit();
            }
        }
    }

    /// Adds to the line, as much as it may have and there is room for.
    fn keep(&mut self, text: &[u8]) {
        let text = match text.get(..MAX_LINE.saturating_sub(self.line.len())) {
            Some(some) => {
                self.cut |= some.len() < text.len();
                some
            }
            None => text,
        };
        let len = self.line.len().saturating_add(text.len());
        match self.charge.cover(len.saturating_mul(2) as u64) {
            Ok(()) => self.line.extend_from_slice(text),
            Err(_) => self.cut = true,
        }
    }

    fn emit(&mut self) {
        let (line, cut) = (std::mem::take(&mut self.line), std::mem::take(&mut self.cut));
        self.log(&line, cut);
        drop(line);
        self.charge.keep(0);
    }

    fn log(&self, line: &[u8], cut: bool) {
        let line = readable(line, cut);
        let id = self.id.as_str();
        match self.stream {
            Stdio::Stderr => {
                tracing::info!(target: "wippy::output", process = id, stream = "stderr", "{line}");
            }
            Stdio::Stdin | Stdio::Stdout => {
                tracing::info!(target: "wippy::output", process = id, stream = "stdout", "{line}");
            }
        }
    }
}

impl Drop for Lines {
    /// A last line without an end is logged all the same.
    fn drop(&mut self) {
        if !self.line.is_empty() || self.cut {
            self.emit();
        }
    }
}

fn readable(line: &[u8], cut: bool) -> String {
    let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
    let mut shown = visible::line(&text).into_owned();
    if cut {
        shown.push_str(" [cut]");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;
    use std::sync::{Arc, Mutex};
    use tracing::{
        Event, Metadata, Subscriber,
        field::{Field, Visit},
        span::{Attributes, Id, Record},
    };

    #[test]
    fn a_line_of_a_log_is_one_line_of_text() {
        assert_eq!(readable(b"a\tb\r", false), "a\tb");
        assert_eq!(readable(b"\x1b[31mred\rINFO", false), "\\u{1b}[31mred\\rINFO");
        assert_eq!(readable(b"\xff", true), "\u{fffd} [cut]");
    }

    #[test]
    fn a_line_without_end_is_kept_short_and_on_the_account() {
        let account = Account::new(1 << 20);
        let mut lines = Lines::new("p".to_owned(), Stdio::Stdout, &account);
        lines.write(b"whole\n");
        assert_eq!(account.used(), 0);
        for _ in 0..10 {
            lines.write(&[b'x'; MAX_LINE]);
        }
        assert_eq!((lines.line.len(), lines.cut), (MAX_LINE, true));
        assert!(account.used() >= lines.line.capacity() as u64);
        lines.write(b"\nrest");
        assert_eq!((lines.line.as_slice(), lines.cut), (&b"rest"[..], false));
        lines.write(b"\n");
        assert_eq!((account.used(), lines.line.capacity()), (0, 0));
    }

    #[test]
    fn a_line_without_room_is_cut() {
        let account = Account::new(100);
        let mut lines = Lines::new("p".to_owned(), Stdio::Stdout, &account);
        lines.write(&[b'x'; 50]);
        lines.write(b"y");
        assert_eq!((lines.line.len(), lines.cut, account.used()), (50, true, 100));
        lines.write(b"\nz");
        assert_eq!((lines.line.as_slice(), lines.cut), (&b"z"[..], false));
    }

    /// Notes what is logged.
    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Notes {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn event(&self, event: &Event<'_>) {
            struct Fields(String);
            impl Visit for Fields {
                fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                    let _ = write!(self.0, "{}={value:?} ", field.name());
                }
            }
            let mut fields = Fields(format!("{} ", event.metadata().target()));
            event.record(&mut fields);
            self.0.lock().unwrap().push(fields.0);
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn each_line_is_an_event_and_the_last_comes_at_the_end() {
        let notes = Notes::default();
        let mut lines = Lines::new("app:worker#7".to_owned(), Stdio::Stderr, &Account::default());
        tracing::subscriber::with_default(notes.clone(), || {
            for part in ["one\ntw", "o\n\n", "thr", "ee"] {
                lines.write(part.as_bytes());
            }
            assert_eq!(notes.0.lock().unwrap().len(), 3);
            drop(lines);
        });
        let expected = ["one", "two", "", "three"].map(|line| {
            let process = "process=\"app:worker#7\" stream=\"stderr\"";
            format!("wippy::output message={line} {process} ")
        });
        assert_eq!(*notes.0.lock().unwrap(), expected);
    }
}
