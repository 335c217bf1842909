//! `wippy run --record`: a journal of the run.

use std::{fs::File, sync::Arc};

use super::{
    args::RunArgs,
    exit::{Exit, Failure},
    log::Logs,
    output,
};
use crate::{
    host::{Node, RecordOptions, Recorder},
    replay::journal::{CommandLine, Finished},
};

/// Writes the journal of a run, until this is finished.
pub(super) struct Recording(Option<Arc<Recorder>>);

impl Recording {
    /// Begins, if a journal is wanted. `max_slice` is the engine's.
    pub fn start(
        node: &Node,
        args: &RunArgs,
        max_slice: u64,
        logs: bool,
    ) -> Result<Recording, Failure> {
        let Some(file) = &args.record else { return Ok(Recording(None)) };
        let options = RecordOptions { embed: args.embed, redact: args.redact.clone() };
        let recorder = File::create(file).and_then(|file| Recorder::new(file, max_slice, options));
        let recorder = recorder.map_err(|why| {
            Failure::config(format!("--record: `{}` cannot be written: {why}", file.display()))
        })?;
        let limits = super::run::limiting(args);
        recorder.called(CommandLine {
            json: args.json,
            logs,
            fuel: limits.fuel,
            memory: limits.memory,
            time: limits.time,
        });
        node.set_recorder(recorder.clone());
        Ok(Recording(Some(recorder)))
    }

    /// Writes the end, which is this.
    pub fn finish(self, result: Result<Exit, Failure>) -> Result<Exit, Failure> {
        let Some(recorder) = self.0 else { return result };
        let (code, message) = match &result {
            Ok(exit) => (exit.code(), None),
            Err(failure @ Failure::Message(_, text)) => (failure.exit().code(), Some(text.clone())),
            Err(failure) => (failure.exit().code(), None),
        };
        if let Err(error) = recorder.finish(Finished { code, message }) {
            let why = format!("--record: the journal is not whole: {error}");
            if result.is_ok() {
                return Err(Failure::Message(Exit::Output, why));
            }
            output::warning(&why);
        }
        result
    }
}

/// True if the log is shown, which a replay does as well.
pub(super) fn shows(logs: Logs, hidden: bool) -> bool {
    !hidden && !logs.silent
}
