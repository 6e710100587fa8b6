"""The checkup of a fine-tuned model: is it better than the model it was made from, or did it learn by heart?

data      a data directory (or the shipped sets): which parts it has, what is missing, the items that are taken
program   runs every part on both models, one model at a time, and puts together what follows from it
findings  the lines of the verdict: better, worse, no evidence; signs of memorization and of leaks
memory    whether the tuned model learned its training texts by heart, and leaks, from the runs
examples  what people should read: prompt, reference, both outputs, those that differ most first
records   the same as JSON
report    the same as one self-contained page
"""
