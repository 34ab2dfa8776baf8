//! The codes of findings: stable words, each with its general cause and cure.

use std::fmt;

/// Declares the codes once: the name, what it means, and what to do. `docs/findings.md` is written from this.
macro_rules! codes {
    ($($name:ident: $cause:literal => $cure:literal,)+) => {
        /// Which rule a finding is about. Codes are stable: a program may match on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $cause] $name,)+
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// As status, logs and answers write it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What it means in general.
            pub const fn cause(self) -> &'static str {
                match self { $(Self::$name => $cause,)+ }
            }

            /// What to do in general.
            pub const fn cure(self) -> &'static str {
                match self { $(Self::$name => $cure,)+ }
            }
        }
    };
}

codes! {
    InvalidYaml: "The file is not YAML, or not complete."
        => "Mend the syntax at the line shown; the last whole version of the file stays in force meanwhile.",
    UnknownKind: "The object is of a kind of group bearward.dev that this version does not know."
        => "Check the spelling of kind and apiVersion, or upgrade bearward.",
    UnknownField: "The object has a field that this version does not know."
        => "Check the spelling, or upgrade bearward; nothing is accepted and ignored.",
    InvalidValue: "A value is missing, of the wrong type, or outside what the field allows."
        => "Change the value to what the message says; docs/reference.md lists every field.",
    DuplicateObject: "Two objects in the files have the same kind, namespace and name."
        => "Rename or remove one of them; the first in file order is in force.",
    SecretFileReadable: "A file with a Secret can be read by others than its owner."
        => "chmod 600 the file, or say --allow-readable-secrets where others may know what is in it.",
    DuplicateRoute: "Another, older rule has the same hosts, path and conditions."
        => "Change one of the two; the older one is in force, and this one follows when it goes.",
    UnknownMethod: "A method is none that is registered, and is spelt nearly as one that is."
        => "Correct the spelling; if the method is meant, nothing is to be done.",
    HostNotOwned: "The host belongs to another namespace."
        => "Use a host of your own, or ask the owner of the host.",
    HostsUnreadable: "Hosts of the ApiRoute cannot be read, so it guards nothing there: another rule may take its requests."
        => "Correct spec.hosts; serve does not start before it can be read.",
    PolicyNotFound: "The rule names a TokenPolicy that does not exist or may not be used from here."
        => "Create the TokenPolicy in this namespace or correct the name; until then the rule refuses with 503.",
    NoAuth: "The rule says neither which tokens it takes nor that it is open to everybody."
        => "Name a policy under auth.tokens, or write anonymous: true.",
    BackendNotFound: "The rule names a Service or ModelBackend that does not exist or may not be used from here."
        => "Create it or correct the name; until then its share of requests is refused with 503.",
    PortNotFound: "The Service has no such port."
        => "Use a port that the Service lists.",
    UnsupportedService: "The Service is of a form that bearward does not send requests to."
        => "Use a Service with a selector, or with EndpointSlices that have IP addresses; for names use url.",
    EgressForbidden: "The URL leads to an address that the installation does not allow."
        => "Use a Service reference for targets in the cluster, or have the operator extend --egress-allow.",
    NameNotResolved: "The host name of a URL cannot be looked up."
        => "Check its spelling and the name servers; addresses that were found before stay in use.",
    InvalidExpression: "The CEL expression does not compile, uses what is not declared, or may cost too much."
        => "Correct the expression at the place shown; docs/expressions.md lists what it may use.",
    WeakKey: "A key is shorter than its algorithm needs."
        => "Use a key of at least the size that the message names.",
    InvalidKeySet: "A key set cannot be read."
        => "Serve a JSON object with a keys array, as RFC 7517 describes.",
    KeySkipped: "One key of a key set cannot be used; the others are."
        => "Remove or replace the key at its issuer.",
    SecretNotFound: "The Secret does not exist, or is not offered to bearward."
        => "Create it and label it bearward.dev/use with the use that the message names.",
    SecretsNotGranted: "bearward may not read the Secrets of the namespace."
        => "Bind the ClusterRole bearward-secrets in the namespace; the message has the command.",
    InvalidSecret: "The Secret lacks a member, or has one that is malformed or unknown."
        => "Correct the Secret's data as the message says.",
    DuplicateKeyId: "Two API keys have the same id; both are refused."
        => "Generate a new key with bearward keys generate and remove one of the two.",
    Hardened: "The profile leaves out checks that RFC 9068 makes possible."
        => "Have the issuer type its access tokens and set profile: RFC9068.",
    InsecureHttp: "Keys are fetched over plain HTTP, which anybody on the way can change."
        => "Use https.",
    KeysUnavailable: "No key set of this issuer has been fetched yet."
        => "See the reason in the message; tokens of this issuer get 503 until a fetch succeeds.",
    IssuerMismatch: "The discovery document names another issuer."
        => "Set issuer to exactly what the document says, or correct the URL.",
    KeysPending: "The issuer has no key yet that may sign."
        => "Nothing in a cluster: the leader makes the keys. With files, give serve a folder for them with --state.",
    DuplicateIssuer: "Another, older policy is the same issuer, or keeps its keys in the same Secret."
        => "Give this one another issuer and Secret of its own, or remove one of the two; the older one is in force.",
    SigningKeyUnusable: "A key that signs, or will sign, cannot be used."
        => "With ownKeys, put a private key for the algorithm of issue into the Secret: as PEM, PKCS #8 in DER, or a JWK. With \
            keysSecretRef, another key takes its place by itself; find out who has changed the Secret.",
    RotationHeld: "Signing keys do not rotate on time, because something is waited for."
        => "See the message for what; the key of before signs on meanwhile.",
    KeysNotWritable: "Signing keys cannot be kept, so they do not rotate."
        => "Do as the message says; keys that are there go on signing.",
    KeysLost: "The Secret with the signing keys is gone."
        => "Find out who deleted it; new keys are made, and what the old ones signed stays valid.",
    KeysRestored: "The Secret with the signing keys was older than what was known."
        => "Do not restore it from a backup.",
    HeaderReserved: "The header may not be set or removed by a resource."
        => "Use another header; hop-by-hop and framing headers belong to the connection.",
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
