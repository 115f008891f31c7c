//! Printing results.

mod closed;
pub(crate) mod next_steps;
pub(crate) mod progress;
mod table;

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::pin::pin;
use std::slice;
use std::str::FromStr;

use futures_util::{Stream, TryStreamExt};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;

use self::table::Table;
use crate::error::{CliError, Exit, Result};

pub(crate) use self::closed::stdout_closed;

/// One `-o FORMAT`; several can be combined.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    Table,
    NoHeader,
    Columns(Vec<String>),
    Json,
    JsonLines,
    Yaml,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(format: &str) -> Result<Self, Self::Err> {
        if let Some(("columns", names)) = format.split_once('=') {
            let names = names.split(',').map(str::to_lowercase);
            return Ok(Self::Columns(names.collect()));
        }
        match format {
            "table" => Ok(Self::Table),
            "noheader" => Ok(Self::NoHeader),
            "json" => Ok(Self::Json),
            "jsonl" => Ok(Self::JsonLines),
            "yaml" => Ok(Self::Yaml),
            _ => Err("expected table, json, jsonl, yaml, noheader or columns=NAME,…"),
        }
    }
}

/// What is printed as a row of a table.
pub(crate) trait Row: Serialize {
    /// The names of the columns.
    const COLUMNS: &'static [&'static str];

    /// Columns that are printed only on request.
    const HIDDEN: &'static [&'static str] = &[];

    /// Columns that are dropped on narrow terminals, in this order.
    const DROP_IF_NARROW: &'static [&'static str] = &[];

    /// The values of all columns: the fields with these names, unless overridden.
    fn cells(&self) -> Vec<String> {
        let row = serde_json::to_value(self).unwrap_or_default();
        let cell = |name: &&str| match &row[*name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        Self::COLUMNS.iter().map(cell).collect()
    }
}

/// How results are printed.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    style: Style,
    header: bool,
    columns: Option<Vec<String>>,
    dry_run: bool,
    quiet: bool,
    /// The server that results are about, if there are several.
    subject: Option<String>,
    /// Whether rows name their server.
    names_server: bool,
}

#[derive(Clone, Copy, Debug)]
enum Style {
    Text,
    Json,
    JsonLines,
    Yaml,
}

impl Output {
    /// The last one of contradictory formats counts.
    pub(crate) fn new(formats: &[Format]) -> Self {
        let mut out = Self {
            style: Style::Text,
            header: true,
            columns: None,
            dry_run: false,
            quiet: false,
            subject: None,
            names_server: false,
        };
        for format in formats {
            match format {
                Format::Table => out.style = Style::Text,
                Format::NoHeader => out.header = false,
                Format::Columns(names) => {
                    out.style = Style::Text;
                    out.columns = Some(names.clone());
                }
                Format::Json => out.style = Style::Json,
                Format::JsonLines => out.style = Style::JsonLines,
                Format::Yaml => out.style = Style::Yaml,
            }
        }
        out
    }

    /// Reports what would be changed, as nothing is.
    pub(crate) fn with_dry_run(self, dry_run: bool) -> Self {
        Self { dry_run, ..self }
    }

    /// Prints results about one of several servers: people read its name in front of them, and
    /// programs get one object after the other.
    pub(crate) fn about(&self, subject: impl Display) -> Self {
        let subject = Some(subject.to_string());
        Self {
            subject,
            ..self.clone()
        }
    }

    /// Shows the column of the servers, which is hidden where all rows are about the same one.
    pub(crate) fn naming_servers(&self) -> Self {
        Self {
            names_server: true,
            ..self.clone()
        }
    }

    /// Prints no next steps.
    pub(crate) fn with_quiet(self, quiet: bool) -> Self {
        Self { quiet, ..self }
    }

    /// Whether a person reads along who may want to know what to do next.
    pub(crate) fn shows_next_steps(&self) -> bool {
        let is_terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
        is_terminal && self.is_plain() && !self.quiet && !self.dry_run
    }

    /// Whether the output is for programs, and so are failures and notes.
    pub(crate) fn is_for_programs(&self) -> bool {
        !matches!(self.style, Style::Text)
    }

    /// Formats a failure for programs: a line of JSON, or a YAML document.
    pub(crate) fn failure(&self, report: &impl Serialize) -> Result<String> {
        match self.style {
            Style::Yaml => yaml_document(report),
            _ => Ok(serde_json::to_string(report)?),
        }
    }

