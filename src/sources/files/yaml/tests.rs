//! Each row was played to kubectl 1.36, but for those that are stricter, which say so.

use serde_json::{Value, json};

use super::scalar::{Scalar, plain};
use super::{YamlProblem, read};
use crate::finding::FieldPath;
use crate::sources::files::places::{Position, Span};

/// The value of a text of one document.
fn value(text: &str) -> Value {
    let documents = read(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let [document] = documents.as_slice() else { panic!("{text:?}: {} documents", documents.len()) };
    document.value.clone()
}

fn problem(text: &str) -> YamlProblem {
    read(text).err().unwrap_or_else(|| panic!("{text:?} was taken")).problem
}

#[test]
fn words_without_quotes_are_true_false_or_nothing() {
    for text in ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"] {
        assert_eq!(plain(text), Scalar::Value(json!(true)), "{text}");
    }
    for text in ["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"] {
        assert_eq!(plain(text), Scalar::Value(json!(false)), "{text}");
    }
    for text in ["", "~", "null", "Null", "NULL"] {
        assert_eq!(plain(text), Scalar::Value(Value::Null), "{text}");
    }
    for text in [".inf", "-.inf", "+.Inf", ".INF", ".nan", ".NaN", ".NAN"] {
        assert_eq!(plain(text), Scalar::NotFinite, "{text}");
    }
    assert_eq!(plain("<<"), Scalar::Merge);
}

#[test]
fn numbers_are_those_of_go() {
    for (texts, number) in [
        (&["1", "+1", "01", "1_", "0x_1", "1.", "+_1", "1.0", "+0x1", "+0b1"][..], json!(1)),
        (&["-1", "-_1", "-1.0"], json!(-1)),
        (&["0", "-0", "+0", "00", "0.0", "-0.0", "0e0"], json!(0)),
        (&["010", "0o10", "0O10", "08"], json!(8)),
        (&["-010", "-0o10"], json!(-8)),
        (&["0x1F", "0X1f"], json!(31)),
        (&["-0x1F"], json!(-31)),
        (&["0b101"], json!(5)),
        (&["0B11"], json!(3)),
        (&["-0b101"], json!(-5)),
        (&["09"], json!(9)),
        (&["019"], json!(19)),
        (&["0_7", "+0o7"], json!(7)),
        (&["1__0"], json!(10)),
        (&["80.0"], json!(80)),
        (&["0777", "0o777"], json!(511)),
        (&["1_000", "1e3", "1E3", "1e+3", "1e03"], json!(1000)),
        (&["1.10"], json!(1.1)),
        (&[".5", "+.5"], json!(0.5)),
        (&["-.5"], json!(-0.5)),
        (&["1.5e-3"], json!(0.0015)),
        (&["1_0.5_0"], json!(10.5)),
        (&["0.1_5"], json!(0.15)),
        (&[".1_0"], json!(0.1)),
        (&["0.1e-1"], json!(0.01)),
        (&["9223372036854775807"], json!(i64::MAX)),
        (&["-9223372036854775808"], json!(i64::MIN)),
        (&["9223372036854775808"], json!(9_223_372_036_854_775_808.0)),
        (&["-9223372036854775809"], json!(-9_223_372_036_854_775_808.0)),
        (&["18446744073709551615", "18446744073709551616", "0xFFFFFFFFFFFFFFFF"], json!(18_446_744_073_709_551_616.0)),
        (&["1e20"], json!(1e20)),
        (&["6.02e23"], json!(6.02e23)),
    ] {
        for text in texts {
            assert_eq!(plain(text), Scalar::Value(number.clone()), "{text}");
        }
    }
}

#[test]
fn everything_else_is_text() {
    for text in [
        "yEs",
        "oN",
        "tRue",
        "nUll",
        "_1",
        "._1",
        ".e3",
        "1e",
        "1.2.3",
        "1:30",
        "190:20:30",
        "12:30:45",
        "1e400",
        "-1e400",
        "2024-01-01",
        "2024-01-01T00:00:00Z",
        "=",
        "0x",
        "0b",
        "0o",
        "0b12",
        "0o8",
        "0x1p4",
        "0x1.8p1",
        "1p4",
        "infinity",
        "inf",
        "nan",
        "NaN",
        "+y",
        ".",
        "..",
        "+",
        "+-1",
        "-+1",
        "٣",
        "10Mi",
        "1h",
        "0xFFFFFFFFFFFFFFFFFF",
    ] {
        assert_eq!(plain(text), Scalar::Value(json!(text)), "{text}");
    }
}

