//! The shape of the house, held by reading its manifests and its source.
//!
//! What the compiler cannot see stands here: which room may know which, what a crate may ask of
//! another, whose licences come in, and what pure rooms must not mention.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{Metadata, MetadataCommand, Package};

/// What a member is in the star.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// Knows no other member.
    Centre,
    /// Knows the centres and no sibling. `pure`: no I/O, no clock, no randomness anywhere in it.
    Room { pure: bool },
    /// Knows every room: the only place that knows the order.
    Pipeline,
    /// Stands on the pipeline.
    Above,
}

/// Every member there is or will be; one that is not listed has no place yet, and says so.
const HOUSE: [(&str, Place); 18] = [
    ("palisade-model", Place::Centre),
    ("palisade-text", Place::Centre),
    ("palisade-host", Place::Room { pure: true }),
    ("palisade-network", Place::Room { pure: true }),
    ("palisade-mail", Place::Room { pure: true }),
    ("palisade-files", Place::Room { pure: true }),
    ("palisade-money", Place::Room { pure: true }),
    ("palisade-influence", Place::Room { pure: true }),
    ("palisade-rules", Place::Room { pure: true }),
    ("palisade-campaign", Place::Room { pure: true }),
    ("palisade-assess", Place::Room { pure: true }),
    ("palisade-report", Place::Room { pure: true }),
    ("palisade-exercise", Place::Room { pure: true }),
    ("palisade-intel", Place::Room { pure: false }),
    ("palisade-store", Place::Room { pure: false }),
    ("palisade-pipeline", Place::Pipeline),
    ("palisade-server", Place::Above),
    ("palisade", Place::Above),
];

/// Licences that ask for no more than their own text to be kept.
const LICENCES: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// The toolchain the house is built with; a crate that needs a newer one is out.
const TOOLCHAIN: (u64, u64) = (1, 95);

/// Longest source file, in lines.
const MAX_LINES: usize = 800;

/// What pure rooms must not mention. Addresses (`std::net::IpAddr`) are data and may be.
const IMPURE: [&str; 23] = [
    "std::fs",
    "std::io::std",
    "std::process",
    "std::env",
    "std::thread",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "UnixStream",
    "time::Instant",
    "Instant::now",
    // The name alone is also an attribute of Windows' events.
    "time::SystemTime",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "TimeZone::system",
    "rand::",
    "getrandom",
    "RandomState",
    "tokio",
    "async fn",
    "sqlx",
];

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

fn members() -> Vec<Package> {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).no_deps();
    command.other_options(["--locked".to_owned(), "--offline".to_owned()]);
    command.exec().unwrap().packages
}

/// Every crate that is built on this platform. Crates of other platforms stand in the lock file
/// only: nothing of theirs is on this machine, and asking for it would need the network.
fn graph() -> Metadata {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let says = String::from_utf8(Command::new(rustc).arg("-vV").output().unwrap().stdout).unwrap();
    let host = says.lines().find_map(|l| l.strip_prefix("host: ")).unwrap();
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml"));
    command.other_options(["--locked", "--offline", "--filter-platform", host].map(str::to_owned).to_vec());
    command.exec().unwrap()
}

/// Fails with everything that is wrong, one line each.
#[track_caller]
fn none(what: &str, wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{what}:\n  {}", wrong.join("\n  "));
}

#[test]
fn rooms_form_a_star() {
    let house: BTreeMap<&str, Place> = HOUSE.into();
    let members = members();
    let mut wrong = Vec::new();
    for member in &members {
        let name = member.name.as_str();
        let Some(place) = house.get(name) else {
            wrong.push(format!("{name} has no place in the house: add it to the table of this test"));
            continue;
        };
        // Dev- and build-dependencies included: a test that needs a sibling belongs to the pipeline.
        for dependency in &member.dependencies {
            let Some(of) = house.get(dependency.name.as_str()) else { continue };
            let may = match place {
                Place::Centre => false,
                Place::Room { .. } => *of == Place::Centre,
                Place::Pipeline => matches!(of, Place::Centre | Place::Room { .. }),
                Place::Above => dependency.name != name,
            };
            if !may {
                wrong.push(format!("{name} ({place:?}) must not know {} ({of:?})", dependency.name));
            }
        }
    }
    none("the star", wrong);
    assert!(members.len() >= 7, "{} members", members.len());
}

