//! What a field's recent values set, so that a value met again is not scanned again.
//!
//! Logs repeat themselves: the same program, user and host on event after event. What a
//! value sets depends on its text alone, so remembering it changes no result.

use std::hash::BuildHasher as _;

use super::lower::AtomId;

/// Places per field; a value has one, by its hash.
const PLACES: usize = 256;

/// Longer values are rarely met again and would take too much room.
const MAX_BYTES: usize = 256;

/// Values that set more atoms than this are scanned each time.
const MAX_ATOMS: usize = 64;

/// After this many values it is decided whether the field repeats itself.
const TRIAL: u32 = 1_024;

/// A field of which fewer values than one in so many are met again is not remembered.
const WORTH: u32 = 5;

/// A field given up is tried again after this many values.
const PAUSE: u32 = 64 * TRIAL;

#[derive(Debug, Default)]
pub(super) struct Memory {
    places: Vec<Place>,
    looked: u32,
    met: u32,
    pause: u32,
}

#[derive(Debug, Default, Clone)]
struct Place {
    hash: u64,
    value: String,
    atoms: Vec<AtomId>,
}

impl Memory {
    /// What the value set when it was met before.
    #[inline]
    pub(super) fn look_up(&mut self, value: &str) -> Option<&[AtomId]> {
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        self.looked += 1;
        if self.looked > TRIAL {
            if self.met < TRIAL / WORTH {
                self.pause = PAUSE;
                self.places = Vec::new();
            }
            (self.looked, self.met) = (0, 0);
        }
        let hash = hash(value);
        let place = self.places.get(hash as usize % PLACES)?;
        if place.hash != hash || place.value != value {
            return None;
        }
        self.met += 1;
        Some(&place.atoms)
    }

    /// Remembers what a value set.
    #[inline]
    pub(super) fn keep(&mut self, value: &str, atoms: &[AtomId]) {
        if self.pause > 0 || value.len() > MAX_BYTES || atoms.len() > MAX_ATOMS {
            return;
        }
        if self.places.is_empty() {
            // An empty place is the empty value that set nothing under hash 0, which no value has but by chance;
            // the empty value sets nothing, so the chance is harmless.
            self.places = vec![Place::default(); PLACES];
        }
        let hash = hash(value);
        if let Some(place) = self.places.get_mut(hash as usize % PLACES) {
            place.hash = hash;
            place.value.clear();
            place.value.push_str(value);
            place.atoms.clear();
            place.atoms.extend_from_slice(atoms);
        }
    }
}

fn hash(value: &str) -> u64 {
    foldhash::fast::FixedState::default().hash_one(value)
}
