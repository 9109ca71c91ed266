//! Detectors of sign-ins and mailboxes, over every service that they read.

use palisade_model::Finding;
use serde_json::json;

use crate::detect::{Desk, arg, mail_rule, sign_in};

const BERLIN: (f64, f64) = (52.52, 13.4);
const TOKYO: (f64, f64) = (35.68, 139.65);

fn of<'f>(found: &'f [Finding], id: &str) -> Vec<&'f Finding> {
    found.iter().filter(|f| f.message.id == id).collect()
}

/// The unified audit log's word of a sign-in, which names no place.
fn logged_in(time: &str, user: &str, ip: &str) -> String {
    json!({
        "CreationTime": time, "Id": format!("{time}{user}{ip}"), "Workload": "AzureActiveDirectory", "Operation": "UserLoggedIn",
        "OrganizationId": "tenant-1", "UserId": user, "ClientIP": ip, "ResultStatus": "Success",
    })
    .to_string()
}

#[test]
fn travel_is_seen_with_two_logs_of_the_same_sign_ins() {
    let desk = Desk::new();
    let user = "a@org.example";
    let entra = [
        sign_in("2026-10-14T08:00:00Z", user, "192.0.2.1", "DE", BERLIN, "d1", 64_500),
        sign_in("2026-10-14T08:30:00Z", user, "198.51.100.7", "JP", TOKYO, "d2", 64_501),
    ];
    let m365 = [
        logged_in("2026-10-14T08:00:02", user, "192.0.2.1"),
        logged_in("2026-10-14T08:10:00", user, "203.0.113.4"),
        logged_in("2026-10-14T08:30:02", user, "198.51.100.7"),
    ];
    let both: Vec<String> = entra.iter().chain(&m365).cloned().collect();
    for (lines, n) in [(entra.to_vec(), 1), (both, 1), (m365.to_vec(), 0)] {
        let found = desk.find(&lines);
        let travel = of(&found, "host.impossible_travel");
        assert_eq!(travel.len(), n, "{}", lines.len());
        if let Some(f) = travel.first() {
            assert_eq!((arg(f, "from"), arg(f, "to")), ("de 192.0.2.1", "jp 198.51.100.7"));
        }
    }
}

#[test]
fn a_sign_in_of_graph_is_one() {
    let desk = Desk::new();
    let mut lines: Vec<String> = (1..13)
        .map(|d| {
            sign_in(
                &format!("2026-10-{d:02}T08:00:00Z"),
                "a@org.example",
                "192.0.2.1",
                "DE",
                BERLIN,
                "d1",
                64_500,
            )
        })
        .collect();
    lines.push(sign_in("2026-10-14T08:00:00Z", "a@org.example", "198.51.100.7", "JP", TOKYO, "d2", 64_501));
    let found = desk.find(&lines);
    assert_eq!(arg(of(&found, "host.new_everything")[0], "sign_ins_before"), "12");
}

#[test]
fn an_application_is_no_device() {
    let desk = Desk::new();
    let okta = |n: u32, device: Option<&str>| {
        json!({
            "uuid": format!("u{n}"), "published": format!("2026-10-14T0{n}:00:00.000Z"), "eventType": "user.session.start",
            "actor": {"alternateId": format!("p{n}@org.example")}, "outcome": {"result": "SUCCESS"},
            "client": {"ipAddress": "192.0.2.1", "id": "0oa-portal", "userAgent": {"rawUserAgent": "Agent/1"}},
            "device": device.map(|id| json!({"id": id})),
        })
        .to_string()
    };
    let found = |device| {
        let lines: Vec<String> = (1..6).map(|n| okta(n, device)).collect();
        of(&desk.find(&lines), "host.many_identities").len()
    };
    assert_eq!(found(None), 0, "one client for all");
    assert_eq!(found(Some("guo-laptop")), 1);
}

