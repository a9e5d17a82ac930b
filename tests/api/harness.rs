//! A running server with a clock of its own, and people who call it.

use std::sync::Arc;
use std::time::Duration;

use offboard::access::Gate;
use offboard::domain::trail::{Direction, Filter, TrailEntry};
use offboard::domain::transitions::Request as Act;
use offboard::domain::users::NewUser;
use offboard::domain::{Directory, Policy};
use offboard::http::server::{self, Limits};
use offboard::http::{App, Settings, Site};
use offboard::model::actor::{Actor, Caller, Door, Origin};
use offboard::model::audit::{ActorRecord, Proof};
use offboard::model::clock::{Clock, ManualClock, Timestamp};
use offboard::model::company::{Company, Domain};
use offboard::model::entropy::SystemEntropy;
use offboard::model::id::{RequestId, TokenId, UserId};
use offboard::model::quota::Quota;
use offboard::model::scope::{Scope, Scopes};
use offboard::model::token::TokenKind;
use offboard::model::user::Role;
use offboard::outbound::mail::{self, Mailer};
use offboard::store::Store;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::database::{Database, Engine};

/// As by default, but refusals do not wait.
pub fn gate_policy() -> offboard::access::Policy {
    offboard::access::Policy { sessions: policy().sessions, ..offboard::access::Policy::default() }
}

fn policy() -> Policy {
    Policy { slow_down: false, level: Duration::ZERO, ..Policy::default() }
}

/// Noon of some day.
pub const START: Timestamp = Timestamp(1_795_435_200_000_000);

/// A running server on an empty database.
pub struct Platform {
    pub database: Database,
    pub directory: Arc<Directory>,
    pub gate: Arc<Gate>,
    pub store: Arc<Store>,
    pub clock: Arc<ManualClock>,
    pub app: App,
    pub url: String,
    client: reqwest::Client,
    stop: CancellationToken,
}

