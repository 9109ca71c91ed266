//! Logs of hosts and clouds: one JSON record per line, of domain controllers EVTX.
//!
//! Each log is written front to back: hour by hour everyday records in order of time, planted ones between them. What
//! is held in memory is one hour's moments and the planted records, never a log.

mod cloud;
mod desk;
mod linux;
mod server;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use palisade_model::{Time, Vector};

use crate::ExerciseError;
use crate::acts::{Proc, Who, session, signed_in_over};
use crate::calendar::{DAY, Rhythm};
use crate::cloud::Cloud;
use crate::dice::Dice;
use crate::evtx::Evtx;
use crate::plan::{Body, Plan, Planted, Source};
use crate::record::{Event, render};
use crate::scenario::Scene;
use crate::sink::Files;
use crate::truth::RecordRef;
use crate::vectors::{VectorWriter, Written};
use crate::world::{Host, Person, Role, World};

/// Writer of host and cloud logs.
pub(crate) struct HostWriter;

/// The number a log's first record carries: logs begin before an exercise does.
const FIRST_NUMBER: u64 = 20_000;

/// A machine's everyday life: what it does next, and what follows from what it did.
pub(crate) struct Life<'w> {
    /// Where it stands.
    pub world: &'w World,
    /// The machine.
    pub host: &'w Host,
    /// Its dice.
    pub dice: Dice,
    /// What it will log before anything new happens.
    pub next: VecDeque<Event>,
    /// The day it is, since 1970.
    pub day: i64,
    /// Programs that ran before on that day, by path and account.
    standing: BTreeMap<(String, String), Rc<Proc>>,
    /// Accounts that signed in from elsewhere on that day.
    entered: BTreeSet<String>,
}

impl Life<'_> {
    /// A program that ran before today's next event: the same whoever speaks of it.
    pub fn standing(&mut self, user: &str, image: &str) -> Rc<Proc> {
        let key = (image.to_owned(), user.to_owned());
        let made = || Rc::new(Proc::standing(self.world, self.host, user, image, self.day));
        Rc::clone(self.standing.entry(key).or_insert_with(made))
    }

    /// What an account logs that works here from elsewhere: the first time on a day its sign-in comes before.
    pub fn after_entering(&mut self, who: &Person, event: Event) -> Event {
        if !self.entered.insert(who.account.clone()) {
            return event;
        }
        self.next.push_front(event);
        let session = session(self.world, self.host, &who.windows, self.day);
        self.signs_in(who, session)
    }

    /// A sign-in over the network.
    pub fn signs_in(&mut self, who: &Person, session: String) -> Event {
        let from = self.place_of(who);
        let known = as_known(self.world, who, session);
        signed_in_over(self.world, &known, &from, &mut self.dice)
    }

    /// Where somebody signs in from.
    pub fn place_of(&mut self, who: &Person) -> String {
        self.world.place_of(who, &mut self.dice)
    }

    fn event(&mut self) -> Event {
        if let Some(event) = self.next.pop_front() {
            return event;
        }
        match self.host.role {
            Role::Office | Role::Developer | Role::Admin | Role::Engineering => desk::event(self),
            Role::Server | Role::Controller | Role::WebWindows => server::event(self),
            Role::LinuxWeb | Role::LinuxBuild => linux::event(self),
        }
    }
}

impl VectorWriter for HostWriter {
    fn vector(&self) -> Vector {
        Vector::Host
    }

    fn weight(&self, _scene: &Scene) -> u64 {
        100
    }

    fn planted(&self, plan: &Plan<'_>) -> u64 {
        plan.planted.len() as u64
    }

    fn write(
        &self,
        scene: &Scene,
        plan: &Plan<'_>,
        everyday: u64,
        files: &mut Files<'_>,
    ) -> Result<Written, ExerciseError> {
        let world = plan.world;
        let mut sources: Vec<Source> = (0..world.hosts.len()).map(Source::Host).collect();
        sources.extend(scene.clouds.iter().map(|c| Source::Cloud(*c)));
        let sum: u64 = sources.iter().map(|s| weight(world, *s)).sum();
        let (mut passed, mut given) = (0, 0);
        let mut written = Written::new();
        for source in sources {
            passed += weight(world, source);
            let until = (u128::from(everyday) * u128::from(passed) / u128::from(sum.max(1))) as u64;
            log(plan, source, until - given, files, &mut written)?;
            given = until;
        }
        Ok(written)
    }
}

/// Somebody in a session.
fn as_known<'w>(world: &'w World, who: &'w Person, session: String) -> Who<'w> {
    Who { account: &who.account, realm: &world.realm, sid: &who.sid, session }
}

/// How much a log holds, against the others.
fn weight(world: &World, source: Source) -> u64 {
    let host = match source {
        Source::Host(place) => world.hosts.get(place),
        Source::Cloud(Cloud::M365) => return 7,
        Source::Cloud(Cloud::SignIns | Cloud::Aws | Cloud::Kubernetes) => return 5,
        Source::Cloud(Cloud::Okta) => return 3,
        Source::Cloud(Cloud::GitHub) => return 2,
        Source::Cloud(Cloud::Directory) => return 1,
    };
    match host.map(|h| h.role) {
        Some(Role::Controller) => 7,
        Some(Role::WebWindows) => 6,
        Some(Role::Server | Role::LinuxWeb | Role::LinuxBuild) => 5,
        Some(Role::Developer) => 4,
        Some(Role::Engineering) => 2,
        _ => 3,
    }
}

