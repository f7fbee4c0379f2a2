//! A ConfigMap that was changed after the pods that read it at their start: nothing starts them anew.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::super::place::kubectl;
use super::moment;
use crate::model::{Container, Kind, ObjectRef, Rollout};
use crate::observation::{Answer, Want};

/// ConfigMaps that are looked at.
const MOST: usize = 8;

/// Starts are of the node's clock, and changes of the API server's.
const CLOCKS: SignedDuration = SignedDuration::from_secs(5);

/// What must be read to know.
pub(crate) fn wants(rollout: &Rollout<'_>) -> Vec<Want> {
    read_at_start(rollout).into_keys().take(MOST).map(|name| want(rollout, name)).collect()
}

fn want(rollout: &Rollout<'_>, name: &str) -> Want {
    Want::Managers(ObjectRef::named(Kind::ConfigMap, rollout.namespace(), name))
}

/// ConfigMaps that a container reads once, with the first container that does: through variables, and as single files,
/// which kubelet never renews. Whole volumes follow the ConfigMap.
fn read_at_start<'a>(rollout: &Rollout<'a>) -> BTreeMap<&'a str, &'a Container> {
    let spec = &rollout.workload.spec.template.spec;
    let mut found = BTreeMap::new();
    for container in spec.long_running() {
        let variables = container
            .env
            .iter()
            .filter_map(|variable| variable.value_from.as_ref()?.config_map_key_ref.as_ref());
        let sources = container.env_from.iter().filter_map(|from| from.config_map_ref.as_ref());
        let files = container
            .volume_mounts
            .iter()
            .filter(|mount| mount.sub_path.is_some())
            .filter_map(|mount| spec.volume(&mount.name)?.config_map.as_ref())
            .map(|map| map.name.as_str());
        let names = variables.chain(sources).map(|reference| reference.name.as_str()).chain(files);
        for name in names {
            found.entry(name).or_insert(container);
        }
    }
    found
}

/// The first ConfigMap that is newer than a container that has read it, in a sentence.
pub(crate) fn outdated(rollout: &Rollout<'_>) -> Option<String> {
    read_at_start(rollout).into_iter().take(MOST).find_map(|(name, container)| {
        let Some(Answer::Managers(managers)) = rollout.store().answer(&want(rollout, name)) else {
            return None;
        };
        let manager = managers.first()?;
        let changed = manager.at?;
        let old = rollout
            .live_pods()
            .filter_map(|pod| pod.status_of(&container.name)?.state.running.as_ref()?.started_at)
            .filter(|started| changed.duration_since(*started) > CLOCKS)
            .count();
        let all = rollout.live_pods().count();
        let restart =
            kubectl(rollout.namespace(), &["rollout", "restart", &rollout.workload.command_target()]);
        (old > 0).then(|| {
            format!(
                "ConfigMap {name} was changed at {} by {}, after container {} had read it in {old} of {all} pods: they go on with the old values until they are started anew (`{restart}`)",
                moment(changed),
                manager.name,
                container.name
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::World;

    fn outdated_after(container: Value, changed: &str) -> Option<String> {
        let mut world = World::with_app(container);
        world.pod(
            "web-1",
            json!({"phase": "Running", "containerStatuses": [
                {"name": "app", "state": {"running": {"startedAt": "2026-11-24T09:00:00Z"}}}]}),
        );
        let managers = serde_json::from_value(json!([{"name": "kubectl", "at": changed}])).unwrap();
        for want in wants(&world.rollout()) {
            world.answer(want, Answer::Managers(Vec::clone(&managers)));
        }
        outdated(&world.rollout())
    }

    #[test]
    fn a_config_map_that_is_newer_than_the_pods_that_read_it_is_told() {
        let env = || json!({"envFrom": [{"configMapRef": {"name": "settings"}}]});
        let told = outdated_after(env(), "2026-11-24T09:59:00Z").unwrap();
        assert!(told.starts_with("ConfigMap settings was changed at 2026-11-24T09:59:00Z by kubectl, after container app had read it in 1 of 1 pods"), "{told}");
        assert!(told.ends_with("(`kubectl -n shop rollout restart deployment/web`)"), "{told}");
        assert_eq!(outdated_after(env(), "2026-11-24T08:59:00Z"), None);
        assert_eq!(
            outdated_after(env(), "2026-11-24T09:00:04Z"),
            None,
            "within the difference of two clocks"
        );
    }

    #[test]
    fn a_volume_follows_its_config_map_by_itself() {
        assert_eq!(outdated_after(json!({}), "2026-11-24T09:59:00Z"), None);
    }
}
