"""Models of conditions: found values satisfy them, and where none are said to exist, none do."""

from hypothesis import given, settings
from naive_rules import VALUES, evaluate, random_condition, seeds

from itonami.graphstore import Node
from itonami.rules.analysis.model import Constraint, Relabelled, solve
from itonami.rules.term import parse_term

LABELS = [[], ["A"], ["B"], ["A", "B"]]


def any_labels(element, mentioned):
    return LABELS, True


def solved(*texts, unwanted=()):
    constraints = [Constraint((parse_term(text),)) for text in texts]
    constraints += [Constraint((parse_term(text),), wanted=False) for text in unwanted]
    return solve(constraints, any_labels)


@given(seeds)
@settings(max_examples=300, deadline=None)
def test_a_model_satisfies_and_no_values_do_where_there_is_none(rng):
    constraints = [
        Constraint(tuple(random_condition(rng, "ab") for _ in range(rng.randint(1, 2))), rng.random() < 0.6)
        for _ in range(rng.randint(1, 5))
    ]
    verdict = solve(constraints, any_labels)

    def hold(elements):
        return all(all(evaluate(term, elements) is True for term in c.terms) == c.wanted for c in constraints)

    if verdict.model is not None:
        found = {
            (element, key): verdict.model.get((element, key)) for element in "ab" for key in ("p", "q", None)
        }
        data = {e: {k: found[e, k] for k in ("p", "q") if found[e, k] is not None} for e in "ab"}
        assert hold({e: Node(e, found[e, None] or [], data[e]) for e in "ab"})
    else:
        assert verdict.impossible
        for _ in range(50):
            data = {e: {k: rng.choice((*VALUES, 7)) for k in "pq" if rng.random() < 0.8} for e in "ab"}
            assert not hold({e: Node(e, rng.choice(LABELS), data[e]) for e in "ab"})


def test_contradictions_are_proved():
    assert solved("x.s = 'a'", "x.s = 'b'").impossible
    assert solved("x.s in ['a', 'b']", unwanted=["x.s = 'a'", "x.s = 'b'"]).impossible
    assert solved("x.s = y.s", "y.s = $p", "x.s <> $p").impossible
    assert solved("x.s is null", "x.s = y.s").impossible
    assert solved("x.n > 3", "x.n < 3").impossible
    assert solved("x.n >= 3", "x.n <= 3", "x.n <> 3", "x.n <> 3.0").impossible
    assert solved("x.t > 'a'", "x.t < 'a\0'").impossible
    assert solved("'A' in labels(x)", unwanted=["'A' in labels(x)"]).impossible
    assert solved("id(x) = id(y)").impossible
    assert solved("labels(x) = []", "'A' in labels(x)").impossible


def test_models_are_found_between_constants():
    assert 3 < solved("x.n > 3", "x.n < 4").model["x", "n"] < 4
    assert solved("x.n = y.n + 1", "y.n = 4").model["x", "n"] == 5
    assert (
        len(
            {
                solved("x.s <> y.s", "y.s <> $p", "x.s <> $p").model[u]
                for u in (("x", "s"), ("y", "s"), ("$", "p"))
            }
        )
        == 3
    )
    assert solved("x.s <> 'a'", "x.s is not null").model["x", "s"] not in (None, "a")


def test_what_is_beyond_the_fragment_is_left_undecided():
    verdict = solved("x.s starts with 'a'", "x.s starts with 'b'")
    assert verdict.model is None
    assert not verdict.impossible


def test_later_labels_are_those_before_with_the_change():
    later = Relabelled("x", frozenset("B"), frozenset("A"))
    asks = Constraint((parse_term("'A' in labels(x)"),))
    assert asks.unknowns == {("x", None)}
    changed = [type(term)(term.operator, term.left, later) for term in asks.terms]
    assert solve([Constraint(tuple(changed))], any_labels).impossible
    assert not solve([asks, Constraint(tuple(changed), wanted=False)], any_labels).impossible
