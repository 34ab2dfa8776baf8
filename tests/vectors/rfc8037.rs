//! RFC 8037, appendix A: Ed25519 and X25519.

use bearward::jose::{Algorithm, KeySet, SkipReason};
use serde_json::{Value, json};

use super::{assert_verified, decode, key_set, signing_key, the_key};

const COMPACT: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
    hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

fn key() -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    })
}

#[test]
fn appendix_a_3_the_key_has_the_name_that_is_printed() {
    let printed = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    assert_eq!(the_key(&key_set(&key(), Algorithm::EdDSA)).thumbprint().to_string(), printed);
    assert_eq!(signing_key(&key(), Algorithm::EdDSA).thumbprint().to_string(), printed);
}

#[test]
fn appendix_a_4_the_signature_comes_out_the_same() {
    let (signed, signature) = COMPACT.rsplit_once('.').unwrap();
    for algorithm in [Algorithm::EdDSA, Algorithm::Ed25519] {
        assert_eq!(signing_key(&key(), algorithm).sign_message(signed.as_bytes()).unwrap(), decode(signature));
    }
}

#[test]
fn appendix_a_5_the_signature_verifies_under_both_names() {
    for algorithm in ["EdDSA", "Ed25519"] {
        assert_verified(&json!({"section": "A.5", "algorithm": algorithm, "key": key(), "compact": COMPACT}));
    }
}

#[test]
fn appendix_a_6_and_a_7_keys_for_agreement_are_not_taken() {
    let keys = [
        (
            "X25519",
            json!({"kty": "OKP", "crv": "X25519", "kid": "Bob", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}),
        ),
        (
            "X448",
            json!({"kty": "OKP", "crv": "X448", "kid": "Dave", "x": "PreoKbDNIPW8_AtZm2_sz22kYnEHvbDU80W0MCfYuXL8PjT7QjKhPKcG3LV67D2uB73BxnvzNgk"}),
        ),
    ];
    for (curve, jwk) in keys {
        let (_, skipped) = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
        assert_eq!(skipped[0].reason, SkipReason::UnsupportedCurve(curve.to_owned()));
    }
}
