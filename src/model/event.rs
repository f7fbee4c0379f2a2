//! Events, of both APIs, with the traps of their times and counts removed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A core/v1 Event. Its wire form is also its recorded form.
#[expect(clippy::struct_field_names, reason = "the API's own names")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Event {
    pub(crate) metadata: EventMeta,
    pub(crate) involved_object: InvolvedObject,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// `Normal` or `Warning`. Kubelet's kills by probe are Normal, so nothing is filtered by it.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) series: Option<EventSeries>,
    pub(crate) source: EventSource,
    pub(crate) reporting_component: String,
}

/// `metadata` of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EventMeta {
    pub(crate) name: String,
    pub(crate) uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) creation_timestamp: Option<Timestamp>,
}

/// `series` of an event written through events.k8s.io.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EventSeries {
    pub(crate) count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_observed_time: Option<Timestamp>,
}

/// `involvedObject`: whom the event is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct InvolvedObject {
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    /// `spec.containers{app}` or `spec.initContainers{migrate}`.
    pub(crate) field_path: String,
}

/// `source` of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EventSource {
    pub(crate) component: String,
    pub(crate) host: String,
}

impl Event {
    /// When it last happened: the latest of all times an event can carry (components write different ones).
    pub(crate) fn last_seen(&self) -> Option<Timestamp> {
        [
            self.series.as_ref().and_then(|series| series.last_observed_time),
            self.last_timestamp,
            self.event_time,
            self.first_timestamp,
            self.metadata.creation_timestamp,
        ]
        .into_iter()
        .flatten()
        .max()
    }

    /// How often it happened.
    pub(crate) fn times(&self) -> i64 {
        self.series.as_ref().map_or(self.count, |series| series.count).max(1)
    }

    /// The message without the prefix of aggregated events.
    pub(crate) fn text(&self) -> &str {
        self.message.strip_prefix("(combined from similar events): ").unwrap_or(&self.message)
    }

    /// The container the event is about, from `fieldPath`.
    pub(crate) fn container(&self) -> Option<&str> {
        let path = &self.involved_object.field_path;
        path.split_once('{').and_then(|(_, rest)| rest.strip_suffix('}'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_an_event_is_the_latest_it_carries() {
        let event: Event = serde_json::from_str(
            r#"{"metadata":{"name":"e","creationTimestamp":"2026-11-24T10:00:00Z"},"lastTimestamp":null,
                "eventTime":"2026-11-24T10:00:00.5Z","count":1,
                "series":{"count":4,"lastObservedTime":"2026-11-24T10:00:09.000001Z"},
                "message":"(combined from similar events): Error","involvedObject":{"fieldPath":"spec.containers{app}"}}"#,
        )
        .unwrap();
        assert_eq!(event.last_seen().unwrap().to_string(), "2026-11-24T10:00:09.000001Z");
        assert_eq!(event.times(), 4);
        assert_eq!(event.text(), "Error");
        assert_eq!(event.container(), Some("app"));
    }
}
