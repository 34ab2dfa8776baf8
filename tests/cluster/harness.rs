//! A real etcd and a real kube-apiserver for the tests of this binary.
//!
//! One control plane is shared by all tests, which stay apart by namespace; a test that kills the API server or changes
//! a definition starts one of its own. The programs come from `KUBEBUILDER_ASSETS`, else from the cache that
//! `build-tools.sh` fills, which is run when something is missing. Nothing is ever skipped.

mod audit;
mod certificates;
mod client;
mod control_plane;
mod echo;
mod eventually;
mod history;
mod installation;
mod issuer;
mod namespace;
mod observer;
mod process;
mod replica;
mod status;
mod token_load;
mod tools;
mod user;

pub(crate) use client::{Ask, Load};
pub(crate) use control_plane::{ControlPlane, from_root};
pub(crate) use echo::Echo;
pub(crate) use eventually::eventually;
pub(crate) use history::History;
pub(crate) use installation::{Gateway, Installation};
pub(crate) use issuer::Issuer;
pub(crate) use namespace::{Namespace, route};
pub(crate) use observer::Observer;
pub(crate) use replica::{Replica, judged, short};
pub(crate) use status::condition;
pub(crate) use token_load::TokenLoad;
pub(crate) use user::User;
