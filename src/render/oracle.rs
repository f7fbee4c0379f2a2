//! What every document promises of every text that the cluster may put into it: a reader that is not the writer finds
//! what we wrote and nothing else. Used by the properties of the renderers and by fuzzing.
#![expect(clippy::panic, clippy::unwrap_used, reason = "test code; clippy knows it only by its plain form")]

use std::sync::LazyLock;

use pulldown_cmark::{Event, Options, Parser, Tag};
use quick_xml::events::Event as XmlEvent;
use regex::Regex;

use super::ci::runner;
use super::sample::kitchen_sink_of;
use super::style::Look;
use super::{CiHost, CiLog, ci_log, html, json, junit, markdown, terminal};
use crate::report::Report;
use crate::untrusted::Untrusted;
use crate::untrusted::oracle::REDACTOR;

/// What ends a part of a log that holds no commands; nobody can have guessed it.
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Commands of CI systems in a printed line. After wrapping, a line may begin with an address (`::1`), which is
/// none.
static COMMANDS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)##(?:\[|[a-z])|^\s*::[a-z]|\[\[[a-z]+\||SPINNAKER_").unwrap());

/// Beginnings of lines that only we write; what follows two cells is a place or a piece of evidence.
static OURS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:error\[|warning\[|also\[|help: |note: |impact: |try:|  \S|deployment/)").unwrap()
});

/// What GitHub makes a link of in plain text, and a colon word that it makes a picture of.
static LINKS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:https?|ftp)://|\bwww\.|(?:^|[^\w`])@\w|#[0-9]|\bgh-[0-9]|:[a-z0-9_+-]+:").unwrap()
});

/// The structures of a harmless report, found once.
struct Plain {
    xml: Vec<String>,
    markdown: Vec<String>,
    html_marks: usize,
    commands: Vec<String>,
    our_lines: usize,
}

static PLAIN: LazyLock<Plain> = LazyLock::new(|| {
    let report = kitchen_sink_of("a plain b");
    let shown = terminal(&report, &Look::plain(&REDACTOR));
    Plain {
        xml: xml_structure(&junit(&report, &REDACTOR)),
        markdown: structure(&markdown(&report, &REDACTOR)),
        html_marks: marks(&html(&report, &REDACTOR)),
        commands: commands(&report, &shown),
        our_lines: our_lines(&shown),
    }
});

/// Everything that the documents promise.
pub(crate) fn documents(text: &str) {
    // Words at both ends: an empty text is left out, with its place.
    let report = kitchen_sink_of(&format!("a {text} b"));
    let shown = terminal(&report, &Look::plain(&REDACTOR));
    terminal_is_ours(&shown);
    assert!(our_lines(&shown) <= PLAIN.our_lines, "{shown}");
    let xml = junit(&report, &REDACTOR);
    assert_eq!(xml_structure(&xml), PLAIN.xml, "{xml}");
    let page = markdown(&report, &REDACTOR);
    assert_eq!(structure(&page), PLAIN.markdown, "{page}");
    no_links(&page);
    assert_eq!(marks(&html(&report, &REDACTOR)), PLAIN.html_marks);
    assert_eq!(commands(&report, &shown), PLAIN.commands);
    let document = json(&report, &REDACTOR);
    let read: Report = serde_json::from_str(&document).unwrap();
    assert_eq!(json(&read, &REDACTOR), document);
    a_sentence_reads_back(text);
    a_block_reads_back(text);
}

/// No line of the terminal acts, commands, or has a control character.
fn terminal_is_ours(shown: &str) {
    for line in shown.lines() {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(!COMMANDS.is_match(line), "{line:?}");
    }
}

/// Lines that begin as only ours do.
fn our_lines(shown: &str) -> usize {
    shown.lines().filter(|line| OURS.is_match(line)).count()
}

fn marks(page: &str) -> usize {
    page.matches(['<', '>']).count()
}

