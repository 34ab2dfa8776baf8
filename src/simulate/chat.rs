//! OpenAI's Chat Completions: what is asked, and what is said, whole or as a stream.
//!
//! The form is that of OpenAI's API reference, "Create chat completion" and "The chat completion chunk object".

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ledger::OpenLedger;
use super::reply::{self, ReplyBody};
use crate::clock::Clock;

/// A request whose form is right.
pub(super) struct Asked {
    model: String,
    prompt: String,
    tokens: u64,
    most: Option<usize>,
    /// The reply is to come as a stream.
    pub(super) streams: bool,
    /// A stream is to end with what was used.
    pub(super) wants_usage: bool,
}

/// What is wrong with a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    NotJson(String),
    NoMessages,
    UnknownModel(String),
}

impl Refused {
    pub(super) fn render(self) -> Response<ReplyBody> {
        match self {
            Self::NotJson(problem) => reply::error(
                StatusCode::BAD_REQUEST,
                &format!("We could not parse the JSON body of your request: {problem}"),
                None,
            ),
            Self::NoMessages => {
                reply::error(StatusCode::BAD_REQUEST, "'messages' has no message.", Some("empty_array"))
            }
            Self::UnknownModel(model) => reply::error(
                StatusCode::NOT_FOUND,
                &format!("The model '{model}' does not exist or you do not have access to it."),
                Some("model_not_found"),
            ),
        }
    }
}

/// The members that matter here. Others are ignored, as the real API ignores what a model does not use.
#[derive(Deserialize)]
struct Written {
    model: String,
    messages: Vec<Message>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    max_completion_tokens: Option<usize>,
    #[serde(default)]
    max_tokens: Option<usize>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Value,
}

impl Message {
    /// The text, of one piece or several.
    fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let texts: Vec<_> = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect();
                texts.join(" ")
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
        }
    }
}

impl Asked {
    pub(super) fn read(body: &[u8], models: &[String]) -> Result<Self, Refused> {
        let written: Written = serde_json::from_slice(body).map_err(|problem| Refused::NotJson(problem.to_string()))?;
        let texts: Vec<_> = written.messages.iter().map(Message::text).collect();
        let Some(prompt) = texts.last().cloned() else { return Err(Refused::NoMessages) };
        if !models.contains(&written.model) {
            return Err(Refused::UnknownModel(written.model));
        }
        Ok(Self {
            model: written.model,
            prompt,
            tokens: texts.iter().map(|text| count(text)).sum(),
            most: written.max_completion_tokens.or(written.max_tokens),
            streams: written.stream.unwrap_or(false),
            wants_usage: written.stream_options.is_some_and(|options| options.include_usage),
        })
    }

    /// The text of the last message.
    pub(super) fn prompt(&self) -> &str {
        &self.prompt
    }

    pub(super) const fn tokens(&self) -> u64 {
        self.tokens
    }
}

fn count(text: &str) -> u64 {
    u64::try_from(text.split_whitespace().count()).unwrap_or(u64::MAX)
}

/// One model in the form of a list of models.
pub(super) fn model(id: &str, created: i64) -> Value {
    json!({"id": id, "object": "model", "created": created, "owned_by": "bearward-simulated"})
}

/// What is said to one request.
pub(super) struct Said {
    id: String,
    created: i64,
    model: String,
    words: Vec<String>,
    finish: &'static str,
    prompt_tokens: u64,
}

impl Said {
    /// The words, or as many of them as the request allows.
    pub(super) fn new(asked: &Asked, words: &str, number: u64, created: i64) -> Self {
        let all = words.split_whitespace().count();
        let most = asked.most.unwrap_or(all);
        Self {
            id: format!("chatcmpl-simulated-{number}"),
            created,
            model: asked.model.clone(),
            words: words.split_whitespace().take(most).map(str::to_owned).collect(),
            finish: if most < all { "length" } else { "stop" },
            prompt_tokens: asked.tokens,
        }
    }

    pub(super) fn tokens(&self) -> u64 {
        u64::try_from(self.words.len()).unwrap_or(u64::MAX)
    }

    /// The reply in one piece.
    pub(super) fn whole(&self) -> Response<ReplyBody> {
        let message = json!({"role": "assistant", "content": self.words.join(" "), "refusal": null});
        let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": self.finish});
        let reply = json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [choice],
            "usage": self.usage(),
        });
        reply::json(StatusCode::OK, &reply)
    }

    fn usage(&self) -> Value {
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.tokens(),
            "total_tokens": self.prompt_tokens.saturating_add(self.tokens()),
        })
    }

    /// The reply word by word, with `pace` between two.
    pub(super) fn stream(
        self,
        wants_usage: bool,
        pace: Duration,
        clock: &Clock,
        ledger: &Arc<OpenLedger>,
    ) -> Response<ReplyBody> {
        let events = self.events(wants_usage).into_iter();
        let (clock, ledger) = (clock.clone(), Arc::clone(ledger));
        reply::events(stream::unfold((events, clock, ledger), move |(mut events, clock, ledger)| async move {
            let event = events.next()?;
            if event.is_word {
                clock.sleep(pace).await;
                ledger.say(1);
            }
            Some((event.bytes, (events, clock, ledger)))
        }))
    }

    fn events(&self, wants_usage: bool) -> Vec<Event> {
        // With usage asked for, every chunk has the member, and only the last a value.
        let usage = wants_usage.then_some(Value::Null);
        let start = self.chunk(&json!({"role": "assistant", "content": ""}), None, usage.clone());
        let words = self.words.iter().enumerate().map(|(place, word)| {
            let text = if place == 0 { word.clone() } else { format!(" {word}") };
            Event { is_word: true, ..Event::of(&self.chunk(&json!({"content": text}), None, usage.clone())) }
        });
        let end = self.chunk(&json!({}), Some(self.finish), usage.clone());
        let used = wants_usage.then(|| {
            let mut chunk = self.chunk(&json!({}), None, Some(self.usage()));
            if let Some(choices) = chunk.get_mut("choices") {
                *choices = json!([]);
            }
            Event::of(&chunk)
        });
        let done = Event { bytes: Bytes::from_static(b"data: [DONE]\n\n"), is_word: false };
        std::iter::once(Event::of(&start)).chain(words).chain([Event::of(&end)]).chain(used).chain([done]).collect()
    }

    fn chunk(&self, delta: &Value, finish: Option<&str>, usage: Option<Value>) -> Value {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": [choice],
        });
        if let (Some(usage), Some(members)) = (usage, chunk.as_object_mut()) {
            members.insert("usage".to_owned(), usage);
        }
        chunk
    }
}

struct Event {
    bytes: Bytes,
    is_word: bool,
}

impl Event {
    fn of(chunk: &Value) -> Self {
        Self { bytes: Bytes::from(format!("data: {chunk}\n\n")), is_word: false }
    }
}
