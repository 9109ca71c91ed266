//! What is planted: campaigns and decoys, step by step, before any of it is written.
//!
//! A scenario tells a [`Plan`] what happens in the words of [`crate::acts`] and [`crate::cloud`]; the plan gives each
//! step its moment and notes what it names. Writers take from it what belongs to their channel. Steps of channels that
//! have no writer yet are planned like all others: a writer that is added later finds time, name and observables.

use std::collections::{BTreeMap, BTreeSet};

use palisade_model::{ObservableKind, Time, Vector};

use crate::acts::{Proc, Who, any_session, session, signed_in, signed_in_over, spawn};
use crate::calendar::DAY;
use crate::cloud::{Cloud, Line};
use crate::dice::Dice;
use crate::record::Event;
use crate::truth::{ExpectedJoin, Group, GroupKind, Named, PlantedStep, RecordRef};
use crate::vectors::{Coin, Market};
use crate::world::{Person, Role, World};

/// A log that records stand in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Source {
    /// Of a machine, by its place in the world.
    Host(usize),
    /// Of a cloud.
    Cloud(Cloud),
}

/// A planted record.
#[derive(Clone, Debug)]
pub(crate) struct Planted {
    /// Where it goes.
    pub source: Source,
    /// When.
    pub time: Time,
    /// What it says.
    pub body: Body,
    /// The group and step it belongs to.
    pub of: (usize, usize),
}

/// A record before its place in a log is known.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Rendered when its number is known.
    Event(Event),
    /// Ready.
    Line(String),
}

/// An amount on its way from one address to another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Leg {
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// Of what.
    pub coin: Coin,
    /// In the smallest unit.
    pub amount: u128,
}

/// A transaction before its place in the chain is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Transfer {
    /// When.
    pub time: Time,
    /// What it moves: one leg, or those of a swap.
    pub legs: Vec<Leg>,
    /// Whether it was refused: its price is paid all the same.
    pub failed: bool,
    /// The group and step it belongs to; `None` for everyday life.
    pub of: Option<(usize, usize)>,
}

/// Everything planted.
pub(crate) struct Plan<'w> {
    /// Where it happens.
    pub world: &'w World,
    /// Dice of the scenario.
    pub dice: Dice,
    /// Groups, in the order they were begun.
    pub groups: Vec<Group>,
    /// Records of hosts and clouds.
    pub planted: Vec<Planted>,
    /// Transactions, in the order they were planned.
    pub transfers: Vec<Transfer>,
    market: Market,
    /// Sessions that somebody of the group opened from elsewhere, by machine and account.
    sessions: BTreeMap<(usize, String), String>,
    /// Files that somebody brought along: their hashes tell something.
    tools: BTreeSet<String>,
    taken: Vec<usize>,
    admins: usize,
    phase: i64,
    last: i64,
    now: Time,
}

/// Offsets in a phase are as written from this many days on, and shorter in shorter exercises.
const FULL_DAYS: i64 = 14;

/// Thousandths of the span by which a phase may come earlier or later.
const SWAY: u64 = 8;

/// From here on, in thousandths of the span, a phase stays where the scenario puts it.
const LAST_DAYS: u32 = 950;

