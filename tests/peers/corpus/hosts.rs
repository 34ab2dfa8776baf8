//! Which host is asked for: RFC 9112, section 3.2. Behind whatever passes the upstream sees one host, ours.

use crate::row::{Row, head, passes, refused, row, with};

pub(crate) fn rows() -> Vec<Row> {
    let host = |value: &str| format!("GET /a HTTP/1.1\r\nHost: {value}\r\n\r\n").into_bytes();
    let a = || passes("GET /a", "");
    vec![
        row("none", b"GET /a HTTP/1.1\r\n\r\n", refused()),
        row("none by HTTP/1.0", b"GET /a HTTP/1.0\r\n\r\n", refused()),
        row("none but in the target", b"GET http://api.example.com/a HTTP/1.1\r\n\r\n", refused()),
        row("empty", host(""), refused()),
        row("empty, and one in the target", b"GET http://api.example.com/a HTTP/1.1\r\nHost:\r\n\r\n", refused()),
        row("two equal ones", with("Host: api.example.com"), refused()),
        row("two different ones", with("Host: other.example.com"), refused()),
        row("two in other cases", with("HOST: other.example.com"), refused()),
        row("a list", host("api.example.com, other.example.com"), refused()),
        row("two words", host("api.example.com other.example.com"), refused()),
        row("a tab within it", host("api.example.com\tx"), refused()),
        row("user information", host("other.example.com@api.example.com"), refused()),
        row("user information, the other way round", host("api.example.com@other.example.com"), refused()),
        row("a path behind it", host("api.example.com/guarded"), refused()),
        row("a query behind it", host("api.example.com?x"), refused()),
        row("a fragment behind it", host("api.example.com#x"), refused()),
        row("a backslash behind it", host("api.example.com\\x"), refused()),
        row("a scheme before it", host("http://api.example.com"), refused()),
        row("two ports", host("api.example.com:80:80"), refused()),
        row("a port that is none", host("api.example.com:8o"), refused()),
        row("a port that is too large", host("api.example.com:65616"), refused()),
        row("port nought", host("api.example.com:0"), refused()),
        row("an escape", host("api.example.com%00"), refused()),
        row("two dots behind it", host("api.example.com.."), refused()),
        row("a NUL behind it", host("api.example.com\0"), refused()),
        row("a byte beyond ASCII", b"GET /a HTTP/1.1\r\nHost: api.ex\xe4mple.com\r\n\r\n", refused()),
        row("a space before its colon", b"GET /a HTTP/1.1\r\nHost : api.example.com\r\n\r\n", refused()),
        row("folded", b"GET /a HTTP/1.1\r\nHost:\r\n api.example.com\r\n\r\n", refused()),
        row("another one in the target", head("GET http://other.example.com/a HTTP/1.1", ""), refused()),
        row("another port in the target", head("GET http://api.example.com:81/a HTTP/1.1", ""), refused()),
        row("a user in the target", head("GET http://x@api.example.com/a HTTP/1.1", ""), refused()),
        row(
            "ours as a user in the target",
            head("GET http://api.example.com@other.example.com/a HTTP/1.1", ""),
            refused(),
        ),
        row(
            "a backslash in the target",
            head("GET http://api.example.com\\@other.example.com/a HTTP/1.1", ""),
            refused(),
        ),
        row("no host in the target", head("GET http:///a HTTP/1.1", ""), refused()),
        row("upper case", host("api.EXAMPLE.Com"), a()),
        row("a dot behind it", host("api.example.com."), a()),
        row("a port", host("api.example.com:8080"), a()),
        row("no port behind a colon", host("api.example.com:"), a()),
        row("one in the target too", head("GET http://api.example.com/a HTTP/1.1", ""), a()),
        row("another in X-Forwarded-Host", with("X-Forwarded-Host: other.example.com"), a()),
        row("another in X_Forwarded_Host", with("X_Forwarded_Host: other.example.com"), a()),
        row("another in Forwarded", with("Forwarded: host=other.example.com;for=1.2.3.4"), a()),
        row("another client in X-Forwarded-For", with("X-Forwarded-For: 1.2.3.4"), a()),
        row("another id", with("X-Request-Id: 0123456789abcdef\r\nX-Request-Id: x"), a()),
    ]
}
