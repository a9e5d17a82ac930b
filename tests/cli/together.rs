//! Commands and a running server share a database: what the one changes holds at once in the other.

use crate::harness::{ADA, DEACTIVATE, Host, LEE, READ_LOG, Run, assert_members};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_token_works_from_its_making_to_its_deletion,
    a_user_s_status_holds_at_once,
    a_session_works_until_a_command_ends_it,
    an_admin_whom_a_command_suspends_deactivates_nobody,
    what_the_server_did_is_seen_by_commands,
    two_servers_see_each_other_s_changes,
}

async fn a_token_works_from_its_making_to_its_deletion(engine: Engine) {
    let host = Host::with_people(engine).await;
    let server = host.serve(&[]);
    let token = host.token(LEE, READ_LOG);
    let me = server.me(&token);
    assert_eq!(me.status, 200, "{me:?}");
    assert_members(&me.json(), &["uuid", "emailAddress", "name", "companyUuid", "admin", "status", "scopes"]);
    let mut told = me.json();
    assert_eq!(told["scopes"].take(), serde_json::json!([READ_LOG]));
    for (member, value) in host.user(LEE).as_object().unwrap() {
        assert_eq!(&told[member], value, "{member}");
    }
    host.json(&["token", "delete", &token.uuid]);
    assert_eq!(server.me(&token).status, 401);
}

async fn a_user_s_status_holds_at_once(engine: Engine) {
    let host = Host::with_people(engine).await;
    let server = host.serve(&[]);
    let token = host.token(LEE, READ_LOG);
    for (verb, status) in [("suspend", 401), ("resume", 200), ("deactivate", 401), ("reactivate", 401)] {
        host.json(&["user", verb, LEE]);
        assert_eq!(server.me(&token).status, status, "after {verb}");
    }
    assert_eq!(server.me(&host.token(LEE, READ_LOG)).status, 200, "a new token after the old ones ended for good");
}

async fn a_session_works_until_a_command_ends_it(engine: Engine) {
    const PASSWORD: &str = "correct horse battery";
    let host = Host::with_people(engine).await;
    let server = host.serve(&[("OFFBOARD_RATE_LIMIT", "off")]);
    let set = || Run::fed(&mut host.command(&["user", "set-password", LEE, "--stdin"]), PASSWORD.as_bytes()).status;
    let seen = |cookie: &str| ["/settings/sessions", "/api/v1/me"].map(|path| server.visit("GET", path, cookie).status);
    assert_eq!(set(), 0);
    let cookies = [server.sign_in(LEE, PASSWORD), server.sign_in(LEE, PASSWORD)];
    assert_eq!(cookies.each_ref().map(|cookie| seen(cookie)), [[200, 200]; 2]);
    assert_eq!(set(), 0);
    assert_eq!(cookies.each_ref().map(|cookie| seen(cookie)), [[303, 401]; 2], "after another password");
    assert_eq!(host.trail().last().unwrap()["detail"], serde_json::json!({"sessionsEnded": 2}));
    for verb in ["suspend", "deactivate"] {
        let cookie = server.sign_in(LEE, PASSWORD);
        assert_eq!(seen(&cookie), [200, 200]);
        host.json(&["user", verb, LEE]);
        assert_eq!(seen(&cookie), [303, 401], "after {verb}");
        if verb == "suspend" {
            host.json(&["user", "resume", LEE]);
            assert_eq!(seen(&cookie), [303, 401], "it stays ended");
        }
    }
}

async fn an_admin_whom_a_command_suspends_deactivates_nobody(engine: Engine) {
    let host = Host::with_people(engine).await;
    host.json(&["user", "create", "eve@acme.example", "--company", "Acme", "--name", "Eve", "--admin"]);
    let (token, lee) = (host.token(ADA, DEACTIVATE), host.uuid(LEE));
    let server = host.serve(&[]);
    host.json(&["user", "suspend", ADA]);
    assert_eq!(server.deactivate(&lee, &token).status, 401);
    assert_eq!(host.user(LEE)["status"], "active");
}

async fn what_the_server_did_is_seen_by_commands(engine: Engine) {
    let host = Host::with_people(engine).await;
    let (token, lee) = (host.token(ADA, DEACTIVATE), host.uuid(LEE));
    host.token(LEE, READ_LOG);
    let server = host.serve(&[]);
    assert_eq!(server.deactivate(&lee, &token).status, 204);
    assert_eq!(host.user(LEE)["status"], "deactivated");
    assert_eq!(host.tokens(LEE)[0]["endReason"], "owner_deactivated");
    assert_eq!(host.trail().last().unwrap()["door"], "user_deactivation_api");
}

async fn two_servers_see_each_other_s_changes(engine: Engine) {
    let host = Host::with_people(engine).await;
    let (admin, lee, token) = (host.token(ADA, DEACTIVATE), host.uuid(LEE), host.token(LEE, READ_LOG));
    let (one, other) = (host.serve(&[]), host.serve(&[]));
    assert_eq!((one.me(&token).status, other.me(&token).status), (200, 200));
    assert_eq!(one.deactivate(&lee, &admin).status, 204);
    assert_eq!((one.me(&token).status, other.me(&token).status), (401, 401));
}
