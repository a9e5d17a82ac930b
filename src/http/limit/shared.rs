//! The same algorithm in one atomic step of a Redis server, by that server's clock, so that all nodes count together.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Script};

use super::{Decision, Key, decide};
use crate::model::Invalid;
use crate::model::actor::Credential;
use crate::model::clock::micros;
use crate::model::quota::Quota;

/// One step, as `step` in this process: gives the debt that the request leaves, or would leave, in microseconds. A refused
/// request keeps what there was; a key lives until its quota is full again.
const STEP: &str = r"
    local time = redis.call('TIME')
    local now = time[1] * 1000000 + time[2]
    local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
    local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + interval
    local debt = arrival - now
    if debt <= tolerance then
        redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil(debt / 1000))
    end
    return debt
";

/// How long an answer may take; a limit is not worth more.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long nobody asks a server that did not answer.
const REST: Duration = Duration::from_secs(1);

/// The counts that all nodes share.
#[derive(Clone)]
pub struct SharedLimit {
    server: ConnectionManager,
    step: Arc<Script>,
    /// Until when the server is left alone, in microseconds of monotonic time.
    resting_until: Arc<AtomicI64>,
}

impl fmt::Debug for SharedLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedLimit(…)")
    }
}

impl SharedLimit {
    /// Counts at this server: `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://` for TLS. Connects when it is
    /// first asked.
    ///
    /// # Errors
    /// When the URL has not this form; no secret is in that.
    pub fn open(url: &str) -> Result<Self, Invalid> {
        let wrong = |_| Invalid::new("write redis://HOST:6379, with USER:PASSWORD@ before the host where it has one");
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(PATIENCE))
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_number_of_retries(1);
        let client = Client::open(url).map_err(wrong)?;
        let server = ConnectionManager::new_lazy_with_config(client, config).map_err(wrong)?;
        Ok(Self { server, step: Arc::new(Script::new(STEP)), resting_until: Arc::default() })
    }

    /// Whether the server answered when it was last asked.
    pub(super) fn is_there(&self, now: Duration) -> bool {
        micros(now) >= self.resting_until.load(Ordering::Relaxed)
    }

    /// Counts one request; `None` when the server does not answer.
    pub(super) async fn check(&self, key: Key, quota: Quota, now: Duration) -> Option<Decision> {
        if !self.is_there(now) {
            return None;
        }
        let interval = micros(quota.interval()).max(1);
        let mut call = self.step.key(name(key));
        call.arg(interval).arg(interval * i64::from(quota.burst()));
        let mut server = self.server.clone();
        let asked = tokio::time::timeout(PATIENCE, call.invoke_async::<u64>(&mut server)).await;
        let answer = asked.map_err(|_| "it did not answer in time".to_owned());
        match answer.and_then(|answer| answer.map_err(|error| error.category().to_owned())) {
            Ok(debt) => Some(decide(Duration::from_micros(debt), quota)),
            Err(error) => {
                self.rest(now, &error);
                None
            }
        }
    }

    fn rest(&self, now: Duration, error: &str) {
        let before = self.resting_until.swap(micros(now + REST), Ordering::Relaxed);
        // Once each time that it goes away, not once each second.
        if before < micros(now.saturating_sub(2 * REST)) || before == 0 {
            tracing::warn!(error, "Redis is gone: each node counts its own requests");
        }
    }
}

/// Under which name somebody is counted.
fn name(key: Key) -> String {
    match key {
        Key::Credential(Credential::Token(id)) => format!("offboard:limit:token:{id}"),
        Key::Credential(Credential::ApiKey(id)) => format!("offboard:limit:api_key:{id}"),
        Key::Credential(Credential::Scim(id)) => format!("offboard:limit:scim:{id}"),
        Key::Credential(Credential::Session(id)) => format!("offboard:limit:session:{id}"),
        Key::Address(address) => format!("offboard:limit:address:{address}"),
    }
}
