//! What happens on every working day, so that the intrusion has something to hide in.

use palisade_model::Time;
use serde_json::{Value, json};

use super::records::{Dice, Log, cloudtrail, m365, process, windows};
use super::sample::{Records, at};

const EXPLORER: &str = "C:\\Windows\\explorer.exe";
const SERVICES: &str = "C:\\Windows\\System32\\services.exe";
const SVCHOST: &str = "C:\\Windows\\System32\\svchost.exe";
const EDGE: &str = "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe";
const OUTLOOK: &str = "C:\\Program Files\\Microsoft Office\\root\\Office16\\OUTLOOK.EXE";
const WORD: &str = "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE";

/// A moment of the working day, to the millisecond, never on a whole second: planted steps are.
fn moment(dice: &mut Dice) -> Time {
    let start = at(6, 0, 0);
    Time(start.0 + (dice.below(13 * 3_600 * 1_000 - 1) as i64) * 1_000 / 1_000_000 * 1_000_000 + 137_000)
}

/// A workstation's Sysmon and Security records.
pub fn workstation(host: &str, n: usize, dice: &mut Dice) -> Records {
    let programs = [
        (EXPLORER, OUTLOOK, "\"OUTLOOK.EXE\""),
        (EXPLORER, WORD, "\"WINWORD.EXE\" /n \"C:\\Users\\a.novak\\Documents\\Agenda.docx\""),
        (EXPLORER, EDGE, "\"msedge.exe\" --profile-directory=Default"),
        (EDGE, EDGE, "\"msedge.exe\" --type=renderer --lang=en"),
        (
            EXPLORER,
            "C:\\Windows\\System32\\notepad.exe",
            "\"notepad.exe\" C:\\Users\\a.novak\\Desktop\\todo.txt",
        ),
        (SERVICES, SVCHOST, "svchost.exe -k netsvcs -p -s Schedule"),
        (SVCHOST, "C:\\Windows\\System32\\RuntimeBroker.exe", "RuntimeBroker.exe -Embedding"),
        (SVCHOST, "C:\\Windows\\System32\\taskhostw.exe", "taskhostw.exe"),
    ];
    let names = [
        "outlook.office365.com",
        "www.party.example",
        "login.microsoftonline.com",
        "news.example.org",
        "teams.microsoft.com",
    ];
    let mut out = Records::new();
    for _ in 0..n {
        let time = moment(dice);
        let record = match dice.below(10) {
            0..=3 => {
                let (parent, image, line) = programs[dice.below(programs.len() as u64) as usize];
                process(host, time, "a.novak", parent, image, line, dice)
            }
            4..=6 => windows(
                host,
                time,
                Log::Sysmon,
                22,
                json!({
                    "Image": dice.pick(&[EDGE, OUTLOOK]), "QueryName": dice.pick(&names), "QueryStatus": "0",
                    "QueryResults": "::ffff:192.0.2.10;", "User": "CORP\\a.novak", "ProcessGuid": dice.guid(),
                }),
            ),
            7 | 8 => connection(host, time, dice),
            _ => sign_in(host, time, "a.novak", 2, dice),
        };
        out.push((time, record));
    }
    out
}

/// A file server's.
pub fn server(host: &str, n: usize, dice: &mut Dice) -> Records {
    let mut out = Records::new();
    for _ in 0..n {
        let time = moment(dice);
        let who = dice.pick(&["a.novak", "m.keller", "j.brandt", "svc-backup"]);
        let record = match dice.below(8) {
            0..=3 => sign_in(host, time, who, 3, dice),
            4 | 5 => windows(
                host,
                time,
                Log::Security,
                5140,
                json!({
                    "SubjectUserName": who, "SubjectDomainName": "CORP", "ShareName": "\\\\*\\Public",
                    "IpAddress": format!("10.20.4.{}", 10 + dice.below(60)), "AccessMask": "0x1",
                }),
            ),
            6 => process(host, time, "svc-backup", SERVICES, SVCHOST, "svchost.exe -k LocalService", dice),
            _ => connection(host, time, dice),
        };
        out.push((time, record));
    }
    out
}

