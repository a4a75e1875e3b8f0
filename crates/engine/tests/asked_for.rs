//! Invoices that somebody asks for by name: up to a sum, or with what they are to be for; each is issued whole or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_domain::money::Money;
use quittance_domain::period::Period;
use quittance_engine::billing::{AskedInvoice, ItemizedInvoice, SumRefusal};
use quittance_engine::invoices::{InvoiceEdit, Item, ItemizedRevision, Measure};
use quittance_testkit::{Network, both_databases, day};
use serde_json::json;

fn usd(text: &str) -> Money {
    Money::parse(text, Currency::parse("USD").unwrap()).unwrap()
}

fn network(database: &quittance_testkit::TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-01-31");
    network
}

fn import(network: &Network, file: &serde_json::Value) {
    network.engine.import_network(network.call.now, Some("test"), file).unwrap().unwrap();
}

both_databases! {
    fn a_sum_is_refused_with_its_reason_and_nothing_is_left_behind(database) {
        let network = network(database);
        import(&network, &json!({
            "network": { "require_payment_method": true },
            "currencies": [{ "code": "USD", "minimum_payment": "5" }],
            "payment_systems": [{ "id": 1, "title": "PP", "type": "paypal", "fields": [{ "id": 4, "label": "Email" }] }],
            "affiliates": [{ "id": 1, "payment_methods": [{ "system": 1 }] }, { "id": 2, "payment_methods": [{ "system": 1 }] }],
        }));
        network.approve("a 1 1 2026-01-03 4\nb 3 1 2026-01-03 40");
        let bill = |affiliate: i64, sum: &str| network.engine.bill_sum(&network.call, affiliate, usd(sum), "note").unwrap();
        assert_eq!(bill(1, "4.99"), Err(SumRefusal::BelowMinimum(usd("5"))));
        // Only 4.00 are there.
        assert_eq!(bill(1, "6"), Err(SumRefusal::BelowMinimum(usd("5"))));
        assert_eq!(bill(2, "6"), Err(SumRefusal::NothingUnbilled));
        assert_eq!(bill(3, "6"), Err(SumRefusal::NoPaymentMethod));
        assert!(network.engine.bill_sum(&network.call, 99, usd("6"), "").is_err());
        network.assert_verified();
        // What comes later counts: the refused ones have left no run that would go on as of then.
        network.approve("c 1 1 2026-01-04 2\nd 1 1 2026-01-05 9");
        let id = bill(1, "6").unwrap();
        let invoice = network.engine.invoice(&network.call, id).unwrap();
        let found = (invoice.billed_units, invoice.status.as_str(), invoice.internal_notes.as_str());
        assert_eq!(found, (6_000_000, "approved", "note"));
        network.assert_verified();
    }

    fn a_field_that_a_system_requires_now_is_missing(database) {
        let network = network(database);
        let system = |required: bool| json!({
            "network": { "require_payment_method": true },
            "payment_systems": [{
                "id": 1, "title": "PP", "type": "paypal",
                "fields": [{ "id": 4, "label": "Email" }, { "id": 5, "label": "Name", "required": required }],
            }],
        });
        import(&network, &system(false));
        import(&network, &json!({ "affiliates": [{ "id": 1, "payment_methods": [{ "system": 1, "fields": { "4": "x" } }] }] }));
        network.approve("a 1 1 2026-01-03 10");
        import(&network, &system(true));
        assert_eq!(network.engine.bill_sum(&network.call, 1, usd("6"), "").unwrap(), Err(SumRefusal::NoPaymentMethod));
        let run = quittance_engine::billing::RunRequest::payable_through(day("2026-01-31"));
        let report = network.engine.bill(&network.call, &run, &mut |_| {}).unwrap();
        assert_eq!((report.invoices(), report.skipped[0].reason.as_str()), (0, "no_payment_method"));
        let fields = json!({ "affiliates": [{ "id": 1, "payment_methods": [{ "system": 1, "fields": { "4": "x", "5": "Ann" } }] }] });
        import(&network, &fields);
        assert!(network.engine.bill_sum(&network.call, 1, usd("6"), "").unwrap().is_ok());
    }

    fn an_invoice_that_could_not_be_made_leaves_no_run_behind(database) {
        let network = network(database);
        network.approve("a 1 1 2026-01-03 10");
        let asked = |corrections: &[(&str, &str)]| AskedInvoice {
            kind: InvoiceKind::Payable,
            party_id: 1,
            currency: None,
            period: Period { start: day("2026-01-01"), end: day("2026-01-31") },
            edit: InvoiceEdit::default(),
            corrections: corrections.iter().map(|(amount, comment)| ((*amount).to_owned(), (*comment).to_owned())).collect(),
            settled: true,
        };
        // Below zero it cannot be paid.
        assert!(network.engine.issue_asked(&network.call, &asked(&[("-20", "too much")])).is_err());
        network.approve("b 1 1 2026-01-04 5");
        let invoice = network.engine.issue_asked(&network.call, &asked(&[])).unwrap();
        assert_eq!((invoice.invoice_id, invoice.billed_units), (InvoiceId::new(1), 15_000_000));
        network.assert_verified();
    }

    fn items_add_up_to_what_is_billed(database) {
        let network = network(database);
        network.approve("a 1 1 2026-01-03 10\nb 1 2 2026-01-04 4\nc 1 3 2026-01-05 1");
        let item = |offer_id: i64, amount: Option<&str>| Item {
            offer_id,
            measure: Measure::Clicks,
            quantity: None,
            amount: amount.map(str::to_owned),
            comment: None,
        };
        let asked = |items: Vec<Item>| ItemizedInvoice {
            kind: InvoiceKind::Payable,
            party_id: 1,
            currency: Currency::parse("USD").unwrap(),
            from: None,
            through: day("2026-01-31"),
            revision: ItemizedRevision { items: Some(items), ..ItemizedRevision::default() },
        };
        let items = vec![item(1, Some("12.50")), item(2, None), item(4, Some("3"))];
        let invoice = network.engine.issue_itemized(&network.call, &asked(items)).unwrap();
        let shown = |id: InvoiceId| {
            let items = network.engine.shown_items(&network.call, id).unwrap();
            items.into_iter().map(|i| (i.offer_id, i.quantity, i.amount.to_decimal())).collect::<Vec<_>>()
        };
        let of = |offer: i64, quantity: i64, amount: &str| (Some(offer), quantity, amount.to_owned());
        assert_eq!(shown(invoice.invoice_id), [of(1, 1, "12.50"), of(2, 1, "4.00"), of(4, 0, "3.00")]);
        assert_eq!(network.engine.invoice(&network.call, invoice.invoice_id).unwrap().billed_units, 19_500_000);
        // A correction by hand is a row of its own.
        network.engine.correct(&network.call, invoice.invoice_id, None, "-1", "by hand").unwrap();
        assert_eq!(shown(invoice.invoice_id)[3], (None, 0, "-1.00".to_owned()));
        // Offer 3 was not asked for, offer 2 is given back.
        let fewer = ItemizedRevision { items: Some(vec![item(1, Some("10"))]), ..ItemizedRevision::default() };
        network.engine.revise_itemized(&network.call, invoice.invoice_id, &fewer).unwrap();
        assert_eq!(shown(invoice.invoice_id), [of(1, 1, "10.00"), (None, 0, "-1.00".to_owned())]);
        let rest = ItemizedInvoice { revision: ItemizedRevision::default(), ..asked(Vec::new()) };
        let second = network.engine.issue_itemized(&network.call, &rest).unwrap();
        assert_eq!(shown(second.invoice_id), [of(2, 1, "4.00"), of(3, 1, "1.00")]);
        network.assert_verified();
        // A value that is wrong leaves nothing behind.
        let wrong = network.engine.issue_itemized(&network.call, &asked(vec![item(1, Some("1.234"))]));
        assert!(wrong.unwrap_err().to_string().starts_with("amount: "));
        assert!(network.engine.invoice(&network.call, InvoiceId::new(3)).is_err());
    }
}
