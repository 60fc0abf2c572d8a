//! How long each call took, and what processors had of functions: kept by the formats that have room for it, added up, compared,
//! and shown where there is any.

use pstats_compat::details::Detail;
use pstats_compat::diff::{Diff, Noise};
use pstats_compat::distribution::{Distribution, Slowest};
use pstats_compat::formats::{csv, json, native};
use pstats_compat::merge::Merger;
use pstats_compat::report::{Report, SortKey};
use pstats_compat::{Calls, Edge, Function, FunctionId, Profile, hide};

/// A function whose calls took so many milliseconds.
fn function(name: &str, durations: &[u64]) -> Function {
    let seconds = |duration: u64| duration as f64 * 1e-3;
    let sum = seconds(durations.iter().sum());
    let ncalls = durations.len() as u64;
    let calls = Calls {
        ncalls,
        primitive_calls: ncalls,
        tottime: sum,
        cumtime: sum,
        cpu_tottime: sum / 2.0,
        cpu_cumtime: sum / 4.0,
    };
    let (min, max) = (durations.iter().min().unwrap(), durations.iter().max().unwrap());
    let slowest = Slowest {
        seconds: seconds(*max),
        at: Some(sum),
        // In a profile of two functions, called by the other one.
        stack: vec![FunctionId(1), FunctionId(0)],
    };
    let mut distribution = Distribution::new(seconds(*min), slowest);
    durations.iter().for_each(|&duration| distribution.add(seconds(duration), 1));
    let distribution = Some(Box::new(distribution));
    Function { distribution, ..Function::new("app.py".into(), 1, name.into(), calls) }
}

fn profile(durations: &[u64]) -> Profile {
    let functions = vec![function("work", durations), function("rest", &[7])];
    let calls = functions[0].calls;
    Profile::new(functions, vec![Edge { caller: FunctionId(1), callee: FunctionId(0), calls }])
}

type Write = fn(&Profile, &mut dyn std::io::Write) -> pstats_compat::Result<()>;

fn written(profile: &Profile, write: Write) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(profile, &mut bytes).unwrap();
    bytes
}

fn work(profile: &Profile) -> &Function {
    profile.functions.iter().find(|function| function.name.as_bytes() == b"work").unwrap()
}

#[test]
fn files_keep_all_of_it() {
    let profile = profile(&[1, 1, 2, 900]);
    assert_eq!(native::read(&written(&profile, native::write)).unwrap(), profile);
    assert_eq!(json::read(&written(&profile, json::write)).unwrap(), profile);
    let table = String::from_utf8(written(&profile, csv::write)).unwrap();
    assert!(table.contains("cpu_tottime,cpu_cumtime,min,p50,p90,p99,p999,max,slowest_at\r\n"), "{table}");
}

#[test]
fn a_sum_is_the_profile_of_all() {
    let all: Vec<u64> = (1..=200).map(|n| n * n % 991 + 1).collect();
    for parts in [1, 7, 100] {
        let mut merger = Merger::new();
        for part in 0..parts {
            let durations: Vec<u64> = all.iter().copied().skip(part).step_by(parts).collect();
            // Functions have other places in each.
            let mut profile = profile(&durations);
            if part % 2 == 1 {
                profile.functions.swap(0, 1);
                profile.edges[0] = Edge { caller: FunctionId(0), callee: FunctionId(1), ..profile.edges[0] };
                for function in &mut profile.functions {
                    let stack = &mut function.distribution.as_mut().unwrap().slowest.stack;
                    *stack = vec![FunctionId(0), FunctionId(1)];
                }
            }
            merger.add(profile).unwrap();
        }
        let sum = merger.finish();
        let (sum_of, exact) = (work(&sum), function("work", &all));
        let (found, expected) = (sum_of.distribution.as_ref().unwrap(), exact.distribution.as_ref().unwrap());
        assert_eq!((found.buckets(), found.min), (expected.buckets(), expected.min));
        assert_eq!(found.slowest.seconds, expected.slowest.seconds);
        let names: Vec<String> =
            found.slowest.stack.iter().map(|&id| sum.function(id).name.to_string()).collect();
        assert_eq!(names, ["rest", "work"]);
        assert!((sum_of.calls.cpu_tottime - exact.calls.cpu_tottime).abs() < 1e-9);
    }
}

