//! Exchanges with a server on this machine.