/// Third-party features are chosen once, in the workspace: a member that chooses its own makes
/// `cargo run` and `cargo test` build everything twice.
#[test]
fn members_choose_no_features() {
    let mut wrong = Vec::new();
    for member in members() {
        let text = std::fs::read_to_string(&member.manifest_path).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        let targets = manifest.get("target").and_then(|t| t.as_table()).into_iter().flatten();
        let tables = targets.filter_map(|(_, t)| t.as_table()).chain([&manifest]);
        for table in tables {
            for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
                for (name, value) in table.get(kind).and_then(|t| t.as_table()).into_iter().flatten() {
                    let keys: Vec<&str> =
                        value.as_table().map(|t| t.keys().map(String::as_str).collect()).unwrap_or_default();
                    let plain = keys.contains(&"workspace")
                        && keys.iter().all(|k| matches!(*k, "workspace" | "optional"));
                    if !plain {
                        wrong.push(format!(
                            "{}: {kind}.{name} is not plainly `workspace = true`",
                            member.name
                        ));
                    }
                }
            }
        }
        let lints = manifest.get("lints").and_then(|l| l.get("workspace")).and_then(|w| w.as_bool());
        if lints != Some(true) {
            wrong.push(format!("{}: no `[lints] workspace = true`", member.name));
        }
        if member.publish.as_ref().is_none_or(|p| !p.is_empty()) {
            wrong.push(format!("{}: could be published by accident", member.name));
        }
    }
    none("manifests", wrong);
}

/// Peers and oracles of `bench/` stay out of the product's lock file.
#[test]
fn peers_stay_out() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let names: BTreeSet<&str> =
        lock.lines().filter_map(|l| l.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    let peers: Vec<String> = names
        .iter()
        .filter(|n| n.starts_with("rsigma") || n.starts_with("yara-x") || n.starts_with("hayabusa"))
        .map(|n| (*n).to_owned())
        .collect();
    none("peers in Cargo.lock", peers);
    assert!(names.contains("palisade-model"));
}

/// Whether an SPDX expression can be met with allowed licences alone (SPDX 2.3, annex D).
/// The deprecated `MIT/Apache-2.0` of older manifests is an OR.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    any_of(&words, &mut at) && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize) -> bool {
    let mut ok = all_of(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        // Not `||`: the rest must be read even if the choice is made.
        ok |= all_of(words, at);
    }
    ok
}

fn all_of(words: &[&str], at: &mut usize) -> bool {
    let mut ok = one(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        ok &= one(words, at);
    }
    ok
}

fn one(words: &[&str], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let ok = any_of(words, at);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return ok && closed;
    }
    let mut name = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        let _ = write!(name, " WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    LICENCES.contains(&name.as_str())
}

#[test]
fn licence_expressions() {
    for (expression, want) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("Apache-2.0 OR GPL-2.0-only", true),
        ("MIT OR Apache-2.0 OR LGPL-2.1-or-later", true),
        ("MIT AND GPL-2.0-only", false),
        ("(Apache-2.0 OR MIT) AND BSD-3-Clause", true),
        ("(Apache-2.0 OR MIT) AND MPL-2.0", false),
        // AND binds closer than OR.
        ("GPL-2.0-only AND MIT OR Apache-2.0", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("GPL-2.0-only WITH Classpath-exception-2.0", false),
        ("Unlicense/MIT", true),
        ("MIT)", false),
        ("(MIT", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression), want, "{expression}");
    }
}

#[test]
fn crates_are_permissive_and_fit_the_toolchain() {
    let graph = graph();
    let mut wrong = Vec::new();
    for package in &graph.packages {
        let (name, version) = (&package.name, &package.version);
        match &package.license {
            Some(licence) if is_allowed(licence) => {}
            other => wrong.push(format!("{name} {version}: licence {other:?}")),
        }
        if let Some(needs) = &package.rust_version
            && (needs.major, needs.minor) > TOOLCHAIN
        {
            wrong.push(format!("{name} {version}: needs Rust {needs}"));
        }
    }
    none("crates", wrong);
    assert!(graph.packages.len() > 50, "{} crates", graph.packages.len());
}

/// A file of our own source.
struct Source {
    member: String,
    /// Below the member's folder: `src/lib.rs`.
    path: PathBuf,
    text: String,
}

impl Source {
    fn is_product(&self) -> bool {
        self.path.starts_with("src")
    }

