//! `Content-Length`: RFC 9112, section 6.3, and RFC 9110, section 8.6.

use crate::row::{Row, SMUGGLED, answered, passes, post, refused, row, with};

pub(crate) fn rows() -> Vec<Row> {
    let length = |value: &str| post(format!("Content-Length: {value}"), "hello");
    let hidden = |fields: &str| post(fields, format!("hello{SMUGGLED}"));
    vec![
        row("a plus sign", length("+5"), refused()),
        row("a minus sign", length("-5"), refused()),
        row("minus nought", length("-0"), refused()),
        row("hexadecimal", length("0x5"), refused()),
        row("a list of equals", length("5,5"), refused()),
        row("a list of equals, spaced", length("5, 5"), refused()),
        row("a list of different ones", length("5, 50"), refused()),
        row("an empty member", length(",5"), refused()),
        row("junk behind it", length("5 x"), refused()),
        row("a parameter behind it", length("5;q=1"), refused()),
        row("two numbers", length("5 5"), refused()),
        row("a fraction", length("5.0"), refused()),
        row("an exponent", length("5e0"), refused()),
        row("a digit group", length("5_0"), refused()),
        row("quotes", length("\"5\""), refused()),
        row("a digit of another script", length("\u{665}"), refused()),
        row("nothing", length(""), refused()),
        row("a vertical tab before it", length("\u{b}5"), refused()),
        row("a form feed behind it", length("5\u{c}"), refused()),
        row("a NUL behind it", length("5\0"), refused()),
        row("a no-break space before it", post(b"Content-Length: \xa05", "hello"), refused()),
        row("one more than 64 bits hold", length("18446744073709551621"), refused()),
        row("the largest of 64 bits", length("18446744073709551615"), answered(431).ending()),
        row("more than a rule allows", length("99999999999999"), answered(413).ending()),
        row("a space before the colon", post("Content-Length : 5", "hello"), refused()),
        row("folded", post("Content-Length:\r\n 5", "hello"), refused()),
        row("a fold behind it", post("Content-Length: 5\r\n ,6", "hello"), refused()),
        row("no colon", post("Content-Length 5", "hello"), refused()),
        row("a bare CR behind it", post("Content-Length: 5\rX: y", "hello"), refused()),
        row("two different ones", hidden("Content-Length: 5\r\nContent-Length: 66"), refused()),
        row("two different ones in other cases", hidden("content-length: 66\r\nCONTENT-LENGTH: 5"), refused()),
        row("one that is right and one that is none", hidden("Content-Length: 5\r\nContent-Length: x"), refused()),
        row("two equal ones", post("Content-Length: 5\r\nContent-Length: 5", "hello"), passes("POST /a", "hello")),
        row(
            "one number written twice",
            post("Content-Length: 5\r\nContent-Length: 05", "hello"),
            passes("POST /a", "hello"),
        ),
        row("leading noughts", length("0000000005"), passes("POST /a", "hello")),
        row("white space around it", length(" \t5\t "), passes("POST /a", "hello")),
        row("no space before it", post("Content-Length:5", "hello"), passes("POST /a", "hello")),
        row("upper case", post("CONTENT-LENGTH: 5", "hello"), passes("POST /a", "hello")),
        row("nought", post("Content-Length: 0", ""), passes("POST /a", "")),
        row("none at all", post("", ""), passes("POST /a", "")),
        row("a GET with a body", [with("Content-Length: 5"), b"hello".to_vec()].concat(), passes("GET /a", "hello")),
        row("a request behind the body", hidden("Content-Length: 5"), passes("POST /a", "hello").and(answered(401))),
        row("a request behind no body", post("Content-Length: 0", SMUGGLED), passes("POST /a", "").and(answered(401))),
        row(
            "a request within the body",
            post(format!("Content-Length: {}", SMUGGLED.len()), SMUGGLED),
            passes("POST /a", SMUGGLED),
        ),
        row(
            "a name with an underscore is no length",
            post("Content_Length: 48", SMUGGLED),
            passes("POST /a", "").and(answered(401)),
        ),
        row("more than comes", post("Content-Length: 6", "hello"), crate::row::cut_off()),
        row("a request cut off within the body", post("Content-Length: 500", SMUGGLED), crate::row::cut_off()),
    ]
}
