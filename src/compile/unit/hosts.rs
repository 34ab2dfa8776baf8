//! Which hosts an object asks for.

use serde_json::Value;

use crate::compile::Settings;
use crate::compile::notes::{At, Notes, Problem};
use crate::finding::Code;
use crate::snapshot::HostPattern;
use crate::wire::host::Host;

/// The hosts of an object that is well-formed, each with its place in the spec.
pub(super) fn read(written: &[String], settings: &Settings, notes: &mut Notes) -> Vec<(usize, HostPattern)> {
    let at = At::spec().field("hosts").path();
    if written.is_empty() {
        if settings.hosts_without_names {
            return vec![(0, HostPattern::Any)];
        }
        let cause = "an empty list takes every host, which no namespace owns here";
        notes.error_at(at, Problem::new(Code::HostNotOwned, cause, "Name the hosts."));
        return Vec::new();
    }
    let mut hosts: Vec<(usize, HostPattern)> = Vec::with_capacity(written.len());
    for (index, text) in written.iter().enumerate() {
        match host(text) {
            Some(host) if hosts.iter().any(|(_, other)| *other == host) => {}
            Some(host) => hosts.push((index, host)),
            None => {
                let cause = "the value is no host name, nor one with *. in front";
                notes.error_at(at.index(index), Problem::value(cause, "Write a host such as api.example.com."));
            }
        }
    }
    hosts
}

/// A host name or wildcard in its one form. A port is not part of it.
fn host(text: &str) -> Option<HostPattern> {
    let (wildcard, name) = match text.strip_prefix("*.") {
        Some(suffix) => (true, suffix),
        None => (false, text),
    };
    let host = Host::parse(name.as_bytes()).ok()?;
    let name = host.name();
    Some(if wildcard { HostPattern::Below(name.into()) } else { HostPattern::Exact(name.into()) })
}

/// The hosts of an object that is not well-formed, as far as they can be read: also one host that should have been a list
/// of one, or stands under `host`. For hosts that cannot be read, nothing can be claimed: requests to them go where they
/// would go without this object, and that is noted.
pub(super) fn salvage(spec: Option<&Value>, settings: &Settings, notes: &mut Notes) -> Vec<(usize, HostPattern)> {
    let written = spec.and_then(|spec| spec.get("hosts").filter(|hosts| !hosts.is_null()).or_else(|| spec.get("host")));
    let written = match written {
        Some(Value::Array(written)) => written.as_slice(),
        Some(one @ Value::String(_)) => std::slice::from_ref(one),
        Some(_) | None => {
            unreadable("spec.hosts cannot be read", notes);
            return Vec::new();
        }
    };
    if written.is_empty() && settings.hosts_without_names {
        return vec![(0, HostPattern::Any)];
    }
    let mut hosts: Vec<(usize, HostPattern)> = Vec::new();
    let mut lost = 0_usize;
    for (index, host) in written.iter().map(|text| text.as_str().and_then(|text| host(text.trim_ascii()))).enumerate() {
        match host {
            Some(host) if hosts.iter().any(|(_, other)| *other == host) => {}
            Some(host) => hosts.push((index, host)),
            None => lost = lost.saturating_add(1),
        }
    }
    match (lost, written.len()) {
        (0, _) => {}
        (lost, all) if lost == all => unreadable("none of spec.hosts can be read", notes),
        (lost, all) => unreadable(&format!("{lost} of the {all} hosts cannot be read"), notes),
    }
    hosts
}

fn unreadable(what: &str, notes: &mut Notes) {
    let cause = format!("{what}, so the object guards nothing there: other rules may take these requests");
    let cure = "Write each host as api.example.com, or with *. in front.";
    notes.error(&At::spec().field("hosts"), Problem::new(Code::HostsUnreadable, cause, cure));
}
