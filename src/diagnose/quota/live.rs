//! The quota as it is now, in place of what the refusal said of it, and who uses most of it.

use std::collections::BTreeMap;

use super::amount::{Numbers, field, is_count, written};
use super::message::{Shortage, Unnamed};
use crate::diagnose::refusal::Refusal;
use crate::diagnose::{CauseCode, Diagnosis, Evidence, Finding};
use crate::model::{Ask, Kind, Lookup, ObjectRef, PodAsk, Quantity, ResourceQuota, Rollout};
use crate::observation::{Request, Want};

/// Seconds between two looks at the quota.
const QUOTA_EVERY: u64 = 2;
/// Seconds between two looks at all pods of the namespace.
const PODS_EVERY: u64 = 60;
/// How many users of a quota are named.
const MOST_NAMED: usize = 3;

/// What a quota says now.
pub(super) enum Now {
    /// Not known, or as old as the refusal.
    AsRefused,
    /// It still has no room: the same shortages with the numbers of now.
    Short(Vec<Shortage>),
    /// The pod would fit.
    Room(String),
}

fn want(rollout: &Rollout<'_>, quota: &str) -> Want {
    Want::Quota { namespace: rollout.namespace().to_owned(), name: quota.to_owned() }
}

/// What is known of a quota since the refusal. `Err` where it does not exist any more.
fn look<'a>(
    rollout: &Rollout<'a>,
    refusal: &Refusal<'_>,
    quota: &str,
    diagnosis: &mut Diagnosis,
) -> Result<Option<&'a ResourceQuota>, ()> {
    let want = want(rollout, quota);
    let newer = refusal.is_older_than(rollout, &want);
    diagnosis.ask(Request::every(QUOTA_EVERY, want));
    match rollout.quota(quota) {
        Lookup::Found(quota) => Ok(newer.then_some(quota)),
        Lookup::Missing if newer => Err(()),
        Lookup::Missing | Lookup::Refused(_) | Lookup::Unknown => Ok(None),
    }
}

/// Whether what was refused would fit now.
pub(super) fn room(
    rollout: &Rollout<'_>,
    refusal: &Refusal<'_>,
    quota: &str,
    shortages: &[Shortage],
    diagnosis: &mut Diagnosis,
) -> Now {
    let namespace = rollout.namespace();
    let live = match look(rollout, refusal, quota, diagnosis) {
        Ok(Some(live)) => &live.status,
        Ok(None) => return Now::AsRefused,
        Err(()) => return Now::Room(format!("ResourceQuota {quota} of namespace {namespace} is gone")),
    };
    let mut short = Vec::new();
    let mut free = Vec::new();
    for shortage in shortages {
        let resource = &shortage.resource;
        // A resource that it does not count any more has room without end.
        let Some(hard) = live.hard.get(resource) else {
            free.push(format!("{resource} is not counted any more"));
            continue;
        };
        let used = live.used.get(resource).cloned().unwrap_or_else(|| "0".to_owned());
        let now = Shortage { used, hard: hard.clone(), ..shortage.clone() };
        match Numbers::of(&now) {
            Some(numbers) if numbers.requested <= numbers.free() + 1e-9 => {
                free.push(format!("{} of {hard} {resource} are free", written(resource, numbers.free())));
            }
            Some(_) => short.push(now),
            None => return Now::AsRefused,
        }
    }
    if short.is_empty() {
        return Now::Room(format!(
            "ResourceQuota {quota} of namespace {namespace} has room now: {}",
            free.join(", ")
        ));
    }
    Now::Short(short)
}

/// Whether the quota still wants every container to name these resources; if not, a sentence on it.
pub(super) fn demands_no_longer(
    rollout: &Rollout<'_>,
    refusal: &Refusal<'_>,
    quota: &str,
    unnamed: &[Unnamed],
    diagnosis: &mut Diagnosis,
) -> Option<String> {
    let namespace = rollout.namespace();
    match look(rollout, refusal, quota, diagnosis) {
        Err(()) => Some(format!("ResourceQuota {quota} of namespace {namespace} is gone")),
        Ok(Some(live)) if !unnamed.iter().any(|named| live.status.hard.contains_key(&named.resource)) => {
            let all: Vec<&str> = unnamed.iter().map(|named| named.resource.as_str()).collect();
            Some(format!(
                "ResourceQuota {quota} of namespace {namespace} counts {} no longer",
                all.join(" and ")
            ))
        }
        Ok(_) => None,
    }
}

