//! The command line: the arguments that all commands share, and the commands.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::commands::backup::{Backup, Restore};
use crate::commands::bill::Bill;
use crate::commands::copy::CopyDatabase;
use crate::commands::credit::CreditCommand;
use crate::commands::demo::Demo;
use crate::commands::import_balances::ImportBalances;
use crate::commands::import_conversions::ImportConversions;
use crate::commands::import_network::ImportNetwork;
use crate::commands::import_rates::ImportRates;
use crate::commands::invoice::InvoiceCommand;
use crate::commands::invoices::Invoices;
use crate::commands::keys::KeysCommand;
use crate::commands::migrate::Migrate;
use crate::commands::network::NetworkCommand;
use crate::commands::offer::OfferCommand;
use crate::commands::openapi::OpenApi;
use crate::commands::party::PartyCommand;
use crate::commands::pay::Pay;
use crate::commands::pull::Pull;
use crate::commands::rates::Rates;
use crate::commands::report::ReportCommand;
use crate::commands::serve::Serve;
use crate::commands::users::UsersCommand;
use crate::commands::verify::Verify;
use crate::context::Context;
use crate::failure::Exit;

const AFTER_HELP: &str = "\
Exit status: 0 done; 1 the request failed or a row was rejected (why is on standard error, one line a cause);
2 wrong usage.

A configuration file has the keys `database` and `network`. The environment goes before it, flags go before both.";

/// Quittance, a billing engine for affiliate networks: from approved conversions to settled invoices, every cent
/// accounted for.
#[derive(Debug, Parser)]
#[command(name = "quittance", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// What all commands take.
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The arguments that all commands take.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of all commands")]
pub(crate) struct GlobalArgs {
    /// The database: sqlite://FILE, sqlite:///ABSOLUTE/FILE or postgres://… [default: sqlite://quittance.db].
    ///
    /// An SQLite file is made on first use. PostgreSQL must be 14 or later.
    #[arg(long, global = true, value_name = "URL", env = "QUITTANCE_DATABASE_URL", hide_env_values = true)]
    pub(crate) database: Option<String>,

    /// The network, where the database has several [default: the only one].
    #[arg(long, global = true, value_name = "NAME", env = "QUITTANCE_NETWORK", hide_env_values = true)]
    pub(crate) network: Option<String>,

    /// The configuration file [default: quittance.toml in the current folder, where there is one].
    #[arg(long, global = true, value_name = "FILE", env = "QUITTANCE_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,

    /// Answers in JSON, for scripts.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Does it once for this key: a repeat within 24 hours prints what the first printed, and does nothing.
    ///
    /// Of commands that change the books. The key is kept with the change, in one transaction: where a command was cut short,
    /// repeat it with the same key.
    #[arg(long, global = true, value_name = "KEY")]
    pub(crate) key: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a sample network with a month of conversions, bills it, shows it and serves it.
    Demo(Demo),
    /// Makes networks, lists them, shows and sets their settings.
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Imports files: conversions, or a network's parties, offers and payment systems.
    #[command(subcommand)]
    Import(ImportCommand),
    /// Reads an account of Affise, Everflow or CAKE: affiliates, offers, conversions. Again, what has changed since.
    Pull(Pull),
    /// Serves the HTTP interfaces.
    Serve(Serve),
    /// Runs billing: invoices for what is unbilled up to a day.
    Bill(Bill),
    /// Lists invoices.
    Invoices(Invoices),
    /// Shows an invoice, approves it, corrects it, voids it, records its payment.
    #[command(subcommand)]
    Invoice(InvoiceCommand),
    /// Records one transfer of money over several invoices of a party.
    Pay(Pay),
    /// Records that a party's credit was paid out in cash, or that such a payment came back.
    #[command(subcommand)]
    Credit(CreditCommand),
    /// Lists rates of exchange.
    Rates(Rates),
    /// Erases a party's personal data.
    #[command(subcommand)]
    Party(PartyCommand),
    /// Sets the hold days of an offer, also for what is unbilled.
    #[command(subcommand)]
    Offer(OfferCommand),
    /// Statements, balances by age, what is unbilled, margins, what runs left out and would issue.
    Report(ReportCommand),
    /// Checks every invariant of the books.
    Verify(Verify),
    /// Makes, lists and revokes the keys that open the interfaces.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Makes people known who use the interfaces, lists them, disables and enables them.
    #[command(subcommand)]
    Users(UsersCommand),
    /// Copies the embedded database into a file, also while a server uses it.
    Backup(Backup),
    /// Puts such a copy in place where there is no database yet.
    Restore(Restore),
    /// Copies a whole database into another, from SQLite to PostgreSQL or back, and proves that nothing was lost.
    Copy(CopyDatabase),
    /// Prints the OpenAPI 3.1 document of the native interface.
    Openapi(OpenApi),
    /// Brings the database's schema up to date. Every command does that first, too.
    Migrate(Migrate),
}

