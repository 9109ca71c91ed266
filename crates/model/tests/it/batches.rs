//! Batches: what goes in comes out, and nothing else.

use palisade_model::*;

use crate::Random;

/// Text that trips what counts in bytes, or resolves escapes.
const PARTS: [&str; 20] = [
    "a", "Z9", "é", "Ї", "中", "🗳", "\u{202e}", "\0", "\n", " ", "\"", "\\", "\\\\", "\\u0041", "\\ud83d",
    "\\uZZ", "\\n", "12345678", "/", "u",
];

/// A record as a test thinks of it.
#[derive(Clone, PartialEq, Debug)]
enum Cell {
    Text(String),
    Number(String),
    Bool(bool),
    Null,
    Blank,
    /// Still escaped, and whether somebody compares it.
    Escaped(String, bool),
}

struct House {
    fields: Fields,
    catalogue: Catalogue,
    projection: Projection,
    shape: ShapeId,
}

/// The catalogue of a text; every field in `hot` is wanted.
fn house(toml: &str, stream: &str, event: u32, hot: &[&str]) -> House {
    let mut fields = FieldsBuilder::new();
    let mut catalogue = Catalogue::default();
    catalogue.add("t.toml", toml, &mut fields).unwrap();
    let mut set = FieldSet::new();
    for name in hot {
        set.insert(fields.intern(name).unwrap());
    }
    let shape = catalogue.shape(catalogue.stream(stream).unwrap(), event);
    let mut projection = Projection::new(&catalogue);
    projection.want(shape, &set);
    House { fields: fields.close(), catalogue, projection, shape }
}

fn push(b: &mut RowBuilder<'_>, field: FieldId, cell: &Cell) {
    let mut append = |text: &str| {
        let start = b.arena().len();
        b.arena_mut().push_str(text);
        start..start + text.len()
    };
    match cell {
        Cell::Text(text) if text.len() % 2 == 0 => b.text_cell(field, text),
        Cell::Text(text) => {
            let range = append(text);
            b.range_cell(field, range);
        }
        Cell::Number(text) => {
            let range = append(text);
            b.number_cell(field, range);
        }
        Cell::Escaped(text, hot) => {
            let range = append(text);
            b.escaped_cell(field, range, *hot);
        }
        Cell::Bool(value) => b.bool_cell(field, *value),
        Cell::Null => b.null_cell(field),
        Cell::Blank => b.blank_cell(field),
    }
}

fn random_cell(random: &mut Random) -> Cell {
    let text = random.text(&PARTS, 12);
    match random.below(8) {
        0 => Cell::Number(random.number().to_string()),
        1 => Cell::Bool(random.below(2) == 0),
        2 => Cell::Null,
        3 => Cell::Blank,
        4 => Cell::Escaped(text, true),
        5 => Cell::Escaped(text, false),
        _ => Cell::Text(text),
    }
}

fn header(house: &House, record: u64) -> RowHeader {
    RowHeader {
        shape: house.shape,
        time: None,
        record,
        offset: record * 3,
        recovered: record.is_multiple_of(7),
        guids: record.is_multiple_of(5),
        blank: record.is_multiple_of(3),
    }
}

/// Rows built and given up in any order, in buffers used before: every finished row is whole.
#[test]
fn what_goes_in_comes_out() {
    let house = house("[[stream]]\nnames = [\"s\"]\n", "s", 0, &["a", "b", "c"]);
    let ids = [FieldId::NONE, FieldId(0), FieldId(1), FieldId(2)];
    let mut random = Random(5);
    let mut buffers = Buffers::default();
    for round in 0..300u64 {
        let mut b = RowBuilder::new(SourceId(1), &house.catalogue, &house.projection, buffers);
        let mut kept: Vec<(RowHeader, Vec<(FieldId, Cell)>)> = Vec::new();
        for record in 0..random.below(20) as u64 {
            let cells: Vec<(FieldId, Cell)> =
                (0..random.below(6)).map(|_| (ids[random.below(4)], random_cell(&mut random))).collect();
            b.begin();
            cells.iter().for_each(|(f, c)| push(&mut b, *f, c));
            if random.below(3) == 0 {
                b.abandon();
            } else {
                b.end(header(&house, record));
                kept.push((header(&house, record), cells));
            }
            if random.below(5) == 0 {
                // Nothing is begun: there is nothing to give up.
                b.abandon();
            }
        }
        assert_eq!(b.rows(), kept.len());
        let batch = b.finish();
        assert_eq!((batch.len(), batch.is_empty()), (kept.len(), kept.is_empty()));
        for (row, (header, cells)) in kept.iter().enumerate() {
            check(&batch, row, header, cells, round);
        }
        buffers = batch.into_buffers();
    }
}

