//! Material with everything in it: a made-up intrusion at a made-up grid operator.

use palisade_model::{
    Campaign, CampaignId, Citation as At, Confidence, Exhibit, ExhibitBody, FindingId, Join, Message,
    Observable, ObservableKind as Kind, Severity, SourceId, Step, Term, TermKind, Time, Tlp, Vector, Verdict,
    VerdictKind, Weight,
};
use palisade_report::{
    Citation, Coverage, Evidence, Finding, Gravity, Hypothesis, Material, Organisation, Paragraph, Problem,
    ShapeSeen, Source,
};

pub fn at(text: &str) -> Time {
    Time::parse(text).unwrap()
}

pub fn id(n: u64) -> FindingId {
    FindingId::new("sample", &u128::from(n).to_le_bytes())
}

pub fn sha(n: u64) -> String {
    format!("{}{}", id(n), id(n + 1_000_000))
}

pub fn o(kind: Kind, text: &str) -> Observable {
    Observable::parse(kind, text).unwrap()
}

struct Row<'a>(
    u64,
    &'a str,
    Severity,
    Vector,
    &'a str,
    &'a str,
    &'a [&'a str],
    Vec<Observable>,
    Vec<(&'a str, &'a str)>,
);

const FILES: [(&str, u64, u64); 5] = [
    ("evidence/ws-0412/Sysmon.evtx", 68_157_440, 91_204),
    ("evidence/dc01/Security.evtx", 1_073_741_824, 1_402_338),
    ("evidence/mail/gateway-2026-08.ndjson", 4_202_113, 9_120),
    ("evidence/scada/eve.json", 802_113_991, 1_988_211),
    ("evidence/m365-audit.json", 12_400_003, 40_020),
];

