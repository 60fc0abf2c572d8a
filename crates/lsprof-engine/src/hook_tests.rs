//! Events as hooks report them, for tests: in the quickest way that there is for each.

use crate::clock::Ticks;
use crate::coroutines::Ending;
use crate::recorder::Recorder;
use crate::tables::Key;

/// A call that is no step begins. Whether it needed little.
pub(crate) fn enter(recorder: &mut Recorder, key: Key, now: Ticks) -> bool {
    let is_lean = recorder.enter_leanly(key, || now);
    if !is_lean && !recorder.enter_extended_quickly(key, || None, || now) {
        assert!(recorder.enter(key));
        recorder.prepare();
        recorder.start(now);
    }
    is_lean
}

/// The newest call is over, which is of this function. Whether it needed little.
pub(crate) fn leave(recorder: &mut Recorder, key: Key, now: Ticks) -> bool {
    let is_lean = recorder.leave_leanly(key, now);
    assert!(is_lean || recorder.leave_extended_quickly(key, || Ending::Parked, now));
    is_lean
}
