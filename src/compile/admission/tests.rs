//! The parts, and the words. Verdicts are tested by the table in `tests/admission`, which the API server is tested by
//! too.

use crate::api::crd::{CustomResourceDefinition, ValidationRule};
use serde_json::{Map, Value, json};

use super::pattern::Pattern;
use super::rule::Rule;
use super::schema::{Node, SchemaError};
use super::{Code, Schema, as_stored, check, duration};
use crate::api;
use crate::name::Kind;

fn map(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("not an object: {value}") };
    map
}

/// A route with this in place of its one rule's backends.
fn route_with(rule: Value) -> Map<String, Value> {
    let mut whole = map(json!({"name": "a"}));
    whole.extend(map(rule));
    map(json!({"apiVersion": "bearward.dev/v1alpha1", "kind": "ApiRoute", "spec": {"hosts": [], "rules": [whole]}}))
}

/// What is said of a route: field, code, cause and cure of each.
fn said(object: &Map<String, Value>) -> Vec<(String, Code, String, String)> {
    let violations = check(Kind::ApiRoute, object).into_iter();
    violations.map(|found| (found.field.to_string(), found.code, found.cause, found.cure)).collect()
}

#[test]
fn the_schema_of_every_kind_of_ours_is_understood() {
    for kind in [Kind::ApiRoute, Kind::TokenPolicy, Kind::ModelBackend] {
        let schema = Schema::of(kind);
        assert!(schema.is_ok(), "{kind}: {:?}", schema.err());
    }
    for kind in [Kind::Service, Kind::EndpointSlice, Kind::Secret] {
        assert_eq!(Schema::of(kind).err(), Some(SchemaError::Missing), "{kind}");
        assert_eq!(check(kind, &Map::new()), [], "{kind}");
    }
}

#[test]
fn a_whole_object_is_accepted_and_one_without_spec_is_not() {
    let backend = json!({"backends": [{"service": {"name": "a", "port": 80}}]});
    assert_eq!(said(&route_with(backend)), []);
    for object in [map(json!({})), map(json!({"spec": null}))] {
        let said = said(&object);
        assert_eq!(said.len(), 1);
        assert_eq!((said[0].0.as_str(), said[0].1), ("spec", Code::InvalidValue));
    }
}

/// A definition whose spec has one field `a` with this schema.
fn definition(schema: &Value, root: Value) -> CustomResourceDefinition {
    let mut whole = map(json!({
        "type": "object", "required": ["spec"],
        "properties": {"spec": {"type": "object", "properties": {"a": schema}}},
    }));
    whole.extend(map(root));
    let mut definition = api::crd(Kind::ApiRoute).unwrap();
    let version = definition.spec.versions.first_mut().unwrap();
    version.schema.as_mut().unwrap().open_api_v3_schema = Some(serde_json::from_value(Value::Object(whole)).unwrap());
    definition
}

#[test]
fn a_keyword_that_is_not_understood_is_an_error_and_never_ignored() {
    for (schema, keyword) in [
        (json!({}), "type"),
        (json!({"type": "number"}), "type"),
        (json!({"type": "string", "format": "date-time"}), "format"),
        (json!({"type": "string", "nullable": true}), "nullable"),
        (json!({"type": "string", "default": "x"}), "default"),
        (json!({"type": "string", "maximum": 1}), "maximum"),
        (json!({"type": "string", "maxItems": 1}), "maxItems"),
        (json!({"type": "integer", "minimum": 0.5}), "minimum"),
        (json!({"type": "integer", "multipleOf": 2}), "multipleOf"),
        (json!({"type": "integer", "maximum": 2, "exclusiveMaximum": true}), "exclusiveMaximum"),
        (json!({"type": "integer", "pattern": "^a"}), "pattern"),
        (json!({"type": "array"}), "items"),
        (
            json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "map"}),
            "x-kubernetes-list-type",
        ),
        (json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true}), "uniqueItems"),
        (
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
            "x-kubernetes-preserve-unknown-fields",
        ),
        (json!({"type": "object", "additionalProperties": true}), "additionalProperties"),
        (json!({"type": "object", "maxProperties": 1}), "minProperties"),
        (json!({"type": "object", "required": ["b"]}), "required"),
        (json!({"type": "object", "oneOf": []}), "oneOf"),
        (
            json!({"type": "string", "x-kubernetes-validations": [{"rule": "true", "optionalOldSelf": true}]}),
            "optionalOldSelf",
        ),
    ] {
        let node = Node::of_spec(definition(&schema, json!({})));
        assert_eq!(node.err(), Some(SchemaError::Keyword(keyword)), "{schema}");
    }
    let string = json!({"type": "string"});
    for (root, keyword) in [
        (json!({"required": []}), "required"),
        (json!({"required": ["spec", "kind"]}), "required"),
        (json!({"minProperties": 1}), "minProperties"),
        (json!({"x-kubernetes-validations": [{"rule": "true"}]}), "x-kubernetes-validations"),
    ] {
        assert_eq!(Node::of_spec(definition(&string, root)).err(), Some(SchemaError::Keyword(keyword)));
    }
    assert!(Node::of_spec(definition(&string, json!({}))).is_ok());
}

