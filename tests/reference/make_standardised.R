# Reference values for standardised risks and partial effects.
#
#   cd tests/reference && Rscript make_standardised.R
#
# Reads the data sets that make_logistic.R and make_logistic_more.R wrote, and writes into
# standardised/: risks.csv, survey.csv, effects.csv, manifest.json.
# The g-formula is written out with model frames of R; derivatives are numDeriv's. With rows fixed
# the covariance is that of the fit (stats, brglm2, sandwich, clubSandwich) between numerical
# derivatives. With rows sampled it is that of the stacked estimating equations of coefficients and
# means, all differentiated numerically, or, with the covariance of the model, the sum of both
# parts. `survey::svypredmeans` gives means and the part of the coefficients once more,
# `riskRegression::ate` differences with rows sampled, to fewer digits.
suppressPackageStartupMessages({
  library(brglm2); library(sandwich); library(clubSandwich); library(rms); library(splines)
  library(numDeriv); library(survey); library(riskRegression); library(jsonlite)
})
options(digits = 17, warn = 1)
source("logistic_functions.R")
read <- function(folder, name, factors = character(), references = list()) {
  d <- read.csv(file.path(folder, paste0(name, ".csv")), stringsAsFactors = FALSE)
  for (f in factors) d[[f]] <- factor(d[[f]])
  for (f in names(references)) d[[f]] <- relevel(factor(d[[f]]), references[[f]])
  d
}
sets <- list(
  birthwt = read("logistic", "birthwt", references = list(race = "white")),
  bacteria = read("logistic", "bacteria", references = list(trt = "placebo")),
  respiratory = read("logistic", "respiratory", "center", list(treat = "P")),
  retinopathy = read("logistic", "retinopathy", "type", list(laser = "xenon")),
  toenail = read("logistic_more", "toenail"), cows = read("logistic_more", "cows", "period"),
  mroz = read("logistic_more", "mroz"), wilms = read("logistic_more", "wilms", "stage"),
  pigs = read("logistic_more", "pigs", c("Cu", "Time")))

ask <- function(id, exposure, values, ..., reference = 1, at = list(), covariates = "sampled")
  list(case = case(id, ...), exposure = exposure, values = values, reference = reference, at = at,
       covariates = covariates)
