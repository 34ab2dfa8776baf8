//! Policies that issue tokens: what they sign with, what they publish, and who is which issuer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::stage::{Stage, credential, key, open_route, policy, route, secret, secrets_of};
use crate::clock::UnixTime;
use crate::finding::{Code, Severity};
use crate::jose::{Algorithm, SigningKey};
use crate::name::Kind;
use crate::resources::{Body, Object, Report, ReportFinding, ReportKey, Update, Version};
use crate::rotation::{Action, Cause, PublicHalf, Ring, Role};
use crate::secret::Secret;
use crate::snapshot::{
    AcceptedKeys, Access, Authentication, Chain, ClientSecrets, Dpop, Endpoint, Format, Issuer, JwtEntry, Policy, Takes,
};

pub(super) const URL: &str = "https://gw.example.com/shop";
const AT: &str = "spec.issue";
const START: UnixTime = UnixTime::from_secs(1_800_000_000);

/// A policy that takes what it issues, but for what is said of `issue`.
pub(super) fn issuing(name: &str, more: &Value) -> Object {
    let mut issue = json!({"issuer": URL, "audiences": ["orders", "stock"], "keysSecretRef": {"name": "ring"}});
    let members = issue.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    policy(name, &json!({"accept": [{"name": "own", "issued": {}}], "issue": issue}))
}

/// A ring of which one key signs and the next is confirmed, with the private halves.
pub(super) struct Keys {
    ring: Ring,
    halves: BTreeMap<String, SigningKey>,
}

impl Keys {
    pub(super) fn new(issuer: &str) -> Self {
        let mut keys = Self { ring: Ring::new(issuer, Duration::from_mins(5), START), halves: BTreeMap::new() };
        keys.create(Role::First);
        keys.create(Role::Next);
        let next = keys.ring.pending().unwrap().kid.clone();
        keys.apply(&Action::Confirm(next), 0);
        keys
    }

    fn create(&mut self, role: Role) {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let action = Action::Create { role, algorithm: Algorithm::ES256, longest: Duration::from_mins(10) };
        self.ring = self.ring.apply(&action, START, PublicHalf::of(&key)).unwrap();
        self.halves.insert(key.thumbprint().to_string(), key);
    }

    fn apply(&mut self, action: &Action, seconds: u64) {
        self.ring = self.ring.apply(action, START.plus(Duration::from_secs(seconds)), None).unwrap();
    }

    fn active(&self) -> String {
        self.ring.active().unwrap().kid.to_string()
    }

    fn pending(&self) -> String {
        self.ring.pending().unwrap().kid.to_string()
    }

    /// The pending key takes over.
    fn activate(&mut self, seconds: u64) {
        let kid = self.ring.pending().unwrap().kid.clone();
        self.apply(&Action::Activate { kid, cause: Cause::Schedule }, seconds);
    }

    /// The members of the Secret, as base64.
    fn data(&self) -> BTreeMap<String, String> {
        let mut data = BTreeMap::from([("ring.json".to_owned(), self.ring.to_json().into_bytes())]);
        for key in self.ring.with_private_half() {
            let half = self.halves[&*key.kid].to_pkcs8().unwrap();
            data.insert(format!("{}.key", key.kid), half.expose().to_vec());
        }
        for (number, key) in self.ring.published().enumerate() {
            data.insert(format!("{}.seal", key.kid), vec![u8::try_from(number).unwrap(); 32]);
        }
        data.into_iter().map(|(member, bytes)| (member, BASE64_STANDARD.encode(bytes))).collect()
    }

    pub(super) fn secret(&self, name: &str) -> Object {
        signing_secret(name, "bearward.dev/signing-keys", &json!(self.data()))
    }
}

/// A Secret that offers keys that sign; the members are base64.
pub(super) fn signing_secret(name: &str, kind: &str, data: &Value) -> Object {
    let mut object = secret(name, kind, &json!({"bearward.dev/use": "signing-key"}), &json!({}));
    object.body = Body::Secret(serde_json::from_value(json!({"type": kind, "data": data})).unwrap());
    object
}

pub(super) fn guarded() -> Object {
    let tokens = json!({"tokens": [{"policyRef": {"name": "shop"}}]});
    let rule = json!({"name": "r", "auth": tokens, "backends": [{"url": "https://api.example.org"}]});
    route("shop/orders", &json!({"hosts": ["a.example.com"], "rules": [rule]}))
}

/// The entry that takes what the policy issues.
struct Own(Arc<Policy>);

impl std::ops::Deref for Own {
    type Target = JwtEntry;

    fn deref(&self) -> &JwtEntry {
        let Takes::Jwt(jwt) = &self.0.entries[0].takes else { panic!("{:?}", self.0) };
        jwt
    }
}

fn own(stage: &mut Stage) -> Own {
    let found = stage.find("GET a.example.com/").expect("a route");
    let Chain::Serve(stages) = &*found.chain else { panic!("{:?}", found.chain) };
    let Access::Tokens(rules) = &stages.access else { panic!("{:?}", stages.access) };
    Own(Arc::clone(&rules[0].policy))
}

