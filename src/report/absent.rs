//! What to say of a target that does not exist.

use crate::diagnose;
use crate::model::Store;
use crate::observation::{Answer, Stream, Want};

/// One sentence, with what is near it.
pub(super) fn not_found(store: &Store, stream: &Stream) -> String {
    let name = stream.name().unwrap_or_default();
    let own = store.answer(&Want::Namespace { name: stream.namespace.clone() });
    let place = match (stream.namespace.as_str(), own) {
        ("", _) => "in the cluster".to_owned(),
        (namespace, Some(Answer::Missing)) => format!("in namespace {namespace}, which does not exist"),
        (namespace, Some(Answer::Namespace(own))) if own.is_going() => {
            format!("in namespace {namespace}, which is being deleted")
        }
        (namespace, _) => format!("in namespace {namespace}"),
    };
    let base = format!("there is no {} {name} {place}", stream.kind);
    let elsewhere = Want::Namespaces { kind: stream.kind, name: name.to_owned() };
    if let Some(Answer::Names(namespaces)) = store.answer(&elsewhere)
        && !namespaces.is_empty()
    {
        let some: Vec<&str> = namespaces.iter().take(5).map(String::as_str).collect();
        let more = if namespaces.len() > some.len() { ", …" } else { "" };
        return format!("{base}, but there is one in {}{more}", some.join(", "));
    }
    let want = Want::Names { kind: stream.kind, namespace: stream.namespace.clone() };
    let Some(Answer::Names(names)) = store.answer(&want) else { return base };
    let near = diagnose::nearest(name, names.iter().map(String::as_str));
    match (near.as_slice(), names.len()) {
        ([], 0) if own == Some(&Answer::Missing) => base,
        ([], 0) => format!("{base}; the namespace has no {}", stream.kind.plural()),
        ([], _) => {
            let some: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
            format!("{base}; there are {}", some.join(", "))
        }
        (near, _) => format!("{base}; did you mean {}", near.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;
    use crate::testing::World;

    /// A namespace without Deployments, and what is known of it and of others.
    fn told(own: Option<Answer>, elsewhere: &[&str]) -> String {
        let mut world = World::of(Kind::Deployment);
        let (kind, name) = (Kind::Deployment, "api".to_owned());
        world.answer(Want::Names { kind, namespace: "shpo".to_owned() }, Answer::Names(Vec::new()));
        let elsewhere = elsewhere.iter().map(|namespace| (*namespace).to_owned()).collect();
        world.answer(Want::Namespaces { kind, name }, Answer::Names(elsewhere));
        if let Some(own) = own {
            world.answer(Want::Namespace { name: "shpo".to_owned() }, own);
        }
        not_found(&world.store, &Stream::of(kind, "shpo", "api"))
    }

    #[test]
    fn a_namespace_that_does_not_exist_is_told_apart_from_one_that_is_empty() {
        let empty = "there is no Deployment api in namespace shpo; the namespace has no deployments";
        let active = || Answer::Namespace(Box::default());
        assert_eq!(told(None, &[]), empty);
        assert_eq!(told(Some(active()), &[]), empty);
        assert_eq!(
            told(Some(Answer::Missing), &[]),
            "there is no Deployment api in namespace shpo, which does not exist"
        );
        assert_eq!(
            told(Some(Answer::Missing), &["shop"]),
            "there is no Deployment api in namespace shpo, which does not exist, but there is one in shop"
        );
    }

    #[test]
    fn a_namespace_that_is_being_deleted_is_said_to_be() {
        let going = serde_json::from_str(r#"{"status":{"phase":"Terminating"}}"#).unwrap();
        assert_eq!(
            told(Some(Answer::Namespace(going)), &[]),
            "there is no Deployment api in namespace shpo, which is being deleted; the namespace has no deployments"
        );
    }
}
