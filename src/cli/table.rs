//! The table of live processes, for whoever wants to see what a runtime does.

use std::{fmt::Write, io::IsTerminal, time::Duration};

use futures_util::StreamExt;
use smol::{
    Unblock,
    io::{AsyncBufReadExt, BufReader},
};

use super::stderr;
use crate::{
    host::{Info, Node, ServiceStatus, Supervisor},
    visible,
};

/// Prints the tables to stderr, if there is room: whoever asks again and again reads.
pub(super) fn print(node: &Node, services: Option<&Supervisor>) {
    stderr::log(visible::lines(&page(node, services)).into_owned());
}

/// The processes and the services, as they are now.
pub(super) fn page(node: &Node, services: Option<&Supervisor>) -> String {
    let mut page = render(&node.processes());
    let states = services.map(Supervisor::states).unwrap_or_default();
    if !states.is_empty() {
        page.push('\n');
        page.push_str(&render_services(&states));
    }
    page
}

/// Prints the table for each line that somebody types, if this is a terminal.
/// Never ends.
pub(super) async fn print_on_lines<T>(node: &Node, services: &Supervisor) -> T {
    if std::io::stdin().is_terminal() {
        let mut lines = BufReader::new(Unblock::new(std::io::stdin())).lines();
        while let Some(Ok(_)) = lines.next().await {
            print(node, Some(services));
        }
    }
    std::future::pending().await
}

fn render(processes: &[Info]) -> String {
    /// More would not be read.
    const MOST: usize = 1000;
    let head = ["pid", "entry", "state", "fuel", "memory", "mailbox", "age"].map(str::to_owned);
    let row = |info: &Info| {
        [
            visible::name(info.pid.as_str()).into_owned(),
            visible::name(&info.entry).into_owned(),
            info.state.name().to_owned(),
            info.fuel.to_string(),
            bytes(info.memory),
            info.mailbox.to_string(),
            age(info.age),
        ]
    };
    let rows: Vec<_> = std::iter::once(head).chain(processes.iter().take(MOST).map(row)).collect();
    let mut out = columns(&rows);
    let more = processes.len().saturating_sub(MOST);
    if more > 0 {
        let _ = writeln!(out, "and {more} more");
    }
    out
}

fn render_services(services: &[ServiceStatus]) -> String {
    let head = ["service", "state", "pid", "restarts", "last error"].map(str::to_owned);
    let row = |status: &ServiceStatus| {
        let ServiceStatus { id, state, pid, fault, retry, restarts } = status;
        let state = match retry {
            Some(retry) => format!("{state}, again in {retry:.1?}"),
            None => state.to_string(),
        };
        let pid = pid.as_ref().map(|pid| visible::name(pid.as_str()).into_owned());
        let fault = fault.as_ref().map(|fault| {
            let line = fault.message.lines().next().unwrap_or_default();
            visible::name(line).chars().take(80).collect()
        });
        [
            id.to_string(),
            state,
            pid.unwrap_or_default(),
            restarts.to_string(),
            fault.unwrap_or_default(),
        ]
    };
    columns(&std::iter::once(head).chain(services.iter().map(row)).collect::<Vec<_>>())
}

/// Rows as lines whose cells stand below each other.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0_usize; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{:.1} KiB", count as f64 / 1024.0),
        _ => format!("{:.1} MiB", count as f64 / 1_048_576.0),
    }
}

fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) => format!("{:.1}s", age.as_secs_f64()),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        command::{ErrorKind, Pid, ProcessError},
        host::{ProcessState, ServiceState},
    };

    #[test]
    fn a_process_is_a_line() {
        let info = Info {
            pid: Pid::new("app:processes|x.1"),
            entry: "app:worker".into(),
            state: ProcessState::Idle,
            fuel: 120,
            steps: 2,
            memory: 1_114_112,
            held: 1_120_000,
            mailbox: 3,
            age: Duration::from_secs(75),
        };
        assert_eq!(
            render(&[info]),
            "pid                entry       state  fuel  memory   mailbox  age\n\
             app:processes|x.1  app:worker  idle   120   1.1 MiB  3        1m15s\n"
        );
    }

    #[test]
    fn a_service_that_waits_for_its_restart_is_a_line_as_well() {
        let status = ServiceStatus {
            id: "app:counter".parse().unwrap(),
            state: ServiceState::Failed,
            pid: Some(Pid::new("app:processes|x.4")),
            fault: Some(ProcessError::new(ErrorKind::Internal, "no luck\nat all")),
            retry: Some(Duration::from_millis(1500)),
            restarts: 2,
        };
        assert_eq!(
            render_services(&[status]),
            "service      state                 pid                restarts  last error\n\
             app:counter  failed, again in 1.5s  app:processes|x.4  2         no luck\n"
                .replace("state                 pid", "state                  pid")
        );
    }
}