impl<'w> Plan<'w> {
    /// Nothing planned yet.
    pub fn new(world: &'w World, label: &str) -> Plan<'w> {
        let start = world.span.start;
        Plan {
            world,
            dice: world.dice(&format!("plan {label}")),
            groups: Vec::new(),
            planted: Vec::new(),
            transfers: Vec::new(),
            market: Market::new(world.dice("market").next()),
            sessions: BTreeMap::new(),
            tools: BTreeSet::new(),
            taken: Vec::new(),
            // Which administrator comes first is the seed's choice.
            admins: world.dice("administrators").place(3),
            phase: start,
            last: start,
            now: Time::from_unix_seconds(start),
        }
    }

    /// A machine of a role that nothing happens on yet, chosen by the seed; the first of the role if all are taken.
    pub fn take(&mut self, role: Role) -> usize {
        let all = self.world.hosts.iter().enumerate().filter(|(_, h)| h.role == role).map(|(place, _)| place);
        let free: Vec<usize> = all.filter(|place| !self.taken.contains(place)).collect();
        let Some(place) = free.get(self.dice.place(free.len())) else { return self.world.host(role, 0) };
        self.taken.push(*place);
        *place
    }

    /// An administrator whom nothing happens to yet, as long as there is one.
    pub fn take_admin(&mut self) -> Person {
        self.admins += 1;
        self.world.admin(self.admins).clone()
    }

    /// Somebody without a desk of their own in these logs: they work in the cloud.
    pub fn take_colleague(&mut self) -> Person {
        let place = self.dice.place(crate::world::COLLEAGUES);
        self.world.colleague(place).clone()
    }

    /// Whether a step happens that the story can do without: once in `n` times it does not.
    pub fn perhaps(&mut self, n: u64) -> bool {
        !self.dice.once_in(n)
    }

    /// Begins a campaign of an actor.
    pub fn campaign(&mut self, name: &str, actor: &str) {
        self.begin(name, GroupKind::Campaign, actor);
    }

    /// Begins a decoy.
    pub fn decoy(&mut self, name: &str) {
        self.begin(name, GroupKind::Decoy, "");
    }

    fn begin(&mut self, name: &str, kind: GroupKind, actor: &str) {
        self.last = self.world.span.start;
        self.sessions.clear();
        let (name, actor) = (name.to_owned(), actor.to_owned());
        self.groups.push(Group { name, kind, actor, steps: Vec::new(), joins: Vec::new() });
    }

    /// Goes to a part of the span: about so many thousandths of the way, and the hour (UTC) where days are long enough.
    /// The seed decides a little, so that no two exercises have the same gaps.
    pub fn phase(&mut self, permille: u32, hour: u8) {
        let sway = self.dice.below(2 * SWAY + 1) as i64 - SWAY as i64;
        // The last days stay the last days.
        let at =
            if permille >= LAST_DAYS { i64::from(permille) } else { (i64::from(permille) + sway).max(2) };
        // Nobody stays signed in from one phase to the next.
        self.sessions.clear();
        let minutes = self.scaled(self.dice.clone().below(50 * 60) as i64);
        self.phase = self.world.span.moment(at as u32, hour) + minutes;
    }

    /// Seconds in a phase, shorter in exercises of few days.
    fn scaled(&self, seconds: i64) -> i64 {
        seconds * i64::from(self.world.span.days).min(FULL_DAYS) / FULL_DAYS
    }

    /// A step that happens this many seconds into the phase, after every earlier step of its group.
    pub fn step(&mut self, after: i64, name: &str, techniques: &[&str], rules: &[&str]) -> &mut Plan<'w> {
        self.add(Vector::Host, after, name, techniques, rules)
    }

