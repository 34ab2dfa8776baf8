//! One line of the access log for each request.
//!
//! Field names are stable: `time`, `method`, `host`, `path`, `status`, `reason`, `rule`, `policy`, `client_id`, `team`,
//! `subject`, `client`, `upstream`, `duration_us`, `received`, `sent`, `request_id`. Queries, tokens and subjects are
//! never in it: `subject` is a fingerprint.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::clock::UnixTime;

/// The most bytes of what a credential says of its holder: no issuer decides how long our lines are.
const MAX_CLAIM: usize = 128;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One JSON object a line, for programs.
    Json,
    /// Aligned words, for people.
    Human,
}

/// What is said of one request.
#[derive(Clone, Debug)]
pub struct AccessEntry<'a> {
    /// When its head was complete.
    pub time: UnixTime,
    /// As the client sent it.
    pub method: &'a str,
    /// In lower case, without a port; empty if there was none that could be read.
    pub host: &'a str,
    /// Normalised, without the query.
    pub path: &'a str,
    /// What the client was answered; 499 if it left before.
    pub status: u16,
    /// Why it was refused, or how the reply ended early; empty otherwise.
    pub reason: &'a str,
    /// `namespace/name/rule`, or empty.
    pub rule: &'a str,
    /// The token policy's entry that verified its credential, or empty. That is who called, let in or not. Of a request to
    /// an issuer of ours, the policy whose issuer it is.
    pub policy: &'a str,
    /// The client, as the credential names it, or empty; 128 bytes of it are written.
    pub client_id: &'a str,
    /// The team, likewise.
    pub team: &'a str,
    /// The fingerprint of the subject, or empty.
    pub subject: &'a str,
    /// Who sent it, after trusted proxies.
    pub client: IpAddr,
    /// Where it went.
    pub upstream: Option<SocketAddr>,
    /// From the complete head to the last byte handed over.
    pub duration: Duration,
    /// Bytes of the request's body.
    pub received: u64,
    /// Bytes of the reply's body.
    pub sent: u64,
    /// The request's id.
    pub request_id: &'a str,
}

impl AccessEntry<'_> {
    /// Appends the line to `out`.
    pub fn write(&self, style: Style, out: &mut Vec<u8>) {
        match style {
            Style::Json => self.write_json(out),
            Style::Human => self.write_human(out),
        }
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"time\":\"");
        write_time(self.time, out);
        out.push(b'"');
        text(out, b",\"method\":", self.method);
        text(out, b",\"host\":", self.host);
        text(out, b",\"path\":", self.path);
        number(out, b",\"status\":", u64::from(self.status));
        for (name, value) in [
            (&b",\"reason\":"[..], self.reason),
            (b",\"rule\":", self.rule),
            (b",\"policy\":", self.policy),
            (b",\"client_id\":", cut(self.client_id)),
            (b",\"team\":", cut(self.team)),
            (b",\"subject\":", self.subject),
        ] {
            if !value.is_empty() {
                text(out, name, value);
            }
        }
        out.extend_from_slice(b",\"client\":\"");
        write_address(self.client, out);
        out.push(b'"');
        if let Some(upstream) = self.upstream {
            out.extend_from_slice(b",\"upstream\":\"");
            write_socket(upstream, out);
            out.push(b'"');
        }
        number(out, b",\"duration_us\":", micros(self.duration));
        number(out, b",\"received\":", self.received);
        number(out, b",\"sent\":", self.sent);
        text(out, b",\"request_id\":", self.request_id);
        out.extend_from_slice(b"}\n");
    }

    fn write_human(&self, out: &mut Vec<u8>) {
        use std::io::Write;
        let Self { method, host, path, status, reason, rule, client, .. } = self;
        // Writing to a `Vec` cannot fail. What a client or an issuer sent is escaped as in Rust's strings, so that it
        // cannot move the cursor of the terminal.
        let _ = write!(
            out,
            "{status} {:>9} {client} {} {}{} → {}",
            format!("{}µs", micros(self.duration)),
            method.escape_debug(),
            host.escape_debug(),
            path.escape_debug(),
            if rule.is_empty() { "no rule" } else { rule },
        );
        if !self.policy.is_empty() {
            let _ = write!(out, " by {}", self.policy);
        }
        for (word, value) in [("client", cut(self.client_id)), ("team", cut(self.team))] {
            if !value.is_empty() {
                let _ = write!(out, ", {word} {}", value.escape_debug());
            }
        }
        if !reason.is_empty() {
            let _ = write!(out, " ({reason})");
        }
        out.push(b'\n');
    }
}

