//! Clients that others have written work against a running server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod folder;
mod served;

use std::process::Command;

use quittance_engine::billing::RunRequest;
use quittance_engine::keys::{NewKey, Role};
use quittance_testkit::{Network, both_databases, day, judges};
use served::Server;

/// The checks of schemathesis: no defect, and nothing but what the document says.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

#[test]
fn the_openapi_document_is_valid() {
    let Some(python) = judges::python() else { return };
    let folder = folder::Folder::new();
    let document = folder.write("openapi.json", &folder.done(&["openapi"]));
    let judged = Command::new(python).args(["-m", "openapi_spec_validator"]).arg(document).output().unwrap();
    let said = String::from_utf8_lossy(&judged.stdout).into_owned() + &String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success(), "{said}");
}

both_databases! {
    fn schemathesis_finds_neither_defects_nor_undescribed_answers(database) {
        let Some(python) = judges::python() else { return };
        let mut network = Network::create(database.engine());
        network.at("2024-02-05");
        let file = serde_json::json!({
            "managers": [{ "id": 1, "name": "Dana Reyes" }],
            "currencies": [{ "code": "EUR" }],
            "payment_systems": [{ "id": 1, "title": "Wire", "type": "wire" }],
        });
        network.engine.import_network(network.call.now, Some("test"), &file).unwrap().unwrap();
        network.approve("a1 1 1 2024-01-05 10\na2 1 1 2024-01-06 2.50\nb1 2 1 2024-01-10 7");
        network.rates("2024-01-02,EUR,USD,1.1012");
        network.engine.bill(&network.call, &RunRequest::payable_through(day("2024-01-31")), &mut |_| {}).unwrap();
        let secret = format!("{:x<40}", "admin");
        let key = |secret: &str| {
            let new = NewKey { role: Role::Admin, party: None, name: String::new() };
            network.engine.create_key(&network.call, &new, secret).unwrap();
        };
        // Keys are revoked by their ids: those that are tried first are not the one that is used.
        (0..50).for_each(|number| key(&format!("{number:y<40}")));
        key(&secret);
        let server = Server::start(database.url());
        // What it writes goes where nobody keeps it.
        let folder = folder::Folder::new();
        let place = folder.write("started", "").parent().unwrap().to_owned();
        // The program is beside the interpreter of the environment.
        let judged = Command::new(python.with_file_name("schemathesis"))
            .arg("run")
            .arg(format!("http://{}/billing/v1/openapi.json", server.address))
            .args(["--header", &format!("Authorization: Bearer {secret}"), "--checks", CHECKS])
            .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "5", "--seed", "1"])
            .args(["--continue-on-failure", "--generation-database", "none", "--no-color", "--warnings", "off"])
            .current_dir(&place)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&judged.stdout).into_owned() + &String::from_utf8_lossy(&judged.stderr);
        assert!(judged.status.success(), "{said}");
        drop(server);
        network.assert_verified();
        let open = network.engine.authenticate(&secret, None, network.call.now).unwrap();
        assert!(open.is_ok(), "the key was revoked meanwhile: what came after it was not tried");
    }

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
