"""Countries as lists name them, in English or by two letters, and their ISO 3166-1 alpha-3 codes."""

from __future__ import annotations

from types import MappingProxyType

_TABLE = """
AF AFG Afghanistan; AL ALB Albania; DZ DZA Algeria; AD AND Andorra; AO AGO Angola; AG ATG Antigua and Barbuda;
AR ARG Argentina; AM ARM Armenia; AU AUS Australia; AT AUT Austria; AZ AZE Azerbaijan; BS BHS Bahamas, The|Bahamas;
BH BHR Bahrain; BD BGD Bangladesh; BB BRB Barbados; BY BLR Belarus; BE BEL Belgium; BZ BLZ Belize; BJ BEN Benin;
BM BMU Bermuda; BT BTN Bhutan; BO BOL Bolivia; BA BIH Bosnia and Herzegovina; BW BWA Botswana; BR BRA Brazil;
VG VGB Virgin Islands, British|British Virgin Islands; BN BRN Brunei; BG BGR Bulgaria; BF BFA Burkina Faso;
MM MMR Burma|Myanmar; BI BDI Burundi; KH KHM Cambodia; CM CMR Cameroon; CA CAN Canada;
CV CPV Cabo Verde|Cape Verde; KY CYM Cayman Islands; CF CAF Central African Republic; TD TCD Chad; CL CHL Chile;
CN CHN China; CO COL Colombia; KM COM Comoros;
CD COD Congo, Democratic Republic of the|Democratic Republic of the Congo; CG COG Congo, Republic of the|Congo;
CR CRI Costa Rica; CI CIV Cote d Ivoire|Cote d'Ivoire|Ivory Coast; HR HRV Croatia; CU CUB Cuba; CY CYP Cyprus;
CZ CZE Czech Republic|Czechia; DK DNK Denmark; DJ DJI Djibouti; DM DMA Dominica; DO DOM Dominican Republic;
EC ECU Ecuador; EG EGY Egypt; SV SLV El Salvador; GQ GNQ Equatorial Guinea; ER ERI Eritrea; EE EST Estonia;
SZ SWZ Eswatini|Swaziland; ET ETH Ethiopia; FJ FJI Fiji; FI FIN Finland; FR FRA France; GA GAB Gabon;
GM GMB Gambia, The|Gambia; GE GEO Georgia; DE DEU Germany; GH GHA Ghana; GI GIB Gibraltar; GR GRC Greece;
GD GRD Grenada; GT GTM Guatemala; GN GIN Guinea; GW GNB Guinea-Bissau; GY GUY Guyana; HT HTI Haiti;
HN HND Honduras; HK HKG Hong Kong; HU HUN Hungary; IS ISL Iceland; IN IND India; ID IDN Indonesia;
IR IRN Iran|Iran (Islamic Republic of)|Iran, Islamic Republic of; IQ IRQ Iraq; IE IRL Ireland; IL ISR Israel;
IT ITA Italy; JM JAM Jamaica; JP JPN Japan; JO JOR Jordan; KZ KAZ Kazakhstan; KE KEN Kenya; KI KIR Kiribati;
KP PRK Korea, North|North Korea|Democratic People's Republic of Korea|Korea, Democratic People's Republic of|DPRK;
KR KOR Korea, South|South Korea|Republic of Korea|Korea, Republic of; KW KWT Kuwait; KG KGZ Kyrgyzstan;
LA LAO Laos; LV LVA Latvia; LB LBN Lebanon; LS LSO Lesotho; LR LBR Liberia; LY LBY Libya; LI LIE Liechtenstein;
LT LTU Lithuania; LU LUX Luxembourg; MO MAC Macau|Macao; MG MDG Madagascar; MW MWI Malawi; MY MYS Malaysia;
MV MDV Maldives; ML MLI Mali; MT MLT Malta; MH MHL Marshall Islands; MR MRT Mauritania; MU MUS Mauritius;
MX MEX Mexico; FM FSM Micronesia; MD MDA Moldova|Republic of Moldova; MC MCO Monaco; MN MNG Mongolia;
ME MNE Montenegro; MA MAR Morocco; MZ MOZ Mozambique; NA NAM Namibia; NR NRU Nauru; NP NPL Nepal;
NL NLD Netherlands; NZ NZL New Zealand; NI NIC Nicaragua; NE NER Niger; NG NGA Nigeria;
MK MKD North Macedonia|Macedonia; NO NOR Norway; OM OMN Oman; PK PAK Pakistan; PW PLW Palau;
PS PSE Palestinian|Palestine|West Bank|Gaza|Region: Gaza|State of Palestine; PA PAN Panama;
PG PNG Papua New Guinea; PY PRY Paraguay; PE PER Peru; PH PHL Philippines; PL POL Poland; PT PRT Portugal;
PR PRI Puerto Rico; QA QAT Qatar; RO ROU Romania; RU RUS Russia|Russian Federation; RW RWA Rwanda;
KN KNA Saint Kitts and Nevis; LC LCA Saint Lucia; VC VCT Saint Vincent and the Grenadines; WS WSM Samoa;
SM SMR San Marino; ST STP Sao Tome and Principe; SA SAU Saudi Arabia; SN SEN Senegal; RS SRB Serbia;
SC SYC Seychelles; SL SLE Sierra Leone; SG SGP Singapore; SK SVK Slovakia; SI SVN Slovenia; SB SLB Solomon Islands;
SO SOM Somalia; ZA ZAF South Africa; SS SSD South Sudan; ES ESP Spain; LK LKA Sri Lanka; SD SDN Sudan|The Sudan;
SR SUR Suriname; SE SWE Sweden; CH CHE Switzerland; SY SYR Syria|Syrian Arab Republic; TW TWN Taiwan;
TJ TJK Tajikistan; TZ TZA Tanzania|United Republic of Tanzania; TH THA Thailand; TL TLS Timor-Leste; TG TGO Togo;
TO TON Tonga; TT TTO Trinidad and Tobago; TN TUN Tunisia; TR TUR Turkey|Turkiye; TM TKM Turkmenistan;
TV TUV Tuvalu; UG UGA Uganda; UA UKR Ukraine; AE ARE United Arab Emirates;
GB GBR United Kingdom|United Kingdom of Great Britain and Northern Ireland|England;
US USA United States|United States of America; UY URY Uruguay; UZ UZB Uzbekistan; VU VUT Vanuatu;
VA VAT Vatican City|Holy See; VE VEN Venezuela; VN VNM Vietnam|Viet Nam; YE YEM Yemen; ZM ZMB Zambia;
ZW ZWE Zimbabwe; XK XKX Kosovo
"""


def _read_table() -> dict[str, str]:
    codes: dict[str, str] = {}
    for row in _TABLE.replace("\n", " ").split(";"):
        two, three, names = row.strip().split(" ", 2)
        codes |= dict.fromkeys((two.lower(), three.lower(), *names.lower().split("|")), three)
    return codes


_CODES = MappingProxyType(_read_table())


def country_code(name: str) -> str | None:
    """Return the alpha-3 code of a country that a list names; None when it says nothing that is known here.

    A country only ever modifies a score, so one that is not known does no harm.
    """
    return _CODES.get(" ".join(name.split()).lower())
