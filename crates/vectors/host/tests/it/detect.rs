//! Detectors: records in, findings out, the same in whatever order and parts they come.

use std::fmt::Write as _;

use palisade_host::detect::{Detectors, Facts, Spec};
use palisade_host::json::Dialects;
use palisade_model::{Batch, Catalogue, FieldsBuilder, Finding, Projection, RowBatch, Severity};

use crate::json::{DIALECTS, House};

macro_rules! shipped {
    ($($file:literal),*) => { [$(($file, include_str!(concat!("../../../../../knowledge/", $file)))),*] };
}

const FIELDS: [(&str, &str); 4] =
    shipped!("fields/windows.toml", "fields/cloud.toml", "fields/linux.toml", "fields/macos.toml");
const ANALYTICS: [(&str, &str); 15] = shipped!(
    "analytics/reads.toml",
    "analytics/record-gap.toml",
    "analytics/clock-step.toml",
    "analytics/silence.toml",
    "analytics/logon-path.toml",
    "analytics/logon-path-executed.toml",
    "analytics/mass-removal.toml",
    "analytics/mass-locking.toml",
    "analytics/rare-program.toml",
    "analytics/rare-autostart.toml",
    "analytics/impossible-travel.toml",
    "analytics/new-everything.toml",
    "analytics/many-identities.toml",
    "analytics/mail-outside.toml",
    "analytics/mail-rule-from-elsewhere.toml"
);

/// The shipped detectors and what they read with.
pub struct Desk {
    pub house: House,
    pub detectors: Detectors,
}

impl Desk {
    pub fn new() -> Desk {
        let mut fields = FieldsBuilder::new();
        let mut catalogue = Catalogue::default();
        for (name, text) in FIELDS {
            catalogue.add(name, text, &mut fields).unwrap();
        }
        let spec = Spec::parse(ANALYTICS.into_iter()).unwrap();
        spec.intern(&catalogue, &mut fields);
        let fields = fields.close();
        let mut projection = Projection::new(&catalogue);
        let detectors = Detectors::new(spec, &catalogue, &fields);
        detectors.want(&mut projection);
        let dialects = Dialects::parse("dialects.toml", DIALECTS).unwrap().close(&fields).unwrap();
        Desk { house: House { fields, catalogue, projection, dialects, zone: None }, detectors }
    }

    pub fn batches(&self, lines: &[String]) -> Vec<RowBatch> {
        let (batches, problems) = self.house.read(lines.join("\n").as_bytes());
        assert_eq!(problems, [], "{lines:?}");
        batches
    }

    fn find_numbered(&self, lines: &[String], numbered: bool) -> Vec<Finding> {
        let mut facts = Facts::default();
        for batch in self.batches(lines) {
            self.detectors.observe(&batch, numbered, &mut facts);
        }
        self.detectors.finish(&facts).findings
    }

    /// What is found; checked to be the same, citations aside, when records come backwards and in two parts.
    pub fn find(&self, lines: &[String]) -> Vec<Finding> {
        let found = self.find_numbered(lines, false);
        let (mut one, mut two) = (Facts::default(), Facts::default());
        for (i, line) in lines.iter().rev().enumerate() {
            for batch in self.batches(std::slice::from_ref(line)) {
                self.detectors.observe(&batch, false, if i % 3 == 0 { &mut one } else { &mut two });
            }
        }
        one.merge(two);
        let again = self.detectors.finish(&one).findings;
        let told = |f: &[Finding]| f.iter().map(told).collect::<Vec<_>>();
        assert_eq!(told(&found), told(&again));
        assert!(found.iter().all(|f| !f.citations.is_empty()));
        found
    }
}

/// A finding in one line.
fn told(f: &Finding) -> String {
    let mut out = format!("{} {} {:?} {:?}", f.id, f.message.id, f.host, f.time);
    f.message.args.iter().for_each(|(n, v)| {
        let _ = write!(out, " {n}={v}");
    });
    out
}

pub fn arg<'f>(f: &'f Finding, name: &str) -> &'f str {
    f.message.args.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
}

