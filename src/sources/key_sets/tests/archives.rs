//! What an archive keeps, in which form, and what is believed of it.

use serde_json::{Value, json};

use super::*;
use crate::jose::KeySet;
use crate::sources::key_sets::archive::{ArchivedSet, AtHand, Content, SetId, public_keys, read, revise};

const DAY: Duration = Duration::from_hours(24);

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(START.secs() + seconds)
}

/// Of a set of this age, as of when it was fetched.
fn archived(source: &KeySource, document: &str, seconds: i64) -> ArchivedSet {
    let (_, skipped) = KeySet::parse(document.as_bytes()).unwrap();
    ArchivedSet::new(source, public_keys(document.as_bytes(), &skipped).unwrap(), at(seconds), at(seconds))
}

fn at_hand(sets: &[(&KeySource, &str, i64)]) -> AtHand {
    sets.iter().map(|(source, document, seconds)| (SetId::of(source), archived(source, document, *seconds))).collect()
}

/// What an archive has after these were at hand.
fn content(sets: &[(&KeySource, &str, i64)]) -> Content {
    revise(&Content::new(), &at_hand(sets), START, DAY).unwrap().content
}

fn kids(content: &Content, source: &KeySource) -> Result<Option<Vec<String>>, String> {
    let read = read(content, source, START, DAY).map_err(|error| error.to_string())?;
    Ok(read.map(|read| read.set.iter().map(|key| key.kid().unwrap().to_owned()).collect()))
}

#[test]
fn what_is_read_verifies_what_was_fetched_and_has_no_member_that_verifying_does_not_take() {
    let source = by_discovery("https://idp.example.com/");
    let mut document: Value = serde_json::from_str(&key_set(&["b", "a"])).unwrap();
    let keys = document["keys"].as_array_mut().unwrap();
    keys[0]["x5c"] = json!(["MIIB"]);
    keys[0]["note"] = json!("internal");
    let mut private = keys[1].clone();
    private["kid"] = json!("private");
    private["d"] = json!("aHVudGVyMg");
    keys.insert(1, private);
    keys.insert(0, json!({"kty": "oct", "kid": "shared", "k": "aHVudGVyMg"}));
    keys.push(json!("aHVudGVyMg"));
    let document = document.to_string();
    let content = content(&[(&source, &document, -60)]);
    let read = read(&content, &source, START, DAY).unwrap().unwrap();
    let (fetched, _) = KeySet::parse(document.as_bytes()).unwrap();
    assert_eq!(read.set.content_hash(), fetched.content_hash());
    assert_eq!((read.skipped, read.as_of, read.fetched), (vec![], at(-60), at(-60)));
    let [text] = &content.values().collect::<Vec<_>>()[..] else { panic!("{content:?}") };
    for absent in ["aHVudGVyMg", "x5c", "note", "shared", "private"] {
        assert!(!text.contains(absent), "{absent} is in {text}");
    }
    let record: Value = serde_json::from_str(text).unwrap();
    assert_eq!(record["source"], "https://idp.example.com/");
    assert_eq!(record["fetched"], "2027-01-15T07:59:00Z");
}

#[test]
fn a_record_is_of_one_source_and_tells_no_query() {
    let url = by_url("https://idp.example.com/keys?token=hunter2");
    let content = content(&[(&url, &key_set(&["a"]), 0)]);
    assert!(content.iter().all(|(name, text)| name.len() == 64 && !text.contains("hunter2")), "{content:?}");
    for other in [
        by_url("https://idp.example.com/keys"),
        by_url("https://idp.example.com/keys?token=hunter3"),
        by_discovery("https://idp.example.com/keys?token=hunter2"),
        KeySource { insecure_http: true, ..url.clone() },
    ] {
        assert_eq!(kids(&content, &other), Ok(None), "{other:?}");
    }
    assert_eq!(kids(&content, &url), Ok(Some(vec!["a".to_owned()])));
}

