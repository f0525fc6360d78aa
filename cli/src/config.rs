//! What a process is told by its environment, or by the `voxlog up` that runs in the same directory.
//!
//! Each command asks for the groups of settings that it needs. What is wrong or missing is collected over all of them and
//! told at once, a line each.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use ipnet::IpNet;
use sqlx::postgres::PgConnectOptions;
use voxlog_core::{
    log::{Namespace, connect},
    position::Partitions,
};
use voxlog_gateway::{config as gateway, limits::Policies};

pub mod keys;
mod limits;
pub mod settings;
pub mod sources;
mod voice;

use settings::Setting;
pub use sources::{Source, Sources};

/// Where the log is, and how it is made.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// One server or several, separated by commas. May hold a password.
    pub url: String,
    /// A file with NATS credentials.
    pub credentials: Option<PathBuf>,
    /// The prefix of subjects and streams.
    pub namespace: Namespace,
    /// How rooms and users are spread.
    pub partitions: Partitions,
    /// Copies of each stream.
    pub replicas: u8,
}

/// What a gateway needs beyond the log and the database.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// Where it listens. Port 0 takes a free one.
    pub bind: SocketAddr,
    /// The key that signs tokens, and the former ones.
    pub keys: Keys,
    /// The `Origin`s of browsers.
    pub allowed_origins: Vec<String>,
    /// The networks of our own proxies.
    pub trusted_proxies: Vec<IpNet>,
    /// How much clients may use.
    pub budgets: Policies,
    /// Calls.
    pub voice: gateway::Voice,
}

/// The keys of tokens, as PEM.
#[derive(Clone)]
pub struct Keys {
    /// Signs.
    pub private: String,
    /// Still verify.
    pub former: Vec<String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys {{ private: hidden, former: {} }}", self.former.len())
    }
}

impl GatewaySettings {
    /// As the gateway takes them.
    pub fn config(&self) -> gateway::Config {
        gateway::Config {
            former_keys_pem: self.keys.former.clone(),
            allowed_origins: self.allowed_origins.clone(),
            trusted_proxies: self.trusted_proxies.clone(),
            budgets: self.budgets,
            voice: self.voice.clone(),
            ..gateway::Config::with_key(self.keys.private.clone())
        }
    }
}

/// One setting that can't be used, in one line that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub name: &'static str,
    /// What is wrong, or what it should be.
    pub problem: String,
}

/// Everything that is wrong with the settings of a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Fault { name, problem }) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{name}: {problem}")?;
        }
        Ok(())
    }
}

/// A setting is wrong, and that has been added to the faults.
#[derive(Debug)]
struct Told;

