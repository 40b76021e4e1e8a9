//! Avro schema resolution: reads data of the writer's schema as values of the reader schema.

use std::collections::HashMap;

use super::{
    json,
    json_value::JsonValue,
    plan::{Absent, Branch, Enum, Field, Id, Node, Plan, Promotion, Record},
};
use crate::schema::time::Unit;

/// Resolves two plans into one that reads data of the writer's schema as values of the reader's.
///
/// # Errors
/// Why no data of the writer's schema can be read. A mismatch of only some data is reported when they are read.
pub(super) fn resolve(writer: &Plan, reader: &Plan) -> Result<Plan, String> {
    if writer == reader {
        return Ok(writer.clone());
    }
    let mut resolver = Resolver { writer, reader, nodes: Vec::new(), known: HashMap::new(), grafted: [None; 2] };
    let root = resolver.add(0, 0)?;
    let nodes = resolver.nodes;
    match &nodes[root] {
        Node::Mismatch(reason) => Err(reason.clone()),
        _ => Ok(Plan { nodes }),
    }
}

struct Resolver<'p> {
    writer: &'p Plan,
    reader: &'p Plan,
    nodes: Vec<Node>,
    known: HashMap<(Id, Id), Id>,
    /// The index of the first node of each plan, once it is appended.
    grafted: [Option<Id>; 2],
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Writer,
    Reader,
}

impl Resolver<'_> {
    /// Adds a node that reads data of the writer's node as the reader's.
    fn add(&mut self, writer: Id, reader: Id) -> Result<Id, String> {
        if let Some(known) = self.known.get(&(writer, reader)) {
            return Ok(*known);
        }
        let id = self.nodes.len();
        self.nodes.push(Node::Null);
        // A record may contain itself.
        self.known.insert((writer, reader), id);
        self.nodes[id] = self.node(writer, reader)?;
        Ok(id)
    }

    fn node(&mut self, writer: Id, reader: Id) -> Result<Node, String> {
        let (written, read) = (&self.writer.nodes[writer], &self.reader.nodes[reader]);
        Ok(match (written, read) {
            (Node::Union(branches), _) => {
                let mut resolved = Vec::with_capacity(branches.len());
                for branch in branches {
                    let node = self.add(branch.node, reader)?;
                    let name = self.reader_branch(branch.node, reader).unwrap_or(branch).name.clone();
                    resolved.push(Branch { name, node });
                }
                Node::Union(resolved)
            }
            (_, Node::Union(_)) => match self.reader_branch(writer, reader).map(|branch| branch.node) {
                Some(node) => self.node(writer, node)?,
                None => mismatch(written, read),
            },
            (Node::Record(written), Node::Record(read))
                if by_name(&written.name, &read.name, &read.aliases).is_some() =>
            {
                self.record(written, read)?
            }
            (Node::Enum(written), Node::Enum(read)) if by_name(&written.name, &read.name, &read.aliases).is_some() => {
                let known = |symbol: &Option<String>| read.symbols.contains(symbol);
                let symbols = written.symbols.iter();
                let symbols =
                    symbols.map(|symbol| if known(symbol) { symbol } else { &read.default }.clone()).collect();
                Node::Enum(Enum { symbols, ..read.clone() })
            }
            (Node::Array(written), Node::Array(read)) => Node::Array(self.add(*written, *read)?),
            (Node::Map(written), Node::Map(read)) => Node::Map(self.add(*written, *read)?),
            (written, read) => match promotion(written, read) {
                Some(Promoted::As(node)) => node,
                Some(Promoted::By(written, promotion)) => {
                    let from = self.nodes.len();
                    self.nodes.push(written);
                    Node::Promoted(from, promotion)
                }
                None => mismatch(written, read),
            },
        })
    }

    fn record(&mut self, written: &Record, read: &Record) -> Result<Node, String> {
        let sources = sources(written, read);
        let mut fields = Vec::with_capacity(written.fields.len());
        for (index, field) in written.fields.iter().enumerate() {
            let reader = sources.iter().position(|source| *source == Some(index)).map(|reader| &read.fields[reader]);
            fields.push(match reader {
                Some(reader) => Field { node: self.add(field.node, reader.node)?, ..reader.clone() },
                None => Field { node: self.graft(Side::Writer, field.node), skipped: true, ..field.clone() },
            });
        }
        let mut defaults = Vec::new();
        for (reader, _) in read.fields.iter().zip(&sources).filter(|(_, source)| source.is_none()) {
            let Some(default) = &reader.default else {
                let problem = format!("the reader schema's field `{}` is not in the writer's schema", reader.name);
                return Ok(Node::Mismatch(problem + ", and has no default"));
            };
            let datum = json::to_datum(self.reader, reader.node, &JsonValue::of(default), default.len())
                .map_err(|problem| format!("the reader schema's default of `{}`: {problem}", reader.name))?;
            let node = self.graft(Side::Reader, reader.node);
            defaults.push(Absent { name: reader.name.clone(), node, datum });
        }
        Ok(Node::Record(Record { fields, defaults, ..read.clone() }))
    }

    /// Appends all nodes of a plan, once, and returns the new index of one: for values that need no resolution.
    fn graft(&mut self, side: Side, id: Id) -> Id {
        let plan = match side {
            Side::Writer => self.writer,
            Side::Reader => self.reader,
        };
        let moved = *self.grafted[side as usize].get_or_insert_with(|| {
            let moved = self.nodes.len();
            self.nodes.extend(plan.nodes.iter().cloned().map(|node| node.moved_by(moved)));
            moved
        });
        id + moved
    }

    /// How the reader's node reads the writer's, if it may.
    fn fit(&self, writer: Id, reader: Id) -> Option<Fit> {
        match (&self.writer.nodes[writer], &self.reader.nodes[reader]) {
            (Node::Record(written), Node::Record(read)) => by_name(&written.name, &read.name, &read.aliases),
            (Node::Enum(written), Node::Enum(read)) => by_name(&written.name, &read.name, &read.aliases),
            (Node::Array(_), Node::Array(_)) | (Node::Map(_), Node::Map(_)) => Some(Fit::Same),
            (written, read) if written == read => Some(Fit::Same),
            (Node::Fixed(written), Node::Fixed(read)) if written.size == read.size => {
                by_name(&written.name, &read.name, &[]).or(Some(Fit::Promoted))
            }
            (written, read) => promotion(written, read).map(|_| Fit::Promoted),
        }
    }

    /// The branch of a reader's union that reads the writer's node: of those that fit best, the first.
    fn reader_branch(&self, writer: Id, reader: Id) -> Option<&Branch> {
        let Node::Union(branches) = &self.reader.nodes[reader] else { return None };
        let fitting = branches.iter().filter_map(|branch| Some((self.fit(writer, branch.node)?, branch)));
        fitting.min_by_key(|(fit, _)| *fit).map(|(_, branch)| branch)
    }
}

