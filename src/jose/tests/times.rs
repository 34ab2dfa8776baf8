//! RFC 7519, sections 2 and 4.1.4 to 4.1.6: times at their exact bounds.

use std::time::Duration;

use super::assert_rows;
use super::mint::{ES256, Json, NOW, claims, generic_terms, terms};
use crate::jose::{Reason, Terms};

fn judge(claims: &Json, terms: Terms) -> Result<(), Reason> {
    ES256.judge(&ES256.token_of(claims), terms)
}

fn with_leeway(seconds: u64) -> Terms {
    Terms { leeway: Duration::from_secs(seconds), ..terms() }
}

#[test]
fn rfc_7519_section_4_1_4_exp_is_a_number_of_seconds() {
    let exp = |raw: &str| judge(&claims().with("exp", raw), terms());
    let invalid = Err(Reason::ExpInvalid);
    assert_rows([
        ("absent", judge(&claims().without("exp"), terms()), invalid),
        ("absent, generic", judge(&claims().without("exp"), generic_terms()), invalid),
        ("null", exp("null"), invalid),
        ("true", exp("true"), invalid),
        ("a string", exp("\"1800000300\""), invalid),
        ("a date", exp("\"2030-01-01T00:00:00Z\""), invalid),
        ("an array", exp("[1800000300]"), invalid),
        ("an object", exp("{}"), invalid),
        ("negative", exp("-1"), invalid),
        ("negative, a fraction", exp("-0.5"), invalid),
        ("1e308", exp("1e308"), invalid),
        ("a fraction beyond 2^53", exp("9007199254740994.0"), invalid),
        ("a whole number beyond 64 bits", exp("18446744073709551616"), invalid),
        ("zero", exp("0"), Err(Reason::Expired)),
        ("minus zero", exp("-0"), Err(Reason::Expired)),
        ("beyond 2^53", exp("9007199254740993"), Err(Reason::LifetimeTooLong)),
        ("the largest of 64 bits", exp("18446744073709551615"), Err(Reason::LifetimeTooLong)),
        ("the largest signed one", exp("9223372036854775807"), Err(Reason::LifetimeTooLong)),
        ("2^53", exp("9007199254740992"), Ok(())),
        ("a fraction", exp("1800000001.5"), Ok(())),
        ("an exponent", exp("1.8000003e9"), Ok(())),
    ]);
}

#[test]
fn rfc_7519_section_4_1_4_a_token_is_not_taken_on_or_after_its_expiry() {
    let exp = |seconds: i64, leeway: u64| judge(&claims().with("exp", NOW + seconds), with_leeway(leeway));
    assert_rows([
        ("at it", exp(0, 0), Err(Reason::Expired)),
        ("a second after it", exp(-1, 0), Err(Reason::Expired)),
        ("at it and the leeway", exp(-30, 30), Err(Reason::Expired)),
        ("a second after both", exp(-31, 30), Err(Reason::Expired)),
        ("a second before it", exp(1, 0), Ok(())),
        ("at it, within the leeway", exp(0, 30), Ok(())),
        ("a second before the leeway ends", exp(-29, 30), Ok(())),
    ]);
    // A fraction is rounded down: half a second more is not a second more.
    assert_eq!(judge(&claims().with("exp", format!("{NOW}.5")), terms()), Err(Reason::Expired));
    assert_eq!(judge(&claims().with("exp", format!("{}.5", NOW + 1)), terms()), Ok(()));
}

#[test]
fn rfc_7519_section_4_1_5_a_token_is_not_taken_before_nbf() {
    let nbf = |raw: String, leeway: u64| judge(&claims().with("nbf", raw), with_leeway(leeway));
    let at = |seconds: i64| (NOW + seconds).to_string();
    let early = Err(Reason::NotYetValid);
    assert_rows([
        ("a second early", nbf(at(1), 0), early),
        ("a second before the leeway begins", nbf(at(31), 30), early),
        ("in a far future", nbf(u64::MAX.to_string(), 300), early),
        ("a string", nbf(format!("\"{NOW}\""), 0), early),
        ("null", nbf("null".to_owned(), 0), early),
        ("negative", nbf("-1".to_owned(), 0), early),
        ("1e308", nbf("1e308".to_owned(), 0), early),
        ("at it", nbf(at(0), 0), Ok(())),
        ("at the leeway's beginning", nbf(at(30), 30), Ok(())),
        ("a fraction, rounded down", nbf(format!("{NOW}.9"), 0), Ok(())),
    ]);
}

