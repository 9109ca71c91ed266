//! Forecasts in words, for a terminal.

use std::fmt::Write as _;

use palisade_model::{Days, terminal};

use super::score::{Estimate, Skill};
use super::series::Step;
use super::{Collecting, Forecast};

/// `▁▂▅`: a picture of a series, at most `width` characters wide; neighbours are added up until it fits.
pub fn spark(series: &[f64], width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let per = series.len().div_ceil(width.max(1)).max(1);
    // The last column is as full as the others: what does not fill one is left at the beginning.
    let odd = series.len() % per;
    let (head, tail) = series.split_at(odd);
    let mut sums: Vec<f64> = Vec::new();
    if !head.is_empty() {
        sums.push(head.iter().sum());
    }
    sums.extend(tail.chunks(per).map(|c| c.iter().sum::<f64>()));
    let top = sums.iter().copied().fold(0.0, f64::max);
    sums.iter()
        .map(|s| if top > 0.0 { BARS[((s / top * 7.0).round() as usize).min(7)] } else { BARS[0] })
        .collect()
}

/// `2022-03`, or the Monday of a week.
pub(super) fn period(step: Step, days: Days) -> String {
    let (y, m, _) = days.first.civil();
    match step {
        Step::Month => format!("{y:04}-{m:02}"),
        Step::Week => format!("week of {}", days.first),
    }
}

/// `0.031 (−0.010 to 0.071)`.
pub(super) fn estimate(e: Estimate, decimals: usize) -> String {
    format!("{:+.decimals$} ({:+.decimals$} to {:+.decimals$})", e.value, e.interval.0, e.interval.1)
}

/// Remarks that belong beside every form of the forecast.
pub(super) fn remarks(f: &Forecast) -> Vec<String> {
    let mut out = Vec::new();
    let step = f.step.name();
    if f.too_young > 0 {
        out.push(format!(
            "The last {} {step}(s) of the record are left out: by the delays of this collection less than half of what happened then is attributed yet.",
            f.too_young
        ));
    } else if f.complete < 0.95 {
        out.push(format!(
            "Of the last {step} about {:.0} % is on record yet; counts are read accordingly.",
            f.complete * 100.0
        ));
    }
    if f.exact * 10 < f.incidents * 9 {
        out.push(format!(
            "Only {} of {} dates are days; the others are months or years, spread over them, and scores are expectations.",
            f.exact, f.incidents
        ));
    }
    match f.collecting {
        Collecting::Changed => out.push(
            "Collection changed: the rate at which everything else is recorded is not steady either. A rise here may be better collecting, not more attacks.".into(),
        ),
        Collecting::Unknown => out.push(
            "Nothing is left to compare with: a rise here may be better collecting, not more attacks.".into(),
        ),
        Collecting::Steady => {}
    }
    if f.candidates.iter().any(|c| c.used) {
        out.push(
            "The scores are those of the forecast with the calendar that is used. It was chosen on this record, at a level that all that was tried share.".into(),
        );
    }
    for c in &f.changes {
        out.push(format!(
            "The rate rose: found at the end of {}, from {:.2} to about {:.2} a {step} (watched for a step, one false alarm in {:.0} incidents).",
            period(f.step, c.found),
            c.rates.0,
            c.rates.1,
            f.events_between_alarms
        ));
    }
    match &f.self_exciting {
        Some(h) if h.accepted => out.push(format!(
            "Incidents come in clusters that neither a constant, a drifting nor a renewal rate explains (held out: {:.4} nats a day against {:.4}, {:.4}, {:.4}); each brings about {:.2} more.",
            h.hawkes, h.poisson, h.drifting, h.renewal, h.fitted.1
        )),
        Some(h) => out.push(format!(
            "Self-excitation was tried and does not predict better on held-out days (Hawkes {:.4} nats a day; constant {:.4}, drifting {:.4}, renewal {:.4}).",
            h.hawkes, h.poisson, h.drifting, h.renewal
        )),
        None => {}
    }
    out
}

fn scores(s: &Skill, event: usize, step: &str, out: &mut String) {
    let _ = writeln!(
        out,
        "  Brier {:.4} against {:.4}: skill {}; log score {:.4} against {:.4}: gain {} nats a {step}",
        s.brier.0,
        s.brier.1,
        estimate(s.brier_skill, 3),
        s.log.0,
        s.log.1,
        estimate(s.log_gain, 4)
    );
    let m = &s.murphy;
    let _ = writeln!(
        out,
        "  reliability {:.4}, resolution {:.4}, uncertainty {:.4}; {event} or more came in {:.0} % of {} {step}s",
        m.reliability,
        m.resolution,
        m.uncertainty,
        s.alarms.base_rate * 100.0,
        s.periods
    );
    let bins: Vec<String> =
        m.bins.iter().map(|(p, o, n)| format!("{:.0} % → {:.0} % ({n})", p * 100.0, o * 100.0)).collect();
    let _ = writeln!(out, "  said → came (periods): {}", bins.join(", "));
    let a = &s.alarms;
    let _ = writeln!(
        out,
        "  alarms (said more than the base rate): hit rate {:.2}, false alarm ratio {:.2}, Peirce {:+.2}, base rate {:.2}",
        a.hit_rate, a.false_alarm_ratio, a.peirce, a.base_rate
    );
}

/// A forecast for a terminal; text from files is neutralised.
pub fn table(f: &Forecast) -> String {
    let mut out = String::new();
    let step = f.step.name();
    let name = f.selection.to_string();
    let _ = writeln!(
        out,
        "{}: {} incidents by {step}, {} to {}, known as of {}",
        terminal(&name),
        f.incidents,
        f.used.first,
        f.used.last,
        f.as_of
    );
    let _ = writeln!(out, "  {}", spark(&f.record, 72));
    let b = &f.base_rate;
    let _ = writeln!(
        out,
        "  base rate {:.2} a {step} (95 %: {:.2} to {:.2})",
        b.value, b.interval.0, b.interval.1
    );
    for e in &f.expected {
        let _ = writeln!(
            out,
            "  {}: {:.1} expected (90 %: {} to {}); P({} or more) {:.0} %, by the base rate {:.0} %",
            period(f.step, e.days),
            e.mean,
            e.range.0,
            e.range.1,
            f.event,
            e.event * 100.0,
            e.base_event * 100.0
        );
        for o in &e.occasions {
            let _ = writeln!(out, "      in the calendar: {} (context, not probability)", terminal(o));
        }
    }
    let _ = writeln!(out, "  {}", capital(f.verdict()));
    if let Some(s) = &f.skill {
        scores(s, f.event, step, &mut out);
    }
    if let Some(s) = &f.recent {
        let _ = writeln!(
            out,
            "  against the base rate of the last three years: skill {}, gain {} nats a {step}",
            estimate(s.brier_skill, 3),
            estimate(s.log_gain, 4)
        );
    }
    for c in &f.candidates {
        let factor = c.factor.map_or(String::new(), |x| format!(", factor {x:.2}"));
        let use_ = if c.used { "used" } else { "not used" };
        let _ = writeln!(
            out,
            "  tried: {}{factor}: gain {} nats a {step} over {} periods: {use_}",
            terminal(&c.name),
            estimate(c.gain, 4),
            c.periods
        );
    }
    for r in remarks(f) {
        let _ = writeln!(out, "  {r}");
    }
    out
}

pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect::<String>() + ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparks() {
        assert_eq!(spark(&[0.0, 1.0, 7.0], 10), "▁▂█");
        assert_eq!(spark(&[1.0; 145], 72).chars().count(), 49);
        assert_eq!(spark(&[], 10), "");
    }
}
