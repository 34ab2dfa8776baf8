//! Which page is where, and who may see it.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;

use super::{View, dump, metrics};
use crate::wire::host::Host;

const TEXT: &str = "text/plain; charset=utf-8";

const INDEX: &str = "\
bearward: the operator's view

/snapshot  what is in force, as JSON, without secrets
/readyz    whether this replica is ready, and what it waits for
/metrics   counters, in the OpenMetrics text format
";

type Page = Response<Full<Bytes>>;

/// Answers a request to the probes: `/livez`, `/readyz` and `/metrics`.
pub fn probes<B>(view: &View, request: &Request<B>) -> Page {
    if let Some(refused) = only_get(request) {
        return refused;
    }
    match request.uri().path() {
        "/livez" => page(StatusCode::OK, TEXT, "alive\n".to_owned()),
        "/readyz" => readiness(view),
        "/metrics" => page(StatusCode::OK, metrics::OPENMETRICS, metrics::write(view)),
        _ => page(StatusCode::NOT_FOUND, TEXT, "not found; there are /livez, /readyz and /metrics\n".to_owned()),
    }
}

/// Answers a request to the operator's view, which is served at `address`.
///
/// A page of some web site whose name was made to lead to this machine must not read it in an operator's browser: the
/// Host field has to name this machine, not merely to lead here.
pub fn operator<B>(view: &View, address: SocketAddr, request: &Request<B>) -> Page {
    if !is_local(request, address) {
        let text = "the Host field must name this machine, such as localhost or 127.0.0.1\n";
        return page(StatusCode::MISDIRECTED_REQUEST, TEXT, text.to_owned());
    }
    if let Some(refused) = only_get(request) {
        return refused;
    }
    match request.uri().path() {
        "/" => page(StatusCode::OK, TEXT, INDEX.to_owned()),
        "/snapshot" => match dump::write(view) {
            Ok(text) => page(StatusCode::OK, "application/json", text + "\n"),
            Err(error) => {
                tracing::error!(%error, "snapshot could not be written");
                page(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "the snapshot could not be written\n".to_owned())
            }
        },
        "/readyz" => readiness(view),
        "/metrics" => page(StatusCode::OK, metrics::OPENMETRICS, metrics::write(view)),
        _ => page(StatusCode::NOT_FOUND, TEXT, "not found; / lists what there is\n".to_owned()),
    }
}

fn readiness(view: &View) -> Page {
    let missing = view.readiness.missing();
    if missing.is_empty() {
        return page(StatusCode::OK, TEXT, "ready\n".to_owned());
    }
    let mut text = String::from("not ready\n");
    for missing in missing {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "- {missing}");
    }
    page(StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
}

fn only_get<B>(request: &Request<B>) -> Option<Page> {
    if request.method() == Method::GET {
        return None;
    }
    let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET is answered here\n".to_owned());
    refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
    Some(refused)
}

/// Whether the request names a loopback address or name, or the address that it came to.
fn is_local<B>(request: &Request<B>, address: SocketAddr) -> bool {
    let Ok(host) = Host::of_request(request.uri(), request.headers()) else { return false };
    let name = host.name();
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    match bare.parse::<IpAddr>() {
        Ok(named) => named.is_loopback() || named == address.ip(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

fn page(status: StatusCode, media_type: &'static str, text: String) -> Page {
    let mut page = Response::new(Full::from(text));
    *page.status_mut() = status;
    let headers = page.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    page
}
