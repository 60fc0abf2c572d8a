//! Reads the last snapshot that is whole; of a file that has none, what is whole of the first one.

use super::blocks::{
    self, Blocks, COROUTINES, CPU, CPU_OF_EDGES, DISTRIBUTIONS, DONE, EDGE, FUNC, GIL_WAITS, LABEL_SETS,
    MAGIC, META, OBJECTS, SLOW_STEPS, TEXT, THREADS, TREE, VERSION, damaged,
};
use super::columns::Cursor;
use super::{distributions, meta, objects};
use crate::error::{Error, Result};
use crate::model::{
    CallTree, Calls, Coroutine, Cut, Edge, Figures, Function, FunctionId, LabelSet, Node, NodeId, Profile,
    SlowStep, Tasks, Text, Thread,
};

/// Reads a profile.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    let rest =
        bytes.strip_prefix(&MAGIC).ok_or_else(|| damaged("it doesn't begin as a file of Pikos does"))?;
    match rest.split_first() {
        Some((&VERSION, rest)) => snapshots(rest),
        Some((version, _)) => Err(Error::Unread(format!(
            "a file of a later version of Pikos (its layout is {version}, and {VERSION} is read): update Pikos"
        ))),
        None => Err(damaged("it ends after its first bytes")),
    }
}

fn snapshots(rest: &[u8]) -> Result<Profile> {
    let mut blocks = Blocks::new(rest);
    let (mut whole, mut open) = (None, Vec::new());
    while let Some(block) = blocks.next() {
        match block.kind {
            DONE => whole = Some(std::mem::take(&mut open)),
            META | TEXT | COROUTINES | SLOW_STEPS | OBJECTS | FUNC | GIL_WAITS | CPU | CPU_OF_EDGES
            | DISTRIBUTIONS | EDGE | THREADS | TREE | LABEL_SETS => open.push(block),
            [first, ..] if first.is_ascii_lowercase() => {}
            kind => {
                return Err(Error::Unread(format!(
                    "a file of a later version of Pikos (it has {} in it): update Pikos",
                    String::from_utf8_lossy(&kind).escape_debug()
                )));
            }
        }
    }
    let is_cut = !blocks.is_at_end() || !open.is_empty();
    let is_part = whole.is_none();
    let stored = whole.unwrap_or(open);
    let mut profile = snapshot(&mut blocks, &stored)?;
    if let Some(sets) = stored.iter().rev().find(|block| block.kind == LABEL_SETS) {
        let content = blocks.unpack(sets)?;
        profile.label_sets = label_sets(&content, blocks.room())?;
    }
    if is_part {
        let missing = match (profile.edges.is_empty(), &profile.tree) {
            (true, _) => "callers and stacks are missing",
            (false, None) => "stacks may be missing",
            (false, Some(_)) => "nothing that is known is missing",
        };
        profile.metadata.notes.push(format!("the file is cut short: {missing}"));
    } else if is_cut {
        let note =
            "the file is cut short: these are the figures of the last time that it was written as a whole";
        profile.metadata.notes.push(note.to_owned());
    }
    Ok(profile)
}

