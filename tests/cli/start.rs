//! Many starts at once on one database that nobody has made yet.

use std::process::Stdio;

use crate::harness::{Host, Run, array, string};
use crate::server::Server;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    servers_that_start_at_once_all_come_up,
    commands_at_once_are_all_done,
    of_twins_at_once_one_is_made,
}

async fn servers_that_start_at_once_all_come_up(engine: Engine) {
    let host = Host::fresh(engine).await;
    let starting: Vec<Server> = (0..3).map(|_| Server::spawn(host.serving(&[]))).collect();
    for server in starting.into_iter().map(Server::ready).collect::<Vec<_>>() {
        assert_eq!(server.get("/health/ready").status, 200);
        server.stop();
    }
}

/// Starts them all before it waits for the first.
fn at_once(host: &Host, commands: &[&[&str]]) -> Vec<Run> {
    let start = |arguments: &&[&str]| {
        let mut command = host.command(arguments);
        command.args(["--format", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = commands.iter().map(start).collect();
    children.into_iter().map(|child| child.wait_with_output().unwrap().into()).collect()
}

async fn commands_at_once_are_all_done(engine: Engine) {
    let host = Host::fresh(engine).await;
    let runs = at_once(
        &host,
        &[
            &["company", "create", "One"],
            &["company", "create", "Two"],
            &["company", "create", "Three"],
            &["user", "list"],
        ],
    );
    for run in &runs {
        run.json();
    }
    for name in ["One", "Two", "Three"] {
        host.refusal(&["company", "create", name]);
    }
}

async fn of_twins_at_once_one_is_made(engine: Engine) {
    let host = Host::fresh(engine).await;
    let company: &[&str] = &["company", "create", "Acme", "--domain", "acme.example"];
    assert_one_is_made(&at_once(&host, &[company; 4]));
    let user: &[&str] = &["user", "create", "ada@acme.example", "--company", "Acme", "--name", "Ada"];
    assert_one_is_made(&at_once(&host, &[user; 4]));
    assert_eq!(array(&host.json(&["user", "list"]), "users").len(), 1);
    assert_eq!(host.trail().len(), 2);
}

#[track_caller]
fn assert_one_is_made(runs: &[Run]) {
    let refused: Vec<&Run> = runs.iter().filter(|run| run.status != 0).collect();
    assert_eq!(refused.len(), runs.len() - 1, "{runs:?}");
    for run in refused {
        assert!(string(&run.refused(), "message").contains("exists already"), "{run:?}");
    }
}
