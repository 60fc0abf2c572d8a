//! Rows: structs that stand on the wire as arrays, without names. A later version may append fields:
//! a reader leaves alone what it doesn't know.
//!
//! ```text
//!  FunctionRow { thread, function, finished: Finished { ncalls, … }, open: Open { calls, … } }
//!             [  thread, function, ncalls, …,                        calls, …             ]
//! ```
//! Figures that several kinds of rows have are a struct of their own here, and on the wire elements like all others.

use serde::de::{Error, SeqAccess};
use serde::ser::SerializeTuple;

use crate::text::WireText;

/// What a field of a row is on the wire: one element, or several.
pub trait Elements: Sized {
    /// How many.
    const COUNT: usize;

    /// Puts them at the end of a row.
    fn write<T: SerializeTuple>(&self, row: &mut T) -> Result<(), T::Error>;

    /// Takes them off a row; `name` is that of the field.
    fn read<'de, A: SeqAccess<'de>>(row: &mut A, name: &'static str) -> Result<Self, A::Error>;
}

macro_rules! one_element {
    ($($kind:ty)*) => {$(
        impl Elements for $kind {
            const COUNT: usize = 1;

            fn write<T: SerializeTuple>(&self, row: &mut T) -> Result<(), T::Error> {
                row.serialize_element(self)
            }

            fn read<'de, A: SeqAccess<'de>>(row: &mut A, name: &'static str) -> Result<Self, A::Error> {
                row.next_element()?.ok_or_else(|| Error::missing_field(name))
            }
        }
    )*};
}

one_element!(bool u32 u64 i64 Option<u32> Option<i64> Vec<u32> Vec<u64> Vec<i64> WireText Option<WireText> Vec<WireText>);

/// An element that earlier versions don't write: 0 where it is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added(pub i64);

impl Elements for Added {
    const COUNT: usize = 1;

    fn write<T: SerializeTuple>(&self, row: &mut T) -> Result<(), T::Error> {
        row.serialize_element(&self.0)
    }

    fn read<'de, A: SeqAccess<'de>>(row: &mut A, _: &'static str) -> Result<Self, A::Error> {
        Ok(Self(row.next_element()?.unwrap_or_default()))
    }
}

/// Likewise: none where it is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddedList(pub Vec<u64>);

impl Elements for AddedList {
    const COUNT: usize = 1;

    fn write<T: SerializeTuple>(&self, row: &mut T) -> Result<(), T::Error> {
        row.serialize_element(&self.0)
    }

    fn read<'de, A: SeqAccess<'de>>(row: &mut A, _: &'static str) -> Result<Self, A::Error> {
        Ok(Self(row.next_element()?.unwrap_or_default()))
    }
}

/// Declares figures that stand in several kinds of rows.
macro_rules! figures_struct {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident: $kind:ty,)* }) => {
        $(#[$meta])*
        pub struct $name { $($(#[$doc])* pub $field: $kind,)* }

        impl $crate::array::Elements for $name {
            const COUNT: usize = 0 $(+ <$kind as $crate::array::Elements>::COUNT)*;

            fn write<T: serde::ser::SerializeTuple>(&self, row: &mut T) -> Result<(), T::Error> {
                $($crate::array::Elements::write(&self.$field, row)?;)*
                Ok(())
            }

            fn read<'de, A: serde::de::SeqAccess<'de>>(row: &mut A, _: &'static str) -> Result<Self, A::Error> {
                Ok(Self { $($field: $crate::array::Elements::read(row, stringify!($field))?,)* })
            }
        }
    };
}

/// Declares a row.
macro_rules! array_struct {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident: $kind:ty,)* }) => {
        $(#[$meta])*
        pub struct $name { $($(#[$doc])* pub $field: $kind,)* }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeTuple;
                use $crate::array::Elements;
                let mut row = serializer.serialize_tuple(0 $(+ <$kind>::COUNT)*)?;
                $(self.$field.write(&mut row)?;)*
                row.end()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;
                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an array: ", $(stringify!($field), " ",)*))
                    }

                    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut fields: A) -> Result<$name, A::Error> {
                        use $crate::array::Elements;
                        let row = $name { $($field: Elements::read(&mut fields, stringify!($field))?,)* };
                        while fields.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                        Ok(row)
                    }
                }
                deserializer.deserialize_seq(Fields)
            }
        }
    };
}

pub(crate) use {array_struct, figures_struct};
