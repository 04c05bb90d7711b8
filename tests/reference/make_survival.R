# Reference values for curves and hazard models, from survival and cmprsk.
#
#   Rscript tests/reference/make_survival.R     (from the root of the project)
#
# reads survival/cases.json and writes survival/data_*.csv, curves.csv, cox.json, firth.json and
# manifest.json. Running the tests needs none of it.
suppressPackageStartupMessages({
  library(survival)
  library(cmprsk)
  library(jsonlite)
})
options(digits = 17)
folder <- "tests/reference/survival"
cases <- fromJSON(file.path(folder, "cases.json"), simplifyVector = FALSE)

# ---- data -------------------------------------------------------------------------------------
weigh <- function(n) list(fraction = 0.5 + ((seq_len(n) * 7) %% 11) / 10,
                          repeats = 1 + (seq_len(n) * 5) %% 3,
                          shift = ((seq_len(n) * 3) %% 7) / 10 - 0.3)
with_weights <- function(d) cbind(d, as.data.frame(weigh(nrow(d))))

lung_ <- with_weights(with(na.omit(lung[, c("time", "status", "age", "sex", "ph.ecog", "inst")]),
  data.frame(time, died = status - 1, age, sex, ecog = ph.ecog, inst)))
veteran_ <- with(veteran, data.frame(time, status, trt, karno, celltype = as.character(celltype)))
ovarian_ <- with(ovarian, data.frame(time = futime, status = fustat, age, rx))
colon_ <- with(na.omit(colon), data.frame(id, time, status, etype, kind = status * etype,
  rx = as.character(rx), age, nodes))
bladder_ <- with(bladder, data.frame(id, enum, stop, event, rx, size, number))
bladder2_ <- with(bladder2, data.frame(id, enum, start, stop, event, rx, size, number))
cgd_ <- with_weights(with(cgd, data.frame(id, tstart, tstop, status, treat = as.character(treat),
  age, steroids, inherit = as.character(inherit))))
rats_ <- with(rats, data.frame(litter, time, status, rx, sex))
heart_ <- with(heart, data.frame(id, start, stop, event, age, year, surgery,
  transplant = as.integer(as.character(transplant))))
mgus2_ <- within(mgus2, {
  etime <- ifelse(pstat == 0, futime, ptime)
  event <- ifelse(pstat == 0, 2 * death, 1)
  eyear <- ceiling(etime / 12)
  region <- id %% 40
  age_entry <- age * 12
  age_exit <- age * 12 + etime
  late <- (id %% 4) * 3
})
mgus2_ <- mgus2_[mgus2_$etime > mgus2_$late & !is.na(mgus2_$mspike),
  c("id", "etime", "event", "eyear", "region", "age", "sex", "mspike", "age_entry", "age_exit",
    "late")]
mgus2_$sex <- as.character(mgus2_$sex)
monotone_ <- data.frame(
  time = c(3, 5, 5, 8, 10, 12, 15, 15, 20, 22, 25, 30, 31, 33, 40, 41),
  event = c(1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0),
  exposed = c(1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0),
  age = c(70, 65, 80, 60, 55, 75, 68, 81, 77, 64, 59, 73, 66, 69, 72, 58))
data <- list(lung = lung_, veteran = veteran_, ovarian = ovarian_, colon = colon_,
  bladder = bladder_, bladder2 = bladder2_, cgd = cgd_, rats = rats_, heart = heart_,
  mgus2 = mgus2_, monotone = monotone_)
for (name in names(data)) {
  file <- file.path(folder, paste0("data_", name, ".csv"))
  write.csv(data[[name]], file, row.names = FALSE, quote = FALSE)
  data[[name]] <- read.csv(file)  # the numbers that the tests read, to the last digit
}

pick <- function(case, key, default = NULL) if (is.null(case[[key]])) default else case[[key]]

