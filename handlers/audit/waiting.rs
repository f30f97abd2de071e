//! Entries that wait to be written, by the place that they go to.

use std::collections::{BTreeMap, VecDeque};

use super::Place;
use super::log::Order;

/// What waits for a place.
#[derive(Debug, Default)]
struct Gathered {
    orders: Vec<Order>,
    is_due: bool,
}

/// Everything that waits. Orders of a place are written together; those that
/// nobody waits for are not due before others have had time to join them.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    by_place: BTreeMap<Place, Gathered>,
    /// The places whose orders are due, in the order in which they became so.
    due: VecDeque<Place>,
}

impl Waiting {
    /// Takes an order, which is due at once when somebody waits for it.
    pub(super) fn add(&mut self, order: Order) {
        let gathered = self.by_place.entry(order.place).or_default();
        if order.done.is_some() && !gathered.is_due {
            gathered.is_due = true;
            self.due.push_back(order.place);
        }
        gathered.orders.push(order);
    }

    /// Makes everything due.
    pub(super) fn all_are_due(&mut self) {
        for (place, gathered) in &mut self.by_place {
            if !gathered.is_due {
                gathered.is_due = true;
                self.due.push_back(*place);
            }
        }
    }

    /// The orders that have been due for longest, of those whose place is not
    /// busy.
    pub(super) fn next(&mut self, is_busy: impl Fn(&Place) -> bool) -> Option<(Place, Vec<Order>)> {
        let next = self.due.iter().position(|place| !is_busy(place))?;
        let place = self.due.remove(next)?;
        let gathered = self.by_place.remove(&place)?;
        Some((place, gathered.orders))
    }

    /// Whether there are orders that are not due yet.
    pub(super) fn lingers(&self) -> bool {
        self.by_place.len() > self.due.len()
    }
}
