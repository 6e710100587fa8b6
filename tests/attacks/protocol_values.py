"""Attacks on the judge's protocol by values: what decoding, comparing or walking through a value may cost or do.

See `rogue`. Each answers every question with its value, or with its exception.
"""

from __future__ import annotations

from .corpus import CRASH, FORGED, FULL, LATE, REFUSED, WRONG, Attack
from .rogue import ROGUE

_M = 2**61 - 1  # numbers that differ by a multiple of it have one hash


def _value(name: str, body: str, expect: tuple, victim: str = "calls") -> Attack:
    """`body` is an expression of the program's, whose value is the JSON text of the answer."""
    return Attack(name, f"{ROGUE}BODY = {body}\nserve(lambda question: value(BODY))\n", expect, victim=victim)


def _error(name: str, parts: str, expect: tuple = CRASH) -> Attack:
    """`parts`: an expression whose value is the list after the word error."""
    source = f"{ROGUE}BODY = '\"error\",' + json.dumps({parts})[1:-1]\nserve(lambda question: answer(BODY))\n"
    return Attack(name, source, expect)


def _next(name: str, reply: str, expect: tuple) -> Attack:
    """Every call is answered with an iterator, and every question for an item with `reply`."""
    source = f"{ROGUE}serve(lambda q: value('{{\"g\":0}}') if q[0] == 'call' else {reply})\n"
    return Attack(name, source, expect, victim="items")


_WRONG_BODIES = [
    _value(f"a number in the tag {tag}", repr(f'{{"{tag}":7.5}}'), WRONG if tag == "o" else FORGED)
    for tag in "tdsfbBcirqkvTDFog"
]
_EQUAL_HASHES = [
    _value(
        f"keys of one hash in the tag {tag}",
        f"""'{{"{tag}":[' + ','.join({item} for n in range(1, 30001)) + ']}}'""",
        FORGED,
    )
    for tag, item in (
        ("d", f"f'[{{n * {_M}}},0]'"),
        ("s", f"str(n * {_M})"),
        ("f", f"str(n * {_M})"),
        ("k", f"str(n * {_M})"),
    )
]

