//! Every algorithm that keys can be of, as jose and PyJWT verify it.

use serde_json::{Value, json};

use crate::issuing::Issuing;
use crate::node::Node;
use crate::script::Script;

const JOSE: Script = Script::Node(include_str!("clients/verify.mjs"));
const PYJWT: Script = Script::Python(include_str!("clients/verify.py"));

/// Each, its name in a URL, and who knows it.
const ALGORITHMS: [(&str, &str, &[Script]); 6] = [
    ("ES256", "es256", &[JOSE, PYJWT]),
    ("EdDSA", "eddsa", &[JOSE, PYJWT]),
    ("Ed25519", "ed25519", &[JOSE]),
    ("RS256", "rs256", &[JOSE, PYJWT]),
    ("PS256", "ps256", &[JOSE, PYJWT]),
    ("ES384", "es384", &[JOSE, PYJWT]),
];

#[tokio::test]
async fn jose_and_pyjwt_verify_tokens_of_every_algorithm() {
    let upstream = Node::start().await;
    let issuers = ALGORITHMS.map(|(algorithm, name, _)| (name, json!({"algorithm": algorithm})));
    let issuing = Issuing::start(upstream.address, &issuers).await;
    for (algorithm, name, scripts) in ALGORITHMS {
        let token = issuing.token(name).await.unwrap();
        assert_eq!(issuing.status_with(name, &token).await, 200, "{algorithm}");
        for script in scripts {
            let said = verify(*script, &issuing.issuer(name), algorithm, &token).await;
            assert_eq!((&said["verified"], &said["failures"]), (&json!(1), &json!([])), "{algorithm}");
        }
        // The same token as one of another issuer.
        let other = if name == "es256" { "es384" } else { "es256" };
        let said = verify(scripts[0], &issuing.issuer(other), algorithm, &token).await;
        assert_eq!(said["verified"], 0, "{algorithm}");
    }
    issuing.end().await;
    upstream.end().await;
}

async fn verify(script: Script, issuer: &str, algorithm: &str, token: &str) -> Value {
    let mut running = script.start();
    let given = json!({"issuer": issuer, "algorithm": algorithm, "new_set_every": 1});
    running.tell(&given.to_string()).await;
    running.tell(token).await;
    let said = running.next().await.expect("the script has ended");
    running.end().await;
    said
}
