//! An account of this vendor as it is pulled: partners, offers and conversions, by the requests of its public description.

use quittance_engine::records::Field;
use serde_json::Value;

use super::quirks;
use crate::pull::{Dialect, Entry, Fields, Page, Paging, Reach, Request, Resource, Want, number, text};

/// The vendor as a source.
pub(crate) struct Pulled;

/// The most rows of an answer [oas].
const ROWS: u64 = 500;
/// How far back changes are looked for: a range of days can be a year long.
const WINDOW_DAYS: i32 = 364;

/// A conversion's fields, and where they are. Texts that are empty are not given.
const FIELDS: &[(&str, &[&str])] = &[
    ("conversion_id", &["id"]),
    ("affiliate_id", &["partner_id"]),
    ("offer_id", &["offer_id"]),
    ("occurred_at", &["created_at"]),
    ("updated_at", &["updated_at"]),
    ("payout", &["payouts"]),
    ("payout_currency", &["currency"]),
    ("revenue", &["revenue"]),
    // A conversion has one currency here.
    ("revenue_currency", &["currency"]),
    ("sale_amount", &["sum"]),
    ("goal", &["goal"]),
    ("click_id", &["clickid"]),
    ("country", &["country"]),
    ("sub1", &["sub1"]),
    ("sub2", &["sub2"]),
    ("sub3", &["sub3"]),
    ("sub4", &["sub4"]),
    ("sub5", &["sub5"]),
    ("comment", &["comment"]),
];

impl Dialect for Pulled {
    fn name(&self) -> &'static str {
        "affise"
    }

    fn resources(&self) -> &'static [Resource] {
        // Advertisers have ids that are no numbers; those of offers are taken where they are.
        &[Resource::Affiliates, Resource::Offers, Resource::Conversions]
    }

    fn rows(&self, _: Resource) -> u64 {
        ROWS
    }

    fn paging(&self) -> Paging {
        Paging::Numbered
    }

    fn reach(&self) -> Reach {
        Reach { by_change: true, window_days: WINDOW_DAYS }
    }

    fn request(&self, want: &Want<'_>) -> Request {
        let path = match want.resource {
            Resource::Conversions => "/3.0/stats/conversions",
            Resource::Offers => "/3.0/offers",
            _ => "/3.0/admin/partners",
        };
        let mut request = Request::get(path).header(quirks::KEY, want.key);
        request = request.with("page", want.page).with("limit", want.rows);
        if want.resource == Resource::Conversions {
            let (from, through) = want.days;
            request = request.with("date_from", from).with("date_to", through);
            if let Some(day) = want.changed_from {
                request = request.with("update_from_date", day);
            }
        }
        request
    }

    fn page(&self, resource: Resource, body: &Value) -> Result<Page, String> {
        let list = match resource {
            Resource::Conversions => "conversions",
            Resource::Offers => "offers",
            _ => "partners",
        };
        Page::of(body.get(list), body.pointer("/pagination/total_count"))
    }

    fn entry(&self, resource: Resource, row: &Value) -> Entry {
        let mut entry = Entry::new();
        let mut put = |key: &str, value: Option<Value>| entry.extend(value.map(|value| (key.to_owned(), value)));
        put("id", number(row, &["id"]).map(Value::from));
        if resource == Resource::Offers {
            put("name", text(row, &["title"]).map(Value::from));
            let advertiser = number(row, &["advertiser"]).map(Value::from);
            put("advertiser", advertiser.or_else(|| text(row, &["advertiser"]).map(Value::from)));
            return entry;
        }
        let name = ["name", "login", "email"].iter().find_map(|key| text(row, &[key]));
        put("name", name.map(Value::from));
        for key in ["email", "country", "phone", "notes"] {
            put(key, text(row, &[key]).map(Value::from));
        }
        let status = text(row, &["status"]);
        put("status", status.and_then(|word| quirks::partner_status_of(&word)).map(Value::from));
        entry
    }

    fn conversion(&self, row: &Value) -> Fields {
        let mut fields: Fields =
            FIELDS.iter().filter_map(|(field, path)| Some((Field::named(field)?, text(row, path)?))).collect();
        // Advertisers of other accounts have ids that are no numbers.
        let advertiser = number(row, &["supplier_id"]).map(|id| (Field::AdvertiserId, id.to_string()));
        // A word that is none of ours is refused by its name.
        let status = text(row, &["status"]).map(|word| {
            let known = quirks::conversion_status(&word);
            (Field::Status, known.map_or(word, |status| status.as_str().to_owned()))
        });
        fields.extend(advertiser.into_iter().chain(status));
        fields
    }

    fn refusal(&self, body: &Value) -> Option<String> {
        text(body, &["error"]).or_else(|| text(body, &["message"]))
    }
}
