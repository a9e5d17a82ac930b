//! Styles, script and mark: in the binary, and kept by browsers for as long as they stay the same.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::super::app::App;

const FILES: [(&str, &str, &[u8]); 5] = [
    ("bootstrap.css", "text/css; charset=utf-8", include_bytes!("../../../assets/bootstrap.css")),
    ("console.css", "text/css; charset=utf-8", include_bytes!("../../../assets/console.css")),
    ("htmx.js", "text/javascript; charset=utf-8", include_bytes!("../../../assets/htmx.js")),
    ("console.js", "text/javascript; charset=utf-8", include_bytes!("../../../assets/console.js")),
    ("favicon.svg", "image/svg+xml", include_bytes!("../../../assets/favicon.svg")),
];

/// What the pages refer to the files by.
pub(in crate::http) struct Assets {
    version: Arc<str>,
}

impl Assets {
    pub(in crate::http) fn new() -> Self {
        let mut hash = Sha256::new();
        for (.., content) in FILES {
            hash.update(content);
        }
        let digest = hash.finalize();
        let version = digest.iter().take(6).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        Self { version: version.into() }
    }

    /// Another one whenever a file is.
    pub(in crate::http) fn version(&self) -> Arc<str> {
        Arc::clone(&self.version)
    }
}

/// `GET /assets/{name}`
pub(super) async fn serve(State(_): State<App>, Path(name): Path<String>) -> Response {
    const FOR_A_YEAR: &str = "public, max-age=31536000, immutable";
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, content)) => {
            ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, FOR_A_YEAR)], *content).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
