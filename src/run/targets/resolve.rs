//! From the types of targets as they were named to the kinds that they are.

use tokio::time::Instant;

use crate::cli::{TypeName, unknown_type};
use crate::diagnose::nearest;
use crate::error::{Error, ErrorKind};
use crate::model::{Kind, KindName};
use crate::source::{DiscoveryError, Live};

/// The kind that a type stands for. Only a type that we have no rules for is looked up.
///
/// # Errors
/// The server has no such type, or does not say.
pub(super) async fn kind(name: &TypeName, live: &Live, ends: Instant) -> Result<Kind, Error> {
    match name {
        TypeName::Known(kind) => Ok(*kind),
        TypeName::Other(name) => discovered(name, live, ends).await,
    }
}

async fn discovered(name: &KindName, live: &Live, ends: Instant) -> Result<Kind, Error> {
    let kind = live.discover(name, ends).await.map_err(|error| not_discovered(name, error))?;
    // By another of its names, what is refused offline.
    match TypeName::parse(kind.command_word())? {
        TypeName::Known(known) if kind.api_version() == known.api_version() => Ok(known),
        _ => Ok(kind),
    }
}

fn not_discovered(name: &KindName, error: DiscoveryError) -> Error {
    let written = &name.written;
    match error {
        DiscoveryError::Unknown { names } => {
            let unknown = unknown_type(written);
            let ours = unknown.hints.iter().any(|hint| hint.starts_with("did you mean"));
            let near = nearest(&name.name, names.iter().map(String::as_str));
            match near.first() {
                Some(near) if !ours => {
                    let error = Error::usage(unknown.message);
                    error.hint(format!(
                        "did you mean {near}? `kubectl api-resources` lists what the server has"
                    ))
                }
                _ => unknown.hint("`kubectl api-resources` lists what the server has"),
            }
        }
        DiscoveryError::Unwatchable { kind } => {
            Error::usage(format!("cannot gate a {kind}: the server does not let it be watched"))
                .hint("name an object whose state can be read and watched")
        }
        DiscoveryError::Unanswered { message } => {
            Error::new(ErrorKind::Cluster, format!("cannot look up the type {written:?}: {message}"))
                .hint("types such as deploy, sts, ds and job need no lookup")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_type_is_answered_with_the_nearest_that_is_known_here_or_there() {
        let unknown = |written: &str| {
            let names = vec!["certificate".to_owned(), "widget".to_owned()];
            not_discovered(&KindName::new(written), DiscoveryError::Unknown { names })
        };
        assert_eq!(unknown("deplyo").hints[0], "did you mean deploy?");
        assert!(unknown("certifcate").hints[0].starts_with("did you mean certificate?"));
        assert!(unknown("zzz").hints.iter().any(|hint| hint.contains("kubectl api-resources")));
    }
}
