//! Sets of things that hang together, from their links. Built anew from all links each time, so that a link that is
//! gone no longer holds anything.

/// A forest over `0..n`; each tree's root is its smallest member, whatever the order of links.
pub(crate) struct Components {
    parent: Vec<u32>,
}

impl Components {
    /// Everything alone.
    pub(crate) fn new(n: usize) -> Components {
        // Callers hold fewer than 2^32 things: each has an index of four bytes already.
        Components { parent: (0..n as u32).collect() }
    }

    /// The smallest member of the set that holds `x`.
    pub(crate) fn root(&mut self, mut x: u32) -> u32 {
        while let Some(&up) = self.parent.get(x as usize) {
            if up == x {
                break;
            }
            let over = self.parent.get(up as usize).copied().unwrap_or(up);
            if let Some(p) = self.parent.get_mut(x as usize) {
                *p = over;
            }
            x = over;
        }
        x
    }

    /// Puts the sets of two things together; whether they were apart.
    pub(crate) fn link(&mut self, a: u32, b: u32) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        if low != high
            && let Some(p) = self.parent.get_mut(high as usize)
        {
            *p = low;
        }
        low != high
    }

    /// The root of each.
    pub(crate) fn roots(mut self) -> Vec<u32> {
        (0..self.parent.len() as u32).map(|x| self.root(x)).collect()
    }
}
