# Standard errors of models with random intercepts, held against a sharper second derivative.
#
#   cd tests/reference && Rscript make_mixed_curvature.R
#
# Reads mixed/ (data of make_mixed.R) and writes mixed/curvature.csv, a row per case and parameter.
# glmer takes the second derivative of its deviance by differences over a step of 1e-4 in every
# parameter, whatever its unit (lme4:::deriv12). Where a standard error is of the size of the step,
# fourth derivatives enter; where it is large, rounding of the deviance does. `std_error` is from the
# same deviance function of the same fit, differentiated by Richardson's extrapolation over steps of
# 0.05 to 0.006 standard errors (numDeriv::hessian); `glmer` is what glmer prints. The data are those
# of make_mixed.R with a covariate in another unit, so that the model is the same: it is fitted in
# the unit that the data have, where glmer's search is at its best, and the step is taken in the other.
suppressPackageStartupMessages({ library(lme4); library(numDeriv) })
options(digits = 17, warn = 1)
control <- glmerControl(optimizer = "bobyqa", tolPwrss = 1e-12,
  optCtrl = list(rhobeg = 0.02, rhoend = 1e-9, maxfun = 1e6), check.conv.grad = "ignore",
  check.conv.hess = "ignore", check.conv.singular = "ignore")
cases <- list( # data, covariate and its factor, formula, group, nodes
  list("cbpp", NULL, 1, "sick ~ factor(period)", "herd", 25),
  list("bacteria", "week", 1, "positive ~ week", "ID", 25),
  list("bacteria", "week", 1e-3, "positive ~ week", "ID", 25),
  list("bacteria", "week", 1e3, "positive ~ week", "ID", 25),
  list("ohio", "age", 1e3, "resp ~ age + smoke", "id", 9),
  list("ohio", "age", 1e-3, "resp ~ age + smoke", "id", 9),
  list("schizophrenia", "month", 1e-3, "disorder ~ month", "subject", 25),
  list("schizophrenia", "month", 1e3, "disorder ~ month", "subject", 25),
  list("respiratory", "age", 365, "outcome ~ age + baseline", "patient", 15),
  list("toenail", "time", 30, "severe ~ time", "patient", 25),
  list("toenail", "time", 1e-2, "severe ~ time", "patient", 25),
  list("contraception", "age", 365, "use ~ age + urban", "district", 25))
rows <- do.call(rbind, lapply(cases, function(k) {
  names(k) <- c("data", "column", "factor", "formula", "group", "nodes")
  data <- read.csv(file.path("mixed", paste0(k$data, ".csv")))
  data$.g <- factor(data[[k$group]])
  formula <- as.formula(paste(k$formula, "+ (1 | .g)"))
  fit <- suppressWarnings(eval(bquote(glmer(.(formula), data, binomial, nAGQ = .(k$nodes),
    control = control))))
  plain <- suppressWarnings(update(fit, devFunOnly = TRUE))
  unit <- c(1, ifelse(names(fixef(fit)) %in% k$column, k$factor, 1))
  value <- function(par) plain(par * unit)  # a coefficient of x * factor
  par <- c(getME(fit, "theta"), fixef(fit)) / unit
  se <- c(0.2, sqrt(diag(as.matrix(vcov(fit, use.hessian = FALSE))))) / unit
  steps <- list(eps = 0.05, r = 4, v = 2)
  second <- function(at) hessian(function(d) value(at + d * se) / 2, 0 * par, method.args = steps)
  first <- function(at) grad(function(d) value(at + d * se) / 2, 0 * par, method.args = steps)
  for (i in 1:3) par <- par - drop(solve(second(par), first(par))) * se
  printed <- sqrt(diag(solve(lme4:::deriv12(value, par)$Hessian / 2)))
  id <- paste(c(k$data, k$column, paste0("x", format(k$factor)), k$nodes), collapse = "-")
  cat(id, "\n")
  data.frame(case = id, data = k$data, column = if (is.null(k$column)) "" else k$column,
    factor = k$factor, formula = gsub("factor\\(", "C(", k$formula), group = k$group,
    nodes = k$nodes, position = seq_along(par) - 2, estimate = par,
    std_error = se * sqrt(diag(solve(second(par)))), glmer = printed)
}))
write.csv(rows, "mixed/curvature.csv", row.names = FALSE)
cat("largest difference of glmer's errors, in standard errors, by case:\n")
print(tapply(abs(rows$glmer / rows$std_error - 1), rows$case, max))
