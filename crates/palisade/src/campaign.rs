//! `palisade campaign`: which findings belong together, why, and the analyst's word on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write as _};

use anyhow::{Result, anyhow, bail};
use palisade_campaign::{Graph, Joined, Link, between, explain as explanation, without};
use palisade_model::{Campaign, FindingId, Observable, Term, Time, Verdict, VerdictKind, Weight, terminal};
use palisade_pipeline::{CaseFindings, join_case};
use palisade_store::{Case, StoredFinding};
use serde_json::{Value, json};

use crate::args::{
    CampaignChanges, CampaignExclude, CampaignList, CampaignPair, CampaignShow, CampaignUndo, CampaignWord,
    CaseShowFormat,
};
use crate::case::analyst;
use crate::errors::{Exit, note};
use crate::output::plural;
use crate::times::{Clock, now};

mod alerts;

pub use alerts::group;

/// Most steps and joins shown of one campaign.
const SHOWN: usize = 40;
/// The weakest links shown.
const WEAKEST: usize = 5;
/// The strongest links shown between two campaigns.
const STRONGEST: usize = 5;

/// A case that was opened to join its findings.
struct Opened {
    case: Case,
    /// Whether names may be kept in it.
    keep: bool,
    at: Time,
    read: CaseFindings,
}

impl Opened {
    fn new(dir: &std::path::Path) -> Result<Opened> {
        let at = now();
        let (mut case, keep) = match Case::open(dir) {
            Ok(case) => (case, true),
            // Somebody else writes, or nobody may: the names of before are read, not kept.
            Err(_) => (Case::open_read_only(dir)?, false),
        };
        let read = CaseFindings::read(&mut case, at)?;
        for problem in &read.problems {
            note(&format!("how common things are was counted without {problem}"));
        }
        Ok(Opened { case, keep, at, read })
    }
}

/// Opens a case and joins its findings; keeps the campaigns' names where the case may be written.
pub fn joined(dir: &std::path::Path) -> Result<(CaseFindings, Joined)> {
    let mut o = Opened::new(dir)?;
    let (_, joined) = join_case(&mut o.case, &o.read, o.at, o.keep)?;
    Ok((o.read, joined))
}

/// `palisade campaign list`.
pub fn list(args: &CampaignList) -> Result<Exit> {
    let mut o = Opened::new(&args.case)?;
    let (graph, joined) = join_case(&mut o.case, &o.read, o.at, o.keep)?;
    let mut out = io::stdout().lock();
    if args.format == CaseShowFormat::Json {
        let all: Vec<Value> = joined.campaigns.iter().map(|c| value(c, &without(&graph, c))).collect();
        let loose: Vec<String> = joined.loose.iter().map(ToString::to_string).collect();
        serde_json::to_writer_pretty(&mut out, &json!({"format": 1, "campaigns": all, "loose": loose}))?;
        writeln!(out)?;
        return Ok(Exit::Clean);
    }
    let clock = Clock::default();
    let in_them: usize = joined.campaigns.iter().map(|c| c.findings().count()).sum();
    writeln!(
        out,
        "{} of {} in {}; {} on their own",
        in_them,
        plural((in_them + joined.loose.len()) as u64, "finding"),
        plural(joined.campaigns.len() as u64, "campaign"),
        joined.loose.len()
    )?;
    let mut order: Vec<&Campaign> = joined.campaigns.iter().collect();
    order.sort_by(|a, b| {
        (b.severity(), b.findings().count()).cmp(&(a.severity(), a.findings().count())).then(a.id.cmp(&b.id))
    });
    for c in order {
        writeln!(out, "\n{}", heading(c, &clock))?;
        for step in gravest(c, 3) {
            writeln!(out, "    {}", terminal(&step))?;
        }
    }
    if !joined.campaigns.is_empty() {
        writeln!(out, "\n`palisade campaign show --case {} ID` shows why.", args.case.display())?;
    }
    Ok(Exit::Clean)
}

