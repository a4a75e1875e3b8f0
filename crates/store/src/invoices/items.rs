//! What whoever asked for an invoice said that it is for.

use quittance_domain::ids::NetworkId;

use super::{Place, key};
use crate::error::{Error, Result};
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

statements! {
    ITEMS = "SELECT item_no, offer_id, measure, quantity, comment, correction_line FROM invoice_items \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 ORDER BY item_no";
    FORGET_ITEMS = "DELETE FROM invoice_items WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4";
}

bulks! {
    PUT_ITEMS = "invoice_items" [
        "network_id" Int, "kind" Text, "party_id" Int, "invoice_id" Int, "item_no" Int, "offer_id" Int,
        "measure" Text, "quantity" Int, "comment" Text, "correction_line" Int
    ] "";
}

/// What the quantity of an item counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Measure {
    /// Actions: a fixed amount each.
    #[default]
    Actions,
    /// Sales: a share of each.
    Sales,
    /// Both.
    ActionsAndSales,
    /// Clicks.
    Clicks,
    /// Thousands of impressions.
    Impressions,
}

impl Measure {
    /// All of them.
    pub const ALL: [Measure; 5] =
        [Measure::Actions, Measure::Sales, Measure::ActionsAndSales, Measure::Clicks, Measure::Impressions];

    fn as_str(self) -> &'static str {
        match self {
            Measure::Actions => "actions",
            Measure::Sales => "sales",
            Measure::ActionsAndSales => "actions_and_sales",
            Measure::Clicks => "clicks",
            Measure::Impressions => "impressions",
        }
    }
}

/// An item as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRow {
    /// The offer.
    pub offer_id: i64,
    /// What its quantity counts.
    pub measure: Measure,
    /// How many; `None`: as many as the conversions that its lines bill.
    pub quantity: Option<i64>,
    /// What was said about it.
    pub comment: Option<String>,
    /// The line of the correction that makes up the difference to what was said.
    pub correction_line: Option<i64>,
}

fn item(row: &Row) -> Result<ItemRow> {
    let word = row.text(2)?;
    let measure = Measure::ALL.into_iter().find(|measure| measure.as_str() == word);
    Ok(ItemRow {
        offer_id: row.int(1)?,
        measure: measure.ok_or_else(|| Error::Corrupt(format!("measure {word} of an item")))?,
        quantity: row.opt_int(3)?,
        comment: row.opt_string(4)?,
        correction_line: row.opt_int(5)?,
    })
}

/// The items of an invoice, in their order.
///
/// # Errors
/// What the database says.
pub fn items(tx: &mut dyn Tx, network: NetworkId, place: Place) -> Result<Vec<ItemRow>> {
    tx.query(ITEMS, &key(network, place))?.iter().map(item).collect()
}

/// Writes the items of an invoice in the place of those that it had.
///
/// # Errors
/// What the database says.
pub fn put_items(tx: &mut dyn Tx, network: NetworkId, place: Place, items: &[ItemRow]) -> Result<()> {
    tx.execute(FORGET_ITEMS, &key(network, place))?;
    let mut values = Vec::new();
    for (no, item) in (1_i64..).zip(items) {
        values.extend(key(network, place));
        values.extend([
            Param::Int(no),
            item.offer_id.into(),
            item.measure.as_str().into(),
            item.quantity.into(),
            item.comment.as_ref().into(),
            item.correction_line.into(),
        ]);
    }
    if !values.is_empty() {
        tx.bulk(&PUT_ITEMS, &values)?;
    }
    Ok(())
}
