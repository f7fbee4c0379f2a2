//! What holds for every input, generated from the pieces an attacker would use.

use proptest::prelude::*;

use super::oracle;

/// Texts made of hostile pieces, ordinary pieces and arbitrary characters.
pub(crate) fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "##[error]",
            "##",
            "#",
            "##vso[",
            "##teamcity[",
            "::",
            ":",
            "::set-output name=a::",
            "[[ATTACHMENT|",
            "[",
            "[[PROPERTY|",
            "SPINNAKER_PROPERTY_x=",
            "SPINNAKER",
            "_",
            "section_start:1:a\r\u{1b}[0K",
            "section",
            "start:",
            "$",
            "$NAME",
            "${NAME}",
            "$(name)",
            "%",
            "%NAME%",
            "\u{1b}",
            "\u{1b}[",
            "\u{1b}]0;",
            "\u{7}",
            "\u{9b}",
            "\u{9c}",
            "\u{1b}\\",
            "\u{1b}P",
            "\r",
            "\n",
            "\r\n",
            "\t",
            " ",
            "\0",
            "\u{8}",
            "\u{7f}",
            "\u{85}",
            "\u{202e}",
            "\u{2066}",
            "\u{200b}",
            "\u{200d}",
            "\u{2028}",
            "\u{fffe}",
            "\u{ffff}",
            "]]>",
            "<a b='",
            "&amp;",
            "&#0;",
            "\"",
            "-----BEGIN PRIVATE KEY-----",
            "-----END PRIVATE KEY-----",
            "password=",
            "token",
            "https://a:b@c",
            "eyJhbGciOiJIUzI1NiJ9.",
            "[redacted]",
            "sha256:",
            "@",
            "://",
            "Bearer ",
            "Authorization:",
            "AKIAIOSFODNN7EXAMPLE",
            "日本",
            "word",
            "1",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
        "[ -~]{0,6}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_line_commands_controls_or_hides(text in hostile()) {
        oracle::lines_are_plain(&text);
    }

    #[test]
    fn encoding_twice_is_encoding_once(text in hostile()) {
        oracle::twice_is_once(&text);
    }

    #[test]
    fn no_text_around_a_secret_shows_it(text in hostile()) {
        oracle::secrets_are_gone(&text);
    }

    #[test]
    fn a_reader_of_each_grammar_gets_back_what_was_written(text in hostile()) {
        oracle::values_read_back(&text);
    }

    #[test]
    fn an_xml_reader_gets_back_what_was_written(text in hostile()) {
        oracle::xml_reads_back(&text);
    }
}
