//! The one door to the process: arguments, variables, streams, terminals and clocks.
//!
//! Everything else receives values, so that a test can run the whole program with an [`Env`] made by hand.
//! Where the time of a decision matters it is not read here but arrives as an observation.

mod stream;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Read, Write};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use crate::error::Error;
use stream::Stream;

/// Nobody waits longer than this for a reader of stdout that takes nothing: the verdict stands and is on disk.
const STDOUT_STANDSTILL: Duration = Duration::from_secs(15);
/// The same for progress and complaints, which must not hold up the wait.
const STDERR_STANDSTILL: Duration = Duration::from_secs(1);

/// What a run knows of, and does to, the process around it.
pub struct Env {
    variables: BTreeMap<OsString, OsString>,
    pub(crate) stdin: Box<dyn Read + Send>,
    pub(crate) stdout: Box<dyn Write>,
    pub(crate) stderr: Box<dyn Write>,
    pub(crate) stdin_is_terminal: bool,
    pub(crate) stdout_is_terminal: bool,
    pub(crate) stderr_is_terminal: bool,
    terminal_size_now: TerminalSize,
    diagnostics: Diagnostics,
    wall: Box<dyn Fn() -> Timestamp>,
}

/// Asks for the width and height of the terminal, in cells, at this moment; `None` without a terminal.
pub(crate) type TerminalSize = Arc<dyn Fn() -> Option<(usize, usize)> + Send + Sync>;

/// Takes lines for stderr from any thread, and holds up nobody for longer than [`Env::complain`] does.
pub(crate) type Diagnostics = Arc<dyn Fn(&str) + Send + Sync>;

/// Says the last words of a process that cannot go on, past the streams of its [`Env`]: whoever was writing to those
/// may be the one that stopped. Nobody who does not read keeps the process from ending.
pub(crate) fn last_words(words: &str) {
    if !said_within(io::stderr(), words, STDERR_STANDSTILL) {
        // No thread can be had, which may be the very reason for these words.
        drop(io::stderr().write_all(words.as_bytes()));
    }
}

/// Writes on a thread and waits for no longer than that; whether there was a thread.
fn said_within(mut stream: impl Write + Send + 'static, words: &str, limit: Duration) -> bool {
    let (tell, told) = mpsc::channel();
    let words = words.to_owned();
    let speaker = thread::Builder::new().spawn(move || {
        drop(stream.write_all(words.as_bytes()).and_then(|()| stream.flush()));
        let _ = tell.send(());
    });
    let spoke = speaker.is_ok();
    if spoke {
        let _ = told.recv_timeout(limit);
    }
    spoke
}

/// A stream that more than one writes to.
struct Shared<W>(Arc<Mutex<W>>);

impl<W: Write> Write for Shared<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

impl Env {
    /// The arguments of this process, the program's name first.
    pub fn arguments() -> impl Iterator<Item = OsString> {
        std::env::args_os()
    }

    /// The environment of this process.
    #[expect(clippy::disallowed_methods, reason = "this is the one door to clocks and variables")]
    pub fn of_process() -> Self {
        let stderr = Arc::new(Mutex::new(Stream::new(io::stderr(), STDERR_STANDSTILL).telling_losses()));
        let lines = Arc::clone(&stderr);
        Self {
            variables: std::env::vars_os().collect(),
            stdin: Box::new(io::stdin()),
            stdout: Box::new(Stream::new(io::stdout(), STDOUT_STANDSTILL)),
            stderr: Box::new(Shared(stderr)),
            stdin_is_terminal: io::stdin().is_terminal(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            terminal_size_now: Arc::new(|| {
                let of_stderr = || terminal_size::terminal_size_of(io::stderr());
                let size = terminal_size::terminal_size_of(io::stdout()).or_else(of_stderr);
                size.map(|(width, height)| (usize::from(width.0), usize::from(height.0)))
            }),
            diagnostics: Arc::new(move |text| {
                drop(lines.lock().unwrap_or_else(PoisonError::into_inner).write_all(text.as_bytes()));
            }),
            wall: Box::new(Timestamp::now),
        }
    }

    /// For what libraries say, on whatever thread.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        Arc::clone(&self.diagnostics)
    }

