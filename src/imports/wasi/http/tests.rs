//! What the functions promise, called one by one.

use super::convert::{from_error, to_error};
use crate::{
    command::{
        Command, FileId, HttpCommand, HttpError, Reply,
        http::{
            FieldSize, IncomingRequest, IncomingResponse, Method, RequestHead, ResponseHead, Scheme,
        },
    },
    imports::wasi::{
        WasiConfig, WasiState,
        fake::{Guest, LINKER, World, borrow, rep, result_of},
    },
    value::{Resource, TypeDef, Value},
};

fn guest() -> Guest {
    Guest::new(WasiConfig::default(), World::default())
}

fn own(rep: u32) -> Value {
    Value::Own(Resource::host(rep))
}

fn some(value: impl Into<Value>) -> Value {
    Value::some(value)
}

const OK: Value = Value::Variant { case: 0, payload: None };
const ERR: Value = Value::Variant { case: 1, payload: None };

impl Guest {
    fn http(&mut self, function: &str, args: Vec<Value>) -> Value {
        self.try_http(function, args).unwrap()
    }

    fn try_http(&mut self, function: &str, args: Vec<Value>) -> Result<Value, String> {
        let interface = if function == "handle" { "outgoing-handler" } else { "types" };
        let result = self.call(&format!("http/{interface}"), function, args);
        result.map(|value| value.unwrap_or(OK)).map_err(|trap| trap.message)
    }

    fn method(&mut self, function: &str, this: u32, args: Vec<Value>) -> Value {
        let all = [borrow(this)].into_iter().chain(args).collect();
        self.http(&format!("[method]{function}"), all)
    }

    fn make(&mut self, function: &str, args: Vec<Value>) -> u32 {
        rep(&self.http(function, args))
    }

    /// What a result of a handle has.
    fn got(&mut self, function: &str, this: u32) -> u32 {
        rep(&result_of(self.method(function, this, vec![])).unwrap())
    }

    fn discard(&mut self, resource: &str, rep: u32) -> Result<(), String> {
        let interface = match resource {
            "pollable" => "io/poll",
            "input-stream" | "output-stream" => "io/streams",
            _ => "http/types",
        };
        self.drop(interface, resource, rep).map_err(|trap| trap.message)
    }

    fn fields(&mut self, fields: &[(&str, &str)]) -> u32 {
        let this = self.make("[constructor]fields", vec![]);
        for (name, value) in fields {
            let args = vec![(*name).into(), Value::from(value.as_bytes().to_vec())];
            assert_eq!(self.method("fields.append", this, args), OK, "{name}");
        }
        this
    }

    /// A request that could be sent.
    fn request(&mut self, fields: &[(&str, &str)]) -> u32 {
        let fields = self.fields(fields);
        let this = self.make("[constructor]outgoing-request", vec![own(fields)]);
        let set = |guest: &mut Guest, what: &str, value: Value| {
            let set = guest.method(&format!("outgoing-request.set-{what}"), this, vec![value]);
            assert_eq!(set, OK);
        };
        set(self, "scheme", some(Value::case(0)));
        set(self, "authority", some("localhost:80"));
        set(self, "path-with-query", some("/"));
        this
    }

    /// Sends a request: the exchange, or the number of the error.
    fn send(&mut self, request: u32) -> Result<u32, Value> {
        let sent = self.http("handle", vec![own(request), Value::NONE]);
        result_of(sent).map(|value| rep(&value)).map_err(Option::unwrap)
    }

    fn asked(&self, fits: impl Fn(&HttpCommand) -> bool) -> usize {
        let fits = |command: &&Command| matches!(command, Command::Http(it) if fits(it));
        self.world.log.iter().filter(fits).count()
    }
}

