//! `settings!`: declares a struct of core settings, one key a field.

/// Declares each key of a struct once: from it come the field with its documentation, the default, the declaration for the
/// validator, the template and the JSON Schema, and the conversion.
///
/// ```text
/// settings! {
///     /// Documentation of the struct.
///     Struct {
///         /// Help, up to an empty line; what follows it stands in the documentation alone
///         field ("key_if_it_is_not_field"): Type = DEFAULT of VALUE_TYPE, in [Root, Processing];
///     }
///     // Fields that are no keys.
///     fields { /// Documentation. pub field: Type = default; }
/// }
/// ```
///
/// `DEFAULT` is `required`, `integer(100)`, `milliseconds(1_000)`, `word(Enum::Variant)`, `boolean(false)`, `none` (an `Option`),
/// `literal("TOML", value)` for any other, `described("words")` for a value that follows from others, or, in `Struct(core)`,
/// `inherited(core.field)` of a `ConnectorConfig`. The value type is that of the Rust type unless `of` names another. A field
/// whose key has another name is a `Duration`, and its key a number of milliseconds; with `field as "key"` it is of any type.
/// Behind `in` may stand `alias Table "name"`, `variable "NAME"` and `example "TOML"`.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        $name:ident $(($core:ident))? {
            $(
                #[doc = $doc:literal] $(#[doc = $more:literal])*
                $field:ident $(($key:literal))? $(as $name_in_file:literal)?: $type:ty = $default:ident $(($($argument:tt)*))? $(of $value_type:expr)?,
                in [$($section:ident),+]
                $(, alias $alias_in:ident $alias:literal)* $(, variable $variable:literal)? $(, example $example:literal)?;
            )+
        }
        $(fields { $($(#[$other_meta:meta])* $visibility:vis $other:ident: $other_type:ty = $other_default:expr;)* })?
    ) => {
        $(#[$meta])*
        #[allow(unreachable_pub, reason = "of a test too")]
        pub struct $name {
            $(
                #[doc = concat!("`", settings!(@name $field $($key)? $($name_in_file)?), "`:", $doc)]
                $(#[doc = $more])*
                #[doc = ""]
                #[doc = settings!(@default_doc $default $($($argument)*)?)]
                pub $field: $type,
            )+
            $($($(#[$other_meta])* $visibility $other: $other_type,)*)?
        }

        const _: () = {
            use $crate::{core::key::{CoreKey, Section}, report::Diagnostics, schema, value::Table};

            struct Keys {
                $($field: $crate::setting::Key<$type>,)+
            }

            const TYPED: Keys = Keys {
                $($field: settings!(@convert $($key)?, $crate::setting::key::<$type>(schema::KeySpec {
                    doc: concat!($doc, $("\n", $more),*),
                    default: settings!(@key_default $default $($($argument)*)?),
                    $(source: schema::ValueSource::FileOrVariable($variable),)?
                    $(example: Some($example),)?
                    ..schema::KeySpec::new(settings!(@name $field $($key)? $($name_in_file)?))
                })) $(.of_type($value_type))?,)+
            };

            impl $name {
                /// The keys of the fields, in their order.
                pub(crate) const KEYS: &'static [&'static CoreKey] = &[$(&CoreKey {
                    spec: TYPED.$field.spec,
                    allowed_in: &[$(Section::$section),+],
                    aliases: &[$((Section::$alias_in, $alias)),*],
                }),+];

                /// The settings of a file without keys.
                pub(crate) fn defaults($($core: &$crate::ConnectorConfig)?) -> Self {
                    Self {
                        $($field: settings!(@default $default $($($argument)*)?),)+
                        $($($other: $other_default,)*)?
                    }
                }

                /// Sets the fields whose keys are in a table that the validator has passed.
                pub(crate) fn read(&mut self, table: &Table, diagnostics: &mut Diagnostics) {
                    $(
                        if let Some(value) = table.value(TYPED.$field.spec.name) {
                            let converted = TYPED.$field.convert(value);
                            if let Some(value) = diagnostics.keep(converted.map_err(|wrong| wrong.of_key(TYPED.$field.spec.name))) {
                                self.$field = value;
                            }
                        }
                    )+
                }
            }
        };
    };

    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $key:literal) => { $key };

    (@convert , $typed:expr) => { $typed };
    (@convert $key:literal, $typed:expr) => { $typed.read_by($crate::core::key::milliseconds) };

    (@default required) => { Default::default() };
    (@default integer $number:literal) => { $number };
    (@default milliseconds $number:literal) => { std::time::Duration::from_millis($number) };
    (@default word $word:path) => { $word };
    (@default boolean $boolean:literal) => { $boolean };
    (@default literal $toml:literal, $value:expr) => { $value };
    (@default none) => { None };
    (@default described $words:literal) => { Default::default() };
    (@default inherited $($field:tt)+) => { $($field)+.clone() };

    (@key_default required) => { schema::KeyDefault::Required };
    (@key_default integer $number:literal) => { schema::KeyDefault::Integer($number) };
    (@key_default milliseconds $number:literal) => { schema::KeyDefault::Integer($number) };
    (@key_default word $word:path) => { schema::KeyDefault::Str($word.as_str()) };
    (@key_default boolean $boolean:literal) => { schema::KeyDefault::Literal(stringify!($boolean)) };
    (@key_default literal $toml:literal, $value:expr) => { schema::KeyDefault::Literal($toml) };
    (@key_default none) => { schema::KeyDefault::None };
    (@key_default described $words:literal) => { schema::KeyDefault::Inherited($words) };
    (@key_default inherited $($field:tt)+) => { schema::KeyDefault::Inherited("that of the root") };

    (@default_doc required) => { "Required." };
    (@default_doc none) => { "Default: none." };
    (@default_doc described $words:literal) => { concat!("Default: ", $words, ".") };
    (@default_doc inherited $($field:tt)+) => { "Default: that of the root." };
    (@default_doc literal $toml:literal, $value:expr) => { concat!("Default: `", $toml, "`.") };
    (@default_doc milliseconds $number:literal) => { concat!("Default: `", stringify!($number), "`.") };
    (@default_doc $default:ident $($value:tt)+) => { concat!("Default: `", stringify!($($value)+), "`.") };
}

pub(crate) use settings;
