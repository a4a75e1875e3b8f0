//! A whole database into another one, of the same or the other kind, and the proof that nothing was lost on the way.

use std::collections::BTreeMap;

use quittance_domain::time::Timestamp;
use quittance_store::copy::{self, CopiedTable};
use quittance_store::ledger;

use crate::error::{Error, Result};
use crate::verify::InvariantReport;
use crate::{Call, Engine};

/// What a copy has done.
#[derive(Debug, Clone)]
pub struct CopyReport {
    /// The tables, how many rows each has, and how many of them were copied now.
    pub tables: Vec<(&'static str, i64, u64)>,
    /// What `verify` says of each network of the target.
    pub networks: Vec<(String, Vec<InvariantReport>)>,
}

impl CopyReport {
    /// Whether every invariant holds in the target.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.networks.iter().all(|(_, invariants)| invariants.iter().all(InvariantReport::ok))
    }
}

/// The balances of a network's accounts, by account and currency.
type Balances = BTreeMap<(String, String), i64>;

impl Engine {
    /// Copies everything of this database into another one. A copy that was cut short goes on where it stopped. It ends with
    /// equal numbers of rows, equal balances of all accounts, and every invariant checked in the target.
    ///
    /// # Errors
    /// The target holds something else; the source was changed meanwhile; what the stores say.
    pub fn copy_to(
        &self,
        target: &Engine,
        now: Timestamp,
        progress: &mut dyn FnMut(&'static str, u64),
    ) -> Result<CopyReport> {
        let tables = copy::tables(&self.store)?;
        if let Some(networks) = tables.first() {
            copy::check_target(&self.store, &target.store, networks)?;
        }
        let mut report = CopyReport { tables: Vec::new(), networks: Vec::new() };
        for table in &tables {
            let copied = copy::copy(&self.store, &target.store, table, &mut |rows| progress(table.name, rows))?;
            report.tables.push((table.name, 0, copied));
        }
        target.store.refresh_statistics()?;
        for (table, (.., rows, _)) in tables.iter().zip(&mut report.tables) {
            *rows = self.same_count(target, table)?;
        }
        for network in self.networks()? {
            let call = Call { network: network.network_id, actor: "copy".to_owned(), now, claimed: None };
            if self.all_balances(&call)? != target.all_balances(&call)? {
                return Err(changed(&format!("the balances of network {:?} differ", network.name)));
            }
            report.networks.push((network.name, target.verify(&call, false)?));
        }
        Ok(report)
    }

    fn same_count(&self, target: &Engine, table: &CopiedTable) -> Result<i64> {
        let (here, there) = (copy::count(&self.store, table)?, copy::count(&target.store, table)?);
        if here != there {
            return Err(changed(&format!("{} has {here} rows in the source and {there} in the target", table.name)));
        }
        Ok(here)
    }

    fn all_balances(&self, call: &Call) -> Result<Balances> {
        let balances = self.store.read(|tx| ledger::balances(tx, call.network))?;
        Ok(balances
            .into_iter()
            .map(|(account, currency, units)| ((account, currency.code().to_owned()), units))
            .collect())
    }
}

fn changed(what: &str) -> Error {
    Error::Conflict(format!(
        "{what}: something else writes to one of them; stop it, and copy into an empty database again"
    ))
}
