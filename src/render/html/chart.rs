//! The drawn timeline, as SVG.
//!
//! Positions along the time are percentages, so that the drawing fits any width and its words keep their size.
//! Colours are given twice: by class for the style sheet, and as attributes for a page without one. Everything
//! drawn also stands as text beside it.

use std::fmt::Write as _;

use super::page::Page;
use crate::render::style::spoken;
use crate::report::{PodLine, Replicas, Target, TimelineEntry};

/// Heights in pixels: of the counters, of the strip of events, of the words below.
const PLOT: f64 = 120.0;
const STRIP: f64 = 22.0;
const WORDS: f64 = 20.0;
/// Above the plot: room for the words of the wanted number.
const TOP: f64 = 18.0;

/// The time that the drawing covers.
pub(super) struct Span {
    end: f64,
}

impl Span {
    /// From the start to the verdict; none where it was one look, and there is nothing to draw.
    pub(super) fn of(target: &Target) -> Option<Self> {
        let end = target.timeline.iter().map(|entry| entry.at).fold(target.duration_seconds, f64::max);
        (end.is_finite() && end >= 0.5).then_some(Self { end })
    }

    /// Where a time lies, in percent.
    fn at(&self, seconds: f64) -> f64 {
        (seconds / self.end * 100.0).clamp(0.0, 100.0)
    }
}

/// A time as `2m 5s`, or `0s` at the start.
pub(super) fn clock(seconds: f64) -> String {
    if seconds < 0.05 { "0s".to_owned() } else { spoken(seconds) }
}

/// How a part of a lane looks: class, colour where there is no style sheet, and height, as not everybody tells
/// the colours apart.
struct Tone {
    class: &'static str,
    color: &'static str,
    word: &'static str,
    height: u8,
    /// Worse pods come first.
    rank: u8,
}

const FAILING: Tone = Tone { class: "fail", color: "#d0443b", word: "failing", height: 14, rank: 0 };
const RUNNING: Tone =
    Tone { class: "run", color: "#e0a526", word: "running, not ready", height: 10, rank: 1 };
const STARTING: Tone = Tone { class: "wait", color: "#8fa3bd", word: "starting", height: 6, rank: 2 };
const READY: Tone = Tone { class: "ready", color: "#2e9e5b", word: "ready", height: 6, rank: 3 };
const DONE: Tone = Tone { class: "done", color: "#6d7fc4", word: "finished", height: 10, rank: 4 };
const GONE: Tone = Tone { class: "gone", color: "#c9ced6", word: "going, gone", height: 2, rank: 5 };
const TONES: [&Tone; 6] = [&READY, &RUNNING, &STARTING, &FAILING, &DONE, &GONE];

fn tone(state: &str) -> &'static Tone {
    match state {
        "Ready" => &READY,
        "Running" => &RUNNING,
        "Pending" | "ContainerCreating" | "PodInitializing" | "SchedulingGated" => &STARTING,
        "Succeeded" | "Completed" => &DONE,
        "Terminating" | "Deleted" => &GONE,
        _ => &FAILING,
    }
}

/// Pods of the new revision first, those in trouble before the others.
pub(super) fn rank(pod: &PodLine) -> (bool, u8, std::cmp::Reverse<i64>) {
    let rank = pod.states.last().map_or(6, |last| tone(&last.state).rank);
    (pod.revision != "current", rank, std::cmp::Reverse(pod.restarts))
}

/// The counters as nested areas, events and causes below, the verdict at the end.
pub(super) fn replicas(target: &Target, span: &Span, page: &mut Page<'_>) {
    let steps: Vec<(f64, Replicas)> =
        target.timeline.iter().filter_map(|entry| Some((entry.at, entry.replicas?))).collect();
    let most = steps.iter().map(|(_, replicas)| height(replicas)).max().unwrap_or(0);
    if most == 0 {
        return;
    }
    let told = page.text(&told(target, &steps));
    page.push("<figure>\n<ul class=\"keys\">");
    let keys = [
        ("avail", "#2e9e5b", "available"),
        ("rdy", "#8cd0a6", "ready"),
        ("upd", "#f0cf86", "updated"),
        ("old", "#c3cad4", "old"),
    ];
    for (class, color, word) in keys {
        key(class, color, word, page);
    }
    page.push("</ul>\n");
    let all = TOP + PLOT + STRIP + WORDS;
    page.push(&format!(
        "<svg role=\"img\" aria-label=\"Replicas over time\" height=\"{all}\" width=\"100%\">\n"
    ));
    let scale = Scale { most };
    areas(&steps, span, &scale, page);
    frame(&steps, span, &scale, page);
    marks(&target.timeline, span, page);
    verdict(target, span, page);
    page.push(&format!("</svg>\n<figcaption>{told}</figcaption>\n</figure>\n"));
}

