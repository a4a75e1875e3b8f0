//! By whose terms what an invoice bills is shared. A difference to what was billed before is shared as that was: with the same
//! referrer, by the same percentage and within the same term, whatever holds by then. A term goes by the day of the conversion.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use quittance_domain::accrual::{Book, Tally};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId, OfferId};
use quittance_domain::invoice::LineType;
use quittance_domain::money::{Money, Rounding, sum_units};
use quittance_domain::period::Period;
use quittance_domain::planner::{Converted, Emptied};
use quittance_domain::time::Day;
use quittance_store::extras::{self, Referral};
use quittance_store::invoices::{self, Invoice, Line};
use quittance_store::{Tx, accruals};

use crate::Call;
use crate::error::Result;
use crate::give_back::LineSlot;
use crate::invoices::{Billed, billed_by, converted};
use crate::party_rules::{Basis, PartyRules, Referrer};
use crate::places::{each_on_invoice, taken_rows};

/// How invoices that are there already are shared, of some referred affiliates.
#[derive(Default)]
pub(crate) struct PastTerms {
    /// The terms of each invoice that has any.
    of_invoice: HashMap<InvoiceId, Referral>,
    /// The days of each offer of a book that invoices have billed, the first invoice first.
    billed: HashMap<Book, HashMap<OfferId, Vec<(Period, InvoiceId)>>>,
}

impl PastTerms {
    /// Those of some affiliates: of whoever `has_referrer` says has one today, and of whoever was shared before. Of void
    /// invoices only those in `also` count.
    pub(super) fn load(
        tx: &mut dyn Tx,
        network: NetworkId,
        ids: &[i64],
        also: &[i64],
        has_referrer: &dyn Fn(i64) -> bool,
    ) -> Result<PastTerms> {
        let mut past = PastTerms::default();
        if ids.is_empty() {
            return Ok(past);
        }
        let mut referred: BTreeSet<i64> = ids.iter().copied().filter(|id| has_referrer(*id)).collect();
        for terms in extras::own_terms(tx, network, ids)? {
            referred.insert(terms.referred_id);
            past.of_invoice.entry(terms.source_invoice).or_insert(terms);
        }
        let referred: Vec<i64> = referred.into_iter().collect();
        if referred.is_empty() {
            return Ok(past);
        }
        for part in invoices::billed_parts(tx, network, InvoiceKind::Payable, &referred, also)? {
            let of_offer = past.billed.entry(part.book).or_default().entry(part.offer_id).or_default();
            of_offer.push((part.period, part.invoice));
        }
        Ok(past)
    }

    /// Whether anything of a book was billed and shared, or not shared, before.
    pub(super) fn has(&self, party_id: i64) -> bool {
        self.billed.keys().any(|book| book.party_id == party_id)
    }

    /// The invoice that billed a day of an offer first: one that reaches the day and had nothing of the offer to bill in its
    /// period says nothing of how that is shared.
    fn first(&self, book: Book, day: Day, offer: OfferId) -> Option<InvoiceId> {
        let of_offer = self.billed.get(&book)?.get(&offer)?;
        of_offer.iter().find(|(period, _)| period.contains(day)).map(|(_, invoice)| *invoice)
    }
}

/// By whose terms something is shared: another invoice's, or (`None`) those of the invoice that bills it.
type Terms = Option<InvoiceId>;

/// What an invoice bills of a book, by what is told apart: of each earlier day, and of the own period as far as a term needs.
pub(super) type Slots = Vec<(LineSlot, Tally)>;

/// By whose terms one invoice is shared.
struct Sharing<'a> {
    past: &'a PastTerms,
    book: Book,
    /// The invoice, where it is among those that have taken already.
    invoice: Option<InvoiceId>,
    own: Option<Referral>,
}

