//! What clouds and identity services log on every day.
//!
//! Staff travel behind the exits of a commercial VPN, consent to mail applications, forward mail; administrators hand
//! out keys and change policies. Rules see some of that, and it is nothing.

use palisade_model::Time;

use crate::cloud::{
    AT_DESK, Caller, Cloud, Line, SignIn, aws, consent, directory, github, kubernetes, m365, okta, risk,
    sign_in,
};
use crate::dice::Dice;
use crate::world::{Person, World, address};

/// What the command line client of AWS calls itself.
const CLI: &str = "aws-cli/2.17.0 md/awscrt#0.21 ua/2.0 os/linux#6.8 lang/python#3.11";

/// The next line of a cloud's log.
pub(crate) fn line(world: &World, of: Cloud, time: Time, dice: &mut Dice) -> String {
    let who = world.person(dice.place(world.people.len()));
    let ip = from(world, who, dice);
    let line = match of {
        Cloud::SignIns => signs_in(world, time, who, &ip, dice),
        Cloud::Directory => changes(world, time, who, &ip, dice),
        Cloud::M365 => mails(world, time, who, &ip, dice),
        Cloud::Aws => calls(world, time, dice),
        Cloud::GitHub => pushes(world, time, who, &ip, dice),
        Cloud::Okta => asks(world, time, who, &ip, dice),
        Cloud::Kubernetes => orchestrates(world, time, dice),
    };
    line.text
}

/// The office's gateway, home, somewhere on the way, or an exit of the VPN.
fn from(world: &World, who: &Person, dice: &mut Dice) -> String {
    match dice.below(100) {
        0..67 => world.gateway.clone(),
        67..95 => who.home.clone(),
        // A hotel, a train, a telephone: an address that comes once.
        95..97 => address(dice),
        _ => world.exits[dice.place(world.exits.len())].clone(),
    }
}

fn signs_in(world: &World, time: Time, who: &Person, ip: &str, dice: &mut Dice) -> Line {
    if dice.once_in(500) {
        let odd = match dice.below(2) {
            // A scanner that sends mail, and an administrator's command line.
            0 => SignIn {
                client: "Authenticated SMTP",
                two_factors: false,
                managed: false,
                agent: "BAV2ROPC",
                ..AT_DESK
            },
            _ => SignIn {
                app: "Microsoft Azure CLI",
                client: "Mobile Apps and Desktop clients",
                protocol: "deviceCode",
                managed: false,
                agent: "python-requests/2.32",
                ..AT_DESK
            },
        };
        let who = if odd.two_factors { world.admin(0) } else { world.person(3) };
        return sign_in(world, time, &who.mail, &world.gateway, &odd, dice);
    }
    let app =
        dice.pick(&["Office 365 Exchange Online", "Microsoft Teams", "SharePoint Online", "OfficeHome"]);
    let away = ip != world.gateway;
    let error = if dice.once_in(25) { 50_126 } else { 0 };
    let of = SignIn { app, error, managed: !away || dice.once_in(2), ..AT_DESK };
    sign_in(world, time, &who.mail, ip, &of, dice)
}

fn changes(world: &World, time: Time, who: &Person, ip: &str, dice: &mut Dice) -> Line {
    let admin = world.admin(dice.place(3));
    match dice.below(120) {
        0 => directory(
            world,
            time,
            &admin.mail,
            &world.gateway,
            "Update conditional access policy",
            "Require MFA",
            dice,
        ),
        1 => {
            let what = "Update application – Certificates and secrets management ";
            directory(world, time, &admin.mail, &world.gateway, what, "Payroll connector", dice)
        }
        2 | 3 => {
            let exit = &world.exits[dice.place(world.exits.len())];
            let kind = dice.pick(&["unlikelyTravel", "anonymizedIPAddress"]);
            risk(world, time, &who.mail, exit, kind, dice)
        }
        _ => {
            let what =
                dice.pick(&["Update user", "Add member to group", "Change user license", "Update device"]);
            directory(world, time, &admin.mail, ip, what, &who.account, dice)
        }
    }
}

