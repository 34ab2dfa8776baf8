//! Chooses an endpoint: P2C over EWMA, consistent hash, locality, outlier ejection. Pure.
//!
//! So far: the less loaded of two drawn at random (P2C) over requests under way, which keeps the most loaded endpoint
//! within a constant of the mean (Mitzenmacher, 'The Power of Two Choices in Randomized Load Balancing', 2001) and looks
//! at two counters instead of all.

#[cfg(test)]
mod tests;

/// The place, below `count`, of the endpoint to use: of two that `draw` names, the one with the smaller `load`. The one
/// at `avoid`, which just failed, is taken only if there is no other. `None` if there are no endpoints.
pub fn pick(
    count: usize,
    avoid: Option<usize>,
    mut draw: impl FnMut() -> usize,
    load: impl Fn(usize) -> u32,
) -> Option<usize> {
    let last = count.checked_sub(1)?;
    if last == 0 {
        return Some(0);
    }
    let (first, second) = (draw().min(last), draw().min(last));
    let better = if first != second && load(second) < load(first) { second } else { first };
    if Some(better) == avoid { Some(if better == last { 0 } else { better + 1 }) } else { Some(better) }
}
