"""The grammar of the `nano` corpus: tables of sources, filters, maps, reducers, expressions and slices.

In phrases and code, `$L` or `$x` is a name to be chosen, `#` and `##` are small numbers and `@` is a letter or a
separator. `nano_corpus` draws functions from these tables.
"""

from __future__ import annotations

from dataclasses import dataclass

ROLES: dict[str, tuple[str, ...]] = {
    "L": ("xs", "nums", "numbers", "values", "xs", "items", "data", "arr"),
    "M": ("ys", "others", "weights", "ys", "bs"),
    "W": ("words", "strings", "names", "words", "tokens"),
    "S": ("s", "text", "string", "s", "line"),
    "N": ("n", "k", "m", "n", "size"),
    "C": ("c", "ch", "prefix", "letter", "mark"),
    "D": ("d", "table", "scores", "d", "prices"),
    "a": ("a", "x", "p", "a", "first"),
    "b": ("b", "y", "q", "b", "second"),
    "c": ("c", "z", "r", "c", "third"),
}
LOOP_NAMES = {
    "num": ("x", "x", "x", "v", "num"),
    "word": ("w", "w", "w", "word", "item"),
    "char": ("c", "c", "ch", "char"),
}
GENERIC_NAMES = ("f", "g", "solve", "compute", "helper", "process", "run", "task", "func", "calc", "apply", "answer")


@dataclass(frozen=True)
class Draft:
    """A function whose names are still roles (`$L`, `$x`): what the grammar produces."""

    doc: str
    body: str
    args: tuple[str, ...]
    loop: str = "num"
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Where a pipeline's elements come from."""

    kind: str
    noun: str
    where: str
    code: str
    args: tuple[str, ...]
    target: str = "$x"
    tag: str = ""


@dataclass(frozen=True)
class Filter:
    """A condition on one element, as an adjective before the noun or as a phrase after it."""

    pre: str
    post: str
    cond: str
    tag: str = ""
    args: tuple[str, ...] = ()
    pred: str = ""


@dataclass(frozen=True)
class Map:
    """A transformation of one element; `out` is the kind of its result."""

    phrase: str
    code: str
    out: str
    tag: str = ""
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reducer:
    """What becomes of the elements; `{np}` stands for their noun phrase, the other fields for code."""

    doc: tuple[str, ...]
    code: str
    tag: str = ""
    kinds: tuple[str, ...] = ("num", "word", "char")


SOURCES = (
    Source("num", "numbers", " in $L", "$L", ("L",)),
    Source("num", "numbers", " in $L", "$L", ("L",)),
    Source("num", "numbers", " in $L", "$L", ("L",)),
    Source("num", "numbers", " from 1 to $N", "range(1, $N + 1)", ("N",), tag="up_to"),
    Source("num", "numbers", " from 0 up to but not including $N", "range($N)", ("N",), tag="below"),
    Source("num", "digits", " of $N", "map(int, str($N))", ("N",), tag="digits"),
    Source("num", "values", " of the dictionary $D", "$D.values()", ("D",), tag="values"),
    Source("num", "numbers", " among the first $N items of $L", "$L[:$N]", ("L", "N"), tag="first_n"),
    Source("num", "numbers", " at even indexes of $L", "$L[::2]", ("L",), tag="even_index"),
    Source("num", "numbers", " at odd indexes of $L", "$L[1::2]", ("L",), tag="odd_index"),
    Source("num", "numbers", " after the first item of $L", "$L[1:]", ("L",), tag="rest"),
    Source("num", "numbers", " in $L and $M", "$L + $M", ("L", "M"), tag="both"),
    Source("index", "numbers", " in $L", "enumerate($L)", ("L",), "$i, $x", "index"),
    Source("index", "numbers", " in $L", "enumerate($L)", ("L",), "$i, $x", "index"),
    Source("entry", "keys", " of the dictionary $D", "$D.items()", ("D",), "$k, $x", "items"),
    Source("pair", "pairs", " of items of $L and $M", "zip($L, $M)", ("L", "M"), "$x, $y", "pairs"),
    Source("pair", "pairs", " of items of $L and $M", "zip($L, $M)", ("L", "M"), "$x, $y", "pairs"),
    Source("pair", "pairs", " of neighbours in $L", "zip($L, $L[1:])", ("L",), "$x, $y", "neighbours"),
    Source("word", "strings", " in $W", "$W", ("W",), tag="words"),
    Source("word", "strings", " in $W", "$W", ("W",), tag="words"),
    Source("word", "strings", " in $W", "$W", ("W",), tag="words"),
    Source("word", "words", " of $S", "$S.split()", ("S",), tag="words"),
    Source("word", "words", " of $S", "$S.split()", ("S",), tag="words"),
    Source("word", "lines", " of $S", "$S.splitlines()", ("S",), tag="lines"),
    Source("word", "keys", " of the dictionary $D", "$D", ("D",), tag="keys"),
    Source("word", "strings", " among the first $N items of $W", "$W[:$N]", ("W", "N"), tag="first_n"),
    Source("char", "characters", " in $S", "$S", ("S",), tag="chars"),
    Source("char", "characters", " in $S", "$S", ("S",), tag="chars"),
    Source("char", "characters", " after the first one in $S", "$S[1:]", ("S",), tag="rest"),
    Source("char", "characters", " at even indexes of $S", "$S[::2]", ("S",), tag="even_index"),
)

