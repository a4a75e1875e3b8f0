//! What invoices bill besides conversions: opening balances, volume bonuses, and the shares of [`super::referrals`]. What is
//! pending is kept by whoever it is for; an invoice takes it, and a void one gives it back.

use std::collections::{BTreeMap, HashMap};

use quittance_domain::accrual::{Book, Tally};
use quittance_domain::bonus::{Bonus, Measure, Reach, Tier};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId, OfferId};
use quittance_domain::invoice::LineType;
use quittance_domain::money::{Money, sum_units};
use quittance_domain::percent::Percent;
use quittance_domain::planner::ExtraLine;
use quittance_domain::time::Day;
use quittance_store::Tx;
use quittance_store::extras::{self, Counted, OpeningBalance};
use quittance_store::invoices::Invoice;
use serde::Deserialize;

use super::facts::Setup;
use super::referrals::{PendingReferrals, Rates, TakenReferrals};
use crate::error::Result;
use crate::give_back::LineSlot;

/// A volume bonus as its rules say it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct BonusRules {
    #[serde(skip)]
    pub(crate) bonus_id: i64,
    title: String,
    #[serde(default)]
    affiliates: Vec<i64>,
    #[serde(default)]
    offers: Vec<i64>,
    measure: String,
    currency: Option<String>,
    #[serde(default)]
    retroactive: bool,
    tiers: Vec<TierRule>,
}

#[derive(Debug, Clone, Deserialize)]
struct TierRule {
    from: String,
    percent: String,
}

impl BonusRules {
    /// All bonuses of a network.
    pub(crate) fn all(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<BonusRules>> {
        let read = |(bonus_id, rules): (i64, String)| {
            let corrupt = |error| quittance_store::Error::Corrupt(format!("bonus {bonus_id}: {error}"));
            let rules: BonusRules = serde_json::from_str(&rules).map_err(corrupt)?;
            Ok(BonusRules { bonus_id, ..rules })
        };
        extras::bonuses(tx, network)?.into_iter().map(read).collect()
    }

    /// Whether conversions of an offer count for it.
    pub(crate) fn counts(&self, offer: OfferId) -> bool {
        self.offers.is_empty() || self.offers.contains(&offer.get())
    }

    /// Whether a party has it.
    pub(crate) fn is_for(&self, book: Book) -> bool {
        book.kind == InvoiceKind::Payable && (self.affiliates.is_empty() || self.affiliates.contains(&book.party_id))
    }

    /// The steps; `None` where the rules name none that can be read.
    fn steps(&self) -> Option<Bonus> {
        let measure = match self.measure.as_str() {
            "amount" => Measure::Amount(Currency::parse(self.currency.as_deref()?).ok()?),
            _ => Measure::Conversions,
        };
        let tier = |rule: &TierRule| {
            let from = match measure {
                Measure::Conversions => rule.from.parse().ok()?,
                Measure::Amount(currency) => Money::parse(&rule.from, currency).ok()?.units(),
            };
            Some(Tier { from, percent: Percent::parse(&rule.percent).ok()? })
        };
        let reach = if self.retroactive { Reach::Retroactive } else { Reach::Above };
        Some(Bonus { measure, reach, tiers: self.tiers.iter().map(tier).collect::<Option<_>>()? })
    }
}

/// What a book counts by offer and calendar month.
pub(super) type Months = HashMap<(OfferId, Day), Tally>;

/// What is pending of some parties.
#[derive(Default)]
pub(super) struct Pending {
    referrals: PendingReferrals,
    openings: HashMap<Book, OpeningBalance>,
    counted: HashMap<(Book, i64, Day), Counted>,
}

/// What an invoice takes besides conversions.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) lines: Vec<ExtraLine>,
    /// A share of a referrer waits for a rate.
    pub(super) missing_rate: bool,
    /// The numbers of the referrals.
    referrals: Vec<i64>,
    openings: Vec<Book>,
    counted: Vec<Counted>,
}

impl Pending {
    /// What is pending of some parties. `months` are those in which their books have something to be billed.
    pub(super) fn load(
        tx: &mut dyn Tx,
        setup: &Setup,
        kind: InvoiceKind,
        ids: &[i64],
        epoch: i64,
        months: &HashMap<Book, Months>,
    ) -> Result<Pending> {
        let network = setup.network;
        let mut pending = Pending::default();
        for opening in extras::openings_of(tx, network, kind, ids)? {
            if opening.invoice_id.is_none() && opening.units > 0 {
                pending.openings.insert(opening.book, opening);
            }
        }
        let mut days: Vec<i64> =
            months.values().flat_map(|m| m.keys()).map(|(_, month)| i64::from(month.number())).collect();
        days.sort_unstable();
        days.dedup();
        if !days.is_empty() {
            for row in extras::counted(tx, network, kind, ids, &days)? {
                pending.counted.insert((row.book, row.bonus_id, row.month), row);
            }
        }
        if kind == InvoiceKind::Payable {
            pending.referrals = PendingReferrals::load(tx, network, ids, epoch, setup.settings.referral_shows_name)?;
        }
        Ok(pending)
    }

    /// Whether anything of a book is pending.
    pub(super) fn has(&self, book: Book) -> bool {
        self.referrals.has(book) || self.openings.contains_key(&book)
    }