fn check(batch: &RowBatch, row: usize, header: &RowHeader, cells: &[(FieldId, Cell)], round: u64) {
    let at = format!("round {round} row {row}");
    assert_eq!(batch.header(row), *header, "{at}");
    let unescaped: Vec<(FieldId, Cell, String)> = cells
        .iter()
        .map(|(f, c)| {
            let text = match c {
                Cell::Text(t) | Cell::Number(t) => t.clone(),
                Cell::Escaped(t, _) => unescape_json(t).into_owned(),
                Cell::Bool(v) => v.to_string(),
                Cell::Null | Cell::Blank => String::new(),
            };
            (*f, c.clone(), text)
        })
        .collect();
    let value = |cell: &Cell, text: &str| match cell {
        Cell::Text(_) | Cell::Escaped(_, true) => format!("text {text}"),
        Cell::Number(_) => format!("number {text}"),
        Cell::Bool(v) => format!("bool {v}"),
        Cell::Null => "null".to_owned(),
        Cell::Blank => "blank".to_owned(),
        // Cold: kept for people, not compared.
        Cell::Escaped(_, false) => "missing".to_owned(),
    };
    let shown = |v: Value<'_>| match v {
        Value::Missing => "missing".to_owned(),
        Value::Null => "null".to_owned(),
        Value::Blank => "blank".to_owned(),
        Value::Text(t) => format!("text {t}"),
        Value::Number(t) => format!("number {t}"),
        Value::Bool(v) => format!("bool {v}"),
    };
    for field in [FieldId(0), FieldId(1), FieldId(2), FieldId(900)] {
        let first = unescaped.iter().find(|(f, ..)| *f == field);
        let want = first.map_or("missing".to_owned(), |(_, c, t)| value(c, t));
        assert_eq!(shown(batch.field(row, field)), want, "{at}");
        let want = first.filter(|(_, c, _)| *c != Cell::Null).map(|(_, _, t)| t.as_str());
        assert_eq!(batch.show(row, field).as_deref(), want, "{at}");
    }
    let mut each = Vec::new();
    batch.each(row, &mut |f, v| each.push((f, shown(v))));
    let want: Vec<(FieldId, String)> = unescaped
        .iter()
        .filter(|(f, c, _)| *f != FieldId::NONE && !matches!(c, Cell::Escaped(_, false)))
        .map(|(f, c, t)| (*f, value(c, t)))
        .collect();
    assert_eq!(each, want, "{at}");
    let mut scanned = Vec::new();
    batch.scan_text(row, &mut |t| scanned.push(t.to_owned()));
    let want: Vec<&str> = unescaped
        .iter()
        .filter(|(_, c, _)| matches!(c, Cell::Text(_) | Cell::Number(_) | Cell::Escaped(..)))
        .map(|(.., t)| t.as_str())
        .collect();
    assert_eq!(scanned, want, "{at}");
    // The whole text holds every value as it was given.
    let text = batch.text(row);
    assert!(!text.escaped);
    for (_, cell) in cells {
        if let Cell::Text(t) | Cell::Number(t) | Cell::Escaped(t, _) = cell {
            assert!(text.text.contains(t.as_str()), "{at}");
        }
    }
}

