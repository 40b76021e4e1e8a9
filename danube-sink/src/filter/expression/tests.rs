use super::*;
use crate::filter::{check, payload::Wanted};

fn order() -> SinkRecord {
    SinkRecord::builder("/default/orders")
        .payload(
            r#"{"user":{"id":7,"name":"Ada\u0021"},"total":12.5,"big":18446744073709551615,"items":[{"sku":"a"},{"sku":"b"}],
                "tags":["new"],"paid":true,"note":null}"#,
        )
        .key("k1")
        .attribute("type", "order")
        .partition(Some(3), "/default/orders-part-3".into())
        .offset(42)
        .publish_time(1_517_966_773_840)
        .producer("shop", 1, 2)
        .build()
}

fn keeps(expression: &str, record: &SinkRecord) -> Result<bool, String> {
    Filter::compile(expression).unwrap_or_else(|error| panic!("{expression}: {error:?}")).keeps(record)
}

#[test]
fn an_expression_reads_payload_attributes_and_metadata() {
    for expression in [
        "payload.user.id == 7 && payload.user.name == 'Ada!'",
        "payload['user']['id'] > 6.5 && payload.total > 12 && payload.big > 1",
        "payload.items.exists(item, item.sku == 'b') && payload.items[0].sku == 'a'",
        "payload.items.map(item, item.sku) == ['a', 'b'] && size(payload.items) == 2",
        "'new' in payload.tags && 'user' in payload && !('other' in payload)",
        "has(payload.user.id) && !has(payload.user.age) && !has(payload.missing)",
        "payload.paid && payload.note == null && payload == payload",
        "payload.?user.?age.orValue(18) == 18",
        "payload.user.name.matches('^A.a') && matches(payload.user.name, 'd') && payload.user.name.startsWith('Ad')",
        "attributes.type == 'order' && attributes['type'] in ['order', 'refund'] && !has(attributes.tenant)",
        "topic == '/default/orders' && partition == 3 && offset == 42 && producer == 'shop' && key == 'k1'",
        "publish_time == '2018-02-07T01:26:13.840000Z' && publish_time >= '2018' && id != ''",
        "payload.missing == 1 || payload.paid",
        "type(payload.user.id) == int && type(payload.items) == list && double(payload.user.id) == 7.0",
    ] {
        assert_eq!(keeps(expression, &order()), Ok(true), "{expression}");
        assert_eq!(keeps(&format!("!({expression})"), &order()), Ok(false), "{expression}");
    }
}

#[test]
fn an_expression_without_a_value_says_why_and_shows_none_of_the_record() {
    for (expression, reason) in [
        ("payload.missing == 1", "there is no `missing`"),
        ("attributes.tenant == 'a'", "there is no `tenant`"),
        ("payload.items[payload.user.id].sku == 'a'", "a list is shorter than its index"),
        ("payload[payload.user.name] == 1", "a field is missing"),
        ("payload.user.name > 3", "found no matching overload for '_>_' applied to '(string, int)'"),
        ("payload.user.name + 3 == 'x'", "its operands have types that it does not accept"),
        ("payload.user.id / 0 == 1", "division by zero"),
        ("int(payload.user.name) == 1", "`int` refuses its arguments"),
        ("payload.user", "it is a map, not true or false"),
        ("payload.note", "it is a null_type, not true or false"),
        ("payload.user.name.matches(payload.user.name + '(')", "`matches` refuses its arguments"),
    ] {
        let error = keeps(expression, &order()).unwrap_err();
        assert!(error.ends_with(reason), "{expression}: {error}");
        assert!(!error.contains("Ada"), "{expression}: {error}");
    }
}

#[test]
fn a_record_that_is_no_json_object_has_its_text_or_null() {
    let record = |payload: &'static [u8]| SinkRecord::builder("/default/t").key("k").payload(payload).build();
    assert_eq!(keeps("payload == 'hello'", &record(b"hello")), Ok(true));
    assert_eq!(keeps("payload == '/wA='", &record(&[0xff, 0x00])), Ok(true));
    assert_eq!(keeps("payload[1] == 2", &record(b"[1,2]")), Ok(true));
    assert!(keeps("payload.a == 2", &record(b"hello")).is_err());
    let filter = Filter::compile("key == 'k'").unwrap();
    assert!(!filter.reads_payload());
    assert_eq!(filter.keeps(&record(&[0xff])), Ok(true));
}

#[test]
fn only_the_fields_that_an_expression_reads_are_built() {
    let wanted = |expression: &str| Filter::compile(expression).unwrap().references.payload.unwrap();
    let mut expected = Wanted::default();
    expected.add(&["user", "id"]);
    expected.add(&["items"]);
    assert_eq!(wanted("payload.user.id == 1 && payload.items.exists(i, i.sku == 'a')"), expected);
    assert_eq!(wanted("payload[key] == 1 || payload.a == 2"), Wanted::All);
}

