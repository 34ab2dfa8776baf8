//! Keys that sign, and the tokens that they make.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPairComponents, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair, RsaSignatureEncoding,
};
use serde_json::{Map, Value};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use super::key::{hmac_key, hmac_thumbprint};
use super::{Algorithm, SkipReason, Thumbprint, WeakKey, base64url, json, jwk};
use crate::secret::Secret;

/// A private key or shared secret, with the one algorithm that it signs by. Its name (`kid`) is its thumbprint. It
/// cannot be printed, and leaves this type only as a [`Secret`].
pub struct SigningKey {
    algorithm: Algorithm,
    thumbprint: Thumbprint,
    /// The public half as a key set publishes it; a shared secret has none.
    public: Option<Map<String, Value>>,
    pair: Pair,
}

enum Pair {
    Hmac(Box<hmac::Key>),
    Rsa(RsaKeyPair, &'static RsaSignatureEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The forms in which private keys are kept as DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DerForm {
    /// `PrivateKeyInfo`, of any key (RFC 5208).
    Pkcs8,
    /// `RSAPrivateKey` (RFC 8017, appendix A.1.2).
    Pkcs1,
    /// `ECPrivateKey` (RFC 5915, section 3).
    Sec1,
}

/// Why a signing key could not be made or used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SigningKeyError {
    /// Shared secrets come from outside and have no public half to make or to store.
    #[error("{0} signs with a shared secret, expected an asymmetric algorithm")]
    SharedSecret(Algorithm),
    /// The bytes are no private key of the algorithm's type.
    #[error("not a private key for {0}")]
    NotAKey(Algorithm),
    /// The JWK is not one, or has no private half.
    #[error("the member {0} of the private JWK is missing or malformed")]
    BadMember(&'static str),
    /// No verifier that follows our own rules would take its signatures.
    #[error("the key is not fit for use: {0}")]
    Unfit(SkipReason),
    /// The shared secret is too short.
    #[error(transparent)]
    Weak(#[from] WeakKey),
    /// The library failed, for want of memory or randomness.
    #[error("the cryptographic library failed")]
    Failed,
}

impl SigningKey {
    /// A new key from the system's randomness. RSA keys have 2048 bits.
    pub fn generate(algorithm: Algorithm) -> Result<Self, SigningKeyError> {
        let pair = match scheme(algorithm) {
            Scheme::Hmac => return Err(SigningKeyError::SharedSecret(algorithm)),
            Scheme::Rsa(encoding) => RsaKeyPair::generate(KeySize::Rsa2048).map(|pair| Pair::Rsa(pair, encoding)),
            Scheme::Ecdsa(signing) => EcdsaKeyPair::generate(signing).map(Pair::Ecdsa),
            Scheme::Ed25519 => Ed25519KeyPair::generate().map(Pair::Ed25519),
        };
        Self::of_pair(algorithm, pair.map_err(|_| SigningKeyError::Failed)?)
    }

    /// A key from PKCS #8, in DER.
    pub fn from_pkcs8(der: &Secret, algorithm: Algorithm) -> Result<Self, SigningKeyError> {
        Self::from_der(der, DerForm::Pkcs8, algorithm)
    }

    /// A key from DER of this form. What the form cannot hold is no key for the algorithm.
    pub fn from_der(der: &Secret, form: DerForm, algorithm: Algorithm) -> Result<Self, SigningKeyError> {
        let der = der.expose();
        let pair = match (scheme(algorithm), form) {
            (Scheme::Hmac, _) => return Err(SigningKeyError::SharedSecret(algorithm)),
            (Scheme::Rsa(encoding), DerForm::Pkcs8) => {
                RsaKeyPair::from_pkcs8(der).map(|pair| Pair::Rsa(pair, encoding))
            }
            (Scheme::Rsa(encoding), DerForm::Pkcs1) => RsaKeyPair::from_der(der).map(|pair| Pair::Rsa(pair, encoding)),
            (Scheme::Ecdsa(signing), DerForm::Pkcs8) => EcdsaKeyPair::from_pkcs8(signing, der).map(Pair::Ecdsa),
            (Scheme::Ecdsa(signing), DerForm::Sec1) => {
                EcdsaKeyPair::from_private_key_der(signing, der).map(Pair::Ecdsa)
            }
            (Scheme::Ed25519, DerForm::Pkcs8) => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Pair::Ed25519),
            (Scheme::Rsa(_), DerForm::Sec1)
            | (Scheme::Ecdsa(_), DerForm::Pkcs1)
            | (Scheme::Ed25519, DerForm::Pkcs1 | DerForm::Sec1) => return Err(SigningKeyError::NotAKey(algorithm)),
        };
        Self::of_pair(algorithm, pair.map_err(|_| SigningKeyError::NotAKey(algorithm))?)
    }

    /// A key from a private JWK, as JSON text. Its `alg` says what it signs by; one that states none signs by
    /// `otherwise`, or is refused if there is no such.
    pub fn from_jwk(text: &Secret, otherwise: Option<Algorithm>) -> Result<Self, SigningKeyError> {
        let mut jwk = json::object(text.expose()).map_err(|_| SigningKeyError::BadMember("kty"))?;
        let key = Self::of_jwk(&jwk, otherwise);
        for member in jwk.values_mut() {
            if let Value::String(text) = member {
                text.zeroize();
            }
        }
        key
    }

    /// A shared secret. For tests and for issuers that share one with the gateway.
    pub fn hmac(secret: &Secret, algorithm: Algorithm) -> Result<Self, WeakKey> {
        let key = hmac_key(secret, algorithm)?;
        Ok(Self { algorithm, thumbprint: hmac_thumbprint(&key), public: None, pair: Pair::Hmac(Box::new(key)) })
    }

    /// The private key as PKCS #8, in DER: what `from_pkcs8` reads.
    pub fn to_pkcs8(&self) -> Result<Secret, SigningKeyError> {
        let failed = |_| SigningKeyError::Failed;
        match &self.pair {
            Pair::Hmac(_) => Err(SigningKeyError::SharedSecret(self.algorithm)),
            Pair::Rsa(pair, _) => {
                AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map(|der| Secret::new(der.as_ref().to_vec())).map_err(failed)
            }
            Pair::Ecdsa(pair) => {
                pair.to_pkcs8v1().map(|document| Secret::new(document.as_ref().to_vec())).map_err(failed)
            }
            Pair::Ed25519(pair) => {
                pair.to_pkcs8v1().map(|document| Secret::new(document.as_ref().to_vec())).map_err(failed)
            }
        }
    }

    /// What the key signs by.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// RFC 7638: the key's name.
    pub const fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// The public half as a key set publishes it, with `kid`, `alg` and `use`; a shared secret has none.
    pub const fn public_jwk(&self) -> Option<&Map<String, Value>> {
        self.public.as_ref()
    }

    /// A signed token with the claims as they are; `typ` is the header's, `at+jwt` for an access token.
    pub fn sign(&self, typ: &str, claims: &Map<String, Value>) -> Result<String, SigningKeyError> {
        let mut header = Map::new();
        header.insert("alg".to_owned(), self.algorithm.as_str().into());
        header.insert("typ".to_owned(), typ.into());
        if self.public.is_some() {
            header.insert("kid".to_owned(), self.thumbprint.to_string().into());
        }
        let header = serde_json::to_vec(&header).map_err(|_| SigningKeyError::Failed)?;
        let claims = serde_json::to_vec(claims).map_err(|_| SigningKeyError::Failed)?;
        let mut token = base64url::encode(header);
        token.push('.');
        token.push_str(&base64url::encode(claims));
        let signature = self.sign_message(token.as_bytes())?;
        token.push('.');
        token.push_str(&base64url::encode(signature));
        Ok(token)
    }

    /// The bare signature over any bytes, in the form of RFC 7518.
    pub fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, SigningKeyError> {
        let failed = |_| SigningKeyError::Failed;
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Pair::Ecdsa(pair) => {
                pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()).map_err(failed)
            }
            Pair::Ed25519(pair) => pair.try_sign(message).map(|signature| signature.as_ref().to_vec()).map_err(failed),
        }
    }

    /// Takes the pair if its public half would pass as a key of somebody else's: what we sign, we must be able to verify.
    fn of_pair(algorithm: Algorithm, pair: Pair) -> Result<Self, SigningKeyError> {
        let mut public = public_members(&pair).ok_or(SigningKeyError::NotAKey(algorithm))?;
        public.insert("alg".to_owned(), algorithm.as_str().into());
        public.insert("use".to_owned(), "sig".into());
        let thumbprint = jwk::parse(&public).map_err(SigningKeyError::Unfit)?.thumbprint();
        public.insert("kid".to_owned(), thumbprint.to_string().into());
        Ok(Self { algorithm, thumbprint, public: Some(public), pair })
    }

    fn of_jwk(jwk: &Map<String, Value>, otherwise: Option<Algorithm>) -> Result<Self, SigningKeyError> {
        let algorithm = match jwk.get("alg") {
            None => otherwise,
            Some(name) => name.as_str().and_then(Algorithm::from_name),
        };
        let algorithm = algorithm.ok_or(SigningKeyError::BadMember("alg"))?;
        let require = |name: &'static str, value: &str| {
            if jwk.get(name).and_then(Value::as_str) == Some(value) {
                Ok(())
            } else {
                Err(SigningKeyError::BadMember(name))
            }
        };
        let pair = match scheme(algorithm) {
            Scheme::Hmac => return Err(SigningKeyError::SharedSecret(algorithm)),
            Scheme::Rsa(encoding) => {
                require("kty", "RSA")?;
                let components = KeyPairComponents {
                    public_key: PublicKeyComponents { n: member(jwk, "n")?, e: member(jwk, "e")? },
                    d: member(jwk, "d")?,
                    p: member(jwk, "p")?,
                    q: member(jwk, "q")?,
                    dP: member(jwk, "dp")?,
                    dQ: member(jwk, "dq")?,
                    qInv: member(jwk, "qi")?,
                };
                RsaKeyPair::from_components(&components).map(|pair| Pair::Rsa(pair, encoding))
            }
            Scheme::Ecdsa(signing) => {
                require("kty", "EC")?;
                let point = [[4].as_slice(), member(jwk, "x")?.as_slice(), member(jwk, "y")?.as_slice()].concat();
                EcdsaKeyPair::from_private_key_and_public_key(signing, &member(jwk, "d")?, &point).map(Pair::Ecdsa)
            }
            Scheme::Ed25519 => {
                require("kty", "OKP")?;
                require("crv", "Ed25519")?;
                Ed25519KeyPair::from_seed_and_public_key(&member(jwk, "d")?, &member(jwk, "x")?).map(Pair::Ed25519)
            }
        };
        Self::of_pair(algorithm, pair.map_err(|_| SigningKeyError::NotAKey(algorithm))?)
    }
}

