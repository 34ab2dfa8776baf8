//! Who gets in: each row of the list of checks that concerns transport, structure, header, key, claims and API keys, over
//! a socket. What is checked inside a token is specified in `jose`; here it is that the answer and the log say the right
//! thing, and that the answer says no more than it may.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::gateway::{Gateway, START, verdicts};
use super::issuer::{CORP, Issuer, api_key, forged, inline, jwt, jwt_with, policy, token_rule, tokens};
use super::tables::{Tables, forward, stages};
use super::wire::{End, Message, Upstream};
use crate::expr::Rule;
use crate::jose::Profile;
use crate::snapshot::{Access, ApiKeyPlace, ClaimMatcher, ClaimTest, Credential, ForwardedClaim, Forwarding, Stages};

const OTHER: &str = "https://other.example.com";

/// A gateway whose one rule has this access, a client of it, and its upstream.
pub(super) struct Guarded {
    upstream: Upstream,
    pub(super) gateway: Gateway,
    client: End,
    server: Option<End>,
}

impl Guarded {
    pub(super) fn new(access: Access) -> Self {
        Self::with(access, |_, _| {})
    }

    pub(super) fn with(access: Access, edit: impl FnOnce(&mut Stages, &mut Tables)) -> Self {
        let upstream = Upstream::start();
        let mut tables = Tables::default();
        let mut rule = Stages { access, ..stages(forward(upstream.address())) };
        edit(&mut rule, &mut tables);
        let gateway = Gateway::start(tables.rule("/", rule).snapshot());
        let client = gateway.connect();
        Self { upstream, gateway, client, server: None }
    }

    /// Lets time go on, which ends what is idle, and connects anew.
    fn advance(&mut self, time: Duration) {
        self.gateway.advance(time);
        self.client = self.gateway.connect();
    }

    /// The answer to a GET with these fields.
    fn ask(&mut self, fields: &str) -> Message {
        self.ask_for("GET", "/a", fields).0
    }

    /// The answer, and what the upstream got if it got something.
    pub(super) fn ask_for(&mut self, method: &str, target: &str, fields: &str) -> (Message, Option<Message>) {
        self.client.send(format!("{method} {target} HTTP/1.1\r\nHost: api.example.com\r\n{fields}\r\n"));
        let mut forwarded = None;
        let reply = loop {
            if self.client.is_closed() || !self.client.arrived().is_empty() {
                break self.client.read_head();
            }
            // A link that had waited too long was closed by the gateway.
            self.server.take_if(End::is_closed);
            self.server = self.server.take().or_else(|| self.upstream.try_accept());
            let Some(server) = &mut self.server else { continue };
            if !server.is_closed() && !server.arrived().is_empty() {
                forwarded = Some(server.read_message());
                server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        };
        let length = reply.field("content-length").map_or(0, |length| length.parse().unwrap());
        let body = if method == "HEAD" { Vec::new() } else { self.client.read_exactly(length) };
        if reply.field("connection") == Some("close") {
            self.client = self.gateway.connect();
        }
        (Message { body, ..reply }, forwarded)
    }

    pub(super) fn bearer(&mut self, token: &str) -> Message {
        self.ask(&format!("Authorization: Bearer {token}\r\n"))
    }
}

/// A rule that takes this issuer's tokens.
fn corp(issuer: &Issuer) -> Access {
    tokens(vec![token_rule(policy("partners", vec![jwt("corp", CORP, &inline(&[issuer.jwk()]))]))])
}

/// The row's number, target and fields; status, challenge and reason.
type Row<'a> = (&'static str, &'static str, &'a str, u16, Option<&'static str>, &'static str);

