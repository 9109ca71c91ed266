//! A million made-up names against OFAC and UN: time, and what the index misses.

use std::collections::HashSet;
use std::time::Instant;

use palisade_money::screen::{ALERT, Lists, Query, REVIEW, Schema, Screen, Workspace};

use crate::data::{self, Dice, plain, slip};

/// Queries: listed names with noise (5 %), and benign names made of words of a few hundred common names
/// and of halves of listed names, which is harder than real customers.
pub fn queries(lists: &Lists, count: usize, seed: u64) -> Vec<Query> {
    let mut dice = Dice(seed);
    let given = "John Maria Ahmed Wei Ivan Anna Peter Fatima Carlos Olga Hans Ali Sofia David Elena Omar Linda Paul Nina Jose Min Yuki Lars Aisha Thomas Irina Pedro Hassan Julia Marco Emma Lucas Noah Mia Leon Felix Clara Oscar Ines Hugo".split(' ').collect::<Vec<_>>();
    let family = "Smith Garcia Müller Khan Wang Ivanov Petrov Silva Rossi Kim Nguyen Tanaka Johansson Kowalski Haddad Cohen Jones Brown Martin Lopez Schmidt Novak Horvat Popescu Papadopoulos Yilmaz Santos Mensah Okafor Singh Patel Ali Hansen Virtanen Dubois Moreau Bianchi Jansen Weber Fischer".split(' ').collect::<Vec<_>>();
    let shapes = [
        "Trading",
        "Logistics",
        "Consulting",
        "Foods",
        "Textiles",
        "Software",
        "Hotels",
        "Marine",
        "Steel",
        "Energy",
        "Media",
        "Partners",
    ];
    let forms = ["Ltd", "LLC", "GmbH", "S.A.", "Inc.", "OOO", "Co., Ltd."];
    let named: Vec<&palisade_money::screen::Party> =
        lists.parties.iter().filter(|p| !p.names.is_empty()).collect();
    let mut out = Vec::with_capacity(count);
    for at in 0..count {
        let kind = dice.below(100);
        let named_after_nobody = kind >= 25;
        let mut query = match kind {
            0..=4 => {
                let party = *dice.pick(&named);
                let mut name = plain(&dice.pick(&party.names).text).join(" ");
                if dice.chance(60) {
                    name = slip(&name, &mut dice);
                }
                Query::name(name, party.schema)
            }
            5..=24 => {
                let (a, b) = (*dice.pick(&named), *dice.pick(&named));
                let (a, b) = (plain(a.primary()), plain(b.primary()));
                let mut words = a[..a.len().div_ceil(2)].to_vec();
                words.extend_from_slice(&b[b.len() / 2..]);
                Query::name(words.join(" "), if dice.chance(70) { Schema::Person } else { Schema::Company })
            }
            25..=84 => {
                let mut name = format!("{} {}", dice.pick(&given), dice.pick(&family));
                if dice.chance(30) {
                    name = format!("{} {name}", dice.pick(&given));
                }
                if dice.chance(20) {
                    name = slip(&name, &mut dice);
                }
                Query::name(name, Schema::Person)
            }
            _ => Query::name(
                format!("{} {} {}", dice.pick(&family), dice.pick(&shapes), dice.pick(&forms)),
                Schema::Company,
            ),
        };
        query.id = at.to_string();
        if named_after_nobody {
            query.id.insert(0, 'b');
        }
        out.push(query);
    }
    out
}

/// CPU seconds of this process so far, all threads (Linux).
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|k| k.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

