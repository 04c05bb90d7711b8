# Reference values for multiple imputation, from R.
#
#   cd tests/reference && Rscript make_imputation.R [pooling|draws]
#
# Writes into imputation/:
#   <set>.csv      five data sets completed by mice, one under the other (column .imp)
#   pooled.csv     pool() and pool.scalar() of fits at tight convergence, per case and coefficient
#   tests.csv      joint tests D1 (mice::D1 and mitml::testConstraints)
#   clip.csv       combined profile intervals, by brute force: every profile maximised by optim(),
#                  their mean distribution solved by uniroot()
#   incomplete.csv, draws.csv   a data set with gaps, and what mice draws for them (mean over
#                  imputations and its spread), for a comparison within Monte-Carlo error
#   manifest.json  cases, versions, settings
suppressPackageStartupMessages({
  library(mice); library(mitml); library(survival); library(MASS); library(sandwich)
  library(geepack); library(brglm2); library(jsonlite)
})
options(digits = 17, warn = 1)
what <- commandArgs(TRUE); if (!length(what)) what <- c("pooling", "draws")
M <- 5
tight <- glm.control(epsilon = 1e-15, maxit = 200)
tight_cox <- coxph.control(eps = 1e-13, iter.max = 100, toler.chol = 1e-14)
put <- function(x, name) write.csv(x, file.path("imputation", paste0(name, ".csv")), row.names = FALSE)

completed <- function(data, name, seed, ...) {
  imp <- mice(data, m = M, maxit = 5, seed = seed, printFlag = FALSE, ...)
  long <- complete(imp, "long")
  put(long[names(long) != ".id"], name)
  lapply(seq_len(M), function(i) complete(imp, i))
}

