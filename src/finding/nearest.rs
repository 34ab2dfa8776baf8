//! Finds the known word that somebody who mistyped it probably meant.

/// Words longer than this are not compared: nothing that bearward knows is as long, and the cost is their product.
const LONGEST: usize = 64;

/// The word of `known` that is nearest to `word`: the same but for case, or one letter away, or two of at least six. The
/// first of equally near ones; `None` if none is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let allowed = (word.chars().count() / 3).clamp(1, 2);
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?`, or nothing.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// How many letters must be put in, taken out, exchanged for others, or swapped with their neighbour (the optimal string
/// alignment distance).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut previous_letter = None;
    for letter in left.chars() {
        let mut row = vec![last.first().map_or(0, |first| first + 1)];
        let mut previous_other = None;
        for (column, other) in right.iter().enumerate() {
            let at = |cells: &[usize], column: usize| cells.get(column).copied().unwrap_or(usize::MAX - 1);
            let exchanged = at(&last, column) + usize::from(letter != *other);
            let mut best = exchanged.min(at(&last, column + 1) + 1).min(at(&row, column) + 1);
            if previous_letter == Some(*other) && previous_other == Some(letter) && !before.is_empty() {
                best = best.min(at(&before, column.saturating_sub(1)) + 1);
            }
            row.push(best);
            previous_other = Some(*other);
        }
        before = std::mem::replace(&mut last, row);
        previous_letter = Some(letter);
    }
    last.last().copied().unwrap_or(usize::MAX)
}
