//! Every setting of this version.

/// A setting, named as its environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The variable.
    pub name: &'static str,
    /// What it is, in half a line.
    pub about: &'static str,
    /// What counts when it is not set.
    pub default: Option<&'static str>,
    /// What may be shown of it.
    pub shown: Shown,
}

/// What may be shown of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All of it.
    Whole,
    /// A URL without the password in it.
    WithoutPassword,
    /// A path, or that there is one: the value itself may be the secret.
    PathAlone,
    /// Nothing.
    Hidden,
}

/// Where the log is.
pub const NATS_URL: Setting = secret("NATS_URL", "NATS servers, separated by commas", Shown::WithoutPassword);
/// Who we are there.
pub const NATS_CREDS: Setting = plain("NATS_CREDS", "a file with NATS credentials", None);
/// Where read models and identity are.
pub const DATABASE_URL: Setting =
    secret("DATABASE_URL", "PostgreSQL, one database for each installation", Shown::WithoutPassword);
/// Where a process listens.
pub const BIND: Setting = plain(
    "VOXLOG_BIND",
    "where a process listens; default of serve projections: 127.0.0.1:8090, of serve workers: 127.0.0.1:8091",
    Some("127.0.0.1:8080"),
);
/// Keeps installations apart.
pub const NAMESPACE: Setting = plain("VOXLOG_NAMESPACE", "the prefix of subjects and streams", Some("vox"));
/// How rooms and users are spread.
pub const PARTITIONS: Setting = plain("VOXLOG_PARTITIONS", "streams of the log, fixed when they are made", Some("8"));
/// Copies of each stream.
pub const REPLICAS: Setting = plain("VOXLOG_REPLICAS", "copies of each stream: 1, 3 or 5", Some("1"));
/// Signs tokens.
pub const JWT_PRIVATE_KEY: Setting = secret(
    "VOXLOG_JWT_PRIVATE_KEY",
    "the Ed25519 key that signs tokens, as PKCS #8 PEM or a path to it",
    Shown::PathAlone,
);
/// Former signing keys.
pub const JWT_PUBLIC_KEYS: Setting = secret(
    "VOXLOG_JWT_PUBLIC_KEYS",
    "public keys that still verify after a rotation, as PEMs or paths",
    Shown::PathAlone,
);
/// Which web pages may connect.
pub const ALLOWED_ORIGINS: Setting =
    plain("VOXLOG_ALLOWED_ORIGINS", "origins of browsers, separated by commas; none: the gateway's own", None);
/// Which proxies are ours.
pub const TRUSTED_PROXIES: Setting = plain(
    "VOXLOG_TRUSTED_PROXIES",
    "networks of your own proxies, separated by commas, whose X-Forwarded-For is believed",
    None,
);
/// How much clients may use.
pub const LIMITS: Setting = plain(
    "VOXLOG_LIMITS",
    "what differs from the default limits over all gateways: user=120+40/s,login-account=10+2/m: a burst and a rate",
    None,
);
/// How devices learn where they are seen from.
pub const STUN_URLS: Setting =
    plain("VOXLOG_STUN_URLS", "STUN servers for calls, separated by commas: stun:stun.example.org:3478", None);
/// The relays of calls.
pub const TURN_URLS: Setting =
    plain("VOXLOG_TURN_URLS", "TURN servers for calls, separated by commas: turn:turn.example.org:3478", None);
/// What the relays know us by.
pub const TURN_SECRET: Setting = secret(
    "VOXLOG_TURN_SECRET",
    "the secret that is shared with the TURN servers: their static-auth-secret",
    Shown::Hidden,
);
/// How large a call is.
pub const CALL_SEATS: Setting = plain("VOXLOG_CALL_SEATS", "how many devices a call takes: 2 to 50", Some("8"));
/// When nobody cares for a call.
pub const CALL_IDLE_S: Setting = plain(
    "VOXLOG_CALL_IDLE_S",
    "after how many seconds without anything happening in it a call ends by itself: 60 or more",
    Some("3600"),
);
/// What is logged.
pub const LOG: Setting = plain("VOXLOG_LOG", "what is logged, as a filter; default: info in serve, else warn", None);
/// How it is logged.
pub const LOG_FORMAT: Setting = plain("VOXLOG_LOG_FORMAT", "text or json", Some("text"));
/// Which program `up` starts.
pub const NATS_SERVER: Setting = plain("VOXLOG_NATS_SERVER", "the nats-server that `voxlog up` starts", None);

/// All of them, in the order in which they are listed.
pub const ALL: [Setting; 20] = [
    NATS_URL,
    NATS_CREDS,
    DATABASE_URL,
    BIND,
    NAMESPACE,
    PARTITIONS,
    REPLICAS,
    JWT_PRIVATE_KEY,
    JWT_PUBLIC_KEYS,
    ALLOWED_ORIGINS,
    TRUSTED_PROXIES,
    LIMITS,
    STUN_URLS,
    TURN_URLS,
    TURN_SECRET,
    CALL_SEATS,
    CALL_IDLE_S,
    LOG,
    LOG_FORMAT,
    NATS_SERVER,
];

const fn plain(name: &'static str, about: &'static str, default: Option<&'static str>) -> Setting {
    Setting { name, about, default, shown: Shown::Whole }
}

const fn secret(name: &'static str, about: &'static str, shown: Shown) -> Setting {
    Setting { name, about, default: None, shown }
}

impl Shown {
    /// A value as it may be shown.
    pub fn mask(self, value: &str) -> String {
        match self {
            Self::WithoutPassword => value.split(',').map(without_password).collect::<Vec<_>>().join(","),
            Self::Hidden => "(hidden)".to_owned(),
            Self::PathAlone if value.contains("-----BEGIN") => "(PEM, hidden)".to_owned(),
            Self::Whole | Self::PathAlone => value.to_owned(),
        }
    }
}

/// `postgres://user:secret@host/db` as `postgres://user:***@host/db`. A user without a password may be a token, so it
/// is hidden too. The last `@` ends the secret, whatever that holds.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    let (user, place) = match rest.rsplit_once('@') {
        Some((user, place)) => {
            (user.split_once(':').map_or("***@".to_owned(), |(user, _)| format!("{user}:***@")), place)
        }
        None => (String::new(), rest),
    };
    match place.split_once('?') {
        Some((place, query)) if query.contains("password") => format!("{scheme}{user}{place}?***"),
        _ => format!("{scheme}{user}{place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown_however_it_is_written() {
        for (value, shown) in [
            ("postgres://u:p@h:5432/d", "postgres://u:***@h:5432/d"),
            ("postgres://u:p@ss/w@h/d", "postgres://u:***@h/d"),
            ("postgres://u:p?w@h/d?sslmode=require", "postgres://u:***@h/d?sslmode=require"),
            ("postgres://h/d?user=u&password=p", "postgres://h/d?***"),
            ("postgres://h/d?sslmode=require", "postgres://h/d?sslmode=require"),
            ("nats://token@a:4222,nats://u:p@b", "nats://***@a:4222,nats://u:***@b"),
            ("u:p@b", "u:***@b"),
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
        ] {
            assert_eq!(Shown::WithoutPassword.mask(value), shown);
        }
        assert_eq!(Shown::PathAlone.mask("-----BEGIN PRIVATE KEY-----\nx"), "(PEM, hidden)");
        assert_eq!(Shown::PathAlone.mask("/run/key.pem"), "/run/key.pem");
        assert_eq!(Shown::Hidden.mask("canary"), "(hidden)");
    }
}
