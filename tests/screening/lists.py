"""List files as their publishers write them, small, about invented people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One person of an OFAC file."""

    uid: int
    name: str
    aka: Sequence[str] = ()
    weak: Sequence[str] = ()
    born: str = ""
    country: str = ""


ROSA = Listed(uid=1, name="Rosa Receiver")
"""The receiving client of every house."""
SENA = Listed(uid=2, name="Sena Sender")
"""The sending client of every house."""
NOBODY = Listed(uid=3, name="Ignatius Dreadmoor", aka=("Ignaz Dredmor",), born="14 Mar 1971", country="Malta")


def ofac(*listed: Listed, published: str = "03/10/2021", kind: str = "Individual") -> bytes:
    """An OFAC file."""
    return f"""<?xml version="1.0" standalone="yes"?>
<sdnList xmlns="http://tempuri.org/sdnList.xsd">
  <publshInformation><Publish_Date>{published}</Publish_Date></publshInformation>
  {"".join(_ofac_entry(one, kind) for one in listed)}
</sdnList>""".encode()


def _ofac_entry(one: Listed, kind: str) -> str:
    first, _, last = one.name.rpartition(" ")
    aliases = "".join(
        f"<aka><uid>9</uid><category>{category}</category><lastName>{name}</lastName></aka>"
        for category, names in (("strong", one.aka), ("weak", one.weak))
        for name in names
    )
    born = f"<dateOfBirthItem><dateOfBirth>{one.born}</dateOfBirth></dateOfBirthItem>" if one.born else ""
    country = f"<nationality><country>{one.country}</country></nationality>" if one.country else ""
    return (
        f"<sdnEntry><uid>{one.uid}</uid><firstName>{first}</firstName><lastName>{last}</lastName>"
        f"<sdnType>{kind}</sdnType><akaList>{aliases}</akaList><nationalityList>{country}</nationalityList>"
        f"<dateOfBirthList>{born}</dateOfBirthList></sdnEntry>"
    )


UN = b"""<?xml version="1.0" encoding="UTF-8"?>
<CONSOLIDATED_LIST dateGenerated="2021-03-12T19:03:54.942-05:00">
  <INDIVIDUALS>
    <INDIVIDUAL>
      <DATAID>1</DATAID><REFERENCE_NUMBER>QDi.001</REFERENCE_NUMBER>
      <FIRST_NAME> IGNATIUS </FIRST_NAME><SECOND_NAME>DREADMOOR</SECOND_NAME><THIRD_NAME/>
      <NATIONALITY><VALUE>Malta</VALUE></NATIONALITY>
      <INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME>Ignaz Dredmor</ALIAS_NAME></INDIVIDUAL_ALIAS>
      <INDIVIDUAL_ALIAS><QUALITY>Low</QUALITY><ALIAS_NAME>The Ledger</ALIAS_NAME></INDIVIDUAL_ALIAS>
      <INDIVIDUAL_ALIAS><QUALITY/><ALIAS_NAME/></INDIVIDUAL_ALIAS>
      <INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>EXACT</TYPE_OF_DATE><DATE>1971-03-14</DATE></INDIVIDUAL_DATE_OF_BIRTH>
      <INDIVIDUAL_DATE_OF_BIRTH>
        <TYPE_OF_DATE>BETWEEN</TYPE_OF_DATE><FROM_YEAR>1968</FROM_YEAR><TO_YEAR>1969</TO_YEAR>
      </INDIVIDUAL_DATE_OF_BIRTH>
      <INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>APPROXIMATELY</TYPE_OF_DATE><YEAR>1975</YEAR></INDIVIDUAL_DATE_OF_BIRTH>
      <INDIVIDUAL_PLACE_OF_BIRTH><COUNTRY>Libya</COUNTRY></INDIVIDUAL_PLACE_OF_BIRTH>
    </INDIVIDUAL>
  </INDIVIDUALS>
  <ENTITIES>
    <ENTITY>
      <DATAID>2</DATAID><REFERENCE_NUMBER>QDe.002</REFERENCE_NUMBER><FIRST_NAME>NINE TIDES SHIPPING</FIRST_NAME>
      <ENTITY_ALIAS><QUALITY>a.k.a.</QUALITY><ALIAS_NAME>9 TIDES</ALIAS_NAME></ENTITY_ALIAS>
      <ENTITY_ADDRESS><COUNTRY>Liberia</COUNTRY></ENTITY_ADDRESS>
    </ENTITY>
  </ENTITIES>
</CONSOLIDATED_LIST>"""

EU = b"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<export xmlns="http://eu.europa.ec/fpi/fsd/export" generationDate="2021-03-02T16:28:05.354+01:00">
  <sanctionEntity euReferenceNumber="EU.1.1" logicalId="13">
    <subjectType code="person" classificationCode="P"/>
    <nameAlias firstName="Ignatius" middleName="" lastName="Dreadmoor" wholeName="Ignatius Dreadmoor" strong="true"/>
    <nameAlias firstName="" lastName="" wholeName="The Ledger" strong="false"/>
    <citizenship countryIso2Code="MT" countryDescription="MALTA"/>
    <birthdate circa="false" birthdate="1971-03-14" year="1971" countryIso2Code="LY"/>
    <birthdate circa="true" birthdate="" year="1975" countryIso2Code="00"/>
  </sanctionEntity>
  <sanctionEntity euReferenceNumber="EU.1.2" logicalId="14">
    <subjectType code="enterprise" classificationCode="E"/>
    <nameAlias wholeName="Nine Tides Shipping" strong="true"/>
  </sanctionEntity>
  <sanctionEntity euReferenceNumber="EU.1.1" logicalId="15">
    <subjectType code="person" classificationCode="P"/>
    <nameAlias wholeName="Ignaz Dredmor" strong="true"/>
  </sanctionEntity>
</export>"""
