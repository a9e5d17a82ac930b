//! What every request gets, whatever its door: an identifier, a client address, a line in the log, figures in the
//! metrics, and the headers that keep browsers careful.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use ipnet::IpNet;

use super::app::App;
use super::failure::{Cause, Reason};
use super::request_log::Line;
use crate::model::id::{self, RequestId};

/// How a request came in; stands in the extensions of one that is routed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    pub(super) request: RequestId,
    pub(super) address: IpAddr,
}

impl Circumstances {
    /// Those of a routed request, which came through the [`Frame`] as all do.
    pub(super) fn of(request: &Request) -> Self {
        let nowhere = Self { request: RequestId(uuid::Uuid::nil()), address: IpAddr::from([0, 0, 0, 0]) };
        request.extensions().get().copied().unwrap_or(nowhere)
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What stands around one request and its answer.
pub(super) struct Frame {
    circumstances: Circumstances,
    method: Method,
    begun: Duration,
}

impl Frame {
    /// Takes in how a request came.
    pub(super) fn begin<B>(app: &App, request: &hyper::Request<B>, peer: SocketAddr) -> Self {
        let id = RequestId(id::ordered(app.clock.now(), &*app.entropy));
        let address = client_address(peer.ip(), request.headers(), &app.settings.trusted_proxies);
        Self {
            circumstances: Circumstances { request: id, address },
            method: request.method().clone(),
            begun: app.clock.monotonic(),
        }
    }

    pub(super) fn circumstances(&self) -> Circumstances {
        self.circumstances
    }

    /// Completes the answer that a route gave, counts it and writes it down.
    pub(super) fn end(self, app: &App, route: &str, mut response: Response) -> Response {
        let Self { circumstances: Circumstances { request, address }, method, begun } = self;
        let headers = response.headers_mut();
        harden(headers, app.settings.https());
        if let Ok(value) = HeaderValue::try_from(request.to_string()) {
            headers.insert(REQUEST_ID, value);
        }
        let took = app.clock.monotonic().saturating_sub(begun);
        let status = response.status();
        let reason = response.extensions().get::<Reason>().map(|reason| reason.0);
        app.metrics.request(&method, route, status, took, reason);
        let cause = response.extensions().get::<Cause>().map(|cause| cause.0.as_str());
        app.request_log.write(&Line { request, method: &method, route, status, reason, cause, took, address }, begun);
        response
    }
}

/// Sets what a route has not set itself.
fn harden(headers: &mut HeaderMap, https: bool) {
    const DEFAULTS: [(HeaderName, &str); 4] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in DEFAULTS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

/// The address of the client: the peer's own or, behind trusted proxies, the last one in `X-Forwarded-For` that is
/// none of them. Whoever else sends that header is not believed.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return peer;
    }
    let lines: Vec<&str> = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
    let mut hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    let mut nearest = peer;
    loop {
        match hops.next().map(|hop| hop.trim().parse::<IpAddr>()) {
            Some(Ok(hop)) => nearest = hop.to_canonical(),
            Some(Err(_)) | None => return nearest,
        }
        if !is_trusted(&nearest) {
            return nearest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        client_address(peer.parse().unwrap(), &headers, &["10.0.0.0/8".parse().unwrap()]).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(address("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(address("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(address("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
    }

    #[test]
    fn what_the_client_itself_wrote_is_not_believed() {
        assert_eq!(address("10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(address("10.0.0.1", &["203.0.113.9", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(address("10.0.0.1", &["198.51.100.7, nonsense"]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &[]), "10.0.0.1");
    }
}