fn rhythm(world: &World, source: Source) -> Rhythm {
    let host = match source {
        Source::Host(place) => world.hosts.get(place),
        Source::Cloud(Cloud::Kubernetes | Cloud::Aws) => return Rhythm::Steady,
        Source::Cloud(Cloud::GitHub) => return Rhythm::Late,
        Source::Cloud(_) => return Rhythm::Service,
    };
    match host.map(|h| h.role) {
        Some(Role::Office | Role::Engineering) => Rhythm::Office,
        Some(Role::Developer | Role::Admin) => Rhythm::Late,
        Some(Role::LinuxBuild) => Rhythm::Steady,
        _ => Rhythm::Service,
    }
}

/// Path of a machine's log.
fn file(host: &Host) -> String {
    let folder = if host.role.linux() { "linux" } else { "windows" };
    let ending = if in_evtx(host) { "evtx" } else { "ndjson" };
    format!("{folder}/{}.{ending}", host.name.to_lowercase())
}

/// Whether a machine's log is taken as it is, and not shipped by an agent.
fn in_evtx(host: &Host) -> bool {
    host.role == Role::Controller
}

/// Writes one log.
fn log(
    plan: &Plan<'_>,
    source: Source,
    everyday: u64,
    files: &mut Files<'_>,
    written: &mut Written,
) -> Result<(), ExerciseError> {
    let world = plan.world;
    let mut planted: Vec<&Planted> = plan.planted.iter().filter(|p| p.source == source).collect();
    // Stable: what one step plants stays in its order.
    planted.sort_by_key(|p| p.time);
    let mut planted = planted.into_iter().peekable();
    let (host, name) = match source {
        Source::Host(place) => {
            let host = &world.hosts[place];
            (Some(host), file(host))
        }
        Source::Cloud(cloud) => (None, cloud.file().to_owned()),
    };
    let path = files.begin(&name)?;
    let mut dice = world.dice(&name);
    let life_dice = Dice::new(dice.next(), "life");
    let mut life = host.map(|host| Life {
        world,
        host,
        dice: life_dice,
        next: VecDeque::new(),
        day: 0,
        standing: BTreeMap::new(),
        entered: BTreeSet::new(),
    });
    let mut pen = Pen {
        host,
        number: FIRST_NUMBER + dice.below(900_000),
        evtx: host.filter(|h| in_evtx(h)).map(|h| Evtx::new(&h.full)),
    };
    let mut moments: Vec<i64> = Vec::new();
    let mut put =
        |planted: &Planted, pen: &mut Pen<'_>, files: &mut Files<'_>| -> Result<(), ExerciseError> {
            let record = match &planted.body {
                Body::Event(event) => pen.event(planted.time, event, files)?,
                Body::Line(line) => files.line(line)?,
            };
            written.push((planted.of, RecordRef { file: path.clone(), record }));
            Ok(())
        };
    rhythm(world, source).hours(world.span, everyday, |second, count| {
        moments.clear();
        moments.extend((0..count).map(|_| (second * 1_000 + dice.below(3_600_000) as i64) * 1_000));
        moments.sort_unstable();
        for moment in &moments {
            let time = Time(*moment);
            while let Some(next) = planted.next_if(|p| p.time <= time) {
                put(next, &mut pen, files)?;
            }
            match (&mut life, source) {
                (Some(life), _) => {
                    let day = moment.div_euclid(1_000_000).div_euclid(DAY);
                    if life.day != day {
                        life.day = day;
                        life.standing.clear();
                        life.entered.clear();
                    }
                    let event = life.event();
                    pen.event(time, &event, files)?;
                }
                (None, Source::Cloud(of)) => {
                    files.line(&cloud::line(world, of, time, &mut dice))?;
                }
                // Every machine has a life.
                (None, Source::Host(_)) => {}
            }
        }
        Ok(())
    })?;
    for rest in planted {
        put(rest, &mut pen, files)?;
    }
    pen.finish(files)
}

/// Writes events of a machine in its format, and numbers them.
struct Pen<'w> {
    host: Option<&'w Host>,
    /// Number in the machine's own log, which an agent passes on.
    number: u64,
    evtx: Option<Evtx>,
}

impl Pen<'_> {
    /// Writes an event and gives the number by which a reader of the file counts it.
    fn event(&mut self, time: Time, event: &Event, files: &mut Files<'_>) -> Result<u64, ExerciseError> {
        if let Some(evtx) = &mut self.evtx {
            let record = evtx.add(time, event);
            files.bytes(&evtx.take(), 1)?;
            return Ok(record);
        }
        self.number += 1;
        // Only machines have events; a log of a cloud is made of lines.
        let text = self.host.map(|host| render(host, time, self.number, event)).unwrap_or_default();
        files.line(&text)
    }

    fn finish(self, files: &mut Files<'_>) -> Result<(), ExerciseError> {
        match self.evtx {
            Some(evtx) => files.bytes(&evtx.finish(), 0),
            None => files.flush(),
        }
    }
}