/// Cells on the reader's own input: no copy, and a range that is none is empty, not a panic.
#[test]
fn cells_on_the_input() {
    let house = house("[[stream]]\nnames = [\"s\"]\n", "s", 0, &["a", "b"]);
    let input = "{\"a\":\"\\u041f é\",\"b\":12}".to_owned();
    let len = input.len();
    let (a, b_field) = (house.fields.id("a").unwrap(), house.fields.id("b").unwrap());
    let mut b =
        RowBuilder::over(SourceId(0), &house.catalogue, &house.projection, input.clone(), Buffers::default());
    b.begin();
    b.escaped_cell(a, 6..15, true);
    b.number_cell(b_field, 21..23);
    b.end_over(header(&house, 1), 0..len, true);
    b.begin();
    // Backwards, past the end, through the middle of a character.
    #[allow(clippy::reversed_empty_ranges, reason = "the point of the test")]
    b.range_cell(a, 9..3);
    b.range_cell(a, len * 9..len * 10);
    b.range_cell(b_field, 13..14);
    b.escaped_cell(b_field, 13..14, true);
    b.escaped_cell(b_field, len * 9..len * 10, true);
    b.end_over(header(&house, 2), len * 9..len * 10, false);
    let batch = b.finish();
    assert_eq!(batch.field(0, a), Value::Text("П é"));
    assert_eq!(batch.field(0, b_field), Value::Number("12"));
    assert_eq!((batch.text(0).text, batch.text(0).escaped), (input.as_str(), true));
    let mut values = Vec::new();
    batch.each(1, &mut |_, v| values.push(v.text().unwrap_or("?").to_owned()));
    assert!(values.iter().all(String::is_empty), "{values:?}");
    assert_eq!(batch.text(1).text, "");
}

/// A builder asks to be closed at its limits.
#[test]
fn a_batch_knows_when_it_is_full() {
    let house = house("[[stream]]\nnames = [\"s\"]\n", "s", 0, &["a"]);
    let mut b = RowBuilder::new(SourceId(0), &house.catalogue, &house.projection, Buffers::default());
    for record in 0..MAX_ROWS as u64 {
        assert!(!b.is_full());
        b.begin();
        b.end(header(&house, record));
    }
    assert!(b.is_full());
    let mut b = RowBuilder::new(SourceId(0), &house.catalogue, &house.projection, b.finish().into_buffers());
    assert!(!b.is_full());
    b.begin();
    b.text_cell(FieldId(0), &"x".repeat(MAX_ARENA_BYTES));
    b.end(header(&house, 0));
    assert!(b.is_full());
}

const DERIVED: &str = r#"
product = "t"
[[stream]]
names = ["s"]
  [[stream.event]]
  ids = [1]
  view = "v"
[[view]]
name = "v"
  [[view.derive]]
  field = "User"
  join = ["Domain", "Name"]
  sep = '\'
  [[view.derive]]
  field = "TargetObject"
  join = ["Object"]
  prefix_table = { '\REGISTRY\MACHINE' = "HKLM", '\REGISTRY\MACHINE\SYSTEM\ControlSet001' = 'HKLM\System\CurrentControlSet', '\REGISTRY\USER' = "HKU" }
  [[view.derive]]
  field = "Type"
  from = "Code"
  table = { "1" = "one", "2" = "two" }
  default = "many"
  [[view.derive]]
  field = "Kind"
  from = "Code"
  table = { "1" = "one" }
  [[view.derive]]
  field = "Pid"
  from = "Hex"
  hex = true
  [[view.derive]]
  field = "CommandLine"
  join = ["arg"]
  sep = " "
"#;