/// The finding where nothing need be corrected: the next try of the controller succeeds.
pub(super) fn healing(
    rollout: &Rollout<'_>,
    refusal: &Refusal<'_>,
    code: CauseCode,
    key: String,
    quota: &str,
    now: &str,
) -> Finding {
    let subject = refusal.subject(rollout);
    let (what, creator) = (refusal.what(), format!("{} {}", subject.kind, subject.name));
    let headline = format!("{now}; {what} were refused before that, and {creator} has not tried again since");
    let headline = if refusal.set.is_none() { headline.replace(" were ", " was ") } else { headline };
    let evidence = match rollout.quota(quota) {
        Lookup::Found(live) => {
            let amounts = |all: &BTreeMap<String, String>| {
                let all: Vec<String> = all.iter().map(|(name, amount)| format!("{name}={amount}")).collect();
                all.join(",")
            };
            let value = format!("hard {}, used {}", amounts(&live.status.hard), amounts(&live.status.used));
            let object = ObjectRef::named(Kind::ResourceQuota, rollout.namespace(), quota);
            Evidence::field(object, "status", value)
        }
        _ => Evidence::absence(format!(
            "there is no ResourceQuota {quota} in namespace {}",
            rollout.namespace()
        )),
    };
    let finding =
        Finding::new(code, key, subject, headline, evidence).with_evidence(refusal.evidence.clone());
    refusal.heals(rollout, finding)
}

/// Names those who use most of what is short, where the pods of the namespace may be read.
pub(super) fn with_users(
    rollout: &Rollout<'_>,
    quota: &str,
    shortages: &[Shortage],
    finding: Finding,
    diagnosis: &mut Diagnosis,
) -> Finding {
    let Some(shortage) = shortages.iter().find(|shortage| is_of_pods(&shortage.resource)) else {
        return finding;
    };
    diagnosis.ask(Request::every(PODS_EVERY, Want::PodAsks { namespace: rollout.namespace().to_owned() }));
    let Lookup::Found(asks) = rollout.pod_asks() else { return finding };
    let users = users(asks, &shortage.resource);
    let ours = format!("{} {}", rollout.workload.kind, rollout.workload.metadata.name);
    if users.iter().all(|user| user.owner == ours) {
        return finding;
    }
    let named: Vec<String> = users
        .iter()
        .take(MOST_NAMED)
        .map(|user| {
            let pods = if user.pods == 1 { "1 pod".to_owned() } else { format!("{} pods", user.pods) };
            let amount = written(&shortage.resource, user.amount);
            let whose = if user.owner == ours { " (this rollout)" } else { "" };
            if is_count(&shortage.resource) {
                format!("{pods} by {}{whose}", user.owner)
            } else {
                format!("{amount} by {pods} of {}{whose}", user.owner)
            }
        })
        .collect();
    let more = match users.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(", the rest by {more} more"),
    };
    finding.with_evidence(Evidence::field(
        ObjectRef::named(Kind::ResourceQuota, rollout.namespace(), quota),
        format!("status.used.{}", shortage.resource),
        format!("{} of {}: {}{more}", shortage.used, shortage.hard, named.join(", ")),
    ))
}

/// Whether pods are what the quota counts under that name.
fn is_of_pods(resource: &str) -> bool {
    matches!(resource, "pods" | "count/pods") || !(is_count(resource) || resource.contains("storage"))
}

struct User<'a> {
    owner: &'a str,
    pods: usize,
    amount: f64,
}

