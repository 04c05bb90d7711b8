# Reference values for times between visits, from msm and survival.
#
#   Rscript tests/reference/make_interval.R     (from the root of the project; some minutes)
#
# writes interval/data_*.csv, illness.json, poisson.json, turnbull.json, grid.json, aft.json and
# manifest.json. Running the tests needs none of it.
# msm maximises by BFGS at reltol 1e-15; the estimate is then
# moved by one Newton step with msm's own gradient and covariance. The Hessian is that of differences
# of the analytic gradient over 1e-5. survival's Turnbull estimate stops at changes of 5e-5, which
# is set to 1e-13 here. Cluster-robust errors of survreg are those of its
# scores, differentiated numerically: its own residuals of intervals do not add up to zero.
suppressPackageStartupMessages({
  library(msm)
  library(survival)
  library(jsonlite)
})
options(digits = 17)
folder <- "tests/reference/interval"

# ---- data: one row per patient ------------------------------------------------------------------
one_row <- function(d, id, time, state, ill, dead, keep = character()) {
  do.call(rbind, lapply(split(d, d[[id]]), function(r) {
    t <- r[[time]]; dies <- r[[state]] %in% dead; sick <- r[[state]] %in% ill
    first <- if (any(sick)) min(t[sick]) else NA
    well <- !dies & !sick & (is.na(first) | t < first)
    cbind(data.frame(id = r[[id]][1], entry = min(t), left = if (any(well)) max(t[well]) else NA,
      right = first, end = max(t), died = as.integer(any(dies))), r[1, keep, drop = FALSE])
  }))
}
with_time <- function(d) d[!is.na(d$left) & d$end > d$entry, ]
# visits every `gap`; illness is found at the first visit after it, if that comes before the end
visited <- function(onset, end, gap, phase = 0) {
  first <- gap * (1 + phase)
  before <- function(t) ifelse(t < first, 0, first + gap * floor((t - first) / gap))
  found <- is.finite(onset) & before(end) > onset
  right <- ifelse(found, first + gap * pmax(0, ceiling((onset - first) / gap)), NA)
  right <- ifelse(found & onset < first, first, right)
  left <- ifelse(found, pmax(0, ifelse(right > first, right - gap, 0)), before(end))
  data.frame(left = left, right = right)
}

cav_ <- transform(cav, ihd = as.integer(pdiag == "IHD"))
cav_ <- with_time(one_row(cav_, "PTNUM", "years", "state", 2:3, 4, c("dage", "ihd")))
cav_$dage <- (cav_$dage - 30) / 10
cav_$center <- cav_$id %% 50
bos_ <- with_time(one_row(bos, "ptnum", "time", "state", 2:4, 5))
bos3_ <- with_time(one_row(bos3, "ptnum", "time", "state", 2, 3))
psor_ <- with_time(one_row(psor, "ptnum", "months", "state", 2:4, 9, c("hieffusn", "ollwsdrt")))
r <- rotterdam[rotterdam$pid %% 3 == 0, ]
rotterdam_ <- with(r, {
  onset <- ifelse(recur == 1, rtime, Inf) / 365.25; end <- pmax(dtime, rtime) / 365.25
  cbind(data.frame(id = pid, entry = 0), visited(onset, end, 1, (pid %% 5) / 10),
    data.frame(end, died = death, age10 = (age - 60) / 10, hormon, node = as.integer(nodes > 0),
      center = pid %% 40))
})
mgus2_ <- with(mgus2, {
  onset <- ifelse(pstat == 1, ptime, Inf)
  cbind(data.frame(id, entry = 0), visited(onset, futime, 12, (id %% 3) / 4),
    data.frame(end = futime + 0.5, died = death, age10 = (age - 60) / 10))
})
j <- subset(jasa, futime > 0)
jasa_ <- with(j, data.frame(id = seq_along(futime), entry = 0,
  left = ifelse(transplant == 1, pmax(wait.time, 0.5), futime),
  right = ifelse(transplant == 1, pmax(wait.time, 0.5), NA), end = futime + 1, died = fustat,
  age10 = (age - 60) / 10, surgery))
jasa_$left <- ifelse(is.na(jasa_$right), jasa_$end, jasa_$left)
bcdeter_ <- KMsurv_bc <- local({ data("bcdeter", package = "KMsurv", envir = environment()); bcdeter })
bcdeter_ <- with(bcdeter_, data.frame(left = ifelse(lower == 0, NA, lower),
  right = ifelse(is.na(upper) | upper > 100 | upper == 0, NA, upper), treat))
