//! What invoices bill besides conversions: opening balances, the shares of referrers, volume bonuses. What is pending is
//! kept by whoever it is for; an invoice takes it, and a void one gives it back.

use std::collections::{BTreeMap, HashMap, HashSet};

use quittance_domain::accrual::{Book, Tally};
use quittance_domain::bonus::{Bonus, Measure, Reach, Tier};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId, OfferId, PartyKind};
use quittance_domain::invoice::LineType;
use quittance_domain::money::{Money, sum_units};
use quittance_domain::percent::Percent;
use quittance_domain::planner::ExtraLine;
use quittance_domain::rates::Rate;
use quittance_domain::time::Day;
use quittance_store::extras::{self, Counted, OpeningBalance, Referral};
use quittance_store::invoices::{Invoice, Line};
use quittance_store::{Tx, accruals, parties};
use serde::Deserialize;

use crate::Call;
use crate::error::Result;
use crate::give_back::LineSlot;
use crate::party_rules::{Basis, PartyRules};

/// How a share that is a fee begins.
const FLAT: &str = "flat:";

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
    referrals: BTreeMap<(i64, Currency), Vec<Referral>>,
    openings: HashMap<Book, OpeningBalance>,
    counted: HashMap<(Book, i64, Day), Counted>,
    names: HashMap<i64, String>,
    /// Fees that are on an invoice already, by share and whom they are for.
    paid_fees: HashSet<(i64, i64, String)>,
    /// What referred affiliates are billed by a run is for a later one: it does not matter in which order it goes.
    epoch: i64,
}

/// What an invoice takes besides conversions.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) lines: Vec<ExtraLine>,
    referrals: Vec<Referral>,
    opening: Option<Book>,
    counted: Vec<Counted>,
    epoch: i64,
}

impl Pending {
    /// What is pending of some parties. `months` are those in which their books have something to be billed.
    pub(super) fn load(
        tx: &mut dyn Tx,
        network: NetworkId,
        kind: InvoiceKind,
        ids: &[i64],
        epoch: i64,
        months: &HashMap<Book, Months>,
    ) -> Result<Pending> {
        let mut pending = Pending { epoch, ..Pending::default() };
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
            pending.load_referrals(tx, network, ids)?;
        }
        Ok(pending)
    }

    fn load_referrals(&mut self, tx: &mut dyn Tx, network: NetworkId, ids: &[i64]) -> Result<()> {
        let referrals = extras::pending_referrals(tx, network, ids, self.epoch)?;
        let mut referred: Vec<i64> = referrals.iter().map(|referral| referral.referred_id).collect();
        referred.sort_unstable();
        referred.dedup();
        for party in parties::by_ids(tx, network, PartyKind::Affiliate, &referred)? {
            self.names.insert(party.party_id, party.name);
        }
        for referral in referrals {
            if referral.share.starts_with(FLAT) && extras::flat_paid(tx, network, &referral)? {
                self.paid_fees.insert((referral.affiliate_id, referral.referred_id, referral.share.clone()));
            }
            self.referrals.entry((referral.affiliate_id, referral.currency)).or_default().push(referral);
        }
        Ok(())
    }

    /// Whether anything of a book is pending.
    pub(super) fn has(&self, book: Book) -> bool {
        let referrer =
            book.kind == InvoiceKind::Payable && self.referrals.contains_key(&(book.party_id, book.currency));
        referrer || self.openings.contains_key(&book)
    }

    /// What an invoice in a book's currency takes. `months` are what it bills of each book, with the rate into its
    /// currency.
    pub(super) fn take(
        &self,
        book: Book,
        bonuses: &[BonusRules],
        months: &[(Book, Option<&Rate>, &Months)],
    ) -> Result<Taken> {
        let mut taken = Taken { epoch: self.epoch, ..Taken::default() };
        if let Some(opening) = self.openings.get(&book) {
            taken.opening = Some(book);
            let comment = format!("Opening balance of {}", opening.day);
            taken.lines.push(ExtraLine { line_type: LineType::OpeningBalance, units: opening.units, comment });
        }
        if book.kind == InvoiceKind::Payable {
            self.take_referrals(book, &mut taken)?;
        }
        for (of, rate, months) in months {
            for bonus in bonuses.iter().filter(|bonus| bonus.is_for(*of)) {
                self.take_bonus(bonus, *of, *rate, months, book.currency, &mut taken)?;
            }
        }
        Ok(taken)
    }

    fn take_referrals(&self, book: Book, taken: &mut Taken) -> Result<()> {
        let pending = self.referrals.get(&(book.party_id, book.currency)).map_or(&[][..], Vec::as_slice);
        let mut groups: BTreeMap<(i64, &str), Vec<&Referral>> = BTreeMap::new();
        for referral in pending {
            groups.entry((referral.referred_id, &referral.share)).or_default().push(referral);
        }
        for ((referred, share), group) in groups {
            let base = Money::new(sum_units(group.iter().map(|referral| referral.units))?, book.currency);
            let threshold = group.iter().map(|referral| referral.threshold_units).max().unwrap_or(0);
            if threshold > 0 && base.units() < threshold {
                continue;
            }
            let name = self.names.get(&referred).map_or("", String::as_str);
            let who = format!("affiliate {referred} {name}");
            let (amount, comment) = match share.strip_prefix(FLAT) {
                None => {
                    let percent =
                        Percent::parse(share).map_err(|error| quittance_store::Error::Corrupt(error.to_string()))?;
                    (percent.of(base)?, format!("Referral of {}: {share} % of {base}", who.trim_end()))
                }
                Some(fee) => {
                    let paid = self.paid_fees.contains(&(book.party_id, referred, share.to_owned()));
                    if paid || !base.is_positive() {
                        continue;
                    }
                    let fee =
                        Money::parse(fee, book.currency).map_err(|e| quittance_store::Error::Corrupt(e.to_string()))?;
                    (fee, format!("Referral of {}: a fee", who.trim_end()))
                }
            };
            if amount.is_zero() {
                continue;
            }
            taken.lines.push(ExtraLine { line_type: LineType::Referral, units: amount.units(), comment });
            taken.referrals.extend(group.first().map(|referral| (*referral).clone()));
        }
        Ok(())
    }

    fn take_bonus(
        &self,
        rules: &BonusRules,
        of: Book,
        rate: Option<&Rate>,
        months: &Months,
        currency: Currency,
        taken: &mut Taken,
    ) -> Result<()> {
        let Some(bonus) = rules.steps() else { return Ok(()) };
        let mut by_month: BTreeMap<Day, Tally> = BTreeMap::new();
        for ((_, month), tally) in months.iter().filter(|((offer, _), _)| rules.counts(*offer)) {
            by_month.entry(*month).or_default().add(*tally)?;
        }
        for (month, new) in by_month {
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
            let more = Money::new(more, of.currency);
            let amount = rate.map_or(Ok(more), |rate| rate.convert(more, currency))?;
            if !amount.is_zero() {
                let (year, number, _) = month.ymd();
                let comment = format!("{} of {year}-{number:02}: {} conversions", rules.title, all.conversions);
                taken.lines.push(ExtraLine { line_type: LineType::Bonus, units: amount.units(), comment });
            }
        }
        Ok(())
    }
}

