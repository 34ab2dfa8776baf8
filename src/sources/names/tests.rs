//! How names are kept: a table of names, a hand-driven clock.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};

use super::{Parts, WantedNames, start};
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::finding::{Code, Severity};
use crate::resources::{DnsName, ReportKey, Update};
use crate::snapshot::Endpoints;
use crate::tasks::Tasks;
use crate::transport::{EgressRules, FixedNames, Resolve, ResolveError, Resolving};

const TTL: Duration = Duration::from_secs(30);

/// Fails a test that would wait for ever.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it does not happen")
}

fn name(host: &str) -> DnsName {
    DnsName { host: host.into(), port: 443 }
}

type Cell = Arc<ArcSwap<Endpoints>>;

/// The running manager over a table of names.
struct Bench {
    names: Arc<FixedNames>,
    clock: Arc<ManualClock>,
    wanted: watch::Sender<Arc<WantedNames>>,
    updates: mpsc::Receiver<Update>,
    _tasks: Tasks,
}

impl Bench {
    fn new(egress: EgressRules) -> Self {
        let names = Arc::new(FixedNames::new());
        Self::with(names.clone(), names, egress)
    }

    fn with(resolver: Arc<dyn Resolve>, names: Arc<FixedNames>, egress: EgressRules) -> Self {
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_800_000_000)));
        let (wanted, receiver) = watch::channel(Arc::new(Vec::new()));
        let (sender, updates) = mpsc::channel(16);
        let mut tasks = Tasks::new();
        let parts = Parts { resolver, egress, clock: Clock::manual(Arc::clone(&clock)), draw: Arc::new(|| 0) };
        start(&mut tasks, receiver, parts, sender);
        Self { names, clock, wanted, updates, _tasks: tasks }
    }

    fn want(&self, hosts: &[&str]) -> Vec<Cell> {
        let wanted: WantedNames = hosts.iter().map(|host| (name(host), Cell::default())).collect();
        let cells = wanted.iter().map(|(_, cell)| Arc::clone(cell)).collect();
        self.wanted.send_replace(Arc::new(wanted));
        cells
    }

    fn set(&self, host: &str, addresses: &[&str]) {
        self.names.set(host, addresses.iter().map(|address| address.parse().unwrap()).collect(), TTL);
    }

    async fn findings(&mut self) -> Vec<(Code, Severity, String)> {
        match soon(self.updates.recv()).await {
            Some(Update::Report { key: ReportKey::Name(_), report }) => {
                report.findings.into_iter().map(|finding| (finding.code, finding.severity, finding.cause)).collect()
            }
            other => panic!("expected a report of a name: {other:?}"),
        }
    }

    fn is_quiet(&mut self) -> bool {
        self.updates.try_recv().is_err()
    }
}

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Waits until the cell holds these.
async fn holds(cell: &Cell, expected: &[&str]) {
    let expected = addresses(expected);
    soon(async {
        while *cell.load().addresses != expected[..] {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn addresses_are_sorted_once_each_and_found_at_once() {
    let mut bench = Bench::new(EgressRules::files(vec![]));
    bench.set("a.test", &["192.0.2.9", "2001:db8::1", "192.0.2.1", "::ffff:192.0.2.9", "192.0.2.9"]);
    let cells = bench.want(&["a.test"]);
    assert_eq!(bench.findings().await, []);
    assert_eq!(*cells[0].load().addresses, addresses(&["192.0.2.1:443", "192.0.2.9:443", "[2001:db8::1]:443"])[..]);
}

#[tokio::test]
async fn a_name_is_looked_up_again_when_its_time_to_live_has_passed() {
    let mut bench = Bench::new(EgressRules::files(vec![]));
    bench.set("a.test", &["192.0.2.1"]);
    let cells = bench.want(&["a.test"]);
    bench.findings().await;
    bench.set("a.test", &["192.0.2.2"]);
    bench.clock.advance(Duration::from_secs(29));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(*cells[0].load().addresses, addresses(&["192.0.2.1:443"])[..]);
    bench.clock.advance(Duration::from_secs(1));
    holds(&cells[0], &["192.0.2.2:443"]).await;
    assert!(bench.is_quiet(), "nothing to report");
}

#[tokio::test]
async fn only_permitted_addresses_are_used() {
    let mut bench = Bench::new(EgressRules::cluster(vec!["10.0.0.0/8".parse().unwrap()]));
    for (given, used, severity) in [
        (&["1.1.1.1", "10.0.0.1"][..], &["1.1.1.1:443", "10.0.0.1:443"][..], None),
        (&["1.1.1.1", "192.168.0.1"], &["1.1.1.1:443"], Some(Severity::Warning)),
        (&["127.0.0.1"], &[], Some(Severity::Error)),
        (&["169.254.169.254", "fd00:ec2::254"], &[], Some(Severity::Error)),
        (&["::ffff:127.0.0.1"], &[], Some(Severity::Error)),
    ] {
        bench.set("a.test", given);
        let cells = bench.want(&["a.test"]);
        let findings = bench.findings().await;
        assert_eq!(*cells[0].load().addresses, addresses(used)[..], "{given:?}");
        assert_eq!(findings.iter().map(|finding| finding.1).next(), severity, "{given:?}");
        assert!(findings.iter().all(|finding| finding.0 == Code::EgressForbidden), "{findings:?}");
    }
}

#[tokio::test]
async fn a_name_that_moves_to_forbidden_addresses_loses_its_old_ones() {
    let mut bench = Bench::new(EgressRules::cluster(vec![]));
    bench.set("a.test", &["1.1.1.1"]);
    let cells = bench.want(&["a.test"]);
    assert_eq!(bench.findings().await, []);
    bench.set("a.test", &["127.0.0.1"]);
    bench.clock.advance(TTL);
    assert!(matches!(bench.findings().await[..], [(Code::EgressForbidden, Severity::Error, _)]));
    assert_eq!(*cells[0].load().addresses, []);
}

#[tokio::test]
async fn addresses_stay_while_name_servers_fail() {
    for error in [ResolveError::NotFound, ResolveError::TimedOut, ResolveError::Failed("refused".into())] {
        let mut bench = Bench::new(EgressRules::files(vec![]));
        bench.set("a.test", &["192.0.2.1"]);
        let cells = bench.want(&["a.test"]);
        assert_eq!(bench.findings().await, []);
        bench.names.fail("a.test", error.clone());
        bench.clock.advance(TTL);
        let findings = bench.findings().await;
        let [(Code::NameNotResolved, Severity::Warning, cause)] = &findings[..] else { panic!("{findings:?}") };
        assert!(cause.ends_with("the addresses that were found before are in use"), "{cause}");
        assert_eq!(*cells[0].load().addresses, addresses(&["192.0.2.1:443"])[..], "{error}");
        bench.set("a.test", &["192.0.2.2"]);
        bench.clock.advance(Duration::from_secs(1));
        assert_eq!(bench.findings().await, []);
        assert_eq!(*cells[0].load().addresses, addresses(&["192.0.2.2:443"])[..], "{error}");
    }
}

#[tokio::test]
async fn a_name_that_was_never_found_is_a_warning_and_tried_again() {
    let mut bench = Bench::new(EgressRules::files(vec![]));
    let cells = bench.want(&["a.test"]);
    let findings = bench.findings().await;
    let [(Code::NameNotResolved, Severity::Warning, cause)] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(cause, "a.test: the name does not exist, or has no addresses; requests for it get 503");
    bench.set("a.test", &["192.0.2.1"]);
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.findings().await, []);
    assert_eq!(*cells[0].load().addresses, addresses(&["192.0.2.1:443"])[..]);
}

/// Never answers for one name.
struct Stuck(Arc<FixedNames>);

impl Resolve for Stuck {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        if host == "stuck.test" { Box::pin(std::future::pending()) } else { self.0.resolve(host) }
    }
}

#[tokio::test]
async fn a_look_up_that_never_ends_holds_up_no_other_name() {
    let names = Arc::new(FixedNames::new());
    let mut bench = Bench::with(Arc::new(Stuck(Arc::clone(&names))), names, EgressRules::files(vec![]));
    bench.set("a.test", &["192.0.2.1"]);
    let cells = bench.want(&["a.test", "stuck.test"]);
    assert_eq!(bench.findings().await, []);
    assert_eq!(*cells[0].load().addresses, addresses(&["192.0.2.1:443"])[..]);
    // The stuck one has begun too by now, and ends after its own time.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    bench.clock.advance(Duration::from_secs(5));
    let findings = bench.findings().await;
    assert!(matches!(&findings[..], [(Code::NameNotResolved, _, cause)] if cause.starts_with("stuck.test: ")));
}

#[tokio::test]
async fn a_name_that_is_no_longer_wanted_is_not_looked_up() {
    let mut bench = Bench::new(EgressRules::files(vec![]));
    bench.set("a.test", &["192.0.2.1"]);
    bench.set("b.test", &["192.0.2.2"]);
    let old = bench.want(&["a.test"]);
    bench.findings().await;
    let new = bench.want(&["b.test"]);
    bench.findings().await;
    soon(async {
        while Arc::strong_count(&old[0]) > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    bench.set("a.test", &["192.0.2.66"]);
    bench.set("b.test", &["192.0.2.3"]);
    bench.clock.advance(TTL);
    holds(&new[0], &["192.0.2.3:443"]).await;
    assert_eq!(*old[0].load().addresses, addresses(&["192.0.2.1:443"])[..]);
}
