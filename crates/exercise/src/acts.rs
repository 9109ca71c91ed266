//! What machines log when somebody does something: one function per kind of event.
//!
//! Everyday records and planted ones are made by the same functions, so that nothing but their content tells them
//! apart. It never decides what happens, only how it is written down.

use crate::dice::Dice;
use crate::record::{Event, Log};
use crate::world::{Host, World};

/// A running program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proc {
    /// Sysmon's process GUID, with braces.
    pub guid: String,
    /// Process id.
    pub pid: u64,
    /// Full path.
    pub image: String,
    /// Command line.
    pub line: String,
    /// SHA-256 of the program.
    pub sha256: String,
    /// Account it runs under.
    pub user: String,
    /// Logon session it runs in; empty if it is its parent's.
    pub session: String,
}

/// Account of the system itself.
pub(crate) const SYSTEM: &str = "NT AUTHORITY\\SYSTEM";

/// Session of the system itself, on every machine.
const SYSTEM_SESSION: &str = "0x3e7";

/// An account in a logon session.
#[derive(Clone, Debug)]
pub(crate) struct Who<'a> {
    /// Account name.
    pub account: &'a str,
    /// Its domain.
    pub realm: &'a str,
    /// Its security identifier.
    pub sid: &'a str,
    /// The session.
    pub session: String,
}

/// The session that an account has on a machine on a day, whoever speaks of it.
pub(crate) fn session(world: &World, host: &Host, user: &str, day: i64) -> String {
    if user == SYSTEM {
        return SYSTEM_SESSION.to_owned();
    }
    let mut dice = Dice::new(world.seed ^ day as u64, &format!("session {} {user}", host.name));
    any_session(&mut dice)
}

/// A session nobody speaks of again.
pub(crate) fn any_session(dice: &mut Dice) -> String {
    format!("{:#x}", 0x2_0000 + dice.below(0xfff_0000))
}

impl Proc {
    /// A program that was started on a host.
    pub fn new(world: &World, host: &Host, user: &str, image: &str, line: &str, dice: &mut Dice) -> Proc {
        let n = dice.next();
        let guid = format!(
            "{{{}-{:04x}-{:04x}-{:04x}-{:012x}}}",
            host.guid,
            n >> 48,
            n >> 32 & 0xffff,
            n >> 16 & 0xffff,
            n & 0xff_ffff
        );
        Proc {
            guid,
            pid: 600 + 4 * (n % 4_500),
            image: image.to_owned(),
            line: line.to_owned(),
            sha256: world.program_hash(image),
            user: user.to_owned(),
            session: String::new(),
        }
    }

    /// A program that runs all of one day, such as the shell of a desk or a service host: the same process whoever
    /// speaks of it.
    pub fn standing(world: &World, host: &Host, user: &str, image: &str, day: i64) -> Proc {
        let mut dice = Dice::new(world.seed ^ day as u64, &host.name);
        let mut dice = Dice::new(dice.next(), image);
        let proc = Proc::new(world, host, user, image, &format!("\"{image}\""), &mut dice);
        Proc { session: session(world, host, user, day), ..proc }
    }

    /// The same in another session of the account: another process.
    pub fn standing_in(world: &World, host: &Host, user: &str, image: &str, session: &str) -> Proc {
        let mut dice = Dice::new(world.seed, &format!("{} {session}", host.name));
        let mut dice = Dice::new(dice.next(), image);
        let proc = Proc::new(world, host, user, image, &format!("\"{image}\""), &mut dice);
        Proc { session: session.to_owned(), ..proc }
    }

    /// The same program file under another hash: a tool somebody brought along.
    pub fn with_hash(mut self, sha256: &str) -> Proc {
        self.sha256 = sha256.to_owned();
        self
    }
}

/// Sysmon's own identifier of a session: the machine's digits, then the session's.
fn logon_guid(process: &str, session: &str) -> String {
    let machine = process.get(1..9).unwrap_or("00000000");
    let number = u64::from_str_radix(session.trim_start_matches("0x"), 16).unwrap_or(0);
    format!("{{{machine}-0000-0000-{:04x}-{:012x}}}", number >> 48, number & 0xffff_ffff_ffff)
}

fn file_name(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or(path)
}

/// Sysmon 1: a program starts. Works for Linux as well, where fewer fields are known.
pub(crate) fn spawn(parent: &Proc, child: &Proc) -> Event {
    let windows = child.image.contains('\\');
    let mut fields = vec![
        ("RuleName", "-".to_owned()),
        ("ProcessGuid", child.guid.clone()),
        ("ProcessId", child.pid.to_string()),
        ("Image", child.image.clone()),
        ("CommandLine", child.line.clone()),
        ("CurrentDirectory", if windows { "C:\\Windows\\System32\\" } else { "/" }.to_owned()),
        ("User", child.user.clone()),
    ];
    if windows {
        let level = if child.user == SYSTEM { "System" } else { "Medium" };
        // Who starts a program gives it its session; what the system is asked to do runs in the system's.
        let session = if child.user == SYSTEM { SYSTEM_SESSION } else { parent.session.as_str() };
        fields.push(("LogonGuid", logon_guid(&child.guid, session)));
        fields.push(("LogonId", session.to_owned()));
        fields.push(("OriginalFileName", file_name(&child.image).to_owned()));
        fields.push(("IntegrityLevel", level.to_owned()));
        fields.push(("Hashes", format!("SHA256={}", child.sha256.to_uppercase())));
    }
    fields.push(("ParentProcessGuid", parent.guid.clone()));
    fields.push(("ParentProcessId", parent.pid.to_string()));
    fields.push(("ParentImage", parent.image.clone()));
    fields.push(("ParentCommandLine", parent.line.clone()));
    fields.push(("ParentUser", parent.user.clone()));
    Event::new(Log::Sysmon, 1, fields)
}

