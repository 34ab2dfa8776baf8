//! The task that keeps one source.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Settings;
use super::discovery;
use super::failure::{Failure, InUse, report, without_query};
use crate::clock::{Clock, Tick, UnixTime};
use crate::finding::Code;
use crate::jose::{KeySet, SkippedKey};
use crate::resources::{KeyPlace, KeySource, Report, ReportKey, Update};
use crate::snapshot::{AcceptedKeys, AsOf, KeyCell};
use crate::sources::pace::{Draw, after_failures, shortened};
use crate::transport::{FetchError, Fetched, Fetcher, Freshness, Get, Validators};

/// For one document, from the look-up of the name to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest key set.
const MAX_KEY_SET_BYTES: usize = 1024 * 1024;
/// When keys are fetched again if their issuer does not say how long they are good.
const REFRESH: Duration = Duration::from_mins(5);
/// The bounds of what it may say.
const REFRESH_BOUNDS: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(1));
/// The least time between the beginnings of a fetch and of the next that somebody asks for.
const ASKING_INTERVAL: Duration = Duration::from_secs(10);
/// The least that keys outlive their last fetch.
const MIN_STALE: Duration = Duration::from_mins(1);
/// The age to which metadata is used again.
const METADATA_AGE: Duration = Duration::from_hours(1);
/// The same in a round that somebody asked for.
const METADATA_AGE_ASKED: Duration = Duration::from_mins(1);

/// Keeps one source.
pub(super) struct Keeper {
    source: KeySource,
    cell: Arc<KeyCell>,
    fetcher: Arc<Fetcher>,
    clock: Clock,
    sender: mpsc::Sender<Update>,
    draw: Draw,
    max_stale: Duration,
    metadata: Option<Metadata>,
    good: Option<Good>,
    failure: Option<Failure>,
    failures: u32,
    reported: Option<Report>,
}

/// What the issuer's metadata said.
struct Metadata {
    key_set_url: String,
    fetched: Tick,
}

/// The last key set that could be used.
struct Good {
    set: KeySet,
    skipped: Vec<SkippedKey>,
    url: String,
    validators: Validators,
    /// As of when it is.
    origin: Origin,
    /// When it was last fetched, or an answer came that is no newer: from then on it grows stale.
    confirmed: Moment,
}

/// A time by both clocks: tokens are compared by the wall clock, which may be set; ages are not.
#[derive(Clone, Copy)]
struct Moment {
    wall: UnixTime,
    tick: Tick,
}

/// When the origin gave an answer: so long before it was asked for as a cache on the way had held it.
#[derive(Clone, Copy)]
struct Origin {
    asked: Moment,
    age: Duration,
}

/// Why a round begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    Due,
    Asked,
}

/// When the next round begins.
struct Plan {
    /// From when on it may, if somebody asks.
    open: Tick,
    /// When it does in any case.
    due: Tick,
    occasion: Occasion,
}

/// What ended the wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// It is time for a round.
    Next,
    /// The keys at hand have become too old.
    KeysAged,
}

/// The receiver of updates is gone: the process ends.
struct Ended;

impl Keeper {
    pub(super) fn new(
        source: KeySource,
        cell: Arc<KeyCell>,
        fetcher: Arc<Fetcher>,
        sender: mpsc::Sender<Update>,
        draw: Draw,
        settings: Settings,
    ) -> Self {
        let clock = fetcher.clock().clone();
        Self {
            source,
            cell,
            fetcher,
            clock,
            sender,
            draw,
            max_stale: settings.max_stale.max(MIN_STALE),
            metadata: None,
            good: None,
            failure: None,
            failures: 0,
            reported: None,
        }
    }

    /// Fetches and waits by turns, for ever.
    pub(super) async fn run(mut self) {
        let mut occasion = Occasion::Due;
        loop {
            let began = self.clock.tick();
            let result = self.round(occasion).await;
            let due = self.clock.tick() + self.settle(result);
            match self.tell_and_wait(began + ASKING_INTERVAL, due).await {
                Ok(next) => occasion = next,
                Err(Ended) => return,
            }
        }
    }

