//! What names lead to.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

use super::system::{SystemResolver, candidates};
use super::{FixedNames, MAX_TTL, MIN_TTL, Resolve, ResolveError, Resolved};
use crate::tasks::Tasks;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn addresses_and_localhost_need_no_table_and_cannot_be_overridden() {
    let names = FixedNames::new();
    names.set("localhost", vec![ip("192.0.2.1")], MIN_TTL);
    names.set("10.0.0.1", vec![ip("192.0.2.1")], MIN_TTL);
    let loopback = vec![ip("127.0.0.1"), ip("::1")];
    for (host, expected) in [
        ("localhost", Some(loopback.clone())),
        ("idp.localhost", Some(loopback.clone())),
        ("localhost.", Some(loopback)),
        ("10.0.0.1", Some(vec![ip("10.0.0.1")])),
        ("2001:db8::1", Some(vec![ip("2001:db8::1")])),
        ("localhost.example.com", None),
        ("mylocalhost", None),
        ("10.0.0.1.example.com", None),
    ] {
        let resolved = names.resolve(host).await;
        assert_eq!(resolved.map(|resolved| resolved.addresses().to_vec()).ok(), expected, "{host}");
    }
}

#[tokio::test]
async fn a_fixed_name_follows_its_table() {
    let names = FixedNames::new();
    assert_eq!(names.resolve("idp.test").await, Err(ResolveError::NotFound));
    names.set("idp.test", vec![ip("192.0.2.1")], Duration::from_secs(30));
    assert_eq!(names.resolve("idp.test").await.unwrap().addresses(), [ip("192.0.2.1")]);
    names.fail("idp.test", ResolveError::TimedOut);
    assert_eq!(names.resolve("idp.test").await, Err(ResolveError::TimedOut));
    names.set("idp.test", vec![], Duration::from_secs(30));
    assert_eq!(names.resolve("idp.test").await, Err(ResolveError::NotFound));
}

#[test]
fn a_time_to_live_is_bounded_both_ways() {
    for (ttl, expected) in [(0, MIN_TTL), (4, MIN_TTL), (60, Duration::from_mins(1)), (86_400, MAX_TTL)] {
        let resolved = Resolved::new(vec![ip("192.0.2.1")], Duration::from_secs(ttl)).unwrap();
        assert_eq!(resolved.ttl(), expected, "{ttl}");
    }
}

#[test]
fn a_name_with_a_dot_is_taken_as_it_stands_before_the_search_list() {
    let search = ["shop.svc.cluster.local.", "svc.cluster.local."].map(|name| Name::from_str(name).unwrap());
    for (name, expected) in [
        ("idp.example.com.", vec!["idp.example.com."]),
        (
            "idp.example.com",
            vec!["idp.example.com.", "idp.example.com.shop.svc.cluster.local.", "idp.example.com.svc.cluster.local."],
        ),
        ("idp", vec!["idp.shop.svc.cluster.local.", "idp.svc.cluster.local.", "idp."]),
    ] {
        let tried: Vec<_> =
            candidates(&Name::from_ascii(name).unwrap(), &search).iter().map(ToString::to_string).collect();
        assert_eq!(tried, expected, "{name}");
    }
}

/// A name, and its addresses with their times to live, or the response code for every kind of question.
type Row = (&'static str, Result<Vec<(IpAddr, u32)>, ResponseCode>);

/// A name server on loopback that answers from a table and notes what it was asked.
struct NameServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: Tasks,
}

