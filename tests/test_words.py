"""Words of the trade: each means what a reader expects, or is an error. Never another value."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given, strategies as st

import kmoment
from kmoment import words
from kmoment.sandbox import Sandbox

FIRSTS = range(15, 70, 5)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("20-34", "20 25 30"),
        ("20~34", "20 25 30"),
        ("20∼34", "20 25 30"),
        ("20–34세", "20 25 30"),
        ("２０－３４", "20 25 30"),
        ("만 20세 ~ 34세", "20 25 30"),
        ("20세 이상 34세 이하", "20 25 30"),
        ("20대", "20 25"),
        ("20대~30대", "20 25 30 35"),
        ("20~30대", "20 25 30 35"),
        ("20대, 40대", "20 25 40 45"),
        ("40대/20대", "20 25 40 45"),
        ("60+", "60 65"),
        ("60세 이상", "60 65"),
        ("59세 초과", "60 65"),
        ("60대 이상", "60 65"),
        ("19세 이하", "15"),
        ("~19까지", "15"),
        ("20세 미만", "15"),
        ("30대 미만", "15 20 25"),
        ("20대 이하", "15 20 25"),
        ("25", "25"),
        ("20, 25", "20 25"),
    ],
)
def test_ages(text: str, codes: str) -> None:
    """Each way to write ages gives the classes that it means, however Hangul was typed."""
    assert words.ages(text) == tuple(map(kmoment.Age, codes.split()))
    assert words.ages(unicodedata.normalize("NFD", f" {text} ")) == words.ages(text)


@pytest.mark.parametrize("text", ["전체", "all", "ALL", "전 연령"])
def test_all_ages(text: str) -> None:
    """All ages are no list of classes."""
    assert words.ages(text) is None


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("20-33", ("20-29", "20-34")),
        ("18-34", ("20-34", "15-34")),
        ("20-30", ("20-29", "20-34")),
        ("10대", ("15-19",)),
        ("70+", ("65-69",)),
        ("20세", ("20-24",)),
        ("20, 30대", ("20대, 30대",)),
        ("34-20", ()),
        ("2030", ()),
        ("20대 초반", ()),
        ("20-", ()),
        ("청년", ()),
        ("전체, 20대", ()),
    ],
)
def test_ages_that_are_no_classes_are_refused(text: str, near: tuple[str, ...]) -> None:
    """Nothing is rounded: the error has the ranges that Kakao's classes allow."""
    with pytest.raises(kmoment.UnknownWordError) as caught:
        words.ages(text)
    assert caught.value.near == near
    assert caught.value.rule_ko
    assert repr(text) in str(caught.value)


@given(st.integers(0, 99), st.integers(0, 99))
def test_a_range_is_exact_or_refused(first: int, last: int) -> None:
    """A range gives the classes that lie in it and cover it, and no near range is out of reach."""
    exact = [year for year in FIRSTS if first <= year and year + 4 <= last]
    text = f"{first}~{last}"
    try:
        found = words.ages(text) or ()
    except kmoment.UnknownWordError as error:
        assert not exact or first not in FIRSTS or last - 4 not in FIRSTS
        assert all(words.ages(one) for one in error.near)
    else:
        assert [int(age) for age in found] == exact
        assert sum(5 for _ in found) == last - first + 1


@given(st.sets(st.sampled_from(list(kmoment.Age)), min_size=1))
def test_codes_come_back(classes: set[kmoment.Age]) -> None:
    """What a table has, codes joined by commas, is read as it was."""
    assert words.ages(", ".join(classes)) == tuple(sorted(classes))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((word, ("M",)) for word in ("남", "남자", "남성", "M", "male")),
        *((word, ("F",)) for word in ("여", "여자", "여성", "f", "Female", "Ｆ")),
        *((word, None) for word in ("남녀", "전체", "모두", "all", "남 녀")),
        ("M, F", ("M", "F")),
        ("여/남", ("F", "M")),
    ],
)
def test_genders(text: str, expected: Any) -> None:
    """Each word of a gender is its code; all genders are no list."""
    assert words.genders(text) == expected


def test_types() -> None:
    """A type is found by its code and by its Korean name."""
    assert words.audience_type(" display ") is kmoment.AudienceType.DISPLAY
    assert words.audience_type("메시지") is kmoment.AudienceType.MESSAGE
    with pytest.raises(kmoment.UnknownWordError, match="MESSAGE") as caught:
        words.audience_type("디스플래이")
    assert caught.value.near == ("디스플레이",)


@pytest.mark.parametrize("call", [words.ages, words.genders])
@pytest.mark.parametrize("value", ["", " ", ",", None, 20, "x", "남, 전체, 20대"])
def test_what_is_no_word_is_refused(call: Any, value: Any) -> None:
    """Nothing, a number, and nonsense are errors that name the argument."""
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        call(value)
    assert caught.value.argument == call.__name__


OWN: dict[Any, list[str]] = {
    words.ages: ["전 연령", "20대", "20-34", "20", "60+", "20세 이상"],
    words.genders: [*words._GENDERS, "남녀", "남녀 모두", "남, 여"],
    words.audience_type: list(words._TYPES),
}


@pytest.mark.parametrize("call", OWN)
@pytest.mark.parametrize("other", OWN)
def test_a_word_of_another_list_is_refused(call: Any, other: Any) -> None:
    """A word of ages is none of genders or types, and so on: the columns are taken for another."""
    for word in OWN[other]:
        if call is other:
            call(word)
        else:
            with pytest.raises(kmoment.UnknownWordError):
                call(word)


