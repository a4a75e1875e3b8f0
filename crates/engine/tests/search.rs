//! Searches for invoices against a plain test of each, invoices that are asked for, and changes of several together.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cmp::Reverse;

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, PartyKind};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::period::Period;
use quittance_engine::ErrorKind;
use quittance_engine::billing::AskedInvoice;
use quittance_engine::invoices::{
    BalanceBound, Invoice, InvoiceEdit, InvoiceFilter, InvoiceFind, PaymentRequest, Revision, Standing,
};
use quittance_testkit::{Dice, Network, both_databases, day};

fn period(start: &str, end: &str) -> Period {
    Period { start: day(start), end: day(end) }
}

fn asked(party_id: i64, start: &str, end: &str) -> AskedInvoice {
    AskedInvoice {
        kind: InvoiceKind::Payable,
        party_id,
        currency: None,
        period: period(start, end),
        edit: InvoiceEdit::default(),
        corrections: Vec::new(),
        settled: false,
    }
}

/// Invoices of chance: of every party, some hidden, paid, void, with terms, in two currencies.
fn network(engine: quittance_engine::Engine, seed: u64) -> Network {
    let mut network = Network::create(engine);
    network.set_party(PartyKind::Affiliate, r#"{"id":2,"name":"Google Ads"}"#);
    network.set_party(PartyKind::Affiliate, r#"{"id":3,"name":"google 100% _x"}"#);
    let mut dice = Dice::seeded(seed);
    for i in 0..60 {
        network.at(["2026-03-01", "2026-03-02", "2026-03-03"][dice.below(3_usize)]);
        let start = day("2026-01-01").plus_days(dice.below(20_u64) as i32);
        let request = AskedInvoice {
            currency: Some(Currency::parse(["USD", "BTC"][dice.below(2_usize)]).unwrap()),
            period: Period { start, end: start.plus_days(dice.below(10_u64) as i32) },
            edit: InvoiceEdit {
                hidden: Some(dice.below(2_u64) == 0),
                payment_terms_days: Some([0, 15, 30][dice.below(3_usize)]),
                ..InvoiceEdit::default()
            },
            corrections: vec![(["1", "2.50", "-3", "10"][dice.below(4_usize)].to_owned(), format!("c{i}"))],
            ..asked(1 + dice.below(3_u64) as i64, "2026-01-01", "2026-01-01")
        };
        let made = network.engine.issue_asked(&network.call, &request).unwrap();
        match dice.below(4_u64) {
            0 => drop(network.engine.pay(&network.call, made.invoice_id, None, &PaymentRequest::default())),
            // A part of it may have been paid before it is void.
            mark @ 1..=2 => {
                let part = PaymentRequest { amount: Some("0.25".into()), ..PaymentRequest::default() };
                if mark == 2 {
                    drop(network.engine.pay(&network.call, made.invoice_id, None, &part));
                }
                let void = Revision { standing: Some(Standing::Void), ..Revision::default() };
                drop(network.engine.revise(&network.call, InvoiceKind::Payable, &[made.invoice_id], &void));
            }
            _ => {}
        }
    }
    network.assert_verified();
    network
}

fn all(network: &Network) -> Vec<Invoice> {
    network.engine.invoices(&network.call, &InvoiceFilter::default(), 0, 1000).unwrap()
}

fn balance(invoice: &Invoice) -> i64 {
    if invoice.status == InvoiceStatus::Void { 0 } else { invoice.billed_units - invoice.paid_units }
}

/// Compares every page of a search and its sums with a plain test of each invoice.
fn compare(network: &Network, find: &InvoiceFind, wanted: impl Fn(&Invoice) -> bool) -> usize {
    let mut expected: Vec<Invoice> = all(network).into_iter().filter(wanted).collect();
    expected.sort_by_key(|invoice| Reverse((invoice.created_at, invoice.invoice_id)));
    let mut ids = Vec::new();
    for page in 0..=expected.len() as i64 / 7 + 1 {
        let found = network.engine.search_invoices(&network.call, find, (page * 7, 7)).unwrap();
        assert_eq!(found.total, expected.len() as i64, "{find:?}");
        ids.extend(found.invoices.iter().map(|listed| listed.invoice.invoice_id));
    }
    assert_eq!(ids, expected.iter().map(|invoice| invoice.invoice_id).collect::<Vec<_>>(), "{find:?}");
    let currencies: std::collections::BTreeSet<&str> = expected.iter().map(|i| i.book.currency.code()).collect();
    if currencies.len() == 1 {
        let sums = network.engine.sum_invoices(&network.call, find).unwrap();
        let billed: i64 = expected.iter().map(|invoice| invoice.billed_units).sum();
        let left: i64 = expected.iter().map(balance).sum();
        let paid: i64 = expected.iter().map(|invoice| invoice.paid_units).sum();
        assert_eq!((sums.billed.units(), sums.balance.units(), sums.paid.units()), (billed, left, paid));
        assert_eq!(sums.total, expected.len() as i64);
    }
    expected.len()
}

fn find(change: impl FnOnce(&mut InvoiceFind)) -> InvoiceFind {
    let mut find = InvoiceFind::of_kind(InvoiceKind::Payable);
    change(&mut find);
    find
}

both_databases! {
    fn every_filter_finds_what_a_plain_test_finds(database) {
        let seed = 20_261_121;
        println!("seed {seed}");
        let network = network(database.engine(), seed);
        let live = |i: &Invoice| i.status != InvoiceStatus::Void;
        let some = |count: usize| assert!(count > 0, "a search that finds nothing shows nothing");
        some(compare(&network, &find(|_| ()), live));
        some(compare(&network, &find(|f| f.search.standings = vec![Standing::Open]), |i| live(i) && balance(i) != 0));
        some(compare(&network, &find(|f| f.search.standings = vec![Standing::Settled]), |i| live(i) && balance(i) == 0));
        some(compare(&network, &find(|f| f.search.standings = vec![Standing::Void]), |i| !live(i)));
        assert!(all(&network).iter().any(|i| !live(i) && i.paid_units > 0), "a void invoice on which something was paid");
        let open_or_void = |f: &mut InvoiceFind| f.search.standings = vec![Standing::Open, Standing::Void];
        some(compare(&network, &find(open_or_void), |i| !live(i) || balance(i) != 0));
        let hidden_void = |f: &mut InvoiceFind| (f.search.standings, f.search.hidden) = (vec![Standing::Void], Some(true));
        some(compare(&network, &find(hidden_void), |i| !live(i) && i.hidden));
        // Nothing is left to pay of what is void.
        let above = |f: &mut InvoiceFind| {
            f.search.standings = vec![Standing::Void];
            f.search.balance_above = Some(BalanceBound { units_6: 0, units_8: 0 });
        };
        assert_eq!(compare(&network, &find(above), |_| false), 0);
        some(compare(&network, &find(|f| f.search.hidden = Some(true)), |i| live(i) && i.hidden));
        some(compare(&network, &find(|f| f.search.payment_terms_days = Some(vec![15, 99])), |i| live(i) && i.payment_terms_days == Some(15)));
        some(compare(&network, &find(|f| f.search.starts_from = Some(day("2026-01-11"))), |i| live(i) && i.period.start >= day("2026-01-11")));
        some(compare(&network, &find(|f| f.search.ends_through = Some(day("2026-01-09"))), |i| live(i) && i.period.end <= day("2026-01-09")));
        some(compare(&network, &find(|f| f.search.parties = Some(vec![1, 3])), |i| live(i) && i.book.party_id != 2));
        some(compare(&network, &find(|f| f.search.ids = Some(vec![5, 6, 7, 8, 999])), |i| live(i) && (5..=8).contains(&i.invoice_id.get())));
        let units = |i: &Invoice, amount: i64| amount * 10_i64.pow(i.book.currency.billing_digits());
        let bound = |amount: i64| Some(BalanceBound { units_6: amount * 1_000_000, units_8: amount * 100_000_000 });
        some(compare(&network, &find(|f| f.search.balance_above = bound(1)), |i| live(i) && balance(i) > units(i, 1)));
        some(compare(&network, &find(|f| f.search.balance_below = bound(1)), |i| live(i) && balance(i) < units(i, 1)));
        some(compare(&network, &find(|f| { f.search.balance_above = bound(-3); f.search.balance_below = bound(10); f.search.hidden = Some(false); }),
            |i| live(i) && balance(i) > units(i, -3) && balance(i) < units(i, 10) && !i.hidden));
        // Words: a part of a name, a party's id, an invoice's id; wild cards are letters like any other.
        some(compare(&network, &find(|f| f.words = vec!["GOOGLE".into()]), |i| live(i) && i.book.party_id != 1));
        some(compare(&network, &find(|f| f.words = vec!["% _".into()]), |i| live(i) && i.book.party_id == 3));
        some(compare(&network, &find(|f| f.words = vec!["2".into()]), |i| live(i) && (i.book.party_id == 2 || i.invoice_id.get() == 2)));
        some(compare(&network, &find(|f| { f.words = vec!["google".into()]; f.search.parties = Some(vec![1, 2]); }), |i| live(i) && i.book.party_id == 2));
        assert_eq!(compare(&network, &find(|f| f.words = vec!["nobody".into()]), |_| false), 0);
        assert_eq!(compare(&network, &find(|f| f.managers = Some(vec![3])), |_| false), 0);
    }

    fn an_asked_invoice_bills_its_period_and_may_bill_nothing(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-03-01");
        network.approve("a1 1 1 2026-01-05 10.00\na2 1 2 2026-01-20 2.50\na3 1 1 2026-02-05 7");
        let request = AskedInvoice {
            edit: InvoiceEdit { public_notes: Some("hello".into()), ..InvoiceEdit::default() },
            corrections: vec![("1.50".into(), "bonus".into())],
            settled: true,
            ..asked(1, "2026-01-01", "2026-01-31")
        };
        let made = network.engine.issue_asked(&network.call, &request).unwrap();
        assert_eq!((made.billed_units, made.paid_units, made.status), (14_000_000, 14_000_000, InvoiceStatus::Paid));
        assert_eq!((made.period, made.public_notes.as_str()), (period("2026-01-01", "2026-01-31"), "hello"));
        // What is billed is billed: the same again is an invoice of nothing.
        let again = network.engine.issue_asked(&network.call, &asked(1, "2026-01-01", "2026-01-31")).unwrap();
        assert_eq!((again.billed_units, again.status), (0, InvoiceStatus::Pending));
        let nobody = network.engine.issue_asked(&network.call, &asked(99, "2026-01-01", "2026-01-31"));
        assert_eq!(nobody.unwrap_err().kind(), ErrorKind::Invalid);
        let bad = AskedInvoice { corrections: vec![("0.001".into(), String::new())], ..asked(2, "2026-01-01", "2026-01-31") };
        assert_eq!(network.engine.issue_asked(&network.call, &bad).unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(all(&network).len(), 2);
        network.assert_verified();
    }

    fn invoices_are_changed_together_or_not_at_all(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-03-01");
        let make = |amount: &str| {
            let request = AskedInvoice { corrections: vec![(amount.into(), String::new())], ..asked(1, "2026-01-01", "2026-01-31") };
            network.engine.issue_asked(&network.call, &request).unwrap().invoice_id
        };
        let ids = [make("5"), make("6"), make("-1")];
        let to = |standing| Revision { standing: Some(standing), ..Revision::default() };
        let revise = |ids: &[InvoiceId], standing| network.engine.revise(&network.call, InvoiceKind::Payable, ids, &to(standing));
        // The third cannot be paid, so none is.
        assert_eq!(revise(&ids, Standing::Settled).unwrap_err().kind(), ErrorKind::Conflict);
        assert!(all(&network).iter().all(|invoice| invoice.paid_units == 0));
        assert!(revise(&ids[..2], Standing::Settled).unwrap().iter().all(|invoice| invoice.status == InvoiceStatus::Paid));
        assert_eq!(revise(&ids[..2], Standing::Settled).unwrap().len(), 2, "what is so already stays so");
        assert_eq!(revise(&ids[..1], Standing::Open).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(revise(&ids[2..], Standing::Void).unwrap()[0].status, InvoiceStatus::Void);
        assert_eq!(revise(&ids[2..], Standing::Void).unwrap_err().kind(), ErrorKind::Conflict);
        let other = network.engine.revise(&network.call, InvoiceKind::Receivable, &ids[..1], &Revision::default());
        assert_eq!(other.unwrap_err().kind(), ErrorKind::NotFound);
        network.assert_verified();
    }

    fn what_was_there_before_is_found_by_its_totals_after_the_migration(database) {
        let network = network(database.engine(), 5);
        let store = network.engine.store();
        store.run_sql("UPDATE invoices SET billed_units = 0, balance_units = 0, standing = 0; DELETE FROM invoice_sums").unwrap();
        let migration = include_str!("../../store/migrations/0005.sql");
        let fills: Vec<&str> =
            migration.split(";\n").map(str::trim).filter(|s| s.starts_with("UPDATE") || s.starts_with("INSERT")).collect();
        assert_eq!(fills.len(), 4);
        fills.into_iter().for_each(|fill| store.run_sql(fill).unwrap());
        // That gave void invoices the balance of others, which a later one takes away.
        let off = || network.engine.verify(&network.call, true).unwrap().iter().filter(|report| !report.ok()).count();
        assert_eq!(off(), 1);
        let later = include_str!("../../store/migrations/0020.sql");
        later.split(";\n").map(str::trim).filter(|s| !s.is_empty()).for_each(|fill| store.run_sql(fill).unwrap());
        assert_eq!(off(), 0);
    }

    fn verify_tells_totals_that_are_not_their_rows(database) {
        let network = network(database.engine(), 3);
        network.engine.store().run_sql("UPDATE invoices SET balance_units = balance_units + 1 WHERE invoice_id = 7").unwrap();
        let reports = network.engine.verify(&network.call, true).unwrap();
        let found = &reports.iter().find(|report| report.id == "I4").unwrap().violations;
        assert!(found.iter().any(|text| text.starts_with("invoice 7:")), "{found:?}");
        assert_eq!(found.len(), 2, "the invoice and the sum that it is in: {found:?}");
    }
}
