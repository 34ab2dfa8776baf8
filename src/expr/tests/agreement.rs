//! Random rules never panic, and mean what another implementation of CEL, the `cel` crate, says they mean.

use std::collections::HashMap;

use cel::{Context, Program, Value as CelValue};
use proptest::prelude::*;
use serde_json::Value as Json;

use super::super::{EvalError, Rule};
use super::World;

/// The variables for the other implementation.
fn context(world: &World) -> Context<'static, 'static> {
    let inputs = world.inputs();
    let mut context = Context::default();
    context.add_variable_from_value("claims", value(&Json::Object(world.claims.clone())));
    let scopes: Vec<CelValue> = world.scopes.iter().map(CelValue::from).collect();
    context.add_variable_from_value("token", CelValue::from(HashMap::from([("scopes", CelValue::from(scopes))])));
    let headers = ["x-team", "x-tenant"].map(|name| {
        let value = world.headers.get(name).map_or("", |value| value.to_str().unwrap());
        (name, CelValue::from(value))
    });
    let request = HashMap::from([
        ("method", CelValue::from(inputs.request.method)),
        ("path", CelValue::from(inputs.request.path)),
        ("headers", CelValue::from(HashMap::from(headers))),
    ]);
    context.add_variable_from_value("request", CelValue::from(request));
    context
}

fn value(json: &Json) -> CelValue {
    match json {
        Json::Null => CelValue::Null,
        Json::Bool(value) => CelValue::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => CelValue::Int(number),
            None => CelValue::Float(number.as_f64().unwrap()),
        },
        Json::String(text) => CelValue::from(text.as_str()),
        Json::Array(items) => CelValue::from(items.iter().map(value).collect::<Vec<_>>()),
        Json::Object(members) => {
            CelValue::from(members.iter().map(|(name, json)| (name.clone(), value(json))).collect::<HashMap<_, _>>())
        }
    }
}

fn world() -> World {
    let mut world = World::new();
    world.headers = http::HeaderMap::new();
    world.headers.insert("x-team", "shop".parse().unwrap());
    world.headers.insert("x-tenant", "acme".parse().unwrap());
    world
}

fn number() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => (0..5_i64).prop_map(|number| number.to_string()),
        1 => prop::sample::select(vec!["claims.missing", "claims.tenant", "9223372036854775807"]).prop_map(str::to_owned),
        2 => Just("-1".to_owned()),
        2 => Just("claims.level".to_owned()),
        2 => Just("claims.iat".to_owned()),
        2 => Just("size(claims.roles)".to_owned()),
        2 => Just("size(request.path)".to_owned()),
        2 => Just("int('12')".to_owned()),
        2 => Just("claims.mixed[0]".to_owned()),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%"]), inner)
            .prop_map(|(left, operator, right)| format!("({left} {operator} {right})"))
    })
}

fn text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        1 => prop::sample::select(vec!["claims.missing", "claims.roles[5]", "request.headers.missing", "claims.level"]).prop_map(str::to_owned),
        24 => prop::sample::select(vec![
            "'acme'",
            "\"admin\"",
            "''",
            "r'a\\d'",
            "'''dev'''",
            "'J\\u00fcrgen'",
            "'\\x41'",
            "claims.tenant",
            "claims['sub']",
            "claims.address.city",
            "claims.roles[0]",
            "request.method",
            "request.path",
            "request.headers['x-team']",
            "string(claims.level)",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| (inner.clone(), inner).prop_map(|(left, right)| format!("{left} + {right}")))
}

fn list() -> impl Strategy<Value = String> {
    let filtered = (list_leaf(), item_test()).prop_map(|(list, test)| format!("{list}.filter(x, {test})"));
    prop_oneof![3 => list_leaf(), 1 => filtered]
}

fn list_leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec!["claims.roles", "claims.mixed", "claims.none", "claims.missing", "token.scopes"])
            .prop_map(str::to_owned),
        prop::collection::vec(text(), 0..3).prop_map(|items| format!("[{}]", items.join(", "))),
    ]
}

fn item_test() -> impl Strategy<Value = String> {
    prop_oneof![
        text().prop_map(|text| format!("x == {text}")),
        text().prop_map(|text| format!("({text}).startsWith('a') || x != {text}")),
        number().prop_map(|number| format!("x != {number}")),
        Just("x in ['admin', 'orders:read']".to_owned()),
    ]
}

