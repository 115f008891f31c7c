//! `hcc doctor`: runs all checks.

use std::fmt;
use std::io::{IsTerminal, stderr, stdout};
use std::path::{Path, PathBuf};

use console::{Style, Term, measure_text_width};
use hcc_console_page::ConsolePage;

use crate::config::{Config, Flags, unless_empty};
use crate::error::{CliError, Result};
use crate::health::{self, Finding, HEARTBEAT_TIMEOUT, Health};
use crate::output::{Output, Row};

/// Check settings, token, API, databases, clock, console page and worker
///
/// Nothing is changed. Each check prints what it found, and what to do about a problem. The exit
/// code is 0 if no check failed; warnings are not failures.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc doctor")]
pub(crate) struct Doctor {
    /// Directory of the console page
    #[arg(long, value_name = "DIR", env = unless_empty("HCC_WWW"), hide_env_values = true)]
    www: Option<PathBuf>,
}

/// The column of the findings, behind their health and subject.
const INDENT: usize = 19;

impl Doctor {
    pub(crate) async fn run(self, flags: Flags, out: Output) -> Result<()> {
        let mut report = DoctorReport {
            out,
            findings: Vec::new(),
        };
        match Config::load(flags) {
            Ok(config) => self.check(&config, &mut report).await?,
            Err(error) => report.add(Finding::failed("settings", error))?,
        }
        report.finish()
    }

    async fn check(&self, config: &Config, report: &mut DoctorReport) -> Result<()> {
        report.add(health::settings(config))?;
        let shows_wait = report.out.is_plain() && stderr().is_terminal() && stdout().is_terminal();
        let quick_checks = async {
            for finding in health::api(config).await {
                report.add(finding)?;
            }
            report.add(health::records(config).await)?;
            report.add(health::queue(config).await)?;
            report.add(page(config, self.www.as_deref()))?;
            if shows_wait {
                let seconds = HEARTBEAT_TIMEOUT.as_secs();
                eprint!("waiting up to {seconds} s for the heartbeat of a worker");
            }
            Ok::<_, CliError>(())
        };
        let (quick, worker) = tokio::join!(quick_checks, health::worker(config));
        if shows_wait {
            Term::stderr().clear_line()?;
        }
        quick?;
        report.add(worker)
    }
}

/// Prints findings: each at once for people, all together for programs.
struct DoctorReport {
    out: Output,
    findings: Vec<Finding>,
}

impl DoctorReport {
    fn add(&mut self, finding: Finding) -> Result<()> {
        if self.out.is_plain() {
            self.out.item(Line(&finding), &finding)?;
        }
        self.findings.push(finding);
        Ok(())
    }

    fn finish(self) -> Result<()> {
        if !self.out.is_plain() {
            self.out.rows(&self.findings)?;
        }
        let exits: Vec<_> = self
            .findings
            .iter()
            .filter_map(|found| found.exit)
            .collect();
        let Some(exit) = exits.first() else {
            return Ok(());
        };
        let message = format!("{} of {} checks failed", exits.len(), self.findings.len());
        Err(CliError::new(*exit, "unwell", message))
    }
}

/// A finding for people.
struct Line<'a>(&'a Finding);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding {
            about,
            check,
            finding,
            advice,
            ..
        } = self.0;
        let style = match check {
            Health::Ok => Style::new().green(),
            Health::Warning => Style::new().yellow(),
            Health::Failed => Style::new().red(),
        };
        let check = style.apply_to(format!("{:8}", check.as_str()));
        write!(f, "{check} {about:9} {}", wrapped(finding))?;
        match advice {
            Some(advice) => write!(f, "\n{:INDENT$}{}", "", wrapped(&format!("hint: {advice}"))),
            None => Ok(()),
        }
    }
}

/// Breaks lines between words at the width of the terminal.
fn wrapped(text: &str) -> String {
    let Some((_, columns)) = Term::stdout().size_checked() else {
        return text.to_owned();
    };
    let limit = usize::from(columns).saturating_sub(INDENT);
    let (mut lines, mut width) = (String::new(), 0);
    for word in text.split(' ') {
        let word_width = measure_text_width(word);
        if lines.is_empty() {
            width = word_width;
        } else if width + 1 + word_width > limit {
            lines += &format!("\n{:INDENT$}", "");
            width = word_width;
        } else {
            lines.push(' ');
            width += 1 + word_width;
        }
        lines += word;
    }
    lines
}

impl Row for Finding {
    const COLUMNS: &'static [&'static str] = &["about", "check", "finding", "advice"];
}

fn page(config: &Config, www: Option<&Path>) -> Finding {
    if let Some(url) = &config.settings.console {
        return Finding::ok("console", format!("links open {url}"));
    }
    match ConsolePage::find(www) {
        Ok(page) => Finding::ok("console", format!("page and noVNC {page}")),
        // Links can be printed without it.
        Err(error) => {
            let hint = error.hint().unwrap_or_default();
            Finding::warning("console", error.to_string(), hint)
        }
    }
}
