//! What can go wrong on the way, each with its own error.

use quittance_api::pull::{Answer, Error, Event, Fetch, FetchError, Options, Request, base};
use quittance_api::pull_source;
use quittance_testkit::TestDatabase;

use crate::account::{Account, Target, VENDORS, Way, options};

/// A way on which some answers come first, and then those of the account.
struct First<'a> {
    answers: Vec<Result<Answer, FetchError>>,
    way: Way<'a>,
}

impl Fetch for First<'_> {
    fn fetch(&mut self, request: &Request) -> Result<Answer, FetchError> {
        if self.answers.is_empty() { self.way.fetch(request) } else { self.answers.remove(0) }
    }

    fn wait(&mut self, seconds: u64) {
        self.way.wait(seconds);
    }
}

fn answer(status: u16, body: &str) -> Result<Answer, FetchError> {
    Ok(Answer { status, retry_after: None, body: body.as_bytes().to_vec() })
}

/// What the failure says when an account's first answers are these; and what was waited for.
fn failure(vendor: &str, answers: Vec<Result<Answer, FetchError>>) -> (String, Vec<u64>) {
    let (account, database) = (Account::open(), TestDatabase::sqlite());
    let target = Target::open(&database, "2026-01-31");
    let mut way = First { answers, way: Way::to(&account) };
    let (outcome, _) = target.pull(vendor, &options(vendor), &mut way);
    (outcome.failure.expect("a failure").to_string(), way.way.waits)
}

#[test]
fn a_wrong_key_is_refused_in_the_vendors_words_and_shown_nowhere() {
    let (account, database) = (Account::open(), TestDatabase::sqlite());
    let target = Target::open(&database, "2026-01-31");
    for (vendor, words) in VENDORS.iter().zip(["Token is necessary", "No Authentication Method Found", ""]) {
        let options = Options { key: "qk_secret".to_owned(), ..options(vendor) };
        let (outcome, told) = target.pull(vendor, &options, &mut Way::to(&account));
        let text = outcome.failure.unwrap().to_string();
        assert!(text.contains("https://account.example/") && text.contains("401"), "{text}");
        assert!(text.contains(words) && text.contains("is the key right"), "{text}");
        assert!(!text.contains("qk_secret") && !format!("{told:?}").contains("qk_secret"), "{text}");
    }
}

#[test]
fn an_account_that_repeats_the_key_does_not_make_it_known() {
    let (account, database) = (Account::open(), TestDatabase::sqlite());
    let target = Target::open(&database, "2026-01-31");
    let said = [
        answer(403, r#"{"error":"the key qk_secret may not"}"#),
        answer(200, "<html>qk_secret</html>"),
        Err(FetchError::Unreachable("https://account.example/?api-key=qk_secret".to_owned())),
    ];
    for first in said {
        let options = Options { key: "qk_secret".to_owned(), ..options("affise") };
        let mut way = First { answers: vec![first], way: Way::to(&account) };
        let text = target.pull("affise", &options, &mut way).0.failure.unwrap().to_string();
        assert!(text.contains('…') && !text.contains("qk_secret"), "{text}");
    }
}

#[test]
fn a_host_that_is_down_is_not_tried_for_a_minute() {
    let down = || Err(FetchError::Unreachable("connection refused".to_owned()));
    let (text, waits) = failure("cake", vec![down()]);
    assert_eq!(text, "https://account.example/api/2/advertisers.json: connection refused");
    assert_eq!(waits, [0; 0]);
}

#[test]
fn a_busy_account_is_asked_again_when_it_wants() {
    let (account, database) = (Account::open(), TestDatabase::sqlite());
    let target = Target::open(&database, "2026-01-31");
    let busy = |after| Ok(Answer { status: 429, retry_after: after, body: Vec::new() });
    let answers = vec![busy(Some(7)), busy(None), answer(503, "<html>"), busy(Some(100_000))];
    let mut way = First { answers, way: Way::to(&account) };
    let (outcome, told) = target.pull("everflow", &options("everflow"), &mut way);
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
    // Its own wish, up to five minutes; else a delay that doubles with each attempt.
    assert_eq!(way.way.waits, [7, 2, 4, 300]);
    let waiting = Event::Waiting { seconds: 7, reason: "the account answers 429".to_owned() };
    assert!(told.contains(&waiting), "{told:?}");
}

#[test]
fn an_account_that_stays_busy_is_given_up() {
    let (text, waits) = failure("affise", vec![answer(429, r#"{"error":"Too many requests"}"#); 7]);
    assert!(text.contains("429: Too many requests; try again later"), "{text}");
    assert_eq!(waits, [1, 2, 4, 8, 16, 32]);
}

#[test]
fn answers_that_are_no_pages_are_named() {
    let (text, _) = failure("affise", vec![answer(200, "<html>Sign in</html>")]);
    assert!(text.contains("no JSON") && text.contains("<html>Sign in"), "{text}");
    let (text, _) = failure("everflow", vec![answer(200, r#"{"affiliates":7}"#)]);
    assert!(text.contains("it has no list of rows"), "{text}");
    let (text, _) = failure("cake", vec![answer(200, r#"{"request_status":"Error","message":"Invalid API key"}"#)]);
    assert!(text.contains("Invalid API key"), "{text}");
    let (text, _) = failure("cake", vec![answer(302, "")]);
    assert!(text.contains("302") && text.contains("redirects"), "{text}");
    let (text, _) = failure("affise", vec![answer(404, r#"{"status":2,"error":"Page Not Found"}"#)]);
    assert!(text.contains("404: Page Not Found; is that the address of such an account?"), "{text}");
    let (text, _) = failure("affise", vec![Err(FetchError::TooLarge)]);
    assert!(text.contains("larger than 33554432 bytes"), "{text}");
    let deep = "[".repeat(10_000);
    let (text, _) = failure("affise", vec![answer(200, &deep)]);
    assert!(text.contains("recursion limit"), "{text}");
}

#[test]
fn an_account_that_shows_one_page_for_ever_is_found_out() {
    let page = r#"{"partners":[{"id":1,"login":"one"},{"id":2,"login":"two"}],"pagination":{"total_count":9}}"#;
    let (text, _) = failure("affise", vec![answer(200, page), answer(200, page)]);
    assert!(text.contains("the same page comes again"), "{text}");
}

#[test]
fn addresses_are_made_plain_or_refused() {
    let of = |vendor: &str, text: &str| base(pull_source(vendor).unwrap(), text);
    for (vendor, text, expected) in [
        ("affise", " https://API-x.Affise.com/ ", "https://api-x.affise.com"),
        ("everflow", "https://api.eflow.team/v1/", "https://api.eflow.team"),
        ("cake", "http://127.0.0.1:8080/tracker", "http://127.0.0.1:8080/tracker"),
    ] {
        assert_eq!(of(vendor, text).unwrap(), expected);
    }
    for text in ["api.x.com", "ftp://x", "https://", "https://x/?api_key=secret", "https://me:secret@x", "https://x y"]
    {
        let refused = of("cake", text).unwrap_err();
        assert!(matches!(refused, Error::Address(_)), "{text}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
    assert!(pull_source("tune").is_none());
}
