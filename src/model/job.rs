//! A Job: pods that are to end well, so and so many times.

use serde::Deserialize;

use super::kind::Kind;
use super::meta::{Condition, LabelSelector, ObjectMeta, find_condition};
use super::template::PodTemplate;
use super::vocabulary::condition;
use super::workload::{Detail, Workload, WorkloadSpec, WorkloadStatus};

/// What a Job has and no other workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Job {
    pub(crate) spec: JobSpec,
    pub(crate) status: JobStatus,
}

/// `spec` of a Job, without what every workload has.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct JobSpec {
    /// Absent for a work queue: it is done when one pod has succeeded and all have ended.
    pub(crate) completions: Option<i64>,
    pub(crate) parallelism: Option<i64>,
    pub(crate) suspend: bool,
    pub(crate) backoff_limit: Option<i64>,
    /// Seconds.
    pub(crate) active_deadline_seconds: Option<i64>,
    /// Seconds after its end in which it stays; then it is deleted.
    pub(crate) ttl_seconds_after_finished: Option<i64>,
    selector: LabelSelector,
    template: PodTemplate,
}

/// `status` of a Job. It has no `observedGeneration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct JobStatus {
    /// Pods that run or are about to.
    pub(crate) active: i64,
    pub(crate) ready: i64,
    pub(crate) succeeded: i64,
    pub(crate) failed: i64,
    /// `1,3-5`: indexes that failed for good.
    pub(crate) failed_indexes: Option<String>,
    conditions: Vec<Condition>,
}

/// How a Job has ended, or will: the controller announces it before the last pods are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobEnd<'a> {
    Complete,
    Failed(&'a Condition),
}

/// The wire form.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct JobBody {
    metadata: ObjectMeta,
    spec: JobSpec,
    status: JobStatus,
}

impl JobBody {
    pub(super) fn into_workload(self) -> Workload {
        let Self { metadata, mut spec, mut status } = self;
        // The result is announced before the counters have caught up with it.
        let reached = find_condition(&status.conditions, condition::SUCCESS_CRITERIA_MET)
            .is_some_and(|met| met.is_true() && met.reason == "CompletionsReached");
        if let Some(wanted) = spec.completions.filter(|_| reached) {
            status.active = (status.active - (wanted - status.succeeded).max(0)).max(0);
            status.succeeded = wanted;
        }
        let general = WorkloadSpec {
            selector: std::mem::take(&mut spec.selector),
            template: std::mem::take(&mut spec.template),
            ..WorkloadSpec::default()
        };
        let counted = WorkloadStatus {
            replicas: status.active + status.succeeded,
            updated_replicas: status.active + status.succeeded,
            ready_replicas: status.ready,
            conditions: std::mem::take(&mut status.conditions),
            available_replicas: Some(status.succeeded),
            ..WorkloadStatus::default()
        };
        let detail = Detail::Job(Box::new(Job { spec, status }));
        Workload { kind: Kind::Job, metadata, spec: general, status: counted, detail }
    }
}

impl Job {
    /// Pods that must succeed; those of a work queue that may run at a time, where no number is given.
    pub(crate) fn wanted(&self) -> i64 {
        self.spec.completions.unwrap_or_else(|| self.parallelism())
    }

    /// Pods that may run at a time.
    pub(crate) fn parallelism(&self) -> i64 {
        self.spec.parallelism.unwrap_or(1)
    }

    /// Pods that should run now.
    pub(crate) fn wanted_active(&self) -> i64 {
        if self.spec.suspend {
            return 0;
        }
        let open = self.spec.completions.map_or(i64::MAX, |wanted| wanted - self.status.succeeded);
        // A work queue starts no new pods once one has succeeded.
        let drains = self.spec.completions.is_none() && self.status.succeeded > 0;
        if drains { 0 } else { self.parallelism().min(open).max(0) }
    }
}

impl Workload {
    /// What a Job has and no other workload.
    pub(crate) fn job(&self) -> Option<&Job> {
        match &self.detail {
            Detail::Job(job) => Some(job),
            _ => None,
        }
    }

    /// How the Job has ended, or will. Counters say nothing: pods that failed may be made up for, pods that failed
    /// may be forgiven by a policy, and a success policy needs not all of them (pkg/controller/job).
    pub(crate) fn job_end(&self) -> Option<JobEnd<'_>> {
        self.job()?;
        let holds = |kind| find_condition(&self.status.conditions, kind).filter(|found| found.is_true());
        if let Some(failed) = holds(condition::FAILED).or_else(|| holds(condition::FAILURE_TARGET)) {
            return Some(JobEnd::Failed(failed));
        }
        let complete = holds(condition::COMPLETE).or_else(|| holds(condition::SUCCESS_CRITERIA_MET));
        complete.map(|_| JobEnd::Complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(body: &str) -> Workload {
        serde_json::from_str::<JobBody>(body).unwrap().into_workload()
    }

    #[test]
    fn an_end_is_a_condition_of_that_type_that_is_true() {
        let with = |kind: &str, status: &str| {
            job(&format!(r#"{{"status":{{"conditions":[{{"type":"{kind}","status":"{status}"}}]}}}}"#))
        };
        for kind in ["Complete", "SuccessCriteriaMet"] {
            assert_eq!(with(kind, "True").job_end(), Some(JobEnd::Complete), "{kind}");
            assert_eq!(with(kind, "False").job_end(), None, "{kind}");
        }
        for kind in ["Failed", "FailureTarget"] {
            assert!(matches!(with(kind, "True").job_end(), Some(JobEnd::Failed(_))), "{kind}");
        }
        // Left behind by a resume.
        assert_eq!(with("Suspended", "False").job_end(), None);
        assert_eq!(job(r#"{"spec":{"backoffLimit":0},"status":{"failed":9}}"#).job_end(), None);
    }

    #[test]
    fn an_announced_success_counts_what_the_counters_do_not_yet() {
        let met = job(r#"{"spec":{"completions":2},"status":{"active":1,"succeeded":1,"conditions":[
            {"type":"SuccessCriteriaMet","status":"True","reason":"CompletionsReached"}]}}"#);
        assert_eq!((met.available(), met.job().unwrap().status.active), (2, 0));
        let by_policy = job(r#"{"spec":{"completions":2},"status":{"active":1,"succeeded":1,"conditions":[
            {"type":"SuccessCriteriaMet","status":"True","reason":"SuccessPolicy"}]}}"#);
        assert_eq!(by_policy.available(), 1);
    }

    #[test]
    fn as_many_pods_should_run_as_are_still_needed() {
        let active = |spec: &str, succeeded: i64| {
            job(&format!(r#"{{"spec":{spec},"status":{{"succeeded":{succeeded}}}}}"#))
                .job()
                .map(Job::wanted_active)
        };
        assert_eq!(active(r#"{"completions":5,"parallelism":2}"#, 1), Some(2));
        assert_eq!(active(r#"{"completions":5,"parallelism":2}"#, 4), Some(1));
        assert_eq!(active(r#"{"parallelism":3}"#, 0), Some(3));
        assert_eq!(active(r#"{"parallelism":3}"#, 1), Some(0));
        assert_eq!(active(r#"{"completions":5,"suspend":true}"#, 0), Some(0));
    }

    #[test]
    fn without_completions_a_work_queue_wants_what_may_run() {
        assert_eq!(job(r#"{"spec":{"parallelism":4}}"#).desired(), 4);
        assert_eq!(job("{}").desired(), 1);
        assert_eq!(job(r#"{"spec":{"completions":3,"parallelism":1}}"#).desired(), 3);
    }
}
