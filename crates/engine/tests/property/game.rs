//! A network and its model, driven by the same random commands and compared after each.

use std::collections::{BTreeMap, BTreeSet};

use quittance_domain::accrual::Book as RealBook;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, OfferId, PartyKind};
use quittance_domain::invoice::LineType;
use quittance_domain::period::Period;
use quittance_domain::planner::Emptied;
use quittance_domain::time::{Day, Timestamp};
use quittance_engine::invoices::{ConversionQuery, Invoice, InvoiceConversion, InvoiceFilter, Line};
use quittance_engine::reports::Cell;
use quittance_testkit::{Dice, Network, TestDatabase};

use crate::extras::{Part, Terms};
use crate::model::{Book, CENT, CONVERTS, Entry, FRACTIONS, Kind, Model, Place, Status};

const DAY_MICROS: i64 = 86_400_000_000;
/// 1 January 2026.
const FIRST_DAY: i32 = 20_454;

pub(crate) struct Game {
    pub(crate) network: Network,
    pub(crate) model: Model,
    pub(crate) dice: Dice,
    pub(crate) told: Vec<String>,
}

/// Rules of the parties, as the model has them in its code.
const RULES: [(PartyKind, &str); 5] = [
    (
        PartyKind::Affiliate,
        r#"{"id":1,"referrer":{"affiliate":5,"basis":"flat","fee":"2.50"},"tax":{"mode":"reverse_charge"}}"#,
    ),
    (PartyKind::Affiliate, r#"{"id":2,"currency":"USD","currency_policy":"convert"}"#),
    (
        PartyKind::Affiliate,
        r#"{"id":4,"referrer":{"affiliate":5,"percent":"5","threshold":"20"},"tax":{"mode":"rate","rate":"20"},
            "billing_cycle":"weekly","auto_invoice":true,"auto_start":"2026-01-31"}"#,
    ),
    (
        PartyKind::Affiliate,
        r#"{"id":5,"minimum_payment":"5","billing_cycle":"monthly","auto_invoice":true,"auto_start":"2026-01-31",
            "delay_days":2}"#,
    ),
    (
        PartyKind::Advertiser,
        r#"{"id":2,"name":"Second","tax":{"mode":"rate","rate":"19"},"billing_cycle":"twice a month",
            "auto_invoice":true,"auto_start":"2026-01-31","delay_days":1}"#,
    ),
];

const BONUSES: &str = r#"{"bonuses":[
    {"id":1,"title":"Volume","measure":"conversions","retroactive":true,"affiliates":[5],
     "tiers":[{"from":"3","percent":"10"}]},
    {"id":2,"title":"Above","measure":"amount","currency":"USD","retroactive":false,"affiliates":[1],"offers":[1,2],
     "tiers":[{"from":"20","percent":"5"}]}]}"#;

impl Game {
    pub(crate) fn start(database: &TestDatabase, seed: u64) -> Game {
        let mut game = Game {
            network: Network::create(database.engine()),
            model: Model { today: FIRST_DAY + 40, ..Model::default() },
            dice: Dice::seeded(seed),
            told: Vec::new(),
        };
        let of = |percent, threshold| Terms { referrer: 5, percent, threshold, until: None };
        game.model.referrers.extend([(1, of(None, 0)), (4, of(Some(5), 2_000))]);
        game.tick(0);
        for (kind, rules) in RULES {
            game.network.set_party(kind, rules);
        }
        let bonuses = serde_json::from_str(BONUSES).unwrap();
        game.network.engine.import_network(game.network.call.now, Some("test"), &bonuses).unwrap().unwrap();
        game
    }