/// A Windows record as a flat line.
pub fn record(channel: &str, id: u32, host: &str, time: &str, fields: &[(&str, &str)]) -> String {
    let provider = if channel == "System" { "Service Control Manager" } else { "Test" };
    let mut map = serde_json::json!({
        "Channel": channel, "EventID": id, "Computer": host, "Provider_Name": provider, "TimeCreated": time,
    });
    for (name, value) in fields {
        map[*name] = (*value).into();
    }
    map.to_string()
}

pub const SYSMON: &str = "Microsoft-Windows-Sysmon/Operational";

pub fn logon(host: &str, time: &str, from: &str, account: &str) -> String {
    let fields =
        [("LogonType", "3"), ("IpAddress", from), ("TargetUserName", account), ("WorkstationName", "-")];
    record("Security", 4624, host, time, &fields)
}

pub fn address(host: &str, ip: &str) -> String {
    record(SYSMON, 3, host, "2026-10-14T07:00:00Z", &[("Initiated", "true"), ("SourceIp", ip)])
}

pub fn service(host: &str, time: &str) -> String {
    record("System", 7045, host, time, &[("ServiceName", "x"), ("ImagePath", r"C:\x.exe")])
}

fn path() -> Vec<String> {
    vec![
        address("WS1.corp.example", "10.0.0.1"),
        address("SRV1.corp.example", "10.0.0.2"),
        logon("SRV1.corp.example", "2026-10-14T08:00:00Z", "::ffff:10.0.0.1", "bob"),
        service("SRV1.corp.example", "2026-10-14T08:01:00Z"),
        logon("DC1.corp.example", "2026-10-14T08:30:00Z", "10.0.0.2", "bob"),
    ]
}

fn paths(found: &[Finding]) -> Vec<(&str, &str)> {
    let of = found.iter().filter(|f| f.message.id.starts_with("host.logon_path"));
    of.map(|f| (f.message.id.as_str(), arg(f, "path"))).collect()
}

#[test]
fn a_path_over_machines_with_something_started() {
    let desk = Desk::new();
    let found = desk.find(&path());
    assert_eq!(paths(&found), [("host.logon_path_executed", "ws1 -> srv1 -> dc1")]);
    let f = found.iter().find(|f| f.message.id == "host.logon_path_executed").unwrap();
    assert_eq!((f.rule.level, arg(f, "accounts")), (Severity::High, "bob"));
    assert_eq!(arg(f, "started_from_afar"), "service on srv1");
    assert_eq!(f.citations.len(), 3);
    let names: Vec<String> = f.observables.iter().map(ToString::to_string).collect();
    for want in ["host:ws1", "host:srv1", "host:dc1", "ip:10.0.0.1", "account:bob"] {
        assert!(names.iter().any(|n| n == want), "{want}: {names:?}");
    }
}

#[test]
fn what_is_and_what_is_no_path() {
    let desk = Desk::new();
    let quiet: Vec<String> = path().into_iter().filter(|l| !l.contains("7045")).collect();
    assert_eq!(paths(&desk.find(&quiet)), [("host.logon_path", "ws1 -> srv1 -> dc1")]);
    let mut cases: Vec<(&str, Vec<String>, bool)> = Vec::new();
    let with = |from: &str, to: &str| quiet.iter().map(|l| l.replace(from, to)).collect::<Vec<_>>();
    cases.push(("a machine's account", with("\"bob\"", "\"WS1$\""), false));
    cases.push(("too late", with("T08:30", "T19:30"), false));
    cases.push(("before", with("T08:30", "T07:30"), false));
    cases.push(("one step", quiet[..3].to_vec(), false));
    let mut other = quiet.clone();
    other[3] = other[3].replace("\"bob\"", "\"admin\"");
    cases.push(("another account", other.clone(), false));
    let lent = [("TargetServerName", "DC1"), ("TargetUserName", "admin"), ("SubjectUserName", "bob")];
    other.push(record("Security", 4648, "SRV1.corp.example", "2026-10-14T08:29:59Z", &lent));
    let used_at = |time: &str| {
        let line =
            |l: &String| if l.contains("4648") { l.replace("2026-10-14T08:29:59Z", time) } else { l.clone() };
        other.iter().map(line).collect::<Vec<_>>()
    };
    cases.push(("another account, used there", other.clone(), true));
    cases.push(("used there just as the next clock has it", used_at("2026-10-14T08:30:40Z"), true));
    cases.push(("used there weeks before", used_at("2026-09-20T08:29:59Z"), false));
    cases.push(("used there before anybody came", used_at("2026-10-14T07:20:00Z"), false));
    cases.push(("used there weeks later", used_at("2026-11-02T08:29:59Z"), false));
    cases.push(("used there after leaving", used_at("2026-10-14T09:40:00Z"), false));
    let mut habit = quiet.clone();
    for day in 10..14 {
        habit.push(logon("SRV1.corp.example", &format!("2026-10-{day}T08:00:00Z"), "10.0.0.1", "bob"));
    }
    cases.push(("a habit", habit, false));
    let mut server = quiet.clone();
    for n in 10..20 {
        server.push(logon("DC1.corp.example", "2026-10-14T06:00:00Z", &format!("10.0.0.{n}"), "carl"));
    }
    cases.push(("a server", server, false));
    for (what, lines, is) in cases {
        assert_eq!(!paths(&desk.find(&lines)).is_empty(), is, "{what}");
    }
}

