//! Lists that can be entered anywhere, parties one by one, conversions changed by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::conversion::ConversionStatus;
use quittance_domain::ids::{InvoiceId, InvoiceKind, PartyKind};
use quittance_domain::invoice::{InvoiceStatus, VoidReason};
use quittance_engine::ErrorKind;
use quittance_engine::billing::RunRequest;
use quittance_engine::ingest::{ConversionEdit, ConversionFilter};
use quittance_engine::invoices::{Invoice, InvoiceFilter, InvoiceQuery, PaymentRequest};
use quittance_engine::parties::PartyFilter;
use quittance_engine::reference::OfferFilter;
use quittance_testkit::{Network, both_databases, day};
use serde_json::{Map, Value, json};

/// A network with invoices of both kinds, among whose ids are those of totals that were given up.
fn network(engine: quittance_engine::Engine) -> Network {
    let mut network = Network::create(engine);
    network.engine.set_network(&network.call, &[("first_invoice_id", "100"), ("carry_negatives", "false")]).unwrap();
    network.at("2026-04-01");
    let bill = |network: &Network, through: &str| {
        network.engine.bill(&network.call, &RunRequest::payable_through(day(through)), &mut |_| {}).unwrap();
        network.engine.bill(&network.call, &RunRequest::receivable_through(day(through)), &mut |_| {}).unwrap();
    };
    let record = |id: &str, affiliate, status: &str, day: &str, payout: &str| {
        let record = network.record(id, affiliate, 1, status, day, payout);
        quittance_domain::conversion::ConversionRecord { revenue: Some("9".into()), ..record }
    };
    let all = |status: &str| (1..=5).map(|a| record(&format!("j{a}"), a, status, "2026-01-10", "5")).collect();
    network.ingest(all("approved"));
    bill(&network, "2026-01-31");
    // February brings nothing but the reversal of four: four totals are given up, in a row.
    network.ingest((1..=4).map(|a| record(&format!("j{a}"), a, "rejected", "2026-01-10", "5")).collect());
    bill(&network, "2026-02-28");
    network.ingest((1..=5).map(|a| record(&format!("m{a}"), a, "approved", "2026-03-10", "7")).collect());
    bill(&network, "2026-03-31");
    network
}

fn all(network: &Network) -> Vec<Invoice> {
    network.engine.invoices(&network.call, &InvoiceFilter::default(), 0, 1000).unwrap()
}

/// The ids that a list shows from a place on, page by page.
fn ids(network: &Network, query: &InvoiceQuery, offset: i64) -> (Vec<i64>, i64) {
    let list = network.engine.find_invoices(&network.call, query, offset).unwrap();
    let mut ids = Vec::new();
    let mut next = list.first;
    while let Some(first) = next {
        let page = network.engine.list_invoices(&network.call, query, first, 2).unwrap();
        ids.extend(page.iter().map(|row| row.invoice.invoice_id.get()));
        next = page.last().map(|row| InvoiceId::new(row.invoice.invoice_id.get() + 1));
    }
    (ids, list.total)
}

