//! Clients that have tokens issued by one replica and use them at every other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{RwLock, watch};
use tokio::task::JoinSet;

use super::{Ask, Echo};

/// A request that waits longer than this for its answer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Clients at once.
const CLIENTS: usize = 3;

/// Between two rounds of one client, so that the load leaves the processor to the others.
const PAUSE: Duration = Duration::from_millis(40);

/// A client that asks again and again.
pub(crate) struct TokenLoad {
    clients: JoinSet<()>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
}

struct Shared {
    /// Held for as long as anybody asks a replica, so that one can be taken out between two requests.
    replicas: RwLock<BTreeMap<String, SocketAddr>>,
    added: Mutex<Vec<(String, SocketAddr)>>,
    issuer: String,
    path: String,
    client: String,
    secret: String,
    api: String,
    tally: Mutex<Tally>,
    _upstream: Echo,
}

/// What became of the requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// How often a token was used and taken.
    pub(crate) used: usize,
    /// Whatever else became of a request.
    pub(crate) refused: Vec<String>,
}

/// One token, to be used later.
pub(crate) struct Token {
    shared: Arc<Shared>,
    text: Mutex<String>,
}

impl TokenLoad {
    /// Starts asking, as soon as there are replicas.
    pub(crate) fn start(issuer: &str, path: &str, client: &str, secret: &str, api: &str, upstream: Echo) -> Self {
        let shared = Arc::new(Shared {
            replicas: RwLock::default(),
            added: Mutex::default(),
            issuer: issuer.to_owned(),
            path: path.to_owned(),
            client: client.to_owned(),
            secret: secret.to_owned(),
            api: api.to_owned(),
            tally: Mutex::default(),
            _upstream: upstream,
        });
        let stop = watch::Sender::new(false);
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            clients.spawn(keep_asking(number, Arc::clone(&shared), stop.subscribe()));
        }
        Self { clients, shared, stop }
    }

    /// From now on this replica is asked too.
    pub(crate) fn add(&self, name: &str, at: SocketAddr) {
        self.shared.added.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), at));
    }

    /// From now on this replica is asked no more, and no request to it is under way.
    pub(crate) async fn remove(&self, name: &str) {
        self.shared.take_added().await;
        self.shared.replicas.write().await.remove(name);
    }

    /// How often a token was used and taken so far.
    pub(crate) fn used(&self) -> usize {
        self.shared.tally().used
    }

    /// Whether each of these issues tokens that each of them takes.
    pub(crate) async fn works_at(&self, replicas: &[SocketAddr]) -> bool {
        for at in replicas {
            let Ok(token) = self.shared.issue(*at).await else { return false };
            for at in replicas {
                if Ask::of(&self.shared.api).with(&token).send(*at).await.status != 200 {
                    return false;
                }
            }
        }
        true
    }

    /// A token for later.
    pub(crate) async fn token(&self) -> Token {
        self.shared.take_added().await;
        let at = *self.shared.replicas.read().await.values().next().unwrap();
        let text = self.shared.issue(at).await.unwrap();
        Token { shared: Arc::clone(&self.shared), text: Mutex::new(text) }
    }

    /// Lets requests under way end; what became of all.
    pub(crate) async fn stop(self) -> Tally {
        self.stop.send_replace(true);
        self.clients.join_all().await;
        self.shared.tally()
    }
}

impl Token {
    /// The status of a request with it.
    pub(crate) async fn use_at(&self, at: SocketAddr) -> u16 {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ask::of(&self.shared.api).with(&text).send(at).await.status
    }

    /// Whether another one is issued there.
    pub(crate) async fn renew(&self, at: SocketAddr) -> bool {
        let issued = self.shared.issue(at).await;
        let is_issued = issued.is_ok();
        if let Ok(text) = issued {
            *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
        }
        is_issued
    }
}

impl Shared {
    fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn take_added(&self) {
        let added = std::mem::take(&mut *self.added.lock().unwrap_or_else(PoisonError::into_inner));
        if !added.is_empty() {
            self.replicas.write().await.extend(added);
        }
    }

    /// A token of the replica there, or what it said instead.
    async fn issue(&self, at: SocketAddr) -> Result<String, String> {
        let credentials = BASE64_STANDARD.encode(format!("{}:{}", self.client, self.secret));
        let request = Request::post(&self.path)
            .header("host", &self.issuer)
            .header("authorization", format!("Basic {credentials}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from_static(b"grant_type=client_credentials")))
            .unwrap();
        let exchange = async {
            let stream = TcpStream::connect(at).await.map_err(|error| error.to_string())?;
            let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
            let mut tasks = JoinSet::new();
            tasks.spawn(connection);
            let reply = sender.send_request(request).await.map_err(|error| error.to_string())?;
            let status = reply.status().as_u16();
            let body = reply.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
            let body = String::from_utf8(body.to_vec()).map_err(|error| error.to_string())?;
            let answer: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            answer["access_token"].as_str().map(str::to_owned).ok_or_else(|| format!("{status} {body}"))
        };
        tokio::time::timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }
}

async fn keep_asking(number: usize, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut round = number;
    while !*stop.borrow() {
        shared.take_added().await;
        {
            let replicas = shared.replicas.read().await;
            let all: Vec<(&String, SocketAddr)> = replicas.iter().map(|(name, at)| (name, *at)).collect();
            if let Some((name, at)) = all.get(round % all.len().max(1)) {
                match shared.issue(*at).await {
                    Ok(token) => {
                        for (user, at) in &all {
                            let reply = Ask::of(&shared.api).with(&token).send(*at).await;
                            let mut tally = shared.tally.lock().unwrap_or_else(PoisonError::into_inner);
                            if reply.status == 200 {
                                tally.used += 1;
                            } else {
                                tally.refused.push(format!("of {name} at {user}: {reply:?}"));
                            }
                        }
                    }
                    Err(why) => {
                        let mut tally = shared.tally.lock().unwrap_or_else(PoisonError::into_inner);
                        tally.refused.push(format!("issued by {name}: {why}"));
                    }
                }
            }
        }
        round += 1;
        let _ = tokio::time::timeout(PAUSE, stop.wait_for(|stop| *stop)).await;
    }
}