/// `c-5f0a…  high  22 findings in 9 steps, 2026-10-02 08:27 to 2026-10-29 16:49, 5 machines, cohesion 0.62`
pub fn heading(c: &Campaign, clock: &Clock) -> String {
    let (first, last) = c.span();
    let mut hosts: Vec<&String> = c.steps.iter().flat_map(|s| &s.hosts).collect();
    hosts.sort();
    hosts.dedup();
    let span = match (first, last) {
        (Some(a), Some(b)) => format!(", {} to {}", clock.short(a), clock.short(b)),
        _ => String::new(),
    };
    format!(
        "{}  {}  {} in {}{span}, {}, weakest link {:.2}",
        c.id,
        c.severity(),
        plural(c.findings().count() as u64, "finding"),
        plural(c.steps.len() as u64, "step"),
        plural(hosts.len() as u64, "machine"),
        c.cohesion
    )
}

fn gravest(c: &Campaign, most: usize) -> Vec<String> {
    let mut steps: Vec<_> = c.steps.iter().enumerate().collect();
    steps.sort_by(|a, b| b.1.severity.cmp(&a.1.severity).then(a.0.cmp(&b.0)));
    let mut titles: Vec<String> = Vec::new();
    for (_, s) in steps {
        if !titles.contains(&s.title) && titles.len() < most {
            titles.push(s.title.clone());
        }
    }
    titles
}

/// `palisade campaign show`.
pub fn show(args: &CampaignShow) -> Result<Exit> {
    let mut o = Opened::new(&args.case)?;
    let (graph, joined) = join_case(&mut o.case, &o.read, o.at, o.keep)?;
    let c = find(&joined, &args.campaign)?;
    let parting = without(&graph, c);
    let mut out = io::stdout().lock();
    if args.format == CaseShowFormat::Json {
        serde_json::to_writer_pretty(&mut out, &value(c, &parting))?;
        writeln!(out)?;
        return Ok(Exit::Clean);
    }
    let clock = Clock::default();
    let by_id = o.read.by_id();
    writeln!(out, "{}", heading(c, &clock))?;
    for alias in &c.aliases {
        writeln!(out, "    formerly {alias}")?;
    }
    writeln!(out, "\nSteps")?;
    for (n, s) in c.steps.iter().enumerate().take(SHOWN) {
        let time = s.first.map_or_else(|| "no time".into(), |t| clock.short(t));
        let more = if s.findings.len() > 1 { format!(" (+{})", s.findings.len() - 1) } else { String::new() };
        writeln!(
            out,
            "{:>4}  {time}  {:<8}  {}: {}{more}",
            n + 1,
            s.severity.name(),
            if s.hosts.is_empty() {
                "no machine".to_owned()
            } else {
                terminal(&s.hosts.join(", ")).into_owned()
            },
            terminal(&s.title)
        )?;
        if let Some(f) = s.findings.first().and_then(|f| by_id.get(f)) {
            writeln!(out, "      {}", terminal(&cited(f)))?;
        }
    }
    if c.steps.len() > SHOWN {
        writeln!(out, "      … {} more; --format json has all", c.steps.len() - SHOWN)?;
    }
    writeln!(out, "\nWhy they are together (nats; the terms sum to the score)")?;
    for join in c.joins.iter().take(SHOWN) {
        let bridge = if join.bridge { "  nothing else holds these two sides together" } else { "" };
        writeln!(out, "  {} and {}: {}{bridge}", join.steps.0 + 1, join.steps.1 + 1, join.score)?;
        terms(&mut out, &join.terms, &by_id)?;
    }
    if c.joins.len() > SHOWN {
        writeln!(out, "  … {} more", c.joins.len() - SHOWN)?;
    }
    let mut weakest: Vec<_> = c.joins.iter().collect();
    weakest.sort_by_key(|j| (j.score, j.steps));
    writeln!(out, "\nWeakest links")?;
    for join in weakest.iter().take(WEAKEST) {
        let p = join.score.probability();
        writeln!(out, "  {} and {}: {} ({p:.2})", join.steps.0 + 1, join.steps.1 + 1, join.score)?;
    }
    writeln!(out, "\nWithout it, this falls into parts")?;
    for (o, parts) in &parting {
        writeln!(out, "  {}: {parts}", terminal(&o.to_string()))?;
    }
    if parting.is_empty() {
        writeln!(out, "  nothing alone holds it together")?;
    }
    Ok(Exit::Clean)
}

