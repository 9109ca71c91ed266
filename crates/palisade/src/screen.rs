//! `palisade screen`: names, addresses and hosts against lists, with reasons.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use palisade_model::{Origin, SourceId, csv_cell, terminal};
use palisade_money::screen::party::{Date, Identifier};
use palisade_money::screen::{
    ALERT, Hit, Lists, MAX_HITS, Query, REVIEW, Schema, Screen as Engine, Standing, Workspace, export,
    score_pair,
};
use serde_json::{Value, json};

use crate::args::{ListForm, Screen, ScreenFormat};
use crate::case;
use crate::errors::{Exit, note, reason};
use crate::inputs;
use crate::output::{Sink, count, plural};
use crate::times::now;

mod kept;
mod table;
mod told;

pub use kept::Current;
use kept::{Ask, Kept, Said};

/// Queries that one thread takes at once; so many for each thread are held.
const CHUNK: usize = 512;

/// Most queries of a table.
const MAX_QUERIES: usize = 100_000_000;

/// Problems told one by one.
const PROBLEMS: usize = 20;

/// Runs the command.
pub fn run(args: &Screen) -> Result<Exit> {
    if !(0.0..=1.0).contains(&args.threshold) {
        bail!("--threshold is {}; a score goes from 0 to 1", args.threshold);
    }
    if let Some(file) = &args.pairs {
        return pairs(args, file);
    }
    if args.changed && args.case.is_none() {
        bail!(
            "--changed asks what changed since the last time, which a case remembers: name one with --case DIR"
        );
    }
    if args.list.is_empty() {
        bail!("no list to hold the queries against; name files with --list (OFAC, UN, EU, …)");
    }
    if let Some(form) = args.convert {
        return convert(args, form);
    }
    let (tables, texts) = asked(args)?;
    if texts.is_empty() && tables.is_empty() {
        bail!("nothing to look for; name names, addresses or hosts, or a table with --queries");
    }
    let day = day(args)?;
    let engine = Engine::new(lists(&args.list, args.quiet)?);
    if !args.quiet {
        for (party, text) in engine.rejected().iter().take(PROBLEMS) {
            let who = engine.lists().parties.get(*party as usize).map_or("", |p| p.primary());
            note(&format!("\"{text}\" of {who} is on the list and is no address or host that can exist"));
        }
        let more = engine.rejected().len().saturating_sub(PROBLEMS);
        if more > 0 {
            note(&format!("{} more of these", count(more as u64)));
        }
    }
    let schema = args.schema.as_deref().map_or(Schema::LegalEntity, Schema::parse);
    let mut sink = Sink::open(args.output.as_deref())?;
    let mut tally = Tally::default();
    let jobs = inputs::jobs(args.jobs)?;
    let shown: Vec<Query> = texts.iter().map(|q| of_text(q, schema, day)).collect();
    let mut case = args.case.as_deref().map(|dir| case::open_for_run(dir, args.quiet)).transpose()?;
    let mut kept = case.as_mut().map(|case| Kept::begin(case, &engine, args, day)).transpose()?;
    let done = sink.step(|out| {
        let mut out = Form { args, engine: &engine, out, tally: &mut tally, kept: kept.as_mut() };
        out.begin()?;
        out.answers(&shown, &mut [Workspace::default()])?;
        tables.iter().try_for_each(|file| table::screen(file, schema, day, jobs, args.quiet, &mut out))
    });
    if let (Err(text), failure) = (done, sink.failure()) {
        return Err(failure.unwrap_or_else(|| anyhow!(text)));
    }
    sink.close()?;
    if let Some(kept) = kept {
        if !args.quiet && args.changed {
            note(&format!(
                "{} asked before and left out; {} held only against what changed ({})",
                plural(tally.unchanged, "query"),
                plural(tally.partly, "query"),
                plural(kept.new_parties() as u64, "party")
            ));
        }
        if !args.quiet && tally.settled > 0 {
            let hits = plural(tally.settled, "hit");
            note(&format!("{hits} left out that somebody said are somebody else (--settled shows them)"));
        }
        kept.finish()?;
    }
    if !args.quiet {
        note(&format!(
            "{} against {} of {}; {} to alert ({ALERT:.2} and more), {} to review ({REVIEW:.2} and more), {} below",
            plural(tally.queries, "query"),
            plural(engine.lists().parties.len() as u64, "party"),
            plural(engine.lists().infos.len() as u64, "list"),
            count(tally.alert),
            count(tally.review),
            count(tally.below)
        ));
        tally.tell_more(args, day);
    }
    Ok(if tally.alert + tally.review > 0 { Exit::Bad } else { Exit::Clean })
}

