//! The bounds of a LimitRange against what the template asks.

use super::super::{CauseCode, Evidence, Finding, Prognosis};
use super::message::{Bound, Got, Violation};
use super::range::{Origin, edit, factor, find, same, whose};
use crate::model::{Container, Creator, Lookup, Quantity, Rollout, human_bytes};

/// A bound that the pods do not keep.
pub(super) fn exceeded(
    rollout: &Rollout<'_>,
    set: &Creator<'_>,
    violations: &[Violation],
    evidence: Evidence,
) -> Finding {
    // A container can be corrected, a sum only through its containers: show the former first.
    let main =
        violations.iter().find(|violation| violation.scope == "Container" && violation.bound != Bound::Ratio);
    let Some(main) = main.or_else(|| violations.first()) else {
        return Finding::new(CauseCode::LimitRangeExceeded, "", set.object_ref(), "", evidence);
    };
    let more = match violations.len() {
        0 | 1 => String::new(),
        2 => " (and one more bound is not kept)".to_owned(),
        n => format!(" (and {} more bounds are not kept)", n - 1),
    };
    let range = origin(rollout, main);
    let headline = format!("{}{more}", sentence(rollout, main, range.as_ref()));
    let mut finding = Finding::new(
        CauseCode::LimitRangeExceeded,
        format!("{} {} {}", main.resource, word(main.bound), main.scope),
        set.object_ref(),
        headline,
        evidence,
    )
    .with_prognosis(Prognosis::Permanent);
    if let Some(asked) = asked_evidence(rollout, main) {
        finding = finding.with_evidence(asked);
    }
    if let Some(range) = &range {
        finding = finding.with_evidence(range.evidence());
    }
    for other in violations.iter().filter(|other| *other != main) {
        finding =
            finding.with_help(format!("also: {}", sentence(rollout, other, origin(rollout, other).as_ref())));
    }
    options(rollout, finding, main, range.as_ref())
}

/// A sentence, if no LimitRange has any of these bounds now: they were raised, or the LimitRange is gone.
pub(super) fn no_longer(rollout: &Rollout<'_>, violations: &[Violation]) -> Option<String> {
    let Lookup::Found(_) = rollout.limit_ranges() else { return None };
    let main = violations.first()?;
    if violations.iter().any(|violation| origin(rollout, violation).is_some()) {
        return None;
    }
    Some(format!(
        "no LimitRange of namespace {} has the {} {} of {} per {} any more that the pods were refused for",
        rollout.namespace(),
        main.resource,
        word(main.bound),
        Quantity::new(&main.allowed).human(),
        main.scope
    ))
}

/// The LimitRange that a violation names only by its numbers.
fn origin<'a>(rollout: &Rollout<'a>, violation: &Violation) -> Option<Origin<'a>> {
    let mut found = find(rollout, &violation.scope, |item| {
        let (field, amounts) = match violation.bound {
            Bound::Min => ("min", &item.min),
            Bound::Max => ("max", &item.max),
            Bound::Ratio => ("maxLimitRequestRatio", &item.max_limit_request_ratio),
        };
        amounts.get(&violation.resource).is_some_and(|known| same(known, &violation.allowed)).then_some(field)
    })?;
    found.value.clone_from(&violation.allowed);
    found.resource.clone_from(&violation.resource);
    Some(found)
}

const fn word(bound: Bound) -> &'static str {
    match bound {
        Bound::Min => "minimum",
        Bound::Max => "maximum",
        Bound::Ratio => "ratio",
    }
}

/// The containers of the template whose request or limit is the one that a violation names.
fn askers<'a>(rollout: &Rollout<'a>, violation: &Violation) -> Vec<&'a Container> {
    let containers = rollout.workload.spec.template.spec.all_containers();
    let resource = violation.resource.as_str();
    match &violation.got {
        Got::Amount { what, amount } => containers
            .filter(|container| {
                amount_of(container, what, resource).is_some_and(|has| same(has.as_str(), amount))
            })
            .collect(),
        Got::Nothing(what) => {
            containers.filter(|container| amount_of(container, what, resource).is_none()).collect()
        }
        Got::Ratio(_) => containers
            .filter(|container| {
                amount_of(container, "limit", resource).is_some()
                    && amount_of(container, "request", resource).is_some()
            })
            .collect(),
    }
}

