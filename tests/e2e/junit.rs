//! What a consumer of JUnit files sees of ours.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

#[derive(Debug, Default)]
pub(crate) struct Suites {
    pub(crate) tests: String,
    pub(crate) failures: String,
    pub(crate) errors: String,
    pub(crate) cases: Vec<TestCase>,
}

#[derive(Debug, Default)]
pub(crate) struct TestCase {
    pub(crate) class_name: String,
    pub(crate) name: String,
    /// `failure`, `error` or `skipped` with its type and its text.
    pub(crate) outcomes: Vec<(String, String, String)>,
}

/// Reads the whole file with a parser that is not the one that wrote it.
pub(crate) fn parse(xml: &str) -> Result<Suites, String> {
    let mut reader = Reader::from_str(xml);
    let mut suites = Suites::default();
    let mut open: Vec<String> = Vec::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                begin(&start, &mut suites)?;
                open.push(name_of(&start));
            }
            Event::Empty(start) => begin(&start, &mut suites)?,
            Event::End(_) => drop(open.pop()),
            Event::Text(text) => {
                let text = text.decode().map_err(|error| error.to_string())?;
                let outcome = suites.cases.last_mut().and_then(|case| case.outcomes.last_mut());
                let inside = open.last().map(String::as_str);
                if let (Some(outcome), Some("failure" | "error")) = (outcome, inside) {
                    outcome.2.push_str(&text);
                }
            }
            Event::Eof if open.is_empty() => return Ok(suites),
            Event::Eof => return Err(format!("ends inside {open:?}")),
            _ => {}
        }
    }
}

fn begin(start: &BytesStart<'_>, suites: &mut Suites) -> Result<(), String> {
    match name_of(start).as_str() {
        "testsuites" => {
            suites.tests = attribute(start, "tests")?;
            suites.failures = attribute(start, "failures")?;
            suites.errors = attribute(start, "errors")?;
        }
        "testcase" => suites.cases.push(TestCase {
            class_name: attribute(start, "classname")?,
            name: attribute(start, "name")?,
            outcomes: Vec::new(),
        }),
        kind @ ("failure" | "error" | "skipped") => {
            let case = suites.cases.last_mut().ok_or("an outcome outside a testcase")?;
            case.outcomes.push((kind.to_owned(), attribute(start, "type")?, String::new()));
        }
        _ => {}
    }
    Ok(())
}

fn name_of(start: &BytesStart<'_>) -> String {
    String::from_utf8_lossy(start.name().as_ref()).into_owned()
}

/// The attribute, empty where it is absent.
fn attribute(start: &BytesStart<'_>, name: &str) -> Result<String, String> {
    let found = start.try_get_attribute(name).map_err(|error| error.to_string())?;
    found.map_or(Ok(String::new()), |attribute| Ok(String::from_utf8_lossy(&attribute.value).into_owned()))
}
