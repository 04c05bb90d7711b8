# Reference values for conditional logistic regression: survival::clogit(method = "exact").
#
#   cd tests/reference && Rscript make_conditional.R
#
# Writes into conditional/: the data sets, cases.csv, tests.csv, manifest.json. Robust errors exist
# in R for one event per stratum alone, where Breslow's likelihood is the exact one.
suppressPackageStartupMessages({ library(survival); library(Epi); library(HSAUR3); library(jsonlite) })
options(digits = 17, warn = 1)
control <- coxph.control(eps = 1e-14, toler.chol = 1e-14, iter.max = 200)

data(bdendo, package = "Epi"); data(bdendo11, package = "Epi"); data(backpain, package = "HSAUR3")
infert$owner <- ifelse(infert$stratum > 40, infert$stratum - 40, infert$stratum)
infert$education <- as.character(infert$education)
text <- function(d) { d[] <- lapply(d, function(x) if (is.factor(x)) as.character(x) else x); d }
bdendo <- text(bdendo); bdendo11 <- text(bdendo11)
backpain$case <- as.integer(backpain$status == "case"); backpain <- text(backpain)
read <- function(folder, name) read.csv(file.path(folder, paste0(name, ".csv")))
toenail <- read("logistic_more", "toenail"); cows <- read("logistic_more", "cows")
retinopathy <- read("logistic", "retinopathy"); ohio <- read("logistic", "ohio")
verb <- read("logistic_more", "verb"); respiratory <- read("logistic", "respiratory")
sets <- list(infert = infert, bdendo = bdendo, bdendo11 = bdendo11, backpain = backpain)
for (name in names(sets))
  write.csv(sets[[name]], file.path("conditional", paste0(name, ".csv")), row.names = FALSE,
            na = "")
sets <- c(lapply(sets, text), list(toenail = toenail, cows = cows, retinopathy = retinopathy,
          ohio = ohio, verb = verb, respiratory = respiratory))
places <- c(infert = "conditional", bdendo = "conditional", bdendo11 = "conditional",
            backpain = "conditional", toenail = "logistic_more", cows = "logistic_more",
            retinopathy = "logistic", ohio = "logistic", verb = "logistic_more",
            respiratory = "logistic")
case <- function(id, data, formula, strata, cluster = NULL, r = formula, level = 0.95)
  list(id = id, data = data, folder = places[[data]], formula = formula, strata = strata,
       cluster = cluster, r = r, level = level)
cases <- list(
  case("infert", "infert", "case ~ spontaneous + induced", "stratum"),
  case("infert without intercept", "infert", "case ~ 0 + spontaneous + induced", "stratum",
       r = "case ~ spontaneous + induced", level = 0.9),
  case("infert categories", "infert", "case ~ C(spontaneous) * induced", "stratum",
       r = "case ~ factor(spontaneous) * induced"),
  case("infert clustered", "infert", "case ~ spontaneous + induced", "stratum",
       cluster = "owner"),
  case("bdendo", "bdendo", "d ~ est + gall + hyp + ob", "set"),
  case("bdendo dose", "bdendo", "d ~ C(cest) + gall + age", "set", r = "d ~ cest + gall + age"),
  case("bdendo pairs", "bdendo11", "d ~ est + gall", "set"),
  case("backpain", "backpain", "case ~ driver * suburban", "ID"),
  case("toenail within patients", "toenail", "severe ~ month + month:treatment", "id"),
  case("herds", "cows", "sick ~ C(period)", "herd", r = "sick ~ factor(period)"),
  case("eyes", "retinopathy", "status ~ trt * C(type) + risk", "id",
       r = "status ~ trt + risk + trt:I(type == 'juvenile')"),
  case("ohio", "ohio", "resp ~ age", "id"),
  case("verb", "verb", "yes ~ situation + mode", "id"),
  case("visits", "respiratory", "outcome ~ C(visit)", "patient", r = "outcome ~ factor(visit)"))
fits <- lapply(cases, function(k) {
  d <- sets[[k$data]]; d$.strata <- d[[k$strata]]
  f <- update(as.formula(k$r), . ~ . + strata(.strata))
  used <- complete.cases(d[c(all.vars(as.formula(k$r)), k$strata)]); d <- d[used, ]
  fit <- suppressWarnings(clogit(f, d, method = "exact", control = control))
  V <- vcov(fit)
  if (!is.null(k$cluster)) {
    d$.cluster <- d[[k$cluster]]; d$.one <- 1
    g <- update(as.formula(k$r), Surv(.one, .) ~ . + strata(.strata) + cluster(.cluster))
    V <- vcov(coxph(g, d, ties = "breslow", control = control))
  }
  b <- coef(fit); kept <- !is.na(b); b <- b[kept]; V <- V[kept, kept, drop = FALSE]
  y <- d[[all.vars(as.formula(k$r))[1]]]
  useful <- tapply(y, d$.strata, function(x) sum(x) > 0 & sum(x) < length(x))
  z <- qnorm(0.5 + k$level / 2); se <- sqrt(diag(V)); cat(k$id, "\n")
  list(rows = data.frame(case = k$id, r_name = names(b), estimate = b, std_error = se,
      conf_low = b - z * se, conf_high = b + z * se, p_value = 2 * pnorm(-abs(b / se)),
      log_likelihood = fit$loglik[2], null_log_likelihood = fit$loglik[1],
      strata = sum(useful), uninformative = sum(!useful)),
    wald = data.frame(case = k$id, q = length(b), statistic = drop(b %*% solve(V, b))))
})
write.csv(do.call(rbind, lapply(fits, `[[`, "rows")), "conditional/cases.csv", row.names = FALSE)
write.csv(do.call(rbind, lapply(fits, `[[`, "wald")), "conditional/tests.csv", row.names = FALSE)
packages <- c("survival", "Epi", "HSAUR3", "jsonlite")
write_json(list(command = "cd tests/reference && Rscript make_conditional.R",
  r = R.version.string,
  packages = lapply(setNames(packages, packages), function(p) as.character(packageVersion(p))),
  convergence = list(clogit = "eps 1e-14, toler.chol 1e-14"),
  data = list(infert = "datasets (Trichopoulos 1976)", bdendo = "Epi (Breslow and Day 1980)",
    bdendo11 = "Epi", backpain = "HSAUR3 (Kelsey and Hardy 1975)"), cases = cases),
  "conditional/manifest.json", auto_unbox = TRUE, pretty = TRUE, null = "null")