/// How many keys verify, or why none does.
fn verifies(entry: &JwtEntry) -> String {
    match &**entry.keys.load() {
        AcceptedKeys::Known { set, as_of } => format!("{} keys {as_of:?}", set.len()),
        AcceptedKeys::Unavailable { code, .. } => code.to_string(),
    }
}

/// What signs, or why nothing does.
fn signs(entry: &JwtEntry) -> String {
    let keys = entry.issued.as_ref().unwrap().load();
    match &keys.signer {
        Ok(signer) => signer.key.thumbprint().to_string(),
        Err(code) => code.to_string(),
    }
}

fn kids(entry: &JwtEntry) -> Vec<String> {
    entry.issued.as_ref().unwrap().load().kids.iter().map(ToString::to_string).collect()
}

fn findings(stage: &Stage) -> Vec<String> {
    stage.findings(Kind::TokenPolicy, "shop/shop")
}

fn issuer_at(stage: &mut Stage, path: &str) -> Option<(Arc<Issuer>, Endpoint)> {
    let snapshot = stage.compile().snapshot;
    snapshot.issuers.find("gw.example.com", path).map(|(issuer, endpoint)| (Arc::clone(issuer), endpoint))
}

#[test]
fn what_the_schema_cannot_say_is_refused_all_the_same() {
    for (more, finding) in [
        (json!({"issuer": "http://gw.example.com"}), format!("InsecureHttp {AT}.issuer")),
        (json!({"issuer": "https://gw.example.com:99999"}), format!("InvalidValue {AT}.issuer")),
        (
            json!({"clients": [{"id": "a", "grants": ["client_credentials"], "keys": {"inline": "no JSON"}}]}),
            format!("InvalidKeySet {AT}.clients[0].keys.inline"),
        ),
        (
            json!({"clients": [{"id": "a", "grants": ["client_credentials"], "keys": {"url": "http://a.example.com"}}]}),
            format!("InsecureHttp {AT}.clients[0].keys.url"),
        ),
        (
            json!({"subjects": [{"name": "a", "issued": {}}, {"name": "b", "issued": {}}]}),
            format!("InvalidValue {AT}.subjects[1].issued"),
        ),
        (
            json!({"subjects": [{"name": "a", "issued": {"audiences": ["other"]}}]}),
            format!("InvalidValue {AT}.subjects[0].issued.audiences"),
        ),
    ] {
        let mut stage = Stage::of([issuing("shop/shop", &more), guarded()]);
        assert_eq!(findings(&stage), std::slice::from_ref(&finding), "{more}");
        let code = finding.split(' ').next().unwrap();
        assert_eq!(stage.outcome("GET a.example.com/"), format!("shop/orders/r {code}"), "{more}");
        assert!(issuer_at(&mut stage, "/shop/token").is_none(), "{more}");
        assert!(stage.compile().plans.is_empty(), "{more}");
        assert_eq!(stage.difference(), [""; 0], "{more}");
    }
    // A JWT entry of the very issuer that the policy is.
    let jwt = json!({"issuer": URL, "audiences": ["orders"], "keys": {"discovery": {}}});
    let mut object = issuing("shop/shop", &json!({}));
    let Body::Ours(document) = &mut object.body else { unreachable!() };
    document["spec"]["accept"].as_array_mut().unwrap().push(json!({"name": "same", "jwt": jwt}));
    let stage = Stage::of([object, guarded()]);
    assert_eq!(findings(&stage), ["InvalidValue spec.accept[1].jwt.issuer"]);
}

#[test]
fn what_an_issuer_does_not_say_is_its_default() {
    let mut stage = Stage::of([issuing("shop/shop", &json!({})), guarded()]);
    let (issuer, endpoint) = issuer_at(&mut stage, "/shop/token").unwrap();
    assert_eq!(endpoint, Endpoint::Token);
    assert_eq!((&*issuer.name, &*issuer.url, &*issuer.origin), ("shop/shop", URL, "https://gw.example.com"));
    assert_eq!((&*issuer.host, &*issuer.path), ("gw.example.com", "/shop"));
    assert_eq!((issuer.lifetime, issuer.format, issuer.dpop), (Duration::from_mins(10), Format::Jwt, Dpop::Accept));
    assert_eq!(issuer.refresh.lifetime, Duration::from_hours(720));
    assert_eq!(issuer.refresh.grace, Duration::from_secs(10));
    assert_eq!((issuer.clients.len(), issuer.subjects.len()), (0, 0));
    let plans = stage.compile().plans;
    let plan = &plans[&key(Kind::TokenPolicy, "shop/shop")];
    assert_eq!((&*plan.issuer, &plan.secret, plan.seen), (URL, &key(Kind::Secret, "shop/ring"), None));
    let schedule = &plan.schedule;
    assert_eq!((schedule.every(), schedule.publish_ahead()), (Duration::from_hours(720), Duration::from_hours(24)));
    assert_eq!((schedule.algorithm(), schedule.jwks_max_age()), (Algorithm::ES256, Duration::from_mins(5)));
    let entry = own(&mut stage);
    let expectation = &entry.expectation;
    assert_eq!((expectation.issuer(), expectation.audiences()), (URL, &["orders".to_owned(), "stock".to_owned()][..]));
    assert_eq!(format!("{:?}", expectation.algorithms()).matches(',').count(), 5);
    assert_eq!(expectation.profile(), crate::jose::Profile::Rfc9068);
}

