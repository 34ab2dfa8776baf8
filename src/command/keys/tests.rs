//! Keys that are made fit what reads them, and go nowhere else.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;

use super::api_key::{self, ApiKeyArgs, DEFAULT_LIFETIME, MAX_LIFETIME};
use super::client_secret::{self, ClientSecretArgs};
use super::signing::{self, SigningArgs};
use super::{KeysError, hash};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::command::private_key;
use crate::command::{FileError, FileProblem};
use crate::jose::{
    Algorithm, ApiKey, ApiKeyRecord, ApiKeySet, ClientSecret, ClientSecretRecord, InvalidApiKey, KeySet, Reason,
    SigningKeyError,
};

/// 2027-01-15T08:00:00Z.
const NOW: i64 = 1_800_000_000;
const DAY: Duration = Duration::from_hours(24);

fn clock() -> Clock {
    Clock::manual(Arc::new(ManualClock::new(UnixTime::from_secs(NOW))))
}

fn args() -> ApiKeyArgs {
    ApiKeyArgs {
        name: None,
        namespace: None,
        owner: "team-shop".to_owned(),
        scopes: vec!["orders:read".to_owned(), "orders:write".to_owned()],
        not_before: None,
        lifetime: DEFAULT_LIFETIME,
        labels: vec![("team".to_owned(), "shop".to_owned())],
        secret: None,
    }
}

/// What went to standard output and to standard error.
fn generate(args: &ApiKeyArgs) -> Result<(String, String), KeysError> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    api_key::run(args, &clock(), &SystemRandom::new(), &mut out, &mut err)?;
    Ok((String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap()))
}

/// The members below a heading of the YAML, which are all texts in quotes.
fn members(yaml: &str, heading: &str) -> BTreeMap<String, String> {
    let below = yaml.lines().skip_while(|line| line.trim() != heading).skip(1);
    let indent = |line: &str| line.len() - line.trim_start().len();
    let depth = below.clone().next().map_or(0, indent);
    let member = |line: &str| {
        let (name, value) = line.trim().split_once(": ").unwrap();
        let unquote = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| text.to_owned());
        (unquote(name), unquote(value))
    };
    below.take_while(|line| indent(line) == depth).map(member).collect()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_api_key_is_let_in_by_its_record_and_shown_apart_from_it() {
    let (yaml, shown) = generate(&args()).unwrap();
    let key = shown.lines().next().unwrap();
    assert!(ApiKey::claims_to_be_one(key) && !yaml.contains(key) && !yaml.contains(&key[16..59]), "{yaml}");
    let (data, labels) = (members(&yaml, "stringData:"), members(&yaml, "labels:"));
    assert_eq!(labels["bearward.dev/use"], "api-key");
    assert!(yaml.starts_with("apiVersion: v1\nkind: Secret\ntype: bearward.dev/api-key\nmetadata:\n"));
    let data = data.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let record = ApiKeyRecord::parse(data, labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))).unwrap();
    assert_eq!(record.expires(), UnixTime::from_secs(NOW).plus(90 * DAY));
    let (set, _) = ApiKeySet::new([record]);
    let claims = set.verify(&ApiKey::parse(key).unwrap(), UnixTime::from_secs(NOW)).unwrap();
    assert_eq!(claims.subject(), Some("team-shop"));
    assert_eq!(claims.get("team"), Some(&"shop".into()));
    assert!(claims.scopes().contains("orders:read") && claims.scopes().contains("orders:write"));
}

#[test]
fn where_the_secret_goes_to_a_file_the_key_goes_to_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.yaml");
    let args = ApiKeyArgs { secret: Some(path.clone()), ..args() };
    let (key, said) = generate(&args).unwrap();
    ApiKey::parse(key.trim_end()).unwrap();
    assert!(!said.contains("bw_"), "{said}");
    let yaml = std::fs::read_to_string(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert!(!yaml.contains(key.trim_end()) && yaml.contains("hash: \"sha256:"), "{yaml}");
    let there = FileError { path: path.clone(), problem: FileProblem::Write(std::io::ErrorKind::AlreadyExists) };
    assert_eq!(generate(&args), Err(KeysError::File(there)));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), yaml, "an existing file is left alone");
}

#[test]
fn a_secret_is_named_and_placed_as_asked() {
    let named = ApiKeyArgs {
        name: Some("batch".to_owned()),
        namespace: Some("shop".to_owned()),
        not_before: Some(UnixTime::from_secs(NOW + 86_400)),
        lifetime: DAY,
        scopes: vec![],
        labels: vec![("odd\": x".to_owned(), "a\nb: c".to_owned())],
        ..args()
    };
    let (yaml, _) = generate(&named).unwrap();
    assert!(yaml.contains("  name: \"batch\"\n  namespace: \"shop\"\n  labels:\n"), "{yaml}");
    assert!(yaml.contains("    \"odd\\\": x\": \"a\\nb: c\"\n"), "a label cannot add a line of its own: {yaml}");
    let data = members(&yaml, "stringData:");
    assert_eq!(data["notBefore"], "2027-01-16T08:00:00Z");
    assert_eq!(data["expiresAt"], "2027-01-17T08:00:00Z");
    assert_eq!(data.keys().collect::<Vec<_>>(), ["expiresAt", "hash", "id", "notBefore", "owner"]);
    let (unnamed, _) = generate(&args()).unwrap();
    let id = members(&unnamed, "stringData:")["id"].to_ascii_lowercase();
    assert!(unnamed.contains(&format!("  name: \"key-{id}\"\n  labels:\n")), "{unnamed}");
}