/// Where the first citation of a finding lies.
fn cited(f: &StoredFinding) -> String {
    let id = f.id.get(..8).unwrap_or(&f.id);
    match f.citations.first() {
        Some(c) => {
            let member = if c.member.is_empty() { String::new() } else { format!("!{}", c.member) };
            format!("{id}  {}{member} record {} at byte {}", c.path, c.record, c.offset)
        }
        None => id.to_owned(),
    }
}

fn terms(out: &mut dyn io::Write, all: &[Term], by_id: &BTreeMap<FindingId, &StoredFinding>) -> Result<()> {
    for t in all {
        let mut text = format!("      {}  ", t.weight);
        match (&t.observable, &t.note) {
            (Some(o), _) => {
                let _ = write!(text, "both have {o}");
                if let Some((held, of)) = t.seen {
                    let _ = write!(text, ", on {held} of {of} days of machines");
                }
                if let Some(apart) = t.apart {
                    let _ = write!(text, ", {} apart", distance(apart));
                }
                if let Some((a, b)) = t.findings {
                    let short = |f: FindingId| {
                        let id = f.to_string();
                        by_id.get(&f).map_or_else(|| id.clone(), |_| id.get(..8).unwrap_or(&id).to_owned())
                    };
                    let _ = write!(text, " ({} and {})", short(a), short(b));
                }
            }
            (None, Some(why)) => {
                text.push_str(why);
                if let Some(apart) = t.apart {
                    let _ = write!(text, ", {} apart", distance(apart));
                }
            }
            (None, None) => text.push_str(t.kind.name()),
        }
        writeln!(out, "{}", terminal(&text))?;
        if let (Some(_), Some(why)) = (&t.observable, &t.note) {
            writeln!(out, "             {}", terminal(why))?;
        }
    }
    Ok(())
}

