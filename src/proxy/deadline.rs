//! Deadlines of one data thread: cheap to set a hundred thousand times a second, seldom reached.
//!
//! ```text
//! slots:  [ at │ due │ waker ] [ at │ due │ waker ] [ free ] …         one per connection and per waiting request
//! keeper: sleeps until the earliest `at`, at least RESOLUTION, then wakes every slot whose time has come
//! ```
//!
//! Setting a deadline writes one cell, and asking for it reads one: only the keeper looks at the clock. A timer wheel
//! would keep order on every change; here nearly every deadline is moved on before it is reached, so the order is found
//! only when something may be due: one pass over all slots, at most once per [`RESOLUTION`]. A deadline is therefore met
//! up to that much late, and never early.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::{Clock, Tick};

/// How late a deadline may be noticed.
pub(super) const RESOLUTION: Duration = Duration::from_millis(10);

const NEVER: Tick = Tick::from_start(Duration::MAX);

/// All deadlines of one thread.
pub(super) struct Deadlines {
    clock: Clock,
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<usize>>,
    /// When the keeper will look next.
    earliest: Cell<Tick>,
    sooner: Notify,
    /// There is no more time for anything.
    over: Cell<bool>,
}

#[derive(Debug)]
struct Slot {
    at: Tick,
    /// The keeper has seen that the time has come.
    is_due: bool,
    waker: Option<Waker>,
}

impl Slot {
    const UNSET: Self = Self { at: NEVER, is_due: false, waker: None };
}

/// One deadline; bounded by what owns it: a connection or a request.
pub(super) struct Deadline {
    owner: Rc<Deadlines>,
    slot: usize,
}

impl Deadlines {
    /// None so far.
    pub(super) fn new(clock: Clock) -> Rc<Self> {
        Rc::new(Self {
            clock,
            slots: RefCell::default(),
            free: RefCell::default(),
            earliest: Cell::new(NEVER),
            sooner: Notify::new(),
            over: Cell::new(false),
        })
    }

    /// A deadline that is not set.
    pub(super) fn create(self: &Rc<Self>) -> Deadline {
        let slot = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut slots = self.slots.borrow_mut();
            slots.push(Slot::UNSET);
            slots.len() - 1
        });
        Deadline { owner: Rc::clone(self), slot }
    }

    /// Wakes every task that waits on a deadline, due or not: what they look at besides has changed.
    pub(super) fn wake_all(&self) {
        let wakers: Vec<_> = self.slots.borrow_mut().iter_mut().filter_map(|slot| slot.waker.take()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ends every request that is still waiting for its upstream.
    pub(super) fn end(&self) {
        self.over.set(true);
        self.wake_all();
    }

    /// Wakes what is due, for as long as the thread runs.
    pub(super) async fn keep(&self) {
        loop {
            let now = self.clock.tick();
            let earliest = self.earliest.get();
            if earliest > now {
                let wait = earliest.since(now).max(RESOLUTION);
                let sooner = self.sooner.notified();
                if earliest == NEVER {
                    sooner.await;
                } else {
                    let mut sleep = self.clock.sleep(wait);
                    let mut sooner = std::pin::pin!(sooner);
                    std::future::poll_fn(|context| {
                        use std::future::Future;
                        if sooner.as_mut().poll(context).is_ready() {
                            return Poll::Ready(());
                        }
                        sleep.as_mut().poll(context)
                    })
                    .await;
                }
                continue;
            }
            self.wake_due(now);
        }
    }

    fn wake_due(&self, now: Tick) {
        let mut earliest = NEVER;
        let mut due = Vec::new();
        for slot in self.slots.borrow_mut().iter_mut() {
            if slot.at > now {
                earliest = earliest.min(slot.at);
                continue;
            }
            slot.is_due = true;
            due.extend(slot.waker.take());
        }
        // Never more than one pass per resolution, however close together deadlines lie.
        self.earliest.set(earliest.max(now + RESOLUTION));
        due.into_iter().for_each(Waker::wake);
    }
}

impl Deadline {
    /// Sets it this far ahead, in place of what was set before.
    pub(super) fn set(&self, ahead: Duration) {
        self.set_at(self.owner.clock.tick() + ahead);
    }

    /// Sets it to this time.
    pub(super) fn set_at(&self, at: Tick) {
        if let Some(slot) = self.owner.slots.borrow_mut().get_mut(self.slot) {
            slot.at = at;
            slot.is_due = false;
        }
        if at < self.owner.earliest.get() {
            self.owner.earliest.set(at);
            self.owner.sooner.notify_one();
        }
    }

    /// The thread's monotonic time.
    pub(super) fn now(&self) -> Tick {
        self.owner.clock.tick()
    }

    /// Whether there is no more time for anything: see [`Deadlines::end`].
    pub(super) fn is_over(&self) -> bool {
        self.owner.over.get()
    }

    /// Never, until it is set again.
    pub(super) fn clear(&self) {
        if let Some(slot) = self.owner.slots.borrow_mut().get_mut(self.slot) {
            slot.at = NEVER;
            slot.is_due = false;
        }
    }

    /// Ready once the time has come; else the task is woken when it has.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut slots = self.owner.slots.borrow_mut();
        let Some(slot) = slots.get_mut(self.slot) else { return Poll::Pending };
        if slot.is_due {
            return Poll::Ready(());
        }
        match &mut slot.waker {
            Some(waker) if waker.will_wake(context.waker()) => {}
            waker => *waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        if let Some(slot) = self.owner.slots.borrow_mut().get_mut(self.slot) {
            *slot = Slot::UNSET;
        }
        self.owner.free.borrow_mut().push(self.slot);
    }
}
