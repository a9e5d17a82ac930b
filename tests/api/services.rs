//! Services: how an admin registers them, what they learn of credentials, and what they hear.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use offboard::domain::users::NewUser;
use offboard::model::audit::Note;
use offboard::model::company::Company;
use offboard::model::entropy::SystemEntropy;
use offboard::model::id::ServiceId;
use offboard::model::scope::Scope;
use offboard::model::secret::{Kind, Secret};
use offboard::model::service::Purpose;
use offboard::model::user::Role;
use reqwest::Method;
use serde_json::json;

use crate::browser::Browser;
use crate::harness::{Answer, Call, Person, Platform, START, act, operator, unknown_token};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    an_admin_registers_rotates_and_deletes_services,
    what_is_wrong_with_a_services_name_stands_beside_the_form,
    another_companys_services_and_the_operators_are_as_unknown_as_none,
    members_have_no_page_of_services,
    a_good_credential_is_told_with_whose_it_is,
    of_any_other_credential_nothing_is_told,
    of_another_companys_people_a_companys_service_learns_nothing,
    who_is_no_service_gets_no_answer,
    a_rotated_and_a_deleted_services_secret_is_refused_at_once_everywhere,
    a_question_is_posted_and_has_one_token,
    a_gateway_gets_200_401_or_403_and_an_empty_body_whatever_it_asks,
    a_gateway_gets_its_answer_over_the_limit_too,
    a_gateway_learns_who_it_is_each_name_once,
    a_name_beyond_ascii_comes_as_utf_8,
    every_scope_that_a_gateway_asks_for_is_needed,
    behind_the_prefix_the_query_is_the_clients,
    a_fault_of_ours_is_a_no,
    a_stream_tells_of_a_change_within_a_second,
    a_stream_gives_a_sign_of_life_each_second,
    a_cursor_goes_on_where_it_was,
    what_is_no_cursor_means_begin_anew,
    a_companys_service_hears_of_its_own_people_alone,
    a_stream_ends_with_its_services_secret_and_with_the_server,
    a_service_holds_20_streams,
}

const PAGE: &str = "/control-center/services";

/// A registered service, as it shows itself.
struct Asking {
    id: ServiceId,
    secret: String,
}

