"""How one of several instances is chosen, and what is risked for a call: rules without a network."""

from collections import Counter

import pytest
from trunkline.balancing.crews import SkillCrew, Wish, wish_of
from trunkline.balancing.guards import Breaker, RetryBudget
from trunkline.balancing.stations import Station
from trunkline.protocol.errors import RequestInvalidError
from trunkline.protocol.frames import Balance
from trunkline.protocol.resources import Crew, CrewMember
from trunkline.protocol.versions import VersionRange


class _Sent:
    """Stands for a call under way."""

    def __init__(self, began: float) -> None:
        self.began = began


def member(instance, *, version="1.0.0", state="healthy", weight=1.0, agent="a"):
    return CrewMember(agent=agent, instance=instance, version=version, state=state, weight=weight)


def crew_of(*members, balance=None, idempotent=False):
    crew = SkillCrew("s")
    crew.follow(Crew(skill="s", members=list(members), balance=balance, idempotent=idempotent))
    return crew


def picks(crew, count, now=100.0, wish=None):
    return Counter(crew.pick(now, wish or Wish()).instance for _ in range(count))


def four(**options):
    return crew_of(*(member(name) for name in "wxyz"), **options)


def learn(crew, latency_s, now=100.0, *, names="wxyz", count=20):
    for name in names:
        for _ in range(count):
            crew.answered(crew.stations[f"a/{name}"], latency_s, now, 0)


def test_the_slow_one_is_hardly_called_and_tried_again_in_the_end():
    crew = four()
    learn(crew, 0.005)
    learn(crew, 0.05, names="x")
    assert picks(crew, 2000)["x"] == 0
    learn(crew, 0.005, now=130.0, names="wyz")
    assert picks(crew, 2000, now=130.0)["x"] > 0


def test_one_slow_answer_does_not_drive_all_calls_away():
    crew = four()
    learn(crew, 0.005)
    crew.answered(crew.stations["a/x"], 0.06, 100.0, 0)
    learn(crew, 0.05, names="w")
    learn(crew, 0.005, names="x", count=10)
    assert crew.stations["a/x"].ewma_s < crew.stations["a/w"].ewma_s / 3


def test_silence_counts_as_slowness_before_any_answer():
    crew = four()
    learn(crew, 0.005)
    crew.stations["a/x"].attempts[1] = _Sent(began=99.0)
    assert picks(crew, 2000)["x"] == 0


def test_what_others_ask_of_an_instance_is_counted_while_it_is_news():
    one = Station("s", member("w"))
    one.learn(0.01, 100.0, 7)
    assert (one.pending(100.1), one.pending(101.0)) == (7, 0)


def test_least_outstanding():
    crew = four(balance=Balance(policy="least_outstanding"))
    for number, name in enumerate("wxy"):
        crew.stations[f"a/{name}"].attempts[number] = _Sent(began=100.0)
    assert picks(crew, 100) == {"z": 100}


def test_round_robin_gives_each_the_same():
    assert set(picks(four(balance=Balance(policy="round_robin")), 400).values()) == {100}


def test_weights_of_instances_hold_exactly():
    crew = crew_of(member("w", weight=3.0), member("x"), balance=Balance(policy="weighted"))
    assert picks(crew, 400) == {"w": 300, "x": 100}


@pytest.mark.parametrize("policy", ["peak_ewma", "weighted", "round_robin", "random"])
def test_a_canary_gets_its_share_whatever_the_policy(policy):
    balance = Balance(policy=policy, weights={"^1": 9, "2.0.0": 1})
    crew = crew_of(member("w"), member("x", version="1.4.2"), member("new", version="2.0.0"), balance=balance)
    assert picks(crew, 500)["new"] == 50


def test_a_version_that_no_share_names_is_called_only_when_the_others_are_gone():
    crew = crew_of(member("w"), member("x", version="3.0.0"), balance=Balance(weights={"^1": 1, "^2": 9}))
    assert picks(crew, 50) == {"w": 50}
    crew.vanished(crew.stations["a/w"], 100.0)
    assert picks(crew, 50) == {"x": 50}


def test_a_share_of_nothing_is_nothing():
    crew = crew_of(member("w"), member("x", version="2.0.0"), balance=Balance(weights={"^1": 1, "2.0.0": 0}))
    assert picks(crew, 50) == {"w": 50}


def test_a_key_stays_with_its_instance_and_only_the_keys_of_the_gone_move():
    crew = four()
    before = {key: crew.pick(100.0, Wish(key=key)).instance for key in map(str, range(400))}
    assert set(before.values()) == set("wxyz")
    crew.vanished(crew.stations["a/x"], 100.0)
    after = {key: crew.pick(100.0, Wish(key=key)).instance for key in before}
    assert {key for key in before if before[key] != after[key]} == {key for key in before if before[key] == "x"}


def test_long_names_do_not_share_their_keys():
    long = "n" * 120
    crew = crew_of(*(member(name, agent=long) for name in "wxyz"))
    assert {crew.pick(100.0, Wish(key=str(n))).instance for n in range(100)} == set("wxyz")