diabetic_ <- with(diabetic, cbind(data.frame(id, laser = as.character(laser), age10 = (age - 60) / 10, trt),
  visited(ifelse(status == 1, time, Inf), time + 4 * status, 4)))
diabetic_$left[diabetic_$left == 0] <- NA
diabetic_ <- diabetic_[!(is.na(diabetic_$left) & is.na(diabetic_$right)), ]
diabetic_$w <- 0.5 + (seq_len(nrow(diabetic_)) * 7 %% 11) %% 5 / 4
lung_ <- with(na.omit(lung[, c("time", "status", "age", "sex")]), {
  n <- seq_along(time); b <- visited(ifelse(status == 2, time, Inf), time + 45 * (status == 2), 45)
  exact <- n %% 3 == 0 & status == 2
  data.frame(left = ifelse(exact, time, ifelse(b$left == 0, NA, b$left)),
    right = ifelse(exact, time, b$right), age, sex)
})
lung_ <- lung_[!(is.na(lung_$left) & is.na(lung_$right)), ]
retinopathy_ <- with(diabetic, data.frame(id, laser = as.character(laser), trt, left = time,
  right = ifelse(status == 1, time, NA)))
data <- list(retinopathy = retinopathy_, cav = cav_, bos = bos_, bos3 = bos3_, psor = psor_, rotterdam = rotterdam_,
  mgus2 = mgus2_, jasa = jasa_, bcdeter = bcdeter_, diabetic = diabetic_, lung = lung_)
for (name in names(data)) {
  file <- file.path(folder, paste0("data_", name, ".csv"))
  write.csv(data[[name]], file, row.names = FALSE, quote = FALSE, na = "")
  data[[name]] <- read.csv(file)  # the numbers that the tests read, to the last digit
}

# ---- illness–death ------------------------------------------------------------------------------
panel <- function(d) {
  do.call(rbind, lapply(seq_len(nrow(d)), function(i) {
    r <- d[i, ]; t <- r$entry; s <- 1; kind <- 1
    exact <- !is.na(r$right) && r$left == r$right
    if (r$left > r$entry && !exact) { t <- c(t, r$left); s <- c(s, 1); kind <- c(kind, 1) }
    if (!is.na(r$right) && !(r$right == r$end && r$died == 1)) {
      t <- c(t, r$right); s <- c(s, 2); kind <- c(kind, if (exact) 2 else 1)
    }
    if (r$end > max(t)) {
      t <- c(t, r$end)
      s <- c(s, if (r$died == 1) 3 else if (!is.na(r$right)) 2 else 99)
      kind <- c(kind, if (r$died == 1) 3 else 1)
    }
    cbind(data.frame(id = r$id, t = t, s = s, kind = kind),
      r[rep(1, length(t)), setdiff(names(r), c("id", "entry", "left", "right", "end", "died")),
        drop = FALSE], row.names = NULL)
  }))
}
transitions <- c(illness = "1-2", death = "1-3", death_ill = "2-3")
illness <- function(id, name, cuts = NULL, formula = list(), after = "own", healthy_die = TRUE,
                    deaths = TRUE) {
  d <- data[[name]]
  if (!deaths) d$end <- ifelse(is.na(d$right), d$end, d$right)  # nothing happens after illness
  p <- panel(d)
  qm <- rbind(c(0, 1, 1), c(0, 0, 1), c(0, 0, 0)) / mean(data[[name]]$end) / 2
  arrows <- transitions
  if (!healthy_die) { qm[1, 3] <- 0; arrows <- arrows[c(1, 3)] }
  if (!deaths) { qm <- qm[1:2, 1:2]; arrows <- arrows[1] }
  args <- list(s ~ t, subject = quote(id), data = p, qmatrix = qm, obstype = quote(kind),
    deathexact = if (deaths) 3 else FALSE, censor = 99, censor.states = c(1, 2), center = FALSE)
  if (length(cuts)) args$pci <- cuts
  if (length(formula)) args$covariates <- setNames(lapply(formula, as.formula),
    transitions[names(formula)])
  if (after == "equal") args$qconstraint <- c(1, 2, 2)
  if (after != "own" && length(cuts)) {
    edges <- c(cuts, Inf)
    args$constraint <- setNames(rep(list(c(1, 2, 2)), length(cuts)),
      sprintf("timeperiod[%s,%s)", edges[-length(edges)], edges[-1]))
  }
  fit <- function(steps) {
    args$control <- list(fnscale = 4000, reltol = 1e-15, maxit = 5000, ndeps = rep(1e-5, steps))
    eval(as.call(c(list(quote(msm)), args)))
  }
  shared <- if (after == "own") length(arrows) else 2
  covariates <- sum(vapply(formula, function(text) length(all.vars(as.formula(text))), 1L))
  steps <- (if (after == "equal") 2 else length(arrows)) + shared * length(cuts) + covariates
  f <- suppressWarnings(fit(steps))
  labels <- f$qcmodel$covlabels
  names_of <- c(names(arrows), unlist(lapply(labels, function(l) paste0(names(arrows), ":", l))))
  est <- f$estimates
  # derivative of -2 log-likelihood by the distinct parameters, spread to the others
  V <- f$covmat
  known <- which(diag(V) > 0)
  distinct <- known[!duplicated(round(cbind(est, sqrt(diag(V)))[known, , drop = FALSE], 12))]
  stopifnot(length(distinct) == length(f$deriv))
  move <- -drop(V[known, distinct, drop = FALSE] %*% f$deriv) / 2
  step <- rep(0, length(est))
  step[known] <- move
  list(id = id, data = name, cuts = I(as.numeric(cuts)), after_illness = after,
    formula = formula, names = names_of, estimate = est + step, var = f$covmat,
    log_likelihood = f$minus2loglik / -2, step = max(abs(step[known]) / sqrt(diag(V)[known])))
}
cases <- list()
add <- function(id, ...) {
  taken <- system.time(case <- illness(id, ...))[["elapsed"]]
  cat(sprintf("%-34s %5.0f s, last step %.1e SE\n", id, taken, case$step))
  cases[[length(cases) + 1]] <<- case
}
add("cav, constant", "cav")
add("cav, 3 windows", "cav", c(3, 7))
add("cav, 3 windows, ratio", "cav", c(3, 7), after = "ratio")
add("cav, 3 windows, equal", "cav", c(3, 7), after = "equal")
add("cav, covariates", "cav", c(3, 7), list(illness = "~ dage + ihd", death = "~ dage"))
add("bos3, nobody dies healthy", "bos3", healthy_die = FALSE)
# with pci msm takes absorbed rows as not absorbed at the change points, so no windows here
add("psor, nobody dies", "psor", deaths = FALSE)
add("rotterdam, constant", "rotterdam")
add("rotterdam, 2 windows", "rotterdam", 5)
add("rotterdam, covariates", "rotterdam", 5,
  list(illness = "~ age10 + hormon + node", death = "~ age10", death_ill = "~ age10 + node"))
