"""Are a problem set's tests strong enough? Mutants of the references, and accepted completions, on generated inputs.

mutants    small changes of a reference, one at a time (DeMillo, Lipton & Sayward 1978)
inputs     arguments like those of the tests: what they call, changed value by value
measure    which mutants the tests kill; which of the rest differ from the reference, and on what
stronger   the problem set with the telling inputs as further tests
"""