/// Lines of one log; `None` leaves a number out.
fn numbers(of: impl Iterator<Item = Option<i64>>) -> Vec<String> {
    let line = |at: i64| {
        let time = format!("2026-10-14T{:02}:{:02}:{:02}Z", 8 + at / 3_600, at / 60 % 60, at % 60);
        record("Security", 4634, "DC1", &time, &[])
    };
    of.map(|at| at.map(line).unwrap_or_default()).collect()
}

#[test]
fn missing_numbers_and_clocks() {
    let desk = Desk::new();
    let of = |found: &[Finding]| {
        let of =
            found.iter().filter(|f| matches!(f.message.id.as_str(), "host.record_gap" | "host.clock_step"));
        of.map(|f| format!("{} {}{}", f.message.id, arg(f, "numbers"), arg(f, "back_by"))).collect::<Vec<_>>()
    };
    let whole = |n: i64| (0..n).map(Some);
    assert_eq!(of(&desk.find_numbered(&numbers(whole(100)), true)), Vec::<String>::new());
    let cut = numbers((0..100).map(|n| Some(n).filter(|n| !(40..45).contains(n) && *n != 70)));
    assert_eq!(of(&desk.find_numbered(&cut, true)), ["host.record_gap 41 to 45 (5), 71 to 71 (1)"]);
    assert_eq!(of(&desk.find_numbered(&cut, false)), Vec::<String>::new());
    // A log saved with a filter has holes everywhere.
    let filtered = numbers((0..300).map(|n| Some(n).filter(|n| n % 7 != 0)));
    assert_eq!(of(&desk.find_numbered(&filtered, true)), Vec::<String>::new());
    let back = numbers((0..100).map(|n| Some(if n < 50 { 3_600 + n } else { n })));
    assert_eq!(of(&desk.find_numbered(&back, true)), ["host.clock_step 59 min"]);
}

#[test]
fn a_log_that_falls_silent() {
    let desk = Desk::new();
    let mut lines = Vec::new();
    for hour in 0..96 {
        for quarter in [5, 20, 35, 50] {
            let time = format!("2026-10-{:02}T{:02}:{quarter:02}:00Z", 1 + hour / 24, hour % 24);
            if !(60..66).contains(&hour) {
                lines.push(record("Security", 4634, "DC1", &time, &[]));
            }
            lines.push(record("System", 7036, "DC1", &time, &[]));
        }
    }
    let silent = |lines: &[String]| {
        let found = desk.find(lines);
        let of = found.iter().filter(|f| f.message.id == "host.silence");
        of.map(|f| format!("{} {}", arg(f, "log"), arg(f, "silent_for"))).collect::<Vec<_>>()
    };
    assert_eq!(silent(&lines), ["windows/security 6 h 0 min"]);
    // A machine that was off wrote nothing else either.
    let off: Vec<String> = (60..66).map(|h| format!("2026-10-{:02}T{:02}:", 1 + h / 24, h % 24)).collect();
    let off: Vec<String> = lines.iter().filter(|l| !off.iter().any(|o| l.contains(o))).cloned().collect();
    assert_eq!(silent(&off), Vec::<String>::new());
}