impl Asking {
    fn authorization(&self) -> String {
        basic(&self.id.to_string(), &self.secret)
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A service of a company, or of the operator.
async fn service(platform: &Platform, name: &str, company: Option<&Company>) -> Asking {
    let company = company.map(|company| company.id);
    let (service, secret) =
        platform.directory.create_service(&operator(), name, company, Purpose::Checks).await.unwrap();
    Asking { id: service.id, secret: secret.reveal().to_owned() }
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// `POST /oauth2/introspect` with this credential and this form.
fn question(platform: &Platform, authorization: &str, form: &str) -> Call {
    platform
        .call(Method::POST, "/oauth2/introspect")
        .header("authorization", authorization)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.to_owned())
}

async fn introspect(platform: &Platform, service: &Asking, token: &str) -> Answer {
    question(platform, &service.authorization(), &form(&[("token", token)])).send().await
}

/// Whether a credential is good, as a service is told.
async fn is_active(platform: &Platform, service: &Asking, token: &str) -> bool {
    let answer = introspect(platform, service, token).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"), "{answer:?}");
    let is_active = answer.json()["active"] == true;
    assert!(is_active || answer.body == r#"{"active":false}"#, "{answer:?}");
    is_active
}

/// The secret in a browser's cookie.
fn session_of(browser: &Browser<'_>) -> String {
    browser.cookie.as_deref().and_then(|cookie| cookie.split_once('=')).unwrap().1.to_owned()
}

/// Asks as a gateway does that holds a request with this credential.
fn verify(platform: &Platform, method: Method, path: &str, secret: &str) -> Call {
    let call = platform.call(method, path);
    if secret.starts_with("obs_") {
        call.header("cookie", &format!("offboard={secret}"))
    } else {
        call.header("authorization", &format!("Bearer {secret}"))
    }
}

async fn verified(platform: &Platform, secret: &str) -> u16 {
    verify(platform, Method::GET, "/verify", secret).send().await.status.as_u16()
}

/// What a service shows once: its secret, in a page.
fn shown(page: &Answer) -> String {
    assert_eq!(page.status, 200, "{page:?}");
    format!("obc_{}", page.value_after("value=\"obc_"))
}

/// Somebody with a password, signed in.
async fn signed_in<'p>(platform: &'p Platform, person: &Person) -> Browser<'p> {
    platform.with_password(person.id).await;
    Browser::signed_in(platform, &person.email).await
}

async fn an_admin_registers_rotates_and_deletes_services(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let mut admin = signed_in(&platform, &ada).await;
    assert!(admin.get(PAGE).await.body.contains("There is no service yet"));

    let made = admin.post(PAGE, &[("name", "Gateway")]).await;
    let secret = shown(&made);
    let services = platform.directory.list_services(&operator(), Purpose::Checks).await.unwrap();
    let [service] = services.as_slice() else { panic!("{services:?}") };
    let id = service.id;
    assert_eq!((service.name.as_str(), service.company), ("Gateway", Some(acme.id)));
    assert!(made.body.contains(&id.to_string()), "the client id stands beside the secret");
    assert_eq!(made.header("cache-control"), "no-store");
    let mut asking = Asking { id, secret };
    assert!(is_active(&platform, &asking, &lee.token).await);
    let list = admin.get(PAGE).await;
    assert!(list.body.contains("Gateway") && list.body.contains(&id.to_string()));
    assert!(list.body.contains(&format!("…{}", service.hint)) && !list.body.contains(&asking.secret), "shown once");

    let (rotate, delete) = (format!("{PAGE}/{id}/rotate"), format!("{PAGE}/{id}/delete"));
    assert!(admin.get(&rotate).await.body.contains("Rotate the secret of Gateway?"));
    assert!(admin.get(&delete).await.body.contains("Delete Gateway?"));
    assert!(is_active(&platform, &asking, &lee.token).await, "to ask changes nothing");
    let rotated = shown(&admin.post(&rotate, &[]).await);
    assert_eq!(introspect(&platform, &asking, &lee.token).await.status, 401);
    asking.secret = rotated;
    assert!(is_active(&platform, &asking, &lee.token).await);

    assert_eq!(admin.post(&delete, &[]).await.sent_on(), "/control-center/services?done=service-deleted");
    assert_eq!(introspect(&platform, &asking, &lee.token).await.status, 401);
    let list = admin.get(&format!("{PAGE}?done=service-deleted")).await;
    assert!(list.body.contains("The service was deleted.") && list.body.contains("There is no service yet"));
    for path in [&rotate, &delete] {
        assert_eq!(admin.get(path).await.status, 404);
        assert_eq!(admin.post(path, &[]).await.status, 404, "{path} again");
    }
    for action in ["service.create", "service.rotate", "service.delete"] {
        let entries = platform.trail_of(action).await;
        let done: Vec<_> = entries.iter().filter(|entry| entry.refusal.is_none()).collect();
        let [entry] = done.as_slice() else { panic!("{action}: {entries:?}") };
        assert_eq!((entry.company, entry.door.as_str()), (Some(acme.id), "console"));
        assert!(!entry.detail.as_deref().unwrap_or_default().contains("obc_"));
    }
}

async fn what_is_wrong_with_a_services_name_stands_beside_the_form(engine: Engine) {
    let platform = Platform::start(engine).await;
    let (acme, globex) = (platform.company("Acme").await, platform.company("Globex").await);
    let ada = platform.admin(&acme, "ada").await;
    let mut admin = signed_in(&platform, &ada).await;
    assert_eq!(admin.post(PAGE, &[("name", "Gateway")]).await.status, 200);
    let long = "x".repeat(201);
    for (name, words) in [
        ("", "name is empty"),
        ("  ", "name is empty"),
        (long.as_str(), "longer than 200"),
        ("a\u{202e}b", "hide or rearrange"),
        ("GATEWAY", "There is a service of this name already."),
    ] {
        let answer = admin.post(PAGE, &[("name", name)]).await;
        assert!(answer.status == 400 && answer.body.contains(words), "{name}: {answer:?}");
        assert!(answer.body.contains("id=\"form-error\"") && answer.body.contains("aria-invalid"), "{name}");
        assert!(answer.body.contains(&format!("value=\"{name}\"")), "what was typed is still there: {answer:?}");
    }
    assert_eq!(platform.directory.list_services(&operator(), Purpose::Checks).await.unwrap().len(), 1);
    service(&platform, "Gateway", Some(&globex)).await;
    service(&platform, "Gateway", None).await;
}

async fn another_companys_services_and_the_operators_are_as_unknown_as_none(engine: Engine) {
    let platform = Platform::start(engine).await;
    let (acme, globex) = (platform.company("Acme").await, platform.company("Globex").await);
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let zoe = platform.admin(&globex, "zoe").await;
    let own = service(&platform, "billing", Some(&acme)).await;
    let everybodys = service(&platform, "gateway", None).await;
    let mut foreign = signed_in(&platform, &zoe).await;
    let list = foreign.get(PAGE).await;
    assert!(list.body.contains("There is no service yet"), "{list:?}");
    let ghost = ServiceId(uuid::Uuid::from_u128(7));
    for act in ["rotate", "delete"] {
        let mut bodies = BTreeSet::new();
        for id in [own.id, everybodys.id, ghost] {
            let path = format!("{PAGE}/{id}/{act}");
            for answer in [foreign.get(&path).await, foreign.post(&path, &[]).await] {
                assert_eq!(answer.status, 404, "{path}: {answer:?}");
                bodies.insert(answer.body.replace(&answer.request_id().to_string(), "ID"));
            }
        }
        assert_eq!(bodies.len(), 1, "{act}: {bodies:?}");
    }
    let mut admin = signed_in(&platform, &ada).await;
    let list = admin.get(PAGE).await;
    assert!(list.body.contains("billing") && !list.body.contains(&everybodys.id.to_string()), "{list:?}");
    for service in [&own, &everybodys] {
        assert!(is_active(&platform, service, &lee.token).await, "nothing was touched");
    }
}

async fn members_have_no_page_of_services(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let own = service(&platform, "billing", Some(&acme)).await;
    let mut member = signed_in(&platform, &lee).await;
    assert!(!member.get("/settings/profile").await.body.contains(PAGE), "no link that leads nowhere");
    for path in [PAGE.to_owned(), format!("{PAGE}/{}/rotate", own.id), format!("{PAGE}/{}/delete", own.id)] {
        for answer in [member.get(&path).await, member.post(&path, &[("name", "mine")]).await] {
            assert!(answer.status == 403 && !answer.body.contains("billing"), "{path}: {answer:?}");
        }
    }
    assert_eq!(platform.directory.list_services(&operator(), Purpose::Checks).await.unwrap().len(), 1);
    assert!(is_active(&platform, &own, &lee.token).await);
}

async fn a_good_credential_is_told_with_whose_it_is(engine: Engine) {
    const ALL: &str = "mx:user-deactivation:write mx:mxid3:user-identifiers:uuid:read mx:audit-logging:read";
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let (asking, own) = (service(&platform, "gateway", None).await, service(&platform, "own", Some(&acme)).await);
    let iat = START.0 / 1_000_000;
    let of_lee = json!({
        "active": true, "scope": ALL, "username": lee.email, "token_type": "Bearer", "iat": iat,
        "sub": lee.id.to_string(), "iss": "http://localhost", "jti": lee.token_id.to_string(), "name": "lee",
        "company_uuid": acme.id.to_string(), "role": "member", "credential": "pat",
    });
    for service in [&asking, &own] {
        let answer = introspect(&platform, service, &lee.token).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, of_lee.clone()));
        assert_eq!((answer.header("content-type"), answer.header("cache-control")), ("application/json", "no-store"));
    }
    let hinted = form(&[("token", &lee.token), ("token_type_hint", "refresh_token"), ("more", "x")]);
    assert_eq!(question(&platform, &asking.authorization(), &hinted).send().await.json(), of_lee);

    let (id, short) = platform.token_for(lee.id, &[Scope::AuditLoggingRead], Some(Duration::from_secs(60))).await;
    let told = introspect(&platform, &asking, &short).await.json();
    assert_eq!((&told["exp"], &told["scope"]), (&json!(iat + 60), &json!("mx:audit-logging:read")));
    assert_eq!(told["jti"], id.to_string());

    platform.clock.advance(Duration::from_mins(1));
    for (person, role, scope) in [(&ada, "mendix_admin", ALL), (&lee, "member", "")] {
        let browser = signed_in(&platform, person).await;
        let session = platform.directory.list_sessions(person.id).await.unwrap().remove(0);
        assert_eq!(
            introspect(&platform, &asking, &session_of(&browser)).await.json(),
            json!({
                "active": true, "scope": scope, "username": person.email, "token_type": "Bearer",
                "exp": session.expires_at.0 / 1_000_000, "iat": iat + 60, "sub": person.id.to_string(),
                "iss": "http://localhost", "jti": session.id.to_string(), "name": &person.email[..3],
                "company_uuid": acme.id.to_string(), "role": role, "credential": "session",
            })
        );
    }
}

