//! Comparison of a connector's speed with a bare client's.

use std::{env, hint::black_box};

/// Goal of the ratio of a connector's speed and the bare client's.
const GOAL: f64 = 0.9;

/// Measures the speed of both in pairs, and prints each pair, and the median ratio as a figure with its goal. The order
/// alternates, so that a machine that warms up or slows down favors neither; an extra first pair warms up.
///
/// Words of the command line choose what is measured: `cargo bench -p danube-sink-object-store -- Parquet`.
pub async fn compare(what: &str, pairs: usize, bare: impl AsyncFn() -> f64, connector: impl AsyncFn() -> f64) {
    let chosen: Vec<_> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if !chosen.is_empty() && !chosen.iter().any(|words| what.contains(words.as_str())) {
        return;
    }
    let mut ratios = Vec::new();
    for pair in 0..=pairs {
        let (bare, connector) = if pair % 2 == 0 {
            let bare = bare().await;
            (bare, connector().await)
        } else {
            let connector = connector().await;
            (bare().await, connector)
        };
        if pair > 0 {
            let ratio = connector / bare;
            println!("{what}: bare {bare:.0}/s, connector {connector:.0}/s, ratio {ratio:.3}");
            ratios.push(ratio);
        }
    }
    ratios.sort_by(f64::total_cmp);
    println!("{what}: median {:.3}, from {:.3} to {:.3}", ratios[pairs / 2], ratios[0], ratios[pairs - 1]);
    let words: Vec<_> = what.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    println!("figure {}_ratio {:.3} >={GOAL}", words.join("_"), ratios[pairs / 2]);
}

/// Lets the allocator do what it has put off. Making the records of a large batch frees many small pieces of memory, which the next
/// allocations would sort: call it between that and the time to measure, for both sides.
pub fn settle_allocator() {
    // Larger than what it keeps for a thread. Each sorts some thousands of freed pieces.
    let allocations: Vec<Vec<u8>> = (0..200).map(|number| black_box(Vec::with_capacity(2_000 + 64 * number))).collect();
    drop(allocations);
}
