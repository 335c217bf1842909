//! What ends the process, each under its name.

use crate::wasi::cli::{exit, stdin, stdout};
use crate::wasi::clocks::monotonic_clock;
use crate::wasi::filesystem::types::Descriptor;
use crate::wasi::io::poll;
use crate::wasi::io::streams::OutputStream;
use crate::wasi::random::{insecure, random};
use crate::{READ, WRITE, open, say};

pub fn run(name: &str, dir: Option<Descriptor>) -> Result<(), ()> {
    let out = stdout::get_stdout();
    say(name);
    match name {
        "poll.poll-of-nothing" => drop(poll::poll(&[])),
        "output-stream.write-too-much" => drop(out.write(&vec![0; too_much(&out)])),
        "output-stream.write-zeroes-too-much" => drop(out.write_zeroes(too_much(&out) as u64)),
        "output-stream.write-zeroes-endless" => drop(out.write_zeroes(u64::MAX)),
        "output-stream.blocking-write-and-flush-too-much" => {
            drop(out.blocking_write_and_flush(&[b'x'; 4097]));
        }
        "output-stream.blocking-write-zeroes-and-flush-too-much" => {
            drop(out.blocking_write_zeroes_and_flush(4097));
        }
        "input-stream.subscribe-outlives" => {
            let stream = stdin::get_stdin();
            let _pollable = stream.subscribe();
            drop(stream);
        }
        "output-stream.subscribe-outlives" => {
            let _pollable = out.subscribe();
            drop(out);
        }
        "input-stream.subscribe-outlives-file" => {
            let file = open(&dir.ok_or(())?, "file", READ);
            let stream = file.read_via_stream(0).map_err(drop)?;
            let _pollable = stream.subscribe();
            drop(stream);
        }
        "output-stream.subscribe-outlives-file" => {
            let file = open(&dir.ok_or(())?, "file", WRITE);
            let stream = file.write_via_stream(0).map_err(drop)?;
            let _pollable = stream.subscribe();
            drop(stream);
        }
        "random.get-random-bytes-too-many" => drop(random::get_random_bytes(u64::MAX)),
        "insecure.get-insecure-random-bytes-too-many" => {
            drop(insecure::get_insecure_random_bytes(u64::MAX));
        }
        "monotonic-clock.subscribe-instant-too-many" => {
            // Dropped by nobody.
            (0..100_000).for_each(|_| std::mem::forget(monotonic_clock::subscribe_instant(0)));
        }
        "exit.exit-ok" => exit::exit(Ok(())),
        "exit.exit-err" => exit::exit(Err(())),
        "exit.exit-with-code-0" => exit::exit_with_code(0),
        "exit.exit-with-code-255" => exit::exit_with_code(255),
        "run.run-err" => return Err(()),
        _ => {
            say("what?");
            return Err(());
        }
    }
    say("it goes on");
    Ok(())
}

/// A byte more than may be written now.
fn too_much(out: &OutputStream) -> usize {
    out.subscribe().block();
    out.check_write().map_or(0, |allowed| allowed as usize + 1)
}