/// Reads groups of settings and collects what is wrong with them. A group is `None` exactly when it added a fault.
#[derive(Debug)]
pub struct Reader<'a> {
    sources: &'a Sources,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    /// A reader that has found nothing wrong yet.
    pub fn new(sources: &'a Sources) -> Self {
        Self { sources, faults: Vec::new() }
    }

    /// What was wrong.
    pub fn into_faults(self) -> Faults {
        Faults(self.faults)
    }

    /// The log's settings.
    pub fn log(&mut self) -> Option<LogSettings> {
        let url = self.required(&settings::NATS_URL, parse_nats_url);
        let shape = self.log_shape();
        Some(LogSettings { url: url?, ..shape? })
    }

    /// The log's settings without its address, for who starts a server.
    pub fn log_shape(&mut self) -> Option<LogSettings> {
        let credentials = self.optional(&settings::NATS_CREDS, parse_file);
        let namespace =
            self.required(&settings::NAMESPACE, |text| Namespace::new(text).map_err(|error| error.to_string()));
        let partitions = self.required(&settings::PARTITIONS, parse_partitions);
        let replicas = self.required(&settings::REPLICAS, parse_replicas);
        Some(LogSettings {
            url: String::new(),
            credentials: credentials.ok()?,
            namespace: namespace?,
            partitions: partitions?,
            replicas: replicas?,
        })
    }

    /// The database's URL, with its password.
    pub fn database(&mut self) -> Option<String> {
        self.required(&settings::DATABASE_URL, parse_database_url)
    }

    /// The gateway's settings. The key that `voxlog up` made is for loopback alone.
    pub fn gateway(&mut self) -> Option<GatewaySettings> {
        let bind = self.bind();
        let keys = self.keys();
        let allowed_origins = self.optional(&settings::ALLOWED_ORIGINS, parse_origins);
        let trusted_proxies = self.optional(&settings::TRUSTED_PROXIES, parse_networks);
        let budgets = self.optional(&settings::LIMITS, limits::parse);
        let voice = self.voice();
        let (bind, keys) = (bind?, keys?);
        if !bind.ip().is_loopback() && self.sources.has_embedded_key(&keys.private) {
            let problem =
                format!("the key that `voxlog up` made is for this machine alone, not for {bind}: make another");
            self.faults.push(Fault { name: settings::JWT_PRIVATE_KEY.name, problem });
            return None;
        }
        Some(GatewaySettings {
            bind,
            keys,
            allowed_origins: allowed_origins.ok()?.unwrap_or_default(),
            trusted_proxies: trusted_proxies.ok()?.unwrap_or_default(),
            budgets: budgets.ok()?.unwrap_or_default(),
            voice: voice?,
        })
    }

    /// Where a part without a gateway listens. Only the environment says it: the address of a running `voxlog up` is
    /// taken, and the setting's default is the gateway's.
    pub fn bind_or(&mut self, default: SocketAddr) -> Option<SocketAddr> {
        if self.sources.is_set(&settings::BIND) { self.bind() } else { Some(default) }
    }

    /// Where to listen.
    pub fn bind(&mut self) -> Option<SocketAddr> {
        self.required(&settings::BIND, parse_bind)
    }

    /// The keys of tokens.
    pub fn keys(&mut self) -> Option<Keys> {
        let private = self.required(&settings::JWT_PRIVATE_KEY, keys::private);
        let former = self.optional(&settings::JWT_PUBLIC_KEYS, keys::public);
        Some(Keys { private: private?, former: former.ok()?.unwrap_or_default() })
    }

    /// A setting that may be absent.
    fn optional<T>(
        &mut self,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Told> {
        let Some(found) = self.sources.find(setting) else { return Ok(None) };
        match parse(found.value) {
            Ok(value) => Ok(Some(value)),
            Err(problem) => {
                self.faults.push(Fault { name: setting.name, problem });
                Err(Told)
            }
        }
    }

    fn required<T>(&mut self, setting: &Setting, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = self.optional(setting, parse).ok()?;
        if value.is_none() {
            self.faults.push(Fault { name: setting.name, problem: format!("missing: {}", setting.about) });
        }
        value
    }
}

/// What is wrong with a setting's value; the settings that no group has are free text.
pub fn check(setting: &Setting, value: &str) -> Result<(), String> {
    match setting.name {
        name if name == settings::NATS_URL.name => parse_nats_url(value).map(drop),
        name if name == settings::NATS_CREDS.name => parse_file(value).map(drop),
        name if name == settings::DATABASE_URL.name => parse_database_url(value).map(drop),
        name if name == settings::BIND.name => parse_bind(value).map(drop),
        name if name == settings::NAMESPACE.name => Namespace::new(value).map(drop).map_err(|error| error.to_string()),
        name if name == settings::PARTITIONS.name => parse_partitions(value).map(drop),
        name if name == settings::REPLICAS.name => parse_replicas(value).map(drop),
        name if name == settings::JWT_PRIVATE_KEY.name => keys::private(value).map(drop),
        name if name == settings::JWT_PUBLIC_KEYS.name => keys::public(value).map(drop),
        name if name == settings::ALLOWED_ORIGINS.name => parse_origins(value).map(drop),
        name if name == settings::TRUSTED_PROXIES.name => parse_networks(value).map(drop),
        name if name == settings::LIMITS.name => limits::parse(value).map(drop),
        name if name == settings::STUN_URLS.name => voice::stun(value).map(drop),
        name if name == settings::TURN_URLS.name => voice::turn(value).map(drop),
        name if name == settings::TURN_SECRET.name => voice::secret(value).map(drop),
        name if name == settings::CALL_SEATS.name => voice::seats(value).map(drop),
        name if name == settings::CALL_IDLE_S.name => voice::idle(value).map(drop),
        name if name == settings::LOG.name => crate::logging::parse_filter(value).map(drop),
        name if name == settings::LOG_FORMAT.name => crate::logging::parse_format(value).map(drop),
        _ => Ok(()),
    }
}

