//! Which log sources an event belongs to. Written from Microsoft's and Sysmon's
//! event lists, not from the product's table, so that the two check each other.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::flatten::Flat;

/// One way to look at an event: the log sources it counts as, and its fields
/// under the names that rules of these sources use.
pub struct View<'a> {
    pub key: Key,
    pub fields: Cow<'a, Value>,
}

/// A rule belongs to a view if each part of its log source is unset or listed here.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Key {
    /// Whether product and service rules see this view too (a renamed view is
    /// for its category's rules only).
    pub whole: bool,
    pub services: Vec<&'static str>,
    pub categories: Vec<&'static str>,
}

const SYSMON: &str = "microsoft-windows-sysmon/operational";

/// Channel (lower case) to the services that name it.
fn services(channel: &str) -> Vec<&'static str> {
    let one = match channel {
        "security" => "security",
        "system" => "system",
        "application" => "application",
        SYSMON => "sysmon",
        "windows powershell" => "powershell-classic",
        "microsoft-windows-powershell/operational" | "powershellcore/operational" => "powershell",
        "microsoft-windows-taskscheduler/operational" => "taskscheduler",
        "microsoft-windows-wmi-activity/operational" => "wmi",
        "microsoft-windows-windows defender/operational" => "windefend",
        "microsoft-windows-windows firewall with advanced security/firewall" => "firewall-as",
        "microsoft-windows-ntlm/operational" => "ntlm",
        "microsoft-windows-codeintegrity/operational" => "codeintegrity-operational",
        "microsoft-windows-applocker/exe and dll"
        | "microsoft-windows-applocker/msi and script"
        | "microsoft-windows-applocker/packaged app-deployment"
        | "microsoft-windows-applocker/packaged app-execution" => "applocker",
        "microsoft-windows-bits-client/operational" => "bits-client",
        "microsoft-windows-dns client events/operational" => "dns-client",
        "dns server" => "dns-server",
        "microsoft-windows-dnsserver/audit" | "microsoft-windows-dns-server/audit" => "dns-server-audit",
        "microsoft-windows-dnsserver/analytical" | "microsoft-windows-dns-server/analytical" => {
            "dns-server-analytic"
        }
        "microsoft-windows-driverframeworks-usermode/operational" => "driver-framework",
        "microsoft-windows-dhcp-server/operational" => "dhcp",
        "microsoft-windows-printservice/admin" => "printservice-admin",
        "microsoft-windows-printservice/operational" => "printservice-operational",
        "microsoft-windows-smbclient/security" => "smbclient-security",
        "microsoft-windows-smbclient/connectivity" => "smbclient-connectivity",
        "microsoft-windows-smbserver/connectivity" => "smbserver-connectivity",
        "microsoft-windows-terminalservices-localsessionmanager/operational" => {
            "terminalservices-localsessionmanager"
        }
        "microsoft-windows-security-mitigations/kernel mode"
        | "microsoft-windows-security-mitigations/user mode" => "security-mitigations",
        "openssh/operational" => "openssh",
        "microsoft-windows-vhdmp-operational" | "microsoft-windows-vhdmp/operational" => "vhdmp",
        "microsoft-windows-appxdeploymentserver/operational" => "appxdeployment-server",
        "microsoft-windows-appxpackaging/operational" => "appxpackaging-om",
        "microsoft-windows-appmodel-runtime/admin" => "appmodel-runtime",
        "microsoft-windows-lsa/operational" => "lsa-server",
        "microsoft-windows-ldap-client/debug" => "ldap",
        "microsoft-windows-capi2/operational" => "capi2",
        "msexchange management" => "msexchange-management",
        "microsoft-iis-configuration/operational" => "iis-configuration",
        "microsoft-windows-shell-core/operational" => "shell-core",
        "microsoft-windows-diagnosis-scripted/operational" => "diagnosis-scripted",
        "microsoft-windows-certificateservicesclient-lifecycle-system/operational" => {
            "certificateservicesclient-lifecycle-system"
        }
        "microsoft-servicebus-client"
        | "microsoft-servicebus-client/operational"
        | "microsoft-servicebus-client/admin" => "microsoft-servicebus-client",
        _ => return Vec::new(),
    };
    match one {
        "ldap" => vec!["ldap", "ldap_debug"],
        one => vec![one],
    }
}

