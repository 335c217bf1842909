//! A world in memory, and a guest that calls host functions one by one.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::LazyLock,
};

use super::{Preopen, WasiConfig, WasiState, add_to_linker};
use crate::{
    account::Account,
    command::{
        Clock, ClockCommand, Command, DirEntry, Errno, FileId, FileKind, FsCommand, HttpCommand,
        Interest, Interests, NewTime, OpenFlags, RandomCommand, Ready, Reply, Stat, Stdio,
        StdioCommand, StreamCommand, Wait,
    },
    component::{Answer, HostState, Linker, Trap},
    value::{Resource, Type, Value, check::check_with},
};

pub(super) static LINKER: LazyLock<Linker> = LazyLock::new(|| {
    let mut linker = Linker::default();
    add_to_linker(&mut linker).unwrap();
    linker
});

#[derive(Debug)]
enum Node {
    File(Vec<u8>),
    Dir(BTreeMap<String, usize>),
    Link(String),
}

/// Files, clocks and standard streams.
#[derive(Debug)]
pub(super) struct World {
    nodes: Vec<(Node, u64)>,
    pub open: BTreeMap<FileId, usize>,
    /// Lists of which nothing has been read.
    lists: BTreeSet<FileId>,
    next: u64,
    /// What has been typed; a stdin that is not closed goes on.
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
    /// What has been written to bodies, and whether they have been finished.
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

type Found = Result<usize, Errno>;

impl World {
    /// Makes a file with its directories.
    pub fn file(&mut self, path: &str, contents: &[u8]) {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        let dir = self.dir(dir);
        self.add(dir, name, Node::File(contents.to_vec()));
    }

    /// Makes directories.
    pub fn dir(&mut self, path: &str) -> usize {
        let mut at = 0;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at = match self.entries(at).unwrap().get(part) {
                Some(node) => *node,
                None => self.add(at, part, Node::Dir(BTreeMap::new())),
            };
        }
        at
    }

    /// Opens a directory for a mount.
    pub fn mount(&mut self, path: &str, id: u64) -> FileId {
        let node = self.dir(path);
        self.open.insert(FileId(id), node);
        FileId(id)
    }

    pub fn contents(&self, path: &str) -> &[u8] {
        let node = self.find(0, path, true).unwrap();
        match &self.nodes[node].0 {
            Node::File(bytes) => bytes,
            other => panic!("{path}: {other:?}"),
        }
    }

    fn add(&mut self, dir: usize, name: &str, node: Node) -> usize {
        self.nodes.push((node, self.now));
        let new = self.nodes.len() - 1;
        match &mut self.nodes[dir].0 {
            Node::Dir(entries) => entries.insert(name.to_owned(), new),
            _ => panic!("not a directory"),
        };
        new
    }

    fn entries(&self, dir: usize) -> Result<&BTreeMap<String, usize>, Errno> {
        match &self.nodes[dir].0 {
            Node::Dir(entries) => Ok(entries),
            _ => Err(Errno::NotDirectory),
        }
    }

    fn find(&self, dir: usize, path: &str, follow: bool) -> Found {
        let mut trail = vec![dir];
        let mut links = 0;
        let mut todo: VecDeque<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        while let Some(part) = todo.pop_front() {
            let at = *trail.last().unwrap();
            match part {
                "." => {}
                ".." => {
                    trail.pop();
                    if trail.is_empty() {
                        return Err(Errno::NotPermitted);
                    }
                }
                name => {
                    let node = *self.entries(at)?.get(name).ok_or(Errno::NoEntry)?;
                    match &self.nodes[node].0 {
                        Node::Link(text)
                            if text.starts_with('/') && (follow || !todo.is_empty()) =>
                        {
                            return Err(Errno::NotPermitted);
                        }
                        Node::Link(_) if links > 20 => return Err(Errno::Loop),
                        Node::Link(text) if follow || !todo.is_empty() => {
                            links += 1;
                            for part in text.split('/').rev() {
                                todo.push_front(part);
                            }
                        }
                        _ => trail.push(node),
                    }
                }
            }
        }
        Ok(*trail.last().unwrap())
    }

