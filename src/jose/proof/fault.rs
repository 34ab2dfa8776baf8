//! Why a proof was refused: stable words for logs and metrics.

use std::fmt;

/// Declares the faults once: the variant, its word, and what it means.
macro_rules! faults {
    ($($name:ident $word:literal $meaning:literal,)+) => {
        /// Why a DPoP proof was refused. The word is for the operator; the client is told `invalid_dpop_proof` (RFC 9449,
        /// sections 5 and 7.1) whichever it is. [`Proof::verify`](super::Proof::verify) says all but the first two and the
        /// last, which are for who reads the field and who remembers proofs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProofFault {
            $(#[doc = $meaning] $name,)+
        }

        impl ProofFault {
            /// Every fault, in the order of the documentation.
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

faults! {
    Missing "proof_missing" "there is no proof, and one is needed",
    Multiple "proof_multiple" "there is more than one proof",
    Malformed "proof_malformed" "the proof is no signed JWT, or has more than 4 KiB",
    Typ "proof_typ" "the proof's type is not dpop+jwt",
    Alg "proof_alg" "the proof's algorithm is none, one of shared secrets, or not among those that are taken",
    Jwk "proof_jwk" "the proof brings no public key, a private one, or one that is not fit for use by its algorithm",
    Claims "proof_claims" "a claim of the proof (jti, htm, htu, iat) is missing or has the wrong type",
    Htm "htm" "the proof is of another method",
    Htu "htu" "the proof is of another target",
    Ath "ath" "the proof is of another access token, or of none",
    Time "proof_time" "the proof was made too long ago, or in the future",
    Signature "proof_signature" "the proof's signature is not that of the key that it brings",
    Replay "proof_replay" "the proof was used before, or may have been before the replica started",
}

impl fmt::Display for ProofFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
