//! Forms and queries: names and values, a name perhaps several times.

use axum::extract::Request;
use axum::http::Uri;
use url::form_urlencoded;

use super::app::App;
use super::body;
use super::failure::Failure;

/// The fields of a form, or of an address's query, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a form to its end.
    pub(super) async fn of_body(app: &App, request: Request) -> Result<Self, Failure> {
        Ok(Self::parse(&body::read(app, request.into_body()).await?))
    }

    /// Those behind the `?` of an address.
    pub(super) fn of_query(uri: &Uri) -> Self {
        Self::parse(uri.query().unwrap_or_default().as_bytes())
    }

    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// The first value of this name; empty when there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// As [`Fields::get`], without spaces around it, and `None` when nothing is left.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.get(name).trim()).filter(|value| !value.is_empty())
    }

    /// All values of this name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// An address with a query; empty values are left out.
pub(super) fn address(path: &str, query: &[(&str, &str)]) -> String {
    let filled = query.iter().filter(|(_, value)| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(filled).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_come_several_times() {
        let fields = Fields::parse(b"user=1&act=x+y&user=%32&empty=&blank=+");
        assert_eq!(fields.all("user").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((fields.get("user"), fields.get("act"), fields.get("none")), ("1", "x y", ""));
        assert_eq!((fields.filled("act"), fields.filled("empty"), fields.filled("blank")), (Some("x y"), None, None));
    }

    #[test]
    fn an_address_says_only_what_there_is_to_say() {
        assert_eq!(address("/a", &[("q", ""), ("sort", "")]), "/a");
        assert_eq!(address("/a", &[("q", "ö &"), ("sort", "name")]), "/a?q=%C3%B6+%26&sort=name");
    }
}
