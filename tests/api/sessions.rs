//! The promise for sessions: when access is taken away, no session is left, whatever raced it, and open pages are cut.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use offboard::domain::users::NewUser;
use offboard::model::user::{Role, Status};
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::browser::{Browser, OWN_PAGE, PASSWORD};
use crate::harness::{Person, Platform, act, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    deactivation_and_suspension_end_every_session_and_say_how_many,
    a_resumed_user_signs_in_anew_and_finds_the_tokens_awake,
    a_reactivated_user_starts_with_nothing,
    no_session_is_left_when_signing_in_races_deactivation,
    no_credential_is_left_when_a_link_is_used_in_the_race,
    no_token_is_left_when_a_session_makes_one_in_the_race,
    what_one_node_ends_every_node_refuses_sessions_too,
    admins_who_demote_each_other_leave_one,
    a_form_that_arrives_after_its_senders_access_ended_does_nothing,
    an_export_ends_with_its_readers_access,
    an_open_page_is_cut_within_a_second_and_hears_of_changes,
}

async fn deactivation_and_suspension_end_every_session_and_say_how_many(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    for (name, suspend) in [("lee", false), ("max", true)] {
        let person = platform.member(&acme, name).await;
        platform.with_password(person.id).await;
        let mut idle = Browser::signed_in(&platform, &person.email).await;
        platform.clock.advance(Duration::from_mins(31));
        let mut open = [
            Browser::signed_in(&platform, &person.email).await,
            Browser::signed_in(&platform, &person.email).await,
            Browser::signed_in(&platform, &person.email).await,
        ];
        let dry = offboard::domain::transitions::Request { dry_run: true, ..act() };
        let foreseen = if suspend {
            platform.directory.suspend(&operator(), person.id, dry).await.unwrap()
        } else {
            platform.directory.deactivate(&operator(), person.id, dry).await.unwrap()
        };
        assert_eq!(foreseen.sessions_ended, 3, "the one that idled too long is over by itself");
        for browser in &mut open {
            assert!(browser.is_let_in().await, "a dry run ends nothing");
        }
        if suspend {
            platform.directory.suspend(&operator(), person.id, act()).await.unwrap();
        } else {
            assert_eq!(platform.deactivate(&ada, person.id).await.status, 204);
        }
        for browser in &mut open {
            assert!(!browser.is_let_in().await);
        }
        assert!(!idle.is_let_in().await);
        let action = if suspend { "user.suspend" } else { "user.deactivate" };
        let entry = platform.trail_of(action).await.pop().unwrap();
        let detail: serde_json::Value = serde_json::from_str(entry.detail.as_deref().unwrap()).unwrap();
        assert_eq!(detail["sessionsEnded"], 3);
    }
}

async fn a_resumed_user_signs_in_anew_and_finds_the_tokens_awake(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(lee.id).await;
    let mut before = Browser::signed_in(&platform, &lee.email).await;
    platform.directory.suspend(&operator(), lee.id, act()).await.unwrap();
    assert_eq!(
        (
            platform.me(&lee.token).await.as_u16(),
            Browser::new(&platform).sign_in(&lee.email, PASSWORD).await.status.as_u16()
        ),
        (401, 401)
    );
    platform.directory.resume(&operator(), lee.id, act()).await.unwrap();
    assert!(!before.is_let_in().await, "a session that ended stays ended");
    assert_eq!(platform.me(&lee.token).await, 200);
    assert!(Browser::signed_in(&platform, &lee.email).await.is_let_in().await);
}

async fn a_reactivated_user_starts_with_nothing(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(lee.id).await;
    let mut before = Browser::signed_in(&platform, &lee.email).await;
    platform.directory.deactivate(&operator(), lee.id, act()).await.unwrap();
    platform.directory.reactivate(&operator(), lee.id, act()).await.unwrap();
    assert!(!before.is_let_in().await);
    assert_eq!(
        (
            platform.me(&lee.token).await.as_u16(),
            Browser::new(&platform).sign_in(&lee.email, PASSWORD).await.status.as_u16()
        ),
        (401, 401)
    );
    platform.with_password(lee.id).await;
    assert!(Browser::signed_in(&platform, &lee.email).await.is_let_in().await);
}

/// Somebody with a password, to be deactivated in a race.
async fn leaver(platform: &Platform, company: &offboard::model::company::Company, round: u32) -> Person {
    let lee = platform.member(company, &format!("lee{round}")).await;
    platform.with_password(lee.id).await;
    lee
}

/// Takes the time in which some passwords are verified, so that races are lost in different places.
async fn wait_for_hashes(platform: &Platform, count: u32) {
    for _ in 0..count {
        assert_eq!(Browser::new(platform).sign_in("nobody@acme.example", PASSWORD).await.status, 401);
    }
}

