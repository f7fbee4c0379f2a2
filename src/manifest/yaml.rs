//! Manifests in YAML: documents and lists, within a budget that stops alias bombs.

use serde::Deserialize;
use serde_saphyr::{Spanned, budget, options};

use super::object::{Meta, Object};
use crate::error::Error;

/// Far more than a manifest of 32 MiB has.
const MOST_NODES: usize = 4_000_000;
const MOST_DOCUMENTS: usize = 20_000;
/// The deepest definitions of custom resources have about 60 levels.
const DEEPEST: usize = 200;
/// Nodes that all aliases together may stand for.
const MOST_REPLAYED: usize = 200_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    api_version: Option<String>,
    kind: Option<String>,
    metadata: Option<Meta>,
    items: Option<Vec<Spanned<Self>>>,
}

/// The objects of a text, those in lists included.
pub(super) fn objects(shown: &str, text: &str) -> Result<Vec<Object>, Error> {
    let mut options = options! {
        budget: budget! {
            max_nodes: MOST_NODES,
            max_events: 2 * MOST_NODES,
            max_documents: MOST_DOCUMENTS,
            max_depth: DEEPEST,
        },
        // A snippet would quote the manifest, and that may be a Secret.
        with_snippet: false,
    };
    options.alias_limits.max_total_replayed_events = MOST_REPLAYED;
    let documents: Vec<Spanned<Option<Body>>> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| broken(shown, text, &error))?;
    let mut objects = Vec::new();
    for document in documents {
        let line = document.referenced.line();
        if let Some(body) = document.value {
            collect(body, line, &mut objects);
        }
    }
    Ok(objects)
}

fn collect(body: Body, line: u64, objects: &mut Vec<Object>) {
    let Body { api_version, kind, metadata, items } = body;
    let kind = kind.unwrap_or_default();
    if kind.ends_with("List")
        && let Some(items) = items
    {
        for item in items {
            let line = item.referenced.line();
            collect(item.value, line, objects);
        }
        return;
    }
    objects.push(Object {
        api_version: api_version.unwrap_or_default(),
        kind,
        metadata: metadata.unwrap_or_default(),
        line,
    });
}

/// What to look at, by the parser's words for the fault.
fn syntax(words: &str) -> &'static str {
    const KNOWN: &[(&str, &str)] = &[
        ("tabs disallowed", "indent with spaces, not with tabs"),
        ("unclosed quote", "the quote that begins there is never closed"),
        (
            "mapping values are not allowed",
            "a text with ': ' in it needs quotes, or the line is indented wrongly",
        ),
        ("quoted scalar", "in double quotes a backslash begins an escape; single quotes take it as it is"),
    ];
    let known = KNOWN.iter().find(|(part, _)| words.contains(part));
    known.map_or("that line, or the one above it, may be indented wrongly", |(_, hint)| hint)
}

/// The parser's own words may quote the text, so only the place of the fault and its sort are told.
fn broken(shown: &str, text: &str, error: &serde_saphyr::Error) -> Error {
    use serde_saphyr::Error as Fault;
    let place = error
        .location()
        .filter(|at| at.line() > 0)
        .map_or_else(|| shown.to_owned(), |at| format!("{shown}:{}:{}", at.line(), at.column()));
    let mut cause = error.without_snippet();
    while let Fault::AliasError { error, .. } = cause {
        cause = error.without_snippet();
    }
    let (what, hint) = match cause {
        Fault::Budget { .. }
        | Fault::AliasReplayLimitExceeded { .. }
        | Fault::AliasExpansionLimitExceeded { .. }
        | Fault::AliasReplayStackDepthExceeded { .. }
        | Fault::AliasReplayCounterOverflow { .. } => (
            "larger than a manifest can be once its aliases are filled in",
            "name only the files that hold workloads, or name the targets: deploy/NAME",
        ),
        Fault::DuplicateMappingKey { .. } => ("a key is given twice", "keep one of the two"),
        Fault::UnknownAnchor { .. } => {
            ("an alias (*name) without its anchor (&name)", "define the anchor before it")
        }
        Fault::Unexpected { .. }
        | Fault::SerdeInvalidType { .. }
        | Fault::SerdeInvalidValue { .. }
        | Fault::InvalidScalar { .. } => (
            "not a Kubernetes object",
            "an object has the texts apiVersion and kind, and metadata with a name",
        ),
        other => ("not valid YAML", syntax(&other.to_string())),
    };
    let hint = if text.contains("{{") {
        "it looks like a template; pipe what it renders: helm template … | rollout-guard wait -f -"
    } else {
        hint
    };
    Error::config(format!("{place}: {what}")).hint(hint)
}
