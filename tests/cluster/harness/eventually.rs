//! Waiting for what another process will do.

use std::time::{Duration, Instant};

/// Asks again and again until there is an answer, and fails when there is none within `limit`.
#[expect(clippy::disallowed_methods, reason = "other processes keep their own time")]
pub(crate) async fn eventually<T>(what: &str, limit: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
