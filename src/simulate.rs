//! A provider that speaks every dialect from a script and keeps its own ledger; for demo and tests.
//!
//! It answers without a model: what it says follows from the script and the request alone, so that whoever asks twice
//! gets the same words. It counts a token for each word. Its ledger is its own, so that a gateway's can be compared with
//! it. It has one dialect so far, OpenAI's Chat Completions. No I/O: whoever owns a server hands it requests.

mod chat;
mod ledger;
mod reply;
mod script;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Limited};

use crate::clock::Clock;
use crate::secret::Secret;
pub use ledger::Ledger;
use ledger::OpenLedger;
pub use reply::ReplyBody;
use reply::{error, json};
pub use script::{Line, Says, Script};

/// The largest request that is read.
const MOST_BYTES: usize = 4 << 20;

/// A simulated provider of models.
pub struct Provider {
    key: Secret,
    script: Script,
    clock: Clock,
    ledger: Arc<OpenLedger>,
}

impl Provider {
    /// A provider that takes requests with this key and answers by this script.
    pub fn new(key: Secret, script: Script, clock: Clock) -> Arc<Self> {
        Arc::new(Self { key, script, clock, ledger: Arc::default() })
    }

    /// What was asked and said up to now. Words of a stream count when they are sent.
    pub fn ledger(&self) -> Ledger {
        self.ledger.read()
    }

    /// Answers one request.
    pub async fn answer<B>(self: Arc<Self>, request: Request<B>) -> Response<ReplyBody>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        if let Some(refused) = self.refuse(&head) {
            return refused;
        }
        match (head.uri.path(), &head.method) {
            ("/v1/models", &Method::GET) => self.models(),
            ("/v1/chat/completions", &Method::POST) => {
                let Ok(body) = Limited::new(body, MOST_BYTES).collect().await else {
                    return error(StatusCode::PAYLOAD_TOO_LARGE, "The request is too large.", None);
                };
                self.chat(&body.to_bytes())
            }
            ("/v1/models", _) => not_allowed("GET"),
            ("/v1/chat/completions", _) => not_allowed("POST"),
            (path, method) => {
                let message = format!("Invalid URL ({method} {path})");
                error(StatusCode::NOT_FOUND, &message, Some("unknown_url"))
            }
        }
    }

    /// The answer to a request without the key.
    fn refuse(&self, head: &Parts) -> Option<Response<ReplyBody>> {
        let given = head.headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let (message, code) = match given {
            Some(given) if self.key.matches(given) => return None,
            Some(_) => ("Incorrect API key provided.", Some("invalid_api_key")),
            None => ("You didn't provide an API key.", None),
        };
        self.ledger.refuse();
        Some(error(StatusCode::UNAUTHORIZED, message, code))
    }

    fn models(&self) -> Response<ReplyBody> {
        let created = self.clock.now().secs();
        let models: Vec<_> = self.script.models.iter().map(|model| chat::model(model, created)).collect();
        json(StatusCode::OK, &serde_json::json!({"object": "list", "data": models}))
    }

    fn chat(&self, body: &[u8]) -> Response<ReplyBody> {
        let asked = match chat::Asked::read(body, &self.script.models) {
            Ok(asked) => asked,
            Err(refused) => {
                self.ledger.refuse();
                return refused.render();
            }
        };
        match self.script.line(asked.prompt()) {
            Says::Words(words) => {
                let number = self.ledger.ask(asked.tokens());
                let said = chat::Said::new(&asked, words, number, self.clock.now().secs());
                if asked.streams {
                    said.stream(asked.wants_usage, self.script.pace, &self.clock, &self.ledger)
                } else {
                    self.ledger.say(said.tokens());
                    said.whole()
                }
            }
            Says::Error { status, message, retry_after } => {
                self.ledger.refuse();
                let mut reply = error(*status, message, None);
                if let Some(time) = retry_after {
                    reply.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from(time.as_secs()));
                }
                reply
            }
        }
    }
}

fn not_allowed(allow: &'static str) -> Response<ReplyBody> {
    let mut reply = error(StatusCode::METHOD_NOT_ALLOWED, "Not allowed to use this method on this URL.", None);
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    reply
}
