"""Evaluation of image models: distances from real pictures, CLIP scores, copies, likelihood, and all of it over
training.

from harness.images.tracking import TrainingCallback
from harness.images.scoring import ClipScorer
from harness.images.evaluate import Request, evaluate
"""
