//! Types exactly as on the wire.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::quirks;

/// An object whose names are values, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Named<V>(pub(super) Vec<(String, V)>);

impl<V: Serialize> Serialize for Named<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// The same, but an empty list where there is nothing in it: so PHP writes it.
#[derive(Debug, Clone, Default)]
pub(super) struct NamedOrList<V>(pub(super) Vec<(String, V)>);

impl<V: Serialize> Serialize for NamedOrList<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            return serializer.collect_seq(std::iter::empty::<V>());
        }
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A successful answer: its status, then what it is about under a name of its own.
pub(super) struct Success<'a, T> {
    pub(super) name: &'a str,
    pub(super) value: T,
    pub(super) pagination: Option<Pagination>,
}

impl<T: Serialize> Serialize for Success<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", &quirks::SUCCESS)?;
        map.serialize_entry(self.name, &self.value)?;
        if let Some(pagination) = &self.pagination {
            map.serialize_entry("pagination", pagination)?;
        }
        map.end()
    }
}

/// The paging of all lists but that of payments.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Pagination {
    pub(super) per_page: i64,
    pub(super) total_count: i64,
    pub(super) page: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_page: Option<i64>,
}

/// A payment invoice.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Payment {
    pub(super) id: i64,
    pub(super) pid: i64,
    pub(super) manager_id: Option<String>,
    pub(super) posted_date: String,
    pub(super) pay_sys: i64,
    pub(super) pay_sys_name: String,
    pub(super) pay_acc: String,
    pub(super) status: String,
    pub(super) revenue: String,
    pub(super) ref_revenue: Option<String>,
    pub(super) currency: String,
    pub(super) currency_code: &'static str,
    pub(super) comment: String,
    pub(super) notes: String,
    pub(super) cpa_actions: Vec<String>,
    pub(super) ref_ids: [String; 0],
    pub(super) details: Details,
    pub(super) additional_payments: NamedOrList<AdditionalPayment>,
    pub(super) updated_at: String,
}

/// What an invoice is made of.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Details {
    pub(super) details: NamedOrList<OfferDetails>,
    pub(super) count: i64,
}

/// The conversions of an offer.
#[derive(Debug, Clone, Serialize)]
pub(super) struct OfferDetails {
    pub(super) title: String,
    pub(super) cost: Named<Cost>,
}

/// The conversions of an offer with one payout.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Cost {
    pub(super) count: i64,
    pub(super) currency: i64,
}

/// A correction.
#[derive(Debug, Clone, Serialize)]
pub(super) struct AdditionalPayment {
    pub(super) posted_date: String,
    pub(super) revenue: String,
    pub(super) currency: String,
    pub(super) comment: String,
}

/// A custom field of a partner. What its name is stands in the vendor's account alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct CustomField {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) label: String,
    pub(super) id: i64,
}

/// An affiliate.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Partner {
    pub(super) id: i64,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    pub(super) email: String,
    pub(super) login: String,
    #[serde(rename = "contactPerson")]
    pub(super) contact_person: Option<String>,
    pub(super) name: String,
    /// The address is not kept.
    pub(super) address_1: Option<String>,
    pub(super) address_2: Option<String>,
    pub(super) city: Option<String>,
    pub(super) country: Option<String>,
    pub(super) zip_code: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) notes: String,
    #[serde(rename = "ref")]
    pub(super) reference: String,
    pub(super) ref_percent: Option<String>,
    pub(super) level: i64,
    pub(super) status: String,
    pub(super) manager: Option<Manager>,
    pub(super) payment_systems: Vec<PartnerSystem>,
    #[serde(rename = "customFields")]
    pub(super) custom_fields: Vec<CustomField>,
    pub(super) balance: Named<Balance>,
    #[serde(rename = "offersCount")]
    pub(super) offers_count: i64,
    pub(super) api_key: &'static str,
    pub(super) tags: [String; 0],
    pub(super) lang: &'static str,
    pub(super) sub_accounts: Named<SubAccount>,
    pub(super) tipalti_payee_id: Option<String>,
    pub(super) tipalti_status: Option<String>,
}

/// A partner's payment system; the first one is active.
#[derive(Debug, Clone, Serialize)]
pub(super) struct PartnerSystem {
    pub(super) id: i64,
    pub(super) active: i64,
    pub(super) system: String,
    pub(super) system_id: i64,
    pub(super) currency: Option<String>,
    pub(super) fields: Named<String>,
}

