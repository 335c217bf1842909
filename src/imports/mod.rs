//! What guests may import: [`wasi`], and [`wippy:process`](process).

pub mod process;
pub mod wasi;
