//! A network follows an account: everything once, then what has changed, also after interruptions.

use quittance_api::pull::Options;
use quittance_domain::ids::PartyKind;
use quittance_domain::time::Zone;
use quittance_engine::parties::PartyFilter;
use quittance_engine::reference::OfferFilter;
use quittance_testkit::{TestDatabase, both_databases, day};

use crate::account::{Account, BOOKS, CHANGES, Target, VENDORS, Way, model, options};

/// The databases of each vendor's target: of the kind that the test runs on.
fn another(database: &TestDatabase) -> TestDatabase {
    if database.url().starts_with("sqlite") { TestDatabase::sqlite() } else { TestDatabase::postgres().unwrap() }
}

both_databases! {
    fn everything_comes_once_and_changes_follow(database) {
        for vendor in VENDORS {
            let mut account = Account::open();
            let own = another(database);
            let mut target = Target::open(&own, "2026-01-31");
            let options = options(vendor);
            assert_eq!(target.pulled(vendor, &options, &mut Way::to(&account)), (12, 0, 0, 0), "{vendor}");
            assert_eq!(target.totals(), model(vendor, &[BOOKS]), "{vendor}");
            parties_are_there(&target, vendor);
            // Nothing new: nothing changes, whatever is read again.
            let (created, updated, _, _) = target.pulled(vendor, &options, &mut Way::to(&account));
            assert_eq!((created, updated), (0, 0), "{vendor}");

            account.change("2026-02-02", CHANGES);
            target.at("2026-02-02");
            let (created, updated, _, _) = target.pulled(vendor, &options, &mut Way::to(&account));
            if vendor == "affise" {
                // Asked by when they were changed: the old one, too.
                assert_eq!((created, updated), (1, 4));
            } else {
                assert_eq!((created, updated), (1, 3), "{vendor}");
                // Before the days that are looked at again nothing is seen, unless that is asked for.
                let without = CHANGES.lines().filter(|line| !line.trim().starts_with("o1")).collect::<Vec<_>>().join("\n");
                assert_eq!(target.totals(), model(vendor, &[BOOKS, &without]), "{vendor}");
                let far = Options { window_days: Some(300), ..options.clone() };
                let (created, updated, _, _) = target.pulled(vendor, &far, &mut Way::to(&account));
                assert_eq!((created, updated), (0, 1), "{vendor}");
            }
            assert_eq!(target.totals(), model(vendor, &[BOOKS, CHANGES]), "{vendor}");
            target.assert_verified();
        }
    }

    fn a_pull_that_breaks_off_goes_on_where_it_stopped(database) {
        for vendor in VENDORS {
            let account = Account::open();
            let own = another(database);
            let mut target = Target::open(&own, "2026-01-31");
            let options = Options { rows: Some(2), ..options(vendor) };
            let whole = TestDatabase::sqlite();
            let mut way = Way::to(&account);
            Target::open(&whole, "2026-01-31").pulled(vendor, &options, &mut way);
            let all = way.requests;

            // Each time a few requests more than the lists of parties and offers take.
            let lists = 3 * 4;
            let (mut pulls, mut created) = (0, 0);
            loop {
                pulls += 1;
                let mut way = Way { breaks_after: Some(lists + 8), ..Way::to(&account) };
                let (outcome, _) = target.pull(vendor, &options, &mut way);
                created += outcome.pulled.last().unwrap().counts.created;
                let Some(failure) = outcome.failure else { break };
                assert!(failure.to_string().contains("the line is cut"), "{failure}");
                assert_eq!(way.waits, [1, 2, 4, 8, 16, 32], "{vendor}");
                assert!(pulls < all, "{vendor}: it never ends");
                // Another day does not make another pull of it.
                target.at("2026-02-01");
            }
            assert!(pulls > 2, "{vendor}: {pulls}");
            assert_eq!(created, 12, "{vendor}: nothing was created twice, and nothing left out");
            assert_eq!(target.totals(), model(vendor, &[BOOKS]), "{vendor}");
            target.assert_verified();
        }
    }

    fn a_day_to_begin_with_goes_before_what_was_read(database) {
        let account = Account::open();
        let target = Target::open(database, "2026-01-31");
        let since = |text: &str| Options { since: Some(day(text)), ..options("everflow") };
        assert_eq!(target.pulled("everflow", &since("2026-01-28"), &mut Way::to(&account)), (4, 0, 0, 0));
        assert_eq!(target.pulled("everflow", &since("2026-01-01"), &mut Way::to(&account)), (2, 0, 4, 0));
        assert_eq!(target.pulled("everflow", &since("2025-01-01"), &mut Way::to(&account)), (6, 0, 6, 0));
    }

    fn times_are_read_in_the_zone_of_the_account(database) {
        // The account's times are 08:00 of its own clock; Everflow alone says instants.
        for (vendor, expected) in [("affise", "2026-01-30T23:00:00"), ("cake", "2026-01-30T23:00:00"), ("everflow", "2026-01-31T08:00:00")] {
            let account = Account::open();
            let own = another(database);
            let target = Target::open(&own, "2026-01-31");
            let zone = Zone::parse("Asia/Tokyo").unwrap();
            target.pulled(vendor, &Options { zone, ..options(vendor) }, &mut Way::to(&account));
            let states = target.engine.conversions_by_ids(&target.call, &["j4"]).unwrap();
            assert_eq!(Zone::utc().reading(states[0].known.conversion.occurred_at), expected, "{vendor}");
        }
    }

    fn what_was_changed_here_stays_until_the_account_says_something_new(database) {
        let mut account = Account::open();
        let mut target = Target::open(database, "2026-01-31");
        let options = options("affise");
        target.pulled("affise", &options, &mut Way::to(&account));
        let edit = quittance_engine::ingest::ConversionEdit { payout: Some("99".into()), ..Default::default() };
        target.engine.edit_conversions(&target.call, &[("j4".to_owned(), edit)]).unwrap();
        let payout = |target: &Target| {
            target.engine.conversions_by_ids(&target.call, &["j4"]).unwrap()[0].known.conversion.payout.to_decimal()
        };
        target.pulled("affise", &Options { since: Some(day("2026-01-01")), ..options.clone() }, &mut Way::to(&account));
        assert_eq!(payout(&target), "99.00");
        account.change("2026-02-02", "j4 5 2 approved 2026-01-31 6 USD");
        target.at("2026-02-02");
        target.pulled("affise", &options, &mut Way::to(&account));
        assert_eq!(payout(&target), "6.00");
    }
}

fn parties_are_there(target: &Target, vendor: &str) {
    let filter = PartyFilter { after: i64::MIN, ..PartyFilter::default() };
    let parties = |kind| target.engine.parties(&target.call, kind, &filter, (0, 100)).unwrap().parties;
    let affiliates = parties(PartyKind::Affiliate);
    assert_eq!(affiliates.len(), 5, "{vendor}");
    assert_eq!((affiliates[0].party.name.as_str(), affiliates[0].party.status.as_str()), ("Zoë & Söhne", "inactive"));
    let advertisers: Vec<String> = parties(PartyKind::Advertiser).into_iter().map(|row| row.party.name).collect();
    // Affise's advertisers are known by the offers alone.
    let second = if vendor == "affise" { "Advertiser 2" } else { "Acme" };
    assert_eq!(advertisers, ["Advertiser 1", second], "{vendor}");
    let filter = OfferFilter { after: i64::MIN, ..OfferFilter::default() };
    let offers = target.engine.offers(&target.call, &filter, (0, 100)).unwrap().offers;
    let third = offers.iter().find(|offer| offer.offer_id == 3).unwrap();
    assert_eq!((offers.len(), third.name.as_str(), third.advertiser_id), (4, "Third", Some(2)), "{vendor}");
}
