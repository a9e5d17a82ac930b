//! Lists as files: CSV and JSON Lines are written while they are read, a workbook is made whole.
//!
//! No cell is taken for a formula: in a workbook every cell is text by type; in CSV what a spreadsheet would calculate
//! gets an apostrophe before it.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use rust_xlsxwriter::{Format as CellFormat, Workbook, XlsxError};

use super::super::app::App;
use super::super::failure::Failure;
use super::page::Page;
use super::words;
use crate::domain::members::{Place, Selection};
use crate::domain::trail::{Direction, Filter, TrailEntry, document};
use crate::model::actor::Caller;
use crate::model::audit::Action;
use crate::model::user::User;

/// How many rows are read at once.
const PAGE: u32 = 1000;
/// The most rows of a workbook: it is made in memory.
const WORKBOOK_ROWS: usize = 100_000;

/// In what form a list is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Xlsx,
    JsonLines,
}

impl Format {
    pub(super) fn read(text: &str) -> Result<Self, Failure> {
        match text {
            "csv" => Ok(Self::Csv),
            "xlsx" => Ok(Self::Xlsx),
            "jsonl" => Ok(Self::JsonLines),
            _ => Err(Failure::Invalid("the format is csv, xlsx or jsonl".to_owned())),
        }
    }

    /// One that has columns.
    pub(super) fn read_table(text: &str) -> Result<Self, Failure> {
        let wrong = || Failure::Invalid("members are taken out as csv or xlsx".to_owned());
        Self::read(text).ok().filter(|format| *format != Self::JsonLines).ok_or_else(wrong)
    }
}

const MEMBER_COLUMNS: [&str; 7] = ["uuid", "email", "name", "role", "status", "since", "created"];
const TRAIL_COLUMNS: [&str; 14] = [
    "seq", "at", "actor", "action", "person", "subject", "outcome", "refusal", "reason", "ticket", "door", "address",
    "request", "detail",
];

/// Every member of a selection.
pub(super) async fn members(app: App, caller: Caller, selection: Selection, format: Format) -> Page {
    match format {
        Format::JsonLines => Err(Failure::Invalid("members are taken out as csv or xlsx".to_owned())),
        Format::Csv => {
            let pages = member_pages(app, caller, selection);
            Ok(streamed("members.csv", "text/csv; charset=utf-8", csv_pages(&MEMBER_COLUMNS, pages, member_cells)))
        }
        Format::Xlsx => {
            let rows = collect(member_pages(app, caller, selection)).await?;
            workbook("members.xlsx", &MEMBER_COLUMNS, rows.iter().map(member_cells).collect()).await
        }
    }
}

/// These members.
pub(super) fn selected_members(users: Vec<User>, format: Format) -> Page {
    match format {
        Format::JsonLines => Err(Failure::Invalid("members are taken out as csv or xlsx".to_owned())),
        Format::Csv => {
            let mut text = csv_lines([MEMBER_COLUMNS.map(str::to_owned).to_vec()])?;
            text.extend(csv_lines(users.iter().map(member_cells))?);
            Ok(file("members.csv", "text/csv; charset=utf-8", text))
        }
        Format::Xlsx => {
            let bytes = write_workbook(&MEMBER_COLUMNS, &users.iter().map(member_cells).collect::<Vec<_>>());
            Ok(file("members.xlsx", WORKBOOK_TYPE, bytes.map_err(|error| internal(&error))?))
        }
    }
}

/// The entries of a trail, the oldest first; none where no filter can fit.
pub(super) async fn trail(app: App, caller: Caller, filter: Option<Filter>, format: Format) -> Page {
    let pages = trail_pages(app, caller, filter);
    match format {
        Format::Csv => {
            Ok(streamed("audit.csv", "text/csv; charset=utf-8", csv_pages(&TRAIL_COLUMNS, pages, trail_cells)))
        }
        Format::JsonLines => {
            use futures_util::StreamExt;
            let lines = pages.map(|page| {
                page.map(|page| page.iter().flat_map(|entry| format!("{}\n", document(entry)).into_bytes()).collect())
            });
            Ok(streamed("audit.jsonl", "application/jsonl; charset=utf-8", lines))
        }
        Format::Xlsx => {
            let rows = collect(pages).await?;
            workbook("audit.xlsx", &TRAIL_COLUMNS, rows.iter().map(trail_cells).collect()).await
        }
    }
}

fn member_cells(user: &User) -> Vec<String> {
    vec![
        user.id.to_string(),
        user.email.to_show().unwrap_or_default().to_owned(),
        user.name.clone(),
        user.role.label().to_owned(),
        user.status.as_str().to_owned(),
        user.status_since.to_string(),
        user.created_at.to_string(),
    ]
}

fn trail_cells(entry: &TrailEntry) -> Vec<String> {
    let subject = entry.subject_kind.as_ref().zip(entry.subject).map(|(kind, id)| format!("{kind} {id}"));
    vec![
        entry.seq.to_string(),
        entry.at.to_string(),
        words::actor(entry),
        entry.action.clone(),
        words::person(entry).unwrap_or_default(),
        subject.unwrap_or_default(),
        if entry.refusal.is_some() { "refused" } else { "done" }.to_owned(),
        entry.refusal.clone().unwrap_or_default(),
        entry.reason.clone().unwrap_or_default(),
        entry.ticket.clone().unwrap_or_default(),
        entry.door.clone(),
        entry.address.clone().unwrap_or_default(),
        entry.request.to_string(),
        entry.detail.clone().unwrap_or_default(),
    ]
}