/// One credential of each kind that was good once and is not any more.
async fn dead_credentials(platform: &Platform, company: &Company) -> Vec<(String, String)> {
    let keeper = platform.admin(company, "keeper").await;
    let mut dead = Vec::new();
    let (id, deleted) = platform.token(keeper.id, &Scope::ALL).await;
    platform.directory.delete_token(&operator(), id).await.unwrap();
    dead.push(("a deleted token".to_owned(), deleted));
    let (_, expired) = platform.token_for(keeper.id, &Scope::ALL, Some(Duration::from_secs(60))).await;
    dead.push(("an expired token".to_owned(), expired));
    let mut browser = signed_in(platform, &keeper).await;
    dead.push(("a session that was signed out".to_owned(), session_of(&browser)));
    browser.post("/sign-out", &[]).await;
    dead.push(("a session that idled".to_owned(), session_of(&Browser::signed_in(platform, &keeper.email).await)));
    platform.clock.advance(Duration::from_mins(31));
    for kind in ["suspended", "deactivated", "returned"] {
        let leaver = platform.member(company, kind).await;
        let session = session_of(&signed_in(platform, &leaver).await);
        if kind == "suspended" {
            platform.directory.suspend(&operator(), leaver.id, act()).await.unwrap();
        } else {
            platform.directory.deactivate(&operator(), leaver.id, act()).await.unwrap();
        }
        if kind == "returned" {
            platform.directory.reactivate(&operator(), leaver.id, act()).await.unwrap();
        }
        dead.push((format!("a token of who was {kind}"), leaver.token));
        dead.push((format!("a session of who was {kind}"), session));
    }
    dead
}

/// What is no credential of anybody, or not of a kind that is asked about.
fn strange_credentials(service: &Asking) -> Vec<(String, String)> {
    let of_kind = |kind| Secret::generate(kind, &SystemEntropy).reveal().to_owned();
    [
        ("a token that was never made", unknown_token()),
        ("a session that was never begun", of_kind(Kind::Session)),
        ("a link", of_kind(Kind::Link)),
        ("the service's own secret", service.secret.clone()),
        ("half a token", "obp_nonsense".to_owned()),
        ("a word", "x".to_owned()),
        ("what is long", "x".repeat(1000)),
        ("what is no ASCII", "obp_é".to_owned()),
    ]
    .map(|(kind, secret)| (kind.to_owned(), secret))
    .into()
}

/// The session of a break-glass link.
async fn glass(platform: &Platform, company: &Company) -> String {
    let note = Note { reason: Some("both admins are locked out".to_owned()), ticket: None };
    let (_, link) = platform.directory.break_glass(&operator(), company.id, note).await.unwrap();
    let mut browser = Browser::new(platform);
    browser.post(&format!("/break-glass/{}", link.reveal()), &[]).await.sent_on();
    session_of(&browser)
}

async fn of_any_other_credential_nothing_is_told(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let (asking, own) = (service(&platform, "gateway", None).await, service(&platform, "own", Some(&acme)).await);
    let mut others = dead_credentials(&platform, &acme).await;
    others.extend(strange_credentials(&asking));
    others.push(("a break-glass session".to_owned(), glass(&platform, &acme).await));
    let before = platform.trail().await.len();
    for (kind, secret) in &others {
        for service in [&asking, &own] {
            // Twice: what was looked up once is judged the same when it is remembered.
            for _ in 0..2 {
                assert!(!is_active(&platform, service, secret).await, "{kind}");
            }
        }
    }
    assert_eq!(platform.trail().await.len(), before, "a question leaves no trace");
    assert!(is_active(&platform, &asking, &lee.token).await);
}

