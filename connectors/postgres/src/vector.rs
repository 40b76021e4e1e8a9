//! Vectors of pgvector, which are sent in binary: the server reads their text much more slowly.

use bytes::{BufMut, BytesMut};

/// The numbers of an array, such as `[1, 2.5e-3]`, each as the nearest `float4`; `None` for anything else, for a number beyond
/// `float4`, or for more numbers than the format of pgvector can count.
pub fn numbers(text: &str) -> Option<Vec<f32>> {
    let items = text.trim_ascii().strip_prefix('[')?.strip_suffix(']')?.split(',');
    let number = |item: &str| item.trim_ascii().parse().ok().filter(|number: &f32| number.is_finite());
    let numbers: Option<Vec<_>> = items.map(number).collect();
    numbers.filter(|numbers| i16::try_from(numbers.len()).is_ok())
}

/// Writes a [vector](numbers) in the format of pgvector: the number of dimensions, an unused number, and the numbers.
pub(crate) fn write(numbers: &[f32], out: &mut BytesMut) {
    out.put_i16(i16::try_from(numbers.len()).unwrap_or(i16::MAX));
    out.put_i16(0);
    numbers.iter().for_each(|number| out.put_f32(*number));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_nearest_float4() {
        assert_eq!(numbers(" [ 1,-2.5e-3 ,16777217, 0.1]").unwrap(), [1.0, -0.0025, 16_777_216.0, 0.1]);
        for wrong in ["", "1", "[]", "[1,]", "[1e39]", "[NaN]", "[\"1\"]", "[null]", "[[1]]", "{}", "[1", "[inf]"] {
            assert_eq!(numbers(wrong), None, "{wrong}");
        }
        let of_length = |length: usize| numbers(&format!("[{}]", vec!["1"; length].join(",")));
        assert!(of_length(32_767).is_some());
        assert_eq!(of_length(32_768), None);
    }
}
