//! What guests may import: [`wasi`], [`wippy:process`](process),
//! [`wippy:runtime`](funcs), and [`wippy:sim`](sim).

pub mod funcs;
pub mod process;
pub mod sim;
pub mod wasi;
