//! What a list is asked for: in the address's query, or in the body of a search (RFC 7644, sections 3.4.2 and 3.4.3).

use serde_json::{Map, Value};

use super::super::form::Fields;
use crate::model::scim::fault::{Fault, FaultKind};

/// The parameters of a list, as they were written.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    pub(super) filter: Option<String>,
    pub(super) sort_by: Option<String>,
    pub(super) is_descending: bool,
    /// Counted from 1.
    pub(super) start: u64,
    pub(super) count: Option<u64>,
    /// Empty for the first page.
    pub(super) cursor: Option<String>,
    pub(super) attributes: Option<String>,
    pub(super) excluded: Option<String>,
}

impl Query {
    /// Those of an address.
    pub(super) fn of_fields(fields: &Fields) -> Result<Self, Fault> {
        let text = |name: &str| fields.filled(name).map(str::to_owned);
        let number = |name: &str| match fields.filled(name) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| no_number(name)),
        };
        Self {
            filter: fields.all("filter").next().map(str::to_owned),
            sort_by: text("sortBy"),
            cursor: fields.all("cursor").next().map(str::to_owned),
            attributes: text("attributes"),
            excluded: text("excludedAttributes"),
            ..Self::default()
        }
        .with(text("sortOrder").as_deref(), number("startIndex")?, number("count")?)
    }

    /// Those of the body of a search.
    pub(super) fn of_search(body: &Map<String, Value>) -> Result<Self, Fault> {
        let find = |name: &str| {
            let member = body.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
            member.map(|(_, value)| value).filter(|value| !value.is_null())
        };
        let text = |name: &str| match find(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Fault::new(FaultKind::InvalidSyntax, format!("'{name}' must be a text"))),
        };
        let number = |name: &str| match find(name) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| no_number(name)),
        };
        let names = |name: &str| match find(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Array(names)) if names.iter().all(Value::is_string) => {
                Ok(Some(names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")))
            }
            Some(_) => Err(Fault::new(FaultKind::InvalidSyntax, format!("'{name}' must be a list of names"))),
        };
        Self {
            filter: text("filter")?,
            sort_by: text("sortBy")?,
            cursor: text("cursor")?,
            attributes: names("attributes")?,
            excluded: names("excludedAttributes")?,
            ..Self::default()
        }
        .with(text("sortOrder")?.as_deref(), number("startIndex")?, number("count")?)
    }

    /// A place below the first is the first, a number below none is none (RFC 7644, section 3.4.2.4).
    fn with(mut self, order: Option<&str>, start: Option<i64>, count: Option<i64>) -> Result<Self, Fault> {
        self.is_descending = match order.map(str::to_ascii_lowercase).as_deref() {
            None | Some("ascending") => false,
            Some("descending") => true,
            Some(_) => {
                let detail = "'sortOrder' is ascending or descending";
                return Err(Fault::new(FaultKind::InvalidValue, detail));
            }
        };
        if self.cursor.is_some() && start.is_some() {
            let detail = "a list is read by 'cursor' or by 'startIndex', not by both";
            return Err(Fault::new(FaultKind::InvalidValue, detail));
        }
        self.start = start.unwrap_or(1).max(1).unsigned_abs();
        self.count = count.map(|count| count.max(0).unsigned_abs());
        Ok(self)
    }
}

fn no_number(name: &str) -> Fault {
    let kind = if name == "count" { FaultKind::InvalidCount } else { FaultKind::InvalidValue };
    Fault::new(kind, format!("'{name}' must be a whole number"))
}
