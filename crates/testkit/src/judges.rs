//! Clients and checkers that others have written in Python, in one environment under the target folder, made by the first
//! test that needs it. To add one: its name and hashes in `judges/requirements.txt`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is installed, each with its version and hashes.
const REQUIREMENTS: &str = include_str!("../judges/requirements.txt");

/// The Python of the environment; `None` where it cannot be made, since there is no Python or no package index.
///
/// # Panics
/// In CI, where a missing judge must not pass for a skipped test.
#[must_use]
pub fn python() -> Option<PathBuf> {
    let made = environment();
    if let Err(why) = &made {
        assert!(std::env::var_os("CI").is_none(), "the Python judges cannot be installed, and this is CI: {why}");
        println!("skipped: the Python judges cannot be installed: {why}");
    }
    made.ok()
}

fn target() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    std::env::var_os("CARGO_TARGET_DIR").map_or(own, PathBuf::from)
}

fn environment() -> Result<PathBuf, String> {
    let folder = target().join("judges");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    // Several tests may come at once: one makes it, the others find it made.
    let lock = File::create(folder.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let (environment, stamp) = (folder.join("python"), folder.join("installed.txt"));
    let python = environment.join("bin/python");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == REQUIREMENTS) {
        return Ok(python);
    }
    // What is left of an older one, or of one that was not finished, is of no use.
    let _ = fs::remove_dir_all(&environment);
    let list = folder.join("requirements.txt");
    fs::write(&list, REQUIREMENTS).map_err(|error| error.to_string())?;
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    let install =
        ["-m", "pip", "install", "--quiet", "--no-input", "--retries", "1", "--timeout", "20", "--require-hashes"];
    run(Command::new(&python).args(install).arg("-r").arg(&list))?;
    fs::write(&stamp, REQUIREMENTS).map_err(|error| error.to_string())?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("{:?} ended with {}: {said}", command.get_program(), output.status))
}
