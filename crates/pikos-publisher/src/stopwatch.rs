//! How long is recorded, pauses left out, and what the process has had of its processors meanwhile.

use std::time::{Duration, Instant};

use pikos_os::process::{processor_time, processor_time_of};

/// Runs or stands still; a copy of one goes on by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stopwatch {
    elapsed: Duration,
    cpu: Duration,
    /// While it runs: when it was started, by both clocks.
    since: Option<(Instant, Duration)>,
    /// Whose processors, where that isn't this process.
    process: Option<u32>,
}

impl Stopwatch {
    /// One that asks what another process has had.
    pub fn of_process(pid: u32) -> Self {
        Self { process: Some(pid), ..Self::default() }
    }

    /// Goes on, unless it does already.
    pub fn start(&mut self) {
        if !self.is_running() {
            self.since = Some((Instant::now(), self.processors().unwrap_or_default()));
        }
    }

    /// Takes note of what it shows now: a process that ends takes its times with it.
    pub fn keep(&mut self) {
        if self.is_running() {
            self.stop();
            self.start();
        }
    }

    fn processors(&self) -> Option<Duration> {
        self.process.map_or_else(|| Some(processor_time()), processor_time_of)
    }

    /// Stands still.
    pub fn stop(&mut self) {
        (self.elapsed, self.cpu) = self.read();
        self.since = None;
    }

    /// Begins again at zero; one that runs goes on.
    pub fn reset(&mut self) {
        let runs = self.is_running();
        *self = Self { process: self.process, ..Self::default() };
        if runs {
            self.start();
        }
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.since.is_some()
    }

    /// The time that went by while it ran, and that of the processors.
    pub fn read(&self) -> (Duration, Duration) {
        let (elapsed, cpu) = self.since.map_or_else(Default::default, |(since, cpu)| {
            // In a forked child processors count from zero.
            (since.elapsed(), self.processors().unwrap_or(cpu).saturating_sub(cpu))
        });
        (self.elapsed + elapsed, self.cpu + cpu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_left_out() {
        let mut watch = Stopwatch::default();
        assert_eq!(watch.read(), Default::default());
        watch.start();
        let kept = watch;
        std::thread::sleep(Duration::from_millis(20));
        watch.stop();
        let (elapsed, cpu) = watch.read();
        assert!(elapsed >= Duration::from_millis(20));
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(watch.read(), (elapsed, cpu));
        watch.start();
        assert!(watch.read() >= (elapsed, cpu) && kept.read().0 > elapsed);
        watch.reset();
        assert!(watch.is_running() && watch.read().0 < kept.read().0);
    }
}
