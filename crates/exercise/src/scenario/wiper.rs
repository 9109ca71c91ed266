//! Scenario `wiper`: destruction that looks like extortion, after months of quiet access.

use palisade_model::{ObservableKind, Vector};

use crate::acts::{SYSTEM, consumer, raw_disk, service, set_value, subject, task, wrote};
use crate::cloud::{Caller, Cloud};
use crate::plan::Plan;
use crate::scenario::decoys::{self, Grounds};
use crate::scenario::moves::{self, aws, exchange, reaches, server};
use crate::scenario::programs::{CMD, POOL, POWERSHELL};
use crate::scenario::{ScenarioInfo, Scene, rules};
use crate::truth::ActorProfile;
use crate::world::{Person, Role, World};

/// The scenario.
pub(crate) const SCENE: Scene = Scene {
    info: ScenarioInfo {
        name: "wiper",
        title: "The note that nobody answers",
        summary: "A registry of a small state is entered through a web server and read for months: mailboxes, the \
                  directory, a cloud account. Then, within an hour, backups vanish, disks are overwritten and a note \
                  asks for a ransom that nobody could pay.",
        sources: &[
            "Public reports on the destruction of June 2017 that looked like extortion",
            "Joint advisory of September 2022 on a government's services: fourteen months of access through a web \
             server, then encryption and wiping",
            "Public reports of January and February 2022 on wipers with a note, and with a decoy that encrypts",
        ],
        vectors: &[Vector::Host, Vector::Files, Vector::Influence, Vector::Money],
    },
    label: "registria",
    end: 1_787_875_200, // 2026-08-28
    cast: &[
        (Role::Office, 6),
        (Role::Admin, 1),
        (Role::Server, 4),
        (Role::Controller, 2),
        (Role::WebWindows, 2),
        (Role::LinuxBuild, 1),
        (Role::LinuxWeb, 1),
    ],
    clouds: &[Cloud::M365, Cloud::SignIns, Cloud::Aws],
    ledger: false,
    plant,
    actors,
    notes: &[
        "Between the web page and the directory, and again before the end, nothing is seen for a third of the span.",
        "The wiper is on three machines and nowhere else; the ticket program is on two under two names, and only its \
         hash says that it is one.",
        "The note names a family of extortion that exists elsewhere: it is a mask.",
    ],
};

const ACTOR: &str = "IRON SHRIKE";

fn actors(world: &World) -> Vec<ActorProfile> {
    vec![super::actor(
        world,
        ACTOR,
        "the fictional Union of Karsk",
        &["T1505.003", "T1546.003", "T1003.003", "T1561.002", "T1490", "T1486"],
        &["clean32"],
        &["a note in the style of extortionists", "service names like drivers"],
    )]
}

