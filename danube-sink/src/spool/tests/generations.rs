//! Several processes on one folder, and folders of other versions.

use std::{fs, time::Duration};

use tokio::time::timeout;

use super::{Folder, append, files, mapping, offsets, open, ordered, read};
use crate::{
    config::SpoolSync,
    spool::{LogKey, Spool, SpooledMapping},
};

#[tokio::test]
async fn a_newcomer_delivers_its_own_records_after_those_of_the_older_process() {
    let folder = Folder::new();
    let older = open(&folder);
    append(&older, 0..10);
    let newcomer = open(&folder);
    append(&newcomer, 10..20);
    assert_eq!(offsets(&read(&newcomer)), (10..20).collect::<Vec<_>>(), "the older one lives");
    let own = mapping(&newcomer).log(&super::TOPIC.into()).unwrap();
    let waits = timeout(Duration::from_millis(50), mapping(&newcomer).turn(&own));
    waits.await.expect_err("it is not its turn");
    drop(older);
    newcomer.adopt(false).unwrap();
    assert_eq!(offsets(&read(&newcomer)), (0..20).collect::<Vec<_>>());
    timeout(Duration::from_millis(50), mapping(&newcomer).turn(&own)).await.expect_err("older records come first");
    let (_, log) = mapping(&newcomer).readable().swap_remove(0);
    mapping(&newcomer).turn(&log).await;
    log.settle(0..10);
    mapping(&newcomer).turn(&own).await;
    newcomer.adopt(false).unwrap();
    assert_eq!(mapping(&newcomer).readable().len(), 1, "the older generation is removed");
    assert_eq!(files(&folder, "lock").len(), 1);
}