    /// Numbered lines that are neither comments nor tests (which stand at a file's end).
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().take_while(|(_, l)| l.trim() != "#[cfg(test)]");
        lines.map(|(n, l)| (n + 1, l)).filter(|(_, l)| !l.trim_start().starts_with("//"))
    }

    fn place(&self) -> String {
        format!("{} {}", self.member, self.path.display())
    }
}

fn sources() -> Vec<Source> {
    let mut out = Vec::new();
    for member in members() {
        let folder = member.manifest_path.parent().unwrap().as_std_path().to_owned();
        let mut files = Vec::new();
        rust_files(&folder, &mut files);
        for path in files {
            let text = std::fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(&folder).unwrap().to_owned();
            out.push(Source { member: member.name.to_string(), path, text });
        }
    }
    assert!(out.len() > 80, "{} files", out.len());
    out
}

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > MAX_LINES {
            wrong.push(format!("{}: {lines} lines, more than {MAX_LINES}", source.place()));
        }
        if !source.text.starts_with("//!") {
            wrong.push(format!("{}: does not begin with what it is (`//!`)", source.place()));
        }
    }
    none("files", wrong);
}

#[test]
fn pure_rooms_stay_pure() {
    let pure: BTreeSet<&str> = HOUSE
        .into_iter()
        .filter(|(_, place)| matches!(place, Place::Centre | Place::Room { pure: true }))
        .map(|(name, _)| name)
        .collect();
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|s| s.is_product() && pure.contains(s.member.as_str())) {
        for (n, line) in source.code() {
            for word in IMPURE.iter().filter(|w| line.contains(**w)) {
                wrong.push(format!("{}:{n}: {word}", source.place()));
            }
        }
    }
    none("pure rooms do no I/O, read no clock and draw no randomness", wrong);
}

#[test]
fn nothing_unsafe_and_nothing_printed() {
    const UNSAFE: [&str; 6] =
        ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait", "allow(unsafe_code"];
    const PRINTS: [&str; 4] = ["println!(", "print!(", "dbg!(", "eprint"];
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|s| s.is_product()) {
        for (n, line) in source.code() {
            let prints: &[&str] = if source.member == "palisade" { &[] } else { &PRINTS };
            for word in UNSAFE.iter().chain(prints).filter(|w| line.contains(**w)) {
                wrong.push(format!("{}:{n}: {word}", source.place()));
            }
        }
    }
    none("product code", wrong);
}

#[test]
fn one_test_binary_per_crate() {
    let mut wrong = Vec::new();
    for member in members() {
        let tests = member.manifest_path.parent().unwrap().join("tests");
        let Ok(entries) = std::fs::read_dir(&tests) else { continue };
        for entry in entries.flatten().filter(|e| e.path().extension().is_some_and(|e| e == "rs")) {
            wrong.push(format!(
                "{}: tests/{} belongs in tests/it/",
                member.name,
                entry.file_name().display()
            ));
        }
    }
    none("each test binary links the whole room once more", wrong);
}

/// The repository speaks of itself alone: places of the machine it was written on mean nothing elsewhere.
#[test]
fn no_machine_paths() {
    // Put together here, or this file would find itself.
    let words = [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat(), ["/home", "/"].concat()];
    let mut files = vec![root().join("Cargo.toml"), root().join(".ci/run")];
    for folder in ["crates", "bench", "fuzz", "docs", "knowledge/fields"] {
        texts(&root().join(folder), &mut files);
    }
    for name in ["README", "ARCHITECTURE", "CONTRIBUTING", "SECURITY", "CHANGELOG"] {
        files.push(root().join(name).with_extension("md"));
    }
    let mut wrong = Vec::new();
    for path in files {
        // Not there yet, or not a text.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for (n, line) in text.lines().enumerate() {
            // People of made-up evidence have homes.
            let invented = path.starts_with(root().join("crates/exercise"));
            let meant = |w: &&String| line.contains(w.as_str()) && !(invented && *w == &words[2]);
            for word in words.iter().filter(meant) {
                let path = path.strip_prefix(root()).unwrap_or(&path);
                wrong.push(format!("{}:{}: {word}", path.display(), n + 1));
            }
        }
    }
    none("machine paths", wrong);
}

fn texts(folder: &Path, out: &mut Vec<PathBuf>) {
    const SKIPPED: [&str; 4] = ["target", "node_modules", "corpus", "artifacts"];
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !SKIPPED.iter().any(|s| path.ends_with(s)) {
            texts(&path, out);
        } else if path.is_file() {
            out.push(path);
        }
    }
}
