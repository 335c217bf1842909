//! A worker that needs no more than `wasi:cli` and `wasi:io`: it takes lines from
//! stdin, waiting for each, and says what it would ask of the address that it is
//! given.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi/io.wit", "../../../wit/wasi/clocks.wit", "../../../wit/wasi/random.wit",
        "../../../wit/wasi/filesystem.wit", "../../../wit/wasi/cli.wit",
    ],
    inline: "
        package test:worker;
        world worker {
            import wasi:cli/environment@0.2.12;
            import wasi:cli/stdin@0.2.12;
            import wasi:cli/stdout@0.2.12;
            export run: func() -> result<u32, string>;
        }
    ",
    generate_all,
});

use wasi::cli::{environment, stdin, stdout};
use wasi::io::streams::StreamError;

struct Worker;

impl Guest for Worker {
    fn run() -> Result<u32, String> {
        let variables = environment::get_environment();
        let url = variables.into_iter().find(|(name, _)| name == "API_URL");
        let (_, url) = url.ok_or("there is no API_URL")?;
        let (input, output) = (stdin::get_stdin(), stdout::get_stdout());
        let (mut rest, mut count) = (Vec::new(), 0);
        loop {
            match input.blocking_read(100) {
                Ok(bytes) => rest.extend(bytes),
                Err(StreamError::Closed) => return Ok(count),
                Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
            }
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                let text = format!("{url}/{}", String::from_utf8_lossy(&line));
                output
                    .blocking_write_and_flush(text.as_bytes())
                    .map_err(|error| error.to_string())?;
                count += 1;
            }
        }
    }
}

export!(Worker);