fn sysmon(id: u64) -> &'static [&'static str] {
    match id {
        1 => &["process_creation"],
        2 => &["file_change"],
        3 => &["network_connection"],
        4 | 16 => &["sysmon_status"],
        5 => &["process_termination"],
        6 => &["driver_load"],
        7 => &["image_load"],
        8 => &["create_remote_thread"],
        9 => &["raw_access_thread"],
        10 => &["process_access"],
        11 => &["file_event"],
        12 => &["registry_event", "registry_add", "registry_delete"],
        13 => &["registry_event", "registry_set"],
        14 => &["registry_event", "registry_rename"],
        15 => &["create_stream_hash"],
        17 | 18 => &["pipe_created"],
        19..=21 => &["wmi_event"],
        22 => &["dns_query"],
        23 => &["file_delete"],
        24 => &["clipboard_capture"],
        25 => &["process_tampering"],
        26 => &["file_delete", "file_delete_detected"],
        27 => &["file_block_executable"],
        28 => &["file_block_shredding"],
        29 => &["file_executable_detected"],
        255 => &["sysmon_error"],
        _ => &[],
    }
}

/// The views of one event: always itself, and for three Security events also a
/// copy in Sysmon's names.
pub fn views(event: &Flat) -> Vec<View<'_>> {
    let channel = event.channel.to_lowercase();
    let id = event.event_id.unwrap_or(u64::MAX);
    let categories: &[&str] = match (channel.as_str(), id) {
        (SYSMON, id) => sysmon(id),
        ("microsoft-windows-powershell/operational" | "powershellcore/operational", 4103) => &["ps_module"],
        ("microsoft-windows-powershell/operational" | "powershellcore/operational", 4104) => &["ps_script"],
        ("windows powershell", 400) => &["ps_classic_start"],
        ("windows powershell", 600) => &["ps_classic_provider_start"],
        ("windows powershell", 800) => &["ps_classic_script"],
        _ => &[],
    };
    let mut views = vec![View {
        key: Key { whole: true, services: services(&channel), categories: categories.to_vec() },
        fields: Cow::Borrowed(&event.fields),
    }];
    if channel == "security"
        && let Value::Object(fields) = &event.fields
    {
        let renamed: Option<(&[&str], Map<String, Value>)> = match id {
            4688 => Some((&["process_creation"], process_creation(fields))),
            4689 => Some((&["process_termination"], process_termination(fields))),
            4657 => Some((&["registry_event", "registry_set"], registry_set(fields))),
            _ => None,
        };
        if let Some((categories, fields)) = renamed {
            views.push(View {
                key: Key { whole: false, services: Vec::new(), categories: categories.to_vec() },
                fields: Cow::Owned(Value::Object(fields)),
            });
        }
    }
    views
}

fn rename(fields: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = fields.remove(from) {
        fields.insert(to.into(), value);
    }
}

fn process_creation(fields: &Map<String, Value>) -> Map<String, Value> {
    let mut fields = fields.clone();
    // The event's ProcessId is the creator's: move it away before the new one lands.
    rename(&mut fields, "ProcessId", "ParentProcessId");
    rename(&mut fields, "NewProcessId", "ProcessId");
    rename(&mut fields, "NewProcessName", "Image");
    rename(&mut fields, "ParentProcessName", "ParentImage");
    rename(&mut fields, "SubjectLogonId", "LogonId");
    let name = |fields: &Map<String, Value>, key: &str| {
        fields.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (domain, user) = (name(&fields, "SubjectDomainName"), name(&fields, "SubjectUserName"));
    if !user.is_empty() {
        fields.insert("User".into(), Value::String(format!("{domain}\\{user}")));
    }
    let level = match fields.get("MandatoryLabel").and_then(Value::as_str) {
        Some("S-1-16-4096") => Some("Low"),
        Some("S-1-16-8192") => Some("Medium"),
        Some("S-1-16-12288") => Some("High"),
        Some("S-1-16-16384") => Some("System"),
        _ => None,
    };
    if let Some(level) = level {
        fields.insert("IntegrityLevel".into(), level.into());
    }
    fields
}

fn process_termination(fields: &Map<String, Value>) -> Map<String, Value> {
    let mut fields = fields.clone();
    rename(&mut fields, "ProcessName", "Image");
    fields
}

fn registry_set(fields: &Map<String, Value>) -> Map<String, Value> {
    let mut fields = fields.clone();
    let text = |fields: &Map<String, Value>, key: &str| {
        fields.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (key, value) = (text(&fields, "ObjectName"), text(&fields, "ObjectValueName"));
    let key = match key.to_uppercase() {
        upper if upper.starts_with(r"\REGISTRY\MACHINE") => {
            format!("HKLM{}", &key[r"\REGISTRY\MACHINE".len()..])
        }
        upper if upper.starts_with(r"\REGISTRY\USER") => format!("HKU{}", &key[r"\REGISTRY\USER".len()..]),
        _ => key,
    };
    let target = if value.is_empty() { key } else { format!("{key}\\{value}") };
    fields.insert("TargetObject".into(), target.into());
    fields.insert("EventType".into(), "SetValue".into());
    rename(&mut fields, "NewValue", "Details");
    rename(&mut fields, "ProcessName", "Image");
    fields
}
