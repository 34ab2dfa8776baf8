//! RFC 8693: what is exchanged for what.

use serde_json::{Value, json};

use super::server::{ACCESS_TOKEN, CORP, LAX, START, Server, Setup, Told, URL, claims_of};
use crate::issuer::exchange::GRANT_TYPE;
use crate::snapshot::{Endpoint, Format};

/// Name and parameters; status, error and word.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], (u16, &'a str, &'a str));

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const API_KEY: &str = "urn:bearward:params:oauth:token-type:api-key";
const GRANT: (&str, &str) = ("grant_type", GRANT_TYPE);

#[test]
fn section_2_1_a_request_has_a_subject_of_a_known_type() {
    let server = Server::new();
    let token = server.corp_token(json!({}));
    let (subject, kind) = (("subject_token", token.as_str()), ("subject_token_type", ACCESS_TOKEN));
    let key = ("subject_token", server.api_key.as_str());
    let requested = |kind| ("requested_token_type", kind);
    let missing = (400, "invalid_request", "parameter_missing");
    let invalid = (400, "invalid_request", "parameter_invalid");
    let malformed = (400, "invalid_request", "malformed_token");
    let rows: &[Row<'_>] = &[
        ("no subject", &[kind], missing),
        ("no type", &[subject], missing),
        ("an ID token", &[subject, ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token")], invalid),
        ("for a refresh token", &[subject, kind, requested("urn:ietf:params:oauth:token-type:refresh_token")], invalid),
        ("an actor without a type", &[subject, kind, ("actor_token", &token)], missing),
        ("a type without an actor", &[subject, kind, ("actor_token_type", ACCESS_TOKEN)], invalid),
        ("a key as a token", &[key, kind], malformed),
        ("a token as a key", &[subject, ("subject_token_type", API_KEY)], malformed),
        ("a sealed one as a JWT", &[("subject_token", "bwt_AAAA"), ("subject_token_type", JWT)], malformed),
        ("a sealed one", &[("subject_token", "bwt_AAAA"), kind], (400, "invalid_request", "seal_unknown")),
        ("good", &[subject, kind], (200, "", "")),
        ("good, a JWT for a JWT", &[subject, ("subject_token_type", JWT), requested(JWT)], (200, "", "")),
        ("good, a key", &[key, ("subject_token_type", API_KEY)], (200, "", "")),
    ];
    for (name, parameters, expected) in rows {
        let told = server.batch(&[&[GRANT], *parameters].concat());
        assert_eq!(told.refusal(), *expected, "{name}");
        let kind = if parameters.contains(&requested(JWT)) { JWT } else { ACCESS_TOKEN };
        assert_eq!(told.body.get("issued_token_type"), (told.status == 200).then_some(&json!(kind)), "{name}");
    }
    let sealed = Server::with(Setup { format: Format::Opaque, ..Setup::default() });
    let told = sealed.exchange(&sealed.corp_token(json!({})), &[requested(JWT)]);
    assert_eq!(told.refusal(), invalid, "no JWT is given out");
}

#[test]
fn section_2_2_2_a_subject_that_is_not_good_is_an_invalid_request() {
    let (server, stranger) = (Server::new(), Server::new());
    let good = server.corp_token(json!({}));
    let end = if good.ends_with('A') { 'Q' } else { 'A' };
    let forged = format!("{}{end}", &good[..good.len() - 1]);
    let now = START.secs();
    let rows = [
        ("cut", "a.b".to_owned(), "malformed_token"),
        ("of nobody known", server.corp_token(json!({"iss": "https://a.example"})), "iss_unknown"),
        ("by another key", stranger.corp_token(json!({})), "unknown_kid"),
        ("forged", forged, "bad_signature"),
        ("ended", server.corp_token(json!({"exp": now - 31})), "expired"),
        ("ending", server.corp_token(json!({"exp": now})), "subject_ending"),
        ("for another", server.corp_token(json!({"aud": "orders"})), "aud_mismatch"),
        ("bound", server.corp_token(json!({"cnf": {"jkt": "x"}})), "bound_as_bearer"),
        ("naming nobody", server.corp_token(json!({"iss": LAX, "sub": null})), "subject_unnamed"),
        ("a name too long with its entry", server.corp_token(json!({"sub": "x".repeat(1_020)})), "token_oversized"),
        ("without a subject", server.corp_token(json!({"sub": null})), "claim_missing"),
        ("with an odd actor", server.corp_token(json!({"act": "x"})), "claim_invalid"),
        ("with an odd may_act", server.corp_token(json!({"may_act": "x"})), "claim_invalid"),
    ];
    for (name, token, reason) in &rows {
        assert_eq!(server.exchange(token, &[]).refusal(), (400, "invalid_request", *reason), "{name}");
    }
    let key = Server::new().api_key;
    let told = server.batch(&[GRANT, ("subject_token", &key), ("subject_token_type", API_KEY)]);
    assert_eq!(told.refusal(), (400, "invalid_request", "key_unknown"));
}

#[test]
fn what_comes_out_is_never_wider() {
    let server = Server::new();
    let wide = server.corp_token(json!({}));
    let narrow = server.corp_token(json!({"scope": "orders:read"}));
    let scope = |name| ("scope", name);
    let refused = (400, "invalid_scope", "scope_not_allowed");
    assert_eq!(server.exchange(&wide, &[scope("admin")]).refusal(), refused, "the client may not");
    assert_eq!(server.exchange(&narrow, &[scope("orders:write")]).refusal(), refused, "the subject may not");
    assert_eq!(server.exchange(&narrow, &[scope("orders:read orders:write")]).refusal(), refused);
    let claims = server.exchange(&wide, &[]).claims();
    assert_eq!(
        claims,
        json!({
            "iss": URL, "sub": "corp|alice", "client_id": "batch", "aud": "orders", "jti": claims["jti"],
            "iat": START.secs(), "exp": START.secs() + 300, "scope": "orders:read orders:write", "tenant": "acme",
        }),
        "claims that only we say are not taken over"
    );
    assert_eq!(server.exchange(&narrow, &[]).claims()["scope"], "orders:read");
    // A key is worth what its entry says, whatever it has itself.
    let key = server.batch(&[GRANT, ("subject_token", &server.api_key), ("subject_token_type", API_KEY)]);
    assert_eq!((&key.claims()["sub"], &key.claims()["scope"]), (&json!("keys|team-shop"), &json!("orders:read")));
    // Of our own tokens the audience is narrowed too, and the subject is ours already.
    let first = server.exchange(&wide, &[("audience", "billing"), scope("orders:read")]);
    let own = first.text("access_token");
    assert_eq!(
        server.exchange(own, &[("audience", "orders")]).refusal(),
        (400, "invalid_target", "target_not_allowed")
    );
    let second = server.exchange(own, &[]).claims();
    for claim in ["sub", "aud", "scope", "exp"] {
        assert_eq!(second[claim], first.claims()[claim], "{claim}");
    }
}

#[test]
fn section_4_1_who_acts_is_said_and_nobody_is_forgotten() {
    let server = Server::new();
    let actor = server.corp_token(json!({"sub": "svc", "exp": START.secs() + 60}));
    let with = |subject: Value, actor: &str| {
        let subject = server.corp_token(subject);
        server.exchange(&subject, &[("actor_token", actor), ("actor_token_type", ACCESS_TOKEN)])
    };
    let told = with(json!({}), &actor).claims();
    assert_eq!((&told["sub"], &told["act"]), (&json!("corp|alice"), &json!({"sub": "corp|svc"})));
    assert_eq!(told["exp"], START.secs() + 60, "no later than the actor's");
    let before = json!({"act": {"sub": "other", "act": {"sub": "first"}}});
    let named = json!({"sub": "other", "iss": CORP, "act": {"sub": "first", "iss": CORP}});
    assert_eq!(with(before.clone(), &actor).claims()["act"], json!({"sub": "corp|svc", "act": named}));
    assert_eq!(server.exchange(&server.corp_token(before), &[]).claims()["act"], named, "nobody is added");

    // Nobody outside says that one of ours has acted, at whatever depth.
    for act in [
        json!({"sub": "batch", "iss": URL}),
        json!({"sub": "x", "act": {"sub": "batch", "iss": URL}}),
        json!({"sub": "x", "iss": null}),
        json!({"sub": "x", "act": "batch"}),
    ] {
        assert_eq!(with(json!({"act": act}), &actor).refusal(), (400, "invalid_request", "claim_invalid"), "{act}");
    }
    let acting = server.corp_token(json!({"sub": "svc", "act": {"sub": "x"}}));
    assert_eq!(with(json!({}), &acting).refusal(), (400, "invalid_request", "actor_acting"));
    assert_eq!(with(json!({}), "a.b").refusal(), (400, "invalid_request", "malformed_token"));
    let deep = (0..8).fold(json!({"sub": "x"}), |act, _| json!({"sub": "x", "act": act}));
    assert_eq!(with(json!({"act": deep}), &actor).refusal(), (400, "invalid_request", "token_oversized"));
}

#[test]
fn section_4_4_may_act_names_who_may() {
    let server = Server::new();
    let actor = server.corp_token(json!({"sub": "svc"}));
    let by_actor = |may_act: Value| {
        let subject = server.corp_token(json!({"may_act": may_act}));
        server.exchange(&subject, &[("actor_token", &actor), ("actor_token_type", ACCESS_TOKEN)]).refusal().2.to_owned()
    };
    let by_client = |may_act: Value| server.exchange(&server.corp_token(json!({"may_act": may_act})), &[]).reason;
    let refused = "actor_not_allowed";
    for (may_act, actor, client) in [
        (json!({}), refused, refused),
        (json!({"iss": CORP}), refused, refused),
        (json!({"sub": "other"}), refused, refused),
        (json!({"sub": "svc", "iss": "https://a.example"}), refused, refused),
        (json!({"sub": "svc", "team": "x"}), refused, refused),
        (json!({"sub": "svc"}), "", refused),
        (json!({"sub": "svc", "iss": CORP}), "", refused),
        // A name without an issuer is not one of ours.
        (json!({"sub": "batch"}), refused, refused),
        (json!({"client_id": "plain", "iss": URL}), refused, refused),
        (json!({"sub": "batch", "iss": URL}), refused, ""),
        (json!({"client_id": "batch", "iss": URL}), refused, ""),
    ] {
        assert_eq!((by_actor(may_act.clone()), by_client(may_act.clone())), (actor.to_owned(), client), "{may_act}");
    }
    // A public client is nobody.
    let subject = server.corp_token(json!({"may_act": {"sub": "spa", "iss": URL}}));
    let told = server.spa(&[GRANT, ("subject_token", &subject), ("subject_token_type", ACCESS_TOKEN)]);
    assert_eq!(told.reason, refused);
}

#[test]
fn a_signed_token_of_an_issuer_of_sealed_ones_is_for_those_behind_the_gateway() {
    let server = Server::with(Setup { format: Format::Opaque, ..Setup::default() });
    let first = server.exchange(&server.corp_token(json!({})), &[]);
    let sealed = first.text("access_token").to_owned();
    let inside = server.opened(&sealed).unwrap();
    let spa = |token: &str| server.spa(&[GRANT, ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)]);
    assert_eq!(spa(&inside).refusal(), (400, "invalid_request", "not_sealed"));
    assert_eq!(spa(&sealed).status, 200);
    let told = server.exchange(&inside, &[]);
    let again = server.opened(told.text("access_token")).unwrap();
    assert_eq!(claims_of(&again)["sub"], "corp|alice");
    let foreign = Server::with(Setup { format: Format::Opaque, ..Setup::default() });
    assert_eq!(foreign.exchange(&sealed, &[]).refusal(), (400, "invalid_request", "seal_unknown"));
}

#[test]
fn a_token_that_no_route_would_look_at_is_not_made() {
    let server = Server::new();
    let ask = |id: &str, token: &str| {
        server.client(id, &[GRANT, ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)])
    };
    // What we say besides is some bytes more than what the issuer outside says.
    let largest = (5_000..6_000).rev().map(|length| server.corp_token(json!({"tenant": "x".repeat(length)})));
    let largest = largest.into_iter().find(|token| token.len() <= 8 * 1024).unwrap();
    assert_eq!(ask("plain", &largest).refusal(), (400, "invalid_request", "token_oversized"));
    let large = server.corp_token(json!({"tenant": "x".repeat(5_000)}));
    assert_eq!(ask("plain", &large).status, 200);
    // A family keeps less.
    assert_eq!(ask("batch", &large).refusal(), (400, "invalid_request", "token_oversized"));
}