fn member_pages(
    app: App,
    caller: Caller,
    selection: Selection,
) -> impl Stream<Item = Result<Vec<User>, Failure>> + Send {
    stream::unfold(Some(None::<Place>), move |after| {
        let (app, caller, selection) = (app.clone(), caller.clone(), selection.clone());
        async move {
            let after = after?;
            // Whoever reads slowly gets no page that was read after his access had ended.
            if let Err(error) = app.directory.may_still(&caller, Action::ExportUsers).await {
                return Some((Err(error.into()), None));
            }
            match app.directory.list_members(selection, after, PAGE).await {
                Ok(page) => Some((Ok(page.users), page.next.map(Some))),
                Err(error) => Some((Err(error.into()), None)),
            }
        }
    })
}

fn trail_pages(
    app: App,
    caller: Caller,
    filter: Option<Filter>,
) -> impl Stream<Item = Result<Vec<TrailEntry>, Failure>> + Send {
    stream::unfold(filter.map(|filter| (filter, 0)), move |next| {
        let (app, caller) = (app.clone(), caller.clone());
        async move {
            let (filter, after) = next?;
            if let Err(error) = app.directory.may_still(&caller, Action::ExportTrail).await {
                return Some((Err(error.into()), None));
            }
            match app.directory.list_trail(filter.clone(), Direction::Forward(after), PAGE).await {
                Ok(page) => {
                    let last = page.last()?.seq;
                    Some((Ok(page), Some((filter, last))))
                }
                Err(error) => Some((Err(error.into()), None)),
            }
        }
    })
}

fn csv_pages<T>(
    columns: &'static [&'static str],
    pages: impl Stream<Item = Result<Vec<T>, Failure>> + Send,
    cells: fn(&T) -> Vec<String>,
) -> impl Stream<Item = Result<Vec<u8>, Failure>> + Send {
    use futures_util::StreamExt;
    let header = csv_lines([columns.iter().map(|name| (*name).to_owned()).collect()]);
    stream::iter([header]).chain(pages.map(move |page| csv_lines(page?.iter().map(cells))))
}

fn csv_lines(rows: impl IntoIterator<Item = Vec<String>>) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|cell| harmless(cell))).map_err(|error| internal(&error))?;
    }
    writer.into_inner().map_err(|error| internal(&error))
}

/// The cell, with an apostrophe before what a spreadsheet would calculate.
fn harmless(cell: &str) -> String {
    let first = cell.trim_start().chars().next();
    let is_formula = matches!(first, Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠'))
        || cell.starts_with(['\t', '\r', '\n']);
    if is_formula { format!("'{cell}") } else { cell.to_owned() }
}

const WORKBOOK_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

async fn collect<T>(pages: impl Stream<Item = Result<Vec<T>, Failure>>) -> Result<Vec<T>, Failure> {
    use futures_util::StreamExt;
    let mut pages = std::pin::pin!(pages);
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await {
        rows.extend(page?);
        if rows.len() > WORKBOOK_ROWS {
            let text = format!("an Excel file takes at most {WORKBOOK_ROWS} rows here: take CSV, or narrow the list");
            return Err(Failure::Invalid(text));
        }
    }
    Ok(rows)
}

async fn workbook(name: &'static str, columns: &'static [&'static str], rows: Vec<Vec<String>>) -> Page {
    let made = tokio::task::spawn_blocking(move || write_workbook(columns, &rows)).await;
    let bytes = made.map_err(|error| internal(&error))?.map_err(|error| internal(&error))?;
    Ok(file(name, WORKBOOK_TYPE, bytes))
}

fn write_workbook(columns: &[&str], rows: &[Vec<String>]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let bold = CellFormat::new().set_bold();
    for (column, name) in (0..).zip(columns) {
        sheet.write_string_with_format(0, column, *name, &bold)?;
        sheet.set_column_width(column, 24)?;
    }
    for (number, row) in (1..).zip(rows) {
        for (column, cell) in (0..).zip(row) {
            // A cell takes 32,767 characters.
            sheet.write_string(number, column, cell.chars().take(32_767).collect::<String>())?;
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    book.save_to_buffer()
}

fn streamed(
    name: &'static str,
    kind: &'static str,
    parts: impl Stream<Item = Result<Vec<u8>, Failure>> + Send + 'static,
) -> Response {
    use futures_util::StreamExt;
    // A list that breaks off is no whole file: the connection is cut, and the browser says so.
    let parts = parts.map(|part| {
        part.map(Bytes::from).map_err(|failure| {
            tracing::error!(?failure, "a list was not taken out to its end");
            std::io::Error::other("the list could not be read to its end")
        })
    });
    with_name(name, kind, Body::from_stream(parts).into_response())
}

fn file(name: &'static str, kind: &'static str, bytes: Vec<u8>) -> Response {
    with_name(name, kind, bytes.into_response())
}

fn with_name(name: &str, kind: &'static str, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

fn internal(error: &dyn std::fmt::Display) -> Failure {
    Failure::Internal(format!("a list could not be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\r=1"] {
            assert!(harmless(formula).starts_with('\''), "{formula:?}");
        }
        for text in ["", "ada@acme.example", "Ada = Admin", "1-2"] {
            assert_eq!(harmless(text), text);
        }
        let line = csv_lines([vec!["=cmd|' /C calc'!A0".to_owned(), "a,\"b\"".to_owned()]]).unwrap();
        assert_eq!(String::from_utf8(line).unwrap(), "'=cmd|' /C calc'!A0,\"a,\"\"b\"\"\"\n");
    }
}
