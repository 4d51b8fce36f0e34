"""The Common Expression Language: what its specification says about values, operators, macros and errors."""

from __future__ import annotations

import inspect
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from google_auth_botocore.emulator import _cel

ASSERTION: dict[str, Any] = {
    "sub": "https://issuer/user",
    "iat": 1767225600,
    "score": 1.5,
    "huge": 10**400,
    "none": None,
    "admin": True,
    "groups": ["a", "b"],
    "mixed": [1, "a", None],
    "tags": {"team": "data"},
    "time": "2026-01-01T00:00:00Z",
    "ünï": "é😀",
}


def evaluate(expression: str) -> Any:
    _cel.check(expression, {"assertion": None})
    return _cel.evaluate(expression, {"assertion": ASSERTION})


@pytest.mark.parametrize(
    "expression",
    [
        # The result of an operator or a macro has the type of any other value.
        "'a' + 'b' == 'ab'",
        "assertion.sub in ['a,]', assertion.sub, // ,]\n ] && {'a': [1,],}.a[0] == 1 && [[],][0] == []",
        "('a' + assertion.sub).startsWith('ahttps:') && (assertion.tags.team + 'X').lowerAscii() == 'datax'",
        "['a', 'b'].map(x, x + '1') == ['a1', 'b1'] && 'a1' in ['a'].map(x, x + '1')",
        "assertion.sub.split('/')[assertion.sub.split('/').size()-1] == 'user'",
        "['a'] + ['b'] == assertion.groups && b'a' + b'b' == b'ab'",
        # Types
        "type('a') == string && type(assertion.sub) == string && type(1) == int && type(1u) == uint && type(1.0) == double",
        "type(assertion.none) == null_type && type(assertion.tags) == map && type(assertion.groups) == list",
        "type(true) == bool && type(b'') == bytes && type(string) == type && type(duration('1s')) == duration",
        # Equality and order
        "assertion.iat == 1767225600.0 && 1 == 1u && 1 != '1' && true != 1 && null != 'a' && 'a' != b'a'",
        "[1, {'a': [2.0]}] == [1.0, {'a': [2]}] && {} == {} && [] != [1]",
        "1 < 2.5 && 'a' < 'b' && false < true && b'a' <= b'a' && !(2u >= 3.0)",
        # Numbers
        "7 / 2 == 3 && -7 / 2 == -3 && -7 % 2 == -1 && 2-1 == 1 && - 1 == -1 && --1 == 1 && 0x1F == 31",
        "1.0 / 0.0 > 1e308 && -1.0 / 0.0 < -1e308 && 5u % 3u == 2u && 6u / 2u * 2u - 1u == 5u",
        "int('-00012') == -12 && int('12') + int(1.9) + int(3u) == 16 && double('1.5') == assertion.score && double('-.5e1') == -5.0 && double('+1.') == 1.0 && double('-Inf') < 0.0 && uint('7') == 7u && double(1) == 1.0",
        "string(1.0) == '1' && string(1e20) == '1e+20' && string(true) == 'true' && string(b'a') == 'a' && string(7u) == '7'",
        "bool('true') && !bool('f') && bool(assertion.admin) && bytes('é') == b'é' && bytes(b'a') == b'a' && dyn(1) == 1",
        # Logic: a decisive operand wins over an error in another one.
        "assertion.missing == 'x' || true",
        "true || assertion.sub",
        "!(assertion.missing && false) && !(false && assertion.missing.more)",
        "assertion.admin ? true : assertion.missing",
        # Macros
        "has(assertion.none) && !has(assertion.missing) && has(assertion.tags.team) && has((assertion['tags']).team)",
        "assertion.groups.exists(g, g == 'a') && assertion.groups.all(g, g.size() == 1) && ![].exists(g, true)",
        "assertion.groups.exists_one(g, g == 'a') && !assertion.groups.exists_one(g, true)",
        "assertion.mixed.exists(g, g.startsWith('a')) && !assertion.mixed.all(g, g == 'a' || g > 1)",
        "assertion.groups.map(g, g == 'a', g + '!') == ['a!'] && assertion.groups.filter(g, g != 'a') == ['b']",
        "assertion.tags.all(key, assertion.tags[key] == 'data') && assertion.tags.map(k, k) == ['team']",
        "[1].map(x, [2].map(x, x)[0] + x) == [3] && assertion.groups.exists(assertion, assertion == 'a')",
        # Indexes
        "assertion.groups[1] == 'b' && assertion.groups[1.0] == 'b' && {1: 'x'}[1.0] == 'x' && {true: 'x'}[assertion.admin] == 'x'",
        "assertion['ünï'].size() == 2 && 'ünï' in assertion && !('x' in assertion) && null in assertion.mixed",
        # Literals
        r"'\u00e9\U0001F600' == assertion['ünï'] && '\x41\101\n' == 'AA\u000a' && r'\d' == '\\d' && b'\xff' == b'\377'",
        "'''it's''' == \"it's\" && \"\"\"a\"b\"\"\" == 'a\"b' && 'it\\'s' == \"it's\" && b'\\u00e9' == bytes('é')",
        "true // comment\n && '//' == '/' + '/'",
        # Times
        "timestamp(assertion.time).getFullYear() == 2026 && timestamp(assertion.time).getHours('America/New_York') == 19",
        "timestamp('2026-01-01T05:30:00+05:30') == timestamp(assertion.time) && timestamp(assertion.time).getHours('-08:00') == 16",
        "timestamp(assertion.time) + duration('36h') > timestamp('2026-01-02T00:00:00.5Z') && int(timestamp(assertion.time)) == assertion.iat",
        "timestamp('2026-01-02T00:00:00Z') - timestamp(assertion.time) == duration('24h') && duration('1h30m').getMinutes() == 90",
        "timestamp(assertion.time).getDayOfWeek() == 4 && timestamp(assertion.time).getDate() == 1 && timestamp(assertion.time).getMonth() == 0",
        "string(timestamp(assertion.time)) == assertion.time && string(duration('1500ms')) == '1.5s' && duration('-1s') < duration('0s')",
        "timestamp(timestamp(assertion.time)) - duration(duration('1s')) < timestamp(assertion.time)",
        # Strings
        "''.split(',') == [''] && 'abc'.split('', 2) == ['a', 'bc'] && 'a,b,c'.split(',', 2) == ['a', 'b,c'] && 'a'.split(',', 0) == []",
        "'hello'.replace('', '_', 2) == '_h_ello' && 'hello mellow'.lastIndexOf('ello', 6) == 1 && 'abc'.charAt(3) == ''",
        "'a/b'.extract('a/b') == '' && 'a/b'.extract('{x') == '' && 'a/b/c'.extract('a/{x}/') == 'b'",
        "assertion.sub.matches('^https://[a-z/]+$') && matches(assertion.sub, 'user') && assertion.sub.matches('(?i)USER')",
        ".assertion.sub == assertion . sub && .size('a') == 1",
    ],
)
def test_an_expression_is_true(expression: str) -> None:
    assert evaluate(expression) is True