fn snapshot<'b>(blocks: &mut Blocks<'b>, stored: &[blocks::Stored<'b>]) -> Result<Profile> {
    let mut content = |kind| {
        let block = stored.iter().rev().find(|block| block.kind == kind);
        block.map(|block| blocks.unpack(block)).transpose()
    };
    let mut profile = Profile::default();
    if let Some(content) = content(META)? {
        profile.metadata = meta::read(&content)?;
    }
    let texts = content(TEXT)?.map(|content| texts(&content)).transpose()?;
    let functions_ = content(FUNC)?;
    let (Some(texts), Some(content_)) = (texts, functions_) else {
        return Err(damaged("it ends before its table of functions"));
    };
    profile.functions = functions(&content_, &texts)?;
    if let Some(content) = content(GIL_WAITS)? {
        add_gil_waits(&content, &mut profile.functions)?;
    }
    if let Some(content) = content(CPU)? {
        add_cpu(&content, profile.functions.iter_mut().map(|function| &mut function.calls))?;
    }
    if let Some(content) = content(DISTRIBUTIONS)? {
        distributions::read(&content, &mut profile.functions)?;
    }
    let cpu_of_edges = content(CPU_OF_EDGES)?;
    if let Some(content_) = content(COROUTINES)? {
        let slow =
            content(SLOW_STEPS)?.map_or(Ok(Tasks::default()), |content| slow_steps(&content, &texts))?;
        let tasks = Tasks { coroutines: coroutines(&content_)?, ..slow };
        if !tasks.is_sound(profile.functions.len()) {
            return Err(damaged("a coroutine's function is missing"));
        }
        profile.tasks = Some(tasks);
    }
    if let Some(content) = content(OBJECTS)? {
        let name = |place| text(&texts, place, "the name of a type of objects is missing");
        profile.objects = Some(objects::read(&content, name)?);
    }
    if let Some(content) = content(EDGE)? {
        profile.edges = edges(&content, profile.functions.len())?;
        if let Some(content) = cpu_of_edges {
            add_cpu(&content, profile.edges.iter_mut().map(|edge| &mut edge.calls))?;
        }
    }
    let threads_ = content(THREADS)?;
    if let Some(content) = content(TREE)? {
        let mut tree = tree(&content, profile.functions.len())?;
        tree.threads = threads_.map_or(Ok(Vec::new()), |content| threads(&content, &texts))?;
        if !tree.is_sound(profile.functions.len()) {
            return Err(damaged("a stack stands on one of another thread"));
        }
        profile.tree = Some(tree);
    }
    Ok(profile)
}

/// All of them together unpack to no more than so much.
fn label_sets(content: &[u8], mut room: usize) -> Result<Vec<LabelSet>> {
    let mut cursor = Cursor::new(content);
    let mut sets = Vec::new();
    while !cursor.is_at_end() {
        let labels = {
            let length = cursor.number()?;
            labels(cursor.bytes(length)?)?
        };
        let length = cursor.number()?;
        let mut blocks = Blocks::within(cursor.bytes(length)?, room);
        let mut stored = Vec::new();
        while let Some(block) = blocks.next() {
            stored.push(block);
        }
        let profile = snapshot(&mut blocks, &stored)?;
        room = blocks.room();
        sets.push(LabelSet { labels, profile });
    }
    Ok(sets)
}

fn labels(content: &[u8]) -> Result<Vec<(Text, Text)>> {
    let mut cursor = Cursor::new(content);
    let count = cursor.count()?;
    let mut text = || {
        let length = cursor.number()?;
        match cursor.bytes(length)? {
            bytes if Text::is_well_formed(bytes) => Ok(Text::from(bytes)),
            _ => Err(damaged("a label is no UTF-8")),
        }
    };
    (0..count).map(|_| Ok((text()?, text()?))).collect()
}

fn texts(content: &[u8]) -> Result<Vec<Text>> {
    let mut cursor = Cursor::new(content);
    let count = cursor.count()?;
    let lengths = cursor.numbers(count)?;
    let text = |length| match cursor.bytes(length)? {
        bytes if Text::is_well_formed(bytes) => Ok(Text::from(bytes)),
        _ => Err(damaged("a text is no UTF-8")),
    };
    lengths.into_iter().map(text).collect()
}

/// The text of this number.
fn text(texts: &[Text], place: u64, missing: &str) -> Result<Text> {
    let text = usize::try_from(place).ok().and_then(|place| texts.get(place));
    text.cloned().ok_or_else(|| damaged(missing))
}

