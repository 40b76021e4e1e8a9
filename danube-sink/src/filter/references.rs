//! The variables, parts of the payload, functions and loops of an expression.

use cel::{
    IdedExpr,
    common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators},
};

use super::{loop_limit::Loops, patterns, payload::Wanted};
use crate::record::Metadata;

pub(super) const PAYLOAD: &str = "payload";
pub(super) const ATTRIBUTES: &str = "attributes";

/// Loops within each other, at most. A search of a list by `in` is a loop.
const MOST_LOOPS: u32 = 3;
/// How deep the parts of an expression nest, at most, so that its evaluation fits the stack.
const MOST_LEVELS: u32 = 64;

/// The functions that an expression may call, beside operators.
const FUNCTIONS: &[&str] = &[
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "bool",
    "dyn",
    "type",
    "optional.of",
    "optional.none",
    "optional.ofNonZeroValue",
    "hasValue",
    "value",
    "or",
    "orValue",
];

/// The types that an expression may compare with: `type(payload.id) == int`.
const TYPES: &[&str] = &["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type"];

/// What an expression reads.
#[derive(Debug, Default)]
pub(super) struct References {
    /// The part of the payload; `None` if it reads nothing of it.
    pub(super) payload: Option<Wanted>,
    pub(super) reads_attributes: bool,
    pub(super) reads_metadata: bool,
    pub(super) loops: Loops,
}

/// Where a part of an expression is.
#[derive(Debug, Clone, Copy, Default)]
struct Nesting {
    /// How many loops are around it.
    loops: u32,
    /// How many parts are around it.
    level: u32,
    /// Whether a loop repeats its values.
    is_repeated: bool,
}

impl Nesting {
    fn inside(self) -> Self {
        Self { level: self.level + 1, ..self }
    }

    fn in_loop(self) -> Self {
        Self { loops: self.loops + 1, is_repeated: false, ..self.inside() }
    }
}

/// A part of an expression that is not allowed.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) id: u64,
    pub(super) message: String,
}

impl References {
    /// Whether the value is the same for every record.
    pub(super) fn is_constant(&self) -> bool {
        self.payload.is_none() && !self.reads_attributes && !self.reads_metadata
    }

    /// # Errors
    /// The first unknown variable or function, an invalid pattern, or too many loops within each other.
    pub(super) fn of(expression: &IdedExpr) -> Result<Self, Problem> {
        let mut references = Self::default();
        references.walk(expression, &mut Vec::new(), Nesting::default())?;
        Ok(references)
    }

