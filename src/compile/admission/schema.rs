//! The schema of a kind, compiled once from its definition to a form that is quick to judge by.
//!
//! Only what our definitions say is understood. A keyword that is not is an error here, never ignored: a schema that
//! does not compile refuses every object, and a test compiles all.

use std::collections::BTreeMap;

use crate::api::crd::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};
use serde_json::Value;
use thiserror::Error;

use super::pattern::Pattern;
use super::rule::Rule;

/// What a definition says that this interpreter does not understand.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum SchemaError {
    /// There is no schema for our version.
    #[error("there is no schema for this version")]
    Missing,
    /// A keyword that is not understood, or not in this place.
    #[error("the keyword {0} is not understood here")]
    Keyword(&'static str),
    /// A pattern that does not compile.
    #[error("the pattern {0} does not compile")]
    Pattern(String),
    /// A rule that does not compile.
    #[error("the rule {0} does not compile")]
    Rule(String),
}

/// One value: what it may be.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) form: Form,
    /// If not empty, it is one of these.
    pub(super) allowed: Vec<Value>,
    /// What a form cannot say.
    pub(super) rules: Vec<Rule>,
    /// A value that is allowed, as the documentation writes it.
    pub(super) example: Option<Box<str>>,
}

/// The type of a value, with the bounds that go with it.
#[derive(Debug)]
pub(super) enum Form {
    /// An object with these members and no others.
    Struct(Vec<Member>),
    /// An object with any names.
    Map {
        values: Box<Node>,
        size: Range<usize>,
    },
    List {
        items: Box<Node>,
        size: Range<usize>,
        unique: Unique,
    },
    /// Lengths are in characters.
    Text {
        pattern: Option<Pattern>,
        size: Range<usize>,
    },
    Integer(Range<i64>),
    Boolean,
}

/// One member of an object.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: Box<str>,
    /// The name as CEL spells it.
    pub(super) cel_name: Box<str>,
    pub(super) required: bool,
    pub(super) node: Node,
}

/// Bounds, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range<T> {
    pub(super) least: Option<T>,
    pub(super) most: Option<T>,
}

/// Which items of a list may not be there twice.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unique {
    /// None: items may be equal.
    Nothing,
    /// Equal items.
    Items,
    /// Items with the same values in these members.
    Keys(Vec<Box<str>>),
}

impl Node {
    /// The node of `spec` in this definition.
    pub(super) fn of_spec(definition: CustomResourceDefinition) -> Result<Self, SchemaError> {
        let version = definition.spec.versions.into_iter().find(|version| version.name == crate::api::VERSION);
        let mut root = version.and_then(|version| version.schema?.open_api_v3_schema).ok_or(SchemaError::Missing)?;
        let mut properties = root.properties.take().ok_or(SchemaError::Missing)?;
        let spec = properties.remove("spec").ok_or(SchemaError::Missing)?;
        // The root may say nothing besides: whoever judges an object begins at its spec, and asks for that.
        properties.remove("status");
        if root.required.take() != Some(vec!["spec".to_owned()]) || !properties.is_empty() {
            return Err(SchemaError::Keyword("required"));
        }
        let root = Self::compile(root)?;
        if !root.rules.is_empty() || !root.allowed.is_empty() {
            return Err(SchemaError::Keyword("x-kubernetes-validations"));
        }
        Self::compile(spec)
    }

    fn compile(schema: JSONSchemaProps) -> Result<Self, SchemaError> {
        let (mut keywords, common) = Keywords::of(schema)?;
        let form = match common.kind.as_deref() {
            Some("object") => keywords.object()?,
            Some("array") => keywords.list()?,
            Some("string") => keywords.text()?,
            Some("integer") => keywords.integer()?,
            Some("boolean") => Form::Boolean,
            _ => return Err(SchemaError::Keyword("type")),
        };
        keywords.are_used_up()?;
        Ok(Self {
            form,
            allowed: common.allowed.into_iter().flatten().map(|JSON(value)| value).collect(),
            rules: common.rules.into_iter().flatten().map(Rule::compile).collect::<Result<_, _>>()?,
            example: common.description.as_deref().and_then(example).map(Into::into),
        })
    }
}

/// The keywords that any type may have.
struct Common {
    kind: Option<String>,
    description: Option<String>,
    allowed: Option<Vec<JSON>>,
    rules: Option<Vec<ValidationRule>>,
}

