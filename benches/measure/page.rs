//! The page `docs/performance.md`.

use crate::contender::Contender;
use crate::stats::{Sample, ratio};

/// One measured quantity of one workload, ours and the peer's.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) ours: Sample,
    pub(crate) peer: Option<Sample>,
    /// The goal that was set before measuring, as text.
    pub(crate) goal: &'static str,
}

impl Row {
    fn markdown(&self) -> String {
        let Self { what, unit, ours, peer, goal } = self;
        let (median, p95, runs) = (number(ours.median(), unit), number(ours.p95(), unit), ours.0.len());
        let theirs = peer.as_ref().map_or_else(
            || "– | – | –".to_owned(),
            |peer| {
                let (middle, low, high) = ratio(peer, ours);
                let (median, p95) = (number(peer.median(), unit), number(peer.p95(), unit));
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
    /// Who is measured beside us.
    peer: &'static str,
    pub(crate) rows: Vec<Row>,
    pub(crate) notes: Vec<String>,
}

impl Section {
    pub(crate) fn new(id: &'static str, title: impl Into<String>) -> Self {
        Self { id, title: title.into(), peer: "kubectl", rows: Vec::new(), notes: Vec::new() }
    }

    /// The same beside another peer.
    pub(crate) fn beside(id: &'static str, title: impl Into<String>, peer: &Contender) -> Self {
        Self { peer: peer.name, ..Self::new(id, title) }
    }

    pub(crate) fn row(
        &mut self,
        what: impl Into<String>,
        unit: &'static str,
        ours: Vec<f64>,
        peer: Option<Vec<f64>>,
        goal: &'static str,
    ) {
        self.rows.push(Row { what: what.into(), unit, ours: Sample(ours), peer: peer.map(Sample), goal });
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(crate) fn markdown(&self) -> String {
        let Self { id, title, peer, .. } = self;
        let mut text = format!(
            "## {id} · {title}\n\n| what | ours: median | p95 | {peer}: median | p95 | {peer} ÷ ours (95 %) | goal |\n\
             | --- | --- | --- | --- | --- | --- | --- |\n"
        );
        text.extend(self.rows.iter().map(Row::markdown));
        text.push('\n');
        for note in &self.notes {
            text.push_str(note);
            text.push_str("\n\n");
        }
        text
    }
}

/// The page: its head, what was measured, and what is missed. Unless everything was measured anew, the sections of
/// the known page stay, but for those that were; the head is that of the known page then.
pub(crate) fn written(head: &str, known: &str, sections: &[Section], anew: bool, missed: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut head = head.to_owned();
    if !anew && let Some((known_head, rest)) = known.split_once("\n## ") {
        head = format!("{known_head}\n");
        let kept = rest.split("\n## ").filter(|part| part.starts_with('W'));
        parts = kept.map(|part| format!("## {}\n", part.trim_end_matches('\n'))).collect();
    }
    for section in sections {
        let text = section.markdown();
        let beside = format!("| {}: median |", section.peer);
        let same =
            |part: &&mut String| part.starts_with(&format!("## {} ", section.id)) && part.contains(&beside);
        match parts.iter_mut().find(same) {
            Some(part) => *part = text,
            None => parts.push(text),
        }
    }
    let body: Vec<&str> = parts.iter().map(|part| part.trim_end_matches('\n')).collect();
    format!("{}\n\n{}\n\n{missed}", head.trim_end_matches('\n'), body.join("\n\n"))
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
