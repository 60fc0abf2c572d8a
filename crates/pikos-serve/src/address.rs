//! Where a server listens, and the names that it goes by.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use crate::error::ServeError;

/// Unless a port is asked for: PIKO on a telephone's keys.
const USUAL: u16 = 7456;

/// Where to listen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Address {
    /// Another address than 127.0.0.1 and ::1.
    pub listen: Option<IpAddr>,
    /// Whether others may reach it.
    pub is_remote: bool,
    /// The port; without, the usual one, or any if that is taken.
    pub port: Option<u16>,
}

impl Address {
    /// Listens; returns the sockets, and the address to print.
    pub fn bind(self) -> Result<(Vec<TcpListener>, SocketAddr), ServeError> {
        let first = self.listen.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        if !first.is_loopback() && !self.is_remote {
            return Err(ServeError::NotHere(first));
        }
        let wanted = SocketAddr::new(first, self.port.unwrap_or(USUAL));
        let listener = match listen(wanted) {
            Err(problem) if self.port.is_none() && problem.kind() == ErrorKind::AddrInUse => {
                listen(SocketAddr::new(first, 0))
            }
            other => other,
        };
        let listener = listener.map_err(|source| match source.kind() {
            ErrorKind::AddrInUse => ServeError::Taken(wanted.port()),
            _ => ServeError::Listen { address: wanted, source },
        })?;
        let address = listener.local_addr()?;
        let mut listeners = vec![listener];
        if self.listen.is_none() {
            // Where there is no IPv6, or another has the port there, nobody misses it.
            listeners.extend(listen(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), address.port())).ok());
        }
        Ok((listeners, address))
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The address to open in a browser on this host.
pub fn shown(address: SocketAddr) -> String {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(host, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_host_is_served_unless_it_is_said() {
        let address =
            Address { listen: Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), is_remote: false, port: Some(0) };
        assert!(matches!(address.bind(), Err(ServeError::NotHere(_))));
        let (listeners, bound) = Address { is_remote: true, ..address }.bind().expect("bound");
        assert_eq!((listeners.len(), bound.ip().is_unspecified()), (1, true));
        assert_eq!(shown(bound), format!("http://127.0.0.1:{}", bound.port()));
    }

    #[test]
    fn a_port_that_was_asked_for_is_had_or_refused() {
        let (_kept, bound) = Address { port: Some(0), ..Address::default() }.bind().expect("bound");
        assert!(bound.ip().is_loopback());
        let again = Address { port: Some(bound.port()), ..Address::default() };
        assert!(matches!(again.bind(), Err(ServeError::Taken(port)) if port == bound.port()));
    }
}
