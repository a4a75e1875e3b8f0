//! The sample network and its conversions: made up, and the same each time.

use serde_json::{Value, json};

/// How many affiliates.
pub(super) const AFFILIATES: u64 = 200;
/// How many offers.
pub(super) const OFFERS: u64 = 40;
const ADVERTISERS: u64 = 12;
/// Currency, what a dollar is in it roughly, its minimum payment, and how many decimals payouts have.
const CURRENCIES: [(&str, u64, &str, usize); 5] =
    [("USD", 1, "25", 2), ("EUR", 1, "25", 2), ("GBP", 1, "20", 2), ("CAD", 2, "40", 2), ("JPY", 150, "5000", 0)];

const FIRST: [&str; 20] = [
    "Media", "Bright", "North", "Blue", "Prime", "Click", "Urban", "Silver", "Rapid", "Summit", "Harbor", "Pixel",
    "Orchid", "Cedar", "Vivid", "Atlas", "Lumen", "Copper", "Delta", "Echo",
];
const SECOND: [&str; 10] =
    ["Bridge", "Traffic", "Reach", "Leads", "Partners", "Network", "Digital", "Labs", "Collective", "Ads"];
const WARES: [&str; 10] = [
    "Credit Card",
    "Car Insurance",
    "Meal Kit",
    "VPN",
    "Language Course",
    "Broadband",
    "Solar Quote",
    "Pet Food",
    "Travel Booking",
    "Mobile Game",
];
const ADVERTISER_NAMES: [&str; 12] = [
    "Acme Financial",
    "Beacon Insurance",
    "Crisp Kitchen",
    "Dome Security",
    "Eloquent",
    "Fiberline",
    "Greenroof",
    "Happy Paws",
    "Itinera",
    "Joyride Games",
    "Kestrel Bank",
    "Larkspur",
];

/// A small generator of pseudo-random numbers (splitmix64): the demo must print the same on every machine.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn seeded(seed: u64) -> Dice {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True in `percent` of a hundred throws.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// The currency that an affiliate is paid in.
fn currency_of(affiliate: u64) -> usize {
    // Most are paid in dollars, as in a real network.
    match affiliate % 10 {
        0 => 4,
        1 => 3,
        2 => 2,
        3 | 4 => 1,
        _ => 0,
    }
}

/// The network file of the sample.
pub(super) fn network_file() -> Value {
    let affiliates: Vec<Value> = (1..=AFFILIATES).map(affiliate).collect();
    let advertisers: Vec<Value> = (1..=ADVERTISERS)
        .map(|id| json!({ "id": 1000 + id, "name": ADVERTISER_NAMES[id as usize - 1], "currency": "USD" }))
        .collect();
    let offers: Vec<Value> = (1..=OFFERS)
        .map(|id| {
            let ware = WARES[(id % 10) as usize];
            json!({
                "id": id,
                "name": format!("{ware} {}", ["US", "EU", "UK", "World"][(id / 10 % 4) as usize]),
                "advertiser": 1001 + id % ADVERTISERS,
                "payout": format!("{}.{:02}", 1 + id % 17, id * 37 % 100),
                "payout_currency": "USD",
            })
        })
        .collect();
    let currencies: Vec<Value> =
        CURRENCIES.iter().map(|(code, _, minimum, _)| json!({ "code": code, "minimum_payment": minimum })).collect();
    json!({
        "network": { "name": "Sunrise Media", "time_zone": "America/New_York", "currency": "USD" },
        "currencies": currencies,
        "payment_systems": [
            { "id": 13, "title": "PayPal", "type": "paypal", "fields": [{ "id": 4, "label": "Email", "required": true }] },
            { "id": 14, "title": "Bank wire", "type": "wire", "fields": [{ "id": 5, "label": "IBAN", "required": true }] },
        ],
        "managers": [{ "id": 1, "name": "Dana Reyes" }, { "id": 2, "name": "Ken Ito" }, { "id": 3, "name": "Ana Sousa" }],
        "advertisers": advertisers,
        "affiliates": affiliates,
        "offers": offers,
    })
}

fn affiliate(id: u64) -> Value {
    let name = format!("{} {}", FIRST[(id % 20) as usize], SECOND[(id / 20 % 10) as usize]);
    let currency = CURRENCIES[currency_of(id)].0;
    let (system, field, value) = if id.is_multiple_of(3) {
        (14, "5", format!("DE{:020}", id * 7919))
    } else {
        (13, "4", format!("pay{id}@example.com"))
    };
    let mut affiliate = json!({
        "id": id,
        "name": name,
        "email": format!("billing{id}@example.com"),
        "manager": 1 + id % 3,
        "currency": currency,
        "billing_cycle": "Net 30",
        "payment_terms": if id.is_multiple_of(4) { 15 } else { 30 },
    });
    // A few have not said yet how they want to be paid, and one is under review.
    if !id.is_multiple_of(41) {
        affiliate["payment_methods"] =
            json!([{ "system": system, "currency": currency, "main": true, "fields": { field: value } }]);
    }
    if id == 77 {
        affiliate["on_hold"] = true.into();
    }
    affiliate
}

/// One conversion as the tracker would send it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    id: u64,
    affiliate: u64,
    offer: u64,
    pub(super) status: &'static str,
    occurred_at: u64,
    payout: u64,
}

/// The first second of 1 October 2026 in New York.
const OCTOBER: u64 = 1_790_827_200;
const DAY_SECONDS: u64 = 86_400;
/// Days from the first of October to the fifteenth of November.
const DAYS: u64 = 46;

/// The conversions from 1 October to 15 November, by time. `october` tells those of the first month.
pub(super) fn conversions(dice: &mut Dice, count: u64) -> Vec<Row> {
    (0..count)
        .map(|i| {
            // Few affiliates bring most of the conversions: the least of two throws.
            let affiliate = 1 + dice.below(AFFILIATES).min(dice.below(AFFILIATES));
            let offer = 1 + (affiliate * 7 + dice.below(5) * 11) % OFFERS;
            let status = match dice.below(100) {
                0..=84 => "approved",
                85..=95 => "pending",
                _ => "rejected",
            };
            let occurred_at = OCTOBER + i * DAYS * DAY_SECONDS / count + dice.below(60);
            Row { id: i + 1, affiliate, offer, status, occurred_at, payout: 150 + dice.below(1850) }
        })
        .collect()
}

impl Row {
    /// Whether it happened in October, in the network's zone: daylight saving ends on 1 November at two o'clock.
    pub(super) fn in_october(&self) -> bool {
        self.occurred_at < OCTOBER + 31 * DAY_SECONDS
    }
}

/// The rows as CSV.
pub(super) fn csv<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<u8> {
    let mut csv = String::from(
        "conversion_id,affiliate_id,offer_id,status,occurred_at,payout,payout_currency,revenue,revenue_currency\n",
    );
    for row in rows {
        let (currency, rate, _, decimals) = CURRENCIES[currency_of(row.affiliate)];
        let cents = row.payout * rate;
        let payout =
            if decimals == 0 { (cents / 100).to_string() } else { format!("{}.{:02}", cents / 100, cents % 100) };
        let revenue = row.payout * 13 / 10;
        csv.push_str(&format!(
            "sm-{:07},{},{},{},{},{payout},{currency},{}.{:02},USD\n",
            row.id,
            row.affiliate,
            row.offer,
            row.status,
            row.occurred_at,
            revenue / 100,
            revenue % 100
        ));
    }
    csv.into_bytes()
}