/// `ConnectionReadTimeout` as `connection-read-timeout`, and as the WIT has it.
#[test]
fn the_numbers_of_errors_are_those_of_the_wit() {
    let cases = LINKER.types.iter().find_map(|(_, def)| match def {
        TypeDef::Variant(cases) if cases.len() == 39 => Some(cases),
        _ => None,
    });
    let plain = |text: &str| text.replace('-', "").to_lowercase();
    let size = FieldSize { name: Some("a".to_owned()), size: Some(7) };
    let mut seen = 0;
    for (at, case) in cases.unwrap().iter().enumerate() {
        let text = || Some("text".to_owned());
        let payload = match at as u32 {
            1 => Some(from_error(&HttpError::DnsError { rcode: text(), info_code: Some(5) })),
            14 => Some(from_error(&HttpError::TlsAlertReceived { id: Some(5), message: text() })),
            17 => Some(from_error(&HttpError::RequestBodySize(Some(1 << 40)))),
            21 => Some(from_error(&HttpError::RequestHeaderSectionSize(Some(5)))),
            22 => Some(from_error(&HttpError::RequestHeaderSize(Some(size.clone())))),
            23 => Some(from_error(&HttpError::RequestTrailerSectionSize(None))),
            24 => Some(from_error(&HttpError::RequestTrailerSize(size.clone()))),
            26 => Some(from_error(&HttpError::ResponseHeaderSectionSize(Some(5)))),
            27 => Some(from_error(&HttpError::ResponseHeaderSize(size.clone()))),
            28 => Some(from_error(&HttpError::ResponseBodySize(None))),
            29 => Some(from_error(&HttpError::ResponseTrailerSectionSize(Some(5)))),
            30 => Some(from_error(&HttpError::ResponseTrailerSize(size.clone()))),
            31 => Some(from_error(&HttpError::ResponseTransferCoding(text()))),
            32 => Some(from_error(&HttpError::ResponseContentCoding(None))),
            38 => Some(from_error(&HttpError::InternalError(text()))),
            _ => None,
        };
        let value = payload.unwrap_or_else(|| Value::case(at as u32));
        let error = to_error(value.clone()).unwrap();
        assert_eq!(from_error(&error), value);
        let Value::Variant { case: number, .. } = value else { panic!() };
        assert_eq!(number as usize, at);
        let name = format!("{error:?}");
        let name = plain(name.split([' ', '(']).next().unwrap());
        assert!(plain(&case.name).ends_with(&name), "{} {name}", case.name);
        seen += 1;
    }
    assert_eq!(seen, 39);
}

#[test]
fn fields_are_looked_at_and_changed() {
    let mut guest = guest();
    let this = guest.fields(&[("A", "1"), ("b", "2"), ("a", "3")]);
    let list = |values: &[&str]| {
        let values = values.iter().map(|value| Value::from(value.as_bytes().to_vec()));
        Value::from(values.collect::<Vec<_>>())
    };
    assert_eq!(guest.method("fields.get", this, vec!["a".into()]), list(&["1", "3"]));
    assert_eq!(guest.method("fields.get", this, vec!["a b".into()]), list(&[]));
    assert_eq!(guest.method("fields.has", this, vec!["B".into()]), Value::Bool(true));
    assert_eq!(guest.method("fields.has", this, vec!["".into()]), Value::Bool(false));
    assert_eq!(guest.method("fields.set", this, vec!["a".into(), list(&["4"])]), OK);
    assert_eq!(guest.method("fields.delete", this, vec!["b".into()]), OK);
    let copy = rep(&guest.method("fields.clone", this, vec![]));
    guest.discard("fields", this).unwrap();
    let entries = guest.method("fields.entries", copy, vec![]);
    let pair = Value::Record(vec!["a".into(), Value::from(b"4".to_vec())]);
    assert_eq!(entries, Value::from(vec![pair.clone()]));
    let error = |case| Value::err(Some(Value::case(case)));
    let append = |guest: &mut Guest, name: &str, value: &str| {
        let args = vec![name.into(), Value::from(value.as_bytes().to_vec())];
        guest.method("fields.append", copy, args)
    };
    assert_eq!(append(&mut guest, "bad name", "x"), error(0));
    assert_eq!(append(&mut guest, "Host", "x"), error(1));
    let list = Value::from(vec![pair]);
    guest.make_ok("[static]fields.from-list", vec![list]);
    let pair = Value::Record(vec!["upgrade".into(), Value::from(b"x".to_vec())]);
    let made = guest.http("[static]fields.from-list", vec![Value::from(vec![pair])]);
    assert_eq!(made, error(1));
    let pair = Value::Record(vec!["x".into(), Value::from(vec![b'a'; 1000])]);
    let many = guest.try_http("[static]fields.from-list", vec![Value::from(vec![pair; 200])]);
    assert!(many.unwrap_err().contains("more than 131072 bytes of fields"));
}

