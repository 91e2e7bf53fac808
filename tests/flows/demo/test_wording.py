"""Titles and texts of the demo: new enough, and about what the title says."""

from random import Random

import pytest

from flows.demo.vocabulary import Trade, Work, trade_of, vocabulary
from flows.demo.wording import WordsExhausted, invent_title, is_new, tell_story
from models.enums import Category


def test_a_title_is_not_new_beside_one_that_differs_by_a_word() -> None:
    used = ["一种曲轴用可调式装夹工装", "泡菜发酵工艺改进"]

    assert not is_new("一种曲轴用可调式检测工装", used)
    assert not is_new("泡菜发酵工艺改进", used)
    assert is_new("隧道衬砌养护台车再设计", used)


def test_invented_titles_join_those_used_until_the_words_are_exhausted() -> None:
    rng, work, used = Random(1), trade_of("食品轻工").works[0], ["泡菜"]

    def invent_for_ever() -> None:
        while invent_title(rng, "食品轻工", work, Category.DESIGN, used) == used[-1]:
            pass

    with pytest.raises(WordsExhausted, match="食品轻工"):
        invent_for_ever()

    assert len(set(used)) == len(used) > 5


def test_story_keeps_to_its_kind_of_work_and_tells_it_differently_each_time() -> None:
    rng, trade = Random(2), trade_of("医药卫生")
    work = trade.works[0]
    foreign = [thing for other in trade.works[1:] for thing in (*other.things, *other.means)]

    stories = [tell_story(rng, "医药卫生", work, f"{work.things[0]}翻身垫再设计") for _ in range(30)]

    texts = ["".join(vars(story).values()) for story in stories]
    assert not any(word in text for text in texts for word in (*foreign, "{", "}"))
    assert any(work.things[0] in text for text in texts)
    assert len({story.abstract for story in stories}) == len(stories)


def test_every_trade_has_enough_words_to_draw_from() -> None:
    for trade in vocabulary().fields.values():
        assert isinstance(trade, Trade)
        assert len(trade.gains) >= 3
        assert all(_is_rich_enough(work) for work in trade.works)


def _is_rich_enough(work: Work) -> bool:
    return len(work.things) >= 2 and len(work.troubles) >= 2 and len(work.means) >= 3


def test_a_field_that_a_season_invents_borrows_the_same_words_every_time() -> None:
    assert trade_of("航空航天") is trade_of("航空航天")
