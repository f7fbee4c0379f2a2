//! What holds for every report, whatever the cluster and its applications say.

use proptest::prelude::*;

use super::sample::kitchen_sink_of;
use super::{junit, oracle};
use crate::untrusted::oracle::REDACTOR;
use crate::untrusted::properties::hostile;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_changes_what_a_reader_finds(text in hostile()) {
        oracle::documents(&text);
    }

    #[test]
    fn no_text_adds_a_case_or_spoils_the_document(text in hostile()) {
        let xml = junit(&kitchen_sink_of(&text), &REDACTOR);
        let read = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        let names = |suite: &quick_junit::TestSuite| -> Vec<String> {
            suite.test_cases.iter().map(|case| case.name.as_str().to_owned()).collect()
        };
        prop_assert_eq!(read.test_suites.iter().flat_map(names).collect::<Vec<_>>(), ["web", "worker"]);
        prop_assert!(!xml.contains("[[ATTACHMENT|") && !xml.contains("[[PROPERTY|"));
    }
}
