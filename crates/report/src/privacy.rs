//! What would tell who the victim is, and the gate that takes it out.
//!
//! A report for others speaks of the attacker, not of those who were attacked: machines, accounts, internal addresses,
//! own domains and mail addresses, names in paths, evidence paths and logged text stay inside. [`privacy`] says what
//! would be taken out and what would leave; only [`Preview::release`] makes a [`Shareable`], so that nothing is shared
//! that nobody was shown.
//!
//! Taking out is by kind first (every host is withheld, whatever it is called), then by value: every withheld value is
//! searched for in all text that stays, without regard to case. Values of five characters and more are found inside
//! words too; shorter ones only as words of their own, or "it" could not be written any more.
//!
//! What this module never does: let a field through because it forgot about it. The released material is built field by
//! field from an empty one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use palisade_model::{Campaign, Exhibit, ExhibitBody, Message, Observable, ObservableKind, Step, Term, Tlp};

use sha2::{Digest as _, Sha256};

use crate::material::{
    Attributed, Evidence, Finding, Gravity, Hypothesis, Material, Organisation, Paragraph,
};
use crate::redact::{self, Redactor};
use crate::{Options, story, verdicts};

/// Why something is withheld.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Private {
    /// A name of the organisation, of its people, sites or brands.
    Name,
    /// One of its domains.
    Domain,
    /// An address inside: of its networks, or of a range that is private everywhere.
    Address,
    /// A machine.
    Host,
    /// An account, or the owner of a home folder.
    Account,
    /// A mail address at one of its domains.
    Email,
    /// A cloud resource, whose name holds the customer's number.
    Resource,
    /// An identifier that only its own logs hold: a SID, a process id.
    Local,
}

impl Private {
    /// Its name in output and in what stands in its place: `[host 1]`.
    pub fn name(self) -> &'static str {
        match self {
            Private::Name => "name",
            Private::Domain => "domain",
            Private::Address => "address",
            Private::Host => "host",
            Private::Account => "account",
            Private::Email => "email",
            Private::Resource => "resource",
            Private::Local => "id",
        }
    }
}

/// Every [`Private::name`].
pub(crate) const LABELS: [&str; 8] =
    ["name", "domain", "address", "host", "account", "email", "resource", "id"];

/// Names of accounts, realms and machines that are the same everywhere: they tell nothing of anybody, and taking them out
/// of text would take words out of it. As fields they are withheld like any other.
const EVERYBODYS: [&str; 58] = [
    "administrator",
    "administrators",
    "admin",
    "all users",
    "anonymous logon",
    "ansible",
    "apache",
    "azuread",
    "backup",
    "builtin",
    "daemon",
    "debian",
    "default",
    "defaultaccount",
    "docker",
    "everyone",
    "exchange",
    "firewall",
    "font driver host",
    "ftp",
    "gateway",
    "git",
    "guest",
    "host",
    "info",
    "jenkins",
    "krbtgt",
    "local service",
    "localhost",
    "mail",
    "mysql",
    "network service",
    "nginx",
    "nobody",
    "nt authority",
    "nt service",
    "operator",
    "oracle",
    "postgres",
    "proxy",
    "public",
    "root",
    "router",
    "scan",
    "server",
    "service",
    "sql",
    "support",
    "svc",
    "system",
    "test",
    "ubuntu",
    "user",
    "users",
    "wdagutilityaccount",
    "web",
    "window manager",
    "workgroup",
];

/// Shortest value that is searched for in text.
const MIN_TOKEN: usize = 3;

/// What tells who the victim is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Victims {
    networks: Vec<(IpAddr, u8)>,
    domains: BTreeSet<String>,
    hosts: BTreeSet<String>,
}

