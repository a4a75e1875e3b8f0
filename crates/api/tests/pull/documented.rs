//! Accounts made by hand of the shapes that the vendors' pages document, where they differ from what Quittance serves.

use quittance_api::pull::{Answer, Event, Fetch, FetchError, Request, Resource};
use quittance_testkit::TestDatabase;
use serde_json::{Value, json};

use crate::account::{Target, options};

/// Answers by the path and the parameters of a request.
struct Stub<F>(F);

impl<F: Fn(&str, &dyn Fn(&str) -> u64) -> Value> Fetch for Stub<F> {
    fn fetch(&mut self, request: &Request) -> Result<Answer, FetchError> {
        let parameter = |name: &str| {
            let found = request.query.iter().find(|(known, _)| *known == name);
            found.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
        };
        let path = request.url.strip_prefix("https://account.example").unwrap();
        let body = (self.0)(path, &parameter).to_string().into_bytes();
        Ok(Answer { status: 200, retry_after: None, body })
    }

    fn wait(&mut self, _: u64) {}
}

fn rejected(told: &[Event]) -> Vec<(Resource, String)> {
    let of = |event: &Event| match event {
        Event::Rejected { resource, reason, .. } => Some((*resource, reason.clone())),
        _ => None,
    };
    told.iter().filter_map(of).collect()
}

/// Rows of a table as the report has them: no currency, each offer in an object of its own, status words in other cases.
fn cake(first_row: u64) -> impl Fn(&str, &dyn Fn(&str) -> u64) -> Value {
    move |path, parameter| {
        let rows: Vec<Value> = match path {
            "/api/2/advertisers.json" => vec![json!({ "advertiser_id": 88, "advertiser_name": "Acme", "advertiser_status": "Active" })],
            "/api/2/affiliates.json" => vec![json!({ "affiliate_id": 67, "affiliate_name": "Media", "affiliate_status": "Pending" })],
            "/api/2/offers.json" => vec![json!({ "offer": {
                "offer_id": 12, "offer_name": "Card", "advertiser_id": 88, "payout": 45.00, "payout_type": "CPA", "revenue": 55.00,
            } })],
            _ => (1..=9).map(|id| json!({
                "conversion_id": 900 + id, "conversion_date": "2026-01-15 14:30:00", "offer_id": 12, "affiliate_id": 67,
                "payout": 18.10, "revenue": 22.00, "conversion_status": "Approved", "unique_id": format!("ORD-{id}"),
            })).collect(),
        };
        let skipped = parameter("start_at_row").saturating_sub(first_row);
        let total = rows.len();
        let rows: Vec<Value> = rows.into_iter().skip(skipped as usize).take(parameter("row_limit") as usize).collect();
        match path {
            "/api/2/report/conversion.json" => json!({
                "request_status": "Success", "response": { "data": { "conversions": rows }, "total_rows": total },
            }),
            "/api/2/advertisers.json" => {
                json!({ "request_status": "Success", "advertisers": rows, "total_records": total })
            }
            "/api/2/affiliates.json" => json!({ "request_status": "Success", "affiliates": rows, "total_rows": total }),
            _ => json!({ "request_status": "Success", "offers": rows, "total_rows": total }),
        }
    }
}

#[test]
fn cakes_lists_are_whole_whether_rows_are_counted_from_0_or_1() {
    for first_row in [0, 1] {
        for rows in [2, 3, 4, 8, 9, 10] {
            let database = TestDatabase::sqlite();
            let target = Target::open(&database, "2026-01-16");
            // One window, and so one list.
            let since = Some(quittance_testkit::day("2026-01-12"));
            let options = quittance_api::pull::Options { rows: Some(rows), since, ..options("cake") };
            let (created, updated, _, rejected) = target.pulled("cake", &options, &mut Stub(cake(first_row)));
            assert_eq!((created, updated, rejected), (9, 0, 0), "from {first_row}, {rows} a page");
        }
    }
}

