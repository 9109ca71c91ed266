//! Retention: rows that are older than the house keeps them, and the oldest segments of a lake that is too large.
//!
//! By age, a segment goes whole if all of it is old; one that is older and younger is written anew
//! without its old rows. Rows without a time have no age and stay. By size, whole segments go, the
//! oldest first. What this module never does: act by itself, take a finding away, drop what is held.

use palisade_model::Time;

use super::holds::{Holds, Refused};
use super::{Change, Gone, exchange, sift, time_of, times};
use crate::lake::layout;
use crate::lake::segments::Segment;
use crate::run::RunInfo;
use crate::{Case, Result};

/// How long and how much is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Retention {
    /// Rows of before this moment go.
    pub before: Option<Time>,
    /// Segments and their indexes have no more bytes than this; the oldest go.
    pub bytes: Option<u64>,
}

/// What retention did, or would do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Retained {
    /// Segments that went whole.
    pub segments: u64,
    /// Segments that were written anew without some of their rows.
    pub rewritten: u64,
    /// Rows that went.
    pub rows: u64,
    /// Size of the lake before.
    pub bytes_before: u64,
    /// And after; an estimate if nothing was done yet.
    pub bytes_after: u64,
    /// What stays because of legal holds.
    pub refused: Vec<Refused>,
}

impl Case {
    /// Drops what the policy does not keep, as a run of its own. `now` is asked when it ends.
    ///
    /// # Errors
    /// As [`Case::compact`].
    pub fn retain(&mut self, policy: &Retention, info: &RunInfo, now: &dyn Fn() -> Time) -> Result<Retained> {
        self.sweep()?;
        let mut run = self.begin_run(info)?;
        let id = run.id();
        let done = retain(run.case, Some((id, info.started)), policy)?;
        run.finish_run(now())?;
        Ok(done)
    }

    /// What [`Case::retain`] would do; changes nothing.
    pub fn would_retain(&mut self, policy: &Retention) -> Result<Retained> {
        retain(self, None, policy)
    }
}

/// With a run, does it; without one, only says what would be done.
fn retain(case: &mut Case, run: Option<(i64, Time)>, policy: &Retention) -> Result<Retained> {
    let mut holds = Holds::of(case)?;
    let mut done = Retained::default();
    let segments = case.lake()?.segments().to_vec();
    done.bytes_before = segments.iter().map(size).sum();
    let detail =
        serde_json::json!({ "before_us": policy.before.map(|t| t.0), "bytes": policy.bytes }).to_string();
    let mut left = Vec::new();
    for segment in segments {
        let kept = match policy.before {
            Some(before) => by_age(case, run, &segment, before, &detail, &mut holds, &mut done)?,
            None => Some(segment),
        };
        left.extend(kept);
    }
    if let Some(bytes) = policy.bytes {
        let mut total: u64 = left.iter().map(size).sum();
        // What has no time has no age either: it goes last.
        left.sort_by_key(|s| (s.max_time.unwrap_or(i64::MAX), s.seqs, s.id));
        let mut kept = Vec::new();
        for segment in left {
            let held = holds.meets(segment.min_time.zip(segment.max_time), segment.untimed > 0);
            if total <= bytes {
                kept.push(segment);
            } else if let Some(hold) = held {
                holds.keep_rows(hold, segment.rows);
                kept.push(segment);
            } else {
                total -= size(&segment);
                whole(case, run, &segment, &detail, &mut done)?;
            }
        }
        left = kept;
    }
    done.bytes_after = left.iter().map(size).sum();
    done.refused = holds.refused();
    Ok(done)
}

fn size(segment: &Segment) -> u64 {
    segment.bytes + segment.index_bytes
}

/// Drops a segment.
fn whole(
    case: &mut Case,
    run: Option<(i64, Time)>,
    segment: &Segment,
    detail: &str,
    done: &mut Retained,
) -> Result<()> {
    done.segments += 1;
    done.rows += segment.rows;
    if let Some((run, at)) = run {
        let old = std::slice::from_ref(segment);
        let change = Change { old, rows: Vec::new(), gone: Gone::All, kind: "retention", detail };
        exchange(case, run, at, change, None)?;
    }
    Ok(())
}

/// Drops the old rows of a segment; what is left of it, if anything.
fn by_age(
    case: &mut Case,
    run: Option<(i64, Time)>,
    segment: &Segment,
    before: Time,
    detail: &str,
    holds: &mut Holds,
    done: &mut Retained,
) -> Result<Option<Segment>> {
    let Some((min, max)) = segment.min_time.zip(segment.max_time).filter(|(min, _)| *min < before.0) else {
        return Ok(Some(segment.clone()));
    };
    if max < before.0 && segment.untimed == 0 && holds.meets(Some((min, max)), false).is_none() {
        whole(case, run, segment, detail, done)?;
        return Ok(None);
    }
    let columns = [layout::TIME, layout::SOURCE];
    let sifted = sift(case.dir(), segment, run.is_none().then_some(columns.as_slice()), |batch| {
        let times = times(batch)?;
        let stays = |row| time_of(times, row).is_none_or(|t| t >= before || holds.keep_row(Some(t)));
        Ok((0..batch.num_rows()).map(stays).collect())
    })?;
    let rows = sifted.rows_gone();
    if rows == 0 {
        return Ok(Some(segment.clone()));
    }
    if rows == segment.rows {
        whole(case, run, segment, detail, done)?;
        return Ok(None);
    }
    done.rewritten += 1;
    done.rows += rows;
    let mut left = segment.clone();
    left.rows -= rows;
    let Some((run, at)) = run else {
        // Rows of one segment are much alike.
        let share = |n: u64| (u128::from(n) * u128::from(left.rows) / u128::from(segment.rows.max(1))) as u64;
        (left.bytes, left.index_bytes) = (share(segment.bytes), share(segment.index_bytes));
        left.min_time = Some(min.max(before.0).min(max));
        return Ok(Some(left));
    };
    let old = std::slice::from_ref(segment);
    let change = Change { old, rows: sifted.stay, gone: Gone::Rows(sifted.gone), kind: "retention", detail };
    if let Some(new) = exchange(case, run, at, change, None)? {
        left = Segment {
            id: new.id,
            table: new.table,
            file: new.file,
            rows: new.rows,
            bytes: new.bytes,
            index_bytes: new.index_bytes,
            min_time: new.min_time,
            max_time: new.max_time,
            untimed: new.untimed,
            sha256: new.sha256,
            index_sha256: new.index_sha256,
            seqs: segment.seqs,
            columns: new.columns,
        };
    }
    Ok(Some(left))
}
