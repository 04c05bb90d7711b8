"""Words for the codes of the registry: folded, of one meaning, and those that exports write."""

from __future__ import annotations

import pytest

from vpstats.registry.cells import fold
from vpstats.registry.lexicon import read_code, read_set
from vpstats.registry.synonyms import SITE_WORDS, SYNONYMS
from vpstats.schema import Column
from vpstats.schema_tables import LEAKS, TABLES


def column(field: str) -> Column:
    return next(table[field] for table in TABLES.values() if field in table)


@pytest.mark.parametrize("field", SYNONYMS)
def test_words_are_folded_and_stand_for_codes_of_their_field(field: str) -> None:
    codes = set(column(field).codes)
    assert set(SYNONYMS[field].values()) <= codes
    assert [word for word in SYNONYMS[field] if fold(word) != word] == []
    assert [w for w, code in SYNONYMS[field].items() if w in codes - {code}] == []


def test_words_of_sites_are_folded_and_stand_for_sites() -> None:
    assert set(SITE_WORDS.values()) <= set(LEAKS["site"].codes)
    assert [word for word in SITE_WORDS if fold(word) != word] == []


@pytest.mark.parametrize(
    ("field", "words", "code"),
    [
        ("indication", "OVCF|Osteoporosefraktur|Tassement ostéoporotique", "osteoporotic"),
        ("indication", "Fractura vertebral osteoporótica", "osteoporotic"),
        ("indication", "mets|Knochenmetastasen|koštane metastaze|Metastasi ossee", "metastasis"),
        ("indication", "traumatski prijelom|Fracture traumatique", "trauma"),
        ("indication", "Plasmocitoma|plazmocitom", "myeloma"),
        ("indication", "Aggressive haemangioma|angioma vertebrale", "haemangioma"),
        ("technique", "Kyphoplastik|Ballonkyphoplastik|Cyphoplastie par ballon", "bkp"),
        ("technique", "Vertebral body stent|Wirbelkörperstent|stentoplastica", "stent"),
        ("technique", "RFA + PVP|Radiofrequenzablation und Vertebroplastie", "rf_ablation_pvp"),
        ("guidance", "Fluoroskopie|Bildwandler|skopija|escopia|Arceau", "fluoro"),
        ("guidance", "amplificatore di brillanza|C-Bogen|C arm", "fluoro"),
        ("guidance", "CT-gesteuert|TC guidata|sous scanner|CT vođeno", "ct"),
        ("guidance", "CT + Durchleuchtung|scanner + scopie|CT + skopija", "ct_fluoro"),
        ("anaesthesia", "AG|TIVA|OETA|Intubationsnarkose", "general"),
        ("anaesthesia", "AL|Infiltrationsanästhesie|lokalno", "local"),
        ("anaesthesia", "LA + Sedierung|local + sedation|sedación consciente", "sedation"),
        ("antibiotic_iv", "Kefzol|Ancef 2 g|cefazolina|Céfazoline", "cefazolin"),
        ("antibiotic_iv", "Vancomycin|klindamicin 600 mg|cefuroxima", "other"),
        ("antibiotic_in_cement", "Gentamycin|gentamicina|Genta", "gentamicin"),
        ("antibiotic_in_cement", "tobramicina|Tobramycine", "tobramycin"),
        ("smoker", "sevré|tabac sevré", "ex"),
        ("biopsy_result", "maligna|metastaza|bösartig", "tumour"),
        ("chest_imaging_modality", "CXR|RTG pluća|Radiographie thoracique", "xray"),
        ("ct_post_reason", "Routine|rutinski|protocollo|systématique", "routine"),
        ("ct_post_reason", "sumnja|Verdacht|sospecha clínica", "suspicion"),
        ("event_type", "cementna embolija|Palacosembolie|embolie de ciment", "pce"),
        ("event_type", "Lungenembolie|plućna embolija|embolie pulmonaire", "pe_unspecified"),
        ("event_type", "plućna tromboembolija|tromboembolia polmonare", "thrombotic_pe"),
        ("event_type", "masna embolija|Fettembolie|embolia grasa", "fat_embolism"),
        ("event_type", "fat embolism", "fat_embolism"),
        ("event_type", "remote fracture|entfernte Fraktur|udaljeni prijelom", "nonadjacent_fx"),
        ("event_type", "cardiac perforation|Herzperforation", "cardiac_perforation"),
        ("event_type", "cerebral embolism|Hirnembolie", "cerebral_embolism"),
        ("event_type", "cement removal|Zemententfernung", "cement_removal"),
        ("event_type", "SSI|Wundinfektion|infección del sitio quirúrgico", "infection"),
        ("event_type", "neurološki deficit|déficit neurologique", "neuro_deficit"),
        ("event_type", "Rippenfraktur|prijelom rebra|fracture de côte", "rib_fx"),
        ("infection_certainty", "gesichert|dokazana|confermata|prouvée", "proven"),
        ("infection_certainty", "wahrscheinlich|vjerojatna|probabile", "probable"),
        ("source", "hämatogen|hematogena|ematogena", "haematogenous"),
        ("source", "preesistente|vorbestehend", "preexisting"),
        ("infection_treatment", "debridman|sbrigliamento|Debridierung", "debridement"),
        ("infection_treatment", "Antibiotika|ATB|antibiotiques", "antibiotic"),
        ("leak_intervention", "Laminektomie|dekompresija|descompresión", "decompression"),
        ("pce_extent", "peripher|periferna|périphérique", "peripheral"),
        ("fx_trigger", "pad|Sturz|caduta|chute", "fall"),
    ],
)
def test_words_that_exports_write(field: str, words: str, code: str) -> None:
    read = {word: read_code(word, column(field), {}).value for word in words.split("|")}
    assert {word: value for word, value in read.items() if value != code} == {}


