//! Every spawned task has a name, an owner and an end.
//!
//! A [`Tasks`] owns what is spawned in it: dropping it aborts them, [`Tasks::join`] waits for them. There is one on the
//! control runtime and one on each data thread; the latter spawns tasks that need not be `Send`.

use std::future::Future;
use std::task::{Context, Poll};

use tokio::task::JoinSet;
use tracing::Instrument;

/// A set of tasks that end with their owner. Unbounded by itself: whoever spawns per connection or per request states
/// the bound.
#[derive(Debug, Default)]
pub struct Tasks {
    set: JoinSet<()>,
}

impl Tasks {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `future` on the current runtime under `name`.
    pub fn spawn(&mut self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        self.reap();
        self.set.spawn(future.instrument(tracing::debug_span!("task", name)));
    }

    /// Runs `future` on the current thread under `name`; the caller is inside a `LocalSet`.
    pub fn spawn_local(&mut self, name: &'static str, future: impl Future<Output = ()> + 'static) {
        self.reap();
        self.set.spawn_local(future.instrument(tracing::debug_span!("task", name)));
    }

    /// How many have not ended.
    pub fn len(&mut self) -> usize {
        self.reap();
        self.set.len()
    }

    /// Whether all have ended.
    pub fn is_empty(&mut self) -> bool {
        self.len() == 0
    }

    /// Waits until all have ended.
    pub async fn join(&mut self) {
        while self.set.join_next().await.is_some() {}
    }

    /// Ready with `true` when one more has ended, with `false` when none is left. For an owner who must not hold on to
    /// the set while it waits, because its tasks add to it.
    pub fn poll_next_end(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        self.set.poll_join_next(context).map(|ended| {
            if let Some(Err(error)) = &ended
                && error.is_panic()
            {
                tracing::error!("task panicked");
            }
            ended.is_some()
        })
    }

    /// Ends all at their next await.
    pub fn abort(&mut self) {
        self.set.abort_all();
    }

    /// Forgets the tasks that have ended, so that a long-lived owner does not keep their results.
    fn reap(&mut self) {
        while let Some(ended) = self.set.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!("task panicked");
            }
        }
    }
}

/// Runs `work` under `name` on a thread that may block, and waits for it. It runs to its end even if nobody waits any
/// more; a panic in it goes on in whoever waits.
pub async fn blocking<T: Send + 'static>(name: &'static str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let span = tracing::debug_span!("task", name);
    match tokio::task::spawn_blocking(move || span.in_scope(work)).await {
        Ok(result) => result,
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        // The runtime ends, and all that waits ends with it.
        Err(_) => std::future::pending().await,
    }
}
