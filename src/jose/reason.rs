//! Why a credential was refused: stable words for logs, metrics and `token verify`.

use std::fmt;

/// Declares the reasons once: the variant, its word, and what it means.
macro_rules! reasons {
    ($($name:ident $word:literal $meaning:literal,)+) => {
        /// Why a token or API key was refused. The word is for the operator; the client is told the same of all of
        /// them, so that nobody can feel his way to a token that passes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $name,)+
        }

        impl Reason {
            /// Every reason, in the order of the documentation.
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

reasons! {
    MalformedCredentials "malformed_credentials" "the text has characters that no bearer token can have",
    TokenTooLarge "token_too_large" "the token is larger than 8 KiB",
    MalformedToken "malformed_token" "the token is not three non-empty segments, or an API key is not of its form",
    EncryptedToken "encrypted_token" "the token has five segments: it is encrypted, and encrypted tokens are not taken",
    BadBase64Url "bad_base64url" "a segment is not canonical base64url without padding",
    BadHeader "bad_header" "the header is not a JSON object, or a registered member has the wrong type",
    DuplicateMember "duplicate_member" "a JSON object has two members of one name",
    ClaimsNotObject "claims_not_object" "the claims are not a JSON object",
    BadUtf8 "bad_utf8" "the header or the claims are not strict UTF-8, or have half of a surrogate pair",
    ClaimsTooLarge "claims_too_large" "the claims are nested too deeply, or have too many members or items",
    AlgNotAllowed "alg_not_allowed" "the algorithm is none, unknown, or not allowed for this issuer",
    AlgKeyMismatch "alg_key_mismatch" "the key is not one for the token's algorithm",
    UnknownKid "unknown_kid" "the issuer has no usable key of this id",
    KeyRevoked "key_revoked" "the token names a key that was marked as compromised",
    KidMissing "kid_missing" "the token names no key and several would fit",
    BadSignature "bad_signature" "the signature is not that of the key over this header and these claims",
    CritUnsupported "crit_unsupported" "the token demands an extension that is not supported",
    CritInvalid "crit_invalid" "the list of critical members is empty, malformed, or names what it must not",
    UnexpectedHeader "unexpected_header" "the header has a member that no access token of this profile has",
    WrongTyp "wrong_typ" "the token is of another type: not an access token, or not of the profile",
    ExpInvalid "exp_invalid" "the time of expiry is missing or no date",
    Expired "expired" "the token has expired",
    LifetimeTooLong "lifetime_too_long" "the token lives longer than is allowed",
    NotYetValid "not_yet_valid" "the token is not valid yet, or says so in no valid way",
    IatFuture "iat_future" "the token says that it was issued in the future",
    TooOld "too_old" "the token was issued too long ago",
    ClaimMissing "claim_missing" "a claim that the profile requires is missing",
    ClaimInvalid "claim_invalid" "a claim has the wrong type, or content that it cannot have",
    IssInvalid "iss_invalid" "the issuer is missing or not a string",
    IssUnknown "iss_unknown" "the issuer is another than the one expected",
    AudInvalid "aud_invalid" "the audience is missing or neither a string nor an array",
    AudMismatch "aud_mismatch" "the token is meant for another audience",
    SubInvalid "sub_invalid" "the subject is empty, too long, or has control characters; or a client asserts another than itself",
    BoundAsBearer "bound_as_bearer" "the token is bound to a key or certificate, and came as a plain bearer token",
    CnfUnsupported "cnf_unsupported" "the token is bound by a method that is not supported",
    SealUnknown "seal_unknown" "the sealed token was not sealed here, or was changed, or its key is gone",
    NotSealed "not_sealed" "the token is of an issuer of ours that gives out sealed ones alone, and is not sealed",
    KeyChecksum "key_checksum" "the API key's checksum is wrong: it was mistyped or cut",
    KeyUnknown "key_unknown" "there is no such API key",
    KeyExpired "key_expired" "the API key has expired or is not valid yet",
    ClientSecretMalformed "client_secret_malformed" "a client's secret is not of its form, or its checksum is wrong",
    ClientSecretWrong "client_secret_wrong" "a client's secret is not the one that is known",
    ClientSecretExpired "client_secret_expired" "a client's secret has expired",
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
