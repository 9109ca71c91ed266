//! A trace as a page: one file that loads nothing, prints well, and has every transfer it speaks of.

use std::collections::BTreeSet;
use std::io::{self, Write};

use palisade_model::html;
use palisade_money::ledger::AssetId;
use palisade_money::taint::Method;

use super::words::{because, origin, swap_lines, unguessed};
use super::{Told, owners, picture};
use crate::output::{count, plural};

/// Transfers listed; `--format ndjson` has all.
const TRANSFERS: usize = 2_000;
/// Assets shown: anybody can send worthless tokens.
const ASSETS: usize = 12;
/// Places where it ends that are listed.
const ENDS: usize = 500;

const STYLE: &str = "\
:root{color-scheme:light dark;--dim:#667;--line:#8884}\
body{font:15px/1.5 system-ui,sans-serif;max-width:1220px;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .4rem}\
.tlp{display:inline-block;background:#000;color:#ff2b2b;font-weight:700;padding:.1rem .5rem}\
.dim{color:var(--dim)}svg{width:100%;height:auto;display:block}svg text{font:11px system-ui,sans-serif;fill:currentColor}\
.band{fill:none;stroke:#3b7ea1;stroke-opacity:.35}.band:hover{stroke-opacity:.8}\
table{border-collapse:collapse;width:100%;font-size:13px}th,td{text-align:left;padding:.2rem .6rem .2rem 0;border-bottom:1px solid var(--line);vertical-align:top}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}code{font-size:12px;overflow-wrap:anywhere}\
.wide{overflow-x:auto}.warn{border-left:4px solid #b9770e;padding:.3rem .8rem;margin:.6rem 0}\
@media print{body{margin:0;max-width:none}details{display:block}h2{break-after:avoid}tr{break-inside:avoid}}";

/// The page.
pub fn write(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    let t = &told.followed.trace;
    let starts = told.starts.join(", ");
    let title = html(&starts);
    let back = told.followed.backward;
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Trace from {title}</title><style>{STYLE}</style></head><body>\
         <p><span class=\"tlp\">TLP:RED</span></p><h1>{}</h1><p>{} <code>{title}</code>, under the rule <b>{}</b>: \
         {} on the way, {} reached, in {} of {}. Times are {}.</p>",
        if back { "Where it came from" } else { "Where it went" },
        if back { "What was at" } else { "From" },
        t.method.name(),
        plural(t.edges.len() as u64, "transfer"),
        plural(t.reached.len() as u64, "holding"),
        plural(told.read.funds.ledger.txs.id.len() as u64, "transaction"),
        plural(told.read.files, "file"),
        html(told.clock.name()),
    )?;
    asked(told, out)?;
    limits(told, out)?;
    let assets: BTreeSet<AssetId> =
        t.edges.iter().map(|e| e.asset).chain(t.terminals.iter().map(|e| e.asset)).collect();
    let more = assets.len().saturating_sub(ASSETS);
    for asset in assets.into_iter().take(ASSETS) {
        of_asset(told, asset, out)?;
    }
    if more > 0 {
        write!(
            out,
            "<p class=\"dim\">{} more assets are not shown; --asset chooses one.</p>",
            count(more as u64)
        )?;
    }
    exposure(told, out)?;
    swaps(told, out)?;
    one_owner(told, out)?;
    splittings(told, out)?;
    guesses(told, out)?;
    fakes(told, out)?;
    transfers(told, out)?;
    evidence(told, out)?;
    writeln!(out, "</body></html>")
}

/// What was asked, and what that cuts.
fn asked(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "<table>")?;
    for (name, value) in told.asked() {
        write!(out, "<tr><th>{name}</th><td>{}</td></tr>", html(&value))?;
    }
    write!(out, "</table>")
}

fn swaps(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    let lines = swap_lines(told);
    if lines.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "<h2>Swaps</h2><p>Where what is traced went into another asset. What looks like a swap and is not credible is followed as plain \
         transfers.</p><ul>"
    )?;
    for (line, _) in lines.iter().take(ENDS) {
        write!(out, "<li>{}</li>", html(line))?;
    }
    write!(out, "</ul>")?;
    match lines.len() {
        n if n > ENDS => {
            write!(out, "<p class=\"dim\">{} more are not listed.</p>", count((n - ENDS) as u64))
        }
        _ => Ok(()),
    }
}