#[test]
fn an_expression_is_checked_before_records_arrive() {
    for (expression, message, offset) in [
        ("payload.total > 100 &&", "it is not CEL: ", None),
        ("payload.total == 1 && paylod.x == 1", "unknown variable `paylod`", Some(22)),
        ("true || now() > 1", "unknown function `now`", Some(11)),
        ("payload.exists(x, x == y)", "unknown variable `y`", Some(23)),
        ("key.matches('(')", "not a regular expression: ", None),
        ("1", "it is a int, not true or false", None),
        ("'payload.paid'", "it is a string, not true or false", None),
        ("[1, 2].map(x, x)", "it is a list, not true or false", None),
        ("1 / 0 == 1", "division by zero", None),
        ("message{a: 1}.a == 1", "it makes an object of a type, which is not supported", None),
        ("payload.all(a, a.all(b, b.all(c, c in payload)))", "more than 3 loops", None),
    ] {
        let error = check(expression).unwrap_err();
        assert!(error.message.starts_with(message), "{expression}: {}", error.message);
        if let Some(offset) = offset {
            assert_eq!(error.offset, Some(offset), "{expression}: {}", error.message);
            assert!(
                error.message.ends_with(&format!("at character {} of the expression", offset + 1)),
                "{}",
                error.message
            );
        }
    }
    for constant in ["true", "1 == 2", "type(1) == int", "[1].exists(x, x == 1)", "size('a') == 1"] {
        assert!(check(constant).is_ok(), "{constant}");
    }
    for brackets in [20, 32, 100] {
        assert!(check(&"(".repeat(brackets)).is_err());
        let expression = format!("{}true{}", "(".repeat(brackets), ")".repeat(brackets));
        assert_eq!(check(&expression).is_ok(), brackets <= 32, "{brackets}");
    }
    for part in ["!", "payload.", "a.b().", "1 + ", "true ? true : ", "true || "] {
        let expression = format!("{}true", part.repeat((MOST_BYTES - 4) / part.len()));
        assert_eq!(check(&expression).is_ok(), part == "true || " || part == "!", "{part}");
    }
    assert!(check(&"a".repeat(MOST_BYTES + 1)).is_err());
}

#[test]
fn loops_take_a_bounded_number_of_steps() {
    let list = format!("[{}]", vec!["1"; 4_000].join(","));
    let record = SinkRecord::builder("/default/t").payload(list.into_bytes()).build();
    assert_eq!(keeps("payload.all(x, x == 1)", &record), Ok(true));
    let error = keeps("payload.all(x, payload.all(y, x == y))", &record).unwrap_err();
    assert!(error.ends_with("for the loops of the expression"), "{error}");
}

#[test]
fn long_strings_and_attributes_are_steps_of_loops() {
    let payload = |tags: usize, text: usize| {
        let json = format!(r#"{{"tags":[{}],"text":"{}"}}"#, vec![r#""x""#; tags].join(","), "a".repeat(text));
        SinkRecord::builder("/default/t").payload(json.into_bytes()).build()
    };
    let search = "payload.tags.exists(tag, payload.text.contains(tag))";
    assert_eq!(keeps(search, &payload(2_000, 1_000)), Ok(false));
    assert_eq!(keeps("payload.text.contains('b')", &payload(0, 1_000_000)), Ok(false));
    let error = keeps(search, &payload(2_000, 1_000_000)).unwrap_err();
    assert!(error.ends_with("for the loops of the expression"), "{error}");
    let long = keeps("payload.tags.exists(tag, key.contains(tag))", &{
        let json = format!("{{\"tags\":[{}]}}", vec![r#""x""#; 2_000].join(","));
        SinkRecord::builder("/default/t").payload(json.into_bytes()).key("a".repeat(1_000_000)).build()
    });
    assert!(long.is_err());

    // What no loop reads is searched once, and what loops compare or count is not searched.
    for search in [
        "payload.tags.exists(tag, tag.startsWith('b')) || payload.text.contains('b')",
        "payload.tags.exists_one(tag, tag == payload.text)",
        "payload.tags.exists(tag, tag.contains(key)) && key == payload.text",
    ] {
        assert_eq!(keeps(search, &payload(2_000, 1_000_000)), Ok(false), "{search}");
    }
    for search in [
        "payload.tags.exists(tag, payload['te' + 'xt'].contains(tag))",
        "[payload.text].all(text, payload.tags.exists(tag, text.contains(tag)))",
        "payload.exists(name, string(payload[name]).contains('b'))",
    ] {
        assert!(keeps(search, &payload(2_000, 3_000_000)).is_err(), "{search}");
    }

    let many =
        (0..300).fold(SinkRecord::builder("/default/t"), |record, index| record.attribute(format!("a{index}"), "x"));
    let record = many.payload("{}").build();
    assert_eq!(keeps("attributes.all(a, attributes[a] == 'x')", &record), Ok(true));
    let error = keeps("attributes.all(a, attributes.all(b, attributes.all(c, a != '')))", &record).unwrap_err();
    assert!(error.ends_with("for the loops of the expression"), "{error}");
    let list = format!("[{}]", vec!["1"; 300].join(","));
    let error = check(&format!("{list}.all(a, {list}.all(b, payload.all(c, a == b)))")).unwrap_err();
    assert!(error.message.ends_with("for the loops of the expression"), "{}", error.message);
}
