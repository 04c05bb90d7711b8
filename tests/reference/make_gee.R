# Reference values for generalised estimating equations, from R at tight convergence.
#
#   cd tests/reference && Rscript make_gee.R
#
# Writes into gee/: the data sets, cases.csv (one row per case and coefficient) and manifest.json.
# Estimates, working correlation, scale, naive and sandwich covariances are geepack's; with
# independence the sandwich is checked against sandwich::vcovCL and Mancl and DeRouen's against
# clubSandwich's "CR3", which is the same estimator. For an exchangeable correlation no package has
# the corrections, so that the script writes them out, one cluster at a time.
suppressPackageStartupMessages({
  library(geepack); library(MASS); library(HSAUR3); library(lme4); library(mlmRev)
  library(sandwich); library(clubSandwich); library(jsonlite)
})
options(digits = 17, warn = 1)
dir.create("gee", showWarnings = FALSE)
# geeglm's default, the scale estimated (scale.fix = FALSE), without corrections for the number of
# coefficients; only the tolerance is tightened
control <- geese.control(epsilon = 1e-13, maxit = 1000)
# covariances near zero differ by more than variances, relative to themselves
check <- 1e-4

## data -------------------------------------------------------------------------------------
data(ohio, package = "geepack"); data(respiratory, package = "geepack")
data(dietox, package = "geepack"); data(muscatine, package = "geepack")
data(seizure, package = "geepack"); data(toenail, package = "HSAUR3")
data(schizophrenia2, package = "HSAUR3"); data(Contraception, package = "mlmRev")
bacteria$positive <- as.integer(bacteria$y == "y"); bacteria$y <- NULL
respiratory$patient <- paste(respiratory$center, respiratory$id, sep = "-")
heavy <- subset(dietox, select = c(Pig, Evit, Cu, Litter, Start, Time, Weight))
heavy$heavy <- as.integer(heavy$Weight > 25 + 6 * heavy$Time)
boys <- subset(muscatine, id %% 4 == 0, select = c(id, gender, base_age, age, numobese))
fits <- data.frame(
  patient = rep(seq_len(nrow(seizure)), 4), visit = rep(1:4, each = nrow(seizure)),
  trt = seizure$trt, age = seizure$age, base = seizure$base,
  many = as.integer(unlist(seizure[c("y1", "y2", "y3", "y4")]) > 4))
nails <- data.frame(patient = toenail$patientID, severe = as.integer(toenail$outcome != "none or mild"),
  treatment = toenail$treatment, time = toenail$time)
mind <- data.frame(subject = schizophrenia2$subject, onset = schizophrenia2$onset,
  disorder = as.integer(schizophrenia2$disorder == "present"), month = schizophrenia2$month)
use <- data.frame(district = Contraception$district, use = as.integer(Contraception$use == "Y"),
  age = Contraception$age, urban = Contraception$urban, livch = as.character(Contraception$livch))
cbpp_rows <- do.call(rbind, lapply(seq_len(nrow(cbpp)), function(i) data.frame(
  herd = cbpp$herd[i], period = cbpp$period[i],
  sick = rep(c(1, 0), c(cbpp$incidence[i], cbpp$size[i] - cbpp$incidence[i])))))
sets <- list(ohio = ohio, respiratory = respiratory, dietox = heavy, muscatine = boys,
             seizure = fits, toenail = nails, schizophrenia = mind, contraception = use,
             cbpp = cbpp_rows, bacteria = bacteria)
# weights and offset are made by rule, so that they need no generator; every other set is written
# in an order that tears clusters apart
for (name in names(sets)) {
  n <- nrow(sets[[name]])
  sets[[name]]$w <- 0.5 + (seq_len(n) * 7 %% 11) %% 5 / 4
  sets[[name]]$known <- ((seq_len(n) * 5) %% 9 - 4) / 10
  if (which(names(sets) == name) %% 2 == 0) sets[[name]] <- sets[[name]][order((seq_len(n) * 37) %% 101), ]
  write.csv(sets[[name]], file.path("gee", paste0(name, ".csv")), row.names = FALSE, na = "")
}

