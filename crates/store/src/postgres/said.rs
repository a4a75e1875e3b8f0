//! What the server's codes of failure mean to a caller: above all, whether the same may be tried again later.

use crate::error::Error;

/// How a failure is told to a caller.
type Told = fn(String) -> Error;

/// Failures by which the server says "not now": each with what it means here. A code of two characters is the class of all
/// that begin so and are not listed by themselves. None of them leaves anything behind, but those of a connection that is
/// lost during a commit.
const NOT_NOW: &[(&str, Told)] = &[
    // Two transactions were in each other's way; the closure is run again.
    ("40001", |_| Error::Contention),
    ("40P01", |_| Error::Contention),
    // Nobody knows whether the statement was completed.
    ("40003", Error::Lost),
    // A transaction that was rolled back for whatever other reason of its class.
    ("40", Error::NotNow),
    // Cancelled: by `statement_timeout`, by an administrator, by a standby that has to go on.
    ("57014", Error::NotNow),
    // The server stops, restarts, starts, or ends idle sessions: the connection is gone.
    ("57P", Error::Lost),
    ("08", Error::Lost),
    // Sessions that the server ends: idle in a transaction, or one that took too long.
    ("25P03", Error::Lost),
    ("25P04", Error::Lost),
    // A lock that is not to be had, an object that is in use, another state that passes.
    ("55P03", |_| Error::Busy),
    ("55006", |_| Error::Busy),
    // No more connections; no memory; a limit of the configuration; a full disk.
    ("53300", |_| Error::Busy),
    ("53100", Error::Full),
    ("53", Error::NotNow),
    // Its disk or its file system fails: an operator has to look, and then it goes on.
    ("58", Error::NotNow),
    // A standby, or a server that an operator has set so.
    ("25006", Error::ReadOnly),
    // What a long read needed was cleaned away meanwhile.
    ("72000", Error::NotNow),
];

/// A failure that the server has told with a code.
pub(super) fn said(code: &str, text: String) -> Error {
    // The longest that fits: a code goes before its class.
    let fits = NOT_NOW.iter().filter(|(known, _)| code.starts_with(known));
    if let Some((_, told)) = fits.max_by_key(|(known, _)| known.len()) {
        return told(text);
    }
    match code {
        "22021" => Error::Unsupported("a text has a NUL character in it, which PostgreSQL does not keep".to_owned()),
        code if code.starts_with("23") => Error::Constraint(text),
        _ => Error::Database(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes of the appendix "PostgreSQL Error Codes", one or more of each row above, with the kind of failure they are.
    #[test]
    fn every_code_that_says_not_now_is_no_defect() {
        for (code, kind) in [
            ("40001", "Contention"),
            ("40P01", "Contention"),
            ("40000", "NotNow"),
            ("40002", "NotNow"),
            ("40003", "Lost"),
            ("57014", "NotNow"),
            ("57P01", "Lost"),
            ("57P02", "Lost"),
            ("57P03", "Lost"),
            ("57P05", "Lost"),
            ("08000", "Lost"),
            ("08003", "Lost"),
            ("08006", "Lost"),
            ("08P01", "Lost"),
            ("25P03", "Lost"),
            ("25P04", "Lost"),
            ("55P03", "Busy"),
            ("55006", "Busy"),
            ("53300", "Busy"),
            ("53100", "Full"),
            ("53000", "NotNow"),
            ("53200", "NotNow"),
            ("53400", "NotNow"),
            ("58000", "NotNow"),
            ("58030", "NotNow"),
            ("25006", "ReadOnly"),
            ("72000", "NotNow"),
        ] {
            let error = format!("{:?}", said(code, "x".to_owned()));
            assert_eq!(error.split('(').next(), Some(kind), "{code}");
        }
        for (known, _) in NOT_NOW {
            assert!(known.len() <= 5, "{known}");
        }
    }

    #[test]
    fn what_does_not_pass_is_told_as_what_it_is() {
        for (code, kind) in
            [("23505", "Constraint"), ("22021", "Unsupported"), ("42P01", "Database"), ("XX001", "Database")]
        {
            let error = format!("{:?}", said(code, "x".to_owned()));
            assert_eq!(error.split('(').next(), Some(kind), "{code}");
        }
    }
}
