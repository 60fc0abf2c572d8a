//! Protobuf, as far as a profile needs it: fields of a message, one after another.

/// The label of a sample that says which thread it is of.
pub const THREAD: &str = "thread";

/// One field.
pub struct Field<'b> {
    pub number: u64,
    pub value: Value<'b>,
}

/// What stands in a field.
pub enum Value<'b> {
    Number(u64),
    Bytes(&'b [u8]),
    /// 4 or 8 bytes, which no profile has; passed over.
    Fixed,
}

/// A message that isn't one: where, counted from its own beginning.
pub struct Malformed(pub usize);

/// The fields of a message.
pub struct Fields<'b> {
    message: &'b [u8],
    place: usize,
}

impl<'b> Fields<'b> {
    pub fn of(message: &'b [u8]) -> Self {
        Self { message, place: 0 }
    }

    fn next_field(&mut self) -> Option<Field<'b>> {
        let key = varint(self.message, &mut self.place)?;
        let value = match key & 7 {
            0 => Value::Number(varint(self.message, &mut self.place)?),
            1 => self.skip(8)?,
            2 => {
                let length = usize::try_from(varint(self.message, &mut self.place)?).ok()?;
                let end = self.place.checked_add(length)?;
                let bytes = self.message.get(self.place..end)?;
                self.place = end;
                Value::Bytes(bytes)
            }
            5 => self.skip(4)?,
            _ => return None,
        };
        Some(Field { number: key >> 3, value }).filter(|field| field.number > 0)
    }

    fn skip(&mut self, bytes: usize) -> Option<Value<'b>> {
        self.place += bytes;
        (self.place <= self.message.len()).then_some(Value::Fixed)
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = Result<Field<'b>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.place >= self.message.len() {
            return None;
        }
        let start = self.place;
        let field = self.next_field();
        if field.is_none() {
            self.place = self.message.len();
        }
        Some(field.ok_or(Malformed(start)))
    }
}

/// Repeated numbers: packed into one field, or each in a field of its own.
pub fn numbers(value: &Value<'_>, to: &mut Vec<u64>) -> Option<()> {
    match value {
        Value::Number(number) => to.push(*number),
        Value::Bytes(packed) => {
            let mut place = 0;
            while place < packed.len() {
                to.push(varint(packed, &mut place)?);
            }
        }
        Value::Fixed => return None,
    }
    Some(())
}

/// 7 bits a byte, the high bit says that more follow.
fn varint(bytes: &[u8], place: &mut usize) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*place)?;
        *place += 1;
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Whether bytes look like a profile that nobody packed: some whole fields, each of the kind that it should be.
pub fn looks_like_a_profile(bytes: &[u8], is_whole: bool) -> bool {
    let mut seen = 0;
    for field in Fields::of(bytes) {
        match field {
            Ok(Field { number: 1..=6 | 11 | 13, value: Value::Bytes(_) }) => seen += 1,
            Ok(Field { number: 7..=10 | 12 | 14 | 15, value: Value::Number(_) }) => seen += 1,
            Ok(_) => return false,
            Err(_) => return !is_whole && seen > 1,
        }
        if seen == 50 {
            break;
        }
    }
    seen > 1
}
