//! Which URLs are read, and what they lead to.

use super::{Url, UrlError};
use crate::wire::host::HostError;

#[test]
fn a_url_is_absolute_with_a_host_and_nothing_hidden() {
    for (text, expected) in [
        ("https://idp.example.com/keys?v=1", Ok("https://idp.example.com/keys?v=1")),
        ("HTTPS://IDP.Example.com", Ok("https://idp.example.com/")),
        ("https://idp.example.com:8443/", Ok("https://idp.example.com:8443/")),
        ("http://[::1]:80/a", Ok("http://[::1]:80/a")),
        ("ftp://idp.example.com/", Err(UrlError::Scheme)),
        ("file:///etc/passwd", Err(UrlError::Form)),
        ("idp.example.com", Err(UrlError::Form)),
        ("/keys", Err(UrlError::Form)),
        ("https:///keys", Err(UrlError::Form)),
        ("", Err(UrlError::Form)),
        ("https://user:password@idp.example.com/", Err(UrlError::UserInformation)),
        ("https://user@idp.example.com/", Err(UrlError::UserInformation)),
        ("https://idp.example.com:0/", Err(UrlError::Host(HostError::Port))),
        ("https://idp.example.com/#keys", Err(UrlError::Fragment)),
        ("https://idp.example.com/a b", Err(UrlError::Form)),
        ("https://idp.example.com/ключ", Err(UrlError::Form)),
        ("https://идп.example.com/", Err(UrlError::Form)),
        ("https://idp..example.com/", Err(UrlError::Host(HostError::Empty))),
    ] {
        assert_eq!(Url::parse(text).map(|url| url.to_string()), expected.map(str::to_owned), "{text:?}");
    }
    let long = format!("https://idp.example.com/{}", "a".repeat(2_048));
    assert_eq!(Url::parse(&long), Err(UrlError::TooLong));
}

#[test]
fn an_ipv6_host_is_given_without_brackets() {
    let url = Url::parse("https://[2001:DB8::1]/").unwrap();
    assert_eq!((url.host(), url.port()), ("2001:db8::1", 443));
    assert_eq!(url.address(), Some("2001:db8::1".parse().unwrap()));
    assert_eq!(Url::parse("https://idp.example.com/").unwrap().address(), None);
}

#[test]
fn a_redirect_is_an_absolute_url_or_a_path_from_the_root() {
    let url = Url::parse("https://idp.example.com/a/b").unwrap();
    for (location, expected) in [
        ("/keys", Ok("https://idp.example.com/keys")),
        ("https://other.example.com/keys", Ok("https://other.example.com/keys")),
        ("//other.example.com/keys", Err(UrlError::Form)),
        ("keys", Err(UrlError::Form)),
        ("/keys#x", Err(UrlError::Fragment)),
        ("javascript:alert(1)", Err(UrlError::Form)),
    ] {
        assert_eq!(url.join(location).map(|url| url.to_string()), expected.map(str::to_owned), "{location:?}");
    }
}

#[test]
fn an_origin_is_scheme_host_and_port() {
    let url = Url::parse("https://idp.example.com/a").unwrap();
    for (other, expected) in [
        ("https://idp.example.com:443/b", true),
        ("http://idp.example.com/a", false),
        ("https://idp.example.com:8443/a", false),
        ("https://www.idp.example.com/a", false),
    ] {
        assert_eq!(url.is_same_origin(&Url::parse(other).unwrap()), expected, "{other}");
    }
}