# -- Rows by name -----------------------------------------------------------------------

FILES = [
    kmoment.CustomerFile(id=1, name="첫 고객"),
    kmoment.CustomerFile(id=2, name="둘째 고객"),
    kmoment.CustomerFile(id=3, name="같은 이름"),
    kmoment.CustomerFile(id=4, name="같은 이름"),
    kmoment.CustomerFile(id=5),
]


def test_rows_are_picked_by_name_and_id() -> None:
    """Ids, numbers and names find their rows, each once, in the order of the names."""
    first, second, *_, nameless = FILES
    hangul = unicodedata.normalize("NFD", " 첫  고객")
    assert words.pick(FILES, "둘째 고객", hangul, 1, "5") == (second, first, nameless)
    assert words.pick([*FILES, *FILES], "첫 고객") == (first,)
    assert words.pick([]) == ()


def test_a_name_that_is_not_there_is_refused_with_near_ones() -> None:
    """It is never another row: the near ones are in the error."""
    with pytest.raises(kmoment.NameNotFoundError, match="첫 고객") as caught:
        words.pick(FILES, "첫 고갯")
    assert caught.value.near[0] is FILES[0]
    assert caught.value.near_names[0] == "첫 고객"
    with pytest.raises(kmoment.NameNotFoundError) as caught:
        words.pick(FILES, "xyz")
    assert caught.value.near == ()
    with pytest.raises(kmoment.InvalidArgumentError, match="names"):
        words.pick(FILES, " ")


def test_a_name_that_rows_share_is_refused() -> None:
    """The candidates and their ids are in the error; an id settles it."""
    with pytest.raises(kmoment.AmbiguousNameError, match="ids 3, 4") as caught:
        words.pick(FILES, "같은 이름")
    assert caught.value.candidates == tuple(FILES[2:4])
    assert words.pick(FILES, "4") == (FILES[3],)


def test_an_id_that_is_another_rows_name_is_refused() -> None:
    """Which of the two was meant cannot be known."""
    rows = [kmoment.CustomerFile(id=1, name="2"), kmoment.CustomerFile(id=2, name="x")]
    with pytest.raises(kmoment.AmbiguousNameError):
        words.pick(rows, "2")


def test_a_channel_has_a_search_id() -> None:
    """It is found with and without the sign that Kakao Talk shows before it."""
    row = kmoment.ChannelProfile(id="_x", name="우리 채널", search_id="ours")
    assert words.pick([row], "@ours") == words.pick([row], "ours") == (row,)


def test_other_rows_have_other_ids() -> None:
    """Codes and tracker ids are ids too."""
    placement = kmoment.NetworkPlacement(code="IAB8", name="식음료")
    right = kmoment.TrackRight(track_id="7", track_name="our pixel")
    assert words.pick([placement], "IAB8") == words.pick([placement], "식음료") == (placement,)
    assert words.pick([right], "our pixel", 7) == (right,)
    assert words.pick([kmoment.Tracker(id="9")], "9") == (kmoment.Tracker(id="9"),)


def test_categories_have_paths() -> None:
    """A name that two categories share is settled by what it lies in, told by ids or by nesting."""
    flat = [
        kmoment.CategoryData(id="A01", name="운동"),
        kmoment.CategoryData(id="A0101", name="기타"),
        kmoment.CategoryData(id="A010101", name="끝"),
        kmoment.CategoryData(id="A02", name="음식"),
        kmoment.CategoryData(id="A0201", name="기타"),
        kmoment.CategoryData(id="A0301", name="위가 없는 것"),
    ]
    with pytest.raises(kmoment.AmbiguousNameError):
        words.pick(flat, "기타")
    assert words.pick(flat, "음식 > 기타") == (flat[4],)
    assert words.pick(flat, "운동>기타 > 끝", "기타 > 끝") == (flat[2],)
    assert words.pick(flat, "위가 없는 것") == (flat[5],)
    with pytest.raises(kmoment.NameNotFoundError) as caught:
        words.pick(flat, "움식 > 기타")
    assert caught.value.near_names[0] == "음식 > 기타"
    with pytest.raises(kmoment.NameNotFoundError) as caught:
        words.pick(flat, "끗")
    assert caught.value.near_names == ("운동 > 기타 > 끝",)
    nested = kmoment.CategoryData(
        id="A01",
        name="운동",
        extra={"children": [{"id": "A0101", "name": "기타", "new": 1}, {"name": "no id"}, 3]},
    )
    (child,) = nested.children
    assert (child.id, child.name, child.extra) == ("A0101", "기타", {"new": 1})
    assert words.pick([nested], "운동 > 기타") == (child,)
    nameless = kmoment.CategoryData(id="B", extra={"children": [{"id": "B01", "name": 3}]})
    assert words.pick([nameless], "B01")[0].name is None
    assert kmoment.CategoryData(id="C", extra={"children": "x"}).children == ()


def test_look_ups_of_the_sandbox() -> None:
    """Rows come from the look-ups as they are."""
    with Sandbox() as sandbox, kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
        interests = moment.categories.interests()
        (row,) = words.pick(interests, "sandbox INTEREST I01 > sandbox INTEREST I0102")
        assert (row.id, row.name) == ("I0102", "sandbox INTEREST I0102")
        (channel,) = words.pick(moment.account(1234).targeting.talk_channels(), "first_friend")
        assert channel.target().profile_id == "_xbHxd"
