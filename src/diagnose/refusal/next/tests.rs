use serde_json::json;

use super::*;
use crate::diagnose::{Confidence, Hold};
use crate::testing::World;

const NO_ACCOUNT: &str = "pods \"web-\" is forbidden: error looking up service account shop/deployer: serviceaccount \"deployer\" not found";
const BOUNDS: &str = "pods \"web-x\" is forbidden: [maximum memory usage per Container is 100Mi, but request is 200Mi, maximum memory usage per Pod is 90Mi, but request is 209715200]";
const SECURITY: &str = "pods \"web-y\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true (pod or container \"app\" must set securityContext.runAsNonRoot=true)";
const QUOTA: &str = "pods \"web-z\" is forbidden: exceeded quota: team, requested: requests.memory=90Mi, used: requests.memory=0, limited: requests.memory=50Mi";

/// A world whose ReplicaSet cannot make its pod, in these words.
fn refused(words: &str) -> World {
    let mut world = World::with_app(json!({"resources": {"requests": {"memory": "200Mi"}}}));
    world.replica_set(
        "web-new",
        "1",
        json!({"replicas": 0, "conditions": [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": words}]}),
    );
    world.events(Kind::ReplicaSet, "web-new", json!([]));
    world
}

/// All families that explain refusals.
fn found(world: &World) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    for rules in [limits::rules, super::super::super::quota::rules, admission::rules] {
        rules(&world.rollout(), &mut diagnosis);
    }
    diagnosis
}

/// The dry run that is asked for and has no answer yet.
fn open(world: &World) -> Option<Want> {
    let wants = found(world).requests.into_iter().map(|request| request.want);
    wants.into_iter().find(|want| matches!(want, Want::Trial(_)) && world.store.answer(want).is_none())
}

fn corrections(want: &Want) -> Vec<Correction> {
    match want {
        Want::Trial(trial) => trial.corrections.clone(),
        other => panic!("{other:?}"),
    }
}

fn memory(amount: &str) -> Correction {
    Correction::Resource { resource: "memory".to_owned(), amount: amount.to_owned() }
}

#[test]
fn one_reason_after_the_other_is_brought_out() {
    let mut world = refused(NO_ACCOUNT);
    let expected = [
        (vec![Correction::DefaultServiceAccount], BOUNDS),
        (vec![Correction::DefaultServiceAccount, memory("90Mi")], SECURITY),
        (vec![Correction::DefaultServiceAccount, memory("90Mi"), Correction::Secured], QUOTA),
    ];
    for (corrected, said) in expected {
        let want = open(&world).unwrap();
        assert_eq!(corrections(&want), corrected);
        world.answer(want, Answer::Trial(TrialResult::Refused(said.to_owned())));
    }
    assert_eq!(open(&world), None, "a quota comes last, and nothing takes it away");
    let diagnosis = found(&world);
    let root = diagnosis.the(CauseCode::ServiceAccountMissing);
    assert_eq!(root.hold, Hold::Tolerance);
    assert!(root.help.iter().any(|help| help.starts_with("Correct 4 things at once")), "{:?}", root.help);
    for code in [CauseCode::LimitRangeExceeded, CauseCode::PodSecurityViolation, CauseCode::QuotaExceeded] {
        let behind = diagnosis.the(code);
        assert_eq!(behind.hold, Hold::Announce, "{code:?} decides nothing");
        assert!(behind.headline.starts_with("next, "), "{}", behind.headline);
        assert!(matches!(behind.evidence.first(), Some(Evidence::DryRun { .. })), "{:?}", behind.evidence);
        assert!(!behind.commands.iter().any(|command| command.contains("rollout restart")));
    }
}

#[test]
fn a_pod_that_is_accepted_has_nothing_else_in_its_way() {
    let mut world = refused(NO_ACCOUNT);
    world.answer(open(&world).unwrap(), Answer::Trial(TrialResult::Accepted));
    let diagnosis = found(&world);
    assert_eq!(diagnosis.codes(), ["service-account-missing"]);
    let help = diagnosis.findings[0].help.concat();
    assert!(
        help.contains(
            "A dry run with that corrected is accepted: nothing else keeps the pods from being made."
        ),
        "{help}"
    );
}

#[test]
fn what_stays_refused_when_corrected_is_no_new_reason() {
    let mut world = refused(SECURITY);
    let again = SECURITY.replace("runAsNonRoot != true", "host namespaces");
    world.answer(open(&world).unwrap(), Answer::Trial(TrialResult::Refused(again)));
    let diagnosis = found(&world);
    assert_eq!((diagnosis.codes(), open(&world)), (vec!["pod-security-violation"], None));
    assert!(!diagnosis.findings[0].help.concat().contains("things at once"));
}

#[test]
fn what_no_sure_change_corrects_is_not_tried() {
    for words in [
        QUOTA,
        "admission webhook \"w.example\" denied the request: no",
        "Pod \"web-x\" is invalid: spec.containers[0].image: Required value",
        "pods \"web-x\" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
    ] {
        assert_eq!(open(&refused(words)), None, "{words}");
    }
}

#[test]
fn where_we_may_not_try_the_cause_stays_as_it_is() {
    let mut world = refused(NO_ACCOUNT);
    let before = found(&world).the(CauseCode::ServiceAccountMissing).help.clone();
    let refusal = crate::observation::Refusal {
        code: 403,
        asked: "create pods in a dry run".to_owned(),
        message: "pods is forbidden".to_owned(),
    };
    world.answer(open(&world).unwrap(), Answer::Refused(refusal));
    let diagnosis = found(&world);
    let root = diagnosis.the(CauseCode::ServiceAccountMissing);
    assert_eq!((root.help.clone(), root.confidence), (before, Confidence::Likely));
}
