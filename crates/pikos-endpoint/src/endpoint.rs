//! Where messages go: what the user wrote, and whether that is allowed.

use std::fmt;

/// Where the messages of a profile go, beside the user's own folder of sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As ZeroMQ takes it.
    pub address: String,
    /// Whether the other side binds.
    pub connect: bool,
}

/// What is wrong with an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Neither tcp nor ipc.
    #[error("{0:?} is not an endpoint: write tcp://HOST:PORT or ipc:///PATH")]
    Unknown(String),
    /// A path that ZeroMQ would make up, or that a shell should have replaced.
    #[error("{0:?} is not an absolute path: write ipc:///PATH")]
    NoPath(String),
    /// No port, or none that there is.
    #[error("{0:?} needs a port from 1 to 65535: tcp://HOST:PORT")]
    Port(String),
    /// Others could listen.
    #[error(
        "{0:?} is not on this host's loopback: whoever reaches it can read the profile. Use 127.0.0.1 (and ssh -L from \
         elsewhere), or say --live-remote (remote=True)"
    )]
    Remote(String),
    /// All users of this host could listen.
    #[error(
        "{0:?} is an abstract socket: every user of this host can read the profile. Name a path, ipc:///PATH, or say \
         --live-remote (remote=True)"
    )]
    Abstract(String),
    /// No socket can have such a path.
    #[error("{0:?} is too long: a socket's path may have 107 bytes")]
    TooLong(String),
    /// A subscriber to connect to must be named.
    #[error("to connect, name the subscriber's endpoint: --live tcp://HOST:PORT --connect")]
    Nowhere,
}

impl Endpoint {
    /// Reads what the user wrote. `remote`: whether it may be where others than this user, on this host, can listen.
    pub fn parse(text: &str, connect: bool, remote: bool) -> Result<Self, EndpointError> {
        let fail = |error: fn(String) -> EndpointError| Err(error(text.to_owned()));
        let mut address = text.to_owned();
        if let Some(path) = text.strip_prefix("ipc://") {
            check_path(path).map_err(|error| error(text.to_owned()))?;
            match path.starts_with('@') {
                true if !remote => return fail(EndpointError::Abstract),
                true => {}
                false => address = whole(path),
            }
        } else if let Some(place) = text.strip_prefix("tcp://") {
            let Some((host, port)) = place.rsplit_once(':') else { return fail(EndpointError::Port) };
            if !port.parse::<u16>().is_ok_and(|port| port > 0) {
                return fail(EndpointError::Port);
            }
            if host.is_empty() {
                return fail(EndpointError::Unknown);
            }
            if !remote && !is_loopback(host) {
                return fail(EndpointError::Remote);
            }
            // ZeroMQ binds addresses and interfaces, and knows no names.
            if !connect && is_localhost(host) {
                address = format!("tcp://127.0.0.1:{port}");
            }
        } else {
            return fail(EndpointError::Unknown);
        }
        Ok(Self { address, connect })
    }

    /// Reads where a subscriber binds. Nobody reads anything there, so it may be anywhere; the port may be `*`.
    pub fn for_subscriber(text: &str) -> Result<Self, EndpointError> {
        let mut address = text.to_owned();
        if let Some(path) = text.strip_prefix("ipc://") {
            check_path(path).map_err(|error| error(text.to_owned()))?;
            if !path.starts_with('@') {
                address = whole(path);
            }
        } else if let Some(place) = text.strip_prefix("tcp://") {
            match place.rsplit_once(':') {
                Some((host, port)) if is_localhost(host) => address = format!("tcp://127.0.0.1:{port}"),
                Some(_) => {}
                None => return Err(EndpointError::Port(text.to_owned())),
            }
        } else {
            return Err(EndpointError::Unknown(text.to_owned()));
        }
        Ok(Self { address, connect: false })
    }
}

