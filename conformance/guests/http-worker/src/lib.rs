//! Makes requests, one after another, with calls that wait.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi/io.wit", "../../../wit/wasi/clocks.wit",
        "../../../wit/wasi/filesystem.wit", "../../../wit/wasi/random.wit",
        "../../../wit/wasi/cli.wit", "../../../wit/wasi/http.wit",
    ],
    inline: "
        package test:worker;
        world http-worker {
            import wasi:cli/environment@0.2.12;
            import wasi:http/types@0.2.12;
            import wasi:http/outgoing-handler@0.2.12;

            /// What the address in the variable API_URL gives.
            export run: func() -> result<string, string>;
            /// What an address gives, wherever it leads to.
            export fetch: func(url: string) -> result<string, string>;
            /// Sends so many bytes, in pieces as large as there is room for, with
            /// their length in the head or without; the status, and how many come
            /// back in how many the same.
            export post: func(url: string, bytes: u64, length: bool) -> string;
            /// What comes of one request: the status, the number of bytes and the
            /// trailers; or the error. The timeouts are nanoseconds.
            export probe: func(method: string, url: string, connect: option<u64>,
                first-byte: option<u64>, between-bytes: option<u64>) -> string;
            /// Begins so many requests, gives up all but the last, and probes that.
            export give-up: func(url: string, count: u32) -> string;
        }
    ",
    generate_all,
});

use std::fmt::Write;

use wasi::{
    cli::environment::get_environment,
    http::{
        outgoing_handler::handle,
        types::{
            ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method,
            OutgoingBody, OutgoingRequest, RequestOptions, Scheme, http_error_code,
        },
    },
    io::streams::{OutputStream, StreamError},
};

struct Worker;

impl Guest for Worker {
    fn run() -> Result<String, String> {
        let url = get_environment().into_iter().find(|(name, _)| name == "API_URL");
        Self::fetch(url.ok_or("API_URL is not set")?.1)
    }

    fn fetch(mut url: String) -> Result<String, String> {
        for _ in 0..10 {
            let response = wait(send(&method("GET"), &url, &[], None)?).map_err(show)?;
            if (300..400).contains(&response.status()) {
                let headers = response.headers();
                let to = headers.get("location").into_iter().next();
                let to = to.ok_or("a redirect to nowhere")?;
                let to = String::from_utf8(to).map_err(|error| error.to_string())?;
                url = join(&url, &to);
                continue;
            }
            let (bytes, _) = read(response).map_err(show)?;
            return String::from_utf8(bytes).map_err(|error| error.to_string());
        }
        Err("too many redirects".to_owned())
    }

    fn post(url: String, bytes: u64, length: bool) -> String {
        post(&url, bytes, length).unwrap_or_else(|error| error)
    }

    fn probe(
        name: String,
        url: String,
        connect: Option<u64>,
        first_byte: Option<u64>,
        between_bytes: Option<u64>,
    ) -> String {
        let options = RequestOptions::new();
        options.set_connect_timeout(connect).unwrap();
        options.set_first_byte_timeout(first_byte).unwrap();
        options.set_between_bytes_timeout(between_bytes).unwrap();
        let probed = send(&method(&name), &url, &[], Some(options));
        probed.and_then(|future| tell(future).map_err(show)).unwrap_or_else(|error| error)
    }

    fn give_up(url: String, count: u32) -> String {
        let begun: Result<Vec<_>, _> =
            (0..count).map(|_| send(&method("GET"), &url, &[], None)).collect();
        let last = begun.map(|mut all| all.pop());
        match last {
            Ok(Some(future)) => tell(future).unwrap_or_else(show),
            Ok(None) => "none".to_owned(),
            Err(error) => error,
        }
    }
}

fn show(error: ErrorCode) -> String {
    format!("{error:?}")
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "OPTIONS" => Method::Options,
        other => Method::Other(other.to_owned()),
    }
}

/// An address that another one leads to.
fn join(url: &str, to: &str) -> String {
    if to.contains("://") {
        return to.to_owned();
    }
    let path = url.find("://").map_or(0, |at| at + 3);
    let host = url[path..].find('/').map_or(url.len(), |at| path + at);
    format!("{}{to}", &url[..host])
}

fn request(
    method: &Method,
    url: &str,
    fields: &[(&str, &str)],
) -> Result<OutgoingRequest, String> {
    let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let headers = Fields::new();
    for (name, value) in fields {
        headers.append(name, value.as_bytes()).map_err(|error| format!("{error:?}"))?;
    }
    let request = OutgoingRequest::new(headers);
    request.set_method(method).map_err(|()| "the method cannot be")?;
    request.set_scheme(Some(&scheme)).map_err(|()| "the scheme cannot be")?;
    request.set_authority(Some(authority)).map_err(|()| "the authority cannot be")?;
    let path = if path.is_empty() { "/" } else { path };
    request.set_path_with_query(Some(path)).map_err(|()| "the path cannot be")?;
    Ok(request)
}

