//! What a type is that only the server knows: its kind, version and plural, from the API's discovery.
//!
//! One request for the core group and one for all others where the server aggregates them (Kubernetes 1.27);
//! before that one for each group, and never more than those named where the group is written out.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::{Duration, Instant};

use super::call::{Access, JSON};
use super::failure::Failure;
use super::frame::unreadable;
use super::retry;
use crate::model::{Kind, KindName};

/// A group of types that does not answer is asked again for this long: the type may well be of another.
const GROUP_WITHIN: Duration = Duration::from_secs(10);
/// All groups in one answer, or the plain list of them from servers that do not aggregate.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
     application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// Why a type could not be looked up.
#[derive(Debug)]
pub(crate) enum DiscoveryError {
    /// No such type; the names of those there are.
    Unknown { names: Vec<String> },
    /// The server has it, and nothing can be waited for in it.
    Unwatchable { kind: String },
    /// The server did not say.
    Unanswered { message: String },
}

/// A type of the server.
#[derive(Debug, PartialEq, Eq)]
struct Resource {
    group: String,
    version: String,
    kind: String,
    plural: String,
    singular: String,
    short_names: Vec<String>,
    namespaced: bool,
    watchable: bool,
}

/// Looks a type up.
pub(super) async fn discover(
    name: &KindName,
    access: &Access,
    ends: Instant,
) -> Result<Kind, DiscoveryError> {
    let unanswered = |failure: &Failure| DiscoveryError::Unanswered { message: failure.message() };
    let mut resources = core(access, ends).await.map_err(|failure| unanswered(&failure))?;
    if find(name, &resources).is_none() {
        resources.extend(groups(name, access, ends).await.map_err(|failure| unanswered(&failure))?);
    }
    let Some(found) = find(name, &resources) else {
        let names = resources.into_iter().filter(|resource| resource.watchable).map(|found| found.singular);
        return Err(DiscoveryError::Unknown { names: names.filter(|name| !name.is_empty()).collect() });
    };
    if !found.watchable {
        return Err(DiscoveryError::Unwatchable { kind: found.kind.clone() });
    }
    let api_version = if found.group.is_empty() {
        found.version.clone()
    } else {
        format!("{}/{}", found.group, found.version)
    };
    Ok(Kind::discovered(&api_version, &found.kind, &found.plural, found.namespaced))
}

/// The first type of that name, in the server's order of preference: full names before short ones, as kubectl.
fn find<'a>(name: &KindName, resources: &'a [Resource]) -> Option<&'a Resource> {
    let meant = || resources.iter().filter(|found| name.is_of(&found.group, &found.version));
    let full = |found: &&Resource| {
        found.plural == name.name
            || found.singular == name.name
            || found.kind.to_ascii_lowercase() == name.name
    };
    meant().find(full).or_else(|| meant().find(|found| found.short_names.contains(&name.name)))
}

async fn core(access: &Access, ends: Instant) -> Result<Vec<Resource>, Failure> {
    let list: ResourceList = get("/api/v1", JSON, access, ends).await?;
    Ok(list.resources("", "v1"))
}

async fn groups(name: &KindName, access: &Access, ends: Instant) -> Result<Vec<Resource>, Failure> {
    let answer: Groups = get("/apis", AGGREGATED, access, ends).await?;
    if answer.kind == "APIGroupDiscoveryList" {
        return Ok(answer.items.into_iter().flat_map(GroupDiscovery::resources).collect());
    }
    let mut resources = Vec::new();
    for group in answer.plain {
        // The preferred version first; the others only where one is named.
        let preferred = group.preferred_version.version.clone();
        let others = group.versions.into_iter().map(|version| version.version);
        let versions =
            std::iter::once(preferred.clone()).chain(others.filter(|version| *version != preferred));
        let named = versions.filter(|version| {
            name.is_of(&group.name, version) && (name.qualifier.contains(version) || *version == preferred)
        });
        for version in named {
            let path = format!("/apis/{}/{version}", group.name);
            let ends = ends.min(Instant::now() + GROUP_WITHIN);
            match get::<ResourceList>(&path, JSON, access, ends).await {
                Ok(list) => resources.extend(list.resources(&group.name, &version)),
                // A group whose server is down (an aggregated API) says nothing about the others.
                Err(failure) => tracing::debug!("{}/{version}: {}", group.name, failure.message()),
            }
        }
    }
    Ok(resources)
}

async fn get<T: DeserializeOwned>(
    path: &str,
    accept: &str,
    access: &Access,
    ends: Instant,
) -> Result<T, Failure> {
    let whole = retry::until(ends, async || access.get_renewed(path, accept).await).await?;
    serde_json::from_slice(&whole.body).map_err(|error| unreadable(&error, &whole.body))
}

