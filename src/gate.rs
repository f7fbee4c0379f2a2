//! The only loop: waits for whatever comes first, feeds the session, does what it asks.
//!
//! Nothing is decided here. Time and signals become observations like everything else, so that a recording
//! contains all that a decision rested on.

mod clock;

use std::io::Write;
use std::time::Duration;

use clock::Clock;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::observation::{Observation, Observed};
use crate::progress::News;
use crate::recording::{Recording, Writer};
use crate::session::Session;
use crate::signals::Signals;
use crate::source::{Arrival, Live, LogFeed};

/// A look follows the one before after this time at the earliest, so that a burst is judged once.
const BREATH: Duration = Duration::from_millis(20);
/// More arrivals than this are judged in two looks.
const BURST: usize = 20_000;

/// Drives a session from a live source until it is done. Progress is shown after each judgement, and at least
/// every `frame`, with the session as it is; lines of logs as they come, after everything else.
pub(crate) async fn drive<W: Write>(
    session: &mut Session,
    live: &mut Live,
    recorder: &mut Option<Writer<W>>,
    signals: &mut Signals,
    frame: Duration,
    show: &mut dyn FnMut(News<'_>, &Session),
) {
    let start = Instant::now();
    let mut logs = live.log_feed();
    let wall_clock = live.wall_clock();
    let mut clock = Clock::new(wall_clock());
    let mut take = |session: &mut Session, at: Duration, what: Observed, objects: &[Value]| {
        if let Some(recorder) = recorder {
            recorder.write(at, &what, objects);
        }
        session.observe(Observation { at, what });
    };
    loop {
        let at = clock.step(start.elapsed());
        if let Some(drift) = clock.drift(at, wall_clock()) {
            let millis = i64::try_from(drift.as_millis()).unwrap_or(i64::MAX);
            take(session, at, Observed::Drifted { millis }, &[]);
            live.ask_time();
        }
        take(session, at, Observed::Tick, &[]);
        let step = session.judge();
        for request in &step.requests {
            live.ask(request);
        }
        show(News::Progress(&step.progress), session);
        if step.done {
            return;
        }
        if live.follows() {
            live.follow(&session.starting());
        }
        let mut next_frame = Instant::now() + frame;
        let wake = (start + clock.moment(step.wake)).max(Instant::now() + BREATH);
        loop {
            tokio::select! {
                biased;
                signal = signals.next() => {
                    take(session, clock.step(start.elapsed()), Observed::Signal(signal), &[]);
                }
                arrival = live.next() => {
                    let mut next = Some(arrival);
                    for _ in 0..BURST {
                        let Some(Arrival { what, raw }) = next else { break };
                        take(session, clock.step(start.elapsed()), what, &raw);
                        next = live.try_next();
                    }
                    if let Some(Arrival { what, raw }) = next {
                        take(session, clock.step(start.elapsed()), what, &raw);
                    }
                }
                () = sleep_until(wake) => {}
                // Time goes on for the person who watches, not for the judgement.
                () = sleep_until(next_frame) => {
                    let passed = clock.step(start.elapsed()).saturating_sub(step.progress.elapsed);
                    show(News::Progress(&step.progress.after(passed)), session);
                    next_frame = Instant::now() + frame;
                    continue;
                }
                log = LogFeed::next_of(&mut logs) => {
                    show(News::Log(&log, start.elapsed()), session);
                    continue;
                }
            }
            break;
        }
    }
}

/// Runs a recording through a session until a verdict, or to its end.
pub(crate) fn replay(recording: Recording) -> Session {
    let Recording { header, observations, .. } = recording;
    let mut session = Session::new(header.started, header.targets, header.policy.to_policy());
    let mut observations = observations.into_iter();
    for observation in observations.by_ref() {
        let judge = matches!(observation.what, Observed::Tick);
        session.observe(observation);
        if judge && session.judge().done {
            break;
        }
    }
    // An older program, which asked for less, may have written it.
    session.conclude();
    // What follows a verdict does not change it.
    for observation in observations.filter(|observation| matches!(observation.what, Observed::Undone(_))) {
        session.observe(observation);
    }
    session
}
