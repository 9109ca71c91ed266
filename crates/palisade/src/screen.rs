//! `palisade screen`: names, addresses and hosts against lists, with reasons.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use palisade_model::{Origin, SourceId, Verdict, csv_cell, terminal};
use palisade_money::screen::party::{Birth, Date, Gender};
use palisade_money::screen::{
    ALERT, By, Hit, Lists, Query, REVIEW, Schema, Screen as Engine, Workspace, export, score_pair,
};
use serde_json::{Value, json};

use crate::args::{ListForm, Screen, ScreenFormat};
use crate::case;
use crate::errors::{Exit, note, reason};
use crate::inputs;
use crate::output::{Sink, count, plural};

mod kept;

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
    if args.queries.is_empty() && args.table.is_none() {
        bail!("nothing to look for; name names, addresses or hosts, or a table with --queries");
    }
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
    let day = args
        .on
        .as_deref()
        .map(|d| Date::parse(d, false).ok_or_else(|| anyhow!("--on {d} is no day; write YYYY-MM-DD")));
    let day = day.transpose()?;
    let schema = args.schema.as_deref().map_or(Schema::LegalEntity, Schema::parse);
    let mut sink = Sink::open(args.output.as_deref())?;
    let mut tally = Tally::default();
    let jobs = inputs::jobs(args.jobs)?;
    let shown: Vec<Query> = args.queries.iter().map(|q| of_text(q, schema, day)).collect();
    let mut case = args.case.as_deref().map(|dir| case::open_for_run(dir, args.quiet)).transpose()?;
    let mut kept = case.as_mut().map(|case| Kept::begin(case, &engine, args)).transpose()?;
    let done = sink.step(|out| {
        let mut out = Form { args, engine: &engine, out, tally: &mut tally, kept: kept.as_mut() };
        out.begin()?;
        out.answers(&shown, &mut [Workspace::default()])?;
        match &args.table {
            Some(file) => table(file, schema, day, jobs, args.quiet, &mut out),
            None => Ok(()),
        }
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
    }
    Ok(if tally.alert + tally.review > 0 { Exit::Bad } else { Exit::Clean })
}

