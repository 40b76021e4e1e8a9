//! Numbers in groups of seven bits, as Protobuf and Avro write them: small ones are short.

use bytes::BufMut;

pub(crate) fn put_varint(buffer: &mut impl BufMut, mut number: u64) {
    while number >= 0x80 {
        buffer.put_u8((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    buffer.put_u8(number as u8);
}
