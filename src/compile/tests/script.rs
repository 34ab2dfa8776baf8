//! Edits drawn at random from a small world, in which everything that can go wrong goes wrong often.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::issuing::{Keys, signing_secret};
use super::stage::{
    KEY_SET, Stage, api_key, credential, key, model, plain_slice, policy, route, secret, secrets_of, service, watch,
};
use crate::compile::admission;
use crate::finding::{Code, Severity};
use crate::jose::{Algorithm, SigningKey};
use crate::name::Kind;
use crate::resources::{Body, DnsName, KeyPlace, KeySource, Object, Report, ReportFinding, ReportKey, Update, Version};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    /// Draws an object and puts it on.
    Put(Drawn),
    /// Takes one of those objects off.
    Take(Drawn),
    /// A watch lists again: only these are there.
    List(Kind, Vec<Drawn>),
    /// Secrets of a namespace are closed.
    Forbid(usize),
    /// And open again.
    Permit(usize),
    /// A source says something, or that all is well.
    Report(usize, bool),
    /// What came in is compiled.
    Compile,
}

/// An object by its kind, its name and a number that picks its content.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    pub(super) kind: Kind,
    pub(super) name: usize,
    pub(super) seed: u64,
}

const NAMESPACES: [&str; 2] = ["shop", "bank"];

/// Edits of which each kind comes often enough.
pub(super) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let kind = || prop::sample::select(Kind::ALL.to_vec());
    let drawn = move || (kind(), 0..6_usize, any::<u64>()).prop_map(|(kind, name, seed)| Drawn { kind, name, seed });
    let edit = prop_oneof![
        10 => drawn().prop_map(Edit::Put),
        4 => drawn().prop_map(Edit::Take),
        1 => (kind(), prop::collection::vec(drawn(), 0..4)).prop_map(|(kind, drawn)| Edit::List(kind, drawn)),
        1 => (0..2_usize).prop_map(Edit::Forbid),
        1 => (0..2_usize).prop_map(Edit::Permit),
        2 => (0..6_usize, any::<bool>()).prop_map(|(source, is_well)| Edit::Report(source, is_well)),
        4 => Just(Edit::Compile),
    ];
    prop::collection::vec(edit, 1..40)
}

/// Does it.
pub(super) fn play(stage: &mut Stage, edit: &Edit) {
    if let Some(update) = update(edit) {
        stage.compiler.apply(update);
    } else {
        stage.compile();
    }
}

/// The update that an edit is; `None` for a compile.
pub(super) fn update(edit: &Edit) -> Option<Update> {
    Some(match edit {
        Edit::Put(drawn) => {
            let object = draw(drawn);
            Update::Apply { scope: watch(drawn.kind), object }
        }
        Edit::Take(drawn) => {
            let key = draw(drawn).key().clone();
            Update::Remove { scope: watch(drawn.kind), key, version: Version(9) }
        }
        Edit::List(kind, drawn) => {
            let objects = drawn.iter().map(|drawn| draw(&Drawn { kind: *kind, ..drawn.clone() })).collect();
            Update::Replace { scope: watch(*kind), objects, findings: Vec::new(), version: Version(9) }
        }
        Edit::Forbid(namespace) => Update::Forbid { scope: secrets_of(NAMESPACES[*namespace]) },
        Edit::Permit(namespace) => {
            let scope = secrets_of(NAMESPACES[*namespace]);
            Update::Replace { scope, objects: Vec::new(), findings: Vec::new(), version: Version(1) }
        }
        Edit::Report(source, is_well) => {
            let finding = ReportFinding {
                code: Code::KeysUnavailable,
                severity: Severity::Error,
                cause: "it does not answer".to_owned(),
                cure: "mend it".to_owned(),
            };
            let findings = if *is_well { Vec::new() } else { vec![finding] };
            Update::Report { key: source_of(*source), report: Report { findings } }
        }
        Edit::Compile => return None,
    })
}

