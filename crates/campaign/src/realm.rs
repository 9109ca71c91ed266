//! Whose a name is. `ann` of one organisation is not `ann` of another, `mail` stands in every house, and each site has
//! its own 10.0.0.5.
//!
//! A realm is what a name says beside its local part: `CORP` of `CORP\ann`, `corp.example` of `ann@corp.example` and of
//! `ws1.corp.example`. Realms are one organisation if something says so:
//!
//! - one is a part of the other (`corp.example` and `north.corp.example`);
//! - the short one is the beginning of the long one (`CORP`, `corp.example`), and of no other organisation's;
//! - their accounts have security identifiers of one domain;
//! - at least two accounts, and a fifth of those of the smaller, have the same local names;
//! - one is short, one is long, neither has another of the kind yet, and with no other has either as many local names in
//!   common: `CORP\ann` is who `ann@company.example` is, as long as nothing else is.
//!
//! A name without a realm is of the only organisation that has such a name, or of that of the machine it was seen on. Accounts
//! of a machine alone (`WS1\bob`, `IIS APPPOOL\shop`) are of that machine. With one organisation names are local names.
//!
//! What it never does: look at which findings belong together. It is counted once over the case, like
//! [`crate::Frequency`], so that one finding more or less gives nothing another name.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{ObservableKind, is_machine};

use crate::components::Components;
use crate::entity::Kind;
use crate::join::Evidence;

/// Realms of accounts that every machine has for itself.
const OF_THE_MACHINE: [&str; 7] =
    [".", "builtin", "font driver host", "iis apppool", "nt authority", "nt service", "window manager"];
/// Realms told apart at most, those first that most names have; others are each on their own.
const MAX_REALMS: usize = 1_000;
/// Local names that more realms than these have say nothing about two of them.
const MAX_SHARING: usize = 16;
/// Accounts with the same local name that two realms of one organisation have at least.
const COMMON: usize = 2;
/// And one in so many of the smaller's.
const ONE_IN: usize = 5;

/// Organisations of a case, and what each calls its own.
#[derive(Clone, Default, Debug)]
pub(crate) struct Realms {
    /// The organisation of each realm: its first realm by name.
    organisation: BTreeMap<String, String>,
    /// Organisations that have a local name.
    known: BTreeMap<(Kind, String), BTreeSet<String>>,
    /// Short names of machines.
    machines: BTreeSet<String>,
    /// Several organisations: names need theirs.
    several: bool,
}

/// The local name of an account and its realm.
fn account(value: &str) -> (String, Option<String>) {
    let lower = value.to_lowercase();
    if let Some((realm, local)) = lower.rsplit_once('\\') {
        // `corp\ann@corp.example` is said as well.
        let local = local.split('@').next().unwrap_or(local);
        return (local.to_owned(), Some(realm.to_owned()));
    }
    match lower.split_once('@') {
        Some((local, realm)) => (local.to_owned(), Some(realm.to_owned())),
        None => (lower, None),
    }
}

/// The short name of a machine and its domain; `None` for addresses and what is no machine.
fn machine(value: &str) -> Option<(String, Option<String>)> {
    let lower = value.to_lowercase();
    if !is_machine(&lower) || lower.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    Some(match lower.split_once('.') {
        Some((short, domain)) => (short.to_owned(), Some(domain.to_owned())),
        None => (lower, None),
    })
}

/// Domain part of a security identifier: `S-1-5-21-1-2-3` of `S-1-5-21-1-2-3-1104`.
fn issuer(sid: &str) -> Option<&str> {
    let of_domain = sid.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("s-1-5-21-"));
    sid.rsplit_once('-').filter(|(domain, _)| of_domain && domain.matches('-').count() == 6).map(|(d, _)| d)
}

/// What every realm was seen with.
#[derive(Default)]
struct Sights {
    /// Local names of accounts.
    accounts: BTreeSet<String>,
    /// Short names of machines.
    machines: BTreeSet<String>,
    /// Domains of security identifiers that findings with accounts of this realm alone name.
    issuers: BTreeSet<String>,
}