#[test]
fn a_credential_that_cannot_be_taken_is_answered_as_rfc_6750_says() {
    let issuer = Issuer::new(CORP);
    let token = issuer.token();
    let large = format!("Authorization: Bearer {}\r\n", "a".repeat(8 * 1024 + 1));
    let good = format!("Authorization: bEaReR {token}\r\n");
    let twice = format!("Authorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n");
    let bare = "Bearer realm=\"shop/partners\"";
    let request = "Bearer realm=\"shop/partners\", error=\"invalid_request\", \
                   error_description=\"exactly one well-formed token is needed\"";
    let invalid = "Bearer realm=\"shop/partners\", error=\"invalid_token\", \
                   error_description=\"the token is not valid here\"";
    let rows: &[Row<'_>] = &[
        ("1", "/a", "", 401, Some(bare), "no_credentials"),
        ("2", "/a", "Authorization: Basic eA==\r\n", 401, Some(bare), "scheme_unsupported"),
        ("3", "/a", "Authorization: Bearer\r\n", 400, Some(request), "malformed_credentials"),
        ("4", "/a", "Authorization: Bearer a b\r\n", 400, Some(request), "malformed_credentials"),
        ("4", "/a", "Authorization: Bearer\ttok\r\n", 400, Some(request), "malformed_credentials"),
        ("4", "/a", "Authorization: Bearer a, Bearer b\r\n", 400, Some(request), "malformed_credentials"),
        ("5", "/a", &good, 200, None, ""),
        ("6", "/a", &twice, 400, Some(request), "multiple_credentials"),
        ("7", "/a?access_token=x", &good, 400, Some(request), "multiple_credentials"),
        ("8", "/a?access_token=x", "", 400, Some(request), "token_in_query"),
        ("9", "/a", "Cookie: access_token=x\r\n", 401, Some(bare), "no_credentials"),
        ("10", "/a", &large, 401, Some(invalid), "token_too_large"),
        ("20", "/a", "Authorization: Bearer {\"payload\":\"\"}\r\n", 400, Some(request), "malformed_credentials"),
        ("22", "/a", "Authorization: Bearer a.b?.c\r\n", 400, Some(request), "malformed_credentials"),
    ];
    let mut guarded = Guarded::new(corp(&issuer));
    for (row, target, fields, status, challenge, _) in rows {
        let (reply, forwarded) = guarded.ask_for("GET", target, fields);
        assert_eq!((reply.status(), reply.field("www-authenticate")), (*status, *challenge), "row {row}: {fields}");
        assert_eq!(forwarded.is_some(), *status == 200, "row {row}");
    }
    let log = guarded.gateway.stop();
    let expected: Vec<_> = rows.iter().map(|(.., status, _, reason)| (u64::from(*status), *reason)).collect();
    assert_eq!(verdicts(&log), expected);
    assert!(!log.iter().any(|line| line.to_string().contains(&token)), "a token is in the log");
    assert_eq!(log[6]["policy"], "shop/partners/corp");
}

#[test]
fn whatever_is_wrong_inside_a_token_the_answer_is_the_same_byte_by_byte() {
    let (issuer, stranger) = (Issuer::new(CORP), Issuer::new(CORP));
    let other_issuer = Issuer::new(OTHER);
    let set = |name: &'static str, value: Value| {
        move |claims: &mut serde_json::Map<String, Value>| {
            claims.insert(name.to_owned(), value);
        }
    };
    let without = |name: &'static str| {
        move |claims: &mut serde_json::Map<String, Value>| {
            claims.remove(name);
        }
    };
    let now = START.secs();
    let good = issuer.token();
    let rows: Vec<(String, &str)> = vec![
        ("a.b".into(), "malformed_token"),
        ("a.b.c.d.e".into(), "encrypted_token"),
        (format!("{good}="), "bad_base64url"),
        (good.replace('.', "+."), "bad_base64url"),
        ("e30.e30.e30".into(), "alg_not_allowed"),
        ("eyJhbGciOiJub25lIn0.e30.e30".into(), "alg_not_allowed"),
        (stranger.token(), "unknown_kid"),
        (forged(&good), "bad_signature"),
        (issuer.token_typed("JWT"), "wrong_typ"),
        (issuer.token_typed("dpop+jwt"), "wrong_typ"),
        (issuer.token_with(without("exp")), "exp_invalid"),
        (issuer.token_with(set("exp", json!(now - 31))), "expired"),
        (issuer.token_with(set("nbf", json!(now + 31))), "not_yet_valid"),
        (issuer.token_with(set("iat", json!(now + 60))), "iat_future"),
        (issuer.token_with(without("jti")), "claim_missing"),
        (issuer.token_with(without("iss")), "iss_invalid"),
        (issuer.token_with(set("iss", json!([CORP]))), "iss_invalid"),
        (issuer.token_with(set("iss", json!("https://idp.example.com/"))), "iss_unknown"),
        (other_issuer.token(), "iss_unknown"),
        (issuer.token_with(without("aud")), "aud_invalid"),
        (issuer.token_with(set("aud", json!("orders2"))), "aud_mismatch"),
        (issuer.token_with(set("sub", json!(""))), "sub_invalid"),
        (issuer.token_with(set("cnf", json!({"jkt": "x"}))), "bound_as_bearer"),
        ("bw_abcd1234_x".into(), "malformed_token"),
    ];
    // Two policies, so that neither the realm nor the order tells which one looked at the token.
    let partners = policy("partners", vec![jwt("corp", CORP, &inline(&[issuer.jwk()]))]);
    let staff = policy("staff", vec![jwt("corp", CORP, &inline(&[issuer.jwk()]))]);
    let mut guarded = Guarded::new(tokens(vec![token_rule(partners), token_rule(staff)]));
    let mut answers = Vec::new();
    for (token, reason) in &rows {
        let mut reply = guarded.bearer(token);
        reply.fields.retain(|(name, _)| name != "date");
        answers.push((reply, *reason));
    }
    for (answer, reason) in &answers {
        assert_eq!(*answer, answers[0].0, "{reason}");
        assert_eq!(answer.status(), 401, "{reason}");
    }
    let (head, _) = guarded.ask_for("HEAD", "/a", "Authorization: Bearer a.b\r\n");
    assert_eq!((head.status(), head.text()), (401, ""));
    assert_eq!(head.field("www-authenticate"), answers[0].0.field("www-authenticate"));
    let log = guarded.gateway.stop();
    let expected: Vec<_> = rows.iter().map(|(_, reason)| (401, *reason)).chain([(401, "malformed_token")]).collect();
    assert_eq!(verdicts(&log), expected);
}

