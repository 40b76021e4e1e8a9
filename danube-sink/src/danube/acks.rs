//! Acknowledgements: many in flight at once, on a connection that carries no messages.

use bytes::{BufMut, BytesMut};
use danube_client::BrokerAddress;

use super::{
    calls::call_each,
    connection::{Connections, Purpose},
    unary::{self, Unary},
};
use crate::{
    pipeline::{AckAnswers, AckToken, BrokerFailure, Consumer},
    varint::put_varint,
};

/// The keys of the fields of `AckRequest` and `MsgID`, in the wire format of protobuf.
mod key {
    pub(super) const REQUEST_ID: u8 = 1 << 3;
    pub(super) const MSG_ID: u8 = 2 << 3 | 2;
    pub(super) const SUBSCRIPTION_NAME: u8 = 3 << 3 | 2;
    pub(super) const PRODUCER_ID: u8 = 1 << 3;
    pub(super) const TOPIC_NAME: u8 = 2 << 3 | 2;
    pub(super) const BROKER_ADDR: u8 = 3 << 3 | 2;
    pub(super) const TOPIC_OFFSET: u8 = 5 << 3;
}

/// Encodes `AckRequest`s. The fields that a consumer's requests share are encoded once.
pub(super) struct AckEncoder {
    topic: BytesMut,
    subscription: BytesMut,
}

impl AckEncoder {
    pub(super) fn new(consumer: &Consumer) -> Self {
        let encoded = |key, text: &str| {
            let mut field = BytesMut::new();
            put_string(&mut field, key, text);
            field
        };
        Self {
            topic: encoded(key::TOPIC_NAME, &consumer.topic),
            subscription: encoded(key::SUBSCRIPTION_NAME, &consumer.subscription),
        }
    }

    /// An upper bound of the bytes of one request, with its prefix.
    fn bound(&self, token: &AckToken) -> usize {
        const NUMBERS_AND_KEYS: usize = 64;
        NUMBERS_AND_KEYS + self.topic.len() + token.source.broker_address.len() + self.subscription.len()
    }

    /// Encodes a request as protobuf, in the order of the field numbers.
    fn encode(&self, token: &AckToken, buffer: &mut BytesMut) {
        put_number(buffer, key::REQUEST_ID, token.sequence);
        let id = number_len(token.source.producer_id)
            + self.topic.len()
            + string_len(&token.source.broker_address)
            + number_len(token.offset);
        buffer.put_u8(key::MSG_ID);
        put_varint(buffer, id as u64);
        put_number(buffer, key::PRODUCER_ID, token.source.producer_id);
        buffer.extend_from_slice(&self.topic);
        put_string(buffer, key::BROKER_ADDR, &token.source.broker_address);
        put_number(buffer, key::TOPIC_OFFSET, token.offset);
        buffer.extend_from_slice(&self.subscription);
    }
}

/// Sends acknowledgements to a broker. Returns the failed ones, with their errors.
pub(super) async fn send(
    connections: &Connections,
    address: &BrokerAddress,
    encoder: &AckEncoder,
    tokens: Vec<AckToken>,
) -> AckAnswers {
    let prepared = async {
        let link = connections.calls(address, Purpose::Acks).await?;
        let method = Unary::new(&link, "/danube.ConsumerService/Ack")?;
        Ok::<_, BrokerFailure>((link, method))
    };
    let (link, method) = match prepared.await {
        Ok(prepared) => prepared,
        Err(failure) => {
            let answers = vec![Err(failure); tokens.len()];
            return AckAnswers::of(tokens, answers);
        }
    };
    let mut buffer = BytesMut::with_capacity(tokens.iter().map(|token| encoder.bound(token)).sum());
    let requests = tokens.iter().map(|token| unary::frame(&mut buffer, |buffer| encoder.encode(token, buffer)));
    let answers = call_each(&link, &method, link.ack_permits(), requests).await;
    AckAnswers::of(tokens, answers)
}

/// Encodes a number; 0 is omitted, as protobuf requires.
fn put_number(buffer: &mut BytesMut, key: u8, number: u64) {
    if number > 0 {
        buffer.put_u8(key);
        put_varint(buffer, number);
    }
}

fn put_string(buffer: &mut BytesMut, key: u8, text: &str) {
    if !text.is_empty() {
        buffer.put_u8(key);
        put_varint(buffer, text.len() as u64);
        buffer.extend_from_slice(text.as_bytes());
    }
}

fn number_len(number: u64) -> usize {
    if number > 0 { 1 + varint_len(number) } else { 0 }
}

fn string_len(text: &str) -> usize {
    if text.is_empty() { 0 } else { 1 + varint_len(text.len() as u64) + text.len() }
}

/// Seven bits a byte.
fn varint_len(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use danube_core::proto::{AckRequest, MsgId};
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::{config::SubscriptionType, record::MessageSource};

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![Just(0), 0..300_u64, any::<u64>(), Just(u64::MAX)]
    }

    proptest! {
        #[test]
        fn requests_are_those_of_prost(
            offset in number(), producer_id in number(), sequence in number(),
            topic in "(/default/[a-z]{1,200})?", subscription in "[a-zäß]{0,20}", address in "(http://[a-z]{1,140}:6650/)?",
        ) {
            let consumer = Consumer {
                topic: topic.as_str().into(),
                name: String::new(),
                subscription: subscription.clone(),
                subscription_type: SubscriptionType::Shared,
            };
            let encoder = AckEncoder::new(&consumer);
            let source = MessageSource {
                producer_id,
                broker_address: address.as_str().into(),
                ..MessageSource::of_topic(topic.as_str().into())
            };
            let token = AckToken { offset, sequence, source: Arc::new(source) };
            let expected = AckRequest {
                request_id: sequence,
                msg_id: Some(MsgId { producer_id, topic_name: topic, broker_addr: address, topic_offset: offset }),
                subscription_name: subscription,
            };
            let mut buffer = BytesMut::new();
            let framed = unary::frame(&mut buffer, |buffer| encoder.encode(&token, buffer));
            prop_assert!(framed.len() <= encoder.bound(&token));
            let (prefix, message) = framed.split_at(5);
            prop_assert_eq!(message, expected.encode_to_vec());
            prop_assert_eq!(prefix[0], 0);
            prop_assert_eq!(&prefix[1..], u32::try_from(message.len()).unwrap().to_be_bytes());
        }
    }
}
