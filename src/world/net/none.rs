//! Sockets and names where there are none: on systems that are not like Unix.

use super::{
    Inner,
    stream::{Source, Stream, Waiting},
};
use crate::{
    command::{Errno, NetCommand, NetError, Reply},
    network::Network,
};
use std::{convert::Infallible, sync::Arc};

/// What a process may do with the network: nothing.
#[derive(Default)]
pub(super) struct Allowed;

impl Allowed {
    pub(super) fn set(&self, _: Arc<Network>) {}

    pub(super) fn network(&self) -> Arc<Network> {
        Arc::default()
    }
}

/// The answer.
pub(super) fn now(_: &Inner, command: NetCommand) -> Reply {
    Reply::NetError(if matches!(command, NetCommand::Resolve(_)) {
        NetError::PermanentResolverFailure
    } else {
        NetError::NotSupported
    })
}

/// A socket that there is none of.
pub(super) struct Tcp(Infallible);

pub(super) type Udp = Tcp;
pub(super) type LookUp = Tcp;

impl Source for Tcp {
    fn is_readable(&self) -> bool {
        true
    }

    fn is_writable(&self) -> bool {
        true
    }

    fn readable(self: Arc<Self>) -> Waiting {
        Box::pin(async {})
    }

    fn writable(self: Arc<Self>) -> Waiting {
        Box::pin(async {})
    }
}

impl Stream for Tcp {
    fn read(&self, _: usize) -> Reply {
        Reply::Failed(Errno::Unsupported)
    }

    fn room(&self) -> Reply {
        Reply::Failed(Errno::Unsupported)
    }

    fn write(&self, _: Vec<u8>) -> Reply {
        Reply::Failed(Errno::Unsupported)
    }
}