    /// Lets some days pass, with a new rate on some of them.
    pub(crate) fn tick(&mut self, days: i32) {
        self.model.today += days;
        let noon = i64::from(self.model.today) * DAY_MICROS + DAY_MICROS / 2;
        self.network.call.now = Timestamp::from_micros(noon);
        if self.dice.below(3) > 0 && !self.model.rates.contains_key(&self.model.today) {
            // Written either way round: 1 EUR is so many USD, or 1 USD such a part of a EUR.
            let (quote, rate) =
                [("EUR,USD,2", 2), ("EUR,USD,3", 3), ("USD,EUR,0.5", 2), ("USD,EUR,0.25", 4)][self.dice.below(4_usize)];
            let today = Day::from_number(self.model.today);
            self.network.rates(&format!("{today},{quote}\n"));
            self.model.rates.insert(self.model.today, rate);
            self.told.push(format!("rate of {today}: {quote}"));
        }
        self.told.push(format!("it is {}", Day::from_number(self.model.today)));
    }

    pub(crate) fn say(&mut self, what: impl Into<String>) {
        self.told.push(what.into());
    }

    pub(crate) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.dice.below(of.len())]
    }

    /// One time in so many.
    pub(crate) fn rarely(&mut self, times: i64) -> bool {
        self.dice.below(times) == 0
    }

    pub(crate) fn real_invoices(&self) -> Vec<Invoice> {
        self.network.engine.invoices(&self.network.call, &InvoiceFilter::default(), 0, 1000).unwrap()
    }

    /// What happened, for whoever has to understand a failure.
    fn story(&self) -> String {
        self.told.join("\n")
    }

    /// The engine and the model agree on every invoice, the place of every entry and every book, and the books verify.
    pub(crate) fn compare(&mut self) {
        self.compare_invoices();
        self.compare_lines();
        self.compare_places();
        for report in self.network.engine.verify(&self.network.call, false).unwrap() {
            assert!(report.ok(), "{} {:#?}\n{}", report.id, report.violations, self.story());
        }
    }

    fn compare_invoices(&mut self) {
        let invoices = self.real_invoices();
        self.learn_rounding(&invoices);
        let plain: Vec<String> = (0..self.model.invoices.len())
            .map(|index| {
                let i = &self.model.invoices[index];
                let (billed, paid) = (self.model.billed(index), self.model.paid(index));
                let kind = i.book.kind;
                format!(
                    "{} {kind:?} {} {} {}..{} {} {billed} {paid}",
                    i.id,
                    i.book.party,
                    i.book.currency,
                    i.start,
                    i.end,
                    i.status.word()
                )
            })
            .collect();
        let shown = |i: &Invoice| {
            let kind = if i.book.kind == InvoiceKind::Payable { Kind::Payable } else { Kind::Receivable };
            let (start, end) = (i.period.start.number(), i.period.end.number());
            let (party, currency) = (i.book.party_id, i.book.currency);
            format!(
                "{} {kind:?} {party} {currency} {start}..{end} {} {} {}",
                i.invoice_id, i.status, i.billed_units, i.paid_units
            )
        };
        let real: Vec<String> = invoices.iter().map(shown).collect();
        for (real, plain) in real.iter().zip(&plain) {
            assert_eq!(real, plain, "\n{}", self.story());
        }
        assert_eq!(real.len(), plain.len(), "{real:#?} {plain:#?}\n{}", self.story());
    }

    /// What rounding does to the invoices with parts of cents is looked up, and judged line by line.
    fn learn_rounding(&mut self, invoices: &[Invoice]) {
        for (index, real) in invoices.iter().enumerate().take(self.model.invoices.len()) {
            let plain = &self.model.invoices[index];
            if plain.book.party != FRACTIONS || plain.book.kind != Kind::Payable || plain.status == Status::Void {
                continue;
            }
            let (mut rounding, mut exact) = (0, 0);
            for line in self.network.engine.invoice_lines(&self.network.call, real.invoice_id).unwrap() {
                if line.line_type == LineType::Conversions {
                    assert_eq!(line.units, crate::model::cents(line.taken.units, 1), "\n{}", self.story());
                    exact += line.taken.units;
                    rounding += line.units - line.taken.units;
                } else if line.line_type == LineType::Rounding {
                    assert!(line.units % CENT == 0 && line.units != 0);
                    rounding += line.units;
                }
            }
            assert_eq!(exact, self.model.conversions_of(index), "invoice {}\n{}", real.invoice_id, self.story());
            self.model.invoices[index].rounding = rounding;
        }
    }

    /// Each line of corrections, referrals, bonuses and tax comes to what the model says.
    fn compare_lines(&self) {
        for (index, plain) in self.model.invoices.iter().enumerate().filter(|(_, i)| i.status != Status::Void) {
            let lines = self.network.engine.invoice_lines(&self.network.call, InvoiceId::new(plain.id)).unwrap();
            let of = |wanted: LineType| {
                lines.iter().filter(|line| line.line_type == wanted).map(|line| line.units).sum::<i64>()
            };
            let corrections: i64 = plain.corrections.iter().sum();
            let base = self.model.conversions_of(index) + plain.rounding + plain.referral + plain.bonus + corrections;
            let expected = (corrections, plain.referral, plain.bonus, crate::extras::tax(plain.book, base));
            let found = (of(LineType::Correction), of(LineType::Referral), of(LineType::Bonus), of(LineType::Tax));
            assert_eq!(found, expected, "corrections, referral, bonus, tax of invoice {}\n{}", plain.id, self.story());
        }
    }

    fn compare_places(&self) {
        for id in self.model.conversions.keys() {
            let entries = self.network.engine.conversion(&self.network.call, id).unwrap().entries;
            let real: Vec<_> = entries
                .iter()
                .map(|e| {
                    (
                        e.kind == InvoiceKind::Payable,
                        e.party_id,
                        e.amount.units(),
                        e.posting_day.number(),
                        e.invoice_id.map(InvoiceId::get),
                    )
                })
                .collect();
            let place = |place: Place| match place {
                Place::Invoice(index) => Some(self.model.invoices[index].id),
                Place::Unbilled | Place::WrittenOff => None,
            };
            let of_it = self.model.log.iter().filter(|e| e.conversion == *id);
            let plain: Vec<_> =
                of_it.map(|e| (e.book.kind == Kind::Payable, e.book.party, e.units, e.day, place(e.place))).collect();
            assert_eq!(real, plain, "{id}\n{}", self.story());
        }
    }

    /// With which lines invoices have paid euros to the affiliate that converts.
    pub(crate) fn learn_paid(&mut self) {
        self.model.paid.clear();
        for index in 0..self.model.invoices.len() {
            let plain = &self.model.invoices[index];
            if (plain.book.kind, plain.book.party) != (Kind::Payable, CONVERTS) || plain.status == Status::Void {
                continue;
            }
            let lines = self.network.engine.invoice_lines(&self.network.call, InvoiceId::new(plain.id)).unwrap();
            for line in lines.iter().filter(|l| l.line_type == LineType::Conversions && l.taken.units > 0) {
                if line.converted.is_some() {
                    let (start, end) = (line.period.start.number(), line.period.end.number());
                    self.model.paid.push((line.offer_id.unwrap().get(), start, end, rate_of(line)));
                }
            }
        }
    }

    /// Which days of which offers invoices of affiliates have billed.
    pub(crate) fn learn_parts(&mut self) {
        self.model.parts.clear();
        for real in self.real_invoices().into_iter().filter(|real| real.book.kind == InvoiceKind::Payable) {
            let own = real.book.currency;
            let part = |currency: Currency, offer: OfferId, period: Period| Part {
                currency: currency.code(),
                offer: offer.get(),
                days: (period.start.number(), period.end.number()),
            };
            let lines = self.network.engine.invoice_lines(&self.network.call, real.invoice_id).unwrap();
            let of_line = |line: &Line| part(line.source_currency(own), line.offer_id.unwrap(), line.period);
            let billed = lines.iter().filter(|line| line.line_type == LineType::Conversions).map(of_line);
            let emptied = self.emptied_of(real.place());
            let parts = billed.chain(emptied.iter().map(|e| part(e.currency, e.offer_id, e.period))).collect();
            self.model.parts.insert(real.invoice_id.get(), parts);
        }
    }

    /// By which rate a change of an invoice bills each entry is looked up, and judged by the sum.
    pub(crate) fn learn_rates(&mut self, index: usize) {
        let plain = &self.model.invoices[index];
        if (plain.book.kind, plain.book.party) != (Kind::Payable, CONVERTS) {
            return;
        }
        let id = InvoiceId::new(plain.id);
        let lines = self.network.engine.invoice_lines(&self.network.call, id).unwrap();
        for listed in self.listed(id, None) {
            let line = lines.iter().find(|line| Some(line.line_no) == listed.line_no);
            let same = |e: &&mut Entry| {
                (e.place, &e.conversion, e.revision, e.sign)
                    == (Place::Invoice(index), &listed.conversion_id, listed.revision, listed.sign)
            };
            // What no line bills cancels out by any rate.
            self.model.log.iter_mut().filter(same).for_each(|e| e.rate = line.map_or(1, rate_of));
        }
    }

    fn listed(&self, id: InvoiceId, line_no: Option<i64>) -> Vec<InvoiceConversion> {
        let query = ConversionQuery { line_no, after: None, limit: 10_000 };
        self.network.engine.invoice_conversions(&self.network.call, id, &query).unwrap().conversions
    }

    /// The periods of an invoice in which everything cancels out.
    pub(crate) fn emptied(&self, index: usize) -> Vec<Emptied> {
        let plain = &self.model.invoices[index];
        let place = quittance_store::invoices::Place {
            kind: real_kind(plain.book.kind),
            party_id: plain.book.party,
            invoice_id: InvoiceId::new(plain.id),
        };
        self.emptied_of(place)
    }

    fn emptied_of(&self, place: quittance_store::invoices::Place) -> Vec<Emptied> {
        let network = self.network.call.network;
        self.network.engine.store().read(|tx| quittance_store::invoices::emptied(tx, network, place)).unwrap()
    }

    /// What is listed of each line comes to what it took; and what of no line, to nothing.
    fn compare_listings(&self) {
        for plain in self.model.invoices.iter().filter(|i| i.status != Status::Void) {
            let id = InvoiceId::new(plain.id);
            let listed = self.listed(id, None);
            for line in self.network.engine.invoice_lines(&self.network.call, id).unwrap() {
                let of_line: Vec<_> = listed.iter().filter(|l| l.line_no == Some(line.line_no)).cloned().collect();
                let sums = (of_line.iter().map(|l| l.amount.units()).sum(), of_line.iter().map(|l| l.sign).sum());
                let taken = (line.taken.units, line.taken.conversions);
                assert_eq!(sums, taken, "line {} of invoice {id}\n{}", line.line_no, self.story());
                let alone = self.listed(id, Some(line.line_no)).len();
                assert_eq!(alone, of_line.len(), "line {} of invoice {id}\n{}", line.line_no, self.story());
            }
            let mut none: BTreeMap<(i64, &str), (i64, i64)> = BTreeMap::new();
            for l in listed.iter().filter(|l| l.line_no.is_none()) {
                let sum = none.entry((l.offer_id, l.amount.currency().code())).or_default();
                *sum = (sum.0 + l.amount.units(), sum.1 + l.sign);
            }
            assert!(none.values().all(|sum| *sum == (0, 0)), "no line of invoice {id}: {none:?}\n{}", self.story());
        }
    }

    /// Per book: approved = billed + unbilled + given up + remainder; and the party's balance in the ledger.
    pub(crate) fn compare_books(&self) {
        let (engine, call) = (&self.network.engine, &self.network.call);
        let today = Day::from_number(self.model.today);
        for kind in [Kind::Payable, Kind::Receivable] {
            let unbilled = engine.unbilled(call, real_kind(kind), Day::from_number(self.model.today + 400)).unwrap();
            let shown: BTreeMap<(i64, String), String> =
                unbilled.rows.iter().map(|row| ((number(&row[0]), text(&row[1])), text(&row[2]))).collect();
            for book in self.model.books.iter().filter(|book| book.kind == kind) {
                let of_book = || self.model.log.iter().filter(|e| e.book == *book);
                let at = |place: fn(Place) -> bool| of_book().filter(|e| place(e.place)).map(|e| e.units).sum::<i64>();
                let open = at(|place| place == Place::Unbilled);
                let known = shown.get(&(book.party, book.currency.to_owned()));
                let known = known.map_or(0, |amount| {
                    quittance_domain::money::Money::parse(amount, real(*book).currency).unwrap().units()
                });
                assert_eq!(known, open, "unbilled of {book:?}\n{}", self.story());
                self.compare_approved(*book, of_book().map(|e| e.units).sum());
                self.compare_balance(*book, today);
            }
        }
    }

    /// The log's sum is what the conversions are worth now.
    fn compare_approved(&self, book: Book, log: i64) {
        let live = self.model.conversions.values().filter(|known| known.word == "approved" && !known.elsewhere);
        let worth = live.map(|known| match (book.kind, &known.received) {
            (Kind::Payable, s) if (s.affiliate, s.currency) == (book.party, book.currency) => s.units,
            (Kind::Receivable, s) if (s.advertiser, s.revenue_currency) == (book.party, book.currency) => s.revenue,
            _ => 0,
        });
        assert_eq!(worth.sum::<i64>(), log, "approved of {book:?}\n{}", self.story());
    }

    fn compare_balance(&self, book: Book, today: Day) {
        let (engine, call) = (&self.network.engine, &self.network.call);
        let far = Day::from_number(today.number() + 400);
        let statement = engine.statement(call, real(book), Day::from_number(FIRST_DAY - 400), far).unwrap();
        let last = statement.rows.last().map(|row| text(&row[4])).unwrap();
        let owed = quittance_domain::money::Money::parse(&last, real(book).currency).unwrap().units();
        let open = (0..self.model.invoices.len())
            .filter(|i| self.model.invoices[*i].book == book && self.model.invoices[*i].status != Status::Void);
        let balances: i64 = open.map(|index| self.model.balance(index)).sum();
        assert_eq!(owed, balances - self.model.credit(book), "balance of {book:?}\n{}", self.story());
    }

    pub(crate) fn finish(&mut self) {
        self.compare();
        self.compare_listings();
        self.compare_books();
    }
}

