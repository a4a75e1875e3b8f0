//! An account that is pulled, a network that it is pulled into, and what both must say.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Request as HttpRequest;
use quittance_api::pull::{Answer, Event, Fetch, FetchError, Options, Outcome, Request, base, pull};
use quittance_api::pull_source;
use quittance_domain::conversion::ConversionRecord;
use quittance_domain::currency::Currency;
use quittance_domain::time::{Timestamp, Zone, parse_instant};
use quittance_engine::ingest::ConversionFilter;
use quittance_engine::keys::Role;
use quittance_engine::{Call, Engine};
use quittance_http::Limits;
use quittance_testkit::{Network, TestDatabase, day};
use serde_json::json;

use crate::server::{Server, secret};

pub(crate) const VENDORS: [&str; 3] = ["affise", "everflow", "cake"];

/// What the account knows: id, affiliate, offer, status, day, payout, currency. The plain model of all tests here.
pub(crate) const BOOKS: &str = "\
    o1 1 1 approved 2025-06-15 100.00 USD\n\
    n1 1 1 approved 2025-11-30 10.00 USD\n\
    n2 1 2 pending 2025-12-03 2.505 USD\n\
    d1 2 1 approved 2025-12-05 7 USD\n\
    d2 2 1 approved 2025-12-05 7 USD\n\
    d3 2 3 rejected 2025-12-31 1.000001 USD\n\
    e1 3 1 approved 2026-01-02 8.10 EUR\n\
    e2 3 1 hold 2026-01-03 9.20 EUR\n\
    j1 1 1 approved 2026-01-28 0.01 USD\n\
    j2 4 2 approved 2026-01-29 3 USD\n\
    j3 4 2 approved 2026-01-30 4 USD\n\
    j4 5 2 approved 2026-01-31 5 USD";
/// What is changed after the first pull: a status, an amount, both, an old one, and a new one.
pub(crate) const CHANGES: &str = "\
    d1 2 1 rejected 2025-12-05 7 USD\n\
    d2 2 1 approved 2025-12-05 7.25 USD\n\
    n2 1 2 approved 2025-12-03 3 USD\n\
    o1 1 1 rejected 2025-06-15 100.00 USD\n\
    x1 5 1 approved 2026-02-01 6 USD";

/// How many conversions, and how much in millionths, by affiliate, status and currency.
pub(crate) type Totals = BTreeMap<(i64, String, String), (u64, i64)>;

/// The totals of some lines, the later of an id in place of the earlier; some vendors have no word for what is on hold.
pub(crate) fn model(vendor: &str, lines: &[&str]) -> Totals {
    let mut last = BTreeMap::new();
    for line in lines.iter().flat_map(|lines| lines.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        last.insert(words[0], words);
    }
    let mut totals = Totals::new();
    for words in last.values() {
        let status = if words[3] == "hold" && vendor != "affise" { "pending" } else { words[3] };
        let (whole, fraction) = words[5].split_once('.').unwrap_or((words[5], ""));
        let units: i64 = format!("{whole}{fraction:0<6}").parse().unwrap();
        let key = (words[1].parse().unwrap(), status.to_owned(), words[6].to_owned());
        let total = totals.entry(key).or_default();
        *total = (total.0 + 1, total.1 + units);
    }
    totals
}

/// An account of every vendor: a network served by all dialects.
pub(crate) struct Account {
    /// Its drop removes the database.
    _database: TestDatabase,
    network: Network,
    server: Server,
}

fn records(network: &Network, lines: &str) -> Vec<ConversionRecord> {
    let record = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |word: &str| word.parse().unwrap();
        let mut record = network.record(words[0], number(words[1]), number(words[2]), words[3], words[4], words[5]);
        let currency = Currency::parse(words[6]).ok();
        (record.payout_currency, record.revenue_currency) = (currency, currency);
        record.revenue = Some("11.50".into());
        record
    };
    lines.lines().map(record).collect()
}

impl Account {
    /// One with [`BOOKS`], at noon of 2026-01-31.
    pub(crate) fn open() -> Account {
        let database = TestDatabase::sqlite();
        let mut network = Network::create(database.engine());
        network.at("2026-01-31");
        let file = json!({
            "affiliates": [{ "id": 1, "name": "Zoë & Söhne", "status": "inactive" }, { "id": 2, "name": "Two" }],
            "advertisers": [{ "id": 2, "name": "Acme" }],
            "offers": [{ "id": 3, "name": "Third", "advertiser": 2 }],
        });
        network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
        network.ingest(records(&network, BOOKS));
        let server = Server::start(database.engine(), &network.call, Limits::default());
        Account { _database: database, network, server }
    }

    /// Its clock goes on, and some conversions change.
    pub(crate) fn change(&mut self, day: &str, lines: &str) {
        self.network.at(day);
        let report = self.network.ingest(records(&self.network, lines));
        assert_eq!(report.counts.rejected, 0, "{report:?}");
    }
}

