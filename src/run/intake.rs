//! Updates on their way to a compile: those that come close together are compiled together.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::resources::Update;

/// After this long without an update, what has come is compiled.
const QUIET: Duration = Duration::from_millis(2);

/// However many come, the first does not wait longer than this.
const AT_MOST: Duration = Duration::from_millis(20);

/// How many updates are taken out of the channel at once.
const AT_ONCE: usize = 1_024;

/// What takes updates, and says whether what it has cannot wait: something is being tightened or revoked.
pub(super) trait Take {
    fn take(&mut self, update: Update);
    fn is_urgent(&self) -> bool;
}

/// The receiving end of the channel of updates.
pub(super) struct Intake {
    updates: mpsc::Receiver<Update>,
    clock: Clock,
    batch: Vec<Update>,
}

impl Intake {
    pub(super) fn new(updates: mpsc::Receiver<Update>, clock: Clock) -> Self {
        Self { updates, clock, batch: Vec::with_capacity(AT_ONCE) }
    }

    /// Waits for an update and hands over all that belong together with it. `false`: there will be none any more.
    pub(super) async fn next(&mut self, taker: &mut impl Take) -> bool {
        if self.receive(taker).await == 0 {
            return false;
        }
        let end = self.clock.tick() + AT_MOST;
        while !taker.is_urgent() {
            let wait = end.since(self.clock.tick()).min(QUIET);
            let clock = self.clock.clone();
            match clock.timeout(wait, self.receive(taker)).await {
                // What was handed over is to be compiled even if nothing follows.
                None | Some(0) => break,
                Some(_) => {}
            }
        }
        true
    }

    /// Hands over whatever comes until `done` is, and then what is in the channel by then.
    pub(super) async fn until(&mut self, done: impl Future<Output = ()>, taker: &mut impl Take) {
        let mut done = std::pin::pin!(done);
        loop {
            tokio::select! {
                biased;
                () = &mut done => break,
                count = self.receive(taker) => if count == 0 { break },
            }
        }
        while let Ok(update) = self.updates.try_recv() {
            taker.take(update);
        }
    }

    async fn receive(&mut self, taker: &mut impl Take) -> usize {
        // Cancelled while it waits, `recv_many` has taken nothing.
        let count = self.updates.recv_many(&mut self.batch, AT_ONCE).await;
        self.batch.drain(..).for_each(|update| taker.take(update));
        count
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::sync::Arc;
    use std::task::Poll;
    use std::time::Duration;

    use tokio::sync::{mpsc, oneshot};

    use super::{Intake, Take};
    use crate::clock::{Clock, ManualClock, UnixTime};
    use crate::resources::{Scope, Update};

    /// Counts, and finds the withdrawal of `urgent` urgent.
    #[derive(Default)]
    struct Counter {
        count: usize,
        urgent: bool,
    }

    impl Take for Counter {
        fn take(&mut self, update: Update) {
            self.count += 1;
            self.urgent |= matches!(&update, Update::Withdraw { scope: Scope::File(path) } if &**path == "urgent");
        }

        fn is_urgent(&self) -> bool {
            self.urgent
        }
    }

    struct Rig {
        clock: Arc<ManualClock>,
        sender: mpsc::Sender<Update>,
        intake: Intake,
    }

    fn rig() -> Rig {
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(0)));
        let (sender, updates) = mpsc::channel(64);
        Rig { intake: Intake::new(updates, Clock::manual(Arc::clone(&clock))), clock, sender }
    }

    fn send(sender: &mpsc::Sender<Update>, path: &str) {
        sender.try_send(Update::Withdraw { scope: Scope::File(path.into()) }).unwrap();
    }

    async fn poll<T>(future: &mut Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
    }

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn updates_belong_together_until_two_milliseconds_are_quiet() {
        let Rig { clock, sender, mut intake } = rig();
        let mut counter = Counter::default();
        {
            let mut next = pin!(intake.next(&mut counter));
            assert_eq!(poll(&mut next).await, Poll::Pending);
            clock.advance(100 * MILLISECOND);
            assert_eq!(poll(&mut next).await, Poll::Pending, "nothing has come");
            send(&sender, "a");
            send(&sender, "b");
            assert_eq!(poll(&mut next).await, Poll::Pending);
            clock.advance(MILLISECOND);
            assert_eq!(poll(&mut next).await, Poll::Pending);
            send(&sender, "c");
            assert_eq!(poll(&mut next).await, Poll::Pending);
            clock.advance(MILLISECOND);
            assert_eq!(poll(&mut next).await, Poll::Pending, "one millisecond was quiet");
            clock.advance(MILLISECOND);
            assert_eq!(poll(&mut next).await, Poll::Ready(true));
        }
        assert_eq!(counter.count, 3);
    }

    #[tokio::test]
    async fn the_first_update_waits_twenty_milliseconds_at_most() {
        let Rig { clock, sender, mut intake } = rig();
        let mut counter = Counter::default();
        {
            let mut next = pin!(intake.next(&mut counter));
            for _ in 0..20 {
                send(&sender, "a");
                assert_eq!(poll(&mut next).await, Poll::Pending);
                clock.advance(MILLISECOND);
            }
            send(&sender, "a");
            assert_eq!(poll(&mut next).await, Poll::Ready(true));
        }
        assert!(counter.count >= 20, "{}", counter.count);
    }

    #[tokio::test]
    async fn what_is_urgent_does_not_wait() {
        let Rig { sender, mut intake, .. } = rig();
        let mut counter = Counter::default();
        send(&sender, "a");
        send(&sender, "urgent");
        assert_eq!(poll(&mut pin!(intake.next(&mut counter))).await, Poll::Ready(true));
        assert_eq!(counter.count, 2);
    }

    #[tokio::test]
    async fn what_came_before_the_end_is_taken() {
        let Rig { sender, mut intake, .. } = rig();
        let mut counter = Counter::default();
        send(&sender, "a");
        drop(sender);
        assert_eq!(poll(&mut pin!(intake.next(&mut counter))).await, Poll::Ready(true));
        assert_eq!(poll(&mut pin!(intake.next(&mut counter))).await, Poll::Ready(false));
        assert_eq!(counter.count, 1);
    }

    #[tokio::test]
    async fn what_was_sent_before_all_was_done_is_taken_with_it() {
        let Rig { sender, mut intake, .. } = rig();
        let mut counter = Counter::default();
        let (done, is_done) = oneshot::channel::<()>();
        {
            let mut until = pin!(intake.until(async { is_done.await.unwrap() }, &mut counter));
            send(&sender, "a");
            assert_eq!(poll(&mut until).await, Poll::Pending);
            send(&sender, "b");
            done.send(()).unwrap();
            assert_eq!(poll(&mut until).await, Poll::Ready(()));
        }
        assert_eq!(counter.count, 2);
    }
}
