//! Policies that issue tokens: what they sign with, what they publish, and who is which issuer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::stage::{Stage, key, policy, route, secret};
use crate::clock::UnixTime;
use crate::finding::{Code, Severity};
use crate::jose::{Algorithm, SigningKey};
use crate::name::Kind;
use crate::resources::{Body, Object, Report, ReportFinding, ReportKey, Update};
use crate::rotation::{Action, Cause, PublicHalf, Ring, Role};
use crate::snapshot::{
    AcceptedKeys, Access, Authentication, Chain, ClientSecrets, Credential, Dpop, Endpoint, Format, Issuer, JwtEntry,
    Policy, Served, Takes,
};

pub(super) const URL: &str = "https://gw.example.com/shop";
pub(super) const AT: &str = "spec.issue";
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

    pub(super) fn create(&mut self, role: Role) {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let action = Action::Create { role, algorithm: Algorithm::ES256, longest: Duration::from_mins(10) };
        self.ring = self.ring.apply(&action, START, PublicHalf::of(&key)).unwrap();
        self.halves.insert(key.thumbprint().to_string(), key);
    }

    pub(super) fn apply(&mut self, action: &Action, seconds: u64) {
        self.ring = self.ring.apply(action, START.plus(Duration::from_secs(seconds)), None).unwrap();
    }

    pub(super) fn active(&self) -> String {
        self.ring.active().unwrap().kid.to_string()
    }

    pub(super) fn pending(&self) -> String {
        self.ring.pending().unwrap().kid.to_string()
    }

    /// The pending key takes over.
    pub(super) fn activate(&mut self, seconds: u64) {
        let kid = self.ring.pending().unwrap().kid.clone();
        self.apply(&Action::Activate { kid, cause: Cause::Schedule }, seconds);
    }

    /// The members of the Secret, as base64.
    pub(super) fn data(&self) -> BTreeMap<String, String> {
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
pub(super) struct Own(Arc<Policy>);

impl std::ops::Deref for Own {
    type Target = JwtEntry;

    fn deref(&self) -> &JwtEntry {
        let Takes::Jwt(jwt) = &self.0.entries[0].takes else { panic!("{:?}", self.0) };
        jwt
    }
}

pub(super) fn own(stage: &mut Stage) -> Own {
    let found = stage.find("GET a.example.com/").expect("a route");
    let Chain::Serve(stages) = &*found.chain else { panic!("{:?}", found.chain) };
    let Access::Tokens(rules) = &stages.access else { panic!("{:?}", stages.access) };
    Own(Arc::clone(&rules[0].policy))
}

/// How many keys verify, or why none does.
pub(super) fn verifies(entry: &JwtEntry) -> String {
    match &**entry.keys.load() {
        AcceptedKeys::Known { set, as_of } => format!("{} keys {as_of:?}", set.len()),
        AcceptedKeys::Unavailable { code, .. } => code.to_string(),
    }
}

/// What signs, or why nothing does.
pub(super) fn signs(entry: &JwtEntry) -> String {
    let keys = entry.issued.as_ref().unwrap().load();
    match &keys.signer {
        Ok(signer) => signer.key.thumbprint().to_string(),
        Err(code) => code.to_string(),
    }
}

pub(super) fn kids(entry: &JwtEntry) -> Vec<String> {
    entry.issued.as_ref().unwrap().load().kids.iter().map(ToString::to_string).collect()
}

pub(super) fn findings(stage: &Stage) -> Vec<String> {
    stage.findings(Kind::TokenPolicy, "shop/shop")
}

pub(super) fn issuer_at(stage: &mut Stage, path: &str) -> Option<(Arc<Issuer>, Endpoint)> {
    let snapshot = stage.compile().snapshot;
    match snapshot.issuers.find("gw.example.com", path)? {
        Served::By(issuer, endpoint) => Some((Arc::clone(issuer), endpoint)),
        Served::Refused(_) => None,
    }
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
        (
            json!({"subjects": [{"name": "a", "issued": {}, "claims": ["team", "nonce"]}]}),
            format!("InvalidValue {AT}.subjects[0].claims"),
        ),
        (
            json!({"subjects": [{"name": "a", "issued": {}, "claims": ["typ"]}]}),
            format!("InvalidValue {AT}.subjects[0].claims"),
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
        "refresh": {"lifetime": "1h", "grace": "5s"}, "algorithm": "EdDSA",
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
    assert_eq!((issuer.refresh.lifetime, issuer.refresh.grace), (Duration::from_hours(1), Duration::from_secs(5)));
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
fn what_was_signed_goes_on_only_where_nothing_else_is_taken() {
    let forwarding = |more: &Value, accept: &[Value]| {
        let mut object = issuing("shop/shop", more);
        let Body::Ours(document) = &mut object.body else { unreachable!() };
        document["spec"]["accept"].as_array_mut().unwrap().extend(accept.iter().cloned());
        document["spec"]["forward"] = json!({"credential": "Sign"});
        Stage::of([object, guarded()])
    };
    for (more, format) in [(json!({}), Format::Jwt), (json!({"format": "Opaque"}), Format::Opaque)] {
        let mut stage = forwarding(&more, &[]);
        let entry = own(&mut stage);
        assert_eq!((entry.0.forwarding.credential, entry.format), (Credential::Sign, format), "{more}");
    }
    let keys = json!({"name": "keys", "apiKeys": {"selector": {"matchLabels": {"team": "red"}}}});
    let mut stage = forwarding(&json!({}), &[keys]);
    assert_eq!(findings(&stage), ["InvalidValue spec"]);
    assert_eq!(stage.outcome("GET a.example.com/"), "shop/orders/r InvalidValue");
}
