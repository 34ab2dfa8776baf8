//! Tokens made, looked into and judged from the command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::mint::{self, MintArgs, MintKey};
use super::verify::{self, Verdict, VerifyArgs, VerifyKeys};
use super::{TokenError, inspect, printable};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::command::{FileError, FileProblem, PrivateKeyError};
use crate::jose::{Algorithm, KeySetError, Profile, SigningKeyError, Token, UnsafeExpectation, WeakKey};

/// 2027-01-15T08:00:00Z.
const NOW: i64 = 1_800_000_000;

fn clock() -> Clock {
    Clock::manual(Arc::new(ManualClock::new(UnixTime::from_secs(NOW))))
}

fn mint_args(key: MintKey) -> MintArgs {
    MintArgs {
        key,
        algorithm: None,
        key_set: None,
        typ: "at+jwt".to_owned(),
        issuer: "https://issuer.example".to_owned(),
        audiences: vec!["orders".to_owned()],
        subject: "alice".to_owned(),
        client: "shop".to_owned(),
        scopes: vec!["orders:read".to_owned()],
        lifetime: Duration::from_mins(5),
        claims: Map::new(),
    }
}

fn verify_args(keys: VerifyKeys) -> VerifyArgs {
    VerifyArgs {
        keys,
        issuer: "https://issuer.example".to_owned(),
        audiences: vec!["orders".to_owned()],
        algorithms: vec![],
        profile: Profile::Rfc9068,
        leeway: Duration::ZERO,
        max_lifetime: None,
        max_age: None,
        scope_claim: None,
        scopes: vec![],
    }
}

