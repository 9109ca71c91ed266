//! Room: `assess`, part `warn` — what to expect next week or month, from incidents that others recorded, and how far
//! that has ever been better than the base rate.
//!
//! The reference is always the base rate: climatology, the Gamma–Poisson rate of all periods so far, and that of the last three
//! years, because a record that grows beats the first without knowing anything. The forecast is the
//! same with forgetting, fitted on the past alone. Whatever claims to know more (a calendar, a share of all that the
//! collection records, self-excitation) is listed with its gain and used only if the interval of the gain excludes zero.
//! Every forecast carries its prequential scores; where they show nothing, it says so in plain words.
//!
//! What this part never does: I/O, a clock, randomness; take a record of incidents for the threat itself.

mod change;
mod gamma;
mod hawkes;
mod page;
mod rise;
mod score;
mod series;
mod words;

use std::collections::BTreeMap;

use palisade_model::{Day, Days, Incident, Occasion};
use serde::Serialize;

pub use change::{Cusum, SPENT, run_length, threshold};
pub use gamma::{DISCOUNTS, Drift, Gamma, Mix, ln_gamma, lower_gamma};
pub use hawkes::SelfExciting;
pub use page::page;
pub use rise::{Rise, Rises, Seen, WARM_UP, rises};
pub use score::{Alarms, Estimate, Murphy, Scored, Skill, gain, skill};
pub use series::{MAX_PERIODS, Outcome, Selection, Step, completeness, outcomes};
pub use words::{spark, table};

/// How a forecast is made.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Length of a period.
    pub step: Step,
    /// Periods ahead, from the first that is not over.
    pub ahead: u32,
    /// Nothing after this day is known: neither incidents that began later nor, where a state is asked for, those that were
    /// attributed later. Without it: the last day on which the collection has an incident begin.
    pub as_of: Option<Day>,
    /// Counting begins here. Without it: the first year in which the collection has an incident a month.
    pub from: Option<Day>,
    /// Rate steps that the change detection is built for.
    pub ratio: f64,
    /// Years between its false alarms.
    pub years: f64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { step: Step::Month, ahead: 3, as_of: None, from: None, ratio: 3.0, years: 3.0 }
    }
}

/// A series is used while so much of a period is on record; younger periods are left out and forecast.
pub const LEAST_COMPLETE: f64 = 0.5;
/// Share of bootstrap samples outside of an interval.
pub const LEVEL: f64 = 0.05;

/// What is expected of one period.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Expected {
    /// The period.
    pub days: Days,
    /// Expected count.
    pub mean: f64,
    /// The counts between which it lies with a probability of 90 %, or somewhat more.
    pub range: (u64, u64),
    /// P(one or more).
    pub any: f64,
    /// P([`Forecast::event`] or more).
    pub event: f64,
    /// P of the same by the base rate.
    pub base_event: f64,
    /// Entries of calendars in the period: context, not probability.
    pub occasions: Vec<String>,
}

/// A model that claims to know more than the drifting rate.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Candidate {
    /// What it is: `calendar election, same period`, `share of the collection`.
    pub name: String,
    /// Its factor now, of calendars.
    pub factor: Option<f64>,
    /// Periods in which it said something of its own.
    pub periods: usize,
    /// Nats gained per period over the drifting rate, with the interval at the level that so many candidates ask for.
    pub gain: Estimate,
    /// Whether it is used.
    pub used: bool,
}

/// A rise that the change detection found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Change {
    /// The period at whose end it was found.
    pub found: Days,
    /// Events per period before, and from where the excursion began.
    pub rates: (f64, f64),
}

/// One year of the record.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Year {
    /// The year.
    pub year: i32,
    /// Incidents counted.
    pub counted: f64,
    /// All others of the collection.
    pub others: f64,
}

/// Whether the collecting itself changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Collecting {
    /// The collection's other incidents come at a steady rate.
    Steady,
    /// They do not: a rise may be better collecting.
    Changed,
    /// There are no others to compare with.
    Unknown,
}

