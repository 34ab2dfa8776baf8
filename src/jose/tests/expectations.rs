//! RFC 8725: terms under which nothing unsafe can pass, and when two of them are the same.

use std::time::Duration;

use super::assert_rows;
use super::mint::{terms, terms_for};
use crate::jose::{Algorithm, Expectation, Profile, Terms, UnsafeExpectation};

fn algorithms(terms: Terms) -> Result<Vec<Algorithm>, UnsafeExpectation> {
    Expectation::new(terms).map(|expectation| expectation.algorithms().to_vec())
}

#[test]
fn unsafe_terms_are_refused() {
    use UnsafeExpectation as Unsafe;
    let unknown = |name: &str| Err(Unsafe::UnknownAlgorithm(name.to_owned()));
    let of = |names: &[&str]| algorithms(terms_for(names));
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let seconds = |seconds: u64| Some(Duration::from_secs(seconds));
    let es256 = || Ok(vec![Algorithm::ES256]);
    assert_rows([
        ("no issuer", algorithms(Terms { issuer: String::new(), ..terms() }), Err(Unsafe::NoIssuer)),
        ("no audience", algorithms(Terms { audiences: vec![], ..terms() }), Err(Unsafe::NoAudience)),
        (
            "an empty audience",
            algorithms(Terms { audiences: strings(&["a", ""]), ..terms() }),
            Err(Unsafe::EmptyAudience),
        ),
        ("no algorithm", of(&[]), Err(Unsafe::NoAlgorithm)),
        ("none", of(&["none"]), Err(Unsafe::NoneAlgorithm)),
        ("none among others", of(&["ES256", "nOnE"]), Err(Unsafe::NoneAlgorithm)),
        ("an unknown one", of(&["ES256", "ES256K"]), unknown("ES256K")),
        ("lower case", of(&["es256"]), unknown("es256")),
        ("an empty name", of(&[""]), unknown("")),
        ("HMAC and RSA", of(&["HS256", "RS256"]), Err(Unsafe::MixedFamilies)),
        ("HMAC and EdDSA", of(&["EdDSA", "HS512"]), Err(Unsafe::MixedFamilies)),
        ("two HMAC", of(&["HS256", "HS384"]), Err(Unsafe::SeveralHmac)),
        (
            "a leeway over five minutes",
            algorithms(Terms { leeway: Duration::from_millis(300_001), ..terms() }),
            Err(Unsafe::LeewayTooLong),
        ),
        ("a lifetime of nothing", algorithms(Terms { max_lifetime: seconds(0), ..terms() }), Err(Unsafe::ZeroLimit)),
        ("an age of nothing", algorithms(Terms { max_age: seconds(0), ..terms() }), Err(Unsafe::ZeroLimit)),
        (
            "a scope claim without a name",
            algorithms(Terms { scope_claim: Some(String::new()), ..terms() }),
            Err(Unsafe::EmptyScopeClaim),
        ),
        ("one algorithm", of(&["ES256"]), es256()),
        ("one, named twice", of(&["ES256", "ES256"]), es256()),
        ("one HMAC", of(&["HS512"]), Ok(vec![Algorithm::HS512])),
        (
            "several asymmetric ones, sorted",
            of(&["EdDSA", "RS256", "PS256"]),
            Ok(vec![Algorithm::RS256, Algorithm::PS256, Algorithm::EdDSA]),
        ),
        ("a leeway of five minutes", algorithms(Terms { leeway: Duration::from_mins(5), ..terms() }), es256()),
        ("limits of a second", algorithms(Terms { max_lifetime: seconds(1), max_age: seconds(1), ..terms() }), es256()),
    ]);
}

#[test]
fn the_content_hash_differs_where_any_term_does() {
    let hash = |terms: Terms| *Expectation::new(terms).unwrap().content_hash();
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let second = Some(Duration::from_secs(1));
    let all = [
        terms(),
        Terms { issuer: "https://issuer.example/".to_owned(), ..terms() },
        Terms { audiences: strings(&["order"]), ..terms() },
        Terms { audiences: strings(&["orders", "x"]), ..terms() },
        // Were texts joined without their lengths, these four would be two.
        Terms { audiences: strings(&["ab", "c"]), ..terms() },
        Terms { audiences: strings(&["a", "bc"]), ..terms() },
        Terms { issuer: "a".to_owned(), audiences: strings(&["1:b"]), ..terms() },
        Terms { issuer: "a1:b".to_owned(), audiences: strings(&["1"]), ..terms() },
        terms_for(&["ES384"]),
        terms_for(&["ES256", "ES384"]),
        terms_for(&["EdDSA"]),
        terms_for(&["Ed25519"]),
        Terms { profile: Profile::Generic, ..terms() },
        Terms { max_lifetime: second, ..terms() },
        Terms { max_age: second, ..terms() },
        Terms { leeway: Duration::from_secs(1), ..terms() },
        Terms { max_lifetime: second, max_age: second, ..terms() },
        Terms { max_lifetime: Some(Duration::from_secs(2)), ..terms() },
        Terms { scope_claim: Some("scp".to_owned()), ..terms() },
    ];
    let hashes: Vec<_> = all.into_iter().map(hash).collect();
    for (index, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..index].contains(hash), "{index}");
    }
    assert_eq!(
        hash(terms()),
        hash(Terms { scope_claim: Some("scope".to_owned()), ..terms() }),
        "the default, spelt out"
    );
    let audiences = |texts: &[&str]| hash(Terms { audiences: strings(texts), ..terms() });
    assert_eq!(audiences(&["a", "b"]), audiences(&["b", "a", "b"]), "order and repetition");
    assert_eq!(hash(terms_for(&["ES256", "RS256"])), hash(terms_for(&["RS256", "ES256", "RS256"])), "algorithms too");
}

#[test]
fn names_of_algorithms_are_exact() {
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(algorithm.as_str()), Some(algorithm));
        let lower = algorithm.as_str().to_ascii_lowercase();
        assert_eq!(Algorithm::from_name(&lower), None, "{lower}");
        for other in Algorithm::ALL {
            let pair = [Algorithm::EdDSA, Algorithm::Ed25519];
            let same = algorithm == other || (pair.contains(&algorithm) && pair.contains(&other));
            assert_eq!(algorithm.same_as(other), same, "{algorithm} and {other}");
        }
    }
    for name in ["", "none", "None", "ES256 ", "ES256K", "RS1", "HS1", "RSA1_5", "Ed448", "ML-DSA-44"] {
        assert_eq!(Algorithm::from_name(name), None, "{name}");
    }
}
