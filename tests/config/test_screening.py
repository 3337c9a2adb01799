"""Screening cannot be done without where money is real, and asks for nothing on test networks."""

from dataclasses import replace

import pytest
from tests.fixtures.authentication import configured

from roadstead.config.networks import Network, profile
from roadstead.config.screening_checks import screening_is_as_the_network_wants
from roadstead.config.settings import Settings
from roadstead.errors import ConfigurationError


def problems(network: Network, **changes: object) -> list[str]:
    configuration = configured()
    wanted = profile(network)
    settings: Settings = replace(
        configuration.settings,
        **{
            "screening_lists": wanted.screening_lists,
            "screening_list_age_max_h": wanted.screening_list_age_max_h,
            **changes,
        },  # type: ignore[arg-type]
    )
    return list(screening_is_as_the_network_wants(replace(configuration, settings=settings, profile=wanted)))


class TestWhereMoneyIsReal:
    def test_the_defaults_are_right(self) -> None:
        assert problems(Network.MAINNET) == []

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"screening": False}, "ROADSTEAD_SCREENING is false"),
            ({"screening_lists": ()}, "names no list"),
            ({"screening_list_age_max_h": 0}, "must be 1 to 72"),
            ({"screening_list_age_max_h": 73}, "must be 1 to 72"),
            ({"screener": "ours:open", "screener_url": "http://yente.example"}, "must be https"),
        ],
    )
    def test_nothing_weaker_starts(self, changes: dict[str, object], said: str) -> None:
        (problem,) = problems(Network.MAINNET, **changes)

        assert said in problem


class TestOnTestNetworks:
    @pytest.mark.parametrize("network", [Network.SANDBOX, Network.TESTNET])
    def test_everything_may_be_switched_off(self, network: Network) -> None:
        assert problems(network, screening=False) == []

    def test_no_list_is_needed_and_none_grows_old(self) -> None:
        settings = configured().settings

        assert (settings.screening, settings.screening_lists, settings.screening_list_age_max_h) == (
            True,
            (),
            0,
        )


class TestTheSettings:
    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("ROADSTEAD_SCREENING_LISTS", "OFAC"),
            ("ROADSTEAD_SCREENING_LISTS", "ofac,,un"),
            ("ROADSTEAD_SCREENING_LIST_AGE_MAX_H", "-1"),
            ("ROADSTEAD_SCREENER", "somebody"),
            ("ROADSTEAD_SCREENING", "perhaps"),
        ],
    )
    def test_that_make_no_sense_are_refused(self, variable: str, value: str) -> None:
        with pytest.raises(ConfigurationError, match=variable):
            configured({variable: value})

    def test_name_lists_and_hours(self) -> None:
        settings = configured(
            {"ROADSTEAD_SCREENING_LISTS": "ofac,un", "ROADSTEAD_SCREENING_LIST_AGE_MAX_H": "24"}
        ).settings

        assert (settings.screening_lists, settings.screening_list_age_max_h) == (("ofac", "un"), 24)