#[test]
fn a_sum_with_one_that_doesn_t_know_knows_nothing() {
    let mut merger = Merger::new();
    merger.add(profile(&[1, 2])).unwrap();
    let mut plain = profile(&[3]);
    for function in &mut plain.functions {
        function.distribution = None;
        (function.calls.cpu_tottime, function.calls.cpu_cumtime) = (0.0, 0.0);
    }
    merger.add(plain).unwrap();
    let sum = merger.finish();
    assert!(!sum.has_distributions() && !sum.has_cpu());
    assert_eq!(sum.edges[0].calls.cpu_tottime, 0.0);
}

#[test]
fn hidden_functions_are_in_no_stack_and_leave_their_processor_time() {
    let shown = hide::hide(&profile(&[10, 20]), &[true, false]).profile;
    let rest = &shown.functions[0];
    assert_eq!(rest.distribution.as_ref().unwrap().slowest.stack, [FunctionId(0)]);
    assert!((rest.calls.cpu_tottime - (0.0035 + 0.015)).abs() < 1e-9, "{}", rest.calls.cpu_tottime);
}

#[test]
fn tables_show_it_and_sort_by_it() {
    let profile = profile(&[1, 1, 2, 900]);
    let mut text = Vec::new();
    let key: SortKey = "p99".parse().unwrap();
    Report::new(&profile, &[key]).write_stats(&[], &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let heading = text.lines().find(|line| line.contains("ncalls")).unwrap();
    let words: Vec<&str> = heading.split_whitespace().collect();
    assert_eq!(
        words,
        "ncalls tottime cumtime cpu cpu-cumtime min p50 p90 p99 p99.9 max filename:lineno(function)"
            .split(' ')
            .collect::<Vec<_>>()
    );
    let row = text.lines().find(|line| line.ends_with("(work)")).unwrap();
    assert!(row.contains("1.00 ms") && row.contains("900 ms"), "{row}");
}

#[test]
fn profiles_are_compared_by_it() {
    let (before, after) = (profile(&[1, 2, 3, 100]), profile(&[1, 2, 3, 150]));
    let noise = Noise { part: 0.05, seconds: 0.0 };
    let changes = |by| Diff::by(&before, &after, noise, Some(by)).unwrap().changes.len();
    assert_eq!((changes(Detail::P50), changes(Detail::Max)), (0, 1));
    let diff = Diff::by(&before, &after, noise, Some(Detail::P99)).unwrap();
    assert!(diff.call_growth_above(|was| 0.6 * was).is_none());
    let growth = diff.call_growth_above(|was| 0.2 * was).unwrap();
    assert!((growth.amount - 0.05).abs() < 1e-9, "{}", growth.amount);
    let plain = Profile::new(vec![Function { distribution: None, ..function("work", &[1]) }], vec![]);
    let error = Diff::by(&plain, &after, noise, Some(Detail::P99)).unwrap_err();
    assert!(error.to_string().contains("--distribution"), "{error}");
}

#[test]
fn nonsense_in_files_is_refused() {
    let text = String::from_utf8(written(&profile(&[1, 2]), json::write)).unwrap();
    for (sound, nonsense) in [
        ("\"slowest_stack\":[1,0]", "\"slowest_stack\":[1,9]"),
        ("\"buckets\":[[", "\"buckets\":[[65000,1],["),
        (",1]]", ",0]]"),
    ] {
        assert!(text.contains(sound), "{sound} in {text}");
        let error = json::read(text.replacen(sound, nonsense, 1).as_bytes()).unwrap_err();
        assert!(error.to_string().contains("distribution"), "{error}");
    }
}
