//! Choosing single conversions: by sum, by country, by an advertiser of their own. The explicit, rare path: it reads the
//! conversions of the parties that are asked for. What is not chosen of a day is taken off again as the invoice is issued.

use std::collections::HashSet;

use quittance_domain::accrual::{Bucket, Cut, Tally};
use quittance_domain::ids::{NetworkId, OfferId};
use quittance_domain::planner::Unbilled;
use quittance_domain::time::Day;
use quittance_store::Tx;
use quittance_store::accruals::{self, AccrualRow, BookState};
use quittance_store::conversions::LogEntry;
use quittance_store::invoices::TakeOff;

use super::RunRequest;
use super::sums::{Class, Limits};
use crate::error::{Error, Result};
use crate::places::{TakenRow, each_on_invoice};

/// The most entries that an invoice may leave behind on the days that it takes: they are held in memory.
const LEFT_MAX: usize = 1_000_000;

/// What a request says of offers and of single conversions, looked up once a run.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    countries: Option<HashSet<String>>,
    advertisers: Option<HashSet<i64>>,
    /// The offers that have anything of what is wanted; `None`: all.
    offers: Option<HashSet<i64>>,
    /// Of these the ones some of whose conversions are of other advertisers.
    mixed: HashSet<i64>,
}

impl Wanted {
    /// What is wanted. `offers` are those that have had conversions of the wanted advertisers, and whether of others too.
    pub(super) fn new(request: &RunRequest, offers: &[(i64, bool)]) -> Wanted {
        let lower = |countries: &Vec<String>| countries.iter().map(|country| country.to_lowercase()).collect();
        let set = |ids: &Vec<i64>| -> HashSet<i64> { ids.iter().copied().collect() };
        let named = request.offers.as_ref().map(set);
        let of_advertisers = request.advertisers.as_ref().map(|_| {
            let named = |offer: &i64| named.as_ref().is_none_or(|named| named.contains(offer));
            offers.iter().map(|(offer, _)| *offer).filter(named).collect()
        });
        Wanted {
            countries: request.countries.as_ref().map(lower),
            advertisers: request.advertisers.as_ref().map(set),
            offers: of_advertisers.or(named),
            mixed: offers.iter().filter(|(_, others)| *others).map(|(offer, _)| *offer).collect(),
        }
    }

    /// Whether any conversion of an offer can be wanted.
    pub(super) fn takes_any_of(&self, offer: OfferId) -> bool {
        self.offers.as_ref().is_none_or(|offers| offers.contains(&offer.get()))
    }

    /// Whether every conversion of an offer of which any can be wanted is.
    pub(super) fn takes_all_of(&self, offer: OfferId) -> bool {
        self.countries.is_none() && !self.mixed.contains(&offer.get())
    }

    fn takes(&self, entry: &LogEntry) -> bool {
        let country = |wanted: &HashSet<String>| {
            entry.country.as_ref().is_some_and(|country| wanted.contains(&country.to_lowercase()))
        };
        let advertiser = |wanted: &HashSet<i64>| entry.advertiser_id.is_some_and(|id| wanted.contains(&id));
        self.countries.as_ref().is_none_or(country) && self.advertisers.as_ref().is_none_or(advertiser)
    }
}

/// What was chosen of a book.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) unbilled: Vec<Unbilled>,
    /// What is left of the days that are taken.
    pub(super) left: Vec<TakeOff>,
    /// The day of the last conversion that was chosen.
    pub(super) last_day: Option<Day>,
}

impl Chosen {
    fn take(&mut self, row: &AccrualRow, class: Class, tally: Tally) {
        let Bucket { place, offer_id, .. } = row.key.bucket;
        let day = place.posting_day;
        let (earlier_day, left_through) = match class {
            Class::Earlier(day) => (Some(day), None),
            Class::Own(left_through) => (None, left_through),
            _ => (None, None),
        };
        self.unbilled.push(Unbilled { offer_id, earlier_day, left_through, first_day: day, tally });
        self.last_day = self.last_day.max(Some(day));
    }

    fn leave(&mut self, row: &AccrualRow, entry: LogEntry) -> Result<()> {
        if self.left.len() == LEFT_MAX {
            let party = row.key.bucket.book.party_id;
            let detail = format!(
                "the run leaves more than {LEFT_MAX} conversions of party {party} behind on the days that it takes: run it \
                 for fewer days at a time"
            );
            return Err(Error::invalid("/through", detail));
        }
        let Bucket { book, place, offer_id } = row.key.bucket;
        self.left.push(TakeOff {
            currency: book.currency,
            offer_id,
            revision: entry.revision,
            sign: entry.sign,
            posting_day: place.posting_day,
            billable_day: place.billable_day,
            tally: Tally { units: entry.units, conversions: entry.sign },
            given_epoch: 0,
            conversion_id: entry.conversion_id,
        });
        Ok(())
    }
}

