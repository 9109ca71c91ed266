//! Moves that several scenarios make: each plants the records of a step that was just begun, or a step with them.
//!
//! It never decides when something happens or whether a rule should see it, except where one move has one meaning.

use crate::acts::{Proc, connect, looked_up, script};
use crate::cloud::{self, Caller, Cloud, SignIn};
use crate::plan::Plan;
use crate::scenario::programs::{CMD, POWERSHELL, REMOTE, RUNDLL, WMI};
use crate::scenario::rules;
use crate::world::Person;

/// A server of an actor: a name and an address.
pub(crate) struct Server {
    /// Its name.
    pub name: String,
    /// Its address.
    pub ip: String,
}

/// A server of one's own, with a name that begins like this.
pub(crate) fn server(p: &mut Plan<'_>, stem: &str, top: &str) -> Server {
    let name = format!("{stem}-{}.example.{top}", p.dice.hex(4));
    Server { name, ip: crate::world::address(&mut p.dice) }
}

/// A command of Exchange with its parameters.
pub(crate) fn exchange(p: &mut Plan<'_>, mail: &str, ip: &str, operation: &str, pairs: &[(&str, &str)]) {
    let fill = |j: &mut crate::json::Json| {
        j.pairs("Parameters", pairs);
    };
    let line = cloud::m365(p.world, p.now(), mail, ip, ("Exchange", operation), fill, &mut p.dice);
    p.at(Cloud::M365, line);
}

/// A file taken from a document library.
pub(crate) fn download(p: &mut Plan<'_>, mail: &str, ip: &str, file: &str) {
    let fill = |j: &mut crate::json::Json| {
        j.str("SourceFileName", file).str("UserAgent", "rclone/v1.68");
    };
    let line = cloud::m365(p.world, p.now(), mail, ip, ("SharePoint", "FileDownloaded"), fill, &mut p.dice);
    p.at(Cloud::M365, line);
}

/// Consent to an application.
pub(crate) fn consent(p: &mut Plan<'_>, mail: &str, ip: &str, scope: &str) {
    let what = ("AzureActiveDirectory", "Consent to application.");
    let fill = |j: &mut crate::json::Json| {
        cloud::consent(j, scope);
    };
    let line = cloud::m365(p.world, p.now(), mail, ip, what, fill, &mut p.dice);
    p.at(Cloud::M365, line);
}

/// A sign-in of Entra.
pub(crate) fn signs_in(p: &mut Plan<'_>, mail: &str, ip: &str, of: &SignIn<'_>) {
    let line = cloud::sign_in(p.world, p.now(), mail, ip, of, &mut p.dice);
    p.at(Cloud::SignIns, line);
}

/// A risk that Entra saw.
pub(crate) fn risky(p: &mut Plan<'_>, mail: &str, ip: &str, kind: &str) {
    let line = cloud::risk(p.world, p.now(), mail, ip, kind, &mut p.dice);
    p.at(Cloud::Directory, line);
}

/// A change in the directory of Entra.
pub(crate) fn changes(p: &mut Plan<'_>, mail: &str, ip: &str, operation: &str, target: &str) {
    let line = cloud::directory(p.world, p.now(), mail, ip, operation, target, &mut p.dice);
    p.at(Cloud::Directory, line);
}

/// A call of AWS.
pub(crate) fn aws(p: &mut Plan<'_>, caller: Caller<'_>, call: (&str, &str), request: &str, error: &str) {
    let line = cloud::aws(p.world, p.now(), caller, call, request, error, &mut p.dice);
    p.at(Cloud::Aws, line);
}

/// Something done to a repository.
pub(crate) fn github(p: &mut Plan<'_>, who: &Person, ip: &str, action: &str, repo: &str) {
    let line = cloud::github(p.world, p.now(), &who.handle, ip, action, repo, &mut p.dice);
    p.at(Cloud::GitHub, line);
}

/// Something Okta noted.
pub(crate) fn okta(p: &mut Plan<'_>, actor: &str, ip: &str, kind: &str, target: &str) {
    let line = cloud::okta(p.now(), actor, ip, kind, target, &mut p.dice);
    p.at(Cloud::Okta, line);
}

