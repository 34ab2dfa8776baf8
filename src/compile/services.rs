//! From a Service and its slices to the addresses of one of its ports.
//!
//! The port's number in the Service gives its name, and the name gives the number in each slice: a pod's port may have
//! another number in every slice.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::notes::Problem;
use super::unit::ServicePort;
use crate::api::core::{AddressType, Endpoint, EndpointSlice, IpFamily, Service, ServiceType, TransportProtocol};
use crate::finding::{Code, did_you_mean};
use crate::name::Kind;
use crate::resources::{Body, Object, Reading};
use crate::snapshot::Endpoints;

/// The label by which a Service without a selector says that its slices may be used, whoever writes them.
const ENDPOINTS_LABEL: &str = "bearward.dev/endpoints";

/// What became of a port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PortState {
    /// Why nothing is sent to it.
    pub(super) problem: Option<Problem>,
    /// What its users should know.
    pub(super) warning: Option<Problem>,
}

/// The state of a port, and its addresses.
pub(super) fn resolve(port: &ServicePort, reading: &mut Reading<'_>) -> (PortState, Endpoints) {
    match serving_port(port, reading) {
        Ok(found) => addresses(port, &found, reading),
        Err(problem) => (PortState { problem: Some(problem), warning: None }, Endpoints::default()),
    }
}

/// What slices are asked for.
struct Found<'a> {
    service: &'a Service,
    /// The name of the port; empty if it is the only one.
    name: &'a str,
}

fn serving_port<'a>(port: &ServicePort, reading: &mut Reading<'a>) -> Result<Found<'a>, Problem> {
    let key = &port.service;
    let Some(object) = reading.object(key) else {
        let candidates = reading.namespace(Kind::Service, &key.namespace).map(|object| &*object.key().name);
        let hint = did_you_mean(&key.name, candidates);
        let cause = format!("this namespace has no Service {}{hint}", key.name);
        return Err(Problem::plain(Code::BackendNotFound, cause));
    };
    let service = match &object.body {
        Body::Service(service) => service,
        Body::Undecodable(_) | Body::Ours(_) | Body::EndpointSlice(_) | Body::Secret(_) | Body::Withheld(..) => {
            let cause = format!("the Service {} could not be read", key.name);
            return Err(Problem::new(Code::UnsupportedService, cause, "Correct the Service."));
        }
    };
    if matches!(service.spec.kind, ServiceType::ExternalName) {
        let cause = format!("the Service {} is of type ExternalName, which has no endpoints", key.name);
        return Err(Problem::new(Code::UnsupportedService, cause, "Use url for a name outside the cluster."));
    }
    if service.spec.selector.is_empty() && !is_consenting(object) {
        let cause = format!("the Service {} has no selector, so anybody may have written its endpoints", key.name);
        let cure = format!("Label the Service {ENDPOINTS_LABEL}: \"true\" if its EndpointSlices can be trusted.");
        return Err(Problem::new(Code::UnsupportedService, cause, cure));
    }
    let mut ports = service.spec.ports.iter();
    let found = ports.find(|candidate| candidate.port == port.port && candidate.protocol == TransportProtocol::Tcp);
    let Some(found) = found else {
        let listed: Vec<String> = service.spec.ports.iter().map(|listed| listed.port.to_string()).collect();
        let listed = if listed.is_empty() { "none".to_owned() } else { listed.join(", ") };
        let cause = format!("the Service {} has no TCP port {}; it lists {listed}", key.name, port.port);
        return Err(Problem::plain(Code::PortNotFound, cause));
    };
    Ok(Found { service, name: &found.name })
}

fn is_consenting(service: &Object) -> bool {
    service.meta.labels.get(ENDPOINTS_LABEL).is_some_and(|value| **value == *"true")
}

fn addresses(port: &ServicePort, found: &Found<'_>, reading: &mut Reading<'_>) -> (PortState, Endpoints) {
    let mut ready = BTreeSet::new();
    let mut leaving = BTreeSet::new();
    let (mut with_addresses, mut with_names) = (false, false);
    for slice in reading.slices(&port.service) {
        let Body::EndpointSlice(slice) = &slice.body else { continue };
        match slice.address_type {
            AddressType::FQDN => with_names = true,
            AddressType::IPv4 | AddressType::IPv6 => with_addresses = true,
            AddressType::Unknown => {}
        }
        let Some(number) = number_in(slice, found.name).filter(|_| is_used(found.service, slice.address_type)) else {
            continue;
        };
        for endpoint in &slice.endpoints {
            let Some(address) = address(endpoint, slice.address_type) else { continue };
            let address = SocketAddr::new(address, number);
            let conditions = endpoint.conditions;
            // Unknown is to be read as true, but for `terminating` (the documentation of discovery.k8s.io/v1).
            if conditions.ready != Some(false) {
                ready.insert(address);
            } else if conditions.serving != Some(false) && conditions.terminating == Some(true) {
                leaving.insert(address);
            }
        }
    }
    // Whoever still serves is better than nobody: that is how the last pods of a rollout end without errors.
    let addresses = if ready.is_empty() { leaving } else { ready };
    let mut state = PortState::default();
    if with_names {
        let cause = format!("the Service {} has EndpointSlices with names, which are not used", port.service.name);
        let problem = Problem::new(Code::UnsupportedService, cause, "Use url for a name outside the cluster.");
        let place = if with_addresses { &mut state.warning } else { &mut state.problem };
        *place = Some(problem);
    }
    (state, Endpoints { addresses: addresses.into_iter().collect() })
}

/// The number that the port of this name has in a slice.
fn number_in(slice: &EndpointSlice, name: &str) -> Option<u16> {
    let mut ports = slice.ports.iter();
    let port = ports.find(|port| {
        port.name.as_deref().unwrap_or_default() == name && port.protocol.unwrap_or_default() == TransportProtocol::Tcp
    });
    port?.port
}

/// Whether the Service has addresses of this family. A Service that does not say, as in a file, has every family.
fn is_used(service: &Service, addresses: AddressType) -> bool {
    let families = &service.spec.ip_families;
    match addresses {
        AddressType::IPv4 => families.is_empty() || families.contains(&IpFamily::IPv4),
        AddressType::IPv6 => families.is_empty() || families.contains(&IpFamily::IPv6),
        AddressType::FQDN | AddressType::Unknown => false,
    }
}

/// The address of an endpoint. Those of one endpoint are interchangeable, so the first stands for it.
fn address(endpoint: &Endpoint, family: AddressType) -> Option<IpAddr> {
    let address: IpAddr = endpoint.addresses.first()?.parse().ok()?;
    (address.is_ipv4() == (family == AddressType::IPv4)).then_some(address)
}