    /// Who is who on the chain.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// A step on the chain.
    pub fn money(&mut self, after: i64, name: &str, techniques: &[&str]) -> &mut Plan<'w> {
        self.add(Vector::Money, after, name, techniques, &[])
    }

    /// A payment of the step begun last, about half a minute after the one before it.
    pub fn pays(&mut self, from: &str, to: &str, coin: Coin, amount: u128) -> &mut Plan<'w> {
        self.swaps(vec![Leg { from: from.to_owned(), to: to.to_owned(), coin, amount }])
    }

    /// Several legs in one transaction.
    pub fn swaps(&mut self, legs: Vec<Leg>) -> &mut Plan<'w> {
        for leg in &legs {
            self.name(ObservableKind::CryptoAddress, &leg.from);
            self.name(ObservableKind::CryptoAddress, &leg.to);
        }
        let group = self.groups.len().saturating_sub(1);
        let step = self.groups.last().map_or(0, |g| g.steps.len().saturating_sub(1));
        self.transfers.push(Transfer { time: self.now, legs, failed: false, of: Some((group, step)) });
        let apart = 15 + self.dice.below(30) as i64;
        let wait = self.scaled(apart).max(1);
        self.last += wait;
        self.now = Time(self.now.0 + wait * 1_000_000);
        self
    }

    /// A step of a channel that no writer writes yet, with what it will name.
    pub fn later(
        &mut self,
        vector: Vector,
        after: i64,
        name: &str,
        techniques: &[&str],
        names: &[(ObservableKind, &str)],
    ) {
        self.add(vector, after, name, techniques, &[]);
        for (kind, value) in names {
            self.name(*kind, value);
        }
    }

    fn add(
        &mut self,
        vector: Vector,
        after: i64,
        name: &str,
        techniques: &[&str],
        rules: &[&str],
    ) -> &mut Plan<'w> {
        let after = self.scaled(after);
        let at = (self.phase + after).max(self.last + 1 + self.dice.below(4) as i64);
        self.last = at;
        self.now = Time(at * 1_000_000 + 1_000 * self.dice.below(1_000) as i64);
        let owned = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect();
        let step = PlantedStep {
            name: name.to_owned(),
            techniques: owned(techniques),
            vector,
            time: self.now,
            written: false,
            records: Vec::new(),
            observables: Vec::new(),
            rules: owned(rules),
        };
        if let Some(group) = self.groups.last_mut() {
            group.steps.push(step);
        }
        self
    }

    /// The moment of the step begun last.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The day of the step begun last.
    pub fn day(&self) -> i64 {
        self.now.0.div_euclid(1_000_000).div_euclid(DAY)
    }

    /// A record of a host for the step begun last.
    pub fn on(&mut self, host: usize, event: Event) -> &mut Plan<'w> {
        if let Some(host) = self.world.hosts.get(host) {
            self.name(ObservableKind::Host, &host.full);
        }
        for (kind, value) in named_by(&event, &self.tools) {
            self.name(kind, &value);
        }
        self.plant(Source::Host(host), Body::Event(event));
        self
    }

    /// A record of a cloud for the step begun last.
    pub fn at(&mut self, cloud: Cloud, line: Line) -> &mut Plan<'w> {
        for (kind, value) in &line.seen {
            self.name(*kind, value);
        }
        self.plant(Source::Cloud(cloud), Body::Line(line.text));
        self
    }

    fn plant(&mut self, source: Source, body: Body) {
        let group = self.groups.len().saturating_sub(1);
        let step = self.groups.last().map_or(0, |g| g.steps.len().saturating_sub(1));
        self.planted.push(Planted { source, time: self.now, body, of: (group, step) });
    }

    /// Something that the records of the step begun last name, besides what is told from their fields.
    pub fn names(&mut self, kind: ObservableKind, value: &str) {
        self.name(kind, value);
    }

    fn name(&mut self, kind: ObservableKind, value: &str) {
        let named = Named { kind, value: value.to_owned() };
        if let Some(step) = self.groups.last_mut().and_then(|g| g.steps.last_mut())
            && !step.observables.contains(&named)
        {
            step.observables.push(named);
        }
    }

    /// A file that somebody brings along: its hash.
    pub fn tool(&mut self, name: &str) -> String {
        let hash = tool_hash(self.world, name);
        self.tools.insert(hash.clone());
        hash
    }

    /// A process that was there before, on the day of the step begun last.
    pub fn standing(&self, host: usize, user: &str, image: &str) -> Proc {
        let on = &self.world.hosts[host];
        match self.sessions.get(&(host, user.to_owned())) {
            Some(session) => Proc::standing_in(self.world, on, user, image, session),
            None => Proc::standing(self.world, on, user, image, self.day()),
        }
    }

    /// Somebody signs in to a host over the network, from an address; what the group does there under that name from then
    /// on is done in this session. Part of the step begun last.
    pub fn enters(&mut self, host: usize, who: &Person, from: &str) {
        self.enters_at(host, who, from, "");
    }

    /// The same from a machine that has no ticket, and says its name.
    pub fn enters_at(&mut self, host: usize, who: &Person, from: &str, at: &str) {
        let session = any_session(&mut self.dice);
        self.sessions.insert((host, who.windows.clone()), session);
        let known = self.who(host, who);
        let event = match at {
            "" => signed_in_over(self.world, &known, from, &mut self.dice),
            at => signed_in(&known, 3, from, at),
        };
        self.on(host, event);
    }

    /// Somebody comes to a host to do their work, from where people come.
    pub fn comes_to_work(&mut self, host: usize, who: &Person) {
        let from = self.world.place_of(who, &mut self.dice);
        self.enters(host, who, &from);
    }

    /// Somebody as a host knows them: in their session there.
    pub fn who<'p>(&self, host: usize, who: &'p Person) -> Who<'p>
    where
        'w: 'p,
    {
        let opened = self.sessions.get(&(host, who.windows.clone())).cloned();
        let usual = || session(self.world, &self.world.hosts[host], &who.windows, self.day());
        Who {
            account: &who.account,
            realm: &self.world.realm,
            sid: &who.sid,
            session: opened.unwrap_or_else(usual),
        }
    }

    /// Starts a program and plants the record of it; gives the process.
    pub fn run(&mut self, host: usize, parent: &Proc, image: &str, line: &str) -> Proc {
        self.run_file(host, parent, image, line, None)
    }

    /// The same with a file somebody brought along, by its hash.
    pub fn run_file(
        &mut self,
        host: usize,
        parent: &Proc,
        image: &str,
        line: &str,
        sha256: Option<&str>,
    ) -> Proc {
        let on = &self.world.hosts[host];
        let mut child = Proc::new(self.world, on, &parent.user, image, line, &mut self.dice);
        if let Some(sha256) = sha256 {
            child = child.with_hash(sha256);
        }
        child.session.clone_from(&parent.session);
        self.on(host, spawn(parent, &child));
        child
    }

    /// Notes where planted records were written, marks their steps, and works out what joins steps.
    pub fn settle(&mut self, written: Vec<((usize, usize), RecordRef)>) {
        for ((group, step), record) in written {
            if let Some(step) = self.groups.get_mut(group).and_then(|g| g.steps.get_mut(step)) {
                step.written = true;
                step.records.push(record);
            }
        }
        for group in &mut self.groups {
            for step in &mut group.steps {
                step.records.sort();
                step.observables.sort();
            }
            group.joins = joins(&group.steps);
        }
    }
}

