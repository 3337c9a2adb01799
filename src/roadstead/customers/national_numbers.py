"""Numbers that states give to people and organizations: which there are, and whether one can be right.

Check digits come from python-stdnum, whose modules are loaded when the first such number is read. A number that nobody
here knows a rule for is taken as it is, and known to be unchecked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import stdnum.eu.vat
import stdnum.lei
from stdnum.exceptions import ValidationError
from stdnum.util import get_cc_module

from roadstead.customers.iso_codes import TWO_LETTERS

# Some modules of stdnum say so in their own words when a number has letters where they expect digits.
_WRONG = (ValidationError, ValueError, LookupError)
_EUROPEAN = frozenset((*stdnum.eu.vat.MEMBER_STATES, "el", "xi"))
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]")

TAX_NUMBERS: Mapping[str, Mapping[str, str]] = {
    "ARG": {"cuit": "ar.cuit", "cuil": "ar.cuit", "dni": "ar.dni"},
    "AUS": {"tfn": "au.tfn", "abn": "au.abn"},
    "AUT": {"tin": "at.tin", "steuernummer": "at.tin"},
    "BEL": {"nn": "be.nn", "ssn": "be.ssn", "niss": "be.ssn"},
    "BGR": {"egn": "bg.egn", "pnf": "bg.pnf"},
    "BRA": {"cpf": "br.cpf", "cnpj": "br.cnpj"},
    "CAN": {"sin": "ca.sin", "bn": "ca.bn"},
    "CHL": {"rut": "cl.rut", "run": "cl.rut"},
    "CHN": {"ric": "cn.ric", "uscc": "cn.uscc"},
    "COL": {"nit": "co.nit"},
    "CZE": {"rc": "cz.rc", "dic": "cz.dic"},
    "DEU": {"idnr": "de.idnr", "steuerid": "de.idnr", "stnr": "de.stnr", "steuernummer": "de.stnr"},
    "DNK": {"cpr": "dk.cpr", "cvr": "dk.cvr"},
    "DOM": {"cedula": "do.cedula", "rnc": "do.rnc"},
    "ECU": {"ci": "ec.ci", "ruc": "ec.ruc"},
    "ESP": {"nif": "es.nif", "dni": "es.dni", "nie": "es.nie", "cif": "es.cif"},
    "EST": {"ik": "ee.ik", "isikukood": "ee.ik"},
    "FIN": {"hetu": "fi.hetu", "ytunnus": "fi.ytunnus"},
    "FRA": {"nif": "fr.nif", "spi": "fr.nif", "siren": "fr.siren", "siret": "fr.siret"},
    "GBR": {"utr": "gb.utr"},
    "GHA": {"tin": "gh.tin"},
    "GTM": {"nit": "gt.nit"},
    "HRV": {"oib": "hr.oib"},
    "IDN": {"npwp": "id.npwp", "nik": "id.nik"},
    "IND": {"pan": "in_.pan", "aadhaar": "in_.aadhaar", "gstin": "in_.gstin"},
    "IRL": {"pps": "ie.pps"},
    "ISL": {"kennitala": "is_.kennitala"},
    "ISR": {"idnr": "il.idnr", "hp": "il.hp"},
    "ITA": {"codicefiscale": "it.codicefiscale", "iva": "it.iva"},
    "JPN": {"cn": "jp.cn"},
    "KEN": {"pin": "ke.pin"},
    "KOR": {"rrn": "kr.rrn", "brn": "kr.brn"},
    "LTU": {"asmens": "lt.asmens"},
    "MEX": {"rfc": "mx.rfc", "curp": "mx.curp"},
    "MOZ": {"nuit": "mz.nuit"},
    "MYS": {"nric": "my.nric"},
    "NLD": {"bsn": "nl.bsn"},
    "NOR": {"fodselsnummer": "no.fodselsnummer", "orgnr": "no.orgnr"},
    "NZL": {"ird": "nz.ird"},
    "PAK": {"cnic": "pk.cnic"},
    "PER": {"ruc": "pe.ruc", "dni": "pe.cui", "cui": "pe.cui"},
    "POL": {"pesel": "pl.pesel", "nip": "pl.nip"},
    "PRT": {"nif": "pt.nif"},
    "PRY": {"ruc": "py.ruc"},
    "ROU": {"cnp": "ro.cnp", "cif": "ro.cf", "cf": "ro.cf"},
    "SGP": {"uen": "sg.uen"},
    "SLV": {"nit": "sv.nit"},
    "SRB": {"pib": "rs.pib"},
    "SVK": {"rc": "sk.rc"},
    "SVN": {"emso": "si.emso", "ddv": "si.ddv"},
    "SWE": {"personnummer": "se.personnummer", "orgnr": "se.orgnr"},
    "THA": {"pin": "th.pin", "tin": "th.tin"},
    "TUR": {"tckimlik": "tr.tckimlik", "tckn": "tr.tckimlik", "vkn": "tr.vkn"},
    "TWN": {"ubn": "tw.ubn"},
    "UKR": {"rntrc": "ua.rntrc", "edrpou": "ua.edrpou"},
    "URY": {"rut": "uy.rut"},
    "USA": {
        "ssn": "us.ssn",
        "itin": "us.itin",
        "ein": "us.ein",
        "atin": "us.atin",
        "ptin": "us.ptin",
        "tin": "us.tin",
    },
    "VEN": {"rif": "ve.rif"},
    "VNM": {"mst": "vn.mst"},
    "ZAF": {"tin": "za.tin", "idnr": "za.idnr"},
}
"""The tax numbers of each country (ISO 3166-1 alpha-3) by their name, small letters only, with stdnum's module."""

