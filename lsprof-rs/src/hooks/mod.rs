//! The hooks through which CPython tells us of calls, and the choice among them.
//!
//! | release | hook | why |
//! |---|---|---|
//! | 3.11 | [`set_profile`] | `sys.monitoring` does not exist |
//! | 3.12 on | [`monitoring`] | cheaper, and it covers all threads |
//! | all, if asked for | [`frame_eval`] | Python functions only; the cheapest where the others are dear |
//!
//! The first two are ordinary hooks: they see everything, and a build has one of them. One hook runs at a time. If one
//! of several profiles needs the ordinary hook, all of them use it.
//!
//! Where the nanoseconds go: docs/design/events.md.

pub mod collections;
mod conflict;
mod doors;
mod evaluation;
mod frame_eval;
mod freed;
#[cfg(not(Py_3_12))]
mod leaf_frames;
mod made;
pub mod main_frame;
#[cfg(Py_3_12)]
mod monitoring;
#[cfg(Py_3_12)]
mod monitoring_events;
mod ordinary;
mod quick;
#[cfg(Py_3_12)]
mod rests;
mod self_check;
#[cfg(not(Py_3_12))]
mod set_profile;
mod steps;
#[cfg(not(Py_3_12))]
mod switches;
mod turns;
mod unseen;

use std::borrow::Cow;

#[cfg(Py_3_12)]
pub use monitoring::callback;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
pub use unseen::Unseen;

use crate::collect::registry::{self, Scope};

/// A hook, and why it is this one.
#[derive(Clone)]
pub struct Choice {
    /// Its name.
    pub name: &'static str,
    /// The reason.
    pub reason: Cow<'static, str>,
}

/// What the user asked for.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Wish {
    /// Nothing: the hook that sees everything.
    #[default]
    Ordinary,
    /// Frame evaluation.
    FrameEval,
    /// The cheapest hook that counts Python functions exactly.
    Fast,
}

impl Wish {
    /// From the `hook` argument.
    pub fn parse(name: Option<&str>) -> PyResult<Self> {
        match name {
            None => Ok(Wish::Ordinary),
            Some(name) if name == ordinary::NAME => Ok(Wish::Ordinary),
            Some(frame_eval::NAME) => Ok(Wish::FrameEval),
            Some("fast") => Ok(Wish::Fast),
            Some(name) => Err(PyValueError::new_err(format!(
                "no hook {name:?} on this release; there are \"{}\", \"{}\" and \"fast\" (the cheaper one)",
                ordinary::NAME,
                frame_eval::NAME
            ))),
        }
    }

    /// Refuses built-ins where they can't be seen.
    pub fn check_builtins(self, builtins: bool) -> PyResult<()> {
        if builtins && self != Wish::Ordinary {
            return Err(PyValueError::new_err(
                "hook=\"frame-eval\" and hook=\"fast\" see Python functions only: \
                 pass builtins=False as well, or leave hook out",
            ));
        }
        Ok(())
    }
}

/// Which hook events come through unless something else is asked for.
pub fn choice() -> Choice {
    Choice { name: ordinary::NAME, reason: Cow::Borrowed(ordinary::REASON) }
}

/// Which hook a profile that is not enabled would get, if nothing else was going on.
pub fn choice_for(py: Python<'_>, wish: Wish) -> PyResult<Choice> {
    let reason = match wish {
        Wish::Ordinary => return Ok(choice()),
        Wish::FrameEval => "asked for",
        Wish::Fast => match ordinary::FASTER_THAN_FRAMES {
            Some(reason) => return Ok(Choice { name: ordinary::NAME, reason: Cow::Borrowed(reason) }),
            None => FRAMES_ARE_FASTER,
        },
    };
    Ok(match frame_eval::obstacle(py)? {
        None => Choice { name: frame_eval::NAME, reason: Cow::Borrowed(reason) },
        Some(obstacle) => {
            let reason = format!("{} was asked for, but {obstacle}", frame_eval::NAME);
            Choice { name: ordinary::NAME, reason: Cow::Owned(reason) }
        }
    })
}

const FRAMES_ARE_FASTER: &str = "the cheapest on this release for Python functions only";

/// Whether a profile watches all threads where the user didn't say: as the interpreter's own cProfile does.
pub fn all_threads_by_default() -> bool {
    ordinary::ALL_THREADS_BY_DEFAULT
}

/// Whether enabling a profile twice is an error, as it is with the interpreter's own cProfile from 3.12 on.
pub fn refuses_second_enable() -> bool {
    ordinary::REFUSES_SECOND_ENABLE
}

/// The error where another profile stands in the way.
pub fn already_active(owner: &str) -> PyErr {
    conflict::already_active(ordinary::SLOT, owner)
}