# ---- curves -----------------------------------------------------------------------------------
response <- function(case, d, outcome) {
  exit <- d[[case$duration]]
  if (is.null(case$entry)) Surv(exit, outcome) else Surv(d[[case$entry]], exit, outcome)
}

frame_of <- function(fit, state = NULL) {
  k <- if (is.null(fit$strata)) length(fit$time) else fit$strata
  group <- if (is.null(fit$strata)) "" else rep(sub("^group=", "", names(fit$strata)), k)
  if (is.null(state)) {
    s <- summary(fit, censored = TRUE)
    return(data.frame(group, time = fit$time, n_risk = fit$n.risk, n_event = fit$n.event,
      estimate = fit$surv, std_error = s$std.err, conf_low = fit$lower, conf_high = fit$upper))
  }
  j <- match(state, fit$states)
  data.frame(group, time = fit$time, n_risk = fit$n.risk[, 1], n_event = fit$n.event[, j],
    estimate = fit$pstate[, j], std_error = fit$std.err[, j], conf_low = fit$lower[, j],
    conf_high = fit$upper[, j])
}

curve <- function(case) {
  d <- data[[case$data]]
  arguments <- list(conf.type = pick(case, "conf_type", "log-log"),
    conf.int = pick(case, "level", 0.95))
  group <- if (is.null(case$by)) NULL else d[[case$by]]
  formula <- if (is.null(group)) y ~ 1 else y ~ group
  if (!is.null(case$weights)) arguments$weights <- d[[case$weights]]
  if (!is.null(case$cluster)) arguments$cluster <- d[[case$cluster]]
  if (case$estimator == "cuminc") return(from_cuminc(case, d, group))
  if (case$estimator == "cif") {
    codes <- sort(unique(c(0, d[[case$event]])))
    y <- response(case, d, factor(d[[case$event]], codes))
    arguments$id <- seq_len(nrow(d))
    arguments$influence <- !is.null(case$cluster)
    state <- as.character(case$cause)
  } else {
    y <- response(case, d, d[[case$event]])
    state <- NULL
  }
  environment(formula) <- environment()
  fit <- do.call(survfit, c(list(formula), arguments))
  out <- frame_of(fit, state)
  if (!is.null(case$cluster) && !is.null(state)) {
    # survfit takes no notice of cluster= for several states: its influence (of which the
    # first column is time 0), summed by cluster
    moved <- fit$influence.pstate
    members <- if (is.null(group)) list(seq_len(nrow(d))) else split(seq_len(nrow(d)), group)
    if (!is.list(moved)) moved <- list(moved)
    out$std_error <- unlist(Map(function(u, i) sqrt(colSums(rowsum(
      u[, -1, match(state, fit$states)], d[[case$cluster]][i])^2)), moved, members))
    out$conf_low <- out$conf_high <- NA
  }
  if (case$estimator == "na") {
    out$estimate <- fit$cumhaz
    out$std_error <- fit$std.chaz
    out$conf_low <- out$conf_high <- NA
  }
  out
}

# cuminc prints both ends of each step; its value at our times is read by timepoints()
from_cuminc <- function(case, d, group) {
  if (is.null(group)) group <- rep("", nrow(d))
  fit <- cuminc(d[[case$duration]], d[[case$event]], group)
  times <- sort(unique(d[[case$duration]]))
  est <- timepoints(fit, times)$est
  rows <- lapply(sort(unique(group)), function(g) {
    name <- if (g == "") paste(1, case$cause) else paste(g, case$cause)
    i <- match(trimws(name), trimws(rownames(est)))
    keep <- times %in% d[[case$duration]][group == g]
    data.frame(group = g, time = times[keep], n_risk = NA, n_event = NA,
      estimate = est[i, keep], std_error = NA, conf_low = NA, conf_high = NA)
  })
  do.call(rbind, rows)
}

