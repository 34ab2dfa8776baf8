//! What is refused when a rule is compiled, where, and in which words.

use super::super::Rule;

#[track_caller]
fn check(table: &[(&str, usize, &str)]) {
    for (source, offset, message) in table {
        let Err(error) = Rule::compile(source) else { panic!("{source} was accepted") };
        assert_eq!((error.offset, error.to_string().as_str()), (*offset, *message), "{source}");
    }
}

#[test]
fn unknown_names_are_refused_with_what_may_be_meant() {
    check(&[
        (
            "claim.tenant == 'acme'",
            0,
            "unknown name `claim`; did you mean `claims`?; there are `claims`, `token` and `request`",
        ),
        (
            "true && path == '/'",
            8,
            "unknown name `path`; did you mean `request.path`?; there are `claims`, `token` and `request`",
        ),
        ("jwt.sub == 'x'", 0, "unknown name `jwt`; there are `claims`, `token` and `request`"),
        (
            "[1].exists(item, itme == 1)",
            17,
            "unknown name `itme`; did you mean `item`?; there are `claims`, `token` and `request`",
        ),
        (
            "[1].exists(item, item == 1) && item == 1",
            31,
            "unknown name `item`; there are `claims`, `token` and `request`",
        ),
        ("request.pth == '/'", 7, "`request` has no member `pth`; did you mean `path`?"),
        ("request.issuer == '/'", 7, "`request` has no member `issuer`; did you mean `token.issuer`?"),
        ("has(request.url)", 4, "`request` has no member `url`"),
        ("token == 'x'", 0, "`token` is no value by itself: name one of its members, as in `token.policy`"),
        (
            "request['method'] == 'GET'",
            7,
            "`request` is no value by itself: name one of its members, as in `request.method`",
        ),
        ("claims.tenant.startswith('a')", 13, "unknown function `startswith`; did you mean `startsWith`?"),
        ("lower(claims.tenant) == 'a'", 0, "unknown function `lower`"),
        ("now() > 1", 0, "unknown function `now`"),
        ("timestamp('2026-01-01T00:00:00Z') == 1", 0, "unknown function `timestamp`"),
        ("duration('1h') == 1", 0, "unknown function `duration`"),
    ]);
}

#[test]
fn functions_are_called_in_their_own_way() {
    check(&[
        ("startsWith(claims.tenant, 'a')", 0, "`startsWith` is called as `text.startsWith(start)`"),
        ("claims.tenant.startsWith()", 13, "`startsWith` is called as `text.startsWith(start)`"),
        ("claims.tenant.startsWith('a', 'b')", 13, "`startsWith` is called as `text.startsWith(start)`"),
        ("claims.roles.exists(role)", 12, "`exists` is called as `list.exists(item, condition)`"),
        ("claims.roles.exists('role', true)", 20, "`exists` is called as `list.exists(item, condition)`"),
        ("claims.roles.map(role, true, true) == []", 12, "`map` is called as `list.map(item, value)`"),
        ("size() == 0", 0, "`size` is called as `size(value)`"),
        ("has(claims)", 4, "`has` is called as `has(map.member); for other names: 'name' in map`"),
        ("has(claims['a'])", 10, "`has` is called as `has(map.member); for other names: 'name' in map`"),
        ("claims.tenant.has(claims.tenant)", 13, "`has` is called as `has(map.member)`"),
        ("claims.roles.exists(claims, true)", 20, "`claims` is taken: give the variable another name"),
        ("claims.roles.exists(token, true)", 20, "`token` is taken: give the variable another name"),
    ]);
}

