//! One record of every vector, written down as it is found, in the words of the model.
//!
//! A shape is data: nothing here is code of a vector. Each example says how its record is
//! routed, what a person sees first, which observables join it to other vectors, and under
//! which other name a rule may ask for a field.

use std::sync::Arc;

use palisade_model::*;

/// A value as the record has it.
#[derive(Clone, Copy)]
enum Is {
    Text(&'static str),
    Number(&'static str),
    Bool(bool),
    Null,
    /// As JSON has it, escapes unresolved.
    Json(&'static str),
}
use Is::{Bool, Json, Null, Number, Text};

struct Example {
    vector: Vector,
    /// What knowledge says of the record's kind.
    shape: &'static str,
    stream: &'static str,
    event_id: u32,
    time: &'static str,
    /// In record order; a name that comes again is one field with several values.
    cells: &'static [(&'static str, Is)],
    /// Shape name.
    kind: &'static str,
    host: Option<&'static str>,
    telling: &'static [&'static str],
    observables: &'static [&'static str],
    /// Log source category of a rule, the field it reads, the values it gets.
    rule: (&'static str, &'static str, &'static [&'static str]),
}

/// A process start as Windows' own audit has it (Security, 4688).
const LOG_RECORD: Example = Example {
    vector: Vector::Host,
    shape: r#"
        product = "windows"
        [streams_default]
        host = "Computer"
        [[stream]]
        names = ["Security"]
        services = ["security"]
          [[stream.event]]
          ids = [4688]
          categories = ["process_creation"]
          view = "4688"
          telling = ["NewProcessName", "CommandLine"]
          observables = [["NewProcessName", "path"], ["SubjectUserSid", "sid"], ["Computer", "host"]]
        [[view]]
        name = "4688"
        rename = { Image = "NewProcessName" }
          [[view.derive]]
          field = "User"
          join = ["SubjectDomainName", "SubjectUserName"]
          sep = '\'
          [[view.derive]]
          field = "ProcessId"
          from = "NewProcessId"
          hex = true
    "#,
    stream: "security",
    event_id: 4688,
    time: "2026-03-01T12:00:00Z",
    cells: &[
        ("Computer", Text("WS-17.corp.example")),
        ("SubjectUserSid", Text("S-1-5-21-1-2-3-1001")),
        ("SubjectUserName", Text("olena")),
        ("SubjectDomainName", Text("CORP")),
        ("NewProcessId", Text("0x1a4")),
        ("NewProcessName", Text(r"C:\Windows\System32\vssadmin.exe")),
        ("CommandLine", Json(r"vssadmin.exe delete shadows /all \u2026")),
        ("TokenElevationType", Text("%%1937")),
    ],
    kind: "windows/security/4688",
    host: Some("WS-17.corp.example"),
    telling: &[r"C:\Windows\System32\vssadmin.exe", "vssadmin.exe delete shadows /all …"],
    observables: &[
        r"path:c:\windows\system32\vssadmin.exe",
        "sid:S-1-5-21-1-2-3-1001",
        "host:ws-17.corp.example",
    ],
    rule: ("process_creation", "User", &[r"CORP\olena"]),
};

/// A command to a substation: IEC 60870-5-104, C_DC_NA_1 (double command), three objects.
const IEC_104_COMMAND: Example = Example {
    vector: Vector::Network,
    shape: r#"
        product = "ot"
        [[stream]]
        names = ["iec104"]
        services = ["iec104"]
        host = "dst_ip"
        telling = ["asdu.type", "asdu.cause", "asdu.ioa", "asdu.value"]
        observables = [["src_ip", "ip"], ["dst_ip", "ip"]]
          [[stream.event]]
          ids = [45, 46, 47, 48, 49, 50, 51]
          categories = ["ot_command"]
          view = "command"
        [[view]]
        name = "command"
          [[view.derive]]
          field = "action"
          from = "asdu.value"
          table = { "1" = "open", "2" = "close" }
          default = "invalid"
    "#,
    stream: "iec104",
    event_id: 46,
    time: "2026-03-01T12:00:01.000250Z",
    cells: &[
        ("src_ip", Text("10.20.0.7")),
        ("dst_ip", Text("::ffff:10.20.1.9")),
        ("asdu.type", Text("C_DC_NA_1")),
        ("asdu.cause", Text("activation")),
        ("asdu.common_address", Number("3")),
        ("asdu.ioa", Number("30001")),
        ("asdu.ioa", Number("30002")),
        ("asdu.value", Number("1")),
        ("asdu.select", Bool(false)),
    ],
    kind: "ot/iec104/45,46,47,48",
    host: Some("::ffff:10.20.1.9"),
    telling: &["C_DC_NA_1", "activation", "30001", "1"],
    // The mapped address is the same machine as the plain one in every other vector.
    observables: &["ip:10.20.0.7", "ip:10.20.1.9"],
    rule: ("ot_command", "action", &["open"]),
};