pub fn run(count: usize, sample: usize, threads: usize) {
    let lists = data::lists();
    let names: usize = lists.parties.iter().map(|p| p.names.len()).sum();
    let queries = queries(&lists, count, 5);
    println!("{} parties with {names} names; {count} queries", lists.parties.len());
    let start = Instant::now();
    let screen = Screen::new(lists);
    println!("index built in {:.2} s, {:.0} MB so far", start.elapsed().as_secs_f64(), memory());

    let (start, before) = (Instant::now(), cpu());
    let next = std::sync::atomic::AtomicUsize::new(0);
    let chunks: Vec<&[Query]> = queries.chunks(2_000).collect();
    let total = std::sync::Mutex::new([0usize; 5]);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut space = Workspace::default();
                loop {
                    let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(chunk) = chunks.get(at) else { break };
                    let hits = screen.chunk(chunk, &mut space);
                    let mut total = total.lock().unwrap();
                    for (query, hits) in chunk.iter().zip(&hits) {
                        let best = hits.first().map_or(0.0, |h| h.scored.score);
                        let benign = usize::from(query.id.starts_with('b'));
                        total[0] += usize::from(best >= REVIEW);
                        total[1] += hits.len();
                        total[2] += benign;
                        total[3] += benign * usize::from(best >= REVIEW);
                        total[4] += benign * usize::from(best >= ALERT);
                    }
                }
            });
        }
    });
    let (wall, used) = (start.elapsed().as_secs_f64(), cpu() - before);
    let [review, hits, benign, reviewed, alerts] = *total.lock().unwrap();
    println!(
        "{count} queries on {threads} threads: {wall:.1} s wall, {used:.1} s CPU, {:.1} µs CPU a query, {:.0} MB peak",
        used * 1e6 / count as f64,
        memory()
    );
    println!("{review} queries with a hit at {REVIEW} or more, {hits} hits in all");
    let per = |n: usize| n as f64 * 10_000.0 / benign.max(1) as f64;
    println!(
        "of 10,000 benign queries {:.0} have a hit at {REVIEW} or more, {:.0} at {ALERT} or more",
        per(reviewed),
        per(alerts)
    );

    let mut dice = Dice(99);
    let mut space = Workspace::default();
    let (mut expected, mut found, mut top, mut tops) = (0usize, 0usize, 0usize, 0usize);
    // Of each hit: what its best name promises, and how many promise more; none where no word is near.
    let mut ranks: Vec<Option<(f32, usize)>> = Vec::new();
    let start = Instant::now();
    // Half of the sample are noisy listed names, which have hits to miss.
    let hard: Vec<&Query> = queries.iter().filter(|q| q.schema != Schema::CryptoWallet).collect();
    for n in 0..sample {
        let mut query = (*dice.pick(&hard)).clone();
        if n % 2 == 0 {
            let party = dice.pick(&screen.lists().parties);
            if party.names.is_empty() {
                continue;
            }
            query =
                Query::name(slip(&plain(&dice.pick(&party.names).text).join(" "), &mut dice), party.schema);
        }
        let every = screen.exhaustive(&query, &mut space);
        let key = |hits: Vec<palisade_money::screen::Hit>| -> Vec<usize> {
            hits.into_iter().filter(|h| h.scored.score >= REVIEW).map(|h| h.party).collect()
        };
        let all = key(every.clone());
        let some: HashSet<usize> = key(screen.query_in(&query, &mut space)).into_iter().collect();
        expected += all.len();
        found += all.iter().filter(|p| some.contains(p)).count();
        if let Some(best) = all.first() {
            tops += 1;
            top += usize::from(some.contains(best));
        }
        let promises = screen.promises(&query, &mut space);
        for party in &all {
            let rank = promises.iter().position(|p| p.1 == *party);
            ranks.push(rank.map(|at| (promises[at].0, at)));
        }
        for hit in every.iter().filter(|h| h.scored.score >= REVIEW && !some.contains(&h.party)) {
            if std::env::var_os("SHOW_MISSED").is_some() {
                println!(
                    "missed: {} ({}) -> {} {:.3}",
                    query.name,
                    query.schema.name(),
                    hit.listed,
                    hit.scored.score
                );
                for term in hit.scored.terms.iter().take(6) {
                    print!("  [{} / {}] {} {:+.2};", term.query, term.listed, term.what, term.logit);
                }
                println!();
            }
        }
    }
    println!(
        "{sample} queries against every name ({:.0} s): {found} of {expected} hits at {REVIEW} or more found through the index ({:.2} %), best hit {top} of {tops} ({:.2} %)",
        start.elapsed().as_secs_f64(),
        found as f64 * 100.0 / expected.max(1) as f64,
        top as f64 * 100.0 / tops.max(1) as f64
    );
    let reached = |least: f32, most: usize| {
        let within = ranks.iter().flatten().filter(|(promise, at)| *promise >= least && *at < most).count();
        within as f64 * 100.0 / ranks.len().max(1) as f64
    };
    println!(
        "hits within reach (%), by what is asked of a candidate (down) and how many are taken (across):"
    );
    println!("{:>8} {:>8} {:>8} {:>8} {:>8} {:>8}", "", 250, 500, 1_000, 2_000, "all");
    for least in [0.0, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5] {
        let row: Vec<String> = [250, 500, 1_000, 2_000, usize::MAX]
            .iter()
            .map(|most| format!("{:>8.2}", reached(least, *most)))
            .collect();
        println!("{least:>8} {}", row.join(" "));
    }
}