#[test]
fn a_record_is_judged_like_a_document_that_was_fetched() {
    let source = by_discovery("https://idp.example.com/");
    let good = content(&[(&source, &key_set(&["a"]), -60)]);
    let (name, text) = good.first_key_value().unwrap();
    let record: Value = serde_json::from_str(text).unwrap();
    let with = |member: &str, value: Value| {
        let mut record = record.clone();
        record[member] = value;
        record.to_string()
    };
    let mut private = record["keys"][0].clone();
    private["d"] = json!("aHVudGVyMg");
    let many: Vec<Value> = (0..257).map(|_| json!({})).collect();
    let times = |as_of: &str, fetched: &str| {
        let mut record = record.clone();
        (record["asOf"], record["fetched"]) = (json!(as_of), json!(fetched));
        record.to_string()
    };
    for (case, text, expected) in [
        ("not JSON", "keys".to_owned(), "it is not a JSON object with source, asOf, fetched and keys"),
        ("no time", with("fetched", Value::Null), "it is not a JSON object with source, asOf, fetched and keys"),
        ("no source", with("source", Value::Null), "it is not a JSON object with source, asOf, fetched and keys"),
        ("no keys", with("keys", json!({})), "the key set is not a JSON object with an array of keys"),
        ("too many keys", with("keys", json!(many)), "the key set has more than 256 keys"),
        ("empty", with("keys", json!([])), "none of its keys can be used"),
        ("private", with("keys", json!([private])), "none of its keys can be used"),
        ("symmetric", with("keys", json!([{"kty": "oct", "k": "aHVudGVyMg"}])), "none of its keys can be used"),
        ("too long", with("source", json!("a".repeat(256 * 1024))), "it is longer than 256 KiB"),
        ("too old", times("2027-01-14T08:00:00Z", "2027-01-14T08:00:00Z"), "it was fetched too long ago"),
        ("in the future", times("2027-01-15T08:00:00Z", "2027-01-15T08:00:31Z"), "it was fetched in the future"),
        (
            "as of later",
            times("2027-01-15T08:00:00Z", "2027-01-15T07:59:00Z"),
            "it is as of a time after it was fetched",
        ),
    ] {
        let content = Content::from([(name.clone(), text)]);
        assert_eq!(kids(&content, &source), Err(expected.to_owned()), "{case}");
    }
    for (case, text, as_of, fetched) in [
        ("as it was", text.clone(), -60, -60),
        ("as old as it may be", times("2027-01-14T08:00:01Z", "2027-01-14T08:00:01Z"), -86_399, -86_399),
        // A delivery network may have had it for longer than keys may be stale.
        ("as of long ago", times("2027-01-01T00:00:00Z", "2027-01-15T08:00:00Z"), -1_238_400, 0),
        ("of a clock that is ahead", times("2027-01-15T08:00:30Z", "2027-01-15T08:00:30Z"), 0, 0),
        ("with members of a later version", with("more", json!(1)), -60, -60),
    ] {
        let content = Content::from([(name.clone(), text)]);
        let read = read(&content, &source, START, DAY).unwrap().unwrap();
        assert_eq!((read.as_of, read.fetched), (at(as_of), at(fetched)), "{case}");
    }
    let mut one_of_two = record["keys"].as_array().unwrap().clone();
    one_of_two.push(json!({"kty": "oct", "k": "aHVudGVyMg"}));
    let content = Content::from([(name.clone(), with("keys", json!(one_of_two)))]);
    assert_eq!(kids(&content, &source), Ok(Some(vec!["a".to_owned()])), "a bad key costs only itself");
}

