//! How a command ends: the exit statuses, and what is printed when something went wrong.

use std::io::Write;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked.
    Done,
    /// It failed, or refused part of what it was given; why is on standard error.
    Failed,
    /// It was asked in a way that it does not understand.
    Usage,
}

impl Exit {
    /// The exit status of the process.
    pub(crate) const fn status(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
        }
    }
}

/// Wrong usage that only shows after the arguments were read.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Prints why a command failed, one line a cause, and answers how the process ends.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    if is_closed_pipe(error) {
        // Whoever read the output has seen enough, as in `quittance invoices | head`.
        return Exit::Done;
    }
    let mut shown: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some errors repeat in their text what caused them.
        if !shown.iter().any(|earlier| earlier.contains(&cause)) {
            shown.push(cause);
        }
    }
    shown.iter().flat_map(|text| text.lines()).for_each(complain);
    if error.is::<Usage>() { Exit::Usage } else { Exit::Failed }
}

/// Prints a line about something that is wrong.
pub(crate) fn complain(line: &str) {
    say("error", line);
}

/// Prints a line about something that the user should know.
pub(crate) fn warn(line: &str) {
    say("warning", line);
}

/// Prints a line beside what scripts read.
pub(crate) fn note(line: &str) {
    say("note", line);
}

fn say(what: &str, line: &str) {
    // What other servers say is among it. When standard error is closed there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "{what}: {}", crate::output::shown(line));
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.map(std::io::Error::kind).any(|kind| kind == std::io::ErrorKind::BrokenPipe)
}
