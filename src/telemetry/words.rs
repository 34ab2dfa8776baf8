//! The words of the log and of the counters for what became of a request: why it was refused, or how else it ended.
//!
//! Not here are the words that others declare: [`Reason`](crate::jose::Reason) for credentials and
//! [`Code`](crate::finding::Code) for findings. `docs/reasons.md` is written from all of them.

use http::StatusCode;

/// Who has to do something about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Whoever sent the request.
    Client,
    /// Nobody: the rule or its policy says so.
    Policy,
    /// Whoever runs the upstream, or the issuer.
    Upstream,
    /// Whoever runs the gateway.
    Gateway,
}

impl Blame {
    /// As documents say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Policy => "policy",
            Self::Upstream => "upstream",
            Self::Gateway => "gateway",
        }
    }
}

/// Declares the causes once: the variant, its word, the answer's status and code, whom to blame, and what it means.
macro_rules! causes {
    ($($name:ident $word:literal $status:ident $code:literal $blame:ident $meaning:literal,)+) => {
        /// Why a request was refused that no credential and no finding is to blame for. The word is for log and metrics;
        /// the client is told the code, which is the same for several.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Cause {
            $(#[doc = $meaning] $name,)+
        }

        impl Cause {
            /// Every cause, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// The status of the answer.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// The code in the body of the answer.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// Who has to do something about it.
            pub const fn blame(self) -> Blame {
                match self { $(Self::$name => Blame::$blame,)+ }
            }

            /// What it means, in one sentence without a full stop.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)+ }
            }
        }
    };
}

causes! {
    MalformedHead "malformed_head" BAD_REQUEST "bad_request" Client
        "the head is not HTTP; hyper answers it, without a body",
    HeadTooLarge "head_too_large" REQUEST_HEADER_FIELDS_TOO_LARGE "head_too_large" Client
        "the head has too many fields, or too many bytes",
    HeadTimeout "head_timeout" REQUEST_TIMEOUT "head_timeout" Client
        "the head was not complete in time; the connection is closed without an answer",
    BadHost "bad_host" BAD_REQUEST "bad_request" Client
        "there is no host, or several, or one that is not of its form",
    BadTarget "bad_target" BAD_REQUEST "bad_request" Client
        "the target has no single meaning, or is that of CONNECT",
    TargetTooLong "target_too_long" URI_TOO_LONG "target_too_long" Client
        "the target has more than 8 KiB",
    BadFraming "bad_framing" BAD_REQUEST "bad_request" Client
        "the body is in another transfer coding than chunked, or in several",
    BadField "bad_field" BAD_REQUEST "bad_request" Client
        "a value has blanks around it, which HTTP/2 forbids",
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "method_not_allowed" Client
        "TRACE is not served, and an endpoint of an issuer takes no other method than its own",
    NoRoute "no_route" NOT_FOUND "no_route" Client
        "no rule takes requests of this host, path and method, or with these headers",
    NoCredentials "no_credentials" UNAUTHORIZED "no_credentials" Client
        "the request has no credential",
    SchemeUnsupported "scheme_unsupported" UNAUTHORIZED "no_credentials" Client
        "the Authorization field has another scheme than Bearer",
    MultipleCredentials "multiple_credentials" BAD_REQUEST "invalid_request" Client
        "the request has more than one credential",
    TokenInQuery "token_in_query" BAD_REQUEST "invalid_request" Client
        "the token stands in the query, where logs and caches keep it",
    SourceLimited "source_limited" TOO_MANY_REQUESTS "too_many_failures" Client
        "too many tokens of this source had forged signatures; a new one is not looked at for a while",
    Scope "scope" FORBIDDEN "insufficient_scope" Policy
        "the token lacks a scope that the rule asks for",
    ClaimMismatch "claim_mismatch" FORBIDDEN "access_denied" Policy
        "a claim of the token is not what the rule asks for",
    DeniedByRule "denied_by_rule" FORBIDDEN "access_denied" Policy
        "the expression of the rule is false",
    RuleValueMissing "rule_value_missing" FORBIDDEN "access_denied" Policy
        "the expression needs a claim, header, parameter or item that is not there",
    RuleWrongType "rule_wrong_type" FORBIDDEN "access_denied" Policy
        "the expression needs a value of another type",
    RuleOutOfRange "rule_out_of_range" FORBIDDEN "access_denied" Policy
        "a number in the expression is too large for its type, or is divided by zero",
    RuleUnreadable "rule_unreadable" FORBIDDEN "access_denied" Policy
        "the expression needs a header or parameter that is not text, or a parameter that is repeated",
    RuleTooCostly "rule_too_costly" FORBIDDEN "access_denied" Policy
        "the evaluation of the expression would take too many steps, or a list is too long for it",
    KeysUnavailable "keys_unavailable" SERVICE_UNAVAILABLE "keys_unavailable" Upstream
        "no keys of the issuer are known, or the Secrets with the keys may not be read",
    KeyNotFetchedYet "key_not_fetched_yet" SERVICE_UNAVAILABLE "keys_unavailable" Upstream
        "the token's key is not known, and was perhaps made after the keys were fetched last",
    BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE "body_too_large" Client
        "the body is larger than the rule allows, or, to an issuer, than 64 KiB",
    ClientBrokeOff "client_broke_off" BAD_REQUEST "bad_request" Client
        "the body broke off, or its chunks are none, before there was a reply",
    BodyTimeout "body_timeout" REQUEST_TIMEOUT "body_timeout" Client
        "the body of a request to an issuer was not complete in time",
    NoBackend "no_backend" SERVICE_UNAVAILABLE "no_backend" Policy
        "no backend of the rule has a weight above zero",
    NoEndpoint "no_endpoint" SERVICE_UNAVAILABLE "no_endpoint" Upstream
        "the upstream has no endpoint",
    UpstreamUnreachable "upstream_unreachable" SERVICE_UNAVAILABLE "upstream_unreachable" Upstream
        "no endpoint that was tried took a connection",
    UpstreamBroken "upstream_broken" BAD_GATEWAY "upstream_broken" Upstream
        "the upstream closed the connection before a reply, or sent what is none",
    UpstreamTimeout "upstream_timeout" GATEWAY_TIMEOUT "upstream_timeout" Upstream
        "the upstream did not reply in time",
    ShuttingDown "shutting_down" SERVICE_UNAVAILABLE "shutting_down" Gateway
        "the replica ended before the upstream replied",
}

