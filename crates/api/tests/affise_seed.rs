//! The lines of the help centre's article about Affise's billing API, as they are written there but for host and key.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "each test file uses a part of what they share")]

mod affise_common;
mod server;

use affise_common::{Affise, network, success};
use axum::body::Body;
use axum::http::Request;
use quittance_engine::keys::Role;
use quittance_testkit::both_databases;
use serde_json::{Value, json};

const SEED: &str = include_str!("seeds/affise.txt");

/// A line of the article.
struct Line {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// What stands between single quotes, in order.
fn quoted(text: &str) -> Vec<String> {
    text.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What `--data-urlencode` makes of `name=content`: the content alone is encoded.
fn encoded(pair: &str) -> String {
    let (name, content) = pair.split_once('=').unwrap();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    let content: String =
        content.chars().map(|c| if plain(c) { c.to_string() } else { format!("%{:02X}", u32::from(c)) }).collect();
    format!("{name}={content}")
}

fn lines() -> Vec<Line> {
    let line = |text: &str| {
        let mut parts = text.split("\\\n").map(str::trim);
        let first = parts.next().unwrap();
        let method = first.split_whitespace().skip_while(|word| *word != "--request").nth(1).unwrap().to_owned();
        let url = quoted(first).remove(0);
        let path = url.strip_prefix("https://api-rocketcompany.affise.com").unwrap().to_owned();
        let (mut headers, mut pairs) = (Vec::new(), Vec::new());
        for part in parts {
            let value = quoted(part).remove(0);
            match part.split_whitespace().next().unwrap() {
                "--header" => {
                    let (name, value) = value.split_once(": ").unwrap();
                    let value = if name == "api-key" { server::secret(Role::Admin) } else { value.to_owned() };
                    headers.push((name.to_owned(), value));
                }
                "--data-urlencode" => pairs.push(encoded(&value)),
                other => panic!("{other}"),
            }
        }
        Line { method, path, headers, body: pairs.join("&") }
    };
    SEED.split("\n\n").filter(|text| text.starts_with("curl ")).map(line).collect()
}

fn replay(affise: &Affise, line: &Line) -> Value {
    let mut request = Request::builder().method(line.method.as_str()).uri(&line.path);
    for (name, value) in &line.headers {
        request = request.header(name, value);
    }
    success(&affise.send(request.body(Body::from(line.body.clone())).unwrap()))
}

both_databases! {
    fn each_line_does_what_the_article_says(database) {
        let network = network(database);
        // So that the invoices have the article's ids, and 2 is not below the minimum.
        network.engine.set_network(&network.call, &[("first_invoice_id", "2921")]).unwrap();
        let file = json!({ "currencies": [{ "code": "USD", "minimum_payment": "1.5" }] });
        network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
        network.approve("
            a 1 1 2022-05-01 3\nb 1 1 2022-05-02 4\nc 1 1 2022-05-03 5\nd 1 1 2022-05-04 6
            e 2 1 2022-05-20 2\nf 2 1 2022-05-21 7\ng 2 1 2022-05-24 9\nh 5 1 2022-05-01 8");
        let affise = Affise::serve(database, &network);
        for day in ["2022-05-01", "2022-05-02", "2022-05-03", "2022-05-04"] {
            affise.post("/3.1/payments/generate", &format!("aid=1&date={day}"));
        }
        let of = |id: i64| affise.get(&format!("/3.1/payments/{id}"))["payment"].clone();
        let listed = || {
            let list = affise.get("/3.1/payments?date_from=2026-01-31&date_to=2026-01-31");
            list["payments"].as_array().unwrap().iter().map(|p| p["id"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(listed(), [2924, 2923, 2922, 2921]);
        let lines = lines();
        let paths: Vec<&str> = lines.iter().map(|line| line.path.as_str()).collect();
        assert_eq!(paths, [
            "/3.1/payments/create-for-affiliate", "/3.1/payments/generate", "/3.1/payments/2926",
            "/3.1/payments/2921/add-correction", "/3.1/payments/bulk-delete", "/3.0/admin/partner/2",
        ]);
        let generates = json!({ "status": 1, "message": "Payment generates will take a few minutes" });
        let done = json!({ "status": 1, "result": true });

        assert_eq!(replay(&affise, &lines[0]), generates);
        assert_eq!((of(2925)["pid"].clone(), of(2925)["revenue"].clone()), (json!(2), json!("2.00000000")));
        // By 2022-05-23: without the one of the day after.
        assert_eq!(replay(&affise, &lines[1]), generates);
        assert_eq!((of(2926)["pid"].clone(), of(2926)["revenue"].clone()), (json!(2), json!("7.00000000")));
        assert_eq!(listed(), [2926, 2925, 2924, 2923, 2922, 2921]);

        assert_eq!(replay(&affise, &lines[2]), done);
        let changed = of(2926);
        let shown = [&changed["pay_acc"], &changed["status"], &changed["comment"], &changed["notes"]];
        assert_eq!(shown, ["payment account", "3", "example", "example"]);

        assert_eq!(replay(&affise, &lines[3]), done);
        let corrected = of(2921);
        assert_eq!(corrected["revenue"], "25.00000000");
        let corrections: Vec<&Value> = corrected["additional_payments"].as_object().unwrap().values().collect();
        assert_eq!(corrections, [&json!({
            "posted_date": "2026-01-31 12:00:00", "revenue": "22.00000000", "currency": "150", "comment": "example",
        })]);

        assert_eq!(replay(&affise, &lines[4]), json!({ "status": 1, "result": { "2925": true, "2924": true } }));
        assert_eq!(listed(), [2926, 2923, 2922, 2921]);

        let edited = replay(&affise, &lines[5]);
        let systems = json!([
            { "id": 1, "active": 1, "system": "PayPal", "system_id": 13, "currency": "USD", "fields": { "4": "1b765" } },
        ]);
        assert_eq!(edited["partner"]["payment_systems"], systems);
        // The account of an open payment follows.
        assert_eq!(of(2926)["pay_acc"], "Email: 1b765");
        network.assert_verified();
    }
}
