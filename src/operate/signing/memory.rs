//! Rings that end with the process: for a demonstration.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::keep::{Found, Keep, KeepError};
use crate::name::ObjectKey;
use crate::rotation::Plan;
use crate::rotation::{Keyring, Ring};
use crate::secret::Secret;

/// A Secret's members, and how often they were written.
type Versioned = (u64, BTreeMap<String, Secret>);

/// Rings in memory; as many as there are policies with `issue`.
#[derive(Default)]
pub(super) struct Unkept {
    kept: Mutex<BTreeMap<ObjectKey, Versioned>>,
}

impl Keep for Unkept {
    type Version = u64;

    async fn load(&self, plan: &Plan) -> Result<Found<u64>, KeepError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match kept.get(&plan.secret) {
            None => Found::Nothing,
            Some((version, data)) => match Keyring::read(data) {
                Ok(keyring) => Found::Ours(Box::new(keyring), *version),
                Err(error) => Found::Broken(error.to_string()),
            },
        })
    }

    async fn save(&self, plan: &Plan, keyring: &Keyring, over: Option<u64>) -> Result<(), KeepError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.get(&plan.secret).map(|(version, _)| *version) != over {
            return Err(KeepError::Conflict);
        }
        let data = keyring.write().into_iter().map(|(member, bytes)| (member, Secret::new(bytes))).collect();
        kept.insert(plan.secret.clone(), (over.unwrap_or_default().saturating_add(1), data));
        Ok(())
    }

    async fn last(&self, _plan: &Plan) -> Result<Option<Ring>, KeepError> {
        Ok(None)
    }

    fn place(&self, plan: &Plan) -> String {
        format!("memory: {}", plan.secret)
    }

    async fn remember(&self, _plan: &Plan, _ring: &Ring) -> Result<Option<Ring>, KeepError> {
        Ok(None)
    }
}