impl Sharing<'_> {
    /// The earlier invoice that billed a day of an offer first.
    fn other(&self, (currency, day, offer): LineSlot) -> Option<InvoiceId> {
        let first = self.past.first(Book { currency, ..self.book }, day, offer);
        first.filter(|first| self.invoice.is_none_or(|own| *first < own))
    }

    /// By whose terms a day of an offer is shared; `None`: not at all.
    fn of(&self, slot: LineSlot) -> Option<Terms> {
        let other = self.other(slot);
        self.terms(other).filter(|terms| terms.until.is_none_or(|until| slot.1 <= until)).map(|_| other)
    }

    fn terms(&self, whose: Terms) -> Option<&Referral> {
        match whose {
            Some(invoice) => self.past.of_invoice.get(&invoice),
            None => self.own.as_ref(),
        }
    }

    /// What the shares of an invoice are of, by terms and currency.
    fn bases(
        &self,
        tx: &mut dyn Tx,
        network: NetworkId,
        invoice: &Invoice,
        (lines, emptied): (&[Line], &[Emptied]),
        slots: &[(LineSlot, Tally)],
    ) -> Result<BTreeMap<Terms, BTreeMap<Currency, i64>>> {
        let payout = self.payout(invoice, (lines, emptied), slots)?;
        let mut revenue: Option<BTreeMap<Terms, BTreeMap<Currency, i64>>> = None;
        let mut bases: BTreeMap<Terms, BTreeMap<Currency, i64>> = BTreeMap::new();
        for (whose, payout) in payout {
            let Some(terms) = self.terms(whose) else { continue };
            let basis = Basis::parse(&terms.basis);
            let of_terms = bases.entry(whose).or_default();
            if matches!(basis, Basis::Revenue | Basis::Margin) {
                let brought = match &mut revenue {
                    Some(known) => known,
                    none => none.insert(self.revenue(tx, network, invoice)?),
                };
                of_terms.extend(brought.get(&whose).into_iter().flatten().map(|(currency, units)| (*currency, *units)));
            }
            let own = of_terms.entry(invoice.book.currency).or_default();
            match basis {
                Basis::Payout | Basis::Flat => *own = payout,
                Basis::Revenue => {}
                Basis::Margin => *own = sum_units([*own, -payout])?,
            }
        }
        Ok(bases)
    }

    /// What the conversions on an invoice come to in its currency, by terms. A line that is shared as a whole counts as it is
    /// billed; of one that is not, each part is rounded to the minor unit and converted as the line is.
    fn payout(
        &self,
        invoice: &Invoice,
        (lines, emptied): (&[Line], &[Emptied]),
        slots: &[(LineSlot, Tally)],
    ) -> Result<BTreeMap<Terms, i64>> {
        let of_all: BTreeSet<Option<Terms>> = slots.iter().map(|(slot, _)| self.of(*slot)).collect();
        if of_all.len() < 2 {
            // Most invoices are shared as a whole, by their own terms: no day has to be found in its line.
            let conversions = lines.iter().filter(|line| line.line_type == LineType::Conversions);
            let units = sum_units(conversions.map(|line| line.units))?;
            return Ok(of_all.into_iter().flatten().map(|whose| (whose, units)).collect());
        }
        let mut parts: BTreeMap<usize, BTreeMap<Option<Terms>, (Currency, Tally)>> = BTreeMap::new();
        for (slot, tally) in slots {
            let place = match billed_by(lines, emptied, invoice, *slot) {
                Some(Billed::Line(index)) => index,
                Some(Billed::Emptied(index)) => lines.len() + index,
                None => continue,
            };
            let part = parts.entry(place).or_default().entry(self.of(*slot));
            part.or_insert((slot.0, Tally::default())).1.add(*tally)?;
        }
        let mut payout: BTreeMap<Terms, i64> = BTreeMap::new();
        for (place, of_line) in parts {
            let whole = of_line.len() == 1;
            let line = lines.get(place);
            let kept = || emptied.get(place.checked_sub(lines.len())?).and_then(converted);
            let rate = line.map_or_else(kept, |line| line.converted.clone());
            for (whose, (currency, tally)) in of_line {
                let Some(whose) = whose else { continue };
                let units = match line {
                    Some(line) if whole => line.units,
                    _ => part_units(Money::new(tally.units, currency), rate.as_ref(), invoice.book.currency)?,
                };
                let sum = payout.entry(whose).or_default();
                *sum = sum_units([*sum, units])?;
            }
        }
        Ok(payout)
    }

    /// What the conversions on an invoice bring, by terms. It reads them one by one, as no accrual of an affiliate knows it.
    fn revenue(
        &self,
        tx: &mut dyn Tx,
        network: NetworkId,
        invoice: &Invoice,
    ) -> Result<BTreeMap<Terms, BTreeMap<Currency, i64>>> {
        let take_offs = invoices::take_offs(tx, network, invoice.place())?;
        let mut sums: BTreeMap<(Terms, Currency), i128> = BTreeMap::new();
        for row in taken_rows(tx, network, invoice)? {
            let bucket = row.key.bucket;
            let Some(whose) = self.of((bucket.book.currency, bucket.place.posting_day, bucket.offer_id)) else {
                continue;
            };
            each_on_invoice(tx, network, &take_offs, &row, 0, &mut |_, entry| {
                *sums.entry((whose, entry.revenue.currency())).or_default() += i128::from(entry.revenue.units());
                true
            })?;
        }
        let mut revenue: BTreeMap<Terms, BTreeMap<Currency, i64>> = BTreeMap::new();
        for ((whose, currency), sum) in sums {
            let units = i64::try_from(sum).map_err(|_| quittance_domain::money::MoneyError::Overflow)?;
            revenue.entry(whose).or_default().insert(currency, units);
        }
        Ok(revenue)
    }
}

