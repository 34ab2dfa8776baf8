//! The kinds of Kubernetes itself that bearward reads: Service, EndpointSlice and Secret, as far as it reads them.
//!
//! Unlike our own kinds they are read leniently: unknown fields and values are other programs' business, and the API
//! server has checked the rest. What is missing where Kubernetes has a default gets that default.

mod endpoint_slice;
mod metadata;
mod secret;
mod service;

pub use endpoint_slice::{AddressType, Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
pub use metadata::Metadata;
pub use secret::Secret;
use serde::{Deserialize, Deserializer};
pub use service::{IpFamily, Service, ServicePort, ServiceSpec, ServiceType, TransportProtocol};

/// Reads `null` as nothing: Kubernetes writes its empty lists so.
fn null_is_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
