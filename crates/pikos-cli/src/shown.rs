//! `--mine`, `--hide` and `--only`: profiles without some of their functions, whose time goes to those that called them.

use pstats_compat::owners::Owners;
use pstats_compat::report::stdname;
use pstats_compat::stacks::Stacks;
use pstats_compat::{Function, Profile, hide, mine};

use crate::args::ShownArgs;
use crate::files;

/// The profile with the user's own functions alone, if that is wanted. Paths tell which these are: nobody may have shortened them
/// before.
pub fn mine(profile: Profile, args: &ShownArgs) -> Profile {
    if !args.mine {
        return profile;
    }
    match mine::fold(&profile, &Owners::of(&profile), &Stacks::by_thread(&profile)) {
        Some(shown) => shown.profile,
        None => {
            say_none();
            profile
        }
    }
}

/// Says that `--mine` has nothing to show.
pub fn say_none() {
    files::say_note("no function of your own code: all are shown");
}

/// The profile without what the patterns leave out.
pub fn matching(profile: Profile, args: &ShownArgs) -> Profile {
    match args.has_patterns() {
        true => without(&profile, |function| args.hides(&stdname(function))),
        false => profile,
    }
}

/// The profile without some functions; says how much time is nobody's by that.
pub fn without(profile: &Profile, is_hidden: impl Fn(&Function) -> bool) -> Profile {
    let is_hidden: Vec<bool> = profile.functions.iter().map(is_hidden).collect();
    let shown = hide::hide(profile, &is_hidden);
    let total = profile.tottime();
    // Below this it is the rounding of many additions.
    if shown.lost > 1e-6 * total {
        files::say_note(&format!(
            "{:.1} % of the time is left out: functions that no function called which is shown",
            100.0 * shown.lost / total
        ));
    }
    shown.profile
}
