//! A server as a process of the system.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use super::super::Result;

/// A server, ended when this is dropped.
pub struct Server {
    pub name: &'static str,
    /// The path that is asked for.
    pub path: &'static str,
    pub is_peer: bool,
    pub addr: SocketAddr,
    child: Child,
}

impl Server {
    /// `wippy serve`.
    pub fn wippy(name: &'static str, path: &'static str, args: &[&str]) -> Result<Server> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env(conformance::wasi::AS_WIPPY, "1").args(["serve", "--silent"]);
        Server::start(name, path, false, command, |addr| vec!["--addr".to_owned(), addr], args)
    }

    /// A task of this program, which is given the address last.
    #[cfg(feature = "peers")]
    pub fn child(name: &'static str, path: &'static str, args: &[&str]) -> Result<Server> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "--child"]).args(args);
        Server::start(name, path, true, command, |addr| vec![addr], &[])
    }

    fn start(
        name: &'static str,
        path: &'static str,
        is_peer: bool,
        mut command: Command,
        address: impl Fn(String) -> Vec<String>,
        args: &[&str],
    ) -> Result<Server> {
        // A port that nobody has; that somebody takes it meanwhile is unlikely.
        let addr = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        command.args(address(addr.to_string())).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let mut server = Server { name, path, is_peer, addr, child: command.spawn()? };
        for _ in 0..600 {
            if TcpStream::connect(addr).is_ok() {
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("{name} does not serve: {status}").into());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err(format!("{name} does not listen").into())
    }

    /// Resident memory without what files back, in bytes.
    pub fn memory(&self) -> Result<u64> {
        self.field("smaps_rollup", "Anonymous:")
    }

    /// The most memory that has been resident at a time, in bytes.
    pub fn largest(&self) -> Result<u64> {
        self.field("status", "VmHWM:")
    }

    fn field(&self, file: &str, name: &str) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.child.id()))?;
        let field = text.lines().find_map(|line| line.strip_prefix(name));
        let kib = field.and_then(|rest| rest.split_whitespace().next()).ok_or("no such field")?;
        Ok(kib.parse::<u64>()? << 10)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
