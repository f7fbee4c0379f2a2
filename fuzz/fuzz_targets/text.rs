#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rollout_guard::fuzzing::text(data));
