//! A server of a few lines, for what no real one does.

use std::{
    io::Read,
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// A server that does this with each connection; its address.
pub fn server(each: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let each = Arc::new(each);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let each = Arc::clone(&each);
            thread::spawn(move || each(&mut stream.unwrap()));
        }
    });
    address
}

/// Reads a head; nothing at the end of the connection.
pub fn head(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8(head).unwrap())
}