#[test]
fn values_of_the_wrong_type_are_refused_where_that_is_known() {
    check(&[
        ("request.method", 7, "the expression is string, and must be true or false"),
        ("claims", 0, "the expression is map, and must be true or false"),
        ("string(claims.exp - 1)", 0, "the expression is string, and must be true or false"),
        ("1 + 1", 2, "the expression is int, and must be true or false"),
        ("request.method == 5", 15, "string and int are never equal"),
        ("request.method == null", 15, "string and null are never equal"),
        ("token.scopes == [1]", 13, "list and list are never equal"),
        ("request.headers == claims", 16, "map and map are never equal"),
        ("request.path < 5", 13, "`<` takes two numbers or two strings, not string and int"),
        ("true >= false", 5, "`>=` takes two numbers or two strings, not bool and bool"),
        ("request.path + 5 == '/5'", 13, "`+` takes two numbers, two strings or two lists, not string and int"),
        ("request.path * 2 == '/5'", 13, "`*` takes two numbers, not string and int"),
        ("1.5 % 1.0 == 0.5", 4, "`%` takes two numbers, not double and double"),
        ("-request.path == ''", 0, "`-` takes a number, not string"),
        ("!request.path", 8, "`!` takes bool, not string"),
        ("true && request.path", 15, "`&&` takes bool, not string"),
        ("1 || true", 0, "`||` takes bool, not int"),
        ("request.path ? true : false", 7, "`?` takes bool, not string"),
        ("5 in token.scopes", 2, "`in` takes an item and a list of such items, not int and list"),
        ("5 in request.headers", 2, "`in` takes a string and a map, not int and map"),
        ("'GET' in request.method", 16, "`in` takes a list or a map, not string"),
        ("request.path[0] == '/'", 12, "string has no items"),
        ("request.path.x == '/'", 12, "string has no members"),
        ("token.scopes.read", 12, "list has no members"),
        ("token.scopes['0'] == ''", 13, "`[]` takes an int as index, not string"),
        ("request.headers[0] == ''", 16, "`[]` takes a string as name, not int"),
        ("claims.roles[1.5] == ''", 13, "`[]` takes an int as index, not double"),
        ("size(5) == 1", 5, "`size` takes a string, list or map, not int"),
        ("string(1.5) == ''", 7, "`string` takes a string, bool or int, not double"),
        ("int(true) == 1", 4, "`int` takes a number or a string, not bool"),
        ("token.scopes.startsWith('a')", 5, "`startsWith` takes strings, not list"),
        ("request.path.startsWith(1)", 24, "`startsWith` takes strings, not int"),
        ("request.path.all(c, c == '/')", 7, "`all` takes a list or a map, not string"),
        ("token.scopes.all(s, s)", 20, "`all` takes bool, not string"),
        ("token.scopes.exists(s, s > 1)", 25, "`>` takes two numbers or two strings, not string and int"),
        ("token.scopes.map(s, size(s)).exists(n, n == 'x')", 41, "int and string are never equal"),
    ]);
}

#[test]
fn slips_of_the_pen_are_explained() {
    check(&[
        ("claims.tenant = 'acme'", 14, "unexpected '=': write `==` to compare"),
        ("true & true", 5, "unexpected '&': write `&&`"),
        ("true | true", 5, "unexpected '|': write `||`"),
        ("true and true", 5, "expected an operator; write `&&` for 'and', found `and`"),
        ("true or true", 5, "expected an operator; write `||` for 'or', found `or`"),
        ("not true", 0, "expected a value; write `!` for 'not', found `not`"),
        (
            "request.headers.x-team == 'a'",
            18,
            "`team` is read as a subtraction: write ['…'] for a member whose name is not a plain word",
        ),
        ("request.headers['X-Team'] == 'a'", 16, "names of headers are in lower case here: write 'x-team'"),
        ("'X-Team' in request.headers", 0, "names of headers are in lower case here: write 'x-team'"),
        ("has(request.headers.Accept)", 11, "names of headers are in lower case here: write 'accept'"),
        ("request.headers.Accept == 'a'", 15, "names of headers are in lower case here: write 'accept'"),
        ("claims.`x-y` == 'a'", 7, "unexpected '`': write ['…'] for a member whose name is not a plain word"),
        ("claims.tenant == ’acme’", 17, "unexpected '’'"),
        ("claims.tenant == 'acme", 17, "a string has no end"),
        ("claims.tenant == 'ac\nme'", 17, "a string has no end"),
        (r"claims.tenant == '\'", 17, "a string has no end"),
        (r"claims.tenant == '\d'", 17, r"a string has an escape that CEL does not know; write `\\` for a backslash"),
        (r"claims.tenant == '\xZZ'", 17, "a string has an escape that is no character"),
        (r"claims.tenant == '\ud800'", 17, "a string has an escape that is no character"),
        (r"claims.tenant == '\U+0000041'", 17, "a string has an escape that is no character"),
        (r"claims.tenant == '\01'", 17, "a string has an escape that is no character"),
    ]);
}