/// SHA-256 of a file somebody brings along, by its name without ending.
pub(crate) fn tool_hash(world: &World, name: &str) -> String {
    Dice::new(world.seed, &format!("tool {name}")).hex(64)
}

/// Each step with the latest earlier step that holds the same value, value by value.
fn joins(steps: &[PlantedStep]) -> Vec<ExpectedJoin> {
    let mut found: Vec<ExpectedJoin> = Vec::new();
    for (later, step) in steps.iter().enumerate() {
        for named in &step.observables {
            let earlier = steps[..later].iter().rposition(|s| s.observables.iter().any(|o| same(o, named)));
            let Some(earlier) = earlier else { continue };
            match found.iter_mut().find(|j| j.steps == (earlier, later)) {
                Some(join) => join.by.push(named.clone()),
                None => found.push(ExpectedJoin { steps: (earlier, later), by: vec![named.clone()] }),
            }
        }
    }
    found
}

/// Whether two values are one: accounts without their domain, everything without case.
fn same(a: &Named, b: &Named) -> bool {
    let bare = |n: &Named| {
        let value = n.value.to_lowercase();
        if n.kind != ObservableKind::Account {
            return value.trim_matches(['{', '}']).to_owned();
        }
        let value = value.rsplit('\\').next().unwrap_or_default();
        value.split('@').next().unwrap_or_default().to_owned()
    };
    a.kind == b.kind && bare(a) == bare(b)
}

/// What an event names that can tell something. What every machine has is left out.
fn named_by(event: &Event, tools: &BTreeSet<String>) -> Vec<(ObservableKind, String)> {
    use ObservableKind as Kind;
    let mut all = Vec::new();
    for (field, value) in &event.fields {
        let kind = match *field {
            "User" | "SubjectUserName" | "TargetUserName" | "SourceUser" => Kind::Account,
            "ProcessGuid" | "ParentProcessGuid" | "SourceProcessGUID" => Kind::ProcessGuid,
            "SourceIp" | "DestinationIp" | "IpAddress" => Kind::Ip,
            "DestinationHostname" | "QueryName" => Kind::Domain,
            "TargetFilename" | "Image" | "SourceImage" | "ParentImage" => Kind::Path,
            "Hashes" | "Hash" => Kind::Sha256,
            _ => continue,
        };
        let everywhere = match kind {
            Kind::Account => {
                ["-", "SYSTEM", "root", "www-data"].contains(&value.as_str())
                    || value.starts_with("NT AUTHORITY")
                    || value.ends_with('$')
            }
            Kind::Path => ["C:\\Windows\\", "C:\\Program Files", "/usr/", "/bin/", "/sbin/"]
                .iter()
                .any(|p| value.starts_with(p)),
            _ => value == "-",
        };
        if everywhere {
            continue;
        }
        let value = value.trim_start_matches("SHA256=");
        if kind == Kind::Sha256 && !tools.contains(&value.to_lowercase()) {
            continue;
        }
        all.push((kind, value.to_owned()));
    }
    all
}
