//! One line a request. Strangers can't fill the disk: lines about refused and failed requests are few a minute, the
//! rest counted.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{Method, StatusCode};

use super::checks::Check;
use crate::model::clock::micros;
use crate::model::id::RequestId;

/// How many lines about what anybody can bring about are written a minute.
const LINES_PER_MINUTE: u32 = 30;

/// What a line says.
pub(super) struct Line<'a> {
    pub(super) request: RequestId,
    pub(super) method: &'a Method,
    pub(super) route: &'a str,
    pub(super) status: StatusCode,
    pub(super) reason: Option<&'static str>,
    pub(super) cause: Option<&'a str>,
    pub(super) took: Duration,
    pub(super) address: IpAddr,
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Something was read or checked, thousands of times a second.
    Read,
    /// A request like others.
    Other,
    /// What anybody can bring about.
    Refused,
    /// A fault of ours, whatever the client was told: a gateway knows but yes and no.
    Failed,
}

impl Line<'_> {
    fn kind(&self) -> Kind {
        if self.status.is_server_error() || self.cause.is_some() {
            return Kind::Failed;
        }
        let is_check = || Check::ALL.iter().any(|check| check.is_behind(self.route));
        match self.status.as_u16() {
            401 | 404 | 405 | 408 | 413 | 429 => Kind::Refused,
            200..=299 if self.method.is_safe() || is_check() => Kind::Read,
            _ => Kind::Other,
        }
    }
}

/// Writes the lines.
pub(super) struct RequestLog {
    bounded: Mutex<Bounded>,
}

struct Bounded {
    minute: u64,
    written: u32,
    left_out: u64,
}

impl RequestLog {
    pub(super) fn new() -> Self {
        Self { bounded: Mutex::new(Bounded { minute: 0, written: 0, left_out: 0 }) }
    }

    /// Writes a line as loud as it deserves; what anybody can bring about is bounded.
    pub(super) fn write(&self, line: &Line<'_>, now: Duration) {
        let (request, duration_us) = (line.request, micros(line.took));
        let Line { method, route, status, reason, cause, address, .. } = line;
        let status = status.as_u16();
        match line.kind() {
            Kind::Read => tracing::debug!(%request, %method, route, status, duration_us, %address, "request"),
            Kind::Other => tracing::info!(%request, %method, route, status, reason, duration_us, %address, "request"),
            kind @ (Kind::Refused | Kind::Failed) => {
                let Some(left_out) = self.admit(now) else { return };
                if kind == Kind::Failed {
                    tracing::error!(
                        %request, %method, route, status, cause, duration_us, %address, left_out, "request failed"
                    );
                } else {
                    tracing::info!(
                        %request, %method, route, status, reason, duration_us, %address, left_out, "request refused"
                    );
                }
            }
        }
    }

    /// Gives the number of lines that were left out since the last one, or `None` when this one is left out too.
    fn admit(&self, now: Duration) -> Option<u64> {
        let mut bounded = self.bounded.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_secs() / 60;
        if bounded.minute != minute {
            (bounded.minute, bounded.written) = (minute, 0);
        }
        if bounded.written == LINES_PER_MINUTE {
            bounded.left_out += 1;
            return None;
        }
        bounded.written += 1;
        Some(std::mem::take(&mut bounded.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(method: Method, route: &str, status: u16, cause: Option<&str>) -> Kind {
        let request = RequestId(uuid::Uuid::nil());
        let (status, took, address) = (StatusCode::from_u16(status).unwrap(), Duration::ZERO, [192, 0, 2, 1].into());
        Line { request, method: &method, route, status, reason: None, cause, took, address }.kind()
    }

    #[test]
    fn reads_and_checks_are_quiet_whatever_their_method() {
        for (method, route) in [
            (Method::GET, "/health/live"),
            (Method::POST, "/oauth2/introspect"),
            (Method::GET, "/verify"),
            (Method::PUT, "/verify"),
            (Method::POST, "/verify/{*path}"),
        ] {
            assert_eq!(kind(method.clone(), route, 200, None), Kind::Read, "{method} {route}");
        }
        assert_eq!(kind(Method::PATCH, "/v1/platform-users/{uuid}", 204, None), Kind::Other);
        assert_eq!(kind(Method::POST, "/sign-in", 200, None), Kind::Other);
        assert_eq!(kind(Method::GET, "/verify", 403, None), Kind::Other);
    }

    #[test]
    fn what_anybody_can_bring_about_and_every_fault_of_ours_is_bounded() {
        for status in [401, 404, 405, 408, 413, 429] {
            assert_eq!(kind(Method::POST, "/oauth2/introspect", status, None), Kind::Refused, "{status}");
        }
        assert_eq!(kind(Method::GET, "/v1/uuids", 503, Some("why")), Kind::Failed);
        assert_eq!(kind(Method::GET, "/verify", 403, Some("why")), Kind::Failed, "a gateway is told no more than that");
    }

    #[test]
    fn strangers_get_few_lines_a_minute_and_the_rest_is_counted() {
        let log = RequestLog::new();
        let written = (0..1000).filter(|_| log.admit(Duration::from_secs(1)).is_some()).count();
        assert_eq!(written, 30);
        assert_eq!(log.admit(Duration::from_secs(61)), Some(970));
        assert_eq!(log.admit(Duration::from_secs(61)), Some(0));
    }
}
