//! The random commands, given to the engine and to the model alike.

use quittance_domain::conversion::{ConversionRecord, ConversionStatus};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{AdvertiserId, AffiliateId, InvoiceId, InvoiceKind, OfferId, PartyKind, PaymentId};
use quittance_domain::invoice::{LineType, VoidReason};
use quittance_domain::money::Money;
use quittance_domain::time::{Day, Timestamp};
use quittance_engine::billing::{FirstDay, Parties, RunReport, RunRequest};
use quittance_engine::ingest::Positioned;
use quittance_engine::invoices::{PaymentRequest, ReturnRequest, TakeOffRequest};
use quittance_engine::schedule::ScheduleReport;

use crate::changes::Paying;
use crate::extras::Terms;
use crate::game::{Days, Game, plain, real, real_kind, totals};
use crate::model::{Book, CENT, FRACTIONS, Kind, Place, State};
use crate::runs::{From, Hints, Request, Skip, Wanted};

const DAY_MICROS: i64 = 86_400_000_000;

pub(crate) fn decimal(units: i64) -> String {
    Money::new(units, Currency::parse("USD").unwrap()).to_decimal()
}

impl Game {
    pub(crate) fn step(&mut self) {
        match self.dice.below(26) {
            0..=6 => self.ingest(),
            7..=10 => self.run(),
            11 => self.schedule(),
            12 => {
                let days = self.dice.below(9) + 1;
                self.tick(days);
            }
            13 => self.set(),
            _ if self.model.invoices.is_empty() => self.ingest(),
            kind => self.act(kind),
        }
        self.compare();
    }

    fn state(&mut self) -> State {
        let affiliate = self.dice.below(5) + 1;
        let mut units = (self.dice.below(2000) - 300) * CENT;
        if affiliate == FRACTIONS {
            units += self.dice.below(10) * CENT / 10;
        }
        let offer = self.dice.below(4) + 1;
        State {
            word: self.one_of(&["approved", "approved", "approved", "pending", "hold", "rejected"]),
            affiliate,
            advertiser: if self.rarely(4) { 1 } else { (offer + 1) / 2 },
            offer,
            day: self.model.today - self.dice.below(35),
            second: self.dice.below(5),
            units,
            currency: self.one_of(&["USD", "USD", "EUR"]),
            revenue: (self.dice.below(1200) - 200).max(0) * CENT,
            revenue_currency: self.one_of(&["USD", "USD", "EUR"]),
            country: self.one_of(&["US", "DE", "de"]),
        }
    }

    /// A record for an id: a new one, the last one again, or the last one with one field changed.
    fn next_state(&mut self, id: &str) -> State {
        let fresh = self.state();
        let Some(known) = self.model.conversions.get(id).map(|known| known.received.clone()) else { return fresh };
        match self.dice.below(6) {
            0 => known,
            1 => State { word: fresh.word, ..known },
            2 if known.affiliate != FRACTIONS => State { units: fresh.units / CENT * CENT, ..known },
            3 => State { country: fresh.country, day: fresh.day, ..known },
            _ => fresh,
        }
    }

    fn ingest(&mut self) {
        let (mut records, mut expected) = (Vec::new(), (0, 0, 0));
        for position in 0..=self.dice.below(5) as u64 {
            let id = format!("c{}", self.dice.below(70));
            // A second record of an id in one batch may be another conversion, and is refused then.
            if records.iter().any(|positioned: &Positioned| *positioned.record.conversion_id == *id) {
                continue;
            }
            let state = self.next_state(&id);
            let outcome = self.model.receive(&id, &state);
            expected.0 += u64::from(outcome == "created");
            expected.1 += u64::from(outcome == "updated");
            expected.2 += u64::from(outcome == "unchanged");
            self.say(format!("ingest {id} {state:?}: {outcome}"));
            let at = i64::from(state.day) * DAY_MICROS + state.second * 1_000_000;
            let mut record = ConversionRecord {
                conversion_id: id.into(),
                affiliate_id: Some(AffiliateId::new(state.affiliate)),
                offer_id: Some(OfferId::new(state.offer)),
                advertiser_id: Some(AdvertiserId::new(state.advertiser)),
                status: ConversionStatus::parse(state.word),
                occurred_at: Some(Timestamp::from_micros(at)),
                payout: Some(decimal(state.units).into()),
                payout_currency: Currency::parse(state.currency).ok(),
                revenue: Some(decimal(state.revenue).into()),
                revenue_currency: Currency::parse(state.revenue_currency).ok(),
                ..ConversionRecord::default()
            };
            record.texts[3] = Some(state.country.into());
            records.push(Positioned { position, record });
        }
        let report = self.network.engine.ingest(&self.network.call, &records, None).unwrap();
        let counts = report.counts;
        assert_eq!((counts.created, counts.updated, counts.unchanged), expected, "{:#?}", self.told);
    }

