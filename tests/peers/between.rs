//! A gateway between many clients and an upstream; and, when both have ended, what they say of each client's requests.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

use crate::gateway::{GUARDED, Gateway, Line};
use crate::nginx::Nginx;
use crate::node::Node;
use crate::row::Verdict;
use crate::seen::{Seen, decode};

/// A gateway and its upstream.
pub(crate) struct Between {
    gateway: Gateway,
    upstream: Upstream,
}

enum Upstream {
    Node(Box<Node>),
    Nginx(Box<Nginx>),
}

/// An address of the loopback network for each client, by which the log tells them apart.
pub(crate) fn client(number: usize) -> Ipv4Addr {
    let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
    Ipv4Addr::new(127, 1, high, low)
}

/// Fails if there are faults.
pub(crate) fn report(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

impl Between {
    pub(crate) async fn node() -> Self {
        let node = Node::start().await;
        Self { gateway: Gateway::start(node.address).await, upstream: Upstream::Node(Box::new(node)) }
    }

    pub(crate) async fn nginx() -> Self {
        let nginx = Nginx::start().await;
        Self { gateway: Gateway::start(nginx.address).await, upstream: Upstream::Nginx(Box::new(nginx)) }
    }

    /// Where clients connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// One that opens what is guarded.
    pub(crate) fn token(&self) -> &str {
        &self.gateway.token
    }

    /// Ends both in order: all that was sent has been seen then, and all has been logged.
    pub(crate) async fn end(self) -> Heard {
        let lines = self.gateway.end().await;
        let (seen, errors) = match self.upstream {
            Upstream::Node(node) => node.end().await,
            Upstream::Nginx(nginx) => nginx.end().await,
        };
        Heard { lines, seen, errors }
    }
}

/// What the gateway took requests for, and what the upstream did.
pub(crate) struct Heard {
    lines: Vec<Line>,
    seen: Vec<Seen>,
    /// What came to the upstream and was no request to it.
    pub(crate) errors: Vec<String>,
}

impl Heard {
    /// What may never be, whatever was sent: each fault in words.
    ///
    /// What the upstream saw is in the log under its id, once, and as it was judged; what was answered with 200 was seen
    /// whole; and what is guarded was reached by whoever had a token.
    pub(crate) fn faults(&self) -> Vec<String> {
        let by_id: BTreeMap<&str, &Line> = self.lines.iter().map(|line| (line.id.as_str(), line)).collect();
        let (mut faults, mut ids) = (Vec::new(), BTreeSet::new());
        for seen in &self.seen {
            let mut found = seen.faults();
            if !ids.insert(seen.id.as_str()) {
                found.push("the upstream was sent it twice".to_owned());
            }
            match by_id.get(seen.id.as_str()).filter(|line| line.has_upstream) {
                None => found.push("the upstream saw what was not sent".to_owned()),
                Some(line) => found.extend(differences(line, seen)),
            }
            faults.extend(found.iter().map(|fault| format!("{fault}: {seen:?}")));
        }
        let whole: BTreeSet<_> =
            self.seen.iter().filter(|seen| seen.is_complete).map(|seen| seen.id.as_str()).collect();
        let unseen = self.lines.iter().filter(|line| line.status == 200 && !whole.contains(line.id.as_str()));
        faults.extend(unseen.map(|line| format!("the upstream did not see all of what was answered: {line:?}")));
        faults
    }

    /// In what this differs from rows by their names and verdicts, each sent by the client of its number.
    pub(crate) fn faults_of(&self, rows: impl IntoIterator<Item = (&'static str, Vec<Verdict>)>) -> Vec<String> {
        let mut faults = self.errors.clone();
        faults.extend(self.faults());
        for (number, (name, verdicts)) in rows.into_iter().enumerate() {
            let compared = self.compare(client(number), &verdicts);
            faults.extend(compared.iter().map(|fault| format!("{name}: {fault}")));
        }
        faults
    }

    /// How many requests the upstream saw whole.
    pub(crate) fn passed(&self) -> usize {
        self.seen.iter().filter(|seen| seen.is_complete).count()
    }

    /// In what the requests of a client differ from `verdicts`: each fault in words.
    fn compare(&self, client: Ipv4Addr, verdicts: &[Verdict]) -> Vec<String> {
        let client = client.to_string();
        let lines: Vec<_> = self.lines.iter().filter(|line| line.client == client).collect();
        let mut rest: Vec<_> = self.seen.iter().filter(|seen| seen.client == client).collect();
        let mut faults = Vec::new();
        if lines.len() != verdicts.len() {
            faults.push(format!("{} requests were logged, not {}: {lines:?}", lines.len(), verdicts.len()));
        }
        for (line, verdict) in lines.iter().zip(verdicts) {
            let place = rest.iter().position(|seen| seen.id == line.id);
            let seen = place.map(|place| rest.remove(place));
            if !is_so(verdict, line, seen) {
                faults.push(format!("not {verdict:?}, but {line:?}, and at the upstream {seen:?}"));
            }
        }
        faults.extend(rest.iter().map(|seen| format!("the upstream saw besides {seen:?}")));
        faults
    }
}

/// In what the gateway and the upstream differ about a request that both know.
fn differences(line: &Line, seen: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    let path = seen.target.split('?').next().unwrap_or_default();
    if (&line.client, &line.method, line.path.as_str()) != (&seen.client, &seen.method, path) {
        found.push(format!("it is something else to the gateway, {line:?}"));
    }
    if decode(&line.path) != seen.path {
        found.push(format!("its path is another to the gateway, {}", line.path));
    }
    if seen.is_complete && line.received != seen.body_bytes() {
        found.push(format!("its body has {} bytes to the gateway", line.received));
    }
    if seen.is_below(GUARDED) && line.policy.is_none() {
        found.push("it is guarded, and nobody was let in".to_owned());
    }
    if line.policy.is_none() && seen.claims_an_identity() {
        found.push("it claims an identity, and nobody was let in".to_owned());
    }
    found
}

fn is_so(verdict: &Verdict, line: &Line, seen: Option<&Seen>) -> bool {
    match (verdict, seen) {
        (Verdict::Passes(start, body), Some(seen)) => {
            let is_it = format!("{} {}", seen.method, seen.target) == *start && seen.body == *body;
            line.status == 200 && seen.is_complete && is_it
        }
        (Verdict::Refused(status), None) => line.status == *status && !line.has_upstream,
        (Verdict::BreaksOff(status), seen) => {
            let is_it = status.map_or((400..500).contains(&line.status), |status| line.status == status);
            is_it && seen.is_none_or(|seen| !seen.is_complete)
        }
        (Verdict::Passes(..), None) | (Verdict::Refused(_), Some(_)) => false,
    }
}
