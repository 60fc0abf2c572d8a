//! Tasks that are under way, and above them the steps that blocked an event loop.

use pikos_views::{FunctionId, ProcessId, ProfileContent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::figures::duration;
use super::header;
use super::line::Line;
use super::table::location;
use super::theme::Theme;
use crate::top::state::State;
use crate::top::state::tasks::{TaskLine, TaskSort, TasksScreen, called};

/// How wide a time is.
const TIME: usize = 9;
/// How wide the name of a task is at most, as a part of what is left.
const NAME: usize = 3;
/// Narrower screens don't say where functions are.
const WITH_LOCATION: usize = 50;

pub fn render(
    state: &State,
    profile: &ProfileContent,
    screen: &TasksScreen,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.height == 0 {
        return;
    }
    let heading = theme.heading();
    let Some((under_way, slow_from)) = screen.under_way else {
        let mut line = Line::new(buffer, area.x, area.y, area.width);
        line.put("  tasks", heading).fill(heading);
        if area.height > 1 {
            let words = match profile.tasks {
                None => "waiting for the tasks",
                Some(_) => "no tasks are followed here: run the program with --tasks",
            };
            Line::new(buffer, area.x, area.y + 1, area.width).put(words, theme.quiet());
        }
        return;
    };
    let has_several = state.picture.process().is_none();
    let mut is_below = !screen.rows.iter().any(|row| matches!(row, TaskLine::Heading));
    let mut first = Line::new(buffer, area.x, area.y, area.width);
    if is_below {
        columns(screen.sort, under_way, heading, &mut first);
    } else {
        let sum =
            format!("  blocked the loop: {} steps of {} or longer", screen.slow_count, duration(slow_from));
        first.right("took", TIME, heading).put(&sum, heading);
    }
    first.fill(heading);
    let listed = screen.rows.iter().enumerate();
    is_below |= screen.rows[..screen.cursor.offset].iter().any(|row| matches!(row, TaskLine::Heading));
    if is_below {
        // The heading that belongs to what is on screen.
        let mut first = Line::new(buffer, area.x, area.y, area.width);
        columns(screen.sort, under_way, heading, &mut first);
        first.fill(heading);
    }
    for ((place, row), y) in listed.skip(screen.cursor.offset).zip(1..area.height) {
        let selected = (screen.cursor.current() == place).then(|| theme.selected());
        let (plain, quiet) = (selected.unwrap_or(theme.plain()), selected.unwrap_or(theme.quiet()));
        let mut line = Line::new(buffer, area.x, area.y + y, area.width);
        match row {
            TaskLine::Heading => {
                columns(screen.sort, under_way, heading, &mut line);
                line.fill(heading);
                continue;
            }
            TaskLine::Slow { process, step, count } => {
                line.right(&duration(step.seconds), TIME, plain).put("  ", plain);
                let task = if step.task.is_empty() { "a callback" } else { &step.task };
                let times = if *count > 1 { format!("{count} times, the longest ") } else { String::new() };
                let whose = of(state, *process, has_several);
                let after = format!("  {times}in {whose}{task}, after {}", duration(step.at));
                name(profile, step.function, theme, selected, &mut line);
                line.put(&after, quiet);
            }
            TaskLine::Call { depth, function, seconds } => {
                line.right(&duration(*seconds), TIME, quiet).put("  ", plain);
                line.put(&format!("{}└ ", "  ".repeat((*depth).min(8))), quiet);
                name(profile, *function, theme, selected, &mut line);
            }
            TaskLine::Task { process, task, depth, awaited_by } => {
                let wait = if task.runs { "runs".to_owned() } else { duration(task.since) };
                line.right(&wait, TIME, plain)
                    .right(&duration(task.longest), TIME + 1, plain)
                    .right(&duration(task.run), TIME + 1, plain)
                    .put("  ", plain);
                let room = line.rest() / NAME;
                let known = format!("{}{}", of(state, *process, has_several), called(task));
                let below = branch(*depth, room / 2);
                line.left(&format!("{below}{known}"), room, plain).put(" ", plain);
                name(profile, task.function, theme, selected, &mut line);
                if task.awaits != task.function {
                    line.put("  awaits ", quiet);
                    name(profile, task.awaits, theme, selected, &mut line);
                }
                if let Some((first, others)) = awaited_by.split_first() {
                    let more = if others.is_empty() { String::new() } else { format!(" +{}", others.len()) };
                    line.put("  awaited by ", quiet).put(first, plain).put(&more, quiet);
                }
            }
        }
        line.fill(selected.unwrap_or_default());
    }
}

/// How a task is drawn that others made; where that is too deep for so much room, the depth is a number.
fn branch(depth: usize, room: usize) -> String {
    match depth.checked_sub(1) {
        None => String::new(),
        Some(above) if 2 * depth <= room => format!("{}└ ", "  ".repeat(above)),
        Some(_) => format!("…{depth} "),
    }
}

/// The heading of the tasks: what they are sorted by has a mark.
fn columns(sort: TaskSort, under_way: u64, style: Style, line: &mut Line<'_>) {
    let marked =
        |of: TaskSort, words: &str| if sort == of { format!("▼{words}") } else { words.to_owned() };
    line.right(&marked(TaskSort::Wait, "waits"), TIME, style)
        .right(&marked(TaskSort::LongestStep, "longest"), TIME + 1, style)
        .right(&marked(TaskSort::Run, "run"), TIME + 1, style)
        .put(&format!("  task, and what it runs: {under_way} under way"), style);
}

/// Whose task it is, where there are several processes.
fn of(state: &State, process: ProcessId, has_several: bool) -> String {
    let known = state.picture.processes.get(process.0 as usize).filter(|_| has_several);
    known.map(|process| format!("{}  ", header::name(process))).unwrap_or_default()
}

fn name(
    profile: &ProfileContent,
    function: FunctionId,
    theme: Theme,
    selected: Option<Style>,
    line: &mut Line<'_>,
) {
    let label = profile.label(function);
    line.put(&label.name, selected.unwrap_or(theme.owned(profile.is_own(function))));
    if line.rest() >= WITH_LOCATION && !label.is_builtin {
        let place = location(label, line.rest() / 2);
        line.put("  ", selected.unwrap_or(theme.quiet())).put(&place, selected.unwrap_or(theme.quiet()));
    }
}
