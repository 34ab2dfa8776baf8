//! No request gets more than there is, and one that asks for nothing gets what is meant for those.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};

use super::server::START;
use crate::clock::Tick;
use crate::issuer::Request;
use crate::issuer::form::Form;
use crate::issuer::narrow::{Unasked, audiences, scopes};
use crate::state::FailingSources;

fn form(text: &'static str) -> Form {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    let body = Bytes::from_static(text.as_bytes());
    let request = Request {
        method: &Method::POST,
        query: None,
        headers: &headers,
        body: &body,
        client: "192.0.2.1".parse().unwrap(),
        time: START,
        tick: Tick::default(),
        sources: &FailingSources::new(),
    };
    Form::read(&request).unwrap_or_else(|refusal| panic!("{refusal:?}"))
}

#[test]
fn scopes_are_asked_for_by_whole_names_and_come_in_the_order_of_what_there_is() {
    for (asked, expected) in [
        ("scope=c", None),
        ("scope=a+c", None),
        ("scope=A", None),
        ("scope=a%0Ab", None),
        ("scope=+", None),
        ("", Some("a b")),
        ("scope=", Some("a b")),
        ("scope=b+a", Some("a b")),
        ("scope=b++b", Some("b")),
    ] {
        let found = scopes(&form(asked), &["a", "b"]).ok().map(|scopes| scopes.join(" "));
        assert_eq!(found.as_deref(), expected, "{asked}");
    }
    assert_eq!(scopes(&form(""), &[]), Ok(Vec::new()));
}

#[test]
fn audiences_and_resources_are_one_and_a_token_is_never_for_nobody() {
    for (asked, most, unasked, expected) in [
        ("audience=c", &["a", "b"][..], Unasked::First, None),
        ("audience=a&resource=c", &["a", "b"], Unasked::First, None),
        ("audience=A", &["a", "b"], Unasked::All, None),
        ("", &[], Unasked::First, None),
        ("", &[], Unasked::All, None),
        ("", &["a", "b"], Unasked::First, Some("a")),
        ("", &["a", "b"], Unasked::All, Some("a b")),
        ("resource=b", &["a", "b"], Unasked::First, Some("b")),
        ("resource=b&audience=a&audience=a", &["a", "b"], Unasked::First, Some("a b")),
    ] {
        let found = audiences(&form(asked), most, unasked).ok().map(|audiences| audiences.join(" "));
        assert_eq!(found.as_deref(), expected, "{asked} of {most:?}");
    }
}