#[test]
fn the_issuer_selects_the_entry_and_the_keys() {
    let (corp, other) = (Issuer::new(CORP), Issuer::new(OTHER));
    // Good claims of one issuer, signed by the other's key.
    let crossed = other.token_with(|claims| {
        claims.insert("iss".to_owned(), CORP.into());
    });
    let entries = vec![jwt("corp", CORP, &inline(&[corp.jwk()])), jwt("other", OTHER, &inline(&[other.jwk()]))];
    let mut guarded = Guarded::new(tokens(vec![token_rule(policy("partners", entries))]));
    for (token, status) in [(corp.token(), 200), (other.token(), 200), (crossed, 401)] {
        assert_eq!(guarded.bearer(&token).status(), status);
    }
    let log = guarded.gateway.stop();
    assert_eq!(verdicts(&log), [(200, ""), (200, ""), (401, "unknown_kid")]);
    assert_eq!((&log[0]["policy"], &log[1]["policy"]), (&"shop/partners/corp".into(), &"shop/partners/other".into()));
}

#[test]
fn of_two_entries_for_one_issuer_one_alone_is_tried() {
    let issuer = Issuer::new(CORP);
    let keys = inline(&[issuer.jwk()]);
    let strict = jwt_with("strict", CORP, &keys, |terms| terms.audiences = vec!["billing".to_owned()]);
    let lax = jwt_with("lax", CORP, &keys, |terms| terms.profile = Profile::Generic);
    let mut guarded = Guarded::new(tokens(vec![token_rule(policy("partners", vec![strict, lax]))]));
    assert_eq!(guarded.bearer(&issuer.token()).status(), 401);
    assert_eq!(verdicts(&guarded.gateway.stop()), [(401, "aud_mismatch")]);
}