race <- "low ~ C(race, ref='white') * smoke + rcs(lwt, k=4) + ui"
race_r <- "low ~ race * smoke + rcs(lwt, 4) + ui"
bact <- "positive ~ C(trt, ref='placebo') + week"; bact_r <- "positive ~ trt + week"
resp <- "outcome ~ C(treat, ref='P') * sex + age + baseline + C(center)"
resp_r <- "outcome ~ treat * sex + age + baseline + center"
questions <- list(
  ask("race", "race", c("white", "black", "other"), data = "birthwt", formula = race, r = race_r),
  ask("race-fixed", "race", c("white", "black", "other"), data = "birthwt", formula = race,
      r = race_r, covariates = "fixed"),
  ask("race-hc1", "race", c("white", "black", "other"), data = "birthwt", formula = race,
      r = race_r, vcov = "HC1", reference = 3),
  ask("weight-spline", "lwt", c(100, 125, 170), reference = 2, data = "birthwt", formula = race,
      r = race_r, at = list(smoke = 1), covariates = "fixed"),
  ask("smoke-weights", "smoke", c(0, 1), data = "birthwt", formula = race, r = race_r,
      weights = "w_part", vcov = "HC1"),
  ask("smoke-offset", "smoke", c(0, 1), data = "birthwt", formula = race, r = race_r,
      offset = "known"),
  ask("trt", "trt", c("placebo", "drug", "drug+"), data = "bacteria", formula = bact, r = bact_r,
      cluster = "ID"),
  ask("trt-cr0", "trt", c("placebo", "drug", "drug+"), data = "bacteria", formula = bact,
      r = bact_r, cluster = "ID", vcov = "CR0"),
  ask("trt-fixed", "trt", c("placebo", "drug", "drug+"), data = "bacteria", formula = bact,
      r = bact_r, cluster = "ID", covariates = "fixed"),
  ask("trt-cr2-fixed", "trt", c("placebo", "drug", "drug+"), data = "bacteria", formula = bact,
      r = bact_r, cluster = "ID", vcov = "CR2", covariates = "fixed"),
  ask("trt-firth-fixed", "trt", c("placebo", "drug"), data = "bacteria", formula = bact,
      r = bact_r, cluster = "ID", penalty = "firth", covariates = "fixed"),
  ask("trt-flic", "trt", c("placebo", "drug"), data = "bacteria", formula = bact, r = bact_r,
      penalty = "flic"),
  ask("trt-flic-cr1-fixed", "trt", c("placebo", "drug"), data = "bacteria", formula = bact,
      r = bact_r, cluster = "ID", penalty = "flic", covariates = "fixed"),
  ask("trt-flac", "trt", c("placebo", "drug"), data = "bacteria", formula = bact, r = bact_r,
      penalty = "flac"),
  ask("treat", "treat", c("P", "A"), data = "respiratory", formula = resp, r = resp_r,
      cluster = "patient"),
  ask("treat-weights", "treat", c("P", "A"), data = "respiratory", formula = resp, r = resp_r,
      cluster = "patient", weights = "w_part"),
  ask("treat-women", "treat", c("P", "A"), data = "respiratory", formula = resp, r = resp_r,
      cluster = "patient", at = list(sex = "F")),
  ask("eyes", "trt", c(0, 1), data = "retinopathy",
      formula = "status ~ trt * C(type) + C(laser, ref='xenon') + risk",
      r = "status ~ trt * type + laser + risk", cluster = "id"),
  ask("month", "month", c(0, 3, 12), data = "toenail", formula = "severe ~ treatment * month",
      r = "severe ~ treatment * month", cluster = "id"),
  ask("period", "period", c("1", "2", "3", "4"), data = "cows", formula = "sick ~ C(period)",
      r = "sick ~ period", cluster = "herd"),
  ask("children", "k5", c(0, 1, 2), data = "mroz",
      formula = "works ~ k5 + rcs(age, k=4) + wc + lwg + inc",
      r = "works ~ k5 + rcs(age, 4) + wc + lwg + inc"),
  ask("stage-weights", "stage", c("1", "2", "3", "4"), data = "wilms",
      formula = "rel ~ C(stage) + histol + age", r = "rel ~ stage + histol + age", weights = "w",
      covariates = "fixed"),
  ask("copper", "Cu", c("Cu000", "Cu035", "Cu175"), data = "pigs",
      formula = "heavy ~ Cu + Start + C(Time)", r = "heavy ~ Cu + Start + Time",
      cluster = "Litter", offset = "known"))

set_to <- function(data, columns) {
  for (name in names(columns)) {
    value <- columns[[name]]
    data[[name]] <- if (is.factor(data[[name]]))
      factor(rep(value, nrow(data)), levels(data[[name]])) else rep(value, nrow(data))
  }
  data
}
designs_of <- function(q, m) {
  terms <- delete.response(terms(m$fit))
  lapply(q$values, function(value) {
    new <- set_to(m$data, c(q$at, setNames(list(value), q$exposure)))
    model.matrix(terms, model.frame(terms, new, xlev = m$fit$xlevels), m$fit$contrasts)
  })
}
means_of <- function(b, X, m) sapply(X, function(x)
  weighted.mean(plogis(drop(x %*% b + m$o)), m$w))
