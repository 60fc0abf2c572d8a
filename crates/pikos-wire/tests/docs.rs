//! What docs/wire.md says is what is sent, and the other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pikos_wire::{
    Activations, Command, CoroutineRow, DurationRow, EdgeRow, End, Facts, FunctionRow, IdleRow, LabelRow,
    Message, Name, NodeRow, RECORDS, Recorded, Records, Reply, Request, SAMPLES, Sampled, SlowRow, TaskRow,
    TasksPart, ThreadRow, TreePart, TypePlaces, Types, VERSION, WireError,
};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/wire.md");
    std::fs::read_to_string(path).expect("docs/wire.md")
}

/// The text below a heading, until the next one.
fn section(page: &str, heading: &str) -> String {
    let start = page.find(heading).unwrap_or_else(|| panic!("no {heading:?}")) + heading.len();
    let rest = &page[start..];
    rest[..rest.find("\n## ").unwrap_or(rest.len())].to_owned()
}

/// The rows of a section's table: the keys in the first cell, and the second cell.
fn table(section: &str) -> Vec<(Vec<String>, String)> {
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let (keys, value) = row[1..].split_once('|').expect("two cells");
        (quoted(keys), value.to_owned())
    })
    .collect()
}

fn keys(table: &[(Vec<String>, String)]) -> BTreeSet<String> {
    table.iter().flat_map(|(keys, _)| keys.clone()).collect()
}

/// What stands in backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// How many elements `[a, b, c]` names.
fn elements(text: &str) -> usize {
    let (_, list) = text.split_once('[').unwrap_or_else(|| panic!("no list in {text:?}"));
    list.split(']').next().expect("its end").split(',').count()
}

/// What kind of thing was encoded.
enum Shape {
    Map(BTreeMap<String, Shape>),
    Array(Vec<Shape>),
    Other,
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        macro_rules! others {
            ($($visit:ident $kind:ty),*) => {$(
                fn $visit<E: de::Error>(self, _: $kind) -> Result<Shape, E> {
                    Ok(Shape::Other)
                }
            )*};
        }
        impl<'de> Visitor<'de> for Any {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            others!(visit_bool bool, visit_u64 u64, visit_i64 i64, visit_f64 f64, visit_str &str, visit_bytes &[u8]);

            fn visit_unit<E: de::Error>(self) -> Result<Shape, E> {
                Ok(Shape::Other)
            }

