"""Whole seasons beside a model: what `tests/flows/test_whole_seasons.py` plays.

`rows` and `model` hold what stands in a few dictionaries, `units` and `people` (the office, the
experts) what may be done to it, `clock` what the dated steps do, `ranking` who gets which prize:
written from the programme's rules, with nothing imported of the states they are to judge, so that
an error there cannot be repeated here. `database` does the same deeds in a real database; `game`
does both and compares (`compare`, `days`). `small` is the season that is played; `script` plays one
that takes every edge, `refusals` one in which everything is refused once, `late_verdicts` one in
which units judge after their round has closed; `deeds` are what the other plays choose from,
`preparing` what brings them to the end of the year. `depth` counts.
"""
