"""The planner decides what is recomputed: too much costs a night, too little a wrong number."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.staleness import (
    ON_DEMAND,
    RULES,
    UPSTREAM,
    State,
    World,
    cell_windows,
    in_scope,
    plan,
    rules,
    stale_cells,
    wanted_inputs,
)
from pipeline.tables import UNRECOGNISED, Cell

A, B, C = ("acl", 2021), ("cvpr", 2021), ("cvpr", 2022)
DAYS = {A: (1000, 1000), B: (1183, 1183), C: (1367, 1367)}  # A–B 183 days, B–C 184, A–C 367
WORLD = World(
    records={A: "list a", B: "list b", C: "list c"},
    edges={},
    decisions="nobody",
    encoder_id="minilm",
    config_id="k100@minilm",
    half_window_days=183,
    labelling="rule",
    teacher="late interaction",
)
REFRESHED = [output for output in RULES if output not in ON_DEMAND]
Library = dict[str, dict[Cell | None, State]]


def made(world: World = WORLD, days: Mapping[Cell, tuple[int, int]] = DAYS) -> Library:
    """A library in which every output was just made, with the digests the planner wants."""
    states: Library = {output: {} for output in RULES}
    remake(states, world, days)
    return states


def remake(states: Library, world: World, days: Mapping[Cell, tuple[int, int]] = DAYS) -> None:
    """Redo what is stale without any value moving: digests depend on cell and output only."""
    for output in RULES:
        for stale in stale_cells(output, states, world):
            cell = stale.cell
            assert cell is not None
            before = states[output].get(cell)
            facets = before.facets if before else FACETS[output](cell)
            states[output][cell] = State(
                inputs=wanted_inputs(output, states, world)[cell],
                digest=before.digest if before else f"{output} {cell}",
                facets=facets,
                days=days.get(cell) if output == "papers" else None,
            )


def facets_of(*names: str):  # type: ignore[no-untyped-def]
    return lambda cell: {name: f"{name} {cell}" for name in names}


FACETS = {output: facets_of() for output in RULES} | {
    "dump_records": facets_of("counts", "identity", "content", "references", "coverage"),
    "paper_ids": lambda cell: {"papers": f"p {cell}", "works": f"w {cell}", "elsewhere": ""},
    "citations": facets_of("citing"),
    "papers": facets_of("texts", "queries", "members", "rows", "precision"),
    "citation_counts": facets_of("values"),
}


def move(states: Library, output: str, cell: Cell, *facets: str) -> None:
    """An output gets other values, of which only `facets` show downstream."""
    state = states[output][cell]
    moved = {f: state.facets[f] + " moved" for f in facets}
    states[output][cell] = replace(
        state, digest=state.digest + " moved", facets={**state.facets, **moved}
    )


def stale(states: Library, world: World = WORLD) -> dict[str, list[Cell | None]]:
    """Refreshed output -> cells stale now, without what may follow."""
    found = {output: [s.cell for s in stale_cells(output, states, world)] for output in REFRESHED}
    return {output: cells for output, cells in found.items() if cells}


def reasons(states: Library, output: str, cell: Cell, world: World = WORLD) -> tuple[str, ...]:
    return next(s.reasons for s in stale_cells(output, states, world) if s.cell == cell)


def test_a_night_without_news_plans_nothing() -> None:
    """The promise of the whole design: no news, no cost."""
    assert plan(made(), WORLD) == []


def test_an_empty_library_plans_every_list() -> None:
    """The first refresh must name what it will do, newest year first."""
    planned = plan({output: {} for output in RULES}, WORLD)
    first = [s for s in planned if s.output == "dump_records"]
    assert [s.cell for s in first] == [C, A, B]
    assert {s.reasons for s in first} == {("not made yet",)}
    assert {s.output for s in planned} == set(REFRESHED)


def test_a_new_list_is_read_and_what_may_follow_is_named() -> None:
    """A dry run that stops at the first stage tells nobody what a refresh will cost."""
    world = replace(WORLD, records={**WORLD.records, A: "newer list"})
    states = made()
    assert stale(states, world) == {"dump_records": [A]}
    planned = {(s.output, s.cell): s.reasons for s in plan(states, world)}
    assert planned[("dump_records", A)] == ("sources: changed",)
    assert planned[("papers", A)] == ("follows paper_ids of acl 2021",)
    assert ("topic_pools", B) in planned  # B stands 183 days from A
    assert ("topic_pools", C) not in planned
    assert ("paper_embeddings", B) not in planned
    assert list(dict.fromkeys(output for output, _ in planned)) == REFRESHED


def test_a_moved_count_wakes_counts_and_scores_only() -> None:
    """A citation that wakes the encoder costs an hour every night."""
    states = made()
    move(states, "dump_records", A, "counts")
    assert stale(states) == {"citation_counts": [A]}
    move(states, "citation_counts", A, "values")
    remake_only(states, "citation_counts", A)
    assert stale(states) == {"tncsi_sp": [A, B]}
    assert reasons(states, "tncsi_sp", A) == ("counts: changed", "counts of acl 2021: changed")
    assert reasons(states, "tncsi_sp", B) == ("counts of acl 2021: changed",)


def test_a_better_known_date_wakes_its_own_scores_only() -> None:
    """Scores telling of a year where a day is known by now, because no date moved."""
    states = made()
    move(states, "papers", A, "precision")
    remake_only(states, "paper_index", A)
    remake_only(states, "venue_coverage", A)
    assert stale(states) == {"tncsi_sp": [A]}
    assert reasons(states, "tncsi_sp", A) == ("date precision: changed",)


def test_members_that_change_venue_or_domain_wake_scores_in_their_windows() -> None:
    """A pool keeps its members while the share of the paper's own venue among them moves."""
    states = made()
    move(states, "papers", B, "rows")
    remake_only(states, "paper_index", B)
    remake_only(states, "venue_coverage", B)
    assert stale(states) == {"tncsi_sp": [A, B]}
    assert reasons(states, "tncsi_sp", A) == ("venues of members: changed",)
    moved = replace(WORLD, domains={"cvpr": "graphics"})
    assert stale(made(), moved) == {"tncsi_sp": [C, A, B]}
    moved = replace(WORLD, domains={"acl": "speech"})
    assert stale(made(), moved) == {"tncsi_sp": [A, B]}


