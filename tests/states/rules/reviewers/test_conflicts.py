"""Who may never review what: each rule, and all rules against a model that tries every pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.rules.names import name_key
from states.rules.reviewers.conflicts import Affiliation, ConflictKind, Parties, Person, Reviewer, find_conflicts
from states.rules.reviewers.organisations import credit_code_key, organisation_key, organisation_keys

CODE = "91500000MA5U0000X1"


def a_submission(
    number: str = "2026-1",
    *,
    unit: str = "500101",
    organisations: tuple[Affiliation, ...] = (Affiliation("示例机械有限公司"),),
    contributors: tuple[Person, ...] = (Person("示例·张", "示例机械有限公司"),),
) -> Parties:
    return Parties(number, unit, organisations, contributors)


def an_expert(name: str = "示例·李", organisation: str = "示例研究院", *, id: str = "E1", code: str = "") -> Reviewer:
    return Reviewer(id, name, organisation, code)


def kinds(found, submission: str = "2026-1", expert: str = "E1") -> list[ConflictKind]:
    return list(found.findings(submission, expert))


def test_stranger_may_review() -> None:
    found = find_conflicts([a_submission()], [an_expert()])

    assert kinds(found) == []
    assert not found.forbids("2026-1", "E1")


@pytest.mark.parametrize(
    ("spelling", "other"),
    [
        ("示例机械有限公司", "重庆市示例机械（集团）有限责任公司"),
        ("示例机械有限公司", "示例机械有限公司 万州分公司"),
        ("重庆大学", "重庆大学机械与运载工程学院"),
        ("重庆市人民医院", "重庆市人民医院骨科"),
        ("万州区科协", "重庆市万州区科学技术协会"),
        ("石柱县科协", "石柱土家族自治县科学技术协会"),
        ("ＡＢＣ Ｃｏ．，Ｌｔｄ．", "abc"),
    ],
)
def test_spellings_of_one_organisation_meet(spelling: str, other: str) -> None:
    assert organisation_key(spelling) == organisation_key(other)


@pytest.mark.parametrize(
    ("spelling", "other"),
    [
        ("重庆大学", "重庆大学附属肿瘤医院"),
        ("重庆大学", "重庆医科大学"),
        ("重庆市科协", "万州区科协"),
        ("重庆大学", "重庆市大学城管理中心"),
        ("第一中学", "第二中学"),
    ],
)
def test_different_organisations_stay_apart(spelling: str, other: str) -> None:
    assert organisation_key(spelling) != organisation_key(other)


@pytest.mark.parametrize("nobody", ["", "无", "个人", " （退休） "])
def test_nobody_is_no_organisation(nobody: str) -> None:
    assert organisation_keys(nobody, "无") == frozenset()


@given(st.text(alphabet="重庆市大学医院机械集团有限责任公司分科协（） 区县", max_size=14))
def test_key_of_a_key_is_the_key(name: str) -> None:
    assert organisation_key(name_key(name)) == organisation_key(name)


def test_credit_code_joins_different_names() -> None:
    submission = a_submission(organisations=(Affiliation("示例甲公司", CODE.lower()),), contributors=())

    found = find_conflicts([submission], [an_expert(organisation="示例乙厂", code=f" {CODE} ")])

    assert kinds(found) == [ConflictKind.SAME_ORGANISATION]


@pytest.mark.parametrize("code", ["", "无", "0" * 18, "1" * 18, CODE[:-1]])
def test_placeholder_is_no_credit_code(code: str) -> None:
    assert credit_code_key(code) == ""


def test_organisation_of_a_contributor_counts_as_the_submissions() -> None:
    submission = a_submission(contributors=(Person("示例·张", "示例研究院"),))

    assert kinds(find_conflicts([submission], [an_expert()])) == [ConflictKind.SAME_ORGANISATION]


def test_contributor_of_any_submission_reviews_nothing() -> None:
    own = a_submission("2026-2", contributors=(Person("示例·李", "示例研究院"),))

    found = find_conflicts([a_submission("2026-1"), own], [an_expert()])

    assert kinds(found, "2026-1") == [ConflictKind.CONTRIBUTES]
    assert kinds(found, "2026-2") == [ConflictKind.CONTRIBUTES, ConflictKind.SAME_ORGANISATION]


@pytest.mark.parametrize("name", ["張工", "张\u30a8", "张\u200b工", "张·工"])
def test_contributor_reviews_nothing_under_a_name_that_looks_alike(name: str) -> None:
    own = a_submission(contributors=(Person(name, "示例機械有限公司"),))

    found = find_conflicts([own], [an_expert("张工", "示例机械有限公司")])

    assert kinds(found) == [ConflictKind.CONTRIBUTES, ConflictKind.SAME_ORGANISATION]


def test_contributor_of_a_submission_that_is_not_reviewed_reviews_nothing() -> None:
    withdrawn = a_submission("2026-9", contributors=(Person("示例·李", "示例研究院"),))

    found = find_conflicts([a_submission()], [an_expert()], also_submitted=[withdrawn])

    assert list(found.everywhere) == ["E1"]
    assert kinds(found) == [ConflictKind.CONTRIBUTES]


def test_contributor_is_known_by_the_credit_code_of_their_organisation() -> None:
    own = a_submission(
        "2026-2",
        organisations=(Affiliation("示例旧名厂", CODE), Affiliation("示例机械有限公司")),
        contributors=(Person("示例·李", "示例旧名厂"), Person("示例·赵", "示例机械有限公司")),
    )
    experts = [
        an_expert(organisation="示例新名厂", code=CODE, id="E1"),
        an_expert("示例·赵", organisation="示例新名厂", code=CODE, id="E2"),
    ]

    found = find_conflicts([a_submission("2026-1"), own], experts)

    assert [kinds(found, "2026-1", expert) for expert in ("E1", "E2")] == [[ConflictKind.CONTRIBUTES], []]


def test_namesake_elsewhere_is_another_person() -> None:
    namesake = a_submission(contributors=(Person("示例·李", "示例机械有限公司"),))

    assert kinds(find_conflicts([namesake], [an_expert()])) == []


def test_namesake_without_an_organisation_is_taken_for_the_contributor() -> None:
    namesake = a_submission(contributors=(Person("示例·李", "示例机械有限公司"),))

    assert kinds(find_conflicts([namesake], [an_expert(organisation="个人")])) == [ConflictKind.CONTRIBUTES]


@pytest.mark.parametrize("declared", ["示例 张", "示例机械（集团）有限公司", CODE])
def test_declared_person_or_organisation_bars(declared: str) -> None:
    submission = a_submission(organisations=(Affiliation("示例机械有限公司", CODE),))

    found = find_conflicts([submission], [an_expert()], declared=[("E1", declared), ("E9", declared)])

    assert kinds(found) == [ConflictKind.DECLARED]
    assert not found.forbids("2026-1", "E9")


def test_recusal_bars_that_one_pair() -> None:
    found = find_conflicts([a_submission("2026-1"), a_submission("2026-2")], [an_expert()], recused=[("E1", "2026-2")])

    assert kinds(found, "2026-1") == []
    assert kinds(found, "2026-2") == [ConflictKind.RECUSED]


@pytest.mark.parametrize("office", ["万州区科协", "重庆市万州区科学技术协会", "万州区科协学会部"])
def test_staff_of_the_unit_are_barred_where_the_season_says(office: str) -> None:
    submissions = [a_submission("2026-1", unit="500101"), a_submission("2026-2", unit="500102")]
    names = {"500101": ("万州区",), "500102": ("涪陵区",)}

    barred = find_conflicts(submissions, [an_expert(organisation=office)], unit_names=names)
    allowed = find_conflicts(submissions, [an_expert(organisation=office)])

    assert [kinds(barred, number) for number in ("2026-1", "2026-2")] == [[ConflictKind.UNIT_STAFF], []]
    assert (allowed.everywhere, allowed.pairs) == ({}, {})


def test_every_reason_has_a_sentence_in_chinese() -> None:
    assert all("专家" in kind.label for kind in ConflictKind)


names = st.sampled_from(["示例·甲", "示例·乙", "示例甲", "示例·丙"])
firms = st.sampled_from(["示例一厂", "示例二有限公司", "重庆示例二公司", "", "万州区科协", "示例三"])
codes = st.sampled_from(["", CODE, "91500000MA5U0000X2", "无"])
parties = st.builds(
    Parties,
    submission=st.integers(0, 9999).map(str),
    unit=st.sampled_from(["500101", "500102"]),
    organisations=st.lists(st.builds(Affiliation, firms, codes), max_size=2).map(tuple),
    contributors=st.lists(st.builds(Person, names, firms), max_size=3).map(tuple),
)
reviewers = st.builds(Reviewer, id=st.integers(0, 99).map(str), name=names, organisation=firms, credit_code=codes)
UNITS = {"500101": ("万州区",), "500102": ("涪陵区",)}


def is_barred(submitted: Parties, expert: Reviewer, season: list[Parties], declared, recused) -> bool:
    """The rules of design section 8 read word for word for a single pair."""

    def same(*both: Affiliation) -> bool:
        by_code = (
            credit_code_key(both[0].credit_code) != "" and len({credit_code_key(x.credit_code) for x in both}) == 1
        )
        by_name = organisation_key(both[0].name) != "" and len({organisation_key(x.name) for x in both}) == 1
        return by_code or by_name

    def gave_none(organisation: Affiliation) -> bool:
        return not organisation_key(organisation.name) and not credit_code_key(organisation.credit_code)

    own = Affiliation(expert.organisation, expert.credit_code)
    behind = [*submitted.organisations, *(Affiliation(person.organisation) for person in submitted.contributors)]
    if any(same(own, other) for other in behind):
        return True
    for submission in season:
        for person in submission.contributors:
            if name_key(person.name) != name_key(expert.name):
                continue
            stated = Affiliation(person.organisation)
            if gave_none(stated):
                theirs = list(submission.organisations)
            else:
                theirs = [stated, *(other for other in submission.organisations if same(other, stated))]
            if gave_none(own) or all(map(gave_none, theirs)) or any(same(own, other) for other in theirs):
                return True
    for who, name in declared:
        if who == expert.id and (
            any(name_key(person.name) == name_key(name) for person in submitted.contributors)
            or any(same(Affiliation(name, name), other) for other in behind)
        ):
            return True
    staff = any(
        organisation_key(expert.organisation) == organisation_key(f"{name}科协") for name in UNITS[submitted.unit]
    )
    return staff or (expert.id, submitted.submission) in recused


@given(data=st.data())
def test_no_pair_is_missing_and_none_is_invented(data: st.DataObject) -> None:
    submissions = data.draw(st.lists(parties, max_size=5, unique_by=lambda submission: submission.submission))
    others = data.draw(st.lists(parties, max_size=2))
    experts = data.draw(st.lists(reviewers, max_size=4, unique_by=lambda expert: expert.id))
    ids = [expert.id for expert in experts]
    declared = data.draw(st.lists(st.tuples(st.sampled_from(ids), names | firms), max_size=2)) if ids else []
    numbers = [submission.submission for submission in submissions]
    recused = (
        data.draw(st.lists(st.tuples(st.sampled_from(ids), st.sampled_from(numbers)), max_size=2))
        if ids and numbers
        else []
    )

    found = find_conflicts(
        submissions, experts, also_submitted=others, declared=declared, recused=recused, unit_names=UNITS
    )

    expected = {
        (submission.submission, expert.id)
        for submission in submissions
        for expert in experts
        if is_barred(submission, expert, [*submissions, *others], declared, recused)
    }
    matrix = found.matrix(numbers, ids)
    assert {(numbers[row], ids[column]) for row, column in np.argwhere(matrix)} == expected
    assert all(found.forbids(*pair) and found.findings(*pair) for pair in expected)


@given(st.permutations(range(4)), st.permutations(range(3)))
def test_order_of_input_changes_nothing(rows: list[int], columns: list[int]) -> None:
    submissions = [a_submission(str(n), unit=f"50010{n % 2 + 1}") for n in range(4)]
    experts = [
        an_expert("示例·张", "示例机械", id="A"),
        an_expert("示例·王", "万州区科协", id="B"),
        an_expert(id="C"),
    ]

    def pairs(submissions, other):
        found = find_conflicts(submissions, other, unit_names=UNITS)
        return found.everywhere, found.pairs

    assert pairs([submissions[row] for row in rows], [experts[column] for column in columns]) == pairs(
        submissions, experts
    )
