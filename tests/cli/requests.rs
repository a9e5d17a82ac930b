//! Requests that are malformed, too long or sent too early.

use crate::harness::Host;
use crate::http::Answer;
use crate::server::Server;
use crate::support::database::Engine;

async fn host_and_server() -> (Host, Server) {
    let host = Host::fresh(Engine::Sqlite).await;
    let server = host.serve(&[]);
    (host, server)
}

fn send(server: &Server, bytes: &str) -> std::io::Result<Answer> {
    let mut connection = server.connect();
    connection.send(bytes)?;
    connection.answer()
}

#[tokio::test]
async fn what_is_no_request_is_a_400() {
    let (_host, server) = host_and_server().await;
    for nonsense in ["NONSENSE\r\n\r\n", "GET / HTTP/1.1\r\nno header\r\n\r\n", "GET / HTTP/7.1\r\n\r\n"] {
        let answer = send(&server, nonsense).unwrap_or_else(|error| panic!("{nonsense:?}: {error}"));
        assert_eq!(answer.status, 400, "{nonsense:?}");
    }
    assert_eq!(server.get("/health/live").status, 200);
}

#[tokio::test]
async fn too_many_headers_are_a_431() {
    let (_host, server) = host_and_server().await;
    let headers: String = (0..150).map(|number| format!("X-{number}: x\r\n")).collect();
    let answer = send(&server, &format!("GET /health/live HTTP/1.1\r\nHost: offboard\r\n{headers}\r\n")).unwrap();
    assert_eq!(answer.status, 431);
    assert_eq!(server.get("/health/live").status, 200);
}

/// The server may hang up on one who is still sending, before the answer is read.
#[tokio::test]
async fn a_header_that_is_too_long_is_not_read_to_its_end() {
    let (_host, server) = host_and_server().await;
    let long = "x".repeat(1 << 20);
    for (head, refusals) in [
        (format!("GET /health/live HTTP/1.1\r\nHost: offboard\r\nX-Long: {long}\r\n\r\n"), [431, 431]),
        (format!("GET /{long} HTTP/1.1\r\nHost: offboard\r\n\r\n"), [414, 431]),
    ] {
        if let Ok(answer) = send(&server, &head) {
            assert!(refusals.contains(&answer.status), "{answer:?}");
        }
        assert_eq!(server.get("/health/live").status, 200, "the server goes on");
    }
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_their_order() {
    let (_host, server) = host_and_server().await;
    let mut connection = server.connect();
    let request = |path| format!("GET {path} HTTP/1.1\r\nHost: offboard\r\n\r\n");
    connection.send(&[request("/health/live"), request("/nowhere"), request("/health/ready")].concat()).unwrap();
    let mut status = || connection.answer().unwrap().status;
    assert_eq!([status(), status(), status()], [200, 404, 200]);
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_rest_of_the_next_request() {
    let (_host, server) = host_and_server().await;
    let answer = send(&server, "GET /health/live HTTP/1.1\r\nHost: offboard\r\n\r\nGET /health/l");
    assert_eq!(answer.expect("the first request is whole and has an answer").status, 200);
}
