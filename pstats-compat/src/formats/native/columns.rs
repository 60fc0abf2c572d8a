//! Columns of numbers: most are small, or near the one before, and take a byte or two.

use super::blocks::damaged;
use crate::error::Result;

/// Seven bits in each byte, the lowest first; the eighth says that more follow.
pub fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The sign becomes the lowest bit, so that small negative numbers are small.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// A column, behind its length in bytes.
fn push_column(out: &mut Vec<u8>, column: &[u8]) {
    push_number(out, column.len() as u64);
    out.extend_from_slice(column);
}

/// Numbers as they are.
pub fn push_numbers(out: &mut Vec<u8>, numbers: impl Iterator<Item = u64>) {
    let mut column = Vec::new();
    numbers.for_each(|number| push_number(&mut column, number));
    push_column(out, &column);
}

/// Numbers as what each differs by from the one before.
pub fn push_differences(out: &mut Vec<u8>, numbers: impl Iterator<Item = u64>) {
    let mut before = 0_u64;
    push_numbers(
        out,
        numbers.map(|number| {
            let difference = number.wrapping_sub(before) as i64;
            before = number;
            zigzag(difference)
        }),
    );
}

/// How times stand in their column.
const MULTIPLES: u8 = 0;
const BYTES: u8 = 1;
/// What times are multiples of where nothing is known: profilers count nano- or microseconds.
const USUAL: [f64; 2] = [1e-9, 1e-6];
/// Beyond it a double doesn't hold all whole numbers.
const EXACT: f64 = (1_u64 << 53) as f64;

/// Times, to the last bit: as multiples of a unit if all of them are, which may be `of`, else byte by byte.
pub fn push_times(out: &mut Vec<u8>, of: f64, times: &[f64]) {
    let multiple = |time: f64, unit: f64| {
        let count = (time / unit).round();
        // Back from a whole number, which has no -0.
        let is_same = |count: i64| (count as f64 * unit).to_bits() == time.to_bits();
        (count.abs() < EXACT).then_some(count as i64).filter(|&count| is_same(count))
    };
    let unit = [of].into_iter().chain(USUAL).find(|&unit| {
        unit > 0.0 && unit.is_finite() && times.iter().all(|&time| multiple(time, unit).is_some())
    });
    let mut column = Vec::with_capacity(times.len() * 4);
    match unit {
        Some(unit) => {
            column.push(MULTIPLES);
            column.extend_from_slice(&unit.to_le_bytes());
            for &time in times {
                push_number(&mut column, zigzag(multiple(time, unit).unwrap_or_default()));
            }
        }
        None => {
            column.push(BYTES);
            // Exponents beside exponents: they are alike, and pack well.
            for byte in (0..8).rev() {
                column.extend(times.iter().map(|time| time.to_le_bytes()[byte]));
            }
        }
    }
    push_column(out, &column);
}

/// What is left of a block.
pub struct Cursor<'b> {
    rest: &'b [u8],
}

impl<'b> Cursor<'b> {
    /// At the beginning.
    pub fn new(rest: &'b [u8]) -> Self {
        Self { rest }
    }

    /// Whether nothing is left.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// A number.
    #[inline]
    pub fn number(&mut self) -> Result<u64> {
        let mut number = 0;
        for place in 0..10 {
            let (&byte, rest) = self.rest.split_first().ok_or_else(|| damaged("a table ends too early"))?;
            self.rest = rest;
            number |= u64::from(byte & 0x7F) << (7 * place);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(damaged("a number has more than 64 bits"))
    }

    /// A number of things of which each takes at least a byte of what is left.
    pub fn count(&mut self) -> Result<usize> {
        let count = self.number()?;
        usize::try_from(count)
            .ok()
            .filter(|&count| count <= self.rest.len())
            .ok_or_else(|| damaged("a table says that it has more rows than it has room for"))
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: u64) -> Result<&'b [u8]> {
        let split = usize::try_from(count).ok().and_then(|count| self.rest.split_at_checked(count));
        let (bytes, rest) = split.ok_or_else(|| damaged("a table ends too early"))?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A column.
    fn column(&mut self) -> Result<Cursor<'b>> {
        let length = self.number()?;
        self.bytes(length).map(Cursor::new)
    }

    /// A column of so many numbers.
    pub fn numbers(&mut self, count: usize) -> Result<Vec<u64>> {
        let mut column = self.column()?;
        (0..count).map(|_| column.number()).collect()
    }

    /// Numbers some of which aren't known: a column says which are, and another one has those.
    pub fn known_numbers(&mut self, count: usize) -> Result<Vec<Option<u64>>> {
        let are_known = self.numbers(count)?;
        let known = self.numbers(are_known.iter().filter(|&&is_known| is_known != 0).count())?;
        let mut known = known.into_iter();
        Ok(are_known.iter().map(|&is_known| if is_known == 0 { None } else { known.next() }).collect())
    }

    /// A column of so many differences: the numbers.
    pub fn differences(&mut self, count: usize) -> Result<Vec<u64>> {
        let mut column = self.column()?;
        let mut number = 0_u64;
        (0..count)
            .map(|_| {
                number = number.wrapping_add(unzigzag(column.number()?) as u64);
                Ok(number)
            })
            .collect()
    }

    /// A column of so many times.
    pub fn times(&mut self, count: usize) -> Result<Vec<f64>> {
        let mut column = self.column()?;
        match column.bytes(1)? {
            [MULTIPLES] => {
                let unit = f64::from_le_bytes(column.bytes(8)?.try_into().unwrap_or_default());
                (0..count).map(|_| Ok(unzigzag(column.number()?) as f64 * unit)).collect()
            }
            [BYTES] => {
                let planes = column.bytes(8 * count as u64)?;
                let byte = |time: usize, plane: usize| planes[plane * count + time];
                Ok((0..count)
                    .map(|time| f64::from_be_bytes(std::array::from_fn(|plane| byte(time, plane))))
                    .collect())
            }
            _ => Err(damaged("a column of times is of a kind that is not known")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            numbers in proptest::collection::vec(any::<u64>(), 0..40),
            times in proptest::collection::vec(any::<f64>(), 0..40),
            multiples in proptest::collection::vec(-1_000_000_i64..1_000_000, 0..40),
            unit in prop_oneof![Just(0.0), Just(1e-9), Just(3.3e-10), Just(f64::NAN)],
        ) {
            let exact: Vec<f64> = multiples.iter().map(|&count| count as f64 * 3.3e-10).collect();
            let mut out = Vec::new();
            push_numbers(&mut out, numbers.iter().copied());
            push_differences(&mut out, numbers.iter().copied());
            push_times(&mut out, unit, &times);
            push_times(&mut out, unit, &exact);
            let mut cursor = Cursor::new(&out);
            prop_assert_eq!(&cursor.numbers(numbers.len()).unwrap(), &numbers);
            prop_assert_eq!(&cursor.differences(numbers.len()).unwrap(), &numbers);
            let bits = |times: &[f64]| times.iter().map(|time| time.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&cursor.times(times.len()).unwrap()), bits(&times));
            prop_assert_eq!(bits(&cursor.times(exact.len()).unwrap()), bits(&exact));
            prop_assert!(cursor.number().is_err());
        }
    }

    #[test]
    fn whole_multiples_take_little_room() {
        let times: Vec<f64> = (0..1000).map(|count| f64::from(count) * 3.3e-10).collect();
        let mut out = Vec::new();
        push_times(&mut out, 3.3e-10, &times);
        assert!(out.len() < 2100, "{}", out.len());
    }
}
