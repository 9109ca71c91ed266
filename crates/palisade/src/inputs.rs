//! What a run is told besides evidence: rules, lists, placeholders, the organisation.
//!
//! Everything the user names must exist and be of use, or the run does not start; everything
//! that is only partly of use becomes a [`Problem`] and is said in the output.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use palisade_model::{Origin, Problem, ProblemCode, Severity};
use palisade_pipeline::{Analytics, Kev, Knowledge, LoadedRules, Organisation, RuleSources, load_rules};
use palisade_rules::indicators::{self, Indicator};
use palisade_rules::sigma::yaml::{self, Kind, Node};
use palisade_rules::sigma::{self, Options, RuleError, RuleSet};

use crate::args::RuleArgs;
use crate::errors::reason;

/// Largest list of indicators read, in bytes.
const MAX_LIST: u64 = 1 << 30;

/// Largest setting or placeholder file read, in bytes.
const MAX_SETTING: u64 = 8 << 20;

/// Most faulty lines of one indicator list that are told one by one.
const MAX_LIST_FAULTS: usize = 20;

/// Threads: as asked for, or one per processor.
pub fn jobs(asked: Option<usize>) -> Result<usize> {
    match asked {
        Some(0) => bail!("--jobs 0 leaves nobody to do the work; give 1 or more, or leave it out"),
        Some(n) => Ok(n.min(1_024)),
        None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
    }
}

