//! Webhooks without a network: what is sent when, and what comes of it. The clock is moved by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use quittance_domain::ids::InvoiceId;
use quittance_domain::time::Timestamp;
use quittance_engine::billing::RunRequest;
use quittance_engine::events::{EventQuery, EventType};
use quittance_engine::webhooks::{
    Attempt, Delivery, DeliveryState, NewWebhook, Outcome, ReplayFrom, Transport, WebhookEdit, secret_of,
};
use quittance_engine::{Engine, ErrorKind};
use quittance_testkit::{Network, TestDatabase, both_databases, day};
use serde_json::Value;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;

/// Answers each attempt as it was told, and remembers them.
struct Receiver<F> {
    answer: F,
    received: Mutex<Vec<Attempt>>,
}

impl<F: Fn(&Attempt) -> u16 + Send + Sync> Receiver<F> {
    fn new(answer: F) -> Receiver<F> {
        Receiver { answer, received: Mutex::new(Vec::new()) }
    }

    /// The events that it has received, in order: each with whether it took it.
    fn events(&self) -> Vec<(i64, bool)> {
        let received = self.received.lock().unwrap();
        received.iter().map(|attempt| (attempt.claimed.event_id, (self.answer)(attempt) == 200)).collect()
    }

    fn taken(&self) -> Vec<i64> {
        self.events().into_iter().filter(|(_, taken)| *taken).map(|(event, _)| event).collect()
    }
}

impl<F: Fn(&Attempt) -> u16 + Send + Sync> Transport for Receiver<F> {
    fn send(&self, attempt: &Attempt) -> Outcome {
        self.received.lock().unwrap().push(attempt.clone());
        Outcome::Answered((self.answer)(attempt))
    }
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// Sends what is due at an instant until nothing is.
fn work(engine: &Engine, now: Timestamp, transport: &dyn Transport) {
    for turn in 0.. {
        let attempts = engine.claim_deliveries(now, 16, turn).unwrap();
        if attempts.is_empty() {
            return;
        }
        for attempt in &attempts {
            let outcome = transport.send(attempt);
            engine.record_attempt(attempt, &outcome, now).unwrap();
        }
    }
}

/// A network with invoices 1 and 2, whose events so far (4 of them) are before the webhooks.
fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-01");
    network.approve("a1 1 1 2026-01-05 10.00\nb1 2 1 2026-01-31 7");
    network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
    network
}

fn hook(network: &Network, types: &[EventType]) -> i64 {
    let new = NewWebhook { url: "https://hooks.example/in".into(), types: types.to_vec(), secret: secret_of(&[9; 32]) };
    network.engine.create_webhook(&network.call, &new).unwrap().webhook_id
}

/// Two events of an invoice.
fn back_and_forth(network: &Network, invoice: i64) {
    network.engine.approve(&network.call, InvoiceId::new(invoice), None).unwrap();
    network.engine.unapprove(&network.call, InvoiceId::new(invoice), None).unwrap();
}

fn deliveries(network: &Network, webhook: i64, state: Option<DeliveryState>) -> Vec<Delivery> {
    let mut found = network.engine.deliveries(&network.call, webhook, state, None, 1_000).unwrap();
    found.reverse();
    found
}

fn pending(network: &Network, webhook: i64) -> Vec<Delivery> {
    deliveries(network, webhook, Some(DeliveryState::Pending))
}