#[test]
fn a_good_token_may_still_lack_what_the_rule_asks() {
    let issuer = Issuer::new(CORP);
    let with = |edit: &dyn Fn(&mut crate::snapshot::TokenRule)| {
        let mut rule = token_rule(policy("partners", vec![jwt("corp", CORP, &inline(&[issuer.jwk()]))]));
        edit(&mut rule);
        rule
    };
    let scopes = |scopes: &'static [&'static str]| {
        with(&move |rule| rule.scopes = scopes.iter().map(|scope| (*scope).into()).collect())
    };
    let claim = |claim: &'static str, test: ClaimTest| {
        with(&move |rule| rule.claims = [ClaimMatcher { claim: claim.into(), test: test.clone() }].into())
    };
    let require =
        |source: &'static str| with(&move |rule| rule.require = Some(Arc::new(Rule::compile(source).unwrap())));
    let needs = "Bearer realm=\"shop/partners\", error=\"insufficient_scope\", \
                 error_description=\"the token lacks a scope\", scope=\"orders:read orders:write\"";
    let rows = [
        ("84", vec![scopes(&["orders:read", "orders:write"])], 403, Some(needs), "scope"),
        ("84", vec![scopes(&["orders:rea"])], 403, None, "scope"),
        ("claim", vec![claim("tenant", ClaimTest::Equals("acme".into()))], 403, None, "claim_mismatch"),
        ("claim", vec![claim("groups", ClaimTest::Equals("b,c".into()))], 403, None, "claim_mismatch"),
        ("85", vec![require("claims.absent == 'x'")], 403, None, "rule_value_missing"),
        ("85", vec![require("claims.sub == 'bob'")], 403, None, "denied_by_rule"),
        ("85", vec![require("request.path == '/b' && token.entry == 'corp'")], 403, None, "denied_by_rule"),
        ("the closest way counts", vec![require("false"), scopes(&["orders:write"])], 403, None, "scope"),
        ("85", vec![require("claims.sub == 'alice' && request.path == '/a' && token.entry == 'corp'")], 200, None, ""),
        ("any way suffices", vec![scopes(&["orders:write"]), scopes(&["orders:read"])], 200, None, ""),
        ("claim", vec![claim("groups", ClaimTest::OneOf(["x".into(), "b".into()].into()))], 200, None, ""),
        ("claim", vec![claim("sub", ClaimTest::Prefix("ali".into()))], 200, None, ""),
    ];
    for (row, rules, status, challenge, reason) in rows {
        let mut guarded = Guarded::new(tokens(rules));
        let token = issuer.token_with(|claims| {
            claims.insert("groups".to_owned(), json!(["a", "b", "b,c d"]));
        });
        let reply = guarded.bearer(&token);
        assert_eq!(reply.status(), status, "row {row}");
        if challenge.is_some() {
            assert_eq!(reply.field("www-authenticate"), challenge, "row {row}");
        }
        // RFC 6750 has a challenge for a missing scope, and none for what another token would not mend.
        assert_eq!(reply.field("www-authenticate").is_some(), reason == "scope", "row {row}");
        assert_eq!(verdicts(&guarded.gateway.stop()), [(u64::from(status), reason)], "row {row}");
    }
}

#[test]
fn api_keys_are_taken_where_the_entry_says() {
    let places = [ApiKeyPlace::Bearer, ApiKeyPlace::XApiKey];
    let (entry, key) = api_key("keys", &places, "2030-01-01T00:00:00Z");
    let (expired, old_key) = api_key("old", &places, "2020-01-01T00:00:00Z");
    let (_, unknown) = api_key("unknown", &places, "2030-01-01T00:00:00Z");
    let (header_only, header_key) = api_key("header", &[ApiKeyPlace::XApiKey], "2030-01-01T00:00:00Z");
    let typo = format!("{}{}", &key[..key.len() - 1], if key.ends_with('0') { '1' } else { '0' });
    let mut guarded = Guarded::new(tokens(vec![token_rule(policy("partners", vec![entry, expired, header_only]))]));
    let rows = [
        (format!("Authorization: Bearer {typo}\r\n"), 401, "key_checksum"),
        (format!("x-api-key: {unknown}\r\n"), 401, "key_unknown"),
        (format!("x-api-key: {old_key}\r\n"), 401, "key_expired"),
        (format!("Authorization: Bearer {header_key}\r\n"), 401, "key_unknown"),
        (format!("x-goog-api-key: {key}\r\n"), 401, "no_credentials"),
        ("x-api-key: secret\r\n".to_owned(), 401, "malformed_token"),
        ("Authorization: Bearer a.b.c\r\n".to_owned(), 401, "malformed_token"),
        (format!("x-api-key: {key}\r\nx-api-key: {key}\r\n"), 400, "multiple_credentials"),
        (format!("Authorization: Bearer {key}\r\n"), 200, ""),
        (format!("x-api-key: {key}\r\n"), 200, ""),
        (format!("x-api-key: {header_key}\r\n"), 200, ""),
    ];
    for (fields, status, reason) in &rows {
        let (reply, forwarded) = guarded.ask_for("GET", "/a", fields);
        assert_eq!(reply.status(), *status, "{reason}: {fields}");
        if let Some(forwarded) = forwarded {
            assert_eq!((forwarded.field("x-api-key"), forwarded.field("authorization")), (None, None));
        }
    }
    let expected: Vec<_> = rows.iter().map(|(_, status, reason)| (u64::from(*status), *reason)).collect();
    assert_eq!(verdicts(&guarded.gateway.stop()), expected);
}

