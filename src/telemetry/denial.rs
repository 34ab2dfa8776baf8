//! The words of the log and of the counters for what an issuer's endpoints refuse, and the labels of what they issue.
//!
//! Not here are the words that others declare for the same answers: [`Reason`](crate::jose::Reason) for secrets,
//! assertions, subjects and actors, [`ProofFault`](crate::jose::ProofFault) for DPoP proofs, [`Code`](crate::finding::Code)
//! where there is nothing to sign with, and [`Cause`](super::Cause) for keys that cannot be had.

use http::StatusCode;

use super::Blame;

/// Declares the denials once: the variant, its word, the answer's status and error, whom to blame, and what it means.
macro_rules! denials {
    ($($name:ident $word:literal $status:ident $error:literal $blame:ident $meaning:literal,)+) => {
        /// Why an endpoint of an issuer refused a request. The word is for log and metrics; the client is told the error,
        /// which is the same for several.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Denial {
            $(#[doc = $meaning] $name,)+
        }

        impl Denial {
            /// Every denial, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// The status of the answer.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// The `error` of the answer (RFC 6749, section 5.2; RFC 8693, section 2.2.2; RFC 9449, section 5).
            pub const fn error(self) -> &'static str {
                match self { $(Self::$name => $error,)+ }
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

denials! {
    FormMediaType "form_media_type" BAD_REQUEST "invalid_request" Client
        "the body is not application/x-www-form-urlencoded",
    FormMalformed "form_malformed" BAD_REQUEST "invalid_request" Client
        "the form is not UTF-8, or has more than 64 parameters",
    ParameterInQuery "parameter_in_query" BAD_REQUEST "invalid_request" Client
        "the target has a query, where logs keep what is secret",
    ParameterRepeated "parameter_repeated" BAD_REQUEST "invalid_request" Client
        "a parameter is there more than once",
    ParameterMissing "parameter_missing" BAD_REQUEST "invalid_request" Client
        "a parameter that the request needs is not there",
    ParameterInvalid "parameter_invalid" BAD_REQUEST "invalid_request" Client
        "a parameter has a value that it cannot have, or that another one does not go with",
    ClientMissing "client_missing" UNAUTHORIZED "invalid_client" Client
        "the request does not say whose client sends it",
    ClientMalformed "client_malformed" UNAUTHORIZED "invalid_client" Client
        "the Authorization field is not that of a client: not Basic, or not an id and a secret",
    ClientSeveral "client_several" BAD_REQUEST "invalid_request" Client
        "the client shows who it is in more than one way, or says two ids",
    ClientUnknown "client_unknown" UNAUTHORIZED "invalid_client" Client
        "the issuer has no client of this id",
    ClientMethod "client_method" UNAUTHORIZED "invalid_client" Client
        "the client shows who it is in another way than its own, or a public one asks what only others may",
    ClientFailing "client_failing" TOO_MANY_REQUESTS "temporarily_unavailable" Client
        "the client failed to show who it is too often from this address; another try is not looked at for a while",
    ClientLimited "client_limited" TOO_MANY_REQUESTS "temporarily_unavailable" Client
        "the client asks too often",
    AssertionReplayed "assertion_replayed" UNAUTHORIZED "invalid_client" Client
        "the client's assertion was used before, or may have been before the replica started",
    GrantUnsupported "grant_unsupported" BAD_REQUEST "unsupported_grant_type" Client
        "there is no grant of this type here",
    GrantNotAllowed "grant_not_allowed" BAD_REQUEST "unauthorized_client" Policy
        "the client may not use this grant",
    GrantAudience "grant_audience" BAD_REQUEST "invalid_grant" Client
        "the assertion is not meant for the issuer: its audience is neither the issuer's URL nor that of the token endpoint",
    GrantReplayed "grant_replayed" BAD_REQUEST "invalid_grant" Client
        "the assertion was used before, or may have been before the replica started",
    ScopeNotAllowed "scope_not_allowed" BAD_REQUEST "invalid_scope" Policy
        "a scope that is asked for is none, or the client may not have it, or what it exchanges is not worth it",
    TargetNotAllowed "target_not_allowed" BAD_REQUEST "invalid_target" Policy
        "an audience or resource that is asked for is not one that the client may have, or not one of the token that it \
         exchanges",
    SubjectUnnamed "subject_unnamed" BAD_REQUEST "invalid_request" Client
        "the token or key to exchange names no subject",
    SubjectEnding "subject_ending" BAD_REQUEST "invalid_request" Client
        "what comes out would end before it begins, since it outlives nothing that it came from",
    SubjectRevoked "subject_revoked" BAD_REQUEST "invalid_request" Client
        "the token to exchange is one of ours, and was revoked",
    ActorNotAllowed "actor_not_allowed" BAD_REQUEST "invalid_request" Policy
        "the subject's token says who may act for it, and that is somebody else",
    ActorActing "actor_acting" BAD_REQUEST "invalid_request" Client
        "the actor's token is one by which it acts for somebody else",
    RefreshUnknown "refresh_unknown" BAD_REQUEST "invalid_grant" Client
        "there is no such refresh token, or it has ended or is another client's",
    RefreshRevoked "refresh_revoked" BAD_REQUEST "invalid_grant" Client
        "the family of the refresh token was revoked, by its client or because one of it was used twice",
    RefreshReused "refresh_reused" BAD_REQUEST "invalid_grant" Client
        "the refresh token was used after it had been replaced, so there is a copy of it: all of its family are revoked now",
    RefreshHolder "refresh_holder" BAD_REQUEST "invalid_grant" Client
        "the refresh token is bound to a key, of which the proof is not",
    RefreshOrigin "refresh_origin" BAD_REQUEST "invalid_grant" Policy
        "what the refresh token came from would not be taken now: the entry is gone or is for another issuer, or the API key \
         is gone, has another secret, or is out of its time",
    DpopDisabled "dpop_disabled" BAD_REQUEST "invalid_request" Policy
        "the request has a DPoP proof, and the issuer takes none",
    TokenOversized "token_oversized" BAD_REQUEST "invalid_request" Client
        "with all that it would say, the token would be larger than 8 KiB, or its subject than 1 KiB, or a family could not keep it",
    TokenOfOther "token_of_other" BAD_REQUEST "unauthorized_client" Client
        "the token to revoke is another client's",
    ReplaysFull "replays_full" SERVICE_UNAVAILABLE "temporarily_unavailable" Gateway
        "there is no room to remember another assertion or proof",
    StoreUnavailable "store_unavailable" SERVICE_UNAVAILABLE "temporarily_unavailable" Gateway
        "the store of refresh tokens and revocations is full, or cannot be reached",
    SigningFailed "signing_failed" SERVICE_UNAVAILABLE "temporarily_unavailable" Gateway
        "the token could not be signed or sealed, for want of memory or randomness",
}

/// The grants by which tokens are issued, as metrics have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grant {
    /// RFC 6749, section 4.4.
    ClientCredentials,
    /// RFC 6749, section 6.
    RefreshToken,
    /// RFC 8693.
    TokenExchange,
    /// RFC 7523, section 2.1.
    JwtBearer,
}

impl Grant {
    /// Every grant, in the order in which they are counted.
    pub const ALL: [Self; 4] = [Self::ClientCredentials, Self::RefreshToken, Self::TokenExchange, Self::JwtBearer];

    /// The label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::RefreshToken => "refresh_token",
            Self::TokenExchange => "token_exchange",
            Self::JwtBearer => "jwt_bearer",
        }
    }
}