    /// The directory that a path's last part is in, and the part.
    fn parent<'a>(&self, dir: FileId, path: &'a str) -> Result<(usize, &'a str), Errno> {
        let path = path.trim_end_matches('/');
        let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
        Ok((self.find(self.node(dir)?, parent, true)?, name))
    }

    fn node(&self, file: FileId) -> Found {
        self.open.get(&file).copied().ok_or(Errno::BadDescriptor)
    }

    fn stat(&self, node: usize) -> Reply {
        let (kind, size) = match &self.nodes[node].0 {
            Node::File(bytes) => (FileKind::RegularFile, bytes.len()),
            Node::Dir(_) => (FileKind::Directory, 0),
            Node::Link(text) => (FileKind::SymbolicLink, text.len()),
        };
        Reply::Stat(Stat {
            kind,
            device: 1,
            inode: node as u64,
            links: 1,
            size: size as u64,
            accessed: None,
            modified: Some(self.nodes[node].1),
            changed: Some(self.nodes[node].1),
        })
    }

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

    fn file_command(&mut self, command: FsCommand) -> Result<Reply, Errno> {
        match command {
            FsCommand::Open { dir, path, follow, flags } => self.open(dir, &path, follow, flags),
            FsCommand::Read { file, offset, len } => match &self.nodes[self.node(file)?].0 {
                Node::File(bytes) => {
                    let start = bytes.len().min(offset as usize);
                    let end = bytes.len().min(start + len as usize);
                    Ok(Reply::Bytes(bytes[start..end].to_vec()))
                }
                _ => Err(Errno::IsDirectory),
            },
            FsCommand::Write { file, offset, mut bytes } => {
                bytes.truncate(self.short.unwrap_or(usize::MAX));
                let node = self.node(file)?;
                let Node::File(to) = &mut self.nodes[node].0 else {
                    return Err(Errno::IsDirectory);
                };
                let start = offset.map_or(to.len(), |offset| offset as usize);
                to.resize(to.len().max(start + bytes.len()), 0);
                to[start..start + bytes.len()].copy_from_slice(&bytes);
                Ok(Reply::Count(bytes.len() as u64))
            }
            FsCommand::Stat(file) => Ok(self.stat(self.node(file)?)),
            FsCommand::StatAt { dir, path, follow } => {
                Ok(self.stat(self.find(self.node(dir)?, &path, follow)?))
            }
            FsCommand::SetSize { file, size } => {
                let node = self.node(file)?;
                let Node::File(bytes) = &mut self.nodes[node].0 else {
                    return Err(Errno::IsDirectory);
                };
                bytes.resize(size as usize, 0);
                Ok(Reply::Done)
            }
            FsCommand::SetTimes { file, modified, .. } => {
                let node = self.node(file)?;
                self.set_time(node, modified)
            }
            FsCommand::SetTimesAt { dir, path, follow, modified, .. } => {
                let node = self.find(self.node(dir)?, &path, follow)?;
                self.set_time(node, modified)
            }
            FsCommand::OpenDir(file) => {
                let node = self.node(file)?;
                self.entries(node)?;
                self.next += 1;
                self.open.insert(FileId(self.next), node);
                self.lists.insert(FileId(self.next));
                Ok(Reply::File { id: FileId(self.next), kind: FileKind::Directory })
            }
            FsCommand::ReadDir(file) if !self.lists.remove(&file) => {
                assert!(self.open.contains_key(&file));
                Ok(Reply::Entries(Vec::new()))
            }
            FsCommand::ReadDir(file) => {
                let entries = self.entries(self.node(file)?)?.iter();
                let entry = |(name, node): (&String, &usize)| {
                    let Reply::Stat(stat) = self.stat(*node) else { unreachable!() };
                    DirEntry { name: name.clone(), kind: stat.kind, inode: stat.inode }
                };
                Ok(Reply::Entries(entries.map(entry).collect()))
            }
            FsCommand::CreateDir { dir, path } => {
                let (parent, name) = self.parent(dir, &path)?;
                match self.entries(parent)?.contains_key(name) {
                    true => Err(Errno::Exist),
                    false => {
                        self.add(parent, name, Node::Dir(BTreeMap::new()));
                        Ok(Reply::Done)
                    }
                }
            }
            FsCommand::RemoveDir { dir, path } => {
                let node = self.find(self.node(dir)?, &path, false)?;
                if !self.entries(node)?.is_empty() {
                    return Err(Errno::NotEmpty);
                }
                self.take(dir, &path)
            }
            FsCommand::Unlink { dir, path } => {
                let node = self.find(self.node(dir)?, &path, false)?;
                match self.nodes[node].0 {
                    Node::Dir(_) => Err(Errno::IsDirectory),
                    _ => self.take(dir, &path),
                }
            }
            FsCommand::Rename { dir, path, to_dir, to_path } => {
                let node = self.find(self.node(dir)?, &path, false)?;
                let (parent, name) = self.parent(to_dir, &to_path)?;
                self.take(dir, &path)?;
                self.insert(parent, name, node)
            }
            FsCommand::Link { dir, path, follow, to_dir, to_path } => {
                let node = self.find(self.node(dir)?, &path, follow)?;
                let (parent, name) = self.parent(to_dir, &to_path)?;
                self.insert(parent, name, node)
            }
            FsCommand::Symlink { target, dir, path } => {
                let (parent, name) = self.parent(dir, &path)?;
                self.add(parent, name, Node::Link(target));
                Ok(Reply::Done)
            }
            FsCommand::ReadLink { dir, path } => {
                match &self.nodes[self.find(self.node(dir)?, &path, false)?].0 {
                    Node::Link(text) => Ok(Reply::Text(text.clone())),
                    _ => Err(Errno::Invalid),
                }
            }
            FsCommand::Sync { file, .. } | FsCommand::Advise { file, .. } => {
                self.node(file)?;
                Ok(Reply::Done)
            }
            other => panic!("{other:?}"),
        }
    }

    fn open(
        &mut self,
        dir: FileId,
        path: &str,
        follow: bool,
        flags: OpenFlags,
    ) -> Result<Reply, Errno> {
        let node = match self.find(self.node(dir)?, path, follow) {
            Ok(_) if flags.exclusive => return Err(Errno::Exist),
            Err(Errno::NoEntry) if flags.create => {
                let (parent, name) = self.parent(dir, path)?;
                self.add(parent, name, Node::File(Vec::new()))
            }
            found => found?,
        };
        let kind = match &mut self.nodes[node].0 {
            Node::Dir(_) if flags.write => return Err(Errno::IsDirectory),
            Node::Dir(_) => FileKind::Directory,
            Node::Link(_) => return Err(Errno::Loop),
            Node::File(_) if flags.directory => return Err(Errno::NotDirectory),
            Node::File(bytes) => {
                if flags.truncate {
                    bytes.clear();
                }
                FileKind::RegularFile
            }
        };
        self.next += 1;
        let id = FileId(self.next);
        self.open.insert(id, node);
        Ok(Reply::File { id, kind })
    }

    fn set_time(&mut self, node: usize, time: NewTime) -> Result<Reply, Errno> {
        match time {
            NewTime::Keep => {}
            NewTime::Now => self.nodes[node].1 = self.now,
            NewTime::At(time) => self.nodes[node].1 = time,
        }
        Ok(Reply::Done)
    }

    fn take(&mut self, dir: FileId, path: &str) -> Result<Reply, Errno> {
        let (parent, name) = self.parent(dir, path)?;
        match &mut self.nodes[parent].0 {
            Node::Dir(entries) => entries.remove(name).ok_or(Errno::NoEntry)?,
            _ => return Err(Errno::NotDirectory),
        };
        Ok(Reply::Done)
    }

    fn insert(&mut self, dir: usize, name: &str, node: usize) -> Result<Reply, Errno> {
        match &mut self.nodes[dir].0 {
            Node::Dir(entries) => entries.insert(name.to_owned(), node),
            _ => return Err(Errno::NotDirectory),
        };
        Ok(Reply::Done)
    }
}

