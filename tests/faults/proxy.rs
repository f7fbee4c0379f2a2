//! A TCP proxy that fails at a byte: between the binary and a server.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::lock;
use crate::stage::Run;

/// What is done with the bytes that come from the server.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// Each connection is cut after this many bytes, for the first so many connections.
    CutAfter { bytes: usize, connections: u64, end: End },
    /// Every byte in a write of its own.
    Bytewise,
    /// All are passed on, until [`Proxy::swallow`].
    Whole,
    /// A connection becomes a black hole when nothing has come from either side for so long.
    Forgetting(Duration),
}

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Fin,
    Reset,
}

/// Which bytes a black hole swallows.
#[derive(Clone, Copy)]
pub(crate) enum Hole {
    BothWays,
    FromServer,
}

/// A proxy that runs.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    opened: Arc<AtomicU64>,
    swallowed: Swallowed,
    longest: Arc<AtomicUsize>,
}

/// Connections before this many are black holes: from the server, and to it.
#[derive(Clone, Default)]
struct Swallowed {
    down: Arc<AtomicU64>,
    up: Arc<AtomicU64>,
}

impl Proxy {
    /// As many bytes as the server has sent over one connection at most.
    fn longest(&self) -> usize {
        self.longest.load(Ordering::SeqCst)
    }

    /// What is open now stays open, is read and acknowledged, and nothing of it arrives any more.
    pub(crate) fn swallow(&self, hole: Hole) {
        let opened = self.opened.load(Ordering::SeqCst);
        self.swallowed.down.store(opened, Ordering::SeqCst);
        if matches!(hole, Hole::BothWays) {
            self.swallowed.up.store(opened, Ordering::SeqCst);
        }
    }
}

/// Starts a proxy before a port.
pub(crate) fn before(port: u16, way: Way) -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let own = listener.local_addr().expect("an address").port();
    let proxy =
        Proxy { port: own, opened: Arc::default(), swallowed: Swallowed::default(), longest: Arc::default() };
    let running = proxy.clone();
    drop(thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let number = running.opened.fetch_add(1, Ordering::SeqCst);
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
            let (client, server, torn) = (Arc::new(client), Arc::new(server), Arc::default());
            let Swallowed { down, up } = running.swallowed.clone();
            let (up_way, way) = match way {
                Way::CutAfter { connections, .. } if number >= connections => (Way::Whole, Way::Whole),
                Way::CutAfter { .. } | Way::Bytewise => (Way::Whole, way),
                Way::Whole | Way::Forgetting(_) => (way, way),
            };
            let longest = Arc::clone(&running.longest);
            let heard = Arc::new(Mutex::new(Some(Instant::now())));
            let to_server = Copy {
                from: Arc::clone(&client),
                to: Arc::clone(&server),
                torn: Arc::clone(&torn),
                heard: Arc::clone(&heard),
                way: up_way,
                number,
                swallowed: up,
                longest: Arc::default(),
            };
            let to_client =
                Copy { from: server, to: client, torn, heard, way, number, swallowed: down, longest };
            drop(thread::spawn(move || to_server.run()));
            drop(thread::spawn(move || to_client.run()));
        }
    }));
    proxy
}

/// One direction of a connection.
struct Copy {
    from: Arc<TcpStream>,
    to: Arc<TcpStream>,
    /// It is being reset: no FIN may be sent before the RST.
    torn: Arc<AtomicBool>,
    /// When something came last, from either side; `None`: the connection is forgotten.
    heard: Arc<Mutex<Option<Instant>>>,
    way: Way,
    number: u64,
    swallowed: Arc<AtomicU64>,
    longest: Arc<AtomicUsize>,
}

impl Copy {
    fn run(self) {
        let Self { from, to, torn, heard, way, number, swallowed, longest } = self;
        let (mut left, end) = match way {
            Way::CutAfter { bytes, end, .. } => (bytes, end),
            _ => (usize::MAX, End::Fin),
        };
        let mut passed = 0;
        let mut buffer = [0_u8; 4096];
        while let Ok(count) = (&*from).read(&mut buffer) {
            let forgotten = {
                let mut heard = lock(&heard);
                let awake = |last: &Instant| !matches!(way, Way::Forgetting(most) if last.elapsed() > most);
                *heard = heard.filter(awake).map(|_| Instant::now());
                heard.is_none()
            };
            if forgotten || number < swallowed.load(Ordering::SeqCst) {
                if count == 0 {
                    // nor does the end arrive
                    return;
                }
                continue;
            }
            let part = &buffer[..count.min(left)];
            passed += part.len();
            longest.fetch_max(passed, Ordering::SeqCst);
            left -= part.len();
            let written = if matches!(way, Way::Bytewise) {
                drop(to.set_nodelay(true));
                part.iter().try_for_each(|byte| {
                    thread::sleep(Duration::from_micros(20));
                    (&*to).write_all(&[*byte])
                })
            } else {
                (&*to).write_all(part)
            };
            if count == 0 || left == 0 || written.is_err() {
                break;
            }
        }
        if left == 0 && end == End::Reset {
            torn.store(true, Ordering::SeqCst);
            drop(socket2::SockRef::from(&*to).set_linger(Some(Duration::ZERO)));
            // sends nothing: it ends the read of the other thread, and the last to let go of the socket resets it
            drop(to.shutdown(Shutdown::Read));
        } else if !torn.load(Ordering::SeqCst) {
            drop(to.shutdown(Shutdown::Both));
        }
        if !torn.load(Ordering::SeqCst) || end == End::Reset {
            drop(from.shutdown(Shutdown::Both));
        }
    }
}

/// Runs at once.
const AT_ONCE: usize = 8;

/// Cuts the connections of a run, with FIN and with RST, at so many places of all that the server sends over one in a
/// run that is left alone. `play` runs our binary through the proxy that it makes before a server of its own.
pub(crate) fn cut_everywhere(places: usize, play: fn(Way) -> (Proxy, Run)) {
    let (whole, run) = play(Way::Whole);
    assert_eq!(run.code, Some(0), "uncut: {}", run.everything());
    let longest = whole.longest();
    let cuts =
        (0..places).flat_map(|place| [End::Fin, End::Reset].map(|end| (1 + place * longest / places, end)));
    let cuts = Mutex::new(cuts);
    // Few at once: a machine that is busy with itself proves nothing about a connection.
    let workers: Vec<_> = thread::scope(|scope| {
        let worker = || {
            let next = || lock(&cuts).next();
            while let Some((bytes, end)) = next() {
                let (_, run) = play(Way::CutAfter { bytes, connections: 4, end });
                assert_eq!(
                    run.code,
                    Some(0),
                    "{end:?} after {bytes} of {longest} bytes: {}",
                    run.everything()
                );
            }
        };
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    for worker in workers {
        worker.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}
