# Reference values for logistic regression with random intercepts, from lme4 at tight convergence.
#
#   cd tests/reference && Rscript make_mixed.R
#
# Writes into mixed/: the data sets, cases.csv (one row per case and coefficient), scales.csv (one
# row per case and level), laplace.csv and modes.csv (conditional modes and their standard
# deviations) and manifest.json. Standard errors are glmer's default, from the second derivative of
# the deviance in coefficients and scales together, which lme4 takes by finite differences. With one
# node lme4 factors the curvature at weights of the iteration before the last, so that its deviance
# is off in the fifth digit after the point and its optimum with it; for those cases the script
# writes Laplace's likelihood out, with modes found to rounding, and climbs on from glmer's estimate.
suppressPackageStartupMessages({
  library(lme4); library(MASS); library(geepack); library(HSAUR3); library(mlmRev)
  library(Matrix); library(jsonlite)
})
options(digits = 17, warn = 1)
dir.create("mixed", showWarnings = FALSE)
control <- glmerControl(optimizer = "bobyqa", tolPwrss = 1e-12,
  optCtrl = list(rhobeg = 0.02, rhoend = 1e-9, maxfun = 1e6),
  check.conv.grad = "ignore", check.conv.hess = "ignore", check.conv.singular = "ignore")

## data -------------------------------------------------------------------------------------
data(ohio, package = "geepack"); data(respiratory, package = "geepack")
data(dietox, package = "geepack"); data(toenail, package = "HSAUR3")
data(schizophrenia2, package = "HSAUR3"); data(Contraception, package = "mlmRev")
data(guImmun, package = "mlmRev")
bacteria$positive <- as.integer(bacteria$y == "y"); bacteria$y <- NULL
respiratory$patient <- paste(respiratory$center, respiratory$id, sep = "-")
heavy <- subset(dietox, select = c(Pig, Evit, Cu, Litter, Start, Time, Weight))
heavy$heavy <- as.integer(heavy$Weight > 25 + 6 * heavy$Time)
nails <- data.frame(patient = toenail$patientID, severe = as.integer(toenail$outcome != "none or mild"),
  treatment = toenail$treatment, time = toenail$time)
mind <- data.frame(subject = schizophrenia2$subject, onset = schizophrenia2$onset,
  disorder = as.integer(schizophrenia2$disorder == "present"), month = schizophrenia2$month)
use <- data.frame(district = Contraception$district, use = as.integer(Contraception$use == "Y"),
  age = Contraception$age, urban = Contraception$urban, livch = as.character(Contraception$livch))
cbpp_rows <- do.call(rbind, lapply(seq_len(nrow(cbpp)), function(i) data.frame(
  herd = cbpp$herd[i], period = cbpp$period[i],
  sick = rep(c(1, 0), c(cbpp$incidence[i], cbpp$size[i] - cbpp$incidence[i])))))
birthwt$race <- c("white", "black", "other")[birthwt$race]
weight <- birthwt[c("low", "age", "lwt", "smoke", "ht", "ftv")]
immune <- data.frame(mother = guImmun$mom, community = guImmun$comm,
  immune = as.integer(guImmun$immun == "Y"), old = as.integer(guImmun$kid2p == "Y"),
  rural = guImmun$rural, indigenous = guImmun$pcInd81)
ticks <- data.frame(location = grouseticks$LOCATION, brood = grouseticks$BROOD,
  year = as.character(grouseticks$YEAR), height = grouseticks$cHEIGHT / 100,
  infested = as.integer(grouseticks$TICKS > 2))
verbal <- subset(VerbAgg, as.integer(id) <= 80)
verbal <- data.frame(person = verbal$id, yes = as.integer(verbal$r2 == "Y"), anger = verbal$Anger,
  gender = verbal$Gender, behaviour = verbal$btype, self = as.integer(verbal$situ == "self"))
sets <- list(cbpp = cbpp_rows, contraception = use, toenail = nails, bacteria = bacteria,
             ohio = ohio, respiratory = respiratory, schizophrenia = mind, verbal = verbal,
             dietox = heavy, immune = immune, ticks = ticks, birthwt = weight)
