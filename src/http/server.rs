//! The accept loop: what `axum::serve` lacks is time. A client that stalls — in the handshake, in the header, in the
//! body, or in reading the answer — is cut, connections are bounded, and a stop lets running requests finish.
//!
//! HTTP/1.1 alone: over HTTP/2 a client that answers pings could hold a connection, and its unread answers, for ever.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use super::site::Site;
use super::tls::Certificate;

/// What connections may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The most connections at once; more wait to be accepted. One address gets a quarter of them, or 64.
    pub connections: usize,
    /// Whom that share does not hold for: proxies, through which everybody comes.
    pub trusted_proxies: Vec<IpNet>,
    /// The longest that a TLS handshake or a request's header may take, and a kept connection may idle.
    pub header_timeout: Duration,
    /// How long a client may leave an answer unread.
    pub write_timeout: Duration,
    /// How long a stop waits for running requests.
    pub drain_timeout: Duration,
}

/// The most bytes of a request's header.
const HEADER_BYTES: usize = 32 * 1024;

/// Serves until `stop` is cancelled, then finishes what runs. Gives how many connections had to be cut.
///
/// # Errors
/// None once it runs: a connection that fails ends alone.
pub async fn serve(
    listener: TcpListener,
    site: Site,
    certificate: Option<Arc<Certificate>>,
    limits: Limits,
    stop: CancellationToken,
) -> usize {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(limits.connections));
    let shares = Arc::new(Shares::new(&limits));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, peer, slot)) = accepted else { continue };
        let Some(share) = shares.take(peer.ip()) else {
            tracing::debug!(%peer, "one address has its share of connections already");
            continue;
        };
        let connection = Connection { site: site.clone(), peer, limits: limits.clone() };
        let (watcher, certificate) = (graceful.watcher(), certificate.clone());
        tokio::spawn(async move {
            connection.serve(stream, certificate, watcher).await;
            drop((slot, share));
        });
    }
    drop(listener);
    match tokio::time::timeout(limits.drain_timeout, graceful.shutdown()).await {
        Ok(()) => 0,
        Err(_) => limits.connections - slots.available_permits(),
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, slot)),
        Err(error) => {
            // Out of file descriptors, most likely: trying at once would only burn the processor.
            if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
                tracing::warn!(%error, "can not accept connections");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            None
        }
    }
}

/// Up to so many connections, there is nothing to share out.
const SMALL: usize = 64;

/// Counts the connections of each address, so that none can take all.
struct Shares {
    most: usize,
    exempt: Vec<IpNet>,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection of an address; given back when dropped.
struct Share {
    shares: Arc<Shares>,
    address: IpAddr,
}

impl Shares {
    fn new(limits: &Limits) -> Self {
        let most = (limits.connections / 4).max(limits.connections.min(SMALL));
        Self { most, exempt: limits.trusted_proxies.clone(), taken: Mutex::default() }
    }

    /// `None` when the address has its share already.
    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Share> {
        let address = address.to_canonical();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_default();
        if *count >= self.most && !self.exempt.iter().any(|network| network.contains(&address)) {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Share { shares: Arc::clone(self), address })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

struct Connection {
    site: Site,
    peer: SocketAddr,
    limits: Limits,
}

impl Connection {
    async fn serve(
        self,
        stream: TcpStream,
        certificate: Option<Arc<Certificate>>,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.write_timeout));
        let outcome = match certificate {
            None => self.serve_requests(Box::pin(stream), watcher).await,
            Some(certificate) => {
                let handshake = certificate.acceptor().accept(Box::pin(stream));
                match tokio::time::timeout(self.limits.header_timeout, handshake).await {
                    Ok(Ok(stream)) => self.serve_requests(stream, watcher).await,
                    Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
                    Err(_) => return tracing::debug!("TLS handshake took too long"),
                }
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "connection ended");
        }
    }

    async fn serve_requests(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        watcher: hyper_util::server::graceful::Watcher,
    ) -> hyper::Result<()> {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.limits.header_timeout).max_buf_size(HEADER_BYTES);
        // One count of references a connection: requests of others do not wait for it.
        let (site, peer) = (Arc::new(self.site), self.peer);
        let service = hyper::service::service_fn(move |request| {
            let site = Arc::clone(&site);
            async move { Ok::<_, Infallible>(site.answer(request, peer).await) }
        });
        watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_gets_a_quarter_of_the_connections_and_a_proxy_all() {
        let second = Duration::from_secs(1);
        let limits = Limits {
            connections: 400,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            header_timeout: second,
            write_timeout: second,
            drain_timeout: second,
        };
        let shares = Arc::new(Shares::new(&limits));
        let take = |address: &str| shares.take(address.parse().unwrap());
        let held: Vec<_> = (0..50).flat_map(|_| [take("192.0.2.1"), take("::ffff:192.0.2.1")]).collect();
        assert!(held.iter().all(Option::is_some) && take("192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some());
        let proxied: Vec<_> = (0..400).map(|_| take("10.0.0.1")).collect();
        assert!(proxied.iter().all(Option::is_some));
        drop(held);
        assert!(take("192.0.2.1").is_some());
    }
}