async fn of_another_companys_people_a_companys_service_learns_nothing(engine: Engine) {
    let platform = Platform::start(engine).await;
    let (acme, globex) = (platform.company("Acme").await, platform.company("Globex").await);
    let (lee, zoe) = (platform.member(&acme, "lee").await, platform.member(&globex, "zoe").await);
    let asking = service(&platform, "billing", Some(&acme)).await;
    let everybodys = service(&platform, "gateway", None).await;
    let session = session_of(&signed_in(&platform, &zoe).await);
    for secret in [&zoe.token, &session] {
        assert!(is_active(&platform, &everybodys, secret).await);
        assert!(!is_active(&platform, &asking, secret).await);
    }
    assert!(is_active(&platform, &asking, &lee.token).await);
}

async fn who_is_no_service_gets_no_answer(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let (one, other) = (service(&platform, "one", None).await, service(&platform, "other", None).await);
    let id = one.id.to_string();
    let unknown = Secret::generate(Kind::Service, &SystemEntropy);
    let form = form(&[("token", &lee.token)]);
    let mut answers = vec![platform.call(Method::POST, "/oauth2/introspect").body(form.clone()).send().await];
    for authorization in [
        String::new(),
        "Basic".to_owned(),
        "Basic !!!".to_owned(),
        format!("Basic {}", STANDARD.encode(&id)),
        format!("Basic {}", STANDARD.encode([0xff, b':', 0xff])),
        format!("Bearer {}", one.secret),
        format!("MxToken {}", lee.token),
        basic(&id, ""),
        basic(&id, unknown.reveal()),
        basic(&id, &lee.token),
        basic(&id, &other.secret),
        basic(&id, &format!("{} ", one.secret)),
        basic("", &one.secret),
        basic("gateway", &one.secret),
        basic(&one.secret, &id),
    ] {
        answers.push(question(&platform, &authorization, &form).send().await);
        let stream = platform.call(Method::GET, "/api/v1/revocations").header("authorization", &authorization);
        assert_eq!(stream.send().await.status, 401, "{authorization}");
    }
    let twice = question(&platform, &one.authorization(), &form).header("authorization", &one.authorization());
    answers.push(twice.send().await);
    for answer in answers {
        assert_eq!((answer.status.as_u16(), answer.json()["error"].as_str()), (401, Some("invalid_client")));
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"offboard\"");
        assert!(!answer.body.contains(&lee.email) && !answer.body.contains("active"), "{answer:?}");
    }
    let lower = one.authorization().replacen("Basic", "bASIC", 1);
    assert_eq!(question(&platform, &lower, &form).send().await.status, 200, "the scheme's case does not matter");
    assert_eq!(verified(&platform, &one.secret).await, 401, "a service is nobody");
}

async fn a_rotated_and_a_deleted_services_secret_is_refused_at_once_everywhere(engine: Engine) {
    let platform = Platform::start(engine).await;
    let other = platform.another_node().await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let form = form(&[("token", &lee.token)]);
    let statuses = async |service: &Asking| {
        let mut statuses = Vec::new();
        for node in [&platform.url, &other] {
            let call = platform.call_at(node, Method::POST, "/oauth2/introspect");
            let call = call.header("authorization", &service.authorization()).body(form.clone());
            statuses.push(call.send().await.status.as_u16());
        }
        statuses
    };
    for round in 0..5 {
        let mut asking = service(&platform, &format!("gateway {round}"), Some(&acme)).await;
        assert_eq!(statuses(&asking).await, [200, 200]);
        let (_, secret) = platform.directory.rotate_service(&operator(), asking.id).await.unwrap();
        assert_eq!(statuses(&asking).await, [401, 401], "rotated");
        secret.reveal().clone_into(&mut asking.secret);
        assert_eq!(statuses(&asking).await, [200, 200]);
        platform.directory.delete_service(&operator(), asking.id).await.unwrap();
        assert_eq!(statuses(&asking).await, [401, 401], "deleted");
    }
}

async fn a_question_is_posted_and_has_one_token(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let asking = service(&platform, "gateway", None).await;
    let good = form(&[("token", &lee.token)]);
    for (form, status) in [
        (String::new(), 400),
        ("token=".to_owned(), 400),
        ("token".to_owned(), 400),
        ("token_type_hint=access_token".to_owned(), 400),
        (format!("{good}&{good}"), 400),
        (format!("{good}&token="), 400),
        (format!("{{\"token\":\"{}\"}}", lee.token), 400),
        (format!("{good}&x={}", "x".repeat(8 * 1024)), 413),
        (good.clone(), 200),
    ] {
        let answer = question(&platform, &asking.authorization(), &form).send().await;
        assert_eq!(answer.status, status, "{form}: {answer:?}");
        if status != 200 {
            assert_eq!(answer.json()["error"], "invalid_request", "{form}");
            assert!(!answer.body.contains("active"), "{form}");
        }
    }
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
        let path = format!("/oauth2/introspect?{good}");
        let call = platform.call(method.clone(), &path).header("authorization", &asking.authorization());
        let answer = call.send().await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"), "{method}");
        assert!(!answer.body.contains("true"), "{method}: {answer:?}");
    }
    let in_query = platform.call(Method::POST, &format!("/oauth2/introspect?{good}"));
    let answer = in_query.header("authorization", &asking.authorization()).send().await;
    assert_eq!(answer.status, 400, "what stands in an address stands in logs");
}