/// `4 days`
fn distance(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// What the user named: a finding, or a campaign with its findings.
struct Named {
    text: String,
    campaign: bool,
    findings: BTreeSet<FindingId>,
}

impl Named {
    fn new(read: &CaseFindings, joined: &Joined, text: &str) -> Result<Named> {
        if text.starts_with("c-") {
            let of = find(joined, text)?;
            return Ok(Named { text: of.id.to_string(), campaign: true, findings: of.findings().collect() });
        }
        let one = resolve(read, joined, text)?;
        Ok(Named { text: one.to_string(), campaign: false, findings: [one].into() })
    }
}

/// `palisade campaign explain`.
pub fn explain(args: &CampaignPair) -> Result<Exit> {
    let mut o = Opened::new(&args.case)?;
    let (graph, joined) = join_case(&mut o.case, &o.read, o.at, o.keep)?;
    let (x, y) = (Named::new(&o.read, &joined, &args.a)?, Named::new(&o.read, &joined, &args.b)?);
    let a = resolve(&o.read, &joined, &args.a)?;
    let b = resolve(&o.read, &joined, &args.b)?;
    let explained = explanation(&graph, a, b)
        .ok_or_else(|| anyhow!("one of the two is marked a false positive, and joins nothing"))?;
    if (x.campaign || y.campaign) && x.findings.is_disjoint(&y.findings) {
        return links(args.format, &o.read, &graph, &x, &y);
    }
    let sum: Weight = explained.direct.iter().map(|t| t.weight).sum();
    let mut out = io::stdout().lock();
    if args.format == CaseShowFormat::Json {
        let path: Vec<Value> = explained.path.iter().map(link).collect();
        let direct: Vec<Value> = explained.direct.iter().map(term).collect();
        let all = json!({"format": 1, "a": a.to_string(), "b": b.to_string(), "together": !path.is_empty() || a == b,
                         "path": path, "direct": {"score_micronats": sum.0, "terms": direct}});
        serde_json::to_writer_pretty(&mut out, &all)?;
        writeln!(out)?;
        return Ok(Exit::Clean);
    }
    let by_id = o.read.by_id();
    if a == b {
        writeln!(out, "{} is one finding; name another beside it.", terminal(&name(&by_id, a)))?;
        return Ok(Exit::Clean);
    }
    if explained.path.is_empty() {
        let (a, b) = (name(&by_id, a), name(&by_id, b));
        writeln!(out, "{} and {} are not in one campaign.", terminal(&a), terminal(&b))?;
    } else {
        writeln!(
            out,
            "{} and {} are in one campaign, by {}:",
            terminal(&name(&by_id, a)),
            terminal(&name(&by_id, b)),
            plural(explained.path.len() as u64, "join")
        )?;
        for l in &explained.path {
            show_link(&mut out, l, &by_id)?;
        }
    }
    // One join is the direct one, and was shown.
    if explained.path.len() != 1 {
        writeln!(out, "\nDirectly: {sum} (joined from 0 on)")?;
        terms(&mut out, &explained.direct, &by_id)?;
    }
    Ok(Exit::Clean)
}

/// What two campaigns, or a finding and a campaign it is not in, have in common: their strongest links.
fn links(
    format: CaseShowFormat,
    read: &CaseFindings,
    graph: &Graph<'_>,
    x: &Named,
    y: &Named,
) -> Result<Exit> {
    let found = between(graph, &x.findings, &y.findings, STRONGEST);
    let mut out = io::stdout().lock();
    if format == CaseShowFormat::Json {
        let direct = found.first().map(|l| l.terms.as_slice()).unwrap_or_default();
        let sum: Weight = direct.iter().map(|t| t.weight).sum();
        let direct: Vec<Value> = direct.iter().map(term).collect();
        let all = json!({"format": 1, "a": x.text, "b": y.text, "together": false, "path": [],
                         "direct": {"score_micronats": sum.0, "terms": direct},
                         "links": found.iter().map(link).collect::<Vec<_>>()});
        serde_json::to_writer_pretty(&mut out, &all)?;
        writeln!(out)?;
        return Ok(Exit::Clean);
    }
    let by_id = read.by_id();
    let what = |n: &Named| match (n.campaign, n.findings.first()) {
        (false, Some(f)) => name(&by_id, *f),
        _ => n.text.clone(),
    };
    let (a, b) = (what(x), what(y));
    if found.is_empty() {
        let (a, b) = (terminal(&a), terminal(&b));
        writeln!(out, "{a} and {b} are not in one campaign: they have nothing in common.")?;
        return Ok(Exit::Clean);
    }
    writeln!(
        out,
        "{} and {} are not in one campaign. The strongest between them (joined from 0 on):",
        terminal(&a),
        terminal(&b)
    )?;
    for l in &found {
        show_link(&mut out, l, &by_id)?;
    }
    Ok(Exit::Clean)
}

fn link(l: &Link) -> Value {
    let score: Weight = l.terms.iter().map(|t| t.weight).sum();
    json!({"from": l.from.to_string(), "to": l.to.to_string(), "score_micronats": score.0,
           "bridge": l.bridge, "terms": l.terms.iter().map(term).collect::<Vec<_>>()})
}

fn show_link(out: &mut dyn io::Write, l: &Link, by_id: &BTreeMap<FindingId, &StoredFinding>) -> Result<()> {
    let score: Weight = l.terms.iter().map(|t| t.weight).sum();
    let bridge = if l.bridge { "; without this join: two campaigns" } else { "" };
    let (from, to) = (name(by_id, l.from), name(by_id, l.to));
    writeln!(out, "\n  {} and {}: {score}{bridge}", terminal(&from), terminal(&to))?;
    terms(out, &l.terms, by_id)
}

/// `94db1f1c (Script host connects to the outside)`
fn name(by_id: &BTreeMap<FindingId, &StoredFinding>, f: FindingId) -> String {
    let id = f.to_string();
    let id = id.get(..8).unwrap_or(&id).to_owned();
    by_id.get(&f).map_or(id.clone(), |f| format!("{id} ({})", f.title))
}

/// A campaign by its id, a former id, or the beginning of one.
pub fn find<'j>(joined: &'j Joined, text: &str) -> Result<&'j Campaign> {
    let fits = |c: &&Campaign| {
        c.id.to_string().starts_with(text) || c.aliases.iter().any(|a| a.to_string().starts_with(text))
    };
    let found: Vec<&Campaign> = joined.campaigns.iter().filter(fits).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => bail!("the case has no campaign {text}; `palisade campaign list` lists them"),
        many => {
            let ids: Vec<String> = many.iter().map(|c| c.id.to_string()).collect();
            bail!("{text} fits several campaigns ({}); give more of the id", ids.join(", "))
        }
    }
}

