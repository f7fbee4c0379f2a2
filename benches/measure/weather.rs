//! A proxy on loopback that fails the way networks do: it closes what comes, or carries nothing any more.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// How long a thread sleeps before it looks whether something has changed.
const TICK: Duration = Duration::from_millis(5);

#[derive(Default)]
struct State {
    /// Every connection is closed, also those to come.
    closing: AtomicBool,
    /// Connections accepted up to this one carry nothing.
    lost: AtomicU64,
    accepted: AtomicU64,
}

/// Where it listens, and what it does to connections.
pub(crate) struct Weather {
    pub(crate) port: u16,
    state: Arc<State>,
}

impl Weather {
    /// Fair, and leads to that port of this machine.
    pub(crate) fn start(to: u16) -> Result<Self, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let number = shared.accepted.fetch_add(1, Ordering::SeqCst) + 1;
                if shared.closing.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, to))) else {
                    continue;
                };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
                    let state = Arc::clone(&shared);
                    thread::spawn(move || carry(&from, &to, number, &state));
                }
            }
        });
        Ok(Self { port, state })
    }

    /// From now on, or no longer, every connection is closed at once.
    pub(crate) fn close(&self, closing: bool) {
        self.state.closing.store(closing, Ordering::SeqCst);
    }

    /// The connections that exist carry nothing any more, and nobody is told. New ones do.
    pub(crate) fn lose(&self) {
        self.state.lost.store(self.state.accepted.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Connections so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.state.accepted.load(Ordering::SeqCst)
    }
}

fn carry(mut from: &TcpStream, mut to: &TcpStream, number: u64, state: &State) {
    let mut buffer = vec![0; 65_536];
    drop((from.set_read_timeout(Some(TICK)), to.set_nodelay(true)));
    loop {
        if state.closing.load(Ordering::SeqCst) {
            break;
        }
        if number <= state.lost.load(Ordering::SeqCst) {
            thread::sleep(TICK);
            continue;
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                if to.write_all(buffer.get(..length).unwrap_or_default()).is_err() {
                    break;
                }
            }
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}

/// A server that is too busy for everything: 429 with `Retry-After: 1`. Its port, and how many it has turned away.
pub(crate) fn busy() -> Result<(u16, Arc<AtomicU64>), String> {
    const ANSWER: &str = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"reason\":\"TooManyRequests\",\"code\":429}";
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    let turned_away = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&turned_away);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let count = Arc::clone(&count);
            thread::spawn(move || {
                let mut client = client;
                let mut seen = Vec::new();
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = client.read(&mut buffer) {
                    seen.extend_from_slice(buffer.get(..length).unwrap_or_default());
                    // Requests without a body: each ends with an empty line.
                    while let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
                        seen.drain(..end + 4);
                        count.fetch_add(1, Ordering::SeqCst);
                        let head = format!(
                            "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
                            ANSWER.len()
                        );
                        if client.write_all(head.as_bytes()).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    Ok((port, turned_away))
}
