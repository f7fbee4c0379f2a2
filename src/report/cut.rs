//! Lists that were longer than what is read of them: a name that is not among the first may be among the rest.

use super::v1::NotSeen;
use crate::model::Store;
use crate::observation::{Answer, LONGEST_LIST, Want};

/// What was read only in part. A list of exactly that length is complete and told all the same.
pub(super) fn cut_lists(store: &Store) -> impl Iterator<Item = NotSeen> {
    store.answers().filter_map(|(want, answer)| {
        let (read, listed) = match (want, answer) {
            (Want::Names { kind, .. }, Answer::Names(names)) => (names.len(), kind.plural()),
            (Want::Events(_), Answer::Events(events)) => (events.len(), "events"),
            (Want::Nodes, Answer::Nodes(nodes)) => (nodes.len(), "nodes"),
            (Want::Volumes, Answer::Volumes(volumes)) => (volumes.len(), "persistentvolumes"),
            _ => return None,
        };
        (read >= LONGEST_LIST).then(|| NotSeen {
            what: format!("list {listed}"),
            message: format!("only the first {read} were read"),
            consequence: "what is said not to exist may be among the rest".to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Kind;
    use crate::testing::World;

    #[test]
    fn a_list_that_was_cut_is_told_and_a_shorter_one_is_not() {
        let mut world = World::with_app(json!({}));
        let names = |count: usize| Answer::Names((0..count).map(|number| number.to_string()).collect());
        let want = |kind| Want::Names { kind, namespace: "shop".to_owned() };
        world.answer(want(Kind::ConfigMap), names(LONGEST_LIST));
        world.answer(want(Kind::Secret), names(LONGEST_LIST - 1));
        let told: Vec<NotSeen> = cut_lists(&world.store).collect();
        let [one] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(
            (one.what.as_str(), one.message.as_str()),
            ("list configmaps", "only the first 5000 were read")
        );
    }
}