#[test]
fn the_upstream_is_told_what_the_policy_says_and_nothing_that_a_client_made_up() {
    let issuer = Issuer::new(CORP);
    let told = |claim: &str, header: &'static str| ForwardedClaim {
        claim: claim.into(),
        header: HeaderName::from_static(header),
    };
    for credential in [Credential::Strip, Credential::Keep] {
        let mut policy = policy("partners", vec![jwt("corp", CORP, &inline(&[issuer.jwk()]))]);
        let claims = [told("sub", "x-subject"), told("groups", "x-groups"), told("name", "x-name"), told("no", "x-no")];
        policy.forwarding = Forwarding { credential, claims: claims.into() };
        let mut guarded = Guarded::with(tokens(vec![token_rule(policy)]), |rule, tables| {
            rule.request.set = [(HeaderName::from_static("x-set"), HeaderValue::from_static("by the rule"))].into();
            rule.request.remove = [HeaderName::from_static("x-removed")].into();
            tables.identity_headers = ["x-subject", "x-groups", "x-name", "x-no"].map(HeaderName::from_static).to_vec();
        });
        let token = issuer.token_with(|claims| {
            claims.insert("groups".to_owned(), json!(["a", 7, true]));
            claims.insert("name".to_owned(), json!("Bj\u{f6}rn"));
        });
        let fields = format!(
            "Authorization: Bearer {token}\r\nX_Subject: admin\r\nx-name: admin\r\nX-No: admin\r\nX-Set: admin\r\n\
             Client-Cert: :eA==:\r\nX-Forwarded-Client-Cert: By=x\r\nx-removed: 1\r\nx-other: 2\r\n"
        );
        let (reply, forwarded) = guarded.ask_for("GET", "/a", &fields);
        assert_eq!(reply.status(), 200);
        let forwarded = forwarded.unwrap();
        let mut names = vec![
            "host",
            "traceparent",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-groups",
            "x-other",
            "x-request-id",
            "x-set",
            "x-subject",
        ];
        if credential == Credential::Keep {
            names.insert(0, "authorization");
        }
        assert_eq!(forwarded.names(), names);
        assert_eq!(forwarded.field("x-subject"), Some("alice"));
        assert_eq!(forwarded.field("x-groups"), Some("a,7,true"));
        assert_eq!(forwarded.field("x-set"), Some("by the rule"));
        let metrics = guarded.gateway.metrics();
        assert!(metrics.contains("bearward_claims_dropped_total 1\n"), "{metrics}");
        assert!(metrics.contains("bearward_spoofed_requests_total 1\n"), "{metrics}");
        assert!(!metrics.contains("spoofed_header"), "{metrics}");
        assert_eq!(verdicts(&guarded.gateway.stop()), [(200, "spoofed_header")]);
    }
}

#[test]
fn a_connection_field_cannot_name_away_what_is_checked_or_set() {
    let issuer = Issuer::new(CORP);
    let mut policy = policy("partners", vec![jwt("corp", CORP, &inline(&[issuer.jwk()]))]);
    let claims = [ForwardedClaim { claim: "sub".into(), header: HeaderName::from_static("x-subject") }];
    policy.forwarding = Forwarding { credential: Credential::Strip, claims: claims.into() };
    let mut guarded = Guarded::with(tokens(vec![token_rule(policy)]), |_, tables| {
        tables.identity_headers = vec![HeaderName::from_static("x-subject")];
    });
    let token = issuer.token();
    let fields = format!("Authorization: Bearer {token}\r\nConnection: x-subject, x-request-id, x-forwarded-for\r\n");
    let (reply, forwarded) = guarded.ask_for("GET", "/a", &fields);
    assert_eq!(reply.status(), 200);
    let forwarded = forwarded.unwrap();
    for name in ["x-subject", "x-request-id", "x-forwarded-for"] {
        assert!(forwarded.field(name).is_some(), "{name}");
    }
    let fields = format!("Authorization: Bearer {token}\r\nConnection: authorization\r\n");
    assert_eq!(guarded.ask(&fields).status(), 401);
}

