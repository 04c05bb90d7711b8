# Follow-up of the data-quality report, in R: reverse Kaplan-Meier by survfit(Surv(t, 1 - d)), its
# median with log-log limits, and Clark's C by its definition (time seen over time that could have
# been seen; whoever died was followed completely).
#
#   Rscript tests/reference/make_quality.R
#
# No data set says how long each person could have been followed. That time is made here by a rule
# that anybody can repeat: the time seen, and for every third censored row half as much again.

suppressPackageStartupMessages(library(survival))
library(KMsurv)
data(larynx, bmt, package = "KMsurv")

out <- "tests/reference/quality"
dir.create(out, showWarnings = FALSE, recursive = TRUE)

possible <- function(time, died) {
  late <- died == 0 & seq_along(time) %% 3 == 0
  time + ifelse(late, ceiling(time / 2), 0)
}

sets <- list(
  lung = with(survival::lung, data.frame(
    center = ifelse(is.na(inst), "none", sprintf("I%02d", inst %% 4)),
    time = time, died = as.integer(status == 2))),
  veteran = with(survival::veteran, data.frame(
    center = as.character(celltype), time = ceiling(time), died = status)),
  colon = with(subset(survival::colon, etype == 2), data.frame(
    center = as.character(rx), time = time, died = status)),
  larynx = with(larynx, data.frame(
    center = sprintf("S%d", stage), time = ceiling(365 * time), died = delta)),
  bmt = with(bmt, data.frame(
    center = sprintf("G%d", group), time = t1, died = d1)),
  mgus = with(survival::mgus, data.frame(
    center = as.character(sex), time = futime, died = death))
)

expected <- list()
for (name in names(sets)) {
  rows <- sets[[name]]
  rows$potential <- possible(rows$time, rows$died)
  write.csv(rows, file.path(out, paste0(name, ".csv")), row.names = FALSE, quote = FALSE)
  for (group in c(sort(unique(rows$center)), "network")) {
    own <- if (group == "network") rows else rows[rows$center == group, ]
    fit <- survfit(Surv(time, 1 - died) ~ 1, data = own, conf.type = "log-log")
    q <- quantile(fit, 0.5)
    whole <- sum(ifelse(own$died == 1, own$time, own$potential))
    expected[[length(expected) + 1]] <- data.frame(
      data = name, center = group, n = nrow(own), median = unname(q$quantile),
      conf_low = unname(q$lower), conf_high = unname(q$upper),
      clark_c = 100 * sum(own$time) / whole)
  }
}
write.csv(do.call(rbind, expected), file.path(out, "expected.csv"), row.names = FALSE, quote = FALSE)

writeLines(jsonlite::toJSON(list(
  command = "Rscript tests/reference/make_quality.R",
  r = paste(R.version$major, R.version$minor, sep = "."),
  packages = list(survival = as.character(packageVersion("survival")),
                  KMsurv = as.character(packageVersion("KMsurv")))),
  auto_unbox = TRUE, pretty = TRUE), file.path(out, "manifest.json"))
