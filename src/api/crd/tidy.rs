//! What the derived schema says and ours does not: `nullable`, formats of numbers, line breaks of the source.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

/// Makes a derived schema what a user should read and the API server take without a warning.
pub(super) fn tidy(schema: &mut JSONSchemaProps) {
    // `Option` derives to `nullable`. Without it the API server drops a `null` as if it had not been written, so that
    // unset has one form in what is stored, and `has()` in a rule means what it says.
    schema.nullable = None;
    if let Some(allowed) = &mut schema.enum_ {
        allowed.retain(|value| !value.0.is_null());
    }
    // The name of the Rust type, which is the kind's.
    schema.title = None;
    // The API server warns of formats that it does not know, such as uint16; the bounds say as much as int32 does.
    schema.format.take_if(|format| format != "date-time");
    if let Some(description) = &mut schema.description {
        *description = unwrap_lines(description);
    }
    // A struct without members denies others by this, which a structural schema cannot say; it prunes them anyway, and
    // refuses them where validation is strict.
    if let Some(JSONSchemaPropsOrBool::Bool(_)) = schema.additional_properties {
        schema.additional_properties = None;
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        tidy(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => tidy(items),
        Some(JSONSchemaPropsOrArray::Schemas(all)) => all.iter_mut().for_each(tidy),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy(values);
    }
}

/// Makes one line of each paragraph.
fn unwrap_lines(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}
