"""Which part of a published set is asked for: `NAME:VARIANT,option=value,...`, as `--problems` and a manifest have it.

    cruxeval:output                            a set of several, by its variant
    livecodebench:from=2024-08,to=2025-02      options, which `--set from=2024-08,to=2025-02` adds to the name
    humanevalpack:rust,mode=fix                both
    ./rows.jsonl:output                        the same of a file by its path

The whole text is the set's name: it stands in signatures and manifests, and two choices are two sets.

A module of this folder that has parts says so by `VARIANTS`, `OPTIONS` or both; its `problem` then takes a `Choice` as
a third argument. It may answer `Outside` for a row that is not in the part, and `LeftOut` for a problem that cannot run
here: it is no error, and coverage names it. A module without them keeps `problem(row, dataset)`.

    VARIANTS = Variants(kind="language", names=("cpp", "go"))
    OPTIONS = {"from": "a month such as 2024-08"}
    SOURCE: a Download or ByPath; or, where each variant has a file of its own, a dictionary of them by variant
    REPEATS = True: the published file has equal rows, which count once (optional)
    variant_of(row) -> str: the variant that a row of a file by path belongs to, where its columns tell (optional)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.datasets._download import ByPath, Download
from harness.errors import ProblemError, did_you_mean

Source = Download | ByPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Variants:
    """What a set's variants are called, one of which must be named. kind: what they are, such as `language`."""

    kind: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What stands after the name. variant: empty for none."""

    variant: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """As it stands after the colon, always in the same order."""
        options = [f"{name}={value}" for name, value in sorted(self.options.items())]
        return ",".join([self.variant, *options] if self.variant else options)


@dataclass(frozen=True, slots=True)
class Outside:
    """A row that is not in the part that is asked for. where: what tells so, such as its date."""

    where: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A problem that cannot run here, and why: coverage shows both."""

    id: str
    reason: str


def shown_name(module: str) -> str:
    """The name of a module of this folder as `--problems` takes it: `humaneval_x` is humaneval-x, `plus` is +."""
    return module.replace("plus", "+").replace("_", "-")


def module_name(name: str) -> str:
    """The name of the module that a set's name may belong to."""
    plain = name.partition(":")[0].lower()
    return plain.replace("+", "plus").replace("human-eval", "humaneval").replace("-", "_")


def parse_choice(text: str, name: str) -> Choice:
    """What stands after the colon of `name`. Raises ProblemError."""
    variant, options = "", {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        option, equals, value = part.partition("=")
        if equals and option.strip() in options:
            raise ProblemError(f"{name}: the option {option.strip()} is given twice")
        if equals:
            options[option.strip()] = value.strip()
        elif variant:
            raise ProblemError(f"{name}: one of {variant} and {part} is expected; give the other set a run of its own")
        else:
            variant = part
    return Choice(variant=variant, options=options)


def checked(module: Any, name: str, choice: Choice) -> Choice:
    """The choice, which the module has. name: as it was asked for, without it. Raises ProblemError."""
    variants: Variants | None = getattr(module, "VARIANTS", None)
    options: Mapping[str, str] = getattr(module, "OPTIONS", {})
    for option in choice.options:
        if option not in options:
            known = "; known: " + ", ".join(f"{each} ({value})" for each, value in options.items()) if options else ""
            raise ProblemError(f"problem set {name} has no option {option!r}{did_you_mean(option, options)}{known}")
    if variants is None:
        if choice.variant:
            raise ProblemError(f"problem set {name} is one set; leave out :{choice.variant}")
    elif not choice.variant:
        first, *others = variants.names
        raise ProblemError(
            f"name a {variants.kind}: {', '.join([f'{name}:{first}', *(f':{each}' for each in others)])}"
        )
    elif choice.variant not in variants.names:
        raise ProblemError(
            f"{name} has no {variants.kind} {choice.variant!r}{did_you_mean(choice.variant, variants.names)}; "
            f"known: {', '.join(f':{each}' for each in variants.names)}"
        )
    return choice


def has_parts(module: Any) -> bool:
    """Whether a module's `problem` takes a choice."""
    return hasattr(module, "VARIANTS") or hasattr(module, "OPTIONS")


def source(module: Any, choice: Choice) -> Source:
    """Where the file of a choice is."""
    found: Source | Mapping[str, Source] = module.SOURCE
    return found[choice.variant] if isinstance(found, Mapping) else found
