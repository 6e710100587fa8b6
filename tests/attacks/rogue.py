"""The text with which the attacks on the judge's protocol begin: the program takes the channel over.

There is no naive grader to compare with: what is attacked is this judge's own protocol. `CONTROL` shows that the rogue
is live: it speaks the protocol by itself, and is accepted for right answers.
"""

from __future__ import annotations

ROGUE = """
import json, os, socket, struct, sys, time
at = sys._getframe()
while "channel" not in at.f_locals:
    at = at.f_back
NONCE = [at.f_locals["channel"].nonce]

def raw(data):
    view = memoryview(data)
    while view:
        view = view[os.write(3, view):]

def frame(body):
    if isinstance(body, str):
        body = body.encode("utf-8", "surrogatepass")
    return struct.pack(">I", len(body)) + body

def whole(text):
    return frame(f'["{NONCE[0]}",{text}]')

def answer(text):
    raw(whole(text))

def value(body):
    answer('"value",' + body)

def exactly(size):
    data = b""
    while len(data) < size:
        chunk = os.read(3, size - len(data))
        if not chunk:
            time.sleep(60)  # as the harness's own child: who ends by itself has run away from its tests
        data += chunk
    return data

def read():
    question = json.loads(exactly(struct.unpack(">I", exactly(4))[0]))
    NONCE.insert(0, question[0])
    return question[1:]

def right(question):
    kind, xs = question[2]
    if kind == "mean":
        return json.dumps(sum(xs) / len(xs))
    found = sorted(set(xs))
    return json.dumps(found if kind == "unique" else "-".join(found))

def serve(reply):
    answer('"ready"')
    while True:
        reply(read())
"""

CONTROL = f"{ROGUE}serve(lambda question: value(right(question)))\n"