impl NameServer {
    async fn start(table: Vec<Row>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let mut tasks = Tasks::new();
        tasks.spawn("name server", async move {
            let mut buffer = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let question = Message::from_vec(&buffer[..length]).unwrap();
                let query = question.queries.first().unwrap().clone();
                log.lock().unwrap().push(format!("{} {}", query.name(), query.query_type()));
                let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
                answer.metadata.message_type = MessageType::Response;
                answer.metadata.recursion_available = true;
                let name = query.name().to_ascii().to_ascii_lowercase();
                match table.iter().find(|(own, _)| *own == name).map(|(_, result)| result) {
                    Some(Ok(addresses)) => {
                        let fitting = addresses
                            .iter()
                            .filter(|(address, _)| address.is_ipv4() == (query.query_type() == RecordType::A));
                        for (address, ttl) in fitting {
                            answer.add_answer(Record::from_rdata(query.name().clone(), *ttl, RData::from(*address)));
                        }
                    }
                    Some(Err(code)) => answer.metadata.response_code = *code,
                    None => answer.metadata.response_code = ResponseCode::NXDomain,
                }
                answer.add_query(query);
                socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
            }
        });
        Self { address, asked, _tasks: tasks }
    }

    fn resolver(&self, search: &[&str]) -> SystemResolver {
        let mut connection = ConnectionConfig::udp();
        connection.port = self.address.port();
        let server = NameServerConfig::new(self.address.ip(), true, vec![connection]);
        let search = search.iter().map(|name| Name::from_str(name).unwrap()).collect();
        SystemResolver::from_config(ResolverConfig::from_parts(None, search, vec![server]), ResolverOpts::default())
            .unwrap()
    }
}

#[tokio::test]
async fn name_servers_give_both_kinds_of_address_and_the_shortest_time_to_live() {
    let server = NameServer::start(vec![
        ("both.test.", Ok(vec![(ip("192.0.2.1"), 40), (ip("192.0.2.2"), 50), (ip("2001:db8::1"), 30)])),
        ("four.test.", Ok(vec![(ip("192.0.2.9"), 1)])),
        ("none.test.", Ok(vec![])),
        ("broken.test.", Err(ResponseCode::ServFail)),
    ])
    .await;
    let resolver = server.resolver(&[]);
    let both = resolver.resolve("both.test").await.unwrap();
    let mut addresses = both.addresses().to_vec();
    addresses.sort();
    assert_eq!(addresses, [ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1")]);
    assert_eq!(both.ttl(), Duration::from_secs(30));
    let four = resolver.resolve("four.test").await.unwrap();
    assert_eq!((four.addresses(), four.ttl()), (&[ip("192.0.2.9")][..], MIN_TTL));
    assert_eq!(resolver.resolve("none.test").await, Err(ResolveError::NotFound));
    assert_eq!(resolver.resolve("absent.test").await, Err(ResolveError::NotFound));
    assert!(matches!(resolver.resolve("broken.test").await, Err(ResolveError::Failed(_))));
    assert_eq!(resolver.resolve("no_such\\name..").await, Err(ResolveError::NotFound));
}

#[tokio::test]
async fn a_suffix_is_tried_only_for_a_name_that_does_not_exist() {
    let server = NameServer::start(vec![
        ("idp.com.", Ok(vec![(ip("192.0.2.1"), 60)])),
        // What somebody set up to catch the name.
        ("idp.com.svc.test.", Ok(vec![(ip("192.0.2.66"), 60)])),
        ("broken.com.", Err(ResponseCode::ServFail)),
        ("broken.com.svc.test.", Ok(vec![(ip("192.0.2.66"), 60)])),
        ("orders.shop.svc.test.", Ok(vec![(ip("192.0.2.2"), 60)])),
    ])
    .await;
    let resolver = server.resolver(&["svc.test."]);
    assert_eq!(resolver.resolve("idp.com").await.unwrap().addresses(), [ip("192.0.2.1")]);
    assert!(matches!(resolver.resolve("broken.com").await, Err(ResolveError::Failed(_))));
    assert_eq!(resolver.resolve("orders.shop").await.unwrap().addresses(), [ip("192.0.2.2")]);
    let asked = server.asked.lock().unwrap();
    assert!(!asked.iter().any(|question| question.contains("com.svc.test")), "{asked:?}");
}

#[tokio::test]
async fn the_answer_is_fresh_each_time() {
    let server = NameServer::start(vec![("idp.test.", Ok(vec![(ip("192.0.2.1"), 3_600)]))]).await;
    let resolver = server.resolver(&[]);
    resolver.resolve("idp.test").await.unwrap();
    resolver.resolve("idp.test").await.unwrap();
    assert_eq!(server.asked.lock().unwrap().iter().filter(|question| *question == "idp.test. A").count(), 2);
}
