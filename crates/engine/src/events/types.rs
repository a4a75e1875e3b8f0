//! The types of events, and which of them a row of an invoice's history is.

use quittance_domain::invoice::InvoiceStatus;

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// What has happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType {
            $($(#[$doc])* $name,)*
        }

        impl EventType {
            /// All types.
            pub const ALL: &[EventType] = &[$(EventType::$name),*];

            /// The words of all types.
            pub const WORDS: &[&str] = &[$($word),*];

            /// The word that is stored and shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(EventType::$name => $word,)*
                }
            }
        }
    };
}

event_types! {
    /// Conversions were received or changed: how many, in one transaction.
    ConversionsBatch = "conversions.batch";
    /// Conversions were moved to another affiliate or offer by what was received of them.
    ConversionsMoved = "conversions.moved";
    /// Conversions were brought back to what was received of them before, by records that do not say when they were changed.
    ConversionsReturned = "conversions.returned";
    /// A billing run has come to its end.
    RunFinished = "run.finished";
    /// An invoice was issued.
    InvoiceIssued = "invoice.issued";
    /// An invoice was approved.
    InvoiceApproved = "invoice.approved";
    /// An approval was taken back.
    InvoiceUnapproved = "invoice.unapproved";
    /// What an invoice says was changed, not its amounts.
    InvoiceEdited = "invoice.edited";
    /// A correction was added or removed.
    InvoiceCorrected = "invoice.corrected";
    /// Conversions were taken off.
    InvoiceTakenOff = "invoice.taken_off";
    /// An invoice took what has changed on its days.
    InvoiceSynchronized = "invoice.synchronized";
    /// A part was paid, and something is left.
    InvoicePartlyPaid = "invoice.partly_paid";
    /// Nothing is left to pay any more, by whatever way.
    InvoicePaid = "invoice.paid";
    /// More was paid than was left: the rest is the party's credit.
    InvoiceOverpaid = "invoice.overpaid";
    /// A payment came back, or its record was a mistake.
    InvoicePaymentReturned = "invoice.payment_returned";
    /// A payment or transfer was recorded that is like an earlier one: by mistake, maybe.
    PaymentRepeated = "payment.repeated";
    /// A credit note was issued about a paid invoice.
    InvoiceCreditNoted = "invoice.credit_noted";
    /// An invoice was voided.
    InvoiceVoided = "invoice.voided";
    /// An invoice is past due and not paid: said once.
    InvoiceOverdue = "invoice.overdue";
    /// Credit of a party was paid out.
    CreditPaidOut = "credit.paid_out";
    /// A payment of credit came back, or its record was a mistake.
    CreditPayoutReversed = "credit.payout_reversed";
    /// A party's payment methods were changed.
    PaymentMethodChanged = "party.payment_method_changed";
    /// A party's personal data was erased.
    PartyErased = "party.erased";
    /// Somebody wanted to see whether a webhook works.
    WebhookTest = "webhook.test";
}

impl EventType {
    /// The type of a word; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<EventType> {
        EventType::ALL.iter().copied().find(|event_type| event_type.as_str() == text)
    }

    /// What an action with an invoice is, that leaves it in a status. Each row of its history is one event at least.
    pub(super) fn of_action(action: &str, after: InvoiceStatus) -> EventType {
        match action {
            "issued" => EventType::InvoiceIssued,
            "approved" => EventType::InvoiceApproved,
            "unapproved" => EventType::InvoiceUnapproved,
            "corrected" | "correction_removed" => EventType::InvoiceCorrected,
            "taken_off" => EventType::InvoiceTakenOff,
            "synchronized" => EventType::InvoiceSynchronized,
            "paid" | "credit_used" | "written_off" if after == InvoiceStatus::Paid => EventType::InvoicePaid,
            "paid" | "credit_used" | "written_off" => EventType::InvoicePartlyPaid,
            "overpaid" => EventType::InvoiceOverpaid,
            "payment_returned" | "payment_reversed" => EventType::InvoicePaymentReturned,
            "credit_noted" => EventType::InvoiceCreditNoted,
            "voided" => EventType::InvoiceVoided,
            _ => EventType::InvoiceEdited,
        }
    }
}

impl std::fmt::Display for EventType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for event_type in EventType::ALL {
            assert_eq!(EventType::parse(event_type.as_str()), Some(*event_type));
        }
        assert_eq!(EventType::parse("invoice"), None);
    }
}
