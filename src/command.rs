//! One file per command that is not the gateway: check, explain, token, keys, crds, audit.

pub mod check;
pub mod crds;
mod files;
pub mod keys;
mod private_key;
pub mod token;

pub use files::{FileError, FileProblem};
pub use private_key::PrivateKeyError;
