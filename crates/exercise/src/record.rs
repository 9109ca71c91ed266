//! Records of Windows and Linux hosts as agents ship them, in the renderings that agents differ in.
//!
//! Written from the formats' own documentation and from how such exports look. It never uses a reader's code or data,
//! so that what is written here tests them.

use palisade_model::Time;

use crate::calendar::{millis, seconds, spaced};
use crate::json::Json;
use crate::world::{Host, Role};

/// Logs of a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Log {
    /// Sysmon; on Linux hosts Sysmon for Linux.
    Sysmon,
    /// Windows Security.
    Security,
    /// Windows System.
    System,
    /// PowerShell/Operational.
    PowerShell,
    /// A line of the journal of a Linux host.
    Journal,
    /// An execution seen by Linux audit.
    Audit,
}

/// One record of a host before it is rendered.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Which log it is in.
    pub log: Log,
    /// Event id; of audit and journal records nothing.
    pub id: u16,
    /// Named values in the order they are written.
    pub fields: Vec<(&'static str, String)>,
}

impl Event {
    /// An event of a log with its values.
    pub fn new(log: Log, id: u16, fields: Vec<(&'static str, String)>) -> Event {
        Event { log, id, fields }
    }

    /// Adds a value.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Event {
        self.fields.push((name, value.into()));
        self
    }

    /// Name of the provider.
    pub fn provider(&self) -> &'static str {
        match (self.log, self.id) {
            (Log::Sysmon, _) => "Microsoft-Windows-Sysmon",
            // The log service itself says that a log was cleared.
            (Log::Security, 1102) | (Log::System, 104) => "Microsoft-Windows-Eventlog",
            (Log::Security, _) => "Microsoft-Windows-Security-Auditing",
            (Log::System, _) => "Service Control Manager",
            (Log::PowerShell, _) => "Microsoft-Windows-PowerShell",
            (Log::Journal | Log::Audit, _) => "",
        }
    }

    /// Name of the channel.
    pub fn channel(&self) -> &'static str {
        match self.log {
            Log::Sysmon => "Microsoft-Windows-Sysmon/Operational",
            Log::Security => "Security",
            Log::System => "System",
            Log::PowerShell => "Microsoft-Windows-PowerShell/Operational",
            Log::Journal | Log::Audit => "",
        }
    }

    /// Such events carry user data in an element of their own instead of event data.
    pub fn user_data(&self) -> bool {
        matches!((self.log, self.id), (Log::Security, 1102) | (Log::System, 104))
    }
}

/// Renders one record as the agent of this kind of machine does, with its number in the log.
pub(crate) fn render(host: &Host, time: Time, number: u64, event: &Event) -> String {
    match (event.log, host.role) {
        (Log::Journal, _) => journal(host, time, number, event),
        (Log::Audit, _) => audit(host, time, number, event),
        (_, Role::LinuxWeb | Role::LinuxBuild) => linux(host, time, number, event),
        (_, Role::Office | Role::Developer | Role::Admin) => winlogbeat(host, time, number, event),
        (_, Role::Server) => nxlog(host, time, number, event),
        // The logs of controllers are taken as EVTX (see `crate::evtx`); a workspace would keep them like this.
        (_, Role::WebWindows | Role::Controller) => sentinel(host, time, number, event),
        (_, Role::Engineering) => dump(host, time, number, event),
    }
}

fn fields(json: &mut Json, time: Time, event: &Event) {
    if event.log == Log::Sysmon {
        json.str("UtcTime", &spaced(time));
    }
    for (name, value) in &event.fields {
        json.str(name, value);
    }
}

/// winlogbeat 7: ECS around, the event's own names under `winlog`.
fn winlogbeat(host: &Host, time: Time, number: u64, event: &Event) -> String {
    let mut json = Json::object();
    json.str("@timestamp", &millis(time));
    json.obj("@metadata", |m| {
        m.str("beat", "winlogbeat").str("type", "_doc").str("version", "7.17.9");
    });
    json.obj("event", |e| {
        e.str("kind", "event").str("code", &event.id.to_string()).str("provider", event.provider());
    });
    json.obj("host", |h| {
        h.str("name", &host.full);
    });
    json.obj("log", |l| {
        l.str("level", "information");
    });
    json.obj("winlog", |w| {
        w.str("channel", event.channel()).str("provider_name", event.provider());
        w.num("event_id", u64::from(event.id)).num("record_id", number).str("computer_name", &host.full);
        w.str("api", "wineventlog").str("opcode", "Info");
        w.obj(if event.user_data() { "user_data" } else { "event_data" }, |d| fields(d, time, event));
    });
    json.done()
}

