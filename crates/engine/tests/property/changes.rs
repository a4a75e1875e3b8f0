//! The plain model: what happens to invoices after they are issued.

use std::collections::BTreeSet;

use crate::model::{Book, Model, Payment, Place, Source, Status};

/// A payment to be recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paying {
    /// In billing units; all that is left where not given.
    pub(crate) amount: Option<i64>,
    pub(crate) day: Option<i32>,
    /// It is in the other currency, and the amount is what it settles.
    pub(crate) foreign: bool,
}

impl Model {
    /// What was paid on void invoices or beyond balances, and credit notes, less what was used.
    pub(crate) fn credit(&self, book: Book) -> i64 {
        let of_book = self.payments.iter().filter(|p| p.book == book);
        of_book
            .map(|p| {
                let void = p.invoice.is_none_or(|index| self.invoices[index].status == Status::Void);
                let kept = if void { p.units } else { 0 };
                kept - if p.source == Source::Credit { p.units } else { 0 }
            })
            .sum()
    }

    fn add(&mut self, index: usize, units: i64, source: Source) -> &mut Payment {
        let (id, book, day) = (self.payments.len() as i64 + 1, self.invoices[index].book, self.today);
        self.payments.push(Payment {
            id,
            book,
            invoice: Some(index),
            units,
            source,
            of: None,
            day,
            foreign: false,
            noted: None,
        });
        self.payments.last_mut().unwrap()
    }

    fn settle(&mut self, index: usize, units: i64, source: Source) -> &mut Payment {
        let left = self.balance(index) - units;
        self.invoices[index].status = if left == 0 { Status::Paid } else { Status::PartlyPaid };
        self.add(index, units, source)
    }

    fn keep(&mut self, index: usize, units: i64) {
        self.add(index, units, Source::Kept).invoice = None;
    }

    pub(crate) fn approve(&mut self, index: usize) -> bool {
        if self.invoices[index].status != Status::Pending {
            return false;
        }
        self.invoices[index].status = Status::Approved;
        let units = self.credit(self.invoices[index].book).min(self.balance(index));
        if units > 0 {
            self.settle(index, units, Source::Credit);
        }
        true
    }

    pub(crate) fn unapprove(&mut self, index: usize) -> bool {
        let approved = self.invoices[index].status == Status::Approved;
        if approved {
            self.invoices[index].status = Status::Pending;
        }
        approved
    }

    /// Does something as a whole, or nothing of it.
    fn whole(&mut self, act: impl FnOnce(&mut Model) -> bool) -> bool {
        let before = self.clone();
        let done = act(self);
        if !done {
            *self = before;
        }
        done
    }

    pub(crate) fn pay(&mut self, index: usize, paying: Paying) -> bool {
        self.whole(|model| model.pay_some(index, paying))
    }

    fn pay_some(&mut self, index: usize, Paying { amount, day, foreign }: Paying) -> bool {
        let day = day.unwrap_or(self.today);
        if day > self.today || day < self.invoices[index].start {
            return false;
        }
        if self.approve(index) && amount.is_none() && self.balance(index) == 0 && !foreign {
            return true;
        }
        let balance = self.balance(index);
        let rated = !foreign || self.rates.range(day - 7..=day).next().is_some();
        let open = matches!(self.invoices[index].status, Status::Approved | Status::PartlyPaid);
        let amount = amount.unwrap_or(balance);
        if !open || !rated || amount <= 0 || balance <= 0 {
            return false;
        }
        let beyond = amount - balance;
        if beyond > 0 && (foreign || !self.overpayment_is_credit) {
            return false;
        }
        let payment = self.settle(index, amount.min(balance), Source::Money);
        (payment.day, payment.foreign) = (day, foreign);
        if beyond > 0 {
            self.keep(index, beyond);
        }
        true
    }

