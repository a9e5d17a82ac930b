//! Filters of SCIM lists as SQL: the shape of a filter becomes a condition, and all that it holds becomes parameters.

use super::engine::Value;
use super::people::Key;
use crate::model::email::Email;
use crate::model::group::name_key;
use crate::model::id::{CompanyId, UserId};
use crate::model::scim::fault::{Fault, FaultKind};
use crate::model::scim::filter::{Filter, Literal, Operator};
use crate::model::scim::index::comparable;
use crate::model::scim::path::AttributePath;
use crate::model::scim::schema::{ResourceKind, Schema};
use crate::model::text::{fold, storable};

/// Sorts after all that a text can begin with.
const LAST: char = '\u{10ffff}';

/// A condition on the rows of one company's users or groups, and its values; `$1` is the company.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Whether few can fit, so that all of them are found before they are put in order.
    pub(super) is_selective: bool,
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// The order of a list: an expression that has a value for each row.
#[derive(Debug, Clone)]
pub struct Order {
    /// Never NULL; rows without a value come last.
    pub(super) sql: String,
    pub(super) is_text: bool,
}

/// Where the value of an attribute is found.
enum Place {
    /// A column with a UUID.
    Identifier(&'static str),
    /// A column with a text in its comparable form.
    Text(&'static str),
    /// A column with a number.
    Number(&'static str),
    /// Whether the status is *active*.
    Active,
    /// A list of identifiers in another table: each row with the column that is compared and what it belongs to.
    Related { table: &'static str, column: &'static str },
    /// The same for all.
    Constant(&'static str),
    /// Among the values that were derived of the user.
    Values,
}

impl Condition {
    /// All of a company's.
    pub fn all(company: CompanyId) -> Self {
        Self { is_selective: false, sql: String::new(), values: vec![company.0.into()] }
    }

    /// Those for which a filter holds.
    ///
    /// # Errors
    /// [`FaultKind::InvalidFilter`] for what can't be compared here.
    pub fn of(kind: ResourceKind, company: CompanyId, filter: &Filter) -> Result<Self, Fault> {
        let mut condition = Self::all(company);
        condition.sql = condition.filter(kind, filter)?;
        condition.is_selective = is_selective(filter);
        Ok(condition)
    }

    fn parameter(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn filter(&mut self, kind: ResourceKind, filter: &Filter) -> Result<String, Fault> {
        Ok(match filter {
            Filter::And(left, right) => format!("({} AND {})", self.filter(kind, left)?, self.filter(kind, right)?),
            Filter::Or(left, right) => format!("({} OR {})", self.filter(kind, left)?, self.filter(kind, right)?),
            Filter::Not(inner) => format!("(NOT {})", self.filter(kind, inner)?),
            Filter::Present(path) => self.present(kind, path)?,
            Filter::Compare { path, operator, value } => self.compare(kind, path, *operator, value)?,
            Filter::Element { path, filter } => match place(kind, path)? {
                Place::Values => self.element(path, filter)?,
                // A list of identifiers: what is asked of an element is asked of the list.
                _ => self.filter(kind, filter)?,
            },
        })
    }

    fn present(&mut self, kind: ResourceKind, path: &AttributePath) -> Result<String, Fault> {
        Ok(match place(kind, path)? {
            Place::Identifier(_) | Place::Active | Place::Number(_) | Place::Constant(_) => "(1 = 1)".to_owned(),
            Place::Text(column) => format!("({column} IS NOT NULL)"),
            Place::Related { table, .. } => format!("EXISTS (SELECT 1 FROM {table})"),
            Place::Values => {
                let (column, name) = match path.child {
                    Some(_) => ("path", path.key()),
                    None => ("attribute", path.attribute_key()),
                };
                let name = self.parameter(name);
                format!(
                    "users.id IN (SELECT user_id FROM user_values WHERE company_id = $1 AND {column} = {name} \
                     AND (value IS NULL OR value <> ''))"
                )
            }
        })
    }

    fn compare(
        &mut self,
        kind: ResourceKind,
        path: &AttributePath,
        operator: Operator,
        value: &Literal,
    ) -> Result<String, Fault> {
        match (operator, value) {
            (Operator::Equal, Literal::Null) => return Ok(format!("(NOT {})", self.present(kind, path)?)),
            (Operator::NotEqual, Literal::Null) => return self.present(kind, path),
            (Operator::NotEqual, _) => {
                return Ok(format!("(NOT {})", self.compare(kind, path, Operator::Equal, value)?));
            }
            _ => {}
        }
        Ok(match place(kind, path)? {
            Place::Identifier(column) => match identifier(path, operator, value)? {
                Some(id) => format!("({column} = {})", self.parameter(id)),
                None => "(1 = 0)".to_owned(),
            },
            Place::Related { table, column } => match identifier(path, operator, value)? {
                Some(id) => format!("EXISTS (SELECT 1 FROM {table} AND {column} = {})", self.parameter(id)),
                None => "(1 = 0)".to_owned(),
            },
            Place::Active => {
                let wanted = matches!(value, Literal::Boolean(true));
                if wanted { "(users.status = 'active')" } else { "(users.status <> 'active')" }.to_owned()
            }
            // An extension's URN stands among a user's schemas where he has one of its attributes.
            Place::Constant(_) if extension(kind, path, operator, value).is_some() => {
                let Some(schema) = extension(kind, path, operator, value) else { return Err(unsupported(path)) };
                let (begin, end) = (format!("{}:", schema.id), format!("{}:{LAST}", schema.id));
                let (begin, end) = (self.parameter(begin), self.parameter(end));
                format!(
                    "users.id IN (SELECT user_id FROM user_values \
                     WHERE company_id = $1 AND attribute >= {begin} AND attribute < {end})"
                )
            }
            Place::Constant(constant) => {
                let is_same = matches!(value, Literal::Text(text) if text.eq_ignore_ascii_case(constant));
                if operator != Operator::Equal {
                    return Err(unsupported(path));
                }
                if is_same { "(1 = 1)" } else { "(1 = 0)" }.to_owned()
            }
            // What is not there is not equal, and so `ne`: NULL would be neither.
            Place::Text(column) => {
                format!("({column} IS NOT NULL AND {})", self.text(column, operator, &key_of(kind, path, value)?))
            }
            Place::Number(column) => self.number(path, column, operator, value)?,
            Place::Values => {
                let key = self.parameter(path.key());
                let holds = self.value(path, operator, value)?;
                format!(
                    "users.id IN (SELECT user_id FROM user_values WHERE company_id = $1 AND path = {key} AND {holds})"
                )
            }
        })
    }

    /// A comparison of a derived value, in columns named `value` and `number`.
    fn value(&mut self, path: &AttributePath, operator: Operator, value: &Literal) -> Result<String, Fault> {
        match value {
            Literal::Text(text) => Ok(self.text("value", operator, &comparable(path.leaf(), text))),
            _ => self.number(path, "number", operator, value),
        }
    }

    fn number(
        &mut self,
        path: &AttributePath,
        column: &str,
        operator: Operator,
        value: &Literal,
    ) -> Result<String, Fault> {
        let number = match value {
            Literal::Number(number) | Literal::Time(number) => *number,
            Literal::Boolean(is) => i64::from(*is),
            Literal::Text(_) | Literal::Null => return Err(unsupported(path)),
        };
        let sign = match operator {
            Operator::Equal => "=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::NotEqual | Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
                return Err(unsupported(path));
            }
        };
        Ok(format!("({column} {sign} {})", self.parameter(number)))
    }

    fn text(&mut self, column: &str, operator: Operator, text: &str) -> String {
        if text.is_empty() && matches!(operator, Operator::Contains | Operator::StartsWith | Operator::EndsWith) {
            return format!("({column} IS NOT NULL)");
        }
        let length = text.chars().count();
        let value = self.parameter(text);
        match operator {
            Operator::Equal | Operator::NotEqual => format!("({column} = {value})"),
            Operator::Greater => format!("({column} > {value})"),
            Operator::GreaterOrEqual => format!("({column} >= {value})"),
            Operator::Less => format!("({column} < {value})"),
            Operator::LessOrEqual => format!("({column} <= {value})"),
            Operator::Contains => format!("(REPLACE({column}, {value}, '') <> {column})"),
            Operator::StartsWith => {
                let end = self.parameter(format!("{text}{LAST}"));
                format!("({column} >= {value} AND {column} < {end})")
            }
            Operator::EndsWith => {
                format!(
                    "(LENGTH({column}) >= {length} AND SUBSTR({column}, LENGTH({column}) - {length} + 1) = {value})"
                )
            }
        }
    }

    /// Users of whom one element holds all that is asked. Begins with the comparison that the fewest fit, which the index
    /// finds, and asks the rest of the same element.
    fn element(&mut self, path: &AttributePath, filter: &Filter) -> Result<String, Fault> {
        if let Some((selective, value)) = selective(filter) {
            let key = self.parameter(selective.key());
            let text = self.parameter(comparable(selective.leaf(), value));
            let rest = self.of_element(filter)?;
            return Ok(format!(
                "users.id IN (SELECT e.user_id FROM user_values e \
                 WHERE e.company_id = $1 AND e.path = {key} AND e.value = {text} AND {rest})"
            ));
        }
        let name = self.parameter(path.attribute_key());
        let rest = self.of_element(filter)?;
        Ok(format!(
            "users.id IN (SELECT e.user_id FROM user_values e \
             WHERE e.company_id = $1 AND e.attribute = {name} AND {rest})"
        ))
    }

    /// A condition on the element that the row `e` belongs to.
    fn of_element(&mut self, filter: &Filter) -> Result<String, Fault> {
        const SAME: &str = "EXISTS (SELECT 1 FROM user_values WHERE user_id = e.user_id AND attribute = e.attribute \
            AND element = e.element AND path =";
        Ok(match filter {
            Filter::And(left, right) => format!("({} AND {})", self.of_element(left)?, self.of_element(right)?),
            Filter::Or(left, right) => format!("({} OR {})", self.of_element(left)?, self.of_element(right)?),
            Filter::Not(inner) => format!("(NOT {})", self.of_element(inner)?),
            Filter::Present(path) => format!("{SAME} {})", self.parameter(path.key())),
            Filter::Compare { path, operator: Operator::Equal, value: Literal::Null } => {
                format!("(NOT {SAME} {}))", self.parameter(path.key()))
            }
            Filter::Compare { path, operator: Operator::NotEqual, value: Literal::Null } => {
                format!("{SAME} {})", self.parameter(path.key()))
            }
            Filter::Compare { path, operator: Operator::NotEqual, value } => {
                let key = self.parameter(path.key());
                format!("(NOT {SAME} {key} AND {}))", self.value(path, Operator::Equal, value)?)
            }
            Filter::Compare { path, operator, value } => {
                let key = self.parameter(path.key());
                format!("{SAME} {key} AND {})", self.value(path, *operator, value)?)
            }
            Filter::Element { path, .. } => return Err(unsupported(path)),
        })
    }
}

/// Whether there is a comparison for equality with a text among those that all have to hold. Without knowing, PostgreSQL goes
/// through a whole list in its order to find the few.
fn is_selective(filter: &Filter) -> bool {
    match filter {
        Filter::Compare { operator, value, .. } => *operator == Operator::Equal && matches!(value, Literal::Text(_)),
        Filter::And(left, right) => is_selective(left) || is_selective(right),
        Filter::Element { filter, .. } => is_selective(filter),
        Filter::Or(..) | Filter::Not(_) | Filter::Present(_) => false,
    }
}

/// The comparison for equality, among those that all have to hold, that the fewest fit: of a `value`, if there is one.
fn selective(filter: &Filter) -> Option<(&AttributePath, &str)> {
    match filter {
        Filter::Compare { path, operator: Operator::Equal, value: Literal::Text(text) } => Some((path, text)),
        Filter::And(left, right) => {
            let (left, right) = (selective(left), selective(right));
            let is_value = |found: &(&AttributePath, &str)| found.0.child.is_some_and(|child| child.name == "value");
            right.filter(is_value).or(left).or(right)
        }
        _ => None,
    }
}

/// The identifier that is asked for; `None` for what is none, and so nobody's.
fn identifier(path: &AttributePath, operator: Operator, value: &Literal) -> Result<Option<uuid::Uuid>, Fault> {
    match (operator, value) {
        (Operator::Equal, Literal::Text(text)) => Ok(UserId::parse(text).ok().map(|id| id.0)),
        _ => Err(unsupported(path)),
    }
}

/// The extension of which it is asked whether a resource has it.
fn extension(kind: ResourceKind, path: &AttributePath, operator: Operator, value: &Literal) -> Option<&'static Schema> {
    let Literal::Text(text) = value else { return None };
    let is_asked = path.attribute.name == "schemas" && operator == Operator::Equal;
    let found = kind.extensions().iter().copied().find(|schema| schema.id.eq_ignore_ascii_case(text));
    found.filter(|_| is_asked)
}

/// The comparable form of a text.
fn key_of(kind: ResourceKind, path: &AttributePath, value: &Literal) -> Result<String, Fault> {
    let Literal::Text(text) = value else { return Err(unsupported(path)) };
    Ok(match (kind, path.attribute.name) {
        (ResourceKind::User, "userName") => user_name_key(text),
        (ResourceKind::Group, "displayName") => name_key(&storable(text)),
        _ => comparable(path.leaf(), text),
    })
}

/// The form of a `userName` that decides equality; of an address, the address's.
pub fn user_name_key(text: &str) -> String {
    let folded = || fold(&storable(text));
    Email::parse(text).map_or_else(|_| folded(), |email| email.key().to_owned())
}

fn place(kind: ResourceKind, path: &AttributePath) -> Result<Place, Fault> {
    const GROUPS_OF: &str = "group_members m JOIN user_groups g ON g.id = m.group_id WHERE m.user_id = users.id";
    const MEMBERS_OF: &str = "group_members m WHERE m.group_id = user_groups.id";
    let child = path.child.map(|child| child.name);
    Ok(match (kind, path.attribute.name, child) {
        _ if path.extension.is_some() => Place::Values,
        (ResourceKind::User, "id", None) => Place::Identifier("users.id"),
        (ResourceKind::User, "userName", None) => Place::Text("COALESCE(users.user_name_key, users.email_key)"),
        (ResourceKind::User, "externalId", None) => Place::Text("users.external_id"),
        (ResourceKind::User, "active", None) => Place::Active,
        (ResourceKind::User, "meta", Some("created")) => Place::Number("users.created_at"),
        (ResourceKind::User, "meta", Some("lastModified")) => Place::Number("users.updated_at"),
        (ResourceKind::User, "groups", None | Some("value")) => {
            Place::Related { table: GROUPS_OF, column: "m.group_id" }
        }
        (ResourceKind::Group, "id", None) => Place::Identifier("user_groups.id"),
        (ResourceKind::Group, "displayName", None) => Place::Text("user_groups.name_key"),
        (ResourceKind::Group, "externalId", None) => Place::Text("user_groups.external_id"),
        (ResourceKind::Group, "meta", Some("created")) => Place::Number("user_groups.created_at"),
        (ResourceKind::Group, "meta", Some("lastModified")) => Place::Number("user_groups.updated_at"),
        (ResourceKind::Group, "members", None | Some("value")) => {
            Place::Related { table: MEMBERS_OF, column: "m.user_id" }
        }
        (_, "meta", Some("resourceType")) => Place::Constant(kind.name()),
        (_, "schemas", None) => Place::Constant(kind.schema().id),
        (ResourceKind::Group, _, _) | (_, "meta" | "schemas" | "groups" | "members" | "id", _) => {
            return Err(unsupported(path));
        }
        (ResourceKind::User, _, _) => Place::Values,
    })
}

fn unsupported(path: &AttributePath) -> Fault {
    Fault::new(FaultKind::InvalidFilter, format!("'{path}' can't be compared so"))
}

impl Order {
    /// Whether a place of a list can stand in this order.
    pub fn takes(&self, key: &Key) -> bool {
        match key {
            Key::Text(text) => self.is_text && !text.contains('\0'),
            Key::Number(_) => !self.is_text,
        }
    }

    /// In which they were made.
    pub fn creation(kind: ResourceKind) -> Self {
        let sql = match kind {
            ResourceKind::User => "users.created_at",
            ResourceKind::Group => "user_groups.created_at",
        };
        Self { sql: sql.to_owned(), is_text: false }
    }

    /// By an attribute; those that have none come last.
    ///
    /// # Errors
    /// [`FaultKind::InvalidPath`] where there is no order.
    pub fn of(kind: ResourceKind, path: &AttributePath) -> Result<Self, Fault> {
        let text = |sql: String| Ok(Self { sql: format!("COALESCE({sql}, '{LAST}')"), is_text: true });
        let no_order = || Fault::new(FaultKind::InvalidPath, format!("lists can't be sorted by '{path}'"));
        match place(kind, path).map_err(|_| no_order())? {
            // The comparison of UUIDs differs between engines, which is no matter: it is an order.
            Place::Identifier(_) => Ok(Self::creation(kind)),
            Place::Text(column) => text(column.to_owned()),
            Place::Number(column) => Ok(Self { sql: column.to_owned(), is_text: false }),
            Place::Active => Ok(Self {
                sql: "CAST(CASE users.status WHEN 'active' THEN 1 ELSE 0 END AS BIGINT)".to_owned(),
                is_text: false,
            }),
            // The primary or first value decides; names of attributes are ours, and hold no quote.
            Place::Values => {
                let child = match (path.child, path.attribute.child("value")) {
                    (None, Some(value)) => AttributePath { child: Some(value), ..*path },
                    _ => *path,
                };
                text(format!(
                    "(SELECT MIN(value) FROM user_values WHERE user_id = users.id AND path = '{}' AND element = COALESCE(\
                     (SELECT MIN(element) FROM user_values WHERE user_id = users.id AND path = '{}.primary' \
                      AND number = 1), 0))",
                    child.key(),
                    path.attribute_key()
                ))
            }
            Place::Related { .. } | Place::Constant(_) => Err(no_order()),
        }
    }
}
