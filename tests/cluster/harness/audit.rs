//! What was written, by whom: the API server's own audit log.

use std::path::Path;

use serde_json::Value;

/// Every write to our kinds, to Leases, events, `ConfigMap`s and Secrets that has completed.
pub(super) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [create, update, patch, delete]
  resources: [{group: bearward.dev}, {group: coordination.k8s.io}, {group: events.k8s.io}, {group: '', resources: [configmaps, secrets]}]
- level: None
";

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    /// Who.
    pub(crate) user: String,
    /// The plural of the kind, with the subresource: `apiroutes/status`.
    pub(crate) resource: String,
    /// Which object.
    pub(crate) name: String,
    /// What the API server answered.
    pub(crate) status: u64,
    /// Whether it took it.
    pub(crate) taken: bool,
}

/// The writes in a namespace, in order.
pub(super) fn writes(log: &Path, namespace: &str) -> Vec<Write> {
    let text = std::fs::read_to_string(log).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["objectRef"]["namespace"] == namespace).map(|event| write(&event)).collect()
}

fn write(event: &Value) -> Write {
    let object = &event["objectRef"];
    let resource = object["resource"].as_str().unwrap();
    let status = event["responseStatus"]["code"].as_u64().unwrap_or_default();
    Write {
        status,
        user: event["user"]["username"].as_str().unwrap().to_owned(),
        resource: object["subresource"]
            .as_str()
            .map_or_else(|| resource.to_owned(), |part| format!("{resource}/{part}")),
        name: object["name"].as_str().unwrap_or_default().to_owned(),
        taken: status < 300,
    }
}
