//! What must hold for every recording, whatever it shows. `tests/suite/properties.rs` has the others, which need the
//! built program; recordings are edited here as JSON, and replayed in this process because there are many.
//!
//! 1. Every beginning replays, and what comes after a verdict changes nothing (here and there).
//! 2. An object that is shown twice changes nothing (there).
//! 3. A list in place of a stretch of a watch leads to the same verdict (here).
//! 4. Neighbours of one moment may change places (here).
//! 5. Cutting, delaying, interrupting or forbidding never makes a pass of anything else (here and there).
//! 6. Who may see less finds less, and nothing else (here and there).
//! 7. What is written is read, and replays to the same bytes (here).
//! 8. Names decide nothing (there).
//! 9. The clock of the runner decides nothing (here).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Value, json};

use crate::observation::Observed;
use crate::report::{Report, VerdictName};
use crate::session::Session;
use crate::simulation::Random;
use crate::untrusted::oracle::REDACTOR;
use crate::{gate, recording, render};

/// A recording as JSON: its header and its observations.
#[derive(Clone)]
struct Tape {
    name: String,
    lines: Vec<Value>,
}

impl Tape {
    fn text(&self) -> String {
        self.lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
    }

    fn session(&self) -> Session {
        let read = recording::read(&self.text()).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        gate::replay(read)
    }

    fn replay(&self) -> Report {
        self.session().report()
    }

    /// A minute more in which nothing changes: what is decided later than it was recorded is decided then.
    fn prolonged(mut self) -> Self {
        let streams: Vec<Value> = shown(&self.lines).into_values().map(|(stream, _)| stream).collect();
        let end = self.lines.last().and_then(|line| line["at"].as_u64()).unwrap_or_default();
        for at in (1..=60).map(|second| end + second * 1000) {
            let seen = streams.iter().map(|stream| json!({"at": at, "what": {"seen": {"stream": stream}}}));
            self.lines.extend(seen.chain([json!({"at": at, "what": "tick"})]));
        }
        self
    }

    /// A number of its own for each recording, the same every time.
    fn random(&self) -> Random {
        Random(self.name.bytes().fold(0, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte))))
    }
}

fn tapes() -> Vec<Tape> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut open = vec![root.clone()];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "jsonl") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 100, "the recorded cases");
    let tape = |path: &PathBuf| Tape {
        // The numbers that are drawn for it are the same wherever this repository lies.
        name: path.parent().unwrap().strip_prefix(&root).unwrap().display().to_string(),
        lines: fs::read_to_string(path)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    };
    found.iter().map(tape).collect()
}

fn what<'a>(line: &'a Value, of: &str) -> Option<&'a Value> {
    line["what"].get(of)
}

/// The stream that a line is about.
fn stream(line: &Value) -> Option<&Value> {
    line["what"].as_object()?.values().next()?.get("stream")
}

fn is_tick(line: &Value) -> bool {
    line["what"] == "tick"
}

/// Verdict, reason and codes of each target.
fn outcome(report: &Report) -> Vec<(VerdictName, String, Vec<String>)> {
    let codes =
        |target: &crate::report::Target| target.causes.iter().map(|cause| cause.code.clone()).collect();
    report.targets.iter().map(|target| (target.verdict, target.reason.clone(), codes(target))).collect()
}

fn verdicts(report: &Report) -> Vec<(VerdictName, String)> {
    report.targets.iter().map(|target| (target.verdict, target.reason.clone())).collect()
}

/// Every document that a report becomes.
fn documents(report: &Report) -> [String; 5] {
    [
        render::json(report, &REDACTOR),
        render::terminal(report, &render::Look::plain(&REDACTOR)),
        render::junit(report, &REDACTOR),
        render::markdown(report, &REDACTOR),
        render::html(report, &REDACTOR),
    ]
}

