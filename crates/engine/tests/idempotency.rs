//! Requests with an idempotency key on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use quittance_domain::ids::KeyId;
use quittance_domain::time::Timestamp;
use quittance_engine::idempotency::{
    ABANDONED_MICROS, Begun, Claim, DONE_UNANSWERED, KEPT_MICROS, Scope, begin, finish,
};
use quittance_engine::{Engine, Error, ErrorKind};
use quittance_testkit::{Network, both_databases};

fn scope(network: &Network) -> Scope<'_> {
    Scope { network: network.call.network, key: KeyId::new(1), route: "POST /things", idempotency_key: "k-1" }
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn fresh(begun: Begun) -> Claim {
    match begun {
        Begun::Fresh(claim) => claim,
        other => panic!("{other:?}"),
    }
}

fn repeat(answer: &str) -> Begun {
    Begun::Repeat { status: 201, answer: answer.into() }
}

/// Does a request in one transaction, unless it was done before.
fn request(engine: &Engine, scope: &Scope<'_>, body: &str, fails: bool) -> Result<Begun, Error> {
    engine.store().write(|tx| {
        let begun = begin(tx, scope, body, at(1), None)?;
        if let Begun::Fresh(claim) = &begun {
            finish(tx, scope, *claim, 201, "made")?;
        }
        if fails { Err(Error::Conflict("failed".into())) } else { Ok(begun) }
    })
}