## cases ------------------------------------------------------------------------------------
formulas <- list( # as vpstats takes them, as R takes them, and the cluster
  ohio = c("resp ~ age * smoke", "resp ~ age * smoke", "id"),
  respiratory = c("outcome ~ C(treat, ref='P') + sex + age + baseline + C(center)",
    "outcome ~ relevel(factor(treat), 'P') + sex + age + baseline + factor(center)", "patient"),
  dietox = c("heavy ~ C(Cu) + C(Evit) + Time + Start", "heavy ~ factor(Cu) + factor(Evit) + Time + Start",
    "Pig"),
  muscatine = c("numobese ~ C(gender, ref='M') * age + base_age",
    "numobese ~ relevel(factor(gender), 'M') * age + base_age", "id"),
  seizure = c("many ~ trt * base + age + visit", "many ~ trt * base + age + visit", "patient"),
  toenail = c("severe ~ C(treatment, ref='itraconazole') * time",
    "severe ~ relevel(factor(treatment), 'itraconazole') * time", "patient"),
  schizophrenia = c("disorder ~ C(onset) * month", "disorder ~ factor(onset) * month", "subject"),
  contraception = c("use ~ age + I(age**2) + urban + C(livch)", "use ~ age + I(age^2) + urban + factor(livch)",
    "district"),
  cbpp = c("sick ~ C(period)", "sick ~ factor(period)", "herd"),
  bacteria = c("positive ~ C(trt, ref='placebo') + week",
    "positive ~ relevel(factor(trt), 'placebo') + week", "ID"))
case <- function(data, structure, vcov, weights = FALSE, offset = FALSE)
  list(id = paste(c(data, structure, vcov, if (weights) "weights", if (offset) "offset"),
                  collapse = "-"),
       data = data, formula = formulas[[data]][1], r = formulas[[data]][2],
       cluster = formulas[[data]][3], structure = structure, vcov = vcov,
       weights = if (weights) "w", offset = if (offset) "known")
cases <- c(
  unlist(lapply(names(sets), function(d) lapply(c("CR0", "CR1", "MD", "KC", "model"),
    function(v) case(d, "exchangeable", v))), recursive = FALSE),
  unlist(lapply(names(sets), function(d) lapply(c("CR0", "CR1", "CR2", "MD", "KC"),
    function(v) case(d, "independence", v))), recursive = FALSE),
  unlist(lapply(c("ohio", "respiratory", "seizure", "cbpp"), function(d)
    unlist(lapply(list(c(TRUE, FALSE), c(FALSE, TRUE), c(TRUE, TRUE)), function(o)
      c(lapply(c("CR0", "MD", "KC", "model"), function(v)
          case(d, "exchangeable", v, o[1], o[2])),
        lapply(c("CR1", "MD"), function(v) case(d, "independence", v, o[1], o[2])))),
      recursive = FALSE)), recursive = FALSE))