#[test]
fn a_pattern_or_rule_that_does_not_compile_is_an_error() {
    let broken = json!({"type": "string", "pattern": "("});
    assert_eq!(Node::of_spec(definition(&broken, json!({}))).err(), Some(SchemaError::Pattern("(".to_owned())));
    for rule in ["self ==", "self.matches('('", "self &&& self"] {
        let rule = ValidationRule { rule: rule.to_owned(), ..ValidationRule::default() };
        assert!(matches!(Rule::compile(rule.clone()), Err(SchemaError::Rule(_))), "{}", rule.rule);
    }
    let matches = json!({"type": "string", "x-kubernetes-validations": [{"rule": "self.matches('(')"}]});
    let node = Node::of_spec(definition(&matches, json!({}))).unwrap();
    assert_eq!(super::Surroundings::of(&node).err(), Some(SchemaError::Pattern("(".to_owned())));
}

/// Whether an object with `a: value` passes a schema of one field `a`.
fn passes(schema: &Value, value: &Value) -> bool {
    let spec = Node::of_spec(definition(schema, json!({}))).unwrap();
    let surroundings = super::Surroundings::of(&spec).unwrap();
    let mut walk = super::Walk::new(&surroundings);
    walk.value(super::Place::member("spec"), &spec, &json!({"a": value}));
    walk.into_found().is_empty()
}

#[test]
fn rules_mean_in_cel_what_they_mean_to_the_api_server() {
    let text = |rule: &str| json!({"type": "string", "x-kubernetes-validations": [{"rule": rule}]});
    let union = json!({
        "type": "object",
        "properties": {"in": {"type": "string"}, "b": {"type": "array", "items": {"type": "string"}}},
        "x-kubernetes-validations": [{"rule": "[has(self.__in__), has(self.b)].filter(x, x).size() == 1"}],
    });
    let headers = json!({
        "type": "object", "additionalProperties": {"type": "string"},
        "x-kubernetes-validations": [{"rule": "self.all(name, name.matches('^x-[a-z]+$'))"}],
    });
    for (schema, value, expected) in [
        (text("duration(self) <= duration('5m')"), json!("300s"), true),
        (text("duration(self) <= duration('5m')"), json!("300001ms"), false),
        (text("duration(self) <= duration('5m')"), json!("301s"), false),
        // Go's durations end at 292 years.
        (text("duration(self) >= duration('5m')"), json!("2562048h"), false),
        (text("self.matches('b')"), json!("abc"), true),
        (text("self.matches('^b')"), json!("abc"), false),
        (text("size(self) == 1"), json!("ä"), true),
        (text("self == 1"), json!("1"), false),
        (text("self"), json!("true"), false),
        (text("self.unknown"), json!("a"), false),
        (text("unknown(self)"), json!("a"), false),
        (text("unknown(self) || self == 'a'"), json!("a"), true),
        // A pattern that is no literal is never compiled.
        (text("'a'.matches(self)"), json!("a"), false),
        (union.clone(), json!({"in": "x"}), true),
        (union.clone(), json!({"b": []}), true),
        (union.clone(), json!({"b": [], "in": null}), true),
        (union.clone(), json!({}), false),
        (union.clone(), json!({"b": null}), false),
        (union, json!({"in": "x", "b": []}), false),
        (headers.clone(), json!({}), true),
        (headers.clone(), json!({"x-a": "1", "x-b": "2"}), true),
        (headers.clone(), json!({"x-a": "1", "b": null}), true),
        (headers.clone(), json!({"x-a": "1", "b": "2"}), false),
        (headers, json!({"b": "2"}), false),
    ] {
        assert_eq!(passes(&schema, &value), expected, "{schema} {value}");
    }
}

