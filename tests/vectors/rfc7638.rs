//! RFC 7638, section 3.1: the thumbprint of a key.

use bearward::jose::Algorithm;
use serde_json::Value;

use super::{key_set, signing_key, the_key};

#[test]
fn the_example_key_has_the_name_that_is_printed() {
    // The key is that of RFC 7517, appendix A.1.
    let keys: Value = serde_json::from_str(include_str!("rfc7517.json")).unwrap();
    let jwk = &keys["public"]["keys"][1];
    let printed = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    assert_eq!(the_key(&key_set(jwk, Algorithm::RS256)).thumbprint().to_string(), printed);
    assert_eq!(signing_key(&keys["private"]["keys"][1], Algorithm::RS256).thumbprint().to_string(), printed);
}