/// A connection as Zeek logs it (conn.log).
const ZEEK_CONNECTION: Example = Example {
    vector: Vector::Network,
    shape: r#"
        product = "zeek"
        [[stream]]
        names = ["zeek/conn"]
        services = ["conn"]
        categories = ["network_connection"]
        rename = { DestinationIp = "id.resp_h", DestinationPort = "id.resp_p" }
        telling = ["id.orig_h", "id.resp_h", "id.resp_p", "service"]
        observables = [["id.orig_h", "ip"], ["id.resp_h", "ip"]]
    "#,
    stream: "Zeek/Conn",
    event_id: 0,
    time: "2026-03-01T12:00:02.5Z",
    cells: &[
        ("uid", Text("CHhAvVGS1DHFjwGM9")),
        ("id.orig_h", Text("2001:DB8::1")),
        ("id.orig_p", Number("51513")),
        ("id.resp_h", Text("203.0.113.9")),
        ("id.resp_p", Number("443")),
        ("service", Null),
        ("duration", Number("0.250000")),
        ("orig_bytes", Number("18446744073709551615")),
        ("tunnel_parents", Null),
    ],
    kind: "zeek/conn",
    host: None,
    // What is null is not worth a person's look.
    telling: &["2001:DB8::1", "203.0.113.9", "443"],
    observables: &["ip:2001:db8::1", "ip:203.0.113.9"],
    rule: ("network_connection", "DestinationPort", &["443"]),
};

/// A mail that is not from whom it seems to be.
const MAIL: Example = Example {
    vector: Vector::Mail,
    shape: r#"
        product = "mail"
        [[stream]]
        names = ["mail"]
        services = ["message"]
        categories = ["email"]
        telling = ["from", "subject"]
        observables = [["from.address", "email"], ["reply_to", "email"], ["to", "email"],
                       ["urls", "url"], ["received.ip", "ip"], ["attachment.sha256", "hash"]]
    "#,
    stream: "mail",
    event_id: 0,
    time: "2026-03-01T14:00:00+02:00",
    cells: &[
        ("from", Text("Виборча комісія <Info@Комісія.example.ua>")),
        ("from.address", Text("Info@Комісія.example.ua")),
        ("reply_to", Text("info@mail.example.org")),
        ("to", Text("olena@party.example.net")),
        ("subject", Json(r"\u0422\u0435\u0440\u043c\u0456\u043d\u043e\u0432\u043e: оновіть пароль")),
        ("urls", Text("HTTPS://Login.Example.org:443/a#x")),
        ("received.ip", Text("[198.51.100.4]")),
        ("spf", Text("fail")),
        ("attachment.sha256", Text("E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")),
    ],
    kind: "mail/message",
    host: None,
    telling: &["Виборча комісія <Info@Комісія.example.ua>", "Терміново: оновіть пароль"],
    observables: &[
        "email:info@xn--j1aefn4ewbb.example.ua",
        "email:info@mail.example.org",
        "email:olena@party.example.net",
        "url:https://login.example.org/a",
        "ip:198.51.100.4",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ],
    rule: ("email", "spf", &["fail"]),
};

/// A program as a file: what its headers say.
const PE_FILE: Example = Example {
    vector: Vector::Files,
    shape: r#"
        product = "files"
        [[stream]]
        names = ["pe"]
        services = ["pe"]
        categories = ["file"]
        telling = ["path", "pe.original_name", "pe.signer"]
        observables = [["path", "file_name"], ["hashes", "hashes"]]
    "#,
    stream: "pe",
    event_id: 0,
    time: "2025-12-24T23:59:60Z",
    cells: &[
        ("path", Text(r"Users\olena\Downloads\Рахунок.PDF.exe")),
        ("size", Number("73802")),
        (
            "hashes",
            Text(
                "MD5=D41D8CD98F00B204E9800998ECF8427E,\
                 SHA1=DA39A3EE5E6B4B0D3255BFEF95601890AFD80709,IMPHASH=00000000000000000000000000000000",
            ),
        ),
        ("pe.machine", Text("amd64")),
        ("pe.sections", Text(".text")),
        ("pe.sections", Text("UPX0")),
        ("pe.original_name", Text("svchost.exe")),
        ("pe.signed", Bool(false)),
    ],
    kind: "files/pe",
    host: None,
    telling: &[r"Users\olena\Downloads\Рахунок.PDF.exe", "svchost.exe"],
    // An all-zero hash is Sysmon's way of saying that there is none.
    observables: &[
        "file_name:рахунок.pdf.exe",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
    ],
    rule: ("file", "pe.sections", &[".text", "UPX0"]),
};