impl Realms {
    /// Learns the organisations of a case.
    pub(crate) fn of(findings: &[Evidence]) -> Realms {
        let mut seen: BTreeMap<String, Sights> = BTreeMap::new();
        let mut machines: BTreeSet<String> = BTreeSet::new();
        for f in findings {
            let others = f.observables.iter().filter(|o| o.kind() == ObservableKind::Host).map(|o| o.value());
            for (short, domain) in f.host.as_deref().into_iter().chain(others).filter_map(machine) {
                if let Some(domain) = domain {
                    let of = seen.entry(domain).or_default();
                    if !of.machines.contains(&short) {
                        of.machines.insert(short.clone());
                    }
                }
                machines.insert(short);
            }
            let of_kind = |kind| f.observables.iter().filter(move |o| o.kind() == kind);
            let mut realms: BTreeSet<String> = BTreeSet::new();
            for (local, realm) in of_kind(ObservableKind::Account).map(|o| account(o.value())) {
                let Some(realm) = realm.filter(|r| !OF_THE_MACHINE.contains(&r.as_str())) else { continue };
                seen.entry(realm.clone()).or_default().accounts.insert(local);
                realms.insert(realm);
            }
            let issuers: BTreeSet<&str> =
                of_kind(ObservableKind::Sid).filter_map(|o| issuer(o.value())).collect();
            if let (1, Some(realm), 1, Some(issuer)) =
                (realms.len(), realms.pop_first(), issuers.len(), issuers.first())
            {
                seen.entry(realm).or_default().issuers.insert((*issuer).to_lowercase());
            }
        }
        // A machine's own accounts say nothing of organisations.
        seen.retain(|realm, _| !machines.contains(realm) || seen_as_domain(realm));
        let organisation = organisations(&seen);
        let several = organisation.values().collect::<BTreeSet<_>>().len() > 1;
        let mut known: BTreeMap<(Kind, String), BTreeSet<String>> = BTreeMap::new();
        if several {
            for (realm, of) in seen {
                let Some(org) = organisation.get(&realm) else { continue };
                let named = of.accounts.into_iter().map(|n| (Kind::Account, n));
                for key in named.chain(of.machines.into_iter().map(|n| (Kind::Host, n))) {
                    known.entry(key).or_default().insert(org.clone());
                }
            }
        }
        Realms { organisation, known, machines, several }
    }

    /// The name of an account that all its spellings share. `host`: the machine it was seen on.
    pub(crate) fn account(&self, value: &str, host: Option<&str>) -> String {
        let (local, realm) = account(value);
        let Some(realm) = realm else { return self.bare(Kind::Account, local, host) };
        if OF_THE_MACHINE.contains(&realm.as_str()) {
            return match host.and_then(machine) {
                Some((short, _)) => format!("{short}\\{local}"),
                None => local,
            };
        }
        if !self.organisation.contains_key(&realm) && self.machines.contains(&realm) {
            return format!("{realm}\\{local}");
        }
        self.within(&realm, local)
    }

    /// The name of a machine, of its short name and domain.
    pub(crate) fn machine(&self, short: String, domain: Option<&str>, host: Option<&str>) -> String {
        match domain {
            Some(domain) => self.within(domain, short),
            None => self.bare(Kind::Host, short, host),
        }
    }

    /// The name of an address inside.
    pub(crate) fn inside(&self, address: &str, host: Option<&str>) -> String {
        match host.and_then(|h| self.site(h)) {
            Some(org) => format!("{org}\\{address}"),
            None => address.to_owned(),
        }
    }

    /// A local name in a realm; without it where all are of one.
    fn within(&self, realm: &str, local: String) -> String {
        if !self.several {
            return local;
        }
        let org = self.organisation.get(realm).map_or(realm, String::as_str);
        format!("{org}\\{local}")
    }

    fn bare(&self, kind: Kind, local: String, host: Option<&str>) -> String {
        if !self.several {
            return local;
        }
        let key = (kind, local);
        let found = self.known.get(&key).and_then(|orgs| match orgs.len() {
            1 => orgs.first().cloned(),
            _ => host.and_then(|h| self.site(h)).filter(|site| orgs.contains(site)),
        });
        match found {
            Some(org) => format!("{org}\\{}", key.1),
            None => key.1,
        }
    }

    /// The organisation of a machine, where there are several.
    fn site(&self, host: &str) -> Option<String> {
        if !self.several {
            return None;
        }
        let (short, domain) = machine(host)?;
        if let Some(domain) = domain {
            return Some(self.organisation.get(&domain).cloned().unwrap_or(domain));
        }
        let orgs = self.known.get(&(Kind::Host, short))?;
        orgs.first().filter(|_| orgs.len() == 1).cloned()
    }
}

