//! Webhooks of a running server, to a real receiver: verified by a library of others, refused where they lead inside, and
//! complete although the server is killed again and again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod receiver;
mod served;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quittance_domain::ids::InvoiceId;
use quittance_domain::time::Timestamp;
use quittance_engine::billing::RunRequest;
use quittance_engine::events::EventQuery;
use quittance_engine::keys::{NewKey, Role};
use quittance_engine::webhooks::{Attempt, Delivery, DeliveryState, NewWebhook, Outcome, Transport, secret_of};
use quittance_testkit::{Dice, Network, TestDatabase, both_databases, day, judges};
use receiver::{Received, Receiver, Reply};
use serde_json::{Value, json};
use served::Server;

const ADMIN: &str = "qk_0123456789012345678901234567890123456789";
const ALLOWED: [&str; 2] = ["--webhook-allow", "127.0.0.0/8,::1"];
/// How often the server is killed on each database.
const KILLS: usize = 12;
const HOUR_MICROS: i64 = 3_600_000_000;

fn ok() -> Reply {
    Reply::Status(200, String::new())
}

/// A network with an invoice of each of its five affiliates.
fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-02-01");
    network.approve(&(1..=5).map(|a| format!("c{a} {a} 1 2026-01-05 10.00\n")).collect::<String>());
    network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
    // The server goes by the real clock, and has nothing to say of its own then.
    let later = quittance_engine::Call { now: now(), ..network.call.clone() };
    assert_eq!(network.engine.tell_overdue(&later).unwrap(), 5);
    let new = NewKey { role: Role::Admin, party: None, name: String::new() };
    network.engine.create_key(&network.call, &new, ADMIN).unwrap();
    network
}

/// The real time.
#[allow(clippy::disallowed_methods, reason = "the server goes by it")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

fn secret() -> String {
    secret_of(&[5; 32])
}

fn hook(network: &Network, url: &str) -> i64 {
    let new = NewWebhook { url: url.to_owned(), types: vec![], secret: secret() };
    network.engine.create_webhook(&network.call, &new).unwrap().webhook_id
}

fn approve(network: &Network, invoice: i64) {
    network.engine.approve(&network.call, InvoiceId::new(invoice), None).unwrap();
}

/// Asked again and again until it is so; that it becomes so is what the test needs, not how soon.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it never came to this: {what}");
}

fn deliveries(network: &Network, webhook: i64) -> Vec<Delivery> {
    network.engine.deliveries(&network.call, webhook, None, None, 1_000).unwrap()
}

/// What went wrong with the first attempt of a webhook's only delivery.
fn first_error(network: &Network, webhook: i64) -> String {
    until("an attempt failed", || deliveries(network, webhook).first().is_some_and(|d| d.error.is_some()));
    deliveries(network, webhook).remove(0).error.unwrap()
}

