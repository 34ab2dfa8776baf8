//! RFC 9449: what its examples say of tokens, keys and hashes.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bearward::clock::UnixTime;
use bearward::jose::{
    Algorithm, Expectation, KeySet, Profile, Proof, ProofFault, ProofTerms, ProofWindow, Reason, SigningKey, TargetUri,
    Terms, Token, TokenHash,
};
use serde_json::{Value, json};

use super::{assert_verified, decode, key_set, the_key};

/// Section 4.1, a proof for a token request.
const TOKEN_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUk\
    lDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6\
    IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva\
    2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";

/// Section 7.1, a proof for a request to a protected resource.
const RESOURCE_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUk\
    lDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6\
    IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm\
    90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.\
    2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";

/// The access token of the examples, and the thumbprint that it is bound to.
const ACCESS_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn segment(token: &str, index: usize) -> Value {
    serde_json::from_slice(&decode(token.split('.').nth(index).unwrap())).unwrap()
}

fn judge(token: &str, keys: &KeySet, profile: Profile) -> Result<(), Reason> {
    let terms = Terms {
        issuer: "https://server.example.com".to_owned(),
        audiences: vec!["https://resource.example.org".to_owned()],
        algorithms: vec!["ES256".to_owned()],
        profile,
        max_lifetime: None,
        max_age: None,
        leeway: Duration::ZERO,
        scope_claim: None,
    };
    let now = UnixTime::from_secs(1_562_262_617);
    Expectation::new(terms).unwrap().verify(Token::parse(token)?, keys, now).map(|_| ())
}

#[test]
fn sections_4_1_and_7_1_the_proofs_are_signed_by_the_key_that_they_bear() {
    for (section, proof) in [("4.1", TOKEN_PROOF), ("7.1", RESOURCE_PROOF)] {
        let jwk = &segment(proof, 0)["jwk"];
        assert_verified(&json!({"section": section, "algorithm": "ES256", "key": jwk, "compact": proof}));
    }
}

/// What comes of a proof for this method and target, so many seconds after it was made.
fn verify(proof: &str, method: &str, target: &str, token: Option<&str>, after: i64) -> Result<Proof, ProofFault> {
    let targets = [TargetUri::parse(target).unwrap()];
    let terms = ProofTerms {
        method,
        targets: &targets,
        algorithms: &[Algorithm::ES256],
        window: ProofWindow::default(),
        token: token.map(TokenHash::of),
    };
    let made = segment(proof, 1)["iat"].as_i64().unwrap();
    Proof::verify(proof, &terms, UnixTime::from_secs(made + after))
}

#[test]
fn section_4_1_the_proof_is_good_for_its_token_request_alone() {
    let endpoint = "https://server.example.com/token";
    let judge = |method, target, token, after| {
        verify(TOKEN_PROOF, method, target, token, after).map(|proof| proof.thumbprint.to_string())
    };
    assert_eq!(judge("GET", endpoint, None, 0), Err(ProofFault::Htm));
    assert_eq!(judge("POST", "https://server.example.com/tokens", None, 0), Err(ProofFault::Htu));
    assert_eq!(judge("POST", "https://resource.example.org/token", None, 0), Err(ProofFault::Htu));
    assert_eq!(judge("POST", endpoint, Some(ACCESS_TOKEN), 0), Err(ProofFault::Ath));
    assert_eq!(judge("POST", endpoint, None, 3600), Err(ProofFault::Time));
    assert_eq!(judge("POST", endpoint, None, -3600), Err(ProofFault::Time));
    assert_eq!(judge("POST", endpoint, None, 1), Ok(THUMBPRINT.to_owned()));
}

