//! The SCIM door: what identity providers send, and what becomes of it (RFC 7643, RFC 7644, RFC 9865).

mod admission;
mod bulk;
mod deactivation;
mod discovery;
mod entra;
mod etags;
mod filters;
mod groups;
mod guard;
mod lists;
mod me;
mod okta;
mod patch;
mod profiles;
mod returns;
mod rights;
mod users;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use offboard::domain::companies::Change;
use offboard::domain::trail::TrailEntry;
use offboard::model::company::{Company, GuardedDoors};
use offboard::model::id::{CompanyId, GroupId, ServiceId, UserId};
use offboard::model::scope::{Scope, Scopes};
use offboard::model::service::Purpose;
use offboard::model::token::TokenKind;
use offboard::model::user::Status;
use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::harness::{Answer, Call, Platform, operator};
use crate::support::database::Engine;

/// Where the door is.
const BASE: &str = "/scim/v2";
/// The same, as clients outside name it.
const OUTSIDE: &str = "http://localhost/scim/v2";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
const MEDIA_TYPE: &str = "application/scim+json";
/// A UUID that nobody has.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// A platform with the company Acme.
async fn scene(engine: Engine) -> (Platform, Company) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    (platform, acme)
}

/// An identity provider that is connected to one company.
struct Provider<'p> {
    platform: &'p Platform,
    company: CompanyId,
    service: ServiceId,
    token: String,
}

impl<'p> Provider<'p> {
    /// One with a token of its own.
    async fn connected(platform: &'p Platform, company: &Company) -> Self {
        Self::named(platform, company, "identity provider").await
    }

    async fn named(platform: &'p Platform, company: &Company, name: &str) -> Self {
        let made = platform.directory.create_service(&operator(), name, Some(company.id), Purpose::Provisions).await;
        let (service, secret) = made.unwrap();
        Self { platform, company: company.id, service: service.id, token: secret.reveal().to_owned() }
    }

    /// As [`Provider::connected`], where any number of people may leave at once.
    async fn unguarded(platform: &'p Platform, company: &Company) -> Self {
        let provider = Self::connected(platform, company).await;
        provider.guard(GuardedDoors::Off, 100).await;
        provider
    }

    /// From now on the company keeps all but so many from leaving within an hour.
    async fn guard(&self, doors: GuardedDoors, count: u32) {
        let change = Change::Guard { doors, count, percent: 100, window: Duration::from_hours(1) };
        self.platform.directory.change_company(&operator(), self.company, change).await.unwrap();
    }

    fn call(&self, method: Method, path: &str) -> Call {
        let call = self.platform.call(method, &format!("{BASE}{path}"));
        call.header("authorization", &format!("Bearer {}", self.token))
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).send().await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.call(method, path).header("content-type", MEDIA_TYPE).body(body.to_string()).send().await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, body).await
    }

    async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, body).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path).send().await
    }

    /// The resource at this path.
    async fn read(&self, path: &str) -> Value {
        self.get(path).await.scim(200)
    }

    /// The list at this path, which has the form of one.
    async fn list(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let list = self.read(&with_query(path, query)).await;
        assert_eq!(list["schemas"], json!([LIST]), "{list}");
        assert!(list["totalResults"].is_u64() || list.get("startIndex").is_none(), "{list}");
        assert_eq!(list["itemsPerPage"], resources(&list).len(), "{list}");
        list
    }

    /// The names of the users for whom a filter holds, the first made first.
    async fn found(&self, filter: &str) -> Vec<String> {
        names(&self.list("/Users", &[("filter", filter), ("count", "1000")]).await)
    }

    /// Makes a user of this, and gives the whole of it.
    async fn make(&self, sent: &Value) -> Value {
        self.post("/Users", sent).await.scim(201)
    }

    /// Makes an active user whose name and address is `<name>@acme.example`, and gives the identifier.
    async fn user(&self, name: &str) -> String {
        id_of(&self.make(&person(&address(name))).await)
    }

    /// Makes so many users, and gives their identifiers.
    async fn users(&self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for number in 0..count {
            ids.push(self.user(&format!("user{number}")).await);
        }
        ids
    }

    /// As [`Provider::users`], who have been there for longer than the guard looks back.
    async fn settled(&self, count: usize) -> Vec<String> {
        let ids = self.users(count).await;
        self.platform.clock.advance(Duration::from_hours(2));
        ids
    }

    /// Makes a group of these users, and gives its identifier.
    async fn group(&self, name: &str, members: &[&str]) -> String {
        let sent = json!({"schemas": [GROUP], "displayName": name, "members": references(members)});
        id_of(&self.post("/Groups", &sent).await.scim(201))
    }

    /// The identifiers of a group's members, sorted.
    async fn members(&self, group: &str) -> Vec<String> {
        member_ids(&self.read(&format!("/Groups/{group}")).await)
    }

    /// Deactivates a user or lets it back in, by PATCH.
    async fn set_active(&self, user: &str, active: bool) -> Answer {
        self.patch(&format!("/Users/{user}"), &activity(active)).await
    }

    /// A user's status as the domain knows it.
    async fn status(&self, user: &str) -> Status {
        self.platform.directory.member(self.company, user_id(user)).await.unwrap().status
    }
}

/// Asks of secrets whether they are good, as a gateway does (RFC 7662).
struct Gateway<'p> {
    platform: &'p Platform,
    authorization: String,
}

impl<'p> Gateway<'p> {
    async fn registered(platform: &'p Platform) -> Self {
        let made = platform.directory.create_service(&operator(), "gateway", None, Purpose::Checks).await;
        let (service, secret) = made.unwrap();
        let basic = STANDARD.encode(format!("{}:{}", service.id, secret.reveal()));
        Self { platform, authorization: format!("Basic {basic}") }
    }

