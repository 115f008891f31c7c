//! The command line: verbs and flags.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use serde_json::json;
use tracing::level_filters::LevelFilter;

use crate::cmd;
use crate::config::{Config, Flags};
use crate::error::{CliError, Result};
use crate::output::{Format, Output};
use crate::platform::log::Verbosity;
use crate::suggestion::suggest;

/// Controls a Hetzner Cloud project, and opens the screens of its servers
#[derive(Debug, Parser)]
#[command(name = "hcc", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    flags: Flags,

    /// Output format: table, json, jsonl, yaml, noheader, or columns=NAME,…
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "table"
    )]
    #[arg(help_heading = "Settings")]
    output: Vec<Format>,

    /// Do not print what to do next, which terminals show only
    #[arg(long, global = true, help_heading = "Settings", hide_short_help = true)]
    quiet: bool,

    #[command(flatten)]
    verbosity: Verbosity,

    #[command(subcommand)]
    verb: Verb,
}

const EXIT_CODES: &str = "\
Examples:
  hcc setup
  hcc create web1
  hcc console web1 --open

Exit codes: 0 success, 1 failure, 2 invalid usage, 3 not found, 4 refused,
5 not set up or not permitted, 6 temporary failure, 7 timeout";

#[derive(Debug, Subcommand)]
enum Verb {
    Setup(cmd::setup::Setup),
    Config(cmd::config::ConfigCommand),
    #[command(visible_alias = "ls")]
    List(cmd::list::List),
    Images(cmd::catalog::Images),
    Isos(cmd::catalog::Isos),
    #[command(visible_alias = "dc")]
    Locations(cmd::catalog::Locations),
    Types(cmd::catalog::Types),
    #[command(visible_alias = "new")]
    Create(Box<cmd::create::Create>),
    Start(cmd::power::Start),
    Stop(cmd::power::Stop),
    #[command(visible_alias = "off")]
    Force(cmd::power::Force),
    Reset(cmd::power::Reset),
    Reboot(cmd::power::Reboot),
    #[command(visible_aliases = ["delete", "rm"])]
    Kill(cmd::kill::Kill),
    #[command(visible_alias = "manage")]
    Settag(cmd::manage::Manage),
    #[command(visible_alias = "unmanage")]
    Deltag(cmd::manage::Unmanage),
    #[command(flatten)]
    Operation(cmd::operation::OperationCommand),
    Ssh(cmd::ssh::Ssh),
    Sync(cmd::sync::Sync),
    Console(cmd::console::Console),
    Password(cmd::password::Password),
    Page(cmd::page::Page),
    #[command(visible_alias = "put")]
    Notify(cmd::signal::Notify),
    Wait(cmd::signal::Wait),
    Push(cmd::queue::Push),
    Pull(cmd::queue::Pull),
    Next(cmd::queue::Next),
    Queue(cmd::queue::QueueCommand),
    Schedule(cmd::schedule::ScheduleCommand),
    Events(cmd::signal::Events),
    Worker(cmd::worker::Worker),
    Action(cmd::action::ActionCommand),
    Api(cmd::api::Api),
    Doctor(cmd::doctor::Doctor),
    /// Print the version
    #[command(after_help = "Example:\n  hcc version")]
    Version {},
    Completion(cmd::completion::Completion),
    #[command(hide = true)]
    Man(cmd::completion::Man),
}

/// What a verb does with `--dry-run`. Whatever it says here, the API, the databases and the
/// settings of [`Config`] let nothing be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DryRun {
    /// It changes nothing anyway.
    Reads,
    /// It prints what it would change.
    Prints,
    /// It cannot tell what it would do.
    Refuses(&'static str),
}

impl Verb {
    fn dry_run(&self) -> DryRun {
        match self {
            Self::List(_)
            | Self::Images(_)
            | Self::Isos(_)
            | Self::Locations(_)
            | Self::Types(_)
            | Self::Password(_)
            | Self::Page(_)
            | Self::Wait(_)
            | Self::Events(_)
            | Self::Action(_)
            | Self::Doctor(_)
            | Self::Version {}
            | Self::Completion(_) => DryRun::Reads,
            Self::Setup(_)
            | Self::Config(_)
            | Self::Create(_)
            | Self::Start(_)
            | Self::Stop(_)
            | Self::Force(_)
            | Self::Reset(_)
            | Self::Reboot(_)
            | Self::Kill(_)
            | Self::Settag(_)
            | Self::Deltag(_)
            | Self::Operation(_)
            | Self::Api(_)
            | Self::Sync(_)
            | Self::Console(_)
            | Self::Notify(_)
            | Self::Push(_)
            | Self::Queue(_)
            | Self::Schedule(_) => DryRun::Prints,
            Self::Pull(_) => DryRun::Refuses("pull"),
            Self::Next(_) => DryRun::Refuses("next"),
            Self::Worker(_) => DryRun::Refuses("a worker"),
            Self::Man(_) => DryRun::Refuses("man"),
            Self::Ssh(_) => DryRun::Refuses("ssh"),
        }
    }
}

/// The id of the flag that counts wherever it is given.
const PROFILE: &str = "profile";

impl Cli {
    /// Parses the arguments of this process.
    ///
    /// # Errors
    ///
    /// They are invalid, or a request for help.
    pub(crate) fn of_args() -> Result<Self, clap::Error> {
        // Of a global flag before and after the verb, clap keeps the one after it.
        let command = Self::command().mut_arg(PROFILE, |arg| arg.global(false));
        let profile = command.get_arguments().find(|arg| arg.get_id() == PROFILE);
        let profile = profile.expect("it was changed").clone();
        let matches = with_flag(command, &profile).try_get_matches()?;
        let mut cli = Self::from_arg_matches(&matches)?;
        let profiles = given_profiles(&matches);
        if !profiles.is_empty() {
            cli.flags = cli.flags.with_profiles(profiles);
        }
        Ok(cli)
    }

