//! Forecasts as a page: one file that loads nothing. What came, what was expected, and how such forecasts fared.

use std::fmt::Write as _;

use palisade_model::html;

use super::Forecast;
use super::words::{capital, estimate, period, remarks};

const STYLE: &str = "\
:root{color-scheme:light dark;--dim:#667;--line:#8884}\
body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .4rem}\
.dim{color:var(--dim)}svg{width:100%;height:auto;display:block}svg text{font:11px system-ui,sans-serif;fill:currentColor}\
.bar{fill:#3b7ea1}.range{stroke:#b9770e;stroke-width:3}.dot{fill:#b9770e}.base{stroke:var(--dim);stroke-dasharray:4 3}\
table{border-collapse:collapse;width:100%;font-size:13px}th,td{text-align:left;padding:.2rem .6rem .2rem 0;border-bottom:1px solid var(--line);vertical-align:top}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
.said{border-left:4px solid #b9770e;padding:.3rem .8rem;margin:.6rem 0}.wide{overflow-x:auto}\
@media print{body{margin:0;max-width:none}h2{break-after:avoid}}";

/// The page of some forecasts.
pub fn page(all: &[Forecast]) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>What to expect</title><style>{STYLE}</style></head><body><h1>What to expect</h1>\
         <p class=\"dim\">Counts of incidents as collections record them. Each forecast stands beside the base rate and beside how \
         such forecasts fared.</p>"
    );
    for f in all {
        one(f, &mut out);
    }
    out.push_str("</body></html>\n");
    out
}

fn one(f: &Forecast, out: &mut String) {
    let step = f.step.name();
    let _ = write!(
        out,
        "<h2>{}</h2><p>{} incidents by {step}, {} to {}, known as of {}. Base rate {:.2} a {step} (95 %: {:.2} to {:.2}).</p>\
         <p class=\"said\"><b>{}</b></p>",
        html(&f.selection.to_string()),
        f.incidents,
        f.used.first,
        f.used.last,
        f.as_of,
        f.base_rate.value,
        f.base_rate.interval.0,
        f.base_rate.interval.1,
        html(&capital(f.verdict()))
    );
    picture(f, out);
    let _ = write!(
        out,
        "<div class=\"wide\"><table><tr><th>Period</th><th class=\"n\">Expected</th><th class=\"n\">90 %</th><th class=\"n\">P({} or more)</th>\
         <th class=\"n\">by the base rate</th><th>In the calendar (context, not probability)</th></tr>",
        f.event
    );
    for e in &f.expected {
        let _ = write!(
            out,
            "<tr><td>{}</td><td class=\"n\">{:.1}</td><td class=\"n\">{} to {}</td><td class=\"n\">{:.0} %</td><td class=\"n\">{:.0} %</td><td>{}</td></tr>",
            period(f.step, e.days),
            e.mean,
            e.range.0,
            e.range.1,
            e.event * 100.0,
            e.base_event * 100.0,
            html(&e.occasions.join("; "))
        );
    }
    out.push_str("</table></div>");
    if let Some(s) = &f.skill {
        let _ = write!(
            out,
            "<p>{} {step}s forecast one by one from those before: Brier {:.4} against {:.4}, skill {}; log score {:.4} against {:.4}, gain {} nats. \
             Hit rate {:.2}, false alarm ratio {:.2}, Peirce {:+.2}, base rate {:.2}.</p>",
            s.periods,
            s.brier.0,
            s.brier.1,
            estimate(s.brier_skill, 3),
            s.log.0,
            s.log.1,
            estimate(s.log_gain, 4),
            s.alarms.hit_rate,
            s.alarms.false_alarm_ratio,
            s.alarms.peirce,
            s.alarms.base_rate
        );
    }
    if let Some(s) = &f.recent {
        let _ = write!(
            out,
            "<p>Against the base rate of the last three years: skill {}, gain {} nats.</p>",
            estimate(s.brier_skill, 3),
            estimate(s.log_gain, 4)
        );
    }
    for r in remarks(f) {
        let _ = write!(out, "<p class=\"dim\">{}</p>", html(&r));
    }
}

/// Bars for what came, dots with a range for what is expected, a dashed line for the base rate.
fn picture(f: &Forecast, out: &mut String) {
    const SHOWN: usize = 120;
    const HEIGHT: f64 = 160.0;
    let from = f.record.len().saturating_sub(SHOWN);
    let record = f.record.get(from..).unwrap_or_default();
    let columns = record.len() + f.too_young + f.expected.len();
    let width = 960.0 / columns.max(1) as f64;
    let top = record.iter().copied().chain(f.expected.iter().map(|e| e.range.1 as f64)).fold(1.0, f64::max);
    let y = |v: f64| HEIGHT - v / top * (HEIGHT - 14.0);
    let _ = write!(
        out,
        "<svg viewBox=\"0 0 1000 {:.0}\" role=\"img\" aria-label=\"Counts by {}; the last {} are forecasts\">",
        HEIGHT + 18.0,
        f.step.name(),
        f.expected.len()
    );
    for (n, v) in record.iter().enumerate() {
        let _ = write!(
            out,
            "<rect class=\"bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            30.0 + n as f64 * width,
            y(*v),
            (width * 0.8).max(0.5),
            HEIGHT - y(*v)
        );
    }
    for (n, e) in f.expected.iter().enumerate() {
        let x = 30.0 + ((record.len() + f.too_young + n) as f64 + 0.4) * width;
        let _ = write!(
            out,
            "<line class=\"range\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/><circle class=\"dot\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"4\"/>",
            y(e.range.0 as f64),
            y(e.range.1 as f64),
            y(e.mean)
        );
    }
    let base = y(f.base_rate.value);
    let _ = write!(
        out,
        "<line class=\"base\" x1=\"30\" x2=\"990\" y1=\"{base:.1}\" y2=\"{base:.1}\"/><text x=\"0\" y=\"12\">{top:.0}</text><text x=\"0\" y=\"{HEIGHT:.0}\">0</text>"
    );
    if let Some(last) = f.expected.last() {
        let _ = write!(
            out,
            "<text x=\"30\" y=\"{:.0}\">… {}</text><text x=\"990\" y=\"{:.0}\" text-anchor=\"end\">{}</text>",
            HEIGHT + 15.0,
            f.used.last,
            HEIGHT + 15.0,
            period(f.step, last.days)
        );
    }
    out.push_str("</svg>");
}
