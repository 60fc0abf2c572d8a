//! Writes to a file on a thread of its own, while the program goes on. The thread is there only while there is much to write:
//! none is left where the process forks.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use pikos_os::signals;

/// So many pieces may wait; then the program waits for the disk.
const WAITING: usize = 4;

/// A file, and who writes to it.
pub struct Writer {
    file: Arc<File>,
    running: Option<Running>,
}

struct Running {
    /// The process that it is a thread of.
    process: u32,
    pieces: SyncSender<Vec<u8>>,
    /// Pieces that are written, to be filled again.
    empty: Receiver<Vec<u8>>,
    thread: JoinHandle<io::Result<()>>,
}

impl Writer {
    /// To this file. No thread yet.
    pub fn new(file: File) -> Self {
        Self { file: Arc::new(file), running: None }
    }

    /// Takes the text, and leaves room for more. An error may be that of a text before.
    pub fn send(&mut self, text: &mut Vec<u8>) -> io::Result<()> {
        self.leave_parents();
        if self.running.is_none() {
            self.running = Running::start(&self.file).ok();
        }
        let Some(running) = &self.running else { return self.write(text) };
        let room = running.empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(text.capacity()));
        match running.pieces.send(std::mem::replace(text, room)) {
            Ok(()) => Ok(()),
            Err(_) => self.finish(),
        }
    }

    /// Returns when the text is written, and all that was sent before.
    pub fn write(&mut self, text: &mut Vec<u8>) -> io::Result<()> {
        let written = self.finish().and_then(|()| self.file.as_ref().write_all(text));
        text.clear();
        written
    }

    /// Waits for the thread.
    fn finish(&mut self) -> io::Result<()> {
        self.leave_parents();
        let Some(Running { pieces, thread, .. }) = self.running.take() else { return Ok(()) };
        drop(pieces);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes has failed")))
    }

    /// In a child that was forked without a word to us: the thread is the parent's, and so is what it writes.
    fn leave_parents(&mut self) {
        if self.running.as_ref().is_some_and(|running| running.process != std::process::id()) {
            std::mem::forget(self.running.take());
        }
    }
}

impl Running {
    fn start(file: &Arc<File>) -> io::Result<Self> {
        let (pieces, theirs) = sync_channel::<Vec<u8>>(WAITING);
        let (written, empty) = sync_channel(WAITING);
        let file = Arc::clone(file);
        let body = move || {
            for mut piece in theirs {
                file.as_ref().write_all(&piece)?;
                piece.clear();
                // There are enough.
                _ = written.try_send(piece);
            }
            Ok(())
        };
        let thread = signals::with_all_blocked(|| {
            std::thread::Builder::new().name("pikos-writer".to_owned()).stack_size(64 * 1024).spawn(body)
        })?;
        Ok(Self { process: std::process::id(), pieces, empty, thread })
    }
}
