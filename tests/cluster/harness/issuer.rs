//! A token issuer that can be stopped: its metadata, its keys, and tokens.

use std::net::{Ipv4Addr, SocketAddr};

use bearward::clock::Clock;
use bearward::jose::{Algorithm, SigningKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// An issuer with one key. Whether it is up or not, it signs.
pub(crate) struct Issuer {
    address: SocketAddr,
    key: SigningKey,
    tasks: JoinSet<()>,
}

impl Issuer {
    /// One that is up.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let issuer = format!("http://{address}");
        let metadata = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")});
        let keys = json!({"keys": [key.public_jwk().unwrap()]});
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(answer(stream, metadata.clone(), keys.clone()));
            }
        });
        Self { address, key, tasks }
    }

    /// Takes it down: nobody listens there any more.
    pub(crate) async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }

    /// A TokenPolicy for its tokens.
    pub(crate) fn policy(&self) -> Value {
        let issuer = format!("http://{}", self.address);
        let jwt = json!({"issuer": issuer, "audiences": ["orders"], "keys": {"discovery": {}}});
        json!({"spec": {"accept": [{"name": "corp", "jwt": jwt}]}})
    }

    /// A token that is issued now.
    pub(crate) fn token(&self) -> String {
        self.signed_by(&self.key)
    }

    /// The same, signed by a key that is not among its own.
    pub(crate) fn token_of_another_key(&self) -> String {
        self.signed_by(&SigningKey::generate(Algorithm::ES256).unwrap())
    }

    fn signed_by(&self, key: &SigningKey) -> String {
        let now = Clock::system().now().secs();
        let claims = json!({
            "iss": format!("http://{}", self.address), "sub": "alice", "aud": "orders", "client_id": "shop",
            "iat": now, "exp": now + 600, "jti": "1",
        });
        key.sign("at+jwt", claims.as_object().unwrap()).unwrap()
    }
}

/// Answers one request, which has no body.
async fn answer(mut stream: TcpStream, metadata: Value, keys: Value) {
    let mut received = Vec::new();
    while !received.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut received).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let (status, body) = if received.starts_with(b"GET /keys ") {
        ("200 OK", keys.to_string())
    } else if received.starts_with(b"GET /.well-known/openid-configuration ") {
        ("200 OK", metadata.to_string())
    } else {
        ("404 Not Found", String::new())
    };
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    let _ = stream.write_all((head + &body).as_bytes()).await;
}