    /// One transfer over several invoices of a book: those that are named, else what is open, the earliest due first.
    pub(crate) fn pay_party(&mut self, book: Book, amount: i64, named: &[usize]) -> bool {
        self.whole(|model| {
            let mut invoices = named.to_vec();
            if named.is_empty() {
                let open = |index: &usize| {
                    let invoice = &model.invoices[*index];
                    let open = matches!(invoice.status, Status::Approved | Status::PartlyPaid);
                    invoice.book == book && open && model.balance(*index) > 0
                };
                invoices = (0..model.invoices.len()).filter(open).collect();
                invoices.sort_by_key(|index| model.invoices[*index].end);
            }
            let (mut left, mut last) = (amount, None);
            for index in invoices {
                if left <= 0 {
                    break;
                }
                if model.invoices[index].book != book
                    || matches!(model.invoices[index].status, Status::Paid | Status::Void)
                {
                    return false;
                }
                model.approve(index);
                let units = left.min(model.balance(index));
                if units > 0 {
                    model.settle(index, units, Source::Money);
                    left -= units;
                    last = Some(index);
                }
            }
            match last {
                _ if left == 0 => true,
                Some(index) if model.overpayment_is_credit => {
                    model.keep(index, left);
                    true
                }
                _ => false,
            }
        })
    }

    /// A payment comes back in part or whole, or was a mistake.
    pub(crate) fn take_back(&mut self, index: usize, payment: i64, amount: Option<i64>, mistake: bool) -> bool {
        let found =
            self.payments.iter().find(|p| p.id == payment && p.invoice == Some(index) && p.source == Source::Money);
        let Some(of) = found.cloned() else { return false };
        let back: i64 = self.payments.iter().filter(|p| p.of == Some(payment)).map(|p| p.units).sum();
        let left = of.units + back;
        let amount = amount.unwrap_or(left);
        let whole = amount == of.units;
        if amount <= 0 || amount > left || ((mistake || of.foreign) && !whole) {
            return false;
        }
        if self.invoices[index].status == Status::Void {
            if self.credit(of.book) < amount {
                return false;
            }
        } else {
            let paid = self.paid(index) - amount;
            self.invoices[index].status = if paid == 0 { Status::Approved } else { Status::PartlyPaid };
        }
        self.add(index, -amount, Source::Back).of = Some(payment);
        true
    }

    pub(crate) fn write_off(&mut self, index: usize) -> bool {
        self.whole(|model| {
            model.approve(index);
            let open = matches!(model.invoices[index].status, Status::Approved | Status::PartlyPaid);
            let balance = model.balance(index);
            if open && balance > 0 {
                model.settle(index, balance, Source::WriteOff);
            }
            open && balance > 0
        })
    }

    pub(crate) fn credit_note(&mut self, index: usize, units: i64) -> bool {
        let noted: i64 = self.payments.iter().filter(|p| p.noted == Some(index)).map(|p| p.units).sum();
        if self.invoices[index].status != Status::Paid || units > self.billed(index) - noted {
            return false;
        }
        let note = self.add(index, units, Source::Kept);
        (note.invoice, note.noted) = (None, Some(index));
        true
    }

    pub(crate) fn correct(&mut self, index: usize, units: i64) -> bool {
        units != 0 && self.recorrect(index, |corrections| corrections.push(units))
    }

    pub(crate) fn uncorrect(&mut self, index: usize, which: usize) -> bool {
        self.recorrect(index, |corrections| {
            corrections.remove(which);
        })
    }

    fn recorrect(&mut self, index: usize, change: impl FnOnce(&mut Vec<i64>)) -> bool {
        self.whole(|model| {
            let status = model.invoices[index].status;
            change(&mut model.invoices[index].corrections);
            let after = model.balance(index);
            if status == Status::PartlyPaid && after == 0 {
                model.invoices[index].status = Status::Paid;
            }
            match status {
                Status::Pending | Status::Approved => true,
                Status::PartlyPaid => after >= 0,
                Status::Paid | Status::Void => false,
            }
        })
    }

