//! What the status of an object says.

use std::time::Duration;

use kube::api::DynamicObject;
use serde_json::Value;

use super::{Namespace, eventually};

/// How long a condition may take to be what it should be.
const LIMIT: Duration = Duration::from_secs(20);

/// A condition of an object, if it is there.
pub(crate) fn condition<'a>(object: &'a DynamicObject, kind: &str) -> Option<&'a Value> {
    let conditions = object.data.get("status")?.get("conditions")?.as_array()?;
    conditions.iter().find(|condition| condition["type"] == kind)
}

impl Namespace {
    /// Waits until a condition of a route has this reason, and is the whole condition then.
    pub(crate) async fn until(&self, name: &str, kind: &str, reason: &str) -> Value {
        eventually(&format!("{kind} of {name} is {reason}"), LIMIT, async || {
            let object = self.read("ApiRoute", name).await;
            condition(&object, kind).filter(|condition| condition["reason"] == reason).cloned()
        })
        .await
    }

    /// Waits until the route is enforced as it is now.
    pub(crate) async fn until_enforced(&self, name: &str) -> Value {
        eventually(&format!("{name} is enforced"), LIMIT, async || {
            let object = self.read("ApiRoute", name).await;
            let generation = object.metadata.generation.unwrap();
            let programmed = condition(&object, "Programmed")?;
            let holds = programmed["status"] == "True" && programmed["observedGeneration"] == generation;
            holds.then(|| programmed.clone())
        })
        .await
    }
}
