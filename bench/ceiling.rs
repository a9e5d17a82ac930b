//! The ceiling of `bench/run`: bare handlers of axum that answer as the doors of the checks do, without asking anybody,
//! behind the accept loop and the frame of the real server.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use offboard::access::{self, Gate};
use offboard::domain::{Directory, Policy};
use offboard::http::server::{self, Limits};
use offboard::http::{App, Settings, Site};
use offboard::model::clock::SystemClock;
use offboard::model::entropy::SystemEntropy;
use offboard::store::{Location, Store};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Answers GET /api/v1/me, GET /verify and POST /oauth2/introspect alike whoever asks, as fast as axum and the server's frame
/// allow.
#[derive(Parser)]
struct Arguments {
    /// The address and port to serve on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT")]
    listen: SocketAddr,
}

/// As many bytes as the answer about one of the holders that `bench/run` makes; it compares the two.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    uuid: &'static str,
    email_address: &'static str,
    name: &'static str,
    company_uuid: &'static str,
    admin: bool,
    status: &'static str,
    scopes: [&'static str; 1],
}

async fn me() -> Json<Me> {
    Json(Me {
        uuid: "5a3e1d50-7c0b-4a5e-8c53-0d0f4b8f2f10",
        email_address: "user-00000000@bench.example",
        name: "User 00000000",
        company_uuid: "c0a8f2a4-93d5-4d6e-a1f1-2b7f0b1a9c33",
        admin: false,
        status: "active",
        scopes: ["mx:user-deactivation:write"],
    })
}

/// The same for `/verify`.
async fn verify() -> Response {
    const UUID: &str = "5a3e1d50-7c0b-4a5e-8c53-0d0f4b8f2f10";
    const EMAIL: &str = "user-00000000@bench.example";
    let said = [
        ("remote-user", EMAIL),
        ("remote-email", EMAIL),
        ("remote-name", "User 00000000"),
        ("remote-groups", ""),
        ("x-auth-request-user", UUID),
        ("x-auth-request-email", EMAIL),
        ("x-auth-request-groups", ""),
        ("offboard-user", UUID),
        ("offboard-company", UUID),
        ("offboard-role", "member"),
        ("offboard-scopes", "mx:user-deactivation:write"),
        ("offboard-credential", "pat"),
    ];
    said.into_response()
}

/// The same for introspection, which has a body to read.
#[derive(Serialize)]
struct Introspection {
    active: bool,
    scope: &'static str,
    username: &'static str,
    token_type: &'static str,
    iat: i64,
    sub: &'static str,
    iss: &'static str,
    jti: &'static str,
    name: &'static str,
    company_uuid: &'static str,
    role: &'static str,
    credential: &'static str,
}

async fn introspect(_question: Bytes) -> Json<Introspection> {
    Json(Introspection {
        active: true,
        scope: "mx:user-deactivation:write",
        username: "user-00000000@bench.example",
        token_type: "Bearer",
        iat: 1_795_440_781,
        sub: "5a3e1d50-7c0b-4a5e-8c53-0d0f4b8f2f10",
        iss: "http://127.0.0.1:18080",
        jti: "0d0f4b8f-7c0b-4a5e-8c53-5a3e1d502f10",
        name: "User 00000000",
        company_uuid: "c0a8f2a4-93d5-4d6e-a1f1-2b7f0b1a9c33",
        role: "member",
        credential: "pat",
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { listen } = Arguments::parse();
    log();
    let app = app().await?;
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let routes = Router::new()
        .route("/api/v1/me", get(me))
        .route("/verify", get(verify))
        .route("/oauth2/introspect", post(introspect));
    let site = Site::with_routes(&app, routes);
    server::serve(listener, site, None, limits(), CancellationToken::new()).await;
    Ok(())
}

/// Logs as `offboard serve` does at the level `info`.
fn log() {
    let filter = Targets::new().with_default(Level::WARN).with_target("offboard", Level::INFO);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).json().flatten_event(true);
    tracing_subscriber::registry().with(filter).with(layer).init();
}

/// The frame needs an [`App`], and that a store, which no request reaches: its file is removed at once.
async fn app() -> Result<App, Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("offboard-ceiling-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let store = Store::open(Location::Sqlite(folder.join("offboard.db")), &SystemEntropy).await;
    std::fs::remove_dir_all(&folder)?;
    let store = Arc::new(store?);
    let (clock, entropy) = (Arc::new(SystemClock::start()), Arc::new(SystemEntropy));
    let gate = Arc::new(Gate::new(Arc::clone(&store), clock.clone(), access::Policy::default()));
    let directory = Directory::new(store, clock.clone(), entropy.clone(), Policy::default());
    let settings = Settings {
        rate_limit: None,
        shared_limit: None,
        trusted_proxies: Vec::new(),
        body_limit: 256 * 1024,
        body_timeout: Duration::from_secs(10),
        scim_rate_limit: None,
        scim_strict: false,
        legacy_sunset: None,
        public_url: "http://localhost".to_owned(),
    };
    Ok(App::new(directory, gate, clock, entropy, None, settings))
}

/// The defaults of `offboard serve`.
fn limits() -> Limits {
    Limits {
        connections: 4096,
        trusted_proxies: Vec::new(),
        header_timeout: Duration::from_secs(10),
        write_timeout: Duration::from_secs(30),
        drain_timeout: Duration::from_secs(30),
    }
}