/// Compares a list with what a plain test of each invoice finds, from every place.
fn check_list(network: &Network, query: &InvoiceQuery, wanted: impl Fn(&Invoice) -> bool) {
    let expected: Vec<i64> = all(network).iter().filter(|i| wanted(i)).map(|i| i.invoice_id.get()).collect();
    for offset in 0..=expected.len() + 1 {
        let rest = expected[offset.min(expected.len())..].to_vec();
        assert_eq!(ids(network, query, offset as i64), (rest, expected.len() as i64), "{query:?} from {offset}");
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

both_databases! {
    fn a_list_is_entered_at_any_place(database) {
        let network = network(database.engine());
        let count = all(&network).len() as i64;
        let last = all(&network).last().unwrap().invoice_id.get();
        assert!(last - 99 > count, "some ids are of totals that were given up");
        let (paid, void) = (all(&network)[0].invoice_id, all(&network)[1].invoice_id);
        network.engine.pay(&network.call, paid, None, &PaymentRequest::default()).unwrap();
        network.engine.void(&network.call, void, None, VoidReason::Deleted, "").unwrap();
        let none = InvoiceQuery::default();
        check_list(&network, &none, |_| true);
        for kind in [InvoiceKind::Payable, InvoiceKind::Receivable] {
            check_list(&network, &InvoiceQuery { kind: Some(kind), ..none.clone() }, |i| i.book.kind == kind);
        }
        let party = InvoiceQuery { kind: Some(InvoiceKind::Payable), party_id: Some(5), ..none.clone() };
        check_list(&network, &party, |i| i.book.kind == InvoiceKind::Payable && i.book.party_id == 5);
        let some = InvoiceQuery { ids: Some(vec![last, 100, 7]), ..none.clone() };
        check_list(&network, &some, |i| [last, 100].contains(&i.invoice_id.get()));
        check_list(&network, &InvoiceQuery { ids: Some(Vec::new()), ..none.clone() }, |_| false);
        let open = vec![InvoiceStatus::Pending, InvoiceStatus::Void];
        check_list(&network, &InvoiceQuery { statuses: open.clone(), ..none.clone() }, |i| open.contains(&i.status));
        let march = InvoiceQuery { ends_from: Some(day("2026-03-31")), ends_through: Some(day("2026-03-31")), ..none.clone() };
        check_list(&network, &march, |i| i.period.end == day("2026-03-31"));
        check_list(&network, &InvoiceQuery { deleted: Some(true), ..none.clone() }, |i| i.invoice_id == void);
        check_list(&network, &InvoiceQuery { deleted: Some(false), ..none.clone() }, |i| i.invoice_id != void);
        check_list(&network, &InvoiceQuery { hidden: Some(true), ..none.clone() }, |_| false);
        check_list(&network, &InvoiceQuery { created_before: Some(network.call.now), ..none.clone() }, |_| false);
        check_list(&network, &InvoiceQuery { created_from: Some(network.call.now), ..none }, |_| true);
    }

    fn a_row_shows_when_it_was_approved_and_how_it_is_paid(database) {
        let network = network(database.engine());
        let file = json!({
            "payment_systems": [{ "id": 3, "title": "Bank", "type": "wire" }, { "id": 4, "title": "PayPal", "type": "paypal" }],
            "affiliates": [{ "id": 5, "billing_cycle": "Net 30", "payment_methods": [{ "system": 3 }] }],
        });
        network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
        let query = InvoiceQuery { kind: Some(InvoiceKind::Payable), party_id: Some(5), ..InvoiceQuery::default() };
        let rows = || network.engine.list_invoices(&network.call, &query, InvoiceId::new(0), 10).unwrap();
        let (first, second) = (rows()[0].invoice.invoice_id, rows()[1].invoice.invoice_id);
        let shown = |i: usize| {
            let row = rows().remove(i);
            (row.approved_at, row.billing_cycle.unwrap(), row.payment_type.unwrap(), row.system.unwrap().title)
        };
        let texts = |rail: &str, title: &str| ("Net 30".to_owned(), rail.to_owned(), title.to_owned());
        let (cycle, rail, title) = texts("wire", "Bank");
        assert_eq!(shown(0), (None, cycle.clone(), rail.clone(), title.clone()));
        network.engine.approve(&network.call, second, None).unwrap();
        assert_eq!(shown(1).0, Some(network.call.now));
        network.engine.unapprove(&network.call, second, None).unwrap();
        assert_eq!(shown(1).0, None);
        // What was paid stays as it was paid when the method changes.
        let by_wire = PaymentRequest { rail: Some("wire".into()), ..PaymentRequest::default() };
        network.engine.pay(&network.call, first, None, &by_wire).unwrap();
        let entry = object(json!({ "payment_methods": [{ "system": 4 }] }));
        network.engine.update_party(&network.call, PartyKind::Affiliate, 5, &entry).unwrap();
        assert_eq!(shown(0), (Some(network.call.now), cycle.clone(), rail, "PayPal".to_owned()));
        assert_eq!(shown(1), (None, cycle, "paypal".to_owned(), "PayPal".to_owned()));
    }

    fn parties_are_made_and_changed_by_the_rules_of_the_file(database) {
        let network = network(database.engine());
        let file = json!({
            "managers": [{ "id": 3, "name": "Dana" }],
            "currencies": [{ "code": "EUR", "minimum_payment": "20" }],
            "payment_systems": [{ "id": 4, "title": "PayPal", "type": "paypal", "fields": [{ "id": 1, "label": "Email", "required": true }] }],
        });
        network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
        let (engine, call, kind) = (&network.engine, &network.call, PartyKind::Affiliate);
        let entry = object(json!({
            "name": "50%_off! Ltd", "manager": 3, "status": "pending", "website": "https://a.example", "phone": "+49 1",
            "country": "DE", "email": "a@a.example", "billing_cycle": "weekly", "minimum_payment": "12.50", "currency": "EUR",
            "notes": "calls\nlate", "payment_methods": [{ "system": 4, "main": true, "fields": { "1": "p@a.example" } }],
            "referrer": { "affiliate": 2, "percent": "5" },
        }));
        let made = engine.create_party(call, kind, &entry).unwrap();
        assert_eq!((made.row.party.party_id, made.row.party.status.as_str()), (6, "pending"));
        assert_eq!(made.row.profile.notes.as_deref(), Some("calls\nlate"));
        assert_eq!(made.methods[0].details["1"], "p@a.example");
        assert_eq!(made.methods[0].system.as_ref().unwrap().title, "PayPal");
        assert_eq!(made.row.created_at, call.now);
        let change = object(json!({ "status": "active", "phone": "" }));
        let changed = engine.update_party(call, kind, 6, &change).unwrap();
        assert_eq!((changed.row.party.status.as_str(), changed.row.profile.phone), ("active", None));
        assert_eq!(changed.row.party.minimum_units, Some(12_500_000));
        for (entry, field) in [
            (json!({ "status": "open" }), "status"),
            (json!({ "manager": 9 }), "manager"),
            (json!({ "nam": "x" }), "nam"),
            (json!({ "referrer": { "affiliate": 6, "percent": "5" } }), "referrer.affiliate"),
            (json!({ "payment_methods": [{ "system": 4 }] }), "payment_methods[0].fields"),
        ] {
            let error = engine.update_party(call, kind, 6, &object(entry)).unwrap_err();
            assert!(matches!(&error, quittance_engine::Error::Invalid { field: f, .. } if f == field), "{error:?}");
        }
        assert_eq!(engine.create_party(call, kind, &Map::new()).unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(engine.update_party(call, kind, 7, &change).unwrap_err().kind(), ErrorKind::NotFound);
        let history = engine.store().read(|tx| quittance_store::changes::after(tx, call.network, 0, Some("affiliate"), 10)).unwrap();
        let said: Vec<(String, Value)> =
            history.iter().map(|row| (row.action.clone(), serde_json::from_str(&row.details).unwrap())).collect();
        assert_eq!(said[0].0, "created");
        assert_eq!(said[1], ("updated".to_owned(), json!({ "status": { "from": "pending", "to": "active" }, "phone": "changed" })));
        assert!(history.iter().all(|row| !row.details.contains("a.example")), "what is personal is not in the history");
        engine.erase_party(call, kind, 6).unwrap();
        let erased = engine.party(call, kind, 6).unwrap();
        // Who has referred it is no personal data, and what is still owed for it goes by it.
        let quittance_engine::parties::Profile { website, phone, country, notes, .. } = erased.row.profile;
        assert_eq!((website, phone, country, notes), (None, None, None, None));
        assert_eq!((erased.row.party.email, erased.methods[0].details.len()), (None, 0));
    }

    fn parties_are_found_by_what_is_known_of_them(database) {
        let network = network(database.engine());
        let (engine, call, kind) = (&network.engine, &network.call, PartyKind::Affiliate);
        let entry = |name: &str| object(json!({ "name": name, "status": "inactive" }));
        engine.create_party(call, kind, &entry("50%_off! Ltd")).unwrap();
        let find = |filter: PartyFilter, page| {
            let page = engine.parties(call, kind, &filter, page).unwrap();
            (page.parties.iter().map(|row| row.party.party_id).collect::<Vec<_>>(), page.total)
        };
        let named = |part: &str| PartyFilter { name_part: Some(part.to_owned()), ..PartyFilter::default() };
        assert_eq!(find(PartyFilter::default(), (4, 10)), (vec![5, 6], 6));
        assert_eq!(find(PartyFilter::default(), (0, 2)), (vec![1, 2], 6));
        assert_eq!(find(PartyFilter { after: 4, ..PartyFilter::default() }, (0, 1)), (vec![5], 2));
        assert_eq!(find(named("AFFILIATE"), (0, 9)), (vec![1, 2, 3, 4, 5], 5));
        assert_eq!(find(named("%_OFF!"), (0, 9)), (vec![6], 1));
        assert_eq!(find(named("_f"), (0, 9)), (vec![], 0));
        assert_eq!(find(PartyFilter { status: Some("inactive".into()), ..PartyFilter::default() }, (0, 9)), (vec![6], 1));
        assert_eq!(find(PartyFilter { id: Some(3), ..PartyFilter::default() }, (0, 9)), (vec![3], 1));
        assert_eq!(find(PartyFilter { manager_id: Some(3), ..PartyFilter::default() }, (0, 9)), (vec![], 0));
        // Affiliate 5 was billed 5 in January and 7 in March; a further 2 are not billed.
        network.approve("x 5 1 2026-03-31 2");
        let first = network.engine.list_invoices(call, &InvoiceQuery { kind: Some(InvoiceKind::Payable), party_id: Some(5), ..InvoiceQuery::default() }, InvoiceId::new(0), 1);
        let part = PaymentRequest { amount: Some("3".into()), ..PaymentRequest::default() };
        engine.pay(call, first.unwrap()[0].invoice.invoice_id, None, &part).unwrap();
        let balance = engine.party(call, kind, 5).unwrap().balances[0];
        let figures = [balance.billed, balance.paid, balance.balance, balance.credit, balance.unbilled];
        assert_eq!(figures.map(|money| money.to_decimal()), ["12.00", "3.00", "9.00", "0.00", "2.00"]);
        let offers = engine.offers(call, &OfferFilter { advertiser_id: Some(1), ..OfferFilter::default() }, (1, 2)).unwrap();
        assert_eq!((offers.offers.iter().map(|offer| offer.offer_id).collect::<Vec<_>>(), offers.total), (vec![2, 3], 4));
    }

    fn changes_by_hand_stay_until_the_tracker_says_something_new(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let lines = "a 1 1 2026-01-05 10\nb 1 1 2026-01-06 4\nc 2 2 2026-01-07 1";
        network.approve(lines);
        network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
        let edit = |payout: &str| ConversionEdit { payout: Some(payout.into()), ..ConversionEdit::default() };
        let commented = ConversionEdit { comment: Some("late".into()), revenue: Some("3".into()), ..edit("6.5") };
        let rejected = ConversionEdit { status: Some(ConversionStatus::Rejected), ..ConversionEdit::default() };
        let edits = [("b".to_owned(), rejected), ("nobody".to_owned(), edit("1")), ("a".to_owned(), commented), ("c".to_owned(), edit("1"))];
        let report = network.engine.edit_conversions(&network.call, &edits).unwrap();
        let changed: Vec<&str> = report.changed.iter().map(|state| &*state.known.conversion.conversion_id).collect();
        assert_eq!((changed, report.unchanged, report.unknown), (vec!["a", "b"], vec!["c".to_owned()], vec!["nobody".to_owned()]));
        network.assert_verified();
        // The same again from the tracker changes nothing: 10 - 6.5 and 4 are taken back on the next invoice.
        assert_eq!(network.approve(lines).counts.unchanged, 3);
        let known = |id: &str| network.engine.conversions_by_ids(&network.call, &[id]).unwrap().remove(0).known;
        assert_eq!((known("a").conversion.payout.to_decimal(), known("a").conversion.revenue.to_decimal()), ("6.50".into(), "3.00".into()));
        assert_eq!(known("a").conversion.texts[quittance_domain::conversion::COMMENT].as_deref(), Some("late"));
        let balance = network.engine.party(&network.call, PartyKind::Affiliate, 1).unwrap().balances[0];
        assert_eq!(balance.unbilled.to_decimal(), "-7.50");
        // Back to what was received: it is no change any more, and news replace it.
        network.engine.edit_conversions(&network.call, &[("a".to_owned(), edit("10"))]).unwrap();
        assert_eq!(known("a").received.unwrap().payout, None);
        assert_eq!(network.approve("a 1 1 2026-01-05 11\nb 1 1 2026-01-06 5").counts.updated, 2);
        assert_eq!((known("a").received, known("b").received), (None, None));
        assert_eq!((known("a").conversion.payout.to_decimal(), known("b").conversion.status), ("11.00".into(), ConversionStatus::Approved));
        network.assert_verified();
        // Another currency needs its amount, and both are given back when the tracker has news.
        let euro = Some(quittance_domain::currency::Currency::parse("EUR").unwrap());
        let alone = ConversionEdit { payout_currency: euro, ..ConversionEdit::default() };
        let refused = network.engine.edit_conversions(&network.call, &[("a".to_owned(), alone)]).unwrap_err();
        assert!(refused.to_string().contains("payout is missing"), "{refused}");
        let other = ConversionEdit { payout_currency: euro, sale_amount: Some("99.5".into()), ..edit("9") };
        network.engine.edit_conversions(&network.call, &[("a".to_owned(), other)]).unwrap();
        let amount = |money: quittance_domain::money::Money| format!("{} {}", money.to_decimal(), money.currency());
        assert_eq!(amount(known("a").conversion.payout), "9.00 EUR");
        let received = known("a").received.unwrap();
        assert_eq!((amount(received.payout.unwrap()), received.sale_amount), ("11.00 USD".into(), Some(None)));
        network.assert_verified();
        assert_eq!(network.approve("a 1 1 2026-01-05 11").counts.unchanged, 1);
        assert_eq!(network.approve("a 1 1 2026-01-05 12").counts.updated, 1);
        assert_eq!((amount(known("a").conversion.payout), known("a").received), ("12.00 USD".into(), None));
        network.assert_verified();
        let twice = [("a".to_owned(), edit("1")), ("a".to_owned(), edit("2"))];
        assert_eq!(network.engine.edit_conversions(&network.call, &twice).unwrap_err().kind(), ErrorKind::Invalid);
        let wrong = network.engine.edit_conversions(&network.call, &[("a".to_owned(), edit("1,5"))]).unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::Invalid);
    }

    fn conversions_are_listed_by_day(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        network.approve("d 1 2 2026-01-06 1\na 1 1 2026-01-06 1\nb 2 1 2026-01-06 1\nc 1 1 2026-01-07 1\nz 1 1 2026-01-08 1");
        network.ingest(vec![network.record("p", 1, 1, "pending", "2026-01-05", "1")]);
        let filter = ConversionFilter::of_days(day("2026-01-05"), day("2026-01-07"));
        let list = |filter: ConversionFilter, page| {
            let list = network.engine.conversions(&network.call, &filter, page).unwrap();
            let ids: Vec<String> = list.conversions.iter().map(|s| s.known.conversion.conversion_id.to_string()).collect();
            (ids.join(" "), list.total)
        };
        assert_eq!(list(filter.clone(), (0, 10)), ("p a b d c".into(), 5));
        assert_eq!(list(filter.clone(), (1, 2)), ("a b".into(), 5));
        assert_eq!(list(ConversionFilter { affiliate_id: Some(2), ..filter.clone() }, (0, 9)), ("b".into(), 1));
        assert_eq!(list(ConversionFilter { offer_id: Some(2), ..filter.clone() }, (0, 9)), ("d".into(), 1));
        assert_eq!(list(ConversionFilter { advertiser_id: Some(2), ..filter.clone() }, (0, 9)), (String::new(), 0));
        assert_eq!(list(ConversionFilter { statuses: vec![ConversionStatus::Pending], ..filter.clone() }, (0, 9)), ("p".into(), 1));
        let year = ConversionFilter { from: day("2025-01-01"), through: day("2026-01-03"), ..filter.clone() };
        assert!(network.engine.conversions(&network.call, &year, (0, 1)).is_err());
    }
}