# weights and offset are made by rule, so that they need no generator; every other set is written
# in an order that tears groups apart
for (name in names(sets)) {
  n <- nrow(sets[[name]])
  sets[[name]]$w <- 1 + seq_len(n) %% 3
  sets[[name]]$known <- ((seq_len(n) * 5) %% 9 - 4) / 10
  if (which(names(sets) == name) %% 2 == 0) sets[[name]] <- sets[[name]][order((seq_len(n) * 37) %% 101), ]
  write.csv(sets[[name]], file.path("mixed", paste0(name, ".csv")), row.names = FALSE, na = "")
}

## cases ------------------------------------------------------------------------------------
models <- list( # as vpstats takes them, as R takes them, and the groups, the outer first
  cbpp = list("sick ~ C(period)", "sick ~ factor(period)", "herd"),
  contraception = list("use ~ age + I(age**2) + urban + C(livch)",
    "use ~ age + I(age^2) + urban + factor(livch)", "district"),
  toenail = list("severe ~ C(treatment, ref='itraconazole') * time",
    "severe ~ relevel(factor(treatment), 'itraconazole') * time", "patient"),
  bacteria = list("positive ~ C(trt, ref='placebo') + week",
    "positive ~ relevel(factor(trt), 'placebo') + week", "ID"),
  ohio = list("resp ~ age * smoke", "resp ~ age * smoke", "id"),
  respiratory = list("outcome ~ C(treat, ref='P') + sex + age + baseline + C(center)",
    "outcome ~ relevel(factor(treat), 'P') + sex + age + baseline + factor(center)", "patient"),
  schizophrenia = list("disorder ~ C(onset) * month", "disorder ~ factor(onset) * month", "subject"),
  verbal = list("yes ~ anger + C(gender) + C(behaviour) + self",
    "yes ~ anger + factor(gender) + factor(behaviour) + self", "person"),
  dietox = list("heavy ~ C(Cu) + Time", "heavy ~ factor(Cu) + Time", c("Litter", "Pig")),
  immune = list("immune ~ old + C(rural) + indigenous", "immune ~ old + factor(rural) + indigenous",
    c("community", "mother")),
  ticks = list("infested ~ C(year) + height", "infested ~ factor(year) + height",
    c("location", "brood")),
  birthwt = list("low ~ lwt + smoke", "low ~ lwt + smoke", "ftv"))
case <- function(data, nodes, weights = FALSE, offset = FALSE, group = models[[data]][[3]])
  list(id = paste(c(data, paste(group, collapse = "/"), nodes, if (weights) "weights",
                    if (offset) "offset"), collapse = "-"),
       data = data, formula = models[[data]][[1]], r = models[[data]][[2]], group = group,
       nodes = nodes, weights = if (weights) "w", offset = if (offset) "known")
single <- setdiff(names(models)[sapply(models, function(m) length(m[[3]]) == 1)], "birthwt")
cases <- c(
  unlist(lapply(single, function(d) lapply(c(1, 5, 25), function(k) case(d, k))), recursive = FALSE),
  list(case("cbpp", 25, TRUE), case("cbpp", 1, TRUE, TRUE), case("ohio", 25, FALSE, TRUE),
       case("bacteria", 11, TRUE, TRUE), case("respiratory", 2), case("respiratory", 1, TRUE),
       case("verbal", 9, FALSE, TRUE), case("dietox", 1, group = "Litter"),
       case("dietox", 25, group = "Pig"), case("immune", 25, group = "community"),
       case("immune", 1, group = "mother"), case("ticks", 7, group = "location"),
       case("dietox", 1), case("immune", 1), case("ticks", 1), case("ticks", 1, TRUE, TRUE),
       case("immune", 1, FALSE, TRUE), case("birthwt", 25), case("birthwt", 1)))

