//! What a use case can refuse or fail with.

use quittance_domain::invoice::TransitionError;
use quittance_domain::money::MoneyError;

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of failure an error is. Every interface maps these, and only these, to its own answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// What was named does not exist in this network.
    NotFound,
    /// What was sent breaks a rule that does not depend on the present state.
    Invalid,
    /// The present state does not allow it.
    Conflict,
    /// The caller may not do it.
    Forbidden,
    /// The object was changed since the caller read it.
    Stale,
    /// Try again later: something else holds the database, or it cannot be reached.
    Busy,
    /// A defect or a broken database.
    Internal,
}

/// An error of a use case. Its text is for the caller, but for the internal kind, which is for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// See [`ErrorKind::NotFound`].
    #[error("{0}")]
    NotFound(String),
    /// See [`ErrorKind::Invalid`]; `field` is a JSON pointer or the name of a setting or column.
    #[error("{detail}")]
    Invalid {
        /// The field at fault; empty where there is none.
        field: String,
        /// What is wrong, with the value, and what to do.
        detail: String,
    },
    /// See [`ErrorKind::Conflict`].
    #[error("{0}")]
    Conflict(String),
    /// See [`ErrorKind::Forbidden`].
    #[error("{0}")]
    Forbidden(String),
    /// See [`ErrorKind::Stale`].
    #[error("the invoice has version {present}, not {expected}: somebody changed it; read it again")]
    Stale {
        /// The version that the caller had read.
        expected: i64,
        /// The version that is there.
        present: i64,
    },
    /// See [`ErrorKind::Stale`].
    #[error("{0}")]
    Changed(String),
    /// A sum does not fit.
    #[error("{0}")]
    Money(#[from] MoneyError),
    /// An invoice's state does not allow it.
    #[error("{0}")]
    Transition(#[from] TransitionError),
    /// The store failed.
    #[error("{0}")]
    Store(#[from] quittance_store::Error),
}

impl Error {
    /// An [`Error::Invalid`].
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Error {
        Error::Invalid { field: field.into(), detail: detail.into() }
    }

    /// Which kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        use quittance_store::Error as Store;
        match self {
            Error::NotFound(_) => ErrorKind::NotFound,
            Error::Invalid { .. } => ErrorKind::Invalid,
            Error::Conflict(_) | Error::Transition(_) => ErrorKind::Conflict,
            Error::Forbidden(_) => ErrorKind::Forbidden,
            Error::Stale { .. } | Error::Changed(_) => ErrorKind::Stale,
            Error::Store(
                Store::Busy
                | Store::Contention
                | Store::NotNow(_)
                | Store::Lost(_)
                | Store::CommitUnknown(_)
                | Store::Gone(_)
                | Store::GoneWithChange(_)
                | Store::Open(_)
                | Store::Full(_)
                | Store::ReadOnly(_),
            ) => ErrorKind::Busy,
            Error::Store(Store::Unsupported(_)) => ErrorKind::Invalid,
            Error::Money(_) | Error::Store(_) => ErrorKind::Internal,
        }
    }

    /// Whether the database's file is not where it was, which somebody has to mend.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        use quittance_store::Error as Store;
        matches!(self, Error::Store(Store::Gone(_) | Store::GoneWithChange(_)))
    }

    /// Whether the operation certainly did not happen.
    #[must_use]
    pub fn is_definitive(&self) -> bool {
        !matches!(self, Error::Store(store) if !store.is_definitive())
    }
}
