//! One request and its reply as the log and the counters see them.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use http::{Method, StatusCode};

use super::access::Caller;
use super::body::{BodyError, Upload};
use super::session::Session;
use super::taking::Taking;
use super::trace::RequestName;
use super::worker::Worker;
use crate::clock::{Tick, UnixTime};
use crate::jose::Fingerprint;
use crate::snapshot::{Chain, Dialect};
use crate::telemetry::{AccessEntry, End, Ending, Event, Outcome, TokenLookUp};
use crate::wire::forwarded::Peer;

/// What is remembered of a request until its reply has been handed over; dropped then, or when the client leaves, and
/// only then logged and counted, exactly once.
pub(super) struct Exchange {
    worker: Rc<Worker>,
    session: Rc<Session>,
    /// Whether an HTTP/2 client takes what it is sent.
    taking: Option<Rc<Taking>>,
    time: UnixTime,
    started: Tick,
    method: Method,
    target: Target,
    pub(super) client: IpAddr,
    pub(super) name: RequestName,
    /// The rule that took it.
    chain: Option<Arc<Chain>>,
    /// Whose credential was verified, let in or not.
    pub(super) caller: Option<Caller>,
    /// The issuer of ours that was asked.
    pub(super) issuer: Option<IssuedBy>,
    pub(super) token: Option<TokenLookUp>,
    pub(super) upstream: Option<SocketAddr>,
    pub(super) upload: Option<Rc<Upload>>,
    pub(super) status: Option<StatusCode>,
    /// Why it is refused; empty unless it is.
    pub(super) reason: &'static str,
    /// How the reply broke off, after its head had gone out.
    broken_off: Option<Ending>,
    spoofed: bool,
    sent: u64,
    complete: bool,
}

/// Whose endpoint a request went to.
pub(super) struct IssuedBy {
    /// `namespace/name` of the policy.
    pub(super) policy: Arc<str>,
    /// The client that asked, once it is known.
    pub(super) client: Option<Arc<str>>,
}

/// Host and path in one buffer: they outlive the request's head, and are two allocations otherwise.
#[derive(Default)]
struct Target {
    text: String,
    host: usize,
}

impl Exchange {
    /// A request whose head has just been read.
    pub(super) fn new(
        worker: Rc<Worker>,
        session: Rc<Session>,
        taking: Option<Rc<Taking>>,
        method: Method,
    ) -> Box<Self> {
        let (time, started) = worker.now();
        let client = session.peer().address();
        let name = RequestName::draw(worker.random());
        Box::new(Self {
            worker,
            session,
            taking,
            time,
            started,
            method,
            target: Target::default(),
            client,
            name,
            chain: None,
            caller: None,
            issuer: None,
            token: None,
            upstream: None,
            upload: None,
            status: None,
            reason: "",
            broken_off: None,
            spoofed: false,
            sent: 0,
            complete: false,
        })
    }

    /// The other end of the client's connection.
    pub(super) fn peer(&self) -> &Peer {
        self.session.peer()
    }

    /// When the head was complete.
    pub(super) const fn started(&self) -> Tick {
        self.started
    }

    /// The wall-clock time of the head.
    pub(super) const fn time(&self) -> UnixTime {
        self.time
    }

    pub(super) const fn method(&self) -> &Method {
        &self.method
    }

    /// In lower case, without a port; empty until it is known.
    pub(super) fn host(&self) -> &str {
        self.target.text.get(..self.target.host).unwrap_or_default()
    }

    /// Normalised, without the query; empty until it is known.
    pub(super) fn path(&self) -> &str {
        self.target.text.get(self.target.host..).unwrap_or_default()
    }

    /// Says which host is asked for; `room` is how long the path will probably be.
    pub(super) fn set_host(&mut self, host: &str, room: usize) {
        let mut text = String::with_capacity(host.len() + room);
        text.push_str(host);
        self.target = Target { text, host: host.len() };
    }

    /// Says which path is asked for, after the host.
    pub(super) fn set_path(&mut self, path: &str) {
        self.target.text.truncate(self.target.host);
        self.target.text.push_str(path);
    }

    /// Says which rule takes the request.
    pub(super) fn set_chain(&mut self, chain: &Arc<Chain>) {
        self.chain = Some(Arc::clone(chain));
    }

    /// The rule that takes the request, once it is known.
    pub(super) const fn chain(&self) -> Option<&Arc<Chain>> {
        self.chain.as_ref()
    }