pub fn deleted(n: u32, folders: u32, seconds: u32, image: &str) -> Vec<String> {
    let one = |i: u32| {
        let at = u64::from(i) * u64::from(seconds) / u64::from(n);
        let time = format!("2026-10-14T08:{:02}:{:02}Z", at / 60, at % 60);
        let file = format!(r"C:\data\{}\file{i}.dat", i % folders);
        let fields = [
            ("Image", image),
            ("TargetFilename", &file),
            ("ProcessGuid", "{a3b1c7d2-4e5f-6a7b-0c00-000000001200}"),
        ];
        record(SYSMON, 23, "FS1", &time, &fields)
    };
    (0..n).map(one).collect()
}

#[test]
fn many_files_removed() {
    let desk = Desk::new();
    for (lines, is) in [
        (deleted(400, 40, 120, r"C:\Users\bob\w.exe"), true),
        (deleted(400, 40, 120, r"C:\Windows\System32\msiexec.exe"), false),
        (deleted(400, 40, 120, r"C:\Windows\WinSxS\amd64_servicingstack_10.0.1\TiWorker.exe"), false),
        (deleted(400, 40, 120, "/usr/bin/apt"), false),
        // Called like them, or lying in folders that are, on other drives as well.
        (deleted(400, 40, 120, r"D:\Windows\System32\msiexec.exe"), true),
        (deleted(400, 40, 120, r"C:\Users\bob\TiWorker.exe"), true),
        (deleted(400, 40, 120, r"C:\Temp\Windows\System32\msiexec.exe"), true),
        (deleted(400, 40, 120, r"C:\Windows\System32\svchost.exe"), true),
        (deleted(400, 2, 120, r"C:\Users\bob\w.exe"), false),
        (deleted(200, 40, 120, r"C:\Users\bob\w.exe"), false),
        (deleted(400, 40, 3_000, r"C:\Users\bob\w.exe"), false),
    ] {
        let found = desk.find(&lines);
        let one: Vec<&Finding> = found.iter().filter(|f| f.message.id == "host.mass_removal").collect();
        assert_eq!(one.len(), usize::from(is), "{}", lines[0]);
        if let Some(f) = one.first() {
            assert_eq!(arg(f, "files"), "400");
        }
    }
}

#[test]
fn many_documents_with_a_second_ending() {
    let desk = Desk::new();
    for (ending, is) in [(".LOCKED", true), (".tmp", false), ("", false)] {
        let lines: Vec<String> = (0..60)
            .map(|i| {
                let file = format!(r"C:\data\{}\report{i}.docx{ending}", i % 5);
                let fields = [("Image", r"C:\x\enc.exe"), ("TargetFilename", &file), ("ProcessId", "44")];
                record(SYSMON, 11, "FS1", &format!("2026-10-14T08:00:{i:02}Z"), &fields)
            })
            .collect();
        let found = desk.find(&lines);
        let locked: Vec<&Finding> = found.iter().filter(|f| f.message.id == "host.mass_locking").collect();
        assert_eq!(locked.len(), usize::from(is), "{ending}");
        if let Some(f) = locked.first() {
            assert_eq!(
                (f.rule.level, arg(f, "ending"), arg(f, "files")),
                (Severity::Critical, "locked", "60")
            );
        }
    }
}