/// What can be imported.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Imports parties, offers, managers, payment systems, currencies and settings from one TOML or JSON file.
    Network(ImportNetwork),
    /// Imports conversions from CSV, JSON Lines or JSON files, plain or compressed by gzip or zstd, or from Parquet.
    Conversions(ImportConversions),
    /// Imports rates of exchange: the European Central Bank's files, or rows of date,base,quote,rate.
    Rates(ImportRates),
    /// Imports what parties were owed, or owed, when the network moved over.
    Balances(ImportBalances),
}

/// What is known of a command beyond what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// It changes nothing in the books.
    Reads,
    /// It makes or changes a whole database, or runs until it is stopped.
    Tends,
    /// It changes the books, and a repeat does nothing that was done.
    Settles,
    /// It changes the books, and a repeat does it once more.
    Acts,
}

impl Command {
    /// What it is.
    pub(crate) fn nature(&self) -> Nature {
        match self {
            Command::Invoices(_)
            | Command::Rates(_)
            | Command::Report(_)
            | Command::Verify(_)
            | Command::Openapi(_) => Nature::Reads,
            Command::Invoice(command) => command.nature(),
            Command::Network(command) => command.nature(),
            Command::Keys(command) => command.nature(),
            Command::Users(command) => command.nature(),
            Command::Credit(command) => command.nature(),
            Command::Demo(_)
            | Command::Serve(_)
            | Command::Backup(_)
            | Command::Restore(_)
            | Command::Copy(_)
            | Command::Migrate(_) => Nature::Tends,
            Command::Import(_) | Command::Pull(_) | Command::Bill(_) | Command::Party(_) | Command::Offer(_) => {
                Nature::Settles
            }
            Command::Pay(_) => Nature::Acts,
        }
    }

    /// The files that it reads.
    pub(crate) fn inputs(&self) -> Vec<&Path> {
        match self {
            Command::Import(ImportCommand::Network(command)) => vec![command.input()],
            Command::Import(ImportCommand::Conversions(command)) => command.inputs(),
            Command::Import(ImportCommand::Balances(command)) => vec![command.input()],
            Command::Import(ImportCommand::Rates(command)) => vec![command.input()],
            _ => Vec::new(),
        }
    }

    /// Whether it may be what makes its network.
    pub(crate) fn may_make_network(&self) -> bool {
        matches!(self, Command::Network(NetworkCommand::Create(_)) | Command::Import(ImportCommand::Network(_)))
    }

    /// Does it.
    ///
    /// # Errors
    /// Why it could not be done.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        match self {
            Command::Network(command) => command.run(context),
            Command::Import(ImportCommand::Network(command)) => command.run(context),
            Command::Import(ImportCommand::Conversions(command)) => command.run(context),
            Command::Import(ImportCommand::Balances(command)) => command.run(context),
            Command::Import(ImportCommand::Rates(command)) => command.run(context),
            Command::Party(command) => command.run(context),
            Command::Offer(command) => command.run(context),
            Command::Report(command) => command.run(context),
            Command::Pay(command) => command.run(context),
            Command::Credit(command) => command.run(context),
            Command::Rates(command) => command.run(context),
            Command::Demo(command) => command.run(context),
            Command::Serve(command) => command.run(context),
            Command::Bill(command) => command.run(context),
            Command::Invoices(command) => command.run(context),
            Command::Invoice(command) => command.run(context),
            Command::Verify(command) => command.run(context),
            Command::Keys(command) => command.run(context),
            Command::Users(command) => command.run(context),
            Command::Backup(command) => command.run(context),
            Command::Restore(command) => command.run(context),
            Command::Copy(command) => command.run(context),
            Command::Openapi(command) => command.run(context),
            Command::Pull(command) => command.run(context),
            Command::Migrate(command) => command.run(context),
        }
    }
}