            fn visit_none<E: de::Error>(self) -> Result<Shape, E> {
                Ok(Shape::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Shape::Array(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Shape, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((key, value)) = entries.next_entry()? {
                    map.insert(key, value);
                }
                Ok(Shape::Map(map))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl Shape {
    fn of(bytes: &[u8]) -> Self {
        rmp_serde::from_slice(bytes).expect("our own bytes")
    }

    fn map(&self) -> &BTreeMap<String, Shape> {
        let Self::Map(map) = self else { panic!("no map") };
        map
    }

    fn keys(&self) -> BTreeSet<String> {
        self.map().keys().cloned().collect()
    }

    /// The length of the first row of a list of rows.
    fn row(&self) -> usize {
        match self {
            Self::Array(rows) => match rows.first() {
                Some(Self::Array(row)) => row.len(),
                _ => panic!("no rows"),
            },
            _ => panic!("no list"),
        }
    }
}

/// A message that leaves nothing out.
fn whole() -> Message {
    Message {
        v: VERSION,
        recorded: Some(Recorded::default()),
        sampled: Some(Sampled::default()),
        facts: Some(Facts {
            tree: true,
            cpu: true,
            counts: SAMPLES.into(),
            mode: "wall".into(),
            parent: Some(1),
            control: Some("ipc:///x".into()),
            ..Facts::default()
        }),
        end: Some(End::default()),
        functions: vec![Name::default()],
        threads: vec![ThreadRow::default()],
        labels: vec![LabelRow::default()],
        rows: vec![FunctionRow::default()],
        edges: vec![EdgeRow::default()],
        idle: Some(vec![IdleRow::default()]),
        durations: Some(vec![DurationRow::default()]),
        tree: Some(TreePart { base: 0, nodes: vec![NodeRow::default()] }),
        tasks: Some(TasksPart {
            coroutines: vec![CoroutineRow::default()],
            tasks: vec![TaskRow::default()],
            slow: vec![SlowRow::default()],
            ..TasksPart::default()
        }),
        ..Message::default()
    }
}

#[test]
fn the_table_of_a_message_names_what_is_sent() {
    let page = page();
    let section = section(&page, "\n## A message");
    let table = table(&section);
    let sent = Shape::of(&whole().encode());
    assert_eq!(keys(&table), sent.keys());
    let described = |key: &str| {
        let row = table.iter().find(|(keys, _)| keys.iter().any(|other| other == key));
        &row.unwrap_or_else(|| panic!("no {key}")).1
    };
    for key in ["functions", "threads", "labels", "rows", "edges", "idle", "durations"] {
        assert_eq!(elements(described(key)), sent.map()[key].row(), "{key}");
    }
    assert_eq!(
        quoted(described("tree")).into_iter().take(2).collect::<BTreeSet<_>>(),
        sent.map()["tree"].keys()
    );
    assert_eq!(
        quoted(described("recorded")).into_iter().collect::<BTreeSet<_>>(),
        sent.map()["recorded"].keys()
    );
    assert_eq!(quoted(described("end")).into_iter().collect::<BTreeSet<_>>(), sent.map()["end"].keys());
    let paragraph = page.split("\n\n").find(|part| part.starts_with("`sampled` tells")).expect("a paragraph");
    let told = quoted(paragraph).into_iter().skip(1).collect::<BTreeSet<_>>();
    assert_eq!(told, sent.map()["sampled"].keys());
    let nodes = page.lines().find(|line| line.trim_start().starts_with("[thread, node, "));
    assert_eq!(elements(nodes.expect("nodes")), sent.map()["tree"].map()["nodes"].row());
}

#[test]
fn the_table_of_tasks_names_what_is_sent() {
    let page = page();
    let table = table(&section(&page, "\n## Coroutines and tasks"));
    let sent = Shape::of(&whole().encode());
    let sent = sent.map()["tasks"].map();
    assert_eq!(keys(&table), sent.keys().cloned().collect());
    for key in ["coroutines", "tasks", "slow"] {
        let row = table.iter().find(|(keys, _)| keys.iter().any(|other| other == key)).expect("a row");
        assert_eq!(elements(&row.1), sent[key].row(), "{key}");
    }
}

#[test]
fn the_list_of_facts_names_what_is_sent() {
    let page = page();
    let paragraph = page.split("\n\n").find(|part| part.starts_with("`facts`:")).expect("a paragraph");
    // What stands in brackets explains.
    let mut depth = 0;
    let plain = paragraph.replace(
        |sign: char| {
            let was_inside = depth > 0;
            depth += i32::from(sign == '(') - i32::from(sign == ')');
            was_inside || depth > 0
        },
        "",
    );
    let named =
        plain.trim_start_matches("`facts`:").split(';').filter_map(|part| quoted(part).into_iter().next());
    assert_eq!(named.collect::<BTreeSet<_>>(), Shape::of(&whole().encode()).map()["facts"].keys());
}

#[test]
fn the_table_of_records_names_what_is_sent() {
    let page = page();
    let section = section(&page, "\n## Records");
    let message = Records {
        v: VERSION,
        kind: RECORDS.into(),
        threads: vec![0],
        activations: Some(Activations { time: vec![0], ..Activations::default() }),
        types: Some(Types {
            destroyed: vec![0],
            peak: vec![0],
            places: TypePlaces { alive: vec![0], ..TypePlaces::default() },
            ..Types::default()
        }),
        epoch: 1,
        paused: true,
        control: "ipc://".into(),
        ..Records::default()
    };
    let sent = Shape::of(&message.encode().expect("encoded"));
    assert_eq!(keys(&table(&section)), sent.keys());
    let paragraph =
        section.split("\n\n").find(|part| part.starts_with("`activations` are")).expect("a paragraph");
    let described: BTreeSet<String> = quoted(paragraph).into_iter().collect();
    let missing: Vec<_> = sent.map()["activations"].keys().difference(&described).cloned().collect();
    assert_eq!(missing, [""; 0]);
    let paragraph = section.split("\n\n").find(|part| part.starts_with("`types` (of")).expect("a paragraph");
    let described: BTreeSet<String> = quoted(paragraph).into_iter().collect();
    let types = sent.map()["types"].map();
    for part in [types.keys().cloned().collect::<BTreeSet<_>>(), types["places"].keys()] {
        let missing: Vec<_> = part.difference(&described).cloned().collect();
        assert_eq!(missing, [""; 0]);
    }
}

/// The page, the constant and all readers agree.
#[test]
fn any_other_version_is_refused() {
    let page = page();
    assert!(page.starts_with(&format!("# The live stream, version {VERSION}\n")));
    for heading in ["\n## A message", "\n## Records"] {
        let table = table(&section(&page, heading));
        let (_, value) = table.iter().find(|(keys, _)| keys[0] == "v").expect("a row for v");
        assert_eq!(value.trim().split([',', ' ']).next(), Some(VERSION.to_string().as_str()));
    }
    let records = Records { kind: RECORDS.into(), ..Records::default() };
    for other in [0, VERSION + 1, u32::MAX] {
        let refused = [
            Message::decode(&Message { v: other, ..whole() }.encode()).map(drop),
            Records::decode(&Records { v: other, ..records.clone() }.encode().expect("encoded")).map(drop),
            Request::decode(&Request { v: other, command: Command::Status }.encode()).map(drop),
            Reply::decode(&Reply { v: other, ..Reply::default() }.encode()).map(drop),
        ];
        for (which, result) in refused.into_iter().enumerate() {
            assert!(matches!(result, Err(WireError::Version(v)) if v == other), "{which} of version {other}");
        }
    }
}
