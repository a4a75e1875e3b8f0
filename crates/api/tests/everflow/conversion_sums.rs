//! What conversions add up to, as this vendor's clients read it.

use quittance_domain::conversion::SALE_AMOUNT;
use quittance_domain::currency::Currency;
use quittance_testkit::both_databases;
use serde_json::{Value, json};

use crate::server::{Server, server};

const SUMMARY: &str = "/v1/networks/reporting/conversions/summary";
const JANUARY: &str = r#"{"from":"2026-01-01","to":"2026-01-31"}"#;

fn sold(server: &Server, status: &str, line: &str, sale: &str) {
    server.receive(status, line, |record| record.texts[SALE_AMOUNT] = Some(sale.into()));
}

fn in_euros(server: &Server, line: &str) {
    server.receive("approved", line, |record| record.payout_currency = Currency::parse("EUR").ok());
}

/// The table below the vendor's list, of counts in its order and amounts.
fn summary(counts: [i64; 4], [payout, revenue, sales]: [Value; 3], several: bool) -> Value {
    let [total, approved, pending, rejected] = counts;
    json!({
        "total": total, "approved": approved, "pending": pending, "invalid": 0, "rejected_manual": rejected, "rejected_scrub": 0,
        "payout": payout, "revenue": revenue, "gross_sales": sales, "has_multi_currencies": several,
    })
}

fn narrowed(resource: &str, id: &str) -> String {
    let filters = json!([{ "resource_type": resource, "filter_id_value": id }]);
    json!({ "from": "2026-01-01", "to": "2026-01-31", "query": { "filters": filters } }).to_string()
}