impl Victims {
    pub(crate) fn of(material: &Material) -> Victims {
        let o = &material.organisation;
        let mut all = Victims {
            networks: o.networks.iter().filter_map(|n| network(n)).collect(),
            ..Default::default()
        };
        all.domains.extend(o.domains.iter().map(|d| fold(d.trim_matches('.'))).filter(|d| !d.is_empty()));
        let named = material.findings.iter().filter_map(|f| f.host.as_deref());
        for host in named.chain(o.hosts.iter().map(String::as_str)) {
            let host = fold(host.trim().trim_end_matches('.'));
            // The domain of its own machines is its own domain.
            if let Some((_, domain)) = host.split_once('.').filter(|_| host.parse::<IpAddr>().is_err())
                && domain.contains('.')
            {
                all.domains.insert(domain.to_owned());
            }
            all.hosts.insert(host);
        }
        all
    }

    fn own_domain(&self, domain: &str) -> bool {
        let domain = domain.to_lowercase();
        self.domains
            .iter()
            .any(|d| domain == *d || domain.strip_suffix(d.as_str()).is_some_and(|r| r.ends_with('.')))
    }

    pub(crate) fn own_address(&self, addr: IpAddr) -> bool {
        is_private(addr) || self.networks.iter().any(|(net, bits)| within(addr, *net, *bits))
    }

    /// Whether an observable tells who the victim is, and how.
    pub(crate) fn private(&self, o: &Observable) -> Option<Private> {
        let value = o.value();
        match o.kind() {
            ObservableKind::Ip => {
                value.parse().ok().filter(|a| self.own_address(*a)).map(|_| Private::Address)
            }
            ObservableKind::Domain => {
                let own = self.own_domain(value) || self.hosts.contains(value);
                own.then_some(Private::Domain)
            }
            ObservableKind::Url => {
                let host = url_host(value);
                match host.parse::<IpAddr>() {
                    Ok(a) => self.own_address(a).then_some(Private::Address),
                    Err(_) if self.own_domain(host) => Some(Private::Domain),
                    // A name without a dot is one that only the own network knows.
                    Err(_) => (!host.contains('.') || self.hosts.contains(host)).then_some(Private::Host),
                }
            }
            ObservableKind::Email => {
                let domain = value.rsplit_once('@').map_or("", |(_, d)| d);
                self.own_domain(domain).then_some(Private::Email)
            }
            ObservableKind::Host => Some(Private::Host),
            ObservableKind::Account => Some(Private::Account),
            ObservableKind::Arn => Some(Private::Resource),
            ObservableKind::Sid | ObservableKind::ProcessGuid | ObservableKind::LogonSession => {
                Some(Private::Local)
            }
            ObservableKind::Path => owner(value).map(|_| Private::Account),
            ObservableKind::Md5
            | ObservableKind::Sha1
            | ObservableKind::Sha256
            | ObservableKind::Sha512
            | ObservableKind::Imphash
            | ObservableKind::FileName
            | ObservableKind::CryptoAddress
            | ObservableKind::CryptoTransaction => None,
        }
    }
}

/// The host of a canonical URL, without port and brackets.
pub(crate) fn url_host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, r)| r);
    let authority = rest.split(['/', '?']).next().unwrap_or("");
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(""),
        None => authority.split(':').next().unwrap_or(""),
    }
}

fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The owner of the home folder that a path lies in.
fn owner(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split(['\\', '/']).filter(|p| !p.is_empty()).collect();
    let at = parts.iter().position(|p| {
        ["users", "home", "documents and settings"].iter().any(|h| p.eq_ignore_ascii_case(h))
    })?;
    let name = fold(parts.get(at + 1)?);
    (!EVERYBODYS.contains(&name.as_str())).then_some(name)
}

/// `10.0.0.0/8`; an address alone is a network of one.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (addr, bits) = text.trim().split_once('/').unwrap_or((text.trim(), ""));
    let addr: IpAddr = addr.parse().ok()?;
    let most = if addr.is_ipv4() { 32 } else { 128 };
    let bits = if bits.is_empty() { most } else { bits.parse().ok().filter(|b| *b <= most)? };
    Some((addr, bits))
}

