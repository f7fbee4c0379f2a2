//! The signals that ask us to end, as each system has them. Installing a handler also matters as PID 1 of a
//! container, where a signal without one is ignored.

use std::io;

use crate::observation::Signal;

/// Handlers that are installed while this lives.
pub(super) struct Signals {
    interrupt: system::Stream,
    terminate: system::Stream,
}

impl Signals {
    /// # Errors
    /// The system does not take the handlers.
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self { interrupt: system::interrupts()?, terminate: system::terminations()? })
    }

    /// The next one. Nothing is lost when the wait for it is given up.
    pub(super) async fn next(&mut self) -> Signal {
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