#[test]
fn records_of_a_mapping_that_is_not_configured_are_kept() {
    let folder = Folder::new();
    let spool = open(&folder);
    append(&spool, 0..10);
    drop(spool);
    let other = SpooledMapping {
        key: LogKey { topic: "/default/other".to_owned(), subscription: "test".to_owned() },
        is_ordered: true,
    };
    for _ in 0..2 {
        let spool = Spool::open(&folder.0, "sink", 1 << 30, SpoolSync::Os, std::slice::from_ref(&other)).unwrap();
        spool.adopt(false).unwrap();
        assert!(spool.mappings()[0].readable().is_empty());
    }
    assert_eq!(offsets(&read(&open(&folder))), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_newcomer_that_died_leaves_its_records_to_the_older_process() {
    let folder = Folder::new();
    let older = open(&folder);
    append(&older, 0..10);
    let newcomer = open(&folder);
    append(&newcomer, 10..20);
    assert!(mapping(&older).is_superseded().unwrap());
    drop(newcomer);
    older.adopt(false).unwrap();
    assert_eq!(offsets(&read(&older)), (0..10).collect::<Vec<_>>(), "what it still receives may precede the others");
    drop(older);
    let next = open(&folder);
    assert!(!mapping(&next).is_superseded().unwrap());
    assert_eq!(offsets(&read(&next)), (0..20).collect::<Vec<_>>(), "in the order of their processes");
    drop(next);
    let unordered = SpooledMapping { is_ordered: false, ..ordered() };
    let open = || Spool::open(&folder.0, "sink", 1 << 30, SpoolSync::Os, std::slice::from_ref(&unordered)).unwrap();
    let older = open();
    let newcomer = open();
    append(&newcomer, 20..30);
    drop(newcomer);
    older.adopt(false).unwrap();
    assert_eq!(offsets(&read(&older)), (0..30).collect::<Vec<_>>());
}

#[test]
fn logs_of_two_processes_that_had_the_same_number_have_names_of_their_own() {
    let folder = Folder::new();
    let unordered = SpooledMapping { is_ordered: false, ..ordered() };
    let open = || Spool::open(&folder.0, "sink", 1 << 30, SpoolSync::Os, std::slice::from_ref(&unordered)).unwrap();
    let older = open();
    let names = [0..10, 10..20].map(|offsets| {
        let newcomer = open();
        append(&newcomer, offsets.clone());
        drop(newcomer);
        older.adopt(false).unwrap();
        let (name, log) = mapping(&older).readable().swap_remove(0);
        log.settle(0..10);
        older.adopt(false).unwrap();
        assert!(mapping(&older).readable().is_empty(), "it is removed, and its number is free");
        name
    });
    assert_ne!(names[0], names[1], "a reader of the first one would wait for more of it");
}

#[test]
fn what_all_earlier_processes_received_is_remembered() {
    let folder = Folder::new();
    let older = open(&folder);
    append(&older, 0..10);
    let newcomer = open(&folder);
    append(&newcomer, 8..12);
    drop((older, newcomer));
    let remembered = mapping(&open(&folder)).remembered(super::TOPIC);
    let remembered: Vec<_> = remembered.iter().map(|message| message.offset).collect();
    assert_eq!(remembered, (0..10).chain(8..12).collect::<Vec<_>>());
}

#[test]
fn what_an_interrupted_start_or_removal_left_is_removed() {
    let folder = Folder::new();
    drop(open(&folder));
    let root = folder.0.join("sink");
    let began = root.join("new-1-abc");
    fs::create_dir(&began).unwrap();
    fs::write(began.join("lock"), "").unwrap();
    fs::create_dir_all(root.join("removed-7/log")).unwrap();
    let spool = open(&folder);
    let names = || fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!names().any(|name| name.starts_with("removed")), "{:?}", names().collect::<Vec<_>>());
    assert!(began.exists(), "its process may just be starting");
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    fs::File::open(&began).unwrap().set_modified(long_ago).unwrap();
    drop(spool);
    drop(open(&folder));
    assert!(!began.exists());
}

#[test]
fn a_generation_that_cannot_be_read_is_adopted_as_a_whole_or_not_at_all() {
    let folder = Folder::new();
    let older = open(&folder);
    append(&older, 0..10);
    mapping(&older)
        .log(&"/default/orders-2".into())
        .unwrap()
        .append(&super::entries(0..1).iter().collect::<Vec<_>>(), 1)
        .unwrap();
    let newcomer = open(&folder);
    drop(older);
    let segment = files(&folder, ".segment").pop().unwrap();
    let right = fs::read(&segment).unwrap();
    let mut wrong = right.clone();
    wrong[7] = 9;
    fs::write(&segment, wrong).unwrap();
    for _ in 0..2 {
        newcomer.adopt_later();
        assert!(newcomer.failure().is_some_and(|failure| failure.contains("version 9")), "{:?}", newcomer.failure());
        assert_eq!((mapping(&newcomer).share.records(), mapping(&newcomer).readable().len()), (0, 0));
    }
    fs::write(&segment, right).unwrap();
    newcomer.adopt_later();
    assert_eq!(newcomer.failure(), None);
    assert_eq!((mapping(&newcomer).share.records(), mapping(&newcomer).readable().len()), (11, 2));
}

#[test]
fn another_version_of_the_format_is_refused_and_says_what_to_do() {
    let folder = Folder::new();
    append(&open(&folder), 0..10);
    let segment = files(&folder, ".segment").pop().unwrap();
    let mut contents = fs::read(&segment).unwrap();
    contents[7] = 9;
    fs::write(&segment, contents).unwrap();
    let error = Spool::open(&folder.0, "sink", 1 << 30, SpoolSync::Os, &[ordered()]).unwrap_err().to_string();
    assert!(error.contains("version 9") && error.contains("spool drain"), "{error}");
}

#[test]
fn a_log_that_is_damaged_at_its_beginning_is_kept_and_the_others_are_delivered() {
    for damaged in [2, 40] {
        let folder = Folder::new();
        append(&open(&folder), 0..10);
        let segment = files(&folder, ".segment").pop().unwrap();
        append(&open(&folder), 10..20);
        let mut contents = fs::read(&segment).unwrap();
        contents[damaged] ^= 1;
        fs::write(&segment, contents).unwrap();
        for _ in 0..2 {
            assert_eq!(offsets(&read(&open(&folder))), (10..20).collect::<Vec<_>>());
            assert!(segment.exists());
        }
    }
}

#[test]
fn connectors_share_a_folder() {
    let folder = Folder::new();
    append(&open(&folder), 0..10);
    for other in ["another", "sink.", "sin", "sin_"] {
        let other = Spool::open(&folder.0, other, 1 << 30, SpoolSync::Os, &[ordered()]).unwrap();
        assert_eq!(offsets(&read(&other)), [0; 0]);
        append(&other, 0..1);
    }
}

#[test]
fn a_delivered_log_takes_nothing_of_its_share_while_another_of_its_generation_is_not_delivered() {
    let folder = Folder::new();
    let other = LogKey { topic: "/default/other".to_owned(), subscription: "test".to_owned() };
    let both = [ordered(), SpooledMapping { key: other.clone(), is_ordered: true }];
    let open = || Spool::open(&folder.0, "sink", 1 << 30, SpoolSync::Os, &both).unwrap();
    let open_next = || {
        let spool = open();
        while spool.mappings().iter().any(|mapping| mapping.locked().is_some()) {
            spool.adopt(false).unwrap();
        }
        spool
    };
    let spool = open();
    append(&spool, 0..1_000);
    let waiting = super::entries(0..10);
    let log = spool.mapping(&other.topic, &other.subscription).unwrap().log(&other.topic.as_str().into()).unwrap();
    log.append(&waiting.iter().collect::<Vec<_>>(), 20).unwrap();
    drop((log, spool));
    let spool = open_next();
    let older = mapping(&spool).readable().swap_remove(0).1;
    older.settle(0..1_000);
    spool.adopt(false).unwrap();
    assert_eq!(files(&folder, "lock").len(), 2, "the generation has a log that is not delivered");
    let mut segments = files(&folder, ".segment");
    segments.retain(|segment| segment.to_string_lossy().contains("orders"));
    let on_disk: u64 = segments.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert_eq!(segments.len(), 1, "that of this process: {segments:?}");
    assert_eq!((mapping(&spool).share.records(), mapping(&spool).share.bytes()), (0, on_disk));
    drop((older, spool));
    let spool = open_next();
    assert_eq!(mapping(&spool).remembered(super::TOPIC).len(), 1_000, "what the freed log remembered");
    assert_eq!(spool.mapping(&other.topic, &other.subscription).unwrap().share.records(), 10);
}

#[test]
fn a_generation_that_is_delivered_and_removed_takes_nothing_of_the_share() {
    let folder = Folder::new();
    append(&open(&folder), 0..1_000);
    let spool = open(&folder);
    let older = mapping(&spool).readable().swap_remove(0).1;
    older.settle(0..1_000);
    spool.adopt(false).unwrap();
    let on_disk: u64 = files(&folder, ".segment").iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert_eq!((mapping(&spool).share.records(), mapping(&spool).share.bytes()), (0, on_disk));
}
