//! Durations as Go writes them, because kubectl's flags take them: `1h5m`, `1.5s`, `300ms`.

use std::fmt::Write as _;
use std::time::Duration;

/// The units, longest spelling first where one begins another, with their length in nanoseconds.
const UNITS: &[(&str, u128)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Longer than any pipeline runs; keeps sums of durations far from overflow.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads a duration. The error is a fragment that says what was expected.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err("empty; expected a duration such as 90s or 5m".to_owned());
    }
    if text.starts_with('-') {
        return Err("a duration cannot be negative".to_owned());
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(format!("the unit is missing; write {text}s for seconds or {text}m for minutes"));
    }
    let mut nanoseconds: u128 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let Some((_, length)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(unknown_unit(text, unit));
        };
        let part = scale(number, *length).ok_or_else(|| {
            format!(
                "{number:?} before {unit:?} is not a number; expected a duration such as 1h5m, 90s or 1.5s"
            )
        })?;
        nanoseconds = nanoseconds.saturating_add(part);
        rest = after;
    }
    let duration = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
    if duration > LONGEST { Err("longer than a year".to_owned()) } else { Ok(duration) }
}

fn unknown_unit(text: &str, unit: &str) -> String {
    match unit {
        "" => format!("the last number of {text:?} has no unit; expected a duration such as 1h5m or 90s"),
        "d" | "day" | "days" => "days are not a unit; write hours: 1d is 24h".to_owned(),
        unit if !text.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            format!("{unit:?} is not a duration; expected one such as 1h5m, 90s or 1.5s")
        }
        unit => format!("{unit:?} is not a unit; the units are h, m, s and ms"),
    }
}

/// `number` units of that length, in nanoseconds; digits beyond a nanosecond are dropped.
fn scale(number: &str, length: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let mut total = u128::from(whole).saturating_mul(length);
    let mut place = length;
    for digit in fraction.chars() {
        place /= 10;
        total = total.saturating_add(u128::from(digit.to_digit(10)?) * place);
    }
    Some(total)
}

/// Whole seconds as Go prints them, without empty parts: `4m50s`, `5m`, `1h5m`.
pub(crate) fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let mut text = String::new();
    for (count, unit) in [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")] {
        if count > 0 {
            let _ = write!(text, "{count}{unit}");
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_read() {
        for (text, milliseconds) in [
            ("0", 0),
            ("0s", 0),
            ("300ms", 300),
            ("1.5s", 1_500),
            (".5s", 500),
            ("1.s", 1_000),
            ("90s", 90_000),
            ("5m", 300_000),
            ("5m30s", 330_000),
            ("1h5m", 3_900_000),
            ("1.5h", 5_400_000),
            ("1h0m0.25s", 3_600_250),
            ("1000000us", 1_000),
            ("1000µs", 1),
            ("1000μs", 1),
            ("5000000ns", 5),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_fix() {
        for (text, hint) in [
            ("", "such as 90s"),
            ("90", "90s for seconds or 90m for minutes"),
            ("1.5", "1.5s for seconds"),
            ("-5s", "negative"),
            ("5m30", "no unit"),
            ("5 m", "not a unit"),
            ("5M", "h, m, s and ms"),
            ("5min", "h, m, s and ms"),
            ("7d", "24h"),
            ("soon", "\"soon\" is not a duration"),
            ("1.2.3s", "not a number"),
            (".s", "not a number"),
            ("9999999h", "longer than a year"),
            ("99999999999999999999s", "not a number"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(hint), "{text:?}: {error}");
        }
    }

    #[test]
    fn short_durations_have_no_empty_parts() {
        for (seconds, text) in
            [(0, "0s"), (50, "50s"), (290, "4m50s"), (300, "5m"), (3900, "1h5m"), (3601, "1h1s")]
        {
            assert_eq!(short(Duration::from_secs(seconds)), text);
        }
    }
}
