//! The HTTP interfaces. Each translates between its wire and the engine, and adds no rule of its own.

pub mod native;
