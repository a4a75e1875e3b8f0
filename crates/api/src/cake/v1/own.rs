//! The bills that an affiliate sees of its own.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use quittance_domain::ids::InvoiceKind;
use quittance_engine::invoices::{InvoiceQuery, ListedInvoice};
use quittance_engine::keys::{Actor, Role};
use quittance_http::{AppState, Problem};

use super::bills::{BILLS, ROWS_MAX, amount, each, list, paid_on, period_end, respond};
use super::named;
use super::tree::Value;
use crate::cake::params::Params;
use crate::cake::sent::Sent;

pub(super) async fn bills(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Response, Problem> {
    let service = named("Bills");
    let form = service.form(&sent);
    let affiliate = Params::required("affiliate_id", sent.params.int("affiliate_id")?)?;
    if actor.role == Role::Affiliate && actor.party_id != Some(affiliate) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "Invalid Affiliate ID"));
    }
    // Here a limit of 0 asks for all of them.
    let whole = |text: &str| text.parse::<usize>().ok();
    let start = sent.params.parsed("start_at_row", "a whole number from 0", whole)?.unwrap_or(1);
    let limit = sent.params.parsed("row_limit", "a whole number from 0", whole)?.unwrap_or(0);
    let (offset, limit) = (start.max(1) - 1, if limit == 0 { ROWS_MAX } else { limit.min(ROWS_MAX) });
    let query = InvoiceQuery {
        kind: Some(InvoiceKind::Payable),
        party_id: Some(affiliate),
        statuses: BILLS.to_vec(),
        hidden: Some(false),
        ..InvoiceQuery::default()
    };
    let call = actor.call((state.clock)());
    let (rows, total) = state
        .run(move |engine| {
            let (mut rows, mut place) = (Vec::new(), 0);
            each(engine, &call, &query, &mut |bill| {
                if place >= offset && rows.len() < limit {
                    rows.push(row(bill));
                }
                place += 1;
                true
            })?;
            Ok((rows, place))
        })
        .await?;
    respond(&service, form, &list("bills", "bill", rows, i64::try_from(total).unwrap_or(i64::MAX)))
}

fn row(bill: &ListedInvoice) -> Value {
    Value::Object(vec![
        ("bill_id", Value::Int(bill.invoice.invoice_id.get())),
        ("start_date", Value::day(Some(bill.invoice.period.start))),
        ("end_date", Value::day(period_end(bill))),
        ("date_paid", Value::day(paid_on(bill))),
        ("bill_amount", Value::Decimal(amount(bill))),
        ("currency_symbol", Value::Text(bill.invoice.book.currency.symbol())),
    ])
}
