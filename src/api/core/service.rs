//! A Service: a name and ports in front of endpoints.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Metadata, null_is_empty};

/// A Service of the core group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// What it says about itself.
    pub metadata: Metadata,
    /// What it is.
    pub spec: ServiceSpec,
}

/// What a Service is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// How it is reached.
    #[serde(rename = "type")]
    pub kind: ServiceType,
    /// Its ports.
    #[serde(deserialize_with = "null_is_empty")]
    pub ports: Vec<ServicePort>,
    /// Which pods are behind it. Without one, somebody else writes its slices.
    #[serde(deserialize_with = "null_is_empty")]
    pub selector: BTreeMap<String, String>,
    /// Its address; `None` for a headless Service, empty where none was given yet.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: String,
    /// The families of its addresses, the primary one first; empty in files that do not say.
    #[serde(deserialize_with = "null_is_empty")]
    pub ip_families: Vec<IpFamily>,
}

/// How a Service is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ServiceType {
    /// By an address inside the cluster, or headless.
    #[default]
    ClusterIP,
    /// Also by a port of every node.
    NodePort,
    /// Also by a load balancer.
    LoadBalancer,
    /// It is a name for something outside the cluster and has no endpoints.
    ExternalName,
    /// In a way that this version does not know.
    #[serde(other)]
    Unknown,
}

/// One port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// Its name, by which each EndpointSlice knows it; empty where it is the only one.
    #[serde(default)]
    pub name: String,
    /// Its number.
    pub port: u16,
    /// What it carries.
    #[serde(default)]
    pub protocol: TransportProtocol,
    /// What is spoken over that, such as `kubernetes.io/h2c`.
    #[serde(default)]
    pub app_protocol: Option<String>,
}

/// What a port carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TransportProtocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum IpFamily {
    /// IPv4.
    IPv4,
    /// IPv6.
    IPv6,
    /// A family that this version does not know.
    #[serde(other)]
    Unknown,
}
