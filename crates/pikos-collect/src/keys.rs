//! Which keys and label sets there are: so many are told apart, and the rest is counted together.

use std::collections::{BTreeMap, HashMap, HashSet};

use pikos_client::{Labels, Model};
use pstats_compat::Profile;

use crate::key::{Key, kept};

/// Threads of one program; what else it has is counted together.
const MOST_THREADS: usize = 64;
/// Label sets of one program, as many as a process tells apart, and of all programs; what else there is is one set.
const MOST_SETS: usize = 1000;
const MOST_SETS_IN_ALL: usize = 20_000;
/// Keys in all; what else comes is counted together.
const MOST_KEYS: usize = 10_000;
/// What is counted together.
const OTHERS: &str = "others";

/// What one process has told.
pub type Parts = Vec<(Key, Profile)>;

/// Which keys there are.
#[derive(Default)]
pub struct Keys {
    all: HashSet<Key>,
    /// What each program has on each host.
    programs: HashMap<(String, String), Program>,
    /// Label sets of all of them.
    sets: usize,
}

#[derive(Default)]
struct Program {
    threads: usize,
    sets: HashSet<Labels>,
}

impl Keys {
    /// Notes one.
    pub fn add(&mut self, key: &Key) {
        if self.all.insert(key.clone()) {
            self.program(key).threads += 1;
        }
    }

    fn program(&mut self, key: &Key) -> &mut Program {
        self.programs.entry((key.host.clone(), key.program.clone())).or_default()
    }

    /// The key that this one's figures are counted under.
    fn known(&mut self, key: Key) -> Key {
        if self.all.contains(&key) {
            return key;
        }
        if self.all.len() >= MOST_KEYS {
            return Key { host: OTHERS.to_owned(), program: OTHERS.to_owned(), thread: OTHERS.to_owned() };
        }
        if self.program(&key).threads >= MOST_THREADS {
            let others = key.with_thread(OTHERS);
            self.add(&others);
            return others;
        }
        self.add(&key);
        key
    }

    /// The label set that a part of this key's figures is counted under.
    pub fn set(&mut self, key: &Key, labels: Labels) -> Labels {
        // As a process has it that has more than it tells apart.
        let other = || vec![("other".into(), "true".into())];
        let Some(labels) = kept(labels) else { return other() };
        let has_room = self.sets < MOST_SETS_IN_ALL;
        let sets = &mut self.program(key).sets;
        if labels.is_empty() || sets.contains(&labels) {
            return labels;
        }
        if sets.len() >= MOST_SETS || !has_room {
            return other();
        }
        sets.insert(labels.clone());
        self.sets += 1;
        labels
    }

