//! Bytes passed on to a port of this machine: to another one from now on, to none, or held back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What becomes of bytes and of new connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    To(u16),
    Refused,
    Held(u16),
}

#[derive(Clone, Copy)]
struct State {
    way: Way,
    /// Connections of an earlier one are cut.
    epoch: u64,
}

/// A port of our own that leads to another.
pub(crate) struct Wire {
    pub(crate) port: u16,
    state: watch::Sender<State>,
    accepted: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Wire {
    pub(crate) async fn to(port: u16) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let own = listener.local_addr().map_err(|error| error.to_string())?.port();
        let (state, seen) = watch::channel(State { way: Way::To(port), epoch: 0 });
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&accepted);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                while connections.try_join_next().is_some() {}
                connections.spawn(carry(socket, seen.clone()));
            }
        });
        Ok(Self { port: own, state, accepted, _tasks: tasks })
    }

    fn set(&self, way: Way, cut: bool) {
        self.state.send_modify(|state| {
            state.way = way;
            state.epoch += u64::from(cut);
        });
    }

    /// Cuts every connection and leads new ones there.
    pub(crate) fn lead_to(&self, port: u16) {
        self.set(Way::To(port), true);
    }

    /// Leads new connections there; those that are open stay, as a balancer does it with a server that is not ready.
    pub(crate) fn lead_new_to(&self, port: u16) {
        self.set(Way::To(port), false);
    }

    /// How many connections there have been.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Cuts every connection, and new ones at once.
    pub(crate) fn refuse(&self) {
        self.set(Way::Refused, true);
    }

    /// Connections stay, nothing comes through.
    pub(crate) fn hold(&self) {
        let way = self.state.borrow().way;
        if let Way::To(port) = way {
            self.set(Way::Held(port), false);
        }
    }

    /// Lets everything through again that was held.
    pub(crate) fn release(&self) {
        let way = self.state.borrow().way;
        if let Way::Held(port) = way {
            self.set(Way::To(port), false);
        }
    }
}

async fn carry(client: TcpStream, mut seen: watch::Receiver<State>) {
    let State { way, epoch } = *seen.borrow();
    let (Way::To(port) | Way::Held(port)) = way else { return };
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let cut = seen.clone();
    tokio::select! {
        () = pass(from_client, to_server, cut.clone()) => {}
        () = pass(from_server, to_client, cut) => {}
        _ = seen.wait_for(|state| state.epoch != epoch) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut seen: watch::Receiver<State>) {
    let mut buffer = vec![0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if seen.wait_for(|state| !matches!(state.way, Way::Held(_))).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    // the other direction may have something left
    tokio::time::sleep(Duration::from_millis(200)).await;
}
