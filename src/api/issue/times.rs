//! The rules between the times of an issuer's keys, which the API server refuses with the numbers of who wrote them.

use schemars::Schema;
use serde_json::{Value, json};

/// A time of `issue`: where CEL finds it, what it is called, and what it is when unset.
struct Time {
    /// The members that lead to it must be there, from the outside in.
    members: &'static [&'static str],
    name: &'static str,
    unset: &'static str,
}

const EVERY: Time = Time { members: &["self.rotation", "self.rotation.every"], name: "rotation.every", unset: "720h" };
const PUBLISH_AHEAD: Time =
    Time { members: &["self.rotation", "self.rotation.publishAhead"], name: "rotation.publishAhead", unset: "24h" };
const LIFETIME: Time = Time { members: &["self.lifetime"], name: "lifetime", unset: "10m" };
const JWKS_MAX_AGE: Time = Time { members: &["self.jwksMaxAge"], name: "jwksMaxAge", unset: "5m" };

impl Time {
    /// As it is written, or its default.
    fn text(&self) -> String {
        let there: Vec<String> = self.members.iter().map(|member| format!("has({member})")).collect();
        let last = self.members.last().copied().unwrap_or_default();
        format!("({} ? {last} : '{}')", there.join(" && "), self.unset)
    }

    fn duration(&self) -> String {
        format!("duration{}", self.text())
    }

    /// In the words of a message that is for everybody.
    fn words(&self) -> String {
        format!("{} ({} unless set)", self.name, self.unset)
    }

    /// In the words of a message that is for this object: its value, whether or not it is written.
    fn value(&self) -> String {
        format!("'{} ' + {}", self.name, self.text())
    }
}

/// Adds the rules. Those of keys that their owner rotates have no schedule.
pub(super) fn rules(schema: &mut Schema) {
    const DELAYS: &str = "1s until every replica has a change, 2s between their clocks";
    let rules = [
        rule(
            &format!("{} >= {} + duration('3s')", PUBLISH_AHEAD.duration(), JWKS_MAX_AGE.duration()),
            &format!("{} is at least {} + 3s: {DELAYS}", PUBLISH_AHEAD.words(), JWKS_MAX_AGE.words()),
            &format!("{} + ' is less than ' + {} + ' + 3s: {DELAYS}'", PUBLISH_AHEAD.value(), JWKS_MAX_AGE.value()),
        ),
        rule(
            &format!("{} >= {} + duration('3s')", EVERY.duration(), PUBLISH_AHEAD.duration()),
            &format!("{} is at least {} + 3s: {DELAYS}", EVERY.words(), PUBLISH_AHEAD.words()),
            &format!("{} + ' is less than ' + {} + ' + 3s: {DELAYS}'", EVERY.value(), PUBLISH_AHEAD.value()),
        ),
        rule(
            &format!(
                "[{}].all(e, e + e + e + e + e + e + e + e + e >= {} + {} + duration('33s'))",
                EVERY.duration(),
                LIFETIME.duration(),
                JWKS_MAX_AGE.duration()
            ),
            &format!(
                "nine times {} is at least {} + {} + 33s: no more than nine keys are published after they signed",
                EVERY.words(),
                LIFETIME.words(),
                JWKS_MAX_AGE.words()
            ),
            &format!(
                "'nine times ' + {} + ' is less than ' + {} + ' + ' + {} + ' + 33s: no more than nine keys are published \
                 after they signed'",
                EVERY.value(),
                LIFETIME.value(),
                JWKS_MAX_AGE.value()
            ),
        ),
    ];
    let place = schema.ensure_object().entry("x-kubernetes-validations").or_insert_with(|| json!([]));
    if let Value::Array(there) = place {
        there.extend(rules);
    }
}

/// A rule with both messages: the reference has the one, who is refused reads the other.
fn rule(holds: &str, message: &str, expression: &str) -> Value {
    json!({"rule": format!("!has(self.keysSecretRef) || {holds}"), "message": message, "messageExpression": expression})
}