#[test]
fn derived_fields() {
    use Cell::{Blank, Bool, Escaped, Null, Number};
    let text = |t: &str| Cell::Text(t.to_owned());
    for (cells, field, want) in [
        (vec![("Name", text("olena")), ("Domain", text("CORP"))], "User", Some(r"CORP\olena")),
        (vec![("Name", text("olena"))], "User", Some("olena")),
        (vec![("Name", text("")), ("Domain", text("CORP"))], "User", Some("CORP")),
        (vec![("Name", Null), ("Domain", Blank)], "User", None),
        (
            vec![("Name", Escaped(r"\u041e\u043b".into(), false)), ("Domain", text("Є"))],
            "User",
            Some(r"Є\Ол"),
        ),
        (vec![("Object", text(r"\registry\machine\Run"))], "TargetObject", Some(r"HKLM\Run")),
        // Of nested prefixes the longest counts.
        (
            vec![("Object", text(r"\REGISTRY\MACHINE\SYSTEM\ControlSet001\Services\x"))],
            "TargetObject",
            Some(r"HKLM\System\CurrentControlSet\Services\x"),
        ),
        (
            vec![("Object", text(r"\REGISTRY\MACHINE\SYSTEM\Select"))],
            "TargetObject",
            Some(r"HKLM\SYSTEM\Select"),
        ),
        (vec![("Object", text(r"\REGISTRY\USER\S-1"))], "TargetObject", Some(r"HKU\S-1")),
        // As long as the prefix in bytes, and cut in the middle of a character.
        (vec![("Object", text(r"\REGISTRY\MACHINї"))], "TargetObject", Some(r"\REGISTRY\MACHINї")),
        (vec![("Code", Number("2".into()))], "Type", Some("two")),
        (vec![("Code", text("9"))], "Type", Some("many")),
        (vec![("Code", Bool(true))], "Type", Some("many")),
        (vec![("Code", Blank)], "Type", None),
        (vec![("Code", text("9"))], "Kind", Some("9")),
        (vec![("Code", text("1"))], "Kind", Some("one")),
        (vec![], "Kind", None),
        (vec![("Hex", text("0x1A4"))], "Pid", Some("420")),
        (vec![("Hex", text("0X0"))], "Pid", Some("0")),
        (vec![("Hex", text("0xffffffffffffffff"))], "Pid", Some("18446744073709551615")),
        (vec![("Hex", text("0x10000000000000000"))], "Pid", None),
        (vec![("Hex", text("1a4"))], "Pid", None),
        (vec![("Hex", text("0x"))], "Pid", None),
        (
            vec![("arg", text("nc")), ("arg", text("")), ("arg", text("-e")), ("arg", text("sh"))],
            "CommandLine",
            Some("nc -e sh"),
        ),
    ] {
        let name = format!("v.{field}");
        for hot in [true, false] {
            let wanted = [name.as_str()];
            let house = house(DERIVED, "s", 1, if hot { &wanted } else { &[] });
            let mut b = RowBuilder::new(SourceId(0), &house.catalogue, &house.projection, Buffers::default());
            b.begin();
            cells.iter().for_each(|(n, c)| push(&mut b, house.fields.id(n).unwrap(), c));
            b.end(header(&house, 1));
            let batch = b.finish();
            let got = batch.show(0, house.fields.id(&name).unwrap());
            // What nobody compares is not computed.
            assert_eq!(got.as_deref(), want.filter(|_| hot), "{field} of {cells:?}");
        }
    }
}

/// Joining is bounded: a record with a million arguments makes no text of a million.
#[test]
fn a_join_is_bounded() {
    let house = house(DERIVED, "s", 1, &["v.CommandLine"]);
    let arg = house.fields.id("arg").unwrap();
    let mut b = RowBuilder::new(SourceId(0), &house.catalogue, &house.projection, Buffers::default());
    b.begin();
    for _ in 0..1_000_000 {
        b.text_cell(arg, "x");
    }
    b.end(header(&house, 1));
    let batch = b.finish();
    let joined = batch.show(0, house.fields.id("v.CommandLine").unwrap()).unwrap();
    assert!(joined.len() < 4_096, "{}", joined.len());
}

/// An independent reader of JSON strings agrees, wherever the text is a JSON string at all.
#[test]
fn escapes_as_another_reader_resolves_them() {
    let mut random = Random(6);
    let mut agreed = 0;
    for _ in 0..50_000 {
        let raw = random.text(&PARTS, 10);
        let ours = unescape_json(&raw);
        if let Ok(theirs) = serde_json::from_str::<String>(&format!("\"{raw}\"")) {
            assert_eq!(ours, theirs, "{raw:?}");
            agreed += 1;
        }
        let text = random.text(&PARTS, 20);
        let escaped = serde_json::to_string(&text).unwrap();
        assert_eq!(unescape_json(&escaped[1..escaped.len() - 1]), text);
    }
    assert!(agreed > 1_000, "{agreed}");
}