def test_a_library_of_an_older_version_is_planned_and_not_refused() -> None:
    """A facet that older states lack stopping the planner with a KeyError."""
    states = made()
    for cell, state in states["papers"].items():
        older = {k: v for k, v in state.facets.items() if k not in ("rows", "precision")}
        states["papers"][cell] = replace(state, facets=older)
    assert stale(states) == {"tncsi_sp": [C, A, B]}


def remake_only(states: Library, output: str, cell: Cell, world: World = WORLD) -> None:
    state = states[output][cell]
    states[output][cell] = replace(state, inputs=wanted_inputs(output, states, world)[cell])


def test_a_count_observed_again_unmoved_stops_at_the_counts() -> None:
    """A new scrape with the same numbers must not rescore a venue."""
    states = made()
    move(states, "citation_counts", A)  # another day of observation, equal values
    assert stale(states) == {}


def test_a_new_cell_wakes_the_pools_around_it_and_no_other_embedding() -> None:
    """A pool left alone would lack the new papers for ever; an embedding redone is a waste."""
    few = {A: DAYS[A], C: DAYS[C]}
    states = made(replace(WORLD, records={A: "list a", C: "list c"}), few)
    for output in ("dump_records", "paper_ids", "papers"):
        one = {**states[output], B: made()[output][B]}
        states[output] = one
    found = stale(states)
    assert found["paper_embeddings"] == [B]
    assert found["topic_pools"] == [A, B]  # A stands 183 days away, C 184
    assert reasons(states, "topic_pools", A) == ("papers of cvpr 2021: new",)


def test_a_moved_text_wakes_its_embedding_and_pools_in_its_window() -> None:
    """Pools of other cells hold the paper's old place in the space of topics."""
    states = made()
    move(states, "papers", A, "texts", "queries", "members")
    found = stale(states)
    assert found["paper_embeddings"] == [A]
    assert found["topic_pools"] == [A, B]


def test_a_moved_workshop_paper_wakes_no_pools_elsewhere() -> None:
    """It is a member of no pool: only its own has to be searched again."""
    states = made()
    move(states, "papers", A, "texts", "queries")
    assert stale(states)["topic_pools"] == [A]


@pytest.mark.parametrize(("apart", "reached"), [(183, True), (184, False)])
def test_windows_end_after_183_days(apart: int, reached: bool) -> None:
    """One day more or less at the edge, and incremental is no longer rebuild."""
    papers: dict[Cell | None, State] = {
        A: State({}, "a", days=(0, 10)),
        B: State({}, "b", days=(10 + apart, 400)),
    }
    windows = cell_windows(papers, 183)
    assert (B in windows[A]) is reached
    assert (A in windows[B]) is reached


def test_undated_cells_have_no_window() -> None:
    """A venue-year without any dated paper has no neighbours, and is nobody's."""
    papers: dict[Cell | None, State] = {A: State({}, "a"), B: State({}, "b", days=(0, 0))}
    assert cell_windows(papers, 183) == {B: [B]}
    assert cell_windows({A: State({}, "a")}, 183) == {}


@settings(deadline=None, max_examples=50)
@given(
    days=st.lists(st.tuples(st.integers(-40, 40), st.integers(0, 30)), max_size=12),
    half=st.integers(0, 20),
)
def test_windows_found_together_are_those_found_one_by_one(
    days: list[tuple[int, int]], half: int
) -> None:
    """A cell that its window lacks would keep its old pools and scores for ever."""
    papers: dict[Cell | None, State] = {
        (f"v{i}", 2000): State({}, "", days=(first, first + length))
        for i, (first, length) in enumerate(days)
    }
    ranges = {c: (first, first + length) for c, (first, length) in zip(papers, days, strict=True)}
    expected = {
        c: sorted(o for o, (f, t) in ranges.items() if f - end <= half and start - t <= half)
        for c, (start, end) in ranges.items()
    }
    assert cell_windows(papers, half) == expected


