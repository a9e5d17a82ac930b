//! Links that commands make: invitations, and the operator's way in.

use serde_json::json;

use crate::harness::{ADA, Host, LEE, Run, array, assert_members, assert_uuid, string};
use crate::server::Server;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    an_invitation_is_a_link_that_works_once_in_the_running_server,
    a_link_begins_with_how_the_outside_reaches_the_server,
    who_is_not_active_gets_no_link,
    an_invitation_lives_as_long_as_the_configuration_says,
    break_glass_needs_a_reason_and_opens_once,
    a_password_that_everybody_tries_is_refused,
    what_a_command_ends_is_counted,
    mail_needs_a_server_and_a_sender,
}

const FORM: &str = "password=correct+horse+battery&again=correct+horse+battery";

/// The path of a link, which begins with how the outside reaches the server.
fn path(link: &str) -> &str {
    link.strip_prefix("http://127.0.0.1:8080").unwrap_or_else(|| panic!("{link}"))
}

fn sign_in(server: &Server, email: &str) -> u16 {
    let body = format!("email={email}&password=correct+horse+battery");
    server.ask("POST", "/sign-in", None, &body).status
}

async fn an_invitation_is_a_link_that_works_once_in_the_running_server(engine: Engine) {
    let host = Host::with_people(engine).await;
    let server = host.serve(&[("OFFBOARD_RATE_LIMIT", "off")]);
    let old = host.json(&["user", "invite", LEE]);
    assert_members(&old, &["uuid", "link", "expiresAt"]);
    assert_eq!(string(&old, "uuid"), host.uuid(LEE));
    let text = host.run(&["user", "invite", LEE]);
    assert_eq!((text.status, text.out.lines().count()), (0, 1), "the link alone is data: {text:?}");
    assert!(text.err.contains("It works once"), "{text:?}");
    let link = text.out.trim();
    assert_eq!(server.ask("POST", path(&string(&old, "link")), None, FORM).status, 410, "a newer one took its place");
    assert_eq!(server.get(path(link)).status, 200);
    let used = server.ask("POST", path(link), None, FORM);
    assert_eq!((used.status, used.header("location")), (303, Some("/sign-in?done=password-set")));
    assert_eq!(server.ask("POST", path(link), None, FORM).status, 410);
    assert_eq!(sign_in(&server, LEE), 303);
    let entry = host.trail().into_iter().find(|entry| entry["action"] == "user.set_password").unwrap();
    assert_eq!(entry["actor"]["kind"], "user");
    assert_uuid(entry["actor"]["linkUuid"].as_str().unwrap());
    assert_eq!(entry["personUuid"], host.uuid(LEE));
}

async fn a_link_begins_with_how_the_outside_reaches_the_server(engine: Engine) {
    let host = Host::with_people(engine).await;
    host.write("offboard.toml", "public_url = \"https://file.example\"\n");
    let file = Some("offboard.toml");
    for (file, (name, value), begins) in [
        (None, ("OFFBOARD_LISTEN", ""), "http://127.0.0.1:8080"),
        (None, ("OFFBOARD_LISTEN", "localhost:9000"), "http://localhost:9000"),
        (file, ("OFFBOARD_PUBLIC_URL", ""), "https://file.example"),
        (file, ("OFFBOARD_PUBLIC_URL", "https://set.example/"), "https://set.example"),
    ] {
        for (command, path) in
            [(&["user", "invite", LEE][..], "set-password"), (&["break-glass", "Acme", "--reason", "x"], "break-glass")]
        {
            let mut command = host.command(command);
            command.env(name, value).args(file.into_iter().flat_map(|file| ["--config", file]));
            let run = Run::of(&mut command);
            let secret =
                run.out.strip_prefix(&format!("{begins}/{path}/obl_")).and_then(|rest| rest.strip_suffix('\n'));
            let is_secret = |text: &str| text.len() == 38 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            assert!(run.status == 0 && secret.is_some_and(is_secret), "{begins}: not the link alone: {run:?}");
            assert!(!run.err.contains("obl_"), "{run:?}");
        }
    }
}

async fn who_is_not_active_gets_no_link(engine: Engine) {
    let host = Host::with_people(engine).await;
    let invite = |email| Run::of(host.command(&["user", "invite", email]).args(["--format", "json"])).refused();
    for (act, word, way_out) in [("suspend", "suspended", "resume"), ("deactivate", "deactivated", "reactivate")] {
        host.json(&["user", act, LEE]);
        let error = invite(LEE);
        assert!(string(&error, "message").contains(word) && string(&error, "hint").contains(way_out), "{error}");
        let entry = host.trail().pop().unwrap();
        assert_eq!((&entry["action"], &entry["refusal"]), (&json!("link.create"), &json!("wrong_status")));
    }
    let error = invite("nobody@acme.example");
    assert!(string(&error, "message").contains("nobody@acme.example") && error["hint"].is_string(), "{error}");
}

