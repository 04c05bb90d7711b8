"""Models: any table to results, knowing nothing of registries.

From the ground up: `columns` (what a table's column holds), `formula` (a formula is data),
`splines`, `design` (formula and table to a frozen design matrix), `newton` (one damped Newton
solver), `covariance` (the sandwich family), `separation`, and the estimators above them.
"""
