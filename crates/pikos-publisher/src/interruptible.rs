//! A thread that is interrupted for the time of a fork: it ends, hands back what it works with, and is started with that again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use pikos_os::signals;

use super::error::{SocketError, StartError};

/// After an interruption, so long subscribers may take to come back.
pub const COMING_BACK: Duration = Duration::from_millis(500);

/// So long a thread may take to begin, on a machine that is busy.
const BEGINS: Duration = Duration::from_millis(500);

/// The thread, or what it works with.
pub enum Interruptible<W> {
    /// It runs.
    Running(JoinHandle<Box<W>>),
    /// It was interrupted.
    Resting(Box<W>),
    /// It has ended.
    Over,
}

impl<W> Interruptible<W> {
    /// Interrupts it, if it runs; `order` tells it to end. Whether it ran.
    pub fn rest(&mut self, order: impl FnOnce()) -> bool {
        match self.take() {
            Self::Running(thread) => {
                order();
                *self = thread.join().map_or(Self::Over, Self::Resting);
                true
            }
            other => {
                *self = other;
                false
            }
        }
    }

    /// Starts it again, if it was interrupted.
    pub fn resume(&mut self, start: impl FnOnce(Box<W>) -> Result<JoinHandle<Box<W>>, (Box<W>, StartError)>) {
        *self = match self.take() {
            Self::Resting(work) => match start(work) {
                Ok(thread) => Self::Running(thread),
                // The next fork may have more luck.
                Err((work, _)) => Self::Resting(work),
            },
            other => other,
        };
    }

    /// Ends it, if it runs; `order` tells it to.
    pub fn end(&mut self, order: impl FnOnce()) {
        if let Self::Running(thread) = self.take() {
            order();
            // It has nothing to answer.
            let _ = thread.join();
        }
    }

    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Over)
    }
}

/// Opens sockets for the work and starts a thread of this name with both; all signals are the program's other threads'. Work that
/// can't be started is handed back.
pub fn launch<W: Send + 'static, S: Send + 'static>(
    name: &str,
    work: Box<W>,
    open: impl FnOnce(&W) -> Result<S, SocketError>,
    run: impl FnOnce(Box<W>, S) -> Box<W> + Send + 'static,
) -> Result<JoinHandle<Box<W>>, (Box<W>, StartError)> {
    signals::with_all_blocked(|| {
        let sockets = match open(&work) {
            Ok(sockets) => sockets,
            Err(error) => return Err((work, error.into())),
        };
        // Handed over by a cell, so that it is not lost where no thread can be had.
        let cell = Arc::new(Mutex::new(Some((work, sockets))));
        let theirs = Arc::clone(&cell);
        let (tell, begun) = std::sync::mpsc::sync_channel(1);
        let body = move || {
            let (work, sockets) = locked(&theirs).take().expect("put there before the thread was made");
            // Its own variables, which the system makes at first use, and ends the process where it can't.
            drop(std::hash::RandomState::new());
            let _ = tell.send(());
            run(work, sockets)
        };
        let thread = Builder::new().name(name.to_owned()).spawn(body).map_err(|error| {
            let (work, _) = locked(&cell).take().expect("no thread has taken it");
            (work, error.into())
        })?;
        // Before the program goes on, and takes what memory there is.
        let _ = begun.recv_timeout(BEGINS);
        Ok(thread)
    })
}

/// What a mutex guards, whoever has panicked with it.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
