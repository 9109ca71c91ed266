//! Rule files: found, read, assembled.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use palisade_model::Severity;
use palisade_rules::correlate::Correlations;
use palisade_rules::sigma::ir::{Correlation, Level};
use palisade_rules::sigma::{self, Document, Options, Rule, RuleError, RuleSet, mapping::Mapping};

use crate::packed;

/// Largest rule file read, in bytes. Longer files are no rules.
const MAX_RULE_FILE: u64 = 8 << 20;

/// In front of the names of shipped rule files.
const SHIPPED: &str = "palisade:";

/// Where rules come from.
#[derive(Clone, Debug, Default)]
pub struct RuleSources {
    /// Files and folders with Sigma rules.
    pub paths: Vec<PathBuf>,
    /// Whether the rules shipped in the binary are used too.
    pub shipped: bool,
    /// Field mapping files (pySigma form), applied in order.
    pub mappings: Vec<PathBuf>,
    /// Values of `%placeholders%`.
    pub placeholders: Options,
    /// Rules below this level are left out.
    pub min_level: Option<Severity>,
}

/// What came of them.
#[derive(Debug, Default)]
pub struct LoadedRules {
    /// Rules in a stable order (by file, then place in the file).
    pub rules: Vec<Rule>,
    /// Correlations over them, each after those it refers to.
    pub correlations: Vec<Correlation>,
    /// Everything that could not be loaded, and notices.
    pub errors: Vec<RuleError>,
    /// Files that could not be read: path and reason.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Documents in the files, those that are no rule included.
    pub documents: usize,
    /// Rules left out by `min_level`.
    pub below_level: usize,
    /// Files read: name, SHA-256 of the text, size in bytes.
    pub files: Vec<(String, [u8; 32], u64)>,
    /// Texts of files with errors, for showing the place.
    pub texts: Vec<(String, String)>,
}

impl LoadedRules {
    /// Errors that cost a rule.
    pub fn failed(&self) -> usize {
        self.errors.iter().filter(|e| e.severity == sigma::Severity::Error).count()
    }
}

/// Loads rules from files, folders and the binary.
pub fn load_rules(sources: &RuleSources, jobs: usize) -> LoadedRules {
    let mut out = LoadedRules::default();
    let mut files: BTreeSet<PathBuf> = BTreeSet::new();
    for path in &sources.paths {
        if let Err(e) = rule_files(path, &mut files) {
            out.unreadable.push((path.clone(), e.to_string()));
        }
    }
    let files: Vec<PathBuf> = files.into_iter().collect();
    let mut texts: Vec<(String, String)> = Vec::with_capacity(files.len());
    for path in files {
        match read_text(&path) {
            Ok(text) => texts.push((path.display().to_string(), text)),
            Err(reason) => out.unreadable.push((path, reason)),
        }
    }
    if sources.shipped {
        let shipped = packed::below("rules/", ".yml").map(|(n, t)| (format!("{SHIPPED}{n}"), t.to_owned()));
        texts.extend(shipped);
    }
    let mut documents: Vec<Document> = Vec::new();
    for (docs, errors) in parse_all(&texts, &sources.placeholders, jobs) {
        let unread = errors.iter().filter(|e| e.severity == sigma::Severity::Error).count();
        out.documents += docs.len() + unread;
        documents.extend(docs);
        out.errors.extend(errors);
    }
    for (name, text) in &texts {
        use sha2::Digest as _;
        out.files.push((name.clone(), sha2::Sha256::digest(text.as_bytes()).into(), text.len() as u64));
    }
    let (set, errors) = RuleSet::assemble(documents);
    out.errors.extend(errors.into_iter().map(replaced));
    let RuleSet { mut rules, correlations } = set;
    let before = out.errors.len();
    for path in &sources.mappings {
        let name = path.display().to_string();
        let mapping = match read_text(path) {
            Ok(text) => Mapping::parse(&name, &text),
            Err(reason) => {
                out.unreadable.push((path.clone(), reason));
                continue;
            }
        };
        match mapping {
            Ok(mapping) => rules.retain_mut(|rule| match mapping.apply(rule) {
                Ok(()) => true,
                Err(e) => {
                    out.errors.push(*e);
                    false
                }
            }),
            Err(e) => out.errors.push(*e),
        }
    }
    let mut set = RuleSet { rules, correlations };
    if out.errors.len() > before || !sources.mappings.is_empty() {
        // What a mapping left out, correlations may have referred to.
        let (plan, errors) = Correlations::new(&mut set.rules, std::mem::take(&mut set.correlations));
        set.correlations = plan.into_documents();
        out.errors.extend(errors);
    }
    if let Some(min) = sources.min_level {
        out.below_level = set.at_least(level(min));
    }
    (out.rules, out.correlations) = (set.rules, set.correlations);
    let faulty: BTreeSet<&str> = out.errors.iter().map(|e| e.file.as_ref()).collect();
    out.texts = texts.into_iter().filter(|(name, _)| faulty.contains(name.as_str())).collect();
    out
}

/// A severity as Sigma calls it.
fn level(severity: Severity) -> Level {
    match severity {
        Severity::Informational => Level::Informational,
        Severity::Low => Level::Low,
        Severity::Medium => Level::Medium,
        Severity::High => Level::High,
        Severity::Critical => Level::Critical,
    }
}

/// An own rule with the id of a shipped one takes its place, on purpose: worth saying, no error.
fn replaced(mut error: RuleError) -> RuleError {
    if error.file.starts_with(SHIPPED) && error.message.contains("is already taken by") {
        error.severity = sigma::Severity::Notice;
        error.help = Some("the rule given takes the place of the shipped one".into());
    }
    error
}

type Parsed = (Vec<Document>, Vec<RuleError>);

/// Parses texts on `jobs` threads, results in the order of the texts.
fn parse_all(texts: &[(String, String)], options: &Options, jobs: usize) -> Vec<Parsed> {
    let parse = |chunk: &[(String, String)]| -> Vec<Parsed> {
        chunk.iter().map(|(name, text)| sigma::parse_str(name, text, options)).collect()
    };
    let per_job = texts.len().div_ceil(jobs.max(1)).max(1);
    if jobs <= 1 {
        return parse(texts);
    }
    std::thread::scope(|scope| {
        let handles: Vec<_> = texts.chunks(per_job).map(|c| scope.spawn(move || parse(c))).collect();
        handles.into_iter().flat_map(|h| h.join().unwrap_or_default()).collect()
    })
}

/// Adds the rule files at or below a path.
fn rule_files(path: &Path, out: &mut BTreeSet<PathBuf>) -> std::io::Result<()> {
    let meta = std::fs::metadata(path)?;
    if !meta.is_dir() {
        out.insert(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let yaml = matches!(path.extension().and_then(|e| e.to_str()), Some("yml" | "yaml"));
        if kind.is_dir() && !hidden {
            rule_files(&path, out)?;
        } else if yaml && path.metadata().is_ok_and(|m| m.is_file()) {
            out.insert(path);
        }
    }
    Ok(())
}

/// Reads a text file of bounded size.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > MAX_RULE_FILE {
        return Err(format!("larger than {MAX_RULE_FILE} bytes"));
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    String::from_utf8(bytes).map_err(|e| format!("not UTF-8 at byte {}", e.utf8_error().valid_up_to()))
}