/// What chooses, and of what.
pub(super) struct Choosing<'a> {
    pub(super) tx: &'a mut dyn Tx,
    pub(super) network: NetworkId,
    pub(super) request: &'a RunRequest,
    pub(super) wanted: &'a Wanted,
    pub(super) cut: Cut,
    pub(super) limits: &'a Limits,
    pub(super) state: &'a BookState,
}

impl Choosing<'_> {
    /// Chooses of a book.
    pub(super) fn choose(mut self) -> Result<Chosen> {
        let epochs = (self.state.low_epoch, self.cut.epoch);
        let rows = accruals::rows(self.tx, self.network, self.state.book, epochs)?;
        let state = self.state;
        let mut rows: Vec<(AccrualRow, Class)> = rows
            .into_iter()
            .filter(|row| !state.cut.holds(row.key.bucket.place) && !self.limits.picked.has(&row.key.bucket))
            .map(|row| (row, self.limits.class(self.wanted, self.cut, &row.key.bucket)))
            .filter(|(_, class)| matches!(class, Class::Own(_) | Class::Earlier(_)))
            .collect();
        // Differences to earlier periods first, then day by day.
        rows.sort_by_key(|(row, class)| (matches!(class, Class::Own(_)), row.key.bucket.place.posting_day, row.key));
        match self.request.sum {
            None => self.filter(&rows),
            Some(sum) => self.up_to(sum.units(), &rows),
        }
    }

    /// The entries behind a row that are wanted, summed; the others are left.
    fn filter_row(&mut self, row: &AccrualRow, chosen: &mut Chosen) -> Result<Option<Tally>> {
        if self.wanted.takes_all_of(row.key.bucket.offer_id) {
            return Ok(Some(row.tally));
        }
        let (mut tally, mut any) = (Tally::default(), false);
        for entry in self.entries(row)? {
            if self.wanted.takes(&entry) {
                tally.add(Tally { units: entry.units, conversions: entry.sign })?;
                any = true;
            } else {
                chosen.leave(row, entry)?;
            }
        }
        Ok(any.then_some(tally))
    }

    fn filter(&mut self, rows: &[(AccrualRow, Class)]) -> Result<Chosen> {
        let mut chosen = Chosen::default();
        for (row, class) in rows {
            if let Some(tally) = self.filter_row(row, &mut chosen)? {
                chosen.take(row, *class, tally);
            }
        }
        Ok(chosen)
    }

    /// Differences to earlier periods, then conversions by the time of their happening until the sum is reached.
    fn up_to(&mut self, sum_units: i64, rows: &[(AccrualRow, Class)]) -> Result<Chosen> {
        let mut chosen = Chosen::default();
        let mut reached = 0_i128;
        let own = rows.partition_point(|(_, class)| !matches!(class, Class::Own(_)));
        for (row, class) in &rows[..own] {
            if let Some(tally) = self.filter_row(row, &mut chosen)? {
                reached += i128::from(tally.units);
                chosen.take(row, *class, tally);
            }
        }
        for day in rows[own..].chunk_by(|a, b| a.0.key.bucket.place.posting_day == b.0.key.bucket.place.posting_day) {
            if reached >= i128::from(sum_units) {
                break;
            }
            self.day_up_to(sum_units, day, &mut reached, &mut chosen)?;
        }
        Ok(chosen)
    }

    fn day_up_to(
        &mut self,
        sum_units: i64,
        day: &[(AccrualRow, Class)],
        reached: &mut i128,
        chosen: &mut Chosen,
    ) -> Result<()> {
        let mut entries: Vec<(usize, LogEntry)> = Vec::new();
        for (index, (row, _)) in day.iter().enumerate() {
            entries.extend(self.entries(row)?.into_iter().map(|entry| (index, entry)));
        }
        let order = |e: &LogEntry| (e.occurred_at, e.conversion_id.clone(), e.revision, -e.sign);
        entries.sort_by_cached_key(|(_, entry)| order(entry));
        let mut tallies = vec![None::<Tally>; day.len()];
        for (index, entry) in entries {
            if *reached >= i128::from(sum_units) || !self.wanted.takes(&entry) {
                chosen.leave(&day[index].0, entry)?;
                continue;
            }
            *reached += i128::from(entry.units);
            let tally = Tally { units: entry.units, conversions: entry.sign };
            tallies[index].get_or_insert_default().add(tally)?;
        }
        for ((row, class), tally) in day.iter().zip(tallies) {
            if let Some(tally) = tally {
                chosen.take(row, *class, tally);
            }
        }
        Ok(())
    }

    /// The entries behind a row.
    fn entries(&mut self, row: &AccrualRow) -> Result<Vec<LogEntry>> {
        let mut entries = Vec::new();
        let row = TakenRow { key: row.key, tally: row.tally, epoch: self.cut.epoch };
        each_on_invoice(self.tx, self.network, &[], &row, 0, &mut |_, entry| {
            entries.push(entry);
            true
        })?;
        Ok(entries)
    }
}
