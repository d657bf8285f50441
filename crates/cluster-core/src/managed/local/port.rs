//! Free ports of the loopback interface.
//!
//! Nothing reserves a port for another process: between the choice here and the server's own bind somebody else can
//! take it. Who starts a server therefore looks with [`taken`] when it did not come up, and tries again.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// `count` different ports that nobody listens on.
pub(super) fn free(count: usize) -> io::Result<Vec<u16>> {
    // All are held until the last one is chosen, so that no port comes twice.
    let held = (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<io::Result<Vec<_>>>()?;
    held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// The first of `ports` that somebody listens on.
pub(super) fn taken(ports: &[u16]) -> Option<u16> {
    ports.iter().copied().find(|port| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_taken_while_somebody_listens() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let others = free(3).unwrap();
        assert!(!others.contains(&port));
        assert_eq!(taken(&[others[0], port]), Some(port));
        drop(listener);
        assert_eq!(taken(&[port]), None);
    }
}