/// A forecast and all that is needed to judge it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Forecast {
    /// What is counted.
    pub selection: Selection,
    /// Length of a period.
    pub step: Step,
    /// Nothing later was known.
    pub as_of: Day,
    /// Incidents counted.
    pub incidents: usize,
    /// Of these, how many have a date that is one day.
    pub exact: usize,
    /// First and last period of the record that was used.
    pub used: Days,
    /// Periods at the end left out because too little of them is on record yet.
    pub too_young: usize,
    /// How much of the last period used is on record.
    pub complete: f64,
    /// Expected counts of the record, period by period.
    pub record: Vec<f64>,
    /// Events per period by the base rate, with a 95 % interval.
    pub base_rate: Estimate,
    /// The event that is scored: so many or more in a period.
    pub event: usize,
    /// The forecasts.
    pub expected: Vec<Expected>,
    /// How such forecasts fared against the base rate of all years; `None` if the record is too short to say.
    pub skill: Option<Skill>,
    /// The same against the base rate of the three years before each period.
    pub recent: Option<Skill>,
    /// What else was tried.
    pub candidates: Vec<Candidate>,
    /// Self-excitation, if it could be tested.
    pub self_exciting: Option<SelfExciting>,
    /// Rises in the record.
    pub changes: Vec<Change>,
    /// Events between false alarms that these were watched with.
    pub events_between_alarms: f64,
    /// Whether collecting changed.
    pub collecting: Collecting,
    /// Year by year.
    pub years: Vec<Year>,
}

impl Forecast {
    /// What the scores say, in plain words.
    pub fn verdict(&self) -> &'static str {
        let recent = self.recent.as_ref().is_some_and(Skill::proven);
        match (&self.skill, recent, self.collecting) {
            (None, ..) => "the record is too short to say whether this is better than the base rate",
            (Some(s), ..) if !s.proven() => "no skill beyond the base rate",
            (Some(_), false, _) => {
                "no skill beyond the base rate of the last three years, which itself is better than that of all years: the rate drifts, or its collecting does"
            }
            (Some(_), true, Collecting::Steady) => "better than the base rate",
            (Some(_), true, _) => {
                "better than the base rate, in a record whose collecting may have changed: the rate drifts, whatever the reason"
            }
        }
    }

    /// Whether the verdict is that it knows more than the base rate.
    pub fn proven(&self) -> bool {
        [&self.skill, &self.recent].into_iter().all(|s| s.as_ref().is_some_and(Skill::proven))
    }
}

