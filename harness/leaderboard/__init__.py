"""The leaderboard: runs of a results folder as tables with rank ranges, and as a static site down to each completion.

results    the runs of a folder, checked; what is broken or not done is named and left out
records    what of a run's completions and executions the tables need
tables     one table per task, data set and conditions: rows, cells, columns that vary
headline   what the tables say, in words: who leads, who cannot be told apart; models by sets
exports    the same tables as Markdown, CSV and JSON
charts     geometry of the drawings; `templates/charts.svg.j2` draws them
prompts    what a model was asked, where the problem set is at hand
answers    a problem's completions, each distinct answer once
judged_by  the tests and references of a problem
sides      two runs beside each other
pages      the pages' contexts and templates
site       the folder of pages: what changed is written, the rest is left as it is
server     the same on loopback, built again as runs end; how far those under way are
pace       how fast they go on
"""
