//! Tables of durations and sizes; the same rows go through the API server's own rules in `tests/cluster`.

use std::time::Duration;

use super::{Bytes, Kind, ObjectKey, QuantityError, parse_bytes, parse_duration};

#[test]
fn durations_are_read_as_gateway_api_writes_them() {
    for (text, millis) in [
        ("0s", 0),
        ("1ms", 1),
        ("30s", 30_000),
        ("1m30s", 90_000),
        ("1h", 3_600_000),
        ("1s1s", 2_000),
        ("5s1m", 65_000),
    ] {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
    }
}

#[test]
fn anything_else_is_no_duration() {
    for text in ["", "1", "s", "1d", "1.5s", "-1s", "1 s", "1S", "s1", "1s ", "١s", "1us"] {
        assert_eq!(parse_duration(text), Err(QuantityError::Duration), "{text}");
    }
    for text in ["99999999999999999999s", "9999999999999999999h"] {
        assert_eq!(parse_duration(text), Err(QuantityError::TooLarge), "{text}");
    }
}

#[test]
fn sizes_are_bytes_or_powers_of_1024() {
    for (text, bytes) in [("0", 0), ("1", 1), ("10Ki", 10_240), ("10Mi", 10_485_760), ("2Gi", 2_147_483_648)] {
        assert_eq!(parse_bytes(text), Ok(Bytes(bytes)), "{text}");
    }
    for text in ["", "Mi", "1k", "1K", "1MB", "-1", "1.5Mi", "1 Mi", "1Ti"] {
        assert_eq!(parse_bytes(text), Err(QuantityError::Bytes), "{text}");
    }
    assert_eq!(parse_bytes("99999999999999999999"), Err(QuantityError::TooLarge));
    assert_eq!(parse_bytes("18446744073709551615Ki"), Err(QuantityError::TooLarge));
}

#[test]
fn an_object_is_shown_as_kind_namespace_and_name() {
    assert_eq!(ObjectKey::new(Kind::ApiRoute, "shop", "orders").to_string(), "ApiRoute shop/orders");
    assert_eq!(ObjectKey::new(Kind::File, "", "conf/a.yaml").to_string(), "File conf/a.yaml");
}

#[test]
fn every_kind_is_found_by_its_own_name() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_name(kind.as_str()), Some(kind));
    }
    for name in ["apiroute", "File", ""] {
        assert_eq!(Kind::from_name(name), None, "{name}");
    }
}
