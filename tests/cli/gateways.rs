//! Gateways that ask before they let a request through: the real nginx and the real Caddy with the configurations of
//! `docs/gateways.md`, and what Traefik and Envoy send.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{ADA, DEACTIVATE, Host, LEE, READ_LOG, Run, Token, isolated, string};
use crate::http::{Answer, Connection};
use crate::server::Server;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    an_application_learns_who_it_is_from_the_gateway_alone,
    an_application_learns_names_beyond_ascii,
    without_a_good_credential_no_request_gets_through,
    a_gateway_asks_for_a_scope_where_it_is_told_to,
    the_next_request_after_a_deactivation_is_refused_on_open_connections_too,
    a_session_works_through_a_gateway_and_its_cookie_stays_there,
    a_gateway_tells_the_clients_address_and_not_what_the_client_says,
    a_gateway_without_offboard_lets_nobody_in,
    what_traefik_sends_is_answered,
    what_envoy_sends_is_answered,
}

const PASSWORD: &str = "correct horse battery";

/// What an application takes for who it is, and the answer's header that says it.
const NAMES: [&str; 12] = [
    "Remote-User",
    "Remote-Email",
    "Remote-Name",
    "Remote-Groups",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "Offboard-User",
    "Offboard-Company",
    "Offboard-Role",
    "Offboard-Scopes",
    "Offboard-Credential",
];

/// What some applications can't tell from those.
const TWINS: [&str; 9] = [
    "REMOTE_USER",
    "remote_groups",
    "Remote_Name",
    "X_Auth_Request_User",
    "X-Auth_Request-Email",
    "X_Auth-Request-Groups",
    "X-Auth-Request_User",
    "OFFBOARD_ROLE",
    "Offboard_Company",
];

/// An application that answers each request with its head.
struct Application {
    address: SocketAddr,
    served: Arc<AtomicUsize>,
}

impl Application {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, served) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&served);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(echo(stream, Arc::clone(&count)));
            }
        });
        Self { address, served }
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

async fn echo(stream: TcpStream, served: Arc<AtomicUsize>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let Some(head) = head(&mut stream).await? else { return Ok(()) };
        served.fetch_add(1, Ordering::SeqCst);
        let length = values(&head, "Content-Length").first().map_or(0, |length| length.parse().unwrap_or(0));
        stream.read_exact(&mut vec![0; length]).await?;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
        stream.get_mut().write_all(answer.as_bytes()).await?;
    }
}

/// The head of the next request; `None` when the client has gone.
async fn head(stream: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    loop {
        if stream.read_until(b'\n', &mut head).await? == 0 {
            return Ok(None);
        }
        if head.ends_with(b"\r\n\r\n") {
            return String::from_utf8(head).map(Some).map_err(io::Error::other);
        }
    }
}

/// The values of a header in a head, under every name that an application may take for it.
fn values(head: &str, name: &str) -> Vec<String> {
    let of = |line: &str| {
        let (found, value) = line.split_once(':')?;
        found.replace('_', "-").eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    };
    head.lines().skip(1).filter_map(of).collect()
}

/// A gateway in front of an application; killed when dropped.
struct Gateway {
    name: &'static str,
    address: SocketAddr,
    _process: Server,
    _folder: TempDir,
}

impl Gateway {
    fn nginx(offboard: SocketAddr, application: SocketAddr) -> Self {
        let (folder, address) = (tempfile::tempdir().unwrap(), own_address());
        let site = configuration("nginx", offboard, application);
        let site = replaced(&site, "listen 8000;", &format!("listen {address};"));
        let place = folder.path().display();
        let whole = format!(
            "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log stderr notice;\nevents {{}}\nhttp {{\n\
             access_log off;\nclient_body_temp_path {place}/body;\nproxy_temp_path {place}/proxy;\n\
             fastcgi_temp_path {place}/fastcgi;\nuwsgi_temp_path {place}/uwsgi;\nscgi_temp_path {place}/scgi;\n\
             {site}}}\n"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, whole).unwrap();
        let mut command = isolated(&program("nginx"));
        command.args(["-e", "stderr", "-p"]).arg(folder.path()).arg("-c").arg(&file);
        // It says so when it listens.
        Self::start("nginx", command, "event method", address, folder)
    }