impl Guest {
    fn make_ok(&mut self, function: &str, args: Vec<Value>) -> u32 {
        rep(&result_of(self.http(function, args)).unwrap())
    }
}

#[test]
fn the_fields_of_a_head_are_fixed_and_its_children() {
    let mut guest = guest();
    let request = guest.request(&[("a", "1")]);
    let fields = rep(&guest.method("outgoing-request.headers", request, vec![]));
    let immutable = Value::err(Some(Value::case(2)));
    assert_eq!(guest.method("fields.delete", fields, vec!["a".into()]), immutable);
    let early = guest.discard("outgoing-request", request).unwrap_err();
    assert!(early.contains("before those made from it"), "{early}");
    let early = guest.try_http("handle", vec![own(request), Value::NONE]).unwrap_err();
    assert!(early.contains("given away before"), "{early}");
    // A copy can be changed, and belongs to nobody.
    let copy = rep(&guest.method("fields.clone", fields, vec![]));
    assert_eq!(guest.method("fields.delete", copy, vec!["a".into()]), OK);
    guest.discard("fields", fields).unwrap();
    guest.discard("outgoing-request", request).unwrap();
    guest.discard("fields", copy).unwrap();
}

#[test]
fn what_cannot_be_sent_cannot_be_set() {
    let mut guest = guest();
    let this = guest.request(&[]);
    let mut set = |what: &str, value: Value| {
        guest.method(&format!("outgoing-request.set-{what}"), this, vec![value])
    };
    let other = |case, text: &str| Value::Variant { case, payload: Some(Box::new(text.into())) };
    assert_eq!(set("method", other(9, "bad\nmethod")), ERR);
    assert_eq!(set("method", other(9, "")), ERR);
    assert_eq!(set("method", other(9, "PATCH")), OK);
    assert_eq!(set("scheme", some(other(2, "bad\nscheme"))), ERR);
    assert_eq!(set("authority", some("bad-\nhost")), ERR);
    assert_eq!(set("authority", some("localhost:99999")), ERR);
    assert_eq!(set("authority", some("[::]:443")), OK);
    assert_eq!(set("path-with-query", some("/bad\npath")), ERR);
    assert_eq!(set("path-with-query", some("http://elsewhere/")), ERR);
    assert_eq!(set("path-with-query", some("?a=b")), OK);
    let method = guest.method("outgoing-request.method", this, vec![]);
    assert_eq!(method, Value::case(8));
    let authority = guest.method("outgoing-request.authority", this, vec![]);
    assert_eq!(authority, some("[::]:443"));
    assert_eq!(guest.method("outgoing-request.scheme", this, vec![]), some(Value::case(0)));
    guest.world.http.replies = [Reply::Handle(FileId(7))].into();
    guest.send(this).unwrap();
    let Some(Command::Http(HttpCommand::Send(sent))) = guest.world.log.last() else { panic!() };
    assert_eq!(sent.head.method, Method::Patch);
    assert_eq!(sent.head.path_with_query.as_deref(), Some("/?a=b"));
}

