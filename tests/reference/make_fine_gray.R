# Reference values for Fine–Gray models, from cmprsk, survival, mets and the formulas of the papers.
#
#   Rscript tests/reference/make_fine_gray.R     (from the root of the project)
#
# writes fine_gray/data_*.csv, crr.json, mets.json, formulas.json, entry.json and manifest.json.
# Running the tests needs none of it. crr is brought
# to within 1e-8 standard errors of the maximum.
suppressPackageStartupMessages({
  library(survival)
  library(cmprsk)
  library(mets)
  library(jsonlite)
})
options(digits = 17, na.action = "na.omit")
invisible(Sys.setlocale("LC_COLLATE", "C"))
folder <- "tests/reference/fine_gray"
put <- function(x, file) write_json(x, file.path(folder, file), digits = NA, auto_unbox = TRUE)

# ---- data -------------------------------------------------------------------------------------
utils::data(Melanoma, package = "riskRegression")
utils::data(Paquid, package = "riskRegression")
utils::data(bmt, package = "timereg")
utils::data(abortion, package = "etm")
utils::data(fourD, package = "etm")
utils::data(prt, package = "mets")
melanoma_ <- with(Melanoma, data.frame(time, event = status, ici = as.character(ici),
  epicel = as.character(epicel), ulcer = as.character(ulcer), thick, sex = as.character(sex), age,
  invasion = as.character(invasion), ward = seq_along(time) %% 30))
mgus2_ <- with(mgus2, data.frame(id, time = ifelse(pstat == 0, futime, ptime),
  event = ifelse(pstat == 0, 2 * death, 1), age, sex = as.character(sex), hgb, creat, mspike))
mgus2_ <- na.omit(mgus2_)
mgus2_ <- within(mgus2_, { year <- ceiling(time / 12); region <- id %% 37; area <- id %% 4 })
paquid_ <- with(Paquid, data.frame(time, event = status, DSST, MMSE))[seq(1, 2561, 2), ]
bmt_ <- data.frame(time = bmt$time, event = bmt$cause, platelet = bmt$platelet, age = bmt$age,
  tcell = bmt$tcell, centre = seq_len(nrow(bmt)) %% 41)
transplant_ <- with(na.omit(transplant), data.frame(time = futime,
  event = match(event, c("censored", "ltx", "death", "withdraw")) - 1, age, sex = as.character(sex),
  abo = as.character(abo), year))
transplant_ <- transplant_[transplant_$time > 0, ]
pbc_ <- with(na.omit(pbc[1:312, c("time", "status", "trt", "age", "sex", "ascites", "edema", "bili",
    "albumin", "protime", "stage")]), data.frame(time, event = c(0, 2, 1)[status + 1], trt, age,
  sex = as.character(sex), ascites, edema, bili, albumin, protime, stage))
pbc_$month <- ceiling(pbc_$time / 30)
fourD_ <- with(na.omit(fourD), data.frame(time, event = status, age, sex))
prt_ <- with(prt[prt$id %% 18 == 0, ], data.frame(id, time, event = status, zyg = as.character(zyg),
  country = as.character(country)))
abortion_ <- with(abortion, data.frame(entry, time = exit, event = cause, group))
# nothing tied: a third of a week after for losses, two thirds for other ends
abortion_ <- within(abortion_, {
  place <- seq_along(time) / (4 * length(time))
  time_apart <- time + place + 0.3 * (event == 2) + 0.6 * (event == 3)
  entry_apart <- entry + 0.9 + place / 7
  age <- (seq_along(time) * 37) %% 23 - 11
})
abortion_$place <- NULL
mgus2_ <- within(mgus2_, { # censored rows of half the registry enter late, nothing tied
  apart <- time + (rank(id) / length(id)) * 0.9
  late <- ifelse(id %% 2 == 0, (id %% 11) * 7 + id / 1e4, 0)
})
data <- list(melanoma = melanoma_, mgus2 = mgus2_, paquid = paquid_, bmt = bmt_,
  transplant = transplant_, pbc = pbc_, fourD = fourD_, prt = prt_, abortion = abortion_)
for (name in names(data)) {
  file <- file.path(folder, paste0("data_", name, ".csv"))
  write.csv(data[[name]], file, row.names = FALSE, quote = FALSE)
  data[[name]] <- read.csv(file)  # the numbers that the tests read, to the last digit
}
matrix_of <- function(v) unname(lapply(seq_len(nrow(v)), function(i) as.list(v[i, ])))
design <- function(formula, d) model.matrix(as.formula(paste("~", formula)), d)[, -1, drop = FALSE]

