//! The flight recorder: the histories of processes in memory, until one of them fails.
//!
//! A process can be run again only from its beginning, so its history is kept whole or not
//! at all. Where there is no room for more, those of processes that have ended well go
//! first, the oldest before the others; then the longest of one that lives, which is lost
//! from then on: if that one fails, nothing can be written of it. The header of a journal
//! says how much of both is missing. Programs are kept besides, and do not count.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::{self, Write},
};

use crate::{
    command::ErrorKind,
    process::Error,
    replay::journal::{Blocks, Finished, FlightHeader, Header, Record},
};

/// Where the journal of a failure goes, by its number, from 0 on.
pub(super) type Open = Box<dyn Fn(u32) -> io::Result<Box<dyn Write + Send>> + Send>;

/// Failures that are written; those that come later are the same, most often.
const MOST: u32 = 10;

/// The histories that are kept in memory.
pub(super) struct Flight {
    open: Open,
    /// Bytes that there may be.
    limit: u64,
    bytes: u64,
    header: Header,
    /// How the command was called, and programs.
    first: Vec<Record>,
    kept: BTreeMap<u64, History>,
    /// Processes that have ended well, the oldest first.
    ended: VecDeque<u64>,
    /// Processes that live and whose history is lost.
    lost: BTreeSet<u64>,
    missing: FlightHeader,
    written: u32,
}

/// The history of a process: its records, each behind its length.
#[derive(Default)]
struct History(Vec<u8>);

impl History {
    /// Bytes that it takes.
    fn size(&self) -> u64 {
        self.0.capacity() as u64
    }

    fn add(&mut self, record: &[u8]) {
        let len = u32::try_from(record.len()).unwrap_or(u32::MAX).to_le_bytes();
        self.0.extend_from_slice(&len);
        self.0.extend_from_slice(record);
    }

    fn records(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (len, more) = rest.split_first_chunk::<4>()?;
            let (record, more) = more.split_at_checked(u32::from_le_bytes(*len) as usize)?;
            rest = more;
            Some(record)
        })
    }
}

impl Flight {
    /// Nothing yet.
    pub fn new(limit: u64, header: Header, open: Open) -> Flight {
        let missing = FlightHeader { limit, ..FlightHeader::default() };
        Flight {
            open,
            limit,
            bytes: 0,
            header,
            first: Vec::new(),
            kept: BTreeMap::new(),
            ended: VecDeque::new(),
            lost: BTreeSet::new(),
            missing,
            written: 0,
        }
    }

    /// Keeps what belongs to no process.
    pub fn first(&mut self, record: Record) {
        self.first.push(record);
    }

    /// Keeps what a process does.
    pub fn keep(&mut self, process: u64, record: &[u8]) {
        if self.lost.contains(&process) {
            return;
        }
        let history = self.kept.entry(process).or_default();
        let before = history.size();
        history.add(record);
        self.bytes = self.bytes.saturating_add(history.size().saturating_sub(before));
        while self.bytes > self.limit && self.make_room() {}
    }

    /// Gives one history up; false if there is none.
    fn make_room(&mut self) -> bool {
        if let Some(ended) = self.ended.pop_front() {
            self.missing.ended = self.missing.ended.saturating_add(1);
            self.remove(ended);
            return true;
        }
        let longest = self.kept.iter().max_by_key(|(_, history)| history.size());
        let Some(longest) = longest.map(|(process, _)| *process) else { return false };
        self.missing.lost = self.missing.lost.saturating_add(1);
        self.lost.insert(longest);
        self.remove(longest);
        true
    }

    fn remove(&mut self, process: u64) {
        let size = self.kept.remove(&process).map_or(0, |history| history.size());
        self.bytes = self.bytes.saturating_sub(size);
    }

    /// Notes the end of a process, and writes a journal if it has failed: an error that it
    /// was not told to end with. True if one was written.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or the history of the process is lost.
    pub fn ended(&mut self, process: u64, error: Option<&Error>) -> io::Result<bool> {
        let lost = self.lost.remove(&process);
        let failure = error.filter(|error| error.fault().kind != ErrorKind::Canceled);
        let written = match failure {
            None => Ok(false),
            Some(_) if self.written >= MOST => Ok(false),
            Some(_) if lost => {
                Err(io::Error::other("its history was longer than the flight recorder keeps"))
            }
            Some(error) => self.write(process, error).map(|()| true),
        };
        if self.kept.contains_key(&process) {
            self.ended.push_back(process);
        }
        written
    }

