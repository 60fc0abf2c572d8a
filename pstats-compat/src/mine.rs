//! One's own code in front: each function of others is a part of the own one that called it, by whatever way.

use crate::hide::{self, Shown};
use crate::model::{Calls, Function, Profile};
use crate::owners::Owners;
use crate::stacks::Stacks;

/// What stands for all that no own function has called, as a built-in is named.
const ELSEWHERE: &str = "<outside of your code>";

/// The profile with the user's own functions alone; their own times are those of all that they called of others. None if there
/// is no code of the user's in it. `stacks` are the profile's: where they weren't recorded they take long to be made.
pub fn fold(profile: &Profile, owners: &Owners, stacks: &Stacks<'_>) -> Option<Shown> {
    owners.has_own().then(|| {
        let mut shown = hide::hide_with(profile, stacks, &owners.others(), Some(elsewhere()));
        if shown.lost == 0.0 {
            // It is the last one, and in no stack.
            shown.profile.functions.pop();
        }
        shown
    })
}

/// What stands for the rest.
pub fn elsewhere() -> Function {
    Function::new("~".into(), 0, ELSEWHERE.into(), Calls::default())
}

/// Whether this is what stands for the rest, in what [`fold`] has made.
pub fn is_elsewhere(function: &Function) -> bool {
    function.is_builtin() && function.name.as_bytes() == ELSEWHERE.as_bytes()
}
