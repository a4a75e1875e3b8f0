//! Limits on what clients can make the server do. All are numbers with a name, and an operator can set each.

/// One limit: its name, what it is about, what it may be, and how it is set.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Its name, with its unit last.
    pub name: &'static str,
    /// What it is about.
    pub meaning: &'static str,
    /// What it may be.
    pub range: (u64, u64),
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

impl Limit {
    /// What it is in some limits.
    #[must_use]
    pub fn of(&self, limits: &Limits) -> u64 {
        (self.get)(limits)
    }
}

/// Makes [`Limits`], its defaults and [`LIMITS`] of one list.
macro_rules! limits {
    ($($(#[doc = $meaning:literal])+ $name:ident = $default:expr, $least:expr, $most:expr;)+) => {
        /// Limits on what clients can make the server do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $meaning])+ pub $name: u64,)+
        }

        impl Default for Limits {
            fn default() -> Limits {
                Limits { $($name: $default,)+ }
            }
        }

        /// All limits, in the order in which they are shown.
        pub const LIMITS: &[Limit] = &[$(Limit {
            name: stringify!($name),
            meaning: concat!($($meaning),+),
            range: ($least, $most),
            get: |limits| limits.$name,
            set: |limits, value| limits.$name = value,
        },)+];
    };
}

const KIB: u64 = 1_024;
const MIB: u64 = 1_024 * KIB;

limits! {
    /// The largest request body, in bytes.
    body_bytes_max = 16 * MIB, KIB, 1_024 * MIB;
    /// How long a body may take to arrive, in seconds.
    body_seconds_max = 60, 1, 3_600;
    /// The most that the head of a request may take, in bytes.
    header_bytes_max = 64 * KIB, 8 * KIB, MIB;
    /// How long the head of a request may take to arrive, in seconds; an idle connection is closed after as long.
    header_seconds_max = 30, 1, 3_600;
    /// How many connections are open at the same time.
    connections_max = 1_024, 1, 1_000_000;
    /// How long one more connection waits for a place before it is answered 503, in milliseconds.
    connection_wait_millis_max = 2_000, 0, 60_000;
    /// How many requests use the database at the same time.
    database_requests_max = 32, 1, 1_000;
    /// How long one more request waits for the database before it is answered 503, in seconds.
    database_wait_seconds_max = 30, 1, 3_600;
    /// How many requests a key may make a second, on average.
    requests_per_second = 500, 1, 1_000_000;
    /// How many requests a key may make at once before the average counts.
    requests_burst = 1_000, 1, 1_000_000;
    /// How long the answer of a long run waits for its end, where clients expect runs to go on by themselves, in milliseconds.
    run_answer_millis_max = 25_000, 0, 600_000;
    /// How many threads read pages of long lists: more would not be faster, and each holds memory.
    list_threads = 4, 1, 64;
}

impl Limits {
    /// Sets the limit of a name.
    ///
    /// # Errors
    /// What is wrong with the value; nothing where there is no such limit.
    pub fn set(&mut self, name: &str, value: u64) -> Result<(), Option<String>> {
        let limit = LIMITS.iter().find(|limit| limit.name == name).ok_or(None)?;
        let (least, most) = limit.range;
        if !(least..=most).contains(&value) {
            return Err(Some(format!("{name}: {value} is not between {least} and {most}")));
        }
        (limit.set)(self, value);
        Ok(())
    }
}

/// A limit as a number of things in memory.
#[must_use]
pub fn count(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_default_is_within_its_range() {
        for limit in LIMITS {
            let (value, (least, most)) = (limit.of(&Limits::default()), limit.range);
            assert!((least..=most).contains(&value), "{}", limit.name);
        }
    }

    #[test]
    fn a_limit_is_set_by_its_name_within_its_range() {
        let mut limits = Limits::default();
        limits.set("requests_burst", 7).unwrap();
        assert_eq!(limits, Limits { requests_burst: 7, ..Limits::default() });
        assert_eq!(limits.set("requests", 7), Err(None));
        let refused = limits.set("header_bytes_max", 10).unwrap_err().unwrap();
        assert_eq!(refused, "header_bytes_max: 10 is not between 8192 and 1048576");
    }
}
