//! Finding the LimitRange behind a number, and speaking of it.

use super::super::Evidence;
use crate::model::{Kind, LimitRange, LimitRangeItem, Lookup, ObjectRef, Quantity, Rollout};

/// A LimitRange entry and the field that holds the value.
pub(super) struct Origin<'a> {
    pub(super) object: ObjectRef,
    pub(super) item: &'a LimitRangeItem,
    pub(super) field: &'static str,
    pub(super) value: String,
    pub(super) resource: String,
}

impl Origin<'_> {
    pub(super) fn evidence(&self) -> Evidence {
        Evidence::field(
            self.object.clone(),
            format!("spec.limits[{}].{}.{}", self.item.kind, self.field, self.resource),
            self.value.clone(),
        )
    }
}

pub(super) fn find<'a>(
    rollout: &Rollout<'a>,
    scope: &str,
    field_of: impl Fn(&'a LimitRangeItem) -> Option<&'static str>,
) -> Option<Origin<'a>> {
    let Lookup::Found(ranges) = rollout.limit_ranges() else { return None };
    ranges.iter().find_map(|range: &'a LimitRange| {
        let (item, field) = range
            .spec
            .limits
            .iter()
            .filter(|item| item.kind == scope)
            .find_map(|item| Some((item, field_of(item)?)))?;
        Some(Origin {
            object: ObjectRef::named(Kind::LimitRange, rollout.namespace(), &range.metadata.name),
            item,
            field,
            value: String::new(),
            resource: String::new(),
        })
    })
}

/// Equal as quantities, or as texts where they are none.
pub(super) fn same(a: &str, b: &str) -> bool {
    match (Quantity::new(a).value(), Quantity::new(b).value()) {
        (Some(a), Some(b)) => (a - b).abs() <= a.abs() * 1e-9,
        _ => a == b,
    }
}

pub(super) fn whose(namespace: &str, range: Option<&Origin<'_>>) -> String {
    match range {
        Some(range) => format!("LimitRange {} of namespace {namespace}", range.object.name),
        None => format!("a LimitRange of namespace {namespace}"),
    }
}

/// `51 times`, `1.2 times`.
pub(super) fn factor(a: &str, b: &str) -> Option<String> {
    let (a, b) = (Quantity::new(a).value()?, Quantity::new(b).value()?);
    let factor = if b > 0.0 { a / b } else { return None };
    if !factor.is_finite() || factor < 1.05 {
        return None;
    }
    Some(if factor >= 10.0 { format!("{factor:.0} times") } else { format!("{factor:.1} times") })
}

pub(super) fn edit(namespace: &str, range: Option<&Origin<'_>>) -> String {
    match range {
        Some(range) => format!("kubectl -n {namespace} edit limitrange {}", range.object.name),
        None => format!("kubectl -n {namespace} describe limitrange"),
    }
}