fn check_path(path: &str) -> Result<(), fn(String) -> EndpointError> {
    match path {
        "" | "@" => Err(EndpointError::Unknown),
        path if path.contains('\0') => Err(EndpointError::Unknown),
        path if path.len() > pikos_wire::discovery::MAX_SOCKET_PATH => Err(EndpointError::TooLong),
        path if path.starts_with(['/', '@', '.', '_']) || path.starts_with(char::is_alphanumeric) => Ok(()),
        _ => Err(EndpointError::NoPath),
    }
}

/// The whole path, so that it stays the same where the program changes its folder; as it is if that is too long.
fn whole(path: &str) -> String {
    let absolute = std::path::absolute(path).ok().and_then(|path| path.into_os_string().into_string().ok());
    let fits = absolute.filter(|path| path.len() <= pikos_wire::discovery::MAX_SOCKET_PATH);
    format!("ipc://{}", fits.as_deref().unwrap_or(path))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    is_localhost(bare) || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_localhost(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        for good in [
            "tcp://127.0.0.1:9001",
            "tcp://localhost:1",
            "tcp://[::1]:9001",
            "ipc:///tmp/x",
            "tcp://127.8.9.1:65535",
        ] {
            assert_eq!(Endpoint::parse(good, true, false).unwrap().address, good);
        }
        for remote in [
            "tcp://*:9001",
            "tcp://0.0.0.0:9001",
            "tcp://example.org:9001",
            "tcp://[::]:9001",
            "tcp://eth0:1",
        ] {
            assert_eq!(Endpoint::parse(remote, false, false), Err(EndpointError::Remote(remote.into())));
            assert!(Endpoint::parse(remote, false, true).is_ok());
        }
        for port in ["tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://127.0.0.1:65536", "tcp://127.0.0.1:x"] {
            assert_eq!(Endpoint::parse(port, false, false), Err(EndpointError::Port(port.into())));
        }
        for bad in ["", "9001", "udp://127.0.0.1:9", "ipc://", "tcp://:9001", "inproc://x"] {
            assert_eq!(Endpoint::parse(bad, false, false), Err(EndpointError::Unknown(bad.into())));
        }
        for made_up in ["ipc://*", "ipc://**", "ipc://~/x", "ipc:// /x", "ipc://$TMPDIR/x", "ipc://-"] {
            assert_eq!(Endpoint::parse(made_up, false, true), Err(EndpointError::NoPath(made_up.into())));
            assert_eq!(Endpoint::for_subscriber(made_up), Err(EndpointError::NoPath(made_up.into())));
        }
        let here = std::env::current_dir().unwrap().join("x");
        for relative in ["ipc://x", "ipc://./x"] {
            let address = format!("ipc://{}", here.display());
            assert_eq!(Endpoint::parse(relative, false, false).unwrap().address, address);
            assert_eq!(Endpoint::for_subscriber(relative).unwrap().address, address);
        }
        for connect in [false, true] {
            let hidden = Err(EndpointError::Abstract("ipc://@x".into()));
            assert_eq!(Endpoint::parse("ipc://@x", connect, false), hidden);
            assert!(Endpoint::parse("ipc://@x", connect, true).is_ok());
        }
        assert_eq!(Endpoint::parse("ipc://@", false, true), Err(EndpointError::Unknown("ipc://@".into())));
        for name in ["tcp://localhost:7", "tcp://LocalHost:7"] {
            assert_eq!(Endpoint::parse(name, false, false).unwrap().address, "tcp://127.0.0.1:7");
            assert_eq!(Endpoint::for_subscriber(name).unwrap().address, "tcp://127.0.0.1:7");
        }
        assert_eq!(Endpoint::for_subscriber("tcp://0.0.0.0:*").unwrap().address, "tcp://0.0.0.0:*");
        assert_eq!(Endpoint::for_subscriber("7"), Err(EndpointError::Unknown("7".into())));
        let long = format!("ipc:///{}", "x".repeat(107));
        assert_eq!(Endpoint::parse(&long, false, false), Err(EndpointError::TooLong(long.clone())));
    }
}