/// A part of a line, rounded to the minor unit of its currency and converted as the line is.
fn part_units(exact: Money, converted: Option<&Converted>, into: Currency) -> Result<i64> {
    let rounded = exact.round_to_minor(Rounding::HalfAwayFromZero)?;
    Ok(converted.map_or(Ok(rounded), |converted| converted.rate.convert(rounded, into))?.units())
}

/// The terms of today of a new invoice. `first` is the day of the first commission that is shared by them.
fn terms_of_today(referrer: &Referrer, invoice: &Invoice, first: Option<Day>) -> Referral {
    let currency = invoice.book.currency;
    let share = match referrer.basis {
        Basis::Flat => referrer.fee.clone().unwrap_or_else(|| "0".to_owned()),
        _ => referrer.percent.clone().unwrap_or_default(),
    };
    let threshold = referrer.threshold.as_deref().and_then(|text| Money::parse(text, currency).ok());
    Referral {
        affiliate_id: referrer.affiliate,
        currency,
        referred_id: invoice.book.party_id,
        source_invoice: invoice.invoice_id,
        base: Money::zero(currency),
        basis: referrer.basis.as_str().to_owned(),
        share,
        threshold_units: threshold.map_or(0, Money::units),
        referral_no: 0,
        until: referrer.last_day(first),
        terms_of: None,
        first_day: first,
    }
}

/// A record of a share by some terms, of an invoice.
fn record(invoice: &Invoice, terms: &Referral, whose: Terms, base: Money) -> Referral {
    let currency = invoice.book.currency;
    let threshold = Money::new(terms.threshold_units, terms.currency);
    // A threshold means the same figure in each currency.
    let threshold = if terms.currency == currency { Some(threshold) } else { figure_in(threshold, currency) };
    Referral {
        currency,
        source_invoice: invoice.invoice_id,
        base,
        threshold_units: threshold.map_or(0, Money::units),
        referral_no: 0,
        terms_of: whose,
        first_day: terms.first_day.filter(|_| whose.is_none()),
        ..terms.clone()
    }
}

fn figure_in(amount: Money, currency: Currency) -> Option<Money> {
    Money::parse(&amount.to_decimal(), currency).ok()
}

/// What is known of a new invoice that shares may be of.
pub(super) struct NewShares<'a> {
    pub(super) past: &'a PastTerms,
    /// The rules of its party.
    pub(super) rules: &'a PartyRules,
    /// The day of the first commission that was shared with the referrer of today, where there was one.
    pub(super) first: Option<Day>,
    pub(super) slots: &'a [(LineSlot, Tally)],
}

