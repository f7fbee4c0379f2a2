//! The flags that say which rollout is meant, and the reading of their values.

use clap::Args;

use super::help;
use crate::policy::{Expectations, Expected};

/// What the rollout must be.
#[derive(Debug, Args)]
pub(crate) struct ExpectArguments {
    /// Fail unless the pod template has this image (repeatable)
    ///
    /// Without a container, any container may have it. Every target must. A wait may begin before the image is
    /// applied: it has the tolerance of a cause, 15 seconds times --patience, to appear.
    #[arg(long, value_name = "[CONTAINER=]IMAGE", value_parser = parse_image, help_heading = help::JUDGEMENT)]
    pub(crate) expect_image: Vec<Expected>,
    /// Fail unless the pods run the image with this digest (repeatable)
    ///
    /// The digest that a push prints and that a registry gives for the tag. It tells a tag that was moved from what
    /// the pods run.
    #[arg(long, value_name = "[CONTAINER=]sha256:HEX", value_parser = parse_digest, help_heading = help::JUDGEMENT)]
    pub(crate) expect_digest: Vec<Expected>,
    /// Judge only the spec of this metadata.generation
    ///
    /// Waits while the target is at a lower one; one that is higher at the first look ends with exit code 6. Every
    /// change of the spec counts, a scaling too: beside an autoscaler use --revision.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..), help_heading = help::JUDGEMENT)]
    pub(crate) generation: Option<i64>,
    /// Judge only the rollout of this revision, as `kubectl rollout history` counts them
    ///
    /// Waits while the target is at a lower one; a higher one ends with exit code 6.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..), help_heading = help::JUDGEMENT)]
    pub(crate) revision: Option<i64>,
}

impl ExpectArguments {
    pub(crate) fn into_expectations(self) -> Expectations {
        Expectations {
            images: self.expect_image,
            digests: self.expect_digest,
            generation: self.generation,
            revision: self.revision,
        }
    }
}

/// `IMAGE` or `CONTAINER=IMAGE`; no image reference has a `=`.
pub(super) fn parse_image(text: &str) -> Result<Expected, String> {
    let expected = split(text)?;
    let value = &expected.value;
    if value.is_empty() {
        return Err("no image; is a variable unset?".to_owned());
    }
    if value.ends_with([':', '/', '@']) || value.chars().any(char::is_whitespace) {
        return Err(
            "expected an image such as registry.example/shop/web:1.2; is a variable unset?".to_owned()
        );
    }
    Ok(expected)
}

/// `sha256:HEX` or `CONTAINER=sha256:HEX`; a whole `IMAGE@sha256:HEX`, as a push prints it, is its digest.
pub(super) fn parse_digest(text: &str) -> Result<Expected, String> {
    let Expected { container, value } = split(text)?;
    let digest = value.rsplit_once('@').map_or(value.as_str(), |(_, digest)| digest);
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if hex.len() != 64 || !hex.bytes().all(is_hex) {
        return Err("expected sha256: and 64 hexadecimal digits, in lower case".to_owned());
    }
    Ok(Expected { container, value: digest.to_owned() })
}

fn split(text: &str) -> Result<Expected, String> {
    let Some((container, value)) = text.split_once('=') else {
        return Ok(Expected { container: None, value: text.to_owned() });
    };
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if container.is_empty() || !container.bytes().all(fits) {
        return Err(format!("{container:?} before the = cannot be the name of a container"));
    }
    Ok(Expected { container: Some(container.to_owned()), value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_stands_before_the_equals_sign() {
        let of = |container: Option<&str>, value: &str| Expected {
            container: container.map(str::to_owned),
            value: value.to_owned(),
        };
        assert_eq!(parse_image("web:1.2"), Ok(of(None, "web:1.2")));
        assert_eq!(parse_image("app=r.example:5000/web:1.2"), Ok(of(Some("app"), "r.example:5000/web:1.2")));
        for wrong in ["", "app=", "web:", "app=web:", "App=web:1", "=web:1", "web 1"] {
            assert!(parse_image(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_digest_is_whole_and_may_stand_behind_its_image() {
        let hex = "0a".repeat(32);
        let expected = Expected { container: Some("app".to_owned()), value: format!("sha256:{hex}") };
        assert_eq!(parse_digest(&format!("app=sha256:{hex}")), Ok(expected.clone()));
        assert_eq!(parse_digest(&format!("app=r.example/web@sha256:{hex}")), Ok(expected));
        for wrong in ["", "sha256:", "sha256:abc", &format!("sha256:{}", "G".repeat(64)), &hex] {
            assert!(parse_digest(wrong).is_err(), "{wrong}");
        }
    }
}
