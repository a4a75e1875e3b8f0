//! The plain model: a list of log entries, each with a pointer to where it is, worked out without the engine. Amounts are
//! billing units.

use std::collections::{BTreeMap, BTreeSet};

/// A cent in billing units.
pub(crate) const CENT: i64 = 10_000;
/// The affiliate that has everything converted into dollars.
pub(crate) const CONVERTS: i64 = 2;
/// The affiliate with parts of cents, whose rounding is checked line by line.
pub(crate) const FRACTIONS: i64 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Payable,
    Receivable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Book {
    pub(crate) kind: Kind,
    pub(crate) party: i64,
    pub(crate) currency: &'static str,
}

/// A conversion as a record says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) word: &'static str,
    pub(crate) affiliate: i64,
    pub(crate) advertiser: i64,
    pub(crate) offer: i64,
    pub(crate) day: i32,
    pub(crate) second: i64,
    pub(crate) units: i64,
    pub(crate) currency: &'static str,
    pub(crate) revenue: i64,
    pub(crate) revenue_currency: &'static str,
    pub(crate) country: &'static str,
}

/// What is known of a conversion.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// As it was received last.
    pub(crate) received: State,
    /// Its status by now: one on hold may have been released.
    pub(crate) word: &'static str,
    pub(crate) revision: i64,
    /// The day in the books and the day from which it can be billed.
    pub(crate) place: (i32, i32),
    /// It was billed elsewhere.
    pub(crate) elsewhere: bool,
}

/// Where an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Unbilled,
    /// On the invoice at this index.
    Invoice(usize),
    WrittenOff,
}

/// A log entry, in the book of one party.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) conversion: String,
    pub(crate) revision: i64,
    pub(crate) sign: i64,
    pub(crate) book: Book,
    pub(crate) state: State,
    pub(crate) day: i32,
    pub(crate) billable: i32,
    pub(crate) units: i64,
    pub(crate) place: Place,
    /// What its invoice multiplies it by: 1, or the rate of its line.
    pub(crate) rate: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Approved,
    PartlyPaid,
    Paid,
    Void,
}

impl Status {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Approved => "approved",
            Status::PartlyPaid => "partly_paid",
            Status::Paid => "paid",
            Status::Void => "void",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Invoice {
    pub(crate) id: i64,
    pub(crate) book: Book,
    /// The currencies of the books that it took of.
    pub(crate) sources: BTreeSet<&'static str>,
    pub(crate) start: i32,
    pub(crate) end: i32,
    /// The day whose rates it uses: the run's last.
    pub(crate) rate_day: i32,
    pub(crate) status: Status,
    pub(crate) corrections: Vec<i64>,
    /// Shares of referrers and volume bonuses.
    pub(crate) referral: i64,
    pub(crate) bonus: i64,
    /// What it counts of each month for a bonus: number and amount; and what it paid for it.
    pub(crate) counted: BTreeMap<(usize, &'static str, i32), (i64, i64, i64)>,
    /// What rounding makes of its lines, those of kind `rounding` included.
    pub(crate) rounding: i64,
    /// By which terms it is shared, where it is.
    pub(crate) terms: Option<crate::extras::Terms>,
    /// What it billed when it was voided: it says so for ever.
    pub(crate) frozen: Option<i64>,
    /// It was made of conversions that a run chose.
    pub(crate) chosen: bool,
    /// The conversions that were taken off it.
    pub(crate) off: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Money,
    Credit,
    WriteOff,
    Back,
    /// A credit note, or what was paid beyond a balance.
    Kept,
}

#[derive(Debug, Clone)]
pub(crate) struct Payment {
    pub(crate) id: i64,
    pub(crate) book: Book,
    pub(crate) invoice: Option<usize>,
    pub(crate) units: i64,
    pub(crate) source: Source,
    pub(crate) of: Option<i64>,
    pub(crate) day: i32,
    pub(crate) foreign: bool,
    /// The invoice that a credit note is about.
    pub(crate) noted: Option<usize>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) today: i32,
    pub(crate) auto_approve: bool,
    pub(crate) overpayment_is_credit: bool,
    pub(crate) gives_up_negatives: bool,
    pub(crate) locked_through: Option<i32>,
    pub(crate) elsewhere_through: Option<i32>,
    pub(crate) on_hold: BTreeSet<i64>,
    pub(crate) conversions: BTreeMap<String, Known>,
    pub(crate) log: Vec<Entry>,
    pub(crate) books: BTreeSet<Book>,
    pub(crate) invoices: Vec<Invoice>,
    pub(crate) payments: Vec<Payment>,
    pub(crate) next_id: i64,
    /// Dollars for a euro, by day.
    pub(crate) rates: BTreeMap<i32, i64>,
    /// The lines with which invoices have paid euros to the affiliate that converts, the first invoice first: offer, first
    /// and last day, and the rate.
    pub(crate) paid: Vec<(i64, i32, i32, i64)>,
    pub(crate) referrals: Vec<crate::extras::Referral>,
    /// What referrers are promised today, by whom they have referred.
    pub(crate) referrers: BTreeMap<i64, crate::extras::Terms>,
    /// What the invoices of affiliates have billed, by their ids.
    pub(crate) parts: BTreeMap<i64, Vec<crate::extras::Part>>,
    pub(crate) scheduled_through: BTreeMap<(Kind, i64), i32>,
}

impl Model {
    /// The day of the books on which something of a day counts: the first open one.
    fn open_day(&self, day: i32) -> i32 {
        self.locked_through.map_or(day, |locked| day.max(locked + 1))
    }

