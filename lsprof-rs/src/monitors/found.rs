//! An event that a monitor wants: what is found out of it, and in which order, so that what a filter drops costs little.

use std::rc::Rc;

use pyo3::prelude::*;

use super::active::Active;
use super::argument::Argument;
use super::codes::Code;
use super::event::{Event, EventKind, Extra, Stage};
use super::extra::{Wanted, find_out, now_ns};
use super::gauge::Reading;
use super::records::Records;
use super::sinks::Sink;
use super::texts::TextId;

/// An event, as a hook tells of it.
pub struct Found<'f, L, A> {
    /// Who wants it.
    pub monitor: &'f Active,
    /// What happened.
    pub kind: EventKind,
    /// The function, or the one that calls a built-in.
    pub code: &'f Rc<Code>,
    /// The built-in's name.
    pub function: Option<TextId>,
    /// The line, for those that don't stand on the function's first.
    pub line: L,
    /// What Python gets as its third argument.
    pub argument: &'f A,
}

impl<L: Fn() -> u32, A: Argument> Found<'_, L, A> {
    /// Records it, if the filter keeps it.
    ///
    /// # Errors
    /// What a filter in Python raises.
    #[inline(always)]
    pub fn record(&self, py: Python<'_>, sink: &Sink) -> PyResult<()> {
        let asked = sink.asked(py);
        let mut event = self.begun();
        if asked.decides == Stage::Begun && !sink.keeps(py, &event)? {
            self.monitor.take_number();
            return Ok(());
        }
        let extra;
        if !asked.extras.is_empty() {
            extra = self.extra(py, asked.extras);
            event.extra = &extra;
        }
        self.describe(py, &mut event);
        if asked.decides == Stage::Described && !sink.keeps(py, &event)? {
            return Ok(());
        }
        sink.introduce(py, self.monitor.focus.as_ref(), self.monitor.meters());
        let reading = self.read(py, &mut event);
        if asked.decides == Stage::Whole && !sink.keeps(py, &event)? {
            return Ok(());
        }
        sink.record(py, &event);
        if let Some(gauge) = &self.monitor.gauge {
            gauge.told(&reading);
        }
        Ok(())
    }

    /// Hands a record of it to Python.
    ///
    /// # Errors
    /// What the record type or the taker raises.
    pub fn hand_over(&self, py: Python<'_>, records: &Records) -> PyResult<()> {
        let extra = self.extra(py, records.extras());
        let mut event = Event { extra: &extra, ..self.begun() };
        self.describe(py, &mut event);
        self.look_at_memory(py, &mut event);
        records.hand_over(py, &event).map(drop)
    }

    /// The extra fields that are wanted.
    pub fn extra(&self, py: Python<'_>, wanted: Wanted) -> Extra {
        if wanted.is_empty() {
            return Extra::NONE;
        }
        let is_builtin = self.function.is_some();
        find_out(py, wanted, self.monitor.began, self.kind, self.code, is_builtin, self.argument)
    }

    /// What the interpreter tells.
    #[inline(always)]
    fn begun(&self) -> Event<'static> {
        let mut event = Event::of(self.kind, self.code);
        if let Some(function) = self.function {
            event.function = function;
        }
        if self.kind == EventKind::Line || self.function.is_some() {
            event.line_no = (self.line)();
        }
        event
    }

    /// The line's text, and the number. That comes last: for the others other threads may have had to wait, and gone on meanwhile.
    #[inline(always)]
    fn describe(&self, py: Python<'_>, event: &mut Event<'_>) {
        if self.kind == EventKind::Line {
            event.line = Some(self.code.line_text(py, event.line_no));
        }
        event.index = self.monitor.take_number();
    }

    /// The memory, which is told by this event.
    pub fn look_at_memory(&self, py: Python<'_>, event: &mut Event<'_>) {
        let reading = self.read(py, event);
        if let Some(gauge) = &self.monitor.gauge {
            gauge.told(&reading);
        }
    }

    #[inline(always)]
    fn read(&self, py: Python<'_>, event: &mut Event<'_>) -> Reading {
        let Some(gauge) = &self.monitor.gauge else { return Reading::default() };
        let reading = gauge.read(py);
        Reading { rss: event.rss, vms: event.vms, peak: event.peak } = reading;
        // Looking at the clock takes next to nothing beside looking at the memory.
        event.time_ns = now_ns();
        reading
    }
}
