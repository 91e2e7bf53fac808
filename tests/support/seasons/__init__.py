"""Whole seasons beside a model: what `tests/flows/test_whole_seasons.py` plays.

`model` holds what stands in a few dictionaries, `units` and `people` (the office, the experts)
what may be done to it, `clock` what the dated steps do, `ranking` who gets which prize:
written from the programme's rules, with nothing imported of the states they are to judge, so that
an error there cannot be repeated here. `database` does the same deeds in a real database; `game`
does both and compares. `script` has the season that is played, and plays one that takes every edge
and one in which units judge after their round has closed; `refusals` plays one in which everything
is refused once; `deeds` are what the other plays choose from, and what brings them to the end of
the year. `depth` counts.
"""
