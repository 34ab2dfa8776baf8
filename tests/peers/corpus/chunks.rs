//! The chunked coding itself: RFC 9112, section 7.1.

use crate::row::{Row, SMUGGLED, answered, broken, cut_off, passes, post, row};

pub(crate) fn rows() -> Vec<Row> {
    let chunked = |body: &str| post("Transfer-Encoding: chunked", body);
    let hello = || passes("POST /a", "hello");
    let size = |size: &str| chunked(&format!("{size}\r\nhello\r\n0\r\n\r\n"));
    let trailer = |field: &str| chunked(&format!("5\r\nhello\r\n0\r\n{field}\r\n\r\n"));
    vec![
        row("a size of 68 bits", size("fffffffffffffffff"), broken()),
        row("a size of 64 bits and nought", size("10000000000000005"), broken()),
        row("a prefix", size("0x5"), broken()),
        row("a plus sign", size("+5"), broken()),
        row("a minus sign", size("-5"), broken()),
        row("a unit", size("5h"), broken()),
        row("a fraction", size("5.0"), broken()),
        row("a digit group", size("0_5"), broken()),
        row("no size", size(""), broken()),
        row("no size but an extension", size(";a=b"), broken()),
        row("a space before the size", size(" 5"), broken()),
        row("a tab before the size", size("\t5"), broken()),
        row("a vertical tab behind the size", size("5\u{b}"), broken()),
        row("a NUL behind the size", size("5\0"), broken()),
        row("two sizes", size("5 5"), broken()),
        row("a bare LF behind the size", chunked("5\nhello\r\n0\r\n\r\n"), broken()),
        row("a bare CR behind the size", chunked("5\rhello\r\n0\r\n\r\n"), broken()),
        row("a bare LF in an extension", chunked("5;a\nhello\r\n0\r\n\r\n"), broken()),
        row("a bare CR in an extension", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), broken()),
        row("a line end in quotes", chunked("5;a=\"\r\nhello\"\r\n0\r\n\r\n"), broken()),
        row("nothing behind the data", chunked("5\r\nhello0\r\n\r\n"), broken()),
        row("data that is too long", chunked("5\r\nhello!\r\n0\r\n\r\n"), broken()),
        row("data that is too short", chunked("6\r\nhello\r\n0\r\n\r\n"), broken()),
        row("a bare LF behind the data", chunked("5\r\nhello\n0\r\n\r\n"), broken()),
        row("a bare CR behind the data", chunked("5\r\nhello\r0\r\n\r\n"), broken()),
        row("bare LFs at the end", chunked("5\r\nhello\r\n0\n\n"), broken()),
        row("a request where the end should be", chunked(&format!("5\r\nhello\r\n0\r\n{SMUGGLED}")), broken()),
        row("a trailer with a space before its colon", trailer("X : y"), broken()),
        row("a trailer without a colon", trailer("Host"), broken()),
        row("a folded trailer", trailer("X: y\r\n z"), broken()),
        row("a NUL in a trailer", trailer("X: \0"), broken()),
        row("a bare CR in a trailer", trailer("X: y\rHost: z"), broken()),
        row("a size of 64 bits", size("ffffffffffffffff"), cut_off()),
        row("no end", chunked("5\r\nhello\r\n"), cut_off()),
        row("an end without its last line", chunked("5\r\nhello\r\n0\r\n"), cut_off()),
        row("a chunk that is cut off", chunked("50\r\nhello"), cut_off()),
        row("a size that is cut off", chunked("5"), cut_off()),
        row("an extension", size("5;a=b"), hello()),
        row("an extension in quotes", size("5;a=\"b;c\""), hello()),
        row("an extension without a name", size("5;"), hello()),
        row("spaces behind the size", size("5  \t"), hello()),
        row("leading noughts", size("00000000000000000005"), hello()),
        row("upper case", chunked(&format!("A\r\n{}\r\n0\r\n\r\n", "0123456789")), passes("POST /a", "0123456789")),
        row("several chunks", chunked("2\r\nhe\r\n1\r\nl\r\n2\r\nlo\r\n000\r\n\r\n"), hello()),
        row("an extension of the last chunk", chunked("5\r\nhello\r\n0;a=b\r\n\r\n"), hello()),
        row(
            "lines that look like chunks",
            chunked("9\r\n0\r\n\r\n5\r\nx\r\n0\r\n\r\n"),
            passes("POST /a", "0\r\n\r\n5\r\nx"),
        ),
        row(
            "a request behind the end",
            chunked(&format!("5\r\nhello\r\n0\r\n\r\n{SMUGGLED}")),
            hello().and(answered(401)),
        ),
        row(
            "a request over two chunks",
            chunked(&format!(
                "3\r\nGET\r\n{:x}\r\n{}\r\n0\r\n\r\n",
                SMUGGLED.len() - 3,
                SMUGGLED.strip_prefix("GET").unwrap()
            )),
            passes("POST /a", SMUGGLED),
        ),
        row("a trailer", trailer("X: y"), hello()),
        row("a length in a trailer", trailer("Content-Length: 50"), hello()),
        row("a coding in a trailer", trailer("Transfer-Encoding: chunked"), hello()),
        row("a host in a trailer", trailer("Host: other.example.com"), hello()),
        row("a token in a trailer", trailer("Authorization: Bearer x"), hello()),
        row("an identity in a trailer", trailer("X-Subject: root"), hello()),
        row(
            "an announced trailer",
            post("Transfer-Encoding: chunked\r\nTrailer: Host", "5\r\nhello\r\n0\r\nHost: x\r\n\r\n"),
            hello(),
        ),
    ]
}
