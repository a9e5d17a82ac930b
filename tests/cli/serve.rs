//! What a running server shows, and what keeps one from starting.

use std::net::TcpListener;

use crate::harness::{Host, Run, offboard};
use crate::server::{Server, saying};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_server_that_listens_is_live_and_ready,
}

async fn a_server_that_listens_is_live_and_ready(engine: Engine) {
    let host = Host::fresh(engine).await;
    let server = host.serve(&[]);
    assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);
    for path in ["/health/live", "/health/ready", "/metrics", "/openapi.json"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    server.stop();
}

#[tokio::test]
async fn the_printed_document_is_the_one_that_is_served() {
    let host = Host::fresh(Engine::Sqlite).await;
    let printed = host.json(&["openapi"]);
    let readable: serde_json::Value = serde_json::from_str(&host.text(&["openapi"])).unwrap();
    assert_eq!(readable, printed);
    assert_eq!(host.serve(&[]).get("/openapi.json").json(), printed);
    assert!(printed["paths"]["/v1/platform-users/{uuid}"]["patch"].is_object());
}

#[tokio::test]
async fn data_goes_to_standard_output_and_a_server_has_none() {
    let host = Host::fresh(Engine::Sqlite).await;
    let server = host.serve(&[]);
    server.get("/health/live");
    server.signal("TERM");
    let run = server.run();
    assert_eq!((run.status, run.out.as_str()), (0, ""), "{run:?}");
    let logged: Vec<_> = run.err.lines().filter_map(saying("stopped")).collect();
    assert_eq!(logged.len(), 1, "{run:?}");
}

/// Runs a server that must not come up.
fn failed_start(arguments: &[&str], settings: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let mut command = offboard();
    command.current_dir(&folder).arg("serve").args(arguments).envs(settings.iter().copied());
    Server::spawn(command).run()
}

#[test]
fn an_address_that_is_none_stops_the_start() {
    for address in ["", "nonsense", "127.0.0.1", "127.0.0.1:66000", ":8080"] {
        let told = failed_start(&["--listen", address], &[]);
        assert_eq!((told.status, told.out.as_str()), (1, ""), "{address}: {told:?}");
        assert!(told.err.contains("listen (from the flag): ") && told.err.contains("127.0.0.1:8080"), "{told:?}");
        failed_start(&["--listen", address, "--format", "json"], &[]).refused();
    }
}

#[test]
fn a_port_that_is_in_use_stops_the_start_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let address = address.as_str();
    for arguments in [&["--listen", address][..], &["--listen", address, "--demo"]] {
        let told = failed_start(arguments, &[]);
        assert_eq!((told.status, told.out.as_str()), (1, ""), "{told:?}");
        assert!(told.err.contains(address) && told.err.contains("hint: "), "{told:?}");
    }
    let error = failed_start(&["--format", "json"], &[("OFFBOARD_LISTEN", address)]).refused();
    assert!(error["hint"].is_string(), "{error}");
}
