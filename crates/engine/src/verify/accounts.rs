//! I5 book by book: a party's account in the ledger against its documents.

use std::collections::HashMap;

use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_domain::invoice::{LineType, PaymentSource};
use quittance_store::invoices::{Invoice, Payment};
use quittance_store::write_offs::WriteOff;

use super::books::{BookCheck, name};
use super::facts::list;

impl BookCheck<'_> {
    /// The payments in the book's currency that are the party's credit.
    fn credits(&self) -> impl Iterator<Item = &Payment> {
        let of_party = self.facts.credits.get(&self.book.party_id).map_or(&[][..], Vec::as_slice);
        of_party.iter().filter(|payment| payment.currency == self.book.currency)
    }

    /// I5: the party's account moved by what its invoices and payments say, each document once.
    pub(super) fn ledger(&mut self) {
        let mut moved: HashMap<(InvoiceId, &str), (i128, i64)> = HashMap::new();
        // A payable is a credit to the affiliate, a receivable a debit to the advertiser.
        let sign = if self.book.kind == InvoiceKind::Payable { -1 } else { 1 };
        let mut balance = 0;
        for posting in self.facts.postings.iter().filter(|posting| posting.book == self.book) {
            let sum = moved.entry((posting.invoice_id, posting.event.as_str())).or_default();
            sum.0 += i128::from(posting.units) * sign;
            sum.1 += posting.entries;
            balance += i128::from(posting.units) * sign;
        }
        let mut wrong = Vec::new();
        for invoice in self.invoices {
            self.documents_of(invoice, &moved, &mut wrong);
        }
        for ((id, event), (units, _)) in &moved {
            let of_none = id.get() == 0 || self.write_offs().iter().any(|write_off| write_off.document == *id);
            if of_none || self.invoices.iter().any(|invoice| invoice.invoice_id == *id) {
                continue;
            }
            match self.converted_away(*id) {
                None => wrong.push(format!("an entry ({event}) names invoice {id}, which is not there")),
                Some(away) => {
                    let expected = if *event == "void" { away } else { -away };
                    if *units != expected {
                        wrong.push(format!(
                            "invoice {id}: the ledger has {units} units for its {event}, not {expected}"
                        ));
                    }
                }
            }
        }
        self.credit_payouts(&moved, &mut wrong);
        self.written_off(sign, &mut wrong);
        let owed = self.owed();
        if balance != owed {
            wrong.push(format!("{}: the account stands at {balance} units, its documents at {owed}", name(self.book)));
        }
        wrong.into_iter().for_each(|wrong| self.findings.add("I5", wrong));
    }

    /// Credit that was paid out, and what of it came back, is booked once each.
    fn credit_payouts(&self, moved: &HashMap<(InvoiceId, &str), (i128, i64)>, wrong: &mut Vec<String>) {
        for (event, source) in
            [("credit_payout", PaymentSource::CreditPayout), ("credit_payout_reversal", PaymentSource::Reversal)]
        {
            let of_source = self.credits().filter(|payment| payment.source == source);
            let expected = of_source.fold((0, 0), |(sum, count), payment| (sum - i128::from(payment.units), count + 1));
            let booked = moved.get(&(InvoiceId::new(0), event)).copied().unwrap_or_default();
            if booked != expected {
                wrong.push(format!(
                    "{}: the ledger has {} units in {} entries for its {event}, not {} in {}",
                    name(self.book),
                    booked.0,
                    booked.1,
                    expected.0,
                    expected.1
                ));
            }
        }
    }

    /// What runs gave up is booked, once each, and nothing else is.
    fn written_off(&self, sign: i128, wrong: &mut Vec<String>) {
        let mut booked: HashMap<InvoiceId, i128> = HashMap::new();
        for posting in self.facts.given_up_postings.iter().filter(|posting| posting.book == self.book) {
            *booked.entry(posting.invoice_id).or_default() += i128::from(posting.units) * sign;
        }
        for WriteOff { document, units, .. } in self.write_offs() {
            *booked.entry(*document).or_default() -= i128::from(*units);
        }
        for (document, units) in booked.into_iter().filter(|(_, units)| *units != 0) {
            wrong.push(format!("{}: the ledger is {units} units off for write-off {document}", name(self.book)));
        }
    }

    /// What an invoice in another currency took of the book's opening balance; `None`: the party has no such invoice.
    fn converted_away(&self, id: InvoiceId) -> Option<i128> {
        let mut of_party = self.facts.invoices.iter().filter(|(book, _)| book.party_id == self.book.party_id);
        of_party.find(|(_, invoices)| invoices.iter().any(|invoice| invoice.invoice_id == id))?;
        let openings = list(&self.facts.lines, id).iter().filter(|line| line.line_type == LineType::OpeningBalance);
        let converted = openings.filter_map(|line| line.converted.as_ref());
        let of_book = converted.filter(|converted| converted.currency == self.book.currency);
        Some(of_book.map(|converted| i128::from(converted.units)).sum())
    }

    /// What the ledger has for one invoice, document by document.
    fn documents_of(
        &self,
        invoice: &Invoice,
        moved: &HashMap<(InvoiceId, &str), (i128, i64)>,
        wrong: &mut Vec<String>,
    ) {
        let id = invoice.invoice_id;
        let event = |name: &'static str| moved.get(&(id, name)).copied().unwrap_or_default();
        // An opening balance was booked when it came, in its own currency.
        let lines = list(&self.facts.lines, id).iter();
        let booked = lines.filter(|line| line.line_type != LineType::OpeningBalance || line.converted.is_some());
        let billed: i128 = booked.map(|line| i128::from(line.units)).sum();
        let of_invoice = list(&self.facts.payments, id).iter();
        let payments: Vec<&Payment> =
            of_invoice.chain(self.credits().filter(|credit| credit.about_invoice == Some(id))).collect();
        let documents = |source: PaymentSource| {
            let of_source = payments.iter().filter(|payment| payment.source == source);
            of_source.fold((0, 0), |(sum, count), payment| (sum - i128::from(payment.units), count + 1))
        };
        let voided = if invoice.voided.is_some() { -billed } else { 0 };
        let (issued, issues) = event("issue");
        let mut facts =
            vec![("issue and corrections", issued + event("adjust").0, billed), ("void", event("void").0, voided)];
        let mut once = issues <= 1 && event("void").1 <= 1;
        for (what, source) in [
            ("payment", PaymentSource::Money),
            ("return", PaymentSource::Return),
            ("reversal", PaymentSource::Reversal),
            ("write_off", PaymentSource::WriteOff),
            ("credit_note", PaymentSource::CreditNote),
        ] {
            let ((booked, entries), (expected, count)) = (event(what), documents(source));
            facts.push((what, booked, expected));
            once &= entries == count;
        }
        for (what, booked, expected) in facts.into_iter().filter(|(_, booked, expected)| booked != expected) {
            wrong.push(format!("invoice {id}: the ledger has {booked} units for its {what}, not {expected}"));
        }
        if !once {
            wrong.push(format!("invoice {id}: a document has not exactly one entry"));
        }
    }

    /// What the party's documents say it is owed, or owes: the balances of its invoices less its credit.
    fn owed(&self) -> i128 {
        let mut owed = 0;
        for invoice in self.invoices {
            let payments = list(&self.facts.payments, invoice.invoice_id);
            let used = payments.iter().filter(|payment| payment.source == PaymentSource::Credit);
            owed += used.map(|payment| i128::from(payment.units)).sum::<i128>();
            let billed = if invoice.voided.is_some() { 0 } else { i128::from(invoice.billed_units) };
            owed += billed - i128::from(invoice.paid_units);
        }
        let pending = self.facts.openings.get(&self.book).map_or(0, |opening| match opening.invoice_id {
            None if opening.units > 0 => i128::from(opening.units),
            _ => 0,
        });
        owed + pending - self.credits().map(|credit| i128::from(credit.units)).sum::<i128>()
    }
}