fn send(
    method: &Method,
    url: &str,
    fields: &[(&str, &str)],
    options: Option<RequestOptions>,
) -> Result<FutureIncomingResponse, String> {
    handle(request(method, url, fields)?, options).map_err(show)
}

fn wait(future: FutureIncomingResponse) -> Result<IncomingResponse, ErrorCode> {
    loop {
        if let Some(response) = future.get() {
            return response.unwrap();
        }
        future.subscribe().block();
    }
}

fn failed(error: StreamError) -> Option<ErrorCode> {
    match error {
        StreamError::LastOperationFailed(error) => {
            Some(http_error_code(&error).unwrap_or(ErrorCode::InternalError(None)))
        }
        StreamError::Closed => None,
    }
}

/// The whole body, and what comes after it.
fn read(response: IncomingResponse) -> Result<(Vec<u8>, Option<Fields>), ErrorCode> {
    let body = response.consume().unwrap();
    drop(response);
    let stream = body.stream().unwrap();
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(1 << 20).map_err(failed) {
            Ok(bytes) => all.extend(bytes),
            Err(Some(error)) => return Err(error),
            Err(None) => break,
        }
    }
    drop(stream);
    let trailers = IncomingBody::finish(body);
    loop {
        if let Some(trailers) = trailers.get() {
            return trailers.unwrap().map(|trailers| (all, trailers));
        }
        trailers.subscribe().block();
    }
}

fn tell(future: FutureIncomingResponse) -> Result<String, ErrorCode> {
    let response = wait(future)?;
    let status = response.status();
    let (bytes, trailers) = read(response)?;
    let mut text = format!("{status}, {} bytes", bytes.len());
    for (name, value) in trailers.map(|trailers| trailers.entries()).unwrap_or_default() {
        let _ = write!(text, ", {name}: {}", String::from_utf8_lossy(&value));
    }
    Ok(text)
}

/// A byte of what is sent.
fn byte(at: u64) -> u8 {
    (at * 31 >> 3) as u8
}

fn write(stream: &OutputStream, from: u64, to: u64) -> Result<(), Option<ErrorCode>> {
    let mut at = from;
    let ready = stream.subscribe();
    while at < to {
        ready.block();
        let room = stream.check_write().map_err(failed)?;
        let end = to.min(at + room);
        let bytes: Vec<u8> = (at..end).map(byte).collect();
        stream.write(&bytes).map_err(failed)?;
        at = end;
    }
    Ok(())
}

fn post(url: &str, bytes: u64, length: bool) -> Result<String, String> {
    let text = bytes.to_string();
    let fields = [("content-length", text.as_str())];
    let fields = if length { &fields[..] } else { &[] };
    let request = request(&Method::Post, url, fields)?;
    let body = request.body().unwrap();
    let future = handle(request, None).map_err(show)?;
    let stream = body.write().unwrap();
    // Both at once: whoever sends back what comes does not take all before.
    let (mut sent, mut received, mut same) = (0, 0, 0);
    let piece = 256 << 10;
    let first = piece.min(bytes);
    let told = |error: Option<ErrorCode>| error.map_or("closed".to_owned(), show);
    write(&stream, 0, first).map_err(told)?;
    sent += first;
    let mut streams = Some((stream, body));
    if sent == bytes {
        let (stream, body) = streams.take().unwrap();
        drop(stream);
        OutgoingBody::finish(body, None).map_err(show)?;
    }
    let response = wait(future).map_err(show)?;
    let status = response.status();
    let incoming = response.consume().unwrap();
    let input = incoming.stream().unwrap();
    let readable = input.subscribe();
    loop {
        let mut on = vec![&readable];
        let writable = streams.as_ref().map(|(stream, _)| stream.subscribe());
        on.extend(&writable);
        let ready = wasi::io::poll::poll(&on);
        drop(writable);
        if ready.contains(&1) {
            let (stream, _) = streams.as_ref().unwrap();
            let room = stream.check_write().map_err(|error| told(failed(error)))?;
            let end = bytes.min(sent + room);
            let piece: Vec<u8> = (sent..end).map(byte).collect();
            stream.write(&piece).map_err(|error| told(failed(error)))?;
            sent = end;
        }
        if sent == bytes && let Some((stream, body)) = streams.take() {
            drop(stream);
            OutgoingBody::finish(body, None).map_err(show)?;
        }
        if ready.contains(&0) {
            match input.read(1 << 20) {
                Ok(bytes) => {
                    for got in bytes {
                        same += u64::from(got == byte(received));
                        received += 1;
                    }
                }
                Err(error) => match failed(error) {
                    Some(error) => return Err(show(error)),
                    None => break,
                },
            }
        }
    }
    Ok(format!("{status}, {same} of {received}"))
}

export!(Worker);
