//! What the claims say: times, issuer, audience, names, and what a rule asks for (RFC 7519, section 4.1; RFC 9068).

use crate::issuer::ISSUER;
use crate::kit::{ES256, Json, NOW, STRANGER, STRICT, claims, jwt, jwt_of, key_set, policy, route, tokens};
use crate::table::Expected::{Denied, Forwarded, Invalid, Scope};
use crate::table::{Expected, Table};

const OTHER_ISSUER: &str = "https://other.example.com/";

/// Policies of one issuer: `strict` without leeway, `lenient` with the usual, `limited` in lifetime, `fresh` in age,
/// and `two` with a second issuer.
async fn table() -> Table {
    Table::serve(|upstream| {
        let keys = key_set([ES256.jwk()]);
        let with = |name: &str, more: &str| policy(name, &[jwt(&keys, more)]);
        let names = ["strict", "lenient", "limited", "fresh", "two", "generic"];
        let other = jwt_of(OTHER_ISSUER, &format!("{{inline: '{}'}}", key_set([STRANGER.jwk()])), STRICT);
        route(upstream, &names.map(|name| (name, tokens(&[name]))))
            + &with("strict", STRICT)
            + &with("lenient", "")
            + &with("limited", &format!("{STRICT}, maxLifetime: 1h"))
            + &with("fresh", &format!("{STRICT}, maxAge: 1m"))
            + &with("generic", &format!("{STRICT}, profile: Generic"))
            + &policy("two", &[jwt(&keys, STRICT), other])
    })
    .await
}

