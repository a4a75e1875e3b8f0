//! Random histories of a network, judged by a plain model in which every log entry has a pointer to its owner.
//!
//! `QUITTANCE_SEED` repeats one history, `QUITTANCE_CASES` runs more of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "property/model.rs"]
mod model;

use model::{Model, Request, Status};
use quittance_domain::conversion::{ConversionRecord, ConversionStatus};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{AffiliateId, InvoiceId, OfferId};
use quittance_domain::invoice::VoidReason;
use quittance_domain::time::{Day, Timestamp};
use quittance_engine::billing::{FirstDay, Parties, RunRequest};
use quittance_engine::ingest::Positioned;
use quittance_engine::invoices::{InvoiceFilter, PaymentRequest, TakeOffRequest};
use quittance_testkit::{Dice, Network, TestDatabase, both_databases};

const DAY_MICROS: i64 = 86_400_000_000;
/// 1 January 2026.
const FIRST_DAY: i32 = 20_454;
const STEPS: u32 = 70;

struct Game {
    network: Network,
    model: Model,
    dice: Dice,
    today: i32,
    told: Vec<String>,
}

impl Game {
    fn start(database: &TestDatabase, seed: u64) -> Game {
        let mut game = Game {
            network: Network::create(database.engine()),
            model: Model::default(),
            dice: Dice::seeded(seed),
            today: FIRST_DAY + 40,
            told: Vec::new(),
        };
        game.set_clock();
        game
    }

    fn set_clock(&mut self) {
        self.network.call.now = Timestamp::from_micros(i64::from(self.today) * DAY_MICROS + DAY_MICROS / 2);
        self.model.today = self.today;
    }

    fn step(&mut self) {
        match self.dice.below(20) {
            0..=6 => self.ingest(),
            7..=9 => self.run(),
            10 => {
                self.today += self.dice.below(9) + 1;
                self.set_clock();
            }
            _ if self.model.invoices.is_empty() => self.ingest(),
            kind => {
                let index = usize::try_from(self.dice.below(self.model.invoices.len() as i64)).unwrap();
                self.act(kind, index);
            }
        }
        self.compare();
    }

    fn ingest(&mut self) {
        let mut records = Vec::new();
        let mut expected = (0, 0, 0);
        for position in 0..=self.dice.below(5) as u64 {
            let id = format!("c{}", self.dice.below(60));
            let status = [
                ConversionStatus::Approved,
                ConversionStatus::Approved,
                ConversionStatus::Pending,
                ConversionStatus::Rejected,
            ][self.dice.below(4) as usize];
            let affiliate = self.dice.below(3) + 1;
            let offer = self.dice.below(4) + 1;
            let day = self.today - self.dice.below(35);
            let cents = self.dice.below(2000) - 300;
            let code = ["USD", "USD", "EUR"][self.dice.below(3) as usize];
            // Now and then what was received last comes again.
            let state = match self.model.conversions.get(&id) {
                Some(known) if self.dice.below(4) == 0 => known.clone(),
                _ => model::State {
                    approved: status == ConversionStatus::Approved,
                    word: status.as_str(),
                    affiliate,
                    offer,
                    day,
                    cents,
                    currency: code,
                },
            };
            let outcome = self.model.receive(&id, &state);
            expected.0 += u64::from(outcome == "created");
            expected.1 += u64::from(outcome == "updated");
            expected.2 += u64::from(outcome == "unchanged");
            self.told.push(format!("ingest {id} {state:?}: {outcome}"));
            let record = ConversionRecord {
                conversion_id: id.into(),
                affiliate_id: Some(AffiliateId::new(state.affiliate)),
                offer_id: Some(OfferId::new(state.offer)),
                status: ConversionStatus::parse(state.word),
                occurred_at: Some(Timestamp::from_micros(i64::from(state.day) * DAY_MICROS + 1)),
                payout: Some(decimal(state.cents).into()),
                payout_currency: Currency::parse(state.currency).ok(),
                ..ConversionRecord::default()
            };
            records.push(Positioned { position, record });
        }
        let report = self.network.engine.ingest(&self.network.call, &records, None).unwrap();
        let counts = report.counts;
        assert_eq!((counts.created, counts.updated, counts.unchanged), expected, "{:#?}", self.told);
    }

    fn run(&mut self) {
        let through = self.today - self.dice.below(12);
        let from = (self.dice.below(4) == 0).then(|| through - self.dice.below(20));
        let offers = (self.dice.below(5) == 0).then(|| vec![self.dice.below(4) + 1, self.dice.below(4) + 1]);
        let affiliate = self.dice.below(3) + 1;
        let (parties, wanted) = match self.dice.below(5) {
            0 => (Parties::Only(vec![affiliate]), model::Wanted::Only(affiliate)),
            1 => (Parties::Except(vec![affiliate]), model::Wanted::Except(affiliate)),
            _ => (Parties::All, model::Wanted::All),
        };
        let request = RunRequest {
            through: Day::from_number(through),
            from: from.map_or(FirstDay::FirstUnbilled, |from| FirstDay::Day(Day::from_number(from))),
            parties,
            offers: offers.clone(),
            ..RunRequest::payable_through(Day::from_number(through))
        };
        self.told.push(format!("run {request:?}"));
        let preview = self.network.engine.preview(&self.network.call, &request).unwrap();
        let report = self.network.engine.bill(&self.network.call, &request, &mut |_| {}).unwrap();
        assert_eq!((&preview.totals, &preview.skipped), (&report.totals, &report.skipped), "{:#?}", self.told);
        self.model.run(&Request { through, from, offers, wanted });
        let again = self.network.engine.bill(&self.network.call, &request, &mut |_| {}).unwrap();
        assert_eq!(again.invoices(), 0, "{:#?}", self.told);
    }

