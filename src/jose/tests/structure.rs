//! RFC 7515, sections 2, 5.2 and 7.1; RFC 7519, sections 4 and 7.2: the form of a token, before anything that it says.

use super::assert_rows;
use super::mint::{ES256, Json, claims, judge, parse, segments, terms};
use crate::jose::Reason;

fn good() -> String {
    ES256.token_of(&claims())
}

/// The good token with one segment replaced.
fn with_segment(index: usize, change: impl FnOnce(&str) -> String) -> String {
    let token = good();
    let mut segments: Vec<String> = segments(&token).map(str::to_owned).into();
    segments[index] = change(&segments[index]);
    segments.join(".")
}

/// A signed token with this header text.
fn with_header(header: impl AsRef<[u8]>) -> String {
    ES256.sign(header, claims().text())
}

/// A signed token with this text of claims.
fn with_claims(claims: impl AsRef<[u8]>) -> String {
    ES256.sign(ES256.header().text(), claims)
}

fn rows(rows: impl IntoIterator<Item = (&'static str, String, Result<(), Reason>)>) {
    assert_rows(rows.into_iter().map(|(name, token, expected)| (name, ES256.judge(&token, terms()), expected)));
}

#[test]
fn rfc_7515_section_7_1_a_token_has_three_segments_none_of_them_empty() {
    let [header, payload, signature] = segments(&good()).map(str::to_owned);
    let malformed = Err(Reason::MalformedToken);
    rows([
        ("nothing", String::new(), malformed),
        ("one segment", header.clone(), malformed),
        ("two segments", format!("{header}.{payload}"), malformed),
        ("four segments", format!("{}.{signature}", good()), malformed),
        ("a leading dot", format!(".{}", good()), malformed),
        ("a trailing dot", format!("{}.", good()), malformed),
        ("six segments", "a.b.c.d.e.f".to_owned(), malformed),
        ("dots alone", "..".to_owned(), malformed),
        ("no header", format!(".{payload}.{signature}"), malformed),
        ("no payload", format!("{header}..{signature}"), malformed),
        ("no signature", format!("{header}.{payload}."), malformed),
        ("three segments", good(), Ok(())),
    ]);
}

#[test]
fn rfc_7516_section_9_five_segments_are_encrypted_and_nothing_of_them_is_decoded() {
    let bomb = Json::new(&[("alg", "\"PBES2-HS512+A256KW\""), ("p2c", "1000000000"), ("zip", "\"DEF\"")]).text();
    let bomb = crate::jose::base64url::encode(bomb);
    let encrypted = Err(Reason::EncryptedToken);
    rows([
        ("a JWE", format!("{bomb}.AA.AA.AA.AA"), encrypted),
        ("a JWE with a key agreed upon", format!("{bomb}..AA.AA.AA"), encrypted),
        // Were a segment decoded, these would say that it is not base64url or not JSON.
        ("segments that are not base64url", "+.+.+.+.+".to_owned(), encrypted),
        ("segments that are not JSON", "AA.AA.AA.AA.AA".to_owned(), encrypted),
        ("a good token with two more segments", format!("{}.AA.AA", good()), encrypted),
    ]);
}

#[test]
fn the_json_serialisation_and_other_characters_are_no_bearer_token() {
    let token = good();
    let [header, payload, signature] = segments(&token);
    let flattened = format!("{{\"payload\":\"{payload}\",\"protected\":\"{header}\",\"signature\":\"{signature}\"}}");
    let general = format!(
        "{{\"payload\":\"{payload}\",\"signatures\":[{{\"protected\":\"{header}\",\"signature\":\"{signature}\"}}]}}"
    );
    // CVE-2022-39227: the compact form hidden in a member's name of the other form.
    let both = format!("{{\"{header}.{payload}.{signature}\":\"\"}}");
    let malformed = Err(Reason::MalformedCredentials);
    rows([
        ("flattened JSON", flattened, malformed),
        ("general JSON", general, malformed),
        ("both serialisations at once", both, malformed),
        ("quotes", format!("\"{token}\""), malformed),
        ("braces", format!("{{{token}}}"), malformed),
        ("a space before", format!(" {token}"), malformed),
        ("a line feed after", format!("{token}\n"), malformed),
        ("a question mark", with_segment(1, |segment| format!("?{segment}")), malformed),
        ("a NUL", with_segment(1, |segment| format!("{segment}\0")), malformed),
        ("a letter that looks like one", with_segment(0, |segment| segment.replacen('e', "е", 1)), malformed),
        ("as it was", token.clone(), Ok(())),
    ]);
}

#[test]
fn rfc_7515_section_2_base64url_has_no_padding_and_one_spelling() {
    let bad = Err(Reason::BadBase64Url);
    for index in 0..3 {
        rows([
            ("one pad", with_segment(index, |segment| format!("{segment}=")), bad),
            ("two pads", with_segment(index, |segment| format!("{segment}==")), bad),
            ("a plus", with_segment(index, |segment| format!("+{}", &segment[1..])), bad),
            ("a slash", with_segment(index, |segment| format!("/{}", &segment[1..])), bad),
            ("a tilde", with_segment(index, |segment| format!("~{}", &segment[1..])), bad),
            ("a single character", with_segment(index, |_| "A".to_owned()), bad),
            ("as it was", with_segment(index, str::to_owned), Ok(())),
        ]);
    }
}

#[test]
fn rfc_7515_section_2_bits_left_over_must_be_zero() {
    /// Each character that a decoder which drops the bits left over would read as this one.
    fn twins(segment: &str) -> Vec<String> {
        const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let spare = match segment.len() % 4 {
            2 => 16,
            3 => 4,
            _ => 1,
        };
        let (rest, last) = segment.split_at(segment.len() - 1);
        let value = ALPHABET.find(last).unwrap();
        assert_eq!(value % spare, 0, "the encoder left bits over");
        (1..spare).map(|bits| format!("{rest}{}", &ALPHABET[value + bits..=value + bits])).collect()
    }
    let mut twins_seen = [0; 3];
    // Up to two spaces before the closing brace bring each segment to each length.
    for spaces in 0..3 {
        let pad = |text: String| text.replacen('{', &format!("{{{}", " ".repeat(spaces)), 1);
        let token = ES256.sign(pad(ES256.header().text()), pad(claims().text()));
        assert_eq!(judge(&token, &ES256.keys, terms()), Ok(()));
        for (index, segment) in segments(&token).into_iter().enumerate() {
            for twin in twins(segment) {
                twins_seen[index] += 1;
                let mut changed = segments(&token);
                changed[index] = &twin;
                assert_eq!(parse(&changed.join(".")), Err(Reason::BadBase64Url), "segment {index}, {spaces} spaces");
            }
        }
    }
    assert_eq!(twins_seen, [18, 18, 45]);
}

#[test]
fn a_token_has_8_kib_at_most() {
    /// A good token of exactly this length.
    fn of_length(length: usize) -> String {
        for spaces in 0..4 {
            let header = ES256.header().text().replacen('{', &format!("{{{}", " ".repeat(spaces)), 1);
            let shortest = ES256.sign(&header, claims().with("pad", "\"\"").text()).len();
            let guess = (length - shortest) / 4 * 3;
            for pad in guess.saturating_sub(3)..guess + 4 {
                let token = ES256.sign(&header, claims().with_text("pad", &"a".repeat(pad)).text());
                if token.len() == length {
                    return token;
                }
            }
        }
        unreachable!("no padding gives {length}");
    }
    rows([
        ("one byte over", of_length(8193), Err(Reason::TokenTooLarge)),
        ("far over", "a".repeat(1 << 20), Err(Reason::TokenTooLarge)),
        ("over, and no token at all", "\"".repeat(8193), Err(Reason::TokenTooLarge)),
        ("at the bound", of_length(8192), Ok(())),
    ]);
}

#[test]
fn rfc_7515_section_4_the_header_is_one_json_object_and_nothing_else() {
    let header = ES256.header().text();
    let bad = Err(Reason::BadHeader);
    rows([
        ("no JSON", with_header("alg=ES256"), bad),
        ("an array", with_header(format!("[{header}]")), bad),
        ("an array by position", with_header("[\"ES256\",\"at+jwt\"]"), bad),
        ("a string", with_header("\"ES256\""), bad),
        ("a number", with_header("256"), bad),
        ("null", with_header("null"), bad),
        ("cut", with_header(&header[..header.len() - 1]), bad),
        ("a second object after it", with_header(format!("{header}{header}")), bad),
        ("a letter after it", with_header(format!("{header}x")), bad),
        ("a NUL after it", with_header(format!("{header}\0")), bad),
        ("a byte order mark", with_header(format!("\u{feff}{header}")), bad),
        ("a trailing comma", with_header(header.replace('}', ",}")), bad),
        ("a comment", with_header(header.replace('}', "/**/}")), bad),
        ("names in single quotes", with_header(header.replace('"', "'")), bad),
        ("NaN", with_header(header.replace('}', ",\"x\":NaN}")), bad),
        ("a raw control character in a string", with_header(header.replace('}', ",\"x\":\"\u{1}\"}")), bad),
        ("kid that is no string", with_header(ES256.header().with("kid", 7).text()), bad),
        ("typ that is no string", with_header(ES256.header().with("typ", "[\"at+jwt\"]").text()), bad),
        ("white space within and around", with_header(format!(" \r\n{}\t", header.replace(':', " :\n "))), Ok(())),
        ("members that nobody knows", with_header(ES256.header().with("x", "{\"y\":[1]}").text()), Ok(())),
        ("an empty object", with_header("{}"), Err(Reason::AlgNotAllowed)),
    ]);
}

#[test]
fn rfc_7519_section_4_the_claims_are_one_json_object_and_nothing_else() {
    let text = claims().text();
    let bad = Err(Reason::ClaimsNotObject);
    // The order in which a derived structure would read them.
    let positional = format!("[{},null,\"alice\",\"https://issuer.example\",\"orders\"]", super::mint::NOW + 300);
    rows([
        ("an array", with_claims(format!("[{text}]")), bad),
        ("an array by position", with_claims(positional), bad),
        ("a string", with_claims("\"alice\""), bad),
        ("a number", with_claims("1"), bad),
        ("null", with_claims("null"), bad),
        ("no JSON", with_claims("alice"), bad),
        ("a nested token", with_claims(good()), bad),
        ("cut", with_claims(&text[..text.len() - 1]), bad),
        ("a second object after it", with_claims(format!("{text}{{}}")), bad),
        ("a byte order mark", with_claims(format!("\u{feff}{text}")), bad),
        ("a trailing comma", with_claims(text.replace('}', ",}")), bad),
        ("a number beyond any float", with_claims(claims().with("x", "1e999").text()), bad),
        ("white space within and around", with_claims(format!("\t{}\r\n", text.replace(',', " ,\n"))), Ok(())),
    ]);
}

#[test]
fn rfc_7515_section_4_no_object_has_two_members_of_one_name() {
    let header = || ES256.header();
    let twice = Err(Reason::DuplicateMember);
    let nested = |raw: &str| with_claims(claims().with("x", raw).text());
    rows([
        ("alg twice in the header", with_header(header().and("alg", "\"ES256\"").text()), twice),
        ("alg twice, once by escapes", with_header(header().and("a\\u006cg", "\"none\"").text()), twice),
        ("kid twice in the header", with_header(header().and("kid", "\"x\"").text()), twice),
        ("an unknown header twice", with_header(header().and("x", 1).and("x", 1).text()), twice),
        ("twice deep in the header", with_header(header().with("x", "[{\"y\":1,\"y\":2}]").text()), twice),
        ("a claim twice", with_claims(claims().and("sub", "\"mallory\"").text()), twice),
        ("an unknown claim twice", with_claims(claims().and("role", "1").and("role", "1").text()), twice),
        ("a claim twice, once by escapes", with_claims(claims().and("role", 1).and("r\\u006fle", 2).text()), twice),
        ("a claim twice, once by a pair", nested("{\"\\ud83d\\ude00\":1,\"😀\":2}"), twice),
        ("twice within an object", nested("{\"role\":1,\"role\":2}"), twice),
        ("twice within an object, by escapes", nested("{\"role\":1,\"\\u0072ole\":2}"), twice),
        ("twice within objects within arrays", nested("[[{\"a\":{\"b\":1,\"b\":1}}]]"), twice),
        ("twice, empty", nested("{\"\":1,\"\":1}"), twice),
        ("names that differ by case", with_claims(claims().and("Sub", "\"mallory\"").text()), Ok(())),
        ("one name in several objects", nested("[{\"a\":1},{\"a\":{\"a\":1}}]"), Ok(())),
        ("one value twice", nested("[\"a\",\"a\"]"), Ok(())),
    ]);
}

#[test]
fn rfc_7515_section_5_2_header_and_claims_are_strict_utf_8() {
    let broken = |bytes: &[u8]| {
        let text = claims().with("x", "\"#\"").text();
        let (before, after) = text.split_once('#').unwrap();
        [before.as_bytes(), bytes, after.as_bytes()].concat()
    };
    let escaped = |escape: &str| with_claims(claims().with("x", format!("\"{escape}\"")).text());
    let bad = Err(Reason::BadUtf8);
    rows([
        ("a byte that never occurs", with_claims(broken(b"\xff")), bad),
        ("an overlong NUL", with_claims(broken(b"\xc0\x80")), bad),
        ("an encoded surrogate", with_claims(broken(b"\xed\xa0\x80")), bad),
        ("a sequence cut short", with_claims(broken(b"\xe2\x82")), bad),
        ("beyond Unicode", with_claims(broken(b"\xf4\x90\x80\x80")), bad),
        // ASCII in UTF-16 is UTF-8 with a NUL before each letter, and no JSON.
        (
            "UTF-16",
            with_claims(claims().text().encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()),
            Err(Reason::ClaimsNotObject),
        ),
        ("a broken byte in the header", with_header([b"{\"alg\":\"ES256\",\"x\":\"\xff\"}".as_slice()].concat()), bad),
        ("a high surrogate alone", escaped("\\ud800"), bad),
        ("a low surrogate alone", escaped("\\udfff"), bad),
        ("two high ones", escaped("\\ud800\\ud800"), bad),
        ("the pair turned round", escaped("\\udc00\\ud800"), bad),
        ("a high one and a letter", escaped("\\ud800a"), bad),
        ("a high one and another escape", escaped("\\ud800\\n"), bad),
        ("a high one after an escaped backslash", escaped("\\\\\\ud800"), bad),
        ("half a pair in a name", with_claims(claims().with("\\ud800", 1).text()), bad),
        ("half a pair in the header", with_header(ES256.header().with("x", "\"\\uDBFF\"").text()), bad),
        ("a pair", escaped("\\ud83d\\ude00"), Ok(())),
        ("an escaped backslash before the same letters", escaped("\\\\ud800"), Ok(())),
        ("the character itself", escaped("😀"), Ok(())),
    ]);
}

#[test]
fn depth_members_and_items_are_bounded() {
    // The claims are the first level, so fifteen more are allowed.
    let arrays = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let members =
        |count: usize| (0..count).fold(Json::new(&[]), |json, index| json.and(&format!("m{index}"), 0)).text();
    let items = |count: usize| format!("[{}]", vec!["0"; count].join(","));
    let own = 7; // the members of the good claims
    let with = |raw: String| with_claims(claims().with("x", raw).text());
    let aud = |count: usize| {
        let others = vec!["\"a\""; count - 1].join(",");
        with_claims(claims().with("aud", format!("[{others},\"orders\"]")).text())
    };
    let large = Err(Reason::ClaimsTooLarge);
    rows([
        ("arrays one too deep", with(arrays(16)), large),
        ("objects one too deep", with(objects(16)), large),
        ("arrays very deep", with(arrays(2000)), large),
        ("arrays very deep, and never closed", with("[".repeat(4000)), large),
        ("one member too many", with(members(256 - own)), large),
        ("members too many in several objects", with(format!("[{},{}]", members(124), members(125))), large),
        ("one item too many", with(items(513)), large),
        ("one audience too many", aud(513), large),
        ("a thousand audiences", aud(1000), large),
        ("a header too deep", with_header(ES256.header().with("x", arrays(16)).text()), Err(Reason::BadHeader)),
        ("a header of too many", with_header(ES256.header().with("x", items(513)).text()), Err(Reason::BadHeader)),
        ("arrays as deep as allowed", with(arrays(15)), Ok(())),
        ("objects as deep as allowed", with(objects(15)), Ok(())),
        ("as many members as allowed", with(members(256 - own - 1)), Ok(())),
        ("as many in several objects", with(format!("[{},{}]", members(124), members(124))), Ok(())),
        ("as many items as allowed", with(items(512)), Ok(())),
        ("as many audiences as allowed", aud(512), Ok(())),
    ]);
}
