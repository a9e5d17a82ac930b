//! Logs on standard error: text on a terminal, JSON otherwise.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging; a second start changes nothing.
pub(super) fn start(level: Level, json: Option<bool>) {
    // What libraries tell below a warning helps only who debugs them.
    let filter = Targets::new().with_default(level.min(Level::WARN)).with_target("offboard", level);
    let registry = tracing_subscriber::registry().with(filter);
    let terminal = std::io::stderr().is_terminal();
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let _ = if json.unwrap_or(!terminal) {
        registry.with(layer.json().flatten_event(true)).try_init()
    } else {
        registry.with(layer.with_ansi(terminal)).try_init()
    };
}
