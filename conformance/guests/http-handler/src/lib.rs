//! Answers requests, each path in another way, well or not.

wit_bindgen::generate!({
    path: ["../../../wit/wasi/io.wit", "../../../wit/wasi/clocks.wit", "../../../wit/wasi/http.wit"],
    inline: "
        package test:handler;
        world http-handler {
            import wasi:clocks/monotonic-clock@0.2.12;
            import wasi:http/types@0.2.12;
            export wasi:http/incoming-handler@0.2.12;
        }
    ",
    generate_all,
});

use exports::wasi::http::incoming_handler::Guest;
use wasi::{
    clocks::monotonic_clock::subscribe_duration,
    http::types::{
        ErrorCode, Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse,
        ResponseOutparam,
    },
    io::streams::StreamError,
};

struct Handler;

impl Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        match path {
            "/hello" => text(out, "Hello!\n"),
            "/head" => {
                let method = request.method();
                let (scheme, authority) = (request.scheme(), request.authority());
                let mut fields = request.headers().entries();
                fields.sort();
                let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
                let all = format!("{method:?} {scheme:?} {authority:?} {target} {names:?}\n");
                text(out, &all);
            }
            "/echo" => echo(&request, out),
            "/error" => ResponseOutparam::set(out, Err(ErrorCode::LoopDetected)),
            "/never" => drop(out),
            "/trap" => {
                let _kept = out;
                panic!("before the head");
            }
            "/late" => {
                begin(out, 200, None, |body| body.write().unwrap().blocking_write_and_flush(b"first").unwrap());
                panic!("after the head");
            }
            "/cut" => {
                let body = start(out, 200, None);
                let stream = body.write().unwrap();
                stream.blocking_write_and_flush(b"first").unwrap();
                drop(stream);
                drop(body);
            }
            "/short" => {
                let body = start(out, 200, Some("11"));
                let stream = body.write().unwrap();
                stream.blocking_write_and_flush(b"first").unwrap();
                drop(stream);
                let _ = OutgoingBody::finish(body, None);
            }
            "/ticks" => {
                let body = start(out, 200, None);
                let stream = body.write().unwrap();
                for tick in 0..5 {
                    let line = format!("tick {tick}\n");
                    stream.blocking_write_and_flush(line.as_bytes()).unwrap();
                    subscribe_duration(20_000_000).block();
                }
                drop(stream);
                OutgoingBody::finish(body, None).unwrap();
            }
            "/trailers" => {
                let body = start(out, 200, None);
                body.write().unwrap().blocking_write_and_flush(b"body").unwrap();
                let trailers = Fields::new();
                trailers.append("x-after", b"all").unwrap();
                OutgoingBody::finish(body, Some(trailers)).unwrap();
            }
            "/empty" => {
                let response = OutgoingResponse::new(Fields::new());
                response.set_status_code(204).unwrap();
                ResponseOutparam::set(out, Ok(response));
            }
            _ => {
                let response = OutgoingResponse::new(Fields::new());
                response.set_status_code(404).unwrap();
                ResponseOutparam::set(out, Ok(response));
            }
        }
    }
}

/// Sends a head; the body is written afterwards.
fn start(out: ResponseOutparam, status: u16, length: Option<&str>) -> OutgoingBody {
    let fields = Fields::new();
    if let Some(length) = length {
        fields.append("content-length", length.as_bytes()).unwrap();
    }
    let response = OutgoingResponse::new(fields);
    response.set_status_code(status).unwrap();
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    body
}

fn begin(out: ResponseOutparam, status: u16, length: Option<&str>, write: impl Fn(&OutgoingBody)) {
    let body = start(out, status, length);
    write(&body);
}

fn text(out: ResponseOutparam, text: &str) {
    let body = start(out, 200, Some(&text.len().to_string()));
    body.write().unwrap().blocking_write_and_flush(text.as_bytes()).unwrap();
    OutgoingBody::finish(body, None).unwrap();
}

/// Sends back what comes, piece by piece, with its trailers.
fn echo(request: &IncomingRequest, out: ResponseOutparam) {
    let incoming = request.consume().unwrap();
    let body = start(out, 200, None);
    let (input, output) = (incoming.stream().unwrap(), body.write().unwrap());
    loop {
        match output.blocking_splice(&input, 1 << 20) {
            Ok(_) => {}
            Err(StreamError::Closed) => break,
            Err(error) => panic!("{error:?}"),
        }
    }
    drop((input, output));
    let trailers = IncomingBody::finish(incoming);
    trailers.subscribe().block();
    let trailers = trailers.get().unwrap().unwrap().unwrap();
    let trailers = trailers.map(|fields| fields.clone());
    OutgoingBody::finish(body, trailers).unwrap();
}

export!(Handler);
