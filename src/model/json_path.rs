//! The part of `JSONPath` that reads a state: fields, elements, and a filter by one field.

use std::fmt;

use serde_json::Value;

/// A path into an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonPath {
    written: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    /// From the end if negative.
    Element(i64),
    All,
    /// `[?(@.a.b=="c")]`: elements in which the fields lead to that value, or do not.
    Where {
        fields: Vec<String>,
        equal: bool,
        value: String,
    },
}

impl JsonPath {
    /// Reads a path without its braces.
    ///
    /// # Errors
    /// It is of another form, or leads to where nothing is read.
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        let written = path.trim().to_owned();
        let mut rest = written.as_str().trim_start_matches('$');
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let end = closing(inner).ok_or("the path has a [ without […]")?;
                let (text, after) = inner.split_at(end);
                steps.push(bracket(text)?);
                rest = after.get(1..).unwrap_or_default();
            } else {
                let (name, after) = field(rest.strip_prefix('.').unwrap_or(rest));
                match name.as_str() {
                    "" => return Err("the path has an empty field, as in ..".to_owned()),
                    "*" => steps.push(Step::All),
                    _ => steps.push(Step::Field(name)),
                }
                rest = after;
            }
        }
        match steps.first() {
            Some(Step::Field(first)) if first == "status" || first == "metadata" => {
                Ok(Self { written, steps })
            }
            Some(_) => {
                Err("only .status and .metadata are read: the rest is what was asked for, not its state"
                    .to_owned())
            }
            None => Err("the path is empty; for example {.status.phase}".to_owned()),
        }
    }

    /// Everything the path leads to.
    pub(crate) fn find<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![document];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.take(value)).collect();
        }
        found
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.written)
    }
}

impl Step {
    fn take<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::Element(index) => element(value, *index).into_iter().collect(),
            Self::All => match value {
                Value::Array(items) => items.iter().collect(),
                Value::Object(fields) => fields.values().collect(),
                _ => Vec::new(),
            },
            Self::Where { fields, equal, value: wanted } => {
                let items = value.as_array().into_iter().flatten();
                let leads_to = |item: &&Value| {
                    let found = fields.iter().try_fold(*item, |value, name| value.get(name));
                    let text =
                        |found: &Value| found.as_str().map_or_else(|| found.to_string(), str::to_owned);
                    let is = found.is_some_and(|found| text(found) == *wanted);
                    is == *equal
                };
                items.filter(leads_to).collect()
            }
        }
    }
}

fn element(value: &Value, index: i64) -> Option<&Value> {
    let items = value.as_array()?;
    let index = if index < 0 { i64::try_from(items.len()).ok()? + index } else { index };
    items.get(usize::try_from(index).ok()?)
}

/// Where the bracket that was opened is closed, quotes aside.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, ']') => return Some(at),
            _ => {}
        }
    }
    None
}

/// A field name up to the next dot or bracket; `\.` is a dot in it.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, text.get(at..).unwrap_or_default()),
            _ => name.push(c),
        }
    }
    (name, "")
}

fn bracket(text: &str) -> Result<Step, String> {
    let text = text.trim();
    if text == "*" {
        return Ok(Step::All);
    }
    if let Some(condition) = text.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        return filter(condition);
    }
    if let Some(name) = quoted(text) {
        return Ok(Step::Field(name.to_owned()));
    }
    text.parse()
        .map(Step::Element)
        .map_err(|_| format!("the path has [{text}], expected [N], [*], ['NAME'] or [?(@.NAME==\"VALUE\")]"))
}

fn filter(condition: &str) -> Result<Step, String> {
    let (left, right, equal) = match (condition.split_once("=="), condition.split_once("!=")) {
        (Some((left, right)), _) => (left, right, true),
        (None, Some((left, right))) => (left, right, false),
        _ => return Err(format!("the filter {condition} has neither == nor !=")),
    };
    let fields = left
        .trim()
        .strip_prefix("@.")
        .ok_or_else(|| format!("the filter {condition} does not begin with @."))?;
    let right = right.trim();
    Ok(Step::Where {
        fields: fields.split('.').map(str::to_owned).collect(),
        equal,
        value: quoted(right).unwrap_or(right).to_owned(),
    })
}

fn quoted(text: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(path: &str) -> Vec<String> {
        let document = json!({"metadata": {"labels": {"app.kubernetes.io/name": "web"}}, "status": {
            "parts": [{"name": "a", "at": {"port": 1}}, {"name": "b", "at": {"port": 2}}]}});
        let path = JsonPath::parse(path).unwrap();
        path.find(&document).into_iter().map(ToString::to_string).collect()
    }

    #[test]
    fn fields_elements_and_filters_are_followed() {
        assert_eq!(found(".status.parts[0].name"), ["\"a\""]);
        assert_eq!(found("status.parts[-1].at.port"), ["2"]);
        assert_eq!(found(".status.parts[*].name"), ["\"a\"", "\"b\""]);
        assert_eq!(found(".status.parts[?(@.at.port==2)].name"), ["\"b\""]);
        assert_eq!(found(".status.parts[?(@.name!='a')].name"), ["\"b\""]);
        assert_eq!(found(r".metadata.labels.app\.kubernetes\.io/name"), ["\"web\""]);
        assert_eq!(found(".metadata.labels['app.kubernetes.io/name']"), ["\"web\""]);
        assert!(found(".status.parts[7].name").is_empty());
        assert!(found(".status.none.at.all").is_empty());
    }

    #[test]
    fn other_forms_are_refused() {
        for path in ["", ".status..x", ".status[?(@.a>1)]", ".status[x]", ".data.password", ".status.parts[0"]
        {
            assert!(JsonPath::parse(path).is_err(), "{path}");
        }
    }
}
