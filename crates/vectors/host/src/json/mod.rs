//! json reader.

use std::io::Read;
use std::ops::ControlFlow;

use palisade_model::{Origin, Problem, SourceId};

use crate::{Context, Piece, Sink};

/// Scratch.
#[derive(Default)]
pub struct Scratch {}

/// Whether the head looks like it.
pub fn sniff(_head: &[u8]) -> bool {
    false
}

/// Cuts a stream into pieces.
pub fn split(
    _origin: &Origin,
    _stream: &mut dyn Read,
    _emit: &mut dyn FnMut(Piece) -> ControlFlow<()>,
) -> Vec<Problem> {
    Vec::new()
}

/// Reads a piece.
pub fn read(
    _piece: Piece,
    _context: Context<'_>,
    _source: SourceId,
    _origin: &Origin,
    _scratch: &mut Scratch,
    _sink: &mut Sink<'_>,
) -> Vec<Problem> {
    Vec::new()
}

/// How JSON records are recognised.
#[derive(Default, Debug)]
pub struct Dialects {}

/// Dialect files.
#[derive(Default)]
pub struct DialectSet {}

/// Error.
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct DialectError {}

impl DialectSet {
    /// New.
    pub fn new() -> DialectSet {
        DialectSet {}
    }
    /// Add.
    pub fn add(&mut self, _: &str, _: &str) -> Result<(), DialectError> {
        Ok(())
    }
    /// Close.
    pub fn close(self, _: &palisade_model::Fields) -> Result<Dialects, DialectError> {
        Ok(Dialects {})
    }
}
