//! Kubernetes quantities: `100Mi`, `0.5`, `250m`, `5368709120`.

use std::fmt;

use serde::Deserialize;

/// A quantity as it was written, and its value. Two quantities are equal when they were written alike.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Quantity {
    text: String,
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Quantity;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity such as 100Mi")
            }
            fn visit_str<E>(self, value: &str) -> Result<Quantity, E> {
                Ok(Quantity::new(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Quantity, E> {
                Ok(Quantity::new(&value.to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Quantity, E> {
                Ok(Quantity::new(&value.to_string()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Quantity, E> {
                Ok(Quantity::new(&value.to_string()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Quantity {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The value in the base unit (bytes, cores, pieces), or nothing if the text is no quantity.
    ///
    /// Grammar of k8s.io/apimachinery `resource.Quantity`: a decimal number and a suffix of
    /// `n u m "" k M G T P E`, `Ki Mi Gi Ti Pi Ei`, or `e`/`E` with an exponent.
    pub(crate) fn value(&self) -> Option<f64> {
        let text = self.text.trim();
        let end =
            text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(text.len());
        let (number, suffix) = text.split_at_checked(end)?;
        let number: f64 = number.parse().ok()?;
        let factor = match suffix {
            "" => 1.0,
            "n" => 1e-9,
            "u" => 1e-6,
            "m" => 1e-3,
            "k" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            "T" => 1e12,
            "P" => 1e15,
            "E" => 1e18,
            "Ki" => 1024.0,
            "Mi" => 1_048_576.0,
            "Gi" => 1_073_741_824.0,
            "Ti" => 1_099_511_627_776.0,
            "Pi" => 1_125_899_906_842_624.0,
            "Ei" => 1_152_921_504_606_846_976.0,
            exponent => {
                let digits = exponent.strip_prefix(['e', 'E'])?;
                10_f64.powi(digits.parse().ok()?)
            }
        };
        Some(number * factor)
    }

    /// As written, and for a bare number of bytes also in a readable unit: `5368709120 (5Gi)`.
    pub(crate) fn human(&self) -> String {
        let bare = !self.text.is_empty() && self.text.bytes().all(|byte| byte.is_ascii_digit());
        match self.value() {
            Some(value) if bare && value >= 1024.0 => format!("{} ({})", self.text, human_bytes(value)),
            _ => self.text.clone(),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Bytes in the largest binary unit, with at most one decimal: `5Gi`, `1.5Mi`, `512`.
pub(crate) fn human_bytes(bytes: f64) -> String {
    let mut value = bytes;
    let mut unit = "";
    for next in ["Ki", "Mi", "Gi", "Ti", "Pi"] {
        if value.abs() < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    let rounded = (value * 10.0).round() / 10.0;
    if rounded.fract() == 0.0 { format!("{rounded:.0}{unit}") } else { format!("{rounded:.1}{unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suffix_has_its_value() {
        for (text, value) in [
            ("100Mi", 104_857_600.0),
            ("5Gi", 5_368_709_120.0),
            ("128m", 0.128),
            ("2", 2.0),
            ("1e3", 1000.0),
            ("1E", 1e18),
            ("0.5", 0.5),
            ("3k", 3000.0),
        ] {
            assert_eq!(Quantity::new(text).value(), Some(value), "{text}");
        }
        assert_eq!(Quantity::new("lots").value(), None);
        assert_eq!(Quantity::new("").value(), None);
    }

    #[test]
    fn bare_bytes_are_shown_in_both_forms() {
        assert_eq!(Quantity::new("5368709120").human(), "5368709120 (5Gi)");
        assert_eq!(Quantity::new("5Gi").human(), "5Gi");
        assert_eq!(human_bytes(1_572_864.0), "1.5Mi");
        assert_eq!(human_bytes(512.0), "512");
    }
}