#[test]
fn cakes_conversions_without_a_currency_are_in_the_affiliates() {
    let database = TestDatabase::sqlite();
    let target = Target::open(&database, "2026-01-16");
    let file = json!({ "affiliates": [{ "id": 67, "name": "Media", "currency": "EUR" }] });
    target.engine.import_network(target.call.now, None, &file).unwrap().unwrap();
    target.pulled("cake", &options("cake"), &mut Stub(cake(1)));
    let known = target.engine.conversions_by_ids(&target.call, &["901"]).unwrap();
    let conversion = &known[0].known.conversion;
    assert_eq!((conversion.payout.to_decimal(), conversion.payout.currency().code()), ("18.10".to_owned(), "EUR"));
    assert_eq!(conversion.status.as_str(), "approved");
    assert_eq!(conversion.advertiser_id.map(|id| id.get()), Some(88), "that of the offer");
}

#[test]
fn affises_ids_of_advertisers_are_no_numbers_and_what_is_refused_stops_nothing() {
    let account = |path: &str, parameter: &dyn Fn(&str) -> u64| {
        let advertiser = "5b5f415035752723008b456a";
        let row = |id: &str, status: &str, payouts: Value| {
            json!({
                "id": id, "action_id": "a", "conversion_id": id, "status": status, "offer_id": "934", "partner_id": 7,
                "currency": "usd", "sum": 0, "payouts": payouts, "revenue": 3, "earnings": 1, "goal": "1",
                "created_at": "2026-01-15 10:00:00", "updated_at": "2026-01-16 10:00:00", "supplier_id": advertiser,
                "sub1": "", "country": "US", "comment": null, "advertiser": { "id": advertiser, "title": "Acme" },
            })
        };
        let (list, rows) = match path {
            "/3.0/admin/partners" => (
                "partners",
                vec![
                    json!({ "id": 7, "name": null, "login": "media@example.com", "email": "media@example.com", "status": "active", "ref": "0" }),
                    json!({ "id": 8, "name": "Bad", "email": "no address", "status": "on moderation" }),
                ],
            ),
            "/3.0/offers" => (
                "offers",
                vec![json!({
                    "id": 934, "offer_id": "5718dac83b7d9bf8588b4579", "title": "Card", "advertiser": advertiser,
                    "payments": [{ "revenue": 2, "currency": "usd", "type": "fixed" }],
                })],
            ),
            _ if parameter("page") > 1 => ("conversions", Vec::new()),
            _ => (
                "conversions",
                vec![
                    row("66a1", "confirmed", json!(2.5)),
                    row("66a2", "confirmed", json!("2.50000000")),
                    row("66a3", "banned", json!(2)),
                    row("66a4", "not_found", json!(2)),
                    row("66a5", "confirmed", json!(0.123_456_789)),
                ],
            ),
        };
        json!({ "status": 1, list: rows, "pagination": { "per_page": 500, "total_count": rows.len(), "page": 1 } })
    };
    let database = TestDatabase::sqlite();
    let target = Target::open(&database, "2026-01-16");
    let since = Some(quittance_testkit::day("2026-01-12"));
    let options = quittance_api::pull::Options { since, ..options("affise") };
    let (outcome, told) = target.pull("affise", &options, &mut Stub(account));
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
    let refused = rejected(&told);
    assert_eq!(refused.len(), 3, "{refused:?}");
    assert!(refused[0].0 == Resource::Affiliates && refused[0].1.starts_with("email: "), "{refused:?}");
    assert!(refused[1].1.contains("\"banned\""), "{refused:?}");
    assert!(refused[2].1.starts_with("payout: "), "{refused:?}");
    assert!(
        told.iter().any(|event| matches!(event, Event::Note(note) if note.starts_with("1 advertisers have ids"))),
        "{told:?}"
    );
    let states = target.engine.conversions_by_ids(&target.call, &["66a1", "66a2", "66a4"]).unwrap();
    let shown: Vec<_> = states
        .iter()
        .map(|state| {
            let conversion = &state.known.conversion;
            (conversion.status.as_str(), conversion.payout.to_decimal(), conversion.advertiser_id)
        })
        .collect();
    assert_eq!(
        shown,
        [("approved", "2.50".into(), None), ("approved", "2.50".into(), None), ("rejected", "2.00".into(), None)]
    );
}
