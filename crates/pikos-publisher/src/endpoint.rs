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
    #[error("{0:?} is no endpoint: tcp://HOST:PORT or ipc:///PATH")]
    Unknown(String),
    /// No port, or none that there is.
    #[error("{0:?} needs a port from 1 to 65535: tcp://HOST:PORT")]
    Port(String),
    /// Others could listen.
    #[error(
        "{0:?} is not on this host's loopback: whoever reaches it can read the profile. Use 127.0.0.1 (and ssh -L from \
         elsewhere), or say --live-remote (remote=True)"
    )]
    Remote(String),
    /// No socket can have such a path.
    #[error("{0:?} is too long: a socket's path may have 107 bytes")]
    TooLong(String),
    /// A subscriber to connect to must be named.
    #[error("to connect, name the subscriber's endpoint: --live tcp://HOST:PORT --connect")]
    Nowhere,
}

impl Endpoint {
    /// Reads what the user wrote. `remote`: whether tcp beyond loopback is wanted.
    pub fn parse(text: &str, connect: bool, remote: bool) -> Result<Self, EndpointError> {
        let fail = |error: fn(String) -> EndpointError| Err(error(text.to_owned()));
        if let Some(path) = text.strip_prefix("ipc://") {
            if path.is_empty() || path.contains('\0') {
                return fail(EndpointError::Unknown);
            }
            if path.len() > pikos_wire::discovery::MAX_SOCKET_PATH {
                return fail(EndpointError::TooLong);
            }
        } else if let Some(address) = text.strip_prefix("tcp://") {
            let Some((host, port)) = address.rsplit_once(':') else { return fail(EndpointError::Port) };
            if !port.parse::<u16>().is_ok_and(|port| port > 0) {
                return fail(EndpointError::Port);
            }
            if host.is_empty() {
                return fail(EndpointError::Unknown);
            }
            if !remote && !is_loopback(host) {
                return fail(EndpointError::Remote);
            }
        } else {
            return fail(EndpointError::Unknown);
        }
        Ok(Self { address: text.to_owned(), connect })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
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
        let long = format!("ipc:///{}", "x".repeat(107));
        assert_eq!(Endpoint::parse(&long, false, false), Err(EndpointError::TooLong(long.clone())));
    }
}
