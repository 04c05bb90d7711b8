"""Models: any table to results, knowing nothing of registries.

From the ground up: `formula` (a formula is data), `columns` (what a column holds), `splines`,
`factors` and `design` (formula and table to a frozen design matrix); `newton` (one damped Newton
solver), `covariance` (the sandwich family), `profile` (likelihood limits and ratios), `pooling`
(Rubin's rules); `binary`, `firth`, `separation` and, on them, `logistic`; `steps`, `curves` and
`hazards` for times to events; `descriptive` for tables and rates.
"""