fn one_owner(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    let all = &told.followed.owners;
    if all.owners.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "<h2>Addresses of one owner</h2><p>By who signs together and where change goes: heuristics, no facts. \
         <code>--reject-link</code> takes a merge apart.</p><div class=\"wide\"><table><tr><th class=\"n\">Owner</th><th>Address</th>\
         <th>Because</th></tr>"
    )?;
    let rows = all.owners.iter().enumerate().flat_map(|(n, o)| o.members.iter().map(move |m| (n, m)));
    for (n, member) in rows.clone().take(ENDS) {
        write!(
            out,
            "<tr><td class=\"n\">{}</td><td><code>{}</code></td><td>{}</td></tr>",
            n + 1,
            html(told.address(member.party)),
            html(&owners::because(told, member))
        )?;
    }
    write!(out, "</table></div>")?;
    match rows.count() {
        n if n > ENDS => {
            write!(out, "<p class=\"dim\">{} more are not listed.</p>", count((n - ENDS) as u64))
        }
        _ => Ok(()),
    }
}

fn splittings(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    let all = &told.followed.splittings;
    if all.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "<h2>Split in equal parts</h2><div class=\"wide\"><table><tr><th>By</th><th class=\"n\">Amount</th><th class=\"n\">Addresses</th>\
         <th>Where most of it meets again</th></tr>"
    )?;
    for s in all.iter().take(ENDS) {
        write!(
            out,
            "<tr><td><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td><code>{}</code></td></tr>",
            html(told.address(s.party)),
            html(&told.sum(s.asset, s.amount)),
            s.parts.len(),
            html(s.collector.map_or("", |c| told.address(c)))
        )?;
    }
    write!(out, "</table></div>")
}

/// What must be known before any number is believed.
fn limits(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    let t = &told.followed.trace;
    let mut say = |text: String| write!(out, "<p class=\"warn\">{text}</p>");
    if t.method == Method::Poison {
        say("Poison is an upper bound: everything that touched the source counts as a whole.".into())?;
    }
    if !t.needs.is_empty() {
        say(format!(
            "{} are not in the ledgers: the trace ends there for want of data, not because nothing happened.",
            plural(t.needs.len() as u64, "address's transaction")
        ))?;
    }
    if t.tally.short > 0 {
        say(format!(
            "{} sent more than the ledgers explain; the difference is of unknown origin, neither clean nor tainted.",
            plural(t.tally.short, "transfer")
        ))?;
    }
    if !told.read.problems.is_empty() {
        say(format!(
            "{} while reading; what could not be read is not in this trace.",
            plural(told.read.problems.len() as u64, "problem")
        ))?;
    }
    Ok(())
}

fn of_asset(told: &Told<'_>, asset: AssetId, out: &mut dyn Write) -> io::Result<()> {
    let t = &told.followed.trace;
    let mut ends: Vec<_> = t.terminals.iter().filter(|e| e.asset == asset).collect();
    ends.sort_by(|a, b| b.amount.cmp(&a.amount).then(a.party.cmp(&b.party)));
    let entered = told.entered(asset);
    let heading = if entered > 0 {
        format!(
            "{} {}{}",
            told.sum(asset, entered),
            if told.followed.backward { "was there" } else { "entered" },
            told.swapped(asset)
        )
    } else {
        told.read.funds.ledger.assets.get(asset.0 as usize).map_or(String::new(), |a| a.symbol.to_string())
    };
    write!(out, "<h2>{}</h2>", html(&heading))?;
    if let Some(svg) = picture::flow(told, asset) {
        write!(out, "{svg}")?;
    }
    let back = told.followed.backward;
    write!(
        out,
        "<div class=\"wide\"><table><tr><th class=\"n\">Amount</th><th class=\"n\">Share</th><th>Where it {}</th><th>Why the trace ends</th><th>Who</th></tr>",
        if back { "came from" } else { "is" }
    )?;
    for e in ends.iter().take(ENDS) {
        write!(
            out,
            "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            html(&told.sum(asset, e.amount)),
            told.share(asset, e.amount).unwrap_or_default(),
            html(told.address(e.party)),
            if back { origin(e.reason) } else { because(e.reason) },
            html(&told.who(e.party))
        )?;
    }
    write!(out, "</table></div>")?;
    if ends.len() > ENDS {
        write!(
            out,
            "<p class=\"dim\">{} more places are not listed.</p>",
            count((ends.len() - ENDS) as u64)
        )?;
    }
    Ok(())
}

fn exposure(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    let all = &told.followed.trace.exposure;
    if all.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "<h2>{}</h2><div class=\"wide\"><table><tr><th>Kind</th><th>Who</th><th class=\"n\">Direct</th>\
         <th class=\"n\">Indirect</th><th class=\"n\">Transfers away</th><th>Label</th></tr>",
        if told.followed.backward { "Sources that are labelled" } else { "Exposure to labelled parties" }
    )?;
    for x in all {
        write!(
            out,
            "<tr><td>{}</td><td>{}<br><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}{}</td></tr>",
            x.kind.name(),
            html(&x.actor),
            html(told.address(x.party)),
            html(&told.sum(x.asset, x.direct)),
            html(&told.sum(x.asset, x.indirect)),
            x.hops,
            html(&x.source),
            if x.then { "" } else { "; it did not hold then" }
        )?;
    }
    write!(out, "</table></div>")
}

