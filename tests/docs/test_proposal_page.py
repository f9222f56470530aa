"""The page about the proposal and the design agree on what the post says of each assumption."""

from __future__ import annotations

import re
from pathlib import Path

from thawcheck.model import machine_of
from thawcheck.model.designs.proposal_2010 import Proposal2010

PAGE = Path(__file__).resolve().parents[2] / "docs" / "proposal-2010.md"


def test_what_the_post_says_is_told_in_both() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text(), re.MULTILINE))
    assumptions = machine_of(Proposal2010).assumptions
    assert list(rows) == [assumption.name for assumption in assumptions]
    for assumption in assumptions:
        left_open = rows[assumption.name].strip("*").startswith("open")
        assert left_open == (not assumption.said), assumption.name
        if assumption.said:
            assert assumption.said[:2] in rows[assumption.name], assumption.name
