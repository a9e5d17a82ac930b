//! What Prometheus reads at `/metrics`. One registry a server, so that two in one process share nothing.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::access::View;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActLabels {
    act: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    call: &'static str,
}

/// The counters and histograms of one server.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    deactivations: Counter,
    refusals: Family<ReasonLabels, Counter>,
    rate_limited: Family<ReasonLabels, Counter>,
    guard_trips: Counter,
    provisioned: Family<ActLabels, Counter>,
    management_calls: Family<CallLabels, Counter>,
    state: State,
}

/// How things stand, as it is looked up whenever somebody reads.
struct State {
    lease: Gauge,
    view_age: FloatGauge,
    remembered: Gauge,
    shared_limit: Gauge,
}

type FloatGauge = Gauge<f64, AtomicU64>;

impl Metrics {
    /// What Prometheus reads: its text format, version 0.0.4.
    pub(super) fn encode(&self, view: View, shared_limit: Option<bool>) -> Result<String, std::fmt::Error> {
        self.state.lease.set(view.is_trusted.into());
        self.state.view_age.set(view.age.map_or(f64::INFINITY, |age| age.as_secs_f64()));
        self.state.remembered.set(i64::try_from(view.remembered).unwrap_or(i64::MAX));
        self.state.shared_limit.set(shared_limit.unwrap_or(false).into());
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(prometheus_text(&text))
    }

    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("offboard");
        let requests = Family::default();
        registry.register("requests", "Requests answered", requests.clone());
        let durations = Family::new_with_constructor(histogram as fn() -> Histogram);
        let help = "Time from a request's arrival to its answer";
        registry.register_with_unit("request_duration", help, Unit::Seconds, durations.clone());
        let deactivations = Counter::default();
        registry.register("deactivations", "Users deactivated through this server", deactivations.clone());
        let refusals = Family::default();
        registry.register("refusals", "Requests refused, by reason", refusals.clone());
        let rate_limited = Family::default();
        registry.register("rate_limited", "Requests over the rate limit, by what was counted", rate_limited.clone());
        let guard_trips = Counter::default();
        let help = "People who kept their access because too many had lost it: somebody has to confirm";
        registry.register("guard_trips", help, guard_trips.clone());
        let provisioned = Family::default();
        registry.register("provisioned", "Changes by identity providers, by what was done", provisioned.clone());
        let management_calls = Family::default();
        let help = "Calls of the deprecated User Management API, by call";
        registry.register("user_management_calls", help, management_calls.clone());
        let (lease, view_age, remembered) = (Gauge::default(), FloatGauge::default(), Gauge::default());
        let shared_limit = Gauge::default();
        registry.register("lease_alive", "Whether this node may trust what it remembers (0 or 1)", lease.clone());
        registry.register("view_age_seconds", "How old what this node remembers may be", view_age.clone());
        registry.register("remembered_credentials", "Credentials in this node's memory", remembered.clone());
        registry.register(
            "shared_limit_up",
            "Whether rate limits are counted with the other nodes (0 or 1); 0 where no Redis is given",
            shared_limit.clone(),
        );
        let state = State { lease, view_age, remembered, shared_limit };
        Self {
            registry,
            requests,
            durations,
            deactivations,
            refusals,
            rate_limited,
            guard_trips,
            provisioned,
            management_calls,
            state,
        }
    }

    /// An identity provider changed something.
    pub(super) fn provisioned(&self, act: &'static str) {
        self.provisioned.get_or_create(&ActLabels { act }).inc();
    }

    /// Somebody called the User Management API.
    pub(super) fn legacy_call(&self, call: &'static str) {
        self.management_calls.get_or_create(&CallLabels { call }).inc();
    }

    /// Something was refused, for this reason.
    pub(super) fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&ReasonLabels { reason }).inc();
        if reason == "guard_tripped" {
            self.guard_trips.inc();
        }
    }

    /// A request was answered and, where it says why, refused: by its credential, or a known caller by the rules.
    pub(super) fn request(
        &self,
        method: &Method,
        route: &str,
        status: StatusCode,
        took: Duration,
        refusal: Option<&'static str>,
    ) {
        let route = route.to_owned();
        self.durations.get_or_create(&RouteLabels { route: route.clone() }).observe(took.as_secs_f64());
        let labels = RequestLabels { method: known(method), route, status: status.as_u16() };
        self.requests.get_or_create(&labels).inc();
        if let Some(reason) = refusal {
            self.refused(reason);
        }
    }

    /// A user went from another status to deactivated.
    pub(super) fn deactivation(&self) {
        self.deactivations.inc();
    }

    /// A request was over the limit of its `credential` or `address`.
    pub(super) fn rate_limited(&self, reason: &'static str) {
        self.rate_limited.get_or_create(&ReasonLabels { reason }).inc();
    }
}

/// 100 µs to 10 s.
fn histogram() -> Histogram {
    Histogram::new([0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0])
}

/// From OpenMetrics, which the registry writes, to the older format, which everything reads: there a counter's family
/// is named as its samples are, and units and the end are not marked.
fn prometheus_text(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = "";
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let suffix = if kind == "counter" { "_total" } else { "" };
            text.extend(["# HELP ", name, suffix, " ", help, "\n# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            text += line;
            text.push('\n');
        }
    }
    text
}

/// A client may send any word as its method; labels must be few.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_every_version_of_prometheus_reads() {
        let metrics = Metrics::new();
        metrics.request(&Method::GET, "/a", StatusCode::OK, Duration::from_millis(3), Some("why"));
        let view = View { is_trusted: true, age: Some(Duration::from_millis(1500)), remembered: 7 };
        let text = metrics.encode(view, None).unwrap();
        for line in [
            "# HELP offboard_requests_total Requests answered.",
            "# TYPE offboard_requests_total counter",
            r#"offboard_requests_total{method="GET",route="/a",status="200"} 1"#,
            "# TYPE offboard_request_duration_seconds histogram",
            r#"offboard_request_duration_seconds_bucket{le="0.005",route="/a"} 1"#,
            r#"offboard_refusals_total{reason="why"} 1"#,
            "offboard_lease_alive 1",
            "offboard_view_age_seconds 1.5",
            "offboard_remembered_credentials 7",
            "offboard_shared_limit_up 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
    }
}
