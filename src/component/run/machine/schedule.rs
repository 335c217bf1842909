//! Which task runs: calls, waits and ends.

use super::Machine;
use crate::{
    command::{Reply, Tag},
    component::{
        error::Trap,
        run::{
            handles::{Lends, TaskId},
            task::{Caller, Frame, HostPhase, Task},
        },
    },
};

impl Machine {
    /// Runs a new task of the host's, from this frame on. No other may be running.
    pub(super) fn start_top(&mut self, frame: Frame) {
        let tasks = &mut self.store.data_mut().tasks;
        let id = tasks.add(Task::new(Caller::Host, Lends::new(), Vec::new()));
        tasks.set_running(Some(id));
        self.frames.push(frame);
    }

    /// Runs a new task. The one that has run so far waits for it, if it is the caller.
    pub(super) fn start(&mut self, mut task: Task) -> Result<(), Trap> {
        task.below = match task.caller {
            Caller::Host => 0,
            Caller::Sync(caller, _) | Caller::Drop(caller) => {
                let below = self.suspend(caller)?;
                self.frames = std::mem::take(&mut self.spare);
                below
            }
        };
        let state = self.store.data_mut();
        let id = state.tasks.add(task);
        state.tasks.set_running(Some(id));
        Ok(())
    }

    /// Puts what is suspended of the running task back into it. Gives the number of
    /// its frames and of those below it.
    fn suspend(&mut self, id: TaskId) -> Result<usize, Trap> {
        let frames = std::mem::take(&mut self.frames);
        let state = self.store.data_mut();
        let context = std::mem::take(&mut state.context);
        state.tasks.set_running(None);
        let task = self.task(id)?;
        let count = task.below.saturating_add(frames.len());
        (task.frames, task.context) = (frames, context);
        Ok(count)
    }

    /// Runs a task that has been suspended.
    pub(super) fn resume_task(&mut self, id: TaskId) -> Result<(), Trap> {
        let task = self.task(id)?;
        let (frames, context) = (std::mem::take(&mut task.frames), task.context);
        let state = self.store.data_mut();
        state.context = context;
        state.tasks.set_running(Some(id));
        let empty = std::mem::replace(&mut self.frames, frames);
        if self.spare.capacity() == 0 {
            self.spare = empty;
        }
        Ok(())
    }

    /// The running task waits for the reply to a command.
    pub(super) fn wait_for(&mut self, tag: Tag) -> Result<(), Trap> {
        let id = self.running()?;
        self.suspend(id)?;
        self.waits.push_back((tag, id));
        Ok(())
    }

    /// Hands in the reply to a command; `false` if no task waits for it.
    pub fn complete(&mut self, tag: Tag, reply: Reply) -> bool {
        let at = self.waits.binary_search_by_key(&tag, |(waiting, _)| *waiting);
        let Some((_, id)) = at.ok().and_then(|at| self.waits.remove(at)) else { return false };
        let Some(task) = self.store.data_mut().tasks.get(id) else { return false };
        let Some(Frame::Host(call)) = task.frames.last_mut() else { return false };
        call.phase = match std::mem::replace(&mut call.phase, HostPhase::Taken) {
            HostPhase::Wait(then) => HostPhase::Reply(then, reply),
            other => other,
        };
        self.ready.push_back(id);
        true
    }

    /// The running task has ended. Its caller runs again, if that is a task.
    pub(super) fn finish_task(&mut self) -> Result<Caller, Trap> {
        let id = self.running()?;
        let state = self.store.data_mut();
        let task = state.tasks.remove(id).ok_or_else(|| Trap::internal("a task is lost"))?;
        state.tasks.set_running(None);
        state.context = [0; 2];
        for index in &task.entered {
            state.instance(*index)?.may_enter = true;
        }
        state.unlend(task.lends);
        match task.caller {
            Caller::Host => {}
            Caller::Sync(caller, _) | Caller::Drop(caller) => self.resume_task(caller)?,
        }
        Ok(task.caller)
    }

    pub(super) fn running(&self) -> Result<TaskId, Trap> {
        self.store.data().tasks.running().ok_or_else(|| Trap::internal("no task runs"))
    }

    pub(super) fn task(&mut self, id: TaskId) -> Result<&mut Task, Trap> {
        self.store.data_mut().tasks.get(id).ok_or_else(|| Trap::internal("a task is lost"))
    }

    /// The task that runs.
    pub(super) fn current(&mut self) -> Result<&mut Task, Trap> {
        let id = self.running()?;
        self.task(id)
    }
}
