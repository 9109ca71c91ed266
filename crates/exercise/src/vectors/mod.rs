//! The writers: one per channel. Each writes the everyday records of its channel with the planted ones among them.
//!
//! A channel that is written for the first time adds a module with a [`VectorWriter`] and its line in [`writers`];
//! its steps are planned already. A writer never knows what the planted steps mean, and never reads evidence.

mod host;
mod money;

use palisade_model::Vector;

pub(crate) use money::{Coin, Market, ether, tokens};

use crate::ExerciseError;
use crate::plan::Plan;
use crate::scenario::Scene;
use crate::sink::Files;
use crate::truth::RecordRef;

/// Where a planted record was written: group and step, file and number.
pub(crate) type Written = Vec<((usize, usize), RecordRef)>;

/// Writes the evidence of one channel.
pub(crate) trait VectorWriter {
    /// The channel.
    fn vector(&self) -> Vector;

    /// Its share of an exercise's everyday records, against the other writers' shares; 0 if the scenario has nothing
    /// of this channel.
    fn weight(&self, scene: &Scene) -> u64;

    /// How many planted records it will write: one for each step of its channel, unless it knows better.
    fn planted(&self, plan: &Plan<'_>) -> u64 {
        let steps = plan.groups.iter().flat_map(|g| &g.steps);
        steps.filter(|s| s.vector == self.vector()).count() as u64
    }

    /// Writes `everyday` records and the planted ones, file by file, each in order of time.
    fn write(
        &self,
        scene: &Scene,
        plan: &Plan<'_>,
        everyday: u64,
        files: &mut Files<'_>,
    ) -> Result<Written, ExerciseError>;
}

/// All writers there are, in the order they write.
pub(crate) fn writers() -> [&'static dyn VectorWriter; 2] {
    [&host::HostWriter, &money::LedgerWriter]
}
