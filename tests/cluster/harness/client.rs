//! Requests to a gateway, one at a time and many at once.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A request that waits longer than this for its answer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Half of the load's clients keep their connection, the others open one for each request.
const CLIENTS: usize = 4;

/// Between two requests of one client, so that the load leaves the processor to the others.
const PAUSE: Duration = Duration::from_millis(5);

/// A GET.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    host: String,
    path: String,
    key: Option<String>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: u16,
    /// The whole body.
    pub(crate) body: String,
}

/// Why there was no reply.
type Failure = Box<dyn Error + Send + Sync>;

impl Ask {
    /// For the root of this host, without a credential.
    pub(crate) fn of(host: &str) -> Self {
        Self { host: host.to_owned(), path: "/".to_owned(), key: None }
    }

    /// With this API key.
    pub(crate) fn with(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    /// For this path.
    pub(crate) fn at(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    /// Asks on a connection of its own. A request without an answer fails the test.
    pub(crate) async fn send(&self, to: SocketAddr) -> Reply {
        let mut client = Client::connect(to).await.unwrap();
        client.ask(self).await.unwrap()
    }
}

impl Reply {
    /// The member `code` of a problem body.
    pub(crate) fn code(&self) -> String {
        let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        problem["code"].as_str().unwrap().to_owned()
    }
}

/// One connection.
struct Client {
    sender: SendRequest<Empty<Bytes>>,
    _connection: JoinSet<hyper::Result<()>>,
}

impl Client {
    async fn connect(to: SocketAddr) -> Result<Self, Failure> {
        let stream = tokio::time::timeout(PATIENCE, TcpStream::connect(to)).await??;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        Ok(Self { sender, _connection: tasks })
    }

    async fn ask(&mut self, ask: &Ask) -> Result<Reply, Failure> {
        let mut request = Request::get(&ask.path).header("host", &ask.host);
        if let Some(key) = &ask.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request.body(Empty::new())?;
        let exchange = async {
            let (head, body) = self.sender.send_request(request).await?.into_parts();
            let body = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
            Ok(Reply { status: head.status.as_u16(), body })
        };
        tokio::time::timeout(PATIENCE, exchange).await?
    }
}

/// Clients that ask again and again, each as soon as it has its answer and has paused.
pub(crate) struct Load {
    clients: JoinSet<()>,
    tally: Arc<Mutex<Tally>>,
    stop: watch::Sender<bool>,
}

/// What became of the requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// How many were answered with 200, by their body.
    pub(crate) served: BTreeMap<String, usize>,
    /// Whatever else became of one.
    pub(crate) failed: Vec<String>,
}

impl Load {
    /// Starts asking.
    pub(crate) fn start(to: SocketAddr, ask: &Ask) -> Self {
        let tally = Arc::default();
        let stop = watch::Sender::new(false);
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let keeps = number % 2 == 0;
            clients.spawn(keep_asking(to, ask.clone(), keeps, Arc::clone(&tally), stop.subscribe()));
        }
        Self { clients, tally, stop }
    }

    /// What became of those that have ended by now.
    pub(crate) fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many were answered with this body.
    pub(crate) fn served_by(&self, body: &str) -> usize {
        self.tally().served.get(body).copied().unwrap_or(0)
    }

    /// Lets requests under way end; what became of all.
    pub(crate) async fn stop(self) -> Tally {
        self.stop.send_replace(true);
        self.clients.join_all().await;
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn keep_asking(to: SocketAddr, ask: Ask, keeps: bool, tally: Arc<Mutex<Tally>>, mut stop: watch::Receiver<bool>) {
    let mut kept = None;
    while !*stop.borrow() {
        let asked = async {
            let mut client = match kept.take() {
                Some(client) => client,
                None => Client::connect(to).await?,
            };
            Ok::<_, Failure>((client.ask(&ask).await?, client))
        };
        let outcome = asked.await;
        {
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok((Reply { status: 200, body }, client)) => {
                    *tally.served.entry(body).or_default() += 1;
                    kept = keeps.then_some(client);
                }
                Ok((reply, _)) => tally.failed.push(format!("{reply:?}")),
                Err(failure) => tally.failed.push(format!("{failure:?}")),
            }
        }
        let _ = tokio::time::timeout(PAUSE, stop.wait_for(|stop| *stop)).await;
    }
}
