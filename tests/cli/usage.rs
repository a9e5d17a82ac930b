//! How commands are written, and what they say about themselves.

use std::collections::BTreeSet;
use std::fs::File;

use crate::harness::{ADA, Host, READ_LOG, Run, offboard};
use crate::support::database::Engine;

#[test]
fn every_command_explains_itself() {
    let mut seen = BTreeSet::new();
    let mut pending: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(path) = pending.pop() {
        let help = Run::of(offboard().args(&path).arg("--help"));
        assert_eq!((help.status, help.err.as_str()), (0, ""), "{path:?} --help: {help:?}");
        assert!(help.out.contains("Usage: "), "{path:?} --help: {help:?}");
        for (name, about) in listed(&help.out) {
            assert!(!about.is_empty(), "{path:?} does not say what {name} does");
            if name != "help" {
                pending.push([path.as_slice(), &[name]].concat());
            }
        }
        seen.insert(path.join(" "));
    }
    for command in [
        "serve",
        "company create",
        "company list",
        "company show",
        "company set",
        "company confirm-guard",
        "user create",
        "user show",
        "user list",
        "user import",
        "user set-role",
        "user set-password",
        "user invite",
        "user suspend",
        "user resume",
        "user deactivate",
        "user reactivate",
        "token create",
        "token list",
        "token delete",
        "group create",
        "group list",
        "group show",
        "group change",
        "group delete",
        "group members",
        "group add-member",
        "group remove-member",
        "scim-token create",
        "scim-token list",
        "scim-token rotate",
        "scim-token delete",
        "user-management-api callers",
        "audit export",
        "break-glass",
        "openapi",
        "config",
        "completions",
    ] {
        assert!(seen.contains(command), "{command} is not to be found through --help: {seen:?}");
    }
}

/// The names under `Commands:`, each with what stands behind it.
fn listed(help: &str) -> Vec<(String, String)> {
    let entries = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let entries = entries.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let split = |line: &str| {
        let (name, about) = line.split_once(' ').unwrap_or((line, ""));
        (name.to_owned(), about.trim().to_owned())
    };
    entries.map(split).collect()
}

#[test]
fn wrong_usage_is_status_2_and_told_on_standard_error() {
    for arguments in [
        &["nope"][..],
        &[],
        &["user"],
        &["user", "list", "--nope"],
        &["--format", "xml", "user", "list"],
        &["user", "create", ADA],
        &["user", "set-password", ADA],
        &["user", "set-password", ADA, "correct horse", "--stdin"],
        &["user", "invite"],
        &["break-glass", "Acme"],
        &["break-glass", "--reason", "locked out"],
        &["token", "list"],
        &["token", "create", "--user", ADA, "--name", "x", "--kind", "api_key", "--scope", READ_LOG],
        &["scim-token", "create", "--name", "okta"],
        &["group", "show", "Platform"],
        &["group", "add-member", "Platform", "--company", "Acme"],
        &["company", "set", "Acme"],
        &["completions", "cobol"],
    ] {
        let run = Run::of(offboard().args(arguments));
        assert_eq!((run.status, run.out.as_str()), (2, ""), "{arguments:?}: {run:?}");
        assert!(!run.err.is_empty(), "{arguments:?} is refused without a word");
    }
}

#[test]
fn wrong_usage_is_told_in_json_where_that_is_asked_for() {
    for arguments in
        [&["nope", "--format", "json"][..], &["--format=json", "user"], &["user", "show", "--format", "json"]]
    {
        let run = Run::of(offboard().args(arguments));
        assert_eq!((run.status, run.err.as_str()), (2, ""), "{arguments:?}: {run:?}");
        run.error();
    }
}

#[test]
fn a_missing_argument_is_named_in_json_too() {
    let run = Run::of(offboard().args(["token", "create", "--user", ADA, "--name", "x", "--format", "json"]));
    assert_eq!(run.status, 2);
    assert!(run.error()["message"].as_str().unwrap().contains("--scope"), "{run:?}");
}

#[test]
fn shells_get_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let run = Run::of(offboard().args(["completions", shell]));
        assert_eq!((run.status, run.err.as_str()), (0, ""), "{shell}: {run:?}");
        assert!(run.out.contains("offboard") && run.out.contains("deactivate"), "{shell}: {}", run.out);
    }
}

#[test]
fn the_version_is_told() {
    let run = Run::of(offboard().arg("--version"));
    assert_eq!((run.status, run.out), (0, format!("offboard {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_default_database_is_made_in_the_working_directory() {
    let folder = tempfile::tempdir().unwrap();
    let users = Run::of(offboard().current_dir(&folder).args(["user", "list", "--format", "json"])).json();
    assert_eq!(users, serde_json::json!({"users": []}));
    assert!(folder.path().join("offboard.db").is_file());
}

#[test]
fn a_database_that_can_not_be_reached_is_a_failure_with_a_hint() {
    for url in ["sqlite:/no/such/folder/offboard.db", "postgres://me:geheim@127.0.0.1:1/offboard"] {
        let run = Run::of(offboard().args(["user", "list", "--database", url, "--format", "json"]));
        assert_eq!(run.status, 1, "{run:?}");
        assert!(run.error()["hint"].is_string(), "{run:?}");
        assert!(!format!("{run:?}").contains("geheim"), "the password is told: {run:?}");
    }
}

/// The device that is always full.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_answer_that_can_not_be_written_is_a_failure_and_no_panic() {
    let host = Host::with_people(Engine::Sqlite).await;
    for arguments in [
        &["--help"][..],
        &["completions", "bash"],
        &["openapi"],
        &["config"],
        &["user", "list"],
        &["token", "create", "--user", ADA, "--name", "x", "--scope", READ_LOG],
        &["user", "invite", ADA],
        &["scim-token", "create", "--company", "Acme", "--name", "okta"],
        &["group", "list", "--company", "Acme"],
        &["break-glass", "Acme", "--reason", "x"],
        &["audit", "export"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let child = host.command(arguments).stdout(full).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let run = Run::from(child.wait_with_output().unwrap());
        assert_eq!(run.status, 1, "{arguments:?}: {run:?}");
        assert!(!run.err.contains("panicked"), "{arguments:?}: {run:?}");
    }
}
