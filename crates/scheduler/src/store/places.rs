//! The places of things in a list by their names, in little memory: the names are those that the things have.

use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;

/// An index over a list that never shrinks.
#[derive(Debug, Default)]
pub(crate) struct Places {
    table: HashTable<u32>,
    state: RandomState,
}

impl Places {
    /// The place of the thing of this name; `is` says whether the one at a place is.
    pub(crate) fn find<N: Hash>(&self, name: N, is: impl Fn(usize) -> bool) -> Option<usize> {
        self.table.find(self.state.hash_one(name), |place| is(*place as usize)).map(|place| *place as usize)
    }

    /// Adds the thing at a place, whose name is not there yet; `name_of` says the name of the one at a place.
    pub(crate) fn add<N: Hash>(&mut self, place: usize, name_of: impl Fn(usize) -> N) {
        let hash = |place: usize| self.state.hash_one(name_of(place));
        // No memory holds so many that a place would not fit.
        let short = u32::try_from(place).unwrap_or(u32::MAX);
        self.table.insert_unique(hash(place), short, |place| hash(*place as usize));
    }

    /// Makes room for so many more, and no more than that.
    pub(crate) fn reserve<N: Hash>(&mut self, more: usize, name_of: impl Fn(usize) -> N) {
        self.table.reserve(more, |place| self.state.hash_one(name_of(*place as usize)));
    }
}