    /// `bound` are the variables of the loops around.
    fn walk<'e>(
        &mut self,
        expression: &'e IdedExpr,
        bound: &mut Vec<&'e str>,
        nesting: Nesting,
    ) -> Result<(), Problem> {
        if nesting.level > MOST_LEVELS {
            return Err(problem(expression.id, format!("it nests deeper than {MOST_LEVELS} levels")));
        }
        if let Some((id, variable, fields)) = path(expression) {
            return self.variable(id, variable, &fields, bound, nesting);
        }
        match &expression.expr {
            Expr::Select(select) => self.walk(&select.operand, bound, nesting.inside()),
            Expr::Call(call) => self.call(expression.id, call, bound, nesting),
            Expr::Comprehension(comprehension) => self.comprehension(expression.id, comprehension, bound, nesting),
            Expr::List(list) => {
                self.loops.literals += if nesting.is_repeated { list.elements.len() } else { 0 };
                list.elements.iter().try_for_each(|item| self.walk(item, bound, nesting.inside()))
            }
            Expr::Map(map) => {
                self.loops.literals += if nesting.is_repeated { map.entries.len() } else { 0 };
                map.entries.iter().try_for_each(|entry| match &entry.expr {
                    EntryExpr::MapEntry(entry) => {
                        self.walk(&entry.key, bound, nesting.inside())?;
                        self.walk(&entry.value, bound, nesting.inside())
                    }
                    EntryExpr::StructField(field) => self.walk(&field.value, bound, nesting.inside()),
                })
            }
            Expr::Struct(_) => Err(problem(expression.id, "it makes an object of a type, which is not supported")),
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => Ok(()),
        }
    }

    fn variable(
        &mut self,
        id: u64,
        name: &str,
        fields: &[&str],
        bound: &[&str],
        nesting: Nesting,
    ) -> Result<(), Problem> {
        let is_in_loop = nesting.loops > 0 || nesting.is_repeated;
        match name {
            name if bound.contains(&name) || name.starts_with('@') => {}
            PAYLOAD => {
                self.payload.get_or_insert_default().add(fields);
                if is_in_loop {
                    self.loops.payload.add(fields);
                }
            }
            ATTRIBUTES => {
                self.reads_attributes = true;
                self.loops.read_attributes |= is_in_loop;
            }
            name if Metadata::from_name(name).is_some() => {
                self.reads_metadata = true;
                self.loops.read_metadata |= is_in_loop;
            }
            name if TYPES.contains(&name) => {}
            name => return Err(problem(id, format!("unknown variable `{name}`"))),
        }
        Ok(())
    }

    fn call<'e>(
        &mut self,
        id: u64,
        call: &'e CallExpr,
        bound: &mut Vec<&'e str>,
        nesting: Nesting,
    ) -> Result<(), Problem> {
        let name = call.func_name.as_str();
        let is_operator = !name.starts_with(char::is_alphabetic);
        // `optional.of(x)` has the namespace as its target.
        let namespace =
            call.target.as_deref().and_then(path).filter(|(_, first, rest)| *first == "optional" && rest.is_empty());
        let full = if namespace.is_some() { format!("optional.{name}") } else { name.to_owned() };
        if !is_operator && !FUNCTIONS.contains(&full.as_str()) {
            return Err(problem(id, format!("unknown function `{full}`")));
        }
        if let (patterns::MATCHES, Some(pattern)) = (name, call.args.last().and_then(text)) {
            patterns::check(pattern).map_err(|message| problem(id, message))?;
        }
        // Operators compare what they have, except `+`, which also collects the values of `map` and `filter`; that of a number counts.
        let joins = name == operators::ADD && !call.args.iter().any(is_number);
        self.loops.read_strings |= nesting.loops > 0 && (!is_operator || joins);
        let searches = name == operators::IN && !matches!(call.args.last().map(|list| &list.expr), Some(Expr::List(_)));
        self.repeats(id, nesting.loops + u32::from(searches))?;
        let target = call.target.as_deref().filter(|_| namespace.is_none());
        target.into_iter().chain(&call.args).try_for_each(|argument| self.walk(argument, bound, nesting.inside()))
    }

    fn comprehension<'e>(
        &mut self,
        id: u64,
        comprehension: &'e ComprehensionExpr,
        bound: &mut Vec<&'e str>,
        nesting: Nesting,
    ) -> Result<(), Problem> {
        self.repeats(id, nesting.loops + 1)?;
        self.walk(&comprehension.iter_range, bound, Nesting { is_repeated: true, ..nesting.inside() })?;
        self.walk(&comprehension.accu_init, bound, nesting.inside())?;
        let outside = bound.len();
        bound.extend([comprehension.iter_var.as_str(), comprehension.accu_var.as_str()]);
        bound.extend(comprehension.iter_var2.as_deref());
        let inside = [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result];
        let walked = inside.into_iter().try_for_each(|part| self.walk(part, bound, nesting.in_loop()));
        bound.truncate(outside);
        walked
    }

    fn repeats(&mut self, id: u64, loops: u32) -> Result<(), Problem> {
        self.loops.depth = self.loops.depth.max(loops);
        if loops <= MOST_LOOPS {
            return Ok(());
        }
        Err(problem(
            id,
            format!("more than {MOST_LOOPS} loops (`all`, `exists`, `map`, `filter`, `in`) are within each other"),
        ))
    }
}

/// The variable, with its id, and the names of the fields, if the expression is nothing else: `payload.user["id"]`,
/// `has(payload.user)`.
fn path(expression: &IdedExpr) -> Option<(u64, &str, Vec<&str>)> {
    match &expression.expr {
        Expr::Ident(name) => Some((expression.id, name, Vec::new())),
        Expr::Select(select) => {
            let (id, variable, mut fields) = path(&select.operand)?;
            fields.push(&select.field);
            Some((id, variable, fields))
        }
        Expr::Call(CallExpr { func_name, target: None, args }) => {
            let [operand, field] = args.as_slice() else { return None };
            let is_index =
                [operators::INDEX, operators::OPT_INDEX, operators::OPT_SELECT].contains(&func_name.as_str());
            let (id, variable, mut fields) = path(operand).filter(|_| is_index)?;
            fields.push(text(field)?);
            Some((id, variable, fields))
        }
        _ => None,
    }
}

fn text(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn is_number(expression: &IdedExpr) -> bool {
    use LiteralValue::{Double, Int, UInt};
    matches!(&expression.expr, Expr::Literal(Int(_) | UInt(_) | Double(_)))
}

fn problem(id: u64, message: impl Into<String>) -> Problem {
    Problem { id, message: message.into() }
}

/// The byte at a line and column, both of which begin at 1.
pub(super) fn offset(text: &str, line: isize, column: isize) -> Option<usize> {
    let (line, column) = (usize::try_from(line - 1).ok()?, usize::try_from(column - 1).ok()?);
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let (offset, _) = text.get(before..)?.char_indices().nth(column)?;
    Some(before + offset)
}