#[test]
fn quotes_and_blocks_are_always_text() {
    for (text, expected) in [
        ("a: \"on\"", json!({"a": "on"})),
        ("a: 'on'", json!({"a": "on"})),
        ("a: '1.10'", json!({"a": "1.10"})),
        ("a: ''", json!({"a": ""})),
        ("a: |\n  on\n", json!({"a": "on\n"})),
        ("a: >-\n  on\n  off\n", json!({"a": "on off"})),
        ("a: !!str on", json!({"a": "on"})),
        ("a: !!int \"1\"", json!({"a": 1})),
        ("a: !!bool \"yes\"", json!({"a": true})),
        ("a: !!float 1", json!({"a": 1})),
        ("a: !!null ''", json!({"a": null})),
        ("a: \"\\x41\\u00e9\\t\"", json!({"a": "Aé\t"})),
        ("a: one\n  two\n\n  three", json!({"a": "one two\nthree"})),
        ("a: b#c #d", json!({"a": "b#c"})),
        ("a: 1\r\nb: |\r\n  x\r\n  y\r\n", json!({"a": 1, "b": "x\ny\n"})),
    ] {
        assert_eq!(value(text), expected, "{text:?}");
    }
}

#[test]
fn names_are_text_in_json_whatever_they_were() {
    for (text, expected) in [
        ("on: v", json!({"true": "v"})),
        ("\"on\": v", json!({"on": "v"})),
        ("1: v", json!({"1": "v"})),
        ("010: v", json!({"8": "v"})),
        ("0x10: v", json!({"16": "v"})),
        ("1e3: v", json!({"1000": "v"})),
        ("1.50: v", json!({"1.5": "v"})),
        ("!!str 1: v", json!({"1": "v"})),
        ("2024-01-01: v", json!({"2024-01-01": "v"})),
        ("a: &a k\n*a : v", json!({"a": "k", "k": "v"})),
    ] {
        assert_eq!(value(text), expected, "{text:?}");
    }
    for text in ["~: v", "null: v", "? {a: 1}\n: v", "? [1]\n: v", "18446744073709551615: v", "1e-9: v"] {
        assert_eq!(problem(text), YamlProblem::Name, "{text:?}");
    }
    assert_eq!(problem(".inf: v"), YamlProblem::NotFinite, "stricter than kubectl");
}

#[test]
fn a_name_is_in_an_object_once() {
    // Stricter than kubectl, which takes the last.
    for text in ["a: 1\na: 2", "{a: 1, a: 2}", "on: 1\ntrue: 2", "1: a\n\"1\": b", "a: {b: 1, c: 2, b: 3}"] {
        assert_eq!(problem(text), YamlProblem::DuplicateName, "{text:?}");
    }
    assert_eq!(value("a: {b: 1}\nc: {b: 1}"), json!({"a": {"b": 1}, "c": {"b": 1}}));
}

#[test]
fn aliases_and_merges_stand_for_what_was_before() {
    for (text, expected) in [
        ("a: &a [1, 2]\nb: *a", json!({"a": [1, 2], "b": [1, 2]})),
        ("a: &a 1\nb: *a\nc: &a 2\nd: *a", json!({"a": 1, "b": 1, "c": 2, "d": 2})),
        ("a: &b {x: 1, w: 2}\nz: {<<: *b, x: 3}", json!({"a": {"x": 1, "w": 2}, "z": {"x": 3, "w": 2}})),
        ("a: &b {x: 1, w: 2}\nz: {x: 3, <<: *b}", json!({"a": {"x": 1, "w": 2}, "z": {"x": 1, "w": 2}})),
        (
            "a: &b {x: 1}\nb: &c {x: 2, w: 3}\nz: {<<: [*b, *c], q: 1}",
            json!({"a": {"x": 1}, "b": {"x": 2, "w": 3}, "z": {"q": 1, "w": 3, "x": 1}}),
        ),
        ("a: &b {x: 1}\nz: {\"<<\": *b}", json!({"a": {"x": 1}, "z": {"<<": {"x": 1}}})),
        ("a: <<", json!({"a": "<<"})),
    ] {
        assert_eq!(value(text), expected, "{text:?}");
    }
    for (text, expected) in [
        ("b: *a", YamlProblem::Alias),
        ("hosts: [*.eu.example.com]", YamlProblem::Alias),
        ("a: &a [*a]", YamlProblem::Alias),
        ("a: &a {b: *a}", YamlProblem::Alias),
        ("z: {<<: 1}", YamlProblem::Merge),
        ("z: {<<: [1]}", YamlProblem::Merge),
        ("a: &a 1\n---\nb: *a", YamlProblem::Alias),
    ] {
        assert_eq!(problem(text), expected, "{text:?}");
    }
}

#[test]
fn json_is_read_as_well() {
    let text = "{\n\t\"a\": [1.10, \"on\", null, true],\n\t\"b\": {\"c\\n\": \"\\/\\u00e9\"}\n}\n";
    assert_eq!(value(text), json!({"a": [1.1, "on", null, true], "b": {"c\n": "/é"}}));
    assert_eq!(value("[]"), json!([]));
}

