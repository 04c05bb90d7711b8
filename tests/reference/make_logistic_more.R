# Reference values for logistic regression on further data sets: every covariance with every
# penalty, corrected predictions, and joint tests.
#
#   cd tests/reference && Rscript make_logistic_more.R
#
# Writes into logistic_more/: the data sets, cases.csv, tests.csv, predictions.csv, manifest.json.
# FLIC and FLAC are written from the paper (Puhr et al. 2017) on top of brglm2 and glm, in
# logistic_functions.R; FLAC's sandwich is that of the augmented rows.
suppressPackageStartupMessages({
  library(MASS); library(survival); library(lme4); library(mice); library(carData); library(geepack)
  library(brglm2); library(sandwich); library(clubSandwich); library(rms); library(splines)
  library(jsonlite)
})
options(digits = 17, warn = 1)
source("logistic_functions.R")

## data -------------------------------------------------------------------------------------
data(dietox, package = "geepack")
cows <- cbpp[rep(seq_len(nrow(cbpp)), cbpp$size), c("herd", "period")]
cows$sick <- unlist(mapply(function(i, n) rep(1:0, c(i, n - i)), cbpp$incidence, cbpp$size))
cows$herd <- paste0("h", cows$herd); cows$period <- as.character(cows$period)
cows$w <- 0.5 + (seq_len(nrow(cows)) * 7 %% 11) %% 5 / 4
pima <- rbind(Pima.tr2, Pima.te)
pima$diabetes <- as.integer(pima$type == "Yes"); pima$type <- NULL
biopsy$malignant <- as.integer(biopsy$class == "malignant"); biopsy$class <- NULL
mroz <- carData::Mroz; mroz$works <- as.integer(mroz$lfp == "yes"); mroz$lfp <- NULL
toenail <- mice::toenail
toenail$severe <- as.integer(toenail$outcome); toenail$outcome <- NULL
names(toenail)[names(toenail) == "ID"] <- "id"
verb <- droplevels(VerbAgg[as.integer(VerbAgg$id) <= 60, ])  # vcovCL counts unused levels
verb <- data.frame(yes = as.integer(verb$r2 == "Y"), anger = verb$Anger, gender = verb$Gender,
                   situation = verb$situ, mode = verb$mode, id = verb$id, item = verb$item)
pigs <- dietox[dietox$Time %in% c(4, 8, 12), c("Weight", "Cu", "Start", "Time", "Pig", "Litter")]
pigs$heavy <- as.integer(pigs$Weight > ave(pigs$Weight, pigs$Time, FUN = median)); pigs$Cu <- as.character(pigs$Cu)
pigs$Weight <- NULL
pigs$known <- (pigs$Time - 8) / 2
diabetic$status <- as.integer(diabetic$status)
wilms <- nwtco[nwtco$in.subcohort, c("rel", "stage", "histol", "age", "study")]
wilms$w <- 1 + (seq_len(nrow(wilms)) %% 4)
titanic <- carData::TitanicSurvival
titanic$survived <- as.character(titanic$survived); titanic$sex <- as.character(titanic$sex)
cgd0 <- cgd[cgd$enum == 1, c("status", "treat", "age", "inherit", "steroids", "center", "sex")]
sets <- list(cows = cows, pima = pima, biopsy = biopsy, mroz = mroz, toenail = toenail,
             verb = verb, pigs = pigs, diabetic = diabetic, wilms = wilms, titanic = titanic,
             cgd0 = cgd0)
for (name in names(sets))
  write.csv(sets[[name]], file.path("logistic_more", paste0(name, ".csv")), row.names = FALSE,
            na = "")
sets$titanic$survived <- as.integer(titanic$survived == "yes")

## cases ------------------------------------------------------------------------------------
herd <- "sick ~ C(period)"; herd_r <- "sick ~ factor(period)"
nail <- "severe ~ treatment * month"
feed <- "heavy ~ Cu + Start + C(Time)"; feed_r <- "heavy ~ Cu + Start + factor(Time)"
said <- "yes ~ anger + gender + C(situation, ref='other') * C(mode, ref='want')"
said_r <- "yes ~ anger + gender + relevel(factor(situation), 'other') * mode"
eye <- "status ~ trt + C(laser, ref='xenon') + rcs(age, k=3) + risk"
eye_r <- "status ~ trt + laser + rcs(age, 3) + risk"
sugar <- "diabetes ~ npreg + glu + bp + skin + bmi + ped + age"
work <- "works ~ k5 + k618 + rcs(age, k=4) + wc + hc + lwg + inc"
work_r <- "works ~ k5 + k618 + rcs(age, 4) + wc + hc + lwg + inc"
relapse <- "rel ~ C(stage) + histol + age"; relapse_r <- "rel ~ factor(stage) + histol + age"
sank <- "survived ~ sex * C(passengerClass) + bs(age, df=5)"
infection <- "status ~ treat + age + inherit + steroids"
every <- function(id, data, formula, r, cluster, weights = NULL, offset = NULL) {
  make <- function(penalty, vcov) case(
    paste(c(id, penalty, vcov), collapse = "-"), data, formula, r, penalty = penalty, vcov = vcov,
    cluster = cluster, weights = weights, offset = offset)
  c(lapply(c("CR0", "CR1", "CR2"), function(v) make(NULL, v)),
    unlist(lapply(c("firth", "flic", "flac"), function(p)
      lapply(c("CR0", "CR1"), function(v) make(p, v))), recursive = FALSE))
}
plain <- function(id, data, formula, r = formula, weights = NULL, offset = NULL)
  unlist(lapply(list(NULL, "firth", "flic", "flac"), function(p) {
    make <- function(vcov, intervals) case(
      paste(c(id, p, vcov, if (intervals == "profile") intervals), collapse = "-"), data, formula,
      r, penalty = p, vcov = vcov, intervals = intervals, weights = weights, offset = offset)
    list(make(NULL, "wald"), make("HC1", "wald"), make(NULL, "profile"))
  }), recursive = FALSE)
