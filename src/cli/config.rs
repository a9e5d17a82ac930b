//! Configuration: flag over environment over file over default, each key declared once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::sunset;
use crate::access::{self, Freshness};
use crate::domain::Policy;
use crate::http::SharedLimit;
use crate::http::server::Limits;
use crate::model::Invalid;
use crate::model::clock::parse_duration;
use crate::model::quota::Quota;
use crate::model::session;
use crate::outbound::mail::{self, Mailer};
use crate::store::{Location, PostgresOptions, check_postgres_url};

/// A configuration key: in the file under its name, in the environment as `OFFBOARD_` and its name in capitals.
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it is when nobody sets it, as text; empty is unset.
    pub default: &'static str,
    /// What it means, in one line.
    pub help: &'static str,
}

impl Key {
    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("OFFBOARD_{}", self.name.to_uppercase())
    }
}

const fn key(name: &'static str, default: &'static str, help: &'static str) -> Key {
    Key { name, default, help }
}

/// Every key that there is.
pub const KEYS: &[Key] = &[
    key("database", "sqlite:offboard.db", "Where the data is: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`"),
    key("database_connections", "8", "The most connections to PostgreSQL that one process opens (1 to 1000)"),
    key("listen", "127.0.0.1:8080", "The address and port to serve on; port 0 takes a free one"),
    key("public_url", "", "How the outside reaches the server; by default the address it listens on"),
    key(
        "rate_limit",
        "600/1m",
        "Requests per token, and per address without one: `N/period`, or `off` for no limits and no slow-downs",
    ),
    key(
        "scim_rate_limit",
        "6000/1m",
        "Requests per SCIM token: `N/period`, or `off`; there is no limit either where `rate_limit` is `off`",
    ),
    key(
        "scim_strict",
        "false",
        "`true` takes from identity providers only what the SCIM interoperability profile allows; many send more",
    ),
    key(
        "user_management_api_sunset",
        "2027-12-31",
        "The last day of the deprecated User Management API, or an HTTP date, as its header `Sunset` tells it; or `off`",
    ),
    key(
        "freshness",
        "strict",
        "What a node does that can't know the present state: `strict` refuses, `best_effort` trusts what it remembers",
    ),
    key("stale_limit", "1h", "With `best_effort`: how old what is remembered may be (1s to 7d)"),
    key(
        "remembered_credentials",
        "2000000",
        "How many credentials one process remembers, some 700 bytes each (1000 to 100000000)",
    ),
    key("redis_url", "", "Where nodes count requests together: `redis://HOST:6379`; by default each counts its own"),
    key("session_idle", "30m", "How long a session lives unused (1m to 30d)"),
    key("session_lifetime", "12h", "How long a session lives, however much it is used (1m to 365d)"),
    key("invitation_lifetime", "7d", "How long the link works with which a new user sets a password (1m to 365d)"),
    key("reset_lifetime", "1h", "How long the link works that replaces a forgotten password (1m to 30d)"),
    key(
        "smtp_url",
        "",
        "The mail server that links are sent by: `smtps://USER:PASSWORD@HOST`, `smtp://USER:PASSWORD@HOST?tls=required`, or `smtp://HOST:PORT`",
    ),
    key("smtp_from", "", "The sender of mail, such as `Offboard <offboard@example.com>`; goes with `smtp_url`"),
    key(
        "trusted_proxies",
        "",
        "Networks whose `X-Forwarded-For` is believed, with commas between, such as `10.0.0.0/8`",
    ),
    key(
        "tls_certificate",
        "",
        "A PEM file with the certificate chain; with `tls_key` it switches TLS on. Changed files are taken up while running",
    ),
    key("tls_key", "", "A PEM file with the certificate's private key"),
    key("log_level", "info", "`error`, `warn`, `info`, `debug` or `trace`"),
    key("log_format", "auto", "`text`, `json`, or `auto`: text on a terminal, JSON otherwise"),
    key("body_limit", "262144", "The most bytes of a request's body (1024 to 16777216)"),
    key("body_timeout", "10s", "The longest that a body may take to arrive"),
    key(
        "header_timeout",
        "10s",
        "The longest that a TLS handshake or a request's header may take, and a connection may idle",
    ),
    key("write_timeout", "30s", "How long a client may leave an answer unread"),
    key("drain_timeout", "30s", "How long a stop waits for running requests"),
    key(
        "max_connections",
        "4096",
        "The most connections at once (1 to 1000000); one address gets a quarter of them, unless it is a trusted proxy",
    ),
];

