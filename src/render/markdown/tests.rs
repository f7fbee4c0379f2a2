use proptest::prelude::*;

use super::*;
use crate::render::oracle::{self, structure};
use crate::render::sample::{
    cause, ended_by_an_error, kitchen_sink, kitchen_sink_of, placeholder, redactor, report, target,
};
use crate::untrusted::oracle::REDACTOR;
use crate::untrusted::properties::hostile;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_text_adds_structure_to_the_page(text in hostile()) {
        // A word that is never left out as empty.
        let read = structure(&markdown(&kitchen_sink_of(&format!("a{text}b")), &REDACTOR));
        prop_assert_eq!(read, structure(&markdown(&kitchen_sink_of("plain"), &REDACTOR)));
    }

    #[test]
    fn a_reader_gets_back_what_was_written(text in hostile()) {
        oracle::a_sentence_reads_back(&text);
    }

    #[test]
    fn a_block_holds_its_text_and_nothing_else(text in hostile()) {
        oracle::a_block_reads_back(&text);
    }
}

#[test]
fn a_page_reads_in_the_order_of_the_terminal() {
    let mut web = target("web", VerdictName::Failed, "image-not-found", 55.0);
    let mut root = cause("image-not-found", "image shop/web:1.4.l does not exist");
    root.help = vec!["Push the tag.".to_owned()];
    root.commands = vec!["kubectl -n shop rollout undo deployment/web".to_owned()];
    root.evidence = vec![Evidence::Absence { what: "the tag 1.4.l".to_owned() }];
    web.causes = vec![root];
    web.impact.summary = "3 old pods still serve".to_owned();
    let expected = "\
## `deployment/web` failed after 55s

**`image-not-found`**: image `shop/web:1.4.l` does not exist

Seen at `Pod shop/web-7c9d5f6b8-x2x4z`, 1 of 1 new pod

<details><summary>What shows it</summary>

absent: the tag `1.4.l`

</details>

- Push the tag.

```sh
kubectl -n shop rollout undo deployment/web
```

**Impact:** 3 old pods still serve

More about this cause: `rollout-guard explain image-not-found`

";
    assert_eq!(markdown(&report(VerdictName::Failed, 1, vec![web]), &redactor()), expected);
}

#[test]
fn failures_come_first_and_the_page_stays_below_what_github_takes() {
    let targets = (0..3000).map(|n| {
        let mut one = target(
            &format!("w{n}"),
            if n < 1500 { VerdictName::Complete } else { VerdictName::Failed },
            "x",
            9.0,
        );
        let mut root = cause("container-crashing", "it dies");
        root.evidence = vec![Evidence::Log {
            object: "Pod a/b".to_owned(),
            container: "app".to_owned(),
            previous: true,
            lines: vec!["x".repeat(1500); 40],
        }];
        one.causes = vec![root];
        one
    });
    let page = markdown(&report(VerdictName::Failed, 1, targets.collect()), &redactor());
    assert!(page.len() <= LIMIT, "{}", page.len());
    assert!(page.starts_with("## 1500 of 3000 rollouts complete after 9s\n"));
    assert!(page.contains("more are not shown here; the JSON report has them"));
    assert!(page.find("w1500").unwrap() < page.find("2500 more rollouts").unwrap());
    assert!(!page.contains("`deployment/w3`"));
}

#[test]
fn secrets_are_hidden_and_a_placeholder_has_no_verdict() {
    assert!(!markdown(&kitchen_sink(), &redactor()).contains("hunter2"));
    let text = placeholder_markdown(&ended_by_an_error(), &redactor());
    assert!(text.contains("`<b>502</b>`") && text.contains("grant the verb list"), "{text}");
    let text = placeholder_markdown(&placeholder(&[("shop", "web")]), &redactor());
    assert!(text.contains("No verdict") && text.contains("- `deployment/web` in `shop`"), "{text}");
}