/// nxlog's `im_msvistalog` through logstash: everything on one level.
fn nxlog(host: &Host, time: Time, number: u64, event: &Event) -> String {
    let mut json = Json::object();
    json.str("@timestamp", &millis(time)).str("@version", "1").str("Hostname", &host.full);
    json.str("Keywords", "-9223372036854775808").str("SeverityValue", "2").str("Severity", "INFO");
    json.num("EventID", u64::from(event.id)).str("SourceName", event.provider()).num("RecordNumber", number);
    json.str("Channel", event.channel()).str("Opcode", "Info").str("SourceModuleType", "im_msvistalog");
    fields(&mut json, time, event);
    json.done()
}

/// The table `WindowsEvent` of Log Analytics.
fn sentinel(host: &Host, time: Time, number: u64, event: &Event) -> String {
    let mut json = Json::object();
    json.str("TimeGenerated", &millis(time)).str("Provider", event.provider());
    json.str("Channel", event.channel()).str("Computer", &host.full).num("EventID", u64::from(event.id));
    json.num("EventLevel", 4).str("EventLevelName", "Information").str("EventRecordId", &number.to_string());
    json.obj("EventData", |d| fields(d, time, event)).str("Type", "WindowsEvent");
    json.done()
}

/// A log file turned to JSON by a dump tool: the event's XML with attributes under `#attributes`.
fn dump(host: &Host, time: Time, number: u64, event: &Event) -> String {
    let mut json = Json::object();
    json.obj("Event", |e| {
        e.obj("#attributes", |a| {
            a.str("xmlns", "http://schemas.microsoft.com/win/2004/08/events/event");
        });
        e.obj("System", |s| {
            s.obj("Provider", |p| {
                p.obj("#attributes", |a| {
                    a.str("Name", event.provider());
                });
            });
            s.num("EventID", u64::from(event.id)).num("Version", 5).num("Level", 4);
            s.str("Keywords", "0x8000000000000000");
            s.obj("TimeCreated", |t| {
                t.obj("#attributes", |a| {
                    a.str("SystemTime", &millis(time));
                });
            });
            s.num("EventRecordID", number).str("Channel", event.channel()).str("Computer", &host.full);
            s.raw("Security", "null");
        });
        if event.user_data() {
            e.obj("UserData", |u| {
                u.obj("LogFileCleared", |d| fields(d, time, event));
            });
        } else {
            e.obj("EventData", |d| fields(d, time, event));
        }
    });
    json.done()
}

/// Sysmon for Linux, flattened by its shipper.
fn linux(host: &Host, time: Time, number: u64, event: &Event) -> String {
    let mut json = Json::object();
    json.str("Channel", "Linux-Sysmon/Operational").num("EventID", u64::from(event.id));
    json.str("Provider_Name", "Linux-Sysmon").str("Computer", &host.full).num("EventRecordID", number);
    json.str("TimeCreated", &millis(time));
    fields(&mut json, time, event);
    json.done()
}

/// `journalctl -o json`; the fields are the program (`SYSLOG_IDENTIFIER`) and its `MESSAGE`.
fn journal(host: &Host, time: Time, number: u64, event: &Event) -> String {
    let mut json = Json::object();
    json.str("__CURSOR", &format!("s={};i={number:x}", host.guid));
    json.str("__REALTIME_TIMESTAMP", &time.0.to_string()).str("_HOSTNAME", &host.full);
    json.str("PRIORITY", "6");
    fields(&mut json, time, event);
    json.done()
}

/// auditbeat: an execution, its program and arguments. The first field is the program, the rest are arguments.
fn audit(host: &Host, time: Time, number: u64, event: &Event) -> String {
    let program = event.fields.first().map(|(_, v)| v.as_str()).unwrap_or_default();
    let title: Vec<&str> = event.fields.iter().skip(1).map(|(_, v)| v.as_str()).collect();
    let mut json = Json::object();
    json.str("@timestamp", &millis(time));
    json.obj("host", |h| {
        h.str("name", &host.full);
    });
    json.obj("event", |e| {
        e.str("module", "auditd").str("action", "executed").str("created", &seconds(time));
    });
    json.obj("auditd", |a| {
        a.str("message_type", "execve").num("sequence", number).str("result", "success");
        a.obj("data", |d| {
            d.str("syscall", "execve").str("tty", "(none)").str("argc", &title.len().to_string());
            for (name, value) in event.fields.iter().skip(1) {
                d.str(name, value);
            }
        });
    });
    json.obj("process", |p| {
        p.str("executable", program).num("pid", 900 + number % 30_000).str("title", &title.join(" "));
        p.str("name", program.rsplit('/').next().unwrap_or_default());
    });
    json.done()
}
