//! A world in memory, and a guest that calls host functions one by one.

mod files;
mod guest;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::LazyLock,
};

pub(super) use self::guest::{Guest, borrow, errno, rep, result_of};

use self::files::Node;
use super::add_to_linker;
use crate::{
    command::{
        Clock, ClockCommand, Command, Errno, FileId, FsCommand, HttpCommand, Interest, Interests,
        RandomCommand, Ready, Reply, Stdio, StdioCommand, StreamCommand, Wait,
    },
    component::Linker,
};

pub(super) static LINKER: LazyLock<Linker> = LazyLock::new(|| {
    let mut linker = Linker::default();
    add_to_linker(&mut linker).unwrap();
    linker
});

/// Files, clocks and standard streams.
#[derive(Debug)]
pub(super) struct World {
    nodes: Vec<(Node, u64)>,
    pub open: BTreeMap<FileId, usize>,
    /// Lists of which nothing has been read.
    lists: BTreeSet<FileId>,
    next: u64,
    /// Input that has been typed; a stdin that is not closed goes on.
    pub stdin: VecDeque<Vec<u8>>,
    pub stdin_closed: bool,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub now: u64,
    pub terminal: bool,
    /// All further commands about files, and writes, fail with this.
    pub fail: Option<Errno>,
    pub log: Vec<Command>,
    /// A file takes at most so many bytes at once.
    pub short: Option<usize>,
    pub http: Http,
    /// All further writes to bodies are answered with this.
    pub stream_fails: Option<Reply>,
}

/// Exchanges and bodies.
#[derive(Debug, Default)]
pub(super) struct Http {
    /// The bytes that have been written to bodies, and whether they are finished.
    pub bodies: BTreeMap<FileId, (Vec<u8>, bool)>,
    /// How much a body takes before it has to be waited for.
    pub room: u64,
    /// Answers to what else is asked, in their order; without one, it is not there yet.
    pub replies: VecDeque<Reply>,
}

impl Default for World {
    fn default() -> World {
        World {
            nodes: vec![(Node::Dir(BTreeMap::new()), 0)],
            open: BTreeMap::from([(FileId(0), 0)]),
            lists: BTreeSet::new(),
            next: 100,
            stdin: VecDeque::new(),
            stdin_closed: false,
            stdout: Vec::new(),
            stderr: Vec::new(),
            now: 5_000_000_000,
            terminal: false,
            fail: None,
            log: Vec::new(),
            short: None,
            stream_fails: None,
            http: Http { room: 1 << 16, ..Http::default() },
        }
    }
}

impl World {
    /// Answers a command.
    pub fn answer(&mut self, command: Command) -> Reply {
        self.log.push(command.clone());
        match command {
            Command::Clock(ClockCommand::Now(Clock::Monotonic)) => Reply::Time(self.now),
            Command::Clock(ClockCommand::Now(Clock::Wall)) => {
                Reply::Time(1_700_000_000_123_456_789)
            }
            Command::Clock(ClockCommand::Resolution(_)) => Reply::Time(1),
            Command::Random(RandomCommand::Bytes { len, insecure }) => {
                Reply::Bytes((0..len).map(|i| i as u8 ^ (u8::from(insecure) << 7)).collect())
            }
            Command::Stdio(StdioCommand::IsTerminal(_)) => Reply::Bool(self.terminal),
            Command::Stdio(StdioCommand::Read { len }) => match self.stdin.pop_front() {
                Some(mut bytes) => {
                    let rest = bytes.split_off(bytes.len().min(len as usize));
                    if !rest.is_empty() {
                        self.stdin.push_front(rest);
                    }
                    Reply::Bytes(bytes)
                }
                None => Reply::Bytes(Vec::new()),
            },
            Command::Stdio(StdioCommand::Write { .. }) | Command::Stdio(StdioCommand::Flush(_))
                if self.fail.is_some() =>
            {
                Reply::Failed(self.fail.unwrap())
            }
            Command::Stdio(StdioCommand::Write { to, bytes }) => {
                match to {
                    Stdio::Stdout => self.stdout.extend(bytes),
                    _ => self.stderr.extend(bytes),
                }
                Reply::Done
            }
            Command::Stdio(StdioCommand::Flush(_)) => Reply::Done,
            Command::Wait(Wait { on, until }) => {
                let stdin = on.contains(Interest::Stdin);
                let ready = stdin && (self.stdin_closed || !self.stdin.is_empty());
                let handles: Vec<Interest> = on.handles().collect();
                match until {
                    _ if !handles.is_empty() => self.http.room = self.http.room.max(100),
                    // Nothing else happens until then.
                    Some(until) if !ready => self.now = self.now.max(until),
                    _ => {}
                }
                let on = handles.into_iter().collect::<Interests>().with(Interest::Stdin, ready);
                Reply::Ready(Ready { on, time: until.is_some_and(|until| self.now >= until) })
            }
            Command::Fs(FsCommand::Close(file)) => {
                assert!(self.open.remove(&file).is_some(), "closed twice");
                Reply::Done
            }
            Command::Fs(command) => match self.fail {
                Some(errno) => Reply::Failed(errno),
                None => self.file_command(command).unwrap_or_else(Reply::Failed),
            },
            Command::Stream(StreamCommand::Room(_)) => Reply::Count(self.http.room),
            Command::Stream(StreamCommand::Write { .. }) if self.stream_fails.is_some() => {
                self.stream_fails.clone().unwrap()
            }
            Command::Stream(StreamCommand::Write { stream, mut bytes }) => {
                bytes.truncate(self.http.room as usize);
                self.http.room -= bytes.len() as u64;
                match bytes.len() {
                    0 => Reply::Failed(Errno::WouldBlock),
                    len => {
                        self.http.bodies.get_mut(&stream).unwrap().0.extend(bytes);
                        Reply::Count(len as u64)
                    }
                }
            }
            Command::Http(HttpCommand::NewBody { .. }) => {
                self.next += 1;
                self.http.bodies.insert(FileId(self.next), (Vec::new(), false));
                Reply::Handle(FileId(self.next))
            }
            Command::Http(HttpCommand::Close(id)) => {
                self.http.bodies.retain(|body, (_, finished)| *body != id || *finished);
                Reply::Done
            }
            Command::Http(HttpCommand::Finish { body, .. }) => {
                self.http.bodies.get_mut(&body).unwrap().1 = true;
                Reply::Done
            }
            Command::Http(HttpCommand::Cut(_) | HttpCommand::PassOver(_)) => Reply::Done,
            Command::Http(_) | Command::Stream(StreamCommand::Read { .. }) => {
                self.http.replies.pop_front().unwrap_or(Reply::Failed(Errno::WouldBlock))
            }
            other => Reply::Refused(format!("{other:?}")),
        }
    }
}
