//! Calls: how large they are, and by which servers devices find a way to each other.

use std::{ops::RangeInclusive, str::FromStr, time::Duration};

use voxlog_gateway::{
    config::{Turn, Voice},
    identity::Secret,
};

use super::{Fault, Reader, Told, settings};

/// A mesh of two is a call; beyond fifty every device would have more connections than any can hold.
const SEATS: RangeInclusive<u16> = 2..=50;

/// Ends of calls are looked after by the second, and a call that nobody has touched for a week is none.
const IDLE_S: RangeInclusive<u64> = 60..=7 * 24 * 60 * 60;

/// coturn's documentation makes them of 32 and more; what is shorter than this can be tried out from one credential.
const MIN_SECRET_BYTES: usize = 16;

impl Reader<'_> {
    /// The settings of calls. TURN servers and their secret come together.
    pub(super) fn voice(&mut self) -> Option<Voice> {
        let stun_urls = self.optional(&settings::STUN_URLS, stun);
        let urls = self.optional(&settings::TURN_URLS, turn);
        let secret = self.optional(&settings::TURN_SECRET, secret);
        let seats = self.required(&settings::CALL_SEATS, seats);
        let idle = self.required(&settings::CALL_IDLE_S, idle);
        let turn = match (urls, secret) {
            (Ok(Some(urls)), Ok(Some(secret))) => Ok(Some(Turn { urls, secret })),
            (Ok(None), Ok(None)) => Ok(None),
            (Ok(Some(_)), Ok(None)) => Err(self.lacks(&settings::TURN_SECRET, &settings::TURN_URLS)),
            (Ok(None), Ok(Some(_))) => Err(self.lacks(&settings::TURN_URLS, &settings::TURN_SECRET)),
            (Err(told), _) | (_, Err(told)) => Err(told),
        };
        Some(Voice { stun_urls: stun_urls.ok()?.unwrap_or_default(), turn: turn.ok()?, seats: seats?, idle: idle? })
    }

    fn lacks(&mut self, missing: &settings::Setting, beside: &settings::Setting) -> Told {
        let problem = format!("missing, and {} is set: {}", beside.name, missing.about);
        self.faults.push(Fault { name: missing.name, problem });
        Told
    }
}

pub(super) fn stun(text: &str) -> Result<Vec<String>, String> {
    urls(text, ["stun:", "stuns:"], "stun:stun.example.org:3478", false)
}

pub(super) fn turn(text: &str) -> Result<Vec<String>, String> {
    urls(text, ["turn:", "turns:"], "turn:turn.example.org:3478?transport=udp", true)
}

pub(super) fn secret(text: &str) -> Result<Secret, String> {
    if text.len() < MIN_SECRET_BYTES {
        return Err(format!("shorter than {MIN_SECRET_BYTES} bytes: make one with `openssl rand -hex 32`"));
    }
    Ok(Secret::from(text.to_owned()))
}

pub(super) fn seats(text: &str) -> Result<u16, String> {
    within(text, SEATS)
}

pub(super) fn idle(text: &str) -> Result<Duration, String> {
    within(text, IDLE_S).map(Duration::from_secs)
}

fn within<T: FromStr + PartialOrd + std::fmt::Display>(text: &str, range: RangeInclusive<T>) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("{text:?} is not a number from {} to {}", range.start(), range.end()))
}

/// A list of URLs as RFC 7064 and RFC 7065 write them: a scheme, a host and perhaps a port; TURN's may name a transport.
fn urls(text: &str, schemes: [&str; 2], example: &str, transport: bool) -> Result<Vec<String>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let check = |part: &str| {
        let rest = schemes.into_iter().find_map(|scheme| part.strip_prefix(scheme));
        let (place, query) = rest.map_or(("", None), |rest| match rest.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (rest, None),
        });
        let known = query.is_none_or(|query| transport && matches!(query, "transport=udp" | "transport=tcp"));
        if known && is_place(place) { Ok(part.to_owned()) } else { Err(format!("{part:?} is no URL like {example}")) }
    };
    let urls: Vec<_> = parts.map(check).collect::<Result<_, _>>()?;
    if urls.is_empty() { Err(format!("no URL in it: write {example}")) } else { Ok(urls) }
}

/// `host`, `host:3478`, `[::1]:3478`.
fn is_place(place: &str) -> bool {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or(""))),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    let a_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    !host.is_empty() && host.bytes().all(plain) && port.is_none_or(a_port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn a_server_is_written_as_the_rfcs_write_it() {
        for text in ["stun:a.example", "stuns:a.example:5349, stun:192.0.2.1:3478", "stun:[2001:db8::1]:3478"] {
            assert!(stun(text).is_ok(), "{text}");
        }
        for text in ["turn:a.example", "turns:a.example:443?transport=tcp", "turn:[::1]?transport=udp"] {
            assert!(turn(text).is_ok(), "{text}");
        }
        let wrong =
            ["", ",", "a.example", "stun:", "stun://a.example", "stun:a:x", "stun:a:0", "stun:[::1", "stun:a b"];
        for text in wrong {
            assert!(stun(text).is_err(), "{text}");
        }
        for text in ["stun:a.example", "turn:u@a.example", "turn:a.example?transport=sctp", "turn:a.example/"] {
            assert!(turn(text).is_err(), "{text}");
        }
        assert!(stun("stun:a.example?transport=udp").is_err());
    }

    #[test]
    fn relays_and_their_secret_come_together() {
        let told = |pairs: &[(&str, &str)]| {
            let sources = Sources::of(pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
            let mut reader = Reader::new(&sources);
            let voice = reader.voice();
            (voice.is_some(), reader.into_faults().to_string())
        };
        let (urls, secret) = (("VOXLOG_TURN_URLS", "turn:a.example"), ("VOXLOG_TURN_SECRET", "0123456789abcdef"));
        assert_eq!(told(&[urls, secret]), (true, String::new()));
        assert_eq!(told(&[]), (true, String::new()));
        assert!(told(&[urls]).1.starts_with("VOXLOG_TURN_SECRET: missing, and VOXLOG_TURN_URLS is set"));
        assert!(told(&[secret]).1.starts_with("VOXLOG_TURN_URLS: missing, and VOXLOG_TURN_SECRET is set"));
        let (whole, fault) = told(&[urls, ("VOXLOG_TURN_SECRET", "canary")]);
        assert!(!whole && fault.contains("shorter than 16 bytes") && !fault.contains("canary"), "{fault}");
    }

    #[test]
    fn a_call_is_neither_too_large_nor_too_short() {
        assert_eq!((seats("2"), seats("50")), (Ok(2), Ok(50)));
        assert!(["1", "51", "-3", "x", ""].into_iter().all(|text| seats(text).is_err()));
        assert_eq!(idle("60"), Ok(Duration::from_mins(1)));
        assert!(["59", "604801", "1.5"].into_iter().all(|text| idle(text).is_err()));
    }
}
