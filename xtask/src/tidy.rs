//! What the compiler and the manifests cannot check: who may name what, and how files look.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;

/// A rule that was broken.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    line: usize,
    why: String,
}

/// A word that only some places may name.
struct Word {
    word: &'static str,
    /// The places where the rule holds.
    within: &'static [&'static str],
    /// Those of them that may name it.
    allowed: &'static [&'static str],
    why: &'static str,
}

const WORDS: &[Word] = &[
    Word { word: "rusqlite", within: &["crates/"], allowed: &["crates/store/"], why: "only the store knows SQLite" },
    Word {
        word: "tokio_postgres",
        within: &["crates/"],
        allowed: &["crates/store/"],
        why: "only the store knows PostgreSQL",
    },
    Word {
        word: "axum",
        within: &["crates/"],
        allowed: &["crates/http/", "crates/api/", "crates/app/", "crates/console/"],
        why: "only the interfaces know HTTP",
    },
    Word { word: "serde", within: &["crates/domain/"], allowed: &[], why: "the domain knows no wire format" },
    Word { word: "f32", within: MONEY, allowed: &[], why: "no floating point near money" },
    Word { word: "f64", within: MONEY, allowed: &[], why: "no floating point near money" },
    Word { word: "anyhow", within: &["crates/"], allowed: &["crates/app/"], why: "errors are types below the app" },
    Word {
        word: "cake",
        within: &["crates/api/src/native/", "crates/api/src/affise/", "crates/api/src/everflow/"],
        allowed: &[],
        why: DIALECTS,
    },
    Word {
        word: "affise",
        within: &["crates/api/src/native/", "crates/api/src/cake/", "crates/api/src/everflow/"],
        allowed: &[],
        why: DIALECTS,
    },
    Word {
        word: "everflow",
        within: &["crates/api/src/native/", "crates/api/src/cake/", "crates/api/src/affise/"],
        allowed: &[],
        why: DIALECTS,
    },
];

const MONEY: &[&str] = &["crates/domain/src/", "crates/store/src/", "crates/engine/src/"];
const DIALECTS: &str = "no dialect names another";
/// Text that says that something is not done, put together here so that this file does not hold it.
const UNFINISHED: [(&str, &str); 4] = [("todo", "!("), ("unimplemented", "!("), ("dbg", "!("), ("#[ign", "ore]")];
/// Machine paths and package hosts, likewise.
const FOREIGN: [(&str, &str); 5] = [
    ("/wo", "rk/main"),
    ("static.cra", "tes"),
    ("index.cra", "tes"),
    ("registry.np", "mjs"),
    ("files.python", "hosted"),
];

/// Which of our crates a crate may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain"]),
    ("engine", &["domain", "store"]),
    ("http", &["domain", "engine"]),
    ("api", &["domain", "engine", "http"]),
    ("app", &["domain", "store", "engine", "http", "api"]),
    ("testkit", &["domain", "store", "engine"]),
];

const LINES_MAX: usize = 600;
const TEST_LINES_MAX: usize = 1000;

/// Checks every tracked file.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let mut broken = 0;
    for path in tracked(root)? {
        let Ok(text) = std::fs::read_to_string(root.join(&path)) else { continue };
        let name = path.to_string_lossy().replace('\\', "/");
        for violation in check(&name, &text) {
            println!("{name}:{}: {}", violation.line, violation.why);
            broken += 1;
        }
    }
    ensure!(broken == 0, "{broken} violations");
    Ok(())
}

fn tracked(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()?;
    ensure!(listed.status.success(), "git does not list the files");
    Ok(String::from_utf8_lossy(&listed.stdout).lines().map(PathBuf::from).collect())
}

fn check(path: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    if path.ends_with(".rs") {
        found.extend(words(path, text));
        found.extend(shape(path, text));
    }
    if path.starts_with("crates/") && path.ends_with("Cargo.toml") {
        found.extend(arrows(path, text));
    }
    if path != "Cargo.lock" {
        found.extend(pieces(text, &FOREIGN, "a path or host of some machine"));
    }
    found
}

fn words(path: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    for rule in WORDS {
        let holds = rule.within.iter().any(|place| path.starts_with(place));
        let tests = path.contains("/tests/") || path.starts_with("crates/testkit/");
        if !holds || tests || rule.allowed.iter().any(|place| path.starts_with(place)) {
            continue;
        }
        for (i, line) in text.lines().enumerate().filter(|(_, line)| names(line, rule.word)) {
            let why = format!("`{}`: {}: {}", rule.word, rule.why, line.trim());
            found.push(Violation { line: i + 1, why });
        }
    }
    found
}

