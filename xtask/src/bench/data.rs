//! The conversions that are measured: the same ones each time, from one seed.
//!
//! 10,000 affiliates whose sizes follow Zipf's law run up to 25 of 2,000 offers each, the first ones most; an offer has
//! one currency. A row has about a hundred bytes, its id is a UUID in the order of time. Five million conversions of 30 days make about 1.3 million buckets of a day, 28,000 invoices
//! and 190,000 lines.

use std::io::{BufWriter, Write as _};
use std::path::Path;

const SEED: u64 = 2026;
/// Affiliates have the ids from 1 to this.
pub(crate) const AFFILIATES: usize = 10_000;
/// Offers have the ids from 1 to this.
pub(crate) const OFFERS: u64 = 2_000;
/// Advertisers, where conversions name them, have the ids from 1 to this.
pub(crate) const ADVERTISERS: u64 = 100;
const OFFERS_OF_ONE: usize = 25;
const DAYS: u64 = 30;
/// 1 January 2026, 00:00 UTC.
const START: u64 = 1_767_225_600;

/// How many conversions there are, how many of them are like one another but for their ids, and what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// All conversions.
    pub(crate) conversions: u64,
    /// How often each is repeated under an id of its own. More copies mean more conversions for the same invoices.
    pub(crate) copies: u64,
    /// When the first one happens, in seconds since 1970.
    pub(crate) start: u64,
    /// Over how many days they are spread.
    pub(crate) days: u64,
    /// Whether they name their advertiser and what it pays.
    pub(crate) advertisers: bool,
    /// Whether all are in this currency; else each offer has its own.
    pub(crate) currency: Option<&'static str>,
}

impl Sample {
    /// So many conversions of January 2026, each repeated so often.
    pub(crate) fn new(conversions: u64, copies: u64) -> Sample {
        Sample { conversions, copies, start: START, days: DAYS, advertisers: false, currency: None }
    }
}

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A rank drawn by cumulated weights.
    fn rank(&mut self, cumulated: &[f64]) -> usize {
        let drawn = self.next() as f64 / u64::MAX as f64 * cumulated.last().copied().unwrap_or(0.0);
        cumulated.partition_point(|weight| *weight < drawn).min(cumulated.len() - 1)
    }
}

/// The running sums of `rank^-exponent`.
fn zipf(count: usize, exponent: f64) -> Vec<f64> {
    let mut sum = 0.0;
    (1..=count)
        .map(|rank| {
            sum += (rank as f64).powf(-exponent);
            sum
        })
        .collect()
}

fn currency(offer: u64) -> &'static str {
    match offer % 10 {
        0..6 => "USD",
        6..9 => "EUR",
        _ => "GBP",
    }
}

/// A UUID of version 7, as trackers make them: the time, then chance.
fn time_ordered_id(at: u64, dice: &mut Dice) -> String {
    let (millis, a, b) = (at * 1_000 + dice.below(1_000), dice.next(), dice.next());
    let (high, low) = (millis >> 16, millis & 0xffff);
    let (version, variant) = (0x7000 | (a & 0xfff), 0x8000 | (a >> 50));
    format!("{high:08x}-{low:04x}-{version:04x}-{variant:04x}-{:012x}", b >> 16)
}

/// Writes the conversions into as many CSV files as there are paths, one after another in the order of time.
pub(crate) fn write(sample: Sample, paths: &[&Path]) -> anyhow::Result<()> {
    let (mut dice, mut ids) = (Dice(SEED), Dice(!SEED));
    let (affiliates, offers) = (zipf(AFFILIATES, 0.9), zipf(OFFERS_OF_ONE, 1.5));
    let distinct = sample.conversions / sample.copies;
    let mut number = 0;
    for (file, path) in paths.iter().enumerate() {
        let mut out = BufWriter::new(std::fs::File::create(path)?);
        let more = if sample.advertisers { ",advertiser_id,revenue,revenue_currency" } else { "" };
        writeln!(out, "conversion_id,affiliate_id,offer_id,status,occurred_at,payout,payout_currency,click_id{more}")?;
        let last = distinct * (file as u64 + 1) / paths.len() as u64;
        while number < last {
            let affiliate = dice.rank(&affiliates) as u64 + 1;
            let offer = (affiliate * 7919 + dice.rank(&offers) as u64 * 31) % OFFERS + 1;
            let at = sample.start + number * sample.days * 86_400 / distinct;
            let (cents, click) = (dice.below(900) + 1, dice.next());
            for _ in 0..sample.copies {
                let id = time_ordered_id(at, &mut ids);
                let (whole, part, currency) = (cents / 100, cents % 100, sample.currency.unwrap_or(currency(offer)));
                write!(out, "{id},{affiliate},{offer},approved,{at},{whole}.{part:02},{currency},{click:016x}")?;
                if sample.advertisers {
                    // The advertiser pays twice what the affiliate gets.
                    let (advertiser, whole, part) = (offer % ADVERTISERS + 1, cents * 2 / 100, cents * 2 % 100);
                    write!(out, ",{advertiser},{whole}.{part:02},{currency}")?;
                }
                writeln!(out)?;
            }
            number += 1;
        }
        out.flush()?;
    }
    Ok(())
}