/// The fields every Sysmon event of one process begins with.
fn of(id: u16, by: &Proc) -> Event {
    let fields = vec![
        ("RuleName", "-".to_owned()),
        ("ProcessGuid", by.guid.clone()),
        ("ProcessId", by.pid.to_string()),
        ("Image", by.image.clone()),
        ("User", by.user.clone()),
    ];
    Event::new(Log::Sysmon, id, fields)
}

/// Sysmon 3: a connection goes out.
pub(crate) fn connect(by: &Proc, from: &str, to: &str, name: &str, port: u16, dice: &mut Dice) -> Event {
    of(3, by)
        .with("Protocol", "tcp")
        .with("Initiated", "true")
        .with("SourceIp", from)
        .with("SourcePort", (49_152 + dice.below(16_000)).to_string())
        .with("DestinationIp", to)
        .with("DestinationHostname", if name.is_empty() { "-" } else { name })
        .with("DestinationPort", port.to_string())
}

/// Sysmon 5: a program ends.
pub(crate) fn ended(by: &Proc) -> Event {
    of(5, by)
}

/// Sysmon 9: a program reads a disk past the file system.
pub(crate) fn raw_disk(by: &Proc) -> Event {
    of(9, by).with("Device", "\\Device\\Harddisk0\\DR0")
}

/// Sysmon 10: a program opens another.
pub(crate) fn opened(by: &Proc, target: &Proc, access: &str, trace: &str) -> Event {
    Event::new(
        Log::Sysmon,
        10,
        vec![
            ("RuleName", "-".to_owned()),
            ("SourceProcessGUID", by.guid.clone()),
            ("SourceProcessId", by.pid.to_string()),
            ("SourceImage", by.image.clone()),
            ("TargetProcessGUID", target.guid.clone()),
            ("TargetImage", target.image.clone()),
            ("GrantedAccess", access.to_owned()),
            ("CallTrace", trace.to_owned()),
            ("SourceUser", by.user.clone()),
            ("TargetUser", target.user.clone()),
        ],
    )
}

/// Sysmon 11: a file is written.
pub(crate) fn wrote(by: &Proc, path: &str) -> Event {
    of(11, by).with("TargetFilename", path)
}

/// Sysmon 13: a value of the registry is set.
pub(crate) fn set_value(by: &Proc, key: &str, details: &str) -> Event {
    of(13, by).with("EventType", "SetValue").with("TargetObject", key).with("Details", details)
}

/// Sysmon 15: a file with a mark of where it came from.
pub(crate) fn marked(by: &Proc, path: &str, from: &str, sha256: &str) -> Event {
    of(15, by)
        .with("TargetFilename", path)
        .with("Hash", format!("SHA256={}", sha256.to_uppercase()))
        .with("Contents", format!("[ZoneTransfer]  ZoneId=3  HostUrl={from}"))
}

/// Sysmon 20: a consumer of WMI events that runs something.
pub(crate) fn consumer(user: &str, name: &str, command: &str) -> Event {
    Event::new(
        Log::Sysmon,
        20,
        vec![
            ("RuleName", "-".to_owned()),
            ("EventType", "WmiConsumerEvent".to_owned()),
            ("Operation", "Created".to_owned()),
            ("User", user.to_owned()),
            ("Name", format!(" \"{name}\"")),
            ("Type", "Command Line".to_owned()),
            ("Destination", format!(" \"{command}\"")),
        ],
    )
}

/// Sysmon 22: a name is looked up.
pub(crate) fn looked_up(by: &Proc, name: &str, ip: &str) -> Event {
    of(22, by).with("QueryName", name).with("QueryStatus", "0").with("QueryResults", format!("::ffff:{ip};"))
}

/// Sysmon 24: the clipboard changed.
pub(crate) fn clipboard(by: &Proc) -> Event {
    of(24, by).with("Session", "1").with("ClientInfo", "user").with("Archived", "false")
}

