//! Which line bills a day: every day of an offer belongs to exactly one line, or to a period in which everything cancels out.

use quittance_domain::invoice::LineType;
use quittance_domain::period::Period;
use quittance_domain::planner::{Converted, Emptied, span_of};
use quittance_store::invoices::{Invoice, Line};

use crate::give_back::LineSlot;

/// What bills a day of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Billed {
    /// The line at this index.
    Line(usize),
    /// The period at this index, in which everything cancels out: no line.
    Emptied(usize),
}

/// What bills a day of a book: of the lines and the emptied periods of its offer that which the day was assigned to.
/// `None`: the day is new to the offer, or it is of an invoice that was issued before emptied periods were kept.
pub(crate) fn billed_by(
    lines: &[Line],
    emptied: &[Emptied],
    invoice: &Invoice,
    (currency, day, offer): LineSlot,
) -> Option<Billed> {
    let line_of_offer = |line: &Line| {
        line.line_type == LineType::Conversions
            && line.offer_id == Some(offer)
            && line.source_currency(invoice.book.currency) == currency
    };
    let emptied_of_offer = |emptied: &Emptied| emptied.offer_id == offer && emptied.currency == currency;
    let of_lines = lines.iter().filter(|line| line_of_offer(line)).map(|line| line.period);
    let of_emptied = emptied.iter().filter(|emptied| emptied_of_offer(emptied)).map(|emptied| emptied.period);
    let spans: Vec<Period> = of_lines.chain(of_emptied).collect();
    let period = span_of(&spans, day);
    let line = lines.iter().position(|line| line_of_offer(line) && line.period == period).map(Billed::Line);
    let empty = || emptied.iter().position(|emptied| emptied_of_offer(emptied) && emptied.period == period);
    line.or_else(|| empty().map(Billed::Emptied))
}

/// The index of the line that bills a day of a book, as [`billed_by`] says.
pub(crate) fn line_of(lines: &[Line], emptied: &[Emptied], invoice: &Invoice, slot: LineSlot) -> Option<usize> {
    match billed_by(lines, emptied, invoice, slot) {
        Some(Billed::Line(index)) => Some(index),
        Some(Billed::Emptied(_)) | None => None,
    }
}

/// How a line of an emptied period would be converted.
pub(crate) fn converted(emptied: &Emptied) -> Option<Converted> {
    emptied.rate.as_ref().map(|rate| Converted { currency: emptied.currency, units: 0, rate: rate.clone() })
}
