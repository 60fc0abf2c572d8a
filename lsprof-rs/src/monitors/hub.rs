//! Which monitors are enabled, and what each makes of an event. Both hooks end here; [`super::switch`] sets them.

use std::cell::RefCell;
use std::rc::Rc;

use pikos_os::process;
use pyo3::prelude::*;

use super::active::{Active, Destination, Kind, call, call_with_extra};
use super::argument::Argument;
use super::codes::Code;
use super::event::{Event, EventKind, Field};
use super::extra::Wanted;
use super::found::Found;
use super::report::Moment;
use super::texts::TextId;
use crate::ffi::gil::GilCell;
use crate::ffi::thread;

/// Several of them.
pub type Monitors = Rc<[Rc<Active>]>;

/// All that are enabled. Replaced as a whole, so that those who run through it need not mind changes.
static ACTIVE: GilCell<RefCell<Option<Monitors>>> = GilCell::new(RefCell::new(None));

/// All that are enabled now.
pub fn active(py: Python<'_>) -> Monitors {
    ACTIVE.get(py).borrow().clone().unwrap_or_default()
}

/// From now on these are. Returns those of before, which may be the last reference: to be dropped with nothing borrowed.
pub fn set_active(py: Python<'_>, monitors: Option<Monitors>) -> Option<Monitors> {
    ACTIVE.get(py).replace(monitors)
}

/// Offers an event to the monitors. `function` is the built-in's name for events of one; `line` the line, for those that
/// don't stand on the function's first. False if none of them wanted it.
#[inline(always)]
pub fn dispatch(
    py: Python<'_>,
    kind: EventKind,
    code: &Rc<Code>,
    address: usize,
    function: Option<TextId>,
    line: impl Fn() -> u32,
    argument: &impl Argument,
) -> bool {
    let monitors = match &*ACTIVE.get(py).borrow() {
        // Until a child that was forked is told so, its monitors seem to be enabled.
        Some(monitors) if !process::is_forked() => Rc::clone(monitors),
        _ => return false,
    };
    let wanted = if kind == EventKind::Line { Kind::Line } else { Kind::Function };
    let thread = thread::address();
    let mut was_wanted = false;
    for monitor in monitors.iter() {
        if monitor.kind != wanted {
            continue;
        }
        if !monitor.covers(thread) {
            monitor.note_stranger(thread, address);
            continue;
        }
        if let Some(focus) = &monitor.focus {
            let is_inside = match wanted {
                Kind::Line => focus.has(address),
                Kind::Function => focus.admits(thread, kind, address),
            };
            if !is_inside {
                continue;
            }
        }
        was_wanted = true;
        let found = Found { monitor, kind, code, function, line: &line, argument };
        let result = match &monitor.destination {
            Destination::Sink(sink) => {
                let sink = sink.get();
                if sink.is_closed(py) {
                    monitor.take_number();
                    continue;
                }
                found.record(py, sink)
            }
            Destination::Records(records) => found.hand_over(py, records.get()),
            Destination::Report(report) => {
                let moment = Moment { kind, address, thread, line: line() };
                let of_functions = wanted == Kind::Function;
                report.get().record(py, code, &moment, monitor.gauge.as_ref(), of_functions);
                Ok(())
            }
            Destination::Method(method) if monitor.extras.is_empty() => {
                call(py, monitor, method, kind, argument, None)
            }
            Destination::Method(method) => {
                let extra = found.extra(py, Wanted::among(monitor.extras.iter().copied()));
                let mut event = Event { extra: &extra, ..Event::of(kind, code) };
                if monitor.extras.contains(&Field::Peak) {
                    found.look_at_memory(py, &mut event);
                }
                call_with_extra(py, monitor, method, &event, argument)
            }
        };
        if let Err(error) = result {
            monitor.fail(py, error);
        }
    }
    was_wanted
}

/// Tells those who sum up lines, here or elsewhere, that an activation begins or ends.
#[inline(always)]
pub fn tell_activations(py: Python<'_>, kind: EventKind, code: &Rc<Code>, address: usize) {
    let thread = thread::address();
    if process::is_forked() {
        return;
    }
    for monitor in active(py).iter() {
        let is_told = monitor.wants_activations(py)
            && monitor.covers(thread)
            && monitor.focus.as_ref().is_none_or(|focus| focus.has(address));
        if !is_told {
            continue;
        }
        match (&monitor.destination, &monitor.gauge) {
            (Destination::Report(report), gauge) => {
                let moment = Moment { kind, address, thread, line: 0 };
                report.get().record(py, code, &moment, gauge.as_ref(), false);
            }
            (Destination::Sink(sink), _) => {
                sink.get().introduce(py, monitor.focus.as_ref(), monitor.meters());
                sink.get().activation(py, code, kind == EventKind::Return, monitor.meters());
            }
            _ => {}
        }
    }
}
