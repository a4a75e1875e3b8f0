//! Erasing a party's personal data, with the books left intact.

use quittance_domain::ids::{InvoiceKind, PartyKind};
use quittance_domain::invoice::InvoiceStatus;
use quittance_store::changes::{self, NewChange};
use quittance_store::dialect::Dialect;
use quittance_store::invoices::{self, InvoiceFilter, PlacedText, TextKind};
use quittance_store::parties::Party;
use quittance_store::{Tx, networks, parties};
use serde_json::Value;

use crate::billing::referrals::without_name;
use crate::error::{Error, Result};
use crate::events::EventType;
use crate::{Call, Engine, events, users};

/// A name that is shorter than this stands in too many other words to be looked for.
const NAME_CHARS_MIN: usize = 3;

/// What an erasure has done, and what is left to whoever asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Texts in which the party's name or address stood, and does not any more.
    pub rewritten: u64,
    /// What it cannot reach, one sentence each.
    pub not_reached: Vec<&'static str>,
}

/// What no erasure of rows reaches.
const ELSEWHERE: [&str; 4] = [
    "backups, exports, logs, and what other systems were sent",
    "what people have written in other words than the party's name and e-mail address: notes, comments, references, reasons",
    "the sub ids, click ids and comments of its conversions",
    "answers that are kept for repeats with an Idempotency-Key: they go after 24 hours",
];
/// What SQLite leaves in its file.
const IN_SQLITE: &str = "the free pages of the SQLite file and its -wal file, which keep what was there: stop the server and run \
     sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE); VACUUM'";
/// What PostgreSQL leaves in its files.
const IN_POSTGRES: &str = "dead rows in PostgreSQL's tables until VACUUM FULL, its write-ahead log and its archives";

impl Engine {
    /// Erases what is personal of a party: its name and address, also on its invoices, in the texts on them and their history, on
    /// the lines of whoever has referred it, the details of its payment methods, its tax id, site, telephone number, country,
    /// notes and custom fields, its users, and its keys, which are revoked. Amounts, lines, payments and the ledger stay as
    /// they are. Answers what it cannot reach.
    ///
    /// # Errors
    /// There is no such party, or an invoice of it is neither paid nor void: it has to be settled first.
    pub fn erase_party(&self, call: &Call, kind: PartyKind, party_id: i64) -> Result<Erasure> {
        let in_files = match self.store.dialect() {
            Dialect::Sqlite => IN_SQLITE,
            Dialect::Postgres => IN_POSTGRES,
        };
        self.store.write(|tx| {
            networks::lock(tx, call.network)?;
            let found = parties::by_ids(tx, call.network, kind, &[party_id])?.pop();
            let party = found.ok_or_else(|| Error::NotFound(format!("there is no {kind} {party_id}")))?;
            refuse_open(tx, call, kind, party_id)?;
            let name = format!("Erased {kind} {party_id}");
            // The texts first: it is by the names that they are found.
            let rewritten = Texts::of(tx, call, &party, &name)?.rewrite()?;
            let rules = without_personal(&party.rules);
            parties::erase(tx, call.network, kind, party_id, &name, &rules, call.now)?;
            crate::keys::erase_of_party(tx, call, kind, party_id, &name)?;
            users::erase_of_party(tx, call, kind, party_id)?;
            invoices::erase_accounts(tx, call.network, kind.invoice_kind(), party_id)?;
            let change = NewChange {
                subject: kind.as_str(),
                subject_id: party_id.to_string(),
                action: "erased",
                details: "{}".to_owned(),
            };
            changes::add(tx, call.network, &call.actor, call.now, &[change])?;
            events::tell_party(tx, call, EventType::PartyErased, kind, party_id);
            crate::idempotency::mark_done(tx, call)?;
            let not_reached = ELSEWHERE.into_iter().chain([in_files]).collect();
            Ok(Erasure { rewritten, not_reached })
        })
    }
}

/// Refuses a party of which an invoice is neither paid nor void.
fn refuse_open(tx: &mut dyn Tx, call: &Call, kind: PartyKind, party_id: i64) -> Result<()> {
    for status in [InvoiceStatus::Pending, InvoiceStatus::Approved, InvoiceStatus::PartlyPaid] {
        let filter = InvoiceFilter {
            kind: Some(kind.invoice_kind()),
            party_id: Some(party_id),
            statuses: vec![status],
            ..InvoiceFilter::default()
        };
        if let Some(open) = invoices::list(tx, call.network, &filter, 0, 1)?.first() {
            let detail = format!("invoice {} of {kind} {party_id} is {status}: settle it first", open.invoice_id);
            return Err(Error::Conflict(detail));
        }
    }
    Ok(())
}

