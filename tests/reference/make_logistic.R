# Reference values for logistic regression, from R at tight convergence.
#
#   cd tests/reference && Rscript make_logistic.R
#
# Writes into logistic/: the data sets, cases.csv (one row per case and coefficient), tests.csv,
# predictions.csv and manifest.json (cases with their options; versions; convergence settings).
# Where R packages stop short of full accuracy (profile limits) the script solves for the limit
# itself by uniroot; where no package exists (modified scores of clusters under Firth's penalty)
# it writes the formula out.
suppressPackageStartupMessages({
  library(MASS); library(survival); library(geepack); library(brglm2)
  library(sandwich); library(clubSandwich); library(rms); library(splines); library(jsonlite)
})
options(digits = 17, warn = 1)
control <- glm.control(epsilon = 1e-15, maxit = 200)
firth_control <- brglmControl(type = "AS_mean", epsilon = 1e-13, maxit = 2000)

## data -------------------------------------------------------------------------------------
data(ohio, package = "geepack"); data(respiratory, package = "geepack")
data(endometrial, package = "brglm2")
birthwt$race <- factor(c("white", "black", "other")[birthwt$race], c("white", "black", "other"))
birthwt$bwt <- NULL
# weights and offset are made by rule, so that they need no generator
birthwt$w_whole <- 1 + seq_len(nrow(birthwt)) %% 3
birthwt$w_part <- 0.5 + (seq_len(nrow(birthwt)) * 7 %% 11) %% 5 / 4
birthwt$known <- ((seq_len(nrow(birthwt)) * 5) %% 9 - 4) / 10
bacteria$positive <- as.integer(bacteria$y == "y"); bacteria$y <- NULL
bacteria$ID <- as.character(bacteria$ID)
respiratory$patient <- paste(respiratory$center, respiratory$id, sep = "-")
respiratory$w_part <- 0.5 + (seq_len(nrow(respiratory)) * 7 %% 11) %% 5 / 4
sets <- list(birthwt = birthwt, bacteria = bacteria, ohio = ohio, respiratory = respiratory,
             endometrial = endometrial, retinopathy = retinopathy)
for (name in names(sets))
  write.csv(sets[[name]], file.path("logistic", paste0(name, ".csv")), row.names = FALSE)

## cases ------------------------------------------------------------------------------------
# formula: as vpstats takes it; r: as R takes it, where they differ
case <- function(id, data, formula, r = formula, penalty = NULL, vcov = NULL, cluster = NULL,
                 weights = NULL, offset = NULL, intervals = "wald", level = 0.95)
  list(id = id, data = data, formula = formula, r = r, penalty = penalty, vcov = vcov,
       cluster = cluster, weights = weights, offset = offset, intervals = intervals, level = level)