fn mails(world: &World, time: Time, who: &Person, ip: &str, dice: &mut Dice) -> Line {
    let admin = world.admin(dice.place(3));
    match dice.below(4_000) {
        0 => m365(
            world,
            time,
            &who.mail,
            ip,
            ("Exchange", "New-InboxRule"),
            |j| {
                j.pairs("Parameters", &[("Name", "to home"), ("ForwardTo", "me@mailbox.example.org")]);
            },
            dice,
        ),
        1 => m365(
            world,
            time,
            &admin.mail,
            &world.gateway,
            ("Exchange", "Add-MailboxPermission"),
            |j| {
                j.str("ObjectId", &who.account);
                j.pairs(
                    "Parameters",
                    &[("Identity", &who.account), ("User", "assistant"), ("AccessRights", "FullAccess")],
                );
            },
            dice,
        ),
        2 => m365(
            world,
            time,
            &admin.mail,
            &world.gateway,
            ("Exchange", "Set-Mailbox"),
            |j| {
                let to = format!("smtp:{}", world.person(2).mail);
                j.pairs("Parameters", &[("Identity", &who.account), ("ForwardingSmtpAddress", &to)]);
            },
            dice,
        ),
        3 | 4 => m365(
            world,
            time,
            &who.mail,
            ip,
            ("AzureActiveDirectory", "Consent to application."),
            |j| {
                consent(j, "Mail.Read Calendars.ReadWrite offline_access User.Read");
            },
            dice,
        ),
        5..12 => m365(
            world,
            time,
            &who.mail,
            ip,
            ("Exchange", "New-InboxRule"),
            |j| {
                j.pairs(
                    "Parameters",
                    &[("Name", "lists"), ("From", "list@news.example.org"), ("MoveToFolder", "Lists")],
                );
            },
            dice,
        ),
        n => {
            let call = match n % 9 {
                0..3 => ("Exchange", "MailItemsAccessed"),
                3 | 4 => ("SharePoint", "FileAccessed"),
                5 => ("OneDrive", "FileModified"),
                6 => ("SharePoint", "FileDownloaded"),
                7 => ("Exchange", "Send"),
                _ => ("AzureActiveDirectory", "UserLoggedIn"),
            };
            let name = dice.hex(6);
            m365(
                world,
                time,
                &who.mail,
                ip,
                call,
                |j| {
                    if matches!(call.0, "SharePoint" | "OneDrive") {
                        j.str("SourceFileName", &format!("note-{name}.docx"));
                    } else {
                        j.str("MailboxOwnerUPN", &who.mail);
                    }
                },
                dice,
            )
        }
    }
}

fn calls(world: &World, time: Time, dice: &mut Dice) -> Line {
    let user = dice.pick(&["deploy", "build-bot", "monitor", "backup", "terraform"]);
    let key = format!("AKIA{}", Dice::new(world.seed, user).code(16));
    let caller = Caller { user, key: &key, ip: &world.gateway, agent: CLI };
    match dice.below(2_400) {
        0 => {
            let caller = Caller { user: "terraform", ..caller };
            aws(world, time, caller, ("iam", "CreateAccessKey"), "{\"userName\":\"reporting\"}", "", dice)
        }
        1 => {
            let caller = Caller { user: "terraform", ..caller };
            let request = "{\"keyId\":\"staging\",\"pendingWindowInDays\":30}";
            aws(world, time, caller, ("kms", "ScheduleKeyDeletion"), request, "", dice)
        }
        2 => {
            let caller = Caller { user: "root", key: "", ..caller };
            aws(world, time, caller, ("signin", "ConsoleLogin"), "null", "", dice)
        }
        3 => {
            let caller = Caller { user: "terraform", ..caller };
            let error = "AccessDenied";
            aws(world, time, caller, ("cloudtrail", "UpdateTrail"), "{\"name\":\"org-trail\"}", error, dice)
        }
        _ => {
            let call = dice.pick(&[
                ("ec2", "DescribeInstances"),
                ("s3", "GetBucketLocation"),
                ("s3", "ListBuckets"),
                ("sts", "GetCallerIdentity"),
                ("kms", "Decrypt"),
                ("iam", "GetUser"),
                ("logs", "DescribeLogGroups"),
                ("ecr", "GetAuthorizationToken"),
            ]);
            aws(world, time, caller, call, "null", "", dice)
        }
    }
}

fn pushes(world: &World, time: Time, who: &Person, ip: &str, dice: &mut Dice) -> Line {
    let repo = dice.pick(&["site", "wallet", "infra", "mobile", "docs"]);
    let action = if dice.once_in(700) {
        "protected_branch.destroy"
    } else {
        dice.pick(&[
            "git.push",
            "git.fetch",
            "git.clone",
            "pull_request.merge",
            "workflows.completed_workflow_run",
        ])
    };
    github(world, time, &who.handle, ip, action, repo, dice)
}

fn asks(world: &World, time: Time, who: &Person, ip: &str, dice: &mut Dice) -> Line {
    if dice.once_in(900) {
        let desk = world.admin(1);
        return okta(time, &desk.mail, &world.gateway, "user.mfa.factor.reset_all", &who.mail, dice);
    }
    let kind = dice.pick(&[
        "user.session.start",
        "user.authentication.sso",
        "user.authentication.auth_via_mfa",
        "policy.evaluate_sign_on",
        "user.session.end",
    ]);
    okta(time, &who.mail, ip, kind, &who.mail, dice)
}

fn orchestrates(world: &World, time: Time, dice: &mut Dice) -> Line {
    let node = format!("10.{}.200.{}", 20 + world.seed % 40, 10 + dice.below(6));
    if dice.once_in(1_500) {
        let asked = ("create", "pods", "exec", "backup", "postgres-0");
        return kubernetes(time, "system:serviceaccount:backup:operator", &node, asked, 101, dice);
    }
    let (user, asked) = dice.pick(&[
        ("system:node:node-1", ("get", "nodes", "", "", "node-1")),
        (
            "system:serviceaccount:kube-system:deployment-controller",
            ("update", "deployments", "", "shop", "api"),
        ),
        ("system:serviceaccount:monitoring:prometheus", ("list", "pods", "", "shop", "")),
        ("system:serviceaccount:ci:runner", ("patch", "deployments", "", "shop", "api")),
        ("system:kube-scheduler", ("create", "pods", "binding", "shop", "api-7d9f")),
    ]);
    kubernetes(time, user, &node, asked, 200, dice)
}
