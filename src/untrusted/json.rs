//! The encoder for JSON that may be printed.

/// The same document with every character that acts or hides, and one of each command token, as `\u…`.
///
/// Takes the serialised document as a whole: outside of its strings JSON has none of these.
pub(crate) fn for_json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let mut rest = document;
    while let Some(c) = rest.chars().next() {
        let before = out.chars().next_back();
        let token = match c {
            '#' => before == Some('#'),
            // `[[` within a string only: a pretty array has a line break after its bracket.
            '[' => before == Some('['),
            ':' => before == Some(':'),
            '_' => true_name_end(&out),
            _ => false,
        };
        if token || (c != '\n' && super::strip::acts_or_hides(c)) || matches!(c, '\u{2028}' | '\u{2029}') {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
        rest = rest.strip_prefix(c).unwrap_or_default();
    }
    out
}

fn true_name_end(written: &str) -> bool {
    ["SPINNAKER", "section"].iter().any(|name| super::tokens::ends_with_name(written, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_controls_are_escaped_and_nothing_changes() {
        let texts = [
            "##vso[x]",
            "####[x]",
            "[[ATTACHMENT|x]]",
            "::error::x",
            "SPINNAKER_A=1",
            "section_start:1:a",
            "\u{202e}\u{9b}\u{7f}\u{1b}\u{fffe}\u{e0041}\u{2028}",
            "ok: a_b #1 [x]",
        ];
        let document = serde_json::to_string_pretty(&texts).unwrap();
        let encoded = for_json(&document);
        for token in ["##", "[[", "::", "SPINNAKER_", "section_", "\u{202e}", "\u{9b}", "\u{7f}", "\u{e0041}"]
        {
            assert!(!encoded.contains(token), "{token:?} in {encoded}");
        }
        assert_eq!(serde_json::from_str::<Vec<String>>(&encoded).unwrap(), texts);
        assert!(encoded.contains("ok: a_b #1 [x]"));
    }
}
