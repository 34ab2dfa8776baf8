//! Against a real etcd and a real kube-apiserver: admission, watches, leases, status.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod definitions;
mod harness;
mod outage;
mod secrets;
mod watches;