#[test]
fn a_source_that_keeps_forging_is_held_back_and_known_tokens_are_not() {
    let issuer = Issuer::new(CORP);
    let mut guarded = Guarded::new(corp(&issuer));
    let known = issuer.token();
    assert_eq!(guarded.bearer(&known).status(), 200);
    for number in 0..50 {
        let bad = forged(&issuer.token_with(|claims| {
            claims.insert("jti".to_owned(), number.to_string().into());
        }));
        assert_eq!(guarded.bearer(&bad).status(), 401, "{number}");
    }
    // New tokens wait, good or bad; what is wrong without a signature is still said.
    let new = issuer.token_with(|claims| {
        claims.insert("jti".to_owned(), "new".into());
    });
    let reply = guarded.bearer(&new);
    assert_eq!((reply.status(), reply.field("retry-after")), (429, Some("1")));
    assert_eq!(reply.field("www-authenticate"), None);
    let expired = issuer.token_with(|claims| {
        claims.insert("exp".to_owned(), 1.into());
    });
    assert_eq!(guarded.bearer(&expired).status(), 401);
    assert_eq!(guarded.bearer(&known).status(), 200);
    guarded.advance(Duration::from_secs(1));
    assert_eq!(guarded.bearer(&new).status(), 200);
    assert!(guarded.gateway.metrics().contains("bearward_signature_checks_limited_total 1\n"));
}

#[test]
fn a_verified_token_is_known_and_everything_but_its_signature_is_checked_again() {
    let issuer = Issuer::new(CORP);
    let keys = inline(&[issuer.jwk()]);
    let mut guarded = Guarded::new(tokens(vec![token_rule(policy("partners", vec![jwt("corp", CORP, &keys)]))]));
    let token = issuer.token();
    let lookups = |gateway: &Gateway| {
        let metrics = gateway.metrics();
        let of = |result: &str| {
            let line = format!("bearward_token_cache_total{{result=\"{result}\"}} ");
            metrics.lines().find_map(|found| found.strip_prefix(&line)).unwrap().parse::<u64>().unwrap()
        };
        (of("hit"), of("miss"))
    };
    assert_eq!(guarded.bearer(&token).status(), 200);
    assert_eq!(guarded.bearer(&token).status(), 200);
    assert_eq!(guarded.bearer(&forged(&token)).status(), 401);
    assert_eq!(lookups(&guarded.gateway), (1, 2));
    // Row 114: the key is gone, and cached verdicts with it.
    keys.store(crate::snapshot::AcceptedKeys::Known {
        set: super::issuer::key_set(&[Issuer::new(CORP).jwk()]),
        as_of: crate::snapshot::AsOf::Always,
    });
    assert_eq!(guarded.bearer(&token).status(), 401);
    keys.store(crate::snapshot::AcceptedKeys::Known {
        set: super::issuer::key_set(&[issuer.jwk()]),
        as_of: crate::snapshot::AsOf::Always,
    });
    assert_eq!(guarded.bearer(&token).status(), 200);
    // Row 116: it expires in the cache, leeway included.
    guarded.advance(Duration::from_secs(629));
    assert_eq!(guarded.bearer(&token).status(), 200);
    guarded.advance(Duration::from_secs(1));
    assert_eq!(guarded.bearer(&token).status(), 401);
    let reasons: Vec<_> = guarded.gateway.stop().iter().map(|line| line["reason"].clone()).collect();
    assert_eq!(reasons[2], "bad_signature");
    assert_eq!(reasons[3], "unknown_kid");
    assert_eq!(reasons.last().unwrap(), "expired");
}

#[test]
fn a_rule_without_a_policy_or_with_a_broken_one_is_never_open() {
    let issuer = Issuer::new(CORP);
    let mut guarded = Guarded::new(tokens(Vec::new()));
    let reply = guarded.bearer(&issuer.token());
    assert_eq!((reply.status(), reply.text().contains("NoAuth")), (503, true));
    assert!(reply.field("retry-after").is_some());
    let mut guarded = Guarded::new(tokens(vec![token_rule(policy("partners", Vec::new()))]));
    assert_eq!(guarded.bearer(&issuer.token()).status(), 401);
}

#[test]
fn a_refusing_rule_refuses_with_the_code_of_its_finding() {
    let upstream = Upstream::start();
    let mut tables = Tables::default().rule("/", stages(forward(upstream.address())));
    let refused =
        crate::snapshot::Refused { rule: "shop/orders/broken".into(), code: crate::finding::Code::PolicyNotFound };
    tables.chain("/broken", crate::snapshot::Chain::Refuse(refused));
    let gateway = Gateway::start(tables.snapshot());
    let mut client = gateway.connect();
    client.send("GET /broken/a HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    let reply = client.read_message();
    assert_eq!((reply.status(), reply.field("www-authenticate")), (503, None));
    assert!(reply.text().contains("\"code\":\"PolicyNotFound\""), "{}", reply.text());
    let log = gateway.stop();
    assert_eq!((verdicts(&log), &log[0]["rule"]), (vec![(503, "PolicyNotFound")], &"shop/orders/broken".into()));
}
