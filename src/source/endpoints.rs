//! The Services of a namespace and the pods that each sends traffic to: two lists, joined by the label that the
//! controller of endpoint slices writes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::call::{Access, JSON};
use super::failure::Failure;
use super::fetch::pages;
use super::request;
use crate::model::Service;
use crate::observation::Answer;

const MOST_PAGES: usize = 10;

#[derive(Default, Deserialize)]
#[serde(default)]
struct ServiceBody {
    metadata: Meta,
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta {
    name: String,
    labels: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    selector: Option<BTreeMap<String, String>>,
    ports: Option<Vec<Port>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Port {}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SliceBody {
    metadata: Meta,
    endpoints: Option<Vec<Endpoint>>,
    ports: Option<Vec<Port>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Endpoint {
    conditions: Conditions,
    target_ref: Option<PodName>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Conditions {
    ready: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PodName {
    name: String,
}

/// All Services of a namespace.
pub(super) async fn services(namespace: &str, access: &Access) -> Result<Answer, Failure> {
    let services: Vec<ServiceBody> =
        pages(&request::of_namespace("/api/v1", namespace, "services"), &[], JSON, access, MOST_PAGES)
            .await?;
    let path = request::of_namespace("/apis/discovery.k8s.io/v1", namespace, "endpointslices");
    let slices: Vec<SliceBody> = pages(&path, &[], JSON, access, MOST_PAGES).await?;
    Ok(Answer::Services(joined(services, &slices)))
}

fn joined(services: Vec<ServiceBody>, slices: &[SliceBody]) -> Vec<Service> {
    let of = |service: ServiceBody| {
        let name = service.metadata.name;
        let has_ports = service.spec.ports.is_some_and(|ports| !ports.is_empty());
        let ready: BTreeSet<String> = slices
            .iter()
            .filter(|slice| slice.metadata.labels.get("kubernetes.io/service-name") == Some(&name))
            // A port by a name that the pods do not have leaves a slice without ports: nothing is reached.
            .filter(|slice| !has_ports || slice.ports.as_ref().is_some_and(|ports| !ports.is_empty()))
            .flat_map(|slice| slice.endpoints.iter().flatten())
            // Absent means ready, by the API's own words.
            .filter(|endpoint| endpoint.conditions.ready != Some(false))
            .filter_map(|endpoint| Some(endpoint.target_ref.as_ref()?.name.clone()))
            .collect();
        Service { name, selector: service.spec.selector.unwrap_or_default(), ready }
    };
    services.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_ready_endpoints_that_a_port_leads_to_count() {
        let service: ServiceBody = serde_json::from_value(json!({"metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}))
        .unwrap();
        let slice = |name: &str, ready: Value, ports: Value| -> SliceBody {
            serde_json::from_value(json!({"metadata": {"labels": {"kubernetes.io/service-name": "web"}},
                "endpoints": [{"conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": name}}],
                "ports": ports}))
            .unwrap()
        };
        let ports = || json!([{"port": 8080}]);
        let slices = [
            slice("a", json!(true), ports()),
            slice("b", json!(false), ports()),
            slice("c", Value::Null, ports()),
            slice("d", json!(true), Value::Null),
        ];
        let services = joined(vec![service], &slices);
        let ready: Vec<&str> =
            services.iter().flat_map(|service| &service.ready).map(String::as_str).collect();
        assert_eq!(ready, ["a", "c"]);
    }
}
