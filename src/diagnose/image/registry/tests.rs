use serde_json::json;

use super::super::rules;
use super::*;
use crate::diagnose::Evidence;
use crate::observation::Untried;
use crate::testing::World;
use crate::testing::registries::SHAPES;

const TAG_MISSING: &str = "failed to pull and unpack image \"r.example/shop/web:1.2\": failed to resolve reference \"r.example/shop/web:1.2\": r.example/shop/web:1.2: not found";
const DENIED: &str = "failed to resolve reference \"r.example/shop/web:1.2\": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed";

fn pipeline() -> Account {
    Account::Pipeline { from: "~/.docker/config.json".to_owned() }
}

fn secret() -> Account {
    Account::PullSecret { name: "regcred".to_owned() }
}

fn has(account: Account) -> RegistryLook {
    RegistryLook { account, image: ImageReply::Has { platforms: Vec::new() }, tags: None }
}

fn error(status: u16, code: &str) -> RegistryError {
    RegistryError { status, code: code.to_owned(), ..RegistryError::default() }
}

fn refused(account: Account) -> RegistryLook {
    RegistryLook { account, image: ImageReply::Error(error(401, "UNAUTHORIZED")), tags: None }
}

fn untried(account: Account, why: Untried) -> RegistryLook {
    RegistryLook { account, image: ImageReply::NotTried(why), tags: None }
}

fn no_tag(account: Account, tags: &[&str]) -> RegistryLook {
    RegistryLook {
        account,
        image: ImageReply::Error(error(404, "MANIFEST_UNKNOWN")),
        tags: Some(TagsReply::Listed {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            more: false,
        }),
    }
}

/// The finding about a pull that failed with these words, once the registry has said this.
fn found(words: &str, with_secret: bool, looks: Vec<RegistryLook>) -> Finding {
    let secrets = if with_secret { json!([{"name": "regcred"}]) } else { json!([]) };
    let mut world = World::new(json!({"imagePullSecrets": secrets,
        "containers": [{"name": "app", "image": "r.example/shop/web:1.2"}]}));
    world.waiting_pod("web-1", "ErrImagePull", words);
    world.events(crate::model::Kind::Pod, "web-1", json!([]));
    let asked = world.run(rules).requests.into_iter().map(|request| request.want);
    let want = asked.into_iter().find(|want| matches!(want, Want::Registry(_))).unwrap();
    let Want::Registry(ask) = &want else { panic!() };
    assert_eq!(
        (ask.host.as_str(), ask.path.as_str(), ask.version.as_str()),
        ("r.example", "shop/web", "1.2")
    );
    world.answer(want, Answer::Registry(looks));
    let mut findings = world.run(rules).findings;
    assert_eq!(findings.len(), 1);
    findings.remove(0)
}

#[test]
fn what_each_vendor_answers_is_understood() {
    for shape in SHAPES {
        let tags = match shape.tags {
            (200, _) => Some(TagsReply::Listed { tags: vec!["1.0".to_owned()], more: false }),
            (404, body) if body.contains("NAME_UNKNOWN") => {
                Some(TagsReply::Error(error(404, "NAME_UNKNOWN")))
            }
            (status, _) => Some(TagsReply::Error(error(status, ""))),
        };
        let look =
            RegistryLook { account: Account::Anonymous, image: ImageReply::Error(shape.error()), tags };
        assert_eq!(format!("{:?}", word(shape.host, &look)), shape.means, "{}", shape.what);
    }
}

#[test]
fn a_missing_tag_comes_with_the_nearest() {
    let finding = found(TAG_MISSING, false, vec![no_tag(pipeline(), &["1.1", "1.3", "latest", "1.2.0"])]);
    assert_eq!(finding.code, CauseCode::ImageTagMissing);
    assert_eq!(
        finding.headline,
        "image r.example/shop/web:1.2 does not exist: repository r.example/shop/web has no tag 1.2"
    );
    assert!(
        finding.help.iter().any(|help| help == "Nearest tags of shop/web there: 1.1, 1.2.0, 1.3."),
        "{:?}",
        finding.help
    );
    assert_eq!(finding.commands, ["kubectl -n shop set image deployment/web app=r.example/shop/web:1.1"]);
    let said = Evidence::Registry {
        registry: "r.example".to_owned(),
        account: "the pipeline's account (~/.docker/config.json)".to_owned(),
        said: "404 MANIFEST_UNKNOWN; the repository has 4 tags".to_owned(),
    };
    assert_eq!(finding.evidence.last(), Some(&said));
}

#[test]
fn a_missing_repository_is_certain_only_for_whom_the_registry_knows() {
    let no_repository = |account| RegistryLook {
        account,
        image: ImageReply::Error(error(404, "MANIFEST_UNKNOWN")),
        tags: Some(TagsReply::Error(error(404, "NAME_UNKNOWN"))),
    };
    let finding = found(TAG_MISSING, false, vec![no_repository(pipeline())]);
    assert_eq!((finding.code, finding.confidence), (CauseCode::ImageRepositoryMissing, Confidence::Certain));
    let finding = found(TAG_MISSING, false, vec![no_repository(Account::Anonymous)]);
    assert_eq!((finding.code, finding.confidence), (CauseCode::ImageRepositoryMissing, Confidence::Likely));
    // Kubelet was refused; that a stranger is told "no such repository" decides nothing.
    let finding = found(DENIED, false, vec![no_repository(Account::Anonymous)]);
    assert_eq!(finding.code, CauseCode::ImageAccessDenied);
}

