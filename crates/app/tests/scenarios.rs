//! Golden scenarios: each file of `scenarios` is a network's story as its people would type it, with what the program
//! says. They are run against the real program on both databases; every figure in them was worked out by hand, and the
//! comments say how.
//!
//! `== NAME` begins a file of the scenario's folder, `== 2026-02-02` a day on which the commands after it are typed. A line
//! that begins with `$` is a command; what is below it, if anything, is what it prints. Of `$~` what is below is among it, line
//! by line and in order. `$?` is done with the warnings below it. `$!` fails with status 1 and the reasons below it, `$!!`
//! is wrong usage: status 2, and what is below is among what it says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod folder;

use std::path::Path;

use folder::Folder;
use quittance_testkit::{TestDatabase, both_databases};

/// The commands of a day, each with what it is to print.
struct Story<'a> {
    path: &'a Path,
    folder: Folder,
    url: String,
    clock: String,
}

impl Story<'_> {
    fn tell(&mut self, text: &str) {
        let mut sections = text.split("\n== ");
        sections.next();
        for section in sections {
            let (name, content) = section.split_once('\n').unwrap_or((section, ""));
            if name.contains('.') {
                self.folder.write(name, content);
            } else {
                self.clock = format!("{name}T12:00:00Z");
                self.day(content);
            }
        }
    }

    fn day(&self, content: &str) {
        let mut command: Option<(&str, Vec<&str>)> = None;
        for line in content.lines().filter(|line| !line.starts_with('#')) {
            if line.starts_with('$') {
                self.run(command.take());
                command = Some((line, Vec::new()));
            } else if let Some((_, expected)) = &mut command {
                expected.push(line);
            }
        }
        self.run(command);
    }

    fn run(&self, command: Option<(&str, Vec<&str>)>) {
        let Some((line, expected)) = command else { return };
        let form = line.split(' ').next().unwrap_or_default();
        let (status, on_errors, whole) = match form {
            "$" => (0, false, true),
            "$~" => (0, false, false),
            "$?" => (0, true, true),
            "$!" => (1, true, true),
            "$!!" => (2, true, false),
            _ => panic!("{}: {line}: there is no such form of a command", self.path.display()),
        };
        let words = shell_words(line.trim_start_matches(form));
        let args: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut program = self.folder.command(&args);
        let output =
            program.env("QUITTANCE_DATABASE_URL", &self.url).env("QUITTANCE_TEST_CLOCK", &self.clock).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let said = if on_errors { errors.clone() } else { String::from_utf8_lossy(&output.stdout) };
        let (said, expected) = (plain(&said), plain(&expected.join("\n")));
        let path = self.path.display();
        assert_eq!(output.status.code(), Some(status), "{path}: {line}\n{errors}");
        let agrees = match whole {
            // A plain command that nothing is said of may print what it likes.
            true => said == expected || (form == "$" && expected.is_empty()),
            false => holds(&said, &expected),
        };
        assert!(agrees, "{path}: {line}\nsaid:\n{said}\nexpected:\n{expected}");
    }
}

/// Whether all lines of a text are lines of another, in order.
fn holds(said: &str, expected: &str) -> bool {
    let mut lines = said.lines();
    !expected.is_empty() && expected.lines().all(|wanted| lines.any(|line| line == wanted))
}

/// Without spaces at the ends of lines, and without empty lines.
fn plain(text: &str) -> String {
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// Words apart by spaces; double quotes keep them together.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '"' => (quoted, any) = (!quoted, true),
            ' ' if !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

both_databases! {
    fn every_scenario_ends_as_it_says(database) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
        let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(!paths.is_empty());
        let mut wrong = Vec::new();
        for path in paths {
            let fresh;
            let url = if database.url().starts_with("sqlite") {
                "sqlite://quittance.db".to_owned()
            } else {
                fresh = TestDatabase::postgres();
                fresh.as_ref().unwrap().url().to_owned()
            };
            let text = std::fs::read_to_string(&path).unwrap();
            let mut story = Story { path: &path, folder: Folder::new(), url, clock: String::new() };
            let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| story.tell(&format!("\n{text}"))));
            wrong.extend(told.is_err().then(|| path.display().to_string()));
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