#[test]
fn it_is_written_when_keys_change_or_a_quarter_of_their_life_has_passed_and_not_else() {
    let source = by_discovery("https://idp.example.com/");
    let (document, other) = (key_set(&["a"]), key_set(&["b"]));
    let before = -12 * 3_600;
    let written = content(&[(&source, &document, before)]);
    let mut reversed: Value = serde_json::from_str(&key_set(&["x", "y"])).unwrap();
    let two = reversed.to_string();
    reversed["keys"].as_array_mut().unwrap().reverse();
    let in_order = content(&[(&source, &two, before)]);
    for (case, old, document, seconds, is_written) in [
        ("the same", &written, &document, before, false),
        ("a refresh", &written, &document, before + 300, false),
        ("just before the quarter", &written, &document, before + 6 * 3_600 - 1, false),
        ("the quarter", &written, &document, before + 6 * 3_600, true),
        ("other keys", &written, &other, before + 300, true),
        ("another order", &in_order, &reversed.to_string(), before + 300, false),
        ("an archive that claims to be newer", &content(&[(&source, &document, 0)]), &document, before, true),
    ] {
        let revised = revise(old, &at_hand(&[(&source, document, seconds)]), START, DAY);
        assert_eq!(revised.is_some(), is_written, "{case}");
        if let Some(revised) = revised {
            assert_eq!(revise(&revised.content, &at_hand(&[(&source, document, seconds)]), START, DAY), None, "{case}");
        }
    }
}

#[test]
fn what_a_new_leader_does_not_have_stays_as_long_as_it_is_good() {
    let [one, other] = ["https://a.example.com/", "https://b.example.com/"].map(by_discovery);
    let old = content(&[(&one, &key_set(&["a"]), -3_600), (&other, &key_set(&["b"]), -7_200)]);
    assert_eq!(revise(&old, &AtHand::new(), START, DAY), None);
    let newer = key_set(&["c"]);
    let revised = revise(&old, &at_hand(&[(&one, &newer, 0)]), START, DAY).unwrap().content;
    assert_eq!(kids(&revised, &one), Ok(Some(vec!["c".to_owned()])));
    assert_eq!(kids(&revised, &other), Ok(Some(vec!["b".to_owned()])));
    // Then it goes, and so does what is no record.
    let later = at(22 * 3_600 + 1_800);
    let revised = revise(&old, &AtHand::new(), later, DAY).unwrap().content;
    assert_eq!(
        revised.keys().collect::<Vec<_>>(),
        old.keys().filter(|name| old[*name].contains("//a.")).collect::<Vec<_>>()
    );
    let mut foreign = old.clone();
    foreign.insert("readme".to_owned(), "hello".to_owned());
    assert_eq!(revise(&foreign, &AtHand::new(), START, DAY).unwrap().content, old);
}

#[test]
fn where_there_is_no_room_the_oldest_go_and_the_rest_does_not_alternate() {
    let large = |name: &str| {
        let kids: Vec<String> = (0..200).map(|number| format!("{name}-{number}-{}", "k".repeat(200))).collect();
        key_set(&kids.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let sources: Vec<KeySource> = (0..16).map(|number| by_url(&format!("https://idp{number}.example.com/"))).collect();
    let documents: Vec<String> = (0..16).map(|number| large(&number.to_string())).collect();
    // The first three are a quarter of their life older.
    let hand = |refreshed: usize| -> AtHand {
        let age = |number: usize| {
            if number < 3 {
                -7 * 3_600
            } else if number <= refreshed {
                0
            } else {
                -60
            }
        };
        let sets = sources.iter().zip(&documents).enumerate();
        sets.map(|(number, (source, document))| (SetId::of(source), archived(source, document, age(number)))).collect()
    };
    let revised = revise(&Content::new(), &hand(3), START, DAY).unwrap();
    let size: usize = revised.content.iter().map(|(name, text)| name.len() + text.len()).sum();
    assert!((600 * 1024..=768 * 1024).contains(&size), "{size}");
    assert!(!revised.left_out.is_empty() && revised.content.len() + revised.left_out.len() == 16);
    for source in &sources[..3] {
        assert_eq!(kids(&revised.content, source), Ok(None), "{source:?}");
    }
    for refreshed in 4..16 {
        assert_eq!(revise(&revised.content, &hand(refreshed), START, DAY), None, "{refreshed}");
    }
}

#[test]
fn a_set_that_is_too_large_is_not_kept() {
    let kids: Vec<String> = (0..256).map(|number| format!("{number}-{}", "\u{1}".repeat(200))).collect();
    let document = key_set(&kids.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(KeySet::parse(document.as_bytes()).is_ok_and(|(set, _)| set.len() == 256));
    assert_eq!(public_keys(document.as_bytes(), &[]), None);
}
