//! `crds/*.yaml` is what `api` says.

use bearward::api;
use bearward::name::Kind;

use crate::assert_file;

const OURS: [(Kind, &str); 3] = [
    (Kind::ApiRoute, "crds/apiroutes.yaml"),
    (Kind::TokenPolicy, "crds/tokenpolicies.yaml"),
    (Kind::ModelBackend, "crds/modelbackends.yaml"),
];

#[test]
fn the_definitions_are_what_the_types_say() {
    for (kind, path) in OURS {
        assert_file(path, &api::crd_yaml(kind).unwrap());
    }
}

#[test]
fn a_definition_is_small_enough_to_apply() {
    for (kind, path) in OURS {
        let size = api::crd_yaml(kind).unwrap().len();
        assert!(size < 200 * 1024, "{path} has {size} bytes");
    }
}

#[test]
fn there_is_no_definition_of_what_is_not_ours() {
    assert_eq!(api::crds().len(), OURS.len());
    for kind in [Kind::Service, Kind::EndpointSlice, Kind::Secret] {
        assert_eq!(api::crd_yaml(kind), None, "{kind}");
    }
}
