//! Conversions: listed, shown and changed.

use std::fmt;
use std::str::FromStr;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quittance_domain::conversion::ConversionStatus;
use quittance_domain::currency::Currency;
use quittance_domain::money::Money;
use quittance_domain::time::{Day, Timestamp};
use quittance_engine::ingest::{ConversionEdit, ConversionFilter, ConversionPlace, State as Known};
use quittance_engine::invoices::ConversionView;
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine, Error};
use quittance_http::idempotency::Answer;
use quittance_http::{AppState, Problem};
use utoipa::IntoParams;

use super::describe::{IfMatch, Listed};
use super::list::{Asked, List, Part, Window};
use super::params::{Body, Form, Param, Query, if_match, param};
use super::wire;

/// The address of a conversion.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes the address")]
struct ConversionPath {
    /// The conversion's id.
    id: String,
}

/// Shows a conversion, and on which invoices its entries are.
#[utoipa::path(get, path = "/conversions/{id}", tag = "Conversions", params(ConversionPath),
    responses((status = 200, description = "The conversion.", body = wire::Conversion)))]
pub(super) async fn one(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let call = actor.call((state.clock)());
    let view = state.run(move |engine| engine.conversion(&call, &id)).await?;
    tagged(&view)
}

/// A conversion with its revision as `ETag`.
fn tagged(view: &ConversionView) -> Result<Response, Problem> {
    Ok(super::invoices::tagged(Answer::of(StatusCode::OK, &wire::conversion_view(view))?, view.known.revision))
}

/// Changes a conversion.
///
/// The change stays until the tracker says something new of it. What was billed of it before is not changed: the next
/// invoices carry the difference.
#[utoipa::path(patch, path = "/conversions/{id}", tag = "Conversions", params(ConversionPath, IfMatch),
    request_body = wire::ConversionEditRequest,
    responses((status = 200, description = "The conversion as it is now.", body = wire::Conversion)))]
pub(super) async fn edit(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let expected = if_match(&headers)?;
    let members = Body::of::<wire::ConversionEditRequest>(&body)?;
    let status = members.text("status")?.map(|word| {
        let wrong = || Problem::bad_request("/status", format!("status: {word:?} is none of {}", STATUSES.join(", ")));
        ConversionStatus::parse(&word).ok_or_else(wrong)
    });
    let edit = ConversionEdit {
        status: status.transpose()?,
        payout: members.amount("payout")?,
        payout_currency: members.currency("payout_currency")?,
        revenue: members.amount("revenue")?,
        revenue_currency: members.currency("revenue_currency")?,
        sale_amount: members.amount("sale_amount")?,
        comment: members.text("comment")?,
    };
    let call = actor.call((state.clock)());
    let view = state.run(move |engine| {
        engine.edit_conversion(&call, &id, expected, &edit)?;
        engine.conversion(&call, &id)
    });
    tagged(&view.await.map_err(Problem::in_body)?)
}

const STATUSES: [&str; 4] = ["approved", "pending", "hold", "rejected"];

/// The list of conversions.
pub(super) struct Conversions(ConversionFilter);

/// The place of a conversion: its day in the books, offer, affiliate and id, whose bytes are in hexadecimal.
#[derive(Clone, PartialEq)]
pub(super) struct Place(ConversionPlace);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place(place) = self;
        write!(f, "{}.{}.{}.", place.posting_day.number(), place.offer_id, place.affiliate_id)?;
        place.conversion_id.bytes().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Place, ()> {
        let parts: Vec<&str> = text.split('.').collect();
        let [day, offer, affiliate, id] = parts[..] else { return Err(()) };
        let digits: Option<Vec<u32>> = id.chars().map(|digit| digit.to_digit(16)).collect();
        let bytes = digits
            .ok_or(())?
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit) as u8)
            .collect();
        Ok(Place(ConversionPlace {
            posting_day: Day::from_number(day.parse().map_err(drop)?),
            offer_id: offer.parse().map_err(drop)?,
            affiliate_id: affiliate.parse().map_err(drop)?,
            conversion_id: String::from_utf8(bytes).map_err(drop)?,
        }))
    }
}

