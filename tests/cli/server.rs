//! A running `offboard serve`, and what it writes.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Run, Token};
use crate::http::{self, Answer, Connection, request, visit};

/// How long a test waits for a line, or for the end, before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// The body that deactivates.
pub(crate) const OFF: &str = r#"{"active":false}"#;

/// Killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) out: Arc<Log>,
    pub(crate) log: Arc<Log>,
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = Log::keep(child.stdout.take().unwrap());
        let log = Log::keep(child.stderr.take().unwrap());
        Self { child, out, log, url: String::new(), address: SocketAddr::from(([0_u8; 4], 0)) }
    }

    /// Waits until it says that it listens.
    #[track_caller]
    pub(crate) fn ready(mut self) -> Self {
        let listening = self.log.wait_for(saying("listening"));
        self.url = crate::harness::string(&listening, "url");
        self.address = self.url.split_once("//").unwrap().1.parse().unwrap();
        self
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address).unwrap()
    }

    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, token: Option<&Token>, body: &str) -> Answer {
        let token = token.map(|token| token.secret.as_str());
        let answer = http::ask(self.address, &request(method, path, token, body));
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None, "")
    }

    #[track_caller]
    pub(crate) fn me(&self, token: &Token) -> Answer {
        self.ask("GET", "/api/v1/me", Some(token), "")
    }

    #[track_caller]
    pub(crate) fn deactivate(&self, uuid: &str, token: &Token) -> Answer {
        self.ask("PATCH", &format!("/v1/platform-users/{uuid}"), Some(token), OFF)
    }

    /// Signs somebody in, and gives the cookie that the browser shows from then on.
    #[track_caller]
    pub(crate) fn sign_in(&self, email: &str, password: &str) -> String {
        let fields = [("email", email), ("password", password)];
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let answer = self.ask("POST", "/sign-in", None, &form);
        let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("{email} is not signed in: {answer:?}"));
        cookie.split(';').next().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn visit(&self, method: &str, path: &str, cookie: &str) -> Answer {
        let answer = http::ask(self.address, &visit(method, path, cookie));
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, name, &pid]).status().unwrap();
        assert!(sent.success(), "kill -s {name} {pid}");
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(&self) -> u64 {
        crate::harness::peak_memory(self.child.id())
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.log.wait_for_end();
        self.child.wait().unwrap()
    }

    /// What is left of one that ended by itself.
    #[track_caller]
    pub(crate) fn run(mut self) -> Run {
        let status = self.wait().code().expect("the server was ended by a signal");
        Run { status, out: self.out.wait_for_end(), err: self.log.wait_for_end() }
    }

    /// Stops it as a service manager does, and gives its log.
    #[track_caller]
    pub(crate) fn stop(self) -> String {
        self.signal("TERM");
        let run = self.run();
        assert_eq!(run.status, 0, "a stop is no failure: {run:?}");
        run.err
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a stream, kept as they come.
pub(crate) struct Log {
    written: Mutex<Written>,
    changed: Condvar,
}

#[derive(Default)]
struct Written {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    fn keep(stream: impl Read + Send + 'static) -> Arc<Self> {
        let log = Arc::new(Self { written: Mutex::default(), changed: Condvar::new() });
        let keeper = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stream).lines();
            while let Some(Ok(line)) = lines.next() {
                keeper.change(|written| written.lines.push(line));
            }
            keeper.change(|written| written.ended = true);
        });
        log
    }

    fn change(&self, change: impl FnOnce(&mut Written)) {
        change(&mut self.written.lock().unwrap());
        self.changed.notify_all();
    }

    /// Waits for a line in which something is found.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>) -> T {
        let found = |written: &Written| written.lines.iter().find_map(|line| find(line));
        let written = self.wait(|written| written.ended || found(written).is_some());
        found(&written).unwrap_or_else(|| panic!("the line did not come:\n{}", written.lines.join("\n")))
    }

    /// Waits for the end and gives all that was written.
    #[track_caller]
    pub(crate) fn wait_for_end(&self) -> String {
        let written = self.wait(|written| written.ended);
        assert!(written.ended, "it goes on and on:\n{}", written.lines.join("\n"));
        written.lines.join("\n")
    }

    pub(crate) fn so_far(&self) -> String {
        self.written.lock().unwrap().lines.join("\n")
    }

    fn wait(&self, until: impl Fn(&Written) -> bool) -> std::sync::MutexGuard<'_, Written> {
        let written = self.written.lock().unwrap();
        self.changed.wait_timeout_while(written, PATIENCE, |written| !until(written)).unwrap().0
    }
}

/// Finds the log entry with this message.
pub(crate) fn saying(message: &str) -> impl Fn(&str) -> Option<Value> {
    move |line| serde_json::from_str::<Value>(line).ok().filter(|entry| entry["message"] == message)
}
