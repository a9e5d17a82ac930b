//! The list of members: by status, searched, sorted, in pages; and taken out as a file.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::Uri;

use super::act::{Act, ActChoice, selected};
use crate::domain::members::{self, COUNTED, Key, Order, Place, Selection};
use crate::http::app::App;
use crate::http::console::export::{self, Format};
use crate::http::console::guard::{self, GuardNotice};
use crate::http::console::page::{Layout, Moment, Page, Visitor, render, see};
use crate::http::console::words;
use crate::http::failure::Failure;
use crate::http::form::{Fields, address};
use crate::model::audit::Action;
use crate::model::id::{CompanyId, UserId};
use crate::model::user::{Status, User};

const PATH: &str = "/control-center/members";
/// How many members a page shows.
const PAGE: u32 = 50;
/// The most characters of a search.
const SEARCH_LENGTH: usize = 200;

#[derive(Template)]
#[template(path = "console/members.html")]
struct Members {
    layout: Layout,
    guard: Option<GuardNotice>,
    tabs: Vec<Tab>,
    status: &'static str,
    q: String,
    sort: String,
    columns: Vec<Column>,
    rows: Vec<MemberRow>,
    acts: Vec<ActChoice>,
    first: Option<String>,
    next: Option<String>,
    export_xlsx: String,
    export_csv: String,
    searched: bool,
    sorted: bool,
}

struct Tab {
    label: &'static str,
    count: String,
    href: String,
    current: bool,
}

struct Column {
    label: &'static str,
    href: String,
    order: &'static str,
}

struct MemberRow {
    id: String,
    href: String,
    name: String,
    email: String,
    admin: bool,
    status: &'static str,
    since: Moment,
    oneself: bool,
}

/// `GET /control-center`
pub(in crate::http::console) async fn begin() -> Page {
    see(PATH)
}

