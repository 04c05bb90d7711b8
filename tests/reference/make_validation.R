# Validation of predictions: pROC, rms and riskRegression on data that R packages ship.
#
#   Rscript tests/reference/make_validation.R tests/reference/validation
#
# Risks are made here and written beside the outcomes, so that only the measures are compared, and
# where a model is refitted R's own fit at tight convergence is the oracle.

suppressPackageStartupMessages({
  library(pROC); library(rms); library(survival); library(MASS); library(riskRegression)
  library(jsonlite)
})
out <- commandArgs(trailingOnly = TRUE)[1]
dir.create(out, showWarnings = FALSE, recursive = TRUE)
options(digits = 17)
tight <- glm.control(epsilon = 1e-14, maxit = 100)

binary <- list()
add_binary <- function(name, y, risk) {
  write.csv(data.frame(y = y, risk = risk), file.path(out, paste0("binary_", name, ".csv")),
            row.names = FALSE)
  r <- roc(y, risk, quiet = TRUE, direction = "<", levels = c(0, 1))
  score <- qlogis(risk)
  large <- glm(y ~ 1, offset = score, family = binomial, control = tight)
  slope <- glm(y ~ score, family = binomial, control = tight)
  thresholds <- c(0.1, 0.2, 0.35, 0.5)
  benefit <- sapply(thresholds, function(t)
    mean(risk >= t & y == 1) - mean(risk >= t & y == 0) * t / (1 - t))
  binary[[name]] <<- list(
    auc = as.numeric(auc(r)), auc_variance = as.numeric(var(r, method = "delong")),
    brier = mean((y - risk)^2), scaled = 1 - mean((y - risk)^2) / (mean(y) * (1 - mean(y))),
    intercept = unname(coef(large)), slope = unname(coef(slope)[2]),
    observed_expected = mean(y) / mean(risk), thresholds = thresholds, net_benefit = benefit)
}
b <- birthwt
fit <- glm(low ~ age + lwt + smoke + ht, binomial, b, control = tight)
add_binary("birthwt", b$low, fitted(fit))
half <- seq_len(nrow(b)) %% 2 == 0
other <- glm(low ~ age + lwt + smoke + ht, binomial, b[half, ], control = tight)
add_binary("birthwt_other", b$low, predict(other, b, type = "response"))
p <- rbind(Pima.tr, Pima.te)
fit <- glm(type ~ glu + bmi + age, binomial, p, control = tight)
add_binary("pima_rounded", as.integer(p$type == "Yes"), round(fitted(fit), 2) * 0.98 + 0.01)
s <- rpart::kyphosis
fit <- glm(Kyphosis ~ Age + Start, binomial, s, control = tight)
add_binary("kyphosis", as.integer(s$Kyphosis == "present"), fitted(fit))

# a horizon: Score with the Kaplan-Meier model of censoring
horizon <- list()
add_horizon <- function(name, d, causes, formula, times) {
  cox <- CSC(formula, data = d, surv.type = "hazard",
             control = coxph.control(eps = 1e-12, iter.max = 100))
  for (t in times) {
    risk <- as.numeric(predictRisk(cox, newdata = d, times = t, cause = 1, product.limit = FALSE))
    id <- paste0(name, "_", t)
    found <- Score(list(m = matrix(risk, ncol = 1)), formula = Hist(time, event) ~ 1, data = d,
                   times = t, cause = 1, cens.model = "km", se.fit = FALSE, summary = NULL,
                   metrics = c("auc", "brier"), null.model = TRUE)
    brier <- as.data.frame(found$Brier$score)
    write.csv(cbind(d, risk = risk), file.path(out, paste0("horizon_", id, ".csv")),
              row.names = FALSE)
    horizon[[id]] <<- list(
      time = t, covariates = all.vars(formula)[-(1:2)],
      auc = as.data.frame(found$AUC$score)$AUC,
      brier = brier$Brier[brier$model == "m"], null = brier$Brier[brier$model != "m"])
  }
}
m <- mgus2
m$time <- ifelse(m$pstat == 1, m$ptime, m$futime)
m$event <- ifelse(m$pstat == 1, 1, 2 * m$death)
m <- na.omit(m[c("time", "event", "age", "hgb", "mspike")])
add_horizon("mgus2", m, 2, Hist(time, event) ~ age + hgb + mspike, c(60, 120))
p <- pbc[c("time", "status", "age", "bili", "albumin")]
p$event <- c(0, 2, 1)[p$status + 1]
p <- na.omit(p[c("time", "event", "age", "bili", "albumin")])
p$bili <- log(p$bili)
add_horizon("pbc", p, 2, Hist(time, event) ~ age + bili + albumin, c(1000, 2500))
mel <- MASS::Melanoma
mel <- data.frame(time = mel$time, event = c(1, 0, 2)[mel$status], age = mel$age,
                  thick = log(mel$thickness), ulcer = mel$ulcer)
add_horizon("melanoma", mel, 2, Hist(time, event) ~ age + thick + ulcer, c(1500, 3000))

# optimism by rms::validate: the same quantity, other random draws
set.seed(20260101)
d <- rbind(Pima.tr, Pima.te)
d$y <- as.integer(d$type == "Yes")
d <- d[1:200, ]
f <- lrm(y ~ glu + bmi + age + npreg + bp + skin + ped, data = d, x = TRUE, y = TRUE)
v <- rms::validate(f, B = 4000)
write.csv(d, file.path(out, "optimism.csv"), row.names = FALSE)
optimism <- list(dxy = v["Dxy", "optimism"], brier = v["B", "optimism"],
                 slope = v["Slope", "index.corrected"])

writeLines(toJSON(list(binary = binary, horizon = horizon, optimism = optimism),
                  digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(out, "cases.json"))
versions <- sapply(c("pROC", "rms", "survival", "MASS", "riskRegression"),
                   function(p) as.character(packageVersion(p)))
writeLines(toJSON(list(R = R.version.string, packages = as.list(versions),
                       command = "Rscript tests/reference/make_validation.R tests/reference/validation"),
                  auto_unbox = TRUE, pretty = TRUE), file.path(out, "manifest.json"))
