//! The bodies of version 2 exactly as they are on the wire: names, order and types.

use serde::Serialize;
use serde_json::value::RawValue;

/// A row of `invoices.json` of an affiliate (seed).
#[derive(Debug, Serialize)]
pub(super) struct AffiliateInvoice<'a> {
    pub(super) invoice_id: i64,
    pub(super) invoice_date: String,
    pub(super) invoice_status: &'static str,
    pub(super) affiliate_id: i64,
    pub(super) affiliate_name: &'a str,
    pub(super) billing_cycle_name: &'static str,
    pub(super) currency_symbol: &'static str,
    pub(super) total_payout: String,
    pub(super) payment_type: Option<&'static str>,
    pub(super) date_approved: Option<String>,
}

/// A row of `invoices.json` of an advertiser.
#[derive(Debug, Serialize)]
pub(super) struct AdvertiserInvoice<'a> {
    pub(super) invoice_id: i64,
    pub(super) invoice_date: String,
    pub(super) invoice_status: &'static str,
    pub(super) advertiser_id: i64,
    pub(super) advertiser_name: &'a str,
    pub(super) billing_cycle_name: &'static str,
    pub(super) currency_symbol: &'static str,
    pub(super) total_revenue: String,
    pub(super) payment_type: Option<&'static str>,
    pub(super) date_approved: Option<String>,
}

/// An invoice of either kind.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Invoice<'a> {
    Affiliate(AffiliateInvoice<'a>),
    Advertiser(AdvertiserInvoice<'a>),
}

/// An id of a conversion: a number where it is one, else a text.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ConversionId<'a> {
    Number(i64),
    Text(&'a str),
}

/// A row of `invoice_conversions.json`.
#[derive(Debug, Serialize)]
pub(super) struct InvoiceConversion<'a> {
    pub(super) conversion_id: ConversionId<'a>,
    pub(super) conversion_date: String,
    pub(super) affiliate_id: Option<i64>,
    pub(super) offer_id: i64,
    pub(super) offer_name: Option<&'a str>,
    pub(super) payout: Box<RawValue>,
    pub(super) currency_symbol: &'static str,
}

/// A row of `report/conversion.json`.
#[derive(Debug, Serialize)]
pub(super) struct ReportedConversion<'a> {
    pub(super) conversion_id: ConversionId<'a>,
    pub(super) conversion_date: String,
    pub(super) conversion_status: &'static str,
    pub(super) affiliate_id: i64,
    pub(super) advertiser_id: Option<i64>,
    pub(super) offer_id: i64,
    pub(super) offer_name: Option<&'a str>,
    pub(super) payout: Box<RawValue>,
    pub(super) currency_symbol: &'static str,
    pub(super) revenue: Box<RawValue>,
    pub(super) revenue_currency_symbol: &'static str,
}

/// A row of `billing_cycles.json`.
#[derive(Debug, Serialize)]
pub(super) struct Cycle {
    pub(super) billing_cycle_id: i64,
    pub(super) billing_cycle_name: &'static str,
}

/// A row of `payment_methods.json`.
#[derive(Debug, Serialize)]
pub(super) struct Method {
    pub(super) payment_method_id: i64,
    pub(super) payment_method_name: String,
    pub(super) payment_type_id: i64,
}

/// A row of `payment_types.json`.
#[derive(Debug, Serialize)]
pub(super) struct PaymentType {
    pub(super) payment_type_id: i64,
    pub(super) payment_type_name: &'static str,
}

/// A row of `currencies.json`.
#[derive(Debug, Serialize)]
pub(super) struct CurrencyRow {
    pub(super) currency_id: i64,
    pub(super) currency_name: String,
    pub(super) currency_symbol: &'static str,
}

/// A row of `affiliates.json`.
#[derive(Debug, Serialize)]
pub(super) struct Affiliate {
    pub(super) affiliate_id: i64,
    pub(super) affiliate_name: String,
    pub(super) affiliate_status: String,
    pub(super) account_manager_id: Option<i64>,
    pub(super) website: Option<String>,
    pub(super) billing_cycle_id: i64,
    pub(super) date_created: String,
}

/// A row of `advertisers.json`.
#[derive(Debug, Serialize)]
pub(super) struct Advertiser {
    pub(super) advertiser_id: i64,
    pub(super) advertiser_name: String,
    pub(super) advertiser_status: String,
    pub(super) account_manager_id: Option<i64>,
    pub(super) website: Option<String>,
    pub(super) billing_cycle_id: i64,
    pub(super) date_created: String,
}

/// The account manager of a party that was written.
#[derive(Debug, Serialize)]
pub(super) struct AccountManager {
    pub(super) id: i64,
    pub(super) name: String,
}

/// An affiliate that was written.
#[derive(Debug, Serialize)]
pub(super) struct WrittenAffiliate {
    pub(super) affiliate_id: i64,
    pub(super) affiliate_name: String,
    pub(super) affiliate_status: String,
    pub(super) account_manager: Option<AccountManager>,
    pub(super) date_created: String,
}

/// An advertiser that was written.
#[derive(Debug, Serialize)]
pub(super) struct WrittenAdvertiser {
    pub(super) advertiser_id: i64,
    pub(super) advertiser_name: String,
    pub(super) advertiser_status: String,
    pub(super) account_manager: Option<AccountManager>,
    pub(super) date_created: String,
}

/// A row of `offers.json`.
#[derive(Debug, Serialize)]
pub(super) struct Offer {
    pub(super) offer_id: i64,
    pub(super) offer_name: String,
    pub(super) advertiser_id: Option<i64>,
    pub(super) payout: Option<Box<RawValue>>,
    pub(super) payout_percentage: Option<Box<RawValue>>,
    pub(super) revenue: Option<Box<RawValue>>,
    pub(super) revenue_percentage: Option<Box<RawValue>>,
    pub(super) currency_symbol: Option<&'static str>,
}

/// An answer of one thing or list under a name of its own.
#[derive(Debug)]
pub(super) struct Answered<'a, T> {
    /// The name.
    pub(super) name: &'a str,
    pub(super) value: T,
    /// The count beside a list, with its name.
    pub(super) total: Option<(&'a str, i64)>,
}

impl<T: Serialize> Serialize for Answered<'_, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("request_status", super::quirks::SUCCESS)?;
        map.serialize_entry(self.name, &self.value)?;
        if let Some((name, total)) = self.total {
            map.serialize_entry(name, &total)?;
        }
        map.end()
    }
}
