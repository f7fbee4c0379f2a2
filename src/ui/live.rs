//! Progress for a terminal: one line for each target, redrawn in place by indicatif.
//!
//! indicatif draws into memory and we copy that to the stream we were given. So nothing is drawn behind our
//! back by a thread, a test reads what a terminal would get, and only one place writes to stderr.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use unicode_width::UnicodeWidthChar as _;

use super::words::{name, next_end, one_line};
use crate::env::TerminalSize;
use crate::progress::{Progress, TargetProgress};
use crate::report::{Replicas, VerdictName};
use crate::untrusted::Redactor;

/// Cells of the bar.
const BAR: usize = 12;

/// Where no terminal tells its width.
const DEFAULT_WIDTH: usize = 80;

/// Where no terminal tells its height.
const DEFAULT_HEIGHT: usize = 20;

/// Lines of targets, in a window of any height.
const MOST: usize = 15;

/// Judgements may follow one another faster than an eye, or a slow line, can take frames.
const SHORTEST_FRAME: Duration = Duration::from_millis(90);

const SPINNER: [&str; 8] = ["⣷", "⣯", "⣟", "⡿", "⢿", "⣻", "⣽", "⣾"];

pub(super) struct Live {
    screen: Screen,
    /// All lines are one message of one bar: a bar for each would redraw all of them for each of them.
    lines: ProgressBar,
    color: bool,
    frame: usize,
    last_frame: Option<Duration>,
}

impl Live {
    pub(super) fn new(size: TerminalSize, color: bool) -> Self {
        let screen = Screen { drawn: Arc::default(), size };
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let lines = ProgressBar::with_draw_target(None, target);
        // The template is ours and valid; were it not, the default style still shows the message.
        lines.set_style(
            ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        Self { screen, lines, color, frame: 0, last_frame: None }
    }

    pub(super) fn update(
        &mut self,
        progress: &Progress,
        now: Duration,
        redactor: &Redactor,
        err: &mut dyn Write,
    ) {
        if self.last_frame.is_some_and(|last| now.saturating_sub(last) < SHORTEST_FRAME) {
            return;
        }
        self.last_frame = Some(now);
        self.frame = self.frame.wrapping_add(1);
        // The last cell stays free: some terminals break the line as soon as it is filled.
        let width = usize::from(self.screen.width()).saturating_sub(1);
        let mut targets: Vec<&TargetProgress> = progress.targets.iter().collect();
        // What does not fit the window cannot be redrawn: beside the lines of targets there are one for the rest, one
        // for trouble with the connection, and the one of the cursor.
        let most = usize::from(self.screen.height()).saturating_sub(3).clamp(1, MOST);
        if targets.len() > most {
            // What still needs attention first; otherwise in the order of the user.
            targets.sort_by_key(|target| (target.done == Some(VerdictName::Complete), target.done.is_some()));
        }
        let mut lines: Vec<String> = targets
            .iter()
            .take(most)
            .map(|target| self.target(target, progress, redactor).cut(width))
            .collect();
        if let Some(more) = targets.get(most..).filter(|more| !more.is_empty()) {
            let complete = more.iter().filter(|target| target.done == Some(VerdictName::Complete)).count();
            let of_these =
                if complete > 0 { format!(", {complete} of them complete") } else { String::new() };
            let mut line = Line::new(self.color);
            line.push(Style::new(), &format!("  and {} more{of_these}", more.len()));
            lines.push(line.cut(width));
        }
        if let Some(why) = &progress.blind {
            let text =
                format!("! no connection to the API server, still trying: {}", one_line(why, redactor));
            let mut line = Line::new(self.color);
            line.push(AnsiColor::Yellow.on_default(), &text);
            lines.push(line.cut(width));
        }
        self.lines.set_message(lines.join("\n"));
        self.screen.copy_to(err);
    }

    /// Prints lines above the live ones, where they stay. What is longer than the window is cut: a line that breaks
    /// would be drawn over.
    pub(super) fn print_above(&self, lines: &[String], err: &mut dyn Write) {
        let width = usize::from(self.screen.width()).saturating_sub(1);
        for text in lines {
            let mut line = Line::new(self.color);
            line.push(Style::new().dimmed(), text);
            self.lines.println(line.cut(width));
        }
        self.screen.copy_to(err);
    }

    pub(super) fn finish(&mut self, err: &mut dyn Write) {
        self.lines.finish_and_clear();
        self.screen.copy_to(err);
    }

    /// `deployment/web ███▒▒░ 1/3 (…) waiting for …`; most important first, since the end is what is cut.
    fn target(&self, target: &TargetProgress, progress: &Progress, redactor: &Redactor) -> Line {
        let mut line = Line::new(self.color);
        let plain = Style::new();
        match target.done {
            None => line.push(plain, SPINNER.get(self.frame % SPINNER.len()).copied().unwrap_or(" ")),
            Some(VerdictName::Complete) => line.push(AnsiColor::Green.on_default(), "✓"),
            Some(_) => line.push(AnsiColor::Red.on_default(), "✗"),
        }
        line.push(plain, " ");
        line.push(plain.bold(), &name(target, progress, redactor));
        if let Some(replicas) = &target.replicas {
            line.push(plain, &format!(" {} {}/{}", bar(replicas), replicas.available, replicas.desired));
        }
        if let Some(verdict) = target.done {
            line.push(plain, &format!(" {}", verdict.as_str()));
            return line;
        }
        if let Some(likely) = &target.likely {
            line.push(plain, " ");
            line.push(AnsiColor::Yellow.on_default(), likely.code);
            line.push(
                plain,
                &format!(" ({}): {}", next_end(target, progress), one_line(&likely.headline, redactor)),
            );
            return line;
        }
        line.push(plain, &format!(" ({})", next_end(target, progress)));
        if !target.waiting_for.is_empty() {
            line.push(plain, &format!(" waiting for {}", one_line(&target.waiting_for, redactor)));
        }
        line
    }
}

/// A line in the making: pieces with their styles.
struct Line {
    color: bool,
    pieces: Vec<(Style, String)>,
}

impl Line {
    const fn new(color: bool) -> Self {
        Self { color, pieces: Vec::new() }
    }