/// The longest configuration file that is read.
const FILE_BYTES: u64 = 1024 * 1024;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Flag,
    /// The environment.
    Environment,
    /// The configuration file.
    File,
    /// The program.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => "file",
            Self::Default => "default",
        })
    }
}

/// What each key is, as text, and where that came from; in the order of [`KEYS`].
pub struct Resolved(Vec<(&'static Key, String, Source)>);

/// Finds the value of each key.
///
/// # Errors
/// When the file can't be read, is no TOML, or has a key that does not exist.
pub fn resolve(
    flags: &[(&str, Option<&str>)],
    environment: impl Fn(&str) -> Option<String>,
    file: Option<&Path>,
) -> Result<Resolved, Invalid> {
    let file = file.map(read_file).transpose()?.unwrap_or_default();
    let values = KEYS.iter().map(|key| {
        let flag = flags.iter().find(|(name, _)| *name == key.name).and_then(|(_, value)| *value);
        let (value, source) = if let Some(value) = flag {
            (value.to_owned(), Source::Flag)
        } else if let Some(value) = environment(&key.variable()) {
            (value, Source::Environment)
        } else if let Some(value) = file.get(key.name) {
            (file_value(key, value)?, Source::File)
        } else {
            (key.default.to_owned(), Source::Default)
        };
        Ok((key, value, source))
    });
    Ok(Resolved(values.collect::<Result<_, Invalid>>()?))
}

fn read_file(path: &Path) -> Result<toml::Table, Invalid> {
    let failed = |error: &dyn fmt::Display| Invalid::new(format!("{}: {error}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
    if size > FILE_BYTES {
        return Err(failed(&"a configuration file is smaller than 1 MiB"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    let table: toml::Table = text.parse().map_err(|error| failed(&error))?;
    match table.keys().find(|name| KEYS.iter().all(|key| key.name != name.as_str())) {
        None => Ok(table),
        Some(name) => {
            let known = KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", ");
            Err(failed(&format!("there is no key '{name}'; there are: {known}")))
        }
    }
}

fn file_value(key: &Key, value: &toml::Value) -> Result<String, Invalid> {
    let wrong = || Invalid::new(format!("{}: write a text, a number, true or false, or a list of texts", key.name));
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(is_so) => Ok(is_so.to_string()),
        toml::Value::Datetime(date) => Ok(date.to_string()),
        toml::Value::Array(items) => {
            let items = items.iter().map(|item| item.as_str().ok_or_else(wrong));
            Ok(items.collect::<Result<Vec<_>, _>>()?.join(","))
        }
        _ => Err(wrong()),
    }
}

impl Resolved {
    /// Each key with its value, secrets masked, and where that came from.
    pub fn display(&self) -> impl Iterator<Item = (&'static str, String, &Source)> {
        self.0.iter().map(|(key, value, source)| (key.name, mask(key, value), source))
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, ..)| key.name == name).map_or("", |(_, value, _)| value.trim())
    }

    /// Reads a value by `read`; an error names the key and where the value came from.
    fn read<T>(&self, name: &str, read: impl FnOnce(&str) -> Result<T, Invalid>) -> Result<T, Invalid> {
        let source = self.0.iter().find(|(key, ..)| key.name == name).map_or(&Source::Default, |(_, _, source)| source);
        read(self.get(name)).map_err(|error| Invalid::new(format!("{name} (from the {source}): {error}")))
    }

    fn optional<T>(&self, name: &str, read: impl FnOnce(&str) -> Result<T, Invalid>) -> Result<Option<T>, Invalid> {
        if self.get(name).is_empty() { Ok(None) } else { self.read(name, read).map(Some) }
    }

    /// Whether every value can be used.
    ///
    /// # Errors
    /// Names the first key whose value can't.
    pub fn check(&self) -> Result<(), Invalid> {
        self.location()?;
        self.logging()?;
        self.policy()?;
        self.gate()?;
        self.mailer()?;
        self.server().map(|_| ())
    }

    /// Where the data is.
    ///
    /// # Errors
    /// When the URL is of no known kind.
    pub fn location(&self) -> Result<Location, Invalid> {
        let connections = self.read("database_connections", |text| number(text, 1, 1000))?;
        self.read("database", |text| location(text, PostgresOptions { connections }))
    }

    /// What the deployment decides about credentials.
    ///
    /// # Errors
    /// Names the first key whose value can't be used.
    pub fn policy(&self) -> Result<Policy, Invalid> {
        const MINUTE: Duration = Duration::from_mins(1);
        const DAY: Duration = Duration::from_hours(24);
        let between = |name, most: u32| self.read(name, |text| duration_between(text, MINUTE, DAY * most));
        let defaults = Policy::default();
        Ok(Policy {
            sessions: session::Limits {
                idle: between("session_idle", 30)?,
                lifetime: between("session_lifetime", 365)?,
            },
            invitation: between("invitation_lifetime", 365)?,
            reset: between("reset_lifetime", 30)?,
            slow_down: self.get("rate_limit") != "off",
            ..defaults
        })
    }

    /// What the deployment decides about the gate.
    ///
    /// # Errors
    /// Names the first key whose value can't be used.
    pub fn gate(&self) -> Result<access::Policy, Invalid> {
        const DAY: Duration = Duration::from_hours(24);
        let limit = self.read("stale_limit", |text| duration_between(text, Duration::from_secs(1), DAY * 7))?;
        Ok(access::Policy {
            sessions: self.policy()?.sessions,
            freshness: self.read("freshness", |text| match text {
                "strict" => Ok(Freshness::Strict),
                "best_effort" => Ok(Freshness::BestEffort(limit)),
                _ => Err(Invalid::new("write strict or best_effort")),
            })?,
            remembered: self.read("remembered_credentials", |text| number(text, 1000, 100_000_000))?,
        })
    }

    /// How the outside reaches the server, without a slash at the end.
    ///
    /// # Errors
    /// When the URL, or the address to listen on, is of no known form.
    pub fn public_url(&self) -> Result<String, Invalid> {
        if let Some(url) = self.optional("public_url", public_url)? {
            return Ok(url.as_str().trim_end_matches('/').to_owned());
        }
        let scheme = if self.get("tls_certificate").is_empty() { "http" } else { "https" };
        Ok(format!("{scheme}://{}", self.read("listen", host_and_port)?))
    }

    /// Who sends mail, if anybody does.
    ///
    /// # Errors
    /// When the URL or the sender is of no known form, or one of them is missing.
    pub fn mailer(&self) -> Result<Option<Mailer>, Invalid> {
        match (self.get("smtp_url"), self.get("smtp_from")) {
            ("", "") => Ok(None),
            ("", _) | (_, "") => Err(Invalid::new("smtp_url and smtp_from go together: set both, or neither")),
            _ => {
                let from = self.read("smtp_from", mail::sender)?;
                self.read("smtp_url", |url| Mailer::new(url, from)).map(Some)
            }
        }
    }

    /// How to log: the most detailed level, and whether as JSON; `None` decides by the terminal.
    ///
    /// # Errors
    /// When one of the two is of no known kind.
    pub fn logging(&self) -> Result<(tracing::Level, Option<bool>), Invalid> {
        let level = self.read("log_level", |text| {
            text.parse().map_err(|_| Invalid::new("write error, warn, info, debug or trace"))
        })?;
        let json = self.read("log_format", |text| match text {
            "auto" => Ok(None),
            "text" => Ok(Some(false)),
            "json" => Ok(Some(true)),
            _ => Err(Invalid::new("write auto, text or json")),
        })?;
        Ok((level, json))
    }

    /// What `serve` needs beyond the database.
    ///
    /// # Errors
    /// Names the first key whose value can't be used.
    pub fn server(&self) -> Result<Server, Invalid> {
        let duration = |name| self.read(name, parse_duration);
        let certificate = self.optional("tls_certificate", |text| Ok(PathBuf::from(text)))?;
        let key = self.optional("tls_key", |text| Ok(PathBuf::from(text)))?;
        let tls = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(Invalid::new("tls_certificate and tls_key go together: set both, or neither")),
        };
        let trusted_proxies = self.read("trusted_proxies", networks)?;
        let rate_limit = self.read("rate_limit", quota)?;
        Ok(Server {
            listen: self.read("listen", host_and_port)?,
            public_url: self.optional("public_url", public_url)?,
            rate_limit,
            scim_rate_limit: self.read("scim_rate_limit", quota)?.filter(|_| rate_limit.is_some()),
            scim_strict: self.read("scim_strict", truth)?,
            legacy_sunset: self.read("user_management_api_sunset", sunset::read)?,
            shared_limit: self.optional("redis_url", SharedLimit::open)?,
            trusted_proxies: trusted_proxies.clone(),
            tls,
            body_limit: self.read("body_limit", |text| number(text, 1024, 16 * 1024 * 1024))?,
            body_timeout: duration("body_timeout")?,
            limits: Limits {
                trusted_proxies,
                connections: self.read("max_connections", |text| number(text, 1, 1_000_000))?,
                header_timeout: duration("header_timeout")?,
                write_timeout: duration("write_timeout")?,
                drain_timeout: duration("drain_timeout")?,
            },
        })
    }
}

/// What `serve` needs beyond the database.
pub struct Server {
    /// The address and port to serve on.
    pub listen: String,
    /// How the outside reaches the server.
    pub public_url: Option<Url>,
    /// The limit per token, and per address without one.
    pub rate_limit: Option<Quota>,
    /// The limit per SCIM token.
    pub scim_rate_limit: Option<Quota>,
    /// Whether identity providers are held to the interoperability profile.
    pub scim_strict: bool,
    /// When the User Management API ends, as an HTTP date.
    pub legacy_sunset: Option<String>,
    /// Where the nodes count together.
    pub shared_limit: Option<SharedLimit>,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Certificate chain and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The most bytes of a body.
    pub body_limit: usize,
    /// The longest that a body may take to arrive.
    pub body_timeout: Duration,
    /// What connections may take.
    pub limits: Limits,
}

fn quota(text: &str) -> Result<Option<Quota>, Invalid> {
    if text == "off" { Ok(None) } else { Quota::parse(text).map(Some) }
}

fn truth(text: &str) -> Result<bool, Invalid> {
    text.parse().map_err(|_| Invalid::new("write true or false"))
}

fn duration_between(text: &str, least: Duration, most: Duration) -> Result<Duration, Invalid> {
    let found = parse_duration(text)?;
    let days = most.as_secs() / 86_400;
    let wrong = || Invalid::new(format!("write a length of time from {}s to {days}d", least.as_secs()));
    (least..=most).contains(&found).then_some(found).ok_or_else(wrong)
}

fn number(text: &str, least: usize, most: usize) -> Result<usize, Invalid> {
    let found = text.parse().ok().filter(|number| (least..=most).contains(number));
    found.ok_or_else(|| Invalid::new(format!("write a whole number from {least} to {most}")))
}

fn host_and_port(text: &str) -> Result<String, Invalid> {
    let good = text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    let wrong = "write a host and a port, such as 127.0.0.1:8080, localhost:8080 or [::]:8080";
    good.then(|| text.to_owned()).ok_or_else(|| Invalid::new(wrong))
}

fn location(text: &str, options: PostgresOptions) -> Result<Location, Invalid> {
    let wrong = || Invalid::new("write sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME");
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return if path.is_empty() { Err(wrong()) } else { Ok(Location::Sqlite(PathBuf::from(path))) };
    }
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        let wrong = |error| Invalid::new(format!("{error}; of sslmode, only disable and require are known"));
        return check_postgres_url(text).map_err(wrong).map(|()| Location::Postgres(text.to_owned(), options));
    }
    Err(wrong())
}

