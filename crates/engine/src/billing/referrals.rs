//! Shares of referrers: what referred affiliates are billed brings them, and what their own invoices take of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId, PartyKind};
use quittance_domain::invoice::LineType;
use quittance_domain::money::{Money, sum_units};
use quittance_domain::percent::Percent;
use quittance_domain::planner::ExtraLine;
use quittance_domain::rates::Rate;
use quittance_store::extras::{self, PaidShare, Referral};
use quittance_store::{Tx, parties};

use crate::error::Result;
use crate::party_rules::Basis;

/// How the comment of a referrer's line begins; the id of the referred affiliate follows, and its name where the network's
/// setting wants it.
const REFERRAL_OF: &str = "Referral of affiliate ";

/// The comment of a referrer's line without the name of an affiliate; `None`: it is not about that one, or without a name.
pub(crate) fn without_name(comment: &str, referred: i64) -> Option<String> {
    let rest = comment.strip_prefix(REFERRAL_OF)?.strip_prefix(&referred.to_string())?.strip_prefix(' ')?;
    // What follows the name has no such colon of its own.
    let (_, what) = rest.rsplit_once(": ")?;
    Some(format!("{REFERRAL_OF}{referred}: {what}"))
}

/// Rates into the currency of an invoice.
pub(super) type Rates<'a> = &'a dyn Fn(Currency) -> Option<Rate>;

/// What is pending of some referrers.
#[derive(Default)]
pub(super) struct PendingReferrals {
    of_book: BTreeMap<(i64, Currency), Vec<Referral>>,
    names: HashMap<i64, String>,
    /// Fees that are on an invoice already: for whom, and for which referred affiliate.
    paid_fees: HashSet<(i64, i64, String)>,
    /// The currency in which a fee is paid where several bring it: the first by its code that has something to be paid for.
    fee_currencies: HashMap<(i64, i64, String), Currency>,
    /// By which rates shares were paid.
    paid_rates: HashMap<PaidShare, Rate>,
}

/// The shares that an invoice takes.
#[derive(Default)]
pub(super) struct TakenReferrals {
    pub(super) lines: Vec<ExtraLine>,
    /// The numbers of the referrals that are taken.
    pub(super) numbers: Vec<i64>,
    /// A share waits for a rate.
    pub(super) missing_rate: bool,
}

impl PendingReferrals {
    /// What came together up to an epoch for some affiliates. What a run bills the referred is for a later one: it does not
    /// matter in which order it goes. The names of the referred are read where lines are to show them.
    pub(super) fn load(
        tx: &mut dyn Tx,
        network: NetworkId,
        ids: &[i64],
        epoch: i64,
        with_names: bool,
    ) -> Result<PendingReferrals> {
        let mut pending = PendingReferrals::default();
        let referrals = extras::pending_referrals(tx, network, ids, epoch)?;
        let mut referred: Vec<i64> = referrals.iter().map(|referral| referral.referred_id).collect();
        referred.sort_unstable();
        referred.dedup();
        referred.retain(|_| with_names);
        for party in parties::by_ids(tx, network, PartyKind::Affiliate, &referred)? {
            pending.names.insert(party.party_id, party.name);
        }
        let taken_back = referrals.iter().filter(|referral| referral.base.units() < 0);
        let sources: BTreeSet<i64> = taken_back.map(|referral| shared_as(referral).get()).collect();
        if !sources.is_empty() {
            let sources: Vec<i64> = sources.into_iter().collect();
            for (key, rate) in extras::paid_share_rates(tx, network, &sources)? {
                pending.paid_rates.entry(key).or_insert(rate);
            }
        }
        for referral in referrals {
            if referral.basis == Basis::Flat.as_str() && extras::flat_paid(tx, network, &referral)? {
                pending.paid_fees.insert((referral.affiliate_id, referral.referred_id, referral.share.clone()));
            }
            pending.of_book.entry((referral.affiliate_id, referral.currency)).or_default().push(referral);
        }
        pending.choose_fee_currencies()?;
        Ok(pending)
    }

    /// A fee is paid once, also where a run comes to the referrer's books in several currencies.
    fn choose_fee_currencies(&mut self) -> Result<()> {
        let mut bases: BTreeMap<(i64, i64, &str, &str), (Currency, i64)> = BTreeMap::new();
        let flat = self.of_book.values().flatten().filter(|referral| referral.basis == Basis::Flat.as_str());
        for r in flat {
            let key = (r.affiliate_id, r.referred_id, r.share.as_str(), r.currency.code());
            let base = bases.entry(key).or_insert((r.currency, 0));
            base.1 = sum_units([base.1, r.base.units()])?;
        }
        for ((affiliate, referred, share, _), (currency, units)) in bases {
            if units > 0 {
                self.fee_currencies.entry((affiliate, referred, share.to_owned())).or_insert(currency);
            }
        }
        Ok(())
    }

    /// Whether anything is pending in a book.
    pub(super) fn has(&self, book: Book) -> bool {
        book.kind == InvoiceKind::Payable && self.of_book.contains_key(&(book.party_id, book.currency))
    }

