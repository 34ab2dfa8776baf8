//! What may have been meant by a name that is not there.

/// The one of `known` that is fewest changes away from `name`; none if every one is more than two away, or as many as
/// the name has letters.
pub(super) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let known = known.into_iter().map(|known| (changes(name, known), known));
    let (changes, known) = known.min_by_key(|(changes, _)| *changes)?;
    (changes <= 2 && changes < name.len()).then_some(known)
}

/// How many letters must be added, taken out or replaced to make one of the other (Levenshtein), case not counted.
fn changes(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (place, letter) in from.bytes().enumerate() {
        let mut diagonal = place;
        let mut left = place + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, other) in row.iter_mut().skip(1).zip(to.bytes()) {
            let replaced = diagonal + usize::from(!letter.eq_ignore_ascii_case(&other));
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}
