//! The journal of a folder, in which later batches are lines: what is on the disk in part, what was damaged, and other processes.

use std::{fs, path::Path};

use super::*;

const MAPPING: &str = "metadata = { offset = '_offset' }";
const JOURNAL: &str = "lake/_danube/s/default+t.json";

fn records(offsets: impl IntoIterator<Item = u64>) -> Vec<SinkRecord> {
    offsets.into_iter().map(|offset| record(offset, r#"{"n":"1"}"#)).collect()
}

/// The journal's lines: the whole one, what distinguishes its file, and one for each later batch.
fn lines(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join(JOURNAL)).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_changes_a_line_and_the_file_keeps_its_size_and_place() {
    let folder = temporary("lines-in-place");
    let mut running = connector(&folder, MAPPING).await;
    running.process_batch(records(1..=10)).await.unwrap();
    let link = folder.join("link");
    fs::hard_link(folder.join(JOURNAL), &link).unwrap();
    let size = fs::metadata(&link).unwrap().len();
    for batch in 1..=20 {
        running.process_batch(records(10 * batch + 1..=10 * batch + 10)).await.unwrap();
    }
    assert_eq!((lines(&folder).len(), fs::metadata(&link).unwrap().len()), (22, size));
    assert_eq!(fs::read(&link).unwrap(), fs::read(folder.join(JOURNAL)).unwrap());
    let mut again = connector(&folder, MAPPING).await;
    again.process_batch(records(150..=220)).await.unwrap();
    assert_eq!(lines(&folder).len(), 2, "another process begins a file");
    assert!(offsets(&folder).into_iter().eq(1..=220));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_line_is_on_the_disk_in_part_was_not_written() {
    let folder = temporary("lines-torn");
    let mut running = connector(&folder, MAPPING).await;
    running.process_batch(records(1..=10)).await.unwrap();
    running.process_batch(records(11..=20)).await.unwrap();
    let files = files(&folder).into_iter().map(|file| file.name).collect::<Vec<_>>();
    running.process_batch(records(21..=30)).await.unwrap();
    drop(running);
    // The power failed while the third was announced: files have names only after that.
    let last = super::files(&folder).into_iter().find(|file| !files.contains(&file.name)).unwrap();
    fs::remove_file(folder.join("lake").join(last.name)).unwrap();
    let line = lines(&folder).pop().unwrap();
    let torn = line[..30].to_owned() + &"\n".repeat(line.len() - 30);
    let text = fs::read_to_string(folder.join(JOURNAL)).unwrap();
    fs::write(folder.join(JOURNAL), text.replace(&line, &torn)).unwrap();
    connector(&folder, MAPPING).await.process_batch(records(5..=31)).await.unwrap();
    assert!(offsets(&folder).into_iter().eq(1..=31));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_line_before_others_is_reported() {
    let folder = temporary("lines-damaged");
    let mut running = connector(&folder, MAPPING).await;
    for batch in 0..3 {
        running.process_batch(records(10 * batch + 1..=10 * batch + 10)).await.unwrap();
    }
    let text = fs::read_to_string(folder.join(JOURNAL)).unwrap();
    let line = &lines(&folder)[2];
    fs::write(folder.join(JOURNAL), text.replace(line, &line.replace("newest", "nevest"))).unwrap();
    let error = connector(&folder, MAPPING).await.process_batch(records(31..=32)).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Retryable { .. }) && error.report().contains("it is damaged"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_another_process_has_replaced_is_read_again() {
    let folder = temporary("lines-replaced");
    let mut running = connector(&folder, MAPPING).await;
    running.process_batch(records(1..=10)).await.unwrap();
    connector(&folder, MAPPING).await.process_batch(records(5..=20)).await.unwrap();
    let error = running.process_batch(records(5..=25)).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
    assert!(error.report().contains("another process has changed the journal"), "{}", error.report());
    running.process_batch(records(5..=25)).await.unwrap();
    assert!(offsets(&folder).into_iter().eq(1..=25));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_which_all_records_are_rejected_is_not_written_by_a_later_one() {
    let folder = temporary("lines-rejected");
    let mapping = |required| {
        format!(
            "columns = [{{ name = 'n' }}, {{ name = 'm', required = {required} }}]\nmetadata = {{ offset = '_offset' }}"
        )
    };
    let with_m = |offsets: std::ops::RangeInclusive<u64>| offsets.map(|offset| record(offset, r#"{"m":"1"}"#));
    let mut running = connector(&folder, &mapping(true)).await;
    running.process_batch(with_m(1..=3).collect()).await.unwrap();
    running.process_batch(records(4..=6)).await.unwrap_err();
    running.process_batch(with_m(7..=9).chain(records([10])).collect()).await.unwrap_err();
    running.process_batch(with_m(11..=12).collect()).await.unwrap();
    assert!(lines(&folder).len() > 4, "they are lines");
    assert_eq!(offsets(&folder), [1, 2, 3, 7, 8, 9, 11, 12]);
    connector(&folder, &mapping(false)).await.process_batch(records(1..=12)).await.unwrap();
    assert!(offsets(&folder).into_iter().eq(1..=12));
}
