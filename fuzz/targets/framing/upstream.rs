//! An upstream that ends the process at the first request that another server could read in another way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use super::gateway::IDENTITY;

/// Starts it; it ends with the process.
pub(crate) fn start() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("connections can be accepted");
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

fn serve(mut stream: TcpStream) {
    stream.set_nodelay(true).expect("it is a TCP socket");
    let mut reader = BufReader::new(stream.try_clone().expect("sockets can be shared"));
    // A request whose client left is cut off, and its connection with it.
    while let Some(head) = read_head(&mut reader) {
        let framing = check_head(&head);
        if read_body(&mut reader, framing).is_none() {
            return;
        }
        let body: &[u8] = if head.starts_with(b"HEAD ") { b"" } else { b"ok" };
        let reply = [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", body].concat();
        if stream.write_all(&reply).is_err() {
            return;
        }
    }
}

/// How a body is delimited.
#[derive(Clone, Copy)]
enum Framing {
    Length(u64),
    Chunked,
}

fn read_head(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        let read = reader.read_until(b'\n', &mut head).ok()?;
        let line = &head[before..];
        if read == 0 || !line.ends_with(b"\n") {
            return None;
        }
        assert!(line.ends_with(b"\r\n"), "a line of the head ends in a bare line feed: {}", line.escape_ascii());
        if line == b"\r\n" {
            return Some(head);
        }
    }
}

fn check_head(head: &[u8]) -> Framing {
    let shown = head.escape_ascii();
    let lines: Vec<&[u8]> =
        head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    let parts: Vec<&[u8]> = lines[0].split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts[..] else { panic!("the request line has not three parts: {shown}") };
    assert!(method.iter().all(|byte| is_token(*byte)) && !method.is_empty(), "the method is no token: {shown}");
    assert!(target.starts_with(b"/") || target == b"*" && method == b"OPTIONS", "the target is no path: {shown}");
    assert!(
        target.iter().all(u8::is_ascii_graphic) && !target.contains(&b'#'),
        "the target is not in its form: {shown}"
    );
    assert_eq!(version, b"HTTP/1.1", "{shown}");

    let (mut hosts, mut lengths, mut codings) = (0, Vec::new(), Vec::new());
    for line in lines[1..].iter().filter(|line| !line.is_empty()) {
        let colon =
            line.iter().position(|byte| *byte == b':').unwrap_or_else(|| panic!("a field has no colon: {shown}"));
        let (name, value) = (line[..colon].to_ascii_lowercase(), line[colon + 1..].trim_ascii());
        assert!(!name.is_empty() && name.iter().all(|byte| is_token(*byte)), "a name is no token: {shown}");
        let is_value = |byte: &u8| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f;
        assert!(value.iter().all(is_value), "a value has control characters: {shown}");
        match &*name {
            b"host" => hosts += 1,
            b"content-length" => lengths.push(value.to_vec()),
            b"transfer-encoding" => codings.push(value.to_vec()),
            // All that is left of it, for gRPC.
            b"te" => assert_eq!(value, b"trailers", "{shown}"),
            b"connection" | b"keep-alive" | b"proxy-connection" | b"upgrade" => {
                panic!("a field of the client's own hop: {shown}")
            }
            name => {
                let hyphens: Vec<u8> = name.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte }).collect();
                assert_ne!(hyphens, IDENTITY.as_str().as_bytes(), "a client sets an identity: {shown}");
            }
        }
    }
    assert_eq!(hosts, 1, "not one host: {shown}");
    match (&lengths[..], &codings[..]) {
        ([], []) => Framing::Length(0),
        ([length], []) => {
            assert!(!length.is_empty() && length.iter().all(u8::is_ascii_digit), "the length is no number: {shown}");
            let length = std::str::from_utf8(length).ok().and_then(|length| length.parse().ok());
            Framing::Length(length.unwrap_or_else(|| panic!("the length is no number: {shown}")))
        }
        ([], [coding]) if coding == b"chunked" => Framing::Chunked,
        _ => panic!("the length has two readings: {shown}"),
    }
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

/// Reads a body to its end; `None` if it is cut off.
fn read_body(reader: &mut impl BufRead, framing: Framing) -> Option<()> {
    match framing {
        Framing::Length(length) => skip(reader, length),
        Framing::Chunked => loop {
            let mut line = Vec::new();
            reader.read_until(b'\n', &mut line).ok()?;
            let size = line.strip_suffix(b"\n")?;
            let size = size.strip_suffix(b"\r").expect("the size of a chunk ends in a bare line feed");
            assert!(
                !size.is_empty() && size.len() <= 8 && size.iter().all(u8::is_ascii_hexdigit),
                "a chunk has no size"
            );
            let size = u64::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
            if size == 0 {
                return read_trailers(reader);
            }
            skip(reader, size)?;
            let mut end = [0; 2];
            reader.read_exact(&mut end).ok()?;
            assert_eq!(&end, b"\r\n", "a chunk is longer than its size");
        },
    }
}

fn read_trailers(reader: &mut impl BufRead) -> Option<()> {
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).ok()?;
        let line = line.strip_suffix(b"\n")?;
        let line = line.strip_suffix(b"\r").expect("a trailer ends in a bare line feed");
        if line.is_empty() {
            return Some(());
        }
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        assert!(!name.is_empty() && name.iter().all(|byte| is_token(*byte)), "a trailer's name is no token");
    }
}

fn skip(reader: &mut impl Read, length: u64) -> Option<()> {
    let copied = std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok()?;
    (copied == length).then_some(())
}