async fn no_session_is_left_when_signing_in_races_deactivation(engine: Engine) {
    let platform = Arc::new(Platform::start(engine).await);
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let (mut let_in, mut refused) = (0, 0);
    for round in 0..16 {
        let lee = leaver(&platform, &acme, round).await;
        let mut browsers: Vec<_> = (0..4).map(|_| Browser::new(&platform)).collect();
        let signing_in = join_all(browsers.iter_mut().map(|browser| browser.sign_in(&lee.email, PASSWORD)));
        let deactivating = async {
            wait_for_hashes(&platform, round % 4).await;
            platform.deactivate(&ada, lee.id).await
        };
        let (answers, answer) = tokio::join!(signing_in, deactivating);
        assert_eq!(answer.status, 204);
        for answer in answers {
            match answer.status.as_u16() {
                303 => let_in += 1,
                401 => refused += 1,
                _ => panic!("{answer:?}"),
            }
        }
        for mut browser in browsers {
            assert!(!browser.is_let_in().await, "a session outlived its owner's access");
        }
        assert_eq!(platform.directory.list_sessions(lee.id).await.unwrap(), []);
    }
    assert!(let_in > 0 && refused > 0, "{let_in} let in, {refused} refused: the race tests nothing");
}

async fn no_credential_is_left_when_a_link_is_used_in_the_race(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let new = "another horse entirely";
    for round in 0..12_u32 {
        let lee = leaver(&platform, &acme, round).await;
        let (_, secret) = platform.directory.make_link(&operator(), lee.id).await.unwrap();
        let path = format!("/set-password/{}", secret.reveal());
        let mut browser = Browser::new(&platform);
        let form = [("password", new), ("again", new)];
        let deactivating = async {
            wait_for_hashes(&platform, round % 3).await;
            platform.deactivate(&ada, lee.id).await
        };
        let (used, answer) = tokio::join!(browser.post(&path, &form), deactivating);
        assert_eq!(answer.status, 204);
        assert!(matches!(used.status.as_u16(), 303 | 410), "{used:?}");
        assert_eq!(Browser::new(&platform).sign_in(&lee.email, new).await.status, 401);
        assert!(!platform.directory.has_password(lee.id).await.unwrap());
    }
}

async fn no_token_is_left_when_a_session_makes_one_in_the_race(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let mut made = 0;
    for round in 0..20 {
        let lee = leaver(&platform, &acme, round).await;
        let mut browser = Browser::signed_in(&platform, &lee.email).await;
        let mut other = Browser { platform: &platform, cookie: browser.cookie.clone() };
        let rotate = format!("/settings/tokens/{}/rotate", lee.token_id);
        let (created, rotated, answer) = tokio::join!(
            browser.post("/settings/tokens", &[("name", "race"), ("expires", "30")]),
            other.post(&rotate, &[]),
            platform.deactivate(&ada, lee.id)
        );
        assert_eq!(answer.status, 204);
        made += [created, rotated].iter().filter(|answer| answer.status == 200).count();
        let tokens = platform.directory.list_tokens(lee.id).await.unwrap();
        assert!(tokens.iter().all(|token| token.ended.is_some()), "{tokens:?}");
    }
    assert!(made > 0, "the race never let a token through: it tests nothing");
}

async fn what_one_node_ends_every_node_refuses_sessions_too(engine: Engine) {
    let platform = Platform::start(engine).await;
    let other = platform.another_node().await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    for round in 0..5 {
        let lee = leaver(&platform, &acme, round).await;
        let browser = Browser::signed_in(&platform, &lee.email).await;
        let cookie = browser.cookie.clone().unwrap();
        assert_eq!(platform.status_at(&other, "/api/v1/me", &cookie).await, 200);
        platform.deactivate(&ada, lee.id).await;
        assert_eq!(platform.status_at(&other, "/api/v1/me", &cookie).await, 401);
        assert_eq!(platform.status_at(&other, "/settings/profile", &cookie).await, 303);
    }
}

async fn admins_who_demote_each_other_leave_one(engine: Engine) {
    let platform = Platform::start(engine).await;
    for round in 0..10 {
        let company = platform.company(&format!("Acme{round}")).await;
        let (ada, bob) = (platform.admin(&company, "ada").await, platform.admin(&company, "bob").await);
        platform.with_password(ada.id).await;
        platform.with_password(bob.id).await;
        let (mut one, mut other) =
            (Browser::signed_in(&platform, &ada.email).await, Browser::signed_in(&platform, &bob.email).await);
        let demote = |person: &Person| format!("/control-center/members/{}/admin", person.id);
        let (at_bob, at_ada) = (demote(&bob), demote(&ada));
        let form = [("admin", "false")];
        let answers = tokio::join!(one.post(&at_bob, &form), other.post(&at_ada, &form));
        let roles = [
            platform.directory.find_user(&ada.email).await.unwrap().role,
            platform.directory.find_user(&bob.email).await.unwrap().role,
        ];
        assert_eq!(roles.iter().filter(|role| **role == Role::MendixAdmin).count(), 1, "{answers:?}");
    }
}

