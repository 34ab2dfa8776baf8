//! Did you mean? Finds the name that somebody may have wanted to write.

/// The candidate nearest to `written`, if one is so near that it was probably meant: at most one edit in three
/// characters, and at most two in all.
pub(super) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (written.chars().count() / 3).clamp(1, 2);
    let distances = candidates.into_iter().filter(|name| *name != written).map(|name| (distance(written, name), name));
    distances.filter(|(distance, _)| *distance <= limit).min().map(|(_, name)| name)
}

/// `; did you mean …?`, or nothing.
pub(super) fn hint<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(written, candidates).map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// How many characters have to be put in, taken out or replaced (Levenshtein), or swapped with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    let mut previous = None;
    for (row, character) in one.chars().enumerate() {
        let mut current = vec![row.saturating_add(1)];
        for (column, candidate) in other.iter().enumerate() {
            let at = |line: &[usize], place: usize| line.get(place).copied().unwrap_or(usize::MAX);
            let replaced = at(&above, column).saturating_add(usize::from(character != *candidate));
            let removed = at(&above, column + 1).saturating_add(1);
            let added = at(&current, column).saturating_add(1);
            let left = column.checked_sub(1);
            let swapped = match left {
                Some(left) if previous == Some(*candidate) && other.get(left) == Some(&character) => {
                    at(&before, left).saturating_add(1)
                }
                Some(_) | None => usize::MAX,
            };
            current.push(replaced.min(removed).min(added).min(swapped));
        }
        previous = Some(character);
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn only_a_name_that_was_probably_meant_is_proposed() {
        let names = ["partners", "internal", "api"];
        for (written, found) in [
            ("partner", Some("partners")),
            ("patrners", Some("partners")),
            ("parntesr", Some("partners")),
            ("partners", None),
            ("customers", None),
            ("apo", Some("api")),
            ("b", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, names), found, "{written}");
        }
    }

    #[test]
    fn a_swap_is_one_edit() {
        for (one, other, edits) in [("", "", 0), ("ab", "ba", 1), ("abc", "", 3), ("kitten", "sitting", 3)] {
            assert_eq!(distance(one, other), edits, "{one} {other}");
            assert_eq!(distance(other, one), edits, "{other} {one}");
        }
    }
}
