//! The table compiled from the Cyber Operations Tracker of the Council on Foreign Relations (2005 to 2022).
//!
//! Its dates are days of publication, American style (`1/20/2022`), so they are exact and late at once: when the
//! operation began is not said. There are hardly more firsts of the month than chance gives; they are taken as days.

use palisade_model::{Day, Days, Incident, ProblemCode};

use super::{Cells, Tell, cut, list, state_code};

pub(super) const HEADER: [&str; 5] = ["Title", "Date", "Sponsor", "Type", "Category"];

/// What the tracker calls kinds of operations, and kinds of victims: closed lists, so that a word in the wrong column shows.
const KINDS: [&str; 7] = [
    "Espionage",
    "Sabotage",
    "Denial of service",
    "Data destruction",
    "Financial Theft",
    "Defacement",
    "Doxing",
];
const CATEGORIES: [&str; 4] = ["Private sector", "Government", "Civil society", "Military"];

/// Whether cells stand under the heads of others: commas of a text that nobody quoted push them to the right.
fn slid(sponsor: &str, kind: &str, category: &str) -> bool {
    let holds = |cell: &str, words: &[&str]| cell.split(',').any(|w| words.contains(&w.trim()));
    let odd = |cell: &str| cell.contains("://");
    holds(sponsor, &KINDS)
        || holds(sponsor, &CATEGORIES)
        || holds(kind, &CATEGORIES)
        || holds(category, &KINDS)
        || odd(kind)
        || odd(category)
}

pub(super) fn row(cells: &Cells<'_>, tell: &mut Tell) -> Option<Incident> {
    let text = cells.get("Date");
    let Some(day) = us_day(&text) else {
        let what = if text.is_empty() { "has no date" } else { "has a date that is none" };
        tell.say(ProblemCode::DamagedRecord, cells.offset, format!("an incident {what} and is not counted"));
        return None;
    };
    let (kind, category) = (cells.get("Type"), cells.get("Category"));
    let mut sponsor = cells.get("Sponsor");
    // No state is better than that of a victim, no sector better than a kind.
    let whole = !slid(&sponsor, &kind, &category);
    if !whole {
        tell.say(
            ProblemCode::DamagedRecord,
            cells.offset,
            "the cells of a row stand in wrong columns; the incident is counted without state, kind and sector".into(),
        );
        sponsor.clear();
    }
    let mut states: Vec<String> = Vec::new();
    let parts = ["Korea (Democratic People's Republic of)", "Palestine, State of"];
    if let Some(code) =
        state_code(&sponsor).filter(|_| parts.contains(&sponsor.as_str()) || !sponsor.contains(','))
    {
        states.push(code.to_owned());
    } else {
        for part in sponsor.split(',') {
            match state_code(part.trim()) {
                Some(code) => states.push(code.to_owned()),
                None if part.trim().is_empty() => {}
                None => tell.say(
                    ProblemCode::DamagedRecord,
                    cells.offset,
                    "a sponsor is no state that is known; the incident is counted without".into(),
                ),
            }
        }
    }
    let words = |cell: &str| list(cell.split(',').filter(|_| whole).map(str::to_owned));
    Some(Incident {
        id: format!("cfr:row-{}", cells.number),
        title: cut(&cells.get("Title")),
        days: Days::day(day),
        reported: Some(Days::day(day)),
        states: list(states.into_iter()),
        sectors: words(&category),
        countries: Vec::new(),
        kinds: words(&kind),
    })
}

/// `M/D/YYYY`.
fn us_day(text: &str) -> Option<Day> {
    let mut parts = text.split('/');
    let (m, d, y) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || y.len() != 4 {
        return None;
    }
    Day::new(y.parse().ok()?, m.parse().ok()?, d.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn american_days() {
        assert_eq!(us_day("1/20/2022").map(|d| d.to_string()).as_deref(), Some("2022-01-20"));
        assert_eq!([us_day("20/1/2022"), us_day("1/1/22"), us_day("2/30/2022"), us_day("")], [None; 4]);
    }
}
