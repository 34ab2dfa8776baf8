//! The form of a token, before anything that it says (RFC 7515, RFC 7519).

use crate::kit::{ES256, Json, STRICT, claims, decode, encode, jwt, key_set, policy, route, segments, tokens};
use crate::table::Expected::{Forwarded, Invalid, Malformed};
use crate::table::{Expected, Table};

async fn table() -> Table {
    Table::serve(|upstream| {
        route(upstream, &[("strict", tokens(&["strict"]))]) + &policy("strict", &[jwt(&key_set([ES256.jwk()]), STRICT)])
    })
    .await
}

async fn rows<N: AsRef<str>>(table: &mut Table, rows: impl IntoIterator<Item = (N, String, Expected)>) {
    for (name, token, expected) in rows {
        table.token("strict", name.as_ref(), &token, expected).await;
    }
}

fn good() -> String {
    ES256.token_of(&claims())
}

fn with_header(header: impl AsRef<[u8]>) -> String {
    ES256.sign(header, claims().text())
}

fn with_claims(claims: impl AsRef<[u8]>) -> String {
    ES256.sign(ES256.header().text(), claims)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_three_segments_and_nothing_else() {
    let mut table = table().await;
    let good = good();
    let [header, payload, signature] = segments(&good);
    let bomb = Json::default()
        .with_text("alg", "PBES2-HS512+A256KW")
        .with_text("enc", "A256GCM")
        .with_text("zip", "DEF")
        .with("p2c", 1_000_000_000);
    let (bomb, to_us) = (encode(bomb.text()), encode(r#"{"alg":"ECDH-ES","enc":"A256GCM","cty":"JWT"}"#));
    let (malformed, encrypted, json) =
        (Invalid("malformed_token"), Invalid("encrypted_token"), Malformed("malformed_credentials"));
    let flattened = format!(r#"{{"payload":"{payload}","protected":"{header}","signature":"{signature}"}}"#);
    let general =
        format!(r#"{{"payload":"{payload}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#);
    rows(
        &mut table,
        [
            ("one segment", header.to_owned(), malformed),
            ("two segments", format!("{header}.{payload}"), malformed),
            ("four segments", format!("{good}.{signature}"), malformed),
            ("six segments", "a.b.c.d.e.f".to_owned(), malformed),
            ("a leading dot", format!(".{good}"), malformed),
            ("a trailing dot", format!("{good}."), malformed),
            ("no header", format!(".{payload}.{signature}"), malformed),
            ("no payload", format!("{header}..{signature}"), malformed),
            ("no signature", format!("{header}.{payload}."), malformed),
            ("five segments", format!("{good}.AA.AA"), encrypted),
            ("an encrypted token that is a bomb", format!("{bomb}.AA.AA.AA.AA"), encrypted),
            ("an encrypted token to our key", format!("{to_us}..AA.AA.AA"), encrypted),
            ("the JSON serialisation, flattened", flattened, json),
            ("the JSON serialisation, general", general, json),
            ("the one form in the other", format!(r#"{{"{good}":""}}"#), json),
            ("braces", format!("{{{good}}}"), json),
            ("quotes", format!("\"{good}\""), json),
            ("three segments", good.clone(), Forwarded),
        ],
    )
    .await;
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_has_one_spelling() {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut table = table().await;
    // So many blanks that each segment has bits left over.
    let [header, claims] = [ES256.header().text(), claims().text()].map(|text| {
        let blanks = usize::from(text.len().is_multiple_of(3));
        text.replacen('{', &format!("{{{}", " ".repeat(blanks)), 1)
    });
    let good = ES256.sign(&header, &claims);
    let bad = Invalid("bad_base64url");
    for place in 0..3 {
        let with = |change: &dyn Fn(&str) -> String| {
            let mut changed = segments(&good).map(str::to_owned);
            changed[place] = change(&changed[place]);
            changed.join(".")
        };
        let twin = |segment: &str| {
            let (rest, last) = segment.split_at(segment.len() - 1);
            let twin = ALPHABET.find(last).unwrap() + 1;
            let twin = format!("{rest}{}", &ALPHABET[twin..=twin]);
            assert!(twin != segment && twin.len() % 4 != 0);
            twin
        };
        let named = |name: &str| format!("{name} in segment {place}");
        rows(
            &mut table,
            [
                (named("one pad"), with(&|segment| format!("{segment}=")), bad),
                (named("two pads"), with(&|segment| format!("{segment}==")), bad),
                (named("a plus"), with(&|segment| format!("+{}", &segment[1..])), bad),
                (named("a slash"), with(&|segment| format!("/{}", &segment[1..])), bad),
                (
                    named("a question mark"),
                    with(&|segment| format!("?{}", &segment[1..])),
                    Malformed("malformed_credentials"),
                ),
                (named("bits left over that are not zero"), with(&twin), bad),
                (named("nothing changed"), with(&str::to_owned), Forwarded),
            ],
        )
        .await;
    }
    assert_eq!(decode(segments(&good)[0]), header.as_bytes());
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn header_and_claims_are_one_json_object_each() {
    let mut table = table().await;
    let (header, text) = (ES256.header().text(), claims().text());
    let (bad_header, no_object) = (Invalid("bad_header"), Invalid("claims_not_object"));
    // The order in which a derived structure would read them.
    let positional = format!("[{},null,\"alice\",\"https://issuer.example.com/\",\"orders\"]", crate::kit::NOW + 300);
    rows(
        &mut table,
        [
            ("a header that is no JSON", with_header("alg=ES256"), bad_header),
            ("a header in an array", with_header(format!("[{header}]")), bad_header),
            ("a header by position", with_header("[\"ES256\",\"at+jwt\"]"), bad_header),
            ("a header that is a string", with_header("\"ES256\""), bad_header),
            ("a header cut short", with_header(&header[..header.len() - 1]), bad_header),
            ("a byte after the header", with_header(format!("{header}x")), bad_header),
            ("a second header", with_header(format!("{header}{{}}")), bad_header),
            ("a byte order mark", with_header(format!("\u{feff}{header}")), bad_header),
            ("claims in an array", with_claims(format!("[{text}]")), no_object),
            ("claims by position", with_claims(positional), no_object),
            ("claims that are a string", with_claims("\"alice\""), no_object),
            ("claims that are a number", with_claims("1"), no_object),
            ("claims that are null", with_claims("null"), no_object),
            ("claims cut short", with_claims(&text[..text.len() - 1]), no_object),
            ("white space in the header", with_header(format!(" \n{}\t", header.replace(':', " : "))), Forwarded),
            ("white space in the claims", with_claims(format!("\t{}\r\n", text.replace(',', " ,\n"))), Forwarded),
        ],
    )
    .await;
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_object_has_two_members_of_one_name() {
    let mut table = table().await;
    let twice = Invalid("duplicate_member");
    let header = |name: &str, raw: &str| with_header(ES256.header().and(name, raw).text());
    let claim = |name: &str, raw: &str| with_claims(claims().with("role", "\"user\"").and(name, raw).text());
    let nested = |raw: &str| with_claims(claims().with("x", raw).text());
    rows(
        &mut table,
        [
            ("alg twice", header("alg", "\"ES256\""), twice),
            ("alg twice, by an escape", header("a\\u006cg", "\"none\""), twice),
            ("kid twice", header("kid", "\"x\""), twice),
            ("a header that nobody knows, twice", with_header(ES256.header().and("x", 1).and("x", 1).text()), twice),
            ("a claim twice", claim("role", "\"admin\""), twice),
            ("a registered claim twice", claim("sub", "\"mallory\""), twice),
            ("a claim twice, by an escape", claim("r\\u006fle", "\"admin\""), twice),
            ("twice within a claim", nested("{\"role\":1,\"role\":2}"), twice),
            ("twice within a claim, by an escape", nested("[{\"role\":1,\"r\\u006fle\":2}]"), twice),
            ("names that differ by case", claim("Role", "\"admin\""), Forwarded),
            ("one name in two objects", nested("[{\"a\":1},{\"a\":1}]"), Forwarded),
        ],
    )
    .await;
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_strict_utf_8() {
    let mut table = table().await;
    let bad = Invalid("bad_utf8");
    let broken = |bytes: &[u8]| {
        let text = claims().with("x", "\"#\"").text();
        let (before, after) = text.split_once('#').unwrap();
        with_claims([before.as_bytes(), bytes, after.as_bytes()].concat())
    };
    rows(
        &mut table,
        [
            ("a byte that never occurs", broken(b"\xff"), bad),
            ("an overlong spelling", broken(b"\xc0\x80"), bad),
            ("an encoded surrogate", broken(b"\xed\xa0\x80"), bad),
            ("half of a pair, by an escape", broken(b"\\ud800"), bad),
            ("the other half", broken(b"\\udfff"), bad),
            ("the pair turned round", broken(b"\\udc00\\ud800"), bad),
            ("a broken byte in the header", with_header(b"{\"alg\":\"ES256\",\"x\":\"\xff\"}"), bad),
            ("a pair", broken(b"\\ud83d\\ude00"), Forwarded),
            ("the character itself", broken("😀".as_bytes()), Forwarded),
        ],
    )
    .await;
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn depth_and_size_are_bounded() {
    let mut table = table().await;
    let large = Invalid("claims_too_large");
    let arrays = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let members = |count: usize| (0..count).fold(Json::default(), |json, n| json.and(&format!("m{n}"), 0)).text();
    let audiences = |count: usize| format!("[{}\"orders\"]", "\"a\",".repeat(count - 1));
    let with = |name: &str, raw: String| with_claims(claims().with(name, raw).text());
    // The claims themselves are eight members and the first level.
    rows(
        &mut table,
        [
            ("a level too many", with("x", arrays(16)), large),
            ("a thousand levels", with("x", arrays(1000)), large),
            ("a member too many", with("x", members(248)), large),
            ("a thousand audiences", with("aud", audiences(1000)), large),
            ("as many levels as allowed", with("x", arrays(15)), Forwarded),
            ("as many members as allowed", with("x", members(247)), Forwarded),
            ("as many audiences as allowed", with("aud", audiences(512)), Forwarded),
        ],
    )
    .await;
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_rfc_7520_are_no_access_tokens() {
    let mut table = table().await;
    let examples: serde_json::Value = serde_json::from_str(include_str!("../vectors/rfc7520.json")).unwrap();
    let text = |example: &serde_json::Value, name: &str| example[name].as_str().unwrap().to_owned();
    let verified: Vec<_> = examples["verified"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|example| text(example, "section").starts_with("4."))
        .map(|example| (format!("figure of section {}", text(example, "section")), text(example, "compact")))
        .collect();
    assert_eq!(verified.len(), 4);
    // Good signatures, though over a sentence and not over claims.
    rows(&mut table, verified.into_iter().map(|(name, token)| (name, token, Invalid("claims_not_object")))).await;
    for example in examples["refused"].as_array().unwrap() {
        let (section, form, reason) = (text(example, "section"), text(example, "form"), text(example, "reason"));
        let expected = match reason.as_str() {
            "malformed_token" => Invalid("malformed_token"),
            "encrypted_token" => Invalid("encrypted_token"),
            "malformed_credentials" => Malformed("malformed_credentials"),
            other => panic!("{other}"),
        };
        let name = format!("section {section}, {form}");
        rows(&mut table, [(name, text(example, "text").replace(['\r', '\n'], " "), expected)]).await;
    }
    table.end().await;
}