/// Marks what an invoice has taken.
pub(super) fn mark(tx: &mut dyn Tx, network: NetworkId, invoice: &Invoice, taken: &Taken) -> Result<()> {
    for referral in &taken.referrals {
        extras::take_referrals(tx, network, referral, taken.epoch, invoice.invoice_id)?;
    }
    if let Some(book) = taken.opening {
        extras::take_opening(tx, network, book, invoice.invoice_id)?;
    }
    if !taken.counted.is_empty() {
        extras::add_counted(tx, network, invoice.invoice_id, &taken.counted)?;
    }
    Ok(())
}

/// What the conversions on some lines come to, in the invoice's currency.
fn base(lines: &[Line]) -> Result<i64> {
    let conversions = lines.iter().filter(|line| line.line_type == LineType::Conversions);
    Ok(sum_units(conversions.map(|line| line.units))?)
}

/// What a newly issued invoice brings whoever has referred its affiliate.
pub(super) fn refer(rules: &PartyRules, invoice: &Invoice, lines: &[Line]) -> Result<Option<Referral>> {
    let Some(referrer) = rules.referrer.as_ref().filter(|_| invoice.book.kind == InvoiceKind::Payable) else {
        return Ok(None);
    };
    if referrer.until.is_some_and(|until| invoice.period.end > until) {
        return Ok(None);
    }
    let share = match referrer.basis {
        Basis::Flat => format!("{FLAT}{}", referrer.fee.as_deref().unwrap_or("0")),
        _ => referrer.percent.clone().unwrap_or_default(),
    };
    let currency = invoice.book.currency;
    let threshold = referrer.threshold.as_deref().and_then(|text| Money::parse(text, currency).ok());
    Ok(Some(Referral {
        affiliate_id: referrer.affiliate,
        currency,
        referred_id: invoice.book.party_id,
        source_invoice: invoice.invoice_id,
        units: base(lines)?,
        share,
        threshold_units: threshold.map_or(0, Money::units),
    }))
}

/// Records what new invoices bring the referrers, whose books are there from then on.
pub(super) fn add_referrals(tx: &mut dyn Tx, call: &Call, epoch: i64, referrals: &[Referral]) -> Result<()> {
    let book = |referral: &Referral| Book {
        kind: InvoiceKind::Payable,
        party_id: referral.affiliate_id,
        currency: referral.currency,
    };
    let mut books: Vec<Book> = referrals.iter().map(book).collect();
    books.sort_unstable();
    books.dedup();
    accruals::ensure_books(tx, call.network, &books)?;
    Ok(extras::add_referrals(tx, call.network, referrals, epoch, call.now)?)
}

/// What a change of an invoice's lines takes from its referrer, or brings it.
pub(crate) fn referred_again(
    tx: &mut dyn Tx,
    call: &Call,
    epoch: i64,
    source: InvoiceId,
    before: &[Line],
    after: &[Line],
) -> Result<()> {
    let units = sum_units([base(after)?, -base(before)?])?;
    if units == 0 {
        return Ok(());
    }
    let known = extras::referrals_of(tx, call.network, source)?;
    let changes: Vec<Referral> = known.into_iter().take(1).map(|referral| Referral { units, ..referral }).collect();
    add_referrals(tx, call, epoch, &changes)
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
    let counted: Vec<Counted> = counted.into_iter().map(row).collect();
    Ok(extras::add_counted(tx, network, invoice.invoice_id, &counted)?)
}
