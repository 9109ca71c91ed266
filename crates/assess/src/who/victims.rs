//! Whom such actors usually hit: sectors and countries by state, from a collection of recorded incidents, beside how often
//! all do; and, the other way round, what a victim's sector or country says of states.
//!
//! Ranked possibilities, not forecasts: a collection records what somebody published. Whether knowing the state tells
//! anything of the sector at all is measured on the same collection, each incident foretold from earlier ones, and is told
//! with the table. What this module never does: name a victim.

use std::collections::BTreeMap;

use palisade_model::Incident;

/// Incidents that weigh as much as everybody's habits: a state with few recorded ones is not believed to be special.
const PRIOR: f64 = 10.0;
/// Incidents before the first that is foretold.
const WARM_UP: usize = 50;
/// Most sectors or countries of a collection; those met first are kept.
const MAX_WORDS: usize = 300;

/// What of a victim is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VictimPart {
    /// Its sector.
    Sector,
    /// Its country.
    Country,
}

impl VictimPart {
    fn of(self, i: &Incident) -> &[String] {
        match self {
            VictimPart::Sector => &i.sectors,
            VictimPart::Country => &i.countries,
        }
    }
}

/// How often incidents hit a sector.
#[derive(Clone, PartialEq, Debug)]
pub struct Target {
    /// The sector, in the collection's words.
    pub sector: String,
    /// Share of incidents that hit it, as the states asked about do it, each by its chance.
    pub rate: f64,
    /// Share of all incidents that hit it.
    pub base: f64,
}

/// Sectors, and how far they can be told from the state.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Targets {
    /// Likeliest first.
    pub targets: Vec<Target>,
    /// Incidents with a sector.
    pub incidents: usize,
    /// Nats per incident by which knowing the state foretells the sectors better than the base rate: lower end, mean and
    /// upper end of a 95 % interval; `None` with fewer than ten incidents to foretell.
    pub gain: Option<(f64, f64, f64)>,
}

impl Targets {
    /// Whether knowing the state has been shown to tell more than the base rate.
    pub fn has_skill(&self) -> bool {
        self.gain.is_some_and(|g| g.0 > 0.0)
    }
}

/// Counts of incidents: all, and by state; in each how many hit which sector.
#[derive(Default)]
struct Counts<'i> {
    all: Hits,
    by_state: BTreeMap<&'i str, Hits>,
}

#[derive(Clone, Default)]
struct Hits {
    incidents: f64,
    sectors: Vec<f64>,
}

impl Hits {
    fn add(&mut self, hit: &[usize], width: usize) {
        self.sectors.resize(width, 0.0);
        self.incidents += 1.0;
        hit.iter().for_each(|s| self.sectors[*s] += 1.0);
    }
}

impl<'i> Counts<'i> {
    fn add(&mut self, i: &'i Incident, hit: &[usize], width: usize) {
        self.all.add(hit, width);
        // One that is tied to several states tells of each of them.
        for state in &i.states {
            self.by_state.entry(state).or_default().add(hit, width);
        }
    }

    /// With one hit and one miss added, so that no chance is nought or one.
    fn base(&self, sector: usize) -> f64 {
        (self.all.sectors.get(sector).copied().unwrap_or(0.0) + 1.0) / (self.all.incidents + 2.0)
    }

    /// A state's rate, drawn towards the base.
    fn of(&self, state: &str, sector: usize) -> f64 {
        let base = self.base(sector);
        let Some(own) = self.by_state.get(state) else { return base };
        (own.sectors.get(sector).copied().unwrap_or(0.0) + PRIOR * base) / (own.incidents + PRIOR)
    }
}

