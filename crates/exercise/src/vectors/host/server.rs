//! What Windows servers and domain controllers log on every day.
//!
//! Administrators work on them with remote shells, disks are disposed of: rules see that, and it is nothing.

use crate::acts::{
    Proc, SYSTEM, Who, any_session, connect, directory_access, ended, session, share, spawn, subject, task,
    ticket, wrote,
};
use crate::plan::tool_hash;
use crate::record::{Event, Log};
use crate::vectors::host::{Life, as_known};
use crate::world::Role;

const SERVICES: &str = "C:\\Windows\\System32\\services.exe";
const SVCHOST: &str = "C:\\Windows\\System32\\svchost.exe";
const REMOTE: &str = "C:\\Windows\\System32\\wsmprovhost.exe";
const POWERSHELL: &str = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe";
const POOL: &str = "C:\\Windows\\System32\\inetsrv\\w3wp.exe";
const EXPLORER: &str = "C:\\Windows\\explorer.exe";
const CMD: &str = "C:\\Windows\\System32\\cmd.exe";
const AGENT: &str = "C:\\Program Files\\Inventory\\agent.exe";
const BACKUP: &str = "C:\\Program Files\\Keepsafe\\backup.exe";

/// What the system starts by itself: parent, program, command line.
const BY_ITSELF: [(&str, &str, &str); 12] = [
    (SERVICES, SVCHOST, "svchost.exe -k LocalService"),
    (SERVICES, SVCHOST, "svchost.exe -k netsvcs -p -s Schedule"),
    (SERVICES, BACKUP, "backup.exe --incremental"),
    (SVCHOST, "C:\\Windows\\System32\\wbem\\WmiPrvSE.exe", "wmiprvse.exe -secured -Embedding"),
    (SVCHOST, "C:\\Windows\\System32\\taskhostw.exe", "taskhostw.exe"),
    (BACKUP, CMD, "cmd.exe /c C:\\Scripts\\before-backup.cmd"),
    (CMD, "C:\\Windows\\System32\\vssadmin.exe", "vssadmin.exe list shadows"),
    (CMD, "C:\\Windows\\System32\\wbadmin.exe", "wbadmin.exe get status"),
    (AGENT, POWERSHELL, "powershell.exe -NoProfile -NonInteractive -File C:\\Scripts\\inventory.ps1"),
    (AGENT, CMD, "cmd.exe /c ver"),
    (
        AGENT,
        "C:\\Windows\\System32\\reg.exe",
        "reg.exe query HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion",
    ),
    (SVCHOST, "C:\\Windows\\System32\\rundll32.exe", "rundll32.exe Startupscan.dll,SusRunTask"),
];

/// What administrators start when they are signed in.
const BY_HAND: [(&str, &str, &str); 7] = [
    (EXPLORER, "C:\\Windows\\System32\\mmc.exe", "mmc.exe compmgmt.msc"),
    (EXPLORER, POWERSHELL, "powershell.exe"),
    (EXPLORER, CMD, "cmd.exe"),
    (CMD, "C:\\Windows\\System32\\wevtutil.exe", "wevtutil.exe qe Application /c:5 /f:text"),
    (CMD, "C:\\Windows\\System32\\net.exe", "net.exe session"),
    (POWERSHELL, "C:\\Windows\\System32\\bcdedit.exe", "bcdedit.exe /enum"),
    (EXPLORER, "C:\\Windows\\System32\\Taskmgr.exe", "taskmgr.exe /4"),
];

/// Replicating directory changes, the right that domain controllers use of each other.
const REPLICATION: &str = "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2";

/// The next thing a server logs.
pub(crate) fn event(life: &mut Life<'_>) -> Event {
    if let Some(event) = oddity(life) {
        return event;
    }
    match life.host.role {
        Role::Controller => controller(life),
        _ => server(life),
    }
}