#[derive(Default)]
struct Tally {
    queries: u64,
    alert: u64,
    review: u64,
    below: u64,
    /// Hits on parties that are not on their list on the day asked about, by why.
    ended: u64,
    not_yet: u64,
    mentioned: u64,
    /// Hits left out because there were too many of one query.
    cut: u64,
    /// Hits that somebody said are somebody else.
    settled: u64,
    /// Queries that were asked before, and nothing changed.
    unchanged: u64,
    /// Queries that were held against what changed only.
    partly: u64,
}

impl Tally {
    /// Says what is counted apart: what alerts nobody, and what is missing.
    fn tell_more(&self, args: &Screen, day: Date) {
        let apart = [
            (self.ended, "whose entry has ended"),
            (self.not_yet, "whose entry has not begun"),
            (self.mentioned, "whom a list names beside those listed"),
        ];
        let apart: Vec<String> = apart
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, who)| format!("{} on parties {who}", plural(n, "hit")))
            .collect();
        if !apart.is_empty() {
            let shown = if args.on.is_some() { "left out" } else { "told apart" };
            note(&format!("{shown} on {day}: {}", apart.join(", ")));
        }
        if self.cut > 0 {
            note(&format!(
                "{} left out: one query has no more than {MAX_HITS}; a longer name, a date of birth or a country tells more apart",
                plural(self.cut, "hit")
            ));
        }
    }
}

/// Tables and texts among what is asked: a file that exists and is called `….csv` is a table.
fn asked(args: &Screen) -> Result<(Vec<PathBuf>, Vec<&str>)> {
    let (mut tables, mut texts): (Vec<PathBuf>, Vec<&str>) =
        (args.table.iter().cloned().collect(), Vec::new());
    for text in &args.queries {
        let path = Path::new(text);
        let named = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
        match named {
            true if path.is_file() => tables.push(path.to_owned()),
            // Nobody is called so, and a table that was not screened must not look like one without hits.
            true => bail!("{text} is no file; a table of queries that exists is wanted"),
            false => texts.push(text),
        }
    }
    Ok((tables, texts))
}

/// The day the question is about: the one named, or today (UTC).
fn day(args: &Screen) -> Result<Date> {
    let Some(text) = &args.on else {
        let today = jiff::Timestamp::from_microsecond(now().0)?.to_zoned(jiff::tz::TimeZone::UTC).date();
        let part = |n: i8| u32::try_from(n).unwrap_or(0);
        let date = Date::new(u32::try_from(today.year())?, part(today.month()), part(today.day()));
        return date
            .ok_or_else(|| anyhow!("the clock of this machine shows {today}; name the day with --on"));
    };
    let day = Date::parse(text, false).filter(|d| d.day > 0);
    day.ok_or_else(|| anyhow!("--on {text} is no day; write YYYY-MM-DD"))
}

/// Reads lists; what could not be read is told.
fn lists(files: &[PathBuf], quiet: bool) -> Result<Lists> {
    let mut lists = Lists::default();
    let mut problems = Vec::new();
    for (n, path) in (0..).zip(files) {
        let origin = Origin::file(path.display().to_string());
        let mut file = File::open(path)
            .map_err(|e| anyhow!("cannot read the list {}: {}", path.display(), reason(&e)))?;
        problems.extend(lists.load(&mut file, SourceId(n), &origin));
    }
    problems.extend(lists.finish());
    if !quiet {
        for problem in problems.iter().take(PROBLEMS) {
            note(&problem.to_string());
        }
        if problems.len() > PROBLEMS {
            note(&format!("{} more", plural((problems.len() - PROBLEMS) as u64, "problem")));
        }
    }
    if lists.parties.is_empty() {
        bail!("the lists name nobody: none of the files is a list in a format known");
    }
    Ok(lists)
}

