//! Who called, as the access log says it: by the claims that the policy names, of a credential that was verified.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::gateway::Gateway;
use super::issuer::{CORP, Issuer, api_key, inline, jwt, jwt_with, policy, token_rule, tokens};
use super::tables::{Tables, backend, stages, upstream};
use crate::jose::Profile;
use crate::snapshot::{
    Access, Action, ApiKeyPlace, Backend, Entry, Identity, Policy, Protocol, Redirect, Stages, TokenRule,
};

/// A rule that needs no upstream.
fn answered(access: Access) -> Stages {
    let redirect = Redirect { status: StatusCode::FOUND, scheme: None, authority: None, path: None };
    Stages { access, ..stages(Action::Redirect(redirect)) }
}

/// The entry for all tokens of the issuer, whatever else they say.
fn generic(issuer: &Issuer) -> Entry {
    jwt_with("corp", CORP, &inline(&[issuer.jwk()]), |terms| terms.profile = Profile::Generic)
}

/// A policy whose callers are named by these claims.
fn naming(name: &str, entry: Entry, subject: &str, client: &[&str], team: Option<&str>) -> Policy {
    let client = client.iter().map(|claim| (*claim).into()).collect();
    let identity = Identity { subject: subject.into(), client, team: team.map(Into::into) };
    Policy { identity, ..policy(name, vec![entry]) }
}

/// Client, team, and whether there is a subject.
type Who<'a> = (Option<&'a str>, Option<&'a str>, bool);

/// What the log has of the caller.
fn who(line: &Value) -> Who<'_> {
    (line["client_id"].as_str(), line["team"].as_str(), line.get("subject").is_some())
}

/// The lines for requests with these paths and tokens, in order.
fn log_of(tables: Tables, requests: &[(&str, &str)]) -> Vec<Value> {
    let gateway = Gateway::start(tables.snapshot());
    let mut client = gateway.connect();
    for (path, token) in requests {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer {token}\r\n\r\n"));
        client.read_message();
    }
    let log = gateway.stop();
    assert_eq!(log.len(), requests.len());
    log
}