/// What a gateway passes on, and what it must get.
struct Case {
    kind: String,
    headers: Vec<(&'static str, String)>,
    status: u16,
}

fn case(kind: &str, headers: &[(&'static str, &str)], status: u16) -> Case {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Case { kind: kind.to_owned(), headers, status }
}

/// Every way to show a good token and a good session, and to show them wrong.
fn showings(token: &str, session: &str) -> Vec<Case> {
    const SHOWN: &str = "authorization";
    let (bearer, cookie) = (format!("Bearer {token}"), format!("offboard={session}"));
    let (bearer, cookie) = (bearer.as_str(), cookie.as_str());
    let among = format!("a=1; {cookie}; b=2");
    vec![
        case("nothing", &[], 401),
        case("a token", &[(SHOWN, bearer)], 200),
        case("the scheme small", &[(SHOWN, &format!("bearer {token}"))], 200),
        case("its own scheme", &[(SHOWN, &format!("MxToken {token}"))], 200),
        case("a session", &[("cookie", cookie)], 200),
        case("a session among others", &[("cookie", &among)], 200),
        case("a token, and a cookie of another", &[(SHOWN, bearer), ("cookie", "a=1")], 200),
        case("a token and a session", &[(SHOWN, bearer), ("cookie", cookie)], 401),
        case("a token and half a session", &[(SHOWN, bearer), ("cookie", "offboard=x")], 401),
        case("half a token and a session", &[(SHOWN, "Bearer x"), ("cookie", cookie)], 401),
        case("nothing, and a session", &[(SHOWN, ""), ("cookie", cookie)], 401),
        case("two tokens", &[(SHOWN, bearer), (SHOWN, bearer)], 401),
        case("a session as a token", &[(SHOWN, &format!("Bearer {session}"))], 401),
        case("a token as a session", &[("cookie", &format!("offboard={token}"))], 401),
        case("a session by another name", &[("cookie", &format!("__Host-offboard={session}"))], 401),
        case("an empty header", &[(SHOWN, "")], 401),
        case("a scheme alone", &[(SHOWN, "Bearer")], 401),
        case("a token alone", &[(SHOWN, token)], 401),
        case("another scheme", &[(SHOWN, &format!("Basic {token}"))], 401),
        case("a scope too many", &[(SHOWN, bearer), ("offboard-required-scope", "x")], 403),
    ]
}

/// One that shows a secret by its kind.
fn showing(kind: &str, secret: &str, status: u16) -> Case {
    if secret.starts_with("obs_") {
        case(kind, &[("cookie", &format!("offboard={secret}"))], status)
    } else {
        case(kind, &[("authorization", &format!("Bearer {secret}"))], status)
    }
}

async fn a_gateway_gets_200_401_or_403_and_an_empty_body_whatever_it_asks(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let asking = service(&platform, "gateway", None).await;
    // Before anybody signs in: it moves the clock.
    let mut others = dead_credentials(&platform, &acme).await;
    others.extend(strange_credentials(&asking).into_iter().filter(|(_, secret)| secret.is_ascii()));
    let session = session_of(&signed_in(&platform, &lee).await);
    let mut cases = showings(&lee.token, &session);
    cases.extend(others.iter().map(|(kind, secret)| showing(kind, secret, 401)));
    cases.push(showing("a break-glass session", &glass(&platform, &acme).await, 403));
    cases.push(case("a service", &[("authorization", &asking.authorization())], 401));
    let before = platform.trail().await.len();
    for case in &cases {
        for path in ["/verify?x=%ff&scope=", "/verify/", "/verify//%ff?scope=x", "/verify/verify"] {
            answered(&platform, case, "GET", path).await;
        }
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
            answered(&platform, case, method, "/verify").await;
            answered(&platform, case, method, "/verify/orders?scope=x").await;
        }
    }
    assert_eq!(platform.trail().await.len(), before, "a question leaves no trace");
}

/// Asserts that a gateway gets the status, what belongs to it, and nothing else.
async fn answered(platform: &Platform, case: &Case, method: &str, path: &str) {
    let Case { kind, headers, status } = case;
    let mut call = platform.call(Method::from_bytes(method.as_bytes()).unwrap(), path);
    for (name, value) in headers {
        call = call.header(name, value);
    }
    let answer = call.send().await;
    assert_eq!(answer.status, *status, "{kind}, {method} {path}: {answer:?}");
    assert_eq!((answer.body.as_str(), answer.header("set-cookie")), ("", ""), "{kind}, {method} {path}");
    let is_challenged = answer.header("www-authenticate").starts_with("Bearer realm=\"offboard\"");
    assert!(is_challenged || *status != 401, "{kind}, {method} {path}: {answer:?}");
    assert_eq!(answer.headers.contains_key("offboard-reason"), *status == 403, "{kind}, {method} {path}");
    assert_eq!(answer.headers.contains_key("remote-user"), *status == 200, "{kind}, {method} {path}");
}

async fn a_gateway_gets_its_answer_over_the_limit_too(engine: Engine) {
    let platform = Platform::start_limited(engine, "3/1m").await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    for _ in 0..10 {
        assert_eq!(platform.call(Method::GET, "/verify").send().await.status, 401);
        assert_eq!(verified(&platform, "nonsense").await, 401);
        assert_eq!(verified(&platform, &unknown_token()).await, 401);
        assert_eq!(verified(&platform, &lee.token).await, 200);
    }
}

/// All that says who somebody is.
const NAMES: [&str; 12] = [
    "remote-user",
    "remote-email",
    "remote-name",
    "remote-groups",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "offboard-user",
    "offboard-company",
    "offboard-role",
    "offboard-scopes",
    "offboard-credential",
];

async fn a_gateway_learns_who_it_is_each_name_once(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let (_, bare) = platform.token(ada.id, &[]).await;
    let session = session_of(&signed_in(&platform, &ada).await);
    let (email, user, company) = (ada.email.as_str(), ada.id.to_string(), acme.id.to_string());
    let (user, company) = (user.as_str(), company.as_str());
    let all = Scope::ALL.map(Scope::as_str).join(" ");
    for (secret, scopes, credential) in
        [(&ada.token, all.as_str(), "pat"), (&bare, "", "pat"), (&session, all.as_str(), "session")]
    {
        let answer = verify(&platform, Method::GET, "/verify", secret).header("remote-user", "root").send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let said = NAMES.map(|name| answer.header(name));
        let (who, what) = said.split_at(9);
        assert_eq!(who, [email, email, "ada", "", user, email, "", user, company]);
        assert_eq!(what, ["mendix_admin", scopes, credential]);
        for name in NAMES {
            assert_eq!(answer.headers.get_all(name).iter().count(), 1, "{name} is set, and once");
        }
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    for secret in [unknown_token(), service(&platform, "gateway", None).await.secret] {
        let answer = verify(&platform, Method::GET, "/verify", &secret).header("remote-user", "root").send().await;
        assert!(answer.status == 401 && NAMES.iter().all(|name| !answer.headers.contains_key(*name)), "{answer:?}");
    }
}

async fn a_name_beyond_ascii_comes_as_utf_8(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let asking = service(&platform, "gateway", None).await;
    for (number, name) in ["Zoë Ünal", "李小龍", "O'Brien \"Bob\" <b>", "Ελένη"].into_iter().enumerate() {
        let new = NewUser::parse(&format!("user{number}@acme.example"), name, Role::Member).unwrap();
        let user = platform.directory.create_user(&operator(), acme.id, new).await.unwrap();
        let (_, token) = platform.token(user.id, &[]).await;
        let answer = verify(&platform, Method::GET, "/verify", &token).send().await;
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(answer.headers["remote-name"].as_bytes(), name.as_bytes());
        assert_eq!(introspect(&platform, &asking, &token).await.json()["name"], name);
    }
}

async fn every_scope_that_a_gateway_asks_for_is_needed(engine: Engine) {
    const READ: &str = "mx:audit-logging:read";
    const LOOK_UP: &str = "mx:mxid3:user-identifiers:uuid:read";
    const WRITE: &str = "mx:user-deactivation:write";
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let (_, token) = platform.token(ada.id, &[Scope::AuditLoggingRead, Scope::UserIdentifiersRead]).await;
    let both = format!("{READ} {LOOK_UP}");
    let more = format!("{READ} {WRITE}");
    for (query, headers, status) in [
        (vec![], vec![], 200),
        (vec![""], vec![""], 200),
        (vec![READ], vec![], 200),
        (vec![], vec![READ], 200),
        (vec![both.as_str()], vec![both.as_str()], 200),
        (vec![READ, LOOK_UP], vec![READ, LOOK_UP], 200),
        (vec![" "], vec![], 200),
        (vec![WRITE], vec![], 403),
        (vec![], vec![WRITE], 403),
        (vec![more.as_str()], vec![], 403),
        (vec![], vec![more.as_str()], 403),
        (vec![READ, WRITE], vec![], 403),
        (vec![], vec![READ, WRITE], 403),
        (vec![READ], vec![WRITE], 403),
        (vec![WRITE], vec![READ], 403),
        (vec!["mx:everything"], vec![], 403),
        (vec!["MX:AUDIT-LOGGING:READ"], vec![], 403),
        (vec!["mx:audit-logging:read,mx:audit-logging:read"], vec![], 403),
    ] {
        let pairs: Vec<(&str, &str)> = query.iter().map(|scope| ("scope", *scope)).collect();
        let mut call = verify(&platform, Method::GET, &format!("/verify?{}", form(&pairs)), &token);
        for header in &headers {
            call = call.header("offboard-required-scope", header);
        }
        let answer = call.send().await;
        assert_eq!(answer.status, status, "{query:?} {headers:?}: {answer:?}");
        if status == 403 {
            let challenge = answer.header("www-authenticate");
            assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"insufficient_scope\""));
            assert_eq!(answer.header("offboard-reason"), "insufficient_scope");
        }
    }
    let path = format!("/verify?{}", form(&[("scope", WRITE)]));
    for (person, status) in [(&ada, 200), (&lee, 403)] {
        let session = session_of(&signed_in(&platform, person).await);
        assert_eq!(verify(&platform, Method::GET, &path, &session).send().await.status, status, "what the role allows");
    }
    let answer = verify(&platform, Method::GET, &path, &unknown_token()).send().await;
    assert_eq!(answer.status, 401, "first who it is, then what he may");
}

async fn behind_the_prefix_the_query_is_the_clients(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    for path in ["/verify/", "/verify/?scope=x", "/verify/orders?scope=x", "/verify/a/b/c", "/verify//", "/verify/%20"]
    {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE] {
            assert_eq!(verify(&platform, method.clone(), path, &lee.token).send().await.status, 200, "{method} {path}");
            let call = verify(&platform, method.clone(), path, &lee.token).header("offboard-required-scope", "x");
            assert_eq!(call.send().await.status, 403, "{method} {path}: the header is the gateway's");
            assert_eq!(verify(&platform, method.clone(), path, &unknown_token()).send().await.status, 401);
        }
    }
}

