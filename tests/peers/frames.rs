//! HTTP/2 by hand, so that heads and frames can be as wrong as a row likes: RFC 9113, and RFC 7541 without its tables.

use std::net::{Ipv4Addr, SocketAddr};

use crate::connection::{Connection, within};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Fields of a head or of trailers, pseudo-header fields among them.
pub(crate) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// How a stream ends for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With a whole reply.
    Answered,
    /// With a reset.
    Reset,
    /// With its connection.
    GoneAway,
}

/// One frame.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A head or trailers, whole.
pub(crate) fn headers(stream: u32, fields: &Fields, is_last: bool) -> Vec<u8> {
    let flags = END_HEADERS | if is_last { END_STREAM } else { 0 };
    frame(HEADERS, flags, stream, &block(fields))
}

/// A head that is to be continued.
pub(crate) fn unfinished_headers(stream: u32, fields: &Fields) -> Vec<u8> {
    frame(HEADERS, 0, stream, &block(fields))
}

/// A part of a body.
pub(crate) fn data(stream: u32, bytes: &[u8], is_last: bool) -> Vec<u8> {
    frame(DATA, if is_last { END_STREAM } else { 0 }, stream, bytes)
}

/// Each field as a literal that no table remembers (RFC 7541, section 6.2.2).
fn block(fields: &Fields) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.extend(length(text.len()));
            block.extend_from_slice(text);
        }
    }
    block
}

/// An integer with a prefix of seven bits (RFC 7541, section 5.1).
fn length(number: usize) -> Vec<u8> {
    let Some(mut rest) = number.checked_sub(127) else { return vec![u8::try_from(number).unwrap()] };
    let mut bytes = vec![127];
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

/// A client's connection.
pub(crate) struct Client {
    connection: Connection,
}

impl Client {
    pub(crate) async fn open(client: Ipv4Addr, gateway: SocketAddr) -> Self {
        let mut connection = Connection::open(client, gateway).await;
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        connection.send(frame(SETTINGS, 0, 0, &[])).await;
        Self { connection }
    }

    pub(crate) async fn send(&mut self, frames: &[u8]) {
        self.connection.send(frames).await;
    }

    /// Waits for the end of a stream.
    pub(crate) async fn end_of(&mut self, stream: u32) -> End {
        loop {
            let Some((kind, flags, number)) = within(self.next()).await else { return End::GoneAway };
            match kind {
                GOAWAY => return End::GoneAway,
                RESET if number == stream => return End::Reset,
                DATA | HEADERS if number == stream && flags & END_STREAM != 0 => return End::Answered,
                _ => {}
            }
        }
    }

    /// The kind, the flags and the stream of the next frame; `None` at the end.
    async fn next(&mut self) -> Option<(u8, u8, u32)> {
        loop {
            let received = &mut self.connection.received;
            if let Some((head, _)) = received.split_first_chunk::<9>() {
                let [first, second, third, kind, flags, stream @ ..] = *head;
                let end = 9 + usize::try_from(u32::from_be_bytes([0, first, second, third])).unwrap();
                if received.len() >= end {
                    received.drain(..end);
                    return Some((kind, flags, u32::from_be_bytes(stream)));
                }
            }
            if !self.connection.receive().await {
                return None;
            }
        }
    }
}
