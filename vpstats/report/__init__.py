"""Released cells become a folder that a clinician can read and an archive can check.

`study.write_study` puts it together: `sections` says what is said, in which order, from the parts
of `parts` and the tables and figures of `blocks`; `words` and `methods` write sentences from the
plan; `page` turns sections into HTML, figures and tables; `internal` masks the cleaning log;
`manifest` hashes inputs and outputs; `writing` makes the folder appear whole or not at all. Only
what `vpstats.disclosure.release` returned is accepted.

`audit.write_audit` does the same for a center audit, with a page for the network and one for each
center: `audit_cells` finds cells, verdicts and file names, `audit_chapters` and `audit_summary`
say what stands on a page, `audit_figures` draws each funnel once and rings a center on it,
`audit_pieces` makes the markup, `audit_words` the sentences.
"""
