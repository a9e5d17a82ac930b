//! What stands around every call: admission, the note that it was made, and the headers of the answer. And what calls
//! read from their requests.

use axum::extract::Request;
use axum::http::Uri;
use axum::response::Response;
use serde::de::DeserializeOwned;

use super::admission::{self, Visitor};
use super::error::{Trouble, refuse};
use super::notice::announce;
use crate::http::admission::{caught, with_limit, with_view_age};
use crate::http::app::App;
use crate::http::body;
use crate::http::failure::Failure;
use crate::http::form::Fields;
use crate::http::frame::Circumstances;
use crate::model::Invalid;
use crate::model::actor::Caller;
use crate::model::id::CompanyId;

/// A call of somebody who was let in.
pub(super) struct Call {
    pub(super) caller: Caller,
    pub(super) company: CompanyId,
    pub(super) request: Request,
}

/// Answers a call, by this work if its caller is let in; `name` is the call's in metrics and in the list of who still
/// calls.
pub(super) async fn serve<W, A>(app: App, request: Request, name: &'static str, work: W) -> Response
where
    W: FnOnce(App, Call) -> A,
    A: Future<Output = Result<Response, Trouble>>,
{
    let circumstances = Circumstances::of(&request);
    let answered = answer(&app, circumstances, request, name, work);
    announce(&app, caught(answered, |failure| refuse(failure, circumstances.request)).await)
}

async fn answer<W, A>(
    app: &App,
    circumstances: Circumstances,
    request: Request,
    name: &'static str,
    work: W,
) -> Response
where
    W: FnOnce(App, Call) -> A,
    A: Future<Output = Result<Response, Trouble>>,
{
    let visitor = match admission::admit(app, circumstances, request.headers()).await {
        Ok(visitor) => visitor,
        Err((failure, decision)) => return with_limit(refuse(&failure, circumstances.request), decision),
    };
    let Visitor { caller, company, key, decision, view_age } = visitor;
    app.metrics.legacy_call(name);
    app.directory.note_legacy_call(company, key, name);
    let done = work(app.clone(), Call { caller, company, request }).await;
    let response = done.unwrap_or_else(|trouble| trouble.answer(circumstances.request));
    with_limit(with_view_age(response, view_age), decision)
}

/// The body as an object of this shape, whatever its content type says; nothing at all is an object without members.
pub(super) async fn read_object<T: DeserializeOwned>(app: &App, request: Request) -> Result<T, Failure> {
    let bytes = body::read(app, request.into_body()).await?;
    let text: &[u8] = if bytes.trim_ascii().is_empty() { b"{}" } else { &bytes };
    body::parse_object(text)
}

/// What the path names, if it has the form for it.
pub(super) fn in_path<T>(parsed: Result<T, Invalid>) -> Result<T, Failure> {
    parsed.map_err(|invalid| Failure::Invalid(format!("The path is not as expected: {invalid}.")))
}

/// Which part of a list is asked for.
pub(super) struct Part {
    /// What is searched for; empty is everything.
    pub(super) search: String,
    /// How many are left out at the beginning.
    pub(super) offset: u64,
    /// How many are given at most; `None` is all.
    pub(super) limit: Option<u64>,
}

impl Part {
    /// Reads `search`, `offset` and `limit`.
    pub(super) fn of(uri: &Uri) -> Result<Self, Failure> {
        let fields = Fields::of_query(uri);
        let (offset, limit) = (number(&fields, "offset", 0)?, number(&fields, "limit", -1)?);
        Ok(Self {
            search: fields.get("search").trim().to_owned(),
            offset: offset.unsigned_abs(),
            limit: u64::try_from(limit).ok(),
        })
    }
}

/// A whole number from `least` on, which is also what is meant where there is none.
fn number(fields: &Fields, name: &str, least: i64) -> Result<i64, Failure> {
    let Some(text) = fields.all(name).next() else { return Ok(least) };
    let number = text.parse::<i64>().ok().filter(|number| *number >= least);
    number.ok_or_else(|| Failure::Invalid(format!("The parameter '{name}' is a whole number from {least} on.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(query: &str) -> Option<(String, u64, Option<u64>)> {
        let part = Part::of(&format!("/legacy-api/1/users?{query}").parse().unwrap()).ok()?;
        Some((part.search, part.offset, part.limit))
    }

    #[test]
    fn without_numbers_everything_is_asked_for() {
        for query in ["", "search=", "limit=-1", "offset=0&limit=-1", "other=x"] {
            assert_eq!(part(query), Some((String::new(), 0, None)), "{query}");
        }
        assert_eq!(part("search=a+b&offset=2&limit=0"), Some(("a b".to_owned(), 2, Some(0))));
    }

    #[test]
    fn what_is_no_number_in_range_is_refused() {
        for query in [
            "offset=-1",
            "offset=x",
            "offset=",
            "offset=1.5",
            "limit=-2",
            "limit=all",
            "limit=%20",
            "limit=99999999999999999999",
        ] {
            assert_eq!(part(query), None, "{query}");
        }
    }
}
