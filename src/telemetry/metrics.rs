//! The counters of requests: one set per data thread, added up when they are read.
//!
//! A thread counts under a lock of its own that nobody else takes but a reader of `/metrics`, so counting costs no
//! contended cache line. Labels are rules and refusal reasons, which resources and code bound; beyond
//! [`MAX_SERIES`] everything is counted as `other`.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::denial::Grant;
use super::words::End;

/// The most label sets that one thread counts apart.
const MAX_SERIES: usize = 20_000;

/// Upper bounds of the duration buckets, in microseconds.
const BUCKETS: [u64; 12] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000, 10_000_000];

/// What is counted of one request.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// `namespace/name/rule`, or empty.
    pub rule: &'a Arc<str>,
    /// The status of the reply.
    pub status: u16,
    /// How it ended.
    pub end: End,
    /// From the complete head to the last byte handed over.
    pub duration: Duration,
    /// Whether its token was found among the verified ones; `None` where none was looked for.
    pub token: Option<TokenLookUp>,
}

/// Whether a token was found among those that were verified before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenLookUp {
    /// It was: no signature had to be checked.
    Hit,
    /// It was not.
    Miss,
}

/// Declares the events once: the variant, its metric and what it counts.
macro_rules! events {
    ($($name:ident $metric:literal $help:literal,)+) => {
        /// Something that is counted by itself, besides the request in which it happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Event {
            $(#[doc = $help] $name,)+
        }

        impl Event {
            /// Every event, in the order in which they are written.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            const fn metric(self) -> &'static str {
                match self { $(Self::$name => $metric,)+ }
            }

            const fn help(self) -> &'static str {
                match self { $(Self::$name => $help,)+ }
            }
        }
    };
}

events! {
    ClaimDropped "bearward_claims_dropped" "Claims that could not be put into a header.",
    SpoofedHeader "bearward_spoofed_requests" "Requests that brought a header which only the gateway may set.",
    SignatureLimited "bearward_signature_checks_limited" "Tokens not verified because their source kept failing.",
    KeyWait "bearward_key_waits" "Requests that waited for newer keys of an issuer.",
    Http2Flood "bearward_http2_floods" "HTTP/2 connections ended for resets, or sizes of heads, beyond measure.",
    KeyWaitShed "bearward_key_waits_shed" "Requests that would have waited for keys, but too many did already.",
}

/// How many kinds of event there are.
const EVENTS: usize = Event::ALL.len();

/// How many grants there are.
const GRANTS: usize = Grant::ALL.len();

/// The most policies whose tokens one thread counts apart.
const MAX_ISSUERS: usize = 4_096;

/// The counters of one data thread.
#[derive(Debug, Default)]
pub struct WorkerCounters {
    inner: Mutex<Inner>,
    connections: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    requests: HashMap<(Arc<str>, u16), u64, foldhash::fast::RandomState>,
    refusals: HashMap<&'static str, u64, foldhash::fast::RandomState>,
    broken_off: HashMap<&'static str, u64, foldhash::fast::RandomState>,
    buckets: [u64; BUCKETS.len()],
    duration_count: u64,
    duration_micros: u64,
    cache_hits: u64,
    cache_misses: u64,
    events: [u64; EVENTS],
    /// By the name of the policy.
    issued: HashMap<Arc<str>, [u64; GRANTS], foldhash::fast::RandomState>,
}

impl WorkerCounters {
    /// Counts a request that has ended.
    pub fn request(&self, outcome: Outcome<'_>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Arc::clone(outcome.rule), outcome.status);
        if let Some(count) = inner.requests.get_mut(&key) {
            *count += 1;
        } else if inner.requests.len() < MAX_SERIES {
            inner.requests.insert(key, 1);
        } else {
            *inner.requests.entry(("other".into(), outcome.status)).or_default() += 1;
        }
        match outcome.end {
            End::Refused(word) if !word.is_empty() => *inner.refusals.entry(word).or_default() += 1,
            End::Whole | End::Refused(_) => {}
            End::BrokenOff(ending) => *inner.broken_off.entry(ending.as_str()).or_default() += 1,
        }
        let micros = u64::try_from(outcome.duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.partition_point(|bound| *bound < micros);
        if let Some(count) = inner.buckets.get_mut(bucket) {
            *count += 1;
        }
        inner.duration_count += 1;
        inner.duration_micros = inner.duration_micros.saturating_add(micros);
        match outcome.token {
            Some(TokenLookUp::Hit) => inner.cache_hits += 1,
            Some(TokenLookUp::Miss) => inner.cache_misses += 1,
            None => {}
        }
    }

    /// Counts an event.
    pub fn event(&self, event: Event) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        for (known, count) in Event::ALL.iter().zip(&mut inner.events) {
            *count += u64::from(*known == event);
        }
    }

    /// Counts a token that an issuer has given out.
    pub fn issued(&self, policy: &Arc<str>, grant: Grant) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = inner.issued.contains_key(policy) || inner.issued.len() < MAX_ISSUERS;
        let policy = if is_known { Arc::clone(policy) } else { "other".into() };
        let counts = inner.issued.entry(policy).or_default();
        for (known, count) in Grant::ALL.iter().zip(counts) {
            *count += u64::from(*known == grant);
        }
    }

    /// Counts a connection of a client in.
    pub fn connection_opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one out.
    pub fn connection_closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many connections of clients are open.
    pub fn open_connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// The counters of all data threads.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    workers: Arc<[Arc<WorkerCounters>]>,
}

impl Counters {
    /// Counters for so many threads.
    pub fn new(threads: usize) -> Self {
        Self { workers: (0..threads).map(|_| Arc::default()).collect() }
    }

