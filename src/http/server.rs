//! The accept loop: what `axum::serve` lacks is time. A client that stalls — in the handshake, in the header, in the
//! body, or in reading the answer — is cut, connections are bounded, and a stop lets running requests finish.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::tls::Certificate;

/// What connections may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The most connections at once; more wait to be accepted.
    pub connections: usize,
    /// The longest that a TLS handshake or a request's header may take, and a kept connection may idle.
    pub header_timeout: Duration,
    /// How long a client may leave an answer unread.
    pub write_timeout: Duration,
    /// How long a stop waits for running requests.
    pub drain_timeout: Duration,
}

/// The most bytes of a request's header.
const HEADER_BYTES: u32 = 32 * 1024;
/// How often a silent HTTP/2 client is asked for a sign of life, and how long it may take.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves until `stop` is cancelled, then finishes what runs. Gives how many connections had to be cut.
///
/// # Errors
/// None once it runs: a connection that fails ends alone.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    certificate: Option<Arc<Certificate>>,
    limits: Limits,
    stop: CancellationToken,
) -> usize {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, peer, slot)) = accepted else { continue };
        let connection = Connection { router: router.clone(), peer, limits: limits.clone() };
        let (watcher, certificate) = (graceful.watcher(), certificate.clone());
        tokio::spawn(async move {
            connection.serve(stream, certificate, watcher).await;
            drop(slot);
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

struct Connection {
    router: Router,
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
            None => self.serve_http1(Box::pin(stream), watcher).await,
            Some(certificate) => {
                let handshake = certificate.acceptor().accept(Box::pin(stream));
                match tokio::time::timeout(self.limits.header_timeout, handshake).await {
                    Ok(Ok(mut stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                        // Also covers a client that never sends HTTP/2's preface; a live one answers pings.
                        let silence = PING_INTERVAL + PING_TIMEOUT;
                        stream.get_mut().0.as_mut().set_read_timeout_pinned(Some(silence));
                        self.serve_http2(stream, watcher).await
                    }
                    Ok(Ok(stream)) => self.serve_http1(stream, watcher).await,
                    Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
                    Err(_) => return tracing::debug!("TLS handshake took too long"),
                }
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "connection ended");
        }
    }

    async fn serve_http1(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        watcher: hyper_util::server::graceful::Watcher,
    ) -> hyper::Result<()> {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_buf_size(HEADER_BYTES as usize);
        let service = hyper::service::service_fn(move |request| self.clone_for_request().answer(request));
        watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await
    }

    async fn serve_http2(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        watcher: hyper_util::server::graceful::Watcher,
    ) -> hyper::Result<()> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .max_concurrent_streams(100)
            .max_header_list_size(HEADER_BYTES);
        let service = hyper::service::service_fn(move |request| self.clone_for_request().answer(request));
        watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await
    }

    fn clone_for_request(&self) -> RequestService {
        RequestService { router: self.router.clone(), peer: self.peer }
    }
}

struct RequestService {
    router: Router,
    peer: SocketAddr,
}

impl RequestService {
    async fn answer(self, request: hyper::Request<Incoming>) -> Result<Response, Infallible> {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        self.router.oneshot(request).await
    }
}