NUM_FILTERS = (
    Filter("even ", "", "$x % 2 == 0", "even", pred="even"),
    Filter("even ", "", "$x % 2 == 0", "even", pred="even"),
    Filter("odd ", "", "$x % 2 != 0", "odd", pred="odd"),
    Filter("odd ", "", "$x % 2 != 0", "odd", pred="odd"),
    Filter("positive ", "", "$x > 0", "positive", pred="positive"),
    Filter("negative ", "", "$x < 0", "negative", pred="negative"),
    Filter("nonzero ", "", "$x != 0", "nonzero", pred="nonzero"),
    Filter("", " that are greater than #", "$x > #", "above", pred="greater than #"),
    Filter("", " that are less than #", "$x < #", "below", pred="less than #"),
    Filter("", " that are at least #", "$x >= #", "at_least", pred="at least #"),
    Filter("", " that are at most #", "$x <= #", "at_most", pred="at most #"),
    Filter("", " that are divisible by #", "$x % # == 0", "divisible", pred="divisible by #"),
    Filter("", " that are not divisible by #", "$x % # != 0", "not_divisible", pred="not divisible by #"),
    Filter("", " other than #", "$x != #", "other", pred="different from #"),
    Filter("", " that end in the digit #", "abs($x) % 10 == #", "ending"),
    Filter("", " that are greater than $N", "$x > $N", "above", ("N",), pred="greater than $N"),
    Filter("", " that are less than $N", "$x < $N", "below", ("N",), pred="less than $N"),
    Filter("", " that are divisible by $N", "$x % $N == 0", "divisible", ("N",), pred="divisible by $N"),
    Filter("", " other than $N", "$x != $N", "other", ("N",), pred="different from $N"),
    Filter("", " from # to ##", "# <= $x <= ##", "between"),
    Filter("even ", " that are greater than #", "$x % 2 == 0 and $x > #", "even_above"),
    Filter("odd ", " that are less than #", "$x % 2 != 0 and $x < #", "odd_below"),
    Filter("positive even ", "", "$x > 0 and $x % 2 == 0", "positive_even"),
    Filter("negative odd ", "", "$x < 0 and $x % 2 != 0", "negative_odd"),
)
WORD_FILTERS = (
    Filter("nonempty ", "", "$x", "nonempty"),
    Filter("", " that are longer than #", "len($x) > #", "longer", pred="longer than #"),
    Filter("", " that are shorter than #", "len($x) < #", "shorter", pred="shorter than #"),
    Filter("", " that are longer than $N", "len($x) > $N", "longer", ("N",), pred="longer than $N"),
    Filter("", " of length #", "len($x) == #", "of_length"),
    Filter("", " of length $N", "len($x) == $N", "of_length", ("N",)),
    Filter("", " of even length", "len($x) % 2 == 0", "even_length"),
    Filter("", " of odd length", "len($x) % 2 != 0", "odd_length"),
    Filter("", " that start with '@'", '$x.startswith("@")', "starting"),
    Filter("", " that end with '@'", '$x.endswith("@")', "ending"),
    Filter("", " that contain '@'", '"@" in $x', "containing"),
    Filter("", " that do not contain '@'", '"@" not in $x', "without"),
    Filter("", " that start with $C", "$x.startswith($C)", "starting", ("C",)),
    Filter("", " that end with $C", "$x.endswith($C)", "ending", ("C",)),
    Filter("", " that contain $C", "$C in $x", "containing", ("C",)),
    Filter("upper-case ", "", "$x.isupper()", "upper", pred="upper-case"),
    Filter("lower-case ", "", "$x.islower()", "lower", pred="lower-case"),
    Filter("", " made of digits only", "$x.isdigit()", "digits"),
    Filter("", " made of letters only", "$x.isalpha()", "letters"),
    Filter("", " that are palindromes", "$x == $x[::-1]", "palindromes"),
)
CHAR_FILTERS = (
    Filter("", " that are vowels", '$x in "aeiou"', "vowels"),
    Filter("", " that are vowels", '$x in "aeiou"', "vowels"),
    Filter("", " that are not vowels", '$x not in "aeiou"', "no_vowels"),
    Filter("", " that are digits", "$x.isdigit()", "digits"),
    Filter("", " that are not digits", "not $x.isdigit()", "no_digits"),
    Filter("", " that are letters", "$x.isalpha()", "letters"),
    Filter("", " that are letters or digits", "$x.isalnum()", "alnum"),
    Filter("upper-case ", "", "$x.isupper()", "upper", pred="upper-case"),
    Filter("lower-case ", "", "$x.islower()", "lower", pred="lower-case"),
    Filter("", " that are not spaces", '$x != " "', "no_spaces"),
    Filter("", " other than '@'", '$x != "@"', "other"),
    Filter("", " other than $C", "$x != $C", "other", ("C",)),
    Filter("", " that occur in $C", "$x in $C", "in", ("C",)),
    Filter("", " that do not occur in $C", "$x not in $C", "not_in", ("C",)),
)
PAIR_FILTERS = (
    Filter("", " that are equal", "$x == $y", "equal"),
    Filter("", " that differ", "$x != $y", "different"),
    Filter("", " whose first is larger", "$x > $y", "decreasing"),
    Filter("", " whose first is smaller", "$x < $y", "increasing"),
)
FILTERS = {"num": NUM_FILTERS, "word": WORD_FILTERS, "char": CHAR_FILTERS, "pair": PAIR_FILTERS}

