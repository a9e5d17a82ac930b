//! `offboard config`, and what values do to the start.

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Run, assert_members, offboard};
use crate::server::Server;

/// A command in a folder that holds this configuration file.
fn with_file(folder: &TempDir, content: &str, arguments: &[&str]) -> Command {
    std::fs::write(folder.path().join("offboard.toml"), content).unwrap();
    let mut command = offboard();
    command.current_dir(folder.path()).args(["--config", "offboard.toml"]).args(arguments);
    command
}

fn value(key: &str, value: &str, source: &str) -> Value {
    json!({"key": key, "value": value, "source": source})
}

#[test]
fn every_value_is_shown_with_where_it_came_from() {
    const FILE: &str = "database = \"sqlite:file.db\"\nrate_limit = \"3/1m\"\nmax_connections = 12\n";
    let folder = tempfile::tempdir().unwrap();
    let mut command = with_file(&folder, FILE, &["config", "--database", "sqlite:flag.db", "--format", "json"]);
    command
        .env("OFFBOARD_DATABASE", "sqlite:variable.db")
        .env("OFFBOARD_RATE_LIMIT", "2/1m")
        .env("OFFBOARD_LISTEN", "");
    let shown = Run::of(&mut command).json();
    let values = shown["values"].as_array().unwrap();
    for expected in [
        value("database", "sqlite:flag.db", "flag"),
        value("rate_limit", "2/1m", "environment"),
        value("max_connections", "12", "file"),
        value("listen", "127.0.0.1:8080", "default"),
    ] {
        assert!(values.contains(&expected), "{expected} in {values:?}");
    }
    for value in values {
        assert_members(value, &["key", "value", "source"]);
    }
    assert!(!folder.path().join("flag.db").exists(), "to show the configuration opens no database");
}

#[test]
fn the_file_can_be_named_by_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("o.toml"), "log_level = \"warn\"\n").unwrap();
    let path = folder.path().join("o.toml");
    let shown = Run::of(offboard().env("OFFBOARD_CONFIG", path).args(["config", "--format", "json"])).json();
    assert!(shown["values"].as_array().unwrap().contains(&value("log_level", "warn", "file")), "{shown}");
}

#[test]
fn the_password_of_the_database_is_masked() {
    for url in ["postgres://me:geheim@db/offboard", "postgres://db/offboard?user=me&password=geheim"] {
        for format in ["text", "json"] {
            let run = Run::of(offboard().args(["config", "--database", url, "--format", format]));
            assert_eq!(run.status, 0, "{run:?}");
            assert!(run.out.contains("postgres://") && !format!("{run:?}").contains("geheim"), "{run:?}");
        }
    }
}

/// Shows the configuration with these settings of mail.
fn with_mail(url: &str, from: &str, format: &str) -> Run {
    let mut command = offboard();
    Run::of(command.env("OFFBOARD_SMTP_URL", url).env("OFFBOARD_SMTP_FROM", from).args(["config", "--format", format]))
}

#[test]
fn the_password_of_the_mail_server_is_masked() {
    for url in ["smtps://me:geheim@mail.example", "smtp://me:geheim@mail.example?tls=required", "smtp://me:geheim@"] {
        for format in ["text", "json"] {
            let run = with_mail(url, "offboard@acme.example", format);
            assert!(!format!("{run:?}").contains("geheim"), "{run:?}");
            assert_eq!(run.status == 0, run.out.contains("me:****@mail.example"), "{run:?}");
        }
    }
}

#[test]
fn of_server_and_sender_of_mail_the_wrong_one_is_named() {
    let (url, from) = ("smtp://127.0.0.1:2525", "Offboard <offboard@acme.example>");
    for (url, from, key) in [("mail.example", from, "smtp_url"), (url, "nobody", "smtp_from")] {
        let message = crate::harness::string(&with_mail(url, from, "json").refused(), "message");
        assert!(message.starts_with(&format!("{key} (from the environment): ")), "{message}");
    }
}

#[test]
fn a_key_that_does_not_exist_is_named_and_so_are_those_that_do() {
    let folder = tempfile::tempdir().unwrap();
    for command in [&["config"][..], &["user", "list"], &["serve"]] {
        let run = Server::spawn(with_file(&folder, "rate_limits = \"1/1m\"\n", command)).run();
        assert_eq!((run.status, run.out.as_str()), (1, ""), "{command:?}: {run:?}");
        for named in ["offboard.toml", "'rate_limits'", "rate_limit,"] {
            assert!(run.err.contains(named), "{command:?}: no {named} in {run:?}");
        }
    }
}

#[test]
fn a_file_that_can_not_be_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for content in ["rate_limit = ", "[rate_limit]\nburst = 1\n", "log_level = true\n"] {
        let run = Run::of(&mut with_file(&folder, content, &["config", "--format", "json"]));
        run.refused();
    }
    Run::of(offboard().current_dir(&folder).args(["--config", "missing.toml", "config", "--format", "json"])).refused();
}

#[test]
fn a_bad_value_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (key, bad) in [
        ("database", "mysql://db/offboard"),
        ("database_connections", "0"),
        ("listen", "localhost"),
        ("public_url", "ftp://offboard.example"),
        ("rate_limit", "lots"),
        ("scim_rate_limit", "lots"),
        ("scim_strict", "maybe"),
        ("user_management_api_sunset", "soon"),
        ("session_idle", "59s"),
        ("session_lifetime", "soon"),
        ("invitation_lifetime", "366d"),
        ("reset_lifetime", "31d"),
        ("trusted_proxies", "10.0.0.0/33"),
        ("log_level", "loud"),
        ("log_format", "xml"),
        ("body_limit", "1"),
        ("body_timeout", "0s"),
        ("header_timeout", "10"),
        ("write_timeout", "-1s"),
        ("drain_timeout", "soon"),
        ("max_connections", "0"),
    ] {
        let mut by_variable = offboard();
        by_variable.current_dir(&folder).arg("serve").env(format!("OFFBOARD_{}", key.to_uppercase()), bad);
        let by_file = with_file(&folder, &format!("{key} = \"{bad}\"\n"), &["serve"]);
        for (command, source) in [(by_variable, "environment"), (by_file, "file")] {
            let run = Server::spawn(command).run();
            assert_eq!((run.status, run.out.as_str()), (1, ""), "{key}: {run:?}");
            assert!(run.err.contains(&format!("{key} (from the {source}): ")), "{key}: {run:?}");
        }
    }
}
