//! What the processes of a node do, as a trace in Chrome's JSON format, which
//! Perfetto and `chrome://tracing` open.
//!
//! Each process is a track, among those of its host. On it lie its steps, with their
//! fuel, and its waits; what it asks for; the mail that it is handed. Arrows lead from who
//! sends a message or starts a process to who is handed it or begins.
//!
//! Each event is written when it happens, and as a whole, so that a trace of a node that
//! was killed can be read as well: the format does without its end. A file does not become
//! larger than it may be; what comes later is left out.

use std::{
    collections::HashMap,
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};

use super::{arrows::Arrows, stage::Clock, table::ProcessSlot, vitals::ProcessState};
use crate::{
    command::{
        ActorCommand, ClockCommand, Command, Ending, HostCall, HttpCommand, Mail, NetCommand, Pid,
        RandomCommand, StdioCommand, StreamCommand, Wait, http::RequestHead,
    },
    lock::lock,
    process::Event,
    visible,
};

/// Writes a trace.
pub struct Trace {
    start: OnceLock<Instant>,
    out: Mutex<Out>,
    arrows: Mutex<Arrows>,
}

/// Bytes of a trace, unless it is said otherwise: what viewers open without trouble.
const MOST: u64 = 512 << 20;

struct Out {
    writer: Box<dyn Write + Send>,
    any: bool,
    /// Bytes that may still be written.
    left: u64,
    /// There was no room for some.
    full: bool,
    /// The numbers of hosts, by their ids.
    hosts: HashMap<Arc<str>, u64>,
    /// Nothing can be written any more.
    failed: bool,
    /// Its end has been written.
    finished: bool,
}

impl Trace {
    /// A trace that goes to `writer`.
    ///
    /// # Errors
    ///
    /// If its beginning cannot be written.
    pub fn new(writer: impl Write + Send + 'static) -> io::Result<Trace> {
        Trace::with_size(writer, MOST)
    }

    /// A trace that goes to `writer`, and has no more than so many bytes.
    ///
    /// # Errors
    ///
    /// If its beginning cannot be written.
    pub fn with_size(writer: impl Write + Send + 'static, most: u64) -> io::Result<Trace> {
        let mut writer = Box::new(writer) as Box<dyn Write + Send>;
        writer.write_all(b"[\n")?;
        let out = Out {
            writer,
            any: false,
            // For the brackets.
            left: most.saturating_sub(8),
            full: false,
            hosts: HashMap::new(),
            failed: false,
            finished: false,
        };
        Ok(Trace { start: OnceLock::new(), out: Mutex::new(out), arrows: Mutex::default() })
    }

    /// True if something has been left out for want of room.
    pub fn is_full(&self) -> bool {
        lock(&self.out).full
    }

    /// Writes the end, once. What happens later is left out.
    ///
    /// # Errors
    ///
    /// If something could not be written, now or before.
    pub fn finish(&self) -> io::Result<()> {
        let mut out = lock(&self.out);
        if out.failed {
            return Err(io::Error::other("the trace is not complete"));
        }
        if !std::mem::replace(&mut out.finished, true) {
            out.writer.write_all(b"\n]\n")?;
        }
        out.writer.flush()
    }

    /// Since the first process was born.
    fn micros(&self, at: Instant) -> f64 {
        at.saturating_duration_since(*self.start.get_or_init(|| at)).as_secs_f64() * 1e6
    }

