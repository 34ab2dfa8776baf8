//! How a watch goes on after each way in which it can fail.

use std::sync::Arc;
use std::time::Duration;

use ::kube::core::Status;
use ::kube::core::response::{StatusCause, StatusDetails};
use ::kube::{Client, Config, Error};

use super::super::pace::{Backoff, Jitter, Pace};
use super::{Event, Failure, Resource, State, Watch};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::name::Kind;

fn watch(resource: Resource) -> (Watch, Arc<ManualClock>) {
    // Nobody listens there, and nothing is sent.
    let client = Client::try_from(Config::new(http::Uri::from_static("http://127.0.0.1:1"))).unwrap();
    let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_800_000_000)));
    let backoff = Backoff::new(Pace::default(), Jitter::from_seed(7));
    (Watch::new(client, resource, backoff, Clock::manual(Arc::clone(&clock))), clock)
}

fn services() -> Resource {
    Resource::of(Kind::Service, None)
}

fn secrets() -> Resource {
    Resource::of(Kind::Secret, Some("shop")).often_forbidden()
}

/// A watch that had listed, and whose objects are in force.
fn listed(resource: Resource) -> (Watch, Arc<ManualClock>) {
    let (mut watch, clock) = watch(resource);
    watch.state = State::Listed { version: "7".to_owned() };
    watch.in_force = true;
    (watch, clock)
}

#[tokio::test]
async fn a_refusal_is_believed_only_after_ten_seconds_of_nothing_else() {
    for resource in [services(), secrets()] {
        let (mut watch, clock) = listed(resource);
        for _ in 0..9 {
            assert!(watch.failed(Failure::Forbidden).is_none());
            assert!(watch.pause.unwrap() <= Pace::default().most, "it may be over in a moment");
            assert!(matches!(watch.state, State::Listed { .. }), "the watch goes on where it was");
            clock.advance(Duration::from_secs(1));
        }
        // Another answer in between: the API server is starting.
        assert!(watch.failed(Failure::Other("429: storage is (re)initializing".to_owned())).is_none());
        clock.advance(Duration::from_secs(5));
        assert!(watch.failed(Failure::Forbidden).is_none());
        clock.advance(Duration::from_secs(10));
        assert!(matches!(watch.failed(Failure::Forbidden), Some(Event::Forbidden)));
        assert!(matches!(watch.state, State::Unlisted), "nothing of it is in force");
        assert!(watch.pause.unwrap() >= Pace::default().forbidden);
        assert!(watch.failed(Failure::Forbidden).is_none(), "said once");
    }
}

#[tokio::test]
async fn a_namespace_that_never_offered_secrets_is_believed_at_once() {
    let (mut watch, _) = self::watch(services());
    assert!(watch.failed(Failure::Forbidden).is_none());
    let (mut watch, _) = self::watch(secrets());
    assert!(matches!(watch.failed(Failure::Forbidden), Some(Event::Forbidden)));
    assert!(watch.failed(Failure::Forbidden).is_none(), "said once");
}

#[tokio::test]
async fn secrets_in_force_outlast_a_refusal_during_a_relist() {
    let (mut watch, _) = listed(secrets());
    assert!(watch.failed(Failure::Expired).is_none());
    assert!(matches!(watch.state, State::Unlisted));
    assert!(watch.failed(Failure::Forbidden).is_none());
}

#[tokio::test]
async fn an_expired_version_is_listed_again_at_once_but_not_in_a_circle() {
    let (mut watch, clock) = listed(services());
    for (listed, expected) in [(None, false), (Some(0), true), (Some(1), true), (Some(2), false), (Some(60), false)] {
        watch.listed = listed.map(|_| watch.clock.tick());
        clock.advance(Duration::from_secs(listed.unwrap_or_default()));
        watch.pause = None;
        assert!(watch.failed(Failure::Expired).is_none());
        assert!(matches!(watch.state, State::Unlisted));
        assert_eq!(watch.pause.is_some(), expected, "{listed:?} s after it listed");
    }
}