@pytest.mark.parametrize(
    ("text", "codes"),
    [("Kemoterapija, kortikosteroidi", "chemo;steroid"), ("VIH + greffe", "transplant;hiv")],
)
def test_reasons_that_exports_write(text: str, codes: str) -> None:
    assert read_set(text, column("immuno_reasons"), {}).value == codes


@pytest.mark.parametrize(
    ("word", "site"),
    [
        ("canal rachidien", "epidural"),
        ("Wirbelkanal", "epidural"),
        ("paravertebrale Venen", "venous"),
        ("tragitto ago", "needle_track"),
        ("neuroforaminal", "foraminal"),
    ],
)
def test_sites_that_exports_write(word: str, site: str) -> None:
    assert SITE_WORDS[fold(word)] == site


@pytest.mark.parametrize(
    ("field", "word"),
    [
        ("indication", "VCF"),  # of a fall, of bone that is weak, or of a tumour
        ("indication", "MM"),  # a myeloma or a melanoma
        ("technique", "SpineJack"),  # an implant: centers count it as a stent or as another
        ("event_type", "new fracture"),  # adjacent or not
        ("event_type", "revision"),  # a second operation, or in Spanish a check-up
        ("infection_certainty", "suspected"),  # possible or probable
        ("sex", "h"),
    ],
)
def test_words_of_two_meanings_are_left_for_the_mapping(field: str, word: str) -> None:
    assert read_code(word, column(field), {}).value is None


@pytest.mark.parametrize("text", ["+", "++", ";", "{}"])
def test_a_sign_alone_is_no_list(text: str) -> None:
    found = read_set(text, column("immuno_reasons"), {})
    assert (found.value, found.rule) == (None, "word.unknown")


@pytest.mark.parametrize(
    ("text", "found"), [("6,0", None), ("1,6", "chemo;steroid"), ("6.0", "steroid")]
)
def test_two_codes_with_a_comma_are_no_decimal(text: str, found: str | None) -> None:
    codes = {"0": "none", "1": "chemo", "6": "steroid"}
    assert read_set(text, column("immuno_reasons"), codes).value == found


def test_a_site_beside_something_unknown_is_doubted() -> None:
    found = read_set("1,9", column("immuno_reasons"), {"1": "chemo", "9": "unknown"})
    assert (found.value, found.rule) == (None, "word.ambiguous")
