//! What a referrer is owed for whom it referred: on no invoice yet, on an open one, or paid.

use std::collections::{BTreeMap, BTreeSet};

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, PartyKind};
use quittance_domain::money::{Money, sum_units};
use quittance_domain::percent::Percent;
use quittance_domain::time::Timestamp;
pub use quittance_store::extras::RecordedFilter as ReferralQuery;
use quittance_store::extras::{self, RecordedReferral};
use quittance_store::{invoices, parties};

use crate::error::Result;
use crate::party_rules::Basis;
use crate::{Call, Engine};

/// How far a share is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShareState {
    /// No invoice has it.
    Unbilled,
    /// It is on an invoice that is paid.
    Paid,
    /// It is on an invoice that is not paid.
    Billed,
}

/// The shares of a referrer for one referred affiliate, in one currency, that are paid as far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferralPayment {
    /// The referrer.
    pub referrer_id: i64,
    /// Whom the referrer has referred.
    pub referred_id: i64,
    /// When that affiliate was made.
    pub referred_since: Timestamp,
    /// How far they are paid.
    pub state: ShareState,
    /// What was recorded: invoices of the referred affiliate, and changes of them.
    pub count: i64,
    /// When the last of it was.
    pub last_at: Timestamp,
    /// What it comes to.
    pub share: Money,
}

/// A referrer and whom it has referred.
type Pair = (i64, i64);

/// What is shared together: by whom, how far paid, on which invoice, of what, and so much of it.
type Group<'a> = (Pair, ShareState, Option<InvoiceId>, Currency, &'a str, &'a str);

impl Engine {
    /// The shares of referrers by referrer, referred affiliate, state and currency.
    ///
    /// # Errors
    /// A sum that does not fit, or what the store says.
    pub fn referral_payments(&self, call: &Call, query: &ReferralQuery) -> Result<Vec<ReferralPayment>> {
        self.store.read(|tx| {
            let rows = extras::recorded_referrals(tx, call.network, query)?;
            let referred: BTreeSet<i64> = rows.iter().map(|row| row.referral.referred_id).collect();
            let referred: Vec<i64> = referred.into_iter().collect();
            let since = parties::made_at(tx, call.network, PartyKind::Affiliate, &referred)?;
            let taken: BTreeSet<i64> = rows.iter().filter_map(|row| Some(row.invoice?.get())).collect();
            let taken: Vec<i64> = taken.into_iter().collect();
            let paid = invoices::paid_among(tx, call.network, &taken)?;
            let state = |row: &RecordedReferral| match row.invoice {
                None => ShareState::Unbilled,
                Some(id) if paid.binary_search(&id).is_ok() => ShareState::Paid,
                Some(_) => ShareState::Billed,
            };
            summed(&rows, state, &since.into_iter().collect())
        })
    }
}

fn summed(
    rows: &[RecordedReferral],
    state: impl Fn(&RecordedReferral) -> ShareState,
    since: &BTreeMap<i64, Timestamp>,
) -> Result<Vec<ReferralPayment>> {
    let mut groups: BTreeMap<Group<'_>, i64> = BTreeMap::new();
    let mut payments: BTreeMap<(Pair, ShareState, Currency), ReferralPayment> = BTreeMap::new();
    for row in rows {
        let (referral, state) = (&row.referral, state(row));
        let (referrer_id, referred_id) = (referral.affiliate_id, referral.referred_id);
        let (pair, currency) = ((referrer_id, referred_id), referral.base.currency());
        let group = (pair, state, row.invoice, currency, referral.basis.as_str(), referral.share.as_str());
        let base = groups.entry(group).or_default();
        *base = sum_units([*base, referral.base.units()])?;
        let payment = payments.entry((pair, state, currency)).or_insert(ReferralPayment {
            referrer_id,
            referred_id,
            referred_since: since.get(&referred_id).copied().unwrap_or(row.recorded_at),
            state,
            count: 0,
            last_at: row.recorded_at,
            share: Money::zero(currency),
        });
        payment.count += 1;
        payment.last_at = payment.last_at.max(row.recorded_at);
    }
    let mut fees = BTreeSet::new();
    // What an invoice has goes first: a fee is paid once.
    let (billed, unbilled): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(group, _)| group.2.is_some());
    for ((pair, state, _, currency, basis, share), units) in billed.into_iter().chain(unbilled) {
        let amount = if basis == Basis::Flat.as_str() {
            let due = units > 0 && fees.insert((pair, share));
            Money::parse(if due { share } else { "0" }, currency).ok()
        } else {
            Percent::parse(share).ok().map(|percent| percent.of(Money::new(units, currency))).transpose()?
        };
        if let (Some(amount), Some(payment)) = (amount, payments.get_mut(&(pair, state, currency))) {
            payment.share = payment.share.checked_add(amount)?;
        }
    }
    Ok(payments.into_values().collect())
}
