//! The plain model: a list of log entries, each with a pointer to the invoice that owns it. Amounts are cents.

use std::collections::{BTreeMap, BTreeSet};

/// A conversion as it was last received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) approved: bool,
    pub(crate) word: &'static str,
    pub(crate) affiliate: i64,
    pub(crate) offer: i64,
    pub(crate) day: i32,
    pub(crate) cents: i64,
    pub(crate) currency: &'static str,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) conversion: String,
    pub(crate) affiliate: i64,
    pub(crate) currency: &'static str,
    pub(crate) offer: i64,
    pub(crate) day: i32,
    pub(crate) billable: i32,
    pub(crate) cents: i64,
    pub(crate) owner: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Approved,
    PartlyPaid,
    Paid,
    Void,
}

#[derive(Debug, Clone)]
pub(crate) struct Invoice {
    pub(crate) affiliate: i64,
    pub(crate) currency: &'static str,
    pub(crate) start: i32,
    pub(crate) end: i32,
    pub(crate) status: Status,
    pub(crate) corrections: i64,
    /// What the entries summed to when it was voided: it says so for ever.
    pub(crate) frozen: Option<i64>,
    /// Amount, and whether it was the party's credit.
    pub(crate) payments: Vec<(i64, bool)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted {
    All,
    Only(i64),
    Except(i64),
}

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) through: i32,
    pub(crate) from: Option<i32>,
    pub(crate) offers: Option<Vec<i64>>,
    pub(crate) wanted: Wanted,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) today: i32,
    pub(crate) conversions: BTreeMap<String, State>,
    pub(crate) log: Vec<Entry>,
    pub(crate) invoices: Vec<Invoice>,
}

impl Model {
    fn entry(&mut self, id: &str, state: &State, sign: i64) {
        if state.approved {
            let hold = if state.offer == 4 { 7 } else { 0 };
            self.log.push(Entry {
                conversion: id.to_owned(),
                affiliate: state.affiliate,
                currency: state.currency,
                offer: state.offer,
                day: state.day,
                billable: state.day + hold,
                cents: sign * state.cents,
                owner: None,
            });
        }
    }

