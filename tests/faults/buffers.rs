//! F4, F11: what stands in between holds answers back, or answers itself.

use std::time::Duration;

use crate::server::{React, Request};
use crate::stage::{Run, Stage};
use crate::story::completing;
use crate::{Fault, staged};

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        staged(
            "f04_headers_never_released",
            "a proxy never lets the header of a watch through",
            || {
                Stage::new(
                    completing(500, |request| watches(request, React::Silence)).without_streamed_lists(),
                )
            },
            60,
            0,
            over_soon,
        ),
        staged(
            "f04_held_body",
            "a proxy holds the body of each watch back until 4 KiB of it are together",
            || Stage::new(completing(500, |request| watches(request, React::Held(4096)))),
            60,
            0,
            over_soon,
        ),
        staged(
            "f11_garbage_to_the_end",
            "a page of a balancer on every connection, to the deadline",
            || Stage::new(completing(500, |_| React::Answer(502, "Bad Gateway", page()))),
            6,
            4,
            short_quotes,
        ),
        staged(
            "f11_garbage_with_success",
            "the same page with code 200, to the deadline",
            || Stage::new(completing(500, |_| React::Answer(200, "OK", page()))),
            6,
            4,
            short_quotes,
        ),
        staged(
            "f11_gzip_that_nobody_asked_for",
            "every answer is compressed, to the deadline",
            || Stage::new(completing(500, |_| React::Raw(compressed()))),
            6,
            4,
            short_quotes,
        ),
    ]
}

fn watches(request: &Request, reaction: React) -> React {
    if request.is_watch() { reaction } else { React::Serve }
}

/// Streams that stay open do not hold up the end.
fn over_soon(run: &Run, _: &Stage) {
    let verdict = Duration::from_secs_f64(run.report["durationSeconds"].as_f64().unwrap_or_default());
    let after = run.took.saturating_sub(verdict);
    assert!(after < Duration::from_secs(3), "{after:?} after the verdict");
}

fn page() -> String {
    format!("<html><head><title>502</title></head><body>{}SECOND-HALF</body></html>", "x".repeat(400))
}

/// A member of gzip with one stored block, which is nothing that can be shown.
fn compressed() -> Vec<u8> {
    let block: Vec<u8> = (0..=255).cycle().take(1024).collect();
    let member = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 0, 4, 0xff, 0xfb][..], &block].concat();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        member.len()
    );
    [head.as_bytes(), &member].concat()
}

/// Of an answer that is none of the API's, at most 200 bytes are shown, and none that acts.
fn short_quotes(run: &Run, _: &Stage) {
    let everything = run.everything();
    assert!(!everything.contains("SECOND-HALF") && !everything.contains(&"x".repeat(200)), "{everything}");
    let said = [&run.stdout, &run.stderr].map(|text| text.chars().find(|c| c.is_control() && *c != '\n'));
    assert_eq!(said, [None, None], "{everything}");
    assert!(!everything.contains('\u{fffd}'), "bytes that are no text were quoted: {everything}");
    assert_eq!(run.report["verdict"], "indeterminate");
}
