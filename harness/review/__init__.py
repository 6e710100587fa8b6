"""People in the loop: rating sheets, blind A/B votes, agreement, and a model as judge beside them.

A study is a folder (`harness.review.study`). `sources` reads answers from runs and JSONL, `pairs` and `sheets` make
studies of them, `assignments` says what a judge sees next, `votes` keeps what judges said, `app` serves it, `results`
computes who won.
"""
