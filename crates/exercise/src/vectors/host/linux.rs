//! What Linux hosts log on every day: web servers, build and container hosts.
//!
//! Configuration management writes keys and scanners look for secrets: rules see that, and it is nothing.

use crate::acts::{Proc, audited, connect, ended, journal, spawn, wrote};
use crate::record::Event;
use crate::vectors::host::Life;
use crate::world::Role;

/// Parent, program, command line, user.
type Start = (&'static str, &'static str, &'static str, &'static str);

const WEB: [Start; 9] = [
    ("/usr/sbin/php-fpm8.2", "/bin/sh", "sh -c /usr/bin/convert in.jpg -resize 400 out.png", "www-data"),
    ("/bin/sh", "/usr/bin/find", "find /var/cache -type f -mtime +7", "root"),
    ("/usr/sbin/sshd", "/usr/bin/bash", "-bash", "root"),
    ("/usr/sbin/nginx", "/usr/sbin/nginx", "nginx: worker process", "www-data"),
    ("/usr/sbin/php-fpm8.2", "/usr/sbin/php-fpm8.2", "php-fpm: pool www", "www-data"),
    ("/usr/sbin/cron", "/bin/sh", "/bin/sh -c cd / && run-parts --report /etc/cron.hourly", "root"),
    ("/bin/sh", "/usr/bin/run-parts", "run-parts --report /etc/cron.hourly", "root"),
    ("/usr/lib/systemd/systemd", "/usr/sbin/logrotate", "/usr/sbin/logrotate /etc/logrotate.conf", "root"),
    ("/usr/bin/monit", "/usr/bin/curl", "curl -fsS http://127.0.0.1/status", "monit"),
];
const BUILD: [Start; 9] = [
    ("/usr/bin/node", "/bin/sh", "sh -c tsc -p .", "runner"),
    ("/usr/sbin/sshd", "/usr/bin/bash", "-bash", "root"),
    ("/usr/bin/runner", "/bin/bash", "bash -e /home/runner/_temp/step.sh", "runner"),
    ("/bin/bash", "/usr/bin/git", "git fetch --depth=1 origin main", "runner"),
    ("/bin/bash", "/usr/bin/node", "node node_modules/.bin/jest --ci", "runner"),
    ("/usr/bin/node", "/bin/sh", "sh -c node-gyp rebuild", "runner"),
    ("/usr/bin/dockerd", "/usr/bin/containerd-shim", "containerd-shim -namespace moby", "root"),
    ("/bin/bash", "/usr/bin/cargo", "cargo build --locked", "runner"),
    ("/usr/lib/systemd/systemd", "/usr/bin/apt-get", "apt-get -qq update", "root"),
];

/// The next thing a Linux host logs.
pub(crate) fn event(life: &mut Life<'_>) -> Event {
    if let Some(event) = oddity(life) {
        return event;
    }
    let (world, host) = (life.world, life.host);
    match life.dice.below(100) {
        0..44 => {
            let list: &[Start] = if host.role == Role::LinuxWeb { &WEB } else { &BUILD };
            let (parent, image, line, user) = life.dice.pick(list);
            let parent = life.standing(user, parent);
            let child = Proc::new(world, host, user, image, line, &mut life.dice);
            life.next.push_back(ended(&child));
            spawn(&parent, &child)
        }
        44..58 => {
            let image = if host.role == Role::LinuxWeb { "/usr/sbin/php-fpm8.2" } else { "/usr/bin/git" };
            let by = life.standing("www-data", image);
            let site = &world.sites[life.dice.place(world.sites.len())];
            connect(&by, &host.ip, &site.ip, &site.name, 443, &mut life.dice)
        }
        58..70 => {
            let by = life.standing("root", "/usr/lib/systemd/systemd-journald");
            let name = life.dice.hex(8);
            wrote(&by, &format!("/var/log/journal/{name}.journal"))
        }
        70..82 => {
            let who = &world.admin(life.dice.place(3)).account;
            let from = &world.hosts[world.host(Role::Admin, 0)].ip;
            let port = 40_000 + life.dice.below(20_000);
            journal("sshd", format!("Accepted publickey for {who} from {from} port {port} ssh2"))
        }
        82..90 => journal("CRON", "(root) CMD (   cd / && run-parts --report /etc/cron.hourly)".to_owned()),
        90..94 => journal("systemd-logind", "New session 412 of user monit.".to_owned()),
        _ => audited("/usr/bin/systemctl", &["systemctl", "is-active", "nginx"]),
    }
}

fn oddity(life: &mut Life<'_>) -> Option<Event> {
    if !life.dice.once_in(800) {
        return None;
    }
    let (world, host) = (life.world, life.host);
    let event = if host.role == Role::LinuxBuild && life.dice.once_in(3) {
        let name = life.dice.hex(8);
        let by = life.standing("runner", &format!("/tmp/go-build{name}/net.test"));
        let site = world.cdn(life.dice.place(3));
        connect(&by, &host.ip, &site.ip, &site.name, 443, &mut life.dice)
    } else if host.role == Role::LinuxBuild && life.dice.once_in(2) {
        let shell = life.standing("runner", "/bin/bash");
        let line = "grep -rIl --include=*.env BEGIN RSA PRIVATE KEY /home/runner/work";
        spawn(&shell, &Proc::new(world, host, "runner", "/usr/bin/grep", line, &mut life.dice))
    } else {
        let by = life.standing("root", "/usr/bin/python3.11");
        wrote(&by, &format!("/home/{}/.ssh/authorized_keys", world.admin(life.dice.place(3)).account))
    };
    Some(event)
}
