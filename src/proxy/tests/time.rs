//! Deadlines and patience under a hand-driven clock.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::gateway::START;
use crate::clock::{Clock, ManualClock, Tick};
use crate::proxy::body::Upload;
use crate::proxy::deadline::Deadlines;
use crate::proxy::patience::{Patience, TimeUp};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn deadlines() -> (Arc<ManualClock>, Rc<Deadlines>) {
    let clock = Arc::new(ManualClock::new(START));
    let deadlines = Deadlines::new(Clock::manual(Arc::clone(&clock)));
    (clock, deadlines)
}

/// What the keeper does when it wakes.
fn keep(deadlines: &Deadlines) {
    assert!(pin!(deadlines.keep()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_deadline_is_met_at_its_time_and_not_before() {
    let (clock, deadlines) = deadlines();
    let deadline = deadlines.create();
    let mut context = Context::from_waker(Waker::noop());
    clock.advance(seconds(1_000));
    keep(&deadlines);
    assert!(deadline.poll(&mut context).is_pending(), "it was never set");
    deadline.set(seconds(10));
    clock.advance(Duration::from_millis(9_999));
    keep(&deadlines);
    assert!(deadline.poll(&mut context).is_pending());
    clock.advance(Duration::from_millis(1));
    keep(&deadlines);
    assert!(deadline.poll(&mut context).is_ready());
    deadline.clear();
    assert!(deadline.poll(&mut context).is_pending());
    deadline.set(Duration::ZERO);
    keep(&deadlines);
    assert!(deadline.poll(&mut context).is_ready());
}

#[test]
fn a_slot_that_is_used_again_forgets_whom_it_woke() {
    let (clock, deadlines) = deadlines();
    let mut context = Context::from_waker(Waker::noop());
    let first = deadlines.create();
    first.set(seconds(1));
    assert!(first.poll(&mut context).is_pending());
    drop(first);
    let second = deadlines.create();
    clock.advance(seconds(2));
    keep(&deadlines);
    assert!(second.poll(&mut context).is_pending(), "the slot's old time came");
}

#[test]
fn the_keeper_wakes_who_is_due_and_nobody_else() {
    let (clock, deadlines) = deadlines();
    let (soon, late) = (deadlines.create(), deadlines.create());
    let (woken_soon, woken_late) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let (soon_waker, late_waker) = (Waker::from(Arc::clone(&woken_soon)), Waker::from(Arc::clone(&woken_late)));
    let counts = || (woken_soon.0.load(Ordering::Relaxed), woken_late.0.load(Ordering::Relaxed));
    let mut keeper = pin!(deadlines.keep());
    let mut keep = || assert!(keeper.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    keep();
    late.set(seconds(20));
    soon.set(seconds(10));
    assert!(soon.poll(&mut Context::from_waker(&soon_waker)).is_pending());
    assert!(late.poll(&mut Context::from_waker(&late_waker)).is_pending());
    for (passed, expected) in [(seconds(9), (0, 0)), (seconds(1), (1, 0)), (seconds(5), (1, 0)), (seconds(5), (1, 1))] {
        keep();
        clock.advance(passed);
        keep();
        assert_eq!(counts(), expected);
    }
}

#[test]
fn a_deadline_that_is_moved_on_is_not_met_at_its_old_time() {
    let (clock, deadlines) = deadlines();
    let deadline = deadlines.create();
    let mut context = Context::from_waker(Waker::noop());
    deadline.set(seconds(10));
    clock.advance(seconds(9));
    deadline.set(seconds(10));
    clock.advance(seconds(9));
    keep(&deadlines);
    assert!(deadline.poll(&mut context).is_pending());
    clock.advance(seconds(1));
    keep(&deadlines);
    assert!(deadline.poll(&mut context).is_ready());
}

/// Patience from now on.
fn patience(deadlines: &Rc<Deadlines>, total: Option<u64>, idle: u64) -> Patience {
    Patience::start(deadlines.create(), Tick::default(), total.map(seconds), seconds(idle))
}

#[test]
fn patience_ends_without_bytes_or_at_its_fixed_end() {
    // Total, idle, then steps: seconds that pass, whether bytes moved before, and whether time is up.
    type Row = (&'static str, Option<u64>, u64, &'static [(u64, bool, bool)]);
    let rows: &[Row] = &[
        ("nothing comes", None, 10, &[(9, false, false), (1, false, true)]),
        ("the end comes first", Some(5), 10, &[(4, false, false), (1, false, true)]),
        ("bytes do not move the end", Some(5), 10, &[(4, true, false), (1, true, true)]),
        (
            "bytes begin the idle time anew",
            None,
            10,
            &[(9, true, false), (9, false, false), (9, false, false), (1, false, true)],
        ),
        ("bytes for ever", None, 10, &[(10, true, false), (10, true, false), (10, true, false), (10, false, true)]),
    ];
    for (name, total, idle, steps) in rows {
        let (clock, deadlines) = deadlines();
        let patience = patience(&deadlines, *total, *idle);
        for (place, (passed, moved, up)) in steps.iter().enumerate() {
            if *moved {
                patience.progress();
            }
            clock.advance(seconds(*passed));
            keep(&deadlines);
            let polled = patience.poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(polled == Poll::Ready(TimeUp::Late), *up, "{name}, step {place}");
        }
    }
}

#[test]
fn the_bytes_of_an_upload_count() {
    let (clock, deadlines) = deadlines();
    let patience = patience(&deadlines, None, 10);
    let upload = Upload::default();
    let mut context = Context::from_waker(Waker::noop());
    clock.advance(seconds(9));
    keep(&deadlines);
    upload.passed(1);
    assert!(patience.poll_with(Some(&upload), &mut context).is_pending());
    clock.advance(seconds(9));
    keep(&deadlines);
    assert!(patience.poll_with(Some(&upload), &mut context).is_pending());
    clock.advance(seconds(10));
    keep(&deadlines);
    assert_eq!(patience.poll_with(Some(&upload), &mut context), Poll::Ready(TimeUp::Late));
}

#[test]
fn the_end_of_the_replica_ends_all_patience() {
    let (_, deadlines) = deadlines();
    let patience = patience(&deadlines, None, 10);
    let woken = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(patience.poll(&mut Context::from_waker(&waker)).is_pending());
    deadlines.end();
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    patience.progress();
    assert_eq!(patience.poll(&mut Context::from_waker(&waker)), Poll::Ready(TimeUp::Ended));
}