/// The way to an account, which can fail and counts what goes over it.
pub(crate) struct Way<'a> {
    pub(crate) account: &'a Account,
    /// How many requests there were.
    pub(crate) requests: usize,
    /// After how many of them it breaks.
    pub(crate) breaks_after: Option<usize>,
    /// What was waited for.
    pub(crate) waits: Vec<u64>,
}

impl<'a> Way<'a> {
    pub(crate) fn to(account: &'a Account) -> Way<'a> {
        Way { account, requests: 0, breaks_after: None, waits: Vec::new() }
    }
}

pub(crate) fn http(request: &Request) -> HttpRequest<Body> {
    let address = request.address();
    let path = address.strip_prefix("https://account.example").expect("the account's address");
    let mut http = HttpRequest::builder().method(request.method).uri(path);
    for (name, value) in &request.headers {
        http = http.header(*name, value);
    }
    if request.body.is_some() {
        http = http.header("content-type", "application/json");
    }
    http.body(Body::from(request.body.clone().unwrap_or_default())).unwrap()
}

impl Fetch for Way<'_> {
    fn fetch(&mut self, request: &Request) -> Result<Answer, FetchError> {
        if self.breaks_after.is_some_and(|most| self.requests >= most) {
            return Err(FetchError::Unreachable("the line is cut".to_owned()));
        }
        self.requests += 1;
        let answered = self.account.server.send(http(request));
        Ok(Answer { status: answered.status.as_u16(), retry_after: None, body: answered.text.into_bytes() })
    }

    fn wait(&mut self, seconds: u64) {
        self.waits.push(seconds);
    }
}

/// A network that an account is pulled into.
pub(crate) struct Target {
    pub(crate) engine: Engine,
    pub(crate) call: Call,
}

impl Target {
    /// A fresh one, at noon of a day.
    pub(crate) fn open(database: &TestDatabase, day: &str) -> Target {
        let (engine, zone) = (database.engine(), Zone::utc());
        let currency = Currency::parse("USD").unwrap();
        let network = engine.create_network(Timestamp::from_micros(0), "target", &zone, currency).unwrap();
        let call = Call { network: network.network_id, actor: "test".into(), now: noon(day), claimed: None };
        Target { engine, call }
    }

    pub(crate) fn at(&mut self, day: &str) {
        self.call.now = noon(day);
    }

    /// Pulls, and tells what was told.
    pub(crate) fn pull(&self, vendor: &str, options: &Options, way: &mut dyn Fetch) -> (Outcome, Vec<Event>) {
        let mut told = Vec::new();
        let source = pull_source(vendor).unwrap();
        let outcome = pull(&self.engine, &self.call, source, options, way, &mut |event| told.push(event));
        (outcome, told)
    }

    /// Pulls without a failure; answers what became of the conversions: created, updated, unchanged, rejected.
    pub(crate) fn pulled(&self, vendor: &str, options: &Options, way: &mut dyn Fetch) -> (u64, u64, u64, u64) {
        let (outcome, told) = self.pull(vendor, options, way);
        assert!(outcome.failure.is_none(), "{vendor}: {:?}", outcome.failure);
        let counts = outcome.pulled.last().unwrap().counts;
        assert_eq!(outcome.rejected(), counts.rejected, "{vendor}: {told:?}");
        (counts.created, counts.updated, counts.unchanged, counts.rejected)
    }

    /// What it knows by affiliate, status and currency.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::new();
        for (from, through) in [("2025-01-01", "2025-12-31"), ("2026-01-01", "2026-12-31")] {
            let filter = ConversionFilter::of_days(day(from), day(through));
            for state in self.engine.conversions(&self.call, &filter, (0, 10_000)).unwrap().conversions {
                let conversion = &state.known.conversion;
                let currency = conversion.payout.currency().code().to_owned();
                let key = (conversion.affiliate_id.get(), conversion.status.as_str().to_owned(), currency);
                let total = totals.entry(key).or_default();
                *total = (total.0 + 1, total.1 + conversion.payout.units());
            }
        }
        totals
    }

    pub(crate) fn assert_verified(&self) {
        for report in self.engine.verify(&self.call, false).unwrap() {
            assert!(report.ok(), "{}: {:?}", report.id, report.violations);
        }
    }
}

fn noon(day: &str) -> Timestamp {
    parse_instant(&format!("{day} 12:00:00"), &Zone::utc()).unwrap()
}

/// What a vendor's account is pulled with.
pub(crate) fn options(vendor: &str) -> Options {
    Options {
        base: base(pull_source(vendor).unwrap(), "https://account.example/").unwrap(),
        key: secret(Role::Viewer),
        since: None,
        window_days: None,
        zone: Zone::utc(),
        rows: None,
        create_missing: None,
    }
}
