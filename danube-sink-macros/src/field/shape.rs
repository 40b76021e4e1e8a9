//! The shape of a type that its words give away.

use std::{path::PathBuf, time::Duration};

use danube_sink_config::{ByteSize, Pointer, Setting, shape::Shape};
use syn::{GenericArgument, PathArguments, Type};

/// Where the types come from that the words mean; a type of the same name from elsewhere is another one.
const HOMES: [&str; 6] = ["std", "core", "alloc", "url", "danube_sink", "danube_sink_config"];

/// `None` for a type of the author's, or an alias: the compiler knows its shape.
pub(crate) fn of(ty: &Type) -> Option<Shape> {
    let path = match ty {
        Type::Path(path) => &path.path,
        Type::Group(group) => return of(&group.elem),
        _ => return None,
    };
    let from_elsewhere = path.segments.len() > 1 && !HOMES.iter().any(|home| path.segments[0].ident == home);
    let last = path.segments.last().filter(|_| !from_elsewhere)?;
    let argument = |index: usize| match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.get(index)? {
            GenericArgument::Type(inner) => of(inner),
            _ => None,
        },
        _ => None,
    };
    Some(match last.ident.to_string().as_str() {
        "bool" => bool::SHAPE,
        "u8" => u8::SHAPE,
        "u16" => u16::SHAPE,
        "u32" => u32::SHAPE,
        "u64" => u64::SHAPE,
        "u128" => u128::SHAPE,
        "usize" => usize::SHAPE,
        "i8" => i8::SHAPE,
        "i16" => i16::SHAPE,
        "i32" => i32::SHAPE,
        "i64" => i64::SHAPE,
        "i128" => i128::SHAPE,
        "isize" => isize::SHAPE,
        "f32" => f32::SHAPE,
        "f64" => f64::SHAPE,
        "String" => String::SHAPE,
        "PathBuf" => PathBuf::SHAPE,
        "Url" => Shape::Url,
        "Duration" => Duration::SHAPE,
        "Pointer" => Pointer::SHAPE,
        "ByteSize" => ByteSize::SHAPE,
        "Option" => argument(0)?,
        "Vec" => Shape::list(kept(argument(0)?)),
        "BTreeMap" | "HashMap" => Shape::map(kept(argument(1)?)),
        _ => return None,
    })
}

/// A shape is made of constants. The process of a macro ends soon.
pub(crate) fn kept<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}
