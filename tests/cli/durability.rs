//! kill -9: what was answered is done, and nothing is half done.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc;

use crate::harness::{ADA, DEACTIVATE, Host, LEE, READ_LOG, Token, array, string};
use crate::http::{self, request};
use crate::server::OFF;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    an_answered_deactivation_survives_kill_9,
    kill_9_leaves_nobody_half_deactivated,
}

async fn an_answered_deactivation_survives_kill_9(engine: Engine) {
    let host = Host::with_people(engine).await;
    let (admin, lee, token) = (host.token(ADA, DEACTIVATE), host.uuid(LEE), host.token(LEE, READ_LOG));
    let mut server = host.serve(&[]);
    assert_eq!(server.deactivate(&lee, &admin).status, 204);
    server.kill();
    let server = host.serve(&[]);
    assert_eq!(server.me(&token).status, 401);
    assert_eq!(server.me(&admin).status, 200);
    assert_eq!(host.user(LEE)["status"], "deactivated");
    assert_eq!(host.trail().last().unwrap()["action"], "user.deactivate");
}

const LEAVERS: usize = 100;
/// Of the answers, the one after which the server is killed.
const LAST: usize = LEAVERS / 3;

struct Leaver {
    uuid: String,
    token: Token,
}

async fn kill_9_leaves_nobody_half_deactivated(engine: Engine) {
    let host = Host::with_people(engine).await;
    let leavers = leavers(&host);
    let answered = deactivate_until_killed(&host, &leavers);
    assert!(answered.len() >= LAST);
    settle(&host, engine).await;

    // Without limits, which would slow down so many refusals.
    let server = host.serve(&[("OFFBOARD_RATE_LIMIT", "off")]);
    let status: HashMap<String, String> = users(&host).into_iter().map(|(_, uuid, status)| (uuid, status)).collect();
    let audited = deactivations(&host);
    for Leaver { uuid, token } in &leavers {
        let off = status[uuid] == "deactivated";
        assert!(off || status[uuid] == "active", "{uuid} is {}", status[uuid]);
        assert!(off || !answered.contains(uuid), "{uuid}: the server had said that it was done");
        assert_eq!(audited.contains(uuid), off, "{uuid}: the trail tells what was done");
        assert_eq!(server.me(token).status, if off { 401 } else { 200 }, "{uuid}");
        assert_eq!(host.tokens(uuid)[0]["endedAt"].is_string(), off, "{uuid}: its token");
    }
}

/// Members of Acme, each with a token.
fn leavers(host: &Host) -> Vec<Leaver> {
    let rows: String = (0..LEAVERS).map(|number| format!("leaver.{number}@acme.example,Leaver,false\n")).collect();
    host.write("leavers.csv", format!("email,name,admin\n{rows}"));
    host.json(&["user", "import", "leavers.csv", "--company", "Acme"]);
    let leavers = users(host).into_iter().filter(|(email, ..)| email.starts_with("leaver."));
    leavers.map(|(_, uuid, _)| Leaver { token: host.token(&uuid, READ_LOG), uuid }).collect()
}

/// Everybody's address, UUID and status.
fn users(host: &Host) -> Vec<(String, String, String)> {
    let users = array(&host.json(&["user", "list"]), "users");
    let tell = |user| (string(user, "emailAddress"), string(user, "uuid"), string(user, "status"));
    users.iter().map(tell).collect()
}

/// Whose deactivation the trail tells.
fn deactivations(host: &Host) -> HashSet<String> {
    let trail = host.trail();
    let done = trail.iter().filter(|entry| entry["action"] == "user.deactivate" && entry["outcome"] == "done");
    done.map(|entry| string(&entry["subject"], "uuid")).collect()
}

/// Deactivates them on four connections at a time and kills the server on the way. Gives whom it had answered for.
fn deactivate_until_killed(host: &Host, leavers: &[Leaver]) -> HashSet<String> {
    let admin = host.token(ADA, DEACTIVATE);
    let mut server = host.serve(&[]);
    let (answered, answers) = mpsc::channel();
    std::thread::scope(|scope| {
        for share in leavers.chunks(LEAVERS.div_ceil(4)) {
            let (answered, address, admin) = (answered.clone(), server.address, admin.secret.as_str());
            scope.spawn(move || {
                for Leaver { uuid, .. } in share {
                    let path = format!("/v1/platform-users/{uuid}");
                    let Ok(answer) = http::ask(address, &request("PATCH", &path, Some(admin), OFF)) else { return };
                    assert_eq!(answer.status, 204, "{answer:?}");
                    answered.send(uuid.clone()).unwrap();
                }
            });
        }
        drop(answered);
        let mut done: HashSet<String> = answers.iter().take(LAST).collect();
        server.kill();
        done.extend(answers);
        done
    })
}

/// Waits until PostgreSQL has ended what the dead server left it with: a commit on its way may still come through.
async fn settle(host: &Host, engine: Engine) {
    if engine == Engine::Postgres {
        host.database.db_execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE; COMMIT").await;
    }
}