    /// What an invoice takes that bills some books, with what it bills of each by month.
    pub(super) fn take(
        &self,
        into: Currency,
        bonuses: &[BonusRules],
        books: &[(Book, Option<&Months>)],
        rates: Rates<'_>,
    ) -> Result<Taken> {
        let mut taken = Taken::default();
        for (book, _) in books {
            self.take_opening(*book, into, rates, &mut taken)?;
        }
        let mut shares = TakenReferrals::default();
        for (book, _) in books {
            self.referrals.take(*book, into, rates, &mut shares)?;
        }
        taken.lines.extend(shares.lines);
        taken.referrals = shares.numbers;
        taken.missing_rate = shares.missing_rate;
        for (of, months) in books {
            for bonus in bonuses.iter().filter(|bonus| bonus.is_for(*of)) {
                self.take_bonus(bonus, *of, into, *months, rates, &mut taken)?;
            }
        }
        Ok(taken)
    }

    fn take_opening(&self, book: Book, into: Currency, rates: Rates<'_>, taken: &mut Taken) -> Result<()> {
        let Some(opening) = self.openings.get(&book) else { return Ok(()) };
        taken.openings.push(book);
        let comment = format!("Opening balance of {}", opening.day);
        let rate = rates(book.currency);
        let amount = Money::new(opening.units, book.currency);
        taken.lines.push(ExtraLine::of(LineType::OpeningBalance, amount, (into, rate.as_ref()), comment)?);
        Ok(())
    }

    fn take_bonus(
        &self,
        rules: &BonusRules,
        of: Book,
        into: Currency,
        months: Option<&Months>,
        rates: Rates<'_>,
        taken: &mut Taken,
    ) -> Result<()> {
        let Some(bonus) = rules.steps() else { return Ok(()) };
        let Some(months) = months else { return Ok(()) };
        for (month, new) in by_month(rules, months)? {
            let before = self.counted.get(&(of, rules.bonus_id, month));
            let mut all = before.map_or(Tally::default(), |b| Tally { units: b.units, conversions: b.conversions });
            all.add(new)?;
            let due = bonus.on(all, of.currency)?;
            let more = sum_units([due.units(), -before.map_or(0, |before| before.bonus_units)])?;
            taken.counted.push(Counted {
                book: of,
                bonus_id: rules.bonus_id,
                month,
                conversions: new.conversions,
                units: new.units,
                bonus_units: more,
            });
            let (year, number, _) = month.ymd();
            let comment = format!("{} of {year}-{number:02}: {} conversions", rules.title, all.conversions);
            let (more, rate) = (Money::new(more, of.currency), rates(of.currency));
            let line = ExtraLine::of(LineType::Bonus, more, (into, rate.as_ref()), comment)?;
            taken.lines.extend(Some(line).filter(|line| line.units != 0));
        }
        Ok(())
    }
}

impl Taken {
    /// Counts what is billed of a book for its bonuses, without paying any: the next invoice that pays them makes the
    /// difference.
    pub(super) fn count(&mut self, bonuses: &[BonusRules], book: Book, months: &Months) -> Result<()> {
        for rules in bonuses.iter().filter(|bonus| bonus.is_for(book)) {
            let by_month = by_month(rules, months)?;
            self.counted.extend(by_month.into_iter().map(|(month, new)| Counted {
                book,
                bonus_id: rules.bonus_id,
                month,
                conversions: new.conversions,
                units: new.units,
                bonus_units: 0,
            }));
        }
        Ok(())
    }
}

/// What counts for a bonus, by month.
fn by_month(rules: &BonusRules, months: &Months) -> Result<BTreeMap<Day, Tally>> {
    let mut by_month: BTreeMap<Day, Tally> = BTreeMap::new();
    for ((_, month), tally) in months.iter().filter(|((offer, _), _)| rules.counts(*offer)) {
        by_month.entry(*month).or_default().add(*tally)?;
    }
    Ok(by_month)
}

/// Marks what invoices have taken.
pub(super) fn mark<'a>(
    tx: &mut dyn Tx,
    network: NetworkId,
    invoices: impl Iterator<Item = (&'a Invoice, &'a Taken)>,
) -> Result<()> {
    let mut counted = Vec::new();
    for (invoice, taken) in invoices {
        if !taken.referrals.is_empty() {
            extras::take_referrals(tx, network, invoice.book.party_id, &taken.referrals, invoice.invoice_id)?;
        }
        for book in &taken.openings {
            extras::take_opening(tx, network, *book, invoice.invoice_id)?;
        }
        counted.extend(taken.counted.iter().map(|row| (invoice.invoice_id, *row)));
    }
    Ok(extras::add_counted(tx, network, &counted)?)
}

/// What an invoice counts for bonuses changes with the conversions on it. What it paid for them stays: the next invoice
/// that counts the month makes the difference.
pub(crate) fn count_again(
    tx: &mut dyn Tx,
    network: NetworkId,
    invoice: &Invoice,
    changes: impl Iterator<Item = (LineSlot, Tally)>,
) -> Result<()> {
    let bonuses = BonusRules::all(tx, network)?;
    if bonuses.is_empty() {
        return Ok(());
    }
    let mut counted: BTreeMap<(Currency, i64, Day), Tally> = BTreeMap::new();
    for ((currency, day, offer), tally) in changes {
        let book = Book { currency, ..invoice.book };
        for bonus in bonuses.iter().filter(|bonus| bonus.is_for(book) && bonus.counts(offer)) {
            counted.entry((currency, bonus.bonus_id, day.first_of_month())).or_default().add(tally)?;
        }
    }
    let row = |((currency, bonus_id, month), tally): ((Currency, i64, Day), Tally)| Counted {
        book: Book { currency, ..invoice.book },
        bonus_id,
        month,
        conversions: tally.conversions,
        units: tally.units,
        bonus_units: 0,
    };
    let counted: Vec<(InvoiceId, Counted)> =
        counted.into_iter().map(|counted| (invoice.invoice_id, row(counted))).collect();
    Ok(extras::add_counted(tx, network, &counted)?)
}
