//! Asking an account, with patience where it is busy, and what its answers mean.

use serde_json::Value;

use super::{Dialect, Error, Event, Request, Result};

/// The largest answer, in bytes: several times what a page of the longest documented rows takes.
pub const BODY_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// How often the same is asked for before giving up: for about a minute, with the delays below.
const ATTEMPTS_MAX: u32 = 7;
/// The first delay, in seconds; each further one is twice as long.
const DELAY_SECONDS: u64 = 1;
/// The longest delay that an account can ask for, in seconds.
const RETRY_AFTER_SECONDS_MAX: u64 = 300;
/// How much of an account's own words is shown, in characters.
const WORDS_MAX: usize = 200;

/// What an account answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The seconds of `Retry-After`.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// Nothing could be reached, or the connection broke.
    Unreachable(String),
    /// The body has more than [`BODY_BYTES_MAX`] bytes.
    TooLarge,
}

/// The way to an account: made where the network and the clock are.
pub trait Fetch {
    /// Sends a request. It follows no redirect: the key would go to somebody else.
    ///
    /// # Errors
    /// There is no answer.
    fn fetch(&mut self, request: &Request) -> std::result::Result<Answer, FetchError>;

    /// Waits so many seconds.
    fn wait(&mut self, seconds: u64);
}

/// Asks until there is an answer that is no "later". Before the account has answered at all, what cannot be reached is not
/// tried again: its address is wrong more likely than its line is down.
pub(super) fn ask(
    dialect: &dyn Dialect,
    request: &Request,
    fetch: &mut dyn Fetch,
    tell: &mut dyn FnMut(Event),
    answered: &mut bool,
) -> Result<Value> {
    let mut attempt = 1;
    let mut delay = DELAY_SECONDS;
    loop {
        let outcome = fetch.fetch(request);
        let later = match &outcome {
            Ok(answer) if answer.status == 429 || answer.status >= 500 => {
                Some((format!("the account answers {}", answer.status), answer.retry_after))
            }
            Err(FetchError::Unreachable(reason)) if *answered => Some((reason.clone(), None)),
            _ => None,
        };
        *answered |= outcome.is_ok();
        let Some((reason, after)) = later.filter(|_| attempt < ATTEMPTS_MAX) else {
            return read(dialect, request, outcome);
        };
        let seconds = after.map_or(delay, |after| after.min(RETRY_AFTER_SECONDS_MAX));
        tell(Event::Waiting { seconds, reason });
        fetch.wait(seconds);
        delay *= 2;
        attempt += 1;
    }
}

fn read(dialect: &dyn Dialect, request: &Request, outcome: std::result::Result<Answer, FetchError>) -> Result<Value> {
    let url = || request.url.clone();
    let answer = match outcome {
        Ok(answer) => answer,
        Err(FetchError::Unreachable(reason)) => return Err(Error::Unreachable { url: url(), reason }),
        Err(FetchError::TooLarge) => return Err(Error::TooLarge { url: url() }),
    };
    let json = serde_json::from_slice::<Value>(&answer.body);
    if !(200..300).contains(&answer.status) {
        let said = json.ok().and_then(|body| dialect.refusal(&body));
        let detail = said.map(|said| format!(": {}", shown(&said))).unwrap_or_default();
        return Err(Error::Refused { url: url(), status: answer.status, detail, hint: hint(answer.status) });
    }
    json.map_err(|error| {
        let start = shown(&String::from_utf8_lossy(&answer.body[..answer.body.len().min(WORDS_MAX)]));
        Error::Unexpected { url: url(), reason: format!("no JSON ({error}): {start:?}") }
    })
}

const fn hint(status: u16) -> &'static str {
    match status {
        300..=399 => "; name the address that it redirects to",
        401 | 403 => "; is the key right, and may it read all of the network?",
        404 => "; is that the address of such an account?",
        429 => "; try again later, it goes on where it stopped",
        500.. => "; it goes on where it stopped",
        _ => "",
    }
}

/// An account's words, without control characters and not too many.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}
