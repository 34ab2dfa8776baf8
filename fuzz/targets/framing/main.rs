//! Whatever bytes a client sends, the data plane answers with messages of its protocol, ends the connection once the
//! client has ended its side, and sends nothing upstream but whole requests that have one reading.
//!
//! Input: the bytes of one connection, HTTP/1.1, or HTTP/2 if they begin with its preface. They go through loopback to
//! the data plane itself; its upstream is in this process too, and reads as strictly as can be (see `upstream`).

#![no_main]

mod gateway;
mod upstream;

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use socket2::{Domain, Socket, Type};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The longest that a connection may go on once its client has nothing more to say.
const END: Duration = Duration::from_secs(3);
/// How long a patient client waits for more before it ends its side.
const QUIET: Duration = Duration::from_millis(4);

static GATEWAY: LazyLock<SocketAddr> = LazyLock::new(|| gateway::start(upstream::start()));

fuzz_target!(|data: &[u8]| {
    let mut stream = connect();
    stream.set_write_timeout(Some(END)).expect("the time is not zero");
    let mut reply = Vec::new();
    // The gateway may have heard enough before all is sent.
    let _ = stream.write_all(data);
    // Most clients wait for what they asked for; some leave at once, which ends what is under way.
    let is_patient = !data.len().is_multiple_of(4);
    if is_patient {
        read(&mut stream, QUIET, &mut reply);
    }
    let _ = stream.shutdown(Shutdown::Write);
    assert!(read(&mut stream, END, &mut reply), "the connection did not end");
    if reply.is_empty() {
        return;
    }
    if data.starts_with(PREFACE) {
        assert!(is_frame(&reply), "the reply does not begin with a SETTINGS frame");
        return;
    }
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    match response.parse(&reply) {
        Ok(httparse::Status::Complete(_)) => {
            let status = response.code.unwrap_or_default();
            assert!((200..600).contains(&status) || status == 100, "the status is {status}");
        }
        Ok(httparse::Status::Partial) => {}
        Err(error) => panic!("the reply is no response: {error}"),
    }
});

/// Reads what comes until nothing has come for so long; says whether that is all.
fn read(stream: &mut TcpStream, quiet: Duration, reply: &mut Vec<u8>) -> bool {
    stream.set_read_timeout(Some(quiet)).expect("the time is not zero");
    match stream.read_to_end(reply) {
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        Ok(_) => true,
    }
}

/// RFC 9113, section 3.4: the server's part of the preface.
fn is_frame(reply: &[u8]) -> bool {
    reply.get(3).is_none_or(|kind| *kind == 4)
}

/// Opens a connection. Each comes from another loopback address, since the ports of one are soon used up.
fn connect() -> TcpStream {
    thread_local!(static CONNECTIONS: Cell<u32> = const { Cell::new(0) });
    loop {
        let number = CONNECTIONS.replace(CONNECTIONS.get().wrapping_add(1));
        let from = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + number / 8 % 60_000);
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("sockets can be made");
        socket.bind(&SocketAddrV4::new(from, 0).into()).expect("all of 127/8 is loopback");
        match socket.connect(&(*GATEWAY).into()) {
            Ok(()) => {
                socket.set_tcp_nodelay(true).expect("it is a TCP socket");
                return socket.into();
            }
            // By libFuzzer's own timer.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("the gateway does not listen: {error}"),
        }
    }
}
