//! `offboard serve`: wires the rooms together and runs them until asked to stop.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::config::{Resolved, Server};
use super::output::{Failure, Format};
use super::{demo, logging};
use crate::access::{self, Gate};
use crate::domain::{Directory, Policy};
use crate::http::server;
use crate::http::tls::Certificate;
use crate::http::{self, App, Settings, Site};
use crate::model::clock::SystemClock;
use crate::model::entropy::SystemEntropy;
use crate::outbound::mail::Mailer;
use crate::store::{Location, Store};

/// How often the uses of tokens are written down.
const USES_INTERVAL: Duration = Duration::from_secs(5);
/// How often what nobody needs any more is forgotten.
const PRUNE_INTERVAL: Duration = Duration::from_secs(600);
/// How often the certificate's files are looked at; SIGHUP has them looked at now.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "help for people, where backticks would show")]
#[command(after_help = "Examples:\n  offboard serve --demo\n  \
    offboard --database postgres://offboard@db/offboard serve --listen 0.0.0.0:8080")]
pub(super) struct Serve {
    /// The address and port to serve on [env: OFFBOARD_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// How the outside reaches the server [env: OFFBOARD_PUBLIC_URL]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Requests per token, as N/period, or off [env: OFFBOARD_RATE_LIMIT] [default: 600/1m]
    #[arg(long, value_name = "LIMIT")]
    rate_limit: Option<String>,
    /// Fill a throw-away database with a sample company, and print what to try next
    #[arg(long)]
    pub(super) demo: bool,
}

