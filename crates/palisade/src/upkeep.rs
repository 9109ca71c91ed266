//! Upkeep of a case: compaction, retention, legal holds, erasure.
//!
//! What is dropped or kept back is decided in `store`; here it is asked for and said. What this module never
//! does: let the command line of an erasure, which names the person, into the case.

use std::io::{self, Write as _};

use anyhow::{Result, anyhow, bail};
use palisade_model::{Time, terminal};
use palisade_store::Case;
use palisade_store::lake::{Erasure, Refused, Retention, observable};

use crate::args::{CaseCompact, CaseErase, CaseHold, CaseRetain, HoldAdd, HoldCommand, size};
use crate::case::{analyst, config, open_for_run, run_info};
use crate::errors::{Exit, note};
use crate::inputs;
use crate::output::{count, plural};
use crate::times::{Clock, moment, now};

const DAY: i64 = 86_400 * 1_000_000;

/// The case that a run changes; it must be there already.
fn open(dir: &std::path::Path) -> Result<Case> {
    // Opening it first, so that no case is made where there is none.
    drop(Case::open(dir)?);
    Ok(open_for_run(dir, false)?)
}

/// `palisade case compact DIR`.
pub fn compact(args: &CaseCompact) -> Result<Exit> {
    let done = open(&args.dir)?.compact(&run_info(&[], "compact"), &now)?;
    let mut out = io::stdout().lock();
    if done.segments == 0 {
        writeln!(out, "nothing to merge: no table of the lake has more than one small segment")?;
    } else {
        writeln!(
            out,
            "{} became {}: {}, {} bytes instead of {}",
            plural(done.segments, "small segment"),
            count(done.into),
            plural(done.rows, "event"),
            count(done.bytes_after),
            count(done.bytes_before)
        )?;
    }
    Ok(Exit::Clean)
}

/// `palisade case retain DIR`.
pub fn retain(args: &CaseRetain) -> Result<Exit> {
    let (mut days, mut bytes) = (args.days, args.bytes.map(|n| n as u64));
    if days.is_none() && bytes.is_none() {
        let policy = inputs::organisation(config(&args.dir).as_deref())?.retention;
        days = policy.days;
        let parsed = policy.bytes.as_deref().map(size).transpose();
        bytes = parsed.map_err(|e| anyhow!("[retention] bytes in palisade.toml: {e}"))?.map(|n| n as u64);
    }
    if days.is_none() && bytes.is_none() {
        bail!(
            "nothing says how long or how much to keep: give --days or --bytes, or [retention] in {}",
            args.dir.join("palisade.toml").display()
        );
    }
    let now_us = now().0;
    let before = days.map(|d| Time(now_us.saturating_sub(i64::from(d).saturating_mul(DAY))));
    let policy = Retention { before, bytes };
    let done = if args.dry_run {
        Case::open_read_only(&args.dir)?.would_retain(&policy)?
    } else {
        open(&args.dir)?.retain(&policy, &run_info(&[], "retain"), &now)?
    };
    let clock = Clock::default();
    let mut out = io::stdout().lock();
    let kept = [
        before.map(|t| format!("events since {}", clock.short(t))),
        bytes.map(|n| format!("a lake of at most {} bytes", count(n))),
    ];
    writeln!(out, "keeping {}", kept.into_iter().flatten().collect::<Vec<_>>().join(" and "))?;
    writeln!(
        out,
        "{} {}: {} whole, {} written anew without them; the lake {} {} bytes instead of {}",
        plural(done.rows, "event"),
        if args.dry_run { "would go" } else { "dropped" },
        plural(done.segments, "segment"),
        count(done.rewritten),
        if args.dry_run { "would have about" } else { "has" },
        count(done.bytes_after),
        count(done.bytes_before)
    )?;
    refused(&mut out, &done.refused)?;
    if let Some(limit) = bytes.filter(|n| done.bytes_after > *n) {
        writeln!(out, "that is {} bytes above the limit", count(done.bytes_after - limit))?;
    }
    Ok(if done.refused.is_empty() { Exit::Clean } else { Exit::Bad })
}

/// What holds kept back, each by its name.
fn refused(out: &mut impl io::Write, refused: &[Refused]) -> io::Result<()> {
    for r in refused {
        let findings =
            if r.findings > 0 { format!(" and {}", plural(r.findings, "finding")) } else { String::new() };
        writeln!(
            out,
            "kept by legal hold {} ({}): {}{findings}",
            r.hold,
            terminal(&r.name),
            plural(r.rows, "event")
        )?;
    }
    Ok(())
}

