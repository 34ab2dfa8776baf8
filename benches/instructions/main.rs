//! Instruction counts of what a request costs beyond forwarding it, the match and the check of its token; and of
//! compiling.
//!
//! Counts do not change with the machine's load; `benches/run.sh` prints them. What a function is given it gives back,
//! so that nothing counts its end.

#![expect(missing_docs, reason = "the macros make functions without any")]
#![expect(clippy::unwrap_used, reason = "a benchmark ends at the first surprise")]

mod resources;
mod tables;
mod tokens;

use std::hint::black_box;
use std::sync::Arc;

use bearward::compile::Compiler;
use bearward::jose::{Claims, Expectation, KeySet, Token, TokenHash, Verified};
use bearward::snapshot::Hosts;
use gungraun::{library_benchmark, library_benchmark_group, main};
use http::request::Parts;

use tables::head;
use tokens::Case;

#[library_benchmark]
#[bench::exact_host_of_ten_thousand(tables::ten_thousand_hosts(), head("host-4711.example.com", "/orders/7"))]
#[bench::path_of_ten_thousand_on_one_host(tables::ten_thousand_paths(), head("api.example.com", "/team-4711/orders/7"))]
fn match_request(hosts: Arc<Hosts>, head: Parts) -> (Arc<Hosts>, Parts) {
    let host = head.headers.get("host").unwrap().to_str().unwrap();
    let route = hosts.find(black_box(host)).and_then(|paths| paths.find(black_box(head.uri.path()), &head));
    assert!(black_box(route).is_some());
    (hosts, head)
}

#[library_benchmark]
#[bench::es256(tokens::case("ES256"))]
#[bench::rs256(tokens::case("RS256"))]
fn validate_new_token(case: Case) -> (Case, Verified<Claims>) {
    let Case { text, expectation, keys, now } = &case;
    let token = Token::parse(black_box(text)).unwrap();
    let claims = Expectation::verify(expectation, token, keys, *now).unwrap();
    (case, claims)
}

#[library_benchmark]
#[bench::es256(tokens::case("ES256"))]
fn everything_before_the_signature(case: Case) -> Case {
    let Case { text, expectation, now, .. } = &case;
    let token = Token::parse(black_box(text)).unwrap();
    black_box(Expectation::check(expectation, &token, *now)).unwrap();
    case
}

#[library_benchmark]
#[bench::es256(tokens::case("ES256"))]
fn hash_of_a_token(case: Case) -> Case {
    black_box(TokenHash::of(black_box(&case.text)));
    case
}

// All but the look-up itself, which is one in a table of fixed size.
#[library_benchmark]
#[bench::es256(tokens::verified("ES256"))]
fn validate_token_seen_before(seen: (Case, Verified<Claims>)) -> (Case, Verified<Claims>) {
    let (case, claims) = &seen;
    black_box(TokenHash::of(black_box(&case.text)));
    claims.recheck(black_box(&case.expectation), case.now).unwrap();
    seen
}

#[library_benchmark]
#[bench::two_keys(tokens::key_set())]
fn parse_key_set(text: String) -> (String, KeySet) {
    let (set, _) = KeySet::parse(black_box(text.as_bytes())).unwrap();
    (text, set)
}

#[library_benchmark]
#[bench::ten_thousand_routes(resources::cold())]
fn compile_from_nothing(mut compiler: Compiler) -> Compiler {
    black_box(compiler.compile());
    compiler
}

#[library_benchmark]
#[bench::among_ten_thousand_routes(resources::warm())]
fn compile_one_edit(mut compiler: Compiler) -> Compiler {
    compiler.apply(resources::edit(2));
    black_box(compiler.compile());
    compiler
}

library_benchmark_group!(name = matching, benchmarks = match_request);
library_benchmark_group!(
    name = validating,
    benchmarks = [
        validate_new_token,
        validate_token_seen_before,
        everything_before_the_signature,
        hash_of_a_token,
        parse_key_set
    ]
);
library_benchmark_group!(name = compiling, benchmarks = [compile_from_nothing, compile_one_edit]);
main!(library_benchmark_groups = [matching, validating, compiling]);