cases <- c(
  every("cows", "cows", herd, herd_r, "herd"),
  every("cows-weights", "cows", herd, herd_r, "herd", weights = "w"),
  every("toenail", "toenail", nail, nail, "id"),
  every("pigs-offset", "pigs", feed, feed_r, "Litter", offset = "known"),
  every("verb", "verb", said, said_r, "id"),
  every("diabetic", "diabetic", eye, eye_r, "id"),
  list(
    case("verb-two-way", "verb", said, said_r, vcov = "CR1", cluster = c("id", "item")),
    case("toenail-two-way", "toenail", nail, nail, vcov = "CR1", cluster = c("id", "visit")),
    case("titanic", "titanic", sank, "survived ~ sex * passengerClass + bs(age, df = 5)"),
    case("mroz", "mroz", work, work_r), case("mroz-hc1", "mroz", work, work_r, vcov = "HC1"),
    case("cgd-cr2", "cgd0", infection, cluster = "center", vcov = "CR2")),
  plain("pima", "pima", sugar), plain("cgd", "cgd0", infection),
  plain("wilms-weights", "wilms", relapse, relapse_r, weights = "w"),
  plain("biopsy", "biopsy", "malignant ~ V1 + V4 + V6 + V9"),
  plain("pigs-offset", "pigs", feed, feed_r, offset = "known"))
ids <- sapply(cases, `[[`, "id"); stopifnot(!anyDuplicated(ids))
by_id <- setNames(cases, ids)
rows <- do.call(rbind, lapply(cases, case_rows))
write.csv(rows, "logistic_more/cases.csv", row.names = FALSE)

## several coefficients together ------------------------------------------------------------
penalties <- c("", "-firth", "-flic", "-flac")
tests <- do.call(rbind, c(
  lapply(c("cows-CR2", "cows-weights-CR2", "cows-CR1", "cows-firth-CR1", "cows-flic-CR1",
           "cows-flac-CR0"), function(i) together(i, by_id[[i]], "period", 2:4)),
  list(together("toenail-both", by_id[["toenail-CR1"]], "treatment;treatment:month", c(2, 4)),
       together("verb-situation", by_id[["verb-CR2"]], "situation", 4),
       together("diabetic-spline", by_id[["diabetic-CR2"]], "rcs(age, k=3)", 4:5),
       together("mroz-spline", by_id[["mroz"]], "rcs(age, k=4)", 4:6)),
  lapply(paste0("wilms-weights", penalties), function(i) together(i, by_id[[i]], "stage", 2:4)),
  lapply(paste0("pigs-offset", penalties), function(i) together(i, by_id[[i]], "Cu", 2:3)),
  lapply(paste0("pima", penalties), function(i) together(i, by_id[[i]], "glu;bmi;age", c(3, 6, 8)))))
write.csv(tests, "logistic_more/tests.csv", row.names = FALSE)

## predictions ------------------------------------------------------------------------------
predictions <- do.call(rbind, lapply(
  c("cgd-flic", "cgd-flac", "pima-firth", "pima-flic", "pigs-offset-flac", "titanic", "mroz",
    "toenail-flic-CR1", "diabetic-CR1"), function(id) {
  k <- by_id[[id]]; m <- setup(k); v <- covariance(k, m)
  eta <- drop(m$X %*% m$b + m$o); se <- sqrt(rowSums((m$X %*% v$V) * m$X))
  z <- qt(0.975, min(v$df))
  first <- match(rownames(m$data)[1:30], rownames(sets[[k$data]])) - 1
  data.frame(case = id, row = first, estimate = plogis(eta)[1:30],
    std_error = (plogis(eta) * (1 - plogis(eta)) * se)[1:30], conf_low = plogis(eta - z * se)[1:30],
    conf_high = plogis(eta + z * se)[1:30], mean = weighted.mean(plogis(eta), m$w))
}))
write.csv(predictions, "logistic_more/predictions.csv", row.names = FALSE)

packages <- c("MASS", "survival", "lme4", "mice", "carData", "geepack", "brglm2", "sandwich",
              "clubSandwich", "rms", "splines", "jsonlite")
write_json(list(
  command = "cd tests/reference && Rscript make_logistic_more.R", r = R.version.string,
  packages = lapply(setNames(packages, packages), function(p) as.character(packageVersion(p))),
  convergence = list(glm = "epsilon 1e-15, maxit 200",
    brglm2 = "type AS_mean, epsilon 1e-13, maxit 2000",
    profile = "uniroot tol 1e-13 on constrained Newton maxima, decrement below 1e-24"),
  data = list(cows = "lme4 cbpp, one row per animal", pima = "MASS Pima.tr2 and Pima.te",
    biopsy = "MASS", mroz = "carData", toenail = "mice", verb = "lme4 VerbAgg, 60 persons",
    pigs = "geepack dietox, weight above the median of its week", diabetic = "survival",
    wilms = "survival nwtco, subcohort", titanic = "carData", cgd0 = "survival cgd, first records"),
  cases = cases), "logistic_more/manifest.json", auto_unbox = TRUE, pretty = TRUE, null = "null")
