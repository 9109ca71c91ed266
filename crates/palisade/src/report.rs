//! `palisade report`: a case as something to hand over.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use palisade_model::{
    Citation, Confidence, Exhibit, FindingId, Observable, ObservableKind, Prevalence, SourceId, Time, Tlp,
    terminal,
};
use palisade_pipeline::{CaseFindings, Organisation, observables, vector};
use palisade_report as forms;
use palisade_store::{Case, Overview, StoredExhibit};

use crate::args::{EditionName, Report, ReportFormat, TlpName};
use crate::assess::adopt::Word;
use crate::campaign::joined;
use crate::errors::{Exit, reason};
use crate::output::{Sink, count, plural};
use crate::times::{now, zone};
use crate::{case, inputs};

mod attribution;
mod gravity;

/// Rows of sources and problems that a report lists.
const ROWS: u64 = 100_000;
/// Values of a preview shown per list.
const SHOWN: usize = 60;

impl From<TlpName> for Tlp {
    fn from(name: TlpName) -> Tlp {
        match name {
            TlpName::Clear => Tlp::Clear,
            TlpName::Green => Tlp::Green,
            TlpName::Amber => Tlp::Amber,
            TlpName::AmberStrict => Tlp::AmberStrict,
            TlpName::Red => Tlp::Red,
        }
    }
}

/// Runs the command.
pub fn run(args: &Report) -> Result<Exit> {
    let made = now();
    let mut material = material(&args.case, args.title.as_deref(), made)?;
    material.tlp = args.tlp.into();
    material.analyst = case::analyst(args.analyst.as_deref());
    for file in &args.words {
        material.paragraphs.push(paragraph(file)?);
    }
    let own;
    let mut options =
        forms::Options { tlp: args.tlp.into(), locale: locale(&args.locale)?, ..forms::Options::new() };
    if let Some(name) = &args.timezone {
        options.zone = zone("--timezone", name)?;
    }
    if let Some(file) = &args.messages {
        let text = std::fs::read_to_string(file)
            .map_err(|e| anyhow!("cannot read {}: {}", file.display(), reason(&e)))?;
        own = forms::Catalogue::parse(&text).map_err(|e| anyhow!("{}: {e}", file.display()))?;
        options.catalogue = &own;
    }
    if args.preview {
        return preview(&forms::privacy(&material, &options));
    }
    let leaves = args.format == ReportFormat::Stix || args.edition == EditionName::Constituent;
    if leaves && args.release.is_none() {
        bail!(
            "this goes to others: look at `palisade report --case {} --preview`, then say how far it may travel with \
             --release clear|green|amber|amber-strict",
            args.case.display()
        );
    }
    let released = args
        .release
        .filter(|_| leaves)
        .map(|tlp| forms::privacy(&material, &options).release(tlp.into()).by(&material.analyst));
    let edition = match (args.edition, &released) {
        (EditionName::Constituent, Some(shareable)) => forms::Edition::Constituent(shareable),
        (EditionName::DecisionMaker, _) => forms::Edition::DecisionMaker,
        _ => forms::Edition::Technical,
    };
    let options = forms::Options { edition, ..options };
    let bytes = match args.format {
        ReportFormat::Html => forms::html(&material, &options).into_bytes(),
        ReportFormat::Md => forms::markdown(&material, &options).into_bytes(),
        ReportFormat::Json => forms::json(&material, &options).into_bytes(),
        ReportFormat::Navigator => forms::navigator(&material, &options).into_bytes(),
        ReportFormat::Pdf => {
            let fonts: Vec<Vec<u8>> = args
                .fonts
                .iter()
                .map(|f| std::fs::read(f).map_err(|e| anyhow!("cannot read {}: {}", f.display(), reason(&e))))
                .collect::<Result<_>>()?;
            let fonts: Vec<&[u8]> = fonts.iter().map(Vec::as_slice).collect();
            forms::pdf(&material, &options, &fonts)
        }
        ReportFormat::Stix => match &released {
            Some(shareable) => forms::stix(shareable, &options).into_bytes(),
            None => bail!("a STIX bundle is made of what was released; give --release"),
        },
    };
    write(args.output.as_deref(), &bytes)?;
    Ok(Exit::Clean)
}

/// The technical page of a case, into a file.
pub fn page(dir: &Path, title: &str, file: &Path) -> Result<()> {
    let made = now();
    let mut material = material(dir, Some(title), made)?;
    material.analyst = case::analyst(None);
    write(Some(file), forms::html(&material, &forms::Options::new()).as_bytes())
}

