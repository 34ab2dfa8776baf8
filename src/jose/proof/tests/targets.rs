//! RFC 9449, section 4.3, check 9; RFC 3986, sections 6.2.2 and 6.2.3: when two spellings are one place.

use proptest::prelude::*;

use super::{claims, header, now, proof_of, target, terms};
use crate::jose::tests::assert_rows;
use crate::jose::{Proof, ProofFault, ProofTerms, TargetUri};

/// What comes of a proof for `htu` where the request went to `target`.
fn to(uri: &str, htu: &str) -> Result<(), ProofFault> {
    let proof = proof_of(&header(), &claims().with_text("htu", htu));
    let targets = [target(uri)];
    Proof::verify(&proof, &ProofTerms { targets: &targets, ..terms() }, now()).map(|_| ())
}

fn to_orders(htu: &str) -> Result<(), ProofFault> {
    to("https://api.example.com/orders/1", htu)
}

#[test]
fn row_99_another_host_path_or_scheme_is_another_target() {
    let wrong = Err(ProofFault::Htu);
    assert_rows([
        ("another host", to_orders("https://api.example.org/orders/1"), wrong),
        ("a host below", to_orders("https://a.api.example.com/orders/1"), wrong),
        ("a host with a dot at its end", to_orders("https://api.example.com./orders/1"), wrong),
        ("another port", to_orders("https://api.example.com:8443/orders/1"), wrong),
        ("the other scheme's port", to_orders("https://api.example.com:80/orders/1"), wrong),
        ("another scheme", to_orders("http://api.example.com/orders/1"), wrong),
        ("a scheme of its own", to_orders("dpop://api.example.com/orders/1"), wrong),
        ("no scheme", to_orders("//api.example.com/orders/1"), wrong),
        ("a path alone", to_orders("/orders/1"), wrong),
        ("nothing", to_orders(""), wrong),
        ("no host", to_orders("https:///orders/1"), wrong),
        ("another path", to_orders("https://api.example.com/orders/2"), wrong),
        ("the start of the path", to_orders("https://api.example.com/orders"), wrong),
        ("a slash at the end", to_orders("https://api.example.com/orders/1/"), wrong),
        ("a path in other case", to_orders("https://api.example.com/Orders/1"), wrong),
        ("no path", to_orders("https://api.example.com"), wrong),
        ("a user", to_orders("https://api.example.com@api.example.com/orders/1"), wrong),
        ("a user before the host", to_orders("https://me@api.example.com/orders/1"), wrong),
        ("a backslash", to_orders("https://api.example.com\\orders/1"), wrong),
        ("a space", to_orders(" https://api.example.com/orders/1"), wrong),
        ("a port that is none", to_orders("https://api.example.com:x/orders/1"), wrong),
        ("the target", to_orders("https://api.example.com/orders/1"), Ok(())),
    ]);
}

#[test]
fn row_100_query_and_fragment_are_left_out() {
    let asked = target("https://api.example.com/orders/1?page=2#x");
    assert_eq!(asked, target("https://api.example.com/orders/1"));
    assert_eq!(TargetUri::new("https", "api.example.com", "/orders/1?page=2"), Some(asked));
    assert_rows([
        ("a query with a path in it", to_orders("https://api.example.com/orders/2?/orders/1"), Err(ProofFault::Htu)),
        ("an escaped question mark", to_orders("https://api.example.com/orders/1%3Fpage=2"), Err(ProofFault::Htu)),
        ("a query", to_orders("https://api.example.com/orders/1?page=2"), Ok(())),
        ("a fragment", to_orders("https://api.example.com/orders/1#top"), Ok(())),
        ("both", to_orders("https://api.example.com/orders/1?a=/b#c?d"), Ok(())),
        ("a query without a path", to("https://api.example.com/", "https://api.example.com?x"), Ok(())),
    ]);
}