/// Lets go of a profile that nobody but the interpreter refers to any more: it can't be disabled, so it must not
/// stand in the way. `is_profiler` tells objects that stand for a profile.
pub fn release_abandoned(py: Python<'_>, is_profiler: fn(&Bound<'_, PyAny>) -> bool) -> PyResult<()> {
    ordinary::release_abandoned(py, is_profiler)
}

/// Lets the events of `scope` come in. The registry has the profile already. `profiler` is the Profiler object.
pub fn install(
    py: Python<'_>,
    scope: Scope,
    profiler: &Py<PyAny>,
    wish: Wish,
    evaluates_leaves: bool,
) -> PyResult<Choice> {
    turns::take(py, || install_in_turn(py, scope, profiler, wish, evaluates_leaves))
}

fn install_in_turn(
    py: Python<'_>,
    scope: Scope,
    profiler: &Py<PyAny>,
    wish: Wish,
    evaluates_leaves: bool,
) -> PyResult<Choice> {
    registry::limit_stack_by(py, stack_limit);
    #[cfg(not(Py_3_12))]
    registry::find_threads_by(py, |py| {
        if set_profile::find_new_threads(py) {
            leaf_frames::stay(py);
        } else if set_profile::watches_all_threads() {
            leaf_frames::glance(py);
        }
    });
    #[cfg(not(Py_3_12))]
    switches::use_function(py, set_profile::on_event, |py, scopes| {
        set_profile::install_for_contexts(py)?;
        scopes.into_iter().try_for_each(|scope| leaf_frames::install(py, scope))
    });
    let mut choice = choice_for(py, wish)?;
    if choice.name == frame_eval::NAME {
        if frame_eval::covers(py, scope) {
            return Ok(choice);
        } else if !registry::any_ordinary(py) {
            frame_eval::install(py, scope)?;
            return Ok(choice);
        }
        choice = Choice { name: ordinary::NAME, reason: Cow::Borrowed(SHARED) };
    }
    frame_eval::take_over(py, SHARED)?;
    registry::set_ordinary(py, scope);
    if registry::any_follows(py) {
        freed::check(py)?;
    }
    freed::follow_registry(py);
    made::follow_registry(py);
    let is_of_context = matches!(scope, Scope::Context(_));
    if is_of_context || registry::follows_labels(py) {
        doors::watch(py)?;
    }
    #[cfg(Py_3_12)]
    if is_of_context {
        rests::begin(py, registry::contexts_are_told(py), monitoring::look_at_contexts);
    }
    ordinary::install(py, scope, profiler)?;
    #[cfg(Py_3_12)]
    let _ = evaluates_leaves; // 3.11's own concern
    #[cfg(not(Py_3_12))]
    if set_profile::watches_all_threads() || (evaluates_leaves && matches!(scope, Scope::Thread(_))) {
        leaf_frames::install(py, scope)?;
    }
    Ok(choice)
}

const SHARED: &str = "another profile that is enabled needs it, and one hook runs at a time";

/// Undoes `install`. The registry has lost the profile already.
pub fn remove(py: Python<'_>, scope: Scope, profiler: Option<&Py<PyAny>>) -> PyResult<()> {
    turns::take(py, || remove_in_turn(py, scope, profiler))
}

fn remove_in_turn(py: Python<'_>, scope: Scope, profiler: Option<&Py<PyAny>>) -> PyResult<()> {
    freed::follow_registry(py);
    made::follow_registry(py);
    if registry::has(py, scope) {
        // Another thread has enabled one for the same meanwhile, which goes on with what there is.
        Ok(())
    } else if frame_eval::covers(py, scope) {
        frame_eval::remove(py, scope)
    } else {
        #[cfg(not(Py_3_12))]
        leaf_frames::remove(py, scope);
        #[cfg(Py_3_12)]
        if matches!(scope, Scope::Context(_)) {
            rests::end(py, registry::any_ordinary_in_all_threads(py));
        }
        ordinary::remove(py, scope, profiler)
    }
}

/// From now on it depends on the context where events go.
///
/// # Errors
/// What CPython raises.
pub fn follow_contexts(py: Python<'_>) -> PyResult<()> {
    turns::take(py, || {
        doors::watch(py)?;
        // 3.11's own function looks by itself.
        #[cfg(Py_3_12)]
        monitoring::look_at_contexts(py)?;
        Ok(())
    })
}

/// Which hook the events of an enabled profile come through now, where `install` answered `chosen`.
pub fn running(py: Python<'_>, scope: Scope, chosen: &Choice) -> Choice {
    if chosen.name != frame_eval::NAME || frame_eval::covers(py, scope) {
        return chosen.clone();
    }
    Choice { name: ordinary::NAME, reason: Cow::Borrowed(frame_eval::why_taken_over(py)) }
}

/// How far down the running thread's stack Python frames may be evaluated by us; all of it if they aren't.
fn stack_limit() -> usize {
    #[cfg(not(Py_3_12))]
    if leaf_frames::is_running() {
        return pikos_os::stack::limit_of_calls();
    }
    frame_eval::stack_limit()
}
