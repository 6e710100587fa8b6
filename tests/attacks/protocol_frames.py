"""Attacks on the judge's protocol below the values: nonces, frames, order, the channel itself. See `rogue`."""

from __future__ import annotations

from .corpus import CRASH, FORGED, FULL, LATE, LOUD, REFUSED, WRONG, Attack
from .rogue import ROGUE


def _rogue(name: str, source: str, expect: tuple, victim: str = "calls", seconds: float | None = None) -> Attack:
    return Attack(name, f"{ROGUE}{source}\n", expect, victim=victim, seconds=seconds)


def _reply(name: str, reply: str, expect: tuple) -> Attack:
    return _rogue(name, f"serve(lambda question: {reply})", expect)


FRAMES = [
    # Nonces.
    _reply("a nonce of its own", """raw(frame('["0123456789abcdef","value",[1,2,3]]'))""", FORGED),
    _reply("the nonce of an earlier question", """raw(frame(f'["{NONCE[-1]}","value",[1,2,3]]'))""", FORGED),
    _reply("the nonce in capitals", """raw(frame(f'["{NONCE[0].upper()}x","value",[1,2,3]]'))""", FORGED),
    _reply("the nonce in a list", """raw(frame(f'[["{NONCE[0]}"],"value",[1,2,3]]'))""", FORGED),
    _reply("the nonce as an opaque object", """raw(frame('[{"o":null},"value",[1,2,3]]'))""", FORGED),
    _reply("no nonce", """raw(frame('["value",[1,2,3]]'))""", FORGED),
    _reply("nothing but the nonce", """raw(frame(f'["{NONCE[0]}"]'))""", FORGED),
    _reply("an empty message", "raw(frame('[]'))", FORGED),
    # Order.
    _reply("every answer twice", "raw(whole('\"value\",' + right(question)) * 2)", FORGED),
    _reply(
        "every answer twice, the second later",
        "(value(right(question)), time.sleep(.02), value(right(question)))",
        FORGED,
    ),
    _reply("a surplus byte after each right answer", "raw(whole('\"value\",' + right(question)) + b'x')", FORGED),
    _reply("a surplus byte before each right answer", "raw(b'x' + whole('\"value\",' + right(question)))", REFUSED),
    _reply(
        "a surplus byte soon after each right answer", "(value(right(question)), time.sleep(.01), raw(b'x'))", FORGED
    ),
    _rogue(
        "answers before the questions",
        "answer('\"ready\"')\nfor n in range(10): answer('\"value\",[1,2,3]')\ntime.sleep(9)",
        FORGED,
    ),
    _rogue(
        "ready and the first answer in one write",
        "raw(whole('\"ready\"') + whole('\"value\",[1,2,3]'))\ntime.sleep(9)",
        FORGED,
    ),
    _rogue("ready with more", "answer('\"ready\",1')\ntime.sleep(9)", FORGED),
    _rogue("a value in the place of ready", "value('[1,2,3]')\ntime.sleep(9)", FORGED),
    _rogue("done in the place of ready", "answer('\"done\"')\ntime.sleep(9)", FORGED),
    _rogue("a failure to load of no known form", "answer('\"failed\",1,2,3')\ntime.sleep(9)", FORGED),
    _rogue("a failure to load in a phase of its own", 'answer(\'"failed","accepted","",""\')\ntime.sleep(9)', CRASH),
    _rogue(
        "a failure to load that is not its own",
        'answer(\'"failed","start","OSError","no memory on the host"\')\ntime.sleep(9)',
        CRASH,
        seconds=8.0,
    ),
    # Frames.
    _reply("half a header, then silence", "(raw(b'\\0\\0'), time.sleep(9))", LATE),
    _reply("half a frame, then silence", "(raw(whole('\"value\",[1,2,3]')[:-3]), time.sleep(9))", LATE),
    _reply("half a frame, then its end", "(raw(whole('\"value\",[1,2,3]')[:-3]), os._exit(0))", CRASH),
    _reply("a header, then its end", "(raw(struct.pack('>I', 50)), os._exit(0))", CRASH),
    _reply(
        "one byte at a time",
        "[(raw(bytes([b])), time.sleep(.05)) for b in whole('\"value\",' + ' ' * 1000 + '1')]",
        LATE,
    ),
    _reply("a length of four gigabytes", "raw(b'\\xff' * 4)", FORGED),
    _reply("a length of one byte too much", "raw(struct.pack('>I', 64 * 2**20 + 1))", FORGED),
    _reply("a length of 64 MiB, then silence", "(raw(struct.pack('>I', 64 * 2**20)), time.sleep(9))", LATE),
    _reply("a frame of nothing", "raw(frame(b''))", FORGED),
    _reply("a frame of white space", "raw(frame(b' \\n\\t '))", FORGED),
    _reply("no JSON", "raw(frame(b'nonce'))", FORGED),
    _reply("a pickle", "raw(frame(__import__('pickle').dumps([NONCE[0], 'value', [1, 2, 3]])))", FORGED),
    _reply("a text of code", """raw(frame(b'__import__("os")._exit(0)'))""", FORGED),
    _reply("an object for a message", """raw(frame(f'{{"t":["{NONCE[0]}","value",[1,2,3]]}}'))""", FORGED),
    _reply("two messages in a frame", """raw(frame(f'["{NONCE[0]}","value",1]["{NONCE[0]}","value",1]'))""", FORGED),
    _reply("a mark of byte order", """raw(frame(f'\\ufeff["{NONCE[0]}","value",1]'))""", FORGED),
    _reply("UTF-16", """raw(frame(f'["{NONCE[0]}","value",1]'.encode("utf-16")))""", FORGED),
    _reply("bad UTF-8", """raw(frame(f'["{NONCE[0]}","value","'.encode() + b'\\xff\\xfe"]'))""", FORGED),
    _reply("zero bytes", "raw(frame(bytes(1000)))", FORGED),
    _reply("a comment", """raw(frame(f'["{NONCE[0]}","value",1]/*accepted*/'))""", FORGED),
    # Kinds.
    _reply("a kind of its own", "answer('\"accepted\"')", FORGED),
    _reply("no kind", "answer('[1,2,3]')", FORGED),
    _reply("the kind stop for a call", "answer('\"stop\"')", FORGED),
    _reply("the kind ready for a call", "answer('\"ready\"')", FORGED),
    _reply("the kind failed for a call", 'answer(\'"failed","tests","AssertionError",""\')', FORGED),
    _reply("a value without its value", "answer('\"value\"')", FORGED),
    _reply("a value with two values", "answer('\"value\",[1,2,3],[1,2,3]')", FORGED),
    _reply("a question in return", 'answer(\'"call","solve",[],{"d":[]}\')', FORGED),
    # The channel.
    _reply("the channel is closed at the first call", "(os.close(3), time.sleep(9))", CRASH),
    _reply("the channel is shut for writing", "(socket.socket(fileno=os.dup(3)).shutdown(1), time.sleep(9))", CRASH),
    _reply("the channel is shut for reading", "(socket.socket(fileno=os.dup(3)).shutdown(0), value('0'))", WRONG),
    _reply(
        "the channel is shut, and right answers are printed",
        "(print(right(question)), socket.socket(fileno=os.dup(3)).shutdown(2), os._exit(0))",
        CRASH,
    ),
    _reply("it kills itself after a right answer", "(value(right(question)), os.kill(os.getpid(), 9))", CRASH),
    _reply(
        "descriptors with every answer",
        "socket.send_fds(socket.socket(fileno=os.dup(3)), [whole('\"value\",0')], list(range(3)) * 80)",
        REFUSED,  # kernels since 6.16 refuse to send them, older ones drop them on arrival
    ),
    _rogue(
        "the channel itself through the channel",
        "s = socket.socket(fileno=3)\nfor _ in range(50): socket.send_fds(s, [b'\\0'], [3] * 200)\ntime.sleep(9)",
        REFUSED,
    ),
    _rogue(
        "a descriptor that is slow to close",
        """
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
client.setblocking(False)
try:
    while True: client.send(bytes(1 << 16))
except BlockingIOError: pass
client.setblocking(True)
s = socket.socket(fileno=3)
def reply(question):
    socket.send_fds(s, [whole('"value",0')], [client.fileno()])
    client.close()
    time.sleep(9)
serve(reply)
""",
        REFUSED,
    ),
    _reply("a byte out of band", "(socket.socket(fileno=os.dup(3)).send(b'!', socket.MSG_OOB), value('0'))", REFUSED),
    _reply(
        "a byte out of band, then silence",
        "(socket.socket(fileno=os.dup(3)).send(b'!', socket.MSG_OOB), time.sleep(9))",
        LATE + CRASH + FORGED,
    ),
    _reply(
        "options on its end of the channel",
        "[socket.socket(fileno=os.dup(3)).setsockopt(1, option, 1) for option in (7, 8, 16)] and value('0')",
        WRONG,
    ),
    _rogue(
        "two processes answer", "answer('\"ready\"')\nos.fork()\nwhile True:\n    read()\n    value('[1,2,3]')", REFUSED
    ),
    _rogue(
        "two processes answer each question",
        "answer('\"ready\"')\nwhile True:\n    q = read()\n    if os.fork() == 0:\n        value(right(q)); os._exit(0)\n    value(right(q))",
        FORGED,
    ),
    _rogue(
        "a child answers, and the parent is gone",
        "answer('\"ready\"')\nif os.fork():\n    os._exit(0)\nos.setsid()\nwhile True: value(right(read()))",
        CRASH + FORGED,
    ),
    _rogue(
        "a child answers, and the parent has killed itself",
        "import signal\nanswer('\"ready\"')\nif os.fork():\n    os.kill(os.getpid(), signal.SIGKILL)\nos.setsid()\nwhile True: value(right(read()))",
        CRASH + FORGED,
    ),
    # What it prints meanwhile.
    _reply("a flood on stdout in the place of an answer", "[os.write(1, b'x' * 65536) for _ in range(999)]", LOUD),
    _reply("a flood on stderr in the place of an answer", "[os.write(2, b'x' * 65536) for _ in range(999)]", LOUD),
    _reply("a flood of single bytes", "[os.write(1, b'x') for _ in range(10**7)]", LOUD + LATE),
    _rogue(
        "a flood from a child beside right answers",
        "if os.fork() == 0:\n    while True: os.write(1, b'x' * 65536)\ntime.sleep(.1)\nserve(lambda question: value(right(question)))",
        LOUD,
    ),
    _reply("the answer on stdout", "os.write(1, whole('\"value\",[1,2,3]')) and time.sleep(9)", LATE),
    _reply(
        "the answer on stdin",
        "(os.write(os.open('/proc/self/fd/0', os.O_WRONLY), b'x') if 0 else 0, time.sleep(9))",
        LATE,
    ),
    _rogue("a megabyte of nothing in the place of ready", "raw(bytes(2**20))\ntime.sleep(9)", FORGED),
    _rogue(
        "a frame of 64 MiB in the place of ready",
        "raw(frame(b' ' * (64 * 2**20)))\ntime.sleep(9)",
        FORGED + LATE + FULL,
    ),
]