impl Conversions {
    fn read(query: &Query) -> Result<Conversions, Problem> {
        let (from, through) = (query.day("from")?.unwrap_or(Day::MIN), query.day("through")?.unwrap_or(Day::MAX));
        let text = |name: &str| query.text(name).unwrap_or_default().to_owned();
        let list =
            |name: &str| query.text(name).map(|all| all.split(',').map(str::to_owned).collect()).unwrap_or_default();
        let filter = ConversionFilter {
            statuses: query.words("status", &STATUSES, ConversionStatus::parse)?.unwrap_or_default(),
            affiliates: query.ints("affiliates")?.unwrap_or_default(),
            offers: query.ints("offers")?.unwrap_or_default(),
            advertisers: query.ints("advertisers")?.unwrap_or_default(),
            countries: list("countries"),
            goals: list("goals"),
            click_id: text("click_id"),
            subs: ["sub1", "sub2", "sub3", "sub4", "sub5"].map(text),
            comment: text("comment"),
            currency: query.currency("payout_currency")?,
            payout: amounts(query, ["payout_from", "payout_through"])?,
            revenue: amounts(query, ["revenue_from", "revenue_through"])?,
            changed: instants(query, ["received_from", "received_before"])?,
            occurred: instants(query, ["occurred_from", "occurred_before"])?,
            ..ConversionFilter::of_days(from, through)
        };
        Ok(Conversions(filter))
    }
}

/// A range of amounts in 10^-8 of whatever currency they are in.
fn amounts(query: &Query, names: [&str; 2]) -> Result<(i64, i64), Problem> {
    let bound = |name: &str, none: i64| {
        let Some(text) = query.decimal(name)? else { return Ok(none) };
        let units = Currency::parse("BTC").ok().and_then(|currency| Money::parse(text, currency).ok());
        let wrong = || Problem::bad_request(name, format!("{name}: {text:?} is no amount that a conversion can have"));
        units.map(Money::units).ok_or_else(wrong)
    };
    Ok((bound(names[0], i64::MIN)?, bound(names[1], i64::MAX)?))
}

/// A range of instants, the second of them not in it.
fn instants(query: &Query, names: [&str; 2]) -> Result<(Timestamp, Timestamp), Problem> {
    let (from, before) = (query.instant(names[0])?, query.instant(names[1])?);
    let (first, last) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    Ok((from.unwrap_or(first), before.unwrap_or(last)))
}

impl List for Conversions {
    type Row = wire::Conversion;
    type Key = Place;
    const NAME: &'static str = "conversions";
    const READ_AGAIN: bool = true;
    const SORTS: &'static [&'static str] = &["day"];
    const FILTERS: &'static [Param] = &[
        param("from", Form::Day, "From this day in the books on."),
        param("through", Form::Day, "Up to this day in the books."),
        param("status", Form::Words(&STATUSES), "Only those in one of these statuses."),
        param("affiliates", Form::Ints, "Only those of these affiliates."),
        param("offers", Form::Ints, "Only those of these offers."),
        param("advertisers", Form::Ints, "Only those of these advertisers."),
        param("countries", Form::Text, "Only those from these countries, with commas between."),
        param("goals", Form::Text, "Only those with one of these goals, with commas between."),
        param("click_id", Form::Text, "Only those with this click id."),
        param("sub1", Form::Text, "Only those with this text; likewise the next four."),
        param("sub2", Form::Text, "See `sub1`."),
        param("sub3", Form::Text, "See `sub1`."),
        param("sub4", Form::Text, "See `sub1`."),
        param("sub5", Form::Text, "See `sub1`."),
        param("comment", Form::Text, "Only those with this comment."),
        param("payout_currency", Form::Text, "Only those paid in this currency."),
        param("payout_from", Form::Decimal, "With at least this payout, in whatever currency."),
        param("payout_through", Form::Decimal, "With at most this payout, in whatever currency."),
        param("revenue_from", Form::Decimal, "With at least this revenue, in whatever currency."),
        param("revenue_through", Form::Decimal, "With at most this revenue, in whatever currency."),
        param("occurred_from", Form::Instant, "Happened at this instant or later."),
        param("occurred_before", Form::Instant, "Happened before this instant."),
        param("received_from", Form::Instant, "The present state was received at this instant or later."),
        param("received_before", Form::Instant, "The present state was received before this instant."),
    ];

    fn part(&self, engine: &Engine, call: &Call, window: &Window<Place>) -> Result<Part<Conversions>, Error> {
        let after = window.after.as_ref().map(|Place(place)| place);
        let found = engine.conversions_after(call, &self.0, after, window.limit)?;
        let place = |state: &Known| {
            let conversion = &state.known.conversion;
            Place(ConversionPlace {
                posting_day: state.known.place.posting_day,
                offer_id: conversion.offer_id.get(),
                affiliate_id: conversion.affiliate_id.get(),
                conversion_id: conversion.conversion_id.to_string(),
            })
        };
        let rows = found.rows.iter().map(|state| (place(state), wire::conversion_state(state)));
        Ok((rows.collect(), found.next.map(Place)))
    }
}

/// Lists conversions by their day in the books.
#[utoipa::path(get, path = "/conversions", tag = "Conversions", params(Listed<Conversions>),
    responses((status = 200, description = "A page of conversions.", body = wire::ConversionPage)))]
pub(super) async fn list(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Conversions>()?;
    let list = Conversions::read(&query)?;
    asked.answer(&query, list).await
}
