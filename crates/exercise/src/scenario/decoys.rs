//! What rules see in every exercise and what belongs to no campaign: an announced penetration test, a theft of
//! passwords by nobody in particular, an administrator who hardens machines.
//!
//! Each is a group of its own: to be found, and never to be joined to a campaign.

use crate::acts::{Proc, looked_up, opened, script, wrote};
use crate::plan::Plan;
use crate::scenario::programs::{CMD, EXPLORER, LSASS, POWERSHELL, REMOTE};
use crate::scenario::rules;
use crate::world::{Person, address};

/// Where the decoys happen, by place in the world.
pub(crate) struct Grounds {
    /// The desk the testers start from.
    pub tested_desk: usize,
    /// The server they reach.
    pub tested_server: usize,
    /// The desk on which somebody opens an archive.
    pub careless_desk: usize,
    /// The server that is hardened.
    pub hardened: usize,
    /// When, in thousandths of the span: test, archive, hardening.
    pub when: [u32; 3],
}

/// Plants all three.
pub(crate) fn plant(p: &mut Plan<'_>, on: &Grounds) {
    let [test, archive, hardening] = on.when;
    penetration_test(p, on.tested_desk, on.tested_server, test);
    commodity(p, on.careless_desk, archive);
    hardener(p, on.hardened, hardening);
}

/// Testers with accounts of their own and their own tool.
fn penetration_test(p: &mut Plan<'_>, desk: usize, server: usize, when: u32) {
    let w = p.world;
    p.decoy("an announced penetration test");
    p.phase(when, 9);
    let tester = p.dice.pick(&["pt-alpha", "pt-bravo", "redteam-1", "ext-assess", "audit-lab"]);
    let user = format!("{}\\{tester}", w.realm);
    let folder = p.dice.pick(&["C:\\PenTest", "C:\\Assessment", "D:\\Engagement", "C:\\Tools\\rt"]);
    let tool = p.tool("test kit");
    p.step(0, "testers ask for service tickets", &["T1558.003"], &[rules::KERBEROS]);
    let shell = p.standing(desk, &user, POWERSHELL);
    let name = p.dice.pick(&["tickets", "spnlist", "kit", "krb", "probe"]);
    let asked = p.dice.pick(&["kerberoast /nowrap /outfile:t.txt", "asreproast /format:hashcat /nowrap"]);
    let (image, line) = (format!("{folder}\\{name}.exe"), format!("{name}.exe {asked}"));
    let kit = p.run_file(desk, &shell, &image, &line, Some(&tool));
    p.step(900, "testers read credentials from memory", &["T1003.001"], &[rules::LSASS_UNBACKED]);
    let lsass = p.standing(desk, "NT AUTHORITY\\SYSTEM", LSASS);
    let trace = "C:\\Windows\\SYSTEM32\\ntdll.dll+9d4c4|C:\\Windows\\System32\\KERNELBASE.dll+2c13e|UNKNOWN(000001F2A0C51D2D)";
    p.on(desk, opened(&kit, &lsass, "0x1010", trace));
    p.step(7_100, "testers sign in from a machine and a range of their own", &["T1078.002"], &[]);
    let range = format!("10.{}.250.{}", 20 + w.seed % 40, 10 + p.dice.below(20));
    let at = format!("PT-{:02}", 1 + p.dice.below(9));
    let person = Person {
        account: tester.to_owned(),
        windows: user.clone(),
        sid: format!("{}-9001", w.sid),
        ..Person::default()
    };
    p.enters_at(server, &person, &range, &at);
    p.step(7_200, "testers export credential hives of a server", &["T1003.002"], &[rules::HIVES]);
    let remote = p.standing(server, &user, CMD);
    let hive = p.dice.pick(&["sam", "security"]);
    let line = format!("reg.exe save hklm\\{hive} {folder}\\{hive}.hiv");
    p.run(server, &remote, "C:\\Windows\\System32\\reg.exe", &line);
}

