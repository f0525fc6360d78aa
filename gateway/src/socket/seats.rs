//! How many sockets each user has open on this node.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
};

use voxlog_core::id::UserId;

/// The register of open sockets.
#[derive(Debug, Clone, Default)]
pub struct Seats(Arc<Mutex<HashMap<Place, usize>>>);

/// Whose sockets, and whether they came by links into calls. Others may make such links, so these have places of their
/// own: nobody can take a member's other sockets away with them.
type Place = (UserId, bool);

/// One open socket of a user. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    place: Place,
}

impl Seats {
    /// A seat, unless the user has `limit` already, of those that came by links or of the others.
    pub(super) fn take(&self, user: UserId, linked: bool, limit: usize) -> Option<Seat> {
        let (mut taken, place) = (self.lock(), (user, linked));
        let count = taken.get(&place).copied().unwrap_or_default();
        (count < limit).then(|| {
            taken.insert(place, count + 1);
            Seat { seats: self.clone(), place }
        })
    }

    /// How many users have a socket here.
    pub fn users(&self) -> u64 {
        self.lock().keys().map(|(user, _)| user).collect::<HashSet<_>>().len() as u64
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, usize>> {
        self.0.lock().expect("the register's lock is held for one count")
    }
}

impl Seat {
    pub(super) const fn user(&self) -> UserId {
        self.place.0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        if let Some(count) = taken.get_mut(&self.place) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use voxlog_core::clock::SystemClock;

    use super::*;

    #[test]
    fn a_seat_is_free_again_when_its_socket_has_ended() {
        let (seats, user) = (Seats::default(), UserId::mint(&SystemClock));
        let first = seats.take(user, false, 2);
        let second = seats.take(user, false, 2);
        assert!(first.is_some() && second.is_some());
        assert!(seats.take(user, false, 2).is_none());
        assert!(seats.take(UserId::mint(&SystemClock), false, 2).is_some());
        drop(first);
        assert!(seats.take(user, false, 2).is_some());
        drop(second);
        assert!(seats.lock().is_empty(), "who has no socket costs nothing");
    }

    #[test]
    fn links_into_calls_crowd_nobody_out() {
        let (seats, user) = (Seats::default(), UserId::mint(&SystemClock));
        let linked = seats.take(user, true, 1);
        assert!(linked.is_some() && seats.take(user, true, 1).is_none());
        let own = seats.take(user, false, 1);
        assert!(own.is_some());
        assert_eq!(seats.users(), 1);
    }
}