/// A partner's account manager.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Manager {
    pub(super) id: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) work_hours: &'static str,
    pub(super) email: String,
    pub(super) skype: &'static str,
    pub(super) api_key: &'static str,
    pub(super) roles: [String; 0],
    pub(super) updated_at: &'static str,
    pub(super) created_at: &'static str,
    pub(super) last_login_at: &'static str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) avatar: &'static str,
}

/// What a partner has in a currency.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Balance {
    pub(super) balance: Box<RawValue>,
    pub(super) hold: Box<RawValue>,
    pub(super) available: Box<RawValue>,
}

/// A sub account of a partner.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct SubAccount {
    pub(super) value: &'static str,
    pub(super) except: i64,
}

/// The same answer about something that has its id beside it.
pub(super) struct SuccessOf<'a, T> {
    pub(super) name: &'a str,
    pub(super) value: T,
    pub(super) id: i64,
}

impl<T: Serialize> Serialize for SuccessOf<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", &quirks::SUCCESS)?;
        map.serialize_entry(self.name, &self.value)?;
        map.serialize_entry("id", &self.id)?;
        map.end()
    }
}

/// The same answer with a message beside it.
pub(super) struct SuccessWithMessage<'a, T> {
    pub(super) name: &'a str,
    pub(super) value: T,
    pub(super) message: &'a str,
}

impl<T: Serialize> Serialize for SuccessWithMessage<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", &quirks::SUCCESS)?;
        map.serialize_entry(self.name, &self.value)?;
        map.serialize_entry("message", self.message)?;
        map.end()
    }
}

/// A payment system.
#[derive(Debug, Clone, Serialize)]
pub(super) struct PaymentSystem {
    pub(super) id: i64,
    pub(super) lang_label: String,
    pub(super) fields: Vec<SystemField>,
    pub(super) currency: Option<&'static str>,
}

/// A custom field that partners have.
#[derive(Debug, Clone, Serialize)]
pub(super) struct FieldOfPartners {
    pub(super) id: i64,
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) field_type: &'static str,
    pub(super) field_values: Option<Vec<String>>,
}

/// A field of a payment system.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SystemField {
    pub(super) id: i64,
    pub(super) lang_label: String,
    pub(super) required: bool,
}

/// A currency, in full.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Quote {
    pub(super) _id: i64,
    pub(super) code: &'static str,
    pub(super) active: bool,
    pub(super) default: bool,
    pub(super) rate: Box<RawValue>,
    pub(super) min_payment: i64,
    pub(super) is_crypto: bool,
}

/// An invoice to an advertiser.
#[derive(Debug, Clone, Serialize)]
pub(super) struct AdvertiserInvoice {
    pub(super) number: i64,
    pub(super) supplier_id: String,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    pub(super) start_date: String,
    pub(super) end_date: String,
    pub(super) status: &'static str,
    pub(super) detail: Vec<Detail>,
    pub(super) currency: &'static str,
    pub(super) comment: Option<String>,
}

/// A row of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Detail {
    pub(super) offer_id: i64,
    pub(super) payout_type: &'static str,
    pub(super) actions: i64,
    pub(super) amount: Box<RawValue>,
    pub(super) comment: Option<String>,
}

/// What came of those whom an affiliate has referred; every value is a text.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RefPayment {
    pub(super) pid: String,
    #[serde(rename = "ref")]
    pub(super) reference: String,
    pub(super) status: &'static str,
    pub(super) is_paid: &'static str,
    pub(super) currency: &'static str,
    pub(super) count: String,
    pub(super) max_created_at: String,
    pub(super) date_registration_partner: String,
    pub(super) sum_revenue: String,
}

/// What the affiliate of a key has, by kind.
#[derive(Debug, Clone, Serialize)]
pub(super) struct OwnBalance {
    pub(super) balance: Named<Box<RawValue>>,
    pub(super) hold: Named<Box<RawValue>>,
    pub(super) available: Named<Box<RawValue>>,
}

/// An offer, with what billing needs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Offer {
    pub(super) id: i64,
    pub(super) offer_id: String,
    pub(super) title: String,
    pub(super) advertiser: Option<String>,
    pub(super) status: &'static str,
    pub(super) hold_period: i64,
    pub(super) payments: Vec<OfferPayment>,
}

/// What an offer pays.
#[derive(Debug, Clone, Serialize)]
pub(super) struct OfferPayment {
    pub(super) revenue: Option<Box<RawValue>>,
    pub(super) total: Option<Box<RawValue>>,
    pub(super) currency: Option<&'static str>,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}