/// A finding by the beginning of its id; of a campaign its first finding.
fn resolve(read: &CaseFindings, joined: &Joined, text: &str) -> Result<FindingId> {
    if text.starts_with("c-") {
        let first = find(joined, text)?.findings().next();
        return first.ok_or_else(|| anyhow!("campaign {text} is empty"));
    }
    let found: Vec<&StoredFinding> = read.findings.iter().filter(|f| f.id.starts_with(text)).collect();
    match found.as_slice() {
        [one] => FindingId::parse(&one.id).ok_or_else(|| anyhow!("finding {text} has no id")),
        [] => bail!("the case has no finding {text}; `palisade case findings DIR` lists them"),
        many => bail!("{text} fits {}; give more of the id", plural(many.len() as u64, "finding")),
    }
}

/// `palisade campaign pin` and `cut`.
pub fn pair(args: &CampaignWord, kind: VerdictKind) -> Result<Exit> {
    let (read, before) = joined(&args.case)?;
    let (a, b) = (resolve(&read, &before, &args.a)?, resolve(&read, &before, &args.b)?);
    if a == b {
        bail!("a word on a join is about two findings; these are one");
    }
    let subject = vec![a.to_string(), b.to_string()];
    say(&args.case, before.campaigns.len(), kind, subject, &args.reason, args.analyst.as_deref())
}

/// `palisade campaign exclude`.
pub fn exclude(args: &CampaignExclude) -> Result<Exit> {
    let o = Observable::typed(&args.observable).ok_or_else(|| {
        anyhow!("{} is no observable; write it as kind:value, ip:203.0.113.7", args.observable)
    })?;
    let (read, before) = joined(&args.case)?;
    if !read.evidence.iter().any(|f| f.observables.contains(&o)) {
        note(&format!("no finding of the case has {o}; check the spelling"));
    }
    let (before, subject) = (before.campaigns.len(), vec![o.to_string()]);
    say(&args.case, before, VerdictKind::Exclude, subject, &args.reason, args.analyst.as_deref())
}

/// Keeps an analyst's word, and says how many campaigns it makes of those `before`.
fn say(
    dir: &std::path::Path,
    before: usize,
    kind: VerdictKind,
    subject: Vec<String>,
    reason: &str,
    who: Option<&str>,
) -> Result<Exit> {
    let verdict = Verdict {
        subject,
        kind,
        analyst: analyst(who),
        time: now(),
        reason: reason.to_owned(),
        expires: None,
        undone: None,
    };
    let id = Case::open(dir)?.verdict_add(&verdict)?;
    let after = joined(dir)?.1.campaigns.len();
    writeln!(
        io::stdout(),
        "{} by {}, number {id} (`palisade campaign undo --case {} {id}`); {before} campaigns before, {after} now",
        kind.name(),
        terminal(&verdict.analyst),
        dir.display()
    )?;
    Ok(Exit::Clean)
}