/// A domain controller's.
pub fn controller(host: &str, n: usize, dice: &mut Dice) -> Records {
    let mut out = Records::new();
    for _ in 0..n {
        let time = moment(dice);
        let who = dice.pick(&["a.novak", "m.keller", "j.brandt", "WS-0412$", "SRV-FILE01$"]);
        let record = match dice.below(6) {
            0 | 1 => windows(
                host,
                time,
                Log::Security,
                4768,
                json!({
                    "TargetUserName": who, "TargetDomainName": "CORP", "Status": "0x0", "TicketEncryptionType": "0x12",
                    "IpAddress": format!("::ffff:10.20.4.{}", 10 + dice.below(60)),
                }),
            ),
            2 | 3 => windows(
                host,
                time,
                Log::Security,
                4769,
                json!({
                    "TargetUserName": format!("{who}@CORP.EXAMPLE"), "ServiceName": "SRV-FILE01$",
                    "TicketEncryptionType": "0x12", "TicketOptions": "0x40810000", "Status": "0x0",
                    "IpAddress": format!("::ffff:10.20.4.{}", 10 + dice.below(60)),
                }),
            ),
            4 => windows(
                host,
                time,
                Log::Security,
                4662,
                json!({
                    "SubjectUserName": "DC02$", "SubjectDomainName": "CORP", "ObjectServer": "DS", "AccessMask": "0x100",
                    "ObjectType": "%{19195a5b-6da0-11d0-afd3-00c04fd930c9}",
                    "Properties": "%%7688\n\t\t{1131f6aa-9c07-11d1-f79f-00c04fc2dcd2}\n",
                }),
            ),
            _ => sign_in(host, time, who, 3, dice),
        };
        out.push((time, record));
    }
    out
}

/// A cloud account's.
pub fn trail(n: usize, dice: &mut Dice) -> Records {
    let calls = [
        ("ec2", "DescribeInstances"),
        ("s3", "GetBucketLocation"),
        ("sts", "GetCallerIdentity"),
        ("iam", "GetUser"),
    ];
    let mut out = Records::new();
    for _ in 0..n {
        let time = moment(dice);
        let (source, name) = calls[dice.below(calls.len() as u64) as usize];
        let user = dice.pick(&["deploy", "build-bot", "j.brandt"]);
        out.push((time, cloudtrail(time, user, "192.0.2.44", source, name, Value::Null, dice)));
    }
    out
}

/// A mail tenant's.
pub fn audit(n: usize, dice: &mut Dice) -> Records {
    let calls = [
        ("Exchange", "MailItemsAccessed"),
        ("SharePoint", "FileAccessed"),
        ("AzureActiveDirectory", "UserLoggedIn"),
        ("Exchange", "Send"),
    ];
    let mut out = Records::new();
    for _ in 0..n {
        let time = moment(dice);
        let (workload, operation) = calls[dice.below(calls.len() as u64) as usize];
        let user = dice.pick(&["a.novak", "m.keller", "j.brandt"]);
        out.push((time, m365(time, user, "192.0.2.44", workload, operation, json!({}), dice)));
    }
    out
}

fn connection(host: &str, time: Time, dice: &mut Dice) -> Value {
    windows(
        host,
        time,
        Log::Sysmon,
        3,
        json!({
            "Image": dice.pick(&[EDGE, OUTLOOK, SVCHOST]), "User": "CORP\\a.novak", "Protocol": "tcp", "Initiated": "true",
            "SourceIp": "10.20.4.12", "SourcePort": (50_000 + dice.below(9_000)).to_string(),
            "DestinationIp": format!("192.0.2.{}", 1 + dice.below(200)), "DestinationPort": "443", "DestinationHostname": "-",
        }),
    )
}

fn sign_in(host: &str, time: Time, who: &str, kind: u64, dice: &mut Dice) -> Value {
    windows(
        host,
        time,
        Log::Security,
        4624,
        json!({
            "TargetUserName": who, "TargetDomainName": "CORP", "LogonType": kind.to_string(), "SubjectUserName": "-",
            "TargetUserSid": "S-1-5-21-1004336348-1177238915-682003330-1143",
            "IpAddress": format!("10.20.4.{}", 10 + dice.below(60)), "AuthenticationPackageName": "Kerberos", "LogonProcessName": "Kerberos",
        }),
    )
}