    fn caddy(offboard: SocketAddr, application: SocketAddr) -> Self {
        let (folder, address) = (tempfile::tempdir().unwrap(), own_address());
        let site = configuration("caddy", offboard, application);
        let listen = format!(":{} {{\n\tbind {}\n", address.port(), address.ip());
        let site = replaced(&site, ":8000 {\n", &listen);
        let file = folder.path().join("Caddyfile");
        std::fs::write(&file, format!("{{\n\tadmin off\n}}\n{site}")).unwrap();
        let mut command = isolated(&program("caddy"));
        for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env(variable, folder.path());
        }
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
        Self::start("Caddy", command, "serving initial configuration", address, folder)
    }

    /// Waits until the gateway says that it serves.
    fn start(name: &'static str, command: Command, ready: &str, address: SocketAddr, folder: TempDir) -> Self {
        let process = Server::spawn(command);
        process.log.wait_for(|line| line.contains(ready).then_some(()));
        Self { name, address, _process: process, _folder: folder }
    }

    fn connect(&self) -> Connection {
        Connection::open(self.address).unwrap()
    }

    /// One request on a connection of its own.
    #[track_caller]
    fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        send(&mut self.connect(), "GET", path, headers)
    }
}

/// An address of this process alone, so that tests take none from each other.
fn own_address() -> SocketAddr {
    static PORT: AtomicU16 = AtomicU16::new(20_000);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, 64 | high, middle, low), PORT.fetch_add(1, Ordering::SeqCst)))
}

/// Where an installed program is.
fn program(name: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // There Debian keeps servers, and not everybody looks there.
    let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = places.map(|place| place.join(name)).find(|file| file.is_file());
    let found = found.unwrap_or_else(|| panic!("{name} is needed: apt-get install {name}; scripts/test does so"));
    found.into_os_string().into_string().unwrap()
}

/// A configuration of `docs/gateways.md`, for this Offboard and this application.
fn configuration(name: &str, offboard: SocketAddr, application: SocketAddr) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/gateways.md");
    let document = std::fs::read_to_string(path).unwrap();
    let mark = format!("<!-- test: {name} -->\n```");
    let marked = document.split_once(&mark).and_then(|(_, rest)| rest.split_once('\n'));
    let block = marked.and_then(|(_, rest)| rest.split_once("```\n"));
    let (block, _) = block.unwrap_or_else(|| panic!("docs/gateways.md has no {mark}"));
    let block = replaced(block, "127.0.0.1:8080", &offboard.to_string());
    replaced(&block, "127.0.0.1:3000", &application.to_string())
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "docs/gateways.md: there is no '{from}' in\n{text}");
    text.replace(from, to)
}

