//! Nothing overflows the stack, and nothing takes more than the stated steps.

use serde_json::{Value as Json, json};

use super::super::check::check;
use super::super::evaluate::Run;
use super::super::parse::parse;
use super::super::{EvalError, MAX_BYTES, MAX_ITEMS, MAX_STEPS, Problem, Rule};
use super::World;

/// Runs `test` with a small stack: an eighth of what a thread has.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(256 << 10).spawn(test).unwrap().join().unwrap();
}

/// Every shape that makes recursive parsers and evaluators overflow.
fn deep(count: usize) -> Vec<String> {
    let wrap = |open: &str, inside: &str, close: &str| open.repeat(count) + inside + &close.repeat(count);
    vec![
        wrap("(", "true", ")"),
        wrap("[", "", "]") + " == []",
        wrap("[", "1", "]") + "[0] == 1",
        wrap("{'a': ", "1", "}") + " == 1",
        wrap("size(", "claims", ")") + " == 1",
        wrap("claims[", "'a'", "]"),
        wrap("claims.f(", "1", ")"),
        wrap("!", "true", ""),
        wrap("-", "1", "") + " == 1",
        wrap("!-", "1", ""),
        wrap("!(", "true", ")"),
        "claims".to_owned() + &".a".repeat(count),
        "claims".to_owned() + &"['a']".repeat(count),
        "claims".to_owned() + &".size()".repeat(count),
        "claims".to_owned() + &".filter(x, true)".repeat(count) + " == []",
        "claims.a".to_owned() + &" + claims.a".repeat(count) + " == 1",
        "1".to_owned() + &" - 1".repeat(count) + " == 1",
        "1".to_owned() + &" * 1 + 1".repeat(count) + " == 1",
        "true".to_owned() + &" && true".repeat(count),
        "true".to_owned() + &" || true".repeat(count),
        "true".to_owned() + &" && true || true".repeat(count),
        "true".to_owned() + &" == true".repeat(count),
        "true".to_owned() + &" ? true : true".repeat(count),
        wrap("true ? ", "true", " : true"),
        wrap("(true ? ", "true", " : true)"),
        wrap("claims.a.all(x, ", "true", ")"),
        wrap("claims.a.map(x, ", "x", ")") + " == []",
        "claims.a in ".repeat(count) + "claims.a",
        wrap("((true) && (", "true", "))"),
        wrap("'''", "", ""),
        wrap("\\", "", ""),
        "'\\".to_owned() + &"\\".repeat(count),
        wrap("//", "", ""),
        wrap("/*", "", "*/"),
    ]
}

#[test]
fn no_shape_of_any_depth_overflows_a_small_stack() {
    on_a_small_stack(|| {
        let world = World::with_claims(json!({"a": [1, 2, 3]}));
        for count in [1, 2, 7, 15, 16, 17, 31, 63, 64, 65, 90, 200, 500, 3_000, 100_000] {
            for source in deep(count) {
                match Rule::compile(&source) {
                    Ok(rule) => {
                        let _ = rule.holds(&world.inputs());
                    }
                    Err(error) => assert!(error.offset <= source.len(), "{source}"),
                }
            }
        }
    });
}

#[test]
fn what_is_larger_than_the_bounds_says_so() {
    let problem = |source: &str| Rule::compile(source).map(|_| ()).map_err(|error| error.problem);
    let long = |bytes: usize| format!("{:bytes$}", "true");
    assert_eq!(problem(&long(MAX_BYTES + 1)), Err(Problem::TooLong { bytes: MAX_BYTES + 1 }));
    assert_eq!(problem(&long(MAX_BYTES)), Ok(()));

    let brackets = |depth: usize| "(".repeat(depth) + "true" + &")".repeat(depth);
    assert_eq!(problem(&brackets(17)), Err(Problem::TooManyBrackets));
    assert_eq!(problem(&("'(((((((((((((((((' == '' || ".to_owned() + &brackets(17))), Err(Problem::TooManyBrackets));
    assert_eq!(problem(&brackets(16)), Ok(()));
    assert_eq!(problem("claims.a == '((((((((((((((((((((((((((((((((('"), Ok(()));
    assert_eq!(problem(r"claims.a == '\'(((((((((((((((((((((((((((((('"), Ok(()));
    assert_eq!(problem(&[brackets(16).as_str(); 8].join(" && ")), Ok(()));

    let operators = |count: usize| "true".to_owned() + &" || true".repeat(count);
    assert_eq!(problem(&operators(65)), Err(Problem::TooManyOperators));
    assert_eq!(problem(&(operators(64) + " in []")), Err(Problem::TooManyOperators));
    assert_eq!(problem(&operators(64)), Ok(()));
    assert_eq!(problem(&format!("claims.a == '{}'", "+".repeat(100))), Ok(()));
    assert_eq!(problem(&format!("claims.a == 'x' // {}", "+".repeat(100))), Ok(()));

    let members = |count: usize| "claims".to_owned() + &".a".repeat(count);
    assert_eq!(problem(&members(32)), Err(Problem::TooDeep));
    assert_eq!(problem(&(members(20) + &" + 1".repeat(12))), Err(Problem::TooDeep));
    assert_eq!(problem(&members(31)), Ok(()));
}