/// Forecasts counts of the incidents selected. `None` if fewer than two whole periods are on record or none is selected.
pub fn forecast(
    incidents: &[Incident],
    calendar: &[Occasion],
    selection: &Selection,
    settings: &Settings,
) -> Option<Forecast> {
    let as_of = settings.as_of.or_else(|| incidents.iter().map(|i| i.days.first).max())?;
    let begun: Vec<&Incident> = incidents.iter().filter(|i| i.days.first <= as_of).collect();
    let from = settings.from.or_else(|| start(&begun))?;
    // What was attributed after that day is what the end of the record is completed for: counted as well, it would count twice.
    let told = |i: &Incident| selection.state.is_none() || i.reported.is_none_or(|r| r.first <= as_of);
    let (mine, others): (Vec<&Incident>, Vec<&Incident>) =
        begun.into_iter().filter(|i| i.days.last >= from && told(i)).partition(|i| selection.takes(i));
    if mine.is_empty() {
        return None;
    }
    let step = settings.step;
    let mut periods = step.periods(from, as_of);
    // To be counted for a state an incident must have been attributed; that takes months.
    let curve = if selection.state.is_some() { completeness(incidents, as_of) } else { Vec::new() };
    let complete = |p: &Days| {
        let age = ((as_of.0 - p.first.0) as f64 / 30.44) as usize;
        curve.get(age).copied().unwrap_or(1.0)
    };
    let whole = periods.len();
    while periods.last().is_some_and(|p| complete(p) < LEAST_COMPLETE) {
        periods.pop();
    }
    let too_young = whole - periods.len();
    let (first, last) = (*periods.first()?, *periods.last()?);
    if periods.len() < 2 {
        return None;
    }
    let exposure: Vec<f64> = periods.iter().map(complete).collect();
    let record = outcomes(mine.iter().copied(), &periods);
    let control = outcomes(others.iter().copied(), &periods);
    let warm_up = (4 * step.half_year()).min(periods.len() / 2);
    let run = Run::new(&record, &exposure);
    let event = event(&run, warm_up);
    // A year of forecasts says nothing about years.
    let enough = periods.len() - warm_up >= 2 * step.half_year();
    let mut tried = Tried { run: &run, record: &record, warm_up, block: step.half_year(), all: Vec::new() };
    let control_run = Run::new(&control, &exposure);
    if !others.is_empty() {
        tried.share(&control, &control_run);
    }
    let ahead = ahead(step, last, as_of, settings.ahead);
    let kinds: std::collections::BTreeSet<&str> = calendar.iter().map(|o| o.kind.as_str()).collect();
    let mine_only = |o: &Occasion| {
        o.state.is_empty() || selection.state.as_ref().is_none_or(|s| o.state.eq_ignore_ascii_case(s))
    };
    for kind in kinds.iter().take(MAX_KINDS) {
        let of_kind: Vec<&Occasion> = calendar.iter().filter(|o| o.kind == *kind && mine_only(o)).collect();
        for lag in 0..2 {
            tried.calendar(kind, &of_kind, &periods, &ahead, lag);
        }
    }
    let days: Vec<Days> = mine.iter().map(|i| i.days).collect();
    let self_exciting = hawkes::test(&days, first.first, last.last);
    let (candidates, factors) = tried.judge(enough);
    let factor = |t: usize| factors.get(t).copied().flatten();
    // What is scored is what is shown: with a calendar that is used, its forecast of each period from those before it.
    let against = |base: &[Mix]| -> Vec<Scored> {
        let one = |t: usize| {
            let drifting = run.drifting.get(t)?;
            let scaled = factor(t).map(|f| drifting.scaled(f));
            Some(Scored::new(scaled.as_ref().unwrap_or(drifting), base.get(t)?, record.get(t)?, event))
        };
        (warm_up..periods.len()).filter_map(one).collect()
    };
    let scored = against(&run.base);
    let recent = against(&recent(&record, &exposure, 6 * step.half_year()));
    let expected = ahead
        .iter()
        .enumerate()
        .filter(|(_, (p, _))| p.last >= as_of)
        .map(|(n, (p, distance))| {
            let plain = run.end.predict(*distance, 1.0);
            let mix = factor(periods.len() + n).map_or_else(|| plain.clone(), |f| plain.scaled(f));
            let base = Mix(vec![(1.0, run.end.base(), 1.0)]);
            let in_it = |o: &&Occasion| o.days.last >= p.first && o.days.first <= p.last && mine_only(o);
            Expected {
                days: *p,
                mean: mix.mean(),
                range: (mix.quantile(0.05), mix.quantile(0.95)),
                any: mix.at_least(1),
                event: mix.at_least(event),
                base_event: base.at_least(event),
                occasions: calendar.iter().filter(in_it).take(20).map(occasion).collect(),
            }
        })
        .collect();
    let base = run.end.base();
    let events_between_alarms =
        (SPENT * base.mean() * settings.years * 2.0 * step.half_year() as f64).max(3.0);
    Some(Forecast {
        selection: selection.clone(),
        step,
        as_of,
        incidents: mine.len(),
        exact: mine.iter().filter(|i| i.days.len() == 1).count(),
        used: Days { first: first.first, last: last.last },
        too_young,
        complete: exposure.last().copied().unwrap_or(1.0),
        record: record.iter().map(Outcome::mean).collect(),
        base_rate: Estimate { value: base.mean(), interval: (base.quantile(0.025), base.quantile(0.975)) },
        event,
        expected,
        skill: if enough { skill(&scored, step.half_year(), LEVEL) } else { None },
        recent: if enough { skill(&recent, step.half_year(), LEVEL) } else { None },
        candidates,
        self_exciting,
        changes: changes(&record, &periods, &exposure, warm_up, settings.ratio, events_between_alarms),
        events_between_alarms,
        collecting: collecting(&others, &control_run),
        years: years(&periods, &record, &control),
    })
}