#[test]
fn a_request_that_goes_nowhere_is_not_sent() {
    let mut guest = guest();
    let mut error = |what: &str, value: Value| {
        let this = guest.request(&[]);
        let set = guest.method(&format!("outgoing-request.set-{what}"), this, vec![value]);
        assert_eq!(set, OK);
        let error = guest.send(this).unwrap_err();
        to_error(error).unwrap()
    };
    let other = |case, text: &str| Value::Variant { case, payload: Some(Box::new(text.into())) };
    assert_eq!(error("path-with-query", Value::NONE), HttpError::RequestUriInvalid);
    assert_eq!(error("path-with-query", some("*")), HttpError::RequestUriInvalid);
    let long = some(format!("/{}", "a".repeat(64 << 10)).as_str());
    assert_eq!(error("path-with-query", long), HttpError::RequestUriTooLong);
    assert_eq!(error("authority", Value::NONE), HttpError::RequestUriInvalid);
    assert_eq!(error("scheme", some(other(2, "WS"))), HttpError::ProtocolError);
    assert_eq!(error("method", Value::case(5)), HttpError::ProtocolError);
    let this = guest.request(&[("content-length", "5")]);
    let error = guest.send(this).unwrap_err();
    assert_eq!(to_error(error).unwrap(), HttpError::RequestBodySize(Some(0)));
    assert_eq!(guest.asked(|command| matches!(command, HttpCommand::Send(_))), 0);
}

#[test]
fn a_body_is_written_with_room_and_finished_once() {
    let mut guest = guest();
    let request = guest.request(&[("content-length", "2000")]);
    let body = guest.got("outgoing-request.body", request);
    assert_eq!(guest.method("outgoing-request.body", request, vec![]), ERR);
    let stream = guest.got("outgoing-body.write", body);
    assert_eq!(guest.method("outgoing-body.write", body, vec![]), ERR);
    let lengths = |command: &HttpCommand| {
        *command == HttpCommand::NewBody { length: Some(2000), of_response: false }
    };
    assert_eq!(guest.asked(lengths), 1);

    guest.world.http.room = 10;
    let bytes = |len: usize| [Value::from(vec![b'x'; len])];
    // Without asking, nothing is allowed.
    let trap = guest.stream("output-stream.write", stream, &bytes(1)).unwrap_err();
    assert!(trap.message.contains("`check-write` allows 0"), "{trap}");
    let room = guest.stream("output-stream.check-write", stream, &[]).unwrap();
    assert_eq!(room, Ok(10u64.into()));
    let trap = guest.stream("output-stream.write", stream, &bytes(11)).unwrap_err();
    assert!(trap.message.contains("`check-write` allows 10"), "{trap}");
    guest.stream("output-stream.check-write", stream, &[]).unwrap().unwrap();
    guest.stream("output-stream.write", stream, &bytes(6)).unwrap().unwrap();
    guest.stream("output-stream.write", stream, &bytes(4)).unwrap().unwrap();
    let room = guest.stream("output-stream.check-write", stream, &[]).unwrap();
    assert_eq!(room, Ok(0u64.into()));
    // What waits needs no permission.
    let written = guest.stream("output-stream.blocking-write-and-flush", stream, &bytes(1990));
    written.unwrap().unwrap();
    let early = guest.try_http("[static]outgoing-body.finish", vec![own(body), Value::NONE]);
    assert!(early.unwrap_err().contains("before those made from it"));
    guest.discard("output-stream", stream).unwrap();
    assert_eq!(guest.http("[static]outgoing-body.finish", vec![own(body), Value::NONE]), OK);
    let (written, finished) = guest.world.http.bodies.values().next().unwrap();
    assert_eq!((written.len(), *finished), (2000, true));
    // The request still has it.
    assert_eq!(guest.asked(|command| matches!(command, HttpCommand::Close(_))), 0);
    guest.discard("outgoing-request", request).unwrap();
    assert_eq!(guest.asked(|command| matches!(command, HttpCommand::Close(_))), 1);
    assert_eq!(guest.asked(|command| matches!(command, HttpCommand::Cut(_))), 0);
}

