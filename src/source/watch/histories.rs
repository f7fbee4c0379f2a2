//! Random histories of a server that loses watches and forgets: what is shown must become what is there.

use proptest::prelude::*;

use super::super::failure::Failure;
use super::tests::{answered, at, bookmark, item, page};
use super::{Duration, Input, Item, Line, Output, Watch};

type Machine = Watch<&'static str>;

#[derive(Clone, Debug)]
enum Event {
    Write(u8),
    Delete(u8),
    Bookmark,
    Break,
    Gone,
    End,
    Pass(u16),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..4_u8).prop_map(Event::Write),
        2 => (0..4_u8).prop_map(Event::Delete),
        1 => Just(Event::Bookmark),
        1 => Just(Event::Break),
        1 => Just(Event::Gone),
        1 => Just(Event::End),
        2 => (1..100_u16).prop_map(Event::Pass),
    ];
    prop::collection::vec(event, 0..60)
}

const UIDS: [&str; 4] = ["a", "b", "c", "d"];

/// A server with its whole history, and a client that shows what the machine says.
#[derive(Default)]
struct World {
    version: u64,
    objects: std::collections::BTreeMap<&'static str, u64>,
    log: Vec<(u64, &'static str, bool)>,
    compacted: u64,
    /// Where the open watch is, if one is open.
    watch: Option<u64>,
    shown: std::collections::BTreeSet<&'static str>,
    calls: u32,
    now: Duration,
}

impl World {
    fn snapshot(&self) -> Vec<Item<&'static str>> {
        self.objects.iter().map(|(uid, version)| item(uid, *version)).collect()
    }

    /// Feeds one input and answers every call that follows from it.
    fn feed(&mut self, machine: &mut Machine, input: Input<&'static str>) {
        let mut queue = std::collections::VecDeque::from([input]);
        while let Some(input) = queue.pop_front() {
            for output in machine.step(self.now, input) {
                match output {
                    Output::Listed(all) => self.shown = all.into_iter().collect(),
                    Output::Applied(uid) => drop(self.shown.insert(uid)),
                    Output::Deleted(uid) => drop(self.shown.remove(uid)),
                    Output::HangUp => self.watch = None,
                    Output::Read(_) => {
                        self.calls += 1;
                        queue.push_back(page(self.snapshot(), self.version));
                    }
                    Output::Watch { resource_version: None } => {
                        self.calls += 1;
                        queue.push_back(Input::Opened);
                        queue
                            .extend(self.snapshot().into_iter().map(|item| Input::Line(Line::Applied(item))));
                        queue.push_back(bookmark(self.version, true));
                        self.watch = Some(self.version);
                    }
                    Output::Watch { resource_version: Some(from) } => {
                        self.calls += 1;
                        let from = from.parse().unwrap();
                        if from < self.compacted {
                            self.watch = None;
                            queue.push_back(Input::Failed(answered(410)));
                        } else {
                            self.watch = Some(from);
                            queue.push_back(Input::Opened);
                        }
                    }
                    Output::Health(_)
                    | Output::Healed
                    | Output::Seen
                    | Output::Behind
                    | Output::Refresh
                    | Output::Stop => {}
                }
            }
            if queue.is_empty() {
                queue.extend(self.deliver());
            }
        }
    }

    /// What the open watch brings now.
    fn deliver(&mut self) -> Vec<Input<&'static str>> {
        let Some(from) = self.watch else { return Vec::new() };
        self.watch = Some(self.version);
        self.log
            .iter()
            .filter(|(version, ..)| *version > from)
            .map(|(version, uid, deleted)| {
                let item = item(uid, *version);
                Input::Line(if *deleted { Line::Deleted(item) } else { Line::Applied(item) })
            })
            .collect()
    }

    fn write(&mut self, index: u8, deleted: bool) {
        let uid = UIDS[usize::from(index)];
        if deleted && self.objects.remove(uid).is_none() {
            return;
        }
        self.version += 1;
        if !deleted {
            self.objects.insert(uid, self.version);
        }
        self.log.push((self.version, uid, deleted));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn what_is_shown_becomes_what_is_there(script in events(), streaming: bool, named: bool, seed: u64) {
        let mut world = World { version: 100, ..World::default() };
        let mut machine = Machine::new("pods", named, streaming, seed);
        world.feed(&mut machine, Input::Time);
        for event in script {
            match event {
                Event::Write(index) => world.write(index, false),
                Event::Delete(index) => world.write(index, true),
                Event::Bookmark if world.watch.is_some() => {
                    for input in world.deliver() {
                        world.feed(&mut machine, input);
                    }
                    let version = world.version;
                    world.feed(&mut machine, bookmark(version, false));
                }
                Event::Break if world.watch.take().is_some() => {
                    world.feed(&mut machine, Input::Failed(Failure::transport("reset")));
                }
                Event::Gone => world.compacted = world.version,
                Event::End if world.watch.take().is_some() => world.feed(&mut machine, Input::Ended),
                Event::Pass(seconds) => world.now += at(u64::from(seconds)),
                _ => {}
            }
            for input in world.deliver() {
                world.feed(&mut machine, input);
            }
            if machine.deadline().is_some_and(|deadline| deadline <= world.now) {
                world.feed(&mut machine, Input::Time);
            }
        }
        world.now += at(100);
        world.feed(&mut machine, Input::Time);
        world.now += at(100);
        world.feed(&mut machine, Input::Time);
        let there: std::collections::BTreeSet<&str> = world.objects.keys().copied().collect();
        prop_assert_eq!(&world.shown, &there);
        prop_assert!(world.calls < 400, "{} calls", world.calls);
    }
}
