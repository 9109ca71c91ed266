//! What desks log on every day: offices, developers, administrators, engineering stations.
//!
//! A few things here look like attacks and are none: support sets up a remote tool, a page builds an archive, a
//! build script fetches a tool. They use the same accounts and sites as everything else.

use crate::acts::{
    Proc, SYSTEM, clipboard, connect, ended, looked_up, marked, opened, script, service, session, set_value,
    signed_in, spawn, wrote,
};
use crate::record::{Event, Log};
use crate::vectors::host::{Life, as_known};
use crate::world::{Role, Site, address};

const EXPLORER: &str = "C:\\Windows\\explorer.exe";
const SERVICES: &str = "C:\\Windows\\System32\\services.exe";
const SVCHOST: &str = "C:\\Windows\\System32\\svchost.exe";
const BROWSER: &str = "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe";
const MAIL: &str = "C:\\Program Files\\Microsoft Office\\root\\Office16\\OUTLOOK.EXE";
const USERINIT: &str = "C:\\Windows\\System32\\userinit.exe";
const AGENT: &str = "C:\\Program Files\\Inventory\\agent.exe";
const CMD: &str = "C:\\Windows\\System32\\cmd.exe";
const POWERSHELL: &str = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe";
const NODE: &str = "C:\\Program Files\\nodejs\\node.exe";
const CODE: &str = "C:\\Program Files\\Microsoft VS Code\\Code.exe";
const PORTAL: &str = "C:\\Program Files\\Siemens\\Automation\\Portal V17\\Bin\\Siemens.Automation.Portal.exe";