#[test]
fn a_body_that_is_dropped_is_cut_off() {
    let mut guest = guest();
    let request = guest.request(&[]);
    let body = guest.got("outgoing-request.body", request);
    guest.discard("outgoing-body", body).unwrap();
    assert_eq!(guest.asked(|command| matches!(command, HttpCommand::Cut(_))), 1);
    assert_eq!(guest.asked(|command| matches!(command, HttpCommand::Close(_))), 0);
    guest.discard("outgoing-request", request).unwrap();
    assert_eq!(guest.asked(|command| matches!(command, HttpCommand::Close(_))), 1);
}

#[test]
fn what_a_body_does_not_take_is_an_error_of_http() {
    let mut guest = guest();
    let request = guest.request(&[]);
    let body = guest.got("outgoing-request.body", request);
    let stream = guest.got("outgoing-body.write", body);
    guest.world.http.room = 0;
    let size = HttpError::RequestBodySize(Some(18));
    guest.world.stream_fails = Some(Reply::HttpError(Box::new(size.clone())));
    let bytes = [Value::from(vec![0; 18])];
    let failed = guest.stream("output-stream.blocking-write-and-flush", stream, &bytes);
    let Err(Some(Value::Variant { case: 0, payload: Some(error) })) = failed.unwrap() else {
        panic!()
    };
    let code = guest.http("http-error-code", vec![borrow(rep(&error))]);
    assert_eq!(code, some(from_error(&size)));
    let closed = guest.stream("output-stream.check-write", stream, &[]).unwrap();
    assert_eq!(closed, Err(Some(Value::case(1))));
}

fn response(guest: &mut Guest) -> u32 {
    let request = guest.request(&[]);
    guest.world.http.replies = [Reply::Handle(FileId(70))].into();
    let future = guest.send(request).unwrap();
    let pollable = rep(&guest.method("future-incoming-response.subscribe", future, vec![]));
    assert_eq!(guest.method("future-incoming-response.get", future, vec![]), Value::NONE);
    let block = guest.call("io/poll", "[method]pollable.block", vec![borrow(pollable)]);
    block.unwrap();
    let headers = vec![("a".to_owned(), b"1".to_vec()), ("connection".to_owned(), Vec::new())];
    let head = ResponseHead { status: 404, headers };
    let response = IncomingResponse { head, body: FileId(71) };
    guest.world.http.replies = [Reply::Response(Box::new(response))].into();
    let got = guest.method("future-incoming-response.get", future, vec![]);
    let Value::Variant { case: 1, payload: Some(outer) } = got else { panic!("{got:?}") };
    let this = rep(&result_of(result_of(*outer).unwrap()).unwrap());
    // The second time there is an error of no kind.
    let again = guest.method("future-incoming-response.get", future, vec![]);
    assert_eq!(again, some(ERR));
    assert!(guest.discard("future-incoming-response", future).is_err());
    guest.discard("pollable", pollable).unwrap();
    guest.discard("future-incoming-response", future).unwrap();
    this
}

