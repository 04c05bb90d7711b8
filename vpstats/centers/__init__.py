"""The audit of center outcomes: indicators, what case mix explains, and what remains.

Each indicator of a plan becomes sums by center (`sums`): how often the outcome was seen, how often
it was to be expected at the average center, and how far the two may lie apart by chance. Sums are
judged (limits, dispersion, shrinkage, multiplicity), followed over time (`monitoring`), and
collected in one `AuditResult`. Nothing here ranks centers.
"""