/// The next request on an open connection.
#[track_caller]
fn send(connection: &mut Connection, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: app.example\r\n{lines}Content-Length: 0\r\n\r\n");
    let answer = connection.send(&request).and_then(|()| connection.answer());
    answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

fn bearer(token: &Token) -> String {
    format!("Bearer {}", token.secret)
}

/// Offboard, an application, and both gateways in front of it.
struct Scene {
    gateways: [Gateway; 2],
    server: Server,
    application: Application,
    host: Host,
}

impl Scene {
    async fn set(engine: Engine) -> Self {
        let host = Host::with_people(engine).await;
        let server = host.serve(&[("OFFBOARD_TRUSTED_PROXIES", "127.0.0.1/32")]);
        let application = Application::start().await;
        let gateways =
            [Gateway::nginx(server.address, application.address), Gateway::caddy(server.address, application.address)];
        Self { gateways, server, application, host }
    }

    /// Asserts that a gateway refuses a request itself, and the application sees nothing of it.
    #[track_caller]
    fn refused(&self, gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Answer {
        let before = self.application.served();
        let answer = gateway.ask(path, headers);
        assert!(matches!(answer.status, 401 | 403), "{}, {path}: {answer:?}", gateway.name);
        assert_eq!(self.application.served(), before, "{}, {path}: {answer:?}", gateway.name);
        answer
    }

    /// Gives somebody a password, and the cookie of who signs in with it.
    #[track_caller]
    fn sign_in(&self, email: &str) -> String {
        let set = Run::fed(&mut self.host.command(&["user", "set-password", email, "--stdin"]), PASSWORD.as_bytes());
        assert_eq!(set.status, 0, "{set:?}");
        self.server.sign_in(email, PASSWORD)
    }
}

async fn an_application_learns_who_it_is_from_the_gateway_alone(engine: Engine) {
    let scene = Scene::set(engine).await;
    let (token, lee) = (scene.host.token(LEE, READ_LOG), scene.host.user(LEE));
    let (uuid, company, bearer) = (string(&lee, "uuid"), string(&lee, "companyUuid"), bearer(&token));
    let (uuid, company) = (uuid.as_str(), company.as_str());
    let mut headers = vec![("Authorization", bearer.as_str()), ("Cookie", "a=1; b=2")];
    headers.extend(NAMES.iter().chain(&TWINS).map(|name| (*name, "forged")));
    // What it may ask for is the gateway's to say.
    headers.push(("Offboard-Required-Scope", "mx:everything"));
    for gateway in &scene.gateways {
        let answer = gateway.ask("/orders?scope=mx:everything", &headers);
        assert_eq!(answer.status, 200, "{}: {answer:?}", gateway.name);
        assert!(answer.body.starts_with("GET /orders?scope=mx:everything HTTP/1."), "{}: {answer:?}", gateway.name);
        let expected = [LEE, LEE, "Lee Leaver", "", uuid, LEE, "", uuid, company, "member", READ_LOG, "pat"];
        for (name, value) in NAMES.iter().zip(expected) {
            let found = values(&answer.body, name);
            // An empty header is as good as none.
            let found: Vec<&str> = found.iter().map(String::as_str).filter(|found| !found.is_empty()).collect();
            let expected: Vec<&str> = [value].into_iter().filter(|value| !value.is_empty()).collect();
            assert_eq!(found, expected, "{}, {name}", gateway.name);
        }
        assert!(!answer.body.contains("forged"), "{}: {answer:?}", gateway.name);
        assert_eq!(values(&answer.body, "Cookie"), ["a=1; b=2"], "{}", gateway.name);
        for name in ["Authorization", "Offboard-Required-Scope"] {
            assert_eq!(values(&answer.body, name), [""; 0], "{}: {name} stays at the gateway", gateway.name);
        }
    }
}

async fn an_application_learns_names_beyond_ascii(engine: Engine) {
    let scene = Scene::set(engine).await;
    for (number, name) in ["Zoë Ünal", "李小龍"].into_iter().enumerate() {
        let email = format!("user{number}@acme.example");
        scene.host.json(&["user", "create", &email, "--company", "Acme", "--name", name]);
        let bearer = bearer(&scene.host.token(&email, READ_LOG));
        for gateway in &scene.gateways {
            let answer = gateway.ask("/", &[("Authorization", &bearer)]);
            assert_eq!(values(&answer.body, "Remote-Name"), [name], "{}: {answer:?}", gateway.name);
        }
    }
}

async fn without_a_good_credential_no_request_gets_through(engine: Engine) {
    let scene = Scene::set(engine).await;
    let (token, other) = (scene.host.token(LEE, READ_LOG), scene.host.token(LEE, READ_LOG));
    let good = bearer(&token);
    scene.host.json(&["token", "delete", &other.uuid]);
    let service = scene.host.json(&["service", "create", "gateway"]);
    let of_service = format!("Bearer {}", string(&service, "clientSecret"));
    let deleted = bearer(&other);
    for gateway in &scene.gateways {
        for headers in [
            vec![],
            vec![("Remote-User", ADA), ("Offboard-Role", "mendix_admin")],
            vec![("Authorization", "")],
            vec![("Authorization", "Bearer x")],
            vec![("Authorization", "Basic eDp5")],
            vec![("Authorization", of_service.as_str())],
            vec![("Authorization", deleted.as_str())],
            vec![("Cookie", "offboard=x")],
            vec![("Authorization", good.as_str()), ("Cookie", "offboard=x")],
        ] {
            for path in ["/", "/audit/", "/x?scope="] {
                let answer = scene.refused(gateway, path, &headers);
                assert_eq!(answer.status, 401, "{}, {path}, {headers:?}: {answer:?}", gateway.name);
                let challenge = answer.header("www-authenticate").unwrap_or_default();
                assert!(challenge.starts_with("Bearer realm=\"offboard\""), "{}: {answer:?}", gateway.name);
            }
        }
        assert_eq!(gateway.ask("/", &[("Authorization", &good)]).status, 200, "{}", gateway.name);
        for path in ["/offboard/verify", "/offboard/verify-audit", "/verify"] {
            let answer = gateway.ask(path, &[("Authorization", &good)]);
            // What asks Offboard is nothing that a client can ask; where there is nothing, the application is.
            assert!(matches!(answer.status, 200 | 404), "{}, {path}: {answer:?}", gateway.name);
            assert_eq!(answer.header("remote-user"), None, "{}, {path}: {answer:?}", gateway.name);
        }
    }
}

async fn a_gateway_asks_for_a_scope_where_it_is_told_to(engine: Engine) {
    let scene = Scene::set(engine).await;
    let (enough, other) = (scene.host.token(LEE, READ_LOG), scene.host.token(LEE, DEACTIVATE));
    let (enough, other) = (bearer(&enough), bearer(&other));
    for gateway in &scene.gateways {
        for path in ["/audit/", "/audit/x?scope=", "/audit/x?scope=mx:user-deactivation:write"] {
            let answer = gateway.ask(path, &[("Authorization", &enough)]);
            assert_eq!(answer.status, 200, "{}, {path}: {answer:?}", gateway.name);
            for said in ["", DEACTIVATE] {
                let headers = [("Authorization", other.as_str()), ("Offboard-Required-Scope", said)];
                let answer = scene.refused(gateway, path, &headers);
                assert_eq!(answer.status, 403, "{}, {path}: {answer:?}", gateway.name);
                let reason = answer.header("offboard-reason");
                assert_eq!(reason, Some("insufficient_scope"), "{}, {path}: {answer:?}", gateway.name);
            }
        }
        assert_eq!(gateway.ask("/x", &[("Authorization", &other)]).status, 200, "{}", gateway.name);
    }
}

async fn the_next_request_after_a_deactivation_is_refused_on_open_connections_too(engine: Engine) {
    let scene = Scene::set(engine).await;
    let stays = bearer(&scene.host.token(ADA, READ_LOG));
    for round in 0..3 {
        let email = format!("leaver{round}@acme.example");
        scene.host.json(&["user", "create", &email, "--company", "Acme", "--name", "Lee Leaver"]);
        let bearer = bearer(&scene.host.token(&email, READ_LOG));
        let headers = [("Authorization", bearer.as_str())];
        let gateways = scene.gateways.iter().flat_map(|gateway| std::iter::repeat_n(gateway, 4));
        let mut open: Vec<_> = gateways.map(|gateway| (gateway, gateway.connect())).collect();
        let mut ask = |expected: u16| {
            for (gateway, connection) in &mut open {
                let before = scene.application.served();
                let answer = send(connection, "GET", "/", &headers);
                assert_eq!(answer.status, expected, "{}, round {round}: {answer:?}", gateway.name);
                assert_eq!(scene.application.served(), before + usize::from(expected == 200), "{}", gateway.name);
            }
        };
        ask(200);
        ask(200);
        scene.host.json(&["user", "suspend", &email]);
        ask(401);
        scene.host.json(&["user", "resume", &email]);
        ask(200);
        scene.host.json(&["user", "deactivate", &email]);
        ask(401);
        ask(401);
        scene.host.json(&["user", "reactivate", &email]);
        ask(401);
        for gateway in &scene.gateways {
            scene.refused(gateway, "/", &headers);
            assert_eq!(gateway.ask("/", &[("Authorization", &stays)]).status, 200, "{}", gateway.name);
        }
    }
}

async fn a_session_works_through_a_gateway_and_its_cookie_stays_there(engine: Engine) {
    let scene = Scene::set(engine).await;
    let session = scene.sign_in(LEE);
    let bearer = bearer(&scene.host.token(LEE, READ_LOG));
    for gateway in &scene.gateways {
        for cookie in
            [session.clone(), format!("{session}; a=1"), format!("a=1; {session}; b=2"), format!("a=1;{session}")]
        {
            let answer = gateway.ask("/", &[("Cookie", &cookie)]);
            assert_eq!(answer.status, 200, "{}, {cookie}: {answer:?}", gateway.name);
            assert_eq!(values(&answer.body, "Remote-User"), [LEE], "{}", gateway.name);
            assert_eq!(values(&answer.body, "Offboard-Credential"), ["session"], "{}", gateway.name);
            let shown = values(&answer.body, "Cookie").join(";");
            assert!(!shown.contains("obs_") && !shown.contains("offboard"), "{}: {shown}", gateway.name);
            for other in ["a=1", "b=2"] {
                assert_eq!(shown.contains(other), cookie.contains(other), "{}, {cookie}: {shown}", gateway.name);
            }
        }
        scene.refused(gateway, "/", &[("Cookie", &session), ("Authorization", &bearer)]);
        let answer = scene.refused(gateway, "/audit/", &[("Cookie", &session)]);
        assert_eq!(answer.status, 403, "{}: a member's session has no such scope", gateway.name);
    }
    let mut open: Vec<_> = scene.gateways.iter().map(|gateway| (gateway, gateway.connect())).collect();
    for (gateway, connection) in &mut open {
        let answer = send(connection, "GET", "/", &[("Cookie", &session)]);
        assert_eq!(answer.status, 200, "{}: {answer:?}", gateway.name);
    }
    scene.host.json(&["user", "deactivate", LEE]);
    for (gateway, connection) in &mut open {
        let answer = send(connection, "GET", "/", &[("Cookie", &session)]);
        assert_eq!(answer.status, 401, "{}: {answer:?}", gateway.name);
        scene.refused(gateway, "/", &[("Cookie", &session)]);
    }
}

async fn a_gateway_tells_the_clients_address_and_not_what_the_client_says(engine: Engine) {
    for number in 0..2 {
        // Each with an Offboard of its own, in whose log is one question.
        let scene = Scene::set(engine).await;
        let gateway = &scene.gateways[number];
        let bearer = bearer(&scene.host.token(LEE, READ_LOG));
        let said = ("X-Forwarded-For", "203.0.113.9");
        let answer = gateway.ask("/", &[("Authorization", &bearer), said]);
        assert_eq!(values(&answer.body, "X-Forwarded-For"), ["127.0.0.1"], "{}: {answer:?}", gateway.name);
        scene.refused(gateway, "/", &[("Authorization", "Bearer x"), said]);
        let asked = |line: &str| serde_json::from_str(line).ok().filter(|entry: &Value| entry["status"] == 401);
        let entry = scene.server.log.wait_for(asked);
        assert_eq!((&entry["route"], &entry["address"]), (&json!("/verify"), &json!("127.0.0.1")), "{entry}");
    }
}

async fn a_gateway_without_offboard_lets_nobody_in(engine: Engine) {
    let mut scene = Scene::set(engine).await;
    let bearer = bearer(&scene.host.token(LEE, READ_LOG));
    let headers = [("Authorization", bearer.as_str())];
    let mut open: Vec<Connection> = scene.gateways.iter().map(Gateway::connect).collect();
    for connection in &mut open {
        assert_eq!(send(connection, "GET", "/", &headers).status, 200);
    }
    scene.server.kill();
    let before = scene.application.served();
    for (gateway, connection) in scene.gateways.iter().zip(&mut open) {
        for answer in [send(connection, "GET", "/", &headers), gateway.ask("/audit/", &headers)] {
            assert!(matches!(answer.status, 500 | 502), "{}: {answer:?}", gateway.name);
        }
    }
    assert_eq!(scene.application.served(), before);
}

/// A gateway that asks by itself: with this method and path, and these headers beside the client's own.
struct Asking<'a> {
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
}

/// Asserts that each way to ask gets what each credential is worth: before, and after a deactivation.
async fn answers(engine: Engine, ways: &[Asking<'_>]) {
    let host = Host::with_people(engine).await;
    let server = host.serve(&[("OFFBOARD_RATE_LIMIT", "off")]);
    let set = Run::fed(&mut host.command(&["user", "set-password", LEE, "--stdin"]), PASSWORD.as_bytes());
    assert_eq!(set.status, 0, "{set:?}");
    let session = server.sign_in(LEE, PASSWORD);
    let (token, stays) = (bearer(&host.token(LEE, READ_LOG)), bearer(&host.token(ADA, READ_LOG)));
    let of_scope = ("Offboard-Required-Scope", DEACTIVATE);
    let mut connection = server.connect();
    for (leaver, with_scope) in [(200, 403), (401, 401)] {
        if leaver == 401 {
            host.json(&["user", "deactivate", LEE]);
        }
        let cases = [
            (vec![("Authorization", token.as_str())], leaver),
            (vec![("Cookie", session.as_str())], leaver),
            (vec![("Authorization", token.as_str()), of_scope], with_scope),
            (vec![("Cookie", session.as_str()), of_scope], with_scope),
            (vec![("Authorization", token.as_str()), ("Cookie", session.as_str())], 401),
            (vec![("Authorization", stays.as_str())], 200),
            (vec![("Authorization", stays.as_str()), of_scope], 403),
            (vec![("Authorization", "Bearer x")], 401),
            (vec![], 401),
        ];
        for way in ways {
            for (credential, status) in &cases {
                let headers: Vec<_> = way.headers.iter().chain(credential).copied().collect();
                let answer = send(&mut connection, way.method, way.path, &headers);
                assert_eq!(answer.status, *status, "{} {} {credential:?}: {answer:?}", way.method, way.path);
                assert_eq!(answer.body, "", "{} {}", way.method, way.path);
                let who = answer.header("offboard-user").is_some();
                assert_eq!(who, *status == 200, "{} {}: {answer:?}", way.method, way.path);
            }
        }
    }
}

async fn what_traefik_sends_is_answered(engine: Engine) {
    let mut ways = Vec::new();
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let headers = vec![
            ("Accept-Encoding", "gzip"),
            ("User-Agent", "a browser"),
            ("X-Forwarded-For", "192.0.2.7"),
            ("X-Forwarded-Host", "app.example.com"),
            ("X-Forwarded-Method", method),
            ("X-Forwarded-Port", "443"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Server", "gateway"),
            ("X-Forwarded-Uri", "/orders/1?scope=mx:everything"),
        ];
        // By itself it asks with GET; with `preserveRequestMethod`, as the client did.
        ways.push(Asking { method: "GET", path: "/verify", headers: headers.clone() });
        ways.push(Asking { method, path: "/verify", headers });
    }
    answers(engine, &ways).await;
}

async fn what_envoy_sends_is_answered(engine: Engine) {
    let mut ways = Vec::new();
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        for path in
            ["/verify/", "/verify/?scope=mx:everything", "/verify/orders/1?scope=mx:everything", "/verify/a%2Fb//c"]
        {
            let headers = vec![
                ("X-Envoy-Internal", "true"),
                ("X-Envoy-Expected-Rq-Timeout-Ms", "5000"),
                ("X-Forwarded-For", "192.0.2.7"),
            ];
            ways.push(Asking { method, path, headers });
        }
    }
    answers(engine, &ways).await;
}