    /// Whether the output is plain text for people, which can be printed line by line.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.style, Style::Text) && self.columns.is_none() && self.header
    }

    /// Prints `ok` for people, or what a verb did for programs.
    pub(crate) fn done(&self, outcome: &impl Serialize) -> Result<()> {
        self.done_to("change nothing", outcome)
    }

    /// Does the same; in a dry run, people read what would be changed, such as `remove web1`.
    pub(crate) fn done_to(&self, change: impl Display, outcome: &impl Serialize) -> Result<()> {
        if self.dry_run {
            return self.result(format!("would {change}"), outcome);
        }
        self.result("ok", outcome)
    }

    /// Prints a line for people, or an object for programs.
    pub(crate) fn result(&self, text: impl Display, value: &impl Serialize) -> Result<()> {
        if let Some(subject) = &self.subject {
            return self.item(format!("{subject}: {text}"), value);
        }
        match self.style {
            Style::Text => line(text),
            _ => self.document(value),
        }
    }

    /// Prints an object for programs, and nothing for people.
    pub(crate) fn document_for_programs(&self, value: &impl Serialize) -> Result<()> {
        match self.style {
            Style::Text => Ok(()),
            _ => self.document(value),
        }
    }

    /// Prints one item of a stream: a line of text or JSON, or a YAML document.
    pub(crate) fn item(&self, text: impl Display, value: &impl Serialize) -> Result<()> {
        match self.style {
            Style::Text => line(text),
            Style::Json | Style::JsonLines => line(serde_json::to_string(value)?),
            Style::Yaml => line(yaml_document(value)?),
        }
    }

    /// Prints one item of a stream like [`done_to`](Self::done_to).
    pub(crate) fn item_done_to(&self, change: impl Display, value: &impl Serialize) -> Result<()> {
        if self.dry_run {
            return self.item(format!("would {change}"), value);
        }
        self.item("ok", value)
    }

    /// Prints an object, or several one after the other, for programs.
    pub(crate) fn documents(&self, values: &[impl Serialize]) -> Result<()> {
        match values {
            [value] => self.document(value),
            values => values.iter().try_for_each(|value| self.item("", value)),
        }
    }

    /// Prints records; for people, one table if they have chosen columns.
    pub(crate) fn records<R: Row>(&self, rows: &[R]) -> Result<()> {
        match (self.style, &self.columns) {
            (Style::Text, Some(_)) => self.rows(rows),
            (Style::Text, None) => rows.iter().try_for_each(|row| self.record(row)),
            _ => self.documents(rows),
        }
    }

    /// Prints a record: a line for each column, or an object.
    pub(crate) fn record<R: Row>(&self, row: &R) -> Result<()> {
        match (self.style, &self.columns) {
            (Style::Text, Some(_)) => self.rows(slice::from_ref(row)),
            (Style::Text, None) => {
                let mut table = Table::new(vec!["", ""]);
                for (name, cell) in R::COLUMNS.iter().zip(row.cells()) {
                    table.push([(*name).to_owned(), cell]);
                }
                print(&table, false)
            }
            _ => self.document(row),
        }
    }

    /// Prints a table, or a list.
    pub(crate) fn rows<R: Row>(&self, rows: &[R]) -> Result<()> {
        let mut list = List::new(self);
        for row in rows {
            list.push(row)?;
        }
        list.finish::<R>()
    }

    /// Does the same with rows that are read meanwhile; all formats but a table are printed row by
    /// row.
    pub(crate) async fn streamed<R, E>(&self, rows: impl Stream<Item = Result<R, E>>) -> Result<()>
    where
        R: Row,
        CliError: From<E>,
    {
        let mut rows = pin!(rows);
        let mut list = List::new(self);
        while let Some(row) = rows.try_next().await? {
            list.push(&row)?;
        }
        list.finish::<R>()
    }

    /// Prints the requests that a dry run did not send: for programs an object, or a list of several.
    pub(crate) fn requests(&self, unsent: &[hcloud_api::Error]) -> Result<()> {
        let mut requests = Vec::new();
        for unsent in unsent {
            let hcloud_api::Error::DryRun {
                method, path, body, ..
            } = unsent
            else {
                continue;
            };
            let body = body.as_ref().map(|body| redacted(body.expose_secret()));
            requests.push(Request {
                method: method.as_str(),
                path,
                body: body.transpose()?,
            });
        }
        let is_list = self.subject.is_none() && !matches!(self.style, Style::Text);
        if is_list && requests.len() > 1 {
            return self.document(&requests);
        }
        for request in &requests {
            let Request { method, path, body } = request;
            let text = match body {
                Some(body) => format!("{method} {path}\n{body:#}"),
                None => format!("{method} {path}"),
            };
            self.result(text, request)?;
        }
        Ok(())
    }

    /// The positions of the columns that are shown.
    fn columns_of<R: Row>(&self) -> Result<Vec<usize>> {
        let Some(names) = &self.columns else {
            let shown = |column: &usize| match R::COLUMNS[*column] {
                "server" if self.names_server => true,
                name => !R::HIDDEN.contains(&name),
            };
            return Ok((0..R::COLUMNS.len()).filter(shown).collect());
        };
        let position = |name: &String| {
            let mut columns = R::COLUMNS.iter();
            columns.position(|column| column == name).ok_or_else(|| {
                let message = format!("unknown column {name:?}");
                let hint = format!("columns: {}", R::COLUMNS.join(", "));
                CliError::new(Exit::Usage, "no_column", message).hint(hint)
            })
        };
        names.iter().map(position).collect()
    }

    fn document(&self, value: &impl Serialize) -> Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        match self.style {
            Style::Yaml => write!(out, "{}", yaml(value)?)?,
            Style::JsonLines => {
                serde_json::to_writer(&mut out, value)?;
                writeln!(out)?;
            }
            Style::Json | Style::Text => {
                serde_json::to_writer_pretty(&mut out, value)?;
                writeln!(out)?;
            }
        }
        Ok(out.flush()?)
    }
}

