# Reference values for hazard models: residuals, proportionality, concordance, predicted curves,
# split follow-up, effects that change with time, matched strata and gamma frailties, from survival.
#
#   Rscript tests/reference/make_hazards.R     (from the root of the project)
#
# reads the data of tests/reference/survival and of the package survival, and writes
# hazards/data_*.csv, models.json, frailty.json, splits.json, varying.json and manifest.json.
# Running the tests needs none of it.
suppressPackageStartupMessages({
  library(survival)
  library(jsonlite)
})
options(digits = 17)
invisible(Sys.setlocale("LC_COLLATE", "C"))
folder <- "tests/reference/hazards"
tight <- coxph.control(eps = 1e-13, iter.max = 300, toler.chol = 1e-15, toler.inf = 1e-10,
                       outer.max = 200)
put <- function(x, file) write_json(x, file.path(folder, file), digits = NA, auto_unbox = TRUE,
                                    na = "null", null = "null")

# ---- data -------------------------------------------------------------------------------------
pbc_ <- with(na.omit(pbc[1:312, c("id", "time", "status", "trt", "age", "sex", "edema", "bili",
    "albumin", "protime", "stage")]),
  data.frame(id, time, status = c(0, 2, 1)[status + 1], trt, age, sex = as.character(sex), edema,
    bili, albumin, protime, stage, group = id %% 23))
seq_ <- tmerge(subset(pbc, id <= 312)[, c("id", "age", "sex", "edema")], subset(pbc, id <= 312),
  id = id, death = event(time, as.integer(status == 2)))
seq_ <- tmerge(seq_, pbcseq, id = id, bili = tdc(day, bili), albumin = tdc(day, albumin),
  protime = tdc(day, protime))
pbcseq_ <- with(na.omit(as.data.frame(seq_)[, c("id", "tstart", "tstop", "death", "age", "edema",
  "bili", "albumin", "protime")]), data.frame(id, tstart, tstop, death, age, edema, bili, albumin,
  protime, weight = 0.5 + (id %% 5) / 4))
kidney_ <- with(kidney, data.frame(id, time, status, age, sex, disease = as.character(disease),
  frail, late = (seq_along(id) %% 3) * 2))
kidney_ <- kidney_[kidney_$late < kidney_$time, ]
retinopathy_ <- with(retinopathy, data.frame(id, futime, status, trt, risk, age,
  type = as.character(type), eye = as.character(eye)))
diabetic_ <- with(diabetic, data.frame(id, time, status, trt, risk, age, laser = as.character(laser)))
nwtco_ <- with(nwtco, data.frame(seqno, edrel, rel, histol, stage, instit, age))[seq(1, 4028, 2), ]
udca_ <- with(na.omit(udca1), data.frame(id, futime, status, trt, stage, bili, riskscore))
myeloid_ <- with(myeloid, data.frame(id, futime, death, trt = as.character(trt),
  sex = as.character(sex), site = id %% 12))
# the highest risks are censored here, and they need one binary digit more than those of events
mgus_ <- with(mgus[seq_len(136), ], na.omit(data.frame(id,
  time = ifelse(is.na(pctime), futime, pctime), event = as.integer(!is.na(pctime)), age, hgb)))
gbsg_ <- with(gbsg, data.frame(pid, rfstime, status, age, size, grade, nodes, meno,
  late = (pid %% 4) * 20, weight = 0.25 + (pid %% 6) / 4, shift = (pid %% 5) / 10,
  centre = pid %% 29))
gbsg_ <- gbsg_[gbsg_$late < gbsg_$rfstime, ]
made <- list(mgus = mgus_, gbsg = gbsg_, pbc = pbc_, pbcseq = pbcseq_, kidney = kidney_, retinopathy = retinopathy_,
  diabetic = diabetic_, nwtco = nwtco_, udca = udca_, myeloid = myeloid_)
for (name in names(made))
  write.csv(made[[name]], file.path(folder, paste0("data_", name, ".csv")), row.names = FALSE,
    quote = FALSE)
data <- list()
for (name in names(made))
  data[[name]] <- read.csv(file.path(folder, paste0("data_", name, ".csv")))
for (name in c("lung", "veteran", "colon", "bladder2", "cgd", "rats", "heart", "mgus2"))
  data[[name]] <- read.csv(file.path("tests/reference/survival", paste0("data_", name, ".csv")))