# stacked: scores of the model and w (risk - mean), summed in clusters
stacked <- function(q, k, m, X) {
  p <- length(m$b)
  each <- function(theta) {
    b <- theta[1:p]; mu <- theta[-(1:p)]
    risk <- plogis(drop(m$X %*% b + m$o))
    cbind(m$X * (m$w * (m$y - risk)),
          sapply(seq_along(X), function(a) m$w * (plogis(drop(X[[a]] %*% b + m$o)) - mu[a])))
  }
  theta <- c(m$b, means_of(m$b, X, m))
  bread <- solve(jacobian(function(t) colSums(each(t)), theta))
  groups <- if (is.null(k$cluster)) seq_len(nrow(m$X)) else m$data[[k$cluster]]
  meat <- crossprod(rowsum(each(theta), groups))
  G <- length(unique(groups))
  V <- (bread %*% meat %*% t(bread))[-(1:p), -(1:p)]
  list(V = V, G = G)
}
gformula <- function(q) {
  k <- q$case; m <- setup(k); v <- covariance(k, m); X <- designs_of(q, m)
  mu <- means_of(m$b, X, m)
  D <- jacobian(function(b) means_of(b, X, m), m$b)
  V <- D %*% v$V %*% t(D)
  if (q$covariates == "sampled") {
    own <- sapply(seq_along(X), function(a)
      m$w / sum(m$w) * (plogis(drop(X[[a]] %*% m$b + m$o)) - mu[a]))
    n <- nrow(m$X); p <- ncol(m$X)
    if (is.null(k$vcov) && is.null(k$cluster)) V <- V + crossprod(own) * n / (n - 1)
    else {
      found <- stacked(q, k, m, X)
      factor <- if (is.null(k$cluster)) n / (n - 1) else
        if (identical(k$vcov, "CR0")) NA else found$G / (found$G - 1)
      # the part of the coefficients has the factor of its own covariance, the rest G / (G - 1)
      alone <- k; alone$vcov <- "CR0"
      raw <- if (is.null(k$cluster)) covariance(k, m)$V * (n - p) / n else covariance(alone, m)$V
      rest <- found$V - D %*% raw %*% t(D)
      V <- V + rest * (if (is.na(factor)) found$G / (found$G - 1) else factor)
    }
  }
  r <- q$reference; others <- setdiff(seq_along(mu), r); df <- min(v$df)
  t <- qt(0.975, df); se <- function(J) sqrt(diag(J %*% V %*% t(J)))
  unit <- diag(length(mu))
  risk_se <- se(unit); logit <- risk_se / (mu * (1 - mu))
  rd <- mu[others] - mu[r]
  rd_se <- se(unit[others, , drop = FALSE] - unit[rep(r, length(others)), , drop = FALSE])
  logs <- diag(1 / mu)
  rr <- log(mu[others] / mu[r])
  rr_se <- se(logs[others, , drop = FALSE] - logs[rep(r, length(others)), , drop = FALSE])
  cat(k$id, "\n")
  data.frame(case = k$id, measure = rep(c("risk", "risk_difference", "risk_ratio"),
      c(length(mu), length(others), length(others))),
    level = as.character(q$values)[c(seq_along(mu), others, others)],
    estimate = c(mu, rd, exp(rr)), std_error = c(risk_se, rd_se, rr_se),
    conf_low = c(plogis(qlogis(mu) - t * logit), rd - t * rd_se, exp(rr - t * rr_se)),
    conf_high = c(plogis(qlogis(mu) + t * logit), rd + t * rd_se, exp(rr + t * rr_se)))
}
risks <- do.call(rbind, lapply(questions, gformula))
write.csv(risks, "standardised/risks.csv", row.names = FALSE)

## packages ---------------------------------------------------------------------------------
tight <- glm.control(epsilon = 1e-15, maxit = 100)
predmeans <- function(id, design, formula, factor) {
  p <- svypredmeans(svyglm(formula, design, family = quasibinomial(), control = tight), factor)
  data.frame(case = id, level = names(coef(p)), estimate = as.numeric(coef(p)),
             fixed = sqrt(diag(attr(vcov(p), "parts")[[1]])))
}
survey <- rbind(
  predmeans("trt", svydesign(ids = ~ID, weights = ~1, data = sets$bacteria), positive ~ week,
            ~trt),
  predmeans("period", svydesign(ids = ~herd, weights = ~1, data = sets$cows), sick ~ 1, ~period),
  predmeans("copper", svydesign(ids = ~Litter, weights = ~1, data = sets$pigs),
            heavy ~ Start + Time, ~Cu))
