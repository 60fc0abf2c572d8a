use pikos_wire::{Activations, RECORDS, VERSION};

use super::*;

/// Records of lines of one function: (line, RSS).
fn lines(seq: u64, records: &[(u64, u64)]) -> Records {
    let of = |each: &dyn Fn(&(u64, u64)) -> u64| records.iter().map(each).collect::<Vec<u64>>();
    Records {
        v: 1,
        kind: RECORDS.into(),
        id: "x".into(),
        seq,
        time: 1_000.0 + seq as f64,
        fields: ["index", "function", "lineNo", "RSS", "VMS", "line", "filename"].map(String::from).to_vec(),
        texts: vec!["f".into(), "a.py".into(), "pass".into()],
        columns: vec![
            of(&|_| 7),
            of(&|_| 0),
            of(&|(line, _)| *line),
            of(&|(_, rss)| *rss),
            of(&|(_, rss)| rss.wrapping_mul(2)),
            of(&|_| 2),
            of(&|_| 1),
        ],
        ..Records::default()
    }
}

fn model(messages: impl IntoIterator<Item = Records>) -> RecordModel {
    let mut model = RecordModel::default();
    for message in messages {
        // As it comes from a socket.
        let message = Records::decode(&message.encode().unwrap()).unwrap();
        assert_eq!(model.apply(message).unwrap(), Applied::Taken);
    }
    model
}

/// (line, hits, growth) of each row.
fn growth(model: &RecordModel) -> Vec<(u32, u64, i64)> {
    model.rows().iter().map(|row| (row.line_no, row.hits, row.growth)).collect()
}

#[test]
fn growth_peak_and_curve() {
    let model = model([lines(1, &[(1, 1_000), (2, 1_010)]), lines(2, &[(3, 9_000), (4, 9_001), (1, 500)])]);
    assert_eq!(growth(&model), [(1, 2, 10), (2, 1, 7_990), (3, 1, 1), (4, 1, -8_501)]);
    assert_eq!((model.now().rss, model.most()), (500, Usage { rss: 9_001, vms: 18_002 }));
    // The line that led to it, and where it rose: a little more afterwards is the same height.
    let peak = model.peak().unwrap();
    assert_eq!((peak.row, peak.rss), (RowId(1), 9_000));
    assert!((0.9..1.1).contains(&peak.time), "{}", peak.time);
    assert_eq!(model.curve().range(), Some((500, 9_001)));
    let row = &model.rows()[1];
    assert_eq!((model.text(row.of.function), model.text(row.of.file)), ("f", "a.py"));
    assert_eq!(model.text(row.line.unwrap()), "pass");
    assert_eq!(
        (model.count(), model.lost(), model.is_of_functions(), model.has_memory()),
        (5, 0, false, true)
    );
    assert!((model.age() - 1.05).abs() < 1e-9);
}

#[test]
fn a_gap_ends_what_was_open() {
    let mut dropping = lines(1, &[(1, 100)]);
    dropping.dropped = 3;
    for messages in [[lines(1, &[(1, 100)]), lines(5, &[(2, 900)])], [dropping, lines(2, &[(2, 900)])]] {
        let model = model(messages);
        assert_eq!(growth(&model), [(1, 1, 0), (2, 1, 0)]);
    }
    let model = model([lines(1, &[(1, 100)]), lines(5, &[(2, 900)])]);
    assert_eq!(model.lost(), 3);
}

#[test]
fn a_cleared_recorder_begins_anew() {
    let cleared = |seq, records: &[_]| Records { epoch: 1, ..lines(seq, records) };
    let before = lines(1, &[(1, 100), (2, 90_000)]);
    let model = model([before, cleared(2, &[(7, 500)]), cleared(3, &[(8, 700)])]);
    assert_eq!(growth(&model), [(7, 1, 200), (8, 1, 0)]);
    assert_eq!((model.count(), model.lost(), model.most().rss), (2, 0, 700));
    assert!((model.age() - 1.05).abs() < 1e-9, "{}", model.age());
}