/// A sign-in of each service that names a mail address, at an hour of a day of October.
fn services(day: u32, hour: u32, ip: &str) -> Vec<(&'static str, String)> {
    let time = format!("2026-10-{day:02}T{hour:02}:00:00Z");
    let user = "a@org.example";
    vec![
        (
            "Workspace's reports",
            json!({
                "kind": "admin#reports#activity",
                "id": {"time": time, "applicationName": "login", "customerId": "C01", "uniqueQualifier": format!("{time}{ip}")},
                "actor": {"email": user}, "ipAddress": ip, "networkInfo": {"regionCode": "DE", "ipAsn": [64_500]},
                "events": [{"type": "login", "name": "login_success", "parameters": [{"name": "login_type", "value": "google_password"}]}],
            })
            .to_string(),
        ),
        (
            "Workspace through Cloud Logging",
            json!({
                "insertId": format!("{time}{ip}"), "timestamp": time, "logName": "organizations/1/logs/data_access",
                "protoPayload": {
                    "serviceName": "login.googleapis.com", "methodName": "google.login.LoginService.loginSuccess",
                    "authenticationInfo": {"principalEmail": user}, "requestMetadata": {"callerIp": ip},
                    "metadata": {"event": [{"eventName": "login_success", "eventType": "login"}]},
                },
            })
            .to_string(),
        ),
        (
            "Duo",
            json!({
                "txid": format!("{time}{ip}"), "isotimestamp": time, "event_type": "authentication", "result": "success",
                "reason": "user_approved", "factor": "duo_push", "email": user, "user": {"name": "a"},
                "application": {"name": "VPN"}, "access_device": {"ip": ip, "browser": "Firefox", "location": {"country": "Germany"}},
            })
            .to_string(),
        ),
        (
            "OneLogin",
            json!({
                "uuid": format!("{time}{ip}"), "event_timestamp": time, "event_type_id": 5, "user_name": user, "user_id": 7, "ipaddr": ip,
            })
            .to_string(),
        ),
    ]
}

/// A forward that the mailbox's owner set, as Workspace tells it.
fn workspace_forward(time: &str, ip: &str) -> String {
    json!({
        "kind": "admin#reports#activity",
        "id": {"time": time, "applicationName": "user_accounts", "customerId": "C01", "uniqueQualifier": "f1"},
        "actor": {"email": "a@org.example"}, "ipAddress": ip,
        "events": [{"type": "email_forwarding_change", "name": "email_forwarding_out_of_domain", "parameters": [
            {"name": "email_forwarding_destination_address", "value": "x@evil.example"}]}],
    })
    .to_string()
}

#[test]
fn sign_ins_of_every_service_are_a_history() {
    let desk = Desk::new();
    for service in 0..4 {
        let mut lines = Vec::new();
        let mut name = "";
        for day in 1..8 {
            for hour in [8, 13] {
                let (of, line) = services(day, hour, "192.0.2.1").swap_remove(service);
                name = of;
                lines.push(line);
            }
        }
        for (ip, n) in [("198.51.100.7", 1), ("192.0.2.1", 0)] {
            let mut lines = lines.clone();
            lines.push(workspace_forward("2026-10-14T09:00:00Z", ip));
            let found = desk.find(&lines);
            let made = of(&found, "host.mail_rule_from_elsewhere");
            assert_eq!(made.len(), n, "{name} {ip}");
            made.iter().for_each(|f| assert_eq!(arg(f, "sign_ins_before"), "14", "{name}"));
            assert_eq!(of(&found, "host.mail_outside").len(), 1, "{name}");
        }
        // What failed is no history.
        let failed = |l: &String| {
            l.replace("login_success", "login_failure")
                .replace("loginSuccess", "loginFailure")
                .replace("\"result\":\"success\"", "\"result\":\"denied\"")
                .replace("\"event_type_id\":5", "\"event_type_id\":6")
        };
        let mut lines: Vec<String> = lines.iter().map(failed).collect();
        lines.push(workspace_forward("2026-10-14T09:00:00Z", "198.51.100.7"));
        assert_eq!(of(&desk.find(&lines), "host.mail_rule_from_elsewhere").len(), 0, "{name}");
    }
}

