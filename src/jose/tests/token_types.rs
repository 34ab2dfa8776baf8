//! RFC 8725, sections 3.11 and 3.12; RFC 9068, section 2.1: which of an issuer's tokens are access tokens.

use super::assert_rows;
use super::mint::{ES256, Json, claims, generic_terms, terms};
use crate::jose::Reason;

fn strict(header: &Json, claims: &Json) -> Result<(), Reason> {
    ES256.judge(&ES256.token(header, claims), terms())
}

fn generic(header: &Json, claims: &Json) -> Result<(), Reason> {
    ES256.judge(&ES256.token(header, claims), generic_terms())
}

const WRONG: Result<(), Reason> = Err(Reason::WrongTyp);

#[test]
fn rfc_9068_section_4_only_at_jwt_is_an_access_token() {
    let rows = [
        ("", WRONG),
        ("JWT", WRONG),
        ("jwt", WRONG),
        ("at jwt", WRONG),
        ("at+jwt ", WRONG),
        ("at+jwt; charset=utf-8", WRONG),
        ("at+jwt\0", WRONG),
        ("application/", WRONG),
        ("application/jwt", WRONG),
        ("application/application/at+jwt", WRONG),
        ("text/at+jwt", WRONG),
        ("/at+jwt", WRONG),
        ("xat+jwt", WRONG),
        ("at+JWT", Ok(())),
        ("AT+JWT", Ok(())),
        ("application/at+jwt", Ok(())),
        ("Application/AT+JWT", Ok(())),
    ];
    assert_rows(rows.map(|(typ, expected)| (typ, strict(&ES256.header().with_text("typ", typ), &claims()), expected)));
    assert_eq!(strict(&ES256.header().without("typ"), &claims()), WRONG, "no typ");
}

#[test]
fn other_types_of_token_are_refused_by_every_profile() {
    let types = [
        "dpop+jwt",
        "secevent+jwt",
        "statuslist+jwt",
        "token-introspection+jwt",
        "logout+jwt",
        "oauth-authz-req+jwt",
        "jwk+jwt",
        "entity-statement+jwt",
        "vc+sd-jwt",
        "id_token",
        "rt+jwt",
        "JOSE",
        "application/dpop+jwt",
    ];
    for typ in types {
        let header = ES256.header().with_text("typ", typ);
        assert_eq!(strict(&header, &claims()), WRONG, "{typ}");
        assert_eq!(generic(&header, &claims()), WRONG, "{typ}");
    }
    assert_eq!(generic(&ES256.header(), &claims()), Ok(()));
}

#[test]
fn a_generic_access_token_may_be_untyped_but_bears_no_mark_of_another_kind() {
    let marks = [
        ("nonce", "\"n\""),
        ("at_hash", "\"x\""),
        ("c_hash", "\"x\""),
        ("s_hash", "\"x\""),
        ("events", "{}"),
        ("htm", "\"GET\""),
        ("htu", "\"https://api.example\""),
        ("status_list", "{}"),
        ("token_introspection", "{}"),
        // Present is enough, whatever the value.
        ("nonce", "null"),
        ("token_use", "\"id\""),
        ("token_use", "null"),
        ("typ", "\"ID\""),
        ("typ", "\"Refresh\""),
        ("typ", "\"Offline\""),
        ("typ", "\"Logout\""),
    ];
    let untyped = ES256.header().without("typ");
    let jwt = ES256.header().with_text("typ", "JWT");
    for (name, raw) in marks {
        let claims = claims().with(name, raw);
        assert_eq!(generic(&untyped, &claims), WRONG, "{name}: {raw}, untyped");
        assert_eq!(generic(&jwt, &claims), WRONG, "{name}: {raw}, JWT");
        assert_eq!(generic(&ES256.header(), &claims), Ok(()), "{name}: {raw}, at+jwt");
    }
    let fits = [("token_use", "\"access\""), ("typ", "\"Bearer\""), ("auth_time", "1"), ("sid", "\"s\"")];
    assert_eq!(generic(&untyped, &claims()), Ok(()));
    assert_eq!(generic(&ES256.header().with_text("typ", "application/jwt"), &claims()), Ok(()));
    for (name, raw) in fits {
        assert_eq!(generic(&jwt, &claims().with(name, raw)), Ok(()), "{name}: {raw}");
    }
}

#[test]
fn an_id_token_with_a_fitting_audience_is_no_access_token() {
    let id_token = claims().with_text("nonce", "n-0S6_WzA2Mj").with_text("azp", "shop").with("auth_time", 1);
    let header = ES256.header().with_text("typ", "JWT");
    assert_eq!(strict(&header, &id_token), WRONG);
    assert_eq!(generic(&header, &id_token), WRONG);
    assert_eq!(generic(&header, &id_token.without("nonce")), Ok(()), "the stated weakness of the profile");
}