#[track_caller]
fn steps(source: &str, world: &World) -> (u32, Result<bool, EvalError>) {
    let node = check(&parse(source).unwrap()).unwrap();
    let inputs = world.inputs();
    let mut run = Run::new(&inputs);
    let result = run.truth(&node);
    (run.steps(), result)
}

#[test]
fn what_an_evaluation_costs_is_known() {
    let world = World::new();
    for (source, expected) in [
        ("true", 1),
        ("claims.tenant == 'acme'", 4),
        ("claims.tenant == 'acme' && request.method == 'GET'", 8),
        ("claims.tenant == 'other' && request.method == 'GET'", 5),
        ("request.method in ['GET', 'HEAD']", 4),
        ("'orders:read' in token.scopes", 3),
        ("claims.roles.exists(role, role == 'dev')", 11),
    ] {
        assert_eq!(steps(source, &world).0, expected, "{source}");
    }
}

/// Claims with a list of so many numbers, and a text of so many bytes.
fn large(items: usize, bytes: usize) -> World {
    let list: Vec<usize> = (0..items).collect();
    let mut world = World::with_claims(json!({"list": list, "text": "a".repeat(bytes), "nested": nested(200)}));
    world.query = "a=1&".repeat(bytes / 4);
    world
}

fn nested(depth: usize) -> Json {
    (0..depth).fold(json!(1), |inside, _| json!([inside]))
}

#[test]
fn no_evaluation_takes_more_than_the_stated_steps() {
    on_a_small_stack(|| {
        for world in [large(MAX_ITEMS, 1 << 10), large(MAX_ITEMS, 8 << 10), large(MAX_ITEMS, 1 << 20), large(50_000, 0)]
        {
            for (source, mut terms) in [
                ("claims.list.all(x, x == x)", 2),
                ("claims.list.all(x, x in claims.list)", 1),
                ("claims.list.filter(x, x >= 0).map(x, x + x).all(x, x in claims.list || true)", 1),
                ("claims.list == claims.list", 30),
                ("claims.list + claims.list == claims.list", 20),
                ("claims.list.all(x, claims.text + claims.text != '')", 1),
                ("claims.list.all(x, claims.text.contains('aaaaaaab') || true)", 1),
                ("claims.list.exists(x, claims.text.matches('(a|aa)*b'))", 1),
                ("claims.list.exists(x, size(claims.text) == 5)", 1),
                ("claims.list.exists(x, claims.text == claims.text + 'b')", 1),
                ("claims.list.exists(x, claims.text < claims.text)", 1),
                ("claims.list.exists(x, request.query.b == '1')", 1),
                ("claims.list.exists(x, 'b' in request.query)", 1),
                ("claims.list.exists(x, size(request.query) == -1)", 1),
                ("request.query.all(x, x == 'a')", 1),
                ("claims.nested == claims.nested", 1),
            ] {
                let mut whole = source.to_owned();
                while terms > 1 && whole.len() + source.len() + 4 <= MAX_BYTES {
                    whole = whole + " && " + source;
                    terms -= 1;
                }
                let (steps, result) = steps(&whole, &world);
                assert!(steps <= MAX_STEPS, "{source}: {steps}");
                if steps == MAX_STEPS {
                    assert_eq!(result, Err(EvalError::Cost), "{source}");
                }
            }
        }
    });
}

#[test]
fn what_would_cost_too_much_fails_and_no_other_term_hides_it() {
    let world = large(MAX_ITEMS, 64 << 10);
    for source in [
        "claims.list.all(x, x in claims.list)",
        "claims.list.all(x, x in claims.list) || true",
        "true && claims.list.all(x, x in claims.list)",
        "claims.list.exists(x, claims.text + claims.text == 'b')",
        "claims.list.exists(x, claims.text.matches('b'))",
        "claims.list.exists(x, x == 5 && claims.nested == claims.nested)",
        "claims.list + claims.list == []",
        "claims.list.map(x, claims.text + claims.text) == []",
    ] {
        assert_eq!(steps(source, &world).1, Err(EvalError::Cost), "{source}");
    }
    let longer = large(MAX_ITEMS + 1, 0);
    for source in
        ["claims.list.exists(x, x == 0)", "0 in claims.list", "claims.list == claims.list", "claims.list + [1] != []"]
    {
        assert_eq!(steps(source, &longer).1, Err(EvalError::Cost), "{source}");
        assert_ne!(steps(source, &large(MAX_ITEMS - 1, 0)).1, Err(EvalError::Cost), "{source}");
    }
}
