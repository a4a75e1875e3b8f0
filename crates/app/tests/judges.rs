//! Clients that others have written work against a running server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod served;

use std::process::Command;

use quittance_engine::billing::RunRequest;
use quittance_engine::keys::{NewKey, Role};
use quittance_testkit::{Network, both_databases, day, judges};
use served::Server;

both_databases! {
    fn pycake_lists_and_marks_bills(database) {
        let Some(python) = judges::python() else { return };
        let mut network = Network::create(database.engine());
        network.at("2024-02-05");
        network.approve("a1 1 1 2024-01-05 10\na2 1 1 2024-01-06 2.50\nb1 2 1 2024-01-10 7");
        network.rates("2024-01-02,EUR,USD,1.1012");
        network.engine.bill(&network.call, &RunRequest::payable_through(day("2024-01-31")), &mut |_| {}).unwrap();
        let secrets = [(Role::Finance, None), (Role::Affiliate, Some(1))].map(|(role, party)| {
            let secret = format!("{role:x<40}");
            network.engine.create_key(&network.call, &NewKey { role, party, name: String::new() }, &secret).unwrap();
            secret
        });
        let server = Server::start(database.url());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judges/pycake_judge.py");
        let judged = Command::new(python).arg(script).arg(&server.address).args(&secrets).output().unwrap();
        let said = String::from_utf8_lossy(&judged.stderr).into_owned();
        assert!(judged.status.success(), "{said}");
        assert_eq!(String::from_utf8_lossy(&judged.stdout).trim(), "pycake is content");
        network.assert_verified();
    }
}