#[test]
fn a_response_comes_once() {
    let mut guest = guest();
    let this = response(&mut guest);
    let closes = |command: &HttpCommand| *command == HttpCommand::Close(FileId(70));
    assert_eq!(guest.asked(closes), 1);
    assert_eq!(guest.method("incoming-response.status", this, vec![]), Value::U16(404));
    let fields = rep(&guest.method("incoming-response.headers", this, vec![]));
    let has = |guest: &mut Guest, name: &str| guest.method("fields.has", fields, vec![name.into()]);
    assert_eq!(has(&mut guest, "a"), Value::Bool(true));
    assert_eq!(has(&mut guest, "connection"), Value::Bool(false));
    assert!(guest.discard("incoming-response", this).is_err());
    guest.discard("fields", fields).unwrap();
    let body = guest.got("incoming-response.consume", this);
    assert_eq!(guest.method("incoming-response.consume", this, vec![]), ERR);
    guest.discard("incoming-response", this).unwrap();
    let stream = guest.got("incoming-body.stream", body);
    assert_eq!(guest.method("incoming-body.stream", body, vec![]), ERR);
    guest.world.http.replies = [Reply::Bytes(b"ab".to_vec()), Reply::Bytes(Vec::new())].into();
    let read = |guest: &mut Guest| {
        guest.stream("input-stream.blocking-read", stream, &[10u64.into()]).unwrap()
    };
    assert_eq!(read(&mut guest), Ok(b"ab".to_vec().into()));
    assert_eq!(read(&mut guest), Err(Some(Value::case(1))));
    assert!(guest.try_http("[static]incoming-body.finish", vec![own(body)]).is_err());
    guest.discard("input-stream", stream).unwrap();
    let trailers = guest.make("[static]incoming-body.finish", vec![own(body)]);
    assert_eq!(guest.asked(|command| matches!(command, HttpCommand::PassOver(FileId(71)))), 1);
    assert_eq!(guest.method("future-trailers.get", trailers, vec![]), Value::NONE);
    let fields = vec![("t".to_owned(), Vec::new()), ("upgrade".to_owned(), Vec::new())];
    guest.world.http.replies = [Reply::Trailers(Some(fields))].into();
    let got = guest.method("future-trailers.get", trailers, vec![]);
    let Value::Variant { case: 1, payload: Some(outer) } = got else { panic!("{got:?}") };
    let some_fields = result_of(result_of(*outer).unwrap()).unwrap();
    let Value::Variant { case: 1, payload: Some(fields) } = some_fields else { panic!() };
    let entries = guest.method("fields.entries", rep(&fields), vec![]);
    let t = Value::Record(vec!["t".into(), Value::from(Vec::<u8>::new())]);
    assert_eq!(entries, Value::from(vec![t]));
    assert_eq!(guest.method("future-trailers.get", trailers, vec![]), some(ERR));
    assert_eq!(guest.asked(|command| *command == HttpCommand::Close(FileId(71))), 1);
}

#[test]
fn a_response_that_is_given_up_is_closed() {
    let mut guest = guest();
    let request = guest.request(&[]);
    guest.world.http.replies = [Reply::Handle(FileId(70))].into();
    let future = guest.send(request).unwrap();
    guest.discard("future-incoming-response", future).unwrap();
    assert_eq!(guest.asked(|command| *command == HttpCommand::Close(FileId(70))), 1);
}

#[test]
fn timeouts_are_kept_as_they_are() {
    let mut guest = guest();
    let this = guest.make("[constructor]request-options", vec![]);
    for (which, time) in [("connect", 0), ("first-byte", u64::MAX), ("between-bytes", 5)] {
        let name = format!("request-options.{which}-timeout");
        assert_eq!(guest.method(&name, this, vec![]), Value::NONE);
        let set = format!("request-options.set-{which}-timeout");
        assert_eq!(guest.method(&set, this, vec![some(time)]), OK);
        assert_eq!(guest.method(&name, this, vec![]), some(time));
    }
    let request = guest.request(&[]);
    guest.world.http.replies = [Reply::Handle(FileId(7))].into();
    guest.http("handle", vec![own(request), some(own(this))]);
    let Some(Command::Http(HttpCommand::Send(sent))) = guest.world.log.last() else { panic!() };
    let times = (sent.timeouts.connect, sent.timeouts.first_byte, sent.timeouts.between_bytes);
    assert_eq!(times, (Some(0), Some(u64::MAX), Some(5)));
}

