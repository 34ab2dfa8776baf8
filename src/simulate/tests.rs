//! The specification of the simulated provider.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use super::{Ledger, Line, Provider, ReplyBody, Says, Script};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::secret::Secret;

fn provider() -> Arc<Provider> {
    let script = Script {
        models: vec!["echo-1".to_owned()],
        lines: vec![Line {
            to: "too fast".to_owned(),
            says: Says::Error {
                status: StatusCode::TOO_MANY_REQUESTS,
                message: "Slow down.".to_owned(),
                retry_after: Some(Duration::from_secs(7)),
            },
        }],
        otherwise: Says::Words("one two three".to_owned()),
        pace: Duration::ZERO,
    };
    let clock = Clock::manual(Arc::new(ManualClock::new(UnixTime::from_secs(1_800_000_000))));
    Provider::new(Secret::new(b"sk-test".to_vec()), script, clock)
}

async fn send(
    provider: &Arc<Provider>,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: &str,
) -> Response<ReplyBody> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    Arc::clone(provider).answer(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await
}

async fn text(reply: Response<ReplyBody>) -> String {
    String::from_utf8(reply.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn value(reply: Response<ReplyBody>) -> Value {
    serde_json::from_str(&text(reply).await).unwrap()
}

async fn ask(provider: &Arc<Provider>, body: Value) -> Response<ReplyBody> {
    send(provider, "POST", "/v1/chat/completions", Some("sk-test"), &body.to_string()).await
}

#[tokio::test]
async fn what_cannot_be_answered_is_an_error_in_the_form_of_the_api() {
    let good = r#"{"model": "echo-1", "messages": [{"role": "user", "content": "hi"}]}"#;
    let chat = "/v1/chat/completions";
    let rows = [
        ("POST", chat, None, good, 401, Value::Null),
        ("POST", chat, Some("sk-other"), good, 401, json!("invalid_api_key")),
        ("GET", "/v1/models", None, "", 401, Value::Null),
        ("POST", chat, Some("sk-test"), "{", 400, Value::Null),
        ("POST", chat, Some("sk-test"), r#"{"model": "echo-1"}"#, 400, Value::Null),
        ("POST", chat, Some("sk-test"), r#"{"model": "echo-1", "messages": []}"#, 400, json!("empty_array")),
        ("POST", chat, Some("sk-test"), r#"{"model": "b", "messages": [{}]}"#, 404, json!("model_not_found")),
        ("GET", chat, Some("sk-test"), "", 405, Value::Null),
        ("POST", "/v1/models", Some("sk-test"), "", 405, Value::Null),
        ("POST", "/v1/responses", Some("sk-test"), good, 404, json!("unknown_url")),
    ];
    for (method, path, key, body, status, code) in rows {
        let row = format!("{method} {path} {key:?} {body}");
        let provider = provider();
        let reply = send(&provider, method, path, key, body).await;
        assert_eq!(reply.status().as_u16(), status, "{row}");
        let reply = value(reply).await;
        assert_eq!(reply["error"]["type"], "invalid_request_error", "{row}");
        assert_eq!(reply["error"]["code"], code, "{row}");
        assert_eq!(provider.ledger().answered, 0, "{row}");
    }
}

#[tokio::test]
async fn a_request_gets_the_words_of_the_script_and_what_they_cost() {
    let provider = provider();
    let reply =
        ask(&provider, json!({"model": "echo-1", "messages": [{"content": "say it"}, {"content": "now"}]})).await;
    assert_eq!(reply.status(), StatusCode::OK);
    let reply = value(reply).await;
    assert_eq!(reply["object"], "chat.completion");
    assert_eq!(reply["created"], 1_800_000_000);
    assert_eq!(reply["choices"][0]["message"]["content"], "one two three");
    assert_eq!(reply["choices"][0]["finish_reason"], "stop");
    assert_eq!(reply["usage"], json!({"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}));
    let expected = Ledger { answered: 1, refused: 0, prompt_tokens: 3, completion_tokens: 3 };
    assert_eq!(provider.ledger(), expected);
}

#[tokio::test]
async fn no_more_is_said_than_was_asked_for() {
    for member in ["max_tokens", "max_completion_tokens"] {
        let provider = provider();
        let mut body = json!({"model": "echo-1", "messages": [{"content": [{"type": "text", "text": "a b"}]}]});
        body[member] = 2.into();
        let reply = value(ask(&provider, body).await).await;
        assert_eq!(reply["choices"][0]["message"]["content"], "one two", "{member}");
        assert_eq!(reply["choices"][0]["finish_reason"], "length", "{member}");
        assert_eq!(reply["usage"]["prompt_tokens"], 2, "{member}");
    }
}

#[tokio::test]
async fn a_stream_has_each_word_and_ends_with_usage_if_asked() {
    for (options, usage) in [(json!(null), None), (json!({"include_usage": true}), Some(4))] {
        let provider = provider();
        let messages = json!([{"role": "user", "content": "go"}]);
        let body = json!({"model": "echo-1", "messages": messages, "stream": true, "stream_options": options});
        let reply = ask(&provider, body).await;
        assert_eq!(reply.headers()["content-type"], "text/event-stream; charset=utf-8");
        let text = text(reply).await;
        let events: Vec<_> = text.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect();
        let (done, chunks) = events.split_last().unwrap();
        assert_eq!(*done, "[DONE]");
        let chunks: Vec<Value> = chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
        let words: String =
            chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(words, "one two three");
        assert_eq!(chunks.iter().filter(|chunk| chunk["choices"][0]["finish_reason"] == "stop").count(), 1);
        assert_eq!(chunks.last().unwrap()["usage"]["total_tokens"].as_u64(), usage);
        assert_eq!(provider.ledger().completion_tokens, 3);
    }
}

#[tokio::test]
async fn a_stream_that_nobody_reads_costs_only_what_was_sent() {
    let provider = provider();
    let body = json!({"model": "echo-1", "messages": [{"content": "go"}], "stream": true});
    let mut reply = ask(&provider, body).await;
    for _ in 0..3 {
        reply.body_mut().frame().await.unwrap().unwrap();
    }
    drop(reply);
    assert_eq!(provider.ledger().completion_tokens, 2);
}

#[tokio::test]
async fn an_error_of_the_script_is_an_error() {
    let provider = provider();
    let reply = ask(&provider, json!({"model": "echo-1", "messages": [{"content": "much too fast"}]})).await;
    assert_eq!(reply.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(reply.headers()["retry-after"], "7");
    assert_eq!(value(reply).await["error"]["type"], "rate_limit_exceeded");
    assert_eq!(provider.ledger(), Ledger { refused: 1, ..Ledger::default() });
}

#[tokio::test]
async fn the_models_are_listed() {
    let reply = value(send(&provider(), "GET", "/v1/models", Some("sk-test"), "").await).await;
    assert_eq!(reply["data"][0]["id"], "echo-1");
}