/// A transfer of 123,456,789.000000000000000001 ether: more wei than a u64 counts.
const TRANSACTION: Example = Example {
    vector: Vector::Money,
    shape: r#"
        product = "ledger"
        [[stream]]
        names = ["ethereum"]
        services = ["transfer"]
        categories = ["transfer"]
        telling = ["from", "to", "value", "asset"]
        observables = [["from", "crypto_address"], ["to", "crypto_address"]]
    "#,
    stream: "ethereum",
    event_id: 0,
    time: "2026-03-02T00:00:11Z",
    cells: &[
        ("hash", Text("0x5c504ed432cb51138bcf09aa5e8a410dd4a1e204ef84bfed1be16dfba1b22060")),
        ("block", Number("24000000")),
        ("from", Text("0x52908400098527886E0F7030069857D2E4169EE7")),
        ("to", Text("0xde709f2102306220921060314715629080e2fb77")),
        ("value", Number("123456789000000000000000001")),
        ("asset", Text("ETH")),
    ],
    kind: "ledger/transfer",
    host: None,
    telling: &[
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
        "123456789000000000000000001",
        "ETH",
    ],
    observables: &[
        "crypto_address:0x52908400098527886e0f7030069857d2e4169ee7",
        "crypto_address:0xde709f2102306220921060314715629080e2fb77",
    ],
    rule: ("transfer", "value", &["123456789000000000000000001"]),
};

/// A post, one of many alike.
const POST: Example = Example {
    vector: Vector::Influence,
    shape: r#"
        product = "social"
        [[stream]]
        names = ["post"]
        services = ["post"]
        categories = ["post"]
        user = "author.name"
        telling = ["author.name", "text"]
        observables = [["author.id", "account"], ["links", "domain"]]
    "#,
    stream: "post",
    event_id: 0,
    time: "2026-03-01 12:00:05.1234567 +0200",
    cells: &[
        ("id", Number("1893000000000000001")),
        ("author.id", Text(r"Example.Social\Patriot_1987")),
        ("author.name", Text("Patriot\u{202e}7891")),
        ("text", Json(r"Вибори скасовано! \ud83d\uddf3 https:\/\/Вибори.example.com")),
        ("links", Text("Вибори.example.com")),
        ("links", Text("localhost")),
        ("shares", Number("0")),
        ("in_reply_to", Null),
    ],
    kind: "social/post",
    host: None,
    // As the record has it; what shows it neutralises it.
    telling: &["Patriot\u{202e}7891", "Вибори скасовано! 🗳 https://Вибори.example.com"],
    observables: &[
        r"account:example.social\patriot_1987",
        "domain:xn--90absb3am.example.com",
        "host:localhost",
    ],
    rule: ("post", "links", &["Вибори.example.com", "localhost"]),
};

const EXAMPLES: [Example; 7] =
    [LOG_RECORD, IEC_104_COMMAND, ZEEK_CONNECTION, MAIL, PE_FILE, TRANSACTION, POST];

/// What is closed before a record is read.
struct House {
    fields: Fields,
    catalogue: Catalogue,
    projection: Projection,
}

impl House {
    /// Knows the example's kind of record, and one rule.
    fn of(example: &Example) -> House {
        let mut fields = FieldsBuilder::new();
        let mut catalogue = Catalogue::default();
        catalogue.add("example.toml", example.shape, &mut fields).unwrap();
        let (category, field, _) = example.rule;
        let source = Logsource { category: Some(category.to_owned()), ..Logsource::default() };
        let mut wanted = Vec::new();
        for (id, shape) in catalogue.shapes().filter(|(_, s)| s.binds(&source)) {
            let mut set = FieldSet::new();
            set.insert(fields.intern(shape.native_name(&source, field)).unwrap());
            wanted.push((id, set));
        }
        assert!(!wanted.is_empty(), "no record is of {category}");
        let mut projection = Projection::new(&catalogue);
        for (id, set) in &wanted {
            projection.want(*id, set);
        }
        House { fields: fields.close(), catalogue, projection }
    }

    fn shape(&self, example: &Example) -> ShapeId {
        self.catalogue.shape(self.catalogue.stream(example.stream).unwrap(), example.event_id)
    }