/// How an algorithm signs.
enum Scheme {
    Hmac,
    Rsa(&'static RsaSignatureEncoding),
    Ecdsa(&'static EcdsaSigningAlgorithm),
    Ed25519,
}

const fn scheme(algorithm: Algorithm) -> Scheme {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => Scheme::Hmac,
        Algorithm::RS256 => Scheme::Rsa(&RSA_PKCS1_SHA256),
        Algorithm::RS384 => Scheme::Rsa(&RSA_PKCS1_SHA384),
        Algorithm::RS512 => Scheme::Rsa(&RSA_PKCS1_SHA512),
        Algorithm::PS256 => Scheme::Rsa(&RSA_PSS_SHA256),
        Algorithm::PS384 => Scheme::Rsa(&RSA_PSS_SHA384),
        Algorithm::PS512 => Scheme::Rsa(&RSA_PSS_SHA512),
        Algorithm::ES256 => Scheme::Ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => Scheme::Ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::ES512 => Scheme::Ecdsa(&ECDSA_P521_SHA512_FIXED_SIGNING),
        Algorithm::EdDSA | Algorithm::Ed25519 => Scheme::Ed25519,
    }
}

/// A member of a private JWK, decoded, wiped when dropped.
fn member(jwk: &Map<String, Value>, name: &'static str) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
    let bytes = jwk.get(name).and_then(Value::as_str).and_then(base64url::decode);
    bytes.map(Zeroizing::new).ok_or(SigningKeyError::BadMember(name))
}

/// The members of the public JWK that say what the key is.
fn public_members(pair: &Pair) -> Option<Map<String, Value>> {
    let members = match pair {
        Pair::Hmac(_) => return None,
        Pair::Rsa(pair, _) => {
            let (modulus, exponent) = rsa_public_key(pair.public_key().as_ref())?;
            vec![("kty", "RSA".to_owned()), ("n", base64url::encode(modulus)), ("e", base64url::encode(exponent))]
        }
        Pair::Ecdsa(pair) => {
            // SEC 1, section 2.3.3: the byte 4, then two coordinates of one size.
            let (_, point) = pair.public_key().as_ref().split_first()?;
            let (x, y) = point.split_at_checked(point.len() / 2)?;
            let curve = match x.len() {
                32 => "P-256",
                48 => "P-384",
                66 => "P-521",
                _ => return None,
            };
            let (x, y) = (base64url::encode(x), base64url::encode(y));
            vec![("kty", "EC".to_owned()), ("crv", curve.to_owned()), ("x", x), ("y", y)]
        }
        Pair::Ed25519(pair) => {
            let x = base64url::encode(pair.public_key());
            vec![("kty", "OKP".to_owned()), ("crv", "Ed25519".to_owned()), ("x", x)]
        }
    };
    Some(members.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect())
}

/// Modulus and exponent of an `RSAPublicKey` (RFC 8017, appendix A.1.1), without the zero that DER puts before a set
/// top bit.
fn rsa_public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    let (integers, _) = der_element(der, SEQUENCE)?;
    let (modulus, rest) = der_element(integers, INTEGER)?;
    let (exponent, _) = der_element(rest, INTEGER)?;
    let unsigned = |integer: &'_ [u8]| integer.iter().take_while(|byte| **byte == 0).count();
    Some((modulus.get(unsigned(modulus)..)?, exponent.get(unsigned(exponent)..)?))
}

/// The content of the DER element of this tag at the start of the bytes, and what follows it.
fn der_element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match length.checked_sub(0x80) {
        None => (usize::from(*length), rest),
        Some(count) => {
            let (digits, rest) = rest.split_at_checked(usize::from(count))?;
            let add = |length: usize, digit: &u8| length.checked_mul(256)?.checked_add(usize::from(*digit));
            (digits.iter().try_fold(0, add)?, rest)
        }
    };
    rest.split_at_checked(length)
}