#[test]
fn a_token_may_come_from_a_clock_ten_seconds_ahead_but_not_sixty() {
    let iat = |ahead: i64, leeway: u64| {
        judge(&claims().with("iat", NOW + ahead).with("exp", NOW + 3600), with_leeway(leeway))
    };
    let future = Err(Reason::IatFuture);
    assert_rows([
        ("eleven seconds, no leeway", iat(11, 0), future),
        ("31 seconds, 30 of leeway", iat(31, 30), future),
        ("60 seconds, 60 of leeway", iat(60, 60), future),
        ("60 seconds, five minutes of leeway", iat(60, 300), future),
        ("75 years", iat(75 * 31_557_600, 300), future),
        ("ten seconds, no leeway", iat(10, 0), Ok(())),
        ("30 seconds, 30 of leeway", iat(30, 30), Ok(())),
        ("59 seconds, 60 of leeway", iat(59, 60), Ok(())),
        ("long ago", iat(-1_000_000, 0), Ok(())),
    ]);
    let raw = |raw: &str| judge(&claims().with("iat", raw), terms());
    assert_rows([
        ("a string", raw("\"1800000000\""), Err(Reason::ClaimInvalid)),
        ("null", raw("null"), Err(Reason::ClaimInvalid)),
        ("negative", raw("-1"), Err(Reason::ClaimInvalid)),
        ("1e308", raw("1e308"), Err(Reason::ClaimInvalid)),
        ("the largest of 64 bits", raw("18446744073709551615"), Err(Reason::IatFuture)),
        ("a fraction", raw("1799999990.25"), Ok(())),
    ]);
}

#[test]
fn a_token_lives_no_longer_than_allowed() {
    let hour = |leeway: u64| Terms { max_lifetime: Some(Duration::from_hours(1)), ..with_leeway(leeway) };
    let token = |iat: i64, exp: i64| claims().with("iat", NOW + iat).with("exp", NOW + exp);
    let long = Err(Reason::LifetimeTooLong);
    assert_rows([
        ("a second too long", judge(&token(-10, 3591), hour(0)), long),
        ("a second too long, leeway makes no difference", judge(&token(-10, 3591), hour(300)), long),
        ("a day", judge(&token(0, 86_400), hour(0)), long),
        ("exactly as long", judge(&token(-10, 3590), hour(0)), Ok(())),
        ("a day, no limit", judge(&token(0, 86_400), terms()), Ok(())),
    ]);
    // Without iat what is left of it counts, by our own clock.
    let generic = |leeway: u64| Terms { profile: generic_terms().profile, ..hour(leeway) };
    let undated = |exp: i64| claims().without("iat").with("exp", NOW + exp);
    assert_rows([
        ("undated, a second too long", judge(&undated(3601), generic(0)), long),
        ("undated, a second beyond the leeway", judge(&undated(3631), generic(30)), long),
        ("undated, as long as allowed", judge(&undated(3600), generic(0)), Ok(())),
        ("undated, as long with leeway", judge(&undated(3630), generic(30)), Ok(())),
    ]);
}

#[test]
fn a_token_is_no_older_than_allowed() {
    let minute = |leeway: u64| Terms { max_age: Some(Duration::from_mins(1)), ..with_leeway(leeway) };
    let issued = |ago: i64| claims().with("iat", NOW - ago);
    assert_rows([
        ("a second too old", judge(&issued(61), minute(0)), Err(Reason::TooOld)),
        ("a second beyond the leeway", judge(&issued(91), minute(30)), Err(Reason::TooOld)),
        (
            "a second too old, and a fraction",
            judge(&claims().with("iat", format!("{}.9", NOW - 61)), minute(0)),
            Err(Reason::TooOld),
        ),
        ("as old as allowed", judge(&issued(60), minute(0)), Ok(())),
        ("as old with leeway", judge(&issued(90), minute(30)), Ok(())),
        ("any age, no limit", judge(&issued(1_000_000), terms()), Ok(())),
    ]);
    let generic = Terms { profile: generic_terms().profile, ..minute(0) };
    assert_eq!(judge(&claims().without("iat"), generic), Err(Reason::ClaimMissing), "of unknown age");
}
