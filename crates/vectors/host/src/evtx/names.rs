//! Element and attribute names: decoded once per chunk, interned once per piece.
//!
//! A name knows its [`FieldId`] if somebody asked for it, and whether it is one of the
//! names of the `System` section. What this module never does: grow with evidence
//! without a bound.

use std::collections::HashMap;

use palisade_model::{FieldId, Fields};

use super::bytes::{u16_at, u32_at};
use super::value;

/// Most names one piece may bring; further ones share [`OVERFLOW`].
const MAX_NAMES: usize = 8_192;
/// Longest name read, in UTF-16 units; Windows' own limit is far below.
const MAX_NAME_UNITS: usize = 256;
/// The name of names beyond the limit, and of values without one.
pub(super) const OVERFLOW: u32 = 0;

/// Names of the `System` section that an event's own data may shadow, by number.
const SYSTEM: [&str; 20] = [
    "Channel",
    "EventID",
    "TimeCreated",
    "Provider_Name",
    "Provider_EventSourceName",
    "Provider_Guid",
    "Qualifiers",
    "Version",
    "Level",
    "Task",
    "Opcode",
    "Keywords",
    "EventRecordID",
    "Correlation_ActivityID",
    "Correlation_RelatedActivityID",
    "Execution_ProcessID",
    "Execution_ThreadID",
    "Computer",
    "Security_UserID",
    "Execution_ProcessorID",
];

/// Number of [`SYSTEM`]'s `Channel`.
pub(super) const CHANNEL: u8 = 0;
/// Number of [`SYSTEM`]'s `EventID`.
pub(super) const EVENT_ID: u8 = 1;
/// Number of [`SYSTEM`]'s `TimeCreated`.
pub(super) const TIME_CREATED: u8 = 2;
/// Number of [`SYSTEM`]'s `Provider_Name`.
pub(super) const PROVIDER: u8 = 3;
/// Number of [`SYSTEM`]'s `Provider_EventSourceName`.
pub(super) const SOURCE_NAME: u8 = 4;
/// Number of a name that is not in [`SYSTEM`]; shifts out of a 32-bit mask.
pub(super) const OTHER: u8 = 31;

/// One name.
#[derive(Clone, Copy)]
pub(super) struct Name {
    start: u32,
    len: u32,
    /// Its field, or [`FieldId::NONE`].
    pub field: FieldId,
    /// Its number in the `System` section, or [`OTHER`].
    pub system: u8,
    /// It is `Hashes` (or `Hash`, in Sysmon's event 15), which is also split.
    pub hashes: bool,
}

/// Every name of a piece.
#[derive(Default)]
pub(super) struct Names {
    table: Vec<Name>,
    text: String,
    by_text: HashMap<Box<str>, u32, foldhash::fast::FixedState>,
    by_offset: HashMap<u32, u32, foldhash::fast::FixedState>,
    scratch: Vec<u8>,
}

impl Names {
    /// Forgets everything: names belong to one run's fields.
    pub fn clear(&mut self, fields: &Fields) {
        self.table.clear();
        self.text.clear();
        self.by_text.clear();
        self.by_offset.clear();
        self.intern("Unnamed", fields);
    }

    /// Forgets where names stood in the chunk read last.
    pub fn next_chunk(&mut self) {
        self.by_offset.clear();
    }

    /// A name.
    pub fn get(&self, id: u32) -> Name {
        let none = Name { start: 0, len: 0, field: FieldId::NONE, system: OTHER, hashes: false };
        self.table.get(id as usize).copied().unwrap_or(none)
    }

    /// A name's text.
    pub fn text(&self, name: Name) -> &str {
        self.text.get(name.start as usize..(name.start + name.len) as usize).unwrap_or("")
    }

    /// The id of a name.
    pub fn intern(&mut self, name: &str, fields: &Fields) -> u32 {
        if let Some(id) = self.by_text.get(name) {
            return *id;
        }
        if self.table.len() >= MAX_NAMES {
            return OVERFLOW;
        }
        let id = self.table.len() as u32;
        let system = SYSTEM.iter().position(|s| *s == name).map_or(OTHER, |i| i as u8);
        self.table.push(Name {
            start: self.text.len() as u32,
            len: name.len() as u32,
            field: fields.id(name).unwrap_or(FieldId::NONE),
            system,
            hashes: matches!(name, "Hashes" | "Hash"),
        });
        self.text.push_str(name);
        self.by_text.insert(name.into(), id);
        id
    }

    /// `Execution` and `ProcessID` to `Execution_ProcessID`.
    pub fn join(&mut self, first: u32, second: u32, fields: &Fields) -> u32 {
        let joined = format!("{}_{}", self.text(self.get(first)), self.text(self.get(second)));
        self.intern(&joined, fields)
    }

    /// The name stored at a chunk offset: next u32, hash u16, units u16, UTF-16.
    pub fn at(&mut self, chunk: &[u8], offset: u32, fields: &Fields) -> Option<u32> {
        if let Some(id) = self.by_offset.get(&offset) {
            return Some(*id);
        }
        let at = offset as usize;
        let units = usize::from(u16_at(chunk, at + 6)?);
        if units == 0 || units > MAX_NAME_UNITS {
            return None;
        }
        let bytes = chunk.get(at + 8..at + 8 + 2 * units)?;
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        value::utf16(&mut scratch, bytes);
        let id = match std::str::from_utf8(&scratch) {
            // A name holds letters, digits and a few marks; anything else is overwritten memory.
            Ok(s) if !s.is_empty() && !s.chars().any(|c| c.is_control() || c == '<') => {
                Some(self.intern(s, fields))
            }
            _ => None,
        };
        self.scratch = scratch;
        self.by_offset.insert(offset, id?);
        id
    }

    /// Bytes an inline name takes at `at`: header, text, terminator.
    pub fn inline_len(chunk: &[u8], at: usize) -> Option<usize> {
        u32_at(chunk, at)?;
        Some(8 + 2 * usize::from(u16_at(chunk, at + 6)?) + 2)
    }
}