full <- "low ~ age + lwt + C(race, ref='white') + smoke + ptl + ht + ui"
full_r <- "low ~ age + lwt + race + smoke + ptl + ht + ui"
few <- "low ~ lwt + smoke + ht"
bact <- "positive ~ C(trt, ref='placebo') + week"
bact_r <- "positive ~ relevel(factor(trt), 'placebo') + week"
resp <- "outcome ~ C(treat, ref='P') + sex + age + baseline + C(center)"
resp_r <- "outcome ~ relevel(factor(treat), 'P') + sex + age + baseline + factor(center)"
reti <- "status ~ trt * type + C(laser, ref='xenon') + risk"
reti_r <- "status ~ trt * factor(as.character(type)) + relevel(laser, 'xenon') + risk"
cases <- list(
  case("birthwt", "birthwt", full, full_r),
  case("birthwt-hc1", "birthwt", full, full_r, vcov = "HC1"),
  case("birthwt-level", "birthwt", full, full_r, level = 0.9),
  case("birthwt-whole-weights", "birthwt", full, full_r, weights = "w_whole"),
  case("birthwt-weights", "birthwt", full, full_r, weights = "w_part"),
  case("birthwt-weights-hc1", "birthwt", full, full_r, weights = "w_part", vcov = "HC1"),
  case("birthwt-offset", "birthwt", full, full_r, offset = "known"),
  case("birthwt-offset-weights", "birthwt", full, full_r, offset = "known", weights = "w_part"),
  case("birthwt-interaction", "birthwt", "low ~ age * C(race, ref='white') + ui:smoke",
       "low ~ age * race + ui:smoke"),
  case("birthwt-no-intercept", "birthwt", "low ~ 0 + C(race, ref='white') + age",
       "low ~ 0 + race + age"),
  case("birthwt-arithmetic", "birthwt", "low ~ log(lwt) + I(age**2 / 100) + sqrt(ftv + 1) + I(ptl > 0)",
       "low ~ log(lwt) + I(age^2 / 100) + sqrt(ftv + 1) + as.numeric(ptl > 0)"),
  case("birthwt-poly", "birthwt", "low ~ poly(age, degree=3) + scale(lwt)",
       "low ~ poly(age, 3) + I((lwt - mean(lwt)) / sd(lwt))"),
  case("birthwt-bs", "birthwt", "low ~ bs(lwt, df=5) + smoke"),
  case("birthwt-bs-knots", "birthwt", "low ~ bs(age, knots=[20, 25], degree=2) + smoke",
       "low ~ bs(age, knots = c(20, 25), degree = 2) + smoke"),
  case("birthwt-rcs", "birthwt", "low ~ rcs(lwt, k=4) + smoke", "low ~ rcs(lwt, 4) + smoke"),
  case("birthwt-rcs-knots", "birthwt", "low ~ rcs(age, knots=[17, 22, 27, 33])",
       "low ~ rcs(age, c(17, 22, 27, 33))"),
  case("birthwt-profile", "birthwt", few, intervals = "profile"),
  case("birthwt-profile-full", "birthwt", full, full_r, intervals = "profile", level = 0.99),
  case("birthwt-profile-weights-offset", "birthwt", few, weights = "w_part", offset = "known",
       intervals = "profile"),
  case("birthwt-firth", "birthwt", full, full_r, penalty = "firth"),
  case("birthwt-firth-weights", "birthwt", full, full_r, penalty = "firth", weights = "w_part"),
  case("birthwt-firth-offset", "birthwt", full, full_r, penalty = "firth", offset = "known"),
  case("birthwt-firth-profile", "birthwt", full, full_r, penalty = "firth",
       intervals = "profile"),
  case("birthwt-firth-profile-weights", "birthwt", few, penalty = "firth", weights = "w_part",
       offset = "known", intervals = "profile"),
  case("birthwt-firth-hc1", "birthwt", full, full_r, penalty = "firth", vcov = "HC1"),
  # Heinze & Schemper (2002): neovasculation separates the grade
  case("endometrial-firth", "endometrial", "HG ~ NV + PI + EH", penalty = "firth"),
  case("endometrial-firth-profile", "endometrial", "HG ~ NV + PI + EH", penalty = "firth",
       intervals = "profile"),
  case("bacteria-cr0", "bacteria", bact, bact_r, vcov = "CR0", cluster = "ID"),
  case("bacteria-cr1", "bacteria", bact, bact_r, cluster = "ID"),
  case("bacteria-cr2", "bacteria", bact, bact_r, vcov = "CR2", cluster = "ID"),
  case("bacteria-firth-cr0", "bacteria", bact, bact_r, penalty = "firth", vcov = "CR0",
       cluster = "ID"),
  case("bacteria-firth-cr1", "bacteria", bact, bact_r, penalty = "firth", vcov = "CR1",
       cluster = "ID"),
  case("ohio-cr0", "ohio", "resp ~ age * smoke", vcov = "CR0", cluster = "id"),
  case("ohio-cr1", "ohio", "resp ~ age * smoke", cluster = "id"),
  case("ohio-cr2", "ohio", "resp ~ age * smoke", vcov = "CR2", cluster = "id"),
  case("respiratory", "respiratory", resp, resp_r),
  case("respiratory-cr1", "respiratory", resp, resp_r, cluster = "patient"),
  case("respiratory-cr2", "respiratory", resp, resp_r, vcov = "CR2", cluster = "patient"),
  case("respiratory-weights-cr2", "respiratory", resp, resp_r, vcov = "CR2",
       cluster = "patient", weights = "w_part"),
  case("respiratory-weights-cr1", "respiratory", resp, resp_r, cluster = "patient",
       weights = "w_part"),
  case("respiratory-two-way", "respiratory", resp, resp_r, vcov = "CR1",
       cluster = c("patient", "visit")),
  case("retinopathy-cr1", "retinopathy", reti, reti_r, cluster = "id"),
  case("retinopathy-cr2", "retinopathy", reti, reti_r, vcov = "CR2", cluster = "id"),
  case("retinopathy-firth", "retinopathy", reti, reti_r, penalty = "firth", vcov = "CR1",
       cluster = "id"),
  case("retinopathy-two-way", "retinopathy", reti, reti_r, vcov = "CR1", cluster = c("id", "risk"))
)