/// Kinds of occasions that are tried; each costs all others some of their level.
const MAX_KINDS: usize = 20;

/// The first year in which a collection has twelve incidents, an interval counting by its share; else its first incident.
fn start(incidents: &[&Incident]) -> Option<Day> {
    let mut years: BTreeMap<i32, f64> = BTreeMap::new();
    for i in incidents {
        let (from, to) = (i.days.first.civil().0, i.days.last.civil().0);
        for year in from..=to.min(from + 10) {
            if let Some(first) = Day::new(year, 1, 1) {
                *years.entry(year).or_default() += i.days.share_in(Days { first, last: first.year_end() });
            }
        }
    }
    let busy = years.iter().find(|y| *y.1 >= 12.0).and_then(|y| Day::new(*y.0, 1, 1));
    busy.or_else(|| incidents.iter().map(|i| i.days.first).min())
}

/// The periods to forecast with their distance from the last one used.
fn ahead(step: Step, last: Days, as_of: Day, wanted: u32) -> Vec<(Days, u32)> {
    let mut all = Vec::new();
    let (mut p, mut open) = (step.next(last), 0);
    for distance in 1..=1_000 {
        open += u32::from(p.last >= as_of);
        if open > wanted {
            break;
        }
        all.push((p, distance));
        p = step.next(p);
    }
    all
}

fn occasion(o: &Occasion) -> String {
    let state = if o.state.is_empty() { String::new() } else { format!(" ({})", o.state) };
    let title = if o.title.is_empty() { String::new() } else { format!(": {}", o.title) };
    format!("{} {}{state}{title}", o.days.first, o.kind)
}

/// Every period forecast from those before it, by the base rate and by the drifting rate.
struct Run {
    base: Vec<Mix>,
    drifting: Vec<Mix>,
    /// After the last period.
    end: Drift,
}

impl Run {
    fn new(record: &[Outcome], exposure: &[f64]) -> Run {
        let mut drift = Drift::default();
        let (mut base, mut drifting) = (Vec::new(), Vec::new());
        for (outcome, e) in record.iter().zip(exposure) {
            base.push(Mix(vec![(1.0, drift.base(), *e)]));
            drifting.push(drift.predict(1, *e));
            drift.learn(outcome, *e);
        }
        Run { base, drifting, end: drift }
    }
}

/// For each period the base rate of so many periods before it: what anybody would say who looks back a few years.
fn recent(record: &[Outcome], exposure: &[f64], window: usize) -> Vec<Mix> {
    let of = |t: usize| {
        let from = t.saturating_sub(window);
        let seen = record.iter().zip(exposure).take(t).skip(from);
        let (a, b) = seen.fold((0.5, 0.5), |(a, b), (o, e)| (a + o.mean(), b + e));
        Mix(vec![(1.0, Gamma { a, b }, exposure.get(t).copied().unwrap_or(1.0))])
    };
    (0..record.len()).map(of).collect()
}

/// One or more; where that is nearly sure, the least count that the base rate at the end of the warm-up gives no better than
/// even odds: an event that is always there can be forecast by anybody.
fn event(run: &Run, warm_up: usize) -> usize {
    let Some(base) = run.base.get(warm_up) else { return 1 };
    if base.at_least(1) <= 0.9 {
        return 1;
    }
    (2..10_000).find(|k| base.at_least(*k) <= 0.5).unwrap_or(1)
}