/// Sectors that incidents hit, for states with these chances; what is left of them belongs to the base rate.
pub fn targets(incidents: &[Incident], states: &BTreeMap<String, f64>) -> Targets {
    let table = Table::of(incidents, VictimPart::Sector);
    let counts = &table.counts;
    let mut targets: Vec<Target> = table
        .names
        .iter()
        .map(|(name, s)| {
            let base = counts.base(*s);
            let known: f64 =
                states.iter().filter(|(k, _)| k.len() == 2).map(|(k, p)| p * counts.of(k, *s)).sum();
            let rest: f64 = 1.0 - states.iter().filter(|(k, _)| k.len() == 2).map(|(_, p)| p).sum::<f64>();
            Target { sector: (*name).to_owned(), rate: known + rest.max(0.0) * base, base }
        })
        .collect();
    targets.sort_by(|a, b| b.rate.total_cmp(&a.rate).then_with(|| a.sector.cmp(&b.sector)));
    Targets { targets, incidents: table.incidents, gain: interval(&table.gains) }
}

/// What it says of states that a victim is of this sector or country, in nats: the logarithm of how often a state's incidents
/// hit such victims over how often all do. Nothing where knowing the state has not been shown to foretell victims, and nothing
/// for a word that the collection does not use.
pub fn pull(incidents: &[Incident], part: VictimPart, word: &str) -> BTreeMap<String, f64> {
    let table = Table::of(incidents, part);
    let shown = interval(&table.gains).is_some_and(|g| g.0 > 0.0);
    let place = table.names.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).filter(|_| shown);
    let Some((_, place)) = place else { return BTreeMap::new() };
    let counts = &table.counts;
    let states = counts.by_state.keys().filter(|s| s.len() == 2);
    states.map(|s| ((*s).to_owned(), (counts.of(s, *place) / counts.base(*place)).ln())).collect()
}

/// A collection counted, and how well each of its incidents was foretold from earlier ones.
struct Table<'i> {
    /// Words and their places.
    names: BTreeMap<&'i str, usize>,
    counts: Counts<'i>,
    incidents: usize,
    gains: Vec<f64>,
}

impl<'i> Table<'i> {
    fn of(incidents: &'i [Incident], part: VictimPart) -> Table<'i> {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        let mut ordered: Vec<(&Incident, Vec<usize>)> = Vec::new();
        let mut told: Vec<&Incident> = incidents.iter().filter(|i| !part.of(i).is_empty()).collect();
        told.sort_by(|a, b| (a.days, &a.id, &a.title).cmp(&(b.days, &b.id, &b.title)));
        for i in told {
            let mut hit = Vec::new();
            for word in part.of(i) {
                let next = names.len();
                if names.contains_key(word.as_str()) || next < MAX_WORDS {
                    hit.push(*names.entry(word).or_insert(next));
                }
            }
            hit.sort_unstable();
            hit.dedup();
            ordered.push((i, hit));
        }
        let width = names.len();
        let mut counts = Counts::default();
        let mut gains: Vec<f64> = Vec::new();
        for (n, (i, hit)) in ordered.iter().enumerate() {
            if n >= WARM_UP && !i.states.is_empty() {
                gains.push(gain(&counts, i, hit, width));
            }
            counts.add(i, hit, width);
        }
        Table { names, counts, incidents: ordered.len(), gains }
    }
}

/// How many nats better an incident's sectors are foretold from its states than from all.
fn gain(counts: &Counts<'_>, i: &Incident, hit: &[usize], width: usize) -> f64 {
    let of = |s: usize| i.states.iter().map(|k| counts.of(k, s)).sum::<f64>() / i.states.len() as f64;
    let score = |p: f64, is: bool| if is { p.ln() } else { (1.0 - p).ln() };
    (0..width)
        .map(|s| {
            let is = hit.binary_search(&s).is_ok();
            score(of(s), is) - score(counts.base(s), is)
        })
        .sum()
}

/// Mean with a 95 % interval by its standard error.
fn interval(gains: &[f64]) -> Option<(f64, f64, f64)> {
    if gains.len() < 10 {
        return None;
    }
    let n = gains.len() as f64;
    let mean = gains.iter().sum::<f64>() / n;
    let variance = gains.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = 1.96 * (variance / n).sqrt();
    Some((mean - half, mean, mean + half))
}