/// Who holds how much of a resource, the largest first.
fn users<'a>(asks: &'a [PodAsk], resource: &str) -> Vec<User<'a>> {
    let mut by_owner: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for ask in asks {
        let held = match field(resource) {
            Some((Ask::Request, name)) => ask.requests.get(name).map(String::as_str),
            Some((Ask::Limit, name)) => ask.limits.get(name).map(String::as_str),
            None => Some("1"),
        };
        let Some(held) = held.and_then(|held| Quantity::new(held).value()).filter(|held| *held > 0.0) else {
            continue;
        };
        let entry = by_owner.entry(&ask.owner).or_default();
        entry.0 += 1;
        entry.1 += held;
    }
    let mut users: Vec<User<'_>> =
        by_owner.into_iter().map(|(owner, (pods, amount))| User { owner, pods, amount }).collect();
    users.sort_by(|a, b| b.amount.total_cmp(&a.amount));
    users
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{rules, tests::*};
    use crate::diagnose::{CauseCode, Diagnosis, Hold, Prognosis};
    use crate::model::PodAsk;
    use crate::observation::{Answer, Want};
    use crate::testing::World;

    fn with_quota(hard: &str, used: &str) -> World {
        let mut world = world(&asks("64Mi"));
        refused(&mut world, EXCEEDED);
        world.at(20);
        let status =
            json!({"status": {"hard": {"requests.memory": hard}, "used": {"requests.memory": used}}});
        let want = Want::Quota { namespace: "shop".to_owned(), name: "team".to_owned() };
        world.answer(want, Answer::Quota(serde_json::from_value(status).unwrap()));
        world
    }

    fn judged(world: &World) -> Diagnosis {
        world.run(rules)
    }

    #[test]
    fn a_quota_that_was_raised_is_waited_for() {
        let world = with_quota("200Mi", "64Mi");
        let found = judged(&world);
        let finding = found.the(CauseCode::QuotaExceeded);
        assert_eq!((finding.hold, finding.prognosis), (Hold::Announce, Prognosis::Transient));
        assert_eq!(
            finding.headline,
            "ResourceQuota team of namespace shop has room now: 136Mi of 200Mi requests.memory are free; the pods were refused before that, and ReplicaSet web-new has not tried again since"
        );
        assert!(finding.commands[0].starts_with("kubectl -n shop annotate replicaset/web-new touched-at="));
        assert!(!finding.help.iter().any(|help| help.contains("Raise")), "{:?}", finding.help);
    }

    #[test]
    fn a_quota_that_is_still_full_is_told_with_the_numbers_of_now() {
        let world = with_quota("100Mi", "96Mi");
        let found = judged(&world);
        let finding = found.the(CauseCode::QuotaExceeded);
        assert_eq!(finding.hold, Hold::Tolerance);
        assert!(finding.headline.ends_with("only 4Mi of 100Mi are free (96Mi used)"), "{}", finding.headline);
        let before = world_as_refused();
        assert_eq!(judged(&before).findings[0].key, finding.key);
    }

    fn world_as_refused() -> World {
        let mut world = world(&asks("64Mi"));
        refused(&mut world, EXCEEDED);
        world
    }

    #[test]
    fn a_refusal_that_is_newer_than_the_look_at_the_quota_counts() {
        let mut world = with_quota("200Mi", "64Mi");
        world.events(
            crate::model::Kind::ReplicaSet,
            "web-new",
            json!([{"reason": "FailedCreate", "lastTimestamp": "2026-11-24T10:00:21Z",
                "message": format!("Error creating: {EXCEEDED}")}]),
        );
        world.at(22);
        assert_eq!(judged(&world).the(CauseCode::QuotaExceeded).hold, Hold::Tolerance);
    }

    #[test]
    fn a_quota_that_was_deleted_is_waited_for() {
        let mut world = world_as_refused();
        world.at(20);
        let want = Want::Quota { namespace: "shop".to_owned(), name: "team".to_owned() };
        world.answer(want, Answer::Missing);
        let found = judged(&world);
        assert_eq!(found.the(CauseCode::QuotaExceeded).hold, Hold::Announce);
        assert!(found.findings[0].headline.starts_with("ResourceQuota team of namespace shop is gone"));
    }

    #[test]
    fn who_uses_most_is_named() {
        let mut world = world_as_refused();
        let ask = |owner: &str, memory: &str| PodAsk {
            owner: owner.to_owned(),
            requests: [("memory".to_owned(), memory.to_owned())].into(),
            ..PodAsk::default()
        };
        let asks = vec![
            ask("Deployment web", "1048576"),
            ask("Deployment big", "16777216"),
            ask("Deployment big", "16777216"),
            ask("Job a", "0"),
        ];
        world.answer(Want::PodAsks { namespace: "shop".to_owned() }, Answer::PodAsks(asks));
        let evidence = format!("{:?}", judged(&world).the(CauseCode::QuotaExceeded).evidence);
        assert!(
            evidence.contains("64Mi of 100Mi: 32Mi by 2 pods of Deployment big, 1Mi by 1 pod of Deployment web (this rollout)"),
            "{evidence}"
        );
    }
}
