//! Records of clouds and identity services as they export them: Entra, Microsoft 365, AWS, GitHub, Okta, Kubernetes.
//!
//! One function per kind of record. It never uses a reader's code or data.

use palisade_model::{ObservableKind, Time};

use crate::calendar::seconds;
use crate::dice::Dice;
use crate::json::Json;
use crate::world::World;

/// A log of a cloud.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Cloud {
    /// Sign-ins of Entra, as diagnostic settings export them.
    SignIns,
    /// Entra's audit log and its risk detections.
    Directory,
    /// The unified audit log of Microsoft 365.
    M365,
    /// CloudTrail.
    Aws,
    /// GitHub's audit log.
    GitHub,
    /// Okta's system log.
    Okta,
    /// Kubernetes audit.
    Kubernetes,
}

impl Cloud {
    /// Path of its file in the evidence.
    pub fn file(self) -> &'static str {
        match self {
            Cloud::SignIns => "cloud/entra-signins.ndjson",
            Cloud::Directory => "cloud/entra-audit.ndjson",
            Cloud::M365 => "cloud/m365-audit.ndjson",
            Cloud::Aws => "cloud/cloudtrail.ndjson",
            Cloud::GitHub => "cloud/github-audit.ndjson",
            Cloud::Okta => "cloud/okta-system.ndjson",
            Cloud::Kubernetes => "cloud/kubernetes-audit.ndjson",
        }
    }
}

/// A rendered record and what it names that can join it to others.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// One line of JSON.
    pub text: String,
    /// Values in it, as written.
    pub seen: Vec<(ObservableKind, String)>,
}

fn line(json: Json, who: &str, ip: &str) -> Line {
    let mut seen = vec![(ObservableKind::Account, who.to_owned())];
    if !ip.is_empty() {
        seen.push((ObservableKind::Ip, ip.to_owned()));
    }
    Line { text: json.done(), seen }
}

impl Line {
    /// Says that it also names this.
    pub fn naming(mut self, kind: ObservableKind, value: &str) -> Line {
        self.seen.push((kind, value.to_owned()));
        self
    }
}

/// What differs between sign-ins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignIn<'a> {
    /// Application signed in to.
    pub app: &'a str,
    /// Kind of client.
    pub client: &'a str,
    /// `none`, `deviceCode`.
    pub protocol: &'a str,
    /// Whether two factors were asked for.
    pub two_factors: bool,
    /// Whether the device is managed and compliant.
    pub managed: bool,
    /// Country code.
    pub country: &'a str,
    /// 0 is success.
    pub error: u64,
    /// The browser's or program's own words.
    pub agent: &'a str,
}

/// A browser at a managed desk.
pub(crate) const AT_DESK: SignIn<'static> = SignIn {
    app: "Office 365 Exchange Online",
    client: "Browser",
    protocol: "none",
    two_factors: true,
    managed: true,
    country: "AT",
    error: 0,
    agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36 Edg/141.0",
};

/// A sign-in of Entra.
pub(crate) fn sign_in(
    world: &World,
    time: Time,
    who: &str,
    ip: &str,
    of: &SignIn<'_>,
    dice: &mut Dice,
) -> Line {
    let at = seconds(time);
    let mut json = Json::object();
    json.str("time", &at).str("resourceId", &format!("/tenants/{}/providers/Microsoft.aadiam", world.tenant));
    json.str("operationName", "Sign-in activity")
        .str("operationVersion", "1.0")
        .str("category", "SignInLogs");
    json.str("tenantId", &world.tenant).str("resultType", &of.error.to_string()).str("callerIpAddress", ip);
    json.str("correlationId", &dice.uuid()).obj("properties", |p| {
        p.str("id", &dice.uuid()).str("createdDateTime", &at).str("userPrincipalName", who);
        p.str("appDisplayName", of.app).str("ipAddress", ip).str("clientAppUsed", of.client);
        p.str("conditionalAccessStatus", if of.managed { "success" } else { "notApplied" });
        let asked = if of.two_factors { "multiFactorAuthentication" } else { "singleFactorAuthentication" };
        p.str("authenticationRequirement", asked).str("authenticationProtocol", of.protocol);
        p.obj("status", |s| {
            s.num("errorCode", of.error);
            s.str("failureReason", if of.error == 0 { "" } else { "Invalid username or password" });
        });
        p.str("riskState", "none").str("userAgent", of.agent);
        p.obj("location", |l| {
            l.str("city", "").str("countryOrRegion", of.country);
        });
        p.obj("deviceDetail", |d| {
            d.str("deviceId", &if of.managed { dice.uuid() } else { String::new() });
            d.raw("isCompliant", if of.managed { "true" } else { "false" });
        });
    });
    line(json, who, ip)
}

