//! RFC 6749, section 3.3; RFC 9068, section 2.2.3: scopes are exact.

use super::assert_rows;
use super::mint::{ES256, claims, now, terms};
use crate::jose::{Expectation, Reason, Scopes, Terms, Token};

/// The scopes that a token grants whose claim of this name is this JSON.
fn granted(name: &str, raw: &str, scope_claim: Option<&str>) -> Result<Vec<String>, Reason> {
    let terms = Terms { scope_claim: scope_claim.map(str::to_owned), ..terms() };
    let token = ES256.token_of(&claims().with(name, raw));
    let claims = Expectation::new(terms).unwrap().verify(Token::parse(&token)?, &ES256.keys, now())?;
    Ok(claims.scopes().iter().map(str::to_owned).collect())
}

#[test]
fn scopes_come_from_one_string_or_an_array_of_strings() {
    let scope = |raw: &str| granted("scope", raw, None);
    let ok = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
    let invalid = Err(Reason::ClaimInvalid);
    assert_rows([
        ("a number", scope("7"), invalid.clone()),
        ("true", scope("true"), invalid.clone()),
        ("an object", scope("{\"a\":true}"), invalid.clone()),
        ("a number in the array", scope("[\"a\",7]"), invalid.clone()),
        ("an array in the array", scope("[[\"a\"]]"), invalid),
        ("null", scope("null"), ok(&[])),
        ("empty", scope("\"\""), ok(&[])),
        ("spaces", scope("\"  \""), ok(&[])),
        ("several, one twice", scope("\"b a  b \""), ok(&["a", "b"])),
        ("a tab separates nothing", scope("\"a\\tb\""), ok(&["a\tb"])),
        ("an array", scope("[\"b\",\"a\"]"), ok(&["a", "b"])),
        ("an item with a space is one odd scope", scope("[\"a b\"]"), ok(&["a b"])),
        ("another claim of the name that the policy says", granted("scp", "[\"a\"]", Some("scp")), ok(&["a"])),
        ("the standard claim where the policy says another", granted("scope", "\"a\"", Some("scp")), ok(&[])),
    ]);
}

#[test]
fn a_scope_is_granted_by_its_whole_name_alone() {
    let scopes = Scopes::from_names(["orders:readonly", "orders", "Orders:write", ""]);
    for missing in
        ["orders:read", "order", "orders:", "orders:write", "ORDERS", "orders ", "", "orders orders:readonly"]
    {
        assert!(!scopes.contains(missing), "{missing:?}");
    }
    for present in ["orders:readonly", "orders", "Orders:write"] {
        assert!(scopes.contains(present), "{present:?}");
    }
    assert_eq!((scopes.len(), scopes.is_empty()), (3, false));
    assert!(Scopes::default().is_empty());
}