/// How well a reader's type fits a writer's, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Same,
    Alias,
    /// The names are equal without their namespaces.
    LastName,
    Promoted,
}

fn by_name(written: &str, read: &str, aliases: &[String]) -> Option<Fit> {
    fn last(name: &str) -> &str {
        name.rsplit('.').next().unwrap_or(name)
    }
    match () {
        () if written == read => Some(Fit::Same),
        () if aliases.iter().any(|alias| alias == written || alias == last(written)) => Some(Fit::Alias),
        () if last(written) == last(read) => Some(Fit::LastName),
        () => None,
    }
}

/// The index of the writer's field that each field of the reader has the values of: the one of its name, otherwise of an
/// alias, unless another field has those.
fn sources(written: &Record, read: &Record) -> Vec<Option<usize>> {
    let names: HashMap<_, _> = written.fields.iter().enumerate().map(|(index, field)| (&field.name, index)).collect();
    let mut sources: Vec<_> = read.fields.iter().map(|field| names.get(&field.name).copied()).collect();
    for (index, field) in read.fields.iter().enumerate() {
        if sources[index].is_none() {
            let mut named = field.aliases.iter().filter_map(|alias| names.get(alias).copied());
            sources[index] = named.find(|found| !sources.contains(&Some(*found)));
        }
    }
    sources
}