fn guesses(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    for note in unguessed(told) {
        write!(out, "<p class=\"dim\">{note}</p>")?;
    }
    if told.followed.guesses.found.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "<h2>Guesses, not facts</h2><p>Withdrawals from mixers, bridges and swappers whose amount and time fit a deposit. \
         A score says how few others fit; nobody can be accused by it.</p><div class=\"wide\"><table><tr><th class=\"n\">Score</th>\
         <th>Deposit</th><th>Withdrawal</th><th>To</th><th class=\"n\">Fit</th></tr>"
    )?;
    let mut all: Vec<_> = told.followed.guesses.found.iter().collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    for h in all.iter().take(100) {
        let Some(deposit) = told.followed.trace.edges.get(h.deposit) else { continue };
        write!(
            out,
            "<tr><td class=\"n\">{:.3}</td><td><code>{}</code></td><td><code>{}</code></td><td><code>{}</code></td><td class=\"n\">{}</td></tr>",
            h.score,
            html(told.tx(deposit.tx)),
            html(told.tx(h.tx)),
            html(told.address(h.to)),
            h.candidates
        )?;
    }
    write!(out, "</table></div>")
}

fn fakes(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    if told.followed.fakes.is_empty() {
        return Ok(());
    }
    write!(
        out,
        "<h2>Tokens under another's symbol</h2><p>Anybody can call a token so. These are not the asset that everybody knows by the \
         name.</p><div class=\"wide\"><table><tr><th>Symbol</th><th>Contract</th><th>Looks like</th><th class=\"n\">Moves</th></tr>"
    )?;
    for f in told.followed.fakes.iter().take(ENDS) {
        write!(
            out,
            "<tr><td>{}</td><td><code>{}</code></td><td><code>{}</code></td><td class=\"n\">{}</td></tr>",
            html(&f.symbol),
            html(told.contract(f.asset)),
            f.imitates.unwrap_or("the chain's own coin"),
            count(f.moves)
        )?;
    }
    write!(out, "</table></div>")
}

fn transfers(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    let t = &told.followed.trace;
    let worth =
        told.prices.map(|p| format!("<th class=\"n\">{}</th>", html(&p.currency))).unwrap_or_default();
    write!(
        out,
        "<h2>Transfers</h2><p class=\"dim\">Each with the transaction and the record that says so.</p><div class=\"wide\"><table>\
         <tr><th>Time</th><th>From</th><th>To</th><th class=\"n\">Tainted</th><th class=\"n\">Of</th>{worth}<th class=\"n\">Hop</th><th>Transaction, evidence</th></tr>"
    )?;
    for e in t.edges.iter().filter(|e| !e.fee).take(TRANSFERS) {
        let tainted = e.tainted(t.method);
        let asset = told.read.funds.ledger.assets.get(e.asset.0 as usize);
        let worth = told.prices.zip(asset).map(|(p, a)| {
            format!(
                "<td class=\"n\">{}</td>",
                p.worth(a, tainted, e.time).unwrap_or_else(|| "no price".into())
            )
        });
        let source =
            told.read.sources.get(e.citation.source).map(|s| s.origin.to_string()).unwrap_or_default();
        write!(
            out,
            "<tr><td>{}</td><td><code>{}</code></td><td><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{}</td>{}<td class=\"n\">{}</td>\
             <td><code>{}</code><br><span class=\"dim\">{} record {}{}{}</span></td></tr>",
            e.time.map(|x| told.clock.short(x)).unwrap_or_default(),
            html(told.address(e.from)),
            html(told.address(e.to)),
            html(&told.sum(e.asset, tainted)),
            html(&told.sum(e.asset, e.amount)),
            worth.unwrap_or_default(),
            e.hops,
            html(told.tx(e.tx)),
            html(&source),
            e.citation.record,
            if e.swap { "; side of a swap" } else { "" },
            if owners::own(told, e) { "; to its own owner (change)" } else { "" }
        )?;
    }
    write!(out, "</table></div>")?;
    if t.edges.len() > TRANSFERS {
        write!(
            out,
            "<p class=\"dim\">{} in all; the rest is in --format ndjson.</p>",
            count(t.edges.len() as u64)
        )?;
    }
    Ok(())
}

fn evidence(told: &Told<'_>, out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "<h2>Evidence</h2><div class=\"wide\"><table><tr><th>File</th><th>SHA-256 of the file on disk</th></tr>"
    )?;
    for s in told.read.sources.iter() {
        let hash = s.file.sha256_hex().unwrap_or_default();
        write!(out, "<tr><td>{}</td><td><code>{hash}</code></td></tr>", html(&s.origin.to_string()))?;
    }
    write!(out, "</table></div>")
}