/// Runs a property over every recording, and names all that break it.
fn for_every_recording(holds: impl Fn(&Tape) -> Result<(), String> + Sync) {
    let tapes = tapes();
    let half = tapes.len().div_ceil(2);
    let broken: Vec<String> = std::thread::scope(|scope| {
        let parts: Vec<_> = tapes
            .chunks(half)
            .map(|part| {
                scope.spawn(|| {
                    part.iter()
                        .filter_map(|tape| Some(format!("{}: {}", tape.name, holds(tape).err()?)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert!(broken.is_empty(), "{} of {}:\n{}", broken.len(), tapes.len(), broken.join("\n"));
}

fn same<T: PartialEq + std::fmt::Debug>(before: &T, after: &T, how: &str) -> Result<(), String> {
    if before == after { Ok(()) } else { Err(format!("{how}: {before:?} became {after:?}")) }
}

// === 1. What comes after a verdict ===

#[test]
fn what_comes_after_a_verdict_changes_nothing() {
    for_every_recording(|tape| {
        let mut session = tape.session();
        let before = outcome(&session.report());
        let decided = session.guards.iter().all(|guard| guard.verdict().is_some());
        let read = recording::read(&tape.text()).unwrap();
        let end = read.observations.last().map(|last| last.at).unwrap_or_default();
        for mut observation in read.observations {
            observation.at += end;
            session.observe(observation);
            if decided {
                drop(session.judge());
            }
        }
        if decided { same(&before, &outcome(&session.report()), "all of it again") } else { Ok(()) }
    });
}

// === 3. Lists in place of watches ===

/// What each stream shows after so many lines.
fn shown(lines: &[Value]) -> BTreeMap<String, (Value, BTreeMap<String, Value>)> {
    let mut streams: BTreeMap<String, (Value, BTreeMap<String, Value>)> = BTreeMap::new();
    let uid = |object: &Value| object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    for line in lines {
        let Some(stream) = stream(line) else { continue };
        if let Some(listed) = what(line, "listed") {
            let objects = listed["objects"].as_array().into_iter().flatten();
            let objects = objects.map(|object| (uid(object), object.clone())).collect();
            streams.insert(stream.to_string(), (stream.clone(), objects));
            continue;
        }
        let (_, objects) =
            streams.entry(stream.to_string()).or_insert_with(|| (stream.clone(), BTreeMap::new()));
        if let Some(applied) = what(line, "applied") {
            objects.insert(uid(&applied["object"]), applied["object"].clone());
        } else if let Some(deleted) = what(line, "deleted") {
            objects.remove(&uid(&deleted["object"]));
        }
    }
    streams
}

fn list(at: &Value, stream: &Value, objects: &BTreeMap<String, Value>) -> Value {
    let objects: Vec<&Value> = objects.values().collect();
    json!({"at": at, "what": {"listed": {"stream": stream, "objects": objects}}})
}

#[test]
fn a_list_of_what_is_known_changes_nothing() {
    for_every_recording(|tape| {
        let before = outcome(&tape.replay());
        let mut random = tape.random();
        for _ in 0..2 {
            let cut = 1 + usize::try_from(random.below(tape.lines.len() as u64 - 1)).unwrap();
            let mut edited = tape.clone();
            let at = &tape.lines[cut]["at"];
            let lists: Vec<Value> = shown(&tape.lines[..cut])
                .values()
                .filter(|(_, objects)| !objects.is_empty())
                .map(|(stream, objects)| list(at, stream, objects))
                .collect();
            drop(edited.lines.splice(cut..cut, lists));
            same(&before, &outcome(&edited.replay()), &format!("all listed anew before line {cut}"))?;
        }
        Ok(())
    });
}

#[test]
fn a_stretch_of_a_watch_may_be_missed_if_a_list_follows() {
    let (tried, undecided) = (AtomicUsize::new(0), AtomicUsize::new(0));
    for_every_recording(|tape| {
        let before = verdicts(&tape.clone().prolonged().replay());
        let mut random = tape.random();
        let count = tape.lines.len();
        for _ in 0..2 {
            // The end stays: it is what was decided upon.
            let from = 1 + usize::try_from(random.below(count as u64 / 2)).unwrap();
            let to = from + usize::try_from(random.below((count - from) as u64 / 2 + 1)).unwrap();
            let watched = shown(&tape.lines[..from]);
            let streams: Vec<&Value> = watched.values().map(|(stream, _)| stream).collect();
            let Some(missed) = streams.get(usize::try_from(random.below(8)).unwrap() % streams.len().max(1))
            else {
                continue;
            };
            let mut edited = tape.clone();
            edited.lines.truncate(from);
            let health = |at: &Value, health: Value| json!({"at": at, "what": {"health": {"stream": missed, "health": health}}});
            edited.lines.push(health(&tape.lines[from]["at"], json!({"interrupted": {"message": "reset"}})));
            edited
                .lines
                .extend(tape.lines[from..to].iter().filter(|line| stream(line) != Some(*missed)).cloned());
            let at = &tape.lines[to]["at"];
            if let Some((stream, objects)) = shown(&tape.lines[..to]).get(&missed.to_string()) {
                edited.lines.push(list(at, stream, objects));
            }
            edited.lines.push(health(at, json!("live")));
            edited.lines.extend_from_slice(&tape.lines[to..]);
            let after = verdicts(&edited.prolonged().replay());
            tried.fetch_add(1, Relaxed);
            if before != after && may_be_open(&before, &after) {
                undecided.fetch_add(1, Relaxed);
                continue;
            }
            same(&before, &after, &format!("{missed} was missed from line {from} to {to}"))?;
        }
        Ok(())
    });
    let (tried, undecided) = (tried.into_inner(), undecided.into_inner());
    assert!(undecided * 20 < tried, "{undecided} of {tried} were not decided");
}

/// Nothing happens in the minute that is added: an end that was missed is not followed by another, and an event not
/// by a newer one, so there may be no verdict yet. Nor is it said that time was up where that was not seen.
fn may_be_open(before: &[(VerdictName, String)], after: &[(VerdictName, String)]) -> bool {
    before.iter().zip(after).all(|(before, after)| {
        before == after
            || after.0 == VerdictName::Interrupted
            || before.0 == VerdictName::TimedOut && after.1 == "unreachable"
    })
}

// === 4. Order ===

#[test]
fn neighbours_of_one_moment_may_change_places() {
    for_every_recording(|tape| {
        let before = documents(&tape.replay());
        let may = |one: &Value, other: &Value| {
            one["at"] == other["at"]
                && !is_tick(one)
                && !is_tick(other)
                && (stream(one).is_none() || stream(one) != stream(other))
                && what(one, "connected").is_none() | what(other, "connected").is_none()
        };
        for first in [1, 2] {
            let mut edited = tape.clone();
            for at in (first..tape.lines.len() - 1).step_by(2) {
                if may(&edited.lines[at], &edited.lines[at + 1]) {
                    edited.lines.swap(at, at + 1);
                }
            }
            let after = documents(&edited.replay());
            for (before, after) in before.iter().zip(&after) {
                if before != after {
                    let differing = before.lines().zip(after.lines()).find(|(before, after)| before != after);
                    return Err(format!("from line {first}: {differing:?}"));
                }
            }
        }
        Ok(())
    });
}

// === 5. Never green by accident ===

#[test]
fn what_is_delayed_or_interrupted_never_passes_instead() {
    for_every_recording(|tape| {
        let before = tape.replay();
        if before.targets.iter().all(|target| target.verdict == VerdictName::Complete) {
            return Ok(());
        }
        let mut random = tape.random();
        let streams: Vec<Value> = shown(&tape.lines).values().map(|(stream, _)| stream.clone()).collect();
        for chosen in &streams {
            let mut delayed = tape.clone();
            // Everything of one stream comes later, each as much as the others.
            let late = 500 + random.below(20_000);
            for line in &mut delayed.lines[1..] {
                if stream(line) == Some(chosen) {
                    line["at"] = json!(line["at"].as_u64().unwrap() + late);
                }
            }
            delayed.lines[1..].sort_by_key(|line| line["at"].as_u64());
            never_green(&before, &delayed, &format!("{chosen} {late} ms late"))?;
            let cut = 1 + usize::try_from(random.below(tape.lines.len() as u64 - 1)).unwrap();
            let mut silent = tape.clone();
            let at = silent.lines[cut]["at"].clone();
            silent.lines = silent
                .lines
                .iter()
                .enumerate()
                .filter(|(number, line)| *number < cut || stream(line) != Some(chosen))
                .map(|(_, line)| line.clone())
                .collect();
            let health = json!({"interrupted": {"message": "reset"}});
            silent
                .lines
                .insert(cut, json!({"at": at, "what": {"health": {"stream": chosen, "health": health}}}));
            never_green(&before, &silent, &format!("{chosen} interrupted at line {cut}"))?;
        }
        Ok(())
    });
}

fn never_green(before: &Report, edited: &Tape, how: &str) -> Result<(), String> {
    let after = edited.replay();
    for (before, after) in before.targets.iter().zip(&after.targets) {
        if before.verdict != VerdictName::Complete && after.verdict == VerdictName::Complete {
            return Err(format!("{how}: {:?} became a pass", before.verdict));
        }
    }
    Ok(())
}

// === 6. Blindness ===

/// Every code that stood at some moment, whether or not it was reported in the end.
fn ever_found(tape: &Tape) -> BTreeSet<String> {
    let recording::Recording { header, observations, .. } = recording::read(&tape.text()).unwrap();
    let mut session = Session::new(header.started, header.targets, header.policy.to_policy());
    let mut found = BTreeSet::new();
    for observation in observations {
        let judge = matches!(observation.what, Observed::Tick);
        session.observe(observation);
        if judge {
            let done = session.judge().done;
            let standing = session.guards.iter().flat_map(|guard| &guard.last.standing);
            found.extend(standing.map(|standing| standing.finding.code.as_str().to_owned()));
            if done {
                break;
            }
        }
    }
    let reported = session.report().targets.into_iter().flat_map(|target| target.causes);
    found.extend(reported.map(|cause| cause.code));
    found
}

/// What is found without the events that would say more, in place of what they say.
const LESS_EXACT: &[(&str, &str)] =
    &[("liveness-probe-failing", "container-killed"), ("provisioning-failed", "claim-unbound")];

fn finds_less(tape: &Tape, blind: &Tape, how: &str) -> Result<(), String> {
    never_green(&tape.replay(), blind, how)?;
    let mut known = ever_found(tape);
    let weaker = LESS_EXACT.iter().filter(|(exact, _)| known.contains(*exact));
    let weaker: Vec<String> = weaker.map(|(_, weaker)| (*weaker).to_owned()).collect();
    known.extend(weaker);
    let new = ever_found(blind).into_iter().find(|code| !known.contains(code));
    new.map_or(Ok(()), |new| Err(format!("{how}: found {new} beside {known:?}")))
}

#[test]
fn who_may_see_less_finds_less_and_nothing_else() {
    for_every_recording(|tape| {
        let refused = |asked: &str| json!({"refused": {"code": 403, "asked": asked, "message": "forbidden"}});
        let of_pods = |line: &Value| stream(line).is_some_and(|stream| stream["kind"] == "Pod");
        let mut blind = tape.clone();
        blind.lines.retain(|line| !of_pods(line) || what(line, "health").is_some());
        for line in blind.lines.iter_mut().filter(|line| of_pods(line)) {
            line["what"]["health"]["health"] = refused("list pods");
        }
        finds_less(tape, &blind, "pods refused")?;
        for (want, asked) in [("events", "list events"), ("logs", "get pods/log")] {
            let mut blind = tape.clone();
            let answers = blind.lines.iter_mut().filter_map(|line| line["what"].get_mut("answered"));
            for answer in answers.filter(|answer| answer["want"].get(want).is_some()) {
                answer["answer"] = refused(asked);
            }
            finds_less(tape, &blind, asked)?;
        }
        Ok(())
    });
}

// === 7. Round trip ===

#[test]
fn what_is_written_is_read_and_replays_to_the_same_bytes() {
    for_every_recording(|tape| {
        let written = recording::oracle::rewritten(&tape.text());
        let lines: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for (number, (read, written)) in tape.lines.iter().zip(&lines).enumerate().skip(1) {
            same(read, written, &format!("line {}", number + 1))?;
        }
        recording::oracle::lines_read_back(&written);
        let again = Tape { name: tape.name.clone(), lines };
        same(&documents(&tape.replay()), &documents(&again.replay()), "replayed")
    });
}

// === 9. Clocks ===

#[test]
fn the_clock_of_the_runner_decides_nothing() {
    for_every_recording(|tape| {
        let before = outcome(&tape.replay());
        for seconds in [-600, 600] {
            let mut skewed = tape.clone();
            let started: jiff::Timestamp = skewed.lines[0]["started"].as_str().unwrap().parse().unwrap();
            let started = started + jiff::SignedDuration::from_secs(seconds);
            skewed.lines[0]["started"] = json!(started.to_string());
            // The `Date` of the server tells it apart from ours.
            for server in skewed.lines.iter_mut().filter_map(|line| line["what"].get_mut("connected")) {
                let offset = server["clockOffsetMillis"].as_i64().unwrap_or_default();
                server["clockOffsetMillis"] = json!(offset - seconds * 1000);
            }
            same(&before, &outcome(&skewed.replay()), &format!("a clock {seconds} s off"))?;
        }
        Ok(())
    });
}

/// No `Date` header, as behind some proxies: nobody knows that the clock is wrong.
#[test]
fn a_wrong_clock_that_nobody_notices_makes_no_pass() {
    for_every_recording(|tape| {
        let before = tape.replay();
        for seconds in [-600, 600] {
            let mut skewed = tape.clone().prolonged();
            let started: jiff::Timestamp = skewed.lines[0]["started"].as_str().unwrap().parse().unwrap();
            let started = started + jiff::SignedDuration::from_secs(seconds);
            skewed.lines[0]["started"] = json!(started.to_string());
            for server in skewed.lines.iter_mut().filter_map(|line| line["what"].get_mut("connected")) {
                server["clockOffsetMillis"] = json!(0);
                server["clockUnknown"] = json!(true);
            }
            never_green(&before, &skewed, &format!("a clock {seconds} s off"))?;
        }
        Ok(())
    });
}
