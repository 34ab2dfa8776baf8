//! A running gateway.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use super::publish::First;
use super::sockets::Addresses;
use crate::admin::{Missing, View};
use crate::cli::Settings;
use crate::proxy::Proxy;
use crate::tasks::Tasks;

/// A gateway that serves. Dropping it ends everything at once; [`Gateway::drain`] ends it in order.
pub struct Gateway {
    settings: Settings,
    addresses: Addresses,
    view: Arc<View>,
    proxy: Proxy,
    tasks: Tasks,
    first: watch::Receiver<First>,
}

impl Gateway {
    pub(super) fn new(
        settings: Settings,
        addresses: Addresses,
        view: Arc<View>,
        proxy: Proxy,
        tasks: Tasks,
        first: watch::Receiver<First>,
    ) -> Self {
        Self { settings, addresses, view, proxy, tasks, first }
    }

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
        self.view.readiness.ready().await;
    }

    /// Waits until nothing is compiled any more, which happens only by a fault of ours. What is served stays in force but
    /// follows no change, so the process should end and be started anew.
    pub async fn stalled(&self) {
        let mut first = self.first.clone();
        while first.changed().await.is_ok() {}
    }

    /// Ends in order: not ready from now on, after the delay no more connections, after the grace nothing any more.
    pub async fn drain(mut self) {
        let clock = &self.view.clock;
        self.view.readiness.set([Missing::Draining].into());
        tracing::info!(delay = ?self.settings.shutdown_delay, grace = ?self.settings.shutdown_grace, "drain began");
        clock.sleep(self.settings.shutdown_delay).await;
        self.proxy.drain(self.settings.shutdown_grace).await;
        self.tasks.abort();
        self.tasks.join().await;
        // Nobody else shows it any more: the servers have ended with their tasks.
        if let Some(log) = Arc::into_inner(self.view).and_then(|view| Arc::into_inner(view.log)) {
            log.close();
        }
        tracing::info!("drain ended");
    }
}
