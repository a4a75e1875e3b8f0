//! What is sent to make something, where the same members can change it: of a new one some must be there.

use std::borrow::Cow;

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{CurrencyRequest, ManagerRequest, OfferRequest, PartyRequest, PaymentSystemRequest};

macro_rules! new_ones {
    ($($(#[doc = $told:literal])+ $new:ident of $change:ident needs $($name:literal)+;)+) => {
        $(
            $(#[doc = $told])+
            #[derive(Debug, Clone)]
            pub struct $new;

            impl PartialSchema for $new {
                fn schema() -> RefOr<Schema> {
                    let mut schema = $change::schema();
                    if let RefOr::T(Schema::Object(object)) = &mut schema {
                        object.required.extend([$($name.to_owned()),+]);
                        object.description = Some(concat!($($told),+).trim().to_owned());
                    }
                    schema
                }
            }

            impl ToSchema for $new {
                fn name() -> Cow<'static, str> {
                    stringify!($new).into()
                }

                fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                    $change::schemas(schemas);
                }
            }
        )+
    };
}

new_ones! {
    /// A party that is to be made. What is left out has its default.
    NewPartyRequest of PartyRequest needs "name";
    /// An offer that is to be made. What is left out has its default.
    NewOfferRequest of OfferRequest needs "name";
    /// An account manager that is to be made.
    NewManagerRequest of ManagerRequest needs "name";
    /// A payment system that is to be made.
    NewPaymentSystemRequest of PaymentSystemRequest needs "title" "type";
    /// A currency that is to be switched on.
    NewCurrencyRequest of CurrencyRequest needs "code";
}