/// Whether a realm is a domain by its form, even if a machine is called so.
fn seen_as_domain(realm: &str) -> bool {
    realm.contains('.')
}

/// The organisation of each realm.
fn organisations(seen: &BTreeMap<String, Sights>) -> BTreeMap<String, String> {
    let mut all: Vec<(&String, &Sights)> = seen.iter().collect();
    all.sort_by(|a, b| {
        let size = |s: &Sights| s.accounts.len() + s.machines.len();
        size(b.1).cmp(&size(a.1)).then(a.0.cmp(b.0))
    });
    all.truncate(MAX_REALMS);
    all.sort_by_key(|(realm, _)| *realm);
    let mut sets = Components::new(all.len());
    let mut link = |a: usize, b: usize| sets.link(a as u32, b as u32);
    // Parts of one domain, and what one issuer names.
    for (a, (one, of)) in all.iter().enumerate() {
        for (b, (other, others)) in all.iter().enumerate() {
            let part = other.contains('.')
                && one.strip_suffix(other.as_str()).is_some_and(|rest| rest.ends_with('.'));
            if part || (a < b && !of.issuers.is_disjoint(&others.issuers)) {
                link(a, b);
            }
        }
    }
    let common = common(&all);
    let size = |n: usize| all.get(n).map_or(0, |(_, of)| of.accounts.len());
    for ((a, b), n) in &common {
        if *n >= COMMON && n * ONE_IN >= size(*a).min(size(*b)) {
            link(*a, *b);
        }
    }
    // A short name is the beginning of one organisation's, or of nobody's.
    let roots: Vec<u32> = (0..all.len() as u32).map(|n| sets.root(n)).collect();
    for (a, (short, _)) in all.iter().enumerate().filter(|(_, (r, _))| !r.contains('.')) {
        let longer = all.iter().enumerate().filter(|(_, (r, _))| r.split('.').next() == Some(short.as_str()));
        let longer: Vec<usize> = longer.map(|(b, _)| b).filter(|b| *b != a).collect();
        if longer.iter().filter_map(|b| roots.get(*b)).collect::<BTreeSet<_>>().len() == 1
            && let Some(b) = longer.first()
        {
            sets.link(a as u32, *b as u32);
        }
    }
    let is_long = |n: usize| all.get(n).is_some_and(|(realm, _)| realm.contains('.'));
    let mut kinds: BTreeMap<u32, BTreeSet<bool>> = BTreeMap::new();
    for n in 0..all.len() {
        kinds.entry(sets.root(n as u32)).or_default().insert(is_long(n));
    }
    let mut alone = |n: usize| kinds.get(&sets.root(n as u32)).is_some_and(|k| k.len() == 1);
    // Of a short and a long realm, each the other's only best.
    let mut mixed: Vec<(usize, usize, usize)> = Vec::new();
    for ((a, b), n) in &common {
        if is_long(*a) != is_long(*b) && alone(*a) && alone(*b) {
            mixed.push((*a, *b, *n));
        }
    }
    for (a, b, n) in &mixed {
        let rival = |(x, y, m): &&(usize, usize, usize)| {
            (x, y) != (a, b) && [x, y].iter().any(|z| *z == a || *z == b) && m >= n
        };
        if !mixed.iter().any(|other| rival(&other)) {
            sets.link(*a as u32, *b as u32);
        }
    }
    let roots = sets.roots();
    let name = |n: &u32| all.get(*n as usize).map(|(realm, _)| (*realm).clone());
    all.iter().zip(&roots).filter_map(|((realm, _), root)| Some(((*realm).clone(), name(root)?))).collect()
}

/// How many local names of accounts each two realms have in common, if any.
fn common(all: &[(&String, &Sights)]) -> BTreeMap<(usize, usize), usize> {
    let mut having: BTreeMap<&String, Vec<usize>> = BTreeMap::new();
    for (n, (_, of)) in all.iter().enumerate() {
        for local in &of.accounts {
            having.entry(local).or_default().push(n);
        }
    }
    let mut common: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for realms in having.values().filter(|r| r.len() <= MAX_SHARING) {
        for (at, a) in realms.iter().enumerate() {
            for b in realms.iter().skip(at + 1) {
                *common.entry((*a, *b)).or_default() += 1;
            }
        }
    }
    common
}
