//! A network of this vendor as it is pulled: advertisers, partners, offers and conversions.

use quittance_engine::records::Field;
use serde_json::{Value, json};

use super::{quirks, zones};
use crate::pull::{Dialect, Entry, Fields, Page, Paging, Reach, Request, Resource, Want, number, text};

/// The vendor as a source.
pub(crate) struct Pulled;

/// How many rows are asked for. Up to 2000 are given, of some lists fewer.
const ROWS: u64 = 500;
/// How many days before the last pull conversions are looked at again: the report goes by when they happened alone.
const WINDOW_DAYS: i32 = 60;

/// A conversion's fields, and where they are.
const FIELDS: &[(&str, &[&str])] = &[
    ("conversion_id", &["conversion_id"]),
    ("affiliate_id", &["relationship", "affiliate", "network_affiliate_id"]),
    ("offer_id", &["relationship", "offer", "network_offer_id"]),
    ("status", &["status"]),
    ("occurred_at", &["conversion_unix_timestamp"]),
    ("payout", &["payout"]),
    ("payout_currency", &["currency_id"]),
    ("revenue", &["revenue"]),
    // A conversion is in the currency of its offer.
    ("revenue_currency", &["currency_id"]),
    ("sale_amount", &["sale_amount"]),
    ("goal", &["event"]),
    ("click_id", &["transaction_id"]),
    ("country", &["country"]),
    ("sub1", &["sub1"]),
    ("sub2", &["sub2"]),
    ("sub3", &["sub3"]),
    ("sub4", &["sub4"]),
    ("sub5", &["sub5"]),
    ("comment", &["notes"]),
];

impl Dialect for Pulled {
    fn name(&self) -> &'static str {
        "everflow"
    }

    fn trailing(&self) -> &'static str {
        "/v1"
    }

    fn resources(&self) -> &'static [Resource] {
        &[Resource::Advertisers, Resource::Affiliates, Resource::Offers, Resource::Conversions]
    }

    fn rows(&self, _: Resource) -> u64 {
        ROWS
    }

    fn paging(&self) -> Paging {
        Paging::Numbered
    }

    fn reach(&self) -> Reach {
        Reach { by_change: false, window_days: WINDOW_DAYS }
    }

    fn request(&self, want: &Want<'_>) -> Request {
        let request = match want.resource {
            Resource::Advertisers => Request::get("/v1/networks/advertisers"),
            Resource::Affiliates => Request::get("/v1/networks/affiliates"),
            Resource::Offers => Request::get("/v1/networks/offers"),
            Resource::Conversions => {
                let (from, through) = want.days;
                // Older documents require a zone. The instants of the rows are UTC in any case.
                let body = json!({
                    "from": format!("{from} 00:00:00"),
                    "to": format!("{through} 23:59:59"),
                    "timezone_id": zones::id_of("UTC"),
                    "show_conversions": true,
                    "show_events": true,
                });
                Request::post("/v1/networks/reporting/conversions", &body)
            }
        };
        request.header(quirks::KEY_HEADER, want.key).with("page", want.page).with("page_size", want.rows)
    }

    fn page(&self, resource: Resource, body: &Value) -> Result<Page, String> {
        Page::of(body.get(resource.as_str()), body.pointer("/paging/total_count"))
    }

    fn entry(&self, resource: Resource, row: &Value) -> Entry {
        let mut entry = Entry::new();
        let mut put = |key: &str, value: Option<Value>| entry.extend(value.map(|value| (key.to_owned(), value)));
        put("name", text(row, &["name"]).map(Value::from));
        if resource == Resource::Offers {
            put("id", number(row, &["network_offer_id"]).map(Value::from));
            put("advertiser", number(row, &["network_advertiser_id"]).map(Value::from));
            return entry;
        }
        let id = if resource == Resource::Affiliates { "network_affiliate_id" } else { "network_advertiser_id" };
        put("id", number(row, &[id]).map(Value::from));
        // Its four words are ours; one that is none is not taken.
        let status = text(row, &["account_status"]);
        let known = ["active", "inactive", "pending", "suspended"];
        put("status", status.filter(|word| known.contains(&word.as_str())).map(Value::from));
        put("currency", text(row, &["default_currency_id"]).map(Value::from));
        put("notes", text(row, &["internal_notes"]).map(Value::from));
        put("email", text(row, &["accounting_contact_email"]).map(Value::from));
        entry
    }

    fn conversion(&self, row: &Value) -> Fields {
        let mut fields: Fields =
            FIELDS.iter().filter_map(|(field, path)| Some((Field::named(field)?, text(row, path)?))).collect();
        // 0 is the absence of a value here.
        let advertiser = number(row, &["relationship", "advertiser", "network_advertiser_id"]);
        fields.extend(advertiser.map(|id| (Field::AdvertiserId, id.to_string())));
        fields
    }

    fn refusal(&self, body: &Value) -> Option<String> {
        text(body, &["error"]).or_else(|| text(body, &["Error"]))
    }
}
