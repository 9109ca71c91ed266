//! By the central directory: found from the end, walked once to see whether it holds, then read.

use std::io;
use std::ops::ControlFlow;

use palisade_model::{Budget, ProblemCode};

use super::Archive;
use super::header::{self, CENTRAL, Entry, LOCAL, SIG_CENTRAL, SIG_LOCAL, u16_at, u32_at, u64_at};
use crate::Found;

/// Fixed part of the end record.
const END: usize = 22;
/// The end record of ZIP64, without its extensible part.
const END64: usize = 56;
/// What points to it.
const LOCATOR64: usize = 20;
/// The end record and the longest comment.
const MAX_TAIL: u64 = END as u64 + u16::MAX as u64;
/// Directory bytes held at a time; one entry is at most 46 + 3 × 65,535 bytes.
const WINDOW: usize = 256 << 10;

/// Where the central directory lies.
pub(crate) struct Directory {
    start: u64,
    end: u64,
    /// Bytes in front of the archive (a self-extractor): what offsets are relative to.
    base: u64,
}

/// A window on the directory.
struct Window {
    bytes: Vec<u8>,
    at: u64,
}

impl Archive<'_, '_> {
    /// Finds a directory that can be walked from end to end; says what is wrong if there is none.
    pub(super) fn find_directory(&mut self) -> io::Result<Option<Directory>> {
        let tail_len = self.len.min(MAX_TAIL);
        let tail_at = self.len - tail_len;
        let mut tail = vec![0; usize::try_from(tail_len).unwrap_or(0)];
        if !self.read_at(tail_at, &mut tail)? {
            return Ok(None);
        }
        let mut seen = false;
        // From the back; the true record is the last whose directory holds. A comment may contain
        // the signature, and something may have been appended.
        for at in memchr::memmem::rfind_iter(&tail, b"PK\x05\x06") {
            let Some(record) = tail.get(at..at + END) else { continue };
            seen = true;
            if let Some((directory, declared)) = self.locate(record, tail_at + at as u64)?
                && let Some(count) = self.count(&directory)?
            {
                // The count is modulo 65,536 in archives of careless writers.
                if declared != count && declared != count % 65_536 {
                    let message =
                        format!("the end record declares {declared} members, the directory has {count}");
                    self.problems.here(ProblemCode::DamagedHeader, tail_at + at as u64, message);
                }
                let behind = at + END + usize::from(u16_at(record, 20));
                if behind < tail.len() {
                    let message = format!("{} bytes follow the end of the zip", tail.len() - behind);
                    self.problems.here(ProblemCode::DamagedPart, tail_at + behind as u64, message);
                }
                return Ok(Some(directory));
            }
        }
        let (code, what) = if seen {
            (ProblemCode::DamagedHeader, "the central directory is damaged")
        } else {
            (ProblemCode::Truncated, "the zip has no end record; it ends early")
        };
        self.problems.here(code, None, format!("{what}; its local headers were walked instead"));
        Ok(None)
    }

    /// Where an end record says the directory lies, and how many members it declares.
    fn locate(&mut self, record: &[u8], record_at: u64) -> io::Result<Option<(Directory, u64)>> {
        let mut count = u64::from(u16_at(record, 10));
        let mut size = u64::from(u32_at(record, 12));
        let mut offset = u64::from(u32_at(record, 16));
        let mut end = record_at;
        let mut locator = [0; LOCATOR64];
        if let Some(locator_at) = record_at.checked_sub(LOCATOR64 as u64)
            && self.read_at(locator_at, &mut locator)?
            && locator.starts_with(b"PK\x06\x07")
        {
            // Where it says, or, behind a prefix, directly in front of the locator.
            let candidates = [Some(u64_at(&locator, 8)), locator_at.checked_sub(END64 as u64)];
            for at in candidates.into_iter().flatten() {
                let mut end64 = [0; END64];
                if self.read_at(at, &mut end64)? && end64.starts_with(b"PK\x06\x06") {
                    count = u64_at(&end64, 32);
                    size = u64_at(&end64, 40);
                    offset = u64_at(&end64, 48);
                    end = at;
                    break;
                }
            }
        }
        // The directory ends where the end record begins; what lies in front of where it should
        // begin is a prefix.
        let Some(start) = end.checked_sub(size) else { return Ok(None) };
        let Some(base) = start.checked_sub(offset) else { return Ok(None) };
        Ok(Some((Directory { start, end, base }, count)))
    }