pick <- function(case, key, default = NULL) if (is.null(case[[key]])) default else case[[key]]
case <- function(id, data, formula, duration, event, ...)
  c(list(id = id, data = data, formula = formula, duration = duration, event = event), list(...))
prepare <- function(case) {
  d <- data[[case$data]]
  d$.event <- as.integer(d[[case$event]] == pick(case, "cause", 1))
  d$.w <- if (is.null(case$weights)) 1 else as.numeric(d[[case$weights]])
  d
}
response <- function(case)
  paste0("Surv(", paste(c(case$entry, case$duration, ".event"), collapse = ", "), ")")
right <- function(case, more = NULL) paste(c(case$formula, more,
  if (!is.null(case$strata)) paste0("strata(", case$strata, ")"),
  if (!is.null(case$offset)) paste0("offset(", case$offset, ")")), collapse = " + ")
model <- function(case, ties, more = NULL, frame = NULL, y = NULL, cluster = TRUE, ...) {
  d <<- if (is.null(frame)) prepare(case) else frame
  call <- list(as.formula(paste(pick(list(y = y), "y", response(case)), "~", right(case, more)),
    env = globalenv()), data = quote(d), ties = ties, control = tight, model = TRUE, x = TRUE, ...)
  if (!is.null(case$weights)) call$weights <- quote(.w)
  if (cluster && !is.null(case$cluster)) call$cluster <- as.name(case$cluster)
  suppressWarnings(do.call(coxph, call))
}
rows <- function(m) { m <- as.matrix(m); unname(lapply(seq_len(nrow(m)), function(i) as.list(unname(m[i, ])))) }

# ---- models: residuals, proportionality, concordance, curves ----------------------------------
models <- list(
  case("lung", "lung", "age + sex + ecog", "time", "died"),
  case("lung_all", "lung", "age + ecog", "time", "died", strata = "sex", weights = "fraction",
    offset = "shift", cluster = "inst"),
  case("veteran", "veteran", "trt + karno + celltype", "time", "status"),
  case("veteran_strata", "veteran", "trt + karno", "time", "status", strata = "celltype"),
  case("pbc", "pbc", "age + sex + edema + log(bili) + log(albumin)", "time", "status"),
  case("pbc_transplant", "pbc", "age + bili", "time", "status", cause = 2),
  case("pbc_cluster", "pbc", "age + edema + log(bili)", "time", "status", cluster = "group",
    strata = "trt"),
  case("pbcseq", "pbcseq", "age + log(bili) + log(albumin)", "tstop", "death", entry = "tstart",
    unit = "id"),
  case("pbcseq_all", "pbcseq", "age + log(bili)", "tstop", "death", entry = "tstart", unit = "id",
    strata = "edema", weights = "weight", cluster = "id"),
  case("kidney", "kidney", "age + sex + disease", "time", "status", cluster = "id", unit = "id"),
  case("kidney_entry", "kidney", "age + sex", "time", "status", entry = "late", cluster = "id"),
  case("retinopathy", "retinopathy", "trt + risk + type", "futime", "status", cluster = "id",
    unit = "id"),
  case("diabetic", "diabetic", "trt * laser + risk", "time", "status", cluster = "id"),
  case("diabetic_strata", "diabetic", "trt + risk", "time", "status", strata = "laser",
    cluster = "id"),
  case("nwtco", "nwtco", "histol + stage + age", "edrel", "rel", strata = "instit"),
  case("udca", "udca", "trt + stage + log(bili)", "futime", "status"),
  case("myeloid", "myeloid", "trt + sex", "futime", "death", cluster = "site"),
  case("cgd_all", "cgd", "treat + age", "tstop", "status", entry = "tstart", strata = "inherit",
    weights = "fraction", offset = "shift", cluster = "id", unit = "id"),
  case("heart", "heart", "age + year + surgery + transplant", "stop", "event", entry = "start",
    cluster = "id", unit = "id"),
  case("bladder2", "bladder2", "rx + size + number", "stop", "event", entry = "start",
    strata = "enum", cluster = "id", unit = "id"),
  case("rats", "rats", "rx + sex", "time", "status", cluster = "litter"),
  case("colon", "colon", "rx + age + nodes", "time", "status", strata = "etype", cluster = "id"),
  case("mgus2", "mgus2", "age + sex + mspike", "etime", "event", cause = 2, cluster = "region"),
  case("mgus_early", "mgus", "age + hgb", "time", "event"),
  case("gbsg_all", "gbsg", "age * size + grade + log(nodes)", "rfstime", "status",
    entry = "late", strata = "meno", weights = "weight", offset = "shift", cluster = "centre"),
  case("gbsg_weights", "gbsg", "age + size + nodes", "rfstime", "status", entry = "late",
    weights = "weight"),
  case("mgus2_age", "mgus2", "mspike + sex", "age_exit", "event", cause = 2, entry = "age_entry"))

