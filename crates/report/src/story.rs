//! What the material amounts to: which findings count, indicators, techniques. Computed once, told by every form.
//!
//! What this module never does: judge anew. It counts, groups and sorts.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{
    CampaignId, FindingId, Likelihood, Observable, ObservableKind, Severity, Time, Tlp, Vector,
};

use crate::actions::{self, Action};
use crate::doc::{Line, MAX_LINE, Span, cut, cut_middle, text};
use crate::material::{Citation, Finding, Hypothesis, Material};
use crate::privacy::Victims;
use crate::verdicts::Judged;
use crate::{Options, attack, locale};

/// Links to findings that follow one statement.
const MAX_LINKS: usize = 3;

/// A value that may be looked for elsewhere.
pub(crate) struct Indicator<'m> {
    pub observable: &'m Observable,
    /// Of [`Material::findings`], by time.
    pub findings: Vec<usize>,
    pub severity: Severity,
    pub first: Option<Time>,
    pub last: Option<Time>,
}

/// The material, seen under the options.
pub(crate) struct Story<'m> {
    pub m: &'m Material,
    pub o: &'m Options<'m>,
    pub tlp: Tlp,
    pub by_id: BTreeMap<FindingId, usize>,
    pub judged: Judged,
    /// Findings that count, by time, then id.
    pub live: Vec<usize>,
    /// By finding: its campaign's place.
    pub campaign_of: BTreeMap<FindingId, usize>,
    pub indicators: Vec<Indicator<'m>>,
    /// Technique → findings.
    pub techniques: BTreeMap<&'m str, Vec<usize>>,
    pub actions: Vec<Action<'m>>,
    pub sources: BTreeSet<&'m str>,
    /// Findings that something in the document links to.
    linked: RefCell<BTreeSet<usize>>,
}

/// Kinds of observables that somebody else can look for.
fn is_indicator(kind: ObservableKind) -> bool {
    use ObservableKind::*;
    matches!(
        kind,
        Ip | Domain
            | Url
            | Email
            | Md5
            | Sha1
            | Sha256
            | Sha512
            | Imphash
            | CryptoAddress
            | CryptoTransaction
    )
}

/// Whether a finding's value is what everybody has: a program of the system, a peer that all machines reach.
pub(crate) fn is_everydays(m: &Material, f: &Finding, o: &Observable) -> bool {
    use ObservableKind::*;
    let hash = matches!(o.kind(), Md5 | Sha1 | Sha256 | Sha512 | Imphash);
    m.everyday.contains(o) || o.is_system_file() || hash && Observable::of_system_program(&f.observables)
}

/// Hashes of nothing: every system holds an empty file.
pub(crate) const EMPTY_HASHES: [&str; 4] = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
];