#[test]
fn a_token_of_ours_gives_nothing_that_outlives_it_or_its_family() {
    let server = Server::new();
    let first = server.exchange(&server.corp_token(json!({})), &[]);
    let second = server.exchange(first.text("access_token"), &[]);
    assert_eq!(second.body.get("refresh_token"), None, "RFC 8693, section 2.2.1");
    let third = server.exchange(second.text("access_token"), &[]);
    assert_eq!((third.status, third.body.get("refresh_token")), (200, None));
    let family = |told: &Told| told.claims()["jti"].as_str().unwrap().split_once('.').unwrap().0.to_owned();
    assert_eq!((family(&second), family(&third)), (family(&first), family(&first)));
    // Taken back with all that came of it.
    let revoke = [("token", first.text("refresh_token"))];
    assert_eq!(server.post(Endpoint::Revocation, &[("authorization", &server.basic("batch"))], &revoke).status, 200);
    for told in [&first, &second, &third] {
        let told = server.exchange(told.text("access_token"), &[]);
        assert_eq!(told.refusal(), (400, "invalid_request", "subject_revoked"));
    }
}

#[test]
fn a_token_of_ours_is_worth_no_more_than_it_says_whatever_its_entry_says() {
    let mut server = Server::new();
    let read = [("scope", "orders:read")];
    let narrow = server.exchange(&server.corp_token(json!({})), &read).text("access_token").to_owned();
    let entry = server.issuer.subjects.iter_mut().find(|subject| subject.is_ours).unwrap();
    entry.scopes = Some(["orders:read".into(), "orders:write".into()].into());
    assert_eq!(server.exchange(&narrow, &[]).claims()["scope"], "orders:read");
    let refused = (400, "invalid_scope", "scope_not_allowed");
    assert_eq!(server.exchange(&narrow, &[("scope", "orders:write")]).refusal(), refused);
    let entry = server.issuer.subjects.iter_mut().find(|subject| subject.is_ours).unwrap();
    entry.scopes = Some(["orders:write".into()].into());
    assert_eq!(server.exchange(&narrow, &read).refusal(), refused);
}