async fn a_form_that_arrives_after_its_senders_access_ended_does_nothing(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    platform.admin(&acme, "bob").await;
    let id = lee.id.to_string();
    for (path, form) in [
        ("/control-center/members", "email=evil%40acme.example&name=Evil&admin=true".to_owned()),
        ("/control-center/members/export", format!("format=csv&user={id}")),
        ("/control-center/admins", "email=nobody%40acme.example".to_owned()),
        (&format!("/control-center/members/{id}/admin"), "admin=true".to_owned()),
    ] {
        let ada = platform.admin(&acme, &format!("ada{}", path.len())).await;
        platform.with_password(ada.id).await;
        let cookie = Browser::signed_in(&platform, &ada.email).await.cookie.unwrap();
        let address = platform.url.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (first, rest) = form.split_at(1);
        let length = form.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{first}"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        platform.directory.deactivate(&operator(), ada.id, act()).await.unwrap();
        let before = platform.trail().await.len();
        stream.write_all(rest.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 303") && answer.contains("location: /sign-in"), "{path}: {answer}");
        assert_eq!(platform.trail().await.len(), before, "{path}");
    }
    assert!(platform.directory.find_user("evil@acme.example").await.is_err());
}

async fn an_export_ends_with_its_readers_access(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    platform.admin(&acme, "bob").await;
    platform.with_password(ada.id).await;
    let name = "x".repeat(190);
    let new = |number| NewUser::parse(&format!("user{number}@acme.example"), &name, Role::Member).unwrap();
    // More than fits between server and reader: the loopback interface alone takes 1.3 MB.
    for part in 0..18 {
        let some = (500 * part..500 * (part + 1)).map(new).collect();
        platform.directory.create_users(&operator(), acme.id, some).await.unwrap();
    }
    let cookie = Browser::signed_in(&platform, &ada.email).await.cookie.unwrap();
    // A reader who takes little at a time, so that the server reads on from the store when there is room.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(platform.url.trim_start_matches("http://").parse().unwrap()).await.unwrap();
    let path = "/control-center/members/export?format=csv";
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut begin = [0; 1024];
    stream.read_exact(&mut begin).await.unwrap();
    assert!(begin.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&begin));
    platform.directory.deactivate(&operator(), ada.id, act()).await.unwrap();
    let mut rest = Vec::new();
    // Chunked: a whole file ends with an empty chunk.
    let _ = stream.read_to_end(&mut rest).await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the whole list was given out, {} bytes", rest.len());
}

async fn an_open_page_is_cut_within_a_second_and_hears_of_changes(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee, max) =
        (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await, platform.member(&acme, "max").await);
    platform.with_password(ada.id).await;
    platform.with_password(lee.id).await;
    let mut streams = Vec::new();
    for person in [&ada, &lee] {
        let browser = Browser::signed_in(&platform, &person.email).await;
        let stream = browser.call(Method::GET, "/events", None, &OWN_PAGE).open().await;
        assert_eq!(
            (stream.status().as_u16(), &stream.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        streams.push(stream);
    }
    let mut of_lee = streams.pop().unwrap();
    let mut of_ada = streams.pop().unwrap();
    platform.directory.suspend(&operator(), max.id, act()).await.unwrap();
    assert_eq!(event(&mut of_ada).await.as_deref(), Some("changed"));
    assert_eq!(event(&mut of_lee).await.as_deref(), Some("changed"));
    assert_eq!(platform.deactivate(&ada, lee.id).await.status, 204);
    let cut = tokio::time::timeout(Duration::from_secs(1), event(&mut of_lee)).await;
    assert_eq!(cut.expect("within a second").as_deref(), Some("ended"));
    assert_eq!(event(&mut of_lee).await, None, "nothing comes after the end");
    assert_eq!(event(&mut of_ada).await.as_deref(), Some("changed"));
    let found = platform.directory.find_user(&lee.email).await.unwrap();
    assert_eq!(found.status, Status::Deactivated);
}

/// The name of the next event; `None` at the end of the stream.
async fn event(stream: &mut reqwest::Response) -> Option<String> {
    loop {
        let chunk = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await.expect("an event comes");
        let text = String::from_utf8(chunk.unwrap()?.to_vec()).unwrap();
        if let Some(name) = text.lines().find_map(|line| line.strip_prefix("event: ").or(line.strip_prefix("event:"))) {
            assert!(text.contains("\ndata: -\n"), "browsers pass on only what has data: {text}");
            return Some(name.to_owned());
        }
    }
}