#[test]
fn section_7_1_the_proof_is_good_for_its_resource_and_token_alone() {
    let resource = "https://resource.example.org/protectedresource";
    let judge = |method, target, token, after| {
        verify(RESOURCE_PROOF, method, target, token, after).map(|proof| proof.thumbprint.to_string())
    };
    let other = ACCESS_TOKEN.replace('~', "-");
    assert_eq!(judge("POST", resource, Some(ACCESS_TOKEN), 0), Err(ProofFault::Htm));
    assert_eq!(judge("GET", "https://resource.example.org/", Some(ACCESS_TOKEN), 0), Err(ProofFault::Htu));
    assert_eq!(judge("GET", resource, Some(&other), 0), Err(ProofFault::Ath));
    assert_eq!(judge("GET", resource, Some(ACCESS_TOKEN), 60), Err(ProofFault::Time));
    assert_eq!(judge("GET", resource, Some(ACCESS_TOKEN), 59), Ok(THUMBPRINT.to_owned()));
    let uri = "HTTPS://RESOURCE.example.org:443/protectedresource?query#fragment";
    assert_eq!(judge("GET", uri, Some(ACCESS_TOKEN), 0), Ok(THUMBPRINT.to_owned()));
    let (one, other) = (
        verify(TOKEN_PROOF, "POST", "https://server.example.com/token", None, 0).unwrap(),
        verify(RESOURCE_PROOF, "GET", resource, Some(ACCESS_TOKEN), 0).unwrap(),
    );
    assert!(one.key != other.key && one.nonce.is_none());
}

#[test]
fn section_6_1_the_thumbprint_in_the_token_is_that_of_the_proofs_key() {
    let keys = key_set(&segment(TOKEN_PROOF, 0)["jwk"], Algorithm::ES256);
    assert_eq!(the_key(&keys).thumbprint().to_string(), THUMBPRINT);
}

#[test]
fn section_7_1_the_proof_has_the_hash_of_the_access_token() {
    let ath = URL_SAFE_NO_PAD.encode(TokenHash::of(ACCESS_TOKEN).as_bytes());
    assert_eq!(segment(RESOURCE_PROOF, 1)["ath"], ath.as_str());
    let other = URL_SAFE_NO_PAD.encode(TokenHash::of(&ACCESS_TOKEN.replace('~', "-")).as_bytes());
    assert_ne!(segment(RESOURCE_PROOF, 1)["ath"], other.as_str());
}

#[test]
fn a_proof_is_no_access_token_even_to_who_trusts_its_key() {
    let keys = key_set(&segment(TOKEN_PROOF, 0)["jwk"], Algorithm::ES256);
    for proof in [TOKEN_PROOF, RESOURCE_PROOF] {
        assert_eq!(judge(proof, &keys, Profile::Rfc9068), Err(Reason::WrongTyp));
        assert_eq!(judge(proof, &keys, Profile::Generic), Err(Reason::WrongTyp));
    }
}

#[test]
fn section_6_1_the_bound_token_is_no_bearer_token() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let (keys, _) = KeySet::parse(json!({"keys": [key.public_jwk()]}).to_string().as_bytes()).unwrap();
    let mut claims = json!({
        "sub": "someone@example.com", "iss": "https://server.example.com", "nbf": 1_562_262_611,
        "exp": 1_562_266_216, "cnf": {"jkt": THUMBPRINT}, "aud": "https://resource.example.org",
    });
    let judge_claims =
        |claims: &Value| judge(&key.sign("at+jwt", claims.as_object().unwrap()).unwrap(), &keys, Profile::Generic);
    assert_eq!(judge_claims(&claims), Err(Reason::BoundAsBearer));
    claims["cnf"] = json!({"kid": "1"});
    assert_eq!(judge_claims(&claims), Err(Reason::CnfUnsupported));
    claims.as_object_mut().unwrap().remove("cnf");
    assert_eq!(judge_claims(&claims), Ok(()));
}

#[test]
fn the_access_token_of_the_examples_is_no_jwt() {
    assert_eq!(Token::parse(ACCESS_TOKEN).map(|_| ()), Err(Reason::BadBase64Url));
}
