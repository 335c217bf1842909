//! Looking up names.
//!
//! The system does it, in a call that waits and cannot be taken back. So only so many
//! look-ups run at a time, and of one process fewer: the others wait for their turn, and
//! no disk waits for them.

use crate::{
    command::NetError,
    world::{
        fs::OpenPermit,
        locked,
        stream::{Source, Waiting},
    },
};
use smol::lock::Semaphore;
use std::{
    future::{Future, poll_fn},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs},
    pin::Pin,
    sync::{Arc, Mutex, OnceLock},
    task::{Context, Poll, Waker},
};

/// Look-ups that run at a time.
const MAX_RUNNING: usize = 32;

/// Look-ups of one process that run at a time.
pub(super) const MAX_OF_PROCESS: usize = 4;

type Found = Result<Vec<IpAddr>, NetError>;

/// A look-up.
pub(in crate::world) struct LookUp {
    state: Mutex<State>,
    _permit: Option<OpenPermit>,
}

enum State {
    Running(Pin<Box<dyn Future<Output = Found> + Send>>),
    Done(Found),
}

impl LookUp {
    /// Begins one. `note` is told what has been found.
    pub(super) fn new(
        name: Name,
        turns: Arc<Semaphore>,
        note: impl FnOnce(&[IpAddr]) + Send + 'static,
    ) -> LookUp {
        let running = async move {
            let found = match name {
                Name::Address(address) => vec![address],
                Name::Domain(domain) => system(domain, turns).await?,
            };
            note(&found);
            Ok(found)
        };
        let state = Mutex::new(State::Running(Box::pin(running)));
        let look_up = LookUp { state, _permit: None };
        look_up.is_done(&mut Context::from_waker(Waker::noop()));
        look_up
    }

    /// The same, counted as something that is open.
    pub(super) fn with(self, permit: OpenPermit) -> LookUp {
        LookUp { _permit: Some(permit), ..self }
    }

    fn is_done(&self, cx: &mut Context<'_>) -> bool {
        let mut state = locked(&self.state);
        if let State::Running(running) = &mut *state {
            match running.as_mut().poll(cx) {
                Poll::Ready(found) => *state = State::Done(found),
                Poll::Pending => return false,
            }
        }
        true
    }

    /// What it has found.
    pub(super) fn found(&self) -> Found {
        if !self.is_done(&mut Context::from_waker(Waker::noop())) {
            return Err(NetError::WouldBlock);
        }
        match &*locked(&self.state) {
            State::Running(_) => Err(NetError::WouldBlock),
            State::Done(found) => found.clone(),
        }
    }
}

async fn system(domain: String, turns: Arc<Semaphore>) -> Found {
    static RUNNING: OnceLock<Arc<Semaphore>> = OnceLock::new();
    let all = RUNNING.get_or_init(|| Arc::new(Semaphore::new(MAX_RUNNING)));
    let turn = (turns.acquire_arc().await, all.acquire_arc().await);
    smol::unblock(move || {
        let found = (domain.as_str(), 0).to_socket_addrs();
        // Kept until now: the call goes on when nobody waits for it any more.
        drop(turn);
        let found = found.map_err(|_| NetError::NameUnresolvable)?;
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in found.map(|address| address.ip().to_canonical()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    })
    .await
}

impl Source for LookUp {
    fn is_readable(&self) -> bool {
        self.is_done(&mut Context::from_waker(Waker::noop()))
    }

    fn is_writable(&self) -> bool {
        true
    }

    fn readable(self: Arc<Self>) -> Waiting {
        Box::pin(poll_fn(move |cx| if self.is_done(cx) { Poll::Ready(()) } else { Poll::Pending }))
    }

    fn writable(self: Arc<Self>) -> Waiting {
        Box::pin(async {})
    }
}

/// What can be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Address(IpAddr),
    /// In its ASCII form.
    Domain(String),
}

impl Name {
    /// What a text names: an address, with or without brackets, or a domain.
    pub(super) fn read(text: &str) -> Result<Name, NetError> {
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Name::Address(address.into()));
        }
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = inner.unwrap_or(text).parse::<Ipv6Addr>() {
            return Ok(Name::Address(address.into()));
        }
        let invalid = |_| NetError::InvalidArgument;
        let deny = idna::AsciiDenyList::URL;
        let domain = idna::domain_to_ascii_cow(text.as_bytes(), deny).map_err(invalid)?;
        let name = domain.strip_suffix('.').unwrap_or(&domain);
        let last = name.rsplit('.').next().unwrap_or_default();
        // A number at the end would be an address with a slip in it.
        let number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
        if name.is_empty() || name.len() > 253 || number {
            return Err(NetError::InvalidArgument);
        }
        Ok(Name::Domain(domain.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_domains_are_names() {
        let address = |text: &str| Ok(Name::Address(text.parse().unwrap()));
        let domain = |text: &str| Ok(Name::Domain(text.to_owned()));
        for (text, name) in [
            ("127.0.0.1", address("127.0.0.1")),
            ("::", address("::")),
            ("[::1]", address("::1")),
            ("DEAD:BEEF::0", address("dead:beef::")),
            ("localhost", domain("localhost")),
            ("Example.COM.", domain("example.com.")),
            ("münchen.de", domain("xn--mnchen-3ya.de")),
            ("under_score.test", domain("under_score.test")),
        ] {
            assert_eq!(Name::read(text), name, "{text}");
        }
        for text in [
            "",
            " ",
            ".",
            "a.b<&>",
            "127.0.0.1:80",
            "[::]:80",
            "http://example.com/",
            "127.0.0",
            "1.2.3.256",
            "a b",
            "a\0b",
            "[127.0.0.1]",
            "[",
            "]",
            "[]",
            "xn--",
        ] {
            assert_eq!(Name::read(text), Err(NetError::InvalidArgument), "{text:?}");
        }
        assert!(Name::read(&"a".repeat(100_000)).is_err());
    }
}
