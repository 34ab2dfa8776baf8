//! Arithmetic of rates, quotas and budgets: GCRA, reserve and settle, concurrency. Pure.
//!
//! So far: GCRA, the generic cell rate algorithm (ITU-T I.371, annex A), which holds a rate with a burst in one time per
//! key and needs no timer to refill it.

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::time::Duration;

use crate::clock::Tick;

/// A rate, and how far it may be exceeded at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// From one event to the next at the rate.
    interval: Duration,
    /// How far a cell may be ahead of now: the burst less the one event that is always allowed.
    tolerance: Duration,
}

/// What is remembered of one key: when the next event would be due at the rate. The default is a key that was never
/// seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    due: Tick,
}

impl Rate {
    /// So many events in each `period`, and `burst` of them at once. The interval is rounded down to a nanosecond; spans
    /// beyond what a `Duration` holds saturate.
    pub fn new(events: NonZeroU32, period: Duration, burst: NonZeroU32) -> Self {
        let interval = period / events.get();
        Self { interval, tolerance: interval.saturating_mul(burst.get().saturating_sub(1)) }
    }

    /// How long an event must wait; zero: it may come now.
    pub fn wait(&self, cell: Cell, now: Tick) -> Duration {
        cell.due.since(now).saturating_sub(self.tolerance)
    }

    /// Counts an event, or says how long it must wait. One that must wait is not counted, so that asking too often does
    /// not make the wait longer.
    pub fn take(&self, cell: &mut Cell, now: Tick) -> Result<(), Duration> {
        let wait = self.wait(*cell, now);
        if wait > Duration::ZERO {
            return Err(wait);
        }
        cell.due = cell.due.max(now) + self.interval;
        Ok(())
    }
}
