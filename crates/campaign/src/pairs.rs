//! Which findings are worth comparing: those that have something in common, near in time.

use std::collections::BTreeMap;

/// Pairs at most; entities that many findings hold are then looked at in a narrower window of time.
const MAX_PAIRS: usize = 8_000_000;
/// Nodes compared with each one, for each entity: all of them for entities of so many, otherwise its neighbours.
const WINDOW: usize = 64;

/// Pairs of nodes (the smaller first, ascending) that hold an entity in common. `held` are the entities of each
/// node, nodes in order of time. Grave nodes are neighbours across whatever lies between them: noise must not part them.
pub(crate) fn candidates(held: &[&[u32]], grave: &[bool]) -> Vec<(u32, u32)> {
    let mut by_entity: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (node, entities) in held.iter().enumerate() {
        for entity in *entities {
            by_entity.entry(*entity).or_default().push(node as u32);
        }
    }
    let refs: usize = by_entity.values().map(Vec::len).sum();
    let window = (MAX_PAIRS / refs.max(1)).clamp(2, WINDOW);
    let mut pairs = Vec::new();
    let mut near = |nodes: &[u32]| {
        for (at, a) in nodes.iter().enumerate() {
            pairs.extend(nodes.iter().skip(at + 1).take(window).map(|b| (*a, *b)));
        }
    };
    for nodes in by_entity.values() {
        near(nodes);
        let is_grave = |n: &&u32| grave.get(**n as usize) == Some(&true);
        if nodes.len() > window && !nodes.iter().all(|n| is_grave(&n)) {
            near(&nodes.iter().filter(is_grave).copied().collect::<Vec<_>>());
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}
