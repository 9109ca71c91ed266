//! The reader that a member is delivered through: it charges the budget, checks the checksum, and
//! remembers why it stopped.

use std::io::{self, BufRead, Read};

use palisade_model::{Limit, Meter, Origin, ProblemCode};

use crate::problems::Problems;

/// Why a member's reader stopped. The container that made the reader reports it as a problem.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Stopped {
    /// A limit was met.
    #[error(transparent)]
    Limit(#[from] Limit),
    /// The member, or the medium it lies on, cannot be read further.
    #[error("{0}")]
    Damaged(String),
}

/// Whether an error of a reader comes from the container around it, which reports it itself.
pub fn is_reported(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Stopped>())
}

/// Whether an error of a reader says that a limit was met: nothing more can come of this evidence file.
pub(crate) fn is_limit(error: &io::Error) -> bool {
    matches!(error.get_ref().and_then(|i| i.downcast_ref()), Some(Stopped::Limit(_)))
}

/// The code that an error of a decoder or a disk deserves.
pub(crate) fn code_of(error: &io::Error) -> ProblemCode {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ProblemCode::Truncated,
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::Other => {
            ProblemCode::DamagedPart
        }
        _ => ProblemCode::Io,
    }
}

#[derive(Debug)]
enum Failure {
    Limit(Limit),
    /// Our own decoder's complaint.
    Damaged(ProblemCode, String),
    /// The reader below said it already.
    Reported(Stopped),
}

/// How a member's reader was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Left {
    /// Read to its end.
    Ended,
    /// The caller lost interest.
    Unread,
    /// Damaged; the container may have other members.
    Damaged,
    /// A limit was met, or the input around it failed: nothing more can be read.
    Finished,
}

/// What a member says of its own bytes.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Declared {
    pub(crate) size: Option<u64>,
    pub(crate) crc: Option<u32>,
}

/// A member being read.
pub(crate) struct Member<R> {
    inner: R,
    meter: Option<Meter>,
    produced: u64,
    crc: crc32fast::Hasher,
    check_crc: bool,
    failure: Option<Failure>,
    ended: bool,
}

impl<R: Read> Member<R> {
    /// `meter` is `None` where bytes do not multiply (a tar): what is below was charged already.
    pub(crate) fn new(inner: R, meter: Option<Meter>, check_crc: bool) -> Member<R> {
        let crc = crc32fast::Hasher::new();
        Member { inner, meter, produced: 0, crc, check_crc, failure: None, ended: false }
    }

    pub(crate) fn inner(&self) -> &R {
        &self.inner
    }

    pub(crate) fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Reads what is left and throws it away; for containers that know no other way to the next member.
    pub(crate) fn drain(&mut self) {
        // The failure, if any, is kept in the member.
        let _ = io::copy(self, &mut io::sink());
    }

    /// Records what was wrong and says how the member was left.
    pub(crate) fn settle(&mut self, declared: Declared, origin: &Origin, problems: &mut Problems) -> Left {
        let produced = self.produced;
        match &self.failure {
            Some(Failure::Limit(limit)) => {
                let message = format!("unpacking stopped: {limit}; the rest was not read");
                problems.at(ProblemCode::Limit, origin, produced, message);
                return Left::Finished;
            }
            Some(Failure::Damaged(code, why)) => {
                let message = format!("unpacking stopped after {produced} bytes: {why}");
                problems.at(*code, origin, produced, message);
                return Left::Damaged;
            }
            Some(Failure::Reported(_)) => return Left::Finished,
            None if !self.ended => return Left::Unread,
            None => {}
        }
        if let Some(size) = declared.size
            && size != produced
        {
            let code = if produced < size { ProblemCode::Truncated } else { ProblemCode::DamagedPart };
            let message = format!("{produced} bytes came out, {size} were declared; what came out was read");
            problems.at(code, origin, produced, message);
            return Left::Damaged;
        }
        if let Some(crc) = declared.crc
            && self.check_crc
            && self.crc.clone().finalize() != crc
        {
            let message = "the checksum does not match; what came out was read".to_owned();
            problems.at(ProblemCode::DamagedPart, origin, None, message);
            return Left::Damaged;
        }
        Left::Ended
    }

    /// Size and checksum of what came out.
    pub(crate) fn seen(&self) -> (u64, u32) {
        (self.produced, self.crc.clone().finalize())
    }
}

impl<R: Read> Read for Member<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(failure) = &self.failure {
            return Err(io::Error::other(match failure {
                Failure::Limit(limit) => Stopped::Limit(*limit),
                Failure::Damaged(_, why) => Stopped::Damaged(why.clone()),
                Failure::Reported(stopped) => stopped.clone(),
            }));
        }
        if self.ended || buf.is_empty() {
            return Ok(0);
        }
        match self.inner.read(buf) {
            Ok(0) => {
                self.ended = true;
                Ok(0)
            }
            Ok(n) => {
                if let Some(meter) = &self.meter
                    && let Err(limit) = meter.bytes(n as u64)
                {
                    self.failure = Some(Failure::Limit(limit));
                    return Err(io::Error::other(Stopped::Limit(limit)));
                }
                self.produced += n as u64;
                if self.check_crc {
                    self.crc.update(buf.get(..n).unwrap_or_default());
                }
                Ok(n)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                if let Some(stopped) = e.get_ref().and_then(|i| i.downcast_ref::<Stopped>()) {
                    self.failure = Some(Failure::Reported(stopped.clone()));
                    return Err(e);
                }
                let why = e.to_string();
                let code = match e.get_ref().and_then(|i| i.downcast_ref::<Limit>()) {
                    // One member's window is too large; the others may have a smaller one.
                    Some(Limit::Memory(_)) => ProblemCode::Limit,
                    Some(limit) => {
                        self.failure = Some(Failure::Limit(*limit));
                        return Err(io::Error::other(Stopped::Limit(*limit)));
                    }
                    None => code_of(&e),
                };
                self.failure = Some(Failure::Damaged(code, why.clone()));
                Err(io::Error::other(Stopped::Damaged(why)))
            }
        }
    }
}

/// Counts what a decoder consumed, to know where the next member begins.
pub(crate) struct Counted<R> {
    inner: R,
    consumed: u64,
}

impl<R> Counted<R> {
    pub(crate) fn new(inner: R) -> Counted<R> {
        Counted { inner, consumed: 0 }
    }

    /// Bytes consumed so far.
    pub(crate) fn consumed(&self) -> u64 {
        self.consumed
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.consumed += n as u64;
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.consumed += n as u64;
        self.inner.consume(n);
    }
}