fn write(to: Option<&Path>, bytes: &[u8]) -> Result<()> {
    let mut sink = Sink::open(to)?;
    if let (Err(text), failure) = (sink.step(|out| out.write_all(bytes)), sink.failure()) {
        return Err(failure.unwrap_or_else(|| anyhow!(text)));
    }
    sink.close()
}

fn locale(tag: &str) -> Result<forms::Locale> {
    forms::Locale::parse(tag).ok_or_else(|| {
        let all: Vec<&str> = forms::Locale::ALL.iter().map(|l| l.name()).collect();
        anyhow!("--locale {tag} is not known; there are {}", all.join(", "))
    })
}

/// A file of the analyst's words: the first heading, and the rest.
fn paragraph(file: &Path) -> Result<forms::Paragraph> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| anyhow!("cannot read {}: {}", file.display(), reason(&e)))?;
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    Ok(match first.strip_prefix('#') {
        Some(heading) => forms::Paragraph {
            heading: heading.trim_start_matches('#').trim().into(),
            text: rest.trim().into(),
        },
        None => forms::Paragraph { heading: String::new(), text: text.trim().into() },
    })
}

/// Everything the case can tell.
fn material(dir: &Path, title: Option<&str>, made: Time) -> Result<forms::Material> {
    let (read, joined) = joined(dir)?;
    let mut case = Case::open_read_only(dir)?;
    let overview = case.overview(ROWS)?;
    let lake = case.prevalence()?;
    let everyday = everyday(&read, &lake, lake.total());
    let verdicts = case.verdicts()?.into_iter().map(|(_, v)| v).collect();
    let exhibits = exhibits(case.exhibits()?, &overview);
    let findings = findings(&read);
    let config = crate::case::config(dir);
    let organisation = inputs::organisation(config.as_deref())?;
    let words = Word::all(&mut case)?;
    let (hypotheses, hold) = attribution::of(dir, &words, &read, &joined)?;
    let asked = gravity::Asked { answers: case.answers()?, words: hold, organisation: &organisation };
    let gravity = gravity::of(&joined.campaigns, &findings, &asked)?;
    let folder = dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(forms::Material {
        case: title.map_or(folder, str::to_owned),
        organisation: ours(&organisation),
        made,
        tool_version: env!("CARGO_PKG_VERSION").into(),
        findings,
        gravity,
        hypotheses,
        everyday,
        campaigns: joined.campaigns,
        exhibits,
        coverage: forms::Coverage { shapes: shapes(&overview), unseen: unseen(&overview) },
        problems: overview
            .problems
            .iter()
            .map(|p| forms::Problem {
                path: p.origin.clone(),
                code: p.code.clone(),
                message: p.message.clone(),
                times: p.times,
            })
            .collect(),
        sources: overview
            .sources
            .iter()
            .map(|s| forms::Source {
                path: s.path.clone(),
                sha256: s.sha256.clone(),
                bytes: s.bytes,
                records: s.records,
                complete: s.complete,
            })
            .collect(),
        custody: case.custody_head()?,
        verdicts,
        ..forms::Material::default()
    })
}

/// Kept exhibits, their citations by the place of a source among those that the report lists.
fn exhibits(kept: Vec<StoredExhibit>, overview: &Overview) -> Vec<Exhibit> {
    let place = |sha256: &str| overview.sources.iter().position(|s| s.sha256 == sha256);
    let citation = |c: &palisade_store::StoredCitation| {
        let source = SourceId(u32::try_from(place(&c.sha256)?).ok()?);
        Some(Citation { source, record: c.record, offset: c.offset })
    };
    let one = |e: StoredExhibit| Exhibit {
        citations: e.citations.iter().filter_map(citation).collect(),
        title: e.title,
        body: e.body,
        tlp: e.tlp,
    };
    kept.into_iter().map(one).collect()
}

/// Machines on which a peer, or a program, is everybody's.
const EVERYBODYS: (u64, u64) = (8, 3);
/// Or one in so many events of the case holds it.
const OFTEN: u64 = 100;
/// And so many events hold it for each finding that does: what attackers bring is seen by rules more often than that.
const UNREMARKABLE: u64 = 10;

