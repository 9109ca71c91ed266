//! EuRepoC's global table, version 1.1 (European Repository of Cyber Incidents; Zenodo record 7848941).
//!
//! Lists in cells are Python literals, nested or not: `[['Media', 'Other'], ['Science']]`; only their texts matter here.

use palisade_model::{Day, Days, Incident, ProblemCode};

use super::{Cells, MAX_LIST, Tell, cut, list, state_code};

pub(super) const HEADER: [&str; 5] =
    ["ID", "start_date", "incident_type", "initiator_country", "receiver_category"];

pub(super) fn row(cells: &Cells<'_>, tell: &mut Tell) -> Option<Incident> {
    let start = cells.get("start_date");
    let day = start.get(..10).and_then(Day::parse);
    let Some(day) = day else {
        let what = if start.is_empty() { "has no start date" } else { "has a start date that is none" };
        tell.say(ProblemCode::DamagedRecord, cells.offset, format!("an incident {what} and is not counted"));
        return None;
    };
    let mut days = placeholder(day);
    // It began before it ended; an end that is a placeholder ends somewhere in its interval.
    if let Some(end) = cells.get("end_date").get(..10).and_then(Day::parse).map(placeholder) {
        if end.last >= days.first {
            days.last = days.last.min(end.last);
        } else {
            tell.say(
                ProblemCode::DamagedRecord,
                cells.offset,
                "an incident ends before it begins; its start is kept".into(),
            );
        }
    }
    let id = cells.get("ID");
    let id =
        if id.is_empty() { format!("eurepoc:row-{}", cells.number) } else { format!("eurepoc:{}", cut(&id)) };
    let reported = cells.get("attribution_date");
    let reported = reported.split([';', ',']).filter_map(|d| d.trim().get(..10).and_then(Day::parse)).min();
    Some(Incident {
        id,
        title: cut(&cells.get("name")),
        days,
        reported: reported.map(placeholder),
        states: list(texts(&cells.get("initiator_country")).map(|s| match state_code(&s) {
            Some(code) => code.to_owned(),
            None => s,
        })),
        // The words in brackets explain the coding.
        sectors: list(
            texts(&cells.get("receiver_category"))
                .map(|s| s.split(" (").next().unwrap_or_default().to_owned()),
        ),
        countries: list(texts(&cells.get("receiver_country")).map(|s| match state_code(&s) {
            Some(code) => code.to_owned(),
            None => s,
        })),
        kinds: list(cells.get("incident_type").split(';').map(str::to_owned)),
    })
}

/// 1 January stands for a year, the first of another month for that month.
fn placeholder(day: Day) -> Days {
    match day.civil() {
        (_, 1, 1) => Days { first: day, last: day.year_end() },
        (_, _, 1) => Days { first: day, last: day.month_end() },
        _ => Days::day(day),
    }
}

/// The quoted texts of a Python literal; a cell without quotes is one text, or several between semicolons.
fn texts(cell: &str) -> std::vec::IntoIter<String> {
    let mut all: Vec<String> = Vec::new();
    if !cell.starts_with('[') {
        all.extend(cell.split(';').take(MAX_LIST).map(str::to_owned));
        return all.into_iter();
    }
    let mut quote: Option<char> = None;
    let mut text = String::new();
    let mut chars = cell.chars();
    while let Some(c) = chars.next() {
        match quote {
            None if c == '\'' || c == '"' => quote = Some(c),
            None => {}
            Some(q) if c == q => {
                quote = None;
                let text = std::mem::take(&mut text);
                // Several receivers may repeat the same few words.
                if !all.contains(&text) {
                    all.push(text);
                }
                if all.len() >= MAX_LIST {
                    break;
                }
            }
            Some(_) if c == '\\' => text.extend(chars.next()),
            Some(_) => text.push(c),
        }
    }
    all.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_lists() {
        let of = |t: &str| texts(t).collect::<Vec<_>>();
        assert_eq!(of("[['Media', 'Other'], ['Media']]"), ["Media", "Other"]);
        assert_eq!(
            of(r#"["Korea, Democratic People's Republic of", 'it\'s']"#),
            ["Korea, Democratic People's Republic of", "it's"]
        );
        assert_eq!(of("['never closed"), Vec::<String>::new());
        assert_eq!(of("a; b"), ["a", " b"]);
    }

    #[test]
    fn placeholders_are_intervals() {
        let of = |t: &str| placeholder(Day::parse(t).unwrap()).len();
        assert_eq!([of("2016-01-01"), of("2021-02-01"), of("2021-02-02")], [366, 28, 1]);
    }
}