some <- function(n, most = 25) unique(round(seq(1, n, length.out = min(n, most))))
residual_values <- function(case, fit, d) {
  i <- some(nrow(d))
  of <- function(type, ...) as.matrix(residuals(fit, type = type, ...))
  out <- list(rows = i - 1)
  for (type in c("martingale", "deviance", "score", "dfbeta", "dfbetas"))
    out[[type]] <- rows(of(type)[i, , drop = FALSE])
  out$weighted_score <- rows(of("score", weighted = TRUE)[i, , drop = FALSE])
  # in R's order of events: by stratum, time and row
  s <- of("schoenfeld")
  k <- some(nrow(s))
  out$events <- k - 1
  out$schoenfeld <- rows(s[k, , drop = FALSE])
  out$scaled_schoenfeld <- rows(of("scaledsch")[k, , drop = FALSE])
  out$event_times <- as.numeric(rownames(s))[k]
  if (is.null(rownames(s))) out$event_times <- as.numeric(names(residuals(fit, "schoenfeld")))[k]
  if (!is.null(case$unit)) {
    g <- d[[case$unit]]
    j <- some(length(unique(g)))
    for (type in c("martingale", "dfbeta"))
      out[[paste0("collapsed_", type)]] <-
        rows(as.matrix(residuals(fit, type = type, collapse = g))[j, , drop = FALSE])
    out$collapsed <- j - 1
    # R's formula for summed residuals leaves out log(events!) like terms of two events and more
    m <- drop(rowsum(residuals(fit, "martingale"), g))
    o <- drop(rowsum(d$.event, g))
    dev <- sign(m) * sqrt(pmax(-2 * (m + ifelse(o == 0, 0, o * log((o - m) / pmax(o, 1)))), 0))
    out$collapsed_deviance <- unname(dev[j])
  }
  out
}
zph <- function(fit, transform) {
  t <- cox.zph(fit, transform = transform)$table
  list(term = rownames(t), statistic = unname(t[, 1]), df = unname(t[, 2]), p = unname(t[, 3]))
}
# the generalised score test of x g(t), from follow-up split at every event time
robust_zph <- function(case, ties, fit, transform = "identity") {
  d <- prepare(case)
  if (nrow(d) > 700) return(NULL)
  z <- cox.zph(fit, transform = transform)
  first <- !duplicated(z$time)
  g <- approxfun(z$time[first], z$x[first], method = "constant", rule = 2)
  X <- fit$x
  colnames(X) <- paste0("x", seq_len(ncol(X)))
  start <- if (is.null(case$entry)) rep(0, nrow(d)) else d[[case$entry]]
  base <- data.frame(.start = start - (start == 0) * 1e-3, .stop = d[[case$duration]],
    .event = d$.event, .w = d$.w, row = seq_len(nrow(d)), X)
  base$.s <- if (is.null(case$strata)) 1 else d[[case$strata]]
  base$.o <- if (is.null(case$offset)) 0 else d[[case$offset]]
  base$.c <- if (is.null(case$cluster)) base$row else d[[case$cluster]]
  long <- survSplit(Surv(.start, .stop, .event) ~ ., data = base,
    cut = sort(unique(base$.stop[base$.event == 1])))
  p <- ncol(X)
  # the transform is 0 between event times, where nothing happens
  for (j in seq_len(p)) long[[paste0("z", j)]] <- long[[paste0("x", j)]] * g(long$.stop)
  long <<- long
  held <- suppressWarnings(coxph(as.formula(paste("Surv(.start, .stop, .event) ~",
    paste(c(paste0("x", 1:p), paste0("z", 1:p)), collapse = " + "), "+ strata(.s) + offset(.o)")),
    data = long, weights = .w, ties = ties, init = c(coef(fit), rep(0, p)), robust = FALSE,
    control = coxph.control(iter.max = 0, timefix = FALSE), x = TRUE))
  info <- solve(held$var)
  u <- rowsum(residuals(held, type = "score", weighted = TRUE), long$.c)
  path <- info[p + 1:p, 1:p, drop = FALSE] %*% solve(info[1:p, 1:p])
  apart <- u[, p + 1:p, drop = FALSE] - u[, 1:p, drop = FALSE] %*% t(path)
  total <- colSums(apart)
  V <- crossprod(apart)
  assign <- fit$assign[names(fit$assign) %in% attr(terms(fit), "term.labels")]
  at <- c(unname(lapply(assign, function(k) k)), list(1:p))
  list(statistic = sapply(at, function(k)
    drop(total[k] %*% solve(V[k, k, drop = FALSE], total[k]))))
}
concord <- function(case, fit, d) {
  d$.lp <- fit$linear.predictors
  f <- as.formula(paste(response(case), "~ .lp",
    if (!is.null(case$strata)) paste0("+ strata(", case$strata, ")")))
  call <- list(f, data = d, reverse = TRUE, weights = d$.w)
  if (!is.null(case$cluster)) call$cluster <- d[[case$cluster]]
  found <- do.call(concordance, call)
  list(estimate = unname(found$concordance), std = sqrt(unname(found$var)))
}
# R's survfit counts clusters in the coefficients alone. What a cluster (a row, where weights are not
# counts) does to a curve is therefore differentiated: the model is fitted again with the weights of
# the cluster a little higher and a little lower, and the squares of the slopes are added up.
robust_errors <- function(case, ties, fit, d, i, step = 1e-4) {
  group <- if (is.null(case$cluster)) seq_len(nrow(d)) else d[[case$cluster]]
  weighted <- case
  weighted$weights <- ".w"
  again <- function(g, by) {
    frame <- d
    frame$.w <- d$.w * ifelse(group == g, 1 + by, 1)
    found <- model(weighted, ties, frame = frame, cluster = FALSE, init = coef(fit), robust = FALSE)
    lapply(i, function(r) survfit(found, newdata = d[r, ], se.fit = FALSE)$cumhaz)
  }
  total <- as.list(rep(0, length(i)))
  for (g in unique(group)) total <- Map(function(sum, up, down) sum + ((up - down) / (2 * step))^2,
    total, again(g, step), again(g, -step))
  lapply(total, sqrt)
}
curves <- function(case, ties, fit, d) {
  i <- c(1, floor(nrow(d) / 3), nrow(d))
  times <- unname(quantile(d[[case$duration]][d$.event == 1], c(0.15, 0.4, 0.7), type = 1))
  robust <- if (!is.null(fit$naive.var)) robust_errors(case, ties, fit, d, i)
  lapply(seq_along(i), function(k) {
    r <- i[k]
    s <- survfit(fit, newdata = d[r, ], conf.type = "log-log")
    if (!is.null(robust)) {
      factor <- ifelse(s$cumhaz > 0, exp(qnorm(0.975) * robust[[k]] / s$cumhaz), 1)
      s$std.err <- robust[[k]]
      s$lower <- exp(-s$cumhaz * factor)
      s$upper <- exp(-s$cumhaz / factor)
    }
    at <- findInterval(times, s$time)
    value <- function(v, none) ifelse(at == 0, none, v[pmax(at, 1)])
    q <- quantile(s, c(0.25, 0.5))
    q <- lapply(q, function(x) as.list(unname(as.numeric(x))))
    list(row = r - 1, time = times, cumhaz = value(s$cumhaz, 0), se = value(s$std.err, 0),
      surv = value(s$surv, 1), low = value(s$lower, 1), high = value(s$upper, 1),
      falling = all(diff(s$lower) <= 0) && all(diff(s$upper) <= 0),
      quantile = q$quantile, quantile_low = q$lower, quantile_high = q$upper)
  })
}
baseline <- function(fit) {
  b <- basehaz(fit, centered = FALSE)
  keep <- c(TRUE, diff(b$hazard) != 0)
  b <- b[keep & b$hazard > 0, ]
  k <- some(nrow(b), 12)
  list(time = b$time[k], hazard = b$hazard[k],
    stratum = if (is.null(b$strata)) NULL else sub(".*=", "", as.character(b$strata[k])))
}
found <- list()
for (one in models) for (ties in c("efron", "breslow")) {
  fit <- model(one, ties)
  d <- prepare(one)
  naive <- if (is.null(fit$naive.var)) fit$var else fit$naive.var
  tests <- lapply(c(km = "km", identity = "identity", log = "log", rank = "rank"),
    function(g) zph(fit, g))
  found[[length(found) + 1]] <- list(case = one, ties = ties, coef = unname(coef(fit)),
    var = rows(fit$var), naive = rows(naive), loglik = fit$loglik,
    residuals = residual_values(one, fit, d), zph = tests,
    robust = robust_zph(one, ties, fit), concordance = concord(one, fit, d),
    curves = curves(one, ties, fit, d),
    baseline = if (is.null(one$offset)) baseline(fit) else NULL)
}
put(found, "models.json")

