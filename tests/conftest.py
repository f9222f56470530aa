"""What all tests share: the option for a longer run on drawn machines."""

import pytest

SECONDS_PER_MACHINE = 2


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--machines", type=int, default=300, help="on how many drawn machines the engines are compared (default: 300)")


@pytest.fixture
def machines(request: pytest.FixtureRequest) -> int:
    """On how many different drawn machines the engines are compared."""
    return int(request.config.getoption("--machines"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "machines" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(max(300, SECONDS_PER_MACHINE * config.getoption("--machines"))))