    fn some<T>(&mut self, times: i64, value: impl FnOnce(&mut Game) -> T) -> Option<T> {
        if self.rarely(times) { Some(value(self)) } else { None }
    }

    fn request(&mut self) -> Request {
        let kind = if self.rarely(4) { Kind::Receivable } else { Kind::Payable };
        let through = self.model.today - self.dice.below(12);
        let parties = if kind == Kind::Payable { 5 } else { 2 };
        let party = self.dice.below(parties) + 1;
        let mut request = Request::all(kind, through);
        request.from = match self.dice.below(8) {
            0 | 1 => From::Day(through - self.dice.below(20)),
            2 => From::LastInvoice,
            _ => From::FirstUnbilled,
        };
        request.wanted = match self.dice.below(6) {
            0 => Wanted::Only(vec![party]),
            1 => Wanted::Except(party),
            _ => Wanted::All,
        };
        request.offers = self.some(7, |game| vec![game.dice.below(4) + 1, game.dice.below(4) + 1]);
        request.countries = self.some(9, |game| vec![game.one_of(&["us", "De"])]);
        request.currencies = self.some(9, |game| vec![game.one_of(&["USD", "EUR"])]);
        if kind == Kind::Payable {
            request.advertisers = self.some(9, |game| vec![game.dice.below(2) + 1]);
        }
        match self.dice.below(12) {
            0 => {
                request.wanted = Wanted::Only(vec![party]);
                request.currencies = Some(vec![self.one_of(&["USD", "EUR"])]);
                request.sum = Some((self.dice.below(4000) + 1) * CENT);
            }
            1 => {
                request.wanted = Wanted::Only(vec![party]);
                request.is_final = true;
            }
            _ => {}
        }
        request
    }

    fn run(&mut self) {
        let plain = self.request();
        let request = real_request(&plain);
        self.say(format!("run {plain:?}"));
        for _ in 0..=i64::from(self.rarely(4)) {
            let known = self.model.invoices.len();
            self.learn_paid();
            let preview = self.network.engine.preview(&self.network.call, &request).unwrap();
            let report = self.network.engine.bill(&self.network.call, &request, &mut |_| {}).unwrap();
            assert_eq!((&preview.totals, &preview.skipped), (&report.totals, &report.skipped), "{:#?}", self.told);
            let mut hints = totals(&self.real_invoices(), known);
            hints.extend(zeros(&report));
            self.learn_parts();
            let skips = self.model.run(&plain, &hints);
            self.compare_skips(&report, &skips);
        }
    }

    fn compare_skips(&self, report: &RunReport, skips: &[Skip]) {
        // The totals of parts of cents are judged by their lines; only the party that has them is left out here.
        let whole = |party: i64| party != FRACTIONS || report.kind == InvoiceKind::Receivable;
        let mut real: Vec<_> = report
            .skipped
            .iter()
            .filter(|s| whole(s.party_id))
            .map(|s| (s.party_id, s.currency.code(), s.units, s.reason.as_str()))
            .collect();
        let mut plain: Vec<_> = skips.iter().filter(|s| whole(s.0)).copied().collect();
        real.sort_unstable();
        plain.sort_unstable();
        assert_eq!(real, plain, "left out\n{}", self.told.join("\n"));
    }

    fn schedule(&mut self) {
        self.say("what is due by schedule");
        let known = self.model.invoices.len();
        let said = self.network.engine.preview_due(&self.network.call).unwrap();
        let report = self.network.engine.bill_due(&self.network.call, &mut |_| {}).unwrap();
        let shown = |report: &ScheduleReport| {
            let run = |run: &RunReport| (run.kind, run.through, run.totals.clone(), run.skipped.clone());
            (report.released, report.runs.iter().map(run).collect::<Vec<_>>())
        };
        assert_eq!(shown(&said), shown(&report), "the preview\n{}", self.told.join("\n"));
        let invoices = self.real_invoices();
        let hints: Vec<Hints> = report
            .runs
            .iter()
            .map(|run| {
                let of_run: Vec<_> =
                    invoices.iter().skip(known).filter(|i| Some(i.run_id) == run.run_id).cloned().collect();
                let mut hints = totals(&of_run, 0);
                hints.extend(zeros(run));
                hints
            })
            .collect();
        self.learn_parts();
        let left = self.model.schedule(&hints);
        assert_eq!(report.runs.len(), left.len(), "runs of the schedule\n{}", self.told.join("\n"));
        for (run, skips) in report.runs.iter().zip(&left) {
            self.compare_skips(run, skips);
        }
    }