fn functions(content: &[u8], texts: &[Text]) -> Result<Vec<Function>> {
    let mut cursor = Cursor::new(content);
    let count = cursor.count()?;
    let files = cursor.differences(count)?;
    let lines = cursor.differences(count)?;
    let names = cursor.differences(count)?;
    let qualnames = cursor.numbers(count)?;
    let callers_only = cursor.numbers(count)?;
    let calls = calls(&mut cursor, count)?;
    let text = |place: u64| text(texts, place, "a function's name is missing");
    let function = |(place, calls): (usize, Calls)| {
        let line = u32::try_from(lines[place]).map_err(|_| damaged("a line has no such number"))?;
        Ok(Function {
            qualname: qualnames[place].checked_sub(1).map(text).transpose()?,
            caller_only: callers_only[place] != 0,
            ..Function::new(text(files[place])?, line, text(names[place])?, calls)
        })
    };
    calls.into_iter().enumerate().map(function).collect()
}

fn add_gil_waits(content: &[u8], functions: &mut [Function]) -> Result<()> {
    let mut cursor = Cursor::new(content);
    let count = cursor.count()?;
    if count != functions.len() {
        return Err(damaged("not of each function it is known what it waited"));
    }
    for (function, waited) in functions.iter_mut().zip(cursor.times(count)?) {
        function.gil_wait = waited;
    }
    Ok(())
}

fn add_cpu<'p>(content: &[u8], calls: impl ExactSizeIterator<Item = &'p mut Calls>) -> Result<()> {
    let mut cursor = Cursor::new(content);
    let count = cursor.count()?;
    if count != calls.len() {
        return Err(damaged("not of each function or caller it is known what it had of processors"));
    }
    let times = cursor.times(count)?.into_iter().zip(cursor.times(count)?);
    calls.zip(times).for_each(|(calls, times)| (calls.cpu_tottime, calls.cpu_cumtime) = times);
    Ok(())
}

/// The function of this number, whether there is one or not.
fn any_id(number: u64) -> Result<FunctionId> {
    u32::try_from(number).map(FunctionId).map_err(|_| damaged("a function is missing"))
}

fn coroutines(content: &[u8]) -> Result<Vec<Coroutine>> {
    let mut cursor = Cursor::new(content);
    let count = cursor.count()?;
    let functions = cursor.differences(count)?;
    let callers = cursor.numbers(count)?;
    let mut counts: [Vec<u64>; 8] = Default::default();
    for column in &mut counts {
        *column = cursor.numbers(count)?;
    }
    let mut times: [Vec<f64>; 4] = Default::default();
    for column in &mut times {
        *column = cursor.times(count)?;
    }
    let row = |place: usize| {
        Ok(Coroutine {
            function: any_id(functions[place])?,
            caller: callers[place].checked_sub(1).map(any_id).transpose()?,
            figures: Figures::of(
                std::array::from_fn(|column| counts[column][place]),
                std::array::from_fn(|column| times[column][place]),
            ),
        })
    };
    (0..count).map(row).collect()
}

fn slow_steps(content: &[u8], texts: &[Text]) -> Result<Tasks> {
    let mut cursor = Cursor::new(content);
    let slow_count = cursor.number()?;
    let sums = cursor.times(2)?;
    let count = cursor.count()?;
    let (at, seconds) = (cursor.times(count)?, cursor.times(count)?);
    let (names, functions) = (cursor.numbers(count)?, cursor.numbers(count)?);
    let lengths = cursor.numbers(count)?;
    let calls = lengths.iter().try_fold(0_usize, |sum, &length| {
        usize::try_from(length).ok().and_then(|length| sum.checked_add(length))
    });
    // Each takes a byte at least.
    let calls = calls.filter(|&calls| calls <= content.len());
    let calls = calls.ok_or_else(|| damaged("a slow step has too many calls"))?;
    let called = cursor.numbers(calls)?.into_iter().map(any_id).collect::<Result<Vec<_>>>()?;
    let mut path = called.into_iter().zip(cursor.times(calls)?);
    let step = |place: usize| {
        let name = names[place].checked_sub(1).map(|place| text(texts, place, "a task's name is missing"));
        Ok(SlowStep {
            at: at[place],
            seconds: seconds[place],
            task: name.transpose()?,
            function: any_id(functions[place])?,
            path: path.by_ref().take(lengths[place] as usize).collect(),
        })
    };
    let slow = (0..count).map(step).collect::<Result<_>>()?;
    Ok(Tasks { slow, slow_count, slow_from: sums[0], slow_seconds: sums[1], ..Tasks::default() })
}

