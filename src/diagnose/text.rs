//! Small helpers for the sentences of findings.

/// The candidates nearest to a name that does not exist, nearest first, at most five.
///
/// Near means: equal after folding case and `-_.`, or an edit distance (with transpositions) of at most 2, or 3
/// for names of more than ten characters.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let folded = fold(name);
    let limit = if name.chars().count() > 10 { 3 } else { 2 };
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .filter_map(|candidate| {
            let distance = if fold(candidate) == folded { 0 } else { distance(&fold(candidate), &folded) };
            (distance <= limit && distance < name.chars().count()).then_some((distance, candidate))
        })
        .collect();
    near.sort_unstable();
    near.into_iter().map(|(_, candidate)| candidate).take(5).collect()
}

fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | '.')).flat_map(char::to_lowercase).collect()
}

/// Edit distance with transpositions of neighbours (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    let mut last_a = None;
    for (i, ca) in a.chars().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, cb) in b.iter().enumerate() {
            let get = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (get(&previous, j) + usize::from(ca != *cb))
                .min(get(&previous, j + 1) + 1)
                .min(get(&row, j) + 1);
            let before_b = j.checked_sub(1).and_then(|k| b.get(k));
            if last_a == Some(*cb) && before_b == Some(&ca) {
                best = best.min(get(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut previous, row);
        last_a = Some(ca);
    }
    previous.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_in_order() {
        assert_eq!(nearest("app-cfg", ["app-config", "app-cgf", "app_cfg", "other"]), ["app_cfg", "app-cgf"]);
        assert_eq!(nearest("DB_HOTS", ["DB_HOST", "DB_PORT"]), ["DB_HOST"]);
        assert!(nearest("a", ["b"]).is_empty());
    }
}
