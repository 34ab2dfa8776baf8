//! Rows of the corpus, cut, spliced and strewn with what parsers stumble over. Nobody says what becomes of one; but what
//! may never be may not be then either.

use std::time::Duration;

use crate::between::{Between, client, report};
use crate::connection::Connection;
use crate::corpus;
use crate::row::{SMUGGLED, Verdict, get, head};

const RUNS: usize = 300;

/// The same numbers in every run, so that what was found once is found again.
const SEED: u64 = 0x6265_6172_7761_7264;

/// A client that hears nothing for so long says that there is no more to come. It decides how long the test takes, and
/// not what it finds.
const SILENCE: Duration = Duration::from_millis(100);

/// What is put into requests.
const PIECES: [&[u8]; 24] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b"\x0b",
    b":",
    b",",
    b";",
    b"/",
    b"%2f",
    b"..",
    b"0",
    b"\xff",
    b"0\r\n\r\n",
    b"\r\n\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Connection: keep-alive, content-length\r\n",
    b"Host: other.example.com\r\n",
    SMUGGLED.as_bytes(),
];

/// Numbers that look like chance: xorshift64*.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % bound
    }

    /// A place in `bytes`, more often than not where a line ends.
    fn place(&mut self, bytes: &[u8]) -> usize {
        let ends: Vec<_> = (0..bytes.len()).filter(|place| bytes[*place] == b'\n').collect();
        if ends.is_empty() || self.below(3) == 0 {
            return self.below(bytes.len() + 1);
        }
        ends[self.below(ends.len())] + 1
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let place = self.place(bytes);
        let length = self.below(16).min(bytes.len() - place);
        match self.below(6) {
            0 => drop(bytes.drain(place..place + length)),
            1 => {
                let again = bytes[place..place + length].to_vec();
                bytes.splice(place..place, again);
            }
            2 => {
                let from = self.place(other);
                bytes.truncate(place);
                bytes.extend_from_slice(&other[from..]);
            }
            3 if length > 0 => bytes[place] ^= 1 << self.below(8),
            _ => {
                bytes.splice(place..place, PIECES[self.below(PIECES.len())].iter().copied());
            }
        }
    }
}

/// Sends the bytes and one more request behind them, and takes what comes until the gateway ends the connection, which it
/// does once it knows that there is no more.
async fn send(mut connection: Connection, bytes: &[u8]) {
    connection.send(bytes).await;
    connection.send(head("GET /last HTTP/1.1", "Connection: close")).await;
    loop {
        match tokio::time::timeout(SILENCE, connection.receive()).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => break,
        }
    }
    connection.finish().await;
    while crate::connection::within(connection.receive()).await {}
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_node_sees_what_was_judged() {
    let between = Between::node().await;
    let rows = corpus::rows(between.token());
    let good: Vec<_> =
        rows.iter().filter(|row| matches!(row.becomes.verdicts[0], Verdict::Passes(..))).cloned().collect();
    let mut chance = Chance(SEED);
    let mut sent = Vec::new();
    for run in 0..RUNS {
        // Mostly of what passes: what is refused as it is will hardly be better for it.
        let from = if chance.below(4) == 0 { &rows } else { &good };
        let mut bytes = from[chance.below(from.len())].bytes.clone();
        for _ in 0..=chance.below(3) {
            let other = &rows[chance.below(rows.len())].bytes;
            chance.mutate(&mut bytes, other);
        }
        send(Connection::open(client(run), between.address()).await, &bytes).await;
        sent.push(bytes);
    }
    // What was left behind on a connection to the upstream would show by now.
    let mut last = Connection::open(client(RUNS), between.address()).await;
    last.send(get("/a")).await;
    assert_eq!(last.reply().await, Some(200));
    drop(last);

    let heard = between.end().await;
    let mut faults = heard.faults();
    // A method that nobody knows may be one to the upstream, and Node knows its own alone.
    faults.extend(heard.errors.iter().filter(|error| !error.contains("HPE_INVALID_METHOD")).cloned());
    for (run, bytes) in sent.iter().enumerate() {
        let name = format!("\"{}\"", client(run));
        if faults.iter().any(|fault| fault.contains(&name)) {
            faults.push(format!("{name} sent {}", bytes.escape_ascii()));
        }
    }
    report(&faults);
    assert!(heard.passed() > RUNS / 4, "only {} requests passed", heard.passed());
}