#[test]
fn new_and_rare() {
    let desk = Desk::new();
    let run = |host: &str, day: u32, image: &str| {
        let fields = [("Image", image), ("ParentImage", r"C:\Windows\explorer.exe")];
        record(SYSMON, 1, host, &format!("2026-10-{day:02}T08:00:00Z"), &fields)
    };
    let mut lines = Vec::new();
    for day in 1..15 {
        for host in ["A", "B", "C", "D"] {
            lines.push(run(host, day, &format!(r"C:\app-1.{day}\known.exe")));
            if day == 13 {
                lines.push(run(host, day, r"C:\rolled\out.exe"));
            }
        }
    }
    lines.push(run("B", 2, r"C:\early\one.exe"));
    lines.push(run("C", 14, r"C:\odd\one.exe"));
    let found = desk.find(&lines);
    let rare: Vec<&str> =
        found.iter().filter(|f| f.message.id == "host.rare_program").map(|f| arg(f, "image")).collect();
    assert_eq!(rare, [r"c:\odd\one.exe"]);
    assert!(found.iter().all(|f| f.rule.level == Severity::Low));
    // Three days are no history.
    let short: Vec<String> =
        lines.iter().filter(|l| ["-12T", "-13T", "-14T"].iter().any(|d| l.contains(d))).cloned().collect();
    assert_eq!(desk.find(&short).len(), 0);
}

pub fn sign_in(
    time: &str,
    user: &str,
    ip: &str,
    country: &str,
    at: (f64, f64),
    device: &str,
    network: u32,
) -> String {
    serde_json::json!({
        "createdDateTime": time, "id": format!("{time}{user}{ip}"), "userPrincipalName": user, "ipAddress": ip, "appDisplayName": "Mail",
        "clientAppUsed": "Browser", "conditionalAccessStatus": "success", "isInteractive": true,
        "userAgent": "Agent/1", "autonomousSystemNumber": network, "status": {"errorCode": 0},
        "deviceDetail": {"deviceId": device},
        "location": {"countryOrRegion": country, "geoCoordinates": {"latitude": at.0, "longitude": at.1}},
    })
    .to_string()
}

#[test]
fn sign_ins_of_nobody() {
    let desk = Desk::new();
    let (berlin, tokyo) = ((52.52, 13.4), (35.68, 139.65));
    let of = |lines: &[String], id: &str| {
        let found = desk.find(lines);
        found
            .iter()
            .filter(|f| f.message.id == id)
            .map(|f| arg(f, "kilometres").to_owned())
            .collect::<Vec<_>>()
    };
    let home = |h: u32| {
        sign_in(&format!("2026-10-14T{h:02}:00:00Z"), "a@org.example", "192.0.2.1", "DE", berlin, "d1", 64500)
    };
    let away = |h: u32, network| {
        sign_in(
            &format!("2026-10-14T{h:02}:30:00Z"),
            "a@org.example",
            "198.51.100.7",
            "JP",
            tokyo,
            "d2",
            network,
        )
    };
    assert_eq!(of(&[home(8), away(8, 64501)], "host.impossible_travel"), ["8915"]);
    assert_eq!(of(&[home(8), away(18, 64501)], "host.impossible_travel"), Vec::<String>::new());
    assert_eq!(of(&[home(8), away(8, 64500)], "host.impossible_travel"), Vec::<String>::new());
    let mut history: Vec<String> = (1..13)
        .map(|d| {
            sign_in(
                &format!("2026-10-{d:02}T08:00:00Z"),
                "a@org.example",
                "192.0.2.1",
                "DE",
                berlin,
                "d1",
                64500,
            )
        })
        .collect();
    assert_eq!(of(&history, "host.new_everything").len(), 0);
    history.push(away(18, 64501));
    assert_eq!(of(&history, "host.new_everything").len(), 1);
    let known = away(18, 64501).replace("\"d2\"", "\"d1\"");
    history.pop();
    history.push(known);
    assert_eq!(of(&history, "host.new_everything").len(), 0, "the device is known");
    let many = |n: u32| -> Vec<String> {
        (0..n)
            .map(|i| {
                sign_in(
                    &format!("2026-10-{:02}T08:00:00Z", 1 + i),
                    &format!("p{i}@org.example"),
                    "192.0.2.1",
                    "DE",
                    berlin,
                    "d9",
                    64500,
                )
            })
            .collect()
    };
    assert_eq!(of(&many(5), "host.many_identities").len(), 1);
    assert_eq!(of(&many(3), "host.many_identities").len(), 0);
}