## fits -------------------------------------------------------------------------------------
fitted_case <- function(k) {
  data <- sets[[k$data]]
  data <- data[complete.cases(data[all.vars(as.formula(k$r))]), ]
  data$.w <- if (is.null(k$weights)) 1 else data$w
  data$.o <- if (is.null(k$offset)) 0 else data$known
  random <- paste0("(1 | ", paste(k$group, collapse = "/"), ")")
  for (g in k$group) data[[g]] <- factor(data[[g]])
  formula <- as.formula(paste(k$r, "+", random, "+ offset(.o)"))
  plain <- suppressWarnings(glm(update(as.formula(k$r), . ~ . + offset(.o)), binomial, data,
    weights = .w, control = glm.control(epsilon = 1e-15, maxit = 200)))
  fit <- eval(bquote(glmer(.(formula), data = data, family = binomial, weights = .w,
    nAGQ = .(k$nodes), control = control)))
  # once more from there, since bobyqa's last trust region may sit beside the top
  fit <- update(fit, start = list(theta = getME(fit, "theta"), fixef = fixef(fit)))
  list(fit = fit, plain = plain, n = nrow(data))
}
all <- lapply(cases, function(k) { t <- system.time(f <- fitted_case(k)); cat(k$id, t[3], "\n"); f })
rows <- do.call(rbind, Map(function(k, f) {
  b <- fixef(f$fit); se <- sqrt(diag(as.matrix(vcov(f$fit, use.hessian = TRUE))))
  data.frame(case = k$id, position = seq_along(b) - 1, r_name = names(b), estimate = b,
    std_error = se, log_likelihood = as.numeric(logLik(f$fit)),
    null = as.numeric(logLik(f$plain)), n = f$n)
}, cases, all))
write.csv(rows, "mixed/cases.csv", row.names = FALSE)

label <- function(k, level) if (level == 1) k$group[1] else paste(rev(k$group), collapse = ":")

## Laplace's likelihood, written out --------------------------------------------------------
laplace <- function(f) {
  fit <- f$fit; X <- getME(fit, "X"); Zt <- getME(fit, "Zt"); y <- getME(fit, "y")
  w <- weights(fit); o <- getME(fit, "offset"); Lt <- getME(fit, "Lambdat")
  at <- getME(fit, "Lind"); q <- length(getME(fit, "theta")); u <- numeric(nrow(Zt))
  function(par) {
    Lt@x <- par[seq_len(q)][at]
    ZL <- Lt %*% Zt; eta0 <- drop(X %*% par[-seq_len(q)]) + o
    for (i in 1:500) {
      p <- plogis(eta0 + drop(crossprod(ZL, u)))
      root <- Cholesky(tcrossprod(ZL %*% Diagonal(x = sqrt(w * p * (1 - p)))) + Diagonal(nrow(Zt)))
      step <- drop(solve(root, drop(ZL %*% (w * (y - p))) - u))
      u <<- u + step * min(1, 0.5 / max(abs(step)) / max(par[seq_len(q)]))
      if (max(abs(step)) < 1e-13) break
    }
    eta <- eta0 + drop(crossprod(ZL, u)); p <- plogis(eta)
    root <- Cholesky(tcrossprod(ZL %*% Diagonal(x = sqrt(w * p * (1 - p)))) + Diagonal(nrow(Zt)))
    sum(w * (y * eta - log1p(exp(eta)))) - sum(u^2) / 2 -
      as.numeric(determinant(root, sqrt = TRUE)$modulus)
  }
}
derivatives <- function(value, par, se) { # central differences, in units of the standard errors
  k <- length(par); h <- 3e-3; e <- diag(k) * h
  at <- function(d) value(par + d * se)
  top <- at(numeric(k)); ahead <- apply(e, 1, at); behind <- apply(e, 1, function(d) at(-d))
  H <- matrix(0, k, k)
  for (i in seq_len(k)) for (j in seq_len(i)) H[i, j] <- H[j, i] <- if (i == j)
    (ahead[i] - 2 * top + behind[i]) / h^2 else
    (at(e[i, ] + e[j, ]) - at(e[i, ] - e[j, ]) - at(e[j, ] - e[i, ]) + at(-e[i, ] - e[j, ])) / (4 * h^2)
  list(g = (ahead - behind) / (2 * h), H = H, value = top)
}
climbed <- do.call(rbind, Map(function(k, f) {
  theta <- getME(f$fit, "theta")
  if (k$nodes > 1 || min(theta) < 1e-4) return(NULL)
  value <- laplace(f); par <- c(theta, fixef(f$fit)); q <- length(theta)
  se <- sqrt(diag(solve(f$fit@optinfo$derivs$Hessian / 2)))
  for (i in 1:6) { # Newton steps, halved until they rise
    d <- derivatives(value, par, se); step <- drop(solve(-d$H, d$g)) * se; share <- 1
    while (value(par + share * step) < d$value && share > 1e-3) share <- share / 2
    if (share > 1e-3) par <- par + share * step
  }
  d <- derivatives(value, par, se); cat(k$id, "written out", max(abs(solve(-d$H, d$g))), "\n")
  order <- match(sapply(seq_len(q), function(l) label(k, l)), names(getME(f$fit, "flist")))
  # scales, the outer one first, stand at -q, ..., -1
  data.frame(case = k$id, position = c(order(order) - 1 - q, seq_along(par[-seq_len(q)]) - 1),
    estimate = par, std_error = se * sqrt(diag(solve(-d$H))), log_likelihood = d$value)
}, cases, all))
write.csv(climbed, "mixed/laplace.csv", row.names = FALSE)

