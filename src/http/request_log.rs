//! One line a request. Strangers can't fill the disk: lines about refused strangers are few a minute, the rest counted.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{Method, StatusCode};

use crate::model::id::RequestId;

/// How many lines about strangers are written a minute.
const STRANGERS_PER_MINUTE: u32 = 30;

/// What a line says.
pub(super) struct Line<'a> {
    pub(super) request: RequestId,
    pub(super) method: &'a Method,
    pub(super) route: &'a str,
    pub(super) status: StatusCode,
    pub(super) reason: Option<&'static str>,
    pub(super) took: Duration,
    pub(super) address: IpAddr,
}

/// Writes the lines.
pub(super) struct RequestLog {
    strangers: Mutex<Strangers>,
}

struct Strangers {
    minute: u64,
    written: u32,
    suppressed: u64,
}

impl RequestLog {
    pub(super) fn new() -> Self {
        Self { strangers: Mutex::new(Strangers { minute: 0, written: 0, suppressed: 0 }) }
    }

    /// Checks that succeed, thousands a second, are for debugging only.
    pub(super) fn write(&self, line: &Line<'_>, now: Duration) {
        let (request, duration_us) = (line.request, u64::try_from(line.took.as_micros()).unwrap_or(u64::MAX));
        let Line { method, route, status, reason, address, .. } = line;
        let status = status.as_u16();
        if line.status.is_server_error() {
            tracing::error!(%request, %method, route, status, duration_us, %address, "request failed");
        } else if matches!(status, 401 | 404 | 405 | 429) {
            if let Some(suppressed) = self.admit_stranger(now) {
                tracing::info!(%request, %method, route, status, reason, duration_us, %address, suppressed, "request refused");
            }
        } else if line.method.is_safe() && line.status.is_success() {
            tracing::debug!(%request, %method, route, status, duration_us, %address, "request");
        } else {
            tracing::info!(%request, %method, route, status, reason, duration_us, %address, "request");
        }
    }

    /// Gives the number of lines that were left out since the last one, or `None` when this one is left out too.
    fn admit_stranger(&self, now: Duration) -> Option<u64> {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_secs() / 60;
        if strangers.minute != minute {
            (strangers.minute, strangers.written) = (minute, 0);
        }
        if strangers.written == STRANGERS_PER_MINUTE {
            strangers.suppressed += 1;
            return None;
        }
        strangers.written += 1;
        Some(std::mem::take(&mut strangers.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_get_few_lines_a_minute_and_the_rest_is_counted() {
        let log = RequestLog::new();
        let written = (0..1000).filter(|_| log.admit_stranger(Duration::from_secs(1)).is_some()).count();
        assert_eq!(written, 30);
        assert_eq!(log.admit_stranger(Duration::from_secs(61)), Some(970));
        assert_eq!(log.admit_stranger(Duration::from_secs(61)), Some(0));
    }
}