    fn event(&self, slot: &ProcessSlot, at: Instant, name: &str, more: Json) {
        let mut out = lock(&self.out);
        let host = out.host(&slot.host.id);
        let mut event = json!({
            "name": name,
            "pid": host,
            "tid": slot.serial,
            "ts": self.micros(at),
        });
        if let (Some(event), Json::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        out.write(&event);
    }

    /// An arrow begins or ends at a process.
    fn arrow(&self, slot: &ProcessSlot, at: Instant, what: &str, number: u64, ends: bool) {
        let (phase, more) = if ends { ("f", "e") } else { ("s", "") };
        let mut fields = json!({"ph": phase, "cat": what, "id": number});
        // It ends at the step, and not at what comes after it.
        if let (Some(fields), true) = (fields.as_object_mut(), ends) {
            fields.insert("bp".to_owned(), more.into());
        }
        self.event(slot, at, what, fields);
    }

    /// A message is about to be delivered.
    pub(super) fn sends(&self, from: &ProcessSlot, to: &ProcessSlot) -> Option<u64> {
        lock(&self.arrows).sends(&from.pid, to.serial)
    }

    /// It has been delivered, or not.
    pub(super) fn sent(
        &self,
        (from, to): (&ProcessSlot, &ProcessSlot),
        number: Option<u64>,
        at: Instant,
        delivered: bool,
    ) {
        match (number, delivered) {
            (Some(number), true) => self.arrow(from, at, "message", number, false),
            (Some(_), false) => lock(&self.arrows).takes_back(&from.pid, to.serial),
            (None, _) => {}
        }
    }

    /// A process has been started by another.
    pub(super) fn spawned(&self, parent: &ProcessSlot, child: &ProcessSlot) {
        if lock(&self.arrows).is_born(child.serial) {
            self.arrow(parent, child.born, "spawn", child.serial, false);
        }
    }

    /// A process has been started.
    pub(in crate::host) fn started(&self, slot: &ProcessSlot) {
        let name = format!("{} {}", slot.entry, slot.pid);
        let more = json!({"ph": "M", "args": {"name": name}});
        self.event(slot, slot.born, "thread_name", more);
        self.instant(slot, slot.born, "started", json!({}));
    }

    fn span(
        &self,
        slot: &ProcessSlot,
        name: &str,
        (began, length): (Instant, Duration),
        args: Json,
    ) {
        let more = json!({"ph": "X", "dur": length.as_secs_f64() * 1e6, "args": args});
        self.event(slot, began, name, more);
    }

    fn instant(&self, slot: &ProcessSlot, at: Instant, name: &str, args: Json) {
        let more = json!({"ph": "i", "s": "t", "args": args});
        self.event(slot, at, name, more);
    }
}

impl Out {
    /// The number of a host, which is told of when it is new.
    fn host(&mut self, id: &Arc<str>) -> u64 {
        if let Some(number) = self.hosts.get(id) {
            return *number;
        }
        let number = self.hosts.len() as u64 + 1;
        self.hosts.insert(id.clone(), number);
        let args = json!({"name": &**id});
        self.write(&json!({"name": "process_name", "ph": "M", "pid": number, "args": args}));
        number
    }

    /// Writes an event as a whole, so that a file that ends here can be read.
    fn write(&mut self, event: &Json) {
        if self.failed || self.finished || self.full {
            return;
        }
        let comma = if self.any { ",\n" } else { "" };
        let text = format!("{comma}{}", visible::json(&event.to_string()));
        let Some(left) = self.left.checked_sub(text.len() as u64) else {
            self.full = true;
            return;
        };
        self.left = left;
        self.any = true;
        if let Err(error) = self.writer.write_all(text.as_bytes()) {
            tracing::warn!(%error, "the trace ends here");
            self.failed = true;
        }
    }
}

/// A trace and the process that it is asked to tell of.
pub(in crate::host) struct Probe<'a> {
    pub trace: &'a Trace,
    pub slot: &'a ProcessSlot,
    pub clock: Clock,
}

impl Probe<'_> {
    /// A step that began then has ended now.
    pub fn step(&self, began: Instant, fuel: u64) {
        let span = (began, self.clock.since(began));
        self.trace.span(self.slot, "step", span, json!({"fuel": fuel}));
    }

    /// A wait that began then has ended now.
    pub fn wait(&self, began: Instant, state: ProcessState) {
        let span = (began, self.clock.since(began));
        self.trace.span(self.slot, state.name(), span, json!({}));
    }

    /// The process asks for something.
    pub fn command(&self, command: &Command) {
        self.instant(command.name(), args_of(command));
    }

    /// The process begins a step, and is handed mail.
    pub fn begins(&self, at: Instant, events: &[Event]) {
        if lock(&self.trace.arrows).begins(self.slot.serial) {
            self.trace.arrow(self.slot, at, "spawn", self.slot.serial, true);
        }
        for event in events {
            let Event::Mail(mail) = event else { continue };
            let (name, args) = match mail {
                Mail::Message(message) => {
                    let from = message.from.as_ref();
                    let number = from
                        .and_then(|from| lock(&self.trace.arrows).arrives(from, self.slot.serial));
                    if let Some(number) = number {
                        self.trace.arrow(self.slot, at, "message", number, true);
                    }
                    let from = from.map(Pid::as_str);
                    ("message", json!({"from": from, "topic": &*message.topic}))
                }
                Mail::Exit { from, result } => {
                    ("exit", json!({"from": from.as_str(), "ok": result.is_ok()}))
                }
                Mail::LinkDown { from, .. } => ("link-down", json!({"from": from.as_str()})),
                Mail::Cancel { reason, .. } => ("cancelled", json!({"reason": reason})),
            };
            self.trace.instant(self.slot, at, name, args);
        }
    }

    /// The process has ended.
    pub fn ended(&self, ending: &Ending) {
        let error = ending.as_ref().err().map(ToString::to_string);
        self.instant("ended", json!({"error": error}));
        lock(&self.trace.arrows).ends(self.slot.serial);
    }

    fn instant(&self, name: &str, args: Json) {
        self.trace.instant(self.slot, self.clock.now(), name, args);
    }
}

