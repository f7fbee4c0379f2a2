//! What is wrong with an image name that the runtime cannot read.

/// One fault of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameFault {
    /// A clause: `"S" is upper case, and a repository name must be lower case`.
    pub(super) what: String,
    /// What to do; a sentence.
    pub(super) help: String,
    /// The name as it was probably meant, where that can be told.
    pub(super) meant: Option<String>,
}

impl NameFault {
    fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into(), meant: None }
    }

    fn meant(mut self, name: String) -> Self {
        self.meant = Some(name);
        self
    }
}

/// Finds the fault, the most telling one where there are several.
pub(super) fn fault(image: &str) -> NameFault {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let (repository, tag) = match name.rsplit_once(':') {
        Some((before, after)) if !after.contains('/') => (before, Some(after)),
        _ => (name, None),
    };
    unreplaced(image)
        .or_else(|| scheme(image))
        .or_else(|| blank(image))
        .or_else(|| bad_digest(digest?))
        .or_else(|| colons(image, name))
        .or_else(|| bad_repository(image, repository))
        .or_else(|| bad_tag(image, tag?))
        .unwrap_or_else(|| {
            NameFault::new(
                "the runtime cannot read it",
                "An image is written as REGISTRY/REPOSITORY:TAG, the repository in lower case, without a scheme and \
                 without blanks.",
            )
        })
}

fn unreplaced(image: &str) -> Option<NameFault> {
    let variable = unexpanded(image)?;
    Some(NameFault::new(
        format!("\"{variable}\" was not replaced by its value"),
        format!(
            "The step that renders the manifest left \"{variable}\" as it is: set the variable there, and run the step \
             that substitutes it before the manifest is applied."
        ),
    ))
}

fn scheme(image: &str) -> Option<NameFault> {
    let (scheme, rest) = image.split_once("://")?;
    let what = format!("\"{scheme}://\" does not belong in an image name");
    Some(NameFault::new(what, "Write the registry's host without a scheme.").meant(rest.to_owned()))
}

fn blank(image: &str) -> Option<NameFault> {
    let blank = image.chars().find(|c| c.is_whitespace())?;
    let shown = match blank {
        ' ' => "a space".to_owned(),
        other => format!("the blank {}", other.escape_default()),
    };
    let what = format!("it contains {shown} at position {}", position(image, blank));
    let help = "Remove the blank; it often comes from a variable with a line end or from a YAML line break.";
    Some(NameFault::new(what, help).meant(image.chars().filter(|c| !c.is_whitespace()).collect()))
}

fn bad_digest(digest: &str) -> Option<NameFault> {
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    let well = hex.len() == 64 && hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    (!well).then(|| {
        NameFault::new(
            format!("\"{digest}\" is not a digest"),
            "A digest is sha256: followed by 64 digits of 0-9 and a-f; it may have been cut off or left empty by the \
             pipeline.",
        )
    })
}

fn colons(image: &str, name: &str) -> Option<NameFault> {
    if name.ends_with(':') {
        return Some(NameFault::new(
            "the tag after \":\" is empty",
            "The variable that holds the tag was empty when the manifest was rendered: set it, or write the tag.",
        ));
    }
    let help =
        "Write one colon before the tag; the variable that holds the tag may begin with a colon of its own.";
    name.contains("::").then(|| NameFault::new("it contains \"::\"", help).meant(image.replace("::", ":")))
}

fn bad_repository(image: &str, repository: &str) -> Option<NameFault> {
    if repository.is_empty()
        || repository.starts_with('/')
        || repository.ends_with('/')
        || repository.contains("//")
    {
        return Some(NameFault::new(
            "a part of the repository name is empty",
            "A variable that holds the registry or the repository was empty when the manifest was rendered.",
        ));
    }
    // The registry's host may have upper case letters; the repository may not.
    let host_end = repository
        .find('/')
        .filter(|at| repository.split_at(*at).0.contains(['.', ':']) || repository.starts_with("localhost/"));
    let (host, path) = host_end.map_or(("", repository), |at| repository.split_at(at));
    if let Some(upper) = path.chars().find(char::is_ascii_uppercase) {
        let version = image.strip_prefix(repository).unwrap_or_default();
        let help = "Write the repository in lower case; a name taken from a Git repository or branch often has upper \
                    case letters.";
        return Some(
            NameFault::new(
                format!("\"{upper}\" is upper case, and a repository name must be lower case"),
                help,
            )
            .meant(format!("{host}{}{version}", path.to_lowercase())),
        );
    }
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(*c);
    let bad = path.chars().find(|c| !allowed(c))?;
    Some(NameFault::new(
        format!("{} at position {} is not allowed in a repository name", quoted(bad), position(image, bad)),
        "A repository name has lower case letters, digits and single separators (. _ - /).",
    ))
}

