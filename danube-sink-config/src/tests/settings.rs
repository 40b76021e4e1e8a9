//! What the value of a key may be.

use std::{
    collections::{BTreeMap, HashMap},
    net::{Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use crate::{Diagnostics, Options, Parsed, Setting, SubscriptionType, TopicMappings, Value};

fn read<T: Setting>(literal: &str) -> Result<T, String> {
    let message = |diagnostics: Diagnostics| {
        let (found, _) = diagnostics.into_parts();
        found.iter().map(|one| format!("{}; {}", one.message, one.help)).collect::<Vec<_>>().join(" / ")
    };
    Value::from_literal(literal, crate::value::Origin::Default)
        .map_err(Diagnostics::from)
        .and_then(|value| T::read(&value))
        .map_err(message)
}

#[test]
fn times_have_units() {
    for (literal, milliseconds) in [
        ("'250ms'", 250),
        ("'10s'", 10_000),
        ("'5 m'", 300_000),
        ("'1h'", 3_600_000),
        ("'1h30m'", 5_400_000),
        ("'1.5s'", 1_500),
    ] {
        assert_eq!(read(literal), Ok(Duration::from_millis(milliseconds)));
    }
    let help = "write a duration such as `\"250ms\"`, `\"10s\"` or `\"1h30m\"`";
    assert_eq!(read::<Duration>("10").unwrap_err(), format!("expected a duration, found an integer; {help}"));
    for literal in ["'10'", "'s'", "'-1s'", "'1.s'", "'99999999999999999999s'", "'99999999999999999999w'"] {
        assert_eq!(read::<Duration>(literal).unwrap_err(), format!("invalid duration; {help}"), "{literal}");
    }
}

#[test]
fn numbers_keep_their_range() {
    assert_eq!(read("0xff"), Ok(255_u8));
    assert_eq!(read::<u8>("256").unwrap_err(), "the number is out of range; write an integer from 0 to 255");
    assert_eq!(
        read::<i64>("'1'").unwrap_err(),
        "expected an integer, found a string; write an integer from -9223372036854775808 to 9223372036854775807, without quotes"
    );
    assert_eq!(read("3"), Ok(3.0_f64));
    assert_eq!(read("-0.5"), Ok(-0.5_f32));
}

#[test]
fn what_has_from_str_is_read_in_its_own_words() {
    assert_eq!(read("'127.0.0.1:80'"), Ok(Parsed(SocketAddr::from(([127, 0, 0, 1], 80)))));
    let help = "write another string";
    assert_eq!(
        read::<Parsed<SocketAddr>>("'localhost'").unwrap_err(),
        format!("not a SocketAddr: invalid socket address syntax; {help}")
    );
    assert!(read::<Option<Parsed<SocketAddr>>>("80").unwrap_err().starts_with("expected a string, found an integer"));
}

#[test]
fn collections_tell_every_wrong_item() {
    assert_eq!(read("['a', 'b']"), Ok(vec![PathBuf::from("a"), PathBuf::from("b")]));
    assert_eq!(read("{ a = 1 }"), Ok(BTreeMap::from([("a".to_owned(), 1_u8)])));
    assert_eq!(read("{ a = 1 }"), Ok(HashMap::<_, _>::from([("a".to_owned(), Some(1_u8))])));
    assert_eq!(read("{ '::1' = 1 }"), Ok(BTreeMap::from([(Ipv6Addr::LOCALHOST, 1_u8)])));
    let message = "`b`: its name is not a Ipv6Addr: invalid IPv6 address syntax; write another name / `::1`: expected";
    assert!(read::<BTreeMap<Ipv6Addr, u8>>("{ b = 'x', '::1' = 'x' }").unwrap_err().starts_with(message));
    let twice = read::<HashMap<Ipv6Addr, u8>>("{ '::1' = 1, '0::1' = 2 }").unwrap_err();
    assert_eq!(twice, "`0::1`: another key has the same meaning; keep one of them");
    assert_eq!(read::<Vec<bool>>("[1, true, 'x']").unwrap_err().matches("expected a boolean").count(), 2);
}

#[test]
fn options_of_a_library_hold_no_secrets() {
    let options = read::<Options>("{ aws_region = 'here', 'max.retries' = '2' }").expect("options");
    assert_eq!((options.len(), options["max.retries"].as_str()), (2, "2"));
    assert_eq!(Options::default_if_missing(), Some(Options::default()));
    assert!(read::<Options>("{ aws_web_identity_token_file = '/var/run/token' }").is_ok(), "where one is, is none");
    let both = read::<Options>("{ password = 's3cret', retries = 2 }").unwrap_err();
    assert!(both.contains("`password` is a secret") && both.contains("`retries`: expected a string"), "{both}");
    for name in ["AWS_SECRET_ACCESS_KEY", "aws_access_key_id", "sasl.password", "azure_storage_account_key"] {
        let error = read::<Options>(&format!("{{ region = 'here', '{name}' = 's3cret' }}")).unwrap_err();
        assert!(error.starts_with(&format!("`{name}` is a secret and must not be in the file; remove it")), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn words_are_read_as_the_published_files_write_them() {
    for word in ["KeyShared", "Key_Shared", "key-shared", "KEY_SHARED"] {
        assert_eq!(read(&format!("'{word}'")), Ok(SubscriptionType::KeyShared));
    }
    assert_eq!(read("'FailOver'"), Ok(SubscriptionType::Failover));
    assert_eq!(toml::Value::String("shared".into()).try_into(), Ok(SubscriptionType::Shared));
}

#[test]
fn a_connector_begins_without_mappings_whatever_it_makes_of_them() {
    struct Connection;
    assert!(TopicMappings::<Connection>::default().is_empty());
}

#[test]
fn a_float_of_32_bits_does_not_overflow() {
    assert_eq!(read::<f32>("3.4e38"), Ok(3.4e38));
    for literal in ["3.5e38", "-1e39", "inf", "nan"] {
        let error = read::<f32>(literal).unwrap_err();
        assert_eq!(error, "the number is out of range; write a number, within the range of 32 bits", "{literal}");
    }
    assert_eq!(read::<f64>("inf"), Ok(f64::INFINITY));
}