impl<'m> Story<'m> {
    /// Who may be behind it, as far as this edition may say: drafts, and what was adopted and is stale, are for those
    /// who work on the case. By subject in the order of campaigns, then what holds first, then the likeliest.
    pub(crate) fn hypotheses(&self) -> Vec<&'m Hypothesis> {
        let all = matches!(self.o.edition, crate::Edition::Technical);
        let mut out: Vec<&Hypothesis> = self.m.hypotheses.iter().filter(|h| all || h.holds()).collect();
        let place: BTreeMap<String, usize> =
            self.m.campaigns.iter().enumerate().map(|(i, c)| (c.id.to_string(), i)).collect();
        let at = |h: &Hypothesis| place.get(&h.subject).copied().unwrap_or(usize::MAX);
        let p = |h: &Hypothesis| if h.probability.is_finite() { h.probability } else { -1.0 };
        out.sort_by(|a, b| {
            (at(a), &a.subject, a.adopted_by.is_none())
                .cmp(&(at(b), &b.subject, b.adopted_by.is_none()))
                .then(p(b).total_cmp(&p(a)))
                .then(a.name.cmp(&b.name))
        });
        out
    }

    pub(crate) fn new(material: &'m Material, o: &'m Options<'m>) -> Story<'m> {
        let m = o.edition.of(material);
        let judged = Judged::new(m);
        let mut live: Vec<usize> =
            (0..m.findings.len()).filter(|i| !judged.dismissed(&m.findings[*i])).collect();
        live.sort_by_key(|i| order(&m.findings[*i]));
        let by_id = m.findings.iter().enumerate().map(|(i, f)| (f.id, i)).collect();
        let mut campaign_of = BTreeMap::new();
        for (i, campaign) in m.campaigns.iter().enumerate() {
            campaign.findings().for_each(|id| {
                campaign_of.entry(id).or_insert(i);
            });
        }
        let victims = Victims::of(m);
        let mut techniques: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut values: BTreeMap<&Observable, Vec<usize>> = BTreeMap::new();
        for &i in &live {
            let finding = &m.findings[i];
            let ids: BTreeSet<&str> = finding.attack.iter().map(String::as_str).collect();
            ids.into_iter().for_each(|id| techniques.entry(id).or_default().push(i));
            let held: BTreeSet<&Observable> = finding.observables.iter().collect();
            let held =
                held.into_iter().filter(|o| is_indicator(o.kind()) && !EMPTY_HASHES.contains(&o.value()));
            let own = |o: &&Observable| victims.private(o).is_none() && !is_everydays(m, finding, o);
            held.filter(own).for_each(|o| values.entry(o).or_default().push(i));
        }
        let mut indicators: Vec<Indicator<'_>> = values
            .into_iter()
            .map(|(observable, findings)| {
                let of = || findings.iter().map(|i| &m.findings[*i]);
                Indicator {
                    observable,
                    severity: of().map(|f| f.severity).max().unwrap_or_default(),
                    first: of().filter_map(|f| f.time).min(),
                    last: of().filter_map(|f| f.time_end.or(f.time)).max(),
                    findings,
                }
            })
            .collect();
        indicators.sort_by(|a, b| {
            let key = |i: &Indicator<'_>| (std::cmp::Reverse(i.severity), i.observable.kind());
            key(a)
                .cmp(&key(b))
                .then(b.findings.len().cmp(&a.findings.len()))
                .then(a.observable.cmp(b.observable))
        });
        let actions = actions::derive(m, &live, &victims);
        Story {
            m,
            o,
            tlp: o.edition.tlp(m, o.tlp),
            by_id,
            judged,
            live,
            campaign_of,
            indicators,
            techniques,
            actions,
            sources: m
                .sources
                .iter()
                .take(crate::sections::MAX_SOURCES)
                .map(|s| s.sha256.as_str())
                .filter(|s| !s.is_empty())
                .collect(),
            linked: RefCell::default(),
        }
    }

    /// All findings, the gravest first, then by time; those judged false last.
    pub(crate) fn by_gravity(&self) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.m.findings.len()).collect();
        all.sort_by_cached_key(|i| {
            let f = &self.m.findings[*i];
            (self.judged.dismissed(f), std::cmp::Reverse(f.severity), f.time, f.id)
        });
        all
    }

    /// All findings by time, then id.
    pub(crate) fn by_time(&self) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.m.findings.len()).collect();
        all.sort_by_key(|i| order(&self.m.findings[*i]));
        all
    }

    /// A text of the catalogue.
    pub(crate) fn t(&self, key: &str) -> String {
        self.o.catalogue.text(key, &[])
    }

    /// A text of the catalogue with arguments.
    pub(crate) fn t_with(&self, key: &str, args: &[(&str, &str)]) -> String {
        self.o.catalogue.text(key, args)
    }

    /// A number of things, in the form that the number asks for.
    pub(crate) fn n(&self, key: &str, n: usize) -> String {
        self.n_with(key, n as u64, &[])
    }

    pub(crate) fn n_with(&self, key: &str, n: u64, args: &[(&str, &str)]) -> String {
        self.o.catalogue.count(key, n, &self.o.locale.number(n), args)
    }

    pub(crate) fn number(&self, n: u64) -> String {
        self.o.locale.number(n)
    }

    /// A moment as a span.
    pub(crate) fn time(&self, time: Option<Time>) -> Line {
        match time {
            Some(t) => vec![Span::Time { iso: t.to_string(), text: self.moment(t) }],
            None => vec![Span::Dim(self.t("words.no_time"))],
        }
    }

    pub(crate) fn moment(&self, t: Time) -> String {
        self.o.locale.moment(t, &self.o.zone)
    }

    /// `From … to …`, or one moment.
    pub(crate) fn span(&self, first: Option<Time>, last: Option<Time>) -> String {
        match (first, last) {
            (Some(a), Some(b)) if a != b => {
                self.t_with("words.from_to", &[("first", &self.moment(a)), ("last", &self.moment(b))])
            }
            (Some(a), _) | (None, Some(a)) => self.moment(a),
            (None, None) => self.t("words.no_time"),
        }
    }

    /// A length of time in the unit that tells most.
    pub(crate) fn duration(&self, us: i64) -> String {
        let s = us.unsigned_abs() / 1_000_000;
        match s {
            0..120 => self.n_with("words.seconds", s, &[]),
            120..7_200 => self.n_with("words.minutes", (s + 30) / 60, &[]),
            7_200..172_800 => self.n_with("words.hours", (s + 1_800) / 3_600, &[]),
            172_800..7_776_000 => self.n_with("words.days", (s + 43_200) / 86_400, &[]),
            7_776_000..63_072_000 => self.n_with("words.months", (s + 1_314_900) / 2_629_800, &[]),
            _ => self.n_with("words.years", (s + 15_778_800) / 31_557_600, &[]),
        }
    }

    pub(crate) fn zone(&self) -> String {
        locale::zone_name(&self.o.zone, self.m.made)
    }

    /// Times are in …: stands over each block of times.
    pub(crate) fn zone_note(&self) -> String {
        self.t_with("words.times_in", &[("zone", &self.zone())])
    }

    pub(crate) fn severity(&self, s: Severity) -> String {
        self.t(match s {
            Severity::Critical => "severity.critical",
            Severity::High => "severity.high",
            Severity::Medium => "severity.medium",
            Severity::Low => "severity.low",
            Severity::Informational => "severity.informational",
        })
    }

    pub(crate) fn level(&self, s: Severity) -> Span {
        Span::Level(s, self.severity(s))
    }

    pub(crate) fn vector(&self, v: Vector) -> String {
        self.t(match v {
            Vector::Host => "vector.host",
            Vector::Network => "vector.network",
            Vector::Mail => "vector.mail",
            Vector::Files => "vector.files",
            Vector::Money => "vector.money",
            Vector::Influence => "vector.influence",
        })
    }

    pub(crate) fn vectors(&self, all: &[Vector]) -> String {
        all.iter().map(|v| self.vector(*v)).collect::<Vec<_>>().join(", ")
    }

    /// The word for a probability, in the report's language, on the scale that [`Likelihood`] has.
    pub(crate) fn likelihood(&self, p: f64) -> String {
        self.t(match Likelihood::of(p) {
            None => "likelihood.unknown",
            Some(Likelihood::AlmostNone) => "likelihood.almost_none",
            Some(Likelihood::VeryUnlikely) => "likelihood.very_unlikely",
            Some(Likelihood::Unlikely) => "likelihood.unlikely",
            Some(Likelihood::Even) => "likelihood.even",
            Some(Likelihood::Likely) => "likelihood.likely",
            Some(Likelihood::VeryLikely) => "likelihood.very_likely",
            Some(Likelihood::AlmostCertain) => "likelihood.almost_certain",
        })
    }

    /// Whether this form may point to evidence.
    pub(crate) fn cites(&self) -> bool {
        matches!(self.o.edition, crate::Edition::Technical)
    }

    /// A link to a campaign, or its id where campaigns are not all told.
    pub(crate) fn campaign(&self, id: &CampaignId) -> Span {
        match self.cites() {
            true => Span::Link { to: campaign_anchor(id), text: id.to_string() },
            false => Span::Strong(id.to_string()),
        }
    }

    /// A link to a finding, or its short id where findings are not listed.
    pub(crate) fn finding(&self, i: usize) -> Span {
        let id = self.m.findings[i].id.to_string();
        let short = id.get(..8).unwrap_or(&id).to_owned();
        if !self.cites() {
            return Span::Code(short);
        }
        self.linked.borrow_mut().insert(i);
        Span::Link { to: finding_anchor(&self.m.findings[i].id), text: short }
    }

    /// Links to the first findings of many, and how many more there are.
    pub(crate) fn findings(&self, all: &[usize]) -> Line {
        let mut out = Line::new();
        if !self.cites() {
            return out;
        }
        for (at, i) in all.iter().take(MAX_LINKS).enumerate() {
            if at > 0 {
                out.push(text(" "));
            }
            out.push(self.finding(*i));
        }
        if all.len() > MAX_LINKS {
            out.push(Span::Dim(format!(" +{}", self.number((all.len() - MAX_LINKS) as u64))));
        }
        out
    }

    /// The finding of a whole id in hexadecimal.
    pub(crate) fn by_hex(&self, id: &str) -> Option<usize> {
        self.by_id.get(&FindingId::parse(id)?).copied()
    }

    /// Findings by time, then id, each once.
    pub(crate) fn ordered(&self, mut all: Vec<usize>) -> Vec<usize> {
        all.sort_by_key(|i| order(&self.m.findings[*i]));
        all.dedup();
        all
    }

    /// The gravest of some findings, the earliest of these.
    pub(crate) fn gravest(&self, all: &[usize]) -> Option<&'m Finding> {
        let findings = all.iter().filter_map(|i| self.m.findings.get(*i));
        findings.min_by_key(|f| (std::cmp::Reverse(f.severity), f.time, f.id))
    }

    /// The same by id; one that the material lacks is an error in place.
    pub(crate) fn findings_by_id(&self, ids: &[FindingId]) -> Line {
        let (known, unknown): (Vec<_>, Vec<_>) = ids.iter().partition(|id| self.by_id.contains_key(id));
        let places: Vec<usize> = known.iter().filter_map(|id| self.by_id.get(id).copied()).collect();
        let mut out = self.findings(&places);
        if self.cites() {
            for id in unknown.iter().take(MAX_LINKS) {
                let id = id.to_string();
                out.push(Span::Error(self.t_with("words.unknown_finding", &[("id", &id)])));
            }
        }
        out
    }

    /// Findings that must be in the document because something links to them.
    pub(crate) fn linked(&self) -> BTreeSet<usize> {
        self.linked.borrow().clone()
    }

    pub(crate) fn title(&self, t: &str) -> String {
        cut(t.trim(), MAX_LINE)
    }

    /// A technique with its name and a link to its row or page.
    pub(crate) fn technique(&self, id: &str) -> Line {
        let named = attack::name(id).map(|n| format!("{id} {n}")).unwrap_or_else(|| cut(id, 40));
        match attack::url(id) {
            Some(url) => vec![Span::Page { url, text: named }],
            None => line_of(named),
        }
    }

    /// What a finding says: the catalogue's sentence, or nothing.
    pub(crate) fn sentence(&self, f: &Finding) -> Option<String> {
        self.o.catalogue.sentence(&f.message.id, &f.message.args)
    }

    /// File, member, record, byte and hash of a citation.
    pub(crate) fn citation(&self, c: &Citation) -> Line {
        let mut file = cut_middle(&c.path, 120);
        if !c.member.is_empty() {
            file.push('!');
            file.push_str(&cut_middle(&c.member, 120));
        }
        let (record, offset) = (self.number(c.record), self.number(c.offset));
        let mut out = vec![Span::Code(file), text(" · ")];
        out.push(text(self.t_with("words.record_byte", &[("record", &record), ("byte", &offset)])));
        out.push(text(" · SHA-256 "));
        out.push(match c.sha256.as_str() {
            "" => Span::Dim(self.t("words.no_hash")),
            sha if self.sources.contains(sha) => Span::Link { to: source_anchor(sha), text: cut(sha, 64) },
            sha => Span::Code(cut(sha, 64)),
        });
        out
    }
}

fn line_of(t: String) -> Line {
    vec![Span::Text(t)]
}

fn order(f: &Finding) -> (Option<Time>, FindingId) {
    (f.time, f.id)
}

/// Anchors hold only letters and digits of ids that we computed, or hexadecimal digits of what claims to be a hash.
pub(crate) fn finding_anchor(id: &FindingId) -> String {
    format!("f-{id}")
}

pub(crate) fn campaign_anchor(id: &CampaignId) -> String {
    id.to_string()
}

pub(crate) fn step_anchor(id: &CampaignId, step: usize) -> String {
    format!("{id}-s{}", step + 1)
}

pub(crate) fn source_anchor(sha: &str) -> String {
    format!("s-{}", sha.chars().filter(char::is_ascii_alphanumeric).take(64).collect::<String>())
}