/// `GET /control-center/members`
pub(in crate::http::console) async fn list(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Page {
    let query = Fields::of_query(&uri);
    let view = View::of(&query);
    let company = visitor.company()?;
    let counts = app.directory.count_members(company).await?;
    let after = read_place(view.order, query.get("after"));
    let page = app.directory.list_members(view.selection(company), after.clone(), PAGE).await?;
    let rows = page.users.into_iter().map(|user| row(&visitor, user)).collect();
    render(&Members {
        layout: visitor.layout("Members", "members").with_notice(query.filled("done")),
        guard: guard::notice(&app, company, "members").await?,
        tabs: view.tabs(counts),
        status: view.status.as_str(),
        q: view.search.clone(),
        sort: view.sort(),
        columns: view.columns(),
        rows,
        acts: Act::fitting(view.status).map(Act::choice).collect(),
        first: after.map(|_| view.href(&[])),
        next: page.next.map(|next| view.href(&[("after", &write_place(&next))])),
        sorted: page.sorted,
        export_xlsx: view.export("xlsx"),
        export_csv: view.export("csv"),
        searched: !view.search.is_empty(),
    })
}

/// `GET /control-center/members/export`: all whom the list shows, on whatever page.
pub(in crate::http::console) async fn export_all(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Page {
    let query = Fields::of_query(&uri);
    let view = View::of(&query);
    let detail =
        serde_json::json!({"status": view.status.as_str(), "search": view.search, "format": query.get("format")});
    let format = Format::read_table(query.get("format"))?;
    app.directory.record_export(&visitor.caller, Action::ExportUsers, detail).await?;
    let selection = view.selection(visitor.company()?);
    export::members(app, visitor.caller, selection, format).await
}

/// `POST /control-center/members/export`: those who were selected.
pub(in crate::http::console) async fn export_selection(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Page {
    let form = Fields::of_body(&app, request).await?;
    let format = Format::read_table(form.get("format"))?;
    let targets = selected(&form)?;
    if targets.is_empty() {
        return see(PATH);
    }
    let company = visitor.company()?;
    let mut users = Vec::with_capacity(targets.len());
    for target in targets {
        users.push(app.directory.member(company, target).await?);
    }
    let detail = serde_json::json!({"selected": users.len(), "format": form.get("format")});
    app.directory.record_export(&visitor.caller, Action::ExportUsers, detail).await?;
    export::selected_members(users, format)
}

fn row(visitor: &Visitor, user: User) -> MemberRow {
    MemberRow {
        href: format!("{PATH}/{}", user.id),
        oneself: visitor.is(user.id),
        id: user.id.to_string(),
        email: words::email(&user.email),
        admin: user.role.is_admin(),
        status: user.status.as_str(),
        since: Moment(user.status_since),
        name: user.name,
    }
}

/// What of the list an address asks for.
struct View {
    status: Status,
    search: String,
    order: Order,
    descending: bool,
}

impl View {
    fn of(query: &Fields) -> Self {
        let sort = query.get("sort");
        let descending = sort.starts_with('-');
        let order = match sort.trim_start_matches('-') {
            "email" => Order::Email,
            "since" => Order::Since,
            _ => Order::Name,
        };
        Self {
            status: Status::parse(query.get("status")).unwrap_or(Status::Active),
            search: query.get("q").trim().chars().filter(|c| !c.is_control()).take(SEARCH_LENGTH).collect(),
            order,
            descending,
        }
    }

    fn selection(&self, company: CompanyId) -> Selection {
        Selection {
            company,
            status: self.status,
            terms: members::terms(&self.search),
            order: self.order,
            descending: self.descending,
        }
    }

    fn sort(&self) -> String {
        sort(self.order, self.descending)
    }

    fn href(&self, more: &[(&str, &str)]) -> String {
        let sort = self.sort();
        let own = [("status", self.status.as_str()), ("q", self.search.as_str()), ("sort", sort.as_str())];
        address(PATH, &[&own[..], more].concat())
    }

    fn export(&self, format: &str) -> String {
        self.href(&[("format", format)]).replacen(PATH, &format!("{PATH}/export"), 1)
    }

    fn tabs(&self, counts: [u64; 3]) -> Vec<Tab> {
        let labels = ["Active", "Suspended", "Deactivated"];
        let tabs = Status::ALL.into_iter().zip(labels).zip(counts);
        tabs.map(|((status, label), count)| Tab {
            label,
            count: if count > COUNTED { format!("{COUNTED}+") } else { count.to_string() },
            href: address(PATH, &[("status", status.as_str()), ("q", &self.search), ("sort", &self.sort())]),
            current: status == self.status,
        })
        .collect()
    }

    fn columns(&self) -> Vec<Column> {
        let columns = [(Order::Name, "Name"), (Order::Email, "E-mail"), (Order::Since, "Since")];
        columns
            .map(|(order, label)| {
                let current = order == self.order;
                let descending = if current { !self.descending } else { order == Order::Since };
                Column {
                    label,
                    href: Self { order, descending, search: self.search.clone(), status: self.status }.href(&[]),
                    order: match (current, self.descending) {
                        (false, _) => "none",
                        (true, false) => "ascending",
                        (true, true) => "descending",
                    },
                }
            })
            .into()
    }
}

fn sort(order: Order, descending: bool) -> String {
    let name = match order {
        Order::Name => "name",
        Order::Email => "email",
        Order::Since => "since",
    };
    format!("{}{name}", if descending { "-" } else { "" })
}

/// A place as an address carries it: who stands there, and by what.
fn write_place(place: &Place) -> String {
    match &place.key {
        // So that no name is taken for a word.
        Key::Text(text) => format!("{} = {text}", place.user),
        Key::Number(number) => format!("{} {number}", place.user),
        Key::Word(word) => format!("{} word {word}", place.user),
    }
}

/// What is no place is the beginning.
fn read_place(order: Order, text: &str) -> Option<Place> {
    let (user, key) = text.split_once(' ').filter(|(_, key)| !key.contains(char::is_control))?;
    let user = UserId::parse(user).ok()?;
    let key = match (key.strip_prefix("word "), order) {
        (Some(word), _) => Key::Word(word.to_owned()),
        (None, Order::Name | Order::Email) => Key::Text(key.strip_prefix("= ").unwrap_or(key).to_owned()),
        (None, Order::Since) => Key::Number(key.parse().ok()?),
    };
    Some(Place { key, user })
}

impl From<crate::model::Invalid> for Failure {
    fn from(invalid: crate::model::Invalid) -> Self {
        Self::Invalid(invalid.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_carries_a_place_there_and_back() {
        let user = UserId(uuid::Uuid::from_u128(7));
        for place in [
            Place { key: Key::Text("ada king lovelace".to_owned()), user },
            Place { key: Key::Text(String::new()), user },
            Place { key: Key::Text("word = ".to_owned()), user },
            Place { key: Key::Word("ada".to_owned()), user },
        ] {
            assert_eq!(read_place(Order::Name, &write_place(&place)), Some(place));
        }
        let place = Place { key: Key::Number(-5), user };
        assert_eq!(read_place(Order::Since, &write_place(&place)), Some(place));
        for wrong in [
            "",
            "x y",
            "00000000-0000-0000-0000-000000000007",
            "00000000-0000-0000-0000-000000000007 x",
            "00000000-0000-0000-0000-000000000007 \0",
        ] {
            assert_eq!(read_place(Order::Since, wrong), None, "{wrong}");
        }
    }
}