    fn push(&mut self, style: Style, text: &str) {
        self.pieces.push((if self.color { style } else { Style::new() }, text.to_owned()));
    }

    /// The line, cut to that many cells.
    fn cut(&self, width: usize) -> String {
        let mut text = String::new();
        let mut left = width;
        for (style, piece) in &self.pieces {
            let mut fits = String::new();
            let mut is_whole = true;
            for c in piece.chars() {
                let cells = c.width().unwrap_or(0);
                if cells > left {
                    is_whole = false;
                    break;
                }
                left -= cells;
                fits.push(c);
            }
            let _ = write!(text, "{style}{fits}{style:#}");
            if !is_whole {
                break;
            }
        }
        text
    }
}

/// Available, ready, updated and missing replicas as one bar, each with a weaker shade.
fn bar(replicas: &Replicas) -> String {
    let total = replicas.desired.max(replicas.updated).max(1);
    let cells = |count: i64| -> usize {
        let cell_count = i64::try_from(BAR).unwrap_or(0);
        // Rounded down, so that a full bar means all.
        usize::try_from(count.clamp(0, total).saturating_mul(cell_count) / total).unwrap_or(0)
    };
    let available = cells(replicas.available.min(replicas.updated));
    let ready = cells(replicas.ready.min(replicas.updated)).max(available);
    let updated = cells(replicas.updated).max(ready);
    let shades = [("█", available), ("▓", ready - available), ("▒", updated - ready), ("░", BAR - updated)];
    shades.iter().map(|(shade, cells)| shade.repeat(*cells)).collect()
}

/// A terminal in memory: what indicatif draws, as the bytes a terminal takes.
#[derive(Clone)]
struct Screen {
    drawn: Arc<Mutex<Vec<u8>>>,
    size: TerminalSize,
}

impl Screen {
    fn draw(&self, bytes: &[u8]) -> io::Result<()> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes)
    }

    fn cursor(&self, cells: usize, direction: char) -> io::Result<()> {
        if cells == 0 { Ok(()) } else { self.draw(format!("\x1b[{cells}{direction}").as_bytes()) }
    }

    /// Moves what was drawn to the real terminal. Whether it takes it does not matter to the wait.
    fn copy_to(&self, err: &mut dyn Write) {
        let drawn = std::mem::take(&mut *self.drawn.lock().unwrap_or_else(PoisonError::into_inner));
        drop(err.write_all(&drawn).and_then(|()| err.flush()));
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Screen")
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        u16::try_from((self.size)().map_or(DEFAULT_WIDTH, |(width, _)| width)).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from((self.size)().map_or(DEFAULT_HEIGHT, |(_, height)| height)).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.cursor(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.cursor(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.cursor(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.cursor(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.draw(format!("{text}\n").as_bytes())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(text.as_bytes())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw(b"\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{likely, progress, target};
    use super::*;

    /// What a terminal of that width shows after those bytes, line by line.
    fn shown(drawn: &[u8], width: usize) -> Vec<String> {
        let text = String::from_utf8(drawn.to_vec()).unwrap();
        let mut rows: Vec<Vec<char>> = vec![vec![' '; width]];
        let (mut row, mut column) = (0, 0);
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c == '\x1b' {
                assert_eq!(chars.next(), Some('['), "only control sequences");
                let mut count = String::new();
                let end = loop {
                    match chars.next().unwrap() {
                        c if c.is_ascii_digit() => count.push(c),
                        c => break c,
                    }
                };
                match end {
                    'A' => row -= count.parse::<usize>().unwrap(),
                    'B' => row += count.parse::<usize>().unwrap(),
                    'K' => rows[row] = vec![' '; width],
                    'm' => {}
                    other => panic!("unexpected control sequence {other}"),
                }
                continue;
            }
            if c == '\r' {
                column = 0;
                continue;
            }
            if c == '\n' || column == width {
                (row, column) = (row + 1, 0);
            }
            if row == rows.len() {
                rows.push(vec![' '; width]);
            }
            if c != '\n' {
                rows[row][column] = c;
                column += 1;
            }
        }
        let lines = rows.into_iter().map(|row| row.into_iter().collect::<String>().trim_end().to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    }

    fn draw(ui: &mut Live, progress: &Progress, out: &mut Vec<u8>) {
        ui.update(progress, progress.elapsed, &Redactor::new::<&str>(&[]).unwrap(), out);
    }

    fn live(width: usize, color: bool) -> Live {
        Live::new(Arc::new(move || Some((width, 50))), color)
    }

    #[test]
    fn ten_targets_in_a_window_of_eight_lines_leave_room_to_be_redrawn_and_what_matters_is_on_top() {
        let mut ui = Live::new(Arc::new(|| Some((60, 8))), false);
        let mut out = Vec::new();
        let mut targets: Vec<TargetProgress> =
            (0..10).map(|n| target(&format!("web-{n}"), [1, 1, 1, 0], "its pod to be ready")).collect();
        for target in &mut targets[..6] {
            target.done = Some(VerdictName::Complete);
        }
        targets[6].done = Some(VerdictName::Failed);
        draw(&mut ui, &progress(3, targets), &mut out);
        let lines = shown(&out, 60);
        assert_eq!(lines.len(), 6, "{lines:?}");
        assert!(lines[0].contains("deployment/web-7") && lines[3].contains("deployment/web-6"), "{lines:?}");
        assert_eq!(lines[5], "  and 5 more, 5 of them complete");
    }

    #[test]
    fn a_line_of_a_log_stays_above_the_live_lines() {
        let mut ui = live(40, false);
        let mut out = Vec::new();
        let state = progress(3, vec![target("web", [1, 1, 0, 0], "its pod")]);
        draw(&mut ui, &state, &mut out);
        ui.print_above(&["web-1/app │ warming up".to_owned(), "x".repeat(100)], &mut out);
        let lines = shown(&out, 40);
        assert_eq!(lines[0], "web-1/app │ warming up");
        assert_eq!(lines[1], "x".repeat(39));
        assert!(lines[2].contains("deployment/web"), "{lines:?}");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn each_target_has_one_line_that_fits_the_width() {
        let mut ui = live(72, false);
        let mut out = Vec::new();
        let stuck = TargetProgress {
            likely: Some(likely("the registry says that there is no image shop/web:1.3", Some((40, 40)))),
            ..target("api", [4, 4, 2, 1], "3 pods to become ready")
        };
        for seconds in [0, 1, 10] {
            let web = target("web", [3, 1, 1, 1], "2 replicas to be updated");
            draw(&mut ui, &progress(seconds, vec![web, stuck.clone()]), &mut out);
        }
        let lines = shown(&out, 72);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].ends_with(" deployment/web ████░░░░░░░░ 1/3 (4m50s left) waiting for 2 replicas t"),
            "{lines:?}"
        );
        assert!(
            lines[1].ends_with(" deployment/api ███▓▓▓▒▒▒▒▒▒ 1/4 image-not-found (fails in 30s): the r"),
            "{lines:?}"
        );
        ui.finish(&mut out);
        assert!(shown(&out, 72).is_empty());
    }

    #[test]
    fn a_lost_connection_has_its_line_until_it_is_back() {
        let mut ui = live(100, false);
        let mut out = Vec::new();
        let web = || vec![target("web", [1, 1, 0, 0], "1 pod to become ready")];
        let blind = Progress { blind: Some("timeout".to_owned()), ..progress(5, web()) };
        draw(&mut ui, &progress(0, web()), &mut out);
        draw(&mut ui, &blind, &mut out);
        assert_eq!(shown(&out, 100)[1], "! no connection to the API server, still trying: timeout");
        draw(&mut ui, &progress(6, web()), &mut out);
        assert_eq!(shown(&out, 100).len(), 1);
    }

    #[test]
    fn a_finished_target_says_its_verdict() {
        let mut ui = live(100, false);
        let mut out = Vec::new();
        let web = TargetProgress { done: Some(VerdictName::Complete), ..target("web", [2, 2, 2, 2], "") };
        draw(&mut ui, &progress(9, vec![web]), &mut out);
        assert_eq!(shown(&out, 100), ["✓ deployment/web ████████████ 2/2 complete"]);
    }

    #[test]
    fn of_many_targets_those_that_need_attention_are_shown() {
        let mut ui = live(100, false);
        let mut out = Vec::new();
        let targets = (0..20).map(|n| {
            let done = (n < 10).then_some(VerdictName::Complete);
            TargetProgress { done, ..target(&format!("w{n}"), [1, 1, 1, 1], "the pod to settle") }
        });
        draw(&mut ui, &progress(9, targets.collect()), &mut out);
        let lines = shown(&out, 100);
        assert_eq!(lines.len(), MOST + 1);
        assert!(
            lines[0].contains("deployment/w10 ") && lines[MOST].ends_with("and 5 more, 5 of them complete"),
            "{lines:?}"
        );
    }

    #[test]
    fn colour_is_ended_where_a_line_is_cut() {
        let mut line = Line::new(true);
        line.push(AnsiColor::Red.on_default(), "日本語");
        assert_eq!(line.cut(5), "\x1b[31m日本\x1b[0m", "a wide character is not halved");
        assert_eq!(line.cut(6), "\x1b[31m日本語\x1b[0m");
    }

    #[test]
    fn a_full_bar_means_all_replicas() {
        let show = |desired, updated, ready, available| {
            bar(&Replicas { desired, updated, ready, available, old: 0 })
        };
        assert_eq!(show(100, 100, 100, 99), "███████████▓");
        assert_eq!(show(0, 0, 0, 0), "░░░░░░░░░░░░");
        // Old pods count as available in the status of a Deployment; they are not progress.
        assert_eq!(show(3, 1, 3, 3), "████░░░░░░░░");
    }
}