/// A record of the unified audit log.
pub fn mail_rule(time: &str, user: &str, ip: &str, parameter: &str, to: &str) -> String {
    serde_json::json!({
        "CreationTime": time, "Id": format!("{time}{user}{to}"), "Workload": "Exchange", "Operation": "New-InboxRule",
        "OrganizationId": "tenant-1", "UserId": user, "ClientIP": ip, "ResultStatus": "True",
        "Parameters": [{"Name": "Name", "Value": "."}, {"Name": parameter, "Value": to}],
    })
    .to_string()
}

#[test]
fn mail_that_leaves_the_house() {
    let desk = Desk::new();
    let of = |lines: &[String]| -> Vec<String> {
        let found = desk.find(lines);
        let mine = found.iter().filter(|f| f.message.id == "host.mail_outside");
        mine.map(|f| format!("{} {}", arg(f, "to"), arg(f, "mailboxes_that_send_there"))).collect()
    };
    let rule = |user: &str, parameter: &str, to: &str| {
        mail_rule("2026-10-14T08:00:00", user, "192.0.2.1:4031", parameter, to)
    };
    assert_eq!(of(&[rule("a@org.example", "ForwardTo", "smtp:x@evil.example")]), ["x@evil.example "]);
    assert_eq!(
        of(&[rule("a@org.example", "RedirectTo", "\"X\" [SMTP:x@evil.example]")]),
        ["x@evil.example "]
    );
    for quiet in ["b@org.example", "b@mail.org.example", "Anna", "", "@", "a@b"] {
        assert_eq!(of(&[rule("a@org.example", "ForwardTo", quiet)]), Vec::<String>::new(), "{quiet}");
    }
    assert_eq!(of(&[rule("a@org.example", "MoveToFolder", "x@evil.example")]), Vec::<String>::new());
    let two = [
        rule("a@org.example", "ForwardTo", "x@evil.example"),
        rule("b@org.example", "ForwardTo", "x@evil.example"),
    ];
    assert_eq!(of(&two), ["x@evil.example 2", "x@evil.example 2"]);
    // Three people sign in under another domain: it is of the house, unless everybody has addresses there.
    let people = |domain: &str| -> Vec<String> {
        let berlin = (52.52, 13.4);
        (0..3)
            .map(|i| {
                sign_in("2026-10-13T08:00:00Z", &format!("p{i}@{domain}"), "192.0.2.1", "DE", berlin, "d1", 1)
            })
            .collect()
    };
    for (domain, n) in [("sister.example", 0), ("gmail.com", 1)] {
        let mut lines = people(domain);
        lines.push(rule("a@org.example", "ForwardTo", &format!("x@{domain}")));
        assert_eq!(of(&lines).len(), n, "{domain}");
    }
}

#[test]
fn a_rule_set_from_where_nobody_worked() {
    let desk = Desk::new();
    let history = |days: u32| -> Vec<String> {
        let berlin = (52.52, 13.4);
        (1..=days)
            .flat_map(|d| {
                [8, 13].map(|h| {
                    let time = format!("2026-10-{d:02}T{h:02}:00:00Z");
                    sign_in(&time, "a@org.example", "192.0.2.1", "DE", berlin, "d1", 64500)
                })
            })
            .collect()
    };
    let count = |days: u32, ip: &str| {
        let mut lines = history(days);
        lines.push(mail_rule("2026-10-14T09:00:00", "a@org.example", ip, "DeleteMessage", "True"));
        let found = desk.find(&lines);
        found.iter().filter(|f| f.message.id == "host.mail_rule_from_elsewhere").count()
    };
    assert_eq!(count(6, "198.51.100.7"), 1);
    assert_eq!(count(6, "192.0.2.1"), 0, "known");
    assert_eq!(count(6, "[192.0.2.1]:443"), 0, "known, with a port");
    assert_eq!(count(6, ""), 0, "nobody knows from where");
    assert_eq!(count(4, "198.51.100.7"), 0, "too little is known");
    let mut lines = history(6);
    let tokyo = (35.68, 139.65);
    lines.push(sign_in("2026-10-14T08:50:00Z", "a@org.example", "198.51.100.7", "JP", tokyo, "d2", 64501));
    lines.push(mail_rule("2026-10-14T09:00:00", "a@org.example", "198.51.100.7", "DeleteMessage", "True"));
    let found = desk.find(&lines);
    let made = found.iter().find(|f| f.message.id == "host.mail_rule_from_elsewhere").unwrap();
    assert_eq!(made.citations.len(), 2, "the session of today is no history, and is cited");
}

