//! What every handler can reach.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::Semaphore;

use super::console::Assets;
use super::limit::{Limiter, SharedLimit};
use super::metrics::Metrics;
use super::request_log::RequestLog;
use super::scim::Bookmarks;
use super::streams::Streams;
use crate::access::Gate;
use crate::domain::{self, Directory};
use crate::model::clock::Clock;
use crate::model::entropy::Entropy;
use crate::model::quota::Quota;
use crate::outbound::mail::Mailer;

/// What a deployment decides about the HTTP surface.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How often one credential, or one address without, may ask; `None` switches limits and slow-downs off.
    pub rate_limit: Option<Quota>,
    /// Where the nodes count together; `None` counts in each.
    pub shared_limit: Option<SharedLimit>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The most bytes of a body.
    pub body_limit: usize,
    /// The longest that a body may take to arrive.
    pub body_timeout: Duration,
    /// As `rate_limit`, of an identity provider's SCIM token.
    pub scim_rate_limit: Option<Quota>,
    /// Whether SCIM clients are held to the interoperability profile.
    pub scim_strict: bool,
    /// When the User Management API ends, as an HTTP date (RFC 8594).
    pub legacy_sunset: Option<String>,
    /// How clients reach us, directly or through a proxy; without a slash at the end.
    pub public_url: String,
}

impl Settings {
    /// Whether clients reach us by https.
    pub(super) fn https(&self) -> bool {
        self.public_url.starts_with("https:")
    }
}

/// How many look-ups run at once for addresses that are over their limit.
const TURNS: usize = 2;

/// How many lists by filter are read at once.
const LISTS: usize = 8;

/// The state of a running server; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of [`App`].
pub struct Parts {
    pub(super) directory: Directory,
    pub(super) gate: Arc<Gate>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) mailer: Option<Mailer>,
    pub(super) settings: Settings,
    pub(super) limiter: Limiter,
    pub(super) scim_limiter: Limiter,
    pub(super) scim_bookmarks: Bookmarks,
    /// Lists by filter at once: one may cost what thousands of checks do.
    pub(super) scim_lists: Semaphore,
    pub(super) metrics: Metrics,
    pub(super) request_log: RequestLog,
    pub(super) assets: Assets,
    /// For addresses over their limit: see `admission`.
    pub(super) turns: Semaphore,
    pub(super) streams: Streams,
    stopping: AtomicBool,
}

impl App {
    /// Puts the parts together.
    pub fn new(
        directory: Directory,
        gate: Arc<Gate>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        mailer: Option<Mailer>,
        settings: Settings,
    ) -> Self {
        Self(Arc::new(Parts {
            directory,
            gate,
            clock,
            entropy,
            mailer,
            limiter: Limiter::new(settings.rate_limit, settings.shared_limit.clone()),
            scim_limiter: Limiter::new(settings.scim_rate_limit, settings.shared_limit.clone()),
            scim_bookmarks: Bookmarks::new(),
            scim_lists: Semaphore::new(LISTS),
            metrics: Metrics::new(),
            request_log: RequestLog::new(),
            assets: Assets::new(),
            turns: Semaphore::new(TURNS),
            settings,
            streams: Streams::default(),
            stopping: AtomicBool::new(false),
        }))
    }

    /// From now on the server is not ready: it finishes what runs and takes nothing new.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Writes down who called the User Management API since the last time.
    ///
    /// # Errors
    /// When the store is gone; what was not written is kept for the next time.
    pub async fn write_legacy_calls(&self) -> Result<(), domain::Error> {
        self.directory.write_legacy_calls().await
    }

    /// What the deployment decided.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