@pytest.mark.parametrize(
    "expression",
    [
        "assertion.missing",
        "assertion.missing == null",
        "has(assertion.missing.team)",
        "has(assertion.sub.team)",
        "assertion.sub.team",
        "assertion.sub[0]",
        "assertion.groups[2]",
        "assertion.groups[-1]",
        "assertion.groups['0']",
        "assertion.groups[true]",
        "assertion.sub + 1",
        "assertion.groups + 'a'",
        "1 + 1.0",
        "1 + 1u",
        "'a' * 2",
        "'%s' % 1",
        "1.0 % 2.0",
        "1.0 / 0",
        "1.0 / false",
        "1 / 0",
        "1 % 0",
        "9223372036854775807 + 1",
        "-(-9223372036854775808)",
        "1u - 2u",
        "-assertion.sub",
        "!assertion.sub",
        "'a' < 1",
        "null < null",
        "1 < 2 < 3",
        "assertion.sub || false",
        "assertion.sub ? 'a' : 'b'",
        "'a' in assertion.sub",
        "assertion.sub.exists(x, true)",
        "assertion.groups.filter(g, g)",
        "assertion.mixed.all(g, g.startsWith('a'))",
        "{'a': 1, 'a': 2}",
        "{1.5: 1}",
        "int('x')",
        "int(1e19)",
        "int([])",
        "int('9223372036854775808')",
        "int('" + "1" * 2000 + "' + '" + "1" * 2000 + "' + '" + "1" * 400 + "')",
        "uint(-1)",
        "double('x')",
        "double('1_0')",
        "double(' 1')",
        "double('٣')",
        "double(assertion.huge)",
        "double([])",
        "bool('x')",
        "bytes(1)",
        "string(null)",
        "string([])",
        r"string(b'\xff')",
        "size(1)",
        "[1].join()",
        "assertion.sub.join()",
        "'a'.charAt(2)",
        "'abc'.substring(2, 1)",
        "'abc'.substring('1')",
        "'a,b'.split(',', assertion.huge)",
        "assertion.sub.matches('[')",
        "assertion.sub.matches('(?=x)')",
        "timestamp('2026-01-01')",
        "timestamp('2026-13-01T00:00:00Z')",
        "timestamp(assertion.iat)",
        "timestamp('9999-12-31T23:59:59Z') + duration('24h')",
        "timestamp(assertion.time).getHours('Nowhere/Land')",
        "timestamp('0001-01-01T00:00:00Z').getHours('-08:00')",
        "timestamp('9999-12-31T23:00:00Z').getFullYear('Asia/Tokyo')",
        "timestamp(assertion.time).getHours('99:00')",
        "timestamp(assertion.time).getHours(1)",
        "assertion.sub.getHours()",
        "duration('1x')",
        "duration('99999999999999h')",
    ],
)
def test_an_expression_has_no_value(expression: str) -> None:
    with pytest.raises(_cel.CelError, match="the expression has no value"):
        evaluate(expression)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "ERROR: <expression>:"),
        ("assertion.sub == 'x' and true", "ERROR: <expression>:1:22: Syntax error"),
        ("assertion.sub = 'x'", "ERROR: <expression>:1:15: Syntax error"),
        ("assertion.sub.contains('x'", "Syntax error"),
        ("'unterminated", "Syntax error"),
        ("assertion.é", "ERROR: <expression>:1:11: Syntax error"),
        ("assertion.oidc.vcs.repository-url", "ERROR: <expression>:1:31: undeclared reference to 'url'"),
        ("true &&\n  repository == 'x'", "ERROR: <expression>:2:3: undeclared reference to 'repository'"),
        ("[1].map(x, x)[0] + x", "undeclared reference to 'x'"),
        ("has(assertion)", "invalid argument to has() macro"),
        ("has(assertion.groups[0])", "invalid argument to has() macro"),
        ("has(assertion.sub, assertion.sub)", "no matching overload for 'has' with 2 arguments"),
        ("assertion.groups.exists(g)", "no matching overload for 'exists' with 1 arguments"),
        ("assertion.groups.exists('g', true)", "the first argument of 'exists' must be a simple name"),
        ("assertion.groups.min()", "undeclared reference to 'min'"),
        ("assertion.groups.reduce(a, b, 0, a + b)", "undeclared reference to 'reduce'"),
        ("size()", "no matching overload for 'size' with 0 arguments"),
        ("Message{field: 1}", "messages cannot be constructed"),
        ("9223372036854775808", "invalid int literal"),
        (r"'\q'", r"Syntax error: token recognition error at: '\q'"),
        (r"'\ud800'", "token recognition error"),
        ("size('a',) == 1", "ERROR: <expression>:1:10: Syntax error"),
        ("assertion.groups[0,] == 'a'", "ERROR: <expression>:1:19: Syntax error"),
        ("[1,,] == []", "Syntax error"),
    ],
)
def test_an_invalid_expression_has_the_kind_of_message_that_google_s_libraries_have(
    expression: str, message: str
) -> None:
    with pytest.raises(_cel.CelError, match=r"^ERROR: <expression>:[0-9]+:[0-9]+: ") as caught:
        evaluate(expression)

    assert message in str(caught.value)
    assert not any(internal in str(caught.value) for internal in ("celpy", "lark", "Token", "Tree", "\\\\"))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("true" + " && true" * 500, True),
        ("1" + "+1" * 1000, 1001),
        ("!" * 2000 + "true", True),
        ("-" * 1000 + "1", 1),
        ("(" * 90 + "true" + ")" * 90, True),
        ("assertion.sub" + ".lowerAscii()" * 250, "https://issuer/user"),
        ("'a'.startsWith('b') ? 0 : " * 80 + "1", 1),
    ],
)
def test_a_long_expression_needs_no_deep_stack(expression: str, value: Any) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 420)
    try:
        assert evaluate(expression) == value
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize(
    "expression", ["[" * 150 + "]" * 150, "(" * 150 + "1" + ")" * 150, "size(" * 150 + "''" + ")" * 150]
)
def test_a_deeply_nested_expression_is_invalid(expression: str) -> None:
    with pytest.raises(_cel.CelError, match="expression recursion limit exceeded"):
        evaluate(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "[1,2,3,4,5,6,7,8,9,0].map(a," * 7 + "1" + ")" * 7,
        "'a'" + ".replace('a', 'aaaaaaaaaa')" * 9,
        "assertion.sub" + ".split('').map(a, 'aaaaaaaaaa').join()" * 9,
        "[1, 2].map(a, assertion.groups" + ".map(a, 'aaaaaaaaaa').join().split('')" * 9 + ")",
    ],
)
def test_a_costly_expression_has_no_value(expression: str) -> None:
    with pytest.raises(_cel.CelError, match=r"too (large|many iterations)"):
        evaluate(expression)


def test_a_hostile_regular_expression_takes_linear_time(capfd: pytest.CaptureFixture[str]) -> None:
    assert _cel.evaluate("text.matches('^(a+)+$')", {"text": "a" * 50_000 + "b"}) is False
    with pytest.raises(_cel.CelError):
        evaluate("assertion.sub.matches('((a{1,100}){1,100}){1,100}')")

    assert capfd.readouterr() == ("", "")


def test_threads_share_a_compiled_expression() -> None:
    expression = "[1, 2, 3].map(x, x + n).exists(x, x == n + 2) ? string(n) : 'wrong'"

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda number: _cel.evaluate(expression, {"n": number}), range(2000)))

    assert results == [str(number) for number in range(2000)]


def test_threads_compile_expressions_at_the_same_time() -> None:
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda number: _cel.evaluate(f"'{number}' + n", {"n": "x"}), range(300)))

    assert results == [f"{number}x" for number in range(300)]
