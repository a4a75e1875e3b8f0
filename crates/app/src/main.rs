//! `quittance`: the command line, the configuration and the place where everything is put together.
//!
//! To add a command: a file in `commands/` with its arguments and its `run`, and an arm of it in `cli.rs`.

mod cli;
mod clock;
mod commands;
mod config;
mod context;
mod failure;
mod logs;
mod once;
mod outbound;
mod output;
mod rejected;
mod sources;
#[cfg(feature = "otlp")]
mod traces;
mod webhooks;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::context::Context;
use crate::failure::Exit;

/// An import hands records from the thread that reads to those that write. This allocator takes back memory of other
/// threads at little cost; the system's spent a third of the program's time on it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Wrong arguments end the process here, with status 2.
    let cli = Cli::parse();
    let exit = run(&cli).unwrap_or_else(|error| failure::report(&error));
    ExitCode::from(exit.status())
}

fn run(cli: &Cli) -> anyhow::Result<Exit> {
    let config = config::load(&cli.global)?;
    let context = Context { config, now: clock::now(), json: cli.global.json, claimed: None };
    once::run(&cli.command, cli.global.key.as_deref(), context)
}