if ("pooling" %in% what) {
  ## data -----------------------------------------------------------------------------------
  pima <- Pima.tr2; pima$type <- as.integer(pima$type == "Yes")
  pima_sets <- completed(pima, "pima", 1)
  teens <- subset(boys, age > 8, c(age, hgt, bmi, hc, tv, reg))
  teens_sets <- completed(teens, "teens", 2)
  # whether a volume is imputed as large varies between data sets
  teens_sets <- lapply(teens_sets, function(d) transform(d, large = as.integer(tv >= 12)))
  liver <- pbc[c("time", "status", "age", "bili", "albumin", "chol", "stage", "hepato", "trig")]
  liver_sets <- completed(liver, "liver", 3)
  lungs <- lung[!is.na(lung$inst), c("inst", "time", "status", "age", "sex", "ph.ecog", "wt.loss", "meal.cal")]
  names(lungs) <- gsub(".", "_", names(lungs), fixed = TRUE)
  lungs$status <- lungs$status - 1
  lungs <- lungs[order(lungs$inst), ]
  lungs_sets <- completed(lungs, "lungs", 4)
  data(endometrial, package = "brglm2")
  womb <- endometrial; womb$PI[seq(2, 79, 5)] <- NA; womb$EH[seq(3, 79, 7)] <- NA
  womb_sets <- completed(womb, "womb", 5)
  ov <- ovarian[c("futime", "fustat", "age", "resid.ds", "rx")]
  names(ov)[4] <- "residual"; ov$age[seq(3, 26, 4)] <- NA; ov$residual[c(5, 12, 19)] <- NA
  ov_sets <- completed(ov, "ovary", 6)

  ## pooling --------------------------------------------------------------------------------
  pooled <- tests <- NULL; cases <- list()
  add <- function(id, set, kind, formula, q, u, df, joint, extra = list()) {
    qs <- sapply(q, identity); terms <- rownames(qs)
    rows <- lapply(seq_along(terms), function(j) {
      uj <- sapply(u, function(v) v[j, j])
      s <- pool.scalar(qs[j, ], uj, n = if (is.finite(df)) df + 1 else Inf, k = 1)
      data.frame(case = id, term = terms[j], estimate = s$qbar, std_error = sqrt(s$t),
                 within = s$ubar, between = s$b, increase = s$r, df = s$df, fmi = s$fmi)
    })
    pooled <<- rbind(pooled, do.call(rbind, rows))
    for (name in names(joint)) {
      # constraints are parsed as expressions, so coefficients get plain names
      plain <- paste0("b", seq_along(terms)); named <- qs; rownames(named) <- plain
      around <- simplify2array(lapply(u, unname)); dimnames(around) <- list(plain, plain, NULL)
      t <- testConstraints(qhat = named, uhat = around, constraints = plain[match(joint[[name]], terms)],
                           method = "D1", df.com = if (is.finite(df)) df)
      tests <<- rbind(tests, data.frame(case = id, test = name, terms = paste(joint[[name]], collapse = "|"),
                      statistic = t$test[1, 1], df1 = t$test[1, 2], df2 = t$test[1, 3], p = t$test[1, 4]))
    }
    cases[[length(cases) + 1]] <<- c(list(id = id, set = set, kind = kind, formula = formula), extra)
  }
  fits_of <- function(sets, f) lapply(sets, function(d) eval(f, list(d = d)))
  run <- function(id, set, sets, kind, formula, f, joint, v = vcov, df = Inf, extra = list()) {
    fits <- fits_of(sets, f)
    q <- lapply(fits, coef)
    u <- lapply(fits, function(x) { m <- v(x); dimnames(m) <- list(names(coef(x)), names(coef(x))); m })
    add(id, set, kind, formula, q, u, df, joint, extra)
    fits
  }
  logit <- function(f) bquote(glm(.(f), binomial, d, control = tight))
  fits <- run("pima", "pima", pima_sets, "logistic", "type ~ npreg + glu + bp + skin + bmi + ped + age",
    logit(type ~ npreg + glu + bp + skin + bmi + ped + age),
    list(body = c("skin", "bmi"), one = "bp", all = c("npreg", "glu", "bp", "skin", "bmi", "ped", "age")))
  # the same by pool() and D1() themselves
  p <- summary(pool(fits, dfcom = Inf)); mine <- pooled[pooled$case == "pima", ]
  stopifnot(max(abs(p$std.error - mine$std_error)) < 1e-12, max(abs(p$df / mine$df - 1)) < 1e-6)
  null <- fits_of(pima_sets, logit(type ~ npreg + glu + bp + ped + age))
  d <- D1(as.mira(fits), as.mira(null), dfcom = 1e10)
  stopifnot(abs(d$result[1] / tests$statistic[tests$test == "body"] - 1) < 1e-6)
  run("pima-few", "pima", pima_sets, "logistic", "type ~ bmi * skin",
    logit(type ~ bmi * skin), list(both = c("skin", "bmi:skin")))
  run("pima-hc1", "pima", pima_sets, "logistic", "type ~ glu + skin + bmi", logit(type ~ glu + skin + bmi),
    list(body = c("skin", "bmi")), v = function(x) vcovHC(x, "HC1"),
    extra = list(vcov = "HC1"))
  run("teens", "teens", teens_sets, "logistic", "large ~ age + hgt + bmi + C(reg)",
    logit(large ~ age + hgt + bmi + reg), list(region = paste0("reg", c("east", "west", "south", "city"))))
  run("lungs", "lungs", lungs_sets, "logistic", "status ~ age + sex + ph_ecog + wt_loss + meal_cal",
    logit(status ~ age + sex + ph_ecog + wt_loss + meal_cal),
    list(weight = c("wt_loss", "meal_cal"), three = c("ph_ecog", "wt_loss", "meal_cal")),
    v = function(x) vcovCL(x, cluster = lungs$inst, type = "HC0", cadjust = TRUE),
    df = length(unique(lungs$inst)) - 1, extra = list(cluster = "inst"))
  cox <- function(f, ...) bquote(coxph(.(f), d, control = tight_cox))
  run("liver", "liver", liver_sets, "cox", "age + log(bili) + albumin + chol + C(stage)",
    cox(Surv(time, status == 2) ~ age + log(bili) + albumin + chol + factor(stage)),
    list(stage = paste0("factor(stage)", 2:4), two = c("albumin", "chol")),
    extra = list(cause = 2))
  run("liver-breslow", "liver", liver_sets, "cox", "log(chol) + log(trig) + hepato",
    bquote(coxph(Surv(time, status == 2) ~ log(chol) + log(trig) + hepato, d, ties = "breslow", control = tight_cox)),
    list(lipids = c("log(chol)", "log(trig)")), extra = list(cause = 2, ties = "breslow"))
  run("lungs-cox", "lungs", lungs_sets, "cox", "age + sex + ph_ecog + wt_loss",
    bquote(coxph(Surv(time, status) ~ age + sex + ph_ecog + wt_loss, d, cluster = inst, control = tight_cox)),
    list(two = c("ph_ecog", "wt_loss")), df = length(unique(lungs$inst)) - 1,
    extra = list(cluster = "inst", cause = 1))
  run("lungs-gee", "lungs", lungs_sets, "gee", "status ~ sex + ph_ecog + wt_loss",
    quote(geeglm(status ~ sex + ph_ecog + wt_loss, binomial, d, id = inst, corstr = "exchangeable",
                 control = geese.control(epsilon = 1e-12, maxit = 200))),
    list(two = c("ph_ecog", "wt_loss")), df = length(unique(lungs$inst)) - 1,
    extra = list(cluster = "inst"))
  put(pooled, "pooled"); put(tests, "tests")

  ## CLIP -----------------------------------------------------------------------------------
  # a maximum found by optim is improved until two searches agree
  climb <- function(f, start) {
    best <- optim(start, f, method = "BFGS", control = list(fnscale = -1, reltol = 1e-16, maxit = 2000))
    for (i in 1:20) {
      more <- optim(best$par, f, method = if (i %% 2) "Nelder-Mead" else "BFGS",
                    control = list(fnscale = -1, reltol = 1e-16, maxit = 4000))
      gain <- more$value - best$value; best <- more
      if (i %% 2 == 0 && gain < 1e-13) break
    }
    best
  }
  # glm's own maximum for a plain likelihood: quicker and exact
  profile_of <- function(value_at, start, j) function(b) {
    free <- seq_along(start) != j
    if (!any(free)) return(value_at(b))
    full <- start
    g <- function(p) { full[free] <- p; full[j] <- b; value_at(full) }
    if (sum(free) == 1) return(optimise(g, full[free] + c(-8, 8), maximum = TRUE, tol = 1e-12)$objective)
    climb(g, start[free])$value
  }
  clip <- function(value_at, starts, terms, level = 0.95) {
    m <- length(value_at)
    tops <- lapply(seq_len(m), function(l) climb(value_at[[l]], starts[[l]]))
    do.call(rbind, lapply(seq_along(terms), function(j) {
      prof <- lapply(seq_len(m), function(l) profile_of(value_at[[l]], tops[[l]]$par, j))
      F <- function(b) mean(sapply(seq_len(m), function(l)
        pnorm(sign(b - tops[[l]]$par[j]) * sqrt(2 * max(0, tops[[l]]$value - prof[[l]](b))))))
      mid <- mean(sapply(tops, function(t) t$par[j])); a <- (1 - level) / 2
      reach <- function(side) { k <- 1; while (side * (F(mid + side * k) - if (side < 0) a else 1 - a) < 0) k <- 2 * k; mid + side * k }
      solve_for <- function(p, side) uniroot(function(b) F(b) - p, sort(c(mid, reach(side))), tol = 1e-11)$root
      data.frame(term = terms[j], low = solve_for(a, -1), high = solve_for(1 - a, 1),
                 p = 2 * min(F(0), 1 - F(0)))
    }))
  }
  jeffreys <- function(X, y) function(b) {
    eta <- drop(X %*% b); p <- plogis(eta)
    sum(plogis(ifelse(y == 1, eta, -eta), log.p = TRUE)) + determinant(crossprod(X, p * (1 - p) * X))$modulus[1] / 2
  }
  plain <- function(X, y) function(b) sum(plogis(ifelse(y == 1, drop(X %*% b), -drop(X %*% b)), log.p = TRUE))
  cox_jeffreys <- function(f, d) function(b) {
    fit <- coxph(f, d, init = b, control = coxph.control(iter.max = 0))
    fit$loglik[2] - determinant(fit$var)$modulus[1] / 2
  }
  clips <- NULL
  scaled <- function(sets, f) lapply(sets, function(d) model.matrix(f, d))
  combine <- function(id, value, starts, terms) {
    made <- clip(value, starts, terms); clips <<- rbind(clips, cbind(case = id, made))
  }
  X <- scaled(womb_sets, ~ NV + PI + EH)
  starts <- lapply(womb_sets, function(d) coef(glm(HG ~ NV + PI + EH, binomial, d, method = "brglm_fit", type = "MPL_Jeffreys")))
  combine("womb-firth", lapply(X, jeffreys, y = womb$HG), starts, colnames(X[[1]]))
  X <- scaled(womb_sets, ~ PI + EH)
  starts <- lapply(womb_sets, function(d) coef(glm(HG ~ PI + EH, binomial, d)))
  combine("womb-plain", lapply(X, plain, y = womb$HG), starts, colnames(X[[1]]))
  f <- Surv(futime, fustat) ~ age + residual
  combine("ovary-firth", lapply(ov_sets, function(d) cox_jeffreys(f, d)),
          lapply(ov_sets, function(d) coef(coxph(f, d))), c("age", "residual"))
  put(clips, "clip")
  write_json(list(
    command = "cd tests/reference && Rscript make_imputation.R", r = R.version.string,
    packages = sapply(c("mice", "mitml", "survival", "MASS", "sandwich", "geepack", "brglm2", "jsonlite"),
                      function(p) as.character(packageVersion(p)), simplify = FALSE),
    convergence = list(glm = "epsilon 1e-15, maxit 200", coxph = "eps 1e-13, iter.max 100",
      geeglm = "epsilon 1e-12, maxit 200", clip = "optim reltol 1e-16, uniroot tol 1e-11"),
    imputations = M, data = list(pima = "MASS Pima.tr2", teens = "mice boys, older than 8",
      liver = "survival pbc", lungs = "survival lung", womb = "brglm2 endometrial, values deleted",
      ovary = "survival ovarian, values deleted", incomplete = "survival pbc, values deleted"),
    cases = cases), file.path("imputation", "manifest.json"), auto_unbox = TRUE, pretty = TRUE)
}