fn public_url(text: &str) -> Result<Url, Invalid> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none());
    let wrong = "write how the outside reaches the server, without a path, such as https://offboard.example.com";
    url.ok_or_else(|| Invalid::new(wrong))
}

fn networks(text: &str) -> Result<Vec<IpNet>, Invalid> {
    let network = |text: &str| {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
        network.map_err(|_| Invalid::new(format!("'{text}' is no network; write it as 10.0.0.0/8")))
    };
    text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(network).collect()
}

/// Hides the password in the URL of another server.
fn mask(key: &Key, value: &str) -> String {
    if !matches!(key.name, "database" | "smtp_url" | "redis_url") || value.is_empty() || value.starts_with("sqlite:") {
        return value.to_owned();
    }
    let masked = Url::parse(value).ok().and_then(|mut url| {
        let secret_query = url.query().is_some_and(|query| query.contains("password"));
        if secret_query {
            url.set_query(Some("…"));
        }
        if url.password().is_some() {
            url.set_password(Some("****")).ok()?;
        }
        Some(url.to_string())
    });
    masked.unwrap_or_else(|| "****".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(flag: Option<&str>, variable: Option<&str>, file: &str) -> Result<Resolved, Invalid> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("offboard.toml");
        std::fs::write(&path, file).unwrap();
        let variable = variable.map(str::to_owned);
        resolve(&[("rate_limit", flag)], |name| variable.clone().filter(|_| name == "OFFBOARD_RATE_LIMIT"), Some(&path))
    }

    fn rate_limit(found: Result<Resolved, Invalid>) -> (String, Source) {
        let found = found.unwrap();
        let (_, value, source) = found.display().find(|(name, ..)| *name == "rate_limit").unwrap();
        (value, source.clone())
    }

    #[test]
    fn a_flag_outranks_the_environment_and_that_the_file_and_that_the_default() {
        let file = "rate_limit = \"3/1m\"";
        assert_eq!(rate_limit(resolved(Some("1/1m"), Some("2/1m"), file)), ("1/1m".to_owned(), Source::Flag));
        assert_eq!(rate_limit(resolved(None, Some("2/1m"), file)), ("2/1m".to_owned(), Source::Environment));
        assert_eq!(rate_limit(resolved(None, None, file)), ("3/1m".to_owned(), Source::File));
        assert_eq!(rate_limit(resolved(None, None, "")), ("600/1m".to_owned(), Source::Default));
    }

    #[test]
    fn every_default_is_a_good_value() {
        let found = resolve(&[], |_| None, None).unwrap();
        assert_eq!(found.check(), Ok(()));
    }

    #[test]
    fn a_bad_value_is_named_with_its_key_and_source() {
        let error = resolved(None, Some("lots"), "").unwrap().server().err().unwrap().to_string();
        assert!(error.starts_with("rate_limit (from the environment): ") && error.contains("600/1m"), "{error}");
    }

    #[test]
    fn an_unknown_key_or_a_broken_file_stops_the_start() {
        assert!(resolved(None, None, "rate_limits = 1").err().unwrap().to_string().contains("no key 'rate_limits'"));
        assert!(resolved(None, None, "rate_limit = ").is_err());
        assert!(resolved(None, None, "rate_limit = { a = 1 }").is_err());
    }

    #[test]
    fn a_list_in_the_file_is_taken() {
        let found = resolved(None, None, "trusted_proxies = [\"10.0.0.0/8\", \"192.0.2.1\"]").unwrap();
        assert_eq!(found.server().unwrap().trusted_proxies.len(), 2);
    }

    #[test]
    fn what_scim_may_and_when_the_old_api_ends_can_be_set() {
        let server = |file| resolved(None, None, file).unwrap().server().unwrap();
        let found = server("scim_strict = true\nscim_rate_limit = \"5/1s\"\nuser_management_api_sunset = 2028-01-31");
        assert!(found.scim_strict);
        assert_eq!(found.scim_rate_limit.map(Quota::burst), Some(5));
        assert_eq!(found.legacy_sunset.as_deref(), Some("Mon, 31 Jan 2028 23:59:59 GMT"));
        assert_eq!(server("user_management_api_sunset = \"off\"").legacy_sunset, None);
        assert_eq!(server("rate_limit = \"off\"").scim_rate_limit, None, "no limit at all");
        for wrong in ["scim_strict = 1", "scim_rate_limit = \"lots\"", "user_management_api_sunset = \"soon\""] {
            assert!(resolved(None, None, wrong).unwrap().server().is_err(), "{wrong}");
        }
    }

    #[test]
    fn passwords_are_masked() {
        let key = &KEYS[0];
        assert_eq!(mask(key, "postgres://me:secret@db/x"), "postgres://me:****@db/x");
        assert!(!mask(key, "postgres://db/x?user=me&password=secret").contains("secret"));
        assert!(!mask(key, "postgres://[::secret").contains("secret"));
    }
}