/// What somebody typed: a name, and also an address or host if it looks like one.
fn of_text(text: &str, schema: Schema, day: Date) -> Query {
    Query {
        id: text.to_owned(),
        name: text.to_owned(),
        schema,
        addresses: vec![text.to_owned()],
        hosts: vec![text.to_owned()],
        identifiers: vec![Identifier { number: text.to_owned(), ..Identifier::default() }],
        day: Some(day),
        ..Query::default()
    }
}

/// Columns of hits as a table.
const CSV: [&str; 15] = [
    "query",
    "score",
    "by",
    "listed",
    "party",
    "list",
    "entry",
    "programmes",
    "on_list",
    "why",
    "hit",
    "said",
    "standing",
    "owners",
    "owned",
];

/// Where answers go.
struct Form<'a, 'o, 'c> {
    args: &'a Screen,
    engine: &'a Engine,
    out: &'o mut dyn Write,
    tally: &'a mut Tally,
    kept: Option<&'a mut Kept<'c>>,
}

/// A part of the screening failed: an answer must never stand with another's question.
fn failed() -> io::Error {
    io::Error::other("a part of the screening failed, which is a defect in Palisade: no answer is whole")
}

/// Hits of queries, in their order.
fn ask(engine: &Engine, queries: &[Query], spaces: &mut [Workspace]) -> io::Result<Vec<Vec<Hit>>> {
    let parts = queries.len().div_ceil(spaces.len().max(1)).max(1);
    let found: Option<Vec<Vec<Vec<Hit>>>> = std::thread::scope(|scope| {
        let work = |(part, space): (&'_ [Query], &'_ mut Workspace)| engine.chunk(part, space);
        let chunks = queries.chunks(parts).zip(spaces.iter_mut());
        if parts >= queries.len() {
            return Some(chunks.map(work).collect());
        }
        let running: Vec<_> = chunks.map(|c| scope.spawn(move || engine.chunk(c.0, c.1))).collect();
        running.into_iter().map(|h| h.join().ok()).collect()
    });
    let found: Vec<Vec<Hit>> = found.ok_or_else(failed)?.into_iter().flatten().collect();
    if found.len() == queries.len() { Ok(found) } else { Err(failed()) }
}

impl Form<'_, '_, '_> {
    fn begin(&mut self) -> io::Result<()> {
        match self.args.format {
            ScreenFormat::Csv => {
                writeln!(self.out, "{}", CSV.join(","))
            }
            ScreenFormat::Table | ScreenFormat::Ndjson => Ok(()),
        }
    }

    /// Asks and tells, in the order of the queries.
    fn answers(&mut self, queries: &[Query], spaces: &mut [Workspace]) -> io::Result<()> {
        let other = |e: anyhow::Error| io::Error::other(format!("{e:#}"));
        let plan = match self.kept.as_deref_mut() {
            Some(kept) => kept.plan(queries).map_err(other)?,
            None => vec![Ask::All; queries.len()],
        };
        let mut found: Vec<Vec<Hit>> = vec![Vec::new(); queries.len()];
        let mut kinds = plan.clone();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            let at: Vec<usize> = (0..queries.len()).filter(|n| plan[*n] == kind).collect();
            let engine = match (kind, self.kept.as_deref_mut()) {
                (Ask::Nothing, _) => {
                    self.tally.unchanged += at.len() as u64;
                    continue;
                }
                (Ask::Since(generation), Some(kept)) => kept.engine(generation, self.engine),
                _ => None,
            };
            self.tally.partly += if engine.is_some() { at.len() as u64 } else { 0 };
            let some: Vec<Query>;
            let asked = match at.len() == queries.len() {
                true => queries,
                false => {
                    some = at.iter().map(|n| queries[*n].clone()).collect();
                    &some
                }
            };
            let hits = ask(engine.unwrap_or(self.engine), asked, spaces)?;
            self.tally.cut += spaces.iter_mut().map(|s| std::mem::take(&mut s.cut)).sum::<u64>();
            if let Some(kept) = self.kept.as_deref_mut() {
                kept.keep(self.engine, asked, &hits).map_err(other)?;
            }
            for (n, hits) in at.into_iter().zip(hits) {
                found[n] = hits;
            }
        }
        for ((query, hits), plan) in queries.iter().zip(found).zip(plan) {
            self.tally.queries += 1;
            self.answer(query, &hits, plan)?;
        }
        Ok(())
    }

    fn answer(&mut self, query: &Query, hits: &[Hit], plan: Ask) -> io::Result<()> {
        let (args, engine) = (self.args, self.engine);
        let mut told = 0usize;
        for hit in hits {
            let said = self.kept.as_deref().map_or_else(Said::default, |k| k.said(engine, query, hit));
            if said.settled() && !args.settled {
                self.tally.settled += 1;
                continue;
            }
            match (hit.counts(), hit.standing) {
                (true, _) => match hit.scored.score {
                    s if s >= ALERT => self.tally.alert += 1,
                    s if s >= REVIEW => self.tally.review += 1,
                    _ => self.tally.below += 1,
                },
                (false, Standing::NotYet) => self.tally.not_yet += 1,
                (false, Standing::Mentioned) => self.tally.mentioned += 1,
                (false, _) => self.tally.ended += 1,
            }
            // Who asks of a day asks who was listed then; who asks of today may want to know of those before.
            if args.on.is_some() && !hit.counts() {
                continue;
            }
            if hit.scored.score < args.threshold {
                continue;
            }
            if told >= args.limit {
                continue;
            }
            told += 1;
            match args.format {
                ScreenFormat::Table => lines(engine, query, hit, &said, told == 1, self.out)?,
                ScreenFormat::Ndjson => {
                    serde_json::to_writer(&mut *self.out, &told::object(engine, query, hit, &said))?;
                    writeln!(self.out)?;
                }
                ScreenFormat::Csv => row(engine, query, hit, &said, self.out)?,
            }
        }
        if told == 0 && args.format == ScreenFormat::Table && args.table.is_none() {
            let nobody = match plan {
                Ask::All => format!("nobody at {:.2} or more", args.threshold),
                Ask::Since(_) => format!("nobody at {:.2} or more among what changed", args.threshold),
                Ask::Nothing => "asked before, and no list changed".to_owned(),
            };
            writeln!(self.out, "{}\n  {nobody}", terminal(&query.name))?;
        }
        Ok(())
    }
}

