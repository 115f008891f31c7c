//! The only place that prints results.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::slice;
use std::str::FromStr;

use comfy_table::{Table, presets};
use serde::Serialize;

use crate::exit::UnknownColumn;

/// How results are printed.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    Table,
    Json,
    JsonLines,
    Columns(Vec<String>),
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
                "json" => Ok(Self::Json),
                "jsonl" => Ok(Self::JsonLines),
                _ => Err("it is table, json, jsonl or columns=NAME,…"),
            },
        }
    }
}

/// Something of which many are listed.
pub(crate) trait Row: Serialize {
    /// The columns of a table.
    const COLUMNS: &'static [&'static str];

    /// What stands in them.
    fn cells(&self) -> Vec<String>;
}

/// Where results go.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    /// What a verb prints that has nothing else to say.
    pub(crate) fn ok(&self) -> anyhow::Result<()> {
        self.line("ok")
    }

    pub(crate) fn line(&self, text: &str) -> anyhow::Result<()> {
        writeln!(io::stdout(), "{text}")?;
        Ok(())
    }

    /// One of many that come one by one: a line of text, or of JSON.
    pub(crate) fn item(&self, text: impl Display, value: &impl Serialize) -> anyhow::Result<()> {
        match self.format {
            Format::Table | Format::Columns(_) => self.line(&text.to_string()),
            Format::Json | Format::JsonLines => self.line(&serde_json::to_string(value)?),
        }
    }

    /// One thing in full: a line for each column, or an object.
    pub(crate) fn record<R: Row>(&self, row: &R) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.line(&serde_json::to_string_pretty(row)?),
            Format::JsonLines => self.line(&serde_json::to_string(row)?),
            Format::Columns(_) => self.rows(slice::from_ref(row)),
            Format::Table => {
                for (column, cell) in R::COLUMNS.iter().zip(row.cells()) {
                    self.line(format!("{column:10}{cell}").trim_end())?;
                }
                Ok(())
            }
        }
    }

    pub(crate) fn rows<R: Row>(&self, rows: &[R]) -> anyhow::Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        match &self.format {
            Format::Table => {
                let all: Vec<usize> = (0..R::COLUMNS.len()).collect();
                print_table(&mut out, rows, &all)?;
            }
            Format::Columns(names) => print_table(&mut out, rows, &positions::<R>(names)?)?,
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, rows)?;
                writeln!(out)?;
            }
            Format::JsonLines => {
                for row in rows {
                    serde_json::to_writer(&mut out, row)?;
                    writeln!(out)?;
                }
            }
        }
        out.flush()?;
        Ok(())
    }
}

fn positions<R: Row>(names: &[String]) -> Result<Vec<usize>, UnknownColumn> {
    let position = |name: &String| {
        let mut columns = R::COLUMNS.iter();
        columns
            .position(|column| column == name)
            .ok_or_else(|| UnknownColumn {
                name: name.clone(),
                columns: R::COLUMNS,
            })
    };
    names.iter().map(position).collect()
}

fn print_table<R: Row>(out: &mut impl Write, rows: &[R], columns: &[usize]) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(
        columns
            .iter()
            .map(|&column| R::COLUMNS[column].to_uppercase()),
    );
    for row in rows {
        let mut cells = row.cells();
        table.add_row(
            columns
                .iter()
                .map(|&column| std::mem::take(&mut cells[column])),
        );
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
