//! One declaration per section of the file: it yields the type, the decoder
//! and the schema, so that the three cannot disagree.

use super::read::Reader;
use super::schema::{Property, Schemas};
use super::span::At;
use super::value::{Name, Value};
use serde_json::Value as Json;

/// A table of the file.
pub(crate) trait Section: Sized {
    const NAME: &'static str;
    const DOC: &'static [&'static str];

    fn read(reader: &mut Reader<'_, '_>) -> Option<Self>;
    fn properties(schemas: &mut Schemas) -> Vec<Property>;
}

/// A key of a table. `None` means that it was wrong, and reported.
pub(crate) trait Field: Sized {
    const REQUIRED: bool = false;
    fn take(reader: &mut Reader<'_, '_>, key: &'static str) -> Option<Self>;
    fn schema(schemas: &mut Schemas) -> Json;
}

/// A key with a default.
pub(crate) trait FieldOr: Field {
    type Default;
    fn take_or(reader: &mut Reader<'_, '_>, key: &'static str, default: Self::Default) -> Option<Self>;
    fn default_json(default: Self::Default) -> Json;
}

impl<V: Value> Field for At<V> {
    const REQUIRED: bool = true;
    fn take(reader: &mut Reader<'_, '_>, key: &'static str) -> Option<Self> {
        reader.required(key)
    }
    fn schema(_: &mut Schemas) -> Json {
        V::schema()
    }
}

impl<V: Value> FieldOr for At<V> {
    type Default = V;
    fn take_or(reader: &mut Reader<'_, '_>, key: &'static str, default: V) -> Option<Self> {
        reader.defaulted(key, default)
    }
    fn default_json(default: V) -> Json {
        default.to_json()
    }
}

impl<V: Value> Field for Option<At<V>> {
    fn take(reader: &mut Reader<'_, '_>, key: &'static str) -> Option<Self> {
        reader.optional(key)
    }
    fn schema(_: &mut Schemas) -> Json {
        V::schema()
    }
}

impl<V: Value> Field for Vec<At<V>> {
    fn take(reader: &mut Reader<'_, '_>, key: &'static str) -> Option<Self> {
        reader.list(key)
    }
    fn schema(_: &mut Schemas) -> Json {
        serde_json::json!({ "type": "array", "items": V::schema() })
    }
}

/// Values by name.
pub type Named<V> = Vec<(At<Name>, V)>;

impl<V: Value> Field for Named<At<V>> {
    fn take(reader: &mut Reader<'_, '_>, key: &'static str) -> Option<Self> {
        reader.map(key)
    }
    fn schema(_: &mut Schemas) -> Json {
        serde_json::json!({ "type": "object", "propertyNames": Name::schema(), "additionalProperties": V::schema() })
    }
}

impl<S: Section> Field for Option<S> {
    fn take(reader: &mut Reader<'_, '_>, key: &'static str) -> Option<Self> {
        reader.optional_section(key)
    }
    fn schema(schemas: &mut Schemas) -> Json {
        schemas.of::<S>()
    }
}

impl<S: Section> Field for Vec<S> {
    fn take(reader: &mut Reader<'_, '_>, key: &'static str) -> Option<Self> {
        reader.sections(key)
    }
    fn schema(schemas: &mut Schemas) -> Json {
        let items = schemas.of::<S>();
        serde_json::json!({ "type": "array", "items": items })
    }
}

impl<S: Section> Field for Named<S> {
    fn take(reader: &mut Reader<'_, '_>, key: &'static str) -> Option<Self> {
        reader.named_sections(key)
    }
    fn schema(schemas: &mut Schemas) -> Json {
        let section = schemas.of::<S>();
        serde_json::json!({ "type": "object", "propertyNames": Name::schema(), "additionalProperties": section })
    }
}

/// Declares a section. A field is `name: Type,` or `name: Type = default,`;
/// `At<V>` without a default must be written in the file.
macro_rules! section {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $fdoc:literal])* $field:ident: $type:ty $(= $default:expr)?,)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            /// Where the section begins in the file.
            pub span: $crate::file::span::Span,
            $($(#[doc = $fdoc])* pub $field: $type,)*
        }

        impl $crate::file::section::Section for $name {
            const NAME: &'static str = stringify!($name);
            const DOC: &'static [&'static str] = &[$($doc),*];

            fn read(reader: &mut $crate::file::read::Reader<'_, '_>) -> Option<Self> {
                $(let $field = $crate::file::section::take!(reader, $field: $type $(= $default)?);)*
                Some(Self { span: reader.span(), $($field: $field?,)* })
            }

            fn properties(schemas: &mut $crate::file::schema::Schemas) -> Vec<$crate::file::schema::Property> {
                vec![$($crate::file::section::property!(schemas, [$($fdoc),*] $field: $type $(= $default)?)),*]
            }
        }

        impl $crate::file::section::Field for $name {
            fn take(reader: &mut $crate::file::read::Reader<'_, '_>, key: &'static str) -> Option<Self> {
                reader.nested(key)
            }
            fn schema(schemas: &mut $crate::file::schema::Schemas) -> serde_json::Value {
                schemas.of::<Self>()
            }
        }
    };
}

macro_rules! take {
    ($reader:ident, $field:ident: $type:ty) => {
        <$type as $crate::file::section::Field>::take($reader, stringify!($field))
    };
    ($reader:ident, $field:ident: $type:ty = $default:expr) => {
        <$type as $crate::file::section::FieldOr>::take_or($reader, stringify!($field), $default)
    };
}

macro_rules! property {
    ($schemas:ident, [$($doc:literal),*] $field:ident: $type:ty) => {
        $crate::file::schema::Property {
            key: stringify!($field),
            doc: &[$($doc),*],
            schema: <$type as $crate::file::section::Field>::schema($schemas),
            required: <$type as $crate::file::section::Field>::REQUIRED,
            default: None,
        }
    };
    ($schemas:ident, [$($doc:literal),*] $field:ident: $type:ty = $default:expr) => {
        $crate::file::schema::Property {
            key: stringify!($field),
            doc: &[$($doc),*],
            schema: <$type as $crate::file::section::Field>::schema($schemas),
            required: false,
            default: Some(<$type as $crate::file::section::FieldOr>::default_json($default)),
        }
    };
}
pub(crate) use {property, section, take};
