//! What stands around a gateway besides upstreams of scripted bytes: an echo, an issuer and a model. Each ends when
//! dropped.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bearward::admin;
use bearward::clock::Clock;
use bearward::jose::{Algorithm, SigningKey};
use bearward::secret::Secret;
use bearward::simulate::{Provider, Says, Script};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A server on a free port of loopback.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start<F, R, B>(answer: impl FnOnce(SocketAddr) -> F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
        R: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(admin::serve(socket, Clock::system(), answer(address)));
        Self { address, _tasks: tasks }
    }
}

/// Answers with the request's method and target.
pub(crate) async fn echo() -> Server {
    Server::start(|_| {
        |request: Request<Incoming>| {
            let line = format!("{} {}\n", request.method(), request.uri());
            std::future::ready(Response::new(Full::<Bytes>::from(line)))
        }
    })
    .await
}

/// A provider of models that takes this key and speaks OpenAI's dialect.
pub(crate) async fn model(key: &str) -> Server {
    let script = Script {
        models: vec!["simulated".to_owned()],
        lines: Vec::new(),
        otherwise: Says::Words("one two three".to_owned()),
        pace: Duration::ZERO,
    };
    let provider = Provider::new(Secret::new(key.into()), script, Clock::system());
    Server::start(|_| move |request: Request<Incoming>| Arc::clone(&provider).answer(request)).await
}

/// An issuer that serves its metadata and its keys.
pub(crate) struct ServedIssuer {
    pub(crate) server: Server,
    key: SigningKey,
}

impl ServedIssuer {
    pub(crate) async fn start() -> Self {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let keys = json!({"keys": [key.public_jwk().unwrap()]}).to_string();
        let server = Server::start(|address| {
            let metadata = json!({"issuer": url(address), "jwks_uri": format!("{}/keys", url(address))}).to_string();
            move |request: Request<Incoming>| {
                let text = match request.uri().path() {
                    "/.well-known/openid-configuration" => &metadata,
                    "/keys" => &keys,
                    other => panic!("{other} is no place of an issuer"),
                };
                std::future::ready(Response::new(Full::<Bytes>::from(text.clone())))
            }
        });
        Self { server: server.await, key }
    }

    /// Its name, which is where it is served.
    pub(crate) fn url(&self) -> String {
        url(self.server.address)
    }

    /// A token with these claims.
    pub(crate) fn sign(&self, claims: &Map<String, Value>) -> String {
        self.key.sign("at+jwt", claims).unwrap()
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}