fn server(life: &mut Life<'_>) -> Event {
    let (world, host) = (life.world, life.host);
    let who = world.person(life.dice.place(world.people.len()));
    let known = as_known(world, who, any_session(&mut life.dice));
    match life.dice.below(100) {
        0..34 => life.signs_in(who, known.session),
        34..54 => {
            let name = life.dice.pick(&["Public", "Projects", "Finance", "Scans", "IPC$"]);
            share(&known, name, &life.place_of(who))
        }
        54..68 => start(life),
        68..76 => {
            let image = if host.role == Role::WebWindows { POOL } else { BACKUP };
            let by = life.standing(SYSTEM, image);
            let site = world.cdn(life.dice.place(3));
            connect(&by, &host.ip, &site.ip, &site.name, 443, &mut life.dice)
        }
        // What copies files to a cloud here is the program that everybody uses for it, intruders included.
        76 => {
            let parent = life.standing(SYSTEM, SVCHOST);
            let name = world.called("syncpub");
            let image = format!("C:\\Program Files\\{name}\\{name}.exe");
            let line = format!("{name}.exe sync D:\\Public archive:");
            let copy = Proc::new(world, host, SYSTEM, &image, &line, &mut life.dice);
            spawn(&parent, &copy.with_hash(&tool_hash(world, "syncpub")))
        }
        77..84 => {
            let by = life.standing(SYSTEM, BACKUP);
            let name = life.dice.hex(8);
            wrote(&by, &format!("D:\\Backup\\{name}.bkf"))
        }
        84 => {
            let admin = world.admin(1);
            let (name, program) = ("\\Keepsafe nightly", "C:\\Program Files\\Keepsafe\\backup.exe");
            let session = session(world, host, &admin.windows, life.day);
            task(&as_known(world, admin, session), name, program, "--nightly")
        }
        85..94 => subject(4672, &known).with("PrivilegeList", "SeSecurityPrivilege\n\t\t\tSeBackupPrivilege"),
        _ => {
            let name = life.dice.pick(&["Keepsafe Backup", "Windows Update", "Volume Shadow Copy"]);
            let state = life.dice.pick(&["running", "stopped"]);
            Event::new(Log::System, 7036, vec![("param1", name.to_owned()), ("param2", state.to_owned())])
        }
    }
}

/// A program starts: by itself, by the hand of an administrator, or because a page was asked for.
fn start(life: &mut Life<'_>) -> Event {
    let (world, host) = (life.world, life.host);
    let page = host.role == Role::WebWindows && life.dice.once_in(2);
    let by_hand = !page && life.dice.once_in(4);
    let (parent, image, line) = if page {
        let compiler = "C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\csc.exe";
        (POOL, compiler, "csc.exe /noconfig @\"app.cmdline\"")
    } else if by_hand {
        life.dice.pick(&BY_HAND)
    } else {
        life.dice.pick(&BY_ITSELF)
    };
    let admin = world.admin(life.dice.place(3));
    let user = if by_hand { admin.windows.as_str() } else { SYSTEM };
    let parent = life.standing(user, parent);
    let child = Proc::new(world, host, user, image, line, &mut life.dice);
    life.next.push_back(ended(&child));
    let event = spawn(&parent, &child);
    if by_hand { life.after_entering(admin, event) } else { event }
}

fn controller(life: &mut Life<'_>) -> Event {
    let (world, host) = (life.world, life.host);
    let who = world.person(life.dice.place(world.people.len()));
    match life.dice.below(100) {
        0..32 => ticket(4768, &who.account, &world.realm, "krbtgt", &life.place_of(who)),
        32..66 => {
            let service = format!("{}$", world.hosts[life.dice.place(world.hosts.len())].name);
            ticket(
                4769,
                &format!("{}@{}", who.account, world.domain.to_uppercase()),
                &world.realm,
                &service,
                &life.place_of(who),
            )
        }
        66..86 => {
            let session = any_session(&mut life.dice);
            life.signs_in(who, session)
        }
        86..90 => start(life),
        90..95 => {
            let other = format!("{}$", world.hosts[world.host(Role::Controller, 1)].name);
            let (sid, session) = (format!("{}-1001", world.sid), any_session(&mut life.dice));
            let by = Who { account: &other, realm: &world.realm, sid: &sid, session };
            directory_access(&by, REPLICATION)
        }
        _ => {
            let (account, session) = (format!("{}$", host.name), "0x3e7".to_owned());
            let by = Who { account: &account, realm: &world.realm, sid: "S-1-5-18", session };
            subject(4672, &by).with("PrivilegeList", "SeTcbPrivilege")
        }
    }
}

fn oddity(life: &mut Life<'_>) -> Option<Event> {
    if !life.dice.once_in(900) {
        return None;
    }
    let (world, host) = (life.world, life.host);
    let admin = world.admin(life.dice.place(3));
    let shell = life.standing(&admin.windows, REMOTE);
    let event = match life.dice.below(6) {
        0..4 => {
            let line = life.dice.pick(&[
                "powershell.exe -NoProfile -Command Get-HotFix",
                "powershell.exe -NoProfile -Command Restart-Service Spooler",
                "powershell.exe -NoProfile -File C:\\Scripts\\inventory.ps1",
            ]);
            spawn(&shell, &Proc::new(world, host, &admin.windows, POWERSHELL, line, &mut life.dice))
        }
        4 => {
            let image = "C:\\Windows\\System32\\cipher.exe";
            spawn(
                &shell,
                &Proc::new(world, host, &admin.windows, image, "cipher.exe /w:E:\\", &mut life.dice),
            )
        }
        _ => {
            let image = "C:\\Windows\\System32\\auditpol.exe";
            let line = "auditpol.exe /get /category:*";
            spawn(&shell, &Proc::new(world, host, &admin.windows, image, line, &mut life.dice))
        }
    };
    Some(life.after_entering(admin, event))
}
