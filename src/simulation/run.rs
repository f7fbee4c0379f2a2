//! One run on the virtual clock, and what the checks found.

use std::time::Duration;

use super::Random;
use super::client::{Client, Refused, SLOWEST_ANSWER, Scene};
use super::fleet::{Course, Fleet, LONG_REFUSAL, Truth};
use super::server::Server;
use crate::model::Kind;
use crate::observation::{Observation, Observed, Request, Stream, Want};
use crate::policy::{Policy, StableFor};
use crate::session::Session;

const TIMEOUT: u64 = 300;
/// A verdict rests on a proof of at most 5 s, and looks are a second apart.
const FRESH: u64 = 5 + 2;
/// Pods must have been Ready for as long as they have to settle, less what rounding and late reports take.
const ROUNDING: u64 = 2;
/// Most requests of one stream in any 30 s: three at once, and one a second.
const BUDGET: usize = 33;
/// Looks in a second.
const LOOKS: u64 = 4;
/// A deadline that passes after so many seconds of darkness is told as that: a proof that is as old as a last look
/// allows, a read that is not answered, and the two seconds until it is said.
const BLIND: u64 = 10 + 10 + 2 + 3;
/// Nothing misbehaves after this.
const PEACE: u64 = 200;

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) problems: Vec<String>,
    pub(crate) steps: u64,
    pub(crate) reason: &'static str,
}

struct World {
    random: Random,
    server: Server,
    fleet: Fleet,
    /// What etcd will be restored from.
    backup: Option<(Server, Fleet)>,
    /// Items of a page.
    page: usize,
    now: Duration,
    /// Nothing misbehaves at all.
    calm: bool,
    /// How long pods have to settle, in seconds.
    settling: u64,
    session: Session,
    clients: Vec<Client>,
    problems: Vec<String>,
    steps: u64,
}

/// Plays a seed.
pub(crate) fn play(seed: u64) -> Outcome {
    let mut random = Random(seed);
    let started = "2026-11-24T10:00:00Z".parse().unwrap();
    let fleet = Fleet::new(&mut random, started);
    // The pods have no probe, so that `auto` is 30 s.
    let asked = [Some(0), None, None, None, Some(10), Some(30)][usize::try_from(random.below(6)).unwrap()];
    let settling = asked.unwrap_or(30);
    let stable_for = asked.map_or(StableFor::Auto, |asked| StableFor::For(Duration::from_secs(asked)));
    let policy = Policy { timeout: Duration::from_secs(TIMEOUT), stable_for, ..Policy::default() };
    let target = Stream::of(Kind::Deployment, "shop", "web");
    let mut world = World {
        calm: random.one_in(4),
        page: [1, 2, 3, 500][usize::try_from(random.below(4)).unwrap()],
        backup: None,
        settling,
        random,
        server: Server::new(),
        fleet,
        now: Duration::ZERO,
        session: Session::new(started, [target], policy),
        clients: Vec::new(),
        problems: Vec::new(),
        steps: 0,
    };
    let mut reason = "none";
    for second in 0..TIMEOUT + 5 {
        if let Some(verdict) = world.second(second) {
            reason = verdict;
            world.check(second, verdict);
            break;
        }
    }
    if reason == "none" {
        world.problems.push("no verdict 5 s after the timeout".to_owned());
    }
    world.check_budget();
    for problem in &mut world.problems {
        let Fleet { course, dark, darkness, refusing, restore, .. } = &world.fleet;
        let calm = world.calm;
        *problem =
            format!("{course:?}, calm {calm}, {dark:?}, {darkness:?}, {refusing:?}, {restore:?}: {problem}");
    }
    Outcome { problems: world.problems, steps: world.steps, reason }
}

