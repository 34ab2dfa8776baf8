//! The task that keeps one source.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Settings;
use super::archive::{self, ArchivedSet, SetId};
use super::discovery;
use super::failure::{Failure, InUse, report, without_query};
use super::librarian::{Desk, Place};
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
    clock: Clock,
    tools: Tools,
    /// Where it says what may be archived.
    place: Option<Place>,
    max_stale: Duration,
    metadata: Option<Metadata>,
    good: Option<Good>,
    failure: Option<Failure>,
    failures: u32,
    reported: Option<Report>,
}

/// What every keeper works with.
pub(super) struct Tools {
    pub(super) fetcher: Arc<Fetcher>,
    pub(super) sender: mpsc::Sender<Update>,
    pub(super) draw: Draw,
    pub(super) desk: Option<Desk>,
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
    from: Provenance,
    /// As of when it is.
    origin: Origin,
    /// When it was last fetched, or an answer came that is no newer: from then on it grows stale.
    confirmed: UnixTime,
    /// When it is too old.
    stale: Tick,
}

/// Where a key set comes from.
enum Provenance {
    /// From here, with the form in which it may be archived.
    Fetched { url: String, validators: Validators, public: Option<Arc<str>> },
    /// It is an earlier process's. Whatever is fetched takes its place, newer or not.
    Archive,
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
    pub(super) fn new(source: KeySource, cell: Arc<KeyCell>, tools: Tools, settings: Settings) -> Self {
        Self {
            clock: tools.fetcher.clock().clone(),
            place: tools.desk.as_ref().map(|desk| desk.place(SetId::of(&source))),
            source,
            cell,
            tools,
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
        let mut began = self.clock.tick();
        let mut result = self.first_round().await;
        loop {
            let due = self.clock.tick() + self.settle(result);
            match self.tell_and_wait(began + ASKING_INTERVAL, due).await {
                Ok(occasion) => {
                    began = self.clock.tick();
                    result = self.round(occasion).await;
                }
                Err(Ended) => return,
            }
        }
    }

    /// The first attempt. Archived keys are used while it lasts, and when it has failed.
    async fn first_round(&mut self) -> Result<Option<Duration>, Failure> {
        let Some(desk) = self.tools.desk.clone() else { return self.round(Occasion::Due).await };
        let (source, cell, clock) = (self.source.clone(), Arc::clone(&self.cell), self.clock.clone());
        let next = clock.now().plus(ASKING_INTERVAL);
        let mut archived = std::pin::pin!(archived(&desk, &source, &clock, self.max_stale));
        let (result, early) = {
            let mut round = std::pin::pin!(self.round(Occasion::Due));
            tokio::select! {
                biased;
                result = &mut round => (result, None),
                good = &mut archived => {
                    if let Some(good) = &good {
                        cell.store(good.accepted(next));
                    }
                    (round.await, Some(good))
                }
            }
        };
        if let Err(failure) = &result
            // What may not be fetched here may not come from somebody who was allowed to either.
            && failure.code() != Code::EgressForbidden
        {
            self.good = match early {
                Some(good) => good,
                None => archived.await,
            };
        }
        result
    }

    /// One attempt; how long its keys are good.
    async fn round(&mut self, occasion: Occasion) -> Result<Option<Duration>, Failure> {
        let url = self.key_set_url(occasion).await?;
        let known = self.good.as_ref().and_then(|good| good.validators(&url));
        let begun = Moment { wall: self.clock.now(), tick: self.clock.tick() };
        let fetched = self.get(&url, known, occasion, MAX_KEY_SET_BYTES).await?;
        let Freshness { age, remaining } = match fetched {
            Fetched::NotModified(freshness) => match &mut self.good {
                Some(good) if good.validators(&url).is_some() => {
                    good.origin = good.origin.later(Origin { asked: begun, age: freshness.age });
                    good.confirm(begun, self.max_stale);
                    freshness
                }
                // Not asked for, so not believed.
                Some(_) | None => return Err(Failure::fetch(&url, FetchError::Status(304))),
            },
            Fetched::Document(document) => {
                let place = || without_query(&url);
                let (set, skipped) =
                    KeySet::parse(&document.bytes).map_err(|error| Failure::NoKeySet { place: place(), error })?;
                if set.is_empty() {
                    return Err(Failure::NoUsableKeys { place: place(), skipped });
                }
                let origin = Origin { asked: begun, age: document.freshness.age };
                match &mut self.good {
                    Some(good) if good.is_fetched() && origin.is_before(good.origin) => {
                        good.confirm(begun, self.max_stale);
                    }
                    good => {
                        // Only where there is an archive to put it into.
                        let public = self.place.as_ref().and_then(|_| archive::public_keys(&document.bytes, &skipped));
                        let from = Provenance::Fetched { url, validators: document.validators, public };
                        let (confirmed, stale) = (begun.wall, begun.tick + self.max_stale);
                        *good = Some(Good { set, skipped, from, origin, confirmed, stale });
                    }
                }
                document.freshness
            }
        };
        tracing::debug!(source = %name(&self.source), ?age, ?remaining, "key set fetched");
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
                shortened(interval.min(self.max_stale / 2), &self.tools.draw)
            }
            Err(failure) => {
                tracing::debug!(source = %name(&self.source), %failure, "key set not fetched");
                self.cell.failed();
                self.failure = Some(failure);
                self.failures = self.failures.saturating_add(1);
                // It may have moved.
                self.metadata = None;
                after_failures(self.failures, &self.tools.draw)
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
        self.tools.fetcher.fetch(get).await.map_err(|error| Failure::fetch(url, error))
    }

    /// Ends the round and waits for an occasion to begin the next: at `due`, or once somebody asks and it is `open`.
    async fn tell_and_wait(&mut self, open: Tick, due: Tick) -> Result<Occasion, Ended> {
        let mut plan = Plan { open, due, occasion: Occasion::Due };
        loop {
            self.publish(plan.due.min(open));
            self.offer();
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
        self.usable().map(|good| good.stale)
    }

    /// The keys that may be used now.
    fn usable(&self) -> Option<&Good> {
        let now = self.clock.tick();
        self.good.as_ref().filter(|good| now < good.stale)
    }

    /// Shows requests the keys, and ends the round. `next`: when the next fetch may begin.
    fn publish(&self, next: Tick) {
        let next = self.clock.now().plus(next.since(self.clock.tick()));
        self.cell.store(match self.usable() {
            Some(good) => good.accepted(next),
            None => AcceptedKeys::Unavailable {
                code: self.failure.as_ref().map_or(Code::KeysUnavailable, Failure::code),
                retry: Some(next),
            },
        });
    }

    /// Says what may be archived. What is from the archive is there already.
    fn offer(&self) {
        if let (Some(place), Some(good)) = (&self.place, &self.good)
            && let Provenance::Fetched { public, .. } = &good.from
        {
            let set = public
                .as_ref()
                .map(|keys| ArchivedSet::new(&self.source, Arc::clone(keys), good.origin.wall(), good.confirmed));
            place.put(set);
        }
    }

    /// Tells users, if there is news.
    async fn report(&mut self) -> Result<(), Ended> {
        let in_use = match self.usable() {
            Some(good) => InUse::Keys {
                skipped: &good.skipped,
                as_of: good.origin.wall(),
                until: good.confirmed.plus(self.max_stale),
            },
            None => InUse::Nothing,
        };
        let report = report(self.failure.as_ref(), &in_use);
        if self.reported.as_ref() == Some(&report) {
            return Ok(());
        }
        if let Some(failure) = &self.failure {
            tracing::warn!(source = %name(&self.source), %failure, "key set not fetched");
        } else {
            tracing::info!(source = %name(&self.source), skipped = report.findings.len(), "key set fetched");
        }
        self.reported = Some(report.clone());
        let key = ReportKey::Keys(self.source.clone());
        self.tools.sender.send(Update::Report { key, report }).await.map_err(|_| Ended)
    }
}

/// What the archive has of a source, as far as it may be used now.
async fn archived(desk: &Desk, source: &KeySource, clock: &Clock, max_stale: Duration) -> Option<Good> {
    let content = desk.content().await;
    let now = Moment { wall: clock.now(), tick: clock.tick() };
    let name = name(source);
    match archive::read(&content, source, now.wall, max_stale) {
        Ok(None) => None,
        Ok(Some(archive::Read { set, skipped, as_of, fetched })) => {
            tracing::info!(source = %name, fetched = fetched.secs(), keys = set.len(), "key set found in the archive");
            let origin = Origin { asked: now, age: now.wall.since(as_of) };
            let stale = now.tick + max_stale.saturating_sub(now.wall.since(fetched));
            Some(Good { set, skipped, from: Provenance::Archive, origin, confirmed: fetched, stale })
        }
        Err(problem) => {
            tracing::warn!(source = %name, %problem, "key set in the archive is not used");
            None
        }
    }
}

/// A source as logs show it.
fn name(source: &KeySource) -> String {
    let (KeyPlace::Discovery(url) | KeyPlace::Url(url)) = &source.place;
    without_query(url)
}

impl Good {
    /// As requests see it.
    fn accepted(&self, next: UnixTime) -> AcceptedKeys {
        AcceptedKeys::Known { set: self.set.clone(), as_of: AsOf::Fetch { began: self.origin.wall(), next } }
    }

    /// What makes a fetch from here conditional.
    fn validators(&self, from: &str) -> Option<&Validators> {
        match &self.from {
            Provenance::Fetched { url, validators, .. } if url == from => Some(validators),
            Provenance::Fetched { .. } | Provenance::Archive => None,
        }
    }

    const fn is_fetched(&self) -> bool {
        matches!(self.from, Provenance::Fetched { .. })
    }

    /// It was still good at this time.
    fn confirm(&mut self, at: Moment, max_stale: Duration) {
        self.confirmed = at.wall;
        self.stale = at.tick + max_stale;
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