    /// Writes what there is.
    fn write(&mut self, failed: u64, error: &Error) -> io::Result<()> {
        let mut out = (self.open)(self.written)?;
        self.written = self.written.saturating_add(1);
        let (mut blocks, mut ready) = (Blocks::default(), Vec::new());
        let deep = |error: crate::command::codec::TooDeep| io::Error::other(error.to_string());
        let flight = FlightHeader { failed, ..self.missing };
        let header = Header { flight: Some(flight), ..self.header.clone() };
        blocks.add(&Record::Header(header)).map_err(deep)?;
        for record in &self.first {
            blocks.add(record).map_err(deep)?;
        }
        for history in self.kept.values() {
            for record in history.records() {
                if blocks.add_coded(record) {
                    blocks.take(&mut ready);
                    out.write_all(&ready)?;
                    ready.clear();
                }
            }
        }
        let message = Some(format!("process {failed} has failed: {error}"));
        blocks.add(&Record::Finished(Finished { code: 1, message })).map_err(deep)?;
        blocks.take(&mut ready);
        out.write_all(&ready)?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{
        command::codec,
        lock::lock,
        replay::journal::{End, JournalReader},
    };

    /// The files that were written.
    #[derive(Clone, Default)]
    struct Files(Arc<Mutex<Vec<Vec<u8>>>>);

    struct File(Files, usize);

    impl Write for File {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0.0)[self.1].extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn flight(limit: u64) -> (Flight, Files) {
        let files = Files::default();
        let header = Header {
            product: "test".to_owned(),
            fuel_version: 1,
            max_slice: 1,
            redacted: Vec::new(),
            flight: None,
        };
        let own = files.clone();
        let open = move |_| {
            let files = &mut *lock(&own.0);
            files.push(Vec::new());
            Ok(Box::new(File(own.clone(), files.len() - 1)) as Box<dyn Write + Send>)
        };
        (Flight::new(limit, header, Box::new(open)), files)
    }

    /// A record of a process of about so many bytes.
    fn record(process: u64, len: usize) -> Vec<u8> {
        let error =
            Error::program(crate::command::ProcessError::new(ErrorKind::Internal, "x".repeat(len)));
        let mut form = Vec::new();
        let end = End { process, fuel: 0, error: Some(error) };
        codec::append(&Record::End(Box::new(end)), &mut form).unwrap();
        form
    }

    /// The processes of a file, and its header.
    fn read(files: &Files, at: usize) -> (Vec<u64>, FlightHeader) {
        let bytes = lock(&files.0)[at].clone();
        let mut journal = JournalReader::new(&*bytes).unwrap();
        let (mut processes, mut flight) = (Vec::new(), None);
        while let Some(record) = journal.next().unwrap() {
            match record {
                Record::Header(header) => flight = header.flight,
                Record::End(end) => processes.push(end.process),
                _ => {}
            }
        }
        processes.dedup();
        (processes, flight.unwrap())
    }

    fn failure() -> Error {
        Error::engine("it failed")
    }

    #[test]
    fn what_ended_well_goes_first_and_a_failure_is_whole() {
        let (mut flight, files) = flight(100_000);
        for process in 0..1_000 {
            flight.keep(process, &record(process, 1_000));
            assert!(!flight.ended(process, None).unwrap());
            flight.keep(5_000, &record(5_000, 50));
        }
        assert!(flight.bytes <= 100_000);
        assert!(flight.ended(5_000, Some(&failure())).unwrap());
        let (processes, header) = read(&files, 0);
        assert_eq!((processes.last(), header.failed, header.lost), (Some(&5_000), 5_000, 0));
        assert!(header.ended > 900 && processes.len() < 100, "{header:?}");
        let bytes = lock(&files.0)[0].clone();
        let mut journal = JournalReader::new(&*bytes).unwrap();
        let mut own = 0;
        while let Some(record) = journal.next().unwrap() {
            own += usize::from(matches!(record, Record::End(end) if end.process == 5_000));
        }
        assert_eq!(own, 1_000);
    }

    #[test]
    fn the_longest_is_lost_where_none_has_ended() {
        let (mut flight, files) = flight(100_000);
        for _ in 0..200 {
            flight.keep(1, &record(1, 2_000));
            flight.keep(2, &record(2, 100));
        }
        assert!(flight.bytes <= 100_000);
        assert!(flight.ended(1, Some(&failure())).is_err());
        assert!(flight.ended(2, Some(&failure())).unwrap());
        let (processes, header) = read(&files, 0);
        assert_eq!((processes, header.lost), (vec![2], 1));
    }

    #[test]
    fn who_was_told_to_end_has_not_failed() {
        let (mut flight, files) = flight(100_000);
        flight.keep(1, &record(1, 10));
        assert!(!flight.ended(1, Some(&Error::cancelled("enough"))).unwrap());
        assert!(lock(&files.0).is_empty());
    }
}