fn amount_of<'a>(container: &'a Container, what: &str, resource: &str) -> Option<&'a Quantity> {
    let amounts = if what == "limit" { &container.resources.limits } else { &container.resources.requests };
    amounts.get(resource)
}

/// Who asks: a container by name, or the pod as the sum of its containers.
fn subject(rollout: &Rollout<'_>, violation: &Violation) -> String {
    if violation.scope == "Pod" {
        return "the pod".to_owned();
    }
    match askers(rollout, violation).as_slice() {
        [one] => format!("container {}", one.name),
        _ => "a container".to_owned(),
    }
}

fn sentence(rollout: &Rollout<'_>, violation: &Violation, range: Option<&Origin<'_>>) -> String {
    let who = subject(rollout, violation);
    let whose = whose(rollout.namespace(), range);
    let Violation { bound, resource, scope, allowed, got } = violation;
    let allowed = Quantity::new(allowed).human();
    match (bound, got) {
        (Bound::Ratio, Got::Ratio(ratio)) => {
            let ratio = ratio.trim_end_matches('0').trim_end_matches('.');
            format!(
                "{who} has a {resource} limit of {ratio} times its request, and {whose} allows {allowed} times per {scope}"
            )
        }
        (Bound::Ratio, _) => {
            format!(
                "{who} has no {resource} request, and {whose} wants the limit to be at most {allowed} times the request per {scope}"
            )
        }
        (_, Got::Nothing(what)) => {
            format!(
                "{who} has no {resource} {what}, and {whose} wants a {} of {allowed} per {scope}",
                word(*bound)
            )
        }
        (Bound::Max, Got::Amount { what, amount }) => {
            let factor = factor(amount, &violation.allowed)
                .map_or_else(String::new, |factor| format!(", {factor} the maximum"));
            format!(
                "{who} has a {resource} {what} of {}{factor}: {whose} allows {allowed} per {scope}{}",
                Quantity::new(amount).human(),
                sum(rollout, violation)
            )
        }
        (_, Got::Amount { what, amount }) => {
            format!(
                "{who} has a {resource} {what} of {}, and {whose} wants at least {allowed} per {scope}{}",
                Quantity::new(amount).human(),
                sum(rollout, violation)
            )
        }
        (_, Got::Ratio(ratio)) => format!("{who} has {ratio} where {whose} wants {allowed}"),
    }
}

/// How a pod's amount comes about: ` (app 90Mi + side 90Mi)`.
fn sum(rollout: &Rollout<'_>, violation: &Violation) -> String {
    let Got::Amount { what, .. } = &violation.got else { return String::new() };
    if violation.scope != "Pod" {
        return String::new();
    }
    let parts: Vec<String> = rollout
        .workload
        .spec
        .template
        .spec
        .long_running()
        .filter_map(|container| {
            Some(format!("{} {}", container.name, amount_of(container, what, &violation.resource)?))
        })
        .collect();
    if parts.len() < 2 { String::new() } else { format!(" ({})", parts.join(" + ")) }
}

fn asked_evidence(rollout: &Rollout<'_>, violation: &Violation) -> Option<Evidence> {
    let Got::Amount { what, .. } = &violation.got else { return None };
    let container = askers(rollout, violation).into_iter().next()?;
    let spec = &rollout.workload.spec.template.spec;
    let list = if spec.init_containers.iter().any(|init| init.name == container.name) {
        "initContainers"
    } else {
        "containers"
    };
    Some(Evidence::field(
        rollout.workload.object_ref(),
        format!("spec.template.spec.{list}[{}].resources.{what}s.{}", container.name, violation.resource),
        amount_of(container, what, &violation.resource)?.as_str(),
    ))
}

