use std::collections::{HashMap, VecDeque};

/// A map that forgets its oldest entries beyond a number and a weight.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    entries: HashMap<String, (T, usize)>,
    /// Oldest first; may name entries that are gone.
    order: VecDeque<String>,
    weight: usize,
    most: usize,
    heaviest: usize,
}

impl<T> Shelf<T> {
    /// A shelf for at most `most` entries of at most `heaviest` bytes in all.
    pub(super) fn new(most: usize, heaviest: usize) -> Self {
        Self {
            entries: HashMap::new(),
            order: VecDeque::new(),
            weight: 0,
            most,
            heaviest,
        }
    }

    pub(super) fn insert(&mut self, id: String, value: T, weight: usize) {
        self.remove(&id);
        self.order.push_back(id.clone());
        self.entries.insert(id, (value, weight));
        self.weight += weight;
        self.shrink();
    }

    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.entries.get(id).map(|(value, _)| value)
    }

    /// Changes an entry that grows by `weight` bytes; `None` when it is gone.
    pub(super) fn grow<R>(
        &mut self,
        id: &str,
        weight: usize,
        change: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        let (value, size) = self.entries.get_mut(id)?;
        let result = change(value);
        *size += weight;
        self.weight += weight;
        self.shrink();
        Some(result)
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<T> {
        let (value, weight) = self.entries.remove(id)?;
        self.weight -= weight;
        self.order.retain(|other| other != id);
        Some(value)
    }

    fn shrink(&mut self) {
        while self.entries.len() > self.most || self.weight > self.heaviest {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            if let Some((_, weight)) = self.entries.remove(&oldest) {
                self.weight -= weight;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_beyond_number_and_weight() {
        let mut shelf = Shelf::new(2, 10);
        for (id, weight) in [("a", 1), ("b", 1), ("c", 1)] {
            shelf.insert(id.into(), (), weight);
        }
        assert!(shelf.get("a").is_none() && shelf.get("c").is_some());
        shelf.grow("b", 9, |()| ()).unwrap();
        assert!(shelf.get("b").is_none(), "it was the oldest");
        shelf.insert("d".into(), (), 11);
        assert!(shelf.get("d").is_none() && shelf.weight == 0);
    }

    #[test]
    fn what_is_removed_weighs_nothing() {
        let mut shelf = Shelf::new(2, 10);
        shelf.insert("a".into(), 1, 10);
        assert_eq!(shelf.remove("a"), Some(1));
        assert_eq!(shelf.remove("a"), None);
        shelf.insert("b".into(), 2, 10);
        assert_eq!(shelf.get("b"), Some(&2));
        shelf.insert("b".into(), 3, 10);
        assert_eq!(shelf.get("b"), Some(&3));
    }
}