/// Calls host functions as a guest would.
pub(super) struct Guest {
    pub state: HostState,
    pub world: World,
}

impl Guest {
    pub fn new(config: WasiConfig, world: World) -> Guest {
        Guest::on_account(config, world, Account::default())
    }

    pub fn on_account(config: WasiConfig, world: World, account: Account) -> Guest {
        let mut state = HostState::default();
        state.begin(account, None);
        state.set(WasiState::new(config).unwrap());
        Guest { state, world }
    }

    /// With the world's root as `/`, and nothing else.
    pub fn at_root(world: World) -> Guest {
        let root = Preopen { guest: "/".to_owned(), dir: FileId(0), read_only: false };
        Guest::new(WasiConfig { preopens: vec![root], ..WasiConfig::default() }, world)
    }

    /// Calls a function of `wasi:interface`, answers its commands, and checks
    /// its result against the WIT.
    pub fn call(
        &mut self,
        interface: &str,
        function: &str,
        args: Vec<Value>,
    ) -> Result<Option<Value>, Trap> {
        let interface = format!("wasi:{interface}");
        let (mut answer, ty) = LINKER.call(&mut self.state, &interface, function, args)?;
        loop {
            self.post();
            answer = match answer {
                Answer::Now(value) => {
                    assert_eq!(value.is_some(), ty.result.is_some(), "{function}");
                    if let (Some(value), Some(id)) = (&value, ty.result) {
                        let ty = Type::new(LINKER.types.clone().into(), id);
                        check_with(&ty, value, &mut |_, _| true)
                            .unwrap_or_else(|e| panic!("{function}: {e}"));
                    }
                    return Ok(value);
                }
                Answer::Then(command, then) => {
                    let reply = self.world.answer(command);
                    LINKER.proceed(&mut self.state, then, reply)?
                }
                Answer::Later(command) => panic!("{function}: {command:?}"),
            };
        }
    }