NUM_MAPS = (
    Map("squares", "$x * $x", "num", "squares"),
    Map("squares", "$x * $x", "num", "squares"),
    Map("cubes", "$x ** 3", "num", "cubes"),
    Map("absolute values", "abs($x)", "num", "abs"),
    Map("doubles", "2 * $x", "num", "doubles"),
    Map("halves rounded down", "$x // 2", "num", "halves"),
    Map("negatives", "-$x", "num", "negatives"),
    Map("remainders by #", "$x % #", "num", "remainders"),
    Map("remainders by $N", "$x % $N", "num", "remainders", ("N",)),
    Map("multiples by #", "# * $x", "num", "multiples"),
    Map("products with $N", "$x * $N", "num", "scaled", ("N",)),
    Map("sums with $N", "$x + $N", "num", "shifted", ("N",)),
    Map("successors", "$x + 1", "num", "successors"),
    Map("last digits", "abs($x) % 10", "num", "last_digits"),
    Map("decimal strings", "str($x)", "word", "strings"),
    Map("numbers of digits", "len(str(abs($x)))", "num", "digit_counts"),
)
WORD_MAPS = (
    Map("lengths", "len($x)", "num", "lengths"),
    Map("lengths", "len($x)", "num", "lengths"),
    Map("lengths", "len($x)", "num", "lengths"),
    Map("upper-case forms", "$x.upper()", "word", "upper"),
    Map("lower-case forms", "$x.lower()", "word", "lower"),
    Map("capitalized forms", "$x.capitalize()", "word", "capitalized"),
    Map("reverses", "$x[::-1]", "word", "reversed"),
    Map("stripped forms", "$x.strip()", "word", "stripped"),
    Map("first letters", "$x[:1]", "word", "initials"),
    Map("last letters", "$x[-1:]", "word", "last_letters"),
    Map("first # letters", "$x[:#]", "word", "prefixes"),
    Map("repetitions", "$x * 2", "word", "repeated"),
    Map("numbers of '@'", '$x.count("@")', "num", "letter_counts"),
    Map("squared lengths", "len($x) ** 2", "num", "squared_lengths"),
)
CHAR_MAPS = (
    Map("upper-case forms", "$x.upper()", "char", "upper"),
    Map("lower-case forms", "$x.lower()", "char", "lower"),
    Map("repetitions", "$x * 2", "char", "repeated"),
    Map("character codes", "ord($x)", "num", "codes"),
)
PAIR_MAPS = (
    Map("sums", "$x + $y", "num", "sums"),
    Map("products", "$x * $y", "num", "products"),
    Map("products", "$x * $y", "num", "products"),
    Map("differences", "$x - $y", "num", "differences"),
    Map("absolute differences", "abs($x - $y)", "num", "distances"),
    Map("larger items", "max($x, $y)", "num", "larger"),
    Map("smaller items", "min($x, $y)", "num", "smaller"),
)
MAPS = {"num": NUM_MAPS, "word": WORD_MAPS, "char": CHAR_MAPS, "pair": PAIR_MAPS}
INDEX_MAP = Map("indexes", "$i", "num", "indexes")
KEY_MAP = Map("", "$k", "word", "keys")

