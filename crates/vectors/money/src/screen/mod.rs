//! Screening: which listed parties names, addresses and hosts denote.
//!
//! [`lists`] reads lists of any format into [`Party`]s; [`name`] takes names apart and compares them
//! with a score that explains itself; [`index`] finds candidates; [`Screen`] is the engine over all
//! of it; [`decisions`] gives hits the names under which they are kept and settled.
//!
//! ```
//! use palisade_money::screen::{Lists, Query, Schema, Screen};
//! let mut lists = Lists::default();
//! let mut file = "name,schema,aliases\nKim Jong Sik,Person,김정식\n".as_bytes();
//! let origin = palisade_model::Origin::file("own.csv");
//! assert!(lists.load(&mut file, palisade_model::SourceId(0), &origin).is_empty());
//! assert!(lists.finish().is_empty());
//! let hits = Screen::new(lists).query(&Query::name("KIM, Chong-sik", Schema::Person));
//! assert_eq!(hits.len(), 1);
//! ```
//!
//! What this module never does: open files, keep time, start threads, or decide for the analyst.

pub mod address;
pub mod decisions;
mod engine;
pub mod evidence;
pub mod export;
pub mod hosts;
pub mod index;
pub mod lists;
pub mod name;
pub mod number;
pub mod owners;
pub mod party;

pub use engine::{ALERT, By, FLOOR, Hit, ListRarity, MAX_HITS, Query, REVIEW, Screen};
pub use index::Workspace;
pub use lists::{Format, ListInfo, Lists};
pub use name::{Scored, Term};
pub use owners::Owned;
pub use party::{Date, Identifier, Party, Schema, Standing};

/// Compares two names of one kind, without lists: what `screen --pairs` does for each row.
pub fn score_pair(a: &str, b: &str, schema: Schema) -> Scored {
    name::score_pair(a, b, schema.rules())
}

/// Reads whatever comes as a list and screens its own names: must end, whatever the bytes.
pub fn fuzz(data: &[u8]) {
    let mut lists = Lists::default();
    let origin = palisade_model::Origin::file("fuzz");
    let (first, second) = data.split_at(data.len() / 2);
    for part in [data, first, second] {
        let mut part = part;
        lists.load(&mut part, palisade_model::SourceId(0), &origin);
    }
    lists.finish();
    lists.parties.truncate(50);
    let names: Vec<Query> =
        lists.parties.iter().take(5).map(|p| Query::name(p.primary().to_owned(), p.schema)).collect();
    let mut ftm = export::Ftm::new(&lists);
    lists.parties.iter().for_each(|p| drop(ftm.entities(p)));
    export::tagpack(&lists, "", "", None);
    let screen = Screen::new(lists);
    screen.chunk(&names, &mut Workspace::default());
    for place in 0..screen.lists().parties.len() {
        screen.owned(place, None);
    }
    let text = String::from_utf8_lossy(data);
    let (a, b) = text.split_once('\n').unwrap_or((&text, &text));
    for schema in [Schema::Person, Schema::Company, Schema::Vessel] {
        score_pair(a, b, schema);
    }
    hosts::Host::parse(&text);
    address::canonical(&text);
}