/// The keywords that belong to one type. Whoever understands one takes it out; what is left is not understood.
struct Keywords {
    properties: Option<BTreeMap<String, JSONSchemaProps>>,
    required: Option<Vec<String>>,
    additional_properties: Option<JSONSchemaPropsOrBool>,
    min_properties: Option<i64>,
    max_properties: Option<i64>,
    items: Option<JSONSchemaPropsOrArray>,
    min_items: Option<i64>,
    max_items: Option<i64>,
    list_type: Option<String>,
    list_map_keys: Option<Vec<String>>,
    pattern: Option<String>,
    min_length: Option<i64>,
    max_length: Option<i64>,
    minimum: Option<f64>,
    maximum: Option<f64>,
}

impl Keywords {
    fn of(schema: JSONSchemaProps) -> Result<(Self, Common), SchemaError> {
        // Every field is named, so that a keyword that is new to the crate cannot be overlooked.
        let JSONSchemaProps {
            ref_path,
            schema,
            additional_items,
            additional_properties,
            all_of,
            any_of,
            default,
            definitions,
            dependencies,
            description,
            enum_,
            example: _,
            exclusive_maximum,
            exclusive_minimum,
            external_docs: _,
            format,
            id: _,
            items,
            max_items,
            max_length,
            max_properties,
            maximum,
            min_items,
            min_length,
            min_properties,
            minimum,
            multiple_of,
            not,
            nullable,
            one_of,
            pattern,
            pattern_properties,
            properties,
            required,
            title: _,
            type_,
            unique_items,
            x_kubernetes_embedded_resource,
            x_kubernetes_int_or_string,
            x_kubernetes_list_map_keys,
            x_kubernetes_list_type,
            x_kubernetes_map_type,
            x_kubernetes_preserve_unknown_fields,
            x_kubernetes_validations,
        } = schema;
        for (keyword, is_there) in [
            ("$ref", ref_path.is_some()),
            ("$schema", schema.is_some()),
            ("additionalItems", additional_items.is_some()),
            ("allOf", all_of.is_some()),
            ("anyOf", any_of.is_some()),
            ("default", default.is_some()),
            ("definitions", definitions.is_some()),
            ("dependencies", dependencies.is_some()),
            ("exclusiveMaximum", exclusive_maximum.is_some()),
            ("exclusiveMinimum", exclusive_minimum.is_some()),
            ("format", format.is_some()),
            ("multipleOf", multiple_of.is_some()),
            ("not", not.is_some()),
            ("nullable", nullable.is_some()),
            ("oneOf", one_of.is_some()),
            ("patternProperties", pattern_properties.is_some()),
            ("uniqueItems", unique_items.is_some()),
            ("x-kubernetes-embedded-resource", x_kubernetes_embedded_resource.is_some()),
            ("x-kubernetes-int-or-string", x_kubernetes_int_or_string.is_some()),
            ("x-kubernetes-map-type", x_kubernetes_map_type.is_some()),
            ("x-kubernetes-preserve-unknown-fields", x_kubernetes_preserve_unknown_fields.is_some()),
        ] {
            if is_there {
                return Err(SchemaError::Keyword(keyword));
            }
        }
        let keywords = Self {
            properties,
            required,
            additional_properties,
            min_properties,
            max_properties,
            items,
            min_items,
            max_items,
            list_type: x_kubernetes_list_type,
            list_map_keys: x_kubernetes_list_map_keys,
            pattern,
            min_length,
            max_length,
            minimum,
            maximum,
        };
        let common = Common { kind: type_, description, allowed: enum_, rules: x_kubernetes_validations };
        Ok((keywords, common))
    }

    fn object(&mut self) -> Result<Form, SchemaError> {
        let size = Range::of_counts(self.min_properties.take(), self.max_properties.take());
        match self.additional_properties.take() {
            Some(JSONSchemaPropsOrBool::Schema(values)) => {
                Ok(Form::Map { values: Box::new(Node::compile(*values)?), size })
            }
            Some(JSONSchemaPropsOrBool::Bool(_)) => Err(SchemaError::Keyword("additionalProperties")),
            None if size != Range::of_counts(None, None) => Err(SchemaError::Keyword("minProperties")),
            None => {
                let required = self.required.take().unwrap_or_default();
                let properties = self.properties.take().unwrap_or_default();
                if required.iter().any(|name| !properties.contains_key(name)) {
                    return Err(SchemaError::Keyword("required"));
                }
                let member = |(name, schema): (String, JSONSchemaProps)| {
                    Ok(Member {
                        cel_name: cel_name(&name).into(),
                        required: required.contains(&name),
                        name: name.into(),
                        node: Node::compile(schema)?,
                    })
                };
                Ok(Form::Struct(properties.into_iter().map(member).collect::<Result<_, _>>()?))
            }
        }
    }

