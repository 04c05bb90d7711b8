# Reference values for logistic regression: shapes of formulas, and options together.
#
#   cd tests/reference && Rscript make_logistic_forms.R
#
# Reads data that make_logistic.R wrote; writes into logistic_forms/: cases.csv, tests.csv,
# predictions.csv and manifest.json. Firth's fit of a spline times a factor has columns so nearly
# dependent that its score never falls to rounding; terms without their main effects, models without
# intercept, and two clusters with weights are here too.
suppressPackageStartupMessages({
  library(brglm2); library(sandwich); library(clubSandwich); library(rms); library(splines)
  library(jsonlite)
})
options(digits = 17, warn = 1)
source("logistic_functions.R")
dir.create("logistic_forms", showWarnings = FALSE)
read <- function(name) read.csv(file.path("logistic", paste0(name, ".csv")))
sets <- list(birthwt = read("birthwt"), respiratory = read("respiratory"))
sets$birthwt$race <- relevel(factor(sets$birthwt$race), "white")
sets$respiratory$treat <- relevel(factor(sets$respiratory$treat), "P")
race <- "C(race, ref='white')"
cases <- list(
  case("spline-times-firth", "birthwt", "low ~ bs(lwt, df=6) * smoke", "low ~ bs(lwt, df = 6) * smoke",
       penalty = "firth"),
  case("spline-times-flac", "birthwt", "low ~ bs(lwt, df=5) * smoke", "low ~ bs(lwt, df = 5) * smoke",
       penalty = "flac", offset = "known", intervals = "profile"),
  case("slopes-alone", "birthwt", paste0("low ~ smoke:", race, " + age"), "low ~ smoke:race + age"),
  case("no-intercept", "birthwt", paste0("low ~ 0 + ", race, " + lwt"), "low ~ 0 + race + lwt",
       vcov = "HC1", weights = "w_part"),
  case("no-intercept-firth", "birthwt", paste0("low ~ 0 + ", race, " + lwt"), "low ~ 0 + race + lwt",
       penalty = "firth", intervals = "profile"),
  case("pairs-firth", "birthwt", "low ~ (age + smoke + ht)**2", "low ~ (age + smoke + ht)^2",
       penalty = "firth", weights = "w_whole", vcov = "HC1"),
  case("few-clusters-CR2", "birthwt", paste0("low ~ poly(age, 2) + ", race), "low ~ poly(age, 2) + race",
       cluster = "ftv", vcov = "CR2", weights = "w_part"),
  case("within-others", "birthwt", paste0("low ~ smoke + ", race, " + smoke:ui"),
       "low ~ smoke + race + smoke:ui", offset = "known"),
  case("two-way-weights", "respiratory", "outcome ~ C(treat, ref='P') * sex + bs(age, df=4)",
       "outcome ~ treat * sex + bs(age, df = 4)", cluster = c("patient", "visit"), weights = "w_part"),
  case("CR2-factor", "respiratory", "outcome ~ C(treat, ref='P') * sex + C(visit)",
       "outcome ~ treat * sex + factor(visit)", cluster = "patient", vcov = "CR2"),
  case("natural-spline", "birthwt", "low ~ ns(lwt, df=4) * smoke + ns(age, df=2)",
       "low ~ ns(lwt, df = 4) * smoke + ns(age, df = 2)", weights = "w_part"),
  case("natural-spline-firth", "respiratory", "outcome ~ ns(age, df=3) + C(treat, ref='P')",
       "outcome ~ ns(age, df = 3) + treat", penalty = "firth"),
  case("natural-spline-CR2", "respiratory", "outcome ~ ns(age, knots=[20, 30, 45]) + sex",
       "outcome ~ ns(age, knots = c(20, 30, 45)) + sex", cluster = "patient", vcov = "CR2"))
names(cases) <- sapply(cases, `[[`, "id")
write.csv(do.call(rbind, lapply(cases, case_rows)), "logistic_forms/cases.csv", row.names = FALSE)
tests <- rbind( # a whole term by the names of its coefficients is the term
  together("race-by-name", cases[["few-clusters-CR2"]], "race[T.other];race[T.black]", 4:5),
  together("visit-by-name", cases[["CR2-factor"]], "visit[T.2];visit[T.3];visit[T.4]", 4:6),
  together("visit", cases[["CR2-factor"]], "visit", 4:6),
  together("natural", cases[["natural-spline-CR2"]], "ns(age, knots=[20, 30, 45])", 2:5),
  together("spline-firth", cases[["spline-times-firth"]], "bs(lwt, df=6):smoke", 9:14),
  together("slopes", cases[["slopes-alone"]],
           "smoke:race[white];smoke:race[black];smoke:race[other]", 3:5))
write.csv(tests, "logistic_forms/tests.csv", row.names = FALSE)
predictions <- do.call(rbind, lapply(c("slopes-alone", "spline-times-firth", "natural-spline"), function(id) {
  k <- cases[[id]]; m <- setup(k); v <- covariance(k, m)
  eta <- drop(m$X %*% m$b + m$o); se <- sqrt(rowSums((m$X %*% v$V) * m$X)); z <- qnorm(0.975)
  data.frame(case = id, row = 0:29, estimate = plogis(eta)[1:30],
    std_error = (plogis(eta) * (1 - plogis(eta)) * se)[1:30], conf_low = plogis(eta - z * se)[1:30],
    conf_high = plogis(eta + z * se)[1:30], mean = weighted.mean(plogis(eta), m$w))
}))
write.csv(predictions, "logistic_forms/predictions.csv", row.names = FALSE)
packages <- c("brglm2", "sandwich", "clubSandwich", "rms", "splines", "jsonlite")
write_json(list(
  command = "cd tests/reference && Rscript make_logistic_forms.R", r = R.version.string,
  packages = lapply(setNames(packages, packages), function(p) as.character(packageVersion(p))),
  convergence = list(glm = "epsilon 1e-15, maxit 200",
    brglm2 = "type AS_mean, epsilon 1e-13, maxit 2000"),
  data = list(birthwt = "MASS, written by make_logistic.R",
    respiratory = "geepack, written by make_logistic.R"),
  cases = unname(cases)), "logistic_forms/manifest.json", auto_unbox = TRUE, pretty = TRUE, null = "null")
