//! The storage goes away and comes back; the server says so, and needs no restart.

use std::fs;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offboard::model::clock::{Clock, SystemClock};
use url::Url;

use crate::harness::{ADA, DEACTIVATE, Host, LEE, Token, assert_members, offboard, string};
use crate::http::Answer;
use crate::server::Server;
use crate::support::database::Engine;

/// Ada's token and Lee's UUID.
fn admin_and_leaver(host: &Host) -> (Token, String) {
    (host.token(ADA, DEACTIVATE), host.uuid(LEE))
}

/// API 1's answer when there is no storage.
#[track_caller]
fn assert_gateway_shape(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    let body = answer.json();
    assert_members(&body, &["message", "request_id"]);
    let id = string(&body, "request_id");
    assert!(id.len() == 32 && id.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{body}");
    assert_eq!(answer.header("x-request-id").unwrap().replace('-', ""), id);
}

#[track_caller]
fn assert_out_of_order(server: &Server, admin: &Token, leaver: &str) {
    // What is remembered is trusted for 20 ms more: the file's place is not looked at on each check.
    let me = (0..10_000).map(|_| server.me(admin)).find(|me| me.status != 200).expect("an outage is noticed");
    assert_eq!((me.status, me.header("content-type")), (503, Some("application/problem+json")), "{me:?}");
    assert!(me.header("retry-after").is_some(), "{me:?}");
    assert_eq!(me.json()["status"], 503);
    assert_gateway_shape(&server.deactivate(leaver, admin));
    let question = format!(r#"{{"emailAddresses":[{{"emailAddress":"{LEE}"}}]}}"#);
    assert_gateway_shape(&server.ask("POST", "/v1/uuids", Some(admin), &question));
    assert_eq!(server.get("/health/ready").status, 503);
    assert_eq!(server.get("/health/live").status, 200, "a restart would not help");
}

#[track_caller]
fn assert_in_order(server: &Server, admin: &Token, leaver: &str) {
    assert_eq!(server.me(admin).status, 200);
    assert_eq!(server.get("/health/ready").status, 200);
    assert_eq!(server.deactivate(leaver, admin).status, 204);
}

#[tokio::test]
async fn a_database_file_that_is_moved_away_is_an_outage_until_it_is_back() {
    let host = Host::with_people(Engine::Sqlite).await;
    let (admin, leaver) = admin_and_leaver(&host);
    let server = host.serve(&[]);
    assert_eq!(server.me(&admin).status, 200);
    let file = host.database_file();
    fs::rename(file, file.with_extension("away")).unwrap();
    assert_out_of_order(&server, &admin, &leaver);
    fs::rename(file.with_extension("away"), file).unwrap();
    assert_eq!(host.user(LEE)["status"], "active", "what was refused was not done");
    assert_in_order(&server, &admin, &leaver);
}

#[tokio::test]
async fn another_file_in_the_database_s_place_is_an_outage_too() {
    let host = Host::with_people(Engine::Sqlite).await;
    let (admin, leaver) = admin_and_leaver(&host);
    let server = host.serve(&[]);
    assert_eq!(server.me(&admin).status, 200);
    let file = host.database_file();
    fs::rename(file, file.with_extension("away")).unwrap();
    fs::copy(file.with_extension("away"), file).unwrap();
    assert_out_of_order(&server, &admin, &leaver);
}

#[tokio::test]
async fn a_write_waits_for_another_process_that_writes_and_reads_do_not() {
    let host = Host::with_people(Engine::Sqlite).await;
    let (admin, leaver) = admin_and_leaver(&host);
    let server = host.serve(&[]);
    let writer = rusqlite::Connection::open(host.database_file()).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.deactivate(&leaver, &admin));
        assert_eq!((server.me(&admin).status, server.get("/health/ready").status), (200, 200));
        writer.execute_batch("COMMIT").unwrap();
        waiting.join().unwrap()
    });
    assert_eq!(answer.status, 204);
}

#[tokio::test]
async fn a_write_does_not_wait_for_ever() {
    let host = Host::with_people(Engine::Sqlite).await;
    let (admin, leaver) = admin_and_leaver(&host);
    let server = host.serve(&[]);
    let writer = rusqlite::Connection::open(host.database_file()).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_gateway_shape(&server.deactivate(&leaver, &admin));
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(host.user(LEE)["status"], "active");
    assert_in_order(&server, &admin, &leaver);
}

