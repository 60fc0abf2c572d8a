//! Numbers, as the format writes them.

/// Decimal, or hexadecimal after `0x`, as instruction addresses are.
pub fn unsigned(word: &[u8]) -> Option<u64> {
    if let Some(digits) = word.strip_prefix(b"0x") {
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
        return u64::from_str_radix(digits, 16).ok();
    }
    let is_short = (1..=19).contains(&word.len());
    if is_short && word.iter().all(u8::is_ascii_digit) {
        // Nineteen digits fit; most lines have three.
        return Some(word.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')));
    }
    let word = std::str::from_utf8(word).ok().filter(|word| !word.starts_with('+'))?;
    word.parse().ok()
}

/// The same with a sign in front, if need be.
pub fn signed(word: &[u8]) -> Option<i128> {
    match word.strip_prefix(b"-") {
        Some(digits) => unsigned(digits).map(|number| -i128::from(number)),
        None => unsigned(word).map(i128::from),
    }
}

/// A number that many others were added up to.
pub fn sum(word: &[u8]) -> Option<i128> {
    std::str::from_utf8(word).ok().filter(|word| !word.starts_with('+'))?.parse().ok()
}

/// `+3`, `-3` and `*` mean something in relation to the number that stood in this column last.
pub fn relative(word: &[u8], last: i128) -> Option<i128> {
    match word {
        b"*" => Some(last),
        [b'+', by @ ..] => last.checked_add(unsigned(by)?.into()),
        [b'-', by @ ..] => last.checked_sub(unsigned(by)?.into()),
        _ => unsigned(word).map(i128::from),
    }
}

/// The words of a line.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}
