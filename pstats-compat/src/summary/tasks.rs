//! Coroutines: what blocked the loop, and whose they are that took the longest.

use super::paper::{Ink, Line, Paper, grouped, short};
use super::subject::Subject;
use crate::model::{Figures, FunctionId, SlowStep, Tasks, Unit};

/// So many slow steps are shown, and so many functions.
const MOST: usize = 5;
const MOST_FUNCTIONS: usize = 10;

pub fn lines(subject: &Subject<'_>, paper: &Paper) -> Vec<String> {
    let Some(tasks) = &subject.profile.tasks else { return Vec::new() };
    let mut lines = blocked(subject, tasks, paper);
    let coroutines = coroutines(subject, tasks, paper);
    if !lines.is_empty() && !coroutines.is_empty() {
        lines.push(String::new());
    }
    lines.extend(coroutines);
    lines
}

fn time(seconds: f64) -> String {
    short(&Unit::Seconds, seconds)
}

fn blocked(subject: &Subject<'_>, tasks: &Tasks, paper: &Paper) -> Vec<String> {
    if tasks.slow_count == 0 {
        return Vec::new();
    }
    let steps = match tasks.slow_count {
        1 => "1 step".to_owned(),
        count => format!("{} steps", grouped(count)),
    };
    let sum = format!("  {steps} of {} or longer took {}", time(tasks.slow_from), time(tasks.slow_seconds));
    let mut lines =
        vec![Line::new(paper).put(Ink::Bold, "What blocked the event loop").put(Ink::Dim, &sum).done()];
    // Those that took their time in the same calls are one: the longest is shown.
    let mut groups: Vec<(&SlowStep, usize)> = Vec::new();
    for step in &tasks.slow {
        match groups.iter_mut().find(|(longest, _)| is_alike(longest, step)) {
            Some((_, count)) => *count += 1,
            None => groups.push((step, 1)),
        }
    }
    for (step, count) in groups.into_iter().take(MOST) {
        lines.extend(one(subject, step, count, paper));
    }
    lines
}

fn is_alike(one: &SlowStep, other: &SlowStep) -> bool {
    let calls = |step: &SlowStep| step.path.iter().map(|(function, _)| *function).collect::<Vec<_>>();
    one.function == other.function && calls(one) == calls(other)
}

/// The longest of so many steps, and below it the calls that took most of it.
fn one(subject: &Subject<'_>, step: &SlowStep, count: usize, paper: &Paper) -> Vec<String> {
    let places = &subject.places;
    let task = step.task.as_ref().map(|task| task.to_str_lossy().into_owned());
    let task = task.unwrap_or_else(|| "a callback".to_owned());
    let times = if count > 1 { format!("{count} times, the longest ") } else { String::new() };
    let mut lines = vec![
        Line::new(paper)
            .put(Ink::Red, &format!("{:>9}", time(step.seconds)))
            .put(Ink::Bold, &format!("  {}", places.name(step.function)))
            .put(Ink::Dim, &format!("  {}", places.place(step.function)))
            .put(Ink::Dim, &format!("  {times}in {task}, after {}", time(step.at)))
            .done(),
    ];
    let calls = step.path.iter().skip_while(|(function, _)| *function == step.function);
    for (depth, (function, seconds)) in calls.enumerate() {
        let indent = "  ".repeat(depth.min(6));
        let line = Line::new(paper)
            .put(Ink::Dim, &format!("{:>9}", time(*seconds)))
            .put(Ink::Plain, &format!("  {indent}└ {}", places.name(*function)))
            .put(Ink::Dim, &format!("  {}", places.place(*function)));
        lines.push(line.done());
    }
    lines
}

fn coroutines(subject: &Subject<'_>, tasks: &Tasks, paper: &Paper) -> Vec<String> {
    let mut rows = tasks.by_function();
    rows.sort_by(|(a, one), (b, other)| other.elapsed().total_cmp(&one.elapsed()).then(a.cmp(b)));
    rows.truncate(MOST_FUNCTIONS);
    if rows.is_empty() {
        return Vec::new();
    }
    type Column = fn(&Figures) -> String;
    let columns: [(&str, Column); 5] = [
        ("run", |figures| time(figures.run)),
        ("await", |figures| time(figures.parked)),
        ("longest step", |figures| time(figures.longest)),
        ("started", |figures| grouped(figures.started)),
        ("steps", |figures| grouped(figures.steps)),
    ];
    let width = |(head, column): &(&str, Column)| {
        rows.iter().map(|(_, figures)| column(figures).chars().count()).fold(head.len(), usize::max)
    };
    let widths = columns.each_ref().map(width);
    let cells = |cell: &dyn Fn(usize) -> String| -> String {
        widths.iter().enumerate().map(|(place, width)| format!("{:>width$}  ", cell(place))).collect()
    };
    let mut lines = vec![
        Line::new(paper).put(Ink::Bold, "Coroutines that took the longest").done(),
        Line::new(paper).put(Ink::Dim, &cells(&|place| columns[place].0.to_owned())).done(),
    ];
    for (function, figures) in &rows {
        let line = Line::new(paper)
            .put(Ink::Plain, &cells(&|place| columns[place].1(figures)))
            .put(ink(subject, *function), &subject.places.name(*function))
            .put(Ink::Dim, &format!("  {}", subject.places.place(*function)))
            .put(Ink::Dim, &ends(figures));
        lines.push(line.done());
    }
    lines
}

fn ink(subject: &Subject<'_>, function: FunctionId) -> Ink {
    if subject.owners.is_own(function) { Ink::Bold } else { Ink::Plain }
}

/// What didn't come to its end as usual.
fn ends(figures: &Figures) -> String {
    let parts = [
        (figures.raised, "raised"),
        (figures.cancelled, "cancelled"),
        (figures.dropped, "dropped"),
        (figures.never_awaited, "never awaited"),
        (figures.alive(), "not over"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", grouped(*count)))
        .collect();
    if parts.is_empty() { String::new() } else { format!("  {}", parts.join(", ")) }
}
