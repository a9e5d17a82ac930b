//! TLS, as curl sees it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::harness::{Host, Run, isolated, offboard};
use crate::server::{Server, saying};
use crate::support::database::Engine;

/// The exit status of curl when it does not trust the certificate.
const UNTRUSTED: i32 = 60;

/// The files that the server reads, and beside them every certificate that was ever in them.
struct Files {
    host: Host,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    async fn fresh() -> Self {
        let host = Host::fresh(Engine::Sqlite).await;
        let (certificate, key) = (host.path("server.crt"), host.path("server.key"));
        Self { host, certificate, key }
    }

    /// Puts a new self-signed certificate into the files; gives a copy for clients to trust.
    fn renew(&self, name: &str) -> PathBuf {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let trusted = self.host.path(name);
        fs::write(&trusted, made.cert.pem()).unwrap();
        fs::write(&self.certificate, made.cert.pem()).unwrap();
        fs::write(&self.key, made.signing_key.serialize_pem()).unwrap();
        trusted
    }

    fn serve(&self) -> Server {
        let (certificate, key) = (self.certificate.to_str().unwrap(), self.key.to_str().unwrap());
        self.host.serve(&[
            ("OFFBOARD_TLS_CERTIFICATE", certificate),
            ("OFFBOARD_TLS_KEY", key),
            ("OFFBOARD_HEADER_TIMEOUT", "1s"),
        ])
    }
}

/// Asks whether the server lives, trusting this certificate alone; tells the version of HTTP and the status.
fn curl(server: &Server, trusted: &Path, version: &str) -> Run {
    let mut command = isolated("curl");
    command.env("no_proxy", "*").args(["-sS", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", version]);
    Run::of(command.arg("--cacert").arg(trusted).arg(format!("{}/health/live", server.url)))
}

#[track_caller]
fn assert_trusts(server: &Server, trusted: &Path) {
    let run = curl(server, trusted, "--http1.1");
    assert_eq!((run.status, run.out.as_str()), (0, "1.1 200"), "{run:?}");
}

#[tokio::test]
async fn https_is_served_and_a_client_that_would_like_http_2_gets_http_1_1() {
    let files = Files::fresh().await;
    let trusted = files.renew("one.crt");
    let server = files.serve();
    assert!(server.url.starts_with("https://"), "{}", server.url);
    for version in ["--http1.1", "--http2"] {
        let run = curl(&server, &trusted, version);
        assert_eq!((run.status, run.out.as_str()), (0, "1.1 200"), "{run:?}");
    }
    server.stop();
}

#[tokio::test]
async fn a_new_certificate_is_taken_up_without_a_restart() {
    let files = Files::fresh().await;
    let old = files.renew("old.crt");
    let server = files.serve();
    assert_trusts(&server, &old);
    let new = files.renew("new.crt");
    server.signal("HUP");
    server.log.wait_for(saying("the TLS certificate was renewed"));
    assert_trusts(&server, &new);
    assert_eq!(curl(&server, &old, "--http1.1").status, UNTRUSTED);
    server.stop();
}

#[tokio::test]
async fn a_broken_certificate_leaves_the_old_one_in_use() {
    let files = Files::fresh().await;
    let old = files.renew("old.crt");
    let server = files.serve();
    assert_trusts(&server, &old);
    fs::write(&files.certificate, "broken").unwrap();
    server.signal("HUP");
    server.log.wait_for(saying("the TLS certificate was not renewed; the old one stays in use"));
    assert_trusts(&server, &old);
    fs::remove_file(&files.key).unwrap();
    server.signal("HUP");
    assert_trusts(&server, &old);
    // What is mended is taken up.
    let new = files.renew("new.crt");
    server.signal("HUP");
    server.log.wait_for(saying("the TLS certificate was renewed"));
    assert_trusts(&server, &new);
}

#[tokio::test]
async fn a_handshake_that_stalls_is_cut_and_keeps_nobody_waiting() {
    /// The record's header promises 512 bytes of a `ClientHello`.
    const HELLO: &str = "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}";
    let files = Files::fresh().await;
    let trusted = files.renew("one.crt");
    let server = files.serve();
    for sent in ["", HELLO, "GET / HTTP/1.1\r\nHost: offboard\r\n\r\n"] {
        let mut connection = server.connect();
        connection.send(sent).unwrap();
        assert_trusts(&server, &trusted);
        assert!(connection.is_closed_within(Duration::from_secs(10)), "the connection stays open after {sent:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_can_not_be_used_stops_the_start() {
    let files = Files::fresh().await;
    files.renew("one.crt");
    let start = |certificate: &Path, key: &Path| {
        let mut command = offboard();
        command.current_dir(files.host.path(".")).args(["serve", "--format", "json"]);
        command.env("OFFBOARD_TLS_CERTIFICATE", certificate).env("OFFBOARD_TLS_KEY", key);
        Server::spawn(command).run().refused()["message"].to_string()
    };
    let (certificate, key, none) = (files.certificate.as_path(), files.key.as_path(), Path::new(""));
    for (certificate, key) in [(certificate, none), (none, key)] {
        let message = start(certificate, key);
        assert!(message.contains("tls_certificate and tls_key go together"), "{message}");
    }
    let missing = Path::new("missing.pem");
    for (certificate, key) in [(missing, key), (certificate, missing)] {
        let message = start(certificate, key);
        assert!(message.contains("missing.pem"), "{message}");
    }
    let message = start(key, certificate);
    assert!(message.contains("server.key"), "a key in the certificate's place: {message}");
    let other = rcgen::KeyPair::generate().unwrap();
    fs::write(&files.key, other.serialize_pem()).unwrap();
    let message = start(certificate, key);
    assert!(message.contains("does not fit"), "{message}");
}