/// The elements of a document with the names of their attributes, as a reader finds them. Every text in it must be
/// readable.
fn xml_structure(xml: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut found = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            XmlEvent::Start(element) | XmlEvent::Empty(element) => {
                let mut names = vec![String::from_utf8(element.name().as_ref().to_vec()).unwrap()];
                for attribute in element.attributes() {
                    let attribute = attribute.unwrap();
                    let value = String::from_utf8(attribute.value.to_vec()).unwrap();
                    is_xml(&quick_xml::escape::unescape(&value).unwrap());
                    names.push(String::from_utf8(attribute.key.as_ref().to_vec()).unwrap());
                }
                found.push(names.join(" "));
            }
            XmlEvent::Text(text) => is_xml(&text.decode().unwrap()),
            XmlEvent::GeneralRef(reference) => is_xml(&reference.decode().unwrap()),
            XmlEvent::End(_) | XmlEvent::Decl(_) => {}
            XmlEvent::Eof => return found,
            event => panic!("{event:?} in {xml}"),
        }
    }
}

/// XML 1.0, production 2.
fn is_xml(text: &str) {
    let is = |c: char| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}');
    assert!(text.chars().all(is), "{text:?}");
}

/// The structure that a reader of Markdown finds: every start, without the texts.
pub(super) fn structure(text: &str) -> Vec<String> {
    reader(text)
        .filter_map(|event| match event {
            Event::Start(tag) => Some(format!("{tag:?}")),
            Event::Html(html) | Event::InlineHtml(html) => Some(format!("html {}", html.trim())),
            Event::FootnoteReference(_)
            | Event::TaskListMarker(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::Rule => Some(format!("{event:?}")),
            Event::End(_) | Event::Text(_) | Event::Code(_) | Event::SoftBreak | Event::HardBreak => None,
        })
        .collect()
}

fn reader(text: &str) -> Parser<'_> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_GFM
        | Options::ENABLE_MATH;
    Parser::new_ext(text, options)
}

/// Outside of code nothing becomes a link, a mention, a reference or a picture.
fn no_links(page: &str) {
    let (mut text, mut in_block) = (String::new(), false);
    for event in reader(page) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_block = true,
            Event::Text(words) if !in_block => text.push_str(&words),
            Event::Code(_) => text.push('`'),
            Event::End(end) => {
                in_block &= !matches!(end, pulldown_cmark::TagEnd::CodeBlock);
                text.push('\n');
            }
            _ => {}
        }
    }
    assert!(!LINKS.is_match(&text), "{:?} in {text}", LINKS.find(&text));
}

/// A sentence is text and code, and says what the terminal says.
pub(super) fn a_sentence_reads_back(text: &str) {
    let shown = Untrusted::new(text).for_terminal(&REDACTOR);
    let written = Untrusted::new(text).for_markdown(&REDACTOR);
    let mut read = String::new();
    for event in reader(&written) {
        match event {
            Event::Text(text) | Event::Code(text) => read.push_str(&text),
            Event::Start(Tag::Paragraph) | Event::End(_) => {}
            event => panic!("{event:?} in {written}"),
        }
    }
    let shown = shown.replace('|', "∣");
    assert_eq!(read.trim(), shown.trim(), "{written}");
}

/// A block is code that ends where its text ends.
pub(super) fn a_block_reads_back(text: &str) {
    let shown = Untrusted::new(text).for_terminal_lines(&REDACTOR).join("\n");
    let written = Untrusted::new(text).for_markdown_block("text", &REDACTOR) + "\nafter\n";
    let events: Vec<Event<'_>> = reader(&written).collect();
    assert!(matches!(events.first(), Some(Event::Start(Tag::CodeBlock(_)))), "{written}");
    let inside = events.iter().skip(1).map_while(|event| match event {
        Event::Text(text) => Some(text.to_string()),
        _ => None,
    });
    let inside: String = inside.collect();
    assert_eq!(inside.trim_end(), shown.trim_end());
    let is_after = matches!(events.iter().nth_back(1), Some(Event::Text(text)) if &**text == "after");
    assert!(is_after, "{written}");
}

/// What GitHub's runner would do, also if it had never been told to stop; nothing that another system knows may be
/// in it.
fn commands(report: &Report, shown: &str) -> Vec<String> {
    let log = CiLog {
        host: CiHost::GitHub,
        token: TOKEN,
        clock: 1_790_000_000,
        junit: Some("/r.xml"),
        markdown: Some("/r.md"),
        redactor: &REDACTOR,
    };
    let log = ci_log(report, shown, &log);
    let executed = runner::executes(&log).into_iter().map(|(name, ..)| name);
    let read = log.lines().filter_map(runner::reads).map(|(name, ..)| format!("read {name}"));
    executed.chain(read).collect()
}