    /// Walks the directory without opening anything: the number of entries, or `None` if it breaks.
    fn count(&mut self, directory: &Directory) -> io::Result<Option<u64>> {
        let mut window = Window { bytes: Vec::new(), at: 0 };
        let mut at = directory.start;
        let mut count = 0;
        while at < directory.end {
            let Some((_, next)) = self.entry(&mut window, at, directory)? else { return Ok(None) };
            at = next;
            count += 1;
        }
        Ok(Some(count))
    }

    /// The entry at a place of the directory and the place of the next; `None` if there is none.
    fn entry(
        &mut self,
        window: &mut Window,
        at: u64,
        directory: &Directory,
    ) -> io::Result<Option<(Entry, u64)>> {
        let Some(fixed) = self.view(window, at, CENTRAL, directory)?.and_then(|v| v.first_chunk().copied())
        else {
            return Ok(None);
        };
        if !fixed.starts_with(&SIG_CENTRAL) {
            return Ok(None);
        }
        let (name, extra, comment) = header::central_tail(&fixed);
        let whole = CENTRAL + name + extra + comment;
        let Some(all) = self.view(window, at, whole, directory)? else { return Ok(None) };
        let tail = all.get(CENTRAL..CENTRAL + name + extra).unwrap_or_default();
        Ok(Some((header::central(&fixed, tail), at + whole as u64)))
    }

    /// `len` bytes of the directory, through the window.
    fn view<'w>(
        &mut self,
        window: &'w mut Window,
        at: u64,
        len: usize,
        directory: &Directory,
    ) -> io::Result<Option<&'w [u8]>> {
        if at.checked_add(len as u64).is_none_or(|end| end > directory.end) {
            return Ok(None);
        }
        let inside = at >= window.at && at - window.at + len as u64 <= window.bytes.len() as u64;
        if !inside {
            let most = usize::try_from(directory.end - at).unwrap_or(usize::MAX).min(WINDOW);
            window.bytes.resize(most, 0);
            window.at = at;
            if !self.read_at(at, &mut window.bytes)? {
                window.bytes.clear();
                return Ok(None);
            }
        }
        let start = usize::try_from(at - window.at).unwrap_or(usize::MAX);
        Ok(window.bytes.get(start..).and_then(|b| b.get(..len)))
    }

    pub(super) fn by_directory(
        &mut self,
        directory: &Directory,
        budget: &mut Budget,
        found: Found<'_>,
    ) -> io::Result<()> {
        let mut window = Window { bytes: Vec::new(), at: 0 };
        let mut at = directory.start;
        while at < directory.end {
            let Some((mut entry, next)) = self.entry(&mut window, at, directory)? else {
                let message = "the central directory changed while it was read".to_owned();
                self.problems.here(ProblemCode::Changed, at, message);
                return Ok(());
            };
            at = next;
            entry.at = entry.at.saturating_add(directory.base);
            if entry.is_directory() {
                continue;
            }
            let Some(data) = self.data_of(&entry)? else { continue };
            if self.deliver(&entry, data, false, budget, found)?.flow == ControlFlow::Break(()) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Where a member's data begins: behind its local header, whose own lengths count.
    fn data_of(&mut self, entry: &Entry) -> io::Result<Option<u64>> {
        let origin = self.origin.member(&entry.name);
        let mut fixed = [0; LOCAL];
        if !self.read_at(entry.at, &mut fixed)? || !fixed.starts_with(&SIG_LOCAL) {
            let message = "its local header is not where the central directory says".to_owned();
            self.problems.at(ProblemCode::DamagedPart, &origin, entry.at, message);
            return Ok(None);
        }
        let (name_len, extra_len) = header::local_tail(&fixed);
        let mut name = vec![0; name_len];
        if !self.read_at(entry.at + LOCAL as u64, &mut name)? {
            name.clear();
        }
        if name != entry.raw_name {
            // Tools that trust one header and tools that trust the other see different names.
            let message = format!("its local header names it {:?}", String::from_utf8_lossy(&name));
            self.problems.at(ProblemCode::DamagedHeader, &origin, entry.at, message);
        }
        Ok(Some(entry.at + (LOCAL + name_len + extra_len) as u64))
    }
}