def test_another_rule_redoes_pools_and_scores() -> None:
    """Pools of one rule beside scores of another would not be comparable."""
    world = replace(WORLD, config_id="k50@minilm")
    assert set(stale(made(), world)) == {"topic_pools", "tncsi_sp"}
    assert reasons(made(), "topic_pools", A, world) == ("rule: changed",)


def test_another_encoder_redoes_vectors() -> None:
    """Vectors of two encoders in one index have no meaningful distance."""
    world = replace(WORLD, encoder_id="qwen3")
    assert set(stale(made(), world)) == {"paper_embeddings", "paper_index"}


def test_code_that_computes_something_else_redoes_its_stage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without it, tables of the old and the new code would stand side by side."""
    versions = {**rules.CODE_VERSIONS, "citation_counts": "another"}
    states = made()
    monkeypatch.setattr(rules, "CODE_VERSIONS", versions)
    assert stale(states) == {"citation_counts": [C, A, B]}
    assert reasons(states, "citation_counts", A) == ("code: changed",)


def test_a_lost_state_is_made_again() -> None:
    """After a crash an output has no state; believing it would keep half of it."""
    states = made()
    del states["topic_pools"][B]
    assert stale(states)["topic_pools"] == [B]
    assert reasons(states, "topic_pools", B) == ("not made yet",)
    remake(states, WORLD)
    assert plan(states, WORLD) == []


def test_an_unusable_file_goes_to_quarantine_and_no_further() -> None:
    """Nobody can make papers of it: naming later stages would promise work that never comes."""
    world = replace(WORLD, records={**WORLD.records, UNRECOGNISED: "junk"})
    assert [(s.output, s.cell) for s in plan(made(), world)] == [("dump_records", UNRECOGNISED)]


def test_reasons_come_in_one_order() -> None:
    """Set order differs from process to process: two plans of one state must read alike."""
    world = replace(WORLD, config_id="other")
    states = made()
    move(states, "papers", A, "queries", "members")
    expected = ("papers: changed", "papers of acl 2021: changed", "rule: changed")
    assert reasons(states, "topic_pools", A, world) == expected


def test_a_scope_takes_what_its_cells_need() -> None:
    """Without the vectors and counts of the window, scoped pools would lack neighbours."""
    states = made()

    def taken(output: str) -> list[Cell]:
        return [c for c in (A, B, C) if in_scope(output, c, [A], states, WORLD)]

    assert taken("papers") == [A, B, C]
    assert taken("paper_embeddings") == taken("citation_counts") == [A, B]
    assert taken("topic_pools") == taken("tncsi_sp") == [A]
    assert all(in_scope(output, C, [], states, WORLD) for output in RULES)


def test_outputs_stand_after_what_they_read() -> None:
    """A stage made before its input is made from yesterday's."""
    order = list(RULES)
    assert set(order) == set(rules.CODE_VERSIONS)
    assert set(REFRESHED) == set(UPSTREAM)
    for output, upstream in UPSTREAM.items():
        assert all(order.index(u) < order.index(output) for u in upstream)


def on_demand(states: Library, world: World = WORLD) -> dict[str, list[Cell | None]]:
    """Output on demand -> cells that a training would redo now."""
    found = {o: [s.cell for s in stale_cells(o, states, world)] for o in RULES if o in ON_DEMAND}
    return {output: cells for output, cells in found.items() if cells}


def test_no_refresh_pays_for_labels() -> None:
    """A night with one new paper that mines all candidates again, and asks a teacher about them."""
    states = made()
    assert on_demand(states) == {}
    move(states, "papers", A, "members")
    move(states, "citations", B)
    del states["pair_labels"][C]
    world = replace(WORLD, records={**WORLD.records, A: "newer list"}, teacher="other")
    assert on_demand(states, world)  # there is something that a refresh could do
    assert not {s.output for s in plan(states, world)} & ON_DEMAND
    assert not {s.output for s in plan({output: {} for output in RULES}, world)} & ON_DEMAND


@pytest.mark.parametrize(("output", "facets"), [("papers", ["members"]), ("citations", [])])
def test_one_new_candidate_asks_for_pairs_everywhere(output: str, facets: list[str]) -> None:
    """Candidates come from the whole library: pairs of another venue would lack the new paper."""
    states = made()
    move(states, output, A, *facets)
    assert on_demand(states) == {"title_pairs": [C, A, B]}


@pytest.mark.parametrize("changed", [{"labelling": "other"}, {"encoder_id": "qwen3"}])
def test_another_rule_or_student_mines_anew(changed: dict[str, str]) -> None:
    """Candidates of one student would be called those of another."""
    assert on_demand(made(), replace(WORLD, **changed)) == {"title_pairs": [C, A, B]}  # type: ignore[arg-type]


def test_another_teacher_labels_the_same_pairs() -> None:
    """Mining is not what changed; and what the first one said stays unasked for."""
    assert on_demand(made(), replace(WORLD, teacher="other")) == {"pair_labels": [C, A, B]}
    states = made()
    move(states, "title_pairs", B)
    assert on_demand(states) == {"pair_labels": [B]}
