//! API 4, the deprecated User Management API: every call of the contract, who may make it, and what every answer says.

mod access;
mod form;
mod groups;
mod surface;
mod users;

use std::time::Duration;

use offboard::domain::groups::NewGroup;
use offboard::model::company::Company;
use offboard::model::entropy::SystemEntropy;
use offboard::model::id::{GroupId, TokenId, UserId};
use offboard::model::scope::Scopes;
use offboard::model::secret::{Kind, Secret};
use offboard::model::token::TokenKind;
use offboard::model::user::{Role, Status};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Call, Person, Platform, operator};
use crate::support::database::Engine;

const BASE: &str = "/legacy-api/1";
const SUNSET: &str = "Fri, 31 Dec 2027 23:59:59 GMT";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

async fn start(engine: Engine) -> Platform {
    Platform::start_with(engine, |settings| settings.legacy_sunset = Some(SUNSET.to_owned())).await
}

/// Somebody's old script, with an API key.
struct Script<'p> {
    platform: &'p Platform,
    id: UserId,
    email: String,
    key_id: TokenId,
    key: String,
}

impl<'p> Script<'p> {
    /// Of a new user in this role.
    async fn of(platform: &'p Platform, company: &Company, name: &str, role: Role) -> Self {
        let person = platform.person(company, name, role).await;
        Self::by(platform, &person).await
    }

    /// Of somebody who is there.
    async fn by(platform: &'p Platform, person: &Person) -> Self {
        let (key_id, key) = api_key(platform, person.id, None).await;
        Self { platform, id: person.id, email: person.email.clone(), key_id, key }
    }

    /// The same person's, with another key.
    fn with_key(&self, key_id: TokenId, key: String) -> Self {
        Self { platform: self.platform, id: self.id, email: self.email.clone(), key_id, key }
    }

    fn call(&self, method: Method, path: &str) -> Call {
        let call = self.platform.call(method, &format!("{BASE}{path}"));
        call.header("Mendix-Username", &self.email).header("Mendix-ApiKey", &self.key)
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).send().await
    }

    async fn send(&self, method: Method, path: &str, body: &str) -> Answer {
        self.call(method, path).body(body.to_owned()).send().await
    }

    async fn deactivate(&self, user: UserId) -> Answer {
        self.send(Method::PUT, &user_path(user), r#"{"activeStatus":false}"#).await
    }

    async fn status(&self) -> u16 {
        self.get("/users").await.status.as_u16()
    }
}

async fn api_key(platform: &Platform, owner: UserId, life: Option<Duration>) -> (TokenId, String) {
    let (kind, scopes) = (TokenKind::ApiKey, Scopes::default());
    let issued = platform.directory.issue_token(&operator(), owner, kind, "script", scopes, life).await;
    let (token, secret) = issued.unwrap();
    (token.id, secret.reveal().to_owned())
}

async fn group(platform: &Platform, company: &Company, name: &str) -> GroupId {
    let new = NewGroup { name: name.to_owned(), ..NewGroup::default() };
    platform.directory.create_group(&operator(), company.id, new).await.unwrap().id
}

async fn status_of(platform: &Platform, person: &Person) -> Status {
    platform.directory.find_user(&person.email).await.unwrap().status
}

fn open_id(user: UserId) -> String {
    format!("http://localhost/mxid2/id?id={user}")
}

fn user_path(user: UserId) -> String {
    format!("/users/{}", encoded(&open_id(user)))
}

/// As it stands in a path.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

fn people(users: &[UserId], count: u64) -> Value {
    let users: Vec<Value> = users.iter().map(|user| json!({"openId": open_id(*user)})).collect();
    json!({"users": users, "count": count})
}

/// Asserts what every answer says of the API's end.
fn announced(answer: &Answer) {
    let links = "<http://localhost/v1>; rel=\"successor-version\", \
        <http://localhost/docs>; rel=\"deprecation\"; type=\"text/html\"";
    let headers = ["deprecation", "sunset", "link"].map(|name| answer.header(name));
    assert_eq!(headers, ["@1795392000", SUNSET, links], "{answer:?}");
}

/// Asserts an answer that says nothing but that it was done.
fn done(answer: &Answer) {
    announced(answer);
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""), "{answer:?}");
}

/// Asserts an answer that tells something, and gives it.
fn told(answer: &Answer) -> Value {
    announced(answer);
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"), "{answer:?}");
    answer.json()
}

/// Asserts a failure in this API's words, and gives its message.
fn refused(answer: &Answer, status: u16, code: &str) -> String {
    announced(answer);
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (status, "application/json"), "{answer:?}");
    let body = answer.json();
    let mut members: Vec<&String> = body.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["errorCode", "errorMessage"]);
    assert_eq!(body["errorCode"], code, "{answer:?}");
    body["errorMessage"].as_str().unwrap().to_owned()
}

/// `GET /users` with these headers.
async fn with(platform: &Platform, headers: &[(&str, &str)]) -> Answer {
    let call = platform.call(Method::GET, &format!("{BASE}/users"));
    headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
}

fn unknown_key() -> String {
    Secret::generate(Kind::ApiKey, &SystemEntropy).reveal().to_owned()
}