/// Reads a text file whose size is bounded. `what` is repeated in errors.
pub fn text(what: &str, path: &Path, max: u64) -> Result<String> {
    let fail = |why: String| anyhow!("cannot read {what} {}: {why}", path.display());
    let meta = std::fs::metadata(path).map_err(|e| fail(reason(&e)))?;
    if meta.is_dir() {
        return Err(fail("it is a folder, a file is needed".into()));
    }
    if meta.len() > max {
        return Err(fail(format!("it is larger than {max} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|e| fail(reason(&e)))?;
    String::from_utf8(bytes)
        .map_err(|e| fail(format!("it is not UTF-8 (byte {})", e.utf8_error().valid_up_to())))
}

/// Loads the rules a command asks for; each path must hold a rule file, and one rule must load.
pub fn rules(args: &RuleArgs, jobs: usize) -> Result<LoadedRules> {
    let loaded = rules_even_broken(args, jobs)?;
    if loaded.rules.is_empty() && loaded.below_level == 0 && loaded.failed() > 0 {
        bail!("none of the rules loads; `palisade rules check DIR` shows why");
    }
    Ok(loaded)
}

/// Every path must be there.
pub fn folders(paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        std::fs::metadata(path).map_err(|e| anyhow!("cannot read {}: {}", path.display(), reason(&e)))?;
    }
    Ok(())
}

/// Like [`rules`], for a command that explains broken rules.
pub fn rules_even_broken(args: &RuleArgs, jobs: usize) -> Result<LoadedRules> {
    for path in &args.rules {
        std::fs::metadata(path)
            .map_err(|e| anyhow!("cannot read rules from {}: {}", path.display(), reason(&e)))?;
    }
    for path in &args.mapping {
        let content = text("the field mapping", path, MAX_SETTING)?;
        sigma::mapping::Mapping::parse("", &content).map_err(|e| {
            let help = e.help.as_deref().map(|h| format!("; {h}")).unwrap_or_default();
            anyhow!(
                "cannot use the field mapping {}: line {}: {}{help}",
                path.display(),
                e.span.line,
                e.message
            )
        })?;
    }
    let sources = RuleSources {
        paths: args.rules.clone(),
        shipped: !args.no_shipped_rules,
        mappings: args.mapping.clone(),
        placeholders: placeholders(&args.placeholders)?,
        min_level: args.min_level,
    };
    let loaded = load_rules(&sources, jobs);
    for path in &args.rules {
        let found = loaded.files.iter().any(|(name, _, _)| Path::new(name).starts_with(path));
        if !found {
            let why =
                loaded.unreadable.iter().find(|(p, _)| p.starts_with(path)).map(|(_, why)| why.as_str());
            bail!(
                "no rules in {}: {}",
                path.display(),
                why.unwrap_or("it holds no .yml or .yaml file; name a folder of Sigma rules")
            );
        }
    }
    Ok(loaded)
}

/// Reads `name: [values]` from TOML or YAML files.
pub fn placeholders(paths: &[PathBuf]) -> Result<Options> {
    let mut options = Options::default();
    for path in paths {
        let content = text("placeholders from", path, MAX_SETTING)?;
        let fail = |why: String| anyhow!("cannot read placeholders from {}: {why}", path.display());
        let values = if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml")) {
            toml::from_str::<BTreeMap<String, Vec<String>>>(&content)
                .map_err(|e| fail(format!("{} (each line is: name = [\"value\", …])", e.message())))?
        } else {
            yaml_lists(&content).map_err(fail)?
        };
        for (name, list) in values {
            options.placeholders.entry(name).or_default().extend(list);
        }
    }
    Ok(options)
}

fn yaml_lists(content: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut out = BTreeMap::new();
    for document in yaml::load(content) {
        let node = document.map_err(|f| format!("line {}: {}", f.span.line, f.message))?;
        let Kind::Map(entries) = &node.kind else {
            return Err(format!("it is {}; it must be a map of name: [values]", node.describe()));
        };
        for (key, node) in entries {
            let scalar = |n: &Node| match &n.kind {
                Kind::Scalar(s) => Ok(s.text.clone()),
                _ => Err(format!("line {}: {} is no list of values", n.span.line, key.text)),
            };
            let values = match &node.kind {
                Kind::List(items) => items.iter().map(scalar).collect::<Result<Vec<_>, _>>()?,
                _ => vec![scalar(node)?],
            };
            out.insert(key.text.clone(), values);
        }
    }
    Ok(out)
}

/// Reads lists of indicators. Lines that are none become problems.
pub fn indicators(paths: &[PathBuf]) -> Result<(Vec<Indicator>, Vec<Problem>)> {
    let mut all = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        let content = text("indicators from", path, MAX_LIST)?;
        let name = path.display().to_string();
        let (list, faults) = indicators::parse_list(&name, &content);
        if list.is_empty() {
            let why = faults
                .first()
                .map_or("the file is empty".into(), |f| format!("line {}: {}", f.line, f.message));
            bail!("no indicators in {name}: {why}; one value per line, or CSV with a column named indicator");
        }
        all.extend(list);
        let origin = Origin::file(name);
        for fault in faults.iter().take(MAX_LIST_FAULTS) {
            let message = format!("line {}: {}", fault.line, fault.message);
            problems.push(Problem::new(ProblemCode::Rule, &origin, None, message));
        }
        if faults.len() > MAX_LIST_FAULTS {
            let more = faults.len() - MAX_LIST_FAULTS;
            let mut problem =
                Problem::new(ProblemCode::Rule, &origin, None, "more lines that are no indicators");
            problem.count = more as u64;
            problems.push(problem);
        }
    }
    Ok((all, problems))
}

/// Reads lists of weaknesses: which are known to be exploited, and when they were published.
pub fn kev(paths: &[PathBuf]) -> Result<(Kev, Vec<Problem>)> {
    let (mut all, mut problems) = (Kev::default(), Vec::new());
    for path in paths {
        let (one, more) = kev_file(path)?;
        all.merge(one);
        problems.extend(more);
    }
    Ok((all, problems))
}

fn kev_file(path: &Path) -> Result<(Kev, Vec<Problem>)> {
    let content = text("the list of exploited weaknesses", path, MAX_LIST)?;
    let fail = |why: String| {
        anyhow!(
            "cannot use the list of exploited weaknesses {}: {why}; give CISA's list as JSON or CSV, or a CSV table of cve and published",
            path.display()
        )
    };
    let (kev, faulty) = Kev::parse(&content).map_err(fail)?;
    if kev.is_empty() {
        return Err(fail("it has no entry with an id and a date".to_owned()));
    }
    let mut problems = Vec::new();
    if faulty > 0 {
        let origin = Origin::file(path.display().to_string());
        let mut problem =
            Problem::new(ProblemCode::Rule, &origin, None, "entries without a readable id or date");
        problem.count = faulty;
        problems.push(problem);
    }
    Ok((kev, problems))
}

/// Reads the user's own files of analytics: the TOML files of a folder, in order of names.
pub fn own_analytics(folder: Option<&Path>) -> Result<Vec<(String, String)>> {
    let Some(folder) = folder else { return Ok(Vec::new()) };
    let fail = |why: String| anyhow!("cannot read the analytics in {}: {why}", folder.display());
    let mut out = Vec::new();
    for path in analytics_files(folder)? {
        let name =
            path.file_name().and_then(|n| n.to_str()).ok_or_else(|| fail("a name is not UTF-8".into()))?;
        out.push((name.to_owned(), text("the analytics", &path, MAX_SETTING)?));
    }
    if out.is_empty() {
        return Err(fail("it holds no .toml file; name the folder that does".into()));
    }
    Ok(out)
}

/// The files that [`own_analytics`] reads.
pub fn analytics_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let fail =
        |e: std::io::Error| anyhow!("cannot read the analytics in {}: {}", folder.display(), reason(&e));
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            out.push(path);
        }
    }
    out.sort();
    Ok(out)
}

