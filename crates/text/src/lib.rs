//! Room: `text` — algorithms on text that several rooms need.
//!
//! What this room never does: no I/O, no clock, no randomness, no `unsafe`; it knows no other room.
