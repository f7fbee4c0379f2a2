//! A request above a limit that is not in the template.

use std::collections::BTreeMap;

use super::super::{CauseCode, Confidence, Evidence, Finding, Prognosis};
use super::message::RequestAboveLimit;
use super::range::{Origin, edit, factor, find, same, whose};
use crate::model::{Creator, LimitRangeItem, Quantity, Rollout};

/// A request above a limit that is not in the template: a LimitRange put it there. `None` if the template has
/// both, or the container cannot be told.
pub(super) fn default_conflict(
    rollout: &Rollout<'_>,
    set: &Creator<'_>,
    read: &RequestAboveLimit,
    evidence: Evidence,
) -> Option<Finding> {
    let spec = &rollout.workload.spec.template.spec;
    let list = if read.list == "initContainers" { &spec.init_containers } else { &spec.containers };
    let container = list.get(read.index)?;
    let has = |amounts: &BTreeMap<String, Quantity>| amounts.contains_key(&read.resource);
    let (has_limit, has_request) = (has(&container.resources.limits), has(&container.resources.requests));
    if has_limit && has_request {
        return None;
    }
    let namespace = rollout.namespace();
    let (present, field) = if has_limit { ("limit", "defaultRequest") } else { ("request", "default") };
    let value = if has_limit { &read.request } else { &read.limit };
    let mut range = origin(rollout, &read.resource, has_limit, |known| same(known, value));
    if let Some(range) = &mut range {
        range.value.clone_from(value);
        range.resource.clone_from(&read.resource);
    }
    let whose = whose(namespace, range.as_ref());
    let factor =
        factor(&read.request, &read.limit).map_or_else(String::new, |factor| format!(", {factor} the limit"));
    let headline = if has_limit {
        format!(
            "container {} has a {} limit of {} and no request of its own, and {whose} gives it a request of {value}",
            container.name, read.resource, read.limit
        )
    } else {
        format!(
            "container {} asks for {} {}{factor}: it has no limit of its own, and {whose} gives it a limit of {value}",
            container.name, read.request, read.resource
        )
    };
    let amounts = if has_limit { &container.resources.limits } else { &container.resources.requests };
    let mut finding = Finding::new(
        CauseCode::LimitRangeDefaultConflict,
        format!("{} {}", container.name, read.resource),
        set.object_ref(),
        headline,
        evidence,
    )
    .with_prognosis(Prognosis::Permanent)
    .with_confidence(if range.is_some() { Confidence::Certain } else { Confidence::Likely })
    .with_evidence(Evidence::field(
        rollout.workload.object_ref(),
        format!(
            "spec.template.spec.{}[{}].resources.{present}s.{}",
            read.list, container.name, read.resource
        ),
        amounts.get(&read.resource).map_or("", Quantity::as_str),
    ));
    if let Some(range) = &range {
        finding = finding.with_evidence(range.evidence());
    }
    let is_maximum = range
        .as_ref()
        .is_some_and(|range| range.field == "max" || has_max(range.item, &read.resource, &read.request));
    let name = range.as_ref().map_or("NAME", |range| range.object.name.as_str());
    let target = rollout.workload.command_target();
    let (c, resource) = (&container.name, &read.resource);
    finding = if has_limit {
        finding
            .with_help(format!(
                "give container {c} a {resource} request of its own, at most its limit of {}",
                read.limit
            ))
            .with_help(format!(
                "or ask whoever owns namespace {namespace} to lower {field}.{resource} of LimitRange {name}"
            ))
            .with_help(format!("or, if it is yours, edit LimitRange {name}"))
            .with_command(format!(
                "kubectl -n {namespace} set resources {target} -c {c} --requests={resource}={}",
                read.limit
            ))
    } else {
        let ask = if is_maximum {
            format!(
                "ask whoever owns namespace {namespace} to raise max.{resource} of LimitRange {name} from {} to at least {}",
                read.limit, read.request
            )
        } else {
            format!(
                "give container {c} a {resource} limit of its own, at least its request of {}: the default of {} is for those without one",
                read.request, read.limit
            )
        };
        finding
            .with_help(ask)
            .with_help(format!("or lower the {resource} request of container {c} from {} to at most {}", read.request, read.limit))
            .with_help(format!("or, if LimitRange {name} is yours, raise the value in it"))
            .with_command(format!("kubectl -n {namespace} set resources {target} -c {c} --requests={resource}={0} --limits={resource}={0}", read.limit))
    };
    Some(finding.with_command(edit(namespace, range.as_ref())))
}

/// The LimitRange that fills such a value in: the request beside a limit of the template, or the limit beside a
/// request.
fn origin<'a>(
    rollout: &Rollout<'a>,
    resource: &str,
    has_limit: bool,
    is_it: impl Fn(&str) -> bool,
) -> Option<Origin<'a>> {
    find(rollout, "Container", |item| {
        let fields: &[(&'static str, &BTreeMap<String, String>)] = if has_limit {
            &[("defaultRequest", &item.default_request), ("default", &item.default), ("max", &item.max)]
        } else {
            &[("default", &item.default), ("max", &item.max)]
        };
        fields
            .iter()
            .find(|(_, amounts)| amounts.get(resource).is_some_and(|known| is_it(known)))
            .map(|(field, _)| *field)
    })
}

/// A sentence, if a LimitRange fills another value in now. Where none fills any in, it may have been a webhook that
/// did, and may do so again.
pub(super) fn no_longer(rollout: &Rollout<'_>, read: &RequestAboveLimit) -> Option<String> {
    let spec = &rollout.workload.spec.template.spec;
    let list = if read.list == "initContainers" { &spec.init_containers } else { &spec.containers };
    let container = list.get(read.index)?;
    let has_limit = container.resources.limits.contains_key(&read.resource);
    let (what, value) = if has_limit { ("request", &read.request) } else { ("limit", &read.limit) };
    let still = origin(rollout, &read.resource, has_limit, |known| same(known, value)).is_some();
    if still || origin(rollout, &read.resource, has_limit, |_| true).is_none() {
        return None;
    }
    Some(format!(
        "no LimitRange of namespace {} gives container {} the {} {what} of {value} any more that the pods were refused for",
        rollout.namespace(),
        container.name,
        read.resource
    ))
}

fn has_max(item: &LimitRangeItem, resource: &str, request: &str) -> bool {
    let max = item.max.get(resource).and_then(|max| Quantity::new(max).value());
    matches!((max, Quantity::new(request).value()), (Some(max), Some(request)) if request > max)
}