/// What the rules' own faults look like in the output of an investigation.
pub fn rule_problems(loaded: &LoadedRules) -> Vec<Problem> {
    let of_error = |e: &RuleError| {
        let origin = Origin::file(e.file.to_string());
        let what = if e.severity == sigma::Severity::Error { "not loaded" } else { "noted" };
        let title = e.rule_title.as_deref().map(|t| format!("rule \"{t}\" {what}: ")).unwrap_or_default();
        let help = e.help.as_deref().map(|h| format!(" ({h})")).unwrap_or_default();
        let message = format!("{title}line {}: {}{help}", e.span.line, e.message);
        Problem::new(ProblemCode::Rule, &origin, e.span.start as u64, message)
    };
    let errors = loaded.errors.iter().map(of_error);
    let unreadable = loaded.unreadable.iter().map(|(path, why)| {
        let origin = Origin::file(path.display().to_string());
        Problem::new(ProblemCode::Rule, &origin, None, format!("cannot read the rule file: {why}"))
    });
    errors.chain(unreadable).collect()
}

/// The organisation, from a file the user names.
pub fn organisation(path: Option<&Path>) -> Result<Organisation> {
    let Some(path) = path else { return Ok(Organisation::default()) };
    let content = text("the configuration", path, MAX_SETTING)?;
    Organisation::parse(&content).map_err(|e| {
        let line = e.span().map_or(1, |s| content.get(..s.start).unwrap_or("").matches('\n').count() + 1);
        anyhow!("cannot use the configuration {}: line {line}: {}", path.display(), e.message())
    })
}

/// Closes the knowledge of a run.
///
/// `whole`: records are read whole, for the lake.
pub fn knowledge(
    loaded: &mut LoadedRules,
    indicators: Vec<Indicator>,
    args: &RuleArgs,
    whole: bool,
    analytics: Analytics,
) -> Result<Knowledge> {
    // An indicator's match is of level high; a run that wants only worse wants none of them.
    let wanted = args.min_level.is_none_or(|min| min <= Severity::High);
    let indicators = if wanted { indicators } else { Vec::new() };
    let rules = std::mem::take(&mut loaded.rules);
    let set = RuleSet { rules, correlations: std::mem::take(&mut loaded.correlations) };
    let made = Knowledge::with_analytics(set, indicators, &args.fields, whole, analytics);
    made.map_err(|e| anyhow!("{e}"))
}