    /// What an invoice in a currency takes of what is pending in a book.
    pub(super) fn take(&self, of: Book, into: Currency, rates: Rates<'_>, taken: &mut TakenReferrals) -> Result<()> {
        if !self.has(of) {
            return Ok(());
        }
        let mut groups: BTreeMap<(i64, &str, &str), Vec<&Referral>> = BTreeMap::new();
        for referral in self.of_book.get(&(of.party_id, of.currency)).into_iter().flatten() {
            groups.entry((referral.referred_id, &referral.basis, &referral.share)).or_default().push(referral);
        }
        for group in groups.into_values() {
            let Some(first) = group.first() else { continue };
            match self.lines_of(&group, first, into, rates)? {
                None => taken.missing_rate = true,
                Some(lines) if lines.is_empty() => {}
                Some(lines) => {
                    taken.lines.extend(lines);
                    taken.numbers.extend(group.iter().map(|referral| referral.referral_no));
                }
            }
        }
        Ok(())
    }

    /// The lines of one referred affiliate's share, one for each currency of its base; none: it waits; `None`: for a rate.
    fn lines_of(
        &self,
        group: &[&Referral],
        first: &Referral,
        into: Currency,
        rates: Rates<'_>,
    ) -> Result<Option<Vec<ExtraLine>>> {
        let mut bases: BTreeMap<Currency, i64> = BTreeMap::new();
        for referral in group {
            let base = bases.entry(referral.base.currency()).or_default();
            *base = sum_units([*base, referral.base.units()])?;
        }
        bases.retain(|_, units| *units != 0);
        let mut parts = Vec::new();
        for (currency, units) in bases {
            // What is taken back of a share is converted as it was when it was paid.
            let mut paid = group.iter().filter(|referral| units < 0 && referral.base.currency() == currency);
            let paid = paid.find_map(|referral| self.paid_rates.get(&(shared_as(referral), currency, into)));
            let rate = if currency == into { None } else { paid.cloned().or_else(|| rates(currency)) };
            if currency != into && rate.is_none() {
                return Ok(None);
            }
            parts.push((Money::new(units, currency), rate));
        }
        let converted = parts.iter().map(|(base, rate)| rate.as_ref().map_or(Ok(*base), |r| r.convert(*base, into)));
        let total = sum_units(converted.collect::<std::result::Result<Vec<_>, _>>()?.into_iter().map(Money::units))?;
        let Some(threshold) = threshold(group, first.currency, into, rates)? else { return Ok(None) };
        // What is taken back waits until it comes to as much, too.
        if total.unsigned_abs() < threshold.unsigned_abs() {
            return Ok(Some(Vec::new()));
        }
        if first.basis == Basis::Flat.as_str() {
            return self.fee(first, total, into, rates);
        }
        let percent = Percent::parse(&first.share).map_err(|e| corrupt(e.to_string()))?;
        let what = if first.basis == Basis::Payout.as_str() { String::new() } else { format!("{} ", first.basis) };
        let mut lines = Vec::new();
        for (base, rate) in parts {
            let comment = format!("{REFERRAL_OF}{}: {} % of {what}{base}", self.who(first), first.share);
            let line = ExtraLine::of(LineType::Referral, percent.of(base)?, (into, rate.as_ref()), comment)?;
            lines.extend(Some(line).filter(|line| line.units != 0));
        }
        Ok(Some(lines))
    }

    /// A fee, once, when something was billed to the referred affiliate.
    fn fee(&self, first: &Referral, total: i64, into: Currency, rates: Rates<'_>) -> Result<Option<Vec<ExtraLine>>> {
        let key = (first.affiliate_id, first.referred_id, first.share.clone());
        let here = self.fee_currencies.get(&key) == Some(&first.currency);
        if !here || self.paid_fees.contains(&key) || total <= 0 {
            return Ok(Some(Vec::new()));
        }
        let fee = Money::parse(&first.share, first.currency).map_err(|e| corrupt(e.to_string()))?;
        let rate = if first.currency == into { None } else { rates(first.currency) };
        if first.currency != into && rate.is_none() {
            return Ok(None);
        }
        let comment = format!("{REFERRAL_OF}{}: a fee", self.who(first));
        Ok(Some(vec![ExtraLine::of(LineType::Referral, fee, (into, rate.as_ref()), comment)?]))
    }

    fn who(&self, of: &Referral) -> String {
        let name = self.names.get(&of.referred_id).map_or("", String::as_str);
        format!("{} {name}", of.referred_id).trim_end().to_owned()
    }
}

/// The invoice whose share a referral is, or is a difference to.
fn shared_as(referral: &Referral) -> InvoiceId {
    referral.terms_of.unwrap_or(referral.source_invoice)
}

/// The threshold of some referrals, in billing units of another currency; `None`: there is no rate.
fn threshold(group: &[&Referral], from: Currency, into: Currency, rates: Rates<'_>) -> Result<Option<i64>> {
    let units = group.iter().map(|referral| referral.threshold_units).max().unwrap_or(0);
    if from == into || units == 0 {
        return Ok(Some(units));
    }
    let threshold = Money::new(units, from);
    Ok(rates(from).map(|rate| rate.convert(threshold, into)).transpose()?.map(Money::units))
}

fn corrupt(text: String) -> quittance_store::Error {
    quittance_store::Error::Corrupt(text)
}
