"""A formula is data: what it may hold, and what is refused before anything is computed."""

from __future__ import annotations

import pytest

from vpstats.errors import FormulaError
from vpstats.models.formula import parse_formula, quote, read_expression


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("y ~ a + b", (("a",), ("b",))),
        ("y ~ a*b", (("a",), ("b",), ("a", "b"))),
        ("y ~ a:b + a", (("a",), ("a", "b"))),
        ("y ~ a/b", (("a",), ("a", "b"))),
        ("y ~ (a + b + c)**2 - b:c", (("a",), ("b",), ("c",), ("a", "b"), ("a", "c"))),
        ("y ~ (a + b)^2", (("a",), ("b",), ("a", "b"))),
        ("y ~ a + a", (("a",),)),
        ("y ~ C( a ,ref = 'x')", (("C(a, ref='x')",),)),
        ("y ~ log(`CRP mg/l`)", (("log(`CRP mg/l`)",),)),
        ("y ~ log(`a b` + column_0_)", (("log(`a b` + column_0_)",),)),
        ("y ~ `from`:a", (("`from`", "a"),)),
        ("y ~ {a / 10}", (("a / 10",),)),
        ("y ~ bs(age, df=4) + rcs(ml, knots=[1, 2.5, 4])",
         (("bs(age, df=4)",), ("rcs(ml, knots=[1, 2.5, 4])",))),
        ("y ~ 1", ()),
    ],
)  # fmt: skip
def test_terms(text: str, terms: tuple[tuple[str, ...], ...]) -> None:
    parsed = parse_formula(text)
    assert parsed.terms == terms
    assert parsed.response == "y"
    assert parsed.intercept


@pytest.mark.parametrize("text", ["y ~ 0 + a", "y ~ a - 1", "y ~ -1 + a"])
def test_the_intercept_can_be_left_out(text: str) -> None:
    assert not parse_formula(text).intercept


def test_names_in_backticks() -> None:
    parsed = parse_formula("`leak at CT` ~ `cement, ml` + log(`CRP mg/l` + 1)")
    assert parsed.response == "leak at CT"
    assert parsed.columns == ("cement, ml", "CRP mg/l")
    assert [read_expression(f).label for f in parsed.factors] == [
        "cement, ml",
        "log(`CRP mg/l` + 1)",
    ]


def test_no_left_side() -> None:
    assert parse_formula("~ a").response is None
    assert parse_formula("a + b").response is None


REFUSED = {
    "y ~ os.system('rm')": "os.system",
    "y ~ __import__('os')": "__import__",
    "y ~ eval('a')": "eval",
    "y ~ exec(a)": "exec",
    "y ~ getattr(a, 'b')": "getattr",
    "y ~ np.log(a)": "np.log",
    "y ~ a.real": "a.real",
    "y ~ log(a).real": ".real",
    "y ~ log(a.real)": "a.real",
    "y ~ a[0]": "a[0]",
    "y ~ log(a[0])": "a[0]",
    "y ~ (lambda: 1)()": "lambda",
    "y ~ log(lambda: 1)": "lambda: 1",
    "y ~ I([x for x in a])": "[x for x in a]",
    "y ~ I(a if b else a)": "a if b else a",
    "y ~ I(a := 3)": "(a := 3)",
    "y ~ I(f'{a}')": "f'{a}'",
    "y ~ I(a and b)": "a and b",
    "y ~ I(not a)": "not a",
    "y ~ I(1 < a < 2)": "1 < a < 2",
    "y ~ I(a is b)": "a is b",
    "y ~ I(a in b)": "a in b",
    "y ~ I(a @ b)": "a @ b",
    "y ~ I(a % 2)": "a % 2",
    "y ~ I((a, b))": "(a, b)",
    "y ~ I(a == 'x')": "'x'",
    "y ~ I(a == True)": "True",
    "y ~ I(1e999 * a)": "1e309",
    "y ~ I(2j * a)": "2j",
    "y ~ log(*a)": "*a",
    "y ~ log(a, **b)": "log(a, **b)",
    "y ~ log(a, 3)": "log(a, 3)",
    "y ~ log(a, base=3)": "log(a, base=3)",
    "y ~ log()": "log()",
    "y ~ bs(a, df=b)": "b",
    "y ~ bs(a, df=f(3))": "f(3)",
    "y ~ bs(a, knots=[])": "[]",
    "y ~ bs(a, knots=['x'])": "['x']",
    "y ~ C(log(a))": "log(a)",
    "y ~ C(a, ref=b)": "b",
    "y ~ __a": "__a",
    "y ~ log(__a)": "__a",
    "y ~ 'a'": "'a'",
    "y ~ 3": "3",
    "y ~ 2*a": "2",
    "y ~ a**99": "99",
    "y ~ a**+99": "99",
    "y ~ a | b": "|",
    "y ~ a ; b": ";",
    "y ~ a %in% b": "in",
    "y ~ .": ".",
    "y ~ [a ~ b]": "[",
    "y ~ I(3)": "I(3)",
    "log(y) ~ a": "log(y)",
    "y + z ~ a": "y + z",
    "y ~ y + a": "y",
    "y ~ log(y)": "y",
}


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse_formula(text)
    assert f"'{REFUSED[text]}'" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "a formula is a text"),
        ("   ", "a formula is a text"),
        ("y ~ a ~ b", "incorrectly used"),
        ("y ~ a b", "Missing operator"),
        ("y ~ (a", "context"),
        ("y ~ a +", "misplaced"),
        ("y ~ `a", "Expected"),
        ("y ~ 0 - 1", "neither an intercept nor a term"),
        ("y ~ " + "a" * 30_000, "characters"),
        ("y ~ " + "*".join("abcdefghijklmno"), "crosses 14 times"),
        ("y ~ " + "log(" * 400 + "a" + ")" * 400, "cannot be read|nested too deeply"),
        ("y ~ I(" + "-" * 5_000 + "a)", "cannot be read|nested too deeply"),
        ("y ~ log(`from`)", "invalid syntax"),
    ],
)
def test_what_cannot_be_read(text: str, what: str) -> None:
    with pytest.raises(FormulaError, match=what):
        parse_formula(text)


def test_a_formula_must_be_text() -> None:
    with pytest.raises(FormulaError, match="a formula is a text"):
        parse_formula(None)


@pytest.mark.parametrize("name", ["age", "alter_jahre", "größe", "CRP mg/l", "a.b", "__x", "class"])
def test_a_quoted_name_is_read_as_itself(name: str) -> None:
    assert parse_formula(f"y ~ {quote(name)}").columns == (name,)