## fits -------------------------------------------------------------------------------------
setup <- function(k) {
  data <- sets[[k$data]]
  n <- nrow(data)
  data$.w <- if (is.null(k$weights)) rep(1, n) else data[[k$weights]]
  data$.o <- if (is.null(k$offset)) rep(0, n) else data[[k$offset]]
  formula <- as.formula(k$r)
  method <- if (is.null(k$penalty)) "glm.fit" else "brglmFit"
  fit <- suppressWarnings(eval(bquote(glm(
    .(formula), family = binomial(), data = data, weights = .w, offset = .o,
    method = .(method), control = .(if (is.null(k$penalty)) control else firth_control)))))
  list(fit = fit, data = data, X = model.matrix(fit), y = fit$y, w = data$.w, o = data$.o)
}
ll <- function(b, m) { eta <- drop(m$X %*% b + m$o)
  sum(m$w * (m$y * eta - log1p(exp(eta)))) }
working <- function(b, m) { p <- plogis(drop(m$X %*% b + m$o)); m$w * p * (1 - p) }
info <- function(b, m) crossprod(m$X, m$X * working(b, m))
leverage <- function(b, m) { W <- working(b, m)
  rowSums((m$X %*% solve(info(b, m))) * m$X) * W }
modified <- function(b, m) { p <- plogis(drop(m$X %*% b + m$o))
  m$w * (m$y - p) + leverage(b, m) * (0.5 - p) }