fn bad_tag(image: &str, tag: &str) -> Option<NameFault> {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
    if let Some(bad) = tag.chars().find(|c| !allowed(c)) {
        let fault = NameFault::new(
            format!("{} at position {} is not allowed in a tag", quoted(bad), position(image, bad)),
            "A tag has letters, digits, and . _ - after the first character; a branch name with a slash or a version \
             with + must be rewritten.",
        );
        return Some(if bad == '+' { fault.meant(image.replace('+', "-")) } else { fault });
    }
    if tag.starts_with(['.', '-']) {
        return Some(NameFault::new(
            "the tag begins with a separator",
            "A tag begins with a letter, a digit or an underscore; the variable in front of the separator may have been \
             empty.",
        ));
    }
    (tag.len() > 128).then(|| {
        NameFault::new(format!("the tag has {} characters", tag.len()), "A tag has at most 128 characters.")
    })
}

/// The part of a template language that stands in the name: `${TAG}`, `$TAG`, `{{ .Values.tag }}`, `<tag>`, `%TAG%`.
fn unexpanded(image: &str) -> Option<String> {
    for (open, close) in [("${", "}"), ("$(", ")"), ("{{", "}}"), ("<", ">"), ("@@", "@@"), ("__", "__")] {
        let Some((_, rest)) = image.split_once(open) else { continue };
        match rest.split_once(close) {
            // Double underscores are allowed in a name.
            Some(("", _)) if open == "__" => {}
            Some((inner, _)) if open != "__" || inner.chars().all(|c| c.is_ascii_uppercase() || c == '_') => {
                return Some(format!("{open}{inner}{close}"));
            }
            None if open.starts_with(['$', '{']) => return Some(format!("{open}{rest}")),
            _ => {}
        }
    }
    let (_, rest) = image.split_once('$')?;
    let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    Some(format!("${name}"))
}

/// Counted from 1.
fn position(image: &str, wanted: char) -> usize {
    image.chars().position(|c| c == wanted).map_or(0, |at| at + 1)
}

fn quoted(c: char) -> String {
    if c.is_ascii_graphic() { format!("\"{c}\"") } else { format!("the character {}", c.escape_unicode()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_named_with_the_character_that_is_wrong() {
        for (image, what) in [
            ("localhost:15000/Shop/Web:1", "\"S\" is upper case, and a repository name must be lower case"),
            ("localhost:15000/shop/web:${TAG}", "\"${TAG}\" was not replaced by its value"),
            ("localhost:15000/shop/web:$TAG", "\"$TAG\" was not replaced by its value"),
            ("shop/web:{{ .Values.tag }}", "\"{{ .Values.tag }}\" was not replaced by its value"),
            ("shop/web:<tag>", "\"<tag>\" was not replaced by its value"),
            ("localhost:15000/shop/web:", "the tag after \":\" is empty"),
            ("localhost:15000/shop/web::1", "it contains \"::\""),
            ("https://localhost:15000/shop/web:1", "\"https://\" does not belong in an image name"),
            ("localhost:15000/shop/we b:1", "it contains a space at position 24"),
            ("registry.example//web:1", "a part of the repository name is empty"),
            ("/web:1", "a part of the repository name is empty"),
            ("shop/web:1.0+build", "\"+\" at position 13 is not allowed in a tag"),
            ("shop/web:-1", "the tag begins with a separator"),
            ("shop/web@sha256:123", "\"sha256:123\" is not a digest"),
            ("shop/wéb:1", "the character \\u{e9} at position 7 is not allowed in a repository name"),
        ] {
            assert_eq!(fault(image).what, what, "{image}");
        }
    }

    #[test]
    fn the_name_that_was_meant_is_given_where_it_can_be_told() {
        assert_eq!(fault("reg.Example:5000/Shop/Web:V1").meant.unwrap(), "reg.Example:5000/shop/web:V1");
        assert_eq!(fault("Nginx:1").meant.unwrap(), "nginx:1");
        assert_eq!(fault("https://a.example/b:1").meant.unwrap(), "a.example/b:1");
        assert_eq!(fault("a/b::1").meant.unwrap(), "a/b:1");
        assert_eq!(fault("a/b:${TAG}").meant, None);
    }
}
