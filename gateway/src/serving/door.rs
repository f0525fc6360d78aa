//! How many connections there are, and how many from each address.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use ipnet::IpNet;

use crate::{
    config::Connections,
    rest::client_address::{self, ClientAddress},
};

/// Counts who is inside.
#[derive(Debug, Clone)]
pub(super) struct Door {
    limits: Connections,
    /// Many clients stand behind one of these.
    proxies: Arc<[IpNet]>,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Debug, Default)]
struct Inside {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection's place. Free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    door: Door,
    address: IpAddr,
}

impl Door {
    pub(super) fn new(limits: Connections, proxies: &[IpNet]) -> Self {
        Self { limits, proxies: proxies.into(), inside: Arc::default() }
    }

    /// A place, unless there are too many connections, or too many from that address.
    pub(super) fn admit(&self, peer: IpAddr) -> Option<Place> {
        let address = ClientAddress(peer).network();
        let mut inside = self.lock();
        let from_there = inside.by_address.get(&address).copied().unwrap_or_default();
        // Who comes from this very machine is a proxy too, mostly.
        let is_proxy = peer.to_canonical().is_loopback() || client_address::is_in(&self.proxies, peer);
        if (from_there >= self.limits.per_address && !is_proxy) || inside.all >= self.limits.at_most {
            return None;
        }
        inside.all += 1;
        inside.by_address.insert(address, from_there + 1);
        Some(Place { door: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().expect("the door's lock is held for one count")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.door.lock();
        inside.all -= 1;
        if let Some(count) = inside.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                inside.by_address.remove(&self.address);
            }
        }
    }
}

/// Whether a connection failed by itself, before it was taken; the next may be well.
pub(super) fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_in_all_and_for_each_address_but_a_proxys() {
        let limits = Connections { at_most: 4, per_address: 2, ..Connections::default() };
        let door = Door::new(limits, &["10.0.0.0/8".parse().unwrap()]);
        let admit = |address: &str| door.admit(address.parse().unwrap());
        let (first, second) = (admit("2001:db8::1"), admit("2001:db8::2"));
        assert!(first.is_some() && second.is_some());
        assert!(admit("2001:db8::3").is_none(), "a network of 64 bits is one client");
        drop(first);
        let places = [admit("2001:db8::3"), admit("192.0.2.1"), admit("192.0.2.2")];
        assert!(places.iter().all(Option::is_some));
        assert!(admit("192.0.2.3").is_none(), "the house is full");
        drop((second, places));
        assert!(door.lock().by_address.is_empty(), "who has left costs nothing");
        for proxy in ["10.1.2.3", "127.0.0.1"] {
            let behind_proxy: Vec<_> = (0..4).map(|_| admit(proxy)).collect();
            assert!(behind_proxy.iter().all(Option::is_some), "{proxy}");
        }
    }
}