if ("draws" %in% what) {
  ## what mice draws ------------------------------------------------------------------------
  d <- pbc[c("time", "status", "age", "sex", "bili", "albumin", "chol", "copper", "trig", "platelet",
             "protime", "stage", "hepato")]
  d$bili <- log(d$bili); d$copper <- log(d$copper); d$chol <- log(d$chol)
  d$died <- as.integer(d$status == 2)
  d$hazard <- nelsonaalen(d, time, died)
  # a nominal and an ordered variable with gaps that depend on nothing
  d$stage[seq(1, nrow(d), 4)] <- NA
  bands <- cut(d$protime, quantile(d$protime, 0:4 / 4, na.rm = TRUE), include.lowest = TRUE)
  d$clotting <- as.integer(bands); d$clotting[seq(3, nrow(d), 5)] <- NA
  d$albumin[d$age > 55 & seq_len(nrow(d)) %% 3 == 0] <- NA  # gaps that depend on age
  put(d[c("time", "died", "age", "sex", "bili", "albumin", "chol", "copper", "trig", "platelet",
          "clotting", "stage", "hepato")], "incomplete")
  use <- d[c("age", "sex", "bili", "albumin", "chol", "copper", "trig", "platelet", "clotting", "stage",
             "hepato", "died", "hazard")]
  use$stage <- factor(use$stage); use$clotting <- factor(use$clotting, ordered = TRUE)
  use$hepato <- factor(use$hepato)
  imp <- mice(use, m = 300, maxit = 10, seed = 7, printFlag = FALSE)
  print(imp$method)
  stats_of <- function(c) {
    gap <- function(v) is.na(use[[v]])
    fit <- coxph(Surv(d$time, d$died) ~ albumin + chol + copper +
      (stage == "4") + (clotting == "4"), c)
    numbers <- c("albumin", "chol", "copper", "trig", "platelet")
    out <- c(
      setNames(sapply(numbers, function(v) mean(c[[v]][gap(v)])), paste0("mean ", numbers)),
      setNames(sapply(numbers, function(v) sd(c[[v]][gap(v)])), paste0("sd ", numbers)),
      setNames(sapply(numbers, function(v) quantile(c[[v]][gap(v)], 0.9)), paste0("p90 ", numbers)),
      `cor chol copper` = cor(c$chol, c$copper), `cor albumin bili` = cor(c$albumin, c$bili),
      `share hepato` = mean(c$hepato[gap("hepato")] == "1"),
      sapply(c(`share stage 1` = "1", `share stage 3` = "3", `share stage 4` = "4"),
             function(v) mean(c$stage[gap("stage")] == v)),
      sapply(c(`share clotting 1` = "1", `share clotting 4` = "4"),
             function(v) mean(c$clotting[gap("clotting")] == v)),
      setNames(coef(fit), paste0("log hazard ratio ", c("albumin", "chol", "copper", "stage 4", "clotting 4"))))
    out
  }
  all <- sapply(seq_len(300), function(i) stats_of(complete(imp, i)))
  put(data.frame(stat = rownames(all), mean = rowMeans(all), spread = apply(all, 1, sd), m = 300), "draws")
}
