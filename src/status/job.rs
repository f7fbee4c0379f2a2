//! Jobs: complete or failed by the condition that says so, and by nothing else (pkg/controller/job).

use super::{Said, Status, count};
use crate::model::{Job, JobEnd, Workload};

/// The announcements `SuccessCriteriaMet` and `FailureTarget` are as good as the result: the controller only waits
/// for pods that are still ending.
pub(super) fn assess(workload: &Workload) -> Status {
    match workload.job_end() {
        Some(JobEnd::Complete) => return Status::Complete,
        Some(JobEnd::Failed(condition)) => return Status::Failed { said: Said::by(condition) },
        None => {}
    }
    let Some(job) = workload.job() else {
        return Status::Progressing { missing: "the Job to be seen".to_owned() };
    };
    if job.spec.suspend || (job.parallelism() == 0 && job.status.active == 0) {
        return Status::Suspended;
    }
    Status::Progressing { missing: missing(job) }
}

fn missing(job: &Job) -> String {
    let status = &job.status;
    let open = match job.spec.completions {
        Some(1) => "its pod to succeed".to_owned(),
        Some(wanted) => format!("{} of {wanted} completions", (wanted - status.succeeded).max(0)),
        None if status.succeeded > 0 => format!("{} to end", count(status.active, "pod")),
        None => "one of its pods to succeed".to_owned(),
    };
    let more = match (status.active, status.failed) {
        (0, 0) => String::new(),
        (0, failed) => format!("; the next try comes after {}", count(failed, "failed pod")),
        (active, 0) => format!(" ({active} running or starting)"),
        (active, failed) => format!(" ({active} running or starting, {failed} failed before)"),
    };
    format!("{open}{more}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::Kind;
    use crate::testing::World;

    fn assessed(spec: Value, status: Value) -> Status {
        let mut world = World::of(Kind::Job);
        world.workload(spec, status);
        assess(world.rollout().workload)
    }

    fn missing_of(spec: Value, status: Value) -> String {
        match assessed(spec, status) {
            Status::Progressing { missing } => missing,
            other => panic!("{other:?}"),
        }
    }

    fn with(kind: &str) -> Value {
        json!({"conditions": [{"type": kind, "status": "True", "reason": "R", "message": "m"}]})
    }

    #[test]
    fn pitfall_42_a_job_without_retries_is_complete_by_its_condition() {
        let spec = json!({"completions": 1, "backoffLimit": 0});
        assert_eq!(assessed(spec.clone(), with("Complete")), Status::Complete);
        assert_eq!(assessed(spec.clone(), with("SuccessCriteriaMet")), Status::Complete);
        assert!(matches!(assessed(spec.clone(), with("Failed")), Status::Failed { .. }));
        assert!(matches!(assessed(spec, with("FailureTarget")), Status::Failed { .. }));
    }

    #[test]
    fn pitfall_46_failed_pods_alone_say_nothing() {
        let spec = json!({"completions": 1, "backoffLimit": 6});
        assert_eq!(
            missing_of(spec.clone(), json!({"active": 1, "failed": 5})),
            "its pod to succeed (1 running or starting, 5 failed before)"
        );
        assert_eq!(
            missing_of(spec, json!({"failed": 2})),
            "its pod to succeed; the next try comes after 2 failed pods"
        );
        assert_eq!(
            missing_of(json!({"completions": 5}), json!({"active": 2, "succeeded": 1})),
            "4 of 5 completions (2 running or starting)"
        );
    }

    #[test]
    fn pitfall_44_a_condition_left_by_a_resume_is_no_end() {
        let resumed = json!({"active": 1, "conditions": [{"type": "Suspended", "status": "False"}]});
        assert_eq!(
            missing_of(json!({"completions": 1}), resumed),
            "its pod to succeed (1 running or starting)"
        );
        assert_eq!(assessed(json!({"completions": 1, "suspend": true}), json!({})), Status::Suspended);
        assert_eq!(assessed(json!({"completions": 1, "parallelism": 0}), json!({})), Status::Suspended);
    }

    #[test]
    fn a_work_queue_is_waited_for_until_all_its_pods_have_ended() {
        let spec = json!({"parallelism": 3});
        assert_eq!(
            missing_of(spec.clone(), json!({"active": 3})),
            "one of its pods to succeed (3 running or starting)"
        );
        assert_eq!(
            missing_of(spec, json!({"active": 2, "succeeded": 1})),
            "2 pods to end (2 running or starting)"
        );
    }
}