impl Node {
    fn moved_by(mut self, moved: usize) -> Self {
        match &mut self {
            Self::Array(id) | Self::Map(id) | Self::Promoted(id, _) => *id += moved,
            Self::Union(branches) => branches.iter_mut().for_each(|branch| branch.node += moved),
            Self::Record(record) => {
                record.fields.iter_mut().for_each(|field| field.node += moved);
                record.defaults.iter_mut().for_each(|absent| absent.node += moved);
            }
            _ => {}
        }
        self
    }
}

enum Promoted {
    /// Encoded in the same way, and read as this node.
    As(Node),
    /// Encoded as this node.
    By(Node, Promotion),
}

fn promotion(written: &Node, read: &Node) -> Option<Promoted> {
    let same = || Promoted::As(written.clone());
    Some(match (written, read) {
        (Node::Fixed(written), Node::Fixed(read)) if written.size == read.size => same(),
        (Node::Decimal { scale, fixed: a, .. }, Node::Decimal { scale: reader_scale, fixed: b, .. })
            if scale == reader_scale && a.as_ref().map(|fixed| fixed.size) == b.as_ref().map(|fixed| fixed.size) =>
        {
            same()
        }
        (written, read) if written == read => same(),
        (Node::Int, Node::Long) | (Node::Float, Node::Double) => same(),
        (Node::Int | Node::Long, Node::Float | Node::Double) => Promoted::By(written.clone(), Promotion::Float),
        (Node::String, Node::Bytes) => Promoted::By(Node::String, Promotion::Bytes),
        (Node::Bytes, Node::String) => Promoted::By(Node::Bytes, Promotion::Text),
        (written, read) => match (underlying(written), underlying(read)) {
            (Some(written), None) => promotion(&written, read)?,
            (None, Some(under)) => match promotion(written, &under)? {
                Promoted::As(_) => Promoted::As(read.clone()),
                // The bytes of a text are no decimal.
                Promoted::By(..) => return None,
            },
            _ => return None,
        },
    })
}

/// The type of Avro that a logical type is encoded as; `None` of a type that is none.
fn underlying(node: &Node) -> Option<Node> {
    Some(match node {
        Node::Date | Node::Time(Unit::Millis) => Node::Int,
        Node::Time(_) | Node::Timestamp(_) | Node::LocalTimestamp(_) => Node::Long,
        Node::Uuid(None) => Node::String,
        Node::BigDecimal | Node::Decimal { fixed: None, .. } => Node::Bytes,
        Node::Uuid(Some(fixed)) | Node::Duration(fixed) | Node::Decimal { fixed: Some(fixed), .. } => {
            Node::Fixed(fixed.clone())
        }
        _ => return None,
    })
}

