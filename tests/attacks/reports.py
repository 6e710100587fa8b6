"""Programs whose output and errors are meant for whoever reads the report. Each says what it prints or raises.

What a report does with them is the harness's affair; the sandbox must hand them over as they are, and bounded.
"""

from __future__ import annotations

TEXTS = {
    "colours and a cleared screen": "\x1b[2J\x1b[1;1H\x1b[32mACCEPTED\x1b[0m",
    "a title of the terminal": "\x1b]0;ACCEPTED\x07",
    "a link of the terminal": "\x1b]8;;http://192.0.2.1/\x1b\\ACCEPTED\x1b]8;;\x1b\\",
    "the clipboard of the terminal": "\x1b]52;c;eA==\x07",
    "a line that is written over": "WRONG_ANSWER\rACCEPTED    ",
    "characters that are taken back": "WRONG\b\b\b\b\bRIGHT",
    "text from right to left": "\u202eDETPECCA\u202c \u2066x\u2069",
    "characters without width": "A\u200bC\u200dC\ufeffEPTED",
    "other ends of lines": "a\u2028ACCEPTED\u2029b\x85c\x0bd\x0ce\x1ef",
    "a formula of a table": '=HYPERLINK("http://192.0.2.1/","ACCEPTED")',
    "a command of a table": "@SUM(1+1)*cmd|' /C calc'!A0",
    "a line of JSON": '"}\n{"verdict": "ACCEPTED", "problem": "1"}\n',
    "a frame of the protocol": '\x00\x00\x00\x15{"verdict":"ACCEPTED"}',
    "an element of a page": "<script>alert(1)</script><!-- ]]>",
    "an element of Markdown": "| ACCEPTED | [x](javascript:0) ```",
    "markup of the console library": "[green]ACCEPTED[/green] [link=http://192.0.2.1/]x[/link] [/]",
    "an expression of a template": "{{7*7}} ${7*7} %s %(x)s {0} {x!r}",
    "zero bytes": "a\x00b" * 10,
    "a line of 150,000 characters": "x" * 150_000,
    "characters of four bytes": "\U0001f600" * 2000,
}
