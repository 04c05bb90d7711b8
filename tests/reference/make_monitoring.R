# Reference values for charts over time, from surveillance and from a chain in plain R.
#
#   cd tests/reference && Rscript make_monitoring.R
#
# writes monitoring/: rows.csv (outcomes and risks of logistic regressions on real data, in the
# order of the data), paths.csv and signals.csv (surveillance::categoricalCUSUM, with restarts),
# one_risk.csv and mixes.csv (a dense Brook-Evans chain of 1,000 states that splits each move
# between its two neighbours, every distinct risk kept), manifest.json.
suppressPackageStartupMessages({
  library(surveillance); library(MASS); library(survival); library(jsonlite)
})
options(digits = 17, warn = 1)
dir.create("monitoring", showWarnings = FALSE)
save_table <- function(d, name)
  write.csv(d, file.path("monitoring", paste0(name, ".csv")), row.names = FALSE, quote = FALSE)

tight <- glm.control(epsilon = 1e-14, maxit = 100)
fitted_rows <- function(name, formula, d) {
  fit <- glm(formula, binomial, d, control = tight)
  data.frame(data = name, y = as.integer(fit$y), risk = unname(fitted(fit)))
}
early <- na.omit(pbc[pbc$time > 730 | pbc$status == 2, c("time", "age", "bili", "edema")])
early$dead <- as.integer(early$time <= 730)
rows <- rbind(
  fitted_rows("birthwt", low ~ age + lwt + smoke + ht, birthwt),
  fitted_rows("pbc", dead ~ age + log(bili) + edema, early),
  fitted_rows("pima", type ~ npreg + glu + bmi + age, Pima.tr)
)
save_table(rows, "rows")

shift <- function(p, ratio) ratio * p / (1 + (ratio - 1) * p)
dfun <- function(y, size, mu, log = FALSE, ...) dbinom(y[1, ], size, mu[1, ], log = log)
paths <- NULL; signals <- NULL
for (name in unique(rows$data)) for (ratio in c(2, 0.5, 1.5)) for (h in c(1.2, 50)) {
  d <- rows[rows$data == name, ]
  series <- sts(observed = cbind(d$y, 1 - d$y), population = matrix(1, nrow(d), 2),
                epoch = seq_len(nrow(d)), multinomialTS = TRUE)
  p1 <- shift(d$risk, ratio)
  found <- categoricalCUSUM(series, control = list(range = seq_len(nrow(d)), h = h,
    pi0 = rbind(d$risk, 1 - d$risk), pi1 = rbind(p1, 1 - p1), dfun = dfun, ret = "value"))
  paths <- rbind(paths, data.frame(data = name, ratio, limit = h, value = found@upperbound[, 1]))
  at <- which(found@alarm[, 1] == 1)
  if (length(at)) signals <- rbind(signals, data.frame(data = name, ratio, limit = h, row = at))
}
save_table(paths, "paths"); save_table(signals, "signals")

brook_evans <- function(risk, ratio, h, true = 1, m = 1000) {
  step <- h / m
  weight <- c(log(ratio) - log(1 - risk + ratio * risk), -log(1 - risk + ratio * risk))
  chance <- c(shift(risk, true), 1 - shift(risk, true)) / length(risk)
  Q <- matrix(0, m, m)
  from <- 0:(m - 1)
  for (k in seq_along(weight)) {
    to <- pmax(from + weight[k] / step, 0)
    alive <- which(to < m - 1e-9)
    low <- floor(to[alive]); up <- to[alive] - low
    at <- cbind(alive, low + 1)
    Q[at] <- Q[at] + chance[k] * (1 - up)
    inside <- low + 1 < m
    at <- cbind(alive, low + 2)[inside, , drop = FALSE]
    Q[at] <- Q[at] + chance[k] * up[inside]
  }
  solve(diag(m) - Q, rep(1, m))[1]
}
one <- expand.grid(risk = c(0.02, 0.1, 0.35), ratio = c(2, 0.5), limit = c(1.5, 3), true = c(1, 2))
one$run_length <- mapply(brook_evans, one$risk, one$ratio, one$limit, one$true)
save_table(one, "one_risk")
mixes <- expand.grid(data = unique(rows$data), ratio = c(2, 0.5), limit = c(2, 4), true = c(1, 2))
mixes$run_length <- mapply(function(name, ratio, h, true)
  brook_evans(rows$risk[rows$data == name], ratio, h, true),
  as.character(mixes$data), mixes$ratio, mixes$limit, mixes$true)
save_table(mixes, "mixes")

used <- c("surveillance", "MASS", "survival")
write_json(list(R = R.version.string, command = "Rscript make_monitoring.R",
  packages = as.list(sapply(used, function(p) as.character(packageVersion(p))))),
  file.path("monitoring", "manifest.json"), auto_unbox = TRUE, pretty = TRUE)