#[test]
fn an_image_that_only_the_pipeline_may_read_is_a_matter_of_permission() {
    let looks = vec![has(pipeline()), refused(Account::Anonymous)];
    let finding = found(DENIED, false, looks);
    assert_eq!((finding.code, finding.confidence), (CauseCode::ImageAccessDenied, Confidence::Certain));
    assert!(finding.headline.starts_with("image r.example/shop/web:1.2 exists, and registry r.example gives it to nobody without credentials"), "{}", finding.headline);
    assert!(finding.commands[0].contains("create secret docker-registry regcred --docker-server=r.example"));
    assert!(!finding.help.concat().contains("Two suspects"), "{:?}", finding.help);
}

#[test]
fn a_pull_secret_is_told_by_what_is_wrong_with_it() {
    let rejected = RegistryLook {
        account: secret(),
        image: ImageReply::Error(RegistryError { rejected: true, ..error(401, "UNAUTHORIZED") }),
        tags: None,
    };
    for (look, code, words) in [
        (
            rejected,
            CauseCode::ImagePullSecretRejected,
            "registry r.example rejects the credentials of pull secret regcred, and",
        ),
        (
            untried(secret(), Untried::NoEntry),
            CauseCode::ImagePullSecretRejected,
            "pull secret regcred has no credentials for registry r.example, and",
        ),
        (
            untried(secret(), Untried::WrongType("Opaque".to_owned())),
            CauseCode::ImagePullSecretRejected,
            "Secret regcred is of type Opaque and cannot be a pull secret, and",
        ),
        (
            refused(secret()),
            CauseCode::ImageAccessDenied,
            "the account of pull secret regcred may not read shop/web in registry r.example, and",
        ),
        (
            untried(secret(), Untried::Forbidden),
            CauseCode::ImageAccessDenied,
            "image r.example/shop/web:1.2 exists, and pull secret regcred does not open it",
        ),
    ] {
        let finding = found(DENIED, true, vec![has(pipeline()), look, refused(Account::Anonymous)]);
        assert_eq!(finding.code, code, "{words}");
        assert!(finding.headline.starts_with(words), "{}", finding.headline);
    }
}

#[test]
fn an_image_that_the_pods_may_read_was_late_or_the_node_goes_another_way() {
    let late = found(TAG_MISSING, false, vec![has(Account::Anonymous)]);
    assert_eq!((late.code, late.prognosis), (CauseCode::ImageNotFound, Prognosis::Transient));
    assert!(late.headline.ends_with("and is there now"), "{}", late.headline);
    let refused = found(DENIED, true, vec![untried(pipeline(), Untried::NoEntry), has(secret())]);
    assert_eq!(refused.code, CauseCode::ImageAccessDenied);
    assert!(refused.headline.ends_with("and gives it to pull secret regcred here"), "{}", refused.headline);
    let network = found(
        "dial tcp: lookup r.example on 10.0.0.2:53: no such host",
        false,
        vec![has(Account::Anonymous)],
    );
    assert_eq!(network.code, CauseCode::RegistryUnreachable);
    assert!(network.help.concat().contains("it is the way from the node to r.example"), "{:?}", network.help);
}

#[test]
fn the_platforms_of_an_image_are_named() {
    let look = RegistryLook {
        account: Account::Anonymous,
        image: ImageReply::Has { platforms: vec!["linux/arm64".to_owned()] },
        tags: None,
    };
    let finding = found("no match for platform in manifest: not found", false, vec![look]);
    assert_eq!(finding.code, CauseCode::ImagePlatformMismatch);
    assert!(finding.headline.contains("is built for linux/arm64, and not for"), "{}", finding.headline);
}

#[test]
fn where_everybody_is_refused_both_suspects_remain() {
    let looks = vec![untried(pipeline(), Untried::NoEntry), refused(Account::Anonymous)];
    let finding = found(DENIED, false, looks);
    assert_eq!((finding.code, finding.confidence), (CauseCode::ImageAccessDenied, Confidence::Possible));
    assert!(finding.help.concat().contains("`docker login r.example`"), "{:?}", finding.help);
}

#[test]
fn a_registry_that_does_not_answer_here_changes_nothing_but_the_evidence() {
    let silent = RegistryLook {
        account: pipeline(),
        image: ImageReply::NoAnswer { why: "cannot reach r.example: connection refused".to_owned() },
        tags: None,
    };
    let finding = found(TAG_MISSING, false, vec![silent]);
    assert_eq!(finding.code, CauseCode::ImageNotFound);
    assert!(
        matches!(finding.evidence.last(), Some(Evidence::Registry { said, .. }) if said == "no answer: cannot reach r.example: connection refused")
    );
}

#[test]
fn nothing_is_asked_about_a_name_that_is_more_than_a_name() {
    for image in ["r.example/../x:1", "r.example/a?b:1", "r.example/a:1#x", "r.example/a//b:1"] {
        let mut world = World::with_app(json!({"image": image}));
        world.waiting_pod("web-1", "ErrImagePull", TAG_MISSING);
        let asked = world.run(rules).requests;
        assert!(!asked.iter().any(|request| matches!(request.want, Want::Registry(_))), "{image}");
    }
}
