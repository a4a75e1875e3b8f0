//! The rules of affiliate billing, as pure types and functions.
//!
//! Nothing here reads a file, a database, a network or a clock, and nothing is a floating-point number: whoever calls
//! takes the time, the records and the settings, and hands them in. What comes out is a decision (what is owed, which
//! lines an invoice has, what a payment does to it) or a refusal that says why.
//!
//! - [`money`], [`currency`], [`rates`]: exact amounts, what they are counted in, and how they are exchanged.
//! - [`time`], [`period`], [`cycle`]: instants, days of a time zone, and the periods that are billed.
//! - [`ids`]: identifiers that cannot be mistaken for each other.
//! - [`conversion`], [`conversion_key`], [`revision`], [`accrual`], [`planner`]: from what a tracker reports to the lines of an invoice.
//! - [`invoice`], [`ledger`]: what happens to an invoice until it is settled, and how it is booked.

pub mod accrual;
pub mod bonus;
pub mod conversion;
pub mod conversion_key;
pub mod currency;
pub mod cycle;
pub mod ids;
pub mod invoice;
pub mod ledger;
pub mod money;
pub mod percent;
pub mod period;
pub mod planner;
pub mod rates;
pub mod revision;
pub mod tax;
pub mod time;

mod shown;
