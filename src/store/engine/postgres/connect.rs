//! Connections: where to, encrypted or not, and what each is told first.

use std::net::IpAddr;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Notification};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::{Error, Result};
use super::statement::classify;

/// A server that stops answering is given up by these; a client that is gone keeps no locks. A commit that is not on
/// disk, and on the standby where one is waited for, is none. To compile a statement takes longer than any here runs.
pub(super) const SESSION: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
    SET idle_in_transaction_session_timeout = '15s'; SET client_min_messages = 'warning'; SET jit = 'off'; \
    SELECT set_config('synchronous_commit', 'on', FALSE) \
    WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/// Makes connections to one database.
#[derive(Clone)]
pub(super) struct Connector {
    config: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
}

impl Connector {
    pub(super) fn parse(url: &str) -> Result<Self> {
        let mut config: tokio_postgres::Config = url.parse().map_err(|error| Error::Unavailable(chain(&error)))?;
        if config.get_application_name().is_none() {
            config.application_name("offboard");
        }
        config.connect_timeout(Duration::from_secs(5));
        config.tcp_user_timeout(Duration::from_secs(10));
        // A standby lags behind: what it says of a credential may be over.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        // `require` means a verified server here; encryption to whoever answers, which `prefer` is, protects nothing.
        let tls = if config.get_ssl_mode() == SslMode::Require {
            Some(encrypted()?)
        } else {
            warn_unless_local(&config);
            config.ssl_mode(SslMode::Disable);
            None
        };
        Ok(Self { config, tls })
    }

    /// Makes the connections of a pool.
    pub(super) fn manager(&self) -> Manager {
        let (config, recycling) = (self.config.clone(), ManagerConfig { recycling_method: RecyclingMethod::Fast });
        match &self.tls {
            Some(tls) => Manager::from_config(config, tls.clone(), recycling),
            None => Manager::from_config(config, NoTls, recycling),
        }
    }

    /// One connection beside the pool, and the notices that come in on it. They end with the connection.
    pub(super) async fn connect(&self) -> Result<(Client, mpsc::UnboundedReceiver<Notification>)> {
        let (client, notices) = if let Some(tls) = &self.tls {
            let (client, connection) = self.config.connect(tls.clone()).await.map_err(|error| classify(&error))?;
            (client, drive(connection))
        } else {
            let (client, connection) = self.config.connect(NoTls).await.map_err(|error| classify(&error))?;
            (client, drive(connection))
        };
        client.batch_execute(SESSION).await.map_err(|error| classify(&error))?;
        Ok((client, notices))
    }
}

/// Which server this is, and since when it runs: another one is another.
pub(super) async fn server(client: &Client) -> std::result::Result<String, tokio_postgres::Error> {
    const SERVER: &str = "SELECT CONCAT_WS(' ', pg_postmaster_start_time(), inet_server_addr(), inet_server_port(), \
        current_setting('cluster_name'))";
    client.query_one(SERVER, &[]).await?.try_get(0)
}

/// Runs a connection until its client is dropped or it is lost.
fn drive<S, T>(mut connection: Connection<S, T>) -> mpsc::UnboundedReceiver<Notification>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, notices) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notice) = message {
                // Who does not want notices has dropped the other end.
                let _ = sender.send(notice);
            }
        }
    });
    notices
}

/// An error with its causes: what failed alone often does not say why.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn warn_unless_local(config: &tokio_postgres::Config) {
    let is_remote = config.get_hosts().iter().any(|host| match host {
        Host::Tcp(name) => name != "localhost" && !name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        Host::Unix(_) => false,
    });
    if is_remote {
        tracing::warn!("the connection to PostgreSQL is not encrypted; add sslmode=require to the database's URL");
    }
}

/// TLS to a server whose certificate the system's trust store knows.
fn encrypted() -> Result<MakeRustlsConnect> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Broken(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
