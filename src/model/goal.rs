//! What complete means where the user says so: `--for`, in kubectl's syntax.

use serde_json::Value;

use super::json_path::JsonPath;

/// A state of an object to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Goal {
    /// As the user wrote it.
    pub(crate) written: String,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// A condition of that type has that status; letters of either case.
    Condition { name: String, status: String },
    /// There is something at that path, and it is that value.
    Path { path: JsonPath, value: Option<String> },
}

impl Goal {
    /// Reads `condition=NAME`, `condition=NAME=VALUE`, `jsonpath=PATH` or `jsonpath=PATH=VALUE`.
    ///
    /// # Errors
    /// It is none of these; the error says what was expected.
    pub(crate) fn parse(written: &str) -> Result<Self, String> {
        let what = match written.split_once('=') {
            Some(("condition", rest)) => condition(rest)?,
            Some(("jsonpath", rest)) => path(rest)?,
            _ if matches!(written, "delete" | "create") => {
                return Err(
                    "an object that comes or goes is not judged here; kubectl wait does that".to_owned()
                );
            }
            _ => return Err("expected condition=NAME[=VALUE] or jsonpath=PATH[=VALUE]".to_owned()),
        };
        Ok(Self { written: written.to_owned(), what })
    }

    /// What is still missing in an object given as `{"metadata": …, "status": …}`, as a fragment after "waiting
    /// for"; `None` if nothing is.
    pub(crate) fn missing(&self, document: &Value) -> Option<String> {
        match &self.what {
            What::Condition { name, status } => missing_condition(document, name, status),
            What::Path { path, value } => {
                let found = path.find(document);
                match (found.as_slice(), value) {
                    ([], _) => Some(format!("{path} to be there")),
                    (_, None) => None,
                    ([one], Some(value)) => {
                        let is = plain(one);
                        (is != *value).then(|| format!("{path} to be {value}: it is {is}"))
                    }
                    (several, Some(value)) => {
                        Some(format!("{path} to be {value}: there are {} values", several.len()))
                    }
                }
            }
        }
    }
}

fn condition(rest: &str) -> Result<What, String> {
    let (name, status) = rest.split_once('=').unwrap_or((rest, "True"));
    if name.is_empty() || status.is_empty() {
        return Err("expected condition=NAME or condition=NAME=VALUE".to_owned());
    }
    Ok(What::Condition { name: name.to_owned(), status: status.to_owned() })
}

fn path(rest: &str) -> Result<What, String> {
    let rest = rest.trim_matches(['\'', '"']);
    let (path, value) = match rest.strip_prefix('{') {
        Some(inner) => {
            let end = inner.rfind('}').ok_or("the path has no closing }")?;
            let (path, after) = inner.split_at(end);
            (path, after.trim_start_matches(['}', '\'', '"']))
        }
        None => rest
            .split_at(rest.rfind('=').filter(|at| *at > rest.rfind(']').unwrap_or(0)).unwrap_or(rest.len())),
    };
    let value = match (value, value.strip_prefix('=')) {
        ("", _) => None,
        (_, Some(value)) => Some(value.trim_matches(['\'', '"']).to_owned()),
        _ => return Err("expected jsonpath='{PATH}'=VALUE".to_owned()),
    };
    if value.as_ref().is_some_and(String::is_empty) {
        return Err("the value after the path is empty".to_owned());
    }
    Ok(What::Path { path: JsonPath::parse(path)?, value })
}

