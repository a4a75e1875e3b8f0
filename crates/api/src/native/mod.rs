//! The native interface, `/billing/v1`.

pub mod wire;