/// A list that is printed row by row, or a table that is printed at its end.
struct List<'a> {
    output: &'a Output,
    out: BufWriter<io::Stdout>,
    table: Option<(Table, Vec<usize>)>,
    is_empty: bool,
}

impl<'a> List<'a> {
    fn new(output: &'a Output) -> Self {
        Self {
            output,
            out: BufWriter::new(io::stdout()),
            table: None,
            is_empty: true,
        }
    }

    fn table<R: Row>(&mut self) -> Result<&mut (Table, Vec<usize>)> {
        if self.table.is_none() {
            let columns = self.output.columns_of::<R>()?;
            let names = columns.iter().map(|&column| R::COLUMNS[column]).collect();
            self.table = Some((Table::new(names), columns));
        }
        Ok(self.table.as_mut().expect("it was just set"))
    }

    fn push<R: Row>(&mut self, row: &R) -> Result<()> {
        match self.output.style {
            Style::Text => {
                let (table, columns) = self.table::<R>()?;
                let cells = pick(&row.cells(), columns);
                table.push(cells);
            }
            Style::JsonLines => {
                serde_json::to_writer(&mut self.out, row)?;
                writeln!(self.out)?;
            }
            Style::Json => {
                let start = if self.is_empty { "[" } else { "," };
                let row = serde_json::to_string_pretty(row)?.replace('\n', "\n  ");
                write!(self.out, "{start}\n  {row}")?;
            }
            Style::Yaml => write!(self.out, "{}", yaml(&slice::from_ref(row))?)?,
        }
        self.is_empty = false;
        Ok(())
    }

    fn finish<R: Row>(mut self) -> Result<()> {
        match self.output.style {
            Style::Text => {
                self.table::<R>()?;
                let optional = match &self.output.columns {
                    Some(_) => &[],
                    None => R::DROP_IF_NARROW,
                };
                if let Some((table, _)) = self.table {
                    let table = table.fitted(optional);
                    table.write(&mut self.out, self.output.header)?;
                }
            }
            Style::Json if self.is_empty => writeln!(self.out, "[]")?,
            Style::Json => writeln!(self.out, "\n]")?,
            Style::Yaml if self.is_empty => write!(self.out, "{}", yaml(&[(); 0])?)?,
            Style::JsonLines | Style::Yaml => {}
        }
        Ok(self.out.flush()?)
    }
}

#[derive(Serialize)]
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    body: Option<Value>,
}

/// Omits the user data, which may hold secrets.
fn redacted(body: &str) -> Result<Value> {
    let mut body: Value = serde_json::from_str(body)?;
    if let Some(user_data) = body.get_mut("user_data").filter(|text| text.is_string()) {
        *user_data = "…".into();
    }
    Ok(body)
}

fn yaml(value: &impl Serialize) -> Result<String> {
    serde_saphyr::to_string(value)
        .map_err(|error| CliError::from_source(Exit::Failed, "", Box::new(error)))
}

/// One of several documents.
fn yaml_document(value: &impl Serialize) -> Result<String> {
    Ok(format!("---\n{}", yaml(value)?.trim_end()))
}

fn line(text: impl Display) -> Result<()> {
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

fn pick(cells: &[String], columns: &[usize]) -> Vec<String> {
    columns
        .iter()
        .map(|&column| cells[column].clone())
        .collect()
}

fn print(table: &Table, header: bool) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    table.write(&mut out, header)?;
    Ok(out.flush()?)
}