## fits -------------------------------------------------------------------------------------
root <- function(A, power) { # of a matrix that is similar to a symmetric one
  s <- eigen(A)
  Re(s$vectors %*% diag(Re(s$values)^power, nrow(A)) %*% solve(s$vectors))
}
corrected <- function(fit, X, y, w, ids, alpha, power) {
  mu <- fitted(fit); v <- mu * (1 - mu)
  parts <- lapply(split(seq_along(y), ids), function(i) {
    R <- matrix(alpha, length(i), length(i)); diag(R) <- 1
    A <- diag(sqrt(v[i] / w[i]), length(i))
    list(D = v[i] * X[i, , drop = FALSE], Vi = solve(A %*% R %*% A), r = (y - mu)[i])
  })
  M <- solve(Reduce(`+`, lapply(parts, function(p) t(p$D) %*% p$Vi %*% p$D)))
  S <- Reduce(`+`, lapply(parts, function(p) {
    H <- p$D %*% M %*% t(p$D) %*% p$Vi
    s <- t(p$D) %*% p$Vi %*% root(diag(nrow(H)) - H, -power) %*% p$r
    s %*% t(s)
  }))
  M %*% S %*% M
}
rows <- do.call(rbind, lapply(cases, function(k) {
  data <- sets[[k$data]]
  data <- data[complete.cases(data[all.vars(as.formula(k$r))]), ]
  data$.id <- as.integer(factor(data[[k$cluster]], unique(data[[k$cluster]])))
  data <- data[order(data$.id), ]
  data$.w <- if (is.null(k$weights)) 1 else data$w
  data$.o <- if (is.null(k$offset)) 0 else data$known
  formula <- update(as.formula(k$r), . ~ . + offset(.o))
  fit <- suppressWarnings(eval(bquote(geeglm(.(formula), family = binomial(), data = data,
    weights = .w, id = .id, corstr = .(k$structure), control = control))))
  X <- model.matrix(fit); y <- as.numeric(fit$y); b <- coef(fit); p <- length(b)
  alpha <- if (k$structure == "independence") 0 else unname(fit$geese$alpha)
  G <- length(unique(data$.id)); df <- rep(G - 1, p)
  V <- fit$geese$vbeta
  # geepack's own sandwich, so that the algebra of the script is checked by it
  stopifnot(max(abs(corrected(fit, X, y, data$.w, data$.id, alpha, 0) / V - 1)) < check)
  plain <- suppressWarnings(eval(bquote(glm(.(formula), family = binomial(), data = data,
    weights = .w, control = glm.control(epsilon = 1e-15, maxit = 200)))))
  if (k$vcov == "CR1") V <- V * G / (G - 1)
  if (k$vcov == "model") { V <- fit$geese$vbeta.naiv; df <- rep(Inf, p) }
  if (k$vcov %in% c("MD", "KC")) {
    V <- corrected(fit, X, y, data$.w, data$.id, alpha, if (k$vcov == "MD") 1 else 0.5)
    df <- rep(G - p, p)
    if (k$vcov == "MD" && k$structure == "independence") {
      other <- as.matrix(vcovCR(plain, cluster = data$.id, type = "CR3"))
      cat("  against CR3:", max(abs(other / V - 1)), "\n")
    }
  }
  if (k$structure == "independence" && k$vcov %in% c("CR0", "CR1")) {
    other <- vcovCL(plain, cluster = data$.id, type = "HC0", cadjust = k$vcov == "CR1")
    stopifnot(max(abs(other / V - 1)) < check)
  }
  if (k$vcov == "CR2") {
    cr2 <- vcovCR(plain, cluster = data$.id, type = "CR2")
    V <- as.matrix(cr2)
    test <- coef_test(plain, vcov = cr2, test = "Satterthwaite")
    df <- if (is.null(test$df_Satt)) test$df else test$df_Satt
  }
  se <- sqrt(diag(V)); q <- qt(0.975, df)
  cat(k$id, "\n")
  data.frame(case = k$id, position = seq_len(p) - 1, r_name = names(b), estimate = b,
    std_error = se, df = df, p_value = 2 * pt(-abs(b / se), df), conf_low = b - q * se,
    conf_high = b + q * se, correlation = alpha, scale = unname(fit$geese$gamma), n = nrow(data),
    n_clusters = G)
}))
write.csv(rows, "gee/cases.csv", row.names = FALSE)

packages <- c("geepack", "MASS", "HSAUR3", "lme4", "mlmRev", "sandwich", "clubSandwich", "jsonlite")
versions <- lapply(setNames(packages, packages), function(p) as.character(packageVersion(p)))
write_json(list(
  command = "cd tests/reference && Rscript make_gee.R", r = R.version.string,
  packages = versions,
  convergence = list(geeglm = "epsilon 1e-13, maxit 1000, scale.fix FALSE (the default)",
    glm = "epsilon 1e-15, maxit 200"),
  data = list(ohio = "geepack", respiratory = "geepack", dietox = "geepack, weight against age",
    muscatine = "geepack, every fourth child", seizure = "geepack, more than four seizures",
    toenail = "HSAUR3 (De Backer et al. 1998)", schizophrenia = "HSAUR3 (Davis 2002)",
    contraception = "mlmRev (Huq and Cleland 1990)", cbpp = "lme4, one row per animal",
    bacteria = "MASS"),
  cases = cases), "gee/manifest.json", auto_unbox = TRUE, pretty = TRUE, null = "null")