# ---- follow-up split at given times; one effect per window -------------------------------------
splits <- list(
  list(id = "lung", data = "lung", duration = "time", event = "died", at = c(180, 365),
    others = "age", exposure = "sex"),
  list(id = "veteran", data = "veteran", duration = "time", event = "status", at = c(60, 100),
    others = "celltype + trt", exposure = "karno"),
  list(id = "cgd", data = "cgd", duration = "tstop", event = "status", entry = "tstart",
    at = c(100, 250), cluster = "id", others = "age", exposure = "treat"),
  list(id = "heart", data = "heart", duration = "stop", event = "event", entry = "start",
    at = c(50), cluster = "id", others = "age + year", exposure = "transplant"),
  list(id = "rats", data = "rats", duration = "time", event = "status", at = c(80),
    cluster = "litter", others = "1", exposure = "rx"),
  list(id = "colon", data = "colon", duration = "time", event = "status", at = c(365, 1000),
    cluster = "id", strata = "etype", others = "nodes", exposure = "rx"),
  # robust errors by row: the parts of a row are one draw
  list(id = "gbsg_weights", data = "gbsg", duration = "rfstime", event = "status", entry = "late",
    at = c(365, 730), weights = "weight", others = "age + size", exposure = "meno"))
split_values <- function(s, ties) {
  d <- data[[s$data]]
  d$row <- seq_len(nrow(d)) - 1
  y <- paste0("Surv(", paste(c(s$entry, s$duration, s$event), collapse = ", "), ")")
  long <- survSplit(as.formula(paste(y, "~ .")), data = d, cut = s$at, episode = "window",
    start = if (is.null(s$entry)) "entry" else s$entry)
  start <- if (is.null(s$entry)) "entry" else s$entry
  long <<- long
  x <- if (is.numeric(d[[s$exposure]])) s$exposure else
    paste0("I(", s$exposure, " == '", sort(unique(d[[s$exposure]]))[-1], "')")
  terms <- c(s$others, unlist(lapply(x, function(one)
    paste0("I((", one, ") * (window == ", seq_len(length(s$at) + 1), "))"))),
    if (!is.null(s$strata)) paste0("strata(", s$strata, ")"))
  call <- list(as.formula(paste0("Surv(", start, ", ", s$duration, ", ", s$event, ") ~ ",
    paste(terms, collapse = " + ")), env = globalenv()), data = quote(long), ties = ties,
    control = tight)
  if (!is.null(s$cluster)) call$cluster <- as.name(s$cluster)
  if (!is.null(s$weights)) {
    call$weights <- as.name(s$weights)
    call$cluster <- as.name("row")
  }
  fit <- suppressWarnings(do.call(coxph, call))
  w <- length(s$at) + 1
  k <- length(coef(fit)) - length(x) * w
  place <- k + seq_len(length(x) * w)
  C <- do.call(rbind, lapply(seq_along(x), function(j) {
    m <- matrix(0, w - 1, length(coef(fit)))
    m[, place[(j - 1) * w + 1]] <- 1
    for (i in seq_len(w - 1)) m[i, place[(j - 1) * w + 1 + i]] <- -1
    m
  }))
  gap <- C %*% coef(fit)
  list(case = s, ties = ties, n = nrow(long), row = long$row, start = long[[start]],
    stop = long[[s$duration]], event = long[[s$event]], window = long$window,
    coef = unname(coef(fit)[place]), se = unname(sqrt(diag(fit$var))[place]),
    wald = drop(t(gap) %*% solve(C %*% fit$var %*% t(C), gap)), df = nrow(C),
    events = as.vector(tapply(long[[s$event]], long$window, sum)))
}
put(unlist(lapply(splits, function(s) lapply(c("efron", "breslow"), function(t)
  split_values(s, t))), recursive = FALSE), "splits.json")

