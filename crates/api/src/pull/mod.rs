//! Pulling: another system's running account is read over its own interface, so that a network can move over, or run side
//! by side.
//!
//! What is the same for all of them is here: paging, how far was read, patience with a busy server, what becomes of a
//! record. What a vendor's requests and records look like is its [`Source`], in its dialect's folder. Who calls brings the
//! way to the network, as a [`Fetch`].
//!
//! Affiliates, advertisers and offers are read whole each time: they are few, and written only where they differ.
//! Conversions are read window by window, and after each page it is kept how far. Ingest does nothing twice, so that
//! windows overlap without harm, and a pull that was cut short goes on at its last page.

mod answer;
mod list;
mod place;
mod row;
mod source;
mod write;

use quittance_domain::time::{Day, Zone};
use quittance_engine::ingest::IngestCounts;
use quittance_engine::{Call, Engine};

pub use self::answer::{Answer, BODY_BYTES_MAX, Fetch, FetchError};
pub use self::list::base;
pub(crate) use self::row::{number, text};
pub(crate) use self::source::{Dialect, Entry, Fields, Page, Paging, Reach, Want};
pub use self::source::{Request, Source};

/// A list of an account, in the order in which lists are read: what is referred to goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Those who pay.
    Advertisers,
    /// Those who are paid.
    Affiliates,
    /// What is promoted.
    Offers,
    /// What happened.
    Conversions,
}

impl Resource {
    /// The word in texts, in the database, and for the list in a network file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Resource::Advertisers => "advertisers",
            Resource::Affiliates => "affiliates",
            Resource::Offers => "offers",
            Resource::Conversions => "conversions",
        }
    }
}

/// What a pull is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The account's address, as [`base`] makes it.
    pub base: String,
    /// The account's key. It is in no text that this module makes.
    pub key: String,
    /// Read conversions from this day on, whatever was read before. Else: where the last pull began, as far back as the
    /// vendor makes necessary; for the first one a year.
    pub since: Option<Day>,
    /// How many days before the last pull conversions are looked at again; the vendor's own number where not given.
    pub window_days: Option<i32>,
    /// The zone of the account's times.
    pub zone: Zone,
    /// How many rows a request asks for at most; the vendor's own number where not given.
    pub rows: Option<u64>,
    /// Affiliates and offers that conversions name and the account does not list are created; the network's setting where
    /// not given.
    pub create_missing: Option<bool>,
}

/// What a pull tells while it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// So many rows of a list were read so far.
    Read {
        /// Which list.
        resource: Resource,
        /// Rows since the pull began.
        rows: u64,
    },
    /// The account is busy; it is asked again in a while.
    Waiting {
        /// How long, in seconds.
        seconds: u64,
        /// Why.
        reason: String,
    },
    /// A record was refused.
    Rejected {
        /// Which list it is in.
        resource: Resource,
        /// The record as JSON, as the account has sent it.
        record: String,
        /// Why.
        reason: String,
    },
    /// Something that the user should know.
    Note(String),
}

/// What became of the records of one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulled {
    /// The list.
    pub resource: Resource,
    /// How many records became what. Of parties and offers none is stale.
    pub counts: IngestCounts,
}

/// How a pull ended. What the counts say is durable, also after a failure.
#[derive(Debug)]
pub struct Outcome {
    /// What became of the lists that were read, in the order of their resources.
    pub pulled: Vec<Pulled>,
    /// Why it ended early.
    pub failure: Option<Error>,
}

impl Outcome {
    fn count(&mut self, resource: Resource, counts: IngestCounts) {
        match self.pulled.iter_mut().find(|pulled| pulled.resource == resource) {
            Some(pulled) => pulled.counts.add(counts),
            None => self.pulled.push(Pulled { resource, counts }),
        }
        self.pulled.sort_by_key(|pulled| pulled.resource);
    }

    /// How many records were refused.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.pulled.iter().map(|pulled| pulled.counts.rejected).sum()
    }
}

/// Why a pull cannot go on. What was read before is kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of the account is none.
    #[error("{0:?} is no address of an account: https://HOST is expected, without a key or a query")]
    Address(String),
    /// Nothing answers there.
    #[error("{url}: {reason}")]
    Unreachable {
        /// What was asked for, without its query.
        url: String,
        /// What the connection says.
        reason: String,
    },
    /// The account refuses.
    #[error("{url}: the account answers {status}{detail}{hint}")]
    Refused {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
        /// What the account says, after a colon; may be empty.
        detail: String,
        /// What to do, after a semicolon; may be empty.
        hint: &'static str,
    },
    /// The answer is larger than [`BODY_BYTES_MAX`].
    #[error("{url}: the answer is larger than {BODY_BYTES_MAX} bytes; ask for fewer rows at a time")]
    TooLarge {
        /// What was asked for.
        url: String,
    },
    /// The answer is not what the vendor documents.
    #[error("{url}: the answer is not what the account documents: {reason}")]
    Unexpected {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The engine does not take what was read.
    #[error("{0}")]
    Engine(#[from] quittance_engine::Error),
}

impl Error {
    /// The same without the key, which an account may repeat in what it says.
    fn without(mut self, key: &str) -> Error {
        if let Error::Unreachable { reason: text, .. }
        | Error::Refused { detail: text, .. }
        | Error::Unexpected { reason: text, .. } = &mut self
            && key.len() >= KEY_CHARS_MIN
        {
            *text = text.replace(key, "…");
        }
        self
    }
}

/// What is shorter than this is no key of any vendor, and may be a part of words.
const KEY_CHARS_MIN: usize = 6;

/// The result of a step of a pull.
type Result<T> = std::result::Result<T, Error>;

/// Reads an account into the call's network.
pub fn pull(
    engine: &Engine,
    call: &Call,
    source: Source,
    options: &Options,
    fetch: &mut dyn Fetch,
    tell: &mut dyn FnMut(Event),
) -> Outcome {
    let outcome = Outcome { pulled: Vec::new(), failure: None };
    let dialect = source.0;
    let mut pulling = list::Pulling { engine, call, dialect, options, fetch, tell, outcome, answered: false };
    let failure = pulling.all().err().map(|error| error.without(&options.key));
    Outcome { failure, ..pulling.outcome }
}
