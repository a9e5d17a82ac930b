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

    /// Checks that succeed, thousands a second, are for debugging only; what anybody can bring about is bounded.
    pub(super) fn write(&self, line: &Line<'_>, now: Duration) {
        let (request, duration_us) = (line.request, micros(line.took));
        let Line { method, route, status, reason, cause, address, .. } = line;
        let status = status.as_u16();
        let is_bounded = line.status.is_server_error() || matches!(status, 401 | 404 | 405 | 429);
        let only_asks = line.method.is_safe() || *route == Check::Introspect.route();
        if !is_bounded && only_asks && line.status.is_success() {
            tracing::debug!(%request, %method, route, status, duration_us, %address, "request");
        } else if !is_bounded {
            tracing::info!(%request, %method, route, status, reason, duration_us, %address, "request");
        } else if let Some(left_out) = self.admit(now) {
            if line.status.is_server_error() {
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

    #[test]
    fn strangers_get_few_lines_a_minute_and_the_rest_is_counted() {
        let log = RequestLog::new();
        let written = (0..1000).filter(|_| log.admit(Duration::from_secs(1)).is_some()).count();
        assert_eq!(written, 30);
        assert_eq!(log.admit(Duration::from_secs(61)), Some(970));
        assert_eq!(log.admit(Duration::from_secs(61)), Some(0));
    }
}