add("rotterdam, 3 windows, ratio", "rotterdam", c(2, 5), after = "ratio")
add("rotterdam, 3 windows, equal", "rotterdam", c(2, 5), after = "equal")
add("mgus2, constant", "mgus2")
add("mgus2, 3 windows", "mgus2", c(60, 120))
add("mgus2, covariate", "mgus2", 120, list(illness = "~ age10", death = "~ age10"))
write_json(cases, file.path(folder, "illness.json"), digits = NA, auto_unbox = TRUE)

# ---- known times: Poisson regression of events on split time --------------------------------------
known_times <- function(id, name, cuts, formula = list()) {
  d <- data[[name]]
  ill <- !is.na(d$right)
  stop_ <- ifelse(ill, d$right, d$end)
  fit <- function(q, d, from, to, event) {
    d$from <- from; d$to <- to; d$event <- event
    s <- survSplit(Surv(from, to, event) ~ ., data = d[to > from, ], cut = cuts, episode = "window")
    s$time <- s$to - s$from
    rhs <- if (is.null(formula[[q]])) "" else sub("~", "+", formula[[q]])
    f <- glm(as.formula(paste("event ~ 0 + factor(window)", rhs, "+ offset(log(time))")), stats::poisson, s,
      control = glm.control(epsilon = 1e-15, maxit = 100))
    labels <- paste0(q, "[", c(0, cuts), c(paste0("-", cuts), "+"), "]")
    k <- length(labels)
    names <- c(labels, if (length(coef(f)) > k) paste0(q, ":", names(coef(f))[-seq_len(k)]))
    list(names = names, estimate = unname(coef(f)), std_error = unname(sqrt(diag(vcov(f)))))
  }
  parts <- list(
    fit("illness", d, d$entry, stop_, as.integer(ill)),
    fit("death", d, d$entry, stop_, as.integer(!ill & d$died == 1)),
    fit("death_ill", d[ill, ], d$right[ill], d$end[ill], d$died[ill]))
  list(id = id, data = name, cuts = I(as.numeric(cuts)), formula = formula,
    names = unlist(lapply(parts, `[[`, "names")),
    estimate = unlist(lapply(parts, `[[`, "estimate")),
    std_error = unlist(lapply(parts, `[[`, "std_error")))
}
known <- list(
  known_times("jasa", "jasa", 90),
  known_times("jasa, 3 windows", "jasa", c(30, 180)),
  known_times("jasa, covariates", "jasa", 90,
    list(illness = "~ age10 + surgery", death = "~ surgery", death_ill = "~ age10")))