/// As kubectl compares them: letters of either case, and not where the condition is about an older spec.
fn missing_condition(document: &Value, name: &str, status: &str) -> Option<String> {
    let conditions = document.pointer("/status/conditions").and_then(Value::as_array);
    let text =
        |value: &Value, field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let named = |condition: &&Value| text(condition, "type").eq_ignore_ascii_case(name);
    let Some(condition) = conditions.into_iter().flatten().find(named) else {
        return Some(format!("a condition {name}"));
    };
    let number = |value: Option<&Value>| value.and_then(Value::as_i64);
    let seen = number(condition.get("observedGeneration"))
        .or_else(|| number(document.pointer("/status/observedGeneration")));
    let generation = number(document.pointer("/metadata/generation"));
    if let (Some(seen), Some(generation)) = (seen, generation)
        && seen < generation
    {
        return Some(format!("condition {name} to be about generation {generation}"));
    }
    let is = text(condition, "status");
    if is.eq_ignore_ascii_case(status) {
        return None;
    }
    let message =
        [text(condition, "message"), text(condition, "reason")].into_iter().find(|text| !text.is_empty());
    let why = message.map_or_else(String::new, |message| format!(": {message}"));
    Some(format!("condition {name} to be {status}, it is {is}{why}"))
}

/// A value as a person would write it after the path.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn missing(written: &str, status: &Value) -> Option<String> {
        Goal::parse(written).unwrap().missing(&json!({"metadata": {"generation": 2}, "status": status}))
    }

    #[test]
    fn a_condition_is_compared_as_kubectl_does() {
        let with = |status: &str, seen: i64| json!({"observedGeneration": seen, "conditions": [{"type": "Synced", "status": status, "message": "busy"}]});
        assert_eq!(missing("condition=synced", &with("True", 2)), None);
        assert_eq!(missing("condition=Synced=unknown", &with("Unknown", 2)), None);
        assert_eq!(
            missing("condition=Synced", &with("False", 2)).as_deref(),
            Some("condition Synced to be True, it is False: busy")
        );
        assert!(missing("condition=Synced", &with("True", 1)).unwrap().contains("generation 2"));
        assert_eq!(missing("condition=Other", &with("True", 2)).as_deref(), Some("a condition Other"));
    }

    #[test]
    fn a_path_is_compared_with_and_without_braces_and_quotes() {
        for written in [
            "jsonpath={.status.phase}=Bound",
            "jsonpath=.status.phase=Bound",
            "jsonpath='{.status.phase}'=Bound",
        ] {
            assert_eq!(missing(written, &json!({"phase": "Bound"})), None, "{written}");
        }
        assert_eq!(
            missing("jsonpath={.status.phase}=Bound", &json!({"phase": "Pending"})).as_deref(),
            Some("{.status.phase} to be Bound: it is Pending")
        );
        assert_eq!(missing("jsonpath={.status.ready}=true", &json!({"ready": true})), None);
        assert_eq!(missing("jsonpath={.status.size}=3", &json!({"size": 3})), None);
        assert_eq!(
            missing("jsonpath={.status.loadBalancer.ingress}", &json!({"loadBalancer": {"ingress": []}})),
            None
        );
        assert!(missing("jsonpath={.status.ip}", &json!({})).unwrap().ends_with("to be there"));
    }

    #[test]
    fn conditions_can_be_filtered_in_a_path() {
        let status = json!({"conditions": [{"type": "A", "status": "x"}, {"type": "B", "status": "y"}]});
        let written = r#"jsonpath={.status.conditions[?(@.type=="B")].status}=y"#;
        assert_eq!(missing(written, &status), None);
        assert_eq!(missing(r#"jsonpath=.status.conditions[?(@.type=="B")].status=y"#, &status), None);
        assert!(missing("jsonpath={.status.conditions[*].status}=y", &status).unwrap().contains("2 values"));
    }

    #[test]
    fn what_is_no_goal_is_refused_with_what_is() {
        for (written, why) in [
            ("Ready", "condition=NAME"),
            ("delete", "kubectl wait"),
            ("condition=", "condition=NAME"),
            ("jsonpath={.status.x", "closing }"),
            ("jsonpath={.status.x}y", "=VALUE"),
            ("jsonpath={.status.x}=", "empty"),
            ("jsonpath={.spec.x}=1", ".status"),
            ("jsonpath={.status[}", "[…]"),
        ] {
            let error = Goal::parse(written).unwrap_err();
            assert!(error.contains(why), "{written}: {error}");
        }
    }
}
