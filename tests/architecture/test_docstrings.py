"""Public names explain themselves: summaries everywhere, sections where they are due."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from numpydoc.docscrape import FunctionDoc, NumpyDocString

import vpstats

MODULES = sorted(
    m.name
    for m in pkgutil.walk_packages(vpstats.__path__, "vpstats.")
    if not m.name.endswith("__main__")
)
PUBLIC = [name for name in vpstats.__all__ if name != "__version__"]


def public_members(module_name: str) -> Iterator[tuple[str, Any]]:
    """Functions and classes that a module defines, and the methods of those classes."""
    module = importlib.import_module(module_name)
    for name, member in vars(module).items():
        own = getattr(member, "__module__", None) == module_name
        if not own or name.startswith("_"):
            continue
        if inspect.isfunction(member):
            yield name, member
        elif inspect.isclass(member):
            yield name, member
            yield from (
                (f"{name}.{method}", function)
                for method, function in vars(member).items()
                if inspect.isfunction(function) and not method.startswith("_")
            )


def documented(doc: NumpyDocString, section: str) -> list[str]:
    return [p.lstrip("*") for entry in doc[section] for p in entry.name.split(", ")]


@pytest.mark.parametrize("module", MODULES)
def test_everything_public_has_a_summary(module: str) -> None:
    assert (importlib.import_module(module).__doc__ or "").strip()
    silent = [name for name, member in public_members(module) if not inspect.getdoc(member)]
    assert not silent


@pytest.mark.parametrize("module", MODULES)
def test_documented_parameters_exist(module: str) -> None:
    wrong = {
        name: unknown
        for name, member in public_members(module)
        if inspect.isfunction(member)
        and (
            unknown := set(documented(FunctionDoc(member), "Parameters"))
            - set(inspect.signature(member).parameters)
        )
    }
    assert not wrong


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_document_what_goes_in_and_comes_out(name: str) -> None:
    member = getattr(vpstats, name)
    doc = NumpyDocString(inspect.getdoc(member))
    parameters = set(inspect.signature(member).parameters)
    if inspect.isclass(member) and issubclass(member, Exception):
        parameters = set()
    if hasattr(member, "model_fields"):  # its signature has the keys of the file
        parameters = set(member.model_fields)
    named = {*documented(doc, "Parameters"), *documented(doc, "Attributes")}
    assert named >= parameters
    assert doc["Returns"] or inspect.isclass(member)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_functions_say_when_they_refuse_and_show_an_example(name: str) -> None:
    member = getattr(vpstats, name)
    doc = NumpyDocString(inspect.getdoc(member))
    assert doc["Examples"] or inspect.isclass(member), f"{name} shows no example"
    if inspect.isfunction(member) and "raise " in inspect.getsource(member):
        assert doc["Raises"], f"{name} raises and does not say when"
