//! Room: `vectors/money` — ledgers, taint, clusters, sanctions.
//!
//! Two doors, as every vector room has them. **read**: exports and dumps of block chains become a
//! [`Ledger`], typed columns in the order of the chain, never judged. **detect**: the ledger is
//! followed under a stated rule ([`taint`]), names and addresses are held against lists ([`screen`]),
//! never reading a file.
//!
//! Amounts are whole numbers of an asset's smallest unit, never floats.
//!
//! What this room never does: no I/O (streams and texts come in as arguments), no clock, no
//! randomness, no network, no panic on anything from evidence.

pub mod cluster;
pub mod ledger;
pub mod read;
pub mod screen;
pub mod taint;
pub mod trace;

pub use ledger::{Ledger, LedgerBuilder};
