//! `Transfer-Encoding`, alone and beside `Content-Length`: RFC 9112, sections 6.1 and 6.3.

use crate::row::{HELLO, Outcome, Row, SMUGGLED, answered, head, passes, post, refused, row};

pub(crate) fn rows() -> Vec<Row> {
    [none(), one(), beside_a_length()].concat()
}

fn coding(value: &str) -> Vec<u8> {
    post(format!("Transfer-Encoding: {value}"), HELLO)
}

fn hello() -> Outcome {
    passes("POST /a", "hello")
}

/// What is not the one coding that a request may have.
fn none() -> Vec<Row> {
    vec![
        row("another word in front of it", coding("xchunked"), refused()),
        row("a word that begins with it", coding("chunkedx"), refused()),
        row("identity", coding("identity"), refused()),
        row("identity behind it", coding("chunked, identity"), refused()),
        row("identity before it", coding("identity, chunked"), refused()),
        row("another coding before it", coding("gzip, chunked"), refused()),
        row("another coding behind it", coding("chunked, gzip"), refused()),
        row("twice in a list", coding("chunked, chunked"), refused()),
        row("an empty member before it", coding(",chunked"), refused()),
        row("an empty member behind it", coding("chunked,"), refused()),
        row("double quotes", coding("\"chunked\""), refused()),
        row("single quotes", coding("'chunked'"), refused()),
        row("a parameter", coding("chunked;q=1"), refused()),
        row("a space within it", coding("chun ked"), refused()),
        row("an escape", coding("%63hunked"), refused()),
        row("a sign of Kelvin within it", coding("chun\u{212a}ed"), refused()),
        row("a long s within it", coding("chunked\u{17f}"), refused()),
        row("a vertical tab before it", coding("\u{b}chunked"), refused()),
        row("a vertical tab behind it", coding("chunked\u{b}"), refused()),
        row("a form feed before it", coding("\u{c}chunked"), refused()),
        row("a NUL behind it", coding("chunked\0"), refused()),
        row("a no-break space before it", post(b"Transfer-Encoding: \xa0chunked", HELLO), refused()),
        row("a byte beyond ASCII behind it", post(b"Transfer-Encoding: chunked\xff", HELLO), refused()),
        row("nothing", coding(""), refused()),
        row("a space before the colon", post("Transfer-Encoding : chunked", HELLO), refused()),
        row("a tab before the colon", post("Transfer-Encoding\t: chunked", HELLO), refused()),
        row("a vertical tab before the colon", post("Transfer-Encoding\u{b}: chunked", HELLO), refused()),
        row("a space before the name", post("X: y\r\n Transfer-Encoding: chunked", HELLO), refused()),
        row("folded", post("Transfer-Encoding:\r\n chunked", HELLO), refused()),
        row("folded by a tab", post("Transfer-Encoding:\r\n\tchunked", HELLO), refused()),
        row("a fold behind it", post("Transfer-Encoding: chunked\r\n , identity", HELLO), refused()),
        row("behind a bare CR", post("X: y\rTransfer-Encoding: chunked", HELLO), refused()),
        row("a bare CR behind it", post("Transfer-Encoding: chunked\r", HELLO), refused()),
        row("twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", HELLO), refused()),
        row("twice in other cases", post("Transfer-Encoding: chunked\r\ntransfer-encoding: CHUNKED", HELLO), refused()),
        row("beside identity", post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", HELLO), refused()),
        row("before identity", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", HELLO), refused()),
        row("beside another word", post("Transfer-Encoding: chunked\r\nTransfer-encoding: cow", HELLO), refused()),
        row(
            "with a length, twice",
            post("Content-Length: 5\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked", HELLO),
            refused(),
        ),
        row("with a length, unknown", post("Content-Length: 5\r\nTransfer-Encoding: xchunked", "hello"), refused()),
        row(
            "with a length, by HTTP/1.0",
            head("POST /a HTTP/1.0", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
            refused(),
        ),
        row(
            "by HTTP/1.0",
            [&head("POST /a HTTP/1.0", "Transfer-Encoding: chunked")[..], HELLO.as_bytes()].concat(),
            refused(),
        ),
    ]
}

fn one() -> Vec<Row> {
    vec![
        row("plain", coding("chunked"), hello()),
        row("in mixed case", coding("ChUnKeD"), hello()),
        row("white space around it", coding(" \tchunked \t"), hello()),
        row("no space before it", post("Transfer-Encoding:chunked", HELLO), hello()),
        row("behind a bare LF, which ends a line", post("X: y\nTransfer-Encoding: chunked", HELLO), hello()),
        row("a bare LF behind it", post("Transfer-Encoding: chunked\nX: y", HELLO), hello()),
        row(
            "a GET with chunks",
            [&head("GET /a HTTP/1.1", "Transfer-Encoding: chunked")[..], HELLO.as_bytes()].concat(),
            passes("GET /a", "hello"),
        ),
        row(
            "an OPTIONS with chunks",
            [&head("OPTIONS /a HTTP/1.1", "Transfer-Encoding: chunked")[..], HELLO.as_bytes()].concat(),
            passes("OPTIONS /a", "hello"),
        ),
    ]
}

/// The coding counts, and the connection ends.
fn beside_a_length() -> Vec<Row> {
    let last = format!("0\r\n\r\n{SMUGGLED}");
    vec![
        row(
            "a length over all, and nothing in chunks",
            post(format!("Content-Length: {}\r\nTransfer-Encoding: chunked", last.len()), &last),
            passes("POST /a", "").ending(),
        ),
        row(
            "nothing in chunks, and a length over all",
            post(format!("Transfer-Encoding: chunked\r\nContent-Length: {}", last.len()), &last),
            passes("POST /a", "").ending(),
        ),
        row(
            "a length of one line, and a request in a chunk",
            post(
                "Content-Length: 4\r\nTransfer-Encoding: chunked",
                format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len()),
            ),
            passes("POST /a", SMUGGLED).ending(),
        ),
        row(
            "a length of nought, and chunks",
            post("Content-Length: 0\r\nTransfer-Encoding: chunked", HELLO),
            hello().ending(),
        ),
        row(
            "a length that is none, behind it",
            post("Transfer-Encoding: chunked\r\nContent-Length: x", HELLO),
            hello().ending(),
        ),
        row(
            "a length that is none, before it",
            post("Content-Length: x\r\nTransfer-Encoding: chunked", HELLO),
            refused(),
        ),
        row(
            "two lengths and chunks",
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Length: 6", HELLO),
            hello().ending(),
        ),
        row(
            "a name with an underscore is no coding",
            post("Transfer_Encoding: chunked\r\nContent-Length: 5", format!("0\r\n\r\n{SMUGGLED}")),
            passes("POST /a", "0\r\n\r\n").and(answered(401)),
        ),
        row(
            "the codings that a client takes are no coding",
            post("TE: chunked\r\nContent-Length: 5", "hello"),
            hello(),
        ),
    ]
}
