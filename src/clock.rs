//! Where time comes from: wall and monotonic, and a hand-driven one for tests.
//!
//! Wall time decides what a token says of itself; monotonic time decides how long something took or may take. The two
//! are different types, so that a step of the wall clock can never end a request or keep one alive.

mod manual;

use std::future::Future;
use std::ops::{Add, Sub};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use manual::ManualClock;

/// Wall-clock time: milliseconds since 1970, UTC, without leap seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime {
    millis: i64,
}

impl UnixTime {
    /// The time that is so many milliseconds after 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self { millis }
    }

    /// The time that is so many seconds after 1970; the far future where that overflows.
    pub const fn from_secs(seconds: i64) -> Self {
        Self { millis: seconds.saturating_mul(1_000) }
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> i64 {
        self.millis
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn secs(self) -> i64 {
        self.millis.div_euclid(1_000)
    }

    /// This much later; saturates in the far future.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self { millis: self.millis.saturating_add(saturating_millis(duration)) }
    }

    /// This much earlier; saturates in the far past.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self { millis: self.millis.saturating_sub(saturating_millis(duration)) }
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.millis.saturating_sub(earlier.millis)).unwrap_or(0))
    }
}

fn saturating_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Monotonic time: how long the clock has run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick {
    since_start: Duration,
}

impl Tick {
    /// The tick this long after the clock's start.
    pub const fn from_start(since_start: Duration) -> Self {
        Self { since_start }
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        self.since_start.saturating_sub(earlier.since_start)
    }
}

impl Add<Duration> for Tick {
    type Output = Self;

    /// This much later; saturates in the far future.
    fn add(self, duration: Duration) -> Self {
        Self { since_start: self.since_start.saturating_add(duration) }
    }
}

impl Sub<Duration> for Tick {
    type Output = Self;

    /// This much earlier; saturates at the clock's start.
    fn sub(self, duration: Duration) -> Self {
        Self { since_start: self.since_start.saturating_sub(duration) }
    }
}

/// A source of time: the machine's, or a hand-driven one. Cheap to clone; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    System { start: Instant },
    Manual(Arc<ManualClock>),
}

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place where the monotonic clock is read")]
    pub fn system() -> Self {
        Self { source: Source::System { start: Instant::now() } }
    }

    /// A clock that moves only when told to.
    pub const fn manual(clock: Arc<ManualClock>) -> Self {
        Self { source: Source::Manual(clock) }
    }

    /// Wall-clock time. A machine whose clock stands before 1970 is taken to stand at 1970.
    #[expect(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
    pub fn now(&self) -> UnixTime {
        match &self.source {
            Source::System { .. } => {
                UnixTime { millis: saturating_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()) }
            }
            Source::Manual(clock) => clock.now(),
        }
    }

    /// Monotonic time.
    pub fn tick(&self) -> Tick {
        match &self.source {
            Source::System { start } => Tick { since_start: start.elapsed() },
            Source::Manual(clock) => clock.tick(),
        }
    }

    /// Waits until the monotonic clock has moved on by `duration`.
    pub fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match &self.source {
            Source::System { .. } => Box::pin(tokio::time::sleep(duration)),
            Source::Manual(clock) => Box::pin(Arc::clone(clock).sleep(duration)),
        }
    }

    /// Waits until the monotonic clock shows `end`.
    pub fn sleep_until(&self, end: Tick) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match &self.source {
            Source::System { .. } => Box::pin(tokio::time::sleep(end.since(self.tick()))),
            Source::Manual(clock) => Box::pin(Arc::clone(clock).sleep_until(end)),
        }
    }

    /// The result of `future`, or `None` if it takes longer than `limit`.
    pub async fn timeout<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        let mut sleep = self.sleep(limit);
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| {
            use std::task::Poll;
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            sleep.as_mut().poll(context).map(|()| None)
        })
        .await
    }
}
