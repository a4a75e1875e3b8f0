//! Each choice of this dialect where its vendor's documents say nothing or contradict each other.

/// The header of the key. Its documents also write `X-Eflow-Api-Key`; names of headers have no case.
pub(super) const KEY_HEADER: &str = "x-eflow-api-key";
/// Pages where none is asked for (user guide, "Paging").
pub(super) const PAGE_SIZE_DEFAULT: i64 = 50;
/// The largest page (user guide, "Paging"). A larger one is cut to it, and the answer says so.
pub(super) const PAGE_SIZE_MAX: i64 = 2_000;
/// What is said without a good key, and with one of the wrong kind (user guide, "Errors").
pub(super) const NO_KEY: &str = "No Authentication Method Found";
/// See [`NO_KEY`].
pub(super) const OUT_OF_REALM: &str = "Out of realm";
/// Where payments are asked for: nothing is recorded without payout batches.
pub(super) const NO_BATCHES: &str = "Payment batches are not enabled";
/// The zone that is shown for one that is none of the vendor's: UTC.
pub(super) const OTHER_ZONE: i64 = 67;
/// Lines have numbers within their invoice, the vendor's have an id of their own: the invoice's id times this, and the
/// number. Both stay exact in clients that read numbers as doubles.
pub(super) const DETAILS_PER_INVOICE: i64 = 1_000_000;
/// Its samples have times of details as 0.
pub(super) const DETAIL_TIME: i64 = 0;
/// The longest list of ids in a filter or a bulk change.
pub(super) const IDS_MAX: usize = 10_000;
/// The most search terms.
pub(super) const TERMS_MAX: usize = 100;

/// The vendor's payment types, by the type of the main payment method. The rest keep their name.
pub(super) const PAYMENT_TYPES: [(&str, &str); 7] = [
    ("ach", "direct_deposit"),
    ("direct_deposit", "direct_deposit"),
    ("wise", "transferwise"),
    ("crypto", "bitcoin"),
    ("sepa", "wire"),
    ("prepaid", "gift_card"),
    ("other", "gift_card"),
];

/// The statuses of partners and advertisers (network API, "Affiliates").
pub(super) const ACCOUNT_STATUSES: [&str; 4] = ["active", "inactive", "pending", "suspended"];
/// Filters of the tables of partners and advertisers by what Quittance does not know. They are refused, since whoever asks for
/// a few would take all for those few.
pub(super) const UNKNOWN_FILTERS: [&str; 7] = [
    "network_account_executives_ids",
    "sales_manager_ids",
    "labels",
    "tags",
    "ran_traffic_in_last_hours",
    "network_tracking_domain_ids",
    "region_codes",
];
/// Filters of conversions by what Quittance does not know, likewise.
pub(super) const UNKNOWN_TRAFFIC: [&str; 4] =
    ["show_only_scrub", "show_only_vt", "show_only_ct", "show_only_fail_traffic"];
/// The most partners or advertisers of one bulk edit: they are changed in one transaction.
pub(super) const PATCHED_MAX: usize = 1_000;
