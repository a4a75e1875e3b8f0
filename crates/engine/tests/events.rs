//! Events: every change is told, once and in order, and nothing else is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use quittance_domain::ids::{InvoiceId, InvoiceKind, PartyKind, PaymentId};
use quittance_domain::invoice::VoidReason;
use quittance_engine::billing::RunRequest;
use quittance_engine::events::{Event, EventQuery, EventType, KEPT_DAYS};
use quittance_engine::invoices::{InvoiceEdit, PaymentRequest, ReturnRequest, TakeOffRequest};
use quittance_engine::webhooks::{NewWebhook, WebhookEdit, secret_of};
use quittance_testkit::{Network, TestDatabase, both_databases, day};
use serde_json::{Value, json};

fn id(id: i64) -> InvoiceId {
    InvoiceId::new(id)
}

/// Invoices 1 (12.50) and 2 (7.00) of affiliates 1 and 2, issued on 2026-02-01.
fn billed(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-01");
    network.approve("a1 1 1 2026-01-05 10.00\na2 1 1 2026-01-06 2.50\nb1 2 1 2026-01-31 7");
    network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
    network
}

fn all(network: &Network) -> Vec<Event> {
    let query = EventQuery { limit: 1_000, ..EventQuery::default() };
    network.engine.events(&network.call, &query).unwrap().events
}

fn types(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.event_type.as_str()).collect()
}

fn of_invoice(network: &Network, invoice: i64) -> Vec<Event> {
    let subject = Some(("invoice".to_owned(), invoice));
    let query = EventQuery { subject, limit: 1_000, ..EventQuery::default() };
    network.engine.events(&network.call, &query).unwrap().events
}

fn data(event: &Event) -> Value {
    serde_json::from_str(&event.data).unwrap()
}

fn pay(network: &Network, invoice: i64, amount: Option<&str>) {
    let request = PaymentRequest { amount: amount.map(str::to_owned), ..PaymentRequest::default() };
    network.engine.pay(&network.call, id(invoice), None, &request).unwrap();
}