/// A risk that Entra saw in a sign-in.
pub(crate) fn risk(world: &World, time: Time, who: &str, ip: &str, kind: &str, dice: &mut Dice) -> Line {
    let at = seconds(time);
    let mut json = Json::object();
    json.str("time", &at).str("category", "UserRiskEvents").str("operationName", "User Risk Detection");
    json.str("tenantId", &world.tenant).obj("properties", |p| {
        p.str("id", &dice.uuid())
            .str("riskEventType", kind)
            .str("riskLevel", "medium")
            .str("riskState", "atRisk");
        p.str("userPrincipalName", who).str("ipAddress", ip).str("detectedDateTime", &at);
    });
    line(json, who, ip)
}

/// A change in the directory.
pub(crate) fn directory(
    world: &World,
    time: Time,
    who: &str,
    ip: &str,
    operation: &str,
    target: &str,
    dice: &mut Dice,
) -> Line {
    let at = seconds(time);
    let mut json = Json::object();
    json.str("time", &at).str("resourceId", &format!("/tenants/{}/providers/Microsoft.aadiam", world.tenant));
    json.str("operationName", operation).str("category", "AuditLogs").str("tenantId", &world.tenant);
    json.str("correlationId", &dice.uuid()).obj("properties", |p| {
        p.str("id", &format!("Directory_{}", dice.uuid())).str("activityDisplayName", operation);
        p.str("category", "ApplicationManagement").str("result", "success");
        p.str("loggedByService", "Core Directory").str("activityDateTime", &at);
        p.obj("initiatedBy", |i| {
            i.obj("user", |u| {
                u.str("userPrincipalName", who).str("ipAddress", ip);
            });
        });
        p.list("targetResources", |l| {
            l.item(|t| {
                t.str("id", &dice.uuid()).str("displayName", target).str("type", "Application");
                t.list("modifiedProperties", |_| ());
            });
        });
        p.list("additionalDetails", |_| ());
    });
    line(json, who, ip)
}

/// A record of the unified audit log of Microsoft 365; `more` adds what the operation carries.
pub(crate) fn m365(
    world: &World,
    time: Time,
    who: &str,
    ip: &str,
    (workload, operation): (&str, &str),
    more: impl FnOnce(&mut Json),
    dice: &mut Dice,
) -> Line {
    let mut json = Json::object();
    // The management activity API writes no zone; the time is UTC.
    json.str("CreationTime", seconds(time).trim_end_matches('Z')).str("Id", &dice.uuid());
    json.str("Operation", operation).str("OrganizationId", &world.tenant);
    let kind = match workload {
        "Exchange" => 1,
        "SharePoint" | "OneDrive" => 6,
        _ => 8,
    };
    json.num("RecordType", kind).str("ResultStatus", "True").str("UserKey", &who.replace('@', "_"));
    json.num("UserType", 0)
        .num("Version", 1)
        .str("Workload", workload)
        .str("UserId", who)
        .str("ClientIP", ip);
    more(&mut json);
    line(json, who, ip)
}

/// What a consent record says of the rights given.
pub(crate) fn consent(json: &mut Json, scope: &str) {
    json.list("ModifiedProperties", |l| {
        l.item(|i| {
            i.str("Name", "ConsentContext.IsAdminConsent").str("NewValue", "False").str("OldValue", "");
        });
        l.item(|i| {
            let value = format!("[] => [[Id: x, ClientId: y, Scope: {scope}, ConsentType: Principal]]");
            i.str("Name", "ConsentAction.Permissions").str("NewValue", &value).str("OldValue", "");
        });
    });
}

/// Who calls AWS, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    /// User name, or role for a session.
    pub user: &'a str,
    /// Key in use.
    pub key: &'a str,
    /// Address.
    pub ip: &'a str,
    /// Program.
    pub agent: &'a str,
}

