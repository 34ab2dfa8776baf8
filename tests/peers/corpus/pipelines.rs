//! Several requests in one go: each is judged by itself, and none is judged by what came before it.

use crate::row::{HELLO, Row, SMUGGLED, answered, get, head, passes, post, refused, row};

pub(crate) fn rows(token: &str) -> Vec<Row> {
    let a = || passes("GET /a", "");
    let b = || passes("GET /b", "");
    let opened = || head("GET /guarded HTTP/1.1", format!("Authorization: Bearer {token}"));
    let passed = || passes("GET /guarded", "");
    let all = |parts: &[&[u8]]| parts.concat();
    let smuggled = SMUGGLED.as_bytes();
    vec![
        row("a token opens what is guarded", opened(), passed()),
        row("a token opens its own request alone", all(&[&opened(), smuggled]), passed().and(answered(401))),
        row("and none that came before", all(&[smuggled, &opened()]), answered(401).and(passed())),
        row("two", all(&[&get("/a"), &get("/b")]), a().and(b())),
        row("one among others is guarded", all(&[&get("/a"), smuggled, &get("/b")]), a().and(answered(401)).and(b())),
        row(
            "one among others is nowhere",
            all(&[&get("/a"), b"OPTIONS * HTTP/1.1\r\nHost: api.example.com\r\n\r\n", &get("/b")]),
            a().and(answered(404)).and(b()),
        ),
        row("what follows a refused head is not read", all(&[&get("/a"), &get("/%"), &get("/b")]), a().and(refused())),
        row(
            "what follows a broken head is not read",
            all(&[&get("/a"), b"GET /x y HTTP/1.1\r\n\r\n", &get("/b")]),
            a().and(refused()),
        ),
        row(
            "what follows the last is not read",
            all(&[&head("GET /a HTTP/1.1", "Connection: close"), smuggled]),
            a().ending(),
        ),
        row("what follows HTTP/1.0 is not read", all(&[&head("GET /a HTTP/1.0", ""), smuggled]), a().ending()),
        row(
            "two bodies",
            all(&[&post("Content-Length: 5", "hello"), &post("Transfer-Encoding: chunked", HELLO), &get("/b")]),
            passes("POST /a", "hello").and(passes("POST /a", "hello")).and(b()),
        ),
        row(
            "line ends between",
            all(&[&post("Content-Length: 5", "hello"), b"\r\n", &get("/b")]),
            passes("POST /a", "hello").and(b()),
        ),
        row(
            "a body that ends in half a head",
            all(&[&post("Content-Length: 17", "GET /guarded HTTP"), &get("/b")]),
            passes("POST /a", "GET /guarded HTTP").and(b()),
        ),
        row(
            "a head that is a value of the next",
            all(&[&post("Content-Length: 12", "GET /guarded"), &get("/b")]),
            passes("POST /a", "GET /guarded").and(b()),
        ),
        row(
            "junk behind a body",
            all(&[&post("Content-Length: 5", "hello"), b"X", smuggled]),
            passes("POST /a", "hello").and(unknown()),
        ),
    ]
}

/// `XGET` is a method like any other, and the path is guarded from it too.
fn unknown() -> crate::row::Outcome {
    answered(401)
}
