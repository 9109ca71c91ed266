//! Records inside the text of records: XML, JSON, a line of auditd, name-value lists.
//!
//! Whatever is found becomes entries like those of the scan, as if the text had been
//! an object at its place. One level only: text in such text stays text. What cannot be
//! read is noted in [`Found::trouble`]; what was read before it stays.

use std::collections::HashSet;
use std::ops::Range;

use palisade_model::{ProblemCode, RowBuilder};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::scan::{Entry, Found, KeyCache, Kind, Scan};
use super::trie::{DEAD, NodeId, ROOT, Trie};
use crate::lines::{MORE_ARGUMENTS, Message, MoreArguments};

/// XML elements deeper than this are not looked at; events have four levels.
const MAX_XML_DEPTH: usize = 16;

/// Most values taken out of one embedded text.
const MAX_VALUES: usize = 4_096;

const BAD_XML: &str = "XML inside a record is damaged; what stands behind the damage was not read";
const SHORT_XML: &str = "XML inside a record ends early; what follows was not read";
const DEEP_XML: &str = "XML inside a record is nested deeper than 16 levels; the rest of it was not read";
const MANY_XML: &str = "XML inside a record holds more than 4,096 values; the rest was not read";
const BAD_JSON: &str = "JSON inside a record is damaged; what stands behind the damage was not read";
const MANY_AUDIT: &str =
    "a line of auditd inside a record holds more than 4,096 values; the rest was not read";
const MANY_PAIRS: &str =
    "a list of name-value pairs in a record holds more than 4,096 pairs; the rest was not read";

/// What XML of events begins with. Damage is told of such text only: a message with a
/// `<` in it is no damaged XML.
const ROOTS: [&str; 4] = ["<Event", "<UserData", "<DataItem", "<Param"];

/// Where a text with a record in it stands.
#[derive(Clone, Copy)]
pub(super) struct Base {
    /// Its position in the trie.
    pub node: NodeId,
    /// Its key, if records are kept whole.
    pub key: u32,
}

/// What an embedded whole event says of itself. Routing believes it over the wrapper.
#[derive(Default, Debug)]
pub(super) struct System {
    pub channel: Option<String>,
    pub event_id: Option<u32>,
    pub time: Option<String>,
}

/// Reads `<EventData>` or a whole `<Event>` that lies in `xml`.
pub(super) fn xml(
    trie: &Trie,
    base: Base,
    xml: &str,
    builder: &mut RowBuilder<'_>,
    found: &mut Found,
) -> System {
    let mut system = System::default();
    let Some(start) = xml.find('<') else { return system };
    let mut reader = Reader::from_str(&xml[start..]);
    reader.config_mut().check_end_names = false;
    // Forwarders spoil references (`&lt ` for `&lt;`): such an ampersand is text.
    reader.config_mut().allow_dangling_amp = true;
    // Element names from the outermost, the `Name` of a `<Data>` in place of its own.
    let mut path: Vec<String> = Vec::new();
    let mut text = String::new();
    let mut in_system = false;
    let mut values = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Start(e)) => {
                text.clear();
                open(trie, base, &e, &mut path, &mut in_system, &mut system, builder, found);
            }
            Ok(Event::Empty(e)) => {
                text.clear();
                open(trie, base, &e, &mut path, &mut in_system, &mut system, builder, found);
                close(trie, base, &path, &text, in_system, &mut system, builder, found);
                path.pop();
                values += 1;
            }
            Ok(Event::Text(t)) => text.push_str(&t.xml10_content()),
            Ok(Event::CData(t)) => text.push_str(&t.xml10_content()),
            Ok(Event::GeneralRef(r)) => match r.resolve_char_ref() {
                Ok(Some(c)) => text.push(c),
                _ => match quick_xml::escape::resolve_predefined_entity(&r.xml10_content()) {
                    Some(s) => text.push_str(s),
                    None => text.push('\u{FFFD}'),
                },
            },
            Ok(Event::End(_)) => {
                let leaf = path.last().is_some_and(|p| !CONTAINERS.contains(&p.as_str()));
                if leaf {
                    close(trie, base, &path, &text, in_system, &mut system, builder, found);
                    values += 1;
                }
                if path.last().is_some_and(|p| p == "System") {
                    in_system = false;
                }
                path.pop();
                text.clear();
            }
            end @ (Ok(Event::Eof) | Err(_)) => {
                // A value that breaks off is worth its beginning.
                let leaf = path.last().is_some_and(|p| !CONTAINERS.contains(&p.as_str()));
                if leaf && !text.is_empty() {
                    close(trie, base, &path, &text, in_system, &mut system, builder, found);
                }
                let meant = ROOTS.iter().any(|root| xml.contains(root));
                if end.is_err() && meant {
                    found.trouble.push((ProblemCode::Syntax, BAD_XML));
                } else if !path.is_empty() && meant {
                    found.trouble.push((ProblemCode::Syntax, SHORT_XML));
                }
                return system;
            }
            Ok(_) => {}
        }
        if path.len() > MAX_XML_DEPTH || values > MAX_VALUES {
            let what = if values > MAX_VALUES { MANY_XML } else { DEEP_XML };
            found.trouble.push((ProblemCode::Limit, what));
            return system;
        }
    }
}