/// The article's three options, filled in.
fn options(
    rollout: &Rollout<'_>,
    finding: Finding,
    violation: &Violation,
    range: Option<&Origin<'_>>,
) -> Finding {
    let namespace = rollout.namespace();
    let target = rollout.workload.command_target();
    let who = subject(rollout, violation);
    let plain = |ratio: &str| {
        Quantity::new(ratio).value().map_or_else(|| ratio.to_owned(), |ratio| ratio.to_string())
    };
    let name = range.map_or("NAME", |range| range.object.name.as_str());
    let Violation { bound, resource, scope, allowed, got } = violation;
    let container =
        askers(rollout, violation).first().map_or("CONTAINER", |container| container.name.as_str());
    let (raise, own, set) = match (bound, got) {
        (Bound::Max, Got::Amount { what, amount }) => (
            format!(
                "raise max.{resource} ({scope}) of LimitRange {name} from {allowed} to at least {}",
                Quantity::new(amount).human()
            ),
            format!("lower the {resource} request and limit of {who} to at most {allowed}"),
            // With a limit above the maximum, the request alone does not help.
            (scope == "Container").then(|| match what.as_str() {
                "limit" => format!("--limits={resource}={allowed} --requests={resource}={allowed}"),
                _ => format!("--requests={resource}={allowed}"),
            }),
        ),
        (Bound::Min, Got::Amount { what, amount }) => (
            format!(
                "lower min.{resource} ({scope}) of LimitRange {name} from {allowed} to {}",
                Quantity::new(amount).human()
            ),
            format!("raise the {resource} {what} of {who} to at least {allowed}"),
            (scope == "Container").then(|| format!("--{what}s={resource}={allowed}")),
        ),
        (Bound::Ratio, Got::Ratio(ratio)) => (
            format!(
                "raise maxLimitRequestRatio.{resource} of LimitRange {name} from {allowed} to at least {}",
                plain(ratio)
            ),
            ratio_help(rollout, violation, &who),
            None,
        ),
        (_, Got::Nothing(what)) => (
            format!("change {}.{resource} ({scope}) of LimitRange {name}", field_of(*bound)),
            format!("give {who} a {resource} {what}"),
            None,
        ),
        (_, Got::Ratio(_) | Got::Amount { .. }) => {
            (format!("change LimitRange {name}"), format!("change the resources of {who}"), None)
        }
    };
    let mut finding = finding
        .with_help(format!("ask whoever owns namespace {namespace} to {raise}"))
        .with_help(format!("or {own}, in {target}"))
        .with_help(format!("or, if LimitRange {name} is yours, edit it"));
    if let Some(set) = set {
        finding = finding
            .with_command(format!("kubectl -n {namespace} set resources {target} -c {container} {set}"));
    }
    finding.with_command(edit(namespace, range))
}

const fn field_of(bound: Bound) -> &'static str {
    match bound {
        Bound::Min => "min",
        Bound::Max => "max",
        Bound::Ratio => "maxLimitRequestRatio",
    }
}

/// The smallest request and the largest limit that keep the ratio.
fn ratio_help(rollout: &Rollout<'_>, violation: &Violation, who: &str) -> String {
    let resource = violation.resource.as_str();
    let allowed = Quantity::new(&violation.allowed).value().filter(|allowed| *allowed > 0.0);
    let one = match askers(rollout, violation).as_slice() {
        [one] => Some((amount_of(one, "limit", resource), amount_of(one, "request", resource))),
        _ => None,
    };
    if let (Some(allowed), Some((Some(limit), Some(request)))) = (allowed, one)
        && let (Some(limit_value), Some(request_value)) = (limit.value(), request.value())
    {
        return format!(
            "raise the {resource} request of {who} from {request} to at least {}, or lower its limit from {limit} to at most {}",
            amount(resource, limit_value / allowed),
            amount(resource, request_value * allowed)
        );
    }
    format!("bring the {resource} limit and request of {who} closer together")
}

/// A value in the unit people write for that resource.
fn amount(resource: &str, value: f64) -> String {
    if resource == "cpu" { format!("{:.0}m", value * 1000.0) } else { human_bytes(value) }
}
