//! One namespace per test.

use std::sync::atomic::{AtomicU32, Ordering};

use k8s_openapi::api::core::v1::Namespace as Object;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use super::{ControlPlane, User};

/// A namespace that only one test uses, seen by an administrator.
pub(crate) struct Namespace {
    /// Its name.
    pub(crate) name: String,
    /// An administrator's connection.
    pub(crate) admin: Client,
}

impl Namespace {
    /// A new one whose name starts with `stem`.
    pub(crate) async fn new(plane: &ControlPlane, stem: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{stem}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let admin = plane.client(User::ADMIN).await;
        let object: Object = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        Api::all(admin.clone()).create(&PostParams::default(), &object).await.unwrap();
        Self { name, admin }
    }

    /// The objects of a kind in it, such as `bearward.dev/v1alpha1` `ApiRoute`.
    pub(crate) fn api(&self, kind: &str) -> Api<DynamicObject> {
        let (group, version) = match kind {
            "ApiRoute" | "TokenPolicy" | "ModelBackend" => (bearward::api::GROUP, bearward::api::VERSION),
            "EndpointSlice" => ("discovery.k8s.io", "v1"),
            "Lease" => ("coordination.k8s.io", "v1"),
            "Event" => ("events.k8s.io", "v1"),
            "Service" | "Secret" | "ConfigMap" => ("", "v1"),
            other => panic!("{other} is not a kind of these tests"),
        };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.admin.clone(), &self.name, &resource)
    }

    /// Creates or changes an object as `kubectl apply --server-side` does; `rest` is all of it but its identity.
    pub(crate) async fn apply(&self, kind: &str, name: &str, rest: Value) -> DynamicObject {
        self.patch(kind, name, rest).await.unwrap()
    }

    /// The same; `None` if the API server does not take it.
    pub(crate) async fn try_apply(&self, kind: &str, name: &str, rest: Value) -> Option<DynamicObject> {
        self.patch(kind, name, rest).await.ok()
    }

    async fn patch(&self, kind: &str, name: &str, rest: Value) -> kube::Result<DynamicObject> {
        let api = self.api(kind);
        let mut object = rest;
        let types = match kind {
            "ApiRoute" | "TokenPolicy" | "ModelBackend" => "bearward.dev/v1alpha1",
            "EndpointSlice" => "discovery.k8s.io/v1",
            "Lease" => "coordination.k8s.io/v1",
            _ => "v1",
        };
        object["apiVersion"] = types.into();
        object["kind"] = kind.into();
        object["metadata"]["name"] = name.into();
        api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&object)).await
    }

    /// Creates an object that is not there.
    pub(crate) async fn create(&self, kind: &str, name: &str, rest: Value) {
        let mut object = rest;
        object["metadata"]["name"] = name.into();
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        self.api(kind).create(&PostParams::default(), &object).await.unwrap();
    }

    /// Removes an object.
    pub(crate) async fn delete(&self, kind: &str, name: &str) {
        self.api(kind).delete(name, &kube::api::DeleteParams::default()).await.unwrap();
    }

    /// The object as it is now.
    pub(crate) async fn read(&self, kind: &str, name: &str) -> DynamicObject {
        self.api(kind).get(name).await.unwrap()
    }

    /// Our own Service's slice, with these pods and whether each is ready.
    pub(crate) async fn pods(&self, service: &str, pods: &[(&str, bool)]) {
        let endpoints: Vec<Value> = pods
            .iter()
            .enumerate()
            .map(|(index, (name, ready))| {
                json!({
                    "addresses": [format!("10.0.0.{}", index + 1)],
                    "conditions": {"ready": ready},
                    "targetRef": {"kind": "Pod", "name": name, "namespace": self.name},
                })
            })
            .collect();
        let slice = json!({
            "metadata": {"labels": {"kubernetes.io/service-name": service}},
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [],
        });
        self.apply("EndpointSlice", &format!("{service}-1"), slice).await;
    }

    /// Lets `user` do here what the `ClusterRole` `role` says; the way in which a namespace consents.
    pub(crate) async fn bind(&self, role: &str, user: User) -> String {
        self.bind_to(role, &json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user.name})).await
    }

    /// The same for any subject.
    pub(crate) async fn bind_to(&self, role: &str, subject: &Value) -> String {
        self.bind_as(role, role, subject).await
    }

    /// The same under another name, for a second subject.
    pub(crate) async fn bind_as(&self, name: &str, role: &str, subject: &Value) -> String {
        let binding: RoleBinding = serde_json::from_value(json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [subject],
        }))
        .unwrap();
        let api = Api::namespaced(self.admin.clone(), &self.name);
        api.create(&PostParams::default(), &binding).await.unwrap().name_any()
    }

    /// Takes back what [`Namespace::bind`] gave.
    pub(crate) async fn unbind(&self, role: &str) {
        let api: Api<RoleBinding> = Api::namespaced(self.admin.clone(), &self.name);
        api.delete(role, &kube::api::DeleteParams::default()).await.unwrap();
    }
}

/// The spec of an ApiRoute that is open to everybody and leads nowhere.
pub(crate) fn route(host: &str) -> Value {
    json!({"spec": {"hosts": [host], "rules": [{
        "name": "all",
        "auth": {"anonymous": true},
        "backends": [{"service": {"name": "echo", "port": 80}}],
    }]}})
}