both_databases! {
    fn the_claim_of_a_dead_process_is_taken_over_at_once(database) {
        let network = Network::create(database.engine());
        let scope = scope(&network);
        let (died, lives) = (database.engine(), database.engine());
        let first = fresh(died.claim_idempotency(&scope, "body", at(0)).unwrap());
        let other = Scope { idempotency_key: "k-2", ..scope };
        fresh(lives.claim_idempotency(&other, "body", at(0)).unwrap());
        for engine in [&network.engine, &lives] {
            assert_eq!(engine.claim_idempotency(&scope, "body", at(1)).unwrap(), Begun::InProgress);
            assert_eq!(engine.look_idempotency(&scope, "body", at(1)).unwrap(), Some(Begun::InProgress));
        }
        drop(died);
        assert_eq!(lives.look_idempotency(&scope, "body", at(2)).unwrap(), None);
        let second = fresh(lives.claim_idempotency(&scope, "body", at(2)).unwrap());
        assert!(lives.finish_idempotency(&scope, first, 201, "late").is_err());
        lives.finish_idempotency(&scope, second, 201, "done").unwrap();
        assert_eq!(network.engine.look_idempotency(&scope, "body", at(3)).unwrap(), Some(repeat("done")));
        // What another one holds, which lives, is its own as before.
        assert_eq!(network.engine.claim_idempotency(&other, "body", at(3)).unwrap(), Begun::InProgress);
    }

    /// Of what was carried out by a process that died before its answer was kept, it is said at once that it was.
    fn what_a_dead_process_has_carried_out_is_not_done_again(database) {
        let network = Network::create(database.engine());
        let scope = scope(&network);
        let died = database.engine();
        let claim = fresh(died.claim_idempotency(&scope, "body", at(0)).unwrap());
        died.finish_idempotency(&scope, claim, DONE_UNANSWERED, "").unwrap();
        assert_eq!(network.engine.claim_idempotency(&scope, "body", at(1)).unwrap(), Begun::InProgress);
        drop(died);
        let lost = Begun::Repeat { status: DONE_UNANSWERED, answer: String::new() };
        assert_eq!(network.engine.claim_idempotency(&scope, "body", at(1)).unwrap(), lost);
    }

    fn an_answer_is_kept_exactly_if_the_effect_is(database) {
        let network = Network::create(database.engine());
        let (engine, scope) = (&network.engine, scope(&network));
        assert!(request(engine, &scope, "body", true).is_err());
        fresh(request(engine, &scope, "body", false).unwrap());
        assert_eq!(request(engine, &scope, "body", false).unwrap(), repeat("made"));
        assert_eq!(request(engine, &scope, "another body", false).unwrap(), Begun::Mismatch);
        // The same key means something else elsewhere.
        fresh(request(engine, &Scope { route: "POST /others", ..scope }, "another body", false).unwrap());
        fresh(request(engine, &Scope { key: KeyId::new(2), ..scope }, "another body", false).unwrap());
    }

    fn a_claim_is_finished_or_released(database) {
        let network = Network::create(database.engine());
        let (engine, scope) = (&network.engine, scope(&network));
        let claim = fresh(engine.claim_idempotency(&scope, "body", at(1)).unwrap());
        assert_eq!(engine.claim_idempotency(&scope, "body", at(2)).unwrap(), Begun::InProgress);
        assert_eq!(engine.claim_idempotency(&scope, "other", at(2)).unwrap(), Begun::Mismatch);
        engine.release_idempotency(&scope, claim).unwrap();
        let claim = fresh(engine.claim_idempotency(&scope, "body", at(3)).unwrap());
        engine.finish_idempotency(&scope, claim, 201, "done").unwrap();
        engine.release_idempotency(&scope, claim).unwrap();
        assert_eq!(engine.claim_idempotency(&scope, "body", at(4)).unwrap(), repeat("done"));
    }

    fn an_abandoned_claim_is_taken_over_and_lost_to_who_held_it(database) {
        let network = Network::create(database.engine());
        let (engine, scope) = (&network.engine, scope(&network));
        let first = fresh(engine.claim_idempotency(&scope, "body", at(0)).unwrap());
        let begun = engine.claim_idempotency(&scope, "body", at(ABANDONED_MICROS - 1)).unwrap();
        assert_eq!(begun, Begun::InProgress);
        let second = fresh(engine.claim_idempotency(&scope, "body", at(ABANDONED_MICROS)).unwrap());
        let late = engine.finish_idempotency(&scope, first, 201, "late").unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Conflict);
        engine.release_idempotency(&scope, first).unwrap();
        engine.finish_idempotency(&scope, second, 201, "done").unwrap();
        assert_eq!(engine.claim_idempotency(&scope, "body", at(ABANDONED_MICROS + 1)).unwrap(), repeat("done"));
    }

    fn after_a_day_a_request_is_forgotten(database) {
        let network = Network::create(database.engine());
        let (engine, scope) = (&network.engine, scope(&network));
        let claim = fresh(engine.claim_idempotency(&scope, "body", at(0)).unwrap());
        engine.finish_idempotency(&scope, claim, 201, "done").unwrap();
        let other = Scope { idempotency_key: "k-2", ..scope };
        fresh(engine.claim_idempotency(&other, "body", at(10)).unwrap());
        assert_eq!(engine.purge_idempotency(at(KEPT_MICROS)).unwrap(), 0);
        assert_eq!(engine.claim_idempotency(&scope, "other", at(KEPT_MICROS - 1)).unwrap(), Begun::Mismatch);
        fresh(engine.claim_idempotency(&scope, "other", at(KEPT_MICROS)).unwrap());
        assert_eq!(engine.purge_idempotency(at(KEPT_MICROS + 11)).unwrap(), 1);
        assert_eq!(engine.purge_idempotency(at(3 * KEPT_MICROS)).unwrap(), 1);
    }

    fn of_twins_one_does_the_work(database) {
        let network = Network::create(database.engine());
        let (engine, scope) = (&network.engine, scope(&network));
        let outcomes = std::thread::scope(|threads| {
            let twins: Vec<_> = (0..6).map(|_| threads.spawn(|| request(engine, &scope, "body", false))).collect();
            twins.into_iter().map(|twin| twin.join().unwrap().unwrap()).collect::<Vec<_>>()
        });
        let fresh = outcomes.iter().filter(|begun| matches!(begun, Begun::Fresh(_))).count();
        let repeats = outcomes.iter().filter(|begun| **begun == repeat("made")).count();
        assert_eq!((fresh, repeats), (1, 5));
    }

    fn a_key_must_be_fit_to_keep(database) {
        let network = Network::create(database.engine());
        for key in ["", "a\nb", &"x".repeat(256)] {
            let scope = Scope { idempotency_key: key, ..scope(&network) };
            let refused = network.engine.claim_idempotency(&scope, "body", at(0)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Invalid, "{key:?}");
        }
    }
}