fn parse_nats_url(text: &str) -> Result<String, String> {
    let servers = connect::servers(text);
    if servers.is_empty() {
        return Err("no server in it: write nats://host:4222, several with commas".to_owned());
    }
    for server in servers {
        // The text may hold a password, so it is not repeated.
        async_nats::ServerAddr::from_str(server)
            .map_err(|_| "not an address like nats://host:4222, several with commas".to_owned())?;
    }
    Ok(text.to_owned())
}

fn parse_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match std::fs::File::open(&path) {
        Ok(_) => Ok(path),
        Err(error) => Err(format!("can't read {text}: {error}")),
    }
}

fn parse_database_url(text: &str) -> Result<String, String> {
    let scheme = text.starts_with("postgres://") || text.starts_with("postgresql://");
    match PgConnectOptions::from_str(text) {
        Ok(_) if scheme => Ok(text.to_owned()),
        // The text may hold a password, so it is not repeated.
        _ => Err("not a URL like postgres://user:password@host:5432/database".to_owned()),
    }
}

fn parse_bind(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is no address like 127.0.0.1:8080 or [::]:8080"))
}

fn parse_partitions(text: &str) -> Result<Partitions, String> {
    let wrong = || format!("{text:?} is not a number from 1 to {}", Partitions::MAX);
    text.parse().ok().and_then(Partitions::new).ok_or_else(wrong)
}

fn parse_replicas(text: &str) -> Result<u8, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        "5" => Ok(5),
        _ => Err(format!("{text:?} is not 1, 3 or 5")),
    }
}

fn parse_origins(text: &str) -> Result<Vec<String>, String> {
    let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    let check = |origin: &str| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let plain = host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', '*']));
        if plain {
            Ok(origin.to_owned())
        } else {
            Err(format!("{origin:?} is no origin like https://chat.example.org"))
        }
    };
    origins.map(check).collect()
}

