//! Commands, by family, and replies.

use super::{
    Coded, DecodeError, Problem, Reader, Writer, coded_as, coded_enum, coded_names, coded_struct,
};
#[cfg(test)]
use crate::command::codec::tests::Random;
use crate::command::{
    ActorCommand, Advice, Attempts, Chore, Clock, ClockCommand, Command, DirEntry, Errno, FileId,
    FileKind, FsCommand, FunctionCall, HostCall, Interest, Interests, NewTime, OpenFlags,
    ProjectCommand, RandomCommand, Ready, Reply, Spawn, Stat, Stdio, StdioCommand, StreamCommand,
    Wait,
};

coded_enum! { Command {
    0 = Call(call);
    1 = Clock(command);
    2 = Random(command);
    3 = Stdio(command);
    4 = Fs(command);
    5 = Actor(command);
    6 = Wait(wait);
    7 = Chore(chore);
    8 = Stream(command);
    9 = Http(command);
    10 = Net(command);
    11 = Project(command);
} }

coded_enum! { Reply {
    0 = Value(value);
    1 = Done;
    2 = Time(time);
    3 = Bytes(bytes);
    4 = Count(count);
    5 = Bool(truth);
    6 = Text(text);
    7 = Ready(ready);
    8 = File { id, kind };
    9 = Stat(stat);
    10 = Entries(entries);
    11 = Pid(pid);
    12 = Ended(ending);
    13 = Failed(errno);
    14 = ProcessError(error);
    15 = Refused(why);
    16 = Handle(id);
    17 = Response(response);
    18 = Trailers(fields);
    19 = HttpError(error);
    20 = Address(address);
    21 = Addresses(addresses);
    22 = Datagrams(datagrams);
    23 = NetError(error);
} }

coded_struct! { HostCall { interface, function, args } }

/// It tells nothing from outside, so all that is written is that there was one; what
/// is read has been done.
impl Coded for Chore {
    fn put(&self, _: &mut Writer) {}

    fn take(_: &mut Reader<'_>) -> Result<Chore, DecodeError> {
        Ok(Chore::done())
    }

    #[cfg(test)]
    fn samples(_: u32) -> Vec<Chore> {
        vec![Chore::done()]
    }

    #[cfg(test)]
    fn any(_: &mut Random, _: u32) -> Chore {
        Chore::done()
    }
}

coded_enum! { ClockCommand {
    0 = Now(clock);
    1 = Resolution(clock);
} }

coded_enum! { Clock {
    0 = Wall;
    1 = Monotonic;
} }

coded_enum! { RandomCommand {
    0 = Bytes { len, insecure };
} }

coded_enum! { StdioCommand {
    0 = IsTerminal(stream);
    1 = Read { len };
    2 = Write { to, bytes };
    3 = Flush(stream);
} }

coded_enum! { Stdio {
    0 = Stdin;
    1 = Stdout;
    2 = Stderr;
} }

coded_struct! { Wait { on, until } }

coded_struct! { Ready { on, time } }