    /// Settings, the lock of the books, and what is on hold.
    fn set(&mut self) {
        let flag = self.rarely(2);
        let day = self.model.today - 20 - self.dice.below(40);
        let through = if self.rarely(6) { None } else { Some(day) };
        let text = through.map_or("none".to_owned(), |day| Day::from_number(day).to_string());
        let (name, value, expected) = match self.dice.below(11) {
            0 => {
                self.model.auto_approve = flag;
                ("auto_approve", flag.to_string(), true)
            }
            1 => {
                self.model.overpayment_is_credit = flag;
                ("overpayment", if flag { "credit" } else { "refuse" }.to_owned(), true)
            }
            2 => {
                self.model.gives_up_negatives = flag;
                ("carry_negatives", (!flag).to_string(), true)
            }
            3 => ("locked_through", text, self.model.lock(through)),
            4 => {
                let day = if self.rarely(2) { self.model.today } else { day };
                let text = Day::from_number(day).to_string();
                ("locked_through", text, self.model.lock(Some(day)))
            }
            5 => ("billed_elsewhere_through", text, self.model.elsewhere(through)),
            6 => {
                let party = self.dice.below(5) + 1;
                self.say(format!("affiliate {party} on hold: {flag}"));
                if flag {
                    self.model.on_hold.insert(party)
                } else {
                    self.model.on_hold.remove(&party)
                };
                self.network.set_party(PartyKind::Affiliate, &format!(r#"{{"id":{party},"on_hold":{flag}}}"#));
                return;
            }
            7 => return self.erase(),
            _ => return self.change_referrer(),
        };
        self.say(format!("set {name}={value}: {expected}"));
        let done = self.network.engine.set_network(&self.network.call, &[(name, &value)]);
        assert_eq!(done.is_ok(), expected, "{done:?}\n{}", self.told.join("\n"));
    }

    /// Affiliate 4 is referred by another, for another share, for a time, or by nobody.
    fn change_referrer(&mut self) {
        let until = self.some(2, |game| game.model.today + 10 - game.dice.below(30));
        let term = until.map_or(String::new(), |day| format!(r#","until":"{}""#, Day::from_number(day)));
        let of = |referrer, percent, threshold| Terms { referrer, percent: Some(percent), threshold, until };
        let (json, terms) = match self.dice.below(4) {
            0 => (r#""""#.to_owned(), None),
            1 => (format!(r#"{{"affiliate":1,"percent":"10"{term}}}"#), Some(of(1, 10, 0))),
            2 => (format!(r#"{{"affiliate":5,"percent":"20"{term}}}"#), Some(of(5, 20, 0))),
            _ => (format!(r#"{{"affiliate":5,"percent":"5","threshold":"20"{term}}}"#), Some(of(5, 5, 2_000))),
        };
        self.say(format!("affiliate 4 is referred: {terms:?}"));
        self.network.set_party(PartyKind::Affiliate, &format!(r#"{{"id":4,"referrer":{json}}}"#));
        match terms {
            Some(terms) => self.model.referrers.insert(4, terms),
            None => self.model.referrers.remove(&4),
        };
    }

    fn erase(&mut self) {
        let party = self.dice.below(5) + 1;
        let expected = self.model.may_erase(Book { kind: Kind::Payable, party, currency: "USD" });
        self.say(format!("erase affiliate {party}: {expected}"));
        let done = self.network.engine.erase_party(&self.network.call, PartyKind::Affiliate, party);
        assert_eq!(done.is_ok(), expected, "{done:?}\n{}", self.told.join("\n"));
    }

    fn act(&mut self, kind: i64) {
        let index = self.dice.below(self.model.invoices.len());
        let id = InvoiceId::new(self.model.invoices[index].id);
        let (said, done, expected) = match kind {
            14 => self.approval(index, id),
            15 | 16 => self.pay(index, id),
            17 => self.correct(index, id),
            18 => self.take_off(index, id),
            // A rate that an invoice by sum has used is not that of its own last day, and may be gone with its lines.
            19 if self.model.invoices[index].rate_day == self.model.invoices[index].end => self.sync(index, id),
            19 => self.approval(index, id),
            20 | 24 => self.take_back(index, id),
            21 => self.pay_party(index),
            22 | 25 => self.give(index, id),
            _ => {
                let done = self.network.engine.void(&self.network.call, id, None, VoidReason::Other, "");
                ("void".to_owned(), done.map(drop), self.model.void(index))
            }
        };
        self.say(format!("{said} of invoice {id}: {expected}"));
        assert_eq!(done.is_ok(), expected, "{done:?}\n{}", self.told.join("\n"));
    }

    fn approval(&mut self, index: usize, id: InvoiceId) -> Done {
        let takes_back = self.rarely(3);
        let (engine, call) = (&self.network.engine, &self.network.call);
        if takes_back {
            ("unapprove".to_owned(), engine.unapprove(call, id, None).map(drop), self.model.unapprove(index))
        } else {
            ("approve".to_owned(), engine.approve(call, id, None).map(drop), self.model.approve(index))
        }
    }

    fn pay(&mut self, index: usize, id: InvoiceId) -> Done {
        let balance = self.model.balance(index);
        let amount = match self.dice.below(4) {
            0 => None,
            1 => Some(balance.max(CENT)),
            _ => Some((self.dice.below(1500) + 1) * CENT),
        };
        let paying = Paying {
            amount,
            day: self.some(4, |game| game.model.today + 1 - game.dice.below(30)),
            foreign: amount.is_some() && self.rarely(6),
        };
        let own = self.model.invoices[index].book.currency;
        let other = Currency::parse(if own == "USD" { "EUR" } else { "USD" }).ok();
        let request = PaymentRequest {
            amount: if paying.foreign { Some("12.34".to_owned()) } else { paying.amount.map(decimal) },
            settles: paying.amount.filter(|_| paying.foreign).map(decimal),
            currency: other.filter(|_| paying.foreign),
            day: paying.day.map(Day::from_number),
            ..PaymentRequest::default()
        };
        let done = self.network.engine.pay(&self.network.call, id, None, &request);
        (format!("pay {paying:?}"), done.map(drop), self.model.pay(index, paying))
    }

    fn pay_party(&mut self, index: usize) -> Done {
        let book = self.model.invoices[index].book;
        let others: Vec<usize> = match self.dice.below(3) {
            0 => vec![index],
            1 => vec![index, self.dice.below(self.model.invoices.len())],
            _ => Vec::new(),
        };
        let amount = (self.dice.below(5000) + 1) * CENT;
        let named: Vec<InvoiceId> = others.iter().map(|i| InvoiceId::new(self.model.invoices[*i].id)).collect();
        let request = PaymentRequest { amount: Some(decimal(amount)), ..PaymentRequest::default() };
        let done = self.network.engine.pay_party(&self.network.call, real(book), &request, &named);
        (format!("pay {amount} of {book:?} for {named:?}"), done.map(drop), self.model.pay_party(book, amount, &others))
    }

    fn correct(&mut self, index: usize, id: InvoiceId) -> Done {
        let (engine, call) = (&self.network.engine, &self.network.call);
        let count = self.model.invoices[index].corrections.len();
        if count > 0 && self.dice.below(3) == 0 {
            let which = self.dice.below(count);
            let lines = engine.invoice_lines(call, id).unwrap();
            let corrections: Vec<i64> =
                lines.iter().filter(|l| l.line_type == LineType::Correction).map(|l| l.line_no).collect();
            let done = engine.remove_correction(call, id, None, corrections[which]);
            return (format!("remove correction {which}"), done.map(drop), self.model.uncorrect(index, which));
        }
        let units = match self.dice.below(3) {
            0 => -self.model.balance(index),
            _ => (self.dice.below(3000) - 1500) * CENT,
        };
        let done = engine.correct(call, id, None, &decimal(units), "x");
        (format!("correct {units}"), done.map(drop), self.model.correct(index, units))
    }

    fn take_off(&mut self, index: usize, id: InvoiceId) -> Done {
        let (engine, call) = (&self.network.engine, &self.network.call);
        if self.dice.below(3) == 0 {
            let offer = self.dice.below(4) + 1;
            let done = engine.take_off(call, id, None, &TakeOffRequest::Offers(vec![OfferId::new(offer)]));
            let expected = self.model.take_off(index, |e| e.state.offer == offer);
            self.learn_rates(index);
            return (format!("take off offer {offer}"), done.map(drop), expected);
        }
        let owned: Vec<String> =
            self.model.log.iter().filter(|e| e.place == Place::Invoice(index)).map(|e| e.conversion.clone()).collect();
        let any = format!("c{}", self.dice.below(70));
        let conversion = owned.get(self.dice.below(owned.len())).cloned().unwrap_or(any);
        let done = engine.take_off(call, id, None, &TakeOffRequest::Conversions(vec![conversion.clone()]));
        let expected = self.model.take_off(index, |e| e.conversion == conversion);
        self.learn_rates(index);
        (format!("take off {conversion}"), done.map(drop), expected)
    }

    fn sync(&mut self, index: usize, id: InvoiceId) -> Done {
        let (engine, call) = (&self.network.engine, &self.network.call);
        let own = real(self.model.invoices[index].book).currency;
        let lines = engine.invoice_lines(call, id).unwrap();
        let of_conversions = lines.iter().filter(|line| line.line_type == LineType::Conversions);
        let mut days: Days = of_conversions
            .map(|l| (l.source_currency(own).code(), l.period.start.number(), l.period.end.number()))
            .collect();
        // A line that was left out has a rate, and no days that are looked at.
        let left_out = self.emptied(index);
        days.extend(left_out.iter().map(|emptied| (emptied.currency.code(), 1, 0)));
        let done = engine.sync(call, id, None);
        let days: Vec<_> = days.into_iter().collect();
        self.learn_parts();
        let expected = self.model.sync(index, &days);
        self.learn_rates(index);
        (format!("synchronize {days:?}"), done.map(drop), expected)
    }

    fn take_back(&mut self, index: usize, id: InvoiceId) -> Done {
        let of_invoice = |p: &&crate::model::Payment| p.invoice == Some(index);
        let paid: Vec<_> = self.model.payments.iter().filter(of_invoice).cloned().collect();
        let Some(payment) = paid.get(self.dice.below(paid.len())) else {
            return self.approval(index, id);
        };
        let (engine, call) = (&self.network.engine, &self.network.call);
        let mistake = self.dice.below(3) == 0;
        let amount = match self.dice.below(2) {
            0 if !mistake => Some((self.dice.below(1500) + 1) * CENT),
            _ => None,
        };
        let real_id = PaymentId::new(payment.id);
        let done = if mistake {
            engine.reverse_payment(call, id, None, real_id, "typed twice")
        } else {
            let request = ReturnRequest {
                payment: real_id,
                amount: amount.map(decimal),
                day: None,
                reason: "bounced".to_owned(),
            };
            engine.return_payment(call, id, None, &request)
        };
        let expected = self.model.take_back(index, payment.id, amount, mistake);
        (format!("payment {} comes back: {amount:?} (mistake: {mistake})", payment.id), done.map(drop), expected)
    }

    /// A balance that is given up, or a credit note.
    fn give(&mut self, index: usize, id: InvoiceId) -> Done {
        let (engine, call) = (&self.network.engine, &self.network.call);
        if self.dice.below(2) == 0 {
            let done = engine.write_off(call, id, None, "too small");
            return ("write off".to_owned(), done.map(drop), self.model.write_off(index));
        }
        let units = (self.dice.below(800) + 1) * CENT;
        let done = engine.credit_note(call, id, None, &decimal(units), "fraud");
        (format!("credit note of {units}"), done.map(drop), self.model.credit_note(index, units))
    }
}

/// Books that come to nothing with lines of several periods.
fn zeros(report: &RunReport) -> Vec<(Book, i64)> {
    let zeros = report.skipped.iter().filter(|skip| skip.units == 0 && skip.reason == "not_positive");
    zeros
        .map(|s| {
            (
                plain(quittance_domain::accrual::Book {
                    kind: report.kind,
                    party_id: s.party_id,
                    currency: s.currency,
                }),
                0,
            )
        })
        .collect()
}

/// What was said to the engine, what it answered, and whether the model allows it.
type Done = (String, quittance_engine::Result<()>, bool);

fn real_request(plain: &Request) -> RunRequest {
    let currency = |code: &&str| Currency::parse(code).unwrap();
    RunRequest {
        kind: real_kind(plain.kind),
        through: Day::from_number(plain.through),
        from: match plain.from {
            From::FirstUnbilled => FirstDay::FirstUnbilled,
            From::LastInvoice => FirstDay::LastInvoice,
            From::Day(day) => FirstDay::Day(Day::from_number(day)),
        },
        parties: match &plain.wanted {
            Wanted::All => Parties::All,
            Wanted::Only(ids) => Parties::Only(ids.clone()),
            Wanted::Except(id) => Parties::Except(vec![*id]),
        },
        offers: plain.offers.clone(),
        advertisers: plain.advertisers.clone(),
        currencies: plain.currencies.as_ref().map(|codes| codes.iter().map(currency).collect()),
        countries: plain.countries.as_ref().map(|c| c.iter().map(|c| (*c).to_owned()).collect()),
        sum: plain.sum.map(|units| Money::new(units, currency(&plain.currencies.as_ref().unwrap()[0]))),
        unbound: plain.is_final,
        scheduled: false,
        positive: false,
        approve: false,
        internal_notes: String::new(),
    }
}