both_databases! {
    fn a_month_tells_what_happened_in_its_order(database) {
        let network = billed(database);
        let (engine, call) = (&network.engine, &network.call);
        pay(&network, 1, Some("2.50"));
        pay(&network, 1, None);
        let back = ReturnRequest { payment: PaymentId::new(2), amount: None, day: None, reason: String::new() };
        engine.return_payment(call, id(1), None, &back).unwrap();
        engine.void(call, id(2), None, VoidReason::Other, "twice").unwrap();
        let events = all(&network);
        assert_eq!(types(&events), [
            "conversions.batch", "invoice.issued", "invoice.issued", "run.finished", "invoice.approved",
            "invoice.partly_paid", "invoice.paid", "invoice.payment_returned", "invoice.voided",
        ]);
        assert_eq!(events.iter().map(|event| event.event_id).collect::<Vec<_>>(), (1..=9).collect::<Vec<_>>());
        assert_eq!(data(&events[0]), json!({ "created": 3, "updated": 0 }));
        assert_eq!(events[0].subject_id, None);
        assert_eq!(data(&events[1]), json!({
            "invoice_id": 1, "number": 1, "kind": "payable", "affiliate_id": 1, "version": 1, "action": "issued",
            "status": "pending", "currency": "USD", "billed": "12.50", "paid": "0.00", "due_date": "2026-01-31",
        }));
        assert_eq!(data(&events[3]), json!({
            "run_id": 1, "kind": "payable", "through": "2026-01-31",
            "totals": [{ "currency": "USD", "invoices": 2, "amount": "19.50" }],
        }));
        let paid = data(&events[5]);
        assert_eq!((&paid["status"], &paid["paid"], &paid["version"]), (&json!("partly_paid"), &json!("2.50"), &json!(3)));
        assert_eq!(data(&events[7])["status"], "partly_paid");
        assert_eq!(events[8].happened_at, call.now);
    }

    fn each_row_of_an_invoices_history_is_told(database) {
        let mut network = billed(database);
        network.at("2026-02-02");
        let (engine, call) = (&network.engine, &network.call);
        let edit = InvoiceEdit { public_notes: Some("hello".into()), ..InvoiceEdit::default() };
        engine.edit(call, id(1), None, &edit).unwrap();
        engine.correct(call, id(1), None, "-1", "advance").unwrap();
        engine.remove_correction(call, id(1), None, 2).unwrap();
        engine.take_off(call, id(1), None, &TakeOffRequest::Conversions(vec!["a2".into()])).unwrap();
        network.approve("a3 1 1 2026-01-07 1.00");
        engine.sync(call, id(1), None).unwrap();
        engine.approve(call, id(1), None).unwrap();
        engine.unapprove(call, id(1), None).unwrap();
        pay(&network, 1, Some("1"));
        engine.reverse_payment(call, id(1), None, PaymentId::new(1), "a slip").unwrap();
        engine.write_off(call, id(1), None, "too small").unwrap();
        engine.credit_note(call, id(1), None, "1", "agreed").unwrap();
        let events = of_invoice(&network, 1);
        let versions: Vec<i64> = events.iter().map(|event| data(event)["version"].as_i64().unwrap()).collect();
        let history = engine.invoice_history(call, id(1)).unwrap();
        assert_eq!(versions, history.iter().map(|row| row.version).collect::<Vec<_>>());
        for (event, row) in events.iter().zip(&history) {
            assert_eq!((data(event)["action"].as_str(), event.happened_at), (Some(row.action.as_str()), row.happened_at));
        }
        assert_eq!(types(&events), [
            "invoice.issued", "invoice.edited", "invoice.corrected", "invoice.corrected", "invoice.taken_off",
            "invoice.synchronized", "invoice.approved", "invoice.unapproved", "invoice.approved", "invoice.partly_paid",
            "invoice.payment_returned", "invoice.paid", "invoice.credit_noted",
        ]);
    }

    fn an_invoice_that_a_correction_settles_is_told_to_be_paid(database) {
        let network = billed(database);
        pay(&network, 2, Some("6"));
        network.engine.correct(&network.call, id(2), None, "-1", "agreed").unwrap();
        let events = of_invoice(&network, 2);
        assert_eq!(types(&events), ["invoice.issued", "invoice.approved", "invoice.partly_paid", "invoice.corrected",
            "invoice.paid"]);
        assert_eq!(data(&events[4])["version"], data(&events[3])["version"]);
    }

    fn what_is_refused_tells_nothing_and_leaves_no_gap(database) {
        let network = billed(database);
        let before = all(&network).len();
        let much = PaymentRequest { amount: Some("1000".into()), ..PaymentRequest::default() };
        // It approves the invoice first, and takes that back when the payment is refused.
        network.engine.pay(&network.call, id(1), None, &much).unwrap_err();
        assert_eq!(all(&network).len(), before);
        network.engine.approve(&network.call, id(1), None).unwrap();
        assert_eq!(all(&network).last().unwrap().event_id, before as i64 + 1);
        // Saying again what is known is no event.
        network.approve("a1 1 1 2026-01-05 10.00");
        assert_eq!(all(&network).len(), before + 1);
    }

    fn an_overdue_invoice_is_told_once(database) {
        let mut network = billed(database);
        let due = InvoiceEdit { due_day: Some(day("2026-02-10")), ..InvoiceEdit::default() };
        network.engine.edit(&network.call, id(1), None, &due).unwrap();
        pay(&network, 2, None);
        let told = |network: &Network| network.engine.tell_overdue(&network.call).unwrap();
        network.at("2026-02-10");
        assert_eq!(told(&network), 0, "it can still be paid on its last day");
        network.at("2026-02-11");
        assert_eq!(told(&network), 1);
        let last = all(&network).pop().unwrap();
        assert_eq!((last.event_type.as_str(), last.subject_id), ("invoice.overdue", Some(1)));
        assert_eq!((&data(&last)["action"], &data(&last)["billed"]), (&json!("overdue"), &json!("12.50")));
        network.at("2026-03-11");
        assert_eq!(told(&network), 0);
        // The schedule looks, too.
        let bill = RunRequest::payable_through(day("2026-02-28"));
        network.approve("c1 3 1 2026-02-05 1.00");
        network.engine.bill(&network.call, &bill, &mut |_| {}).unwrap();
        network.engine.bill_due(&network.call, &mut |_| {}).unwrap();
        assert_eq!(types(&of_invoice(&network, 3)), ["invoice.issued", "invoice.overdue"]);
        network.assert_verified();
    }

    fn changes_of_parties_are_told_without_what_is_personal(database) {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let file = json!({ "payment_systems": [{ "id": 1, "title": "PayPal", "type": "paypal",
            "fields": [{ "id": 1, "label": "Address", "required": true }] }] });
        network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
        let methods = |account: &str| format!(
            r#"{{"id":2,"name":"Erika Musterfrau","email":"erika@example.com","payment_methods":[{{"system":1,"fields":{{"1":"{account}"}}}}]}}"#
        );
        network.set_party(PartyKind::Affiliate, &methods("erika@pay.example"));
        network.set_party(PartyKind::Affiliate, &methods("erika@pay.example"));
        network.set_party(PartyKind::Affiliate, &methods("other@pay.example"));
        network.approve("a 2 1 2026-01-05 10.00");
        network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
        pay(&network, 1, None);
        network.engine.erase_party(&network.call, PartyKind::Affiliate, 2).unwrap();
        let events = all(&network);
        let of_party: Vec<&Event> = events.iter().filter(|event| event.subject == "affiliate").collect();
        let said: Vec<_> = of_party.iter().map(|event| (event.event_type.as_str(), event.subject_id)).collect();
        let changed = ("party.payment_method_changed", Some(2));
        assert_eq!(said, [changed, changed, ("party.erased", Some(2))]);
        let shown = format!("{events:?}").to_lowercase();
        for personal in ["erika", "muster", "example", "pay."] {
            assert!(!shown.contains(personal), "{personal} in {shown}");
        }
    }

    fn pages_and_filters_leave_nothing_out(database) {
        let network = billed(database);
        for n in 0..30 {
            network.approve(&format!("x{n} 3 1 2026-01-20 1.00"));
        }
        network.engine.approve(&network.call, id(2), None).unwrap();
        let (mut after, mut seen) = (0, Vec::new());
        loop {
            let page = network.engine.events(&network.call, &EventQuery { after, limit: 7, ..EventQuery::default() }).unwrap();
            seen.extend(page.events);
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        assert_eq!(seen, all(&network));
        assert_eq!(seen.len(), 35);
        let types = vec![EventType::InvoiceApproved, EventType::RunFinished];
        let query = EventQuery { types, limit: 10, ..EventQuery::default() };
        let page = network.engine.events(&network.call, &query).unwrap();
        assert_eq!(page.events.iter().map(|event| event.event_id).collect::<Vec<_>>(), [4, 35]);
        assert_eq!(page.next, None);
        let first = network.engine.events(&network.call, &EventQuery { limit: 1, ..query.clone() }).unwrap();
        assert_eq!(first.next, Some(4));
        let second = network.engine.events(&network.call, &EventQuery { after: 4, ..query }).unwrap();
        assert_eq!(second.events.len(), 1);
    }

    fn a_reader_misses_nothing_that_others_write_meanwhile(database) {
        const WRITERS: usize = 4;
        const CHANGES: i64 = 25;
        let network = billed(database);
        let finished = AtomicUsize::new(0);
        let mut seen: Vec<i64> = Vec::new();
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let other = network.again(database.engine());
                let finished = &finished;
                scope.spawn(move || {
                    for n in 0..CHANGES {
                        match (writer, n % 2) {
                            (0 | 1, 0) => drop(other.engine.approve(&other.call, id(writer as i64 + 1), None).unwrap()),
                            (0 | 1, _) => drop(other.engine.unapprove(&other.call, id(writer as i64 + 1), None).unwrap()),
                            _ => drop(other.approve(&format!("w{writer}-{n} 3 1 2026-01-20 1.00"))),
                        }
                    }
                    finished.fetch_add(1, Ordering::SeqCst);
                });
            }
            loop {
                // Whether all was written is asked before the look, so that the last look sees the end.
                let over = finished.load(Ordering::SeqCst) == WRITERS;
                let after = seen.last().copied().unwrap_or(0);
                let query = EventQuery { after, limit: 10, ..EventQuery::default() };
                let page = network.engine.events(&network.call, &query).unwrap();
                seen.extend(page.events.iter().map(|event| event.event_id));
                if over && page.events.is_empty() {
                    break;
                }
            }
        });
        let count = 4 + WRITERS as i64 * CHANGES;
        assert_eq!(seen, (1..=count).collect::<Vec<_>>());
        network.assert_verified();
    }

    fn old_events_are_forgotten_but_not_before_a_webhook_has_them(database) {
        let mut network = billed(database);
        let new = NewWebhook { url: "https://hooks.example/q".into(), types: vec![], secret: secret_of(&[1; 32]) };
        let webhook = network.engine.create_webhook(&network.call, &new).unwrap();
        network.engine.approve(&network.call, id(1), None).unwrap();
        let days = |days: i64| quittance_domain::time::Timestamp::from_micros(network.call.now.micros() + days * 86_400_000_000);
        let (young, old) = (days(KEPT_DAYS), days(KEPT_DAYS + 1));
        assert_eq!(network.engine.purge_events(young).unwrap(), 0);
        assert_eq!(network.engine.purge_events(old).unwrap(), 4);
        assert_eq!(types(&all(&network)), ["invoice.approved"]);
        let off = WebhookEdit { active: Some(false), ..WebhookEdit::default() };
        network.engine.edit_webhook(&network.call, webhook.webhook_id, &off).unwrap();
        assert_eq!(network.engine.purge_events(old).unwrap(), 1);
        // Ids go on where they were.
        network.at("2026-02-02");
        network.engine.approve(&network.call, id(2), None).unwrap();
        assert_eq!(all(&network)[0].event_id, 6);
    }

    fn runs_of_several_batches_tell_each_invoice_once(database) {
        const PARTIES: i64 = 1_200;
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        network.engine.set_network(&network.call, &[("create_missing", "true"), ("auto_approve", "true")]).unwrap();
        network.approve(&(1..=PARTIES).map(|a| format!("c{a} {a} 1 2026-01-05 3.00\n")).collect::<String>());
        network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
        let (mut after, mut issued, mut approved) = (0, BTreeSet::new(), BTreeSet::new());
        loop {
            let query = EventQuery { after, limit: 1_000, ..EventQuery::default() };
            let page = network.engine.events(&network.call, &query).unwrap();
            for event in page.events.iter().filter(|event| event.subject == "invoice") {
                let new = if event.event_type == "invoice.issued" { &mut issued } else { &mut approved };
                assert!(new.insert(event.subject_id.unwrap()), "{event:?} was told before");
            }
            let Some(next) = page.next else { break };
            after = next;
        }
        assert_eq!((issued.len(), approved.len()), (1_200, 1_200));
        assert_eq!(network.engine.invoice(&network.call, id(PARTIES)).unwrap().book.kind, InvoiceKind::Payable);
    }
}
