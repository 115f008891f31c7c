//! The only place that prints results.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::slice;
use std::str::FromStr;

use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;

use crate::problem::Problem;
use crate::table::Table;

/// One wish about how results are printed; several may be given.
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

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some(("columns", names)) => Ok(Self::Columns(
                names.split(',').map(str::to_lowercase).collect(),
            )),
            _ => match text {
                "table" => Ok(Self::Table),
                "noheader" => Ok(Self::NoHeader),
                "json" => Ok(Self::Json),
                "jsonl" => Ok(Self::JsonLines),
                "yaml" => Ok(Self::Yaml),
                _ => Err("it is table, json, jsonl, yaml, noheader or columns=NAME,…"),
            },
        }
    }
}

/// Something of which many are listed.
pub(crate) trait Row: Serialize {
    /// The columns of a table.
    const COLUMNS: &'static [&'static str];

    /// Those that are shown only if they are asked for.
    const ASIDE: &'static [&'static str] = &[];

    /// Those that are left out where a terminal is too narrow for all, the first of them first.
    const SPARE: &'static [&'static str] = &[];

    /// What stands in all columns.
    fn cells(&self) -> Vec<String>;
}

/// Where results go.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    style: Style,
    header: bool,
    columns: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug)]
enum Style {
    Text,
    Json,
    JsonLines,
    Yaml,
}

impl Output {
    /// Of contrary wishes the last counts.
    pub(crate) fn new(formats: Vec<Format>) -> Self {
        let mut out = Self {
            style: Style::Text,
            header: true,
            columns: None,
        };
        for format in formats {
            match format {
                Format::Table => out.style = Style::Text,
                Format::NoHeader => out.header = false,
                Format::Columns(names) => {
                    out.style = Style::Text;
                    out.columns = Some(names);
                }
                Format::Json => out.style = Style::Json,
                Format::JsonLines => out.style = Style::JsonLines,
                Format::Yaml => out.style = Style::Yaml,
            }
        }
        out
    }

    /// Whether failures are told as JSON too.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.style, Style::Json | Style::JsonLines)
    }

    /// Whether a person reads it, who wants to see each thing when it is known.
    pub(crate) fn is_for_people(&self) -> bool {
        matches!(self.style, Style::Text) && self.columns.is_none() && self.header
    }

    /// What a verb did: `ok` for people, what there is to know for programs.
    pub(crate) fn done(&self, outcome: &impl Serialize) -> anyhow::Result<()> {
        self.result("ok", outcome)
    }

    /// What a verb found out: a line for people, an object for programs.
    pub(crate) fn result(&self, text: impl Display, value: &impl Serialize) -> anyhow::Result<()> {
        match self.style {
            Style::Text => line(text),
            _ => self.document(value),
        }
    }

    /// One of many that come one by one: a line of text or of JSON, or a document of YAML.
    pub(crate) fn item(&self, text: impl Display, value: &impl Serialize) -> anyhow::Result<()> {
        match self.style {
            Style::Text => line(text),
            Style::Json | Style::JsonLines => line(serde_json::to_string(value)?),
            Style::Yaml => line(format!(
                "---\n{}",
                serde_saphyr::to_string(value)?.trim_end()
            )),
        }
    }

    /// One thing in full: a line for each column, or an object.
    pub(crate) fn record<R: Row>(&self, row: &R) -> anyhow::Result<()> {
        match (self.style, &self.columns) {
            (Style::Text, Some(_)) => self.rows(slice::from_ref(row)),
            (Style::Text, None) => {
                let named = R::COLUMNS.iter().map(|&name| name.to_owned());
                let rows = named.zip(row.cells()).map(|(name, cell)| vec![name, cell]);
                print(&Table::new(vec!["", ""], rows.collect()).fitted(&[]), false)
            }
            _ => self.document(row),
        }
    }

    /// Many things: a table, or a list.
    pub(crate) fn rows<R: Row>(&self, rows: &[R]) -> anyhow::Result<()> {
        match self.style {
            Style::Text => {
                let columns = self.columns_of::<R>()?;
                let names = columns.iter().map(|&column| R::COLUMNS[column]).collect();
                let rows = rows.iter().map(|row| pick(row.cells(), &columns)).collect();
                let spare = match &self.columns {
                    Some(_) => &[],
                    None => R::SPARE,
                };
                print(&Table::new(names, rows).fitted(spare), self.header)
            }
            Style::JsonLines => {
                let mut out = BufWriter::new(io::stdout().lock());
                for row in rows {
                    serde_json::to_writer(&mut out, row)?;
                    writeln!(out)?;
                }
                Ok(out.flush()?)
            }
            Style::Json | Style::Yaml => self.document(&rows),
        }
    }

    /// What a dry run would have sent.
    pub(crate) fn request(&self, withheld: &hcloud_api::Error) -> anyhow::Result<()> {
        let hcloud_api::Error::DryRun {
            method, path, body, ..
        } = withheld
        else {
            return Ok(());
        };
        let body = body.as_ref().map(ExposeSecret::expose_secret);
        let body: Option<Value> = body.map(serde_json::from_str).transpose()?;
        let request = Request {
            method: method.as_str(),
            path,
            body: body.map(veiled),
        };
        let text = match &request.body {
            Some(body) => format!("{method} {path}\n{body:#}"),
            None => format!("{method} {path}"),
        };
        self.result(text, &request)
    }

    /// The positions of the columns that are shown.
    fn columns_of<R: Row>(&self) -> Result<Vec<usize>, Problem> {
        let Some(names) = &self.columns else {
            let shown = |column: &usize| !R::ASIDE.contains(&R::COLUMNS[*column]);
            return Ok((0..R::COLUMNS.len()).filter(shown).collect());
        };
        let position = |name: &String| {
            let mut columns = R::COLUMNS.iter();
            columns
                .position(|column| column == name)
                .ok_or_else(|| Problem::NoColumn {
                    name: name.clone(),
                    columns: R::COLUMNS,
                })
        };
        names.iter().map(position).collect()
    }

    fn document(&self, value: &impl Serialize) -> anyhow::Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        match self.style {
            Style::Yaml => write!(out, "{}", serde_saphyr::to_string(value)?)?,
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

#[derive(Serialize)]
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    body: Option<Value>,
}

/// A body without what is meant for the server alone.
fn veiled(mut body: Value) -> Value {
    if let Some(user_data) = body.get_mut("user_data").filter(|text| text.is_string()) {
        *user_data = "…".into();
    }
    body
}

fn line(text: impl Display) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

fn pick(mut cells: Vec<String>, columns: &[usize]) -> Vec<String> {
    columns
        .iter()
        .map(|&column| std::mem::take(&mut cells[column]))
        .collect()
}

fn print(table: &Table, header: bool) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    table.write(&mut out, header)?;
    Ok(out.flush()?)
}
