//! Who owns whom: whether listed parties together own more than half of a party, themselves or through others.
//!
//! The rule is that of OFAC's guidance on entities owned by blocked persons (2014-08-13): shares of all listed owners add up, and
//! a company of which they own enough counts as a listed owner of what it owns, with its whole share; one of which they own less
//! passes nothing on. Here *enough* is more than half. (OFAC itself counts exactly half as well; every owner's share is shown, so
//! that such a one is seen.) Shares that the list does not give count for nothing.
//!
//! What this module never does: guess who an owner is. It is the entry that the list points at, or else, where the list has only a
//! name, the entries that have exactly that name.

use foldhash::{HashMap, HashMapExt as _, HashSet};

use super::lists::Lists;
use super::party::{Date, Party, Standing};

/// Half of a party, in hundredths of a percent.
const HALF: u32 = 5_000;
/// Most parties that are looked at in the chains above one.
const MAX_ABOVE: usize = 10_000;
/// Most entries that one name of an owner stands for.
const MAX_NAMESAKES: usize = 16;

/// That listed parties own more than half of a party.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owned {
    /// What they own together, in hundredths of a percent.
    pub share: u32,
    /// By whom: the owners of the party itself first, then the owners of those that are not listed themselves.
    pub stakes: Vec<Stake>,
}

/// A share that counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stake {
    /// Whose share it is of: place in [`Lists::parties`].
    pub of: usize,
    /// Who owns it.
    pub by: usize,
    /// How much, in hundredths of a percent.
    pub share: u16,
    /// Whether the owner is listed itself; else listed parties own more than half of it.
    pub listed: bool,
}

/// Owners as places of parties.
#[derive(Default, Debug)]
pub struct Owners {
    /// By the owned: owner, share, last day.
    of: HashMap<u32, Vec<(u32, u16, Option<Date>)>>,
}

impl Owners {
    /// Looks up who the owners are.
    pub fn new(lists: &Lists) -> Owners {
        let mut of: HashMap<u32, Vec<(u32, u16, Option<Date>)>> = HashMap::default();
        let owned = || (0u32..).zip(&lists.parties).filter(|(_, p)| !p.owners.is_empty());
        if owned().next().is_none() {
            return Owners { of };
        }
        let wanted: HashSet<(u32, &str)> =
            owned().flat_map(|(_, p)| p.owners.iter().map(|o| (p.list.0, o.id.as_str()))).collect();
        let names: HashSet<String> =
            owned().flat_map(|(_, p)| p.owners.iter().map(|o| folded(&o.who))).collect();
        let mut ids: HashMap<(u32, &str), u32> = HashMap::new();
        let mut named: HashMap<String, Vec<u32>> = HashMap::new();
        for (at, party) in (0u32..).zip(&lists.parties) {
            if !party.id.is_empty() && wanted.contains(&(party.list.0, party.id.as_str())) {
                ids.entry((party.list.0, party.id.as_str())).or_insert(at);
            }
            for name in &party.names {
                let name = folded(&name.text);
                if names.contains(&name) {
                    let of = named.entry(name).or_default();
                    if of.last() != Some(&at) && of.len() < MAX_NAMESAKES {
                        of.push(at);
                    }
                }
            }
        }
        for (at, party) in owned() {
            let mut of_party: Vec<(u32, u16, Option<Date>)> = Vec::new();
            for owner in &party.owners {
                let Some(share) = owner.share.filter(|s| *s > 0) else { continue };
                let pointed = ids.get(&(party.list.0, owner.id.as_str())).filter(|_| !owner.id.is_empty());
                let places = match pointed {
                    Some(place) => std::slice::from_ref(place),
                    None => named.get(&folded(&owner.who)).map_or(&[][..], Vec::as_slice),
                };
                of_party.extend(places.iter().filter(|p| **p != at).map(|p| (*p, share, owner.until)));
            }
            if !of_party.is_empty() {
                of.insert(at, of_party);
            }
        }
        Owners { of }
    }

    /// Whether listed parties own more than half of a party on that day (without a day: of what has not ended).
    pub fn owned(&self, lists: &Lists, at: usize, day: Option<Date>) -> Option<Owned> {
        let root = u32::try_from(at).ok()?;
        self.of.get(&root)?;
        // Everybody above, each once; a chain may lead back to where it began.
        let mut above = vec![root];
        let mut seen: HashSet<u32> = above.iter().copied().collect();
        let mut held: HashMap<u32, Vec<(u32, u16)>> = HashMap::default();
        let mut next = 0;
        while let Some(of) = above.get(next).copied() {
            next += 1;
            for (by, share) in self.now(of, day) {
                held.entry(by).or_default().push((of, share));
                if above.len() < MAX_ABOVE && seen.insert(by) {
                    above.push(by);
                }
            }
        }
        // What a party is listed for reaches what it owns, but never the party itself by way of others.
        let is_listed = |p: u32| p != root && listed(lists.parties.get(p as usize), day);
        let mut counts: HashSet<u32> = above.iter().copied().filter(|p| is_listed(*p)).collect();
        let mut queue: Vec<u32> = counts.iter().copied().collect();
        let mut sums: HashMap<u32, u32> = HashMap::default();
        while let Some(by) = queue.pop() {
            for (of, share) in held.get(&by).into_iter().flatten() {
                let sum = sums.entry(*of).or_default();
                *sum = sum.saturating_add(u32::from(*share));
                if *sum > HALF && *of != root && counts.insert(*of) {
                    queue.push(*of);
                }
            }
        }
        let share = sums.get(&root).copied().filter(|s| *s > HALF)?;
        let (mut stakes, mut told, mut next) = (Vec::new(), vec![root], 0);
        while let Some(of) = told.get(next).copied() {
            next += 1;
            for (by, share) in self.now(of, day).into_iter().filter(|(by, _)| counts.contains(by)) {
                let listed = is_listed(by);
                stakes.push(Stake { of: of as usize, by: by as usize, share, listed });
                if !listed && !told.contains(&by) {
                    told.push(by);
                }
            }
        }
        Some(Owned { share: share.min(2 * HALF), stakes })
    }

    /// Owners of a party on that day, each once with the most that is said of it.
    fn now(&self, of: u32, day: Option<Date>) -> Vec<(u32, u16)> {
        let mut out: Vec<(u32, u16)> = Vec::new();
        for (by, share, until) in self.of.get(&of).into_iter().flatten() {
            let over = match (until, day) {
                (Some(until), Some(day)) => *until < day,
                (until, None) => until.is_some(),
                (None, _) => false,
            };
            match out.iter_mut().find(|(known, _)| known == by) {
                _ if over => {}
                Some((_, known)) => *known = (*known).max(*share),
                None => out.push((*by, *share)),
            }
        }
        out
    }
}

fn listed(party: Option<&Party>, day: Option<Date>) -> bool {
    party.is_some_and(|p| p.standing(day) == Standing::Listed)
}

/// Words of a name in lower case, sorted: `KIM, Chol` and `Kim Chol` are one.
fn folded(name: &str) -> String {
    let lower = name.to_lowercase();
    let mut words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    words.sort_unstable();
    words.join(" ")
}