fn mint(args: &MintArgs) -> Result<String, TokenError> {
    let mut out = Vec::new();
    mint::run(args, &clock(), &SystemRandom::new(), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn judge(args: &VerifyArgs, token: &str) -> Result<(Verdict, String), TokenError> {
    let mut out = Vec::new();
    let verdict = verify::run(args, &clock(), &mut token.as_bytes(), &mut out)?;
    Ok((verdict, String::from_utf8(out).unwrap()))
}

fn look(token: &str) -> String {
    let mut out = Vec::new();
    inspect::run(&clock(), &mut token.as_bytes(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// A folder with a new key, its key set, and a token that it signed.
struct Fixture {
    folder: TempDir,
    token: String,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let args = mint_args(MintKey::New(folder.path().join("key.pem")));
        let token = mint(&MintArgs { key_set: Some(folder.path().join("keys.json")), ..args }).unwrap();
        Self { folder, token }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn key(&self) -> MintKey {
        MintKey::File(self.path("key.pem"))
    }

    fn keys(&self) -> VerifyArgs {
        verify_args(VerifyKeys::KeySet(self.path("keys.json")))
    }
}

fn missing(path: &Path) -> FileError {
    FileError { path: path.to_owned(), problem: FileProblem::Read(std::io::ErrorKind::NotFound) }
}

#[test]
fn a_minted_token_is_accepted_and_what_is_not_as_it_should_be_is_named() {
    let fixture = Fixture::new();
    let (verdict, said) = judge(&fixture.keys(), &fixture.token).unwrap();
    assert_eq!(verdict, Verdict::Accepted, "{said}");
    assert!(said.starts_with("ok\nkey: \""), "{said}");
    assert!(said.contains("\"sub\": \"alice\"") && said.contains("\"scope\": \"orders:read\""), "{said}");
    let refused = |args: VerifyArgs, token: &str| {
        let (verdict, said) = judge(&args, token).unwrap();
        assert_eq!((verdict, said.lines().count()), (Verdict::Refused, 1), "{said}");
        said.split_once(':').unwrap().0.to_owned()
    };
    let other = || vec!["billing".to_owned()];
    assert_eq!(
        refused(VerifyArgs { issuer: "https://else.example".to_owned(), ..fixture.keys() }, &fixture.token),
        "iss_unknown"
    );
    assert_eq!(refused(VerifyArgs { audiences: other(), ..fixture.keys() }, &fixture.token), "aud_mismatch");
    assert_eq!(
        refused(VerifyArgs { algorithms: vec!["RS256".to_owned()], ..fixture.keys() }, &fixture.token),
        "alg_not_allowed"
    );
    assert_eq!(
        refused(VerifyArgs { max_lifetime: Some(Duration::from_mins(1)), ..fixture.keys() }, &fixture.token),
        "lifetime_too_long"
    );
    assert_eq!(refused(VerifyArgs { scopes: other(), ..fixture.keys() }, &fixture.token), "scope");
    assert_eq!(
        refused(
            VerifyArgs {
                scope_claim: Some("scp".to_owned()),
                scopes: vec!["orders:read".to_owned()],
                ..fixture.keys()
            },
            &fixture.token
        ),
        "scope"
    );
    assert_eq!(refused(fixture.keys(), &Fixture::new().token), "unknown_kid");
    assert_eq!(refused(fixture.keys(), &fixture.token.replace('.', "")), "malformed_token");
    assert_eq!(refused(fixture.keys(), ""), "malformed_token");
    assert_eq!(refused(fixture.keys(), &format!("{}.e30.AA", fixture.token.split('.').next().unwrap())), "iss_invalid");
    let right = VerifyArgs { scopes: vec!["orders:read".to_owned()], ..fixture.keys() };
    assert_eq!(judge(&right, &fixture.token).unwrap().0, Verdict::Accepted);
    assert_eq!(
        judge(&right, &format!("bearer  {}\r\n", fixture.token)).unwrap().0,
        Verdict::Accepted,
        "as a header has it"
    );
}

#[test]
fn no_output_has_the_signature() {
    let fixture = Fixture::new();
    let signature = fixture.token.trim_end().rsplit_once('.').unwrap().1;
    for said in [look(&fixture.token), judge(&fixture.keys(), &fixture.token).unwrap().1] {
        assert!(!said.contains(signature), "{said}");
    }
}

#[test]
fn claims_of_ones_own_replace_and_remove_the_usual_ones() {
    let fixture = Fixture::new();
    let claims = json!({"sub": "mallory", "jti": null, "aud": ["a", 7], "role": {"admin": true}});
    let args = MintArgs {
        claims: claims.as_object().unwrap().clone(),
        typ: "JWT".to_owned(),
        scopes: vec![],
        ..mint_args(fixture.key())
    };
    let text = mint(&args).unwrap();
    let token = Token::parse(text.trim_end()).unwrap();
    assert_eq!(token.typ(), Some("JWT"));
    assert_eq!(token.claim("sub"), Some(&"mallory".into()));
    assert_eq!(token.claim("aud"), Some(&json!(["a", 7])));
    assert_eq!(token.claim("role"), Some(&json!({"admin": true})));
    assert_eq!((token.claim("jti"), token.claim("scope")), (None, None));
    assert_eq!(token.claim("exp"), Some(&(NOW + 300).into()));
    let usual =
        mint(&MintArgs { audiences: vec!["a".to_owned(), "b".to_owned()], ..mint_args(fixture.key()) }).unwrap();
    let usual = Token::parse(usual.trim_end()).unwrap();
    assert_eq!(usual.claim("aud"), Some(&json!(["a", "b"])));
    let again = mint(&mint_args(fixture.key())).unwrap();
    assert_ne!(usual.claim("jti"), Token::parse(again.trim_end()).unwrap().claim("jti"));
}

#[test]
fn a_private_key_is_pem_or_a_jwk_and_signs_by_its_own_algorithm() {
    let fixture = Fixture::new();
    let signed_by = |path: PathBuf, algorithm: Option<Algorithm>| {
        let text = mint(&MintArgs { algorithm, ..mint_args(MintKey::File(path)) })?;
        Ok::<_, TokenError>(Token::parse(text.trim_end()).unwrap().algorithm())
    };
    let private = |error: PrivateKeyError| Err(TokenError::PrivateKey(error));
    let key_error = |error: SigningKeyError| Err(TokenError::PrivateKey(PrivateKeyError::Key(error)));
    let ed = r#" {"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let p256 = r#"{"kty":"EC","crv":"P-256","alg":"ES256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
    let pem = fixture.path("key.pem");
    let absent = fixture.path("absent");
    assert_eq!(signed_by(absent.clone(), None), private(PrivateKeyError::File(missing(&absent))));
    assert_eq!(signed_by(fixture.write("empty", ""), None), private(PrivateKeyError::NotPrivateKey));
    assert_eq!(signed_by(fixture.path("keys.json"), None), private(PrivateKeyError::UnsupportedType), "a key set");
    let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
    assert_eq!(signed_by(fixture.write("public.pem", public), None), private(PrivateKeyError::NotPrivateKey));
    let nonsense = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert_eq!(signed_by(fixture.write("nonsense.pem", nonsense), None), private(PrivateKeyError::UnsupportedType));
    assert_eq!(
        signed_by(fixture.write("half.jwk", ed.replace("\"d\"", "\"e\"")), None),
        key_error(SigningKeyError::BadMember("d"))
    );
    assert_eq!(
        signed_by(fixture.write("oct.jwk", r#"{"kty":"oct","k":"AAAA"}"#), None),
        private(PrivateKeyError::UnsupportedType)
    );
    assert_eq!(
        signed_by(fixture.write("p256.jwk", p256), Some(Algorithm::ES384)),
        key_error(SigningKeyError::NotAKey(Algorithm::ES384))
    );
    assert_eq!(signed_by(pem.clone(), Some(Algorithm::RS256)), key_error(SigningKeyError::NotAKey(Algorithm::RS256)));
    assert_eq!(signed_by(pem, None), Ok(Algorithm::ES256));
    assert_eq!(signed_by(fixture.path("p256.jwk"), None), Ok(Algorithm::ES256));
    assert_eq!(signed_by(fixture.write("ed.jwk", ed), None), Ok(Algorithm::EdDSA));
    assert_eq!(signed_by(fixture.path("ed.jwk"), Some(Algorithm::Ed25519)), Ok(Algorithm::Ed25519));
}

#[test]
fn a_shared_secret_signs_and_verifies() {
    let fixture = Fixture::new();
    let (good, short) = (fixture.write("secret", [7; 32]), fixture.write("short", [7; 31]));
    let weak = WeakKey::TooShort { bits: 248, needed: 256 };
    assert_eq!(mint(&mint_args(MintKey::Secret(short.clone()))), Err(TokenError::Weak(weak)));
    let token = mint(&mint_args(MintKey::Secret(good.clone()))).unwrap();
    let args = |path: &Path| verify_args(VerifyKeys::Secret(path.to_owned(), Algorithm::HS256));
    assert_eq!(judge(&args(&short), &token), Err(TokenError::Weak(weak)));
    assert_eq!(judge(&args(&good), &token).unwrap().0, Verdict::Accepted);
    assert_eq!(
        judge(&args(&fixture.write("other", [8; 32])), &token).unwrap().1.split_once(':').unwrap().0,
        "bad_signature"
    );
    assert_eq!(judge(&fixture.keys(), &token).unwrap().1.split_once(':').unwrap().0, "alg_not_allowed");
    let with_key_set = MintArgs { key_set: Some(fixture.path("none.json")), ..mint_args(MintKey::Secret(good)) };
    assert_eq!(mint(&with_key_set), Err(TokenError::Key(SigningKeyError::SharedSecret(Algorithm::HS256))));
    assert!(!fixture.path("none.json").exists());
}

#[test]
fn unusable_keys_and_unsafe_terms_are_said() {
    let fixture = Fixture::new();
    let with = |text: &str| verify_args(VerifyKeys::KeySet(fixture.write("set.json", text)));
    let of_keys = std::fs::read_to_string(fixture.path("keys.json")).unwrap();
    let absent = fixture.path("absent");
    assert_eq!(
        judge(&verify_args(VerifyKeys::KeySet(absent.clone())), &fixture.token),
        Err(TokenError::File(missing(&absent)))
    );
    assert_eq!(judge(&with("<html>"), &fixture.token), Err(TokenError::KeySet(KeySetError::NotKeySet)));
    assert_eq!(judge(&with("{\"keys\":[]}"), &fixture.token), Err(TokenError::NoUsableKey));
    let large = FileError { path: fixture.path("set.json"), problem: FileProblem::TooLarge };
    assert_eq!(judge(&with(&" ".repeat(1024 * 1024 + 1)), &fixture.token), Err(TokenError::File(large)));
    assert_eq!(
        judge(&VerifyArgs { audiences: vec![], ..fixture.keys() }, &fixture.token),
        Err(TokenError::Unsafe(UnsafeExpectation::NoAudience))
    );
    assert_eq!(
        judge(&VerifyArgs { algorithms: vec!["none".to_owned()], ..fixture.keys() }, &fixture.token),
        Err(TokenError::Unsafe(UnsafeExpectation::NoneAlgorithm))
    );
    let mixed = of_keys.replacen("\"keys\": [", "\"keys\": [{\"kty\": \"oct\", \"kid\": \"a\\u001b[2J\"},", 1);
    let (verdict, said) = judge(&with(&mixed), &fixture.token).unwrap();
    assert_eq!(verdict, Verdict::Accepted);
    let note = "note: key 0 of the set (\"a\\u001b[2J\") is not used: it is a shared secret, which no public key set may have\nok\n";
    assert!(said.starts_with(note), "{said}");
}

#[test]
fn whatever_is_inspected_is_called_unverified() {
    let fixture = Fixture::new();
    let encode = |value: Value| encode(value.to_string().as_bytes());
    let unsecured =
        format!("{}.{}.", encode(json!({"alg": "none"})), encode(json!({"sub": "a", "exp": NOW - 1, "iat": NOW + 1})));
    let jwe = format!("{}.AA.AA.AA.AA", encode(json!({"alg": "dir", "enc": "A256GCM"})));
    let said = look(&fixture.token);
    assert!(said.starts_with("NOT VERIFIED: "), "{said}");
    assert!(said.contains("header: {\n  \"alg\": \"ES256\"") && said.contains("\"sub\": \"alice\""), "{said}");
    assert!(
        said.contains("issued: 2027-01-15T08:00:00Z (past)\nexpires: 2027-01-15T08:05:00Z (to come)\nform: sound\n"),
        "{said}"
    );
    let said = look(&unsecured);
    assert!(said.starts_with("NOT VERIFIED: ") && said.contains("\"sub\": \"a\""), "{said}");
    assert!(
        said.contains(
            "issued: 2027-01-15T08:00:01Z (to come)\nexpires: 2027-01-15T07:59:59Z (past)\nform: malformed_token, "
        ),
        "{said}"
    );
    let said = look(&jwe);
    assert!(
        said.starts_with("NOT VERIFIED: ")
            && said.contains("\"enc\": \"A256GCM\"")
            && said.contains("form: encrypted_token, "),
        "{said}"
    );
    assert!(!said.contains("claims"), "{said}");
    let said = look("x.y.z");
    assert!(
        said.contains("header: not base64url of JSON\nclaims: not base64url of JSON\nform: bad_base64url, "),
        "{said}"
    );
    assert!(look("").ends_with(
        "form: malformed_token, the token is not three non-empty segments, or an API key is not of its form\n"
    ));
    let padded =
        format!("{}==.{}.AA", encode(json!({"alg": "ES256", "x": "~~~???"})).replace('-', "+"), encode(json!({})));
    assert!(look(&padded).contains("\"alg\": \"ES256\""), "{}", look(&padded));
    let key = "bw_shop1_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ0uR5iH";
    assert_eq!(look(key), "an API key, NOT VERIFIED; its id is shop1\n");
    assert!(look(&key.replace("abc", "abd")).starts_with("no API key: key_checksum, "));
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn nothing_that_is_printed_moves_the_cursor_or_turns_text_around() {
    let odd = "\u{1b}[2J\u{9b}2J\u{7f}\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}\0";
    let value = json!({"sub": odd, "a\u{202e}b": "é日😀"});
    let text = printable(&value);
    let harmful = |character: char| {
        character != '\n' && (character.is_control() || "\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}".contains(character))
    };
    assert!(!text.contains(harmful), "{text:?}");
    assert!(text.contains("é日😀"), "{text:?}");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    let fixture = Fixture::new();
    let claims = json!({"sub": odd}).as_object().unwrap().clone();
    let token = mint(&MintArgs { claims, ..mint_args(fixture.key()) }).unwrap();
    assert!(!look(&token).contains(harmful));
}

#[test]
fn what_is_no_text_or_cannot_be_read_or_written_is_an_error() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::PermissionDenied.into())
        }
    }
    impl std::io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let fixture = Fixture::new();
    let input = inspect::run(&clock(), &mut Broken, &mut Vec::new());
    assert_eq!(input, Err(TokenError::Input(std::io::ErrorKind::PermissionDenied)));
    let text = inspect::run(&clock(), &mut [0xff_u8].as_slice(), &mut Vec::new());
    assert_eq!(text, Err(TokenError::NotText));
    let output = inspect::run(&clock(), &mut fixture.token.as_bytes(), &mut Broken);
    assert_eq!(output, Err(TokenError::Output(std::io::ErrorKind::BrokenPipe)));
    let again = MintArgs { key_set: Some(fixture.path("keys.json")), ..mint_args(fixture.key()) };
    let there =
        FileError { path: fixture.path("keys.json"), problem: FileProblem::Write(std::io::ErrorKind::AlreadyExists) };
    assert!(
        there.to_string().ends_with("cannot be written: there is such a file already; expected the name of a new one")
    );
    assert_eq!(mint(&again), Err(TokenError::File(there)));
}