    /// As a reader does it: what nobody asked for keeps its text and loses its name.
    fn read(&self, example: &Example) -> RowBatch {
        let shape = self.shape(example);
        let mut b = RowBuilder::new(SourceId(7), &self.catalogue, &self.projection, Buffers::default());
        b.begin();
        for (name, value) in example.cells {
            let asked = self.fields.id(name).filter(|f| self.projection.kept(shape).contains(*f));
            let field = asked.unwrap_or(FieldId::NONE);
            match *value {
                Text(text) => b.text_cell(field, text),
                Bool(value) => b.bool_cell(field, value),
                Null => b.null_cell(field),
                Number(text) | Json(text) => {
                    let start = b.arena().len();
                    b.arena_mut().push_str(text);
                    let range = start..b.arena().len();
                    if matches!(value, Number(_)) {
                        b.number_cell(field, range);
                    } else {
                        b.escaped_cell(field, range, self.projection.hot(shape).contains(field));
                    }
                }
            }
        }
        let time = Time::parse(example.time).unwrap();
        b.end(RowHeader {
            shape,
            time: Some(time),
            record: 42,
            offset: 4_096,
            recovered: false,
            guids: false,
            blank: false,
        });
        b.finish()
    }
}

/// The finding that a rule would make of the record.
fn finding(house: &House, example: &Example, batch: &RowBatch) -> Finding {
    let event = Event { batch, row: 0 };
    let header = event.header();
    let shape = house.catalogue.shape_of(header.shape);
    let mut observables = Vec::new();
    for (field, extract) in &shape.observables {
        batch.each_shown(*field, &mut |text| extract.apply(text, &mut observables));
    }
    let rule = RuleInfo {
        id: format!("example-{}", example.vector.name()),
        title: "Example".to_owned(),
        level: Severity::High,
        confidence: Confidence(75),
        attack: vec!["T0855".to_owned()],
        software: Vec::new(),
        author: None,
        license: None,
        description: None,
        false_positives: Vec::new(),
        file: "example.yml".to_owned(),
    };
    let told = shape.telling.iter().filter_map(|f| {
        let value = event.show(*f).filter(|v| !v.is_empty())?;
        Some((house.fields.name(*f).to_owned(), value.into_owned()))
    });
    Finding {
        id: FindingId::new(&rule.id, &batch.digest(0)),
        vector: example.vector,
        rule: Arc::new(rule),
        message: Message { id: "sigma.match".to_owned(), args: told.collect() },
        time: header.time,
        time_end: header.time,
        host: shape.host.iter().find_map(|f| event.show(*f)).map(|h| h.into_owned()),
        observables,
        citations: vec![Citation { source: batch.source(0), record: header.record, offset: header.offset }],
        recovered: header.recovered,
    }
}

/// Every value of a field, cold ones too: `Batch::show` gives the first alone.
trait EachShown {
    fn each_shown(&self, field: FieldId, f: &mut dyn FnMut(&str));
}

impl EachShown for RowBatch {
    fn each_shown(&self, field: FieldId, f: &mut dyn FnMut(&str)) {
        let mut any = false;
        self.each(0, &mut |id, value| {
            if let (true, Some(text)) = (id == field, value.text()) {
                any = true;
                f(text);
            }
        });
        if let (false, Some(text)) = (any, self.show(0, field)) {
            f(&text);
        }
    }
}

#[test]
fn every_vector_fits() {
    for example in &EXAMPLES {
        let name = example.kind;
        let house = House::of(example);
        let shape = house.shape(example);
        assert_eq!(house.catalogue.shape_of(shape).name, name);
        let batch = house.read(example);
        assert_eq!(batch.len(), 1, "{name}");

        let finding = finding(&house, example, &batch);
        assert_eq!(finding.host.as_deref(), example.host, "{name}");
        let told: Vec<&str> = finding.message.args.iter().map(|(_, v)| v.as_str()).collect();
        assert_eq!(told, example.telling, "{name}");
        let observables: Vec<String> = finding.observables.iter().map(|o| o.to_string()).collect();
        assert_eq!(observables, example.observables, "{name}");
        assert_eq!(
            finding.citations,
            [Citation { source: SourceId(7), record: 42, offset: 4_096 }],
            "{name}"
        );
        assert_eq!(finding.time, Some(Time::parse(example.time).unwrap()), "{name}");

        let (category, field, want) = example.rule;
        let source = Logsource { category: Some(category.to_owned()), ..Logsource::default() };
        let native = house.catalogue.shape_of(shape).native_name(&source, field);
        let id = house.fields.id(native).unwrap();
        let mut values = Vec::new();
        batch.each(0, &mut |f, v| values.extend(v.text().filter(|_| f == id)));
        assert_eq!(values, want, "{name}");
        assert_eq!(batch.field(0, id).text(), want.first().copied(), "{name}");
    }
}