/// Models beside the drifting rate, period by period.
struct Tried<'a> {
    run: &'a Run,
    record: &'a [Outcome],
    warm_up: usize,
    block: usize,
    all: Vec<Try>,
}

/// One of them: what it gained in each period, and what it multiplies the drifting rate by, in those of the record, then in
/// those ahead.
struct Try {
    candidate: Candidate,
    gains: Vec<f64>,
    factors: Vec<Option<f64>>,
}

impl Tried<'_> {
    fn add(&mut self, name: String, factor: Option<f64>, said: &[Option<Mix>], factors: Vec<Option<f64>>) {
        let mut gains = Vec::new();
        let mut periods = 0;
        for (t, own) in said.iter().enumerate().skip(self.warm_up) {
            let (Some(outcome), Some(drifting)) = (self.record.get(t), self.run.drifting.get(t)) else {
                continue;
            };
            let ln = |mix: &Mix| {
                let one = |y: u64| {
                    mix.0.iter().map(|(w, g, e)| w * g.ln_pmf(y, *e).exp()).sum::<f64>().max(1e-300).ln()
                };
                outcome.expect(one)
            };
            periods += usize::from(own.is_some());
            gains.push(own.as_ref().map_or(0.0, |own| ln(own) - ln(drifting)));
        }
        let gain = Estimate { value: 0.0, interval: (0.0, 0.0) };
        self.all.push(Try {
            candidate: Candidate { name, factor, periods, gain, used: false },
            gains,
            factors,
        });
    }

    /// The rate per incident that the collection records of everything else, times what it will probably record.
    fn share(&mut self, control: &[Outcome], control_run: &Run) {
        let scale = (control.iter().map(Outcome::mean).sum::<f64>() / control.len().max(1) as f64).max(1e-9);
        let mut drift = Drift::default();
        let mut said = Vec::new();
        for (t, outcome) in self.record.iter().enumerate() {
            let coming = control_run.drifting.get(t).map_or(1.0, Mix::mean) / scale;
            said.push(Some(drift.predict(1, coming.max(1e-6))));
            let came = control.get(t).map_or(1.0, Outcome::mean) / scale;
            drift.learn(outcome, came.max(1e-6));
        }
        // No forecast from it: where it wins, that is news about collecting, not about the threat.
        self.add("share of the collection".into(), None, &said, Vec::new());
    }

    /// A factor for periods with an occasion of a kind: Gamma with mean 1 and weight of four events until it has learnt more.
    fn calendar(
        &mut self,
        kind: &str,
        all: &[&Occasion],
        periods: &[Days],
        ahead: &[(Days, u32)],
        lag: usize,
    ) {
        const SHRINK: f64 = 4.0;
        let occasions = |p: &Days| all.iter().map(|o| o.days.share_in(*p)).sum::<f64>().min(1.0);
        let x: Vec<f64> = periods.iter().chain(ahead.iter().map(|a| &a.0)).map(occasions).collect();
        let at = |t: usize| t.checked_sub(lag).and_then(|t| x.get(t)).copied().unwrap_or(0.0);
        let (mut came, mut expected) = (SHRINK, SHRINK);
        let mut factors = Vec::new();
        for (t, (outcome, drifting)) in self.record.iter().zip(&self.run.drifting).enumerate() {
            let share = at(t);
            let factor: f64 = came / expected;
            factors.push((share > 0.0).then(|| factor.powf(share)));
            came += share * outcome.mean();
            expected += share * drifting.mean();
        }
        if factors.iter().skip(self.warm_up).all(Option::is_none) {
            return;
        }
        let said: Vec<Option<Mix>> =
            self.run.drifting.iter().zip(&factors).map(|(d, f)| f.map(|f| d.scaled(f))).collect();
        let factor: f64 = came / expected;
        factors.extend((0..ahead.len()).map(|n| Some(factor.powf(at(periods.len() + n)))));
        let when = if lag == 0 { "same period" } else { "one period later" };
        self.add(format!("calendar {kind}, {when}"), Some(factor), &said, factors);
    }

    /// Gains with intervals at a level that all candidates share (Bonferroni); the best that excludes zero is used, and its
    /// factors are handed back.
    fn judge(self, enough: bool) -> (Vec<Candidate>, Vec<Option<f64>>) {
        let level = LEVEL / self.all.len().max(1) as f64;
        let mut best: Option<(f64, usize)> = None;
        let mut all = Vec::new();
        let mut factors = Vec::new();
        for mut one in self.all {
            if let Some(g) = gain(&one.gains, self.block, level) {
                one.candidate.gain = g;
            }
            let earned = one.candidate.gain;
            let earns = enough && !one.factors.is_empty() && earned.interval.0 > 0.0;
            // Of two with the same gain the first.
            if earns && best.is_none_or(|(gain, _)| earned.value > gain) {
                best = Some((earned.value, all.len()));
                factors = one.factors;
            }
            all.push(one.candidate);
        }
        if let Some(c) = best.and_then(|(_, i)| all.get_mut(i)) {
            c.used = true;
        }
        (all, factors)
    }
}

