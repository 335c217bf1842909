//! The table of live processes, for whoever wants to see what a runtime does.

use std::{fmt::Write, io::IsTerminal, time::Duration};

use futures_util::StreamExt;
use smol::{
    Unblock,
    io::{AsyncBufReadExt, BufReader},
};

use super::stderr;
use crate::{
    host::{Info, Node},
    visible,
};

/// Prints the table to stderr, if there is room: whoever asks again and again reads.
pub(super) fn print(node: &Node) {
    stderr::log(visible::lines(&render(&node.processes())).into_owned());
}

/// Prints the table for each line that somebody types, if this is a terminal.
/// Never ends.
pub(super) async fn print_on_lines<T>(node: &Node) -> T {
    if std::io::stdin().is_terminal() {
        let mut lines = BufReader::new(Unblock::new(std::io::stdin())).lines();
        while let Some(Ok(_)) = lines.next().await {
            print(node);
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
    let mut widths = [0_usize; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut out = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    let more = processes.len().saturating_sub(MOST);
    if more > 0 {
        let _ = writeln!(out, "and {more} more");
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
    use crate::{command::Pid, host::ProcessState};

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
}
