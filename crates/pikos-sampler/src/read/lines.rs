//! Which line an instruction belongs to: `co_linetable`, as CPython has it since 3.11.
//!
//! Entries, each for one to eight code units: a byte `1cccclll` (kind, length less one), then what the kind takes. Numbers are in pieces
//! of six bits, the lowest first, bit 6 says that more follow; a signed one has its sign in bit 0.

/// The line of an instruction, given its offset in bytes. `None`: it has none, or the table is no such table.
pub fn line(table: &[u8], first_line: u32, instruction: usize) -> Option<u32> {
    let wanted = instruction / 2;
    let mut line = i64::from(first_line);
    let mut unit = 0;
    let mut rest = table;
    while let Some((&head, after)) = rest.split_first() {
        if head & 0x80 == 0 {
            return None;
        }
        rest = after;
        let mut has_line = true;
        match (head >> 3) & 15 {
            0..=9 => rest = rest.get(1..)?,
            kind @ 10..=12 => {
                line += i64::from(kind - 10);
                rest = rest.get(2..)?;
            }
            13 => line += signed(&mut rest)?,
            14 => {
                line += signed(&mut rest)?;
                for _ in 0..3 {
                    unsigned(&mut rest)?;
                }
            }
            _ => has_line = false,
        }
        unit += usize::from(head & 7) + 1;
        if unit > wanted {
            return has_line.then(|| u32::try_from(line).ok()).flatten();
        }
    }
    None
}

fn unsigned(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    // A line's number has 32 bits.
    for shift in (0..36).step_by(6) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 63) << shift;
        if byte & 64 == 0 {
            return Some(value);
        }
    }
    None
}

fn signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = unsigned(bytes)?;
    let size = (value >> 1) as i64;
    Some(if value & 1 == 1 { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_entry() {
        // Two units on the same line, one on the next, one without a line, one far below, one above.
        let table = [0x81, 0, 0xd8, 4, 9, 0xf8, 0xe8, 0x40 | 8, 3, 0xf0, 3, 0, 1, 1];
        let lines = (0..7).map(|unit| line(&table, 10, 2 * unit)).collect::<Vec<_>>();
        assert_eq!(lines, [Some(10), Some(10), Some(11), None, Some(11 + 100), Some(110), None]);
    }

    #[test]
    fn what_is_no_table() {
        for table in
            [&[][..], &[0x80], &[1, 2, 3], &[0xe8, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f], &[0xf0, 1]]
        {
            assert_eq!(line(table, 1, 0), None);
        }
        // A line below none.
        assert_eq!(line(&[0xe8, 5], 1, 0), None);
    }
}
