//! What is looked at while amplifiers run.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use wippy::{
    command::Pid,
    host::{Handle, Node},
};

use super::super::resident;

/// Bytes that the runtime may have besides those on the accounts: results of those that
/// have ended, which this test holds until it looks again, pieces of the allocator,
/// programs.
const CONSTANT: u64 = 256 << 20;

/// How long a program that does nobody any harm may not be seen to go on. It makes
/// two hundred steps in a second; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// The books of a run.
pub struct Watch<'a> {
    node: &'a Node,
    before: u64,
    /// The most that there was beyond the accounts.
    most: u64,
    /// The most on the account of the hostile.
    held: u64,
    good: HashMap<&'a Pid, (u64, Instant)>,
}

impl<'a> Watch<'a> {
    pub fn new(node: &'a Node, good: &'a [Pid]) -> Result<Watch<'a>, String> {
        let good = good.iter().map(|pid| (pid, (0, Instant::now()))).collect();
        Ok(Watch { node, before: resident()?, most: 0, held: 0, good })
    }

    fn accounts(&self) -> u64 {
        ["hostile", "good"].iter().filter_map(|host| self.node.memory(host)).map(|m| m.0).sum()
    }

    /// Looks once.
    pub fn look(&mut self) -> Result<(), String> {
        // More than once, because the two numbers are not of the same moment.
        let mut beyond = u64::MAX;
        for _ in 0..20 {
            let before = self.accounts();
            let memory = resident()?.saturating_sub(self.before);
            let accounts = before.max(self.accounts());
            self.held = self.held.max(accounts);
            beyond = beyond.min(memory.saturating_sub(accounts));
            if beyond < CONSTANT {
                break;
            }
        }
        self.most = self.most.max(beyond);
        if beyond >= CONSTANT {
            return Err(format!("{} MiB are on no account", beyond >> 20));
        }
        let living = self.node.processes();
        for (pid, (steps, since)) in &mut self.good {
            let Some(info) = living.iter().find(|info| info.pid == **pid) else {
                return Err(format!("{pid}, which does no harm, has ended"));
            };
            if info.steps != *steps {
                (*steps, *since) = (info.steps, Instant::now());
            } else if since.elapsed() > PATIENCE {
                return Err(format!("{pid}, which does no harm, has made no step"));
            }
        }
        Ok(())
    }

    /// The last look; what was seen.
    pub fn end(mut self) -> Result<String, String> {
        self.look()?;
        let steps: u64 = self.good.values().map(|(steps, _)| steps).sum();
        let [held, most] = [self.held, self.most].map(|bytes| bytes >> 20);
        Ok(format!("{held} MiB on the accounts, {most} MiB beyond; {steps} steps of the good"))
    }
}

/// True if a process has not ended.
pub async fn is_alive(handle: &Handle) -> bool {
    smol::future::poll_once(handle.ended()).await.is_none()
}
