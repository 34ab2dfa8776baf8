//! Times that are budgets by themselves: a new token beside the bare signature, and compiling among ten thousand routes.
//!
//! Prints rows of a table. Each figure is the least of several rounds: what the work takes when nothing else runs.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and ends at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

#[path = "../instructions/resources.rs"]
mod resources;
#[path = "../instructions/tokens.rs"]
mod tokens;

use std::hint::black_box;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bearward::jose::{Algorithm, Expectation, Token, TokenHash};

const ROUNDS: usize = 20;
const EDITS: usize = 1_000;

fn main() {
    for algorithm in ["ES256", "RS256"] {
        let case = tokens::case(algorithm);
        let bare = bare_verification(algorithm, &case);
        let new = least(200, || {
            let token = Token::parse(black_box(&case.text)).unwrap();
            assert!(Expectation::verify(&case.expectation, token, &case.keys, case.now).is_ok());
        });
        row(&format!("bare signature, {algorithm}"), bare, "");
        row(&format!("new token, {algorithm}: everything with its signature"), new, &over(new, bare));
    }
    let (case, claims) = tokens::verified("ES256");
    let seen = least(10_000, || {
        black_box(TokenHash::of(black_box(&case.text)));
        assert!(claims.recheck(black_box(&case.expectation), case.now).is_ok());
    });
    row("token seen before: its hash, times, issuer and audience again", seen, "");

    let cold = (0..5)
        .map(|_| {
            let mut compiler = resources::cold();
            let start = Instant::now();
            black_box(compiler.compile());
            start.elapsed()
        })
        .min()
        .unwrap();
    row("10,000 routes compiled from nothing", cold, "at most 500 ms");
    let mut compiler = resources::warm();
    let mut edits: Vec<_> = (0..EDITS)
        .map(|edit| {
            let start = Instant::now();
            compiler.apply(resources::edit(u64::try_from(edit).unwrap() + 2));
            black_box(compiler.compile());
            start.elapsed()
        })
        .collect();
    edits.sort_unstable();
    row("one edit among 10,000 routes, median of 1,000", edits.get(EDITS / 2).copied().unwrap(), "");
    row("the same, 99th of 100", edits.get(EDITS * 99 / 100).copied().unwrap(), "at most 20 ms with the wait for more");
}

/// The signature alone, of the same token by the same key.
fn bare_verification(algorithm: &str, case: &tokens::Case) -> Duration {
    let algorithm = Algorithm::from_name(algorithm).unwrap();
    let key = case.keys.iter().next().unwrap();
    let (signed, signature) = case.text.rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    least(200, || key.verify(algorithm, black_box(signed.as_bytes()), black_box(&signature)).unwrap())
}

/// The least time of one call, over rounds of so many.
fn least(calls: u32, mut call: impl FnMut()) -> Duration {
    let round = |_| {
        let start = Instant::now();
        for _ in 0..calls {
            call();
        }
        start.elapsed() / calls
    };
    (0..ROUNDS).map(round).min().unwrap()
}

fn over(new: Duration, bare: Duration) -> String {
    format!("{:.1} µs over the bare signature; at most 10", (new.saturating_sub(bare)).as_secs_f64() * 1e6)
}

fn row(what: &str, time: Duration, note: &str) {
    let micros = time.as_secs_f64() * 1e6;
    let text = if micros < 1_000.0 { format!("{micros:.1} µs") } else { format!("{:.1} ms", micros / 1_000.0) };
    println!("| {what} | {text} | {note} |");
}
