//! The wall clock and randomness: taken here and passed down, so that everything below can be tested and repeated.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use quittance_domain::time::Timestamp;
#[cfg(debug_assertions)]
use quittance_domain::time::{Zone, parse_instant};

/// How many random bytes make a secret.
const SECRET_BYTES: usize = 32;

/// The variable that tells the tests' program the time.
#[cfg(debug_assertions)]
pub(crate) const TOLD: &str = "QUITTANCE_TEST_CLOCK";

/// The present instant.
#[allow(clippy::disallowed_methods, reason = "this is the one place where the time is taken")]
pub(crate) fn now() -> Timestamp {
    // Only programs built for tests can be told the time.
    #[cfg(debug_assertions)]
    if let Some(at) = std::env::var(TOLD).ok().and_then(|text| parse_instant(&text, &Zone::utc()).ok()) {
        return at;
    }
    // A clock before 1970 is a broken one; the start of 1970 is as good as any other answer of it.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A new secret for an access key: `qk_` and random hexadecimal digits.
#[allow(clippy::disallowed_methods, reason = "this is the one place where random numbers are drawn")]
pub(crate) fn secret() -> anyhow::Result<String> {
    let mut bytes = [0_u8; SECRET_BYTES];
    getrandom::fill(&mut bytes).context("the operating system gives no random numbers")?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("qk_{digits}"))
}
