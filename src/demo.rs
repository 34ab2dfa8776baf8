//! Echo upstream, simulated model and issuer around the real gateway.
//!
//! All of it listens on loopback. The resources are a YAML text like any other, read and compiled as every other, but for
//! the addresses and the hash of an API key, which are put in where the text names them. Keys are made at the start, and
//! are nowhere but in memory.

mod echo;
mod issuer;
mod lines;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;

use crate::admin;
use crate::clock::{Clock, UnixTime};
use crate::jose::{NewApiKey, NoRandomness, SigningKeyError};
use crate::secret::Secret;
use crate::simulate::{Line, Provider, Says, Script};
use crate::tasks::Tasks;
use issuer::Issuer;

/// The resources, before addresses are put in.
const RESOURCES: &str = include_str!("demo/resources.yaml");

/// How long the API key and the good tokens are good.
const LIFETIME: Duration = Duration::from_hours(12);

/// Why there is no stage.
#[derive(Debug, Error)]
pub enum DemoError {
    /// No free port on loopback, or none may be bound.
    #[error("cannot listen on a free loopback port: {0}")]
    Listen(#[from] std::io::Error),
    /// No key could be made.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    /// No API key could be made.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// What stands around the gateway. Ends when dropped.
pub struct Stage {
    issuer: Arc<Issuer>,
    model: SocketAddr,
    echo: SocketAddr,
    api_key: NewApiKey,
    provider_key: Secret,
    expires: UnixTime,
    clock: Clock,
    _servers: Tasks,
}

impl Stage {
    /// Makes the keys and starts the servers.
    pub async fn open(clock: &Clock) -> Result<Self, DemoError> {
        let mut servers = Tasks::new();
        let random = aws_lc_rs::rand::SystemRandom::new();
        let provider_key = NewApiKey::generate(&random)?;

        let socket = free_port().await?;
        let echo = socket.local_addr()?;
        servers.spawn("echo", admin::serve(socket, clock.clone(), echo::answer));

        let socket = free_port().await?;
        let model = socket.local_addr()?;
        let key = Secret::new(provider_key.text().expose().to_vec());
        let provider = Provider::new(key, script(), clock.clone());
        servers
            .spawn("model", admin::serve(socket, clock.clone(), move |request| Arc::clone(&provider).answer(request)));

        let socket = free_port().await?;
        let issuer = Arc::new(Issuer::new(socket.local_addr()?)?);
        let served = Arc::clone(&issuer);
        servers.spawn(
            "issuer",
            admin::serve(socket, clock.clone(), move |request| std::future::ready(served.answer(&request))),
        );

        Ok(Self {
            issuer,
            model,
            echo,
            api_key: NewApiKey::generate(&random)?,
            provider_key: Secret::new(provider_key.text().expose().to_vec()),
            expires: clock.now().plus(LIFETIME),
            clock: clock.clone(),
            _servers: servers,
        })
    }

    /// The resources, as YAML. They hold the key of the simulated provider, and of the API key only its hash.
    pub fn resources(&self) -> Secret {
        let expires = jiff::Timestamp::from_second(self.expires.secs()).unwrap_or(jiff::Timestamp::MAX);
        let provider_key = String::from_utf8(self.provider_key.expose().to_vec()).unwrap_or_default();
        let text = RESOURCES
            .replace("ECHO_ADDRESS", &self.echo.to_string())
            .replace("MODEL_ADDRESS", &self.model.to_string())
            .replace("ISSUER_URL", self.issuer.url())
            .replace("API_KEY_ID", self.api_key.id())
            .replace("API_KEY_HASH", self.api_key.hash())
            .replace("API_KEY_EXPIRES", &expires.to_string())
            .replace("PROVIDER_KEY", &provider_key);
        Secret::new(text.into_bytes())
    }

    /// Commands to try against the gateway at this address, each a line, each behind a comment that says what it shows.
    pub fn lines(&self, gateway: SocketAddr) -> Result<String, DemoError> {
        Ok(lines::write(gateway, &self.issuer, &self.api_key, self.clock.now())?)
    }
}

async fn free_port() -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

fn script() -> Script {
    Script {
        models: vec!["demo-1".to_owned()],
        lines: vec![Line {
            to: "haiku".to_owned(),
            says: Says::Words("A bearer comes by. The gate reads what it carries. Only truth may pass.".to_owned()),
        }],
        otherwise: Says::Words("I am a simulated model and say the same to everybody.".to_owned()),
        pace: Duration::from_millis(120),
    }
}
