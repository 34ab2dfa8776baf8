//! Reads the archive for keepers: once for all that ask at about the same time, as they do when a process starts.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::archive::{ArchivedSet, AtHand, Content, SetId};
use crate::clock::Clock;

/// How long reading may take in all, and how long to wait after an attempt that failed.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(250);

/// Questions that wait to be answered; who asks beyond them waits.
const QUESTIONS: usize = 64;

/// Reads the archive as it is now; an error says why it cannot.
pub type ReadArchive = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Content, String>> + Send>> + Send + Sync>;

/// Where key sets outlive this process.
pub struct Archive {
    /// How it is read.
    pub read: ReadArchive,
    /// Where keepers say what they have fetched.
    pub at_hand: watch::Sender<AtHand>,
}

/// What a keeper has of an archive.
#[derive(Clone)]
pub(super) struct Desk {
    questions: mpsc::Sender<oneshot::Sender<Arc<Content>>>,
    at_hand: watch::Sender<AtHand>,
}

/// A keeper's place among what is at hand; given up when it is dropped.
pub(super) struct Place {
    id: SetId,
    at_hand: watch::Sender<AtHand>,
}

impl Desk {
    /// A desk, and what runs behind it for as long as there is one.
    pub(super) fn new(archive: Archive, clock: Clock) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let Archive { read, at_hand } = archive;
        let (questions, asked) = mpsc::channel(QUESTIONS);
        (Self { questions, at_hand }, answer(read, asked, clock))
    }

    /// The archive as it is now; empty if it cannot be had within a few seconds.
    pub(super) async fn content(&self) -> Arc<Content> {
        let (question, answer) = oneshot::channel();
        if self.questions.send(question).await.is_err() {
            return Arc::default();
        }
        answer.await.unwrap_or_default()
    }

    /// The place of a source.
    pub(super) fn place(&self, id: SetId) -> Place {
        Place { id, at_hand: self.at_hand.clone() }
    }
}

impl Place {
    /// Says what was fetched; `None` if it is more than an archive keeps.
    pub(super) fn put(&self, set: Option<ArchivedSet>) {
        self.at_hand.send_if_modified(|at_hand| match set {
            Some(set) if at_hand.get(&self.id) == Some(&set) => false,
            Some(set) => {
                at_hand.insert(self.id.clone(), set);
                true
            }
            None => at_hand.remove(&self.id).is_some(),
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.put(None);
    }
}

async fn answer(read: ReadArchive, mut asked: mpsc::Receiver<oneshot::Sender<Arc<Content>>>, clock: Clock) {
    while let Some(first) = asked.recv().await {
        let content = Arc::new(content(&read, &clock).await);
        // Whoever came meanwhile is served with it too.
        let mut next = Some(first);
        while let Some(question) = next {
            // Nobody waits for it where the keys were fetched first.
            let _ = question.send(Arc::clone(&content));
            next = asked.try_recv().ok();
        }
    }
}

async fn content(read: &ReadArchive, clock: &Clock) -> Content {
    let mut problem = "no answer in time".to_owned();
    let attempts = async {
        loop {
            match read().await {
                Ok(content) => return content,
                Err(error) => problem = error,
            }
            clock.sleep(PAUSE).await;
        }
    };
    let content = clock.timeout(PATIENCE, attempts).await;
    content.unwrap_or_else(|| {
        tracing::warn!(problem, "archive of key sets could not be read");
        Content::new()
    })
}
