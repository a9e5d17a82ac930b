//! The real program, run as its users run it: by command line, each test on an empty database of its own.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::server::Server;
use crate::support::database::{Database, Engine};

pub(crate) const ADA: &str = "ada@acme.example";
pub(crate) const LEE: &str = "lee@acme.example";

pub(crate) const DEACTIVATE: &str = "mx:user-deactivation:write";
pub(crate) const LOOK_UP: &str = "mx:mxid3:user-identifiers:uuid:read";
pub(crate) const READ_LOG: &str = "mx:audit-logging:read";

/// A user as every command shows it.
pub(crate) const USER: [&str; 6] = ["uuid", "emailAddress", "name", "companyUuid", "admin", "status"];

/// The program, untouched by what the environment of the tests sets.
pub(crate) fn offboard() -> Command {
    isolated(env!("CARGO_BIN_EXE_offboard"))
}

/// A command that knows none of our variables and has nothing to read.
pub(crate) fn isolated(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"OFFBOARD_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        let status = output.status.code().expect("the program was ended by a signal");
        Self { status, out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Self {
        command.output().unwrap().into()
    }

    /// Runs a command that reads this from standard input.
    pub(crate) fn fed(command: &mut Command, input: &[u8]) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // One that is refused early does not read it.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap().into()
    }

    /// The one document on standard output of a command that succeeded and had nothing else to say.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{self:?}");
        self.document()
    }

    /// The one document on standard output, whatever the exit status.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("not one JSON document: {error}: {self:?}"))
    }

    /// The error of a command that was refused: status 1, `{"error":{"message","hint"}}`, and nothing else.
    #[track_caller]
    pub(crate) fn refused(&self) -> Value {
        assert_eq!((self.status, self.err.as_str()), (1, ""), "{self:?}");
        self.error()
    }

    /// The error in the document.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let mut document = self.document();
        assert_members(&document, &["error"]);
        let error = document["error"].take();
        assert_members(&error, &["message", "hint"]);
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
        assert!(error["hint"].is_string() || error["hint"].is_null(), "{error}");
        error
    }
}

/// A host with an empty database, and its operator's working directory.
pub(crate) struct Host {
    pub(crate) folder: TempDir,
    pub(crate) database: Database,
}

pub(crate) struct Token {
    pub(crate) uuid: String,
    pub(crate) secret: String,
}

impl Host {
    pub(crate) async fn fresh(engine: Engine) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: Database::fresh(engine).await }
    }

    /// With the company Acme, its only admin Ada and its member Lee.
    pub(crate) async fn with_people(engine: Engine) -> Self {
        let host = Self::fresh(engine).await;
        host.json(&["company", "create", "Acme", "--domain", "acme.example"]);
        host.json(&["user", "create", ADA, "--company", "Acme", "--name", "Ada Admin", "--admin"]);
        host.json(&["user", "create", LEE, "--company", "Acme", "--name", "Lee Leaver"]);
        host
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the working directory.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// The file of an SQLite database.
    pub(crate) fn database_file(&self) -> &Path {
        Path::new(self.database.url().strip_prefix("sqlite:").expect("the database is SQLite"))
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = offboard();
        command.current_dir(self.folder.path()).args(["--database", self.database.url()]).args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.command(arguments))
    }

    /// What a command tells people, who need not hear anything else.
    #[track_caller]
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!((run.status, run.err.as_str()), (0, ""), "{arguments:?}: {run:?}");
        run.out
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        Run::of(self.command(arguments).args(["--format", "json"])).json()
    }

    /// Why a command is refused.
    #[track_caller]
    pub(crate) fn refusal(&self, arguments: &[&str]) -> String {
        string(&Run::of(self.command(arguments).args(["--format", "json"])).refused(), "message")
    }

    #[track_caller]
    pub(crate) fn user(&self, reference: &str) -> Value {
        self.json(&["user", "show", reference])
    }

    #[track_caller]
    pub(crate) fn uuid(&self, email: &str) -> String {
        string(&self.user(email), "uuid")
    }

    #[track_caller]
    pub(crate) fn token(&self, owner: &str, scope: &str) -> Token {
        let made = self.json(&["token", "create", "--user", owner, "--name", "test", "--scope", scope]);
        Token { uuid: string(&made, "uuid"), secret: string(&made, "token") }
    }

    #[track_caller]
    pub(crate) fn tokens(&self, owner: &str) -> Vec<Value> {
        let document = self.json(&["token", "list", "--user", owner]);
        assert_members(&document, &["tokens"]);
        array(&document, "tokens")
    }

    /// The audit trail, the oldest entry first.
    #[track_caller]
    pub(crate) fn trail(&self) -> Vec<Value> {
        lines(&self.text(&["audit", "export"]))
    }

    pub(crate) fn serve(&self, settings: &[(&str, &str)]) -> Server {
        Server::spawn(self.serving(settings)).ready()
    }

    /// The command that serves on a free port.
    pub(crate) fn serving(&self, settings: &[(&str, &str)]) -> Command {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.envs(settings.iter().copied());
        command
    }
}

/// The most memory, in KiB, that a running process has had in use.
#[cfg(target_os = "linux")]
pub(crate) fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    peak.expect("Linux tells it").parse().unwrap()
}

/// Reads JSON Lines.
#[track_caller]
pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[track_caller]
pub(crate) fn string(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no text '{member}' in {value}")).to_owned()
}

#[track_caller]
pub(crate) fn array(value: &Value, member: &str) -> Vec<Value> {
    value[member].as_array().unwrap_or_else(|| panic!("no list '{member}' in {value}")).clone()
}

/// An object has these members and no others.
#[track_caller]
pub(crate) fn assert_members(value: &Value, expected: &[&str]) {
    let found: BTreeSet<&str> = value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let expected: BTreeSet<&str> = expected.iter().copied().collect();
    assert_eq!(found, expected, "the members of {value}");
}

#[track_caller]
pub(crate) fn assert_uuid(text: &str) {
    let form = |(place, c): (usize, char)| match place {
        8 | 13 | 18 | 23 => c == '-',
        _ => matches!(c, '0'..='9' | 'a'..='f'),
    };
    assert!(text.len() == 36 && text.chars().enumerate().all(form), "no UUID: {text}");
}
