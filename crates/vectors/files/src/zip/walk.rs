//! By the local headers, for an archive without a directory: cut off, damaged, or still arriving.

use std::io;
use std::ops::ControlFlow;

use palisade_model::{Budget, ProblemCode};

use super::header::{self, LOCAL, SIG_DESCRIPTOR, SIG_LOCAL, u32_at, u64_at};
use super::{Archive, METHOD_DEFLATE, METHOD_ZSTD};
use crate::Found;

/// Bytes searched for a signature at a time.
const WINDOW: usize = 64 << 10;

impl Archive<'_, '_> {
    pub(super) fn by_walking(&mut self, budget: &mut Budget, found: Found<'_>) -> io::Result<()> {
        let mut at = 0;
        while let Some(start) = self.search(&SIG_LOCAL, at, self.len)? {
            at = start + SIG_LOCAL.len() as u64;
            let mut fixed = [0; LOCAL];
            if !self.read_at(start, &mut fixed)? {
                let message = "the zip ends within a local header".to_owned();
                self.problems.here(ProblemCode::Truncated, start, message);
                return Ok(());
            }
            let (name_len, extra_len) = header::local_tail(&fixed);
            let mut tail = vec![0; name_len + extra_len];
            if !self.read_at(start + LOCAL as u64, &mut tail)? {
                // In the middle of an archive the signature may stand in data by chance.
                let message = "the zip ends within a local header".to_owned();
                self.problems.here(ProblemCode::Truncated, start, message);
                continue;
            }
            let mut entry = header::local(&fixed, &tail, start);
            let data = start + (LOCAL + name_len + extra_len) as u64;
            let unknown = entry.descriptor && entry.compressed == 0;
            if entry.is_directory() && !unknown {
                at = data;
                continue;
            }
            // Decoders find the end of deflate and zstd data themselves.
            let beyond = entry.compressed > self.len.saturating_sub(data);
            let decoded = matches!(entry.method, METHOD_DEFLATE | METHOD_ZSTD) && !entry.encrypted;
            let find_end = decoded && (unknown || beyond);
            if find_end {
                entry.compressed = self.len.saturating_sub(data);
            } else if unknown {
                match self.stored_end(data)? {
                    Some((compressed, size, crc)) => {
                        (entry.compressed, entry.size, entry.crc) = (compressed, size, crc);
                    }
                    None => entry.compressed = self.len.saturating_sub(data),
                }
                if entry.is_directory() {
                    at = data;
                    continue;
                }
            }
            let claimed = self.claimed;
            let delivered = self.deliver(&entry, data, find_end, budget, found)?;
            if delivered.flow == ControlFlow::Break(()) {
                return Ok(());
            }
            at = if find_end {
                // What it claimed was everything; what it took is this.
                self.claimed = claimed.saturating_add(delivered.consumed);
                self.check_descriptor(&entry, data + delivered.consumed, &delivered)?;
                at.max(data + delivered.consumed)
            } else {
                at.max(data.saturating_add(entry.compressed))
            };
        }
        Ok(())
    }

    /// The next place of a signature in `from..to`.
    fn search(&mut self, signature: &[u8; 4], from: u64, to: u64) -> io::Result<Option<u64>> {
        let mut window = vec![0; WINDOW];
        let mut at = from;
        while at + (signature.len() as u64) <= to {
            let n = usize::try_from(to - at).unwrap_or(usize::MAX).min(WINDOW);
            let Some(view) = window.get_mut(..n) else { return Ok(None) };
            if !self.read_at(at, view)? {
                return Ok(None);
            }
            if let Some(i) = memchr::memmem::find(view, signature) {
                return Ok(Some(at + i as u64));
            }
            // The signature may lie across two windows.
            at += (n - (signature.len() - 1)) as u64;
        }
        Ok(None)
    }

    /// Data that no decoder can find the end of (stored, encrypted) ends where a descriptor with
    /// just that length stands. Gives compressed size, size and checksum.
    fn stored_end(&mut self, data: u64) -> io::Result<Option<(u64, u64, u32)>> {
        let mut at = data;
        while let Some(place) = self.search(&SIG_DESCRIPTOR, at, self.len)? {
            let mut descriptor = [0; 16];
            if self.read_at(place, &mut descriptor)? && u64::from(u32_at(&descriptor, 8)) == place - data {
                let size = u64::from(u32_at(&descriptor, 12));
                return Ok(Some((place - data, size, u32_at(&descriptor, 4))));
            }
            at = place + 1;
        }
        Ok(None)
    }

    /// Compares a member with the descriptor behind its data, if there is one.
    fn check_descriptor(
        &mut self,
        entry: &header::Entry,
        at: u64,
        delivered: &super::Delivered,
    ) -> io::Result<()> {
        let Some((size, crc)) = delivered.seen else { return Ok(()) };
        let origin = self.origin.member(&entry.name);
        let mut b = [0; 24];
        // The signature is optional; in its absence the checksum stands first. Sizes are 4 bytes
        // or, with ZIP64, 8: whichever fits is taken, as no header needs to say.
        let have = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX).min(b.len());
        let Some(view) = b.get_mut(..have) else { return Ok(()) };
        self.read_at(at, view)?;
        let body = view.strip_prefix(&SIG_DESCRIPTOR).unwrap_or(view);
        if entry.descriptor && body.len() < 12 {
            let message = "the zip ends within this member".to_owned();
            self.problems.at(ProblemCode::Truncated, &origin, at, message);
            return Ok(());
        }
        if !entry.descriptor && size < entry.size {
            let message = format!("{size} bytes came out, {} were declared; the zip ends early", entry.size);
            self.problems.at(ProblemCode::Truncated, &origin, at, message);
            return Ok(());
        }
        let declared_crc = if entry.descriptor { u32_at(body, 0) } else { entry.crc };
        let short = u64::from(u32_at(body, 8)) == size;
        let long = u64_at(body, 12) == size && body.len() >= 20;
        if declared_crc != crc || (entry.descriptor && !short && !long) {
            let message = "size or checksum do not match; what came out was read".to_owned();
            self.problems.at(ProblemCode::DamagedPart, &origin, at, message);
        }
        Ok(())
    }
}
