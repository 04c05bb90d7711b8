# Reference values for tests of curves, numbers read off curves, and numbers at risk, from survival
# and cmprsk.
#
#   Rscript tests/reference/make_curve_tests.R     (from the root of the project)
#
# reads curves/cases.json and survival/data_*.csv, writes curves/data_*.csv, curves/*.json and
# curves/manifest.json. Running the tests needs none of it. Nothing here is iterated, so there are
# no settings of convergence: Cox models stay at 0.
suppressPackageStartupMessages({
  library(survival)
  library(cmprsk)
  library(KMsurv)
  library(jsonlite)
})
options(digits = 17)
folder <- "tests/reference/curves"
cases <- fromJSON(file.path(folder, "cases.json"), simplifyVector = FALSE)

# ---- data -------------------------------------------------------------------------------------
fractions <- function(n) 0.5 + ((seq_len(n) * 7) %% 11) / 10
transplant_ <- with(transplant[transplant$futime > 0, ], data.frame(futime,
  event = as.integer(event) - 1, abo = as.character(abo), sex = as.character(sex), year,
  late = 0))
transplant_$late <- ifelse(seq_len(nrow(transplant_)) %% 3 == 0,
  pmin(floor(transplant_$futime / 2), 30), 0)
transplant_$fraction <- fractions(nrow(transplant_))
transplant_$period <- floor((transplant_$year - 1990) / 4)
transplant_$batch <- seq_len(nrow(transplant_)) %% 60
diabetic_ <- with(diabetic, data.frame(id, time, status, trt, laser = as.character(laser), risk,
  late = ifelse(id %% 2 == 0, round(pmin(time / 3, 5), 2), 0)))
diabetic_$fraction <- fractions(nrow(diabetic_))
data(bmt, package = "KMsurv")
bmt_ <- with(bmt, data.frame(group, time = t2, event = ifelse(d2 == 1, 1, ifelse(d1 == 1, 2, 0)),
  fab = z8, hospital = z9))
pbc_ <- with(pbc[!is.na(pbc$trt), ], data.frame(time, status, trt, sex = as.character(sex),
  stage, edema, center = id %% 25))
pbc_$fraction <- fractions(nrow(pbc_))
# late entry without ties, where the exact, Efron's and Breslow's log-rank are one
myeloma_ <- with(myeloma, data.frame(id, entry, time = futime, death, decade = floor(year / 10)))
myeloma_ <- myeloma_[myeloma_$entry < myeloma_$time, ]
myeloma_ <- myeloma_[seq(1, nrow(myeloma_), by = 3), ]
myeloma_$untied <- myeloma_$time + seq_len(nrow(myeloma_)) / 4096
kidney_ <- with(kidney, data.frame(id, time, status, sex, disease = as.character(disease)))
data <- list(transplant = transplant_, diabetic = diabetic_, bmt = bmt_, pbc = pbc_,
  myeloma = myeloma_, kidney = kidney_)
for (name in names(data)) {
  file <- file.path(folder, paste0("data_", name, ".csv"))
  write.csv(data[[name]], file, row.names = FALSE, quote = FALSE)
  data[[name]] <- read.csv(file)  # the numbers that the tests read, to the last digit
}
for (name in c("mgus2", "colon", "rats", "cgd", "heart", "veteran", "lung", "bladder"))
  data[[name]] <- read.csv(file.path("tests/reference/survival", paste0("data_", name, ".csv")))

pick <- function(case, key, default = NULL) if (is.null(case[[key]])) default else case[[key]]
strata_of <- function(case, d)
  if (is.null(case$strata)) rep(1, nrow(d)) else interaction(d[unlist(case$strata)], drop = TRUE)
entry_of <- function(case, d) if (is.null(case$entry)) NULL else d[[case$entry]]

