//! The corpora of the fuzz targets, replayed through the targets' own entries: no panic, whatever the input.

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::{fs, path::Path};

#[test]
fn every_input_is_read_or_refused() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut inputs = 0;
    for (name, target) in [
        ("avro", targets::avro as fn(&[u8])),
        ("avro_schema", targets::avro_schema),
        ("json", targets::json),
        ("plain", targets::plain),
        ("protobuf", targets::protobuf),
        ("protobuf_schema", targets::protobuf_schema),
    ] {
        for entry in fs::read_dir(corpora.join(name)).expect("a corpus") {
            let path = entry.expect("an entry").path();
            println!("{}", path.display());
            target(&fs::read(&path).expect("an input"));
            inputs += 1;
        }
    }
    assert!(inputs >= 41, "{inputs}");
}