pub fn rich() -> Material {
    use Severity::*;
    let c2 = o(Kind::Ip, "203.0.113.77");
    let lure = o(Kind::Domain, "login-energy-portal.com");
    let url = o(Kind::Url, "https://login-energy-portal.com/update/notice.html?id=77");
    let sender = o(Kind::Email, "billing@invoices-portal.com");
    let tool = o(Kind::Sha256, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    let olena = o(Kind::Account, "nordlicht\\o.kovalenko");
    let admin = o(Kind::Account, "nordlicht\\adm-reuter");
    let ws = o(Kind::Host, "ws-0412.nordlicht-netz.de");
    let dc = o(Kind::Host, "dc01.nordlicht-netz.de");
    let inner = o(Kind::Ip, "10.20.4.12");
    let path = o(Kind::Path, r"C:\Users\o.kovalenko\AppData\Local\Temp\notice.exe");
    let rows = vec![
        Row(
            1,
            "2026-03-03T08:12:44Z",
            Medium,
            Vector::Mail,
            "mx1.nordlicht-netz.de",
            "Mail with a link to a look-alike of an own domain",
            &["T1566.002"],
            vec![sender.clone(), lure.clone(), url.clone()],
            vec![
                ("From", "Billing <billing@invoices-portal.com>"),
                ("Subject", "Mahnung für Lastgangdaten"),
                ("To", "o.kovalenko@nordlicht-netz.de"),
            ],
        ),
        Row(
            2,
            "2026-03-03T09:40:02Z",
            High,
            Vector::Host,
            "ws-0412.nordlicht-netz.de",
            "Browser starts a script host with an encoded command",
            &["T1204.002", "T1059.001"],
            vec![ws.clone(), olena.clone(), path.clone(), c2.clone(), tool.clone()],
            vec![
                (
                    "CommandLine",
                    "powershell.exe -NoP -W Hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQA",
                ),
                ("ParentImage", r"C:\Program Files\Edge\msedge.exe"),
                ("User", r"NORDLICHT\o.kovalenko"),
            ],
        ),
        Row(
            3,
            "2026-03-03T09:40:31Z",
            High,
            Vector::Host,
            "ws-0412.nordlicht-netz.de",
            "Run key points into a temporary folder",
            &["T1547.001"],
            vec![ws.clone(), path.clone(), olena.clone()],
            vec![(
                "TargetObject",
                r"HKU\S-1-5-21-1004336348-1177238915-682003330-1112\Software\Microsoft\Windows\CurrentVersion\Run\Notice",
            )],
        ),
        Row(
            4,
            "2026-03-03T09:52:10Z",
            Critical,
            Vector::Host,
            "ws-0412.nordlicht-netz.de",
            "Memory of the local security authority read",
            &["T1003.001"],
            vec![ws.clone(), tool.clone(), olena.clone()],
            vec![
                ("SourceImage", r"C:\Users\o.kovalenko\AppData\Local\Temp\notice.exe"),
                ("GrantedAccess", "0x1410"),
            ],
        ),
        Row(
            5,
            "2026-08-19T22:03:51Z",
            High,
            Vector::Host,
            "dc01.nordlicht-netz.de",
            "Logon with a credential that was stolen before",
            &["T1078.002", "T1021.002"],
            vec![dc.clone(), admin.clone(), inner.clone()],
            vec![("TargetUserName", "adm-reuter"), ("IpAddress", "10.20.4.12"), ("LogonType", "3")],
        ),
        Row(
            6,
            "2026-08-19T22:15:20Z",
            Critical,
            Vector::Host,
            "dc01.nordlicht-netz.de",
            "Directory replicated by an account that is no controller",
            &["T1003.006"],
            vec![dc.clone(), admin.clone(), c2.clone()],
            vec![("SubjectUserName", "adm-reuter"), ("Properties", "DS-Replication-Get-Changes-All")],
        ),
        Row(
            7,
            "2026-08-19T22:31:05Z",
            Medium,
            Vector::Host,
            "dc01.nordlicht-netz.de",
            "Important event log cleared",
            &["T1685.005"],
            vec![dc.clone(), admin.clone()],
            vec![("Channel", "Security")],
        ),
        Row(
            8,
            "2026-08-20T01:10:44Z",
            High,
            Vector::Network,
            "gw-scada-2",
            "Control protocol from a machine that never spoke it",
            &["T0855", "T0886"],
            vec![c2.clone(), o(Kind::Ip, "10.77.0.9")],
            vec![("proto", "iec104"), ("asdu", "C_DC_NA_1"), ("dest_ip", "10.77.0.9")],
        ),
        Row(
            9,
            "2026-08-20T01:12:02Z",
            Critical,
            Vector::Network,
            "gw-scada-2",
            "Breaker command outside of the maintenance window",
            &["T0831"],
            vec![o(Kind::Ip, "10.77.0.9")],
            vec![("asdu", "C_DC_NA_1"), ("ioa", "4711"), ("value", "OFF")],
        ),
        Row(
            10,
            "2026-08-20T04:00:00Z",
            Medium,
            Vector::Host,
            "exchange online",
            "Inbox rule hides mail about security or payment",
            &["T1564.008", "T1114.003"],
            vec![o(Kind::Account, "m.reuter@nordlicht-netz.de"), o(Kind::Ip, "198.51.100.23")],
            vec![("Parameters", "DeleteMessage=True; SubjectContainsWords=alert")],
        ),
        Row(
            11,
            "2026-08-20T04:00:41Z",
            Low,
            Vector::Host,
            "exchange online",
            "Sign-in from a country new for this account",
            &["T1078.004"],
            vec![o(Kind::Account, "m.reuter@nordlicht-netz.de"), o(Kind::Ip, "198.51.100.23")],
            vec![("Country", "—")],
        ),
        Row(
            12,
            "2026-05-11T12:00:00Z",
            Medium,
            Vector::Host,
            "ws-0099",
            "Administrative tool started by a user",
            &["T1219"],
            vec![o(Kind::Host, "ws-0099"), o(Kind::Account, "nordlicht\\backup")],
            vec![("Image", r"C:\Tools\remote.exe")],
        ),
        Row(
            13,
            "2026-06-02T10:20:30Z",
            Informational,
            Vector::Files,
            "ws-0101",
            "Macro in a document",
            &[],
            vec![o(Kind::Sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")],
            vec![],
        ),
    ];
    let findings: Vec<Finding> = rows
        .into_iter()
        .map(|Row(n, t, severity, vector, host, title, attack, observables, args)| {
            let file = match vector {
                Vector::Mail => 2,
                Vector::Network => 3,
                _ if host.starts_with("dc") => 1,
                _ if host.starts_with("exch") => 4,
                _ => 0,
            };
            Finding {
                id: id(n),
                rule: format!("5f0c{n:04}-1111-4222-8333-444455556666"),
                title: title.into(),
                severity,
                confidence: Confidence(if severity >= High { 80 } else { 50 }),
                vector,
                time: Some(at(t)),
                time_end: Some(at(t)),
                host: Some(host.into()),
                message: Message {
                    id: "sigma.match".into(),
                    args: args.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
                },
                observables,
                attack: attack.iter().map(|t| (*t).to_owned()).collect(),
                recovered: n == 7,
                citations: vec![Citation {
                    path: FILES[file].0.into(),
                    member: if vector == Vector::Mail {
                        "inbox.mbox!notice.eml".into()
                    } else {
                        String::new()
                    },
                    record: 1_000 + n,
                    offset: 4_096 * n,
                    sha256: sha(file as u64),
                }],
            }
        })
        .collect();
    let campaigns = vec![
        campaign(
            &findings,
            &[&[1], &[2], &[3], &[4], &[5], &[6, 7], &[8], &[9]],
            vec![
                join(
                    0,
                    1,
                    false,
                    &[
                        (TermKind::Shared, 6_214_608, Some(&lure)),
                        (TermKind::Stage, 1_203_973, None),
                        (TermKind::Prior, -3_000_000, None),
                    ],
                ),
                join(
                    1,
                    2,
                    false,
                    &[
                        (TermKind::Shared, 5_991_465, Some(&path)),
                        (TermKind::Shared, 4_605_170, Some(&ws)),
                        (TermKind::Cap, -2_000_000, None),
                        (TermKind::Stage, 2_302_585, None),
                        (TermKind::Prior, -3_000_000, None),
                    ],
                ),
                join(
                    2,
                    3,
                    false,
                    &[
                        (TermKind::Shared, 4_605_170, Some(&ws)),
                        (TermKind::Stage, 916_291, None),
                        (TermKind::Prior, -3_000_000, None),
                    ],
                ),
                join(
                    1,
                    3,
                    false,
                    &[
                        (TermKind::Shared, 6_000_000, Some(&tool)),
                        (TermKind::Stage, 1_000_000, None),
                        (TermKind::Prior, -3_000_000, None),
                    ],
                ),
                join(
                    1,
                    5,
                    true,
                    &[
                        (TermKind::Shared, 4_200_000, Some(&c2)),
                        (TermKind::Stage, -350_000, None),
                        (TermKind::Prior, -3_000_000, None),
                    ],
                ),
                join(
                    4,
                    5,
                    false,
                    &[
                        (TermKind::Shared, 5_600_000, Some(&admin)),
                        (TermKind::Stage, 2_000_000, None),
                        (TermKind::Prior, -3_000_000, None),
                    ],
                ),
                join(
                    5,
                    6,
                    true,
                    &[
                        (TermKind::Shared, 4_100_000, Some(&c2)),
                        (TermKind::Stage, 900_000, None),
                        (TermKind::Prior, -250_000, None),
                        (TermKind::Prior, -3_000_000, None),
                    ],
                ),
                join(
                    6,
                    7,
                    false,
                    &[
                        (TermKind::Stage, 2_900_000, None),
                        (TermKind::Analyst, 3_000_000, None),
                        (TermKind::Prior, -3_000_000, None),
                    ],
                ),
            ],
            0.78,
        ),
        campaign(
            &findings,
            &[&[11], &[10]],
            vec![join(
                0,
                1,
                true,
                &[
                    (TermKind::Shared, 6_000_000, Some(&o(Kind::Ip, "198.51.100.23"))),
                    (TermKind::Stage, 2_100_000, None),
                    (TermKind::Prior, -3_000_000, None),
                ],
            )],
            0.994,
        ),
    ];
    Material {
        everyday: Default::default(),
        case: "2026-031 Nordlicht Netz".into(),
        organisation: Organisation {
            name: "Nordlicht Netz GmbH".into(),
            domains: vec!["nordlicht-netz.de".into()],
            networks: vec!["192.0.2.0/24".into()],
            hosts: vec!["gw-scada-2".into()],
            names: vec!["Oleksandra Kovalenko".into()],
        },
        made: at("2026-11-23T08:30:00Z"),
        tool_version: "0.1.0".into(),
        analyst: "Marit Sørensen".into(),
        tlp: Tlp::Amber,
        exhibits: exhibits(),
        hypotheses: vec![
            Hypothesis {
                name: "An actor we do not know".into(),
                probability: 0.46,
                confidence: "low".into(),
                supporting: vec![Evidence {
                    text: "No private tool and no reused infrastructure was found".into(),
                    findings: vec![],
                }],
                would_change: vec!["Code of the tool that is shared with a known family".into()],
                knowledge: Some(at("2026-10-01T00:00:00Z")),
                ..Hypothesis::default()
            },
            Hypothesis {
                name: "A group that works for a state and knows substations".into(),
                probability: 0.41,
                confidence: "low".into(),
                supporting: vec![Evidence {
                    text: "Breaker commands with valid addresses at the first try".into(),
                    findings: vec![id(9), id(8)],
                }],
                against: vec![Evidence {
                    text: "Noisy theft of credentials months before".into(),
                    findings: vec![id(4)],
                }],
                would_change: vec!["The registration of the look-alike domain".into()],
                knowledge: Some(at("2026-10-01T00:00:00Z")),
                ..Hypothesis::default()
            },
        ],
        gravity: vec![Gravity {
            scale: "NCISS".into(),
            subject: campaigns[0].id.to_string(),
            level: "High".into(),
            score: Some((71.2, 64.0, 79.5)),
            inputs: vec![
                ("Functional impact".into(), "loss of control".into(), "100".into()),
                ("Actor".into(), "unknown".into(), "50".into()),
            ],
            evidence: vec![Evidence { text: "A breaker was opened".into(), findings: vec![id(9)] }],
        }],
        coverage: Coverage {
            shapes: vec![
                ShapeSeen {
                    shape: "windows/sysmon/1".into(),
                    events: 91_204,
                    first: Some(at("2026-03-01T00:00:00Z")),
                    last: Some(at("2026-09-01T00:00:00Z")),
                },
                ShapeSeen {
                    shape: "eve/iec104".into(),
                    events: 1_988_211,
                    first: Some(at("2026-08-01T00:00:00Z")),
                    last: Some(at("2026-09-01T00:00:00Z")),
                },
            ],
            unseen: vec![
                "Nothing is known of dc01 from 2026-08-19 22:31 on: its log was cleared.".into(),
                "No rules for evidence of kind proxy: 12 rules had no records to look at.".into(),
            ],
        },
        problems: vec![Problem {
            path: "evidence/dc01/Security.evtx".into(),
            code: "damaged_part".into(),
            message: "chunk 17 fails its checksum; what could be found in it was read".into(),
            times: 3,
        }],
        sources: FILES
            .iter()
            .enumerate()
            .map(|(i, (path, bytes, records))| Source {
                path: (*path).into(),
                sha256: sha(i as u64),
                bytes: *bytes,
                records: *records,
                complete: i != 1,
            })
            .collect(),
        custody: Some(sha(77)),
        verdicts: vec![
            verdict(&[&id(12).to_string()], VerdictKind::FalsePositive, "remote help by the service desk"),
            verdict(&[&id(4).to_string()], VerdictKind::Confirmed, "seen in the memory image too"),
        ],
        paragraphs: vec![Paragraph {
            heading: "What we think".into(),
            text: format!(
                "The intruder came by mail ([[finding:{}]]) and **waited five months** before moving on; see [[campaign:{}]].\nThe account `adm-reuter` was used at [[finding:{}]].\n\n- The log of dc01 ends early ([[source:{}]])\n- *Nobody* has explained [[finding:ffffffffffff]]\n\nCall Oleksandra Kovalenko at Nordlicht Netz GmbH.",
                id(1),
                campaigns[0].id,
                &id(5).to_string()[..10],
                &sha(1)[..12]
            ),
        }],
        campaigns,
        findings,
    }
}

fn verdict(subject: &[&str], kind: VerdictKind, reason: &str) -> Verdict {
    Verdict {
        subject: subject.iter().map(|s| (*s).to_owned()).collect(),
        kind,
        analyst: "Marit Sørensen".into(),
        time: at("2026-11-22T10:00:00Z"),
        reason: reason.into(),
        expires: None,
        undone: None,
    }
}

fn join(a: usize, b: usize, bridge: bool, terms: &[(TermKind, i64, Option<&Observable>)]) -> Join {
    let terms: Vec<Term> = terms
        .iter()
        .map(|(kind, w, o)| Term {
            kind: *kind,
            weight: Weight(*w),
            observable: o.cloned(),
            seen: o.map(|_| (3, 214)),
            apart: (*kind == TermKind::Stage).then_some(86_400_000_000 * (b as i64)),
            findings: o.map(|_| (id(a as u64 + 1), id(b as u64 + 1))),
            note: (*kind == TermKind::Analyst)
                .then(|| "Marit Sørensen: the same engineering station".to_owned()),
        })
        .collect();
    Join { steps: (a, b), score: terms.iter().map(|t| t.weight).sum(), terms, bridge }
}

pub fn campaign(findings: &[Finding], steps: &[&[u64]], joins: Vec<Join>, cohesion: f64) -> Campaign {
    let steps: Vec<Step> = steps
        .iter()
        .map(|ids| {
            let of: Vec<&Finding> =
                ids.iter().map(|n| findings.iter().find(|f| f.id == id(*n)).unwrap()).collect();
            let worst = of.iter().max_by_key(|f| f.severity).unwrap();
            let mut hosts: Vec<String> = of.iter().filter_map(|f| f.host.clone()).collect();
            hosts.sort();
            hosts.dedup();
            let mut attack: Vec<String> = of.iter().flat_map(|f| f.attack.clone()).collect();
            attack.sort();
            attack.dedup();
            Step {
                findings: of.iter().map(|f| f.id).collect(),
                first: of.iter().filter_map(|f| f.time).min(),
                last: of.iter().filter_map(|f| f.time).max(),
                vectors: vec![of[0].vector],
                hosts,
                title: worst.title.clone(),
                severity: worst.severity,
                attack,
            }
        })
        .collect();
    Campaign {
        id: CampaignId(steps[0].findings[0]),
        aliases: vec![CampaignId(id(900))],
        steps,
        joins,
        cohesion,
    }
}

fn exhibits() -> Vec<Exhibit> {
    let cite = At { source: SourceId(3), record: 17, offset: 9_000 };
    let of = |title: &str, body, tlp| Exhibit { title: title.into(), body, citations: vec![cite], tlp };
    vec![
        of(
            "Who speaks IEC 104 to whom",
            ExhibitBody::Graph {
                nodes: vec!["gw-scada-2".into(), "rtu-9".into(), "rtu-11".into(), "engineering-3".into()],
                edges: vec![(0, 1, 412.0), (1, 7, f64::NAN), (0, 2, 380.0), (3, 1, 12.0), (3, 2, 2.0)],
            },
            Tlp::Amber,
        ),
        of(
            "Commands by hour",
            ExhibitBody::Matrix {
                rows: vec!["C_DC_NA_1".into(), "C_SC_NA_1".into()],
                columns: (0..24).map(|h| format!("{h:02}")).collect(),
                cells: (0..48).map(|i| f64::from(i * 7 % 11) / 2.0).collect(),
            },
            Tlp::Green,
        ),
        of(
            "Settlement of ransom",
            ExhibitBody::Flow {
                nodes: vec!["victim".into(), "mixer".into()],
                flows: vec![(0, 1, "1.25000000".into(), "BTC".into())],
            },
            Tlp::Amber,
        ),
        of(
            "Only for the named",
            ExhibitBody::Table { columns: vec!["secret".into()], rows: vec![vec!["informant Zeta".into()]] },
            Tlp::Red,
        ),
        of(
            "Posts",
            ExhibitBody::Timeline {
                entries: vec![(at("2026-08-20T06:00:00Z"), "\"The grid is broken\" in four channels".into())],
            },
            Tlp::Green,
        ),
    ]
}

/// So many findings, a campaign of so many steps over them.
pub fn many(n: u64, steps: usize) -> Material {
    let mut m = rich();
    let start = at("2026-01-10T00:00:00Z").0;
    let base = m.findings.clone();
    for i in 0..n.saturating_sub(base.len() as u64) {
        let mut f = base[(i as usize * 7) % base.len()].clone();
        f.id = id(10_000 + i);
        let t = Time(start + (i as i64) * 1_730_000_000 + (i as i64 % 13) * 40_000_000);
        f.time = Some(t);
        f.time_end = Some(t);
        f.host = Some(format!("ws-{:04}.nordlicht-netz.de", i % 417));
        if i % 3 == 0 {
            f.observables.push(o(Kind::Ip, &format!("198.51.{}.{}", i / 250 % 250, i % 250 + 1)));
        }
        f.citations[0].record = i;
        m.findings.push(f);
    }
    if steps > 0 {
        let picked: Vec<Vec<u64>> =
            (0..steps as u64).map(|s| vec![10_000 + s * 40, 10_001 + s * 40]).collect();
        let picked: Vec<&[u64]> = picked.iter().map(Vec::as_slice).collect();
        let shared = [
            o(Kind::Ip, "203.0.113.77"),
            o(Kind::Domain, "cdn-telemetry.net"),
            o(Kind::Account, "nordlicht\\adm-reuter"),
        ];
        let joins = (1..steps).map(|b| {
            let a = if b % 4 == 0 { b / 2 } else { b - 1 };
            join(
                a,
                b,
                b % 9 == 0,
                &[
                    (TermKind::Shared, 4_000_000 + 100_000 * (b as i64 % 30), Some(&shared[b % 3])),
                    (TermKind::Stage, 700_000, None),
                    (TermKind::Prior, -3_000_000, None),
                ],
            )
        });
        let big = campaign(&m.findings, &picked, joins.collect(), 0.91);
        m.campaigns.push(big);
    }
    m
}

/// Everything hostile that text can be, in every field that evidence fills.
pub fn hostile() -> Material {
    let bad = "<script>alert('p0wn')</script>\"'`]]>--><!--<img src=x onerror=alert(1)>\u{202e}gpj.exe\u{0}\u{1b}[31m\u{2028}\u{feff}{n}${x}|*_[a](javascript:alert(1))=cmd|'/C calc'!A0\r\n# head\n</style>\\u003c";
    let mut m = rich();
    let huge = format!("{bad}{}", "A".repeat(1_000_000));
    for f in &mut m.findings {
        f.title = huge.clone();
        f.rule = bad.into();
        f.host = Some(bad.into());
        f.message.args = vec![(bad.into(), huge.clone())];
        f.attack.push(bad.into());
        f.citations[0].path = bad.into();
        f.citations[0].member = bad.into();
        f.citations.push(Citation {
            path: bad.into(),
            member: String::new(),
            record: u64::MAX,
            offset: u64::MAX,
            sha256: bad.into(),
        });
        f.observables.push(o(Kind::Path, &format!("/tmp/{bad}")));
        f.observables.push(o(Kind::FileName, "<b>x</b>.exe"));
        f.observables.push(o(Kind::Url, "https://evil.example.com/<script>alert(1)</script>?a='\"&b=]]>"));
    }
    for c in &mut m.campaigns {
        c.cohesion = f64::NAN;
        for s in &mut c.steps {
            s.title = bad.into();
            s.hosts = vec![bad.into()];
            s.attack = vec![bad.into()];
        }
        for j in &mut c.joins {
            j.terms[0].note = Some(bad.into());
        }
        c.joins[0].steps = (0, 99);
    }
    for e in &mut m.exhibits {
        e.title = bad.into();
        e.citations[0].source = SourceId(4_000_000);
    }
    m.exhibits.push(Exhibit {
        title: bad.into(),
        body: ExhibitBody::Table {
            columns: vec![bad.into()],
            rows: vec![vec![], vec![bad.into(), bad.into()]],
        },
        citations: vec![],
        tlp: Tlp::Clear,
    });
    m.exhibits.push(Exhibit {
        title: bad.into(),
        body: ExhibitBody::Matrix {
            rows: vec![bad.into()],
            columns: vec![bad.into()],
            cells: vec![f64::NAN],
        },
        citations: vec![],
        tlp: Tlp::Clear,
    });
    m.exhibits.push(Exhibit {
        title: bad.into(),
        body: ExhibitBody::Graph { nodes: vec![bad.into()], edges: vec![(0, 9, f64::INFINITY)] },
        citations: vec![],
        tlp: Tlp::Clear,
    });
    m.hypotheses[0].name = bad.into();
    m.hypotheses[0].probability = f64::NAN;
    m.hypotheses[1].confidence = bad.into();
    m.gravity[0].score = Some((f64::NAN, f64::NEG_INFINITY, 1e300));
    m.gravity[0].level = bad.into();
    m.coverage.unseen = vec![bad.into()];
    m.coverage.shapes[0].shape = bad.into();
    m.problems[0].message = bad.into();
    m.problems[0].code = bad.into();
    m.sources[0].path = bad.into();
    m.sources[1].sha256 = bad.into();
    m.verdicts[0].reason = bad.into();
    m.verdicts[1].subject = vec![bad.into()];
    m.case = bad.into();
    m.analyst = bad.into();
    m.organisation.name = format!("Org {bad}");
    m.tool_version = bad.into();
    m.custody = Some(bad.into());
    m.paragraphs.push(Paragraph {
        heading: bad.into(),
        text: format!("{bad}\n\n[[finding:{bad}]] [[source:<script>]] [[campaign:]] **{bad}** `{bad}` [["),
    });
    m.made = Time(i64::MAX);
    m.findings[0].time = Some(Time::MAX);
    m.findings[1].time = Some(Time::MIN);
    m.findings[2].time = Some(Time(i64::MIN));
    m.findings[3].time = None;
    m
}
