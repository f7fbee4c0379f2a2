//! A patch whose answer is lost, and reads that fail for a moment.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use serde_json::json;

use super::*;

const PAUSE: Duration = Duration::from_millis(1);
/// For what never heals.
const SHORT: Patience = Patience { limit: Duration::from_millis(20), pause: PAUSE };
/// For what heals: however slow this machine is, it is not over before.
const LONG: Patience = Patience { limit: Duration::from_secs(60), pause: PAUSE };

/// Answers, and codes of refusals, one after the other; the last one stays.
struct Script<T>(RefCell<VecDeque<Result<T, u16>>>);

impl<T: Clone> Script<T> {
    fn new(answers: impl IntoIterator<Item = Result<T, u16>>) -> Self {
        Self(RefCell::new(answers.into_iter().collect()))
    }

    fn next(&self, asked: &str) -> Result<T, Refusal> {
        let mut answers = self.0.borrow_mut();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        answer.expect("an answer").map_err(|code| Refusal {
            code,
            asked: asked.to_owned(),
            message: format!("no answer ({code})"),
        })
    }
}

struct Scripted {
    object: Script<Value>,
    history: Script<Vec<Value>>,
    /// What every patch brings.
    patch: Result<Value, u16>,
    patches: Cell<u32>,
}

impl Scripted {
    fn new(objects: impl IntoIterator<Item = Result<Value, u16>>, patch: Result<Value, u16>) -> Self {
        let (object, history) = (Script::new(objects), Script::new([Ok(history())]));
        Self { object, history, patch, patches: Cell::new(0) }
    }
}

impl Cluster for Scripted {
    async fn object(&self, _: Kind, _: &str, _: &str) -> Result<Value, Refusal> {
        self.object.next("get deployments")
    }

    async fn objects(&self, _: Kind, _: &str, _: &str) -> Result<Vec<Value>, Refusal> {
        self.history.next("list replicasets")
    }

    async fn patch(&self, _: Kind, _: &str, _: &str, _: &Plan) -> Result<Value, Refusal> {
        self.patches.set(self.patches.get() + 1);
        Script::new([self.patch.clone()]).next("patch deployments")
    }
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": image}]}})
}

fn web(generation: i64, image: &str) -> Value {
    json!({"metadata": {"name": "web", "uid": "d-1", "generation": generation}, "spec": {"template": template(image)}})
}

fn history() -> Vec<Value> {
    let revision = |number: &str, image: &str| {
        let mut template = template(image);
        template["metadata"]["creationTimestamp"] = Value::Null;
        json!({"metadata": {"ownerReferences": [{"uid": "d-1", "controller": true}],
                "annotations": {"deployment.kubernetes.io/revision": number}},
            "spec": {"template": template}})
    };
    vec![revision("3", "web:2"), revision("2", "web:1")]
}

async fn sent_back(cluster: &Scripted, patience: Patience) -> Result<Went, String> {
    go_back(cluster, &Stream::of(Kind::Deployment, "shop", "web"), "d-1", 4, Undo::Yes, patience).await
}

#[tokio::test]
async fn a_patch_that_was_applied_and_whose_answer_was_lost_is_sent_back() {
    for code in [0, 500, 504] {
        // before the patch; then unreadable, not yet applied, and applied
        let objects = [Ok(web(4, "web:2")), Err(503), Ok(web(4, "web:2")), Ok(web(5, "web:1"))];
        let cluster = Scripted::new(objects, Err(code));
        let Ok(Went::Sent(plan, now)) = sent_back(&cluster, LONG).await else { panic!("{code}: not sent") };
        assert_eq!((plan.revision, now["metadata"]["generation"].as_i64()), (2, Some(5)));
        assert_eq!(cluster.patches.get(), 1, "it is never sent twice");
    }
}

#[tokio::test]
async fn a_patch_that_was_not_applied_is_refused() {
    let cluster = Scripted::new([Ok(web(4, "web:2"))], Err(504));
    let why = sent_back(&cluster, SHORT).await.unwrap_err();
    assert_eq!(why, "cannot patch deployments: no answer (504); it is still as it was");
    assert_eq!(cluster.patches.get(), 1, "it is never sent twice");
}

#[tokio::test]
async fn where_the_object_cannot_be_read_or_is_something_else_it_is_unknown() {
    let mut another = web(1, "web:1");
    another["metadata"]["uid"] = "d-2".into();
    for (then, words) in [
        (Err(0), "then cannot get deployments: no answer (0): look whether it did"),
        (Err(404), "then cannot get deployments: no answer (404): look whether it did"),
        (Ok(web(5, "web:3")), "found changed"),
        (Ok(another), "found changed"),
    ] {
        let cluster = Scripted::new([Ok(web(4, "web:2")), then], Err(0));
        let Ok(Went::Unknown(plan, why)) = sent_back(&cluster, SHORT).await else { panic!("{words}: known") };
        let beginning =
            "it is unknown whether it went back to revision 2 (image web:1): cannot patch deployments: no";
        assert!(why.starts_with(beginning) && why.contains(words), "{why}");
        assert_eq!(plan.revision, 2);
    }
}

#[tokio::test]
async fn what_the_server_says_about_the_patch_is_believed_at_once() {
    // who looked again would find it applied
    let cluster = Scripted::new([Ok(web(4, "web:2")), Ok(web(5, "web:1"))], Err(403));
    let why = sent_back(&cluster, SHORT).await.unwrap_err();
    assert!(why.ends_with("grant get and patch on deployments"), "{why}");
}

#[tokio::test]
async fn reads_that_fail_for_a_moment_do_not_cost_the_way_back() {
    let mut cluster = Scripted::new([Err(0), Err(503), Ok(web(4, "web:2"))], Ok(web(5, "web:1")));
    cluster.history = Script::new([Err(0), Err(403), Ok(history())]);
    assert!(matches!(sent_back(&cluster, LONG).await, Ok(Went::Sent(..))));
    // for good
    for (code, words) in [(0, "no answer (0)"), (403, "forbids"), (404, "no answer (404)")] {
        let cluster = Scripted::new([Err(code)], Ok(web(5, "web:1")));
        let why = sent_back(&cluster, SHORT).await.unwrap_err();
        assert!(why.contains(words), "{why}");
        assert_eq!(cluster.patches.get(), 0);
    }
}