    /// What it is told of a secret.
    async fn told(&self, secret: &str) -> Value {
        let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("token", secret).finish();
        let call = self.platform.call(Method::POST, "/oauth2/introspect").header("authorization", &self.authorization);
        let answer = call.header("content-type", "application/x-www-form-urlencoded").body(form).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// How many of these secrets open something.
    async fn live(&self, secrets: &[String]) -> usize {
        let mut live = 0;
        for secret in secrets {
            live += usize::from(self.told(secret).await["active"] == true);
        }
        live
    }
}

/// One credential of each kind, all of one person: a personal access token, an API key, a session.
async fn credentials(platform: &Platform, user: UserId, address: &str) -> [String; 3] {
    let (_, token) = platform.token(user, &Scope::ALL).await;
    let key =
        platform.directory.issue_token(&operator(), user, TokenKind::ApiKey, "key", Scopes::default(), None).await;
    platform.with_password(user).await;
    let session = session_of(&Browser::signed_in(platform, address).await);
    [token, key.unwrap().1.reveal().to_owned(), session]
}

/// The secret in a browser's cookie.
fn session_of(browser: &Browser<'_>) -> String {
    browser.cookie.as_deref().and_then(|cookie| cookie.split_once('=')).unwrap().1.to_owned()
}

/// The audit entries of one action that say that it was done.
async fn done(platform: &Platform, action: &str) -> Vec<TrailEntry> {
    platform.trail_of(action).await.into_iter().filter(|entry| entry.refusal.is_none()).collect()
}

/// The audit entries that name this refusal.
async fn refused(platform: &Platform, refusal: &str) -> Vec<TrailEntry> {
    platform.trail().await.into_iter().filter(|entry| entry.refusal.as_deref() == Some(refusal)).collect()
}

/// What a counter has come to, whatever its labels.
async fn counted(platform: &Platform, name: &str) -> u64 {
    let text = platform.call(Method::GET, "/metrics").send().await.body;
    let samples = text.lines().filter(|line| line.starts_with(name));
    samples.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// A path with a query.
fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

fn address(name: &str) -> String {
    format!("{name}@acme.example")
}

/// An active user of this name and address, as a provider sends it.
fn person(address: &str) -> Value {
    json!({
        "schemas": [USER],
        "userName": address,
        "name": {"givenName": "Lee", "familyName": "Ver"},
        "emails": [{"value": address, "type": "work", "primary": true}],
        "active": true,
    })
}

/// A resource in which this differs.
fn with(mut resource: Value, changes: Value) -> Value {
    let changes = changes.as_object().unwrap().clone();
    resource.as_object_mut().unwrap().extend(changes);
    resource
}

/// The body of a PATCH.
fn patch_of(operations: Value) -> Value {
    json!({"schemas": [PATCH_OP], "Operations": operations})
}

fn activity(active: bool) -> Value {
    patch_of(json!([{"op": "replace", "path": "active", "value": active}]))
}

/// Members of a group, as they are sent.
fn references(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({"value": id})).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn id_of(resource: &Value) -> String {
    text(&resource["id"]).to_owned()
}

fn user_id(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

fn group_id(id: &str) -> GroupId {
    GroupId::parse(id).unwrap()
}

/// The resources of a list; none where there is no such member.
fn resources(list: &Value) -> &[Value] {
    list["Resources"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The names of the users in a list, in its order.
fn names(list: &Value) -> Vec<String> {
    resources(list).iter().map(|user| text(&user["userName"]).to_owned()).collect()
}

/// The identifiers of the resources in a list, in its order.
fn ids(list: &Value) -> Vec<String> {
    resources(list).iter().map(id_of).collect()
}

/// The identifiers of the members that a group shows, sorted.
fn member_ids(group: &Value) -> Vec<String> {
    let members = group["members"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut ids: Vec<String> = members.iter().map(|member| text(&member["value"]).to_owned()).collect();
    ids.sort();
    ids
}

fn sorted(ids: &[&str]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    ids.sort();
    ids
}

/// Whether there is a null somewhere in it: what is not set is left out (RFC 7643 section 2.5).
fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

impl Answer {
    /// Asserts that this is a resource or a message of SCIM, and gives it.
    fn scim(&self, status: u16) -> Value {
        assert_eq!((self.status.as_u16(), self.header("content-type")), (status, MEDIA_TYPE), "{self:?}");
        let body = self.json();
        assert!(!has_null(&body), "{body}");
        body
    }

    /// Asserts that this is an error (RFC 7644 section 3.12), and gives its kind, if it has one, and its detail.
    fn scim_error(&self, status: u16) -> (Option<String>, String) {
        let body = self.scim(status);
        assert_eq!((&body["schemas"], &body["status"]), (&json!([ERROR]), &json!(status.to_string())), "{body}");
        let known = ["schemas", "status", "scimType", "detail"];
        assert!(body.as_object().unwrap().keys().all(|member| known.contains(&member.as_str())), "{body}");
        let detail = text(&body["detail"]).to_owned();
        assert!(!detail.is_empty());
        (body["scimType"].as_str().map(str::to_owned), detail)
    }

    /// Asserts that this is an error of this kind, and gives its detail.
    fn scim_fault(&self, status: u16, kind: &str) -> String {
        let (found, detail) = self.scim_error(status);
        assert_eq!(found.as_deref(), Some(kind), "{self:?}");
        detail
    }

    /// Asserts that it was done, with nothing to say of it.
    fn scim_nothing(&self) {
        assert_eq!((self.status.as_u16(), self.body.as_str()), (204, ""), "{self:?}");
    }
}
