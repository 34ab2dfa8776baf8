//! The counters of requests, and their text.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::{Counters, End, Ending, Grant, Outcome};

fn count(counters: &Counters, thread: usize, rule: &str, status: u16, reason: &'static str, micros: u64) {
    let end = if reason.is_empty() { End::Whole } else { End::Refused(reason) };
    count_end(counters, thread, rule, status, end, micros);
}

fn count_end(counters: &Counters, thread: usize, rule: &str, status: u16, end: End, micros: u64) {
    let worker = counters.workers().nth(thread).unwrap();
    let duration = Duration::from_micros(micros);
    worker.request(Outcome { rule: &Arc::from(rule), status, end, duration, token: None });
}

fn text(counters: &Counters) -> String {
    let mut out = String::new();
    counters.write(&mut out);
    out
}

#[track_caller]
fn assert_has(text: &str, line: &str) {
    assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
}

#[test]
fn threads_are_added_up() {
    let counters = Counters::new(2);
    count(&counters, 0, "shop/orders/0", 200, "", 100);
    count(&counters, 1, "shop/orders/0", 200, "", 300);
    count(&counters, 1, "shop/orders/0", 401, "expired", 20);
    count(&counters, 0, "", 404, "no_route", 20);
    let text = text(&counters);
    for line in [
        "bearward_requests_total{rule=\"\",status=\"404\"} 1",
        "bearward_requests_total{rule=\"shop/orders/0\",status=\"200\"} 2",
        "bearward_requests_total{rule=\"shop/orders/0\",status=\"401\"} 1",
        "bearward_refusals_total{reason=\"expired\"} 1",
        "bearward_refusals_total{reason=\"no_route\"} 1",
        "bearward_request_duration_seconds_count 4",
        "bearward_request_duration_seconds_sum 0.000440",
    ] {
        assert_has(&text, line);
    }
    assert!(!text.contains("reason=\"\""), "{text}");
}

#[test]
fn a_request_that_was_let_through_counts_as_no_refusal_however_it_ends() {
    let counters = Counters::new(2);
    count(&counters, 0, "r", 503, "shutting_down", 1);
    count_end(&counters, 0, "r", 200, End::BrokenOff(Ending::ClientLeft), 1);
    count_end(&counters, 1, "r", 499, End::BrokenOff(Ending::ClientLeft), 1);
    count_end(&counters, 1, "r", 200, End::BrokenOff(Ending::ShuttingDown), 1);
    // A redirect is made as refusals are, and is none.
    count_end(&counters, 1, "r", 302, End::Refused(""), 1);
    let text = text(&counters);
    for line in [
        "bearward_refusals_total{reason=\"shutting_down\"} 1",
        "bearward_requests_broken_off_total{reason=\"client_left\"} 2",
        "bearward_requests_broken_off_total{reason=\"shutting_down\"} 1",
    ] {
        assert_has(&text, line);
    }
    assert_eq!(text.matches("bearward_refusals_total").count(), 1, "{text}");
}

#[test]
fn a_duration_counts_in_every_bucket_from_its_own_on() {
    let counters = Counters::new(1);
    for micros in [0, 250, 251, 2_500_000, 10_000_000, 10_000_001, u64::MAX] {
        count(&counters, 0, "r", 200, "", micros);
    }
    let text = text(&counters);
    for (bound, expected) in
        [("0.000250", 2), ("0.000500", 3), ("0.500000", 3), ("2.500000", 4), ("10.000000", 5), ("+Inf", 7)]
    {
        assert_has(&text, &format!("bearward_request_duration_seconds_bucket{{le=\"{bound}\"}} {expected}"));
    }
    // The sum saturates rather than starting again.
    assert_has(&text, "bearward_request_duration_seconds_sum 18446744073709.551615");
}

#[test]
fn beyond_the_bound_series_are_counted_as_other() {
    let counters = Counters::new(1);
    for number in 0..20_000 {
        count(&counters, 0, &format!("shop/orders/{number}"), 200, "", 1);
    }
    for number in [20_000, 20_001] {
        count(&counters, 0, &format!("shop/orders/{number}"), 200, "", 1);
    }
    count(&counters, 0, "shop/orders/20000", 503, "", 1);
    count(&counters, 0, "shop/orders/5", 200, "", 1);
    let text = text(&counters);
    assert_has(&text, "bearward_requests_total{rule=\"other\",status=\"200\"} 2");
    assert_has(&text, "bearward_requests_total{rule=\"other\",status=\"503\"} 1");
    assert_has(&text, "bearward_requests_total{rule=\"shop/orders/5\",status=\"200\"} 2");
    assert!(!text.contains("shop/orders/20000"));
    assert_has(&text, "bearward_request_duration_seconds_count 20004");
}

#[test]
fn the_text_is_in_the_form_that_prometheus_reads() {
    let counters = Counters::new(1);
    count(&counters, 0, "shop/orders/0", 200, "", 100);
    count(&counters, 0, "shop/orders/0", 401, "expired", 100);
    let first = text(&counters);
    let mut declared = BTreeSet::new();
    let mut family = "";
    for line in first.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(declared.insert(name), "{name} is declared twice");
            assert!(help.ends_with('.') && name.starts_with("bearward_"), "{line}");
            family = name;
        } else if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            assert!(matches!(words.next(), Some("TYPE" | "UNIT")) && words.next() == Some(family), "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            assert!(name.starts_with(family), "{line} does not belong to {family}");
            assert!(labels.is_empty() || labels.ends_with("\"}"), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(first.ends_with('\n'));
    assert_eq!(first, text(&counters), "equal counters give equal text");
}

#[test]
fn tokens_are_counted_by_policy_and_grant_and_policies_are_bounded() {
    let counters = Counters::new(2);
    let issued = |thread, policy: &str, grant| counters.workers().nth(thread).unwrap().issued(&policy.into(), grant);
    issued(0, "shop/issuer", Grant::TokenExchange);
    issued(1, "shop/issuer", Grant::TokenExchange);
    issued(1, "shop/issuer", Grant::JwtBearer);
    let few = text(&counters);
    assert_has(&few, "bearward_tokens_issued_total{policy=\"shop/issuer\",grant=\"token_exchange\"} 2");
    assert_has(&few, "bearward_tokens_issued_total{policy=\"shop/issuer\",grant=\"jwt_bearer\"} 1");
    assert!(!few.contains("refresh_token"), "{few}");
    for number in 0..5_000 {
        issued(0, &format!("shop/{number}"), Grant::RefreshToken);
    }
    let many = text(&counters);
    assert_eq!(many.lines().filter(|line| line.starts_with("bearward_tokens_issued_total")).count(), 4_098);
    assert_has(&many, "bearward_tokens_issued_total{policy=\"other\",grant=\"refresh_token\"} 905");
}
