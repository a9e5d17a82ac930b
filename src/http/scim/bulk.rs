//! `/Bulk` (RFC 7644, section 3.7): many operations in one request, each of them a transaction of its own.

use std::collections::HashMap;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::super::app::App;
use super::super::body;
use super::super::failure::Failure;
use super::BASE;
use super::admission::Connection;
use super::answer::{Answer, respond, revision_of};
use super::collection::{Act, perform};
use super::discovery::BULK_SIZE;
use super::error;
use super::list::with_list;
use crate::domain::Unknown;
use crate::model::scim::fault::{Fault, FaultKind};
use crate::model::scim::patch::OPERATIONS;
use crate::model::scim::project::Projection;
use crate::model::scim::schema::ResourceKind;

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// One operation, as it was sent.
struct Operation {
    method: String,
    path: String,
    bulk_id: Option<String>,
    version: Option<String>,
    data: Value,
}

pub(super) async fn run(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Response {
    let answer = async {
        let (operations, fail_on_errors) = parse(body::read_json(&app, request, BULK_SIZE).await?)?;
        Ok(answer(&app, &connection, operations, fail_on_errors).await)
    };
    respond(answer.await, connection.request)
}

/// Does one after the other. An operation that refers to one further down waits for that.
async fn answer(app: &App, connection: &Connection, operations: Vec<Operation>, fail_on_errors: usize) -> Answer {
    let mut made: HashMap<String, String> = HashMap::new();
    let mut results: Vec<Option<String>> = operations.iter().map(|_| None).collect();
    let mut waiting: Vec<usize> = (0..operations.len()).collect();
    let mut errors = 0;
    while !waiting.is_empty() {
        let mut still_waiting = Vec::new();
        let before = waiting.len();
        for number in waiting {
            let operation = &operations[number];
            let resolved = resolve(&operation.data, &made).zip(resolve_text(&operation.path, &made));
            let Some((data, path)) = resolved else {
                still_waiting.push(number);
                continue;
            };
            let done = apply(app, connection, operation, &path, data).await;
            if let (Ok(answer), Some(id)) = (&done, &operation.bulk_id)
                && let Some((_, new)) = answer.location.as_deref().and_then(|location| location.rsplit_once('/'))
            {
                made.insert(id.clone(), new.to_owned());
            }
            errors += usize::from(done.is_err());
            results[number] = Some(result(app, connection, operation, &path, done));
            if errors >= fail_on_errors {
                break;
            }
        }
        if errors >= fail_on_errors {
            break;
        }
        if still_waiting.len() == before {
            // They wait for what was never made.
            for number in still_waiting {
                let detail = "it refers to a bulkId of which nothing was made";
                let failure = Fault::new(FaultKind::InvalidValue, detail).into();
                let operation = &operations[number];
                results[number] = Some(result(app, connection, operation, &operation.path, Err(failure)));
            }
            break;
        }
        waiting = still_waiting;
    }
    let results: Vec<String> = results.into_iter().flatten().collect();
    Answer::list(with_list(&json!({"schemas": [RESPONSE]}), "Operations", &results))
}

async fn apply(
    app: &App,
    connection: &Connection,
    operation: &Operation,
    path: &str,
    data: Value,
) -> Result<Answer, Failure> {
    let mut parts = path.trim_start_matches(BASE).trim_matches('/').split('/');
    let (kind, id) = (parts.next().unwrap_or_default(), parts.next());
    let kind = match kind {
        "Users" => ResourceKind::User,
        "Groups" => ResourceKind::Group,
        _ => return Err(Failure::NotFound(Unknown::Page)),
    };
    if parts.next().is_some() {
        return Err(Failure::NotFound(Unknown::Page));
    }
    let all = Projection::parse(kind, None, Some("members"))?;
    let expected = operation.version.as_deref().filter(|version| version.trim() != "*").map(revision_of);
    let act = match (operation.method.as_str(), id) {
        ("POST", None) => Act::Make(data),
        ("PUT", Some(_)) => Act::Replace(data),
        ("PATCH", Some(_)) => Act::Patch(data),
        ("DELETE", Some(_)) => Act::Delete,
        _ => return Err(Failure::MethodNotAllowed),
    };
    perform(app, connection, (kind, id.unwrap_or_default()), (act, expected), &all).await
}

/// What became of an operation.
fn result(
    app: &App,
    connection: &Connection,
    operation: &Operation,
    path: &str,
    done: Result<Answer, Failure>,
) -> String {
    let mut members = Map::new();
    members.insert("method".to_owned(), operation.method.clone().into());
    if let Some(id) = &operation.bulk_id {
        members.insert("bulkId".to_owned(), id.clone().into());
    }
    let own = || format!("{}{BASE}/{}", app.settings.public_url, path.trim_start_matches(BASE).trim_matches('/'));
    match done {
        Ok(answer) => {
            members.insert("location".to_owned(), answer.location.unwrap_or_else(own).into());
            if let Some(version) = answer.version {
                members.insert("version".to_owned(), version.into());
            }
            members.insert("status".to_owned(), answer.status.as_u16().to_string().into());
        }
        Err(failure) => {
            if let Some(reason) = failure.reason() {
                app.metrics.refused(reason.0);
            }
            let (status, document) = error::document(&failure, connection.request);
            if operation.method != "POST" {
                members.insert("location".to_owned(), own().into());
            }
            members.insert("status".to_owned(), status.as_u16().to_string().into());
            members.insert("response".to_owned(), document);
        }
    }
    Value::Object(members).to_string()
}

fn parse(body: Value) -> Result<(Vec<Operation>, usize), Failure> {
    let syntax = |detail: &str| Failure::from(Fault::new(FaultKind::InvalidSyntax, detail));
    let Value::Object(body) = body else { return Err(syntax("the body is not a JSON object")) };
    let find = |name: &str| body.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let is_request = find("schemas").and_then(Value::as_array).is_some_and(|schemas| {
        schemas.iter().filter_map(Value::as_str).any(|schema| schema.eq_ignore_ascii_case(REQUEST))
    });
    if !is_request {
        return Err(syntax(&format!("'schemas' does not name {REQUEST}")));
    }
    let Some(sent) = find("Operations").and_then(Value::as_array) else {
        return Err(syntax("'Operations' is no list"));
    };
    if sent.len() > OPERATIONS {
        return Err(Failure::TooLarge);
    }
    let fail_on_errors = match find("failOnErrors") {
        None | Some(Value::Null) => usize::MAX,
        Some(value) => {
            let number = value.as_u64().filter(|number| *number > 0);
            let number = number.ok_or_else(|| syntax("'failOnErrors' must be a whole number from 1 on"))?;
            usize::try_from(number).unwrap_or(usize::MAX)
        }
    };
    let operations = sent.iter().map(operation).collect::<Result<_, _>>()?;
    Ok((operations, fail_on_errors))
}

fn operation(sent: &Value) -> Result<Operation, Failure> {
    let text = |name: &str| sent.get(name).and_then(Value::as_str).map(str::to_owned);
    let missing = |name: &str| Fault::new(FaultKind::InvalidSyntax, format!("an operation has no '{name}'"));
    let method = text("method").ok_or_else(|| missing("method"))?.to_ascii_uppercase();
    let bulk_id = text("bulkId");
    if method == "POST" && bulk_id.is_none() {
        return Err(missing("bulkId").into());
    }
    Ok(Operation {
        path: text("path").ok_or_else(|| missing("path"))?,
        version: text("version"),
        data: sent.get("data").cloned().unwrap_or(Value::Null),
        method,
        bulk_id,
    })
}

/// The same with what was made in the place of `bulkId:…`; `None` when that is not made yet.
fn resolve(value: &Value, made: &HashMap<String, String>) -> Option<Value> {
    Some(match value {
        Value::String(text) => Value::String(resolve_text(text, made)?),
        Value::Array(list) => Value::Array(list.iter().map(|value| resolve(value, made)).collect::<Option<_>>()?),
        Value::Object(object) => {
            let member = |(name, value): (&String, &Value)| Some((name.clone(), resolve(value, made)?));
            Value::Object(object.iter().map(member).collect::<Option<_>>()?)
        }
        other => other.clone(),
    })
}

fn resolve_text(text: &str, made: &HashMap<String, String>) -> Option<String> {
    match text.split_once("bulkId:") {
        Some((before, id)) if before.is_empty() || before.ends_with('/') => Some(format!("{before}{}", made.get(id)?)),
        _ => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_wherever_they_stand() {
        let made = HashMap::from([("a".to_owned(), "1".to_owned())]);
        let sent = json!({"members": [{"value": "bulkId:a"}], "displayName": "about bulkId:a"});
        let wanted = json!({"members": [{"value": "1"}], "displayName": "about bulkId:a"});
        assert_eq!(resolve(&sent, &made), Some(wanted));
        assert_eq!(resolve_text("/Groups/bulkId:a", &made).as_deref(), Some("/Groups/1"));
        assert_eq!(resolve_text("/Groups/bulkId:b", &made), None);
    }
}
