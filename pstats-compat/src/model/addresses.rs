//! Addresses in names: `<function socket.close at 0x7f…>` is another in each process, and the same function.
//!
//! A profiler that takes `repr` for a name writes them, as cProfile does. They tell nothing after the process has ended,
//! so whoever compares profiles, or adds them up, leaves them out.

/// A name without the addresses in it; `None` if it has none, as nearly all names.
pub fn without_addresses(name: &[u8]) -> Option<Vec<u8>> {
    let mut kept: Option<Vec<u8>> = None;
    let mut copied = 0;
    let mut place = 0;
    while let Some(space) = name[place..].iter().position(|&byte| byte == b' ') {
        place += space;
        match length(&name[place..]) {
            Some(length) => {
                kept.get_or_insert_default().extend_from_slice(&name[copied..place]);
                place += length;
                copied = place;
            }
            None => place += 1,
        }
    }
    kept.as_mut()?.extend_from_slice(&name[copied..]);
    kept
}

/// How long the address is that a name goes on with: ` at 0x7f…`; before the end of a `repr` also ` 0x7f…` (cffi) and
/// ` id='140…'` (mocks). Elsewhere such a number may be all that tells two functions apart, as in `libc.so 0x1234`.
fn length(rest: &[u8]) -> Option<usize> {
    let number = |prefix: &[u8], is_digit: fn(&u8) -> bool| {
        let digits = rest.strip_prefix(prefix)?;
        let count = digits.iter().take_while(|byte| is_digit(byte)).count();
        (count > 0).then(|| (prefix.len() + count, &digits[count..]))
    };
    if let Some((length, after)) = number(b" at 0x", u8::is_ascii_hexdigit) {
        let goes_on = after.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        return (!goes_on).then_some(length);
    }
    if let Some((length, after)) = number(b" 0x", u8::is_ascii_hexdigit) {
        return after.starts_with(b">").then_some(length);
    }
    let (length, after) = number(b" id='", u8::is_ascii_digit)?;
    after.starts_with(b"'>").then_some(length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_go_and_all_else_stays() {
        for (name, expected) in [
            (
                "<built-in method __new__ of type object at 0x7f0a6fc5ea00>",
                "<built-in method __new__ of type object>",
            ),
            ("<function socket.close at 0x7f8a8259b560>", "<function socket.close>"),
            ("{method 'x' of <m.R object at 0x7F8A>}", "{method 'x' of <m.R object>}"),
            (
                "functools.partial(<function f at 0x1a>, <m.R object at 0x2b>)",
                "functools.partial(<function f>, <m.R object>)",
            ),
            ("<bound method R.m of <m.R object at 0x7f>>", "<bound method R.m of <m.R object>>"),
            ("<weakref at 0x7f; to 'R' at 0x8e>", "<weakref; to 'R'>"),
            ("<cdata 'int(*)(int)' 0x7f12>", "<cdata 'int(*)(int)'>"),
            ("<MagicMock name='m.append' id='140234'>", "<MagicMock name='m.append'>"),
            ("f at 0x12", "f"),
        ] {
            let kept = without_addresses(name.as_bytes()).expect(name);
            assert_eq!(String::from_utf8_lossy(&kept), expected);
            assert_eq!(without_addresses(&kept), None);
        }
    }

    #[test]
    fn what_only_looks_like_an_address_stays() {
        for name in [
            "",
            " ",
            "0x7f12",
            "<method 'append' of 'list' objects>",
            "libc.so 0x7f12",
            "at 0x",
            "stop at 0xyz",
            "stop at 0x12_or_later",
            "look at 0x12th",
            "<x id='140'",
            "<x id=''>",
            "<Row id='140' name='a'>",
        ] {
            assert_eq!(without_addresses(name.as_bytes()), None, "{name}");
        }
    }
}