/// The part of a command that tells it from others of its kind.
fn args_of(command: &Command) -> Json {
    match command {
        Command::Call(HostCall { interface, function, .. }) => {
            json!({"function": format!("{interface}#{function}")})
        }
        Command::Project(command) => json!({"command": command.name()}),
        Command::Wait(Wait { until, .. }) => json!({"until": until}),
        Command::Random(RandomCommand::Bytes { len, .. }) => json!({"len": len}),
        Command::Stdio(command) => match command {
            StdioCommand::Read { len } => json!({"len": len}),
            StdioCommand::Write { bytes, .. } => json!({"len": bytes.len()}),
            StdioCommand::IsTerminal(stream) | StdioCommand::Flush(stream) => {
                json!({"stream": format!("{stream:?}")})
            }
        },
        Command::Fs(command) => {
            let text = format!("{command:?}");
            json!({"command": text.chars().take(200).collect::<String>()})
        }
        Command::Stream(command) => match command {
            StreamCommand::Read { stream, len } => json!({"stream": stream.0, "len": len}),
            StreamCommand::Room(stream) | StreamCommand::Flush(stream) => {
                json!({"stream": stream.0})
            }
            StreamCommand::Write { stream, bytes } => {
                json!({"stream": stream.0, "len": bytes.len()})
            }
        },
        Command::Http(command) => args_of_http(command),
        Command::Net(command) => args_of_net(command),
        Command::Clock(ClockCommand::Now(clock) | ClockCommand::Resolution(clock)) => {
            json!({"clock": format!("{clock:?}")})
        }
        Command::Actor(command) => args_of_actor(command),
        Command::Chore(_) => json!({}),
    }
}

fn args_of_http(command: &HttpCommand) -> Json {
    use HttpCommand as Http;
    match command {
        Http::Send(request) => {
            let RequestHead { method, authority, path_with_query, .. } = &request.head;
            json!({"method": method.as_str(), "authority": authority, "path": path_with_query})
        }
        Http::Respond { response, .. } => match response {
            Ok(response) => json!({"status": response.head.status}),
            Err(error) => json!({"error": format!("{error:?}")}),
        },
        Http::NewBody { length, .. } => json!({"length": length}),
        Http::Response(id)
        | Http::Finish { body: id, .. }
        | Http::Cut(id)
        | Http::PassOver(id)
        | Http::Trailers(id)
        | Http::Close(id) => json!({"handle": id.0}),
    }
}

fn args_of_net(command: &NetCommand) -> Json {
    use NetCommand as Net;
    match command {
        Net::CreateTcp(_) | Net::CreateUdp(_) => json!({}),
        Net::Bind { socket, address } | Net::Connect { socket, address } => {
            json!({"handle": socket.0, "address": address.to_string()})
        }
        Net::Associate { socket, remote } => {
            json!({"handle": socket.0, "address": remote.map(|remote| remote.to_string())})
        }
        Net::Send { socket, datagrams } => {
            json!({"handle": socket.0, "datagrams": datagrams.len()})
        }
        Net::Resolve(name) => json!({"name": name}),
        Net::Close(socket)
        | Net::FinishConnect(socket)
        | Net::Listen { socket, .. }
        | Net::Accept(socket)
        | Net::LocalAddress(socket)
        | Net::RemoteAddress(socket)
        | Net::Option { socket, .. }
        | Net::SetOption { socket, .. }
        | Net::Shutdown { socket, .. }
        | Net::Receive { socket, .. }
        | Net::Resolved(socket) => json!({"handle": socket.0}),
    }
}

fn args_of_actor(command: &ActorCommand) -> Json {
    use ActorCommand as Actor;
    match command {
        Actor::Spawn(spawn) | Actor::Exec(spawn) => json!({"entry": spawn.entry}),
        Actor::Call(call) => json!({"entry": call.entry}),
        Actor::GiveUp(number) => json!({"call": number}),
        Actor::Send { to, topic, .. } => json!({"to": &**to, "topic": &**topic}),
        Actor::Cancel { to, .. } | Actor::Terminate { to } => json!({"to": &**to}),
        Actor::Monitor(pid) | Actor::Unmonitor(pid) | Actor::Link(pid) | Actor::Unlink(pid) => {
            json!({"pid": pid.as_str()})
        }
        Actor::TrapLinks(on) => json!({"on": on}),
        Actor::Register(name) | Actor::Unregister(name) | Actor::Lookup(name) => {
            json!({"name": name})
        }
        Actor::Processes { most } => json!({"most": most}),
        Actor::Pause => json!({}),
    }
}
