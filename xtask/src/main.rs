//! The project's own tooling: `cargo xtask test` is everything that CI runs.

mod bench;
mod postgres;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// The project's own tooling.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run everything that CI runs
    Test(test::Test),
    /// Measure our speed beside bare yardsticks
    Bench(bench::Bench),
    /// Check what the compiler and the manifests cannot
    Tidy,
    /// Run a command beside a throw-away PostgreSQL, whose URL is in QUITTANCE_TEST_POSTGRES
    Postgres {
        /// The command
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Test(test) => test.run(),
        Task::Bench(bench) => bench.run(),
        Task::Tidy => tidy::run(&root()),
        Task::Postgres { command } => beside_postgres(&command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn beside_postgres(command: &[String]) -> anyhow::Result<()> {
    let cluster = postgres::Cluster::start(postgres::Durability::Off)?.context("there is no PostgreSQL")?;
    let (program, args) = command.split_first().context("no command")?;
    let status = Command::new(program).args(args).env(postgres::VARIABLE, cluster.url()).status()?;
    anyhow::ensure!(status.success(), "{program} ended with {status}");
    Ok(())
}