/// Security 4624: somebody signed in, from an address; `at`: the machine's name where no ticket was used.
pub(crate) fn signed_in(who: &Who<'_>, kind: u8, from: &str, at: &str) -> Event {
    let package = match kind {
        3 if at.is_empty() => "Kerberos",
        3 => "NTLM",
        _ => "Negotiate",
    };
    Event::new(
        Log::Security,
        4624,
        vec![
            ("SubjectUserName", "-".to_owned()),
            ("TargetUserSid", who.sid.to_owned()),
            ("TargetUserName", who.account.to_owned()),
            ("TargetDomainName", who.realm.to_owned()),
            ("TargetLogonId", who.session.clone()),
            ("LogonType", kind.to_string()),
            ("LogonProcessName", package.to_owned()),
            ("AuthenticationPackageName", package.to_owned()),
            ("WorkstationName", if at.is_empty() { "-" } else { at }.to_owned()),
            ("IpAddress", from.to_owned()),
            ("IpPort", "0".to_owned()),
        ],
    )
}

/// One sign-in over the network in so many is without a ticket.
const WITHOUT_TICKET: u64 = 8;

/// A sign-in over the network: mostly with a ticket, else with the machine's name.
pub(crate) fn signed_in_over(world: &World, who: &Who<'_>, from: &str, dice: &mut Dice) -> Event {
    let at = if dice.once_in(WITHOUT_TICKET) { world.named(from) } else { "" };
    signed_in(who, 3, from, at)
}

/// A Security event about what an account did, with more values added by the caller.
pub(crate) fn subject(id: u16, who: &Who<'_>) -> Event {
    Event::new(
        Log::Security,
        id,
        vec![
            ("SubjectUserSid", who.sid.to_owned()),
            ("SubjectUserName", who.account.to_owned()),
            ("SubjectDomainName", who.realm.to_owned()),
            ("SubjectLogonId", who.session.clone()),
        ],
    )
}

/// Security 4662: an object of the directory is used with control access.
pub(crate) fn directory_access(who: &Who<'_>, right: &str) -> Event {
    subject(4662, who)
        .with("ObjectServer", "DS")
        .with("ObjectType", "%{19195a5b-6da0-11d0-afd3-00c04fd930c9}")
        .with("OperationType", "Object Access")
        .with("AccessMask", "0x100")
        .with("Properties", format!("%%7688\n\t\t{{{right}}}\n\t{{19195a5b-6da0-11d0-afd3-00c04fd930c9}}\n"))
}

/// Security 4698: a task is registered.
pub(crate) fn task(who: &Who<'_>, name: &str, command: &str, arguments: &str) -> Event {
    let xml = format!(
        "<Task xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\"><Actions><Exec><Command>{command}\
         </Command><Arguments>{arguments}</Arguments></Exec></Actions></Task>"
    );
    subject(4698, who).with("TaskName", name).with("TaskContent", xml)
}

/// Security 4768 or 4769: a ticket is given out by a domain controller.
pub(crate) fn ticket(id: u16, who: &str, realm: &str, service: &str, from: &str) -> Event {
    Event::new(
        Log::Security,
        id,
        vec![
            ("TargetUserName", who.to_owned()),
            ("TargetDomainName", realm.to_owned()),
            ("ServiceName", service.to_owned()),
            ("TicketOptions", "0x40810000".to_owned()),
            ("Status", "0x0".to_owned()),
            ("TicketEncryptionType", "0x12".to_owned()),
            ("IpAddress", format!("::ffff:{from}")),
            ("IpPort", "50122".to_owned()),
        ],
    )
}

/// Security 5140: a share is opened.
pub(crate) fn share(who: &Who<'_>, name: &str, from: &str) -> Event {
    subject(5140, who)
        .with("ObjectType", "File")
        .with("ShareName", format!("\\\\*\\{name}"))
        .with("IpAddress", from)
        .with("AccessMask", "0x1")
}

/// System 7045: a service is installed.
pub(crate) fn service(name: &str, image: &str) -> Event {
    let fields = vec![
        ("ServiceName", name.to_owned()),
        ("ImagePath", image.to_owned()),
        ("ServiceType", "user mode service".to_owned()),
        ("StartType", "demand start".to_owned()),
        ("AccountName", "LocalSystem".to_owned()),
    ];
    Event::new(Log::System, 7045, fields)
}

/// PowerShell 4104: the text of a script.
pub(crate) fn script(text: &str, path: &str, dice: &mut Dice) -> Event {
    let fields = vec![
        ("MessageNumber", "1".to_owned()),
        ("MessageTotal", "1".to_owned()),
        ("ScriptBlockText", text.to_owned()),
        ("ScriptBlockId", dice.uuid()),
        ("Path", path.to_owned()),
    ];
    Event::new(Log::PowerShell, 4104, fields)
}

/// A line of the journal.
pub(crate) fn journal(program: &str, message: String) -> Event {
    Event::new(Log::Journal, 0, vec![("SYSLOG_IDENTIFIER", program.to_owned()), ("MESSAGE", message)])
}

/// An execution seen by Linux audit.
pub(crate) fn audited(program: &str, arguments: &[&str]) -> Event {
    const NAMES: [&str; 8] = ["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"];
    let mut fields = vec![("exe", program.to_owned())];
    fields.extend(NAMES.iter().zip(arguments).map(|(n, v)| (*n, (*v).to_owned())));
    Event::new(Log::Audit, 0, fields)
}