/// Rises found while going through the record.
fn changes(
    record: &[Outcome],
    periods: &[Days],
    exposure: &[f64],
    warm_up: usize,
    ratio: f64,
    events: f64,
) -> Vec<Change> {
    let mut out = Vec::new();
    let (a, b) =
        record.iter().zip(exposure).take(warm_up).fold((0.5, 0.5), |(a, b), (o, e)| (a + o.mean(), b + e));
    let mut cusum = Cusum::new(ratio, events, Gamma { a, b });
    for ((outcome, period), e) in record.iter().zip(periods).zip(exposure).skip(warm_up) {
        let before = cusum.base().mean();
        if cusum.step(outcome.mean(), *e) {
            out.push(Change { found: *period, rates: (before, cusum.base().mean()) });
        }
    }
    out
}

/// Whether the rest of the collection drifts: if forgetting explains it twenty times better than not.
fn collecting(others: &[&Incident], run: &Run) -> Collecting {
    if others.is_empty() {
        return Collecting::Unknown;
    }
    if run.end.weights()[0] < 0.05 { Collecting::Changed } else { Collecting::Steady }
}

fn years(periods: &[Days], record: &[Outcome], control: &[Outcome]) -> Vec<Year> {
    let mut all: BTreeMap<i32, (f64, f64)> = BTreeMap::new();
    for ((p, r), c) in periods.iter().zip(record).zip(control) {
        let year = all.entry(p.first.civil().0).or_default();
        *year = (year.0 + r.mean(), year.1 + c.mean());
    }
    all.into_iter().map(|(year, (counted, others))| Year { year, counted, others }).collect()
}

/// The selections with at least so many incidents: all; each state; each sector; each kind.
pub fn selections(incidents: &[Incident], least: usize) -> Vec<Selection> {
    let count = |of: fn(&Incident) -> &Vec<String>| {
        let mut all: BTreeMap<&str, usize> = BTreeMap::new();
        for i in incidents {
            for name in of(i) {
                *all.entry(name).or_default() += 1;
            }
        }
        let mut all: Vec<(&str, usize)> = all.into_iter().filter(|a| a.1 >= least).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all.into_iter().map(|a| a.0.to_owned()).collect::<Vec<String>>()
    };
    let mut out = vec![Selection::default()];
    out.extend(
        count(|i| &i.states).into_iter().map(|s| Selection { state: Some(s), ..Selection::default() }),
    );
    out.extend(
        count(|i| &i.sectors).into_iter().map(|s| Selection { sector: Some(s), ..Selection::default() }),
    );
    out.extend(count(|i| &i.kinds).into_iter().map(|s| Selection { kind: Some(s), ..Selection::default() }));
    out
}
