//! Guests that make every call, and modules that make one.

mod calls;
#[cfg(feature = "host")]
mod recorded;
