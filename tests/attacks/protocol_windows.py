"""Attacks on frames with many questions (`sandbox.guest.ahead`): too many answers, too few, reordered, late, one huge."""

from __future__ import annotations

from .corpus import CRASH, FORGED, FULL, LATE, REFUSED, WRONG, Attack
from .rogue import ROGUE

MANY = f"""{ROGUE}
def numbered(number, body, nonce=None):
    return frame(f'["{{nonce or NONCE[0]}}.{{number}}",{{body}}]')

def each(inputs):
    return ['"value",' + right([0, 0, args]) for args in inputs]

def serve_many(reply):
    answer('"ready","many"')
    while True:
        question = read()
        if question[0] == "call":
            value(right(question))
        else:
            reply(each(question[2]))

def all_of(answers):
    raw(b"".join(numbered(number, body) for number, body in enumerate(answers)))
"""
WINDOWS_CONTROL = f"{MANY}serve_many(all_of)\n"


def _many(name: str, reply: str, expect: tuple, seconds: float | None = None) -> Attack:
    return Attack(name, f"{MANY}{reply}\nserve_many(reply)\n", expect, victim="loop", seconds=seconds)


def _of_longer(name: str, reply: str, expect: tuple, seconds: float | None = None) -> Attack:
    """Windows of one question are answered right."""
    body = f"def reply(answers):\n    if len(answers) == 1:\n        return all_of(answers)\n    {reply}"
    return _many(f"many: {name}", body, expect, seconds)


WINDOWS = [
    _of_longer("one answer too many", "all_of(answers + answers[-1:])", FORGED),
    _of_longer("one answer too many, a little later", "all_of(answers); time.sleep(.02); raw(numbered(len(answers), answers[0]))",
               FORGED),
    _of_longer("all answers twice", "all_of(answers); all_of(answers)", FORGED),
    _of_longer("one answer too few, then silence", "all_of(answers[:-1]); time.sleep(9)", LATE),
    _of_longer("one answer too few, then its end", "all_of(answers[:-1]); os._exit(0)", CRASH),
    _of_longer("no answer, then its end", "os._exit(0)", CRASH),
    _of_longer("in another order", "raw(numbered(1, answers[1])); raw(numbered(0, answers[0]))", FORGED),
    _of_longer("in another order, with numbers in order", "all_of([answers[1], answers[0], *answers[2:]])", WRONG),
    _of_longer("the first number for all", "raw(b''.join(numbered(0, each) for each in answers))", FORGED),
    _of_longer("without numbers", "raw(b''.join(whole(each) for each in answers))", FORGED),
    _of_longer("numbers of the last window", "raw(b''.join(numbered(n, a, NONCE[1]) for n, a in enumerate(answers)))", FORGED),
    _of_longer("numbers with a zero before them", "raw(b''.join(numbered(f'0{n}', a) for n, a in enumerate(answers)))", FORGED),
    _of_longer("all answers in one message", "raw(frame(f'[\"{NONCE[0]}.0\",' + ','.join(answers) + ']'))", FORGED),
    _of_longer("all answers in one frame", "raw(frame(b''.join(numbered(n, a)[4:] for n, a in enumerate(answers))))", FORGED),
    _of_longer("a surplus byte after the last", "all_of(answers); raw(b'x')", FORGED),
    _of_longer("a surplus byte between two", "raw(numbered(0, answers[0]) + b'x' + numbered(1, answers[1]))", REFUSED),
    _of_longer("an iterator, and the rest of the window", "all_of(['\"held\",{\"g\":0}', *answers[1:]])", FORGED + WRONG),
    _of_longer("held, then silence", "raw(numbered(0, answers[0].replace('value', 'held'))); time.sleep(9) if len(answers) > 4 else 0",
               LATE),
    _of_longer("the last one is not there to be given", "all_of([*answers[:-1], '\"held\"'])", FORGED),
    _of_longer("an iterator's end for a call", "all_of([*answers[:-1], '\"stop\"'])", FORGED),
    _of_longer("one announces 64 MiB", "raw(numbered(0, answers[0]) + struct.pack('>I', 64 * 2**20)); time.sleep(9)", LATE),
    _of_longer("one announces four gigabytes", "raw(numbered(0, answers[0]) + b'\\xff' * 4)", FORGED),
    _of_longer("one of 60 MiB", "raw(numbered(0, answers[0]) + numbered(1, '\"value\",\"' + 'x' * (60 * 2**20) + '\"'))",
               WRONG + FULL + LATE),
    _of_longer("a thousand more than were asked", "all_of(answers * 1000)", FORGED),
    _of_longer("a child answers the second half",
               "all_of(answers[:1])\n    if os.fork() == 0:\n        for n, a in list(enumerate(answers))[1:]: raw(numbered(n, a))\n"
               "        os._exit(0)\n    time.sleep(9)", FORGED),
    _many("many: the answers before the questions",
          "answer('\"ready\",\"many\"')\nraw(b''.join(numbered(n, '\"value\",[1]') for n in range(50)))\ntime.sleep(9)", FORGED),
]  # fmt: skip