/// The texts in which a party's names may stand.
struct Texts<'a> {
    tx: &'a mut dyn Tx,
    call: &'a Call,
    kind: InvoiceKind,
    party_id: i64,
    /// What it is and was called, the longest first: one may stand in another.
    names: Vec<String>,
    instead: &'a str,
}

impl<'a> Texts<'a> {
    fn of(tx: &'a mut dyn Tx, call: &'a Call, party: &Party, instead: &'a str) -> Result<Texts<'a>> {
        let (kind, party_id) = (party.kind.invoice_kind(), party.party_id);
        let mut names = vec![party.name.clone()];
        names.extend(party.email.clone());
        for (name, email) in invoices::names_on_invoices(tx, call.network, kind, party_id)? {
            names.extend([name, email]);
        }
        names.retain(|name| name.chars().count() >= NAME_CHARS_MIN && name != instead);
        names.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        names.dedup();
        Ok(Texts { tx, call, kind, party_id, names, instead })
    }

    /// Takes the names out; answers of how many texts.
    fn rewrite(mut self) -> Result<u64> {
        let mut rewritten = self.on_lines_of_referrers()?;
        let (network, of) = (self.call.network, (self.kind, self.party_id));
        for kind in TextKind::ALL {
            for text in invoices::texts_of(self.tx, network, of, kind)? {
                let new = match kind {
                    TextKind::Details => self.in_json(&text.text),
                    _ => self.in_text(&text.text),
                };
                if let Some(new) = new {
                    let text = PlacedText { text: new, ..text };
                    invoices::set_text(self.tx, network, of, kind, &text)?;
                    rewritten += 1;
                }
            }
        }
        Ok(rewritten)
    }

    fn on_lines_of_referrers(&mut self) -> Result<u64> {
        let network = self.call.network;
        if self.kind != InvoiceKind::Payable {
            return Ok(0);
        }
        let mut rewritten = 0;
        for referrer in invoices::referrers_of(self.tx, network, self.party_id)? {
            for line in invoices::referral_comments(self.tx, network, referrer)? {
                if let Some(new) = without_name(&line.text, self.party_id) {
                    let line = PlacedText { text: new, ..line };
                    invoices::set_text(self.tx, network, (self.kind, referrer), TextKind::Comment, &line)?;
                    rewritten += 1;
                }
            }
        }
        Ok(rewritten)
    }

    /// A text without the names; `None` where none stands in it.
    fn in_text(&self, text: &str) -> Option<String> {
        let mut new = text.to_owned();
        for name in &self.names {
            new = replaced(&new, name, self.instead);
        }
        (new != text).then_some(new)
    }

    /// The same of the texts of a JSON document.
    fn in_json(&self, document: &str) -> Option<String> {
        let mut value: Value = serde_json::from_str(document).ok()?;
        self.in_value(&mut value).then(|| value.to_string())
    }

    fn in_value(&self, value: &mut Value) -> bool {
        match value {
            // Amounts and days are facts that the history replays to, whatever a party is called.
            Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.:TZ".contains(&byte)) => false,
            Value::String(text) => self.in_text(text).map(|new| *text = new).is_some(),
            Value::Array(values) => values.iter_mut().fold(false, |any, value| self.in_value(value) | any),
            Value::Object(members) => members.values_mut().fold(false, |any, value| self.in_value(value) | any),
            _ => false,
        }
    }
}

/// A text in which a name, where it stands as a word, is replaced.
fn replaced(text: &str, name: &str, instead: &str) -> String {
    let mut new = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, from) = rest.split_at(at);
        let after = &from[name.len()..];
        let part_of_word =
            before.chars().next_back().or_else(|| new.chars().next_back()).is_some_and(char::is_alphanumeric)
                || after.chars().next().is_some_and(char::is_alphanumeric);
        new.push_str(before);
        new.push_str(if part_of_word { name } else { instead });
        rest = after;
    }
    new + rest
}

fn without_personal(rules: &str) -> String {
    let mut rules: Value = serde_json::from_str(rules).unwrap_or_default();
    if let Some(tax) = rules.get_mut("tax").and_then(Value::as_object_mut) {
        tax.remove("id");
    }
    if let Some(rules) = rules.as_object_mut() {
        rules.retain(|key, _| !["website", "phone", "country", "notes", "custom_fields"].contains(&key.as_str()));
    }
    rules.to_string()
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn names_are_replaced_where_they_are_words() {
        for (text, new) in [
            ("Ann", "X"),
            ("fee of Ann, for Ann's site", "fee of X, for X's site"),
            ("Anna and AnnAnn", "Anna and AnnAnn"),
            ("[Ann]", "[X]"),
            ("Zoë-Ann", "Zoë-X"),
        ] {
            assert_eq!(replaced(text, "Ann", "X"), new);
        }
    }
}