    fn list(&mut self) -> Result<Form, SchemaError> {
        let Some(JSONSchemaPropsOrArray::Schema(items)) = self.items.take() else {
            return Err(SchemaError::Keyword("items"));
        };
        let unique = match (self.list_type.take().as_deref(), self.list_map_keys.take()) {
            (None | Some("atomic"), None) => Unique::Nothing,
            (Some("set"), None) => Unique::Items,
            (Some("map"), Some(keys)) => Unique::Keys(keys.into_iter().map(Into::into).collect()),
            _ => return Err(SchemaError::Keyword("x-kubernetes-list-type")),
        };
        let size = Range::of_counts(self.min_items.take(), self.max_items.take());
        Ok(Form::List { items: Box::new(Node::compile(*items)?), size, unique })
    }

    fn text(&mut self) -> Result<Form, SchemaError> {
        let compile = |source: String| Pattern::compile(&source).ok_or(SchemaError::Pattern(source));
        let pattern = self.pattern.take().map(compile).transpose()?;
        Ok(Form::Text { pattern, size: Range::of_counts(self.min_length.take(), self.max_length.take()) })
    }

    fn integer(&mut self) -> Result<Form, SchemaError> {
        let whole = |bound: f64| whole_number(bound).ok_or(SchemaError::Keyword("minimum"));
        Ok(Form::Integer(Range {
            least: self.minimum.take().map(whole).transpose()?,
            most: self.maximum.take().map(whole).transpose()?,
        }))
    }

    /// Whether everything that was said has been understood.
    fn are_used_up(self) -> Result<(), SchemaError> {
        for (keyword, is_left) in [
            ("properties", self.properties.is_some()),
            ("required", self.required.is_some()),
            ("additionalProperties", self.additional_properties.is_some()),
            ("minProperties", self.min_properties.is_some()),
            ("maxProperties", self.max_properties.is_some()),
            ("items", self.items.is_some()),
            ("minItems", self.min_items.is_some()),
            ("maxItems", self.max_items.is_some()),
            ("x-kubernetes-list-type", self.list_type.is_some()),
            ("x-kubernetes-list-map-keys", self.list_map_keys.is_some()),
            ("pattern", self.pattern.is_some()),
            ("minLength", self.min_length.is_some()),
            ("maxLength", self.max_length.is_some()),
            ("minimum", self.minimum.is_some()),
            ("maximum", self.maximum.is_some()),
        ] {
            if is_left {
                return Err(SchemaError::Keyword(keyword));
            }
        }
        Ok(())
    }
}

impl Range<usize> {
    /// Counts are never negative; a bound that is says nothing.
    fn of_counts(least: Option<i64>, most: Option<i64>) -> Self {
        let count = |bound: Option<i64>| bound.and_then(|bound| usize::try_from(bound).ok());
        Self { least: count(least), most: count(most) }
    }
}

/// The whole number that is exactly this, if a JSON reader would not have rounded it.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "the range was checked, and it is whole")]
pub(super) fn whole_number(number: f64) -> Option<i64> {
    // 2⁵³: beyond it, neighbouring whole numbers look the same.
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}

/// What a description gives as its example.
fn example(description: &str) -> Option<&str> {
    let (_, example) = description.rsplit_once("Example: `")?;
    example.split('`').next()
}

/// The name of a member in CEL (Kubernetes, "Validation rules": escaping). Names that cannot be spelled there are of
/// letters, digits and underscores in our schemas, so only reserved words change, and what the escapes themselves use.
fn cel_name(name: &str) -> String {
    const RESERVED: [&str; 21] = [
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ];
    if RESERVED.contains(&name) {
        return format!("__{name}__");
    }
    name.replace("__", "__underscores__").replace('.', "__dot__").replace('-', "__dash__").replace('/', "__slash__")
}
