//! `/postback` on both databases: what trackers send, what they are told, and many of them at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use quittance_api::routes;
use quittance_engine::keys::{NewKey, Role};
use quittance_http::{AppState, Limits};
use quittance_testkit::{Network, TestDatabase, both_databases};
use tower::ServiceExt;

const TRACKER: &str = "qk_00000000000000000000000000000000tracker1";
const VIEWER: &str = "qk_000000000000000000000000000000000viewer1";

struct Server {
    state: AppState,
    network: Network,
}

impl Server {
    fn start(database: &TestDatabase) -> Server {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        for (role, secret) in [(Role::Tracker, TRACKER), (Role::Viewer, VIEWER)] {
            let new = NewKey { role, party: None, name: String::new() };
            network.engine.create_key(&network.call, &new, secret).unwrap();
        }
        let now = network.call.now;
        let limits = Limits { requests_burst: 10_000, ..Limits::default() };
        Server { state: AppState::new(Arc::new(database.engine()), Arc::new(move || now), limits, None), network }
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, String) {
        let response = routes(self.state.clone()).oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn get(&self, query: &str) -> (StatusCode, String) {
        let request = Request::builder().uri(format!("/postback?{query}")).body(Body::empty()).unwrap();
        runtime().block_on(self.send(request))
    }

    fn stored(&self, id: &str) -> (String, String) {
        let conversion = self.network.engine.conversion(&self.network.call, id).unwrap().known.conversion;
        (conversion.payout.to_decimal(), conversion.occurred_at.to_string())
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

both_databases! {
    /// 10 % of 100.00, then of the 60.00 that are left when 40.00 were refunded.
    fn a_share_follows_the_sale_that_is_told_anew(database) {
        let server = Server::start(database);
        let file = serde_json::json!({ "offers": [{ "id": 1, "payout": "10 %" }] });
        server.network.engine.import_network(server.network.call.now, Some("test"), &file).unwrap().unwrap();
        let call = format!("key={TRACKER}&conversion_id=s1&affiliate_id=1&offer_id=1&status=approved&amount=");
        assert_eq!(server.get(&format!("{call}100.00")), (StatusCode::OK, "OK".to_owned()));
        assert_eq!(server.stored("s1").0, "10.00");
        assert_eq!(server.get(&format!("{call}60.00")), (StatusCode::OK, "OK".to_owned()));
        assert_eq!(server.stored("s1").0, "6.00");
        server.network.assert_verified();
    }

    fn a_conversion_is_told_and_told_again(database) {
        let server = Server::start(database);
        let call = format!("key={TRACKER}&conversion_id=c1&affiliate_id=1&offer_id=1&payout=2.50&status=approved");
        assert_eq!(server.get(&call), (StatusCode::OK, "OK".to_owned()));
        // It does not say when: it happened when it was told first, and a repeat changes nothing.
        let first = server.stored("c1");
        assert_eq!(first, ("2.50".to_owned(), "2026-02-01T12:00:00Z".to_owned()));
        assert_eq!(server.get(&call), (StatusCode::OK, "OK".to_owned()));
        assert_eq!(server.network.engine.conversion(&server.network.call, "c1").unwrap().known.revision, 1);
        // The status alone.
        assert_eq!(server.get(&format!("key={TRACKER}&conversion_id=c1&status=reversed")).0, StatusCode::OK);
        assert_eq!(server.network.engine.conversion(&server.network.call, "c1").unwrap().known.revision, 2);
        server.network.assert_verified();
    }

    /// Whatever was sent before it: the batch before was of new conversions alone.
    fn a_reversal_may_come_right_after_its_conversion(database) {
        let server = Server::start(database);
        let new = format!("key={TRACKER}&tid=A1&affiliate_id=1&offer_id=1&payout=25&status=approved");
        assert_eq!(server.get(&new), (StatusCode::OK, "OK".to_owned()));
        assert_eq!(server.get(&format!("key={TRACKER}&tid=A1&status=rejected")), (StatusCode::OK, "OK".to_owned()));
        let known = server.network.engine.conversion(&server.network.call, "A1").unwrap().known;
        assert_eq!((known.conversion.status.as_str(), known.revision), ("rejected", 2));
        server.network.assert_verified();
    }

    /// A deposit of 5.00 and a sale of 20.00 under one id: without a key of the network's own the second one is refused, and
    /// named what to set; with it both are owed.
    fn two_goals_of_one_id(database) {
        let server = Server::start(database);
        let call = |id: &str, goal: &str, payout: i64| {
            format!("key={TRACKER}&tid={id}&affiliate_id=1&offer_id=1&payout={payout}&status=approved&event={goal}")
        };
        let engine = &server.network.engine;
        engine.set_network(&server.network.call, &[("conversion_key", "id+goal")]).unwrap();
        for (goal, payout) in [("deposit", 5), ("sale", 20), ("deposit", 5)] {
            assert_eq!(server.get(&call("T9", goal, payout)), (StatusCode::OK, "OK".to_owned()));
        }
        assert_eq!((server.stored("T9~deposit").0, server.stored("T9~sale").0), ("5.00".to_owned(), "20.00".to_owned()));
        let (status, text) = server.get(&format!("key={TRACKER}&tid=T9&status=rejected"));
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text.contains("T9~deposit, T9~sale"), "{text}");
        assert_eq!(server.get(&format!("key={TRACKER}&tid=T9&event=sale&status=rejected")).0, StatusCode::OK);
        assert_eq!(server.get(&format!("key={TRACKER}&tid=T9~deposit&status=rejected")).0, StatusCode::OK);
        server.network.assert_verified();
    }

    fn another_goal_is_refused_where_ids_have_none(database) {
        let server = Server::start(database);
        let call = |goal: &str| {
            format!("key={TRACKER}&tid=T9&affiliate_id=1&offer_id=1&payout=5&status=approved&event={goal}")
        };
        assert_eq!(server.get(&call("deposit")).0, StatusCode::OK);
        let (status, text) = server.get(&call("sale"));
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text.contains("conversion_key is \"id+goal\""), "{text}");
        server.network.assert_verified();
    }

    fn other_names_are_understood_and_what_was_not_filled_in_is_not_given(database) {
        let server = Server::start(database);
        let call = format!(
            "key={TRACKER}&transaction_id=t%201&aff_id=2&oid=3&payout=1&currency=EUR&status=confirmed&unknown=x\
             &sub1=%7Bsub1%7D&country=%25geo%25&goal=[event]&click_id=%7B%7Bclick.id%7D%7D&datetime=2026-01-31%2010:00:00"
        );
        assert_eq!(server.get(&call), (StatusCode::OK, "OK".to_owned()));
        let known = server.network.engine.conversion(&server.network.call, "t 1").unwrap().known.conversion;
        assert_eq!((known.affiliate_id.get(), known.offer_id.get(), known.payout.currency().code()), (2, 3, "EUR"));
        assert_eq!(known.occurred_at.to_string(), "2026-01-31T10:00:00Z");
        assert!(known.texts.iter().all(Option::is_none), "{:?}", known.texts);
    }

    fn a_form_is_as_good_as_a_query(database) {
        let server = Server::start(database);
        let body = "conversion_id=f1&affiliate_id=1&offer_id=1&payout=3&status=1&source=affise&comment=a+b%26c";
        let request = Request::post(format!("/postback?key={TRACKER}")).body(Body::from(body)).unwrap();
        assert_eq!(runtime().block_on(server.send(request)), (StatusCode::OK, "OK".to_owned()));
        assert_eq!(server.stored("f1").0, "3.00");
    }

    /// 10.00 EUR to the affiliate and 12.00 EUR of the advertiser, whose own currency is USD.
    fn the_currency_of_a_call_is_that_of_all_its_amounts(database) {
        let server = Server::start(database);
        let call = |id: &str, rest: &str| {
            let call = format!("key={TRACKER}&tid={id}&affiliate_id=1&offer_id=1&status=approved&{rest}");
            assert_eq!(server.get(&call), (StatusCode::OK, "OK".to_owned()), "{rest}");
            let known = server.network.engine.conversion(&server.network.call, id).unwrap().known.conversion;
            [known.payout, known.revenue].map(|amount| format!("{} {}", amount.to_decimal(), amount.currency()))
        };
        assert_eq!(call("e1", "payout=10&revenue=12&currency=EUR"), ["10.00 EUR", "12.00 EUR"]);
        assert_eq!(call("e2", "payout=10&revenue=12&payout_currency=GBP&currency=EUR"), ["10.00 GBP", "12.00 EUR"]);
        assert_eq!(call("e3", "payout=10&currency=EUR"), ["10.00 EUR", "0.00 USD"]);
        assert_eq!(call("e4", "payout=10&revenue=12"), ["10.00 USD", "12.00 USD"]);
        let twice = format!("key={TRACKER}&tid=e5&affiliate_id=1&offer_id=1&status=approved&payout=1&currency=EUR");
        for rest in ["&payout_currency=USD", "&currency=USD"] {
            assert_eq!(server.get(&format!("{twice}{rest}")).0, StatusCode::BAD_REQUEST, "{rest}");
        }
        server.network.assert_verified();
    }

    fn words_that_trackers_disagree_about_need_a_source(database) {
        let server = Server::start(database);
        let call = format!("key={TRACKER}&tid=w1&affiliate_id=1&offer_id=1&payout=1&status=");
        let status = || {
            let known = server.network.engine.conversion(&server.network.call, "w1").unwrap().known.conversion;
            (known.status.as_str(), known.settled)
        };
        for word in ["1", "2", "3", "5", "lead", "paid", "processed", "unpaid", "2&source=facebook", "lead&source=affise"] {
            let (found, body) = server.get(&format!("{call}{word}"));
            assert!(found == StatusCode::BAD_REQUEST && body.contains("name yours"), "{word}: {body}");
        }
        assert!(server.get(&format!("{call}2&source=afise")).1.contains("is affise meant?"));
        for (word, expected) in [
            ("Approved", ("approved", false)),
            ("2&source=affise", ("pending", false)),
            ("2&source=AWIN", ("rejected", false)),
            ("lead&source=keitaro", ("pending", false)),
            ("SALE&source=keitaro", ("approved", false)),
            ("hold", ("hold", false)),
            ("trash", ("rejected", false)),
            ("approved&source=facebook", ("approved", false)),
            ("paid&source=affiliatewp", ("approved", true)),
        ] {
            assert_eq!(server.get(&format!("{call}{word}")), (StatusCode::OK, "OK".to_owned()), "{word}");
            assert_eq!(status(), expected, "{word}");
        }
        server.network.assert_verified();
    }

    fn ids_that_were_not_filled_in_are_refused(database) {
        let server = Server::start(database);
        for id in [
            "%24%7BTID%7D", "!!!tid!!!", "%3Ctid%3E", "__TID__", "null", "undefined", "REPLACE", "OPTIONAL", "%7Btid%7D",
            "9.91214E%2B16",
        ] {
            let call = format!("key={TRACKER}&tid={id}&affiliate_id=1&offer_id=1&payout=1&status=approved");
            let (found, body) = server.get(&call);
            let told = body.contains("conversion_id is missing") || body.contains("a spreadsheet has shortened");
            assert!(found == StatusCode::BAD_REQUEST && told, "{id}: {body}");
        }
        // No spreadsheet stands between a tracker and this call: one whole id of 17 digits in a hundred ends so.
        let call = format!("key={TRACKER}&tid=20261005093000000&affiliate_id=1&offer_id=1&payout=1&status=approved");
        assert_eq!(server.get(&call).0, StatusCode::OK);
    }

    fn what_is_wrong_is_a_line_of_text(database) {
        let server = Server::start(database);
        let good = format!("key={TRACKER}&conversion_id=x&affiliate_id=1&offer_id=1&payout=1&status=approved");
        for (query, status, text) in [
            ("conversion_id=x".to_owned(), 401, "a key is required"),
            ("key=qk_none&conversion_id=x".to_owned(), 401, "the key is unknown"),
            (format!("key={VIEWER}&conversion_id=x&status=1"), 403, "may not do this"),
            (format!("key={TRACKER}&status=approved"), 400, "conversion_id is missing"),
            (format!("key={TRACKER}&conversion_id=%7Btid%7D&status=approved"), 400, "conversion_id is missing"),
            (format!("key={TRACKER}&conversion_id=x"), 400, "status is missing"),
            (format!("{good}&aff_id=1"), 400, "affiliate_id and aff_id mean the same"),
            (format!("{good}&payout=2"), 400, "payout is given twice"),
            (good.replace("affiliate_id=1", "affiliate_id=x"), 400, "\"x\" is no id"),
            (good.replace("affiliate_id=1", "affiliate_id=99"), 422, "there is no affiliate 99"),
            (good.replace("payout=1", "payout=1.0000001"), 422, "payout"),
            (good.replace("status=approved", "status=maybe"), 400, "\"maybe\""),
            (format!("key={TRACKER}&conversion_id=new&status=approved"), 422, "there is no conversion"),
        ] {
            let (found, body) = server.get(&query);
            assert_eq!(found.as_u16(), status, "{query}: {body}");
            assert!(body.contains(text) && body.ends_with('\n') && body.lines().count() == 1, "{query}: {body}");
        }
    }

    /// Every caller is told of its own record, whatever else is in the transaction.
    fn many_at_once_are_each_told_of_their_own(database) {
        let server = Arc::new(Server::start(database));
        let tell = |i: usize| {
            let server = Arc::clone(&server);
            async move {
                let affiliate = if i % 10 == 3 { 77 } else { i % 5 + 1 };
                let query = format!("conversion_id=m{i}&affiliate_id={affiliate}&offer_id=1&payout=0.01&status=approved");
                let request = Request::get(format!("/postback?key={TRACKER}&{query}")).body(Body::empty()).unwrap();
                (i, server.send(request).await)
            }
        };
        let answers = runtime().block_on(async {
            let calls: Vec<_> = (0..300).map(|i| tokio::spawn(tell(i))).collect();
            let mut answers = Vec::new();
            for call in calls {
                answers.push(call.await.unwrap());
            }
            answers
        });
        for (i, (status, body)) in answers {
            let expected = if i % 10 == 3 { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
            assert_eq!(status, expected, "{i}: {body}");
            let known = server.network.engine.conversion(&server.network.call, &format!("m{i}"));
            assert_eq!(known.is_ok(), expected == StatusCode::OK, "{i}");
        }
        server.network.assert_verified();
    }
}