thin <- function(rows, most = 50) {
  keep <- lapply(split(seq_len(nrow(rows)), rows$group), function(i)
    i[unique(round(seq(1, length(i), length.out = min(most, length(i)))))])
  rows[sort(unlist(keep)), ]
}
curves <- do.call(rbind, lapply(cases$curves, function(case)
  cbind(case = case$id, thin(suppressWarnings(curve(case))))))
number <- function(x) if (is.numeric(x)) formatC(x, digits = 17, format = "g") else x
curves[] <- lapply(curves, number)
write.csv(curves, file.path(folder, "curves.csv"), row.names = FALSE, quote = FALSE)

# ---- Cox --------------------------------------------------------------------------------------
tight <- coxph.control(eps = 1e-13, iter.max = 200, toler.chol = 1e-14, toler.inf = 1e-10)
cox_data <- function(case) {
  d <- data[[case$data]]
  if (case$data == "mgus2") d$sex <- factor(d$sex)
  d$.event <- d[[case$event]] == pick(case, "cause", 1)
  d$.weights <- if (is.null(case$weights)) 1 else as.numeric(d[[case$weights]])
  d
}
cox_formula <- function(case) {
  y <- paste0("Surv(", paste(c(case$entry, case$duration, ".event"), collapse = ", "), ")")
  x <- c(case$formula, if (!is.null(case$strata)) paste0("strata(", case$strata, ")"),
    if (!is.null(case$offset)) paste0("offset(", case$offset, ")"))
  as.formula(paste(y, "~", paste(x, collapse = " + ")), env = globalenv())
}
fit_cox <- function(case, ties, cluster = TRUE, ...) {
  d <<- cox_data(case)
  call <- list(cox_formula(case), data = quote(d), ties = ties, control = tight, model = TRUE, ...)
  if (!is.null(case$weights)) call$weights <- quote(.weights)
  if (cluster && !is.null(case$cluster)) call$cluster <- as.name(case$cluster)
  do.call(coxph, call)
}
matrix_of <- function(v) unname(lapply(seq_len(nrow(v)), function(i) as.list(v[i, ])))

predictions <- function(case, fit, d) {
  rows <- d[c(1, floor(nrow(d) / 2), nrow(d)), ]
  times <- unname(quantile(d[[case$duration]][d$.event], c(0.2, 0.5, 0.8), type = 1))
  do.call(rbind, lapply(seq_len(nrow(rows)), function(i) {
    s <- survfit(fit, newdata = rows[i, ], conf.type = "log-log")
    read <- summary(s, times = times, extend = TRUE)
    at <- findInterval(times, s$time)
    value <- function(v) ifelse(at == 0, 0, v[pmax(at, 1)])
    data.frame(row = match(rownames(rows)[i], rownames(d)) - 1, time = times,
      cumhaz = value(s$cumhaz), se = value(s$std.err))
  }))
}

zph <- function(fit, transform) {
  t <- cox.zph(fit, transform = transform)$table
  list(term = rownames(t), chisq = unname(t[, 1]), df = unname(t[, 2]), p = unname(t[, 3]))
}

cox <- function(case, ties) {
  fit <- fit_cox(case, ties)
  d <- cox_data(case)
  naive <- if (is.null(fit$naive.var)) fit$var else fit$naive.var
  list(id = case$id, ties = ties, coef = unname(coef(fit)), var = matrix_of(fit$var),
    naive = matrix_of(naive), loglik = fit$loglik, n = fit$n, nevent = fit$nevent,
    concordance = unname(fit$concordance["concordance"]),
    martingale = unname(residuals(fit, "martingale"))[1:20],
    zph = lapply(c(km = "km", identity = "identity", log = "log", rank = "rank"),
      function(g) if (g == "log" && !is.null(case$entry)) NULL else zph(fit, g)),
    predict = predictions(case, fit, d))
}
fits <- list()
for (case in cases$cox)
  for (ties in c("efron", "breslow"))
    fits[[length(fits) + 1]] <- tryCatch(cox(case, ties), error = function(e)
      stop(case$id, " ", ties, ": ", conditionMessage(e)))