#[test]
fn patterns_are_read_as_go_reads_them() {
    for (pattern, text, expected) in [
        ("b", "abc", true),
        ("^b", "abc", false),
        ("^abc$", "abc\n", false),
        ("^a.c$", "a\nc", false),
        ("^a.c$", "aßc", true),
        ("^[^a]$", "ß", true),
        (r"^\d+$", "12", true),
        (r"^\d+$", "١٢", false),
        (r"^[a\d]+$", "a1", true),
        (r"^[^\d]+$", "١", true),
        (r"^\D$", "1", false),
        (r"^\w+$", "a_1", true),
        (r"^\w+$", "ä", false),
        (r"^\W$", "ä", true),
        (r"^a\sb$", "a b", true),
        (r"^a\sb$", "a\u{a0}b", false),
        (r"^\S$", "\u{a0}", true),
        (r"\bb", "a b", true),
        (r"\bb", "äb", true),
        (r"^\.\\$", r".\", true),
    ] {
        let compiled = Pattern::compile(pattern).unwrap();
        assert_eq!(compiled.is_in(text), expected, "{pattern} {text:?}");
        assert_eq!(compiled.source(), pattern);
    }
    for pattern in ["(", "[a", "a{2,1}", "\\"] {
        assert!(Pattern::compile(pattern).is_none(), "{pattern}");
    }
}

#[test]
fn durations_are_read_as_go_reads_them() {
    for (text, nanoseconds) in [
        ("0", 0),
        ("-0", 0),
        ("0s", 0),
        ("1ns", 1),
        ("1us", 1_000),
        ("1µs", 1_000),
        ("1ms", 1_000_000),
        ("1s", 1_000_000_000),
        ("5m", 300_000_000_000),
        ("1h", 3_600_000_000_000),
        ("1h1m1s1ms", 3_661_001_000_000),
        ("1s1s", 2_000_000_000),
        ("1.5h", 5_400_000_000_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("0.0000000001s", 0),
        ("-1s", -1_000_000_000),
        ("+1s", 1_000_000_000),
        ("2562047h", 9_223_369_200_000_000_000),
    ] {
        assert_eq!(duration::parse(text), Some(nanoseconds), "{text}");
    }
    for text in
        ["", "1", "s", "-", "+", ".s", "1d", "1S", "1 s", "1s ", "s1", "--1s", "1s-1s", "2562048h", "1e3s", "٣s"]
    {
        assert_eq!(duration::parse(text), None, "{text}");
    }
}

/// Holds that the one thing said of a rule is said at `field` of it, with these parts of its cause and cure.
fn assert_said(rule: &Value, field: &str, code: Code, cause: &str, cure: &str) {
    let said = said(&route_with(rule.clone()));
    let [found] = said.as_slice() else { panic!("{rule}: {said:?}") };
    assert_eq!((found.0.strip_prefix("spec.rules[0]"), found.1), (Some(field), code), "{rule}");
    assert!(found.2.contains(cause) && found.3.contains(cure), "{rule}: {found:?}");
}

#[test]
fn of_an_unknown_member_is_said_what_was_meant_or_what_there_is() {
    for (rule, field, cure) in [
        (json!({"backend": []}), ".backend", "did you mean `backends`?"),
        (json!({"Name": "a"}), ".Name", "did you mean `name`?"),
        (json!({"zzz": null}), ".zzz", "remove it; the fields here are auth, backends,"),
        (json!({"timeouts": {"requests": "1s"}}), ".timeouts.requests", "did you mean `request`?"),
    ] {
        assert_said(&rule, field, Code::UnknownField, "there is no such field here", cure);
    }
}

#[test]
fn of_a_value_is_said_what_was_expected_and_what_to_do() {
    let with = |name: Value| json!({"name": name, "backends": [{"service": {"name": "a", "port": 80}}]});
    let port = |port: Value| json!({"backends": [{"service": {"name": "a", "port": port}}]});
    let path = |kind: &str| json!({"matches": [{"path": {"type": kind, "value": "/"}}], "redirect": {"host": "a"}});
    let at_port = ".backends[0].service.port";
    for (rule, field, cause, cure) in [
        (json!({}), "", "exactly one of backends, redirect; set here: name", "change it so that this holds: exactly"),
        (with(json!(true)), ".name", "expected text, found true", "put it in quotes"),
        (with(json!(7)), ".name", "expected text, found the number 7", "put it in quotes"),
        (with(Value::Null), ".name", "required and not set", "such as `read-orders`"),
        (with(json!("Ab")), ".name", "of the form ^[a-z0-9]", "like `read-orders`"),
        (with(json!("a ")), ".name", "found text of 2 characters", "remove the white space around it"),
        (port(json!(0)), at_port, "from 1 to 65535, found 0", "use a whole number from 1 to 65535"),
        (port(json!(80.5)), at_port, "found 80.5", "use a whole number from 1 to 65535"),
        (port(json!("80")), at_port, "found text of 2 characters", "without quotes"),
        (json!({"backends": []}), ".backends", "at least 1 item, found 0", "leave the field out"),
        (json!({"backends": {}}), ".backends", "expected a list, found an object with 0 members", "like `[{service:"),
        (json!({"redirect": {}}), ".redirect", "at least one of scheme, host, path; nothing is set here", "so that"),
        (json!({"redirect": {"host": "a", "status": 305}}), ".redirect.status", "one of 301, 302", "use one of these"),
        (path("prefix"), ".matches[0].path.type", "one of Exact, Prefix, found text of 6", "did you mean `Prefix`?"),
    ] {
        assert_said(&rule, field, Code::InvalidValue, cause, cure);
    }
    let open = json!({"auth": {"anonymous": false}, "redirect": {"host": "a"}});
    assert_said(&open, ".auth.anonymous", Code::InvalidValue, "expected true, found false", "or leave the field out");
}

#[test]
fn of_a_schedule_that_cannot_be_kept_the_numbers_are_said() {
    let said = |times: Value| -> Vec<String> {
        let mut issue = map(json!({"issuer": "https://a.example", "audiences": ["a"], "keysSecretRef": {"name": "a"}}));
        issue.extend(map(times));
        let policy = json!({"spec": {"accept": [{"name": "own", "issued": {}}], "issue": issue}});
        let found = check(Kind::TokenPolicy, &map(policy)).into_iter();
        found.map(|found| format!("{}: {}", found.field, found.cause.split(" + 3").next().unwrap())).collect()
    };
    for (times, cause) in [
        (
            json!({"rotation": {"publishAhead": "5m2s999ms"}}),
            "rotation.publishAhead 5m2s999ms is less than jwksMaxAge 5m",
        ),
        (json!({"jwksMaxAge": "23h59m58s"}), "rotation.publishAhead 24h is less than jwksMaxAge 23h59m58s"),
        (json!({"rotation": {"every": "24h"}}), "rotation.every 24h is less than rotation.publishAhead 24h"),
        (
            json!({"jwksMaxAge": "1s", "lifetime": "9m", "rotation": {"every": "7s", "publishAhead": "4s"}}),
            "nine times rotation.every 7s is less than lifetime 9m + jwksMaxAge 1s",
        ),
    ] {
        assert_eq!(said(times), [format!("spec.issue: {cause}")]);
    }
    assert_eq!(said(json!({"rotation": {"publishAhead": "5m3s"}})), [""; 0]);
}

#[test]
fn a_text_is_never_repeated() {
    let planted = "hunter2-hunter2";
    for rule in [
        json!({"name": format!("{planted}!")}),
        json!({"backends": planted}),
        json!({"backends": [{"url": planted}]}),
        json!({"matches": [{"path": {"type": planted, "value": planted}}]}),
        json!({"request": {"setHeaders": {"authorization": format!("Bearer {planted} ")}}}),
        json!({"request": {"removeHeaders": [planted, planted]}}),
    ] {
        let said = said(&route_with(rule));
        assert!(!said.is_empty());
        assert!(!format!("{said:?}").contains(planted), "{said:?}");
    }
}

#[test]
fn a_walk_over_a_large_object_ends() {
    let unknown: Map<_, _> = (0..1_000).map(|number| (format!("unknown{number}"), Value::Null)).collect();
    assert_eq!(said(&route_with(Value::Object(unknown))).len(), 256);
    let many = json!({"backends": vec![json!(1); 100_000]});
    let said = said(&route_with(many));
    assert_eq!(said.len(), 1);
    assert!(said[0].2.contains("at most 16 items, found 100000"), "{said:?}");
}

#[test]
fn what_is_stored_has_neither_null_nor_fractions_of_nothing() {
    let written = json!({
        "a": null, "b": {"c": null, "d": 80.0, "e": [null, 1.0, {"f": null}]}, "g": 1.5, "h": 1e300, "i": -2.0, "j": "1.0",
    });
    let stored = json!({"b": {"d": 80, "e": [null, 1, {}]}, "g": 1.5, "h": 1e300, "i": -2, "j": "1.0"});
    assert_eq!(Value::Object(as_stored(map(written))), stored);
}