/// A server on PostgreSQL, and what it is connected by.
fn behind_a_cable(host: &Host, settings: &[(&str, &str)]) -> (Server, Cable) {
    let mut url = Url::parse(host.database.url()).unwrap();
    let cable = Cable::to(format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432)));
    url.set_port(Some(cable.address.port())).unwrap();
    let mut command = offboard();
    command.current_dir(&host.folder).args(["--database", url.as_str(), "serve", "--listen", "127.0.0.1:0"]);
    command.env("OFFBOARD_RATE_LIMIT", "off").envs(settings.iter().copied());
    (Server::spawn(command).ready(), cable)
}

/// Asks until the answer is of this status, and gives that answer.
#[track_caller]
fn me_until(server: &Server, token: &Token, status: u16) -> Answer {
    let clock = SystemClock::start();
    while clock.monotonic() < Duration::from_secs(10) {
        let answer = server.me(token);
        if answer.status == status {
            return answer;
        }
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    panic!("no {status} within ten seconds");
}

#[tokio::test]
async fn a_strict_node_refuses_when_its_lease_is_over_and_postgresql_gone() {
    let host = Host::with_people(Engine::Postgres).await;
    let (admin, _) = admin_and_leaver(&host);
    let (server, cable) = behind_a_cable(&host, &[]);
    assert_eq!(server.me(&admin).status, 200);
    cable.cut();
    assert_eq!(me_until(&server, &admin, 503).header("offboard-view-age"), None);
    let metrics = server.get("/metrics").body;
    assert!(metrics.lines().any(|line| line == "offboard_lease_alive 0"), "{metrics}");
    cable.mend();
    assert_eq!(server.me(&admin).status, 200);
}

#[tokio::test]
async fn best_effort_trusts_an_old_view_for_a_while_and_says_how_old_it_is() {
    let host = Host::with_people(Engine::Postgres).await;
    let (admin, _) = admin_and_leaver(&host);
    let stranger = host.token(LEE, DEACTIVATE);
    let settings = [("OFFBOARD_FRESHNESS", "best_effort"), ("OFFBOARD_STALE_LIMIT", "6s")];
    let (server, cable) = behind_a_cable(&host, &settings);
    let clock = SystemClock::start();
    while !server.get("/metrics").body.lines().any(|line| line == "offboard_lease_alive 1") {
        assert!(clock.monotonic() < Duration::from_secs(5), "it never gets a lease");
    }
    let fresh = server.me(&admin);
    assert_eq!((fresh.status, fresh.header("offboard-view-age")), (200, None));
    cable.cut();
    let clock = SystemClock::start();
    let age = loop {
        let answer = server.me(&admin);
        assert_eq!(answer.status, 200, "{answer:?}");
        if let Some(age) = answer.header("offboard-view-age") {
            break age.parse::<u64>().unwrap();
        }
        assert!(clock.monotonic() < Duration::from_secs(5), "it never says how old its view is");
    };
    assert!((1..=6).contains(&age), "{age}");
    assert_eq!(server.me(&stranger).status, 503, "whom it does not remember it does not let in");
    assert_eq!(me_until(&server, &admin, 503).header("offboard-view-age"), None, "not for ever");
}

#[tokio::test]
async fn postgresql_that_is_gone_is_an_outage_until_it_is_back() {
    let host = Host::with_people(Engine::Postgres).await;
    let (admin, leaver) = admin_and_leaver(&host);
    let (server, cable) = behind_a_cable(&host, &[]);
    assert_eq!(server.me(&admin).status, 200);
    cable.cut();
    assert_out_of_order(&server, &admin, &leaver);
    cable.mend();
    assert_in_order(&server, &admin, &leaver);
}

/// What the server is connected to PostgreSQL by, and what can be cut.
struct Cable {
    address: SocketAddr,
    /// Nothing while it is cut.
    wires: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Cable {
    fn to(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let wires = Arc::new(Mutex::new(Some(Vec::new())));
        let shared = Arc::clone(&wires);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                if let Some(wires) = shared.lock().unwrap().as_mut() {
                    let server = TcpStream::connect(&upstream).unwrap();
                    forward(&client, &server);
                    forward(&server, &client);
                    wires.extend([client, server]);
                }
            }
        });
        Self { address, wires }
    }

    fn cut(&self) {
        for wire in self.wires.lock().unwrap().take().unwrap_or_default() {
            let _ = wire.shutdown(Shutdown::Both);
        }
    }

    fn mend(&self) {
        *self.wires.lock().unwrap() = Some(Vec::new());
    }
}

fn forward(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}
