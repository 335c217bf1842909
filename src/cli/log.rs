//! `-v`: what the runtime does, on stderr.

use std::io;

use anstream::{AutoStream, ColorChoice};
use tracing_subscriber::{filter::LevelFilter, fmt::time::uptime};

/// Shows the life-cycle of processes for one `-v`, details of linking for two,
/// each step for three.
pub(super) fn start(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let colour = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_timer(uptime())
        .with_target(false)
        .with_ansi(colour)
        .finish();
    // It only fails if an embedder has set another one before, which then stays.
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::debug!("there is another subscriber already");
    }
}