write.csv(survey, "standardised/survey.csv", row.names = FALSE)
simple <- glm(low ~ race + age + lwt + smoke, binomial, sets$birthwt, control = tight)
effect <- ate(simple, data = sets$birthwt, treatment = "race", verbose = FALSE)
write.csv(data.frame(a = effect$diffRisk$A, b = effect$diffRisk$B,
  estimate = effect$diffRisk$estimate, std_error = effect$diffRisk$se),
  "standardised/ate.csv", row.names = FALSE)

## partial effects --------------------------------------------------------------------------
# contrast rows of the model matrix at each value and at the reference
partial <- function(id, k, variable, values, reference, at) {
  m <- setup(k); v <- covariance(k, m); terms <- delete.response(terms(m$fit))
  row <- function(value) {
    new <- set_to(m$data[rep(1, 1), ], c(at, setNames(list(value), variable)))
    model.matrix(terms, model.frame(terms, new, xlev = m$fit$xlevels), m$fit$contrasts)
  }
  C <- do.call(rbind, lapply(values, function(x) row(x) - row(reference)))
  est <- drop(C %*% m$b); se <- sqrt(diag(C %*% v$V %*% t(C))); t <- qt(0.975, min(v$df))
  data.frame(effect = id, case = k$id, variable = variable, level = as.character(values),
             reference = as.character(reference), estimate = est, std_error = se,
             conf_low = est - t * se, conf_high = est + t * se)
}
by_id <- setNames(lapply(questions, `[[`, "case"), sapply(questions, function(q) q$case$id))
extra <- list(
  case("age-bs", "birthwt", "low ~ bs(age, df=5) * smoke", "low ~ bs(age, df = 5) * smoke"),
  case("age-ns", "birthwt", "low ~ ns(age, df=4) + smoke", "low ~ ns(age, df = 4) + smoke"),
  case("age-rcs", "birthwt", "low ~ rcs(age, k=5) + smoke", "low ~ rcs(age, 5) + smoke"),
  case("age-poly", "birthwt", "low ~ poly(age, degree=2) * C(race, ref='white')",
       "low ~ poly(age, 2) * race"))
by_id <- c(by_id, setNames(extra, sapply(extra, `[[`, "id")))
effects <- rbind(
  partial("weight", by_id[["race"]], "lwt", c(90, 110, 130, 200, 260), 120, list()),
  partial("race among smokers", by_id[["race"]], "race", c("white", "black", "other"), "white",
          list(smoke = 1)),
  partial("bs", by_id[["age-bs"]], "age", c(15, 20, 30, 44), 22, list(smoke = 1)),
  partial("ns", by_id[["age-ns"]], "age", c(12, 20, 30, 50), 22, list()),
  partial("rcs", by_id[["age-rcs"]], "age", c(12, 20, 30, 50), 22, list()),
  partial("poly", by_id[["age-poly"]], "age", c(15, 20, 35), 25, list(race = "black")),
  partial("treatment of women", by_id[["treat"]], "treat", c("P", "A"), "P", list(sex = "F")),
  partial("month", by_id[["month"]], "month", c(0, 6, 12), 0, list(treatment = 1)),
  partial("age, hazard", by_id[["children"]], "age", c(30, 45, 60), 40, list()))
effects$effect[effects$effect == "age, hazard"] <- "age of working women"
write.csv(effects, "standardised/effects.csv", row.names = FALSE)

packages <- c("brglm2", "sandwich", "clubSandwich", "rms", "splines", "numDeriv", "survey",
              "riskRegression", "jsonlite")
write_json(list(
  command = "cd tests/reference && Rscript make_standardised.R", r = R.version.string,
  packages = lapply(setNames(packages, packages), function(p) as.character(packageVersion(p))),
  convergence = list(glm = "epsilon 1e-15, maxit 200", derivatives = "numDeriv, Richardson"),
  questions = questions, extra = extra,
  effects = unique(effects[c("effect", "case", "variable", "reference")]),
  settings = list(`race among smokers` = list(smoke = 1), bs = list(smoke = 1),
    poly = list(race = "black"), `treatment of women` = list(sex = "F"),
    month = list(treatment = 1))),
  "standardised/manifest.json", auto_unbox = TRUE, pretty = TRUE, null = "null")