both_databases! {
    fn a_library_of_others_verifies_what_is_sent(database) {
        let Some(python) = judges::python() else { return };
        let network = network(database);
        let receiver = Receiver::start(|_, _| ok());
        hook(&network, &format!("{}/in?tenant=1", receiver.url));
        let _server = Server::start_with(database.url(), &ALLOWED);
        (1..=5).for_each(|invoice| approve(&network, invoice));
        until("five events arrived", || receiver.received().len() == 5);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judges/webhooks_judge.py");
        let mut judge = Command::new(python);
        let judge = judge.args([script, &secret()]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let judge = judge.spawn().unwrap();
        for received in receiver.received() {
            assert_eq!(received.path, "/in?tenant=1");
            let line = json!({ "headers": received.headers, "body": received.body });
            writeln!(judge.stdin.as_ref().unwrap(), "{line}").unwrap();
        }
        let judged = judge.wait_with_output().unwrap();
        assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
        assert_eq!(String::from_utf8_lossy(&judged.stdout).trim(), "5 are genuine");
    }

    fn nothing_is_lost_or_outrun_though_the_server_is_killed(database) {
        let seed = std::env::var("QUITTANCE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_260_201);
        println!("QUITTANCE_SEED={seed}");
        let network = network(database);
        let dice = Mutex::new(Dice::seeded(seed));
        let bad_luck = Mutex::new(Dice::seeded(seed + 1));
        let receiver = Receiver::start(move |_, _| match bad_luck.lock().unwrap().below(60_u64) {
            0 => Reply::Status(503, String::new()),
            1 => Reply::Close,
            _ => ok(),
        });
        let webhook = hook(&network, &receiver.url);
        let first = deliveries_start(&network);
        let mut acknowledged = BTreeSet::new();
        for _ in 0..KILLS {
            let server = Server::start_with(database.url(), &ALLOWED);
            let lives = Duration::from_millis(200 + dice.lock().unwrap().below(1_000_u64));
            let address = server.address.clone();
            let changes = std::thread::spawn(move || change_until_it_dies(&address));
            std::thread::sleep(lives);
            drop(server);
            acknowledged.extend(changes.join().unwrap());
        }
        let sent = receiver.received().len();
        finish(&network, &receiver);
        let received = receiver.received();
        println!("{} changes acknowledged, {sent} of {} sent before the last kill", acknowledged.len(), received.len());
        assert!(acknowledged.len() >= KILLS && sent >= KILLS, "the server lived too shortly to be killed at work");
        assert!(deliveries(&network, webhook).iter().all(|delivery| delivery.state == DeliveryState::Delivered));
        check_all(&network, first, &received, &acknowledged);
    }
}

/// The last event before the webhook.
fn deliveries_start(network: &Network) -> i64 {
    let query = EventQuery { limit: 1_000, ..EventQuery::default() };
    network.engine.events(&network.call, &query).unwrap().events.last().unwrap().event_id
}

/// Approves invoices and takes that back until the server is gone. Answers what it has acknowledged: invoices with their
/// versions.
fn change_until_it_dies(address: &str) -> Vec<(i64, i64)> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut acknowledged = Vec::new();
    for n in 0_i64.. {
        for action in ["approve", "unapprove"] {
            let url = format!("http://{address}/billing/v1/invoices/{}/{action}", n % 5 + 1);
            let sent = agent.post(&url).header("authorization", format!("Bearer {ADMIN}")).send("");
            let Ok(mut answer) = sent else { return acknowledged };
            let Ok(text) = answer.body_mut().read_to_string() else { return acknowledged };
            let body: Value = serde_json::from_str(&text).unwrap();
            match answer.status().as_u16() {
                200 => acknowledged.push((body["id"].as_i64().unwrap(), body["version"].as_i64().unwrap())),
                // It was approved by a request that was carried out and not acknowledged.
                409 => {}
                status => panic!("{status}: {text}"),
            }
        }
    }
    acknowledged
}

/// Sends what is left, as a process that comes later does.
fn finish(network: &Network, receiver: &Receiver) {
    struct Later<'a>(&'a Receiver);
    impl Transport for Later<'_> {
        fn send(&self, attempt: &Attempt) -> Outcome {
            let headers = HashMap::from([("webhook-id".to_owned(), attempt.id.clone())]);
            let body = attempt.body.clone();
            self.0.note(Received { path: String::new(), headers, body, taken: true });
            Outcome::Answered(200)
        }
    }
    let later = now().micros() + HOUR_MICROS;
    for turn in 0.. {
        let now = Timestamp::from_micros(later + i64::try_from(turn).unwrap());
        let attempts = network.engine.claim_deliveries(now, 16, turn).unwrap();
        if attempts.is_empty() {
            break;
        }
        for attempt in attempts {
            let outcome = Later(receiver).send(&attempt);
            network.engine.record_attempt(&attempt, &outcome, now).unwrap();
        }
    }
}

