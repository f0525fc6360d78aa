//! How many sockets each user has open on this node.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use voxlog_core::id::UserId;

/// The register of open sockets.
#[derive(Debug, Clone, Default)]
pub struct Seats(Arc<Mutex<HashMap<UserId, usize>>>);

/// One open socket of a user. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    user: UserId,
}

impl Seats {
    /// A seat, unless the user has `limit` already.
    pub(super) fn take(&self, user: UserId, limit: usize) -> Option<Seat> {
        let mut taken = self.lock();
        let count = taken.get(&user).copied().unwrap_or_default();
        (count < limit).then(|| {
            taken.insert(user, count + 1);
            Seat { seats: self.clone(), user }
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.0.lock().expect("the register's lock is held for one count")
    }
}

impl Seat {
    pub(super) const fn user(&self) -> UserId {
        self.user
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        if let Some(count) = taken.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.user);
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
        let first = seats.take(user, 2);
        let second = seats.take(user, 2);
        assert!(first.is_some() && second.is_some());
        assert!(seats.take(user, 2).is_none());
        assert!(seats.take(UserId::mint(&SystemClock), 2).is_some());
        drop(first);
        assert!(seats.take(user, 2).is_some());
        drop(second);
        assert!(seats.lock().is_empty(), "who has no socket costs nothing");
    }
}