impl Serve {
    /// What the command line sets.
    pub(super) fn flags(&self) -> [(&'static str, Option<&str>); 3] {
        [
            ("listen", self.listen.as_deref()),
            ("public_url", self.public_url.as_deref()),
            ("rate_limit", self.rate_limit.as_deref()),
        ]
    }

    pub(super) async fn run(&self, resolved: &Resolved) -> Result<(), Failure> {
        let config = resolved.server()?;
        let (level, json) = resolved.logging()?;
        logging::start(level, json);
        // Before there is anything to leave behind.
        let signals = Signals::listen()?;
        let credentials = (resolved.policy()?, resolved.gate()?, resolved.mailer()?);
        if !self.demo {
            return run(&config, credentials, resolved.location()?, None, signals).await;
        }
        let folder = demo::Folder::make()?;
        run(&config, credentials, Location::Sqlite(folder.database()), Some(&folder), signals).await
    }
}

async fn run(
    config: &Server,
    (policy, gate_policy, mailer): (Policy, access::Policy, Option<Mailer>),
    location: Location,
    demo: Option<&demo::Folder>,
    signals: Signals,
) -> Result<(), Failure> {
    let Signals { mut stop, hangup } = signals;
    let certificate = match &config.tls {
        Some((chain, key)) => Some(Arc::new(Certificate::open(chain.clone(), key.clone())?)),
        None => None,
    };
    raise_file_limit(config.limits.connections);
    let store = Arc::new(Store::open(location, &SystemEntropy).await?);
    let listener = TcpListener::bind(&config.listen).await.map_err(|error| {
        Failure::new(
            format!("can not listen on {}: {error}", config.listen),
            "choose another one with --listen HOST:PORT",
        )
    })?;
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let own_url = format!("{scheme}://{}", listener.local_addr()?);
    let public_url =
        config.public_url.as_ref().map_or(own_url.clone(), |url| url.as_str().trim_end_matches('/').to_owned());
    let app = wire(config, (policy, gate_policy), mailer, Arc::clone(&store), public_url.clone());

    let stopped = CancellationToken::new();
    let serving =
        server::serve(listener, Site::new(&app.0), certificate.clone(), config.limits.clone(), stopped.clone());
    let serving = tokio::spawn(serving);
    let forgotten = CancellationToken::new();
    let memory = tokio::spawn(Arc::clone(&app.1).remember(Arc::new(SystemEntropy), forgotten.clone()));
    let notes = tokio::spawn(note_legacy_calls(app.0.clone()));
    let chores = tokio::spawn(chores(Arc::clone(&app.1), certificate, hangup));
    tracing::info!(url = own_url, "listening");
    if let Some(folder) = demo {
        demo::fill(folder, store, policy, &public_url).await?;
    }

    stop.next().await;
    tracing::info!("stopping: finishing what runs");
    app.0.stop();
    stopped.cancel();
    tokio::select! {
        cut = serving => {
            let cut = cut.unwrap_or_default();
            if cut > 0 {
                tracing::warn!(cut, "connections were cut when the time to finish was over");
            }
        }
        () = stop.next() => {
            return Err(Failure::new("stopped at once, by a second signal", "running requests were cut"));
        }
    }
    chores.abort();
    notes.abort();
    forgotten.cancel();
    let _ = memory.await;
    if let Err(error) = app.1.write_uses().await {
        tracing::warn!(%error, "the last uses of tokens were not written down");
    }
    if let Err(error) = app.0.write_legacy_calls().await {
        tracing::warn!(%error, "the last calls of the User Management API were not written down");
    }
    tracing::info!("stopped");
    Ok(())
}

fn wire(
    config: &Server,
    (policy, gate_policy): (Policy, access::Policy),
    mailer: Option<Mailer>,
    store: Arc<Store>,
    public_url: String,
) -> (App, Arc<Gate>) {
    let clock = Arc::new(SystemClock::start());
    let entropy = Arc::new(SystemEntropy);
    let gate = Arc::new(Gate::new(Arc::clone(&store), clock.clone(), gate_policy));
    let directory = Directory::new(store, clock.clone(), entropy.clone(), policy);
    let settings = Settings {
        rate_limit: config.rate_limit,
        scim_rate_limit: config.scim_rate_limit,
        scim_strict: config.scim_strict,
        legacy_sunset: config.legacy_sunset.clone(),
        shared_limit: config.shared_limit.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        body_limit: config.body_limit,
        body_timeout: config.body_timeout,
        public_url,
    };
    (App::new(directory, Arc::clone(&gate), clock, entropy, mailer, settings), gate)
}

/// Writes down who calls the User Management API, until the server stops.
async fn note_legacy_calls(app: App) {
    let mut turns = tokio::time::interval(USES_INTERVAL);
    loop {
        turns.tick().await;
        if let Err(error) = app.write_legacy_calls().await {
            tracing::warn!(%error, "calls of the User Management API were not written down");
        }
    }
}

/// What is done beside requests, until the server stops.
async fn chores(gate: Arc<Gate>, certificate: Option<Arc<Certificate>>, mut hangup: Signal) {
    let mut uses = tokio::time::interval(USES_INTERVAL);
    let mut prune = tokio::time::interval(PRUNE_INTERVAL);
    let mut renewal = tokio::time::interval(CERTIFICATE_INTERVAL);
    loop {
        tokio::select! {
            _ = uses.tick() => {
                if let Err(error) = gate.write_uses().await {
                    tracing::warn!(%error, "uses of tokens were not written down");
                }
            }
            _ = prune.tick() => {
                if let Err(error) = gate.prune().await {
                    tracing::warn!(%error, "old changes were not forgotten");
                }
            }
            _ = renewal.tick() => renew(certificate.as_deref()),
            _ = hangup.recv() => renew(certificate.as_deref()),
        }
    }
}

fn renew(certificate: Option<&Certificate>) {
    match certificate.map(Certificate::renew) {
        Some(Ok(true)) => tracing::info!("the TLS certificate was renewed"),
        Some(Err(error)) => tracing::error!(%error, "the TLS certificate was not renewed; the old one stays in use"),
        Some(Ok(false)) | None => {}
    }
}

/// What the operating system may ask of the server; nothing is lost once it is listened to.
struct Signals {
    stop: StopSignals,
    hangup: Signal,
}

/// SIGTERM and Ctrl-C.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { stop: StopSignals { terminate, interrupt }, hangup: signal(SignalKind::hangup())? })
    }
}

impl StopSignals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Each connection is a file; shells often allow fewer than the system would.
fn raise_file_limit(connections: usize) {
    let wanted = connections as u64 + 256;
    match rlimit::increase_nofile_limit(wanted) {
        Ok(got) if got < wanted => tracing::warn!(got, wanted, "the limit of open files is low; see ulimit -n"),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "can not raise the limit of open files"),
    }
}

/// `offboard openapi`
pub(super) fn print_document(format: Format) -> Result<(), Failure> {
    let document = http::document();
    let pretty = document.to_pretty_json().map_err(|error| Failure::new(error.to_string(), "please report it"))?;
    let compact =
        serde_json::to_value(&document).map_err(|error| Failure::new(error.to_string(), "please report it"))?;
    format.print(&compact, || pretty)
}