    fn post(&mut self) {
        for command in std::mem::take(&mut self.state.outbox) {
            self.world.answer(command);
        }
    }

    /// Drops a handle that the guest owns.
    pub fn drop(&mut self, interface: &str, resource: &str, rep: u32) -> Result<(), Trap> {
        LINKER.call_dtor(&mut self.state, &format!("wasi:{interface}"), resource, rep)?;
        self.post();
        Ok(())
    }

    /// A method of `descriptor`: its result, or the name of the error.
    pub fn fs(&mut self, method: &str, rep: u32, args: &[Value]) -> Result<Value, Errno> {
        let mut all = vec![borrow(rep)];
        all.extend(args.iter().cloned());
        let function = format!("[method]descriptor.{method}");
        let result = self.call("filesystem/types", &function, all).unwrap().unwrap();
        result_of(result).map_err(|code| match code {
            Some(Value::Variant { case, .. }) => errno(case),
            other => panic!("{other:?}"),
        })
    }

    /// Opens a path with the given bits of `open-flags` and `descriptor-flags`.
    pub fn open(&mut self, base: u32, path: &str, how: u32, what: u32) -> Result<u32, Errno> {
        let args = [Value::Flags(1), path.into(), Value::Flags(how), Value::Flags(what)];
        self.fs("open-at", base, &args).map(|value| rep(&value))
    }

    /// A function of `wasi:io/streams`.
    pub fn stream(
        &mut self,
        method: &str,
        rep: u32,
        args: &[Value],
    ) -> Result<Result<Value, Option<Value>>, Trap> {
        let mut all = vec![borrow(rep)];
        all.extend(args.iter().cloned());
        let result = self.call("io/streams", &format!("[method]{method}"), all)?.unwrap();
        Ok(match result {
            result @ Value::Variant { .. } => result_of(result),
            other => Ok(other),
        })
    }

    /// The directories that are open from the beginning.
    pub fn preopens(&mut self) -> Vec<(u32, String)> {
        let list = self.call("filesystem/preopens", "get-directories", vec![]).unwrap().unwrap();
        let Value::List(list) = list else { panic!("{list:?}") };
        list.iter()
            .map(|pair| match pair {
                Value::Record(fields) => (rep(&fields[0]), fields[1].as_str().unwrap().to_owned()),
                other => panic!("{other:?}"),
            })
            .collect()
    }
}

pub(super) fn borrow(rep: u32) -> Value {
    Value::Borrow(Resource::host(rep))
}

pub(super) fn rep(value: &Value) -> u32 {
    match value {
        Value::Own(resource) => resource.rep,
        other => panic!("no handle: {other:?}"),
    }
}

/// `ok`'s payload, or a unit that stands for none; or `err`'s payload.
pub(super) fn result_of(value: Value) -> Result<Value, Option<Value>> {
    match value {
        Value::Variant { case: 0, payload } => {
            Ok(payload.map_or(Value::Record(Vec::new()), |value| *value))
        }
        Value::Variant { case: 1, payload } => Err(payload.map(|value| *value)),
        other => panic!("no result: {other:?}"),
    }
}

/// The error with this number.
pub(super) fn errno(case: u32) -> Errno {
    const ALL: [Errno; 37] = [
        Errno::Access,
        Errno::WouldBlock,
        Errno::Already,
        Errno::BadDescriptor,
        Errno::Busy,
        Errno::Deadlock,
        Errno::Quota,
        Errno::Exist,
        Errno::FileTooLarge,
        Errno::IllegalByteSequence,
        Errno::InProgress,
        Errno::Interrupted,
        Errno::Invalid,
        Errno::Io,
        Errno::IsDirectory,
        Errno::Loop,
        Errno::TooManyLinks,
        Errno::MessageSize,
        Errno::NameTooLong,
        Errno::NoDevice,
        Errno::NoEntry,
        Errno::NoLock,
        Errno::InsufficientMemory,
        Errno::InsufficientSpace,
        Errno::NotDirectory,
        Errno::NotEmpty,
        Errno::NotRecoverable,
        Errno::Unsupported,
        Errno::NoTty,
        Errno::NoSuchDevice,
        Errno::Overflow,
        Errno::NotPermitted,
        Errno::Pipe,
        Errno::ReadOnly,
        Errno::InvalidSeek,
        Errno::TextFileBusy,
        Errno::CrossDevice,
    ];
    ALL[case as usize]
}