const CONTAINERS: [&str; 6] = ["Event", "System", "EventData", "UserData", "DataItem", "Events"];

#[allow(clippy::too_many_arguments, reason = "the state of one walk, used in two places")]
fn open(
    trie: &Trie,
    base: Base,
    e: &BytesStart<'_>,
    path: &mut Vec<String>,
    in_system: &mut bool,
    system: &mut System,
    builder: &mut RowBuilder<'_>,
    found: &mut Found,
) {
    let mut name: String = String::from(e.local_name().as_ref());
    *in_system |= name == "System";
    // Classic providers have a second name, for want of the first.
    let mut source_name = None;
    let mut provider = false;
    for attribute in e.attributes().with_checks(false).flatten().take(16) {
        let key: &str = attribute.key.local_name().into_inner();
        let Ok(value) = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0) else { continue };
        match (name.as_str(), key) {
            (_, "Name") if !*in_system => {
                name = value.into_owned();
                break;
            }
            ("Provider", "Name") if !value.is_empty() => {
                provider = true;
                put(trie, base, "Provider_Name", &value, true, builder, found);
            }
            ("Provider", "EventSourceName") if !value.is_empty() => source_name = Some(value.into_owned()),
            ("TimeCreated", "SystemTime") => system.time = Some(value.into_owned()),
            ("Execution", "ProcessID") => {
                put(trie, base, "Execution_ProcessID", &value, true, builder, found)
            }
            ("Security", "UserID" | "UserId") => {
                put(trie, base, "Security_UserID", &value, true, builder, found);
            }
            _ => {}
        }
    }
    if let Some(value) = source_name.filter(|_| !provider) {
        put(trie, base, "Provider_Name", &value, true, builder, found);
    }
    path.push(name);
}

#[allow(clippy::too_many_arguments, reason = "the state of one walk, used in two places")]
fn close(
    trie: &Trie,
    base: Base,
    path: &[String],
    text: &str,
    in_system: bool,
    system: &mut System,
    builder: &mut RowBuilder<'_>,
    found: &mut Found,
) {
    let Some(name) = path.last() else { return };
    if in_system {
        match name.as_str() {
            "Channel" => system.channel = Some(text.trim().to_owned()),
            "EventID" => system.event_id = text.trim().parse().ok(),
            _ => {}
        }
        if text.trim().is_empty() {
            return;
        }
    }
    put(trie, base, name, text, in_system, builder, found);
}

