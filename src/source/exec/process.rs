//! A program that is run for what it prints: within a limit of time, and in bounds.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

/// After the program has ended, for what its children still hold open.
const LAST_WORDS: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(10);
const AT_ONCE: usize = 8 << 10;

/// A program that runs.
pub(in crate::source) struct Program {
    child: Child,
    /// It leads a process group: what it has started ends with it.
    leads: bool,
}

impl Program {
    /// Starts it. `leads`: in a process group of its own, in which nothing can read from the terminal.
    ///
    /// # Errors
    /// It cannot be started.
    pub(in crate::source) fn start(command: &mut Command, leads: bool) -> io::Result<Self> {
        #[cfg(unix)]
        if leads {
            std::os::unix::process::CommandExt::process_group(command, 0);
        }
        Ok(Self { child: command.spawn()?, leads })
    }

    /// The end of standard input that is ours, if it is a pipe.
    pub(in crate::source) const fn stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// Reads standard output up to a limit, and then closes it, so that a flood ends the program and not us.
    pub(in crate::source) fn output(&mut self, most: usize) -> Printed {
        Printed::of(self.child.stdout.take(), move |bytes| bytes.len() < most)
    }

    /// Reads standard error to its end, and keeps the last of it: a program that is told to be verbose goes on.
    pub(in crate::source) fn complaint(&mut self, most: usize) -> Printed {
        Printed::of(self.child.stderr.take(), move |bytes| {
            if bytes.len() > 2 * most {
                bytes.drain(..bytes.len() - most);
            }
            true
        })
    }

    /// Waits for the end; stops it and answers `None` when time is up.
    ///
    /// # Errors
    /// The system does not say whether it has ended.
    pub(in crate::source) fn wait(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if begun.elapsed() >= limit {
                self.stop();
                return Ok(None);
            }
            thread::sleep(POLL);
        }
    }

    /// It has not been waited for: its number is still its own.
    fn stop(&mut self) {
        #[cfg(unix)]
        if self.leads
            && let Some(group) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw)
        {
            let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What comes out of a pipe, read on a thread.
pub(in crate::source) struct Printed {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Printed {
    /// `goes_on` looks at all that was kept, and may forget some.
    fn of<R: Read + Send + 'static>(
        pipe: Option<R>,
        mut goes_on: impl FnMut(&mut Vec<u8>) -> bool + Send + 'static,
    ) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let (end, ended) = mpsc::channel();
        if let Some(mut pipe) = pipe {
            let kept = Arc::clone(&bytes);
            drop(thread::spawn(move || {
                let mut buffer = vec![0; AT_ONCE];
                loop {
                    let read = match pipe.read(&mut buffer) {
                        Ok(0) => break,
                        Ok(read) => buffer.get(..read).unwrap_or_default(),
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        Err(_) => break,
                    };
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.extend_from_slice(read);
                    if !goes_on(&mut kept) {
                        break;
                    }
                }
                drop(end);
            }));
        }
        Self { bytes, ended }
    }

    /// All of it, once the program has ended: to its end, or what has come where a child of the program, as a daemon
    /// that it has started, holds it open.
    pub(in crate::source) fn bytes(self) -> Vec<u8> {
        let _in_time = self.ended.recv_timeout(LAST_WORDS);
        std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether it comes to its end in that time.
    #[cfg(test)]
    pub(super) fn ends_within(&self, limit: Duration) -> bool {
        self.ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Disconnected)
    }
}