/// What a newly issued invoice brings whoever has referred its affiliate.
pub(super) fn refer(
    tx: &mut dyn Tx,
    network: NetworkId,
    new: &NewShares<'_>,
    invoice: &Invoice,
    lines: (&[Line], &[Emptied]),
) -> Result<Vec<Referral>> {
    let payable = invoice.book.kind == InvoiceKind::Payable;
    let referrer = new.rules.referrer.as_ref();
    if !payable || (referrer.is_none() && !new.past.has(invoice.book.party_id)) {
        return Ok(Vec::new());
    }
    let mut sharing = Sharing { past: new.past, book: invoice.book, invoice: None, own: None };
    let own_days = new.slots.iter().filter(|(slot, _)| sharing.other(*slot).is_none()).map(|(slot, _)| slot.1);
    let first = new.first.or(own_days.min());
    sharing.own = referrer.map(|referrer| terms_of_today(referrer, invoice, first));
    let mut bases = sharing.bases(tx, network, invoice, lines, new.slots)?;
    // How the invoice is shared is known by a record, if only of nothing.
    let open = |own: &Referral| own.until.is_none_or(|until| invoice.period.start <= until);
    if sharing.own.as_ref().is_some_and(open) {
        bases.entry(None).or_default().entry(invoice.book.currency).or_default();
    }
    let mut records = Vec::new();
    for (whose, of_terms) in bases {
        let Some(terms) = sharing.terms(whose) else { continue };
        let some = of_terms.into_iter().filter(|(_, units)| whose.is_none() || *units != 0);
        records.extend(some.map(|(currency, units)| record(invoice, terms, whose, Money::new(units, currency))));
    }
    Ok(records)
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

/// What a change of what is on an invoice takes from its referrers, or brings them.
pub(crate) fn referred_again(
    tx: &mut dyn Tx,
    call: &Call,
    epoch: i64,
    invoice: &Invoice,
    lines: (&[Line], &[Emptied]),
    slots: &BTreeMap<LineSlot, Tally>,
) -> Result<()> {
    if invoice.book.kind != InvoiceKind::Payable {
        return Ok(());
    }
    let known = extras::referrals_of(tx, call.network, invoice.invoice_id)?;
    let also: Vec<i64> = known.iter().filter_map(|referral| referral.terms_of).map(InvoiceId::get).collect();
    let past = PastTerms::load(tx, call.network, &[invoice.book.party_id], &also, &|_| false)?;
    let own = known.iter().find(|referral| referral.terms_of.is_none()).cloned();
    let sharing = Sharing { past: &past, book: invoice.book, invoice: Some(invoice.invoice_id), own };
    let slots: Slots = slots.iter().map(|(slot, tally)| (*slot, *tally)).collect();
    let bases = sharing.bases(tx, call.network, invoice, lines, &slots)?;
    let mut changes = Vec::new();
    for ((whose, currency), units) in differences(bases, &known)? {
        let terms = known.iter().find(|referral| referral.terms_of == whose).or_else(|| sharing.terms(whose));
        changes.extend(terms.map(|terms| record(invoice, terms, whose, Money::new(units, currency))));
    }
    add_referrals(tx, call, epoch, &changes)
}

/// A void invoice has brought nobody anything: what it did is taken back as it was given.
pub(crate) fn unreferred(tx: &mut dyn Tx, call: &Call, epoch: i64, invoice: &Invoice) -> Result<()> {
    let known = extras::referrals_of(tx, call.network, invoice.invoice_id)?;
    let mut changes = Vec::new();
    for ((whose, currency), units) in differences(BTreeMap::new(), &known)? {
        let terms = known.iter().find(|referral| referral.terms_of == whose);
        changes.extend(terms.map(|terms| record(invoice, terms, whose, Money::new(units, currency))));
    }
    add_referrals(tx, call, epoch, &changes)
}

/// What some bases are more than what is known, by terms and currency, where they are not the same.
fn differences(
    bases: BTreeMap<Terms, BTreeMap<Currency, i64>>,
    known: &[Referral],
) -> Result<BTreeMap<(Terms, Currency), i64>> {
    let mut changes: BTreeMap<(Terms, Currency), i64> = BTreeMap::new();
    for (whose, of_terms) in bases {
        changes.extend(of_terms.into_iter().map(|(currency, units)| ((whose, currency), units)));
    }
    for referral in known {
        let change = changes.entry((referral.terms_of, referral.base.currency())).or_default();
        *change = sum_units([*change, -referral.base.units()])?;
    }
    changes.retain(|_, units| *units != 0);
    Ok(changes)
}
