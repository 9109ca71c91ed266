//! Crate `evtx` as oracle: every record it reads, we read, with the same values.
//!
//! Its XML is flattened here by the rules of the reader under test, written a second time
//! over a parsed tree. Differences that are choices are normalised, each with its reason;
//! what remains must be nothing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use quick_xml::events::Event;

use crate::evtx::{Cell, Row, Setup, logs};

#[derive(Default, Debug)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    text: String,
}

fn parse(xml: &str) -> Element {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut stack = vec![Element::default()];
    let open = |e: &quick_xml::events::BytesStart<'_>| Element {
        name: e.name().as_ref().to_owned(),
        attributes: e
            .attributes()
            .flatten()
            .map(|a| {
                let raw = a.value.to_string();
                let key = a.key.as_ref().to_owned();
                (key, quick_xml::escape::unescape(&raw).map_or(raw.clone(), |v| v.into_owned()))
            })
            .collect(),
        ..Element::default()
    };
    loop {
        match reader.read_event() {
            Ok(Event::Start(e)) => stack.push(open(&e)),
            Ok(Event::Empty(e)) => {
                let element = open(&e);
                stack.last_mut().unwrap().children.push(element);
            }
            Ok(Event::End(_)) => {
                let element = stack.pop().unwrap();
                stack.last_mut().unwrap().children.push(element);
            }
            Ok(Event::Text(t)) => stack.last_mut().unwrap().text.push_str(&t),
            Ok(Event::CData(t)) => stack.last_mut().unwrap().text.push_str(&t),
            Ok(Event::GeneralRef(r)) => {
                let name = format!("&{};", &*r);
                let text = quick_xml::escape::unescape(&name).unwrap().into_owned();
                stack.last_mut().unwrap().text.push_str(&text);
            }
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(e) => panic!("{e} in {xml}"),
        }
    }
    stack.remove(0)
}

/// (inner, outer) values under their flat names.
#[derive(Default)]
struct Flat {
    data: Vec<(String, String)>,
    system: Vec<(String, String)>,
}

fn flatten(document: &Element) -> Flat {
    let mut flat = Flat::default();
    for event in &document.children {
        for section in &event.children {
            match section.name.as_str() {
                "System" => system(section, &mut flat),
                "EventData" => {
                    attributes(section, &mut flat);
                    section.children.iter().for_each(|e| data(e, &mut flat));
                }
                "UserData" => section.children.iter().for_each(|e| leaves(e, &mut flat)),
                other => {
                    let mut inner = Flat::default();
                    section.children.iter().for_each(|e| leaves(e, &mut inner));
                    attributes(section, &mut flat);
                    let prefixed = |(n, v): (String, String)| match n.as_str() {
                        "Message" => (n, v),
                        _ => (format!("{other}_{n}"), v),
                    };
                    flat.data.extend(inner.data.into_iter().map(prefixed));
                }
            }
        }
    }
    flat
}

fn attributes(element: &Element, flat: &mut Flat) {
    for (name, value) in &element.attributes {
        if !name.starts_with("xmlns") {
            flat.data.push((format!("{}_{name}", element.name), value.clone()));
        }
    }
}

fn leaves(element: &Element, flat: &mut Flat) {
    attributes(element, flat);
    if element.children.is_empty() {
        flat.data.push((element.name.clone(), element.text.clone()));
    } else {
        element.children.iter().for_each(|e| leaves(e, flat));
    }
}

fn data(element: &Element, flat: &mut Flat) {
    if !element.children.is_empty() {
        return element.children.iter().for_each(|e| data(e, flat));
    }
    let mut name = element.name.clone();
    for (key, value) in &element.attributes {
        match key.as_str() {
            "Name" => name = value.replace(' ', ""),
            "xmlns" => {}
            _ => flat.data.push((format!("{}_{key}", element.name), value.clone())),
        }
    }
    flat.data.push((name, element.text.clone()));
}

