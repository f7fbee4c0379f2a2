//! A proxy on loopback that counts bytes and, where asked, makes the way longer.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Bytes so far, and where it listens.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    bytes: Arc<AtomicU64>,
}

impl Proxy {
    /// Leads to that port of this machine, each direction half of `round_trip` long.
    pub(crate) fn start(to: u16, round_trip: Duration) -> Result<Self, String> {
        let listener =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
        listener.set_nonblocking(true).map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&bytes);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        thread::spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                while let Ok((client, _)) = listener.accept().await {
                    let counted = Arc::clone(&counted);
                    tokio::spawn(async move {
                        // The handshake's round trip, which loopback has none of.
                        tokio::time::sleep(round_trip).await;
                        let Ok(server) =
                            TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, to))).await
                        else {
                            return;
                        };
                        drop((client.set_nodelay(true), server.set_nodelay(true)));
                        let (from_client, to_client) = client.into_split();
                        let (from_server, to_server) = server.into_split();
                        tokio::spawn(carry(from_client, to_server, round_trip / 2, Arc::clone(&counted)));
                        carry(from_server, to_client, round_trip / 2, counted).await;
                    });
                }
            });
        });
        Ok(Self { port, bytes })
    }

    /// The bytes of both directions since the last call.
    pub(crate) fn take(&self) -> u64 {
        self.bytes.swap(0, Ordering::Relaxed)
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    delay: Duration,
    counted: Arc<AtomicU64>,
) {
    let (queue, mut queued) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async move {
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            counted.fetch_add(length as u64, Ordering::Relaxed);
            let part = buffer.get(..length).unwrap_or_default().to_vec();
            if queue.send((Instant::now() + delay, part)).is_err() {
                break;
            }
        }
        drop(queue);
    };
    let writing = async move {
        while let Some((due, part)) = queued.recv().await {
            if !delay.is_zero() {
                sleep_until(due).await;
            }
            if to.write_all(&part).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(reading, writing);
}
