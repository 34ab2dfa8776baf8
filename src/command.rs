//! One file per command that is not the gateway: check, explain, token, keys, crds, audit.

pub mod check;