#[tokio::test]
async fn an_absent_kind_is_said_once_and_takes_no_objects_away() {
    let (mut watch, _) = listed(services());
    assert!(matches!(watch.failed(Failure::Absent), Some(Event::Absent)));
    assert!(watch.failed(Failure::Absent).is_none());
    assert!(matches!(watch.state, State::Listed { .. }));
    assert!(watch.pause.unwrap() <= Pace::default().most);
    watch.recovered();
    assert!(matches!(watch.failed(Failure::Absent), Some(Event::Absent)), "and again after it was there");
}

#[test]
fn pauses_double_from_a_tenth_of_a_second_to_two_and_are_spread_over_their_upper_half() {
    let mut backoff = Backoff::new(Pace::default(), Jitter::from_seed(1));
    for whole in [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000].map(Duration::from_millis) {
        let pause = backoff.pause();
        assert!(whole / 2 <= pause && pause <= whole, "{pause:?} of {whole:?}");
    }
    backoff.reset();
    assert!(backoff.pause() <= Duration::from_millis(100));
    let mut other = Backoff::new(Pace::default(), Jitter::from_seed(2));
    backoff.reset();
    assert_ne!(backoff.pause(), other.pause(), "replicas do not try in step");
    for _ in 0..20 {
        let pause = backoff.forbidden();
        assert!(Duration::from_secs(30) <= pause && pause <= Duration::from_secs(45), "{pause:?}");
    }
}

#[test]
fn an_answer_is_told_apart_by_what_the_api_server_says_and_not_by_its_number_alone() {
    let status = |code: u16, reason: &str| Status::failure("why", reason).with_code(code);
    let mut future = status(504, "Timeout");
    future.details = Some(StatusDetails {
        causes: vec![StatusCause {
            reason: "ResourceVersionTooLarge".to_owned(),
            message: String::new(),
            field: String::new(),
        }],
        name: String::new(),
        group: String::new(),
        kind: String::new(),
        uid: String::new(),
        retry_after_seconds: 0,
    });
    let plain = |code: u16| Failure::Other(format!("{code}: why"));
    for (status, expected) in [
        (status(403, "Forbidden"), Failure::Forbidden),
        (status(403, "Failed to parse error data"), plain(403)),
        (status(401, "Unauthorized"), plain(401)),
        (status(410, "Expired"), Failure::Expired),
        (status(410, "Gone"), Failure::Expired),
        (status(429, "TooManyRequests"), plain(429)),
        (status(504, "Timeout"), plain(504)),
        (future, Failure::Expired),
        (status(404, "Failed to parse error data"), Failure::Absent),
        (status(500, "InternalError"), plain(500)),
    ] {
        let (code, reason) = (status.code, status.reason.clone());
        assert_eq!(Failure::of(&Error::Api(status.boxed())), expected, "{code} {reason}");
    }
}

#[test]
fn a_path_names_the_namespace_or_none() {
    for (resource, expected) in [
        (secrets(), "/api/v1/namespaces/shop/secrets"),
        (services(), "/api/v1/services"),
        (Resource::of(Kind::ApiRoute, None), "/apis/bearward.dev/v1alpha1/apiroutes"),
        (Resource::of(Kind::TokenPolicy, None), "/apis/bearward.dev/v1alpha1/tokenpolicies"),
        (Resource::of(Kind::ModelBackend, Some("a")), "/apis/bearward.dev/v1alpha1/namespaces/a/modelbackends"),
        (Resource::of(Kind::EndpointSlice, Some("a")), "/apis/discovery.k8s.io/v1/namespaces/a/endpointslices"),
        (
            Resource::at("coordination.k8s.io", "v1", "Lease", Some("a")),
            "/apis/coordination.k8s.io/v1/namespaces/a/leases",
        ),
    ] {
        assert_eq!(resource.path, expected);
    }
}
