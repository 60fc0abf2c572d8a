//! The terminal as the view needs it, and as the shell had it before: whatever ends the view puts
//! it back.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pikos_os::terminal;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::style::Print;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{execute, queue};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::{SigId, flag, low_level};

use super::state::State;
use super::state::layout::Size;
use super::view::{Theme, render};

/// Whether this process has a screen of ours: a panic may come when it has none.
static IS_OPEN: AtomicBool = AtomicBool::new(false);

/// A screen of 200 × 60 in colours fits, so that it comes in one piece.
const FRAME: usize = 64 << 10;

/// Buttons and the wheel, with places in decimals. Not where the mouse is while nothing is pressed: that would be an event for each
/// cell that it crosses. With Shift, the mouse stays the terminal's own.
const MOUSE_ON: Print<&str> = Print("\x1b[?1000h\x1b[?1006h");
const MOUSE_OFF: Print<&str> = Print("\x1b[?1006l\x1b[?1000l");

/// Whoever is told that the terminal is gone leaves within this time, or is stuck.
const GRACE: Duration = Duration::from_millis(500);

/// The screen, from now until it is dropped.
pub struct TerminalGuard {
    terminal: Terminal<CrosstermBackend<BufWriter<File>>>,
    theme: Theme,
    /// Where to say that the screen is the shell's again.
    out: File,
}

impl TerminalGuard {
    /// Takes the terminal that standard output is, else the one that the process belongs to.
    pub fn open(theme: Theme) -> io::Result<Self> {
        let out = terminal::open()?;
        restore_before_panic_messages();
        let backend = CrosstermBackend::new(BufWriter::with_capacity(FRAME, out.try_clone()?));
        let mut screen = Self { terminal: Terminal::new(backend)?, theme, out };
        screen.enter()?;
        die_with_terminal(screen.out.try_clone()?);
        Ok(screen)
    }

    pub fn size(&self) -> io::Result<Size> {
        let size = self.terminal.size()?;
        Ok(Size { width: size.width, height: size.height })
    }

    pub fn draw(&mut self, state: &State) -> io::Result<()> {
        self.terminal.draw(|frame| render(state, self.theme, frame.buffer_mut()))?;
        Ok(())
    }

    /// Gives the terminal back, stops until the shell says go on, and takes it again.
    pub fn suspend(&mut self) -> io::Result<()> {
        leave(&mut self.out);
        low_level::emulate_default_handler(SIGTSTP)?;
        self.enter()?;
        self.terminal.clear()
    }

    fn enter(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        IS_OPEN.store(true, Ordering::SeqCst);
        queue!(self.out, EnterAlternateScreen, Hide, MOUSE_ON)?;
        self.out.flush()
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        leave(&mut self.out);
    }
}

/// If the terminal is gone, there is nothing to put back, and nobody to tell.
fn leave(out: &mut File) {
    if IS_OPEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(out, MOUSE_OFF, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// crossterm takes the end of a terminal for a key that is yet to come, and reads on for ever: a view whose window was
/// closed would never hear of its SIGHUP. So a thread sleeps until the terminal is gone, and sees to it.
fn die_with_terminal(screen: File) {
    let wait = move || {
        if terminal::wait_until_gone(&screen) {
            std::thread::sleep(GRACE);
            Signals::die_of(SIGHUP);
        }
    };
    // Without it, everything else still works.
    let _ = std::thread::Builder::new().name("pikos-hangup".to_owned()).spawn(wait);
}

/// A message on the alternate screen would vanish with it.
fn restore_before_panic_messages() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if let Ok(mut out) = terminal::open() {
                leave(&mut out);
            }
            report(info);
        }));
    });
}

/// The signals that end a process by default; while this lives, they only leave a note.
pub struct Signals {
    seen: Arc<AtomicUsize>,
    registered: Vec<SigId>,
}

impl Signals {
    pub fn new() -> io::Result<Self> {
        let seen = Arc::new(AtomicUsize::new(0));
        let mut signals = Self { seen, registered: Vec::new() };
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] {
            let id = flag::register_usize(signal, Arc::clone(&signals.seen), signal as usize)?;
            signals.registered.push(id);
        }
        Ok(signals)
    }

    /// The last one that came.
    pub fn seen(&self) -> Option<i32> {
        let seen = self.seen.load(Ordering::Relaxed);
        (seen != 0).then_some(seen as i32)
    }

    /// Dies of it, as if nothing had been registered. Returns only if that is impossible.
    pub fn die_of(signal: i32) {
        let _ = low_level::emulate_default_handler(signal);
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            low_level::unregister(id);
        }
    }
}