fn mismatch(written: &Node, read: &Node) -> Node {
    Node::Mismatch(format!("{} cannot be read as {}", written.title(), read.title()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logical_type_on_one_side_only_is_read_as_its_underlying_type() {
        let fixed = |size: usize, logical: &str| format!(r#"{{"type":"fixed","name":"F","size":{size}{logical}}}"#);
        let logical = |base: &str, name: &str| format!(r#"{{"type":"{base}","logicalType":"{name}"}}"#);
        let decimal = r#","logicalType":"decimal","precision":9,"scale":2"#;
        let read = |written: &str, read: &str| {
            let resolved = resolve(&Plan::compile(written).unwrap(), &Plan::compile(read).unwrap())?;
            Ok::<_, String>(resolved.root().clone())
        };
        for (plain, logical) in [
            (r#""int""#.to_owned(), logical("int", "date")),
            (r#""int""#.to_owned(), logical("int", "time-millis")),
            (r#""long""#.to_owned(), logical("long", "time-micros")),
            (r#""long""#.to_owned(), logical("long", "timestamp-millis")),
            (r#""string""#.to_owned(), logical("string", "uuid")),
            (fixed(4, ""), fixed(4, decimal)),
            (fixed(12, ""), fixed(12, r#","logicalType":"duration""#)),
            (fixed(16, ""), fixed(16, r#","logicalType":"uuid""#)),
        ] {
            let (node, other) = (Plan::compile(&plain).unwrap(), Plan::compile(&logical).unwrap());
            assert_ne!(node, other);
            assert_eq!(read(&logical, &plain).as_ref(), Ok(node.root()), "{logical}");
            assert_eq!(read(&plain, &logical).as_ref(), Ok(other.root()), "{logical}");
        }
        let timestamp = logical("long", "timestamp-micros");
        assert_eq!(read(r#""int""#, &timestamp), Ok(Plan::compile(&timestamp).unwrap().root().clone()));
        assert!(matches!(read(&logical("int", "date"), r#""double""#), Ok(Node::Promoted(_, Promotion::Float))));
        for (written, other) in [
            (logical("int", "date"), timestamp),
            (fixed(4, ""), fixed(5, decimal)),
            // The digits of a text are not the bytes of a decimal.
            (r#""string""#.to_owned(), format!(r#"{{"type":"bytes"{decimal}}}"#)),
        ] {
            assert!(read(&written, &other).is_err(), "{written}");
        }
    }

    fn record(name: &str, fields: &[&str]) -> String {
        let fields: Vec<_> = fields.iter().map(|field| format!(r#"{{"type":"int","default":7,{field}}}"#)).collect();
        format!(r#"{{"type":"record","name":"{name}","fields":[{}]}}"#, fields.join(","))
    }

    /// The value of the data 1, 2, … of the writer's fields.
    fn value(written: &str, read: &str, datum: &[i8]) -> serde_json::Value {
        let resolved = resolve(&Plan::compile(written).unwrap(), &Plan::compile(read).unwrap()).unwrap();
        let datum: Vec<u8> = datum.iter().map(|number| (number << 1) as u8).collect();
        super::super::read::whole(&resolved, &datum, |reader| serde::Deserialize::deserialize(reader)).unwrap()
    }

    #[test]
    fn a_branch_is_read_as_the_one_of_its_full_name() {
        let (id, amount, currency) = (r#""name":"id""#, r#""name":"amount""#, r#""name":"currency""#);
        let union = |records: [String; 2]| format!("[{}]", records.join(","));
        let written = union([record("a.Event", &[id]), record("b.Event", &[id, amount])]);
        let read = union([record("a.Event", &[id]), record("b.Event", &[id, amount, currency])]);
        let expected = serde_json::json!({ "id": 1, "amount": 2, "currency": 7 });
        assert_eq!(value(&written, &read, &[1, 1, 2]), expected);
        let renamed = record("c.Bill", &[id, amount]).replacen('{', r#"{"aliases":["b.Event"],"#, 1);
        let read = union([record("a.Event", &[id]), renamed]);
        assert_eq!(value(&written, &read, &[1, 1, 2]), serde_json::json!({ "id": 1, "amount": 2 }), "an alias");
        let read = union([record("z.Other", &[id]), record("z.Event", &[id, amount])]);
        assert_eq!(value(&written, &read, &[1, 1, 2]), serde_json::json!({ "id": 1, "amount": 2 }), "the last name");
    }

    #[test]
    fn each_field_of_the_writer_is_read_once() {
        let (a, b) = (r#""name":"a""#, r#""name":"b""#);
        let renamed = r#""name":"b","aliases":["a"]"#;
        let read = |written: &[&str], fields: &[&str], datum: &[i8]| {
            let text = |fields| record("R", fields);
            value(&text(written), &text(fields), datum).to_string()
        };
        assert_eq!(read(&[b, a], &[renamed], &[1, 2]), r#"{"b":1}"#);
        assert_eq!(read(&[a], &[renamed], &[1]), r#"{"b":1}"#);
        assert_eq!(read(&[a], &[a, renamed], &[1]), r#"{"a":1,"b":7}"#);
        let other = r#""name":"c","aliases":["a"]"#;
        assert_eq!(read(&[a], &[renamed, other], &[1]), r#"{"b":1,"c":7}"#);
    }

    #[test]
    fn a_resolved_plan_is_as_large_as_both_plans() {
        let plan = |names: std::ops::Range<usize>| {
            let fields: Vec<_> =
                names.map(|name| format!(r#"{{"name":"f{name}","type":"int","default":0}}"#)).collect();
            Plan::compile(&format!(r#"{{"type":"record","name":"R","fields":[{}]}}"#, fields.join(","))).unwrap()
        };
        let resolved = resolve(&plan(0..200), &plan(199..400)).unwrap();
        assert!(resolved.nodes.len() < 1_000, "{} nodes", resolved.nodes.len());
    }
}
