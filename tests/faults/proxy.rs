//! A TCP proxy that fails at a byte: between the binary and a server.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// What is done with the bytes that come from the server.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// Each connection is cut after this many bytes, for the first so many connections.
    CutAfter { bytes: usize, connections: u64 },
    /// Every byte in a write of its own.
    Bytewise,
}

/// Starts a proxy before a port and returns its own.
pub(crate) fn before(port: u16, way: Way) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let own = listener.local_addr().expect("an address").port();
    let count = Arc::new(AtomicU64::new(0));
    drop(thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let number = count.fetch_add(1, Ordering::SeqCst);
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
            let (up_from, up_to) = (client.try_clone(), server.try_clone());
            if let (Ok(from), Ok(to)) = (up_from, up_to) {
                drop(thread::spawn(move || copy(from, to, None)));
            }
            let way = match way {
                Way::CutAfter { connections, .. } if number >= connections => None,
                way => Some(way),
            };
            drop(thread::spawn(move || copy(server, client, way)));
        }
    }));
    own
}

fn copy(mut from: TcpStream, mut to: TcpStream, way: Option<Way>) {
    let mut left = match way {
        Some(Way::CutAfter { bytes, .. }) => bytes,
        _ => usize::MAX,
    };
    let mut buffer = [0_u8; 4096];
    while let Ok(count) = from.read(&mut buffer) {
        let part = &buffer[..count.min(left)];
        left -= part.len();
        let written = if matches!(way, Some(Way::Bytewise)) {
            drop(to.set_nodelay(true));
            part.iter().try_for_each(|byte| {
                thread::sleep(Duration::from_micros(20));
                to.write_all(&[*byte])
            })
        } else {
            to.write_all(part)
        };
        if count == 0 || left == 0 || written.is_err() {
            break;
        }
    }
    drop(from.shutdown(std::net::Shutdown::Both));
    drop(to.shutdown(std::net::Shutdown::Both));
}