/// One story, told in the order in which it happens.
fn plant(p: &mut Plan<'_>) {
    let w = p.world;
    let (web, dc) = (p.take(Role::WebWindows), p.take(Role::Controller));
    let (files, backup, app) = (p.take(Role::Server), p.take(Role::Server), p.take(Role::Server));
    let linux = p.take(Role::LinuxWeb);
    let admin = p.take_admin();
    let home = server(p, "cdn-sync", "net");
    let wiper = p.tool("clean32");
    let relay = p.tool("relayd");
    let called = w.called("relayd");
    let relay_place = &format!("C:\\PerfLogs\\{called}.exe");
    let serve = format!("{called}.exe -s");
    let wiper_name = format!("{}.exe", w.called("clean32"));

    p.campaign("the note that nobody answers", ACTOR);
    p.phase(12, 1);
    p.step(
        0,
        "a page is written to the portal by its own server",
        &["T1190", "T1505.003"],
        &[rules::WEB_SCRIPT],
    );
    let pool = p.standing(web, "IIS APPPOOL\\Portal", POOL);
    p.on(web, wrote(&pool, "C:\\inetpub\\wwwroot\\portal\\help\\error4.aspx"));
    p.step(600, "a shell is started through it", &["T1505.003", "T1059.003"], &[rules::WEB_SHELL]);
    let shell = p.run(web, &pool, CMD, "cmd.exe /c whoami /all");
    p.step(
        1_500,
        "a relay of its own is put there and calls home",
        &["T1090", "T1105"],
        &[rules::WRITABLE_OUT],
    );
    let first = p.run_file(web, &shell, relay_place, &serve, Some(&relay));
    reaches(p, web, &first, &home);
    p.step(2_400, "a consumer of WMI events starts it again", &["T1546.003"], &[rules::CONSUMER]);
    p.on(web, consumer(&admin.windows, "DriverSync", &format!("cmd.exe /c {relay_place} -s")));

    p.phase(75, 23);
    p.step(0, "credential hives exported", &["T1003.002"], &[rules::HIVES]);
    let shell = p.standing(web, &admin.windows, CMD);
    p.run(web, &shell, "C:\\Windows\\System32\\reg.exe", "reg.exe save HKLM\\SAM C:\\PerfLogs\\s1.tmp");
    let over = moves::over_wmi(p, 1_200, (web, files), &admin, "net group \"domain admins\" /domain");
    p.step(1_900, "the relay is put on the file server", &["T1570"], &[rules::WRITABLE_OUT]);
    let second = p.run_file(files, &over, relay_place, &serve, Some(&relay));
    reaches(p, files, &second, &home);

    p.step(
        3_000,
        "a program in a temporary directory of a Linux server calls the same home",
        &["T1105"],
        &[rules::TEMPORARY_OUT],
    );
    let ssh = p.standing(linux, "root", "/usr/bin/bash");
    let third =
        p.run(linux, &ssh, &format!("/var/tmp/.font/{called}"), &format!("/var/tmp/.font/{called} -s"));
    reaches(p, linux, &third, &home);

    p.phase(390, 22);
    p.step(0, "the directory's database is copied", &["T1003.003"], &[rules::NTDS]);
    moves::goes(p, (files, dc), &admin);
    let shell = p.standing(dc, &admin.windows, "C:\\Windows\\System32\\ntdsutil.exe");
    p.on(dc, wrote(&shell, "C:\\PerfLogs\\Active Directory\\ntds.dit"));
    let ticket = p.tool("tickets");
    p.step(900, "service tickets are asked for", &["T1558.003"], &[rules::KERBEROS]);
    moves::goes(p, (web, files), &admin);
    let relayed = p.standing(files, &admin.windows, CMD);
    p.run_file(files, &relayed, "C:\\PerfLogs\\t.exe", "t.exe kerberoast /nowrap", Some(&ticket));
    p.phase(440, 22);
    p.step(
        0,
        "the same program under another name and account uses a ticket",
        &["T1550.003"],
        &[rules::KERBEROS],
    );
    let service_account = Person {
        account: "svc-print".to_owned(),
        windows: format!("{}\\svc-print", w.realm),
        sid: format!("{}-1071", w.sid),
        ..Person::default()
    };
    moves::goes(p, (files, app), &service_account);
    let printer = p.standing(app, &service_account.windows, CMD);
    let line = "spoolhlp.exe asktgt /user:svc-print /rc4:8846f7eaee8fb117ad06bdd830b7586c";
    p.run_file(app, &printer, "C:\\Drivers\\spoolhlp.exe", line, Some(&ticket));

    p.phase(470, 21);
    let mail = admin.mail.clone();
    p.step(0, "an administrator's account grants itself mailboxes", &["T1098.002"], &[rules::MAILBOX_ACCESS]);
    let grant =
        [("Identity", "minister.office"), ("User", admin.account.as_str()), ("AccessRights", "FullAccess")];
    exchange(p, &mail, &home.ip, "Add-MailboxPermission", &grant);
    p.step(200, "auditing of a mailbox is bypassed", &["T1685.002"], &[rules::MAIL_AUDIT_BYPASSED]);
    let bypass = [("Identity", admin.account.as_str()), ("AuditBypassEnabled", "True")];
    exchange(p, &mail, &home.ip, "Set-MailboxAuditBypassAssociation", &bypass);
    p.step(2_000, "a library of decisions is downloaded", &["T1213.002"], &[]);
    moves::download(p, &mail, &home.ip, "cabinet-minutes.zip");
    let key = format!("AKIA{}", crate::dice::Dice::new(w.seed, "backup").code(16));
    let caller = Caller { user: "backup", key: &key, ip: &home.ip, agent: "aws-cli/2.9.1" };
    p.step(5_400, "the backup account makes a key for another", &["T1098.001"], &[rules::OTHER_KEY]);
    aws(p, caller, ("iam", "CreateAccessKey"), "{\"userName\":\"archive-reader\"}", "");

    p.phase(975, 4);
    p.step(0, "antivirus is switched off by policy", &["T1685", "T1112"], &[rules::DEFENDER_POLICY]);
    moves::goes(p, (files, dc), &admin);
    let system = p.standing(dc, &admin.windows, "C:\\Windows\\System32\\reg.exe");
    let policy = "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Defender\\DisableAntiSpyware";
    p.on(dc, set_value(&system, policy, "DWORD (0x00000001)"));
    p.step(240, "a task for all machines is registered", &["T1053.005", "T1484.001"], &[rules::TASK]);
    let arguments = &format!("/c C:\\Users\\Public\\{wiper_name} -y");
    let by = p.who(dc, &admin);
    p.on(dc, task(&by, "\\DriverUpdate", "cmd.exe", arguments));
    p.step(600, "the trail of the cloud account is stopped", &["T1685.002"], &[rules::TRAIL_STOPPED]);
    aws(p, caller, ("cloudtrail", "StopLogging"), "{\"name\":\"org-trail\"}", "");
    p.step(700, "a key of its backups is scheduled for deletion", &["T1485"], &[rules::KEY_DELETION]);
    aws(p, caller, ("kms", "ScheduleKeyDeletion"), "{\"keyId\":\"vault\",\"pendingWindowInDays\":7}", "");
    p.step(900, "shadow copies deleted", &["T1490"], &[rules::SHADOWS]);
    // The task runs as the system: from here on the program, not the account, is what joins.
    let place = &format!("C:\\Users\\Public\\{wiper_name}");
    let shell = p.standing(backup, SYSTEM, place);
    p.run(backup, &shell, "C:\\Windows\\System32\\vssadmin.exe", "vssadmin.exe Delete Shadows /All /Quiet");
    if p.perhaps(4) {
        p.step(920, "the catalogue of backups deleted", &["T1490"], &[rules::BACKUPS]);
        p.run(backup, &shell, "C:\\Windows\\System32\\wbadmin.exe", "wbadmin.exe delete catalog -quiet");
    }
    if p.perhaps(4) {
        p.step(940, "recovery at start disabled", &["T1490"], &[rules::BOOT]);
        let there = p.standing(files, SYSTEM, place);
        let line = "bcdedit.exe /set {default} recoveryenabled No";
        p.run(files, &there, "C:\\Windows\\System32\\bcdedit.exe", line);
    }
    p.step(
        1_100,
        "a program overwrites the disks of three servers",
        &["T1561.002", "T1485"],
        &[rules::RAW_DISK],
    );
    for host in [backup, files, app] {
        let parent = p.standing(host, SYSTEM, "C:\\Windows\\System32\\svchost.exe");
        let run = p.run_file(host, &parent, place, &format!("{wiper_name} -y"), Some(&wiper));
        p.on(host, raw_disk(&run));
    }
    p.step(1_400, "a note on the desks of everybody", &["T1491.001"], &[]);
    let last = p.standing(files, SYSTEM, place);
    p.on(files, wrote(&last, "D:\\Public\\HOW_TO_RESTORE.txt"));
    p.step(1_500, "the disk of a web server is overwritten", &["T1561.001"], &[rules::WIPED]);
    let bash = p.standing(linux, "root", "/usr/bin/bash");
    p.run(linux, &bash, "/usr/bin/dd", "dd if=/dev/zero of=/dev/sda bs=1M");
    p.step(1_560, "a service that runs a shell removes what is left", &["T1569.002"], &[rules::SERVICE]);
    p.on(app, service("DriverSync", "%COMSPEC% /c del C:\\PerfLogs\\*.* /q"));
    p.step(1_700, "the Security log cleared", &["T1685.005"], &[rules::SECURITY_LOG]);
    let by = p.who(dc, &admin);
    p.on(dc, subject(1102, &by));
    p.later(
        Vector::Files,
        1_750,
        "the wiper, with a note in its resources",
        &["T1485"],
        &[(ObservableKind::Sha256, &wiper), (ObservableKind::FileName, &wiper_name)],
    );
    p.phase(985, 9);
    p.later(Vector::Influence, 0, "a persona claims the deed and publishes minutes", &["T1491.002"], &[]);
    p.later(Vector::Money, 60, "the address in the note never receives anything", &["T1657"], &[]);

    let spare = p.take(Role::Server);
    let grounds = Grounds {
        tested_desk: p.take(Role::Office),
        tested_server: spare,
        careless_desk: p.take(Role::Office),
        hardened: p.take(Role::Controller),
        when: [220, 620, 800],
    };
    decoys::plant(p, &grounds);
    // Administrators speak of the same things on the same day.
    p.decoy("an administrator tests the restoring of backups");
    p.phase(900, 10);
    let tester = p.take_admin();
    p.step(0, "an old backup is deleted", &["T1490"], &[rules::BACKUPS]);
    p.comes_to_work(spare, &tester);
    let shell = p.standing(spare, &tester.windows, POWERSHELL);
    p.run(
        spare,
        &shell,
        "C:\\Windows\\System32\\wbadmin.exe",
        "wbadmin.exe delete systemstatebackup -version:08/01/2026",
    );
}
