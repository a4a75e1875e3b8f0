//! The texts on a party's documents in which its name may stand: what an erasure looks through.

use quittance_domain::ids::{InvoiceKind, NetworkId};

use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Row, Tx};

statements! {
    NAMES = "SELECT DISTINCT party_name, COALESCE(party_email, '') FROM invoices \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 ORDER BY 1, 2";
    PUBLIC_NOTES = "SELECT invoice_id, 0, public_notes FROM invoices \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND public_notes <> '' ORDER BY invoice_id";
    SET_PUBLIC_NOTES = "UPDATE invoices SET public_notes = $6 \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 AND $5 = 0";
    INTERNAL_NOTES = "SELECT invoice_id, 0, internal_notes FROM invoices \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND internal_notes <> '' ORDER BY invoice_id";
    SET_INTERNAL_NOTES = "UPDATE invoices SET internal_notes = $6 \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 AND $5 = 0";
    DOCUMENT_NUMBERS = "SELECT invoice_id, 0, document_number FROM invoices \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND document_number <> '' ORDER BY invoice_id";
    SET_DOCUMENT_NUMBER = "UPDATE invoices SET document_number = $6 \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 AND $5 = 0";
    VOID_TEXTS = "SELECT invoice_id, 0, void_text FROM invoices \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND void_text <> '' ORDER BY invoice_id";
    SET_VOID_TEXT = "UPDATE invoices SET void_text = $6 \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 AND $5 = 0";
    COMMENTS = "SELECT invoice_id, line_no, comment FROM invoice_lines \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND comment <> '' ORDER BY invoice_id, line_no";
    SET_COMMENT = "UPDATE invoice_lines SET comment = $6 \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 AND line_no = $5";
    ITEMS = "SELECT invoice_id, item_no, comment FROM invoice_items \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND comment <> '' ORDER BY invoice_id, item_no";
    SET_ITEM = "UPDATE invoice_items SET comment = $6 \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 AND item_no = $5";
    DETAILS = "SELECT invoice_id, version, details FROM invoice_history \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND details <> '{}' ORDER BY invoice_id, version";
    SET_DETAILS = "UPDATE invoice_history SET details = $6 \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 AND version = $5";
    REFERENCES = "SELECT invoice_id, payment_id, reference FROM payments \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND reference <> '' ORDER BY invoice_id, payment_id";
    SET_REFERENCE = "UPDATE payments SET reference = $6 \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 AND payment_id = $5";
    /// Where the lines of a referrer's void invoices, too, name whom it has referred.
    REFERRERS = "SELECT DISTINCT affiliate_id FROM referrals {by:referrals_by_referred} \
        WHERE network_id = $1 AND referred_id = $2 ORDER BY affiliate_id";
    REFERRAL_LINES = "SELECT invoice_id, line_no, comment FROM invoice_lines \
        WHERE network_id = $1 AND kind = 'payable' AND party_id = $2 AND line_type = 'referral' ORDER BY invoice_id, line_no";
}

/// The kinds of texts on a party's documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// Notes on an invoice that the party sees.
    PublicNotes,
    /// Notes on an invoice that it does not see.
    InternalNotes,
    /// The other side's number of an invoice.
    DocumentNumber,
    /// Why an invoice was voided.
    VoidText,
    /// What a line is for.
    Comment,
    /// What an item is for that was asked for.
    Item,
    /// What a row of an invoice's history says: a JSON object.
    Details,
    /// The reference of a payment.
    Reference,
}

impl TextKind {
    /// All of them.
    pub const ALL: [TextKind; 8] = [
        TextKind::PublicNotes,
        TextKind::InternalNotes,
        TextKind::DocumentNumber,
        TextKind::VoidText,
        TextKind::Comment,
        TextKind::Item,
        TextKind::Details,
        TextKind::Reference,
    ];

    /// What lists the texts, and what replaces one.
    const fn statements(self) -> (&'static str, &'static str) {
        match self {
            TextKind::PublicNotes => (PUBLIC_NOTES, SET_PUBLIC_NOTES),
            TextKind::InternalNotes => (INTERNAL_NOTES, SET_INTERNAL_NOTES),
            TextKind::DocumentNumber => (DOCUMENT_NUMBERS, SET_DOCUMENT_NUMBER),
            TextKind::VoidText => (VOID_TEXTS, SET_VOID_TEXT),
            TextKind::Comment => (COMMENTS, SET_COMMENT),
            TextKind::Item => (ITEMS, SET_ITEM),
            TextKind::Details => (DETAILS, SET_DETAILS),
            TextKind::Reference => (REFERENCES, SET_REFERENCE),
        }
    }
}

/// A text with its place: the invoice, and its number there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedText {
    /// The invoice; 0: none.
    pub invoice_id: i64,
    /// The line, item, version or payment; 0 of a text that an invoice has one of.
    pub number: i64,
    /// The text.
    pub text: String,
}

fn placed(row: &Row) -> Result<PlacedText> {
    Ok(PlacedText { invoice_id: row.int(0)?, number: row.int(1)?, text: row.string(2)? })
}

/// The names and addresses that a party's invoices have kept of it; an address may be empty.
///
/// # Errors
/// What the database says.
pub fn names_on_invoices(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    party_id: i64,
) -> Result<Vec<(String, String)>> {
    let rows = tx.query(NAMES, &[network.get().into(), kind.as_str().into(), party_id.into()])?;
    rows.iter().map(|row| Ok((row.string(0)?, row.string(1)?))).collect()
}

/// The texts of one kind on a party's documents.
///
/// # Errors
/// What the database says.
pub fn texts_of(
    tx: &mut dyn Tx,
    network: NetworkId,
    (kind, party_id): (InvoiceKind, i64),
    of: TextKind,
) -> Result<Vec<PlacedText>> {
    let params = [network.get().into(), kind.as_str().into(), party_id.into()];
    tx.query(of.statements().0, &params)?.iter().map(placed).collect()
}

/// Replaces a text in its place.
///
/// # Errors
/// What the database says.
pub fn set_text(
    tx: &mut dyn Tx,
    network: NetworkId,
    (kind, party_id): (InvoiceKind, i64),
    of: TextKind,
    text: &PlacedText,
) -> Result<()> {
    let params: [Param<'_>; 6] = [
        network.get().into(),
        kind.as_str().into(),
        party_id.into(),
        text.invoice_id.into(),
        text.number.into(),
        (&text.text).into(),
    ];
    tx.execute(of.statements().1, &params)?;
    Ok(())
}

/// Whoever has, or had, a share of what an affiliate was billed.
///
/// # Errors
/// What the database says.
pub fn referrers_of(tx: &mut dyn Tx, network: NetworkId, referred: i64) -> Result<Vec<i64>> {
    tx.query(REFERRERS, &[network.get().into(), referred.into()])?.iter().map(|row| row.int(0)).collect()
}

/// The comments of a referrer's lines about its shares.
///
/// # Errors
/// What the database says.
pub fn referral_comments(tx: &mut dyn Tx, network: NetworkId, referrer: i64) -> Result<Vec<PlacedText>> {
    tx.query(REFERRAL_LINES, &[network.get().into(), referrer.into()])?.iter().map(placed).collect()
}
