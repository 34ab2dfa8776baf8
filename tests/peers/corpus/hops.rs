//! What belongs to one connection: RFC 9110, sections 7.6 to 7.8 and 10.1.1.

use crate::row::{HELLO, Row, SMUGGLED, answered, head, passes, post, refused, row, with};

pub(crate) fn rows(token: &str) -> Vec<Row> {
    let bearer = format!("Authorization: Bearer {token}");
    let a = || passes("GET /a", "");
    let hello = || passes("POST /a", "hello");
    let guarded = |fields: &str| head("GET /guarded HTTP/1.1", fields);
    let upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA";
    let websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    vec![
        row(
            "a length that is named as a hop's",
            post("Connection: content-length\r\nContent-Length: 5", "hello"),
            hello(),
        ),
        row(
            "a coding that is named as a hop's",
            post("Connection: transfer-encoding\r\nTransfer-Encoding: chunked", HELLO),
            hello(),
        ),
        row("a host that is named as a hop's", with("Connection: host"), a()),
        row("our own fields named as a hop's", with("Connection: x-forwarded-for, x-request-id, traceparent"), a()),
        row(
            "a token that is named as a hop's",
            guarded(&format!("Connection: authorization\r\n{bearer}")),
            answered(401),
        ),
        row(
            "an identity that is named as a hop's",
            guarded(&format!("Connection: x-subject\r\n{bearer}")),
            passes("GET /guarded", ""),
        ),
        row("what is no name", with("Connection: a b, \"x\", ;"), a()),
        row("close, among others", with("Connection: x, close, y"), a().ending()),
        row("close, and then not", with("Connection: close\r\nConnection: keep-alive"), a().ending()),
        row("a field of old proxies", with("Proxy-Connection: close\r\nKeep-Alive: timeout=1"), a()),
        row("codings that a client takes", with("Connection: TE\r\nTE: chunked, trailers;q=0.5"), a()),
        row("an upgrade to HTTP/2", with(upgrade), a()),
        row("an upgrade to HTTP/2, and a request", [with(upgrade), SMUGGLED.into()].concat(), a().and(answered(401))),
        row("an upgrade to HTTP/2, not named as a hop's", with("Upgrade: h2c"), a()),
        row("an upgrade of what is guarded", guarded(upgrade), answered(401)),
        row("an upgrade with a body", post(format!("{upgrade}\r\nContent-Length: 5"), "hello"), hello()),
        row("an upgrade to WebSocket", with(websocket), a()),
        row(
            "an upgrade to WebSocket, and a request",
            [with(websocket), SMUGGLED.into()].concat(),
            a().and(answered(401)),
        ),
        row(
            "an upgrade to TLS",
            head("OPTIONS /a HTTP/1.1", "Connection: Upgrade\r\nUpgrade: TLS/1.0"),
            passes("OPTIONS /a", ""),
        ),
        row("a body that is asked for", post("Expect: 100-continue\r\nContent-Length: 5", "hello"), hello()),
        row(
            "a body that is asked for, in other case",
            post("expect: 100-Continue\r\nTransfer-Encoding: chunked", HELLO),
            hello(),
        ),
        row("no body, and asked for", with("Expect: 100-continue"), a()),
        row(
            "no body, asked for, and a request",
            [with("Expect: 100-continue"), SMUGGLED.into()].concat(),
            a().and(answered(401)),
        ),
        row(
            "a length of nought, asked for",
            post("Expect: 100-continue\r\nContent-Length: 0", SMUGGLED),
            passes("POST /a", "").and(answered(401)),
        ),
        row(
            "asked for twice",
            post("Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5", "hello"),
            hello(),
        ),
        row("what nobody knows is expected", post("Expect: y 100-continue\r\nContent-Length: 5", "hello"), hello()),
        row(
            "a fold behind what is expected",
            post("Expect: 100-continue\r\n x\r\nContent-Length: 5", "hello"),
            refused(),
        ),
        row(
            "asked for by HTTP/1.0",
            [&head("POST /a HTTP/1.0", "Expect: 100-continue\r\nContent-Length: 5")[..], b"hello"].concat(),
            hello().ending(),
        ),
        row("another target in X-Original-URL", with("X-Original-URL: /guarded"), a()),
        row("another target in X-Rewrite-URL", with("X-Rewrite-URL: /guarded"), a()),
        row("a claimed identity", with("X-Subject: root"), a()),
        row("a claimed identity with underscores", with("X_Subject: root\r\nX.Subject: root\r\nx-SUBJECT: root"), a()),
    ]
}