def test_wishes_narrow_the_choice():
    crew = crew_of(member("w"), member("x", version="1.2.5"), member("y", version="2.0.0"), member("z", agent="b"))
    assert picks(crew, 50, wish=Wish(version="^1.2")) == {"x": 50}
    assert picks(crew, 50, wish=Wish(agent="b")) == {"z": 50}
    assert picks(crew, 50, wish=Wish(instance="w")) == {"w": 50}
    assert crew.pick(100.0, Wish(version="^3")) is None
    with pytest.raises(RequestInvalidError):
        wish_of(version="^^nonsense")


@pytest.mark.parametrize("state", ["draining", "unhealthy", "starting"])
def test_those_who_are_not_well_get_nothing_while_others_are_there(state):
    crew = crew_of(member("w"), member("x", state=state))
    assert picks(crew, 50) == {"w": 50}
    crew.vanished(crew.stations["a/w"], 100.0)
    assert picks(crew, 50) == {"x": 50}


def test_failures_in_a_row_eject_for_growing_times_and_at_most_half():
    crew = four()
    victim = crew.stations["a/x"]

    def fail(now):
        for _ in range(3):
            crew.failed(victim, now)
        return victim.ejected_until - now

    times = [fail(now) for now in (100.0, 102.0, 106.0)]
    assert times == [1.0, 2.0, 4.0]
    assert picks(crew, 200, now=107.0)["x"] == 0
    assert picks(crew, 200, now=111.0)["x"] > 0
    for one in crew.stations.values():
        crew.eject(one, 120.0)
    assert len(picks(crew, 400, now=120.5)) == 2


def test_an_answer_in_between_ends_the_row():
    crew = four()
    victim = crew.stations["a/x"]
    for _ in range(10):
        crew.failed(victim, 100.0)
        crew.failed(victim, 100.0)
        crew.answered(victim, 0.005, 100.0, 0)
    assert victim.ejections == 0


@pytest.mark.parametrize(("policy", "ejected"), [("round_robin", 1), ("weighted", 0)])
def test_who_is_far_slower_is_ejected_where_the_policy_would_go_on_calling_it(policy, ejected):
    crew = four(balance=Balance(policy=policy))
    learn(crew, 0.005, names="wyz", count=40)
    learn(crew, 0.5, names="x", count=80)
    assert min(crew.stations["a/x"].ejections, 1) == ejected


def test_what_is_under_way_at_an_instance_survives_its_leaving_and_coming_back():
    crew = four()
    leaver = crew.stations["a/x"]
    leaver.attempts[1] = _Sent(began=100.0)
    assert crew.follow(Crew(skill="s", members=[member("w")])) == [leaver]
    crew.follow(Crew(skill="s", members=[member("w"), member("x")]))
    assert crew.stations["a/x"] is leaver
    assert crew.leaving == []


def test_the_retry_budget_is_a_share_of_the_calls_and_a_few_a_second():
    budget = RetryBudget()
    at_first = sum(budget.take(100.0) for _ in range(1000))
    for _ in range(1000):
        budget.earn()
    assert at_first < 20
    assert sum(budget.take(100.0) for _ in range(1000)) == 100  # 20 % of 1000 calls are 200; so many are not saved up
    assert sum(budget.take(102.0) for _ in range(1000)) == 6


def test_the_circuit_opens_lets_one_through_and_closes():
    breaker = Breaker()
    for _ in range(30):
        assert breaker.admits(100.0)
        breaker.note(False, 100.0)
        if breaker.state == "open":
            break
    assert not breaker.admits(100.5)
    assert breaker.admits(101.1)
    assert not breaker.admits(101.1), "one at a time"
    breaker.note(False, 101.2)
    assert breaker.remaining_s(101.2) == 2.0, "longer each time"
    assert breaker.admits(103.3)
    breaker.release()
    assert breaker.admits(103.4), "a call that told nothing does not hold the place"
    breaker.note(True, 103.5)
    assert all(breaker.admits(103.6) for _ in range(10))


def test_the_circuit_stays_closed_while_half_of_the_calls_succeed_or_few_were_made():
    breaker = Breaker()
    for number in range(200):
        breaker.note(number % 5 != 0, 100.0 + number / 50)
    few = Breaker()
    for _ in range(10):
        few.note(False, 100.0)
    assert (breaker.state, few.state) == ("closed", "closed")


@pytest.mark.parametrize(
    ("text", "version", "fits"),
    [("^1.2", "1.2.0", True), ("^1.2", "1.9.9", True), ("^1.2", "2.0.0", False), ("~1.2", "1.3.0", False),
     (">=1,<2", "1.5.0", True), ("1.x || 3", "3.1.0", True), ("^0.2.3", "0.3.0", False), ("1.0.0", "1.0.0", True),
     ("^1", "1.5.0-rc.1", False), ("nightly", "nightly", True)],
)  # fmt: skip
def test_version_ranges(text, version, fits):
    if text == "nightly":
        assert Wish(version=text).admits("a", "i", version)
    else:
        assert (version in VersionRange(text)) == fits


def test_equals_share_the_calls_of_a_caller_who_makes_one_at_a_time():
    crew = four()
    for number, name in enumerate("wxyz"):
        learn(crew, 0.005 + number * 0.0005, names=name)
    assert min(picks(crew, 400).values()) > 50
