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
source("logistic_functions.R")

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

rows <- do.call(rbind, lapply(cases, case_rows))
write.csv(rows, "logistic/cases.csv", row.names = FALSE)

## several coefficients together ------------------------------------------------------------
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
