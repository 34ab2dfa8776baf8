//! Against a real etcd and a real kube-apiserver: admission, watches, leases, status.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

mod admission;
mod definitions;
mod gateway;
mod harness;
mod leaders;
mod outage;
mod records;
mod secrets;
mod statuses;
mod watches;
