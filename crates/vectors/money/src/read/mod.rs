//! Formats of ledgers → [`crate::Ledger`]. Never judges.
