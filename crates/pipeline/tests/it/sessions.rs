//! Where sessions came from: from logons in the lake to what joining is told.

use std::path::Path;

use palisade_campaign::Evidence;
use palisade_model::{ObservableKind, Time};
use palisade_pipeline::{CaseFindings, Keep, Knowledge, RuleSources, Settings, investigate, load_rules};
use palisade_store::{Case, RunInfo};

use crate::hostile::{Said, write};

const HOUR: i64 = 3_600;

fn event(channel: &str, id: u16, host: &str, at: i64, fields: &[(&str, &str)]) -> String {
    let time = Time((1_790_000_000 + at) * 1_000_000);
    let mut text =
        format!(r#"{{"Channel":"{channel}","EventID":{id},"Computer":"{host}","TimeCreated":"{time}""#);
    for (name, value) in fields {
        text += &format!(r#","{name}":{}"#, serde_json::to_string(value).unwrap());
    }
    text + "}"
}

fn logon(host: &str, at: i64, who: &str, session: &str, from: &str) -> String {
    let fields = [
        ("TargetUserName", who),
        ("TargetDomainName", "CORP"),
        ("TargetLogonId", session),
        ("IpAddress", from),
        ("LogonType", "3"),
    ];
    event("Security", 4624, host, at, &fields)
}

fn connection(host: &str, at: i64, from: &str) -> String {
    let fields = [
        ("Image", "C:\\Program Files\\b.exe"),
        ("Initiated", "true"),
        ("SourceIp", from),
        ("DestinationIp", "10.9.9.9"),
        ("DestinationPort", "443"),
    ];
    event("Microsoft-Windows-Sysmon/Operational", 3, host, at, &fields)
}

/// What a rule sees: shadow copies deleted.
fn deed(host: &str, at: i64, who: &str, session: &str) -> String {
    let fields = [
        ("Image", "C:\\Windows\\System32\\vssadmin.exe"),
        ("CommandLine", "vssadmin.exe delete shadows /all /quiet"),
        ("User", who),
        ("LogonId", session),
    ];
    event("Microsoft-Windows-Sysmon/Operational", 1, host, at, &fields)
}

/// One rule: shadow copies deleted.
fn knowledge() -> Knowledge {
    let sources = RuleSources { shipped: true, ..RuleSources::default() };
    let mut loaded = load_rules(&sources, 1);
    loaded.rules.retain(|r| r.title == "Shadow copies deleted");
    Knowledge::whole(loaded.rules, Vec::new(), &[]).unwrap()
}

fn investigated(dir: &Path, lines: &[Vec<String>]) -> Vec<Evidence> {
    let (evidence, knowledge) = (dir.join("evidence"), knowledge());
    let mut case = Case::open_or_create(dir.join("case")).unwrap();
    for (n, lines) in lines.iter().enumerate() {
        write(&evidence.join(format!("{n}.json")), format!("{}\n", lines.join("\n")).as_bytes());
        let info = RunInfo {
            started: Time(n as i64 + 1),
            tool_version: "0".into(),
            command_line: String::new(),
            operator: "olena".into(),
            machine: "ws1".into(),
            rules_digest: "r".into(),
            config_digest: String::new(),
        };
        let keep =
            Keep { case: &mut case, info, inputs: Vec::new(), reread: false, jobs: 1, looking: Vec::new() };
        let settings = Settings { paths: vec![evidence.clone()], jobs: 1, ..Settings::default() };
        investigate(&settings, &knowledge, Some(keep), &mut Said::default()).unwrap();
    }
    let read = CaseFindings::read(&mut case, Time(0)).unwrap();
    assert_eq!(read.problems, Vec::<String>::new());
    read.evidence
}

fn from(found: &[Evidence], host: &str) -> Vec<Option<String>> {
    let here = found.iter().filter(|f| f.host.as_deref() == Some(host));
    here.map(|f| f.origin.as_ref().map(|o| o.from.to_string())).collect()
}

#[test]
fn findings_learn_from_where_their_session_came() {
    let dir = tempfile::tempdir().unwrap();
    let desk = vec![
        connection("desk.corp.example", 0, "10.1.1.7"),
        connection("desk.corp.example", 9 * HOUR, "10.1.1.7"),
    ];
    let mut server = Vec::new();
    for n in 0..20 {
        server.push(logon("srv.corp.example", n * 60, "adm", &format!("0x1{n:x}0"), "10.1.1.1"));
    }
    server.push(logon("srv.corp.example", 2 * HOUR, "Adm", "0xABC", "::ffff:10.1.1.7"));
    server.push(logon("srv.corp.example", 2 * HOUR, "adm", "0xdef", "10.1.1.99"));
    server.push(logon("srv.corp.example", 2 * HOUR, "adm", "0x111", "127.0.0.1"));
    server.push(logon("srv.corp.example", 2 * HOUR, "SYSTEM", "0x3e7", "10.1.1.7"));
    // The same number on another machine says nothing of this one.
    let other = vec![
        logon("other.corp.example", 3 * HOUR, "adm", "0xabc", "10.1.1.1"),
        deed("other.corp.example", HOUR, "CORP\\adm", "0xabc"),
    ];
    let deeds: Vec<String> = [("0xabc", 3), ("0xdef", 4), ("0x111", 5), ("0x3e7", 6), ("0x222", 7)]
        .iter()
        .map(|(session, hour)| deed("srv.corp.example", hour * HOUR, "CORP\\adm", session))
        .collect();
    // Logons may come with later evidence than what was done in their session.
    let found = investigated(dir.path(), &[deeds, other, server, desk]);
    let want = [Some("host:desk.corp.example"), Some("ip:10.1.1.99"), None, None, None];
    assert_eq!(from(&found, "srv.corp.example"), want.map(|w| w.map(str::to_owned)));
    assert_eq!(from(&found, "other.corp.example"), [None], "a logon after the deed opened another session");
    let origin = |f: &Evidence| f.origin.clone().filter(|o| o.habit.is_some_and(|h| h.here == 1));
    let origin = found.iter().find_map(origin).unwrap();
    let habit = origin.habit.unwrap();
    assert_eq!([habit.here, habit.all, habit.there, habit.total, habit.places], [1, 23, 2, 24, 3]);
    assert!(origin.told.contains("2.json record 21"), "{}", origin.told);
}

#[test]
fn numbers_of_sessions_are_given_out_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut lines = vec![
        logon("srv", 0, "adm", "0xabc", "10.1.1.1"),
        deed("srv", HOUR, "adm", "0xabc"),
        logon("srv", 50 * HOUR, "eve", "0xabc", "10.1.1.2"),
        deed("srv", 51 * HOUR, "eve", "0xabc"),
        // At the machine itself, with the number of before; and somebody else's session.
        logon("srv", 60 * HOUR, "adm", "0xabc", "127.0.0.1"),
        deed("srv", 61 * HOUR, "adm", "0xabc"),
        logon("srv", 70 * HOUR, "eve", "0xdef", "10.1.1.2"),
        deed("srv", 71 * HOUR, "adm", "0xdef"),
        // Nobody is signed in for so long.
        logon("srv", 0, "adm", "0x777", "10.1.1.1"),
        deed("srv", 24 * 40 * HOUR, "adm", "0x777"),
    ];
    // Two machines had the first address, one after the other: whose it was is told by the day.
    lines.push(connection("one", HOUR, "10.1.1.1"));
    lines.push(connection("two", 200 * HOUR, "10.1.1.1"));
    // Two at once: nobody knows whose it was.
    lines.push(connection("three", 49 * HOUR, "10.1.1.2"));
    lines.push(connection("four", 49 * HOUR, "10.1.1.2"));
    let found = investigated(dir.path(), &[lines]);
    let want = [Some("host:one"), Some("ip:10.1.1.2"), None, None, None];
    assert_eq!(from(&found, "srv"), want.map(|w| w.map(str::to_owned)));
    let session = |f: &Evidence| f.observables.iter().any(|o| o.kind() == ObservableKind::LogonSession);
    assert!(found.iter().all(session));
}

#[test]
fn two_houses_with_the_same_addresses_are_two() {
    let dir = tempfile::tempdir().unwrap();
    let lines = vec![
        // Only one house has logs of connections.
        connection("desk.beta.example", 0, "10.0.0.5"),
        logon("srv.alpha.example", HOUR, "adm", "0xabc", "10.0.0.5"),
        deed("srv.alpha.example", 2 * HOUR, "adm", "0xabc"),
        logon("srv.beta.example", HOUR, "adm", "0xabc", "10.0.0.5"),
        deed("srv.beta.example", 2 * HOUR, "adm", "0xabc"),
        // One machine under two names is one, and itself not elsewhere.
        connection("SRV2", 0, "10.0.0.9"),
        connection("srv2.beta.example", HOUR, "10.0.0.9"),
        logon("srv2.beta.example", HOUR, "adm", "0xddd", "10.0.0.9"),
        deed("SRV2", 2 * HOUR, "adm", "0xddd"),
    ];
    let found = investigated(dir.path(), &[lines]);
    assert_eq!(from(&found, "srv.alpha.example"), [Some("ip:10.0.0.5".to_owned())]);
    assert_eq!(from(&found, "srv.beta.example"), [Some("host:desk.beta.example".to_owned())]);
    assert_eq!(from(&found, "SRV2"), [None]);
}
