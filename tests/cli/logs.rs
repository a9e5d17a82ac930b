//! What is written of a request: enough to find it again, and no secret.

use serde_json::{Value, json};

use crate::harness::{ADA, DEACTIVATE, Host, LEE, READ_LOG, Run, lines, string};
use crate::http::Answer;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_request_is_found_by_its_id_in_log_and_trail,
    a_refused_request_is_found_by_its_id_too,
    no_token_is_ever_written_to_a_log,
    no_secret_of_a_link_or_a_session_is_ever_written_to_log_or_trail,
}

fn id(answer: &Answer) -> String {
    answer.header("x-request-id").unwrap_or_else(|| panic!("no id: {answer:?}")).to_owned()
}

/// The one log entry of this request.
#[track_caller]
fn logged(log: &str, id: &str) -> Value {
    let mut found = lines(log).into_iter().filter(|entry| entry["request"] == id);
    match (found.next(), found.next()) {
        (Some(entry), None) => entry,
        other => panic!("not one line about {id}: {other:?}\n{log}"),
    }
}

async fn a_request_is_found_by_its_id_in_log_and_trail(engine: Engine) {
    let host = Host::with_people(engine).await;
    let (admin, lee) = (host.token(ADA, DEACTIVATE), host.uuid(LEE));
    let server = host.serve(&[]);
    let answers = [server.deactivate(&lee, &admin), server.deactivate(&lee, &admin)];
    let log = server.stop();
    for answer in &answers {
        let line = logged(&log, &id(answer));
        assert_eq!((&line["method"], &line["status"]), (&json!("PATCH"), &json!(204)), "{line}");
        assert_eq!((&line["level"], &line["address"]), (&json!("INFO"), &json!("127.0.0.1")), "{line}");
    }
    let trail = host.trail();
    let entries: Vec<&Value> = trail.iter().filter(|entry| entry["action"] == "user.deactivate").collect();
    assert_eq!(entries.len(), 1, "to do it again is no second entry");
    assert_eq!(entries[0]["requestId"], id(&answers[0]));
    assert_eq!(entries[0]["subject"]["uuid"], lee);
    assert_eq!(entries[0]["clientAddress"], "127.0.0.1");
    assert_eq!(entries[0]["actor"], json!({"kind": "user", "uuid": host.uuid(ADA), "tokenUuid": admin.uuid}));
}

async fn a_refused_request_is_found_by_its_id_too(engine: Engine) {
    let host = Host::with_people(engine).await;
    let (admin, ada) = (host.token(ADA, DEACTIVATE), host.uuid(ADA));
    let server = host.serve(&[]);
    let answer = server.deactivate(&ada, &admin);
    assert_eq!(answer.status, 403, "nobody deactivates himself");
    let id = id(&answer);
    assert_eq!(answer.json()["error"]["instance"], format!("urn:uuid:{id}"));
    assert_eq!(logged(&server.stop(), &id)["status"], 403);
    let entry = host.trail().pop().unwrap();
    assert_eq!((&entry["requestId"], &entry["outcome"]), (&json!(id), &json!("refused")), "{entry}");
}

async fn no_token_is_ever_written_to_a_log(engine: Engine) {
    let host = Host::with_people(engine).await;
    let create = ["token", "create", "--user", ADA, "--name", "x", "--scope", DEACTIVATE];
    let run = Run::of(host.command(&create).env("OFFBOARD_LOG_LEVEL", "trace"));
    assert!(!run.err.contains("obp_"), "{run:?}");

    let (admin, gone) = (host.token(ADA, DEACTIVATE), host.token(LEE, READ_LOG));
    host.json(&["token", "delete", &gone.uuid]);
    let server = host.serve(&[("OFFBOARD_LOG_LEVEL", "trace")]);
    assert_eq!(server.me(&admin).status, 200);
    assert_eq!(server.me(&gone).status, 401);
    assert_eq!(server.deactivate(&host.uuid(LEE), &admin).status, 204);
    for (path, status) in [("/api/v1/me?token=", 401), ("/", 404), ("/v1/platform-users/", 405)] {
        assert_eq!(server.get(&format!("{path}{}", admin.secret)).status, status, "{path}");
    }
    let body = format!(r#"{{"active":"{}"}}"#, admin.secret);
    let path = format!("/v1/platform-users/{}", admin.secret);
    assert_eq!(server.ask("PATCH", &path, Some(&admin), &body).status, 400);
    let log = server.stop();
    assert!(!lines(&log).is_empty());
    assert!(!log.contains("obp_"), "{log}");
}

async fn no_secret_of_a_link_or_a_session_is_ever_written_to_log_or_trail(engine: Engine) {
    const FORM: &str = "password=correct+horse+battery&again=correct+horse+battery";
    let host = Host::with_people(engine).await;
    let server = host.serve(&[("OFFBOARD_LOG_LEVEL", "trace"), ("OFFBOARD_RATE_LIMIT", "off")]);
    for (command, form) in
        [(&["user", "invite", LEE][..], FORM), (&["break-glass", "Acme", "--reason", "locked out"], "")]
    {
        let link = string(&host.json(command), "link");
        let path = link.strip_prefix("http://127.0.0.1:8080").unwrap();
        for (method, form, status) in [("GET", "", 200), ("POST", form, 303), ("POST", form, 410)] {
            assert_eq!(server.ask(method, path, None, form).status, status, "{method} {command:?}");
        }
    }
    let cookie = server.sign_in(LEE, "correct horse battery");
    assert_eq!(server.visit("GET", "/settings/sessions", &cookie).status, 200);
    assert_eq!(server.visit("GET", &format!("/nowhere?{cookie}"), &cookie).status, 404);
    let written = server.stop() + &host.text(&["audit", "export"]);
    assert!(written.contains("session.start") && written.contains("\"message\":\"request\""), "{written}");
    for secret in ["obl_", "obs_", "horse"] {
        assert!(!written.contains(secret), "{secret}: {written}");
    }
}