write_json(known, file.path(folder, "poisson.json"), digits = NA, auto_unbox = TRUE)

# ---- Turnbull -----------------------------------------------------------------------------------
tight <- survival:::survfitTurnbull
body(tight) <- parse(text = gsub("5e-05", "1e-13", paste(deparse(body(tight)),
  collapse = "\n")))[[1]]
environment(tight) <- asNamespace("survival")
curve <- function(id, name, by = NULL) {
  d <- data[[name]]
  y <- Surv(d$left, d$right, type = "interval2")
  x <- if (is.null(by)) factor(rep("all", nrow(d))) else factor(d[[by]])
  f <- tight(x, y, weights = rep(1, nrow(d)), conf.type = "none", se.fit = FALSE)
  group <- if (is.null(by)) rep("", length(f$time)) else rep(names(f$strata), f$strata)
  list(id = id, data = name, by = by, group = group, time = f$time, surv = f$surv)
}
# survfit's extrapolation can send a mass to zero for good, short of the maximum, as it does for the
# two data sets below: for these the self-consistent iteration is written out
plain <- function(id, name) {
  all <- within(data[[name]], right[is.na(right)] <- Inf)
  d <- unique(all[, c("left", "right")])
  w <- as.numeric(table(factor(paste(all$left, all$right), paste(d$left, d$right))))
  ends <- sort(unique(c(d$left, d$right)))
  low <- sapply(ends, function(e) max(c(-1, d$left[d$left < e])))
  inner <- ends %in% d$right & low >= 0 &
    !mapply(function(l, r) any(d$right > l & d$right < r), low, ends)
  low <- low[inner]; high <- ends[inner]
  A <- outer(seq_len(nrow(d)), seq_along(low), function(i, j) d$left[i] <= low[j] &
    high[j] <= d$right[i]) + 0
  p <- rep(1 / length(low), length(low))
  for (step in 1:200000) {
    new <- p * drop(crossprod(A, w / drop(A %*% p))) / sum(w)
    if (max(abs(new - p)) < 1e-15) break
    p <- new
  }
  finite <- is.finite(high)
  list(id = id, data = name, by = NULL, group = rep("", sum(finite)),
    time = ((low + high) / 2)[finite], surv = (1 - cumsum(p))[finite])
}
curves <- list(
  curve("bcdeter", "bcdeter"), curve("bcdeter by treatment", "bcdeter", "treat"),
  plain("cav", "cav"), curve("bos", "bos"), curve("psor", "psor"),
  curve("psor by effusion", "psor", "hieffusn"), curve("lung, exact and left too", "lung"),
  plain("rotterdam", "rotterdam"), curve("mgus2", "mgus2"), curve("diabetic", "diabetic", "trt")
)
write_json(curves, file.path(folder, "turnbull.json"), digits = NA, auto_unbox = TRUE, null = "null")

# ---- fixed visits: the multinomial likelihood, maximised directly ---------------------------------
grid <- function(id, d, visits) {
  edges <- c(0, visits, Inf)
  a <- match(d$left, edges); b <- match(ifelse(is.na(d$right), Inf, d$right), edges) - 1
  ll <- function(theta) {
    p <- exp(c(theta, 0)); p <- p / sum(p); C <- c(0, cumsum(p))
    sum(log(C[b + 1] - C[a]))
  }
  k <- length(edges) - 2
  f <- optim(rep(0, k), ll, method = "BFGS", control = list(fnscale = -1, reltol = 1e-15, maxit = 2000))
  theta <- f$par
  for (i in 1:5) theta <- theta - solve(numDeriv::hessian(ll, theta), numDeriv::grad(ll, theta))
  surv <- function(theta) { p <- exp(c(theta, 0)); p <- p / sum(p); 1 - cumsum(p)[seq_len(k)] }
  J <- numDeriv::jacobian(surv, theta)
  V <- J %*% solve(-numDeriv::hessian(ll, theta)) %*% t(J)
  list(id = id, left = d$left, right = d$right, visits = visits, surv = surv(theta),
    std_error = sqrt(diag(V)), log_likelihood = ll(theta))
}
snap <- function(d, visits) {
  l <- ifelse(is.na(d$left), 0, d$left); grid <- c(0, visits)
  left <- sapply(l, function(x) max(grid[grid <= x]))
  right <- sapply(d$right, function(x) if (is.na(x) || !any(grid >= x)) NA else min(grid[grid >= x]))
  ok <- is.na(right) | right > left
  keep <- ok & !(left == 0 & is.na(right))
  data.frame(left, right)[keep, ]
}
grids <- list(grid("rotterdam, yearly", snap(data$rotterdam, 1:10), 1:10),
  grid("bcdeter, every 8", snap(data$bcdeter, seq(8, 40, 8)), seq(8, 40, 8)),
  grid("lung, every 90 days", snap(data$lung, seq(90, 720, 90)), seq(90, 720, 90)))
