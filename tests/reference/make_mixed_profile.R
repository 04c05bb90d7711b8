# Reference values for profile-likelihood intervals of models with random intercepts, from lme4.
#
#   cd tests/reference && Rscript make_mixed_profile.R
#
# Reads mixed/ (data and cases of make_mixed.R) and writes mixed/profiles.csv. glmer's deviance as a
# function of the standard deviation and the coefficients is minimised with one of them held, and the
# limit is where it has risen by the quantile of chi-squared. For some cases confint(method =
# "profile") stands beside it, which interpolates between a few points.
suppressPackageStartupMessages({ library(lme4); library(jsonlite) })
options(digits = 17, warn = 1)
manifest <- read_json("mixed/manifest.json", simplifyVector = FALSE)
wanted <- list("cbpp-herd-25" = 1:5, "bacteria-ID-25" = 1, "respiratory-patient-5" = 1:2,
  "ohio-id-25" = 1, "cbpp-herd-25-weights" = 1:2, "birthwt-ftv-25" = c(1, 3),
  "contraception-district-5" = 1, "verbal-person-9-offset" = 1)
own <- c("cbpp-herd-25", "bacteria-ID-25")
control <- glmerControl(optimizer = "bobyqa", tolPwrss = 1e-12,
  optCtrl = list(rhobeg = 0.02, rhoend = 1e-9, maxfun = 1e6), check.conv.grad = "ignore",
  check.conv.hess = "ignore", check.conv.singular = "ignore")
q <- qchisq(0.95, 1)
profile_of <- function(k) {
  data <- read.csv(file.path("mixed", paste0(k$data, ".csv")))
  data <- data[complete.cases(data[all.vars(as.formula(k$r))]), ]
  data$.w <- if (is.null(k$weights)) 1 else data$w
  data$.o <- if (is.null(k$offset)) 0 else data$known
  data[[k$group[[1]]]] <- factor(data[[k$group[[1]]]])
  formula <- as.formula(paste0(k$r, " + (1 | ", k$group[[1]], ") + offset(.o)"))
  fit <- eval(bquote(glmer(.(formula), data = data, family = binomial, weights = .w,
    nAGQ = .(k$nodes), control = control)))
  deviance <- update(fit, devFunOnly = TRUE)
  par <- c(getME(fit, "theta"), fixef(fit)); par[1] <- max(par[1], 1e-6)
  se <- sqrt(diag(solve(fit@optinfo$derivs$Hessian / 2)))
  se[!is.finite(se) | se > 5] <- 0.5
  lower <- c(0, rep(-Inf, length(par) - 1))
  top <- nlminb(par, deviance, lower = lower, scale = 1 / se,
                control = list(rel.tol = 1e-14, x.tol = 1e-10, iter.max = 1000, eval.max = 5000))
  best <- top$par; least <- top$objective
  held <- function(j, value) {
    start <- best[-j]; if (j > 1) start[1] <- max(start[1], 0.05)
    f <- function(x) { all <- best; all[j] <- value; all[-j] <- x; deviance(all) }
    nlminb(start, f, lower = lower[-j], scale = 1 / se[-j],
           control = list(rel.tol = 1e-14, x.tol = 1e-10, iter.max = 1000, eval.max = 5000))$objective
  }
  limit <- function(j, side) {
    gap <- function(v) held(j, v) - least - q
    if (j == 1 && side < 0 && gap(0) <= 0) return(0)
    far <- best[j] + side * 2 * se[j]; if (j == 1) far <- max(far, 0)
    while (gap(far) < 0) far <- far + side * se[j]
    uniroot(gap, sort(c(best[j], far)), tol = 1e-9)$root
  }
  rows <- do.call(rbind, lapply(wanted[[k$id]], function(j) data.frame(case = k$id,
    position = j - 2, estimate = best[j], low = limit(j, -1), high = limit(j, 1), scale = se[j])))
  rows$confint_low <- rows$confint_high <- NA
  if (k$id %in% own) {
    ci <- suppressWarnings(confint(fit, method = "profile", quiet = TRUE))
    rows$confint_low <- ci[wanted[[k$id]], 1]; rows$confint_high <- ci[wanted[[k$id]], 2]
  }
  cat(k$id, "\n"); rows
}
chosen <- Filter(function(k) k$id %in% names(wanted), manifest$cases)
write.csv(do.call(rbind, lapply(chosen, profile_of)), "mixed/profiles.csv", row.names = FALSE)
