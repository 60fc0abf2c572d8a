//! Times that were found by looks: their errors are told wherever a person reads them, and of no other profile.

use pstats_compat::model::facts::{INTERVAL, LOOKS, SAMPLED, TIMES};
use pstats_compat::report::Report;
use pstats_compat::summary::{Paper, write};
use pstats_compat::{Calls, Function, Profile};

fn profile(is_sampled: bool) -> Profile {
    let calls = Calls { ncalls: 4, primitive_calls: 4, tottime: 2.5, cumtime: 2.5, ..Calls::default() };
    let mut profile = Profile::new(vec![Function::new("app.py".into(), 1, "work".into(), calls)], vec![]);
    if is_sampled {
        let facts = [(TIMES, SAMPLED), (LOOKS, "2500"), (INTERVAL, "0.001")];
        profile.metadata.facts = facts.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    }
    profile
}

fn table(profile: &Profile) -> String {
    let mut out = Vec::new();
    Report::new(profile, &[]).write_stats(&[], &mut out).expect("it goes to memory");
    String::from_utf8(out).expect("names are ASCII here")
}

#[test]
fn a_table_has_the_errors_of_own_times() {
    let sampled = table(&profile(true));
    assert!(
        sampled.contains("times were sampled by 2500 looks: +/- is the standard error of tottime\n"),
        "{sampled}"
    );
    let row = sampled.lines().find(|line| line.contains("app.py:1(work)")).expect("the function has a row");
    assert_eq!(
        row.split_whitespace().collect::<Vec<_>>()[..6],
        ["4", "2.500", "0.625", "2.500", "0.625", "0.050"]
    );
    let exact = table(&profile(false));
    assert!(!exact.contains("+/-") && !exact.contains("sampled"), "{exact}");
}

#[test]
fn a_summary_says_how_true_a_time_is() {
    let said = |profile: &Profile| {
        let mut out = Vec::new();
        write(profile, &Paper { width: 100, colours: false }, &mut out).expect("it goes to memory");
        String::from_utf8(out).expect("all is ASCII but the sign, which is UTF-8")
    };
    let sampled = said(&profile(true));
    assert!(sampled.contains("times sampled by 2,500 looks: one of 1 s is known to ± 31.6 ms"), "{sampled}");
    assert!(!said(&profile(false)).contains("sampled"));
}
