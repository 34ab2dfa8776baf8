//! One request and its reply as the log and the counters see them.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode};

use super::body::{BodyError, Upload};
use super::session::Session;
use super::worker::Worker;
use crate::clock::{Tick, UnixTime};
use crate::telemetry::{AccessEntry, Outcome};
use crate::wire::forwarded::Peer;

/// What is remembered of a request until its reply has been handed over; dropped then, or when the client leaves, and
/// only then logged and counted, exactly once.
pub(super) struct Exchange {
    worker: Rc<Worker>,
    session: Rc<Session>,
    time: UnixTime,
    started: Tick,
    pub(super) method: Method,
    pub(super) host: Box<str>,
    /// Normalised, without the query.
    pub(super) path: Box<str>,
    pub(super) client: IpAddr,
    pub(super) request_id: HeaderValue,
    pub(super) rule: Arc<str>,
    /// The policy's entry that let it in.
    pub(super) policy: Option<Arc<str>>,
    pub(super) upstream: Option<SocketAddr>,
    pub(super) upload: Option<Rc<Upload>>,
    pub(super) status: Option<StatusCode>,
    pub(super) reason: &'static str,
    sent: u64,
    complete: bool,
}

impl Exchange {
    /// A request whose head has just been read.
    pub(super) fn new(worker: Rc<Worker>, session: Rc<Session>, method: Method) -> Self {
        let (time, started) = worker.now();
        let rule = worker.no_rule();
        let client = session.peer().address();
        let request_id = request_id(worker.random().next());
        Self {
            worker,
            session,
            time,
            started,
            method,
            host: Box::default(),
            path: Box::default(),
            client,
            request_id,
            rule,
            policy: None,
            upstream: None,
            upload: None,
            status: None,
            reason: "",
            sent: 0,
            complete: false,
        }
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

    /// Bytes of the reply's body were handed over.
    pub(super) fn sent(&mut self, bytes: u64) {
        self.sent = self.sent.saturating_add(bytes);
    }

    /// All of the reply was handed over.
    pub(super) fn complete(&mut self) {
        self.complete = true;
    }

    /// The reply's body ended early, after its head had gone out.
    pub(super) fn broke_off(&mut self, error: &BodyError) {
        self.complete = true;
        self.reason = match error {
            BodyError::TooLarge => "body_too_large",
            BodyError::Broken(_) => "upstream_broke_off",
            BodyError::TooLate => "upstream_timeout",
        };
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let duration = self.worker.tick().since(self.started);
        let status = match self.status {
            Some(status) if self.complete || self.method == Method::HEAD => status.as_u16(),
            // Whoever waits for the rest of a reply and leaves is told apart from one who leaves before its head.
            Some(status) => {
                if self.reason.is_empty() && !status_has_no_body(status) {
                    self.reason = "client_left";
                }
                status.as_u16()
            }
            None => {
                self.reason = "client_left";
                499
            }
        };
        self.worker.log(&AccessEntry {
            time: self.time,
            method: self.method.as_str(),
            host: &self.host,
            path: &self.path,
            status,
            reason: self.reason,
            rule: &self.rule,
            policy: self.policy.as_deref().unwrap_or_default(),
            client: self.client,
            upstream: self.upstream,
            duration,
            received: self.upload.as_ref().map_or(0, |upload| upload.received.get()),
            sent: self.sent,
            request_id: self.request_id.to_str().unwrap_or_default(),
        });
        self.worker.counters().request(Outcome { rule: &self.rule, status, reason: self.reason, duration });
        self.session.end();
    }
}

fn status_has_no_body(status: StatusCode) -> bool {
    status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

/// Sixteen hexadecimal digits.
fn request_id(number: u64) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 16];
    for (place, digit) in text.iter_mut().rev().enumerate() {
        let nibble = usize::try_from((number >> (4 * place)) & 0xf).unwrap_or_default();
        *digit = DIGITS.get(nibble).copied().unwrap_or_default();
    }
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0"))
}