# ---- x g(t): coxph(tt()), and with clusters follow-up split at every event time -----------------
rcs <- function(t, knots) {
  k <- length(knots)
  cube <- function(x) pmax(x, 0)^3
  cbind(t, sapply(seq_len(k - 2), function(j) (cube(t - knots[j]) -
    (cube(t - knots[k - 1]) * (knots[k] - knots[j]) - cube(t - knots[k]) *
      (knots[k - 1] - knots[j])) / (knots[k] - knots[k - 1])) / (knots[k] - knots[1])^2))
}
functions <- list(log = log, identity = identity, sqrt = sqrt)
varying <- list(
  case("veteran", "veteran", "karno + trt", "time", "status", exposure = "karno", g = "log"),
  case("veteran_strata", "veteran", "karno + trt", "time", "status", exposure = "karno",
    g = "sqrt", strata = "celltype"),
  case("lung_weights", "lung", "age + sex", "time", "died", exposure = "sex", g = "log",
    weights = "fraction"),
  case("lung_spline", "lung", "age + ecog", "time", "died", exposure = "ecog", g = "rcs",
    knots = c(60, 200, 500)),
  case("heart", "heart", "age + transplant", "stop", "event", entry = "start",
    exposure = "transplant", g = "sqrt", cluster = "id"),
  case("cgd", "cgd", "treat + age", "tstop", "status", entry = "tstart", exposure = "treat",
    g = "log", cluster = "id"),
  case("retinopathy", "retinopathy", "trt + risk", "futime", "status", exposure = "trt",
    g = "identity", cluster = "id"))