impl World {
    /// Everything of one second; the verdict, once there is one.
    fn second(&mut self, second: u64) -> Option<&'static str> {
        self.fleet.second(second, &mut self.random, &mut self.server);
        self.back_up_and_restore(second);
        let troubled = !self.calm && second < PEACE;
        if let Some(refusing) = self.fleet.refusing.filter(|refusing| refusing.from == second)
            && refusing.cuts
        {
            let now = Duration::from_secs(second);
            self.clients.iter_mut().for_each(|client| client.cut(now));
        }
        if troubled && self.random.one_in(40) {
            self.server.compacted = self.server.version;
        }
        for look in 0..LOOKS {
            self.now = Duration::from_millis(second * 1000 + look * (1000 / LOOKS));
            for index in 0..self.clients.len() {
                if troubled {
                    self.with(index, Client::misbehave);
                }
                self.deliver(index);
                // a burst may be judged before its end
                if troubled && self.random.one_in(4) {
                    let verdict = self.judge();
                    if verdict.is_some() {
                        return verdict;
                    }
                }
            }
            let verdict = self.judge();
            if verdict.is_some() {
                return verdict;
            }
        }
        None
    }

    /// Etcd is backed up, and later restored; the API servers that begin anew on it cut every connection.
    fn back_up_and_restore(&mut self, second: u64) {
        let Some(restore) = self.fleet.restore else { return };
        if restore.of == second {
            self.backup = Some((self.server.clone(), self.fleet.clone()));
        }
        if restore.at == second
            && let Some((server, fleet)) = &self.backup
        {
            self.server.restore(server, restore.written_since);
            self.fleet.restore(fleet, second);
            let now = Duration::from_secs(second);
            self.clients.iter_mut().for_each(|client| client.cut(now));
        }
    }

    fn judge(&mut self) -> Option<&'static str> {
        self.observe(Observed::Tick);
        let step = self.session.judge();
        self.steps += 1;
        for request in &step.requests {
            self.ask(request);
        }
        let verdict = self.session.guards.first().and_then(|guard| guard.verdict());
        verdict.map(|(verdict, _)| verdict.reason())
    }

    fn observe(&mut self, what: Observed) {
        self.session.observe(Observation { at: self.now, what });
    }

    fn ask(&mut self, request: &Request) {
        let Want::Watch(stream) = &request.want else { return };
        if !Client::can_show(stream) {
            return;
        }
        let now = self.now;
        if let Some(client) = self.clients.iter_mut().find(|client| client.stream == *stream) {
            if let Some(fresh) = request.refresh {
                client.prove(now, fresh, request.anew);
            }
        } else {
            self.clients.push(Client::new(stream.clone(), &mut self.random, now));
        }
    }

    fn with<T>(&mut self, index: usize, act: impl FnOnce(&mut Client, &mut Scene<'_>) -> T) -> T {
        let second = self.now.as_secs();
        let mut scene = Scene {
            server: &self.server,
            now: self.now,
            dark: self
                .fleet
                .dark
                .filter(|(from, to)| (*from..*to).contains(&second))
                .map(|_| self.fleet.darkness),
            refusing: self
                .fleet
                .refusing
                .filter(|refusing| (refusing.from..refusing.to).contains(&second))
                .map(|refusing| refusing.code),
            page: self.page,
            calm: self.calm || second >= PEACE,
            random: &mut self.random,
            problems: &mut self.problems,
        };
        act(&mut self.clients[index], &mut scene)
    }

    /// Lets a stream take in all that has arrived by now.
    fn deliver(&mut self, index: usize) {
        for turn in 0.. {
            let Some(observed) = self.with(index, Client::step) else { return };
            self.steps += 1;
            for what in observed {
                self.observe(what);
            }
            if std::mem::take(&mut self.clients[index].healed) {
                let others = self.clients.iter_mut().enumerate().filter(|(other, _)| *other != index);
                others.for_each(|(_, client)| client.wake());
            }
            if turn > 1000 {
                self.problems.push("a stream goes on and on without a pause".to_owned());
                return;
            }
        }
    }

    /// V1–V3, against the truth.
    fn check(&mut self, second: u64, reason: &'static str) {
        let at = usize::try_from(second).unwrap();
        let history = &self.fleet.history[..=at];
        // an answer is as old as it was slow
        let fresh = if self.calm { FRESH } else { FRESH + SLOWEST_ANSWER };
        let lately = &history[at.saturating_sub(usize::try_from(fresh).unwrap())..];
        let mut problem = |text: String| self.problems.push(format!("at {second} s: {reason}, {text}"));
        let exit_code = self.session.exit_code();
        let is_pass = reason == "complete";
        if is_pass != (exit_code == crate::exit_code::ExitCode::Complete) {
            problem(format!("with exit code {exit_code:?}"));
        }
        // what the run is about is what it saw first
        let target = self.clients.iter().find_map(|client| client.first.as_ref());
        let is_it = |truth: &Truth| {
            target
                .is_some_and(|(uid, template)| (*uid != "d", *template) == (truth.recreated, truth.template))
        };
        if is_pass {
            if !history.iter().any(|truth| truth.complete && is_it(truth)) {
                problem("of what never was".to_owned());
            }
            // Pods that a scaling adds are not waited for: while nothing dies, what had settled stands.
            let last = history.iter().rposition(|truth| truth.complete && is_it(truth)).unwrap_or_default();
            let only_scaled = self.fleet.course == Course::Scaled
                && history[last..].iter().all(|truth| is_it(truth) && !truth.trouble);
            if !only_scaled && !lately.iter().any(|truth| truth.complete && is_it(truth)) {
                problem("of what is no more".to_owned());
            }
            // while it is scaled there are always young pods
            let any_age = self.settling == 0 || self.fleet.course == Course::Scaled;
            // what replaced it, and was not seen yet, is no reason for its pods not to have grown older
            let newest = lately.iter().rposition(is_it).unwrap_or_default();
            let older = |index: usize| if index == newest { lately.len() - 1 - newest } else { 0 };
            let settled = |(index, truth): (usize, &Truth)| {
                let age = truth.age.map(|age| age + u64::try_from(older(index)).unwrap());
                is_it(truth) && truth.complete && age.is_some_and(|age| age + ROUNDING >= self.settling)
            };
            if !any_age && !lately.iter().enumerate().any(settled) {
                problem("of what had not settled".to_owned());
            }
        }
        let refusing = self.fleet.refusing.filter(|refusing| refusing.from <= second);
        let restored = self.fleet.restore.is_some_and(|restore| restore.at <= second);
        let refused =
            ["workload-not-readable", "pods-not-readable", "credentials-rejected", "server-not-usable"]
                .contains(&reason);
        if refused {
            let believed = refusing.is_some_and(|refusing| refusing.to - refusing.from >= LONG_REFUSAL);
            let at_first = self.clients.iter().any(|client| client.refused == Some(Refused::BeforeItWorked));
            if !(believed || restored || refusing.is_some() && at_first) {
                problem("which nobody refused for long".to_owned());
            }
        }
        let undecided = refused || ["progressing", "settling", "unreachable"].contains(&reason);
        let unseen = self.fleet.dark.is_some_and(|(from, to)| from + BLIND <= second && second < to);
        if unseen && second >= TIMEOUT && !refused && reason != "unreachable" {
            problem("of what nobody could see".to_owned());
        }
        let replaced = ["rollout-superseded", "target-deleted"].contains(&reason);
        if !is_pass && !undecided && !replaced {
            if !history.iter().any(|truth| truth.trouble) {
                problem("of what was always well".to_owned());
            }
            // also where the line that told of the cure was lost
            if second > fresh && lately.iter().all(|truth| truth.complete) {
                problem("of what is complete".to_owned());
            }
        }
        let stays = target.is_none() || history.last().is_some_and(is_it);
        // a backup may be of before somebody touched it
        let was_touched = restored && history.iter().any(|truth| !is_it(truth));
        if replaced && stays && !was_touched {
            problem("though nobody touched it".to_owned());
        }
        // here whoever deletes one creates the next at once
        if reason == "target-deleted" {
            problem("though there was one all the time".to_owned());
        }
        if !stays && !replaced && !undecided && !lately.iter().any(is_it) {
            problem("though it was replaced".to_owned());
        }
        let calm = self.calm && self.fleet.dark.is_none() && self.fleet.refusing.is_none();
        let light = self.fleet.dark.is_none_or(|(_, to)| to < PEACE);
        let heals = matches!(
            self.fleet.course,
            Course::Healthy
                | Course::ObservedLate
                | Course::PullHeals
                | Course::LongComplete
                | Course::Scaled
        );
        let ailing = self.fleet.course == Course::PullHeals && lately.iter().any(|truth| truth.trouble);
        if heals && light && !is_pass && !ailing && !restored && !refused {
            problem("of what completed in time".to_owned());
        }
        if heals && calm && is_pass && self.fleet.course != Course::Scaled {
            let begun = history.iter().rposition(|truth| !truth.complete).map_or(0, |before| before + 1);
            let took = at.saturating_sub(begun);
            if took > usize::try_from(self.settling).unwrap() + 10 {
                problem(format!("{took} s after it was complete"));
            }
        }
    }

    /// V6.
    fn check_budget(&mut self) {
        for client in &self.clients {
            let busiest = client.calls.iter().enumerate().map(|(index, from)| {
                let end = *from + Duration::from_secs(30);
                client.calls[index..].iter().take_while(|call| **call < end).count()
            });
            let most = busiest.max().unwrap_or(0);
            if most > BUDGET {
                self.problems.push(format!("{most} requests in 30 s for {}", client.stream.kind.plural()));
            }
        }
    }
}