#[derive(Default)]
struct Tally {
    queries: u64,
    alert: u64,
    review: u64,
    below: u64,
    /// Hits that somebody said are somebody else.
    settled: u64,
    /// Queries that were asked before, and nothing changed.
    unchanged: u64,
    /// Queries that were held against what changed only.
    partly: u64,
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
fn of_text(text: &str, schema: Schema, day: Option<Date>) -> Query {
    Query {
        id: text.to_owned(),
        name: text.to_owned(),
        schema,
        addresses: vec![text.to_owned()],
        hosts: vec![text.to_owned()],
        identifiers: vec![text.to_owned()],
        day,
        ..Query::default()
    }
}

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
                writeln!(self.out, "query,score,by,listed,party,list,entry,programmes,on_list,why,hit,said")
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
        let mut told = 0;
        for hit in hits {
            let said = self.kept.as_deref().map_or_else(Said::default, |k| k.said(engine, query, hit));
            if said.settled() && !args.settled {
                self.tally.settled += 1;
                continue;
            }
            match hit.scored.score {
                s if s >= ALERT => self.tally.alert += 1,
                s if s >= REVIEW => self.tally.review += 1,
                _ => self.tally.below += 1,
            }
            if hit.scored.score < args.threshold || told >= args.limit {
                continue;
            }
            let Some(party) = engine.lists().parties.get(hit.party) else { continue };
            let list = engine.lists().info(party);
            let (list_name, version) = list.map_or(("", None), |l| (l.name.as_str(), l.version));
            told += 1;
            match args.format {
                ScreenFormat::Table => {
                    if told == 1 {
                        writeln!(self.out, "{}", terminal(&query.name))?;
                    }
                    let version = version.map_or(String::new(), |v| format!(", {v}"));
                    writeln!(
                        self.out,
                        "  {}  {} ({}) by {}: {}  [{}{version}, entry {}]{}",
                        score(hit),
                        terminal(party.primary()),
                        party.schema.name(),
                        by(hit.by),
                        terminal(&hit.listed),
                        terminal(list_name),
                        terminal(&party.id),
                        if hit.on_list { "" } else { "  not on the list then" }
                    )?;
                    for term in hit.scored.terms.iter().take(6) {
                        writeln!(self.out, "        {}", terminal(&why(term)))?;
                    }
                    if !party.programmes.is_empty() {
                        writeln!(self.out, "        {}", terminal(&party.programmes.join("; ")))?;
                    }
                    if !said.id.is_empty() {
                        let words = said.words().map_or(String::new(), |w| format!("  {}", terminal(&w)));
                        writeln!(self.out, "        hit {}{words}", said.id)?;
                    }
                }
                ScreenFormat::Ndjson => {
                    serde_json::to_writer(&mut *self.out, &object(engine, query, hit, &said))?;
                    writeln!(self.out)?;
                }
                ScreenFormat::Csv => {
                    let why: Vec<String> = hit.scored.terms.iter().take(6).map(why).collect();
                    let (why, score) = (why.join("; "), format!("{:.6}", hit.scored.score));
                    let programmes = party.programmes.join("; ");
                    let words = said.words().unwrap_or_default();
                    let cells: [&str; 12] = [
                        &query.id,
                        &score,
                        by(hit.by),
                        &hit.listed,
                        party.primary(),
                        list_name,
                        &party.id,
                        &programmes,
                        if hit.on_list { "yes" } else { "no" },
                        &why,
                        &said.id,
                        &words,
                    ];
                    let cells: Vec<String> = cells.iter().map(|c| csv_cell(c).into_owned()).collect();
                    writeln!(self.out, "{}", cells.join(","))?;
                }
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

/// `1.00` of what is identical and agrees in something else; nothing else rounds up to it.
fn score(hit: &Hit) -> String {
    match hit.certain {
        true => "1.00".to_owned(),
        false => format!("{:.2}", hit.scored.score.min(0.994_999)),
    }
}

fn by(by: By) -> &'static str {
    match by {
        By::Address => "address",
        By::Identifier => "number",
        By::Host => "host",
        By::Name => "name",
    }
}

/// `"chol" and "chol": same (+1.20)`
fn why(term: &palisade_money::screen::Term) -> String {
    let what = match (term.query.is_empty(), term.listed.is_empty()) {
        (true, true) => term.what.to_owned(),
        (false, true) => format!("\"{}\": {}", term.query, term.what),
        (true, false) => format!("listed \"{}\": {}", term.listed, term.what),
        (false, false) => format!("\"{}\" and \"{}\": {}", term.query, term.listed, term.what),
    };
    format!("{what} ({:+.2})", term.logit)
}

fn object(engine: &Engine, query: &Query, hit: &Hit, said: &Said<'_>) -> Value {
    let lists = engine.lists();
    let Some(party) = lists.parties.get(hit.party) else { return Value::Null };
    let list = lists.info(party);
    let terms: Vec<Value> = hit
        .scored
        .terms
        .iter()
        .map(|t| json!({"query": t.query, "listed": t.listed, "what": t.what, "log_odds": t.logit}))
        .collect();
    json!({
        "query": query.id,
        "name": query.name,
        "score": hit.scored.score,
        "log_odds": hit.scored.logit,
        "certain": hit.certain,
        "by": by(hit.by),
        "listed": hit.listed,
        "name_kind": hit.kind.map(|k| k.name()),
        "party": party.primary(),
        "schema": party.schema.name(),
        "programmes": party.programmes,
        "countries": party.countries,
        "list": list.map(|l| &l.name),
        "list_version": list.and_then(|l| l.version).map(|d| d.to_string()),
        "entry": party.id,
        "on_list": hit.on_list,
        "listed_from": party.listed.map(|d| d.to_string()),
        "listed_until": party.until.map(|d| d.to_string()),
        "record": party.citation.record,
        "offset": party.citation.offset,
        "terms": terms,
        "hit": Some(&said.id).filter(|id| !id.is_empty()),
        "said": said.verdict.map(word),
        "said_before_change": said.before.map(word),
    })
}

fn word(verdict: &Verdict) -> Value {
    json!({"kind": verdict.kind.name(), "analyst": verdict.analyst, "reason": verdict.reason})
}

/// Columns of a table of queries, by their names.
struct Columns {
    name: Option<usize>,
    schema: Option<usize>,
    birth: Option<usize>,
    country: Option<usize>,
    id: Option<usize>,
    number: Option<usize>,
    address: Option<usize>,
    host: Option<usize>,
    gender: Option<usize>,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Columns {
        let find = |names: &[&str]| {
            header.iter().position(|h| {
                names.contains(&h.trim().trim_start_matches('\u{feff}').to_lowercase().as_str())
            })
        };
        Columns {
            name: find(&["name", "full_name", "caption"]),
            schema: find(&["schema", "type", "kind"]),
            birth: find(&["birth_date", "birthdate", "dob", "date_of_birth", "born"]),
            country: find(&["country", "countries", "nationality"]),
            id: find(&["id", "query_id", "ref"]),
            number: find(&["number", "identifier", "passport", "tax_id", "id_number", "imo"]),
            address: find(&["address", "wallet", "crypto_address"]),
            host: find(&["host", "domain", "ip"]),
            gender: find(&["gender", "sex"]),
        }
    }

    fn query(&self, row: &csv::StringRecord, line: u64, schema: Schema, day: Option<Date>) -> Query {
        let cell = |at: Option<usize>| at.and_then(|n| row.get(n)).map(str::trim).unwrap_or("");
        let several = |at| -> Vec<String> {
            cell(at).split([';', '|']).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
        };
        let id = match cell(self.id) {
            "" => line.to_string(),
            id => id.to_owned(),
        };
        Query {
            id,
            name: cell(self.name).to_owned(),
            schema: if cell(self.schema).is_empty() { schema } else { Schema::parse(cell(self.schema)) },
            births: Birth::parse(cell(self.birth), true).into_iter().collect(),
            gender: Gender::parse(cell(self.gender)),
            countries: several(self.country),
            identifiers: several(self.number),
            addresses: several(self.address),
            hosts: several(self.host),
            day,
        }
    }
}

/// Screens a table, chunk by chunk.
fn table(
    file: &Path,
    schema: Schema,
    day: Option<Date>,
    jobs: usize,
    quiet: bool,
    form: &mut Form<'_, '_, '_>,
) -> io::Result<()> {
    let other = |e: csv::Error| io::Error::other(format!("{}: {e}", file.display()));
    let open = File::open(file)?;
    let size = open.metadata().map_or(0, |m| m.len());
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(open);
    let columns = Columns::of(reader.headers().map_err(other)?);
    if columns.name.is_none() && columns.address.is_none() && columns.host.is_none() {
        let message = "the table has no column name, address or host; its first line names the columns";
        return Err(io::Error::other(format!("{}: {message}", file.display())));
    }
    if let Some(kept) = form.kept.as_deref_mut() {
        kept.numbered = columns.id.is_none();
    }
    let bar = crate::progress::Bar::new(!quiet);
    let mut spaces: Vec<Workspace> = (0..jobs).map(|_| Workspace::default()).collect();
    let mut held: Vec<Query> = Vec::with_capacity(CHUNK * jobs);
    let mut row = csv::StringRecord::new();
    for line in 1.. {
        let more = reader.read_record(&mut row).map_err(other)?;
        if more && line > MAX_QUERIES {
            form.answers(&held, &mut spaces)?;
            return Err(io::Error::other(format!(
                "{}: more than {MAX_QUERIES} queries; split the table",
                file.display()
            )));
        }
        if more {
            held.push(columns.query(&row, line as u64, schema, day));
        }
        if held.len() >= CHUNK * jobs || !more {
            form.answers(&held, &mut spaces)?;
            held.clear();
            bar.show(palisade_pipeline::Progress {
                bytes: reader.position().byte(),
                total: size,
                ..Default::default()
            });
        }
        if !more {
            break;
        }
    }
    bar.clear();
    Ok(())
}

/// Writes the lists in another form.
fn convert(args: &Screen, form: ListForm) -> Result<Exit> {
    let lists = lists(&args.list, args.quiet)?;
    let mut sink = Sink::open(args.output.as_deref())?;
    let written = sink.step(|out| match form {
        ListForm::Ftm => {
            lists.parties.iter().try_for_each(|p| out.write_all(export::ftm(&lists, p).as_bytes()))
        }
        ListForm::Tagpack => {
            let names: Vec<&str> = lists.infos.iter().map(|i| i.name.as_str()).collect();
            let pack = export::tagpack(&lists, &names.join(", "), &case::analyst(None));
            out.write_all(pack.as_bytes())
        }
    });
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