fn within(addr: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (addr, net) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            (a.to_bits() ^ n.to_bits()).checked_shr(32 - u32::from(bits.min(32))).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            (a.to_bits() ^ n.to_bits()).checked_shr(128 - u32::from(bits.min(128))).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Ranges that are internal wherever they are met (RFC 1918, 3927, 4193, 4291, 6598).
fn is_private(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(a) => {
            let shared = a.octets()[0] == 100 && (64..128).contains(&a.octets()[1]);
            a.is_private() || a.is_link_local() || a.is_loopback() || a.is_unspecified() || shared
        }
        IpAddr::V6(a) => {
            let first = a.segments()[0];
            a.is_loopback() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
        }
    }
}

/// One value that is withheld.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Withheld {
    /// Why.
    pub kind: Private,
    /// The value, in lower case; `…` for every address of own networks that only text names.
    pub value: String,
    /// What stands in its place in text that stays.
    pub label: String,
    /// How often it occurs in fields and text that a shareable report would have shown.
    pub times: u64,
}

/// One value that leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaving {
    /// The value.
    pub observable: Observable,
    /// Findings that hold it.
    pub findings: u64,
}

/// What would be withheld and what would leave.
#[derive(Clone, Debug)]
pub struct Preview {
    withheld: Vec<Withheld>,
    leaving: Vec<Leaving>,
    /// Whole fields that are never shared, with how many there are.
    dropped: Vec<(&'static str, u64)>,
    released: Material,
    /// Stands for the case's name, which says too much: the first bytes of its hash.
    key: String,
}

impl Preview {
    /// Values that are withheld, by kind and value.
    pub fn withheld(&self) -> &[Withheld] {
        &self.withheld
    }

    /// Observables that leave, by kind and value.
    pub fn leaving(&self) -> &[Leaving] {
        &self.leaving
    }

    /// Kinds of fields that are never shared, and how many there are: logged text, evidence paths, judgements.
    pub fn dropped(&self) -> &[(&'static str, u64)] {
        &self.dropped
    }

    /// Releases what is left under a marking. Whoever calls it has shown the preview to somebody who may decide.
    ///
    /// Exhibits that are marked stricter stay behind.
    pub fn release(self, tlp: Tlp) -> Shareable {
        let mut material = self.released;
        material.exhibits.retain(|e| e.tlp <= tlp);
        Shareable { material, tlp, key: self.key }
    }
}

/// Material that may leave: made by [`Preview::release`] alone.
#[derive(Clone, Debug)]
pub struct Shareable {
    material: Material,
    tlp: Tlp,
    key: String,
}

impl Shareable {
    /// The same for reports of the same case, and nothing that can be read back.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn material(&self) -> &Material {
        &self.material
    }

    /// Says who releases it: the one name that is shared, and only if somebody wants it to be.
    pub fn by(mut self, author: &str) -> Shareable {
        self.material.organisation.name = author.to_owned();
        self
    }

    /// The marking it was released under.
    pub fn tlp(&self) -> Tlp {
        self.tlp
    }
}

/// What victim data would leave with a shareable form of the report, and what is taken out. Nothing has left yet.
pub fn privacy(material: &Material, options: &Options<'_>) -> Preview {
    let victims = Victims::of(material);
    let mut tokens = Tokens::default();
    collect(material, &victims, &mut tokens);
    let (labels, redactor) = tokens.finish(&victims);
    let mut gate = Gate { victims: &victims, redactor, seen: BTreeMap::new(), dropped: BTreeMap::new() };
    let released = gate.material(material, options.tlp);
    let mut leaving: BTreeMap<&Observable, u64> = BTreeMap::new();
    for o in released.findings.iter().flat_map(|f| &f.observables) {
        *leaving.entry(o).or_default() += 1;
    }
    let leaving = leaving.into_iter().map(|(o, n)| Leaving { observable: o.clone(), findings: n }).collect();
    let fields = gate.seen;
    let texts = gate.redactor.times();
    let withheld = labels.into_iter().map(|((kind, value), label)| {
        let times = fields.get(&value).copied().unwrap_or(0) + texts.get(&label).copied().unwrap_or(0);
        Withheld { kind, value, label, times }
    });
    // What occurs nowhere in what would be shown is not worth anybody's look, and hides what is.
    let mut withheld: Vec<Withheld> = withheld.filter(|w| w.times > 0).collect();
    // Addresses of own networks that only text names.
    if let Some(times) = texts.get(redact::ADDRESS) {
        let (value, label) = ("…".to_owned(), redact::ADDRESS.to_owned());
        withheld.push(Withheld { kind: Private::Address, value, label, times: *times });
        withheld.sort_by(|a, b| (a.kind, &a.value).cmp(&(b.kind, &b.value)));
    }
    // Salted with whose it is, so that a name that is guessed is not so easily confirmed.
    let digest = Sha256::new()
        .chain_update(&material.organisation.name)
        .chain_update([0])
        .chain_update(&material.case);
    let key = digest.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect();
    Preview { withheld, leaving, dropped: gate.dropped.into_iter().collect(), released, key }
}

#[derive(Default)]
struct Tokens {
    values: BTreeSet<(Private, String)>,
}

/// Withheld values with what stands in their place.
type Labels = BTreeMap<(Private, String), String>;

impl Tokens {
    /// A value from evidence.
    fn add(&mut self, kind: Private, value: &str) {
        if !EVERYBODYS.contains(&fold(value).as_str()) {
            self.declared(kind, value);
        }
    }