both_databases! {
    fn what_a_dead_process_took_is_sent_at_once(database) {
        let network = network(database);
        let webhook = hook(&network, &[]);
        for invoice in [1, 2, 1, 2] {
            back_and_forth(&network, invoice);
        }
        let now = network.call.now.micros();
        // One process after another dies with all that it may take; none is in the way of the next.
        for turn in 0..20 {
            let dies = database.engine();
            let taken = dies.claim_deliveries(at(now + turn), 16, 0).unwrap();
            assert_eq!(taken.iter().map(|a| (a.claimed.event_id, a.claimed.attempt)).collect::<Vec<_>>(), [(5, 1), (7, 1)]);
            assert_eq!(network.engine.claim_deliveries(at(now + turn), 16, 0).unwrap(), []);
            drop(dies);
        }
        let receiver = Receiver::new(|_| 200);
        work(&network.engine, at(now + 30), &receiver);
        let mut events = receiver.taken();
        events.sort_unstable();
        assert_eq!(events, [5, 6, 7, 8, 9, 10, 11, 12]);
        assert_eq!(pending(&network, webhook), []);
    }

    fn what_happens_is_sent_once_signed_and_in_order(database) {
        let network = network(database);
        let webhook = hook(&network, &[]);
        back_and_forth(&network, 1);
        back_and_forth(&network, 2);
        let receiver = Receiver::new(|_| 200);
        work(&network.engine, network.call.now, &receiver);
        work(&network.engine, network.call.now, &receiver);
        let mut events = receiver.taken();
        let position = |event: i64| events.iter().position(|taken| *taken == event).unwrap();
        assert!(position(5) < position(6) && position(7) < position(8), "{events:?}");
        events.sort_unstable();
        assert_eq!(events, [5, 6, 7, 8]);
        let received = receiver.received.lock().unwrap();
        let first = received.iter().find(|attempt| attempt.claimed.event_id == 5).unwrap();
        assert_eq!((first.id.as_str(), first.url.as_str()), ("evt_1_5", "https://hooks.example/in"));
        assert_eq!(first.timestamp_seconds, network.call.now.micros() / SECOND);
        assert!(first.signature.starts_with("v1,"));
        let body: Value = serde_json::from_str(&first.body).unwrap();
        assert_eq!((&body["type"], &body["id"]), (&"invoice.approved".into(), &5.into()));
        assert_eq!((&body["timestamp"], &body["data"]["invoice_id"]), (&"2026-02-01T12:00:00Z".into(), &1.into()));
        for delivery in deliveries(&network, webhook, None) {
            assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Delivered, 1));
            assert_eq!(delivery.response_status, Some(200));
        }
    }

    fn only_the_types_that_are_asked_for_are_sent(database) {
        let network = network(database);
        let webhook = hook(&network, &[EventType::InvoiceUnapproved]);
        back_and_forth(&network, 1);
        let receiver = Receiver::new(|_| 204);
        work(&network.engine, network.call.now, &receiver);
        assert_eq!(receiver.events().len(), 1);
        assert_eq!(deliveries(&network, webhook, None)[0].event_type, "invoice.unapproved");
    }

    fn a_target_that_fails_for_a_day_gets_everything_in_order_then(database) {
        let mut network = network(database);
        let webhook = hook(&network, &[]);
        let start = network.call.now.micros();
        let recovers = start + 24 * HOUR;
        let receiver = Receiver::new(|attempt: &Attempt| if attempt.claimed.at.micros() < recovers { 503 } else { 200 });
        back_and_forth(&network, 1);
        let mut now = start;
        let mut more = 0;
        while now < start + 80 * HOUR {
            work(&network.engine, at(now), &receiver);
            // What happens while it is down waits behind.
            if more < 6 {
                more += 1;
                network.call.now = at(now);
                back_and_forth(&network, 1 + more % 2);
            }
            let Some(next) = pending(&network, webhook).iter().map(|d| d.next_attempt_at.micros()).min() else { break };
            now = next.max(now + 60 * SECOND);
        }
        let taken = receiver.taken();
        let of_subject = deliveries(&network, webhook, None).into_iter().map(|d| (d.event_id, d.subject_id.unwrap()));
        let of_subject: HashMap<i64, i64> = of_subject.collect();
        for invoice in [1, 2] {
            let of_invoice: Vec<i64> = taken.iter().copied().filter(|event| of_subject[event] == invoice).collect();
            assert!(of_invoice.is_sorted() && of_invoice.len() > 2, "{of_invoice:?}");
        }
        assert_eq!(taken.iter().copied().collect::<BTreeSet<_>>(), (5..=18).collect());
        assert_eq!(taken.len(), 14, "each was taken once");
        assert!(deliveries(&network, webhook, None).iter().all(|d| d.state == DeliveryState::Delivered));
        assert!(now < recovers + 16 * HOUR, "the longest delay before that is twelve hours");
    }

    fn what_fails_for_three_days_is_given_up_and_the_next_goes_on(database) {
        let network = network(database);
        let webhook = hook(&network, &[]);
        back_and_forth(&network, 1);
        let receiver = Receiver::new(|attempt: &Attempt| if attempt.claimed.event_id == 5 { 500 } else { 200 });
        let start = network.call.now.micros();
        let mut now = start;
        loop {
            work(&network.engine, at(now), &receiver);
            let Some(next) = pending(&network, webhook).iter().find(|d| d.event_id == 5).map(|d| d.next_attempt_at) else { break };
            assert!(receiver.taken().is_empty(), "the second waits for the first");
            now = next.micros();
        }
        let hours = (now - start) / HOUR;
        assert!((66..=72).contains(&hours), "{hours} hours");
        let states: Vec<_> = deliveries(&network, webhook, None).iter().map(|d| (d.event_id, d.state)).collect();
        assert_eq!(states, [(5, DeliveryState::GivenUp), (6, DeliveryState::Delivered)]);
        let lost = deliveries(&network, webhook, Some(DeliveryState::GivenUp)).remove(0);
        assert_eq!((lost.attempts, lost.response_status), (13, Some(500)));
    }

    fn one_invoice_that_is_refused_holds_up_no_other(database) {
        let network = network(database);
        let webhook = hook(&network, &[]);
        let of_first = |attempt: &Attempt| attempt.body.contains(r#""invoice_id":1,"#);
        let receiver = Receiver::new(|attempt: &Attempt| if of_first(attempt) { 422 } else { 200 });
        for invoice in [1, 2, 1, 2] {
            back_and_forth(&network, invoice);
        }
        work(&network.engine, network.call.now, &receiver);
        assert_eq!(receiver.taken(), [7, 8, 11, 12]);
        let left: Vec<i64> = pending(&network, webhook).iter().map(|d| d.event_id).collect();
        assert_eq!(left, [5, 6, 9, 10]);
        assert_eq!(pending(&network, webhook).iter().map(|d| d.attempts).collect::<Vec<_>>(), [1, 0, 0, 0]);
    }

    fn a_target_that_is_gone_is_sent_no_more_until_it_is_switched_on(database) {
        let network = network(database);
        let webhook = hook(&network, &[]);
        back_and_forth(&network, 1);
        work(&network.engine, network.call.now, &Receiver::new(|_| 410));
        let gone = network.engine.webhook(&network.call, webhook).unwrap();
        assert_eq!((gone.active, gone.disabled_reason.as_deref()), (false, Some("it answered 410 Gone")));
        back_and_forth(&network, 2);
        let receiver = Receiver::new(|_| 200);
        work(&network.engine, network.call.now, &receiver);
        assert_eq!(receiver.events(), []);
        let on = WebhookEdit { active: Some(true), ..WebhookEdit::default() };
        network.engine.edit_webhook(&network.call, webhook, &on).unwrap();
        work(&network.engine, network.call.now, &receiver);
        let mut taken = receiver.taken();
        taken.sort_unstable();
        assert_eq!(taken, [6, 7, 8], "5 was the one that it has refused for good");
        let history = network.engine.changes(&network.call, 0, Some("webhook"), 10).unwrap();
        let actions: Vec<&str> = history.iter().map(|row| row.action.as_str()).collect();
        assert_eq!(actions, ["created", "disabled", "updated"]);
    }

    fn what_a_process_took_and_died_with_is_sent_again_under_the_same_id(database) {
        let network = network(database);
        let webhook = hook(&network, &[]);
        back_and_forth(&network, 1);
        let now = network.call.now.micros();
        let died = network.engine.claim_deliveries(at(now), 16, 0).unwrap();
        assert_eq!(died.iter().map(|a| a.claimed.event_id).collect::<Vec<_>>(), [5]);
        let other = network.again(database.engine());
        assert_eq!(other.engine.claim_deliveries(at(now + 59 * SECOND), 16, 0).unwrap(), []);
        let again = other.engine.claim_deliveries(at(now + 61 * SECOND), 16, 0).unwrap();
        assert_eq!((again.len(), &again[0].id, again[0].claimed.attempt), (1, &died[0].id, 2));
        // The first was not dead after all: what it says comes too late to count.
        network.engine.record_attempt(&died[0], &Outcome::Answered(200), at(now + 62 * SECOND)).unwrap();
        assert_eq!(pending(&network, webhook)[0].event_id, 5);
        other.engine.record_attempt(&again[0], &Outcome::Answered(200), at(now + 63 * SECOND)).unwrap();
        assert_eq!(pending(&network, webhook)[0].event_id, 6);
    }

    fn several_processes_send_each_event_once(database) {
        let network = network(database);
        hook(&network, &[]);
        for _ in 0..15 {
            back_and_forth(&network, 1);
            back_and_forth(&network, 2);
        }
        let receiver = Receiver::new(|_| 200);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let (engine, now, receiver) = (database.engine(), network.call.now, &receiver);
                scope.spawn(move || {
                    // Nothing to take may mean that another process is at it; what it leaves is left at the end.
                    for _ in 0..40 {
                        work(&engine, now, receiver);
                    }
                });
            }
        });
        work(&network.engine, network.call.now, &receiver);
        let mut taken = receiver.taken();
        let by_invoice: BTreeMap<bool, Vec<i64>> = taken.iter().fold(BTreeMap::new(), |mut map, event| {
            map.entry((event - 5) / 2 % 2 == 0).or_insert_with(Vec::new).push(*event);
            map
        });
        assert!(by_invoice.values().all(|events| events.is_sorted()), "{by_invoice:?}");
        taken.sort_unstable();
        assert_eq!(taken, (5..65).collect::<Vec<_>>());
    }

    fn a_failing_target_is_asked_one_at_a_time_and_holds_up_no_other(database) {
        let network = network(database);
        let broken = hook(&network, &[]);
        let new = NewWebhook { url: "https://other.example/".into(), types: vec![], secret: secret_of(&[8; 32]) };
        network.engine.create_webhook(&network.call, &new).unwrap();
        for n in 0..40 {
            network.approve(&format!("x{n} 3 1 2026-01-20 1.00"));
        }
        let receiver = Receiver::new(|attempt: &Attempt| if attempt.url.contains("other") { 200 } else { 500 });
        let mut now = network.call.now.micros();
        for turn in 0..30 {
            for attempt in network.engine.claim_deliveries(at(now), 8, turn).unwrap() {
                let outcome = receiver.send(&attempt);
                network.engine.record_attempt(&attempt, &outcome, at(now)).unwrap();
            }
            now += SECOND;
        }
        assert_eq!(receiver.taken().len(), 40);
        assert!(network.engine.webhook(&network.call, broken).unwrap().failures >= 5);
        let now = at(now + HOUR);
        let next = network.engine.claim_deliveries(now, 8, 0).unwrap();
        assert_eq!(next.len(), 1, "one attempt tells whether it is back");
        network.engine.record_attempt(&next[0], &Outcome::Answered(200), now).unwrap();
        assert_eq!(network.engine.claim_deliveries(now, 8, 0).unwrap().len(), 4);
    }

    fn a_replay_sends_once_more_what_has_happened_since(database) {
        let mut network = network(database);
        let webhook = hook(&network, &[]);
        back_and_forth(&network, 1);
        network.at("2026-02-03");
        back_and_forth(&network, 1);
        let receiver = Receiver::new(|_| 200);
        work(&network.engine, network.call.now, &receiver);
        assert_eq!(receiver.taken(), [5, 6, 7, 8]);
        let replayed = |from| {
            let first = network.engine.replay_webhook(&network.call, webhook, from).unwrap();
            let receiver = Receiver::new(|_| 200);
            work(&network.engine, network.call.now, &receiver);
            (first, receiver.taken())
        };
        assert_eq!(replayed(ReplayFrom::Event(6)), (6, vec![6, 7, 8]));
        assert_eq!(replayed(ReplayFrom::Instant(network.instant("2026-02-02 00:00:00"))), (7, vec![7, 8]));
        assert_eq!(replayed(ReplayFrom::Instant(network.instant("2027-01-01 00:00:00"))), (9, vec![]));
        // Also what was before the webhook.
        let (first, mut all) = replayed(ReplayFrom::Event(0));
        all.sort_unstable();
        assert_eq!((first, all), (1, (1..=8).collect()));
        // The first attempt of an event that waits for its next one is not outrun by what is replayed.
        let refusing = Receiver::new(|_| 500);
        network.engine.replay_webhook(&network.call, webhook, ReplayFrom::Event(7)).unwrap();
        work(&network.engine, network.call.now, &refusing);
        assert_eq!(replayed(ReplayFrom::Event(5)), (5, vec![5, 6, 7, 8]));
    }

    fn a_test_goes_to_its_own_webhook_whatever_that_asks_for(database) {
        let network = network(database);
        let (one, other) = (hook(&network, &[EventType::InvoicePaid]), hook(&network, &[]));
        network.engine.test_webhook(&network.call, one).unwrap();
        let receiver = Receiver::new(|_| 200);
        work(&network.engine, network.call.now, &receiver);
        assert_eq!(receiver.received.lock().unwrap().iter().map(|a| a.claimed.webhook_id).collect::<Vec<_>>(), [one]);
        assert_eq!(deliveries(&network, other, None), []);
        let off = WebhookEdit { active: Some(false), ..WebhookEdit::default() };
        network.engine.edit_webhook(&network.call, one, &off).unwrap();
        assert_eq!(network.engine.test_webhook(&network.call, one).unwrap_err().kind(), ErrorKind::Conflict);
    }

    fn a_backlog_is_taken_up_in_parts(database) {
        let network = network(database);
        let webhook = hook(&network, &[]);
        network.engine.set_network(&network.call, &[("create_missing", "true")]).unwrap();
        network.approve(&(1..=1_300).map(|a| format!("c{a} {a} 1 2026-01-05 3.00\n")).collect::<String>());
        network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
        for _ in 0..4 {
            network.engine.claim_deliveries(network.call.now, 1, 0).unwrap();
        }
        assert_eq!(pending(&network, webhook).len(), 1_000);
        let receiver = Receiver::new(|_| 200);
        // What was taken by the look above comes back when its time is over.
        work(&network.engine, at(network.call.now.micros() + 61 * SECOND), &receiver);
        let all = network.engine.events(&network.call, &EventQuery { after: 1_299, limit: 1_000, ..EventQuery::default() });
        let last = all.unwrap().events.last().unwrap().event_id;
        let mut taken = receiver.taken();
        taken.sort_unstable();
        assert_eq!(taken, (5..=last).collect::<Vec<_>>());
    }

    fn a_deleted_webhook_leaves_nothing(database) {
        let network = network(database);
        let webhook = hook(&network, &[]);
        back_and_forth(&network, 1);
        work(&network.engine, network.call.now, &Receiver::new(|_| 500));
        network.engine.delete_webhook(&network.call, webhook).unwrap();
        assert_eq!(network.engine.webhooks(&network.call).unwrap(), []);
        assert_eq!(network.engine.deliveries(&network.call, webhook, None, None, 10).unwrap_err().kind(), ErrorKind::NotFound);
        let left = network.engine.store().read(|tx| tx.query("SELECT COUNT(*) FROM webhook_deliveries", &[])).unwrap();
        assert_eq!(left[0].int(0).unwrap(), 0);
        assert_eq!(network.engine.delete_webhook(&network.call, webhook).unwrap_err().kind(), ErrorKind::NotFound);
        // Its id is not given again.
        assert_eq!(hook(&network, &[]), webhook + 1);
    }

    fn deliveries_that_ended_long_ago_are_forgotten(database) {
        let network = network(database);
        let webhook = hook(&network, &[]);
        back_and_forth(&network, 1);
        let receiver = Receiver::new(|attempt: &Attempt| if attempt.claimed.event_id == 5 { 200 } else { 500 });
        work(&network.engine, network.call.now, &receiver);
        let now = network.call.now.micros();
        assert_eq!(network.engine.purge_deliveries(at(now + 30 * 24 * HOUR)).unwrap(), 0);
        assert_eq!(network.engine.purge_deliveries(at(now + 30 * 24 * HOUR + 1)).unwrap(), 1);
        assert_eq!(deliveries(&network, webhook, None).len(), 1, "what is pending stays");
    }

    fn what_is_no_url_or_secret_is_refused(database) {
        let network = network(database);
        let make = |url: &str, secret: String| {
            let new = NewWebhook { url: url.to_owned(), types: vec![], secret };
            network.engine.create_webhook(&network.call, &new).map(|_| ()).map_err(|error| (error.kind(), error.to_string()))
        };
        let good = || secret_of(&[1; 24]);
        let long = format!("https://x.example/{}", "a".repeat(2_000));
        for url in ["", "ftp://x.example", "https://", "https:///path", "https://:80/", "https://u:p@x.example/", "https://x.example/#f",
            "https://x.example/a b", "https://x.example/ü", "javascript:alert(1)", &long]
        {
            let (kind, text) = make(url, good()).unwrap_err();
            assert_eq!(kind, ErrorKind::Invalid, "{url}");
            assert!(text.starts_with("url: "), "{text}");
        }
        for secret in ["", "whsec_", "whsec_abc", &secret_of(&[1; 23]), &secret_of(&[1; 65])] {
            assert_eq!(make("https://x.example/", secret.to_owned()).unwrap_err().0, ErrorKind::Invalid, "{secret}");
        }
        make("http://x.example:8080/a?b=c", good()).unwrap();
        for _ in 0..99 {
            make("https://x.example/", good()).unwrap();
        }
        assert_eq!(make("https://x.example/", good()).unwrap_err().0, ErrorKind::Conflict);
    }
}