    /// One attempt; how long its keys are good.
    async fn round(&mut self, occasion: Occasion) -> Result<Option<Duration>, Failure> {
        let url = self.key_set_url(occasion).await?;
        let known = self.good.as_ref().filter(|good| good.url == url).map(|good| &good.validators);
        let begun = Moment { wall: self.clock.now(), tick: self.clock.tick() };
        let fetched = self.get(&url, known, occasion, MAX_KEY_SET_BYTES).await?;
        let Freshness { age, remaining } = match fetched {
            Fetched::NotModified(freshness) => {
                if let Some(good) = &mut self.good {
                    good.origin = good.origin.later(Origin { asked: begun, age: freshness.age });
                    good.confirmed = begun;
                }
                freshness
            }
            Fetched::Document(document) => {
                let place = || without_query(&url);
                let (set, skipped) =
                    KeySet::parse(&document.bytes).map_err(|error| Failure::NoKeySet { place: place(), error })?;
                if set.is_empty() {
                    return Err(Failure::NoUsableKeys { place: place(), skipped });
                }
                let origin = Origin { asked: begun, age: document.freshness.age };
                match &mut self.good {
                    Some(good) if origin.is_before(good.origin) => good.confirmed = begun,
                    good => {
                        let validators = document.validators;
                        *good = Some(Good { set, skipped, url, validators, origin, confirmed: begun });
                    }
                }
                document.freshness
            }
        };
        tracing::debug!(source = %self.name(), ?age, ?remaining, "key set fetched");
        Ok(remaining)
    }

    /// Takes the result of a round in; how long to wait for the next.
    fn settle(&mut self, result: Result<Option<Duration>, Failure>) -> Duration {
        match result {
            Ok(remaining) => {
                self.cell.fetched(self.clock.now());
                self.failure = None;
                self.failures = 0;
                let (shortest, longest) = REFRESH_BOUNDS;
                let interval = remaining.map_or(REFRESH, |remaining| remaining.clamp(shortest, longest));
                // Keys must not grow stale between two fetches that both succeed.
                shortened(interval.min(self.max_stale / 2), &self.draw)
            }
            Err(failure) => {
                tracing::debug!(source = %self.name(), %failure, "key set not fetched");
                self.cell.failed();
                self.failure = Some(failure);
                self.failures = self.failures.saturating_add(1);
                // It may have moved.
                self.metadata = None;
                after_failures(self.failures, &self.draw)
            }
        }
    }

    /// Where the key set is.
    async fn key_set_url(&mut self, occasion: Occasion) -> Result<String, Failure> {
        let issuer = match &self.source.place {
            KeyPlace::Url(url) => return Ok(url.to_string()),
            KeyPlace::Discovery(issuer) => Arc::clone(issuer),
        };
        let fetched = self.clock.tick();
        let limit = match occasion {
            Occasion::Due => METADATA_AGE,
            Occasion::Asked => METADATA_AGE_ASKED,
        };
        if let Some(metadata) = &self.metadata
            && fetched.since(metadata.fetched) < limit
        {
            return Ok(metadata.key_set_url.clone());
        }
        let key_set_url = self.discover(&issuer, occasion).await?;
        self.metadata = Some(Metadata { key_set_url: key_set_url.clone(), fetched });
        Ok(key_set_url)
    }

    /// Asks the issuer. Where the first place has nothing the second is tried; what is reported is the first's error,
    /// since that is where metadata usually is.
    async fn discover(&self, issuer: &str, occasion: Occasion) -> Result<String, Failure> {
        let [first, second] = discovery::places(issuer)?;
        match self.metadata_at(&first, issuer, occasion).await {
            Err(absent) if absent.is_absence() => match self.metadata_at(&second, issuer, occasion).await {
                Err(failure) if failure.is_absence() => Err(absent),
                result => result,
            },
            result => result,
        }
    }

    async fn metadata_at(&self, place: &str, issuer: &str, occasion: Occasion) -> Result<String, Failure> {
        match self.get(place, None, occasion, discovery::MAX_BYTES).await? {
            Fetched::Document(document) => discovery::key_set_url(place, issuer, &document.bytes),
            // Not asked for, so not believed.
            Fetched::NotModified(_) => Err(Failure::fetch(place, FetchError::Status(304))),
        }
    }

