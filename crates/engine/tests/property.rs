//! Random histories of a network, judged by a plain model in which every log entry has a pointer to its owner.
//!
//! `QUITTANCE_SEED` repeats one history, `QUITTANCE_CASES` runs more of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "property/changes.rs"]
mod changes;
#[path = "property/commands.rs"]
mod commands;
#[path = "property/extras.rs"]
mod extras;
#[path = "property/game.rs"]
mod game;
#[path = "property/model.rs"]
mod model;
#[path = "property/runs.rs"]
mod runs;

use game::Game;
use quittance_testkit::{TestDatabase, both_databases};

const STEPS: u32 = 70;

both_databases! {
    fn random_histories_agree_with_the_model(database) {
        let set = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let first = set("QUITTANCE_SEED").unwrap_or(1);
        let cases = set("QUITTANCE_CASES").unwrap_or(if set("QUITTANCE_SEED").is_some() { 1 } else { 6 });
        for seed in first..first + cases {
            println!("QUITTANCE_SEED={seed}");
            let fresh;
            let database = if seed == first {
                database
            } else {
                // Each history has a database of its own, of the same kind.
                fresh = if database.url().starts_with("sqlite") { Some(TestDatabase::sqlite()) } else { TestDatabase::postgres() };
                fresh.as_ref().unwrap()
            };
            let mut game = Game::start(database, seed);
            for _ in 0..STEPS {
                game.step();
            }
            game.finish();
        }
    }
}