NUM, TEXT, CHAR = ("num",), ("word", "char"), ("char",)
REDUCERS = (
    Reducer(("Return the sum of {np}.", "Compute the sum of {np}.", "Add up {np}."), "return sum({g})", "sum", NUM),
    Reducer(("Return the sum of {np}.",), "return sum({g})", "sum", NUM),
    Reducer(("Return the largest of {np}, or 0 if there are none.",), "return max({p}, default=0)", "max", NUM),
    Reducer(("Return the smallest of {np}, or 0 if there are none.",), "return min({p}, default=0)", "min", NUM),
    Reducer(("Return the largest of {np}, or None if there are none.",), "return max({p}, default=None)", "max", NUM),
    Reducer(
        ("Return the product of {np}.", "Multiply {np}."),
        "$T = 1\n    for {t} in {s}:\n{if}        {i}$T *= {m}\n    return $T",
        "product",
        NUM,
    ),
    Reducer(
        ("Return the average of {np}, or 0 if there are none.",),
        "$R = {l}\n    return sum($R) / len($R) if $R else 0",
        "average",
        NUM,
    ),
    Reducer(
        ("Return the difference between the largest and the smallest of {np}, or 0 if there are none.",),
        "$R = {l}\n    return max($R) - min($R) if $R else 0",
        "spread",
        NUM,
    ),
    Reducer(
        ("Return the list of the running totals of {np}.",),
        "$T = 0\n    $R = []\n    for {t} in {s}:\n{if}        {i}$T += {m}\n        {i}$R.append($T)\n    return $R",
        "running",
        NUM,
    ),
    Reducer(("Return {np} in descending order.",), "return sorted({p}, reverse=True)", "descending"),
    Reducer(("Return {np} in ascending order.", "Return a sorted list of {np}."), "return sorted({g})", "sorted"),
    Reducer(("Return the list of {np}.", "Return a list with {np}.", "Collect {np} in a list."), "return {l}", "list"),
    Reducer(("Return the list of {np}.",), "return {l}", "list"),
    Reducer(("Return how many distinct values there are among {np}.",), "return len(set({g}))", "distinct"),
    Reducer(("Return the set of {np}.",), "return set({g})", "set"),
    Reducer(("Return the first of {np}, or None if there is none.",), "return next({it}, None)", "first"),
    Reducer(
        ("Return the last of {np}, or None if there is none.",), "$R = {l}\n    return $R[-1] if $R else None", "last"
    ),
    Reducer(("Return the list of {np} in reverse order.",), "return {l}[::-1]", "reversed"),
    Reducer(
        ("Return the number of times each of {np} occurs, as a dictionary.",),
        "$T = {{}}\n    for {t} in {s}:\n{if}        {i}$T[{m}] = $T.get({m}, 0) + 1\n    return $T",
        "counts",
    ),
    Reducer(("Return {np}, joined into one string.", "Concatenate {np}."), 'return "".join({g})', "join", TEXT),
    Reducer(("Return {np}, joined by '@'.",), 'return "@".join({g})', "join", TEXT),
    Reducer(
        ("Return the longest of {np}, or '' if there are none.",),
        'return max({p}, key=len, default="")',
        "longest",
        ("word",),
    ),
    Reducer(
        ("Return the shortest of {np}, or '' if there are none.",),
        'return min({p}, key=len, default="")',
        "shortest",
        ("word",),
    ),
)
COUNTERS = (
    Reducer(
        ("Return how many {pl} there are.", "Count {np}.", "Return the number of {pl}."),
        "return sum(1 for {t} in {s}{ifs})",
        "count",
    ),
)
KEYED = (
    Reducer(("Return a dictionary from {np} to their {attr}.",), "return {{{e}: {m} for {t} in {s}{ifs}}}", "by"),
    Reducer(("Return {np}, sorted by their {attr}.",), "return sorted({l}, key=lambda $x: {m})", "sort_by"),
    Reducer(
        ("Return {np}, grouped into lists in a dictionary by their {attr}.",),
        "$T = {{}}\n    for {t} in {s}:\n{if}        {i}$T.setdefault({m}, []).append({e})\n    return $T",
        "group_by",
    ),
)
QUANTIFIERS = (
    ("Return True if all {np} are {pred}, otherwise False.", "return all({c} for {t} in {s}{ifs})", "all"),
    ("Return True if any of {np} is {pred}, otherwise False.", "return any({c} for {t} in {s}{ifs})", "any"),
    ("Return how many of {np} are {pred}.", "return sum(1 for {t} in {s}{ifs2})", "count"),
)