/// `APIGroupDiscoveryList`, or `APIGroupList`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Groups {
    kind: String,
    items: Vec<GroupDiscovery>,
    #[serde(rename = "groups")]
    plain: Vec<Group>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Group {
    name: String,
    preferred_version: GroupVersion,
    versions: Vec<GroupVersion>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GroupVersion {
    version: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GroupDiscovery {
    metadata: GroupName,
    versions: Vec<VersionDiscovery>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GroupName {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VersionDiscovery {
    version: String,
    resources: Vec<DiscoveredResource>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DiscoveredResource {
    resource: String,
    response_kind: ResponseKind,
    scope: String,
    singular_resource: String,
    short_names: Vec<String>,
    verbs: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponseKind {
    kind: String,
}

impl GroupDiscovery {
    fn resources(self) -> Vec<Resource> {
        let group = self.metadata.name;
        let of_version = |version: VersionDiscovery| {
            let (group, name) = (group.clone(), version.version);
            version.resources.into_iter().map(move |found| Resource {
                group: group.clone(),
                version: name.clone(),
                kind: found.response_kind.kind,
                plural: found.resource,
                singular: found.singular_resource,
                short_names: found.short_names,
                namespaced: found.scope == "Namespaced",
                watchable: is_watchable(&found.verbs),
            })
        };
        self.versions.into_iter().flat_map(of_version).collect()
    }
}

/// `APIResourceList` of one group and version.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ResourceList {
    resources: Vec<ListedResource>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListedResource {
    name: String,
    singular_name: String,
    namespaced: bool,
    kind: String,
    short_names: Vec<String>,
    verbs: Vec<String>,
}

impl ResourceList {
    fn resources(self, group: &str, version: &str) -> Vec<Resource> {
        // A name with a slash is a part of an object, as `pods/log`.
        let whole = self.resources.into_iter().filter(|found| !found.name.contains('/'));
        whole
            .map(|found| Resource {
                group: group.to_owned(),
                version: version.to_owned(),
                kind: found.kind,
                plural: found.name,
                singular: found.singular_name,
                short_names: found.short_names,
                namespaced: found.namespaced,
                watchable: is_watchable(&found.verbs),
            })
            .collect()
    }
}

fn is_watchable(verbs: &[String]) -> bool {
    ["get", "list", "watch"].iter().all(|needed| verbs.iter().any(|verb| verb == needed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aggregated() -> Vec<Resource> {
        let body = r#"{"kind":"APIGroupDiscoveryList","items":[
            {"metadata":{"name":"cert-manager.io"},"versions":[{"version":"v1","resources":[
                {"resource":"certificates","responseKind":{"kind":"Certificate"},"scope":"Namespaced",
                 "singularResource":"certificate","shortNames":["cert","certs"],
                 "verbs":["get","list","watch"],"subresources":[{"subresource":"status"}]}]}]},
            {"metadata":{"name":"networking.example"},"versions":[
                {"version":"v2","resources":[{"resource":"certificates","responseKind":{"kind":"Certificate"},
                    "scope":"Cluster","singularResource":"certificate","verbs":["get","list","watch"]}]},
                {"version":"v1","resources":[{"resource":"cert","responseKind":{"kind":"Cert"},
                    "scope":"Cluster","singularResource":"cert","verbs":["create"]}]}]}]}"#;
        let groups: Groups = serde_json::from_str(body).unwrap();
        groups.items.into_iter().flat_map(GroupDiscovery::resources).collect()
    }

    fn found(written: &str) -> Option<String> {
        let resources = aggregated();
        find(&KindName::new(written), &resources)
            .map(|found| format!("{}/{}/{}", found.group, found.version, found.plural))
    }

    #[test]
    fn a_type_is_found_by_every_name_and_the_first_group_wins() {
        for written in ["certificate", "Certificates", "certs", "certificate.cert-manager.io"] {
            assert_eq!(found(written).as_deref(), Some("cert-manager.io/v1/certificates"), "{written}");
        }
        for written in ["certificate.networking.example", "certificates.v2.networking.example"] {
            assert_eq!(found(written).as_deref(), Some("networking.example/v2/certificates"), "{written}");
        }
        // A full name comes before a short one.
        assert_eq!(found("cert").as_deref(), Some("networking.example/v1/cert"));
        assert_eq!(found("certificates.v3.networking.example"), None);
    }

    #[test]
    fn what_cannot_be_watched_is_known_as_such() {
        let resources = aggregated();
        assert!(!find(&KindName::new("cert"), &resources).unwrap().watchable);
    }

    #[test]
    fn parts_of_objects_are_no_types() {
        let body = r#"{"kind":"APIResourceList","resources":[
            {"name":"services","singularName":"service","namespaced":true,"kind":"Service","shortNames":["svc"],
             "verbs":["get","list","watch"]},
            {"name":"services/status","namespaced":true,"kind":"Service","verbs":["get"]}]}"#;
        let list: ResourceList = serde_json::from_str(body).unwrap();
        let resources = list.resources("", "v1");
        assert_eq!(resources.len(), 1);
        assert_eq!(find(&KindName::new("svc"), &resources).unwrap().kind, "Service");
    }
}