penalised <- function(b, m) ll(b, m) + 0.5 * as.numeric(determinant(info(b, m))$modulus)
objective <- function(k) if (is.null(k$penalty)) ll else penalised
gradient <- function(b, m, k) {
  p <- plogis(drop(m$X %*% b + m$o))
  r <- if (is.null(k$penalty)) m$w * (m$y - p) else modified(b, m)
  drop(crossprod(m$X, r))
}
# maximum with some coefficients held; Newton steps, halved
constrained <- function(b, free, m, k) {
  f <- objective(k)
  if (!any(free)) return(b)
  for (i in 1:500) {
    g <- gradient(b, m, k)[free]
    step <- solve(info(b, m)[free, free, drop = FALSE], g)
    if (sum(g * step) < 1e-24) break
    now <- f(b, m); s <- 1
    repeat { trial <- b; trial[free] <- b[free] + s * step
      if (f(trial, m) >= now - 1e-12 || s < 1e-8) break
      s <- s / 2 }
    b <- trial
  }
  b
}
profile_case <- function(k, m) {
  f <- objective(k); b <- coef(m$fit)
  b <- constrained(b, rep(TRUE, length(b)), m, k)
  top <- f(b, m); target <- top - qchisq(k$level, 1) / 2
  se <- sqrt(diag(solve(info(b, m))))
  limit <- function(j, side) {
    start <- b
    gap <- function(d) { x <- start; x[j] <- b[j] + side * d * se[j]
      free <- seq_along(b) != j
      x <- constrained(x, free, m, k); f(x, m) - target }
    far <- 2; while (gap(far) > 0) far <- far * 1.5
    b[j] + side * uniroot(gap, c(0, far), tol = 1e-13, maxiter = 1000)$root * se[j]
  }
  p <- sapply(seq_along(b), function(j) { x <- b; x[j] <- 0
    x <- constrained(x, seq_along(b) != j, m, k)
    pchisq(2 * (top - f(x, m)), 1, lower.tail = FALSE) })
  list(low = sapply(seq_along(b), limit, -1), high = sapply(seq_along(b), limit, 1), p = p)
}
covariance <- function(k, m) {
  fit <- m$fit; n <- nrow(m$X); p <- ncol(m$X)
  if (is.null(k$cluster)) {
    V <- if (is.null(k$vcov)) vcov(fit)
    else if (is.null(k$penalty)) vcovHC(fit, type = k$vcov)
    else { u <- m$X * modified(coef(fit), m)
      vcov(fit) %*% crossprod(u) %*% vcov(fit) * n / (n - p) }
    return(list(V = V, df = rep(Inf, p)))
  }
  type <- if (is.null(k$vcov)) "CR1" else k$vcov
  groups <- m$data[k$cluster]
  G <- min(sapply(groups, function(g) length(unique(g))))
  df <- rep(G - 1, p)
  if (type == "CR2") {
    V <- vcovCR(fit, cluster = groups[[1]], type = "CR2")
    df <- coef_test(fit, vcov = V, test = "Satterthwaite")$df_Satt
    if (is.null(df)) df <- coef_test(fit, vcov = V, test = "Satterthwaite")$df
  } else if (!is.null(k$penalty)) {
    u <- rowsum(m$X * modified(coef(fit), m), groups[[1]])
    V <- vcov(fit) %*% crossprod(u) %*% vcov(fit) * (if (type == "CR1") G / (G - 1) else 1)
  } else {
    V <- vcovCL(fit, cluster = groups, type = "HC0", cadjust = type == "CR1")
  }
  list(V = as.matrix(V), df = df)
}

rows <- do.call(rbind, lapply(cases, function(k) {
  m <- setup(k); b <- coef(m$fit); v <- covariance(k, m)
  se <- sqrt(diag(v$V))
  q <- qt(0.5 + k$level / 2, v$df)
  # likelihoods at the script's own maximum: brglm2 stops at 1e-9 standard errors of it, which
  # shows in the eleventh digit
  top <- constrained(b, rep(TRUE, length(b)), m, k)
  out <- data.frame(case = k$id, position = seq_along(b) - 1, r_name = names(b), estimate = b,
    std_error = se, df = v$df, p_value = 2 * pt(-abs(b / se), v$df),
    conf_low = b - q * se, conf_high = b + q * se, log_likelihood = ll(top, m),
    penalised = if (is.null(k$penalty)) NA else penalised(top, m), n = nrow(m$X))
  if (k$intervals == "profile") {
    pr <- profile_case(k, m)
    out$conf_low <- pr$low; out$conf_high <- pr$high; out$p_value <- pr$p
  }
  cat(k$id, "\n"); out
}))
write.csv(rows, "logistic/cases.csv", row.names = FALSE)

