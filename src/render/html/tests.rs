use super::*;
use crate::render::sample::{
    cause, ended_by_an_error, kitchen_sink, kitchen_sink_of, placeholder, pod, redactor, report, target,
};
use crate::report::{PodState, Replicas, TimelineEntry};

/// Element names and their attributes, in order, read by a reader that is not the writer.
fn elements(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    use quick_xml::events::Event;
    // The page is XML too, apart from its document type, its void elements and its style sheet.
    let (before, rest) = page.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let text = format!("{before}{after}").replace("<!doctype html>", "").replace("<br>", "<br/>");
    let text: String = text
        .lines()
        .map(|line| match line.strip_prefix("<meta ") {
            Some(meta) => format!("<meta {}/>\n", meta.trim_end_matches('>')),
            None => format!("{line}\n"),
        })
        .collect();
    let mut reader = quick_xml::Reader::from_str(&text);
    let mut found = Vec::new();
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} in {text}")) {
            Event::Eof => return found,
            Event::Start(tag) | Event::Empty(tag) => {
                let name = String::from_utf8(tag.name().as_ref().to_vec()).unwrap();
                let attributes = tag.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
                    (key, String::from_utf8(attribute.value.to_vec()).unwrap())
                });
                found.push((name, attributes.collect()));
            }
            _ => {}
        }
    }
}

fn names(page: &str) -> Vec<String> {
    elements(page).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn the_policy_names_the_hash_of_the_style_sheet() {
    let hash = ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes());
    let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash);
    assert!(CSP.contains(&format!("'sha256-{hash}'")), "the style sheet has the hash {hash}");
    assert!(html(&kitchen_sink(), &redactor()).contains(CSP));
}

#[test]
fn hostile_text_adds_no_element_and_no_attribute() {
    let plain = names(&html(&kitchen_sink_of("plain"), &redactor()));
    let page = html(&kitchen_sink(), &redactor());
    assert_eq!(names(&page), plain);
    assert!(!page.contains("hunter2"));
}

#[test]
fn nothing_is_loaded_and_nothing_runs() {
    let page = html(&kitchen_sink(), &redactor());
    for (name, attributes) in elements(&page) {
        assert!(
            !["script", "link", "img", "iframe", "object", "form", "base", "use", "image"]
                .contains(&name.as_str()),
            "{name}"
        );
        for (key, value) in attributes {
            assert!(!key.starts_with("on") && key != "src" && key != "style", "{name} {key}");
            assert!(key != "href" || value.starts_with('#'), "{name} {key}={value}");
        }
    }
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
}

#[test]
fn every_reference_inside_the_page_has_its_place() {
    let page = html(&kitchen_sink(), &redactor());
    let all = elements(&page);
    let values = |wanted: &str| -> Vec<String> {
        let attributes = all.iter().flat_map(|(_, attributes)| attributes);
        attributes.filter(|(key, _)| key == wanted).map(|(_, value)| value.clone()).collect()
    };
    let ids = values("id");
    let referred = values("href").into_iter().map(|href| href.trim_start_matches('#').to_owned());
    for id in referred.chain(values("aria-labelledby")) {
        assert_eq!(ids.iter().filter(|known| **known == id).count(), 1, "{id}");
    }
    assert!(!ids.is_empty());
}

#[test]
fn headings_go_down_one_level_at_a_time() {
    for report in [kitchen_sink(), one(VerdictName::Failed)] {
        let mut last = 0;
        for name in names(&html(&report, &redactor())) {
            let Some(level) = name.strip_prefix('h').and_then(|level| level.parse::<u8>().ok()) else {
                continue;
            };
            assert!(level <= last + 1, "h{level} after h{last}");
            last = level;
        }
        assert!(last > 1);
    }
}

fn one(verdict: VerdictName) -> Report {
    let mut web = target("web", verdict, "image-not-found", 55.0);
    web.causes = vec![cause("image-not-found", "image web:1.4.l does not exist")];
    let replicas = |at: f64, updated: i64, ready: i64, old: i64| TimelineEntry {
        at,
        kind: "replicas".to_owned(),
        subject: "deployment/web".to_owned(),
        what: String::new(),
        replicas: Some(Replicas { desired: 3, updated, ready, available: ready, old }),
    };
    web.timeline = vec![replicas(0.0, 0, 0, 3), replicas(11.0, 1, 0, 3)];
    let mut broken = pod("web-1", "ContainerCreating", 0);
    broken.states.push(PodState { at: 27.5, state: "ErrImagePull".to_owned() });
    web.pods = vec![broken];
    report(verdict, 1, vec![web])
}

#[test]
fn what_is_wrong_stands_before_what_shows_it_and_the_verdict_in_the_title() {
    let page = html(&one(VerdictName::Failed), &redactor());
    assert!(page.contains("<title>deployment/web failed after 55s · rollout-guard</title>"), "{page}");
    let headline = page.find("<h2>image web:1.4.l does not exist</h2>").unwrap();
    assert!(headline < page.find("How it went").unwrap());
}

#[test]
fn the_drawing_has_the_times_of_the_report() {
    let page = html(&one(VerdictName::Failed), &redactor());
    // From 11 s of 55 s on one of four is updated: a fifth of the width, a quarter of the 120 pixels.
    assert!(
        page.contains(
            "class=\"upd\" fill=\"#f0cf86\" x=\"20.000%\" y=\"108.0\" width=\"80.000%\" height=\"30.0\""
        ),
        "{page}"
    );
    // The pod fails from the half on.
    assert!(
        page.contains(
            "<rect class=\"fail\" fill=\"#d0443b\" x=\"50.000%\" y=\"0\" width=\"50.000%\" height=\"14\""
        ),
        "{page}"
    );
    assert!(page.contains("x1=\"100.000%\"") && page.contains(">failed after 55s</text>"), "{page}");
}

#[test]
fn one_look_has_no_drawing_but_its_pods() {
    let mut instant = one(VerdictName::Failed);
    for target in &mut instant.targets {
        target.duration_seconds = 0.1;
        target.timeline.retain(|entry| entry.at < 0.1);
        target.pods.iter_mut().for_each(|pod| pod.states.truncate(1));
    }
    let page = html(&instant, &redactor());
    assert!(!page.contains("<svg") && page.contains("web-1"), "{page}");
}

#[test]
fn of_many_pods_those_in_trouble_are_open_and_the_others_folded() {
    let mut many = one(VerdictName::Failed);
    let pods =
        (0..200).map(|n| pod(&format!("web-{n:03}"), if n == 150 { "CrashLoopBackOff" } else { "Ready" }, 0));
    many.targets[0].pods = pods.collect();
    many.targets[0].pods_omitted = 7;
    let page = html(&many, &redactor());
    let folded = page.find("<summary>199 more pods</summary>").expect("a fold");
    assert!(page.find("web-150").unwrap() < folded && page.find("web-100").unwrap() > folded);
    assert!(page.len() < 300_000, "{}", page.len());
}

#[test]
fn a_placeholder_says_that_nothing_was_judged() {
    let page = placeholder_html(&ended_by_an_error(), &redactor());
    assert!(page.contains("&lt;b&gt;502") && page.contains("grant the verb list"), "{page}");
    let page = placeholder_html(&placeholder(&[("shop", "web")]), &redactor());
    assert!(page.contains("ended before it had a verdict") && page.contains("Deployment shop/web"), "{page}");
    assert!(!page.contains(">complete<"));
}