    fn act(&mut self, kind: i64, index: usize) {
        let (engine, call) = (&self.network.engine, &self.network.call);
        let id = InvoiceId::new(index as i64 + 1);
        let (said, done, expected) = match kind {
            11 => ("approve".to_owned(), engine.approve(call, id, None), self.model.approve(index)),
            12 => ("unapprove".to_owned(), engine.unapprove(call, id, None), self.model.unapprove(index)),
            13 | 14 => {
                let amount = (self.dice.below(3) > 0).then(|| self.dice.below(1500) + 1);
                let request = PaymentRequest { amount: amount.map(decimal), ..PaymentRequest::default() };
                (format!("pay {amount:?}"), engine.pay(call, id, None, &request), self.model.pay(index, amount))
            }
            15 => {
                let cents = self.dice.below(3000) - 1500;
                let text = decimal(cents);
                (
                    format!("correct {text}"),
                    engine.correct(call, id, None, &text, "x"),
                    self.model.correct(index, cents),
                )
            }
            16 => {
                let offer = self.dice.below(4) + 1;
                let request = TakeOffRequest::Offers(vec![OfferId::new(offer)]);
                (
                    format!("take off offer {offer}"),
                    engine.take_off(call, id, None, &request),
                    self.model.take_off(index, |e| e.offer == offer),
                )
            }
            17 => {
                let owned = self.model.log.iter().filter(|e| e.owner == Some(index)).map(|e| e.conversion.clone());
                let owned: Vec<String> = owned.collect();
                let any = format!("c{}", self.dice.below(60));
                let pick = owned.get(usize::try_from(self.dice.below(owned.len() as i64)).unwrap()).cloned();
                let conversion = pick.unwrap_or(any);
                let request = TakeOffRequest::Conversions(vec![conversion.clone()]);
                let expected = self.model.take_off(index, |e| e.conversion == conversion);
                (format!("take off {conversion}"), engine.take_off(call, id, None, &request), expected)
            }
            _ => ("void".to_owned(), engine.void(call, id, None, VoidReason::Other, ""), self.model.void(index)),
        };
        self.told.push(format!("{said} of invoice {id}: {expected}"));
        assert_eq!(done.is_ok(), expected, "{done:?} {:#?}", self.told);
    }

    /// The engine and the model agree on every invoice and on the place of every entry, and the books verify.
    fn compare(&self) {
        let (engine, call) = (&self.network.engine, &self.network.call);
        let invoices = engine.invoices(call, &InvoiceFilter::default(), 0, 1000).unwrap();
        assert_eq!(invoices.len(), self.model.invoices.len(), "{:#?}", self.told);
        for (index, (real, plain)) in invoices.iter().zip(&self.model.invoices).enumerate() {
            let real = (
                real.book.party_id,
                real.book.currency.code(),
                real.period.start.number(),
                real.period.end.number(),
                real.billed_units,
                real.paid_units,
                real.status.as_str(),
            );
            let status = match plain.status {
                Status::Pending => "pending",
                Status::Approved => "approved",
                Status::PartlyPaid => "partly_paid",
                Status::Paid => "paid",
                Status::Void => "void",
            };
            let billed = self.model.billed(index) * 10_000;
            let paid: i64 = plain.payments.iter().map(|payment| payment.0 * 10_000).sum();
            let plain = (plain.affiliate, plain.currency, plain.start, plain.end, billed, paid, status);
            assert_eq!(real, plain, "invoice {} {:#?}", index + 1, self.told);
        }
        for id in self.model.conversions.keys() {
            let entries = engine.conversion(call, id).unwrap().entries;
            let real: Vec<_> =
                entries.iter().map(|e| (e.amount.units() / 10_000, e.invoice_id.map(InvoiceId::get))).collect();
            let plain: Vec<_> = self
                .model
                .log
                .iter()
                .filter(|e| e.conversion == *id)
                .map(|e| (e.cents, e.owner.map(|o| o as i64 + 1)))
                .collect();
            assert_eq!(real, plain, "{id} {:#?}", self.told);
        }
        for report in engine.verify(call, false).unwrap() {
            assert!(report.ok(), "{} {:#?} {:#?}", report.id, report.violations, self.told);
        }
    }
}

fn decimal(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
}

both_databases! {
    fn random_histories_agree_with_the_model(database) {
        let set = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let first = set("QUITTANCE_SEED").unwrap_or(1);
        let cases = set("QUITTANCE_CASES").unwrap_or(if set("QUITTANCE_SEED").is_some() { 1 } else { 12 });
        for seed in first..first + cases {
            println!("QUITTANCE_SEED={seed}");
            let fresh;
            let database = if seed == first {
                database
            } else {
                // Each history has a database of its own, of the same kind.
                fresh = if database.url().starts_with("sqlite") { Some(TestDatabase::sqlite()) } else { TestDatabase::postgres() };
                fresh.as_ref().unwrap()
            };
            let mut game = Game::start(database, seed);
            for _ in 0..STEPS {
                game.step();
            }
        }
    }
}