/// A whole number of dollars for a euro.
fn rate_of(line: &Line) -> i64 {
    line.converted.as_ref().map_or(1, |converted| converted.rate.exact().parse().unwrap())
}

pub(crate) fn real_kind(kind: Kind) -> InvoiceKind {
    if kind == Kind::Payable { InvoiceKind::Payable } else { InvoiceKind::Receivable }
}

pub(crate) fn real(book: Book) -> RealBook {
    let currency = Currency::parse(book.currency).unwrap();
    RealBook { kind: real_kind(book.kind), party_id: book.party, currency }
}

pub(crate) fn plain(book: RealBook) -> Book {
    let kind = if book.kind == InvoiceKind::Payable { Kind::Payable } else { Kind::Receivable };
    Book { kind, party: book.party_id, currency: book.currency.code() }
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) | Cell::Amount(text) => text.clone(),
        Cell::Number(number) => number.to_string(),
    }
}

fn number(cell: &Cell) -> i64 {
    text(cell).parse().unwrap()
}

/// The totals of new invoices by book, for books whose totals depend on the rounding of each line.
pub(crate) fn totals(invoices: &[Invoice], known: usize) -> BTreeMap<Book, i64> {
    invoices.iter().skip(known).map(|invoice| (plain(invoice.book), invoice.billed_units)).collect()
}

pub(crate) type Days = BTreeSet<(&'static str, i32, i32)>;
