//! How a hit is told: the words of the table, the cells of a row, the object of a line.

use palisade_model::Verdict;
use palisade_money::screen::{By, Date, Hit, Owned, Party, Query, Screen as Engine, Standing};
use serde_json::{Value, json};

use super::kept::Said;

/// `1.00` of what is identical and contradicted by nothing; nothing else rounds up to it.
pub fn score(hit: &Hit) -> String {
    match hit.certain {
        true => "1.00".to_owned(),
        false => format!("{:.2}", hit.scored.score.min(0.994_999)),
    }
}

/// By what a party was found.
pub fn by(by: By) -> &'static str {
    match by {
        By::Address => "address",
        By::Identifier => "number",
        By::Host => "host",
        By::Name => "name",
    }
}

/// `"chol" and "chol": same (+1.20)`
pub fn why(term: &palisade_money::screen::Term) -> String {
    let what = match (term.query.is_empty(), term.listed.is_empty()) {
        (true, true) => term.what.to_owned(),
        (false, true) => format!("\"{}\": {}", term.query, term.what),
        (true, false) => format!("listed \"{}\": {}", term.listed, term.what),
        (false, false) => format!("\"{}\" and \"{}\": {}", term.query, term.listed, term.what),
    };
    format!("{what} ({:+.2})", term.logit)
}

/// What is to be known of a party that is not on its list; nothing of one that is.
pub fn standing(standing: Standing, party: &Party) -> String {
    let day = |d: Option<Date>| d.map_or_else(|| "an unknown day".to_owned(), |d| d.to_string());
    match standing {
        Standing::Listed => String::new(),
        Standing::Ended => format!("on the list until {} only", day(party.until)),
        Standing::NotYet => format!("on the list from {} on", day(party.listed)),
        Standing::Mentioned => "named by the list, not listed itself".to_owned(),
    }
}

/// `51.00 %`
fn percent(share: u32) -> String {
    format!("{}.{:02} %", share / 100, share % 100)
}

/// Who owns a party as far as the list says: `Ri Hong Sop 51.00 %; Rybak Trading`.
pub fn owners(party: &Party) -> String {
    let owner = |o: &palisade_money::screen::party::Owner| {
        let share = o.share.map_or_else(String::new, |s| format!(" {}", percent(u32::from(s))));
        let until = o.until.map_or_else(String::new, |d| format!(" until {d}"));
        format!("{}{share}{until}", o.who)
    };
    party.owners.iter().map(owner).collect::<Vec<_>>().join("; ")
}

/// Who of the listed owns more than half, a line each: the sum first.
pub fn owned(engine: &Engine, owned: &Owned, place: usize) -> Vec<String> {
    let lists = engine.lists();
    let mut lines = vec![format!("listed parties own {} of it", percent(owned.share))];
    for stake in &owned.stakes {
        let (Some(of), Some(by)) = (lists.parties.get(stake.of), lists.parties.get(stake.by)) else {
            continue;
        };
        let of = match stake.of == place {
            true => String::new(),
            false => format!(" of {}", of.primary()),
        };
        let why = match stake.listed {
            true => lists.info(by).map_or_else(String::new, |l| format!("{}, entry {}", l.name, by.id)),
            false => "not listed itself, owned by those that are".to_owned(),
        };
        lines.push(format!("{}{of} by {} ({why})", percent(u32::from(stake.share)), by.primary()));
    }
    lines
}

/// A hit as one object.
pub fn object(engine: &Engine, query: &Query, hit: &Hit, said: &Said<'_>) -> Value {
    let lists = engine.lists();
    let Some(party) = lists.parties.get(hit.party) else { return Value::Null };
    let list = lists.info(party);
    let terms: Vec<Value> = hit
        .scored
        .terms
        .iter()
        .map(|t| json!({"query": t.query, "listed": t.listed, "what": t.what, "log_odds": t.logit}))
        .collect();
    let share = |s: u32| format!("{}.{:02}", s / 100, s % 100);
    let owners: Vec<Value> = party
        .owners
        .iter()
        .map(|o| {
            let percent = o.share.map(|s| share(u32::from(s)));
            json!({"name": o.who, "entry": o.id, "percent": percent, "until": o.until.map(|d| d.to_string())})
        })
        .collect();
    let stake = |s: &palisade_money::screen::owners::Stake| {
        let name = |at: usize| lists.parties.get(at).map(|p| p.primary());
        let by = lists.parties.get(s.by);
        json!({
            "of": name(s.of),
            "owner": name(s.by),
            "percent": share(u32::from(s.share)),
            "listed": s.listed,
            "list": by.and_then(|p| lists.info(p)).map(|l| &l.name),
            "entry": by.map(|p| &p.id),
        })
    };
    let owned = hit.owned.as_ref().map(|o| {
        let stakes: Vec<Value> = o.stakes.iter().map(stake).collect();
        json!({"percent": share(o.share), "by": stakes})
    });
    json!({
        "query": query.id,
        "name": query.name,
        "score": hit.scored.score,
        "log_odds": hit.scored.logit,
        "certain": hit.certain,
        "by": by(hit.by),
        "listed": hit.listed,
        "name_kind": hit.kind.map(|k| k.name()),
        "party": party.primary(),
        "schema": party.schema.name(),
        "programmes": party.programmes,
        "countries": party.countries,
        "list": list.map(|l| &l.name),
        "list_version": list.and_then(|l| l.version).map(|d| d.to_string()),
        "entry": party.id,
        "on_list": hit.standing == Standing::Listed,
        "standing": hit.standing.name(),
        "listed_from": party.listed.map(|d| d.to_string()),
        "listed_until": party.until.map(|d| d.to_string()),
        "owners": owners,
        "owned": owned,
        "record": party.citation.record,
        "offset": party.citation.offset,
        "terms": terms,
        "hit": Some(&said.id).filter(|id| !id.is_empty()),
        "said": said.verdict.map(word),
        "said_before_change": said.before.map(word),
    })
}

fn word(verdict: &Verdict) -> Value {
    json!({"kind": verdict.kind.name(), "analyst": verdict.analyst, "reason": verdict.reason})
}