/// Whether code in a line names a word as a whole.
fn names(line: &str, word: &str) -> bool {
    let code = line.split("//").next().unwrap_or(line);
    code.match_indices(word).any(|(at, _)| {
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !part(code[..at].chars().next_back()) && !part(code[at + word.len()..].chars().next())
    })
}

fn shape(path: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push(Violation { line: 1, why: "a file opens with a `//!` line that says what it is".to_owned() });
    }
    let max = if path.contains("/tests/") { TEST_LINES_MAX } else { LINES_MAX };
    let lines = text.lines().count();
    if lines > max {
        found.push(Violation { line: max, why: format!("{lines} lines, {max} are allowed: split it") });
    }
    found.extend(pieces(text, &UNFINISHED, "unfinished"));
    found
}

fn pieces(text: &str, needles: &[(&str, &str)], why: &str) -> Vec<Violation> {
    let needles: Vec<String> = needles.iter().map(|(a, b)| format!("{a}{b}")).collect();
    let lines = text.lines().enumerate();
    let hits = lines.filter_map(|(i, line)| needles.iter().find(|n| line.contains(*n)).map(|n| (i, n)));
    hits.map(|(i, needle)| Violation { line: i + 1, why: format!("{why}: {needle}") }).collect()
}

fn arrows(path: &str, text: &str) -> Vec<Violation> {
    let name = path.split('/').nth(1).unwrap_or_default();
    let Some((_, allowed)) = ARROWS.iter().find(|(krate, _)| *krate == name) else { return Vec::new() };
    let mut found = Vec::new();
    let mut section = "";
    for (i, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            section = line;
        }
        let Some(ours) = line.strip_prefix("quittance-") else { continue };
        let ours = ours.split(['.', ' ', '=']).next().unwrap_or_default();
        let for_tests = section == "[dev-dependencies]" && name != "domain";
        if !for_tests && !allowed.contains(&ours) {
            found.push(Violation { line: i + 1, why: format!("{name} must not know {ours}") });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, text: &str) -> usize {
        check(path, text).len()
    }

    #[test]
    fn words_are_kept_to_their_places() {
        assert_eq!(broken("crates/engine/src/x.rs", "//! x\nuse rusqlite::Connection;\n"), 1);
        assert_eq!(broken("crates/store/src/x.rs", "//! x\nuse rusqlite::Connection;\n"), 0);
        assert_eq!(broken("crates/engine/src/x.rs", "//! x\nuse axum::Router;\n"), 1);
        assert_eq!(broken("crates/domain/src/x.rs", "//! x\nuse serde::Serialize;\n"), 1);
        assert_eq!(broken("crates/engine/src/x.rs", "//! x\nlet a: f64 = 1.0;\n"), 1);
        assert_eq!(broken("crates/engine/src/x.rs", "//! x\n// f64 is not used\nlet af64 = 1;\n"), 0);
        assert_eq!(broken("crates/http/src/x.rs", "//! x\nuse anyhow::Result;\n"), 1);
        assert_eq!(broken("crates/api/src/cake/x.rs", "//! x\nuse crate::affise;\n"), 1);
    }

    #[test]
    fn files_have_a_head_and_a_limit() {
        assert_eq!(broken("crates/engine/src/x.rs", "fn a() {}\n"), 1);
        let long = format!("//! x\n{}", "\n".repeat(LINES_MAX));
        assert_eq!(broken("crates/engine/src/x.rs", &long), 1);
        assert_eq!(broken("crates/engine/tests/x.rs", &long), 0);
    }

    #[test]
    fn nothing_is_unfinished_or_of_one_machine() {
        let unfinished = format!("//! x\n    {}{})\n", UNFINISHED[0].0, UNFINISHED[0].1);
        assert_eq!(broken("crates/engine/src/x.rs", &unfinished), 1);
        assert_eq!(broken("README.md", &format!("see {}{}/x\n", FOREIGN[0].0, FOREIGN[0].1)), 1);
    }

    #[test]
    fn arrows_point_one_way() {
        assert_eq!(broken("crates/domain/Cargo.toml", "[dependencies]\nquittance-store.workspace = true\n"), 1);
        assert_eq!(broken("crates/api/Cargo.toml", "[dependencies]\nquittance-store.workspace = true\n"), 1);
        assert_eq!(broken("crates/engine/Cargo.toml", "[dev-dependencies]\nquittance-testkit.workspace = true\n"), 0);
        assert_eq!(broken("crates/domain/Cargo.toml", "[dev-dependencies]\nquittance-testkit.workspace = true\n"), 1);
    }
}
