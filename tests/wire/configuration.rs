//! Resources under which no request may pass: refused, told of, and never open.

use bearward::jose::{Algorithm, SigningKey};
use bearward::secret::Secret;

use crate::kit::{ES256, STRICT, claims, jwt, key_set, policy, route, tokens};
use crate::table::Expected::{Bare, Forwarded, Invalid, NotInForce, Unavailable};
use crate::table::Table;

/// A Secret with these bytes of key material.
fn secret(name: &str, bytes: usize, label: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: shop, labels: {{bearward.dev/use: \
         {label}}}}}\nstringData: {{key: \"{}\"}}\n---\n",
        "k".repeat(bytes)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_would_take_what_nobody_should_takes_nothing() {
    let keys = key_set([ES256.jwk()]);
    let inline = format!("{{inline: '{keys}'}}");
    let from = |secret: &str| format!("{{secretRef: {{name: {secret}, key: key}}}}");
    let entry = |issuer: &str, audiences: &str, keys: &str, algorithms: &str| {
        format!("jwt: {{{issuer}{audiences}keys: {keys}, algorithms: [{algorithms}]}}")
    };
    let (issuer, audiences) = ("issuer: \"https://issuer.example.com/\", ", "audiences: [orders], ");
    let policies = [
        ("none", entry(issuer, audiences, &inline, "none"), "InvalidValue"),
        ("mixed", entry(issuer, audiences, &from("long"), "HS256, RS256"), "InvalidValue"),
        ("hmac-inline", entry(issuer, audiences, &inline, "HS256"), "InvalidValue"),
        ("no-issuer", entry("", audiences, &inline, "ES256"), "InvalidValue"),
        ("no-audience", entry(issuer, "", &inline, "ES256"), "InvalidValue"),
        ("empty-audiences", entry(issuer, "audiences: [], ", &inline, "ES256"), "InvalidValue"),
        ("lower-case", entry(issuer, audiences, &inline, "es256"), "InvalidValue"),
        ("unknown-field", jwt(&keys, ", leeways: 0s"), "UnknownField"),
    ];
    // Sound by themselves, but for the Secret that they name.
    let keyless = [("short", "WeakKey"), ("lost", "SecretNotFound"), ("other-use", "SecretNotFound")];
    let mut table = Table::serve(|upstream| {
        let names = policies.iter().map(|(name, ..)| *name).chain(keyless.map(|(name, _)| name));
        let rules: Vec<_> = names.chain(["safe", "hmac"]).map(|name| (name, tokens(&[name]))).collect();
        let texts: String = policies.iter().map(|(name, entry, _)| policy(name, std::slice::from_ref(entry))).collect();
        let keyless = keyless.map(|(name, _)| policy(name, &[entry(issuer, audiences, &from(name), "HS256")])).concat();
        route(upstream, &rules)
            + &texts
            + &keyless
            + &policy("safe", &[jwt(&keys, STRICT)])
            + &policy("hmac", &[entry(issuer, audiences, &from("long"), "HS256")])
            + &secret("short", 31, "credentials")
            + &secret("long", 32, "credentials")
            + &secret("other-use", 32, "api-key")
    })
    .await;
    let good = ES256.token_of(&claims());
    for (name, _, code) in &policies {
        table.row(name, &format!("{name}, no token"), "", NotInForce(code)).await;
        table.token(name, &format!("{name}, a token"), &good, NotInForce(code)).await;
    }
    table.token("safe", "a policy that is safe", &good, Forwarded).await;
    let hmac = SigningKey::hmac(&Secret::new(vec![b'k'; 32]), Algorithm::HS256).unwrap();
    let hmac = hmac.sign("at+jwt", &serde_json::from_str(&claims().text()).unwrap()).unwrap();
    for (name, code) in keyless {
        table.row(name, &format!("{name}, no token"), "", Bare("no_credentials")).await;
        table.token(name, &format!("{name}, a token"), &hmac, Unavailable(code)).await;
        table.token(name, &format!("{name}, a token of another algorithm"), &good, Invalid("alg_not_allowed")).await;
    }
    table.token("hmac", "a secret that is long enough", &hmac, Forwarded).await;
    let findings = table.rig.findings().await;
    for (name, code) in policies.iter().map(|(name, _, code)| (*name, *code)).chain(keyless) {
        assert!(
            findings.contains(&format!("TokenPolicy shop/{name}\"")) && findings.contains(code),
            "{name}: {findings}"
        );
    }
    table.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_leads_nowhere_never_opens_a_rule() {
    let keys = key_set([ES256.jwk()]);
    let yaml = |upstream: &str, policies: &str| {
        route(
            upstream,
            &[
                ("partners", tokens(&["partners"])),
                ("misspelt", tokens(&["patners"])),
                ("one-of-two", tokens(&["partners", "patners"])),
                ("elsewhere", tokens(&["private"])),
                ("open", "{anonymous: true}".to_owned()),
            ],
        ) + policies
            + &policy("private", &[jwt(&keys, STRICT)]).replace("namespace: shop", "namespace: vault")
    };
    let partners = policy("partners", &[jwt(&keys, STRICT)]);
    let mut table = Table::serve(|upstream| yaml(upstream, &partners)).await;
    let good = ES256.token_of(&claims());
    let lost = NotInForce("PolicyNotFound");
    for (rule, name) in [("misspelt", "a policy that is misspelt"), ("elsewhere", "a policy of another namespace")] {
        table.row(rule, name, "", lost).await;
        table.token(rule, &format!("{name}, with a token"), &good, lost).await;
    }
    table.row("one-of-two", "a policy beside a misspelt one", "", lost).await;
    table.token("partners", "a policy that exists", &good, Forwarded).await;
    table.row("open", "a rule that is open", "", Forwarded).await;
    // Taken away, it takes its rules with it, and not their protection.
    let without = yaml(&table.upstream.url(), "");
    table.rig.reload(&without).await;
    for (name, fields) in [("detached", String::new()), ("detached, with a token", crate::issuer::bearer(&good))] {
        table.row("partners", name, &fields, lost).await;
    }
    table.row("open", "a rule that is open, still", "", Forwarded).await;
    table.end().await;
}