    /// What a process has told, by its threads' keys.
    pub fn parts(&mut self, model: &Model) -> Parts {
        let facts = model.facts();
        let mut of_thread = model.labels();
        let mut keys: BTreeMap<Key, BTreeMap<Labels, Vec<u64>>> = BTreeMap::new();
        for row in model.threads() {
            let labels = of_thread.remove(&row.thread).unwrap_or_default();
            let key = self.known(Key::of(facts, row, &labels));
            let labels = self.set(&key, labels);
            keys.entry(key).or_default().entry(labels).or_default().push(row.thread);
        }
        let has_labels = |sets: &BTreeMap<Labels, Vec<u64>>| sets.keys().any(|labels| !labels.is_empty());
        if keys.len() == 1 && !keys.values().any(has_labels) {
            return keys.into_keys().map(|key| (key, model.profile(None))).collect();
        }
        let groups: Vec<Vec<u64>> =
            keys.values().map(|sets| sets.values().flatten().copied().collect()).collect();
        // Those of all keys at once, one after another.
        let labelled = keys.values().filter(|sets| has_labels(sets));
        let sets = labelled.flat_map(|sets| sets.clone()).collect();
        let mut sets = model.sets(sets).into_iter();
        let part = |((key, own), mut profile): ((Key, BTreeMap<Labels, Vec<u64>>), Profile)| {
            if has_labels(&own) {
                profile.label_sets = sets.by_ref().take(own.len()).collect();
            }
            (key, profile)
        };
        let parts = keys.into_iter().zip(model.profiles(&groups)).map(part);
        parts.filter(|(_, profile)| !profile.functions.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use pikos_client::{Facts, Message};
    use pikos_wire::{
        Finished, FunctionRow, Kind, LabelRow, Name, ThreadRow, VERSION, WireText, name_with_labels,
    };
    use pstats_compat::merge::Merger;

    use super::*;
    use crate::collection::Sums;

    /// A process with a thread that has called a function so often under each of these labels; there it has times alone where it is 0.
    fn process(id: &str, thread: &str, calls: &[(&[(&str, &str)], u64)]) -> Model {
        let function = Name { function: 1, file: "a.py".into(), line: 1, name: "f".into(), qualname: None };
        let mut message = Message {
            v: VERSION,
            kind: Kind::Full,
            id: id.to_owned(),
            seq: 1,
            base: 1,
            tick: 1e-3,
            facts: Some(Facts {
                host: "h".to_owned(),
                argv: vec!["p.py".into()],
                pid: 1,
                ..Facts::default()
            }),
            functions: vec![function],
            ..Message::default()
        };
        for (number, (labels, ncalls)) in (1..).zip(calls) {
            let name = name_with_labels(thread, labels.iter().copied());
            let name = WireText::from(name.as_str());
            message.threads.push(ThreadRow { thread: number, name, ..ThreadRow::default() });
            if !labels.is_empty() {
                let labels = labels.iter().flat_map(|&(name, value)| [name, value]).map(WireText::from);
                message.labels.push(LabelRow { thread: number, labels: labels.collect() });
            }
            let finished = Finished { ncalls: *ncalls, primitive_calls: *ncalls, tottime: 7, cumtime: 7 };
            message.rows.push(FunctionRow {
                thread: number,
                function: 1,
                finished,
                ..FunctionRow::default()
            });
        }
        let mut model = Model::default();
        model.apply(message).expect("sound");
        model
    }

    fn sum(parts: Vec<Parts>) -> Sums {
        let mut mergers: BTreeMap<Key, Merger> = BTreeMap::new();
        for (key, profile) in parts.into_iter().flatten() {
            mergers.entry(key).or_default().add(profile).expect("alike");
        }
        mergers.into_iter().map(|(key, merger)| (key, merger.finish())).collect()
    }

    /// Calls, and thousandths of seconds.
    fn figures(profile: &Profile) -> (u64, u64) {
        let rows =
            profile.rows().map(|(_, row)| (row.calls.ncalls, (row.calls.tottime * 1e3).round() as u64));
        rows.fold((0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1))
    }

    fn by_label(profile: &Profile) -> Vec<(String, (u64, u64))> {
        profile.label_sets.iter().map(|set| (set.to_string(), figures(&set.profile))).collect()
    }

    #[test]
    fn label_sets_are_kept_apart_and_add_up_over_processes() {
        let (pay, list): (&[_], &[_]) = (&[("route", "/pay")], &[("route", "/v2/list")]);
        let mut keys = Keys::default();
        let parts = [
            process("1", "Pool-1_0", &[(&[], 2), (pay, 3), (list, 0)]),
            process("2", "Pool-7_3", &[(&[], 1)]),
            process("3", "Pool-7_3", &[(pay, 5), (pay, 6)]),
        ]
        .map(|model| keys.parts(&model));
        let sums = sum(parts.to_vec());
        let (key, profile) = sums.first_key_value().expect("one thread's name");
        assert_eq!(sums.len(), 1);
        assert_eq!(key.thread, "Pool-*_*");
        assert_eq!(figures(profile), (17, 6 * 7), "what has times alone is there, too");
        assert_eq!(
            by_label(profile),
            [
                ("no label".to_owned(), (3, 14)),
                ("route=/pay".to_owned(), (14, 21)),
                ("route=/v2/list".to_owned(), (0, 7))
            ]
        );
    }

    #[test]
    fn too_many_label_sets_are_one_and_nothing_is_lost() {
        let mut keys = Keys::default();
        let mut parts = Vec::new();
        for number in 0..MOST_SETS + 50 {
            let value = number.to_string();
            let model = process(&value, "MainThread", &[(&[], 1), (&[("request", value.as_str())], 2)]);
            parts.push(keys.parts(&model));
        }
        let sums = sum(parts);
        let profile = sums.values().next().expect("one thread");
        let all = (MOST_SETS + 50) as u64;
        assert_eq!(figures(profile), (3 * all, 2 * 7 * all));
        let sets = by_label(profile);
        assert_eq!(sets.len(), MOST_SETS + 2);
        assert_eq!(sets.last(), Some(&("other=true".to_owned(), (2 * 50, 7 * 50))));
        assert_eq!(sets.iter().map(|(_, (calls, _))| calls).sum::<u64>(), 3 * all);
        // Whoever goes on from there tells the same ones apart.
        let mut again = Keys::default();
        for set in &profile.label_sets {
            again.set(sums.keys().next().expect("one thread"), set.labels.clone());
        }
        let known =
            again.parts(&process("x", "MainThread", &[(&[("request", "3")], 1), (&[("request", "x")], 1)]));
        let labels: Vec<_> = known[0].1.label_sets.iter().map(ToString::to_string).collect();
        assert_eq!(labels, ["other=true", "request=3"]);
    }

    #[test]
    fn label_sets_of_all_programs_are_bounded_together() {
        let mut keys = Keys::default();
        let key = |program: usize| Key { host: "h".into(), program: program.to_string(), thread: "t".into() };
        let labels = |number: usize| vec![("n".into(), number.to_string().as_str().into())];
        let kept = (0..MOST_SETS_IN_ALL + 1000)
            .filter(|number| keys.set(&key(number / 100), labels(*number)) == labels(*number))
            .count();
        assert_eq!(kept, MOST_SETS_IN_ALL);
    }
}