/// `palisade campaign undo`.
pub fn undo(args: &CampaignUndo) -> Result<Exit> {
    let mut case = Case::open(&args.case)?;
    let all = case.verdicts()?;
    let of_joins = |v: &Verdict| matches!(v.kind, VerdictKind::Pin | VerdictKind::Cut | VerdictKind::Exclude);
    let standing: Vec<String> = all
        .iter()
        .filter(|(_, v)| of_joins(v) && v.undone.is_none())
        .map(|(id, v)| format!("{id} ({})", v.kind.name()))
        .collect();
    let instead = match standing.as_slice() {
        [] => "there is no word on campaigns that could be taken back".to_owned(),
        some => format!("what can be taken back: {}", some.join(", ")),
    };
    let dir = args.case.display();
    match all.iter().find(|(id, _)| *id == args.id).map(|(_, v)| v) {
        None => bail!("nothing to take back: the case has no verdict {}; {instead}", args.id),
        Some(v) if !of_joins(v) => bail!(
            "verdict {} is no word on campaigns but {}; `palisade case verdict undo {dir} {0}` takes it back",
            args.id,
            v.kind.name()
        ),
        Some(Verdict { undone: Some(at), .. }) => bail!(
            "nothing to take back: verdict {} was taken back at {}; {instead}",
            args.id,
            Clock::default().short(*at)
        ),
        Some(_) => case.verdict_undo(args.id, now())?,
    }
    drop(case);
    let n = joined(&args.case)?.1.campaigns.len();
    writeln!(io::stdout(), "{} taken back; {} now", args.id, plural(n as u64, "campaign"))?;
    Ok(Exit::Clean)
}

/// `palisade campaign changes`.
pub fn changes(args: &CampaignChanges) -> Result<Exit> {
    let clock = Clock::default();
    let mut out = io::stdout().lock();
    let short = |id: &str| format!("c-{}", id.get(..16).unwrap_or(id));
    for c in Case::open_read_only(&args.case)?.campaign_changes()? {
        let into = c.into.as_deref().map(|i| format!(" into {}", short(i))).unwrap_or_default();
        writeln!(
            out,
            "{}  {:<7}{into}  {}  {}",
            clock.short(c.time),
            c.kind,
            short(&c.campaign),
            plural(c.findings, "finding")
        )?;
    }
    Ok(Exit::Clean)
}

/// A campaign as JSON.
fn value(c: &Campaign, parting: &[(palisade_model::Observable, usize)]) -> Value {
    let time = |t: Option<Time>| t.map(|t| t.to_string());
    let steps: Vec<Value> = c
        .steps
        .iter()
        .map(|s| {
            json!({
                "first": time(s.first), "last": time(s.last), "title": s.title, "severity": s.severity.name(),
                "hosts": s.hosts, "attack": s.attack,
                "vectors": s.vectors.iter().map(|v| v.name()).collect::<Vec<_>>(),
                "findings": s.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        })
        .collect();
    let joins: Vec<Value> = c
        .joins
        .iter()
        .map(|j| {
            json!({"steps": [j.steps.0, j.steps.1], "score_micronats": j.score.0, "bridge": j.bridge,
                   "terms": j.terms.iter().map(term).collect::<Vec<_>>()})
        })
        .collect();
    let (first, last) = c.span();
    json!({
        "id": c.id.to_string(), "aliases": c.aliases.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "first": time(first), "last": time(last), "severity": c.severity().name(), "cohesion": c.cohesion,
        "steps": steps, "joins": joins,
        "without": parting.iter().map(|(o, n)| json!({"observable": o.to_string(), "campaigns": n})).collect::<Vec<_>>(),
    })
}

fn term(t: &Term) -> Value {
    json!({
        "kind": t.kind.name(), "weight_micronats": t.weight.0,
        "observable": t.observable.as_ref().map(ToString::to_string),
        "seen": t.seen.map(|(n, of)| json!([n, of])), "apart_us": t.apart,
        "findings": t.findings.map(|(a, b)| json!([a.to_string(), b.to_string()])), "note": t.note,
    })
}
