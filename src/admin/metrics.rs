//! `/metrics`: everything that is counted, in the `OpenMetrics` text format.

mod signing;

use std::fmt::Write;
use std::sync::Arc;

use super::View;
use super::dump::policies;
use crate::clock::UnixTime;
use crate::finding::Severity;
use crate::snapshot::{AcceptedKeys, AsOf, KeyCell, Takes};

/// The media type of what [`write()`] writes.
pub(super) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics, in a fixed order.
pub(super) fn write(view: &View) -> String {
    let mut out = String::with_capacity(16 << 10);
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        out,
        "# HELP bearward_build The program that runs.\n# TYPE bearward_build info\n\
         bearward_build_info{{version=\"{}\"}} 1\n\
         # HELP bearward_ready Whether requests should be sent here.\n# TYPE bearward_ready gauge\nbearward_ready {}",
        env!("CARGO_PKG_VERSION"),
        u8::from(view.readiness.missing().is_empty()),
    );
    view.publications.write(&mut out);
    write_findings(view, &mut out);
    write_key_sets(view, &mut out);
    signing::write(view, &mut out);
    view.counters.write(&mut out);
    view.log_losses.write(&mut out);
    out.push_str("# EOF\n");
    out
}

fn write_findings(view: &View, out: &mut String) {
    let findings = Arc::clone(&view.findings.borrow());
    let _ = writeln!(out, "# HELP bearward_findings What is wrong with resources.\n# TYPE bearward_findings gauge");
    for severity in [Severity::Error, Severity::Warning] {
        let count = findings.iter().filter(|finding| finding.severity == severity).count();
        let _ = writeln!(out, "bearward_findings{{severity=\"{}\"}} {count}", severity.as_str());
    }
}

/// One series for each policy's entry, whose number resources bound.
fn write_key_sets(view: &View, out: &mut String) {
    let snapshot = view.snapshot.load();
    let policies = policies(&snapshot);
    let entries = policies.values().flat_map(|policy| &policy.entries);
    let cells: Vec<_> = entries
        .filter_map(|entry| match &entry.takes {
            Takes::Jwt(jwt) => Some((&*entry.name, jwt.expectation.issuer(), &*jwt.keys)),
            Takes::ApiKeys(_) => None,
        })
        .collect();
    let now = view.clock.now();
    gauge(out, "bearward_key_set_keys", "Usable keys of an issuer; none while they cannot be had.", &cells, |cell| {
        Some(count(cell).to_string())
    });
    gauge(out, "bearward_key_set_age_seconds", "Since the fetch that brought an issuer's keys.", &cells, |cell| {
        age(cell, now)
    });
    let last = "bearward_key_set_last_fetch_timestamp_seconds";
    gauge(out, last, "When an issuer's keys were last fetched or confirmed by this process.", &cells, |cell| {
        cell.last_fetch().map(|at| at.secs().to_string())
    });
    let failures = "bearward_key_set_fetch_failures";
    family(out, failures, "counter", "Fetches of an issuer's keys that failed.");
    series(out, &format!("{failures}_total"), &cells, |cell| {
        let is_fetched = !matches!(**cell.load(), AcceptedKeys::Known { as_of: AsOf::Always, .. });
        is_fetched.then(|| cell.failures().to_string())
    });
}

/// The policy's entry, the issuer, and the keys.
type Labelled<'a> = (&'a str, &'a str, &'a KeyCell);

fn gauge(out: &mut String, name: &str, help: &str, cells: &[Labelled<'_>], value: impl Fn(&KeyCell) -> Option<String>) {
    family(out, name, "gauge", help);
    series(out, name, cells, value);
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    if name.ends_with("_seconds") {
        let _ = writeln!(out, "# UNIT {name} seconds");
    }
}

fn series(out: &mut String, name: &str, cells: &[Labelled<'_>], value: impl Fn(&KeyCell) -> Option<String>) {
    for (entry, issuer, cell) in cells {
        if let Some(value) = value(cell) {
            let _ = writeln!(out, "{name}{{entry=\"{}\",issuer=\"{}\"}} {value}", Escaped(entry), Escaped(issuer));
        }
    }
}

fn count(cell: &KeyCell) -> usize {
    match cell.load().as_ref() {
        AcceptedKeys::Known { set, .. } => set.iter().len(),
        AcceptedKeys::Unavailable { .. } => 0,
    }
}

/// `None` for keys that were not fetched.
fn age(cell: &KeyCell, now: UnixTime) -> Option<String> {
    match cell.load().as_ref() {
        AcceptedKeys::Known { as_of: AsOf::Fetch { began, .. }, .. } => Some(now.since(*began).as_secs().to_string()),
        AcceptedKeys::Known { as_of: AsOf::Always, .. } | AcceptedKeys::Unavailable { .. } => None,
    }
}

/// A label's value, escaped as the format asks.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => formatter.write_str("\\\\")?,
                '"' => formatter.write_str("\\\"")?,
                '\n' => formatter.write_str("\\n")?,
                other => formatter.write_char(other)?,
            }
        }
        Ok(())
    }
}
