//! The other side of programs that use HTTP: a server for those that ask, a client for
//! those that answer. No more of HTTP/1.1 than the two take.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// How long the other side may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// The largest body that is taken.
const LARGEST: u64 = 64 << 20;

/// The manner in which a server treats each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Sends back the body of each request, with its method and path in the fields that
    /// the programs look at. A `GET` of some paths is answered with a line of a poem.
    Echo,
    /// Speaks HTTP/2 to whoever comes.
    Http2,
}

/// Lines of the poem, by path.
pub(super) const LINES: [(&str, &str); 2] =
    [("/a", "’Twas brillig, and the slithy toves"), ("/b", "Did gyre and gimble in the wabe:")];

/// Starts a server on a port of its own of this machine, which lives as long as this
/// program.
pub(super) fn serve(manner: Manner) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever breaks off has its own reasons.
            thread::spawn(move || drop(connection(&stream, manner)));
        }
    });
    Ok(addr)
}

fn connection(stream: &TcpStream, manner: Manner) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    if manner == Manner::Http2 {
        // An empty frame of settings, as each side begins.
        writer.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])?;
        io::copy(&mut reader.take(LARGEST), &mut io::sink())?;
        return Ok(());
    }
    while let Some(message) = head(&mut reader)? {
        let mut words = message.first.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        write!(
            writer,
            "HTTP/1.1 200 OK\r\nx-wasmtime-test-method: {method}\r\n\
             x-wasmtime-test-uri: {path}\r\n"
        )?;
        if let Some((_, line)) = LINES.iter().find(|(own, _)| method == "GET" && *own == path) {
            write!(writer, "content-length: {}\r\n\r\n{line}", line.len())?;
        } else if message.is_chunked() {
            // Some send their body only when they have seen the head of the response.
            write!(writer, "transfer-encoding: chunked\r\n\r\n")?;
            while let Some(chunk) = chunk(&mut reader)? {
                write!(writer, "{:x}\r\n", chunk.len())?;
                writer.write_all(&chunk)?;
                write!(writer, "\r\n")?;
            }
            write!(writer, "0\r\n\r\n")?;
        } else {
            let length = message.length().unwrap_or(0);
            write!(writer, "content-length: {length}\r\n\r\n")?;
            io::copy(&mut (&mut reader).take(length), &mut writer)?;
        }
    }
    Ok(())
}

/// A request or a response.
#[derive(Debug)]
pub(super) struct Message {
    /// The first line.
    pub first: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    /// The first field of a name.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.first.split(' ').nth(1)?.parse().ok()
    }

    fn is_chunked(&self) -> bool {
        self.field("transfer-encoding").is_some()
    }

    fn length(&self) -> Option<u64> {
        self.field("content-length")?.parse().ok()
    }
}

/// Sends a request and reads the response.
pub(super) fn ask(addr: SocketAddr, request: &[u8]) -> io::Result<Message> {
    let stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    thread::scope(|scope| {
        // The response may begin before the request has ended.
        let writer = scope.spawn(|| (&stream).write_all(request));
        let read = read(&mut BufReader::new(&stream));
        drop(writer.join());
        read?.ok_or_else(|| io::Error::other("the connection was closed without a response"))
    })
}

/// A whole response, if there is one.
fn read(reader: &mut impl BufRead) -> io::Result<Option<Message>> {
    let Some(mut message) = head(reader)? else { return Ok(None) };
    if message.is_chunked() {
        while let Some(chunk) = chunk(reader)? {
            message.body.extend(chunk);
        }
    } else {
        let length = message.length().unwrap_or(LARGEST).min(LARGEST);
        reader.take(length).read_to_end(&mut message.body)?;
    }
    Ok(Some(message))
}

/// The next head, if there is one.
fn head(reader: &mut impl BufRead) -> io::Result<Option<Message>> {
    let Some(first) = line(reader)? else { return Ok(None) };
    let mut message = Message { first, fields: Vec::new(), body: Vec::new() };
    while let Some(line) = line(reader)?.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        message.fields.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(Some(message))
}

/// The next chunk of a body; nothing after the last one.
fn chunk(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let broken = || io::Error::other("a body in chunks is broken");
    let line = line(reader)?.ok_or_else(broken)?;
    let size = line.split(';').next().unwrap_or_default();
    let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
    let mut chunk = Vec::new();
    reader.take(size.min(LARGEST)).read_to_end(&mut chunk)?;
    // The end of the chunk; after the last one, trailers and an empty line.
    while let Some(line) = self::line(reader)?.filter(|line| !line.is_empty()) {
        if size > 0 {
            return Err(io::Error::other(format!("a chunk is longer than it says: {line}")));
        }
    }
    if chunk.len() as u64 != size {
        return Err(broken());
    }
    Ok((size > 0).then_some(chunk))
}

/// A line without its end; nothing at the end of the connection.
fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    reader.take(1 << 20).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    let line = String::from_utf8_lossy(&line);
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}