/// One value as an entry: System's own names stand below those of the event's data.
fn put(
    trie: &Trie,
    base: Base,
    name: &str,
    text: &str,
    in_system: bool,
    builder: &mut RowBuilder<'_>,
    found: &mut Found,
) {
    let node = trie.child(if in_system { ROOT } else { base.node }, name);
    let arena = builder.arena_mut();
    let start = arena.len();
    arena.push_str(text);
    arena.push('\n');
    let kind = if text.is_empty() { Kind::Blank } else { Kind::Plain };
    let key = found.spell(base.key, name);
    found.push(Entry { node, start: start as u32, end: (start + text.len()) as u32, kind }, key);
}

/// Reads JSON that has been appended to the arena at `from`. An array of plain values
/// becomes the field `Data`. Text that does not begin like JSON stays what it is.
pub(super) fn json(
    trie: &Trie,
    Base { node: base, key }: Base,
    arena: &str,
    from: usize,
    all_text: bool,
    keys: &mut KeyCache,
    found: &mut Found,
) {
    let text = arena.as_bytes();
    let mut head = text[from..].iter().filter(|b| !b.is_ascii_whitespace());
    let (list, meant) = match (head.next(), head.next()) {
        (Some(b'{'), _) => (false, true),
        // `[12:30] started` is a message, `["a", 1]` a list.
        (Some(b'['), second) => (true, matches!(second, Some(b'{' | b'[' | b']' | b'"'))),
        _ => return,
    };
    let before = found.entries.len();
    let mut scan = Scan::new(trie, text, from, all_text, keys, found);
    scan.key = key;
    if scan.value(base, 1).is_err() {
        if !meant {
            found.truncate(before);
            return;
        }
        found.trouble.push((ProblemCode::Syntax, BAD_JSON));
    }
    if list {
        let data = trie.child(base, "Data");
        for e in &mut found.entries[before..] {
            if e.node == base && !matches!(e.kind, Kind::Raw | Kind::Void) {
                e.node = data;
            }
        }
    }
    // The text itself is already an entry of the record.
    for e in &mut found.entries[before..] {
        if e.node == base && e.kind == Kind::Raw {
            e.kind = Kind::Void;
        }
    }
}

/// Reads a line of auditd (`type=SYSCALL msg=audit(1.2:3): a=b c="d e"`). Values that
/// hold blanks or quotes come hex-encoded (auditd(8), `audit_log_untrustedstring`).
/// Returns the time, if the line names one.
pub(super) fn audit(
    trie: &Trie,
    base: Base,
    line: &str,
    builder: &mut RowBuilder<'_>,
    found: &mut Found,
) -> Option<String> {
    let at = line.find("type=")?;
    let stamp = line.find("audit(")?;
    let time = line[stamp + 6..].split([':', ')']).next().map(str::to_owned);
    let mut rest = &line[at..];
    let mut more = MoreArguments::default();
    let mut values = 0;
    while let Some((key, tail)) = rest.split_once('=') {
        values += 1;
        if values > MAX_VALUES {
            found.trouble.push((ProblemCode::Limit, MANY_AUDIT));
            break;
        }
        let key = key.rsplit([' ', '\u{1d}', '\'']).next().unwrap_or(key);
        let (value, next, quoted) = if let Some(inner) = tail.strip_prefix('"') {
            let end = inner.find('"').unwrap_or(inner.len());
            (&inner[..end], inner.get(end + 1..).unwrap_or(""), true)
        } else {
            let end = tail.find([' ', '\u{1d}', '\n']).unwrap_or(tail.len());
            (&tail[..end], &tail[end..], false)
        };
        let decoded = if quoted { None } else { untrusted(key, value) };
        let value = decoded.as_deref().unwrap_or(value);
        more.add(key, value);
        put(trie, base, key, value, false, builder, found);
        rest = next;
    }
    if let Some(text) = more.join() {
        put(trie, base, MORE_ARGUMENTS, &text, false, builder, found);
    }
    if more.cut() {
        found.trouble.push((ProblemCode::Limit, MoreArguments::CUT));
    }
    time
}