#[test]
fn a_request_is_answered_once_and_its_body_later() {
    let mut guest = guest();
    let head = RequestHead {
        method: Method::Other("PURGE".to_owned()),
        scheme: Some(Scheme::Http),
        authority: Some("here:80".to_owned()),
        path_with_query: Some("/a?b".to_owned()),
        headers: vec![("x".to_owned(), b"1".to_vec()), ("host".to_owned(), b"here".to_vec())],
    };
    let request = IncomingRequest { head, body: Some(FileId(50)), respond_to: FileId(51) };
    let account = crate::account::Account::default();
    let args = guest.state.get::<WasiState>().give_request(request, &account).unwrap();
    let (this, param) = (rep(&args[0]), rep(&args[1]));
    assert!(account.used() > 0);
    let purge = Value::Variant { case: 9, payload: Some(Box::new("PURGE".into())) };
    assert_eq!(guest.method("incoming-request.method", this, vec![]), purge);
    assert_eq!(guest.method("incoming-request.scheme", this, vec![]), some(Value::case(0)));
    assert_eq!(guest.method("incoming-request.authority", this, vec![]), some("here:80"));
    assert_eq!(guest.method("incoming-request.path-with-query", this, vec![]), some("/a?b"));
    let fields = rep(&guest.method("incoming-request.headers", this, vec![]));
    assert_eq!(guest.method("fields.has", fields, vec!["host".into()]), Value::Bool(false));
    guest.discard("fields", fields).unwrap();
    guest.got("incoming-request.consume", this);
    assert_eq!(guest.method("incoming-request.consume", this, vec![]), ERR);

    let fields = guest.fields(&[]);
    let response = guest.make("[constructor]outgoing-response", vec![own(fields)]);
    let set = "outgoing-response.set-status-code";
    for (status, result) in [(0, ERR), (99, ERR), (1000, ERR), (999, OK), (201, OK)] {
        assert_eq!(guest.method(set, response, vec![Value::U16(status)]), result, "{status}");
    }
    assert_eq!(guest.method("outgoing-response.status-code", response, vec![]), Value::U16(201));
    let body = guest.got("outgoing-response.body", response);
    assert_eq!(guest.method("outgoing-response.body", response, vec![]), ERR);
    guest.world.http.replies = [Reply::Done].into();
    let args = vec![own(param), Value::ok(Some(own(response)))];
    guest.http("[static]response-outparam.set", args);
    let responds = |command: &HttpCommand| {
        matches!(command, HttpCommand::Respond { to: FileId(51), response: Ok(response) }
            if response.head.status == 201 && response.body.is_some())
    };
    assert_eq!(guest.asked(responds), 1);
    let stream = guest.got("outgoing-body.write", body);
    let bytes = [Value::from(b"late".to_vec())];
    let written = guest.stream("output-stream.blocking-write-and-flush", stream, &bytes);
    written.unwrap().unwrap();
    guest.discard("output-stream", stream).unwrap();
    assert_eq!(guest.http("[static]outgoing-body.finish", vec![own(body), Value::NONE]), OK);
}

#[test]
fn no_answer_closes_the_right_to_answer() {
    let mut guest = guest();
    let head = RequestHead {
        method: Method::Get,
        scheme: None,
        authority: None,
        path_with_query: None,
        headers: Vec::new(),
    };
    let request = IncomingRequest { head, body: None, respond_to: FileId(51) };
    let account = crate::account::Account::default();
    let give = |guest: &mut Guest| {
        guest.state.get::<WasiState>().give_request(request.clone(), &account).unwrap()
    };
    let args = give(&mut guest);
    guest.discard("response-outparam", rep(&args[1])).unwrap();
    assert_eq!(guest.asked(|command| *command == HttpCommand::Close(FileId(51))), 1);
    let args = give(&mut guest);
    guest.world.http.replies = [Reply::Done].into();
    let error = Value::err(Some(from_error(&HttpError::LoopDetected)));
    guest.http("[static]response-outparam.set", vec![args[1].clone(), error]);
    let respond = HttpCommand::Respond { to: FileId(51), response: Err(HttpError::LoopDetected) };
    assert_eq!(guest.asked(|command| *command == respond), 1);
}
