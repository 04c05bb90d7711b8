# Reference values for log-rank tests of completed data sets, pooled.
#
#   cd tests/reference && Rscript make_pooled_tests.R
#
# Reads the data sets that make_imputation.R completed, and writes imputation/curve_tests.json.
# survival::survdiff gives the differences of observed and expected events and their covariance in
# each data set; Peto's one-step estimates of these are tested together by mitml's D1.
suppressPackageStartupMessages({ library(survival); library(mitml); library(jsonlite) })
options(digits = 17, warn = 1)
case <- function(id, set, duration, event, cause, by, rho = 0, strata = NULL)
  list(id = id, set = set, duration = duration, event = event, cause = cause, by = by, rho = rho,
       strata = strata)
cases <- list(
  case("liver by stage", "liver", "time", "status", 2, "stage"),
  case("liver by stage, early", "liver", "time", "status", 2, "stage", rho = 1),
  case("liver by hepatomegaly", "liver", "time", "status", 2, "hepato"),
  case("liver by stage within hepatomegaly", "liver", "time", "status", 2, "stage",
       strata = "hepato"),
  case("liver, transplanted, by stage", "liver", "time", "status", 1, "stage"),
  case("lungs by performance", "lungs", "time", "status", 1, "ph_ecog"),
  case("ovary by residual", "ovary", "futime", "fustat", 1, "residual"))
found <- lapply(cases, function(k) {
  long <- read.csv(file.path("imputation", paste0(k$set, ".csv")), check.names = FALSE)
  long$.time <- long[[k$duration]]; long$.event <- long[[k$event]] == k$cause
  right <- c(k$by, if (!is.null(k$strata)) paste0("strata(", k$strata, ")"))
  formula <- as.formula(paste("Surv(.time, .event) ~", paste(right, collapse = " + ")))
  tests <- lapply(split(long, long$.imp), function(d) {
    s <- survdiff(formula, d, rho = k$rho)
    apart <- rowSums(as.matrix(s$obs)) - rowSums(as.matrix(s$exp))
    V <- solve(s$var[-1, -1, drop = FALSE])
    list(q = drop(V %*% apart[-1]), u = V, chisq = s$chisq, groups = length(apart))
  })
  g <- tests[[1]]$groups - 1; names <- paste0("b", seq_len(g))
  q <- sapply(tests, `[[`, "q"); q <- matrix(q, nrow = g, dimnames = list(names, NULL))
  u <- array(sapply(tests, `[[`, "u"), c(g, g, length(tests)), list(names, names, NULL))
  t <- testConstraints(qhat = q, uhat = u, constraints = names, method = "D1")$test
  cat(k$id, t, "\n")
  c(k, list(statistic = t[1, 1], df = t[1, 2], df_residual = t[1, 3], p_value = t[1, 4],
            chisq = sapply(tests, `[[`, "chisq")))
})
versions <- sapply(c("survival", "mitml", "jsonlite"), function(p) as.character(packageVersion(p)))
write_json(list(command = "cd tests/reference && Rscript make_pooled_tests.R",
  r = R.version.string, packages = as.list(versions), cases = found),
  "imputation/curve_tests.json", auto_unbox = TRUE, pretty = TRUE, digits = NA, null = "null")