    /// Those of each thread.
    pub fn workers(&self) -> impl Iterator<Item = &Arc<WorkerCounters>> {
        self.workers.iter()
    }

    /// Appends all of them in the `OpenMetrics` text format, in a fixed order.
    pub fn write(&self, out: &mut String) {
        let mut requests = BTreeMap::<(Arc<str>, u16), u64>::new();
        let mut refusals = BTreeMap::<&str, u64>::new();
        let mut broken_off = BTreeMap::<&str, u64>::new();
        let mut buckets = [0; BUCKETS.len()];
        let (mut count, mut micros, mut hits, mut misses) = (0, 0_u64, 0, 0);
        let mut events = [0; EVENTS];
        let mut connections = 0_usize;
        let mut issued = BTreeMap::<Arc<str>, [u64; GRANTS]>::new();
        for worker in self.workers.iter() {
            let inner = worker.inner.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, value) in &inner.requests {
                *requests.entry(key.clone()).or_default() += value;
            }
            for (key, value) in &inner.refusals {
                *refusals.entry(key).or_default() += value;
            }
            for (key, value) in &inner.broken_off {
                *broken_off.entry(key).or_default() += value;
            }
            for (sum, value) in buckets.iter_mut().zip(inner.buckets) {
                *sum += value;
            }
            count += inner.duration_count;
            micros = micros.saturating_add(inner.duration_micros);
            hits += inner.cache_hits;
            misses += inner.cache_misses;
            for (sum, value) in events.iter_mut().zip(inner.events) {
                *sum += value;
            }
            for (policy, counts) in &inner.issued {
                let sums = issued.entry(Arc::clone(policy)).or_default();
                sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
            connections += worker.open_connections();
        }
        // Writing to a `String` cannot fail.
        let _ = write_requests(out, &requests);
        let _ = write_refusals(out, &refusals, &broken_off);
        let _ = write_issued(out, &issued);
        let _ = write_durations(out, buckets, count, micros);
        let _ = writeln!(
            out,
            "# HELP bearward_token_cache Look-ups of verified tokens.\n# TYPE bearward_token_cache counter\n\
             bearward_token_cache_total{{result=\"hit\"}} {hits}\nbearward_token_cache_total{{result=\"miss\"}} {misses}"
        );
        for (event, value) in Event::ALL.iter().zip(events) {
            let (metric, help) = (event.metric(), event.help());
            let _ = writeln!(out, "# HELP {metric} {help}\n# TYPE {metric} counter\n{metric}_total {value}");
        }
        let _ = writeln!(
            out,
            "# HELP bearward_open_connections Connections of clients.\n# TYPE bearward_open_connections gauge\n\
             bearward_open_connections {connections}"
        );
    }
}

fn write_requests(out: &mut String, requests: &BTreeMap<(Arc<str>, u16), u64>) -> std::fmt::Result {
    writeln!(out, "# HELP bearward_requests Requests answered.\n# TYPE bearward_requests counter")?;
    for ((rule, status), value) in requests {
        // Rule names are names of Kubernetes objects: nothing in them needs escaping.
        writeln!(out, "bearward_requests_total{{rule=\"{rule}\",status=\"{status}\"}} {value}")?;
    }
    Ok(())
}

fn write_refusals(
    out: &mut String,
    refusals: &BTreeMap<&str, u64>,
    broken_off: &BTreeMap<&str, u64>,
) -> std::fmt::Result {
    writeln!(out, "# HELP bearward_refusals Requests that were refused, by reason.\n# TYPE bearward_refusals counter")?;
    for (reason, value) in refusals {
        writeln!(out, "bearward_refusals_total{{reason=\"{reason}\"}} {value}")?;
    }
    writeln!(
        out,
        "# HELP bearward_requests_broken_off Requests that were let through, and whose client left or whose reply broke off.\n\
         # TYPE bearward_requests_broken_off counter"
    )?;
    for (reason, value) in broken_off {
        writeln!(out, "bearward_requests_broken_off_total{{reason=\"{reason}\"}} {value}")?;
    }
    Ok(())
}

fn write_issued(out: &mut String, issued: &BTreeMap<Arc<str>, [u64; GRANTS]>) -> std::fmt::Result {
    writeln!(out, "# HELP bearward_tokens_issued Access tokens given out.\n# TYPE bearward_tokens_issued counter")?;
    for (policy, counts) in issued {
        for (grant, value) in Grant::ALL.iter().zip(counts).filter(|(_, value)| **value > 0) {
            // Policy names are names of Kubernetes objects, as those of rules.
            writeln!(out, "bearward_tokens_issued_total{{policy=\"{policy}\",grant=\"{}\"}} {value}", grant.as_str())?;
        }
    }
    Ok(())
}

fn write_durations(out: &mut String, buckets: [u64; BUCKETS.len()], count: u64, micros: u64) -> std::fmt::Result {
    writeln!(
        out,
        "# HELP bearward_request_duration_seconds From the complete head to the last byte handed over.\n\
         # TYPE bearward_request_duration_seconds histogram\n# UNIT bearward_request_duration_seconds seconds"
    )?;
    let mut sum = 0;
    for (bound, value) in BUCKETS.iter().zip(buckets) {
        sum += value;
        writeln!(out, "bearward_request_duration_seconds_bucket{{le=\"{}\"}} {sum}", seconds(*bound))?;
    }
    writeln!(out, "bearward_request_duration_seconds_bucket{{le=\"+Inf\"}} {count}")?;
    writeln!(out, "bearward_request_duration_seconds_count {count}")?;
    writeln!(out, "bearward_request_duration_seconds_sum {}", seconds(micros))
}

/// Microseconds as a decimal number of seconds.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
