//! Brings objects in: kube watches, files, key sets, endpoints.

pub mod files;