/// A call of AWS; `request` is JSON, `error` empty on success.
pub(crate) fn aws(
    world: &World,
    time: Time,
    caller: Caller<'_>,
    (service, name): (&str, &str),
    request: &str,
    error: &str,
    dice: &mut Dice,
) -> Line {
    let arn = match caller.user {
        "root" => format!("arn:aws:iam::{}:root", world.cloud),
        user => format!("arn:aws:iam::{}:user/{user}", world.cloud),
    };
    let mut json = Json::object();
    json.str("eventVersion", "1.10").obj("userIdentity", |u| {
        u.str("type", if caller.user == "root" { "Root" } else { "IAMUser" });
        u.str("principalId", &format!("AIDA{}", Dice::new(world.seed, caller.user).code(16)));
        u.str("arn", &arn).str("accountId", &world.cloud).str("accessKeyId", caller.key);
        if caller.user != "root" {
            u.str("userName", caller.user);
        }
    });
    json.str("eventTime", &seconds(time)).str("eventSource", &format!("{service}.amazonaws.com"));
    json.str("eventName", name).str("awsRegion", "eu-central-1").str("sourceIPAddress", caller.ip);
    json.str("userAgent", caller.agent);
    if !error.is_empty() {
        json.str("errorCode", error).str("errorMessage", "User is not authorized to perform this action");
    }
    json.raw("requestParameters", request);
    if name == "ConsoleLogin" {
        json.obj("responseElements", |r| {
            r.str("ConsoleLogin", "Success");
        });
    } else {
        json.raw("responseElements", "null");
    }
    json.str("requestID", &dice.uuid()).str("eventID", &dice.uuid());
    let reads = ["Get", "List", "Describe"].iter().any(|p| name.starts_with(p));
    json.raw("readOnly", if reads { "true" } else { "false" }).str("eventType", "AwsApiCall");
    json.raw("managementEvent", "true").str("recipientAccountId", &world.cloud);
    line(json, caller.user, caller.ip).naming(ObservableKind::Arn, &arn)
}

/// A record of GitHub's audit log.
pub(crate) fn github(
    world: &World,
    time: Time,
    actor: &str,
    ip: &str,
    action: &str,
    repo: &str,
    dice: &mut Dice,
) -> Line {
    let org = world.realm.to_lowercase();
    let mut json = Json::object();
    json.num("@timestamp", (time.0 / 1_000) as u64).str("action", action).str("actor", actor);
    json.str("actor_ip", ip).str("org", &org).str("repo", &format!("{org}/{repo}"));
    json.num("created_at", (time.0 / 1_000) as u64)
        .str("user_agent", "Mozilla/5.0")
        .str("_document_id", &dice.code(22));
    line(json, actor, ip)
}

/// A record of Okta's system log.
pub(crate) fn okta(time: Time, actor: &str, ip: &str, kind: &str, target: &str, dice: &mut Dice) -> Line {
    let mut json = Json::object();
    json.str("uuid", &dice.uuid())
        .str("published", &seconds(time))
        .str("eventType", kind)
        .str("version", "0");
    json.str("severity", "INFO").str("displayMessage", kind).obj("actor", |a| {
        a.str("id", &format!("00u{}", dice.hex(17))).str("type", "User").str("alternateId", actor);
    });
    json.obj("client", |c| {
        c.str("ipAddress", ip).str("zone", "null");
    });
    json.obj("outcome", |o| {
        o.str("result", "SUCCESS");
    });
    json.list("target", |l| {
        l.item(|t| {
            t.str("id", &dice.hex(20)).str("type", "User").str("alternateId", target);
        });
    });
    json.obj("debugContext", |d| {
        d.obj("debugData", |x| {
            x.str("requestUri", "/api/v1/authn");
        });
    });
    let line = line(json, actor, ip);
    if target == actor { line } else { line.naming(ObservableKind::Account, target) }
}

/// What a Kubernetes audit record is about: verb, resource, subresource (with what is asked of it, behind `?`),
/// namespace, name.
pub(crate) type Asked<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

/// A record of Kubernetes audit.
pub(crate) fn kubernetes(
    time: Time,
    user: &str,
    ip: &str,
    (verb, resource, sub, namespace, name): Asked<'_>,
    code: u64,
    dice: &mut Dice,
) -> Line {
    let mut json = Json::object();
    json.str("kind", "Event").str("apiVersion", "audit.k8s.io/v1").str("level", "Metadata");
    json.str("auditID", &dice.uuid()).str("stage", "ResponseComplete");
    let tail = if sub.is_empty() { String::new() } else { format!("/{sub}") };
    json.str("requestURI", &format!("/api/v1/namespaces/{namespace}/{resource}/{name}{tail}"))
        .str("verb", verb);
    json.obj("user", |u| {
        u.str("username", user).list("groups", |g| {
            g.text_item("system:authenticated");
        });
    });
    json.list("sourceIPs", |l| {
        l.text_item(ip);
    });
    json.obj("objectRef", |o| {
        o.str("resource", resource).str("namespace", namespace).str("name", name).str("apiVersion", "v1");
        if !sub.is_empty() {
            o.str("subresource", sub.split('?').next().unwrap_or(sub));
        }
    });
    json.obj("responseStatus", |r| {
        r.num("code", code);
    });
    json.str("requestReceivedTimestamp", &seconds(time)).str("stageTimestamp", &seconds(time));
    line(json, user, ip)
}
