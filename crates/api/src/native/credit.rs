//! The credit of parties that is paid out in cash, and what of that is taken back.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quittance_domain::ids::{PartyKind, PaymentId};
use quittance_engine::invoices::CreditPayoutRequest;
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::{Answer, once};
use quittance_http::scope::check_manager;
use quittance_http::{AppState, Problem};
use utoipa::IntoParams;

use super::describe::Listed;
use super::list::{Asked, List, Window};
use super::params::{Body, Param};
use super::parties::{PartyPath, party_id};
use super::wire;

/// The address of a payment of credit.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes the address")]
struct PayoutPath {
    /// The party's id.
    id: i64,
    /// The payment's id.
    payout: i64,
}

/// What of a party's credit was paid out, and what of that came back.
pub(super) struct CreditPayouts {
    actor: Actor,
    kind: PartyKind,
    id: i64,
}

impl List for CreditPayouts {
    type Row = wire::Payment;
    type Key = i64;
    const NAME: &'static str = "credit_payouts";
    const SORTS: &'static [&'static str] = &["id"];
    const FILTERS: &'static [Param] = &[];

    fn page(
        &self,
        engine: &Engine,
        call: &Call,
        window: &Window<i64>,
    ) -> quittance_engine::Result<Vec<(i64, wire::Payment)>> {
        engine.party(call, self.kind, self.id)?;
        check_manager(engine, &self.actor, call, self.kind, self.id)?;
        let rows = engine.credit_payouts(call, (self.kind, self.id), window.after.unwrap_or(0), window.limit)?;
        Ok(rows.iter().map(|row| (row.payment_id.get(), wire::payment(row))).collect())
    }
}

async fn list(asked: Asked, kind: PartyKind, id: &str) -> Result<Response, Problem> {
    let query = asked.query::<CreditPayouts>()?;
    let list = CreditPayouts { actor: asked.actor.clone(), kind, id: party_id(kind, id)? };
    asked.answer(&query, list).await
}

/// What a request about a party's credit brings.
struct Sent {
    state: AppState,
    actor: Actor,
    kind: PartyKind,
    id: i64,
    headers: HeaderMap,
    body: Bytes,
}

impl Sent {
    /// Pays out, once for an `Idempotency-Key`.
    async fn pay_out(self, route: &'static str) -> Result<Answer, Problem> {
        let Sent { state, actor, kind, id, headers, body } = self;
        let members = Body::of::<wire::CreditPayoutRequest>(&body)?;
        let request = CreditPayoutRequest {
            amount: Body::required("amount", members.amount("amount")?)?,
            currency: members.currency("currency")?,
            day: members.day("date")?,
            reference: Body::required("reference", members.text("reference")?)?,
            rail: members.text("rail")?,
            again: members.flag("again")?.unwrap_or(false),
        };
        let call = actor.call((state.clock)());
        // The same key for another party is another request, so the address is part of what is compared.
        let compared: Bytes = [id.to_string().as_bytes(), b"\n", &body].concat().into();
        once(&state, &actor, route, &headers, &compared, |claimed| async {
            let call = Call { claimed, ..call };
            let paid = state.run(move |engine| engine.pay_out_credit(&call, kind, id, &request)).await?;
            Answer::of(StatusCode::CREATED, &wire::credit_payout(&paid))
        })
        .await
    }

    /// Takes a payment back, once for an `Idempotency-Key`.
    async fn take_back(self, route: &'static str, payout: &str) -> Result<Answer, Problem> {
        let Sent { state, actor, kind, id, headers, body } = self;
        let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no payment {payout:?}"));
        let payout: i64 = payout.parse().map_err(|_| absent())?;
        let members = Body::of::<wire::CreditPayoutReversalRequest>(&body)?;
        let (day, reason) = (members.day("date")?, members.text("reason")?.unwrap_or_default());
        let call = actor.call((state.clock)());
        let compared: Bytes = [format!("{id}/{payout}").as_bytes(), b"\n", &body].concat().into();
        once(&state, &actor, route, &headers, &compared, |claimed| async {
            let call = Call { claimed, ..call };
            let back = state.run(move |engine| {
                engine.reverse_credit_payout(&call, (kind, id), PaymentId::new(payout), day, &reason)
            });
            Answer::of(StatusCode::OK, &wire::credit_payout(&back.await?))
        })
        .await
    }
}

macro_rules! credit_routes {
    ($kind:ident, $all:literal, $reverse:literal, $pay_route:literal, $reverse_route:literal,
        $list:ident $told_list:literal, $pay:ident $told_pay:literal, $back:ident $told_back:literal) => {
        #[doc = $told_list]
        #[utoipa::path(get, path = $all, tag = "Parties", summary = $told_list, params(PartyPath, Listed<CreditPayouts>),
                    responses((status = 200, description = "A page of them, oldest first.", body = wire::CreditPayoutPage)))]
        pub(super) async fn $list(Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
            list(asked, PartyKind::$kind, &id).await
        }

        #[doc = $told_pay]
        #[utoipa::path(post, path = $all, tag = "Parties", summary = $told_pay, params(PartyPath),
                    request_body = wire::CreditPayoutRequest,
                    responses((status = 201, description = "The payment, and the credit that is left.", body = wire::CreditPayout)))]
        pub(super) async fn $pay(
            State(state): State<AppState>,
            Extension(actor): Extension<Actor>,
            Path(id): Path<String>,
            headers: HeaderMap,
            body: Bytes,
        ) -> Result<Answer, Problem> {
            let id = party_id(PartyKind::$kind, &id)?;
            Sent { state, actor, kind: PartyKind::$kind, id, headers, body }.pay_out($pay_route).await
        }

        #[doc = $told_back]
        #[utoipa::path(post, path = $reverse, tag = "Parties", summary = $told_back, params(PayoutPath),
                    request_body = wire::CreditPayoutReversalRequest,
                    responses((status = 200, description = "What came back, and the credit that there is.", body = wire::CreditPayout)))]
        pub(super) async fn $back(
            State(state): State<AppState>,
            Extension(actor): Extension<Actor>,
            Path((id, payout)): Path<(String, String)>,
            headers: HeaderMap,
            body: Bytes,
        ) -> Result<Answer, Problem> {
            let id = party_id(PartyKind::$kind, &id)?;
            Sent { state, actor, kind: PartyKind::$kind, id, headers, body }.take_back($reverse_route, &payout).await
        }
    };
}

credit_routes!(
    Affiliate, "/affiliates/{id}/credit-payouts", "/affiliates/{id}/credit-payouts/{payout}/reverse",
    "POST affiliates credit-payouts", "POST affiliates credit-payouts reverse",
    of_affiliate "Lists what an affiliate has paid back of its credit.",
    by_affiliate "Records that an affiliate has paid back credit of it.",
    back_to_affiliate "Takes back what an affiliate has paid back: it came back, or its record was a mistake."
);
credit_routes!(
    Advertiser, "/advertisers/{id}/credit-payouts", "/advertisers/{id}/credit-payouts/{payout}/reverse",
    "POST advertisers credit-payouts", "POST advertisers credit-payouts reverse",
    of_advertiser "Lists what was paid out of an advertiser's credit.",
    to_advertiser "Records that credit of an advertiser was paid out to it.",
    back_from_advertiser "Takes back what was paid out of an advertiser's credit: it came back, or its record was a mistake."
);
