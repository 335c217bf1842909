//! Tells a page which processes live, again and again: an answer without an end, as
//! server-sent events, until whoever has asked goes away.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi/io.wit", "../../../wit/wasi/clocks.wit", "../../../wit/wasi/random.wit",
        "../../../wit/wasi/filesystem.wit", "../../../wit/wasi/cli.wit", "../../../wit/wasi/http.wit",
        "../../../wit/wippy/process.wit",
    ],
    inline: "
        package test:live;
        world live {
            import wasi:clocks/monotonic-clock@0.2.12;
            import wasi:http/types@0.2.12;
            import wippy:process/census@0.1.0;
            export wasi:http/incoming-handler@0.2.12;
        }
    ",
    generate_all,
});

use exports::wasi::http::incoming_handler::Guest;
use wasi::{
    clocks::monotonic_clock,
    http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam},
};
use wippy::process::{census, types::Value};

/// Nanoseconds from one event to the next.
const PERIOD: u64 = 500_000_000;

/// Processes that are told of.
const MOST: u32 = 200;

struct Live;

impl Guest for Live {
    fn handle(_: IncomingRequest, out: ResponseOutparam) {
        let fields = Fields::new();
        let _ = fields.append("content-type", b"text/event-stream");
        let _ = fields.append("cache-control", b"no-store");
        let response = OutgoingResponse::new(fields);
        let Ok(body) = response.body() else { return };
        ResponseOutparam::set(out, Ok(response));
        let Ok(stream) = body.write() else { return };
        // An error is the end: nobody listens any more.
        while stream.blocking_write_and_flush(event().as_bytes()).is_ok() {
            monotonic_clock::subscribe_duration(PERIOD).block();
        }
        drop(stream);
        let _ = OutgoingBody::finish(body, None);
    }
}

/// The processes as an event.
fn event() -> String {
    match census::processes(MOST) {
        Ok(Value::Json(json)) => format!("data: {json}\n\n"),
        Ok(_) => "data: []\n\n".to_owned(),
        Err(error) => format!("event: failure\ndata: {}\n\n", error.message.replace('\n', " ")),
    }
}

export!(Live);
