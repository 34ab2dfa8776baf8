//! Ends the keys of our own issuers that could not be read for too long. It has a clock; whoever compiles has none.

use std::sync::Arc;

use tokio::sync::watch;

use super::publish::signing_keys;
use crate::clock::Clock;
use crate::snapshot::Issuers;
use crate::state::Board;

/// Runs until nobody publishes issuers any more.
pub(super) async fn keep(mut issuers: watch::Receiver<Arc<Issuers>>, board: Arc<Board>, clock: Clock) {
    loop {
        let in_force = Arc::clone(&issuers.borrow_and_update());
        let now = clock.tick();
        let before = signing_keys(&in_force);
        let next = in_force.iter().filter_map(|issuer| issuer.keys.end(now)).min();
        let after = signing_keys(&in_force);
        if after != before {
            tracing::warn!(
                "signing keys that cannot be read ended: nothing that they have signed can be valid any more"
            );
            // What is told of this process has to be.
            board.sign_with(after);
        }
        let changed = match next {
            Some(next) => tokio::select! {
                changed = issuers.changed() => changed,
                () = clock.sleep_until(next) => Ok(()),
            },
            None => issuers.changed().await,
        };
        if changed.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::watch;

    use super::keep;
    use crate::clock::{Clock, ManualClock, UnixTime};
    use crate::finding::Code;
    use crate::jose::KeySet;
    use crate::snapshot::{
        AcceptedKeys, AsOf, Dpop, Format, Issuer, IssuerCell, IssuerKeys, Issuers, KeyCell, Refresh,
    };
    use crate::state::Board;

    /// Keys of this name, without what verifies: none, where there is no name.
    fn keys(kids: &[&str]) -> IssuerKeys {
        IssuerKeys {
            signer: Err(Code::InvalidSecret),
            jwks: "{}".into(),
            etag: "".into(),
            max_age: Duration::ZERO,
            set: KeySet::default(),
            openers: [].into(),
            kids: kids.iter().map(|kid| (*kid).into()).collect(),
            lives: [].into(),
        }
    }

    fn issuer(keys: Arc<IssuerCell>) -> Arc<Issuers> {
        let issuer = Issuer {
            name: "shop/shop".into(),
            url: "https://gw.example.com".into(),
            origin: "https://gw.example.com".into(),
            host: "gw.example.com".into(),
            path: "".into(),
            audiences: ["orders".into()].into(),
            lifetime: Duration::from_mins(10),
            format: Format::Jwt,
            dpop: Dpop::Accept,
            clients: [].into(),
            refresh: Refresh { lifetime: Duration::from_hours(1), grace: Duration::ZERO },
            subjects: [].into(),
            keys,
        };
        let mut issuers = Issuers::default();
        issuers.insert(&Arc::new(issuer));
        Arc::new(issuers)
    }

    #[tokio::test]
    async fn keys_end_when_their_time_is_over_and_are_then_told_of_no_more() {
        let time = Arc::new(ManualClock::new(UnixTime::from_secs(0)));
        let clock = Clock::manual(Arc::clone(&time));
        let accepted = KeyCell::new(AcceptedKeys::Known { set: KeySet::default(), as_of: AsOf::Always });
        let cell = IssuerCell::new(keys(&[]));
        cell.read(keys(&["a"]), Duration::from_mins(1), &accepted);
        let issuers = issuer(Arc::clone(&cell));
        let (sender, receiver) = watch::channel(Arc::clone(&issuers));
        let board = Arc::new(Board::new());
        let mut task = std::pin::pin!(keep(receiver, Arc::clone(&board), clock));
        let mut run = async || {
            for _ in 0..8 {
                tokio::select! {
                    biased;
                    () = &mut task => panic!("it ended"),
                    () = tokio::task::yield_now() => {}
                }
            }
        };
        run().await;
        time.advance(Duration::from_hours(1));
        run().await;
        assert_eq!(cell.load().kids.len(), 1, "keys that can be read do not end");

        cell.unread(keys(&["a"]), keys(&[]));
        sender.send_replace(issuers);
        run().await;
        time.advance(Duration::from_secs(59));
        run().await;
        assert_eq!(cell.load().kids.len(), 1);
        time.advance(Duration::from_secs(1));
        run().await;
        assert_eq!(cell.load().kids.len(), 0);
        let now = accepted.load();
        assert!(matches!(**now, AcceptedKeys::Unavailable { code: Code::InvalidSecret, retry: None }), "{now:?}");
    }
}