/// A shell in a container.
pub(crate) fn pod_shell(p: &mut Plan<'_>, user: &str, ip: &str, namespace: &str, name: &str) {
    pod_runs(p, user, ip, (namespace, name), &["sh"]);
}

/// A command run in a container, which the request names word by word.
pub(crate) fn pod_runs(
    p: &mut Plan<'_>,
    user: &str,
    ip: &str,
    (namespace, name): (&str, &str),
    command: &[&str],
) {
    let words: Vec<String> = command.iter().map(|w| format!("command={w}")).collect();
    let exec = format!("exec?{}&container=app&stdin=true&stdout=true", words.join("&"));
    let asked = ("create", "pods", exec.as_str(), namespace, name);
    let line = cloud::kubernetes(p.now(), user, ip, asked, 101, &mut p.dice);
    p.at(Cloud::Kubernetes, line);
}

/// The text of a script on a host.
pub(crate) fn text(p: &mut Plan<'_>, host: usize, text: &str) {
    let event = script(text, "", &mut p.dice);
    p.on(host, event);
}

/// A name looked up.
pub(crate) fn looks_up(p: &mut Plan<'_>, host: usize, by: &Proc, to: &Server) {
    p.on(host, looked_up(by, &to.name, &to.ip));
}

/// A connection to a server.
pub(crate) fn reaches(p: &mut Plan<'_>, host: usize, by: &Proc, to: &Server) {
    let from = p.world.hosts[host].ip.clone();
    let event = connect(by, &from, &to.ip, &to.name, 443, &mut p.dice);
    p.on(host, event);
}

/// Step: PowerShell, hidden and encoded.
pub(crate) fn encoded(p: &mut Plan<'_>, after: i64, host: usize, parent: &Proc) -> Proc {
    p.step(after, "PowerShell, hidden and encoded", &["T1059.001", "T1027.010"], &[rules::ENCODED]);
    // Different each time, as such commands are.
    let body = p.dice.code(40);
    p.run(host, parent, POWERSHELL, &format!("powershell.exe -NoP -W Hidden -enc {body}="))
}

/// Step: the memory of the keeper of credentials dumped with a library of the system.
pub(crate) fn dump_memory(p: &mut Plan<'_>, after: i64, host: usize, user: &str) {
    p.step(after, "passwords dumped from memory", &["T1003.001", "T1218.011"], &[rules::COMSVCS]);
    let shell = p.standing(host, user, CMD);
    let file = p.dice.hex(5);
    let line = format!(
        "rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 688 C:\\ProgramData\\{file}.bin full"
    );
    p.run(host, &shell, RUNDLL, &line);
}

/// Somebody signs in to a host from another; part of the step begun last.
pub(crate) fn goes(p: &mut Plan<'_>, (from, host): (usize, usize), who: &Person) {
    let address = p.world.hosts[from].ip.clone();
    p.enters(host, who, &address);
}

/// Step: a command sent over WMI from a host to another; gives the shell.
pub(crate) fn over_wmi(
    p: &mut Plan<'_>,
    after: i64,
    way: (usize, usize),
    who: &Person,
    command: &str,
) -> Proc {
    p.step(after, "a command sent over WMI", &["T1047", "T1021.002"], &[rules::WMI]);
    goes(p, way, who);
    let host = way.1;
    let wmi = p.standing(host, &who.windows, WMI);
    let n = p.dice.below(900_000_000);
    p.run(host, &wmi, CMD, &format!("cmd.exe /Q /c {command} 1> \\\\127.0.0.1\\ADMIN$\\__17{n}.8 2>&1"))
}

/// Step: a shell over remote management, from a host to another; gives it.
pub(crate) fn over_winrm(
    p: &mut Plan<'_>,
    after: i64,
    way: (usize, usize),
    who: &Person,
    command: &str,
) -> Proc {
    p.step(after, "a shell over remote management", &["T1021.006"], &[rules::WINRM]);
    goes(p, way, who);
    let host = way.1;
    let remote = p.standing(host, &who.windows, REMOTE);
    p.run(host, &remote, CMD, &format!("cmd.exe /c {command}"))
}