#[test]
fn a_line_names_the_client_and_the_team_as_the_token_does() {
    let issuer = Issuer::new(CORP);
    let renamed = naming("renamed", generic(&issuer), "oid", &["appid", "azp"], Some("groups"));
    let unsaid = policy("partners", vec![generic(&issuer)]);
    let mut tables = Tables::default();
    for (prefix, policy) in [("/unsaid", unsaid), ("/renamed", renamed)] {
        tables = tables.rule(prefix, answered(tokens(vec![token_rule(policy)])));
    }
    let long = "a".repeat(129);
    let rows: &[(&str, Value, Who<'_>)] = &[
        ("/unsaid", json!({"client_id": "app", "azp": "other", "team": "shop"}), (Some("app"), None, true)),
        ("/unsaid", json!({"azp": "other"}), (Some("other"), None, true)),
        ("/unsaid", json!({"appid": "app"}), (None, None, true)),
        ("/unsaid", json!({"client_id": long}), (Some(&long[1..]), None, true)),
        ("/renamed", json!({"oid": "1", "appid": "app", "groups": "shop"}), (Some("app"), Some("shop"), true)),
        // Another claim could mean somebody else.
        ("/renamed", json!({"appid": 7, "azp": "other"}), (None, None, false)),
        ("/renamed", json!({"appid": null, "azp": "other"}), (None, None, false)),
        ("/renamed", json!({"appid": ["app"]}), (None, None, false)),
        ("/renamed", json!({"appid": "", "groups": ""}), (None, None, false)),
        ("/renamed", json!({"appid": "a\"b\\c\n\u{1b}\u{9b}"}), (Some("a\"b\\c\n\u{1b}\u{9b}"), None, false)),
        ("/renamed", json!({"client_id": "app", "team": "shop"}), (None, None, false)),
        ("/renamed", json!({"oid": 1, "appid": "app", "groups": ["shop"]}), (Some("app"), None, false)),
        ("/renamed", json!({"oid": {}, "azp": "app", "groups": {"shop": true}}), (Some("app"), None, false)),
    ];
    let token = |said: &Value| {
        issuer.token_with(|claims| {
            claims.remove("client_id");
            claims.extend(said.as_object().unwrap().clone());
        })
    };
    let requests: Vec<_> = rows.iter().map(|(path, said, _)| (*path, token(said))).collect();
    let requests: Vec<_> = requests.iter().map(|(path, token)| (*path, token.as_str())).collect();
    for (line, (path, said, expected)) in log_of(tables, &requests).iter().zip(rows) {
        assert_eq!(line["status"], 302, "{path} {said}: {line}");
        assert_eq!(who(line), *expected, "{path} {said}");
    }
}

#[test]
fn two_policies_over_one_issuer_each_name_the_caller_their_own_way() {
    let issuer = Issuer::new(CORP);
    // The entries are the same, so that what one verified the other remembers.
    let entry = || jwt("corp", CORP, &inline(&[issuer.jwk()]));
    let by_sub = naming("one", entry(), "sub", &["client_id"], None);
    let by_mail = naming("two", entry(), "email", &["azp"], Some("team"));
    let tables = Tables::default()
        .rule("/one", answered(tokens(vec![token_rule(by_sub)])))
        .rule("/two", answered(tokens(vec![token_rule(by_mail)])));
    let says = |sub: &str, email: &str| {
        let said: Map<_, _> = [("sub", sub), ("email", email), ("azp", "front"), ("team", "shop")]
            .map(|(name, value)| (name.to_owned(), value.into()))
            .into_iter()
            .collect();
        issuer.token_with(|claims| claims.extend(said))
    };
    let (alice, bob) = (says("alice", "a@example.com"), says("bob", "a@example.com"));
    let requests =
        [("/one", &alice), ("/two", &alice), ("/one", &alice), ("/two", &alice), ("/one", &bob), ("/two", &bob)];
    let log = log_of(tables, &requests.map(|(path, token)| (path, token.as_str())));
    for (line, (path, _)) in log.iter().zip(requests) {
        let expected = if path == "/one" { (Some("app"), None, true) } else { (Some("front"), Some("shop"), true) };
        assert_eq!(who(line), expected, "{line}");
    }
    let subjects: Vec<_> = log.iter().map(|line| line["subject"].as_str().unwrap()).collect();
    let [alice, mail, again, mail_again, bob, bobs_mail] = subjects[..] else { panic!("{subjects:?}") };
    assert_eq!((again, mail_again, bobs_mail), (alice, mail, mail), "one subject has one fingerprint");
    assert!(alice != mail && bob != alice && bob != mail, "{subjects:?}");
    for subject in [alice, mail, bob] {
        assert!(subject.len() == 16 && subject.bytes().all(|byte| byte.is_ascii_hexdigit()), "{subject}");
    }
}

#[test]
fn only_what_was_verified_is_said_but_also_of_who_may_not() {
    let (issuer, stranger) = (Issuer::new(CORP), Issuer::new(CORP));
    let rule = |scopes: &[&str]| {
        let scopes = scopes.iter().map(|scope| (*scope).into()).collect();
        TokenRule { scopes, ..token_rule(policy("partners", vec![jwt("corp", CORP, &inline(&[issuer.jwk()]))])) }
    };
    let tables = Tables::default()
        .rule("/read", answered(tokens(vec![rule(&["orders:read"])])))
        .rule("/write", answered(tokens(vec![rule(&["orders:write"])])))
        .rule("/open", answered(Access::Anonymous));
    let (good, forged) = (issuer.token(), stranger.token());
    let expired = issuer.token_with(|claims| {
        claims.insert("exp".to_owned(), 1.into());
    });
    let (nobody, app) = ((None, None, false), (Some("app"), None, true));
    let rows = [
        ("let in", "/read", &good, 302, app),
        ("without the scope", "/write", &good, 403, app),
        ("signed by somebody else", "/read", &forged, 401, nobody),
        ("past its end", "/read", &expired, 401, nobody),
        ("not asked", "/open", &good, 302, nobody),
        ("no rule takes it", "/nowhere", &good, 404, nobody),
    ];
    let log = log_of(tables, &rows.map(|(_, path, token, ..)| (path, token.as_str())));
    for (line, (row, _, _, status, expected)) in log.iter().zip(rows) {
        assert_eq!((&line["status"], who(line)), (&status.into(), expected), "{row}: {line}");
        assert_eq!(line.get("policy").is_some(), expected != nobody, "{row}");
    }
}

#[test]
fn an_api_key_is_named_by_the_labels_and_the_owner_of_its_secret() {
    let (entry, key) = api_key("keys", &[ApiKeyPlace::Bearer], "2030-01-01T00:00:00Z");
    let labelled = naming("labelled", entry, "sub", &["client_id", "team"], Some("team"));
    let (entry, other) = api_key("keys", &[ApiKeyPlace::Bearer], "2030-01-01T00:00:00Z");
    let tables = Tables::default()
        .rule("/labelled", answered(tokens(vec![token_rule(labelled)])))
        .rule("/unsaid", answered(tokens(vec![token_rule(policy("partners", vec![entry]))])));
    let log = log_of(tables, &[("/labelled", &key), ("/unsaid", &other), ("/unsaid", &key)]);
    assert_eq!(who(&log[0]), (Some("shop"), Some("shop"), true));
    assert_eq!(who(&log[1]), (None, None, true));
    assert_eq!(who(&log[2]), (None, None, false));
    assert_eq!(log[0]["subject"], log[1]["subject"], "both have one owner");
    assert!(!log.iter().any(|line| line.to_string().contains("team-shop")), "the owner is in the log");
}

#[test]
fn where_rule_and_backend_ask_for_a_token_the_rules_policy_names_the_caller() {
    let issuer = Issuer::new(CORP);
    let access = |name: &str, client: &str, scopes: &[&str]| {
        let policy = naming(name, jwt("corp", CORP, &inline(&[issuer.jwk()])), "sub", &[client], None);
        let scopes = scopes.iter().map(|scope| (*scope).into()).collect();
        tokens(vec![TokenRule { scopes, ..token_rule(policy) }])
    };
    let token = issuer.token_with(|claims| {
        claims.insert("azp".to_owned(), "front".into());
    });
    for (row, of_rule, of_backend, status, expected) in [
        ("both", access("rule", "client_id", &[]), access("backend", "azp", &[]), 503, "app"),
        ("the backend refuses", access("rule", "client_id", &[]), access("backend", "azp", &["no"]), 403, "app"),
        ("the rule is open", Access::Anonymous, access("backend", "azp", &[]), 503, "front"),
    ] {
        // Nobody listens there.
        let upstream = upstream(&[([127, 0, 0, 1], 9).into()], Protocol::Http1);
        let access = Some(std::sync::Arc::new(of_backend));
        let action =
            backend(Backend::Upstream { upstream, strip: "".into(), base: "".into(), credential: None, access });
        let tables = Tables::default().rule("/", Stages { access: of_rule, ..stages(action) });
        let log = log_of(tables, &[("/", &token)]);
        assert_eq!((&log[0]["status"], who(&log[0]).0), (&status.into(), Some(expected)), "{row}: {}", log[0]);
    }
}