UNARY = (
    ("the square of {}", "{} ** 2", "square"),
    ("the square of {}", "{} ** 2", "square"),
    ("the cube of {}", "{} ** 3", "cube"),
    ("twice {}", "2 * {}", "twice"),
    ("the absolute value of {}", "abs({})", "abs"),
    ("half of {} rounded down", "{} // 2", "half"),
    ("the last digit of {}", "abs({}) % 10", "last_digit"),
    ("the number of digits of {}", "len(str(abs({})))", "digits"),
    ("the successor of {}", "{} + 1", "successor"),
    ("# times {}", "# * {}", "times"),
)
BINARY = (
    ("the sum of {} and {}", "{} + {}", "sum"),
    ("the sum of {} and {}", "{} + {}", "sum"),
    ("the product of {} and {}", "{} * {}", "product"),
    ("the product of {} and {}", "{} * {}", "product"),
    ("the difference of {} and {}", "{} - {}", "difference"),
    ("the absolute difference of {} and {}", "abs({} - {})", "distance"),
    ("the larger of {} and {}", "max({}, {})", "larger"),
    ("the smaller of {} and {}", "min({}, {})", "smaller"),
    ("the remainder of {} divided by {}", "{} % {}", "remainder"),
    ("the average of {} and {}", "({} + {}) / 2", "average"),
)
PREDICATES = (
    ("{} is even", "{} % 2 == 0", "even"),
    ("{} is odd", "{} % 2 != 0", "odd"),
    ("{} is positive", "{} > 0", "positive"),
    ("{} is negative", "{} < 0", "negative"),
    ("{} is zero", "{} == 0", "zero"),
    ("{} is greater than #", "{} > #", "above"),
    ("{} is less than #", "{} < #", "below"),
    ("{} is divisible by #", "{} % # == 0", "divisible"),
    ("{} is from # to ##", "# <= {} <= ##", "between"),
)
COMPARISONS = (
    ("{} is greater than {}", "{} > {}", "greater"),
    ("{} is less than {}", "{} < {}", "less"),
    ("{} is equal to {}", "{} == {}", "equal"),
    ("{} is divisible by {}", "{} % {} == 0", "divisible"),
)
SLICES = (
    ("the reverse of {}", "{}[::-1]", "reverse"),
    ("the reverse of {}", "{}[::-1]", "reverse"),
    ("the first # items of {}", "{}[:#]", "first"),
    ("the first $N items of {}", "{}[:$N]", "first"),
    ("the last # items of {}", "{}[-#:]", "last"),
    ("every second item of {}", "{}[::2]", "second"),
    ("all but the first item of {}", "{}[1:]", "tail"),
    ("all but the last item of {}", "{}[:-1]", "init"),
    ("all but the first # items of {}", "{}[#:]", "drop"),
    ("all but the first $N items of {}", "{}[$N:]", "drop"),
    ("all but the first and the last item of {}", "{}[1:-1]", "middle"),
)
SEQUENCE_ENDS = (
    ("Return {}.", "return {}", "", "LS"),
    ("Return {}.", "return {}", "", "LS"),
    ("Return the length of {}.", "return len({})", "length", "LS"),
    ("Return {} repeated twice.", "return {} * 2", "twice", "LS"),
    ("Return {} repeated $N times.", "return {} * $N", "repeat", "LS"),
    ("Return True if {} is empty, otherwise False.", "return len({}) == 0", "empty", "LS"),
    ("Return True if {} equals its own reverse, otherwise False.", "return {} == {}[::-1]", "palindrome", "LS"),
    ("Return the number of distinct items of {}.", "return len(set({}))", "distinct", "LS"),
    ("Return the sum of {}.", "return sum({})", "sum", "L"),
    ("Return the largest item of {}, or 0 if it is empty.", "return max({}, default=0)", "max", "L"),
    ("Return the smallest item of {}, or 0 if it is empty.", "return min({}, default=0)", "min", "L"),
    ("Return {} in ascending order.", "return sorted({})", "sorted", "L"),
    ("Return {} in descending order.", "return sorted({}, reverse=True)", "descending", "L"),
    ("Return how often $N occurs in {}.", "return {}.count($N)", "count", "L"),
    ("Return True if {} contains $N, otherwise False.", "return $N in {}", "contains", "L"),
    ("Return {} followed by $M.", "return {} + $M", "then", "L"),
    ("Return $M followed by {}.", "return $M + {}", "after", "L"),
    ("Return {} in upper case.", "return {}.upper()", "upper", "S"),
    ("Return {} in lower case.", "return {}.lower()", "lower", "S"),
    ("Return {} with '@' put before it.", 'return "@" + {}', "prefix", "S"),
    ("Return {} with '@' put after it.", 'return {} + "@"', "suffix", "S"),
    ("Return {} with every '@' removed.", 'return {}.replace("@", "")', "remove", "S"),
    ("Return how often '@' occurs in {}.", 'return {}.count("@")', "count", "S"),
    ("Return True if {} contains $C, otherwise False.", "return $C in {}", "contains", "S"),
    ("Return {} followed by $C.", "return {} + $C", "then", "S"),
)
