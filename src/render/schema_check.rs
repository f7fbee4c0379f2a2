//! A check of JSON against the part of JSON Schema that `report.v1.json` uses. Stricter than the schema says: a
//! field that the schema does not describe is an error, so that none is added without being described.

use serde_json::{Map, Value};

const KEYWORDS: &[&str] = &[
    "$schema",
    "$defs",
    "$ref",
    "title",
    "description",
    "type",
    "required",
    "properties",
    "items",
    "enum",
    "const",
    "oneOf",
    "minimum",
    "maximum",
    "maxItems",
];

/// What is wrong, with the place; empty if nothing is.
pub(super) fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let schema = schema.as_object().unwrap();
    for keyword in schema.keys() {
        assert!(KEYWORDS.contains(&keyword.as_str()), "this check does not know the keyword {keyword}");
    }
    if let Some(target) = schema.get("$ref") {
        let pointer = target.as_str().unwrap().strip_prefix('#').unwrap();
        check(root, root.pointer(pointer).unwrap(), value, at, found);
    }
    if let Some(choices) = schema.get("oneOf") {
        let matching = choices.as_array().unwrap().iter().filter(|choice| {
            let mut inner = Vec::new();
            check(root, choice, value, at, &mut inner);
            inner.is_empty()
        });
        let matching = matching.count();
        if matching != 1 {
            found.push(format!("{at}: matches {matching} of the choices"));
        }
    }
    if schema.get("type").is_some_and(|types| !is_of_type(types, value)) {
        found.push(format!("{at}: has not the type {}", schema["type"]));
    }
    if schema.get("const").is_some_and(|expected| expected != value) {
        found.push(format!("{at}: is not {}", schema["const"]));
    }
    if schema.get("enum").is_some_and(|allowed| !allowed.as_array().unwrap().contains(value)) {
        found.push(format!("{at}: is not one of {}", schema["enum"]));
    }
    let number = |keyword| schema.get(keyword).and_then(Value::as_f64);
    if number("minimum").is_some_and(|least| value.as_f64() < Some(least))
        || number("maximum").is_some_and(|most| value.as_f64() > Some(most))
    {
        found.push(format!("{at}: is out of range"));
    }
    if let (Some(items), Some(elements)) = (schema.get("items"), value.as_array()) {
        if schema.get("maxItems").and_then(Value::as_u64).is_some_and(|most| elements.len() as u64 > most) {
            found.push(format!("{at}: has too many items"));
        }
        for (n, element) in elements.iter().enumerate() {
            check(root, items, element, &format!("{at}/{n}"), found);
        }
    }
    if let (Some(Value::Object(properties)), Some(fields)) = (schema.get("properties"), value.as_object()) {
        check_fields(root, schema, properties, fields, at, found);
    }
}

fn check_fields(
    root: &Value,
    schema: &Map<String, Value>,
    properties: &Map<String, Value>,
    fields: &Map<String, Value>,
    at: &str,
    found: &mut Vec<String>,
) {
    for name in schema["required"].as_array().unwrap() {
        if !fields.contains_key(name.as_str().unwrap()) {
            found.push(format!("{at}: lacks {name}"));
        }
    }
    for (name, value) in fields {
        match properties.get(name) {
            Some(schema) => check(root, schema, value, &format!("{at}/{name}"), found),
            None => found.push(format!("{at}/{name}: is not described")),
        }
    }
}

fn is_of_type(types: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no such type: {other}"),
    };
    types.as_array().map_or_else(|| is(types), |types| types.iter().any(is))
}
