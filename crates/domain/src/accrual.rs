//! The arithmetic of accruals: what a change of conversions does to the amounts per book, day and offer.

use std::collections::BTreeMap;

use crate::conversion::{Conversion, ConversionStatus, Elsewhere, EntryPlace};
use crate::currency::Currency;
use crate::ids::{InvoiceKind, OfferId};
use crate::money::MoneyError;
use crate::period::Period;
use crate::time::Day;

/// A book: all accruals and invoices of one kind, party and currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Book {
    /// Payable (the party is an affiliate) or receivable (an advertiser).
    pub kind: InvoiceKind,
    /// The party's id.
    pub party_id: i64,
    /// The currency.
    pub currency: Currency,
}

/// What an accrual is kept for. Ordered as the table's key, so that every writer locks rows in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bucket {
    /// The book.
    pub book: Book,
    /// Where it counts.
    pub place: EntryPlace,
    /// The offer.
    pub offer_id: OfferId,
}

/// An amount in billing units and a number of conversions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Billing units of the book's currency.
    pub units: i64,
    /// Conversions.
    pub conversions: i64,
}

impl Tally {
    /// Adds another tally.
    ///
    /// # Errors
    /// The sum does not fit.
    pub fn add(&mut self, other: Tally) -> Result<(), MoneyError> {
        self.units = self.units.checked_add(other.units).ok_or(MoneyError::Overflow)?;
        self.conversions = self.conversions.checked_add(other.conversions).ok_or(MoneyError::Overflow)?;
        Ok(())
    }

    /// Whether both are zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.units == 0 && self.conversions == 0
    }
}

/// The differences that a batch of changes makes, folded per bucket.
#[derive(Debug, Default)]
pub struct Fold {
    buckets: std::collections::HashMap<Bucket, Tally>,
}

/// Whether an entry is put in or taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Put in.
    Plus,
    /// Taken out.
    Minus,
}

impl Fold {
    /// Folds a conversion's entries in, or takes them out. One that is not approved has none; one without revenue
    /// has none in its advertiser's book.
    ///
    /// # Errors
    /// A bucket's sum does not fit.
    pub fn entry(
        &mut self,
        conversion: &Conversion,
        elsewhere: Elsewhere,
        place: EntryPlace,
        sign: Sign,
    ) -> Result<(), MoneyError> {
        for (book, units) in entries(conversion, elsewhere) {
            let factor = if sign == Sign::Plus { 1 } else { -1 };
            let bucket = Bucket { book, place, offer_id: conversion.offer_id };
            let tally = Tally { units: units * factor, conversions: factor };
            self.buckets.entry(bucket).or_default().add(tally)?;
        }
        Ok(())
    }

    /// The differences in the order of their buckets. One whose changes cancel out is among them: the entries behind it
    /// have a place too.
    #[must_use]
    pub fn sorted(self) -> BTreeMap<Bucket, Tally> {
        self.buckets.into_iter().collect()
    }
}

/// The books in which a conversion counts, with its units in each.
pub fn entries(conversion: &Conversion, elsewhere: Elsewhere) -> impl Iterator<Item = (Book, i64)> {
    let approved = conversion.status == ConversionStatus::Approved;
    let payable = Book {
        kind: InvoiceKind::Payable,
        party_id: conversion.affiliate_id.get(),
        currency: conversion.payout.currency(),
    };
    let receivable = conversion.advertiser_id.filter(|_| !conversion.revenue.is_zero()).map(|advertiser| Book {
        kind: InvoiceKind::Receivable,
        party_id: advertiser.get(),
        currency: conversion.revenue.currency(),
    });
    let payable = Some((payable, conversion.payout.units())).filter(|_| !elsewhere.payable);
    let receivable = receivable.map(|book| (book, conversion.revenue.units())).filter(|_| !elsewhere.receivable);
    [payable, receivable].into_iter().flatten().filter(move |_| approved)
}

/// How far a book is billed: rows of the accruals with an epoch, day and billable day up to these are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The last epoch.
    pub epoch: i64,
    /// The last posting day.
    pub through: Day,
    /// The last billable day.
    pub as_of: Day,
}

impl Cut {
    /// The cut of a book that was never billed: nothing is inside.
    pub const NONE: Cut = Cut { epoch: 0, through: Day::MIN, as_of: Day::MIN };

    /// Whether a row at this place is inside.
    #[must_use]
    pub fn holds(&self, place: EntryPlace) -> bool {
        place.epoch <= self.epoch && place.posting_day <= self.through && place.billable_day <= self.as_of
    }
}

/// Which rows of a book a document takes: those inside its cut, and of a pick only those of certain days and offers.
/// A row belongs to the first document of its book that reaches it.
///
/// Rows up to the cut's epoch never change and no more of them come, so what is reached is settled when it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// How far it goes.
    pub cut: Cut,
    /// What it leaves behind inside the cut; `None`: nothing, it is a sweep.
    pub pick: Option<Pick>,
}

/// What limits a pick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    /// Only these posting days.
    pub days: Vec<Period>,
    /// Only these offers; `None`: all.
    pub offers: Option<Vec<OfferId>>,
}

impl Reach {
    /// Whether a row at this place is reached.
    #[must_use]
    pub fn holds(&self, place: EntryPlace, offer: OfferId) -> bool {
        self.cut.holds(place) && self.pick.as_ref().is_none_or(|pick| pick.holds(place.posting_day, offer))
    }

    /// Whether a day of an offer is meant, whatever had come in by then.
    #[must_use]
    pub fn covers(&self, day: Day, offer: OfferId) -> bool {
        day <= self.cut.through && self.pick.as_ref().is_none_or(|pick| pick.holds(day, offer))
    }
}

impl Pick {
    fn holds(&self, day: Day, offer: OfferId) -> bool {
        self.days.iter().any(|days| days.contains(day))
            && self.offers.as_ref().is_none_or(|offers| offers.contains(&offer))
    }
}