async fn a_fault_of_ours_is_a_no(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let asking = service(&platform, "gateway", None).await;
    assert!(!is_active(&platform, &asking, &unknown_token()).await);
    platform.database.db_execute("ALTER TABLE tokens RENAME TO hidden").await;
    let answer = verify(&platform, Method::GET, "/verify", &lee.token).send().await;
    assert_eq!((answer.status.as_u16(), answer.header("offboard-reason")), (403, "internal"), "{answer:?}");
    let answer = introspect(&platform, &asking, &lee.token).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"].as_str()), (500, Some("server_error")));
    assert!(!answer.body.contains("active") && !answer.body.contains("tokens"), "{answer:?}");
    platform.database.db_execute("ALTER TABLE hidden RENAME TO tokens").await;
    assert_eq!(verified(&platform, &lee.token).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_known_is_a_no() {
    let platform = Platform::start_limited(Engine::Sqlite, "100/1m").await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let asking = service(&platform, "gateway", None).await;
    assert!(is_active(&platform, &asking, &lee.token).await);
    let mut stream = Stream::open(&platform, &asking, None).await;
    assert_eq!(stream.next().await.unwrap().name, "ready");
    let path = platform.database.url().strip_prefix("sqlite:").unwrap().to_owned();
    let elsewhere = format!("{path}.moved");
    std::fs::rename(&path, &elsewhere).unwrap();
    platform.clock.advance(Duration::from_secs(1));
    let answer = verify(&platform, Method::GET, "/verify", &lee.token).send().await;
    assert_eq!((answer.status.as_u16(), answer.header("offboard-reason")), (403, "unavailable"), "{answer:?}");
    let answer = introspect(&platform, &asking, &lee.token).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"), "{answer:?}");
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
    assert_eq!(answer.header("ratelimit-limit"), "", "a service is no stranger because nothing can be known");
    stream.ends().await;
    std::fs::rename(&elsewhere, &path).unwrap();
    platform.clock.advance(Duration::from_secs(1));
    assert_eq!(verified(&platform, &lee.token).await, 200);
}

/// What a stream told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Event {
    name: String,
    data: String,
    id: String,
}

/// An open stream of revocations.
struct Stream {
    response: reqwest::Response,
    /// What came of the next event.
    text: String,
}

impl Stream {
    fn call(platform: &Platform, service: &Asking, cursor: Option<&str>) -> Call {
        let call = platform.call(Method::GET, "/api/v1/revocations").header("authorization", &service.authorization());
        match cursor {
            Some(cursor) => call.header("last-event-id", cursor),
            None => call,
        }
    }

    async fn open(platform: &Platform, service: &Asking, cursor: Option<&str>) -> Self {
        Self::of(Self::call(platform, service, cursor)).await
    }

    async fn of(call: Call) -> Self {
        let response = call.open().await;
        assert_eq!(response.status(), 200, "{response:?}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let whole = self.text.split_once("\n\n").map(|(event, rest)| (Event::read(event), rest.to_owned()));
            if let Some((event, rest)) = whole {
                self.text = rest;
                return Some(event);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(10), self.response.chunk()).await;
            let bytes = chunk.expect("an event comes").unwrap()?;
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The next event, which comes within a second.
    async fn soon(&mut self) -> Option<Event> {
        tokio::time::timeout(Duration::from_secs(1), self.next()).await.expect("within a second")
    }

    /// Asserts that it ends within a second, and tells nothing more.
    async fn ends(&mut self) {
        assert_eq!(self.soon().await, None);
    }

    /// Asserts that the next event says that something of this person changed; gives its cursor.
    async fn tells_of(&mut self, person: &Person) -> String {
        let event = self.soon().await.unwrap();
        assert_eq!((event.name.as_str(), event.data), ("changed", format!("{{\"sub\":\"{}\"}}", person.id)));
        assert!(!event.id.is_empty(), "what was told can be gone on from");
        event.id
    }
}

impl Event {
    fn read(text: &str) -> Self {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(|value| value.trim_start().to_owned()).unwrap_or_default()
        };
        Self { name: field("event"), data: field("data"), id: field("id") }
    }
}

/// Waits until the server remembers under a lease: from then on it hears of changes when they are made.
async fn listening(platform: &Platform) {
    let listens = async {
        while !platform.gate.view().is_trusted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), listens).await.expect("it joins the other nodes");
}

/// A platform with Acme and a service of the operator.
async fn heard(engine: Engine) -> (Platform, Company, Asking) {
    let platform = Platform::start(engine).await;
    listening(&platform).await;
    let acme = platform.company("Acme").await;
    let asking = service(&platform, "gateway", None).await;
    (platform, acme, asking)
}

async fn a_stream_tells_of_a_change_within_a_second(engine: Engine) {
    let (platform, acme, asking) = heard(engine).await;
    let ada = platform.admin(&acme, "ada").await;
    let (lee, max) = (platform.member(&acme, "lee").await, platform.member(&acme, "max").await);
    let mut stream = Stream::open(&platform, &asking, None).await;
    let first = stream.soon().await.unwrap();
    assert_eq!((first.name.as_str(), first.data.as_str()), ("ready", "{}"));
    assert_eq!(platform.deactivate(&ada, lee.id).await.status, 204);
    stream.tells_of(&lee).await;
    platform.directory.delete_token(&operator(), max.token_id).await.unwrap();
    stream.tells_of(&max).await;
    platform.directory.set_role(&operator(), max.id, Role::MendixAdmin).await.unwrap();
    stream.tells_of(&max).await;
    platform.directory.suspend(&operator(), max.id, act()).await.unwrap();
    stream.tells_of(&max).await;
    let mut browser = signed_in(&platform, &ada).await;
    browser.post("/sign-out", &[]).await;
    stream.tells_of(&ada).await;
}

async fn a_stream_gives_a_sign_of_life_each_second(engine: Engine) {
    let (platform, acme, asking) = heard(engine).await;
    let lee = platform.member(&acme, "lee").await;
    let mut stream = Stream::open(&platform, &asking, None).await;
    assert_eq!(stream.next().await.unwrap().name, "ready");
    for _ in 0..3 {
        platform.clock.advance(Duration::from_secs(1));
        let event = stream.soon().await.unwrap();
        assert_eq!((event.name.as_str(), event.data.as_str()), ("alive", "{}"));
    }
    platform.directory.deactivate(&operator(), lee.id, act()).await.unwrap();
    platform.clock.advance(Duration::from_secs(1));
    stream.tells_of(&lee).await;
    assert_eq!(stream.soon().await.unwrap().name, "alive", "after all that was changed before");
}

async fn a_cursor_goes_on_where_it_was(engine: Engine) {
    let (platform, acme, asking) = heard(engine).await;
    let mut people = Vec::new();
    for name in ["lee", "max", "eve", "bob"] {
        people.push(platform.member(&acme, name).await);
    }
    let [lee, max, eve, bob] = people.as_slice() else { panic!("{}", people.len()) };
    let deactivate = async |person: &Person| {
        platform.directory.deactivate(&operator(), person.id, act()).await.unwrap();
    };
    let mut stream = Stream::open(&platform, &asking, None).await;
    assert_eq!(stream.next().await.unwrap().name, "ready");
    deactivate(lee).await;
    let cursor = stream.tells_of(lee).await;
    drop(stream);
    deactivate(max).await;
    deactivate(eve).await;
    let query = form(&[("after", &cursor)]);
    let by_query = platform.call(Method::GET, &format!("/api/v1/revocations?{query}"));
    let by_query = by_query.header("authorization", &asking.authorization());
    for call in [Stream::call(&platform, &asking, Some(&cursor)), by_query] {
        let mut stream = Stream::of(call).await;
        let missed = [stream.soon().await.unwrap(), stream.soon().await.unwrap()];
        let of = |person: &Person| format!("{{\"sub\":\"{}\"}}", person.id);
        assert!(missed.iter().all(|event| event.name == "changed"), "{missed:?}");
        assert_eq!(BTreeSet::from(missed.map(|event| event.data)), BTreeSet::from([of(max), of(eve)]));
    }
    let mut stream = Stream::open(&platform, &asking, Some(&cursor)).await;
    stream.next().await.unwrap();
    let last = stream.next().await.unwrap().id;
    drop(stream);
    let mut stream = Stream::open(&platform, &asking, Some(&last)).await;
    deactivate(bob).await;
    stream.tells_of(bob).await;
}

async fn what_is_no_cursor_means_begin_anew(engine: Engine) {
    let (platform, acme, asking) = heard(engine).await;
    let lee = platform.member(&acme, "lee").await;
    platform.directory.suspend(&operator(), lee.id, act()).await.unwrap();
    let long = "9".repeat(3000);
    for cursor in ["x", "made up", "1-ABCDEF", "999999999-00", "-1", ":::", "'; --", long.as_str()] {
        let mut stream = Stream::open(&platform, &asking, Some(cursor)).await;
        let event = stream.soon().await.unwrap();
        assert_eq!((event.name.as_str(), event.data.as_str()), ("reset", "{}"), "{cursor}");
        assert!(!event.id.is_empty(), "{cursor}");
    }
    let mut stream = Stream::open(&platform, &asking, Some("x")).await;
    assert_eq!(stream.soon().await.unwrap().name, "reset");
    platform.directory.resume(&operator(), lee.id, act()).await.unwrap();
    stream.tells_of(&lee).await;
}

async fn a_companys_service_hears_of_its_own_people_alone(engine: Engine) {
    let (platform, acme, everybodys) = heard(engine).await;
    let globex = platform.company("Globex").await;
    let (lee, zoe) = (platform.member(&acme, "lee").await, platform.member(&globex, "zoe").await);
    let asking = service(&platform, "billing", Some(&acme)).await;
    let other = service(&platform, "billing", Some(&globex)).await;
    let (mut own, mut all) =
        (Stream::open(&platform, &asking, None).await, Stream::open(&platform, &everybodys, None).await);
    assert_eq!([own.next().await.unwrap().name, all.next().await.unwrap().name], ["ready", "ready"]);
    platform.directory.deactivate(&operator(), zoe.id, act()).await.unwrap();
    platform.directory.rotate_service(&operator(), other.id).await.unwrap();
    all.tells_of(&zoe).await;
    platform.directory.deactivate(&operator(), lee.id, act()).await.unwrap();
    own.tells_of(&lee).await;
    all.tells_of(&lee).await;
}

async fn a_stream_ends_with_its_services_secret_and_with_the_server(engine: Engine) {
    let (platform, acme, asking) = heard(engine).await;
    let own = service(&platform, "billing", Some(&acme)).await;
    let open = async |service: &Asking| {
        let mut stream = Stream::open(&platform, service, None).await;
        assert_eq!(stream.next().await.unwrap().name, "ready");
        stream
    };
    let (mut deleted, mut rotated) = (open(&own).await, open(&asking).await);
    platform.directory.delete_service(&operator(), own.id).await.unwrap();
    deleted.ends().await;
    let (_, secret) = platform.directory.rotate_service(&operator(), asking.id).await.unwrap();
    rotated.ends().await;
    for service in [&own, &asking] {
        assert_eq!(Stream::call(&platform, service, None).send().await.status, 401);
    }
    let asking = Asking { id: asking.id, secret: secret.reveal().to_owned() };
    let mut stopped = open(&asking).await;
    platform.app.stop();
    stopped.ends().await;
}

async fn a_service_holds_20_streams(engine: Engine) {
    let (platform, _, asking) = heard(engine).await;
    let other = service(&platform, "billing", None).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(Stream::open(&platform, &asking, None).await);
    }
    let refused = Stream::call(&platform, &asking, None).send().await;
    assert_eq!((refused.status.as_u16(), refused.header("content-type")), (429, "application/problem+json"));
    Stream::open(&platform, &other, None).await;
    streams.pop();
    let again = async {
        // Who is gone is noticed when there is something to tell.
        while Stream::call(&platform, &asking, None).open().await.status() != 200 {
            platform.clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.expect("a place is given back");
}
