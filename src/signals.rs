//! The signals that ask us to end: the first is told to whoever waits, the second ends the process here and now.
//!
//! They are taken on a thread of their own, which nothing that the run waits for can hold up: a plugin, a pipe that
//! nobody reads, a file system that does not answer. As PID 1 of a container a signal without a handler is ignored,
//! so the handlers stand from the beginning of a run to the end of the process.

use std::io;
use std::sync::mpsc;
use std::thread;

use tokio::sync::watch;

use crate::exit_code::ExitCode;
use crate::observation::Signal;

/// Handlers that are installed until the process ends.
pub(crate) struct Signals {
    first: watch::Receiver<Option<Signal>>,
    told: bool,
}

impl Signals {
    /// Installs the handlers. From now on the second signal ends the process, with the exit code of the first and
    /// the report files as they are.
    ///
    /// # Errors
    /// The system does not take the handlers.
    pub(crate) fn install() -> io::Result<Self> {
        let (tell, first) = watch::channel(None);
        let (ready, installed) = mpsc::channel();
        let thread = thread::Builder::new().name("signals".to_owned());
        drop(thread.spawn(
            move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(take(&tell, &ready)),
                Err(error) => drop(ready.send(Err(error))),
            },
        )?);
        installed.recv().map_err(io::Error::other)??;
        Ok(Self { first, told: false })
    }

    /// The first one, if it has come.
    pub(crate) fn received(&self) -> Option<Signal> {
        *self.first.borrow()
    }

    /// The first one, once: pending from then on. Nothing is lost when the wait for it is given up.
    pub(crate) async fn next(&mut self) -> Signal {
        loop {
            if let Some(signal) = self.received().filter(|_| !self.told) {
                self.told = true;
                return signal;
            }
            if self.first.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Never returns while there are signals to take.
async fn take(tell: &watch::Sender<Option<Signal>>, ready: &mpsc::Sender<io::Result<()>>) {
    let mut handlers = match Handlers::install() {
        Ok(handlers) => handlers,
        Err(error) => return drop(ready.send(Err(error))),
    };
    drop(ready.send(Ok(())));
    let first = handlers.next().await;
    tell.send_replace(Some(first));
    handlers.next().await;
    code(first).end_process()
}

/// The exit code of a run that a signal has ended.
pub(crate) const fn code(signal: Signal) -> ExitCode {
    match signal {
        Signal::Interrupt => ExitCode::Interrupted,
        Signal::Terminate => ExitCode::Terminated,
    }
}

struct Handlers {
    interrupt: system::Stream,
    terminate: system::Stream,
}

impl Handlers {
    fn install() -> io::Result<Self> {
        Ok(Self { interrupt: system::interrupts()?, terminate: system::terminations()? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

#[cfg(unix)]
mod system {
    use std::io;

    use tokio::signal::unix::{SignalKind, signal};

    pub(super) type Stream = tokio::signal::unix::Signal;

    pub(super) fn interrupts() -> io::Result<Stream> {
        signal(SignalKind::interrupt())
    }

    pub(super) fn terminations() -> io::Result<Stream> {
        signal(SignalKind::terminate())
    }
}

#[cfg(windows)]
mod system {
    use std::io;

    use tokio::signal::windows::{CtrlBreak, CtrlC, ctrl_break, ctrl_c};

    /// Either, as both are types of their own.
    pub(super) enum Stream {
        C(CtrlC),
        Break(CtrlBreak),
    }

    impl Stream {
        pub(super) async fn recv(&mut self) -> Option<()> {
            match self {
                Self::C(stream) => stream.recv().await,
                Self::Break(stream) => stream.recv().await,
            }
        }
    }

    pub(super) fn interrupts() -> io::Result<Stream> {
        ctrl_c().map(Stream::C)
    }

    pub(super) fn terminations() -> io::Result<Stream> {
        ctrl_break().map(Stream::Break)
    }
}