vary <- function(v, ties) {
  d <- prepare(v)
  f <- if (v$g == "rcs") function(t) rcs(t, v$knots) else functions[[v$g]]
  x <- v$exposure
  d$.x <- if (is.numeric(d[[x]])) d[[x]] else as.numeric(d[[x]] == sort(unique(d[[x]]))[2])
  start <- if (is.null(v$entry)) rep(0, nrow(d)) else d[[v$entry]]
  d$.start <- start - (start == 0) * 1e-3
  d$.stop <- d[[v$duration]]
  d$.row <- seq_len(nrow(d))
  if (!is.null(v$weights)) v$cluster <- ".row"  # robust by row, not by part of a row
  long <- survSplit(Surv(.start, .stop, .event) ~ ., data = d,
    cut = sort(unique(d$.stop[d$.event == 1])))
  G <- as.matrix(f(long$.stop))
  for (j in seq_len(ncol(G))) long[[paste0(".g", j)]] <- long$.x * G[, j]
  v$entry <- ".start"; v$duration <- ".stop"
  fit <- model(v, ties, more = paste0(".g", seq_len(ncol(G))), frame = long)
  tt_ <- NULL
  if (is.null(v$cluster) && v$g != "rcs") {  # by the other route as well
    v2 <- v; v2$entry <- NULL
    d <<- d
    by_tt <- suppressWarnings(coxph(as.formula(paste("Surv(.stop, .event) ~", right(v, "tt(.x)"))),
      data = d, weights = .w, ties = ties, control = tight, tt = function(x, t, ...) x * f(t),
      robust = FALSE))
    tt_ <- list(coef = unname(coef(by_tt)), se = unname(sqrt(diag(by_tt$var))))
  }
  list(case = v[!(names(v) %in% c("entry", "duration"))], ties = ties, coef = unname(coef(fit)),
    var = rows(fit$var), tt = tt_)
}
originals <- lapply(varying, function(v) v[c("entry", "duration")])
put(unlist(Map(function(v, o) lapply(c("efron", "breslow"), function(t) {
  out <- vary(v, t)
  out$case[c("entry", "duration")] <- o
  if (identical(out$case$cluster, ".row")) out$case$cluster <- NULL
  out
}), varying, originals), recursive = FALSE), "varying.json")