# ---- cmprsk::crr and predict.crr ---------------------------------------------------------------
crr_cases <- list(
  list("melanoma", "thick"), list("melanoma", "sex + age + thick"),
  list("melanoma", "sex + age + thick + ulcer + epicel"),
  list("melanoma", "sex + age + log(thick) + ulcer + epicel + ici"),
  list("melanoma", "sex + age", cause = 2),
  list("mgus2", "age + sex + mspike"), list("mgus2", "age + sex + mspike", duration = "year"),
  list("mgus2", "age + sex + hgb + creat + mspike", cause = 2),
  list("mgus2", "age + sex + hgb + creat + mspike", duration = "year", cause = 2),
  list("paquid", "DSST + MMSE"), list("paquid", "DSST", cause = 2),
  list("bmt", "platelet + age + tcell"), list("bmt", "platelet * age + tcell", cause = 2),
  list("transplant", "age + sex + abo"), list("transplant", "age + sex", cause = 2),
  list("transplant", "age + sex + year", cause = 3),
  list("pbc", "trt + age + sex + edema + bili + albumin + protime + stage"),
  list("pbc", "age + bili", cause = 2),
  list("pbc", "trt + age + sex + edema + bili + albumin + protime + stage", duration = "month",
       cause = 2),
  list("fourD", "sex + age"), list("fourD", "sex", cause = 2),
  list("prt", "country + zyg"), list("prt", "zyg", cause = 1),
  list("abortion", "group + age"), list("abortion", "group", cause = 3))
# its line search ends early, so the last steps are taken here (maxiter = 0 evaluates at init)
tight_crr <- function(time, event, X, cause) {
  fit <- crr(time, event, X, failcode = cause, maxiter = 100)
  for (i in 1:4) fit <- crr(time, event, X, failcode = cause, maxiter = 0,
    init = fit$coef + drop(fit$invinf %*% fit$score))
  stopifnot(sqrt(sum(fit$score * (fit$invinf %*% fit$score))) < 1e-8)
  fit
}
from_crr <- function(case) {
  d <- data[[case[[1]]]]
  duration <- if (is.null(case$duration)) "time" else case$duration
  cause <- if (is.null(case$cause)) 1 else case$cause
  X <- design(case[[2]], d)
  fit <- tight_crr(d[[duration]], d$event, X, cause)
  rows <- c(1, floor(nrow(d) / 2), nrow(d))
  times <- unname(quantile(d[[duration]][d$event == cause], c(0.2, 0.5, 0.8), type = 1))
  curve <- predict(fit, X[rows, , drop = FALSE])
  risk <- sapply(seq_along(rows), function(i) curve[findInterval(times, curve[, 1]), i + 1])
  list(data = case[[1]], formula = case[[2]], duration = duration, cause = cause,
    coef = unname(fit$coef), var = matrix_of(unname(fit$var)), loglik = fit$loglik,
    null = fit$loglik.null, rows = rows - 1, times = times, risk = matrix_of(t(risk)))
}
fits <- lapply(crr_cases, from_crr)
put(fits, "crr.json")

# ---- mets::cifreg: clusters, strata and errors of the baseline, where nothing is tied -----------
mets_cases <- list(
  list("mgus2", "age + sex + mspike", duration = "apart"),
  list("mgus2", "age + sex + mspike", duration = "apart", cluster = "region"),
  list("mgus2", "age + mspike", duration = "apart", strata = "sex"),
  list("mgus2", "age + mspike", duration = "apart", strata = "sex", cluster = "region"),
  list("mgus2", "age + mspike", duration = "apart", strata = "area", cluster = "region", cause = 2),
  list("mgus2", "age + sex", duration = "apart", cause = 2, cluster = "area"),
  list("prt", "country", cluster = "id", cause = 2), list("prt", "country + zyg", cluster = "id",
    cause = 1), list("prt", "zyg", strata = "country", cluster = "id", cause = 2))
from_mets <- function(case) {
  d <- data[[case[[1]]]]
  duration <- if (is.null(case$duration)) "time" else case$duration
  cause <- if (is.null(case$cause)) 1 else case$cause
  stopifnot(!anyDuplicated(d[[duration]]) || case[[1]] == "prt")
  right <- c(case[[2]], if (!is.null(case$strata)) paste0("strata(", case$strata, ")"),
    if (!is.null(case$cluster)) paste0("cluster(", case$cluster, ")"))
  cens <- if (is.null(case$strata)) ~1 else as.formula(paste0("~ strata(", case$strata, ")"))
  fit <- cifreg(as.formula(paste0("Event(", duration, ", event) ~ ", paste(right, collapse = " + "))),
    data = d, cause = cause, propodds = NULL, cens.model = cens, cox.prep = TRUE)
  out <- list(data = case[[1]], formula = case[[2]], duration = duration, cause = cause,
    strata = case$strata, cluster = case$cluster, coef = unname(coef(fit)), se = unname(sqrt(diag(fit$var))))
  if (is.null(case$strata)) { # its iid decomposition of the baseline
    times <- unname(quantile(d[[duration]][d$event == cause], c(0.25, 0.75), type = 1)) + 1e-7
    x <- design(case[[2]], d)[1, ]
    H <- sapply(times, function(t) {
      parts <- IIDbaseline.cifreg(fit, time = t)
      base <- parts$base.iid[, 1]
      beta <- parts$beta.iid
      risk <- exp(sum(x * coef(fit)))
      hazard <- tail(fit$cumhaz[fit$cumhaz[, 1] < t, 2], 1)
      moved <- risk * (base + hazard * beta %*% x)
      c(hazard * risk, sqrt(sum(moved^2)))
    })
    out <- c(out, list(times = times, hazard = H[1, ], hazard_se = H[2, ]))
  }
  out
}
from_mets_fits <- lapply(mets_cases, from_mets)
put(from_mets_fits, "mets.json")

