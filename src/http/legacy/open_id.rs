//! How this API names a user: by a URL, `<public base>/mxid2/id?id=<uuid>`.

use crate::http::app::App;
use crate::http::failure::Failure;
use crate::model::id::UserId;

/// What stands between the base and the UUID.
const PLACE: &str = "/mxid2/id?id=";

/// A user's name in an answer.
pub(super) fn write(app: &App, user: UserId) -> String {
    format!("{}{user}", beginning(app))
}

/// What every user's name begins with.
pub(super) fn beginning(app: &App) -> String {
    format!("{}{PLACE}", app.settings.public_url)
}

/// Reads a name that a client sent. Which host it names does not matter: behind a proxy, or after a move, the same user
/// has another base.
pub(super) fn parse(text: &str) -> Result<UserId, Failure> {
    let wrong = || {
        let form = format!("https://platform.example{PLACE}1b4e28ba-2fa1-41d2-883f-0016d3cca427");
        Failure::Invalid(format!("An OpenID is a URL such as {form}; in a path it stands percent-encoded."))
    };
    let (base, uuid) = text.split_once(PLACE).ok_or_else(wrong)?;
    let host = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://")).unwrap_or_default();
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(wrong());
    }
    UserId::parse(uuid).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "1b4e28ba-2fa1-41d2-883f-0016d3cca427";

    #[test]
    fn a_user_is_named_by_a_url_of_whatever_host() {
        for base in ["http://localhost", "https://platform.example", "https://a.example:8443/offboard"] {
            let read = parse(&format!("{base}/mxid2/id?id={UUID}"));
            assert!(read.is_ok_and(|user| user.to_string() == UUID), "{base}");
        }
    }

    #[test]
    fn anything_else_names_nobody() {
        for wrong in [
            "",
            UUID,
            "http://localhost",
            "http://localhost/mxid2/id",
            "http://localhost/mxid2/id?id=",
            &format!("localhost/mxid2/id?id={UUID}"),
            &format!("http:///mxid2/id?id={UUID}"),
            &format!("/mxid2/id?id={UUID}"),
            &format!("https:///mxid2/id?id={UUID}"),
            &format!("ftp://localhost/mxid2/id?id={UUID}"),
            &format!("http://local host/mxid2/id?id={UUID}"),
            &format!("http://localhost/mxid2/id?id={UUID}&x=1"),
            &format!("http://localhost/mxid2/id?id={UUID}#x"),
            &format!("http://localhost/mxid2/id?id={UUID} "),
            &format!("http://localhost/mxid2/id?id={}", UUID.to_uppercase()),
            &format!("http://localhost/mxid2/id?id={UUID}/mxid2/id?id={UUID}"),
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
