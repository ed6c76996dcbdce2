"""One loss, one file: tensors in, a scalar out; `registry.py` finds them by name.

Belongs here: formulas. Not: where scores come from (loop.py), which pairs exist (targets.py).
All files import torch. Arguments, the same everywhere: `student` cosines, `teacher` scores on any
scale, `keep` true where both count; padding may hold NaN.
"""