struct Scale {
    most: i64,
}

impl Scale {
    #[expect(clippy::cast_precision_loss, reason = "a drawing; replicas are far below 2^52")]
    fn y(&self, value: i64) -> f64 {
        let part = value.clamp(0, self.most) as f64 / self.most.max(1) as f64;
        TOP + PLOT * (1.0 - part)
    }
}

fn height(replicas: &Replicas) -> i64 {
    let stacked = replicas.updated.max(replicas.ready).saturating_add(replicas.old);
    stacked.max(replicas.desired)
}

fn areas(steps: &[(f64, Replicas)], span: &Span, scale: &Scale, page: &mut Page<'_>) {
    let ends = steps.iter().skip(1).map(|(at, _)| *at).chain([span.end]);
    for ((from, replicas), to) in steps.iter().zip(ends) {
        let (x, width) = (span.at(*from), span.at(to) - span.at(*from));
        if width <= 0.0 {
            continue;
        }
        let updated = replicas.updated.max(replicas.ready);
        let layers = [
            ("old", "#c3cad4", updated.saturating_add(replicas.old)),
            ("upd", "#f0cf86", updated),
            ("rdy", "#8cd0a6", replicas.ready),
            ("avail", "#2e9e5b", replicas.available.min(replicas.ready)),
        ];
        for (layer, (class, color, value)) in layers.into_iter().enumerate() {
            // What the next layer would cover as a whole is not drawn.
            let covered = layers.get(layer + 1).is_some_and(|(_, _, inner)| *inner == value);
            if value <= 0 || covered {
                continue;
            }
            let y = scale.y(value);
            let tall = TOP + PLOT - y;
            page.push(&format!(
                "<rect class=\"{class}\" fill=\"{color}\" x=\"{x:.3}%\" y=\"{y:.1}\" width=\"{width:.3}%\" \
                 height=\"{tall:.1}\" shape-rendering=\"crispEdges\"/>\n"
            ));
        }
    }
}

/// Base line, wanted number, times.
fn frame(steps: &[(f64, Replicas)], span: &Span, scale: &Scale, page: &mut Page<'_>) {
    let base = TOP + PLOT;
    page.push(&format!(
        "<line class=\"grid\" stroke=\"#888\" x1=\"0\" x2=\"100%\" y1=\"{base}\" y2=\"{base}\"/>\n"
    ));
    let desired = steps.last().map_or(0, |(_, replicas)| replicas.desired);
    if desired > 0 {
        let y = scale.y(desired);
        page.push(&format!(
            "<line class=\"want\" stroke=\"#444\" stroke-dasharray=\"2 4\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\n\
             <text class=\"on\" x=\"0\" y=\"{:.1}\">{desired} wanted</text>\n",
            y - 5.0
        ));
    }
    let words = base + STRIP + WORDS - 5.0;
    let step = tick(span.end);
    let mut at = 0.0;
    while at <= span.end {
        let x = span.at(at);
        // The word of the verdict stands at the end.
        if x <= 70.0 {
            let anchor = if at > 0.0 { "middle" } else { "start" };
            page.push(&format!(
                "<line class=\"grid\" stroke=\"#888\" x1=\"{x:.3}%\" x2=\"{x:.3}%\" y1=\"{base}\" y2=\"{:.1}\"/>\
                 <text x=\"{x:.3}%\" y=\"{words:.1}\" text-anchor=\"{anchor}\">{}</text>\n",
                base + 5.0,
                clock(at)
            ));
        }
        at += step;
    }
}

/// The distance of the times that are named: at most five of them.
fn tick(end: f64) -> f64 {
    const STEPS: [f64; 12] = [0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];
    STEPS.into_iter().find(|step| end / step <= 5.0).unwrap_or(end / 4.0)
}

/// Events as strokes, causes as diamonds, in the strip below the plot.
fn marks(timeline: &[TimelineEntry], span: &Span, page: &mut Page<'_>) {
    let (top, middle) = (TOP + PLOT + 4.0, TOP + PLOT + STRIP / 2.0 + 1.0);
    for entry in timeline {
        let x = span.at(entry.at);
        let title = format!("{} {}", clock(entry.at), page.text(&entry.what));
        match entry.kind.as_str() {
            "event" => page.push(&format!(
                "<line class=\"event\" stroke=\"#8fa3bd\" stroke-width=\"2\" x1=\"{x:.3}%\" x2=\"{x:.3}%\" y1=\"{top:.1}\" \
                 y2=\"{:.1}\"><title>{title}</title></line>\n",
                top + 10.0
            )),
            "cause" => page.push(&format!(
                "<svg x=\"{x:.3}%\" y=\"{middle:.1}\" width=\"1\" height=\"1\" overflow=\"visible\"><path class=\"fail\" \
                 fill=\"#d0443b\" d=\"M0-7 6 0 0 7-6 0Z\"><title>{title}</title></path></svg>\n"
            )),
            _ => {}
        }
    }
}