# ---- matched strata: patients compared with themselves ------------------------------------------
matched <- list(
  case("retinopathy", "retinopathy", "trt + risk", "futime", "status", strata = "id"),
  case("diabetic", "diabetic", "trt + risk", "time", "status", strata = "id"),
  case("rats", "rats", "rx", "time", "status", strata = "litter"),
  case("kidney", "kidney", "late", "time", "status", strata = "id"),
  case("pbcseq", "pbcseq", "log(bili)", "tstop", "death", entry = "tstart", strata = "age"))
put(unlist(lapply(matched[1:3], function(m) lapply(c("efron", "breslow"), function(t) {
  fit <- model(m, t)
  list(case = m, ties = t, coef = unname(coef(fit)), se = unname(sqrt(diag(fit$var))),
    loglik = fit$loglik)
})), recursive = FALSE), "matched.json")

# ---- gamma frailty ------------------------------------------------------------------------------
frailties <- list(
  case("rats", "rats", "rx + sex", "time", "status", frailty = "litter"),
  case("rats_strata", "rats", "rx", "time", "status", frailty = "litter", strata = "sex"),
  case("kidney", "kidney", "age + sex + disease", "time", "status", frailty = "id"),
  case("kidney_entry", "kidney", "age + sex", "time", "status", entry = "late", frailty = "id"),
  case("cgd", "cgd", "treat + age + steroids", "tstop", "status", entry = "tstart",
    frailty = "id"),
  case("cgd_strata", "cgd", "treat + age", "tstop", "status", entry = "tstart",
    strata = "inherit", offset = "shift", frailty = "id"),
  case("retinopathy", "retinopathy", "trt + risk + type", "futime", "status", frailty = "id"),
  case("diabetic", "diabetic", "trt + laser + age", "time", "status", frailty = "id"),
  case("lung", "lung", "age + sex + ecog", "time", "died", frailty = "inst"),
  case("bladder2", "bladder2", "rx + size + number", "stop", "event", entry = "start",
    strata = "enum", frailty = "id"),
  case("heart", "heart", "age + year + surgery + transplant", "stop", "event", entry = "start",
    frailty = "id"),
  case("myeloid", "myeloid", "trt + sex", "futime", "death", frailty = "site"))
with_frailty <- function(f, ties, how) model(f, ties, more = paste0("frailty(", f$frailty,
  ", distribution = 'gamma', sparse = FALSE, ", how, ")"))
frail <- function(f, ties) {
  fixed <- lapply(c(0.1, 0.5, 2), function(theta) {
    fit <- with_frailty(f, ties, paste0("theta = ", theta))
    g <- data[[f$data]][[f$frailty]]
    q <- length(unique(g))
    p <- length(coef(fit)) - q
    beta <- seq_len(p)
    b <- coef(fit)[p + seq_len(q)]
    r <- some(length(fit$residuals), 15)
    k <- some(q, 15)
    list(theta = theta, coef = unname(coef(fit)[beta]), var = rows(fit$var[beta, beta, drop = FALSE]),
      loglik = fit$loglik[2], integrated = unname(fit$history[[1]]$c.loglik),
      frailty_at = k - 1, frailty = unname(exp(b))[k] / mean(exp(b)), rows = r - 1,
      martingale = unname(residuals(fit, "martingale"))[r])
  })
  em <- with_frailty(f, ties, "method = 'em', eps = 1e-12")
  theta <- em$history[[1]]$theta
  p <- length(fixed[[1]]$coef)
  list(case = f, ties = ties, fixed = fixed, theta = unname(theta),
    integrated = unname(em$history[[1]]$c.loglik), coef = unname(coef(em)[seq_len(p)]),
    se = unname(sqrt(diag(em$var)[seq_len(p)])))
}
put(unlist(lapply(frailties, function(f) lapply(c("efron", "breslow"), function(t) frail(f, t))),
  recursive = FALSE), "frailty.json")

# ---- manifest -----------------------------------------------------------------------------------
versions <- sapply(c("survival", "jsonlite"), function(p) as.character(packageVersion(p)))
write_json(list(R = R.version.string, packages = as.list(versions),
  command = "Rscript tests/reference/make_hazards.R",
  settings = list(coxph.control = list(eps = 1e-13, iter.max = 300, toler.chol = 1e-15,
    toler.inf = 1e-10, outer.max = 200)), files = list.files(folder)),
  file.path(folder, "manifest.json"), auto_unbox = TRUE, pretty = TRUE)