/// A hit for people.
fn lines(
    engine: &Engine,
    query: &Query,
    hit: &Hit,
    said: &Said<'_>,
    first: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let lists = engine.lists();
    let Some(party) = lists.parties.get(hit.party) else { return Ok(()) };
    let list = lists.info(party);
    if first {
        writeln!(out, "{}", terminal(&query.name))?;
    }
    let version = list.and_then(|l| l.version).map_or(String::new(), |v| format!(", {v}"));
    let standing = told::standing(hit.standing, party);
    writeln!(
        out,
        "  {}  {} ({}) by {}: {}  [{}{version}, entry {}]{}{standing}",
        told::score(hit),
        terminal(party.primary()),
        party.schema.name(),
        told::by(hit.by),
        terminal(&hit.listed),
        terminal(list.map_or("", |l| l.name.as_str())),
        terminal(&party.id),
        if standing.is_empty() { "" } else { "  " },
    )?;
    for term in hit.scored.terms.iter().take(6) {
        writeln!(out, "        {}", terminal(&told::why(term)))?;
    }
    if !party.programmes.is_empty() {
        writeln!(out, "        {}", terminal(&party.programmes.join("; ")))?;
    }
    match &hit.owned {
        Some(owned) => {
            for line in told::owned(engine, owned, hit.party) {
                writeln!(out, "        {}", terminal(&line))?;
            }
        }
        None if !party.owners.is_empty() => {
            writeln!(out, "        owners: {}", terminal(&told::owners(party)))?;
        }
        None => {}
    }
    if !said.id.is_empty() {
        let words = said.words().map_or(String::new(), |w| format!("  {}", terminal(&w)));
        writeln!(out, "        hit {}{words}", said.id)?;
    }
    Ok(())
}

