//! `docs/reference.md` is what the schemas say: every field with its type, bounds, meaning, what unset means, an example.

use std::fmt::Write as _;

use bearward::api;
use bearward::name::Kind;
use serde_json::Value;

use crate::assert_file;

const HEAD: &str = "\
# Field reference

Every field of every kind, written from the schemas in `crds/`. *Required* fields have no default; of every other the text
says what unset means. Durations are written with h, m, s and ms (`1m30s`), sizes in bytes or with Ki, Mi, Gi (`10Mi`).
The form of a text is a regular expression (RE2).
Nothing is accepted and ignored: a field that is not here is refused. What can be wrong is listed in
[findings.md](findings.md).

";

#[test]
fn every_field_is_described() {
    let mut text = HEAD.to_owned();
    for kind in [Kind::ApiRoute, Kind::TokenPolicy, Kind::ModelBackend] {
        let definition = serde_json::to_value(api::crd(kind).unwrap()).unwrap();
        let version = &definition["spec"]["versions"][0];
        let schema = &version["schema"]["openAPIV3Schema"];
        let short = definition["spec"]["names"]["shortNames"][0].as_str().unwrap();
        writeln!(text, "## {kind}\n\n`{}/{}`, short name `{short}`. {}\n", api::GROUP, api::VERSION, described(schema))
            .unwrap();
        fields(&mut text, "spec", &schema["properties"]["spec"]);
        writeln!(text, "### `status` of {kind}\n\nWritten by bearward.\n").unwrap();
        fields(&mut text, "status", &schema["properties"]["status"]);
    }
    assert_file("docs/reference.md", &format!("{}\n", text.trim_end()));
}

#[test]
fn every_optional_field_says_what_unset_means() {
    let mut silent = Vec::new();
    for kind in [Kind::ApiRoute, Kind::TokenPolicy, Kind::ModelBackend] {
        let definition = serde_json::to_value(api::crd(kind).unwrap()).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        walk("spec", &schema["properties"]["spec"], &mut |path, field, required| {
            let text = field["description"].as_str().unwrap_or_default();
            // A member of a union is unset when another one is set.
            let is_said = ["unset", "Unset", "exactly one", "Write `{}`"].iter().any(|word| text.contains(word));
            if text.is_empty() || !(required || is_said || is_union(schema, path)) {
                silent.push(format!("{kind} {path}"));
            }
        });
    }
    assert!(silent.is_empty(), "these fields do not say what unset means: {silent:#?}");
}

#[test]
fn every_field_that_users_write_has_an_example() {
    let mut silent = Vec::new();
    for kind in [Kind::ApiRoute, Kind::TokenPolicy, Kind::ModelBackend] {
        let definition = serde_json::to_value(api::crd(kind).unwrap()).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        walk("spec", &schema["properties"]["spec"], &mut |path, field, _| {
            let text = field["description"].as_str().unwrap_or_default();
            if !text.contains("Example: `") {
                silent.push(format!("{kind} {path}"));
            }
        });
    }
    assert!(silent.is_empty(), "these fields show no example: {silent:#?}");
}

/// Whether the object that holds the field at `path` is 'exactly one of'.
fn is_union(schema: &Value, path: &str) -> bool {
    let mut parent = schema;
    let steps: Vec<&str> = path.split('.').collect();
    for step in &steps[..steps.len() - 1] {
        let (name, is_list) = step.strip_suffix("[]").map_or((*step, false), |name| (name, true));
        parent = &parent["properties"][name];
        if is_list {
            parent = &parent["items"];
        }
    }
    let rules = parent["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules.into_iter().any(|rule| rule["message"].as_str().is_some_and(|message| message.starts_with("exactly one of")))
}

fn fields(text: &mut String, path: &str, schema: &Value) {
    rules(text, path, schema);
    walk(path, schema, &mut |path, field, required| {
        writeln!(text, "### `{path}`\n").unwrap();
        writeln!(text, "*{}*\n", form(field, required)).unwrap();
        writeln!(text, "{}\n", described(field)).unwrap();
        let target = if field["type"] == "array" { &field["items"] } else { field };
        rules(text, path, target);
    });
}

/// Calls `visit` for every field below, parents first, in the order of their names.
fn walk(path: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value, bool)) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let is_list = field["type"] == "array";
        let path = format!("{path}.{name}");
        visit(&path, field, required.contains(&name.as_str()));
        if is_list {
            walk(&format!("{path}[]"), &field["items"], visit);
        } else {
            walk(&path, field, visit);
        }
    }
}

fn rules(text: &mut String, _path: &str, schema: &Value) {
    let rules: Vec<&Value> = schema["x-kubernetes-validations"].as_array().into_iter().flatten().collect();
    if rules.is_empty() {
        return;
    }
    for rule in rules {
        let message = rule["message"].as_str().unwrap_or_default();
        writeln!(text, "- Rule: {message}.").unwrap();
    }
    text.push('\n');
}

fn described(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

/// The type, whether it is required, and the bounds, in words.
fn form(field: &Value, required: bool) -> String {
    let mut parts = vec![type_name(field)];
    parts.push(if required { "required".to_owned() } else { "optional".to_owned() });
    let bound = |least: &str, most: &str, unit: &str| match (&field[least], &field[most]) {
        (Value::Null, Value::Null) => None,
        (least, Value::Null) => Some(format!("at least {least}{unit}")),
        (Value::Null, most) => Some(format!("at most {most}{unit}")),
        (least, most) => Some(format!("{least} to {most}{unit}")),
    };
    parts.extend(bound("minLength", "maxLength", " characters"));
    parts.extend(bound("minItems", "maxItems", " items"));
    parts.extend(bound("minProperties", "maxProperties", " entries"));
    parts.extend(bound("minimum", "maximum", "").map(|text| text.replace(".0", "")));
    let of_text = if field["type"] == "array" { &field["items"] } else { field };
    if let Some(pattern) = of_text["pattern"].as_str() {
        parts.push(format!("of the form `{pattern}`"));
    }
    if let Some(values) = field["enum"].as_array() {
        parts.push(format!(
            "one of {}",
            values.iter().map(|value| value.to_string().replace('"', "")).collect::<Vec<_>>().join(", ")
        ));
    }
    parts.join(", ")
}

fn type_name(field: &Value) -> String {
    match field["type"].as_str().unwrap_or("any") {
        "array" => format!("list of {}", type_name(&field["items"])),
        "object" if field["additionalProperties"].is_object() => {
            format!("map of {}", type_name(&field["additionalProperties"]))
        }
        other => other.to_owned(),
    }
}
