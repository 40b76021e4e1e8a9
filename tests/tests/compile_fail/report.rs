//! A report as it is kept: without the folders of a machine, and without the numbers of the framework's lines.

const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/");

/// The diagnostics of the compiler's JSON as a person sees them.
pub(crate) fn of_json(json: &str) -> String {
    json.lines().filter_map(rendered).map(|report| portable(&report)).collect::<Vec<_>>().join("\n\n")
}

/// Nothing for a summary, such as "aborting due to 1 previous error".
fn rendered(line: &str) -> Option<String> {
    let diagnostic: serde_json::Value = serde_json::from_str(line).unwrap();
    let summary =
        diagnostic["level"] == "failure-note" || diagnostic["message"].as_str()?.starts_with("aborting due to");
    if summary { None } else { Some(diagnostic["rendered"].as_str()?.trim_end().to_owned()) }
}

/// Takes the line numbers off lines of other packages, and from every line the margin that those numbers needed.
fn portable(report: &str) -> String {
    let mut lines = Vec::new();
    let (mut foreign, mut in_code) = (false, false);
    let (mut margin, mut needed) = (None, 1);
    for line in report.lines() {
        let number = digits(line);
        let marks = line[number..].trim_start();
        let indent = line.len() - marks.len();
        let mut text = line.to_owned();
        if line.starts_with(char::is_alphabetic) {
            (foreign, in_code) = (false, false);
        } else if let Some(place) = marks.strip_prefix("--> ").or_else(|| marks.strip_prefix("::: ")) {
            let own = place.strip_prefix(PACKAGE);
            margin = margin.or(Some(indent));
            (foreign, in_code) = (own.is_none(), true);
            let place = own.map_or_else(|| format!("$WORKSPACE/{}", file(place)), str::to_owned);
            text.replace_range(indent + "--> ".len().., &place);
        } else if marks.starts_with('|') {
            in_code = true;
        } else if marks.starts_with("and ") && marks.ends_with(" others") {
            // Of the types that implement a trait, the compiler shows some.
            text.replace_range(indent.., "and $N others");
        }
        if foreign {
            text.replace_range(..number, &" ".repeat(number));
        } else {
            needed = needed.max(number);
        }
        lines.push((in_code, text));
    }
    let surplus = margin.map_or(0, |margin: usize| margin.saturating_sub(needed));
    // A type that is too long for the report is in a file of the machine.
    lines.retain(|(_, line)| !line.contains("the full name for the type") && !line.contains("using `--verbose`"));
    let narrowed = lines.into_iter().map(|(in_code, mut line)| {
        let number = digits(&line);
        if in_code && line[number..].starts_with(' ') {
            line.replace_range(number..number + surplus, "");
        }
        line.trim_end().to_owned()
    });
    narrowed.collect::<Vec<_>>().join("\n")
}

/// How many digits the line begins with: of its number, in an excerpt of the source.
fn digits(line: &str) -> usize {
    line.bytes().take_while(u8::is_ascii_digit).count()
}

/// Of `file:line:column`.
fn file(place: &str) -> &str {
    place.split(':').next().unwrap_or(place)
}
