//! What is taken of a request's target, host and way is in one form: read again, it is the same.
//!
//! Input, in lines: method, target, Host, then fields of the head.

#![no_main]

use std::sync::LazyLock;

use bearward::wire::forwarded::{Convention, Forwarded, Peer, Scheme, TrustedProxies};
use bearward::wire::headers;
use bearward::wire::host::Host;
use bearward::wire::target::{EncodedSlashes, MAX_TARGET_BYTES, PathParameters, Target, TargetPolicy};
use bearward::wire::traceparent::TraceParent;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;

const POLICIES: [TargetPolicy; 3] = [
    TargetPolicy { encoded_slashes: EncodedSlashes::Refuse, path_parameters: PathParameters::Refuse },
    TargetPolicy { encoded_slashes: EncodedSlashes::Keep, path_parameters: PathParameters::Refuse },
    TargetPolicy { encoded_slashes: EncodedSlashes::Keep, path_parameters: PathParameters::Keep },
];

static TRUSTED: LazyLock<[TrustedProxies; 2]> = LazyLock::new(|| {
    [Convention::XForwarded, Convention::Rfc7239].map(|convention| {
        TrustedProxies::new(
            [ipnet::IpNet::V4(ipnet::Ipv4Net::new([10, 0, 0, 0].into(), 8).expect("8 is at most 32"))],
            convention,
        )
    })
});

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let (method, target, host) = (lines.next(), lines.next(), lines.next());
    let method = method.and_then(|method| Method::from_bytes(method).ok()).unwrap_or(Method::GET);
    let host = host.and_then(host_is_in_one_form);
    let or = Host::parse(b"api.example.com").expect("it is a host");
    if let Some(target) = target.and_then(|target| std::str::from_utf8(target).ok()) {
        for policy in POLICIES {
            target_is_in_one_form(&method, target, host.as_ref().unwrap_or(&or), policy);
        }
    }
    let mut fields = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.get(1..).unwrap_or_default().trim_ascii()))
        else {
            continue;
        };
        fields.append(name, value);
    }
    the_way_is_in_one_form(&fields);
    the_trace_goes_on(fields);
});

fn host_is_in_one_form(raw: &[u8]) -> Option<Host<'static>> {
    let host = Host::parse(raw).ok()?.into_owned();
    let written = host.to_string();
    assert_eq!(Host::parse(written.as_bytes()).as_ref(), Ok(&host), "{written}");
    assert!(!host.name().bytes().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_control()), "{written}");
    Some(host)
}

fn target_is_in_one_form(method: &Method, raw: &str, host: &Host<'_>, policy: TargetPolicy) {
    let Ok(target) = Target::parse(method, raw, host, policy) else { return };
    let path = target.path();
    let written = target.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    assert!(written.len() <= MAX_TARGET_BYTES, "{written}");
    let again = Target::parse(method, &written, host, policy);
    assert_eq!(again.as_ref(), Ok(&target), "{written}");
    assert!(again.is_ok_and(|again| again.is_unchanged()), "{written}");
    if path == "*" {
        return;
    }
    // An unchanged target is sent on as it came.
    assert!(!raw.starts_with('/') || !target.is_unchanged() || written == raw, "{raw} is sent as {written}");
    assert!(path.starts_with('/') && !path.contains("//"), "{path}");
    assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")), "{path}");
    assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b'\\'), "{path}");
    let slashes_stay = policy.encoded_slashes == EncodedSlashes::Keep;
    assert!(slashes_stay || !path.to_ascii_lowercase().contains("%2f"), "{path}");
    let uri: http::Uri = written.parse().expect("what upstreams are sent is a target");
    assert_eq!(uri.path(), path);
}

fn the_way_is_in_one_form(fields: &HeaderMap) {
    let host = HeaderValue::from_static("api.example.com");
    for (address, is_trusted) in [([10, 0, 0, 1], true), ([192, 0, 2, 1], false)] {
        for (trusted, convention) in TRUSTED.iter().zip([Convention::XForwarded, Convention::Rfc7239]) {
            let peer = Peer::new(address.into(), trusted);
            let way = Forwarded::of_request(&peer, Scheme::Http, fields, trusted);
            assert!(is_trusted || way.client == Some(address.into()), "a stranger's word was taken");
            let mut sent = fields.clone();
            way.write(&host, convention, &mut sent);
            headers::remove_hop_by_hop(&mut sent);
            // A next gateway that trusts this one must come to the same client.
            let next = Forwarded::of_request(&Peer::new([10, 0, 0, 2].into(), trusted), Scheme::Http, &sent, trusted);
            if is_trusted {
                assert!(next.client == way.client || way.client.is_none(), "{sent:?}");
            } else {
                assert_eq!(next.client, way.client, "{sent:?}");
            }
        }
    }
}

fn the_trace_goes_on(mut fields: HeaderMap) {
    let Some(trace) = TraceParent::of_request(&mut fields) else {
        assert!(!fields.contains_key("traceparent") && !fields.contains_key("tracestate"));
        return;
    };
    let child = trace.child([1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(TraceParent::parse(child.to_value().as_bytes()), Some(child));
    assert_eq!(child.trace_id(), trace.trace_id());
}
