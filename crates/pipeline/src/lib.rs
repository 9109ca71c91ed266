//! Room: `pipeline` — the only place that knows the order: sniff, read, detect, keep.
//!
//! ```text
//! paths ─ walk ─▶ objects ─ sniff ─▶ containers (back to walk) or logs ─ split ─▶ pieces
//! pieces ─ workers: read ─▶ batches ─ rules, indicators ─▶ findings ─ in order ─▶ observer, case
//! ```
//!
//! One walker reads and cuts; workers parse and match; results leave in the order of the
//! evidence, so the number of threads is invisible. Everything that judges is pure and
//! lives in other rooms; files, threads and the clock live here.
//!
//! What this room never does: change evidence, use the network, draw output.

mod analytics;
mod evidence;
mod follow;
mod hunt;
mod join;
mod judge;
mod keep;
mod kev;
mod knowledge;
mod ledgers;
mod ocsf;
mod order;
mod organisation;
mod packed;
mod rules;
mod run;
mod sessions;
mod spill;
mod summary;
mod techniques;
mod test_pairs;
mod tokens;
mod unfold;
mod walk;

pub use analytics::{Analytics, AnalyticsError};
pub use evidence::{EvidenceFile, Source, Sources};
pub use follow::{FollowError, FollowSettings, Followed, Prices, follow, units};
pub use hunt::{HuntSettings, hunt, looked_items};
pub use join::{CaseFindings, dismissed, join_case, observables, settled, vector};
pub use keep::{Input, Keep, indicator_rows};
pub use kev::{Kev, KevEntry};
pub use knowledge::{Knowledge, KnowledgeError};
pub use ledgers::{Covered, Funds, LedgerSettings, LedgersRead, Room, Selected, Stage, read_ledgers};
pub use ocsf::{Cell, Ocsf, OcsfError};
pub use organisation::{Organisation, RetentionPolicy};
pub use packed::shipped;
pub use rules::{LoadedRules, RuleSources, load_rules};
pub use run::{Error, Observer, Progress, Settings, investigate};
pub use summary::{Blind, HostSeen, Hunted, LogSeen, Seen, Summary, TechniqueSeen};
pub use techniques::{Detectable, detectable};
pub use test_pairs::{PairReport, PairResult, test_rules};
