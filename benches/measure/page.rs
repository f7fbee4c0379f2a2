//! The page `docs/performance.md`.

use crate::stats::{Sample, ratio};

/// One measured quantity of one workload, ours and kubectl's.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) ours: Sample,
    pub(crate) kubectl: Option<Sample>,
    /// The goal that was set before measuring, as text.
    pub(crate) goal: &'static str,
}

impl Row {
    fn markdown(&self) -> String {
        let Self { what, unit, ours, kubectl, goal } = self;
        let (median, p95, runs) = (number(ours.median(), unit), number(ours.p95(), unit), ours.0.len());
        let theirs = kubectl.as_ref().map_or_else(
            || "– | – | –".to_owned(),
            |kubectl| {
                let (middle, low, high) = ratio(kubectl, ours);
                let (median, p95) = (number(kubectl.median(), unit), number(kubectl.p95(), unit));
                format!("{median} | {p95} | {middle:.1} ({low:.1}–{high:.1})")
            },
        );
        format!("| {what} (n = {runs}) | {median} | {p95} | {theirs} | {goal} |\n")
    }
}

/// A workload: what happens, and what was measured.
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) notes: Vec<String>,
}

impl Section {
    pub(crate) fn new(id: &'static str, title: impl Into<String>) -> Self {
        Self { id, title: title.into(), rows: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn row(
        &mut self,
        what: impl Into<String>,
        unit: &'static str,
        ours: Vec<f64>,
        kubectl: Option<Vec<f64>>,
        goal: &'static str,
    ) {
        self.rows.push(Row {
            what: what.into(),
            unit,
            ours: Sample(ours),
            kubectl: kubectl.map(Sample),
            goal,
        });
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("## {} · {}\n\n", self.id, self.title);
        text.push_str("| what | ours: median | p95 | kubectl: median | p95 | kubectl ÷ ours (95 %) | goal |\n| --- | --- | --- | --- | --- | --- | --- |\n");
        text.extend(self.rows.iter().map(Row::markdown));
        text.push('\n');
        for note in &self.notes {
            text.push_str(note);
            text.push_str("\n\n");
        }
        text
    }
}

fn number(value: f64, unit: &str) -> String {
    let digits = if value >= 100.0 || value.fract() == 0.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}").trim_end().to_owned()
}