#[test]
fn a_pause_ends_what_was_open() {
    let paused = Records { paused: true, ..lines(2, &[]) };
    let model = model([lines(1, &[(1, 100)]), paused, lines(3, &[(2, 900)])]);
    assert_eq!(growth(&model), [(1, 1, 0), (2, 1, 0)]);
}

#[test]
fn ends_of_activations_stand_between_the_records() {
    // f:1 calls g, which takes 50 and gives it back at its end.
    let mut message = lines(1, &[(1, 100), (10, 101), (2, 110)]);
    message.texts.push("g".into());
    message.columns[1] = vec![0, 3, 0];
    message.activations = Some(Activations {
        at: vec![0, 1, 2, 3],
        ended: vec![0, 0, 1, 1],
        thread: vec![0; 4],
        function: vec![0, 3, 3, 0],
        filename: vec![1; 4],
        rss: vec![100, 101, 151, 111],
        ..Activations::default()
    });
    let model = model([message]);
    assert_eq!(growth(&model), [(1, 1, 10), (10, 1, 50), (2, 1, 1)]);
    assert_eq!(model.most().rss, 151, "an end tells the memory, too");
    assert_eq!(model.peak().unwrap().row, RowId(1));
}

#[test]
fn lines_that_tell_the_time_have_theirs() {
    // f:1 calls g, which takes 50 ns; f:2 is left by its end.
    let mut message = lines(1, &[(1, 100), (10, 110), (2, 180)]);
    message.fields = message
        .fields
        .iter()
        .map(|field| if field == "RSS" { "time".into() } else { field.clone() })
        .collect();
    message.texts.push("g".into());
    message.columns[1] = vec![0, 3, 0];
    message.activations = Some(Activations {
        at: vec![0, 1, 2, 3],
        ended: vec![0, 0, 1, 1],
        thread: vec![0; 4],
        function: vec![0, 3, 3, 0],
        filename: vec![1; 4],
        time: vec![100, 105, 160, 200],
        rss: vec![0; 4],
        ..Activations::default()
    });
    let model = model([message]);
    assert!(model.times_lines() && !model.has_memory());
    assert_eq!(growth(&model), [(1, 1, 80), (10, 1, 50), (2, 1, 20)]);
    assert_eq!(model.rows().iter().map(|row| row.own).collect::<Vec<_>>(), [25, 50, 20]);
    assert_eq!((model.peak(), model.curve().range()), (None, None));
}

#[test]
fn libraries_are_where_they_are_installed() {
    for file in [
        "<frozen importlib._bootstrap>",
        "/usr/lib/python3.13/json/decoder.py",
        "/home/me/.venv/lib/python3.13/site-packages/numpy/matrixlib/defmatrix.py",
        "/usr/lib/python3/dist-packages/apt/cache.py",
    ] {
        assert!(is_library(file), "{file}");
    }
    for file in ["", "<string>", "/home/me/lib/python/mine.py", "script.py", "/srv/site-packages.py"] {
        assert!(!is_library(file), "{file}");
    }
}

#[test]
fn calls_without_memory_are_counted() {
    let message = Records {
        v: 1,
        kind: RECORDS.into(),
        seq: 1,
        fields: ["index", "type", "function", "lineNo", "filename"].map(String::from).to_vec(),
        texts: ["call", "return", "f", "a.py"].map(String::from).to_vec(),
        columns: vec![vec![0, 1, 2], vec![0, 1, 0], vec![2; 3], vec![5; 3], vec![3; 3]],
        ..Records::default()
    };
    let model = model([message]);
    assert_eq!(growth(&model), [(5, 2, 0)]);
    assert_eq!((model.is_of_functions(), model.has_memory(), model.peak()), (true, false, None));
    assert_eq!(model.curve().range(), None);
}