## several coefficients together ------------------------------------------------------------
together <- function(id, k, terms, positions) {
  m <- setup(k); b <- coef(m$fit); v <- covariance(k, m)
  wald <- drop(b[positions] %*% solve(v$V[positions, positions], b[positions]))
  q <- length(positions)
  f <- objective(k); top <- constrained(b, rep(TRUE, length(b)), m, k)
  null <- top; null[positions] <- 0
  null <- constrained(null, !(seq_along(b) %in% positions), m, k)
  lr <- 2 * (f(top, m) - f(null, m))
  finite <- is.finite(v$df[1])
  data.frame(test = id, case = k$id, terms = terms, q = q,
    wald = if (finite) wald / q else wald, df_residual = v$df[1],
    wald_p = if (finite) pf(wald / q, q, v$df[1], lower.tail = FALSE)
             else pchisq(wald, q, lower.tail = FALSE),
    ratio = lr, ratio_p = pchisq(lr, q, lower.tail = FALSE))
}
by_id <- setNames(cases, sapply(cases, `[[`, "id"))
tests <- rbind(
  together("race", by_id[["birthwt"]], "race", 3 + 1:2),
  together("race-and-smoke", by_id[["birthwt"]], "race;smoke", c(4, 5, 6)),
  together("race-firth", by_id[["birthwt-firth"]], "race", c(4, 5)),
  together("race-weights", by_id[["birthwt-weights"]], "race", c(4, 5)),
  together("race-offset", by_id[["birthwt-firth-offset"]], "race", c(4, 5)),
  together("spline", by_id[["birthwt-rcs"]], "rcs(lwt, k=4)", 2:4),
  together("treatment", by_id[["bacteria-cr1"]], "trt", 2:3),
  together("treatment-firth", by_id[["bacteria-firth-cr1"]], "trt", 2:3))
# the same from R itself, so that the script's own solver is checked by it
m <- setup(by_id[["birthwt"]])
smaller <- glm(low ~ age + lwt + smoke + ptl + ht + ui, binomial, birthwt, control = control)
stopifnot(abs(anova(smaller, m$fit, test = "LRT")$Deviance[2] - tests$ratio[1]) < 1e-9)
write.csv(tests, "logistic/tests.csv", row.names = FALSE)

## predictions ------------------------------------------------------------------------------
predictions <- do.call(rbind, lapply(c("birthwt", "birthwt-offset", "birthwt-rcs", "birthwt-firth",
                                       "birthwt-poly"), function(id) {
  k <- by_id[[id]]; m <- setup(k); X <- m$X[1:25, ]
  eta <- drop(X %*% coef(m$fit)) + m$o[1:25]; se <- sqrt(rowSums((X %*% vcov(m$fit)) * X))
  if (id != "birthwt-firth") {
    link <- predict(m$fit, type = "link", se.fit = TRUE)
    stopifnot(max(abs(link$fit[1:25] - eta)) < 1e-10)
  }
  z <- qnorm(0.975)
  data.frame(case = id, row = 0:24, estimate = plogis(eta),
    std_error = plogis(eta) * (1 - plogis(eta)) * se,
    conf_low = plogis(eta - z * se), conf_high = plogis(eta + z * se))
}))
write.csv(predictions, "logistic/predictions.csv", row.names = FALSE)

packages <- c("MASS", "survival", "geepack", "brglm2", "sandwich", "clubSandwich", "rms",
              "splines", "jsonlite")
versions <- lapply(setNames(packages, packages), function(p) as.character(packageVersion(p)))
write_json(list(
  command = "cd tests/reference && Rscript make_logistic.R", r = R.version.string,
  packages = versions,
  convergence = list(glm = "epsilon 1e-15, maxit 200",
    brglm2 = "type AS_mean, epsilon 1e-13, maxit 2000",
    profile = "uniroot tol 1e-13 on constrained Newton maxima, decrement below 1e-24"),
  data = list(birthwt = "MASS (Hosmer and Lemeshow 1989)", bacteria = "MASS",
    ohio = "geepack", respiratory = "geepack", endometrial = "brglm2 (Heinze and Schemper 2002)",
    retinopathy = "survival"),
  cases = cases), "logistic/manifest.json", auto_unbox = TRUE, pretty = TRUE, null = "null")
