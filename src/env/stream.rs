//! A standard stream that cannot hold us up: whoever reads it may have gone away, or have stopped reading.

use std::io::{self, Write};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Written at once; what is lost when a reader stops is whole pieces.
const PIECE: usize = 8 << 10;
/// Pieces that wait for the reader.
const WAITING: usize = 64;

/// Writes on a thread of its own. A reader that has gone away, or that takes nothing for as long as the limit, is
/// no error: what we decide and the report files do not depend on who listens.
pub(super) struct Stream<W> {
    limit: Duration,
    /// Until the first write.
    idle: Option<W>,
    queue: Option<SyncSender<Vec<u8>>>,
    sent: u64,
    /// Pieces written when the reader was found to have stopped; until there are more, nobody waits for it.
    stuck_at: Option<u64>,
    /// Lines that were not sent since, where that is to be told.
    lost: Option<usize>,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Progress {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    written: u64,
    error: Option<io::ErrorKind>,
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write + Send + 'static> Stream<W> {
    pub(super) fn new(inner: W, limit: Duration) -> Self {
        let progress = Arc::default();
        Self { limit, idle: Some(inner), queue: None, sent: 0, stuck_at: None, lost: None, progress }
    }

    /// Says where lines are missing once the reader reads again.
    pub(super) fn telling_losses(mut self) -> Self {
        self.lost = Some(0);
        self
    }

    /// Whether it is in the queue; otherwise it is lost.
    fn send(&mut self, piece: Vec<u8>) -> bool {
        let mut next = piece;
        while let Some(queue) = &self.queue {
            match queue.try_send(next) {
                Ok(()) => {
                    self.sent += 1;
                    return true;
                }
                Err(TrySendError::Full(back)) => {
                    next = back;
                    let room = self.sent.saturating_sub(u64::try_from(WAITING).unwrap_or(0));
                    if !self.wait_for(room) {
                        return false;
                    }
                }
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        false
    }

    fn start(&mut self) {
        let Some(mut inner) = self.idle.take() else { return };
        let (send, receive) = mpsc::sync_channel::<Vec<u8>>(WAITING);
        let progress = Arc::clone(&self.progress);
        let writing = move || {
            for piece in receive {
                let written = inner.write_all(&piece).and_then(|()| inner.flush());
                let mut state = progress.state();
                state.written += 1;
                state.error = state.error.or(written.err().map(|error| error.kind()));
                progress.moved.notify_all();
            }
        };
        // Without a thread nothing is written; a write of our own could take for ever.
        if let Err(error) = thread::Builder::new().spawn(writing) {
            self.progress.state().error = Some(error.kind());
        }
        self.queue = Some(send);
    }

    /// Waits until that many pieces are written; returns whether they are. The limit is on standstill.
    fn wait_for(&mut self, pieces: u64) -> bool {
        let mut state = self.progress.state();
        if self.stuck_at.is_some_and(|stuck_at| stuck_at == state.written) {
            return state.written >= pieces;
        }
        self.stuck_at = None;
        while state.written < pieces {
            let before = state.written;
            let (next, waited) =
                self.progress.moved.wait_timeout(state, self.limit).unwrap_or_else(PoisonError::into_inner);
            state = next;
            if waited.timed_out() && state.written == before {
                self.stuck_at = Some(before);
                return false;
            }
        }
        true
    }
}

impl<W: Write + Send + 'static> Write for Stream<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.start();
        let piece = bytes.get(..PIECE).unwrap_or(bytes);
        if let Some(lost) = self.lost.filter(|lost| *lost > 0) {
            let plural = if lost == 1 { " is" } else { "s are" };
            let note = format!("\n({lost} line{plural} missing here: nobody was reading)\n");
            if self.send(note.into_bytes()) {
                self.lost = Some(0);
            }
        }
        if !self.send(piece.to_vec()) {
            let lines = piece.split(|byte| *byte == b'\n').skip(1).count();
            self.lost = self.lost.map(|lost| lost + lines);
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.wait_for(self.sent);
        match self.progress.state().error {
            Some(io::ErrorKind::BrokenPipe) | None => Ok(()),
            Some(kind) => Err(kind.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    /// Takes so many writes and then waits for permission.
    struct Stopping(usize, mpsc::Receiver<()>, Arc<Mutex<Vec<u8>>>);

    impl Write for Stopping {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                self.1.recv().unwrap_or_default();
            } else {
                self.0 -= 1;
            }
            self.2.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn say(stream: &mut impl Write, text: &str) -> io::Result<()> {
        stream.write_all(text.as_bytes()).and_then(|()| stream.flush())
    }

    #[test]
    fn a_reader_that_went_away_is_no_error_but_a_full_disk_is() {
        let second = Duration::from_secs(1);
        assert!(say(&mut Stream::new(Broken(io::ErrorKind::BrokenPipe), second), "text").is_ok());
        let full = say(&mut Stream::new(Broken(io::ErrorKind::StorageFull), second), "text");
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_reader_that_stopped_costs_one_limit_and_is_heard_again_when_it_goes_on() {
        let (permit, permitted) = mpsc::channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut stream = Stream::new(Stopping(1, permitted, Arc::clone(&written)), Duration::from_millis(50));
        say(&mut stream, "one ").unwrap();
        say(&mut stream, "two ").unwrap();
        assert!(stream.stuck_at.is_some());
        for _ in 0..10_000 {
            say(&mut stream, "lost ").unwrap();
        }
        drop(permit);
        while stream.progress.state().written < stream.sent {
            thread::yield_now();
        }
        say(&mut stream, "three").unwrap();
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert!(text.starts_with("one two lost ") && text.ends_with("lost three"), "{text}");
        assert!(text.len() < 64 * 10, "at most the queue is kept");
    }

    #[test]
    fn what_a_reader_missed_is_counted() {
        let (permit, permitted) = mpsc::channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let inner = Stopping(0, permitted, Arc::clone(&written));
        let mut stream = Stream::new(inner, Duration::from_millis(50)).telling_losses();
        // one is being written, the queue is full, and the rest is lost
        for _ in 0..WAITING + 1 + 30 {
            stream.write_all(b"line\n").unwrap();
        }
        drop(permit);
        while stream.progress.state().written < stream.sent {
            thread::yield_now();
        }
        say(&mut stream, "last\n").unwrap();
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert!(text.ends_with("line\n\n(30 lines are missing here: nobody was reading)\nlast\n"), "{text}");
    }

    #[test]
    fn a_long_text_arrives_whole_and_in_order() {
        let (_permit, permitted) = mpsc::channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let text = "0123456789".repeat(200_000);
        let mut stream =
            Stream::new(Stopping(usize::MAX, permitted, Arc::clone(&written)), Duration::from_secs(5));
        say(&mut stream, &text).unwrap();
        assert_eq!(written.lock().unwrap().as_slice(), text.as_bytes());
    }
}
