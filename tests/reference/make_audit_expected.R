# Reference values for what an audit of centers expects, from glm and coxph.
#
#   cd tests/reference && Rscript make_audit_expected.R
#
# writes audit_expected/: data_*.csv, sums.csv, models.csv, rates.csv, manifest.json.
# Each center is left out by hand: a regression with a factor of centers is fitted to the others
# (glm with epsilon 1e-14; Firth's penalty on the slopes by its definition, with all centers' columns,
# the gradient of the penalised likelihood checked by numDeriv), the average center's intercept is
# found by uniroot (or given, for the Cox model, by a coxph with an offset and Breslow's ties), and
# the center's rows are predicted. The variance of the expected number is the infinitesimal
# jackknife by patient, for the Cox model and the smaller regressions: everything is fitted again
# with the weight of one patient moved, derivatives are central differences, and squares are summed
# times G / (G - 1). Elsewhere, and for Firth's penalty, whose weights mean something else, it is the
# sandwich of the stacked equations written out with all centers' columns.
suppressPackageStartupMessages({
  library(survival); library(numDeriv); library(jsonlite)
})
options(digits = 17, warn = 1)
dir.create("audit_expected", showWarnings = FALSE)
save_data <- function(d, name) {
  file <- file.path("audit_expected", paste0("data_", name, ".csv"))
  write.csv(d, file, row.names = FALSE, quote = FALSE, na = "")
  read.csv(file, stringsAsFactors = FALSE)
}
data(cbpp, package = "lme4"); data(Contraception, package = "mlmRev")
data(respiratory, package = "geepack")
herds <- do.call(rbind, lapply(seq_len(nrow(cbpp)), function(i) with(cbpp[i, ],
  data.frame(center = paste0("h", herd), sick = rep(c(1, 0), c(incidence, size - incidence)),
             period = paste0("p", period)))))
resp <- with(respiratory, data.frame(center = paste0("c", center), id = paste(center, id, sep = "-"),
  outcome, treat = as.character(treat), sex = as.character(sex), age, baseline))
women <- with(Contraception, data.frame(center = paste0("d", district), y = as.integer(use == "Y"),
  age, urban = as.character(urban), livch = paste0("n", livch)))
women <- women[women$center %in% names(which(table(women$center) >= 45)), ]
women$age <- round(women$age / 5)
lungs <- with(na.omit(lung[, c("inst", "time", "status", "age", "sex", "ph.ecog")]), data.frame(
  center = paste0("i", inst), time, died = status - 1, dead = as.integer(status == 2 & time <= 180),
  age, sex, ecog = ph.ecog))
big <- names(which(table(lungs$center) >= 8))
lungs <- lungs[lungs$center %in% big, ]
granuloma <- with(cgd, data.frame(center = paste0("c", as.integer(center)), id, tstart, tstop, status,
  treat = as.character(treat), age, steroids))
sets <- mapply(save_data, list(herds, resp, women, lungs, granuloma),
  c("herds", "resp", "women", "lungs", "granuloma"), SIMPLIFY = FALSE)
names(sets) <- c("herds", "resp", "women", "lungs", "granuloma")

tight <- glm.control(epsilon = 1e-14, maxit = 100)
design <- function(d, adjust) {
  if (!length(adjust)) return(matrix(0, nrow(d), 0))
  model.matrix(reformulate(adjust), d)[, -1, drop = FALSE]
}
level_of <- function(shift, events, w) uniroot(function(a) sum(w * plogis(a + shift)) - events,
  c(-50, 50), tol = 1e-14, maxiter = 1e5)$root