    fn is_unpaid(&self, index: usize) -> bool {
        matches!(self.invoices[index].status, Status::Pending | Status::Approved)
    }

    pub(crate) fn take_off(&mut self, index: usize, which: impl Fn(&crate::model::Entry) -> bool) -> bool {
        let off: Vec<usize> = self.on(index).into_iter().filter(|n| which(&self.log[*n])).collect();
        if !self.is_unpaid(index) || off.is_empty() {
            return false;
        }
        self.count_again(index, &off, -1);
        for n in off {
            self.log[n].place = Place::Unbilled;
            self.invoices[index].off.insert(self.log[n].conversion.clone());
        }
        self.refer_again(index);
        true
    }

    /// Takes what is unbilled on the days that the lines of an invoice bill, by currency: of conversions that were chosen
    /// what belongs to them, else all but what was taken off.
    pub(crate) fn sync(&mut self, index: usize, lines: &[(&'static str, i32, i32)]) -> bool {
        if !self.is_unpaid(index) {
            return false;
        }
        let invoice = self.invoices[index].clone();
        let days = |e: &crate::model::Entry| {
            let own = (invoice.start..=invoice.end).contains(&e.day);
            own || lines
                .iter()
                .any(|(currency, start, end)| *currency == e.book.currency && (*start..=*end).contains(&e.day))
        };
        let on: BTreeSet<String> = self.on(index).into_iter().map(|n| self.log[n].conversion.clone()).collect();
        let welcome = |id: &String| if invoice.chosen { on.contains(id) } else { !invoice.off.contains(id) };
        let more: Vec<usize> = (0..self.log.len())
            .filter(|n| {
                let e = &self.log[*n];
                e.place == Place::Unbilled
                    && (e.book.kind, e.book.party) == (invoice.book.kind, invoice.book.party)
                    && invoice.sources.contains(e.book.currency)
                    && e.billable <= self.today
                    && welcome(&e.conversion)
                    && days(e)
            })
            .collect();
        // Nothing is guessed: what has no rate cannot come onto it, unless a line of its currency has one.
        let rated = |e: &crate::model::Entry| {
            lines.iter().any(|line| line.0 == e.book.currency)
                || self.rate(e.book.currency, invoice.book.currency, invoice.rate_day).is_some()
        };
        let unrated: Vec<usize> = more.iter().copied().filter(|n| !rated(&self.log[*n])).collect();
        if self.has_lines_by_offer(&unrated) {
            return false;
        }
        if more.is_empty() {
            return true;
        }
        self.count_again(index, &more, 1);
        more.iter().for_each(|n| self.log[*n].place = Place::Invoice(index));
        self.refer_again(index);
        true
    }

    pub(crate) fn void(&mut self, index: usize) -> bool {
        let noted = self.payments.iter().any(|p| p.noted == Some(index));
        if matches!(self.invoices[index].status, Status::Paid | Status::Void) || noted {
            return false;
        }
        let billed = self.billed(index);
        self.invoices[index].frozen = Some(billed);
        self.invoices[index].status = Status::Void;
        // What was given up of it is not given up any more, and no credit.
        let of_it = |p: &&Payment| p.invoice == Some(index) && p.source == Source::WriteOff;
        let given_up: Vec<i64> = self.payments.iter().filter(of_it).map(|p| p.units).collect();
        for units in given_up {
            self.add(index, -units, Source::Back);
        }
        for n in self.on(index) {
            self.log[n].place = Place::Unbilled;
        }
        self.referrals.iter_mut().filter(|r| r.taken == Some(index)).for_each(|r| r.taken = None);
        self.refer_again(index);
        true
    }

    /// Personal data can go once nothing of the party is open.
    pub(crate) fn may_erase(&self, book: Book) -> bool {
        let of_party = |i: &&crate::model::Invoice| (i.book.kind, i.book.party) == (book.kind, book.party);
        self.invoices.iter().filter(of_party).all(|i| matches!(i.status, Status::Paid | Status::Void))
    }
}