    fn enter(&mut self, id: &str, known: &Known, sign: i64, day: i32) {
        let state = &known.received;
        if known.word != "approved" || known.elsewhere {
            return;
        }
        let payable = Book { kind: Kind::Payable, party: state.affiliate, currency: state.currency };
        let receivable = Book { kind: Kind::Receivable, party: state.advertiser, currency: state.revenue_currency };
        for (book, units) in [(payable, state.units), (receivable, state.revenue)] {
            if book.kind == Kind::Receivable && units == 0 {
                continue;
            }
            self.books.insert(book);
            self.log.push(Entry {
                conversion: id.to_owned(),
                revision: known.revision,
                sign,
                book,
                state: state.clone(),
                day,
                billable: known.place.1,
                units: sign * units,
                place: Place::Unbilled,
                rate: 1,
            });
        }
    }

    fn new_state(&self, state: &State, word: &'static str, revision: i64) -> Known {
        Known {
            received: state.clone(),
            word,
            revision,
            place: (self.open_day(state.day), state.day + hold_days(state.offer)),
            elsewhere: self.elsewhere_through.is_some_and(|through| state.day <= through),
        }
    }

    pub(crate) fn receive(&mut self, id: &str, state: &State) -> &'static str {
        let Some(known) = self.conversions.get(id).cloned() else {
            let new = self.new_state(state, state.word, 1);
            self.enter(id, &new, 1, new.place.0);
            self.conversions.insert(id.to_owned(), new);
            return "created";
        };
        if known.received == *state {
            return "unchanged";
        }
        self.revise(id, &known, state, state.word);
        "updated"
    }

    fn revise(&mut self, id: &str, known: &Known, state: &State, word: &'static str) {
        let mut new = self.new_state(state, word, known.revision + 1);
        let counts = |word: &str| word == "approved";
        // A change that says nothing of the books, such as another country, leaves the entry where it is.
        let facts = |state: &State| State { word: "", second: 0, country: "", ..state.clone() };
        let kept = counts(known.word)
            && counts(word)
            && facts(&known.received) == facts(state)
            && known.elsewhere == new.elsewhere;
        if kept {
            new.place = known.place;
            for entry in
                self.log.iter_mut().filter(|e| e.conversion == id && e.revision == known.revision && e.sign > 0)
            {
                entry.state = state.clone();
                entry.revision = new.revision;
            }
        } else {
            self.enter(id, known, -1, self.open_day(known.place.0));
            self.enter(id, &new, 1, new.place.0);
        }
        self.conversions.insert(id.to_owned(), new);
    }

    /// Approves what is on hold once its offer's hold days are over.
    pub(crate) fn release(&mut self) {
        let today = self.today;
        let over = |known: &Known| {
            let days = hold_days(known.received.offer);
            known.word == "hold" && days > 0 && known.received.day + days <= today
        };
        let held: Vec<_> =
            self.conversions.iter().filter(|(_, known)| over(known)).map(|(id, k)| (id.clone(), k.clone())).collect();
        for (id, known) in held {
            let state = known.received.clone();
            self.revise(&id, &known, &state, "approved");
        }
    }

    /// Moves the end of the locked books; they are locked only up to a day that is over.
    pub(crate) fn lock(&mut self, through: Option<i32>) -> bool {
        if through > self.locked_through && through.is_some_and(|through| through >= self.today) {
            return false;
        }
        self.locked_through = through;
        true
    }

    /// Moves the day up to which conversions were billed elsewhere, where nothing recorded says otherwise.
    pub(crate) fn elsewhere(&mut self, through: Option<i32>) -> bool {
        let (old, new) = (self.elsewhere_through.unwrap_or(i32::MIN), through.unwrap_or(i32::MIN));
        let counts = self.log.iter().any(|entry| entry.day > old && entry.day <= new);
        let nowhere = self.conversions.values().any(|k| k.elsewhere && k.place.0 > new && k.place.0 <= old);
        if counts || nowhere {
            return false;
        }
        self.elsewhere_through = through;
        true
    }

    /// What an invoice's entries come to, in its currency.
    pub(crate) fn conversions_of(&self, index: usize) -> i64 {
        self.log.iter().filter(|e| e.place == Place::Invoice(index)).map(|e| e.units * e.rate).sum()
    }

    pub(crate) fn billed(&self, index: usize) -> i64 {
        let invoice = &self.invoices[index];
        if let Some(frozen) = invoice.frozen {
            return frozen;
        }
        let corrections: i64 = invoice.corrections.iter().sum();
        let base = self.conversions_of(index) + invoice.rounding + invoice.referral + invoice.bonus + corrections;
        base + crate::extras::tax(invoice.book, base)
    }

    pub(crate) fn paid(&self, index: usize) -> i64 {
        self.payments.iter().filter(|p| p.invoice == Some(index)).map(|p| p.units).sum()
    }

    pub(crate) fn balance(&self, index: usize) -> i64 {
        self.billed(index) - self.paid(index)
    }

    /// How much of a currency one unit of another is: the rate of the day, or of the last one of the seven days before.
    pub(crate) fn rate(&self, from: &str, to: &str, day: i32) -> Option<i64> {
        match (from, to) {
            (a, b) if a == b => Some(1),
            ("EUR", "USD") => self.rates.range(day - 7..=day).next_back().map(|(_, rate)| *rate),
            _ => None,
        }
    }
}

/// The fourth offer holds for a week.
pub(crate) fn hold_days(offer: i64) -> i32 {
    if offer == 4 { 7 } else { 0 }
}

/// The nearest whole number of cents, half away from zero.
pub(crate) fn cents(above: i64, below: i64) -> i64 {
    let unit = below * CENT;
    let half = if above < 0 { -unit } else { unit };
    (2 * above + half) / (2 * unit) * CENT
}
