//! When to try again: delays that grow with failures, shortened at random so that replicas do not march in step.

use std::sync::Arc;
use std::time::Duration;

/// Draws a number, any one as likely as any other. It need not be secret.
pub type Draw = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The first delay after a failure.
const FIRST: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST: Duration = Duration::from_secs(30);

/// Up to a fifth less than `delay`. Never more: what is said to be good for an hour is not used for longer.
pub(super) fn shortened(delay: Duration, draw: &Draw) -> Duration {
    let thousandths = u32::try_from(draw() % 201).unwrap_or(0);
    delay.saturating_sub(delay.saturating_mul(thousandths) / 1_000)
}

/// How long to wait after this many failures in a row: 1 s, doubled each time, to 30 s.
pub(super) fn after_failures(failures: u32, draw: &Draw) -> Duration {
    let doublings = failures.saturating_sub(1).min(5);
    shortened(FIRST.saturating_mul(1 << doublings).min(LONGEST), draw)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Draw, after_failures, shortened};

    #[test]
    fn delays_double_from_one_second_to_thirty() {
        let draw: Draw = Arc::new(|| 0);
        let delays: Vec<_> = [1, 2, 3, 4, 5, 6, 7, u32::MAX].map(|failures| after_failures(failures, &draw)).into();
        assert_eq!(delays, [1, 2, 4, 8, 16, 30, 30, 30].map(Duration::from_secs));
    }

    #[test]
    fn chance_takes_up_to_a_fifth_and_adds_nothing() {
        let minute = Duration::from_mins(1);
        for (drawn, expected) in [(0, 60_000), (100, 54_000), (200, 48_000), (201, 60_000), (u64::MAX, 51_000)] {
            let draw: Draw = Arc::new(move || drawn);
            assert_eq!(shortened(minute, &draw), Duration::from_millis(expected), "{drawn}");
        }
    }
}
