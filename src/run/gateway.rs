//! A running gateway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::publish::First;
use super::sockets::Addresses;
use crate::admin::{Missing, Readiness};
use crate::clock::Clock;
use crate::operate::Operator;
use crate::proxy::Proxy;
use crate::tasks::{self, Tasks};
use crate::telemetry::LogFile;

/// A gateway that serves. Dropping it ends everything at once; [`Gateway::drain`] ends it in order.
pub struct Gateway {
    pub(super) addresses: Addresses,
    pub(super) clock: Clock,
    /// From being told to end to accepting no more connections.
    pub(super) delay: Duration,
    /// From then to the end.
    pub(super) grace: Duration,
    pub(super) readiness: Arc<Readiness>,
    pub(super) first: watch::Receiver<First>,
    pub(super) proxy: Proxy,
    pub(super) tasks: Tasks,
    /// Only with a cluster.
    pub(super) operator: Option<Operator>,
    pub(super) log: LogFile,
}

impl Gateway {
    /// Where requests are served.
    pub const fn http(&self) -> SocketAddr {
        self.addresses.http
    }

    /// Where health, readiness and metrics are served.
    pub const fn probes(&self) -> SocketAddr {
        self.addresses.probes
    }

    /// Where the operator's view is served.
    pub const fn admin(&self) -> SocketAddr {
        self.addresses.admin
    }

    /// Waits until the gateway is ready: every source that its first snapshot names has answered or failed.
    pub async fn ready(&self) {
        self.readiness.ready().await;
    }

    /// Waits until nothing is compiled any more, which happens only by a fault of ours. What is served stays in force but
    /// follows no change, so the process should end and be started anew.
    pub async fn stalled(&self) {
        let mut first = self.first.clone();
        while first.changed().await.is_ok() {}
    }

    /// Ends in order: not ready from now on, after the delay no more connections, after the grace nothing any more.
    pub async fn drain(mut self) {
        let Self { delay, grace, .. } = self;
        self.readiness.set([Missing::Draining].into());
        tracing::info!(?delay, ?grace, "drain began");
        self.clock.sleep(delay).await;
        self.proxy.drain(grace).await;
        // Last of what others see: until here this replica enforces what it said.
        if let Some(operator) = self.operator {
            Box::pin(operator.stop()).await;
        }
        self.tasks.abort();
        self.tasks.join().await;
        let log = self.log;
        tasks::blocking("close log", move || log.close()).await;
        tracing::info!("drain ended");
    }
}