#[test]
fn what_an_issuer_says_is_what_it_is() {
    let clients = json!([
        {"id": "web", "public": true, "grants": ["token_exchange", "refresh_token"], "audiences": ["stock"]},
        {"id": "batch", "secretRef": {"name": "batch"}, "grants": ["client_credentials"], "scopes": ["b", "a"]},
        {"id": "cron", "keys": {"inline": super::stage::KEY_SET}, "grants": ["jwt_bearer"]},
    ]);
    let subjects = json!([
        {"name": "keys", "apiKeys": {"selector": {"matchLabels": {"team": "red"}}}, "scopes": ["z", "y"], "claims": ["team"]},
        {"name": "ours", "issued": {"audiences": ["stock"]}, "scopes": []},
    ]);
    let hash = format!("sha256:{}", "0".repeat(64));
    let labels = json!({"bearward.dev/use": "credentials"});
    let more = json!({
        "clients": clients, "subjects": subjects, "lifetime": "5m", "format": "Opaque", "dpop": "Require",
        "refresh": {"lifetime": "1h", "grace": "0s"}, "algorithm": "EdDSA",
    });
    let mut stage = Stage::of([
        issuing("shop/shop", &more),
        guarded(),
        secret("shop/batch", "bearward.dev/client-secret", &labels, &json!({"hash": hash})),
    ]);
    let (issuer, _) = issuer_at(&mut stage, "/shop/jwks").unwrap();
    let batch = issuer.client("batch").unwrap();
    assert_eq!(format!("{:?} {:?}", batch.scopes, batch.audiences), r#"["a", "b"] ["orders", "stock"]"#);
    assert!(batch.grants.client_credentials && !batch.grants.refresh_token);
    let Authentication::Secret(cell) = &batch.authentication else { panic!("{batch:?}") };
    assert_eq!(**cell.load(), ClientSecrets::Known([([0; 32], None)].into()));
    let web = issuer.client("web").unwrap();
    assert_eq!(format!("{:?} {:?} {:?}", web.authentication, web.scopes, web.audiences), r#"Public [] ["stock"]"#);
    assert!(matches!(issuer.client("cron").unwrap().authentication, Authentication::Keys(_)));
    let [keys, ours] = &*issuer.subjects else { panic!("{:?}", issuer.subjects) };
    assert_eq!((&*keys.entry.name, keys.is_ours, ours.is_ours), ("shop/shop/keys", false, true));
    assert_eq!(
        format!("{:?} {:?} {:?}", keys.scopes, keys.claims, ours.scopes),
        r#"Some(["y", "z"]) ["team"] Some([])"#
    );
    assert_eq!((issuer.lifetime, issuer.format, issuer.dpop), (Duration::from_mins(5), Format::Opaque, Dpop::Require));
    assert_eq!((issuer.refresh.lifetime, issuer.refresh.grace), (Duration::from_hours(1), Duration::ZERO));
    let selector = format!("SecretNotFound? {AT}.subjects[0].apiKeys.selector");
    assert_eq!(findings(&stage), [format!("KeysPending? {AT}.keysSecretRef"), selector]);
}

#[test]
fn the_secret_of_a_client_is_read_anew_without_a_compile_and_wrong_only_for_its_issuer() {
    let at = format!("{AT}.clients[0].secretRef");
    let client = json!({"id": "batch", "secretRef": {"name": "batch"}, "grants": ["client_credentials"]});
    let ring = Keys::new(URL).secret("shop/ring");
    let mut stage = Stage::of([issuing("shop/shop", &json!({"clients": [client]})), guarded(), ring]);
    let (issuer, _) = issuer_at(&mut stage, "/shop/token").unwrap();
    let Authentication::Secret(cell) = &issuer.clients[0].authentication else { panic!("a secret") };
    let hash = format!("sha256:{}", "0".repeat(64));
    let of =
        |kind: &str, used: &str, data: &Value| secret("shop/batch", kind, &json!({"bearward.dev/use": used}), data);
    let kind = "bearward.dev/client-secret";
    for (name, object, code) in [
        ("none", None, Some("SecretNotFound")),
        ("a good one", Some(of(kind, "credentials", &json!({"hash": hash}))), None),
        ("of another type", Some(of("Opaque", "credentials", &json!({"hash": hash}))), Some("InvalidSecret")),
        ("for another use", Some(of(kind, "api-key", &json!({"hash": hash}))), Some("SecretNotFound")),
        ("without a hash", Some(of(kind, "credentials", &json!({}))), Some("InvalidSecret")),
        ("a member more", Some(of(kind, "credentials", &json!({"hash": hash, "a": "b"}))), Some("InvalidSecret")),
    ] {
        stage.take(Kind::Secret, "shop/batch");
        stage.put_all(object);
        let compiled = stage.compile();
        assert_eq!((compiled.work.chains, compiled.work.policies), (0, 0), "{name}");
        let known = match &**cell.load() {
            ClientSecrets::Known(known) => format!("{} known", known.len()),
            ClientSecrets::Unavailable(code) => code.to_string(),
        };
        assert_eq!(known, code.unwrap_or("1 known"), "{name}");
        let expected: Vec<String> = code.iter().map(|code| format!("{code} {at}")).collect();
        assert_eq!(findings(&stage), expected, "{name}");
        assert_eq!(stage.outcome("GET a.example.com/"), "shop/orders/r serves", "{name}");
        assert_eq!(stage.difference(), [""; 0], "{name}");
    }
}

#[test]
fn the_ring_says_what_signs_and_what_is_published() {
    let mut keys = Keys::new(URL);
    let mut stage = Stage::of([issuing("shop/shop", &json!({"jwksMaxAge": "10m"})), guarded()]);
    let entry = own(&mut stage);
    assert_eq!((verifies(&entry), signs(&entry)), ("KeysPending".to_owned(), "KeysPending".to_owned()));
    assert_eq!(findings(&stage), [format!("KeysPending? {AT}.keysSecretRef")]);

    stage.put(keys.secret("shop/ring"));
    let compiled = stage.compile();
    assert_eq!((compiled.work.chains, compiled.work.policies), (0, 0));
    let (first, next) = (keys.active(), keys.pending());
    let mut both = vec![first.clone(), next.clone()];
    both.sort_unstable();
    assert_eq!((verifies(&entry), signs(&entry)), ("2 keys Always".to_owned(), first.clone()));
    assert_eq!(kids(&entry), both);
    assert_eq!(findings(&stage), [""; 0]);
    let cell = entry.issued.as_ref().unwrap();
    let before = Arc::clone(&cell.load());
    // The ring allows less than the policy.
    assert_eq!(before.max_age, Duration::from_mins(5));
    assert_eq!(before.signer.as_ref().unwrap().longest, Duration::from_mins(10));
    let jwks: Value = serde_json::from_slice(&before.jwks).unwrap();
    let published = jwks["keys"].as_array().unwrap();
    let listed: Vec<&str> = published.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(listed, both);
    assert!(published.iter().all(|key| key["use"] == "sig" && key["alg"] == "ES256" && key.get("d").is_none()));
    let openers: Vec<&str> = before.openers.iter().map(|(kid, _)| &**kid).collect();
    assert_eq!(openers, both);

    // The next one signs: what is published is the same, to the byte.
    keys.activate(86_400);
    stage.put(keys.secret("shop/ring"));
    stage.compile();
    assert_eq!(signs(&entry), next);
    assert_eq!((&cell.load().etag, &cell.load().jwks), (&before.etag, &before.jwks));

    // The first is compromised: it is published no more, and refused by name.
    keys.apply(&Action::Compromise(first.as_str().into()), 90_000);
    stage.put(keys.secret("shop/ring"));
    stage.compile();
    assert_eq!((kids(&entry), verifies(&entry)), (vec![next.clone()], "1 keys Always".to_owned()));
    assert_ne!(cell.load().etag, before.etag);
    let AcceptedKeys::Known { set, .. } = &**entry.keys.load() else { panic!("keys") };
    assert_ne!(set.content_hash(), crate::jose::KeySet::parse(&cell.load().jwks).unwrap().0.content_hash());

    // The other one too: nothing signs, and that is said.
    keys.apply(&Action::Compromise(next.as_str().into()), 90_000);
    stage.put(keys.secret("shop/ring"));
    stage.compile();
    assert_eq!((signs(&entry), kids(&entry).len()), ("KeysPending".to_owned(), 0));
    assert_eq!(stage.difference(), [""; 0]);
}

#[test]
fn a_secret_that_is_broken_stops_what_signs_and_not_what_verifies() {
    let keys = Keys::new(URL);
    let good = || keys.data();
    let kind = "bearward.dev/signing-keys";
    let with = |edit: &dyn Fn(&mut BTreeMap<String, String>)| {
        let mut data = good();
        edit(&mut data);
        signing_secret("shop/ring", kind, &json!(data))
    };
    let (active, base64) = (keys.active(), |text: &str| BASE64_STANDARD.encode(text));
    let other = SigningKey::generate(Algorithm::ES256).unwrap().to_pkcs8().unwrap();
    let withheld = {
        let mut object = keys.secret("shop/ring");
        object.body = Body::Withheld(Code::SecretFileReadable, "others can read its file".to_owned());
        object
    };
    let offered = |used: &str| {
        let mut object = keys.secret("shop/ring");
        object.meta.labels.insert("bearward.dev/use".into(), used.into());
        object
    };
    let rows = [
        ("another type", signing_secret("shop/ring", "Opaque", &json!(good())), "InvalidSecret"),
        ("no ring", with(&|data| drop(data.remove("ring.json"))), "InvalidSecret"),
        ("a ring that is none", with(&|data| drop(data.insert("ring.json".into(), base64("{}")))), "InvalidSecret"),
        ("another issuer's", Keys::new("https://gw.example.com/bank").secret("shop/ring"), "InvalidSecret"),
        ("no private half", with(&|data| drop(data.remove(&format!("{active}.key")))), "SigningKeyUnusable"),
        (
            "a private half that is none",
            with(&|data| drop(data.insert(format!("{active}.key"), base64("x")))),
            "SigningKeyUnusable",
        ),
        (
            "another's private half",
            with(&|data| drop(data.insert(format!("{active}.key"), BASE64_STANDARD.encode(other.expose())))),
            "SigningKeyUnusable",
        ),
        ("in a file that others can read", withheld, "SecretFileReadable"),
        ("offered for credentials", offered("credentials"), "SecretNotFound"),
    ];
    for (name, broken, code) in rows {
        let mut stage = Stage::of([issuing("shop/shop", &json!({})), guarded(), keys.secret("shop/ring")]);
        let entry = own(&mut stage);
        let published = entry.issued.as_ref().unwrap().load().jwks.clone();
        assert_eq!(signs(&entry), active, "{name}");
        stage.put(broken);
        stage.compile();
        assert_eq!(signs(&entry), code, "{name}");
        assert_eq!(verifies(&entry), "2 keys Always", "{name}");
        assert_eq!(entry.issued.as_ref().unwrap().load().jwks, published, "{name}");
        assert_eq!(findings(&stage), [format!("{code} {AT}.keysSecretRef")], "{name}");
        assert_eq!(stage.outcome("GET a.example.com/"), "shop/orders/r serves", "{name}");
        assert_eq!(stage.difference(), [""; 0], "{name}");
        stage.put(keys.secret("shop/ring"));
        stage.compile();
        assert_eq!((signs(&entry), findings(&stage)), (active.clone(), vec![]), "{name}");
    }
    // A seal that is missing costs the opaque tokens of its key, and the signer only where it is the signer's.
    for (kid, code) in [(keys.pending(), None), (active.clone(), Some("SigningKeyUnusable"))] {
        let mut stage = Stage::of([
            issuing("shop/shop", &json!({})),
            guarded(),
            with(&|data| drop(data.remove(&format!("{kid}.seal")))),
        ]);
        assert_eq!(signs(&own(&mut stage)), code.map_or(active.clone(), str::to_owned));
        assert!(findings(&stage).contains(&format!("InvalidSecret {AT}.keysSecretRef")));
    }
}

#[test]
fn keys_that_are_gone_or_closed_stay_published_where_they_were_known() {
    let keys = Keys::new(URL);
    let scope = || secrets_of("shop");
    let list = |objects| Update::Replace { scope: scope(), objects, findings: vec![], version: Version(1) };
    for (name, update, code, mark) in [
        ("deleted", list(vec![]), "KeysPending", "?"),
        ("closed", Update::Forbid { scope: scope() }, "SecretsNotGranted", ""),
    ] {
        let mut stage = Stage::of([issuing("shop/shop", &json!({})), guarded()]);
        stage.compiler.apply(list(vec![keys.secret("shop/ring")]));
        let entry = own(&mut stage);
        assert_eq!(signs(&entry), keys.active(), "{name}");
        stage.compiler.apply(update);
        stage.compile();
        assert_eq!((signs(&entry), verifies(&entry)), (code.to_owned(), "2 keys Always".to_owned()), "{name}");
        assert_eq!(findings(&stage), [format!("{code}{mark} {AT}.keysSecretRef")], "{name}");
        // Nobody who starts now knows them.
        assert_eq!(stage.difference(), [""; 0], "{name}");
    }
}

#[test]
fn keys_of_a_user_sign_in_their_order() {
    let pem = |key: &SigningKey| {
        let der = BASE64_STANDARD.encode(key.to_pkcs8().unwrap().expose());
        format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n")
    };
    let made = |algorithm| SigningKey::generate(algorithm).unwrap();
    let (one, two, other) = (made(Algorithm::ES256), made(Algorithm::ES256), made(Algorithm::EdDSA));
    let kid = |key: &SigningKey| key.thumbprint().to_string();
    let own_keys = |refs: &Value| issuing("shop/shop", &json!({"keysSecretRef": null, "ownKeys": refs}));
    let refs = json!([{"name": "mine", "key": "new"}, {"name": "mine", "key": "old"}]);
    let mine = |new: Vec<u8>, old: Vec<u8>| {
        let data = json!({"new": BASE64_STANDARD.encode(new), "old": BASE64_STANDARD.encode(old)});
        signing_secret("shop/mine", "Opaque", &data)
    };
    let der = |key: &SigningKey| key.to_pkcs8().unwrap().expose().to_vec();
    let at = format!("{AT}.ownKeys");
    let mut stage = Stage::of([own_keys(&refs), guarded()]);
    let entry = own(&mut stage);
    assert_eq!(findings(&stage), [format!("SecretNotFound {at}")]);
    assert_eq!(verifies(&entry), "SecretNotFound");
    for (name, secret, signer, published) in [
        ("PEM and DER", mine(pem(&one).into_bytes(), der(&two)), Ok(&one), 2),
        ("the other way round", mine(der(&two), pem(&one).into_bytes()), Ok(&two), 2),
        ("one that verifies what it has signed before", mine(der(&one), pem(&other).into_bytes()), Ok(&one), 2),
        ("one of another algorithm that should sign", mine(der(&other), der(&one)), Err(()), 2),
        ("the same twice", mine(der(&one), pem(&one).into_bytes()), Err(()), 2),
        ("no key", mine(der(&one), b"no key".to_vec()), Err(()), 2),
        (
            "a public key",
            mine(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n".to_vec(), der(&one)),
            Err(()),
            2,
        ),
        (
            "a JWK without its private half",
            mine(serde_json::to_vec(one.public_jwk().unwrap()).unwrap(), der(&one)),
            Err(()),
            2,
        ),
    ] {
        stage.put(secret);
        stage.compile();
        let expected = signer.map_or("SigningKeyUnusable".to_owned(), kid);
        assert_eq!(signs(&entry), expected, "{name}");
        assert_eq!(kids(&entry).len(), published, "{name}");
        let found: Vec<String> = signer.err().map(|()| format!("SigningKeyUnusable {at}")).into_iter().collect();
        assert_eq!(findings(&stage), found, "{name}");
        assert_eq!(stage.difference(), [""; 0], "{name}");
    }
    // They are their owner's: nobody rotates them.
    assert!(stage.compile().plans.is_empty());
    // What seals is the same wherever the key is.
    let seal = |key: &SigningKey| crate::jose::SealKey::of(key).unwrap();
    let token = seal(&one).seal("token").unwrap();
    let again = SigningKey::from_pkcs8(&Secret::new(der(&one)), Algorithm::ES256).unwrap();
    assert_eq!(seal(&again).open(&token).unwrap().as_str(), "token");
    assert!(seal(&two).open(&token).is_none());
}

#[test]
fn the_oldest_policy_of_a_namespace_is_the_issuer_and_the_next_follows_when_it_goes() {
    let twin = |name: &str, more: &Value, age: i64| issuing(name, more).created(age);
    for (name, more, field, says) in [
        ("the same issuer", json!({"keysSecretRef": {"name": "other"}}), "issuer", "has the same issuer"),
        (
            "another port",
            json!({"issuer": "https://gw.example.com:8443/shop", "keysSecretRef": {"name": "other"}}),
            "issuer",
            "by scheme or port",
        ),
        ("the same Secret", json!({"issuer": "https://gw.example.com/b"}), "keysSecretRef", "in the same Secret"),
    ] {
        let ring = Keys::new(URL).secret("shop/ring");
        let mut stage = Stage::of([twin("shop/old", &json!({}), 1), twin("shop/shop", &more, 2), guarded(), ring]);
        assert_eq!(findings(&stage), [format!("DuplicateIssuer {AT}.{field}")], "{name}");
        let cause = &stage.verdict(Kind::TokenPolicy, "shop/shop").findings[0].cause;
        assert!(cause.starts_with("the TokenPolicy old, which is older, ") && cause.contains(says), "{cause}");
        let entry = own(&mut stage);
        assert_eq!((signs(&entry), verifies(&entry)), ("DuplicateIssuer".to_owned(), "DuplicateIssuer".to_owned()));
        assert_eq!(stage.findings(Kind::TokenPolicy, "shop/old"), [""; 0], "{name}");
        assert_eq!(&*issuer_at(&mut stage, "/shop/token").unwrap().0.name, "shop/old", "{name}");
        assert_eq!(stage.compile().plans.len(), 1, "{name}");
        assert_eq!(stage.difference(), [""; 0], "{name}");
        // Broken elsewhere, the older one keeps its claim.
        let mut broken = twin("shop/old", &json!({}), 1);
        let Body::Ours(document) = &mut broken.body else { unreachable!() };
        document["spec"]["accept"] = json!([]);
        stage.put(broken);
        stage.compile();
        assert_eq!(findings(&stage), [format!("DuplicateIssuer {AT}.{field}")], "{name}");
        stage.take(Kind::TokenPolicy, "shop/old");
        stage.compile();
        assert!(!findings(&stage).contains(&format!("DuplicateIssuer {AT}.{field}")), "{name}");
        assert_eq!(stage.compile().plans.len(), 1, "{name}");
        assert_eq!(stage.difference(), [""; 0], "{name}");
    }
    // Neither of these is in another's way.
    for more in [
        json!({"issuer": "https://gw.example.com", "keysSecretRef": {"name": "other"}}),
        json!({"issuer": "https://gw.example.com/shop/a", "keysSecretRef": {"name": "other"}}),
    ] {
        let stage = Stage::of([twin("shop/old", &json!({}), 1), twin("shop/shop", &more, 2), guarded()]);
        assert_eq!(findings(&stage), [format!("KeysPending? {AT}.keysSecretRef")], "{more}");
    }
}

#[test]
fn an_issuer_is_only_where_its_namespace_has_the_host() {
    let ring = || Keys::new(URL).secret("shop/ring");
    let elsewhere = |host: &str| open_route("bank/a", host, "/");
    let mut stage = Stage::of([issuing("shop/shop", &json!({})).created(1), guarded().created(2), ring()]);
    assert_eq!(findings(&stage), [""; 0]);
    // A younger route of another namespace has lost the host to the issuer.
    stage.put(elsewhere("gw.example.com").created(5));
    stage.compile();
    assert_eq!(findings(&stage), [""; 0]);
    assert!(stage.findings(Kind::ApiRoute, "bank/a").contains(&"HostNotOwned spec.hosts[0]".to_owned()));
    let entry = own(&mut stage);
    for host in ["gw.example.com", "*.example.com"] {
        // An older one takes it, with all that follows.
        stage.put(elsewhere(host).created(0));
        stage.compile();
        assert_eq!(findings(&stage), [format!("HostNotOwned {AT}.issuer")], "{host}");
        assert_eq!((signs(&entry), verifies(&entry)), ("HostNotOwned".to_owned(), "HostNotOwned".to_owned()), "{host}");
        assert_eq!(kids(&entry), [""; 0], "{host}");
        assert!(issuer_at(&mut stage, "/shop/token").is_none() && stage.compile().plans.is_empty(), "{host}");
        assert_eq!(stage.difference(), [""; 0], "{host}");
        stage.take(Kind::ApiRoute, "bank/a");
        stage.compile();
        assert_eq!(findings(&stage), [""; 0], "{host}");
        assert_eq!(stage.compile().plans.len(), 1, "{host}");
        assert_eq!(stage.difference(), [""; 0], "{host}");
    }
    // A route and a policy of one name and age claim together, and each withdraws alone.
    let mut stage = Stage::of([issuing("shop/orders", &json!({})), open_route("shop/orders", "gw.example.com", "/")]);
    stage.put(elsewhere("gw.example.com").created(1));
    stage.compile();
    stage.take(Kind::ApiRoute, "shop/orders");
    stage.compile();
    assert!(stage.findings(Kind::ApiRoute, "bank/a").contains(&"HostNotOwned spec.hosts[0]".to_owned()));
    stage.take(Kind::TokenPolicy, "shop/orders");
    stage.compile();
    assert!(!stage.findings(Kind::ApiRoute, "bank/a").contains(&"HostNotOwned spec.hosts[0]".to_owned()));
}

#[test]
fn the_table_of_issuers_is_the_same_until_an_issuer_changes() {
    let mut stage = Stage::of([issuing("shop/shop", &json!({})), guarded()]);
    let (issuers, plans) = (stage.compile().snapshot.issuers.clone(), stage.compile().plans);
    let mut keys = Keys::new(URL);
    stage.put(open_route("shop/b", "b.example.com", "/"));
    stage.put(policy("shop/other", &json!({"accept": []})));
    let compiled = stage.compile();
    assert!(Arc::ptr_eq(&compiled.snapshot.issuers, &issuers) && Arc::ptr_eq(&compiled.plans, &plans));
    // New keys change cells, and the plan by what is seen of the Secret.
    stage.put(keys.secret("shop/ring").version(7));
    let compiled = stage.compile();
    assert!(Arc::ptr_eq(&compiled.snapshot.issuers, &issuers));
    assert_eq!(compiled.plans.values().next().unwrap().seen, Some(7));
    keys.activate(86_400);
    stage.put(keys.secret("shop/ring").version(8));
    let plans = stage.compile().plans;
    assert_eq!(plans.values().next().unwrap().seen, Some(8));
    stage.put(issuing("shop/shop", &json!({"lifetime": "5m"})));
    let compiled = stage.compile();
    assert!(!Arc::ptr_eq(&compiled.snapshot.issuers, &issuers) && !Arc::ptr_eq(&compiled.plans, &plans));
    stage.take(Kind::TokenPolicy, "shop/shop");
    let compiled = stage.compile();
    assert!(compiled.plans.is_empty() && compiled.snapshot.issuers.iter().next().is_none());
}

#[test]
fn what_annotations_ask_for_arrives_without_a_new_generation_and_rereads_nothing() {
    let asks = |pairs: &[(&str, &str)]| {
        let mut object = issuing("shop/shop", &json!({}));
        object.meta.annotations =
            pairs.iter().map(|(name, value)| (format!("bearward.dev/{name}").into(), (*value).into())).collect();
        object
    };
    let mut stage = Stage::of([asks(&[]), guarded()]);
    let version = stage.verdict(Kind::TokenPolicy, "shop/shop").reads[0].version;
    for (pairs, expected) in [
        (&[("rotate-keys", "now")][..], r#"Wishes { rotate: Some("now"), despite: {}, compromised: {} }"#),
        (&[("rotate-keys", " ")], "Wishes { rotate: None, despite: {}, compromised: {} }"),
        (
            &[("despite", "a, b,,"), ("compromised-keys", "k1")],
            r#"Wishes { rotate: None, despite: {"a", "b"}, compromised: {"k1"} }"#,
        ),
        (&[("other", "x")], "Wishes { rotate: None, despite: {}, compromised: {} }"),
    ] {
        stage.put(asks(pairs).version(9));
        let compiled = stage.compile();
        assert_eq!(format!("{:?}", compiled.plans.values().next().unwrap().wishes), expected);
        assert_eq!((compiled.work, compiled.verdicts), (crate::compile::Work::default(), vec![]));
    }
    assert_eq!(stage.verdict(Kind::TokenPolicy, "shop/shop").reads[0].version, version);
    assert_eq!(stage.difference(), [""; 0]);
}

#[test]
fn whoever_rotates_the_keys_reports_to_the_policy() {
    let mut stage = Stage::of([issuing("shop/shop", &json!({})), guarded(), Keys::new(URL).secret("shop/ring")]);
    let report = |code, severity| {
        let finding = ReportFinding { code, severity, cause: "why".to_owned(), cure: "what".to_owned() };
        Update::Report {
            key: ReportKey::Signing(key(Kind::TokenPolicy, "shop/shop")),
            report: Report { findings: vec![finding] },
        }
    };
    for code in [Code::RotationHeld, Code::KeysNotWritable, Code::KeysLost, Code::KeysRestored] {
        stage.compiler.apply(report(code, Severity::Warning));
        stage.compile();
        assert_eq!(findings(&stage), [format!("{code}? {AT}.rotation")]);
        assert_eq!(stage.difference(), [""; 0]);
    }
    // It is forgotten with the plan that it was about.
    stage.put(issuing("shop/shop", &json!({"lifetime": "0s"})));
    stage.compile();
    stage.put(issuing("shop/shop", &json!({})));
    stage.compile();
    assert_eq!(findings(&stage), [""; 0]);
    assert_eq!(stage.difference(), [""; 0]);
}

#[test]
fn status_shows_each_key_and_its_next_step() {
    let mut keys = Keys::new(URL);
    let mut stage = Stage::of([issuing("shop/shop", &json!({})), keys.secret("shop/ring")]);
    let shown = |stage: &mut Stage| -> Vec<String> {
        stage.compile();
        let keys = &stage.verdict(Kind::TokenPolicy, "shop/shop").keys;
        keys.iter().map(|key| format!("{} {} {} {}", key.algorithm, key.state, key.signs, key.next)).collect()
    };
    let active = "ES256 Active true signs until 2027-02-14T08:00:00Z";
    assert_eq!(shown(&mut stage), [active, "ES256 Pending false signs at 2027-02-14T08:00:00Z"]);
    let first = keys.active();
    keys.activate(2_592_000);
    keys.create(Role::Next);
    stage.put(keys.secret("shop/ring"));
    assert_eq!(
        shown(&mut stage),
        [
            "ES256 Active true signs until 2027-03-16T08:00:00Z at least",
            "ES256 Pending false signs 24h after every ready replica publishes it, at the earliest",
            "ES256 Retiring false is removed 15m30s after every ready replica signs with a later key",
        ]
    );
    keys.apply(&Action::Settle(first.as_str().into()), 2_592_010);
    stage.put(keys.secret("shop/ring"));
    assert_eq!(shown(&mut stage)[2], "ES256 Retiring false is removed at 2027-02-14T08:15:40Z");
    keys.apply(&Action::Compromise(first.as_str().into()), 2_592_020);
    stage.put(keys.secret("shop/ring"));
    assert_eq!(shown(&mut stage)[2], "ES256 Compromised false is refused, and forgotten at 2027-02-14T08:15:50Z");
    // A broken Secret says nothing of keys.
    stage.put(credential("shop/ring", &json!({})));
    assert_eq!(shown(&mut stage), [""; 0]);
}

#[test]
fn a_route_is_not_judged_again_when_keys_rotate() {
    let mut keys = Keys::new(URL);
    let mut stage = Stage::of([issuing("shop/shop", &json!({})), guarded(), keys.secret("shop/ring").version(3)]);
    keys.activate(86_400);
    stage.put(keys.secret("shop/ring").version(4));
    let judged: Vec<String> = stage.compile().verdicts.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(judged, ["TokenPolicy shop/shop"]);
}
