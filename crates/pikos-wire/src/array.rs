//! Rows: structs that stand on the wire as arrays, without names. A later version may append fields:
//! a reader leaves alone what it doesn't know.

/// Declares such a struct.
macro_rules! array_struct {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident: $kind:ty,)* }) => {
        $(#[$meta])*
        pub struct $name { $($(#[$doc])* pub $field: $kind,)* }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeTuple;
                let mut fields = serializer.serialize_tuple([$(stringify!($field)),*].len())?;
                $(fields.serialize_element(&self.$field)?;)*
                fields.end()
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
                        let missing = |name| serde::de::Error::missing_field(name);
                        let row = $name {
                            $($field: fields.next_element()?.ok_or_else(|| missing(stringify!($field)))?,)*
                        };
                        while fields.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                        Ok(row)
                    }
                }
                deserializer.deserialize_seq(Fields)
            }
        }
    };
}

pub(crate) use array_struct;
