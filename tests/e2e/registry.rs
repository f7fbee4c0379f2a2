//! A second address of the open registry that nobody listens on at first: a registry that is down and comes
//! back, without taking the registry from the cases beside it.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;

pub(crate) struct LateRegistry {
    port: u16,
    /// Where the real one listens, as this machine sees it.
    upstream: String,
}

impl LateRegistry {
    /// Finds a port that is free.
    pub(crate) fn reserve(registry: &str) -> Result<Self, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let port = listener.and_then(|listener| Ok(listener.local_addr()?.port()));
        let port = port.map_err(|error| format!("no free port on loopback: {error}"))?;
        Ok(Self { port, upstream: registry.replace("localhost", "127.0.0.1") })
    }

    pub(crate) fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// Listens from now on, until the suite ends.
    pub(crate) fn open(&self) -> Result<(), String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))
            .map_err(|error| format!("port {}: {error}", self.port))?;
        let upstream = self.upstream.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let upstream = upstream.clone();
                thread::spawn(move || forward(&client, &upstream));
            }
        });
        Ok(())
    }
}

/// Copies both ways until one side ends.
fn forward(client: &TcpStream, upstream: &str) -> io::Result<()> {
    let server = TcpStream::connect(upstream)?;
    let (mut client_reads, mut server_writes) = (client.try_clone()?, server.try_clone()?);
    let to_server = thread::spawn(move || {
        drop(io::copy(&mut client_reads, &mut server_writes));
        drop(server_writes.shutdown(Shutdown::Write));
    });
    let (mut server_reads, mut client_writes) = (server, client.try_clone()?);
    io::copy(&mut server_reads, &mut client_writes)?;
    client_writes.shutdown(Shutdown::Write)?;
    drop(to_server.join());
    Ok(())
}
