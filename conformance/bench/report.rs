//! The figures as a table for people and as JSON for programs.

use std::fmt;

use serde_json::{Value, json};

use super::measure::Times;

#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
}

struct Row {
    /// The group that it belongs to: a name of the command line.
    group: &'static str,
    what: String,
    who: String,
    figure: Figure,
    /// Compared with the figure of ours that stands above.
    ratio: Option<Ratio>,
    note: String,
}

/// A figure in its base unit.
#[derive(Clone, Copy)]
pub enum Figure {
    Seconds(f64),
    Bytes(f64),
    PerSecond(f64),
    /// Could not be measured; the note says why.
    None,
}

/// How two figures compare, and how they should.
#[derive(Clone, Copy)]
pub struct Ratio {
    pub of: f64,
    /// `ours/theirs` or `theirs/ours`.
    pub kind: &'static str,
    pub target: Option<Target>,
}

#[derive(Clone, Copy)]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
}

pub const OURS: &str = "ours/theirs";
pub const THEIRS: &str = "theirs/ours";

impl Target {
    fn met(self, figure: f64) -> bool {
        match self {
            Target::AtMost(limit) => figure <= limit,
            Target::AtLeast(limit) => figure >= limit,
        }
    }

    /// The target of a plain figure, as a note beside it.
    pub fn note(self, figure: f64, unit: fn(f64) -> Figure) -> String {
        let (sign, limit) = match self {
            Target::AtMost(limit) => ('≤', limit),
            Target::AtLeast(limit) => ('≥', limit),
        };
        let missed = if self.met(figure) { "" } else { "  MISSED" };
        format!("({sign} {}){missed}", unit(limit))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::AtMost(limit) => write!(f, "≤ {limit}"),
            Target::AtLeast(limit) => write!(f, "≥ {limit}"),
        }
    }
}

impl Report {
    /// Adds what was measured in turns. The first is ours; each of the others
    /// comes with how the ratio is written and what it should be.
    pub fn compare(
        &mut self,
        group: &'static str,
        what: &str,
        times: &[Times],
        targets: impl Fn(&str) -> (&'static str, Option<Target>),
    ) {
        let Some((ours, others)) = times.split_first() else { return };
        self.figure(group, what, &ours.name, Figure::Seconds(ours.median()), None, "");
        for theirs in others {
            let (kind, target) = targets(&theirs.name);
            let of = if kind == OURS { ours.ratio(theirs) } else { theirs.ratio(ours) };
            let ratio = Some(Ratio { of, kind, target });
            self.figure(group, what, &theirs.name, Figure::Seconds(theirs.median()), ratio, "");
        }
    }

    /// The same as how often a second something is done; `target` is ours.
    pub fn rates(
        &mut self,
        group: &'static str,
        what: &str,
        times: &[Times],
        target: Option<Target>,
    ) {
        let rate = |times: &Times| 1.0 / times.median();
        let Some((ours, others)) = times.split_first() else { return };
        let note = target.map(|target| target.note(rate(ours), Figure::PerSecond));
        let figure = Figure::PerSecond(rate(ours));
        self.figure(group, what, &ours.name, figure, None, &note.unwrap_or_default());
        for theirs in others {
            let ratio = Some(Ratio { of: theirs.ratio(ours), kind: OURS, target: None });
            self.figure(group, what, &theirs.name, Figure::PerSecond(rate(theirs)), ratio, "");
        }
    }

    pub fn figure(
        &mut self,
        group: &'static str,
        what: &str,
        who: &str,
        figure: Figure,
        ratio: Option<Ratio>,
        note: &str,
    ) {
        let (what, who, note) = (what.to_owned(), who.to_owned(), note.to_owned());
        self.rows.push(Row { group, what, who, figure, ratio, note });
    }

    /// Adds why something was not measured.
    pub fn skip(&mut self, group: &'static str, what: &str, why: &str) {
        self.figure(group, what, "", Figure::None, None, &format!("skipped: {why}"));
    }

    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let (unit, figure) = match row.figure {
                Figure::Seconds(figure) => ("s", Some(figure)),
                Figure::Bytes(figure) => ("B", Some(figure)),
                Figure::PerSecond(figure) => ("1/s", Some(figure)),
                Figure::None => ("", None),
            };
            let ratio = row.ratio.map(|ratio| {
                json!({
                    "kind": ratio.kind,
                    "value": ratio.of,
                    "target": ratio.target.map(|target| target.to_string()),
                    "met": ratio.target.map(|target| target.met(ratio.of)),
                })
            });
            json!({
                "bench": row.group,
                "what": row.what,
                "who": row.who,
                "figure": figure,
                "unit": unit,
                "ratio": ratio,
                "note": row.note,
            })
        });
        Value::Array(rows.collect())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Vec::new();
        let (mut group, mut what) = ("", "");
        for row in &self.rows {
            let same_group = std::mem::replace(&mut group, row.group) == row.group;
            let same_what = std::mem::replace(&mut what, &row.what) == row.what && same_group;
            let target = |target: Target, of: f64| {
                format!("({target}){}", if target.met(of) { "" } else { "  MISSED" })
            };
            let (ratio, kind, note) = match row.ratio {
                None => (String::new(), "", row.note.clone()),
                Some(Ratio { of, kind, target: goal }) => {
                    let goal = goal.map_or_else(String::new, |goal| target(goal, of));
                    (format!("{of:.2}"), kind, format!("{goal} {}", row.note))
                }
            };
            table.push([
                if same_group { "" } else { row.group }.to_owned(),
                if same_what { "" } else { &row.what }.to_owned(),
                row.who.clone(),
                row.figure.to_string(),
                ratio,
                kind.to_owned(),
                note.trim().to_owned(),
            ]);
        }
        let mut widths = [0; 7];
        for row in &table {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for [group, what, who, figure, ratio, kind, note] in &table {
            let [w0, w1, w2, w3, w4, w5, _] = widths;
            let line = format!(
                "{group:w0$}  {what:w1$}  {who:w2$}  {figure:>w3$}  {ratio:>w4$} {kind:w5$}  {note}"
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Figure::Seconds(s) if s >= 1.0 => write!(f, "{s:.2} s"),
            Figure::Seconds(s) if s >= 1e-3 => write!(f, "{:.2} ms", s * 1e3),
            Figure::Seconds(s) => write!(f, "{:.2} µs", s * 1e6),
            Figure::Bytes(b) if b.abs() >= 1024.0 * 1024.0 => write!(f, "{:.1} MiB", b / 1048576.0),
            Figure::Bytes(b) => write!(f, "{:.1} KiB", b / 1024.0),
            Figure::PerSecond(n) if n >= 1e6 => write!(f, "{:.2} M/s", n / 1e6),
            Figure::PerSecond(n) => write!(f, "{n:.0} /s"),
            Figure::None => Ok(()),
        }
    }
}