write_json(fits, file.path(folder, "cox.json"), digits = NA, auto_unbox = TRUE, na = "null",
  null = "null", pretty = FALSE)

# ---- Firth: log likelihood + log det(information) / 2, each from coxph held at a value ----------
penalised <- function(case, ties) {
  d <<- cox_data(case)
  p <- length(coef(fit_cox(case, ties, cluster = FALSE)))
  function(beta) {
    fit <- suppressWarnings(coxph(cox_formula(case), data = d, ties = ties, init = beta,
      control = coxph.control(iter.max = 0)))
    fit$loglik[1] - as.numeric(determinant(fit$var)$modulus) / 2
  }
}
maximise <- function(f, start) {
  for (i in 1:6) {
    step <- optim(start, f, method = "Nelder-Mead",
      control = list(fnscale = -1, reltol = 1e-16, maxit = 5000))
    start <- step$par
  }
  newton_polish(f, start)
}
newton_polish <- function(f, x) {
  for (i in 1:4) {
    h <- 1e-3
    p <- length(x)
    e <- diag(h, p)
    g <- sapply(1:p, function(j) (8 * (f(x + e[, j]) - f(x - e[, j])) -
      (f(x + 2 * e[, j]) - f(x - 2 * e[, j]))) / (12 * h))
    H <- outer(1:p, 1:p, Vectorize(function(j, k) (f(x + e[, j] + e[, k]) - f(x + e[, j] - e[, k]) -
      f(x - e[, j] + e[, k]) + f(x - e[, j] - e[, k])) / (4 * h^2)))
    x <- x - solve(H, g)
  }
  x
}
profile_limit <- function(f, best, j, direction) {
  top <- f(best)
  at <- function(b) {
    others <- best[-j]
    full <- function(o) { x <- best; x[j] <- b; x[-j] <- o; f(x) }
    if (length(others) == 1)
      optimize(full, others + c(-20, 20) * max(0.05, abs(others)), maximum = TRUE,
        tol = 1e-12)$objective
    else full(others)
  }
  g <- function(b) 2 * (top - at(b)) - qchisq(0.95, 1)
  step <- 0.05
  while (g(best[j] + direction * step) < 0) step <- step * 1.5
  uniroot(g, sort(c(best[j], best[j] + direction * step)), tol = 1e-10)$root
}
firth <- function(case, ties) {
  f <- penalised(case, ties)
  p <- length(coef(suppressWarnings(fit_cox(case, ties, cluster = FALSE))))
  best <- maximise(f, rep(0, p))
  d <<- cox_data(case)
  held <- suppressWarnings(coxph(cox_formula(case), data = d, ties = ties, init = best,
    control = coxph.control(iter.max = 0)))
  list(id = case$id, ties = ties, coef = best, var = matrix_of(held$var),
    penalised = f(best),
    low = sapply(1:p, function(j) profile_limit(f, best, j, -1)),
    high = sapply(1:p, function(j) profile_limit(f, best, j, 1)))
}
firths <- list()
for (case in cases$firth)
  for (ties in c("efron", "breslow"))
    firths[[length(firths) + 1]] <- suppressWarnings(firth(case, ties))
write_json(firths, file.path(folder, "firth.json"), digits = NA, auto_unbox = TRUE)

# ---- manifest ---------------------------------------------------------------------------------
versions <- sapply(c("survival", "cmprsk", "jsonlite"), function(p) as.character(packageVersion(p)))
write_json(list(R = R.version.string, packages = as.list(versions),
  command = "Rscript tests/reference/make_survival.R",
  settings = list(coxph.control = list(eps = 1e-13, iter.max = 200, toler.chol = 1e-14,
    toler.inf = 1e-10)),
  files = list.files(folder)), file.path(folder, "manifest.json"), auto_unbox = TRUE, pretty = TRUE)
