//! When to try again.

use std::time::Duration;

/// How patient a watch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The first pause after a failure; each further one doubles.
    pub first: Duration,
    /// The longest pause.
    pub most: Duration,
    /// The pause while the API server refuses us for good.
    pub forbidden: Duration,
    /// How long it must have refused us, without a break, to be believed. An API server that starts says 403 for a
    /// moment, before it has read its roles; who believed that would drop every route.
    pub believe: Duration,
    /// How long a list, or the head of a watch, may take.
    pub answer: Duration,
    /// How long a watch may be silent. The API server sends a bookmark each minute.
    pub silence: Duration,
    /// How long one watch lasts before it is taken up again; below 295 s.
    pub lasts: Duration,
}

impl Default for Pace {
    /// 100 ms to 2 s, so that after an outage a change is in force within three; 30 s while forbidden.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            most: Duration::from_secs(2),
            forbidden: Duration::from_secs(30),
            believe: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            silence: Duration::from_secs(90),
            lasts: Duration::from_secs(290),
        }
    }
}

/// Random numbers to spread retries over time. Never for secrets.
#[derive(Debug)]
pub(crate) struct Jitter {
    state: std::sync::atomic::AtomicU64,
}

impl Jitter {
    /// Numbers that follow from `seed`.
    pub(crate) const fn from_seed(seed: u64) -> Self {
        Self { state: std::sync::atomic::AtomicU64::new(seed) }
    }

    /// Any number (`SplitMix64`).
    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.state.fetch_add(STEP, std::sync::atomic::Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Another series of numbers.
    pub(crate) fn split(&self) -> Self {
        Self::from_seed(self.next())
    }

    /// Some duration from half of `whole` up to all of it.
    pub(crate) fn upper_half(&self, whole: Duration) -> Duration {
        let half = whole / 2;
        let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
        half + Duration::from_micros(self.next().checked_rem(micros.saturating_add(1)).unwrap_or(0))
    }
}

/// The pauses of one watch: doubling from the first to the longest, each shortened by up to a half.
#[derive(Debug)]
pub(crate) struct Backoff {
    pace: Pace,
    jitter: Jitter,
    whole: Duration,
}

impl Backoff {
    /// Pauses at this pace.
    pub(crate) const fn new(pace: Pace, jitter: Jitter) -> Self {
        Self { pace, jitter, whole: pace.first }
    }

    /// The pace that it keeps.
    pub(crate) const fn pace(&self) -> &Pace {
        &self.pace
    }

    /// The next pause.
    pub(crate) fn pause(&mut self) -> Duration {
        let whole = self.whole.min(self.pace.most);
        self.whole = whole.saturating_mul(2);
        self.jitter.upper_half(whole)
    }

    /// The pause while forbidden.
    pub(crate) fn forbidden(&self) -> Duration {
        self.jitter.upper_half(self.pace.forbidden) + self.pace.forbidden / 2
    }

    /// All is well again.
    pub(crate) const fn reset(&mut self) {
        self.whole = self.pace.first;
    }
}