/// Every row of the invoices' histories has arrived, in order, and what was repeated said the same.
fn check_all(network: &Network, first: i64, received: &[Received], acknowledged: &BTreeSet<(i64, i64)>) {
    let mut said: HashMap<&str, &str> = HashMap::new();
    // Of each invoice, the versions that were taken, in the order in which they were taken first.
    let mut taken: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    let mut events = BTreeSet::new();
    for one in received {
        let body: Value = serde_json::from_str(&one.body).unwrap();
        assert_eq!(*said.entry(one.id()).or_insert(&one.body), one.body, "{} was sent with another body", one.id());
        let (invoice, version) =
            (body["data"]["invoice_id"].as_i64().unwrap(), body["data"]["version"].as_i64().unwrap());
        let before = taken.entry(invoice).or_default();
        let next = before.last().map_or(2, |last| last + 1);
        assert!(version <= next, "version {version} of invoice {invoice} came before {next} was taken");
        if one.taken && version == next {
            before.push(version);
        }
        events.insert(body["id"].as_i64().unwrap());
    }
    let mut changes = 0;
    for (invoice, versions) in &taken {
        let history = network.engine.invoice_history(&network.call, InvoiceId::new(*invoice)).unwrap();
        let made: Vec<i64> = history.iter().map(|row| row.version).filter(|version| *version > 1).collect();
        assert_eq!(*versions, made, "invoice {invoice}");
        changes += made.len() as i64;
    }
    let all: BTreeSet<i64> = (first + 1..=first + changes).collect();
    assert!(events == all, "{} of {changes} events have come", events.len());
    for (invoice, version) in acknowledged {
        assert!(
            taken[invoice].contains(version),
            "version {version} of invoice {invoice} was acknowledged, and is not told"
        );
    }
    println!("{} deliveries of {changes} events", received.len());
    network.assert_verified();
}

#[test]
fn addresses_inside_are_not_called_unless_they_are_allowed() {
    let database = TestDatabase::sqlite();
    let network = network(&database);
    let receiver = Receiver::start(|_, _| ok());
    let port = receiver.url.rsplit(':').next().unwrap().to_owned();
    let urls = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"];
    let hooks = urls.map(|host| hook(&network, &format!("http://{host}:{port}/")));
    let server = Server::start(database.url());
    approve(&network, 1);
    for (webhook, url) in hooks.into_iter().zip(urls) {
        let error = first_error(&network, webhook);
        assert!(error.contains("is not public"), "{url}: {error}");
    }
    assert_eq!(receiver.received(), []);
    drop(server);
    let _server = Server::start_with(database.url(), &ALLOWED);
    until("what is allowed is called", || receiver.received().iter().filter(|received| received.taken).count() >= 2);
}

#[test]
fn targets_that_hang_redirect_or_talk_too_much_do_no_harm() {
    let database = TestDatabase::sqlite();
    let network = network(&database);
    let elsewhere = Receiver::start(|_, _| ok());
    let to = format!("{}/elsewhere", elsewhere.url);
    let receiver = Receiver::start(move |_, path| match path {
        "/hang" => Reply::Hang,
        "/redirect" => Reply::Redirect(to.clone()),
        "/close" => Reply::Close,
        "/large" => Reply::Status(200, "x".repeat(64 << 20)),
        _ => ok(),
    });
    let hooks = ["/hang", "/redirect", "/close", "/large", "/good"]
        .map(|path| hook(&network, &format!("{}{path}", receiver.url)));
    let _server = Server::start_with(database.url(), &ALLOWED);
    approve(&network, 1);
    let delivered =
        |webhook| deliveries(&network, webhook).first().is_some_and(|d| d.state == DeliveryState::Delivered);
    until("the good ones are done while others hang", || delivered(hooks[3]) && delivered(hooks[4]));
    assert_eq!(first_error(&network, hooks[1]), "redirects are not followed");
    assert_eq!(elsewhere.received(), []);
    assert!(!first_error(&network, hooks[2]).is_empty());
    assert_eq!(first_error(&network, hooks[0]), "there was no answer in time");
}
