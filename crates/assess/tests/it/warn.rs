//! Forecasts on series of which the truth is known.

use palisade_assess::warn::{
    Collecting, Cusum, Forecast, Gamma, Rises, SPENT, Seen, Selection, Settings, Step, completeness,
    forecast, outcomes, page, rises, run_length, selections, spark, table, threshold,
};
use palisade_model::{Day, Days, Incident, Occasion, Time};

/// splitmix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In (0, 1].
    fn unit(&mut self) -> f64 {
        ((self.number() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    fn exponential(&mut self) -> f64 {
        -self.unit().ln()
    }

    fn poisson(&mut self, mean: f64) -> u64 {
        let (mut n, mut sum) = (0, self.exponential());
        while sum < mean {
            n += 1;
            sum += self.exponential();
        }
        n
    }
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn incident(n: usize, days: Days, state: &str) -> Incident {
    Incident {
        id: format!("i{n:06}"),
        title: String::new(),
        days,
        reported: None,
        states: vec![state.to_owned()],
        sectors: vec![],
        countries: Vec::new(),
        kinds: vec![],
    }
}

/// `rate(month)` incidents a month on random days, from 2005 to 2022.
fn made(seed: u64, state: &str, rate: impl Fn(usize) -> f64) -> Vec<Incident> {
    let mut random = Random(seed);
    let mut all = Vec::new();
    for (m, p) in Step::Month.periods(day("2005-01-01"), day("2022-12-31")).iter().enumerate() {
        for _ in 0..random.poisson(rate(m)) {
            let d = Day(p.first.0 + (random.number() % p.len() as u64) as i32);
            all.push(incident(all.len(), Days::day(d), state));
        }
    }
    all
}

fn of_state(incidents: &[Incident], calendar: &[Occasion], state: &str) -> Forecast {
    let selection = Selection { state: Some(state.into()), ..Selection::default() };
    let settings =
        Settings { as_of: Some(day("2022-12-31")), from: Some(day("2005-01-01")), ..Settings::default() };
    forecast(incidents, calendar, &selection, &settings).unwrap()
}

/// Nothing but chance: nothing is claimed, whatever the seed, more often than the intervals allow.
#[test]
fn noise_has_no_skill() {
    let mut claimed = 0;
    for seed in 0..20 {
        let mut all = made(100 + seed, "KP", |_| 0.6);
        all.extend(made(200 + seed, "XX", |_| 4.0));
        let f = of_state(&all, &[], "KP");
        claimed += usize::from(f.proven());
        assert!(f.proven() || f.verdict().starts_with("no skill beyond the base rate"));
        assert!(f.candidates.iter().all(|c| !c.used));
        // The interval of the base rate holds the truth in all but a few.
        assert!((f.base_rate.value - 0.6).abs() < 0.25, "{:?}", f.base_rate);
    }
    assert!(claimed <= 2, "skill claimed on {claimed} of 20 series of noise");
}

/// A rate that really drifts is forecast better than by the base rate, and the table says so.
#[test]
fn drift_is_skill() {
    let mut all = made(1, "KP", |m| if m / 36 % 2 == 0 { 0.3 } else { 3.0 });
    all.extend(made(2, "XX", |_| 4.0));
    let f = of_state(&all, &[], "KP");
    assert!(f.proven() && f.collecting == Collecting::Steady, "{:?}", f.skill);
    assert!(f.verdict() == "better than the base rate");
    assert!(!f.changes.is_empty());
    let text = table(&f);
    assert!(text.contains("Better than the base rate.") && text.contains("90 %"), "{text}");
    assert!(page(&[f]).contains("<svg"));
}

/// If everything the collection records grows alike, that is said.
#[test]
fn collecting_is_told_apart() {
    let growth = |m: usize| 0.5 + m as f64 / 40.0;
    let mut all = made(3, "KP", growth);
    all.extend(made(4, "XX", |m| 5.0 * growth(m)));
    let f = of_state(&all, &[], "KP");
    assert_eq!(f.collecting, Collecting::Changed);
    assert!(f.verdict() != "better than the base rate");
    assert!(table(&f).contains("Collection changed"));
}

/// A calendar that matters is used; one that does not is not.
#[test]
fn calendars_must_earn_it() {
    let months = Step::Month.periods(day("2005-01-01"), day("2023-12-31"));
    let occasion = |m: usize, kind: &str| Occasion {
        days: Days::day(Day(months[m].first.0 + 9)),
        kind: kind.into(),
        state: String::new(),
        title: "<b>".into(),
    };
    let real: Vec<Occasion> = (0..months.len()).step_by(4).map(|m| occasion(m, "test")).collect();
    let mut calendar = real.clone();
    calendar.extend((0..months.len()).filter(|m| m * 7 % 5 == 0).map(|m| occasion(m, "idle")));
    let mut all = made(5, "KP", |m| if m % 4 == 0 { 4.0 } else { 0.8 });
    all.extend(made(6, "XX", |_| 4.0));
    let f = of_state(&all, &calendar, "KP");
    let used: Vec<&str> = f.candidates.iter().filter(|c| c.used).map(|c| c.name.as_str()).collect();
    assert_eq!(used, ["calendar test, same period"], "{:#?}", f.candidates);
    let c = f.candidates.iter().find(|c| c.used).unwrap();
    assert!(c.factor.unwrap() > 1.5 && c.gain.interval.0 > 0.0);
    // January 2023 (month 216) has an occasion, February has none.
    let e = &f.expected;
    assert!(e[0].days.first == day("2023-01-01") && e[0].mean > 1.4 * e[1].mean, "{e:?}");
    // The scores are those of what is shown: better than without the calendar by what the calendar gained.
    let plain = of_state(&all, &[], "KP");
    let (with, without) = (f.skill.clone().unwrap(), plain.skill.unwrap());
    assert!((without.log.0 - with.log.0 - c.gain.value).abs() < 1e-12 && c.gain.value > 0.05);
    assert!(with.brier.0 < without.brier.0 && with.brier.1 == without.brier.1);
    assert!(table(&f).contains("The scores are those of the forecast with the calendar"));
    // What is not used is not scored.
    let idle: Vec<Occasion> = calendar.iter().filter(|o| o.kind == "idle").cloned().collect();
    assert_eq!(of_state(&all, &idle, "KP").skill.unwrap(), without);
    // Where nearly all comes with the occasion, the calendar is skill, and the drifting rate alone is none.
    let mut tied = made(7, "KP", |m| if m % 4 == 0 { 5.0 } else { 0.2 });
    tied.extend(made(6, "XX", |_| 4.0));
    let (with, without) = (of_state(&tied, &real, "KP"), of_state(&tied, &[], "KP"));
    assert_eq!(with.verdict(), "better than the base rate");
    assert_eq!(without.verdict(), "no skill beyond the base rate");
    assert!(page(&[f]).contains("&lt;b&gt;"));
}

/// The same incidents in another order make the same forecast; so do weeks.
#[test]
fn order_is_nothing() {
    let mut all = made(7, "KP", |_| 1.5);
    all.extend(made(8, "XX", |_| 3.0));
    all.push(incident(9_999, Days { first: day("2010-01-01"), last: day("2010-12-31") }, "KP"));
    let one = of_state(&all, &[], "KP");
    all.reverse();
    assert_eq!(one, of_state(&all, &[], "KP"));
    let settings = Settings { step: Step::Week, ahead: 2, ..Settings::default() };
    let weekly = forecast(&all, &[], &Selection::default(), &settings).unwrap();
    assert_eq!(weekly.expected.len(), 2);
    assert!(
        weekly.expected[0].days.first.0 <= weekly.as_of.0 && weekly.expected[0].days.last >= weekly.as_of
    );
    assert_eq!(selections(&all, 50).len(), 3);
}

/// A year-wide date counts a twelfth in each month and the sum is kept; scores stay finite.
#[test]
fn placeholders_are_spread() {
    let all: Vec<Incident> = (0..60)
        .map(|n| {
            let first = Day::new(2008 + n / 5, 1, 1).unwrap();
            incident(n as usize, Days { first, last: first.year_end() }, "KP")
        })
        .collect();
    let months = Step::Month.periods(day("2008-01-01"), day("2019-12-31"));
    let sum: f64 = outcomes(all.iter(), &months).iter().map(palisade_assess::warn::Outcome::mean).sum();
    assert!((sum - 60.0).abs() < 1e-9);
    let settings =
        Settings { as_of: Some(day("2019-12-31")), from: Some(day("2008-01-01")), ..Settings::default() };
    let f = forecast(&all, &[], &Selection::default(), &settings).unwrap();
    let s = f.skill.clone().unwrap();
    assert!(s.log.0.is_finite() && f.exact == 0 && !f.proven());
    // January is no more likely than June.
    assert!((f.record[0] - f.record[5]).abs() < 0.05);
    assert!(table(&f).contains("Only 0 of 60 dates are days"));
}

/// Delays of known distribution, cut off by the end of the record, are found again.
#[test]
fn delays_survive_truncation() {
    let mut random = Random(9);
    let end = day("2022-12-31");
    let all: Vec<Incident> = (0..6_000)
        .filter_map(|n| {
            let first = Day(end.0 - (random.number() % 2_000) as i32);
            // Mean delay of eight months.
            let reported = Day(first.0 + (random.exponential() * 8.0 * 30.44) as i32 + 1);
            let i = incident(n, Days::day(first), "KP");
            (reported <= end).then_some(Incident { reported: Some(Days::day(reported)), ..i })
        })
        .collect();
    let curve = completeness(&all, end);
    for months in [2usize, 5, 8, 12, 24] {
        let truth = 1.0 - (-((months + 1) as f64) / 8.0).exp();
        assert!((curve[months] - truth).abs() < 0.05, "{months}: {} not {truth}", curve[months]);
    }
    // Counting observed delays alone would be far too sure.
    let seen = all.iter().filter(|i| i.reported.unwrap().first.0 - i.days.first.0 < 183).count();
    assert!(seen as f64 / all.len() as f64 > curve[5] + 0.02);
    let selection = Selection { state: Some("KP".into()), ..Selection::default() };
    let settings = Settings { as_of: Some(end), ..Settings::default() };
    let f = forecast(&all, &[], &selection, &settings).unwrap();
    assert!(f.too_young >= 4 && table(&f).contains("left out"), "{}", f.too_young);
}

/// As of an earlier day a state's forecast is that of a collection which holds nothing begun or attributed later: what was
/// attributed since must not count while the record is completed for its absence.
#[test]
fn as_of_forgets_what_came_later() {
    let mut random = Random(21);
    let (begin, end, then) = (day("2008-01-01"), day("2022-12-31"), day("2018-12-31"));
    let all: Vec<Incident> = (0..900)
        .map(|n| {
            // Five a month, all of them attributed in the end, after nine months in the mean.
            let first = Day(begin.0 + (random.number() % (end.0 - begin.0) as u64) as i32);
            let reported = Day(first.0 + (random.exponential() * 9.0 * 30.44) as i32 + 1);
            let i = incident(n, Days::day(first), if n % 4 == 0 { "XX" } else { "KP" });
            Incident { reported: Some(Days::day(reported)), ..i }
        })
        .collect();
    let known: Vec<Incident> =
        all.iter().filter(|i| i.days.first <= then && i.reported.unwrap().first <= then).cloned().collect();
    let selection = Selection { state: Some("KP".into()), ..Selection::default() };
    let settings = Settings { as_of: Some(then), ..Settings::default() };
    let f = forecast(&all, &[], &selection, &settings).unwrap();
    assert_eq!(f, forecast(&known, &[], &selection, &settings).unwrap());
    assert!(f.complete < 0.95 && f.too_young > 0);
    // 675 of KP in 180 months: what is expected is the rate, and not more.
    assert!(f.expected.iter().all(|e| (e.mean - 3.75).abs() < 0.6), "{:?}", f.expected);
    // Without a state nothing waits for an attribution.
    let whole = forecast(&all, &[], &Selection::default(), &settings).unwrap();
    assert_eq!(whole.incidents, all.iter().filter(|i| i.days.first <= then).count());
}

/// The declared run length is what simulation finds.
#[test]
fn run_length_is_as_declared() {
    for events in [15.0, 40.0] {
        let h = threshold(3.0, events);
        let mut random = Random(10);
        let (mut total, runs) = (0u64, 4_000);
        for _ in 0..runs {
            let mut s = 0.0f64;
            loop {
                total += 1;
                s = (s - 2.0 * random.exponential()).max(0.0) + 3f64.ln();
                if s >= h {
                    break;
                }
            }
        }
        let found = total as f64 / f64::from(runs);
        assert!((found / events - 1.0).abs() < 0.08, "{events}: {found} ({})", run_length(3.0, h));
    }
}

/// A planted rise to three times the rate, at the rate of the DPRK's record (about five a year), with five years to learn from.
#[test]
fn planted_steps_are_found() {
    let (rate, years) = (5.0, 3.0);
    let (mut delays, mut alarms, runs) = (Vec::new(), 0, 300);
    let mut random = Random(13);
    let fresh = Cusum::new(3.0, SPENT * rate * years, Gamma { a: 1.0, b: 1.0 });
    for _ in 0..runs {
        let base = Gamma { a: 0.5 + random.poisson(rate * 5.0) as f64, b: 0.1 + 5.0 };
        let watch = || fresh.clone().with_base(base);
        let mut quiet = watch();
        let mut t = 0.0;
        while t < years {
            let gap = random.exponential() / rate;
            quiet.step(0.0, gap.min(years - t));
            t += gap;
            if t < years && quiet.step(1.0, 0.0) {
                alarms += 1;
            }
        }
        // The step comes while the watch is at work: after a year in which it cried nothing.
        let mut c = loop {
            let mut c = watch();
            let (mut t, mut before, mut alarmed) = (random.exponential() / rate, 0.0, false);
            while t < 1.0 && !alarmed {
                c.step(0.0, t - before);
                alarmed = c.step(1.0, 0.0);
                before = t;
                t += random.exponential() / rate;
            }
            if !alarmed {
                c.step(0.0, 1.0 - before);
                break c;
            }
        };
        let found = (1..1_000).find(|_| {
            c.step(0.0, random.exponential() / (3.0 * rate));
            c.step(1.0, 0.0)
        });
        delays.push(found.unwrap());
    }
    delays.sort_unstable();
    let per_watch = f64::from(alarms) / f64::from(runs);
    eprintln!("median {} events, {per_watch:.2} false alarms in three years", delays[150]);
    // One alarm at most is allowed; what 300 watches show of it has an error of a seventeenth.
    assert!(delays[150] <= 3 && per_watch <= 1.0 + 2.0 / 300f64.sqrt(), "{} {per_watch}", delays[150]);
}

#[test]
fn findings_that_rise() {
    let mut random = Random(14);
    let mut seen = Vec::new();
    let rules: Vec<String> = (0..20).map(|n| format!("rule{n}")).collect();
    for d in 0..200i64 {
        for rule in &rules {
            let usual = random.poisson(3.0);
            let more = if rule == "rule7" && d == 150 { 25 } else { 0 };
            for n in 0..usual + more {
                let time = Time((d * 86_400 + n as i64) * 1_000_000);
                seen.push(Seen { time, rule, title: rule, vector: "host" });
            }
        }
    }
    let today = Day(199);
    let found = rises(seen.iter().cloned(), 1.0, today);
    assert_eq!(
        (found.series, found.days, found.rises[0].day, found.rises[0].series.as_str()),
        (21, 186, Day(150), "rule7")
    );
    // 186 days at one false alarm in thirty: about six, and surely not twenty.
    assert!(found.rises.len() <= 13, "{}", found.rises.len());
    seen.reverse();
    assert_eq!(found, rises(seen.iter().cloned(), 1.0, today));
    assert!(rises(std::iter::empty(), 1.0, today).rises.is_empty());
    // Findings of 2099 change nothing but their own count, even of a rule that has no other.
    let far = Time(4_080_000_000 * 1_000_000);
    seen.push(Seen { time: far, rule: "rule7", title: "rule7", vector: "host" });
    seen.push(Seen { time: far, rule: "other", title: "other", vector: "host" });
    let with = rises(seen.into_iter(), 1.0, today);
    assert_eq!((with.later, found.later), (2, 0));
    assert_eq!(Rises { later: 0, ..with }, found);
    let only = [Seen { time: far, rule: "r", title: "r", vector: "host" }];
    assert_eq!(rises(only.into_iter(), 1.0, today), Rises { later: 1, ..Rises::default() });
}

/// Extremes end soon and in numbers.
#[test]
fn extremes() {
    let far = [
        incident(0, Days { first: day("0001-01-01"), last: day("9999-12-31") }, "KP"),
        incident(1, Days::day(day("9999-12-31")), "KP"),
    ];
    for step in [Step::Month, Step::Week] {
        for from in [None, Some(day("9998-01-01"))] {
            let settings = Settings { step, from, ahead: 600, ..Settings::default() };
            if let Some(f) = forecast(&far, &[], &Selection::default(), &settings) {
                assert!(f.expected.iter().all(|e| e.mean.is_finite()) && !spark(&f.record, 40).is_empty());
            }
        }
    }
    assert!(forecast(&[], &[], &Selection::default(), &Settings::default()).is_none());
}