/// The functions of these numbers, if there are so many.
fn ids(numbers: Vec<u64>, functions: usize) -> Result<Vec<FunctionId>> {
    let id = |number: u64| {
        let id = u32::try_from(number).ok().map(FunctionId).filter(|id| id.index() < functions);
        id.ok_or_else(|| damaged("a function is missing"))
    };
    numbers.into_iter().map(id).collect()
}

fn edges(content: &[u8], functions: usize) -> Result<Vec<Edge>> {
    let mut cursor = Cursor::new(content);
    let count = cursor.count()?;
    let callees = ids(cursor.differences(count)?, functions)?;
    let callers = ids(cursor.differences(count)?, functions)?;
    let calls = calls(&mut cursor, count)?;
    let edges = callers.into_iter().zip(callees).zip(calls);
    Ok(edges.map(|((caller, callee), calls)| Edge { caller, callee, calls }).collect())
}

fn tree(content: &[u8], functions: usize) -> Result<CallTree> {
    let mut cursor = Cursor::new(content);
    let count = cursor.count()?;
    let parents = cursor.numbers(count)?;
    let of = ids(cursor.differences(count)?, functions)?;
    let ncalls = cursor.numbers(count)?;
    let tottimes = cursor.times(count)?;
    let calls = cursor.number()?;
    let seconds = cursor.times(1)?;
    let node = |(place, back): (usize, u64)| {
        let parent = match back {
            0 => None,
            back => {
                let parent = (place as u64).checked_sub(back).and_then(|parent| u32::try_from(parent).ok());
                Some(NodeId(parent.ok_or_else(|| damaged("a stack has no bottom"))?))
            }
        };
        Ok(Node { parent, function: of[place], ncalls: ncalls[place], tottime: tottimes[place] })
    };
    let nodes = parents.into_iter().enumerate().map(node).collect::<Result<_>>()?;
    Ok(CallTree { nodes, cut: Cut { calls, seconds: seconds[0] }, threads: Vec::new() })
}

fn threads(content: &[u8], texts: &[Text]) -> Result<Vec<Thread>> {
    let mut cursor = Cursor::new(content);
    let count = cursor.count()?;
    let firsts = cursor.differences(count)?;
    let names = cursor.numbers(count)?;
    let processes = cursor.known_numbers(count)?;
    let ids = cursor.known_numbers(count)?;
    let numbers = processes.into_iter().zip(ids);
    let thread = |((first, name), (process, id)): ((u64, u64), (Option<u64>, Option<u64>))| {
        let first = u32::try_from(first).map_err(|_| damaged("a thread's stacks are missing"))?;
        let name = name.checked_sub(1).map(|place| text(texts, place, "a thread's name is missing"));
        Ok(Thread { name: name.transpose()?, process, id, first: NodeId(first) })
    };
    firsts.into_iter().zip(names).zip(numbers).map(thread).collect()
}

fn calls(cursor: &mut Cursor<'_>, count: usize) -> Result<Vec<Calls>> {
    let ncalls = cursor.numbers(count)?;
    let recursive = cursor.numbers(count)?;
    let tottimes = cursor.times(count)?;
    let cumtimes = cursor.times(count)?;
    let figures = ncalls.into_iter().zip(recursive).zip(tottimes.into_iter().zip(cumtimes));
    let calls = figures.map(|((ncalls, recursive), (tottime, cumtime))| Calls {
        ncalls,
        primitive_calls: ncalls.wrapping_sub(recursive),
        tottime,
        cumtime,
        ..Calls::default()
    });
    Ok(calls.collect())
}
