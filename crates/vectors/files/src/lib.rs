//! Room: `vectors/files` — containers.
//!
//! The only room that opens archives. What it finds inside goes back to the caller as an
//! [`Object`]; the caller sniffs it and routes it to any room.
//!
//! What this room never does: write what it unpacks anywhere, follow a name from an archive,
//! recurse by itself, or take memory for a size that an archive merely declares.

use std::ops::ControlFlow;

use palisade_model::{Budget, Object, Problem};

/// A container format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Container {
    /// ZIP.
    Zip,
    /// gzip (RFC 1952), any number of members.
    Gzip,
    /// Zstandard (RFC 8878), any number of frames.
    Zstd,
    /// tar (ustar, pax, GNU).
    Tar,
}

/// Recognises a container by its first bytes (the first 512 suffice).
pub fn sniff(_head: &[u8]) -> Option<Container> {
    None
}

/// Opens a container and hands each object in it to `found`, in order.
pub fn open(
    _container: Container,
    _object: Object<'_>,
    _budget: &mut Budget,
    _found: &mut dyn FnMut(Object<'_>, &mut Budget) -> ControlFlow<()>,
) -> Vec<Problem> {
    Vec::new()
}