#[test]
fn a_key_that_the_gateway_would_not_take_is_not_made() {
    let refused = |args: ApiKeyArgs| generate(&args).unwrap_err();
    let strings = |text: &str| vec![text.to_owned()];
    assert_eq!(
        refused(ApiKeyArgs { lifetime: MAX_LIFETIME + Duration::from_secs(1), ..args() }),
        KeysError::LivesTooLong
    );
    assert_eq!(
        refused(ApiKeyArgs { lifetime: Duration::ZERO, not_before: Some(UnixTime::from_secs(NOW)), ..args() }),
        KeysError::Record(InvalidApiKey::NeverValid)
    );
    assert_eq!(refused(ApiKeyArgs { owner: String::new(), ..args() }), KeysError::Record(InvalidApiKey::BadOwner));
    assert_eq!(refused(ApiKeyArgs { scopes: strings("größe"), ..args() }), KeysError::Record(InvalidApiKey::BadScope));
    assert_eq!(refused(ApiKeyArgs { not_before: Some(UnixTime::from_secs(i64::MAX)), ..args() }), KeysError::NoDate);
    let label = vec![("bearward.dev/use".to_owned(), "signing-key".to_owned())];
    assert_eq!(refused(ApiKeyArgs { labels: label, ..args() }), KeysError::ReservedLabel);
    assert!(generate(&ApiKeyArgs { lifetime: MAX_LIFETIME, ..args() }).is_ok());
}

#[test]
fn the_hash_of_a_key_is_what_its_record_has() {
    let (yaml, shown) = generate(&args()).unwrap();
    let key = shown.lines().next().unwrap();
    let hash = |input: &[u8]| {
        let mut out = Vec::new();
        hash::run(&mut &input[..], &mut out).map(|()| String::from_utf8(out).unwrap())
    };
    let expected = format!("{}\n", members(&yaml, "stringData:")["hash"]);
    assert_eq!(hash(key.as_bytes()), Ok(expected.clone()));
    assert_eq!(hash(format!(" {key}\r\n").as_bytes()), Ok(expected));
    let last = if key.ends_with('0') { "1" } else { "0" };
    let mistyped = [&key[..key.len() - 1], last].concat();
    assert_eq!(hash(mistyped.as_bytes()), Err(KeysError::NotApiKey(Reason::KeyChecksum)));
    assert_eq!(hash(b""), Err(KeysError::NotApiKey(Reason::MalformedToken)));
    assert_eq!(hash(b"\xff"), Err(KeysError::NotApiKey(Reason::MalformedToken)));
    assert_eq!(hash(&key.as_bytes()[16..59]), Err(KeysError::NotApiKey(Reason::MalformedToken)));
    let said = hash(b"bw_x").unwrap_err().to_string();
    assert_eq!(said, "not an API key: expected bw_, an id, _, and a secret with its checksum");
}

fn client_args() -> ClientSecretArgs {
    ClientSecretArgs { name: "batch-client".to_owned(), namespace: None, lifetime: None, secret: None }
}

/// What went to standard output and to standard error.
fn generate_client_secret(args: &ClientSecretArgs) -> Result<(String, String), KeysError> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    client_secret::run(args, &clock(), &SystemRandom::new(), &mut out, &mut err)?;
    Ok((String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap()))
}

#[test]
fn a_new_clients_secret_is_taken_by_its_record_and_shown_apart_from_it() {
    let args = ClientSecretArgs { namespace: Some("shop".to_owned()), lifetime: Some(90 * DAY), ..client_args() };
    let (yaml, shown) = generate_client_secret(&args).unwrap();
    let text = shown.lines().next().unwrap();
    assert!(ClientSecret::claims_to_be_one(text) && !yaml.contains(text) && !yaml.contains(&text[4..47]), "{yaml}");
    assert!(shown.ends_with("The secret is shown only now. Its hash alone is kept.\n"), "{shown}");
    let head = "apiVersion: v1\nkind: Secret\ntype: bearward.dev/client-secret\nmetadata:\n  name: \"batch-client\"\n  \
                namespace: \"shop\"\n  labels:\n    bearward.dev/use: credentials\nstringData:\n";
    assert!(yaml.starts_with(head), "{yaml}");
    let data = members(&yaml, "stringData:");
    assert_eq!(data["expiresAt"], "2027-04-15T08:00:00Z");
    let parsed = ClientSecretRecord::parse(data.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))).unwrap();
    let (known, secret) = (parsed.into_known(), ClientSecret::parse(text).unwrap());
    let now = UnixTime::from_secs(NOW);
    assert_eq!(secret.verify(&known, now), Ok(()));
    assert_eq!(secret.verify(&known, now.plus(90 * DAY)), Err(Reason::ClientSecretExpired));
    let (other, _) = generate_client_secret(&client_args()).unwrap();
    let other = members(&other, "stringData:");
    assert_eq!(other.keys().collect::<Vec<_>>(), ["hash"], "without a lifetime it has no end");
    assert_ne!(other["hash"], data["hash"]);
}

