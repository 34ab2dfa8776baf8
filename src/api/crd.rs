//! The `CustomResourceDefinition`s of our kinds, as objects and as the YAML in `crds/`.

mod columns;
mod tidy;
mod yaml;

/// The parts of a definition, for whoever judges by it.
pub use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};
use kube::CustomResourceExt;

use super::{ApiRoute, ModelBackend, TokenPolicy};
use crate::name::Kind;

/// The definitions of all our kinds, in the order of [`Kind`].
pub fn crds() -> Vec<CustomResourceDefinition> {
    Kind::ALL.into_iter().filter_map(crd).collect()
}

/// The definition of one of our kinds; `None` for a kind of Kubernetes.
pub fn crd(kind: Kind) -> Option<CustomResourceDefinition> {
    let mut definition = match kind {
        Kind::ApiRoute => ApiRoute::crd(),
        Kind::TokenPolicy => TokenPolicy::crd(),
        Kind::ModelBackend => ModelBackend::crd(),
        Kind::Service | Kind::EndpointSlice | Kind::Secret | Kind::File => return None,
    };
    for version in &mut definition.spec.versions {
        version.additional_printer_columns = Some(columns::of(kind));
        if let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            tidy::tidy(schema);
        }
    }
    Some(definition)
}

/// The definition of one of our kinds as YAML, ready for `kubectl apply`; `None` for a kind of Kubernetes.
pub fn crd_yaml(kind: Kind) -> Option<String> {
    let definition = serde_json::to_value(crd(kind)?).ok()?;
    Some(yaml::write(&definition))
}
