//! What is wrong with an image name that the runtime cannot read.

/// One fault of a name, most telling first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameFault {
    /// A clause: `"S" is upper case, and a repository name must be lower case`.
    pub(super) what: String,
    /// What to do; a sentence.
    pub(super) help: String,
    /// The name as it was probably meant, where that can be told.
    pub(super) meant: Option<String>,
    /// A variable of a template was not filled in.
    pub(super) unexpanded: bool,
}

/// Finds the fault.
pub(super) fn fault(image: &str) -> NameFault {
    let plain = |what: String, help: &str, meant: Option<String>| NameFault {
        what,
        help: help.to_owned(),
        meant,
        unexpanded: false,
    };
    if let Some(variable) = unexpanded(image) {
        return NameFault {
            what: format!("\"{variable}\" was not replaced by its value"),
            help: format!(
                "The step that renders the manifest left \"{variable}\" as it is: set the variable there, and run the step that \
                 substitutes it before the manifest is applied."
            ),
            meant: None,
            unexpanded: true,
        };
    }
    if let Some((scheme, rest)) = image.split_once("://") {
        return plain(
            format!("\"{scheme}://\" does not belong in an image name"),
            "Write the registry's host without a scheme.",
            Some(rest.to_owned()),
        );
    }
    if let Some(blank) = image.chars().find(|c| c.is_whitespace()) {
        let shown =
            if blank == ' ' { "a space".to_owned() } else { format!("the blank {}", blank.escape_default()) };
        return plain(
            format!("it contains {shown} at position {}", position(image, blank)),
            "Remove the blank; it often comes from a variable with a line end or from a YAML line break.",
            Some(image.chars().filter(|c| !c.is_whitespace()).collect()),
        );
    }
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    if let Some(digest) = digest {
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() != 64 || !hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')) {
            return plain(
                format!("\"{digest}\" is not a digest"),
                "A digest is sha256: followed by 64 digits of 0-9 and a-f; it may have been cut off or left empty by the pipeline.",
                None,
            );
        }
    }
    if name.ends_with(':') {
        return plain(
            "the tag after \":\" is empty".to_owned(),
            "The variable that holds the tag was empty when the manifest was rendered: set it, or write the tag.",
            None,
        );
    }
    if name.contains("::") {
        return plain(
            "it contains \"::\"".to_owned(),
            "Write one colon before the tag; the variable that holds the tag may begin with a colon of its own.",
            Some(image.replace("::", ":")),
        );
    }
    let (repository, tag) = match name.rsplit_once(':') {
        Some((before, after)) if !after.contains('/') => (before, Some(after)),
        _ => (name, None),
    };
    // The registry's host may have upper case letters; the repository may not.
    let path_start = repository
        .find('/')
        .filter(|at| repository.split_at(*at).0.contains(['.', ':']) || repository.starts_with("localhost/"));
    let (host, path) = path_start.map_or(("", repository), |at| repository.split_at(at));
    if let Some(upper) = path.chars().find(char::is_ascii_uppercase) {
        let lower = format!("{host}{}{}", path.to_lowercase(), name.strip_prefix(repository).unwrap_or(""));
        let meant = digest.map_or_else(|| lower.clone(), |digest| format!("{lower}@{digest}"));
        return plain(
            format!("\"{upper}\" is upper case, and a repository name must be lower case"),
            "Write the repository in lower case; a name taken from a Git repository or branch often has upper case letters.",
            Some(meant),
        );
    }
    if repository.is_empty()
        || repository.ends_with('/')
        || repository.starts_with('/')
        || repository.contains("//")
    {
        return plain(
            "a part of the repository name is empty".to_owned(),
            "A variable that holds the registry or the repository was empty when the manifest was rendered.",
            None,
        );
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
    if let Some(bad) = path.chars().find(|c| !allowed(*c)) {
        return plain(
            format!(
                "{} at position {} is not allowed in a repository name",
                quoted(bad),
                position(image, bad)
            ),
            "A repository name has lower case letters, digits and single separators (. _ - /).",
            None,
        );
    }
    let tag_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if let Some(tag) = tag {
        if let Some(bad) = tag.chars().find(|c| !tag_allowed(*c)) {
            return plain(
                format!("{} at position {} is not allowed in a tag", quoted(bad), position(image, bad)),
                "A tag has letters, digits, and . _ - after the first character; a branch name with a slash or a version with + must \
                 be rewritten.",
                Some(image.chars().map(|c| if c == '+' { '-' } else { c }).collect()).filter(|_| bad == '+'),
            );
        }
        if tag.starts_with(['.', '-']) {
            return plain(
                "the tag begins with a separator".to_owned(),
                "A tag begins with a letter, a digit or an underscore; the variable in front of the separator may have been empty.",
                None,
            );
        }
        if tag.len() > 128 {
            return plain(
                format!("the tag has {} characters", tag.len()),
                "A tag has at most 128 characters.",
                None,
            );
        }
    }
    plain(
        "the runtime cannot read it".to_owned(),
        "An image is written as REGISTRY/REPOSITORY:TAG, the repository in lower case, without a scheme and without blanks.",
        None,
    )
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