# ---- the formulas of the papers, term by term ---------------------------------------------------
# Fine & Gray 1999 (scores eta and psi), Zhou et al. 2011 (strata; censoring within them, or from
# all rows), Zhou et al. 2012 (clusters). Ties as in crr: q(u) sums competing events before u and
# events at or after u; everybody seen at u is at risk of censoring.
formulas <- function(time, event, X, cause, stratum, group, beta) {
  n <- length(time)
  before <- function(g) {
    i <- group == g
    u <- sort(unique(time[i & event == 0]))
    step <- 1 - sapply(u, function(v) sum(i & event == 0 & time == v) / sum(i & time >= v))
    function(t) vapply(t, function(s) prod(step[u < s]), 0) * (t <= max(time[i]))
  }
  G <- lapply(split(group, group), function(g) before(g[1]))
  own <- vapply(seq_len(n), function(i) G[[as.character(group[i])]](time[i]), 0)
  slots <- unique(data.frame(s = stratum, t = time)[event == cause, ])
  slots <- slots[order(slots$s, slots$t), ]
  compete <- event > 0 & event != cause
  W <- sapply(seq_len(nrow(slots)), function(d) {
    now <- vapply(G, function(f) f(slots$t[d]), 0)[as.character(group)]
    w <- ifelse(time >= slots$t[d], 1, ifelse(compete, now / own, 0))
    ifelse(stratum == slots$s[d], w, 0)
  })
  r <- drop(exp(X %*% beta))
  S0 <- colSums(W * r)
  mean <- t(W * r) %*% X / S0
  N <- outer(seq_len(n), seq_len(nrow(slots)), function(i, d)
    event[i] == cause & time[i] == slots$t[d] & stratum[i] == slots$s[d]) * 1
  hazard <- colSums(N) / S0
  M <- N - t(t(W * r) * hazard)
  eta <- X * rowSums(M) - M %*% mean
  psi <- matrix(0, n, ncol(X))
  for (g in unique(group)) for (u in sort(unique(time[group == g & event == 0]))) {
    from <- which(compete & time < u & group == g)
    to <- which(slots$t >= u)
    if (!length(from) || !length(to)) next
    moved <- t(t((W * r)[from, to, drop = FALSE]) * hazard[to])
    q <- colSums(X[from, , drop = FALSE] * rowSums(moved)) -
      colSums(moved) %*% mean[to, , drop = FALSE]
    i <- group == g & time >= u
    y <- sum(i)
    martingale <- (event == 0 & time == u & group == g) - i * sum(event[i & time == u] == 0) / y
    psi <- psi + outer(martingale, drop(q)) / y
  }
  info <- Reduce(`+`, lapply(seq_len(nrow(slots)), function(d) {
    Z <- sweep(X, 2, mean[d, ])
    hazard[d] * crossprod(Z, Z * (W[, d] * r))
  }))
  list(score = colSums(eta), info = info, scores = eta + psi)
}
solve_formulas <- function(time, event, X, cause, stratum, group, cluster) {
  X <- sweep(X, 2, colMeans(X))
  beta <- rep(0, ncol(X))
  for (i in 1:50) {
    here <- formulas(time, event, X, cause, stratum, group, beta)
    step <- solve(here$info, here$score)
    if (sum(step * here$score) < 1e-24) break
    beta <- beta + step
  }
  U <- rowsum(here$scores, cluster)
  bread <- solve(here$info)
  list(coef = unname(beta), var = unname(bread %*% crossprod(U) %*% bread))
}
formula_cases <- list(
  list("melanoma", "sex + age + thick"),
  list("melanoma", "sex + age + thick", cluster = "ward"),
  list("melanoma", "age + thick", strata = "sex"),
  list("melanoma", "age + thick", strata = "invasion", cluster = "ward"),
  list("melanoma", "age + thick", strata = "invasion", pooled = TRUE),
  list("melanoma", "age + ulcer", strata = "ward", pooled = TRUE, cluster = "ward"),
  list("bmt", "platelet + age + tcell"), list("bmt", "platelet + age + tcell", cluster = "centre"),
  list("bmt", "platelet + age", strata = "tcell", cluster = "centre"),
  list("bmt", "platelet + age", strata = "tcell", cause = 2),
  list("bmt", "age + tcell", strata = "centre", pooled = TRUE, cluster = "centre"),
  list("pbc", "age + bili", duration = "month", strata = "stage"),
  list("pbc", "age + bili", duration = "month", strata = "trt", cause = 2),
  list("pbc", "age + bili + albumin", duration = "month", cause = 2, cluster = "stage"),
  list("fourD", "age", strata = "sex"))
