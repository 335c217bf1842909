//! What guests may import: [`wasi`], [`wippy:process`](process), and
//! [`wippy:sim`](sim).

pub mod process;
pub mod sim;
pub mod wasi;