#[test]
fn clocks_that_disagree_with_themselves() {
    let desk = Desk::new();
    let problems = |lines: &[String]| {
        let mut facts = Facts::default();
        desk.batches(lines).iter().for_each(|b| desk.detectors.observe(b, false, &mut facts));
        desk.detectors.finish(&facts).problems.iter().map(|p| p.message.clone()).collect::<Vec<_>>()
    };
    let lines = |own: &str, n: u32| -> Vec<String> {
        let one = |i| {
            let fields = [("UtcTime", format!("{own}:{:02}.100", i % 60))];
            let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
            record(SYSMON, 3, "WS1", &format!("2026-10-14T08:30:{:02}.150Z", i % 60), &fields)
        };
        (0..n).map(one).collect()
    };
    assert_eq!(problems(&lines("2026-10-14 08:30", 40)), Vec::<String>::new());
    let told = problems(&lines("2026-10-14 15:30", 40));
    assert!(told.len() == 1 && told[0].contains("ws1") && told[0].contains("+7 h in 40 of 40"), "{told:?}");
    assert_eq!(problems(&lines("2026-10-14 15:30", 19)), Vec::<String>::new(), "too few");
    assert_eq!(problems(&lines("2026-10-14 13:07", 40)), Vec::<String>::new(), "no zone is so far off");
}

#[test]
fn odd_values_do_no_harm() {
    let desk = Desk::new();
    let long = "x".repeat(100_000);
    let mut lines = Vec::new();
    for value in [
        "",
        "-",
        "\u{1f}\u{1f}\u{1f}",
        "é".repeat(300).as_str(),
        &long,
        "::1",
        "999.1.1.1",
        "\\\\",
        "@",
        "a\\b@c",
    ] {
        lines.push(logon(value, "2026-10-14T08:00:00Z", value, value));
        lines.push(logon(value, "not a time", value, value).replace("not a time", "2026-10-14T08:00:00Z"));
        lines.push(record(
            SYSMON,
            23,
            value,
            "1601-01-01T00:00:00Z",
            &[("Image", value), ("TargetFilename", value)],
        ));
        lines.push(record(SYSMON, 1, value, "9999-12-31T23:59:59Z", &[("Image", value)]));
        lines.push(record(
            SYSMON,
            11,
            value,
            "2026-10-14T08:00:00Z",
            &[("Image", "x"), ("TargetFilename", value)],
        ));
    }
    desk.find(&lines);
    desk.find_numbered(&lines, true);
}

#[test]
fn every_detector_says_how_often_it_may_be_wrong() {
    let spec = Spec::parse(ANALYTICS.into_iter()).unwrap();
    let budgets: Vec<_> = spec.budgets().collect();
    assert_eq!(budgets.len(), ANALYTICS.len() - 1);
    assert!(
        budgets
            .iter()
            .all(|(id, b)| id.starts_with("palisade.host.") && b.per_100k_events > 0.0 && !b.why.is_empty())
    );
    for (file, text) in ANALYTICS.iter().skip(1) {
        for bad in
            ["level = \"grave\"", "detector = \"none\"", "needs = [\"nothing\"]", "[limits]\nodd = 1\n[x"]
        {
            let key = bad.split(['=', '\n']).next().unwrap();
            let lines: Vec<&str> = text.lines().map(|l| if l.starts_with(key) { bad } else { l }).collect();
            assert!(Spec::parse([(*file, lines.join("\n").as_str())].into_iter()).is_err(), "{file}: {bad}");
        }
    }
}

#[test]
fn a_batch_without_rows_is_nothing() {
    let desk = Desk::new();
    let mut facts = Facts::default();
    for batch in desk.batches(&[]) {
        assert!(batch.is_empty());
        desk.detectors.observe(&batch, true, &mut facts);
    }
    assert!(desk.detectors.finish(&facts).findings.is_empty());
}
