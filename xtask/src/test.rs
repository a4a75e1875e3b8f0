//! `cargo xtask test`: everything that CI runs, in one command.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::postgres::{Cluster, Durability, VARIABLE};
use crate::{root, tidy};

/// How many of the test runner's last lines are repeated at the end.
const CLOSING_LINES: usize = 12;

/// What to test.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Leave out clippy and the documentation
    #[arg(long)]
    fast: bool,
    /// Arguments for the test runner
    #[arg(last = true)]
    runner: Vec<String>,
}

impl Test {
    /// Runs the steps one after another, up to the first that fails.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        step("format", || cargo(&["fmt", "--all", "--check"], &[]))?;
        step("tidy", || tidy::run(&root()))?;
        if !self.fast {
            let lints = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"];
            step("clippy", || cargo(&lints, &[]))?;
        }
        if !self.fast {
            step("documentation tests", || cargo(&["test", "--doc", "--workspace", "--locked", "--quiet"], &[]))?;
            let doc = ["doc", "--workspace", "--no-deps", "--locked", "--quiet"];
            step("documentation", || cargo(&doc, &[("RUSTDOCFLAGS", "-D warnings")]))?;
        }
        let cluster = step("PostgreSQL", || Cluster::start(Durability::Off))?;
        let url = cluster.as_ref().map(Cluster::url);
        // The crash tests run the program itself.
        step("build", || cargo(&["build", "--workspace", "--locked", "--quiet"], &[]))?;
        if !self.fast {
            let traces =
                ["test", "--package", "quittance", "--features", "otlp", "--test", "traces", "--locked", "--quiet"];
            step("traces", || cargo(&traces, &[]))?;
        }
        let (mut closing, mut on_postgres) = (Vec::new(), 0);
        let tested = step("tests", || self.tests(url.as_deref(), &mut closing, &mut on_postgres));
        drop(cluster);
        if url.is_none() {
            println!("skipped: {on_postgres} tests, which need PostgreSQL");
        }
        println!();
        closing.iter().for_each(|line| println!("{line}"));
        tested
    }

    fn tests(&self, postgres: Option<&str>, closing: &mut Vec<String>, on_postgres: &mut u32) -> anyhow::Result<()> {
        let mut command = Command::new("cargo");
        let nextest = Command::new("cargo").args(["nextest", "--version"]).output().is_ok_and(|o| o.status.success());
        if nextest {
            let profile = if std::env::var_os("CI").is_some() { "ci" } else { "default" };
            command.args(["nextest", "run", "--workspace", "--locked", "--profile", profile, "--color", "never"]);
        } else {
            command.args(["test", "--workspace", "--locked", "--lib", "--bins", "--tests"]);
        }
        command.args(&self.runner).current_dir(root()).stdout(Stdio::piped());
        if let Some(url) = postgres {
            command.env(VARIABLE, url);
        }
        // One stream for both, so that the closing lines are found wherever the runner prints them.
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$@\" 2>&1", "sh", "cargo"]).args(command.get_args()).current_dir(root());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut child = shell.stdout(Stdio::piped()).stdin(Stdio::null()).spawn()?;
        let output = child.stdout.take().context("no output")?;
        for line in BufReader::new(output).lines() {
            let line = line?;
            println!("{line}");
            // Without a server these tests pass at once: they are counted by their names.
            *on_postgres += u32::from(line.contains("PASS [") && line.contains("postgres"));
            *on_postgres +=
                u32::from(line.starts_with("test ") && line.contains("postgres") && line.ends_with("... ok"));
            if line.contains("Summary [") || line.starts_with("test result:") || line.trim_start().starts_with("FAIL [")
            {
                closing.push(line);
            }
        }
        let excess = closing.len().saturating_sub(CLOSING_LINES);
        closing.drain(..excess);
        let status = child.wait()?;
        ensure!(status.success(), "the tests failed");
        Ok(())
    }
}

fn step<T>(name: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    println!("── {name}");
    let start = Instant::now();
    let done = work().with_context(|| name.to_owned());
    println!("   {name}: {} in {:.0?}", if done.is_ok() { "ok" } else { "FAILED" }, start.elapsed());
    done
}

fn cargo(args: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut command = Command::new("cargo");
    command.args(args).current_dir(root()).envs(variables.iter().copied());
    let status = command.status()?;
    ensure!(status.success(), "cargo {} ended with {status}", args.join(" "));
    Ok(())
}
