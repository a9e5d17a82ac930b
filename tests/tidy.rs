//! What prose can't hold: who may import whom, and that the documents are true.

#![allow(missing_docs, reason = "a test binary exports nothing")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms that it may use.
const ROOMS: [(&str, &[&str]); 7] = [
    ("model", &[]),
    ("store", &["model"]),
    ("access", &["store", "model"]),
    ("domain", &["access", "store", "model"]),
    ("outbound", &["model"]),
    ("http", &["domain", "access", "outbound", "model"]),
    ("cli", &["http", "outbound", "domain", "access", "store", "model"]),
];

/// Uses across the line that are meant: where, of what, and why.
const EXCEPTIONS: [(&str, &str, &str); 1] =
    [("http/failure.rs", "crate::store::Error", "the gate's only error is that the store can't tell")];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The code of a file before its unit tests, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn paths_into_the_crate(code: &str) -> impl Iterator<Item = &str> {
    code.match_indices("crate::").map(|(start, _)| {
        let rest = &code[start..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn requests_go_down_the_line_and_nobody_calls_upwards() {
    let mut used_exceptions = std::collections::BTreeSet::new();
    for (room, may_use) in ROOMS {
        for path in sources(&root().join("src").join(room)) {
            let name = path.strip_prefix(root().join("src")).unwrap().display().to_string();
            for used in paths_into_the_crate(&code(&path)) {
                let target = used.split("::").nth(1).unwrap_or_default();
                if EXCEPTIONS.iter().any(|(file, exception, _)| *file == name && *exception == used) {
                    used_exceptions.insert(format!("{name} {used}"));
                    continue;
                }
                let allowed = target == room || may_use.contains(&target);
                assert!(allowed, "src/{name} uses {used}: {room} may use only {may_use:?}");
            }
        }
    }
    assert_eq!(used_exceptions.len(), EXCEPTIONS.len(), "an exception is stale");
}

#[test]
fn every_room_is_listed() {
    let mut rooms: Vec<String> = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    rooms.sort();
    let mut listed: Vec<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    listed.sort_unstable();
    assert_eq!(rooms, listed);
}

/// Every file outside these rooms that mentions one of these words.
fn mentions(words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in sources(&root().join("src")) {
        let name = path.strip_prefix(root().join("src")).unwrap().display().to_string();
        if allowed.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let code = code(&path);
        found.extend(words.iter().filter(|word| code.contains(**word)).map(|word| format!("src/{name}: {word}")));
    }
    found
}

#[test]
fn only_the_store_knows_sql_and_only_its_engine_the_drivers() {
    assert_eq!(mentions(&["SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM"], &["store/"]), [""; 0]);
    assert_eq!(mentions(&["rusqlite", "tokio_postgres", "deadpool"], &["store/engine/"]), [""; 0]);
}

#[test]
fn only_transitions_change_a_status() {
    assert_eq!(mentions(&["users::set_status", "transitions::deactivate"], &["domain/transitions.rs"]), [""; 0]);
}

#[test]
fn the_domain_knows_no_http() {
    assert_eq!(mentions(&["axum", "hyper"], &["http/"]), [""; 0]);
}

#[test]
fn every_configuration_key_stands_in_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for key in offboard::cli::config::KEYS {
        let row = format!(
            "| `{}` | `{}` | {} |",
            key.name,
            key.variable(),
            match key.default {
                "" => "—".to_owned(),
                default => format!("`{default}`"),
            }
        );
        assert!(readme.contains(&row), "README.md lacks the row {row}");
    }
}

#[test]
fn every_test_that_stands_as_proof_in_the_docs_is_there() {
    let tests: String = sources(&root().join("tests")).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let docs = fs::read_to_string(root().join("docs/scim.md")).unwrap();
    let proof = docs.split("## IPSIE AL1").last().unwrap();
    let is_sentence = |name: &&str| {
        name.matches('_').count() > 3 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let named: Vec<&str> = proof.split('`').skip(1).step_by(2).filter(is_sentence).collect();
    assert!(named.len() > 20);
    for name in named {
        assert!(tests.contains(&format!("fn {name}(")), "there is no test {name}");
    }
}