fn source_of(source: usize) -> ReportKey {
    let keys = |place| ReportKey::Keys(KeySource { place, insecure_http: false });
    let name = |host: &str, port| ReportKey::Name(DnsName { host: host.into(), port });
    match source {
        0 => keys(KeyPlace::Discovery("https://login.example.com".into())),
        1 => keys(KeyPlace::Url("https://login.example.com/keys".into())),
        2 => name("api.example.org", 443),
        3 => name("models.example.org", 443),
        4 => ReportKey::Signing(key(Kind::TokenPolicy, "shop/policy-0")),
        _ => ReportKey::Signing(key(Kind::TokenPolicy, "bank/policy-1")),
    }
}

/// Draws choices one by one from a seed.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64's mixing, so that neighbouring seeds differ everywhere.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        let place = self.below(u64::try_from(of.len()).unwrap());
        of[usize::try_from(place).unwrap()].clone()
    }

    fn flip(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

/// The object that a draw stands for. What is missing, misspelt or forbidden comes as often as what is good.
pub(super) fn draw(drawn: &Drawn) -> Object {
    let mut choices = Choices(drawn.seed);
    let namespace = NAMESPACES[drawn.name % 2];
    let number = drawn.name / 2;
    let choices = &mut choices;
    let object = match drawn.kind {
        Kind::ApiRoute => draw_route(&format!("{namespace}/route-{number}"), choices),
        Kind::TokenPolicy => draw_policy(&format!("{namespace}/policy-{number}"), choices),
        Kind::ModelBackend => draw_model(&format!("{namespace}/model-{number}"), choices),
        Kind::Service => draw_service(&format!("{namespace}/service-{number}"), choices),
        Kind::EndpointSlice => {
            let of = choices.one(&["service-0", "service-1"]);
            let addresses = choices.one(&[&["10.0.0.1"][..], &["10.0.0.1", "10.0.0.2"], &[]]);
            plain_slice(&format!("{namespace}/slice-{number}"), of, addresses, 8080)
        }
        Kind::Secret => draw_secret(&format!("{namespace}/secret-{number}"), choices),
        Kind::File => unreachable!("no object is a file"),
    };
    let age = i64::try_from(choices.below(3)).unwrap();
    object.created(age).version(1 + choices.below(5))
}

fn draw_route(name: &str, choices: &mut Choices) -> Object {
    const HOSTS: [&str; 5] = ["a.example.com", "b.example.com", "*.example.com", "a.b.example.com", "*.b.example.com"];
    let hosts: Vec<&str> = (0..=choices.below(2)).map(|_| choices.one(&HOSTS)).collect();
    let rules: Vec<Value> = (0..=choices.below(2)).map(|index| draw_rule(index, choices)).collect();
    let mut spec = json!({"hosts": hosts, "rules": rules});
    if choices.flip(3) {
        spec["auth"] = draw_auth(choices);
    }
    if choices.flip(2) {
        spec["upstreams"] = json!([{"name": "up", "service": {"name": "service-0", "port": 80}, "protocol": "H2C"}]);
    }
    if choices.flip(10) {
        spec["class"] = json!("other");
    }
    if choices.flip(10) {
        spec["hosts"] = json!([]);
    }
    if choices.flip(16) {
        spec["unknown"] = json!(1);
    }
    route(name, &spec)
}

fn draw_rule(index: u64, choices: &mut Choices) -> Value {
    let mut rule = json!({"name": format!("rule-{index}")});
    if choices.flip(4) {
        rule["redirect"] = json!({"path": {"replacePrefix": "/new"}});
    } else {
        let backends: Vec<Value> = (0..=choices.below(2)).map(|_| draw_backend(choices)).collect();
        rule["backends"] = json!(backends);
    }
    if !choices.flip(6) {
        let matches: Vec<Value> = (0..=choices.below(1)).map(|_| draw_match(choices)).collect();
        rule["matches"] = json!(matches);
    }
    if !choices.flip(4) {
        rule["auth"] = draw_auth(choices);
    }
    if choices.flip(4) && rule.get("redirect").is_none() {
        rule["request"] = json!({"path": {"replacePrefix": "/v2"}, "setHeaders": {"x-a": "b"}});
    }
    if choices.flip(12) {
        rule["timeouts"] = json!({"request": "0s"});
    }
    rule
}

fn draw_match(choices: &mut Choices) -> Value {
    let path = choices.one(&["/", "/a", "/a/b", "/a%2fb"]);
    let kind = if choices.flip(12) { "Regex" } else { choices.one(&["Prefix", "Exact"]) };
    let mut written = json!({"path": {"type": kind, "value": path}});
    if choices.flip(3) {
        written["methods"] = json!(["GET"]);
    }
    written
}

fn draw_auth(choices: &mut Choices) -> Value {
    match choices.below(12) {
        0..=2 => json!({"anonymous": true}),
        3 => json!({}),
        4..=5 => json!({"tokens": [{"policyRef": {"name": "policy-1"}, "scopes": ["read"]}]}),
        6..=7 => json!({"tokens": [{"policyRef": {"name": "policy-9"}}]}),
        _ => json!({"tokens": [{"policyRef": {"name": "policy-0"}}, {"policyRef": {"name": "policy-1"}}]}),
    }
}

fn draw_backend(choices: &mut Choices) -> Value {
    let mut backend = match choices.below(9) {
        0 => json!({"upstream": "up"}),
        1 => json!({"service": {"name": "service-0", "port": 80}}),
        2 => json!({"service": {"name": "service-1", "port": 81}}),
        3 => json!({"service": {"name": "service-9", "port": 80}}),
        4 => json!({"url": "https://api.example.org/base"}),
        5 => json!({"url": "http://10.9.9.9:8080"}),
        6 => json!({"url": "http://10.9.9.9:666"}),
        7 => json!({"modelRef": {"name": "model-0"}}),
        _ => json!({"modelRef": {"name": "model-1"}}),
    };
    if choices.flip(3) {
        backend["weight"] = json!(0);
    }
    backend
}

fn draw_policy(name: &str, choices: &mut Choices) -> Object {
    let keys = [
        json!({"inline": KEY_SET}),
        json!({"inline": "{}"}),
        json!({"discovery": {}}),
        json!({"url": "https://login.example.com/keys"}),
        json!({"secretRef": {"name": "secret-0", "key": "keys"}}),
        json!({"secretRef": {"name": "secret-1", "key": "keys"}}),
    ];
    let jwt = |choices: &mut Choices| {
        let keys = choices.one(&keys);
        json!({"issuer": "https://login.example.com", "audiences": ["orders"], "keys": keys})
    };
    let mut accept = Vec::new();
    if !choices.flip(4) {
        accept.push(json!({"name": "corp", "jwt": jwt(choices)}));
    }
    if choices.flip(8) {
        accept.push(json!({"name": "same", "jwt": jwt(choices)}));
    }
    if choices.flip(2) {
        let team = choices.one(&["red", "blue"]);
        accept.push(json!({"name": "keys", "apiKeys": {"selector": {"matchLabels": {"team": team}}}}));
    }
    let mut spec = json!({"accept": accept});
    if choices.flip(3) {
        let header = choices.one(&["x-subject", "x-team", "host"]);
        spec["forward"] = json!({"claims": [{"claim": "sub", "header": header}]});
    }
    if choices.flip(2) {
        spec["issue"] = draw_issue(choices);
        let issued = choices.one(&[json!({}), json!({"audiences": ["orders"]})]);
        spec["accept"].as_array_mut().unwrap().push(json!({"name": "own", "issued": issued}));
    }
    if choices.flip(8) {
        spec["class"] = json!("other");
    }
    let mut object = policy(name, &spec);
    if choices.flip(3) {
        let word = choices.one(&["now", "again"]);
        object.meta.annotations.insert("bearward.dev/rotate-keys".into(), word.into());
    }
    object
}

/// The issuer whose keys some Secrets have.
const ISSUER: &str = "https://a.example.com/x";

fn draw_issue(choices: &mut Choices) -> Value {
    const ISSUERS: [&str; 5] =
        [ISSUER, ISSUER, "https://a.example.com:8443/x", "https://a.b.example.com", "http://a.example.com"];
    let mut issue = json!({"issuer": choices.one(&ISSUERS), "audiences": ["orders", "stock"]});
    if choices.flip(4) {
        issue["ownKeys"] = json!([{"name": choices.one(&["secret-0", "secret-1"]), "key": "own"}]);
    } else {
        issue["keysSecretRef"] = json!({"name": choices.one(&["secret-0", "secret-1", "secret-2"])});
    }
    if choices.flip(2) {
        let client = json!({"id": "batch", "secretRef": {"name": "secret-1"}, "grants": ["client_credentials"]});
        issue["clients"] = json!([client]);
    }
    if choices.flip(3) {
        let team = choices.one(&["red", "blue"]);
        let keys = json!({"name": "keys", "apiKeys": {"selector": {"matchLabels": {"team": team}}}});
        let fetched = json!({"issuer": "https://login.example.com", "audiences": ["x"], "keys": {"discovery": {}}});
        issue["subjects"] = json!([keys, {"name": "corp", "jwt": fetched}, {"name": "own", "issued": {}}]);
    }
    if choices.flip(8) {
        issue["rotation"] = json!({"every": "1h"});
    }
    issue
}

/// Two states of the keys of [`ISSUER`]. Made once: what is drawn twice is the same.
static RINGS: LazyLock<[Keys; 2]> = LazyLock::new(|| [Keys::new(ISSUER), Keys::new(ISSUER)]);

static OWN_KEY: LazyLock<String> = LazyLock::new(|| {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    BASE64_STANDARD.encode(key.to_pkcs8().unwrap().expose())
});

fn draw_model(name: &str, choices: &mut Choices) -> Object {
    let mut spec = json!({"provider": "OpenAICompatible", "endpoint": "https://models.example.org/v1"});
    if choices.flip(2) {
        let secret = choices.one(&["secret-0", "secret-1"]);
        spec["credentials"] = json!({"secretRef": {"name": secret, "key": "key"}});
    }
    if choices.flip(2) {
        spec["auth"] = draw_auth(choices);
    }
    if choices.flip(8) {
        spec["endpoint"] = json!("nowhere");
    }
    model(name, &spec)
}

fn draw_service(name: &str, choices: &mut Choices) -> Object {
    let port = choices.one(&[80, 80, 81]);
    let spec = match choices.below(5) {
        0 => json!({"type": "ExternalName"}),
        1 => json!({"ports": [{"port": port}]}),
        _ => json!({"selector": {"app": "a"}, "ports": [{"port": port}]}),
    };
    let labels = if choices.flip(2) { json!({"bearward.dev/endpoints": "true"}) } else { json!({}) };
    service(name, &spec, &labels)
}

fn draw_secret(name: &str, choices: &mut Choices) -> Object {
    let hash = format!("sha256:{}", choices.one(&["0", "1"]).repeat(64));
    match choices.below(10) {
        5 | 6 => RINGS[usize::try_from(choices.below(2)).unwrap()].secret(name),
        7 => signing_secret(name, "Opaque", &json!({"own": *OWN_KEY})),
        8 => {
            let labels = json!({"bearward.dev/use": "credentials"});
            secret(name, "bearward.dev/client-secret", &labels, &json!({"hash": hash}))
        }
        9 => signing_secret(name, "bearward.dev/signing-keys", &json!({})),
        0 => api_key(name, "aaaa", "read", choices.one(&["red", "blue"])),
        1 => api_key(name, "bbbb", choices.one(&["read", "write"]), choices.one(&["red", "blue"])),
        2 => secret(name, "Opaque", &json!({"bearward.dev/use": "api-key", "team": "red"}), &json!({"id": "x"})),
        3 => credential(name, &json!({"keys": KEY_SET, "key": "sk-1\n"})),
        _ => credential(name, &json!({"keys": "nothing", "key": choices.one(&["sk-2", ""])})),
    }
}

#[test]
fn most_of_what_is_drawn_is_well_formed() {
    for kind in Kind::ALL {
        let drawn = (0..400).map(|seed| draw(&Drawn { kind, name: 3, seed }));
        let drawn: Vec<Object> = drawn.collect();
        for object in &drawn {
            assert_eq!(*object.key(), key(kind, &format!("bank/{}", object.key().name)));
        }
        let is_good = |object: &&Object| match &object.body {
            Body::Ours(document) => admission::check(kind, document).is_empty(),
            Body::Service(_) | Body::EndpointSlice(_) | Body::Secret(_) | Body::Undecodable(_) | Body::Withheld(..) => {
                true
            }
        };
        let good = drawn.iter().filter(is_good).count();
        assert!(good >= 220, "{kind}: {good}");
    }
}