#[test]
fn what_is_no_expression_is_refused() {
    check(&[
        ("", 0, "expected a value, found the end"),
        ("   ", 3, "expected a value, found the end"),
        ("// nothing", 10, "expected a value, found the end"),
        ("(true", 5, "expected `)`, found the end"),
        ("true)", 4, "expected an operator or the end, found `)`"),
        ("true true", 5, "expected an operator or the end, found `true`"),
        ("true 1", 5, "expected an operator or the end, found `1`"),
        ("true 'x'", 5, "expected an operator or the end, found a string"),
        ("true &&", 7, "expected a value, found the end"),
        ("&& true", 0, "expected a value, found `&&`"),
        ("claims.", 7, "expected the name of a member, found the end"),
        ("claims.in == 1", 7, "expected the name of a member, found `in`"),
        ("claims[", 7, "expected a value, found the end"),
        ("claims['a' == 1", 15, "expected `]`, found the end"),
        ("[1, 2", 5, "expected `,` or `]`, found the end"),
        ("[1,, 2] == []", 3, "expected a value, found `,`"),
        ("[,] == []", 1, "expected a value, found `,`"),
        ("size(claims.a,) == 1", 14, "expected a value, found `)`"),
        ("size(claims.a claims.b) == 1", 14, "expected `,` or `)`, found `claims`"),
        ("true ? 1", 8, "expected `:` and the other value, found the end"),
        ("{'a': 1} == claims", 0, "map literals are not supported in rules"),
        ("b'x' == claims.a", 0, "bytes are not supported in rules: compare strings"),
        ("rb'x' == claims.a", 0, "bytes are not supported in rules: compare strings"),
        ("1u == 1", 0, "a number has letters in it"),
        ("1e == 1", 0, "a number has no digits where it must"),
        ("0x == 1", 0, "a number has no digits where it must"),
        ("9223372036854775808 == 1", 0, "a number is too large"),
        ("-9223372036854775809 == 1", 0, "a number is too large"),
        ("1e999 == 1.0", 0, "a number is too large"),
        (".claims == 1", 0, "expected a value, found `.`"),
        ("claims .. a", 8, "expected the name of a member, found `.`"),
        ("\u{0}", 0, "unexpected '\\0'"),
        ("true; false", 4, "unexpected ';'"),
    ]);
}

#[test]
fn patterns_are_written_out_and_bounded() {
    check(&[
        ("request.path.matches(claims.pattern)", 27, "`matches` takes a pattern that is written out, not a value"),
        ("request.path.matches('a' + 'b')", 25, "`matches` takes a pattern that is written out, not a value"),
        ("request.path.matches(5)", 21, "`matches` takes a pattern that is written out, not int"),
        ("request.path.matches('(')", 21, "the pattern is no regular expression: unclosed group"),
        (
            "request.path.matches('+a')",
            21,
            "the pattern is no regular expression: repetition operator missing expression",
        ),
        (r"request.path.matches(r'\p{Greek}')", 21, "the pattern is no regular expression: Unicode not allowed here"),
        ("request.path.matches('[é]')", 21, "the pattern is no regular expression: Unicode not allowed here"),
        (
            r"request.path.matches(r'(a)\1')",
            21,
            "the pattern is no regular expression: backreferences are not supported",
        ),
        (
            "request.path.matches('(?=a)')",
            21,
            "the pattern is no regular expression: look-around, including look-ahead and look-behind, is not supported",
        ),
        ("request.path.matches('(x{999}){999}')", 21, "the pattern is too large: repeat less, or anchor it with ^"),
        ("request.path.matches('a{4294967295}')", 21, "the pattern is too large: repeat less, or anchor it with ^"),
        ("request.path.matches('(a|b)*a(a|b){16}')", 21, "the pattern is too large: repeat less, or anchor it with ^"),
    ]);
}

#[test]
fn no_comprehension_stands_inside_another() {
    check(&[
        (
            "claims.a.all(x, claims.b.all(y, x == y))",
            24,
            "`all` stands inside another comprehension, which could take for ever",
        ),
        (
            "claims.a.map(x, claims.b.filter(y, true)) == []",
            24,
            "`filter` stands inside another comprehension, which could take for ever",
        ),
    ]);
    Rule::compile("claims.a.filter(x, x != 1).all(x, x == 2) && claims.b.exists(y, y == 1)").unwrap();
}