    /// A variable that is set and not empty. One that is not UTF-8 is read lossily, so that it is an error
    /// where it is used and not silently absent.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.variable_os(name).map(|value| value.to_string_lossy().into_owned())
    }

    /// As [`Self::variable`], for paths.
    pub(crate) fn variable_os(&self, name: &str) -> Option<OsString> {
        self.variables.get(std::ffi::OsStr::new(name)).filter(|value| !value.is_empty()).cloned()
    }

    /// The names, without that prefix, of the variables that have it and are set.
    pub(crate) fn variables_with(&self, prefix: &str) -> Vec<String> {
        let set = self.variables.iter().filter(|(_, value)| !value.is_empty());
        set.filter_map(|(name, _)| name.to_string_lossy().strip_prefix(prefix).map(str::to_owned)).collect()
    }

    /// The width to lay text out in: `COLUMNS`, the terminal, or 100 where there is none.
    pub(crate) fn width(&self) -> usize {
        let columns =
            self.variable("COLUMNS").and_then(|value| value.parse().ok()).filter(|width| *width > 0);
        columns.or_else(|| (self.terminal_size_now)().map(|(width, _)| width)).unwrap_or(100)
    }

    /// For what is redrawn while a person may resize the window.
    pub(crate) fn terminal_size(&self) -> TerminalSize {
        Arc::clone(&self.terminal_size_now)
    }

    /// The wall clock, for those that must ask it again on another thread.
    #[expect(clippy::disallowed_methods, reason = "this is the one door to clocks and variables")]
    pub(crate) const fn wall_clock() -> fn() -> Timestamp {
        Timestamp::now
    }

    /// The wall clock.
    pub(crate) fn now(&self) -> Timestamp {
        (self.wall)()
    }

    /// A word that nobody can guess: 128 bits of the randomness that the standard library keeps its maps safe with.
    pub(crate) fn token() -> String {
        use std::hash::{BuildHasher as _, RandomState};
        let half = |salt: u8| RandomState::new().hash_one(salt);
        format!("{:016x}{:016x}", half(1), half(2))
    }

    /// Writes to stdout and flushes. A reader that has gone away is no error.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Error> {
        let written = self.stdout.write_all(text.as_bytes()).and_then(|()| self.stdout.flush());
        written.map_err(|error| Error::output(format!("cannot write to stdout: {error}")))
    }

    /// Writes to stderr and flushes. Where stderr itself fails there is nobody left to tell.
    pub(crate) fn complain(&mut self, text: &str) {
        drop(self.stderr.write_all(text.as_bytes()).and_then(|()| self.stderr.flush()));
    }
}

#[cfg(any(test, fuzzing))]
mod by_hand {
    use super::{Arc, Env, OsString, Timestamp, Write, io};
    use std::sync::{Mutex, PoisonError};

    /// What a run wrote to a stream.
    #[derive(Clone, Default)]
    pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        #[cfg(test)]
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Env {
        /// An environment with only those variables, no terminal, and clocks that stand still; what is written
        /// to stdout and stderr is captured.
        pub(crate) fn by_hand(variables: &[(&str, &str)]) -> (Self, Captured, Captured) {
            let (out, err) = (Captured::default(), Captured::default());
            let env = Self {
                variables: variables.iter().map(|(k, v)| (OsString::from(k), OsString::from(v))).collect(),
                stdin_is_terminal: false,
                stdin: Box::new(io::empty()),
                stdout: Box::new(out.clone()),
                stderr: Box::new(err.clone()),
                stdout_is_terminal: false,
                stderr_is_terminal: false,
                terminal_size_now: Arc::new(|| None),
                diagnostics: Arc::new(|_| {}),
                wall: Box::new(|| Timestamp::UNIX_EPOCH),
            };
            (env, out, err)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_wait_for_no_reader() {
        let (reader, writer) = io::pipe().unwrap();
        // more than a pipe holds
        let words = "words ".repeat(100_000);
        assert!(said_within(writer, &words, Duration::from_millis(50)));
        drop(reader);
        let (mut reader, writer) = io::pipe().unwrap();
        assert!(said_within(writer, "words", Duration::from_secs(10)));
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "words");
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        let (env, _, _) = Env::by_hand(&[("A", ""), ("B", "x"), ("COLUMNS", "0")]);
        assert_eq!((env.variable("A"), env.variable("B").as_deref()), (None, Some("x")));
        assert_eq!(env.width(), 100);
    }
}