scales <- do.call(rbind, Map(function(k, f) do.call(rbind, lapply(seq_along(k$group), function(l) {
  v <- VarCorr(f$fit)[[label(k, l)]]
  data.frame(case = k$id, level = l - 1, group = k$group[l], sd = attr(v, "stddev")[[1]],
    n_groups = nlevels(getME(f$fit, "flist")[[label(k, l)]]))
})), cases, all))
# the standard error of a standard deviation, from the same second derivative
scales$std_error <- unlist(Map(function(k, f) {
  h <- f$fit@optinfo$derivs$Hessian / 2
  q <- length(k$group)
  order <- match(sapply(seq_len(q), function(l) label(k, l)), names(getME(f$fit, "flist")))
  sqrt(diag(solve(h)))[seq_len(q)][order]
}, cases, all))
write.csv(scales, "mixed/scales.csv", row.names = FALSE)
shown <- c("cbpp-herd-25", "contraception-district-1", "bacteria-ID-25", "respiratory-patient-5",
           "cbpp-herd-1-weights-offset", "dietox-Litter/Pig-1", "ticks-location/brood-1")
modes <- do.call(rbind, Map(function(k, f) if (k$id %in% shown)
  do.call(rbind, lapply(seq_along(k$group), function(l) {
    r <- ranef(f$fit, condVar = TRUE)[[label(k, l)]]
    data.frame(case = k$id, group = k$group[l], id = rownames(r), mode = r[[1]],
      sd = sqrt(as.numeric(attr(r, "postVar"))))
  })), cases, all))
write.csv(modes, "mixed/modes.csv", row.names = FALSE)

packages <- c("lme4", "MASS", "geepack", "HSAUR3", "mlmRev", "jsonlite")
versions <- lapply(setNames(packages, packages), function(p) as.character(packageVersion(p)))
write_json(list(
  command = "cd tests/reference && Rscript make_mixed.R", r = R.version.string,
  packages = versions,
  convergence = list(glmer = "bobyqa, rhoend 1e-9, tolPwrss 1e-12, started twice",
    glm = "epsilon 1e-15, maxit 200"),
  data = list(cbpp = "lme4, one row per animal", contraception = "mlmRev (Huq and Cleland 1990)",
    toenail = "HSAUR3 (De Backer et al. 1998)", bacteria = "MASS", ohio = "geepack",
    respiratory = "geepack", schizophrenia = "HSAUR3 (Davis 2002)", verbal = "lme4, 80 persons",
    dietox = "geepack, weight against age", immune = "mlmRev (Rodriguez and Goldman 2001)",
    ticks = "lme4, more than two ticks (Elston et al. 2001)",
    birthwt = "MASS, grouped by visits: no variance between groups"),
  cases = lapply(cases, function(k) { k$group <- I(k$group); k })),
  "mixed/manifest.json", auto_unbox = TRUE, pretty = TRUE, null = "null")
