//! Records as their sources write them: winlogbeat 7, CloudTrail, the Microsoft 365 audit log.

use palisade_model::Time;
use serde_json::{Map, Value, json};

/// A small generator of numbers (splitmix64; Steele, Lea, Flood 2014), seeded with a constant.
pub struct Dice(pub u64);

impl Dice {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// One of several.
    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len() as u64) as usize]
    }

    /// A GUID in braces.
    pub fn guid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{{{:08x}-{:04x}-{:04x}-{:04x}-{:012x}}}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xffff,
            b >> 48,
            b & 0xffff_ffff_ffff
        )
    }
}

/// Windows channels with their providers.
#[derive(Clone, Copy)]
pub enum Log {
    /// Sysmon.
    Sysmon,
    /// Security.
    Security,
    /// PowerShell/Operational.
    PowerShell,
}

impl Log {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Log::Sysmon => ("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon"),
            Log::Security => ("Security", "Microsoft-Windows-Security-Auditing"),
            Log::PowerShell => ("Microsoft-Windows-PowerShell/Operational", "Microsoft-Windows-PowerShell"),
        }
    }
}

/// A Windows event as winlogbeat 7 ships it; the record number is given when it is written.
pub fn windows(host: &str, time: Time, log: Log, id: u64, data: Value) -> Value {
    let (channel, provider) = log.names();
    // An event of clearing comes from another provider and carries user data.
    let cleared = id == 1102;
    let provider = if cleared { "Microsoft-Windows-Eventlog" } else { provider };
    let mut winlog = json!({
        "channel": channel, "provider_name": provider, "event_id": id, "record_id": 0,
        "computer_name": format!("{host}.corp.example"), "api": "wineventlog", "opcode": "Info",
    });
    winlog[if cleared { "user_data" } else { "event_data" }] = data;
    json!({
        "@timestamp": short(time),
        "@metadata": {"beat": "winlogbeat", "type": "_doc", "version": "7.17.9"},
        "event": {"kind": "event", "code": id.to_string(), "provider": provider},
        "host": {"name": host},
        "log": {"level": "information"},
        "winlog": winlog,
    })
}

/// A Sysmon process creation.
pub fn process(
    host: &str,
    time: Time,
    who: &str,
    parent: &str,
    image: &str,
    line: &str,
    dice: &mut Dice,
) -> Value {
    let name = image.rsplit('\\').next().unwrap_or(image);
    windows(
        host,
        time,
        Log::Sysmon,
        1,
        json!({
            "UtcTime": short(time).replace('T', " ").trim_end_matches('Z'),
            "ProcessGuid": dice.guid(), "ProcessId": (1_000 + dice.below(9_000)).to_string(), "RuleName": "-",
            "Image": image, "CommandLine": line, "OriginalFileName": name,
            "ParentImage": parent, "ParentCommandLine": format!("\"{parent}\""),
            "User": format!("CORP\\{who}"), "CurrentDirectory": "C:\\Windows\\System32\\", "IntegrityLevel": "Medium",
        }),
    )
}

/// A CloudTrail record.
pub fn cloudtrail(
    time: Time,
    user: &str,
    ip: &str,
    source: &str,
    name: &str,
    parameters: Value,
    dice: &mut Dice,
) -> Value {
    json!({
        "eventVersion": "1.10",
        "userIdentity": {
            "type": "IAMUser", "principalId": "AIDAEXAMPLE7Q", "accountId": "111122223333", "userName": user,
            "arn": format!("arn:aws:iam::111122223333:user/{user}"),
        },
        "eventTime": seconds(time), "eventSource": format!("{source}.amazonaws.com"), "eventName": name,
        "awsRegion": "eu-central-1", "sourceIPAddress": ip, "userAgent": "aws-cli/2.17.0",
        "requestParameters": parameters, "responseElements": null,
        "eventID": dice.guid().trim_matches(['{', '}']), "readOnly": name.starts_with("Get") || name.starts_with("Describe"),
        "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
    })
}

/// A line of the Microsoft 365 audit log.
pub fn m365(
    time: Time,
    user: &str,
    ip: &str,
    workload: &str,
    operation: &str,
    more: Value,
    dice: &mut Dice,
) -> Value {
    let mut line = json!({
        "CreationTime": seconds(time).trim_end_matches('Z'), "Id": dice.guid().trim_matches(['{', '}']),
        "Operation": operation, "OrganizationId": "6f1d7c1e-3d9f-4a55-8a30-0f53b1d9a001", "RecordType": 1,
        "ResultStatus": "True", "UserKey": "10032001A4", "UserType": 0, "Workload": workload,
        "UserId": format!("{user}@party.example"), "ClientIP": ip,
    });
    if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
        line.extend::<Map<String, Value>>(more);
    }
    line
}

/// `2026-10-12T07:42:11.123Z`
fn short(time: Time) -> String {
    let (y, mo, d, h, mi, s, us) = time.civil();
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.{:03}Z", us / 1_000)
}

/// `2026-10-12T07:42:11Z`
fn seconds(time: Time) -> String {
    let (y, mo, d, h, mi, s, _) = time.civil();
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")
}
