//! What the schemas share: patterns, rules over members, and the maps whose values have a form of their own.
//!
//! Patterns are RE2 and ASCII only: the API server and `compile::admission` must read them alike.

use kube::core::Rule;
use schemars::{Schema, SchemaGenerator, json_schema};

/// A DNS label: the names of Services, rules, upstreams and entries, and of an object's parts in general.
pub(super) const LABEL: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// A DNS subdomain: the names of objects.
pub(super) const SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// A host name in lower case, or one with `*` for its first label.
pub(super) const HOST_OR_WILDCARD: &str =
    r"^(\*\.)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$";

/// A host name in lower case, with a port where one is to be said.
pub(super) const HOST_AND_PORT: &str =
    r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*(:[0-9]{1,5})?$";

/// The path of a URL: RFC 3986, section 3.3, beginning with a slash.
pub(super) const PATH: &str = r"^/([-A-Za-z0-9._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$";

/// A URL to send requests to or to fetch from: no user information, no fragment.
pub(super) const URL: &str = r"^https?://[-A-Za-z0-9._~\[\]:]+(/[-A-Za-z0-9._~!$&'()*+,;=:@/%?]*)?$";

/// The URL of an issuer as tokens have it: a host in lower case and a path that has no other form, since its segments are
/// of unreserved characters (RFC 3986, section 2.3) and none is only dots.
pub(super) const ISSUER_URL: &str = concat!(
    r"^https?://[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*(:[1-9][0-9]{0,4})?",
    r"(/[.]*[-A-Za-z0-9_~][-A-Za-z0-9._~]*)*$",
);

/// The id of a client: visible ASCII, but for `|` and `:`, which part it from what stands beside it.
pub(super) const CLIENT_ID: &str = r"^[!-9;-{}~]+$";

/// The name of a header: RFC 9110, section 5.1.
pub(super) const HEADER_NAME: &str = r"^[-A-Za-z0-9!#$%&'*+.^_`|~]+$";

/// The value of a header: RFC 9110, section 5.5, without its obsolete bytes and without white space at the ends.
pub(super) const HEADER_VALUE: &str = r"^([!-~]([\t -~]*[!-~])?)?$";

/// A method: upper-case ASCII, as every registered one is.
pub(super) const METHOD: &str = r"^[A-Z][-A-Z]*$";

/// One scope: RFC 6749, section 3.3.
pub(super) const SCOPE: &str = r"^[!#-\[\]-~]+$";

/// Printable ASCII without blanks: claims, audiences, issuers.
pub(super) const VISIBLE: &str = r"^[!-~]+$";

/// A length of time in h, m, s and ms, as in Gateway API. The digits are bounded, so that none is too long to count.
pub(super) const DURATION: &str = r"^([0-9]{1,7}(ms|s|m|h))+$";

/// A number of bytes, or of KiB, MiB or GiB, that fits 64 bits.
pub(super) const SIZE: &str = r"^[0-9]{1,10}(Ki|Mi|Gi)?$";

/// The rule of a union: exactly one of these members is set.
pub(super) fn exactly_one(members: &[&str]) -> Rule {
    Rule::new(format!("{} == 1", count_of(members))).message(format!("exactly one of {}", members.join(", ")).as_str())
}

/// The rule that an object is not empty: at least one of these members is set.
pub(super) fn at_least_one(members: &[&str]) -> Rule {
    Rule::new(format!("{} >= 1", count_of(members))).message(format!("at least one of {}", members.join(", ")).as_str())
}

/// The rule of a time that something may take: with none at all, nothing would pass. Not by `duration()`, which is an
/// error where a time is longer than 292 years.
pub(super) fn not_zero() -> Rule {
    Rule::new("self.matches('[1-9]')").message("a time of zero lets nothing through")
}

/// The rule of a time that has bounds.
pub(super) fn between(least: &str, most: &str) -> Rule {
    Rule::new(format!("duration(self) >= duration('{least}') && duration(self) <= duration('{most}')"))
        .message(format!("at least {least}, at most {most}").as_str())
}

/// A member whose name CEL reserves is spelled with underscores around it there.
fn count_of(members: &[&str]) -> String {
    let has = members.iter().map(|member| match *member {
        "in" => "has(self.__in__)".to_owned(),
        member => format!("has(self.{member})"),
    });
    format!("[{}].filter(x, x).size()", has.collect::<Vec<_>>().join(", "))
}

/// Takes the description of an enumeration out of its schema, where it would replace that of the field.
pub(super) fn without_description(schema: &mut Schema) {
    schema.remove("description");
}

/// Headers to set: the names as keys, bounded in number, names and values.
pub(super) fn header_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "maxLength": 2048, "pattern": HEADER_VALUE},
        "x-kubernetes-validations": [{
            "rule": r#"self.all(name, name.matches("^[-A-Za-z0-9!#$%&'*+.^_`|~]{1,128}$"))"#,
            "message": "the name of a header is 1 to 128 letters, digits or - _ . ! # $ % & ' * + ^ ` | ~",
        }],
    })
}

/// Labels to look for: keys and values as Kubernetes has them.
pub(super) fn label_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 16,
        "additionalProperties": {
            "type": "string",
            "maxLength": 63,
            "pattern": r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        },
    })
}