from_formulas <- function(case) {
  d <- data[[case[[1]]]]
  duration <- if (is.null(case$duration)) "time" else case$duration
  cause <- if (is.null(case$cause)) 1 else case$cause
  if (nrow(d) > 500) d <- d[seq_len(500), ]
  X <- design(case[[2]], d)
  one <- rep(1, nrow(d))
  stratum <- if (is.null(case$strata)) one else as.integer(factor(d[[case$strata]]))
  group <- if (isTRUE(case$pooled)) one else stratum
  cluster <- if (is.null(case$cluster)) seq_len(nrow(d)) else d[[case$cluster]]
  fit <- solve_formulas(d[[duration]], d$event, X, cause, stratum, group, cluster)
  if (is.null(case$strata) && is.null(case$cluster)) { # the formulas are crr's
    theirs <- tight_crr(d[[duration]], d$event, X, cause)
    stopifnot(max(abs(fit$var / theirs$var - 1)) < 1e-9)
  }
  list(data = case[[1]], n = nrow(d), formula = case[[2]], duration = duration, cause = cause,
    strata = case$strata, cluster = case$cluster, pooled = isTRUE(case$pooled), coef = fit$coef,
    var = matrix_of(fit$var))
}
put(lapply(formula_cases, from_formulas), "formulas.json")

# ---- survival::finegray + coxph: delayed entry, where nothing is tied ---------------------------
tight <- coxph.control(eps = 1e-13, iter.max = 200, toler.chol = 1e-14, toler.inf = 1e-10,
  timefix = FALSE)
entry_cases <- list(
  list("abortion", "group + age", "entry_apart", "time_apart"),
  list("abortion", "age", "entry_apart", "time_apart", strata = "group"),
  list("abortion", "group", "entry_apart", "time_apart", cause = 3),
  list("mgus2", "age + sex + mspike", "late", "apart"),
  list("mgus2", "age + mspike", "late", "apart", strata = "sex", cause = 2),
  list("mgus2", "age + sex + mspike", NULL, "apart"))
from_finegray <- function(case) {
  d <- data[[case[[1]]]]
  cause <- if (is.null(case$cause)) 1 else case$cause
  entry <- if (is.null(case[[3]])) rep(0, nrow(d)) else d[[case[[3]]]]
  d <- d[entry < d[[case[[4]]]], ]
  d$.entry <- entry[entry < data[[case[[1]]]][[case[[4]]]]]
  d$.exit <- d[[case[[4]]]]
  d$.event <- factor(d$event, sort(unique(c(0, d$event))))
  d$.id <- seq_len(nrow(d))
  stopifnot(!anyDuplicated(c(unique(d$.entry), d$.exit)))
  strata <- if (is.null(case$strata)) "" else paste0(" + strata(", case$strata, ")")
  y <- "Surv(.entry, .exit, .event) ~ ."
  long <- finegray(as.formula(paste0(y, strata)), data = d, id = .id, etype = as.character(cause),
    timefix = FALSE)
  fit <- coxph(as.formula(paste0("Surv(fgstart, fgstop, fgstatus) ~ ", case[[2]], strata)),
    data = long, weights = fgwt, cluster = .id, ties = "breslow", control = tight)
  list(data = case[[1]], formula = case[[2]], entry = case[[3]], duration = case[[4]],
    cause = cause, strata = case$strata, n = nrow(d), coef = unname(coef(fit)),
    known = matrix_of(unname(fit$var)))
}
put(lapply(entry_cases, from_finegray), "entry.json")

# ---- manifest ---------------------------------------------------------------------------------
used <- c("survival", "cmprsk", "mets", "riskRegression", "timereg", "etm", "jsonlite")
versions <- sapply(used, function(p) as.character(packageVersion(p)))
write_json(list(R = R.version.string, packages = as.list(versions),
  command = "Rscript tests/reference/make_fine_gray.R",
  settings = list(crr = "four further Newton steps; within 1e-8 standard errors of the maximum"), files = list.files(folder)),
  file.path(folder, "manifest.json"), auto_unbox = TRUE, pretty = TRUE)