#[test]
fn every_text_of_a_record_is_searched_whether_its_field_is_known_or_not() {
    for example in &EXAMPLES {
        let batch = House::of(example).read(example);
        let mut searched = String::new();
        batch.scan_text(0, &mut |text| {
            searched.push_str(text);
            searched.push('\n');
        });
        for (name, value) in example.cells {
            match value {
                Text(text) | Number(text) => assert!(searched.contains(text), "{} {name}", example.kind),
                Json(text) => assert!(searched.contains(&*unescape_json(text)), "{} {name}", example.kind),
                Bool(_) | Null => {}
            }
        }
    }
}

/// The id is part of what a case keeps: if it changes, every verdict loses its finding.
#[test]
fn the_content_id_of_a_finding_is_pinned() {
    let ids: Vec<String> = EXAMPLES
        .iter()
        .map(|example| {
            let house = House::of(example);
            finding(&house, example, &house.read(example)).id.to_string()
        })
        .collect();
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), EXAMPLES.len());
    // SHA-256 over the two parts, each behind its length as eight bytes, little endian; first half.
    assert_eq!(FindingId::new("", &[0; 16]).to_string(), "2d77a6f16003c7f09e6daea5caf4e61b");
    assert_ne!(FindingId::new("a", &[0; 16]), FindingId::new("a\0", &[0; 16]));
}

/// Each vector explains itself with an exhibit of its own form; who draws it knows no vector.
#[test]
fn exhibits_carry_every_vector() {
    let house = House::of(&TRANSACTION);
    let money = finding(&house, &TRANSACTION, &house.read(&TRANSACTION));
    let flow = Exhibit {
        title: "Where the funds went".to_owned(),
        body: ExhibitBody::Flow {
            nodes: money.observables.iter().map(|o| o.value().to_owned()).collect(),
            // Exact: a float would say 123456789000000003...
            flows: vec![(0, 1, "123456789000000000000000001".to_owned(), "wei".to_owned())],
        },
        citations: money.citations.clone(),
        tlp: Tlp::default(),
    };
    assert_eq!(flow.tlp, Tlp::Red, "what is not marked is not public");
    assert!(!flow.citations.is_empty());

    let graph = Exhibit {
        title: "Accounts that posted the same within a minute".to_owned(),
        body: ExhibitBody::Graph {
            nodes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            edges: vec![(0, 1, 0.9), (1, 2, 0.8)],
        },
        citations: money.citations.clone(),
        tlp: Tlp::Amber,
    };
    let matrix = Exhibit {
        title: "Who talks to whom, by Purdue level".to_owned(),
        body: ExhibitBody::Matrix {
            rows: ["3", "2", "1"].map(str::to_owned).to_vec(),
            columns: ["2", "1"].map(str::to_owned).to_vec(),
            cells: vec![4.0, 0.0, 0.0, 11.0, 0.0, 2.0],
        },
        citations: Vec::new(),
        tlp: Tlp::Green,
    };
    let timeline = Exhibit {
        title: "The night".to_owned(),
        body: ExhibitBody::Timeline { entries: vec![(money.time.unwrap(), "first transfer".to_owned())] },
        citations: money.citations,
        tlp: Tlp::Clear,
    };
    for exhibit in [flow, graph, matrix, timeline] {
        assert!(is_drawable(&exhibit.body), "{}", exhibit.title);
    }
    assert!(!is_drawable(&ExhibitBody::Graph { nodes: vec!["a".to_owned()], edges: vec![(0, 1, 1.0)] }));
}

/// What a drawing needs of an exhibit: indices that hit, rows as long as their headings.
fn is_drawable(body: &ExhibitBody) -> bool {
    let hits = |n: usize, i: u32| (i as usize) < n;
    match body {
        ExhibitBody::Table { columns, rows } => rows.iter().all(|r| r.len() == columns.len()),
        ExhibitBody::Graph { nodes, edges } => {
            edges.iter().all(|(a, b, _)| hits(nodes.len(), *a) && hits(nodes.len(), *b))
        }
        ExhibitBody::Flow { nodes, flows } => flows.iter().all(|(a, b, amount, _)| {
            hits(nodes.len(), *a) && hits(nodes.len(), *b) && amount.bytes().all(|d| d.is_ascii_digit())
        }),
        ExhibitBody::Timeline { entries } => entries.is_sorted_by_key(|(t, _)| *t),
        ExhibitBody::Matrix { rows, columns, cells } => cells.len() == rows.len() * columns.len(),
    }
}