#[test]
fn what_is_odd_changes_nothing() {
    let mut model = model([lines(2, &[(1, 100)])]);
    assert_eq!(model.apply(lines(2, &[(1, 1)])).unwrap(), Applied::Old);
    let refused = |message: Records| RecordModel::default().apply(message).unwrap_err().to_string();
    assert!(refused(lines(0, &[])).contains("from 1"));
    assert!(refused(Records { time: f64::NAN, ..lines(1, &[]) }).contains("not negative"));
    assert!(refused(Records { id: "x".repeat(2_000), ..lines(1, &[]) }).contains("more text"));
    // Neither fields that are missing nor numbers beyond all bounds do harm.
    let bare =
        Records { fields: vec!["RSS".into()], columns: vec![vec![u64::MAX, 0, u64::MAX]], ..lines(3, &[]) };
    model.apply(bare).unwrap();
    model.apply(Records { fields: Vec::new(), columns: Vec::new(), ..lines(4, &[]) }).unwrap();
    assert_eq!(model.count(), 4);
    let mut huge = lines(5, &[(u64::MAX, u64::MAX), (1, 0)]);
    huge.threads = vec![u64::MAX, 0];
    model.apply(huge).unwrap();
    assert_eq!(model.rows().last().unwrap().line_no, u32::MAX);
}

proptest::proptest! {
    /// Whatever passes the decoder: no panic, and no more rows than records and what was under way.
    #[test]
    fn hostile_records_do_no_harm(
        fields in proptest::collection::vec(0..9usize, 0..9),
        values in proptest::collection::vec(proptest::num::u64::ANY, 64),
        rows in 0..6usize,
        ends in proptest::collection::vec((0..7u64, 0..3u64, 0..3u64, 0..4u64, 0..4u64, proptest::num::u64::ANY), 0..9),
        seqs in proptest::collection::vec(0..9u64, 1..5),
    ) {
        const NAMES: [&str; 9] =
            ["index", "type", "function", "lineNo", "line", "filename", "RSS", "VMS", "time"];
        let fields: Vec<String> = fields.iter().map(|field| NAMES[*field].to_owned()).collect();
        let value = |column: usize, row: usize| {
            let value = values[(column * 7 + row) % values.len()];
            if Records::TEXT_FIELDS.contains(&fields[column].as_str()) { value % 4 } else { value }
        };
        let columns = (0..fields.len()).map(|column| (0..rows).map(|row| value(column, row)).collect()).collect();
        let length = if fields.is_empty() { 0 } else { rows };
        let mut ends = ends;
        ends.iter_mut().for_each(|end| end.0 = end.0.min(length as u64));
        ends.sort_unstable();
        let told = ends.len() as u64 * seqs.len() as u64;
        let message = Records {
            v: VERSION,
            kind: RECORDS.into(),
            texts: ["call", "return", "f", "<frozen x>"].map(String::from).to_vec(),
            threads: (0..length).map(|row| values[row] % 2).collect(),
            activations: (!ends.is_empty()).then(|| Activations {
                at: ends.iter().map(|end| end.0).collect(),
                ended: ends.iter().map(|end| end.1).collect(),
                thread: ends.iter().map(|end| end.2).collect(),
                function: ends.iter().map(|end| end.3).collect(),
                filename: ends.iter().map(|end| end.4).collect(),
                time: ends.iter().map(|end| end.5.rotate_left(7)).collect(),
                rss: ends.iter().map(|end| end.5).collect(),
                line: ends.iter().map(|end| end.5 % 3).collect(),
                peak: ends.iter().map(|end| end.5.wrapping_mul(end.3 + 1)).collect(),
            }),
            fields,
            columns,
            ..Records::default()
        };
        let mut model = RecordModel::default();
        for seq in seqs {
            let mut message = Records { seq, time: seq as f64, dropped: seq / 3, ..message.clone() };
            message = Records::decode(&message.encode().unwrap()).unwrap();
            let known = model.head().seq;
            let taken = model.apply(message);
            proptest::prop_assert_eq!(matches!(taken, Ok(Applied::Taken)), seq > known);
        }
        proptest::prop_assert!(model.rows().len() as u64 <= model.count() + told);
        if let Some((least, greatest)) = model.curve().range() {
            proptest::prop_assert!(least <= greatest && greatest <= model.most().rss);
        }
    }
}
