//! What happens to invoices and payments after the invoice is issued, up to after its end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::accrual::Book;
use quittance_domain::conversion::ConversionRecord;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, PartyKind, PaymentId};
use quittance_domain::invoice::VoidReason;
use quittance_engine::billing::RunRequest;
use quittance_engine::events::{EventQuery, EventType};
use quittance_engine::idempotency::{Begun, Claimed, DONE_UNANSWERED};
use quittance_engine::invoices::{CreditPayoutRequest, Invoice, OnRepeat, PaymentRequest, ReturnRequest};
use quittance_engine::{Call, ErrorKind};
use quittance_store::ledger;
use quittance_testkit::{Network, TestDatabase, both_databases, day};

fn id(id: i64) -> InvoiceId {
    InvoiceId::new(id)
}

/// Affiliate 1 has invoice 1 of 10.00 for January and invoice 2 of 25.00 for February, both approved.
fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.engine.set_network(&network.call, &[("auto_approve", "true")]).unwrap();
    for (today, lines, through) in [
        ("2026-02-02", "a 1 1 2026-01-05 10.00", "2026-01-31"),
        ("2026-03-02", "b 1 1 2026-02-05 20.00\nc 1 2 2026-02-06 5.00", "2026-02-28"),
    ] {
        network.at(today);
        network.approve(lines);
        bill(&network, through);
    }
    network
}

fn bill(network: &Network, through: &str) {
    network.engine.bill(&network.call, &RunRequest::payable_through(day(through)), &mut |_| {}).unwrap();
}

fn amount(text: &str) -> PaymentRequest {
    PaymentRequest { amount: Some(text.into()), rail: Some("wire".into()), ..PaymentRequest::default() }
}

fn back(payment: i64, amount: Option<&str>) -> ReturnRequest {
    ReturnRequest {
        payment: PaymentId::new(payment),
        amount: amount.map(str::to_owned),
        day: None,
        reason: "bounced".into(),
    }
}

fn shown(invoice: &Invoice) -> String {
    format!("{} {} {}", invoice.status, invoice.billed_units / 10_000, invoice.paid_units / 10_000)
}

