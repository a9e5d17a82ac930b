//! `offboard serve --demo`: what it prints is pasted and does what it says.

use std::process::Command;

use tempfile::TempDir;

use crate::harness::{Run, isolated, offboard, string};
use crate::server::Server;

/// A demo whose throw-away folder lies in this one.
fn demo(folder: &TempDir, more: &[&str]) -> Command {
    let mut command = offboard();
    command.current_dir(folder).env("TMPDIR", folder.path());
    command.args(["serve", "--demo", "--listen", "127.0.0.1:0"]).args(more);
    command
}

/// What the demo printed, when it has printed all.
fn printed(server: &Server) -> String {
    server.out.wait_for(|line| line.contains("Ctrl-C").then_some(()));
    server.out.so_far()
}

/// Runs a line as a shell does into which it is pasted.
fn paste(line: &str) -> Run {
    let program = format!("'{}' ", env!("CARGO_BIN_EXE_offboard"));
    let line = line.strip_prefix("offboard ").map_or(line.to_owned(), |rest| program + rest);
    Run::of(isolated("sh").env("no_proxy", "*").args(["-c", &line]))
}

#[test]
fn what_the_demo_prints_can_be_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::spawn(demo(&folder, &[])).ready();
    let printed = printed(&server);
    assert!(printed.contains(&server.url), "{printed}");
    let pasted = printed.lines().filter(|line| line.starts_with("curl ") || line.starts_with("offboard "));
    let runs: Vec<Run> = pasted.map(paste).collect();
    let [works, look_up, deactivate, refused, provider, show, export] = runs.as_slice() else { panic!("{runs:?}") };
    for run in &runs {
        assert_eq!(run.status, 0, "{run:?}");
    }
    assert!(works.out.starts_with("HTTP/1.1 200 "), "{works:?}");
    assert!(deactivate.out.starts_with("HTTP/1.1 204 "), "{deactivate:?}");
    assert!(refused.out.starts_with("HTTP/1.1 401 "), "{refused:?}");
    let seen = &provider.document()["Resources"][0];
    assert_eq!(seen["userName"], "lee.leaver@acme.example", "{provider:?}");
    assert_eq!(seen["active"], false, "{provider:?}");
    assert!(show.out.contains("deactivated") && show.out.contains("Platform"), "{show:?}");

    let found = string(&look_up.document()["identifiers"][0], "uuid");
    assert!(printed.contains(&format!("/v1/platform-users/{found}")), "the UUID that is looked up is the one used");
    let last = export.out.lines().last().unwrap_or_default();
    assert!(last.contains("user.deactivate") && last.contains(&found), "{export:?}");
}

#[test]
fn the_printed_password_opens_the_printed_console() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::spawn(demo(&folder, &[])).ready();
    let printed = printed(&server);
    let line = printed.lines().find_map(|line| line.strip_prefix("Console: ")).unwrap();
    let (address, who) = line.split_once(' ').unwrap();
    assert_eq!(address, format!("{}/sign-in", server.url));
    let password = who.split_once("password: ").unwrap().1.trim_end_matches(')');
    for (email, home) in
        [("ada.admin@acme.example", "/control-center/members"), ("lee.leaver@acme.example", "/settings/profile")]
    {
        assert!(who.contains(email), "{line}");
        let cookie = server.sign_in(email, password);
        assert_eq!(server.visit("GET", "/", &cookie).header("location"), Some(home), "{email}");
        assert_eq!(server.visit("GET", home, &cookie).status, 200, "{email}");
    }
}

#[test]
fn the_demo_leaves_nothing_behind() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = demo(&folder, &[]);
        command.env("OFFBOARD_DATABASE", "sqlite:real.db");
        let server = Server::spawn(command).ready();
        printed(&server);
        let made = || std::fs::read_dir(&folder).unwrap().count();
        assert_eq!(made(), 1, "its database is a throw-away one");
        server.signal(signal);
        assert_eq!(server.run().status, 0, "SIG{signal}");
        assert_eq!(made(), 0, "SIG{signal}");
    }
}

#[test]
fn a_demo_that_can_not_start_leaves_nothing_behind_either() {
    let folder = tempfile::tempdir().unwrap();
    let running = Server::spawn(demo(&folder, &[])).ready();
    printed(&running);
    let address = running.address.to_string();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = offboard();
    command.env("TMPDIR", elsewhere.path()).args(["serve", "--demo", "--listen", &address]);
    assert_eq!(Server::spawn(command).run().status, 1);
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn a_demo_takes_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let run = Server::spawn(demo(&folder, &["--database", "sqlite:real.db"])).run();
    assert_eq!((run.status, run.out.as_str()), (2, ""), "{run:?}");
    assert!(run.err.contains("--database"), "{run:?}");
}
