//! How long each call took, of the functions of which that is known.
//!
//! ```text
//! number: so many functions; differences: which
//! times: their quickest calls; times: their slowest calls
//! numbers: 1 where it is known when the slowest call was, else 0; times: those
//! numbers: how deep the stacks of the slowest calls are; differences: the functions in them
//! numbers: how many buckets each has; differences: the buckets; numbers: the calls of each
//! ```

use super::blocks::damaged;
use super::columns::{Cursor, push_differences, push_number, push_numbers, push_times};
use crate::error::Result;
use crate::model::{Distribution, Function, FunctionId, Profile, Slowest};

/// The block's content.
pub fn write(profile: &Profile) -> Vec<u8> {
    let known = profile.ids().filter_map(|id| Some((id, profile.function(id).distribution.as_deref()?)));
    let (ids, rows): (Vec<FunctionId>, Vec<&Distribution>) = known.unzip();
    let unit = profile.metadata.rounded_to;
    let times =
        |time: fn(&Distribution) -> Option<f64>| rows.iter().filter_map(|row| time(row)).collect::<Vec<_>>();
    let stacks = || rows.iter().map(|row| row.slowest.stack.as_slice());
    let mut out = Vec::new();
    push_number(&mut out, rows.len() as u64);
    push_differences(&mut out, ids.iter().map(|id| u64::from(id.0)));
    push_times(&mut out, unit, &times(|row| Some(row.min)));
    push_times(&mut out, unit, &times(|row| Some(row.slowest.seconds)));
    push_numbers(&mut out, rows.iter().map(|row| u64::from(row.slowest.at.is_some())));
    push_times(&mut out, unit, &times(|row| row.slowest.at));
    push_numbers(&mut out, stacks().map(|stack| stack.len() as u64));
    push_differences(&mut out, stacks().flatten().map(|id| u64::from(id.0)));
    push_numbers(&mut out, rows.iter().map(|row| row.buckets().len() as u64));
    let buckets = || rows.iter().flat_map(|row| row.buckets());
    push_differences(&mut out, buckets().map(|(bucket, _)| u64::from(*bucket)));
    push_numbers(&mut out, buckets().map(|(_, calls)| *calls));
    out
}

/// Adds what the content says to the functions.
pub fn read(content: &[u8], functions: &mut [Function]) -> Result<()> {
    let mut cursor = Cursor::new(content);
    let count = cursor.count()?;
    let of = cursor.differences(count)?;
    let mins = cursor.times(count)?;
    let maxima = cursor.times(count)?;
    let are_known = cursor.numbers(count)?;
    let known = are_known.iter().filter(|&&is_known| is_known != 0).count();
    let mut moments = cursor.times(known)?.into_iter();
    let depths = lengths(&mut cursor, count, content.len())?;
    let mut stacked = cursor.differences(depths.iter().sum())?.into_iter();
    let lengths = lengths(&mut cursor, count, content.len())?;
    let all = lengths.iter().sum();
    let mut buckets = cursor.differences(all)?.into_iter().zip(cursor.numbers(all)?);
    let total = functions.len();
    let id = |number: u64| {
        let id = u32::try_from(number).ok().map(FunctionId).filter(|id| id.index() < total);
        id.ok_or_else(|| damaged("a function is missing"))
    };
    for (row, number) in of.into_iter().enumerate() {
        let at = moments.by_ref().take(usize::from(are_known[row] != 0)).next();
        let stack = stacked.by_ref().take(depths[row]).map(id).collect::<Result<Vec<_>>>()?;
        let buckets = buckets.by_ref().take(lengths[row]);
        let buckets = buckets.map(|(bucket, calls)| Some((u16::try_from(bucket).ok()?, calls)));
        let slowest = Slowest { seconds: maxima[row], at, stack };
        let distribution =
            buckets.collect::<Option<Vec<_>>>().and_then(|b| Distribution::of_buckets(mins[row], slowest, b));
        let distribution = distribution
            .ok_or_else(|| damaged("how long the calls of a function took contradicts itself"))?;
        functions[id(number)?.index()].distribution = Some(Box::new(distribution));
    }
    Ok(())
}

/// So many numbers, none of them greater than there can be in all.
fn lengths(cursor: &mut Cursor<'_>, count: usize, most: usize) -> Result<Vec<usize>> {
    let lengths = cursor.numbers(count)?;
    let sum = lengths.iter().fold(0_u64, |sum, length| sum.saturating_add(*length));
    if sum > most as u64 {
        return Err(damaged("a table says that it has more rows than it has room for"));
    }
    Ok(lengths.into_iter().map(|length| length as usize).collect())
}