fn refused<T: std::fmt::Debug>(result: quittance_engine::Result<T>, why: &str) {
    let error = result.unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

/// The payments that are told as repeats of others: each with the one that it repeats.
fn told(network: &Network) -> Vec<(i64, i64)> {
    let query = EventQuery { types: vec![EventType::PaymentRepeated], limit: 100, ..EventQuery::default() };
    let events = network.engine.events(&network.call, &query).unwrap().events;
    let ids = |data: &str| {
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        (data["payment"].as_i64().unwrap(), data["repeats"].as_i64().unwrap())
    };
    events.iter().map(|event| ids(&event.data)).collect()
}

fn balances(network: &Network) -> Vec<String> {
    let balances = network.engine.store().read(|tx| ledger::balances(tx, network.call.network)).unwrap();
    let shown = |(account, currency, units): (String, Currency, i64)| {
        format!("{account} {} {currency}", quittance_domain::money::Money::new(units, currency).to_decimal())
    };
    balances.into_iter().filter(|(_, _, units)| *units != 0).map(shown).collect()
}

fn book() -> Book {
    Book { kind: InvoiceKind::Payable, party_id: 1, currency: Currency::parse("USD").unwrap() }
}

both_databases! {
    /// Of 10.00, 3.00 are paid three times: the second is told; the third has a key of its own.
    fn a_payment_that_comes_again_is_told(database) {
        let network = network(database);
        let (engine, call) = (&network.engine, &network.call);
        let wire = PaymentRequest { reference: "w-1".into(), ..amount("3") };
        assert_eq!(engine.pay_noting(call, id(1), None, &wire).unwrap().1, None);
        assert_eq!(engine.pay_noting(call, id(1), None, &wire).unwrap().1, Some(PaymentId::new(1)));
        assert_eq!(told(&network), [(2, 1)]);
        let keyed = Call { claimed: Some(Claimed::command("k", "asked".into())), ..call.clone() };
        let (invoice, repeated) = engine.pay_noting(&keyed, id(1), None, &wire).unwrap();
        assert_eq!((shown(&invoice).as_str(), repeated), ("partly_paid 1000 900", None));
        // Another amount, reference, day or invoice is another payment.
        let other = PaymentRequest { reference: "w-2".into(), ..wire.clone() };
        for (invoice, request) in [
            (1, PaymentRequest { amount: Some("1".into()), ..wire.clone() }),
            (2, wire.clone()),
            (2, other.clone()),
            (2, PaymentRequest { day: Some(day("2026-02-28")), ..other }),
        ] {
            assert_eq!(engine.pay_noting(call, id(invoice), None, &request).unwrap().1, None, "{request:?}");
        }
        assert_eq!(told(&network), [(2, 1)]);
    }

    /// 35.00 are owed. A transfer of 12.00 pays the first invoice and 2.00 of the second; the same again pays 12.00 more of
    /// the second, which is told, as the invoices were not named.
    fn a_transfer_that_comes_again_is_told_or_refused(database) {
        let network = network(database);
        let (engine, call) = (&network.engine, &network.call);
        let book = engine.invoice(call, id(1)).unwrap().book;
        let transfer = PaymentRequest { reference: "t".into(), ..amount("12") };
        assert_eq!(engine.pay_party_noting(call, book, &transfer, &[]).unwrap().1, None);
        assert_eq!(engine.pay_party_noting(call, book, &transfer, &[]).unwrap().1, Some(PaymentId::new(1)));
        assert_eq!(told(&network), [(3, 1)]);
        let refusing = PaymentRequest { on_repeat: OnRepeat::Refused, ..transfer };
        let error = engine.pay_party(call, book, &refusing, &[]).unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains("--again")), (ErrorKind::Conflict, true), "{error}");
        let less = PaymentRequest { amount: Some("1".into()), ..refusing.clone() };
        assert!(engine.pay_party(call, book, &less, &[id(2)]).is_err());
        engine.pay_party(call, book, &PaymentRequest { on_repeat: OnRepeat::Meant, ..less }, &[id(2)]).unwrap();
        assert_eq!(told(&network), [(3, 1)]);
    }

    /// A key is kept exactly if its effect is; a second effect under it is refused.
    fn a_command_with_a_key_happens_once(database) {
        let network = network(database);
        let (engine, call) = (&network.engine, &network.call);
        let keyed = Call { claimed: Some(Claimed::command("k", "asked".into())), ..call.clone() };
        assert!(engine.pay(&keyed, id(1), None, &amount("11")).is_err());
        assert_eq!(engine.done_before(&keyed).unwrap(), None);
        engine.pay(&keyed, id(1), None, &amount("1")).unwrap();
        let unanswered = Begun::Repeat { status: DONE_UNANSWERED, answer: String::new() };
        assert_eq!(engine.done_before(&keyed).unwrap(), Some(unanswered));
        refused(engine.pay(&keyed, id(1), None, &amount("1")), "done meanwhile");
        engine.keep_outcome(&keyed, 200, "1 paid").unwrap();
        let answered = Begun::Repeat { status: 200, answer: "1 paid".into() };
        assert_eq!(engine.done_before(&keyed).unwrap(), Some(answered));
        let other = Call { claimed: Some(Claimed::command("k", "other".into())), ..call.clone() };
        assert_eq!(engine.done_before(&other).unwrap(), Some(Begun::Mismatch));
        assert_eq!(shown(&engine.invoice(call, id(1)).unwrap()), "partly_paid 1000 100");
    }

    fn a_payment_that_comes_back_is_owed_again(database) {
        let network = network(database);
        let (engine, call) = (&network.engine, &network.call);
        assert_eq!(shown(&engine.pay(call, id(1), None, &amount("10")).unwrap()), "paid 1000 1000");
        refused(engine.return_payment(call, id(1), None, &back(1, Some("10.01"))), "10.00 of payment 1 is left");
        refused(engine.return_payment(call, id(1), None, &back(1, Some("0"))), "zero");
        refused(engine.return_payment(call, id(1), None, &back(9, None)), "has no payment 9");
        refused(engine.return_payment(call, id(2), None, &back(1, None)), "has no payment 1");
        let early = ReturnRequest { day: Some(day("2026-03-01")), ..back(1, None) };
        refused(engine.return_payment(call, id(1), None, &early), "is not between the payment");
        let part = engine.return_payment(call, id(1), None, &back(1, Some("4"))).unwrap();
        assert_eq!(shown(&part), "partly_paid 1000 600");
        refused(engine.return_payment(call, id(1), None, &back(1, Some("6.01"))), "6.00 of payment 1 is left");
        refused(engine.reverse_payment(call, id(1), None, PaymentId::new(1), "x"), "came back already");
        let rest = engine.return_payment(call, id(1), None, &back(1, None)).unwrap();
        assert_eq!(shown(&rest), "approved 1000 0");
        assert_eq!(balances(&network), ["affiliate_payable -35.00 USD", "commission_expense 35.00 USD"]);
        let history: Vec<String> =
            engine.invoice_history(call, id(1)).unwrap().into_iter().map(|row| row.action).collect();
        assert_eq!(history, ["issued", "approved", "paid", "payment_returned", "payment_returned"]);
        network.assert_verified();
    }

    fn a_mistaken_record_is_not_a_return(database) {
        let network = network(database);
        let (engine, call) = (&network.engine, &network.call);
        engine.pay(call, id(1), None, &amount("7")).unwrap();
        let invoice = engine.reverse_payment(call, id(1), None, PaymentId::new(1), "typed twice").unwrap();
        assert_eq!(shown(&invoice), "approved 1000 0");
        let payments = engine.invoice_payments(call, id(1)).unwrap();
        let sources: Vec<_> = payments.iter().map(|p| (p.source.as_str(), p.units / 10_000, p.of_payment)).collect();
        assert_eq!(sources, [("money", 700, None), ("reversal", -700, Some(PaymentId::new(1)))]);
        refused(engine.reverse_payment(call, id(1), None, PaymentId::new(1), "x"), "came back already");
        network.assert_verified();
    }

    fn what_is_paid_beyond_the_balance_is_the_next_invoices_credit(database) {
        let mut network = network(database);
        refused(network.engine.pay(&network.call, id(1), None, &amount("12")), "12.00");
        network.engine.set_network(&network.call, &[("overpayment", "credit")]).unwrap();
        let paid = network.engine.pay(&network.call, id(1), None, &amount("12")).unwrap();
        assert_eq!(shown(&paid), "paid 1000 1000");
        assert_eq!(balances(&network), [
            "affiliate_payable -23.00 USD", "clearing:wire -12.00 USD", "commission_expense 35.00 USD",
        ]);
        network.assert_verified();
        network.at("2026-04-02");
        network.approve("d 1 1 2026-03-05 9.00");
        bill(&network, "2026-03-31");
        assert_eq!(shown(&network.engine.invoice(&network.call, id(3)).unwrap()), "partly_paid 900 200");
        network.assert_verified();
    }

    fn one_transfer_pays_several_invoices_the_earliest_due_first(database) {
        let network = network(database);
        let (engine, call) = (&network.engine, &network.call);
        let paid = engine.pay_party(call, book(), &amount("30"), &[]).unwrap();
        assert_eq!(paid.iter().map(shown).collect::<Vec<_>>(), ["paid 1000 1000", "partly_paid 2500 2000"]);
        let transfers: Vec<_> = [1, 2].map(|i| engine.invoice_payments(call, id(i)).unwrap()[0].transfer_id).into();
        assert_eq!(transfers, [PaymentId::new(1), PaymentId::new(1)]);
        refused(engine.pay_party(call, book(), &amount("5.01"), &[]), "0.01 more than is owed");
        assert_eq!(shown(&engine.invoice(call, id(2)).unwrap()), "partly_paid 2500 2000");
        refused(engine.pay_party(call, book(), &amount("1"), &[id(1)]), "invoice 1 is paid");
        refused(engine.pay_party(call, Book { party_id: 2, ..book() }, &amount("1"), &[id(2)]), "is not one of affiliate 2");
        engine.set_network(call, &[("overpayment", "credit")]).unwrap();
        let paid = engine.pay_party(call, book(), &amount("6"), &[id(2)]).unwrap();
        assert_eq!(shown(&paid[0]), "paid 2500 2500");
        assert_eq!(balances(&network), [
            "affiliate_payable 1.00 USD", "clearing:wire -36.00 USD", "commission_expense 35.00 USD",
        ]);
        network.assert_verified();
    }

    fn a_balance_is_given_up_with_a_reason(database) {
        let network = network(database);
        let (engine, call) = (&network.engine, &network.call);
        engine.pay(call, id(2), None, &amount("24.50")).unwrap();
        refused(engine.write_off(call, id(2), None, " "), "say why");
        assert_eq!(shown(&engine.write_off(call, id(2), None, "bank fee").unwrap()), "paid 2500 2500");
        refused(engine.write_off(call, id(2), None, "again"), "paid");
        assert_eq!(balances(&network), [
            "affiliate_payable -10.00 USD", "clearing:wire -24.50 USD", "commission_expense 35.00 USD",
            "write_offs -0.50 USD",
        ]);
        network.assert_verified();
    }

    fn a_credit_note_about_a_paid_invoice_is_credit(database) {
        let network = network(database);
        let (engine, call) = (&network.engine, &network.call);
        refused(engine.credit_note(call, id(1), None, "1", "fraud"), "a credit note is about a paid one");
        engine.pay(call, id(1), None, &amount("10")).unwrap();
        assert_eq!(shown(&engine.credit_note(call, id(1), None, "4", "fraud").unwrap()), "paid 1000 1000");
        refused(engine.credit_note(call, id(1), None, "6.01", "fraud"), "up to 6.00");
        engine.credit_note(call, id(1), None, "6", "all of it").unwrap();
        let notes = engine.credit_notes_after(call, &engine.invoice(call, id(1)).unwrap(), 0, 10).unwrap();
        let numbers: Vec<_> = notes.iter().map(|note| (note.number, note.units / 10_000)).collect();
        assert_eq!(numbers, [(Some(1), 400), (Some(2), 600)]);
        assert_eq!(balances(&network), [
            "affiliate_payable -15.00 USD", "clearing:wire -10.00 USD", "commission_expense 25.00 USD",
        ]);
        network.assert_verified();
        // Approval uses the credit, so taking back the approval of the second and giving it again pays 10 of it.
        engine.unapprove(call, id(2), None).unwrap();
        assert_eq!(shown(&engine.approve(call, id(2), None).unwrap()), "partly_paid 2500 1000");
        network.assert_verified();
    }

    /// By hand: 100.00 billed and paid, 60.00 of it taken back by a credit note, 25.00 sent back, 35.00 left: the affiliate's
    /// account -100 + 100 + 60 - 25 = 35, the expense 100 - 60 = 40, what went over the wire -100 + 25 = -75.
    fn credit_is_paid_out_and_taken_back_once(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-02");
        network.approve("a 1 1 2026-01-05 100.00");
        bill(&network, "2026-01-31");
        let (engine, call) = (&network.engine, &network.call);
        let pay_out = |amount: &str, again| {
            let (amount, reference, rail) = (amount.to_owned(), "R-1".to_owned(), Some("wire".to_owned()));
            let request = CreditPayoutRequest { amount, reference, rail, again, ..CreditPayoutRequest::default() };
            engine.pay_out_credit(call, PartyKind::Affiliate, 1, &request)
        };
        refused(pay_out("25", false), "affiliate 1 has no credit in USD");
        engine.pay(call, id(1), None, &amount("100")).unwrap();
        engine.credit_note(call, id(1), None, "60", "fraud").unwrap();
        for (wrong, why) in [("60.01", "up to 60.00 USD"), ("-1", "not above zero"), ("0", "zero"), ("1.001", "decimals")] {
            refused(pay_out(wrong, false), why);
        }
        let paid = pay_out("25", false).unwrap();
        assert_eq!((paid.payment.units, paid.credit.to_decimal().as_str()), (-25_000_000, "35.00"));
        let standing = |what: &str| engine.party(call, PartyKind::Affiliate, 1).unwrap().balances.iter().map(|balance| match what {
            "credit" => balance.credit.to_decimal(),
            _ => balance.balance.to_decimal(),
        }).collect::<Vec<_>>();
        assert_eq!((standing("credit"), standing("balance")), (vec!["35.00".to_owned()], vec!["0.00".to_owned()]));
        assert_eq!(balances(&network), [
            "affiliate_payable 35.00 USD", "clearing:wire -75.00 USD", "commission_expense 40.00 USD",
        ]);
        let statement = engine.statement(call, book(), day("2026-02-01"), day("2026-02-02")).unwrap();
        let rows: Vec<String> = statement.rows.iter().map(|row| format!("{:?} {:?}", row[1], row[4])).collect();
        assert_eq!(rows[4], r#"Text("credit_payout") Amount("-35.00")"#);
        let aged = engine.balances_by_age(call, InvoiceKind::Payable, day("2026-02-02")).unwrap();
        assert_eq!(format!("{:?}", &aged.rows[0][6..]), r#"[Amount("-35.00"), Amount("-35.00")]"#);
        network.assert_verified();

        refused(pay_out("25", false), "already, as payment 3");
        assert_eq!(pay_out("25", true).unwrap().credit.to_decimal(), "10.00");
        let reverse = |payment, on| {
            engine.reverse_credit_payout(call, (PartyKind::Affiliate, 1), PaymentId::new(payment), on, "bounced")
        };
        refused(reverse(1, None), "there is no payment 1 of credit");
        refused(reverse(4, Some(day("2026-02-01"))), "before the payment");
        refused(reverse(4, Some(day("2026-02-03"))), "in the future");
        assert_eq!(reverse(4, None).unwrap().credit.to_decimal(), "35.00");
        refused(reverse(4, None), "taken back already");
        refused(reverse(5, None), "there is no payment 5 of credit");
        network.assert_verified();
        let changes = engine.changes(call, 0, Some("affiliate"), 100).unwrap();
        let actions: Vec<&str> = changes.iter().map(|row| row.action.as_str()).collect();
        assert_eq!(actions, ["credit_paid_out", "credit_paid_out", "credit_payout_reversed"]);
        let events = engine.events(call, &EventQuery { limit: 100, ..EventQuery::default() }).unwrap().events;
        let told: Vec<&str> = events.iter().map(|event| event.event_type.as_str()).filter(|t| t.starts_with("credit.")).collect();
        assert_eq!(told, ["credit.paid_out", "credit.paid_out", "credit.payout_reversed"]);

        // The next invoice of 50.00 uses what is left.
        network.at("2026-03-02");
        network.approve("b 1 1 2026-02-05 50.00");
        bill(&network, "2026-02-28");
        assert_eq!(shown(&network.engine.approve(&network.call, id(2), None).unwrap()), "partly_paid 5000 3500");
        network.assert_verified();
    }

    /// An advertiser that has paid 100.00 too much gets 25.00 of 60.00 back.
    fn credit_of_an_advertiser_is_sent_to_it(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-02");
        let record = network.record("a", 1, 1, "approved", "2026-01-05", "1.00");
        network.ingest(vec![ConversionRecord { revenue: Some("100.00".into()), ..record }]);
        let (engine, call) = (&network.engine, &network.call);
        engine.bill(call, &RunRequest::receivable_through(day("2026-01-31")), &mut |_| {}).unwrap();
        engine.pay(call, id(1), None, &amount("100")).unwrap();
        engine.credit_note(call, id(1), None, "60", "fraud").unwrap();
        let request = CreditPayoutRequest {
            amount: "25".into(), reference: "R-1".into(), rail: Some("wire".into()), ..CreditPayoutRequest::default()
        };
        assert_eq!(engine.pay_out_credit(call, PartyKind::Advertiser, 1, &request).unwrap().credit.to_decimal(), "35.00");
        assert_eq!(balances(&network), [
            "advertiser_receivable -35.00 USD", "clearing:wire 75.00 USD", "revenue -40.00 USD",
        ]);
        network.assert_verified();
    }

    /// 9.20 EUR are worth 10.12 USD at 1.10, and settle 10.00: 0.12 was lost on the way.
    fn a_payment_in_another_currency_says_what_it_settles(database) {
        let network = network(database);
        let (engine, call) = (&network.engine, &network.call);
        let eur = Some(Currency::parse("EUR").unwrap());
        let request = PaymentRequest { currency: eur, settles: Some("10".into()), ..amount("9.20") };
        let unsaid = PaymentRequest { settles: None, ..request.clone() };
        refused(engine.pay(call, id(1), None, &unsaid), "settles is missing");
        refused(engine.pay(call, id(1), None, &request), "there is no rate of EUR to USD");
        network.rates("2026-03-02,EUR,USD,1.10\n");
        refused(engine.pay(call, id(1), None, &PaymentRequest { settles: Some("10.01".into()), ..request.clone() }), "10.01");
        let own = PaymentRequest { settles: Some("10".into()), ..amount("10") };
        refused(engine.pay(call, id(1), None, &own), "so its amount says it");
        assert_eq!(shown(&engine.pay(call, id(1), None, &request).unwrap()), "paid 1000 1000");
        assert_eq!(balances(&network), [
            "affiliate_payable -25.00 USD", "clearing:wire -9.20 EUR", "commission_expense 35.00 USD",
            "exchange 9.20 EUR", "exchange -10.12 USD", "exchange_difference 0.12 USD",
        ]);
        network.assert_verified();
        refused(engine.return_payment(call, id(1), None, &back(1, Some("5"))), "comes back whole");
        engine.return_payment(call, id(1), None, &back(1, None)).unwrap();
        assert_eq!(balances(&network), ["affiliate_payable -35.00 USD", "commission_expense 35.00 USD"]);
        network.assert_verified();
    }

    fn a_payment_dated_before_the_period_is_refused(database) {
        let network = network(database);
        let (engine, call) = (&network.engine, &network.call);
        let on = |date: &str| PaymentRequest { day: Some(day(date)), ..amount("1") };
        refused(engine.pay(call, id(2), None, &on("2026-01-31")), "before the invoice's period, which starts on 2026-02-01");
        refused(engine.pay(call, id(2), None, &on("2026-03-03")), "in the future");
        engine.pay(call, id(2), None, &on("2026-02-01")).unwrap();
        network.assert_verified();
    }

    fn a_bounced_payment_of_a_void_invoice_is_no_credit_any_more(database) {
        let network = network(database);
        let (engine, call) = (&network.engine, &network.call);
        engine.pay(call, id(1), None, &amount("6")).unwrap();
        engine.void(call, id(1), None, VoidReason::Other, "").unwrap();
        engine.return_payment(call, id(1), None, &back(1, Some("2"))).unwrap();
        network.assert_verified();
        bill(&network, "2026-03-01");
        assert_eq!(shown(&engine.invoice(call, id(3)).unwrap()), "partly_paid 1000 400");
        refused(engine.return_payment(call, id(1), None, &back(1, None)), "only 0.00 of it is not used");
        network.assert_verified();
    }
}