fn system(section: &Element, flat: &mut Flat) {
    for e in &section.children {
        for (key, value) in &e.attributes {
            let name = match (e.name.as_str(), key.as_str()) {
                ("TimeCreated", "SystemTime") => "TimeCreated".into(),
                ("EventID", "Qualifiers") => "Qualifiers".into(),
                _ => format!("{}_{key}", e.name),
            };
            flat.system.push((name, value.clone()));
        }
        if !e.text.is_empty() {
            flat.system.push((e.name.clone(), e.text.clone()));
        }
    }
    if !flat.system.iter().any(|(n, _)| n == "Provider_Name") {
        for (name, _) in &mut flat.system {
            if name == "Provider_EventSourceName" {
                *name = "Provider_Name".into();
            }
        }
    }
}

/// What both sides are brought to before they are compared.
fn normal(value: &str) -> String {
    let mut v: String = value
        .chars()
        // The crate writes control characters, which XML cannot hold, as `_`.
        .map(|c| if c.is_control() && !matches!(c, '\n' | '\r' | '\t') { '_' } else { c })
        .collect();
    // The crate writes GUIDs without braces where the value is one; text keeps what it has.
    let b = v.as_bytes();
    if b.len() == 38 && b[0] == b'{' && b[37] == b'}' {
        v = v[1..37].to_ascii_uppercase();
    } else if b.len() == 36 && b[8] == b'-' && b[13] == b'-' && b[18] == b'-' && b[23] == b'-' {
        v = v.to_ascii_uppercase();
    }
    // We keep all seven digits of a FILETIME and three of a SYSTEMTIME; the crate writes six.
    let b = v.as_bytes();
    if b.len() >= 21 && b[10] == b'T' && b[19] == b'.' && b[b.len() - 1] == b'Z' {
        let mut digits = v[20..v.len() - 1].to_owned();
        digits.truncate(6);
        v = format!("{}.{digits:0<6}Z", &v[..19]);
    }
    // XML reading turns \r\n into \n nowhere here, but trailing NULs are not text.
    v
}

#[test]
fn every_record_of_the_oracle_is_read_with_the_same_values() {
    compare(false);
}

/// Nobody asks for more than a few names, and every value comes out all the same.
#[test]
fn a_record_kept_whole_has_every_value_of_the_oracle() {
    compare(true);
}

fn compare(whole: bool) {
    let logs = logs();
    let (mut files, mut total, mut missing, mut differing, mut extra) = (0, 0, 0, 0, 0);
    let mut errors = 0;
    let mut carved = 0;
    let mut twice = 0;
    let mut kinds: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for (name, bytes) in &logs {
        let Ok(parser) = evtx::EvtxParser::from_buffer(bytes.clone()) else {
            eprintln!("{name}: the oracle does not open it");
            continue;
        };
        files += 1;
        let mut parser =
            parser.with_configuration(evtx::ParserSettings::default().num_threads(1).indent(false));
        let mut oracle: Vec<(u64, Flat)> = Vec::new();
        for record in parser.records() {
            match record {
                Ok(r) => oracle.push((r.event_record_id, flatten(&parse(&r.data)))),
                Err(_) => errors += 1,
            }
        }
        let wanted: BTreeSet<&str> = oracle
            .iter()
            .flat_map(|(_, f)| f.data.iter().chain(&f.system).map(|(n, _)| n.as_str()))
            .collect();
        let setup = match whole {
            true => Setup::wanting(["Image", "EventID", "Hashes", "md5", "Channel", "Data"]).whole(),
            false => Setup::wanting(wanted.iter().copied()),
        };
        let (rows, _) = setup.read(bytes);
        carved += rows.iter().filter(|r| r.header.recovered).count();
        let mut ours: HashMap<u64, Vec<&Row>> = HashMap::new();
        for row in rows.iter().filter(|r| !r.header.recovered) {
            ours.entry(row.header.record).or_default().push(row);
        }
        let mut seen = BTreeSet::new();
        for row in &rows {
            let new = seen.insert((row.header.record, row.header.time, &row.text));
            twice += usize::from(!new && !row.header.recovered);
        }
        extra += rows.iter().filter(|r| !r.header.recovered).count() as i64 - oracle.len() as i64;
        for (id, flat) in &oracle {
            total += 1;
            let Some(rows) = ours.get(id) else {
                missing += 1;
                let k = kinds.entry("missing record".into()).or_default();
                *k = (k.0 + 1, format!("{name} record {id}"));
                continue;
            };
            let expected = expected_cells(flat, whole);
            let best = rows.iter().map(|r| difference(&expected, r)).min_by_key(Vec::len).unwrap();
            differing += usize::from(!best.is_empty());
            for d in best {
                let k = kinds.entry(d.0).or_default();
                *k = (k.0 + 1, format!("{name} record {id}: {}", d.1));
            }
        }
    }
    eprintln!(
        "{files} files, {total} records of the oracle ({errors} errors), {missing} missing here, \
         {differing} differ, {extra} more live rows here, {carved} carved, {twice} twice"
    );
    for (kind, (n, example)) in &kinds {
        eprintln!("{n:6} {kind}: {}", example.chars().take(600).collect::<String>());
    }
    assert!(logs.is_empty() || total > 27_000, "the oracle reads {total} records only");
    assert_eq!((missing, differing), (0, 0));
}