write_json(grids, file.path(folder, "grid.json"), digits = NA, auto_unbox = TRUE)

# ---- accelerated failure times --------------------------------------------------------------------
aft <- function(id, name, formula, dist, cluster = NULL, weights = NULL, interval = TRUE) {
  d <- data[[name]]
  # a visit at time 0 says nothing: left-censored
  d$left[!is.na(d$left) & d$left == 0] <- NA
  d <- d[!(is.na(d$left) & is.na(d$right)), ]
  y <- "Surv(left, right, type = 'interval2')"
  call <- list(quote(survreg), as.formula(paste(y, formula)), data = quote(d), dist = dist,
    control = quote(survreg.control(rel.tolerance = 1e-14, maxiter = 200, toler.chol = 1e-14)))
  if (!is.null(weights)) call$weights <- as.name(weights)
  f <- eval(as.call(call))
  var <- f$var
  if (!is.null(cluster) && interval) {
    X <- model.matrix(as.formula(formula), d)
    w <- if (is.null(weights)) rep(1, nrow(d)) else d[[weights]]
    up <- function(v, theta) {
      z <- (log(v) - drop(X %*% theta[-length(theta)])) / exp(theta[length(theta)])
      if (dist == "weibull") exp(-exp(z)) else plogis(-z)
    }
    rows <- function(theta) w * log(ifelse(is.na(d$left), 1, up(d$left, theta)) -
      ifelse(is.na(d$right), 0, up(d$right, theta)))
    U <- rowsum(numDeriv::jacobian(rows, c(coef(f), log(f$scale))), d[[cluster]])
    var <- f$var %*% crossprod(U) %*% f$var
  } else if (!is.null(cluster)) {
    call$cluster <- as.name(cluster); call$robust <- TRUE
    var <- eval(as.call(call))$var
  }
  list(id = id, data = name, formula = formula, distribution = dist, cluster = cluster,
    weights = weights, names = c(names(coef(f)), "log_scale"),
    estimate = c(coef(f), log(f$scale)), var = unname(var), log_likelihood = f$loglik[2])
}
afts <- list()
for (dist in c("weibull", "loglogistic")) {
  add <- function(...) afts[[length(afts) + 1]] <<- aft(..., dist = dist)
  add(paste("bcdeter,", dist), "bcdeter", "~ treat")
  add(paste("psor,", dist), "psor", "~ hieffusn + ollwsdrt")
  add(paste("cav,", dist), "cav", "~ dage + ihd")
  add(paste("lung, exact and left too,", dist), "lung", "~ age + sex")
  add(paste("rotterdam,", dist), "rotterdam", "~ age10 + hormon + node")
  add(paste("rotterdam, clusters,", dist), "rotterdam", "~ age10 + hormon", cluster = "center")
  add(paste("diabetic, clusters,", dist), "diabetic", "~ trt + laser + age10", cluster = "id")
  add(paste("diabetic, weights,", dist), "diabetic", "~ trt + age10", weights = "w")
  add(paste("diabetic, weights and clusters,", dist), "diabetic", "~ trt", cluster = "id",
    weights = "w")
  add(paste("retinopathy, known times, clusters,", dist), "retinopathy", "~ trt + laser",
    cluster = "id", interval = FALSE)
  add(paste("mgus2, no covariate,", dist), "mgus2", "~ 1")
}
write_json(afts, file.path(folder, "aft.json"), digits = NA, auto_unbox = TRUE, null = "null")

# ---- manifest -----------------------------------------------------------------------------------
versions <- sapply(c("msm", "survival", "KMsurv", "numDeriv", "jsonlite"),
  function(p) as.character(packageVersion(p)))
write_json(list(R = R.version.string, packages = as.list(versions),
  command = "Rscript tests/reference/make_interval.R",
  settings = list(msm = list(reltol = 1e-15, maxit = 5000, ndeps = 1e-5),
    survfitTurnbull = list(eps = 1e-13), survreg.control = list(rel.tolerance = 1e-14)),
  files = list.files(folder)), file.path(folder, "manifest.json"), auto_unbox = TRUE, pretty = TRUE)
