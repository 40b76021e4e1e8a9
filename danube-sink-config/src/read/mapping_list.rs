//! Reads a list of topic mappings: the common keys of each, the connector's own, and what only shows in all together.

use std::{collections::HashSet, fmt, ops::Range};

use crate::{
    file::value::{Content, Entry, Value},
    generated::Key,
    mapping::{Mapping, TopicMappings},
    read::mapping_keys::{Common, Draft},
    read::table::TableReader,
    report::mistake::{Mistake, Mistakes},
};

/// Reads one mapping. Generated code asks it for the connector's own keys.
pub struct MappingReader<'r> {
    pub(crate) table: TableReader<'r>,
    pub(crate) defaults: &'r [(&'r str, Value)],
    pub(crate) mistakes: &'r mut Mistakes,
}

impl MappingReader<'_> {
    /// The value of one of the connector's own keys.
    pub fn setting<T>(&mut self, key: &Key<T>) -> Option<T> {
        self.table.setting(key, self.mistakes)
    }

    /// What a check of the author's says of the whole mapping.
    pub fn validated(&mut self, checked: Result<(), Mistakes>) {
        self.table.validated(checked, self.mistakes);
    }
}

impl fmt::Debug for MappingReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappingReader").field("table", &self.table.title()).finish_non_exhaustive()
    }
}

/// Reads the connector's own part of a mapping as a whole: of the mapping with this number, which stands there.
pub(crate) type ReadWhole<'f, T> = dyn FnMut(usize, Option<Range<usize>>, &mut Mistakes) -> Option<T> + 'f;

/// How the connector's own keys of a mapping are read.
pub(crate) enum Own<'f, T> {
    /// By key, so that what is left over is unknown.
    ByKey(fn(&mut MappingReader<'_>) -> Option<T>),
    /// By someone who reports what is left over.
    Whole(&'f mut ReadWhole<'f, T>),
    /// Later: whoever reads them gets what is known of the mapping with this number so far.
    Later(&'f mut dyn FnMut(usize, TableReader<'_>) -> Option<T>),
}

/// Reads the list. `section` is the name of the table that it is in.
pub(crate) fn read_list<T>(
    entry: &Entry,
    section: &str,
    common: Common<'_>,
    mut own: Own<'_, T>,
    mistakes: &mut Mistakes,
) -> Option<TopicMappings<T>> {
    let header = format!("[[{section}.{}]]", entry.key);
    let not_a_list = |value: &Value| {
        value.unexpected("a list of topic mappings", &format!("begin each mapping with a line `{header}`"))
    };
    let Content::List(list) = &entry.value.content else {
        mistakes.append(Mistakes::from(not_a_list(&entry.value)).of_key(&entry.key));
        return None;
    };
    if list.is_empty() {
        mistakes.push(entry.value.mistake("there are no topic mappings", example(section)));
    }
    let mut drafts = Vec::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        let Content::Table(table) = &value.content else {
            mistakes.push(not_a_list(value));
            continue;
        };
        let title = format!("`{header}`");
        let mut reader = MappingReader { table: TableReader::new(table, title), defaults: common.defaults, mistakes };
        let draft = Draft::read(&mut reader, common);
        let own = match &mut own {
            Own::ByKey(read) => {
                let own = read(&mut reader);
                reader.table.finish(&[], reader.mistakes);
                own
            }
            Own::Whole(read) => {
                reader.table.finish_known(reader.mistakes);
                read(index, value.span.clone(), mistakes)
            }
            Own::Later(read) => read(index, reader.table),
        };
        drafts.push((draft, own));
    }
    check_together(drafts.iter().map(|(draft, _)| draft), mistakes);
    drafts.into_iter().map(|(draft, own)| Some(Mapping { settings: draft.settings, own: own? })).collect()
}

/// The help for a section that has no mapping.
pub(crate) fn example(section: &str) -> String {
    format!("add a mapping: a line `[[{section}.topic_mappings]]`, and below it `topic = \"/namespace/name\"`")
}

/// What is wrong only when all mappings are looked at.
fn check_together<'d>(drafts: impl Iterator<Item = &'d Draft> + Clone, mistakes: &mut Mistakes) {
    let mut subscriptions: HashSet<(&str, &str)> = HashSet::new();
    for draft in drafts.clone().filter(|draft| !draft.topic().is_empty()) {
        let consumer = &draft.settings.consumer;
        if !subscriptions.insert((&consumer.topic, &consumer.subscription)) {
            mistakes.push(
                Mistake::new(
                    format!("`{}` is mapped twice for the subscription `{}`", consumer.topic, consumer.subscription),
                    "remove one of the mappings, or give this one a `subscription` of its own",
                )
                .at(draft.topic_span.clone()),
            );
        }
    }
    let topics: HashSet<&str> = drafts.clone().map(Draft::topic).collect();
    for draft in drafts {
        if let Some(topic) = &draft.settings.dead_letter_topic
            && topics.contains(topic.as_str())
        {
            mistakes.push(
                Mistake::new(
                    "`dead_letter_topic` is a topic that this connector reads",
                    "name another topic: the rejected records would come back for ever",
                )
                .at(draft.dead_letter_span.clone()),
            );
        }
    }
}
