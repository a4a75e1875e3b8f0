//! `--key`: a command is done once for a key, and a repeat prints what the first has printed.
//!
//! The key is kept in the transaction of the command's effect. What was printed is kept after it: of a command that was
//! killed in between it is known that it was done, and not what it printed.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use quittance_domain::ids::NetworkId;
use quittance_engine::idempotency::{Begun, Claimed, DONE_UNANSWERED};
use quittance_engine::{Call, Engine, Error};
use quittance_http::idempotency::digest;

use crate::cli::{Command, Nature};
use crate::context::Context;
use crate::failure::{Exit, Usage, note};
use crate::output;

/// What is kept as the status of a command that was done.
const DONE: i64 = 200;
/// The same of one that was done in part.
const IN_PART: i64 = 207;
/// How much of a file is in memory while its digest is made.
const PART_BYTES: u64 = 1 << 20;
/// How often, and how long after another, it is looked whether a twin of the command has printed its answer.
const LOOKS: u32 = 20;
const LOOK: Duration = Duration::from_millis(100);

/// Does a command, with a key once.
///
/// # Errors
/// The command's; the key was used for another command; the command knows no key.
pub(crate) fn run(command: &Command, key: Option<&str>, context: Context) -> anyhow::Result<Exit> {
    let nature = command.nature();
    let done = match key {
        // An account's key has the same name.
        Some(key) if !matches!(command, Command::Pull(_)) => once(command, key, nature, context),
        _ => command.run(&context),
    };
    done.map_err(|error| match error.downcast_ref::<Error>() {
        Some(failure) if !failure.is_definitive() => error.context(advice(key.is_some(), nature)),
        _ => error,
    })
}

/// What to do where it is not known whether a change was made.
pub(crate) fn advice(keyed: bool, nature: Nature) -> &'static str {
    match nature {
        _ if keyed => "repeat the command with the same --key: it does nothing twice",
        Nature::Acts => {
            "look whether it was done before you repeat the command; with --key, a repeat does nothing twice"
        }
        _ => "repeat the command: what was done is not done twice",
    }
}

fn once(command: &Command, key: &str, nature: Nature, mut context: Context) -> anyhow::Result<Exit> {
    if matches!(nature, Nature::Reads | Nature::Tends) {
        return Err(Usage("--key: this command changes nothing in the books, so leave it out".to_owned()).into());
    }
    // The command as it was understood, without what says where and how to answer.
    let mut asked = digest(format!("{command:?}").as_bytes());
    for file in command.inputs() {
        // A file of the same name may hold something else by now, and that would be another command.
        if file == Path::new("-") {
            let detail = "--key: what standard input holds is not known before it is read: name a file";
            return Err(Usage(detail.to_owned()).into());
        }
        asked = digest(format!("{asked} {}", of_file(file)?).as_bytes());
    }
    context.claimed = Some(Claimed::command(key, asked));
    let engine = context.engine()?;
    let call = if command.may_make_network() { context.call_of(NetworkId::new(0)) } else { context.call(&engine)? };
    if let Some(before) = engine.done_before(&call).context("--key")? {
        return answered(&engine, &call, before);
    }
    output::keep();
    match command.run(&context) {
        Ok(Exit::Done) => {
            engine.keep_outcome(&call, DONE, &output::kept())?;
            Ok(Exit::Done)
        }
        // Of an input in which rows were refused the others were taken: a repeat would take none of it again.
        Ok(Exit::Failed) if !command.inputs().is_empty() => {
            engine.keep_outcome(&call, IN_PART, &output::kept())?;
            Ok(Exit::Failed)
        }
        Ok(exit) => Ok(exit),
        // A twin of the command may have been faster, and have done it.
        Err(error) => match engine.done_before(&call) {
            Ok(Some(before)) => answered(&engine, &call, before),
            _ => Err(error),
        },
    }
}

/// The digest of a file's bytes.
fn of_file(file: &Path) -> anyhow::Result<String> {
    let shown = || format!("cannot read {}", file.display());
    let mut input = File::open(file).with_context(shown)?;
    let (mut digests, mut part) = (String::new(), Vec::new());
    loop {
        part.clear();
        if input.by_ref().take(PART_BYTES).read_to_end(&mut part).with_context(shown)? == 0 {
            return Ok(digests);
        }
        digests = digest(format!("{digests}{}", digest(&part)).as_bytes());
    }
}

/// Prints what a command with the same key has printed.
fn answered(engine: &Engine, call: &Call, mut before: Begun) -> anyhow::Result<Exit> {
    for _ in 0..LOOKS {
        match &before {
            Begun::Repeat { status: DONE_UNANSWERED, .. } => {}
            Begun::Repeat { answer, status } => {
                note("it was done before with this key; nothing was done now");
                output::text(answer)?;
                return Ok(if *status == IN_PART { Exit::Failed } else { Exit::Done });
            }
            _ => {
                let detail = "--key: it was used for another command; use a new key for a new command";
                return Err(Usage(detail.to_owned()).into());
            }
        }
        std::thread::sleep(LOOK);
        let Some(now) = engine.done_before(call)? else { break };
        before = now;
    }
    note("it was done before with this key, and cut short before it had printed its answer; nothing was done now");
    Ok(Exit::Done)
}