/// Not a test of anything: prints events per second of this thread, many times over every log.
/// `cargo test --release -p palisade-host -- --ignored --nocapture speed`
#[test]
#[ignore = "prints a speed"]
fn speed() {
    const ROUNDS: u32 = 20;
    let logs = logs();
    let fields = ["Image", "CommandLine", "ParentImage", "EventID", "TargetObject", "Hashes", "User"];
    let setup = Setup::wanting(fields);
    let (mut rows, mut bytes) = (0, 0);
    let start = std::time::Instant::now();
    for log in (0..ROUNDS).flat_map(|_| logs.values()) {
        rows += setup.count(log);
        bytes += log.len();
    }
    let seconds = start.elapsed().as_secs_f64();
    let (per, mb) = (rows as f64 / seconds, bytes as f64 / 1e6 / seconds);
    eprintln!("{rows} events, {bytes} bytes in {seconds:.2} s: {per:.0} events/s, {mb:.0} MB/s");
}

/// The oracle's values as cells: inner names win over those of the System section, which
/// have another name in rows that are kept whole.
fn expected_cells(flat: &Flat, whole: bool) -> Vec<(String, String)> {
    let inner: BTreeSet<&str> = flat.data.iter().map(|(n, _)| n.as_str()).collect();
    let system = flat.system.iter().filter_map(|(n, v)| match inner.contains(n.as_str()) {
        false => Some((n.clone(), v)),
        true => whole.then(|| (format!("System_{n}"), v)),
    });
    let data = flat.data.iter().map(|(n, v)| (n.clone(), v));
    let mut cells: Vec<_> = data.chain(system).map(|(n, v)| (n, normal(v))).collect();
    cells.sort();
    cells
}

fn difference(expected: &[(String, String)], row: &Row) -> Vec<(String, String)> {
    let mut ours: Vec<(&str, String)> = Vec::new();
    let many = row.cells.iter().filter(|(n, _)| n == "Data").count() > 1;
    let mut joined = many;
    for (name, cell) in &row.cells {
        // Unnamed elements also come joined, first; the oracle has the elements only.
        if name == "Data" && std::mem::take(&mut joined) {
            continue;
        }
        // Windows takes any number but 0 as true; the crate writes the odd ones as numbers.
        let odd = |(n, v): &(String, String)| n == name && v.parse::<i64>().is_ok_and(|v| v != 0);
        match expected.iter().find(|e| *cell == Cell::Bool(true) && odd(e)) {
            Some((_, number)) => ours.push((name.as_str(), number.clone())),
            None => ours.push((name.as_str(), normal(cell.text()))),
        }
    }
    ours.sort();
    let mut out = Vec::new();
    let mut rest = ours.clone();
    for (name, value) in expected {
        if let Some(i) = rest.iter().position(|(n, v)| n == name && v == value) {
            rest.remove(i);
        } else {
            let near: Vec<_> = ours.iter().filter(|(n, _)| n == name).collect();
            out.push((format!("oracle only: {name}"), format!("{value:?} here {near:?}")));
        }
    }
    out.extend(rest.into_iter().map(|(n, v)| (format!("here only: {n}"), format!("{v:?}"))));
    out
}
