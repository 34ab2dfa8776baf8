//! The names and the forms of our Leases.

use ::kube::api::{Api, DeleteParams, PostParams};
use ::kube::{Client, Error};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::Settings;
use crate::clock::UnixTime;

/// The label of a replica's Lease; its value is the class of the installation.
pub(super) const REPLICA_OF: &str = "bearward.dev/replica-of";

/// Who we are to the API server when fields are owned.
pub(super) const FIELD_MANAGER: &str = "bearward";

/// The Lease of the leader.
pub(super) fn leader_name(settings: &Settings) -> String {
    format!("bearward-{}", settings.class)
}

/// The Lease of this replica.
pub(super) fn replica_name(settings: &Settings) -> String {
    format!("bearward-{}.{}", settings.class, settings.identity)
}

/// The Leases of our namespace.
pub(super) fn api(client: &Client, settings: &Settings) -> Api<Lease> {
    Api::namespaced(client.clone(), &settings.namespace)
}

/// A time as Leases have it.
pub(super) fn micro_time(now: UnixTime) -> MicroTime {
    MicroTime(Timestamp::from_millisecond(now.millis()).unwrap_or_default())
}

/// Removes this replica's Lease, and the leader's from our hands.
pub(super) async fn give_up(client: &Client, settings: &Settings) -> Result<(), Error> {
    let api = api(client, settings);
    let name = leader_name(settings);
    if let Some(mut lease) = api.get_opt(&name).await?
        && let Some(spec) = lease.spec.as_mut()
        && spec.holder_identity.as_deref() == Some(&*settings.identity)
    {
        // As client-go does it: nobody holds it, and what there is expires at once.
        *spec = LeaseSpec { holder_identity: None, lease_duration_seconds: Some(1), ..spec.clone() };
        // Carries the resource version: whoever took it meanwhile keeps it.
        ignore_conflict(api.replace(&name, &PostParams::default(), &lease).await.map(drop))?;
    }
    match api.delete(&replica_name(settings), &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
}

fn ignore_conflict(outcome: Result<(), Error>) -> Result<(), Error> {
    match outcome {
        Err(Error::Api(status)) if status.code == 409 => Ok(()),
        other => other,
    }
}