# ---- tests of whole curves ----------------------------------------------------------------------
test <- function(case) {
  d <- data[[case$data]]
  time <- d[[case$duration]]
  own <- d[[case$event]] == pick(case, "cause", 1)
  group <- factor(d[[case$by]])
  layer <- strata_of(case, d)
  rho <- pick(case, "rho", 0)
  if (pick(case, "test", "logrank") == "gray") {
    found <- cuminc(time, d[[case$event]], group, layer, rho)$Tests
    row <- found[as.character(pick(case, "cause", 1)), ]
    return(list(id = case$id, statistic = row[["stat"]], df = row[["df"]]))
  }
  if (is.null(case$cluster) && is.null(case$entry)) {
    found <- survdiff(Surv(time, own) ~ group + strata(layer), rho = rho)
    total <- function(x) if (is.matrix(x)) rowSums(x) else x
    return(list(id = case$id, statistic = found$chisq, df = sum(total(found$exp) > 0) - 1,
      observed = total(found$obs), expected = total(found$exp)))
  }
  entry <- entry_of(case, d)
  y <- if (is.null(entry)) Surv(time, own) else Surv(entry, time, own)
  none <- rep(0, nlevels(group) - 1)
  call <- list(y ~ group + strata(layer), ties = "breslow", init = none,
    control = coxph.control(iter.max = 0))
  if (!is.null(case$cluster)) call$cluster <- d[[case$cluster]]
  environment(call[[1]]) <- environment()
  fit <- do.call(coxph, call)
  # with a cluster the robust score test, else the score test, which without ties is the log-rank
  list(id = case$id, df = length(none),
    statistic = as.numeric(if (is.null(case$cluster)) fit$score else fit$rscore))
}
write_json(lapply(cases$tests, test), file.path(folder, "tests.json"), digits = NA,
  auto_unbox = TRUE)

# ---- numbers read off curves: values at times, areas, and their covariance between groups --------
# One group's estimate and influences, from survfit. `cause` 0 is any event.
moved <- function(case, d, rows, cause) {
  d <- d[rows, ]
  time <- d[[case$duration]]
  entry <- entry_of(case, d)
  arguments <- list(influence = TRUE, se.fit = TRUE, id = seq_len(nrow(d)))
  weight <- if (is.null(case$weights)) rep(1, nrow(d)) else d[[case$weights]]
  if (!is.null(case$weights)) arguments$weights <- weight
  codes <- sort(unique(c(0, d[[case$event]], cause)))
  outcome <- factor(if (cause == 0) 1 * (d[[case$event]] > 0) else d[[case$event]],
    if (cause == 0) 0:1 else codes)
  y <- if (is.null(entry)) Surv(time, outcome) else Surv(entry, time, outcome)
  formula <- y ~ 1
  environment(formula) <- environment()
  fit <- do.call(survfit, c(list(formula), arguments))
  state <- match(if (cause == 0) "1" else as.character(cause), fit$states)
  u <- fit$influence.pstate[, -1, state]  # the first column is time 0
  if (is.null(dim(u))) u <- matrix(u, nrow = nrow(d))
  list(time = fit$time, risk = fit$pstate[, state], influence = u * weight, rows = rows)
}
load_at <- function(time, t) 1 * (seq_along(time) == findInterval(t, time))
load_until <- function(time, t) pmin(c(time[-1], Inf), t) - pmin(time, t)

numbers <- function(case) {
  d <- data[[case$data]]
  group <- if (is.null(case$by)) factor(rep("all", nrow(d))) else factor(d[[case$by]])
  cluster <- if (is.null(case$cluster)) seq_len(nrow(d)) else d[[case$cluster]]
  reads <- if (case$kind == "area") list(list(t = case$horizon, load = load_until)) else
    lapply(case$times, function(t) list(t = t, load = load_at))
  do.call(rbind, lapply(case$causes, function(cause) {
    parts <- lapply(levels(group), function(g) moved(case, d, which(group == g), cause))
    do.call(rbind, lapply(reads, function(read) {
      loads <- lapply(parts, function(p) read$load(p$time, read$t))
      estimate <- mapply(function(p, l) sum(p$risk * l), parts, loads)
      sums <- mapply(function(p, l) {
        s <- tapply(p$influence %*% l, factor(cluster[p$rows], unique(cluster)), sum)
        ifelse(is.na(s), 0, s)
      }, parts, loads)
      covariance <- crossprod(sums)
      if (cause == 0 && is.null(case$cluster) && is.null(case$weights))
        covariance <- greenwood(case, d, group, read, covariance)
      lengths <- nlevels(group)
      data.frame(id = case$id, cause = cause, time = read$t, one = rep(seq_len(lengths), lengths),
        other = rep(seq_len(lengths), each = lengths), estimate = rep(estimate, lengths),
        covariance = c(covariance))
    }))
  }))
}