/// Declares the endings once: the variant, its word, and what it means.
macro_rules! endings {
    ($($name:ident $word:literal $meaning:literal,)+) => {
        /// What the log says of a request that was not refused, if there is anything to say.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Ending {
            $(#[doc = $meaning] $name,)+
        }

        impl Ending {
            /// Every ending, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// What it means, in one sentence without a full stop.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)+ }
            }
        }
    };
}

endings! {
    ClientLeft "client_left" "the client left before it had the whole reply; with 499, before it had its head",
    ClientTooSlow "client_too_slow" "the client took no byte of the reply for too long",
    ClientBrokeOff "client_broke_off" "the client broke off its body after the reply had begun",
    BodyTooLarge "body_too_large" "the body turned out larger than the rule allows after the reply had begun",
    UpstreamBrokeOff "upstream_broke_off" "the upstream broke off the reply",
    UpstreamTimeout "upstream_timeout" "the upstream sent no byte of the reply for too long, or not all of it in time",
    ShuttingDown "shutting_down" "the replica ended before the reply did",
    SpoofedHeader "spoofed_header" "nothing is wrong: a header that only the gateway may set was removed; counted in \
        bearward_spoofed_requests_total alone",
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was answered by its upstream, or with a redirect, to the last byte.
    Whole,
    /// It was refused: the word of a [`Cause`], [`Reason`](crate::jose::Reason) or [`Code`](crate::finding::Code).
    Refused(&'static str),
    /// It was let through, and its client left or its reply broke off.
    BrokenOff(Ending),
}

impl End {
    /// The word for the log; empty where there is nothing to say.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Refused(word) => word,
            Self::BrokenOff(ending) => ending.as_str(),
        }
    }
}
