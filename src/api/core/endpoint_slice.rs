//! An EndpointSlice: some of the addresses behind a Service.

use serde::Deserialize;

use super::{Metadata, TransportProtocol, null_is_empty};

/// An EndpointSlice of `discovery.k8s.io/v1`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSlice {
    /// What it says about itself; its label [`EndpointSlice::SERVICE_LABEL`] names the Service.
    #[serde(default)]
    pub metadata: Metadata,
    /// What the addresses are.
    pub address_type: AddressType,
    /// The endpoints.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub endpoints: Vec<Endpoint>,
    /// The ports that every one of the endpoints has.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub ports: Vec<EndpointPort>,
}

impl EndpointSlice {
    /// The label that names the Service of a slice.
    pub const SERVICE_LABEL: &str = "kubernetes.io/service-name";
}

/// What the addresses of a slice are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum AddressType {
    /// IPv4 addresses.
    IPv4,
    /// IPv6 addresses.
    IPv6,
    /// Names.
    FQDN,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// One endpoint, usually a pod.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Its addresses; they are interchangeable, and Kubernetes' own controllers write exactly one.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub addresses: Vec<String>,
    /// What is known about its state.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub conditions: EndpointConditions,
}

/// What is known about the state of an endpoint. `None` means unknown, which for `ready` and `serving` is to be read as
/// true and for `terminating` as false (the documentation of `discovery.k8s.io/v1`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct EndpointConditions {
    /// It takes requests.
    pub ready: Option<bool>,
    /// It takes requests, whether or not it terminates.
    pub serving: Option<bool>,
    /// It terminates.
    pub terminating: Option<bool>,
}

/// One port that every endpoint of a slice has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointPort {
    /// The name of the Service's port; empty or absent where it is the only one.
    pub name: Option<String>,
    /// The number on the endpoint. Absent, it is every port, which a Service of ours cannot use.
    pub port: Option<u16>,
    /// What it carries; TCP when absent.
    pub protocol: Option<TransportProtocol>,
    /// What is spoken over that, such as `kubernetes.io/h2c`.
    pub app_protocol: Option<String>,
}