impl Platform {
    /// Without a rate limit.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, |_| {}).await
    }

    pub async fn start_limited(engine: Engine, quota: &str) -> Self {
        let quota = Quota::parse(quota).unwrap();
        Self::start_with(engine, |settings| settings.rate_limit = Some(quota)).await
    }

    /// With this mail server.
    pub async fn start_with_mail(engine: Engine, sink: &crate::mail::Sink) -> Self {
        let mailer = Mailer::new(&sink.url, mail::sender("Offboard <offboard@platform.example>").unwrap()).unwrap();
        Self::start_whole(engine, Some(mailer), |_| {}).await
    }

    pub async fn start_with(engine: Engine, adjust: impl FnOnce(&mut Settings)) -> Self {
        Self::start_whole(engine, None, adjust).await
    }

    async fn start_whole(engine: Engine, mailer: Option<Mailer>, adjust: impl FnOnce(&mut Settings)) -> Self {
        let database = Database::fresh(engine).await;
        let store = Arc::new(database.open().await);
        let clock = Arc::new(ManualClock::at(START));
        let entropy = Arc::new(SystemEntropy);
        let gate = Arc::new(Gate::new(Arc::clone(&store), clock.clone(), gate_policy()));
        let directory = || Directory::new(Arc::clone(&store), clock.clone(), entropy.clone(), policy());
        let mut settings = Settings {
            rate_limit: None,
            shared_limit: None,
            trusted_proxies: Vec::new(),
            body_limit: 4096,
            body_timeout: Duration::from_secs(2),
            public_url: "http://localhost".to_owned(),
            scim_rate_limit: None,
            scim_strict: false,
            legacy_sunset: None,
        };
        adjust(&mut settings);
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&gate).remember(entropy.clone(), stop.clone()));
        let app = App::new(directory(), Arc::clone(&gate), clock.clone(), entropy.clone(), mailer, settings);
        let url = serve(&app, &stop).await;
        let directory = Arc::new(directory());
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { database, directory, gate, store, clock, app, url, client, stop }
    }

    /// Starts a second node on the same database, and gives its address.
    pub async fn another_node(&self) -> String {
        let store = Arc::new(self.database.open().await);
        let (clock, entropy) = (self.clock.clone(), Arc::new(SystemEntropy));
        let gate = Arc::new(Gate::new(Arc::clone(&store), clock.clone(), gate_policy()));
        tokio::spawn(Arc::clone(&gate).remember(entropy.clone(), self.stop.clone()));
        let directory = Directory::new(store, clock.clone(), entropy.clone(), policy());
        let settings = self.app.settings().clone();
        serve(&App::new(directory, gate, clock, entropy, None, settings), &self.stop).await
    }

    /// Serves the same once more, and gives the address.
    pub async fn serve_again(&self) -> String {
        serve(&self.app, &self.stop).await
    }

    /// The same without the shortcut of the checks.
    pub async fn serve_by_routes_alone(&self) -> String {
        listen(Site::by_routes_alone(&self.app), &self.stop).await
    }

    /// As [`Platform::me`], at another node.
    pub async fn me_at(&self, url: &str, token: &str) -> StatusCode {
        let call = Call(self.client.get(format!("{url}/api/v1/me")));
        call.token(token).send().await.status
    }

    /// The status of a page at another node, for who shows this cookie.
    pub async fn status_at(&self, url: &str, path: &str, cookie: &str) -> StatusCode {
        Call(self.client.get(format!("{url}{path}"))).header("cookie", cookie).send().await.status
    }

    pub async fn company(&self, name: &str) -> Company {
        let domain = Domain::parse(&format!("{}.example", name.to_lowercase())).unwrap();
        self.directory.create_company(&operator(), name, vec![domain]).await.unwrap()
    }

    /// Somebody whose address is `<name>@<company>.example`, with a token for every scope.
    pub async fn person(&self, company: &Company, name: &str, role: Role) -> Person {
        let email = format!("{name}@{}", company.domains[0].as_str());
        let new = NewUser::parse(&email, name, role).unwrap();
        let user = self.directory.create_user(&operator(), company.id, new).await.unwrap();
        let (token_id, token) = self.token(user.id, &Scope::ALL).await;
        Person { id: user.id, email, token_id, token }
    }

    pub async fn admin(&self, company: &Company, name: &str) -> Person {
        self.person(company, name, Role::MendixAdmin).await
    }

    pub async fn member(&self, company: &Company, name: &str) -> Person {
        self.person(company, name, Role::Member).await
    }

    pub async fn token(&self, owner: UserId, scopes: &[Scope]) -> (TokenId, String) {
        self.token_for(owner, scopes, None).await
    }

    pub async fn token_for(&self, owner: UserId, scopes: &[Scope], life: Option<Duration>) -> (TokenId, String) {
        let scopes: Scopes = scopes.iter().copied().collect();
        let (token, secret) =
            self.directory.issue_token(&operator(), owner, TokenKind::Pat, "test", scopes, life).await.unwrap();
        (token.id, secret.reveal().to_owned())
    }

    pub fn call(&self, method: Method, path: &str) -> Call {
        Call(self.client.request(method, format!("{}{path}", self.url)))
    }

    /// As [`Platform::call`], at another node.
    pub fn call_at(&self, node: &str, method: Method, path: &str) -> Call {
        Call(self.client.request(method, format!("{node}{path}")))
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path).token(token).send().await
    }

    /// `PATCH /v1/platform-users/{target}` with `{"active": false}`.
    pub async fn deactivate(&self, caller: &Person, target: UserId) -> Answer {
        self.patch(&caller.token, &target.to_string(), r#"{"active":false}"#).await
    }

    pub async fn patch(&self, token: &str, target: &str, body: &str) -> Answer {
        self.call(Method::PATCH, &format!("/v1/platform-users/{target}"))
            .token(token)
            .body(body.to_owned())
            .send()
            .await
    }

    /// `GET /api/v1/me`: whether this token opens anything.
    pub async fn me(&self, token: &str) -> StatusCode {
        self.get("/api/v1/me", token).await.status
    }

    /// The whole audit trail, of all companies.
    pub async fn trail(&self) -> Vec<TrailEntry> {
        self.directory.list_trail(Filter::default(), Direction::Forward(0), 100_000).await.unwrap()
    }

    /// The entries of one action.
    pub async fn trail_of(&self, action: &str) -> Vec<TrailEntry> {
        self.trail().await.into_iter().filter(|entry| entry.action == action).collect()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn serve(app: &App, stop: &CancellationToken) -> String {
    listen(Site::new(app), stop).await
}

async fn listen(site: Site, stop: &CancellationToken) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(server::serve(listener, site, None, limits(), stop.clone()));
    url
}

fn limits() -> Limits {
    Limits {
        connections: 1000,
        trusted_proxies: Vec::new(),
        header_timeout: Duration::from_secs(5),
        write_timeout: Duration::from_secs(5),
        drain_timeout: Duration::from_secs(1),
    }
}

/// Somebody with a token.
pub struct Person {
    pub id: UserId,
    pub email: String,
    pub token_id: TokenId,
    pub token: String,
}

impl Person {
    /// As the audit trail names who acts with that token.
    pub fn by_token(&self) -> ActorRecord {
        ActorRecord::User(self.id, Proof::Token(self.token_id))
    }
}

/// The host's operator.
pub fn operator() -> Caller {
    let origin = Origin { door: Door::CommandLine, request: RequestId(uuid::Uuid::nil()), address: None };
    Caller { actor: Actor::Operator, origin }
}

pub fn act() -> Act {
    Act::default()
}

/// A request that is being put together.
pub struct Call(reqwest::RequestBuilder);

impl Call {
    pub fn token(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("MxToken {token}"))
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.body(body))
    }

    /// The answer while it still comes in.
    pub async fn open(self) -> reqwest::Response {
        self.0.send().await.unwrap()
    }

    pub async fn send(self) -> Answer {
        let response = self.0.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: response.text().await.unwrap() }
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn request_id(&self) -> RequestId {
        RequestId::parse(self.header("x-request-id")).unwrap()
    }

    /// Asserts API 1's error object, to the member, and gives its detail.
    pub fn error_object(&self, status: u16, message: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        let body = self.json();
        let members = ["code", "detail", "instance", "message"];
        let found: Vec<&String> = body["error"].as_object().unwrap().keys().collect();
        assert_eq!((body.as_object().unwrap().len(), found), (1, members.map(str::to_owned).iter().collect()));
        assert_eq!(body["error"]["code"], status);
        assert_eq!(body["error"]["message"], message);
        assert_eq!(body["error"]["instance"], format!("urn:uuid:{}", self.request_id()));
        assert_eq!(self.header("content-type"), "application/json");
        body["error"]["detail"].as_str().unwrap().to_owned()
    }

    /// Asserts API 2's error fields, to the member, and gives its text.
    pub fn error_fields(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        let body = self.json();
        let mut members: Vec<&String> = body.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(members, ["displayText", "errorCode", "errorText", "statusCode"]);
        assert_eq!((body["statusCode"].as_u64(), body["errorCode"].as_str()), (Some(status.into()), Some(code)));
        assert!(body["displayText"].is_string());
        body["errorText"].as_str().unwrap().to_owned()
    }

    /// Asserts that the body is a bare JSON string.
    pub fn bare_string(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.json().is_string(), "{self:?}");
        assert_eq!(self.header("content-type"), "application/json");
    }

    /// Asserts the gateway's answer over the limit.
    pub fn rate_limited(&self) {
        assert_eq!(self.status, 429, "{self:?}");
        assert_eq!(self.body, r#"{"message":"API rate limit exceeded"}"#);
    }

    /// Asserts the gateway's answer when the store is gone.
    pub fn unavailable(&self) {
        assert_eq!(self.status, 503, "{self:?}");
        let body = self.json();
        let id = self.request_id().0.simple().to_string();
        assert_eq!(body["request_id"], id);
        assert!(body["message"].is_string());
        assert_eq!(body.as_object().unwrap().len(), 2);
        assert_eq!(self.header("retry-after"), "1");
    }
}

/// A token of the right form that nobody was given.
pub fn unknown_token() -> String {
    offboard::model::secret::Secret::generate(offboard::model::secret::Kind::Token, &SystemEntropy).reveal().to_owned()
}