both_databases! {
    fn conversions_are_counted_by_status_and_the_approved_ones_add_up(database) {
        let server = server(database);
        sold(&server, "approved", "a1 1 1 2026-01-05 10.50 20", "100.25");
        sold(&server, "approved", "a2 1 1 2026-01-05 10.50 20", "100.25");
        sold(&server, "approved", "a3 2 1 2026-01-06 1 0", "a hat");
        sold(&server, "pending", "p1 1 2 2026-01-07 5 6", "7");
        server.receive("hold", "h1 1 2 2026-01-08 5 6", |_| {});
        server.receive("rejected", "r1 2 1 2026-01-31 5 6", |_| {});
        server.receive("rejected", "r2 2 1 2026-01-31 5 6", |_| {});
        server.approve("late 1 1 2026-02-01 1000 1000");
        let all = summary([7, 3, 2, 2], [json!(22), json!(40), json!(200.5)], false);
        assert_eq!(server.ok("POST", SUMMARY, JANUARY), all);
        let of = |resource: &str, id: &str| server.ok("POST", SUMMARY, &narrowed(resource, id));
        assert_eq!(of("affiliate", "2"), summary([3, 1, 0, 2], [json!(1), json!(0), json!(0)], false));
        assert_eq!(of("offer", "2"), summary([2, 0, 2, 0], [json!(0), json!(0), json!(0)], false));
        assert_eq!(of("status", "approved"), summary([3, 3, 0, 0], [json!(22), json!(40), json!(200.5)], false));
        let noon = r#"{"from":"2026-01-05 12:00:01","to":"2026-01-06 12:00:00"}"#;
        assert_eq!(server.ok("POST", SUMMARY, noon)["approved"], 1, "instants are asked for as in the list");
        let none = r#"{"from":"2025-01-01","to":"2025-01-31"}"#;
        assert_eq!(server.ok("POST", SUMMARY, none), summary([0; 4], [json!(0), json!(0), json!(0)], false));
    }

    fn what_the_list_shows_as_sale_amounts_is_what_is_summed_up(database) {
        let server = server(database);
        for (place, sale) in ["007", "+5", "1e3", "10.1234567", "-2", "99999999999999", " 1", "1,5"].into_iter().enumerate() {
            sold(&server, "approved", &format!("a{place} 1 1 2026-01-05 1 1"), sale);
        }
        let list = server.ok("POST", "/v1/networks/reporting/conversions", JANUARY);
        let shown: Vec<f64> = list["conversions"].as_array().unwrap().iter().map(|c| c["sale_amount"].as_f64().unwrap()).collect();
        // Decimals of at most six places are amounts; a power of ten, a seventh place, a fortune, a blank and a comma are none.
        assert_eq!(shown, [7.0, 5.0, 0.0, 0.0, -2.0, 0.0, 0.0, 0.0]);
        assert_eq!(server.ok("POST", SUMMARY, JANUARY)["gross_sales"], json!(10));
    }

    fn several_currencies_are_in_the_networks_or_the_one_that_is_asked_for(database) {
        let server = server(database);
        server.approve("a1 1 1 2026-01-05 10.50 20");
        in_euros(&server, "e1 1 1 2026-01-08 8 0");
        in_euros(&server, "e2 1 1 2026-01-09 4 0");
        server.refused("POST", SUMMARY, JANUARY, 400, "there is no rate of EUR to USD for 2026-01-08");
        let rates = "date,base,quote,rate\n2026-01-08,EUR,USD,1.25\n2026-01-09,EUR,USD,1.5\n2026-01-05,EUR,USD,2\n";
        server.engine.import_rates(&server.call, rates.as_bytes(), "test").unwrap();
        // 10.50 + 8 × 1.25 + 4 × 1.5, each of its day.
        assert_eq!(server.ok("POST", SUMMARY, JANUARY), summary([3, 3, 0, 0], [json!(26.5), json!(20), json!(0)], true));
        let euros = r#"{"from":"2026-01-01","to":"2026-01-31","currency_id":"EUR"}"#;
        // 10.50 / 2 + 8 + 4, and 20 / 2.
        assert_eq!(server.ok("POST", SUMMARY, euros), summary([3, 3, 0, 0], [json!(17.25), json!(10), json!(0)], true));
        let one_day = r#"{"from":"2026-01-08","to":"2026-01-08"}"#;
        assert_eq!(server.ok("POST", SUMMARY, one_day), summary([1, 1, 0, 0], [json!(8), json!(0), json!(0)], false), "in its own");
    }

    /// By hand, a dollar being 1.40 CAD: 10.55 USD are 14.77 CAD, 7.77 USD 10.878, shown as 10.88. Two such rows show
    /// 21.76, which is what is summed up, and not 15.54 × 1.40 = 21.756.
    fn rows_of_one_currency_add_up_to_their_sum(database) {
        let server = server(database);
        let in_cad = |line: &str| server.receive("approved", line, |record| record.payout_currency = Currency::parse("CAD").ok());
        in_cad("c1 1 1 2026-01-08 16.24 10.55");
        in_cad("c2 1 1 2026-01-08 5 7.77");
        in_cad("c3 2 1 2026-01-09 5 7.77");
        let list = || server.ok("POST", "/v1/networks/reporting/conversions", JANUARY)["conversions"].clone();
        let without = list();
        assert_eq!((&without[0]["currency_id"], &without[0]["payout"], &without[0]["revenue"]), (&json!("CAD"), &json!(16.24), &Value::Null));
        server.refused("POST", SUMMARY, JANUARY, 400, "there is no rate of USD to CAD");
        server.engine.import_rates(&server.call, "date,base,quote,rate\n2026-01-08,USD,CAD,1.40\n".as_bytes(), "test").unwrap();
        let rows = list();
        let revenues: Vec<String> = rows.as_array().unwrap().iter().map(|row| row["revenue"].to_string()).collect();
        assert_eq!(revenues, ["14.77", "10.88", "10.88"]);
        // 16.24 + 5 + 5, and 14.77 + 10.88 + 10.88: in the one currency that the rows have.
        assert_eq!(server.ok("POST", SUMMARY, JANUARY), summary([3, 3, 0, 0], [json!(26.24), json!(36.53), json!(0)], true));
        let cad = r#"{"from":"2026-01-01","to":"2026-01-31","currency_id":"CAD"}"#;
        assert_eq!(server.ok("POST", SUMMARY, cad)["revenue"], json!(36.53));
        // In the advertiser's own currency nothing of it is converted: 10.55 + 7.77 + 7.77.
        let usd = r#"{"from":"2026-01-01","to":"2026-01-31","currency_id":"USD"}"#;
        assert_eq!(server.ok("POST", SUMMARY, usd)["revenue"], json!(26.09));
        let one = server.ok("GET", "/v1/networks/reporting/conversions/c1", "");
        assert_eq!((&one["currency_id"], &one["revenue"]), (&json!("CAD"), &json!(14.77)));
    }

    fn what_is_wrong_with_the_question_is_told(database) {
        let server = server(database);
        for (body, says) in [
            ("{}", "from is required"),
            (r#"{"from":"2026-01-02","to":"2026-01-01"}"#, "to: it is before from"),
            (r#"{"from":"2024-01-01","to":"2026-01-01"}"#, "more than a year"),
            (r#"{"from":"2026-01-01","to":"2026-01-02","currency_id":"dollars"}"#, "currency_id"),
            (&narrowed("country", "US"), "resource_type"),
        ] {
            server.refused("POST", SUMMARY, body, 400, says);
        }
    }
}
