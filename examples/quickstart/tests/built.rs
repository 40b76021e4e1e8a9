//! A change of the configuration file triggers a new build.

use std::{fs, path::Path};

/// The compiler writes the names of the files that it has read into a `.d` file, by which cargo decides whether to build again.
#[test]
fn a_change_of_the_configuration_file_is_a_reason_to_build_again() -> std::io::Result<()> {
    let lists = Path::new(env!("CARGO_BIN_EXE_quickstart")).with_file_name("deps");
    let mut newest = None;
    for entry in fs::read_dir(lists)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("quickstart-") && name.ends_with(".d") {
            newest = newest.max(Some((fs::metadata(&path)?.modified()?, path)));
        }
    }
    let list = newest.map(|(_, path)| fs::read_to_string(path)).transpose()?.unwrap_or_default();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("connector.toml");
    // The file has Make's syntax, in which spaces are escaped.
    let written = file.display().to_string().replace(' ', "\\ ");
    assert!(list.lines().any(|line| line == format!("{written}:")), "{list}");
    Ok(())
}