#[test]
fn documents_are_counted_and_empty_ones_left_out() {
    let values = |text: &str| read(text).unwrap().into_iter().map(|document| document.value).collect::<Vec<_>>();
    assert!(values("").is_empty());
    assert!(values("# only a comment\n---\n---\n# another\n").is_empty());
    assert_eq!(values("a: 1\n---\n\n---\nb: 2\n...\n"), [json!({"a": 1}), json!({"b": 2})]);
    assert_eq!(values("\u{feff}a: 1\n"), [json!({"a": 1})]);
}

#[test]
fn what_is_not_yaml_is_refused_where_it_begins() {
    for (text, line, column) in [
        ("a:\n\tb: 1", 2, 2),
        ("a: b: c", 1, 5),
        ("a: @x", 1, 4),
        ("a: `x", 1, 4),
        ("a: \"x\nb: 1\n", 1, 4),
        ("a: [1, 2\nb: 3\n", 2, 2),
        ("a: 1\n b: 2\n", 2, 3),
        ("- a\nb: c", 2, 1),
        ("{\"a\": 1}\n{\"a\": 2}", 2, 1),
        // Written in escapes, as JSON may have it; kubectl takes that of a file that begins with a brace.
        ("{\"a\": \"\\ud83d\\ude00\"}", 1, 7),
    ] {
        let error = read(text).unwrap_err();
        assert!(matches!(error.problem, YamlProblem::Syntax(_)), "{text:?}: {error}");
        assert_eq!((error.at.line, error.at.column), (line, column), "{text:?}: {error}");
    }
    for text in ["a: x\0y", "a: \"x\u{1}y\"", "a: x\u{7f}", "a: x\u{9b}", "a: b\u{feff}"] {
        assert_eq!(problem(text), YamlProblem::Control, "{text:?}");
    }
    for text in
        ["a: !foo 1", "a: !!binary aGk=", "a: ! 1", "a: !!int 1.5", "a: !!bool 1", "a: !!set {b, c}", "a: !!str [1]"]
    {
        assert_eq!(problem(text), YamlProblem::Tag, "{text:?}");
    }
    for text in ["a: .inf", "a: -.inf", "a: [.nan]"] {
        assert_eq!(problem(text), YamlProblem::NotFinite, "{text:?}");
    }
}

#[test]
fn a_bomb_does_not_go_off() {
    let laugh = |level: usize| match level {
        0 => "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]".to_owned(),
        _ => format!("a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 10].join(", ")),
    };
    let laughs = (0..10).map(laugh).collect::<Vec<_>>().join("\n");
    assert_eq!(problem(&laughs), YamlProblem::TooMany);
    // Anchors within anchors would keep the square of what is there.
    let anchors = (0..90).fold("0".to_owned(), |inner, level| format!("&b{level} [{inner}, {}]", "0,".repeat(2_000)));
    assert_eq!(problem(&anchors), YamlProblem::TooMany);
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&deep(100)).is_ok());
    assert_eq!(problem(&deep(101)), YamlProblem::TooDeep);
    assert!(read(&deep(100_000)).is_err());
    let blocks = (0..200).map(|depth| format!("{}a:", " ".repeat(depth))).collect::<Vec<_>>().join("\n");
    assert_eq!(problem(&blocks), YamlProblem::TooDeep);
}

#[test]
fn every_value_has_a_place() {
    let text = "# first\nkind: ApiRoute\nspec:\n  hosts: [a, \"é\", c]\n  rules:\n  - name: x\n    port: 80\n";
    let [document] = read(text).unwrap().try_into().unwrap();
    let span = |line, start, end| Span { start: Position { line, column: start }, end: Position { line, column: end } };
    let spec = FieldPath::spec();
    let rule = spec.field("rules").index(0);
    for (path, key, value) in [
        (FieldPath::root().field("kind"), Some(span(2, 1, 5)), span(2, 7, 15)),
        (spec.field("hosts").index(1), None, span(4, 14, 17)),
        (spec.field("hosts").index(2), None, span(4, 19, 20)),
        (rule.field("port"), Some(span(7, 5, 9)), span(7, 11, 13)),
        // What is not there is shown by what it is not in.
        (rule.field("name").field("deeper"), Some(span(6, 5, 9)), span(6, 11, 12)),
    ] {
        let found = document.places.find(&path);
        assert_eq!((found.key, found.value), (key, value), "{path}");
    }
    assert_eq!(document.places.find(&rule.field("missing")).value.start, Position { line: 6, column: 5 });
    assert_eq!(document.places.find(&spec).key, Some(span(3, 1, 5)));
}