    /// A value that somebody said is private, whatever it is.
    fn declared(&mut self, kind: Private, value: &str) {
        let value = fold(value);
        if !value.is_empty() {
            self.values.insert((kind, value));
        }
    }

    fn account(&mut self, account: &str) {
        self.add(Private::Account, account);
        let user = |t: &str| t.trim_end_matches('$').to_owned();
        self.add(Private::Account, &user(account));
        if let Some((realm, name)) = account.rsplit_once('\\') {
            self.add(Private::Name, realm);
            self.add(Private::Account, &user(name));
        }
        // Not what stands behind the @: if it is the organisation's it is known, and if not it is many people's.
        if let Some((name, _)) = account.split_once('@') {
            self.add(Private::Account, &user(name));
        }
        // A service of a machine: `cifs/dc01.example.org`.
        if let Some((_, machine)) = account.split_once('/') {
            self.host(machine);
        }
    }

    fn host(&mut self, host: &str) {
        self.add(Private::Host, host);
        if host.parse::<IpAddr>().is_err()
            && let Some((short, _)) = host.split_once('.')
        {
            self.add(Private::Host, short);
        }
    }

    /// Numbers the values of each kind in their order.
    fn finish(self, victims: &Victims) -> (Labels, Redactor) {
        let mut numbers: BTreeMap<Private, usize> = BTreeMap::new();
        let mut labels = Labels::new();
        for (kind, value) in self.values {
            let n = numbers.entry(kind).or_default();
            *n += 1;
            labels.insert((kind, value), format!("[{} {n}]", kind.name()));
        }
        let tokens = labels.iter().filter(|((_, v), _)| v.chars().count() >= MIN_TOKEN);
        let tokens: Vec<(String, String, bool)> =
            tokens.map(|((kind, v), l)| (v.clone(), l.clone(), *kind == Private::Domain)).collect();
        let redactor = Redactor::new(tokens, victims.clone());
        (labels, redactor)
    }
}

fn collect(m: &Material, victims: &Victims, tokens: &mut Tokens) {
    let o = &m.organisation;
    [&o.name].into_iter().chain(&o.names).for_each(|n| tokens.declared(Private::Name, n));
    tokens.declared(Private::Name, &m.analyst);
    m.verdicts.iter().for_each(|v| tokens.declared(Private::Name, &v.analyst));
    victims.domains.iter().for_each(|d| tokens.declared(Private::Domain, d));
    victims.hosts.iter().for_each(|h| tokens.host(h));
    for step in m.campaigns.iter().flat_map(|c| &c.steps) {
        step.hosts.iter().for_each(|h| tokens.host(h));
    }
    let in_joins = m.campaigns.iter().flat_map(|c| &c.joins).flat_map(|j| &j.terms);
    let in_joins = in_joins.filter_map(|t| t.observable.as_ref());
    for observable in m.findings.iter().flat_map(|f| &f.observables).chain(in_joins) {
        let value = observable.value();
        match (victims.private(observable), observable.kind()) {
            (_, ObservableKind::Account) => tokens.account(value),
            (_, ObservableKind::Host) => tokens.host(value),
            (_, ObservableKind::Path) => {
                if let Some(owner) = owner(value) {
                    tokens.add(Private::Account, &owner);
                }
            }
            (Some(kind), ObservableKind::Url) => tokens.add(kind, url_host(value)),
            (Some(kind), _) => tokens.add(kind, value),
            (None, _) => {}
        }
    }
}

struct Gate<'v> {
    victims: &'v Victims,
    redactor: Redactor,
    /// Fields withheld as a whole, by folded value.
    seen: BTreeMap<String, u64>,
    dropped: BTreeMap<&'static str, u64>,
}