    async fn get(
        &self,
        url: &str,
        validators: Option<&Validators>,
        occasion: Occasion,
        max_bytes: usize,
    ) -> Result<Fetched, Failure> {
        let get = Get {
            url,
            validators,
            no_cache: occasion == Occasion::Asked,
            insecure_http: self.source.insecure_http,
            max_bytes,
            timeout: TIMEOUT,
        };
        self.fetcher.fetch(get).await.map_err(|error| Failure::fetch(url, error))
    }

    /// Ends the round and waits for an occasion to begin the next: at `due`, or once somebody asks and it is `open`.
    async fn tell_and_wait(&mut self, open: Tick, due: Tick) -> Result<Occasion, Ended> {
        let mut plan = Plan { open, due, occasion: Occasion::Due };
        loop {
            self.publish(plan.due.min(open));
            self.report().await?;
            if self.wait(&mut plan).await == Woken::Next {
                return Ok(plan.occasion);
            }
        }
    }

    async fn wait(&self, plan: &mut Plan) -> Woken {
        let aged = async {
            match self.stale_at() {
                Some(stale) => self.clock.sleep_until(stale).await,
                None => std::future::pending().await,
            }
        };
        let mut aged = std::pin::pin!(aged);
        loop {
            tokio::select! {
                biased;
                () = self.clock.sleep_until(plan.due) => return Woken::Next,
                () = &mut aged => return Woken::KeysAged,
                () = self.cell.asked() => {
                    plan.occasion = Occasion::Asked;
                    if self.clock.tick() >= plan.open {
                        return Woken::Next;
                    }
                    plan.due = plan.due.min(plan.open);
                    self.cell.end_round();
                }
            }
        }
    }

    /// When the keys at hand are too old; `None` if there are none that could become so.
    fn stale_at(&self) -> Option<Tick> {
        self.usable().map(|good| good.confirmed.tick + self.max_stale)
    }

    /// The keys that may be used now.
    fn usable(&self) -> Option<&Good> {
        let now = self.clock.tick();
        self.good.as_ref().filter(|good| now < good.confirmed.tick + self.max_stale)
    }

    /// Shows requests the keys, and ends the round. `next`: when the next fetch may begin.
    fn publish(&self, next: Tick) {
        let next = self.clock.now().plus(next.since(self.clock.tick()));
        self.cell.store(match self.usable() {
            Some(good) => {
                AcceptedKeys::Known { set: good.set.clone(), as_of: AsOf::Fetch { began: good.origin.wall(), next } }
            }
            None => AcceptedKeys::Unavailable {
                code: self.failure.as_ref().map_or(Code::KeysUnavailable, Failure::code),
                retry: Some(next),
            },
        });
    }

    /// Tells users, if there is news.
    async fn report(&mut self) -> Result<(), Ended> {
        let in_use = match self.usable() {
            Some(good) => InUse::Keys {
                skipped: &good.skipped,
                as_of: good.origin.wall(),
                until: good.confirmed.wall.plus(self.max_stale),
            },
            None => InUse::Nothing,
        };
        let report = report(self.failure.as_ref(), &in_use);
        if self.reported.as_ref() == Some(&report) {
            return Ok(());
        }
        if let Some(failure) = &self.failure {
            tracing::warn!(source = %self.name(), %failure, "key set not fetched");
        } else {
            tracing::info!(source = %self.name(), skipped = report.findings.len(), "key set fetched");
        }
        self.reported = Some(report.clone());
        let key = ReportKey::Keys(self.source.clone());
        self.sender.send(Update::Report { key, report }).await.map_err(|_| Ended)
    }

    /// The source as logs show it.
    fn name(&self) -> String {
        match &self.source.place {
            KeyPlace::Discovery(url) | KeyPlace::Url(url) => without_query(url),
        }
    }
}

impl Origin {
    /// By the wall clock.
    fn wall(self) -> UnixTime {
        self.asked.wall.minus(self.age)
    }

    /// Whether this is the earlier, by the clock that nobody sets. It starts at zero, so what was before it shows only as
    /// an age.
    fn is_before(self, other: Self) -> bool {
        let now = self.asked.tick.max(other.asked.tick);
        let age = |origin: Self| now.since(origin.asked.tick).saturating_add(origin.age);
        age(self) > age(other)
    }

    fn later(self, other: Self) -> Self {
        if other.is_before(self) { self } else { other }
    }
}