/// The text behind a hex-encoded value of a field that may be encoded.
fn untrusted(key: &str, value: &str) -> Option<String> {
    let argument =
        key.strip_prefix('a').is_some_and(|n| n.bytes().next().is_some_and(|b| b.is_ascii_digit()));
    let may =
        argument || matches!(key, "proctitle" | "exe" | "comm" | "name" | "cwd" | "cmd" | "key" | "data");
    if !may || value.len() < 4 || !value.len().is_multiple_of(2) {
        return None;
    }
    let bytes: Option<Vec<u8>> = value
        .as_bytes()
        .chunks_exact(2)
        .map(|p| Some((p[0] as char).to_digit(16)? as u8 * 16 + (p[1] as char).to_digit(16)? as u8))
        .collect();
    let text = String::from_utf8(bytes?).ok()?;
    // Numbers such as `a0=7ffd2c3e` are hex digits too, but not text.
    let readable = text.chars().all(|c| !c.is_control() || matches!(c, '\0' | '\n' | '\t'));
    readable.then(|| text.trim_end_matches('\0').replace('\0', " "))
}

/// What a program on Linux says in so many words, as a log of text would have it: names of our own only.
pub(super) fn program(
    trie: &Trie,
    base: Base,
    name: &str,
    text: &str,
    message: &mut Message,
    builder: &mut RowBuilder<'_>,
    found: &mut Found,
) {
    message.read(name, text, |name, value| put(trie, base, name, value, false, builder, found));
}

/// Reads a list of `{Name, Value}` pairs that lies in the arena at `from`: each value
/// counts as a field named after its pair, below the list's own name, unless the record
/// has that very path (`taken`): `Parameters.Name` stays the names of the pairs.
pub(super) fn named(
    trie: &Trie,
    Base { node: base, key }: Base,
    arena: &str,
    range: Range<usize>,
    taken: &HashSet<NodeId, foldhash::fast::FixedState>,
    found: &mut Found,
) {
    let from = range.start;
    let Some(text) = arena.get(range) else { return };
    let Ok(list) = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(text) else { return };
    if list.len() > MAX_VALUES {
        found.trouble.push((ProblemCode::Limit, MANY_PAIRS));
    }
    for pair in list.iter().take(MAX_VALUES) {
        let Ok(members) = serde_json::from_str::<
            std::collections::BTreeMap<std::borrow::Cow<'_, str>, &serde_json::value::RawValue>,
        >(pair.get()) else {
            continue;
        };
        let of = |names: &[&str]| names.iter().find_map(|n| members.get(*n).copied());
        let Some(name) = of(&["Name", "name", "key", "Key"]) else { continue };
        let Ok(name) = serde_json::from_str::<String>(name.get()) else { continue };
        let value = of(&["Value", "value", "stringValue", "intValue", "boolValue", "multiValue", "NewValue"]);
        let Some(value) = value else { continue };
        let node = trie.child(base, &name);
        // Nobody knows the name today; who keeps the record whole may tomorrow.
        let passed = if node == DEAD { !found.whole } else { taken.contains(&node) };
        if passed {
            continue;
        }
        let raw = value.get();
        // `raw` is a slice of `text`: its place in the arena follows from the addresses.
        let at = from + (raw.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
        let (kind, trim) = match raw.as_bytes().first() {
            Some(b'"') => (Kind::Text, 1),
            Some(b'{' | b'[') => (Kind::Raw, 0),
            Some(b't') => (Kind::True, 0),
            Some(b'f') => (Kind::False, 0),
            Some(b'n') => (Kind::Null, 0),
            _ => (Kind::Number, 0),
        };
        let range = (at + trim) as u32..(at + raw.len() - trim) as u32;
        let key = found.spell(key, &name);
        found.push(Entry { node, start: range.start, end: range.end, kind }, key);
    }
}