/// `palisade case hold DIR …`.
pub fn hold(args: &CaseHold) -> Result<Exit> {
    match &args.command {
        HoldCommand::Add(add) => hold_add(args, add),
        HoldCommand::Release(release) => {
            Case::open(&args.dir)?.hold_release(release.id, now())?;
            writeln!(io::stdout(), "legal hold {} released", release.id)?;
            Ok(Exit::Clean)
        }
        HoldCommand::List => hold_list(args),
    }
}

fn hold_add(args: &CaseHold, add: &HoldAdd) -> Result<Exit> {
    let at = |option, text: &Option<String>| text.as_deref().map(|t| moment(option, t, None)).transpose();
    let (from, to) = (at("--from", &add.from)?, at("--to", &add.to)?);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        bail!("the hold would hold nothing: --from must be before --to");
    }
    if add.name.trim().is_empty() || add.reason.trim().is_empty() {
        bail!("a hold has a name and a reason: whoever finds it in a year must know what it is for");
    }
    let by = analyst(add.analyst.as_deref());
    let id = Case::open(&args.dir)?.hold_add(&add.name, &add.reason, &by, (from, to), now())?;
    writeln!(
        io::stdout(),
        "legal hold {id}: {} by {}, {}",
        terminal(&add.name),
        terminal(&by),
        span(from, to)
    )?;
    Ok(Exit::Clean)
}

fn span(from: Option<Time>, to: Option<Time>) -> String {
    let clock = Clock::default();
    match (from, to) {
        (None, None) => "everything".into(),
        (Some(from), None) => format!("from {} on", clock.short(from)),
        (None, Some(to)) => format!("before {}", clock.short(to)),
        (Some(from), Some(to)) => format!("from {} to before {}", clock.short(from), clock.short(to)),
    }
}

fn hold_list(args: &CaseHold) -> Result<Exit> {
    let clock = Clock::default();
    let mut out = io::stdout().lock();
    for h in Case::open_read_only(&args.dir)?.holds()? {
        let released = h.released.map(|t| format!("  (released {})", clock.short(t))).unwrap_or_default();
        writeln!(
            out,
            "{:>4}  {}  {}  {}  by {}: {}{released}",
            h.id,
            clock.short(h.time),
            terminal(&h.name),
            span(h.from, h.to),
            terminal(&h.analyst),
            terminal(&h.reason)
        )?;
    }
    Ok(Exit::Clean)
}

/// `palisade case erase DIR`.
pub fn erase(args: &CaseErase) -> Result<Exit> {
    let mut observables = Vec::new();
    for text in &args.observable {
        observables.push(observable(text).map_err(|e| anyhow!("--observable {text}: {e}"))?);
    }
    let reason = args.reason.to_lowercase();
    let named = |value: &str| reason.contains(&value.to_lowercase());
    if observables.iter().any(|o| named(o.value())) {
        bail!(
            "the reason names the person, and it is kept: say it without, for example by the number of the request"
        );
    }
    if args.reason.trim().is_empty() {
        bail!("an erasure needs a reason: the case keeps it, so that whoever misses the events knows why");
    }
    let erasure = Erasure { observables, reason: args.reason.clone() };
    let done = if args.dry_run {
        Case::open_read_only(&args.dir)?.would_erase(&erasure)?
    } else {
        let mut info = run_info(&[], "erase");
        // As it was given it names the person.
        info.command_line = format!(
            "palisade case erase {} ({} not kept)",
            args.dir.display(),
            plural(args.observable.len() as u64, "observable")
        );
        open(&args.dir)?.erase(&erasure, &info, &now)?
    };
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} in {} {}; {} {} the person",
        plural(done.rows, "event"),
        plural(done.segments, "segment"),
        if args.dry_run { "would go" } else { "erased" },
        plural(done.findings, "finding"),
        if args.dry_run { "would no longer name" } else { "no longer name" }
    )?;
    refused(&mut out, &done.refused)?;
    let verb = if args.dry_run { "has the value now" } else { "still has the value" };
    for left in &done.left {
        writeln!(out, "{verb}: {} in {}", plural(left.rows, "row"), left.place)?;
    }
    if done.log_left {
        note(
            "another process reads the case, so the database's log could not be emptied: run the same command again when it ended",
        );
    }
    note(
        "evidence files, backups and exports were not touched: they must be handled by their owners; reading the evidence again brings its events back",
    );
    Ok(if done.refused.is_empty() && !done.log_left { Exit::Clean } else { Exit::Bad })
}
