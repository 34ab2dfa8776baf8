//! Whose keys rotate, where they are kept, and when.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Schedule, Wishes};
use crate::name::ObjectKey;

/// What a policy says of the keys of its issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The policy.
    pub policy: ObjectKey,
    /// Its identity among all that ever had its name; empty in files.
    pub uid: Box<str>,
    /// The issuer, byte for byte.
    pub issuer: Box<str>,
    /// The Secret in which the keys are kept.
    pub secret: ObjectKey,
    /// When they rotate.
    pub schedule: Schedule,
    /// What is asked for besides.
    pub wishes: Wishes,
    /// Of which version the Secret is, as it was compiled: it moves when somebody has written it.
    pub seen: Option<u64>,
}

/// The plans of all policies whose keys are ours to rotate.
pub type Plans = Arc<BTreeMap<ObjectKey, Arc<Plan>>>;