/// Parent, program, command line.
type Start = (&'static str, &'static str, &'static str);

const EVERYBODY: [Start; 19] = [
    (USERINIT, "C:\\Windows\\System32\\wscript.exe", "wscript.exe \\\\netlogon\\logon.vbs"),
    (AGENT, POWERSHELL, "powershell.exe -NoProfile -NonInteractive -File C:\\Scripts\\inventory.ps1"),
    (AGENT, CMD, "cmd.exe /c ver"),
    (AGENT, "C:\\Windows\\System32\\reg.exe", "reg.exe query HKLM\\SOFTWARE\\Policies"),
    (EXPLORER, "C:\\Windows\\System32\\rundll32.exe", "rundll32.exe shell32.dll,Control_RunDLL main.cpl"),
    (EXPLORER, CMD, "cmd.exe"),
    (EXPLORER, MAIL, "\"OUTLOOK.EXE\""),
    (
        EXPLORER,
        "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE",
        "\"WINWORD.EXE\" /n \"%D\\Agenda.docx\"",
    ),
    (
        EXPLORER,
        "C:\\Program Files\\Microsoft Office\\root\\Office16\\EXCEL.EXE",
        "\"EXCEL.EXE\" \"%D\\Budget.xlsx\"",
    ),
    (EXPLORER, BROWSER, "\"msedge.exe\" --profile-directory=Default"),
    (BROWSER, BROWSER, "\"msedge.exe\" --type=renderer --lang=en"),
    (EXPLORER, "C:\\Windows\\System32\\notepad.exe", "\"notepad.exe\" \"%D\\notes.txt\""),
    (EXPLORER, "C:\\Program Files\\7-Zip\\7zG.exe", "\"7zG.exe\" a \"%D\\send.zip\" \"%D\\Agenda.docx\""),
    (SERVICES, SVCHOST, "svchost.exe -k netsvcs -p -s Schedule"),
    (SERVICES, "C:\\Program Files (x86)\\AnyDesk\\AnyDesk.exe", "\"AnyDesk.exe\" --service"),
    (SVCHOST, "C:\\Windows\\System32\\RuntimeBroker.exe", "RuntimeBroker.exe -Embedding"),
    (SVCHOST, "C:\\Windows\\System32\\taskhostw.exe", "taskhostw.exe"),
    (SERVICES, "C:\\Windows\\System32\\msiexec.exe", "msiexec.exe /V"),
    (
        SVCHOST,
        "C:\\Program Files (x86)\\Microsoft\\EdgeUpdate\\MicrosoftEdgeUpdate.exe",
        "\"MicrosoftEdgeUpdate.exe\" /ua /installsource scheduler",
    ),
];
const DEVELOPERS: [Start; 8] = [
    (EXPLORER, CODE, "\"Code.exe\""),
    (CODE, CMD, "cmd.exe /d /c npm run build"),
    (CMD, NODE, "node.exe node_modules\\vite\\bin\\vite.js build"),
    (NODE, CMD, "cmd.exe /d /s /c tsc --noEmit"),
    (CODE, "C:\\Program Files\\Git\\cmd\\git.exe", "git.exe fetch --prune"),
    (CMD, "C:\\Windows\\System32\\curl.exe", "curl -s http://localhost:8080/health"),
    (CODE, "C:\\Python312\\python.exe", "python.exe -m pytest -q"),
    (CMD, "C:\\Program Files\\Docker\\docker.exe", "docker compose up -d"),
];
const ADMINISTRATORS: [Start; 6] = [
    (EXPLORER, POWERSHELL, "powershell.exe"),
    (POWERSHELL, "C:\\Windows\\System32\\net.exe", "net.exe user /domain"),
    (EXPLORER, "C:\\Windows\\System32\\mmc.exe", "mmc.exe dsa.msc"),
    (EXPLORER, "C:\\Windows\\System32\\mstsc.exe", "mstsc.exe /v:SRV01"),
    (CMD, "C:\\Windows\\System32\\nslookup.exe", "nslookup srv01"),
    (POWERSHELL, "C:\\Windows\\System32\\wevtutil.exe", "wevtutil.exe qe System /c:20 /f:text"),
];
const ENGINEERS: [Start; 4] = [
    (EXPLORER, PORTAL, "\"Siemens.Automation.Portal.exe\" \"D:\\Projects\\Line.ap17\""),
    (
        PORTAL,
        "C:\\Program Files\\Siemens\\Automation\\Portal V17\\Bin\\Siemens.Automation.ObjectFrame.FileStorage.Server.exe",
        "FileStorage.Server.exe",
    ),
    (EXPLORER, "C:\\Windows\\System32\\notepad.exe", "notepad.exe D:\\Projects\\alarms.csv"),
    (SERVICES, "C:\\Program Files\\Historian\\collector.exe", "collector.exe -service"),
];

const SCRIPTS: [&str; 6] = [
    "Get-ADUser -Filter * -Properties LastLogonDate | Sort-Object LastLogonDate",
    "Import-Module ActiveDirectory",
    "Get-Service | Where-Object Status -eq 'Stopped'",
    "prompt",
    "Get-ChildItem -Recurse | Measure-Object -Property Length -Sum",
    "Invoke-WebRequest -Uri https://packages.example.com/agent.msi -OutFile C:\\Install\\agent.msi",
];

/// The next thing a desk logs.
pub(crate) fn event(life: &mut Life<'_>) -> Event {
    if let Some(event) = oddity(life) {
        return event;
    }
    let (world, host) = (life.world, life.host);
    let user = &world.person(host.owner).windows;
    match life.dice.below(100) {
        0..26 => start(life),
        26..50 => {
            let image = life.dice.pick(&[BROWSER, BROWSER, MAIL, SVCHOST]);
            let by = life.standing(user, image);
            let site = &anywhere(life);
            life.next.push_back(connect(&by, &host.ip, &site.ip, &site.name, 443, &mut life.dice));
            looked_up(&by, &site.name, &site.ip)
        }
        50..62 => {
            let by = life.standing(user, BROWSER);
            let site = world.cdn(life.dice.place(3));
            connect(&by, &host.ip, &site.ip, "", 443, &mut life.dice)
        }
        62..74 => {
            let image = life.dice.pick(&[BROWSER, MAIL, EXPLORER]);
            let by = life.standing(user, image);
            let n = life.dice.hex(6);
            let place =
                life.dice.pick(&["AppData\\Local\\Temp\\~DF%.tmp", "Downloads\\%.pdf", "Documents\\%.docx"]);
            wrote(
                &by,
                &format!("C:\\Users\\{}\\{}", world.person(host.owner).account, place.replace('%', &n)),
            )
        }
        74..82 => {
            let by = life.standing(user, EXPLORER);
            let key = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\RecentDocs\\MRUListEx";
            set_value(&by, &format!("HKU\\{}\\{key}", world.person(host.owner).sid), "Binary Data")
        }
        82..90 => {
            let who = world.person(host.owner);
            let kind = life.dice.pick(&[2, 7, 7, 11]);
            let session = session(world, host, &who.windows, life.day);
            signed_in(&as_known(world, who, session), kind, "127.0.0.1", &host.name)
        }
        90 | 91 => {
            let by = life.standing(SYSTEM, SVCHOST);
            let lsass = life.standing(SYSTEM, "C:\\Windows\\System32\\lsass.exe");
            let trace = "C:\\Windows\\SYSTEM32\\ntdll.dll+9d4c4|C:\\Windows\\System32\\KERNELBASE.dll+2c13e";
            opened(&by, &lsass, "0x1000", trace)
        }
        92 => {
            let by = life.standing(user, BROWSER);
            let site = &world.sites[life.dice.place(world.sites.len())];
            let name = life.dice.hex(6);
            let path = format!("C:\\Users\\{}\\Downloads\\{name}.pdf", world.person(host.owner).account);
            marked(&by, &path, &format!("https://{}/{name}.pdf", site.name), &life.dice.hex(64))
        }
        93..96 if host.role != Role::Office => {
            let text = life.dice.pick(&SCRIPTS);
            script(text, "", &mut life.dice)
        }
        _ => {
            let name = life.dice.pick(&[
                "Windows Update",
                "Print Spooler",
                "Background Intelligent Transfer Service",
            ]);
            let fields = vec![("param1", name.to_owned()), ("param2", "running".to_owned())];
            Event::new(Log::System, 7036, fields)
        }
    }
}

/// One site in twelve is one that nobody here has met before: the long tail of the net.
const TAIL: u64 = 12;

/// A site that people visit.
fn anywhere(life: &mut Life<'_>) -> Site {
    if life.dice.once_in(TAIL) {
        return rare(life);
    }
    life.world.sites[life.dice.place(life.world.sites.len())].clone()
}

/// A site that one person meets once.
fn rare(life: &mut Life<'_>) -> Site {
    let stem = life.dice.pick(&["shop", "blog", "club", "verein", "dl", "img", "booking", "forum"]);
    let top = life.dice.pick(&["com", "net", "org"]);
    Site { name: format!("{stem}-{}.example.{top}", life.dice.hex(5)), ip: address(&mut life.dice) }
}

/// A program starts, and often ends soon.
fn start(life: &mut Life<'_>) -> Event {
    let (world, host) = (life.world, life.host);
    let own: &[Start] = match host.role {
        Role::Developer => &DEVELOPERS,
        Role::Admin => &ADMINISTRATORS,
        Role::Engineering => &ENGINEERS,
        _ => &EVERYBODY,
    };
    let list = if life.dice.once_in(2) { own } else { &EVERYBODY };
    let (parent, image, line) = life.dice.pick(list);
    let person = world.person(host.owner);
    let user = if [SERVICES, SVCHOST, AGENT].contains(&parent) { SYSTEM } else { &person.windows };
    let line = line.replace("%D", &format!("C:\\Users\\{}\\Documents", person.account));
    let parent = life.standing(user, parent);
    let child = Proc::new(world, host, user, image, &line, &mut life.dice);
    if life.dice.once_in(2) {
        life.next.push_back(ended(&child));
    }
    spawn(&parent, &child)
}

/// Now and then something that rules have an opinion on.
fn oddity(life: &mut Life<'_>) -> Option<Event> {
    if !life.dice.once_in(650) {
        return None;
    }
    let (world, host) = (life.world, life.host);
    let person = world.person(host.owner);
    let explorer = life.standing(&person.windows, EXPLORER);
    let browser = life.standing(&person.windows, BROWSER);
    let hex = life.dice.hex(6);
    let event = match (host.role, life.dice.below(8)) {
        (Role::Engineering, 0..4) => {
            let line = "robocopy.exe D:\\Projects \\\\SRV01\\backup\\projects *.ap17 /mir /r:1";
            let image = "C:\\Windows\\System32\\robocopy.exe";
            spawn(&explorer, &Proc::new(world, host, &person.windows, image, line, &mut life.dice))
        }
        (Role::Developer, 0) => {
            let node = life.standing(&person.windows, NODE);
            let line = "cmd.exe /d /s /c curl -sL https://packages.example.com/tool.zip -o %TEMP%\\tool.zip";
            spawn(&node, &Proc::new(world, host, &person.windows, CMD, line, &mut life.dice))
        }
        (_, 6) => {
            let image = format!("C:\\Users\\{}\\AppData\\Local\\Temp\\is-{hex}\\setup.tmp", person.account);
            let setup = life.standing(&person.windows, &image);
            // Some makers have a server of their own, which nobody here meets again.
            let site = if life.dice.once_in(3) { rare(life) } else { world.cdn(life.dice.place(3)).clone() };
            connect(&setup, &host.ip, &site.ip, &site.name, 443, &mut life.dice)
        }
        (_, 0..2) => {
            let path = format!("C:\\Users\\{}\\Downloads\\export-{hex}.zip", person.account);
            marked(&browser, &path, "about:internet", &life.dice.hex(64))
        }
        (_, 2..4) => {
            let agent = "C:\\Program Files\\Reputation\\agent.exe";
            let by = life.standing(SYSTEM, agent);
            looked_up(&by, &format!("{}.rep.example.org", life.dice.hex(56)), "198.18.4.4")
        }
        (_, 4) => {
            let path = format!("C:\\Users\\{}\\AppData\\Local\\Temp\\ClipPad\\clippad.exe", person.account);
            clipboard(&life.standing(&person.windows, &path))
        }
        (Role::Office | Role::Developer, 5) => {
            let line = "\"C:\\Install\\AnyDesk.exe\" --install \"C:\\Program Files (x86)\\AnyDesk\" --silent";
            let image = "C:\\Install\\AnyDesk.exe";
            let support = world.admin(1);
            let shell = life.standing(&support.windows, CMD);
            let tool = Proc::new(world, host, &support.windows, image, line, &mut life.dice);
            life.next.push_back(connect(&tool, &host.ip, &world.cdn(1).ip, "", 443, &mut life.dice));
            let event = spawn(&shell, &tool);
            life.after_entering(support, event)
        }
        _ => service(
            "Google Update Service (gupdate)",
            "\"C:\\Program Files (x86)\\Google\\Update\\GoogleUpdate.exe\" /svc",
        ),
    };
    Some(event)
}