/// `10.0.0.0/8, 192.0.2.7`: an address alone is a network of one.
fn parse_networks(text: &str) -> Result<Vec<IpNet>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let parse = |part: &str| {
        let network = part.parse().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| format!("{part:?} is no network like 10.0.0.0/8"))
    };
    parts.map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(pairs: &[(&str, &str)]) -> Sources {
        Sources::of(pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())))
    }

    fn faults(pairs: &[(&str, &str)]) -> Vec<String> {
        let sources = sources(pairs);
        let mut reader = Reader::new(&sources);
        let groups = (reader.log(), reader.database(), reader.gateway());
        let faults = reader.into_faults();
        let whole = groups.0.is_some() && groups.1.is_some() && groups.2.is_some();
        assert_eq!(whole, faults.0.is_empty(), "a group is missing exactly when a fault is told");
        faults.to_string().lines().map(str::to_owned).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_each_in_one_line() {
        let told = faults(&[
            ("DATABASE_URL", "mysql://root:secret@db/x"),
            ("VOXLOG_BIND", "8080"),
            ("VOXLOG_NAMESPACE", "a.b"),
            ("VOXLOG_PARTITIONS", "0"),
            ("VOXLOG_REPLICAS", "2"),
            ("VOXLOG_JWT_PRIVATE_KEY", "/nowhere/key.pem"),
            ("VOXLOG_ALLOWED_ORIGINS", "https://fine.example,chat.example.org"),
            ("VOXLOG_TRUSTED_PROXIES", "10.0.0.0/8,10.0.0.0/33"),
            ("VOXLOG_LIMITS", "user=0+1/s"),
            ("VOXLOG_STUN_URLS", "turn:turn.example"),
            ("VOXLOG_TURN_URLS", "turn:turn.example"),
            ("VOXLOG_CALL_SEATS", "51"),
            ("VOXLOG_CALL_IDLE_S", "59"),
        ]);
        insta::assert_snapshot!(told.join("\n"), @r#"
        NATS_URL: missing: NATS servers, separated by commas
        VOXLOG_NAMESPACE: a namespace is 1 to 32 lower-case letters, digits, '-' and '_', beginning with a letter
        VOXLOG_PARTITIONS: "0" is not a number from 1 to 256
        VOXLOG_REPLICAS: "2" is not 1, 3 or 5
        DATABASE_URL: not a URL like postgres://user:password@host:5432/database
        VOXLOG_BIND: "8080" is no address like 127.0.0.1:8080 or [::]:8080
        VOXLOG_JWT_PRIVATE_KEY: can't read /nowhere/key.pem: No such file or directory (os error 2)
        VOXLOG_ALLOWED_ORIGINS: "chat.example.org" is no origin like https://chat.example.org
        VOXLOG_TRUSTED_PROXIES: "10.0.0.0/33" is no network like 10.0.0.0/8
        VOXLOG_LIMITS: "user=0+1/s" is no limit like user=120+40/s, that is BURST+RATE/s, /m or /h
        VOXLOG_STUN_URLS: "turn:turn.example" is no URL like stun:stun.example.org:3478
        VOXLOG_CALL_SEATS: "51" is not a number from 2 to 50
        VOXLOG_CALL_IDLE_S: "59" is not a number from 60 to 604800
        VOXLOG_TURN_SECRET: missing, and VOXLOG_TURN_URLS is set: the secret that is shared with the TURN servers: their static-auth-secret
        "#);
    }

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n";

    #[test]
    fn what_has_a_default_need_not_be_set() {
        let told = faults(&[
            ("NATS_URL", "nats://a:4222, nats://b"),
            ("DATABASE_URL", "postgres://u:p@db/x"),
            ("VOXLOG_JWT_PRIVATE_KEY", KEY),
        ]);
        assert_eq!(told, Vec::<String>::new());
    }

    #[test]
    fn a_part_without_a_gateway_keeps_off_the_gateways_address() {
        let own: SocketAddr = "127.0.0.1:8090".parse().unwrap();
        let beside_up = sources(&[]).with_instance([("VOXLOG_BIND".to_owned(), "127.0.0.1:8080".to_owned())]);
        assert_eq!(Reader::new(&beside_up).bind_or(own), Some(own));
        let told = sources(&[("VOXLOG_BIND", "0.0.0.0:80")]);
        assert_eq!(Reader::new(&told).bind_or(own), Some("0.0.0.0:80".parse().unwrap()));
    }

    #[test]
    fn an_empty_variable_is_an_absent_one() {
        assert_eq!(faults(&[("NATS_URL", "")])[0], "NATS_URL: missing: NATS servers, separated by commas");
    }

    #[test]
    fn a_fault_never_repeats_a_secret() {
        let told = faults(&[
            ("NATS_URL", "nats://user:hunter2@[broken"),
            ("DATABASE_URL", "postgres://user:hunter2@[broken"),
            ("VOXLOG_JWT_PRIVATE_KEY", "-----BEGIN hunter2"),
        ]);
        assert_eq!(told.len(), 3);
        assert!(!told.join("\n").contains("hunter2"), "{told:?}");
    }

    #[test]
    fn the_key_of_an_embedded_instance_serves_loopback_alone() {
        let instance = [("VOXLOG_JWT_PRIVATE_KEY".to_owned(), KEY.to_owned())];
        let bound = |bind: &str| sources(&[("VOXLOG_BIND", bind)]).with_instance(instance.clone());
        let (here, everywhere) = (bound("127.0.0.1:0"), bound("0.0.0.0:8080"));
        assert!(Reader::new(&here).gateway().is_some());
        let mut reader = Reader::new(&everywhere);
        assert!(reader.gateway().is_none());
        assert_eq!(reader.into_faults().0[0].name, "VOXLOG_JWT_PRIVATE_KEY");
        let copied =
            sources(&[("VOXLOG_BIND", "0.0.0.0:8080"), ("VOXLOG_JWT_PRIVATE_KEY", KEY)]).with_instance(instance);
        assert!(Reader::new(&copied).gateway().is_none(), "the same key by another way is the same key");
        let elsewhere = keys::embedded(KEY);
        let elsewhere = sources(&[("VOXLOG_BIND", "0.0.0.0:8080"), ("VOXLOG_JWT_PRIVATE_KEY", &elsewhere)]);
        assert!(Reader::new(&elsewhere).gateway().is_none(), "a copied file says whose key it is");
        let own = sources(&[("VOXLOG_BIND", "0.0.0.0:8080"), ("VOXLOG_JWT_PRIVATE_KEY", KEY)]);
        assert!(Reader::new(&own).gateway().is_some());
    }
}
