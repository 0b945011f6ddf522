"""One small study on real data, run once."""

import dataclasses
import json
from pathlib import Path

import pytest
from certified_transports import certificates_hold
from page_fixtures import axe_if_there, browser, visit
from routes import LAST_DEPTH, POINTS, TEST_POINTS

import roughntk as rn

__all__ = ["axe_if_there", "browser", "certificates_hold", "visit", "written"]


@dataclasses.dataclass(frozen=True)
class Written:
    """A study with the folder that it wrote and the content of its study.json."""

    study: rn.study.Study
    folder: Path
    record: dict


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> Written:
    """digits, 5 training and 2 test points: its kernel matrices stay below condition 140 from depth 2 on."""
    folder = tmp_path_factory.mktemp("study") / "report"
    study = rn.study.run(
        "digits", out=folder, points=POINTS, test_points=TEST_POINTS, depths=f"1:{LAST_DEPTH}", command="made by a test"
    )
    return Written(study, folder, json.loads((folder / "study.json").read_text(), parse_constant=_no_constant))


def _no_constant(name: str):
    raise ValueError(f"{name} is not JSON")
