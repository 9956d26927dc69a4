"""Ours against h11 and httptools: every disagreement is known, and has a clause that decides it."""

import pytest

from tests.http1.corpus import SAMPLES, Sample
from tests.http1.disagreements import DISAGREEMENTS
from tests.http1.strangers import Reading, h11_reading, httptools_reading, ours

each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=[s.name for s in SAMPLES])


def compare(reading: Reading, stranger: Reading) -> str:
    """Return what a stranger does otherwise, in a word."""
    if stranger == reading:
        return "agrees"
    if stranger.verdict == reading.verdict:
        return "differs"
    return stranger.verdict


@each_sample
def test_every_disagreement_is_known(sample: Sample) -> None:
    """The same requests, fields, bodies, trailers and refusals, but for what the table says."""
    reading = ours(sample.data)
    found = (
        compare(reading, h11_reading(sample.data)),
        compare(reading, httptools_reading(sample.data)),
    )
    assert found == DISAGREEMENTS.get(sample.name, ("agrees", "agrees", ""))[:2]


def test_every_known_disagreement_has_a_sample() -> None:
    """No row is left of a sample that has gone, and none says that all agree."""
    assert DISAGREEMENTS.keys() <= {sample.name for sample in SAMPLES}
    assert all(row[:2] != ("agrees", "agrees") for row in DISAGREEMENTS.values())
    assert all(row.clause for row in DISAGREEMENTS.values())


def test_the_corpus_is_large_and_distinct() -> None:
    """At least 150 different requests, of both kinds; no sample stands there twice."""
    assert len({sample.data for sample in SAMPLES}) == len(SAMPLES) >= 150
    assert len({sample.name for sample in SAMPLES}) == len(SAMPLES)
    assert sum(sample.status is None for sample in SAMPLES) >= 50
    assert sum(sample.status is not None for sample in SAMPLES) >= 100