#[test]
fn the_console_of_aws_is_signed_in_to() {
    let desk = Desk::new();
    let line = |day: u32, ip: &str, result: &str| {
        json!({
            "eventVersion": "1.08", "eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin", "awsRegion": "eu-central-1",
            "eventTime": format!("2026-10-{day:02}T08:00:00Z"), "eventID": format!("{day}{ip}"), "sourceIPAddress": ip,
            "userAgent": "Mozilla/5.0", "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/anna", "userName": "anna"},
            "responseElements": {"ConsoleLogin": result},
        })
        .to_string()
    };
    // Nothing that is found needs these facts alone; that they are there shows in a rule set by the same identity.
    let history = |result: &str| -> Vec<String> { (1..12).map(|d| line(d, "192.0.2.1", result)).collect() };
    for (result, n) in [("Success", 1), ("Failure", 0)] {
        let mut lines = history(result);
        let who = "arn:aws:iam::111122223333:user/anna";
        lines.push(mail_rule("2026-10-14T09:00:00", who, "198.51.100.7", "DeleteMessage", "True"));
        assert_eq!(of(&desk.find(&lines), "host.mail_rule_from_elsewhere").len(), n, "{result}");
    }
}

/// A record of the unified audit log with what a case adds.
fn exchange(operation: &str, user: &str, more: serde_json::Value) -> String {
    let mut line = json!({
        "CreationTime": "2026-10-14T09:00:00", "Id": format!("{operation}{user}{more}"), "Workload": "Exchange", "Operation": operation,
        "OrganizationId": "tenant-1", "UserId": user, "ClientIP": "198.51.100.7", "ResultStatus": "True",
    });
    for (name, value) in more.as_object().unwrap() {
        line[name] = value.clone();
    }
    line.to_string()
}

fn parameters(pairs: &[(&str, &str)]) -> serde_json::Value {
    json!({"Parameters": pairs.iter().map(|(n, v)| json!({"Name": n, "Value": v})).collect::<Vec<_>>()})
}