impl Gate<'_> {
    fn text(&mut self, text: &str) -> String {
        self.redactor.redact(text)
    }

    fn texts(&mut self, texts: &[String]) -> Vec<String> {
        texts.iter().map(|t| self.text(t)).collect()
    }

    fn withhold(&mut self, value: &str) {
        *self.seen.entry(fold(value)).or_default() += 1;
    }

    fn drop(&mut self, what: &'static str, n: usize) {
        if n > 0 {
            *self.dropped.entry(what).or_default() += n as u64;
        }
    }

    /// An observable that tells nothing of the victim, in kind or in text.
    fn observable(&mut self, o: &Observable) -> Option<Observable> {
        if self.victims.private(o).is_some() {
            self.withhold(o.value());
            return None;
        }
        // A name inside a URL or a file name cannot be taken out and leave a value that means the same.
        (!self.redactor.holds(o.value())).then(|| o.clone())
    }

    fn material(&mut self, m: &Material, tlp: Tlp) -> Material {
        self.drop("sources", m.sources.len());
        self.drop("problems", m.problems.len());
        self.drop("verdicts", m.verdicts.len());
        // A wrong attribution escalates: nothing leaves that nobody stands for as things are.
        self.drop("drafts of attribution", m.hypotheses.iter().filter(|h| h.adopted_by.is_none()).count());
        self.drop("stale attributions", m.hypotheses.iter().filter(|h| !h.stale.is_empty()).count());
        let judged = verdicts::Judged::new(m);
        let findings =
            m.findings.iter().filter(|f| !judged.dismissed(f)).map(|f| self.finding(m, f)).collect();
        Material {
            organisation: Organisation::default(),
            made: m.made,
            tool_version: m.tool_version.clone(),
            tlp: Tlp::Clear,
            findings,
            campaigns: m.campaigns.iter().map(|c| self.campaign(m, c)).collect(),
            exhibits: m.exhibits.iter().filter(|e| e.tlp <= tlp).map(|e| self.exhibit(e)).collect(),
            hypotheses: m.hypotheses.iter().filter(|h| h.holds()).map(|h| self.hypothesis(h)).collect(),
            gravity: m.gravity.iter().map(|g| self.gravity(g)).collect(),
            paragraphs: m.paragraphs.iter().map(|p| self.paragraph(p)).collect(),
            ..Material::default()
        }
    }

    fn finding(&mut self, m: &Material, f: &Finding) -> Finding {
        let (everydays, telling): (Vec<_>, Vec<_>) =
            f.observables.iter().partition(|o| story::is_everydays(m, f, o));
        // They identify nobody, but would be looked for, and found everywhere.
        self.drop("everyday", everydays.len());
        self.drop("logged", f.message.args.len());
        self.drop("citations", f.citations.len());
        if let Some(host) = &f.host {
            self.withhold(host);
        }
        Finding {
            id: f.id,
            rule: self.text(&f.rule),
            title: self.text(&f.title),
            severity: f.severity,
            confidence: f.confidence,
            vector: f.vector,
            time: f.time,
            time_end: f.time_end,
            host: None,
            message: Message { id: String::new(), args: Vec::new() },
            observables: telling.into_iter().filter_map(|o| self.observable(o)).collect(),
            attack: self.texts(&f.attack),
            recovered: false,
            citations: Vec::new(),
        }
    }

    fn campaign(&mut self, m: &Material, c: &Campaign) -> Campaign {
        let steps = c.steps.iter().map(|s| {
            s.hosts.iter().for_each(|h| self.withhold(h));
            Step { hosts: Vec::new(), title: self.text(&s.title), attack: self.texts(&s.attack), ..s.clone() }
        });
        let steps = steps.collect();
        let joins = c.joins.iter().map(|j| {
            let terms = j.terms.iter().map(|t| Term {
                observable: t
                    .observable
                    .as_ref()
                    .filter(|o| !m.everyday.contains(o))
                    .and_then(|o| self.observable(o)),
                // A note names analysts, machines and accounts.
                note: None,
                ..t.clone()
            });
            palisade_model::Join { terms: terms.collect(), ..j.clone() }
        });
        Campaign { joins: joins.collect(), steps, ..c.clone() }
    }

    fn exhibit(&mut self, e: &Exhibit) -> Exhibit {
        self.drop("citations", e.citations.len());
        let body = match &e.body {
            ExhibitBody::Table { columns, rows } => ExhibitBody::Table {
                columns: self.texts(columns),
                rows: rows.iter().map(|r| self.texts(r)).collect(),
            },
            ExhibitBody::Graph { nodes, edges } => {
                ExhibitBody::Graph { nodes: self.texts(nodes), edges: edges.clone() }
            }
            ExhibitBody::Flow { nodes, flows } => {
                let flows =
                    flows.iter().map(|(a, b, amount, unit)| (*a, *b, self.text(amount), self.text(unit)));
                let flows = flows.collect();
                ExhibitBody::Flow { nodes: self.texts(nodes), flows }
            }
            ExhibitBody::Timeline { entries } => ExhibitBody::Timeline {
                entries: entries.iter().map(|(t, text)| (*t, self.text(text))).collect(),
            },
            ExhibitBody::Matrix { rows, columns, cells } => ExhibitBody::Matrix {
                rows: self.texts(rows),
                columns: self.texts(columns),
                cells: cells.clone(),
            },
        };
        Exhibit { title: self.text(&e.title), body, citations: Vec::new(), tlp: e.tlp }
    }

    fn evidence(&mut self, all: &[Evidence]) -> Vec<Evidence> {
        all.iter().map(|e| Evidence { text: self.text(&e.text), findings: e.findings.clone() }).collect()
    }

    fn hypothesis(&mut self, h: &Hypothesis) -> Hypothesis {
        let attributed = h.attributed.as_ref().map(|a| match a {
            Attributed::Group { name, attack } => {
                Attributed::Group { name: self.text(name), attack: attack.clone() }
            }
            Attributed::State(state) => Attributed::State(state.clone()),
        });
        Hypothesis {
            subject: self.text(&h.subject),
            because: String::new(),
            stale: Vec::new(),
            attributed,
            name: self.text(&h.name),
            probability: h.probability,
            confidence: self.text(&h.confidence),
            supporting: self.evidence(&h.supporting),
            against: self.evidence(&h.against),
            would_change: self.texts(&h.would_change),
            knowledge: h.knowledge,
            adopted_by: h.adopted_by.as_ref().map(|_| String::new()),
        }
    }

    fn gravity(&mut self, g: &Gravity) -> Gravity {
        let inputs = g.inputs.iter().map(|(a, b, c)| (self.text(a), self.text(b), self.text(c)));
        let inputs = inputs.collect();
        Gravity {
            scale: self.text(&g.scale),
            subject: self.text(&g.subject),
            level: self.text(&g.level),
            score: g.score,
            inputs,
            evidence: self.evidence(&g.evidence),
        }
    }

    fn paragraph(&mut self, p: &Paragraph) -> Paragraph {
        Paragraph { heading: self.text(&p.heading), text: self.text(&p.text) }
    }
}