/// Peers and programs of findings that most of the case's machines have as well, without anybody finding fault with it.
fn everyday(read: &CaseFindings, lake: &dyn Prevalence, total: u64) -> BTreeSet<Observable> {
    use ObservableKind::{Domain, Imphash, Ip, Md5, Sha1, Sha256, Sha512};
    let mut held: BTreeMap<&Observable, u64> = BTreeMap::new();
    for o in read.evidence.iter().flat_map(|f| &f.observables) {
        *held.entry(o).or_default() += 1;
    }
    let common = |(o, findings): (&Observable, u64)| {
        let least = match o.kind() {
            Ip | Domain => EVERYBODYS.0,
            Md5 | Sha1 | Sha256 | Sha512 | Imphash => EVERYBODYS.1,
            _ => return None,
        };
        let events = lake.events(o);
        // Clouds name no machines: there, what is in so many of all events is the way out that everybody takes.
        let everywhere = || events >= total / OFTEN || lake.hosts(o) >= least;
        (events >= UNREMARKABLE.saturating_mul(findings) && everywhere()).then(|| o.clone())
    };
    held.into_iter().filter_map(common).collect()
}

fn ours(o: &Organisation) -> forms::Organisation {
    forms::Organisation {
        name: o.name.clone(),
        domains: o.domains.clone(),
        networks: o.networks.clone(),
        hosts: Vec::new(),
        names: o.protected_names.clone(),
    }
}

fn findings(read: &CaseFindings) -> Vec<forms::Finding> {
    let all = read.findings.iter().filter_map(|f| {
        Some(forms::Finding {
            id: FindingId::parse(&f.id)?,
            rule: f.rule_id.clone(),
            title: f.title.clone(),
            severity: f.severity,
            confidence: Confidence(f.confidence),
            vector: vector(&f.vector),
            time: f.time,
            time_end: f.time_end,
            host: f.host.clone(),
            message: f.message.clone(),
            observables: observables(f),
            attack: f.attack.clone(),
            recovered: f.recovered,
            citations: f
                .citations
                .iter()
                .map(|c| forms::Citation {
                    path: c.path.clone(),
                    member: c.member.clone(),
                    record: c.record,
                    offset: c.offset,
                    sha256: c.sha256.clone(),
                })
                .collect(),
        })
    });
    all.collect()
}

fn shapes(overview: &Overview) -> Vec<forms::ShapeSeen> {
    let seen = overview.coverage.iter().map(|s| forms::ShapeSeen {
        shape: s.shape.clone(),
        events: s.events,
        first: s.first,
        last: s.last,
    });
    seen.collect()
}

/// What no finding can speak of, as far as the case knows.
fn unseen(overview: &Overview) -> Vec<String> {
    let mut out = Vec::new();
    let partial = overview.sources.iter().filter(|s| !s.complete).count() as u64;
    if partial > 0 {
        out.push(format!("{} could be read only in part.", plural(partial, "evidence file")));
    }
    let unknown: u64 =
        overview.coverage.iter().filter(|s| s.shape.starts_with("unrecognised")).map(|s| s.events).sum();
    if unknown > 0 {
        out.push(format!("{} are of kinds that no rule knows.", plural(unknown, "event")));
    }
    let has = |part: &str| overview.coverage.iter().any(|s| s.shape.starts_with(part));
    for (part, what) in [
        ("windows/", "Windows machines"),
        ("linux/", "Linux machines"),
        ("azure/", "Entra ID"),
        ("m365/", "Microsoft 365"),
        ("aws/", "AWS"),
    ] {
        if !has(part) {
            out.push(format!("There are no logs of {what}: what happened there cannot be seen."));
        }
    }
    out.push("Networks, mail, files, money and media were not looked at.".into());
    out
}

fn preview(preview: &forms::Preview) -> Result<Exit> {
    let mut out = io::stdout().lock();
    writeln!(out, "Withheld: replaced by a label everywhere")?;
    for w in preview.withheld().iter().take(SHOWN) {
        writeln!(
            out,
            "  {:<10} {}  as {}, {} times",
            w.kind.name(),
            terminal(&w.value),
            terminal(&w.label),
            count(w.times)
        )?;
    }
    let more = preview.withheld().len().saturating_sub(SHOWN);
    if more > 0 {
        writeln!(out, "  … {more} more")?;
    }
    writeln!(out, "\nLeaves the house")?;
    for l in preview.leaving().iter().take(SHOWN) {
        writeln!(out, "  {}  in {}", terminal(&l.observable.to_string()), plural(l.findings, "finding"))?;
    }
    let more = preview.leaving().len().saturating_sub(SHOWN);
    if more > 0 {
        writeln!(out, "  … {more} more")?;
    }
    writeln!(out, "\nLeft out as a whole")?;
    for (what, n) in preview.dropped() {
        writeln!(out, "  {what}: {}", count(*n))?;
    }
    writeln!(out, "\nNames that nobody told of cannot be found: see what you wrote yourself.")?;
    Ok(Exit::Clean)
}
