//! Room: `text` — algorithms on text that several rooms need.
//!
//! [`fold`] brings words into a form that can be compared, [`translit`] and [`korean`] bring the
//! world's scripts into Latin letters and syllables, [`alike`] says how far two words are apart, [`unfold`] takes the wrappings
//! off scripts.
//!
//! What this room never does: no I/O, no clock, no randomness, no `unsafe`; it knows no other room.

pub mod alike;
pub mod fold;
pub mod korean;
pub mod translit;
pub mod unfold;
