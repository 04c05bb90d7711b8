"""Signs and words before a number that make it a limit, or one that is not exact."""

from __future__ import annotations

BELOW = (
    "<=",
    "≤",
    "<",
    "&lt;",
    *("manje od ", "manji od ", "ispod ", "below ", "less than ", "lower than ", "under "),
    *("unter ", "kleiner als ", "kleiner ", "weniger als ", "inferiore a ", "meno di "),
    *("minore di ", "sotto ", "inf. a ", "inf a ", "inf. à ", "inf à "),
    *("inferior a ", "menor de ", "menor que ", "menor a ", "menos de ", "menos que "),
    *("por debajo de ", "abaixo de ", "inférieur à ", "inférieure à ", "inferieur à "),
    *("moins de ", "en dessous de ", "poniżej ", "ponizej ", "mniej niż ", "mniej niz "),
    *("mniejsze niż ", "méně než ", "mene nez ", "menší než ", "menej ako ", "pod "),
    *("kevesebb mint ", "kisebb mint ", "minder dan ", "kleiner dan ", "lager dan ", "onder "),
    *("mindre än ", "lägre än ", "sub "),
)
"""What stands before a number that is an upper limit."""

ABOVE = (
    ">=",
    "≥",
    ">",
    "&gt;",
    *("više od ", "vise od ", "veće od ", "preko ", "iznad ", "above ", "over ", "more than "),
    *("greater than ", "higher than ", "über ", "mehr als ", "größer als ", "grösser als "),
    *("superiore a ", "più di ", "maggiore di ", "oltre ", "sopra ", "sup. a ", "sup. à "),
    *("sup à ", "superior a ", "más de ", "mas de ", "mayor de ", "mayor que "),
    *("mayor a ", "maior que ", "mais de ", "acima de ", "supérieur à ", "supérieure à "),
    *("superieur à ", "plus de ", "powyżej ", "powyzej ", "więcej niż ", "ponad ", "více než "),
    *("větší než ", "viac ako ", "nad ", "több mint ", "nagyobb mint ", "meer dan "),
    *("hoger dan ", "boven ", "mer än ", "högre än ", "peste "),
)
"""What stands before a number that is a lower limit."""

ABOUT = (
    "~",
    "≈",
    "≃",
    "cca.",
    "cca",
    "circa",
    "ca.",
    "ca ",
    "c. ",
    *("oko ", "približno ", "okolo ", "etwa ", "um ", "ungefähr ", "about ", "approx."),
    *("approx ", "approximately ", "around ", "environ ", "env. ", "aprox. "),
    *("aproximadamente ", "alrededor de ", "ok. ", "około "),
)
"""What stands before a number that is not exact."""
