//! Where a credential may stand, and what is refused before anybody looks at it.

use http::Request;
use http::request::Parts;

use crate::proxy::credential::{Found, Unusable, find};
use crate::snapshot::ApiKeyPlace;

fn head(target: &str, fields: &[(&str, &[u8])]) -> Parts {
    let mut request = Request::builder().uri(target);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn a_credential_that_cannot_be_taken_is_told_apart_by_what_is_wrong_with_it() {
    use Unusable::{InQuery, Malformed, Missing, Scheme, Several};
    type Row = (&'static str, &'static str, &'static [(&'static str, &'static [u8])], Unusable);
    let rows: &[Row] = &[
        ("nothing", "/", &[], Missing),
        ("a cookie", "/", &[("cookie", b"access_token=a.b.c")], Missing),
        ("a key header that no policy takes", "/", &[("x-goog-api-key", b"bw_a")], Missing),
        ("another scheme", "/", &[("authorization", b"Basic eA==")], Scheme),
        ("another scheme that begins alike", "/", &[("authorization", b"Bearerer abc")], Scheme),
        ("DPoP", "/", &[("authorization", b"DPoP abc")], Scheme),
        ("no token", "/", &[("authorization", b"Bearer")], Malformed),
        ("only spaces", "/", &[("authorization", b"Bearer   ")], Malformed),
        ("two tokens", "/", &[("authorization", b"Bearer a b")], Malformed),
        ("a tab", "/", &[("authorization", b"Bearer\ttok")], Malformed),
        ("a list", "/", &[("authorization", b"Bearer a, Bearer b")], Malformed),
        ("an empty field", "/", &[("authorization", b"")], Malformed),
        ("no scheme", "/", &[("authorization", b" abc")], Malformed),
        ("JSON", "/", &[("authorization", b"Bearer {\"payload\":\"\"}")], Malformed),
        ("a question mark", "/", &[("authorization", b"Bearer a?b")], Malformed),
        ("not ASCII", "/", &[("authorization", b"Bearer a\xffb")], Malformed),
        ("an empty key", "/", &[("x-api-key", b"")], Malformed),
        ("a key with a space", "/", &[("x-api-key", b"a b")], Malformed),
        ("two fields", "/", &[("authorization", b"Bearer a"), ("authorization", b"Bearer b")], Several),
        ("two equal fields", "/", &[("authorization", b"Bearer a"), ("authorization", b"Bearer a")], Several),
        ("token and key", "/", &[("authorization", b"Bearer a"), ("x-api-key", b"bw_a")], Several),
        ("another scheme and key", "/", &[("authorization", b"Basic a"), ("x-api-key", b"bw_a")], Several),
        ("two keys", "/", &[("x-api-key", b"a"), ("x-api-key", b"a")], Several),
        ("header and query", "/?access_token=a", &[("authorization", b"Bearer a")], Several),
        ("the query alone", "/?access_token=a", &[], InQuery),
        ("the query, later", "/?a=b&access_token=a", &[], InQuery),
        ("the query without a value", "/?access_token", &[], InQuery),
        ("the query, escaped", "/?a&%61ccess%5Ftoken=a", &[], InQuery),
        ("the query, after a semicolon", "/?a=b;access_token=a", &[], InQuery),
        ("the query, before a semicolon", "/?access_token;a", &[], InQuery),
        ("the query, escaped in lower case", "/?access%5ftoken=a", &[], InQuery),
        ("the query, every letter escaped", "/?%61%63%63%65%73%73%5F%74%6F%6B%65%6E=a", &[], InQuery),
        ("the query, in capitals", "/?Access_Token=a", &[], InQuery),
        ("the query, in escaped capitals", "/?a;%41CCESS%5FTOKEN=a", &[], InQuery),
        ("header and query after a semicolon", "/?a;access_token=a", &[("authorization", b"Bearer a")], Several),
        ("the query beside another scheme", "/?access_token=a", &[("authorization", b"Basic a")], InQuery),
    ];
    for (name, target, fields, expected) in rows {
        assert_eq!(find(&head(target, fields), &[ApiKeyPlace::XApiKey]), Err(*expected), "{name}");
    }
}

#[test]
fn the_one_credential_is_found_where_it_may_stand() {
    use ApiKeyPlace::{Bearer, XApiKey};
    type Row = (&'static str, &'static [(&'static str, &'static [u8])], &'static str, ApiKeyPlace);
    let rows: &[Row] = &[
        ("/", &[("authorization", b"Bearer a.b-c_d~e+f/g=")], "a.b-c_d~e+f/g=", Bearer),
        ("/", &[("authorization", b"bEaReR a.b.c")], "a.b.c", Bearer),
        ("/", &[("authorization", b"Bearer   a.b.c")], "a.b.c", Bearer),
        ("/?a=access_token;b=access_token", &[("authorization", b"Bearer a")], "a", Bearer),
        ("/?access%255Ftoken=x&access%5=y&access%zztoken=z", &[("authorization", b"Bearer a")], "a", Bearer),
        ("/?token=x&access_token_=y", &[("authorization", b"Bearer a")], "a", Bearer),
        ("/", &[("x-api-key", b"bw_a")], "bw_a", XApiKey),
        ("/", &[("x-api-key", b"bw_a"), ("x-goog-api-key", b"other")], "bw_a", XApiKey),
    ];
    for (target, fields, text, place) in rows {
        let head = head(target, fields);
        assert_eq!(find(&head, &[XApiKey]), Ok(Found { text, place: *place }), "{fields:?}");
    }
}