    pub(crate) fn output(&self) -> Output {
        Output::new(&self.output)
            .with_dry_run(self.flags.dry_run())
            .with_quiet(self.quiet)
    }

    pub(crate) async fn run(self, out: Output) -> Result<()> {
        let flags = self.flags.clone();
        let Err(error) = self.run_verb(out).await else {
            return Ok(());
        };
        Err(match Config::load_or_new(flags.clone()) {
            Ok(config) => suggest(error, &config).await.in_project(&config),
            Err(_) => error.in_profile(flags.profile().unwrap_or_default()),
        })
    }

    async fn run_verb(self, out: Output) -> Result<()> {
        self.verbosity.start(match self.verb {
            Verb::Worker(_) => LevelFilter::INFO,
            _ => LevelFilter::OFF,
        })?;
        let flags = self.flags;
        if flags.dry_run()
            && let DryRun::Refuses(subject) = self.verb.dry_run()
        {
            let message = format!("{subject} cannot run with --dry-run");
            return Err(CliError::usage(message));
        }
        if !matches!(self.verb, Verb::Worker(_)) {
            flags.profile()?;
        }
        let config = || Config::load(flags.clone());
        match self.verb {
            Verb::Setup(verb) => verb.run(Config::load_or_new(flags)?, out).await,
            Verb::Config(verb) => verb.run(flags, out).await,
            Verb::List(verb) => verb.run(&config()?, out).await,
            Verb::Images(verb) => verb.run(&config()?, out).await,
            Verb::Isos(verb) => verb.run(&config()?, out).await,
            Verb::Locations(verb) => verb.run(&config()?, out).await,
            Verb::Types(verb) => verb.run(&config()?, out).await,
            Verb::Create(verb) => verb.run(&config()?, out).await,
            Verb::Start(verb) => verb.run(&config()?, out).await,
            Verb::Stop(verb) => verb.run(&config()?, out).await,
            Verb::Force(verb) => verb.run(&config()?, out).await,
            Verb::Reset(verb) => verb.run(&config()?, out).await,
            Verb::Reboot(verb) => verb.run(&config()?, out).await,
            Verb::Kill(verb) => verb.run(&config()?, out).await,
            Verb::Settag(verb) => verb.run(&config()?, out).await,
            Verb::Deltag(verb) => verb.run(&config()?, out).await,
            Verb::Operation(verb) => verb.run(&config()?, out).await,
            Verb::Ssh(verb) => verb.run(&config()?).await,
            Verb::Sync(verb) => verb.run(&config()?, out).await,
            Verb::Console(verb) => verb.run(&config()?, out).await,
            Verb::Password(verb) => verb.run(&config()?, out).await,
            Verb::Page(verb) => verb.run().await,
            Verb::Notify(verb) => verb.run(&config()?, out).await,
            Verb::Wait(verb) => verb.run(&config()?, out).await,
            Verb::Push(verb) => verb.run(&config()?, out).await,
            Verb::Pull(verb) => verb.run(&config()?, out).await,
            Verb::Next(verb) => verb.run(&config()?, out).await,
            Verb::Queue(verb) => verb.run(&config()?, out).await,
            Verb::Schedule(verb) => verb.run(&config()?, out).await,
            Verb::Events(verb) => verb.run(&config()?, out).await,
            Verb::Action(verb) => verb.run(&config()?, out).await,
            Verb::Api(verb) => verb.run(&config()?, out).await,
            Verb::Doctor(verb) => verb.run(flags, out).await,
            Verb::Version {} => version(&out),
            Verb::Completion(verb) => verb.run(),
            Verb::Man(verb) => verb.run(Self::command()),
            Verb::Worker(verb) => verb.run(flags).await,
        }
    }
}

/// Adds a flag to all verbs.
fn with_flag(command: Command, flag: &Arg) -> Command {
    command.mut_subcommands(|verb| with_flag(verb.arg(flag), flag))
}

/// Returns the profiles on the command line, before and after the verb.
fn given_profiles(matches: &ArgMatches) -> Vec<String> {
    let mut profiles = Vec::new();
    let mut level = Some(matches);
    while let Some(matches) = level {
        if matches.value_source(PROFILE) == Some(ValueSource::CommandLine) {
            let given = matches.get_many::<String>(PROFILE);
            profiles.extend(given.into_iter().flatten().cloned());
        }
        level = matches.subcommand().map(|(_, matches)| matches);
    }
    profiles
}

fn version(out: &Output) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    out.result(format!("hcc {version}"), &json!({ "version": version }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits a line as a shell does, as far as the examples need it.
    fn words(line: &str) -> Vec<&str> {
        let parts = line.split('\'').enumerate();
        let words = parts.map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().collect(),
            _ => vec![part],
        });
        words.flatten().collect()
    }

    fn check_examples(command: &Command, path: &str) {
        let help = command.get_after_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
        let examples: Vec<_> = lines.filter(|line| line.starts_with("hcc ")).collect();

        assert!(help.contains("Example"), "{path}");
        assert!(examples.iter().any(|line| line.starts_with(path)), "{path}");
        for example in examples {
            let parsed = Cli::try_parse_from(words(example));
            let parsed = parsed.unwrap_or_else(|error| panic!("{example}: {error}"));
            if let Verb::Operation(operation) = parsed.verb {
                assert!(operation.operation().is_ok(), "{example}");
            }
        }
        for command in command.get_subcommands() {
            check_examples(command, &format!("{path} {}", command.get_name()));
        }
    }

    #[test]
    fn every_command_has_examples_that_can_be_typed() {
        check_examples(&Cli::command(), "hcc");
    }
}
