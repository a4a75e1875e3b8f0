//! An instance of this vendor as it is pulled: advertisers, affiliates, offers and the report of conversions, version 2.

use quittance_engine::records::Field;
use serde_json::Value;

use crate::pull::{Dialect, Entry, Fields, Page, Paging, Reach, Request, Resource, Want, number, text};

/// The vendor as a source.
pub(crate) struct Pulled;

/// How many rows are asked for: less than the 5,000 and 10,000 that the lists give.
const ROWS: u64 = 1_000;
/// How many days before the last pull conversions are looked at again: the report goes by their dates alone.
const WINDOW_DAYS: i32 = 60;

/// A conversion's fields, and where they are. The vendor's page shows no currency: it is the affiliate's then.
const FIELDS: &[(&str, &[&str])] = &[
    ("conversion_id", &["conversion_id"]),
    ("affiliate_id", &["affiliate_id"]),
    ("offer_id", &["offer_id"]),
    ("advertiser_id", &["advertiser_id"]),
    ("status", &["conversion_status"]),
    ("occurred_at", &["conversion_date"]),
    ("payout", &["payout"]),
    ("payout_currency", &["currency_symbol"]),
    ("revenue", &["revenue"]),
    ("revenue_currency", &["revenue_currency_symbol"]),
    ("click_id", &["click_id"]),
];

impl Dialect for Pulled {
    fn name(&self) -> &'static str {
        "cake"
    }

    fn resources(&self) -> &'static [Resource] {
        &[Resource::Advertisers, Resource::Affiliates, Resource::Offers, Resource::Conversions]
    }

    fn rows(&self, _: Resource) -> u64 {
        ROWS
    }

    fn paging(&self) -> Paging {
        // The first row has the number 0 on some pages of the documents, 1 on others.
        Paging::Counted
    }

    fn reach(&self) -> Reach {
        Reach { by_change: false, window_days: WINDOW_DAYS }
    }

    fn request(&self, want: &Want<'_>) -> Request {
        let path = match want.resource {
            Resource::Advertisers => "/api/2/advertisers.json",
            Resource::Affiliates => "/api/2/affiliates.json",
            Resource::Offers => "/api/2/offers.json",
            Resource::Conversions => "/api/2/report/conversion.json",
        };
        let mut request = Request::get(path).with("api_key", want.key);
        request = request.with("start_at_row", want.read).with("row_limit", want.rows);
        if want.resource == Resource::Conversions {
            let (from, through) = want.days;
            request = request.with("start_date", from).with("end_date", through);
        }
        request
    }

    fn page(&self, resource: Resource, body: &Value) -> Result<Page, String> {
        // A failure may have the status 200.
        if let Some(status) = text(body, &["request_status"]).filter(|status| status != super::quirks::SUCCESS) {
            let said = self.refusal(body).unwrap_or_default();
            return Err(format!("request_status is {status:?}: {said}"));
        }
        if resource == Resource::Conversions {
            let total = body.pointer("/response/total_rows").or_else(|| body.get("total_rows"));
            return Page::of(body.pointer("/response/data/conversions"), total);
        }
        let total = body.get("total_rows").or_else(|| body.get("total_records"));
        Page::of(body.get(resource.as_str()), total)
    }

    fn entry(&self, resource: Resource, row: &Value) -> Entry {
        let mut entry = Entry::new();
        let mut put = |key: &str, value: Option<Value>| entry.extend(value.map(|value| (key.to_owned(), value)));
        if resource == Resource::Offers {
            // The vendor's sample has each one in an object of its own.
            let row = row.get("offer").unwrap_or(row);
            put("id", number(row, &["offer_id"]).map(Value::from));
            put("name", text(row, &["offer_name"]).map(Value::from));
            put("advertiser", number(row, &["advertiser_id"]).map(Value::from));
            return entry;
        }
        let word = if resource == Resource::Affiliates { "affiliate" } else { "advertiser" };
        put("id", number(row, &[&format!("{word}_id")]).map(Value::from));
        put("name", text(row, &[&format!("{word}_name")]).map(Value::from));
        let status = text(row, &[&format!("{word}_status")]).map(|word| word.to_ascii_lowercase());
        let known = ["active", "inactive", "pending", "suspended"];
        put("status", status.filter(|word| known.contains(&word.as_str())).map(Value::from));
        put("website", text(row, &["website"]).map(Value::from));
        entry
    }

    fn conversion(&self, row: &Value) -> Fields {
        let said = FIELDS.iter().filter_map(|(field, path)| Some((Field::named(field)?, text(row, path)?)));
        let in_small = |(field, text): (Field, String)| match field {
            Field::Status => (field, text.to_ascii_lowercase()),
            _ => (field, text),
        };
        said.map(in_small).collect()
    }

    fn refusal(&self, body: &Value) -> Option<String> {
        text(body, &["message"])
    }
}