impl Coded for Interests {
    fn put(&self, out: &mut Writer) {
        self.iter().collect::<Vec<Interest>>().put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Interests, DecodeError> {
        let at = from.at;
        let list = Vec::<Interest>::take(from)?;
        let set: Interests = list.iter().copied().collect();
        match set.iter().eq(list) {
            true => Ok(set),
            false => {
                Err(from.wrong(at, Problem::Unfit("interests that are twice or not in order")))
            }
        }
    }

    #[cfg(test)]
    fn samples(_: u32) -> Vec<Interests> {
        let one = Interest::PLAIN.into_iter().map(Interests::of);
        let (id, other) = (FileId(300), FileId(1));
        let handles = [Interest::Writable(other), Interest::Readable(id), Interest::Mail];
        let sets = [Interests::NONE, Interest::PLAIN.into_iter().collect()];
        sets.into_iter().chain(one).chain([handles.into_iter().collect()]).collect()
    }

    #[cfg(test)]
    fn any(random: &mut Random, _: u32) -> Interests {
        (0..random.below(5)).map(|_| Interest::any(random, 1)).collect()
    }
}

coded_enum! { Interest {
    0 = Stdin;
    1 = Mail;
    2 = Readable(id);
    3 = Writable(id);
} }

coded_enum! { StreamCommand {
    0 = Read { stream, len };
    1 = Room(stream);
    2 = Write { stream, bytes };
    3 = Flush(stream);
} }

coded_enum! { ActorCommand {
    0 = Spawn(spawn);
    1 = Exec(spawn);
    2 = Send { to, topic, payload };
    3 = Monitor(pid);
    4 = Unmonitor(pid);
    5 = Link(pid);
    6 = Unlink(pid);
    7 = TrapLinks(on);
    8 = Cancel { to, reason, patience };
    9 = Terminate { to };
    10 = Register(name);
    11 = Unregister(name);
    12 = Lookup(name);
    13 = Pause;
    14 = Processes { most };
    15 = Call(call);
    16 = GiveUp(number);
} }

coded_struct! { Spawn { entry, host, args, monitor, link, context } }

coded_struct! { FunctionCall { entry, args, context, timeout, attempts, number } }

coded_struct! { Attempts { most, delay, factor } }

coded_enum! { ProjectCommand {
    0 = Variable(name);
    1 = Variables;
    2 = SetVariable { name, value };
    3 = Entry(id);
    4 = Find(filter);
    5 = Directory(id);
} }

coded_enum! { FsCommand {
    0 = Open { dir, path, follow, flags };
    1 = Close(file);
    2 = Read { file, offset, len };
    3 = Write { file, offset, bytes };
    4 = Stat(file);
    5 = StatAt { dir, path, follow };
    6 = SetSize { file, size };
    7 = SetTimes { file, accessed, modified };
    8 = SetTimesAt { dir, path, follow, accessed, modified };
    9 = OpenDir(dir);
    10 = ReadDir(dir);
    11 = CreateDir { dir, path };
    12 = RemoveDir { dir, path };
    13 = Unlink { dir, path };
    14 = Rename { dir, path, to_dir, to_path };
    15 = Link { dir, path, follow, to_dir, to_path };
    16 = Symlink { target, dir, path };
    17 = ReadLink { dir, path };
    18 = Sync { file, data_only };
    19 = Advise { file, offset, len, advice };
} }

coded_as! { FileId as u64: |id| id.0, |number| Ok(FileId(number)) }

coded_struct! { OpenFlags {
    read, write, create, exclusive, truncate, directory, data_sync, file_sync
} }

coded_enum! { NewTime {
    0 = Keep;
    1 = Now;
    2 = At(time);
} }

coded_enum! { Advice {
    0 = Normal;
    1 = Sequential;
    2 = Random;
    3 = WillNeed;
    4 = DontNeed;
    5 = NoReuse;
} }

coded_enum! { FileKind {
    0 = Unknown;
    1 = BlockDevice;
    2 = CharacterDevice;
    3 = Directory;
    4 = Fifo;
    5 = SymbolicLink;
    6 = RegularFile;
    7 = Socket;
} }

coded_struct! { Stat { kind, device, inode, links, size, accessed, modified, changed } }

coded_struct! { DirEntry { name, kind, inode } }

coded_names! { Errno {
    "access" = Access;
    "would-block" = WouldBlock;
    "already" = Already;
    "bad-descriptor" = BadDescriptor;
    "busy" = Busy;
    "deadlock" = Deadlock;
    "quota" = Quota;
    "exist" = Exist;
    "file-too-large" = FileTooLarge;
    "illegal-byte-sequence" = IllegalByteSequence;
    "in-progress" = InProgress;
    "interrupted" = Interrupted;
    "invalid" = Invalid;
    "io" = Io;
    "is-directory" = IsDirectory;
    "loop" = Loop;
    "too-many-links" = TooManyLinks;
    "message-size" = MessageSize;
    "name-too-long" = NameTooLong;
    "no-device" = NoDevice;
    "no-entry" = NoEntry;
    "no-lock" = NoLock;
    "insufficient-memory" = InsufficientMemory;
    "insufficient-space" = InsufficientSpace;
    "not-directory" = NotDirectory;
    "not-empty" = NotEmpty;
    "not-recoverable" = NotRecoverable;
    "unsupported" = Unsupported;
    "no-tty" = NoTty;
    "no-such-device" = NoSuchDevice;
    "overflow" = Overflow;
    "not-permitted" = NotPermitted;
    "pipe" = Pipe;
    "read-only" = ReadOnly;
    "invalid-seek" = InvalidSeek;
    "text-file-busy" = TextFileBusy;
    "cross-device" = CrossDevice;
    "too-many-open" = TooManyOpen;
} }