#[test]
fn where_the_record_of_a_clients_secret_goes_to_a_file_the_secret_goes_to_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.yaml");
    let args = ClientSecretArgs { secret: Some(path.clone()), ..client_args() };
    let (secret, said) = generate_client_secret(&args).unwrap();
    ClientSecret::parse(secret.trim_end()).unwrap();
    assert!(!said.contains("bws_"), "{said}");
    let yaml = std::fs::read_to_string(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert!(!yaml.contains(secret.trim_end()) && yaml.contains("hash: \"sha256:"), "{yaml}");
    let there = FileError { path: path.clone(), problem: FileProblem::Write(std::io::ErrorKind::AlreadyExists) };
    assert_eq!(generate_client_secret(&args), Err(KeysError::File(there)));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), yaml, "an existing file is left alone");
}

#[test]
fn a_clients_secret_that_would_never_be_taken_is_not_made() {
    let refused = |lifetime| generate_client_secret(&ClientSecretArgs { lifetime: Some(lifetime), ..client_args() });
    assert_eq!(refused(Duration::ZERO), Err(KeysError::NeverValid));
    assert_eq!(refused(Duration::MAX), Err(KeysError::NoDate));
    assert!(refused(Duration::from_secs(1)).is_ok());
}

#[test]
fn the_hash_of_a_clients_secret_is_what_its_record_has() {
    let (yaml, shown) = generate_client_secret(&client_args()).unwrap();
    let secret = shown.lines().next().unwrap();
    let hash = |input: &str| {
        let mut out = Vec::new();
        hash::run(&mut input.as_bytes(), &mut out).map(|()| String::from_utf8(out).unwrap())
    };
    assert_eq!(hash(&format!("{secret}\n")), Ok(format!("{}\n", members(&yaml, "stringData:")["hash"])));
    let last = if secret.ends_with('0') { "1" } else { "0" };
    assert_eq!(hash(&[&secret[..secret.len() - 1], last].concat()), Err(KeysError::NotClientSecret));
    assert_eq!(hash("bws_"), Err(KeysError::NotClientSecret));
}

fn make_signing(algorithm: Algorithm, private_key: PathBuf, key_set: Option<PathBuf>) -> Result<String, KeysError> {
    let mut out = Vec::new();
    signing::run(&SigningArgs { algorithm, private_key, key_set }, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn a_new_signing_key_is_its_owners_and_its_key_set_everybodys() {
    let folder = tempfile::tempdir().unwrap();
    for algorithm in [Algorithm::ES256, Algorithm::ES512, Algorithm::EdDSA, Algorithm::RS256] {
        let path = folder.path().join(format!("{algorithm}.pem"));
        let shown = make_signing(algorithm, path.clone(), None).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        let key = private_key::read(&path, None).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        let (keys, skipped) = KeySet::parse(shown.as_bytes()).unwrap();
        assert_eq!(skipped, []);
        let found = keys.find(&key.thumbprint().to_string()).unwrap();
        assert_eq!(found.verify(algorithm, b"x", &key.sign_message(b"x").unwrap()), Ok(()));
    }
}

#[test]
fn a_signing_key_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (private, public) = (folder.path().join("key.pem"), folder.path().join("keys.json"));
    assert_eq!(make_signing(Algorithm::ES256, private.clone(), Some(public.clone())), Ok(String::new()));
    let before = std::fs::read(&private).unwrap();
    let there = |path: &Path| {
        KeysError::File(FileError {
            path: path.to_owned(),
            problem: FileProblem::Write(std::io::ErrorKind::AlreadyExists),
        })
    };
    assert_eq!(make_signing(Algorithm::ES256, private.clone(), None), Err(there(&private)));
    assert_eq!(std::fs::read(&private).unwrap(), before);
    let other = folder.path().join("other.pem");
    assert_eq!(make_signing(Algorithm::ES256, other, Some(public.clone())), Err(there(&public)));
    KeySet::parse(&std::fs::read(&public).unwrap()).unwrap();
    let secret = make_signing(Algorithm::HS256, folder.path().join("secret.pem"), None);
    assert_eq!(secret, Err(KeysError::Key(SigningKeyError::SharedSecret(Algorithm::HS256))));
    assert!(!folder.path().join("secret.pem").exists());
}