    /// In which form a refusal is written.
    pub(super) fn dialect(&self) -> Dialect {
        let stages = self.chain.as_ref().and_then(|chain| chain.stages().ok());
        stages.map_or(Dialect::Problem, |stages| stages.dialect)
    }

    /// The request brought a header that only we may set. Counted once, and said in the log unless there is more to say.
    pub(super) fn brought_spoofed_headers(&mut self) {
        self.spoofed = true;
    }

    /// Whether the connection ends with this reply, because the replica drains. HTTP/2 says so in a frame.
    pub(super) fn must_close(&self) -> bool {
        self.worker.is_draining() && !self.session.is_http2()
    }

    /// hyper asks for the next part of the reply: the client has room for it.
    pub(super) fn asked(&self) {
        if let Some(taking) = &self.taking {
            taking.asked();
        }
    }

    /// Bytes of the reply's body were handed over.
    pub(super) fn sent(&mut self, bytes: u64) {
        self.sent = self.sent.saturating_add(bytes);
        if let Some(taking) = &self.taking {
            taking.offered();
        }
    }

    /// All of the reply was handed over.
    pub(super) fn complete(&mut self) {
        self.complete = true;
    }

    /// The reply's body ended early, after its head had gone out.
    pub(super) fn broke_off(&mut self, error: &BodyError) {
        self.complete = true;
        self.broken_off = Some(match (&self.upload, error) {
            // The upstream breaks off because we broke off towards it.
            (Some(upload), BodyError::Broken(_)) if upload.too_large.get() => Ending::BodyTooLarge,
            (Some(upload), BodyError::Broken(_)) if upload.broken.get() => Ending::ClientBrokeOff,
            (_, BodyError::TooLarge) => Ending::BodyTooLarge,
            (_, BodyError::Broken(_)) => Ending::UpstreamBrokeOff,
            (_, BodyError::TooLate) => Ending::UpstreamTimeout,
            (_, BodyError::Ended) => Ending::ShuttingDown,
        });
    }

    /// The status that stands in the log, and how the request ended.
    fn verdict(&self) -> (u16, End) {
        let left = || match &self.taking {
            Some(taking) if taking.has_stalled() => End::BrokenOff(Ending::ClientTooSlow),
            _ if self.session.has_expired() => End::BrokenOff(Ending::ClientTooSlow),
            _ => End::BrokenOff(Ending::ClientLeft),
        };
        let Some(status) = self.status else { return (499, left()) };
        let end = match self.broken_off {
            _ if !self.reason.is_empty() => End::Refused(self.reason),
            Some(ending) => End::BrokenOff(ending),
            // Whoever waits for the rest of a reply and leaves is told apart from one who leaves before its head.
            None if !self.complete && self.method != Method::HEAD && has_body(status) => left(),
            None => End::Whole,
        };
        (status.as_u16(), end)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let now = self.worker.tick();
        let duration = now.since(self.started);
        let (status, end) = self.verdict();
        let reason = if end == End::Whole && self.spoofed { Ending::SpoofedHeader.as_str() } else { end.as_str() };
        let rule = self.chain.as_ref().map_or_else(|| self.worker.no_rule(), |chain| chain.rule());
        let caller = self.caller.as_ref();
        let issuer = self.issuer.as_ref();
        let asking = issuer.and_then(|issuer| issuer.client.as_deref());
        let subject = caller.and_then(|caller| caller.subject(self.worker.fingerprints()));
        let mut digits = [0; 16];
        self.worker.log(&AccessEntry {
            time: self.time,
            method: self.method.as_str(),
            host: self.host(),
            path: self.path(),
            status,
            reason,
            rule,
            policy: caller.map(Caller::entry).or(issuer.map(|issuer| &*issuer.policy)).unwrap_or_default(),
            client_id: caller.and_then(Caller::client).or(asking).unwrap_or_default(),
            team: caller.and_then(Caller::team).unwrap_or_default(),
            subject: subject.as_ref().map(Fingerprint::as_str).unwrap_or_default(),
            client: self.client,
            upstream: self.upstream,
            duration,
            received: self.upload.as_ref().map_or(0, |upload| upload.received.get()),
            sent: self.sent,
            request_id: self.name.text(&mut digits),
        });
        if self.spoofed {
            self.worker.counters().event(Event::SpoofedHeader);
        }
        self.worker.counters().request(Outcome { rule, status, end, duration, token: self.token });
        self.session.end(now);
    }
}

fn has_body(status: StatusCode) -> bool {
    status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}
