"""The tests of this folder load pages."""

from page_fixtures import axe_if_there, axe_source, browser, visit

__all__ = ["axe_if_there", "axe_source", "browser", "visit"]