#[test]
fn field_sets_are_sets() {
    let mut random = Random(7);
    for _ in 0..200 {
        let (mut set, mut model) = (FieldSet::new(), std::collections::BTreeSet::new());
        for _ in 0..random.below(40) {
            let id = FieldId(random.below(700) as u16);
            set.insert(id);
            model.insert(id);
        }
        set.insert(FieldId::NONE);
        assert!(!set.contains(FieldId::NONE));
        assert_eq!(set.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
        assert_eq!(set.is_empty(), model.is_empty());
        let mut other = FieldSet::new();
        other.insert(FieldId(1_000));
        other.union(&set);
        assert!(model.iter().all(|id| other.contains(*id)) && other.contains(FieldId(1_000)));
    }
    let mut fields = FieldsBuilder::new();
    for n in 0..MAX_FIELDS {
        assert!(fields.intern(&format!("f{n}")).is_some());
    }
    assert_eq!(fields.intern("one more"), None);
    assert_eq!(fields.intern("f7"), Some(FieldId(7)), "known names stay known");
    let fields = fields.close();
    assert_eq!((fields.len(), fields.name(FieldId(9)), fields.name(FieldId::NONE)), (MAX_FIELDS, "f9", ""));
}

#[test]
fn names_of_one_batch() {
    let house = house("[[stream]]\nnames = [\"s\"]\n", "s", 0, &["a"]);
    let mut buffers = Buffers::default();
    for round in 0..3 {
        let mut b = RowBuilder::new(SourceId(0), &house.catalogue, &house.projection, buffers);
        let a = b.local("a");
        assert!(a.is_local() && !a.is_known() && b.local("a") == a && a != FieldId(0), "round {round}");
        assert_eq!(b.local(&"é".repeat(129)), FieldId::NONE, "258 bytes");
        let long = b.local(&"é".repeat(128));
        let ids: Vec<FieldId> = (2..MAX_LOCAL_NAMES).map(|n| b.local(&format!("n{n}"))).collect();
        assert!(ids.iter().all(|id| id.is_local()));
        assert_eq!((b.local("one more"), b.local("n7")), (FieldId::NONE, ids[5]), "known names stay known");
        b.begin();
        b.text_cell(FieldId(0), "known");
        b.text_cell(a, "local");
        b.text_cell(FieldId::NONE, "unnamed");
        push(&mut b, ids[9], &Cell::Escaped("x\\ty".into(), false));
        let start = b.arena().len();
        b.arena_mut().push_str("extra quiet");
        b.extra_cell(FieldId(0), start..start + 5);
        b.quiet_cell(long, start + 6..start + 11);
        b.end(header(&house, 1));
        let batch = b.finish();
        let (mut each, mut every, mut text) = (Vec::new(), Vec::new(), Vec::new());
        batch.each(0, &mut |f, v| each.push((f, v.text().unwrap_or("").to_owned())));
        batch.every(0, &mut |f, v| every.push((f, v.text().unwrap_or("").to_owned())));
        batch.scan_text(0, &mut |t| text.push(t.to_owned()));
        let pair = |f: FieldId, t: &str| (f, t.to_owned());
        assert_eq!(each, [pair(FieldId(0), "known"), pair(FieldId(0), "extra")]);
        let want = [(FieldId(0), "known"), (a, "local"), (FieldId::NONE, "unnamed"), (ids[9], "x\ty")];
        assert_eq!(
            every,
            want.into_iter().chain([(long, "quiet")]).map(|(f, t)| pair(f, t)).collect::<Vec<_>>()
        );
        assert_eq!(text, ["known", "local", "unnamed", "x\ty", "extra"]);
        assert_eq!((batch.local_name(a), batch.local_name(ids[9])), ("a", "n11"));
        assert_eq!((batch.local_name(FieldId(0)), batch.local_name(FieldId::NONE)), ("", ""));
        buffers = batch.into_buffers();
    }
}

#[test]
fn digests_are_those_of_the_text_or_those_given() {
    let house = house("[[stream]]\nnames = [\"s\"]\n", "s", 0, &["a"]);
    let mut b = RowBuilder::new(SourceId(0), &house.catalogue, &house.projection, Buffers::default());
    for given in [None, Some([1; 16]), None, Some([2; 16])] {
        b.begin();
        // What is given for a row that is given up is not the next one's.
        b.set_digest([9; 16]);
        b.abandon();
        b.begin();
        b.text_cell(FieldId(0), "abc");
        given.into_iter().for_each(|digest| b.set_digest(digest));
        b.end(header(&house, 1));
    }
    let batch = b.finish();
    // FIPS 180-2, appendix B.1.
    let abc =
        [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23];
    assert_eq!([0, 1, 2, 3].map(|row| batch.digest(row)), [abc, [1; 16], abc, [2; 16]]);
    let mut b = RowBuilder::new(SourceId(0), &house.catalogue, &house.projection, batch.into_buffers());
    b.begin();
    b.text_cell(FieldId(0), "abc");
    b.end(header(&house, 1));
    assert_eq!(b.finish().digest(0), abc, "in used buffers");
}

/// Of several names the first that has a value gives the field.
#[test]
fn the_first_of_several_names() {
    let toml = "product = \"p\"\n[[stream]]\nnames = [\"s\"]\nview = \"v\"\n[[view]]\nname = \"v\"\n\
                [[view.derive]]\nfield = \"U\"\nfirst = [\"g\", \"h\"]\n";
    let house = house(toml, "s", 0, &["g", "h", "v.U"]);
    let id = |name: &str| house.fields.id(name).unwrap();
    for (given, wanted) in [
        (&[("g", "1"), ("h", "2")][..], Some("1")),
        (&[("h", "2"), ("h", "3")], Some("2")),
        (&[("g", ""), ("h", "2")], Some("2")),
        (&[], None),
    ] {
        let mut b = RowBuilder::new(SourceId(0), &house.catalogue, &house.projection, Buffers::default());
        b.begin();
        given.iter().for_each(|(name, text)| b.text_cell(id(name), text));
        b.end(header(&house, 1));
        let batch = b.finish();
        assert_eq!(batch.field(0, id("v.U")).text(), wanted);
    }
}

/// A row filled again from what `every` gave has the computed cells of the first one.
#[test]
fn computed_cells_come_again() {
    let toml = "product = \"p\"\n[[stream]]\nnames = [\"s\"]\nview = \"v\"\n[[view]]\nname = \"v\"\n\
                [[view.derive]]\nfield = \"U\"\njoin = [\"g\", \"h\"]\nsep = \"-\"\n";
    let names = ["Hashes", "md5", "MD5", "sha1", "g", "k", "v.U"];
    let mut house = house(toml, "s", 0, &names);
    house.projection.want_text(house.shape);
    let hashes = HashNames::new(&house.fields);
    let bare = "0cce9210-69ae-11d9-bed3-505054503030";
    let braced = format!("{{{bare}}}");
    let id = |name: &str| house.fields.id(name).unwrap();
    let kept = [("Hashes", "MD5=aa, sha1 =c,X=d"), ("g", bare), ("k", &braced), ("h", "no GUID")];
    let mut b = RowBuilder::new(SourceId(0), &house.catalogue, &house.projection, Buffers::default());
    b.begin();
    for (name, text) in kept {
        let field = id(name);
        let start = b.arena().len();
        b.text_cell(field, text);
        b.spell_guid(house.shape, field, start..start + text.len());
        if hashes.is_whole(field) {
            b.hash_parts(&hashes, house.shape, start..start + text.len());
        }
    }
    b.end(header(&house, 1));
    let batch = b.finish();
    let mut each = Vec::new();
    batch.each(0, &mut |f, v| each.push((house.fields.name(f), v.text().unwrap_or(""))));
    let derived = format!("{bare}-no GUID");
    assert_eq!(
        each,
        [
            ("Hashes", "MD5=aa, sha1 =c,X=d"),
            ("md5", "aa"),
            ("MD5", "aa"),
            ("sha1", "c"),
            ("g", bare),
            ("k", &braced),
            ("k", bare),
            ("h", "no GUID"),
            ("v.U", &derived),
        ]
    );
    let mut text = Vec::new();
    batch.scan_text(0, &mut |t| text.push(t.to_owned()));
    assert!(text.contains(&braced), "an input of a derived field has its other spelling for keywords only");
    let mut every = Vec::new();
    batch.every(0, &mut |f, v| {
        every.push((house.fields.name(f).to_owned(), v.text().unwrap_or("").to_owned()))
    });
    assert_eq!(every, kept.map(|(n, t)| (n.to_owned(), t.to_owned())));
}

#[test]
fn every_shape_has_a_name_of_its_own() {
    let mut fields = FieldsBuilder::new();
    let mut catalogue = Catalogue::default();
    let stream =
        "product = \"p\"\n[[stream]]\nnames = [\"s\"]\nservices = [\"x\"]\n[[stream.event]]\nids = [1]\n";
    catalogue.add("a.toml", stream, &mut fields).unwrap();
    catalogue.add("b.toml", stream, &mut fields).unwrap();
    let names: Vec<&str> = catalogue.shapes().map(|(_, s)| s.name.as_str()).collect();
    assert_eq!(names, ["unrecognised", "p/other", "p/x", "p/x/1", "p/other#2", "p/x#2", "p/x/1#2"]);
    for (id, shape) in catalogue.shapes() {
        assert_eq!(catalogue.shape_named(&shape.name), Some(id));
    }
    assert_eq!(catalogue.shape_named("p/X"), None);
}