async fn an_invitation_lives_as_long_as_the_configuration_says(engine: Engine) {
    let host = Host::with_people(engine).await;
    let lives = |setting: (&str, &str)| {
        let run = Run::of(host.command(&["user", "invite", LEE, "--format", "json"]).env(setting.0, setting.1)).json();
        let made = host.trail().into_iter().rfind(|entry| entry["action"] == "link.create").unwrap();
        let instant = |text: String| text.parse::<jiff::Timestamp>().unwrap();
        instant(string(&run, "expiresAt")).duration_since(instant(string(&made, "at"))).as_secs()
    };
    assert_eq!(lives(("OFFBOARD_INVITATION_LIFETIME", "")), 7 * 86_400);
    assert_eq!(lives(("OFFBOARD_INVITATION_LIFETIME", "2h")), 7_200);
    Run::fed(&mut host.command(&["user", "set-password", LEE, "--stdin"]), b"correct horse battery");
    assert_eq!(lives(("OFFBOARD_RESET_LIFETIME", "")), 3_600);
    assert_eq!(lives(("OFFBOARD_RESET_LIFETIME", "10m")), 600);
    for (name, value) in
        [("OFFBOARD_RESET_LIFETIME", "31d"), ("OFFBOARD_SESSION_IDLE", "1s"), ("OFFBOARD_SESSION_LIFETIME", "x")]
    {
        let run = Run::of(host.command(&["config", "--format", "json"]).env(name, value));
        let key = name.trim_start_matches("OFFBOARD_").to_lowercase();
        assert!(string(&run.refused(), "message").starts_with(&key), "{run:?}");
    }
}

async fn break_glass_needs_a_reason_and_opens_once(engine: Engine) {
    let host = Host::with_people(engine).await;
    let server = host.serve(&[("OFFBOARD_RATE_LIMIT", "off")]);
    assert_eq!(host.run(&["break-glass", "Acme"]).status, 2);
    assert!(host.refusal(&["break-glass", "Acme", "--reason", " "]).contains("reason"));
    assert!(host.refusal(&["break-glass", "Nobody", "--reason", "x"]).contains("Nobody"));
    let made = host.json(&["break-glass", "Acme", "--reason", "both admins are locked out", "--ticket", "OPS-7"]);
    assert_members(&made, &["companyUuid", "link", "expiresAt"]);
    let link = string(&made, "link");
    assert!(server.get(path(&link)).body.contains("both admins are locked out"));
    let opened = server.ask("POST", path(&link), None, "");
    assert_eq!((opened.status, opened.header("location")), (303, Some("/control-center/members")));
    assert_eq!(server.ask("POST", path(&link), None, "").status, 410);
    let trail = host.trail();
    let loud = trail.iter().find(|entry| entry["action"] == "company.break_glass").unwrap();
    assert_eq!((&loud["reason"], &loud["ticket"]), (&json!("both admins are locked out"), &json!("OPS-7")));
    assert_eq!(loud["actor"], json!({"kind": "operator"}));
    let session = trail.last().unwrap();
    assert_eq!((&session["action"], &session["door"]), (&json!("session.start"), &json!("console")));
    assert_members(&session["actor"], &["kind", "sessionUuid"]);
}

async fn a_password_that_everybody_tries_is_refused(engine: Engine) {
    let host = Host::with_people(engine).await;
    let common = "among the first that somebody would try";
    for (wrong, why) in [("password1", common), ("12345678", common), (LEE, common), ("short", "at least 8")] {
        let run = Run::fed(&mut host.command(&["user", "set-password", LEE, "--stdin"]), wrong.as_bytes());
        assert_eq!((run.status, run.out.as_str()), (1, ""), "{wrong}: {run:?}");
        assert!(run.err.starts_with("error: ") && run.err.contains(why), "{wrong}: {run:?}");
        assert!(!run.err.contains("password1") && !run.err.contains("12345678"), "{run:?}");
    }
}

async fn what_a_command_ends_is_counted(engine: Engine) {
    let host = Host::with_people(engine).await;
    let server = host.serve(&[("OFFBOARD_RATE_LIMIT", "off")]);
    let set = || Run::fed(&mut host.command(&["user", "set-password", LEE, "--stdin"]), b"correct horse battery");
    for act in ["suspend", "deactivate"] {
        assert_eq!(set().status, 0);
        assert_eq!((sign_in(&server, LEE), sign_in(&server, LEE)), (303, 303));
        let dry = host.json(&["user", act, LEE, "--dry-run"]);
        assert_eq!((&dry["sessionsEnded"], &dry["dryRun"]), (&json!(2), &json!(true)));
        assert_eq!(host.json(&["user", act, LEE])["sessionsEnded"], 2);
        assert_eq!(host.json(&["user", act, LEE])["sessionsEnded"], 0, "again");
        if act == "suspend" {
            host.json(&["user", "resume", LEE]);
        }
    }
    assert_eq!(sign_in(&server, LEE), 401);
    assert_eq!(host.user(ADA)["status"], "active");
}

async fn mail_needs_a_server_and_a_sender(engine: Engine) {
    let host = Host::fresh(engine).await;
    let config = |settings: &[(&str, &str)]| {
        Run::of(host.command(&["config", "--format", "json"]).envs(settings.iter().copied()))
    };
    let (url, from) = ("smtps://mailer:hunter2@mail.example", "Offboard <offboard@acme.example>");
    for alone in [("OFFBOARD_SMTP_URL", url), ("OFFBOARD_SMTP_FROM", from)] {
        assert!(string(&config(&[alone]).refused(), "message").contains("go together"));
    }
    let wrong = config(&[("OFFBOARD_SMTP_URL", "mail.example"), ("OFFBOARD_SMTP_FROM", from)]);
    assert!(string(&wrong.refused(), "message").starts_with("smtp_url"));
    let whole = config(&[("OFFBOARD_SMTP_URL", url), ("OFFBOARD_SMTP_FROM", from)]);
    let values = array(&whole.json(), "values");
    let shown = values.iter().find(|value| value["key"] == "smtp_url").unwrap();
    assert_eq!(shown["value"], "smtps://mailer:****@mail.example");
    let path = config(&[("OFFBOARD_PUBLIC_URL", "https://a.example/offboard")]);
    assert!(string(&path.refused(), "message").starts_with("public_url"));
}