/// An archive from the net, a script in it, passwords gone: what happens to anybody.
fn commodity(p: &mut Plan<'_>, desk: usize, when: u32) {
    let w = p.world;
    p.decoy("a password thief from an archive");
    p.phase(when, 12);
    let who = &w.owner(desk).windows;
    let account = &w.owner(desk).account;
    let bait = p.dice.pick(&["free-fonts", "coupon-hub", "driver-pack", "game-mods", "pdf-joiner"]);
    let drop = format!("{bait}-{}.example.com", p.dice.hex(3));
    // Archivers unpack what is opened from inside an archive each in its own way.
    let hex = p.dice.hex(8).to_uppercase();
    let unpacked = match p.dice.below(3) {
        0 => format!("7zO{hex}"),
        1 => format!("Rar$DIa{}.{}", 1_000 + p.dice.below(9_000), 10_000 + p.dice.below(50_000)),
        _ => format!("Temp1_{bait}.zip"),
    };
    let script = p.dice.pick(&["invoice.js", "order.vbs", "parcel.js", "scan.wsf", "readme.jse"]);
    let store = p.dice.pick(&["Login Data", "key4.db", "logins.json", "Web Data"]);
    let ip = address(&mut p.dice);
    p.step(0, "a script is run from an archive", &["T1566.001", "T1059.007"], &[rules::ARCHIVE]);
    let explorer = p.standing(desk, who, EXPLORER);
    let line = format!("wscript.exe \"C:\\Users\\{account}\\AppData\\Local\\Temp\\{unpacked}\\{script}\"");
    let host = p.run(desk, &explorer, "C:\\Windows\\System32\\wscript.exe", &line);
    p.step(20, "it looks up where to send to", &["T1071.001"], &[]);
    p.on(desk, looked_up(&host, &drop, &ip));
    p.step(60, "it copies browser passwords", &["T1555.003"], &[rules::BROWSER_SECRETS]);
    p.on(desk, wrote(&host, &format!("C:\\Users\\{account}\\AppData\\Local\\Temp\\p\\{store}")));
}

/// An administrator who hardens a server by script.
fn hardener(p: &mut Plan<'_>, server: usize, when: u32) {
    p.decoy("an administrator hardens a server");
    p.phase(when, 10);
    let who = &p.take_admin();
    let folder = p.dice.pick(&["C:\\Scripts", "C:\\Admin", "D:\\Baseline"]);
    let name = p.dice.pick(&["harden", "baseline", "stig", "lockdown"]);
    let file = format!("{folder}\\{name}.ps1");
    let policy = format!("{folder}\\policy.csv");
    p.step(0, "a shell over remote management", &["T1021.006"], &[rules::WINRM]);
    p.comes_to_work(server, who);
    let remote = p.standing(server, &who.windows, REMOTE);
    let shell = p.run(server, &remote, POWERSHELL, &format!("powershell.exe -NoProfile -File {file}"));
    p.step(15, "the script's text", &[], &[]);
    let text = format!("auditpol /restore /file:{policy}; wevtutil sl Security /rt:true");
    let event = script(&text, &file, &mut p.dice);
    p.on(server, event);
    p.step(25, "a stored audit policy is loaded", &["T1685.001"], &[rules::AUDIT_POLICY]);
    let line = format!("auditpol.exe /restore /file:{policy}");
    p.run(server, &shell, "C:\\Windows\\System32\\auditpol.exe", &line);
    p.step(40, "a log's settings are changed", &["T1685.001"], &[rules::LOG_COMMAND]);
    p.run(
        server,
        &shell,
        "C:\\Windows\\System32\\wevtutil.exe",
        "wevtutil.exe sl Security /rt:true /ab:true",
    );
}

/// Somebody's process on a host that ran before: for callers that need one without a record.
pub(crate) fn shell_of(p: &Plan<'_>, host: usize, user: &str) -> Proc {
    p.standing(host, user, CMD)
}