async fn rows<N: AsRef<str>>(table: &mut Table, rule: &str, rows: impl IntoIterator<Item = (N, Json, Expected)>) {
    for (name, claims, expected) in rows {
        table.token(rule, name.as_ref(), &ES256.token_of(&claims), expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_when_it_says_and_says_so_in_a_number() {
    let mut table = table().await;
    let exp = |raw: &str| claims().with("exp", raw);
    let at = |seconds: i64| claims().with("exp", NOW + seconds);
    let (invalid, expired, long) = (Invalid("exp_invalid"), Invalid("expired"), Invalid("lifetime_too_long"));
    rows(
        &mut table,
        "strict",
        [
            ("no exp", claims().without("exp"), invalid),
            ("exp null", exp("null"), invalid),
            ("exp a string", exp("\"1800000300\""), invalid),
            ("exp true", exp("true"), invalid),
            ("exp negative", exp("-1"), invalid),
            ("exp 1e308", exp("1e308"), invalid),
            ("exp now", at(0), expired),
            ("exp a second ago", at(-1), expired),
            ("exp now and a fraction, rounded down", exp(&format!("{NOW}.5")), expired),
            ("exp the largest of 64 bits", exp("18446744073709551615"), long),
            ("exp in two days", at(2 * 86_400), long),
            ("exp in a second", at(1), Forwarded),
            ("exp in a second and a fraction", exp(&format!("{}.5", NOW + 1)), Forwarded),
        ],
    )
    .await;
    rows(
        &mut table,
        "lenient",
        [
            ("the leeway over", at(-30), expired),
            ("a second beyond the leeway", at(-31), expired),
            ("within the leeway", at(-29), Forwarded),
        ],
    )
    .await;
    let living = |seconds: i64| claims().with("iat", NOW).with("exp", NOW + seconds);
    rows(
        &mut table,
        "limited",
        [
            ("a second more than it may live", living(3601), long),
            ("a day", living(86_400), long),
            ("as long as it may live", living(3600), Forwarded),
        ],
    )
    .await;
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_neither_early_nor_old() {
    let mut table = table().await;
    let (early, future, old) = (Invalid("not_yet_valid"), Invalid("iat_future"), Invalid("too_old"));
    let nbf = |raw: &str| claims().with("nbf", raw);
    let nbf_at = |seconds: i64| claims().with("nbf", NOW + seconds);
    let iat = |seconds: i64| claims().with("iat", NOW + seconds);
    rows(
        &mut table,
        "strict",
        [
            ("nbf in a second", nbf_at(1), early),
            ("nbf a string", nbf(&format!("\"{NOW}\"")), early),
            ("nbf null", nbf("null"), early),
            ("nbf in the far future", nbf("18446744073709551615"), early),
            ("nbf now", nbf_at(0), Forwarded),
            ("iat in eleven seconds", iat(11), future),
            ("iat in a minute", iat(60), future),
            ("iat in the year 2100", iat(75 * 31_557_600), future),
            ("iat a string", claims().with("iat", format!("\"{NOW}\"")), Invalid("claim_invalid")),
            ("iat in ten seconds", iat(10), Forwarded),
        ],
    )
    .await;
    rows(
        &mut table,
        "lenient",
        [
            ("nbf a second beyond the leeway", nbf_at(31), early),
            ("iat in a minute, with leeway", iat(60), future),
            ("nbf where the leeway begins", nbf_at(30), Forwarded),
        ],
    )
    .await;
    rows(
        &mut table,
        "fresh",
        [
            ("a second too old", iat(-61), old),
            ("an hour old", iat(-3600), old),
            ("as old as it may be", iat(-60), Forwarded),
        ],
    )
    .await;
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn issuer_and_audience_are_compared_byte_by_byte() {
    let mut table = table().await;
    let iss = |raw: &str| claims().with("iss", raw);
    let aud = |raw: &str| claims().with("aud", raw);
    let (iss_invalid, unknown) = (Invalid("iss_invalid"), Invalid("iss_unknown"));
    let (aud_invalid, mismatch) = (Invalid("aud_invalid"), Invalid("aud_mismatch"));
    rows(
        &mut table,
        "strict",
        [
            ("no issuer", claims().without("iss"), iss_invalid),
            ("an issuer that is a number", iss("7"), iss_invalid),
            ("an issuer that is null", iss("null"), iss_invalid),
            ("an array with the right issuer", iss(&format!("[\"{ISSUER}\"]")), iss_invalid),
            ("an issuer without the slash", iss("\"https://issuer.example.com\""), unknown),
            ("an issuer with one more", iss("\"https://issuer.example.com//\""), unknown),
            ("an issuer below", iss("\"https://issuer.example.com/tenant\""), unknown),
            ("an issuer in other case", iss("\"https://Issuer.example.com/\""), unknown),
            ("an issuer of another scheme", iss("\"http://issuer.example.com/\""), unknown),
            ("no audience", claims().without("aud"), aud_invalid),
            ("an audience that is an object", aud("{\"orders\":true}"), aud_invalid),
            ("an audience that is null", aud("null"), aud_invalid),
            ("another audience", aud("\"billing\""), mismatch),
            ("an audience that begins alike", aud("\"orders-admin\""), mismatch),
            ("an audience in other case", aud("\"Orders\""), mismatch),
            ("two audiences in one string", aud("\"billing orders\""), mismatch),
            ("no audience in the array", aud("[]"), mismatch),
            ("an array of mixed types", aud("[\"orders\",7]"), mismatch),
            ("our audience", claims(), Forwarded),
            ("our audience among others", aud("[\"billing\",\"orders\"]"), Forwarded),
            ("the issuer, by escapes", iss("\"https:\\/\\/issuer.example.com\\/\""), Forwarded),
        ],
    )
    .await;
    // Each issuer has its own keys, whoever else's are at hand.
    let other = claims().with_text("iss", OTHER_ISSUER);
    for (name, token, expected) in [
        ("the one issuer, the other's key", STRANGER.token_of(&claims()), Invalid("unknown_kid")),
        ("the other issuer, the one's key", ES256.token_of(&other), Invalid("unknown_kid")),
        ("the one issuer", ES256.token_of(&claims()), Forwarded),
        ("the other issuer", STRANGER.token_of(&other), Forwarded),
    ] {
        table.token("two", name, &token, expected).await;
    }
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_names_subject_client_time_and_itself() {
    let mut table = table().await;
    let (missing, invalid) = (Invalid("claim_missing"), Invalid("sub_invalid"));
    let sub = |raw: &str| claims().with("sub", raw);
    rows(
        &mut table,
        "strict",
        [
            ("no iat", claims().without("iat"), missing),
            ("no jti", claims().without("jti"), missing),
            ("no client_id", claims().without("client_id"), missing),
            ("no sub", claims().without("sub"), missing),
            ("sub empty", sub("\"\""), invalid),
            ("sub with a NUL", sub("\"alice\\u0000\""), invalid),
            ("sub with a line end", sub("\"alice\\r\\nx-admin: 1\""), invalid),
            ("sub a number", sub("7"), invalid),
            ("sub beyond 1 KiB", claims().with_text("sub", &"a".repeat(1025)), invalid),
            ("jti a number", claims().with("jti", 7), Invalid("claim_invalid")),
            ("sub of 1 KiB", claims().with_text("sub", &"a".repeat(1024)), Forwarded),
            ("sub in another script", sub("\"日本\""), Forwarded),
        ],
    )
    .await;
    for name in ["iat", "jti", "client_id", "sub"] {
        let row = (format!("no {name}, generic"), claims().without(name), Forwarded);
        rows(&mut table, "generic", [row]).await;
    }
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_asks_for_scopes_and_claims() {
    let auth = |more: &str| format!("{{tokens: [{{policyRef: {{name: strict}}, {more}}}]}}");
    let mut table = Table::serve(|upstream| {
        let both = auth(r#"scopes: ["orders:read", "orders:write"]"#);
        route(upstream, &[
            // The realm is the policy's, and a row's path begins with it.
            ("strict", auth(r#"scopes: ["orders:read"]"#)),
            ("strict/both", both),
            ("strict/tenant", auth("claims: [{claim: tenant, equals: acme}]")),
            ("strict/rule", auth(r#"require: "claims.tenant == 'acme' && request.method == 'GET'""#)),
            ("strict/size", auth(r#"require: "claims.level * 2 > 10""#)),
            ("strict/header", auth(r#"require: "request.headers['x-team'] == 'a'""#)),
            ("strict/all", auth(r#"require: "claims.groups.all(g, g.startsWith('a') && g.contains('a') && g != 'b' && g != 'c')""#)),
            ("strict/query", auth(r#"require: "request.query['page'] == '1'""#)),
        ])
        .replace("name: strict/", "name: ")
            + &policy("strict", &[jwt(&key_set([ES256.jwk()]), STRICT)])
    })
    .await;
    let scope = |text: &str| claims().with_text("scope", text);
    let with = |name: &str, raw: &str| claims().with(name, raw);
    let items = format!("[{}\"a\"]", "\"a\",".repeat(400));
    let (no, denied) = (Scope("orders:read"), Denied("denied_by_rule"));
    let mut row = async |rule: &str, name: &str, claims: Json, expected| {
        table.token(rule, name, &ES256.token_of(&claims), expected).await;
    };
    row("strict", "another scope", scope("profile"), no).await;
    row("strict", "no scope", claims().without("scope"), no).await;
    row("strict", "a scope that begins alike", scope("orders:readonly"), no).await;
    row("strict", "a scope in other case", scope("Orders:Read"), no).await;
    row("strict", "a scope that is a number", with("scope", "7"), Invalid("claim_invalid")).await;
    row("strict", "the scope", claims(), Forwarded).await;
    row("strict", "the scope among others", scope("profile orders:read"), Forwarded).await;
    row("strict/both", "one scope of two", claims(), Scope("orders:read orders:write")).await;
    row("strict/both", "the other of two", scope("orders:write"), Scope("orders:read orders:write")).await;
    row("strict/both", "both scopes", scope("orders:write orders:read"), Forwarded).await;
    row("strict/tenant", "no such claim", claims(), Denied("claim_mismatch")).await;
    row("strict/tenant", "another value", with("tenant", "\"acme2\""), Denied("claim_mismatch")).await;
    row("strict/tenant", "the value", with("tenant", "\"acme\""), Forwarded).await;
    row("strict/rule", "a rule that is false", with("tenant", "\"other\""), denied).await;
    row("strict/rule", "a rule without its claim", claims(), Denied("rule_value_missing")).await;
    row("strict/rule", "a rule that is true", with("tenant", "\"acme\""), Forwarded).await;
    row("strict/size", "a rule over another type", with("level", "\"9\""), Denied("rule_wrong_type")).await;
    row("strict/size", "a rule out of range", with("level", "9223372036854775807"), Denied("rule_out_of_range")).await;
    row("strict/size", "a rule over a number that is too small", with("level", "5"), denied).await;
    row("strict/size", "a rule over a number", with("level", "6"), Forwarded).await;
    row("strict/all", "a rule of too many steps", with("groups", &items), Denied("rule_too_costly")).await;
    row("strict/all", "a rule over a list with a wrong item", with("groups", "[\"a\",\"b\"]"), denied).await;
    row("strict/all", "a rule over a list", with("groups", "[\"a\",\"ab\"]"), Forwarded).await;
    row("strict/header", "a rule without its header", claims(), Denied("rule_value_missing")).await;
    let get = |query: &str| {
        let token = crate::issuer::bearer(&ES256.token_of(&claims()));
        format!("GET {{path}}?{query} HTTP/1.1\r\nhost: api.example.com\r\n{token}")
    };
    for (name, query, expected) in [
        ("a rule over a parameter that is repeated", "page=1&page=2", Denied("rule_unreadable")),
        ("a rule over a parameter with another value", "page=2", denied),
        ("a rule over a parameter", "page=1", Forwarded),
    ] {
        table.ask("strict/query", name, &get(query), "", expected).await;
    }
    table.end().await;
}
