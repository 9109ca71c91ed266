//! Room: `assess` — who could be behind a campaign, how grave it is, and what may come.

pub mod who;
