//! Clients: each connection has one request at a time.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use smol::{
    LocalExecutor,
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{super::Result, server::Server};

/// The speed of a server, and how late its answers are.
pub struct Load {
    pub per_second: f64,
    /// Seconds that all but one in a thousand answers have taken at most.
    pub late: f64,
}

/// Asks a server for a while, on so many connections.
pub fn ask(server: &Server, connections: usize, time: Duration) -> Result<Load> {
    let request = format!("GET {} HTTP/1.1\r\nhost: here\r\n\r\n", server.path);
    let executor = Rc::new(LocalExecutor::new());
    smol::block_on(executor.run(async {
        let mut streams = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(server.addr).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let begin = Instant::now();
        let end = begin + time;
        let tasks: Vec<_> = streams
            .into_iter()
            .map(|mut stream| {
                let request = request.clone();
                executor.spawn(async move {
                    let (mut times, mut buffer) = (Vec::new(), vec![0; 4096]);
                    while Instant::now() < end {
                        let asked = Instant::now();
                        stream.write_all(request.as_bytes()).await?;
                        answer(&mut stream, &mut buffer).await?;
                        times.push(asked.elapsed().as_secs_f64());
                    }
                    Ok::<_, std::io::Error>(times)
                })
            })
            .collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await?);
        }
        let took = begin.elapsed().as_secs_f64();
        times.sort_by(f64::total_cmp);
        let at = times.len().saturating_sub(1) * 999 / 1000;
        let late = times.get(at).copied().ok_or("nothing was answered")?;
        Ok(Load { per_second: times.len() as f64 / took, late })
    }))
}

/// Reads an answer that is good: a short one, with its length or in chunks.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<()> {
    let mut len = 0;
    loop {
        let room = buffer.get_mut(len..).unwrap_or_default();
        match stream.read(room).await? {
            0 => return Err(std::io::Error::other("the connection was closed")),
            count => len += count,
        }
        let read = buffer.get(..len).unwrap_or_default();
        let Some(head) = read.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let (head, body) = read.split_at(head + 4);
        if !head.starts_with(b"HTTP/1.1 200 ") {
            let head = String::from_utf8_lossy(head).into_owned();
            return Err(std::io::Error::other(head));
        }
        let text = String::from_utf8_lossy(head).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let whole = match length.and_then(|length| length.parse::<usize>().ok()) {
            Some(length) => body.len() >= length,
            None => body.ends_with(b"0\r\n\r\n"),
        };
        if whole {
            return Ok(());
        }
    }
}

/// Begins so many requests whose bodies do not come. Each has been let in when the head
/// of its answer is there.
pub fn hold(server: &Server, path: &str, count: usize) -> Result<Vec<TcpStream>> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: here\r\ncontent-length: 1000\r\n\r\n");
    smol::block_on(async {
        let mut all = Vec::new();
        for _ in 0..count {
            let mut stream = TcpStream::connect(server.addr).await?;
            stream.write_all(head.as_bytes()).await?;
            all.push(stream);
        }
        for stream in &mut all {
            // A first byte, which comes back after the head.
            stream.write_all(b"x").await?;
            stream.read_exact(&mut [0; 12]).await?;
        }
        Ok(all)
    })
}

/// Sends so many bytes and takes as many; how long that takes.
pub fn echo(server: &Server, path: &str, bytes: u64) -> Result<Duration> {
    const PIECE: usize = 256 << 10;
    let head = format!("POST {path} HTTP/1.1\r\nhost: here\r\ncontent-length: {bytes}\r\n");
    let head = format!("{head}connection: close\r\n\r\n");
    smol::block_on(async {
        let begin = Instant::now();
        let mut stream = TcpStream::connect(server.addr).await?;
        let mut writer = stream.clone();
        let write = async {
            writer.write_all(head.as_bytes()).await?;
            let (piece, mut left) = (vec![b'x'; PIECE], bytes);
            while left > 0 {
                let len = left.min(PIECE as u64);
                writer.write_all(piece.get(..len as usize).unwrap_or_default()).await?;
                left -= len;
            }
            Ok::<_, std::io::Error>(())
        };
        let read = async {
            let (mut piece, mut read) = (vec![0; PIECE], 0_u64);
            loop {
                match stream.read(&mut piece).await? {
                    0 => return Ok::<_, std::io::Error>(read),
                    count => read += count as u64,
                }
            }
        };
        let (wrote, read) = smol::future::zip(write, read).await;
        wrote?;
        let read = read?;
        if read < bytes {
            return Err(format!("{read} of {bytes} bytes came back").into());
        }
        Ok(begin.elapsed())
    })
}