/// As much of a claim as a line has room for, in whole characters.
fn cut(claim: &str) -> &str {
    claim.get(..claim.floor_char_boundary(MAX_CLAIM)).unwrap_or_default()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn number(out: &mut Vec<u8>, name: &[u8], value: u64) {
    out.extend_from_slice(name);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn text(out: &mut Vec<u8>, name: &[u8], value: &str) {
    out.extend_from_slice(name);
    out.push(b'"');
    // Nearly every value is plain: it is looked at in steps of many bytes, and copied in one piece.
    if value.as_bytes().iter().fold(true, |all, byte| all & is_plain(*byte)) {
        out.extend_from_slice(value.as_bytes());
    } else {
        value.chars().for_each(|character| escape(out, character));
    }
    out.push(b'"');
}

/// One character of a JSON string (RFC 8259, section 7). What would be an escape in Rust's strings is one here: besides
/// the characters that JSON asks for, those that cannot be seen or that move what can.
fn escape(out: &mut Vec<u8>, character: char) {
    let is_visible = if character.is_ascii() {
        u8::try_from(character).is_ok_and(is_plain)
    } else {
        character.escape_debug().len() == 1
    };
    if is_visible {
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        return;
    }
    for unit in character.encode_utf16(&mut [0; 2]) {
        out.extend_from_slice(b"\\u");
        for byte in unit.to_be_bytes() {
            out.push(hex(byte >> 4));
            out.push(hex(byte & 0xf));
        }
    }
}

/// Whether a byte stands for itself in a JSON string, and is one character on whatever shows it.
const fn is_plain(byte: u8) -> bool {
    !matches!(byte, b'"' | b'\\' | 0..0x20 | 0x7f..)
}

const fn hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

/// `2026-11-24T04:35:50.123Z` (RFC 3339), by the algorithm for civil dates from days that counts years from March.
fn write_time(time: UnixTime, out: &mut Vec<u8>) {
    let millis = time.millis().rem_euclid(1_000);
    let seconds = time.secs().rem_euclid(86_400);
    let days = time.secs().div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    digits(out, year, 4);
    out.push(b'-');
    digits(out, month, 2);
    out.push(b'-');
    digits(out, day, 2);
    out.push(b'T');
    digits(out, seconds / 3_600, 2);
    out.push(b':');
    digits(out, seconds / 60 % 60, 2);
    out.push(b':');
    digits(out, seconds % 60, 2);
    out.push(b'.');
    digits(out, millis, 3);
    out.push(b'Z');
}

fn digits(out: &mut Vec<u8>, value: i64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(value);
    for _ in text.len()..width {
        out.push(b'0');
    }
    out.extend_from_slice(text.as_bytes());
}

fn write_address(address: IpAddr, out: &mut Vec<u8>) {
    let IpAddr::V4(address) = address else {
        use std::io::Write;
        let _ = write!(out, "{address}");
        return;
    };
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            out.push(b'.');
        }
        out.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
    }
}

fn write_socket(socket: SocketAddr, out: &mut Vec<u8>) {
    let bracketed = socket.is_ipv6();
    if bracketed {
        out.push(b'[');
    }
    write_address(socket.ip(), out);
    if bracketed {
        out.push(b']');
    }
    out.push(b':');
    out.extend_from_slice(itoa::Buffer::new().format(socket.port()).as_bytes());
}