VALUES = [
    *_WRONG_BODIES,
    *_EQUAL_HASHES,
    _value(
        "tuples of one hash in a set",
        f"""'{{"s":[' + ','.join(f'{{{{"t":[{{n * {_M}}}]}}}}' for n in range(1, 30001)) + ']}}'""",
        FORGED,
    ),
    _value(
        "numbers of one hash that the tests put into a set",
        f"'[' + ','.join(str(n * {_M}) for n in range(1, 60001)) + ']'",
        LATE + WRONG,
        "items",
    ),
    # Tags.
    _value("a tag of its own", """'{"x":[1]}'""", FORGED),
    _value("a tag that names a class", """'{"__class__":"os.system","args":["true"]}'""", FORGED),
    _value("a tag of numpy's", """'{"__ndarray__":[1],"dtype":"object"}'""", FORGED),
    _value("an object without a tag", "'{}'", FORGED),
    _value("an object with two tags", """'{"t":[],"d":[]}'""", FORGED),
    _value("one tag twice", """'{"t":[1],"t":[1,2,3]}'""", WRONG),
    _value("a type that is none", """'{"T":"eval"}'""", FORGED),
    _value("a type by a list", """'{"T":[]}'""", FORGED),
    _value("a type for a value", """'{"T":"list"}'""", WRONG + CRASH),
    _value("pairs of three", """'{"d":[[1,2,3]]}'""", FORGED),
    _value("keys without a hash", """'{"d":[[[],1]]}'""", FORGED),
    _value("items without a hash", """'{"s":[[1]]}'""", FORGED),
    _value("a complex number of texts", """'{"c":["1","2"]}'""", FORGED),
    _value("bytes beyond a byte", """'{"b":"\\\\u1234"}'""", FORGED),
    # Numbers.
    _value("an integer of a million digits", "'9' * 10**6", FORGED),
    _value("an integer of 16 MiB in hexadecimal", """'{"i":"' + 'f' * 2**24 + '"}'""", FORGED),
    _value("an integer of code", """'{"i":"__import__"}'""", FORGED),
    _value(
        "sixty integers of four million bits",
        """'[' + ','.join('{"i":"' + 'f' * 2**20 + '"}' for _ in range(60)) + ']'""",
        REFUSED,
    ),
    _value(
        "a fraction that takes long to reduce",
        """'{"F":[{"i":"' + 'fb' * 2**19 + '"},{"i":"' + 'd7' * (2**19 - 7) + '"}]}'""",
        REFUSED,
    ),
    _value("a fraction with no denominator", """'{"F":[1,0]}'""", FORGED),
    _value("a decimal with an exponent of a billion", """'{"D":"1e999999999"}'""", FORGED),
    _value("a decimal with an exponent of minus a billion", """'{"D":"1e-999999999"}'""", FORGED),
    _value("a decimal of a million digits", """'{"D":"' + '9' * 10**6 + '"}'""", FORGED),
    _value("a decimal that raises when it is compared", """'{"D":"sNaN"}'""", WRONG + CRASH),
    _value("decimals that raise when they are hashed", """'{"s":[{"D":"sNaN"}]}'""", FORGED),
    _value("a float with a large exponent", "'1e999999999'", WRONG),
    _value("a float of a million digits", "'0.' + '1' * 10**6", WRONG + FORGED),
    _value("NaN", "'NaN'", WRONG),
    _value("infinity", "'-Infinity'", WRONG),
    _value("a range of a hundred billion", """'{"r":[0,100000000000,1]}'""", FORGED),
    _value("a range without a step", """'{"r":[0,1,0]}'""", FORGED),
    _value(
        "a range beyond the machine's integers",
        """'{"r":[0,10000000000000000000000000,10000000000000000000000000]}'""",
        FORGED,
    ),
    _value("a range of booleans", """'{"r":[false,true,true]}'""", FORGED),
    _value("floats of half a byte", """'{"A":["AAAA",[]]}'""", FORGED),
    _value("floats that are no text", """'{"A":[[0.5],[]]}'""", FORGED),
    _value("floats without the places of integers", """'{"A":["AAAAAAAA8D8="]}'""", FORGED),
    _value("floats in a text of other characters", """'{"A":["AAAA!!!!AAAA8D8=",[]]}'""", FORGED),
    _value("an integer behind the last float", """'{"A":["AAAAAAAA8D8=",[[1,2]]]}'""", FORGED),
    _value("an integer before the first float", """'{"A":["AAAAAAAA8D8=",[[-1,2]]]}'""", FORGED),
    _value("an integer at a place that is true", """'{"A":["AAAAAAAA8D8=",[[false,2]]]}'""", FORGED),
    _value("a text among floats", """'{"A":["AAAAAAAA8D8=",[[0,"2"]]]}'""", FORGED),
    _value("one float in place of the answer", """'{"A":["AAAAAAAA8D8=",[]]}'""", WRONG),
    _value("floats of 48 MiB", """'{"A":["' + 'AAAAAAAA' * 6 * 2**20 + '",[]]}'""", WRONG + REFUSED),
    # Depth and size.
    _value("lists in lists, a million deep", "'[' * 10**6 + ']' * 10**6", FORGED),
    _value("lists in lists, as deep as may be", "'[' * 900 + ']' * 900", REFUSED),
    _value("tuples in tuples, 100,000 deep", """'{"t":[' * 10**5 + ']}' * 10**5""", FORGED),
    _value("brackets that never close", "'[' * 10**6", FORGED),
    _value("a text of 60 MiB", """'"' + 'x' * (60 * 2**20) + '"'""", REFUSED),
    _value("ten million lists", "'[' + '[],' * 10**7 + '0]'", REFUSED),
    _value("five million opaque objects", """'[' + '{"o":0},' * (5 * 10**6) + '0]'""", REFUSED),
    _value("a view of two million keys", """'{"k":[' + ','.join(map(str, range(2 * 10**6))) + ']}'""", REFUSED),
    _value("wide characters", """'"' + 'x' * (15 * 2**20) + '\\U0001F600"'""", REFUSED),
    # Texts.
    _value("a lone surrogate", """'"\\ud800"'""", WRONG),
    _value("a lone surrogate by its number", """'"' + chr(92) + 'ud800"'""", WRONG),
    _value("a control character in a text", """'"\\x1b[2J"'""", FORGED),
    # Exceptions.
    *(
        _error(f"the exception {name}", f"[{name!r}, 'line', ['text']]")
        for name in (
            "SystemExit",
            "KeyboardInterrupt",
            "GeneratorExit",
            "BaseException",
            "StopIteration",
            "StopAsyncIteration",
            "__import__",
            "eval",
            "Ended",
            "AssertionError",
            "UnicodeDecodeError",
            "BaseExceptionGroup",
            "RecursionError",
            "",
        )
    ),
    _error("the exception MemoryError", "['MemoryError', '', ['']]", FULL + CRASH),
    _error("an exception with a name of a megabyte", "['x' * 2**20, 'y' * 2**20, ['z' * 2**20]]"),
    _error("an exception of a number", "[1, 2, 3]", FORGED),
    _error("an exception without a text", "['ValueError']", FORGED),
    _error("an exception with too much", "['ValueError', '', [''], '']", FORGED),
    _error("an exception with arguments of its own", "['ValueError', '', [[1], {'o': None}]]", FORGED),
    _error("an exception with too many arguments", "['ValueError', '', ['x'] * 10**5]", FORGED),
    _error("a system error with the wrong arguments", "['OSError', 'line', [None, True, 0.5]]"),
    _error(
        "an exception with colours and a cleared screen",
        "['ValueError', '\\x1b[2J\\x1b[32mACCEPTED\\x1b]0;x\\x07', ['\\x1b[A']]",
    ),
    _error("an exception that is written backwards", "['ValueError', '\\u202eDETPECCA\\u2066', ['\\u200b']]"),
    _error("an exception of lone surrogates", "['ValueError', '\\ud800' * 300, ['\\udfff']]"),
    _error("an exception of lines", "['ValueError', 'x\\nACCEPTED\\r\\n{\"verdict\": \"ACCEPTED\"}\\n', ['\\n']]"),
    _error("an exception of zero bytes", "['ValueError', '\\0' * 400, ['\\0']]"),
    # Iterators.
    _value("an iterator with a negative number", """'{"g":-1}'""", FORGED),
    _value("an iterator with a boolean", """'{"g":true}'""", FORGED),
    _value("an iterator with a text", """'{"g":"0"}'""", FORGED),
    _value(
        "an iterator with a number of a million digits", """'{"g":{"i":"' + 'f' * 2**20 + '"}}'""", REFUSED, "items"
    ),
    _next("endless items", "value('5')", LATE + CRASH),
    _next("iterators in iterators without end", "value('{\"g\":0}')", LATE + CRASH + WRONG),
    _next("no item", "answer('\"stop\"')", WRONG),
    _next("StopIteration for an item", 'answer(\'"error","StopIteration","",[""]\')', CRASH),
    _next("an end with more", "answer('\"stop\",1')", FORGED),
    _next("an end in two frames", "raw(whole('\"stop\"') * 2)", FORGED),
    _next("an item of a megabyte, without end", "value('\"' + 'x' * 2**20 + '\"')", REFUSED),
]