# fit slopes to some rows, with weights, by maximum likelihood
slopes <- function(y, X, center, w) {
  if (!ncol(X)) return(numeric())
  # a center without variation of the outcome tells nothing of slopes
  keep <- ave(y, center, FUN = function(v) length(unique(v))) > 1
  f <- factor(center[keep])
  C <- if (nlevels(f) > 1) model.matrix(~ f) else matrix(1, sum(keep), 1)
  fit <- suppressWarnings(glm.fit(cbind(C, X[keep, , drop = FALSE]), y[keep], weights = w[keep],
    family = binomial(), control = tight))
  fit$coefficients[-seq_len(ncol(C))]
}
# half the log determinant of the slopes' information, the centers' columns swept out of it
firth <- function(y, X, center) {
  vary <- ave(y, center, FUN = function(v) length(unique(v))) > 1
  f <- factor(center, unique(center[vary]))
  C <- sapply(levels(f), function(l) as.numeric(!is.na(f) & f == l))
  Z <- cbind(C, X)[vary, ]; yv <- y[vary]; k <- ncol(C); s <- k + seq_len(ncol(X))
  schur <- function(I) I[s, s] - I[s, -s] %*% solve(I[-s, -s], I[-s, s])
  value <- function(b) {
    eta <- as.vector(Z %*% b); mu <- plogis(eta)
    sum(yv * eta + plogis(-eta, log.p = TRUE)) +
      as.numeric(determinant(schur(crossprod(Z, mu * (1 - mu) * Z)))$modulus) / 2
  }
  b <- rep(0, ncol(Z))
  for (i in 1:500) {
    mu <- plogis(as.vector(Z %*% b)); w <- mu * (1 - mu); I <- crossprod(Z, w * Z)
    off <- Z[, s] - Z[, -s] %*% solve(I[-s, -s], I[-s, s])
    q <- w * rowSums((off %*% solve(schur(I))) * off)
    step <- solve(I, crossprod(Z, yv - mu + q * (0.5 - mu)))
    b <- b + as.vector(step)
    if (max(abs(step)) < 1e-13) break
  }
  stopifnot(max(abs(grad(value, b))) < 1e-6)
  list(alpha = b[-s], beta = b[s], C = C, vary = vary)
}
expected_of <- function(d, X, y, train, own, w) {
  beta <- slopes(y[train], X[train, , drop = FALSE], d$center[train], w[train])
  shift <- as.vector(X %*% beta)
  a <- level_of(shift[train], sum(w[train] * y[train]), w[train])
  list(risk = plogis(a + shift[own]), total = sum(plogis(a + shift[own])))
}
# rows that are alike in everything move the total alike: `alike` names them, one of each is moved
jackknife <- function(total, patients, train, n, alike = patients) {
  ids <- patients[train][!duplicated(alike[train])]
  parts <- sapply(ids, function(id) {
    move <- function(h) { w <- rep(1, n); w[patients == id] <- 1 + h; total(w) }
    (move(1e-4) - move(-1e-4)) / 2e-4
  })
  G <- length(unique(patients[train]))
  first <- alike[train][!duplicated(patients[train])]
  times <- table(first)[as.character(alike[match(ids, patients)])]
  G / (G - 1) * sum(as.vector(times) * parts^2)
}
likelihood <- function(y, X, center) {
  # a center without variation of the outcome has an infinite level and tells nothing of slopes
  vary <- ave(y, center, FUN = function(v) length(unique(v))) > 1
  f <- factor(center, unique(center[vary]))
  C <- sapply(levels(f), function(l) as.numeric(!is.na(f) & f == l))
  fit <- glm.fit(cbind(C, X)[vary, ], y[vary], family = binomial(), control = tight)
  list(alpha = fit$coefficients[seq_len(ncol(C))], beta = fit$coefficients[-seq_len(ncol(C))],
       C = C, vary = vary)
}
stacked <- function(d, X, y, train, own, patients, penalty) {
  f <- (if (is.null(penalty)) likelihood else firth)(y[train], X[train, , drop = FALSE], d$center[train])
  Xt <- cbind(f$C, X[train, , drop = FALSE]); p <- ncol(Xt); b <- c(f$alpha, f$beta)
  a <- level_of(as.vector(X[train, , drop = FALSE] %*% f$beta), sum(y[train]), rep(1, sum(train)))
  mu <- plogis(as.vector(Xt %*% b)); w <- mu * (1 - mu)
  w <- w * f$vary
  I <- crossprod(Xt, w * Xt); k <- seq_len(ncol(f$C))
  h <- 0 * w
  if (!is.null(penalty)) {
    off <- Xt[, -k, drop = FALSE] - f$C %*% solve(I[k, k], I[k, -k])
    h <- w * rowSums((off %*% solve(I[-k, -k] - I[-k, k] %*% solve(I[k, k], I[k, -k]))) * off)
  }
  score <- Xt * (y[train] - mu + h * (0.5 - mu)) * f$vary
  m <- plogis(a + as.vector(X[train, , drop = FALSE] %*% f$beta))
  S <- rowsum(cbind(score, y[train] - m), patients[train])
  # the bread is the information (the penalty's own derivative is of lower order)
  B <- rbind(cbind(crossprod(Xt, w * Xt), 0),
    c(colSums(m * (1 - m) * cbind(0 * f$C, X[train, , drop = FALSE])), sum(m * (1 - m))))
  inf <- S %*% t(solve(B)); G <- nrow(S)
  V <- G / (G - 1) * crossprod(inf)
  risk <- plogis(a + as.vector(X[own, , drop = FALSE] %*% f$beta))
  g <- c(rep(0, ncol(f$C)), colSums(risk * (1 - risk) * X[own, , drop = FALSE]), sum(risk * (1 - risk)))
  list(total = sum(risk), risk = risk, variance = as.numeric(t(g) %*% V %*% g))
}
correlate <- function(e, v, patient) {
  s <- function(x, z) sum(rowsum(x, patient)^2) - sum(z)
  max(0, min(1, s(e, e^2) / s(sqrt(v), v)))
}
proportion <- function(id, data, outcome, adjust = character(), cluster = NULL, penalty = NULL, jack = FALSE) {
  d <- sets[[data]]; y <- d[[outcome]]; X <- design(d, adjust); n <- nrow(d)
  patients <- if (is.null(cluster)) seq_len(n) else d[[cluster]]
  alike <- if (is.null(cluster)) do.call(paste, d[c("center", outcome, adjust)]) else patients
  rows <- list(); risk <- numeric(n)
  for (c in sort(unique(d$center))) {
    own <- d$center == c; train <- !own
    if (jack) {
      e <- expected_of(d, X, y, train, own, rep(1, n))
      V <- jackknife(function(w) expected_of(d, X, y, train, own, w)$total, patients, train, n, alike)
    } else { e <- stacked(d, X, y, train, own, patients, penalty); V <- e$variance }
    risk[own] <- e$risk
    rows[[c]] <- data.frame(case = id, center = c, n = sum(own), observed = sum(y[own]),
      expected = sum(e$risk), benchmark_variance = V)
  }
  rows <- do.call(rbind, rows)
  beta <- if (is.null(penalty)) slopes(y, X, d$center, rep(1, n)) else firth(y, X, d$center)$beta
  shift <- as.vector(X %*% beta); a <- b <- d1 <- numeric()
  mean <- numeric(n)
  if (is.null(penalty)) for (c in rows$center) {
    own <- d$center == c
    share <- mean(y[own])
    alpha <- if (share %in% 0:1) ifelse(share > 0, Inf, -Inf) else
      level_of(shift[own], sum(y[own]), rep(1, sum(own)))
    mean[own] <- plogis(alpha + shift[own]); d1[c] <- mean(plogis(alpha + shift))
  } else { f <- firth(y, X, d$center); mean <- plogis(as.vector(cbind(f$C, X) %*% c(f$alpha, f$beta)))
    for (c in rows$center) { own <- d$center == c; share <- mean(y[own])
      d1[c] <- if (share %in% 0:1) share else
        mean(plogis(level_of(shift[own], sum(y[own]), rep(1, sum(own))) + shift)) } }
  r <- if (is.null(cluster)) 0 else correlate(y - mean, mean * (1 - mean), paste(d$center, patients))
  v <- risk * (1 - risk)
  rows$variance <- sapply(rows$center, function(c) { own <- d$center == c
    sum(v[own]) + r * (sum(rowsum(sqrt(v[own]), as.character(patients[own]))^2) - sum(v[own])) })
  rows$direct <- d1[rows$center]
  rows$indirect <- rows$observed / rows$expected * mean(y)
  rows$correlation <- r
  total <- level_of(shift, sum(y), rep(1, n))
  model <- data.frame(case = id, term = c("Intercept", colnames(X)), estimate = c(total, beta))
  list(rows = rows, model = model, case = list(id = id, kind = "proportion", data = data,
    outcome = outcome, adjust = I(adjust), cluster = cluster, penalty = penalty))
}