/// A hit as a row.
fn row(engine: &Engine, query: &Query, hit: &Hit, said: &Said<'_>, out: &mut dyn Write) -> io::Result<()> {
    let lists = engine.lists();
    let Some(party) = lists.parties.get(hit.party) else { return Ok(()) };
    let why: Vec<String> = hit.scored.terms.iter().take(6).map(told::why).collect();
    let (why, score) = (why.join("; "), format!("{:.6}", hit.scored.score));
    let programmes = party.programmes.join("; ");
    let words = said.words().unwrap_or_default();
    let owned = hit.owned.as_ref().map(|o| told::owned(engine, o, hit.party).join("; ")).unwrap_or_default();
    let owners = told::owners(party);
    let cells: [&str; 15] = [
        &query.id,
        &score,
        told::by(hit.by),
        &hit.listed,
        party.primary(),
        lists.info(party).map_or("", |l| l.name.as_str()),
        &party.id,
        &programmes,
        if hit.standing == Standing::Listed { "yes" } else { "no" },
        &why,
        &said.id,
        &words,
        hit.standing.name(),
        &owners,
        &owned,
    ];
    let cells: Vec<String> = cells.iter().map(|c| csv_cell(c).into_owned()).collect();
    writeln!(out, "{}", cells.join(","))
}

/// Writes the lists in another form.
fn convert(args: &Screen, form: ListForm) -> Result<Exit> {
    let lists = lists(&args.list, args.quiet)?;
    let day = day(args)?;
    let mut sink = Sink::open(args.output.as_deref())?;
    let written = sink.step(|out| match form {
        ListForm::Ftm => {
            let mut ftm = export::Ftm::new(&lists);
            lists.parties.iter().try_for_each(|p| out.write_all(ftm.entities(p).as_bytes()))
        }
        ListForm::Tagpack => {
            let names: Vec<&str> = lists.infos.iter().map(|i| i.name.as_str()).collect();
            let pack = export::tagpack(&lists, &names.join(", "), &case::analyst(None), Some(day));
            out.write_all(pack.as_bytes())
        }
    });
    let off =
        lists.parties.iter().filter(|p| p.standing(Some(day)) != Standing::Listed && !p.addresses.is_empty());
    let off = off.count() as u64;
    if off > 0 && !args.quiet && form == ListForm::Tagpack {
        note(&format!(
            "{} with addresses not on a list on {day}: their tags say so and have no abuse",
            plural(off, "party")
        ));
    }
    if let (Err(text), failure) = (written, sink.failure()) {
        return Err(failure.unwrap_or_else(|| anyhow!(text)));
    }
    sink.close()?;
    Ok(Exit::Clean)
}

/// Scores pairs: the row with a column more.
fn pairs(args: &Screen, file: &Path) -> Result<Exit> {
    let cannot = |e: &dyn std::fmt::Display| anyhow!("cannot read the pairs {}: {e}", file.display());
    let open = File::open(file).map_err(|e| cannot(&reason(&e)))?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(open);
    let header = reader.headers().map_err(|e| cannot(&e))?.clone();
    let place = |name: &str| header.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
    let (Some(a), Some(b)) = (place("name1"), place("name2")) else {
        bail!("{} has no columns name1 and name2; the first line names the columns", file.display());
    };
    let schema = place("schema");
    let mut sink = Sink::open(args.output.as_deref())?;
    let mut failed = None;
    let written = sink.step(|out| {
        let mut out = BufWriter::new(out);
        if args.format != ScreenFormat::Ndjson {
            writeln!(out, "row,score,name1,name2")?;
        }
        for (n, row) in reader.records().enumerate() {
            let row = match row {
                Ok(row) => row,
                Err(e) => {
                    failed = Some(e);
                    break;
                }
            };
            let cell = |at: usize| row.get(at).unwrap_or("");
            let kind = schema.map_or(args.schema.as_deref().unwrap_or(""), cell);
            let scored = score_pair(cell(a), cell(b), Schema::parse(kind));
            if args.format == ScreenFormat::Ndjson {
                let terms: Vec<Value> = scored
                    .terms
                    .iter()
                    .map(
                        |t| json!({"name1": t.query, "name2": t.listed, "what": t.what, "log_odds": t.logit}),
                    )
                    .collect();
                let row =
                    json!({"row": n + 1, "score": scored.score, "log_odds": scored.logit, "terms": terms});
                serde_json::to_writer(&mut out, &row)?;
                writeln!(out)?;
            } else {
                writeln!(out, "{},{:.6},{},{}", n + 1, scored.score, csv_cell(cell(a)), csv_cell(cell(b)))?;
            }
        }
        out.flush()
    });
    if let (Err(text), failure) = (written, sink.failure()) {
        return Err(failure.unwrap_or_else(|| anyhow!(text)));
    }
    if let Some(e) = failed {
        return Err(cannot(&e));
    }
    sink.close()?;
    Ok(Exit::Clean)
}
