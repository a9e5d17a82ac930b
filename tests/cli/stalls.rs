//! Clients that stall are cut, and keep nobody else waiting.

use std::time::Duration;

use crate::harness::{ADA, DEACTIVATE, Host, LEE};
use crate::http::Connection;
use crate::server::{OFF, Server};
use crate::support::database::Engine;

/// How long the server may take, which has been told to wait for one second.
const SOON: Duration = Duration::from_secs(10);

async fn host_and_server() -> (Host, Server) {
    let host = Host::with_people(Engine::Sqlite).await;
    let server = host.serve(&[("OFFBOARD_HEADER_TIMEOUT", "1s"), ("OFFBOARD_BODY_TIMEOUT", "1s")]);
    (host, server)
}

/// The head of a deactivation and what is sent of its body.
fn deactivation(host: &Host, length: usize, body: &str) -> String {
    let (uuid, secret) = (host.uuid(LEE), host.token(ADA, DEACTIVATE).secret);
    format!(
        "PATCH /v1/platform-users/{uuid} HTTP/1.1\r\nHost: offboard\r\nAuthorization: MxToken {secret}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// Sends this and then nothing more. Others are served meanwhile, and the connection is closed in time.
#[track_caller]
fn assert_cut_after(server: &Server, sent: &str) {
    let mut connection = server.connect();
    connection.send(sent).unwrap();
    assert_eq!(server.get("/health/ready").status, 200, "somebody else is served");
    assert!(connection.is_closed_within(SOON), "the connection stays open after {sent:?}");
}

/// Sends this and then a byte now and then: the connection is closed in time.
#[track_caller]
fn assert_cut_while_trickling(server: &Server, sent: &str) {
    const PAUSE: Duration = Duration::from_millis(100);
    let mut connection: Connection = server.connect();
    connection.send(sent).unwrap();
    let mut rounds = 0..SOON.as_millis() / PAUSE.as_millis();
    let cut = rounds.any(|_| connection.send("x").is_err() || connection.is_closed_within(PAUSE));
    assert!(cut, "the connection stays open after {sent:?}");
    assert_eq!(server.get("/health/ready").status, 200, "somebody else is served");
}

#[tokio::test]
async fn who_says_nothing_is_cut() {
    let (_host, server) = host_and_server().await;
    assert_cut_after(&server, "");
}

#[tokio::test]
async fn half_a_header_is_cut() {
    let (_host, server) = host_and_server().await;
    assert_cut_after(&server, "GET /health/live HT");
    assert_cut_after(&server, "GET /health/live HTTP/1.1\r\nHost: offboard\r\n");
}

#[tokio::test]
async fn a_header_that_trickles_in_is_cut() {
    let (_host, server) = host_and_server().await;
    assert_cut_while_trickling(&server, "GET /health/live HTTP/1.1\r\nHost: ");
}

#[tokio::test]
async fn a_kept_connection_that_idles_is_cut() {
    let (_host, server) = host_and_server().await;
    assert_cut_after(&server, "GET /health/live HTTP/1.1\r\nHost: offboard\r\n\r\n");
}

#[tokio::test]
async fn half_a_body_is_cut_and_changes_nothing() {
    let (host, server) = host_and_server().await;
    assert_cut_after(&server, &deactivation(&host, OFF.len(), &OFF[..8]));
    assert_cut_after(&server, &deactivation(&host, OFF.len() + 1, OFF));
    assert_eq!(host.user(LEE)["status"], "active");
}

#[tokio::test]
async fn a_body_that_trickles_in_is_cut_and_changes_nothing() {
    let (host, server) = host_and_server().await;
    assert_cut_while_trickling(&server, &deactivation(&host, 10_000, OFF));
    assert_eq!(host.user(LEE)["status"], "active");
}

#[tokio::test]
async fn a_connection_that_is_cut_makes_room_for_one_that_waits() {
    let host = Host::fresh(Engine::Sqlite).await;
    let server = host.serve(&[("OFFBOARD_HEADER_TIMEOUT", "1s"), ("OFFBOARD_MAX_CONNECTIONS", "4")]);
    let mut stalled: Vec<Connection> = (0..4).map(|_| server.connect()).collect();
    assert_eq!(server.get("/health/live").status, 200, "the fifth waits until a stalled one is cut");
    for connection in &mut stalled {
        assert!(connection.is_closed_within(SOON));
    }
}

/// Hundreds of megabytes are asked for at once and not fetched.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn answers_that_nobody_reads_do_not_pile_up_in_memory() {
    const LARGE: &str = "/docs/swagger-ui-bundle.js";
    let (_host, server) = host_and_server().await;
    let length = server.get(LARGE).body.len();
    assert!(length > 500_000, "{LARGE} has only {length} bytes");
    let mut connection = server.connect();
    connection.send(&format!("GET {LARGE} HTTP/1.1\r\nHost: offboard\r\n\r\n").repeat(400)).unwrap();
    connection.byte().unwrap();
    let peak = server.peak_memory();
    assert!(peak < 200 * 1024, "{peak} KiB");
}
