//! Objects: how many of which type were made and are still there, and the lines that made them.

use super::paper::{Ink, Line, Paper, grouped};
use super::subject::Subject;
use crate::amounts::size;
use crate::model::{ObjectPlace, ObjectType, Objects};

/// So many types are shown on one screen, and so many lines.
const MOST: usize = 10;

pub fn lines(subject: &Subject<'_>, paper: &Paper) -> Vec<String> {
    subject.profile.objects.as_ref().map_or_else(Vec::new, |objects| table(objects, MOST, paper))
}

/// The types, at most so many, and as many of the lines that made them.
pub fn table(objects: &Objects, most: usize, paper: &Paper) -> Vec<String> {
    let mut lines = vec![heading(objects, paper)];
    let order = objects.order();
    let shown: Vec<&ObjectType> = order.iter().take(most).map(|&place| &objects.types[place]).collect();
    let known = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), grouped);
    let mut rows: Vec<[String; 6]> =
        vec![["created", "destroyed", "alive", "peak", "bytes", "type"].map(str::to_owned)];
    rows.extend(shown.iter().map(|row| {
        [
            grouped(row.created),
            known(row.destroyed),
            row.alive().map_or_else(|| "-".to_owned(), signed),
            known(row.peak),
            row.bytes.map_or_else(|| "-".to_owned(), size),
            row.full_name(),
        ]
    }));
    lines.extend(aligned(&rows, paper));
    match (objects.types.len() - shown.len()) as u64 + objects.unlisted {
        0 => {}
        1 => lines.push(Line::new(paper).put(Ink::Dim, "1 more type").done()),
        rest => lines.push(Line::new(paper).put(Ink::Dim, &format!("{} more types", grouped(rest))).done()),
    }
    let mut places: Vec<&ObjectPlace> = objects.places.iter().collect();
    places.sort_by_key(|place| std::cmp::Reverse((place.alive.unwrap_or(0), place.created)));
    if places.is_empty() {
        return lines;
    }
    lines.push(String::new());
    lines.push(Line::new(paper).put(Ink::Bold, "Lines that made them").done());
    let mut rows: Vec<[String; 4]> = vec![["created", "alive", "type", "where"].map(str::to_owned)];
    rows.extend(places.iter().take(most).map(|place| {
        [
            grouped(place.created),
            known(place.alive),
            objects.types.get(place.of as usize).map(ObjectType::full_name).unwrap_or_default(),
            format!("{}:{}  {}", place.file, place.line, place.function),
        ]
    }));
    lines.extend(aligned(&rows, paper));
    lines
}

/// How many there are in all.
fn heading(objects: &Objects, paper: &Paper) -> String {
    let created = objects.types.iter().fold(0_u64, |sum, row| sum.saturating_add(row.created));
    let alive =
        objects.types.iter().filter_map(ObjectType::alive).filter_map(|alive| u64::try_from(alive).ok());
    let alive = alive.fold(0_u64, u64::saturating_add);
    let bytes = objects.types.iter().filter_map(|row| row.bytes).fold(0_u64, u64::saturating_add);
    let told = objects.types.iter().any(|row| row.destroyed.is_some());
    let left = match told {
        true => format!(", {} of them still there ({})", grouped(alive), size(bytes)),
        false => String::new(),
    };
    let made = format!("  {} made{left}", grouped(created));
    Line::new(paper).put(Ink::Bold, "Objects").put(Ink::Dim, &made).done()
}

fn signed(count: i64) -> String {
    let sign = if count < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(count.unsigned_abs()))
}

/// Figures to the right, and a name at the end of each line; the first row is the heading.
fn aligned<const N: usize>(rows: &[[String; N]], paper: &Paper) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N - 1).map(width).collect();
    let line = |(number, row): (usize, &[String; N])| {
        let ink = if number == 0 { Ink::Dim } else { Ink::Plain };
        let figures: String =
            widths.iter().zip(row).map(|(width, text)| format!("{text:>width$}  ")).collect();
        let last = if number == 0 { Ink::Dim } else { Ink::Bold };
        Line::new(paper).put(ink, &figures).put(last, &row[N - 1]).done()
    };
    rows.iter().enumerate().map(line).collect()
}
