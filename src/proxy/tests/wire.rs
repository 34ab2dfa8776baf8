//! Both ends of a connection as bytes: a client that sends exactly what it is told to, and an upstream that records
//! exactly what it gets and answers what a test plays.
//!
//! A test holds every end itself and acts on one after the other, so that nothing happens by chance and nothing sleeps.
//! Every wait ends after [`PATIENCE`] and fails the test: it is never part of a test's meaning.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// How long a test waits for what must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// One end of a connection.
#[derive(Debug)]
pub(super) struct End {
    stream: TcpStream,
    /// Received, and not yet asked for.
    ahead: Vec<u8>,
}

/// A message that was received: what it began with, its fields as they came, and its body without its framing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) start: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// An upstream whose connections a test plays by hand.
#[derive(Debug)]
pub(super) struct Upstream {
    listener: TcpListener,
}

impl Upstream {
    /// Listens on a free port of the loopback.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // On Linux the time limit of reads is that of `accept` too.
        socket2::SockRef::from(&listener).set_read_timeout(Some(PATIENCE)).unwrap();
        Self { listener }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// The next connection to it.
    pub(super) fn accept(&self) -> End {
        let (stream, _) = self.listener.accept().expect("nobody connected to the upstream");
        End::new(stream)
    }

    /// A connection that is there already.
    pub(super) fn try_accept(&self) -> Option<End> {
        self.listener.set_nonblocking(true).unwrap();
        let accepted = self.listener.accept();
        self.listener.set_nonblocking(false).unwrap();
        accepted.ok().map(|(stream, _)| {
            stream.set_nonblocking(false).unwrap();
            End::new(stream)
        })
    }

    /// Whether somebody has connected who was not accepted.
    pub(super) fn is_called(&self) -> bool {
        self.try_accept().is_some()
    }
}

impl End {
    /// A client's end of a new connection.
    pub(super) fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, ahead: Vec::new() }
    }

    /// Sends these bytes.
    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the other end takes no bytes");
    }

    /// Sends these bytes, if the other end still reads.
    pub(super) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends what can be sent until the other end takes no more for the moment, or has closed: how much that was.
    pub(super) fn send_until_stuck(&mut self, piece: &[u8]) -> usize {
        self.stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut sent = 0;
        while let Ok(taken) = self.stream.write(piece) {
            sent += taken;
        }
        self.stream.set_write_timeout(Some(PATIENCE)).unwrap();
        sent
    }

    /// Everything up to and with `end`.
    pub(super) fn read_until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(place) = self.ahead.windows(end.len()).position(|window| window == end) {
                return self.take(place + end.len());
            }
            assert!(self.read_more(), "closed before {:?}; received {:?}", text(end), text(&self.ahead));
        }
    }

    /// So many bytes.
    pub(super) fn read_exactly(&mut self, length: usize) -> Vec<u8> {
        while self.ahead.len() < length {
            assert!(self.read_more(), "closed before {length} bytes; received {:?}", text(&self.ahead));
        }
        self.take(length)
    }

    /// Everything up to the other end's close, and whether that was a proper one.
    pub(super) fn read_to_close(&mut self) -> (Vec<u8>, bool) {
        loop {
            match self.read_some() {
                Ok(0) => return (std::mem::take(&mut self.ahead), true),
                Ok(_) => {}
                Err(error) if is_reset(&error) => return (std::mem::take(&mut self.ahead), false),
                Err(error) => panic!("no close: {error}; received {:?}", text(&self.ahead)),
            }
        }
    }

    /// Waits for the other end's close, of either kind; nothing may come before.
    pub(super) fn expect_close(&mut self) {
        let (received, _) = self.read_to_close();
        assert!(received.is_empty(), "received before the close: {:?}", text(&received));
    }

    /// Whether the other end has closed. Does not wait; what came before is kept.
    pub(super) fn is_closed(&mut self) -> bool {
        self.is_closed_within(Duration::from_millis(1))
    }

    /// The same, waiting for so long.
    pub(super) fn is_closed_within(&mut self, patience: Duration) -> bool {
        self.stream.set_read_timeout(Some(patience)).unwrap();
        let closed = loop {
            match self.read_some() {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) => break is_reset(&error),
            }
        };
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        closed
    }

    /// What has arrived and was not asked for.
    pub(super) fn arrived(&self) -> &[u8] {
        &self.ahead
    }

    /// A whole message: to the end of its body, if it has one.
    pub(super) fn read_message(&mut self) -> Message {
        let mut message = self.read_head();
        message.body = if message.field("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            self.read_chunks()
        } else if let Some(length) = message.field("content-length") {
            self.read_exactly(length.parse().unwrap())
        } else {
            Vec::new()
        };
        message
    }

    /// The head of a message; its body stays.
    pub(super) fn read_head(&mut self) -> Message {
        let head = String::from_utf8(self.read_until(b"\r\n\r\n")).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let start = lines.next().unwrap().to_owned();
        let fields = lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.into(), value.into()));
        Message { start, fields: fields.collect(), body: Vec::new() }
    }

    /// The chunks of a body, put together, and the trailers forgotten.
    pub(super) fn read_chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = String::from_utf8(self.read_until(b"\r\n")).unwrap();
            let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
            if size == 0 {
                while self.read_until(b"\r\n") != b"\r\n" {}
                return body;
            }
            body.extend(self.read_exactly(size));
            assert_eq!(self.read_exactly(2), b"\r\n");
        }
    }

    /// Says that nothing more will be sent.
    pub(super) fn finish(&mut self) {
        // The other end may have gone already.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Closes by a reset, as a crash does.
    pub(super) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.ahead.split_off(length);
        std::mem::replace(&mut self.ahead, rest)
    }

    pub(super) fn read_more(&mut self) -> bool {
        match self.read_some() {
            Ok(length) => length > 0,
            Err(error) if is_reset(&error) => false,
            Err(error) => panic!("nothing came: {error}; received {:?}", text(&self.ahead)),
        }
    }

    fn read_some(&mut self) -> std::io::Result<usize> {
        let mut buffer = [0; 16 << 10];
        let length = self.stream.read(&mut buffer)?;
        self.ahead.extend_from_slice(&buffer[..length]);
        Ok(length)
    }
}

impl Message {
    /// The value of the one field of this name; `None` if there is none.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "the field {name} is there twice");
        value
    }

    /// The status of a reply.
    pub(super) fn status(&self) -> u16 {
        self.start.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The body as text.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The names of the fields, in order.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.fields.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }
}

fn is_reset(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe)
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
