//! Three rotations in real time, and no token refused: by jose and by PyJWT with the caches that they have when nobody
//! configures them, and by the gateway's own routes.
//!
//! Both ask for keys again only when a token names one that they do not have, and no sooner than 30 s after they asked last.
//! So `publishAhead` must be longer than that, whatever the formulas allow.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use crate::gateway::Line;
use crate::issuing::Issuing;
use crate::node::Node;
use crate::script::{Running, Script};

const JOSE: Script = Script::Node(include_str!("clients/verify.mjs"));
const PYJWT: Script = Script::Python(include_str!("clients/verify.py"));

/// How long the published keys may be cached.
const MAX_AGE: Duration = Duration::from_secs(30);

/// How long tokens live: so short that the first key is gone before the third rotation.
const LIFETIME: Duration = Duration::from_secs(20);

/// After so many rounds something is wrong: four keys sign for 38 s each.
const MOST_ROUNDS: usize = 300;

/// What a verifier has done.
#[derive(Debug, Default)]
struct Tally {
    verified: u64,
    kids: BTreeSet<String>,
    sets: u64,
}

impl Tally {
    /// Adds the answer to a round: every token that is valid was verified.
    fn add(&mut self, said: &Value) {
        assert_eq!(said["failures"], json!([]), "after {self:?}");
        self.verified += said["verified"].as_u64().unwrap();
        self.sets = said["sets"].as_u64().unwrap();
        self.kids.extend(said["kids"].as_array().unwrap().iter().map(|kid| kid.as_str().unwrap().to_owned()));
    }
}

#[tokio::test]
async fn jose_and_pyjwt_with_their_default_caches_refuse_no_token_through_three_rotations() {
    let upstream = Node::start().await;
    let terms = json!({
        "lifetime": format!("{}s", LIFETIME.as_secs()),
        "jwksMaxAge": format!("{}s", MAX_AGE.as_secs()),
        // As often as the formulas allow.
        "rotation": {"every": "38s", "publishAhead": "35s"},
    });
    let issuing = Issuing::start(upstream.address, &[("stock", terms)]).await;
    let mut verifiers = [(JOSE.start(), Tally::default()), (PYJWT.start(), Tally::default())];
    for (verifier, _) in &mut verifiers {
        let max_age = u64::try_from(MAX_AGE.as_millis()).unwrap();
        let given = json!({
            "issuer": issuing.issuer("stock"), "algorithm": "ES256", "new_set_every": 5, "max_age_ms": max_age,
        });
        verifier.tell(&given.to_string()).await;
    }
    let first = issuing.published("stock").await;
    let mut rounds = 0;
    let mut ticks = tokio::time::interval(Duration::from_millis(900));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Until the fourth key has signed for longer than its tokens live.
    let mut last_key = 0;
    while last_key < LIFETIME.as_secs() {
        ticks.tick().await;
        round(&issuing, &mut verifiers).await;
        rounds += 1;
        assert!(rounds < MOST_ROUNDS, "keys do not rotate: {:?}", verifiers.each_ref().map(|(_, tally)| tally));
        last_key += u64::from(verifiers.iter().all(|(_, tally)| tally.kids.len() >= 4));
    }
    let last = issuing.published("stock").await;
    assert!(first.iter().any(|kid| !last.contains(kid)), "the first key is published still: {last:?}");
    let tallies = verifiers.map(|(verifier, tally)| (verifier.end(), tally));
    let mut seen = Vec::new();
    for (end, tally) in tallies {
        end.await;
        seen.push(tally);
    }
    check(&seen, rounds, &issuing.end().await);
    upstream.end().await;
}

/// A new token, verified by all beside all others that are valid.
async fn round(issuing: &Issuing, verifiers: &mut [(Running, Tally); 2]) {
    let token = issuing.token("stock").await.expect("the gateway could not sign");
    assert_eq!(issuing.status_with("stock", &token).await, 200);
    for (verifier, _) in &mut *verifiers {
        verifier.tell(&token).await;
    }
    for (verifier, tally) in verifiers {
        tally.add(&verifier.next().await.expect("the script has ended"));
    }
}

/// Every key was seen by both, and the keys were cached: each set was fetched when it was new, and then seldom.
fn check(seen: &[Tally], rounds: usize, log: &[Line]) {
    let fetches = log.iter().filter(|line| line.path == "/stock/jwks").count();
    let (sets, verified) = seen.iter().fold((0, 0), |(sets, all), tally| (sets + tally.sets, all + tally.verified));
    let fetches = u64::try_from(fetches).unwrap();
    let told = format!("{rounds} rounds, {verified} verifications by {sets} key sets, {fetches} fetches: {seen:?}");
    let [one, other] = seen else { panic!("two verifiers") };
    assert_eq!(one.kids, other.kids);
    assert!(one.kids.len() >= 4, "less than three rotations: {told}");
    // A default cache is fetched anew once for two rotations; the one that ends by itself, every 30 s. Two are ours.
    assert!(fetches >= sets && fetches <= 3 * sets + 20, "{told}");
    assert!(verified > 50 * fetches, "{told}");
}
