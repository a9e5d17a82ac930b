//! The ways in which a server is asked to stop.

use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{ADA, DEACTIVATE, Host, LEE};
use crate::http::Connection;
use crate::server::{OFF, Server};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_stop_finishes_what_runs_and_takes_nothing_new,
}

const SOON: Duration = Duration::from_secs(10);

/// A request that the server is working on: it has asked for the body and got half of it.
fn begin(host: &Host, server: &Server) -> Connection {
    let (uuid, secret) = (host.uuid(LEE), host.token(ADA, DEACTIVATE).secret);
    let mut connection = server.connect();
    let head = format!(
        "PATCH /v1/platform-users/{uuid} HTTP/1.1\r\nHost: offboard\r\nAuthorization: MxToken {secret}\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        OFF.len()
    );
    connection.send(&head).unwrap();
    assert_eq!(connection.answer().unwrap().status, 100);
    connection.send(&OFF[..8]).unwrap();
    connection
}

/// A kept connection on which nothing is asked at the moment.
fn idle(server: &Server) -> Connection {
    let mut connection = server.connect();
    connection.send("GET /health/live HTTP/1.1\r\nHost: offboard\r\n\r\n").unwrap();
    assert_eq!(connection.answer().unwrap().status, 200);
    connection
}

async fn a_stop_finishes_what_runs_and_takes_nothing_new(engine: Engine) {
    let host = Host::with_people(engine).await;
    for signal in ["TERM", "INT"] {
        let mut server = host.serve(&[]);
        let (mut running, mut idle) = (begin(&host, &server), idle(&server));
        server.signal(signal);
        assert!(idle.is_closed_within(SOON), "{signal}: an idle connection stays open");
        assert!(TcpStream::connect(server.address).is_err(), "{signal}: a new connection is let in");
        running.send(&OFF[8..]).unwrap();
        assert_eq!(running.answer().unwrap().status, 204, "{signal}: what runs is finished");
        assert!(running.is_closed_within(SOON), "{signal}");
        assert_eq!(server.wait().code(), Some(0), "{signal}");
        assert_eq!(host.user(LEE)["status"], "deactivated");
        host.json(&["user", "reactivate", LEE]);
    }
}

#[tokio::test]
async fn a_node_that_is_stopped_while_it_joins_leaves_nothing_behind() {
    let host = Host::with_people(Engine::Postgres).await;
    let slow = "CREATE FUNCTION wait_a_little() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$; \
        CREATE TRIGGER joining_is_slow BEFORE INSERT ON nodes FOR EACH ROW EXECUTE FUNCTION wait_a_little()";
    host.database.db_execute(slow).await;
    let server = host.serve(&[]);
    let mut tries = 0..1000;
    let is_joining = async || host.database.db_try_execute("BEGIN; LOCK TABLE nodes NOWAIT; COMMIT").await.is_err();
    while !is_joining().await {
        assert!(tries.next().is_some(), "the node does not join");
    }
    server.stop();
    // Whoever is still about to add a row has done so when this has the lock.
    host.database.db_execute("BEGIN; LOCK TABLE nodes; COMMIT").await;
    // A command that waited for a node in vain would say so on standard error.
    host.json(&["company", "create", "Other"]);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let host = Host::with_people(Engine::Sqlite).await;
    let mut server = host.serve(&[("OFFBOARD_DRAIN_TIMEOUT", "1s")]);
    let mut running = begin(&host, &server);
    server.signal("TERM");
    assert!(running.is_closed_within(SOON));
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(host.user(LEE)["status"], "active", "half a request changes nothing");
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let host = Host::with_people(Engine::Sqlite).await;
    let mut server = host.serve(&[("OFFBOARD_DRAIN_TIMEOUT", "1h"), ("OFFBOARD_BODY_TIMEOUT", "1h")]);
    let (mut running, mut idle) = (begin(&host, &server), idle(&server));
    server.signal("TERM");
    assert!(idle.is_closed_within(SOON));
    server.signal("TERM");
    assert!(running.is_closed_within(SOON));
    assert_eq!(server.wait().code(), Some(1));
}

#[tokio::test]
async fn a_server_that_says_it_listens_can_be_stopped() {
    let host = Host::fresh(Engine::Sqlite).await;
    for signal in ["TERM", "INT", "TERM", "INT", "TERM", "INT"] {
        let mut server = host.serve(&[]);
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "SIG{signal} right after the start");
    }
}