/// A rule, or a part of one that is true or false.
fn rule() -> impl Strategy<Value = String> {
    let comparison = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        (number(), comparison.clone(), number())
            .prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
        (text(), comparison, text()).prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
        (text(), list()).prop_map(|(item, list)| format!("({item}) in {list}")),
        (list(), list()).prop_map(|(left, right)| format!("{left} == {right}")),
        (text(), prop::sample::select(vec!["startsWith", "endsWith", "contains"]), text())
            .prop_map(|(on, test, part)| format!("({on}).{test}({part})")),
        (list(), prop::sample::select(vec!["all", "exists", "exists_one"]), item_test())
            .prop_map(|(list, test, body)| format!("{list}.{test}(x, {body})")),
        prop::sample::select(vec![
            "true",
            "false",
            "claims.active",
            "claims.missing",
            "claims.tenant",
            "has(claims.tenant)",
            "has(claims.missing)",
            "has(claims.missing.city)",
            "has(claims.address.city)",
            "'tenant' in claims",
            "claims.nothing == null",
            "claims.tenant == null",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("{left} && {right}")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("{left} || {right}")),
            inner.clone().prop_map(|part| format!("!({part})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(condition, then, other)| format!("({condition} ? {then} : {other})")),
        ]
    })
}

fn both(source: &str) -> Option<(Result<bool, EvalError>, Result<CelValue, cel::ExecutionError>)> {
    let world = world();
    // What is refused for its types or bounds is CEL all the same: there is nothing to compare.
    let ours = Rule::compile(source).ok()?.holds(&world.inputs());
    let theirs = Program::compile(source).unwrap().execute(&context(&world));
    Some((ours, theirs))
}

#[track_caller]
fn assert_agree(source: &str) {
    let Some((ours, theirs)) = both(source) else { return };
    match (&ours, &theirs) {
        (Ok(ours), Ok(CelValue::Bool(theirs))) => assert_eq!(ours, theirs, "{source}"),
        (Err(_), Err(_)) => {}
        // Where the whole is a claim that is neither true nor false.
        (Err(EvalError::Type), Ok(theirs)) if !matches!(theirs, CelValue::Bool(_)) => {}
        _ => panic!("{source}: {ours:?}, but {theirs:?}"),
    }
}

#[test]
fn the_rules_of_the_tables_mean_the_same_elsewhere() {
    for source in [
        "claims.tenant == 'acme' && request.method == 'GET'",
        "claims.missing == 1 || claims.active",
        "claims.active || claims.missing == 1",
        "claims.missing == 1 && false",
        "claims.roles.exists(role, role.startsWith('ad'))",
        "claims.mixed.all(item, item > 1)",
        "claims.mixed.exists(item, item > 0)",
        "claims.roles.filter(role, role != 'dev') == ['admin']",
        "claims.roles.map(role, role + '!') == ['admin!', 'dev!']",
        "claims.address.exists(name, name == 'city')",
        "-claims.level % 2 == -1",
        "size('J\\u00fcrgen') == 6",
        "1 + 2 * 3 - 4 / 2 == 5 ? true : false",
    ] {
        assert!(both(source).is_some(), "{source} is refused");
        assert_agree(source);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn random_rules_mean_the_same_elsewhere(source in rule()) {
        assert_agree(&source);
    }

    #[test]
    fn random_text_never_panics(source in ".{0,80}") {
        let _ = Rule::compile(&source).map(|rule| rule.holds(&world().inputs()));
    }

    #[test]
    fn random_words_of_the_language_never_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "claims", "token", "request", ".", "(", ")", "[", "]", "{", "}", ",", "?", ":", "!", "-", "+", "*", "/",
                "%", "==", "!=", "<", ">=", "&&", "||", "in", "'a'", "\"", "'''", "r'", "\\", "1", "1.5", "0x", "e9",
                "true", "null", "has(", "size(", ".all(x, ", ".map(x,", ".matches('", "x", " ", "//", "\n", "ü",
            ]),
            0..40,
        )
    ) {
        let source = words.concat();
        let _ = Rule::compile(&source).map(|rule| rule.holds(&world().inputs()));
    }

    #[test]
    fn random_patterns_never_panic_and_are_bounded(pattern in "[ab.(){}*+?|0-9\\[\\]^$,-]{0,40}") {
        let _ = Rule::compile(&format!("'ababab'.matches('{pattern}')")).map(|rule| rule.holds(&world().inputs()));
    }
}