    pub(crate) fn receive(&mut self, id: &str, state: &State) -> &'static str {
        let known = self.conversions.insert(id.to_owned(), state.clone());
        match known {
            Some(known) if known == *state => "unchanged",
            Some(known) => {
                // Where nothing is owed before and after, or the same in the same place, no entry moves.
                if known.approved || state.approved {
                    let same = State { word: known.word, ..state.clone() } == known;
                    if !same {
                        self.entry(id, &known, -1);
                        self.entry(id, state, 1);
                    }
                }
                "updated"
            }
            None => {
                self.entry(id, state, 1);
                "created"
            }
        }
    }

    pub(crate) fn billed(&self, index: usize) -> i64 {
        let invoice = &self.invoices[index];
        let owned = self.log.iter().filter(|e| e.owner == Some(index)).map(|e| e.cents).sum();
        invoice.frozen.unwrap_or(owned) + invoice.corrections
    }

    fn paid(&self, index: usize) -> i64 {
        self.invoices[index].payments.iter().map(|payment| payment.0).sum()
    }

    pub(crate) fn run(&mut self, request: &Request) {
        let books: BTreeSet<(i64, &'static str)> = self.log.iter().map(|e| (e.affiliate, e.currency)).collect();
        for (affiliate, currency) in books {
            let wanted = match request.wanted {
                Wanted::All => true,
                Wanted::Only(only) => affiliate == only,
                Wanted::Except(except) => affiliate != except,
            };
            if wanted {
                self.bill(request, affiliate, currency);
            }
        }
    }

    fn bill(&mut self, request: &Request, affiliate: i64, currency: &'static str) {
        let live: Vec<&Invoice> = self
            .invoices
            .iter()
            .filter(|i| i.affiliate == affiliate && i.currency == currency && i.status != Status::Void)
            .collect();
        let next = live.iter().map(|i| i.end + 1).max();
        let covered = |day: i32| live.iter().any(|i| (i.start..=i.end).contains(&day));
        let taken: Vec<usize> = (0..self.log.len())
            .filter(|n| {
                let e = &self.log[*n];
                let difference = next.is_some_and(|next| e.day < next) && covered(e.day);
                e.owner.is_none()
                    && (e.affiliate, e.currency) == (affiliate, currency)
                    && e.day <= request.through
                    && e.billable <= self.today
                    && (difference || request.from.is_none_or(|from| e.day >= from))
                    && request.offers.as_ref().is_none_or(|offers| offers.contains(&e.offer))
            })
            .collect();
        let total: i64 = taken.iter().map(|n| self.log[*n].cents).sum();
        if total <= 0 {
            return;
        }
        let first = taken.iter().map(|n| self.log[*n].day).min().unwrap();
        let next = next.filter(|next| *next <= request.through);
        let start = match (request.from, next) {
            (Some(from), Some(next)) => from.max(next),
            (Some(from), None) => from,
            (None, Some(next)) => next,
            (None, None) => first,
        };
        let index = self.invoices.len();
        taken.into_iter().for_each(|n| self.log[n].owner = Some(index));
        self.invoices.push(Invoice {
            affiliate,
            currency,
            start,
            end: request.through,
            status: Status::Pending,
            corrections: 0,
            frozen: None,
            payments: Vec::new(),
        });
    }

    /// What was paid on void invoices and not used since.
    fn credit(&self, index: usize) -> i64 {
        let of = &self.invoices[index];
        let book = self.invoices.iter().filter(|i| (i.affiliate, i.currency) == (of.affiliate, of.currency));
        book.map(|invoice| {
            let all: i64 = invoice.payments.iter().map(|p| p.0).sum();
            let used: i64 = invoice.payments.iter().filter(|p| p.1).map(|p| p.0).sum();
            if invoice.status == Status::Void { all - used } else { -used }
        })
        .sum()
    }

    fn settle(&mut self, index: usize, cents: i64, credit: bool) {
        self.invoices[index].payments.push((cents, credit));
        let left = self.billed(index) - self.paid(index);
        self.invoices[index].status = if left == 0 { Status::Paid } else { Status::PartlyPaid };
    }

    pub(crate) fn approve(&mut self, index: usize) -> bool {
        if self.invoices[index].status != Status::Pending {
            return false;
        }
        self.invoices[index].status = Status::Approved;
        let use_now = self.credit(index).min(self.billed(index));
        if use_now > 0 {
            self.settle(index, use_now, true);
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

    pub(crate) fn pay(&mut self, index: usize, amount: Option<i64>) -> bool {
        let before = self.invoices[index].clone();
        if matches!(before.status, Status::Paid | Status::Void) {
            return false;
        }
        self.approve(index);
        let balance = self.billed(index) - self.paid(index);
        let settled_by_credit = before.status == Status::Pending && amount.is_none() && balance == 0;
        let amount = amount.unwrap_or(balance);
        if settled_by_credit {
            return true;
        }
        if self.invoices[index].status == Status::Paid || amount <= 0 || amount > balance {
            self.invoices[index] = before;
            return false;
        }
        self.settle(index, amount, false);
        true
    }

    pub(crate) fn correct(&mut self, index: usize, cents: i64) -> bool {
        let after = self.billed(index) + cents - self.paid(index);
        let status = self.invoices[index].status;
        let allowed = match status {
            Status::Pending | Status::Approved => true,
            Status::PartlyPaid => after >= 0,
            Status::Paid | Status::Void => false,
        };
        if !allowed || cents == 0 {
            return false;
        }
        self.invoices[index].corrections += cents;
        if status == Status::PartlyPaid && after == 0 {
            self.invoices[index].status = Status::Paid;
        }
        true
    }

    pub(crate) fn take_off(&mut self, index: usize, which: impl Fn(&Entry) -> bool) -> bool {
        let open = matches!(self.invoices[index].status, Status::Pending | Status::Approved);
        let mut any = false;
        for entry in self.log.iter_mut().filter(|e| open && e.owner == Some(index) && which(e)) {
            entry.owner = None;
            any = true;
        }
        any
    }

    pub(crate) fn void(&mut self, index: usize) -> bool {
        if matches!(self.invoices[index].status, Status::Paid | Status::Void) {
            return false;
        }
        let owned = self.log.iter().filter(|e| e.owner == Some(index)).map(|e| e.cents).sum();
        self.invoices[index].frozen = Some(owned);
        self.invoices[index].status = Status::Void;
        self.log.iter_mut().filter(|e| e.owner == Some(index)).for_each(|e| e.owner = None);
        true
    }
}
