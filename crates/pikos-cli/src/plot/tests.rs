use super::*;

/// Notes what is drawn.
#[derive(Default)]
struct Noted {
    texts: Vec<(f64, f64, String)>,
    dots: usize,
    paths: Vec<Vec<(f64, f64)>>,
    areas: Vec<Vec<(f64, f64)>>,
}

impl Canvas for Noted {
    fn line(&mut self, _: (f64, f64), _: (f64, f64), _: Colour) {}

    fn path(&mut self, points: &[(f64, f64)], _: Colour) {
        self.paths.push(points.to_vec());
    }

    fn area(&mut self, points: &[(f64, f64)], _: Colour, _: f64) {
        self.areas.push(points.to_vec());
    }

    fn dot(&mut self, _: (f64, f64), _: Colour) {
        self.dots += 1;
    }

    fn text(&mut self, (x, y): (f64, f64), _: Anchor, _: Colour, _: f64, text: &str) {
        self.texts.push((x, y, text.to_owned()));
    }
}

fn drawn(records: &str) -> Noted {
    let series = Series::read(records.as_bytes(), Memory::Rss).unwrap();
    let mut noted = Noted::default();
    draw(&mut noted, &series, Memory::Rss, "records.csv");
    noted
}

impl Noted {
    fn has(&self, text: &str) -> bool {
        self.texts.iter().any(|(_, _, found)| found == text)
    }
}

const SPIKE: &str = "type,function,RSS,lineNo,time_ns\ncall,f,50000000,1,0\ncall,f,90000000,2,1500000000\ncall,f,50000000,3,4000000000\n";

#[test]
fn the_axes_are_seconds_and_mebibytes_from_0() {
    let noted = drawn(SPIKE);
    assert!(
        noted.has("seconds") && noted.has("MiB") && noted.has("0") && noted.has("4") && !noted.has("record")
    );
    // The greatest, in the headline and at its peak.
    assert!(noted.has("At most 85.8 MiB, f:2") && noted.has("f:2") && noted.has("85.8 MiB"));
    let area = noted.areas.iter().max_by_key(|area| area.len()).unwrap();
    assert_eq!(area[area.len() - 2..], [(WIDTH - RIGHT, HEIGHT - BOTTOM), (LEFT, HEIGHT - BOTTOM)]);
}

#[test]
fn records_without_time_say_so() {
    let noted = drawn("type,function,RSS,lineNo\ncall,f,5,1\ncall,f,9,2\ncall,f,5,3\n");
    assert!(noted.has("record") && !noted.has("seconds"));
}

#[test]
fn short_times_have_a_unit_that_fits() {
    let of = |end: u64| drawn(&format!("type,function,RSS,lineNo,time_ns\ncall,f,5,1,0\ncall,f,9,2,{end}\n"));
    assert!(of(900_000).has("microseconds"));
    assert!(of(90_000_000).has("milliseconds"));
    assert!(of(4_000_000_000_000).has("minutes"));
}

#[test]
fn the_legend_names_peaks_only_where_there_are_any() {
    let peak = "peak, and the line that made it";
    assert!(drawn(SPIKE).has(peak));
    let rising = drawn("type,function,RSS,lineNo\ncall,f,5,1\ncall,f,9,2\n");
    assert!(!rising.has(peak) && rising.dots == 0);
}

#[test]
fn one_record_can_be_drawn() {
    for records in
        ["type,function,RSS,lineNo,time_ns\ncall,f,0,1,5\n", "type,function,RSS,lineNo\ncall,f,7,1\n"]
    {
        let noted = drawn(records);
        let places = noted.paths.concat().into_iter().chain(noted.texts.iter().map(|(x, y, _)| (*x, *y)));
        assert!(places.into_iter().all(|(x, y)| x.is_finite() && y.is_finite()));
    }
}

#[test]
fn numbers_have_their_thousands_apart() {
    assert_eq!(short(1_234_567.0, 1000.0), "1,234,567");
    assert_eq!(short(0.25, 0.05), "0.25");
    assert_eq!(short(100.0, 20.0), "100");
    assert_eq!(scale(100.0, 1.0), (100.0, 20.0));
    assert_eq!(scale(0.0, 1.0).0.signum(), 1.0);
}