# For a survival curve of independent rows survfit's own error: Greenwood's
greenwood <- function(case, d, group, read, covariance) {
  entry <- entry_of(case, d)
  died <- d[[case$event]] > 0
  y <- if (is.null(entry)) Surv(d[[case$duration]], died) else
    Surv(entry, d[[case$duration]], died)
  fit <- if (nlevels(group) == 1) survfit(y ~ 1) else survfit(y ~ group)
  if (case$kind == "area") {
    table <- summary(fit, rmean = read$t)$table
    name <- grep("se(rmean)", colnames(rbind(table)), fixed = TRUE)
    error <- if (is.null(dim(table))) table[["se(rmean)"]] else table[, "se(rmean)"]
  } else error <- summary(fit, times = read$t, extend = TRUE)$std.err
  diag(unname(error)^2, nlevels(group))
}
found <- do.call(rbind, lapply(cases$numbers, numbers))
write.csv(data.frame(lapply(found, function(x) if (is.double(x))
  formatC(x, digits = 17, format = "g") else x)), file.path(folder, "numbers.csv"),
  row.names = FALSE, quote = FALSE)

# ---- quantiles ----------------------------------------------------------------------------------
quantiles <- function(case) {
  d <- data[[case$data]]
  time <- d[[case$duration]]
  group <- if (is.null(case$by)) rep(1, nrow(d)) else d[[case$by]]
  event <- d[[case$event]]
  own <- if (pick(case, "reverse", FALSE)) event == 0 else event > 0
  entry <- entry_of(case, d)
  y <- if (is.null(entry)) Surv(time, own) else Surv(entry, time, own)
  fit <- survfit(y ~ group, conf.type = pick(case, "conf_type", "log-log"))
  shares <- unlist(case$probabilities)
  q <- quantile(fit, shares)
  flat <- function(x) c(t(rbind(x)))
  list(id = case$id, estimate = flat(q$quantile), conf_low = flat(q$lower),
    conf_high = flat(q$upper))
}
# survfit gives no quantiles of an incidence: the first time at which it, or a limit of it, is
# there, or the middle where it stays there for a while, as quantile() has it for survival
incidence_quantiles <- function(case) {
  d <- data[[case$data]]
  group <- factor(if (is.null(case$by)) rep(1, nrow(d)) else d[[case$by]])
  rows <- lapply(levels(group), function(g) {
    part <- d[group == g, ]
    fit <- survfit(Surv(part[[case$duration]], factor(part[[case$event]])) ~ 1,
      conf.type = "log-log", id = seq_len(nrow(part)))
    j <- match(as.character(case$cause), fit$states)
    reach <- function(curve, p) {
      near <- 1e-9
      hit <- which(!is.na(curve) & curve >= p - near)[1]
      beyond <- which(!is.na(curve) & curve > p + near)[1]
      if (is.na(hit) || is.na(beyond) || hit == beyond) fit$time[hit] else
        (fit$time[hit] + fit$time[beyond]) / 2
    }
    sapply(unlist(case$probabilities), function(p)
      c(reach(fit$pstate[, j], p), reach(fit$upper[, j], p), reach(fit$lower[, j], p)))
  })
  all <- do.call(cbind, rows)
  list(id = case$id, estimate = all[1, ], conf_low = all[2, ], conf_high = all[3, ])
}
write_json(lapply(cases$quantiles, function(case)
  if (is.null(case$cause)) quantiles(case) else incidence_quantiles(case)),
  file.path(folder, "quantiles.json"), digits = NA, na = "null")

# ---- numbers at risk ----------------------------------------------------------------------------
at_risk <- function(case) {
  d <- data[[case$data]]
  time <- d[[case$duration]]
  entry <- entry_of(case, d)
  own <- d[[case$event]] > 0
  y <- if (is.null(entry)) Surv(time, own) else Surv(entry, time, own)
  fit <- survfit(y ~ 1)
  times <- unlist(case$times)
  start <- if (is.null(entry)) rep(-1, nrow(d)) else entry
  list(id = case$id, before = summary(fit, times = times, extend = TRUE)$n.risk,
    # at the start of an interval, counted row by row
    start = sapply(times, function(t) sum(start <= t & time > t)))
}
write_json(lapply(cases$at_risk, at_risk), file.path(folder, "at_risk.json"), digits = NA)

# ---- manifest -----------------------------------------------------------------------------------
versions <- sapply(c("survival", "cmprsk", "KMsurv", "jsonlite"), function(p)
  as.character(packageVersion(p)))
write_json(list(R = R.version.string, packages = as.list(versions),
  command = "Rscript tests/reference/make_curve_tests.R", files = list.files(folder)),
  file.path(folder, "manifest.json"), auto_unbox = TRUE, pretty = TRUE)