# Other tax numbers are usual there, of which no rule is known here: only a number that is named is refused.
_OTHERS_ARE_USUAL = frozenset(("AUT", "COL", "GBR", "GTM", "JPN", "SGP", "SRB", "SLV", "TWN", "URY"))

IDENTITY_CARDS: Mapping[str, tuple[str, ...]] = {
    "ARG": ("ar.dni",),
    "CHL": ("cl.rut",),
    "CHN": ("cn.ric",),
    "DOM": ("do.cedula",),
    "ECU": ("ec.ci",),
    "ESP": ("es.dni", "es.nie"),
    "IND": ("in_.aadhaar",),
    "KOR": ("kr.rrn",),
    "MYS": ("my.nric",),
    "PAK": ("pk.cnic",),
    "PER": ("pe.cui",),
    "THA": ("th.pin",),
    "TUR": ("tr.tckimlik",),
    "ZAF": ("za.idnr",),
}
"""The countries whose identity card bears the number of the person, with stdnum's modules for it."""

IDENTITY_CARD_NAMES = frozenset(("idcard", "nationalid", "nationalidcard", "identitycard"))
"""What an identity card is called in `id_type`, in small letters without anything between them."""


def plain_name(text: str) -> str:
    """Write a name as it is looked up: small letters and digits alone, so that `C.P.F.` is `cpf`."""
    return _NOT_IN_NAMES.sub("", text.lower())


def tax_modules(countries: Sequence[str], name: str) -> tuple[str, ...]:
    """Return the modules by which a tax number is judged: any of them may find it right.

    None at all means that nobody here knows a rule for it. `countries` are those that the customer has to do with, the
    one of residence first; where none is known, a `name` that only one country has tells it.
    """
    known = plain_name(name)
    near = [country for country in countries if country in TAX_NUMBERS]
    if not known:
        usual = [country for country in near[:1] if country not in _OTHERS_ARE_USUAL]
        return tuple(dict.fromkeys(module for country in usual for module in TAX_NUMBERS[country].values()))
    named = tuple(TAX_NUMBERS[country][known] for country in near if known in TAX_NUMBERS[country])
    if named or countries:
        return named
    anywhere = tuple(names[known] for names in TAX_NUMBERS.values() if known in names)
    return anywhere if len(anywhere) == 1 else ()


def identity_card_modules(country: str, id_type: str) -> tuple[str, ...]:
    """Return the modules by which the number of an identity document is judged; none where no rule is known."""
    return IDENTITY_CARDS.get(country, ()) if plain_name(id_type) in IDENTITY_CARD_NAMES else ()


def first_valid(modules: Iterable[str], number: str) -> str | None:
    """Return a number as the first module that finds it right writes it; None when none does."""
    for name in modules:
        try:
            return str(_module(name).validate(number))
        except _WRONG:
            continue
    return None


def vat_number(number: str, country: str) -> tuple[str, bool] | None:
    """Judge a VAT number of an organization: as it is written and whether it was checked; None when it is wrong.

    A number that bears the prefix of a member state is judged by that, else by `country` (ISO 3166-1 alpha-3).
    """
    module = _vat_module(TWO_LETTERS.get(country, ""))
    modules = [stdnum.eu.vat] if number[:2].lower() in _EUROPEAN else []
    for one in [*modules, *([module] if module else [])]:
        try:
            return str(one.validate(number)), True
        except _WRONG:
            continue
    return None if modules or module else (number, False)


def legal_entity_identifier(number: str) -> str | None:
    """Return an LEI (ISO 17442) as it is written; None when the number is none."""
    try:
        return str(stdnum.lei.validate(number))
    except ValidationError:
        return None


@cache
def _module(name: str) -> Any:
    return import_module(f"stdnum.{name}")


@cache
def _vat_module(code: str) -> Any | None:
    return get_cc_module(code.lower(), "vat") if code else None