#[test]
fn the_mailbox_is_named_and_not_who_set_its_rule() {
    let desk = Desk::new();
    let outside = |lines: &[String]| -> Vec<String> {
        let found = desk.find(lines);
        let mine = of(&found, "host.mail_outside");
        let mut out: Vec<String> = mine
            .iter()
            .map(|f| format!("{} > {} by {}", arg(f, "user"), arg(f, "to"), arg(f, "set_by")))
            .collect();
        out.sort();
        out
    };
    // An administrator of another house forwards ten mailboxes.
    let ten: Vec<String> = (0..10)
        .map(|n| {
            let identity = format!("p{n}@org.example");
            let pairs = [("Identity", identity.as_str()), ("ForwardingSmtpAddress", "smtp:x@evil.example")];
            exchange("Set-Mailbox", "adm@msp.example", parameters(&pairs))
        })
        .collect();
    let told = outside(&ten);
    assert_eq!(told.len(), 10);
    assert_eq!(told[0], "p0@org.example > x@evil.example by adm@msp.example");
    // What is outside for the administrator is inside for the mailbox, and the reverse.
    let set = |identity: &str, to: &str| {
        let pairs = [("Identity", identity), ("ForwardingSmtpAddress", to)];
        vec![exchange("Set-Mailbox", "adm@msp.example", parameters(&pairs))]
    };
    assert_eq!(outside(&set("a@org.example", "smtp:b@org.example")), Vec::<String>::new());
    assert_eq!(
        outside(&set("a@org.example", "smtp:b@msp.example")),
        ["a@org.example > b@msp.example by adm@msp.example"]
    );
    // An alias that one person has is that person.
    let mut alias = set("anna", "smtp:x@org.example");
    alias.push(sign_in("2026-10-13T08:00:00Z", "anna@org.example", "192.0.2.1", "DE", BERLIN, "d1", 1));
    assert_eq!(outside(&alias), Vec::<String>::new());
    // Outlook keeps what a rule does as JSON in text; a long name in front pushes nothing out.
    let actions = format!(
        r#"[{{"ActionType":"MoveToFolder","Folder":"{}"}},{{"ActionType":"Forward","Recipients":["x@evil.example"]}}]"#,
        "n".repeat(400)
    );
    let outlook = |actions: &str| {
        let more = json!({"MailboxOwnerUPN": "b@org.example", "OperationProperties": [
            {"Name": "RuleOperation", "Value": "AddMailboxRule"}, {"Name": "RuleActions", "Value": actions}]});
        vec![exchange("UpdateInboxRules", "b@org.example", more)]
    };
    assert_eq!(outside(&outlook(&actions)), ["b@org.example > x@evil.example by "]);
    assert_eq!(outside(&outlook(r#"[{"ActionType":"Delete"}]"#)), Vec::<String>::new());
    let long = format!("\"{}\" [SMTP:x@evil.example]", "n".repeat(400));
    let rule = exchange("New-InboxRule", "b@org.example", parameters(&[("ForwardTo", &long)]));
    assert_eq!(outside(&[rule]), ["b@org.example > x@evil.example by "]);
    // One that also sends mail to somebody within, or first to many there, sends it out all the same.
    let both = [("ForwardTo", "smtp:c@org.example"), ("RedirectTo", "smtp:x@evil.example")];
    let rule = exchange("New-InboxRule", "b@org.example", parameters(&both));
    assert_eq!(outside(&[rule]), ["b@org.example > x@evil.example by "]);
    let group = [("ForwardTo", "Everybody"), ("RedirectTo", "smtp:x@evil.example")];
    let rule = exchange("New-InboxRule", "b@org.example", parameters(&group));
    assert_eq!(outside(&[rule]), ["b@org.example > x@evil.example by "]);
    let many: String = (0..60).map(|n| format!("colleague{n}@org.example;")).collect();
    let rule =
        exchange("New-InboxRule", "b@org.example", parameters(&[("ForwardTo", &(many + "x@evil.example"))]));
    assert_eq!(outside(&[rule]), ["b@org.example > x@evil.example by "]);
    // Transport rules; what they say of a mailbox is the rule's own name.
    for parameter in ["RedirectMessageTo", "BlindCopyTo"] {
        for operation in ["New-TransportRule", "Set-TransportRule"] {
            let pairs = [("Identity", "archive"), (parameter, "x@evil.example")];
            let line = exchange(operation, "adm@org.example", parameters(&pairs));
            assert_eq!(outside(&[line]), ["adm@org.example > x@evil.example by "], "{operation} {parameter}");
        }
    }
}

#[test]
fn settings_that_forward_nothing_are_no_rules() {
    let desk = Desk::new();
    let history: Vec<String> = (1..7)
        .flat_map(|d| {
            [8, 13].map(|h| {
                let time = format!("2026-10-{d:02}T{h:02}:00:00Z");
                sign_in(&time, "adm@org.example", "192.0.2.1", "DE", BERLIN, "d1", 64_500)
            })
        })
        .collect();
    let count = |pairs: &[(&str, &str)], operation: &str| {
        let mut lines = history.clone();
        lines.push(exchange(operation, "adm@org.example", parameters(pairs)));
        let found = desk.find(&lines);
        let made = of(&found, "host.mail_rule_from_elsewhere");
        made.iter().for_each(|f| assert_eq!(arg(f, "user"), "adm@org.example"));
        made.len()
    };
    let identity = ("Identity", "a@org.example");
    assert_eq!(count(&[identity, ("ProhibitSendQuota", "50 GB")], "Set-Mailbox"), 0);
    assert_eq!(count(&[identity, ("ForwardingSmtpAddress", "")], "Set-Mailbox"), 0, "a forward that ends");
    assert_eq!(count(&[identity, ("ForwardingSmtpAddress", "smtp:b@org.example")], "Set-Mailbox"), 1);
    assert_eq!(count(&[identity, ("ForwardingAddress", "Contact of Anna")], "Set-Mailbox"), 1);
    assert_eq!(count(&[identity, ("Mode", "Audit")], "Set-TransportRule"), 0);
    assert_eq!(count(&[("Name", "."), ("DeleteMessage", "True")], "New-InboxRule"), 1);
}