# cumulative hazards: Breslow's over the other centers at their stratified Cox slopes
hazards <- function(d, X, S, train, own, w) {
  beta <- numeric()
  if (ncol(X)) beta <- coxph(S[train] ~ X[train, , drop = FALSE] + strata(d$center[train]),
    weights = w[train], control = coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100))$coefficients
  shift <- as.vector(X %*% beta)
  risk <- w * exp(shift)
  start <- if (ncol(S) == 3) S[, 1] else rep(-1, nrow(d)); stop <- S[, ncol(S) - 1]; dead <- S[, ncol(S)]
  times <- sort(unique(stop[train & dead == 1]))
  step <- sapply(times, function(t) sum(w[train & dead == 1 & stop == t]) /
    sum(risk[train & start < t & stop >= t]))
  total <- function(i) exp(shift[i]) * sum(step[times <= stop[i] & times > start[i]])
  sapply(which(own), total)
}
incidence <- function(id, data, stop, event, horizon, adjust = character(), cluster = NULL,
                      entry = NULL) {
  d <- sets[[data]]; X <- design(d, adjust)
  if (!is.null(entry)) { keep <- d[[entry]] < horizon; d <- d[keep, ]; X <- X[keep, , drop = FALSE] }
  n <- nrow(d)
  time <- pmin(d[[stop]], horizon); dead <- as.integer(d[[event]] == 1 & d[[stop]] <= horizon)
  S <- if (is.null(entry)) Surv(time, dead) else Surv(d[[entry]], time, dead)
  patients <- if (is.null(cluster)) seq_len(n) else d[[cluster]]
  rows <- list()
  for (c in sort(unique(d$center))) {
    own <- d$center == c; train <- !own
    h <- hazards(d, X, S, train, own, rep(1, n))
    V <- jackknife(function(w) sum(hazards(d, X, S, train, own, w)), patients, train, n)
    rows[[c]] <- data.frame(case = id, center = c, n = sum(own), observed = sum(dead[own]),
      expected = sum(h), benchmark_variance = V)
    # once more by survival's own prediction of an expected number
    if (ncol(X)) {
      e <- d; e$time <- time; e$dead <- dead; e$from <- if (is.null(entry)) -1 else d[[entry]]
      e$lp <- as.vector(X %*% coxph(S[train] ~ X[train, , drop = FALSE] + strata(d$center[train]),
        control = coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100))$coefficients)
      fit <- coxph(Surv(from, time, dead) ~ lp, e[train, ], ties = "breslow", init = 1,
        control = coxph.control(iter.max = 0))
      rows[[c]]$predicted <- sum(predict(fit, e[own, ], type = "expected"))
    }
  }
  rows <- do.call(rbind, rows)
  list(rows = rows, model = NULL, case = list(id = id, kind = "incidence", data = data, stop = stop,
    event = event, horizon = horizon, adjust = I(adjust), cluster = cluster, entry = entry))
}