#[test]
fn row_101_spellings_that_rfc_3986_calls_equal_are() {
    let base = "https://api.example.com/a/b~c";
    let slash = "https://api.example.com/a%2Fb";
    assert_rows([
        ("an escaped slash for a slash", to("https://api.example.com/a/b", slash), Err(ProofFault::Htu)),
        ("a slash for an escaped slash", to(slash, "https://api.example.com/a/b"), Err(ProofFault::Htu)),
        ("an escape that is none", to(base, "https://api.example.com/a/b%7"), Err(ProofFault::Htu)),
        ("an escape of an escape", to(base, "https://api.example.com/a/b%257Ec"), Err(ProofFault::Htu)),
        ("other letters, not escaped", to("https://a.example/%C3%A4", "https://a.example/ä"), Err(ProofFault::Htu)),
        ("an escaped host", to(base, "https://api%2Eexample.com/a/b~c"), Err(ProofFault::Htu)),
        ("a host in upper case", to(base, "https://API.EXAMPLE.COM/a/b~c"), Ok(())),
        ("a scheme in upper case", to(base, "HTTPS://api.example.com/a/b~c"), Ok(())),
        ("the port that goes without saying", to(base, "https://api.example.com:443/a/b~c"), Ok(())),
        ("no port after the colon", to(base, "https://api.example.com:/a/b~c"), Ok(())),
        ("http and its port", to("http://a.example/", "http://a.example:80"), Ok(())),
        ("a port of its own", to("https://a.example:8443/", "https://A.example:08443"), Ok(())),
        ("an unreserved character, escaped", to(base, "https://api.example.com/%61/b%7Ec"), Ok(())),
        ("an unreserved character, escaped in lower case", to(base, "https://api.example.com/a/b%7ec"), Ok(())),
        ("an escape in lower case", to(slash, "https://api.example.com/a%2fb"), Ok(())),
        ("dot segments", to(base, "https://api.example.com/x/.././a/./b~c"), Ok(())),
        ("escaped dot segments", to(base, "https://api.example.com/x/%2e%2E/a/b~c"), Ok(())),
        ("more of them than segments", to(base, "https://api.example.com/../../a/b~c"), Ok(())),
        ("a dot at the end", to("https://a.example/a/", "https://a.example/a/."), Ok(())),
        ("two dots at the end", to("https://a.example/", "https://a.example/a/.."), Ok(())),
        ("an empty path", to("https://a.example/", "https://a.example"), Ok(())),
        ("slashes in a row", to(base, "https://api.example.com//a///b~c"), Ok(())),
        ("an IPv6 address", to("https://[2001:db8::1]/", "https://[2001:DB8::1]:443/"), Ok(())),
        ("an IPv6 address with a port", to("https://[::1]:8443/x", "https://[::1]:8443/x"), Ok(())),
    ]);
}

#[test]
fn any_of_the_names_of_a_place_fits() {
    let proof = |htu: &str| proof_of(&header(), &claims().with_text("htu", htu));
    let names = [target("https://a.example/token"), target("https://b.example/token")];
    let judge = |targets: &[TargetUri], htu: &str| {
        Proof::verify(&proof(htu), &ProofTerms { targets, ..terms() }, now()).map(|_| ())
    };
    assert_rows([
        ("a third", judge(&names, "https://c.example/token"), Err(ProofFault::Htu)),
        ("nothing is ours", judge(&[], "https://a.example/token"), Err(ProofFault::Htu)),
        ("the first", judge(&names, "https://a.example/token"), Ok(())),
        ("the second", judge(&names, "https://b.example/token"), Ok(())),
    ]);
}

#[test]
fn what_is_no_place_has_no_form() {
    for (scheme, authority, path) in [
        ("", "a.example", "/"),
        ("ftp", "a.example", "/"),
        ("https", "", "/"),
        ("https", ":443", "/"),
        ("https", "a b", "/"),
        ("https", "a/b", "/"),
        ("https", "a?b", "/"),
        ("https", "a:b:1", "/"),
        ("https", "me@a.example", "/"),
        ("https", "[]", "/"),
        ("https", "[::1", "/"),
        ("https", "[::1]x", "/"),
        ("https", "ä.example", "/"),
        ("https", "a.example", "orders"),
        ("https", "a.example", "/%"),
        ("https", "a.example", "/%zz"),
        ("https", "a.example", "/%+1"),
        ("https", "a.example", "/a b"),
        ("https", "a.example", "/ä"),
        ("https", "a.example", "/\u{7f}"),
    ] {
        assert_eq!(TargetUri::new(scheme, authority, path), None, "{scheme} {authority} {path}");
    }
    assert_eq!(TargetUri::new("Https", "A.example:443", "").unwrap().as_str(), "https://a.example/");
}

proptest! {
    #[test]
    fn the_normal_form_is_its_own(path in "(/[a-z.%2eEfF0-9~]{0,6}){0,6}", port in "(:[0-9]{0,5})?") {
        if let Some(normal) = TargetUri::parse(&format!("https://A.example{port}{path}")) {
            prop_assert_eq!(TargetUri::parse(normal.as_str()), Some(normal));
        }
    }
}