fn verdict(target: &Target, span: &Span, page: &mut Page<'_>) {
    let x = span.at(target.duration_seconds);
    let words = TOP + PLOT + STRIP + WORDS - 5.0;
    let word = page.text(&super::detail::words(target));
    page.push(&format!(
        "<line class=\"end\" stroke=\"#222\" stroke-width=\"2\" x1=\"{x:.3}%\" x2=\"{x:.3}%\" y1=\"{TOP}\" y2=\"{:.1}\"/>\
         <text class=\"on\" x=\"{x:.3}%\" y=\"{words:.1}\" text-anchor=\"end\">{word}</text>\n",
        TOP + PLOT + STRIP
    ));
}

/// The drawing in words.
fn told(target: &Target, steps: &[(f64, Replicas)]) -> String {
    let count = |kind: &str| target.timeline.iter().filter(|entry| entry.kind == kind).count();
    let last = steps.last().map(|(_, replicas)| *replicas).unwrap_or_default();
    let ready = steps.iter().map(|(_, replicas)| replicas.ready).max().unwrap_or_default();
    let mut told = format!(
        "Replicas over {}: at the end {} of {} updated, {} ready, {} available, {} old.",
        spoken(target.duration_seconds),
        last.updated,
        last.desired,
        last.ready,
        last.available.min(last.ready),
        last.old,
    );
    if ready > last.ready {
        let _ = write!(told, " At most {ready} were ready at a time.");
    }
    for (kind, what) in [("event", "A stroke is an event"), ("cause", "A diamond is a cause")] {
        if count(kind) > 0 {
            let _ = write!(told, " {what} ({}).", count(kind));
        }
    }
    told
}

fn key(class: &str, color: &str, word: &str, page: &mut Page<'_>) {
    page.push(&format!(
        "<li><svg width=\"12\" height=\"12\" aria-hidden=\"true\"><rect class=\"{class}\" fill=\"{color}\" width=\"12\" \
         height=\"12\" rx=\"2\"/></svg>{word}</li>"
    ));
}

/// What the colours of the lanes mean.
pub(super) fn lane_keys(page: &mut Page<'_>) {
    page.push("<ul class=\"keys\">");
    for tone in TONES {
        key(tone.class, tone.color, tone.word, page);
    }
    page.push("</ul>\n");
}

/// A lane for each pod, with its states; without a span only their words.
pub(super) fn lanes(pods: &[&PodLine], span: Option<&Span>, page: &mut Page<'_>) {
    page.push("<ol class=\"lanes\">\n");
    for pod in pods {
        let (name, said) = (page.text(&pod.name), said(pod, page));
        page.push(&format!(
            "<li><div class=\"lane\"><span class=\"mono\">{name}</span> <span class=\"state\">{said}</span></div>\n"
        ));
        if let Some(span) = span {
            lane(pod, span, page);
        }
        page.push("</li>\n");
    }
    page.push("</ol>\n");
}

/// `CrashLoopBackOff, 3 restarts, on node-1`.
fn said(pod: &PodLine, page: &Page<'_>) -> String {
    let mut parts =
        vec![pod.states.last().map_or_else(|| "state unknown".to_owned(), |last| page.text(&last.state))];
    match pod.restarts {
        0 => {}
        1 => parts.push("1 restart".to_owned()),
        n => parts.push(format!("{n} restarts")),
    }
    if let Some(node) = &pod.node {
        parts.push(format!("on {}", page.text(node)));
    }
    if pod.revision != "current" {
        parts.push("old revision".to_owned());
    }
    parts.join(", ")
}

fn lane(pod: &PodLine, span: &Span, page: &mut Page<'_>) {
    page.push("<svg height=\"14\" width=\"100%\" aria-hidden=\"true\">\n");
    let ends = pod.states.iter().skip(1).map(|state| state.at).chain([span.end]);
    for (state, to) in pod.states.iter().zip(ends) {
        let (x, width) = (span.at(state.at), span.at(to) - span.at(state.at));
        let (tone, word) = (tone(&state.state), page.text(&state.state));
        if width <= 0.0 || state.state == "Deleted" {
            continue;
        }
        page.push(&format!(
            "<rect class=\"{}\" fill=\"{}\" x=\"{x:.3}%\" y=\"{}\" width=\"{width:.3}%\" height=\"{}\">\
             <title>{word} from {}</title></rect>\n",
            tone.class,
            tone.color,
            (14 - tone.height) / 2,
            tone.height,
            clock(state.at)
        ));
    }
    page.push("</svg>\n");
}