found <- list(
  proportion("herds", "herds", "sick", "period"),
  proportion("herds crude", "herds", "sick"),
  proportion("herds firth", "herds", "sick", "period", penalty = "firth"),
  proportion("respiratory", "resp", "outcome", c("treat", "sex", "age", "baseline"), cluster = "id",
    jack = TRUE),
  proportion("respiratory crude", "resp", "outcome", cluster = "id", jack = TRUE),
  proportion("women", "women", "y", c("age", "urban")),
  proportion("women firth", "women", "y", c("age", "urban"), penalty = "firth"),
  proportion("lung", "lungs", "dead", c("age", "sex"), jack = TRUE),
  proportion("lung stacked", "lungs", "dead", c("age", "sex")),
  incidence("lung time", "lungs", "time", "died", 365, c("age", "sex", "ecog")),
  incidence("lung time crude", "lungs", "time", "died", 365),
  incidence("granuloma", "granuloma", "tstop", "status", 270, c("treat", "age"), "id", "tstart"),
  incidence("granuloma crude", "granuloma", "tstop", "status", 270, character(), "id", "tstart"))
bind <- function(parts) {
  names_ <- unique(unlist(lapply(parts, names)))
  do.call(rbind, lapply(parts, function(p) { p[setdiff(names_, names(p))] <- NA; p[names_] }))
}
write.csv(bind(lapply(found, `[[`, "rows")), "audit_expected/sums.csv", row.names = FALSE)
models <- Filter(Negate(is.null), lapply(found, `[[`, "model"))
write.csv(do.call(rbind, models), "audit_expected/models.csv", row.names = FALSE)
packages <- c("survival", "numDeriv", "lme4", "mlmRev", "geepack")
manifest <- list(script = "make_audit_expected.R", R = R.version.string,
  packages = setNames(lapply(packages, function(p) as.character(packageVersion(p))), packages),
  cases = lapply(found, `[[`, "case"))
writeLines(toJSON(manifest, auto_unbox = TRUE, pretty = TRUE, null = "null"),
  "audit_expected/manifest.json")
