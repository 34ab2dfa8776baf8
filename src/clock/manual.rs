//! The hand-driven clock: time that stands still until a test moves it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::{Tick, UnixTime};

/// A clock that stands still until it is moved. Wall and monotonic time move together, but the wall clock alone can be
/// set, as an operator or NTP would.
#[derive(Debug)]
pub struct ManualClock {
    wall: Mutex<UnixTime>,
    tick: watch::Sender<Tick>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn new(now: UnixTime) -> Self {
        Self { wall: Mutex::new(now), tick: watch::Sender::new(Tick::default()) }
    }

    /// Moves both times on and wakes every sleeper whose time has come.
    pub fn advance(&self, duration: Duration) {
        {
            let mut wall = self.wall.lock().unwrap_or_else(PoisonError::into_inner);
            *wall = wall.plus(duration);
        }
        self.tick.send_modify(|tick| *tick = *tick + duration);
    }

    /// Sets the wall clock and leaves the monotonic one alone.
    pub fn set_wall(&self, now: UnixTime) {
        *self.wall.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    pub(super) fn now(&self) -> UnixTime {
        *self.wall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tick(&self) -> Tick {
        *self.tick.borrow()
    }

    pub(super) fn sleep(self: Arc<Self>, duration: Duration) -> impl Future<Output = ()> + Send {
        let end = self.tick() + duration;
        self.sleep_until(end)
    }

    pub(super) fn sleep_until(self: Arc<Self>, end: Tick) -> impl Future<Output = ()> + Send {
        let mut ticks = self.tick.subscribe();
        async move {
            // The sender lives as long as `self`, which this future keeps: waiting cannot fail.
            let _clock = self;
            let _ = ticks.wait_for(|tick| *tick >= end).await;
        }
    }
}
